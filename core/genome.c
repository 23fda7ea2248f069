#include "core/genome.h"

#include <string.h>

#include "core/assert.h"
#include "core/err.h"
#include "core/evolution.h"
#include "core/num.h"

#define ABSENT MDL_GENES_ABSENT

static const struct {
    const char *key, *text;
    float initial;
} genes[MDL_GENE_COUNT] = {
#define X(name, key, initial, text) {key, text, initial},
    MDL_GENE_MAP(X)
#undef X
};

const char *mdl_gene_key(uint32_t gene) { return gene < MDL_GENE_COUNT ? genes[gene].key : NULL; }

const char *mdl_gene_text(uint32_t gene) { return gene < MDL_GENE_COUNT ? genes[gene].text : NULL; }

/* A section of `count` genes, if wanted: its start, and the total moved on. */
static uint32_t section(uint64_t *total, uint64_t count, int wanted) {
    if (!wanted)
        return ABSENT;
    uint32_t at = (uint32_t)*total;
    *total += count;
    return at;
}

int mdl_genome_layout_of(const mdl_experiment *x, mdl_genome_layout *l) {
    const mdl_hmn_spec *spec = &x->hmn;
    const mdl_network_spec *network = &x->network;
    const uint8_t *on = spec->mechanism;
    uint64_t synapses = 0, neurons = 0, sources = 0, total = 0;
    for (uint32_t r = 0; r < network->regions; r++) {
        mdl_shape s;
        mdl_shape_of(network, r, &s);
        synapses += s.synapses;
        neurons += s.neurons;
        sources += s.sources - 1;
    }
    if (synapses > UINT32_MAX)
        return MDL_ERANGE;
    int neuraxon = x->model == MDL_MODEL_NEURAXON;
    l->encoding = neuraxon ? x->neuraxon.encoding : spec->encoding;
    l->synapses = (uint32_t)synapses;
    l->neurons = (uint32_t)neurons;
    int direct = l->encoding == MDL_DIRECT, here = direct && neuraxon;
    if (direct && synapses > MDL_GENES_MAX)
        return MDL_ERANGE;
    l->weights = section(&total, synapses, direct);
    l->phases = section(&total, synapses, direct && on[MDL_MECH_PHASE_GATE]);
    l->gains = section(&total, neurons, direct && on[MDL_MECH_NEURON_GAIN]);
    l->embeddings = section(&total, 4 * sources, direct && on[MDL_MECH_LOCAL_ATTENTION]);
    l->meta = section(&total, synapses, here && x->neuraxon.mechanism[MDL_NX_META_WEIGHTS]);
    l->thresholds = section(&total, 2 * neurons, here);
    l->taus = section(&total, neurons, here);
    uint64_t region_genes = neuraxon ? MDL_NEURAXON_REGION_GENES : MDL_CLASSES * MDL_CLASS_GENES + 1;
    l->regions = section(&total, network->regions * region_genes, !direct);
    l->globals = section(&total, MDL_GENE_COUNT, 1);
    l->neuraxon = section(&total, MDL_NEURAXON_GENE_COUNT, neuraxon);
    const mdl_modulator_spec *modulators = &x->modulators;
    l->modulators = section(&total, mdl_modulator_genes(network->regions), modulators->used != 0);
    uint32_t switches = 0;
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        switches += on[m] == MDL_GENE;
    for (uint32_t m = 0; neuraxon && m < MDL_NX_COUNT; m++)
        switches += x->neuraxon.mechanism[m] == MDL_GENE;
    for (uint32_t m = 0; modulators->used && m < MDL_MOD_COUNT; m++)
        switches += modulators->mechanism[m] == MDL_GENE;
    l->switches = section(&total, switches, 1);
    if (total > MDL_GENES_MAX)
        return MDL_ERANGE;
    l->genes = (uint32_t)total;
    return MDL_OK;
}

static void fill(float *mean, float *sd, uint64_t at, uint64_t count, float m, float s) {
    for (uint64_t i = at; i < at + count; i++) {
        mean[i] = m;
        sd[i] = s;
    }
}

/* Plasticity of a new synapse, and its spread where it is drawn. */
#define META_MEAN 0.5f
#define META_SD 0.25f
/* Noise that leaves trinary states alone most of the time. */
#define NEURAXON_NOISE 0.2f

static void neuraxon_prior(const mdl_neuraxon_spec *spec, const mdl_genome_layout *l, float *mean, float *sd) {
    if (l->encoding == MDL_DIRECT) {
        fill(mean, sd, l->weights, l->synapses, 0.0f, spec->init_sd);
        if (l->meta != ABSENT)
            fill(mean, sd, l->meta, l->synapses, META_MEAN, 0.0f);
    } else {
        for (uint32_t at = l->regions; at < l->globals; at += MDL_NEURAXON_REGION_GENES)
            for (uint32_t c = 0; c < MDL_CLASSES; c++) {
                uint32_t g = at + c * MDL_NEURAXON_CLASS_GENES;
                fill(mean, sd, g + 1, 1, 1.0f, 0.0f); /* s.d. of weights */
                fill(mean, sd, g + 2, 1, META_MEAN, 0.0f);
                fill(mean, sd, g + 3, 1, META_SD, 0.0f);
            }
    }
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
        mean[l->globals + i] = genes[i].initial;
    mean[l->globals + MDL_GENE_NOISE] = NEURAXON_NOISE;
    for (uint32_t i = 0; i < MDL_NEURAXON_GENE_COUNT; i++)
        mean[l->neuraxon + i] = mdl_neuraxon_gene_initial(i);
}

void mdl_genome_prior(const mdl_experiment *x, const mdl_genome_layout *l, float *mean, float *sd) {
    const mdl_hmn_spec *spec = &x->hmn;
    fill(mean, sd, 0, l->genes, 0.0f, 0.0f);
    if (x->modulators.used)
        mdl_modulator_prior(x->network.regions, mean + l->modulators);
    if (x->model == MDL_MODEL_NEURAXON) {
        neuraxon_prior(&x->neuraxon, l, mean, sd);
        return;
    }
    if (l->encoding == MDL_DIRECT) {
        fill(mean, sd, l->weights, l->synapses, 0.0f, spec->init_sd);
        if (l->gains != ABSENT)
            fill(mean, sd, l->gains, l->neurons, 1.0f, 0.0f);
        if (l->embeddings != ABSENT) /* a mild random embedding: identical ones would make attention uniform */
            fill(mean, sd, l->embeddings, l->globals - l->embeddings, 0.0f, spec->init_sd);
    } else {
        for (uint32_t at = l->regions; at < l->globals; at += MDL_CLASSES * MDL_CLASS_GENES + 1) {
            for (uint32_t c = 0; c < MDL_CLASSES; c++) {
                uint32_t g = at + c * MDL_CLASS_GENES;
                fill(mean, sd, g + 1, 1, 1.0f, 0.0f);          /* s.d. of weights  */
                fill(mean, sd, g + 3, 1, 1.0f, 0.0f);          /* spread of phases */
                fill(mean, sd, g + 4, 4, 0.0f, spec->init_sd); /* embedding        */
            }
            fill(mean, sd, at + MDL_CLASSES * MDL_CLASS_GENES, 1, 1.0f, 0.0f); /* gain */
        }
    }
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
        mean[l->globals + i] = genes[i].initial;
}

mdl_gene_prior mdl_genome_search_prior(const mdl_experiment *x, const mdl_genome_layout *l, float *room) {
    mdl_genome_prior(x, l, room, room + l->genes);
    return (mdl_gene_prior){l->genes, room, room + l->genes, l->globals + MDL_GENE_ETA_LOCAL,
                            l->globals + MDL_GENE_ETA_GLOBAL};
}

uint32_t mdl_phase_of_gene(float half_turns) {
    return (uint32_t)((uint64_t)mdl_fix(mdl_clampf(half_turns, -64.0f, 64.0f)) >> 1);
}

/* Time constants as decays: tau = 1 + e^x steps gives 1 - 1/tau = sigmoid(x). */
static float decay(float x) { return mdl_sigmoidf(mdl_clampf(x, -6.0f, 6.0f)); }

/* Settles `count` switches: each "gene" by the next gene of the section, then
 * those of `off` are off. Returns where the next ones stand. */
static uint32_t settle(uint8_t *mechanism, uint32_t count, const float *genome, uint32_t at, uint32_t off) {
    for (uint32_t m = 0; m < count; m++) {
        if (mechanism[m] == MDL_GENE)
            mechanism[m] = genome[at++] > 0.0f ? MDL_ON : MDL_OFF;
        if (off >> m & 1u)
            mechanism[m] = MDL_OFF;
    }
    return at;
}

void mdl_genome_decode(const mdl_experiment *x, const mdl_genome_layout *l, const float *genome, mdl_params *p) {
    mdl_genome_decode_without(x, l, genome, NULL, p);
}

void mdl_genome_decode_without(const mdl_experiment *x, const mdl_genome_layout *l, const float *genome,
                               const mdl_knockout *out, mdl_params *p) {
    static const mdl_knockout nothing;
    out = out ? out : &nothing;
    const mdl_hmn_spec *spec = &x->hmn;
    mdl_neuraxon_spec neuraxon = x->neuraxon;
    mdl_modulator_spec modulators = x->modulators;
    uint8_t shared[MDL_MECH_COUNT];
    memcpy(shared, spec->mechanism, sizeof shared);
    /* The section's order, whatever is taken out: shared ones, Neuraxon's, the modulators'. */
    uint32_t at = settle(shared, MDL_MECH_COUNT, genome, l->switches, out->shared);
    if (x->model == MDL_MODEL_NEURAXON)
        at = settle(neuraxon.mechanism, MDL_NX_COUNT, genome, at, out->neuraxon);
    if (modulators.used)
        at = settle(modulators.mechanism, MDL_MOD_COUNT, genome, at, out->modulators);
    MDL_ASSERT(at == l->genes); /* the layout is this experiment's */
    float g[MDL_GENE_COUNT];
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
        g[i] = mdl_clampf(genome[l->globals + i], -64.0f, 64.0f);
#define G(name) g[MDL_GENE_##name]
    p->on = 0;
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        p->on |= (uint32_t)(shared[m] == MDL_ON) << m;
    p->activation = spec->activation;
    p->trace = spec->trace;
    p->similarity = spec->similarity;
    p->meta_method = spec->meta_method;
    p->meta_period = spec->meta_period;
    p->weight_max = spec->weight_max;
    p->eta_local = mdl_on(p, MDL_MECH_LOCAL_TERM) ? 0.02f * G(ETA_LOCAL) : 0.0f;
    p->eta_global = mdl_on(p, MDL_MECH_GLOBAL_TERM) ? 0.1f * G(ETA_GLOBAL) : 0.0f;
    p->decay_fast = decay(G(TAU_FAST));
    p->decay_slow = decay(2.0f + G(TAU_SLOW));
    p->event_theta = 0.1f * mdl_absf(G(EVENT));
    p->sigma = mdl_on(p, MDL_MECH_NOISE) ? 0.1f * mdl_absf(G(NOISE)) : 0.0f;
    p->beta_a = 2.0f * G(BETA_A);
    p->rho_context[0] = 1.0f - decay(1.0f + G(TAU_C0));
    p->rho_context[1] = 1.0f - decay(3.0f + G(TAU_C1));
    p->beta_g = mdl_on(p, MDL_MECH_GLOBAL_ATTENTION) ? 2.0f * G(BETA_G) : 0.0f;
    p->w[0] = G(W_REWARD);
    p->w[1] = mdl_on(p, MDL_MECH_UNCERTAINTY) ? G(W_UNCERTAINTY) : 0.0f;
    p->w[2] = mdl_on(p, MDL_MECH_NOVELTY) ? G(W_NOVELTY) : 0.0f;
    p->omega = (uint32_t)mdl_fix(G(OMEGA) * 0x1.8723a2p-5f); /* 0.3 / (2 pi) of a turn */
    p->phi0 = mdl_phase_of_gene(G(PHI0));
    p->beta_p = 20.0f * mdl_expf(mdl_clampf(G(BETA_P), -4.0f, 4.0f));
    p->theta_p = 0.02f * G(THETA_P);
    p->alpha_meta[0] = 0.3f * mdl_absf(G(ALPHA_LOCAL));
    p->alpha_meta[1] = 0.3f * mdl_absf(G(ALPHA_GLOBAL));
    int baseline = mdl_on(p, MDL_MECH_BASELINE);
    p->kappa = baseline ? mdl_sigmoidf(mdl_clampf(2.0f + G(KAPPA), -20.0f, 20.0f)) : 0.0f;
    p->r0 = baseline ? 0.3f * G(R0) : 0.0f;
    p->rho_reward = 1.0f - decay(2.0f + G(TAU_REWARD));
    p->rho_novelty = mdl_sigmoidf(mdl_clampf(G(RHO_NOVELTY) - 2.0f, -6.0f, 6.0f));
    p->critic_rate = 0.3f * mdl_absf(G(CRITIC_RATE));
    p->discount_logit = 2.0f + G(DISCOUNT);
    p->discount = decay(p->discount_logit);
    p->bias_rate = 0.1f * mdl_absf(G(BIAS_RATE));
    p->bias_target = mdl_tanhf(G(BIAS_TARGET));
    p->rate_novelty = G(RATE_NOVELTY);
    p->rate_uncertainty = G(RATE_UNCERTAINTY);
    p->drop_base = 0.1f * mdl_absf(G(DROP_BASE));
    p->drop_uncertainty = 0.1f * G(DROP_UNCERTAINTY);
    p->gate[0] = G(GATE_REWARD);
    p->gate[1] = G(GATE_UNCERTAINTY);
    p->gate[2] = G(GATE_NOVELTY);
    p->gate_theta = 0.1f * G(GATE_THETA);
#undef G
    memset(&p->modulators, 0, sizeof p->modulators);
    if (modulators.used) {
        for (uint32_t i = 0; i < MDL_CLAMPS; i++)
            modulators.clamp[i] = out->clamped >> i & 1u ? out->clamp[i] : modulators.clamp[i];
        modulators.clamped |= out->clamped;
        mdl_modulator_decode(&modulators, x->network.regions, genome + l->modulators, NULL, &p->modulators,
                             &p->receptors);
    }
    memset(&p->neuraxon, 0, sizeof p->neuraxon);
    if (x->model != MDL_MODEL_NEURAXON)
        return;
    p->weight_max = neuraxon.weight_max;
    float own[MDL_NEURAXON_GENE_COUNT];
    for (uint32_t i = 0; i < MDL_NEURAXON_GENE_COUNT; i++)
        own[i] = mdl_clampf(genome[l->neuraxon + i], -64.0f, 64.0f);
    mdl_neuraxon_decode(&neuraxon, own, NULL, &p->neuraxon);
}
