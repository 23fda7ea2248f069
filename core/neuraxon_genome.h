/* The Neuraxon part of a genome and what it decodes to. SPEC section 13.
 *
 * Direct encoding, sections in this order:
 *     weights      one gene per synapse: regions, neurons, slots in order
 *     meta         one per synapse                               meta_weights
 *     thresholds   two per neuron: above, below
 *     taus         one per neuron
 *     globals      MDL_GENE_COUNT, shared with HMN (core/genome.h)
 *     neuraxon     MDL_NEURAXON_GENE_COUNT
 *     ..           what other parts of the experiment add
 *     switches     one per mechanism set to "gene": shared ones, then Neuraxon's
 *
 * Indirect encoding: instead of the first four sections, per region
 * MDL_NEURAXON_REGION_GENES: for each class of synapse (sensor, own, inbound)
 * mean and s.d. of weights and of meta; then mean of the upper threshold, of the
 * lower, their s.d.; mean and s.d. of tau. */
#ifndef MDL_CORE_NEURAXON_GENOME_H
#define MDL_CORE_NEURAXON_GENOME_H

#include "core/network_spec.h"
#include "core/neuraxon_spec.h"

/* X(NAME, key, initial value, what it decodes to) */
#define MDL_NEURAXON_GENE_MAP(X)                                                                                       \
    X(TAU_MEMBRANE, "tau_membrane", 0.0f, "decay of v: sigmoid(tau_j + g) a step")                                     \
    X(TAU_ELIGIBILITY, "tau_eligibility", 0.0f, "decay of e: sigmoid(2 + g) a window")                                 \
    X(TAU_FAST, "tau_fast_weight", 0.0f, "decay of w_fast: sigmoid(3 + g) a window")                                   \
    X(CONSOLIDATE, "consolidate", 0.0f, "0.2 sigmoid(g - 1) of what w_fast loses goes to w_slow")                      \
    X(RELAX, "relax", 0.0f, "w_slow moves 0.02 sigmoid(g - 3) of its way to the set point a window")                   \
    X(SET_POINT, "set_point", 1.0f, "set point = g w0, g within -2..2")                                                \
    X(META_RELAX, "meta_relax", 0.0f, "w_meta moves 0.05 sigmoid(g - 2) of its way to its gene a window")              \
    X(META_CHANGE, "meta_change", 0.0f, "w_meta -= g |d|")                                                             \
    X(META_SEROTONIN, "meta_serotonin", 0.0f, "w_meta += 0.01 g serotonin")                                            \
    X(AROUSAL, "arousal_form", 1.0f, "formation is 1 + |g| arousal times as likely")                                   \
    X(TAU_PRE, "tau_pre", 0.0f, "decay of the presynaptic trace: sigmoid(g) a step")                                   \
    X(TAU_POST, "tau_post", 0.0f, "decay of the postsynaptic trace: sigmoid(g) a step")                                \
    X(DEPRESSION, "depression", 0.2f, "A = g: share of post before pre")                                               \
    X(ADAPT_RATE, "adapt_rate", 0.0f, "rate of adaptation: sigmoid(g - 4) a step")                                     \
    X(ADAPT_SIZE, "adapt_size", 1.0f, "adaptation goes to 0.1 |g| |s|")                                                \
    X(AUTO_RATE, "auto_rate", 0.0f, "rate of the autoreceptor: sigmoid(g - 5) a step")                                 \
    X(AUTO_SIZE, "auto_size", 0.5f, "thresholds shift by 0.2 g times it")                                              \
    X(SPONTANEOUS, "spontaneous_rate", 0.5f, "probability of a kick: 0.01 g g a step, at most 0.25")                   \
    X(KICK, "kick", 1.0f, "kick = |g|")                                                                                \
    X(OSC_SIZE, "osc_size", 1.0f, "amplitude 0.1 |g|")                                                                 \
    X(OSC_SLOW, "osc_slow", 0.0f, "slow rhythm: exp(g) / 256 turns a step")                                            \
    X(OSC_MIDDLE, "osc_middle", 0.0f, "middle rhythm: exp(g) / 48 turns a step")                                       \
    X(OSC_FAST, "osc_fast", 0.0f, "fast rhythm: exp(g) / 9 turns a step")                                              \
    X(OSC_COUPLING, "osc_coupling", 1.0f, "depth of the gating of one by the next slower: min(|g|, 1)")                \
    X(OSC_SPREAD, "osc_spread", 0.25f, "phases of neurons within g half turns")                                        \
    X(HOMEO_RATE, "homeo_rate", 0.0f, "gain *= 1 + 0.04 sigmoid(g) (1 - load), every 256 steps")                       \
    X(BALANCE_RATE, "balance_rate", 0.0f, "rate of the inhibitory gain: 0.1 sigmoid(g - 1) a window")                  \
    X(WAKE, "wake", 1.0f, "a silent synapse may wake when |e| > 0.5 |g|")                                              \
    X(PRUNE, "prune", 1.0f, "death of a weak synapse: probability 0.02 g g a window, at most 1")                       \
    X(FORM, "form", 1.0f, "formation at a dead one: 0.02 g g a window, at most 1")                                     \
    X(MODULATORY, "modulatory", 1.0f, "thresholds shift by -0.3 g w_meta x")                                           \
    X(NOVELTY_SHIFT, "novelty_shift", 0.0f, "thresholds shift by -0.3 g E_novelty")

typedef enum mdl_neuraxon_gene {
#define X(name, key, initial, text) MDL_NX_GENE_##name,
    MDL_NEURAXON_GENE_MAP(X)
#undef X
        MDL_NEURAXON_GENE_COUNT
} mdl_neuraxon_gene;

const char *mdl_neuraxon_gene_key(uint32_t gene); /* NULL past the last */
const char *mdl_neuraxon_gene_text(uint32_t gene);
float mdl_neuraxon_gene_initial(uint32_t gene);

enum { MDL_NEURAXON_CLASS_GENES = 4, MDL_NEURAXON_REGION_GENES = 3 * MDL_NEURAXON_CLASS_GENES + 5 };

/* The Neuraxon genes decoded, and its switches resolved. */
typedef struct mdl_neuraxon_params {
    uint32_t on; /* bit per mdl_neuraxon_mechanism */
    float tau_membrane;
    float decay_e, decay_fast, consolidate, relax, set_point;
    float meta_relax, meta_change, meta_serotonin;
    float arousal;
    float decay_pre, decay_post, depression;
    float adapt_rate, adapt_size, auto_rate, auto_size;
    float spontaneous, kick;
    float osc_size, osc_coupling, osc_spread;
    uint32_t omega[3]; /* slow, middle, fast, 2^-32 turns a step */
    float homeo_rate, balance_rate;
    float wake, prune, form;
    float modulatory, novelty_shift;
} mdl_neuraxon_params;

static inline int mdl_nx_on(const mdl_neuraxon_params *p, mdl_neuraxon_mechanism m) { return (int)(p->on >> m & 1u); }

/* From the values of the Neuraxon section, each within -64..64, and its
 * switches (those that are genes, in order). `shared_noise` and the like stay in
 * mdl_params. */
void mdl_neuraxon_decode(const mdl_neuraxon_spec *spec, const float *genes, const float *switches,
                         mdl_neuraxon_params *params);

#endif
