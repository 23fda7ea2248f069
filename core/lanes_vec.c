/* The modulatory states of 16 lives by one window, on vec16.h: what
 * mdl_modulation_next (core/modulation.c), which is the definition, does to each.
 * Compiled once per instruction set with MDL_KERNEL set to the path's name. */
#include "core/vec16.h"

#include "core/lanes_vec.h"

#if !MDL_VEC16
#error "this file needs an instruction set of vec16.h"
#endif

/* Eqs. (6), (10), (11), the plasticity gate and dropout. */
static void integrate(mdl_lane_modulation *m, const mdl_params *p, const mdl_lane_params *q) {
    const vf zero = vf_set(0.0f), one = vf_set(1.0f);
    int attention = mdl_on(p, MDL_MECH_GLOBAL_ATTENTION);
    vf score[MDL_E_COUNT], sum = zero, e[MDL_E_COUNT], g = zero, g_prime = zero, gate = zero;
    for (int k = 0; k < MDL_E_COUNT; k++) {
        e[k] = vf_load(m->e[k]);
        if (!attention)
            continue;
        vf similar = vf_mul(vf_load(q->beta_g), vf_mul(e[k], vf_load(m->c_global)));
        score[k] = vf_exp(vf_clamp(similar, -20.0f, 20.0f));
        sum = vf_add(sum, score[k]);
    }
    for (int k = 0; k < MDL_E_COUNT; k++) {
        vf gamma = attention ? vf_div(vf_mul(vf_set((float)MDL_E_COUNT), score[k]), sum) : one;
        vf weighted = vf_mul(vf_load(q->w[k]), e[k]);
        vf_store(m->gamma[k], gamma);
        g = vf_add(g, weighted);
        g_prime = vf_fma(gamma, weighted, g_prime);
        gate = vf_fma(vf_load(q->gate[k]), vf_abs(e[k]), gate);
    }
    vf_store(m->g, g);
    vf_store(m->g_prime, g_prime);
    vf permit = one, drop = zero;
    if (mdl_on(p, MDL_MECH_PLASTICITY_GATE))
        permit = vf_keep(vf_lt(vf_load(q->gate_theta), gate), one);
    if (mdl_on(p, MDL_MECH_DROPOUT))
        drop = vf_clamp(vf_fma(vf_load(q->drop_uncertainty), e[MDL_E_UNCERTAINTY], vf_load(q->drop_base)), 0.0f, 0.9f);
    vf_store(m->permit, permit);
    vf_store(m->drop, drop);
}

/* Learning rates in force. */
static void set_rates(mdl_lane_modulation *m, const mdl_params *p, const mdl_lane_params *q) {
    vf factor[2] = {vf_set(1.0f), vf_set(1.0f)}, context = vf_set(1.0f);
    if (mdl_on(p, MDL_MECH_META_LEARNING))
        for (int i = 0; i < 2; i++)
            factor[i] = vf_exp(vf_add(vf_load(m->u[i]), vf_load(m->d[i])));
    if (mdl_on(p, MDL_MECH_CONTEXT_RATE)) {
        context = vf_fma(vf_load(q->rate_novelty), vf_load(m->e[MDL_E_NOVELTY]), context);
        context = vf_fma(vf_load(q->rate_uncertainty), vf_load(m->e[MDL_E_UNCERTAINTY]), context);
        context = vf_clamp(context, 0.0f, 4.0f);
    }
    vf_store(m->eta_local, vf_mul(vf_mul(vf_load(q->eta_local), factor[0]), context));
    vf_store(m->eta_global, vf_mul(vf_mul(vf_load(q->eta_global), factor[1]), context));
}

/* Modulators, life by life. */
static void release(mdl_lane_modulation *m, const mdl_lane_params *q, vf spread, vf reward,
                    const mdl_lanes_answer *answer) {
    float deviation[MDL_LANES], expected[MDL_LANES], earned[MDL_LANES];
    vf_store(deviation, spread);
    vf_store(expected, vf_sqrt(vf_max(vf_load(m->variance), vf_set(0.0f))));
    vf_store(earned, reward);
    EACH_LANE {
        const mdl_evaluation e = {
            .error = m->e[MDL_E_REWARD][l],
            .deviation = deviation[l],
            .expected = expected[l],
            .novelty = m->e[MDL_E_NOVELTY][l],
            .reward = earned[l],
            .activity = m->c_global[l],
            .salience = {answer->salience[l][0], answer->salience[l][1]},
        };
        mdl_levels_next(&m->levels[l], &q->own[l].modulators, &e);
    }
}

/* Eq. (7) where a meta-period may be full. */
static void meta_learn(mdl_lane_modulation *m, const mdl_lane_params *q, const uint64_t *key) {
    EACH_LANE {
        if (!(m->flags[l] & MDL_OUT_REWARD))
            continue;
        m->meta_sum[l] += m->reward[l];
        if (++m->meta_count[l] == q->own[l].meta_period) {
            mdl_modulation one;
            mdl_lane_unpack(m, l, &one);
            mdl_modulation_meta(&one, &q->own[l], key[l]);
            mdl_lane_pack(m, l, &one);
        }
    }
}

static void next(mdl_lane_modulation *m, const mdl_lane_params *q, const uint64_t key[MDL_LANES], uint32_t window_steps,
                 const mdl_partials partials[MDL_LANES], uint32_t neurons, uint32_t sensors,
                 const mdl_lanes_answer *answer) {
    const vf zero = vf_set(0.0f);
    const mdl_params *p = &q->own[0]; /* for what is the same in all lanes */
    int critic = mdl_on(p, MDL_MECH_CRITIC), modulators = p->modulators.used != 0;
    vu flags = vu_load(m->flags);
    vm rewarded = vu_test(flags, vu_set(MDL_OUT_REWARD));
    float activity[MDL_LANES], novelty[MDL_LANES], worth[MDL_LANES];
    EACH_LANE {
        activity[l] = mdl_fix_to_f(partials[l].activity);
        novelty[l] = mdl_fix_to_f(partials[l].novelty);
    }
    vf reward = vf_load(m->reward), mean = vf_load(m->reward_mean), variance = vf_load(m->variance);
    vf rho = vf_load(q->rho_reward);
    vf error = vf_keep(rewarded, vf_fma(vf_neg(vf_load(q->kappa)), mean, vf_sub(reward, vf_load(q->r0))));
    vf moved = vf_flush(vf_fma(rho, vf_sub(reward, mean), mean));
    vf_store(m->reward_mean, vf_select(rewarded, moved, mean));
    vf value = zero;
    if (critic) {
        float discount[MDL_LANES];
        EACH_LANE {
            worth[l] = mdl_fix_to_f(partials[l].value);
            discount[l] = modulators
                              ? mdl_levels_discount(&m->levels[l], &q->own[l].modulators, q->own[l].discount_logit)
                              : q->own[l].discount;
        }
        vm ends = vu_test(vu_load(answer->flags), vu_set(MDL_OUT_WIPE | MDL_OUT_DONE));
        value = vf_select(ends, zero, vf_clamp(vf_load(worth), -MDL_E_MAX, MDL_E_MAX));
        error = vf_fma(vf_load(discount), value, error);
        error = vf_select(vu_test(flags, vu_set(MDL_OUT_WIPE)), error, vf_sub(error, vf_load(m->value)));
    }
    vf_store(m->value, value);
    vf spread = vf_sqrt(vf_max(variance, zero));
    vf e = vf_clamp(error, -MDL_E_MAX, MDL_E_MAX);
    vf_store(m->e[MDL_E_REWARD], e);
    moved = vf_fma(rho, vf_sub(vf_mul(e, e), variance), variance);
    moved = vf_flush(vf_clamp(moved, 0.0f, MDL_E_MAX * MDL_E_MAX));
    variance = critic ? moved : vf_select(rewarded, moved, variance);
    vf_store(m->variance, variance);
    vf_store(m->e[MDL_E_UNCERTAINTY], vf_min(variance, vf_set(MDL_E_MAX)));
    vf strange = vf_sqrt(vf_max(vf_div(vf_load(novelty), vf_set((float)sensors)), zero));
    vf_store(m->e[MDL_E_NOVELTY], vf_clamp(strange, 0.0f, MDL_E_MAX));
    vf_store(m->c_global, vf_div(vf_load(activity), vf_set((float)neurons)));
    if (modulators)
        release(m, q, spread, vf_keep(rewarded, reward), answer);

    vu_store(m->window, vu_add(vu_load(m->window), vu_set(1)));
    vu_store(m->step, vu_add(vu_load(m->step), vu_set(window_steps)));
    if (mdl_on(p, MDL_MECH_META_LEARNING))
        meta_learn(m, q, key);
    integrate(m, p, q);
    set_rates(m, p, q);

    vu_store(m->flags_before, flags);
    vu_store(m->action_before, vu_load(answer->action));
    vu_store(m->flags, vu_load(answer->flags));
    vf_store(m->reward, vf_load(answer->reward));
}

void JOIN(mdl_hmn_lanes_window_, MDL_KERNEL)(struct mdl_hmn_lanes *n, mdl_lanes_window *w);
void JOIN(mdl_neuraxon_lanes_window_, MDL_KERNEL)(struct mdl_neuraxon_lanes *n, mdl_lanes_window *w);

extern const mdl_lanes_kernel JOIN(mdl_lanes_, MDL_KERNEL);
const mdl_lanes_kernel JOIN(mdl_lanes_, MDL_KERNEL) = {.hmn = JOIN(mdl_hmn_lanes_window_, MDL_KERNEL),
                                                       .neuraxon = JOIN(mdl_neuraxon_lanes_window_, MDL_KERNEL),
                                                       .next = next};
