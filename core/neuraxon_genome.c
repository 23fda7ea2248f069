#include "core/neuraxon_genome.h"

#include <stddef.h>

#include "core/num.h"

static const struct {
    const char *key, *text;
    float initial;
} genes[MDL_NEURAXON_GENE_COUNT] = {
#define X(name, key, initial, text) {key, text, initial},
    MDL_NEURAXON_GENE_MAP(X)
#undef X
};

const char *mdl_neuraxon_gene_key(uint32_t g) { return g < MDL_NEURAXON_GENE_COUNT ? genes[g].key : NULL; }

const char *mdl_neuraxon_gene_text(uint32_t g) { return g < MDL_NEURAXON_GENE_COUNT ? genes[g].text : NULL; }

float mdl_neuraxon_gene_initial(uint32_t g) { return g < MDL_NEURAXON_GENE_COUNT ? genes[g].initial : 0.0f; }

/* Published rates of the public v1 for weights that relax to zero. */
#define V1_DECAY_FAST 0.8f
#define V1_RELAX 0.02f

static float squash(float x) { return mdl_sigmoidf(mdl_clampf(x, -8.0f, 6.0f)); }

static uint32_t turns(float g, float base) { return (uint32_t)mdl_fix(base * mdl_expf(mdl_clampf(g, -3.0f, 1.0f))); }

void mdl_neuraxon_decode(const mdl_neuraxon_spec *spec, const float *g, const float *switches, mdl_neuraxon_params *p) {
#define G(name) g[MDL_NX_GENE_##name]
    p->on = 0;
    for (uint32_t m = 0; m < MDL_NX_COUNT; m++) {
        uint32_t on = spec->mechanism[m] == MDL_ON;
        if (spec->mechanism[m] == MDL_GENE)
            on = *switches++ > 0.0f;
        p->on |= on << m;
    }
    int stdp = mdl_nx_on(p, MDL_NX_STDP), zero = spec->relax == MDL_RELAX_ZERO;
    p->tau_membrane = G(TAU_MEMBRANE);
    p->decay_e = squash(2.0f + G(TAU_ELIGIBILITY));
    p->decay_fast = zero ? V1_DECAY_FAST : squash(3.0f + G(TAU_FAST));
    p->consolidate =
        mdl_nx_on(p, MDL_NX_CONSOLIDATION) ? 0.2f * squash(G(CONSOLIDATE) - 1.0f) * (1.0f - p->decay_fast) : 0.0f;
    p->relax = zero ? V1_RELAX : 0.02f * squash(G(RELAX) - 3.0f);
    p->set_point = zero ? 0.0f : mdl_clampf(G(SET_POINT), -2.0f, 2.0f);
    p->meta_relax = 0.05f * squash(G(META_RELAX) - 2.0f);
    p->meta_change = G(META_CHANGE);
    p->meta_serotonin = 0.01f * G(META_SEROTONIN);
    p->arousal = mdl_absf(G(AROUSAL));
    p->decay_pre = stdp ? squash(G(TAU_PRE)) : 0.0f;
    p->decay_post = stdp ? squash(G(TAU_POST)) : 0.0f;
    p->depression = stdp ? G(DEPRESSION) : 0.0f;
    p->adapt_rate = squash(G(ADAPT_RATE) - 4.0f);
    p->adapt_size = mdl_nx_on(p, MDL_NX_ADAPTATION) ? 0.1f * mdl_absf(G(ADAPT_SIZE)) : 0.0f;
    p->auto_rate = squash(G(AUTO_RATE) - 5.0f);
    p->auto_size = mdl_nx_on(p, MDL_NX_AUTORECEPTOR) ? 0.2f * G(AUTO_SIZE) : 0.0f;
    p->spontaneous =
        mdl_nx_on(p, MDL_NX_SPONTANEOUS) ? mdl_minf(0.01f * (G(SPONTANEOUS) * G(SPONTANEOUS)), 0.25f) : 0.0f;
    p->kick = mdl_absf(G(KICK));
    p->osc_size = mdl_nx_on(p, MDL_NX_OSCILLATORS) ? 0.1f * mdl_absf(G(OSC_SIZE)) : 0.0f;
    p->osc_coupling = mdl_minf(mdl_absf(G(OSC_COUPLING)), 1.0f);
    p->osc_spread = G(OSC_SPREAD);
    p->omega[0] = turns(G(OSC_SLOW), 1.0f / 256.0f);
    p->omega[1] = turns(G(OSC_MIDDLE), 1.0f / 48.0f);
    p->omega[2] = turns(G(OSC_FAST), 1.0f / 9.0f);
    p->homeo_rate = 0.04f * squash(G(HOMEO_RATE));
    p->balance_rate = 0.1f * squash(G(BALANCE_RATE) - 1.0f);
    p->wake = 0.5f * mdl_absf(G(WAKE));
    p->prune = mdl_minf(0.02f * (G(PRUNE) * G(PRUNE)), 1.0f);
    p->form = mdl_minf(0.02f * (G(FORM) * G(FORM)), 1.0f);
    p->modulatory = 0.3f * G(MODULATORY);
    p->novelty_shift = 0.3f * G(NOVELTY_SHIFT);
#undef G
}
