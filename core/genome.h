/* The HMN genome: a flat binary32 vector with a documented layout, and what it
 * decodes to. SPEC section 10.
 *
 * Direct encoding, sections in this order (absent where the mechanism is off):
 *     weights      one gene per synapse: regions, neurons, slots in order
 *     phases       one per synapse, in half turns            phase_gate
 *     gains        one per neuron                            neuron_gain
 *     embeddings   u0 u1 v0 v1 per source (not source 0)     local_attention
 *     globals      MDL_GENE_COUNT
 *     modulators   mdl_modulator_genes(regions)              modulators in use
 *     switches     one per mechanism set to "gene", in order of mechanisms; the
 *                  modulators' last
 *
 * Indirect encoding: instead of the first four sections, per region and class
 * of synapse (sensor, own, inbound): mean and s.d. of weights, mean and spread
 * of phases, u0 u1 v0 v1; and per region a gain. */
#ifndef MDL_CORE_GENOME_H
#define MDL_CORE_GENOME_H

#include <stddef.h>

#include "core/experiment.h"
#include "core/modulator.h"
#include "core/neuraxon_genome.h"
#include "core/wiring.h"

/* Global genes: X(NAME, key, initial value, what it decodes to). */
#define MDL_GENE_MAP(X)                                                                                                \
    X(ETA_LOCAL, "eta_local", 0.0f, "eta_local = 0.02 g")                                                              \
    X(ETA_GLOBAL, "eta_global", 1.0f, "eta_global = 0.1 g")                                                            \
    X(TAU_FAST, "tau_fast", 0.0f, "tau_fast = 1 + exp(g) steps; decay sigmoid(g)")                                     \
    X(TAU_SLOW, "tau_slow", 0.0f, "tau_slow = 1 + exp(2 + g) steps")                                                   \
    X(EVENT, "event", 0.5f, "event threshold 0.1 |g| (event traces)")                                                  \
    X(NOISE, "noise", 0.5f, "sigma = 0.1 |g|")                                                                         \
    X(BETA_A, "beta_a", 0.5f, "beta_a = 2 g")                                                                          \
    X(TAU_C0, "tau_c0", 0.0f, "first context constant 1 + exp(1 + g) steps")                                           \
    X(TAU_C1, "tau_c1", 0.0f, "second context constant 1 + exp(3 + g) steps")                                          \
    X(BETA_G, "beta_g", 0.5f, "beta_g = 2 g")                                                                          \
    X(W_REWARD, "w_reward", 1.0f, "w_reward = g")                                                                      \
    X(W_UNCERTAINTY, "w_uncertainty", 0.0f, "w_uncertainty = g")                                                       \
    X(W_NOVELTY, "w_novelty", 0.0f, "w_novelty = g")                                                                   \
    X(OMEGA, "omega", 1.0f, "Omega = 0.3 g radians a step")                                                            \
    X(PHI0, "phi0", 0.0f, "phi_0 = g half turns")                                                                      \
    X(BETA_P, "beta_p", 0.0f, "beta_p = 20 exp(g)")                                                                    \
    X(THETA_P, "theta_p", 0.0f, "theta_p = 0.02 g")                                                                    \
    X(ALPHA_LOCAL, "alpha_meta_1", 0.3f, "alpha_meta,1 = 0.3 |g|")                                                     \
    X(ALPHA_GLOBAL, "alpha_meta_2", 0.3f, "alpha_meta,2 = 0.3 |g|")                                                    \
    X(KAPPA, "kappa", 0.0f, "kappa = sigmoid(2 + g), share of the running baseline")                                   \
    X(TAU_REWARD, "tau_reward", 0.0f, "decay of running reward statistics sigmoid(2 + g)")                             \
    X(R0, "r0", 0.0f, "innate baseline r_0 = 0.3 g")                                                                   \
    X(RHO_NOVELTY, "rho_novelty", 0.0f, "rate of the sensors' running mean sigmoid(g - 2)")                            \
    X(CRITIC_RATE, "critic_rate", 0.3f, "alpha_v = 0.3 |g|")                                                           \
    X(DISCOUNT, "discount", 0.0f, "gamma = sigmoid(2 + g)")                                                            \
    X(BIAS_RATE, "bias_rate", 0.1f, "eta_b = 0.1 |g|")                                                                 \
    X(BIAS_TARGET, "bias_target", 0.0f, "target activity tanh(g)")                                                     \
    X(RATE_NOVELTY, "rate_novelty", 0.0f, "a_novelty = g")                                                             \
    X(RATE_UNCERTAINTY, "rate_uncertainty", 0.0f, "a_uncertainty = g")                                                 \
    X(DROP_BASE, "drop_base", 0.2f, "p_0 = 0.1 |g|")                                                                   \
    X(DROP_UNCERTAINTY, "drop_uncertainty", 0.0f, "p_1 = 0.1 g")                                                       \
    X(GATE_REWARD, "gate_reward", 1.0f, "m_reward = g")                                                                \
    X(GATE_UNCERTAINTY, "gate_uncertainty", 0.0f, "m_uncertainty = g")                                                 \
    X(GATE_NOVELTY, "gate_novelty", 0.0f, "m_novelty = g")                                                             \
    X(GATE_THETA, "gate_theta", 0.0f, "theta_m = 0.1 g")

typedef enum mdl_gene {
#define X(name, key, initial, text) MDL_GENE_##name,
    MDL_GENE_MAP(X)
#undef X
        MDL_GENE_COUNT
} mdl_gene;

const char *mdl_gene_key(uint32_t gene); /* NULL past the last */
const char *mdl_gene_text(uint32_t gene);

enum { MDL_EMBED = 2, MDL_CLASSES = 3, MDL_CLASS_GENES = 8 };
#define MDL_GENES_ABSENT UINT32_MAX /* start of a section that is not there */

/* Where the sections start, in genes. */
typedef struct mdl_genome_layout {
    mdl_encoding encoding;
    uint32_t synapses;                           /* of the whole network                                */
    uint32_t neurons;                            /* motors included                                     */
    uint32_t weights, phases, gains, embeddings; /* direct; UINT32_MAX: absent */
    uint32_t meta, thresholds, taus;             /* Neuraxon, direct (core/neuraxon_genome.h)           */
    uint32_t regions;                            /* indirect: start of (3 x 8 + 1), or Neuraxon's, genes a region */
    uint32_t globals, neuraxon, modulators, switches, genes; /* genes: the total           */
} mdl_genome_layout;

/* MDL_ERANGE when the genome would pass MDL_GENES_MAX. */
int mdl_genome_layout_of(const mdl_experiment *x, mdl_genome_layout *layout);

/* mean[genes], sd[genes] of initial genes. */
void mdl_genome_prior(const mdl_experiment *x, const mdl_genome_layout *layout, float *mean, float *sd);

/* The same as mdl_evolution_init() wants it, with the two learning rates that
 * population-scope meta-learning scales. `room` has 2 x genes floats; the result
 * points into it. */
mdl_gene_prior mdl_genome_search_prior(const mdl_experiment *x, const mdl_genome_layout *layout, float *room);

/* The global genes decoded, and every switch resolved. */
typedef struct mdl_params {
    uint32_t on; /* bit per mechanism */
    mdl_activation activation;
    mdl_trace_form trace;
    mdl_similarity similarity;
    mdl_meta_method meta_method;
    uint32_t meta_period;
    float weight_max;
    float eta_local, eta_global;
    float decay_fast, decay_slow; /* factor a step */
    float event_theta;
    float sigma;
    float beta_a;
    float rho_context[MDL_EMBED]; /* weight of the newest activation */
    float beta_g;
    float w[3];           /* reward, uncertainty, novelty; 0 where switched off */
    uint32_t omega, phi0; /* fractions of a turn */
    float beta_p, theta_p;
    float alpha_meta[2];
    float kappa, r0;  /* 0 without baselines */
    float rho_reward; /* weight of the newest reward */
    float rho_novelty;
    float critic_rate, discount, discount_logit;
    float bias_rate, bias_target;
    float rate_novelty, rate_uncertainty;
    float drop_base, drop_uncertainty;
    float gate[3], gate_theta;
    mdl_neuraxon_params neuraxon;
    mdl_modulator_params modulators;
    mdl_receptors receptors; /* read where modulators are used */
} mdl_params;

static inline int mdl_on(const mdl_params *p, mdl_mechanism m) { return (int)(p->on >> m & 1u); }

/* What is taken out of a network after its switches have been read, so that the
 * genome and its layout stay what they are; and levels that are held. */
typedef struct mdl_knockout {
    uint32_t shared, neuraxon, modulators; /* bit per mechanism of the three maps: off */
    uint32_t clamped;                      /* bit per MDL_CLAMPS, beside the experiment's */
    float clamp[MDL_CLAMPS];               /* 0..MDL_LEVEL_MAX where clamped              */
} mdl_knockout;

/* Genes are clamped to [-64, 64] first; any finite genome is valid. `layout` is
 * that of `x`. */
void mdl_genome_decode(const mdl_experiment *x, const mdl_genome_layout *layout, const float *genome,
                       mdl_params *params);
/* The same network without something; `out` NULL: whole. */
void mdl_genome_decode_without(const mdl_experiment *x, const mdl_genome_layout *layout, const float *genome,
                               const mdl_knockout *out, mdl_params *params);

/* A phase gene (half turns) as a fraction of a turn. */
uint32_t mdl_phase_of_gene(float half_turns);

#endif
