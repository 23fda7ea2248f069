/* The worker's compute threads: the jobs of one lease at a time, spread over
 * threads of their own, each with its own network, several at once where that is
 * faster (mdl_unit_jobs). Results go by index, so the number of threads changes no byte. Orders of shards are carried
 * out in between, in turn: others wait for them.
 *
 * All calls, and `done`, on the loop's thread. */
#ifndef MDL_WORKER_COMPUTE_H
#define MDL_WORKER_COMPUTE_H

#include <uv.h>

#include "protocol/unit.h"
#include "worker/model.h"
#include "worker/shard_work.h"

enum { MDL_COMPUTE_SHARDS = 64 };

typedef struct mdl_compute mdl_compute;

typedef struct mdl_compute_options {
    uint32_t threads;  /* 1..1024                                                            */
    int nice;          /* 0..19, added to the threads' niceness                              */
    uint32_t throttle; /* 1..100: per cent of the time that a thread works; it sleeps between jobs */
    /* A lease has ended: its results in order, or NULL when it was cancelled. */
    void (*done)(void *ctx, const mdl_job_result *jobs, uint64_t busy_ms);
    /* A shard's order is carried out. NULL where there are none. */
    void (*sharded)(void *ctx, uint32_t slot, uint64_t busy_ns);
    void *ctx;
} mdl_compute_options;

/* MDL_ENOMEM, MDL_EIO (the system gives no thread); then *out is NULL. */
mdl_err mdl_compute_open(mdl_compute **out, uv_loop_t *loop, const mdl_compute_options *options);
/* Begin; `model` stays as it is until done(). Not while another runs. MDL_ENOMEM:
 * no room for so many networks, nothing was begun. */
mdl_err mdl_compute_begin(mdl_compute *c, const mdl_model *model, uint32_t first, uint32_t count);
/* Carry out a shard's order; `slot` (below MDL_COMPUTE_SHARDS) is busy until sharded(). */
void mdl_compute_shard(mdl_compute *c, uint32_t slot, mdl_shard_work *work);
/* No further job begins (those done at once count as one); done() comes when the running ones are over. */
void mdl_compute_cancel(mdl_compute *c);
/* Synapse updates of all jobs since the start, finished ones. */
uint64_t mdl_compute_updates(mdl_compute *c);
/* Wait up to `patience_ms` for running jobs, then free everything; done() is not
 * called any more. Returns 1, or 0 when a job still runs: then nothing is freed
 * and the process must end without touching the model. */
int mdl_compute_close(mdl_compute *c, uint32_t patience_ms);

#endif
