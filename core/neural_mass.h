/* A neural mass: each region of a network as two populations, excitatory and
 * inhibitory, that follow mean potentials and firing rates instead of neurons.
 * The same regions, wiring, delays and levers. Pure; binary32. SPEC section 14.
 *
 *     drive   what arrives in a step, from delayed rates (eq. 14.1)
 *     kernel  two equal first-order filters in a row: a gamma-shaped response
 *             h(n) = (n + 1) (1 - a)^2 a^n, a = 1 - 1 / tau, sum 1 (eq. 14.2)
 *     V       fast or slow excitation less inhibition, and the rest (eq. 14.3)
 *     Q       share of the population above its threshold: the distribution
 *             function of thresholds and momentary states at V (eq. 14.4) */
#ifndef MDL_CORE_NEURAL_MASS_H
#define MDL_CORE_NEURAL_MASS_H

#include "core/arena.h"
#include "core/bytes.h"
#include "core/lever.h"
#include "core/network_spec.h"

enum { MDL_EXCITATORY = 0, MDL_INHIBITORY = 1, MDL_POPULATIONS = 2, MDL_MASS_SLOTS = 64 };

typedef struct mdl_mass_params {
    float w[MDL_POPULATIONS][MDL_POPULATIONS]; /* [to][from] within a region, 0..64, both signs by `from` */
    float between[MDL_POPULATIONS];            /* [to] from other regions' excitatory rates, 0..64        */
    float tau[MDL_POPULATIONS];                /* [from] steps of the fast kernel's filters, 1..1000      */
    float tau_slow;                            /* of the slow kernel's, 1..1000                           */
    float theta[MDL_POPULATIONS];              /* mean threshold, -64..64                                 */
    float state_sd;                            /* s.d. of momentary states, 0.01..64                      */
    float theta_sd;                            /* s.d. of thresholds, 0..64                               */
    float noise;                               /* s.d. of the drive's noise a step, 0..64                 */
} mdl_mass_params;

/* The values of SPEC 14.5: below the onset of oscillation when nothing binds. */
void mdl_mass_params_defaults(mdl_mass_params *p);

/* A filter pair: the response to x so far. */
typedef struct mdl_mass_kernel {
    float first, second;
} mdl_mass_kernel;

/* One population's state. */
typedef struct mdl_mass_population {
    mdl_mass_kernel fast[MDL_POPULATIONS], slow[MDL_POPULATIONS]; /* [from] */
    float v, q;
} mdl_mass_population;

typedef struct mdl_mass {
    uint32_t regions, sources, step; /* step: of the next mdl_mass_step           */
    uint64_t key;                    /* of the noise                              */
    mdl_mass_params params;
    mdl_mass_population *population; /* [regions][2]                              */
    float *line;                     /* [64][regions][2] rates by step mod 64     */
    float *share;                    /* [regions][sources] of a region's synapses from others, sums to 1 */
    uint8_t *delay;                  /* [regions][sources] steps, mean of the wiring's, rounded */
    uint8_t *own_delay;              /* [regions]                                 */
} mdl_mass;

/* Lay out in `arena` and take shares and delays from the wiring of `network`
 * (work: its synapses). Counting arenas as in core/arena.h. */
void mdl_mass_init(mdl_mass *m, mdl_arena *arena, const mdl_network_spec *network, const mdl_mass_params *params);
/* Everything 0: step 0 comes next. */
void mdl_mass_birth(mdl_mass *m, uint64_t key);
/* One step.
 *   levers  [regions], or NULL: nothing binds
 *   input   [regions][2] added to the drive of each population, or NULL: none
 * Afterwards population[].v and .q are the step's. A region without hidden
 * neurons stays at 0. Regions' order does not matter: delays are 1 at least. */
void mdl_mass_step(mdl_mass *m, const mdl_levers *levers, const float *input);

static inline const mdl_mass_population *mdl_mass_at(const mdl_mass *m, uint32_t region, uint32_t population) {
    return &m->population[(size_t)MDL_POPULATIONS * region + population];
}

/* Eq. (14.4): the rate 0..1 of a population at mean potential v. */
float mdl_mass_rate(const mdl_mass_params *p, uint32_t population, const mdl_levers *levers, float v);
/* Eq. (14.2): the kernel after input x in this step; tau >= 1. */
float mdl_mass_filter(mdl_mass_kernel *k, float tau, float x);

/* Canonical bytes of the state between steps. SPEC 14.6. */
void mdl_mass_save(const mdl_mass *m, const mdl_sink *sink);

#endif
