/* Draws against the formulae of docs/SECURITY.md: how surely a liar is found, that
 * the draws of a batch have nothing to do with each other, and how often a ring
 * confirms itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* after those four */
#include <cmocka.h>

#include "core/philox.h"
#include "protocol/duty_internal.h"

enum { JOBS = 8, TRIALS = 10000, OWNERS = 20 };

static const mdl_evolution_spec spec = {.islands = 1, .island = {{.algorithm = MDL_ES, .population = JOBS}}};

static mdl_duty *duty_of(uint32_t seed, uint32_t floor_ppm) {
    uint8_t element[32];
    mdl_duty_rules rules = {.floor_ppm = floor_ppm};
    mdl_duty *d = mdl_duty_new(JOBS);
    assert_non_null(d);
    memset(element, 0x31, sizeof element);
    memcpy(element, &seed, sizeof seed);
    mdl_duty_begin(d, &rules, &spec, 0, JOBS, element);
    return d;
}

/* The draw of one lease with a nonce of its own. */
static mdl_duty_words draw(const mdl_duty *d, mdl_stream *rng, uint64_t lease) {
    static const uint8_t root[32] = {1};
    uint8_t nonce[32];
    for (uint32_t i = 0; i < sizeof nonce; i += 4) {
        uint32_t word = mdl_draw_u32(rng);
        memcpy(nonce + i, &word, sizeof word);
    }
    return mdl_duty_draw(d, "check\0\0", lease, nonce, root);
}

/* `hits` of `trials` where each hits with probability p: within four standard deviations, which one run in 16,000
 * would miss; draws are fixed, so a run that passes passes always. */
static void assert_rate(uint32_t hits, uint32_t trials, double p) {
    double off = (double)hits - p * trials, variance = trials * p * (1 - p);
    if (off * off > 16 * variance)
        fail_msg("%u of %u; the formula says %.1f", hits, trials, p * trials);
}

/* 1 - (1-p)^w: that one of w wrong units is drawn. */
static void detection_follows_the_formula(void **state) {
    (void)state;
    static const struct {
        uint32_t ppm, w;
        double detection;
    } at[] = {{20000, 1, 0.02}, {20000, 10, 0.182927}, {20000, 35, 0.506930}, {100000, 44, 0.990302}};
    mdl_stream rng = {.key = 5};
    uint64_t lease = 1;
    for (uint32_t k = 0; k < sizeof at / sizeof at[0]; k++) {
        mdl_duty *d = duty_of(k, at[k].ppm);
        uint32_t found = 0;
        for (uint32_t trial = 0; trial < TRIALS; trial++) {
            int hit = 0;
            for (uint32_t i = 0; i < at[k].w && !hit; i++)
                hit = mdl_duty_falls(draw(d, &rng, lease++).w[0], at[k].ppm);
            found += (uint32_t)hit;
        }
        assert_rate(found, TRIALS, at[k].detection);
        mdl_duty_free(d);
    }
}

/* Units that are committed one behind the other: neighbours are drawn together as often as by chance, and every job
 * of a unit alike. */
static void draws_of_a_batch_are_independent(void **state) {
    (void)state;
    enum { UNITS = 40000, PPM = 300000 };
    mdl_duty *d = duty_of(99, PPM);
    mdl_stream rng = {.key = 6};
    uint32_t both = 0, place[JOBS] = {0}, drawn = 0;
    int last = 0;
    for (uint32_t i = 0; i < UNITS; i++) {
        mdl_duty_words x = draw(d, &rng, i);
        int hit = mdl_duty_falls(x.w[0], PPM);
        both += (uint32_t)(hit && last);
        last = hit;
        if (hit) {
            place[x.w[1] % JOBS]++;
            drawn++;
        }
    }
    assert_rate(drawn, UNITS, 0.3);
    assert_rate(both, UNITS - 1, 0.09);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_rate(place[i], drawn, 1.0 / JOBS);
    mdl_duty_free(d);
}

static mdl_duty_answer answer_of(int wrong) {
    mdl_duty_answer a = {.fitness = 5 + wrong, .updates = 9};
    a.segment[0] = (uint8_t)wrong;
    return a;
}

static void answer(mdl_duty *d, uint64_t lease, uint32_t owner, uint32_t first, uint32_t count, int wrong,
                   mdl_stream *rng) {
    uint8_t key[32], nonce[32], root[32] = {2};
    mdl_duty_answer a[JOBS];
    memset(key, (int)owner + 1, sizeof key);
    for (uint32_t i = 0; i < sizeof nonce; i++)
        nonce[i] = (uint8_t)mdl_draw_u32(rng);
    for (uint32_t i = 0; i < count; i++)
        a[i] = answer_of(wrong);
    assert_int_equal(mdl_duty_lease(d, lease, key, owner, 1, first, count), MDL_OK);
    mdl_duty_reveal(d, lease, nonce, root, a);
}

/* A share f of the owners tells the same lie. A unit of one of them is drawn; whoever asks next is given the drawn job,
 * and confirms the lie with probability (f n - 1) / (n - 1): f, less what nobody confirms oneself. Else the two are in
 * dispute, and the coordinator decides. */
static void rings_confirm_themselves_as_often_as_they_are_many(void **state) {
    (void)state;
    static const uint32_t liars[] = {2, 6, 10}; /* of 20: 10, 30, 50 % */
    enum { GAMES = 3000 };
    mdl_stream rng = {.key = 7};
    for (uint32_t k = 0; k < 3; k++) {
        uint32_t free_ones = 0, caught = 0;
        for (uint32_t i = 0; i < GAMES; i++) {
            mdl_duty *d = duty_of(1000 + i, 1000000);
            answer(d, 1, 0, 0, JOBS, 1, &rng); /* owner 0 lies in all its jobs */
            uint32_t job = mdl_duty_waiting(d, 0), owner = 1 + mdl_draw_below(&rng, OWNERS - 1);
            uint8_t key[32];
            memset(key, (int)owner + 1, sizeof key);
            mdl_duty_choice c = mdl_duty_choose(d, 2, key, owner, 1);
            assert_true(c.kind == MDL_DUTY_CONFIRM && c.first == job && c.most == 1);
            answer(d, 2, owner, job, 1, owner < liars[k], &rng);
            free_ones += (uint32_t)mdl_duty_confirmed(d, job);
            caught += mdl_duty_disputed(d, 0) == job;
            mdl_duty_free(d);
        }
        assert_int_equal(free_ones + caught, GAMES);
        assert_rate(free_ones, GAMES, (liars[k] - 1.0) / (OWNERS - 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detection_follows_the_formula),
        cmocka_unit_test(draws_of_a_batch_are_independent),
        cmocka_unit_test(rings_confirm_themselves_as_often_as_they_are_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
