/* Delayed cue association with reversal: which action a cue asks for is new in
 * every life and flips within it; the reward comes after distractors. SPEC 9.8. */
#include "core/task_impl.h"

enum { CUE, WAITING, REWARDED }; /* the window shown */
enum { DISTRACTOR_PPM = 300000 };

static void show_cue(mdl_task *t) {
    if (mdl_task_reverses_now(t))
        t->side ^= (1u << t->params.cues) - 1u;
    t->phase = CUE;
    t->cue = mdl_deal_below(&t->rng, t->params.cues);
    mdl_task_blank(t, MDL_OUT_WIPE);
    t->out.obs[t->cue] = 1.0f;
}

static void cue_reset(mdl_task *t) {
    for (uint32_t i = 0; i < t->params.cues; i++)
        t->side |= (mdl_deal_u32(&t->rng) >> 31) << i; /* bit i: the action that cue i asks for */
    mdl_task_draw_reversals(t);
    show_cue(t);
}

static void show_waiting_or_reward(mdl_task *t) {
    mdl_task_blank(t, 0);
    uint32_t first = t->params.cues, count = t->params.distractors;
    if (t->wait > 0) {
        t->wait--;
        t->phase = WAITING;
        for (uint32_t i = 0; i < count; i++)
            t->out.obs[first + i] = mdl_deal_below(&t->rng, 1000000) < DISTRACTOR_PPM ? 1.0f : 0.0f;
        return;
    }
    t->phase = REWARDED;
    t->out.flags = MDL_OUT_REWARD;
    t->out.reward = t->correct ? 1.0f : -1.0f;
    t->out.obs[first + count] = t->out.reward;
}

static void cue_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    t->step++;
    switch (t->phase) {
    case CUE:
        t->chosen = action;
        t->correct = action == (t->side >> t->cue & 1u);
        t->wait = t->params.delay_min + mdl_deal_below(&t->rng, t->params.delay_max - t->params.delay_min + 1);
        show_waiting_or_reward(t);
        return;
    case WAITING:
        show_waiting_or_reward(t);
        return;
    default:
        t->fitness += t->correct ? MDL_MILLION : 0;
        t->score += t->correct ? MDL_MILLION : 0;
        mdl_task_count_trial(t, 3 * t->params.cues);
        if (++t->trial == t->params.trials)
            mdl_task_blank(t, MDL_OUT_DONE);
        else
            show_cue(t);
    }
}

static uint32_t cue_channels(const mdl_task_params *p) { return p->cues + p->distractors + 1; }

static uint32_t cue_parts(const mdl_task *t) { return t->params.trials; }

const mdl_task_ops mdl_task_cue = {
    .info = {MDL_TASK_CUE, "cue", "Delayed cue association that reverses within a life", "fraction correct", 0, 0,
             80 * 10, ""},
    .defaults =
        {.id = MDL_TASK_CUE, .trials = 80, .reversals = 1, .delay_min = 3, .delay_max = 8, .cues = 2, .distractors = 2},
    .uses = MDL_USES_TRIALS | MDL_USES_REVERSALS | MDL_USES_DELAYS | MDL_USES_CUES | MDL_USES_DISTRACTORS,
    .actions = 2,
    .channels = cue_channels,
    .reset = cue_reset,
    .step = cue_step,
    .parts = cue_parts,
};
