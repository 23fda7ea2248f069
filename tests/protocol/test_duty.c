/* Re-execution: what is chosen, what waits, and that everyone who learns the
 * element finds what the coordinator should have done. PROTOCOL section 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/philox.h"
#include "protocol/duty.h"

enum { JOBS = 200, WORKERS = 8 };

static mdl_evolution_spec two_islands(void) {
    mdl_evolution_spec s = {.islands = 2};
    s.island[0] = (mdl_island_spec){.algorithm = MDL_ES, .population = 100};
    s.island[1] = (mdl_island_spec){.algorithm = MDL_GA, .population = 96, .elite = 6};
    return s; /* and four more jobs are validation's */
}

/* The right answer of a job, and a wrong one. */
static mdl_duty_answer answer_of(uint32_t job, int wrong) {
    mdl_duty_answer a = {.fitness = (int64_t)(job * 7919u % 1009u), .updates = 1000 + job};
    memset(a.segment, (int)(job & 0xffu), sizeof a.segment);
    a.segment[31] = (uint8_t)wrong;
    a.fitness += wrong;
    return a;
}

/* A generation played against a live duty and one that does not know the element. */
typedef struct game {
    mdl_evolution_spec spec;
    mdl_duty_rules rules;
    uint8_t element[32];
    mdl_duty *live, *seen, *scratch;
    uint64_t next;
    mdl_stream rng;
    uint32_t confirming, planted, leases;
} game;

static void begin(game *g, uint32_t seed, mdl_duty_rules rules) {
    memset(g, 0, sizeof *g);
    g->spec = two_islands();
    g->rules = rules;
    memset(g->element, (int)seed, sizeof g->element);
    g->live = mdl_duty_new(JOBS);
    g->seen = mdl_duty_new(JOBS);
    g->scratch = mdl_duty_new(JOBS);
    assert_true(g->live && g->seen && g->scratch);
    mdl_duty_begin(g->live, &g->rules, &g->spec, 3, JOBS, g->element);
    mdl_duty_begin(g->seen, &g->rules, &g->spec, 3, JOBS, NULL);
    g->next = 17;
    g->rng = (mdl_stream){.key = seed};
}

static void end(game *g) {
    mdl_duty_free(g->live);
    mdl_duty_free(g->seen);
    mdl_duty_free(g->scratch);
}

static uint32_t below(game *g, uint32_t n) { return mdl_draw_below(&g->rng, n); }

static void key_of(uint32_t worker, uint8_t key[32]) { memset(key, (int)worker + 1, 32); }

static void give(game *g, uint32_t worker, int trusted, uint32_t first, uint32_t count) {
    uint8_t key[32];
    key_of(worker, key);
    assert_int_equal(mdl_duty_lease(g->live, g->next, key, worker, trusted, first, count), MDL_OK);
    assert_int_equal(mdl_duty_lease(g->seen, g->next, key, worker, trusted, first, count), MDL_OK);
    g->next++;
    g->leases++;
}

static void reveal(game *g, uint64_t lease, uint32_t first, uint32_t count, uint32_t wrong_job) {
    mdl_duty_answer answer[JOBS];
    uint8_t nonce[32], root[32] = {0};
    for (uint32_t i = 0; i < count; i++)
        answer[i] = answer_of(first + i, first + i == wrong_job);
    for (int i = 0; i < 32; i++)
        nonce[i] = (uint8_t)mdl_draw_u32(&g->rng);
    mdl_duty_reveal(g->live, lease, nonce, root, answer);
    mdl_duty_reveal(g->seen, lease, nonce, root, answer);
}

static void settle(game *g, uint32_t job) {
    mdl_duty_answer a = answer_of(job, 0);
    assert_int_equal(mdl_duty_settle(g->live, job, &a), MDL_OK);
    assert_int_equal(mdl_duty_settle(g->seen, job, &a), MDL_OK);
}

/* One lease as the beacon gives it, answered at once. Returns 0 when there is nothing. */
static int step(game *g, uint32_t worker, int trusted) {
    uint8_t key[32];
    key_of(worker, key);
    mdl_duty_choice c = mdl_duty_choose(g->live, g->next, key, worker, trusted);
    if (c.kind == MDL_DUTY_NOTHING)
        return 0;
    g->confirming += c.kind == MDL_DUTY_CONFIRM;
    g->planted += c.kind == MDL_DUTY_PLANTED;
    uint32_t count = 1 + below(g, c.most < 7 ? c.most : 7);
    assert_true(mdl_duty_may_lease(g->live, worker, c.first, count));
    give(g, worker, trusted, c.first, count);
    reveal(g, g->next - 1, c.first, count, MDL_DUTY_NONE);
    return 1;
}

/* Everything that the coordinator has to do itself. */
static void finish(game *g) {
    for (uint32_t job; (job = mdl_duty_disputed(g->live, 0)) != MDL_DUTY_NONE;)
        settle(g, job);
    for (uint32_t job; (job = mdl_duty_waiting(g->live, 0)) != MDL_DUTY_NONE;)
        settle(g, job);
    for (uint32_t job; (job = mdl_duty_selected(g->live, 0)) != MDL_DUTY_NONE;)
        settle(g, job);
}

static mdl_err replay(game *g, char fault[160]) { return mdl_duty_replay(g->seen, g->scratch, g->element, fault, 160); }

static void everyone_finds_what_the_coordinator_did(void **state) {
    (void)state;
    char fault[160];
    uint32_t confirming = 0, planted = 0;
    for (uint32_t seed = 0; seed < 200; seed++) {
        game g;
        begin(&g, seed, (mdl_duty_rules){.floor_ppm = 300000, .plant_ppm = 50000, .selected = 1});
        for (uint32_t i = 0; mdl_duty_fresh(g.live) > 0; i++) {
            uint32_t worker = below(&g, WORKERS);
            step(&g, worker, worker > 1);
            if (i % 20 == 19)
                settle(&g, mdl_duty_waiting(g.live, 0) != MDL_DUTY_NONE ? mdl_duty_waiting(g.live, 0) : 0);
        }
        finish(&g);
        assert_true(mdl_duty_done(g.live));
        if (replay(&g, fault) != MDL_OK)
            fail_msg("seed %u: %s", seed, fault);
        for (uint32_t job = 0; job < JOBS; job++) {
            assert_int_equal(mdl_duty_answer_of(g.live, job)->fitness, answer_of(job, 0).fitness);
            if (job >= 196)
                assert_true(mdl_duty_settled(g.live, job));
        }
        confirming += g.confirming;
        planted += g.planted;
        end(&g);
    }
    assert_true(confirming > 200 && planted > 20);
}

static void another_element_gives_other_leases(void **state) {
    (void)state;
    uint32_t found = 0;
    char fault[160];
    for (uint32_t seed = 0; seed < 50; seed++) {
        game g;
        begin(&g, seed, (mdl_duty_rules){.floor_ppm = 300000, .plant_ppm = 50000, .selected = 1});
        while (mdl_duty_fresh(g.live) > 0)
            step(&g, below(&g, WORKERS), 1);
        finish(&g);
        g.element[5] ^= 1;
        found += replay(&g, fault) != MDL_OK;
        end(&g);
    }
    assert_int_equal(found, 50);
}

static void a_lease_that_was_not_drawn_is_found(void **state) {
    (void)state;
    char fault[160];
    game g;
    begin(&g, 1, (mdl_duty_rules){.floor_ppm = 0, .plant_ppm = 0, .selected = 0});
    give(&g, 2, 1, 50, 3); /* the beacon gives fresh work from 0 */
    reveal(&g, 17, 50, 3, MDL_DUTY_NONE);
    while (step(&g, 1, 1))
        ;
    assert_true(mdl_duty_done(g.live));
    assert_int_equal(replay(&g, fault), MDL_EMISMATCH);
    assert_string_equal(fault, "lease 17 has 3 jobs from 50; the beacon gives fresh work from 0");
    end(&g);
}

static void a_check_that_is_missing_is_found(void **state) {
    (void)state;
    char fault[160];
    game g;
    begin(&g, 2, (mdl_duty_rules){.floor_ppm = 1000000, .plant_ppm = 0, .selected = 0});
    while (mdl_duty_fresh(g.live) > 0) /* one owner alone: nobody can confirm */
        step(&g, 0, 1);
    assert_int_equal(mdl_duty_answered(g.live), JOBS);
    assert_false(mdl_duty_done(g.live));
    assert_true(mdl_duty_done(g.seen)); /* without the element nothing is drawn */
    assert_int_equal(replay(&g, fault), MDL_ENOENT);
    assert_non_null(strstr(fault, "has to be confirmed and is not"));
    finish(&g);
    assert_int_equal(replay(&g, fault), MDL_OK);
    end(&g);
}

static void answers_that_differ_are_disputed_until_settled(void **state) {
    (void)state;
    game g;
    begin(&g, 3, (mdl_duty_rules){.floor_ppm = 0, .plant_ppm = 0, .selected = 0});
    give(&g, 0, 0, 0, 4); /* on probation: all four wait */
    reveal(&g, 17, 0, 4, 2);
    assert_int_equal(mdl_duty_waiting(g.live, 0), 0);
    uint8_t key[32];
    key_of(0, key);
    assert_int_equal(mdl_duty_choose(g.live, 18, key, 0, 1).kind, MDL_DUTY_FRESH); /* nobody confirms itself */
    assert_false(mdl_duty_may_lease(g.live, 0, 0, 4));
    assert_true(mdl_duty_may_lease(g.live, 1, 0, 4));
    give(&g, 1, 1, 0, 4);
    assert_int_equal(mdl_duty_kind_of(g.live, 18), MDL_DUTY_CONFIRM);
    assert_int_equal(mdl_duty_waiting(g.live, 0), MDL_DUTY_NONE);
    reveal(&g, 18, 0, 4, MDL_DUTY_NONE);
    assert_int_equal(mdl_duty_disputed(g.live, 0), 2);
    assert_int_equal(mdl_duty_disputed(g.live, 3), MDL_DUTY_NONE);
    assert_true(mdl_duty_confirmed(g.live, 1) && !mdl_duty_confirmed(g.live, 2));
    settle(&g, 2);
    assert_int_equal(mdl_duty_disputed(g.live, 0), MDL_DUTY_NONE);
    assert_int_equal(mdl_duty_answers(g.live, 2), 3);
    assert_int_equal(mdl_duty_convict(g.live, key), MDL_OK);
    assert_int_equal(mdl_duty_answers(g.live, 2), 2); /* the wrong one is gone */
    assert_int_equal(mdl_duty_answers(g.live, 1), 2); /* what was confirmed stays */
    assert_int_equal(mdl_duty_answered(g.live), 4);
    end(&g);
}

static void a_convicts_unconfirmed_answers_are_void(void **state) {
    (void)state;
    game g;
    char fault[160];
    uint8_t key[32];
    begin(&g, 4, (mdl_duty_rules){.floor_ppm = 0, .plant_ppm = 0, .selected = 0});
    give(&g, 5, 1, 0, 10);
    reveal(&g, 17, 0, 10, MDL_DUTY_NONE);
    give(&g, 5, 1, 10, 5); /* open */
    assert_int_equal(mdl_duty_fresh(g.live), JOBS - 15);
    key_of(5, key);
    assert_int_equal(mdl_duty_convict(g.live, key), MDL_OK);
    assert_int_equal(mdl_duty_convict(g.seen, key), MDL_OK);
    assert_int_equal(mdl_duty_fresh(g.live), JOBS);
    assert_int_equal(mdl_duty_answered(g.live), 0);
    assert_false(mdl_duty_may_reveal(g.live, 18));
    while (step(&g, 1, 1))
        ;
    assert_int_equal(replay(&g, fault), MDL_OK);
    end(&g);
}

static void of_two_copies_the_first_counts(void **state) {
    (void)state;
    game g;
    char fault[160];
    uint8_t key[32];
    begin(&g, 5, (mdl_duty_rules){.floor_ppm = 0, .plant_ppm = 0, .selected = 0});
    give(&g, 0, 1, 0, JOBS);
    key_of(1, key);
    assert_int_equal(mdl_duty_choose(g.live, g.next, key, 1, 1).kind, MDL_DUTY_NOTHING);
    assert_false(mdl_duty_may_lease(g.live, 1, 0, 5));
    give(&g, 1, 1, 0, JOBS);
    reveal(&g, 18, 0, JOBS, MDL_DUTY_NONE);
    assert_false(mdl_duty_may_reveal(g.live, 17));
    mdl_duty_expire(g.live, 17);
    mdl_duty_expire(g.seen, 17);
    assert_int_equal(replay(&g, fault), MDL_OK);
    end(&g);
}

/* A confirmation and its copy may lie with two workers of one owner; one answer of them counts. */
static void two_confirmations_of_one_owner(void **state) {
    (void)state;
    game g;
    begin(&g, 6, (mdl_duty_rules){.floor_ppm = 0, .plant_ppm = 0, .selected = 0});
    give(&g, 0, 0, 0, JOBS); /* on probation: all of it is to be confirmed */
    reveal(&g, 17, 0, JOBS, MDL_DUTY_NONE);
    give(&g, 1, 1, 0, 5);
    give(&g, 1, 1, 0, 5);
    reveal(&g, 18, 0, 5, MDL_DUTY_NONE);
    assert_false(mdl_duty_may_reveal(g.live, 19));
    assert_false(mdl_duty_may_reveal(g.seen, 19));
    assert_int_equal(mdl_duty_answers(g.live, 0), 2);
    end(&g);
}

/* Of n units a share `floor` is drawn, within 5 standard deviations. */
static void draws_keep_to_their_rate(void **state) {
    (void)state;
    double drawn = 0, units = 0;
    for (uint32_t seed = 0; seed < 250; seed++) {
        game g;
        begin(&g, seed, (mdl_duty_rules){.floor_ppm = 20000, .plant_ppm = 0, .selected = 0});
        while (mdl_duty_fresh(g.live) > 0)
            step(&g, 0, 1);
        for (uint32_t job = 0; (job = mdl_duty_waiting(g.live, job)) != MDL_DUTY_NONE; job++)
            drawn++;
        units += g.leases;
        end(&g);
    }
    double off = drawn - 0.02 * units;
    assert_true(units > 10000 && off * off < 25 * units * 0.02 * 0.98);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyone_finds_what_the_coordinator_did),
        cmocka_unit_test(another_element_gives_other_leases),
        cmocka_unit_test(a_lease_that_was_not_drawn_is_found),
        cmocka_unit_test(a_check_that_is_missing_is_found),
        cmocka_unit_test(answers_that_differ_are_disputed_until_settled),
        cmocka_unit_test(a_convicts_unconfirmed_answers_are_void),
        cmocka_unit_test(of_two_copies_the_first_counts),
        cmocka_unit_test(two_confirmations_of_one_owner),
        cmocka_unit_test(draws_keep_to_their_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
