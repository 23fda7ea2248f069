/* What all passes of core/hmn_kernel_vec.c over rows of synapses share: their constants, what 16 synapses ask of the
 * delay line, and eqs. (2), (4), (5) on 16 synapses. For the sources of kernels alone, after core/vec16.h.
 *
 * A block is 16 synapses of one row, one vector of each array. */
#ifndef MDL_CORE_HMN_ROWS_VEC_H
#define MDL_CORE_HMN_ROWS_VEC_H

#include "core/hmn_kernel.h"
#include "core/vec16.h"

enum { GROUP = MDL_LANES, GROUP_CELLS = 2048 };
/* Cells from where state, or a line of so many bytes, is worth asking for ahead of time (measured: from beyond the
 * third and the second level of cache); and how many cells further an index is asked for than what it points to. */
enum { FAR_CELLS = 1 << 19, FAR_LINE = 1 << 20, FURTHER = 1024 };

/* What a pass over rows needs. */
typedef struct pass {
    mdl_hmn_region *r;
    const mdl_params *p;
    const mdl_completion *c;
    const float *base; /* the line at the completed step */
    uint32_t fan, stride;
    int learn, gated, probabilistic, gain_on;
    int next;                /* eq. (1) of the step after is summed too */
    int far_state, far_line; /* not in cache: asked for ahead of time  */
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

/* What a pass over the 16 synapses at `at` will ask for, where caches do not hold it: a CPU looks ahead a few rows, and
 * memory is further away. */
VEC void fetch_ahead(const pass *s, const constants *k, size_t at) {
    enum { REUSED = 2 }; /* to the second level of cache */
    __builtin_prefetch(k->w + at, 1, REUSED);
    __builtin_prefetch(k->fast + at, 1, REUSED);
    __builtin_prefetch(k->slow + at, 1, REUSED);
    if (k->cos_phi) {
        __builtin_prefetch(k->cos_phi + at, 0, REUSED);
        __builtin_prefetch(k->sin_phi + at, 0, REUSED);
    }
    if (k->index16)
        __builtin_prefetch(k->index16 + at + FURTHER, 0, REUSED);
    else
        __builtin_prefetch(k->index32 + at + FURTHER, 0, REUSED);
    const size_t record = k->wide ? 4 : 2;
    for (size_t c = at; s->far_line && c < at + MDL_LANES; c++)
        __builtin_prefetch(k->base + record * (k->index16 ? k->index16[c] : k->index32[c]), 0, REUSED);
}
VEC void fetch_row_ahead(const pass *s, const constants *k, size_t row) {
    if (row + k->stride + FURTHER > s->r->shape.cells)
        return;
    for (uint32_t b = 0; b < k->stride; b += MDL_LANES)
        fetch_ahead(s, k, row + b);
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

/* Eq. (5): 2^24 u, for scaling by a power of two changes no comparison; and where u < 1 / (1 + odds). */
VEC vf uniform_of(vu word) { return vf_of_int(vu_shr(word, 8)); }
VEC vm applied(vf u, vf odds) { return vf_lt(vf_fma(u, odds, u), vf_set(0x1p24f)); }

/* The new weight of one block; returns it. */
VEC vf apply(const constants *s, size_t at, vf w, vf d, int probabilistic, vu word) {
    if (probabilistic) {
        vf odds = vf_exp(vf_mul(s->minus_beta, vf_sub(vf_abs(d), s->theta_p)));
        w = vf_add_where(applied(uniform_of(word), odds), w, d);
    } else {
        w = vf_add(w, d);
    }
    w = vf_bound(w, s->most);
    vf_store(s->w + at, w);
    return w;
}

/* Words of the synapses of neuron j: of blocks 4 run .. 4 run + 3. */
VEC void draw_run(const pass *s, uint32_t j, uint32_t run, uint32_t words[4 * MDL_LANES]) {
    vu w[4];
    vphilox_run(&s->draws, vw_count(j << 4), MDL_DRAW_SYNAPSE + run, w);
    for (uint32_t q = 0; q < 4; q++)
        vu_store(words + q * MDL_LANES, w[q]);
}
/* Of a whole row. */
VEC void draw_row(const pass *s, uint32_t j, uint32_t *words) {
    for (uint32_t run = 0; run * 4 * MDL_LANES < s->stride; run++)
        draw_run(s, j, run, words + run * 4 * MDL_LANES);
}

/* F(gated, probabilistic, far) for each kind of rows; their functions name000 to name111, each one of its own, or the
 * compiler drowns; and which of them a pass takes. */
#define EACH_KIND(F) F(0, 0, 0) F(0, 0, 1) F(0, 1, 0) F(0, 1, 1) F(1, 0, 0) F(1, 0, 1) F(1, 1, 0) F(1, 1, 1)
#define KINDS_OF(name) name##000, name##001, name##010, name##011, name##100, name##101, name##110, name##111
VEC int kind_of(const pass *s) { return s->gated * 4 + s->probabilistic * 2 + s->far_state; }

#endif
