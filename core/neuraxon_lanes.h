/* Neuraxon networks side by side (core/lanes.h): one region without
 * silent or plastic synapses, its rows without padding. Lane l of a row of floats
 * is life l's. */
#ifndef MDL_CORE_NEURAXON_LANES_H
#define MDL_CORE_NEURAXON_LANES_H

#include "core/lanes.h"
#include "core/neuraxon_region.h"

typedef struct mdl_neuraxon_lanes {
    mdl_shape shape; /* of region 0; strides are not used */
    uint32_t window;
    uint32_t clock; /* the step in which the next window starts, for the lines: the same for all lanes */

    /* Constant for an experiment: by synapse, row by row. */
    uint16_t *source;
    uint8_t *delay, *flags; /* MDL_CELL_*, of those that are fixed by the wiring */
    float *scatter;         /* by neuron */
    /* Constant for a genome, 16 floats each: by synapse, by neuron. */
    float *w0, *meta0;
    float *above, *below, *decay, *cos_osc, *sin_osc;

    /* State, 16 floats each. */
    float *fast, *slow, *meta, *e, *w, *carry, *shift; /* by synapse; shift NULL without modulatory ones */
    float *v, *z, *post, *trace, *adapt, *autor, *lag, *brake, *readout, *value, *feature, *bend; /* by neuron */
    float *sensor_mean;                                                                           /* by sensor */
    float *x, *pre; /* lines: [slots][sources] */
    mdl_branching branching[MDL_LANES];
    int64_t novelty[MDL_LANES];
    uint32_t key[2][MDL_LANES]; /* of the noise: low words, high words */
} mdl_neuraxon_lanes;

/* A line's rows of step t. */
static inline float *mdl_neuraxon_lanes_at(const mdl_neuraxon_lanes *n, float *line, uint32_t t) {
    return line + (size_t)(t & (n->shape.slots - 1)) * n->shape.sources * MDL_LANES;
}

#endif
