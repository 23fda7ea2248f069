/* The Neuraxon kernel on vec16.h: the steps of core/neuraxon_kernel.c, which is
 * the definition. Compiled once per instruction set with MDL_KERNEL set to the
 * path's name.
 *
 * - Rows go in groups of 16, whose sums one transposed fold makes.
 * - Without STDP eligibility needs the presynaptic trace alone, and without
 *   silent or plastic synapses no flag is read. What is left out would add a zero
 *   to a number that is no -0, or whose sign is lost when it is flushed. */
#include "core/vec16.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/lever_loops.h"
#include "core/neuraxon_kernel.h"
#include "core/num.h"

#if !MDL_VEC16
#error "this file needs an instruction set of vec16.h"
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define STRING2(a) #a
#define STRING(a) STRING2(a)

enum { GROUP = MDL_LANES };

#define AT(k) index_[k]
VEC vf pick(const float *row, const uint32_t *index_) {
    vf x;
    VEC_PICK(row, AT, x);
    return x;
}

/* What is the same for all synapses of a completion, in registers. */
typedef struct rule {
    vf decay_e, rate, decay_fast, consolidate, relax, set_point, most, least;
    vf meta_relax, meta_change, serotonin, zero;
    int fast_on, meta_on, metaplastic;
} rule;

/* One block of 16 synapses; `both`: what coincidence gives to the eligibility. */
VEC void learn_block(mdl_neuraxon_region *r, const rule *u, size_t at, vf both, int flagged) {
    vf e = vf_flush(vf_fma(u->decay_e, vf_load(r->e + at), both));
    vu flags = flagged ? vu_load(r->flags + at) : vu_set(0);
    vm dead = vm_first(0);
    if (flagged) {
        dead = vu_test(flags, vu_set(MDL_CELL_DEAD));
        e = vf_select(dead, u->zero, e);
    }
    vf_store(r->e + at, e);
    vf meta = u->meta_on || u->metaplastic ? vf_load(r->meta + at) : u->zero;
    vf d = vf_mul(u->rate, u->meta_on ? vf_mul(meta, e) : e);
    if (flagged)
        d = vf_select(vu_test(flags, vu_set(MDL_CELL_SILENT | MDL_CELL_DEAD)), u->zero, d);
    vf fast = vf_load(r->fast + at), slow = vf_load(r->slow + at);
    if (u->fast_on) {
        vf moved = vf_min(vf_max(vf_fma(u->decay_fast, fast, d), u->least), u->most);
        fast = vf_flush(moved);
        vf_store(r->fast + at, fast);
        slow = vf_fma(u->consolidate, moved, slow);
    } else {
        slow = vf_add(slow, d);
    }
    vf set = vf_mul(u->set_point, vf_load(r->w0 + at));
    if (flagged)
        set = vf_select(vu_test(flags, vu_set(MDL_CELL_FORMED | MDL_CELL_DEAD)), u->zero, set);
    slow = vf_fma(u->relax, vf_sub(set, slow), slow);
    slow = vf_flush(vf_min(vf_max(slow, u->least), u->most));
    vf_store(r->slow + at, slow);
    vf_store(r->w + at, vf_min(vf_max(vf_add(fast, slow), u->least), u->most));
    if (u->metaplastic) {
        vf m = vf_fma(u->meta_relax, vf_sub(vf_load(r->meta0 + at), meta), meta);
        m = vf_add(vf_fma(u->meta_change, vf_abs(d), m), u->serotonin);
        if (flagged)
            m = vf_select(dead, u->zero, m);
        vf_store(r->meta + at, vf_flush(vf_clamp(m, -MDL_NEURAXON_META_MAX, MDL_NEURAXON_META_MAX)));
    }
}

VEC void learn_rows(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_neuraxon_completion *c,
                    float weight_max, int flagged, int ordered) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, r->line, c->step), *pre = mdl_neuraxon_at(r, r->line_pre, c->step);
    const rule u = {.decay_e = vf_set(p->decay_e),
                    .rate = vf_set(c->rate),
                    .decay_fast = vf_set(p->decay_fast),
                    .consolidate = vf_set(p->consolidate),
                    .relax = vf_set(p->relax),
                    .set_point = vf_set(p->set_point),
                    .most = vf_set(weight_max),
                    .least = vf_set(-weight_max),
                    .meta_relax = vf_set(p->meta_relax),
                    .meta_change = vf_set(-p->meta_change),
                    .serotonin = vf_set(c->serotonin),
                    .zero = vf_set(0.0f),
                    .fast_on = mdl_nx_on(p, MDL_NX_FAST_WEIGHTS),
                    .meta_on = mdl_nx_on(p, MDL_NX_META_WEIGHTS),
                    .metaplastic = mdl_nx_on(p, MDL_NX_METAPLASTICITY)};
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        uint32_t stride = mdl_row_stride(shape, j);
        vf post = vf_set(r->post[j]), before = vf_set(-p->depression * r->trace[j]);
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            const uint32_t *index = r->index + first + b;
            vf both = vf_mul(pick(pre, index), post);
            if (ordered)
                both = vf_fma(before, pick(row, index), both);
            learn_block(r, &u, first + b, both, flagged);
        }
    }
}

static void learn(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_neuraxon_completion *c,
                  float weight_max) {
    if (r->flagged)
        learn_rows(r, p, c, weight_max, 1, 1);
    else if (p->depression != 0.0f)
        learn_rows(r, p, c, weight_max, 0, 1);
    else
        learn_rows(r, p, c, weight_max, 0, 0);
}

static void balance(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, r->line, t);
    vf zero = vf_set(0.0f);
    float up[GROUP * MDL_LANES], down[GROUP * MDL_LANES];
    memset(up, 0, sizeof up);
    memset(down, 0, sizeof down);
    for (uint32_t j = 0; j < shape->neurons; j += GROUP) {
        uint32_t n = shape->neurons - j < GROUP ? shape->neurons - j : GROUP;
        for (uint32_t i = 0; i < n; i++) {
            size_t first = mdl_row(shape, j + i);
            uint32_t stride = mdl_row_stride(shape, j + i);
            vf excited = zero, inhibited = zero;
            for (uint32_t b = 0; b < stride; b += MDL_LANES) {
                vf x = vf_abs(pick(row, r->index + first + b)), carry = vf_load(r->carry + first + b);
                excited = vf_fma(vf_max(carry, zero), x, excited);
                inhibited = vf_fma(vf_max(vf_neg(carry), zero), x, inhibited);
            }
            vf_store(up + (size_t)i * MDL_LANES, excited);
            vf_store(down + (size_t)i * MDL_LANES, inhibited);
        }
        vf e = vf_fold_rows(up), h = vf_fold_rows(down), brake = vf_load(r->brake + j);
        vf excess = vf_div(vf_sub(e, h), vf_add(vf_add(e, h), vf_set(0x1p-10f)));
        vf moved = vf_fma(vf_set(p->balance_rate), excess, brake);
        vf_store_n(r->brake + j, n, vf_clamp(moved, MDL_NEURAXON_BRAKE_MIN, MDL_NEURAXON_BRAKE_MAX));
    }
}

static void prepare(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h) {
    const mdl_shape *shape = &r->shape;
    int modulatory = mdl_nx_on(p, MDL_NX_MODULATORY);
    vf excite = vf_set(h->excite), gain = vf_set(r->branching.gain), one = vf_set(1.0f), zero = vf_set(0.0f);
    vf forward = vf_set(h->feedforward), back = vf_set(h->feedback), size = vf_set(p->modulatory);
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        uint32_t stride = mdl_row_stride(shape, j);
        vf inhibit = vf_set(r->brake[j] * h->inhibit);
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            size_t at = first + b;
            vu flags = vu_load(r->flags + at);
            vm mute = vu_test(flags, vu_set(MDL_CELL_SILENT | MDL_CELL_DEAD));
            vm special = vu_test(flags, vu_set(MDL_CELL_MODULATORY));
            vf w = vf_load(r->w + at), c = vf_mul(w, vf_select(vf_lt(w, zero), inhibit, excite));
            c = vf_mul(c, vf_select(vu_test(flags, vu_set(MDL_CELL_RECURRENT)), gain, one));
            vf path = vf_select(vu_test(flags, vu_set(MDL_CELL_BACK)), back, one);
            c = vf_mul(c, vf_select(vu_test(flags, vu_set(MDL_CELL_FORWARD)), forward, path));
            c = vf_select(mute, zero, c);
            if (modulatory) {
                c = vf_select(special, zero, c);
                vf s = vf_keep(special, vf_mul(size, vf_load(r->meta + at)));
                vf_store(r->shift + at, vf_select(mute, zero, s));
            }
            vf_store(r->carry + at, c);
        }
    }
}

/* Sums of all rows over what each cell carries. */
VEC void gather(const mdl_neuraxon_region *r, const float *row, const float *carry, float *out) {
    const mdl_shape *shape = &r->shape;
    float lanes[GROUP * MDL_LANES];
    memset(lanes, 0, sizeof lanes);
    for (uint32_t j = 0; j < shape->neurons; j += GROUP) {
        uint32_t n = shape->neurons - j < GROUP ? shape->neurons - j : GROUP;
        for (uint32_t i = 0; i < n; i++) {
            size_t first = mdl_row(shape, j + i);
            uint32_t stride = mdl_row_stride(shape, j + i);
            vf sum = vf_set(0.0f);
            for (uint32_t b = 0; b < stride; b += MDL_LANES)
                sum = vf_fma(vf_load(carry + first + b), pick(row, r->index + first + b), sum);
            vf_store(lanes + (size_t)i * MDL_LANES, sum);
        }
        vf_store_n(out + j, n, vf_fold_rows(lanes));
    }
}

/* What is drawn for neurons j .. j + 15 in a step: a normal, and word 3. */
typedef struct drawn16 {
    vf noise;
    vu word;
} drawn16;

VEC drawn16 draw_neurons(const vphilox *draws, uint32_t j, int noisy, int spontaneous) {
    drawn16 c = {vf_set(0.0f), vu_set(0)};
    if (noisy || spontaneous) {
        vu word[4];
        vphilox_run(draws, vw_count(j), MDL_DRAW_NEURON, word);
        c.word = word[3];
        if (noisy)
            c.noise = vf_gauss(word[0], word[1]);
    }
    return c;
}

static void step(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h,
                 const mdl_neuraxon_step *s) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, r->line, s->step);
    int modulatory = mdl_nx_on(p, MDL_NX_MODULATORY), trinary = mdl_nx_on(p, MDL_NX_TRINARY);
    int noisy = s->sigma != 0.0f, spontaneous = p->spontaneous > 0.0f, turning = s->cos != 0.0f || s->sin != 0.0f;
    vf width = vf_set(1.0f / h->slope), slope = vf_set(h->slope), slow = vf_set(h->slow);
    vf rest = vf_set(h->rest), spread = vf_set(h->spread), offset = vf_set(s->offset), sigma = vf_set(s->sigma);
    vf turn_cos = vf_set(s->cos), turn_sin = vf_set(s->sin), decay_post = vf_set(p->decay_post);
    vf adapt_size = vf_set(p->adapt_size), adapt_rate = vf_set(p->adapt_rate), auto_rate = vf_set(p->auto_rate);
    vf auto_size = vf_set(p->auto_size), chance = vf_set(p->spontaneous), kick = vf_set(p->kick);
    vphilox draws = {0};
    if (noisy || spontaneous)
        draws = vphilox_of(r->key, shape->region, s->step);
    drawn16 drawn = draw_neurons(&draws, 0, noisy, spontaneous); /* early: long chains beside those of the rows */
    gather(r, row, s->plain ? r->w : r->carry, r->input);
    if (modulatory)
        gather(r, row, r->shift, r->bend);
    for (uint32_t j = 0; j < shape->neurons; j += MDL_LANES) {
        vf z = vf_load(r->z + j), v = vf_load(r->v + j), trace = vf_load(r->trace + j);
        vf_store(r->trace + j, vf_flush(vf_fma(decay_post, vf_sub(trace, z), z)));
        vf i = vf_clamp(vf_load(r->input + j), -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX), lag = vf_load(r->lag + j);
        lag = vf_flush(vf_fma(vf_set(MDL_SLOW_RATE), vf_sub(i, lag), lag));
        vf_store(r->lag + j, lag);
        i = vf_fma(slow, vf_sub(lag, i), i);
        vf adapt = vf_load(r->adapt + j), u = vf_sub(vf_fma(vf_set(2.0f), i, rest), adapt);
        if (turning) {
            vf turned = vf_neg(vf_mul(turn_sin, vf_load(r->sin_osc + j)));
            u = vf_add(u, vf_fma(turn_cos, vf_load(r->cos_osc + j), turned));
        }
        vf drive = vf_fma(vf_load(r->decay + j), vf_sub(v, u), u);
        if (noisy || spontaneous) {
            if (j > 0)
                drawn = draw_neurons(&draws, j, noisy, spontaneous);
            if (noisy)
                drive = vf_fma(sigma, drawn.noise, drive);
            if (spontaneous) {
                vf unit = vf_mul(vf_of_int(vu_shr(drawn.word, 8)), vf_set(0x1p-24f));
                vf size = vf_select(vu_test(drawn.word, vu_set(1)), kick, vf_neg(kick));
                drive = vf_add(drive, vf_keep(vf_lt(unit, chance), size));
            }
        }
        v = vf_flush(vf_clamp(drive, -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX));
        vf autor = vf_load(r->autor + j), shift = vf_fma(spread, vf_load(r->scatter + j), offset);
        shift = vf_fma(auto_size, autor, shift);
        if (modulatory)
            shift = vf_sub(shift, vf_load(r->bend + j));
        vf centred = vf_sub(v, shift);
        if (trinary) {
            vf above = vf_mul(vf_load(r->above + j), width), below = vf_mul(vf_load(r->below + j), width);
            z = vf_keep(vf_lt(centred, vf_neg(below)), vf_set(-1.0f));
            z = vf_select(vf_lt(above, centred), vf_set(1.0f), z);
        } else {
            z = vf_flush(vf_tanh(vf_mul(centred, slope)));
        }
        vf_store(r->v + j, v);
        vf_store(r->z + j, z);
        vf size = vf_mul(adapt_size, vf_abs(z));
        vf_store(r->adapt + j, vf_flush(vf_fma(adapt_rate, vf_sub(size, adapt), adapt)));
        vf_store(r->autor + j, vf_flush(vf_fma(auto_rate, vf_sub(z, autor), autor)));
        vf_store(r->readout + j, vf_add(v, z));
    }
}

static void put(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t, uint32_t first, uint32_t count,
                const float *from) {
    const mdl_shape *s = &r->shape;
    size_t twin = (size_t)s->slots * s->sources;
    size_t now = (size_t)(t & (s->slots - 1)) * s->sources + first;
    size_t back = (size_t)((t - 1) & (s->slots - 1)) * s->sources + first;
    vf decay = vf_set(p->decay_pre), trit = vf_set(MDL_NEURAXON_TRIT), one = vf_set(1.0f);
    for (uint32_t j = 0; j < count; j += MDL_LANES) {
        uint32_t n = count - j < MDL_LANES ? count - j : MDL_LANES;
        vf x = vf_load_n(from + j, n), y = x;
        if (first <= s->sensors)
            y = vf_select(vf_lt(trit, x), one, vf_keep(vf_lt(x, vf_neg(trit)), vf_neg(one)));
        vf trace = vf_flush(vf_fma(decay, vf_sub(vf_load_n(r->line_pre + back + j, n), y), y));
        vf_store_n(r->line + now + j, n, x);
        vf_store_n(r->line + now + twin + j, n, x);
        vf_store_n(r->line_pre + now + j, n, trace);
        vf_store_n(r->line_pre + now + twin + j, n, trace);
    }
}

extern const struct mdl_lanes_kernel JOIN(mdl_lanes_, MDL_KERNEL);
extern const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL);
const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL) = {.name = STRING(MDL_KERNEL),
                                                                    .learn = learn,
                                                                    .balance = balance,
                                                                    .prepare = prepare,
                                                                    .step = step,
                                                                    .put = put,
                                                                    .levers = mdl_lever_loops,
                                                                    .lanes = &JOIN(mdl_lanes_, MDL_KERNEL)};
