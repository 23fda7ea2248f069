/* Receptors and levers: what the levels of four modulators do to a region.
 * Pure; both models and the neural mass of populations call it. SPEC section 12.
 *
 *     level of a modulator -> occupancy of its receptor classes (Hill)
 *     x density in the region = binding
 *     binding x effects, summed over classes -> levers
 *
 * A modulator has two classes, of high and of low affinity, so that what it does
 * can turn round as its level rises. */
#ifndef MDL_CORE_LEVER_H
#define MDL_CORE_LEVER_H

#include <stdint.h>

#include "core/network_spec.h"

/* X(NAME, key) */
#define MDL_MODULATOR_MAP(X)                                                                                           \
    X(DOPAMINE, "dopamine")                                                                                            \
    X(SEROTONIN, "serotonin")                                                                                          \
    X(ACETYLCHOLINE, "acetylcholine")                                                                                  \
    X(NORADRENALINE, "noradrenaline")

typedef enum mdl_modulator {
#define X(name, key) MDL_##name,
    MDL_MODULATOR_MAP(X)
#undef X
        MDL_MODULATORS
} mdl_modulator;

/* Receptor class of modulator m: 2 m is the one of high affinity, 2 m + 1 the
 * one of low affinity. */
enum { MDL_RECEPTOR_CLASSES = 2 * MDL_MODULATORS };

#define MDL_LEVEL_MAX 4.0f /* of a modulator and of arousal; 0 is the least */

/* X(NAME, field, key, how, lo, hi, what it acts on): the sum x of binding x
 * effect, clamped to lo..hi, becomes a FACTOR exp(x) or stays a SUM x. */
#define MDL_LEVER_MAP(X)                                                                                               \
    X(EXCITE, excite, "excite", FACTOR, -2.0f, 2.0f, "factor on contributions of synapses with w > 0")                 \
    X(INHIBIT, inhibit, "inhibit", FACTOR, -2.0f, 2.0f, "factor on contributions of synapses with w < 0")              \
    X(FEEDFORWARD, feedforward, "feedforward", FACTOR, -2.0f, 2.0f, "factor on input from sensors and lower regions")  \
    X(FEEDBACK, feedback, "feedback", FACTOR, -2.0f, 2.0f, "factor on input from higher regions")                      \
    X(SLOW, slow, "slow", SUM, 0.0f, 1.0f, "share of the input that goes through the slow filter")                     \
    X(REST, rest, "rest", SUM, -2.0f, 2.0f, "resting potential: added to the input")                                   \
    X(SLOPE, slope, "slope", FACTOR, -2.0f, 2.0f, "slope of the activation around its threshold")                      \
    X(THRESHOLD, threshold, "threshold", SUM, -2.0f, 2.0f, "shift of thresholds")                                      \
    X(SPREAD, spread, "spread", SUM, 0.0f, 2.0f, "standard deviation of thresholds over neurons")

typedef enum mdl_lever {
#define X(name, field, key, how, lo, hi, text) MDL_LEVER_##name,
    MDL_LEVER_MAP(X)
#undef X
        MDL_LEVER_COUNT
} mdl_lever;

/* The hold on one region in one window. */
typedef struct mdl_levers {
#define X(name, field, key, how, lo, hi, text) float field;
    MDL_LEVER_MAP(X)
#undef X
} mdl_levers;

/* Nothing binds: factors 1, sums 0. */
#define MDL_LEVERS_NONE ((mdl_levers){1.0f, 1.0f, 1.0f, 1.0f, 0.0f, 0.0f, 1.0f, 0.0f, 0.0f})

/* Weight of the newest input in the slow filter (about 20 steps). A neuron's
 * input is fast + slow (filtered - fast): its steady state does not move. */
#define MDL_SLOW_RATE 0.05f

/* Receptors of a network. */
typedef struct mdl_receptors {
    float ln_k[MDL_RECEPTOR_CLASSES]; /* log of the level at which half are occupied    */
    float n[MDL_RECEPTOR_CLASSES];    /* Hill coefficient                               */
    float effect[MDL_RECEPTOR_CLASSES][MDL_LEVER_COUNT];
    float density[MDL_REGIONS_MAX][MDL_RECEPTOR_CLASSES]; /* 0..4, 1 */
} mdl_receptors;

const char *mdl_modulator_key(uint32_t modulator); /* NULL past the last */
const char *mdl_lever_key(uint32_t lever);

/* Affinities K 0.3 and 1.5, n 2, density 1 and the review's effects: what the
 * genes' initial values decode to. */
void mdl_receptors_defaults(mdl_receptors *r);

/* Defaults of one number: a class's effect on a lever, its ln K. */
float mdl_effect_default(uint32_t receptor_class, uint32_t lever);
float mdl_affinity_default(uint32_t receptor_class);

/* Hill function level^n / (level^n + K^n) as sigmoid(n (ln level - ln K)); 0 at
 * level 0. `level` 0..MDL_LEVEL_MAX. */
float mdl_occupancy(float level, float ln_k, float n);

/* The levers of a region whose modulators stand at level[MDL_MODULATORS]. */
mdl_levers mdl_levers_of(const mdl_receptors *r, uint32_t region, const float *level);
/* It, or a kernel's build of it, which gives the same bytes. */
typedef mdl_levers mdl_levers_fn(const mdl_receptors *r, uint32_t region, const float *level);

#endif
