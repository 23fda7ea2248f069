/* Hashes of complete subtrees from the few that are stored. A store keeps leaf
 * hashes and every eighth level; the seven levels between are computed a tile
 * (256 neighbours) at a time and kept in a small cache. Pure. */
#ifndef MDL_STORE_TILES_H
#define MDL_STORE_TILES_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/merkle.h"

enum { MDL_TILES_STEP = 8 }; /* levels 0, 8, 16, ... are stored */

/* Where stored hashes come from: `n` (1..256) neighbours of level 8 * tile_level, from `first` on. */
typedef mdl_err (*mdl_tiles_fetch)(void *ctx, uint32_t tile_level, uint64_t first, uint32_t n, mdl_hash *out);

typedef struct mdl_tile_slot mdl_tile_slot;
typedef struct mdl_tile_key mdl_tile_key;
typedef struct mdl_tiles {
    mdl_tiles_fetch fetch;
    void *ctx;
    mdl_tile_slot *slots; /* about 1 MB */
    mdl_tile_key *keys;   /* of the slots */
    uint32_t recent[8];   /* slot that a tile level's last answer came from */
    uint64_t now;
} mdl_tiles;

/* MDL_ENOMEM. Pairs with mdl_tiles_close(), harmless after failure. */
mdl_err mdl_tiles_init(mdl_tiles *t, mdl_tiles_fetch fetch, void *ctx);
void mdl_tiles_close(mdl_tiles *t);

/* Hash of subtree `index` of `level` in a tree of `size` records; a later call may
 * name a larger size, never a smaller one. MDL_ERANGE: not complete. Else what
 * fetch returns. */
mdl_err mdl_tiles_node(mdl_tiles *t, uint64_t size, uint32_t level, uint64_t index, mdl_hash *out);

/* What mdl_merkle_append() tells of a subtree that is complete now, so that it need
 * not be fetched and computed again. All levels, in that order, or nothing. */
void mdl_tiles_seen(mdl_tiles *t, uint32_t level, uint64_t index, const mdl_hash *hash);
/* Forget everything: what was seen did not become durable. */
void mdl_tiles_forget(mdl_tiles *t);

#endif
