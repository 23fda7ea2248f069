/* Threads that do the jobs which the coordinator does itself. */
#ifndef MDL_COORDINATOR_CHECKER_H
#define MDL_COORDINATOR_CHECKER_H

#include <uv.h>

#include "protocol/ledger.h"
#include "protocol/transcript.h"

typedef struct mdl_checker mdl_checker;

typedef struct mdl_checker_options {
    uint32_t threads;                 /* 1.. */
    const mdl_experiment *experiment; /* kept by reference */
    /* A job's answer, on the loop. */
    void (*done)(void *ctx, uint32_t generation, uint32_t job, const mdl_duty_answer *answer);
    /* That of a job beside its transcript, on the loop. */
    void (*found)(void *ctx, uint32_t job, const mdl_duty_answer *answer, const mdl_transcript_fault *fault);
    /* The last step of a dispute, on the loop. */
    void (*judged)(void *ctx, uint32_t generation, uint32_t job, const mdl_judged *judged);
    void *ctx;
} mdl_checker_options;

/* MDL_ENOMEM, or MDL_EIO when the system gives no thread. */
mdl_err mdl_checker_open(mdl_checker **out, uv_loop_t *loop, const mdl_checker_options *options);
/* Do job `job` of `evolution`, which must stay as it is until done(); at most
 * MDL_CHECKERS_MAX at once. */
void mdl_checker_give(mdl_checker *c, const mdl_evolution *evolution, uint32_t job);
/* The same for a job that shards answered, with mdl_transcript_find(); then found(), without a fault where there is no
 * memory for its shards. Transcript and region [regions] are copied; 0: out of memory. */
int mdl_checker_find(mdl_checker *c, const mdl_evolution *evolution, uint32_t job, const uint8_t *transcript,
                     size_t size, const uint8_t (*region)[MDL_DIGEST_BYTES]);
/* The same for the last step of a dispute about it; then judged(). The state is copied; 0: out of memory. */
int mdl_checker_judge(mdl_checker *c, const mdl_evolution *evolution, uint32_t job, const mdl_case *last,
                      const uint8_t *state, size_t size);
/* Wait for the jobs at hand, drop the others; `closed` comes on the loop. */
void mdl_checker_close(mdl_checker *c, uv_close_cb closed, void *data);

#endif
