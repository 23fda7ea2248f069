/* MountainCar-v0: swing a weak car out of a valley. SPEC 9.3. */
#include "core/task_impl.h"

static const double position_min = -1.2, position_max = 0.6, speed_max = 0.07, goal = 0.5;
static const double force = 0.001, gravity = 0.0025;
enum { STEPS_MAX = 200 };

static void mountaincar_show(mdl_task *t) {
    t->out.obs[0] = (float)((t->s[0] + 0.3) / 0.9);
    t->out.obs[1] = (float)(t->s[1] / 0.07);
}

static uint32_t mountaincar_native(const mdl_task *t, double *obs) {
    memcpy(obs, t->s, 2 * sizeof obs[0]);
    return 2;
}

static void mountaincar_reset(mdl_task *t) {
    t->s[0] = mdl_task_uniform(t, -0.6, 0.2);
    t->best = t->s[0];
}

static double clip(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

static void mountaincar_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    double x = t->s[0], v = t->s[1];
    v += ((double)action - 1.0) * force + mdl_cos(3.0 * x) * -gravity;
    v = clip(v, -speed_max, speed_max);
    x = clip(x + v, position_min, position_max);
    if (x <= position_min && v < 0.0)
        v = 0.0; /* the left wall takes all speed, the right one none */
    t->s[0] = x;
    t->s[1] = v;
    if (x > t->best)
        t->best = x;
    t->step++;
    t->fitness -= MDL_MILLION;
    t->score -= MDL_MILLION;
    int solved = x >= goal && v >= 0.0;
    int late = t->step >= STEPS_MAX;
    if (late && !solved && t->part == MDL_PART_TRAIN && t->params.shaping)
        t->fitness += mdl_millionths(50.0 * (t->best - goal));
    mdl_task_transition(t, -1.0f, solved || late, mountaincar_show);
}

const mdl_task_ops mdl_task_mountaincar = {
    .info = {MDL_TASK_MOUNTAINCAR, "mountaincar", "MountainCar-v0: swing a weak car out of a valley", "return", 2, 0,
             STEPS_MAX, "position,velocity"},
    .defaults = {.id = MDL_TASK_MOUNTAINCAR, .shaping = 1},
    .uses = MDL_USES_SHAPING,
    .obs = 2,
    .actions = 3,
    .reset = mountaincar_reset,
    .step = mountaincar_step,
    .show = mountaincar_show,
    .native = mountaincar_native,
};
