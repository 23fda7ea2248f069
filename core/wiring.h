/* Topology of a region: who listens to whom, with which delay. A pure function
 * of the network spec. SPEC section 5.
 *
 * A region's neurons are its hidden neurons 0..hidden-1 and then, in region 0,
 * the motors. What a synapse can listen to is a *source* of its region:
 *
 *     0                        nothing (always 0: the padding of rows)
 *     1 .. sensors             sensors; the first is the constant 1 (region 0 only)
 *     .. + hidden              the region's own hidden neurons
 *     .. + inbound             neurons of other regions, region by region
 *
 * A row holds the synapses of one neuron: sensors first, then own neurons, then
 * inbound ones, padded to a multiple of 16. */
#ifndef MDL_CORE_WIRING_H
#define MDL_CORE_WIRING_H

#include <stddef.h>

#include "core/network_spec.h"

enum { MDL_LANES = 16 };

typedef struct mdl_shape {
    uint32_t region;
    uint32_t hidden, motors, neurons;            /* neurons = hidden + motors                       */
    uint32_t sensors;                            /* the constant included; 0 outside region 0        */
    uint32_t inbound;                            /* sources from other regions                       */
    uint32_t sources;                            /* 1 + sensors + hidden + inbound                   */
    uint32_t fan_sensor, fan_local, fan_inbound; /* of a hidden neuron's row              */
    uint32_t fan_motor;                          /* hidden neurons that a motor listens to           */
    uint32_t fan[2], stride[2];                  /* [0] hidden, [1] motor: synapses, padded to 16    */
    uint32_t delay_max;                          /* steps, over all synapses of the network          */
    uint32_t slots;                              /* of the delay line: power of two >= delay_max + 2 */
    size_t synapses, cells;                      /* in all rows; with padding                        */
} mdl_shape;

void mdl_shape_of(const mdl_network_spec *spec, uint32_t region, mdl_shape *shape);

/* Real synapses of the whole network. */
size_t mdl_synapse_count(const mdl_network_spec *spec);

/* First cell of neuron j's row, and its synapses. */
static inline size_t mdl_row(const mdl_shape *s, uint32_t j) {
    return j < s->hidden ? (size_t)j * s->stride[0]
                         : (size_t)s->hidden * s->stride[0] + (size_t)(j - s->hidden) * s->stride[1];
}
static inline uint32_t mdl_row_fan(const mdl_shape *s, uint32_t j) { return s->fan[j >= s->hidden]; }
static inline uint32_t mdl_row_stride(const mdl_shape *s, uint32_t j) { return s->stride[j >= s->hidden]; }

/* The class of a row's slot k: 0 sensor, 1 own neuron, 2 inbound. */
static inline uint32_t mdl_slot_class(const mdl_shape *s, uint32_t k) {
    return k < s->fan_sensor ? 0 : k < s->fan_sensor + s->fan_local ? 1 : 2;
}

/* Row of neuron `j`: source[k] and delay[k] of each synapse k < mdl_row_fan(). */
void mdl_wire_row(const mdl_network_spec *spec, const mdl_shape *shape, uint32_t j, uint32_t *source, uint8_t *delay);

/* The neurons of `region` whose activity crosses to others: spec->listen
 * ascending indices of hidden neurons. */
void mdl_export_set(const mdl_network_spec *spec, uint32_t region, uint32_t *neuron);

/* The i-th region (i < spec->sources) that `region` listens to. */
static inline uint32_t mdl_source_region(const mdl_network_spec *spec, uint32_t region, uint32_t i) {
    return (region + 1 + i) % spec->regions;
}

#endif
