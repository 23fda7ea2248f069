/* Threads that do the jobs which the coordinator does itself. */
#ifndef MDL_COORDINATOR_CHECKER_H
#define MDL_COORDINATOR_CHECKER_H

#include <uv.h>

#include "protocol/ledger.h"

typedef struct mdl_checker mdl_checker;

typedef struct mdl_checker_options {
    uint32_t threads;                 /* 1.. */
    const mdl_experiment *experiment; /* kept by reference */
    /* A job's answer, on the loop. */
    void (*done)(void *ctx, uint32_t generation, uint32_t job, const mdl_duty_answer *answer);
    void *ctx;
} mdl_checker_options;

/* MDL_ENOMEM, or MDL_EIO when the system gives no thread. */
mdl_err mdl_checker_open(mdl_checker **out, uv_loop_t *loop, const mdl_checker_options *options);
/* Do job `job` of `evolution`, which must stay as it is until done(); at most
 * MDL_CHECKERS_MAX at once. */
void mdl_checker_give(mdl_checker *c, const mdl_evolution *evolution, uint32_t job);
/* Wait for the jobs at hand, drop the others; `closed` comes on the loop. */
void mdl_checker_close(mdl_checker *c, uv_close_cb closed, void *data);

#endif
