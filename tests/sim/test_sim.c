/* The simulation itself: it replays exactly, real and quick signatures give the
 * same run, honest fleets keep every invariant, and what breaks one is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after those four */
#include <cmocka.h>
#include <sodium.h>

#include "sim/sim.h"

static mdl_sim_report run(const mdl_sim_plan *plan) {
    mdl_sim_report r;
    memset(&r, 0, sizeof r);
    assert_int_equal(mdl_sim_run(plan, &r), MDL_OK);
    return r;
}

static mdl_sim_plan plan_of(uint64_t seed) {
    mdl_sim_plan p;
    mdl_sim_plan_init(&p);
    p.seed = seed;
    p.ed25519 = 0;
    return p;
}

/* Equal plans, equal ledgers; another seed, another one. */
static void test_replays(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        mdl_sim_plan p = plan_of(seed);
        p.adversaries = seed % 2 ? 0.3 : 0;
        p.workers = 9 + (uint32_t)seed;
        mdl_sim_report a = run(&p), b = run(&p);
        assert_memory_equal(&a, &b, sizeof a);
        p.seed = seed + 100;
        b = run(&p);
        assert_memory_not_equal(a.root, b.root, sizeof a.root);
    }
}

/* The stand-in for Ed25519 changes signatures, and so the tree, but nothing else. */
static void test_signatures_do_not_matter(void **state) {
    (void)state;
    for (uint64_t seed = 5; seed <= 6; seed++) {
        mdl_sim_plan p = plan_of(seed);
        p.adversaries = seed == 6 ? 0.3 : 0;
        mdl_sim_report quick = run(&p);
        p.ed25519 = 1;
        mdl_sim_report real = run(&p);
        assert_memory_not_equal(quick.root, real.root, sizeof real.root);
        memcpy(quick.root, real.root, sizeof real.root);
        assert_memory_equal(&quick, &real, sizeof real);
    }
}

static void test_honest_fleets(void **state) {
    (void)state;
    uint64_t crashes = 0, kills = 0, lost = 0, repeated = 0, folds = 0;
    for (uint64_t seed = 10; seed < 30; seed++) {
        mdl_sim_plan p = plan_of(seed);
        p.workers = 1 + (uint32_t)(seed * 7 % 20);
        mdl_sim_report r = run(&p);
        if (r.violations > 0) {
            fail_msg("seed %d: %s", (int)seed, r.violation);
        }
        assert_true(r.ended);
        assert_int_equal(r.closed, p.generations);
        assert_true(r.receipts > 0 && r.results > 0);
        crashes += r.crashes;
        kills += r.kills;
        lost += r.lost;
        repeated += r.repeated;
        folds += r.folds;
    }
    /* What is to be survived did happen. */
    assert_true(crashes > 20 && kills > 100 && lost > 100 && repeated > 100 && folds > 60);
}

static void test_plans_are_checked(void **state) {
    (void)state;
    mdl_sim_report r;
    mdl_sim_plan p = plan_of(1);
    p.workers = 0;
    assert_int_equal(mdl_sim_run(&p, &r), MDL_ERANGE);
    p = plan_of(1);
    p.adversaries = 0.95;
    assert_int_equal(mdl_sim_run(&p, &r), MDL_ERANGE);
    p = plan_of(1);
    p.mix = MDL_SIM_BEHAVIOURS;
    assert_int_equal(mdl_sim_run(&p, &r), MDL_ERANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replays),
        cmocka_unit_test(test_signatures_do_not_matter),
        cmocka_unit_test(test_honest_fleets),
        cmocka_unit_test(test_plans_are_checked),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
