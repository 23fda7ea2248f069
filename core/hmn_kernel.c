/* The portable kernel is the definition (SPEC 6.2). Loops over 16 lanes are
 * written so that compilers vectorise them, and nothing here depends on whether
 * they do. Compiled once more for CPUs with a fused multiply-add, MDL_KERNEL then
 * being "fma": the same source, and one instruction for twenty. */
#include "core/hmn_kernel.h"

#include "core/hmn_lever_loops.h"
#include "core/lever_loops.h"
#include "core/num.h"

#define EACH_LANE for (uint32_t l = 0; l < MDL_LANES; l++)

/* Sixteen Philox blocks with counters (base + l * stride, c1, c2, c3). */
static inline void philox16(uint32_t base, uint32_t stride, uint32_t c1, uint32_t c2, uint32_t c3, uint64_t key,
                            uint32_t out[4][MDL_LANES]) {
    uint32_t a[MDL_LANES], b[MDL_LANES], c[MDL_LANES], d[MDL_LANES];
    EACH_LANE {
        a[l] = base + l * stride;
        b[l] = c1;
        c[l] = c2;
        d[l] = c3;
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        EACH_LANE {
            uint64_t p0 = (uint64_t)MDL_PHILOX_M0 * a[l], p1 = (uint64_t)MDL_PHILOX_M1 * c[l];
            a[l] = (uint32_t)(p1 >> 32) ^ b[l] ^ k0;
            b[l] = (uint32_t)p1;
            c[l] = (uint32_t)(p0 >> 32) ^ d[l] ^ k1;
            d[l] = (uint32_t)p0;
        }
        k0 += MDL_PHILOX_W0;
        k1 += MDL_PHILOX_W1;
    }
    EACH_LANE {
        out[0][l] = a[l];
        out[1][l] = b[l];
        out[2][l] = c[l];
        out[3][l] = d[l];
    }
}

/* Eq. (2) for one block of 16 synapses: both traces in place, their sum in e. */
static inline void trace_block(const mdl_params *p, float fast_on, float slow_on, const float *restrict x, float zj,
                               float *restrict fast, float *restrict slow, float *restrict e) {
    if (p->trace == MDL_TRACE_DIFFERENTIAL) {
        EACH_LANE {
            float q = x[l] * zj;
            float f = mdl_flushf(mdl_fmaf(p->decay_fast, fast[l], q * fast_on));
            float s = mdl_flushf(mdl_fmaf(p->decay_slow, slow[l], q * slow_on));
            fast[l] = f;
            slow[l] = s;
            e[l] = f + s;
        }
    } else {
        EACH_LANE {
            float q = x[l] * zj;
            int event = mdl_absf(q) > p->event_theta;
            float f = mdl_flushf((event ? q : p->decay_fast * fast[l]) * fast_on);
            float s = mdl_flushf((event ? q : p->decay_slow * slow[l]) * slow_on);
            fast[l] = f;
            slow[l] = s;
            e[l] = f + s;
        }
    }
}

/* Eqs. (3)-(5) for one block: e is the attended trace, rate its factor. */
static inline void weight_block(const mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c, size_t at,
                                float rate, const float *restrict e, const uint32_t *restrict word) {
    float d[MDL_LANES];
    float *restrict w = r->w + at;
    EACH_LANE d[l] = rate * e[l];
    if (mdl_on(p, MDL_MECH_PHASE_GATE)) {
        const float *restrict cs = r->cos_phi + at, *restrict sn = r->sin_phi + at;
        EACH_LANE {
            float gate = mdl_fmaf(c->cos_phase, cs[l], c->sin_phase * sn[l]);
            d[l] *= mdl_maxf(gate, 0.0f);
        }
    }
    if (word) {
        EACH_LANE { /* u < sigmoid(y) <=> u (1 + exp(-y)) < 1 */
            float u = (float)(int32_t)(word[l] >> 8) * 0x1p-24f;
            float odds = mdl_expf(-p->beta_p * (mdl_absf(d[l]) - p->theta_p));
            d[l] = mdl_fmaf(u, odds, u) < 1.0f ? d[l] : 0.0f;
        }
    }
    EACH_LANE w[l] = mdl_clampf(w[l] + d[l], -p->weight_max, p->weight_max);
}

/* Unit context vector of neuron j, or the vector itself for the dot product. */
static void context_of(const mdl_hmn_region *r, const mdl_params *p, uint32_t j, float c[MDL_EMBED]) {
    float c0 = r->context[0][j], c1 = r->context[1][j], scale = 1.0f;
    if (p->similarity == MDL_COSINE) {
        float norm = mdl_fmaf(c0, c0, c1 * c1);
        scale = norm > 0x1p-60f ? 1.0f / mdl_sqrtf(norm) : 0.0f;
    }
    c[0] = c0 * scale;
    c[1] = c1 * scale;
}

static void complete(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c) {
    const mdl_shape *shape = &r->shape;
    float fast_on = mdl_on(p, MDL_MECH_FAST_TRACE) ? 1.0f : 0.0f;
    float slow_on = mdl_on(p, MDL_MECH_SLOW_TRACE) ? 1.0f : 0.0f;
    int attention = mdl_on(p, MDL_MECH_LOCAL_ATTENTION), gain_on = mdl_on(p, MDL_MECH_NEURON_GAIN);
    int probabilistic = mdl_on(p, MDL_MECH_PROBABILISTIC);
    const float *line = mdl_line_at(r, c->step);
    float trace[MDL_FAN_IN_MAX], score[MDL_FAN_IN_MAX]; /* one row's */

    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        uint32_t stride = mdl_row_stride(shape, j), fan = mdl_row_fan(shape, j);
        float zj = r->post[j], rate = gain_on ? c->eta * r->gain[j] : c->eta;
        /* A zero rate changes no weight: eqs. (3)-(5), (8), (9) need not be worked out. */
        int learn = rate != 0.0f;
        float context[MDL_EMBED] = {0.0f}, sum[MDL_LANES] = {0.0f};
        if (attention && learn)
            context_of(r, p, j, context);
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            size_t at = first + b;
            const float *record[MDL_LANES];
            float x[MDL_LANES];
            EACH_LANE record[l] = line + mdl_cell_index(r, at + l) * r->record;
            EACH_LANE x[l] = record[l][0];
            trace_block(p, fast_on, slow_on, x, zj, r->fast + at, r->slow + at, trace + b);
            if (!attention || !learn)
                continue;
            float *restrict ex = score + b;
            float h0[MDL_LANES], h1[MDL_LANES];
            EACH_LANE h0[l] = record[l][1];
            EACH_LANE h1[l] = record[l][2];
            EACH_LANE {
                float s = mdl_fmaf(context[0], h0[l], context[1] * h1[l]);
                float v = mdl_expf(mdl_clampf(p->beta_a * s, -20.0f, 20.0f));
                v = b + l < fan ? v : 0.0f;
                ex[l] = v;
                sum[l] += v;
            }
        }
        if (!learn)
            continue;
        float attended = attention ? (float)fan / mdl_fold16(sum) : 1.0f;
        uint32_t words[4][MDL_LANES];
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            uint32_t block = b / MDL_LANES;
            if (probabilistic && block % 4 == 0)
                philox16(j << 4, 1, shape->region, c->step, MDL_DRAW_SYNAPSE + block / 4, r->key, words);
            if (attention)
                EACH_LANE trace[b + l] *= score[b + l] * attended;
            weight_block(r, p, c, first + b, rate, trace + b, probabilistic ? words[block % 4] : NULL);
        }
    }
}

static void activate(mdl_hmn_region *r, const mdl_params *p, uint32_t t, float drop) {
    const mdl_shape *shape = &r->shape;
    const float *next = mdl_line_at(r, t - 1) + r->record - 1;
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        uint32_t stride = mdl_row_stride(shape, j);
        float sum[MDL_LANES] = {0.0f};
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            const float *restrict w = r->w + first + b;
            float x[MDL_LANES];
            EACH_LANE x[l] = next[mdl_cell_index(r, first + b + l) * r->record];
            EACH_LANE sum[l] = mdl_fmaf(w[l], x[l], sum[l]);
        }
        r->a[j] = mdl_fold16(sum) + r->bias[j];
    }
    int noisy = p->sigma != 0.0f, dropping = drop > 0.0f;
    for (uint32_t j = 0; j < shape->neurons; j += MDL_LANES) {
        float *restrict a = r->a + j, *restrict z = r->z + j;
        uint32_t words[4][MDL_LANES] = {{0}};
        if (noisy || dropping)
            philox16(j, 1, shape->region, t, MDL_DRAW_NEURON, r->key, words);
        if (noisy) {
            EACH_LANE {
                float g0, g1;
                mdl_gauss(words[0][l], words[1][l], &g0, &g1);
                a[l] = mdl_fmaf(p->sigma, g0, a[l]);
            }
        }
        if (p->activation == MDL_TANH)
            EACH_LANE z[l] = mdl_flushf(mdl_tanhf(a[l]));
        else if (p->activation == MDL_SIGMOID)
            EACH_LANE z[l] = mdl_flushf(mdl_sigmoidf(a[l]));
        else
            EACH_LANE z[l] = mdl_flushf(mdl_clampf(a[l], 0.0f, MDL_RELU_MAX));
        if (dropping) {
            EACH_LANE {
                float u = (float)(int32_t)(words[2][l] >> 8) * 0x1p-24f;
                z[l] = u < drop && j + l < shape->hidden ? 0.0f : z[l];
            }
        }
    }
}

static void step(mdl_hmn_region *r, const mdl_params *p, const mdl_completion *c, float drop) {
    complete(r, p, c);
    activate(r, p, c->step + 1, drop);
}

static void neurons(mdl_hmn_region *r, const mdl_params *p) {
    for (int d = 0; d < MDL_EMBED; d++)
        for (uint32_t j = 0; j < r->shape.neurons; j++) {
            float c = r->context[d][j];
            r->context[d][j] = mdl_flushf(mdl_fmaf(p->rho_context[d], r->post[j] - c, c));
        }
    if (mdl_on(p, MDL_MECH_ADAPTIVE_BIAS))
        for (uint32_t j = 0; j < r->shape.hidden; j++) {
            r->mean[j] = mdl_flushf(mdl_fmaf(MDL_MEAN_RATE, r->z[j] - r->mean[j], r->mean[j]));
            float b = mdl_fmaf(p->bias_rate, p->bias_target - r->mean[j], r->bias[j]);
            r->bias[j] = mdl_clampf(b, -MDL_BIAS_MAX, MDL_BIAS_MAX);
        }
}

static void values(mdl_hmn_region *r, float rate) {
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        r->value[j] = mdl_clampf(mdl_fmaf(rate, r->feature[j], r->value[j]), -MDL_CRITIC_MAX, MDL_CRITIC_MAX);
        r->feature[j] = r->z[j];
    }
}

/* Stored twice, so that reads never wrap, and once more in the record before. */
static void put(mdl_hmn_region *r, const mdl_params *p, uint32_t t, uint32_t first, uint32_t count, const float *x) {
    size_t twin = (size_t)r->shape.slots * r->shape.sources * r->record;
    for (uint32_t i = first; i < first + count; i++, x++) {
        float *now = mdl_line_at(r, t) + (size_t)i * r->record;
        float *next = mdl_line_at(r, t - 1) + (size_t)i * r->record + r->record - 1;
        now[0] = now[twin] = *x;
        next[0] = next[twin] = *x;
        if (r->record == 2)
            continue;
        const float *e = r->embed + 4 * (size_t)i;
        float h[MDL_EMBED], scale = 1.0f;
        for (int d = 0; d < MDL_EMBED; d++)
            h[d] = mdl_fmaf(e[d], *x, e[MDL_EMBED + d]);
        if (p->similarity == MDL_COSINE) {
            float norm = mdl_fmaf(h[0], h[0], h[1] * h[1]);
            scale = norm > 0x1p-60f ? 1.0f / mdl_sqrtf(norm) : 0.0f;
        }
        for (int d = 0; d < MDL_EMBED; d++)
            now[1 + d] = now[twin + 1 + (size_t)d] = h[d] * scale;
    }
}

#ifndef MDL_KERNEL
#define MDL_KERNEL portable
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define STRING2(a) #a
#define STRING(a) STRING2(a)
extern const mdl_kernel JOIN(mdl_kernel_, MDL_KERNEL);
const mdl_kernel JOIN(mdl_kernel_, MDL_KERNEL) = {
    .name = STRING(MDL_KERNEL),
    .complete = complete,
    .activate = activate,
    .levered = mdl_hmn_lever_loops,
    .step = step,
    .neurons = neurons,
    .values = values,
    .put = put,
    .sense = mdl_hmn_sense,
    .partials = mdl_hmn_partials,
    .levers = mdl_lever_loops,
};
