/* What the parts of the coordinator's logic share. Not for others. */
#ifndef MDL_COORDINATOR_LOGIC_INTERNAL_H
#define MDL_COORDINATOR_LOGIC_INTERNAL_H

#include "coordinator/logic.h"
#include "protocol/key_change.h"
#include "protocol/name_index.h"
#include "protocol/past.h"
#include "protocol/session.h"

enum { MDL_PAST_SESSIONS = 4 };

/* What was said to one of the newest sequence numbers. */
typedef enum mdl_said { MDL_SAID_NOTHING, MDL_SAID_FRAME, MDL_SAID_RECEIPT, MDL_SAID_ASK_AGAIN } mdl_said;

typedef struct mdl_answer {
    mdl_said said;
    uint64_t after, record;
    uint8_t *bytes; /* an envelope without blob */
    size_t size;
} mdl_answer;

/* The volatile side of a worker; same index as in the ledger. */
typedef struct mdl_peer {
    int open, left; /* left: it has said goodbye */
    mdl_session session;
    uint8_t past[MDL_PAST_SESSIONS][MDL_SESSION_BYTES];
    uint32_t past_count;
    mdl_answer answer[MDL_SESSION_WINDOW];
    double tokens;
    uint64_t tokens_ms, heard_ms, done_ms; /* done: when its last result came */
    uint32_t threads, leases, patience;    /* patience: factor of deadlines, grows with expiries */
    double lives;                          /* a millisecond, smoothed; 0: not measured */
    uint64_t queued_ms;                    /* expected time of its open leases */
    uint64_t memory;                       /* for networks, as it says         */
    uint64_t share_ms, share_room;         /* its last question for a shard, and the memory that it had free */
    uint64_t hungry_ms;                    /* since when it asks for one and gets none; 0: it does not       */
    double shard_speed;                    /* updates a ms of a thread, smoothed; 0: not measured            */
    uint32_t shards;                       /* that it plays, when somebody last asked                        */
} mdl_peer;

/* The volatile side of a lease of the current generation, ascending by id. */
typedef struct mdl_lease_slot {
    uint64_t id;
    uint32_t worker, first, count;
    uint64_t granted_ms, work_ms, expected_ms, deadline_ms; /* work: itself; expected: with those before it */
    uint64_t lives;                                         /* of its jobs; 0: not known, it is from before a start */
    uint64_t copy;                                          /* the lease that has its jobs too, where copied */
    uint8_t open, orphan, copied;
} mdl_lease_slot;

typedef struct mdl_closed {
    uint8_t fitness[MDL_DIGEST_BYTES], after[MDL_DIGEST_BYTES];
    uint32_t jobs;
    double best, mean; /* of the candidates, a life */
} mdl_closed;

/* What the newest question for history was answered with: nearly all workers ask the same. */
typedef struct mdl_history {
    uint8_t *bytes; /* NULL: nothing yet */
    size_t size;
    uint8_t digest[MDL_DIGEST_BYTES];
    uint32_t from, to, closed; /* closed: generations, when it was asked */
} mdl_history;

/* A set of digests: open addressing, the zero digest is an empty place. */
typedef struct mdl_names {
    uint8_t (*at)[MDL_DIGEST_BYTES];
    size_t count, capacity;
} mdl_names;

/* A job that a thread does. */
typedef struct mdl_checking {
    uint32_t generation, job;
    int judges;                           /* the last step of a dispute about it */
    uint8_t transcript[MDL_DIGEST_BYTES]; /* that it is done beside; zeros: beside none */
} mdl_checking;

/* The volatile side of a dispute. */
typedef struct mdl_taken_apart {
    uint32_t used, job;
    uint64_t moved_ms;
} mdl_taken_apart;

/* A convict's unit of a closed generation that is done again. */
typedef struct mdl_review {
    int begun;
    uint32_t worker, given, done; /* jobs that were given to threads, and came back */
    mdl_ledger_unit unit;
    mdl_duty_answer answer[MDL_UNIT_JOBS_MAX];
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    char segments[MDL_UNIT_JOBS_MAX * MDL_SEGMENT_CHARS];
} mdl_review;

struct mdl_coordinator {
    mdl_coordinator_config config;
    mdl_coordinator_io io;
    mdl_ledger *ledger;
    uint64_t durable, wall_ms, stalled_ms;
    int started, storage_ok, failed;
    char checkpoint[MDL_CHECKPOINT_SHOWN_MAX + 1];

    mdl_name_index listed;   /* of config.listed */
    mdl_name_index sessions; /* of the peers whose session is open */
    mdl_peer *peer;
    uint32_t peers, peer_room;
    uint32_t active; /* counted now and then */
    uint64_t active_ms;

    mdl_lease_slot *lease;
    uint32_t leases, lease_room, lease_open; /* open: none before this one is */
    uint64_t *waited;                        /* [jobs] when a job was first seen to wait for another owner; 0: never */
    uint32_t jobs, jobs_room;
    uint64_t remainder_ms, remainder_end_ms; /* when that was computed, and when the generation should be done */
    uint64_t moved_records, moved_ms;        /* the ledger's size when we last looked, and since when it is that */
    uint64_t late_ms;                        /* no lease that may be copied is late before */
    int voided;                              /* answers have been taken away since leases were looked at */

    mdl_closed *closed;
    uint32_t closed_count, closed_room;
    mdl_history history;
    uint8_t state[MDL_DIGEST_BYTES]; /* of the current generation */
    uint8_t document[MDL_DIGEST_BYTES];
    mdl_names names;
    int64_t best;

    mdl_checking check[MDL_CHECKERS_MAX];
    uint32_t checking;   /* jobs under way */
    uint64_t showing_ms; /* since when workers are asked for their nonces; 0: they are not */
    uint64_t checks, verdicts, scanned_ms;
    uint32_t helpers, helper[2]; /* numbers of up to two owners of trusted workers that are here, */
    uint64_t helpers_ms;         /* when that was last looked up; 0: never                        */
    mdl_past *past;              /* NULL: nothing is reviewed */
    mdl_review review;
    uint64_t reviewed, corrected;
    mdl_taken_apart apart[MDL_LEDGER_DISPUTES_MAX];
    uint8_t *gave_up; /* [jobs] their disputes lead to nothing: done again as a whole */
    uint32_t gave_up_room;
    uint64_t disputes, judgements;

    uint64_t results, expired, duplicates, rejected, credit;
    struct mdl_shards *shards; /* NULL: networks are not cut */

    uint64_t list[MDL_LIST_MAX]; /* of the message at hand */
    uint8_t work[MDL_SEAL_WORK_BYTES];
    uint8_t sealed[MDL_ENVELOPE_BYTES_MAX];
    uint8_t pae[MDL_PAE_BYTES_MAX];
};

/* One call under way. `answer` is where its reply is kept; NULL: nowhere. */
typedef struct mdl_asked {
    uint64_t call, now_ms;
    const mdl_envelope *envelope;
    const uint8_t *raw;
    size_t raw_size;
    const mdl_hash *leaf; /* of raw */
    const mdl_message *message;
    uint32_t worker; /* index; UINT32_MAX: not admitted */
    mdl_answer *answer;
    const mdl_carried *blob; /* the one that the message names; NULL: none */
} mdl_asked;

/* ---- logic.c ---- */
/* Sign, apply and append. 0 when it could not be (logged): the fold is unchanged. */
int mdl_coordinator_record(mdl_coordinator *c, mdl_message *m);
/* Apply and append a worker's envelope. */
mdl_rule mdl_coordinator_append(mdl_coordinator *c, const mdl_asked *a, mdl_breach *breach);
void mdl_coordinator_log(mdl_coordinator *c, const char *kind, const uint8_t *key, const char *format, ...);
/* Close, credit, champion and end, as far as they are due. */
void mdl_coordinator_advance(mdl_coordinator *c, uint64_t now_ms);

/* ---- logic_reply.c ---- */
/* Answer with a message; head is filled in. `rests`: it rests on records, so it waits for all of them. */
void mdl_coordinator_say(mdl_coordinator *c, const mdl_asked *a, mdl_message *m, int rests, const uint8_t *blob,
                         size_t blob_size);
void mdl_coordinator_reject(mdl_coordinator *c, const mdl_asked *a, mdl_reason reason, uint64_t retry_ms, int rests,
                            const char *detail);
void mdl_coordinator_idle(mdl_coordinator *c, const mdl_asked *a, mdl_reason reason, uint64_t retry_ms, int rests);
void mdl_coordinator_give_receipt(mdl_coordinator *c, const mdl_asked *a, uint64_t record);
void mdl_answer_clear(mdl_answer *a);

/* Whether a worker's statement of a session key may become a record. MDL_OK, or an error with a sentence. */
mdl_err mdl_coordinator_session_key(const mdl_coordinator *c, const mdl_ledger_worker *w, const char *text,
                                    mdl_session_key *terms, char *error, size_t error_size);

/* ---- logic_round.c ---- */
/* Whether a worker has to show its nonce now. */
int mdl_round_wants(const mdl_coordinator *c, uint32_t worker);
void mdl_round_show(mdl_coordinator *c, const mdl_asked *a);
/* Draw, when it is due. */
void mdl_round_follow(mdl_coordinator *c, uint64_t now_ms);

/* ---- logic_session.c ---- */
void mdl_peer_close(mdl_coordinator *c, uint32_t worker);
int mdl_peers_follow(mdl_coordinator *c); /* as many peers as workers; 0 when out of memory */
uint32_t mdl_coordinator_active(mdl_coordinator *c, uint64_t now_ms);
/* Whether it has a session and was heard of lately. */
int mdl_peer_here(const mdl_peer *p, uint64_t now_ms);
/* Before a session ends: it is active no more. */
void mdl_peer_leaves(mdl_coordinator *c, uint32_t worker, uint64_t now_ms);

/* ---- logic_work.c ---- */
/* Take stock of the current generation: jobs, and leases that the ledger holds open. 0: out of memory. */
int mdl_work_begin(mdl_coordinator *c, uint64_t now_ms);
void mdl_work_want(mdl_coordinator *c, const mdl_asked *a);
void mdl_work_commit(mdl_coordinator *c, const mdl_asked *a);
void mdl_work_result(mdl_coordinator *c, const mdl_asked *a);
/* Leases of a worker that the ledger has ended meanwhile are over here too. */
void mdl_work_follow(mdl_coordinator *c, uint32_t worker);
void mdl_work_tick(mdl_coordinator *c, uint64_t now_ms);
/* Lease `at` of our list ends without a result, by a record. */
void mdl_work_expire(mdl_coordinator *c, uint32_t at, mdl_reason reason);
/* End the open leases of a worker with records. */
void mdl_work_revoke(mdl_coordinator *c, uint32_t worker, mdl_reason reason);
/* A new session: what the old one leased may be lost. */
void mdl_work_orphan(mdl_coordinator *c, uint32_t worker);

/* ---- logic_late.c ---- */
/* The place of a lease of this generation; NULL: it is none of it. */
mdl_lease_slot *mdl_work_slot(const mdl_coordinator *c, uint64_t id);
/* Its result would come too late. */
int mdl_work_is_done(const mdl_coordinator *c, const mdl_lease_slot *s);
/* When an open lease may be given to another worker as well. */
uint64_t mdl_work_late_at(const mdl_lease_slot *s);
/* The oldest open lease that is late and may be given to this worker as well. All are looked at, so nobody looks before
 * the first of them can be late. */
mdl_lease_slot *mdl_work_find_late(mdl_coordinator *c, uint32_t worker, uint64_t now_ms);
/* End open leases whose results cannot count any more though some of their jobs have no answer. 1: jobs are free now.
 */
int mdl_work_free_stuck(mdl_coordinator *c);

/* Every lease has a place in our list, those of shards too: 0 when out of memory. */
int mdl_work_note_shard(mdl_coordinator *c, uint64_t now_ms);

/* ---- logic_shard*.c: sharded jobs; all of them do nothing where the experiment has none ---- */
/* A generation begins, or the coordinator. 0: out of memory. */
int mdl_stage_begin(mdl_coordinator *c, uint64_t now_ms);
void mdl_stage_free(mdl_coordinator *c);
typedef enum mdl_shard_given {
    MDL_SHARD_ORDINARY, /* ordinary work may be given */
    MDL_SHARD_NOTHING,  /* neither that nor a shard   */
    MDL_SHARD_SOON,     /* nor yet a shard: it is another's turn */
    MDL_SHARD_GIVEN     /* the call was answered      */
} mdl_shard_given;
mdl_shard_given mdl_stage_want(mdl_coordinator *c, const mdl_asked *a);
/* Whether networks are run whole now, and ordinary leases are given. */
int mdl_stage_whole(const mdl_coordinator *c);
/* Whether this worker holds this lease, and it is of a shard. */
int mdl_stage_holds(const mdl_coordinator *c, uint32_t worker, uint64_t lease);
/* A call that a shard's next window needs, and not again: it takes no token. */
int mdl_stage_is_due(mdl_coordinator *c, const mdl_asked *a);
/* The most bytes of an output of its shard. */
size_t mdl_stage_window_max(const mdl_coordinator *c, uint64_t lease);
void mdl_stage_pull(mdl_coordinator *c, const mdl_asked *a);
void mdl_stage_window(mdl_coordinator *c, const mdl_asked *a);
void mdl_stage_snapshot(mdl_coordinator *c, const mdl_asked *a);
void mdl_stage_result(mdl_coordinator *c, const mdl_asked *a);
/* As mdl_work_revoke(), mdl_work_orphan() and mdl_work_follow(). */
void mdl_stage_revoke(mdl_coordinator *c, uint32_t worker, mdl_reason reason);
void mdl_stage_orphan(mdl_coordinator *c, uint32_t worker);
void mdl_stage_follow(mdl_coordinator *c, uint64_t now_ms);
void mdl_stage_tick(mdl_coordinator *c, uint64_t now_ms);
/* A kept state, or a part of one. */
int mdl_stage_blob(const mdl_coordinator *c, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes,
                   size_t *size);
void mdl_stage_inform(const mdl_coordinator *c, mdl_coordinator_info *out);
/* The threads read the open generation. */
int mdl_stage_busy(const mdl_coordinator *c);
/* The threads do a job that shards answered together beside its transcript, whose digest this gives. 0: they did not.
 */
int mdl_stage_search(mdl_coordinator *c, uint32_t job, uint8_t transcript[MDL_DIGEST_BYTES]);
/* What they found is false in that transcript: convict whoever signed it. */
void mdl_stage_accuse(mdl_coordinator *c, uint32_t job, const uint8_t transcript[MDL_DIGEST_BYTES],
                      const struct mdl_transcript_fault *fault, uint64_t now_ms);

/* ---- logic_verify.c ---- */
/* Give the threads what the coordinator has to do itself. */
void mdl_verify_drive(mdl_coordinator *c, uint64_t now_ms);

/* Workers who have answered a job. */
typedef struct mdl_answerers {
    uint32_t count, worker[MDL_DUTY_ANSWERS];
} mdl_answerers;
mdl_answerers mdl_verify_answerers(const mdl_coordinator *c, uint32_t job);
/* A message contradicts a record of its worker: convict it. 0: it does not, or nothing is verified. */
int mdl_verify_equivocation(mdl_coordinator *c, const mdl_asked *a);
/* A worker that record `record` has convicted leaves, with all keys of its line. */
void mdl_verify_leave(mdl_coordinator *c, uint32_t worker, uint64_t record, uint64_t now_ms);
/* Those of them whom record `record` has convicted leave. */
void mdl_verify_convicted(mdl_coordinator *c, uint64_t record, uint32_t job, const mdl_answerers *a, uint64_t now_ms);

/* ---- logic_dispute.c ---- */
/* Whether this disputed job is taken apart, from now on maybe; the dispute goes on as far as it can. */
int mdl_dispute_handles(mdl_coordinator *c, uint32_t job, uint64_t now_ms);
/* A move is due of who wants work: ask for it. 0: none. */
int mdl_dispute_ask(mdl_coordinator *c, const mdl_asked *a);
void mdl_dispute_move(mdl_coordinator *c, const mdl_asked *a);
int mdl_dispute_may_carry(const mdl_coordinator *c, uint32_t worker, const mdl_msg_move *m);

/* ---- logic_review.c ---- */
/* A job of a convict's closed units; 0: none, or not yet. */
int mdl_review_next(mdl_coordinator *c, const mdl_evolution **of, uint32_t *job);
/* It was done; `generation` has closed. */
void mdl_review_computed(mdl_coordinator *c, uint32_t generation, uint32_t job, const mdl_duty_answer *answer);

/* ---- logic_serve.c ---- */
int mdl_names_add(mdl_names *n, const uint8_t digest[MDL_DIGEST_BYTES]); /* 0: out of memory */
int mdl_names_have(const mdl_names *n, const uint8_t digest[MDL_DIGEST_BYTES]);
void mdl_serve_sync(mdl_coordinator *c, const mdl_asked *a);
void mdl_serve_fetch(mdl_coordinator *c, const mdl_asked *a);
void mdl_serve_prove(mdl_coordinator *c, const mdl_asked *a);
void mdl_serve_ping(mdl_coordinator *c, const mdl_asked *a);
void mdl_serve_bye(mdl_coordinator *c, const mdl_asked *a);

static inline int mdl_is_zero(const uint8_t *bytes, size_t size) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= bytes[i];
    }
    return any == 0;
}

#endif
