/* What an HMN experiment fixes before anything is evolved: mechanisms and
 * choices. Names and numbers are part of the spec. SPEC section 6. */
#ifndef MDL_CORE_HMN_SPEC_H
#define MDL_CORE_HMN_SPEC_H

#include <stdint.h>

/* One switch per mechanism. X(NAME, key in experiment files, what it is) */
#define MDL_MECHANISM_MAP(X)                                                                                           \
    X(PLASTICITY, "plasticity", "all weight changes (off: fixed weights)")                                             \
    X(FAST_TRACE, "fast_trace", "psi_fast in eq. (2)")                                                                 \
    X(SLOW_TRACE, "slow_trace", "psi_slow in eq. (2)")                                                                 \
    X(LOCAL_TERM, "local_term", "eta_local e in eq. (3)")                                                              \
    X(GLOBAL_TERM, "global_term", "eta_global G' e in eq. (3)")                                                        \
    X(PHASE_GATE, "phase_gate", "eq. (4)")                                                                             \
    X(PROBABILISTIC, "probabilistic", "eq. (5)")                                                                       \
    X(META_LEARNING, "meta_learning", "eq. (7) within a life")                                                         \
    X(LOCAL_ATTENTION, "local_attention", "eqs. (8), (9)")                                                             \
    X(GLOBAL_ATTENTION, "global_attention", "eq. (11); off: every gamma_k is 1")                                       \
    X(UNCERTAINTY, "uncertainty", "E_uncertainty in eqs. (6), (10)")                                                   \
    X(NOVELTY, "novelty", "E_novelty in eqs. (6), (10)")                                                               \
    X(NOISE, "noise", "epsilon_j in eq. (1)")                                                                          \
    X(ADAPTIVE_BIAS, "adaptive_bias", "homeostatic b_j(t) in eq. (1)")                                                 \
    X(NEURON_GAIN, "neuron_gain", "a plasticity gain per neuron")                                                      \
    X(CRITIC, "critic", "learned values, so that E_reward is a TD error")                                              \
    X(BASELINE, "baseline", "running and innate reward baselines in E_reward")                                         \
    X(EFFERENCE_COPY, "efference_copy", "motors' traces see the chosen action")                                        \
    X(CONTEXT_RATE, "context_rate", "learning rates scaled by novelty and uncertainty")                                \
    X(DROPOUT, "dropout", "modulated dropout of neurons")                                                              \
    X(PLASTICITY_GATE, "plasticity_gate", "modulatory permission or veto of plasticity")

typedef enum mdl_mechanism {
#define X(name, key, text) MDL_MECH_##name,
    MDL_MECHANISM_MAP(X)
#undef X
        MDL_MECH_COUNT
} mdl_mechanism;

typedef enum mdl_switch { MDL_OFF = 0, MDL_ON = 1, MDL_GENE = 2 /* a gene decides: on when > 0 */ } mdl_switch;

typedef enum mdl_activation { MDL_TANH = 0, MDL_SIGMOID = 1, MDL_RELU = 2 } mdl_activation;
typedef enum mdl_trace_form { MDL_TRACE_DIFFERENTIAL = 0, MDL_TRACE_EVENT = 1 } mdl_trace_form;
typedef enum mdl_similarity { MDL_COSINE = 0, MDL_DOT = 1 } mdl_similarity;
typedef enum mdl_meta_method { MDL_META_REINFORCE = 0, MDL_META_SPSA = 1, MDL_META_FINITE = 2 } mdl_meta_method;
typedef enum mdl_encoding { MDL_DIRECT = 0, MDL_INDIRECT = 1 } mdl_encoding;

typedef struct mdl_hmn_spec {
    uint8_t mechanism[MDL_MECH_COUNT]; /* mdl_switch                                          */
    mdl_activation activation;         /* f of eq. (1)                                        */
    mdl_trace_form trace;              /* of eq. (2)                                          */
    mdl_similarity similarity;         /* g of eq. (9)                                        */
    mdl_meta_method meta_method;       /* gradient estimate of eq. (7)                        */
    uint32_t meta_period;              /* reward events in a meta-period      1..1000000, 4   */
    mdl_encoding encoding;             /* of the genome                                       */
    float weight_max;                  /* bound of |w|                        0.125..64, 4    */
    float init_sd;                     /* s.d. of initial weight genes        0..4, 0.3       */
} mdl_hmn_spec;

/* The key in experiment files, NULL past the last; and back: MDL_MECH_COUNT
 * when no mechanism has this key. */
const char *mdl_mechanism_key(uint32_t mechanism);
const char *mdl_mechanism_text(uint32_t mechanism);
mdl_mechanism mdl_mechanism_find(const char *key);
/* Every mechanism on, tanh, differential traces, cosine, REINFORCE, direct. */
void mdl_hmn_spec_defaults(mdl_hmn_spec *spec);

#endif
