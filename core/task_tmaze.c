/* T-maze whose better arm changes sides within a life. SPEC 9.6. Activity is wiped
 * at every trial, so only weights can carry what was learned. */
#include "core/task_impl.h"

enum { CORRIDOR, JUNCTION, WAITING, REWARDED }; /* the window shown */
enum { FORWARD };                               /* then left, right */
enum { CRASH, POOR_ARM, BETTER_ARM };           /* t->reward_code   */
enum { LAG_AFTER = 3 };

static const float reward_of[3] = {-0.4f, 0.2f, 1.0f};
static const int64_t fitness_of[3] = {-400000, 200000, 1000000};

static void show_corridor(mdl_task *t) {
    if (mdl_task_reverses_now(t))
        t->side ^= 1u;
    t->phase = CORRIDOR;
    t->wait = 1 + mdl_deal_below(&t->rng, 3); /* corridor windows, this one included */
    mdl_task_blank(t, MDL_OUT_WIPE);
    t->out.obs[0] = 1.0f;
}

static void tmaze_reset(mdl_task *t) {
    t->side = t->episode & 1u;
    mdl_task_draw_reversals(t);
    show_corridor(t);
}

static void show_waiting_or_reward(mdl_task *t) {
    mdl_task_blank(t, 0);
    if (t->wait > 0) {
        t->wait--;
        t->phase = WAITING;
        t->out.obs[2] = 0.3f;
        t->out.obs[3] = mdl_deal_u32(&t->rng) >> 31 ? 1.0f : 0.0f;
        return;
    }
    t->phase = REWARDED;
    t->out.flags = MDL_OUT_REWARD;
    t->out.reward = reward_of[t->reward_code];
    t->out.obs[2] = 1.0f;
    t->out.obs[3] = t->out.reward;
}

static void end_run(mdl_task *t, uint32_t code) {
    t->reward_code = code;
    t->correct = code == BETTER_ARM;
    t->wait = t->params.delay_min + mdl_deal_below(&t->rng, t->params.delay_max - t->params.delay_min + 1);
    show_waiting_or_reward(t);
}

static void tmaze_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    t->step++;
    switch (t->phase) {
    case CORRIDOR:
        if (action != FORWARD) {
            end_run(t, CRASH);
        } else if (--t->wait == 0) {
            t->phase = JUNCTION;
            mdl_task_blank(t, 0);
            t->out.obs[1] = 1.0f;
        } else {
            mdl_task_blank(t, 0);
            t->out.obs[0] = 1.0f;
        }
        return;
    case JUNCTION:
        t->chosen = action;
        if (action == FORWARD)
            end_run(t, CRASH);
        else
            end_run(t, action - 1 == t->side ? BETTER_ARM : POOR_ARM);
        return;
    case WAITING:
        show_waiting_or_reward(t);
        return;
    default:
        t->fitness += fitness_of[t->reward_code];
        t->score += t->correct ? MDL_MILLION : 0;
        mdl_task_count_trial(t, LAG_AFTER);
        if (++t->trial == t->params.trials)
            mdl_task_blank(t, MDL_OUT_DONE);
        else
            show_corridor(t);
    }
}

static uint32_t tmaze_parts(const mdl_task *t) { return t->params.trials; }

const mdl_task_ops mdl_task_tmaze = {
    .info = {MDL_TASK_TMAZE, "tmaze", "T-maze whose better arm changes sides within a life", "fraction correct", 0, 0,
             60 * 5, ""},
    .defaults = {.id = MDL_TASK_TMAZE, .trials = 60, .reversals = 1},
    .uses = MDL_USES_TRIALS | MDL_USES_REVERSALS | MDL_USES_DELAYS,
    .obs = 4,
    .actions = 3,
    .reset = tmaze_reset,
    .step = tmaze_step,
    .parts = tmaze_parts,
};
