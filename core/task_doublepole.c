/* Double pole balancing without velocities: two poles of different length on one
 * cart, Gruau's damping fitness. SPEC 9.5. */
#include "core/task_impl.h"

static const double gravity = -9.8, friction = 2e-6, mass_cart = 1.0;
static const double half_length[2] = {0.5, 0.05}, mass[2] = {0.1, 0.01};
static const double dt = 0.01, force_size = 10.0;
static const double x_limit = 2.4, theta_limit = 36.0 * MDL_PI / 180.0, theta_start = 4.0 * MDL_PI / 180.0;
static const double fitness_max = 10.0;
enum { SUBSTEPS = 2, STEPS_MAX = 1000, STEPS_LONG = 100000, GRID = 625 };

static void doublepole_show(mdl_task *t) {
    t->out.obs[0] = (float)(t->s[0] / 4.8);
    t->out.obs[1] = (float)(t->s[2] / 0.52);
    t->out.obs[2] = (float)(t->s[4] / 0.52);
}

static uint32_t step_limit(const mdl_task *t) {
    return t->part == MDL_PART_TEST && t->episode == 0 ? STEPS_LONG : STEPS_MAX;
}

static void doublepole_reset(mdl_task *t) {
    if (t->part == MDL_PART_TRAIN || t->episode == 0) {
        t->s[2] = theta_start;
        return;
    }
    double level[4];
    if (t->part == MDL_PART_TEST) {
        static const double grid[5] = {0.05, 0.25, 0.5, 0.75, 0.95};
        uint32_t i = (t->episode - 1) % GRID;
        for (uint32_t k = 0, unit = 125; k < 4; k++, unit /= 5)
            level[k] = grid[i / unit % 5];
    } else { /* anywhere in the grid's box */
        for (uint32_t k = 0; k < 4; k++)
            level[k] = 0.05 + 0.9 * mdl_deal_unit_f64(&t->rng);
    }
    t->s[0] = level[0] * 4.32 - 2.16;
    t->s[1] = level[1] * 2.70 - 1.35;
    t->s[2] = level[2] * 0.12566304 - 0.06283152;
    t->s[3] = level[3] * 0.30019504 - 0.15009752;
}

/* Time derivatives of (x, x', theta1, theta1', theta2, theta2') under `force`. */
static void derive(const double y[6], double force, double d[6]) {
    double c[2], s[2], drag[2], pull = 0.0, load = 0.0;
    for (int i = 0; i < 2; i++) {
        double w = y[3 + 2 * i], ml = mass[i] * half_length[i];
        c[i] = mdl_cos(y[2 + 2 * i]);
        s[i] = mdl_sin(y[2 + 2 * i]);
        drag[i] = friction * w / ml;
        pull += ml * (w * w) * s[i] + 0.75 * mass[i] * c[i] * (drag[i] + gravity * s[i]);
        load += mass[i] * (1.0 - 0.75 * (c[i] * c[i]));
    }
    double a = (force + pull) / (mass_cart + load);
    d[0] = y[1];
    d[1] = a;
    for (int i = 0; i < 2; i++) {
        d[2 + 2 * i] = y[3 + 2 * i];
        d[3 + 2 * i] = -0.75 * (a * c[i] + gravity * s[i] + drag[i]) / half_length[i];
    }
}

static void advance(const double y[6], double h, const double k[6], double out[6]) {
    for (int i = 0; i < 6; i++)
        out[i] = y[i] + h * k[i];
}

static void integrate(double y[6], double force) {
    double k1[6], k2[6], k3[6], k4[6], z[6];
    derive(y, force, k1);
    advance(y, dt / 2.0, k1, z);
    derive(z, force, k2);
    advance(y, dt / 2.0, k2, z);
    derive(z, force, k3);
    advance(y, dt, k3, z);
    derive(z, force, k4);
    for (int i = 0; i < 6; i++)
        y[i] = y[i] + dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
}

/* 0.1 t / 1000 + 0.9 (0.75 / sum of the last 100 steps' motion), at most 10: a
 * pole brought to rest would otherwise be worth any number. */
static double damping_fitness(const mdl_task *t) {
    uint32_t n = t->step < STEPS_MAX ? t->step : STEPS_MAX;
    double fitness = 0.1 * (double)n / 1000.0;
    if (t->step >= MDL_DAMPING_WINDOW) {
        double sum = 0.0;
        for (uint32_t i = 0; i < MDL_DAMPING_WINDOW; i++) /* oldest first */
            sum += t->history[(t->step + i) % MDL_DAMPING_WINDOW];
        if (sum < 0.01)
            return fitness_max;
        fitness += 0.9 * (0.75 / sum);
    }
    return fitness < fitness_max ? fitness : fitness_max;
}

static void doublepole_step(mdl_task *t, uint32_t action, const float *motor) {
    (void)action;
    double force = force_size * (double)mdl_tanhf(motor[0]);
    double *y = t->s;
    for (int i = 0; i < SUBSTEPS; i++)
        integrate(y, force);
    t->history[t->step % MDL_DAMPING_WINDOW] = mdl_absd(y[0]) + mdl_absd(y[1]) + mdl_absd(y[2]) + mdl_absd(y[3]);
    t->step++;
    t->score += MDL_MILLION;
    int fell = mdl_absd(y[0]) > x_limit || mdl_absd(y[2]) > theta_limit || mdl_absd(y[4]) > theta_limit;
    int done = fell || t->step >= step_limit(t);
    if (done)
        t->fitness = mdl_millionths(damping_fitness(t));
    mdl_task_transition(t, 1.0f, done, doublepole_show);
}

const mdl_task_ops mdl_task_doublepole = {
    .info = {MDL_TASK_DOUBLEPOLE, "doublepole", "Double pole balancing without velocities", "steps", 6, 1, STEPS_LONG,
             "x,x_dot,theta1,theta1_dot,theta2,theta2_dot"},
    .defaults = {.id = MDL_TASK_DOUBLEPOLE},
    .obs = 3,
    .actions = 1,
    .reset = doublepole_reset,
    .step = doublepole_step,
    .show = doublepole_show,
};
