/* One job that shards play together: the conductor, who plays which shard, and
 * the log of all windows. PROTOCOL chapter 12. Pure: no clock, no messages; the
 * coordinator's logic (logic_shard.c) speaks for it.
 *
 * A *part* is one lease of a shard. Of equal parts the first output of a window
 * is used; later ones must be equal, or there is a dispute, and nothing moves
 * until it is settled. Heads and outputs of a life's windows are kept while any
 * part is in that life, so that a new part can play them again from the life's
 * birth, or from the newest state that is kept. */
#ifndef MDL_COORDINATOR_ORCHESTRA_H
#define MDL_COORDINATOR_ORCHESTRA_H

#include "core/cut.h"
#include "protocol/messages.h"
#include "protocol/shard_window.h"
#include "protocol/unit.h"

typedef struct mdl_orchestra mdl_orchestra;

/* A place in a job: the output of window `window` of life `life`. */
typedef struct mdl_place_in {
    uint32_t life, window;
} mdl_place_in;
static inline int mdl_place_before(mdl_place_in a, mdl_place_in b) {
    return a.life != b.life ? a.life < b.life : a.window < b.window;
}

typedef struct mdl_voice {
    uint64_t lease;
    uint32_t shard, worker, owner;
    mdl_place_in next;   /* whose output is to come; life = lives: it has played all */
    mdl_place_in from;   /* first window of its root                                 */
    mdl_place_in handed; /* first place whose input it has not been given            */
    uint64_t windows;    /* outputs taken, those played silently included            */
    uint64_t played;     /* of them played again, silently                           */
    int careful;         /* silence hid a difference: it hands in every window       */
    int done;            /* its result is in the ledger                              */
    /* The caller's: */
    uint64_t begun_ms;            /* when its lease began                                   */
    uint64_t heard_ms, handed_ms; /* from its worker; when it was last given windows to run */
    int orphan;                   /* its worker has begun a new session since               */
    int pulled;                   /* it has asked, and given nothing since                  */
} mdl_voice;

/* What a part is told. `blob` is the caller's to free. */
typedef struct mdl_step {
    mdl_step_what what;
    mdl_place_in at;
    uint32_t count, keep;
    uint8_t snapshot[MDL_DIGEST_BYTES];
    uint8_t *blob;
    size_t blob_size;
} mdl_step;

/* NULL when out of memory. The experiment and the evolution are kept by reference;
 * `evolution` stays at the job's generation. */
mdl_orchestra *mdl_orchestra_new(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                                 uint32_t shards);
void mdl_orchestra_free(mdl_orchestra *o);

uint32_t mdl_orchestra_job(const mdl_orchestra *o);
uint32_t mdl_orchestra_shards(const mdl_orchestra *o);
const uint32_t *mdl_orchestra_owner(const mdl_orchestra *o); /* shard of each region */
/* The place that all wait for, or that is over (life = lives). */
mdl_place_in mdl_orchestra_now(const mdl_orchestra *o);
int mdl_orchestra_over(const mdl_orchestra *o);
uint32_t mdl_orchestra_lives(const mdl_orchestra *o);
uint64_t mdl_orchestra_windows(const mdl_orchestra *o); /* of the job so far, each counted once */

/* ---- parts ---- */
uint32_t mdl_orchestra_parts(const mdl_orchestra *o);
mdl_voice *mdl_orchestra_part(mdl_orchestra *o, uint32_t i);
mdl_voice *mdl_orchestra_find(mdl_orchestra *o, uint64_t lease); /* NULL: none */
/* Where a new part of a shard begins. */
mdl_place_in mdl_orchestra_begin(const mdl_orchestra *o, uint32_t shard, uint8_t snapshot[MDL_DIGEST_BYTES]);
/* A new part, at that place. MDL_ENOMEM. */
mdl_err mdl_orchestra_add(mdl_orchestra *o, uint64_t lease, uint32_t shard, uint32_t worker, uint32_t owner);
void mdl_orchestra_remove(mdl_orchestra *o, uint64_t lease);
/* The place after an output, as far as is known: a life may be over. */
mdl_place_in mdl_orchestra_after(const mdl_orchestra *o, mdl_place_in at);
/* Whether the window at hand still lacks this shard's output. */
int mdl_orchestra_lacks(const mdl_orchestra *o, uint32_t shard);

/* ---- windows ---- */
/* What a part at `at` is to do. MDL_ENOMEM. */
mdl_err mdl_orchestra_step(mdl_orchestra *o, mdl_voice *p, mdl_place_in at, mdl_step *out);
/* An output with its signed envelope. *moved: all shards have given the window, or
 * a dispute has begun. MDL_OK, also for what was given before; MDL_EMISMATCH: the
 * part is elsewhere, and its next step says where; MDL_ERANGE: no output that this
 * shard can have, or not the one of its digest; MDL_ENOMEM. */
mdl_err mdl_orchestra_deliver(mdl_orchestra *o, mdl_voice *p, const mdl_msg_window *m, const uint8_t *output,
                              size_t output_size, const uint8_t *envelope, size_t envelope_size, int *moved);

/* ---- states that are kept: orchestra_snapshot.c ---- */
/* A part of a state that a step asked for, or the list (m->chunk = m->chunks). MDL_OK; MDL_ERANGE: not asked for, or
 * not what the window's digest committed to; MDL_ESIZE; MDL_ENOMEM. */
mdl_err mdl_orchestra_snapshot(mdl_orchestra *o, const mdl_voice *p, const mdl_msg_snapshot *m, const uint8_t *bytes,
                               size_t size);
/* Whether this part of a state is asked for and has not come. */
int mdl_orchestra_wants(const mdl_orchestra *o, const mdl_voice *p, const mdl_msg_snapshot *m);
/* A list or chunk that is kept. 0: none such. */
int mdl_orchestra_blob(const mdl_orchestra *o, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes,
                       size_t *size);
/* Bytes of all states that are kept or under way, and the most there may be. */
uint64_t mdl_orchestra_kept(const mdl_orchestra *o);
void mdl_orchestra_keep_most(mdl_orchestra *o, uint64_t bytes);

/* ---- disputes: orchestra_dispute.c ---- */
/* One part's word about a window. */
typedef struct mdl_claim {
    uint64_t lease;
    uint8_t commit[MDL_DIGEST_BYTES], state[MDL_DIGEST_BYTES];
    uint8_t *envelope, *output;
    size_t envelope_size, output_size;
} mdl_claim;
enum { MDL_CLAIMS_MAX = 4 };

/* What has to be played again to settle one: a shard's life from birth. */
typedef struct mdl_shard_replay {
    uint32_t job, life, shard, shards, windows;
    uint8_t *inputs; /* each after its size as u32 */
    size_t inputs_size;
    uint8_t right[MDL_DIGEST_BYTES]; /* out: the digest of the last of these windows; zeros: no such inputs */
    uint8_t truth[MDL_DIGEST_BYTES]; /* out: what the job gives there with all its shards; zeros: it has no such window.
                                        Another than `right`: a shard was false before, and with it the inputs */
} mdl_shard_replay;
/* Runs both: costly. `evolution` is at the job's generation. MDL_OK, MDL_ENOMEM, MDL_EMISMATCH (its inputs are no
 * inputs): then `right` is zeros. */
mdl_err mdl_shard_replay_run(const mdl_experiment *x, const mdl_evolution *evolution, mdl_shard_replay *r);

/* Whether there is one. */
int mdl_orchestra_disputed(const mdl_orchestra *o);
/* What settles it; r->inputs is the caller's to free. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_orchestra_replay(const mdl_orchestra *o, mdl_shard_replay *r);
/* The claims; `place` and `shard` may be NULL. */
uint32_t mdl_orchestra_claims(const mdl_orchestra *o, const mdl_claim **at, mdl_place_in *place, uint32_t *shard);
/* It is settled. Parts whose claims are not `right` are to be removed by the caller before. Where the output that
 * was used was not right, all go back to this window, and *spent (room for 2 x parts) gets lease, windows for the parts
 * that go back, in order of lease; *count numbers. MDL_OK or MDL_ENOMEM (then it is still open). */
mdl_err mdl_orchestra_settle(mdl_orchestra *o, const uint8_t right[MDL_DIGEST_BYTES]);
/* Before that, for the record: lease and windows, lease and windows, in order of lease, of parts with no claim of
 * another digest that have played windows on an output that was not right. Room for 2 x parts; returns how many
 * numbers. */
uint32_t mdl_orchestra_spent(const mdl_orchestra *o, const uint8_t right[MDL_DIGEST_BYTES], uint64_t *spent);

/* ---- the end ---- */
/* The root of a part's windows, and their number. Only when it is over. */
uint32_t mdl_orchestra_root(const mdl_orchestra *o, const mdl_voice *p, uint8_t root[MDL_DIGEST_BYTES]);
/* The transcript; `region` [regions] are the digests that the job ends with. The bytes are the caller's. NULL: no
 * memory. */
uint8_t *mdl_orchestra_transcript(const mdl_orchestra *o, const uint8_t (*region)[MDL_DIGEST_BYTES], size_t *size);

#endif
