/* A region of an HMN network: its constants, state, and one window of time,
 * behind the table of models. SPEC sections 5 and 6.
 *
 * Everything a region needs to run a window alone is here: its rows of
 * synapses, its neurons, and a delay line of its sources. Regions touch each
 * other only between windows, through the table's `send` and `receive`. */
#ifndef MDL_CORE_HMN_REGION_H
#define MDL_CORE_HMN_REGION_H

#include "core/model.h"

typedef struct mdl_hmn_region {
    mdl_shape shape;
    const struct mdl_kernel *kernel;
    uint32_t window, listen; /* steps; neurons exported */

    /* Constant for an experiment. Per cell (row slot, padding included): where
     * in the delay line its source stands, delay included. */
    uint32_t *index;    /* [cells] (slots - delay) * sources + source */
    uint32_t *exported; /* [listen] hidden neurons                     */

    /* Constant for a genome. */
    float *w0;                /* [cells] initial weights                     */
    float *cos_phi, *sin_phi; /* [cells], phase gate                        */
    float *gain;              /* [neurons padded to 16]                      */
    float *embed;             /* [sources][4]: u0 u1 v0 v1, local attention  */

    /* State. Per cell: */
    float *w, *fast, *slow; /* weights; traces of eq. (2)                  */
    /* Per neuron, padded to 16: */
    float *a;                  /* argument of f in eq. (1): the motors' readout */
    float *z;                  /* activation                                  */
    float *post;               /* z, or the efference copy, for completion    */
    float *bias, *mean;        /* adaptive bias, running mean of z            */
    float *context[MDL_EMBED]; /* c_j                                       */
    float *value;              /* critic weights v_j                          */
    float *feature;            /* z at the end of the window before           */
    /* Per sensor: */
    float *sensor_mean; /* running mean, for novelty                   */
    /* Delay line: [2 slots][sources], each step stored in slot t mod slots and
     * once more slots later, so that no index wraps. */
    float *line;
    float *line_h[MDL_EMBED]; /* embeddings of the line, local attention    */
    int64_t novelty;          /* of this window's sensors, fixed point      */
    uint64_t key;             /* noise                                      */
} mdl_hmn_region;

/* SPEC 6.2 gives the order of operations in a window. */
extern const mdl_network_model mdl_hmn_model;

/* Start of the line's row for step t, such that row[index[cell]] is
 * x_i(t - tau_ij). */
static inline const float *mdl_line_at(const mdl_hmn_region *r, const float *line, uint32_t t) {
    return line + (size_t)(t & (r->shape.slots - 1)) * r->shape.sources;
}

#endif
