/* A window of Neuraxon networks side by side, on vec16.h: the steps of
 * core/neuraxon_kernel.c and core/neuraxon_region.c, which are the definition, a
 * life to a lane. Compiled once per instruction set with MDL_KERNEL set to the
 * path's name. */
#include "core/vec16.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/lanes_vec.h"
#include "core/lever_loops.h"
#include "core/neuraxon_kernel.h"
#include "core/neuraxon_lanes.h"

#if !MDL_VEC16
#error "this file needs an instruction set of vec16.h"
#endif

/* What a window needs, lane by lane. */
typedef struct stage {
    mdl_neuraxon_lanes *n;
    const mdl_params *params;
    const mdl_neuraxon_params *p; /* both: what is the same in all lanes; and what is not: */
    const mdl_lane_params *all;
    const mdl_lane_neuraxon *q;
    const mdl_lanes_window *w;
    uint32_t wiped, learn, frozen;            /* bit per lane; learn: completes the step before */
    int noisy, spontaneous, turning, ordered; /* some lane is */
    int plain;                                /* synapses carry their weights */
    lane_keys keys;
    vf rate, serotonin, offset;
    vf lever[MDL_LEVER_COUNT];
} stage;

/* Whether a lane's is not 0. Where it is, what the others need adds a zero, whose sign a
 * flush forgets. */
static int some(const float row[MDL_LANES]) { return vm_any(vf_lt(vf_set(0.0f), vf_abs(vf_load(row)))); }

static void take_levers(stage *s) {
    const mdl_levers none = MDL_LEVERS_NONE;
#define X(name, field, key, how, lo, hi, text) s->lever[MDL_LEVER_##name] = vf_set(none.field);
    MDL_LEVER_MAP(X)
#undef X
    if (!s->params->modulators.used)
        return;
    const mdl_lane_modulation *m = s->w->m;
    float hold[MDL_LEVER_COUNT][MDL_LANES];
    EACH_LANE {
        mdl_levers h =
            mdl_levels_hold(&m->levels[l], &s->all->own[l].modulators, &s->all->own[l].receptors, 0, mdl_lever_loops);
#define X(name, field, key, how, lo, hi, text) hold[MDL_LEVER_##name][l] = h.field;
        MDL_LEVER_MAP(X)
#undef X
    }
    for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
        s->lever[i] = vf_load(hold[i]);
}

static void take_rates(stage *s) {
    const mdl_lane_modulation *m = s->w->m;
    vf dopamine = vf_load(m->g_prime);
    s->serotonin = vf_set(0.0f);
    if (s->params->modulators.used) {
        float phasic[MDL_LANES], serotonin[MDL_LANES], rate[MDL_LANES];
        EACH_LANE {
            phasic[l] = m->levels[l].phasic[MDL_DOPAMINE];
            serotonin[l] = m->levels[l].level[MDL_SEROTONIN];
            rate[l] = mdl_levels_rate(&m->levels[l], &s->all->own[l].modulators);
        }
        dopamine = vf_load(phasic);
        s->serotonin = vf_mul(vf_load(s->q->meta_serotonin), vf_load(serotonin));
        s->rate = vf_mul(vf_load(m->permit), vf_fma(vf_load(m->eta_global), dopamine, vf_load(m->eta_local)));
        s->rate = vf_mul(s->rate, vf_load(rate));
        return;
    }
    s->rate = vf_mul(vf_load(m->permit), vf_fma(vf_load(m->eta_global), dopamine, vf_load(m->eta_local)));
}

static void stage_of(stage *s, mdl_neuraxon_lanes *n, const mdl_lanes_window *w) {
    const mdl_lane_modulation *m = w->m;
    const mdl_params *params = &w->q->own[0];
    const mdl_neuraxon_params *p = &params->neuraxon;
    const uint32_t changing = 1u << MDL_NX_MODULATORY | 1u << MDL_NX_HOMEOSTASIS | 1u << MDL_NX_BALANCE;
    s->n = n;
    s->params = params;
    s->p = p;
    s->all = w->q;
    s->q = &w->q->neuraxon;
    s->w = w;
    s->noisy = some(s->all->sigma);
    s->spontaneous = some(s->q->spontaneous);
    s->turning = some(s->q->osc_size);
    s->ordered = some(s->q->depression);
    s->wiped = lanes_with(m->flags, MDL_OUT_WIPE);
    s->frozen = lanes_with(m->flags, MDL_OUT_FROZEN);
    s->learn = mdl_on(params, MDL_MECH_PLASTICITY) ? ~lanes_with(m->flags_before, MDL_OUT_FROZEN) & 0xffffu : 0;
    s->plain = !(p->on & changing) && !params->modulators.used;
    take_levers(s);
    take_rates(s);
    vf novelty = vf_set(0.0f);
    if (mdl_on(params, MDL_MECH_NOVELTY))
        novelty = vf_mul(vf_load(s->q->novelty_shift), vf_load(m->e[MDL_E_NOVELTY]));
    s->offset = vf_sub(s->lever[MDL_LEVER_THRESHOLD], novelty);
    if (s->noisy || s->spontaneous)
        lane_keys_of(&s->keys, (const uint32_t(*)[MDL_LANES])n->key);
}

/* What is the same for all synapses of a completion. */
typedef struct rule {
    vf decay_e, decay_fast, consolidate, relax, set_point, most, meta_relax, meta_change;
    vm learn, kept;
    int fast_on, meta_on, metaplastic, ordered, all;
} rule;

VEC void put_rows(const rule *u, float *to, vf x) { vf_store(to, u->all ? x : vf_select(u->learn, x, vf_load(to))); }

VEC void learn_synapse(const stage *s, const rule *u, size_t i, vf both) {
    mdl_neuraxon_lanes *n = s->n;
    float *e_at = ROW(n->e, i), *meta_at = ROW(n->meta, i), *fast_at = ROW(n->fast, i), *slow_at = ROW(n->slow, i);
    vf e0 = vf_load(e_at), e = vf_flush(vf_fma(u->decay_e, e0, both)), meta = vf_load(meta_at);
    vf_store(e_at, u->all ? e : vf_keep(u->kept, vf_select(u->learn, e, e0)));
    vf d = vf_mul(s->rate, u->meta_on ? vf_mul(meta, e) : e);
    vf fast = vf_load(fast_at), slow = vf_load(slow_at);
    if (u->fast_on) {
        vf moved = vf_bound(vf_fma(u->decay_fast, fast, d), u->most);
        fast = vf_flush(moved);
        put_rows(u, fast_at, fast);
        slow = vf_fma(u->consolidate, moved, slow);
    } else {
        slow = vf_add(slow, d);
    }
    vf set = vf_mul(u->set_point, vf_load(ROW(n->w0, i)));
    slow = vf_fma(u->relax, vf_sub(set, slow), slow);
    slow = vf_flush(vf_bound(slow, u->most));
    put_rows(u, slow_at, slow);
    put_rows(u, ROW(n->w, i), vf_bound(vf_add(fast, slow), u->most));
    if (u->metaplastic) {
        vf m = vf_fma(u->meta_relax, vf_sub(vf_load(ROW(n->meta0, i)), meta), meta);
        m = vf_add(vf_fma(u->meta_change, vf_abs(d), m), s->serotonin);
        put_rows(u, meta_at, vf_flush(vf_clamp(m, -MDL_NEURAXON_META_MAX, MDL_NEURAXON_META_MAX)));
    }
}

/* Eligibilities and weights after the lines' step t; eligibilities of lanes
 * whose trial begins are lost. */
static void complete(const stage *s, uint32_t t) {
    mdl_neuraxon_lanes *n = s->n;
    const mdl_shape *shape = &n->shape;
    const mdl_neuraxon_params *p = s->p;
    int efferent = shape->motors > 1 && mdl_on(s->params, MDL_MECH_EFFERENCE_COPY);
    vu acted = vu_load(s->w->m->action_before);
    const rule u = {.decay_e = vf_load(s->q->decay_e),
                    .decay_fast = vf_load(s->q->decay_fast),
                    .consolidate = vf_load(s->q->consolidate),
                    .relax = vf_load(s->q->relax),
                    .set_point = vf_load(s->q->set_point),
                    .most = vf_set(s->params->weight_max),
                    .meta_relax = vf_load(s->q->meta_relax),
                    .meta_change = vf_neg(vf_load(s->q->meta_change)),
                    .learn = vm_bits(s->learn),
                    .kept = vm_bits(~s->wiped & 0xffffu),
                    .fast_on = mdl_nx_on(p, MDL_NX_FAST_WEIGHTS),
                    .meta_on = mdl_nx_on(p, MDL_NX_META_WEIGHTS),
                    .metaplastic = mdl_nx_on(p, MDL_NX_METAPLASTICITY),
                    .ordered = s->ordered,
                    .all = s->learn == 0xffffu && s->wiped == 0};
    if (s->learn == 0) {
        for (size_t i = 0; s->wiped && i < shape->synapses; i++)
            vf_store(ROW(n->e, i), vf_keep(u.kept, vf_load(ROW(n->e, i))));
        return;
    }
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row_packed(shape, j);
        uint32_t fan = mdl_row_fan(shape, j);
        vf post = vf_load(ROW(n->z, j)), before = vf_mul(vf_neg(vf_load(s->q->depression)), vf_load(ROW(n->trace, j)));
        if (efferent && j >= shape->hidden)
            post = vf_keep(vu_equal(acted, vu_set(j - shape->hidden)), vf_set(1.0f));
        vf_store(ROW(n->post, j), post);
        for (size_t i = first; i < first + fan; i++) {
            size_t from = (size_t)((t - n->delay[i]) & (shape->slots - 1)) * shape->sources + n->source[i];
            vf both = vf_mul(vf_load(ROW(n->pre, from)), post);
            if (u.ordered)
                both = vf_fma(before, vf_load(ROW(n->x, from)), both);
            learn_synapse(s, &u, i, both);
        }
    }
}

/* TD(0), as in HMN. */
static void learn_values(const stage *s) {
    mdl_neuraxon_lanes *n = s->n;
    vf rate = vf_mul(vf_mul(vf_set(1.0f / (float)n->shape.neurons), vf_load(s->all->critic_rate)),
                     vf_load(s->w->m->e[MDL_E_REWARD]));
    for (uint32_t j = 0; j < n->shape.neurons; j++) {
        vf v = vf_fma(rate, vf_load(ROW(n->feature, j)), vf_load(ROW(n->value, j)));
        vf_store(ROW(n->value, j), vf_clamp(v, -MDL_CRITIC_MAX, MDL_CRITIC_MAX));
        vf_store(ROW(n->feature, j), vf_load(ROW(n->z, j)));
    }
}

/* What belongs to a trial, but for the eligibilities; step t is about to begin. */
static void wipe(const stage *s, uint32_t t) {
    mdl_neuraxon_lanes *n = s->n;
    const mdl_shape *shape = &n->shape;
    vm kept = vm_bits(~s->wiped & 0xffffu);
    float *const rows[] = {n->v, n->z, n->trace, n->adapt, n->autor, n->lag, n->readout, n->feature};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint32_t j = 0; j < shape->neurons; j++)
            vf_store(ROW(rows[i], j), vf_keep(kept, vf_load(ROW(rows[i], j))));
    for (uint32_t back = 1; back <= shape->delay_max; back++) {
        float *x = mdl_neuraxon_lanes_at(n, n->x, t - back), *pre = mdl_neuraxon_lanes_at(n, n->pre, t - back);
        for (uint32_t i = 1; i < shape->sources; i++) {
            vf_store(ROW(x, i), vf_keep(kept, vf_load(ROW(x, i))));
            vf_store(ROW(pre, i), vf_keep(kept, vf_load(ROW(pre, i))));
        }
    }
    EACH_LANE
    if (s->wiped >> l & 1u)
        n->branching[l].before = UINT32_MAX;
}

static void sense(const stage *s) {
    mdl_neuraxon_lanes *n = s->n;
    vf rho = vf_load(s->all->rho_novelty);
    memset(n->novelty, 0, sizeof n->novelty);
    for (uint32_t i = 0; i + 1 < n->shape.sensors; i++) {
        float *mean = ROW(n->sensor_mean, i);
        vf old = vf_load(mean), d = vf_sub(vf_load(s->w->obs[i]), old);
        vf_add_fix(n->novelty, vf_mul(d, d));
        vf_store(mean, vf_flush(vf_fma(rho, d, old)));
    }
}

/* What each synapse carries in this window. */
static void prepare(const stage *s) {
    mdl_neuraxon_lanes *n = s->n;
    const mdl_shape *shape = &n->shape;
    int modulatory = mdl_nx_on(s->p, MDL_NX_MODULATORY);
    float gains[MDL_LANES];
    EACH_LANE gains[l] = n->branching[l].gain;
    vf zero = vf_set(0.0f), gain = vf_load(gains), size = vf_load(s->q->modulatory);
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row_packed(shape, j);
        vf inhibit = vf_mul(vf_load(ROW(n->brake, j)), s->lever[MDL_LEVER_INHIBIT]);
        for (size_t i = first; i < first + mdl_row_fan(shape, j); i++) {
            uint32_t flags = n->flags[i];
            vf w = vf_load(ROW(n->w, i)), c = vf_mul(w, vf_select(vf_lt(w, zero), inhibit, s->lever[MDL_LEVER_EXCITE]));
            if (flags & MDL_CELL_RECURRENT)
                c = vf_mul(c, gain);
            if (flags & MDL_CELL_FORWARD)
                c = vf_mul(c, s->lever[MDL_LEVER_FEEDFORWARD]);
            vf_store(ROW(n->carry, i), modulatory && flags & MDL_CELL_MODULATORY ? zero : c);
            if (modulatory)
                vf_store(ROW(n->shift, i), flags & MDL_CELL_MODULATORY ? vf_mul(size, vf_load(ROW(n->meta, i))) : zero);
        }
    }
}

/* Activity y of source i at the lines' step t; x: what plasticity sees of it. */
VEC void put(const stage *s, uint32_t t, uint32_t i, vf x, vf y) {
    mdl_neuraxon_lanes *n = s->n;
    vf before = vf_load(ROW(mdl_neuraxon_lanes_at(n, n->pre, t - 1), i));
    vf_store(ROW(mdl_neuraxon_lanes_at(n, n->x, t), i), x);
    vf_store(ROW(mdl_neuraxon_lanes_at(n, n->pre, t), i),
             vf_flush(vf_fma(vf_load(s->q->decay_pre), vf_sub(before, y), y)));
}

VEC void put_sensor(const stage *s, uint32_t t, uint32_t i, vf x) {
    vf trit = vf_set(MDL_NEURAXON_TRIT), one = vf_set(1.0f);
    put(s, t, i, x, vf_select(vf_lt(trit, x), one, vf_keep(vf_lt(x, vf_neg(trit)), vf_neg(one))));
}

/* The three rhythms at the lanes' own steps. */
static void rhythms(const stage *s, vu step, vf *turn_cos, vf *turn_sin) {
    vf one = vf_set(1.0f), depth = vf_mul(vf_load(s->q->osc_coupling), vf_set(0.5f)), c[3], q[3],
       gate[3] = {one, one, one};
    uint32_t own[MDL_LANES], phase[MDL_LANES];
    vu_store(own, step);
    for (int i = 0; i < 3; i++) {
        EACH_LANE phase[l] = s->q->omega[i][l] * own[l];
        vf_sincos_turn(vu_load(phase), &q[i], &c[i]);
        if (i > 0)
            gate[i] = vf_mul(vf_fma(depth, vf_sub(c[i - 1], one), one), gate[i - 1]);
    }
    vf size = vf_load(s->q->osc_size);
    *turn_cos = vf_mul(size, vf_add(vf_add(c[0], vf_mul(gate[1], c[1])), vf_mul(gate[2], c[2])));
    *turn_sin = vf_mul(size, vf_add(vf_add(q[0], vf_mul(gate[1], q[1])), vf_mul(gate[2], q[2])));
}

/* Sum of row j over activities of the lines' step t. */
VEC vf gather(const mdl_neuraxon_lanes *n, uint32_t j, const float *const *x, const float *carry) {
    size_t first = mdl_row_packed(&n->shape, j);
    const uint16_t *source = n->source + first;
    const uint8_t *delay = n->delay + first;
    const float *c = ROW(carry, first);
    vf sum;
#define TERM(k, sum) vf_fma(vf_load(ROW(c, k)), vf_load(ROW(x[delay[k]], source[k])), sum)
    LANE_FOLD(TERM, mdl_row_fan(&n->shape, j), sum);
#undef TERM
    return sum;
}

/* One step of all neurons. */
VEC void run_step(const stage *s, uint32_t t, vu step, int plain, int modulatory) {
    mdl_neuraxon_lanes *n = s->n;
    const mdl_neuraxon_params *p = s->p;
    const mdl_shape *shape = &n->shape;
    int noisy = s->noisy, spontaneous = s->spontaneous, turning = s->turning;
    vf sigma = vf_load(s->all->sigma);
    int trinary = mdl_nx_on(p, MDL_NX_TRINARY);
    vf zero = vf_set(0.0f), one = vf_set(1.0f), slope = s->lever[MDL_LEVER_SLOPE], width = vf_div(one, slope);
    vf turn_cos = zero, turn_sin = zero, kick = vf_load(s->q->kick), chance = vf_load(s->q->spontaneous);
    lane_philox draws = {0};
    const float *x[MDL_DELAY_MAX + 1];
    for (uint32_t d = 0; d <= shape->delay_max; d++)
        x[d] = mdl_neuraxon_lanes_at(n, n->x, t - d);
    if (noisy || spontaneous)
        draws = lane_philox_of(&s->keys, 0, step);
    if (turning)
        rhythms(s, step, &turn_cos, &turn_sin);
    for (uint32_t j = 0; j < shape->neurons; j++) {
        vu word[4] = {vu_set(0), vu_set(0), vu_set(0), vu_set(0)};
        if (noisy || spontaneous)
            lane_philox_run(&draws, j, MDL_DRAW_NEURON, word);
        vf z = vf_load(ROW(n->z, j)), v = vf_load(ROW(n->v, j)), trace = vf_load(ROW(n->trace, j));
        vf i = vf_clamp(gather(n, j, x, plain ? n->w : n->carry), -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX);
        vf_store(ROW(n->trace, j), vf_flush(vf_fma(vf_load(s->q->decay_post), vf_sub(trace, z), z)));
        vf lag = vf_load(ROW(n->lag, j));
        lag = vf_flush(vf_fma(vf_set(MDL_SLOW_RATE), vf_sub(i, lag), lag));
        vf_store(ROW(n->lag, j), lag);
        i = vf_fma(s->lever[MDL_LEVER_SLOW], vf_sub(lag, i), i);
        vf adapt = vf_load(ROW(n->adapt, j));
        vf u = vf_sub(vf_fma(vf_set(2.0f), i, s->lever[MDL_LEVER_REST]), adapt);
        if (turning) {
            vf turned = vf_neg(vf_mul(turn_sin, vf_load(ROW(n->sin_osc, j))));
            u = vf_add(u, vf_fma(turn_cos, vf_load(ROW(n->cos_osc, j)), turned));
        }
        vf drive = vf_fma(vf_load(ROW(n->decay, j)), vf_sub(v, u), u);
        if (noisy)
            drive = vf_fma(sigma, vf_gauss(word[0], word[1]), drive);
        if (spontaneous) {
            vf unit = vf_mul(vf_of_int(vu_shr(word[3], 8)), vf_set(0x1p-24f));
            vf size = vf_select(vu_test(word[3], vu_set(1)), kick, vf_neg(kick));
            drive = vf_add(drive, vf_keep(vf_lt(unit, chance), size));
        }
        v = vf_flush(vf_clamp(drive, -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX));
        vf autor = vf_load(ROW(n->autor, j));
        vf shift = vf_fma(s->lever[MDL_LEVER_SPREAD], vf_set(n->scatter[j]), s->offset);
        shift = vf_fma(vf_load(s->q->auto_size), autor, shift);
        if (modulatory)
            shift = vf_sub(shift, vf_load(ROW(n->bend, j)));
        vf centred = vf_sub(v, shift);
        if (trinary) {
            vf above = vf_mul(vf_load(ROW(n->above, j)), width), below = vf_mul(vf_load(ROW(n->below, j)), width);
            z = vf_keep(vf_lt(centred, vf_neg(below)), vf_neg(one));
            z = vf_select(vf_lt(above, centred), one, z);
        } else {
            z = vf_flush(vf_tanh(vf_mul(centred, slope)));
        }
        vf_store(ROW(n->v, j), v);
        vf_store(ROW(n->z, j), z);
        vf size = vf_mul(vf_load(s->q->adapt_size), vf_abs(z));
        vf_store(ROW(n->adapt, j), vf_flush(vf_fma(vf_load(s->q->adapt_rate), vf_sub(size, adapt), adapt)));
        vf_store(ROW(n->autor, j), vf_flush(vf_fma(vf_load(s->q->auto_rate), vf_sub(z, autor), autor)));
        vf_store(ROW(n->readout, j), vf_add(v, z));
    }
}

/* Threshold shifts of step t, before anything of it moves. */
static void bend(const stage *s, uint32_t t) {
    mdl_neuraxon_lanes *n = s->n;
    const float *x[MDL_DELAY_MAX + 1];
    for (uint32_t d = 0; d <= n->shape.delay_max; d++)
        x[d] = mdl_neuraxon_lanes_at(n, n->x, t - d);
    for (uint32_t j = 0; j < n->shape.neurons; j++)
        vf_store(ROW(n->bend, j), gather(n, j, x, n->shift));
}

static void step_plain(const stage *s, uint32_t t, vu step) { run_step(s, t, step, 1, 0); }
static void step_carried(const stage *s, uint32_t t, vu step) { run_step(s, t, step, 0, 0); }
static void step_bent(const stage *s, uint32_t t, vu step) {
    bend(s, t);
    run_step(s, t, step, 0, 1);
}

/* Inhibitory gains from the currents of step t, the window's last. */
static void balance(const stage *s, uint32_t t) {
    mdl_neuraxon_lanes *n = s->n;
    const mdl_shape *shape = &n->shape;
    vm moves = vm_bits(~s->frozen & 0xffffu);
    vf zero = vf_set(0.0f);
    const float *x[MDL_DELAY_MAX + 1];
    for (uint32_t d = 0; d <= shape->delay_max; d++)
        x[d] = mdl_neuraxon_lanes_at(n, n->x, t - d);
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row_packed(shape, j);
        uint32_t fan = mdl_row_fan(shape, j);
        const uint16_t *source = n->source + first;
        const uint8_t *delay = n->delay + first;
        const float *carry = ROW(n->carry, first);
        vf e, i, brake = vf_load(ROW(n->brake, j));
#define INPUT(k) vf_abs(vf_load(ROW(x[delay[k]], source[k])))
#define EXCITED(k, sum) vf_fma(vf_max(vf_load(ROW(carry, k)), zero), INPUT(k), sum)
#define INHIBITED(k, sum) vf_fma(vf_max(vf_neg(vf_load(ROW(carry, k))), zero), INPUT(k), sum)
        LANE_FOLD(EXCITED, fan, e);
        LANE_FOLD(INHIBITED, fan, i);
        vf excess = vf_div(vf_sub(e, i), vf_add(vf_add(e, i), vf_set(0x1p-10f)));
        vf moved = vf_fma(vf_load(s->q->balance_rate), excess, brake);
        moved = vf_clamp(moved, MDL_NEURAXON_BRAKE_MIN, MDL_NEURAXON_BRAKE_MAX);
        vf_store(ROW(n->brake, j), vf_select(moves, moved, brake));
    }
}

static void count(const stage *s) {
    mdl_neuraxon_lanes *n = s->n;
    int64_t active[MDL_LANES] = {0};
    for (uint32_t j = 0; j < n->shape.hidden; j++)
        vf_add_fix(active, vf_abs(vf_load(ROW(n->z, j))));
    EACH_LANE mdl_branching_count(&n->branching[l], &s->all->own[l].neuraxon, n->shape.hidden, active[l]);
}

static void sum_up(const mdl_neuraxon_lanes *n, int critic, mdl_lanes_window *w) {
    int64_t activity[MDL_LANES] = {0}, value[MDL_LANES] = {0};
    for (uint32_t j = 0; j < n->shape.neurons; j++) {
        vf z = vf_load(ROW(n->z, j));
        vf_add_fix(activity, z);
        if (critic)
            vf_add_fix(value, vf_mul(vf_load(ROW(n->value, j)), z));
    }
    EACH_LANE w->partials[l] = (mdl_partials){activity[l], value[l], n->novelty[l]};
}

void JOIN(mdl_neuraxon_lanes_window_, MDL_KERNEL)(mdl_neuraxon_lanes *n, mdl_lanes_window *w);
void JOIN(mdl_neuraxon_lanes_window_, MDL_KERNEL)(mdl_neuraxon_lanes *n, mdl_lanes_window *w) {
    const mdl_shape *shape = &n->shape;
    const mdl_params *params = &w->q->own[0];
    const mdl_neuraxon_params *p = &params->neuraxon;
    int critic = mdl_on(params, MDL_MECH_CRITIC), modulatory = mdl_nx_on(p, MDL_NX_MODULATORY);
    stage s;
    stage_of(&s, n, w);
    complete(&s, n->clock - 1);
    if (critic)
        learn_values(&s);
    if (s.wiped)
        wipe(&s, n->clock);
    sense(&s);
    EACH_LANE n->branching[l].gain = mdl_branching_gain(&n->branching[l], &s.all->own[l].neuraxon, shape->hidden);
    if (!s.plain)
        prepare(&s);
    for (uint32_t i = 0; i < n->window; i++) {
        uint32_t t = n->clock + i;
        vu step = vu_add(vu_load(w->m->step), vu_set(i));
        put_sensor(&s, t, 1, vf_set(1.0f));
        for (uint32_t k = 1; k < shape->sensors; k++)
            put_sensor(&s, t, 1 + k, vf_load(w->obs[k - 1]));
        (s.plain ? step_plain : modulatory ? step_bent : step_carried)(&s, t, step);
        for (uint32_t k = 0; k < shape->hidden; k++)
            put(&s, t, 1 + shape->sensors + k, vf_load(ROW(n->z, k)), vf_load(ROW(n->z, k)));
        if (mdl_nx_on(p, MDL_NX_HOMEOSTASIS))
            count(&s);
    }
    if (mdl_nx_on(p, MDL_NX_BALANCE))
        balance(&s, n->clock + n->window - 1);
    n->clock += n->window;
    memcpy(w->readout, ROW(n->readout, shape->hidden), shape->motors * sizeof w->readout[0]);
    lane_choose(w->readout[0], shape->motors, w->action);
    sum_up(n, critic, w);
}
