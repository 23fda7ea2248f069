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
    uint16_t *index16;  /* [cells] (slots - delay) * sources + source, or NULL: */
    uint32_t *index32;  /* the same, where 16 bits do not hold it      */
    uint32_t *exported; /* [listen] hidden neurons                     */

    /* Constant for a genome. */
    float *w0;                /* [cells] initial weights                     */
    float *cos_phi, *sin_phi; /* [cells], phase gate                        */
    float *gain;              /* [neurons padded to 16]                      */
    float *embed;             /* [sources + 16][4]: u0 u1 v0 v1, local attention */

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
    /* Delay line: [2 slots][sources] records, each step stored in slot t mod slots
     * and once more slots later, so that no index wraps. A record of 2 floats is
     * x(t), x(t + 1); one of 4, with local attention, x(t), h0(t), h1(t), x(t + 1).
     * So one load serves a synapse in the completion of t and the sums of t + 1. */
    float *line;
    uint32_t record; /* floats: 2 or 4                                 */
    /* Where modulators are used (core/hmn_levers.h), else NULL: */
    uint8_t *pathway; /* [cells] mdl_pathway, constant               */
    float *offset;    /* [neurons] N(0, 1), constant; motors 0       */
    float *lag;       /* [neurons] slow part of the input, state     */
    int64_t novelty;  /* of this window's sensors, fixed point      */
    uint64_t key;     /* noise                                      */
} mdl_hmn_region;

/* SPEC 6.2 gives the order of operations in a window. */
extern const mdl_network_model mdl_hmn_model;

/* The line's records for step t: that of cell c, with its delay, is at
 * mdl_cell_index(r, c) * r->record. x_i(t - tau) is its first float, and the last
 * of the one for step t - 1. */
static inline float *mdl_line_at(const mdl_hmn_region *r, uint32_t t) {
    return r->line + (size_t)(t & (r->shape.slots - 1)) * r->shape.sources * r->record;
}

static inline size_t mdl_cell_index(const mdl_hmn_region *r, size_t cell) {
    return r->index16 ? r->index16[cell] : r->index32[cell];
}

#endif
