/* One step of v1's neurons and synapses against the vectors of SPEC 11, and
 * every branch that a whole run may miss. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/neuraxon_v1.h"
#include "core/num.h"
#include "tests/support/vectors.h"

enum { NEURONS = 3, SYNAPSES = 3 };

typedef struct fixture {
    mdl_neuraxon_v1 n;
    mdl_neuraxon_v1_neuron neuron[NEURONS];
    mdl_neuraxon_v1_synapse synapse[SYNAPSES];
} fixture;

/* An input, a hidden neuron and an output, at rest, nothing random, no synapse. */
static void rest(fixture *f) {
    memset(f, 0, sizeof *f);
    mdl_neuraxon_v1_defaults(&f->n.params);
    f->n.params.num_input_neurons = f->n.params.num_hidden_neurons = f->n.params.num_output_neurons = 1;
    f->n.params.spontaneous_firing_rate = f->n.params.synapse_formation_prob = f->n.params.neuron_death_threshold = 0;
    f->n.neuron_count = NEURONS;
    f->n.neuron = f->neuron;
    f->n.synapse = f->synapse;
    for (int i = 0; i < NEURONS; i++)
        f->neuron[i] = (mdl_neuraxon_v1_neuron){.health = 1.0, .active = 1};
    for (int i = 0; i < MDL_NEURAXON_V1_MODULATORS; i++)
        f->n.level[i] = 0.1;
}

static mdl_neuraxon_v1_synapse *connect(fixture *f, uint32_t pre, uint32_t post, double w_fast) {
    mdl_neuraxon_v1_synapse *s = &f->synapse[f->n.synapse_count++];
    *s = (mdl_neuraxon_v1_synapse){.w_fast = w_fast, .integrity = 1.0, .pre = pre, .post = post};
    return s;
}

static void assert_bits(double got, double wanted) {
    if (mdl_double_bits(got) != mdl_double_bits(wanted))
        fail_msg("%a, not %a", got, wanted);
}

static void neuron_case(void *ctx, size_t count, char **field) {
    fixture f;
    (void)ctx;
    assert_int_equal(count, 13);
    rest(&f);
    f.neuron[0] = (mdl_neuraxon_v1_neuron){.membrane = vectors_f64(field[0]),
                                           .adaptation = vectors_f64(field[1]),
                                           .autoreceptor = vectors_f64(field[2]),
                                           .state = (int8_t)vectors_i64(field[3]),
                                           .health = vectors_f64(field[4]),
                                           .external = vectors_f64(field[5]),
                                           .active = 1};
    f.n.level[MDL_NEURAXON_V1_ACETYLCHOLINE] = vectors_f64(field[6]);
    f.n.params.dt = vectors_f64(field[7]);
    mdl_neuraxon_v1_step(&f.n);
    assert_bits(f.neuron[0].membrane, vectors_f64(field[8]));
    assert_bits(f.neuron[0].adaptation, vectors_f64(field[9]));
    assert_bits(f.neuron[0].autoreceptor, vectors_f64(field[10]));
    assert_int_equal(f.neuron[0].state, vectors_i64(field[11]));
    assert_bits(f.neuron[0].health, vectors_f64(field[12]));
    assert_bits(f.neuron[0].external, 0.0); /* for one step only */
}

static void synapse_case(void *ctx, size_t count, char **field) {
    fixture f;
    (void)ctx;
    assert_int_equal(count, 17);
    rest(&f);
    f.n.synapse_count = 1;
    f.n.params.synapse_integrity_threshold = 0;
    f.synapse[0] = (mdl_neuraxon_v1_synapse){.w_fast = vectors_f64(field[0]),
                                             .w_slow = vectors_f64(field[1]),
                                             .w_meta = vectors_f64(field[2]),
                                             .integrity = vectors_f64(field[3]),
                                             .pre_trace = vectors_f64(field[4]),
                                             .post_trace = vectors_f64(field[5]),
                                             .pre = 0,
                                             .post = 1};
    for (int i = 0; i < 2; i++) /* far above or below its thresholds */
        f.neuron[i].external = 1000.0 * (double)vectors_i64(field[6 + i]);
    f.n.level[MDL_NEURAXON_V1_DOPAMINE] = vectors_f64(field[8]);
    f.n.level[MDL_NEURAXON_V1_SEROTONIN] = vectors_f64(field[9]);
    f.n.params.dt = vectors_f64(field[10]);
    mdl_neuraxon_v1_step(&f.n);
    for (int i = 0; i < 2; i++)
        assert_int_equal(f.neuron[i].state, vectors_i64(field[6 + i]));
    const double got[6] = {f.synapse[0].w_fast,    f.synapse[0].w_slow,    f.synapse[0].w_meta,
                           f.synapse[0].integrity, f.synapse[0].pre_trace, f.synapse[0].post_trace};
    for (int i = 0; i < 6; i++)
        assert_bits(got[i], vectors_f64(field[11 + i]));
}

static void neurons_and_synapses_follow_the_vectors(void **state) {
    (void)state;
    assert_true(vectors_load("neuraxon-v1-neuron", neuron_case, NULL) >= 4);
    assert_true(vectors_load("neuraxon-v1-synapse", synapse_case, NULL) >= 4);
}

/* The potential of neuron 1 after one step at rest with one synapse from the excited neuron 0. */
static double drive(fixture *f) {
    mdl_neuraxon_v1_set_input(&f->n, 0, 1);
    assert_bits(f->neuron[0].membrane, f->n.params.firing_threshold_excitatory);
    mdl_neuraxon_v1_step(&f->n);
    return f->neuron[1].membrane;
}

static void only_live_loud_synapses_of_live_neurons_drive(void **state) {
    (void)state;
    fixture f;
    rest(&f);
    connect(&f, 0, 1, 0.5);
    assert_bits(drive(&f), 1.0 / 20.0 * 0.5);
    rest(&f);
    connect(&f, 0, 1, 0.5)->silent = 1;
    assert_bits(drive(&f), 0.0);
    rest(&f);
    connect(&f, 0, 1, 0.5)->integrity = 0;
    assert_bits(drive(&f), 0.0);
    assert_int_equal(f.n.synapse_count, 0);
    rest(&f);
    connect(&f, 0, 1, 0.5);
    f.neuron[0].active = 0;
    assert_bits(drive(&f), 0.0);
    assert_bits(f.synapse[0].w_fast, 0.5); /* rests with a dead end */
    rest(&f);
    connect(&f, 0, 1, 0.5);
    f.neuron[1].active = 0;
    f.neuron[1].state = -1;
    assert_bits(drive(&f), 0.0);
    assert_int_equal(f.neuron[1].state, -1);
    assert_bits(f.synapse[0].w_fast, 0.5);
}

/* Currents add in the order of the list: here the order decides the last bit. */
static void sums_run_in_list_order(void **state) {
    (void)state;
    for (int swap = 0; swap < 2; swap++) {
        fixture f;
        rest(&f);
        const double w[2][3] = {{1.0, 0x1p-53, 0x1p-53}, {0x1p-53, 0x1p-53, 1.0}};
        for (int i = 0; i < 3; i++)
            connect(&f, 0, 1, w[swap][i]);
        f.n.params.membrane_time_constant = 1.0;
        assert_bits(drive(&f), swap ? 1.0 + 0x1p-52 : 1.0);
    }
}

/* w_meta shifts the thresholds, of a silent synapse too, and whatever the sender's state. */
static void modulatory_synapses_shift_thresholds(void **state) {
    (void)state;
    for (int silent = 0; silent < 2; silent++) {
        fixture f;
        rest(&f);
        mdl_neuraxon_v1_synapse *s = connect(&f, 0, 1, 0.0);
        s->silent = (uint8_t)silent;
        s->w_meta = 0.5;
        f.neuron[1].membrane = 1.14; /* v1's threshold at these levels is 1.2 */
        mdl_neuraxon_v1_step(&f.n);
        assert_int_equal(f.neuron[1].state, 0);
        f.neuron[1].membrane = 1.14;
        f.synapse[0].w_meta = 0.5;
        f.synapse[0].modulatory = 1;
        mdl_neuraxon_v1_step(&f.n);
        assert_int_equal(f.neuron[1].state, 1); /* 1.083 > 1.2 - 0.15 */
    }
}

static void dead_synapses_leave_and_frozen_ones_stay(void **state) {
    (void)state;
    fixture f;
    rest(&f);
    connect(&f, 0, 1, 0.0)->integrity = 0.105; /* weak: loses 0.01 */
    connect(&f, 1, 2, 0.7);
    connect(&f, 2, 1, 0.0)->integrity = 0.5;
    mdl_neuraxon_v1_step(&f.n);
    assert_int_equal(f.n.synapse_count, 2);
    assert_int_equal(f.synapse[0].pre, 1);
    assert_int_equal(f.synapse[1].pre, 2);
    assert_bits(f.synapse[1].integrity, 0.5 - 0.01 * 1.0);
    rest(&f);
    f.n.params.synapse_integrity_threshold = -1;
    connect(&f, 0, 1, 0.5)->integrity = -0.5; /* neither used nor learnt nor taken out */
    assert_bits(drive(&f), 0.0);
    assert_int_equal(f.n.synapse_count, 1);
    assert_bits(f.synapse[0].w_fast, 0.5);
}

static void weights_clamp_as_in_python(void **state) {
    (void)state;
    fixture f;
    rest(&f);
    f.n.params.tau_fast = f.n.params.tau_slow = f.n.params.tau_meta = -0.5; /* grows */
    mdl_neuraxon_v1_synapse *s = connect(&f, 0, 1, 0.9);
    s->w_slow = -0.9;
    s->w_meta = -0.4;
    mdl_neuraxon_v1_step(&f.n);
    assert_bits(s->w_fast, 1.0);
    assert_bits(s->w_slow, -1.0);
    assert_bits(s->w_meta, -0.5);
    s->w_fast = NAN; /* min(1, NaN) is 1 */
    mdl_neuraxon_v1_step(&f.n);
    assert_bits(s->w_fast, 1.0);
    mdl_neuraxon_v1_modulate(&f.n, MDL_NEURAXON_V1_SEROTONIN, -0.0);
    assert_bits(f.n.level[MDL_NEURAXON_V1_SEROTONIN], 0.0);
    mdl_neuraxon_v1_modulate(&f.n, MDL_NEURAXON_V1_SEROTONIN, 7.0);
    assert_bits(f.n.level[MDL_NEURAXON_V1_SEROTONIN], 1.0);
    mdl_neuraxon_v1_step(&f.n);
    assert_bits(f.n.level[MDL_NEURAXON_V1_SEROTONIN], 1.0 + (0.1 - 1.0) * 0.1 * 1.0 / 100.0);
    assert_bits(f.n.level[MDL_NEURAXON_V1_DOPAMINE], 0.1);
}

static void draws_are_named_and_counted(void **state) {
    (void)state;
    fixture f;
    double value = 0;
    rest(&f);
    assert_null(mdl_neuraxon_v1_random(&f.n.params, &value));
    f.n.params.synapse_formation_prob = 0.25;
    assert_string_equal(mdl_neuraxon_v1_random(&f.n.params, &value), "synapse_formation_prob");
    assert_true(value == 0.25);
    f.n.params.spontaneous_firing_rate = 0.5;
    assert_string_equal(mdl_neuraxon_v1_random(&f.n.params, &value), "spontaneous_firing_rate");
    assert_true(value == 0.5);
    rest(&f);
    f.neuron[0].external = f.neuron[1].external = 1000;
    connect(&f, 0, 1, 0.5)->silent = 1;
    mdl_neuraxon_v1_step(&f.n);
    assert_int_equal(f.n.unsilence_draws, 1);
    assert_int_equal(f.n.death_draws, 0);
    assert_int_equal(f.synapse[0].silent, 1);
    rest(&f);
    for (int i = 0; i < NEURONS; i++)
        f.neuron[i].health = 0.0005; /* at rest it loses 0.001; only the hidden one may die */
    mdl_neuraxon_v1_step(&f.n);
    assert_int_equal(f.n.death_draws, 1);
    assert_int_equal(f.n.death_neuron, 1);
    assert_int_equal(f.neuron[1].active, 1);
    assert_int_equal(f.n.step_count, 1);
    assert_bits(f.n.time, 1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neurons_and_synapses_follow_the_vectors),
        cmocka_unit_test(only_live_loud_synapses_of_live_neurons_drive),
        cmocka_unit_test(sums_run_in_list_order),
        cmocka_unit_test(modulatory_synapses_shift_thresholds),
        cmocka_unit_test(dead_synapses_leave_and_frozen_ones_stay),
        cmocka_unit_test(weights_clamp_as_in_python),
        cmocka_unit_test(draws_are_named_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
