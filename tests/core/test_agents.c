/* Several agents in one life: each is the same network as it would be alone with
 * its views, no cut or interruption changes a byte, and the bytes hold them all.
 * SPEC 6.1 and 9.12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/network_cases.h"

enum { KEY = 91, WINDOWS = 120 };

static mdl_experiment world(uint32_t agents, uint32_t regions, uint32_t window) {
    mdl_experiment x = hmn_experiment(regions, 6, window);
    mdl_task_defaults(MDL_TASK_FORAGE, &x.task);
    x.task.agents = agents;
    x.task.size = 8;
    x.task.food = 12;
    x.task.rocks = 4;
    x.network.sensors = mdl_task_obs_count(&x.task);
    x.network.motors = mdl_task_action_count(&x.task);
    return x;
}

/* Lives of 1 to 8 agents, cut into 1, 2 and all shards. */
static void test_cut_invariance(void **state) {
    (void)state;
    for (uint32_t agents = 1; agents <= 8; agents += agents == 1 ? 2 : 5) {
        mdl_experiment x = world(agents, 4, agents == 3 ? 4 : 1);
        float *genome = hmn_genome(&x, agents);
        check_cuts_and_kernels(&x, genome, 0, KEY, WINDOWS);
        free(genome);
    }
}

/* One agent's network run by hand on the views of agent `a` of a life of three. */
typedef struct lone {
    mdl_life *life; /* of an experiment with one agent; its task stands still */
    void *memory;
    bytebuf bytes;
} lone;

static void lone_window(lone *n, const mdl_experiment *x, const mdl_task_out *now, const mdl_task_out *next) {
    mdl_life *l = n->life;
    uint32_t last = l->conductor.modulation[0].step + x->network.window - 1;
    mdl_region_view first;
    mdl_shard_window(l->shard, &l->params, &l->conductor.modulation[0], now->obs);
    l->conductor.out[0].partials = (mdl_partials){0, 0, 0};
    mdl_shard_partials(l->shard, &l->params, &l->conductor.out[0].partials);
    assert_true(mdl_shard_view(l->shard, 0, &first));
    const float *motor = first.readout + first.shape->hidden;
    l->conductor.action[0] = 0;
    for (uint32_t i = 1; i < x->network.motors; i++)
        l->conductor.action[0] = motor[i] > motor[l->conductor.action[0]] ? i : l->conductor.action[0];
    mdl_shard_export(l->shard, last, l->boundary);
    mdl_shard_import(l->shard, &l->params, last, l->boundary);
    mdl_modulation_next(&l->conductor.modulation[0], &l->params, l->conductor.noise_key[0], x->network.window,
                        &l->conductor.out[0].partials, l->conductor.neurons, x->network.sensors, l->conductor.action[0],
                        next);
}

static void test_each_is_itself(void **state) {
    (void)state;
    enum { AGENTS = 3, MAGIC = 8 };
    mdl_experiment x = world(AGENTS, 3, 2), single = x;
    single.task.agents = 1;
    float *genome = hmn_genome(&x, 5);
    void *memory;
    mdl_life *l = hmn_life(&x, 2, NULL, &memory);
    bytebuf whole = {0};
    lone n[AGENTS] = {0};
    mdl_life_genome(l, genome);
    mdl_life_begin(l, KEY, 0, MDL_PART_TRAIN);
    for (uint32_t a = 0; a < AGENTS; a++) {
        n[a].life = hmn_life(&single, 1, NULL, &n[a].memory);
        n[a].life->experiment = &x; /* as many sensors */
        mdl_life_genome(n[a].life, genome);
        n[a].life->conductor.noise_key[0] = mdl_key(KEY, MDL_STREAM_NOISE, 0, a, 0);
        mdl_shard_birth(n[a].life->shard, &n[a].life->params, n[a].life->conductor.noise_key[0]);
        mdl_modulation_init(&n[a].life->conductor.modulation[0], &n[a].life->params, n[a].life->conductor.noise_key[0],
                            mdl_task_view(&l->conductor.task, a));
    }
    int going = 1;
    uint32_t differ = 0;
    for (uint32_t k = 0; going && k < WINDOWS; k++) {
        mdl_task before = l->conductor.task;
        going = mdl_life_window(l);
        hmn_save(l, &whole);
        size_t at = MAGIC;
        for (uint32_t a = 0; a < AGENTS; a++) {
            lone_window(&n[a], &x, mdl_task_view(&before, a), mdl_task_view(&l->conductor.task, a));
            hmn_save(n[a].life, &n[a].bytes);
            size_t size = n[a].bytes.size - MAGIC;
            assert_true(at + size <= whole.size);
            assert_memory_equal(whole.at + at, n[a].bytes.at + MAGIC, size);
            at += size;
        }
        assert_int_equal(at, whole.size);
        differ += memcmp(n[0].bytes.at, n[1].bytes.at, n[0].bytes.size) != 0;
    }
    assert_true(differ > 0);
    for (uint32_t a = 0; a < AGENTS; a++) {
        free(n[a].bytes.at);
        free(n[a].memory);
    }
    free(whole.at);
    free(memory);
    free(genome);
}

/* Saved in mid-life, loaded into another cut, and run on; one agent too few, cut
 * short, agents of different times: refused. */
static void test_save_and_load(void **state) {
    (void)state;
    mdl_experiment x = world(2, 3, 1), less = world(1, 3, 1);
    less.network.sensors = x.network.sensors;
    float *genome = hmn_genome(&x, 6);
    check_save_and_load(&x, genome, 3, KEY, 0, 30);
    void *memory[2];
    mdl_life *l = hmn_life(&x, 1, NULL, &memory[0]), *alone = hmn_life(&less, 1, NULL, &memory[1]);
    bytebuf half = {0}, end = {0};
    mdl_life_genome(l, genome);
    mdl_life_genome(alone, genome);
    mdl_life_begin(l, KEY, 0, MDL_PART_TEST);
    mdl_life_begin(alone, KEY, 0, MDL_PART_TEST);
    for (uint32_t k = 0; k < 60; k++) {
        assert_true(mdl_life_window(l));
        if (k == 29)
            hmn_save(l, &half);
    }
    hmn_save(l, &end);
    assert_int_equal(mdl_life_load(alone, half.at, half.size), MDL_ESIZE);
    for (size_t size = 0; size < half.size; size += 97)
        assert_int_not_equal(mdl_life_load(l, half.at, size), MDL_OK);
    size_t per_agent = (half.size - 8) / 2;
    memcpy(end.at, half.at, 8 + per_agent); /* agent 0 at window 30, agent 1 at 60 */
    assert_int_equal(mdl_life_load(l, end.at, end.size), MDL_ERANGE);
    free(half.at);
    free(end.at);
    free(memory[0]);
    free(memory[1]);
    free(genome);
}

/* Work is counted for every agent. */
static void test_updates(void **state) {
    (void)state;
    mdl_experiment x = world(4, 2, 2);
    float *genome = hmn_genome(&x, 7);
    void *memory;
    mdl_life *l = hmn_life(&x, 2, NULL, &memory);
    uint64_t updates = 0;
    int64_t fitness = 0;
    mdl_life_genome(l, genome);
    mdl_life_run(l, KEY, 0, MDL_PART_TRAIN, &fitness, NULL, &updates);
    assert_int_equal(updates, 4ull * 2 * l->conductor.windows * mdl_synapse_count(&x.network));
    assert_int_equal(fitness, mdl_task_fitness(&l->conductor.task));
    free(memory);
    free(genome);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_invariance),
        cmocka_unit_test(test_each_is_itself),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
