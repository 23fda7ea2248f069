/* core/philox.h and mdl_gauss: published vectors, and distributions. Draws are
 * fixed, so a test always gives the same answer; an error probability is how
 * often a perfect generator with another key would fail it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/num.h"
#include "core/philox.h"
#include "tests/support/vectors.h"

/* "ctr0 ctr1 ctr2 ctr3 key0 key1 out0 out1 out2 out3" */
static void philox_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    uint32_t v[10];
    assert_int_equal(count, 10);
    for (int i = 0; i < 10; i++)
        v[i] = (uint32_t)vectors_u64(field[i]);
    mdl_philox(v, (uint64_t)v[5] << 32 | v[4], v); /* in place is allowed */
    assert_memory_equal(v, v + 6, 4 * sizeof *v);
}

static void philox_gives_the_published_answers(void **state) {
    (void)state;
    assert_true(vectors_load("philox4x32-10", philox_case, NULL) >= 3);
}

/* "seed stream generation candidate episode key" */
static void key_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    uint32_t v[4];
    assert_int_equal(count, 6);
    for (int i = 0; i < 4; i++)
        v[i] = (uint32_t)vectors_u64(field[1 + i]);
    assert_true(mdl_key(vectors_u64(field[0]), v[0], v[1], v[2], v[3]) == vectors_u64(field[5]));
}

/* "key next words...": consecutive draws of a stream */
static void stream_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_true(count >= 3);
    mdl_stream s = {vectors_u64(field[0]), vectors_u64(field[1])};
    for (size_t i = 2; i < count; i++)
        assert_int_equal(mdl_draw_u32(&s), vectors_u64(field[i]));
    assert_true(s.next == vectors_u64(field[1]) + count - 2);
}

/* "a b g0 g1": two words in, the bits of two floats out */
static void gauss_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    float g0, g1;
    assert_int_equal(count, 4);
    mdl_gauss((uint32_t)vectors_u64(field[0]), (uint32_t)vectors_u64(field[1]), &g0, &g1);
    assert_int_equal(mdl_float_bits(g0), vectors_u64(field[2]));
    assert_int_equal(mdl_float_bits(g1), vectors_u64(field[3]));
}

static void spec_vectors_hold(void **state) {
    (void)state;
    assert_true(vectors_load("keys", key_case, NULL) >= 3);
    assert_true(vectors_load("streams", stream_case, NULL) >= 2);
    assert_true(vectors_load("gauss", gauss_case, NULL) >= 3);
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A million keys of one seed, close together in every argument. Random ones
 * would collide with probability 10^12 / 2^65 = 2.7e-8. */
static void keys_do_not_collide(void **state) {
    (void)state;
    enum { COUNT = 1000000 };
    uint64_t *key = malloc(COUNT * sizeof *key);
    assert_non_null(key);
    for (uint32_t i = 0; i < COUNT; i++)
        key[i] = mdl_key(1, 1 + i % 5, i / 5 % 20, i / 100 % 100, i / 10000);
    qsort(key, COUNT, sizeof *key, compare_u64);
    for (size_t i = 1; i < COUNT; i++)
        assert_true(key[i - 1] != key[i]);
    free(key);
    assert_true(mdl_key(1, 1, 0, 0, 0) != mdl_key(2, 1, 0, 0, 0));
    assert_true(mdl_key(1, 1, 0, 0, 0) != mdl_key((uint64_t)1 << 32, 1, 0, 0, 0));
}

/* Chi-square of `cells` equally likely counts as a standard normal (Wilson and Hilferty). */
static double chi_square_z(const uint32_t *count, uint32_t cells, double draws) {
    double expected = draws / cells, sum = 0.0, dof = cells - 1;
    for (uint32_t i = 0; i < cells; i++)
        sum += (count[i] - expected) * (count[i] - expected) / expected;
    double spread = 2.0 / (9.0 * dof);
    return (cbrt(sum / dof) - (1.0 - spread)) / sqrt(spread);
}

/* Every byte of every word, and pairs of successive draws' top bits: |z| < 5 each,
 * error probability 17 * 5.7e-7 = 1e-5. */
static void words_are_uniform(void **state) {
    (void)state;
    enum { BLOCKS = 200000 };
    static uint32_t byte[16][256], pair[256];
    memset(byte, 0, sizeof byte);
    memset(pair, 0, sizeof pair);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint32_t c[4] = {i, 0, 0, 0};
        mdl_philox(c, 0x0123456789abcdefu, c);
        for (int b = 0; b < 16; b++)
            byte[b][c[b / 4] >> (b % 4 * 8) & 255u]++;
        pair[(c[0] >> 28) << 4 | c[1] >> 28]++;
    }
    for (int b = 0; b < 16; b++)
        assert_true(fabs(chi_square_z(byte[b], 256, BLOCKS)) < 5.0);
    assert_true(fabs(chi_square_z(pair, 256, BLOCKS)) < 5.0);
}

/* Sequential keys must be as independent as sequential counters: |z| < 5, error
 * probability 5.7e-7. */
static void first_draws_of_keys_are_uniform(void **state) {
    (void)state;
    enum { KEYS = 200000 };
    static uint32_t cell[256];
    memset(cell, 0, sizeof cell);
    for (uint32_t i = 0; i < KEYS; i++) {
        mdl_stream s = {mdl_key(9, MDL_STREAM_TRAIN, 0, 0, i), 0};
        cell[mdl_draw_u32(&s) >> 24]++;
    }
    assert_true(fabs(chi_square_z(cell, 256, KEYS)) < 5.0);
}

/* The range holds, the formula is the stated one and, for ten, all are equally
 * likely: |z| < 5, error probability 5.7e-7. */
static void draw_below_is_uniform(void **state) {
    (void)state;
    static const uint32_t bound[] = {1, 2, 3, 10, 1000, 0x80000001u, UINT32_MAX};
    for (size_t b = 0; b < sizeof bound / sizeof *bound; b++) {
        mdl_stream s = {b, 0}, same = {b, 0};
        for (int i = 0; i < 10000; i++) {
            uint32_t v = mdl_draw_below(&s, bound[b]);
            assert_true(v < bound[b]);
            assert_int_equal(v, (uint32_t)((uint64_t)mdl_draw_u32(&same) * bound[b] / 4294967296u));
        }
    }
    uint32_t cell[10] = {0};
    mdl_stream s = {42, 0};
    for (int i = 0; i < 1000000; i++)
        cell[mdl_draw_below(&s, 10)]++;
    assert_true(fabs(chi_square_z(cell, 10, 1e6)) < 5.0);
}

/* Within [0, 1), on their grids, mean 1/2 and variance 1/12: |z| < 5 each, error
 * probability 4 * 5.7e-7 = 2.3e-6. */
static void units_are_uniform(void **state) {
    (void)state;
    enum { COUNT = 500000 };
    mdl_stream s = {7, 0};
    double sum[2] = {0}, square[2] = {0};
    for (int i = 0; i < COUNT; i++) {
        float f = mdl_draw_unit(&s);
        double u[2] = {(double)f, mdl_draw_unit_f64(&s)};
        assert_true(f * 0x1p24f == floorf(f * 0x1p24f) && u[1] * 0x1p53 == floor(u[1] * 0x1p53));
        for (int k = 0; k < 2; k++) {
            assert_true(u[k] >= 0.0 && u[k] < 1.0);
            sum[k] += u[k] - 0.5;
            square[k] += (u[k] - 0.5) * (u[k] - 0.5) - 1.0 / 12.0;
        }
    }
    for (int k = 0; k < 2; k++) {
        assert_true(fabs(sum[k]) / sqrt(COUNT / 12.0) < 5.0);
        assert_true(fabs(square[k]) / sqrt(COUNT / 180.0) < 5.0);
    }
}

static int compare_f32(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* A million Gaussians: four moments and the correlation of a pair, |z| < 5 each
 * (error probability 5 * 5.7e-7 = 2.9e-6), and Kolmogorov-Smirnov at 1e-6
 * (sqrt(n) D < sqrt(-log(1e-6 / 2) / 2) = 2.6935). */
static void gaussians_are_normal(void **state) {
    (void)state;
    enum { COUNT = 1000000 };
    float *g = malloc(COUNT * sizeof *g);
    assert_non_null(g);
    mdl_stream s = {mdl_key(3, MDL_STREAM_NOISE, 0, 0, 0), 0};
    double moment[4] = {0}, cross = 0.0, n = COUNT, distance = 0.0;
    for (int i = 0; i < COUNT; i += 2) {
        uint32_t a = mdl_draw_u32(&s), b = mdl_draw_u32(&s);
        mdl_gauss(a, b, &g[i], &g[i + 1]);
        for (int k = 0; k < 2; k++) {
            double x = (double)g[i + k];
            moment[0] += x;
            moment[1] += x * x - 1.0;
            moment[2] += x * x * x;
            moment[3] += x * x * x * x - 3.0;
        }
        cross += (double)g[i] * (double)g[i + 1];
    }
    assert_true(fabs(moment[0]) / sqrt(n) < 5.0);
    assert_true(fabs(moment[1]) / sqrt(2.0 * n) < 5.0);
    assert_true(fabs(moment[2]) / sqrt(15.0 * n) < 5.0);
    assert_true(fabs(moment[3]) / sqrt(96.0 * n) < 5.0);
    assert_true(fabs(cross) / sqrt(n / 2.0) < 5.0);
    qsort(g, COUNT, sizeof *g, compare_f32);
    for (int i = 0; i < COUNT; i++) {
        double p = 0.5 * erfc(-(double)g[i] * 0.70710678118654752);
        distance = fmax(distance, fmax(p - i / n, (i + 1) / n - p));
    }
    assert_true(distance * sqrt(n) < 2.6935);
    free(g);
}

/* Against Box and Muller's formula in binary64: at most 3.5 ulp of the result. */
static void gaussians_are_accurate(void **state) {
    (void)state;
    mdl_stream s = {11, 0};
    double worst = 0.0;
    for (int i = 0; i < 200000; i++) {
        uint32_t a = mdl_draw_u32(&s), b = mdl_draw_u32(&s);
        if (i < 256) /* radii 0.. and the longest ones */
            a = i & 1 ? (uint32_t)i << 8 : ~((uint32_t)i << 8);
        float g[2];
        mdl_gauss(a, b, &g[0], &g[1]);
        double r = sqrt(-2.0 * log(((a >> 8) + 1) * 0x1p-24)), angle = b * (0x1.921fb54442d18p+2 * 0x1p-32);
        double exact[2] = {r * cos(angle), r * sin(angle)};
        for (int k = 0; k < 2; k++) {
            int exponent;
            frexp(exact[k], &exponent);
            assert_true(fabsf(g[k]) <= 5.7682f);
            if (fabs(exact[k]) > 1e-6) /* nearer zero the reference's own angle is not exact enough */
                worst = fmax(worst, fabs((double)g[k] - exact[k]) / ldexp(1.0, exponent - 24));
            else
                assert_true(fabs((double)g[k] - exact[k]) < 1e-12);
        }
    }
    assert_true(worst <= 3.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_answers),
        cmocka_unit_test(spec_vectors_hold),
        cmocka_unit_test(keys_do_not_collide),
        cmocka_unit_test(words_are_uniform),
        cmocka_unit_test(first_draws_of_keys_are_uniform),
        cmocka_unit_test(draw_below_is_uniform),
        cmocka_unit_test(units_are_uniform),
        cmocka_unit_test(gaussians_are_normal),
        cmocka_unit_test(gaussians_are_accurate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
