/* Networks as wholes: no cut, order or interruption changes a byte (promise P2),
 * saved states survive and hostile ones do no harm, wipes wipe, frozen windows
 * freeze, and no genome leads out of bounds. SPEC sections 5 and 6.1. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/network_cases.h"
#include "tests/support/spec_network.h"

enum { SCRIPT = 5, KEY = 77 };

/* Networks of 1..8 regions, windows of 1, 4 and 8 steps, every choice of HMN in turn. */
static mdl_experiment sampled(uint32_t i) {
    static const uint32_t window[] = {1, 4, 8};
    mdl_experiment x = hmn_experiment(1 + i % 8, 5 + i % 3, window[i % 3]);
    mdl_stream s = {i, 0};
    x.network.seed = i;
    x.network.ring = mdl_draw_below(&s, 2) ? 4 : 0;
    x.network.sensor_fan = mdl_draw_below(&s, 3);
    x.network.motor_fan = mdl_draw_below(&s, 4);
    x.network.delay[1] = 1 + mdl_draw_below(&s, 20);
    x.hmn.encoding = (mdl_encoding)(i / 2 % 2);
    x.hmn.activation = (mdl_activation)mdl_draw_below(&s, 3);
    x.hmn.trace = (mdl_trace_form)mdl_draw_below(&s, 2);
    x.hmn.similarity = (mdl_similarity)mdl_draw_below(&s, 2);
    x.hmn.meta_method = (mdl_meta_method)mdl_draw_below(&s, 3);
    x.hmn.meta_period = 2;
    if (i % 5 < 3) { /* modulators: free; one held; some switches left to genes */
        mdl_modulator_spec_defaults(&x.modulators);
        x.modulators.clamped = i % 5 == 1 ? 1u << MDL_NORADRENALINE : 0;
        x.modulators.clamp[MDL_NORADRENALINE] = 1.25f;
        for (uint32_t m = 0; i % 5 == 2 && m < MDL_MOD_COUNT; m += 2)
            x.modulators.mechanism[m] = MDL_GENE;
    }
    return x;
}

static void test_cut_invariance(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 24; i++) {
        mdl_experiment x = sampled(i);
        float *genome = hmn_genome(&x, i);
        assert_int_equal(check_cuts_and_kernels(&x, genome, 0, KEY + i, 25), 25);
        free(genome);
    }
}

/* Regions dealt out to three shards at random and the shards run backwards. */
static void test_any_owner_any_order(void **state) {
    (void)state;
    enum { SHARDS = 3 };
    for (uint32_t i = 0; i < 8; i++) {
        mdl_experiment x = sampled(5 + 8 * i); /* 6 regions */
        float *genome = hmn_genome(&x, i);
        void *memory[2], *own;
        mdl_life *whole = hmn_life(&x, 1, NULL, &memory[0]), *dealt = hmn_life(&x, 1, NULL, &memory[1]);
        uint32_t owner[MDL_REGIONS_MAX];
        mdl_stream s = {i, 0};
        for (uint32_t r = 0; r < x.network.regions; r++)
            owner[r] = mdl_draw_below(&s, SHARDS);
        mdl_shard shard[SHARDS], counted;
        mdl_arena arena = {NULL, 0, 0};
        for (uint32_t c = 0; c < SHARDS; c++)
            mdl_shard_init(&counted, &arena, &x, owner, c, mdl_kernel_best(), NULL);
        own = aligned_alloc(64, arena.used);
        assert_non_null(own);
        arena = (mdl_arena){own, 0, arena.used};
        for (uint32_t c = 0; c < SHARDS; c++)
            mdl_shard_init(&shard[c], &arena, &x, owner, SHARDS - 1 - c, mdl_kernel_best(), NULL);
        dealt->shard = shard;
        dealt->shards = SHARDS;
        bytebuf a = {0}, b = {0};
        mdl_life *both[2] = {whole, dealt};
        for (int l = 0; l < 2; l++) {
            mdl_life_genome(both[l], genome);
            hmn_scripted_begin(both[l], SCRIPT, KEY);
        }
        for (uint32_t k = 0; k < 25; k++) {
            assert_int_equal(hmn_scripted_window(whole, SCRIPT), hmn_scripted_window(dealt, SCRIPT));
            hmn_save(whole, &a);
            hmn_save(dealt, &b);
            assert_same_bytes(&a, &b);
        }
        free(a.at);
        free(b.at);
        free(own);
        free(memory[0]);
        free(memory[1]);
        free(genome);
    }
}

static void test_save_and_load(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 24; i++) {
        mdl_experiment x = sampled(i);
        float *genome = hmn_genome(&x, i);
        check_save_and_load(&x, genome, x.network.regions > 1 ? 2 : 1, KEY, i, 7 + i);
        free(genome);
    }
}

static void test_damaged_states(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment x = sampled(2 + i);
        float *genome = hmn_genome(&x, i);
        check_damaged_states(&x, genome, KEY, 9, 97);
        free(genome);
    }
}

/* Two lives with other pasts and the same weights are the same from a wipe on. */
static void test_wipes(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        mdl_experiment x = sampled(i);
        /* What outlives a wipe is switched off; traces and contexts still run. */
        x.hmn.mechanism[MDL_MECH_LOCAL_TERM] = x.hmn.mechanism[MDL_MECH_GLOBAL_TERM] = MDL_OFF;
        x.hmn.mechanism[MDL_MECH_ADAPTIVE_BIAS] = x.hmn.mechanism[MDL_MECH_DROPOUT] = MDL_OFF;
        x.hmn.mechanism[MDL_MECH_CRITIC] = MDL_OFF;
        x.modulators.clamped = (1u << MDL_CLAMPS) - 1; /* levels outlast a wipe */
        float *genome = hmn_genome(&x, i);
        void *memory[2];
        mdl_life *life[2];
        for (int l = 0; l < 2; l++) {
            life[l] = hmn_life(&x, 1, NULL, &memory[l]);
            mdl_life_genome(life[l], genome);
            hmn_scripted_begin(life[l], SCRIPT, KEY);
        }
        for (uint32_t k = 0; k < 18; k++) {
            uint64_t other = k < 11 ? 99 : SCRIPT; /* window 11 wipes */
            hmn_scripted_window(life[0], SCRIPT);
            if (k == 10) { /* the view of window 11 is the same for both */
                hmn_scripted_window(life[1], other);
                mdl_task_out out = hmn_script(SCRIPT, 11, x.network.sensors, x.network.motors);
                life[1]->conductor.modulation[0].flags = out.flags;
                life[1]->conductor.modulation[0].reward = out.reward;
            } else {
                hmn_scripted_window(life[1], other);
            }
            for (uint32_t r = 0; r < x.network.regions; r++) {
                const mdl_hmn_region *a = mdl_shard_at(&life[0]->shard[0], r), *b = mdl_shard_at(&life[1]->shard[0], r);
                const mdl_shape *s = &a->shape;
                int equal = memcmp(a->z, b->z, s->neurons * sizeof(float)) == 0;
                equal &= memcmp(a->a, b->a, s->neurons * sizeof(float)) == 0;
                equal &= memcmp(a->fast, b->fast, s->cells * sizeof(float)) == 0;
                equal &= memcmp(a->slow, b->slow, s->cells * sizeof(float)) == 0;
                for (int d = 0; d < MDL_EMBED; d++)
                    equal &= memcmp(a->context[d], b->context[d], s->neurons * sizeof(float)) == 0;
                if (r == 0 && k >= 2 && k < 11)
                    assert_false(equal);
                if (k >= 11)
                    assert_true(equal);
            }
        }
        for (int l = 0; l < 2; l++)
            free(memory[l]);
        free(genome);
    }
}

/* The step of a frozen window is never completed: weights, traces, contexts and biases stand still. */
static void test_frozen_windows(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(2, 6, 1);
    float *genome = hmn_genome(&x, 3);
    void *memory;
    mdl_life *l = hmn_life(&x, 1, NULL, &memory);
    mdl_life_genome(l, genome);
    hmn_scripted_begin(l, SCRIPT, KEY);
    uint32_t frozen = 0, moved = 0;
    for (uint32_t k = 0; k < 60; k++) {
        const mdl_hmn_region *r = mdl_shard_at(&l->shard[0], 1);
        size_t cells = r->shape.cells * sizeof(float), neurons = r->shape.neurons * sizeof(float);
        float w[512], fast[512], context[16], bias[16];
        assert_true(cells <= sizeof w && neurons <= sizeof bias);
        memcpy(w, r->w, cells);
        memcpy(fast, r->fast, cells);
        memcpy(context, r->context[1], neurons);
        memcpy(bias, r->bias, neurons);
        int was_frozen = (l->conductor.modulation[0].flags_before & MDL_OUT_FROZEN) != 0;
        int wiped = (l->conductor.modulation[0].flags & MDL_OUT_WIPE) != 0;
        hmn_scripted_window(l, SCRIPT);
        int equal = memcmp(w, r->w, cells) == 0 && memcmp(bias, r->bias, neurons) == 0;
        if (!wiped)
            equal &= memcmp(fast, r->fast, cells) == 0 && memcmp(context, r->context[1], neurons) == 0;
        if (was_frozen)
            assert_true(equal);
        frozen += (uint32_t)was_frozen;
        moved += (uint32_t)!equal;
    }
    assert_true(frozen >= 8 && moved >= 40);
    free(memory);
    free(genome);
}

/* Genomes at the ends of their range, random signs, 10,000 windows: weights
 * stay within bounds, and the end is a state that load accepts (no NaN, no
 * infinity, nothing out of range). */
static void test_extreme_genomes(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        mdl_experiment x = sampled(i + 1);
        x.hmn.activation = (mdl_activation)(i % 3);
        x.hmn.trace = (mdl_trace_form)(i / 3);
        float *genome = hmn_genome(&x, i);
        void *memory;
        mdl_life *l = hmn_life(&x, 1, NULL, &memory);
        extreme_genome(genome, l->layout.genes, i);
        mdl_life_genome(l, genome);
        hmn_scripted_begin(l, SCRIPT, KEY);
        for (uint32_t k = 0; k < 10000; k++) {
            hmn_scripted_window(l, SCRIPT);
            const mdl_hmn_region *r = mdl_shard_at(&l->shard[0], k % x.network.regions);
            for (size_t c = 0; c < r->shape.cells; c++)
                if (!(fabsf(r->w[c]) <= x.hmn.weight_max))
                    fail_msg("network %u, window %u: a weight is %g", i, k, (double)r->w[c]);
        }
        bytebuf a = {0};
        hmn_save(l, &a);
        assert_int_equal(mdl_life_load(l, a.at, a.size), MDL_OK);
        free(a.at);
        free(memory);
        free(genome);
    }
}

/* mdl_life_job is the sum of its lives, and counts synapses times steps. */
static void test_jobs(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(2, 5, 4);
    x.task.trials = 5;
    float *genome = hmn_genome(&x, 1);
    void *memory;
    mdl_life *l = hmn_life(&x, 2, NULL, &memory);
    mdl_job job = {MDL_JOB_TRAIN, 3, 0, 0, 4};
    uint64_t updates = 0, expected = 0;
    int64_t got = mdl_life_job(l, &job, genome, &updates), want = 0;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_life_begin(l, mdl_life_key(x.seed, MDL_STREAM_TRAIN, 3, i), i, MDL_PART_TRAIN);
        do
            expected += 4 * mdl_synapse_count(&x.network);
        while (mdl_life_window(l));
        want += mdl_task_fitness(&l->conductor.task);
    }
    assert_int_equal(got, want);
    assert_int_equal(updates, expected);
    /* 5 hidden + 3 motors: 5 sensors + 4 (5) own + 3 others; 6 hidden: 4 + 3. */
    assert_int_equal(mdl_synapse_count(&x.network), 5 * (5 + 4 + 3) + 3 * (5 + 5) + 6 * (4 + 3));
    free(memory);
    free(genome);
}

/* The network of SPEC 6.5, run as far as the lines of its vectors go. */
typedef struct network_vectors {
    mdl_life *life;
    uint32_t run, lines; /* windows run; lines compared */
} network_vectors;

static void network_case(void *ctx, size_t count, char **field) {
    network_vectors *v = ctx;
    uint32_t k = (uint32_t)vectors_u64(field[1]), got[64], first = 3, words = 0;
    for (; v->run <= k; v->run++)
        spec_window(v->life, v->run);
    assert_int_equal(v->run, k + 1); /* in order of windows */
    if (field[0][0] == 'm') {
        bytebuf b = {0};
        mdl_modulation_save(&v->life->conductor.modulation[0], &(mdl_sink){bytebuf_write, &b});
        mdl_reader r = {b.at, b.size, 0};
        assert_int_equal(b.size, 124);
        while (r.left > 0)
            got[words++] = mdl_get_u32(&r);
        free(b.at);
        first = 2;
    } else {
        const mdl_hmn_region *r = mdl_shard_at(&v->life->shard[0], (uint32_t)vectors_u64(field[2]));
        const float *from = r->z;
        words = r->shape.neurons;
        if (field[0][0] == 'w') {
            uint32_t j = (uint32_t)vectors_u64(field[3]);
            from = r->w + mdl_row(&r->shape, j);
            words = mdl_row_fan(&r->shape, j);
            first = 4;
        }
        for (uint32_t i = 0; i < words; i++)
            got[i] = mdl_float_bits(from[i]);
    }
    assert_int_equal(count, first + words);
    for (uint32_t i = 0; i < words; i++)
        assert_int_equal(strtoul(field[first + i], NULL, 16), got[i]);
    v->lines++;
}

static void test_spec_vectors(void **state) {
    (void)state;
    for (uint32_t kernel = 0; kernel < mdl_kernel_count(); kernel++) {
        mdl_experiment x = spec_network();
        void *memory;
        network_vectors v = {hmn_life(&x, 1, mdl_kernel_get(kernel), &memory), 0, 0};
        float *genome = spec_genome(v.life);
        mdl_life_genome(v.life, genome);
        spec_begin(v.life);
        vectors_load("hmn-network", network_case, &v);
        assert_true(v.run == 3 && v.lines == 3 * (2 + 5 + 1));
        free(genome);
        free(memory);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_vectors),
        cmocka_unit_test(test_cut_invariance),
        cmocka_unit_test(test_any_owner_any_order),
        cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_damaged_states),
        cmocka_unit_test(test_wipes),
        cmocka_unit_test(test_frozen_windows),
        cmocka_unit_test(test_extreme_genomes),
        cmocka_unit_test(test_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
