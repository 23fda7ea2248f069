/* The inner loops of HMN: eqs. (2)-(5), (8), (9) of one step over all rows of a
 * region, and eq. (1) of the next. One portable source, core/hmn_kernel.c, is
 * compiled once per instruction set; every build gives the same bytes. */
#ifndef MDL_CORE_HMN_KERNEL_H
#define MDL_CORE_HMN_KERNEL_H

#include "core/hmn_region.h"

/* What is the same for all synapses in a step's completion. */
typedef struct mdl_completion {
    uint32_t step;              /* the step completed                         */
    float eta;                  /* eta_local + eta_global G', gated           */
    float cos_phase, sin_phase; /* of Phi(step)                               */
} mdl_completion;

typedef struct mdl_kernel {
    const char *name;
    /* Traces, attention, gate, application: rows of neurons; reads r->post and
     * r->context (already updated for `step`), writes w, fast, slow. */
    void (*complete)(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c);
    /* Eq. (1) of step t: writes r->a and r->z, motors included. `drop`: the
     * dropout probability of hidden neurons. */
    void (*activate)(mdl_hmn_region *r, const mdl_params *p, uint32_t t, float drop);
} mdl_kernel;

/* Number of kernels that this build has and this CPU can run; 0 is portable,
 * the last is the fastest. */
uint32_t mdl_kernel_count(void);
const mdl_kernel *mdl_kernel_get(uint32_t i);
const mdl_kernel *mdl_kernel_best(void);

/* Bound of relu activations. */
#define MDL_RELU_MAX 64.0f

/* Counter words of the draws of a network (SPEC 6.4): (neuron or lane..., region,
 * step, draw). */
enum {
    MDL_DRAW_NEURON = 1,  /* words 0, 1: noise of eq. (1); 2: dropout        */
    MDL_DRAW_WEIGHT = 2,  /* indirect genomes: words 0, 1: a weight's normal, 2: its phase */
    MDL_DRAW_SYNAPSE = 16 /* + slot group of 64: eq. (5); counter 0 is the lane,
                             in its upper bits the neuron                   */
};

#endif
