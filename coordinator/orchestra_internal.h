/* What the files of an orchestra share. Not for others. */
#ifndef MDL_COORDINATOR_ORCHESTRA_INTERNAL_H
#define MDL_COORDINATOR_ORCHESTRA_INTERNAL_H

#include "coordinator/orchestra.h"
#include "protocol/snapshot.h"
#include "protocol/transcript.h"

/* One shard's output of one window; output NULL: not given yet. */
typedef struct given {
    uint64_t lease; /* who gave it */
    uint8_t *output;
    uint32_t output_size;
    mdl_window_out out;
    uint8_t commit[MDL_DIGEST_BYTES], state[MDL_DIGEST_BYTES];
    uint8_t *envelope; /* until a later state of the shard is kept and all its parts have gone past it */
    uint32_t envelope_size;
} given;

typedef struct window_log {
    uint8_t *head; /* what every input begins with: modulatory state, then observations */
    uint32_t modulation_size, head_size;
    uint32_t count;     /* shards that have given it */
    given *shard;       /* [shards]                  */
    mdl_packed *packed; /* [regions], into outputs   */
} window_log;

typedef struct life_log {
    uint64_t key;
    window_log *window;     /* [windows], NULL when no part is in this life any more */
    uint32_t windows, room; /* those whose input there is                           */
    uint8_t *commits;       /* [windows][shards][32]: of those that all have given   */
    uint32_t commits_room, ended;
    mdl_life_row row; /* once ended; the last one's end digest comes with the transcript */
} life_log;

/* A shard's state after `at.window` windows of life `at.life`. */
typedef struct kept_state {
    mdl_place_in at;
    uint64_t lease; /* who hands it in, while `complete` is 0 */
    int used, complete;
    uint8_t *bytes, *list;
    uint64_t size;
    uint32_t chunks, have, list_size;
    uint8_t *got;                     /* [chunks] */
    uint8_t digest[MDL_DIGEST_BYTES]; /* of the list */
} kept_state;

struct mdl_orchestra {
    const mdl_experiment *experiment;
    uint32_t job, shards, lives;
    mdl_job info;
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_params params;
    mdl_activity_rule rule;
    mdl_conductor conductor;
    uint32_t life; /* at hand; lives: over */
    life_log *log; /* [lives] */

    mdl_voice *part;
    uint32_t parts, parts_room;

    kept_state *kept, *coming; /* [shards] */
    uint64_t keep_most;

    int disputed;
    mdl_place_in disputed_at;
    uint32_t disputed_shard, claims;
    mdl_claim claim[MDL_CLAIMS_MAX];
};

/* Begins the input of the next window of the life at hand. MDL_ENOMEM. */
mdl_err mdl_orchestra_open_window(mdl_orchestra *o);
/* As far as the outputs reach: next windows, next lives. MDL_ENOMEM. */
mdl_err mdl_orchestra_advance(mdl_orchestra *o);
/* Begins life o->life. */
mdl_err mdl_orchestra_open_life(mdl_orchestra *o);
void mdl_orchestra_free_windows(mdl_orchestra *o, life_log *log, uint32_t from);
/* The input of a shard for a window whose head there is, appended to *at after its size; NULL only counts. */
size_t mdl_orchestra_input(const mdl_orchestra *o, uint32_t life, uint32_t window, uint32_t shard, uint8_t *at);
/* Stores an output that was read and checked. */
mdl_err mdl_orchestra_take(mdl_orchestra *o, mdl_place_in at, uint32_t shard, uint64_t lease, const uint8_t *output,
                           size_t size, const uint8_t *commit, const uint8_t *state);
void mdl_orchestra_forget_state(kept_state *k);
/* States that a place makes false. */
void mdl_orchestra_forget_after(mdl_orchestra *o, mdl_place_in at, uint32_t shard);
void mdl_orchestra_drop_claims(mdl_orchestra *o);
/* Logs of lives that no part is in any more, and envelopes that none has yet to meet. */
void mdl_orchestra_trim(mdl_orchestra *o);

#endif
