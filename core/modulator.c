#include "core/modulator.h"

#include <string.h>

#include "core/num.h"

/* Beyond any reward; keeps what hostile bytes lead to finite. E_novelty's bound. */
#define REWARD_MAX 1024.0f
#define NOVELTY_MAX 16.0f

static int modulator_on(const mdl_modulator_params *p, uint32_t m) {
    return mdl_mod_on(p, (mdl_modulator_mechanism)(MDL_MOD_DOPAMINE + m));
}

/* What is off, held or derived, after anything moved. */
static void settle(mdl_levels *l, const mdl_modulator_params *p) {
    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        if (!modulator_on(p, m)) {
            l->tonic[m] = l->phasic[m] = 0.0f;
        } else if (p->clamped >> m & 1u) {
            l->tonic[m] = p->clamp[m];
            l->phasic[m] = 0.0f;
        }
        l->level[m] = mdl_clampf(l->tonic[m] + l->phasic[m], 0.0f, MDL_LEVEL_MAX);
    }
    if (!mdl_mod_on(p, MDL_MOD_AROUSAL))
        l->arousal = 0.0f;
    else if (p->clamped >> MDL_CLAMP_AROUSAL & 1u)
        l->arousal = p->clamp[MDL_CLAMP_AROUSAL];
}

void mdl_levels_init(mdl_levels *l, const mdl_modulator_params *p) {
    memset(l, 0, sizeof *l);
    l->used = p->used;
    if (!p->used)
        return;
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        l->tonic[m] = p->base[m];
    settle(l, p);
}

static float average(float mean, float rho, float x) { return mdl_flushf(mdl_fmaf(rho, x - mean, mean)); }

void mdl_levels_next(mdl_levels *l, const mdl_modulator_params *p, const mdl_evaluation *e) {
    float signal[MDL_SIGNALS];
    signal[MDL_SIGNAL_ERROR] = e->error;
    signal[MDL_SIGNAL_EXPECTED] = e->expected;
    signal[MDL_SIGNAL_UNEXPECTED] = mdl_maxf(mdl_fmaf(-2.0f, e->deviation, mdl_absf(e->error)), 0.0f);
    signal[MDL_SIGNAL_NOVELTY] = mdl_maxf(e->novelty - l->novelty_mean, 0.0f);
    l->novelty_mean = average(l->novelty_mean, p->rho_novelty, e->novelty);
    l->reward_fast = average(l->reward_fast, p->rho_fast, e->reward);
    l->reward_slow = average(l->reward_slow, p->rho_slow, e->reward);
    signal[MDL_SIGNAL_HORIZON] = mdl_clampf(l->reward_slow - l->reward_fast, -MDL_LEVEL_MAX, MDL_LEVEL_MAX);
    signal[MDL_SIGNAL_EXTERNAL] = mdl_clampf(e->salience[0], 0.0f, 1.0f);
    signal[MDL_SIGNAL_INTERNAL] = mdl_clampf(e->salience[1], 0.0f, 1.0f);
    signal[MDL_SIGNAL_ACTIVITY] = e->activity;

    for (uint32_t m = 0; m < MDL_MODULATORS; m++) {
        float drive = 0.0f;
        for (uint32_t s = 0; s < MDL_SIGNALS; s++)
            drive = mdl_fmaf(p->coupling[m][s], signal[s], drive);
        drive = mdl_clampf(drive, -MDL_LEVEL_MAX, MDL_LEVEL_MAX);
        float phasic = mdl_fmaf(p->decay[m], l->phasic[m], drive);
        l->phasic[m] =
            mdl_mod_on(p, MDL_MOD_PHASIC) ? mdl_flushf(mdl_clampf(phasic, -MDL_LEVEL_MAX, MDL_LEVEL_MAX)) : 0.0f;
        if (mdl_mod_on(p, MDL_MOD_TONIC)) {
            float tonic = mdl_fmaf(p->rate[m], (p->base[m] + drive) - l->tonic[m], l->tonic[m]);
            l->tonic[m] = mdl_flushf(mdl_clampf(tonic, 0.0f, MDL_LEVEL_MAX));
        }
    }
    float arousal = p->arousal_decay * l->arousal;
    arousal = mdl_fmaf(p->arousal_from[0], signal[MDL_SIGNAL_NOVELTY], arousal);
    arousal = mdl_fmaf(p->arousal_from[1], signal[MDL_SIGNAL_EXTERNAL], arousal);
    arousal = mdl_fmaf(p->arousal_from[2], signal[MDL_SIGNAL_INTERNAL], arousal);
    l->arousal = mdl_flushf(mdl_minf(arousal, MDL_LEVEL_MAX));
    settle(l, p);
}

float mdl_levels_discount(const mdl_levels *l, const mdl_modulator_params *p, float logit) {
    if (p->used && mdl_mod_on(p, MDL_MOD_HORIZON) && mdl_mod_on(p, MDL_MOD_SEROTONIN))
        logit = mdl_fmaf(p->horizon, l->level[MDL_SEROTONIN] - p->base[MDL_SEROTONIN], logit);
    return mdl_sigmoidf(mdl_clampf(logit, -6.0f, 6.0f));
}

mdl_levers mdl_levels_hold(const mdl_levels *l, const mdl_modulator_params *p, const mdl_receptors *receptors,
                           uint32_t region, mdl_levers_fn *levers) {
    if (!p->used || !mdl_mod_on(p, MDL_MOD_RECEPTORS))
        return MDL_LEVERS_NONE;
    return levers(receptors, region, l->level);
}

float mdl_levels_rate(const mdl_levels *l, const mdl_modulator_params *p) {
    return p->used ? mdl_fmaf(p->arousal_rate, l->arousal, 1.0f) : 1.0f;
}

void mdl_levels_save(const mdl_levels *l, const mdl_sink *sink) {
    mdl_put_f32s(sink, l->tonic, MDL_MODULATORS);
    mdl_put_f32s(sink, l->phasic, MDL_MODULATORS);
    mdl_put_f32(sink, l->arousal);
    mdl_put_f32(sink, l->reward_fast);
    mdl_put_f32(sink, l->reward_slow);
    mdl_put_f32(sink, l->novelty_mean);
}

/* Two zeros differ too. */
static int differs(float a, float b) { return mdl_float_bits(a) != mdl_float_bits(b); }

void mdl_levels_load(mdl_levels *l, const mdl_modulator_params *p, mdl_reader *r) {
    l->used = p->used;
    mdl_get_f32s(r, l->tonic, MDL_MODULATORS);
    mdl_get_f32s(r, l->phasic, MDL_MODULATORS);
    l->arousal = mdl_get_f32(r);
    l->reward_fast = mdl_get_f32(r);
    l->reward_slow = mdl_get_f32(r);
    l->novelty_mean = mdl_get_f32(r);
    int bad = mdl_absf(l->reward_fast) > REWARD_MAX || mdl_absf(l->reward_slow) > REWARD_MAX;
    bad |= !(l->arousal >= 0.0f && l->arousal <= MDL_LEVEL_MAX);
    bad |= !(l->novelty_mean >= 0.0f && l->novelty_mean <= NOVELTY_MAX);
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        bad |= !(l->tonic[m] >= 0.0f && l->tonic[m] <= MDL_LEVEL_MAX) || mdl_absf(l->phasic[m]) > MDL_LEVEL_MAX;
    mdl_levels before = *l;
    settle(l, p); /* what is off or held must have been so */
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        bad |= differs(before.tonic[m], l->tonic[m]) || differs(before.phasic[m], l->phasic[m]);
    bad |= differs(before.arousal, l->arousal);
    r->bad |= bad;
}
