/* The global modulatory state of network scope: one small struct, advanced once
 * a window by a pure function. Eqs. (6), (7), (10), (11). SPEC section 6.3. */
#ifndef MDL_CORE_MODULATION_H
#define MDL_CORE_MODULATION_H

#include "core/bytes.h"
#include "core/genome.h"
#include "core/modulator.h"
#include "core/task.h"

/* Evaluative signals; there is room for more. */
enum { MDL_E_REWARD = 0, MDL_E_UNCERTAINTY = 1, MDL_E_NOVELTY = 2, MDL_E_COUNT = 3 };

/* What a window's regions contribute, exact: int64 with 32 fractional bits, so
 * the order of summation cannot matter. */
typedef struct mdl_partials {
    int64_t activity; /* sum of z over all neurons at the window's last step   */
    int64_t value;    /* critic: sum of v_j z_j at the window's last step      */
    int64_t novelty;  /* sum of squared deviations of sensors from their means */
} mdl_partials;

typedef struct mdl_modulation {
    uint32_t window; /* k                                                    */
    uint32_t step;   /* of the window's first step: k W                      */
    /* From the task at this window's start. */
    uint32_t flags; /* MDL_OUT_*                                            */
    float reward;
    /* Of the window before: how its last step is completed. */
    uint32_t flags_before;
    uint32_t action_before;
    /* Evaluative signals of the window before, and what follows from them. */
    float e[MDL_E_COUNT];
    float gamma[MDL_E_COUNT];
    float g;                     /* eq. (6)                                  */
    float g_prime;               /* eq. (10)                                 */
    float c_global;              /* mean activity                            */
    float eta_local, eta_global; /* in force: perturbed and scaled           */
    float permit;                /* plasticity gate: 0 or 1                  */
    float drop;                  /* probability of dropout                   */
    /* Running statistics. */
    float value; /* V of the window before, 0 after a wipe   */
    float reward_mean;
    float variance; /* of the prediction error                  */
    /* Meta-learner of eq. (7): log learning-rate offsets u and perturbations. */
    float u[2], d[2];
    float meta_sum, meta_base, meta_first;
    uint32_t meta_count, meta_stage;
    mdl_levels levels; /* of modulators in use; else 0 */
} mdl_modulation;

/* State of window 0: `out` is the task's first view. `key` is the network's
 * noise key (perturbations of eq. (7)). */
void mdl_modulation_init(mdl_modulation *m, const mdl_params *p, uint64_t key, const mdl_task_out *out);

/* State of window k+1 from that of window k.
 *   partials  sums over all regions of window k
 *   neurons, sensors   counts of the whole network (sensors without the constant)
 *   action    of window k
 *   out       what the task answered, shown in window k+1 */
void mdl_modulation_next(mdl_modulation *m, const mdl_params *p, uint64_t key, uint32_t window_steps,
                         const mdl_partials *partials, uint32_t neurons, uint32_t sensors, uint32_t action,
                         const mdl_task_out *out);

/* Eq. (7), within the above when a meta-period is full: the window counted, its
 * reward in meta_sum. For lives side by side (core/lanes.h), which do the rest by
 * themselves. */
void mdl_modulation_meta(mdl_modulation *m, const mdl_params *p, uint64_t key);

/* Bound of evaluative signals. */
#define MDL_E_MAX 16.0f

/* Canonical bytes, and back (SPEC 6.3 draws them; where modulators are used, 12.4
 * adds some). Load sets r->bad on short
 * input and on values that no life has. */
enum { MDL_MODULATION_BYTES = 124, MDL_LEVELS_BYTES = 48 }; /* the latter more where modulators are used */
void mdl_modulation_save(const mdl_modulation *m, const mdl_sink *sink);
void mdl_modulation_load(mdl_modulation *m, const mdl_params *p, mdl_reader *r);

/* Phi(t) = Omega t + phi_0 as a fraction of a turn. */
static inline uint32_t mdl_phase_at(const mdl_params *p, uint32_t step) { return p->omega * step + p->phi0; }

#endif
