/* Eqs. (1)-(11) and every other mechanism of HMN: core beside the binary64 model
 * of tests/support/hmn_model.c, window by window, in a scripted world with
 * rewards, wipes, frozen and taught windows. SPEC section 6.
 *
 * TOLERANCE: core rounds to 24 bits; over the horizon here (64 steps) errors
 * stay below 1e-4 of max(1, |exact|). Yes/no decisions (application, dropout,
 * argmax, events, the gate) must agree outright, or the difference shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/hmn_fixture.h"
#include "tests/support/hmn_model.h"

#define TOLERANCE 1e-4

enum { STEPS = 64, SCRIPT = 21, KEY = 0x1234567 };

static void check(const char *what, uint32_t window, double got, double want) {
    if (!(fabs(got - want) <= TOLERANCE * fmax(1.0, fabs(want))))
        fail_msg("window %u: %s is %.9g, the equations say %.9g", window, what, got, want);
}

static void compare_modulation(const mdl_modulation *got, const model *m) {
    uint32_t k = m->window;
    assert_int_equal(got->window, k);
    for (int i = 0; i < 3; i++) {
        check("E_k", k, (double)got->e[i], m->e[i]);
        check("gamma_k (11)", k, (double)got->gamma[i], m->gamma[i]);
    }
    check("G (6)", k, (double)got->g, m->g);
    check("G' (10)", k, (double)got->g_prime, m->g_prime);
    check("C_global", k, (double)got->c_global, m->c_global);
    check("eta_local (7)", k, (double)got->eta_local, m->eta_local);
    check("eta_global (7)", k, (double)got->eta_global, m->eta_global);
    check("u_local (7)", k, (double)got->u[0], m->meta_u[0]);
    check("u_global (7)", k, (double)got->u[1], m->meta_u[1]);
    check("d_local (7)", k, (double)got->d[0], m->meta_d[0]);
    check("d_global (7)", k, (double)got->d[1], m->meta_d[1]);
    check("permission", k, (double)got->permit, m->permit);
    check("dropout", k, (double)got->drop, m->drop);
    check("V", k, (double)got->value, m->v);
    check("variance", k, (double)got->variance, m->variance);
    check("mean reward", k, (double)got->reward_mean, m->reward_mean);
}

static void compare_neurons(const mdl_life *l, const model *m) {
    for (uint32_t i = 0; i < m->neurons; i++) {
        const model_neuron *n = &m->neuron[i];
        const mdl_hmn_region *r = NULL;
        for (uint32_t s = 0; s < l->shards && !r; s++)
            r = mdl_shard_region(&l->shard[s], n->region);
        uint32_t j = n->index, k = m->window;
        check("argument of f (1)", k, (double)r->a[j], n->a);
        check("z (1)", k, (double)r->z[j], n->z);
        check("b", k, (double)r->bias[j], n->bias);
        check("mean z", k, (double)r->mean[j], n->mean);
        check("c_j0", k, (double)r->context[0][j], n->c[0]);
        check("c_j1", k, (double)r->context[1][j], n->c[1]);
        check("v_j", k, (double)r->value[j], n->value);
        const float *w = r->w + mdl_row(&r->shape, j), *fast = r->fast + mdl_row(&r->shape, j);
        const float *slow = r->slow + mdl_row(&r->shape, j);
        for (uint32_t s = 0; s < n->fan; s++) {
            check("psi_fast (2)", k, (double)fast[s], n->synapse[s].fast);
            check("psi_slow (2)", k, (double)slow[s], n->synapse[s].slow);
            check("w (3)-(5), (8), (9)", k, (double)w[s], n->synapse[s].w);
        }
    }
}

typedef struct pair {
    mdl_life *life;
    void *memory;
    float *genome;
    model *model;
} pair;

static pair open_pair(const mdl_experiment *x, uint64_t genome_seed, uint32_t gene, float value) {
    pair p;
    p.genome = hmn_genome(x, genome_seed);
    p.life = hmn_life(x, x->network.regions > 1 ? 2 : 1, NULL, &p.memory);
    if (gene < MDL_GENE_COUNT)
        p.genome[p.life->layout.globals + gene] = value;
    mdl_life_genome(p.life, p.genome);
    hmn_scripted_begin(p.life, SCRIPT, KEY);
    mdl_task_out first = hmn_script(SCRIPT, 0, x->network.sensors, x->network.motors);
    p.model = model_open(x, p.genome, KEY, STEPS, &first);
    return p;
}

static void close_pair(pair *p) {
    model_close(p->model);
    free(p->genome);
    free(p->memory);
}

static void step_pair(pair *p) {
    const mdl_network_spec *n = &p->life->experiment->network;
    assert_int_equal(hmn_scripted_window(p->life, SCRIPT), model_window(p->model));
    compare_neurons(p->life, p->model);
    mdl_task_out next = hmn_script(SCRIPT, p->model->window + 1, n->sensors, n->motors);
    model_next(p->model, &next);
    compare_modulation(&p->life->conductor.modulation[0], p->model);
}

/* The equations hold for STEPS steps. Returns the sum of |w - w0|, so that
 * callers can demand that something was learned. */
static double run_pair(const mdl_experiment *x, uint64_t genome_seed) {
    pair p = open_pair(x, genome_seed, MDL_GENE_COUNT, 0.0f);
    double moved = 0.0;
    compare_modulation(&p.life->conductor.modulation[0], p.model);
    for (uint32_t k = 0; k < STEPS / x->network.window; k++)
        step_pair(&p);
    for (uint32_t s = 0; s < p.life->shards; s++)
        for (uint32_t i = 0; i < p.life->shard[s].count; i++) {
            const mdl_hmn_region *r = mdl_shard_at(&p.life->shard[s], i);
            for (size_t c = 0; c < r->shape.cells; c++)
                moved += fabs((double)r->w[c] - (double)r->w0[c]);
        }
    close_pair(&p);
    return moved;
}

/* Every combination of f, trace form and similarity, windows of 1 and 4 steps. */
static void test_all_choices(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 24; i++) {
        mdl_experiment x = hmn_experiment(3, 7, i & 1 ? 4 : 1);
        x.hmn.trace = i & 2 ? MDL_TRACE_EVENT : MDL_TRACE_DIFFERENTIAL;
        x.hmn.similarity = i & 4 ? MDL_DOT : MDL_COSINE;
        x.hmn.activation = i < 8 ? MDL_TANH : i < 16 ? MDL_SIGMOID : MDL_RELU;
        x.hmn.meta_period = 3;
        if (x.hmn.activation == MDL_RELU) /* keeps the loop gain of an unbounded f near 1 */
            x.hmn.weight_max = 0.5f;
        assert_true(run_pair(&x, 100 + i) > 0.1);
    }
}

/* Eq. (7): three estimates of the gradient, each run long enough for several
 * rounds of its stages; the offsets must have moved. */
static void test_meta_methods(void **state) {
    (void)state;
    for (int method = MDL_META_REINFORCE; method <= MDL_META_FINITE; method++)
        for (uint32_t window = 1; window <= 4; window += 3) {
            mdl_experiment x = hmn_experiment(2, 6, window);
            x.hmn.meta_method = (mdl_meta_method)method;
            x.hmn.meta_period = 2;
            pair p = open_pair(&x, 7, MDL_GENE_COUNT, 0.0f);
            for (uint32_t k = 0; k < STEPS / window; k++)
                step_pair(&p);
            assert_true(p.life->conductor.modulation[0].u[0] != 0.0f && p.life->conductor.modulation[0].u[1] != 0.0f);
            close_pair(&p);
        }
}

static void test_indirect_encoding(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 4; i++) {
        mdl_experiment x = hmn_experiment(3, 20, i & 1 ? 4 : 1);
        x.hmn.encoding = MDL_INDIRECT;
        x.hmn.similarity = i & 2 ? MDL_DOT : MDL_COSINE;
        x.network.motor_fan = 9;
        x.network.sensor_fan = 2;
        assert_true(run_pair(&x, 300 + i) > 0.1);
    }
}

/* More than 64 synapses a neuron: the draws of eq. (5) change their block. */
static void test_long_rows(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 90, 1);
    x.network.ring = 0;
    x.network.sources = 0;
    x.hmn.init_sd = 0.1f;
    assert_true(run_pair(&x, 400) > 0.1);
}

/* Whether two runs differ in any state, window by window. */
static int differ(const mdl_experiment *a, const mdl_experiment *b) {
    pair p = open_pair(a, 55, MDL_GENE_COUNT, 0.0f);
    void *memory;
    mdl_life *other = hmn_life(b, 1, NULL, &memory);
    /* The same genes, the layout of `b`: sections of mechanisms that are off are not there. */
    float *genome = calloc(other->layout.genes, sizeof *genome);
    const mdl_genome_layout *la = &p.life->layout, *lb = &other->layout;
    memcpy(genome + lb->weights, p.genome + la->weights, la->synapses * sizeof *genome);
    if (la->phases != UINT32_MAX && lb->phases != UINT32_MAX)
        memcpy(genome + lb->phases, p.genome + la->phases, la->synapses * sizeof *genome);
    if (la->gains != UINT32_MAX && lb->gains != UINT32_MAX)
        memcpy(genome + lb->gains, p.genome + la->gains, la->neurons * sizeof *genome);
    if (la->embeddings != UINT32_MAX && lb->embeddings != UINT32_MAX)
        memcpy(genome + lb->embeddings, p.genome + la->embeddings, (la->globals - la->embeddings) * sizeof *genome);
    memcpy(genome + lb->globals, p.genome + la->globals, (la->genes - la->globals) * sizeof *genome);
    mdl_life_genome(other, genome);
    hmn_scripted_begin(other, SCRIPT, KEY);
    bytebuf one = {0}, two = {0};
    int found = 0;
    for (uint32_t k = 0; k < STEPS / a->network.window && !found; k++) {
        hmn_scripted_window(p.life, SCRIPT);
        hmn_scripted_window(other, SCRIPT);
        hmn_save(p.life, &one);
        hmn_save(other, &two);
        assert_int_equal(one.size, two.size);
        found = memcmp(one.at, two.at, one.size) != 0;
    }
    free(one.at);
    free(two.at);
    free(genome);
    free(memory);
    close_pair(&p);
    return found;
}

/* One switch off among all others on; and one on among few others. Both agree
 * with the model, and on differs from off. A switch given to a gene equals the
 * switch that the gene's sign says. */
static void test_each_mechanism(void **state) {
    (void)state;
    for (uint32_t mech = 0; mech < MDL_MECH_COUNT; mech++) {
        for (uint32_t window = 1; window <= 4; window += 3) {
            mdl_experiment on = hmn_experiment(2, 6, window), off = on;
            off.hmn.mechanism[mech] = MDL_OFF;
            run_pair(&on, 55);
            run_pair(&off, 55);
            if (!differ(&on, &off))
                fail_msg("mechanism \"%s\": on and off give the same bytes", mdl_mechanism_key(mech));
        }
        mdl_experiment few = hmn_experiment(2, 6, 1);
        memset(few.hmn.mechanism, MDL_OFF, sizeof few.hmn.mechanism);
        few.hmn.mechanism[MDL_MECH_PLASTICITY] = few.hmn.mechanism[MDL_MECH_FAST_TRACE] = MDL_ON;
        few.hmn.mechanism[MDL_MECH_GLOBAL_TERM] = few.hmn.mechanism[mech] = MDL_ON;
        run_pair(&few, 56);

        mdl_experiment gene = hmn_experiment(2, 6, 1), fixed = gene;
        gene.hmn.mechanism[mech] = MDL_GENE;
        for (int sign = -1; sign <= 1; sign += 2) {
            pair p = open_pair(&gene, 57, MDL_GENE_COUNT, 0.0f);
            p.genome[p.life->layout.switches] = 0.5f * (float)sign;
            mdl_life_genome(p.life, p.genome);
            fixed.hmn.mechanism[mech] = sign > 0 ? MDL_ON : MDL_OFF;
            mdl_params params;
            mdl_genome_layout l;
            assert_int_equal(mdl_genome_layout_of(&fixed, &l), MDL_OK);
            float *genome = hmn_genome(&fixed, 57);
            mdl_genome_decode(&fixed, &l, genome, &params);
            assert_int_equal(p.life->params.on, params.on);
            free(genome);
            close_pair(&p);
        }
    }
}

/* Eq. (4): a synapse half a turn away from Phi never learns, one in phase always does. */
static void test_phase_gate_closes(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 6, 1);
    x.hmn.mechanism[MDL_MECH_PROBABILISTIC] = x.hmn.mechanism[MDL_MECH_PLASTICITY_GATE] = MDL_OFF;
    for (int away = 0; away <= 1; away++) {
        pair p = open_pair(&x, 60, MDL_GENE_OMEGA, 0.0f);
        for (uint32_t i = 0; i < p.life->layout.synapses; i++) /* phi_0 is -0.2 half turns */
            p.genome[p.life->layout.phases + i] = -0.2f + (float)away;
        mdl_life_genome(p.life, p.genome);
        hmn_scripted_begin(p.life, SCRIPT, KEY);
        for (uint32_t k = 0; k < STEPS; k++)
            hmn_scripted_window(p.life, SCRIPT);
        const mdl_hmn_region *r = mdl_shard_at(&p.life->shard[0], 0);
        double moved = 0.0;
        for (size_t c = 0; c < r->shape.cells; c++)
            moved += fabs((double)r->w[c] - (double)r->w0[c]);
        if (away)
            assert_true(moved == 0.0);
        else
            assert_true(moved > 1.0);
        close_pair(&p);
    }
}

/* A life in a real task: mdl_life_window beside the model, the task's views given to both. */
static void test_life_in_a_task(void **state) {
    (void)state;
    for (uint32_t window = 1; window <= 4; window += 3) {
        mdl_experiment x = hmn_experiment(2, 6, window);
        float *genome = hmn_genome(&x, 77);
        void *memory;
        mdl_life *l = hmn_life(&x, 2, NULL, &memory);
        mdl_life_genome(l, genome);
        mdl_life_begin(l, 99, 1, 0);
        model *m = model_open(&x, genome, mdl_key(99, 6, 0, 0, 0), STEPS, &l->conductor.task.out);
        for (uint32_t k = 0; k < STEPS / window; k++) {
            assert_true(mdl_life_window(l));
            assert_int_equal(l->conductor.action[0], model_window(m));
            compare_neurons(l, m);
            for (uint32_t i = 0; i < x.network.motors; i++)
                check("motor readout", k, (double)l->conductor.out[0].motor[i], m->neuron[x.network.neurons[0] + i].a);
            model_next(m, &l->conductor.task.out);
            compare_modulation(&l->conductor.modulation[0], m);
        }
        model_close(m);
        free(memory);
        free(genome);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_choices),       cmocka_unit_test(test_meta_methods),
        cmocka_unit_test(test_indirect_encoding), cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_each_mechanism),    cmocka_unit_test(test_phase_gate_closes),
        cmocka_unit_test(test_life_in_a_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
