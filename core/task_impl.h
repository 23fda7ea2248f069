/* What the files core/task*.c share. Nothing else includes this. */
#ifndef MDL_CORE_TASK_IMPL_H
#define MDL_CORE_TASK_IMPL_H

#include <string.h>

#include "core/assert.h"
#include "core/num.h"
#include "core/task.h"

#define MDL_PI 0x1.921fb54442d18p+1 /* the binary64 nearest pi */
#define MDL_MILLION INT64_C(1000000)

/* One bit per parameter, in the order of mdl_task_params. */
enum {
    MDL_USES_TRIALS = 1,
    MDL_USES_REVERSALS = 2,
    MDL_USES_DELAYS = 4,
    MDL_USES_CUES = 8,
    MDL_USES_DISTRACTORS = 16,
    MDL_USES_SAMPLES = 32,
    MDL_USES_HAZARD = 64,
    MDL_USES_REWARD = 128,
    MDL_USES_SHAPING = 256,
    MDL_USES_WORLD = 512 /* size, walls, kinds, food, rocks, view, agents */
};

/* A task: facts, and functions that find `t->params`, `rng`, `episode` and
 * `part` set and the rest of the struct zero at reset. */
typedef struct mdl_task_ops {
    mdl_task_info info;
    mdl_task_params defaults;
    uint32_t uses;    /* MDL_USES_*                                                   */
    uint32_t obs;     /* channels; 0: ask `channels`                                   */
    uint32_t actions; /* or motors                                                    */
    uint32_t (*channels)(const mdl_task_params *params);
    void (*reset)(mdl_task *t);
    void (*step)(mdl_task *t, uint32_t action, const float *motor);
    void (*step_all)(mdl_task *t, const uint32_t *action); /* NULL: one agent only         */
    void (*show)(mdl_task *t);                             /* state to out.obs; NULL without a state       */
    uint32_t (*native)(const mdl_task *t, double *);       /* reference's observation; NULL: out.obs        */
    uint32_t (*parts)(const mdl_task *t);                  /* trials or samples that a mean is over; NULL: 1 */
} mdl_task_ops;

extern const mdl_task_ops mdl_task_cartpole, mdl_task_mountaincar, mdl_task_acrobot, mdl_task_tmaze, mdl_task_bandit,
    mdl_task_cue, mdl_task_digits, mdl_task_digits_life, mdl_task_doublepole, mdl_task_forage;

/* x in millionths, halves away from zero. |x| < 2^43. */
static inline int64_t mdl_millionths(double x) {
    double v = x * 1e6;
    return (int64_t)(v < 0.0 ? v - 0.5 : v + 0.5);
}

static inline double mdl_absd(double x) { return x < 0.0 ? -x : x; }

/* Uniform in [lo, lo + width); two draws. */
static inline double mdl_task_uniform(mdl_task *t, double lo, double width) {
    return lo + width * mdl_deal_unit_f64(&t->rng);
}

/* A view with no observation, no reward and these flags. */
static inline void mdl_task_blank(mdl_task *t, uint32_t flags) {
    memset(&t->out, 0, sizeof t->out);
    t->out.flags = flags;
}

/* Close a step of a task with dynamics: reward, observation, and the end. */
void mdl_task_transition(mdl_task *t, float reward, int done, void (*show)(mdl_task *t));

/* Draw where a life's reversals fall: reversal k of n before trial
 * (k + 1) T / (n + 1) - 5 + {0..10}, not below 0. One draw each. */
void mdl_task_draw_reversals(mdl_task *t);
/* Whether an odd number of reversals falls before the current trial. */
uint32_t mdl_task_reverses_now(const mdl_task *t);
/* Count a finished trial; `lag` trials after the last reversal it also counts
 * as one after a reversal. */
void mdl_task_count_trial(mdl_task *t, uint32_t lag);

#endif
