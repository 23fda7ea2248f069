/* The genome: its sections, what its global genes decode to, and the prior.
 * SPEC section 10. Formulas are written again here, in binary64. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mechanism.h"
#include "tests/support/hmn_fixture.h"
#include "tests/support/vectors.h"

static void close_to(const char *what, float got, double want) {
    if (!(fabs((double)got - want) <= 4e-6 * fmax(1.0, fabs(want))))
        fail_msg("%s: %.9g, the formula gives %.9g", what, (double)got, want);
}

static void test_direct_layout(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(3, 7, 1);
    mdl_genome_layout l;
    uint32_t synapses = (uint32_t)mdl_synapse_count(&x.network), neurons = 7 + 8 + 9 + 3, sources = 5 + 24 + 3 * 4;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    assert_int_equal(l.synapses, synapses);
    assert_int_equal(l.neurons, neurons);
    assert_int_equal(l.weights, 0);
    assert_int_equal(l.phases, synapses);
    assert_int_equal(l.gains, 2 * synapses);
    assert_int_equal(l.embeddings, 2 * synapses + neurons);
    assert_int_equal(l.globals, 2 * synapses + neurons + 4 * sources);
    assert_int_equal(l.switches, l.globals + MDL_GENE_COUNT);
    assert_int_equal(l.genes, l.switches);
    assert_int_equal(l.regions, UINT32_MAX);
    x.hmn.mechanism[MDL_MECH_PHASE_GATE] = MDL_OFF;
    x.hmn.mechanism[MDL_MECH_LOCAL_ATTENTION] = MDL_OFF;
    x.hmn.mechanism[MDL_MECH_NEURON_GAIN] = MDL_GENE; /* may be on: its genes are there */
    x.hmn.mechanism[MDL_MECH_NOISE] = MDL_GENE;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    assert_int_equal(l.phases, UINT32_MAX);
    assert_int_equal(l.embeddings, UINT32_MAX);
    assert_int_equal(l.gains, synapses);
    assert_int_equal(l.globals, synapses + neurons);
    assert_int_equal(l.genes, l.switches + 2);
}

static void test_indirect_layout(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(3, 7, 1);
    mdl_genome_layout l;
    x.hmn.encoding = MDL_INDIRECT;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    assert_int_equal(l.weights, UINT32_MAX);
    assert_int_equal(l.regions, 0);
    assert_int_equal(l.globals, 3 * 25);
    assert_int_equal(l.genes, 3 * 25 + MDL_GENE_COUNT);
}

static void test_too_large(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 4, 1);
    mdl_genome_layout l;
    x.network.ring = 0;
    x.network.neurons[0] = 4090; /* 16.7 million weights and as many phases */
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_ERANGE);
    x.hmn.encoding = MDL_INDIRECT;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
}

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double within(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
static double decay(double x) { return 1.0 - 1.0 / (1.0 + exp(within(x, -6.0, 6.0))); }

/* Difference of two fractions of a turn, in turns. */
static double turns_apart(uint32_t a, double b) {
    double d = (double)a / 4294967296.0 - b;
    return fabs(d - floor(d + 0.5));
}

static void test_decoding(void **state) {
    (void)state;
    static const float value[] = {0.0f, 1.0f, -1.0f, 0.37f, -2.6f, 5.0f, -7.5f, 64.0f, -64.0f, 1e30f, -1e30f};
    mdl_experiment x = hmn_experiment(1, 4, 1);
    mdl_genome_layout l;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    float *genome = calloc(l.genes, sizeof *genome);
    assert_non_null(genome);
    for (size_t v = 0; v < sizeof value / sizeof value[0]; v++) {
        double g = within((double)value[v], -64.0, 64.0);
        mdl_params p;
        for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
            genome[l.globals + i] = value[v];
        mdl_genome_decode(&x, &l, genome, &p);
        close_to("eta_local", p.eta_local, 0.02 * g);
        close_to("eta_global", p.eta_global, 0.1 * g);
        close_to("decay_fast", p.decay_fast, decay(g));
        close_to("decay_slow", p.decay_slow, decay(2.0 + g));
        close_to("event", p.event_theta, 0.1 * fabs(g));
        close_to("sigma", p.sigma, 0.1 * fabs(g));
        close_to("beta_a", p.beta_a, 2.0 * g);
        close_to("rho_c0", p.rho_context[0], 1.0 - decay(1.0 + g));
        close_to("rho_c1", p.rho_context[1], 1.0 - decay(3.0 + g));
        close_to("beta_g", p.beta_g, 2.0 * g);
        for (int k = 0; k < 3; k++) {
            close_to("w_k", p.w[k], g);
            close_to("m_k", p.gate[k], g);
        }
        close_to("theta_m", p.gate_theta, 0.1 * g);
        assert_true(turns_apart(p.omega, 0.3 * g / 6.283185307179586) < 1e-6);
        assert_true(turns_apart(p.phi0, g / 2.0) < 1e-9);
        close_to("beta_p", p.beta_p, 20.0 * exp(within(g, -4.0, 4.0)));
        close_to("theta_p", p.theta_p, 0.02 * g);
        for (int k = 0; k < 2; k++)
            close_to("alpha_meta", p.alpha_meta[k], 0.3 * fabs(g));
        close_to("kappa", p.kappa, sigmoid(within(2.0 + g, -20.0, 20.0)));
        close_to("r0", p.r0, 0.3 * g);
        close_to("rho_reward", p.rho_reward, 1.0 - decay(2.0 + g));
        close_to("rho_novelty", p.rho_novelty, sigmoid(within(g - 2.0, -6.0, 6.0)));
        close_to("alpha_v", p.critic_rate, 0.3 * fabs(g));
        close_to("gamma", p.discount, decay(2.0 + g));
        close_to("eta_b", p.bias_rate, 0.1 * fabs(g));
        close_to("target", p.bias_target, tanh(g));
        close_to("a_novelty", p.rate_novelty, g);
        close_to("a_uncertainty", p.rate_uncertainty, g);
        close_to("p_0", p.drop_base, 0.1 * fabs(g));
        close_to("p_1", p.drop_uncertainty, 0.1 * g);
    }
    free(genome);
}

/* A mechanism that is off takes its numbers out of the equations. */
static void test_switched_off(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 4, 1);
    mdl_genome_layout l;
    mdl_params p;
    float *genome = hmn_genome(&x, 1);
    memset(x.hmn.mechanism, MDL_OFF, sizeof x.hmn.mechanism);
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    mdl_genome_decode(&x, &l, genome, &p);
    assert_int_equal(p.on, 0);
    assert_true(p.eta_local == 0.0f && p.eta_global == 0.0f && p.sigma == 0.0f && p.beta_g == 0.0f);
    assert_true(p.w[1] == 0.0f && p.w[2] == 0.0f && p.kappa == 0.0f && p.r0 == 0.0f);
    free(genome);
}

static void test_phases(void **state) {
    (void)state;
    assert_int_equal(mdl_phase_of_gene(0.0f), 0);
    assert_int_equal(mdl_phase_of_gene(0.5f), 0x40000000u);
    assert_int_equal(mdl_phase_of_gene(1.0f), 0x80000000u);
    assert_int_equal(mdl_phase_of_gene(-0.5f), 0xc0000000u);
    assert_int_equal(mdl_phase_of_gene(2.5f), 0x40000000u);
    assert_int_equal(mdl_phase_of_gene(-63.5f), 0x40000000u);
    assert_int_equal(mdl_phase_of_gene(1e9f), mdl_phase_of_gene(64.0f));
}

static void test_prior(void **state) {
    (void)state;
    for (int encoding = MDL_DIRECT; encoding <= MDL_INDIRECT; encoding++) {
        mdl_experiment x = hmn_experiment(2, 6, 1);
        mdl_genome_layout l;
        x.hmn.encoding = (mdl_encoding)encoding;
        x.hmn.init_sd = 0.3f;
        x.hmn.mechanism[MDL_MECH_NOISE] = MDL_GENE;
        assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
        float *mean = malloc(2 * sizeof(float) * l.genes), *sd = mean + l.genes;
        assert_non_null(mean);
        mdl_genome_prior(&x, &l, mean, sd);
        for (uint32_t i = 0; i < l.genes; i++) {
            float m = 0.0f, s = 0.0f;
            if (i >= l.switches) {
                m = 0.0f; /* as likely off as on once the search spreads it */
            } else if (i >= l.globals) {
                static const float initial[] = {
#define X(name, key, value, text) value,
                    MDL_GENE_MAP(X)
#undef X
                };
                m = initial[i - l.globals];
            } else if (encoding == MDL_DIRECT) {
                m = i >= l.gains && i < l.embeddings ? 1.0f : 0.0f;
                s = i < l.phases || i >= l.embeddings ? 0.3f : 0.0f;
            } else {
                uint32_t k = i % 25;
                m = k == 24 || k % 8 == 1 || k % 8 == 3 ? 1.0f : 0.0f;
                s = k < 24 && k % 8 >= 4 ? 0.3f : 0.0f;
            }
            assert_true(mean[i] == m && sd[i] == s);
        }
        free(mean);
    }
}

static void test_names(void **state) {
    (void)state;
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++) {
        assert_non_null(mdl_gene_key(i));
        assert_non_null(mdl_gene_text(i));
        for (uint32_t k = 0; k < i; k++)
            assert_string_not_equal(mdl_gene_key(i), mdl_gene_key(k));
    }
    assert_null(mdl_gene_key(MDL_GENE_COUNT));
    assert_null(mdl_gene_text(MDL_GENE_COUNT));
    for (uint32_t i = 0; i < MDL_MECH_COUNT; i++)
        assert_int_equal(mdl_mechanism_find(mdl_mechanism_key(i)), i);
    assert_int_equal(mdl_mechanism_find("attention"), MDL_MECH_COUNT);
    assert_null(mdl_mechanism_key(MDL_MECH_COUNT));
}

/* Indirect weights: mean 4 m / fan, s.d. 2 s / sqrt(fan); phases uniform about
 * their mean. 5 s.d. of each statistic (6e-7). */
static void test_indirect_distribution(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 300, 1);
    x.hmn.encoding = MDL_INDIRECT;
    x.network.ring = 30;
    float *genome = hmn_genome(&x, 1);
    genome[8] = 0.7f; /* own neurons: mean, s.d. of weights, mean, spread of phases */
    genome[9] = -0.4f;
    genome[10] = 0.25f;
    genome[11] = 0.5f;
    void *memory;
    mdl_life *l = hmn_life(&x, 1, NULL, &memory);
    mdl_life_genome(l, genome);
    const mdl_hmn_region *r = mdl_shard_at(&l->shard[0], 0);
    const mdl_shape *s = &r->shape;
    double n = 0.0, sum = 0.0, square = 0.0, turn = 0.0, turn_square = 0.0;
    double mean = 4.0 * 0.7 / s->fan[0], sd = 2.0 * 0.4 / sqrt(s->fan[0]);
    for (uint32_t j = 0; j < s->hidden; j++)
        for (uint32_t k = s->fan_sensor; k < s->fan[0]; k++, n++) {
            size_t c = mdl_row(s, j) + k;
            double z = ((double)r->w0[c] - mean) / sd;
            /* In half turns about the mean 0.25, +-0.5. */
            double phase = atan2((double)r->sin_phi[c], (double)r->cos_phi[c]) / 3.141592653589793 - 0.25;
            sum += z;
            square += z * z;
            turn += phase;
            turn_square += phase * phase;
            assert_true(fabs(phase) < 0.500001);
        }
    assert_true(fabs(sum) < 5.0 * sqrt(n));
    assert_true(fabs(square - n) < 5.0 * sqrt(2.0 * n));
    assert_true(fabs(turn) < 5.0 * sqrt(n / 12.0));
    assert_true(fabs(turn_square - n / 12.0) < 5.0 * sqrt(n / 180.0));
    free(memory);
    free(genome);
}

/* The tables of SPEC 10.3 and 10.4 are those of the code. */
static void gene_case(void *ctx, size_t count, char **field) {
    static const float initial[] = {
#define X(name, key, value, text) value,
        MDL_GENE_MAP(X)
#undef X
    };
    uint32_t *next = ctx;
    assert_int_equal(count, 3);
    assert_int_equal(vectors_u64(field[0]), *next);
    assert_string_equal(field[1], mdl_gene_key(*next));
    assert_true(vectors_f32(field[2]) == initial[*next]);
    ++*next;
}

static void mechanism_case(void *ctx, size_t count, char **field) {
    uint32_t *next = ctx;
    assert_int_equal(count, 2);
    assert_int_equal(vectors_u64(field[0]), *next);
    assert_string_equal(field[1], mdl_mechanism_key(*next));
    ++*next;
}

static void test_spec_tables(void **state) {
    (void)state;
    uint32_t genes = 0, mechanisms = 0;
    vectors_load("genes", gene_case, &genes);
    vectors_load("mechanisms", mechanism_case, &mechanisms);
    assert_int_equal(genes, MDL_GENE_COUNT);
    assert_int_equal(mechanisms, MDL_MECH_COUNT);
}

/* What is left of a network when something is taken out: every other mechanism
 * as its own switch says, wherever that stands in the genome. */
static void test_knockout(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(2, 7, 1);
    x.model = MDL_MODEL_NEURAXON;
    mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
    mdl_modulator_spec_defaults(&x.modulators);
    uint32_t read = 0;
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        x.hmn.mechanism[m] = mdl_neuraxon_shares(m) ? MDL_GENE : MDL_OFF;
    memset(x.neuraxon.mechanism, MDL_GENE, sizeof x.neuraxon.mechanism);
    memset(x.modulators.mechanism, MDL_GENE, sizeof x.modulators.mechanism);
    for (uint32_t m = 0; m < MDL_ANY_COUNT; m++)
        read += (uint32_t)mdl_any_read(&x, m);
    mdl_genome_layout l;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    assert_int_equal(l.genes - l.switches, read);
    float *genome = calloc(l.genes, sizeof *genome);
    assert_non_null(genome);
    for (uint32_t odd = 0; odd < 2; odd++) {
        int on[MDL_ANY_COUNT] = {0};
        uint32_t at = l.switches;
        for (uint32_t m = 0; m < MDL_ANY_COUNT; m++)
            if (mdl_any_read(&x, m)) {
                on[m] = ((at * 7 + at / 3) % 2 == odd);
                genome[at++] = on[m] ? 1.0f : -1.0f;
            }
        for (uint32_t out = 0; out <= MDL_ANY_COUNT; out++) { /* the last: nothing */
            mdl_knockout k = {0};
            mdl_params p;
            if (out < MDL_ANY_COUNT)
                mdl_knockout_add(&k, out);
            mdl_genome_decode_without(&x, &l, genome, &k, &p);
            for (uint32_t m = 0; m < MDL_ANY_COUNT; m++)
                if (mdl_any_on(&x, &p, m) != (on[m] && m != out))
                    fail_msg("%s is wrong without %s", mdl_any_key(m), out < MDL_ANY_COUNT ? mdl_any_key(out) : "");
        }
    }
    free(genome);
}

/* A knock-out decodes to what an experiment with the mechanism off decodes to. */
static void test_knockout_is_off(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 5, 1);
    mdl_modulator_spec_defaults(&x.modulators);
    mdl_genome_layout l;
    assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
    float *genome = calloc(3 * (size_t)l.genes, sizeof *genome);
    assert_non_null(genome);
    mdl_genome_prior(&x, &l, genome, genome + l.genes);
    for (uint32_t m = 0; m < MDL_ANY_COUNT; m++) {
        if (!mdl_any_read(&x, m))
            continue;
        mdl_experiment without = x; /* nothing is a gene: the layout of what is always there stays */
        mdl_knockout k = {0};
        mdl_params a, b;
        memset(&a, 0, sizeof a);
        memset(&b, 0, sizeof b);
        mdl_any_off(&without, m);
        assert_int_equal(mdl_any_switch(&without, m), MDL_OFF);
        mdl_knockout_add(&k, m);
        mdl_genome_decode(&without, &l, genome, &a);
        mdl_genome_decode_without(&x, &l, genome, &k, &b);
        assert_memory_equal(&a, &b, sizeof a);
    }
    mdl_knockout held = {.clamped = 1u << MDL_CLAMP_AROUSAL | 1u << MDL_DOPAMINE,
                         .clamp = {[MDL_CLAMP_AROUSAL] = 1.5f}};
    mdl_params p;
    mdl_genome_decode_without(&x, &l, genome, &held, &p);
    assert_int_equal(p.modulators.clamped, held.clamped);
    assert_true(p.modulators.clamp[MDL_CLAMP_AROUSAL] == 1.5f && p.modulators.clamp[MDL_DOPAMINE] == 0.0f);
    free(genome);
}

static void test_keys_are_unique(void **state) {
    (void)state;
    for (uint32_t a = 0; a < MDL_ANY_COUNT; a++)
        for (uint32_t b = 0; b < a; b++)
            assert_string_not_equal(mdl_any_key(a), mdl_any_key(b));
    assert_null(mdl_any_key(MDL_ANY_COUNT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct_layout),
        cmocka_unit_test(test_indirect_layout),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_switched_off),
        cmocka_unit_test(test_phases),
        cmocka_unit_test(test_prior),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_indirect_distribution),
        cmocka_unit_test(test_spec_tables),
        cmocka_unit_test(test_knockout),
        cmocka_unit_test(test_knockout_is_off),
        cmocka_unit_test(test_keys_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
