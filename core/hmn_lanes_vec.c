/* A window of HMN networks side by side, on vec16.h: the steps of
 * core/hmn_kernel.c, which is the definition, a life to a lane. Compiled once per
 * instruction set with MDL_KERNEL set to the path's name.
 *
 * A rate of 0 stands for "does not learn": the update is 0 then, and no weight is
 * -0. Traces, which would move, are selected. */
#include "core/vec16.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/hmn_lanes.h"
#include "core/hmn_levers.h"
#include "core/lanes_vec.h"
#include "core/lever_loops.h"

#if !MDL_VEC16
#error "this file needs an instruction set of vec16.h"
#endif

/* What a window's steps need, lane by lane. */
typedef struct stage {
    lane_keys keys;
    vf eta;
    float lever[MDL_LEVER_COUNT][MDL_LANES];
    mdl_hmn_lanes *n;
    const mdl_params *p;      /* switches and forms: the same in all lanes */
    const mdl_lane_params *q; /* and what is not                           */
    const mdl_lanes_window *w;
    uint32_t wiped;      /* bit per lane */
    uint32_t learn[2];   /* completes the step before the window, steps within it */
    int noisy, dropping; /* some lane is */
} stage;

static void stage_of(stage *s, mdl_hmn_lanes *n, const mdl_lanes_window *w) {
    const mdl_lane_modulation *m = w->m;
    const mdl_params *p = &w->q->own[0];
    uint32_t plastic = mdl_on(p, MDL_MECH_PLASTICITY) ? 0xffffu : 0;
    s->n = n;
    s->p = p;
    s->q = w->q;
    s->w = w;
    s->wiped = lanes_with(m->flags, MDL_OUT_WIPE);
    s->learn[0] = plastic & ~lanes_with(m->flags_before, MDL_OUT_FROZEN);
    s->learn[1] = plastic & ~lanes_with(m->flags, MDL_OUT_FROZEN);
    s->noisy = vm_any(vf_lt(vf_set(0.0f), vf_abs(vf_load(s->q->sigma))));
    s->dropping = vm_any(vf_lt(vf_set(0.0f), vf_load(m->drop)));
    s->eta = vf_mul(vf_load(m->permit), vf_fma(vf_load(m->eta_global), vf_load(m->g_prime), vf_load(m->eta_local)));
    if (p->modulators.used) {
        float rate[MDL_LANES];
        EACH_LANE {
            mdl_levers hold =
                mdl_levels_hold(&m->levels[l], &s->q->own[l].modulators, &s->q->own[l].receptors, 0, mdl_lever_loops);
#define X(name, field, key, how, lo, hi, text) s->lever[MDL_LEVER_##name][l] = hold.field;
            MDL_LEVER_MAP(X)
#undef X
            rate[l] = mdl_levels_rate(&m->levels[l], &s->q->own[l].modulators);
        }
        s->eta = vf_mul(s->eta, vf_load(rate));
    }
    if (s->noisy || s->dropping || mdl_on(p, MDL_MECH_PROBABILISTIC))
        lane_keys_of(&s->keys, (const uint32_t(*)[MDL_LANES])n->key);
}

/* First part of a completion: contexts and biases of lanes that learn. */
static void begin_completion(const stage *s, vm learn, int efferent) {
    mdl_hmn_lanes *n = s->n;
    const mdl_params *p = s->p;
    const mdl_shape *shape = &n->shape;
    vu acted = vu_load(s->w->m->action_before);
    vf one = vf_set(1.0f), rho[MDL_EMBED] = {vf_load(s->q->rho_context[0]), vf_load(s->q->rho_context[1])};
    for (uint32_t j = 0; j < shape->neurons; j++) {
        vf post = vf_load(ROW(n->z, j));
        if (efferent && j >= shape->hidden)
            post = vf_keep(vu_equal(acted, vu_set(j - shape->hidden)), one);
        vf_store(ROW(n->post, j), post);
        for (int d = 0; d < MDL_EMBED; d++) {
            vf c = vf_load(ROW(n->context[d], j));
            vf moved = vf_flush(vf_fma(rho[d], vf_sub(post, c), c));
            vf_store(ROW(n->context[d], j), vf_select(learn, moved, c));
        }
    }
    if (!mdl_on(p, MDL_MECH_ADAPTIVE_BIAS))
        return;
    vf rate = vf_load(s->q->bias_rate), target = vf_load(s->q->bias_target), mean_rate = vf_set(MDL_MEAN_RATE);
    for (uint32_t j = 0; j < shape->hidden; j++) {
        vf z = vf_load(ROW(n->z, j)), old = vf_load(ROW(n->mean, j)), bias = vf_load(ROW(n->bias, j));
        vf mean = vf_flush(vf_fma(mean_rate, vf_sub(z, old), old));
        vf b = vf_clamp(vf_fma(rate, vf_sub(target, mean), bias), -MDL_BIAS_MAX, MDL_BIAS_MAX);
        vf_store(ROW(n->mean, j), vf_select(learn, mean, old));
        vf_store(ROW(n->bias, j), vf_select(learn, b, bias));
    }
}

/* Rows of the line that a synapse of delay d reads, for d up to the longest. */
typedef struct taps {
    const float *x[MDL_DELAY_MAX + 1], *h[MDL_EMBED][MDL_DELAY_MAX + 1];
} taps;

static void taps_of(const mdl_hmn_lanes *n, uint32_t t, int embedded, taps *out) {
    for (uint32_t d = 0; d <= n->shape.delay_max; d++) {
        out->x[d] = mdl_hmn_lanes_at(n, n->x, t - d);
        for (int e = 0; embedded && e < MDL_EMBED; e++)
            out->h[e][d] = mdl_hmn_lanes_at(n, n->h[e], t - d);
    }
}

/* Eq. (2) of one synapse; returns e. Lanes that do not learn keep their traces,
 * wiped ones lose them. */
typedef struct tracing {
    vf decay_fast, decay_slow, fast_on, slow_on, theta;
    vm learn, kept; /* kept: not wiped */
    int event, all;
} tracing;

VEC vf trace(const tracing *k, float *fast, float *slow, vf x, vf z) {
    vf q = vf_mul(x, z), f0 = vf_load(fast), g0 = vf_load(slow), f, g;
    if (k->event) {
        vm event = vf_lt(k->theta, vf_abs(q));
        f = vf_mul(vf_select(event, q, vf_mul(k->decay_fast, f0)), k->fast_on);
        g = vf_mul(vf_select(event, q, vf_mul(k->decay_slow, g0)), k->slow_on);
    } else {
        f = vf_fma(k->decay_fast, f0, vf_mul(q, k->fast_on));
        g = vf_fma(k->decay_slow, g0, vf_mul(q, k->slow_on));
    }
    f = vf_flush(f);
    g = vf_flush(g);
    if (k->all) {
        vf_store(fast, f);
        vf_store(slow, g);
    } else {
        vf_store(fast, vf_keep(k->kept, vf_select(k->learn, f, f0)));
        vf_store(slow, vf_keep(k->kept, vf_select(k->learn, g, g0)));
    }
    return vf_add(f, g);
}

/* Eqs. (3)-(5) of one synapse. */
typedef struct changing {
    vf cos_phase, sin_phase, minus_beta, theta_p, most;
    int gated, probabilistic;
} changing;

VEC void change(const changing *k, const mdl_hmn_lanes *n, size_t at, vf d, vu word) {
    float *to = ROW(n->w, at);
    vf w = vf_load(to);
    if (k->gated) {
        vf gate =
            vf_fma(k->cos_phase, vf_load(ROW(n->cos_phi, at)), vf_mul(k->sin_phase, vf_load(ROW(n->sin_phi, at))));
        d = vf_mul(d, vf_max(gate, vf_set(0.0f)));
    }
    if (k->probabilistic) {
        vf odds = vf_exp(vf_mul(k->minus_beta, vf_sub(vf_abs(d), k->theta_p)));
        vf u = vf_of_int(vu_shr(word, 8)); /* 2^24 u */
        w = vf_add_where(vf_lt(vf_fma(u, odds, u), vf_set(0x1p24f)), w, d);
    } else {
        w = vf_add(w, d);
    }
    vf_store(to, vf_bound(w, k->most));
}

/* One row: traces, attention, weights. Slot k of the row sums into k mod 16. */
VEC void complete_row(const stage *s, uint32_t j, const taps *at, const tracing *tr, const changing *ch,
                      const lane_philox *draws, vf eta, int attention) {
    mdl_hmn_lanes *n = s->n;
    const mdl_shape *shape = &n->shape;
    size_t first = mdl_row_packed(shape, j);
    uint32_t fan = mdl_row_fan(shape, j);
    vf z = vf_load(ROW(n->post, j)), rate = eta, attended = vf_set(1.0f);
    vf traced[MDL_LANES_FAN_MAX], scored[MDL_LANES_FAN_MAX];
    if (mdl_on(s->p, MDL_MECH_NEURON_GAIN))
        rate = vf_mul(eta, vf_load(ROW(n->gain, j)));
    if (attention) {
        vf c[MDL_EMBED] = {vf_load(ROW(n->context[0], j)), vf_load(ROW(n->context[1], j))};
        vf total, beta = vf_load(s->q->beta_a);
        lane_unit(s->p->similarity == MDL_COSINE, c);
        for (uint32_t k = 0; k < fan; k++) {
            uint32_t from = n->source[first + k], back = n->delay[first + k];
            traced[k] = trace(tr, ROW(n->fast, first + k), ROW(n->slow, first + k), vf_load(ROW(at->x[back], from)), z);
            vf h0 = vf_load(ROW(at->h[0][back], from)), h1 = vf_load(ROW(at->h[1][back], from));
            vf similar = vf_mul(beta, vf_fma(c[0], h0, vf_mul(c[1], h1)));
            scored[k] = vf_exp_within(vf_clamp(similar, -20.0f, 20.0f));
        }
#define TERM(k, sum) vf_add(sum, scored[k])
        LANE_FOLD(TERM, fan, total);
#undef TERM
        attended = vf_div(vf_set((float)fan), total);
    }
    for (uint32_t q = 0; q < MDL_LANES && q < fan; q++) {
        vu word[4] = {vu_set(0), vu_set(0), vu_set(0), vu_set(0)};
        for (uint32_t k = q; k < fan; k += MDL_LANES) {
            vf e;
            if (ch->probabilistic && k / MDL_LANES % 4 == 0)
                lane_philox_run(draws, j << 4 | q, MDL_DRAW_SYNAPSE + k / (4 * MDL_LANES), word);
            if (attention)
                e = vf_mul(traced[k], vf_mul(scored[k], attended));
            else
                e = trace(tr, ROW(n->fast, first + k), ROW(n->slow, first + k),
                          vf_load(ROW(at->x[n->delay[first + k]], n->source[first + k])), z);
            change(ch, n, first + k, vf_mul(rate, e), word[k / MDL_LANES % 4]);
        }
    }
}

/* Eqs. (2)-(5), (8), (9) of the line's step t; the lanes' own steps are `step`. */
VEC void complete_rows(const stage *s, uint32_t t, vu step, vm learn, uint32_t learn_bits, uint32_t wiped,
                       int attention, int gated, int probabilistic) {
    const mdl_params *p = s->p;
    taps at;
    taps_of(s->n, t, attention, &at);
    const tracing tr = {.decay_fast = vf_load(s->q->decay_fast),
                        .decay_slow = vf_load(s->q->decay_slow),
                        .fast_on = vf_set(mdl_on(p, MDL_MECH_FAST_TRACE) ? 1.0f : 0.0f),
                        .slow_on = vf_set(mdl_on(p, MDL_MECH_SLOW_TRACE) ? 1.0f : 0.0f),
                        .theta = vf_load(s->q->event_theta),
                        .learn = learn,
                        .kept = vm_bits(~wiped & 0xffffu),
                        .event = p->trace != MDL_TRACE_DIFFERENTIAL,
                        .all = learn_bits == 0xffffu && wiped == 0};
    changing ch = {.minus_beta = vf_neg(vf_load(s->q->beta_p)),
                   .theta_p = vf_load(s->q->theta_p),
                   .most = vf_set(p->weight_max),
                   .gated = gated,
                   .probabilistic = probabilistic};
    if (gated) {
        uint32_t own[MDL_LANES];
        vu_store(own, step);
        EACH_LANE own[l] = s->q->omega[l] * own[l] + s->q->phi0[l]; /* mdl_phase_at */
        vf_sincos_turn(vu_load(own), &ch.sin_phase, &ch.cos_phase);
    }
    lane_philox draws = {0};
    if (probabilistic)
        draws = lane_philox_of(&s->keys, 0, step);
    vf eta = vf_keep(learn, s->eta);
    for (uint32_t j = 0; j < s->n->shape.neurons; j++)
        complete_row(s, j, &at, &tr, &ch, &draws, eta, attention);
}

/* Traces of lanes whose trial begins. */
static void wipe_traces(mdl_hmn_lanes *n, vm kept) {
    for (size_t i = 0; i < n->shape.synapses; i++) {
        vf_store(ROW(n->fast, i), vf_keep(kept, vf_load(ROW(n->fast, i))));
        vf_store(ROW(n->slow, i), vf_keep(kept, vf_load(ROW(n->slow, i))));
    }
}

/* Each a function of its own, or the compiler drowns. */
#define ROWS(name, a, g, q)                                                                                            \
    static void name(const stage *s, uint32_t t, vu step, vm learn, uint32_t learn_bits, uint32_t wiped) {             \
        complete_rows(s, t, step, learn, learn_bits, wiped, a, g, q);                                                  \
    }
ROWS(rows_000, 0, 0, 0)
ROWS(rows_001, 0, 0, 1)
ROWS(rows_010, 0, 1, 0)
ROWS(rows_011, 0, 1, 1)
ROWS(rows_100, 1, 0, 0)
ROWS(rows_101, 1, 0, 1)
ROWS(rows_110, 1, 1, 0)
ROWS(rows_111, 1, 1, 1)

/* Completes the line's step t; `efferent`: it is a window's last. */
static void complete(const stage *s, uint32_t t, vu step, uint32_t learn_bits, uint32_t wiped, int first) {
    static void (*const rows[2][2][2])(const stage *, uint32_t, vu, vm, uint32_t, uint32_t) = {
        {{rows_000, rows_001}, {rows_010, rows_011}}, {{rows_100, rows_101}, {rows_110, rows_111}}};
    const mdl_params *p = s->p;
    vm learn = vm_bits(learn_bits);
    if (learn_bits == 0) {
        if (wiped)
            wipe_traces(s->n, vm_bits(~wiped & 0xffffu));
        return;
    }
    begin_completion(s, learn, first && s->n->shape.motors > 1 && mdl_on(p, MDL_MECH_EFFERENCE_COPY));
    rows[mdl_on(p, MDL_MECH_LOCAL_ATTENTION)][mdl_on(p, MDL_MECH_PHASE_GATE)][mdl_on(p, MDL_MECH_PROBABILISTIC)](
        s, t, step, learn, learn_bits, wiped);
}

/* TD(0): values move along the error of the window before. */
static void values(const stage *s) {
    mdl_hmn_lanes *n = s->n;
    vf rate = vf_mul(vf_mul(vf_set(1.0f / (float)n->shape.neurons), vf_load(s->q->critic_rate)),
                     vf_load(s->w->m->e[MDL_E_REWARD]));
    for (uint32_t j = 0; j < n->shape.neurons; j++) {
        vf v = vf_fma(rate, vf_load(ROW(n->feature, j)), vf_load(ROW(n->value, j)));
        vf_store(ROW(n->value, j), vf_clamp(v, -MDL_CRITIC_MAX, MDL_CRITIC_MAX));
        vf_store(ROW(n->feature, j), vf_load(ROW(n->z, j)));
    }
}

/* Activity x of source i at the line's step t, in lanes `where`. */
VEC void put(const stage *s, uint32_t t, uint32_t i, vf x, vm where, int all) {
    mdl_hmn_lanes *n = s->n;
    float *to = ROW(mdl_hmn_lanes_at(n, n->x, t), i);
    vf_store(to, all ? x : vf_select(where, x, vf_load(to)));
    if (!n->embed)
        return;
    const float *e = ROW(n->embed, 4 * (size_t)i);
    vf h[MDL_EMBED] = {vf_fma(vf_load(ROW(e, 0)), x, vf_load(ROW(e, 2))),
                       vf_fma(vf_load(ROW(e, 1)), x, vf_load(ROW(e, 3)))};
    lane_unit(s->p->similarity == MDL_COSINE, h);
    for (int d = 0; d < MDL_EMBED; d++) {
        float *at = ROW(mdl_hmn_lanes_at(n, n->h[d], t), i);
        vf_store(at, all ? h[d] : vf_select(where, h[d], vf_load(at)));
    }
}

/* What a trial's begin leaves of lanes `wiped`, but for the traces: step t is
 * about to begin. */
static void wipe(const stage *s, uint32_t t, uint32_t wiped) {
    mdl_hmn_lanes *n = s->n;
    const mdl_shape *shape = &n->shape;
    vm gone = vm_bits(wiped), kept = vm_bits(~wiped & 0xffffu);
    for (uint32_t j = 0; j < shape->neurons; j++) {
        float *const rows[] = {ROW(n->context[0], j), ROW(n->context[1], j), ROW(n->feature, j)};
        for (int i = 0; i < 3; i++)
            vf_store(rows[i], vf_keep(kept, vf_load(rows[i])));
        if (n->lag)
            vf_store(ROW(n->lag, j), vf_keep(kept, vf_load(ROW(n->lag, j))));
    }
    for (uint32_t back = 1; back <= shape->delay_max; back++)
        for (uint32_t i = 1; i < shape->sources; i++)
            put(s, t - back, i, vf_set(0.0f), gone, 0);
}

/* Deviation of sensors from their running means. */
static void sense(const stage *s) {
    mdl_hmn_lanes *n = s->n;
    vf rho = vf_load(s->q->rho_novelty);
    memset(n->novelty, 0, sizeof n->novelty);
    for (uint32_t i = 0; i + 1 < n->shape.sensors; i++) {
        float *mean = ROW(n->sensor_mean, i);
        vf old = vf_load(mean), d = vf_sub(vf_load(s->w->obs[i]), old);
        vf_add_fix(n->novelty, vf_mul(d, d));
        vf_store(mean, vf_flush(vf_fma(rho, d, old)));
    }
}

/* What is drawn for neuron j in a step. */
typedef struct drawn {
    vf noise, uniform;
} drawn;

VEC vf respond(const stage *s, uint32_t j, vf a, vf uniform) {
    const mdl_params *p = s->p;
    vf z;
    if (p->activation == MDL_TANH)
        z = vf_tanh(a);
    else if (p->activation == MDL_SIGMOID)
        z = vf_sigmoid(a);
    else
        z = vf_clamp(a, 0.0f, MDL_RELU_MAX);
    z = vf_flush(z);
    if (s->dropping && j < s->n->shape.hidden)
        z = vf_select(vf_lt(uniform, vf_load(s->w->m->drop)), vf_set(0.0f), z);
    return z;
}

/* A weight under the levers. */
VEC vf carried(const float *lever, vf w, uint8_t pathway) {
    vf inhibit = vf_load(ROW(lever, MDL_LEVER_INHIBIT)), excite = vf_load(ROW(lever, MDL_LEVER_EXCITE));
    w = vf_mul(w, vf_select(vf_lt(w, vf_set(0.0f)), inhibit, excite));
    if (pathway == MDL_PATH_FORWARD)
        w = vf_mul(w, vf_load(ROW(lever, MDL_LEVER_FEEDFORWARD)));
    else if (pathway == MDL_PATH_BACK)
        w = vf_mul(w, vf_load(ROW(lever, MDL_LEVER_FEEDBACK)));
    return w;
}

/* Sum of row j over activities of the line's step t. */
VEC vf input(const stage *s, uint32_t j, const taps *at, int levers) {
    const mdl_hmn_lanes *n = s->n;
    size_t first = mdl_row_packed(&n->shape, j);
    const uint16_t *source = n->source + first;
    const uint8_t *delay = n->delay + first;
    const float *w = ROW(n->w, first), *const *x = at->x;
    vf sum;
    if (levers) {
        const uint8_t *pathway = n->pathway + first;
        const float *of = s->lever[0];
#define TERM(k, sum) vf_fma(carried(of, vf_load(ROW(w, k)), pathway[k]), vf_load(ROW(x[delay[k]], source[k])), sum)
        LANE_FOLD(TERM, mdl_row_fan(&n->shape, j), sum);
#undef TERM
    } else {
#define TERM(k, sum) vf_fma(vf_load(ROW(w, k)), vf_load(ROW(x[delay[k]], source[k])), sum)
        LANE_FOLD(TERM, mdl_row_fan(&n->shape, j), sum);
#undef TERM
    }
    return sum;
}

/* Eq. (1) of the line's step t; the lanes' own steps are `step`. */
VEC void activate(const stage *s, uint32_t t, vu step, int levers) {
    mdl_hmn_lanes *n = s->n;
    int noisy = s->noisy, any = noisy || s->dropping;
    vf sigma = vf_load(s->q->sigma), zero = vf_set(0.0f);
    lane_philox draws = {0};
    taps at;
    if (any)
        draws = lane_philox_of(&s->keys, 0, step);
    taps_of(n, t, 0, &at);
    for (uint32_t j = 0; j < n->shape.neurons; j++) {
        drawn now = {zero, zero};
        if (any) {
            vu word[4];
            lane_philox_run(&draws, j, MDL_DRAW_NEURON, word);
            now.uniform = vf_mul(vf_of_int(vu_shr(word[2], 8)), vf_set(0x1p-24f));
            if (noisy)
                now.noise = vf_gauss(word[0], word[1]);
        }
        vf in = input(s, j, &at, levers), bias = vf_load(ROW(n->bias, j)), a;
        if (levers) {
            const float *of = s->lever[0];
            vf lag = vf_load(ROW(n->lag, j));
            lag = vf_flush(vf_fma(vf_set(MDL_SLOW_RATE), vf_sub(in, lag), lag));
            vf_store(ROW(n->lag, j), lag);
            in = vf_fma(vf_load(ROW(of, MDL_LEVER_SLOW)), vf_sub(lag, in), in);
            vf u = vf_add(vf_add(in, bias), vf_load(ROW(of, MDL_LEVER_REST)));
            if (noisy)
                u = vf_fma(sigma, now.noise, u);
            vf shift =
                vf_fma(vf_load(ROW(of, MDL_LEVER_SPREAD)), vf_set(n->offset[j]), vf_load(ROW(of, MDL_LEVER_THRESHOLD)));
            a = vf_mul(vf_load(ROW(of, MDL_LEVER_SLOPE)), vf_sub(u, shift));
        } else {
            a = vf_add(in, bias);
            if (noisy)
                a = vf_fma(sigma, now.noise, a);
        }
        vf_store(ROW(n->a, j), a);
        vf_store(ROW(n->z, j), respond(s, j, a, now.uniform));
    }
}

static void activate_plain(const stage *s, uint32_t t, vu step) { activate(s, t, step, 0); }
static void activate_levered(const stage *s, uint32_t t, vu step) { activate(s, t, step, 1); }

static void sum_up(const mdl_hmn_lanes *n, int critic, mdl_lanes_window *w) {
    int64_t activity[MDL_LANES] = {0}, value[MDL_LANES] = {0};
    for (uint32_t j = 0; j < n->shape.neurons; j++) {
        vf z = vf_load(ROW(n->z, j));
        vf_add_fix(activity, z);
        if (critic)
            vf_add_fix(value, vf_mul(vf_load(ROW(n->value, j)), z));
    }
    EACH_LANE w->partials[l] = (mdl_partials){activity[l], value[l], n->novelty[l]};
}

static void window(mdl_hmn_lanes *n, mdl_lanes_window *w) {
    const mdl_shape *shape = &n->shape;
    const mdl_params *p = &w->q->own[0];
    const vm all = vm_bits(0xffffu);
    stage s;
    stage_of(&s, n, w);
    for (uint32_t i = 0; i < n->window; i++) {
        uint32_t t = n->clock + i;
        vu step = vu_add(vu_load(w->m->step), vu_set(i));
        complete(&s, t - 1, vu_sub(step, vu_set(1)), s.learn[i > 0], i == 0 ? s.wiped : 0, i == 0);
        if (i == 0) {
            if (mdl_on(p, MDL_MECH_CRITIC))
                values(&s);
            if (s.wiped)
                wipe(&s, t, s.wiped);
            sense(&s);
        }
        put(&s, t, 1, vf_set(1.0f), all, 1);
        for (uint32_t k = 1; k < shape->sensors; k++)
            put(&s, t, 1 + k, vf_load(w->obs[k - 1]), all, 1);
        if (p->modulators.used)
            activate_levered(&s, t, step);
        else
            activate_plain(&s, t, step);
        for (uint32_t k = 0; k < shape->hidden; k++)
            put(&s, t, 1 + shape->sensors + k, vf_load(ROW(n->z, k)), all, 1);
    }
    n->clock += n->window;
    memcpy(w->readout, ROW(n->a, shape->hidden), shape->motors * sizeof w->readout[0]);
    lane_choose(w->readout[0], shape->motors, w->action);
    sum_up(n, mdl_on(p, MDL_MECH_CRITIC), w);
}

void JOIN(mdl_hmn_lanes_window_, MDL_KERNEL)(mdl_hmn_lanes *n, mdl_lanes_window *w);
void JOIN(mdl_hmn_lanes_window_, MDL_KERNEL)(mdl_hmn_lanes *n, mdl_lanes_window *w) { window(n, w); }
