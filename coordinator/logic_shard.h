/* Sharded jobs: what the files of the coordinator's logic that run them share.
 * logic_shard.c: calls; logic_shard_join.c: the end of a job; logic_shard_plan.c: cuts, leases,
 * late shards; logic_shard_share.c: fair shares; logic_shard_judge.c: disputes and false answers. Not for others. */
#ifndef MDL_COORDINATOR_LOGIC_SHARD_H
#define MDL_COORDINATOR_LOGIC_SHARD_H

#include "coordinator/logic_internal.h"
#include "coordinator/orchestra.h"
#include "protocol/transcript.h"

enum {
    MDL_STAGES_MAX = 1024,      /* sharded jobs at once                              */
    MDL_SHARD_POLL_MS = 5000,   /* a question is answered within this time           */
    MDL_SHARD_SILENT_MS = 30000 /* without a sign of life a shard's lease ends; longer where windows are long */
};

/* One sharded job. */
typedef struct mdl_stage {
    mdl_orchestra *orchestra;
    uint64_t opened_ms, moved_ms; /* moved: when the window at hand began */
    uint64_t over_ms;             /* when the last one ended; 0: not yet  */
    uint64_t lacked_ms;           /* since when a shard has nobody; 0: none has */
    double window_ms;             /* how long one takes, smoothed; 0: not known */
    int replaying;                /* a dispute is with the threads        */
} mdl_stage;

/* A question that waits. */
typedef struct mdl_parked {
    uint64_t call, seq, since_ms, lease;
    uint8_t session[MDL_SESSION_BYTES];
    uint32_t worker;
    mdl_place_in at;
} mdl_parked;

struct mdl_shards {
    mdl_stage *stage; /* in order of their opening */
    uint32_t stages, stages_room;
    mdl_parked *parked;
    uint32_t parked_count, parked_room;
    uint32_t threads;         /* replays and searches under way */
    uint64_t windows, played; /* of jobs that are over, and those played again */
    uint64_t busy_ms, held_ms;
    uint64_t states;   /* bytes that may be kept */
    double mean_speed; /* of workers whose speed is known; 0: none's is */
    uint32_t hungry;   /* who last asked for a shard and got none */
    int anothers;      /* whoever asks now could have one if it were not another's turn */
};

static inline const mdl_experiment *mdl_stage_experiment(const mdl_coordinator *c) {
    return mdl_ledger_experiment(c->ledger);
}

/* ---- logic_shard.c ---- */
/* Questions that have waited long enough are answered. */
void mdl_stage_poll(mdl_coordinator *c, uint64_t now_ms);
/* All of them: what they are about is over. */
void mdl_stage_flush(mdl_coordinator *c, uint64_t now_ms);
mdl_stage *mdl_stage_of(mdl_coordinator *c, uint32_t job); /* NULL: none */
/* End a shard's lease with a record, and its part; questions about it are answered. */
void mdl_stage_end(mdl_coordinator *c, mdl_stage *s, uint64_t lease, mdl_reason reason, uint64_t now_ms);
/* Give the job up: its leases end and it can be begun again. */
void mdl_stage_abandon(mdl_coordinator *c, mdl_stage *s, mdl_reason reason, uint64_t now_ms);
/* Answer what can be answered. */
void mdl_stage_wake(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms);
/* The job is joined, or given up: `s` and those behind it are others now. */
void mdl_stage_close(mdl_coordinator *c, mdl_stage *s);

/* ---- logic_shard_join.c ---- */
/* Write what a job's shards add up to, if all are there. */
void mdl_stage_join(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms);

/* ---- logic_shard_plan.c ---- */
/* How many shards a job is cut into now; 1 by choice of "auto" means not at all: *whole. */
uint32_t mdl_stage_count(const mdl_coordinator *c, int *whole);
/* Since when a part is late, or it is gone for now: another may do the same. */
int mdl_stage_is_late(const mdl_stage *s, const mdl_voice *v, uint64_t now_ms);

/* ---- logic_shard_share.c ---- */
/* A worker asks for a shard. First of all: the others here refer to it. */
void mdl_share_asked(mdl_coordinator *c, const mdl_asked *a);
/* What a result says about its worker's speed. */
void mdl_share_measured(mdl_coordinator *c, uint32_t worker, uint64_t updates, uint64_t busy_ms);
/* Whether a shard of so many bytes that nobody has is for this worker: not for another that has less to do and asks
 * too. `s` NULL: of a job that is not begun. */
int mdl_share_is_for(mdl_coordinator *c, mdl_stage *s, uint32_t shard, uint64_t bytes, uint32_t worker,
                     uint64_t now_ms);
/* It was given one. */
void mdl_share_given(mdl_coordinator *c, const mdl_stage *s, uint32_t shard, uint32_t worker);
/* It got none. 1: another worker has given up one for it that it had not begun. */
int mdl_share_empty_handed(mdl_coordinator *c, uint32_t worker, uint64_t now_ms);
/* A part is at a place from which another can go on without replay. 1: another does, and the part is gone. */
int mdl_share_moves(mdl_coordinator *c, mdl_stage *s, const mdl_voice *v, uint64_t now_ms);

/* ---- logic_shard_judge.c ---- */
/* A dispute has begun: the threads play the shard again. */
void mdl_stage_dispute(mdl_coordinator *c, mdl_stage *s, uint64_t now_ms);

#endif
