/* The table of tasks, their parameters, and what trial tasks share. SPEC section 9. */
#include "core/task.h"

#include <stddef.h>
#include <string.h>

#include "core/task_impl.h"

static const mdl_task_ops *task_ops(uint32_t id) {
    switch (id) {
    case MDL_TASK_CARTPOLE:
        return &mdl_task_cartpole;
    case MDL_TASK_MOUNTAINCAR:
        return &mdl_task_mountaincar;
    case MDL_TASK_ACROBOT:
        return &mdl_task_acrobot;
    case MDL_TASK_TMAZE:
        return &mdl_task_tmaze;
    case MDL_TASK_BANDIT:
        return &mdl_task_bandit;
    case MDL_TASK_CUE:
        return &mdl_task_cue;
    case MDL_TASK_DIGITS:
        return &mdl_task_digits;
    case MDL_TASK_DIGITS_LIFE:
        return &mdl_task_digits_life;
    case MDL_TASK_DOUBLEPOLE:
        return &mdl_task_doublepole;
    case MDL_TASK_FORAGE:
        return &mdl_task_forage;
    default:
        return NULL;
    }
}

static const mdl_task_ops *task_ops_of(const mdl_task *t) {
    const mdl_task_ops *ops = task_ops((uint32_t)t->params.id);
    MDL_ASSERT(ops);
    return ops;
}

const mdl_task_info *mdl_task_info_get(uint32_t id) {
    const mdl_task_ops *ops = task_ops(id);
    return ops ? &ops->info : NULL;
}

mdl_err mdl_task_find(const char *name, mdl_task_id *id) {
    for (uint32_t i = 0; i < MDL_TASK_COUNT; i++) {
        if (strcmp(task_ops(i)->info.name, name) == 0) {
            *id = (mdl_task_id)i;
            return MDL_OK;
        }
    }
    return MDL_ENOENT;
}

void mdl_task_defaults(mdl_task_id id, mdl_task_params *params) {
    const mdl_task_ops *ops = task_ops((uint32_t)id);
    MDL_ASSERT(ops);
    *params = ops->defaults;
}

mdl_err mdl_task_params_check(const mdl_task_params *params, const char **field, const char **range) {
    const mdl_task_ops *ops = task_ops((uint32_t)params->id);
    if (!ops) {
        *field = "id";
        *range = "0..9";
        return MDL_ERANGE;
    }
    const uint32_t cells = params->size * params->size; /* used only after `size` has been checked */
    const uint32_t crowd = cells / 8 < MDL_AGENTS_MAX ? cells / 8 : MDL_AGENTS_MAX;
    const struct {
        const char *name, *range;
        uint32_t use, value, lo, hi;
    } rule[] = {
        {"trials", "1..10000", MDL_USES_TRIALS, params->trials, 1, 10000},
        {"reversals", "0..8", MDL_USES_REVERSALS, params->reversals, 0, MDL_REVERSALS_MAX},
        {"delay_min", "0..1000", MDL_USES_DELAYS, params->delay_min, 0, 1000},
        {"delay_max", "delay_min..1000", MDL_USES_DELAYS, params->delay_max, params->delay_min, 1000},
        {"cues", "1..8", MDL_USES_CUES, params->cues, 1, MDL_CUES_MAX},
        {"distractors", "0..32", MDL_USES_DISTRACTORS, params->distractors, 0, 32},
        {"samples", "1..10000", MDL_USES_SAMPLES, params->samples, 1, 10000},
        {"hazard_ppm", "0..1000000", MDL_USES_HAZARD, params->hazard_ppm, 0, 1000000},
        {"reward_ppm", "0..1000000", MDL_USES_REWARD, params->reward_ppm, 0, 1000000},
        {"shaping", "0..1", MDL_USES_SHAPING, params->shaping, 0, 1},
        {"size", "4..32", MDL_USES_WORLD, params->size, MDL_FORAGE_SIZE_MIN, MDL_FORAGE_SIZE_MAX},
        {"walls", "0..1", MDL_USES_WORLD, params->walls, 0, 1},
        {"kinds", "1..4", MDL_USES_WORLD, params->kinds, 1, MDL_FORAGE_KINDS_MAX},
        {"food", "1..size^2 / 4", MDL_USES_WORLD, params->food, 1, cells / 4},
        {"rocks", "0..size^2 / 4", MDL_USES_WORLD, params->rocks, 0, cells / 4},
        {"view", "1..8", MDL_USES_WORLD, params->view, 1, MDL_FORAGE_VIEW_MAX},
        {"agents", "1..8, at most size^2 / 8", MDL_USES_WORLD, params->agents, 1, crowd},
    };
    for (size_t i = 0; i < sizeof rule / sizeof rule[0]; i++) {
        int used = (ops->uses & rule[i].use) != 0;
        uint32_t lo = used ? rule[i].lo : 0, hi = used ? rule[i].hi : 0;
        if (rule[i].value < lo || rule[i].value > hi) {
            *field = rule[i].name;
            *range = used ? rule[i].range : "0 (this task has no such parameter)";
            return MDL_ERANGE;
        }
    }
    return MDL_OK;
}

uint32_t mdl_task_obs_count(const mdl_task_params *params) {
    const mdl_task_ops *ops = task_ops((uint32_t)params->id);
    MDL_ASSERT(ops);
    return ops->obs ? ops->obs : ops->channels(params);
}

uint32_t mdl_task_action_count(const mdl_task_params *params) {
    const mdl_task_ops *ops = task_ops((uint32_t)params->id);
    MDL_ASSERT(ops);
    return ops->actions;
}

int mdl_task_reads_motors(const mdl_task_params *params) {
    return params->id == MDL_TASK_DIGITS || params->id == MDL_TASK_DOUBLEPOLE;
}

uint32_t mdl_task_agent_count(const mdl_task_params *params) { return params->agents > 1 ? params->agents : 1; }

void mdl_task_reset(mdl_task *t, const mdl_task_params *params, uint64_t key, uint32_t episode, mdl_part part) {
    const mdl_task_params kept = *params; /* `params` may be inside `t` */
    memset(t, 0, sizeof *t);
    t->params = kept;
    t->rng.key = key;
    t->episode = episode;
    t->part = part;
    const mdl_task_ops *ops = task_ops_of(t);
    mdl_task_blank(t, MDL_OUT_WIPE);
    ops->reset(t);
    if (ops->show)
        ops->show(t);
}

mdl_err mdl_task_set_state(mdl_task *t, const double *s, uint32_t count) {
    const mdl_task_ops *ops = task_ops_of(t);
    if (ops->info.states == 0 || count != ops->info.states)
        return MDL_ERANGE;
    for (uint32_t i = 0; i < count; i++)
        if (!(s[i] >= -100.0 && s[i] <= 100.0)) /* also refuses NaN */
            return MDL_ERANGE;
    memcpy(t->s, s, count * sizeof s[0]);
    t->best = s[0];
    mdl_task_blank(t, MDL_OUT_WIPE);
    ops->show(t);
    return MDL_OK;
}

void mdl_task_native_obs(const mdl_task *t, double *obs, uint32_t *count) {
    const mdl_task_ops *ops = task_ops_of(t);
    if (ops->native) {
        *count = ops->native(t, obs);
        return;
    }
    *count = mdl_task_obs_count(&t->params);
    for (uint32_t i = 0; i < *count; i++)
        obs[i] = (double)t->out.obs[i];
}

void mdl_task_step(mdl_task *t, uint32_t action, const float *motor) {
    const mdl_task_ops *ops = task_ops_of(t);
    MDL_ASSERT(!(t->out.flags & MDL_OUT_DONE));
    MDL_ASSERT(action < ops->actions);
    MDL_ASSERT(mdl_task_agent_count(&t->params) == 1);
    ops->step(t, action, motor);
}

void mdl_task_step_agents(mdl_task *t, const uint32_t *action, const float *motor) {
    const mdl_task_ops *ops = task_ops_of(t);
    uint32_t agents = mdl_task_agent_count(&t->params);
    if (agents == 1) {
        mdl_task_step(t, action[0], motor);
        return;
    }
    MDL_ASSERT(!(t->out.flags & MDL_OUT_DONE));
    for (uint32_t i = 0; i < agents; i++)
        MDL_ASSERT(action[i] < ops->actions);
    ops->step_all(t, action);
}

const mdl_task_out *mdl_task_view(const mdl_task *t, uint32_t agent) {
    MDL_ASSERT(agent < mdl_task_agent_count(&t->params));
    return agent == 0 ? &t->out : &t->others[agent - 1];
}

static int64_t per_part(const mdl_task *t, int64_t total) {
    const mdl_task_ops *ops = task_ops_of(t);
    return ops->parts ? total / (int64_t)ops->parts(t) : total;
}

int64_t mdl_task_fitness(const mdl_task *t) { return per_part(t, t->fitness); }

int64_t mdl_task_score(const mdl_task *t) { return per_part(t, t->score); }

int64_t mdl_task_score_after(const mdl_task *t) {
    return t->count_after ? t->hits_after * MDL_MILLION / t->count_after : -1;
}

void mdl_task_transition(mdl_task *t, float reward, int done, void (*show)(mdl_task *t)) {
    mdl_task_blank(t, (uint32_t)MDL_OUT_REWARD | (done ? (uint32_t)MDL_OUT_DONE : 0u));
    t->out.reward = reward;
    show(t);
}

void mdl_task_draw_reversals(mdl_task *t) {
    uint32_t n = t->params.reversals;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = (k + 1) * t->params.trials / (n + 1) + mdl_deal_below(&t->rng, 11);
        t->reversal_at[k] = at < 5 ? 0 : at - 5;
    }
}

uint32_t mdl_task_reverses_now(const mdl_task *t) {
    uint32_t odd = 0;
    for (uint32_t k = 0; k < t->params.reversals; k++)
        odd ^= t->reversal_at[k] == t->trial;
    return odd;
}

void mdl_task_count_trial(mdl_task *t, uint32_t lag) {
    t->hits += t->correct;
    uint32_t last = 0;
    int reversed = 0;
    for (uint32_t k = 0; k < t->params.reversals; k++) {
        uint32_t at = t->reversal_at[k];
        if (at <= t->trial && (!reversed || at > last)) {
            last = at;
            reversed = 1;
        }
    }
    if (reversed && t->trial - last >= lag) {
        t->count_after++;
        t->hits_after += t->correct;
    }
}
