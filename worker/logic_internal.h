/* What the parts of the worker's logic share. Not for others. */
#ifndef MDL_WORKER_LOGIC_INTERNAL_H
#define MDL_WORKER_LOGIC_INTERNAL_H

#include "protocol/checkpoint.h"
#include "protocol/gossip.h"
#include "protocol/session.h"
#include "protocol/tlog_proof.h"
#include "worker/logic.h"

/* A call under way. The same bytes are sent until they are answered. */
typedef struct mdl_sent {
    int used, flying; /* flying: the transport has it; else again_ms is when to send it again */
    mdl_message_type type;
    uint64_t token, seq, again_ms;
    uint32_t place, failures;
    uint8_t session[MDL_SESSION_BYTES];
    uint8_t *frame; /* owned; NULL before the first */
    size_t size;
} mdl_sent;

/* The ways of shards follow, one a slot. */
typedef enum mdl_way { MDL_WAY_CONTROL, MDL_WAY_RESULT, MDL_WAY_PROBE, MDL_WAY_BYE, MDL_WAY_COUNT } mdl_way;

typedef struct mdl_place_state {
    uint32_t failures; /* in a row                                    */
    int dead;          /* it lied or refused us: no more of it        */
    int pinned;        /* vkey is what its first welcome named        */
    char vkey[257];
} mdl_place_state;

/* Leased, not yet computed. */
typedef struct mdl_held {
    uint8_t coordinator[MDL_KEY_BYTES], experiment[MDL_DIGEST_BYTES];
    uint64_t lease, deadline_ms;
    uint32_t generation, first, count;
} mdl_held;

/* One signed form of a result. The coordinator may have any of them. */
typedef struct mdl_version {
    uint8_t *envelope; /* NULL: none */
    size_t size;
    uint32_t stamp; /* rises with every one                             */
    int draft;      /* never sent: not in the ledger surely */
} mdl_version;

/* Computed, not yet settled. */
typedef struct mdl_done {
    mdl_held of;
    int64_t *fitness; /* [of.count] */
    uint8_t root[MDL_DIGEST_BYTES];
    uint64_t updates, busy_ms, took_ms;
    char *segments;                           /* [of.count] as the message has them */
    int pledged, committed;                   /* it is committed first; it is */
    uint8_t nonce[MDL_DIGEST_BYTES];          /* where it is pledged */
    uint32_t stamps;                          /* versions made */
    mdl_version version[MDL_WORKER_KEPT_MAX]; /* of the result, then of the commitment */
} mdl_done;

/* What one event needs beside; nothing of it is read by the next one. */
typedef struct mdl_worker_scratch {
    uint64_t list[MDL_LIST_MAX];
    uint8_t work[MDL_SEAL_WORK_BYTES];
    uint8_t sealed[MDL_ENVELOPE_BYTES_MAX];
    uint8_t pae[MDL_PAE_BYTES_MAX];
} mdl_worker_scratch;

/* What a shard does next. */
typedef enum mdl_phase {
    MDL_PHASE_FETCH, /* the list of its state, then the chunks */
    MDL_PHASE_PULL,  /* ask for a step                          */
    MDL_PHASE_RUN,   /* an order is with a thread, or waits for one */
    MDL_PHASE_HAND,  /* hand in a window                        */
    MDL_PHASE_KEEP,  /* hand in its state, chunk by chunk       */
    MDL_PHASE_RESULT /* hand in the end                         */
} mdl_phase;

enum { MDL_SHARD_VERSIONS = 4, MDL_WORKER_SPARES = 16 };

/* A shard that is held. */
typedef struct mdl_slot {
    mdl_shard_work *work; /* NULL: the slot is free */
    mdl_held of;          /* .first is the job, .count 1 */
    uint64_t bytes, begun_ms, busy_ns, asked_ms;
    mdl_phase phase;
    int running, gone;     /* with a thread; to be dropped */
    int born;              /* 0: the next order begins with a birth */
    int lost;              /* the state that it would begin with is there no more */
    uint64_t at_ms;        /* nothing is said before */
    uint32_t life, window; /* the next one to run */
    /* A state that is fetched, and one that is handed in: its list, chunks done, bytes. */
    uint8_t snapshot[MDL_DIGEST_BYTES];
    uint8_t *list, *state;
    size_t list_size, state_size;
    mdl_snapshot parts;
    uint32_t chunk;
    int waits; /* `step` is what comes after the state is handed in */
    mdl_msg_step step;
    uint8_t *input; /* of it */
    /* Digests of the windows run in this lease, from (first_life, first_window) on; started[i] of them
     * lie before life first_life + 1 + i. */
    uint32_t first_life, first_window, count, room, starts, starts_room;
    uint8_t *digest;
    uint32_t *started;
    uint64_t updates;
    mdl_version version[MDL_SHARD_VERSIONS]; /* envelopes of its result */
    uint32_t versions;
    mdl_sent sent;
} mdl_slot;

/* A question of a dispute: at most one is at hand. */
typedef enum mdl_question_stage { MDL_QUESTION_NONE, MDL_QUESTION_RUNS, MDL_QUESTION_READY } mdl_question_stage;
typedef struct mdl_question {
    mdl_question_stage stage; /* RUNS: `work` is with a thread; READY: it is to be sent, or on its way */
    uint64_t lease;
    uint32_t generation;
    mdl_retrace order;
    mdl_shard_work *work;
} mdl_question;

struct mdl_worker {
    mdl_worker_config config;
    mdl_worker_io io;
    mdl_moment at; /* of the event at hand */
    uint32_t draws;
    int started, stopped, stopping;
    uint64_t deliver_until_ms, stop_at_ms, timer_ms;

    uint32_t place;
    mdl_place_state *places;    /* [config.places] */
    int session_open, unlinked; /* unlinked: no connection, as far as we were told */
    uint8_t session[MDL_SESSION_BYTES];
    uint64_t seq, token;
    uint64_t control_at_ms, want_at_ms, probe_at_ms;
    uint32_t session_losses; /* in a row, for pauses between hellos */
    int returning;           /* the first coordinator answers again: finish here, then go back */

    uint32_t ticket_bits; /* wanted; 0: no search under way */
    uint32_t ticket_searches;
    uint64_t ticket; /* found, or the next to try */

    uint8_t experiment[MDL_DIGEST_BYTES], document[MDL_DIGEST_BYTES]; /* zeros: not known */
    uint64_t lease_ms;
    mdl_vkey vkey;
    char vkey_text[257];
    mdl_model *model;
    int drop_model;
    uint64_t serial;
    uint32_t target; /* generation that is open, as far as we heard */
    uint8_t target_state[MDL_DIGEST_BYTES];
    int target_known; /* target_state holds */

    mdl_held held[MDL_WORKER_LEASES_MAX];
    uint32_t held_count;
    int computing, cancelled; /* held[0] is being computed; it shall end */
    uint64_t computing_since_ms;
    double jobs_per_ms, speed; /* smoothed; 0: not measured */

    mdl_done *done; /* [done_count], at most MDL_WORKER_UNDELIVERED_MAX + MDL_WORKER_LEASES_MAX */
    uint32_t done_count, done_room;
    uint64_t sending; /* lease whose result is on its way */

    mdl_slot *slot;                   /* [MDL_WORKER_SHARDS_MAX], from the first shard on */
    uint32_t slots, shards, sharding; /* slots: 0 or all of them; shards: held; sharding: with threads */
    uint64_t windows, shard_ns, shard_bytes, shard_failed_ms;
    mdl_shard_work *spare[MDL_WORKER_SPARES]; /* wired networks that nobody plays; NULL: none */
    mdl_gossip gossip;                        /* of the ledger of these two, where it is open */
    int gossip_open;
    uint8_t gossip_coordinator[MDL_KEY_BYTES], gossip_experiment[MDL_DIGEST_BYTES];
    uint64_t gossip_at_ms; /* not before */

    mdl_question question;

    uint64_t accepted, stale, rejected, credit;
    int idle, idle_told;
    int show; /* the coordinator asks for our nonce of the round */
    uint64_t idle_since_ms;
    char idle_text[256];

    mdl_sent way[MDL_WAY_COUNT];
    mdl_worker_scratch *scratch;
};

/* ---- questions.c ---- */
void mdl_questions_took(mdl_worker *w, const mdl_msg_question *q);
void mdl_questions_done(mdl_worker *w); /* by the thread */
/* Send the move, if one is ready. 0: none is. */
int mdl_questions_answer(mdl_worker *w);
void mdl_questions_over(mdl_worker *w, int taken); /* the move has been answered */
void mdl_questions_drop(mdl_worker *w);

/* ---- logic.c ---- */
void mdl_worker_say(mdl_worker *w, const mdl_notice *facts, const char *format, ...);
void mdl_worker_end(mdl_worker *w, mdl_stop_code code, const char *text);
/* `size` bytes that nobody could have foretold. */
void mdl_worker_draw(mdl_worker *w, uint8_t *out, size_t size);
/* Pause after so many failures in a row, with jitter. */
uint64_t mdl_worker_pause(mdl_worker *w, uint32_t failures);
/* Seal and send on a way that is free; fills in the head. `session` NULL: the open one, with its next number. */
void mdl_worker_send(mdl_worker *w, mdl_way way, uint32_t place, const uint8_t *session, mdl_message *m);
/* The same with a blob behind it. */
void mdl_worker_send_blob(mdl_worker *w, mdl_way way, uint32_t place, const uint8_t *session, mdl_message *m,
                          const uint8_t *blob, size_t blob_size);
/* The call of a way; ways are 0 .. mdl_worker_ways() - 1. */
mdl_sent *mdl_worker_way(mdl_worker *w, uint32_t way);
static inline uint32_t mdl_worker_ways(const mdl_worker *w) { return (uint32_t)MDL_WAY_COUNT + w->slots; }
/* The call has its answer. */
void mdl_worker_answered(mdl_worker *w, mdl_way way);
/* The answer was none: the same bytes again, later. */
void mdl_worker_again(mdl_worker *w, mdl_way way);
/* The answer was "not now": the same bytes again, then. */
void mdl_worker_wait(mdl_worker *w, mdl_way way, uint64_t until_ms);
/* One more failure with this coordinator; maybe the next one. */
void mdl_worker_failed(mdl_worker *w, uint32_t place, const char *text);
/* Never again: go to the next coordinator, or stop with `code`. */
void mdl_worker_condemn(mdl_worker *w, uint32_t place, mdl_stop_code code, const char *text);
void mdl_worker_go(mdl_worker *w, uint32_t place, uint64_t pause_ms);
/* The session is gone: say hello again after a pause that grows. */
void mdl_worker_lose_session(mdl_worker *w, uint32_t losses_least);

/* ---- logic_reply.c ---- */
void mdl_worker_take(mdl_worker *w, mdl_way way, const uint8_t *bytes, size_t size);
void mdl_worker_look_for_ticket(mdl_worker *w);

/* ---- logic_gossip.c ---- */
/* After a welcome: whose checkpoints are compared from now on. */
void mdl_checkpoints_begin(mdl_worker *w);
/* One that came with a receipt. */
void mdl_checkpoints_seen(mdl_worker *w, mdl_text note);
void mdl_checkpoints_heard(mdl_worker *w, mdl_text note); /* from elsewhere */
/* Ask what is open, when it is time. 1: the way is taken. */
int mdl_checkpoints_ask(mdl_worker *w);
void mdl_checkpoints_answer(mdl_worker *w, uint32_t place, const mdl_message *m, const mdl_frame *frame);
/* `for_now`: it can be asked again. */
void mdl_checkpoints_refused(mdl_worker *w, uint32_t place, int for_now, const mdl_msg_reject *r);

/* ---- logic_work.c ---- */
void mdl_jobs_granted(mdl_worker *w, const mdl_msg_grant *g);
/* The computation of held[0] has ended; `jobs` NULL: cancelled. */
void mdl_jobs_computed(mdl_worker *w, const mdl_job_result *jobs, uint64_t busy_ms);
/* Begin, cancel or drop computations as the model and the leases ask for. */
void mdl_jobs_drive(mdl_worker *w);
int mdl_jobs_wanted(const mdl_worker *w);
void mdl_jobs_want(mdl_worker *w);
/* Show our nonce of the open generation. */
void mdl_jobs_show(mdl_worker *w);
/* Hand in a result that this coordinator may take, if the way is free. */
void mdl_jobs_deliver(mdl_worker *w);
int mdl_jobs_undelivered(const mdl_worker *w); /* results for the present coordinator and experiment */
void mdl_jobs_receipt(mdl_worker *w, const uint8_t *bytes, size_t size);
void mdl_jobs_refused(mdl_worker *w, mdl_notice_kind state, unsigned reason, const char *text);
void mdl_jobs_free(mdl_worker *w);

/* ---- shards.c ---- */
void mdl_shards_granted(mdl_worker *w, const mdl_msg_shardgrant *g);
/* Drop what is void, say what is to be said, give threads what is to be run. */
void mdl_shards_drive(mdl_worker *w);
void mdl_shards_done(mdl_worker *w, uint32_t slot, uint64_t busy_ns);
/* The answer to a shard's call. */
void mdl_shards_answered(mdl_worker *w, uint32_t slot, const mdl_message *m, const mdl_frame *frame);
void mdl_shards_receipt(mdl_worker *w, uint32_t slot, const uint8_t *bytes, size_t size);
/* The lease is over or its result refused. */
void mdl_shards_refused(mdl_worker *w, uint32_t slot, unsigned reason, const char *text);
/* Bytes that new shards may take; 0: none is wanted. */
uint64_t mdl_shards_room(const mdl_worker *w);
uint64_t mdl_shards_due(const mdl_worker *w); /* when one of them has something to say; UINT64_MAX: not known */
void mdl_shards_free(mdl_worker *w);
/* Let wired networks go that nobody plays. */
void mdl_shards_forget(mdl_worker *w);
void mdl_shards_no_memory(mdl_worker *w); /* the worker ends */

/* ---- shards_say.c ---- */
/* Say what the phase asks for, if anything; the slot's way is free. */
void mdl_shard_speak(mdl_worker *w, mdl_slot *s);
static inline mdl_way mdl_shard_way(const mdl_worker *w, const mdl_slot *s) {
    return (mdl_way)((uint32_t)MDL_WAY_COUNT + (uint32_t)(s - w->slot));
}

/* ---- logic_work.c ---- */
int mdl_held_is_here(const mdl_worker *w, const mdl_held *h);
/* Nobody wants what was leased any more. */
int mdl_held_is_void(const mdl_worker *w, const mdl_held *h);
/* What a receipt settles: the record is this version of the envelope. */
mdl_settled mdl_settled_by(const mdl_version *which, uint64_t record, const uint8_t *proof, size_t proof_size);
/* Tell, count, and stop where it was the last to do; `s` has state, reason, text and what was sent. */
void mdl_held_settled(mdl_worker *w, const mdl_held *of, uint64_t updates, uint64_t took_ms, mdl_settled *s);
int mdl_version_verified(const mdl_worker *w, const mdl_version *version, uint32_t count, const mdl_tlog_proof *proof,
                         const mdl_version **which);

static inline int mdl_is_zeros(const uint8_t *bytes, size_t size) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

#endif
