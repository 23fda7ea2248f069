/* What the files of the simulation share. fleet.c: birth, the loop, the report;
 * coordinator.c and worker.c: the shells; network.c; behaviour.c: what workers
 * answer and do beside; dispute.c: what they show when they are asked; oracle.c:
 * what is right; watch.c: invariants. */
#ifndef MDL_SIM_INTERNAL_H
#define MDL_SIM_INTERNAL_H

#include "coordinator/logic.h"
#include "sim/queue.h"
#include "sim/random.h"
#include "sim/sim.h"
#include "sim/store.h"
#include "worker/logic.h"

enum {
    MDL_SIM_TOKENS = 8,     /* calls of one worker under way      */
    MDL_SIM_KEPT = 160,     /* envelopes in one worker's outbox   */
    MDL_SIM_TAPPED = 64,    /* frames that eavesdroppers keep     */
    MDL_SIM_HISTOGRAM = 64, /* of waiting times, by powers of 2^(1/2) us */
    MDL_SIM_OWNERS = 6,     /* results of one job that are watched */
    MDL_SIM_WINDOWS = 100,  /* of each job's one life */
    MDL_SIM_LIES = 64       /* newest made-up answers that a worker remembers */
};

typedef enum mdl_sim_event_kind {
    MDL_EV_WORKER_BEGIN,  /* a process starts                        */
    MDL_EV_WORKER_TIMER,  /* token: stamp                            */
    MDL_EV_WORKER_DONE,   /* token: stamp of the computation         */
    MDL_EV_WORKER_KILL,   /* token: stamp of the process             */
    MDL_EV_WORKER_REPLY,  /* token: the call                         */
    MDL_EV_WORKER_SILENT, /* token: the call; it had no answer       */
    MDL_EV_WORKER_MOVE,   /* token: stamp of the process; what a question asks for is there */
    MDL_EV_WORKER_LOOK,   /* token: stamp; calls may have waited for too long */
    MDL_EV_WORKER_NEWS,
    MDL_EV_WORKER_LINK, /* token: 1 connected                      */
    MDL_EV_MISCHIEF,    /* a worker's own frames                   */
    MDL_EV_ARRIVE,      /* a frame at the coordinator; token       */
    MDL_EV_SERVE,       /* its signature has had its time          */
    MDL_EV_COMMITTED,   /* token: records                          */
    MDL_EV_TICK,
    MDL_EV_CRASH,
    MDL_EV_RESTART,
    MDL_EV_CHECKED, /* the coordinator has done a job itself   */
    MDL_EV_JUDGED   /* and the last step of a dispute          */
} mdl_sim_event_kind;

typedef struct mdl_sim_kept {
    uint8_t coordinator[MDL_KEY_BYTES];
    uint64_t lease;
    uint32_t version;
    mdl_sim_bytes *envelope;
} mdl_sim_kept;

/* An answer that was made up: with a story, the row of a life that goes wrong after window seed % MDL_SIM_WINDOWS. */
typedef struct mdl_sim_lie {
    uint64_t seed; /* 0: none */
    int64_t fitness;
    uint32_t generation, job;
    int story;
} mdl_sim_lie;

typedef struct mdl_sim_worker {
    mdl_worker *logic; /* NULL: not running */
    void *context;     /* of its commands       */
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES], owner[MDL_KEY_BYTES];
    uint32_t behaviour, threads;
    double speed; /* updates a millisecond, all threads */
    uint64_t latency_us;
    uint64_t random, moments;
    uint64_t process, timer, computation, look; /* stamps: events of older ones are void */
    uint64_t token[MDL_SIM_TOKENS], until_us[MDL_SIM_TOKENS];
    uint32_t tokens;
    uint64_t look_us;        /* when one comes; 0: none does */
    int computing, finished; /* finished: stopped by its own logic */
    const mdl_model *model;
    uint32_t first, count;
    uint64_t began_us;
    mdl_sim_kept *kept;
    uint32_t kept_count, kept_room;
    mdl_sim_bytes *checkpoint[2]; /* the newest seen; the newest that continues what came before */
    mdl_sim_bytes *frame;         /* the last result that it sent, for later mischief */
    uint32_t turns;               /* draws of behaviour */
    mdl_shard_work *move;         /* what it is asked in a dispute; NULL: nothing */
    mdl_sim_lie *lie;             /* [MDL_SIM_LIES], from the first on            */
    uint32_t lies;
    /* what the watch knows */
    uint64_t worked, paid, jobs, wrong, slipped, units_wrong, accepted, forfeited;
    uint64_t first_wrong_us, banned_us; /* 0: never */
    uint32_t heir;                      /* worker + 1 that begins when this one is banned; 0: none */
} mdl_sim_worker;

/* A call that the coordinator has not answered. */
typedef struct mdl_sim_call {
    uint32_t worker, next; /* next: free list */
    uint64_t token;        /* 0: nobody waits for the answer */
    int used;
} mdl_sim_call;

typedef struct mdl_sim_waiting {
    uint64_t call, after;
    int receipt;
    mdl_sim_bytes *frame;
} mdl_sim_waiting;

/* A unit of fresh work of a trusted worker, until its generation closes. */
typedef struct mdl_sim_fresh {
    uint64_t lease;
    uint32_t worker, first, count;
    uint8_t nonce[32], root[32];
} mdl_sim_fresh;

/* What the watch knows of a job of the open generation. */
typedef struct mdl_sim_job {
    uint32_t by[MDL_SIM_OWNERS]; /* workers whose results were recorded */
    int64_t told[MDL_SIM_OWNERS];
    uint8_t bad[MDL_SIM_OWNERS]; /* which of them are wrong */
    uint32_t count;
    uint32_t side[2]; /* workers of its dispute */
    uint8_t settled;  /* the coordinator has answered it */
} mdl_sim_job;

/* The last step of a dispute, under way. */
typedef struct mdl_sim_judging {
    uint32_t generation, job;
    mdl_judged judged;
} mdl_sim_judging;

/* A model that workers share, and what led there. */
typedef struct mdl_sim_model {
    mdl_model *model;
    uint32_t to;         /* its generation                                   */
    const mdl_model *at; /* the model that went on with these fitnesses      */
    uint8_t *fitness;
    size_t size;
} mdl_sim_model;

typedef struct mdl_sim {
    mdl_sim_plan plan;
    mdl_sim_queue queue;
    uint64_t now_us;
    uint64_t network, oracle, churn, checks; /* streams */
    mdl_err failed;

    char *document;
    size_t document_size;
    uint8_t experiment[32], digest[MDL_DIGEST_BYTES];
    uint32_t candidates, islands;

    mdl_coordinator *logic; /* NULL: down */
    mdl_coordinator_config config;
    mdl_coordinator_io io;
    mdl_listed *listed;
    mdl_sim_store store;
    uint64_t incarnation, busy_us; /* busy: until when its processors verify */
    mdl_sim_call *call;
    uint32_t calls, calls_room, free_call;
    int committing;
    mdl_sim_waiting *waiting;
    uint32_t waiting_count, waiting_room;
    uint64_t histogram[MDL_SIM_HISTOGRAM];
    mdl_sim_judging judging[MDL_CHECKERS_MAX];
    uint32_t judgings;

    mdl_sim_worker *worker;
    uint32_t workers, up;
    uint32_t *by_key, by_key_room; /* open addressing; 0: free, else index + 1 */
    mdl_sim_bytes *tapped[MDL_SIM_TAPPED];
    uint32_t taps;

    struct mdl_worker_scratch *scratch; /* of all workers */
    mdl_model_source source;
    mdl_sim_model *model;
    uint32_t models, models_room;
    mdl_sim_bytes *hashed; /* the newest bytes that were hashed for a worker, and to what */
    uint8_t hashed_to[MDL_DIGEST_BYTES];

    /* the watch */
    mdl_sim_job *job;
    uint32_t jobs_room, generation;
    mdl_sim_fresh *unit;
    int drawn; /* this generation's are, where nonces are shared */
    uint32_t units, units_room;
    uint8_t *wrong; /* [wrong_room] whether a job's first result was wrong */
    uint32_t wrong_room;
    int fold_due;
    uint64_t paid, accepted_updates;
    uint64_t open_updates, open_extra;
    mdl_sim_report report;

    uint8_t pae[MDL_PAE_BYTES_MAX], work[MDL_SEAL_WORK_BYTES], sealed[MDL_ENVELOPE_BYTES_MAX];
    uint64_t list[MDL_LIST_MAX];
    uint8_t frame[MDL_FRAME_CALL_MAX];
} mdl_sim;

static inline uint64_t mdl_sim_ms(const mdl_sim *s) { return 1000 + s->now_us / 1000; }

/* Out of memory, or a bug of the simulation's: the run ends. */
void mdl_sim_fail(mdl_sim *s, mdl_err err);
void mdl_sim_at(mdl_sim *s, uint64_t at_us, uint32_t kind, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes);
/* A broken invariant. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void
mdl_sim_violated(mdl_sim *s, const char *format, ...);
/* UINT32_MAX: no worker of this key. */
uint32_t mdl_sim_find(const mdl_sim *s, const uint8_t key[MDL_KEY_BYTES]);

/* ---- network.c ---- */
uint64_t mdl_sim_latency_us(mdl_sim *s, uint32_t worker);
/* A frame on its way to the coordinator, with all that may befall it. token 0:
 * nobody waits for an answer. */
void mdl_sim_to_coordinator(mdl_sim *s, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes);
void mdl_sim_to_worker(mdl_sim *s, uint32_t worker, uint64_t token, mdl_sim_bytes *bytes);

/* ---- coordinator.c ---- */
void mdl_sim_coordinator_start(mdl_sim *s);
void mdl_sim_coordinator_event(mdl_sim *s, const mdl_sim_event *e);
void mdl_sim_coordinator_close(mdl_sim *s);

/* ---- worker.c ---- */
void mdl_sim_worker_event(mdl_sim *s, const mdl_sim_event *e);
void mdl_sim_worker_close(mdl_sim *s, mdl_sim_worker *w);

/* ---- oracle.c ---- */
/* What job `job` of `generation` really gives; `result` may be NULL: the updates alone. */
uint64_t mdl_sim_truth(const mdl_sim *s, uint32_t generation, uint32_t job, mdl_job_result *result);
/* Its one life's row. */
void mdl_sim_row(const mdl_sim *s, uint32_t generation, uint32_t job, mdl_life_row *row);
int64_t mdl_sim_true_fitness(const mdl_sim *s, uint32_t generation, uint32_t job);

/* ---- model.c ---- */
/* s->source: what one worker has computed, the others share. */
void mdl_sim_models_begin(mdl_sim *s);
void mdl_sim_models_close(mdl_sim *s);

/* ---- behaviour.c ---- */
/* Worker `worker` is banned: its heir begins. */
void mdl_sim_succeed(mdl_sim *s, uint32_t worker);
/* What share of the honest time a computation takes. */
double mdl_sim_effort(const mdl_sim *s, const mdl_sim_worker *w);
/* The results that this worker tells. 0: it does not answer this unit. */
int mdl_sim_answer(mdl_sim *s, mdl_sim_worker *w, uint32_t generation, uint32_t first, uint32_t count,
                   mdl_job_result *out);
/* A frame that a worker's logic sends passes here. 0: it is kept back. */
int mdl_sim_sends(mdl_sim *s, uint32_t worker, const uint8_t *frame, size_t size);
/* When the worker makes its next mischief; 0: never. */
uint64_t mdl_sim_mischief_us(mdl_sim *s, const mdl_sim_worker *w);
void mdl_sim_mischief(mdl_sim *s, uint32_t worker);

/* ---- dispute.c ---- */
/* A made-up answer, equal for equal `seed`; the worker remembers it, for it may be asked. One in two has a story. */
void mdl_sim_invent(mdl_sim *s, mdl_sim_worker *w, uint32_t generation, uint32_t job, uint64_t seed, int64_t fitness,
                    mdl_job_result *out);
/* A question has come; what it asks for is there when MDL_EV_WORKER_MOVE comes. */
void mdl_sim_asked(mdl_sim *s, uint32_t worker, mdl_shard_work *work);
void mdl_sim_move(mdl_sim *s, mdl_sim_worker *w);
void mdl_sim_judge(mdl_sim *s, const mdl_evolution *of, uint32_t job, const mdl_case *last);
void mdl_sim_judged(mdl_sim *s, uint32_t generation, uint32_t job);
void mdl_sim_watch_dispute(mdl_sim *s, const mdl_msg_dispute *m);
void mdl_sim_watch_judgement(mdl_sim *s, const mdl_msg_judgement *m);

/* ---- watch.c ---- */
void mdl_sim_look_for_ban(mdl_sim *s, uint32_t worker);
/* Record `index` is durable. What a crash takes, it has never seen. */
void mdl_sim_watch_record(mdl_sim *s, uint64_t index);
void mdl_sim_watch_receipt(mdl_sim *s, uint32_t worker, const mdl_settled *settled);
/* A whole fold of what is stored, signatures and all, beside the coordinator's; when all is durable. */
void mdl_sim_watch_fold(mdl_sim *s);
void mdl_sim_watch_end(mdl_sim *s);

#endif
