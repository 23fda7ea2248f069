/* The modulatory states of 16 lives (core/modulation.h), lane last, so that one
 * pass moves all. What is rare is done by the functions of core/modulation.c, on
 * the struct that a lane is unpacked to. */
#ifndef MDL_CORE_LANE_MODULATION_H
#define MDL_CORE_LANE_MODULATION_H

#include "core/modulation.h"
#include "core/wiring.h"

/* Fields of mdl_modulation, by how they are kept. */
#define MDL_LANE_WORDS(X) X(window) X(step) X(flags) X(flags_before) X(action_before) X(meta_count) X(meta_stage)
#define MDL_LANE_FLOATS(X)                                                                                             \
    X(reward)                                                                                                          \
    X(g)                                                                                                               \
    X(g_prime)                                                                                                         \
    X(c_global)                                                                                                        \
    X(eta_local)                                                                                                       \
    X(eta_global) X(permit) X(drop) X(value) X(reward_mean) X(variance) X(meta_sum) X(meta_base) X(meta_first)

typedef struct mdl_lane_modulation {
#define X(name) uint32_t name[MDL_LANES];
    MDL_LANE_WORDS(X)
#undef X
#define X(name) float name[MDL_LANES];
    MDL_LANE_FLOATS(X)
#undef X
    float e[MDL_E_COUNT][MDL_LANES], gamma[MDL_E_COUNT][MDL_LANES];
    float u[2][MDL_LANES], d[2][MDL_LANES];
    mdl_levels levels[MDL_LANES];
} mdl_lane_modulation;

void mdl_lane_pack(mdl_lane_modulation *lanes, uint32_t lane, const mdl_modulation *m);
void mdl_lane_unpack(const mdl_lane_modulation *lanes, uint32_t lane, mdl_modulation *m);

#endif
