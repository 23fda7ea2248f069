/* HMN once more, in binary64 and as plainly as the paper has it: every synapse
 * is a struct, every past activation is kept, x_i(t - tau_ij) is looked up in
 * that history, exp, cos and pow are libm's. With core it shares the genome, the
 * wiring (mdl_wire_row, mdl_export_set) and the random words (mdl_philox), and
 * no other function. For tests: memory comes from malloc, errors abort. */
#ifndef MDL_TESTS_SUPPORT_HMN_MODEL_H
#define MDL_TESTS_SUPPORT_HMN_MODEL_H

#include "core/experiment.h"
#include "core/genome.h"
#include "core/task.h"

typedef struct model_synapse {
    enum { FROM_CONSTANT, FROM_SENSOR, FROM_NEURON } kind;
    uint32_t from, delay;
    double w, phi;             /* phi in turns                                 */
    double fast, slow;         /* eq. (2), differential form                   */
    double event;              /* eq. (2), event form: x z of the last event, */
    uint32_t event_at;         /* and when it was, in completed steps          */
    double u[2], v[2];         /* h_i = u x_i + v                              */
    double trace, alpha, p, d; /* e_ij, alpha_ij, P_ij, and the change of w applied in the last step completed */
} model_synapse;

typedef struct model_neuron {
    uint32_t region, index, hidden, fan;
    model_synapse *synapse;
    double gain, a, z, bias, mean, c[2], value, feature;
    double *history; /* z by step */
} model_neuron;

typedef struct model {
    const mdl_experiment *x;
    int on[MDL_MECH_COUNT];
    double gene[MDL_GENE_COUNT];
    uint64_t key;
    uint32_t neurons, first[MDL_REGIONS_MAX]; /* of each region in neuron[] */
    model_neuron *neuron;
    double sensor[MDL_OBS_MAX], sensor_mean[MDL_OBS_MAX], novelty;
    double sensor_history[MDL_OBS_MAX][1024];
    uint32_t t, wiped_at, completed, steps_max;
    /* Modulatory state. */
    mdl_task_out out, before;
    uint32_t window, action;
    double e[3], gamma[3], g, g_prime, c_global, eta_local, eta_global, permit, drop, v, reward_mean, variance;
    double meta_u[2], meta_d[2], meta_sum, meta_base, meta_first;
    uint32_t meta_count, meta_stage;
} model;

/* `steps` (at most 1024): how many will be run. */
model *model_open(const mdl_experiment *x, const float *genome, uint64_t noise_key, uint32_t steps,
                  const mdl_task_out *out);
void model_close(model *m);
/* Run the window whose view was given last, and choose the action. */
uint32_t model_window(model *m);
/* The view of the window after it. */
void model_next(model *m, const mdl_task_out *out);

#endif
