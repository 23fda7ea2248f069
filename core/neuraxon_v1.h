/* The public Neuraxon v1 (neuraxon.py), stepped in binary64 in its own order of
 * operations, so that states, potentials and weights have the same bits. SPEC
 * chapter 11, which also says what v1's files do not hold.
 *
 * v1 draws from Python's generator. Here every draw fails, as it does in v1
 * when its parameter is 0; the two draws without such a parameter are counted.
 *
 * Memory is the caller's. Pure; nothing here fails. Products and sums round one
 * by one (contraction off); there is no function but + - * / and comparisons.
 * Values may leave the finite range where the parameters are unstable, and then
 * they are the infinities and NaN that Python has. */
#ifndef MDL_CORE_NEURAXON_V1_H
#define MDL_CORE_NEURAXON_V1_H

#include <stddef.h>
#include <stdint.h>

enum { MDL_NEURAXON_V1_NEURONS_MAX = 1 << 16, MDL_NEURAXON_V1_MODULATORS = 4 };

/* X(name, v1's default, kind): NUMBER any; DIVISOR not 0; INITIAL is read by
 * no step. Names are those of v1's file. */
#define MDL_NEURAXON_V1_PARAMETERS(X)                                                                                  \
    X(connection_probability, 0.05, INITIAL)                                                                           \
    X(membrane_time_constant, 20.0, DIVISOR)                                                                           \
    X(firing_threshold_excitatory, 1.0, NUMBER)                                                                        \
    X(firing_threshold_inhibitory, -1.0, NUMBER)                                                                       \
    X(adaptation_rate, 0.05, INITIAL)                                                                                  \
    X(spontaneous_firing_rate, 0.01, NUMBER)                                                                           \
    X(neuron_health_decay, 0.001, NUMBER)                                                                              \
    X(tau_fast, 5.0, DIVISOR)                                                                                          \
    X(w_fast_init_min, -1.0, INITIAL)                                                                                  \
    X(w_fast_init_max, 1.0, INITIAL)                                                                                   \
    X(tau_slow, 50.0, DIVISOR)                                                                                         \
    X(w_slow_init_min, -0.5, INITIAL)                                                                                  \
    X(w_slow_init_max, 0.5, INITIAL)                                                                                   \
    X(tau_meta, 1000.0, DIVISOR)                                                                                       \
    X(w_meta_init_min, -0.3, INITIAL)                                                                                  \
    X(w_meta_init_max, 0.3, INITIAL)                                                                                   \
    X(learning_rate, 0.01, NUMBER)                                                                                     \
    X(stdp_window, 20.0, DIVISOR)                                                                                      \
    X(synapse_integrity_threshold, 0.1, NUMBER)                                                                        \
    X(synapse_formation_prob, 0.05, NUMBER)                                                                            \
    X(synapse_death_prob, 0.01, NUMBER)                                                                                \
    X(neuron_death_threshold, 0.1, NUMBER)                                                                             \
    X(dopamine_baseline, 0.1, NUMBER)                                                                                  \
    X(serotonin_baseline, 0.1, NUMBER)                                                                                 \
    X(acetylcholine_baseline, 0.1, NUMBER)                                                                             \
    X(norepinephrine_baseline, 0.1, NUMBER)                                                                            \
    X(neuromod_decay_rate, 0.1, NUMBER)                                                                                \
    X(dt, 1.0, NUMBER)

typedef struct mdl_neuraxon_v1_params {
    uint32_t num_input_neurons, num_hidden_neurons, num_output_neurons;
    uint32_t simulation_steps; /* what v1's own program would run; no step reads it */
#define X(name, value, kind) double name;
    MDL_NEURAXON_V1_PARAMETERS(X)
#undef X
} mdl_neuraxon_v1_params;

/* Order of mdl_neuraxon_v1.level; the names are in mdl_neuraxon_v1_modulator. */
typedef enum mdl_neuraxon_v1_level {
    MDL_NEURAXON_V1_DOPAMINE,
    MDL_NEURAXON_V1_SEROTONIN,
    MDL_NEURAXON_V1_ACETYLCHOLINE,
    MDL_NEURAXON_V1_NOREPINEPHRINE
} mdl_neuraxon_v1_level;

extern const char *const mdl_neuraxon_v1_modulator[MDL_NEURAXON_V1_MODULATORS];

typedef struct mdl_neuraxon_v1_neuron {
    double membrane, adaptation, autoreceptor, health;
    double external;             /* current of the next step alone        */
    double synaptic, modulatory; /* sums of one step; of no meaning after */
    int8_t state;                /* -1, 0, 1                              */
    uint8_t active;              /* 0: dead; v1 keeps its state for good  */
} mdl_neuraxon_v1_neuron;

typedef struct mdl_neuraxon_v1_synapse {
    double w_fast, w_slow, w_meta, integrity, pre_trace, post_trace;
    uint32_t pre, post; /* indices of neurons */
    uint8_t silent, modulatory;
} mdl_neuraxon_v1_synapse;

typedef struct mdl_neuraxon_v1 {
    mdl_neuraxon_v1_params params;
    uint32_t neuron_count, synapse_count;
    mdl_neuraxon_v1_neuron *neuron;   /* inputs, hidden, outputs                   */
    mdl_neuraxon_v1_synapse *synapse; /* in v1's list order, the order of all sums */
    double level[MDL_NEURAXON_V1_MODULATORS];
    double time;
    uint64_t step_count;
    /* Draws that v1 would have made, with no parameter to switch them off. */
    uint64_t unsilence_draws; /* a silent synapse between two excited neurons; chance 0.01 */
    uint64_t death_draws;     /* a hidden neuron below neuron_death_threshold; 0.001       */
    uint32_t death_neuron;    /* the first such neuron                                     */
} mdl_neuraxon_v1;

/* Every parameter at v1's default. */
void mdl_neuraxon_v1_defaults(mdl_neuraxon_v1_params *params);

/* The name of the first parameter that lets v1's random draws act in every
 * step, with its `*value`; NULL when none does. neuron_death_threshold is not
 * among them: it acts only once death_draws is above 0. */
const char *mdl_neuraxon_v1_random(const mdl_neuraxon_v1_params *params, double *value);

/* v1's modulate(): the level clamped to 0..1. */
void mdl_neuraxon_v1_modulate(mdl_neuraxon_v1 *n, mdl_neuraxon_v1_level which, double level);

/* v1's set_input_states() for one input, 0..num_input_neurons-1: state -1, 0 or
 * 1, and the membrane potential that times the excitatory threshold. */
void mdl_neuraxon_v1_set_input(mdl_neuraxon_v1 *n, uint32_t input, int state);

/* v1's simulate_step(). Takes the external currents and sets them to 0. Dead
 * synapses leave the list; the others keep their order. SPEC 11.2. */
void mdl_neuraxon_v1_step(mdl_neuraxon_v1 *n);

#endif
