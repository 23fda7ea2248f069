/* Fleets with liars: what they gain, how they are found, and that without
 * verification they win, so that the invariants are seen to bite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after those four */
#include <cmocka.h>
#include <sodium.h>

#include "sim/sim.h"
#include "sim/statistics.h"

static mdl_sim_plan plan_of(uint64_t seed, uint32_t mix) {
    mdl_sim_plan p;
    mdl_sim_plan_init(&p);
    p.seed = seed;
    p.ed25519 = 0;
    p.workers = 15;
    p.adversaries = 0.3;
    p.mix = mix;
    return p;
}

static mdl_sim_report run(const mdl_sim_plan *p) {
    mdl_sim_report r;
    memset(&r, 0, sizeof r);
    assert_int_equal(mdl_sim_run(p, &r), MDL_OK);
    return r;
}

static mdl_sim_report run_clean(const mdl_sim_plan *p) {
    mdl_sim_report r = run(p);
    if (r.violations > 0 || !r.ended) {
        fail_msg("seed %d, %s: %s", (int)p->seed, mdl_sim_behaviour_name(p->mix), r.violation);
    }
    assert_int_equal(r.wrong_selected, 0);
    return r;
}

/* Each kind alone, a third of the fleet. Who lies is banned; nobody earns more
 * than the work that it did. */
static void test_each_kind(void **state) {
    (void)state;
    for (uint32_t kind = 0; kind < MDL_SIM_BEHAVIOURS; kind++) {
        if (!mdl_sim_is_evil(kind)) {
            continue;
        }
        mdl_sim_kind sum = {0};
        for (uint64_t seed = 1; seed <= 3; seed++) {
            mdl_sim_plan p = plan_of(100 * kind + seed, kind);
            mdl_sim_report r = run_clean(&p);
            sum.workers += r.kind[kind].workers;
            sum.banned += r.kind[kind].banned;
            sum.wrong += r.kind[kind].wrong;
            sum.slipped += r.kind[kind].slipped;
            sum.jobs += r.kind[kind].jobs;
            sum.paid += r.kind[kind].paid;
            sum.worked += r.kind[kind].worked;
        }
        int liar = kind == MDL_SIM_LAZY || kind == MDL_SIM_RANDOM || kind == MDL_SIM_RING || kind == MDL_SIM_COPIER ||
                   kind == MDL_SIM_HIDER;
        assert_true(sum.workers == 15);
        if (liar) { /* from the first unit on: probation finds them all */
            assert_true(sum.wrong > 0 && sum.banned >= sum.workers - 1);
            assert_int_equal(sum.slipped, 0);
            assert_int_equal(sum.paid, 0);
        }
        if (kind == MDL_SIM_FLIPPER) { /* seven of its eight jobs are right: some may get through probation first */
            assert_true(sum.wrong > 0 && 4 * sum.banned >= 3 * sum.workers && 10 * sum.slipped <= sum.wrong);
            assert_true(2 * sum.paid < sum.worked);
        }
        if (kind == MDL_SIM_TURNCOAT || kind == MDL_SIM_GAMBLER || kind == MDL_SIM_YESMAN) {
            assert_true(sum.wrong > 0 && sum.banned > 0);
        }
        if (kind == MDL_SIM_DROPPER || kind == MDL_SIM_SILENT || kind == MDL_SIM_WITHHOLDER) {
            assert_int_equal(sum.wrong + sum.banned, 0); /* who says nothing says nothing wrong */
            assert_true(sum.paid < sum.worked * 9 / 10);
        }
        if (sum.paid >= sum.worked) {
            fail_msg("%s was paid %d of %d", mdl_sim_behaviour_name(kind), (int)(sum.paid / 1000),
                     (int)(sum.worked / 1000));
        }
    }
}

/* The beacon draws at the floor's rate, and what it draws wrong is convicted. */
static void test_draws(void **state) {
    (void)state;
    uint64_t draws = 0, drawn = 0, wrong = 0, free_ones = 0;
    double expected = 0, variance = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        mdl_sim_plan p = plan_of(seed, MDL_SIM_MIX_WORST);
        p.floor_ppm = 100000;
        p.population = 200;
        mdl_sim_report r = run_clean(&p);
        draws += r.draws;
        drawn += r.drawn;
        wrong += r.drawn_wrong;
        free_ones += r.drawn_free;
        expected += r.drawn_wrong_expected;
        variance += r.drawn_wrong_variance;
    }
    double lo, hi;
    mdl_sim_interval(drawn, draws, 3.3, &lo, &hi); /* one seed in a thousand would miss */
    assert_true(draws > 1000 && lo <= 0.1 && hi >= 0.1);
    assert_true(wrong > 0 && free_ones <= wrong);
    double off = (double)wrong - expected;
    assert_true(off * off < 11 * variance); /* 3.3 standard deviations, as above */
}

/* Without verification wrong networks are selected, and the watch sees it. */
static void test_canary(void **state) {
    (void)state;
    uint32_t selected = 0, slipped = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        mdl_sim_plan p = plan_of(seed, MDL_SIM_RING);
        p.unverified = 1;
        mdl_sim_report r = run(&p);
        selected += r.wrong_selected > 0 && r.violations > 0;
        slipped += r.kind[MDL_SIM_RING].slipped > 0;
    }
    assert_int_equal(selected, 4);
    assert_int_equal(slipped, 4);
}

/* Planted jobs: who answers otherwise than the coordinator did is banned (the watch sees to that), and has not come to
 * be trusted by them. */
static void test_planted(void **state) {
    static const uint32_t kinds[] = {MDL_SIM_RANDOM, MDL_SIM_RING, MDL_SIM_COPIER, MDL_SIM_YESMAN};
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_sim_plan p = plan_of(400 + i, kinds[i]);
        p.plant_ppm = 500000;
        p.probation = 3;
        mdl_sim_report r = run_clean(&p);
        const mdl_sim_kind *k = &r.kind[kinds[i]];
        assert_true(k->wrong > 0 && k->banned > 0);
        if (kinds[i] != MDL_SIM_YESMAN) { /* nothing of its own was ever right */
            assert_int_equal(k->paid, 0);
        }
    }
}

/* With the workers' nonces in the draws fleets that crash, lose and lie come through all the same, and what is drawn is
 * drawn at the floor's rate. */
static void test_shared(void **state) {
    (void)state;
    uint64_t draws = 0, drawn = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        mdl_sim_plan p = plan_of(9000 + seed, MDL_SIM_MIX_WORST);
        p.adversaries = seed % 2 ? 0.3 : 0;
        p.shared = 1;
        p.probation = 1;
        p.floor_ppm = 200000;
        mdl_sim_report r = run_clean(&p);
        draws += r.draws;
        drawn += r.drawn;
    }
    assert_true(draws > 100);
    assert_true(drawn * 100 > draws * 12 && drawn * 100 < draws * 28); /* 20 %: four standard deviations */
}

/* Answers that differ are taken apart, whatever is lost, sent twice, crashes or falls silent: who is found wrong is
 * wrong (the watch sees to that), nobody honest is banned, and what selection needs is right. */
static void test_disputes(void **state) {
    (void)state;
    mdl_sim_report sum;
    uint64_t banned = 0;
    memset(&sum, 0, sizeof sum);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        mdl_sim_plan p = plan_of(7000 + seed, seed % 2 ? MDL_SIM_MIX_WORST : MDL_SIM_WHITEWASHER);
        p.dispute = 1; /* jobs of any size */
        p.probation = 1;
        p.floor_ppm = 300000;
        mdl_sim_report r = run_clean(&p);
        sum.disputes += r.disputes;
        sum.moves += r.moves;
        sum.judgements += r.judgements;
        sum.judged_wrong += r.judged_wrong;
        sum.verdicts += r.verdicts;
        for (uint32_t k = 0; k < MDL_SIM_BEHAVIOURS; k++) {
            banned += r.kind[k].banned;
        }
    }
    print_message("%d disputes, %d moves, %d judgements, %d verdicts, %d banned\n", (int)sum.disputes, (int)sum.moves,
                  (int)sum.judgements, (int)sum.verdicts, (int)banned);
    assert_true(sum.judgements > 5 && sum.judgements < sum.disputes); /* some liars have nothing to show */
    assert_true(sum.judged_wrong >= sum.judgements && sum.moves > 4 * sum.judgements);
    assert_true(banned >= sum.judgements / 2);
    /* None where nobody asks for them. */
    mdl_sim_plan p = plan_of(7001, MDL_SIM_MIX_WORST);
    p.dispute = 0;
    assert_int_equal(run_clean(&p).disputes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind), cmocka_unit_test(test_planted),  cmocka_unit_test(test_draws),
        cmocka_unit_test(test_shared),    cmocka_unit_test(test_disputes), cmocka_unit_test(test_canary),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
