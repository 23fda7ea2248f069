/* The simulation's random numbers: splitmix64, one state for each purpose, so
 * that a purpose that draws once more does not shift the others. */
#ifndef MDL_SIM_RANDOM_H
#define MDL_SIM_RANDOM_H

#include <stdint.h>

#include "core/num.h"

static inline uint64_t mdl_sim_mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t mdl_sim_next(uint64_t *state) { return mdl_sim_mix(*state += UINT64_C(0x9e3779b97f4a7c15)); }

/* A state for `purpose` of a seed. */
static inline uint64_t mdl_sim_stream(uint64_t seed, uint64_t purpose) {
    return mdl_sim_mix(mdl_sim_mix(seed + UINT64_C(0x9e3779b97f4a7c15)) ^ (purpose * UINT64_C(0xd1342543de82ef95)));
}

/* 0..n-1, n > 0. */
static inline uint64_t mdl_sim_below(uint64_t *state, uint64_t n) { return mdl_sim_next(state) % n; }

/* [0, 1) */
static inline double mdl_sim_unit(uint64_t *state) { return (double)(mdl_sim_next(state) >> 11) * 0x1p-53; }

static inline int mdl_sim_chance(uint64_t *state, double p) { return mdl_sim_unit(state) < p; }

/* Exponentially distributed, of this mean. */
static inline double mdl_sim_exponential(uint64_t *state, double mean) {
    return -mean * mdl_log(1 - mdl_sim_unit(state));
}

#endif
