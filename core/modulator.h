/* Levels of the four modulators and arousal: released by evaluative signals,
 * advanced once a window as part of the global modulatory state. SPEC section
 * 12. What the levels then do to regions is in core/lever.h. */
#ifndef MDL_CORE_MODULATOR_H
#define MDL_CORE_MODULATOR_H

#include "core/bytes.h"
#include "core/modulator_spec.h"

/* What releases modulators. X(NAME, key, what it is) */
#define MDL_SIGNAL_MAP(X)                                                                                              \
    X(ERROR, "error", "reward prediction error, E_reward")                                                             \
    X(EXPECTED, "expected", "expected uncertainty: s.d. of the prediction error")                                      \
    X(UNEXPECTED, "unexpected", "unexpected uncertainty: |error| above twice that")                                    \
    X(NOVELTY, "novelty", "E_novelty above its running mean")                                                          \
    X(HORIZON, "horizon", "slow average of reward less the fast one")                                                  \
    X(EXTERNAL, "external", "external salience, of the task")                                                          \
    X(INTERNAL, "internal", "internal salience, of the task: collisions, low energy")                                  \
    X(ACTIVITY, "activity", "C_global")

typedef enum mdl_signal {
#define X(name, key, text) MDL_SIGNAL_##name,
    MDL_SIGNAL_MAP(X)
#undef X
        MDL_SIGNALS
} mdl_signal;

/* Genes of the whole network. X(NAME, key, initial value, what it decodes to) */
#define MDL_MODULATOR_GENE_MAP(X)                                                                                      \
    X(AROUSAL_DECAY, "arousal_decay", 0.0f, "decay of arousal: sigmoid(2 + g) a window")                               \
    X(AROUSAL_NOVELTY, "arousal_novelty", 0.1f, "arousal += |g| novelty")                                              \
    X(AROUSAL_EXTERNAL, "arousal_external", 0.5f, "arousal += |g| external salience")                                  \
    X(AROUSAL_INTERNAL, "arousal_internal", 0.5f, "arousal += |g| internal salience")                                  \
    X(AROUSAL_RATE, "arousal_rate", 1.0f, "k = |g|, at most 8: plasticity times 1 + k arousal")                        \
    X(HORIZON_SEROTONIN, "horizon_serotonin", 0.5f, "logit of the discount += g (serotonin - its base)")               \
    X(REWARD_FAST, "reward_fast", 0.0f, "decay of the fast average of reward: sigmoid(2 + g) a window")                \
    X(REWARD_SLOW, "reward_slow", 0.0f, "decay of the slow average of reward: sigmoid(4 + g) a window")                \
    X(NOVELTY_MEAN, "novelty_mean", 0.0f, "decay of the running mean of novelty: sigmoid(3 + g) a window")

typedef enum mdl_modulator_gene {
#define X(name, key, initial, text) MDL_MOD_GENE_##name,
    MDL_MODULATOR_GENE_MAP(X)
#undef X
        MDL_MOD_GENES
} mdl_modulator_gene;

/* Order of the section's genes: MDL_MOD_GENES; per modulator base, decay, rate,
 * a coupling to each signal; per receptor class K, n, an effect on each lever;
 * per region a density of each class. */
enum {
    MDL_MOD_EACH_GENES = 3 + MDL_SIGNALS,
    MDL_RECEPTOR_GENES = 2 + MDL_LEVER_COUNT,
    MDL_MOD_FIXED_GENES =
        MDL_MOD_GENES + MDL_MODULATORS * MDL_MOD_EACH_GENES + MDL_RECEPTOR_CLASSES * MDL_RECEPTOR_GENES
};
static inline uint32_t mdl_modulator_genes(uint32_t regions) {
    return MDL_MOD_FIXED_GENES + regions * MDL_RECEPTOR_CLASSES;
}

const char *mdl_modulator_gene_key(uint32_t gene); /* of the first MDL_MOD_GENES; NULL past the last */
const char *mdl_modulator_gene_text(uint32_t gene);
const char *mdl_signal_key(uint32_t signal); /* NULL past the last */

/* Decoded genes and resolved switches. */
typedef struct mdl_modulator_params {
    uint32_t used; /* 0: nothing below is read                   */
    uint32_t on;   /* bit per mdl_modulator_mechanism             */
    uint32_t clamped;
    float clamp[MDL_CLAMPS];
    float arousal_decay, arousal_from[3], arousal_rate; /* novelty, external, internal */
    float horizon;                                      /* of serotonin               */
    float rho_fast, rho_slow, rho_novelty;              /* weight of the newest value */
    float base[MDL_MODULATORS], decay[MDL_MODULATORS], rate[MDL_MODULATORS];
    float coupling[MDL_MODULATORS][MDL_SIGNALS];
} mdl_modulator_params;

static inline int mdl_mod_on(const mdl_modulator_params *p, mdl_modulator_mechanism m) {
    return (int)(p->on >> m & 1u);
}

/* mean[mdl_modulator_genes()] of initial genes; their s.d. is 0. */
void mdl_modulator_prior(uint32_t regions, float *mean);
/* Genes of the section, clamped to [-64, 64] first; `switches` of those
 * mechanisms that are "gene", in order. */
void mdl_modulator_decode(const mdl_modulator_spec *spec, uint32_t regions, const float *genes, const float *switches,
                          mdl_modulator_params *p, mdl_receptors *receptors);

typedef struct mdl_levels {
    uint32_t used;                                /* 0: nothing below is read            */
    float tonic[MDL_MODULATORS];                  /* 0..4                                */
    float phasic[MDL_MODULATORS];                 /* -4..4                               */
    float level[MDL_MODULATORS];                  /* tonic + phasic within 0..4: derived */
    float arousal;                                /* meta, 0..4                          */
    float reward_fast, reward_slow, novelty_mean; /* running averages                 */
} mdl_levels;

/* Birth: tonic levels at their bases, or where they are held. */
void mdl_levels_init(mdl_levels *l, const mdl_modulator_params *p);

/* What a window's evaluation says. */
typedef struct mdl_evaluation {
    float error;       /* E_reward                                          */
    float deviation;   /* s.d. of the prediction error before this window   */
    float expected;    /* and with it                                       */
    float novelty;     /* E_novelty                                         */
    float reward;      /* 0 where there was none                            */
    float activity;    /* C_global                                          */
    float salience[2]; /* of the transition: external, internal             */
} mdl_evaluation;
void mdl_levels_next(mdl_levels *l, const mdl_modulator_params *p, const mdl_evaluation *e);

/* The critic's discount, sigmoid(logit) without serotonin's hold on it. */
float mdl_levels_discount(const mdl_levels *l, const mdl_modulator_params *p, float logit);
/* The levers on a region: identity while modulators or receptors are off. */
mdl_levers mdl_levels_hold(const mdl_levels *l, const mdl_modulator_params *p, const mdl_receptors *receptors,
                           uint32_t region, mdl_levers_fn *levers);
/* 1 + k arousal; 1 while modulators or arousal are off. */
float mdl_levels_rate(const mdl_levels *l, const mdl_modulator_params *p);

/* Canonical bytes where modulators are used: tonic, phasic, arousal, averages.
 * Load sets r->bad on values that no life has. */
void mdl_levels_save(const mdl_levels *l, const mdl_sink *sink);
void mdl_levels_load(mdl_levels *l, const mdl_modulator_params *p, mdl_reader *r);

#endif
