/* Tasks made of trials: structure, wipes, rewards, reference policies' scores,
 * determinism, and the document's lives. SPEC 9.6 to 9.10. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/digits_data.h"
#include "core/task.h"
#include "tests/support/fnv.h"
#include "tests/support/vectors.h"

enum { DONE = MDL_OUT_DONE };

static const float no_motor[MDL_ACTION_MAX];

static void start(mdl_task *t, mdl_task_id id, uint64_t key, uint32_t episode, mdl_part part) {
    mdl_task_params p;
    mdl_task_defaults(id, &p);
    mdl_task_reset(t, &p, key, episode, part);
}

/* Check flags and the first `n` channels; every other channel must be 0. */
static void expect(const mdl_task *t, uint32_t flags, const float *obs, uint32_t n) {
    assert_int_equal(t->out.flags, flags);
    for (uint32_t i = 0; i < MDL_OBS_MAX; i++)
        assert_true(t->out.obs[i] == (i < n ? obs[i] : 0.0f));
    if (!(flags & MDL_OUT_REWARD))
        assert_true(t->out.reward == 0.0f);
}

/* ---- T-maze ---- */

/* Runs a trial; `turn` 1 left, 2 right, 0 crashes into the junction's wall.
 * Returns the reward; *windows counts the trial's. */
static float tmaze_trial(mdl_task *t, uint32_t turn, uint32_t *windows) {
    expect(t, MDL_OUT_WIPE, (float[]){1, 0, 0, 0}, 4);
    *windows = 0;
    uint32_t corridor = 0;
    do {
        mdl_task_step(t, 0, no_motor);
        corridor++;
        if (t->out.obs[0] == 1.0f)
            expect(t, 0, (float[]){1, 0, 0, 0}, 4);
    } while (t->out.obs[0] == 1.0f);
    assert_in_range(corridor, 1, 3);
    expect(t, 0, (float[]){0, 1, 0, 0}, 4);
    mdl_task_step(t, turn, no_motor);
    while (!(t->out.flags & MDL_OUT_REWARD)) {
        assert_true(t->out.obs[3] == 0.0f || t->out.obs[3] == 1.0f);
        expect(t, 0, (float[]){0, 0, 0.3f, t->out.obs[3]}, 4);
        mdl_task_step(t, 2, no_motor);
        ++*windows;
    }
    float reward = t->out.reward;
    expect(t, MDL_OUT_REWARD, (float[]){0, 0, 1, reward}, 4);
    mdl_task_step(t, 1, no_motor); /* the answer to the reward does not matter */
    *windows += corridor + 2;
    return reward;
}

/* Win-stay, lose-shift from a coin: wrong half the time at first and once after
 * the reversal, so (60 - 1.5) / 60 on average, and exactly that over both sides. */
static void test_tmaze_optimum(void **state) {
    (void)state;
    int64_t sum = 0, after = 0;
    double reward_sum = 0.0;
    for (uint32_t life = 0; life < 2000; life++) {
        mdl_task t;
        start(&t, MDL_TASK_TMAZE, mdl_key(5, MDL_STREAM_TEST, 0, 0, life), life, MDL_PART_TEST);
        uint32_t turn = 1, trials = 0, windows;
        double total = 0.0;
        while (!(t.out.flags & DONE)) {
            float r = tmaze_trial(&t, turn, &windows);
            assert_true(r == 1.0f || r == 0.2f);
            turn = r == 1.0f ? turn : 3 - turn;
            total += (double)r;
            trials++;
        }
        assert_int_equal(trials, 60);
        assert_true(fabs((double)mdl_task_fitness(&t) - total / 60.0 * 1e6) < 1.0);
        sum += mdl_task_score(&t);
        after += mdl_task_score_after(&t);
        reward_sum += total;
    }
    assert_true(fabs((double)sum / 2000.0 - 975000.0) < 1.0);
    assert_int_equal(after / 2000, 1000000);
    assert_true(fabs(reward_sum / 2000.0 - (58.5 + 0.2 * 1.5)) < 1e-3);
}

static void test_tmaze_crash(void **state) {
    (void)state;
    mdl_task t;
    start(&t, MDL_TASK_TMAZE, 1, 0, MDL_PART_TRAIN);
    while (!(t.out.flags & DONE)) {
        expect(&t, MDL_OUT_WIPE, (float[]){1, 0, 0, 0}, 4);
        mdl_task_step(&t, 1, no_motor); /* into the corridor's wall */
        expect(&t, MDL_OUT_REWARD, (float[]){0, 0, 1, -0.4f}, 4);
        mdl_task_step(&t, 0, no_motor);
    }
    assert_int_equal(mdl_task_fitness(&t), -400000);
    assert_int_equal(mdl_task_score(&t), 0);
    start(&t, MDL_TASK_TMAZE, 1, 0, MDL_PART_TRAIN);
    uint32_t windows;
    assert_true(tmaze_trial(&t, 0, &windows) == -0.4f);
}

static void test_tmaze_delay_and_sides(void **state) {
    (void)state;
    mdl_task_params p;
    mdl_task_defaults(MDL_TASK_TMAZE, &p);
    p.delay_min = 2;
    p.delay_max = 6;
    p.reversals = 0;
    p.trials = 400;
    uint32_t seen = 0;
    for (uint32_t episode = 0; episode < 2; episode++) {
        mdl_task t;
        mdl_task_reset(&t, &p, 77, episode, MDL_PART_TRAIN);
        while (!(t.out.flags & DONE)) {
            uint32_t windows;
            float r = tmaze_trial(&t, 1 + episode, &windows);
            assert_true(r == 1.0f); /* the side is the episode's parity */
            assert_in_range(windows, 2 + 1 + 2, 2 + 3 + 6);
            seen |= 1u << windows;
        }
        assert_int_equal(mdl_task_score(&t), 1000000);
        assert_int_equal(mdl_task_score_after(&t), -1);
    }
    assert_int_equal(seen, 0xfe0); /* every length from 5 to 11 */
}

/* The reversal falls at 25..35, each equally often: chi-squared over 11 cells
 * and 5500 lives, 10 degrees of freedom, 50 has a probability of 3e-7. */
static void test_tmaze_reversal_times(void **state) {
    (void)state;
    uint32_t at[60] = {0};
    for (uint32_t life = 0; life < 5500; life++) {
        mdl_task t;
        start(&t, MDL_TASK_TMAZE, mdl_key(6, MDL_STREAM_TRAIN, 0, 0, life), 0, MDL_PART_TRAIN);
        uint32_t flips = 0, last = 0;
        for (uint32_t trial = 0; trial < 60; trial++) {
            uint32_t windows, was = last;
            last = tmaze_trial(&t, 1, &windows) == 1.0f;
            if (trial > 0 && last != was) {
                at[trial]++;
                flips++;
            }
        }
        assert_int_equal(flips, 1);
    }
    double chi2 = 0.0;
    for (uint32_t i = 0; i < 60; i++) {
        if (i < 25 || i > 35)
            assert_int_equal(at[i], 0);
        else
            chi2 += (at[i] - 500.0) * (at[i] - 500.0) / 500.0;
    }
    assert_true(chi2 < 50.0);
}

/* ---- bandit ---- */

static void test_bandit_policies(void **state) {
    (void)state;
    double wsls = 0.0, fixed = 0.0, paid_good = 0.0, good = 0.0;
    for (uint32_t life = 0; life < 4000; life++) {
        mdl_task t;
        start(&t, MDL_TASK_BANDIT, mdl_key(7, MDL_STREAM_TEST, 0, 0, life / 4), life, MDL_PART_TEST);
        uint32_t arm = 0, pulls = 0, stay = life >> 1 & 1u; /* each on both sides */
        while (!(t.out.flags & DONE)) {
            expect(&t, MDL_OUT_WIPE, (float[]){1, 0}, 2);
            mdl_task_step(&t, arm, no_motor);
            float r = t.out.reward;
            assert_true(r == 1.0f || r == -1.0f);
            expect(&t, MDL_OUT_REWARD, (float[]){0, r}, 2);
            good += t.correct;
            paid_good += t.correct && r > 0.0f;
            if (r < 0.0f && !stay)
                arm ^= 1u;
            mdl_task_step(&t, 0, no_motor);
            pulls++;
        }
        assert_int_equal(pulls, 100);
        assert_int_equal(mdl_task_fitness(&t), mdl_task_score(&t));
        *(stay ? &fixed : &wsls) += (double)mdl_task_score(&t) / 2000e6;
    }
    print_message("bandit: win-stay lose-shift %.4f, one arm %.4f, better arm pays %.4f\n", wsls, fixed,
                  paid_good / good);
    assert_true(fabs(wsls - 0.773) < 0.01);
    assert_true(fabs(fixed - 0.5) < 0.02);
    assert_true(fabs(paid_good / good - 0.8) < 0.005); /* 200,000 pulls or more: 5 standard errors */
}

static void test_bandit_extremes(void **state) {
    (void)state;
    mdl_task_params p;
    mdl_task_defaults(MDL_TASK_BANDIT, &p);
    p.reward_ppm = 1000000;
    p.hazard_ppm = 1000000; /* the better arm alternates, from the episode's parity */
    for (uint32_t episode = 0; episode < 2; episode++) {
        mdl_task t;
        mdl_task_reset(&t, &p, 9, episode, MDL_PART_TRAIN);
        for (uint32_t pull = 0; pull < 100; pull++) {
            mdl_task_step(&t, (episode + pull) & 1u, no_motor);
            assert_true(t.out.reward == 1.0f);
            mdl_task_step(&t, 0, no_motor);
        }
        assert_true(t.out.flags == DONE);
        assert_int_equal(mdl_task_score(&t), 1000000);
    }
}

/* ---- delayed cue ---- */

/* Runs a life with per-cue win-stay lose-shift; returns the score. */
static int64_t cue_life(mdl_task *t, uint64_t *delays, double *distraction, double *chances) {
    uint32_t n = t->params.cues, d = t->params.distractors, trials = 0;
    uint32_t answer[MDL_CUES_MAX] = {0};
    mdl_stream coin = {mdl_key(t->rng.key, MDL_STREAM_POLICY, 0, 0, 0), 0};
    for (uint32_t i = 0; i < n; i++)
        answer[i] = mdl_draw_below(&coin, 2);
    while (!(t->out.flags & DONE)) {
        float obs[MDL_OBS_MAX] = {0};
        uint32_t cue = 0;
        while (cue + 1 < n && t->out.obs[cue] != 1.0f)
            cue++;
        obs[cue] = 1.0f;
        expect(t, MDL_OUT_WIPE, obs, n);
        mdl_task_step(t, answer[cue], no_motor);
        obs[cue] = 0.0f;
        uint32_t delay = 0;
        for (; !(t->out.flags & MDL_OUT_REWARD); delay++) {
            for (uint32_t i = n; i < n + d; i++) {
                assert_true(t->out.obs[i] == 0.0f || t->out.obs[i] == 1.0f);
                *distraction += (double)t->out.obs[i];
                *chances += 1.0;
                obs[i] = t->out.obs[i];
            }
            expect(t, 0, obs, n + d);
            mdl_task_step(t, 1, no_motor);
        }
        assert_in_range(delay, t->params.delay_min, t->params.delay_max);
        *delays |= UINT64_C(1) << delay;
        memset(obs, 0, sizeof obs);
        obs[n + d] = t->out.reward;
        expect(t, MDL_OUT_REWARD, obs, n + d + 1);
        assert_true(t->out.reward == 1.0f || t->out.reward == -1.0f);
        if (t->out.reward < 0.0f)
            answer[cue] ^= 1u;
        mdl_task_step(t, 0, no_motor);
        trials++;
    }
    assert_int_equal(trials, t->params.trials);
    return mdl_task_score(t);
}

static void test_cue_policy(void **state) {
    (void)state;
    double score = 0.0, after = 0.0, distraction = 0.0, chances = 0.0;
    uint64_t delays = 0;
    for (uint32_t life = 0; life < 2000; life++) {
        mdl_task t;
        start(&t, MDL_TASK_CUE, mdl_key(8, MDL_STREAM_TEST, 0, 0, life), life, MDL_PART_TEST);
        assert_int_equal(mdl_task_obs_count(&t.params), 5);
        score += (double)cue_life(&t, &delays, &distraction, &chances) / 2000e6;
        after += (double)mdl_task_score_after(&t) / 2000e6;
    }
    print_message("cue: per-cue win-stay lose-shift %.4f, after the reversal %.4f\n", score, after);
    assert_true(fabs(score - 0.9625) < 0.002);
    assert_true(after > 0.985);
    assert_true(delays == 0x1f8);                           /* 3..8 */
    assert_true(fabs(distraction / chances - 0.3) < 0.003); /* above 1.7e6 draws: 8 standard errors */
}

static void test_cue_maps(void **state) {
    (void)state;
    uint32_t seen = 0;
    double unused = 0.0;
    uint64_t delays = 0;
    mdl_task_params p;
    mdl_task_defaults(MDL_TASK_CUE, &p);
    p.cues = 4;
    p.distractors = 32;
    p.delay_min = p.delay_max = 0;
    for (uint32_t life = 0; life < 400; life++) {
        mdl_task t;
        mdl_task_reset(&t, &p, mdl_key(2, MDL_STREAM_TRAIN, 0, 0, life), 0, MDL_PART_TRAIN);
        assert_int_equal(mdl_task_obs_count(&t.params), 37);
        seen |= 1u << t.side;
        uint32_t first = t.side;
        cue_life(&t, &delays, &unused, &unused);
        assert_int_equal(t.side, first ^ 0xfu); /* one reversal flips every cue */
    }
    assert_int_equal(seen, 0xffff); /* all 16 maps; missing one has probability 1e-10 */
    assert_true(delays == 1);
}

/* ---- digits ---- */

static void test_digits_batch(void **state) {
    (void)state;
    mdl_task t;
    start(&t, MDL_TASK_DIGITS, 3, 0, MDL_PART_TRAIN);
    double sum = 0.0;
    uint32_t windows = 0, right = 0, distinct = 0;
    static uint8_t drawn[MDL_DIGITS_COUNT];
    mdl_stream r = {55, 0};
    while (!(t.out.flags & DONE)) {
        assert_int_equal(t.out.flags, MDL_OUT_WIPE | MDL_OUT_FROZEN);
        assert_true(t.sample < MDL_DIGITS_TRAIN);
        distinct += !drawn[t.sample]++;
        for (uint32_t p = 0; p < MDL_PIXELS; p++)
            assert_true(t.out.obs[p] == (float)mdl_digit_pixel(t.sample, p) / 16.0f);
        float motor[10];
        double total = 0.0;
        uint32_t best = 0, label = mdl_digit_label(t.sample);
        for (uint32_t c = 0; c < 10; c++) {
            motor[c] = 6.0f * mdl_draw_unit(&r) - 3.0f;
            total += exp((double)motor[c]);
            best = motor[c] > motor[best] ? c : best;
        }
        sum += (double)motor[label] - log(total);
        right += best == label;
        mdl_task_step(&t, best, motor);
        windows++;
    }
    assert_int_equal(windows, 256);
    assert_true(distinct > 200); /* drawn with replacement: 235 on average */
    assert_true(fabs((double)mdl_task_fitness(&t) - 1e6 * sum / 256.0) < 3.0);
    assert_int_equal(mdl_task_score(&t), (int64_t)right * 1000000 / 256);

    /* A hopeless readout is worth -100 a sample, not less. */
    start(&t, MDL_TASK_DIGITS, 3, 0, MDL_PART_TRAIN);
    while (!(t.out.flags & DONE)) {
        float motor[10] = {0};
        uint32_t wrong = (mdl_digit_label(t.sample) + 1) % 10;
        motor[wrong] = 1e6f;
        mdl_task_step(&t, wrong, motor);
    }
    assert_int_equal(mdl_task_fitness(&t), -100000000);
    assert_int_equal(mdl_task_score(&t), 0);
}

/* The parts that training never draws from: each sample once, whatever the key. */
static const struct {
    mdl_part part;
    uint32_t first, count;
} held_out[] = {{MDL_PART_VALIDATE, MDL_DIGITS_TRAIN, MDL_DIGITS_VALIDATE},
                {MDL_PART_TEST, MDL_DIGITS_TRAIN + MDL_DIGITS_VALIDATE, MDL_DIGITS_TEST}};

static void test_digits_held_out(void **state) {
    (void)state;
    for (uint32_t k = 0; k < 4; k++) {
        mdl_task t;
        start(&t, MDL_TASK_DIGITS, k, k, held_out[k % 2].part);
        for (uint32_t i = 0; i < held_out[k % 2].count; i++) {
            assert_int_equal(t.sample, held_out[k % 2].first + i);
            mdl_task_step(&t, mdl_digit_label(t.sample), no_motor);
        }
        assert_true(t.out.flags == DONE);
        assert_int_equal(mdl_task_score(&t), 1000000);
        assert_int_equal(mdl_task_fitness(&t), -2302585); /* log(1/10) */
    }
}

static void check_permutation(const uint8_t *order, uint32_t n) {
    uint64_t seen = 0;
    for (uint32_t i = 0; i < n; i++)
        seen |= UINT64_C(1) << order[i];
    assert_true(seen == (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1));
}

static void test_digits_life(void **state) {
    (void)state;
    for (uint32_t k = 0; k < 3; k++) {
        mdl_task t;
        start(&t, MDL_TASK_DIGITS_LIFE, 4, 0, (mdl_part)k);
        check_permutation(t.pixel_order, 64);
        check_permutation(t.label_order, 10);
        for (uint32_t lesson = 0; lesson < 400; lesson++) {
            uint32_t label = t.label_order[mdl_digit_label(t.sample)], guess = lesson % 3 ? label : (label + 3) % 10;
            float shown[MDL_OBS_MAX];
            memcpy(shown, t.out.obs, sizeof shown);
            for (uint32_t p = 0; p < MDL_PIXELS; p++)
                assert_true(shown[p] == (float)mdl_digit_pixel(t.sample, t.pixel_order[p]) / 16.0f);
            assert_true(t.sample < MDL_DIGITS_TRAIN);
            expect(&t, MDL_OUT_WIPE | MDL_OUT_FROZEN, shown, MDL_PIXELS);
            mdl_task_step(&t, guess, no_motor);
            expect(&t, MDL_OUT_WIPE | MDL_OUT_TEACH | MDL_OUT_REWARD, shown, MDL_PIXELS);
            assert_true(t.out.teach == label && t.out.reward == 1.0f);
            mdl_task_step(&t, label, no_motor);
            if (guess != label) {
                expect(&t, MDL_OUT_WIPE | MDL_OUT_TEACH | MDL_OUT_REWARD, shown, MDL_PIXELS);
                assert_true(t.out.teach == guess && t.out.reward == -1.0f);
                mdl_task_step(&t, guess, no_motor);
            }
        }
        assert_int_equal(mdl_task_score(&t), 0); /* lessons do not count */
        uint32_t exam = k ? held_out[k - 1].count : (uint32_t)MDL_DIGIT_TESTS, right = 0;
        for (uint32_t i = 0; i < exam; i++) {
            assert_int_equal(t.out.flags, MDL_OUT_WIPE | MDL_OUT_FROZEN);
            assert_true(k ? t.sample == held_out[k - 1].first + i : t.sample < MDL_DIGITS_TRAIN);
            uint32_t label = t.label_order[mdl_digit_label(t.sample)];
            mdl_task_step(&t, i % 2 ? label : (label + 1) % 10, no_motor);
            right += i % 2;
        }
        assert_true(t.out.flags == DONE);
        assert_int_equal(mdl_task_score(&t), (int64_t)right * 1000000 / exam);
        assert_int_equal(mdl_task_fitness(&t), mdl_task_score(&t));
    }
    mdl_task a, b;
    start(&a, MDL_TASK_DIGITS_LIFE, 4, 0, MDL_PART_TRAIN);
    start(&b, MDL_TASK_DIGITS_LIFE, 5, 0, MDL_PART_TRAIN);
    assert_memory_not_equal(a.pixel_order, b.pixel_order, sizeof a.pixel_order);
}

/* ---- all tasks ---- */

/* Same key: the same life, byte for byte, also when saved and restored by copying
 * the struct half way. Another key: another life. */
static void test_determinism(void **state) {
    (void)state;
    for (uint32_t id = 0; id < MDL_TASK_COUNT; id++) {
        mdl_task a, b, other;
        start(&a, (mdl_task_id)id, 21, 2, MDL_PART_TRAIN);
        memset(&b, 0xa5, sizeof b);
        start(&b, (mdl_task_id)id, 21, 2, MDL_PART_TRAIN);
        start(&other, (mdl_task_id)id, 22, 2, MDL_PART_TRAIN);
        int differ = memcmp(&a.out, &other.out, sizeof a.out) != 0;
        mdl_stream r = {5, 0};
        uint32_t actions = mdl_task_action_count(&a.params), windows = 0;
        while (!(a.out.flags & DONE)) {
            float motor[MDL_ACTION_MAX];
            for (uint32_t i = 0; i < MDL_ACTION_MAX; i++)
                motor[i] = 2.0f * mdl_draw_unit(&r) - 1.0f;
            uint32_t action = a.out.flags & MDL_OUT_TEACH ? a.out.teach : mdl_draw_below(&r, actions);
            mdl_task_step(&a, action, motor);
            mdl_task_step(&b, action, motor);
            if (!(other.out.flags & DONE)) {
                mdl_task_step(&other, action, motor);
                differ |= memcmp(&a.out, &other.out, sizeof a.out) != 0;
            }
            if (windows++ == 5) {
                mdl_task copy = b;
                memset(&b, 0x5a, sizeof b);
                b = copy;
            }
            assert_memory_equal(&a.out, &b.out, sizeof a.out);
            assert_true(windows <= mdl_task_info_get(id)->window_max);
        }
        assert_int_equal(mdl_task_fitness(&a), mdl_task_fitness(&b));
        assert_int_equal(mdl_task_score(&a), mdl_task_score(&b));
        assert_int_equal(differ, id != MDL_TASK_DOUBLEPOLE); /* which starts alike in every life */
    }
}

static uint64_t fnv_float(uint64_t h, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return fnv_u32(h, bits);
}

static void set_param(mdl_task_params *p, const char *name, uint32_t value) {
    const struct {
        const char *name;
        uint32_t *at;
    } field[] = {{"trials", &p->trials},
                 {"reversals", &p->reversals},
                 {"delay_min", &p->delay_min},
                 {"delay_max", &p->delay_max},
                 {"cues", &p->cues},
                 {"distractors", &p->distractors},
                 {"samples", &p->samples},
                 {"hazard_ppm", &p->hazard_ppm},
                 {"reward_ppm", &p->reward_ppm}};
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++) {
        if (strcmp(field[i].name, name) == 0) {
            *field[i].at = value;
            return;
        }
    }
    fail_msg("no parameter %s", name);
}

static void check_life(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 9);
    uint64_t key = vectors_u64(field[2]), digest;
    assert_int_equal(sscanf(field[8], "%" SCNx64, &digest), 1);
    mdl_task_id id;
    mdl_task_params p;
    assert_int_equal(mdl_task_find(field[0], &id), MDL_OK);
    mdl_task_defaults(id, &p);
    for (char *item = strtok(field[1], ","); item && *item != '-'; item = strtok(NULL, ",")) {
        char *value = strchr(item, '=');
        assert_non_null(value);
        *value++ = '\0';
        set_param(&p, item, (uint32_t)vectors_u64(value));
    }
    const char *wrong, *range;
    assert_int_equal(mdl_task_params_check(&p, &wrong, &range), MDL_OK);
    mdl_task t;
    mdl_task_reset(&t, &p, key, (uint32_t)vectors_u64(field[3]), (mdl_part)vectors_u64(field[4]));
    mdl_stream policy = {key + 1, 0};
    uint64_t h = FNV_START;
    uint32_t n = 0;
    for (; !(t.out.flags & DONE); n++) {
        h = fnv_u32(h, t.out.flags);
        h = fnv_u32(h, t.out.flags & MDL_OUT_TEACH ? t.out.teach : 0);
        h = fnv_float(h, t.out.reward);
        for (uint32_t i = 0; i < mdl_task_obs_count(&p); i++)
            h = fnv_float(h, t.out.obs[i]);
        uint32_t action = mdl_draw_below(&policy, mdl_task_action_count(&p));
        mdl_task_step(&t, t.out.flags & MDL_OUT_TEACH ? t.out.teach : action, no_motor);
    }
    assert_int_equal(n, vectors_u64(field[5]));
    assert_true(h == digest);
    assert_int_equal(mdl_task_fitness(&t), vectors_i64(field[6]));
    assert_int_equal(mdl_task_score(&t), vectors_i64(field[7]));
}

static void test_spec_lives(void **state) {
    (void)state;
    assert_int_equal(vectors_load("task-lives", check_life, NULL), 13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tmaze_optimum),
        cmocka_unit_test(test_tmaze_crash),
        cmocka_unit_test(test_tmaze_delay_and_sides),
        cmocka_unit_test(test_tmaze_reversal_times),
        cmocka_unit_test(test_bandit_policies),
        cmocka_unit_test(test_bandit_extremes),
        cmocka_unit_test(test_cue_policy),
        cmocka_unit_test(test_cue_maps),
        cmocka_unit_test(test_digits_batch),
        cmocka_unit_test(test_digits_held_out),
        cmocka_unit_test(test_digits_life),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_spec_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
