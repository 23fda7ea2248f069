/* Tasks with dynamics: each step against an independent computation in binary64,
 * written from the equations of motion as linear systems for the accelerations
 * and solved here, with the platform's sine and cosine. SPEC 9.2 to 9.5. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/task.h"
#include "tests/support/vectors.h"

#define PI 3.14159265358979323846
#define TOLERANCE_STEP 1e-12

/* ---- independent dynamics ---- */

/* Solve the n x n system a x = b by elimination with pivoting; x replaces b. */
static void solve(double a[3][3], double b[3], int n) {
    for (int c = 0; c < n; c++) {
        int p = c;
        for (int r = c + 1; r < n; r++)
            if (fabs(a[r][c]) > fabs(a[p][c]))
                p = r;
        for (int k = 0; k < n; k++) {
            double v = a[c][k];
            a[c][k] = a[p][k];
            a[p][k] = v;
        }
        double v = b[c];
        b[c] = b[p];
        b[p] = v;
        for (int r = 0; r < n; r++) {
            double f = r == c ? 0.0 : a[r][c] / a[c][c];
            for (int k = c; k < n; k++)
                a[r][k] -= f * a[c][k];
            b[r] -= f * b[c];
        }
    }
    for (int c = 0; c < n; c++)
        b[c] /= a[c][c];
}

/* The cart-pole's two equations of motion: forces on the whole along x, and
 * torques about the pivot (moment of inertia 4/3 m l^2). */
static int reference_cartpole(double s[6], double action) {
    double force = action > 0.5 ? 10.0 : -10.0, m = 0.1, l = 0.5;
    double a[3][3] = {{1.0 + m, m * l * cos(s[2])}, {cos(s[2]), l * 4.0 / 3.0}};
    double b[3] = {force + m * l * s[3] * s[3] * sin(s[2]), 9.8 * sin(s[2])};
    solve(a, b, 2);
    double next[4] = {s[0] + 0.02 * s[1], s[1] + 0.02 * b[0], s[2] + 0.02 * s[3], s[3] + 0.02 * b[1]};
    memcpy(s, next, sizeof next);
    return fabs(s[0]) > 2.4 || fabs(s[2]) > 12.0 * PI / 180.0;
}

static int reference_mountaincar(double s[6], double action) {
    s[1] = fmax(-0.07, fmin(0.07, s[1] + 0.001 * (action - 1.0) - 0.0025 * cos(3.0 * s[0])));
    s[0] = fmax(-1.2, fmin(0.6, s[0] + s[1]));
    if (s[0] == -1.2)
        s[1] = fmax(0.0, s[1]);
    return s[0] >= 0.5;
}

typedef void (*derivative)(const double *y, double u, double *d);

static void runge_kutta(derivative f, double *y, int n, double u, double h) {
    static const double node[4] = {0.0, 0.5, 0.5, 1.0}, weight[4] = {1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0};
    double k[6] = {0}, sum[6] = {0}, z[6];
    for (int stage = 0; stage < 4; stage++) {
        for (int i = 0; i < n; i++)
            z[i] = y[i] + h * node[stage] * k[i];
        f(z, u, k);
        for (int i = 0; i < n; i++)
            sum[i] += weight[stage] * k[i];
    }
    for (int i = 0; i < n; i++)
        y[i] += h * sum[i];
}

/* Manipulator form M a + h = (0, torque) of the two links, in the book's signs. */
static void acrobot_derivative(const double *y, double torque, double *d) {
    double c2 = cos(y[1]), s2 = sin(y[1]);
    double lower = 0.5 * 9.8 * sin(y[0] + y[1]), upper = 1.5 * 9.8 * sin(y[0]);
    double a[3][3] = {{3.5 + c2, 1.25 + 0.5 * c2}, {1.25 + 0.5 * c2, 1.25}};
    double b[3] = {0.5 * s2 * (y[3] * y[3] + 2.0 * y[2] * y[3]) - upper - lower,
                   torque - 0.5 * s2 * y[2] * y[2] - lower};
    solve(a, b, 2);
    d[0] = y[2];
    d[1] = y[3];
    d[2] = b[0];
    d[3] = b[1];
}

static int reference_acrobot(double s[6], double action) {
    runge_kutta(acrobot_derivative, s, 4, action - 1.0, 0.2);
    for (int i = 0; i < 2; i++) {
        s[i] = remainder(s[i], 2.0 * PI);
        double limit = (i ? 9.0 : 4.0) * PI;
        s[2 + i] = fmax(-limit, fmin(limit, s[2 + i]));
    }
    return -cos(s[0]) - cos(s[0] + s[1]) > 1.0;
}

/* Cart and two poles hinged on it: one force balance, two torque balances with
 * friction in the hinges. Angles from upright, g = -9.8 in Wieland's signs. */
static void doublepole_derivative(const double *y, double force, double *d) {
    static const double m[2] = {0.1, 0.01}, l[2] = {0.5, 0.05};
    double a[3][3] = {{1.0 + m[0] + m[1], m[0] * l[0] * cos(y[2]), m[1] * l[1] * cos(y[4])}};
    double b[3] = {force};
    for (int i = 0; i < 2; i++) {
        double th = y[2 + 2 * i], w = y[3 + 2 * i];
        b[0] += m[i] * l[i] * w * w * sin(th);
        a[1 + i][0] = m[i] * l[i] * cos(th);
        a[1 + i][1 + i] = 4.0 / 3.0 * m[i] * l[i] * l[i];
        b[1 + i] = m[i] * l[i] * 9.8 * sin(th) - 2e-6 * w;
    }
    solve(a, b, 3);
    for (int i = 0; i < 3; i++) {
        d[2 * i] = y[2 * i + 1];
        d[2 * i + 1] = b[i];
    }
}

static int reference_doublepole(double s[6], double action) {
    for (int i = 0; i < 2; i++)
        runge_kutta(doublepole_derivative, s, 6, 10.0 * (action - 1.0), 0.01);
    return fabs(s[0]) > 2.4 || fabs(s[2]) > 0.2 * PI || fabs(s[4]) > 0.2 * PI;
}

/* ---- driving both ---- */

static const struct dynamics {
    mdl_task_id id;
    uint32_t actions;    /* of the scripts here; doublepole: left, none, right */
    double span[6];      /* random states are within +-span                    */
    double middle;       /* of the first variable                              */
    double tolerance200; /* after up to 200 steps                              */
    int (*step)(double *, double);
} system_of[] = {
    {MDL_TASK_CARTPOLE, 2, {2.3, 3, 0.2, 3}, 0, 1e-8, reference_cartpole},
    {MDL_TASK_MOUNTAINCAR, 3, {0.85, 0.07}, -0.35, 1e-13, reference_mountaincar},
    {MDL_TASK_ACROBOT, 3, {3.1, 3.1, 8, 15}, 0, 1e-11, reference_acrobot},
    {MDL_TASK_DOUBLEPOLE, 3, {2.3, 2, 0.6, 2, 0.6, 4}, 0, 1e-12, reference_doublepole},
};
enum { SYSTEMS = sizeof system_of / sizeof system_of[0] };

static void act(mdl_task *t, uint32_t action) {
    float motor[MDL_ACTION_MAX] = {0};
    if (t->params.id == MDL_TASK_DOUBLEPOLE) {
        motor[0] = 20.0f * ((float)action - 1.0f); /* tanh is exactly -1, 0 and 1 there */
        action = 0;
    }
    mdl_task_step(t, action, motor);
}

static void start(mdl_task *t, mdl_task_id id, uint64_t key, uint32_t episode, mdl_part part) {
    mdl_task_params p;
    mdl_task_defaults(id, &p);
    mdl_task_reset(t, &p, key, episode, part);
}

/* Distance of two states; acrobot's angles differ by no more than half a turn. */
static double distance(const struct dynamics *d, const double *a, const double *b, uint32_t n) {
    double worst = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        double e = a[i] - b[i];
        if (d->id == MDL_TASK_ACROBOT && i < 2)
            e = remainder(e, 2.0 * PI);
        worst = fmax(worst, fabs(e) / fmax(1.0, fabs(b[i])));
    }
    return worst;
}

static void random_state(const struct dynamics *d, uint32_t n, mdl_stream *r, double *s) {
    for (uint32_t i = 0; i < n; i++)
        s[i] = (i ? 0.0 : d->middle) + d->span[i] * (2.0 * mdl_draw_unit_f64(r) - 1.0);
}

static void test_one_step(void **state) {
    (void)state;
    mdl_stream r = {91, 0};
    for (int k = 0; k < SYSTEMS; k++) {
        const struct dynamics *d = &system_of[k];
        uint32_t n = mdl_task_info_get(d->id)->states;
        mdl_task t;
        for (int i = 0; i < 2000; i++) {
            double s[6];
            random_state(d, n, &r, s);
            uint32_t action = mdl_draw_below(&r, d->actions);
            start(&t, d->id, 1, 0, MDL_PART_TRAIN);
            assert_int_equal(mdl_task_set_state(&t, s, n), MDL_OK);
            act(&t, action);
            int done = d->step(s, action);
            assert_true(distance(d, t.s, s, n) <= TOLERANCE_STEP);
            assert_int_equal((t.out.flags & MDL_OUT_DONE) != 0, done);
        }
    }
}

/* Rounding differs in the last place; chaos makes it grow. Lives of 200 steps, or
 * to their end. */
static void test_many_steps(void **state) {
    (void)state;
    mdl_stream r = {92, 0};
    for (int k = 0; k < SYSTEMS; k++) {
        const struct dynamics *d = &system_of[k];
        uint32_t n = mdl_task_info_get(d->id)->states;
        mdl_task t;
        double worst = 0.0;
        for (uint32_t life = 0; life < 100; life++) {
            double s[6];
            start(&t, d->id, life, 0, MDL_PART_TRAIN);
            memcpy(s, t.s, sizeof s);
            for (int i = 0; i < 200 && !(t.out.flags & MDL_OUT_DONE); i++) {
                /* cartpole would fall at once under random pushes */
                uint32_t action = mdl_draw_below(&r, d->actions);
                if (d->id == MDL_TASK_CARTPOLE)
                    action = s[2] + 0.5 * s[3] > 0.0;
                act(&t, action);
                d->step(s, action);
                worst = fmax(worst, distance(d, t.s, s, n));
            }
        }
        print_message("%s: %.1e after 200 steps\n", mdl_task_info_get(d->id)->name, worst);
        assert_true(worst <= d->tolerance200);
    }
}

/* Numbers split by commas, exactly n of them. */
static void numbers(char *text, double *out, uint32_t n) {
    uint32_t count = 0;
    for (char *item = strtok(text, ","); item; item = strtok(NULL, ",")) {
        assert_true(count < n);
        out[count++] = vectors_f64(item);
    }
    assert_int_equal(count, n);
}

static void check_trajectory(void *ctx, size_t count, char **field) {
    (void)ctx;
    double s[6], want[6], sum = 0.0;
    assert_int_equal(count, 6);
    mdl_task_id id;
    assert_int_equal(mdl_task_find(field[0], &id), MDL_OK);
    const char *actions = field[2];
    uint32_t n = mdl_task_info_get(id)->states;
    numbers(field[1], s, n);
    numbers(field[3], want, n);
    mdl_task t;
    start(&t, id, 0, 0, MDL_PART_TRAIN);
    assert_int_equal(mdl_task_set_state(&t, s, n), MDL_OK);
    for (const char *a = actions; *a; a++) {
        assert_false(t.out.flags & MDL_OUT_DONE);
        act(&t, (uint32_t)(*a - '0'));
        assert_true(t.out.flags & MDL_OUT_REWARD);
        sum += (double)t.out.reward;
    }
    assert_true(sum == vectors_f64(field[4]));
    assert_int_equal((t.out.flags & MDL_OUT_DONE) != 0, vectors_u64(field[5]));
    double tolerance = strlen(actions) == 1 ? 1e-14 : 1e-9;
    for (uint32_t i = 0; i < n; i++)
        assert_true(fabs(t.s[i] - want[i]) <= tolerance * fmax(1.0, fabs(want[i])));
}

static void test_spec_trajectories(void **state) {
    (void)state;
    assert_int_equal(vectors_load("task-dynamics", check_trajectory, NULL), 18);
}

static void check_start(void *ctx, size_t count, char **field) {
    (void)ctx;
    mdl_task_id id;
    assert_true(count > 4);
    assert_int_equal(mdl_task_find(field[0], &id), MDL_OK);
    mdl_task t;
    start(&t, id, vectors_u64(field[1]), (uint32_t)vectors_u64(field[3]), (mdl_part)vectors_u64(field[2]));
    uint32_t n = mdl_task_info_get(id)->states;
    assert_int_equal(count - 4, n);
    for (uint32_t i = 0; i < n; i++)
        assert_true(t.s[i] == vectors_f64(field[4 + i]));
}

static void test_spec_starts(void **state) {
    (void)state;
    assert_int_equal(vectors_load("task-starts", check_start, NULL), 9);
}

/* ---- starts, ends, fitness ---- */

/* Mean of 4 x 4000 uniform starts: error above 6 standard errors has a
 * probability below 2e-9. */
static void test_start_distribution(void **state) {
    (void)state;
    static const struct {
        mdl_task_id id;
        double lo, hi;
        uint32_t random;
    } range[] = {
        {MDL_TASK_CARTPOLE, -0.05, 0.05, 4}, {MDL_TASK_MOUNTAINCAR, -0.6, -0.4, 1}, {MDL_TASK_ACROBOT, -0.1, 0.1, 4}};
    for (size_t k = 0; k < 3; k++) {
        double sum[4] = {0};
        mdl_task t;
        for (uint32_t life = 0; life < 4000; life++) {
            start(&t, range[k].id, mdl_key(3, MDL_STREAM_TRAIN, 0, 0, life), life, MDL_PART_TRAIN);
            assert_int_equal(t.out.flags, MDL_OUT_WIPE);
            for (uint32_t i = 0; i < 4; i++) {
                assert_true(i < range[k].random ? t.s[i] >= range[k].lo && t.s[i] <= range[k].hi : t.s[i] == 0.0);
                sum[i] += t.s[i];
            }
        }
        double width = range[k].hi - range[k].lo, error = 6.0 * width / sqrt(12.0 * 4000.0);
        for (uint32_t i = 0; i < range[k].random; i++)
            assert_true(fabs(sum[i] / 4000.0 - 0.5 * (range[k].lo + range[k].hi)) < error);
    }
}

static uint32_t run(mdl_task *t, uint32_t (*policy)(const mdl_task *t)) {
    uint32_t steps = 0;
    while (!(t->out.flags & MDL_OUT_DONE)) {
        act(t, policy(t));
        steps++;
        assert_true(steps <= 100000);
    }
    return steps;
}

static uint32_t push_one(const mdl_task *t) {
    (void)t;
    return 1;
}
static uint32_t balance(const mdl_task *t) { return t->s[2] + 0.5 * t->s[3] + 0.02 * t->s[0] + 0.1 * t->s[1] > 0.0; }
static uint32_t with_velocity(const mdl_task *t) { return t->s[1] >= 0.0 ? 2 : 0; }
static uint32_t pump(const mdl_task *t) { return t->s[3] > 0.0 ? 2 : 0; }
static uint32_t push_left(const mdl_task *t) {
    (void)t;
    return 0;
}
static uint32_t at_random(const mdl_task *t) {
    mdl_stream r = {mdl_key(t->rng.key, MDL_STREAM_POLICY, 0, 0, 0), t->step};
    return mdl_draw_below(&r, mdl_task_action_count(&t->params));
}

static void test_cartpole_life(void **state) {
    (void)state;
    mdl_task t;
    double random_steps = 0.0;
    for (uint32_t life = 0; life < 2000; life++) {
        start(&t, MDL_TASK_CARTPOLE, mdl_key(1, MDL_STREAM_TEST, 0, 0, life), life, MDL_PART_TEST);
        uint32_t steps = run(&t, at_random);
        assert_int_equal(mdl_task_score(&t), (int64_t)steps * 1000000);
        random_steps += steps / 2000.0;
    }
    print_message("random policy: %.2f steps\n", random_steps);
    assert_true(random_steps > 21.0 && random_steps < 23.5);
    for (uint32_t life = 0; life < 100; life++) {
        start(&t, MDL_TASK_CARTPOLE, life, life, MDL_PART_TRAIN);
        assert_int_equal(run(&t, balance), 500); /* the limit ends the life */
        assert_int_equal(mdl_task_fitness(&t), 500000000);
        assert_true(t.out.flags & MDL_OUT_REWARD && t.out.reward == 1.0f);
    }
}

static void test_mountaincar_life(void **state) {
    (void)state;
    mdl_task t;
    double steps = 0.0;
    for (uint32_t life = 0; life < 1000; life++) {
        start(&t, MDL_TASK_MOUNTAINCAR, mdl_key(1, MDL_STREAM_TEST, 0, 0, life), life, MDL_PART_TEST);
        uint32_t n = run(&t, with_velocity);
        assert_true(n < 200 && t.s[0] >= 0.5);
        assert_int_equal(mdl_task_score(&t), -(int64_t)n * 1000000);
        assert_int_equal(mdl_task_fitness(&t), mdl_task_score(&t));
        steps += n / 1000.0;
    }
    print_message("push with the velocity: %.1f steps\n", steps);
    assert_true(steps > 115.0 && steps < 123.0);

    /* Failure: a bonus for the farthest point, in training and when asked for. */
    start(&t, MDL_TASK_MOUNTAINCAR, 7, 0, MDL_PART_TRAIN);
    double farthest = t.s[0];
    while (!(t.out.flags & MDL_OUT_DONE)) {
        act(&t, at_random(&t));
        farthest = fmax(farthest, t.s[0]);
    }
    assert_int_equal(t.step, 200);
    assert_int_equal(mdl_task_score(&t), -200000000);
    assert_true(fabs((double)mdl_task_fitness(&t) - (-200e6 + 50e6 * (farthest - 0.5))) < 1.0);
    assert_true(mdl_task_fitness(&t) < -220000000);
    start(&t, MDL_TASK_MOUNTAINCAR, 7, 0, MDL_PART_TEST);
    run(&t, at_random);
    assert_int_equal(mdl_task_fitness(&t), -200000000);
    mdl_task_params p;
    mdl_task_defaults(MDL_TASK_MOUNTAINCAR, &p);
    p.shaping = 0;
    mdl_task_reset(&t, &p, 7, 0, MDL_PART_TRAIN);
    run(&t, at_random);
    assert_int_equal(mdl_task_fitness(&t), -200000000);

    /* The left wall takes all speed. */
    double wall[2] = {-1.19, -0.06};
    start(&t, MDL_TASK_MOUNTAINCAR, 7, 0, MDL_PART_TRAIN);
    assert_int_equal(mdl_task_set_state(&t, wall, 2), MDL_OK);
    act(&t, push_left(&t));
    assert_true(t.s[0] == -1.2 && t.s[1] == 0.0);
}

static void test_acrobot_life(void **state) {
    (void)state;
    mdl_task t;
    for (uint32_t life = 0; life < 50; life++) {
        start(&t, MDL_TASK_ACROBOT, life, life, MDL_PART_TRAIN);
        uint32_t n = run(&t, pump);
        assert_true(n < 500 && t.out.reward == 0.0f);
        assert_int_equal(mdl_task_score(&t), -((int64_t)n - 1) * 1000000);
        assert_int_equal(mdl_task_fitness(&t), mdl_task_score(&t));
    }
    start(&t, MDL_TASK_ACROBOT, 1, 0, MDL_PART_TRAIN);
    assert_int_equal(run(&t, push_one), 500);
    assert_int_equal(mdl_task_score(&t), -500000000);
    assert_true(t.out.reward == -1.0f);
}

/* Linear feedback on the whole state (a Riccati solution): more than a network
 * may see, but it exercises long lives. */
static float feedback(const double *s) {
    static const double gain[6] = {1.69610965, 3.12611676, 65.49199701, 17.29326726, -48.96838232, -4.3444906};
    double u = 0.0;
    for (int i = 0; i < 6; i++)
        u -= gain[i] * s[i] / 10.0;
    return (float)u;
}

static void test_doublepole_life(void **state) {
    (void)state;
    mdl_task t;
    double motion[1000];
    start(&t, MDL_TASK_DOUBLEPOLE, 1, 3, MDL_PART_TRAIN);
    assert_true(fabs(t.s[2] - 4.0 * PI / 180.0) < 1e-15 && t.s[0] == 0.0 && t.s[4] == 0.0);
    uint32_t n = 0;
    while (!(t.out.flags & MDL_OUT_DONE)) {
        /* a pushed cart, so that the poles do not come to rest */
        float motor = feedback(t.s) + 0.05f * (float)sin(n * 0.1);
        mdl_task_step(&t, 0, &motor);
        assert_true(n < 1000);
        motion[n++] = fabs(t.s[0]) + fabs(t.s[1]) + fabs(t.s[2]) + fabs(t.s[3]);
    }
    assert_int_equal(n, 1000);
    assert_int_equal(mdl_task_score(&t), 1000000000);
    double sum = 0.0;
    for (uint32_t i = 900; i < 1000; i++)
        sum += motion[i];
    double want = 0.1 + 0.9 * 0.75 / sum;
    assert_true(want < 5.0 && fabs((double)mdl_task_fitness(&t) - want * 1e6) <= 1.0);

    /* Below 100 steps only the first term counts. */
    start(&t, MDL_TASK_DOUBLEPOLE, 1, 0, MDL_PART_TRAIN);
    n = 0;
    while (!(t.out.flags & MDL_OUT_DONE)) {
        act(&t, 2);
        n++;
    }
    assert_true(n < 100);
    assert_int_equal(mdl_task_fitness(&t), (int64_t)n * 100);

    /* At rest the fitness is clipped; the long run is the test's episode 0. */
    start(&t, MDL_TASK_DOUBLEPOLE, 1, 0, MDL_PART_TEST);
    n = 0;
    while (!(t.out.flags & MDL_OUT_DONE)) {
        float motor = feedback(t.s);
        mdl_task_step(&t, 0, &motor);
        n++;
    }
    assert_int_equal(n, 100000);
    assert_int_equal(mdl_task_fitness(&t), 10000000);
}

static void test_doublepole_grid(void **state) {
    (void)state;
    static const double level[5] = {0.05, 0.25, 0.5, 0.75, 0.95};
    for (uint32_t e = 1; e <= 625; e++) {
        mdl_task t;
        start(&t, MDL_TASK_DOUBLEPOLE, 1, e, MDL_PART_TEST);
        uint32_t i = e - 1;
        assert_true(fabs(t.s[0] - (level[i / 125] - 0.5) * 4.32) < 1e-12);
        assert_true(fabs(t.s[1] - (level[i / 25 % 5] - 0.5) * 2.7) < 1e-12);
        assert_true(fabs(t.s[2] - (level[i / 5 % 5] - 0.5) * 0.12566304) < 1e-12);
        assert_true(fabs(t.s[3] - (level[i % 5] - 0.5) * 0.30019504) < 1e-12);
        assert_true(t.s[4] == 0.0 && t.s[5] == 0.0);
    }
    mdl_task t;
    start(&t, MDL_TASK_DOUBLEPOLE, 1, 313, MDL_PART_TEST); /* the middle of the grid */
    while (!(t.out.flags & MDL_OUT_DONE)) {
        float motor = feedback(t.s);
        mdl_task_step(&t, 0, &motor);
    }
    assert_int_equal(mdl_task_score(&t), 1000000000);
}

/* ---- views and refusals ---- */

static void test_views(void **state) {
    (void)state;
    static const struct {
        mdl_task_id id;
        uint32_t obs, native;
        double s[6], scaled[6], own[6];
    } view[] = {
        {MDL_TASK_CARTPOLE, 4, 4, {1.2, -3, 0.1, 0.5}, {0.5, -1.5, 0.1 / 0.2095, 0.25}, {1.2, -3, 0.1, 0.5}},
        {MDL_TASK_MOUNTAINCAR, 2, 2, {-0.9, 0.035}, {-0.6 / 0.9, 0.5}, {-0.9, 0.035}},
        {MDL_TASK_ACROBOT,
         6,
         6,
         {PI / 2, PI / 3, 6, -4.5},
         {0, 1, 0.5, 0.86602540378443865, 1.5, -0.5},
         {0, 1, 0.5, 0.86602540378443865, 6, -4.5}},
        {MDL_TASK_DOUBLEPOLE, 3, 3, {1.2, 9, 0.13, 9, -0.26, 9}, {0.25, 0.25, -0.5}, {0.25, 0.25, -0.5}},
    };
    for (size_t k = 0; k < 4; k++) {
        mdl_task t;
        double own[MDL_OBS_MAX];
        uint32_t n = 0;
        start(&t, view[k].id, 1, 0, MDL_PART_TRAIN);
        assert_int_equal(mdl_task_obs_count(&t.params), view[k].obs);
        assert_int_equal(mdl_task_set_state(&t, view[k].s, mdl_task_info_get(view[k].id)->states), MDL_OK);
        mdl_task_native_obs(&t, own, &n);
        assert_int_equal(n, view[k].native);
        for (uint32_t i = 0; i < view[k].obs; i++)
            assert_true(fabs((double)t.out.obs[i] - view[k].scaled[i]) < 1e-6);
        for (uint32_t i = 0; i < n; i++)
            assert_true(fabs(own[i] - view[k].own[i]) < 1e-7);
        for (uint32_t i = view[k].obs; i < MDL_OBS_MAX; i++)
            assert_true(t.out.obs[i] == 0.0f);
    }
}

static void test_set_state_refusals(void **state) {
    (void)state;
    for (uint32_t id = 0; id < MDL_TASK_COUNT; id++) {
        mdl_task t, before;
        start(&t, (mdl_task_id)id, 1, 0, MDL_PART_TRAIN);
        memcpy(&before, &t, sizeof t);
        uint32_t n = mdl_task_info_get(id)->states;
        double s[7] = {0};
        assert_int_equal(mdl_task_set_state(&t, s, n + 1), MDL_ERANGE);
        assert_int_equal(mdl_task_set_state(&t, s, 0), MDL_ERANGE);
        static const double bad[] = {NAN, INFINITY, -INFINITY, 100.1, -1e300};
        for (size_t k = 0; k < sizeof bad / sizeof bad[0] && n > 0; k++) {
            s[n - 1] = bad[k];
            assert_int_equal(mdl_task_set_state(&t, s, n), MDL_ERANGE);
        }
        assert_memory_equal(&t, &before, sizeof t);
    }
}

/* The farthest states that set_state lets in stay finite for a step. */
static void test_extreme_states(void **state) {
    (void)state;
    for (int k = 0; k < SYSTEMS; k++) {
        uint32_t n = mdl_task_info_get(system_of[k].id)->states;
        for (uint32_t corner = 0; corner < 1u << n; corner++) {
            double s[6];
            for (uint32_t i = 0; i < n; i++)
                s[i] = corner >> i & 1u ? 100.0 : -100.0;
            mdl_task t;
            start(&t, system_of[k].id, 1, 0, MDL_PART_TRAIN);
            assert_int_equal(mdl_task_set_state(&t, s, n), MDL_OK);
            act(&t, corner % system_of[k].actions);
            for (uint32_t i = 0; i < n; i++)
                assert_true(isfinite(t.s[i]));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_step),
        cmocka_unit_test(test_many_steps),
        cmocka_unit_test(test_spec_trajectories),
        cmocka_unit_test(test_spec_starts),
        cmocka_unit_test(test_start_distribution),
        cmocka_unit_test(test_cartpole_life),
        cmocka_unit_test(test_mountaincar_life),
        cmocka_unit_test(test_acrobot_life),
        cmocka_unit_test(test_doublepole_life),
        cmocka_unit_test(test_doublepole_grid),
        cmocka_unit_test(test_views),
        cmocka_unit_test(test_set_state_refusals),
        cmocka_unit_test(test_extreme_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
