/* The worker as a pure state machine. PROTOCOL chapter 8.
 *
 * Events come in by the calls below, each with its moment: time and random
 * bytes. Commands go out through one table of functions. There is no clock, no
 * randomness and no I/O in here, so the same object runs under the shell
 * (worker/shell.h) and in tests under a scripted coordinator. Commands must not
 * call events. One thread at a time.
 *
 * What it does: hello, welcome; the document, checked against the experiment's
 * id; the results of closed generations, checked against the state's digest;
 * then leases, two at a time, so that the threads never wait for the network.
 * Where the experiment is cut into shards it holds several of them, up to its memory: each has
 * a conversation of its own, one call at a time, and whichever has its inputs is run.
 * Where the experiment is verified a result is committed first, and shown when a
 * receipt for the commitment verifies. A result is kept (outbox) until a receipt
 * for it verifies or it is refused.
 * Without a coordinator it goes on computing what it holds. */
#ifndef MDL_WORKER_LOGIC_H
#define MDL_WORKER_LOGIC_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/key_change.h"
#include "protocol/messages.h"
#include "protocol/reason.h"
#include "protocol/unit.h"
#include "worker/model.h"
#include "worker/shard_work.h"

enum {
    MDL_WORKER_PLACES_MAX = 16, /* coordinators                                          */
    MDL_WORKER_LEASES_MAX = 8,  /* held at once and not yet computed                     */
    MDL_WORKER_LEASES_DEFAULT = 2,
    MDL_WORKER_UNDELIVERED_MAX = 64,                   /* results waiting for a receipt: no new leases beyond   */
    MDL_WORKER_VERSIONS_MAX = 5,                       /* envelopes of one result, one a session                */
    MDL_WORKER_KEPT_MAX = 2 * MDL_WORKER_VERSIONS_MAX, /* and of its commitment              */
    MDL_WORKER_BACKOFF_MS = 1000,                      /* first pause after a failure; doubled up to            */
    MDL_WORKER_BACKOFF_MS_MAX = 60000,
    MDL_WORKER_SHARDS_MAX = 48,   /* held at once                                           */
    MDL_WORKER_PROBE_MS = 60000,  /* between looks at the first coordinator                */
    MDL_WORKER_TRIES = 3,         /* failures in a row before the next coordinator         */
    MDL_WORKER_CALL_MS = 15000,   /* how long a call may take                              */
    MDL_WORKER_GOSSIP_MS = 30000, /* between questions about the ledger's checkpoints     */
    MDL_WORKER_GOODBYE_MS = 1500  /* from stop() to the command stop                       */
};

/* The moment of an event. `now_ms` never goes back; random bytes are fresh. */
typedef struct mdl_moment {
    uint64_t now_ms;
    uint8_t random[32];
} mdl_moment;

typedef struct mdl_worker_place {
    uint8_t key[MDL_KEY_BYTES]; /* the coordinator's, from its address */
    char name[128];             /* for people: the address             */
} mdl_worker_place;

typedef struct mdl_worker_config {
    uint8_t key[MDL_KEY_BYTES];                    /* the worker's */
    uint8_t secret[MDL_SECRET_BYTES];              /* of who signs: the worker's key, or its session key */
    char statement[MDL_KEY_SESSION_TEXT + 1];      /* of the session key; empty: the worker's key signs itself */
    mdl_worker_place place[MDL_WORKER_PLACES_MAX]; /* in order of preference */
    uint32_t places;                               /* 1..                    */
    uint32_t threads;                              /* 1..65535               */
    uint32_t leases;                               /* 1..MDL_WORKER_LEASES_MAX; 0: the default */
    uint64_t memory;                               /* bytes for shards of networks in all; 0: none are taken */
    char program[33];
    char invite[MDL_INVITE_BYTES_MAX + 1]; /* empty: none                    */
    uint64_t gossip_ms;                    /* 0: MDL_WORKER_GOSSIP_MS        */
    int once;                              /* stop after one result is settled */
    /* For many workers in one process; NULL: of its own. By reference. */
    struct mdl_worker_scratch *scratch; /* used within an event only */
    const mdl_model_source *models;
} mdl_worker_config;

/* NULL when out of memory; free() ends it. */
struct mdl_worker_scratch *mdl_worker_scratch_new(void);

typedef enum mdl_notice_kind {
    MDL_NOTICE_CONNECTED,  /* welcomed                                  */
    MDL_NOTICE_EXPERIMENT, /* the document is here and sound            */
    MDL_NOTICE_GENERATION, /* synchronised to a new generation          */
    MDL_NOTICE_ACCEPTED,   /* a receipt verified                        */
    MDL_NOTICE_STALE,      /* honest work that came too late: no error  */
    MDL_NOTICE_REJECTED,   /* the coordinator refused a result          */
    MDL_NOTICE_IDLE,       /* no work for a while, and why              */
    MDL_NOTICE_BUSY,       /* work again after an announced idle time   */
    MDL_NOTICE_ABSENT,     /* no answer                                 */
    MDL_NOTICE_SWITCH,     /* another coordinator                       */
    MDL_NOTICE_TICKET,     /* looking for a ticket                      */
    MDL_NOTICE_CHECKPOINT, /* one from elsewhere agrees with ours       */
    MDL_NOTICE_ERROR,      /* something that a person should look at    */
    MDL_NOTICE_COUNT
} mdl_notice_kind;

const char *mdl_notice_name(int kind); /* "accepted"; never NULL */

/* Something for people. `text` is a sentence; the numbers are 0 where they mean
 * nothing. Gone after the call. */
typedef struct mdl_notice {
    mdl_notice_kind kind;
    const char *text;
    unsigned reason; /* protocol/reason.h */
    uint64_t lease, updates, took_ms, record;
    uint32_t generation, first, count;
} mdl_notice;

/* A result that is over: a receipt verified, or it will never be taken. */
typedef struct mdl_settled {
    mdl_notice_kind state; /* ACCEPTED, STALE or REJECTED                        */
    unsigned reason;       /* of the latter two; protocol/reason.h               */
    const char *text;      /* the same for people; empty when accepted           */
    uint8_t coordinator[MDL_KEY_BYTES], experiment[MDL_DIGEST_BYTES];
    uint64_t lease, updates, record; /* record: accepted only                    */
    uint32_t generation, first, count;
    const uint8_t *envelope; /* the ledger's record, or the last one sent; NULL: never sent */
    size_t envelope_size;
    const uint8_t *proof; /* .tlog-proof, accepted only                          */
    size_t proof_size;
    const char *vkey; /* that it verified under                                  */
} mdl_settled;

typedef enum mdl_stop_code {
    MDL_STOP_ASKED,    /* stop(), or `once` is done                               */
    MDL_STOP_FINISHED, /* the experiment has ended                                */
    MDL_STOP_REFUSED,  /* banned, not admitted, other versions                    */
    MDL_STOP_LIED,     /* what the coordinator signed contradicts itself or our own results */
    MDL_STOP_FAILED    /* out of memory                                           */
} mdl_stop_code;

/* Commands. Bytes and texts are the logic's again when the function returns. */
typedef struct mdl_worker_io {
    void *ctx;
    /* Send a frame to coordinator `place`; then exactly one reply() with `token`,
     * or none after leave(). */
    void (*call)(void *ctx, uint32_t place, uint64_t token, const uint8_t *frame, size_t size, uint32_t timeout_ms);
    /* No more calls to `place` for now. */
    void (*leave)(void *ctx, uint32_t place);
    /* Run jobs [first, first + count) of the model's generation; then computed().
     * The model stays as it is until then. At most one computation at a time. */
    void (*compute)(void *ctx, const mdl_model *model, uint32_t first, uint32_t count);
    /* End the computation soon; computed() still comes, with jobs NULL or not. */
    void (*cancel)(void *ctx);
    /* Call timer() at this time, instead of what was asked before; UINT64_MAX: never. */
    void (*timer)(void *ctx, uint64_t at_ms);
    /* Keep the envelope of a result, version 0 .. MDL_WORKER_VERSIONS_MAX - 1, or of its
     * commitment, from there on, until settled() or another of the same version. */
    void (*keep)(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], uint64_t lease, uint32_t version,
                 const uint8_t *envelope, size_t size);
    void (*settled)(void *ctx, const mdl_settled *s);
    /* Keep the newest checkpoint of this ledger that was seen or, `proven`, was shown to
     * continue those before it; `vkey` is the ledger's. */
    void (*checkpoint)(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], const uint8_t experiment[MDL_DIGEST_BYTES],
                       const char *vkey, int proven, const char *note, size_t size);
    /* What checkpoint() kept last, from an earlier run too: its bytes into `note`. Returns
     * their number, 0: none, or more than `room`. */
    size_t (*kept)(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], const uint8_t experiment[MDL_DIGEST_BYTES],
                   int proven, char *note, size_t room);
    /* The ledger has two histories: keep the proof, protocol/fraud.h. `records`: of its smaller checkpoint. */
    void (*fraud)(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], const uint8_t experiment[MDL_DIGEST_BYTES],
                  uint64_t records, const char *proof, size_t size);
    void (*notice)(void *ctx, const mdl_notice *n);
    /* The last command: nothing follows. */
    void (*stop)(void *ctx, mdl_stop_code code, const char *text);
    /* Carry out a shard's order on some thread, beside a computation and those of other shards;
     * then sharded(). May be NULL where config.memory is 0. */
    void (*shard)(void *ctx, uint32_t slot, mdl_shard_work *work);
} mdl_worker_io;

typedef struct mdl_worker mdl_worker;

/* NULL when out of memory. Config and table are copied. */
mdl_worker *mdl_worker_new(const mdl_worker_config *config, const mdl_worker_io *io);
/* Not while a computation runs. Wipes the secret. */
void mdl_worker_free(mdl_worker *w);

/* Before start(): an envelope that keep() was once given. MDL_OK, or why it is
 * not used: the errors of mdl_envelope_decode() and _message_decode(),
 * MDL_ESIGNATURE, MDL_EMISMATCH (not a result, or of another key than ours),
 * MDL_ESIZE (there are too many), MDL_ENOMEM. */
mdl_err mdl_worker_restore(mdl_worker *w, const uint8_t coordinator[MDL_KEY_BYTES], uint32_t version,
                           const uint8_t *envelope, size_t size);
void mdl_worker_start(mdl_worker *w, const mdl_moment *at);
void mdl_worker_link(mdl_worker *w, const mdl_moment *at, uint32_t place, int connected);
/* status other than MDL_OK: no answer came. */
void mdl_worker_reply(mdl_worker *w, const mdl_moment *at, uint64_t token, mdl_err status, const uint8_t *bytes,
                      size_t size);
void mdl_worker_news(mdl_worker *w, const mdl_moment *at, uint32_t place, const uint8_t *bytes, size_t size);
/* The computation has ended.
 *   jobs     its results in order, or NULL: cancelled
 *   busy_ms  all threads added */
void mdl_worker_computed(mdl_worker *w, const mdl_moment *at, const mdl_job_result *jobs, uint64_t busy_ms);
/* The order of a shard is carried out; `busy_ns` of the thread that did it. */
void mdl_worker_sharded(mdl_worker *w, const mdl_moment *at, uint32_t slot, uint64_t busy_ns);
/* A checkpoint that somebody else was shown: it is compared with ours as soon as the
 * coordinator has answered for both. One of another ledger is not used. */
void mdl_worker_heard(mdl_worker *w, const mdl_moment *at, const char *note, size_t size);
void mdl_worker_timer(mdl_worker *w, const mdl_moment *at);
/* Say goodbye and stop. */
void mdl_worker_stop(mdl_worker *w, const mdl_moment *at);

/* For status lines. */
typedef struct mdl_worker_info {
    uint64_t accepted, stale, rejected; /* results since the start */
    uint64_t credit;                    /* updates of accepted results */
    uint64_t speed;                     /* updates a second, smoothed; 0: not measured */
    uint32_t generation, generations;   /* 0 and 0: not known */
    uint32_t place, leases, undelivered;
    int session, computing;
    uint32_t shards;                    /* held                                            */
    uint64_t windows, shard_ns, memory; /* run since the start; threads' time in them; bytes that shards take now */
    uint64_t idle_ms;                   /* 0: not idle */
    const char *idle_text;              /* why */
    uint64_t held_records;              /* of the newest checkpoint that continues all before it; 0: none */
} mdl_worker_info;

void mdl_worker_inform(const mdl_worker *w, uint64_t now_ms, mdl_worker_info *out);

#endif
