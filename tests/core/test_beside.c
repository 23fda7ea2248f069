/* A life beside another uses its wiring and is the life that it is alone, whatever the
 * other does meanwhile. core/life.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/neuraxon_fixture.h"

enum { SCRIPT = 21, KEY = 77, WINDOWS = 40 };

/* First, the one beside it, and one with a wiring of its own and the same genome. */
enum { FIRST, BESIDE, ALONE, LIVES };

static void check(const mdl_experiment *x, uint32_t shards, float *(*genome_of)(const mdl_experiment *, uint64_t)) {
    float *genome[2] = {genome_of(x, 1), genome_of(x, 2)};
    void *memory[LIVES];
    mdl_life *life[LIVES];
    bytebuf bytes[LIVES] = {{0}};
    life[FIRST] = hmn_life(x, shards, NULL, &memory[FIRST]);
    life[ALONE] = hmn_life(x, shards, NULL, &memory[ALONE]);
    memory[BESIDE] = aligned_alloc(64, mdl_life_beside_bytes(life[FIRST]));
    assert_non_null(memory[BESIDE]);
    life[BESIDE] = mdl_life_beside(memory[BESIDE], life[FIRST]);
    for (int i = 0; i < LIVES; i++) {
        mdl_life_genome(life[i], genome[i != FIRST]);
        hmn_scripted_begin(life[i], SCRIPT + (i == FIRST), KEY);
    }
    for (uint32_t w = 0; w < WINDOWS; w++) {
        for (int i = 0; i < LIVES; i++) {
            hmn_scripted_window(life[i], SCRIPT + (i == FIRST));
            hmn_save(life[i], &bytes[i]);
        }
        assert_int_equal(bytes[BESIDE].size, bytes[ALONE].size);
        assert_memory_equal(bytes[BESIDE].at, bytes[ALONE].at, bytes[ALONE].size);
        assert_true(memcmp(bytes[FIRST].at, bytes[ALONE].at, bytes[ALONE].size) != 0);
    }
    for (int i = 0; i < LIVES; i++) {
        free(memory[i]);
        free(bytes[i].at);
    }
    free(genome[0]);
    free(genome[1]);
}

/* Bytes that a life beside another saves. */
static size_t saved(const mdl_experiment *x) {
    void *memory;
    mdl_life *first = hmn_life(x, 1, NULL, &memory);
    size_t less = mdl_life_bytes(x, 1) - mdl_life_beside_bytes(first);
    free(memory);
    return less;
}

static size_t cells_of(const mdl_experiment *x) {
    mdl_shape shape;
    mdl_shape_of(&x->network, 0, &shape);
    return shape.cells;
}

static void test_hmn(void **state) {
    (void)state;
    for (uint32_t regions = 1; regions <= 3; regions++) {
        mdl_experiment x = hmn_experiment(regions, 20, 2);
        x.network.delay[1] = 3;
        check(&x, 1, hmn_genome);
        mdl_modulator_spec_defaults(&x.modulators);
        check(&x, 1, hmn_genome);
        check(&x, regions, hmn_genome);
    }
    mdl_experiment x = hmn_experiment(1, 200, 1);
    assert_true(saved(&x) >= 2 * cells_of(&x));
    x.network.delay[1] = 63;
    x.network.neurons[0] = 2000;
    x.network.ring = 30;
    assert_true(saved(&x) >= 4 * cells_of(&x));
}

/* Silent and plastic synapses make the wiring state: each has its own. */
static void test_neuraxon(void **state) {
    (void)state;
    mdl_experiment x = nx_experiment(2, 20, 2);
    check(&x, 1, nx_genome);
    assert_int_equal(saved(&x), 0);
    x.neuraxon.mechanism[MDL_NX_STRUCTURE] = MDL_OFF;
    check(&x, 2, nx_genome);
    assert_int_equal(saved(&x), 0);
    x.neuraxon.mechanism[MDL_NX_SILENT] = MDL_OFF;
    check(&x, 2, nx_genome);
    assert_true(saved(&x) >= 8 * cells_of(&x));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hmn), cmocka_unit_test(test_neuraxon)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
