/* HMN's rows with local attention, for core/hmn_kernel_vec.c alone: three passes over a group of up to 16 rows. Traces
 * and scores; exponentials and, by one transposed fold, what their sums are divided by; weights and the next step's
 * sums. Apart, because a CPU looks ahead less far than the chain of all three is long, and because each keeps what it
 * needs in registers only if it is a function of its own. */
#ifndef MDL_CORE_HMN_ATTENDED_VEC_H
#define MDL_CORE_HMN_ATTENDED_VEC_H

#include "core/hmn_rows_vec.h"

#define PASS static __attribute__((noinline))

/* What the passes hand on, of a block. */
typedef struct block {
    float score[MDL_LANES], trace[MDL_LANES], next[MDL_LANES], gate[MDL_LANES];
} block;
/* Of a group of rows, in lines of cache; draws of one row, and which: neuron + 1, or 0. */
typedef struct group {
    _Alignas(64) block block[MDL_FAN_IN_MAX / MDL_LANES];
    uint32_t words[MDL_FAN_IN_MAX];
    uint32_t drawn;
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

/* First pass: eq. (2), the gates, the scores' exponents. Returns which rows have an open gate. */
VEC uint32_t score_rows(const pass *s, uint32_t j, uint32_t n, int gated, group *g) {
    const mdl_hmn_region *r = s->r;
    const constants k = constants_of(s);
    float c0[GROUP], c1[GROUP];
    uint32_t open = 0;
    vf beta_a = vf_set(s->p->beta_a);
    contexts_of(s, j, n, c0, c1);
    block *own = g->block;
    size_t row = mdl_row(&r->shape, j);
    for (uint32_t i = 0; i < n; i++, row += k.stride) {
        vf z = vf_set(r->post[j + i]), u = vf_set(c0[i]), v = vf_set(c1[i]), most = vf_set(0.0f);
        for (uint32_t b = 0; b < k.stride; b += MDL_LANES, own++) {
            vf in[4];
            records4(&k, row + b, in);
            vf_store(own->trace, traces(&k, row + b, in[0], z));
            vf_store(own->next, in[3]);
            vf similar = vf_mul(beta_a, vf_fma(u, in[1], vf_mul(v, in[2])));
            vf_store(own->score, vf_clamp(similar, -20.0f, 20.0f));
            if (gated) {
                vf gate = gate_of(&k, row + b);
                vf_store(own->gate, gate);
                most = vf_max(gate, most);
            }
        }
        open |= (uint32_t)(!gated || open_of(most)) << i;
    }
    return open;
}
PASS uint32_t score_rows_0(const pass *s, uint32_t j, uint32_t n, group *g) { return score_rows(s, j, n, 0, g); }
PASS uint32_t score_rows_1(const pass *s, uint32_t j, uint32_t n, group *g) { return score_rows(s, j, n, 1, g); }

/* In its place where nothing is learnt: eq. (2) alone. */
PASS void trace_rows(const pass *s, uint32_t j, uint32_t n, group *g) {
    const mdl_hmn_region *r = s->r;
    const constants k = constants_of(s);
    block *own = g->block;
    size_t row = mdl_row(&r->shape, j);
    for (uint32_t i = 0; i < n; i++, row += k.stride) {
        vf z = vf_set(r->post[j + i]);
        for (uint32_t b = 0; b < k.stride; b += MDL_LANES, own++) {
            vf in[4];
            records4(&k, row + b, in);
            (void)traces(&k, row + b, in[0], z);
            vf_store(own->next, in[3]);
        }
    }
}

/* Second pass, of open rows: exponentials; to attended[16] what each row's are multiplied by. */
PASS void weigh_rows(const pass *s, uint32_t n, uint32_t open, float *lanes, float *attended, group *g) {
    uint32_t blocks = s->stride / MDL_LANES;
    vm tail = vm_first(s->fan - (s->stride - MDL_LANES));
    for (uint32_t i = 0; i < n; i++) {
        block *own = g->block + (size_t)i * blocks;
        vf total = vf_set(0.0f);
        for (uint32_t b = 0; b < blocks && open >> i & 1u; b++) {
            vf score = vf_exp_within(vf_load(own[b].score));
            if (b + 1 == blocks)
                score = vf_keep(tail, score);
            vf_store(own[b].score, score);
            total = vf_add(total, score);
        }
        vf_store(lanes + (size_t)i * MDL_LANES, total);
    }
    vf_store(attended, vf_div(vf_set((float)s->fan), vf_fold_rows(lanes)));
}

#define EACH VEC_UNROLL for (int q = 0; q < 4; q++)

/* Eq. (5) of four blocks and their part of the next step's sum, level by level: what stands side by side does not wait
 * for each other, so a CPU finds work among few instructions. Between the levels, for the same reason, the draws for
 * `run` of neuron j, which replace words[64] at the end. */
VEC vf apply4(const pass *s, const constants *k, const block *own, size_t at, int gated, vf rate, vf att,
              const uint32_t *words, uint32_t j, uint32_t run, uint32_t *drawn, vf sum) {
    vf d[4], x[4], n[4], y[4], w[4];
    vu bits[4], out[4];
    vdraws t = vphilox_begin(&s->draws, vw_count(j << 4), MDL_DRAW_SYNAPSE + run);
    EACH d[q] = vf_mul(vf_load(own[q].score), att);
    EACH d[q] = vf_mul(vf_load(own[q].trace), d[q]);
    vphilox_round(&s->draws, 3, &t);
    EACH d[q] = vf_mul(rate, d[q]);
    EACH d[q] = gated ? vf_mul(d[q], vf_load(own[q].gate)) : d[q];
    EACH x[q] = vf_sub(vf_abs(d[q]), k->theta_p);
    vphilox_round(&s->draws, 4, &t);
    EACH x[q] = vf_clamp(vf_mul(k->minus_beta, x[q]), -87.0f, 88.0f);
    EACH n[q] = vf_exp_whole(x[q], &bits[q]);
    vphilox_round(&s->draws, 5, &t);
    EACH x[q] = vf_exp_rest(x[q], n[q]);
    vphilox_round(&s->draws, 6, &t);
    EACH y[q] = vf_exp_series(x[q]);
    vphilox_round(&s->draws, 7, &t);
    EACH x[q] = vf_exp_less_1(x[q], y[q]);
    vphilox_round(&s->draws, 8, &t);
    EACH x[q] = vf_scale(vf_add(x[q], vf_set(1.0f)), bits[q]);
    vphilox_round(&s->draws, 9, &t);
    EACH y[q] = uniform_of(vu_load(words + q * MDL_LANES));
    EACH w[q] = vf_load(k->w + at + q * MDL_LANES);
    EACH w[q] = vf_add_where(applied(y[q], x[q]), w[q], d[q]);
    EACH w[q] = vf_bound(w[q], k->most);
    EACH vf_store(k->w + at + q * MDL_LANES, w[q]);
    EACH sum = vf_fma(w[q], vf_load(own[q].next), sum);
    vphilox_end(&t, out);
    EACH vu_store(drawn + q * MDL_LANES, out[q]);
    return sum;
}

/* Third pass: the weights, and the next step's sums to lanes[16][16]. */
VEC void apply_rows(const pass *s, uint32_t j, uint32_t n, uint32_t open, int gated, int probabilistic, int far,
                    const float *attended, float *lanes, group *g) {
    const mdl_hmn_region *r = s->r;
    const constants k = constants_of(s);
    const uint32_t blocks = k.stride / MDL_LANES, fours = MDL_VEC16 == 512 && probabilistic ? blocks / 4 * 4 : 0;
    uint32_t drawn = g->drawn;
    size_t row = mdl_row(&r->shape, j);
    const block *own = g->block;
    for (uint32_t i = 0; i < n; i++, row += k.stride, own += blocks) {
        vf sum = vf_set(0.0f);
        if (far)
            fetch_row_ahead(s, &k, row + (size_t)GROUP * k.stride);
        if (open >> i & 1u) {
            vf rate = vf_set(rate_of(s, j + i)), att = vf_set(attended[i]);
            uint32_t b = 0;
            if (fours > 0 && drawn != j + i + 1)
                draw_run(s, j + i, 0, g->words);
            else if (fours == 0 && probabilistic)
                draw_row(s, j + i, g->words);
            for (; b < fours; b += 4) {
                uint32_t run = b + 4 < blocks ? b / 4 + 1 : 0;
                sum = apply4(s, &k, own + b, row + b * MDL_LANES, gated, rate, att, g->words + b * MDL_LANES,
                             run ? j + i : j + i + 1, run, g->words + run * 4 * MDL_LANES, sum);
            }
            drawn = fours == blocks ? j + i + 2 : 0;
            for (; b < blocks; b++) {
                size_t at = row + b * MDL_LANES;
                vu word = probabilistic ? vu_load(g->words + b * MDL_LANES) : vu_set(0);
                vf w = vf_load(k.w + at);
                vf d = vf_mul(vf_load(own[b].trace), vf_mul(vf_load(own[b].score), att));
                d = vf_mul(rate, d);
                if (!gated) {
                    w = apply(&k, at, w, d, probabilistic, word);
                } else {
                    vf gate = vf_load(own[b].gate);
                    if (open_of(gate))
                        w = apply(&k, at, w, vf_mul(d, gate), probabilistic, word);
                }
                sum = vf_fma(w, vf_load(own[b].next), sum);
            }
        } else if (s->next) {
            for (uint32_t b = 0; b < blocks; b++)
                sum = vf_fma(vf_load(k.w + row + b * MDL_LANES), vf_load(own[b].next), sum);
        }
        vf_store(lanes + (size_t)i * MDL_LANES, sum);
    }
    g->drawn = drawn;
}
#define APPLY_ROWS(gated, probabilistic, far)                                                                          \
    PASS void apply_rows_##gated##probabilistic##far(const pass *s, uint32_t j, uint32_t n, uint32_t open,             \
                                                     const float *attended, float *lanes, group *g) {                  \
        apply_rows(s, j, n, open, gated, probabilistic, far, attended, lanes, g);                                      \
    }
EACH_KIND(APPLY_ROWS)

/* All three. n <= 16, n * stride <= MDL_FAN_IN_MAX. */
static void attended_rows(const pass *s, uint32_t j, uint32_t n, float *lanes, group *g) {
    typedef void apply_fn(const pass *, uint32_t, uint32_t, uint32_t, const float *, float *, group *);
    static apply_fn *const apply[] = {KINDS_OF(apply_rows_)};
    float attended[GROUP];
    uint32_t open = 0;
    if (!s->learn)
        trace_rows(s, j, n, g);
    else
        open = s->gated ? score_rows_1(s, j, n, g) : score_rows_0(s, j, n, g);
    if (open)
        weigh_rows(s, n, open, lanes, attended, g);
    apply[kind_of(s)](s, j, n, open, attended, lanes, g);
}

#endif
