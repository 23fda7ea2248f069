#include "runtime/policy.h"

#include "core/life.h"

enum { BASELINE_LIVES = 64 };

void mdl_policy_life(const mdl_task_params *params, mdl_policy policy, uint32_t action, uint64_t key, uint32_t episode,
                     mdl_part part, int64_t *fitness, int64_t *score) {
    mdl_task task;
    mdl_stream draws = {mdl_key(key, MDL_STREAM_POLICY, 0, 0, 0), 0};
    const mdl_task_info *info = mdl_task_info_get((uint32_t)params->id);
    uint32_t actions = mdl_task_action_count(params), agents = mdl_task_agent_count(params);
    int continuous = info && info->continuous;
    mdl_task_reset(&task, params, key, episode, part);
    while (!(task.out.flags & MDL_OUT_DONE)) {
        float motor[MDL_ACTION_MAX] = {0};
        uint32_t chosen[MDL_AGENTS_MAX] = {0};
        if (continuous) {
            for (uint32_t i = 0; i < actions; i++)
                motor[i] = policy == MDL_POLICY_RANDOM ? 4.0f * mdl_draw_unit(&draws) - 2.0f : (float)action - 1.0f;
        } else {
            for (uint32_t i = 0; i < agents; i++)
                chosen[i] = policy == MDL_POLICY_RANDOM ? mdl_draw_below(&draws, actions) : action;
        }
        if (task.out.flags & MDL_OUT_TEACH)
            chosen[0] = task.out.teach;
        mdl_task_step_agents(&task, chosen, motor);
    }
    if (fitness)
        *fitness += mdl_task_fitness(&task);
    if (score)
        *score += mdl_task_score(&task);
}

uint32_t mdl_constant_policies(const mdl_task_params *params) {
    const mdl_task_info *info = mdl_task_info_get((uint32_t)params->id);
    return info && info->continuous ? 3 : mdl_task_action_count(params);
}

static double mean_fitness(const mdl_experiment *x, mdl_policy policy, uint32_t action) {
    uint32_t wanted = x->evolution.validate_episodes, lives = wanted < BASELINE_LIVES ? wanted : BASELINE_LIVES;
    int64_t fitness = 0;
    for (uint32_t i = 0; i < lives; i++)
        mdl_policy_life(&x->task, policy, action, mdl_life_key(x->seed, MDL_STREAM_VALIDATE, 0, i), i,
                        MDL_PART_VALIDATE, &fitness, NULL);
    return (double)fitness / (1e6 * lives);
}

void mdl_baselines_of(const mdl_experiment *x, mdl_baselines *out) {
    out->random = mean_fitness(x, MDL_POLICY_RANDOM, 0);
    out->constant = mean_fitness(x, MDL_POLICY_CONSTANT, 0);
    for (uint32_t a = 1; a < mdl_constant_policies(&x->task); a++) {
        double mean = mean_fitness(x, MDL_POLICY_CONSTANT, a);
        out->constant = mean > out->constant ? mean : out->constant;
    }
}
