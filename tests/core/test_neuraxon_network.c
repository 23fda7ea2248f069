/* Neuraxon networks as wholes: no cut, kernel or interruption changes a byte,
 * saved states survive and hostile ones do no harm, wipes wipe, states are
 * trinary, and no genome leads out of bounds. SPEC sections 5 and 13. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/network_cases.h"
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

/* Windows of 1, 8 and 32 steps. */
static void test_cuts_and_kernels(void **state) {
    (void)state;
    static const uint32_t window[] = {1, 8, 32};
    for (uint32_t i = 0; i < 15; i++) {
        mdl_experiment x = sampled(i, window[i % 3]);
        float *genome = nx_genome(&x, i);
        check_cuts_and_kernels(&x, genome, SCRIPT, KEY + i, 24);
        free(genome);
    }
}

static void test_save_and_load(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 15; i++) {
        mdl_experiment x = sampled(i, 1 + i % 4);
        float *genome = nx_genome(&x, i);
        check_save_and_load(&x, genome, x.network.regions > 1 ? 2 : 1, KEY, i, 40 + i);
        free(genome);
    }
}

static void test_damaged_states(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment x = sampled(i, 2);
        float *genome = nx_genome(&x, i);
        check_damaged_states(&x, genome, KEY, 60, 41);
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
        extreme_genome(genome, l->layout.genes, i);
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
        bytebuf a = {0};
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
