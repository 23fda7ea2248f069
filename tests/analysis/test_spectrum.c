/* analysis/spectrum.h on sines, noise, and couplings that are there or not. */
#include "tests/analysis/signals.h"

#include "analysis/spectrum.h"

enum { STEPS = 8192, LONG = 16384, SEGMENT = 512 };

static double x[LONG], y[STEPS], phase[STEPS], amplitude[STEPS];

static void test_welch(void **state) {
    (void)state;
    mdl_stream rng = {3, 0};
    double power[SEGMENT / 2 + 1], total = 0.0;
    for (size_t t = 0; t < STEPS; t++)
        x[t] = 7.0 + 3.0 * sin(2 * PI * 0.0625 * (double)t) + 1.0 * sin(2 * PI * 0.25 * (double)t + 1) +
               0.5 * draw_normal(&rng);
    assert_int_equal(mdl_welch(x, STEPS, SEGMENT, power), MDL_OK);
    for (int i = 0; i <= SEGMENT / 2; i++)
        total += power[i] / SEGMENT;
    assert_close(total, 4.5 + 0.5 + 0.25, 0.1); /* the variance */
    assert_close(mdl_spectrum_peak(power, SEGMENT, 0, 0.5), 0.0625, 1e-12);
    assert_close(mdl_spectrum_peak(power, SEGMENT, 0.15, 0.5), 0.25, 1e-12);
    double floor = 0.0;
    for (int i = 150; i < 250; i++)
        floor += power[i] / 100;
    assert_close(floor, 0.5, 0.05); /* white noise: variance / 0.5, one-sided */
    assert_int_equal(mdl_welch(x, 100, SEGMENT, power), MDL_ESIZE);
    assert_int_equal(mdl_welch(x, STEPS, 9, power), MDL_ESIZE);
}

static void test_analytic(void **state) {
    (void)state;
    for (size_t t = 0; t < STEPS; t++)
        x[t] = 5.0 + 2.0 * cos(2 * PI * 0.03125 * (double)t + 0.5) + 4.0 * cos(2 * PI * 0.2 * (double)t);
    assert_int_equal(mdl_analytic(x, STEPS, 0.02, 0.05, phase, amplitude), MDL_OK);
    for (size_t t = 500; t < STEPS - 500; t++) {
        assert_close(amplitude[t], 2.0, 0.02);
        double off = remainder(phase[t] - (2 * PI * 0.03125 * (double)t + 0.5), 2 * PI);
        assert_close(off, 0, 0.02);
    }
    assert_int_equal(mdl_analytic(x, STEPS, 0.3, 0.2, phase, amplitude), MDL_ERANGE);
    assert_int_equal(mdl_analytic(x, STEPS, 0.3, 0.6, phase, amplitude), MDL_ERANGE);
    assert_int_equal(mdl_analytic(x, 4, 0.1, 0.2, phase, amplitude), MDL_ESIZE);
}

/* A slow oscillation with a wandering phase and a fast one whose amplitude follows it by `depth`. */
static void nested(double *out, size_t n, double depth, mdl_stream *rng) {
    double slow = 0.0, fast = 0.0;
    for (size_t t = 0; t < n; t++) {
        slow += 2 * PI * 0.01 + 0.05 * draw_normal(rng);
        fast += 2 * PI * 0.12 + 0.05 * draw_normal(rng);
        out[t] = cos(slow) + 0.5 * (1 + depth * cos(slow)) * cos(fast) + 0.3 * draw_normal(rng);
    }
}

static const double slow_band[2] = {0.004, 0.02}, fast_band[2] = {0.08, 0.16};

static void test_pac_found(void **state) {
    (void)state;
    mdl_stream rng = {17, 0};
    mdl_pac pac;
    double before = 0.0;
    const double depth[] = {0.3, 0.6, 0.9};
    for (int i = 0; i < 3; i++) {
        nested(x, 4096, depth[i], &rng);
        assert_int_equal(mdl_pac_signal(x, 4096, slow_band, fast_band, 0, 199, 1, &pac), MDL_OK);
        assert_true(pac.p <= 0.005 + 1e-9); /* the least that 199 surrogates can say */
        assert_true(pac.z > 3 && pac.modulation > before && pac.modulation > pac.high_shuffled);
        assert_close(pac.preferred, 0, 0.6);
        before = pac.modulation;
    }
}

/* The test's error: p <= 0.05 for 5 % of uncoupled signals, where the lags span 80 slow periods. */
static void test_pac_false_alarms(void **state) {
    (void)state;
    enum { SIGNALS = 500 };
    mdl_stream rng = {19, 0};
    int alarms = 0;
    for (uint64_t i = 0; i < SIGNALS; i++) {
        mdl_pac pac;
        nested(x, LONG, 0.0, &rng);
        assert_int_equal(mdl_pac_signal(x, LONG, slow_band, fast_band, 0, 39, i, &pac), MDL_OK);
        alarms += pac.p <= 0.05;
    }
    print_message("false alarms at 0.05: %d of %d\n", alarms, SIGNALS);
    assert_between(alarms / (double)SIGNALS, 0.021, 0.079); /* three s.d. */
}

/* A rhythm that never wanders: moved in time it is as coupled as before, cut and mixed it is not. */
static void test_pac_regular(void **state) {
    (void)state;
    mdl_stream rng = {29, 0};
    mdl_pac pac;
    for (int coupled = 0; coupled < 2; coupled++) {
        for (size_t t = 0; t < STEPS; t++) {
            double slow = cos(2 * PI * 0.01 * (double)t);
            x[t] = slow + (1 + coupled * 0.5 * slow) * cos(2 * PI * 0.12 * (double)t) + 0.3 * draw_normal(&rng);
        }
        assert_int_equal(mdl_pac_signal(x, STEPS, slow_band, fast_band, 0, 99, 3, &pac), MDL_OK);
        assert_true(pac.p > 0.05 && fabs(pac.z) < 3);
        assert_int_equal(mdl_pac_signal(x, STEPS, slow_band, fast_band, 137, 99, 3, &pac), MDL_OK);
        if (coupled)
            assert_true(pac.p <= 0.01 + 1e-9 && pac.z > 5 && pac.modulation > 3 * pac.high_shuffled);
        else
            assert_true(pac.p > 0.01 && pac.modulation < 1e-3);
    }
    assert_int_equal(mdl_pac_signal(x, STEPS, slow_band, fast_band, STEPS, 99, 3, &pac), MDL_ESIZE);
}

static void test_synchrony(void **state) {
    (void)state;
    mdl_stream rng = {23, 0};
    double mean, sd;
    for (size_t t = 0; t < STEPS; t++) {
        x[t] = 2 * PI * mdl_draw_unit_f64(&rng);
        y[t] = x[t] - 1.3;
        phase[t] = 2 * PI * mdl_draw_unit_f64(&rng);
    }
    assert_close(mdl_plv(x, y, STEPS), 1, 1e-9);
    assert_true(mdl_plv(x, phase, STEPS) < 0.04);
    /* Jitter of s.d. s leaves e^(-s^2 / 2). */
    for (size_t t = 0; t < STEPS; t++)
        y[t] = x[t] + 0.8 * draw_normal(&rng);
    assert_close(mdl_plv(x, y, STEPS), exp(-0.32), 0.02);
    static double four[4 * STEPS];
    for (size_t i = 0; i < 4u * STEPS; i++)
        four[i] = x[i % STEPS];
    mdl_kuramoto(four, 4, STEPS, &mean, &sd);
    assert_close(mean, 1, 1e-9);
    assert_close(sd, 0, 1e-6);
    for (size_t i = 0; i < 4u * STEPS; i++)
        four[i] = 2 * PI * mdl_draw_unit_f64(&rng);
    mdl_kuramoto(four, 4, STEPS, &mean, &sd);
    assert_close(mean, 0.45, 0.02); /* of four random phases; sqrt(pi / 16) = 0.443 in the limit */
    assert_true(sd > 0.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_welch),       cmocka_unit_test(test_analytic),
        cmocka_unit_test(test_pac_found),   cmocka_unit_test(test_pac_false_alarms),
        cmocka_unit_test(test_pac_regular), cmocka_unit_test(test_synchrony),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
