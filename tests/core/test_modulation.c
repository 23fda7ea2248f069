/* What is random in HMN has the distribution that SPEC 6 states; and the
 * modulatory state by hand: signals, gates and bytes.
 *
 * Distribution tests use fixed seeds. Each bound is stated with the probability
 * that a right implementation with another seed would break it; none is above
 * 1e-6, so a change of the draws that fails here is wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/hmn_fixture.h"

enum { SCRIPT = 9, KEY = 1001 };

/* One region, dense, with only the mechanisms in `list` on (ended by COUNT). */
static mdl_experiment only(uint32_t hidden, const mdl_mechanism *list) {
    mdl_experiment x = hmn_experiment(1, hidden, 1);
    x.network.ring = 0;
    memset(x.hmn.mechanism, MDL_OFF, sizeof x.hmn.mechanism);
    for (; *list != MDL_MECH_COUNT; list++)
        x.hmn.mechanism[*list] = MDL_ON;
    return x;
}

typedef struct fixture {
    mdl_experiment x;
    mdl_life *life;
    mdl_hmn_region *region;
    void *memory;
    float *genome;
} fixture;

static void start(fixture *f) {
    f->genome = hmn_genome(&f->x, 1);
    f->life = hmn_life(&f->x, 1, NULL, &f->memory);
    f->region = mdl_shard_at(&f->life->shard[0], 0);
}

static void set(fixture *f, mdl_gene gene, float value) { f->genome[f->life->layout.globals + gene] = value; }

static void begin(fixture *f) {
    mdl_life_genome(f->life, f->genome);
    hmn_scripted_begin(f->life, SCRIPT, KEY);
}

static void stop(fixture *f) {
    free(f->memory);
    free(f->genome);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Eq. (1): with weights 0 the argument of f is the noise: N(0, sigma^2). Mean and
 * variance within 5 s.d. (6e-7), Kolmogorov-Smirnov sqrt(n) D below 2.7 (9.3e-7);
 * no correlation between neurons or between steps, 5 s.d. */
static void test_noise(void **state) {
    (void)state;
    enum { HIDDEN = 200, STEPS = 100, N = HIDDEN * STEPS };
    static double z[N];
    fixture f = {.x = only(HIDDEN, (const mdl_mechanism[]){MDL_MECH_NOISE, MDL_MECH_COUNT})};
    start(&f);
    memset(f.genome, 0, f.life->layout.synapses * sizeof(float));
    set(&f, MDL_GENE_NOISE, -2.5f); /* sigma = 0.1 |g| */
    begin(&f);
    double sum = 0.0, square = 0.0, neighbours = 0.0, steps = 0.0, worst = 0.0;
    for (int t = 0; t < STEPS; t++) {
        hmn_scripted_window(f.life, SCRIPT);
        for (int j = 0; j < HIDDEN; j++)
            z[t * HIDDEN + j] = (double)f.region->a[j] / 0.25;
    }
    for (int i = 0; i < N; i++) {
        sum += z[i];
        square += z[i] * z[i];
        if (i > 0)
            neighbours += z[i] * z[i - 1];
        if (i >= HIDDEN)
            steps += z[i] * z[i - HIDDEN];
    }
    assert_true(fabs(sum) < 5.0 * sqrt(N));
    assert_true(fabs(square - N) < 5.0 * sqrt(2.0 * N));
    assert_true(fabs(neighbours) < 5.0 * sqrt(N) && fabs(steps) < 5.0 * sqrt(N));
    qsort(z, N, sizeof z[0], ascending);
    for (int i = 0; i < N; i++) {
        double cdf = 0.5 * erfc(-z[i] / sqrt(2.0));
        worst = fmax(worst, fmax(fabs(cdf - (double)i / N), fabs(cdf - (double)(i + 1) / N)));
    }
    assert_true(worst * sqrt(N) < 2.7);
    stop(&f);
}

/* Eq. (5): every synapse has the same |dw|, so a step applies a binomial number of
 * them with P = sigmoid(beta_p (|dw| - theta_p)). 5 s.d. (6e-7 for each theta_p). */
static void test_application_rate(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        fixture f = {
            .x = only(200, (const mdl_mechanism[]){MDL_MECH_PLASTICITY, MDL_MECH_FAST_TRACE, MDL_MECH_LOCAL_TERM,
                                                   MDL_MECH_PROBABILISTIC, MDL_MECH_COUNT})};
        start(&f);
        set(&f, MDL_GENE_ETA_LOCAL, 5.0f); /* 0.1 */
        set(&f, MDL_GENE_BETA_P, 0.0f);    /* 20  */
        set(&f, MDL_GENE_THETA_P, -10.0f + 5.0f * (float)i);
        begin(&f);
        const mdl_shape *s = &f.region->shape;
        double applied = 0.0, n = 0.0, dw = 0.1, p = 1.0 / (1.0 + exp(-20.0 * (dw - (-0.2 + 0.1 * i))));
        for (uint32_t t = 0; t < 4; t++) {
            /* x_i z_j = 1 everywhere, no trace of the past. */
            mdl_completion c = {.step = t, .eta = f.life->params.eta_local};
            memset(f.region->fast, 0, s->cells * sizeof(float));
            memset(f.region->w, 0, s->cells * sizeof(float));
            for (uint32_t k = 0; k < 2 * s->slots * s->sources; k++)
                f.region->line[(size_t)k * f.region->record] = k % s->sources ? 1.0f : 0.0f;
            for (uint32_t j = 0; j < s->neurons; j++)
                f.region->post[j] = 1.0f;
            f.region->kernel->complete(f.region, &f.life->params, &c);
            for (uint32_t j = 0; j < s->neurons; j++)
                for (uint32_t k = 0; k < mdl_row_fan(s, j); k++, n++) {
                    float w = f.region->w[mdl_row(s, j) + k];
                    assert_true(w == 0.0f || fabs((double)w - dw) < 1e-6);
                    applied += w != 0.0f;
                }
        }
        if (fabs(applied - n * p) > 5.0 * sqrt(n * p * (1.0 - p)))
            fail_msg("theta_p %g: %g of %g changes applied, P = %g", -0.2 + 0.1 * i, applied, n, p);
        stop(&f);
    }
}

/* Dropout silences hidden neurons with the stated probability, motors never. 5 s.d. */
static void test_dropout_rate(void **state) {
    (void)state;
    for (int i = 1; i <= 4; i++) {
        fixture f = {.x = only(300, (const mdl_mechanism[]){MDL_MECH_DROPOUT, MDL_MECH_COUNT})};
        f.x.hmn.activation = MDL_SIGMOID; /* never 0 by itself here */
        f.x.hmn.init_sd = 0.02f;
        start(&f);
        set(&f, MDL_GENE_DROP_BASE, 2.5f * (float)i); /* p_0 = 0.1 |g|, at most 0.9 */
        set(&f, MDL_GENE_DROP_UNCERTAINTY, 0.0f);
        begin(&f);
        double p = fmin(0.25 * i, 0.9), dropped = 0.0, n = 300.0 * 50.0;
        for (int t = 0; t < 50; t++) {
            hmn_scripted_window(f.life, SCRIPT);
            assert_true(fabs((double)f.life->conductor.modulation[0].drop - p) < 1e-6);
            for (uint32_t j = 0; j < f.region->shape.neurons; j++) {
                dropped += f.region->z[j] == 0.0f;
                if (j >= f.region->shape.hidden)
                    assert_true(f.region->z[j] != 0.0f);
            }
        }
        assert_true(fabs(dropped - n * p) < 5.0 * sqrt(n * p * (1.0 - p)));
        stop(&f);
    }
}

/* Eq. (7): the two perturbation signs are fair, independent of each other and of
 * the meta-period before. 5 s.d. each. */
static void test_perturbation_signs(void **state) {
    (void)state;
    enum { N = 4000 };
    mdl_experiment x = hmn_experiment(1, 4, 1);
    x.hmn.meta_period = 1;
    mdl_params p;
    mdl_genome_layout l;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    float *genome = hmn_genome(&x, 1);
    mdl_genome_decode(&x, &l, genome, &p);
    mdl_task_out out = {.flags = MDL_OUT_REWARD};
    mdl_partials none = {0, 0, 0};
    mdl_modulation m;
    mdl_modulation_init(&m, &p, KEY, &out);
    double sum[2] = {0}, product = 0.0, lag[2] = {0}, before[2] = {0};
    for (int i = 0; i < N; i++) {
        double sign[2];
        for (int k = 0; k < 2; k++) {
            assert_true(fabsf(m.d[k]) == 0.2f);
            sign[k] = m.d[k] > 0.0f ? 1.0 : -1.0;
            sum[k] += sign[k];
            lag[k] += sign[k] * before[k];
            before[k] = sign[k];
        }
        product += sign[0] * sign[1];
        mdl_modulation_next(&m, &p, KEY, 1, &none, 1, 1, 0, &out);
    }
    double bound = 5.0 * sqrt(N);
    assert_true(fabs(sum[0]) < bound && fabs(sum[1]) < bound && fabs(product) < bound);
    assert_true(fabs(lag[0]) < bound && fabs(lag[1]) < bound);
    free(genome);
}

/* Parameters of a one-region network, all mechanisms on but those in `off`. */
static mdl_params params_with(const mdl_mechanism *off, const float gene[][2], size_t count) {
    mdl_experiment x = hmn_experiment(1, 4, 1);
    for (; *off != MDL_MECH_COUNT; off++)
        x.hmn.mechanism[*off] = MDL_OFF;
    mdl_genome_layout l;
    mdl_params p;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    float *genome = hmn_genome(&x, 2);
    for (size_t i = 0; i < count; i++)
        genome[l.globals + (uint32_t)gene[i][0]] = gene[i][1];
    mdl_genome_decode(&x, &l, genome, &p);
    free(genome);
    return p;
}

static void close_to(float got, double want) {
    if (fabs((double)got - want) > 2e-6 * fmax(1.0, fabs(want)))
        fail_msg("%.9g, by hand %.9g", (double)got, want);
}

static int64_t fixed(double x) { return (int64_t)(x * 4294967296.0); }

/* Eqs. (6), (10), (11) on numbers small enough to follow: reward 0.5 after r_0 =
 * 0.03, novelty sqrt(0.32 / 2), mean activity 0.25. */
static void test_signals_by_hand(void **state) {
    (void)state;
    const mdl_mechanism off[] = {MDL_MECH_CRITIC, MDL_MECH_META_LEARNING, MDL_MECH_CONTEXT_RATE, MDL_MECH_COUNT};
    const float gene[][2] = {
        {MDL_GENE_R0, 0.1f},           {MDL_GENE_KAPPA, -2.0f},         {MDL_GENE_TAU_REWARD, -2.0f},
        {MDL_GENE_W_REWARD, 2.0f},     {MDL_GENE_W_UNCERTAINTY, -1.0f}, {MDL_GENE_W_NOVELTY, 3.0f},
        {MDL_GENE_BETA_G, 0.75f},      {MDL_GENE_GATE_REWARD, 1.0f},    {MDL_GENE_GATE_UNCERTAINTY, 0.0f},
        {MDL_GENE_GATE_NOVELTY, 0.0f}, {MDL_GENE_GATE_THETA, 4.0f}};
    mdl_params p = params_with(off, gene, sizeof gene / sizeof gene[0]);
    mdl_task_out out = {.flags = MDL_OUT_REWARD, .reward = 0.5f};
    mdl_partials sum = {fixed(2.0), 0, fixed(0.32)};
    mdl_modulation m;
    mdl_modulation_init(&m, &p, KEY, &out);
    for (int k = 0; k < 3; k++)
        close_to(m.gamma[k], 1.0); /* no signals yet: uniform */
    mdl_modulation_next(&m, &p, KEY, 1, &sum, 8, 2, 1, &out);
    /* kappa = rho = 1/2 and the mean reward was 0. */
    double e[3] = {0.47, 0.5 * 0.47 * 0.47, 0.4}, w[3] = {2.0, -1.0, 3.0}, total = 0.0, g = 0.0, g_prime = 0.0;
    for (int k = 0; k < 3; k++)
        total += exp(1.5 * e[k] * 0.25);
    for (int k = 0; k < 3; k++) {
        g += w[k] * e[k];
        g_prime += 3.0 * exp(1.5 * e[k] * 0.25) / total * w[k] * e[k];
        close_to(m.e[k], e[k]);
        close_to(m.gamma[k], 3.0 * exp(1.5 * e[k] * 0.25) / total);
    }
    close_to(m.c_global, 0.25);
    close_to(m.g, g);
    close_to(m.g_prime, g_prime);
    assert_true(m.permit == 1.0f); /* 0.47 > 0.4 */
    mdl_modulation_next(&m, &p, KEY, 1, &sum, 8, 2, 1, &out);
    close_to(m.e[0], 0.5 - 0.03 - 0.5 * 0.25);
    assert_true(m.permit == 0.0f); /* 0.345 < 0.4 */
    /* Without a reward event there is no error, and statistics stand. */
    out.flags = 0;
    mdl_modulation_next(&m, &p, KEY, 1, &sum, 8, 2, 1, &out);
    float variance = m.variance, mean = m.reward_mean;
    mdl_modulation_next(&m, &p, KEY, 1, &sum, 8, 2, 1, &out);
    assert_true(m.e[0] == 0.0f && m.variance == variance && m.reward_mean == mean);
    assert_int_equal(m.window, 4);
}

/* The TD error: r + gamma V' - V; no V' before a wipe, no V after it. */
static void test_td_error_by_hand(void **state) {
    (void)state;
    const mdl_mechanism off[] = {MDL_MECH_BASELINE, MDL_MECH_META_LEARNING, MDL_MECH_COUNT};
    const float gene[][2] = {{MDL_GENE_DISCOUNT, -2.0f}}; /* 1/2 */
    mdl_params p = params_with(off, gene, 1);
    mdl_task_out reward = {.flags = MDL_OUT_REWARD, .reward = 1.0f}, wipe = {.flags = MDL_OUT_WIPE},
                 plain = {.flags = 0};
    mdl_partials two = {0, fixed(2.0), 0}, three = {0, fixed(3.0), 0};
    mdl_modulation m;
    mdl_modulation_init(&m, &p, KEY, &wipe);
    mdl_modulation_next(&m, &p, KEY, 1, &two, 8, 2, 0, &reward);
    close_to(m.e[0], 0.5 * 2.0); /* the first window of a trial has no past */
    mdl_modulation_next(&m, &p, KEY, 1, &three, 8, 2, 0, &plain);
    close_to(m.e[0], 1.0 + 0.5 * 3.0 - 2.0);
    mdl_modulation_next(&m, &p, KEY, 1, &two, 8, 2, 0, &wipe);
    close_to(m.e[0], -3.0); /* the last has no future */
    mdl_modulation_next(&m, &p, KEY, 1, &two, 8, 2, 0, &plain);
    close_to(m.e[0], 0.5 * 2.0);
}

/* The bytes: 31 fields of 4 in the order that SPEC 6.3 draws, read back equal. */
static void test_bytes(void **state) {
    (void)state;
    mdl_params p = params_with((const mdl_mechanism[]){MDL_MECH_COUNT}, NULL, 0);
    mdl_modulation m, back;
    mdl_task_out out = {.flags = MDL_OUT_REWARD | MDL_OUT_TEACH, .reward = 0.25f};
    mdl_partials sum = {fixed(1.0), fixed(0.5), fixed(0.1)};
    bytebuf a = {0}, b = {0};
    mdl_modulation_init(&m, &p, KEY, &out);
    for (int i = 0; i < 5; i++)
        mdl_modulation_next(&m, &p, KEY, 3, &sum, 8, 2, 1, &out);
    mdl_modulation_save(&m, &(mdl_sink){bytebuf_write, &a});
    assert_int_equal(a.size, 4 * 31);
    mdl_reader r = {a.at, a.size, 0};
    mdl_modulation_load(&back, &p, &r);
    assert_true(!r.bad && r.left == 0);
    mdl_modulation_save(&back, &(mdl_sink){bytebuf_write, &b});
    assert_memory_equal(a.at, b.at, a.size);
    /* window 5, step 15, flags, flags before, action, one reward in the meta-period's count */
    const uint32_t head[] = {5, 15, 9, 9, 1, 1, 0};
    r = (mdl_reader){a.at, a.size, 0};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++)
        assert_int_equal(mdl_get_u32(&r), head[i]);
    assert_true(mdl_get_f32(&r) == 0.25f && mdl_get_f32(&r) == m.e[0]);
    free(a.at);
    free(b.at);
}

/* What no life has is refused: a negative variance, for one, led to values that are. */
static void test_negative_is_refused(void **state) {
    (void)state;
    static const struct {
        size_t field;
        int refused;
    } expected[] = {{8, 0}, {9, 1}, {10, 1}, {14, 0}, {19, 1}, {20, 1}, {22, 0}, {23, 1}};
    mdl_params p = params_with((const mdl_mechanism[]){MDL_MECH_COUNT}, NULL, 0);
    mdl_modulation m, back;
    mdl_task_out out = {.flags = 0};
    mdl_modulation_init(&m, &p, KEY, &out);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        bytebuf a = {0};
        mdl_modulation_save(&m, &(mdl_sink){bytebuf_write, &a});
        memcpy(a.at + 4 * expected[i].field, "\0\0\0\xbe", 4); /* -1/8 */
        mdl_reader r = {a.at, a.size, 0};
        mdl_modulation_load(&back, &p, &r);
        assert_int_equal(r.bad, expected[i].refused);
        free(a.at);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise),           cmocka_unit_test(test_application_rate),
        cmocka_unit_test(test_dropout_rate),    cmocka_unit_test(test_perturbation_signs),
        cmocka_unit_test(test_signals_by_hand), cmocka_unit_test(test_td_error_by_hand),
        cmocka_unit_test(test_bytes),           cmocka_unit_test(test_negative_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
