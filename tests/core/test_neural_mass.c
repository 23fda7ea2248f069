/* core/neural_mass.h against closed forms: kernels, activation, fixed points, delays, levers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/neural_mass.h"
#include "core/num.h"
#include "core/wiring.h"
#include "tests/support/vectors.h"

static mdl_network_spec network_of(uint32_t regions, uint32_t sources) {
    mdl_network_spec n = {.regions = regions,
                          .ring = 6,
                          .rewire = 0.2f,
                          .sources = sources,
                          .listen = 8,
                          .fan_in = 4,
                          .delay = {1, 3},
                          .delay_between = {4, 9},
                          .window = 4,
                          .seed = 99,
                          .sensors = 2,
                          .motors = 2};
    for (uint32_t r = 0; r < regions; r++)
        n.neurons[r] = 32;
    return n;
}

static void mass_open(mdl_mass *m, const mdl_network_spec *n, const mdl_mass_params *p) {
    mdl_arena counting = {NULL, 0, 0};
    mdl_mass_init(m, &counting, n, p);
    mdl_arena arena = {aligned_alloc(64, counting.used), 0, counting.used};
    assert_non_null(arena.base);
    mdl_mass_init(m, &arena, n, p);
}

static void mass_close(mdl_mass *m) { free(m->population); } /* the arena's first piece */

static mdl_mass_params silent_params(void) {
    mdl_mass_params p;
    mdl_mass_params_defaults(&p);
    p.noise = 0.0f;
    return p;
}

static double normal(double u) { return 0.5 * erfc(-u / sqrt(2)); }

static void assert_near(double value, double want, double within) {
    if (!(fabs(value - want) <= within))
        fail_msg("%.10g is not within %.3g of %.10g", value, within, want);
}

/* h(n) = (n + 1) (1 - a)^2 a^n; its sum is 1 and its mean 2 (tau - 1). */
static void test_impulse_response(void **state) {
    (void)state;
    const float taus[] = {1.0f, 2.0f, 4.0f, 20.0f, 1000.0f};
    for (size_t i = 0; i < 5; i++) {
        mdl_mass_kernel k = {0.0f, 0.0f};
        double a = 1.0 - 1.0 / (double)taus[i], sum = 0.0, mean = 0.0, tau = (double)taus[i];
        for (int n = 0; n < 30000; n++) {
            double h = (double)mdl_mass_filter(&k, taus[i], n == 0 ? 1.0f : 0.0f);
            double want = (n + 1) * (1.0 - a) * (1.0 - a) * pow(a, n);
            assert_near(h, want, 2e-5 / tau);
            sum += h;
            mean += n * h;
        }
        assert_near(sum, 1.0, 1e-4);
        assert_near(mean, 2.0 * (tau - 1.0), 2e-3 * tau);
    }
}

static void test_activation(void **state) {
    (void)state;
    mdl_mass_params p = silent_params();
    mdl_levers l = MDL_LEVERS_NONE;
    double worst = 0.0;
    for (int population = 0; population < 2; population++)
        for (int set = 0; set < 20; set++) {
            l.slope = 0.2f + 0.3f * (float)(set % 5);
            l.spread = 0.5f * (float)(set / 5);
            l.threshold = 0.1f * (float)set - 1.0f;
            double width = hypot((double)p.state_sd / (double)l.slope, hypot((double)p.theta_sd, (double)l.spread));
            float before = -1.0f;
            for (int i = -400; i <= 400; i++) {
                float v = 0.02f * (float)i, q = mdl_mass_rate(&p, (uint32_t)population, &l, v);
                double u = ((double)v - (double)p.theta[population] - (double)l.threshold) / width;
                worst = fmax(worst, fabs((double)q - normal(u)));
                assert_true(q >= before && q >= 0.0f && q <= 1.0f);
                before = q;
            }
        }
    assert_true(worst < 1.5e-4);
    assert_true(worst > 1e-5); /* or else it does not look */
}

/* Uncoupled and below oscillation, rates settle where the equations say: solved
 * here in binary64 with the true normal distribution, by damped iteration. */
static void test_fixed_points(void **state) {
    (void)state;
    mdl_network_spec n = network_of(1, 0);
    mdl_mass_params p = silent_params();
    mdl_mass m;
    mass_open(&m, &n, &p);
    for (int set = 0; set < 12; set++) {
        mdl_levers l = MDL_LEVERS_NONE;
        l.slope = 0.5f;
        l.slow = 0.25f * (float)(set % 4); /* moves no steady state */
        l.excite = set / 4 == 1 ? 1.3f : 1.0f;
        l.inhibit = set / 4 == 2 ? 1.5f : 1.0f;
        l.rest = 0.1f * (float)(set % 3);
        const float input[2] = {0.3f * (float)(set % 5) - 0.6f, 0.2f};
        mdl_mass_birth(&m, 1);
        for (int t = 0; t < 6000; t++)
            mdl_mass_step(&m, &l, input);
        double q[2] = {0.5, 0.5}, v[2] = {0.0, 0.0}, slope = (double)l.slope;
        double width = hypot((double)p.state_sd / slope, (double)p.theta_sd);
        for (int i = 0; i < 20000; i++)
            for (int k = 0; k < 2; k++) {
                v[k] = (double)l.excite * ((double)p.w[k][0] * q[0] + (double)input[k]) -
                       (double)l.inhibit * (double)p.w[k][1] * q[1] + (double)l.rest;
                q[k] += 0.01 * (normal((v[k] - (double)p.theta[k]) / width) - q[k]);
            }
        for (uint32_t k = 0; k < 2; k++) {
            assert_near((double)mdl_mass_at(&m, 0, k)->q, q[k], 1e-3);
            assert_near((double)mdl_mass_at(&m, 0, k)->v, v[k], 3e-3);
        }
    }
    mass_close(&m);
}

/* Shares and delays are the wiring's: counted here from its rows in another way. */
static void test_wiring(void **state) {
    (void)state;
    mdl_network_spec n = network_of(5, 3);
    mdl_mass_params p = silent_params();
    mdl_mass m;
    n.neurons[3] = 0;
    n.sources = 0; /* an empty region cannot be listened to */
    mass_open(&m, &n, &p);
    assert_int_equal(m.own_delay[3], 0);
    for (int t = 0; t < 50; t++)
        mdl_mass_step(&m, NULL, NULL);
    assert_true(mdl_mass_at(&m, 3, 0)->q == 0.0f && mdl_mass_at(&m, 2, 0)->q > 0.0f);
    mass_close(&m);

    n = network_of(5, 3);
    mass_open(&m, &n, &p);
    uint32_t source[MDL_FAN_IN_MAX];
    uint8_t delay[MDL_FAN_IN_MAX];
    for (uint32_t r = 0; r < 5; r++) {
        mdl_shape s;
        mdl_shape_of(&n, r, &s);
        for (uint32_t i = 0; i < 3; i++) {
            double count = 0, steps = 0, lo = 1 + s.sensors + s.hidden + i * n.listen;
            for (uint32_t j = 0; j < s.hidden; j++) {
                mdl_wire_row(&n, &s, j, source, delay);
                for (uint32_t k = 0; k < s.fan[0]; k++)
                    if (source[k] >= lo && source[k] < lo + n.listen) {
                        count++;
                        steps += delay[k];
                    }
            }
            assert_near((double)m.share[r * 3 + i], count / (32.0 * n.fan_in), 1e-6);
            assert_int_equal(m.delay[r * 3 + i], (int)floor(steps / count + 0.5));
        }
        assert_near((double)(m.share[r * 3] + m.share[r * 3 + 1] + m.share[r * 3 + 2]), 1.0, 1e-6);
    }
    mass_close(&m);
}

/* A pulse in region 0 reaches a listener exactly when its delay says, and the
 * factor on it is feedforward from lower regions, feedback from higher ones. */
static void test_delays_and_directions(void **state) {
    (void)state;
    mdl_network_spec n = network_of(4, 3);
    mdl_mass_params p = silent_params();
    memset(p.w, 0, sizeof p.w);
    p.tau[0] = 1.0f; /* no smoothing: what arrives is seen at once */
    for (uint32_t from = 0; from < 4; from += 3)
        for (int run = 0; run < 2; run++) {
            mdl_mass m;
            mass_open(&m, &n, &p);
            mdl_levers l[4];
            float input[8] = {0}, quiet[4], seen[4][40], rise = 0.0f;
            for (int r = 0; r < 4; r++) {
                l[r] = MDL_LEVERS_NONE;
                l[r].feedforward = run == 1 ? 3.0f : 1.0f;
                l[r].feedback = run == 1 ? 0.5f : 1.0f;
            }
            for (int t = 0; t < 400; t++)
                mdl_mass_step(&m, l, input);
            for (uint32_t r = 0; r < 4; r++)
                quiet[r] = mdl_mass_at(&m, r, 0)->v;
            for (int t = 0; t < 40; t++) {
                float before = mdl_mass_at(&m, from, 0)->q;
                input[2 * from] = t == 0 ? 2.0f : 0.0f;
                mdl_mass_step(&m, l, input);
                rise = t == 0 ? mdl_mass_at(&m, from, 0)->q - before : rise;
                for (uint32_t r = 0; r < 4; r++)
                    seen[r][t] = mdl_mass_at(&m, r, 0)->v - quiet[r];
            }
            assert_true(rise > 0.1f);
            for (uint32_t r = 0; r < 4; r++)
                for (uint32_t i = 0; i < 3; i++)
                    if (mdl_source_region(&n, r, i) == from) {
                        uint32_t arrives = m.delay[r * 3 + i];
                        float way = run == 0 ? 1.0f : from < r ? 3.0f : 0.5f;
                        for (uint32_t t = 0; t < arrives; t++)
                            assert_near((double)seen[r][t], 0.0, 1e-5);
                        assert_near((double)seen[r][arrives], (double)(way * p.between[0] * m.share[r * 3 + i] * rise),
                                    1e-4);
                        assert_near((double)seen[r][arrives + 1], 0.0, 1e-3);
                    }
            mass_close(&m);
        }
}

static void test_noise(void **state) {
    (void)state;
    enum { STEPS = 20000 };
    mdl_network_spec n = network_of(2, 0);
    mdl_mass_params p = silent_params();
    memset(p.w, 0, sizeof p.w);
    p.noise = 0.5f;
    p.tau[0] = 1.0f; /* V is the drive */
    mdl_mass m, same;
    mass_open(&m, &n, &p);
    mass_open(&same, &n, &p);
    double sum[4] = {0}, product[4][4] = {{0}}, after = 0.0, before = 0.0;
    mdl_mass_birth(&m, 5);
    mdl_mass_birth(&same, 5);
    for (int t = 0; t < STEPS; t++) {
        mdl_mass_step(&m, NULL, NULL);
        mdl_mass_step(&same, NULL, NULL);
        for (int i = 0; i < 4; i++) {
            sum[i] += (double)m.population[i].v;
            for (int k = 0; k < 4; k++)
                product[i][k] += (double)m.population[i].v * (double)m.population[k].v;
        }
        after += before * (double)m.population[0].v;
        before = (double)m.population[0].v;
    }
    for (int i = 0; i < 4; i++) {
        assert_near(sum[i] / STEPS, 0.0, 4 * 0.5 / sqrt(STEPS));
        for (int k = 0; k < 4; k++)
            assert_near(product[i][k] / STEPS, i == k ? 0.25 : 0.0, 4 * 0.25 * (i == k ? sqrt(2) : 1) / sqrt(STEPS));
    }
    assert_near(after / STEPS, 0.0, 4 * 0.25 / sqrt(STEPS));
    assert_memory_equal(m.population, same.population, 4 * sizeof *m.population);
    mdl_mass_birth(&same, 6);
    for (int t = 0; t < STEPS; t++)
        mdl_mass_step(&same, NULL, NULL);
    assert_memory_not_equal(m.population, same.population, 4 * sizeof *m.population);
    mass_close(&m);
    mass_close(&same);
}

/* Without noise: rest below the onset of oscillation, a limit cycle above it. */
static void test_onset_of_oscillation(void **state) {
    (void)state;
    mdl_network_spec n = network_of(1, 0);
    mdl_mass_params p = silent_params();
    mdl_mass m;
    mass_open(&m, &n, &p);
    double swing[2];
    for (int k = 0; k < 2; k++) {
        mdl_levers l = MDL_LEVERS_NONE;
        l.slope = k == 0 ? 0.8f : 2.5f;
        double lo = 2, hi = -1;
        mdl_mass_birth(&m, 0);
        for (int t = 0; t < 5000; t++) {
            mdl_mass_step(&m, &l, NULL);
            double q = (double)mdl_mass_at(&m, 0, 0)->q;
            lo = t >= 4000 ? fmin(lo, q) : lo;
            hi = t >= 4000 ? fmax(hi, q) : hi;
        }
        swing[k] = hi - lo;
    }
    assert_true(swing[0] < 1e-5 && swing[1] > 0.3);
    mass_close(&m);
}

/* SPEC 14.7: step region population V Q, as bit patterns. */
typedef struct mass_vectors {
    mdl_mass mass;
    uint32_t cases;
} mass_vectors;

static void mass_case(void *ctx, size_t count, char **field) {
    mass_vectors *v = ctx;
    mdl_levers l[3];
    for (int r = 0; r < 3; r++)
        l[r] = (mdl_levers){1.25f, 0.75f, 1.5f, 0.5f, 0.25f, 0.125f, 1.5f, -0.125f, 0.25f};
    l[1] = MDL_LEVERS_NONE;
    const float input[6] = {0.5f, 0.0f, 0.0f, -0.25f, 0.25f, 0.0f};
    assert_int_equal(count, 5);
    while (v->mass.step <= vectors_u64(field[0]))
        mdl_mass_step(&v->mass, l, input);
    const mdl_mass_population *q =
        mdl_mass_at(&v->mass, (uint32_t)vectors_u64(field[1]), (uint32_t)vectors_u64(field[2]));
    if (mdl_float_bits(q->v) != vectors_u64(field[3]) || mdl_float_bits(q->q) != vectors_u64(field[4]))
        fail_msg("step %s region %s population %s: 0x%08x 0x%08x", field[0], field[1], field[2], mdl_float_bits(q->v),
                 mdl_float_bits(q->q));
    v->cases++;
}

static void test_spec_vectors(void **state) {
    (void)state;
    mdl_network_spec n = network_of(3, 2);
    mdl_mass_params p;
    mdl_mass_params_defaults(&p);
    mass_vectors v = {.cases = 0};
    mass_open(&v.mass, &n, &p);
    mdl_mass_birth(&v.mass, 0x0123456789abcdefu);
    vectors_load("mass", mass_case, &v);
    assert_true(v.cases >= 12);
    mass_close(&v.mass);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_impulse_response),      cmocka_unit_test(test_activation),
        cmocka_unit_test(test_fixed_points),          cmocka_unit_test(test_wiring),
        cmocka_unit_test(test_delays_and_directions), cmocka_unit_test(test_noise),
        cmocka_unit_test(test_onset_of_oscillation),  cmocka_unit_test(test_spec_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
