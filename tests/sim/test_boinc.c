/* BOINC's adaptive replication beside ours, against the formulae that describe it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after those four */
#include <cmocka.h>

#include "sim/boinc.h"
#include "sim/statistics.h"

static mdl_boinc_report run(mdl_boinc_plan plan) {
    mdl_boinc_report r;
    assert_true(mdl_boinc_run(&plan, &r));
    return r;
}

static void assert_near(double is, double want, double part) {
    if (is < want * (1 - part) || is > want * (1 + part)) {
        fail_msg("%g is not within %g %% of %g", is, 100 * part, want);
    }
}

/* Honest hosts: a host is checked on its own jobs and as another's replica, so its
 * CV rises twice as fast as one that is checked alone: CV(2k) of the formula. */
static void test_overhead(void **state) {
    (void)state;
    for (uint32_t k = 1000; k <= 10000; k *= 10) {
        mdl_boinc_report r = run((mdl_boinc_plan){.seed = k, .hosts = 300, .jobs = k, .batch = 1});
        assert_int_equal(r.accepted, 0);
        assert_near((double)r.late_extra / (double)r.late_jobs, 1 / mdl_boinc_cv(1.9 * k), 0.1);
        assert_near((double)r.extra / (double)r.jobs, mdl_boinc_cv(2.0 * k) / (2.0 * k), 0.1);
    }
    assert_near(mdl_boinc_cv(1000), 45.6, 0.01);
    assert_near(mdl_boinc_cv(10000), 141.3, 0.01);
}

/* One turncoat among honest hosts, many times over: mean wrong results before it is first caught. */
static double slips_of(uint32_t batch, uint32_t patience) {
    uint64_t slips = 0, slippers = 0;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        mdl_boinc_report r = run((mdl_boinc_plan){.seed = seed,
                                                  .hosts = 60,
                                                  .jobs = patience + 60 * batch * 20,
                                                  .batch = batch,
                                                  .adversaries = 1.0 / 60,
                                                  .patience = patience});
        slips += r.slips;
        slippers += r.slippers;
    }
    assert_true(slippers >= 100);
    return (double)slips / (double)slippers;
}

/* It is checked by its own draws, one in CV, and as often as another's replica; so
 * it slips in about CV / 2. Twenty jobs a request: its own draws come a twentieth as often. */
static void test_turncoats(void **state) {
    (void)state;
    double one = slips_of(1, 2000), twenty = slips_of(20, 2000);
    assert_near(one, mdl_boinc_cv(4000) / 2, 0.25);
    assert_true(twenty > 1.3 * one);
}

static void test_statistics(void **state) {
    (void)state;
    double lo, hi;
    mdl_sim_interval(0, 0, 1.96, &lo, &hi);
    assert_true(lo == 0 && hi == 1);
    mdl_sim_interval(50, 100, 1.96, &lo, &hi);
    assert_true(lo > 0.40 && lo < 0.41 && hi > 0.59 && hi < 0.60);
    mdl_sim_interval(0, 100, 1.96, &lo, &hi);
    assert_true(lo == 0 && hi > 0.03 && hi < 0.04);
    assert_near(mdl_sim_detection(0.02, 228), 0.99, 0.001);
    assert_near(mdl_sim_detection(0.10, 44), 0.99, 0.001);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overhead),
        cmocka_unit_test(test_turncoats),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
