/* A window of a shard on the wire: what goes in, what comes out, what is committed
 * to. PROTOCOL sections 12.2 and 12.3. Pure; all sizes are known before anything is allocated. */
#ifndef MDL_PROTOCOL_SHARD_WINDOW_H
#define MDL_PROTOCOL_SHARD_WINDOW_H

#include "protocol/boundary.h"
#include "protocol/digest.h"

/* --- out: from the shard ---
 * Bytes of an output: activity i64, value i64, novelty i64; from the shard that has region 0
 * the readouts, f32 each; then the packed activity of each region that it sends,
 * ascending. */

/* The most bytes of an output of this shard. */
size_t mdl_shard_output_max(const mdl_experiment *x, const uint32_t *owner, uint32_t shard);
/* Of the player's last window, to out[mdl_shard_output_max()]. Returns the bytes used. */
size_t mdl_shard_output(const mdl_player *p, uint8_t *out);

/* Where a region's packed activity stands. */
typedef struct mdl_packed {
    const uint8_t *at;
    size_t size;
} mdl_packed;

/* Read and check an output. `*out` is the shard's, to be summed up; packed[r] is
 * set for each region r that it sends and points into `bytes`; other entries are
 * left alone. MDL_ESIZE, MDL_ESYNTAX, MDL_ERANGE: this shard cannot have it; then
 * `out` and `packed` are undefined. */
mdl_err mdl_shard_output_read(const mdl_experiment *x, const mdl_activity_rule *rule, const uint32_t *owner,
                              uint32_t shard, const uint8_t *bytes, size_t size, mdl_window_out *out,
                              mdl_packed packed[MDL_REGIONS_MAX]);

/* --- in: to the shard ---
 * Bytes of an input: the modulatory state (SPEC 6.3); for the shard that has
 * region 0 the observations, f32 each; then, but for window 0, the packed activity
 * in the window before of each region that it hears, ascending. */

/* The most bytes of an input of this shard. */
size_t mdl_shard_input_max(const mdl_experiment *x, const uint32_t *owner, uint32_t shard);
/* The next window's, to out[mdl_shard_input_max()]: packed[r] holds the window
 * before of every region (not read in window 0). Returns the bytes used. */
size_t mdl_shard_input(const mdl_conductor *c, const uint32_t *owner, uint32_t shard,
                       const mdl_packed packed[MDL_REGIONS_MAX], uint8_t *out);
/* Read and check an input for the player's next window, `heard` included, and run
 * it. MDL_ESIZE, MDL_ESYNTAX, MDL_ERANGE, and MDL_EMISMATCH for another window than
 * the player's next; then no window is run, and another input may follow. */
mdl_err mdl_shard_input_run(mdl_player *p, const uint8_t *bytes, size_t size);

/* --- commitments --- */

/* BLAKE2b-256 of a region's canonical bytes, region[i] of the player. */
void mdl_region_digest(const mdl_player *p, uint32_t i, uint8_t out[MDL_DIGEST_BYTES]);
/* BLAKE2b-256 of the digests of the shard's regions in order. */
void mdl_shard_state_digest(const uint8_t (*region)[MDL_DIGEST_BYTES], uint32_t count, uint8_t out[MDL_DIGEST_BYTES]);
/* Both for a player; `region` [shard.count], or NULL. */
void mdl_player_state_digest(const mdl_player *p, uint8_t (*region)[MDL_DIGEST_BYTES], uint8_t out[MDL_DIGEST_BYTES]);

typedef struct mdl_window_commit {
    uint32_t life, window; /* of the job; run, from 0                            */
    uint32_t shard, shards;
    uint8_t output[MDL_DIGEST_BYTES]; /* BLAKE2b-256 of the window's output bytes   */
    uint8_t state[MDL_DIGEST_BYTES];  /* after it; zeros where none is committed to */
} mdl_window_commit;

/* BLAKE2b-256 over "modulon window v1", life u32, window u32, shard u32, shards u32,
 * output digest, state digest. */
void mdl_window_commit_digest(const mdl_window_commit *c, uint8_t out[MDL_DIGEST_BYTES]);

#endif
