/* Levels of the modulators: against a computation in binary64, switches and
 * clamps, what they do to HMN, and their bytes. SPEC section 12. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/hmn_levers.h"
#include "tests/support/hmn_fixture.h"
#include "tests/support/vectors.h"

enum { KEY = 9, SCRIPT = 3 };

static mdl_modulator_params params_of(const mdl_modulator_spec *spec, const float *off_prior) {
    static mdl_receptors unused;
    mdl_modulator_params p;
    float genes[MDL_MOD_FIXED_GENES + MDL_RECEPTOR_CLASSES], switches[MDL_MOD_COUNT] = {0};
    mdl_modulator_prior(1, genes);
    for (uint32_t i = 0; off_prior && i < mdl_modulator_genes(1); i++)
        genes[i] += off_prior[i];
    mdl_modulator_decode(spec, 1, genes, switches, &p, &unused);
    return p;
}

static double held(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

/* The recursion of SPEC 12.2 with libm and binary64, from the same parameters. */
static void test_recursion(void **state) {
    (void)state;
    mdl_modulator_spec spec;
    mdl_modulator_spec_defaults(&spec);
    mdl_stream s = {4, 0};
    float shift[MDL_MOD_FIXED_GENES + MDL_RECEPTOR_CLASSES];
    for (uint32_t i = 0; i < mdl_modulator_genes(1); i++)
        shift[i] = 0.4f * hmn_normal(&s);
    mdl_modulator_params p = params_of(&spec, shift);
    mdl_levels l;
    mdl_levels_init(&l, &p);
    double tonic[4], phasic[4] = {0}, arousal = 0, fast = 0, slow = 0, mean = 0;
    for (int m = 0; m < 4; m++)
        tonic[m] = (double)p.base[m];
    for (int k = 0; k < 400; k++) {
        mdl_evaluation e = {.error = hmn_normal(&s),
                            .deviation = mdl_draw_unit(&s),
                            .expected = mdl_draw_unit(&s),
                            .novelty = 2.0f * mdl_draw_unit(&s),
                            .reward = hmn_normal(&s),
                            .activity = hmn_normal(&s),
                            .salience = {mdl_draw_unit(&s), 2.0f * mdl_draw_unit(&s)}};
        mdl_levels_next(&l, &p, &e);
        double novelty = fmax((double)e.novelty - mean, 0);
        mean += (double)p.rho_novelty * ((double)e.novelty - mean);
        fast += (double)p.rho_fast * ((double)e.reward - fast);
        slow += (double)p.rho_slow * ((double)e.reward - slow);
        double signal[MDL_SIGNALS] = {(double)e.error,
                                      (double)e.expected,
                                      fmax(fabs((double)e.error) - 2 * (double)e.deviation, 0),
                                      novelty,
                                      held(slow - fast, -4, 4),
                                      (double)e.salience[0],
                                      held((double)e.salience[1], 0, 1),
                                      (double)e.activity};
        for (int m = 0; m < 4; m++) {
            double drive = 0;
            for (int i = 0; i < MDL_SIGNALS; i++)
                drive += (double)p.coupling[m][i] * signal[i];
            drive = held(drive, -4, 4);
            phasic[m] = held((double)p.decay[m] * phasic[m] + drive, -4, 4);
            tonic[m] = held(tonic[m] + (double)p.rate[m] * ((double)p.base[m] + drive - tonic[m]), 0, 4);
            assert_true(fabs(phasic[m] - (double)l.phasic[m]) < 1e-4);
            assert_true(fabs(tonic[m] - (double)l.tonic[m]) < 1e-4);
            assert_true(fabs(held(tonic[m] + phasic[m], 0, 4) - (double)l.level[m]) < 2e-4);
        }
        arousal = held((double)p.arousal_decay * arousal + (double)p.arousal_from[0] * novelty +
                           (double)p.arousal_from[1] * signal[MDL_SIGNAL_EXTERNAL] +
                           (double)p.arousal_from[2] * signal[MDL_SIGNAL_INTERNAL],
                       0, 4);
        assert_true(fabs(arousal - (double)l.arousal) < 1e-4);
        assert_true(fabs(1 + (double)p.arousal_rate * arousal - (double)mdl_levels_rate(&l, &p)) < 1e-3);
    }
}

/* What each signal releases by default, and nothing else. */
static void test_releases(void **state) {
    (void)state;
    mdl_modulator_spec spec;
    mdl_modulator_spec_defaults(&spec);
    mdl_modulator_params p = params_of(&spec, NULL);
    static const struct {
        mdl_evaluation e;
        uint32_t rises;
    } cases[] = {
        {{.error = 1.0f, .deviation = 1.0f}, 1u << MDL_DOPAMINE},
        {{.error = 3.0f, .deviation = 1.0f}, 1u << MDL_DOPAMINE | 1u << MDL_NORADRENALINE},
        {{.expected = 1.0f}, 1u << MDL_ACETYLCHOLINE},
        {{.novelty = 1.0f}, 1u << MDL_ACETYLCHOLINE},
        {{.salience = {1.0f, 0.0f}}, 1u << MDL_NORADRENALINE},
        {{.reward = -1.0f}, 1u << MDL_SEROTONIN}, /* worse of late than in the long run */
        {{.activity = 1.0f}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_levels l;
        mdl_levels_init(&l, &p);
        mdl_levels_next(&l, &p, &cases[i].e);
        for (uint32_t m = 0; m < MDL_MODULATORS; m++)
            assert_int_equal(l.phasic[m] > 0.0f, cases[i].rises >> m & 1u);
        int salient = cases[i].e.salience[0] > 0.0f || cases[i].e.novelty > 0.0f;
        assert_int_equal(l.arousal > 0.0f, salient);
    }
    mdl_levels l;
    mdl_levels_init(&l, &p);
    mdl_levels_next(&l, &p, &(mdl_evaluation){.salience = {0.0f, 1.0f}}); /* a collision */
    assert_true(l.arousal > 0.4f && l.phasic[MDL_NORADRENALINE] == 0.0f);
    assert_true(mdl_levels_discount(&l, &p, 2.0f) == mdl_sigmoidf(2.0f));
    l.level[MDL_SEROTONIN] = 2.0f;
    assert_true(mdl_levels_discount(&l, &p, 2.0f) > mdl_sigmoidf(2.0f));
}

static void test_switches_and_clamps(void **state) {
    (void)state;
    const mdl_evaluation storm = {3.0f, 0.1f, 1.0f, 2.0f, -1.0f, 0.5f, {1.0f, 1.0f}};
    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        mdl_modulator_spec spec;
        mdl_modulator_spec_defaults(&spec);
        spec.mechanism[MDL_MOD_DOPAMINE + m] = MDL_OFF;
        spec.clamped = 1u << (m + 1) % MDL_MODULATORS | 1u << MDL_CLAMP_AROUSAL;
        spec.clamp[(m + 1) % MDL_MODULATORS] = 1.5f;
        spec.clamp[MDL_CLAMP_AROUSAL] = 0.75f;
        mdl_modulator_params p = params_of(&spec, NULL);
        mdl_levels l;
        mdl_levels_init(&l, &p);
        for (int k = 0; k < 20; k++) {
            assert_true(l.level[m] == 0.0f && l.phasic[m] == 0.0f);
            assert_true(l.level[(m + 1) % MDL_MODULATORS] == 1.5f && l.phasic[(m + 1) % MDL_MODULATORS] == 0.0f);
            assert_true(l.arousal == 0.75f);
            assert_true(k == 0 || l.phasic[(m + 2) % MDL_MODULATORS] != 0.0f);
            mdl_levels_next(&l, &p, &storm);
        }
    }
    mdl_modulator_spec spec;
    mdl_modulator_spec_defaults(&spec);
    spec.mechanism[MDL_MOD_TONIC] = spec.mechanism[MDL_MOD_PHASIC] = spec.mechanism[MDL_MOD_AROUSAL] = MDL_OFF;
    mdl_modulator_params p = params_of(&spec, NULL);
    mdl_levels l;
    mdl_levels_init(&l, &p);
    for (int k = 0; k < 20; k++)
        mdl_levels_next(&l, &p, &storm);
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        assert_true(l.level[m] == p.base[m]);
    assert_true(l.arousal == 0.0f && mdl_levels_rate(&l, &p) == 1.0f);
}

/* With receptors, arousal and horizon off a network lives as it does without modulators. */
static void test_nothing_binds(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment plain = hmn_experiment(1 + i, 7, 2), held = plain;
        mdl_modulator_spec_defaults(&held.modulators);
        held.modulators.mechanism[MDL_MOD_RECEPTORS] = MDL_OFF;
        held.modulators.mechanism[MDL_MOD_AROUSAL] = held.modulators.mechanism[MDL_MOD_HORIZON] = MDL_OFF;
        void *memory[2];
        mdl_life *a = hmn_life(&plain, 1, NULL, &memory[0]), *b = hmn_life(&held, 1, NULL, &memory[1]);
        float *genome = hmn_genome(&plain, i), *longer = calloc(b->layout.genes, sizeof *longer);
        assert_non_null(longer);
        memcpy(longer, genome, a->layout.genes * sizeof *genome); /* no switches: the section stands last */
        assert_int_equal(b->layout.genes, a->layout.genes + mdl_modulator_genes(1 + i));
        mdl_life_genome(a, genome);
        mdl_life_genome(b, longer);
        hmn_scripted_begin(a, SCRIPT, KEY);
        hmn_scripted_begin(b, SCRIPT, KEY);
        for (int k = 0; k < 40; k++) {
            assert_int_equal(hmn_scripted_window(a, SCRIPT), hmn_scripted_window(b, SCRIPT));
            for (uint32_t r = 0; r <= i; r++) {
                const mdl_hmn_region *one = mdl_shard_at(&a->shard[0], r), *two = mdl_shard_at(&b->shard[0], r);
                assert_memory_equal(one->a, two->a, one->shape.neurons * sizeof(float));
                assert_memory_equal(one->z, two->z, one->shape.neurons * sizeof(float));
                assert_memory_equal(one->w, two->w, one->shape.cells * sizeof(float));
            }
        }
        free(longer);
        free(genome);
        free(memory[0]);
        free(memory[1]);
    }
}

/* Eq. (1) under levers, in binary64 from the wiring and what the sources did. */
static double by_hand(const mdl_hmn_region *r, const mdl_network_spec *n, const mdl_levers *h, uint32_t t, uint32_t j,
                      double lag_before, double *lag) {
    uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(&r->shape, j), own = 1 + r->shape.sensors;
    uint8_t delay[MDL_FAN_IN_MAX];
    double i = 0;
    mdl_wire_row(n, &r->shape, j, source, delay);
    for (uint32_t k = 0; k < fan; k++) {
        uint32_t slot = (t - delay[k]) & (r->shape.slots - 1);
        double x = (double)r->line[((size_t)slot * r->shape.sources + source[k]) * r->record];
        double w = (double)r->w[mdl_row(&r->shape, j) + k];
        w *= (double)(w < 0 ? h->inhibit : h->excite);
        if (source[k] < own)
            w *= (double)h->feedforward;
        if (source[k] >= own + r->shape.hidden) {
            uint32_t from = (r->shape.region + 1 + (source[k] - own - r->shape.hidden) / r->listen) % n->regions;
            w *= (double)(from < r->shape.region ? h->feedforward : h->feedback);
        }
        i += w * x;
    }
    *lag = lag_before + 0.05 * (i - lag_before);
    i += (double)h->slow * (*lag - i);
    double threshold = (double)h->threshold + (double)h->spread * (double)r->offset[j];
    return (double)h->slope * (i + (double)r->bias[j] + (double)h->rest - threshold);
}

static void test_equation(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(3, 9, 2);
    x.hmn.mechanism[MDL_MECH_NOISE] = x.hmn.mechanism[MDL_MECH_DROPOUT] = MDL_OFF;
    mdl_modulator_spec_defaults(&x.modulators);
    void *memory;
    mdl_life *l = hmn_life(&x, 1, NULL, &memory);
    float *genome = hmn_genome(&x, 1);
    mdl_life_genome(l, genome);
    hmn_scripted_begin(l, SCRIPT, KEY);
    for (int k = 0; k < 10; k++)
        hmn_scripted_window(l, SCRIPT);
    mdl_stream s = {1, 0};
    for (int k = 0; k < 60; k++) {
        mdl_levers h = {0.5f + mdl_draw_unit(&s), 0.5f + mdl_draw_unit(&s), 0.5f + mdl_draw_unit(&s),
                        0.5f + mdl_draw_unit(&s), mdl_draw_unit(&s),        mdl_draw_unit(&s) - 0.5f,
                        0.5f + mdl_draw_unit(&s), mdl_draw_unit(&s) - 0.5f, mdl_draw_unit(&s)};
        uint32_t t = l->conductor.modulation[0].step;
        mdl_hmn_region *r = mdl_shard_at(&l->shard[0], (uint32_t)k % 3);
        double want[64], lag[64];
        assert_true(r->shape.neurons <= 64);
        float view[] = {1.0f, 0.5f, -0.25f, 0.125f, 0.75f};
        assert_true(r->shape.sensors <= 5);
        r->kernel->put(r, &l->params, t, 1, r->shape.sensors, view);
        for (uint32_t j = 0; j < r->shape.neurons; j++)
            want[j] = by_hand(r, &x.network, &h, t, j, (double)r->lag[j], &lag[j]);
        mdl_hmn_levers_activate(r, &l->params, &h, t, 0.0f);
        for (uint32_t j = 0; j < r->shape.neurons; j++) {
            assert_true(fabs(want[j] - (double)r->a[j]) < 1e-4 * (1 + fabs(want[j])));
            assert_true(fabs(lag[j] - (double)r->lag[j]) < 1e-4 * (1 + fabs(lag[j])));
        }
        hmn_scripted_window(l, SCRIPT);
    }
    free(genome);
    free(memory);
}

/* The gain of a network's first region against the level at which noradrenaline
 * is held: response of its mean activity to a small change of its input. */
static double gain_at(float level) {
    mdl_experiment x = hmn_experiment(2, 24, 1);
    double z[2] = {0, 0};
    memset(x.hmn.mechanism, MDL_OFF, sizeof x.hmn.mechanism);
    mdl_modulator_spec_defaults(&x.modulators);
    x.modulators.clamped = 1u << MDL_NORADRENALINE;
    x.modulators.clamp[MDL_NORADRENALINE] = level;
    for (int i = 0; i < 2; i++) {
        void *memory;
        mdl_life *l = hmn_life(&x, 1, NULL, &memory);
        float *genome = calloc(2 * (size_t)l->layout.genes, sizeof *genome), obs[MDL_OBS_MAX];
        assert_non_null(genome);
        mdl_genome_prior(&x, &l->layout, genome, genome + l->layout.genes);
        for (uint32_t g = 0; g < l->layout.synapses; g++)
            genome[g] = 0.05f;
        mdl_life_genome(l, genome);
        hmn_scripted_begin(l, SCRIPT, KEY);
        for (uint32_t k = 0; k < MDL_OBS_MAX; k++)
            obs[k] = i == 0 ? -0.1f : 0.1f;
        mdl_hmn_region *r = mdl_shard_at(&l->shard[0], 0);
        mdl_network_model_get(MDL_MODEL_HMN)->window(r, &l->params, &l->conductor.modulation[0], obs);
        for (uint32_t j = 0; j < r->shape.hidden; j++)
            z[i] += (double)r->z[j] / (double)r->shape.hidden;
        free(genome);
        free(memory);
    }
    return z[1] - z[0];
}

static void test_inverted_u(void **state) {
    (void)state;
    double none = gain_at(0.0f), middle = gain_at(0.6f), high = gain_at(4.0f);
    assert_true(none > 0 && middle > 1.25 * none && high < 0.9 * none);
    double before = none;
    int turns = 0, rising = 1;
    for (int i = 1; i <= 40; i++) {
        double gain = gain_at(0.1f * (float)i);
        turns += (gain > before) != rising;
        rising = gain > before;
        before = gain;
    }
    assert_int_equal(turns, 1);
}

/* Twelve more fields in the modulatory state; what no life has is refused. */
static void test_bytes(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 5, 1);
    mdl_modulator_spec_defaults(&x.modulators);
    x.modulators.clamped = 1u << MDL_DOPAMINE;
    void *memory;
    mdl_life *l = hmn_life(&x, 1, NULL, &memory);
    float *genome = hmn_genome(&x, 2);
    mdl_life_genome(l, genome);
    hmn_scripted_begin(l, SCRIPT, KEY);
    for (int k = 0; k < 30; k++)
        hmn_scripted_window(l, SCRIPT);
    bytebuf a = {0}, b = {0};
    mdl_modulation_save(&l->conductor.modulation[0], &(mdl_sink){bytebuf_write, &a});
    assert_int_equal(a.size, 4 * (31 + 12));
    mdl_modulation back;
    mdl_reader r = {a.at, a.size, 0};
    mdl_modulation_load(&back, &l->params, &r);
    assert_true(!r.bad && r.left == 0);
    mdl_modulation_save(&back, &(mdl_sink){bytebuf_write, &b});
    assert_memory_equal(a.at, b.at, a.size);
    assert_memory_equal(back.levels.level, l->conductor.modulation[0].levels.level, sizeof back.levels.level);
    /* tonic and phasic dopamine are held at 0; the rest has ranges */
    static const float wrong[12] = {0.5f, -0.5f, 5.0f, -1.0f, 0.25f, 4.5f, -5.0f, 9.0f, -0.5f, 1e6f, -1e6f, 17.0f};
    for (uint32_t i = 0; i < 12; i++) {
        uint8_t was[4];
        uint32_t bits = mdl_float_bits(wrong[i]);
        uint8_t *at = a.at + 4 * (31 + i);
        memcpy(was, at, 4);
        for (int k = 0; k < 4; k++)
            at[k] = (uint8_t)(bits >> 8 * k);
        r = (mdl_reader){a.at, a.size, 0};
        mdl_modulation_load(&back, &l->params, &r);
        assert_true(r.bad);
        memcpy(at, was, 4);
    }
    free(a.at);
    free(b.at);
    free(genome);
    free(memory);
}

static void check_window(void *ctx, size_t count, char **field) {
    mdl_levels *l = ctx;
    mdl_modulator_spec spec;
    mdl_modulator_spec_defaults(&spec);
    mdl_modulator_params p = params_of(&spec, NULL);
    assert_int_equal(count, 17);
    float x[8];
    for (int i = 0; i < 8; i++)
        x[i] = vectors_f32(field[i]);
    if (!l->used)
        mdl_levels_init(l, &p);
    mdl_levels_next(l, &p, &(mdl_evaluation){x[0], x[1], x[2], x[3], x[4], x[5], {x[6], x[7]}});
    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        assert_int_equal(mdl_float_bits(l->tonic[m]), vectors_u64(field[8 + 2 * m]));
        assert_int_equal(mdl_float_bits(l->phasic[m]), vectors_u64(field[9 + 2 * m]));
    }
    assert_int_equal(mdl_float_bits(l->arousal), vectors_u64(field[16]));
}

/* Number, key and initial value of a gene of the section. */
static void check_gene(void *ctx, size_t count, char **field) {
    float prior[MDL_MOD_FIXED_GENES + MDL_RECEPTOR_CLASSES], *next = ctx;
    assert_int_equal(count, 3);
    mdl_modulator_prior(1, prior);
    uint32_t i = (uint32_t)vectors_u64(field[0]);
    assert_true((float)i == *next);
    assert_string_equal(field[1], mdl_modulator_gene_key(i));
    assert_true(prior[i] == vectors_f32(field[2]));
    *next += 1.0f;
}

/* Base, decay gene, rate gene and couplings of each modulator; K and n genes and
 * effects of each receptor class. */
static void check_initial(void *ctx, size_t count, char **field) {
    float prior[MDL_MOD_FIXED_GENES + MDL_RECEPTOR_CLASSES];
    uint32_t *at = ctx;
    mdl_modulator_prior(1, prior);
    assert_int_equal(count, 12);
    for (uint32_t i = 1; i < count; i++)
        assert_true(prior[(*at)++] == vectors_f32(field[i]));
}

static void test_vectors(void **state) {
    (void)state;
    mdl_levels l = {.used = 0};
    float next = 0.0f;
    uint32_t at = MDL_MOD_GENES;
    assert_int_equal(vectors_load("levels", check_window, &l), 6);
    assert_int_equal(vectors_load("modulator-genes", check_gene, &next), MDL_MOD_GENES);
    assert_int_equal(vectors_load("modulator-couplings", check_initial, &at), MDL_MODULATORS);
    assert_int_equal(vectors_load("receptor-effects", check_initial, &at), MDL_RECEPTOR_CLASSES);
    assert_int_equal(at, MDL_MOD_FIXED_GENES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_releases),
        cmocka_unit_test(test_switches_and_clamps),
        cmocka_unit_test(test_nothing_binds),
        cmocka_unit_test(test_equation),
        cmocka_unit_test(test_inverted_u),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
