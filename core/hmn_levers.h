/* Eq. (1) of HMN under the modulators' levers. Without modulators the kernels'
 * plain path runs instead (core/hmn_kernel.h). SPEC 12.6. */
#ifndef MDL_CORE_HMN_LEVERS_H
#define MDL_CORE_HMN_LEVERS_H

#include "core/hmn_region.h"

/* Where a synapse comes from: bits. */
typedef enum mdl_pathway {
    MDL_PATH_OWN = 0,     /* the region's own neurons     */
    MDL_PATH_FORWARD = 1, /* sensors, regions of lower number */
    MDL_PATH_BACK = 2     /* regions of higher number     */
} mdl_pathway;

/* Counter word of the draw of a neuron's threshold: (neuron, region, 0, draw),
 * key: the wiring seed. */
enum { MDL_DRAW_OFFSET = 8 };

/* Room, then constants, for a region whose shape, window and listen are set. */
void mdl_hmn_levers_init(mdl_hmn_region *r, mdl_arena *arena, int shared, const mdl_hmn_region *like);
void mdl_hmn_levers_wire(mdl_hmn_region *r, const mdl_network_spec *network);

/* The definition of mdl_kernel.levered, eq. (1) of step t: writes r->lag, r->a and r->z, motors included. */
void mdl_hmn_levers_activate(mdl_hmn_region *r, const mdl_params *p, const mdl_levers *hold, uint32_t t, float drop);

#endif
