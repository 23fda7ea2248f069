/* The inner loops of Neuraxon. core/neuraxon_kernel.c is portable and the
 * definition; core/neuraxon_kernel_vec.c, on core/vec16.h, is compiled once per
 * instruction set. Every kernel gives the same bytes. */
#ifndef MDL_CORE_NEURAXON_KERNEL_H
#define MDL_CORE_NEURAXON_KERNEL_H

#include "core/lever.h"
#include "core/neuraxon_region.h"

/* What is the same for all synapses in a completion. */
typedef struct mdl_neuraxon_completion {
    uint32_t step;
    float rate;      /* of all weight changes                          */
    float serotonin; /* what w_meta gets from it                       */
    int sum;         /* r->input of the step after too, where that step is plain */
} mdl_neuraxon_completion;

/* What is the same for all neurons in a step. */
typedef struct mdl_neuraxon_step {
    uint32_t step;
    float sigma;    /* of the noise                                   */
    float cos, sin; /* of the rhythms, amplitude included             */
    float offset;   /* added to both thresholds                       */
    int plain;      /* cells carry their weights: r->w for r->carry   */
    int summed;     /* r->input is this step's already                */
} mdl_neuraxon_step;

typedef struct mdl_neuraxon_kernel {
    const char *name;
    /* Eligibility and weights of all rows: reads r->post and r->trace. */
    void (*learn)(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_neuraxon_completion *c,
                  float weight_max);
    /* Inhibitory gains from the currents of step t, the last of a window. */
    void (*balance)(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t);
    /* r->carry and r->shift from weights, flags, gains and levers; not for a
     * window of plain steps. */
    void (*prepare)(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h);
    /* One step of all neurons: r->input to r->readout. */
    void (*step)(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h, const mdl_neuraxon_step *s);
    /* mdl_neuraxon_put of x[count], from source `first` on: sensors, or others. */
    void (*put)(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t, uint32_t first, uint32_t count,
                const float *x);
    /* The region's part of the sums over neurons, added to *sum modulo 2^64. */
    void (*partials)(const mdl_neuraxon_region *r, int critic, mdl_partials *sum);
    mdl_levers_fn *levers;                /* mdl_levers_of */
    const struct mdl_lanes_kernel *lanes; /* lives side by side (core/lanes.h), or NULL */
} mdl_neuraxon_kernel;

/* The kernel for the same instruction set as `kernel`. */
const mdl_neuraxon_kernel *mdl_neuraxon_kernel_of(const struct mdl_kernel *kernel);

#define MDL_NEURAXON_V_MAX 1024.0f /* bound of inputs and membranes          */
#define MDL_NEURAXON_META_MAX 4.0f /* bound of w_meta                        */
#define MDL_NEURAXON_BRAKE_MIN 0.125f
#define MDL_NEURAXON_BRAKE_MAX 8.0f
/* Sensors beyond these are +1 and -1 for plasticity. */
#define MDL_NEURAXON_TRIT 0.5f

#endif
