/* HMN networks side by side (core/lanes.h): one region, its rows
 * without padding. Lane l of a row of floats is life l's. */
#ifndef MDL_CORE_HMN_LANES_H
#define MDL_CORE_HMN_LANES_H

#include "core/hmn_region.h"
#include "core/lanes.h"

typedef struct mdl_hmn_lanes {
    mdl_shape shape; /* of region 0; strides are not used */
    uint32_t window;
    uint32_t clock; /* the step in which the next window starts, for the line: the same for all lanes */

    /* Constant for an experiment: by synapse, row by row. */
    uint16_t *source;
    uint8_t *delay, *pathway; /* pathway, offset, lag: NULL without modulators */
    float *offset;            /* [neurons] */

    /* Constant for a genome, 16 floats each. */
    float *cos_phi, *sin_phi; /* by synapse; NULL without the gate               */
    float *gain;              /* by neuron                                       */
    float *embed;             /* by source, four rows; NULL without local attention */

    /* State, 16 floats each. */
    float *w, *fast, *slow;                    /* by synapse */
    float *a, *z, *post, *bias, *mean, *value; /* by neuron  */
    float *context[MDL_EMBED], *feature, *lag; /* by neuron  */
    float *sensor_mean;                        /* by sensor  */
    float *x, *h[MDL_EMBED];                   /* lines: [slots][sources]; x(t) and its embedding */
    int64_t novelty[MDL_LANES];
    uint32_t key[2][MDL_LANES]; /* of the noise: low words, high words */
} mdl_hmn_lanes;

/* A line's rows of step t. */
static inline float *mdl_hmn_lanes_at(const mdl_hmn_lanes *n, float *line, uint32_t t) {
    return line + (size_t)(t & (n->shape.slots - 1)) * n->shape.sources * MDL_LANES;
}

#endif
