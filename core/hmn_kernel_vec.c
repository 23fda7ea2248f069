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

#include "core/hmn_attended_vec.h"
#include "core/hmn_kernel.h"
#include "core/hmn_levers.h"
#include "core/hmn_rows_vec.h"
#include "core/lever_loops.h"
#include "core/num.h"

#if !MDL_VEC16
#error "this file needs an instruction set of vec16.h"
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define STRING2(a) #a
#define STRING(a) STRING2(a)

/* Rows j .. j + n - 1 without local attention; their sums to lanes[16][16]. */
VEC void plain_rows(const pass *s, uint32_t j, uint32_t n, int learn, int gated, int probabilistic, int far,
                    float *lanes, uint32_t *words) {
    const mdl_hmn_region *r = s->r;
    const constants k = constants_of(s);
    for (uint32_t i = 0; i < n; i++) {
        size_t row = mdl_row(&r->shape, j + i);
        vf z = vf_set(r->post[j + i]), sum = vf_set(0.0f);
        vf rate = vf_set(rate_of(s, j + i));
        if (far)
            fetch_row_ahead(s, &k, row + (size_t)GROUP * k.stride);
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

#define PLAIN_ROWS(gated, probabilistic, far)                                                                          \
    static void plain_rows_##gated##probabilistic##far(const pass *s, uint32_t j, uint32_t n, float *lanes,            \
                                                       group *g) {                                                     \
        plain_rows(s, j, n, gated || probabilistic || s->learn, gated, probabilistic, far, lanes, g->words);           \
    }
EACH_KIND(PLAIN_ROWS)

/* Rows in groups; with `next`, r->a of the step after. */
static void run_rows(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c, int next) {
    typedef void rows_fn(const pass *, uint32_t, uint32_t, float *, group *);
    static rows_fn *const plain[] = {KINDS_OF(plain_rows_)};
    const mdl_shape *shape = &r->shape;
    pass s = {.r = r,
              .p = p,
              .c = c,
              .base = mdl_line_at(r, c->step),
              .learn = c->eta != 0.0f,
              .gain_on = mdl_on(p, MDL_MECH_NEURON_GAIN),
              .next = next,
              .far_state = shape->cells >= FAR_CELLS,
              .far_line = (size_t)(shape->delay_max + 1) * shape->sources * r->record * sizeof(float) >= FAR_LINE};
    s.gated = s.learn && mdl_on(p, MDL_MECH_PHASE_GATE);
    s.probabilistic = s.learn && mdl_on(p, MDL_MECH_PROBABILISTIC);
    rows_fn *rows = mdl_on(p, MDL_MECH_LOCAL_ATTENTION) ? attended_rows : plain[kind_of(&s)];
    if (s.probabilistic)
        s.draws = vphilox_of(r->key, shape->region, c->step);
    _Alignas(64) float lanes[GROUP * MDL_LANES];
    group g;
    g.drawn = 0;
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
            rows(&s, j, n, lanes, &g);
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
