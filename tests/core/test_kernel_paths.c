/* Every kernel that this CPU runs gives the bytes of the portable one, window by
 * window, over sampled networks and mechanism combinations. SPEC 6.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/hmn_fixture.h"

enum { SCRIPT = 8, KEY = 4242, SAMPLES = 160 };

/* Sample i: all mechanisms but a random half (the first samples: all, then all but one). */
static mdl_experiment sampled(uint32_t i, mdl_stream *s) {
    uint32_t window = 1 + mdl_draw_below(s, 4);
    mdl_experiment x = hmn_experiment(1 + mdl_draw_below(s, 3), 4 + mdl_draw_below(s, 40), window);
    x.network.seed = i;
    x.network.ring = mdl_draw_below(s, 3) ? 4 : 0;
    x.network.sensors = 1 + mdl_draw_below(s, 40);
    x.network.motors = 1 + mdl_draw_below(s, MDL_ACTION_MAX);
    x.hmn.encoding = (mdl_encoding)mdl_draw_below(s, 2);
    x.hmn.activation = (mdl_activation)mdl_draw_below(s, 3);
    x.hmn.trace = (mdl_trace_form)mdl_draw_below(s, 2);
    x.hmn.similarity = (mdl_similarity)mdl_draw_below(s, 2);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        if (i > MDL_MECH_COUNT ? mdl_draw_below(s, 2) && m != MDL_MECH_PLASTICITY : i == m + 1)
            x.hmn.mechanism[m] = MDL_OFF;
    return x;
}

static void test_paths_agree(void **state) {
    (void)state;
    uint32_t kernels = mdl_kernel_count();
    mdl_stream s = {1, 0};
    assert_true(kernels >= 1);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        mdl_experiment x = sampled(i, &s);
        float *genome = hmn_genome(&x, i);
        mdl_life *life[8];
        void *memory[8];
        hmn_bytes portable = {NULL, 0, 0}, path = {NULL, 0, 0};
        assert_true(kernels <= 8);
        for (uint32_t k = 0; k < kernels; k++) {
            life[k] = hmn_life(&x, 1, mdl_kernel_get(k), &memory[k]);
            mdl_life_genome(life[k], genome);
            hmn_scripted_begin(life[k], SCRIPT, KEY + i);
        }
        for (uint32_t w = 0; w < 12; w++) {
            hmn_scripted_window(life[0], SCRIPT);
            hmn_save(life[0], &portable);
            for (uint32_t k = 1; k < kernels; k++) {
                hmn_scripted_window(life[k], SCRIPT);
                hmn_save(life[k], &path);
                assert_int_equal(portable.size, path.size);
                if (memcmp(portable.at, path.at, path.size) != 0)
                    fail_msg("network %u, window %u: kernel %s differs", i, w, mdl_kernel_get(k)->name);
            }
        }
        for (uint32_t k = 0; k < kernels; k++)
            free(memory[k]);
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
    assert_null(mdl_kernel_get(n));
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(mdl_kernel_get(i)->name, mdl_kernel_get(k)->name);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths_agree), cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
