/* Receptors and levers: the Hill function against libm, each effect on its own
 * lever, limits, and the inverted U that affinities alone make. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/lever.h"
#include "core/num.h"
#include "tests/support/vectors.h"

static float *field_of(mdl_levers *l, uint32_t i) {
    float *const at[] = {
#define X(name, field, key, how, lo, hi, text) &l->field,
        MDL_LEVER_MAP(X)
#undef X
    };
    return at[i];
}

static mdl_receptors bare(void) {
    mdl_receptors r;
    mdl_receptors_defaults(&r);
    memset(r.effect, 0, sizeof r.effect);
    return r;
}

static void test_occupancy(void **state) {
    (void)state;
    assert_true(mdl_occupancy(0.0f, 0.0f, 2.0f) == 0.0f);
    for (int i = 1; i <= 4000; i++)
        for (int k = 1; k <= 30; k++) {
            float level = (float)i * 0.001f, half = 0.05f * (float)k, n = 0.5f + 0.25f * (float)k;
            double l = pow((double)level, (double)n), h = pow((double)half, (double)n);
            double is = (double)mdl_occupancy(level, mdl_logf(half), n);
            double want = l / (l + h);
            assert_true(is >= 0.0 && is <= 1.0);
            assert_true(fabs(is - want) < 4e-6);
        }
    assert_true(fabsf(mdl_occupancy(0.3f, mdl_affinity_default(0), 2.0f) - 0.5f) < 1e-6f);
    assert_true(fabsf(mdl_occupancy(1.5f, mdl_affinity_default(1), 2.0f) - 0.5f) < 1e-6f);
}

/* Nothing binds: without effects, without receptors in the region, without any
 * modulator. */
static void test_identity(void **state) {
    (void)state;
    const float high[MDL_MODULATORS] = {4.0f, 3.0f, 2.0f, 1.0f}, none[MDL_MODULATORS] = {0.0f};
    mdl_levers want = MDL_LEVERS_NONE;
    mdl_receptors r = bare();
    mdl_levers l = mdl_levers_of(&r, 3, high);
    assert_memory_equal(&l, &want, sizeof l);
    mdl_receptors_defaults(&r);
    l = mdl_levers_of(&r, 3, none);
    assert_memory_equal(&l, &want, sizeof l);
    memset(r.density[3], 0, sizeof r.density[3]);
    l = mdl_levers_of(&r, 3, high);
    assert_memory_equal(&l, &want, sizeof l);
    l = mdl_levers_of(&r, 2, high);
    assert_memory_not_equal(&l, &want, sizeof l);
}

/* Every class moves every lever, that one alone, and with its own modulator only. */
static void test_each_alone(void **state) {
    (void)state;
    for (uint32_t c = 0; c < MDL_RECEPTOR_CLASSES; c++)
        for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++) {
            mdl_receptors r = bare();
            float level[MDL_MODULATORS] = {0.0f};
            level[c / 2] = 1.0f;
            r.effect[c][i] = 0.5f;
            mdl_levers l = mdl_levers_of(&r, 0, level), none = MDL_LEVERS_NONE;
            double bound = (double)mdl_occupancy(1.0f, r.ln_k[c], r.n[c]);
            for (uint32_t k = 0; k < MDL_LEVER_COUNT; k++) {
                double is = (double)*field_of(&l, k), was = (double)*field_of(&none, k);
                double want = k != i ? was : was == 1.0 ? exp(0.5 * bound) : 0.5 * bound;
                assert_true(fabs(is - want) < 2e-6);
            }
            level[c / 2] = 0.0f;
            level[(c / 2 + 1) % MDL_MODULATORS] = 1.0f;
            l = mdl_levers_of(&r, 0, level);
            assert_memory_equal(&l, &none, sizeof l);
        }
}

static void test_limits(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        mdl_receptors r = bare();
        const float level[MDL_MODULATORS] = {4.0f, 4.0f, 4.0f, 4.0f};
        for (uint32_t c = 0; c < MDL_RECEPTOR_CLASSES; c++)
            for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
                r.effect[c][i] = (float)sign * 64.0f;
        mdl_levers l = mdl_levers_of(&r, 0, level);
        float factor = mdl_expf((float)sign * 2.0f), sum = (float)sign * 2.0f;
        const mdl_levers want = {
            factor, factor, factor, factor, sign > 0 ? 1.0f : 0.0f, sum, factor, sum, sign > 0 ? 2.0f : 0.0f};
        assert_memory_equal(&l, &want, sizeof l);
    }
}

/* Slope against the level of noradrenaline rises, has one top inside, and falls
 * below where it began: from two affinities with fixed effects. */
static void test_inverted_u(void **state) {
    (void)state;
    mdl_receptors r;
    mdl_receptors_defaults(&r);
    float before = 1.0f, top = 1.0f, at = 0.0f;
    int turns = 0, rising = 1;
    for (int i = 1; i <= 400; i++) {
        float level[MDL_MODULATORS] = {0.0f};
        level[MDL_NORADRENALINE] = (float)i * 0.01f;
        float slope = mdl_levers_of(&r, 0, level).slope;
        int up = slope > before;
        turns += up != rising;
        rising = up;
        if (slope > top) {
            top = slope;
            at = level[MDL_NORADRENALINE];
        }
        before = slope;
    }
    assert_int_equal(turns, 1);
    assert_true(at > 0.3f && at < 1.5f); /* between the two affinities */
    assert_true(top > 1.3f && before < 0.9f);
}

static void check_occupancy(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 4);
    float x[3];
    for (int i = 0; i < 3; i++)
        x[i] = mdl_bits_float((uint32_t)vectors_u64(field[i]));
    assert_int_equal(mdl_float_bits(mdl_occupancy(x[0], x[1], x[2])), vectors_u64(field[3]));
}

static void check_levers(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, MDL_MODULATORS + MDL_LEVER_COUNT);
    static mdl_receptors r;
    float level[MDL_MODULATORS];
    mdl_receptors_defaults(&r);
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        level[m] = vectors_f32(field[m]);
    mdl_levers l = mdl_levers_of(&r, 0, level);
    for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
        assert_int_equal(mdl_float_bits(*field_of(&l, i)), vectors_u64(field[MDL_MODULATORS + i]));
}

static void test_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("occupancy", check_occupancy, NULL), 17);
    assert_int_equal(vectors_load("levers", check_levers, NULL), 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_occupancy), cmocka_unit_test(test_identity),   cmocka_unit_test(test_each_alone),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_inverted_u), cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
