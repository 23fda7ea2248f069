/* Snapshots of a shard. PROTOCOL section 12.6.
 *
 * A shard's state bytes (core/player.h) cut into chunks of MDL_CHUNK_BYTES, the
 * last one shorter, and a list that names them:
 *   "modulon snapshot v1", life u32, windows u32, shard u32, shards u32, size u64,
 *   BLAKE2b-256 of each chunk
 * So list and chunks are blobs known by their digests, and the size of each is known
 * from the experiment and the cut before anything is allocated. */
#ifndef MDL_PROTOCOL_SNAPSHOT_H
#define MDL_PROTOCOL_SNAPSHOT_H

#include "core/err.h"
#include "protocol/digest.h"

enum { MDL_CHUNK_BYTES = 1 << 20, MDL_SNAPSHOT_HEAD = 19 + 4 * 4 + 8 };

typedef struct mdl_snapshot {
    uint32_t life, windows, shard, shards;
    uint64_t size;         /* of the state                                     */
    uint32_t chunks;       /* ceil(size / MDL_CHUNK_BYTES)                       */
    const uint8_t *digest; /* [chunks][MDL_DIGEST_BYTES], in the list's bytes */
} mdl_snapshot;

/* Bytes of the list for a state of `size` bytes (1 or more). */
size_t mdl_snapshot_list_bytes(uint64_t size);
/* Cut state[size] into chunks and write their list to out[mdl_snapshot_list_bytes(size)]. */
void mdl_snapshot_list(uint32_t life, uint32_t windows, uint32_t shard, uint32_t shards, const uint8_t *state,
                       uint64_t size, uint8_t *out);
/* Read a list of a state that has `state_bytes` bytes (mdl_player_state_bytes()).
 * The result points into `bytes`. MDL_EMAGIC, MDL_ESIZE, MDL_ERANGE (shard >= shards,
 * no shards). */
mdl_err mdl_snapshot_read(const uint8_t *bytes, size_t size, uint64_t state_bytes, mdl_snapshot *s);
/* Bytes of chunk i. */
size_t mdl_snapshot_chunk_bytes(const mdl_snapshot *s, uint32_t i);
/* Whether these are chunk i: MDL_ERANGE (no such chunk), MDL_ESIZE, MDL_EDIGEST. */
mdl_err mdl_snapshot_chunk(const mdl_snapshot *s, uint32_t i, const uint8_t *bytes, size_t size);

#endif
