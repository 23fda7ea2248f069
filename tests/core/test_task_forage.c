/* The foraging world: cases worked by hand, bookkeeping of energy and matter,
 * order of agents, policies' worth, and the document's lives. SPEC 9.12. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/task.h"
#include "tests/support/fnv.h"
#include "tests/support/vectors.h"

enum { FORWARD, LEFT, RIGHT, BITE, DONE = MDL_OUT_DONE };
enum { SOFT = MDL_CELL_PLANT, HARD = MDL_CELL_PLANT + 1 }; /* of the worlds made by hand */

static mdl_task_params defaults(void) {
    mdl_task_params p;
    mdl_task_defaults(MDL_TASK_FORAGE, &p);
    return p;
}

/* An empty 4 x 4 world whose rules always hold, with agents in the places given
 * (heading up); nothing grows, nothing changes. */
static void by_hand(mdl_task *t, uint32_t agents, const uint32_t *cell) {
    mdl_task_params p = defaults();
    p.size = 4;
    p.walls = 1;
    p.food = 1;
    p.rocks = 0;
    p.reversals = 0;
    p.reward_ppm = 1000000;
    p.agents = agents;
    mdl_task_reset(t, &p, 1, 0, MDL_PART_TRAIN);
    memset(t->forage.cell, 0, sizeof t->forage.cell);
    t->forage.plants = 1000; /* as many as the world wants, and more: no growth */
    t->forage.hard = 2;
    for (uint32_t i = 0; i < agents; i++) {
        t->forage.agent[i].cell = cell[i];
        t->forage.agent[i].heading = 0;
        t->forage.cell[cell[i]] = MDL_CELL_AGENT;
    }
}

static void step(mdl_task *t, uint32_t action) { mdl_task_step_agents(t, &action, NULL); }

/* Channels with 3 cells of 2 kinds and rocks: ahead 0-2, left 3-5, right 6-8, body 9-12. */
static void expect_body(const mdl_task *t, float energy, float collided, float fed, float trace) {
    const float *body = t->out.obs + 9;
    assert_true(body[0] == (energy - 1000.0f) / 1000.0f);
    assert_true(body[1] == collided && body[2] == fed && body[3] == trace);
}

/* Row 1, column 1 is cell 5; above it are cells 1 and, beyond, the wall. */
static void test_moves(void **state) {
    (void)state;
    mdl_task t;
    by_hand(&t, 1, (uint32_t[]){5});
    step(&t, FORWARD);
    assert_int_equal(t.forage.agent[0].cell, 1);
    assert_int_equal(t.out.flags, 0);
    expect_body(&t, 997, 0, 0, 0);
    assert_true(t.out.obs[2] == 1.0f && t.out.obs[5] == 0.0f); /* wall ahead, free cells beside */
    step(&t, FORWARD);                                         /* into the wall */
    assert_int_equal(t.forage.agent[0].cell, 1);
    assert_int_equal(t.out.flags, MDL_OUT_REWARD);
    assert_true(t.out.reward == -0.25f);
    expect_body(&t, 997 - 3 - 5, 1, 0, 0.5f);
    assert_true(t.out.salience[1] == 0.0f); /* one collision is no alarm */
    step(&t, FORWARD);                      /* 512 - 16 = 496, + (1024 - 496) / 2 = 760 */
    expect_body(&t, 989 - 8, 1, 0, 760.0f / 1024.0f);
    assert_true(t.out.salience[1] == 248.0f / 512.0f);
    step(&t, LEFT);
    assert_int_equal(t.forage.agent[0].heading, 3);
    expect_body(&t, 979, 0, 0, 737.0f / 1024.0f); /* 760 - 23 */
    assert_true(t.out.salience[1] == 0.0f);
    assert_true(t.out.obs[2] == 0.0f && t.out.obs[8] == 1.0f); /* the wall is now to the right */
    step(&t, FORWARD);
    assert_int_equal(t.forage.agent[0].cell, 0);
    step(&t, RIGHT);
    step(&t, RIGHT);
    step(&t, RIGHT); /* from left to down */
    assert_int_equal(t.forage.agent[0].heading, 2);
    step(&t, BITE); /* at nothing */
    assert_int_equal(t.out.flags, 0);
    expect_body(&t, 979 - 3 - 6 - 3, 0, 0, 631.0f / 1024.0f); /* 714 692 671 651 631 */
}

static void test_meals(void **state) {
    (void)state;
    static const struct {
        uint32_t plant, action, fed;
    } c[] = {{SOFT, FORWARD, 1}, {SOFT, BITE, 0}, {HARD, FORWARD, 0}, {HARD, BITE, 1}};
    for (int i = 0; i < 4; i++) {
        mdl_task t;
        by_hand(&t, 1, (uint32_t[]){5});
        t.forage.cell[1] = (uint8_t)c[i].plant;
        step(&t, RIGHT);
        assert_true(t.out.obs[3 + (c[i].plant - SOFT)] == 1.0f); /* seen to the left */
        step(&t, LEFT);
        assert_true(t.out.obs[c[i].plant - SOFT] == 1.0f);
        step(&t, c[i].action);
        assert_int_equal(t.out.flags, MDL_OUT_REWARD);
        assert_true(t.out.reward == (c[i].fed ? 1.0f : -1.0f));
        expect_body(&t, 1000 - 4 - 3 + (c[i].fed ? 40 : -20), !c[i].fed, (float)c[i].fed, c[i].fed ? 0.0f : 0.5f);
        int moved = c[i].fed && c[i].action == FORWARD;
        assert_int_equal(t.forage.agent[0].cell, moved ? 1 : 5);
        assert_int_equal(t.forage.cell[1], moved ? MDL_CELL_AGENT : MDL_CELL_EMPTY); /* gone either way */
        assert_int_equal(t.forage.plants, 999);
        int32_t energy = t.forage.agent[0].energy;
        step(&t, FORWARD); /* swallowing: nothing happens, then a bout starts */
        assert_int_equal(t.out.flags, MDL_OUT_WIPE);
        assert_int_equal(t.forage.agent[0].cell, moved ? 1 : 5);
        assert_int_equal(t.forage.agent[0].energy, energy - 2);
        step(&t, LEFT);
        assert_int_equal(t.out.flags, 0);
        assert_int_equal(mdl_task_score(&t), c[i].fed ? 1000000 : 0);
        assert_int_equal(mdl_task_fitness(&t), (energy - 4) * 1000);
    }
}

static void test_unreliable(void **state) {
    (void)state;
    uint32_t fed = 0;
    mdl_task t;
    by_hand(&t, 1, (uint32_t[]){5});
    for (int i = 0; i < 4000; i++) {
        mdl_task again = t;
        again.params.reward_ppm = 800000;
        again.rng.next = (uint64_t)i * 64;
        again.forage.cell[1] = i % 2 ? HARD : SOFT;
        step(&again, i % 2 ? BITE : FORWARD);
        fed += again.forage.agent[0].fed;
    }
    assert_in_range(fed, 3100, 3300); /* 3200; 4 standard deviations are 101 */
}

static void test_death(void **state) {
    (void)state;
    mdl_task t;
    by_hand(&t, 1, (uint32_t[]){5});
    t.forage.agent[0].energy = 5;
    step(&t, LEFT);
    assert_true(t.out.salience[1] == 247.0f / 500.0f); /* hunger */
    step(&t, LEFT);
    assert_false(t.out.flags & DONE);
    step(&t, LEFT);
    assert_true(t.out.flags & DONE);
    assert_int_equal(t.forage.agent[0].energy, 0);
    assert_int_equal(t.forage.cell[5], MDL_CELL_EMPTY);
    assert_int_equal(mdl_task_fitness(&t), 3 * 1000000 / 400 - 1000000);
}

/* Two agents before one plant: the first to act has it, and that rotates. A third
 * is in the way of the first. */
static void test_order(void **state) {
    (void)state;
    for (uint32_t start = 0; start < 2; start++) {
        mdl_task t;
        by_hand(&t, 2, (uint32_t[]){5, 8});
        t.forage.agent[1].heading = 0; /* at row 2, column 0; looks at row 1, column 0: cell 4 */
        t.forage.agent[0].heading = 3; /* at row 1, column 1; looks at cell 4 too              */
        t.forage.cell[4] = SOFT;
        t.step = start;
        mdl_task_step_agents(&t, (uint32_t[]){FORWARD, FORWARD}, NULL);
        uint32_t first = start % 2;
        assert_int_equal(t.forage.agent[first].cell, 4);
        assert_true(t.forage.agent[first].fed && !t.forage.agent[!first].fed);
        assert_true(t.forage.agent[!first].collided); /* with the first, who stands there now */
        assert_true(mdl_task_view(&t, !first)->reward == -0.25f);
        assert_true(mdl_task_view(&t, !first)->obs[3] == 1.0f); /* sees it: 2 kinds, rock, agent */
        assert_true(mdl_task_view(&t, first)->reward == 1.0f);
        assert_int_equal(mdl_task_score(&t), 500000);
    }
}

/* Follow a random life: energy is what actions and outcomes make it; plants,
 * rocks and agents are where the grid says; nothing is made or lost. */
static void follow(const mdl_task_params *p, uint64_t key) {
    mdl_task t;
    mdl_task_reset(&t, p, key, 0, MDL_PART_TRAIN);
    mdl_stream r = {key, 1u << 20};
    int32_t energy[MDL_AGENTS_MAX];
    uint32_t meals[MDL_AGENTS_MAX] = {0}, windows = 0, swallowing;
    for (uint32_t i = 0; i < p->agents; i++)
        energy[i] = 1000;
    for (; !(t.out.flags & DONE); windows++) {
        uint32_t action[MDL_AGENTS_MAX], plants = 0, rocks = 0, agents = 0, alive = 0;
        for (uint32_t i = 0; i < p->agents; i++)
            action[i] = mdl_draw_below(&r, 4);
        swallowing = 0;
        for (uint32_t i = 0; i < p->agents; i++)
            swallowing |= (uint32_t)t.forage.agent[i].swallowing << i;
        mdl_task copy = t;
        mdl_task_step_agents(&t, action, NULL);
        mdl_task_step_agents(&copy, action, NULL);
        assert_memory_equal(&t, &copy, sizeof t);
        for (uint32_t i = 0; i < p->agents; i++) {
            const mdl_forage_agent *a = &t.forage.agent[i];
            if (energy[i] == 0) {
                assert_int_equal(a->energy, 0);
                assert_int_equal(mdl_task_view(&t, i)->flags & ~(uint32_t)DONE, MDL_OUT_FROZEN);
                continue;
            }
            energy[i] -= 2;
            if (!(swallowing >> i & 1u) && (action[i] == FORWARD || action[i] == BITE))
                energy[i] -= 1;
            energy[i] += a->fed ? 40 : a->collided ? a->swallowing ? -20 : -5 : 0;
            energy[i] = energy[i] > 0 ? energy[i] : 0;
            meals[i] += a->fed;
            assert_int_equal(a->energy, energy[i]);
            assert_int_equal(a->meals, meals[i]);
            assert_true(a->trace <= MDL_FORAGE_TRACE_ONE);
            const mdl_task_out *out = mdl_task_view(&t, i);
            for (int k = 0; k < 2; k++)
                assert_true(out->salience[k] >= 0.0f && out->salience[k] <= 1.0f);
            for (uint32_t k = 0; k < MDL_OBS_MAX; k++)
                assert_true(out->obs[k] >= -1.0f && out->obs[k] <= (k < mdl_task_obs_count(p) ? 1.0f : 0.0f));
            alive += energy[i] > 0;
        }
        for (uint32_t c = 0; c < MDL_FORAGE_SIZE_MAX * MDL_FORAGE_SIZE_MAX; c++) {
            plants += t.forage.cell[c] >= MDL_CELL_PLANT;
            rocks += t.forage.cell[c] == MDL_CELL_ROCK;
            agents += t.forage.cell[c] == MDL_CELL_AGENT;
            assert_true(t.forage.cell[c] == 0 || c < p->size * p->size);
            assert_true(t.forage.cell[c] < MDL_CELL_PLANT + p->kinds);
        }
        assert_int_equal(plants, t.forage.plants);
        assert_true(plants <= p->food);
        assert_int_equal(rocks, p->rocks);
        assert_int_equal(agents, alive);
        for (uint32_t i = 0; i < p->agents; i++)
            assert_true(energy[i] == 0 || t.forage.cell[t.forage.agent[i].cell] == MDL_CELL_AGENT);
    }
    assert_true(windows <= p->trials);
}

static void test_bookkeeping(void **state) {
    (void)state;
    mdl_task_params p = defaults();
    for (uint64_t key = 0; key < 20; key++)
        follow(&p, key);
    mdl_stream r = {77, 0};
    for (uint64_t key = 0; key < 60; key++) { /* anywhere in the ranges */
        const char *field = "", *range = "";
        p.trials = 1 + mdl_draw_below(&r, 300);
        p.reversals = mdl_draw_below(&r, 9);
        p.reward_ppm = mdl_draw_below(&r, 1000001);
        p.size = 4 + (key < 20 ? 0 : mdl_draw_below(&r, 29));
        p.walls = mdl_draw_below(&r, 2);
        p.kinds = 1 + mdl_draw_below(&r, 4);
        p.food = 1 + mdl_draw_below(&r, p.size * p.size / 4);
        p.rocks = mdl_draw_below(&r, p.size * p.size / 4 + 1);
        p.view = 1 + mdl_draw_below(&r, 8);
        p.agents = 1 + mdl_draw_below(&r, p.size < 8 ? p.size * p.size / 8 : 8);
        assert_int_equal(mdl_task_params_check(&p, &field, &range), MDL_OK);
        assert_true(mdl_task_obs_count(&p) <= MDL_OBS_MAX);
        follow(&p, key);
    }
}

/* ---- what policies are worth ---- */

typedef enum policy { WANDER, ONE_WAY, WIN_STAY, ORACLE } policy;

/* Goes for plants that it sees and round rocks; how it eats is the policy. */
static uint32_t forager(policy kind, const mdl_task *t, uint32_t *way, uint32_t *last) {
    const float *obs = t->out.obs;
    const uint32_t stride = t->params.kinds + 1;
    uint32_t ahead = 0, left = 0, right = 0;
    for (uint32_t k = 0; k < t->params.kinds; k++) {
        ahead = obs[k] > 0.0f ? k + 1 : ahead;
        left |= obs[stride + k] > 0.0f;
        right |= obs[2 * stride + k] > 0.0f;
    }
    if (ahead) {
        *last = ahead - 1;
        uint32_t bite = kind == ORACLE ? t->forage.hard >> *last & 1u : kind == WIN_STAY ? way[*last] : 0;
        return bite ? BITE : FORWARD;
    }
    return left ? LEFT : right || obs[t->params.kinds] > 0.0f ? RIGHT : FORWARD;
}

static void life_of(policy kind, const mdl_task_params *p, uint32_t life, double *meals, double *after) {
    mdl_task t;
    mdl_stream r = {life, 0};
    uint32_t way[MDL_FORAGE_KINDS_MAX] = {0}, last = 0;
    mdl_task_reset(&t, p, mdl_key(9, MDL_STREAM_TEST, 0, 0, life), life, MDL_PART_TEST);
    while (!(t.out.flags & DONE)) {
        if (t.out.reward == -1.0f)
            way[last] ^= 1u;
        step(&t, kind == WANDER ? mdl_draw_below(&r, 4) : forager(kind, &t, way, &last));
    }
    *meals += (double)mdl_task_score(&t) / 1e6 / 500;
    *after += (double)mdl_task_score_after(&t) / 1e6 / 500;
}

/* The point of the world: one way for ever is worth little more than half of what
 * learning is worth, and is right half of the time after a change. */
static void test_policies(void **state) {
    (void)state;
    double meals[4] = {0}, after[4] = {0};
    mdl_task_params p = defaults();
    for (int kind = 0; kind < 4; kind++)
        for (uint32_t life = 0; life < 500; life++)
            life_of((policy)kind, &p, life, &meals[kind], &after[kind]);
    print_message(
        "forage: meals random %.1f, one way %.1f, win-stay lose-shift %.1f, oracle %.1f; after a change %.3f %.3f\n",
        meals[0], meals[1], meals[2], meals[3], after[ONE_WAY], after[WIN_STAY]);
    assert_true(meals[WANDER] < 12.0);
    assert_true(meals[ONE_WAY] > 4.0 * meals[WANDER]);
    assert_true(meals[WIN_STAY] > 1.3 * meals[ONE_WAY]);
    assert_true(meals[ORACLE] > 1.1 * meals[WIN_STAY]);
    assert_true(after[ONE_WAY] > 0.45 && after[ONE_WAY] < 0.55);
    assert_true(after[WIN_STAY] > 0.7 && after[ORACLE] > 0.99);
}

/* ---- the document's lives ---- */

static uint64_t fnv_float(uint64_t h, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return fnv_u32(h, bits);
}

static void set_param(mdl_task_params *p, const char *name, uint32_t value) {
    const struct {
        const char *name;
        uint32_t *at;
    } field[] = {{"trials", &p->trials}, {"reversals", &p->reversals}, {"reward_ppm", &p->reward_ppm},
                 {"size", &p->size},     {"walls", &p->walls},         {"kinds", &p->kinds},
                 {"food", &p->food},     {"rocks", &p->rocks},         {"view", &p->view},
                 {"agents", &p->agents}};
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++)
        if (strcmp(field[i].name, name) == 0) {
            *field[i].at = value;
            return;
        }
    fail_msg("no parameter %s", name);
}

static void check_life(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 9);
    mdl_task_params p = defaults();
    uint64_t key = vectors_u64(field[1]), h = FNV_START, digest;
    assert_int_equal(sscanf(field[8], "%" SCNx64, &digest), 1);
    for (char *item = strtok(field[0], ","); item && *item != '-'; item = strtok(NULL, ",")) {
        char *value = strchr(item, '=');
        assert_non_null(value);
        *value++ = '\0';
        set_param(&p, item, (uint32_t)vectors_u64(value));
    }
    mdl_task t;
    mdl_stream draws = {key + 1, 0};
    mdl_task_reset(&t, &p, key, (uint32_t)vectors_u64(field[2]), (mdl_part)vectors_u64(field[3]));
    for (;;) {
        uint32_t action[MDL_AGENTS_MAX], agents = mdl_task_agent_count(&p);
        for (uint32_t i = 0; i < agents; i++) {
            const mdl_task_out *out = mdl_task_view(&t, i);
            h = fnv_u32(h, out->flags & ~(uint32_t)DONE);
            h = fnv_float(h, out->reward);
            h = fnv_float(h, out->salience[0]);
            h = fnv_float(h, out->salience[1]);
            for (uint32_t c = 0; c < mdl_task_obs_count(&p); c++)
                h = fnv_float(h, out->obs[c]);
        }
        if (t.out.flags & DONE)
            break;
        for (uint32_t i = 0; i < agents; i++)
            action[i] = mdl_draw_below(&draws, 4);
        mdl_task_step_agents(&t, action, NULL);
    }
    assert_int_equal(t.step, vectors_u64(field[4]));
    assert_int_equal(mdl_task_fitness(&t), vectors_i64(field[5]));
    assert_int_equal(mdl_task_score(&t), vectors_i64(field[6]));
    assert_int_equal(mdl_task_score_after(&t), vectors_i64(field[7]));
    if (h != digest)
        fail_msg("the life with key %" PRIu64 " has digest %016" PRIx64, key, h);
}

static void test_spec_lives(void **state) {
    (void)state;
    assert_int_equal(vectors_load("forage-lives", check_life, NULL), 7);
}

static void test_text(void **state) {
    (void)state;
    mdl_task t;
    char row[MDL_FORAGE_SIZE_MAX + 1];
    by_hand(&t, 2, (uint32_t[]){5, 6});
    t.forage.agent[1].heading = 1;
    t.forage.cell[4] = SOFT;
    t.forage.cell[7] = HARD;
    t.forage.cell[0] = MDL_CELL_ROCK;
    mdl_forage_row(&t.forage, 2, 1, row);
    assert_string_equal(row, "a^>B");
    mdl_forage_row(&t.forage, 2, 0, row);
    assert_string_equal(row, "#...");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),    cmocka_unit_test(test_meals),      cmocka_unit_test(test_unreliable),
        cmocka_unit_test(test_death),    cmocka_unit_test(test_order),      cmocka_unit_test(test_bookkeeping),
        cmocka_unit_test(test_policies), cmocka_unit_test(test_spec_lives), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
