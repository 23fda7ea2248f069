/* The inner loops of HMN: eqs. (2)-(5), (8), (9) of one step over all rows of a
 * region, and eq. (1) of the next. core/hmn_kernel.c is portable and the
 * definition; core/hmn_kernel_vec.c, on core/vec16.h, is compiled once per
 * instruction set. Every kernel gives the same bytes. */
#ifndef MDL_CORE_HMN_KERNEL_H
#define MDL_CORE_HMN_KERNEL_H

#include "core/hmn_region.h"
#include "core/num.h"

/* What is the same for all synapses in a step's completion. */
typedef struct mdl_completion {
    uint32_t step;              /* the step completed                         */
    float eta;                  /* eta_local + eta_global G', gated           */
    float cos_phase, sin_phase; /* of Phi(step)                               */
} mdl_completion;

/* One instruction set's functions. Every kernel leaves the same bytes. */
typedef struct mdl_kernel {
    const char *name;
    /* Contexts of all neurons from r->post; with adaptive biases means and biases
     * of the hidden ones from r->z: first part of a step's completion. */
    void (*neurons)(mdl_hmn_region *r, const mdl_params *p);
    /* Critic: values move by rate times feature, features become r->z. */
    void (*values)(mdl_hmn_region *r, float rate);
    /* Traces, attention, gate, application: rows of neurons; reads r->post and
     * r->context (already updated for `step`), writes w, fast, slow. */
    void (*complete)(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c);
    /* Eq. (1) of step t: writes r->a and r->z, motors included. `drop`: the
     * dropout probability of hidden neurons. */
    void (*activate)(mdl_hmn_region *r, const mdl_params *p, uint32_t t, float drop);
    /* The same under the modulators' levers (core/hmn_levers.h); writes r->lag too. */
    void (*levered)(mdl_hmn_region *r, const mdl_params *p, const mdl_levers *hold, uint32_t t, float drop);
    /* complete(c), then activate(c->step + 1), in one pass. */
    void (*step)(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c, float drop);
    /* Activity x[count] of step t of sources `first` and on, with its embedding,
     * into the delay line. Steps of a source are put in order. */
    void (*put)(mdl_hmn_region *r, const mdl_params *p, uint32_t t, uint32_t first, uint32_t count, const float *x);
    /* Novelty of a window's observations: r->novelty, r->sensor_mean. */
    void (*sense)(mdl_hmn_region *r, const mdl_params *p, const float *obs);
    /* Activity, novelty and with `critic` value, added to `sum`. */
    void (*partials)(const mdl_hmn_region *r, int critic, mdl_partials *sum);
    mdl_levers_fn *levers;                /* mdl_levers_of */
    const struct mdl_lanes_kernel *lanes; /* lives side by side (core/lanes.h), or NULL */
} mdl_kernel;

/* Number of kernels that this build has and this CPU can run; 0 is portable,
 * the last is the fastest. */
uint32_t mdl_kernel_count(void);
const mdl_kernel *mdl_kernel_get(uint32_t i);
const mdl_kernel *mdl_kernel_best(void);

/* What kernels ask of a CPU: AVX2 with BMI; FMA; AVX-512 F, VL, BW, DQ, CD; NEON. */
enum { MDL_CPU_AVX2 = 1, MDL_CPU_FMA = 2, MDL_CPU_AVX512 = 4, MDL_CPU_NEON = 8, MDL_CPU_ALL = 15 };
/* What this CPU has of what this build can use. */
uint32_t mdl_cpu_features(void);
/* "avx2" for bit 0 and so on; NULL past the last. */
const char *mdl_cpu_feature_name(uint32_t i);
/* The fastest kernel that asks for nothing but `features` (and runs on this CPU). */
const mdl_kernel *mdl_kernel_with(uint32_t features);

/* Bounds of relu activations, of adaptive biases, of critic weights. */
#define MDL_RELU_MAX 64.0f
#define MDL_BIAS_MAX 4.0f
#define MDL_CRITIC_MAX 8.0f
/* Weight of the newest activation in the running mean of homeostasis. */
#define MDL_MEAN_RATE 0.01f

/* Counter words of the draws of a network (SPEC 6.4): (neuron or lane..., region,
 * step, draw). */
enum {
    MDL_DRAW_NEURON = 1,  /* words 0, 1: noise of eq. (1); 2: dropout        */
    MDL_DRAW_WEIGHT = 2,  /* indirect genomes: words 0, 1: a weight's normal, 2: its phase */
    MDL_DRAW_SYNAPSE = 16 /* + slot group of 64: eq. (5); counter 0 is the lane,
                             in its upper bits the neuron                   */
};

/* The same loops for all kernels, here so that each compiles them for its
 * instruction set. */
/* Deviation of the window's sensors from their running means, summed exactly. */
static inline void mdl_hmn_sense(mdl_hmn_region *r, const mdl_params *p, const float *obs) {
    r->novelty = 0;
    for (uint32_t i = 0; i + 1 < r->shape.sensors; i++) {
        float d = obs[i] - r->sensor_mean[i];
        r->novelty += mdl_fix(d * d);
        r->sensor_mean[i] = mdl_flushf(mdl_fmaf(p->rho_novelty, d, r->sensor_mean[i]));
    }
}

/* Modulo 2^64, so that even 2^22 neurons at the bounds of value and relu give
 * the same bits in any order. */
static inline void mdl_hmn_partials(const mdl_hmn_region *r, int critic, mdl_partials *sum) {
    uint64_t activity = (uint64_t)sum->activity, value = (uint64_t)sum->value;
    for (uint32_t j = 0; j < r->shape.neurons; j++)
        activity += (uint64_t)mdl_fix(r->z[j]);
    for (uint32_t j = 0; critic && j < r->shape.neurons; j++)
        value += (uint64_t)mdl_fix(r->value[j] * r->z[j]);
    sum->activity = (int64_t)activity;
    sum->value = (int64_t)value;
    sum->novelty = (int64_t)((uint64_t)sum->novelty + (uint64_t)r->novelty);
}

#endif
