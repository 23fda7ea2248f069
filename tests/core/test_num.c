/* core/num.h over a dense sample of inputs; tests/nightly/sweep_num.c runs all 2^32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/num.h"
#include "core/philox.h"
#include "tests/support/fnv.h"
#include "tests/support/num_cases.h"
#include "tests/support/vectors.h"

enum { STRIDE = 4093, NEAR = 64, SAMPLE_MAX = 1200000 };

/* Every 4093rd pattern, and all near the edges of ranges and of binades that matter. */
static size_t sample(uint32_t *in) {
    static const float edge[] = {0.0f,       -0.0f,   FLT_MIN,  0x1p-100f, 0x1p-24f, 0x1p-12f, 0.25f,
                                 0.3465735f, 0.5f,    0.70711f, 1.0f,      1.41421f, 2.0f,     2.302585f,
                                 9.0f,       10.0f,   87.0f,    88.0f,     88.723f,  103.97f,  0x1p23f,
                                 0x1p24f,    0x1p30f, 0x1p31f,  FLT_MAX,   INFINITY, NAN};
    size_t count = 0;
    for (uint64_t i = 0; i < (uint64_t)1 << 32; i += STRIDE)
        in[count++] = (uint32_t)i;
    for (size_t e = 0; e < sizeof edge / sizeof *edge; e++)
        for (uint32_t sign = 0; sign < 2; sign++)
            for (uint32_t d = 0; d <= 2 * NEAR; d++)
                in[count++] = ((mdl_float_bits(edge[e]) & 0x7fffffffu) | sign << 31) + d - NEAR;
    for (uint32_t eighth = 0; eighth < 8; eighth++) /* phases */
        for (uint32_t d = 0; d <= 2 * NEAR; d++)
            in[count++] = (eighth << 29) + d - NEAR;
    assert_true(count <= SAMPLE_MAX);
    return count;
}

static void functions_keep_their_bounds_and_bits(void **state) {
    (void)state;
    uint32_t *in = malloc(SAMPLE_MAX * sizeof *in);
    float *out = malloc(SAMPLE_MAX * sizeof *out);
    assert_true(in != NULL && out != NULL);
    size_t count = sample(in);
    int wrong = 0;
    for (int c = 0; c < NUM_CASES; c++) {
        const num_case *f = &num_cases[c];
        uint64_t digest = FNV_START;
        double worst = 0.0;
        f->block(in, out, count);
        for (size_t i = 0; i < count; i++) {
            double exact = f->reference(in[i]);
            digest = fnv_u32(digest, mdl_float_bits(out[i]));
            if (isinf(exact) && (double)out[i] == exact)
                continue; /* sqrt of infinity */
            worst = fmax(worst, num_ulp(out[i], exact));
            assert_true(out[i] == 0.0f || isnormal(out[i]));
        }
        if (!(worst <= f->ulp_max) || digest != f->sampled) {
            print_error("%s: %.4f ulp (bound %.2f), digest 0x%016llx\n", f->name, worst, f->ulp_max,
                        (unsigned long long)digest);
            wrong++;
        }
    }
    free(in);
    free(out);
    assert_int_equal(wrong, 0);
}

static void not_a_number_and_infinity_are_clamped(void **state) {
    (void)state;
    assert_true(mdl_expf(NAN) == mdl_expf(-87.0f) && mdl_expf(INFINITY) == mdl_expf(88.0f));
    assert_true(mdl_logf(NAN) == mdl_logf(FLT_MIN) && mdl_logf(-1.0f) == mdl_logf(FLT_MIN));
    assert_true(mdl_logf(0.0f) == mdl_logf(FLT_MIN) && mdl_logf(INFINITY) == mdl_logf(FLT_MAX));
    assert_true(mdl_sigmoidf(NAN) == mdl_sigmoidf(-87.0f) && mdl_sigmoidf(INFINITY) == 1.0f);
    assert_true(mdl_tanhf(INFINITY) == 1.0f && mdl_tanhf(-INFINITY) == -1.0f);
    assert_int_equal(mdl_float_bits(mdl_tanhf(NAN)), 0);
    assert_int_equal(mdl_float_bits(mdl_sqrtf(NAN)), 0);
    assert_int_equal(mdl_float_bits(mdl_sqrtf(-4.0f)), 0);
    assert_true(mdl_expf(0.0f) == 1.0f && mdl_logf(1.0f) == 0.0f && mdl_sigmoidf(0.0f) == 0.5f);
}

static void selects_name_their_operand(void **state) {
    (void)state;
    assert_true(mdl_minf(1.0f, 2.0f) == 1.0f && mdl_minf(2.0f, 1.0f) == 1.0f);
    assert_true(mdl_maxf(1.0f, 2.0f) == 2.0f && mdl_maxf(2.0f, 1.0f) == 2.0f);
    assert_true(mdl_minf(NAN, 3.0f) == 3.0f && isnan(mdl_minf(3.0f, NAN)));
    assert_true(mdl_maxf(NAN, 3.0f) == 3.0f && isnan(mdl_maxf(3.0f, NAN)));
    assert_int_equal(mdl_float_bits(mdl_minf(0.0f, -0.0f)), 0x80000000u);
    assert_int_equal(mdl_float_bits(mdl_maxf(-0.0f, 0.0f)), 0);
    assert_true(mdl_clampf(NAN, -1.0f, 1.0f) == -1.0f && mdl_clampf(7.0f, -1.0f, 1.0f) == 1.0f);
    assert_true(mdl_clampf(-7.0f, -1.0f, 1.0f) == -1.0f && mdl_clampf(0.5f, -1.0f, 1.0f) == 0.5f);
    assert_true(mdl_absf(-2.5f) == 2.5f);
    assert_int_equal(mdl_float_bits(mdl_absf(-0.0f)), 0);
}

static void tiny_values_flush_to_plus_zero(void **state) {
    (void)state;
    float below = nextafterf(0x1p-100f, 0.0f);
    assert_true(mdl_flushf(0x1p-100f) == 0x1p-100f && mdl_flushf(-0x1p-100f) == -0x1p-100f);
    assert_int_equal(mdl_float_bits(mdl_flushf(below)), 0);
    assert_int_equal(mdl_float_bits(mdl_flushf(-below)), 0);
    assert_int_equal(mdl_float_bits(mdl_flushf(-0.0f)), 0);
    assert_int_equal(mdl_float_bits(mdl_flushf(NAN)), 0);
    assert_true(mdl_flushf(-3.0f) == -3.0f);
}

static void check_fma(float a, float b, float c) {
    float want = fmaf(a, b, c), native = mdl_fmaf(a, b, c), emulated = mdl_fmaf_emulated(a, b, c);
    if (isnan(want)) {
        assert_true(isnan(native) && isnan(emulated));
        return;
    }
    if (mdl_float_bits(native) != mdl_float_bits(want) || mdl_float_bits(emulated) != mdl_float_bits(want))
        fail_msg("fma(%a, %a, %a): want %a, got %a, emulated %a", (double)a, (double)b, (double)c, (double)want,
                 (double)native, (double)emulated);
}

static void fma_rounds_once(void **state) {
    (void)state;
    static const float hard[] = {
        0.0f,        1.0f,     0x1.000002p0f,   0x1.fffffep-1f, 0x1.000002p-24f, 0x1p-24f, 0x1p-25f,
        0x1p24f,     0x1.8p0f, 0x1.555556p-2f,  3.0f,           0x1.000ffep12f,  FLT_MIN,  0x1p-149f,
        0x1.8p-148f, 0x1p-75f, 0x1.000002p-75f, 0x1p-63f,       0x1p64f,         FLT_MAX,  INFINITY,
        NAN};
    enum { HARD = sizeof hard / sizeof *hard };
    for (int i = 0; i < HARD * HARD * HARD * 8; i++) {
        float v[3] = {hard[i / 8 % HARD], hard[i / 8 / HARD % HARD], hard[i / 8 / HARD / HARD]};
        check_fma(i & 1 ? -v[0] : v[0], i & 2 ? -v[1] : v[1], i & 4 ? -v[2] : v[2]);
    }
    mdl_stream s = {12345, 0};
    for (int i = 0; i < 2000000; i++) {
        uint32_t a = mdl_draw_u32(&s), b = mdl_draw_u32(&s), c = mdl_draw_u32(&s);
        if (i & 1) { /* an addend of the product's size, so that bits meet or cancel */
            uint32_t e = (a >> 23 & 255u) + (b >> 23 & 255u) - 127u + (c & 63u) - 32u;
            c = (c & 0x807fffffu) | (e & 255u) << 23;
        }
        if (i & 2) { /* short factors: exact products and halfway cases */
            a &= 0xfffff800u;
            b &= 0xfffff000u;
        }
        if (i & 4)
            c = mdl_float_bits(-mdl_bits_float(a) * mdl_bits_float(b));
        check_fma(mdl_bits_float(a), mdl_bits_float(b), mdl_bits_float(c));
    }
}

static void fold_is_the_stated_tree(void **state) {
    (void)state;
    mdl_stream s = {77, 0};
    for (int round = 0; round < 1000; round++) {
        float x[16], t[16];
        for (int l = 0; l < 16; l++)
            t[l] = x[l] = mdl_draw_unit(&s) * (l % 3 == 0 ? -1e4f : 1.0f);
        for (int half = 8; half >= 1; half /= 2)
            for (int l = 0; l < half; l++)
                t[l] += t[l + half];
        assert_int_equal(mdl_float_bits(mdl_fold16(x)), mdl_float_bits(t[0]));
    }
}

static void fixed_point_is_exact_and_saturates(void **state) {
    (void)state;
    static const struct {
        float x;
        int64_t fixed;
    } table[] = {{0.0f, 0},
                 {-0.0f, 0},
                 {1.0f, (int64_t)1 << 32},
                 {-1.0f, -((int64_t)1 << 32)},
                 {0.1f, 429496736}, /* 0x1.99999ap-4 = 13421773 / 2^27 */
                 {0x1p-32f, 1},
                 {0x1.fffffep-32f, 1}, /* towards zero */
                 {-0x1.fffffep-32f, -1},
                 {0x1.fffffep-33f, 0},
                 {-0x1p-149f, 0},
                 {0x1.fffffep-9f, 0xffffff},
                 {16777215.0f, (int64_t)16777215 << 32},
                 {0x1p30f, (int64_t)1 << 62},
                 {-0x1p30f, -((int64_t)1 << 62)},
                 {0x1.fffffep29f, 0x3fffffc000000000},
                 {FLT_MAX, (int64_t)1 << 62},
                 {INFINITY, (int64_t)1 << 62},
                 {-INFINITY, -((int64_t)1 << 62)},
                 {NAN, -((int64_t)1 << 62)}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_true(mdl_fix(table[i].x) == table[i].fixed);
    mdl_stream s = {5, 0};
    for (int i = 0; i < 100000; i++) { /* any float that keeps its last bit comes back */
        float x = mdl_bits_float(mdl_draw_u32(&s));
        if (fabsf(x) >= 0x1p-9f && fabsf(x) <= 0x1p30f)
            assert_true(mdl_fix_to_f(mdl_fix(x)) == x);
    }
    assert_true(mdl_fix_to_f(((int64_t)1 << 62) + 1) == 0x1p30f);
    assert_true(mdl_fix_to_f(0x1000001) == 0x1p-8f);        /* a tie goes to even */
    assert_true(mdl_fix_to_f(0x1000003) == 0x1.000004p-8f); /* up as well         */
    assert_true(mdl_fix_to_f(-0x1000001) == -0x1p-8f);      /* whatever the sign  */
    assert_true(mdl_fix_to_f(INT64_MIN) == -0x1p31f);
}

/* Error against the platform's long double, which is wider than binary64 on every target we test. */
static double ulp_f64(double got, long double exact) {
    int exponent;
    frexpl(exact, &exponent);
    return (double)(fabsl((long double)got - exact) / ldexpl(1.0L, exponent - 53));
}

static void double_functions_keep_their_bounds_and_bits(void **state) {
    (void)state;
    double worst[4] = {0};
    uint64_t digest = FNV_START;
    mdl_stream s = {99, 0};
    for (int i = 0; i < 40000; i++) {
        static const double width[4] = {0x1p21, 8.0, 0.5, 200.0};
        double x = (mdl_draw_unit_f64(&s) - 0.5) * width[i & 3];
        if (i % 16 == 5) /* as near a multiple of pi/2 as doubles get */
            x = ((int32_t)mdl_draw_below(&s, 1335088) - 667544) * 0x1.921fb54442d18p0;
        double y = (mdl_draw_unit_f64(&s) - 0.5) * (i & 1 ? 1400.0 : 4.0);
        double z = i & 1 ? mdl_exp(y) : 1.0 + y * 0.1;
        double got[4] = {mdl_sin(x), mdl_cos(x), mdl_exp(y), mdl_log(z)};
        long double want[4] = {sinl(x), cosl(x), expl(y), logl(z)};
        for (int f = 0; f < 4; f++) {
            digest = fnv_u64(digest, mdl_double_bits(got[f]));
            if (want[f] != 0.0L)
                worst[f] = fmax(worst[f], ulp_f64(got[f], want[f]));
        }
        assert_true(mdl_sqrt(z) == sqrt(z));
    }
    if (!(worst[0] <= 0.501 && worst[1] <= 0.501 && worst[2] <= 0.9 && worst[3] <= 0.9))
        fail_msg("ulp: sin %.4f cos %.4f exp %.4f log %.4f", worst[0], worst[1], worst[2], worst[3]);
    if (digest != 0x3a31d881f7e371aau)
        fail_msg("digest 0x%016llx", (unsigned long long)digest);
    assert_true(mdl_sin(0x1p30) == mdl_sin(0x1p20) && mdl_cos(-INFINITY) == mdl_cos(0x1p20));
    assert_true(mdl_sin(NAN) == mdl_sin(-0x1p20) && mdl_double_bits(mdl_sin(-0.0)) == mdl_double_bits(-0.0));
    assert_true(mdl_sin(0x1p-600) == 0x1p-600 && mdl_cos(0x1p-600) == 1.0);
    assert_true(mdl_exp(-1e9) == mdl_exp(-708.0) && isnormal(mdl_exp(-708.0)) && isnormal(mdl_exp(1e9)));
    assert_true(mdl_log(0.0) == mdl_log(DBL_MIN) && mdl_log(INFINITY) == mdl_log(DBL_MAX) && mdl_log(1.0) == 0.0);
    assert_true(mdl_sqrt(-1.0) == 0.0 && mdl_sqrt(NAN) == 0.0);
}

/* Lines "function input output...": a float, a phase or two words in, floats out. */
static void spec_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    static const struct {
        const char *name;
        float (*f)(float);
    } unary[] = {{"exp", mdl_expf},   {"log", mdl_logf},   {"sigmoid", mdl_sigmoidf},
                 {"tanh", mdl_tanhf}, {"sqrt", mdl_sqrtf}, {"flush", mdl_flushf}};
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++)
        if (strcmp(field[0], unary[i].name) == 0) {
            assert_int_equal(count, 3);
            assert_int_equal(mdl_float_bits(unary[i].f(mdl_bits_float((uint32_t)vectors_u64(field[1])))),
                             vectors_u64(field[2]));
            return;
        }
    if (strcmp(field[0], "fma") == 0) {
        assert_int_equal(count, 5);
        float v[3];
        for (int i = 0; i < 3; i++)
            v[i] = mdl_bits_float((uint32_t)vectors_u64(field[1 + i]));
        assert_int_equal(mdl_float_bits(mdl_fmaf(v[0], v[1], v[2])), vectors_u64(field[4]));
    } else if (strcmp(field[0], "sincos") == 0) {
        assert_int_equal(count, 4);
        float sine, cosine;
        mdl_sincos_turn((uint32_t)vectors_u64(field[1]), &sine, &cosine);
        assert_int_equal(mdl_float_bits(sine), vectors_u64(field[2]));
        assert_int_equal(mdl_float_bits(cosine), vectors_u64(field[3]));
    } else if (strcmp(field[0], "fix") == 0) {
        assert_int_equal(count, 3);
        assert_true(mdl_fix(mdl_bits_float((uint32_t)vectors_u64(field[1]))) == vectors_i64(field[2]));
    } else {
        fail_msg("unknown function %s", field[0]);
    }
}

static void spec_case_f64(void *ctx, size_t count, char **field) {
    (void)ctx;
    static const struct {
        const char *name;
        double (*f)(double);
    } unary[] = {{"sin", mdl_sin}, {"cos", mdl_cos}, {"exp", mdl_exp}, {"log", mdl_log}, {"sqrt", mdl_sqrt}};
    assert_int_equal(count, 3);
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++)
        if (strcmp(field[0], unary[i].name) == 0) {
            assert_true(mdl_double_bits(unary[i].f(mdl_bits_double(vectors_u64(field[1])))) == vectors_u64(field[2]));
            return;
        }
    fail_msg("unknown function %s", field[0]);
}

static void spec_vectors_hold(void **state) {
    (void)state;
    assert_true(vectors_load("numbers-f32", spec_case, NULL) >= 30);
    assert_true(vectors_load("numbers-f64", spec_case_f64, NULL) >= 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_keep_their_bounds_and_bits),
        cmocka_unit_test(not_a_number_and_infinity_are_clamped),
        cmocka_unit_test(selects_name_their_operand),
        cmocka_unit_test(tiny_values_flush_to_plus_zero),
        cmocka_unit_test(fma_rounds_once),
        cmocka_unit_test(fold_is_the_stated_tree),
        cmocka_unit_test(fixed_point_is_exact_and_saturates),
        cmocka_unit_test(double_functions_keep_their_bounds_and_bits),
        cmocka_unit_test(spec_vectors_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
