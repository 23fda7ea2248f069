/* The table of tasks and the ranges of their parameters. SPEC 9.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/task.h"

static void test_table(void **state) {
    (void)state;
    static const char *const name[] = {"cartpole", "mountaincar", "acrobot",     "tmaze",      "bandit",
                                       "cue",      "digits",      "digits_life", "doublepole", "forage"};
    static const uint32_t obs[] = {4, 2, 6, 4, 2, 5, 64, 64, 3, 13}, actions[] = {2, 3, 3, 3, 2, 2, 10, 10, 1, 4};
    for (uint32_t id = 0; id < MDL_TASK_COUNT; id++) {
        const mdl_task_info *info = mdl_task_info_get(id);
        assert_non_null(info);
        assert_int_equal(info->id, id);
        assert_string_equal(info->name, name[id]);
        assert_int_equal(info->continuous, id == MDL_TASK_DOUBLEPOLE);
        uint32_t states = info->state_names[0] != '\0';
        for (const char *c = info->state_names; *c; c++)
            states += *c == ',';
        assert_int_equal(info->states, states);
        mdl_task_id found = MDL_TASK_COUNT;
        assert_int_equal(mdl_task_find(name[id], &found), MDL_OK);
        assert_int_equal(found, id);
        mdl_task_params p;
        mdl_task_defaults((mdl_task_id)id, &p);
        assert_int_equal(p.id, id);
        assert_int_equal(mdl_task_obs_count(&p), obs[id]);
        assert_int_equal(mdl_task_action_count(&p), actions[id]);
    }
    assert_null(mdl_task_info_get(MDL_TASK_COUNT));
    assert_null(mdl_task_info_get(UINT32_MAX));
    mdl_task_id id = MDL_TASK_CUE;
    assert_int_equal(mdl_task_find("CartPole", &id), MDL_ENOENT);
    assert_int_equal(mdl_task_find("", &id), MDL_ENOENT);
    assert_int_equal(id, MDL_TASK_CUE);
}

enum {
    TRIALS,
    REVERSALS,
    DELAY_MIN,
    DELAY_MAX,
    CUES,
    DISTRACTORS,
    SAMPLES,
    HAZARD,
    REWARD,
    SHAPING,
    SIZE,
    WALLS,
    KINDS,
    FOOD,
    ROCKS,
    VIEW,
    AGENTS,
    FIELDS
};

static uint32_t *field_of(mdl_task_params *p, int f) {
    uint32_t *const at[FIELDS] = {&p->trials,      &p->reversals, &p->delay_min,  &p->delay_max,  &p->cues,
                                  &p->distractors, &p->samples,   &p->hazard_ppm, &p->reward_ppm, &p->shaping,
                                  &p->size,        &p->walls,     &p->kinds,      &p->food,       &p->rocks,
                                  &p->view,        &p->agents};
    return at[f];
}

static void test_ranges(void **state) {
    (void)state;
    enum { FORAGE = 1u << MDL_TASK_FORAGE };
    static const struct {
        const char *name, *range;
        uint32_t lo, hi, tasks; /* bits of the tasks that have it */
    } rule[FIELDS] = {
        [TRIALS] = {"trials", "1..10000", 1, 10000,
                    1u << MDL_TASK_TMAZE | 1u << MDL_TASK_BANDIT | 1u << MDL_TASK_CUE | FORAGE},
        [REVERSALS] = {"reversals", "0..8", 0, 8, 1u << MDL_TASK_TMAZE | 1u << MDL_TASK_CUE | FORAGE},
        [DELAY_MIN] = {"delay_min", "0..1000", 0, 1000, 1u << MDL_TASK_TMAZE | 1u << MDL_TASK_CUE},
        [DELAY_MAX] = {"delay_max", "delay_min..1000", 0, 1000, 1u << MDL_TASK_TMAZE | 1u << MDL_TASK_CUE},
        [CUES] = {"cues", "1..8", 1, 8, 1u << MDL_TASK_CUE},
        [DISTRACTORS] = {"distractors", "0..32", 0, 32, 1u << MDL_TASK_CUE},
        [SAMPLES] = {"samples", "1..10000", 1, 10000, 1u << MDL_TASK_DIGITS | 1u << MDL_TASK_DIGITS_LIFE},
        [HAZARD] = {"hazard_ppm", "0..1000000", 0, 1000000, 1u << MDL_TASK_BANDIT},
        [REWARD] = {"reward_ppm", "0..1000000", 0, 1000000, 1u << MDL_TASK_BANDIT | FORAGE},
        [SHAPING] = {"shaping", "0..1", 0, 1, 1u << MDL_TASK_MOUNTAINCAR},
        [SIZE] = {"size", "4..32", 4, 32, FORAGE},
        [WALLS] = {"walls", "0..1", 0, 1, FORAGE},
        [KINDS] = {"kinds", "1..4", 1, 4, FORAGE},
        [FOOD] = {"food", "1..size^2 / 4", 1, 36, FORAGE}, /* 12 cells a side */
        [ROCKS] = {"rocks", "0..size^2 / 4", 0, 36, FORAGE},
        [VIEW] = {"view", "1..8", 1, 8, FORAGE},
        [AGENTS] = {"agents", "1..8, at most size^2 / 8", 1, 8, FORAGE},
    };
    for (uint32_t id = 0; id < MDL_TASK_COUNT; id++) {
        for (int f = 0; f < FIELDS; f++) {
            int has = (rule[f].tasks >> id & 1u) != 0;
            uint32_t lo = has ? rule[f].lo : 0, hi = has ? rule[f].hi : 0;
            uint32_t value[5] = {lo, hi, lo - 1, hi + 1, UINT32_MAX};
            for (int k = 0; k < 5; k++) {
                mdl_task_params p;
                const char *field = NULL, *range = NULL;
                mdl_task_defaults((mdl_task_id)id, &p);
                assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_OK);
                if (f == DELAY_MAX)
                    p.delay_min = 0;
                if (f == DELAY_MIN && has)
                    p.delay_max = 1000;
                if (f == SIZE && has)
                    p.food = 1, p.rocks = 0; /* fit into the smallest */
                *field_of(&p, f) = value[k];
                if (k < 2) {
                    assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_OK);
                    assert_null(field);
                    continue;
                }
                assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_ERANGE);
                assert_string_equal(field, rule[f].name);
                assert_string_equal(range, has ? rule[f].range : "0 (this task has no such parameter)");
            }
        }
    }
    mdl_task_params p;
    const char *field, *range;
    mdl_task_defaults(MDL_TASK_CUE, &p);
    p.delay_min = 9; /* above delay_max */
    assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_ERANGE);
    assert_string_equal(field, "delay_max");
    mdl_task_defaults(MDL_TASK_FORAGE, &p);
    p.size = 4;
    p.food = p.rocks = 4;
    p.agents = 2;
    assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_OK);
    p.agents = 3; /* a crowd */
    assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_ERANGE);
    assert_string_equal(field, "agents");
    p.rocks = 5;
    assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_ERANGE);
    assert_string_equal(field, "rocks");
    memset(&p, 0, sizeof p);
    p.id = MDL_TASK_COUNT;
    assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_ERANGE);
    assert_string_equal(field, "id");
}

/* Lives at the ends of the ranges end, and stay within the channels. */
static void test_extreme_lives(void **state) {
    (void)state;
    static const struct {
        mdl_task_id id;
        uint32_t trials, reversals, delay_min, delay_max, cues, distractors, samples;
        uint32_t windows_max;
    } life[] = {
        {MDL_TASK_TMAZE, 1, 8, 0, 0, 0, 0, 0, 5},          {MDL_TASK_TMAZE, 10000, 8, 0, 3, 0, 0, 0, 80000},
        {MDL_TASK_TMAZE, 2, 0, 1000, 1000, 0, 0, 0, 2010}, {MDL_TASK_CUE, 1, 8, 0, 0, 8, 32, 0, 2},
        {MDL_TASK_CUE, 3, 8, 1000, 1000, 1, 0, 0, 3006},   {MDL_TASK_DIGITS, 0, 0, 0, 0, 0, 0, 1, 1},
        {MDL_TASK_DIGITS_LIFE, 0, 0, 0, 0, 0, 0, 1, 153},
    };
    for (size_t k = 0; k < sizeof life / sizeof life[0]; k++) {
        mdl_task_params p;
        mdl_task_defaults(life[k].id, &p);
        p.trials = life[k].trials;
        p.reversals = life[k].reversals;
        p.delay_min = life[k].delay_min;
        p.delay_max = life[k].delay_max;
        p.cues = life[k].cues;
        p.distractors = life[k].distractors;
        p.samples = life[k].samples;
        const char *field, *range;
        assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_OK);
        assert_true(mdl_task_obs_count(&p) <= MDL_OBS_MAX);
        static const float motor[MDL_ACTION_MAX];
        mdl_stream r = {6, 0};
        mdl_task t;
        mdl_task_reset(&t, &p, 1, 0, MDL_PART_TRAIN);
        assert_true(t.out.flags & MDL_OUT_WIPE);
        uint32_t windows = 0;
        for (; !(t.out.flags & MDL_OUT_DONE); windows++) {
            assert_true(windows < life[k].windows_max);
            mdl_task_step(&t, mdl_draw_below(&r, mdl_task_action_count(&p)), motor);
        }
        assert_true(mdl_task_score(&t) >= 0 && mdl_task_score(&t) <= 1000000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_extreme_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
