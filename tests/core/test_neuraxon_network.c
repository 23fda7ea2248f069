/* Neuraxon networks as wholes: no cut, kernel or interruption changes a byte,
 * saved states survive and hostile ones do no harm, wipes wipe, states are
 * trinary, and no genome leads out of bounds. SPEC sections 5 and 13. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/neuraxon_fixture.h"

enum { SCRIPT = 5, KEY = 77 };

static mdl_experiment sampled(uint32_t i, uint32_t window) {
    mdl_experiment x = nx_experiment(1 + i % 5, 5 + i % 3, window);
    mdl_stream s = {i, 0};
    x.network.seed = i;
    x.network.ring = mdl_draw_below(&s, 2) ? 4 : 0;
    x.network.sensor_fan = mdl_draw_below(&s, 3);
    x.network.motor_fan = mdl_draw_below(&s, 4);
    x.network.delay[1] = 1 + mdl_draw_below(&s, 20);
    x.neuraxon.encoding = (mdl_encoding)(i / 2 % 2);
    x.neuraxon.relax = (mdl_neuraxon_relax)(i / 3 % 2);
    if (i % 3 == 1)
        mdl_modulator_spec_defaults(&x.modulators);
    for (uint32_t m = 0; i >= 5 && m < MDL_NX_COUNT; m++)
        x.neuraxon.mechanism[m] = (uint8_t)mdl_draw_below(&s, 3);
    return x;
}

static void same(const hmn_bytes *a, const hmn_bytes *b) {
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->at, b->at, a->size);
}

/* One shard, two, three, one a region; windows of 1, 8 and 32 steps; every kernel. */
static void test_cuts_and_kernels(void **state) {
    (void)state;
    static const uint32_t window[] = {1, 8, 32};
    for (uint32_t i = 0; i < 15; i++) {
        mdl_experiment x = sampled(i, window[i % 3]);
        float *genome = nx_genome(&x, i);
        mdl_life *life[8];
        void *memory[8];
        uint32_t lives = 0;
        hmn_bytes whole = {NULL, 0, 0}, part = {NULL, 0, 0};
        const uint32_t cuts[] = {1, 2, 3, x.network.regions};
        for (uint32_t c = 0; c < 4; c++, lives++)
            life[lives] = hmn_life(&x, cuts[c] < x.network.regions ? cuts[c] : x.network.regions, NULL, &memory[lives]);
        for (uint32_t k = 0; k < mdl_kernel_count() && lives < 8; k++, lives++)
            life[lives] = hmn_life(&x, 1, mdl_kernel_get(k), &memory[lives]);
        for (uint32_t c = 0; c < lives; c++) {
            mdl_life_genome(life[c], genome);
            hmn_scripted_begin(life[c], SCRIPT, KEY + i);
        }
        for (uint32_t k = 0; k < 24; k++) {
            for (uint32_t c = 0; c < lives; c++)
                hmn_scripted_window(life[c], SCRIPT);
            hmn_save(life[0], &whole);
            for (uint32_t c = 1; c < lives; c++) {
                hmn_save(life[c], &part);
                same(&whole, &part);
            }
        }
        for (uint32_t c = 0; c < lives; c++)
            free(memory[c]);
        free(whole.at);
        free(part.at);
        free(genome);
    }
}

static void test_save_and_load(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 15; i++) {
        mdl_experiment x = sampled(i, 1 + i % 4);
        float *genome = nx_genome(&x, i);
        void *memory[2];
        mdl_life *one = hmn_life(&x, 1, NULL, &memory[0]);
        mdl_life *two = hmn_life(&x, x.network.regions > 1 ? 2 : 1, NULL, &memory[1]);
        hmn_bytes a = {NULL, 0, 0}, b = {NULL, 0, 0};
        mdl_life_genome(one, genome);
        mdl_life_genome(two, genome);
        mdl_life_begin(one, KEY, i, MDL_PART_TEST);
        for (uint32_t k = 0; k < 40 + i; k++)
            assert_true(mdl_life_window(one));
        hmn_save(one, &a);
        mdl_life_begin(two, KEY, i, MDL_PART_TEST);
        for (uint32_t k = 0; k < 13; k++) /* a used life is as good as a new one */
            assert_true(mdl_life_window(two));
        assert_int_equal(mdl_life_load(two, a.at, a.size), MDL_OK);
        two->conductor.task = one->conductor.task;
        hmn_save(two, &b);
        same(&a, &b);
        for (uint32_t k = 0; k < 20; k++) {
            assert_true(mdl_life_window(one));
            assert_true(mdl_life_window(two));
            hmn_save(one, &a);
            hmn_save(two, &b);
            same(&a, &b);
        }
        mdl_life_begin(two, KEY, i, MDL_PART_TEST); /* and birth forgets all of it */
        mdl_life_begin(one, KEY, i, MDL_PART_TEST);
        hmn_save(one, &a);
        hmn_save(two, &b);
        same(&a, &b);
        free(a.at);
        free(b.at);
        free(memory[0]);
        free(memory[1]);
        free(genome);
    }
}

/* Cut short anywhere: refused. One bit flipped: refused, or a state that saves
 * to the same bytes and runs on. */
static void test_damaged_states(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment x = sampled(i, 2);
        float *genome = nx_genome(&x, i);
        void *memory;
        mdl_life *l = hmn_life(&x, 1, NULL, &memory);
        hmn_bytes a = {NULL, 0, 0}, b = {NULL, 0, 0};
        mdl_life_genome(l, genome);
        mdl_life_begin(l, KEY, 0, MDL_PART_TRAIN);
        for (uint32_t k = 0; k < 60; k++)
            mdl_life_window(l);
        mdl_task task = l->conductor.task;
        hmn_save(l, &a);
        for (size_t size = 0; size < a.size; size += 1 + size / 64) {
            uint8_t *cut = malloc(size ? size : 1);
            assert_non_null(cut);
            memcpy(cut, a.at, size);
            assert_int_not_equal(mdl_life_load(l, cut, size), MDL_OK);
            free(cut);
        }
        uint32_t accepted = 0, refused = 0;
        for (size_t bit = 0; bit < 8 * a.size; bit += 41) {
            a.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
            mdl_life_begin(l, KEY, 0, MDL_PART_TRAIN);
            if (mdl_life_load(l, a.at, a.size) == MDL_OK) {
                accepted++;
                hmn_save(l, &b);
                same(&a, &b);
                l->conductor.task = task;
                for (uint32_t k = 0; k < 3; k++)
                    mdl_life_window(l);
                hmn_save(l, &b);
                assert_int_equal(mdl_life_load(l, b.at, b.size), MDL_OK);
            } else {
                refused++;
            }
            a.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(accepted > 100 && refused > 100);
        free(a.at);
        free(b.at);
        free(memory);
        free(genome);
    }
}

/* From a wipe on two lives with the same weights and other pasts are the same. */
static void test_wipes(void **state) {
    (void)state;
    mdl_experiment x = nx_experiment(2, 6, 3);
    /* What outlives a wipe is switched off. */
    static const mdl_neuraxon_mechanism lasting[] = {MDL_NX_HOMEOSTASIS, MDL_NX_BALANCE, MDL_NX_SILENT,
                                                     MDL_NX_STRUCTURE};
    for (size_t i = 0; i < sizeof lasting / sizeof lasting[0]; i++)
        x.neuraxon.mechanism[lasting[i]] = MDL_OFF;
    x.hmn.mechanism[MDL_MECH_PLASTICITY] = x.hmn.mechanism[MDL_MECH_NOVELTY] = MDL_OFF;
    float *genome = nx_genome(&x, 3);
    void *memory[2];
    mdl_life *life[2];
    for (int l = 0; l < 2; l++) {
        life[l] = hmn_life(&x, 1, NULL, &memory[l]);
        mdl_life_genome(life[l], genome);
        hmn_scripted_begin(life[l], SCRIPT, KEY);
    }
    uint32_t differed = 0;
    for (uint32_t k = 0; k < 18; k++) {
        hmn_scripted_window(life[0], SCRIPT);
        hmn_scripted_window(life[1], k < 10 ? 99 : SCRIPT);
        if (k == 10) /* window 11 wipes, and both see the same of it */
            life[1]->conductor.modulation[0] = life[0]->conductor.modulation[0];
        for (uint32_t r = 0; r < 2; r++) {
            const mdl_neuraxon_region *a = nx_region_of(life[0], r), *b = nx_region_of(life[1], r);
            size_t size = a->shape.neurons * sizeof(float);
            int equal = memcmp(a->v, b->v, size) == 0 && memcmp(a->z, b->z, size) == 0 &&
                        memcmp(a->adapt, b->adapt, size) == 0 && memcmp(a->autor, b->autor, size) == 0 &&
                        memcmp(a->trace, b->trace, size) == 0;
            differed += (uint32_t)!equal;
            if (k >= 11)
                assert_true(equal);
        }
    }
    assert_true(differed > 10);
    free(memory[0]);
    free(memory[1]);
    free(genome);
}

/* Genomes at the ends of their range, random signs, 10,000 windows: states are
 * trinary, bounds hold, and the end is a state that load accepts. */
static void test_extreme_genomes(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        mdl_experiment x = sampled(i, 1 + i % 3);
        x.neuraxon.mechanism[MDL_NX_TRINARY] = i == 3 ? MDL_OFF : MDL_ON;
        float *genome = nx_genome(&x, i);
        void *memory;
        mdl_life *l = hmn_life(&x, 1, NULL, &memory);
        mdl_stream s = {i, 0};
        for (uint32_t g = 0; g < l->layout.genes; g++)
            genome[g] = i == 5 ? 64.0f : mdl_draw_below(&s, 2) ? 64.0f : -64.0f;
        for (uint32_t g = 0; i == 4 && g < l->layout.genes; g++)
            genome[g] *= 0x1p120f; /* clamped before use */
        mdl_life_genome(l, genome);
        hmn_scripted_begin(l, SCRIPT, KEY);
        for (uint32_t k = 0; k < 10000; k++) {
            hmn_scripted_window(l, SCRIPT);
            const mdl_neuraxon_region *r = nx_region_of(l, k % x.network.regions);
            for (size_t c = 0; c < r->shape.cells; c++)
                if (!(fabsf(r->fast[c]) <= x.neuraxon.weight_max && fabsf(r->slow[c]) <= x.neuraxon.weight_max &&
                      fabsf(r->w[c]) <= x.neuraxon.weight_max && fabsf(r->meta[c]) <= MDL_NEURAXON_META_MAX))
                    fail_msg("network %u, window %u: weights %g, %g", i, k, (double)r->fast[c], (double)r->slow[c]);
            for (uint32_t j = 0; i != 3 && j < r->shape.neurons; j++)
                assert_true(r->z[j] == 0.0f || r->z[j] == 1.0f || r->z[j] == -1.0f);
        }
        hmn_bytes a = {NULL, 0, 0};
        hmn_save(l, &a);
        assert_int_equal(mdl_life_load(l, a.at, a.size), MDL_OK);
        free(a.at);
        free(memory);
        free(genome);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cuts_and_kernels), cmocka_unit_test(test_save_and_load),
        cmocka_unit_test(test_damaged_states),   cmocka_unit_test(test_wipes),
        cmocka_unit_test(test_extreme_genomes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
