#include "core/lever.h"

#include "core/lever_loops.h"

/* ln 0.3 and ln 1.5: affinities high and low. */
#define LN_K_HIGH (-0x1.34379p+0f)
#define LN_K_LOW 0x1.9f323ep-2f

static const char *const modulator_key[] = {
#define X(name, key) key,
    MDL_MODULATOR_MAP(X)
#undef X
};

static const char *const lever_key[MDL_LEVER_COUNT] = {
#define X(name, field, key, how, lo, hi, text) key,
    MDL_LEVER_MAP(X)
#undef X
};

/* After the review's account of the receptors: D2 and D1, 5-HT1A and 5-HT2A,
 * acetylcholine's two, alpha2A and alpha1A. */
static const float effect[MDL_RECEPTOR_CLASSES][MDL_LEVER_COUNT] = {
    [2 * MDL_DOPAMINE] = {[MDL_LEVER_THRESHOLD] = 0.1f},
    [2 * MDL_DOPAMINE + 1] = {[MDL_LEVER_SLOW] = 0.3f, [MDL_LEVER_SLOPE] = 0.3f, [MDL_LEVER_THRESHOLD] = -0.2f},
    [2 * MDL_SEROTONIN] = {[MDL_LEVER_REST] = -0.1f},
    [2 * MDL_SEROTONIN + 1] = {[MDL_LEVER_INHIBIT] = 0.2f, [MDL_LEVER_REST] = 0.3f},
    [2 * MDL_ACETYLCHOLINE] = {[MDL_LEVER_FEEDFORWARD] = 0.4f, [MDL_LEVER_FEEDBACK] = -0.2f},
    [2 * MDL_ACETYLCHOLINE + 1] = {[MDL_LEVER_EXCITE] = 0.3f},
    [2 * MDL_NORADRENALINE] = {[MDL_LEVER_SLOPE] = 0.7f, [MDL_LEVER_FEEDBACK] = 0.4f},
    [2 * MDL_NORADRENALINE + 1] = {[MDL_LEVER_REST] = 0.3f, [MDL_LEVER_SLOPE] = -1.1f, [MDL_LEVER_SPREAD] = 0.3f},
};

const char *mdl_modulator_key(uint32_t modulator) {
    return modulator < MDL_MODULATORS ? modulator_key[modulator] : NULL;
}

const char *mdl_lever_key(uint32_t lever) { return lever < MDL_LEVER_COUNT ? lever_key[lever] : NULL; }

float mdl_effect_default(uint32_t receptor_class, uint32_t lever) { return effect[receptor_class][lever]; }

float mdl_affinity_default(uint32_t receptor_class) { return receptor_class % 2 == 0 ? LN_K_HIGH : LN_K_LOW; }

void mdl_receptors_defaults(mdl_receptors *r) {
    for (uint32_t c = 0; c < MDL_RECEPTOR_CLASSES; c++) {
        r->ln_k[c] = mdl_affinity_default(c);
        r->n[c] = 2.0f;
        for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
            r->effect[c][i] = effect[c][i];
        for (uint32_t region = 0; region < MDL_REGIONS_MAX; region++)
            r->density[region][c] = 1.0f;
    }
}

float mdl_occupancy(float level, float ln_k, float n) { return mdl_lever_occupancy(level, mdl_logf(level), ln_k, n); }

mdl_levers mdl_levers_of(const mdl_receptors *r, uint32_t region, const float *level) {
    return mdl_lever_loops(r, region, level);
}
