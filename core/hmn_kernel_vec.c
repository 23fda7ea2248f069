/* The HMN kernel on vec16.h: the steps of core/hmn_kernel.c, which is the
 * definition, in an order that a processor likes. Compiled once per instruction
 * set with MDL_KERNEL set to the path's name.
 *
 * - A step's completion and the next step's sums are one pass: a row's synapses
 *   are touched once.
 * - With local attention rows go in groups of 16: traces and scores of all, one
 *   transposed fold of their sums, then the weights. Row by row, the chain of
 *   fold, division and broadcast would bind.
 * - A source's record in the delay line holds all that a synapse asks for (x, its
 *   embedding, x of the step after): one load a synapse, and a transposition.
 * - Where the phase gate is closed for a whole row, or the rate is 0, nothing but
 *   the traces is worked out: the update is 0, and no weight is -0. */
#include "core/vec16.h"

#include "core/hmn_kernel.h"
#include "core/hmn_levers.h"
#include "core/lever_loops.h"
#include "core/num.h"

#if !MDL_VEC16
#error "this file needs an instruction set of vec16.h"
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define STRING2(a) #a
#define STRING(a) STRING2(a)

enum { GROUP = MDL_LANES, GROUP_CELLS = 2048 };

/* What a pass over rows needs. */
typedef struct pass {
    mdl_hmn_region *r;
    const mdl_params *p;
    const mdl_completion *c;
    const float *base; /* the line at the completed step */
    uint32_t fan, stride;
    int attention, gain_on;
    int next; /* eq. (1) of the step after is summed too */
    vphilox draws;
} pass;

/* The same in registers: nothing that the loops store can be one of these. */
typedef struct constants {
    const float *base;
    float *w, *fast, *slow;
    const float *cos_phi, *sin_phi;
    const uint16_t *index16;
    const uint32_t *index32;
    uint32_t stride;
    int wide;       /* records of 4 */
    int sum_traces; /* differential form, both traces on */
    int event;
    vf decay_fast, decay_slow, fast_on, slow_on, theta;
    vf cos_phase, sin_phase, minus_beta, theta_p, most, zero;
} constants;

VEC constants constants_of(const pass *s) {
    const mdl_hmn_region *r = s->r;
    const mdl_params *p = s->p;
    int fast_on = mdl_on(p, MDL_MECH_FAST_TRACE), slow_on = mdl_on(p, MDL_MECH_SLOW_TRACE);
    int event = p->trace != MDL_TRACE_DIFFERENTIAL;
    return (constants){.base = s->base,
                       .w = r->w,
                       .fast = r->fast,
                       .slow = r->slow,
                       .cos_phi = r->cos_phi,
                       .sin_phi = r->sin_phi,
                       .index16 = r->index16,
                       .index32 = r->index32,
                       .stride = s->stride,
                       .wide = r->record == 4,
                       .sum_traces = !event && fast_on && slow_on,
                       .event = event,
                       .decay_fast = vf_set(p->decay_fast),
                       .decay_slow = vf_set(p->decay_slow),
                       .fast_on = vf_set(fast_on ? 1.0f : 0.0f),
                       .slow_on = vf_set(slow_on ? 1.0f : 0.0f),
                       .theta = vf_set(p->event_theta),
                       .cos_phase = vf_set(s->c->cos_phase),
                       .sin_phase = vf_set(s->c->sin_phase),
                       .minus_beta = vf_set(-p->beta_p),
                       .theta_p = vf_set(p->theta_p),
                       .most = vf_set(p->weight_max),
                       .zero = vf_set(0.0f)};
}

#define AT(k) index_[k]
#define SELF(k) (k)
#define VEC_CONSECUTIVE4(base, out) VEC_RECORDS4(base, SELF, out)
VEC void records4(const constants *s, size_t at, vf out[4]) {
    if (s->index16) {
        const uint16_t *index_ = s->index16 + at;
        VEC_RECORDS4(s->base, AT, out);
    } else {
        const uint32_t *index_ = s->index32 + at;
        VEC_RECORDS4(s->base, AT, out);
    }
}

/* x at the completed step and at the one after. */
VEC void records2(const constants *s, size_t at, vf *x, vf *next) {
    vf t[4];
    if (s->wide) { /* a gene switched attention off */
        records4(s, at, t);
        t[1] = t[3];
    } else if (s->index16) {
        const uint16_t *index_ = s->index16 + at;
        VEC_RECORDS2(s->base, AT, t);
    } else {
        const uint32_t *index_ = s->index32 + at;
        VEC_RECORDS2(s->base, AT, t);
    }
    *x = t[0];
    *next = t[1];
}

/* Eq. (2) for one block; returns e. */
VEC vf traces(const constants *s, size_t at, vf x, vf z) {
    vf q = vf_mul(x, z), f = vf_load(s->fast + at), g = vf_load(s->slow + at);
    if (s->sum_traces) {
        f = vf_fma(s->decay_fast, f, q);
        g = vf_fma(s->decay_slow, g, q);
    } else if (!s->event) {
        f = vf_fma(s->decay_fast, f, vf_mul(q, s->fast_on));
        g = vf_fma(s->decay_slow, g, vf_mul(q, s->slow_on));
    } else {
        vm event = vf_lt(s->theta, vf_abs(q));
        f = vf_mul(vf_select(event, q, vf_mul(s->decay_fast, f)), s->fast_on);
        g = vf_mul(vf_select(event, q, vf_mul(s->decay_slow, g)), s->slow_on);
    }
    f = vf_flush(f);
    g = vf_flush(g);
    vf_store(s->fast + at, f);
    vf_store(s->slow + at, g);
    return vf_add(f, g);
}

VEC vf gate_of(const constants *s, size_t at) {
    vf gate = vf_fma(s->cos_phase, vf_load(s->cos_phi + at), vf_mul(s->sin_phase, vf_load(s->sin_phi + at)));
    return vf_max(gate, s->zero);
}

/* Of neuron j: what all its updates have in common. */
VEC float rate_of(const pass *s, uint32_t j) { return s->gain_on ? s->c->eta * s->r->gain[j] : s->c->eta; }

VEC int open_of(vf gate) { return vm_any(vf_lt(vf_set(0.0f), gate)); }

/* Eq. (5), the new weight of one block; returns it. */
VEC vf apply(const constants *s, size_t at, vf w, vf d, int probabilistic, vu word) {
    if (probabilistic) {
        vf odds = vf_exp(vf_mul(s->minus_beta, vf_sub(vf_abs(d), s->theta_p)));
        vf u = vf_of_int(vu_shr(word, 8)); /* 2^24 u: scaling by a power of two changes no comparison */
        w = vf_add_where(vf_lt(vf_fma(u, odds, u), vf_set(0x1p24f)), w, d);
    } else {
        w = vf_add(w, d);
    }
    w = vf_bound(w, s->most);
    vf_store(s->w + at, w);
    return w;
}

/* Words of the synapses of neuron j: [stride / 64, up][64]. */
VEC void draw_row(const pass *s, uint32_t j, uint32_t *words) {
    for (uint32_t b = 0; b < s->stride; b += 4 * MDL_LANES) {
        vu w[4];
        vphilox_run(&s->draws, vw_count(j << 4), MDL_DRAW_SYNAPSE + b / (4 * MDL_LANES), w);
        for (uint32_t q = 0; q < 4; q++)
            vu_store(words + b + q * MDL_LANES, w[q]);
    }
}

/* Rows j .. j + n - 1 without local attention; their sums to lanes[16][16]. */
VEC void plain_rows(const pass *s, uint32_t j, uint32_t n, int learn, int gated, int probabilistic, float *lanes,
                    uint32_t *words) {
    const mdl_hmn_region *r = s->r;
    const constants k = constants_of(s);
    for (uint32_t i = 0; i < n; i++) {
        size_t row = mdl_row(&r->shape, j + i);
        vf z = vf_set(r->post[j + i]), sum = vf_set(0.0f);
        vf rate = vf_set(rate_of(s, j + i));
        if (probabilistic)
            draw_row(s, j + i, words);
        for (uint32_t b = 0; b < k.stride; b += MDL_LANES) {
            size_t at = row + b;
            vf x, next;
            records2(&k, at, &x, &next);
            vf e = traces(&k, at, x, z), w = vf_load(k.w + at);
            if (learn) {
                vu word = probabilistic ? vu_load(words + b) : vu_set(0);
                vf d = vf_mul(rate, e);
                if (!gated) {
                    w = apply(&k, at, w, d, probabilistic, word);
                } else {
                    vf gate = gate_of(&k, at);
                    if (open_of(gate))
                        w = apply(&k, at, w, vf_mul(d, gate), probabilistic, word);
                }
            }
            sum = vf_fma(w, next, sum);
        }
        vf_store(lanes + (size_t)i * MDL_LANES, sum);
    }
}

/* What the loops over a group's rows hand on: of 16 synapses; of a row. */
typedef struct block {
    float score[MDL_LANES], trace[MDL_LANES], next[MDL_LANES], gate[MDL_LANES];
} block;
typedef struct group {
    block block[MDL_FAN_IN_MAX / MDL_LANES];
    uint32_t words[MDL_FAN_IN_MAX];
} group;

/* Unit contexts of 16 neurons, or the contexts themselves for the dot product. */
VEC void contexts_of(const pass *s, uint32_t j, uint32_t n, float c0[GROUP], float c1[GROUP]) {
    vf a = vf_load_n(s->r->context[0] + j, n), b = vf_load_n(s->r->context[1] + j, n);
    if (s->p->similarity == MDL_COSINE) {
        vf norm = vf_fma(a, a, vf_mul(b, b)), one = vf_set(1.0f);
        vf scale = vf_keep(vf_lt(vf_set(0x1p-60f), norm), vf_div(one, vf_sqrt(vf_max(norm, vf_set(0x1p-60f)))));
        a = vf_mul(a, scale);
        b = vf_mul(b, scale);
    }
    vf_store(c0, a);
    vf_store(c1, b);
}

/* The same with local attention. n <= 16, n * stride <= MDL_FAN_IN_MAX. */
VEC void attended_rows(const pass *s, uint32_t j, uint32_t n, int learn, int gated, int probabilistic, float *lanes,
                       group *g) {
    const mdl_hmn_region *r = s->r;
    const constants k = constants_of(s);
    float c0[GROUP], c1[GROUP], attended[GROUP];
    uint32_t open = learn ? 0xffffu : 0;
    vm tail = vm_first(s->fan - (k.stride - MDL_LANES));
    vf beta_a = vf_set(s->p->beta_a);
    if (learn)
        contexts_of(s, j, n, c0, c1);
    for (uint32_t i = 0; i < n; i++) {
        size_t row = mdl_row(&r->shape, j + i);
        block *own = g->block + (size_t)i * (k.stride / MDL_LANES);
        vf z = vf_set(r->post[j + i]);
        if (gated && learn) {
            vf most = vf_set(0.0f);
            for (uint32_t b = 0; b < k.stride; b += MDL_LANES) {
                vf gate = gate_of(&k, row + b);
                vf_store(own[b / MDL_LANES].gate, gate);
                most = vf_max(gate, most);
            }
            if (!open_of(most))
                open &= ~(1u << i);
        }
        if (!(open >> i & 1u)) {
            for (uint32_t b = 0; b < k.stride; b += MDL_LANES) {
                vf in[4];
                records4(&k, row + b, in);
                (void)traces(&k, row + b, in[0], z);
                vf_store(own[b / MDL_LANES].next, in[3]);
            }
            continue;
        }
        vf u = vf_set(c0[i]), v = vf_set(c1[i]);
        for (uint32_t b = 0; b < k.stride; b += MDL_LANES) {
            vf in[4];
            records4(&k, row + b, in);
            vf_store(own[b / MDL_LANES].trace, traces(&k, row + b, in[0], z));
            vf_store(own[b / MDL_LANES].next, in[3]);
            vf similar = vf_mul(beta_a, vf_fma(u, in[1], vf_mul(v, in[2])));
            vf_store(own[b / MDL_LANES].score, vf_clamp(similar, -20.0f, 20.0f));
        }
    }
    for (uint32_t i = 0; i < n; i++) { /* apart: one chain of both is longer than a CPU looks ahead */
        block *own = g->block + (size_t)i * (k.stride / MDL_LANES);
        vf total = vf_set(0.0f);
        for (uint32_t b = 0; b < k.stride && open >> i & 1u; b += MDL_LANES) {
            vf score = vf_exp_within(vf_load(own[b / MDL_LANES].score));
            if (b + MDL_LANES == k.stride)
                score = vf_keep(tail, score);
            vf_store(own[b / MDL_LANES].score, score);
            total = vf_add(total, score);
        }
        vf_store(lanes + (size_t)i * MDL_LANES, total);
    }
    if (open) {
        vf sum = vf_fold_rows(lanes);
        vf_store(attended, vf_div(vf_set((float)s->fan), sum));
    }
    for (uint32_t i = 0; i < n; i++) {
        size_t row = mdl_row(&r->shape, j + i);
        block *own = g->block + (size_t)i * (k.stride / MDL_LANES);
        vf sum = vf_set(0.0f);
        if (open >> i & 1u) {
            vf rate = vf_set(rate_of(s, j + i)), att = vf_set(attended[i]);
            if (probabilistic)
                draw_row(s, j + i, g->words);
            for (uint32_t b = 0; b < k.stride; b += MDL_LANES) {
                size_t at = row + b;
                vu word = probabilistic ? vu_load(g->words + b) : vu_set(0);
                vf w = vf_load(k.w + at);
                vf e = vf_mul(vf_load(own[b / MDL_LANES].trace), vf_mul(vf_load(own[b / MDL_LANES].score), att));
                vf d = vf_mul(rate, e);
                if (!gated) {
                    w = apply(&k, at, w, d, probabilistic, word);
                } else {
                    vf gate = vf_load(own[b / MDL_LANES].gate);
                    if (open_of(gate))
                        w = apply(&k, at, w, vf_mul(d, gate), probabilistic, word);
                }
                sum = vf_fma(w, vf_load(own[b / MDL_LANES].next), sum);
            }
        } else if (s->next) {
            for (uint32_t b = 0; b < k.stride; b += MDL_LANES)
                sum = vf_fma(vf_load(k.w + row + b), vf_load(own[b / MDL_LANES].next), sum);
        }
        vf_store(lanes + (size_t)i * MDL_LANES, sum);
    }
}

#define CHOOSE(gated, probabilistic)                                                                                   \
    do {                                                                                                               \
        if (s->attention)                                                                                              \
            attended_rows(s, j, n, learn, gated, probabilistic, lanes, g);                                             \
        else                                                                                                           \
            plain_rows(s, j, n, learn, gated, probabilistic, lanes, g->words);                                         \
    } while (0)

/* Each a function of its own, or the compiler drowns. */
static void rows_00(const pass *s, uint32_t j, uint32_t n, float *lanes, group *g) {
    int learn = s->c->eta != 0.0f;
    CHOOSE(0, 0);
}
static void rows_01(const pass *s, uint32_t j, uint32_t n, float *lanes, group *g) {
    const int learn = 1;
    CHOOSE(0, 1);
}
static void rows_10(const pass *s, uint32_t j, uint32_t n, float *lanes, group *g) {
    const int learn = 1;
    CHOOSE(1, 0);
}
static void rows_11(const pass *s, uint32_t j, uint32_t n, float *lanes, group *g) {
    const int learn = 1;
    CHOOSE(1, 1);
}

/* Rows in groups; with `next`, r->a of the step after. */
static void run_rows(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c, int next) {
    static void (*const rows[2][2])(const pass *, uint32_t, uint32_t, float *, group *) = {{rows_00, rows_01},
                                                                                           {rows_10, rows_11}};
    const mdl_shape *shape = &r->shape;
    pass s = {.r = r,
              .p = p,
              .c = c,
              .base = mdl_line_at(r, c->step),
              .attention = mdl_on(p, MDL_MECH_LOCAL_ATTENTION),
              .gain_on = mdl_on(p, MDL_MECH_NEURON_GAIN),
              .next = next};
    int learn = c->eta != 0.0f;
    int gated = learn && mdl_on(p, MDL_MECH_PHASE_GATE), probabilistic = learn && mdl_on(p, MDL_MECH_PROBABILISTIC);
    if (probabilistic)
        s.draws = vphilox_of(r->key, shape->region, c->step);
    float lanes[GROUP * MDL_LANES];
    group g;
    memset(lanes, 0, sizeof lanes);
    uint32_t first = 0, kind = 0;
    while (first < shape->neurons) {
        uint32_t last = kind == 0 && (shape->fan[0] != shape->fan[1]) ? shape->hidden : shape->neurons;
        if (first >= shape->hidden)
            kind = 1;
        s.fan = shape->fan[kind];
        s.stride = shape->stride[kind];
        uint32_t most = s.stride == 0 || GROUP_CELLS / s.stride >= GROUP ? GROUP : GROUP_CELLS / s.stride;
        most = most == 0 ? 1 : most;
        for (uint32_t j = first; j < last; j += most) {
            uint32_t n = last - j < most ? last - j : most;
            rows[gated][probabilistic](&s, j, n, lanes, &g);
            if (next)
                vf_store_n(r->a + j, n, vf_add(vf_fold_rows(lanes), vf_load_n(r->bias + j, n)));
        }
        first = last;
        kind = 1;
    }
}

static void complete(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c) { run_rows(r, p, c, 0); }

/* What is drawn for 16 neurons in a step. */
typedef struct drawn16 {
    vf noise, uniform; /* N(0, 1); for dropout */
} drawn16;

VEC drawn16 draw_neurons(const vphilox *draws, uint32_t j, int noisy) {
    vu words[4];
    vphilox_run(draws, vw_count(j), MDL_DRAW_NEURON, words);
    drawn16 c = {.uniform = vf_mul(vf_of_int(vu_shr(words[2], 8)), vf_set(0x1p-24f))};
    c.noise = noisy ? vf_gauss(words[0], words[1]) : vf_set(0.0f);
    return c;
}

/* Draws of the first 16 neurons in step t, if it needs any: so early that their
 * long chains of operations run beside those of the rows. */
VEC drawn16 draw_first(const mdl_hmn_region *r, const mdl_params *p, uint32_t t, float drop) {
    if (p->sigma == 0.0f && !(drop > 0.0f))
        return (drawn16){vf_set(0.0f), vf_set(0.0f)};
    vphilox draws = vphilox_of(r->key, r->shape.region, t);
    return draw_neurons(&draws, 0, p->sigma != 0.0f);
}

/* f of 16 neurons' a, and dropout. */
VEC vf respond(const mdl_hmn_region *r, const mdl_params *p, uint32_t j, vf a, float drop, vf uniform) {
    vf z;
    if (p->activation == MDL_TANH)
        z = vf_tanh(a);
    else if (p->activation == MDL_SIGMOID)
        z = vf_sigmoid(a);
    else
        z = vf_clamp(a, 0.0f, MDL_RELU_MAX);
    z = vf_flush(z);
    if (drop > 0.0f && j < r->shape.hidden) {
        uint32_t hidden = r->shape.hidden - j < MDL_LANES ? r->shape.hidden - j : MDL_LANES;
        z = vf_select(vm_and(vf_lt(uniform, vf_set(drop)), vm_first(hidden)), vf_set(0.0f), z);
    }
    return z;
}

/* Noise, f and dropout of step t, from r->a. */
VEC void fire(mdl_hmn_region *r, const mdl_params *p, uint32_t t, float drop, drawn16 drawn) {
    const mdl_shape *shape = &r->shape;
    int noisy = p->sigma != 0.0f, any = noisy || drop > 0.0f;
    vphilox draws = {0};
    if (any && shape->neurons > MDL_LANES)
        draws = vphilox_of(r->key, shape->region, t);
    for (uint32_t j = 0; j < shape->neurons; j += MDL_LANES) {
        vf a = vf_load(r->a + j);
        if (any && j > 0)
            drawn = draw_neurons(&draws, j, noisy);
        if (noisy) {
            a = vf_fma(vf_set(p->sigma), drawn.noise, a);
            vf_store(r->a + j, a);
        }
        vf_store(r->z + j, respond(r, p, j, a, drop, drawn.uniform));
    }
}

static void activate(mdl_hmn_region *r, const mdl_params *p, uint32_t t, float drop) {
    const mdl_shape *shape = &r->shape;
    const constants s = {
        .base = mdl_line_at(r, t - 1), .index16 = r->index16, .index32 = r->index32, .wide = r->record == 4};
    drawn16 drawn = draw_first(r, p, t, drop);
    float lanes[GROUP * MDL_LANES];
    memset(lanes, 0, sizeof lanes);
    for (uint32_t j = 0; j < shape->neurons; j += GROUP) {
        uint32_t n = shape->neurons - j < GROUP ? shape->neurons - j : GROUP;
        for (uint32_t i = 0; i < n; i++) {
            size_t row = mdl_row(shape, j + i);
            uint32_t stride = mdl_row_stride(shape, j + i);
            vf sum = vf_set(0.0f);
            for (uint32_t b = 0; b < stride; b += MDL_LANES) {
                vf x, next;
                records2(&s, row + b, &x, &next);
                sum = vf_fma(vf_load(r->w + row + b), next, sum);
            }
            vf_store(lanes + (size_t)i * MDL_LANES, sum);
        }
        vf_store(r->a + j, vf_add(vf_fold_rows(lanes), vf_load(r->bias + j)));
    }
    fire(r, p, t, drop, drawn);
}

/* core/hmn_levers.c is the definition. */
static void levered(mdl_hmn_region *r, const mdl_params *p, const mdl_levers *h, uint32_t t, float drop) {
    const mdl_shape *shape = &r->shape;
    const constants s = {
        .base = mdl_line_at(r, t - 1), .index16 = r->index16, .index32 = r->index32, .wide = r->record == 4};
    int noisy = p->sigma != 0.0f, any = noisy || drop > 0.0f;
    vphilox draws = {0};
    if (any)
        draws = vphilox_of(r->key, shape->region, t);
    vf zero = vf_set(0.0f), excite = vf_set(h->excite), inhibit = vf_set(h->inhibit);
    vf forward = vf_set(h->feedforward), back = vf_set(h->feedback), own = vf_set(1.0f);
    float lanes[GROUP * MDL_LANES];
    memset(lanes, 0, sizeof lanes);
    for (uint32_t j = 0; j < shape->neurons; j += GROUP) {
        uint32_t n = shape->neurons - j < GROUP ? shape->neurons - j : GROUP;
        drawn16 drawn = {zero, zero};
        if (any)
            drawn = draw_neurons(&draws, j, noisy);
        for (uint32_t i = 0; i < n; i++) {
            size_t row = mdl_row(shape, j + i);
            uint32_t stride = mdl_row_stride(shape, j + i);
            vf sum = zero;
            for (uint32_t b = 0; b < stride; b += MDL_LANES) {
                vf x, next, w = vf_load(r->w + row + b);
                records2(&s, row + b, &x, &next);
                vu way = vu_load8(r->pathway + row + b);
                vf path = vf_select(vu_test(way, vu_set(MDL_PATH_BACK)), back, own);
                path = vf_select(vu_test(way, vu_set(MDL_PATH_FORWARD)), forward, path);
                vf carried = vf_mul(vf_mul(w, vf_select(vf_lt(w, zero), inhibit, excite)), path);
                sum = vf_fma(carried, next, sum);
            }
            vf_store(lanes + (size_t)i * MDL_LANES, sum);
        }
        vf in = vf_fold_rows(lanes), lag = vf_load_n(r->lag + j, n);
        lag = vf_flush(vf_fma(vf_set(MDL_SLOW_RATE), vf_sub(in, lag), lag));
        vf_store_n(r->lag + j, n, lag);
        in = vf_fma(vf_set(h->slow), vf_sub(lag, in), in);
        vf u = vf_add(vf_add(in, vf_load(r->bias + j)), vf_set(h->rest));
        if (noisy)
            u = vf_fma(vf_set(p->sigma), drawn.noise, u);
        vf shift = vf_fma(vf_set(h->spread), vf_load_n(r->offset + j, n), vf_set(h->threshold));
        vf a = vf_mul(vf_set(h->slope), vf_sub(u, shift));
        vf_store(r->a + j, a);
        vf_store(r->z + j, respond(r, p, j, a, drop, drawn.uniform));
    }
}

static void step(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c, float drop) {
    drawn16 drawn = draw_first(r, p, c->step + 1, drop);
    run_rows(r, p, c, 1);
    fire(r, p, c->step + 1, drop, drawn);
}

static void neurons(mdl_hmn_region *r, const mdl_params *p) {
    for (uint32_t j = 0; j < r->shape.neurons; j += MDL_LANES) {
        vf post = vf_load(r->post + j);
        for (int d = 0; d < MDL_EMBED; d++) {
            vf c = vf_load(r->context[d] + j);
            vf_store(r->context[d] + j, vf_flush(vf_fma(vf_set(p->rho_context[d]), vf_sub(post, c), c)));
        }
    }
    for (uint32_t j = 0; mdl_on(p, MDL_MECH_ADAPTIVE_BIAS) && j < r->shape.hidden; j += MDL_LANES) {
        uint32_t n = r->shape.hidden - j < MDL_LANES ? r->shape.hidden - j : MDL_LANES;
        vf z = vf_load(r->z + j), mean = vf_load(r->mean + j);
        mean = vf_flush(vf_fma(vf_set(MDL_MEAN_RATE), vf_sub(z, mean), mean));
        vf b = vf_fma(vf_set(p->bias_rate), vf_sub(vf_set(p->bias_target), mean), vf_load(r->bias + j));
        vf_store_n(r->mean + j, n, mean);
        vf_store_n(r->bias + j, n, vf_clamp(b, -MDL_BIAS_MAX, MDL_BIAS_MAX));
    }
}

static void values(mdl_hmn_region *r, float rate) {
    for (uint32_t j = 0; j < r->shape.neurons; j += MDL_LANES) {
        uint32_t n = r->shape.neurons - j < MDL_LANES ? r->shape.neurons - j : MDL_LANES;
        vf v = vf_fma(vf_set(rate), vf_load(r->feature + j), vf_load(r->value + j));
        vf_store_n(r->value + j, n, vf_clamp(v, -MDL_CRITIC_MAX, MDL_CRITIC_MAX));
        vf_store_n(r->feature + j, n, vf_load(r->z + j));
    }
}

static void put(mdl_hmn_region *r, const mdl_params *p, uint32_t t, uint32_t first, uint32_t count, const float *x) {
    size_t twin = (size_t)r->shape.slots * r->shape.sources * r->record;
    float *now = r->line + (mdl_line_at(r, t) - r->line), *before = r->line + (mdl_line_at(r, t - 1) - r->line);
    for (uint32_t i = 0; i < count; i += MDL_LANES) {
        uint32_t n = count - i < MDL_LANES ? count - i : MDL_LANES;
        size_t at = (size_t)(first + i) * r->record;
        if (r->record == 2) {
            for (uint32_t k = 0; k < n; k++) {
                float v = x[i + k];
                now[at + 2 * k] = now[twin + at + 2 * k] = v;
                before[at + 2 * k + 1] = before[twin + at + 2 * k + 1] = v;
            }
            continue;
        }
        for (uint32_t k = 0; k < n; k++)
            before[at + 4 * k + 3] = before[twin + at + 4 * k + 3] = x[i + k];
        const float *e = r->embed + 4 * (size_t)(first + i); /* 16 more records than sources */
        vf in[4], out[4];
        vf v = vf_load_n(x + i, n);
        VEC_CONSECUTIVE4(e, in);
        out[0] = v;
        out[1] = vf_fma(in[0], v, in[2]);
        out[2] = vf_fma(in[1], v, in[3]);
        out[3] = vf_set(0.0f);
        if (p->similarity == MDL_COSINE) {
            vf norm = vf_fma(out[1], out[1], vf_mul(out[2], out[2])), least = vf_set(0x1p-60f);
            vf scale = vf_keep(vf_lt(least, norm), vf_div(vf_set(1.0f), vf_sqrt(vf_max(norm, least))));
            out[1] = vf_mul(out[1], scale);
            out[2] = vf_mul(out[2], scale);
        }
        vf_put_records4(now + at, n, out);
        vf_put_records4(now + twin + at, n, out);
    }
}

extern const struct mdl_lanes_kernel JOIN(mdl_lanes_, MDL_KERNEL);
extern const mdl_kernel JOIN(mdl_kernel_, MDL_KERNEL);
const mdl_kernel JOIN(mdl_kernel_, MDL_KERNEL) = {
    .name = STRING(MDL_KERNEL),
    .complete = complete,
    .activate = activate,
    .levered = levered,
    .step = step,
    .neurons = neurons,
    .values = values,
    .put = put,
    .sense = mdl_hmn_sense,
    .partials = mdl_hmn_partials,
    .levers = mdl_lever_loops,
    .lanes = &JOIN(mdl_lanes_, MDL_KERNEL),
};
