/* Decoded genes of lives side by side (core/lanes.h): what the kernels of lanes
 * compute with, a genome to a lane. Lanes may differ in all of these; what is not
 * here is the same in all (switches, forms, bounds) or read from the lane's own. */
#ifndef MDL_CORE_LANE_PARAMS_H
#define MDL_CORE_LANE_PARAMS_H

#include "core/genome.h"
#include "core/wiring.h"

#define MDL_LANE_GENES(X)                                                                                              \
    X(eta_local)                                                                                                       \
    X(eta_global)                                                                                                      \
    X(decay_fast)                                                                                                      \
    X(decay_slow)                                                                                                      \
    X(sigma)                                                                                                           \
    X(beta_a)                                                                                                          \
    X(beta_g)                                                                                                          \
    X(beta_p)                                                                                                          \
    X(theta_p)                                                                                                         \
    X(event_theta)                                                                                                     \
    X(kappa)                                                                                                           \
    X(r0)                                                                                                              \
    X(rho_reward)                                                                                                      \
    X(rho_novelty)                                                                                                     \
    X(critic_rate)                                                                                                     \
    X(bias_rate)                                                                                                       \
    X(bias_target) X(rate_novelty) X(rate_uncertainty) X(drop_base) X(drop_uncertainty) X(gate_theta)

#define MDL_LANE_NEURAXON_GENES(X)                                                                                     \
    X(decay_e)                                                                                                         \
    X(decay_fast)                                                                                                      \
    X(consolidate)                                                                                                     \
    X(relax)                                                                                                           \
    X(set_point)                                                                                                       \
    X(meta_relax)                                                                                                      \
    X(meta_change)                                                                                                     \
    X(meta_serotonin)                                                                                                  \
    X(decay_pre)                                                                                                       \
    X(decay_post)                                                                                                      \
    X(depression)                                                                                                      \
    X(adapt_rate)                                                                                                      \
    X(adapt_size)                                                                                                      \
    X(auto_rate)                                                                                                       \
    X(auto_size)                                                                                                       \
    X(spontaneous)                                                                                                     \
    X(kick) X(osc_size) X(osc_coupling) X(balance_rate) X(modulatory) X(novelty_shift)

typedef struct mdl_lane_neuraxon {
#define X(name) float name[MDL_LANES];
    MDL_LANE_NEURAXON_GENES(X)
#undef X
    uint32_t omega[3][MDL_LANES];
} mdl_lane_neuraxon;

typedef struct mdl_lane_params {
#define X(name) float name[MDL_LANES];
    MDL_LANE_GENES(X)
#undef X
    float rho_context[MDL_EMBED][MDL_LANES], w[3][MDL_LANES], gate[3][MDL_LANES];
    uint32_t omega[MDL_LANES], phi0[MDL_LANES];
    mdl_lane_neuraxon neuraxon;
    mdl_params own[MDL_LANES]; /* receptors only where modulators are used */
} mdl_lane_params;

/* A lane's genes. */
void mdl_lane_params_set(mdl_lane_params *rows, uint32_t lane, const mdl_params *p);

/* Whether two genomes of one experiment can lie side by side: their switches agree. */
int mdl_lane_params_agree(const mdl_params *a, const mdl_params *b);

#endif
