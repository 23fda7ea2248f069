/* CartPole-v1: an unactuated pole on a cart pushed left or right. SPEC 9.2.
 * Every expression keeps the reference's order of operations. */
#include "core/task_impl.h"

static const double gravity = 9.8, mass_pole = 0.1, mass_total = 0.1 + 1.0;
static const double half_length = 0.5, mass_length = 0.1 * 0.5, force_size = 10.0, tau = 0.02;
static const double x_limit = 2.4, theta_limit = 12.0 * 2.0 * MDL_PI / 360.0;
enum { STEPS_MAX = 500 };

static void cartpole_show(mdl_task *t) {
    t->out.obs[0] = (float)(t->s[0] / 2.4);
    t->out.obs[1] = (float)(t->s[1] / 2.0);
    t->out.obs[2] = (float)(t->s[2] / 0.2095);
    t->out.obs[3] = (float)(t->s[3] / 2.0);
}

static uint32_t cartpole_native(const mdl_task *t, double *obs) {
    memcpy(obs, t->s, 4 * sizeof obs[0]);
    return 4;
}

static void cartpole_reset(mdl_task *t) {
    for (int i = 0; i < 4; i++)
        t->s[i] = mdl_task_uniform(t, -0.05, 0.1);
}

static void cartpole_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)motor;
    double x = t->s[0], x_dot = t->s[1], theta = t->s[2], theta_dot = t->s[3];
    double force = action == 1 ? force_size : -force_size;
    double c = mdl_cos(theta), s = mdl_sin(theta);
    double temp = (force + mass_length * (theta_dot * theta_dot) * s) / mass_total;
    double theta_acc = (gravity * s - c * temp) / (half_length * (4.0 / 3.0 - mass_pole * (c * c) / mass_total));
    double x_acc = temp - mass_length * theta_acc * c / mass_total;
    /* Explicit Euler: positions move with the old velocities. */
    x = x + tau * x_dot;
    x_dot = x_dot + tau * x_acc;
    theta = theta + tau * theta_dot;
    theta_dot = theta_dot + tau * theta_acc;
    t->s[0] = x;
    t->s[1] = x_dot;
    t->s[2] = theta;
    t->s[3] = theta_dot;
    t->step++;
    t->fitness += MDL_MILLION;
    t->score += MDL_MILLION;
    int fell = x < -x_limit || x > x_limit || theta < -theta_limit || theta > theta_limit;
    mdl_task_transition(t, 1.0f, fell || t->step >= STEPS_MAX, cartpole_show);
}

const mdl_task_ops mdl_task_cartpole = {
    .info = {MDL_TASK_CARTPOLE, "cartpole", "CartPole-v1: keep a pole upright on a cart", "steps", 4, 0, STEPS_MAX,
             "x,x_dot,theta,theta_dot"},
    .defaults = {.id = MDL_TASK_CARTPOLE},
    .obs = 4,
    .actions = 2,
    .reset = cartpole_reset,
    .step = cartpole_step,
    .show = cartpole_show,
    .native = cartpole_native,
};
