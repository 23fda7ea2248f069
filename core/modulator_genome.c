/* The modulators' section of a genome. SPEC 12.5. */
#include "core/modulator.h"
#include "core/num.h"

static const struct {
    const char *key, *text;
    float initial;
} network_genes[MDL_MOD_GENES] = {
#define X(name, key, initial, text) {key, text, initial},
    MDL_MODULATOR_GENE_MAP(X)
#undef X
};

static const char *const signal_key[MDL_SIGNALS] = {
#define X(name, key, text) key,
    MDL_SIGNAL_MAP(X)
#undef X
};

/* What releases which modulator, and how fast it is gone: initial genes. */
static const float coupling[MDL_MODULATORS][MDL_SIGNALS] = {
    [MDL_DOPAMINE] = {[MDL_SIGNAL_ERROR] = 1.0f},
    [MDL_SEROTONIN] = {[MDL_SIGNAL_HORIZON] = 1.0f},
    [MDL_ACETYLCHOLINE] = {[MDL_SIGNAL_EXPECTED] = 0.5f, [MDL_SIGNAL_NOVELTY] = 0.5f},
    [MDL_NORADRENALINE] = {[MDL_SIGNAL_UNEXPECTED] = 1.0f, [MDL_SIGNAL_EXTERNAL] = 1.0f},
};
static const float decay_gene[MDL_MODULATORS] = {
    [MDL_DOPAMINE] = -4.0f, [MDL_SEROTONIN] = 2.0f, [MDL_ACETYLCHOLINE] = 1.0f, [MDL_NORADRENALINE] = 0.0f};

const char *mdl_modulator_gene_key(uint32_t gene) { return gene < MDL_MOD_GENES ? network_genes[gene].key : NULL; }

const char *mdl_modulator_gene_text(uint32_t gene) { return gene < MDL_MOD_GENES ? network_genes[gene].text : NULL; }

const char *mdl_signal_key(uint32_t signal) { return signal < MDL_SIGNALS ? signal_key[signal] : NULL; }

void mdl_modulator_prior(uint32_t regions, float *mean) {
    for (uint32_t i = 0; i < MDL_MOD_GENES; i++)
        *mean++ = network_genes[i].initial;
    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        *mean++ = 0.5f;
        *mean++ = decay_gene[m];
        *mean++ = 0.0f;
        for (uint32_t s = 0; s < MDL_SIGNALS; s++)
            *mean++ = coupling[m][s];
    }
    for (uint32_t c = 0; c < MDL_RECEPTOR_CLASSES; c++) {
        *mean++ = 0.0f;
        *mean++ = 0.0f;
        for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
            *mean++ = mdl_effect_default(c, i);
    }
    for (uint32_t i = 0; i < regions * MDL_RECEPTOR_CLASSES; i++)
        *mean++ = 1.0f;
}

static float take(const float **at) { return mdl_clampf(*(*at)++, -64.0f, 64.0f); }

static float decay(float x) { return mdl_sigmoidf(mdl_clampf(x, -6.0f, 6.0f)); }

void mdl_modulator_decode(const mdl_modulator_spec *spec, uint32_t regions, const float *genes, const float *switches,
                          mdl_modulator_params *p, mdl_receptors *receptors) {
    float g[MDL_MOD_GENES];
    p->used = 1;
    p->on = 0;
    for (uint32_t m = 0; m < MDL_MOD_COUNT; m++) {
        uint32_t on = spec->mechanism[m] == MDL_ON;
        if (spec->mechanism[m] == MDL_GENE)
            on = *switches++ > 0.0f;
        p->on |= on << m;
    }
    p->clamped = spec->clamped;
    for (uint32_t i = 0; i < MDL_CLAMPS; i++)
        p->clamp[i] = spec->clamp[i];
    for (uint32_t i = 0; i < MDL_MOD_GENES; i++)
        g[i] = take(&genes);
    p->arousal_decay = decay(2.0f + g[MDL_MOD_GENE_AROUSAL_DECAY]);
    p->arousal_from[0] = mdl_absf(g[MDL_MOD_GENE_AROUSAL_NOVELTY]);
    p->arousal_from[1] = mdl_absf(g[MDL_MOD_GENE_AROUSAL_EXTERNAL]);
    p->arousal_from[2] = mdl_absf(g[MDL_MOD_GENE_AROUSAL_INTERNAL]);
    p->arousal_rate = mdl_minf(mdl_absf(g[MDL_MOD_GENE_AROUSAL_RATE]), 8.0f);
    p->horizon = g[MDL_MOD_GENE_HORIZON_SEROTONIN];
    p->rho_fast = 1.0f - decay(2.0f + g[MDL_MOD_GENE_REWARD_FAST]);
    p->rho_slow = 1.0f - decay(4.0f + g[MDL_MOD_GENE_REWARD_SLOW]);
    p->rho_novelty = 1.0f - decay(3.0f + g[MDL_MOD_GENE_NOVELTY_MEAN]);
    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        p->base[m] = mdl_clampf(take(&genes), 0.0f, MDL_LEVEL_MAX);
        p->decay[m] = decay(take(&genes));
        p->rate[m] = decay(take(&genes) - 4.0f);
        for (uint32_t s = 0; s < MDL_SIGNALS; s++)
            p->coupling[m][s] = take(&genes);
    }
    for (uint32_t c = 0; c < MDL_RECEPTOR_CLASSES; c++) {
        receptors->ln_k[c] = mdl_affinity_default(c) + mdl_clampf(take(&genes), -4.0f, 4.0f);
        receptors->n[c] = 2.0f * mdl_expf(mdl_clampf(take(&genes), -1.5f, 1.5f));
        for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
            receptors->effect[c][i] = take(&genes);
    }
    for (uint32_t region = 0; region < regions; region++)
        for (uint32_t c = 0; c < MDL_RECEPTOR_CLASSES; c++)
            receptors->density[region][c] = mdl_clampf(take(&genes), 0.0f, MDL_LEVEL_MAX);
}
