/* Policies that learn nothing, to stand beside every score: uniform random
 * actions, and one action for ever. */
#ifndef MDL_RUNTIME_POLICY_H
#define MDL_RUNTIME_POLICY_H

#include "core/experiment.h"

typedef enum mdl_policy {
    MDL_POLICY_RANDOM,  /* continuous tasks: motors uniform in [-2, 2]       */
    MDL_POLICY_CONSTANT /* `action`; continuous tasks: all motors action - 1 */
} mdl_policy;

/* One life; its fitness and score in millionths are added, either may be NULL. */
void mdl_policy_life(const mdl_task_params *params, mdl_policy policy, uint32_t action, uint64_t key, uint32_t episode,
                     mdl_part part, int64_t *fitness, int64_t *score);

/* Constant policies of a task: its actions, or three motor levels. */
uint32_t mdl_constant_policies(const mdl_task_params *params);

/* Mean fitness on an experiment's validation lives (the first 64 of them) of the
 * random policy and of the best constant one. */
typedef struct mdl_baselines {
    double random, constant;
} mdl_baselines;
void mdl_baselines_of(const mdl_experiment *x, mdl_baselines *out);

#endif
