#include "store/tiles.h"

#include <stdlib.h>

enum { WIDTH = 1 << MDL_TILES_STEP, SLOTS = 64 };

/* Apart from the hashes: a search walks over all of them. */
struct mdl_tile_key {
    uint64_t index, used; /* used 0: empty */
    uint32_t tile_level, width;
};

struct mdl_tile_slot {
    mdl_hash node[2 * WIDTH - 2]; /* 256 hashes of level 0, then 128 of level 1, ... 2 of level 7 */
};

mdl_err mdl_tiles_init(mdl_tiles *t, mdl_tiles_fetch fetch, void *ctx) {
    *t = (mdl_tiles){.fetch = fetch, .ctx = ctx};
    t->slots = calloc(SLOTS, sizeof *t->slots);
    t->keys = calloc(SLOTS, sizeof *t->keys);
    if (!t->slots || !t->keys) {
        mdl_tiles_close(t);
        return MDL_ENOMEM;
    }
    return MDL_OK;
}

void mdl_tiles_close(mdl_tiles *t) {
    free(t->slots);
    free(t->keys);
    *t = (mdl_tiles){0};
}

static mdl_hash *node_at(mdl_tile_slot *slot, uint32_t level, uint32_t i) {
    return &slot->node[2u * WIDTH - (2u * WIDTH >> level) + i];
}

static int holds(const mdl_tile_key *k, uint32_t tile_level, uint64_t index) {
    return k->used > 0 && k->tile_level == tile_level && k->index == index;
}

/* The number of this tile's slot, or of the one longest unused, emptied. */
static uint32_t slot_of(mdl_tiles *t, uint32_t tile_level, uint64_t index) {
    uint32_t at = t->recent[tile_level], oldest = 0;
    if (!holds(&t->keys[at], tile_level, index)) {
        for (at = 0; at < SLOTS && !holds(&t->keys[at], tile_level, index); at++) {
            oldest = t->keys[at].used < t->keys[oldest].used ? at : oldest;
        }
    }
    if (at == SLOTS) {
        at = oldest;
        t->keys[at] = (mdl_tile_key){.index = index, .tile_level = tile_level};
    }
    t->keys[at].used = ++t->now;
    t->recent[tile_level] = at;
    return at;
}

/* Bring a tile to `width` hashes of its lowest level, and those above that they complete. */
static mdl_err fill(mdl_tiles *t, uint32_t at, uint32_t width) {
    mdl_tile_key *key = &t->keys[at];
    mdl_tile_slot *slot = &t->slots[at];
    uint32_t old = key->width;
    if (old >= width) {
        return MDL_OK;
    }
    mdl_err e = t->fetch(t->ctx, key->tile_level, key->index * WIDTH + old, width - old, node_at(slot, 0, old));
    if (e != MDL_OK) {
        return e;
    }
    for (uint32_t level = 1; level < MDL_TILES_STEP; level++) {
        for (uint32_t i = old >> level; i < width >> level; i++) {
            mdl_merkle_node(node_at(slot, level - 1, 2 * i), node_at(slot, level - 1, 2 * i + 1),
                            node_at(slot, level, i));
        }
    }
    key->width = width;
    return MDL_OK;
}

mdl_err mdl_tiles_node(mdl_tiles *t, uint64_t size, uint32_t level, uint64_t index, mdl_hash *out) {
    if (level >= MDL_MERKLE_LEVELS || index >= size >> level) {
        return MDL_ERANGE;
    }
    uint32_t r = level % MDL_TILES_STEP;
    uint64_t tile = index >> (MDL_TILES_STEP - r), there = (size >> (level - r)) - tile * WIDTH;
    uint32_t at = slot_of(t, level / MDL_TILES_STEP, tile);
    mdl_err e = fill(t, at, there < WIDTH ? (uint32_t)there : WIDTH);
    if (e == MDL_OK) {
        *out = *node_at(&t->slots[at], r, (uint32_t)(index % (WIDTH >> r)));
    }
    return e;
}

void mdl_tiles_seen(mdl_tiles *t, uint32_t level, uint64_t index, const mdl_hash *hash) {
    uint32_t r = level % MDL_TILES_STEP;
    uint64_t tile = index >> (MDL_TILES_STEP - r);
    uint32_t at = slot_of(t, level / MDL_TILES_STEP, tile), i = (uint32_t)(index - (tile << (MDL_TILES_STEP - r)));
    mdl_tile_key *key = &t->keys[at];
    if (r == 0 && key->width == i) {
        *node_at(&t->slots[at], 0, i) = *hash;
        key->width++;
    } else if (r > 0 && key->width >= (i + 1) << r) {
        *node_at(&t->slots[at], r, i) = *hash;
    } /* else it was emptied meanwhile, and fill() gets it */
}

void mdl_tiles_forget(mdl_tiles *t) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        t->keys[i] = (mdl_tile_key){0};
    }
}
