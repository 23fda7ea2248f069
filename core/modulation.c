#include "core/modulation.h"

#include <string.h>

#include "core/num.h"

/* Bound of log learning-rate offsets; the perturbation c of eq. (7). */
#define U_MAX 2.0f
#define PERTURBATION 0.2f
/* Weight of the newest meta-period in the baseline of REINFORCE. */
#define META_BASE_RATE 0.3f
/* Beyond any reward; keeps what hostile bytes lead to finite. */
#define REWARD_MAX 1024.0f

/* A Rademacher sign pair: bits of one draw, counter (window, 0, 0, "meta"). */
static void draw_signs(uint64_t key, uint32_t window, float sign[2]) {
    uint32_t c[4] = {window, 0, 0, 0x6d657461u};
    mdl_philox(c, key, c);
    for (int i = 0; i < 2; i++)
        sign[i] = c[i] >> 31 ? 1.0f : -1.0f;
}

/* Meta-periods in one gradient estimate. */
static uint32_t meta_stages(const mdl_params *p) {
    return p->meta_method == MDL_META_REINFORCE ? 1 : p->meta_method == MDL_META_SPSA ? 2 : 4;
}

/* The perturbation that a new meta-period holds, by method and stage. */
static void perturb(mdl_modulation *m, const mdl_params *p, uint64_t key) {
    float sign[2];
    if (p->meta_method == MDL_META_FINITE) { /* +local, -local, +global, -global */
        for (uint32_t i = 0; i < 2; i++)
            m->d[i] = m->meta_stage / 2 != i ? 0.0f : m->meta_stage % 2 == 0 ? PERTURBATION : -PERTURBATION;
        return;
    }
    if (p->meta_method == MDL_META_SPSA && m->meta_stage == 1) { /* the same direction, backwards */
        m->d[0] = -m->d[0];
        m->d[1] = -m->d[1];
        return;
    }
    draw_signs(key, m->window, sign);
    for (int i = 0; i < 2; i++)
        m->d[i] = PERTURBATION * sign[i];
}

static void descend(mdl_modulation *m, const mdl_params *p, uint32_t i, float gradient) {
    m->u[i] = mdl_clampf(mdl_fmaf(-p->alpha_meta[i], gradient, m->u[i]), -U_MAX, U_MAX);
}

/* A meta-period has ended with loss L = -mean reward. Eq. (7) in u = ln(eta /
 * eta_0); gradients are in units of 1/c (c is absorbed in alpha). */
static void meta_step(mdl_modulation *m, const mdl_params *p, uint64_t key, float loss) {
    if (p->meta_method == MDL_META_REINFORCE) {
        float advantage = loss - m->meta_base;
        m->meta_base = mdl_fmaf(META_BASE_RATE, advantage, m->meta_base);
        for (uint32_t i = 0; i < 2; i++)
            descend(m, p, i, m->d[i] > 0.0f ? advantage : -advantage);
    } else {
        if (m->meta_stage % 2 == 0) {
            m->meta_first = loss;
        } else {
            float difference = 0.5f * (m->meta_first - loss); /* L(+) - L(-) over 2 */
            if (p->meta_method == MDL_META_FINITE) {
                descend(m, p, m->meta_stage / 2, difference);
            } else {
                for (uint32_t i = 0; i < 2; i++) /* d is the backward one now: its sign is flipped */
                    descend(m, p, i, m->d[i] < 0.0f ? difference : -difference);
            }
        }
    }
    m->meta_stage = (m->meta_stage + 1) % meta_stages(p);
    m->meta_sum = 0.0f;
    m->meta_count = 0;
    perturb(m, p, key);
}

/* Learning rates in force: eq. (7)'s offset and perturbation, and the
 * context-dependent factor. */
static void set_rates(mdl_modulation *m, const mdl_params *p) {
    float factor[2] = {1.0f, 1.0f};
    if (mdl_on(p, MDL_MECH_META_LEARNING))
        for (int i = 0; i < 2; i++)
            factor[i] = mdl_expf(m->u[i] + m->d[i]);
    float context = 1.0f;
    if (mdl_on(p, MDL_MECH_CONTEXT_RATE)) {
        context = mdl_fmaf(p->rate_novelty, m->e[MDL_E_NOVELTY], context);
        context = mdl_fmaf(p->rate_uncertainty, m->e[MDL_E_UNCERTAINTY], context);
        context = mdl_clampf(context, 0.0f, 4.0f);
    }
    m->eta_local = p->eta_local * factor[0] * context;
    m->eta_global = p->eta_global * factor[1] * context;
}

/* Eqs. (6), (10), (11), the plasticity gate and dropout, from E and C. The
 * softmax is scaled by the number of signals: uniform attention is gamma = 1. */
static void integrate(mdl_modulation *m, const mdl_params *p) {
    float score[MDL_E_COUNT], sum = 0.0f;
    int attention = mdl_on(p, MDL_MECH_GLOBAL_ATTENTION);
    for (int k = 0; attention && k < MDL_E_COUNT; k++) {
        score[k] = mdl_expf(mdl_clampf(p->beta_g * (m->e[k] * m->c_global), -20.0f, 20.0f));
        sum += score[k];
    }
    float g = 0.0f, g_prime = 0.0f, gate = 0.0f;
    for (int k = 0; k < MDL_E_COUNT; k++) {
        m->gamma[k] = attention ? (float)MDL_E_COUNT * score[k] / sum : 1.0f;
        float weighted = p->w[k] * m->e[k];
        g += weighted;
        g_prime = mdl_fmaf(m->gamma[k], weighted, g_prime);
        gate = mdl_fmaf(p->gate[k], mdl_absf(m->e[k]), gate);
    }
    m->g = g;
    m->g_prime = g_prime;
    m->permit = !mdl_on(p, MDL_MECH_PLASTICITY_GATE) || gate > p->gate_theta ? 1.0f : 0.0f;
    m->drop = 0.0f;
    if (mdl_on(p, MDL_MECH_DROPOUT))
        m->drop = mdl_clampf(mdl_fmaf(p->drop_uncertainty, m->e[MDL_E_UNCERTAINTY], p->drop_base), 0.0f, 0.9f);
}

void mdl_modulation_init(mdl_modulation *m, const mdl_params *p, uint64_t key, const mdl_task_out *out) {
    memset(m, 0, sizeof *m);
    m->flags = out->flags;
    m->reward = out->reward;
    m->flags_before = MDL_OUT_FROZEN; /* there is no step to complete */
    if (mdl_on(p, MDL_MECH_META_LEARNING))
        perturb(m, p, key);
    integrate(m, p);
    set_rates(m, p);
    mdl_levels_init(&m->levels, &p->modulators);
}

/* Modulators, from the evaluation of window k and what its action led to. */
static void release(mdl_modulation *m, const mdl_params *p, float deviation, float reward, const mdl_task_out *out) {
    const mdl_evaluation e = {
        .error = m->e[MDL_E_REWARD],
        .deviation = deviation,
        .expected = mdl_sqrtf(m->variance),
        .novelty = m->e[MDL_E_NOVELTY],
        .reward = reward,
        .activity = m->c_global,
        .salience = {out->salience[0], out->salience[1]},
    };
    mdl_levels_next(&m->levels, &p->modulators, &e);
}

void mdl_modulation_meta(mdl_modulation *m, const mdl_params *p, uint64_t key) {
    meta_step(m, p, key, -m->meta_sum / (float)p->meta_period);
}

void mdl_modulation_next(mdl_modulation *m, const mdl_params *p, uint64_t key, uint32_t window_steps,
                         const mdl_partials *partials, uint32_t neurons, uint32_t sensors, uint32_t action,
                         const mdl_task_out *out) {
    int rewarded = (m->flags & MDL_OUT_REWARD) != 0;
    int critic = mdl_on(p, MDL_MECH_CRITIC);

    /* E_reward: reward above its baselines; with the critic a TD error. A life's
     * or trial's last window has no future, its first no past. */
    float error = 0.0f;
    if (rewarded) {
        error = m->reward - p->r0;
        error = mdl_fmaf(-p->kappa, m->reward_mean, error);
        m->reward_mean = mdl_flushf(mdl_fmaf(p->rho_reward, m->reward - m->reward_mean, m->reward_mean));
    }
    float value = 0.0f;
    if (critic) {
        if (!(out->flags & (MDL_OUT_WIPE | MDL_OUT_DONE)))
            value = mdl_clampf(mdl_fix_to_f(partials->value), -MDL_E_MAX, MDL_E_MAX);
        float discount =
            p->modulators.used ? mdl_levels_discount(&m->levels, &p->modulators, p->discount_logit) : p->discount;
        error = mdl_fmaf(discount, value, error);
        if (!(m->flags & MDL_OUT_WIPE))
            error -= m->value;
    }
    float deviation = mdl_sqrtf(m->variance);
    m->value = value;
    m->e[MDL_E_REWARD] = mdl_clampf(error, -MDL_E_MAX, MDL_E_MAX);
    if (rewarded || critic) {
        float e = m->e[MDL_E_REWARD];
        m->variance = mdl_flushf(
            mdl_clampf(mdl_fmaf(p->rho_reward, e * e - m->variance, m->variance), 0.0f, MDL_E_MAX * MDL_E_MAX));
    }
    m->e[MDL_E_UNCERTAINTY] = mdl_minf(m->variance, MDL_E_MAX);
    m->e[MDL_E_NOVELTY] = mdl_clampf(mdl_sqrtf(mdl_fix_to_f(partials->novelty) / (float)sensors), 0.0f, MDL_E_MAX);
    m->c_global = mdl_fix_to_f(partials->activity) / (float)neurons;
    if (p->modulators.used)
        release(m, p, deviation, rewarded ? m->reward : 0.0f, out);

    m->window++;
    m->step += window_steps;
    if (rewarded && mdl_on(p, MDL_MECH_META_LEARNING)) {
        m->meta_sum += m->reward;
        if (++m->meta_count == p->meta_period)
            mdl_modulation_meta(m, p, key);
    }
    integrate(m, p);
    set_rates(m, p);

    m->flags_before = m->flags;
    m->action_before = action;
    m->flags = out->flags;
    m->reward = out->reward;
}

void mdl_modulation_save(const mdl_modulation *m, const mdl_sink *sink) {
    mdl_put_u32(sink, m->window);
    mdl_put_u32(sink, m->step);
    mdl_put_u32(sink, m->flags);
    mdl_put_u32(sink, m->flags_before);
    mdl_put_u32(sink, m->action_before);
    mdl_put_u32(sink, m->meta_count);
    mdl_put_u32(sink, m->meta_stage);
    mdl_put_f32(sink, m->reward);
    mdl_put_f32s(sink, m->e, MDL_E_COUNT);
    mdl_put_f32s(sink, m->gamma, MDL_E_COUNT);
    const float rest[] = {m->g,    m->g_prime, m->c_global,    m->eta_local, m->eta_global, m->permit,
                          m->drop, m->value,   m->reward_mean, m->variance,  m->u[0],       m->u[1],
                          m->d[0], m->d[1],    m->meta_sum,    m->meta_base, m->meta_first};
    mdl_put_f32s(sink, rest, sizeof rest / sizeof rest[0]);
    if (m->levels.used)
        mdl_levels_save(&m->levels, sink);
}

void mdl_modulation_load(mdl_modulation *m, const mdl_params *p, mdl_reader *r) {
    memset(m, 0, sizeof *m);
    m->window = mdl_get_u32(r);
    m->step = mdl_get_u32(r);
    m->flags = mdl_get_u32(r);
    m->flags_before = mdl_get_u32(r);
    m->action_before = mdl_get_u32(r);
    m->meta_count = mdl_get_u32(r);
    m->meta_stage = mdl_get_u32(r);
    m->reward = mdl_get_f32(r);
    mdl_get_f32s(r, m->e, MDL_E_COUNT);
    mdl_get_f32s(r, m->gamma, MDL_E_COUNT);
    float *rest[] = {&m->g,    &m->g_prime, &m->c_global,    &m->eta_local, &m->eta_global, &m->permit,
                     &m->drop, &m->value,   &m->reward_mean, &m->variance,  &m->u[0],       &m->u[1],
                     &m->d[0], &m->d[1],    &m->meta_sum,    &m->meta_base, &m->meta_first};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        *rest[i] = mdl_get_f32(r);
    const uint32_t flags = MDL_OUT_REWARD | MDL_OUT_WIPE | MDL_OUT_FROZEN | MDL_OUT_TEACH | MDL_OUT_DONE;
    int bad = ((m->flags | m->flags_before) & ~flags) != 0 || m->action_before >= MDL_ACTION_MAX;
    bad |= m->meta_count >= p->meta_period || m->meta_stage >= meta_stages(p);
    /* Bounds of `rest` in its order: a valid state is well within, and one within stays so. */
    static const float bound[sizeof rest / sizeof rest[0]] = {0x1p14f,
                                                              0x1p14f,
                                                              64.0f,
                                                              1024.0f,
                                                              1024.0f,
                                                              1.0f,
                                                              1.0f,
                                                              MDL_E_MAX,
                                                              REWARD_MAX,
                                                              MDL_E_MAX * MDL_E_MAX,
                                                              U_MAX,
                                                              U_MAX,
                                                              0.25f,
                                                              0.25f,
                                                              FLT_MAX,
                                                              4.0f * REWARD_MAX,
                                                              4.0f * REWARD_MAX};
    bad |= mdl_absf(m->reward) > REWARD_MAX;
    bad |= mdl_absf(m->meta_sum) > REWARD_MAX * (float)(m->meta_count + 1);
    for (int k = 0; k < MDL_E_COUNT; k++)
        bad |= mdl_absf(m->e[k]) > MDL_E_MAX || mdl_absf(m->gamma[k]) > 2.0f * MDL_E_COUNT;
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        bad |= mdl_absf(*rest[i]) > bound[i];
    /* A negative variance would carry E_uncertainty out of its bound, and has no root. */
    bad |= m->variance < 0.0f || m->permit < 0.0f || m->drop < 0.0f;
    bad |= m->e[MDL_E_UNCERTAINTY] < 0.0f || m->e[MDL_E_NOVELTY] < 0.0f;
    r->bad |= bad;
    if (p->modulators.used)
        mdl_levels_load(&m->levels, &p->modulators, r);
}
