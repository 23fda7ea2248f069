/* The coordinator as a pure state machine. PROTOCOL chapter 7.
 *
 * Events come in by the calls below; commands go out through one table of
 * functions. There is no clock, no randomness and no I/O in here, so the same
 * object runs under the shell (coordinator/shell.h) and under a simulation.
 *
 * It owns the fold over the ledger (protocol/ledger.h). It makes a record,
 * applies it to the fold at once, and gives it to `append`. Whatever it says
 * that rests on a record carries `after`, the number of records that must be
 * durable before it may leave. Equal events in equal order give equal commands.
 *
 * Times are milliseconds. `now_ms` is of a clock that never goes back; `wall_ms`
 * counts from 1970 and only serves invitations and people. One thread at a time. */
#ifndef MDL_COORDINATOR_LOGIC_H
#define MDL_COORDINATOR_LOGIC_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/ledger.h"
#include "protocol/merkle.h"
#include "protocol/reason.h"

enum {
    MDL_LEASE_MS_DEFAULT = 2000,        /* how long a lease is meant to keep a worker busy    */
    MDL_LEASES_EACH = 4,                /* open leases of one worker                          */
    MDL_DEADLINE_MS_MIN = 15000,        /* a lease never ends earlier                         */
    MDL_HISTORY_BYTES_MAX = 1 << 20,    /* of one reply to sync, or one generation if larger  */
    MDL_ACTIVE_MS = 60000,              /* a worker heard of within this time is active       */
    MDL_CHECKPOINT_SHOWN_MAX = 1024,    /* bytes of a checkpoint that pong shows              */
    MDL_SHARD_STATES_DEFAULT = 1 << 30, /* bytes of shards' states that are kept */
    MDL_CHECKERS_MAX = 64               /* jobs that the coordinator does itself at once      */
};

/* One entry of an allow-list. */
typedef struct mdl_listed {
    uint8_t key[MDL_KEY_BYTES], owner[MDL_KEY_BYTES];
    char name[65];
} mdl_listed;

typedef struct mdl_coordinator_config {
    uint8_t key[MDL_KEY_BYTES];
    uint8_t secret[MDL_SECRET_BYTES];
    char origin[129]; /* of the checkpoints                                   */
    char vkey[257];   /* the ledger's verifier key                            */
    mdl_admission admission;
    const mdl_listed *listed; /* list; kept by reference                 */
    size_t listed_count;
    const uint8_t (*owners)[MDL_KEY_BYTES]; /* invite: who may invite besides us */
    size_t owner_count;
    uint8_t chain[MDL_DIGEST_BYTES]; /* seed of the hash chain: a secret */
    uint32_t checkers;               /* jobs that compute() takes at once, up to MDL_CHECKERS_MAX; 0: 1 */
    uint64_t lease_ms;               /* 0: MDL_LEASE_MS_DEFAULT                 */
    uint64_t shard_states;           /* bytes of shards' states that are kept; 0: MDL_SHARD_STATES_DEFAULT */
    double rate, burst;              /* messages a second of one key, and at once; 0: 50 and 100 */
} mdl_coordinator_config;

/* Commands. Bytes are the caller's again when the function returns. */
struct mdl_shard_replay;
struct mdl_transcript_fault;

typedef struct mdl_coordinator_io {
    void *ctx;
    /* Record `index`, right behind the one before. */
    void (*append)(void *ctx, uint64_t index, const uint8_t *record, size_t size, const mdl_hash *leaf);
    /* A blob that the next record names: must be durable before that record is,
     * and must be there for `blobs` at once. */
    void (*put_blob)(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size);
    /* Answer call `call` once `after` records are durable. `blob` may be NULL. */
    void (*reply)(void *ctx, uint64_t call, uint64_t after, const uint8_t *envelope, size_t envelope_size,
                  const uint8_t *blob, size_t blob_size);
    /* Answer call `call` with the receipt of record `record`, once durable. */
    void (*receipt)(void *ctx, uint64_t call, uint64_t record);
    /* Publish an envelope once `after` records are durable. */
    void (*publish)(void *ctx, uint64_t after, const uint8_t *envelope, size_t size);
    /* Do this job of `of`'s generation, the open or a closed one, on another thread;
     * then mdl_coordinator_computed(). `of` stays as it is until then. */
    void (*compute)(void *ctx, const mdl_evolution *of, uint32_t job);
    /* For people. `kind` names what happened in one word; `key` may be NULL. */
    void (*log)(void *ctx, const char *kind, const uint8_t *key, const char *text);
    mdl_blobs blobs;
    /* Where the hashes of the ledger's tree are, for the first `size` records, which are
     * durable: good until the next event. MDL_OK, or any error: not now. */
    mdl_err (*tree)(void *ctx, uint64_t size, mdl_merkle_lookup *lookup);
    /* Where networks are cut; may be NULL elsewhere. Both on another thread, while the open generation stays as it is.
     * Run mdl_shard_replay_run() with r->inputs, which are the shell's now to free; then mdl_coordinator_replayed(). */
    void (*replay)(void *ctx, const struct mdl_shard_replay *r);
    /* As compute(), for a job of the open generation that shards answered together: mdl_transcript_find() with its
     * transcript, the shards' regions [regions] (copied before this returns) and the answer; then
     * mdl_coordinator_found(). */
    void (*find)(void *ctx, uint32_t job, const uint8_t transcript[MDL_DIGEST_BYTES],
                 const uint8_t (*region)[MDL_DIGEST_BYTES]);
    /* The last step of a dispute about this job, on another thread: mdl_case_judge() on a life with the job's genome;
     * then mdl_coordinator_judged(). `of` stays as it is until then; the rest is copied. NULL: nothing is taken apart.
     */
    void (*judge)(void *ctx, const mdl_evolution *of, uint32_t job, const mdl_case *last, const uint8_t *state,
                  size_t size);
} mdl_coordinator_io;

typedef struct mdl_coordinator mdl_coordinator;

/* NULL when out of memory. Config and table are copied. */
mdl_coordinator *mdl_coordinator_new(const mdl_coordinator_config *config, const mdl_coordinator_io *io);
void mdl_coordinator_free(mdl_coordinator *c);

/* Fold one stored record, in order, before start(). The caller has checked the
 * checkpoint's signature and the tree, so signatures are not checked again. */
mdl_rule mdl_coordinator_replay(mdl_coordinator *c, const uint8_t *record, size_t size, mdl_breach *breach);

/* After the last stored record. With an empty ledger this writes the genesis for
 * `document`; else `document` must be the ledger's experiment, and admission the
 * genesis's. Finishes a closing that a crash has cut in two. Open leases get a
 * new deadline. MDL_OK, or with a sentence: what mdl_experiment_parse() returns,
 * MDL_EMISMATCH, MDL_ENOMEM. */
mdl_err mdl_coordinator_start(mdl_coordinator *c, const uint8_t *document, size_t size, uint64_t now_ms,
                              uint64_t wall_ms, char *error, size_t error_size);

/* The blob of a call. */
typedef struct mdl_carried {
    const uint8_t *bytes;
    size_t size;
    uint8_t digest[MDL_DIGEST_BYTES]; /* of the bytes */
} mdl_carried;

/* A call whose envelope has its form and whose signature was verified.
 *   call  the caller's number; answered by exactly one of reply and receipt
 *   raw   the envelope's bytes as received
 *   leaf  mdl_merkle_leaf() of them: tells repeats from equivocation, and is the record's if it becomes one
 *   blob  what came behind it; NULL: nothing */
void mdl_coordinator_call(mdl_coordinator *c, uint64_t call, const mdl_envelope *e, const uint8_t *raw, size_t raw_size,
                          const mdl_hash *leaf, const mdl_carried *blob, uint64_t now_ms);
/* The same envelope when its blob has not been read yet, because it is a long one: 1 and the blob's
 * size, when its sender may carry it now. Else 0, and the call is answered. */
int mdl_coordinator_carries(mdl_coordinator *c, uint64_t call, const mdl_envelope *e, uint64_t *blob_size);
/* Before the costly check of the signature: MDL_REASON_NONE when it is worth it,
 * that is, for a hello and for keys with a session. Changes nothing. */
mdl_reason mdl_coordinator_worth(const mdl_coordinator *c, const mdl_envelope *e);
/* Answer what never became a call (bad frame, envelope, signature, ...). */
void mdl_coordinator_refuse(mdl_coordinator *c, uint64_t call, mdl_reason reason, const char *detail,
                            uint64_t retry_ms);

/* The first `count` records are durable; `checkpoint` is the newest one. */
void mdl_coordinator_stored(mdl_coordinator *c, uint64_t count, const char *checkpoint, size_t checkpoint_size);
/* Whether there is room: while there is not, nothing new is begun or taken. */
void mdl_coordinator_storage(mdl_coordinator *c, int ok, uint64_t now_ms);
/* Time passes: leases expire. A few times a second. */
void mdl_coordinator_tick(mdl_coordinator *c, uint64_t now_ms, uint64_t wall_ms);

/* The answer to the command compute(). */
void mdl_coordinator_computed(mdl_coordinator *c, uint32_t generation, uint32_t job, const mdl_duty_answer *answer,
                              uint64_t now_ms);

/* The answer to the command judge(); fault MDL_FAULT_NONE: it could not be done. */
void mdl_coordinator_judged(mdl_coordinator *c, uint32_t generation, uint32_t job, const mdl_judged *judged,
                            uint64_t now_ms);
/* The answer to the command replay(); r->right all zero: it could not be run. r->inputs are not read. */
void mdl_coordinator_replayed(mdl_coordinator *c, const struct mdl_shard_replay *r, uint64_t now_ms);
/* The answer to the command find(): the job's own answer, and the first false window, if there is one. */
void mdl_coordinator_found(mdl_coordinator *c, uint32_t job, const mdl_duty_answer *answer,
                           const struct mdl_transcript_fault *fault, uint64_t now_ms);

/* pause, resume, ban, unban. `key` NULL for the first two. MDL_OK, MDL_ENOENT
 * (no such action or worker), MDL_EMISMATCH (it is so already, or over), MDL_ERANGE
 * (the reason), MDL_EIO (no room), with a sentence. */
mdl_err mdl_coordinator_admin(mdl_coordinator *c, const char *action, const uint8_t *key, const char *reason,
                              uint64_t now_ms, char *error, size_t error_size);

/* ---- for people and the shell ---- */
typedef struct mdl_coordinator_info {
    uint64_t records, durable;
    uint32_t generation, generations, jobs, jobs_done, jobs_leased;
    uint32_t workers, sessions, active, banned;
    uint64_t results, expired, duplicates, rejected; /* leases and messages since the start */
    uint64_t checks, verdicts;                       /* jobs that the coordinator did itself, since the start */
    uint32_t checking;                               /* and does now */
    uint64_t disputes, judgements;                   /* taken apart, and decided so, since the start */
    /* Sharded jobs under way, their shards and players; whole windows of them and of those that are over since the
     * start, those of jobs that are not over; windows of one shard that were played again by who took it over, of jobs
     * that are over; what workers were busy with shards, of the time that they had them. */
    uint32_t stages, shards, players;
    uint64_t windows, windows_open, played;
    double shard_busy;
    uint64_t reviewed, corrected, owed; /* convicts' units of closed generations: done again, wrong; still owed */
    uint64_t credit;                    /* updates of closed generations       */
    int64_t best;                       /* of the last closed generation       */
    int paused, ended, storage_ok;
    int failed; /* out of memory, or a bug: stop; the ledger is whole */
} mdl_coordinator_info;

/* Walks over all workers: not for every message. */
void mdl_coordinator_inform(const mdl_coordinator *c, mdl_coordinator_info *out);
/* info.failed alone. */
int mdl_coordinator_failed(const mdl_coordinator *c);

typedef struct mdl_coordinator_worker_info {
    const mdl_ledger_worker *worker;
    int session;       /* has one                            */
    uint32_t leases;   /* open                               */
    double lives;      /* measured, lives a second; 0: not yet */
    uint64_t heard_ms; /* when, 0: never                     */
} mdl_coordinator_worker_info;

/* Worker `index` of the ledger, index < info.workers. */
void mdl_coordinator_worker(const mdl_coordinator *c, uint32_t index, mdl_coordinator_worker_info *out);
const mdl_ledger *mdl_coordinator_ledger(const mdl_coordinator *c);
/* Best and mean training fitness, a life, of closed generation `index` < info.generation. */
void mdl_coordinator_curve(const mdl_coordinator *c, uint32_t index, double *best, double *mean);

#endif
