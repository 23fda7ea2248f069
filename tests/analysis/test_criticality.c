/* analysis/criticality.h and stats.h on processes whose answer is known. */
#include "tests/analysis/signals.h"

#include <string.h>

#include "analysis/criticality.h"
#include "analysis/stats.h"

enum { STEPS = 60000 };

static double activity[STEPS], part[STEPS];

static void test_stats(void **state) {
    (void)state;
    const double x[] = {1, 2, 3, 4}, y[] = {1, 3, 5, 7}, z[] = {9, 1, 0.5, -4}, w[] = {1, 1, 2, 2};
    double slope, intercept;
    mdl_stat_line(x, y, 4, &slope, &intercept);
    assert_close(slope, 2, 1e-12);
    assert_close(intercept, -1, 1e-12);
    assert_close(mdl_stat_sd(x, 4), sqrt(5.0 / 3), 1e-12);
    assert_close(mdl_stat_correlation(x, y, 4), 1, 1e-12);
    assert_close(mdl_stat_spearman(x, z, 4), -1, 1e-12);
    assert_close(mdl_stat_spearman(x, w, 4), 2 / sqrt(5), 1e-12); /* ties */
    mdl_interval v = mdl_stat_interval(x, 4);
    assert_close(v.hi - v.mean, 3.182 * sqrt(5.0 / 3) / 2, 1e-9);
    assert_close(mdl_stat_interval(x, 1).hi, 1, 0);
}

/* The 95 % interval holds the true mean in 95 % of repetitions: 2000 of them, so within 3 s.d. of 1.5 %. */
static void test_interval_coverage(void **state) {
    (void)state;
    mdl_stream rng = {11, 0};
    int inside = 0;
    for (int i = 0; i < 2000; i++) {
        double x[5];
        for (int k = 0; k < 5; k++)
            x[k] = 3.0 + draw_normal(&rng);
        mdl_interval v = mdl_stat_interval(x, 5);
        inside += v.lo <= 3.0 && v.hi >= 3.0;
    }
    assert_between(inside / 2000.0, 0.935, 0.965);
}

static void test_regression_of_the_whole(void **state) {
    (void)state;
    const double m[] = {0.3, 0.8, 0.95, 0.99};
    for (size_t i = 0; i < 4; i++) {
        branching_process(activity, STEPS, m[i], 20.0 * (1.0 - m[i]) + 1.0, 5 + i);
        assert_close(mdl_branching_regression(activity, STEPS), m[i], 4.0 * sqrt((1 - m[i] * m[i]) / STEPS) + 0.001);
    }
    for (size_t t = 0; t < STEPS; t++)
        activity[t] = 4;
    assert_close(mdl_branching_regression(activity, STEPS), 0, 0);
}

/* Seeing a tenth of the units bends the plain regression far down; the multistep estimator stays. */
static void test_multistep_of_a_part(void **state) {
    (void)state;
    const double m[] = {0.8, 0.95, 0.98};
    for (size_t i = 0; i < 3; i++) {
        branching_process(activity, STEPS, m[i], 100.0 * (1.0 - m[i]), 21 + i);
        mdl_stream rng = {77, 0};
        for (size_t t = 0; t < STEPS; t++)
            part[t] = draw_binomial(&rng, activity[t], 0.1);
        mdl_multistep whole, seen;
        assert_int_equal(mdl_branching_multistep(activity, STEPS, 60, &whole), MDL_OK);
        assert_int_equal(mdl_branching_multistep(part, STEPS, 60, &seen), MDL_OK);
        assert_close(whole.m, m[i], 0.012);
        assert_close(whole.b, 1.0, 0.03);
        assert_close(seen.m, m[i], 0.02);
        assert_true(seen.b < 0.9);
        assert_true(mdl_branching_regression(part, STEPS) < m[i] - 0.1);
        assert_close(seen.time, -1.0 / log(m[i]), 0.5 / -log(m[i]));
    }
    mdl_multistep out;
    assert_int_equal(mdl_branching_multistep(activity, 10, 60, &out), MDL_ESIZE);
    assert_int_equal(mdl_branching_multistep(activity, STEPS, 1, &out), MDL_ESIZE);
    memset(part, 0, sizeof part);
    assert_int_equal(mdl_branching_multistep(part, STEPS, 10, &out), MDL_ERANGE);
}

static void test_avalanches(void **state) {
    (void)state;
    const double a[] = {5, 0, 1, 2, 0, 0, 3, 0, 1, 1, 1, 0, 7};
    double size[7], duration[7];
    assert_int_equal(mdl_avalanches(a, 13, 0, size, duration), 3); /* the first and the last are cut */
    const double sizes[] = {3, 3, 3}, durations[] = {2, 1, 3};
    for (int i = 0; i < 3; i++) {
        assert_close(size[i], sizes[i], 0);
        assert_close(duration[i], durations[i], 0);
    }
    assert_int_equal(mdl_avalanches(a, 13, 1, size, duration), 2);
    assert_close(size[0], 1, 0);
    assert_close(size[1], 2, 0);
    assert_int_equal(mdl_avalanches(a, 0, 1, size, duration), 0);
}

/* Critical branching: sizes fall with exponent 3/2, durations with 2. */
static void test_critical_avalanches(void **state) {
    (void)state;
    enum { AVALANCHES = 20000 };
    static double size[AVALANCHES], duration[AVALANCHES];
    mdl_stream rng = {31, 0};
    for (size_t i = 0; i < AVALANCHES; i++) {
        double now = 1.0;
        size[i] = duration[i] = 0.0;
        while (now > 0.0 && duration[i] < 3000.0) {
            size[i] += now;
            duration[i] += 1.0;
            now = draw_poisson(&rng, now);
        }
    }
    mdl_power_law law;
    assert_int_equal(mdl_power_law_fit(size, AVALANCHES, 10, 1000, 1, &law), MDL_OK);
    assert_close(law.alpha, 1.5, 0.06);
    assert_true(law.ks < 0.02 && law.n > 1000);
    assert_int_equal(mdl_power_law_fit(duration, AVALANCHES, 20, 1000, 1, &law), MDL_OK);
    assert_close(law.alpha, 2.0, 0.15);
    /* Sub-critical ones are no power law: much farther from the best one. */
    for (size_t i = 0; i < AVALANCHES; i++) {
        double now = 1.0;
        size[i] = 0.0;
        while (now > 0.0) {
            size[i] += now;
            now = draw_poisson(&rng, 0.7 * now);
        }
    }
    assert_int_equal(mdl_power_law_fit(size, AVALANCHES, 1, 1000, 1, &law), MDL_OK);
    assert_true(law.ks > 0.04);
}

static void test_power_law_draws(void **state) {
    (void)state;
    enum { N = 5000 };
    static double x[N];
    const double alphas[] = {1.2, 1.5, 2.5, 3.5};
    for (size_t i = 0; i < 4; i++) {
        mdl_stream rng = {91 + i, 0};
        double e = 1.0 - alphas[i], lo = 1.0, hi = 500.0;
        for (size_t k = 0; k < N; k++)
            x[k] = pow(pow(lo, e) + mdl_draw_unit_f64(&rng) * (pow(hi, e) - pow(lo, e)), 1.0 / e);
        mdl_power_law law;
        assert_int_equal(mdl_power_law_fit(x, N, lo, hi, 0, &law), MDL_OK);
        assert_close(law.alpha, alphas[i], 4.0 * law.error);
        assert_true(law.error > 0.0 && law.error < 0.08);
        assert_true(law.ks < 1.63 / sqrt(N)); /* 1 % point of Kolmogorov's law */
    }
    mdl_power_law law;
    assert_int_equal(mdl_power_law_fit(x, N, 0, 10, 0, &law), MDL_ERANGE);
    assert_int_equal(mdl_power_law_fit(x, N, 5, 5, 0, &law), MDL_ERANGE);
    assert_int_equal(mdl_power_law_fit(x, 9, 1, 500, 0, &law), MDL_ESIZE);
}

static void test_balance(void **state) {
    (void)state;
    const double e[] = {1, 2, 3, 2}, i[] = {2, 4, 6, 4};
    mdl_balance b;
    mdl_balance_of(e, i, 4, &b);
    assert_close(b.index, -1.0 / 3, 1e-12);
    assert_close(b.correlation, 1, 1e-12);
    mdl_balance_of(e, e, 4, &b);
    assert_close(b.index, 0, 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stats),
        cmocka_unit_test(test_interval_coverage),
        cmocka_unit_test(test_regression_of_the_whole),
        cmocka_unit_test(test_multistep_of_a_part),
        cmocka_unit_test(test_avalanches),
        cmocka_unit_test(test_critical_avalanches),
        cmocka_unit_test(test_power_law_draws),
        cmocka_unit_test(test_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
