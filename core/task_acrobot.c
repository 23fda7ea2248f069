/* Acrobot-v1: swing the tip of two links above the bar. SPEC 9.4. The equations
 * are those of Sutton and Barto's book; constants that are 1 are left out where
 * that changes no rounding. */
#include "core/task_impl.h"

static const double gravity = 9.8, dt = 0.2;
static const double v1_max = 4.0 * MDL_PI, v2_max = 9.0 * MDL_PI;
enum { STEPS_MAX = 500 };

static void acrobot_show(mdl_task *t) {
    t->out.obs[0] = (float)mdl_cos(t->s[0]);
    t->out.obs[1] = (float)mdl_sin(t->s[0]);
    t->out.obs[2] = (float)mdl_cos(t->s[1]);
    t->out.obs[3] = (float)mdl_sin(t->s[1]);
    t->out.obs[4] = (float)(t->s[2] / 4.0);
    t->out.obs[5] = (float)(t->s[3] / 9.0);
}

static uint32_t acrobot_native(const mdl_task *t, double *obs) {
    obs[0] = mdl_cos(t->s[0]);
    obs[1] = mdl_sin(t->s[0]);
    obs[2] = mdl_cos(t->s[1]);
    obs[3] = mdl_sin(t->s[1]);
    obs[4] = t->s[2];
    obs[5] = t->s[3];
    return 6;
}

static void acrobot_reset(mdl_task *t) {
    /* The reference rounds its starting state to binary32. */
    for (int i = 0; i < 4; i++)
        t->s[i] = (double)(float)mdl_task_uniform(t, -0.1, 0.2);
}

/* Time derivatives of (theta1, theta2, theta1', theta2') under `torque`. Link
 * masses, lengths and moments of inertia are 1, centres of mass at 0.5. */
static void derive(const double y[4], double torque, double d[4]) {
    double w1 = y[2], w2 = y[3];
    double c2 = mdl_cos(y[1]), s2 = mdl_sin(y[1]);
    double d1 = 0.25 + (1.0 + 0.25 + c2) + 1.0 + 1.0;
    double d2 = (0.25 + 0.5 * c2) + 1.0;
    double phi2 = 0.5 * gravity * mdl_cos(y[0] + y[1] - MDL_PI / 2.0);
    double phi1 = -0.5 * (w2 * w2) * s2 - w2 * w1 * s2 + 1.5 * gravity * mdl_cos(y[0] - MDL_PI / 2.0) + phi2;
    double a2 = (torque + d2 / d1 * phi1 - 0.5 * (w1 * w1) * s2 - phi2) / (0.25 + 1.0 - d2 * d2 / d1);
    d[0] = w1;
    d[1] = w2;
    d[2] = -(d2 * a2 + phi1) / d1;
    d[3] = a2;
}

static void advance(const double y[4], double h, const double k[4], double out[4]) {
    for (int i = 0; i < 4; i++)
        out[i] = y[i] + h * k[i];
}

static double wrap(double x) {
    const double turn = MDL_PI - -MDL_PI;
    while (x > MDL_PI)
        x = x - turn;
    while (x < -MDL_PI)
        x = x + turn;
    return x;
}

static double bound(double x, double limit) { return x < -limit ? -limit : x > limit ? limit : x; }

static void acrobot_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    double torque = (double)action - 1.0;
    double *y = t->s;
    double k1[4], k2[4], k3[4], k4[4], z[4];
    derive(y, torque, k1);
    advance(y, dt / 2.0, k1, z);
    derive(z, torque, k2);
    advance(y, dt / 2.0, k2, z);
    derive(z, torque, k3);
    advance(y, dt, k3, z);
    derive(z, torque, k4);
    for (int i = 0; i < 4; i++)
        y[i] = y[i] + dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    y[0] = wrap(y[0]);
    y[1] = wrap(y[1]);
    y[2] = bound(y[2], v1_max);
    y[3] = bound(y[3], v2_max);
    t->step++;
    int solved = -mdl_cos(y[0]) - mdl_cos(y[1] + y[0]) > 1.0;
    if (!solved) {
        t->fitness -= MDL_MILLION;
        t->score -= MDL_MILLION;
    }
    mdl_task_transition(t, solved ? 0.0f : -1.0f, solved || t->step >= STEPS_MAX, acrobot_show);
}

const mdl_task_ops mdl_task_acrobot = {
    .info = {MDL_TASK_ACROBOT, "acrobot", "Acrobot-v1: swing the tip of two links above the bar", "return", 4, 0,
             STEPS_MAX, "theta1,theta2,theta1_dot,theta2_dot"},
    .defaults = {.id = MDL_TASK_ACROBOT},
    .obs = 6,
    .actions = 3,
    .reset = acrobot_reset,
    .step = acrobot_step,
    .show = acrobot_show,
    .native = acrobot_native,
};
