/* Whatever subset of the CPU's features is taken, the kernel chosen for it gives
 * the bytes of the portable one, window by window, over sampled networks and
 * mechanism combinations; and vec16's functions those of num.h. SPEC 3, 6.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/neuraxon_fixture.h"

enum { SCRIPT = 8, KEY = 4242, SAMPLES = 160, WINDOWS = 12, PATHS_MAX = 16 };

/* Sample i: the first have one mechanism off; the others any, some decided by a
 * gene, in networks of 1 to 44 hidden neurons a region. */
static mdl_experiment sampled(uint32_t i, mdl_stream *s) {
    uint32_t window = 1 + mdl_draw_below(s, 4);
    mdl_experiment x = hmn_experiment(1 + mdl_draw_below(s, 3), 4 + mdl_draw_below(s, 40), window);
    x.network.seed = i;
    x.network.ring = mdl_draw_below(s, 3) ? 4 : 0;
    x.network.sensors = 1 + mdl_draw_below(s, 40);
    x.network.motors = 1 + mdl_draw_below(s, MDL_ACTION_MAX);
    if (mdl_draw_below(s, 8) == 0)
        x.network.neurons[0] = 16 * (1 + mdl_draw_below(s, 3)) - x.network.motors;
    x.hmn.encoding = (mdl_encoding)mdl_draw_below(s, 2);
    x.hmn.activation = (mdl_activation)mdl_draw_below(s, 3);
    x.hmn.trace = (mdl_trace_form)mdl_draw_below(s, 2);
    x.hmn.similarity = (mdl_similarity)mdl_draw_below(s, 2);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        if (i <= MDL_MECH_COUNT)
            x.hmn.mechanism[m] = i == m + 1 ? MDL_OFF : MDL_ON;
        else if (m != MDL_MECH_PLASTICITY)
            x.hmn.mechanism[m] = (uint8_t)mdl_draw_below(s, 3);
    if (mdl_draw_below(s, 3) == 0)
        mdl_modulator_spec_defaults(&x.modulators);
    return x;
}

/* The kernels chosen for all subsets of what the CPU has, each once; paths[0] is
 * portable. */
static uint32_t paths_of(const mdl_kernel *paths[PATHS_MAX]) {
    uint32_t all = mdl_cpu_features(), features = 0, count = 0;
    do {
        const mdl_kernel *chosen = mdl_kernel_with(features);
        uint32_t known = 0;
        while (known < count && paths[known] != chosen)
            known++;
        assert_true(known < PATHS_MAX);
        paths[known] = chosen;
        count += known == count;
        features = (features - all) & all;
    } while (features);
    return count;
}

static void assert_paths_agree(const mdl_experiment *x, uint32_t number, uint32_t windows) {
    int neuraxon = x->model == MDL_MODEL_NEURAXON;
    const mdl_kernel *paths[PATHS_MAX] = {NULL};
    uint32_t count = paths_of(paths);
    assert_true(count >= 1 && count <= PATHS_MAX);
    float *genome = neuraxon ? nx_genome(x, number) : hmn_genome(x, number);
    mdl_life *life[PATHS_MAX] = {NULL};
    void *memory[PATHS_MAX] = {NULL};
    bytebuf portable = {0}, path = {0};
    for (uint32_t k = 0; k < count; k++) {
        life[k] = hmn_life(x, 1, paths[k], &memory[k]);
        mdl_life_genome(life[k], genome);
        hmn_scripted_begin(life[k], SCRIPT, KEY + number);
        if (neuraxon) /* every path has both models */
            assert_string_equal(nx_region_of(life[k], 0)->kernel->name, paths[k]->name);
    }
    for (uint32_t w = 0; w < windows; w++) {
        hmn_scripted_window(life[0], SCRIPT);
        hmn_save(life[0], &portable);
        for (uint32_t k = 1; k < count; k++) {
            hmn_scripted_window(life[k], SCRIPT);
            hmn_save(life[k], &path);
            assert_int_equal(portable.size, path.size);
            if (memcmp(portable.at, path.at, path.size) != 0)
                fail_msg("%s network %u, window %u: kernel %s differs", neuraxon ? "Neuraxon" : "HMN", number, w,
                         paths[k]->name);
        }
    }
    for (uint32_t k = 0; k < count; k++)
        free(memory[k]);
    free(portable.at);
    free(path.at);
    free(genome);
}

static void test_paths_agree(void **state) {
    (void)state;
    mdl_stream s = {1, 0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        mdl_experiment x = sampled(i, &s);
        assert_paths_agree(&x, i, WINDOWS);
    }
}

/* Cells that carry their weights, so that a completion makes the sums of the step after;
 * `usual`: with the mechanisms for which kernels have a loop of their own. */
static void make_plain(mdl_experiment *x, int usual) {
    static const uint8_t changing[] = {MDL_NX_HOMEOSTASIS, MDL_NX_BALANCE, MDL_NX_SILENT, MDL_NX_STRUCTURE,
                                       MDL_NX_MODULATORY};
    for (size_t m = 0; m < sizeof changing; m++)
        x->neuraxon.mechanism[changing[m]] = MDL_OFF;
    memset(&x->modulators, 0, sizeof x->modulators);
    if (!usual)
        return;
    x->neuraxon.mechanism[MDL_NX_FAST_WEIGHTS] = x->neuraxon.mechanism[MDL_NX_META_WEIGHTS] = MDL_ON;
    x->neuraxon.mechanism[MDL_NX_STDP] = x->neuraxon.mechanism[MDL_NX_METAPLASTICITY] = MDL_OFF;
}

/* Sample i: the first have all mechanisms on, then one off; the others any, half of
 * them plain. */
static mdl_experiment sampled_neuraxon(uint32_t i, mdl_stream *s) {
    mdl_experiment x = nx_experiment(1 + mdl_draw_below(s, 3), 4 + mdl_draw_below(s, 40), 1 + mdl_draw_below(s, 4));
    x.network.seed = i;
    x.network.ring = mdl_draw_below(s, 3) ? 4 : 0;
    x.network.sensors = 1 + mdl_draw_below(s, 40);
    x.network.motors = 1 + mdl_draw_below(s, MDL_ACTION_MAX);
    if (mdl_draw_below(s, 8) == 0)
        x.network.neurons[0] = 16 * (1 + mdl_draw_below(s, 3)) - x.network.motors;
    x.neuraxon.encoding = (mdl_encoding)mdl_draw_below(s, 2);
    x.neuraxon.relax = (mdl_neuraxon_relax)mdl_draw_below(s, 2);
    if (mdl_draw_below(s, 3) == 0)
        mdl_modulator_spec_defaults(&x.modulators);
    for (uint32_t m = 0; m < MDL_NX_COUNT; m++)
        if (i <= MDL_NX_COUNT)
            x.neuraxon.mechanism[m] = i == m + 1 ? MDL_OFF : MDL_ON;
        else
            x.neuraxon.mechanism[m] = (uint8_t)mdl_draw_below(s, 3);
    if (i > MDL_NX_COUNT && i & 1)
        make_plain(&x, i >> 1 & 1);
    return x;
}

static void test_neuraxon_paths_agree(void **state) {
    (void)state;
    mdl_stream s = {2, 0};
    for (uint32_t i = 0; i < SAMPLES; i++) {
        mdl_experiment x = sampled_neuraxon(i, &s);
        assert_paths_agree(&x, i, WINDOWS);
    }
    mdl_experiment x = nx_experiment(1, 1997, 1); /* rows of one block, then of many */
    x.network.ring = 12;
    x.neuraxon.encoding = MDL_INDIRECT;
    for (uint32_t i = 0; i < 4; i++) {
        x.network.delay[1] = i & 1 ? 8 : 1;
        x.network.motor_fan = i & 2 ? 100 : 0;
        memset(x.neuraxon.mechanism + MDL_NX_SILENT, i & 1 ? MDL_ON : MDL_OFF, MDL_NX_COUNT - MDL_NX_SILENT);
        assert_paths_agree(&x, 100 + i, 6);
        make_plain(&x, i & 1);
        assert_paths_agree(&x, 100 + i, 6);
    }
    x = nx_experiment(1, 8300, 1); /* state and a delay line that caches do not hold */
    x.network.motor_fan = 100;
    x.network.ring = 60;
    x.network.delay[1] = 20;
    x.neuraxon.encoding = MDL_INDIRECT;
    assert_paths_agree(&x, 200, 2);
    make_plain(&x, 1);
    assert_paths_agree(&x, 201, 2);
}

/* Rows of several draws, rows that fill a group's buffer, indices of 32 bits, state and a delay line that caches do not
 * hold. */
static void test_large(void **state) {
    (void)state;
    static const struct {
        uint32_t hidden, ring, delay;
    } size[] = {{150, 0, 3}, {40, 30, 63}, {2100, 0, 2}, {5000, 20, 14}, {300, 200, 1}, {8300, 60, 8}};
    for (uint32_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        mdl_experiment x = hmn_experiment(1, size[i].hidden, 1);
        x.network.ring = size[i].ring;
        x.network.delay[1] = size[i].delay;
        x.network.motor_fan = size[i].hidden > 1000 ? 100 : 0;
        x.hmn.encoding = MDL_INDIRECT;
        assert_paths_agree(&x, 1000 + i, size[i].hidden > 1000 ? 3 : WINDOWS);
    }
}

/* A phase gate that closes for every synapse at once, as in a first generation. */
static void test_closed(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment x = hmn_experiment(2, 20, 2);
        x.hmn.mechanism[MDL_MECH_LOCAL_ATTENTION] = i & 1 ? MDL_OFF : MDL_ON;
        x.hmn.mechanism[MDL_MECH_PROBABILISTIC] = i & 2 ? MDL_OFF : MDL_ON;
        mdl_genome_layout l;
        assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
        const mdl_kernel *paths[PATHS_MAX] = {NULL};
        uint32_t count = paths_of(paths);
        float *genome = hmn_genome(&x, i);
        memset(genome + l.phases, 0, l.synapses * sizeof *genome);
        genome[l.globals + MDL_GENE_OMEGA] = 2.0f;
        bytebuf portable = {0}, path = {0};
        for (uint32_t k = 0; k < count; k++) {
            void *memory;
            mdl_life *life = hmn_life(&x, 1, paths[k], &memory);
            mdl_life_genome(life, genome);
            hmn_scripted_begin(life, SCRIPT, KEY);
            for (uint32_t w = 0; w < 4 * WINDOWS; w++)
                hmn_scripted_window(life, SCRIPT);
            hmn_save(life, k ? &path : &portable);
            if (k)
                assert_memory_equal(portable.at, path.at, path.size);
            free(memory);
        }
        free(portable.at);
        free(path.at);
        free(genome);
    }
}

static void test_choice(void **state) {
    (void)state;
    uint32_t n = mdl_kernel_count();
    assert_string_equal(mdl_kernel_get(0)->name, "portable");
    assert_ptr_equal(mdl_kernel_best(), mdl_kernel_get(n - 1));
    assert_ptr_equal(mdl_kernel_with(0), mdl_kernel_get(0));
    assert_ptr_equal(mdl_kernel_with(UINT32_MAX), mdl_kernel_best());
    assert_null(mdl_kernel_get(n));
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(mdl_kernel_get(i)->name, mdl_kernel_get(k)->name);
    for (uint32_t i = 0; mdl_cpu_features() >> i; i++)
        assert_non_null(mdl_cpu_feature_name(i));
    assert_null(mdl_cpu_feature_name(32));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths_agree), cmocka_unit_test(test_neuraxon_paths_agree),
                                       cmocka_unit_test(test_large), cmocka_unit_test(test_closed),
                                       cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
