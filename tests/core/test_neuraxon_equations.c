/* Every equation of Neuraxon: core beside the binary64 model of
 * tests/support/neuraxon_model.c, window by window, in a scripted world with
 * rewards, wipes, frozen and taught windows. SPEC chapter 13.
 *
 * TOLERANCE: core rounds to 24 bits; over the horizon here errors stay below
 * 1e-4 of max(1, |exact|). States, flags and partners must agree outright. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/neuraxon_fixture.h"
#include "tests/support/neuraxon_model.h"

#define TOLERANCE 1e-4

enum { SCRIPT = 21, KEY = 0x1234567 };

static double worst;

static void check(const char *what, uint32_t window, double got, double want) {
    double error = fabs(got - want) / fmax(1.0, fabs(want));
    if (!(error <= TOLERANCE))
        fail_msg("window %u: %s (worst so far %.2g) is %.9g, the equations say %.9g", window, what, worst, got, want);
    worst = fmax(worst, error);
}

static void compare_row(const mdl_neuraxon_region *r, const nx_neuron *n, uint32_t j, uint32_t window) {
    for (uint32_t k = 0; k < n->fan; k++) {
        size_t cell = mdl_row(&r->shape, j) + k;
        const nx_synapse *syn = &n->synapse[k];
        check("w_fast", window, (double)r->fast[cell], syn->fast);
        check("w_slow", window, (double)r->slow[cell], syn->slow);
        check("w_meta", window, (double)r->meta[cell], syn->meta);
        check("e", window, (double)r->e[cell], syn->e);
        if (r->wired)
            check("integrity", window, (double)r->integrity[cell], syn->integrity);
        uint32_t flags = r->flags[cell];
        assert_int_equal((flags & MDL_CELL_SILENT) != 0, syn->silent);
        assert_int_equal((flags & MDL_CELL_DEAD) != 0, syn->dead);
        assert_int_equal((flags & MDL_CELL_FORMED) != 0, syn->formed);
        assert_int_equal((flags & MDL_CELL_MODULATORY) != 0, syn->modulatory);
        assert_int_equal(mdl_neuraxon_source(r, cell), syn->source);
    }
}

static void compare(const mdl_life *l, const nx_model *m, uint32_t window) {
    for (uint32_t i = 0; i < m->x->network.regions; i++) {
        const mdl_neuraxon_region *r = nx_region_of(l, i);
        for (uint32_t j = 0; j < r->shape.neurons; j++) {
            const nx_neuron *n = &m->region[i].neuron[j];
            check("s", window, (double)r->z[j], n->z);
            check("v", window, (double)r->v[j], n->v);
            check("post trace", window, (double)r->trace[j], n->trace);
            check("adaptation", window, (double)r->adapt[j], n->adapt);
            check("autoreceptor", window, (double)r->autor[j], n->autor);
            check("slow input", window, (double)r->lag[j], n->lag);
            check("inhibitory gain", window, (double)r->brake[j], n->brake);
            check("v_j of the critic", window, (double)r->value[j], n->value);
            compare_row(r, n, j, window);
        }
        check("recurrent gain", window, (double)r->branching.slow, m->region[i].gain);
        check("gain in force", window, (double)r->branching.gain, m->region[i].in_force);
    }
}

/* The model's window, given what core's modulators say (tests of their own). */
static void window_of(nx_model *m, const mdl_life *l, const mdl_modulation *state, const float *obs) {
    const mdl_params *p = &l->params;
    if (!p->modulators.used) {
        nx_window(m, state, obs, NULL, (double)state->g_prime, 0.0, 1.0, 0.0);
        return;
    }
    mdl_levers levers[8];
    for (uint32_t r = 0; r < m->x->network.regions; r++)
        levers[r] = mdl_levels_hold(&state->levels, &p->modulators, &p->receptors, r, mdl_levers_of);
    nx_window(m, state, obs, levers, (double)state->levels.phasic[MDL_DOPAMINE],
              (double)state->levels.level[MDL_SEROTONIN], (double)mdl_levels_rate(&state->levels, &p->modulators),
              (double)state->levels.arousal);
}

typedef struct seen {
    uint32_t wakes, deaths, formations;
    double moved;
} seen;

/* The equations hold for `steps` steps. */
static seen run_genome(const mdl_experiment *x, uint64_t genome_seed, uint32_t steps, int forgetful) {
    float *genome = nx_genome(x, genome_seed);
    void *memory;
    mdl_life *l = hmn_life(x, x->network.regions > 1 ? 2 : 1, NULL, &memory);
    if (forgetful) /* weights fade, so that synapses die */
        genome[l->layout.globals + MDL_GENE_ETA_LOCAL] = genome[l->layout.globals + MDL_GENE_ETA_GLOBAL] = 0.0f;
    mdl_life_genome(l, genome);
    hmn_scripted_begin(l, SCRIPT, KEY + genome_seed);
    nx_model *m = nx_open(x, genome, KEY + genome_seed);
    for (uint32_t k = 0; k < steps / x->network.window; k++) {
        mdl_modulation state = l->conductor.modulation[0];
        mdl_task_out out = hmn_script(SCRIPT, k, x->network.sensors, x->network.motors);
        hmn_scripted_window(l, SCRIPT);
        window_of(m, l, &state, out.obs);
        compare(l, m, k);
    }
    seen s = {0, 0, 0, 0.0};
    for (uint32_t i = 0; i < x->network.regions; i++) {
        const mdl_neuraxon_region *r = nx_region_of(l, i);
        for (size_t c = 0; c < r->shape.cells; c++) {
            s.wakes += r->flags[c] & MDL_CELL_LATENT && !(r->flags[c] & (MDL_CELL_SILENT | MDL_CELL_DEAD));
            s.deaths += (r->flags[c] & MDL_CELL_DEAD) != 0;
            s.formations += (r->flags[c] & MDL_CELL_FORMED) != 0;
            s.moved += fabs((double)r->w[c] - (double)r->w0[c]);
        }
    }
    nx_close(m);
    free(memory);
    free(genome);
    return s;
}

static seen run_pair(const mdl_experiment *x, uint64_t genome_seed, uint32_t steps) {
    return run_genome(x, genome_seed, steps, 0);
}

static void test_everything_on(void **state) {
    (void)state;
    static const uint32_t window[] = {1, 2, 3, 8};
    seen sum = {0, 0, 0, 0.0};
    for (uint32_t i = 0; i < 8; i++) {
        mdl_experiment x = nx_experiment(1 + i % 3, 7, window[i % 4]);
        x.network.seed = i;
        seen s = run_pair(&x, i + 10, i < 4 ? 288 : 96);
        sum.wakes += s.wakes;
        sum.deaths += s.deaths;
        sum.formations += s.formations;
        assert_true(s.moved > 0.1);
    }
    assert_true(sum.wakes > 5);
}

/* Long enough for synapses to die and to be formed again. */
static void test_structure(void **state) {
    (void)state;
    mdl_experiment x = nx_experiment(2, 8, 1);
    x.neuraxon.relax = MDL_RELAX_ZERO;
    seen s = run_genome(&x, 3, 640, 1);
    print_message("%u woke, %u dead, %u formed; worst error so far %.2g\n", s.wakes, s.deaths, s.formations, worst);
    assert_true(s.deaths > 5 && s.formations > 5);
}

static void test_each_mechanism_off(void **state) {
    (void)state;
    for (uint32_t off = 0; off < MDL_NX_COUNT; off++) {
        mdl_experiment x = nx_experiment(2, 6, 2);
        x.neuraxon.mechanism[off] = MDL_OFF;
        run_pair(&x, off + 100, 64);
    }
    for (uint32_t off = 0; off < MDL_MECH_COUNT; off++) {
        mdl_experiment x = nx_experiment(1, 6, 3);
        x.hmn.mechanism[off] = MDL_OFF;
        run_pair(&x, off + 200, 64);
    }
}

static void test_choices(void **state) {
    (void)state;
    mdl_experiment x = nx_experiment(3, 8, 2);
    x.neuraxon.encoding = MDL_INDIRECT;
    run_pair(&x, 5, 96);
    x = nx_experiment(2, 8, 2);
    x.neuraxon.relax = MDL_RELAX_ZERO;
    run_pair(&x, 6, 96);
    x = nx_experiment(2, 20, 1);
    x.network.ring = 0;
    x.neuraxon.silent_share = 0.7f;
    run_pair(&x, 7, 96);
}

/* Levers, dopamine, serotonin and arousal act where SPEC 13 says. */
static void test_modulators(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment x = nx_experiment(1 + i, 7, 1 + i % 2);
        mdl_modulator_spec_defaults(&x.modulators);
        x.neuraxon.mechanism[MDL_NX_TRINARY] = i == 3 ? MDL_OFF : MDL_ON;
        seen s = run_pair(&x, i + 300, 96);
        assert_true(s.moved > 0.1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_everything_on), cmocka_unit_test(test_structure),
                                       cmocka_unit_test(test_each_mechanism_off), cmocka_unit_test(test_choices),
                                       cmocka_unit_test(test_modulators)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
