/* The conductor of a life: all of it that is in no region. It holds the task, the
 * modulatory states and the count of windows. Regions, wherever they run, get from
 * it what a window needs, and give it what the next one follows from. SPEC 5.6, 6.1.
 *
 * A window in full:
 *   every shard     runs the window with modulation[a] and the task's view
 *   the caller      adds up what the shards give (mdl_window_out_add)
 *   the conductor   takes the sums: action, task, next modulatory state
 *   every shard     takes the boundary activity of the regions it listens to
 *
 * Pure; no memory beyond the struct, which may be copied to keep a moment. */
#ifndef MDL_CORE_CONDUCTOR_H
#define MDL_CORE_CONDUCTOR_H

#include "core/experiment.h"
#include "core/modulation.h"

/* What the regions of a network give in a window beside their boundary activity. */
typedef struct mdl_window_out {
    mdl_partials partials;
    float motor[MDL_ACTION_MAX]; /* readouts, from the owner of region 0; else 0 */
} mdl_window_out;

/* What boundary activity can be: values of a life, and what a region's saved bytes
 * may hold. */
typedef struct mdl_activity_rule {
    int trinary; /* -1, 0 and 1 alone */
    float most;  /* of magnitudes     */
} mdl_activity_rule;
mdl_activity_rule mdl_activity_rule_of(const mdl_experiment *x, const mdl_params *params);

typedef struct mdl_conductor {
    const mdl_experiment *experiment;
    const mdl_params *params; /* of the genome                                       */
    uint32_t agents, neurons; /* neurons of the whole network, motors included        */
    size_t synapses;          /* of the whole network                                */
    mdl_task task;
    uint32_t windows; /* run so far in this life                             */
    /* By agent: */
    uint64_t noise_key[MDL_AGENTS_MAX];
    mdl_modulation modulation[MDL_AGENTS_MAX]; /* of the next window                */
    mdl_window_out out[MDL_AGENTS_MAX];        /* of the last window                */
    uint32_t action[MDL_AGENTS_MAX];           /* of the last window                */
} mdl_conductor;

/* Experiment and params are kept by reference; params may be decoded later. */
void mdl_conductor_init(mdl_conductor *c, const mdl_experiment *x, const mdl_params *params);

/* Birth into life `episode` of the task, with randomness `key`; makes window 0's
 * modulation and view. Regions are born with noise_key[agent]. */
void mdl_conductor_begin(mdl_conductor *c, uint64_t key, uint32_t episode, mdl_part part);

/* What agent `agent` sees in the next window: `obs` is for the owner of region 0. */
static inline const mdl_task_out *mdl_conductor_view(const mdl_conductor *c, uint32_t agent) {
    return mdl_task_view(&c->task, agent);
}
static inline int mdl_conductor_over(const mdl_conductor *c) { return (c->task.out.flags & MDL_OUT_DONE) != 0; }
/* Synapse updates of this life so far: synapses x steps x agents. */
uint64_t mdl_conductor_updates(const mdl_conductor *c);

/* End a window with the sums out[agents] over all regions, checked or our own.
 * Returns 1 while the life goes on, 0 when it is over; not to be called then. */
int mdl_conductor_window(mdl_conductor *c, const mdl_window_out *out);

/* Whether a shard of `neurons` neurons (motors included; with region 0 where
 * `first`) can have given this: MDL_ERANGE for a readout that is not finite or
 * beyond 2^34, a mean activity beyond the rule's most, a negative novelty, and a
 * novelty or readouts without region 0. What passes keeps every later number finite
 * and every later state one that a life can have, whoever sent it. */
mdl_err mdl_window_out_check(const mdl_experiment *x, const mdl_activity_rule *rule, uint64_t neurons, int first,
                             const mdl_window_out *out);
/* Adds a shard's to the sums, modulo 2^64; the readouts of who owns region 0. */
void mdl_window_out_add(const mdl_experiment *x, mdl_window_out *sum, const mdl_window_out *part, int first);

/* Play the task of a life just begun through a past, without the network:
 *   action  [windows][agents]
 *   motor   [windows][motors] of agent 0, for tasks with mdl_task_reads_motors(); else NULL
 * The modulatory states are left alone. MDL_ERANGE when these are no actions and
 * readouts that a life can have or the task ends before. */
mdl_err mdl_conductor_play(mdl_conductor *c, uint32_t windows, const uint32_t *action, const float *motor);

#endif
