/* Two-armed bandit whose better arm changes at random. SPEC 9.7. */
#include "core/task_impl.h"

enum { CHOICE, REWARDED }; /* the window shown */

static int chance(mdl_task *t, uint32_t ppm) { return mdl_deal_below(&t->rng, 1000000) < ppm; }

static void show_choice(mdl_task *t) {
    t->phase = CHOICE;
    mdl_task_blank(t, MDL_OUT_WIPE);
    t->out.obs[0] = 1.0f;
}

static void bandit_reset(mdl_task *t) {
    t->side = t->episode & 1u;
    show_choice(t);
}

static void bandit_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    t->step++;
    if (t->phase == CHOICE) {
        t->chosen = action;
        t->correct = action == t->side;
        int paid = chance(t, t->correct ? t->params.reward_ppm : 1000000 - t->params.reward_ppm);
        t->phase = REWARDED;
        mdl_task_blank(t, MDL_OUT_REWARD);
        t->out.reward = paid ? 1.0f : -1.0f;
        t->out.obs[1] = t->out.reward;
        return;
    }
    t->hits += t->correct;
    t->fitness += t->correct ? MDL_MILLION : 0;
    t->score += t->correct ? MDL_MILLION : 0;
    if (++t->trial == t->params.trials) {
        mdl_task_blank(t, MDL_OUT_DONE);
        return;
    }
    if (chance(t, t->params.hazard_ppm))
        t->side ^= 1u;
    show_choice(t);
}

static uint32_t bandit_parts(const mdl_task *t) { return t->params.trials; }

const mdl_task_ops mdl_task_bandit = {
    .info = {MDL_TASK_BANDIT, "bandit", "Two-armed bandit whose better arm changes at random",
             "fraction of pulls of the better arm", 0, 0, 200, ""},
    .defaults = {.id = MDL_TASK_BANDIT, .trials = 100, .hazard_ppm = 40000, .reward_ppm = 800000},
    .uses = MDL_USES_TRIALS | MDL_USES_HAZARD | MDL_USES_REWARD,
    .obs = 2,
    .actions = 2,
    .reset = bandit_reset,
    .step = bandit_step,
    .parts = bandit_parts,
};
