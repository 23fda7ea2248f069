/* Neuraxon once more, in binary64 and as plainly as SPEC 13 has it: every
 * synapse is a struct, every past state is kept and x_i(t - tau_ij) is looked up
 * in that history, exp and cos are libm's. With core it shares the genome, the
 * wiring (mdl_wire_row, mdl_export_set), the random words (mdl_philox) and the
 * modulatory state, which it is handed. For tests: memory comes from malloc,
 * errors abort. */
#ifndef MDL_TESTS_SUPPORT_NEURAXON_MODEL_H
#define MDL_TESTS_SUPPORT_NEURAXON_MODEL_H

#include "core/lever.h"
#include "core/modulation.h"

enum { NX_STEPS = 1024 };

typedef struct nx_synapse {
    uint32_t source, delay; /* source number of the region (SPEC 5.1) */
    int recurrent, forward, back, modulatory, silent, dead, formed;
    double w0, meta0, fast, slow, meta, e, integrity;
} nx_synapse;

typedef struct nx_neuron {
    uint32_t fan;
    nx_synapse *synapse;
    double above, below, tau, place, scatter;
    double v, z, trace, adapt, autor, lag, brake, value, feature;
} nx_neuron;

typedef struct nx_region {
    mdl_shape shape;
    nx_neuron *neuron;
    double (*x)[NX_STEPS], (*pre)[NX_STEPS]; /* [sources] by step */
    double gain, in_force, sums[5];          /* n, x, y, xx, xy    */
    double before;                           /* -1: none known     */
    uint32_t pairs;
} nx_region;

typedef struct nx_model {
    const mdl_experiment *x;
    int on[MDL_NX_COUNT], shared[MDL_MECH_COUNT];
    double gene[MDL_NEURAXON_GENE_COUNT], noise, critic_rate;
    uint64_t key;
    nx_region *region;
    uint32_t t;
} nx_model;

nx_model *nx_open(const mdl_experiment *x, const float *genome, uint64_t noise_key);
void nx_close(nx_model *m);
/* The window that `state` describes; `levers` of each region, NULL: none;
 * dopamine, serotonin, arousal as in the completion of SPEC 13.4. */
void nx_window(nx_model *m, const mdl_modulation *state, const float *obs, const mdl_levers *levers, double dopamine,
               double serotonin, double rate_factor, double arousal);

#endif
