/* The portable kernel is the definition (SPEC 13.3 to 13.6). This file is
 * compiled once per instruction set with MDL_KERNEL set to the path's name;
 * loops over 16 lanes are written so that compilers vectorise them, and nothing
 * here depends on whether they do. */
#include "core/neuraxon_kernel.h"

#include "core/hmn_kernel.h"
#include "core/num.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#ifndef MDL_KERNEL
#define MDL_KERNEL portable
#endif
#define STRING2(a) #a
#define STRING(a) STRING2(a)

#define EACH_LANE for (uint32_t l = 0; l < MDL_LANES; l++)

/* Sixteen Philox blocks with counters (base + l, c1, c2, c3). */
static inline void philox16(uint32_t base, uint32_t c1, uint32_t c2, uint32_t c3, uint64_t key,
                            uint32_t out[4][MDL_LANES]) {
    uint32_t a[MDL_LANES], b[MDL_LANES], c[MDL_LANES], d[MDL_LANES];
    EACH_LANE {
        a[l] = base + l;
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

/* One block of 16 synapses. `mark` 0: all are awake and alive. */
typedef struct rule {
    float decay_e, rate, decay_fast, consolidate, relax, set_point, weight_max;
    float meta_relax, meta_change, serotonin;
    int fast_on, meta_on, metaplastic;
} rule;

static inline void learn_block(mdl_neuraxon_region *r, const rule *u, size_t at, const float *restrict x,
                               const float *restrict q, float post, float before) {
    float *restrict e = r->e + at, *restrict f = r->fast + at, *restrict s = r->slow + at, *restrict w = r->w + at;
    float *restrict meta = r->meta + at;
    const float *restrict w0 = r->w0 + at, *restrict meta0 = r->meta0 + at;
    const uint32_t *restrict flags = r->flags + at;
    float d[MDL_LANES];
    EACH_LANE {
        float both = mdl_fmaf(before, x[l], q[l] * post);
        float trace = mdl_flushf(mdl_fmaf(u->decay_e, e[l], both));
        trace = flags[l] & MDL_CELL_DEAD ? 0.0f : trace;
        e[l] = trace;
        float change = u->rate * (u->meta_on ? meta[l] * trace : trace);
        d[l] = flags[l] & (MDL_CELL_SILENT | MDL_CELL_DEAD) ? 0.0f : change;
    }
    if (u->fast_on) {
        EACH_LANE {
            float fast = mdl_clampf(mdl_fmaf(u->decay_fast, f[l], d[l]), -u->weight_max, u->weight_max);
            f[l] = mdl_flushf(fast);
            s[l] = mdl_fmaf(u->consolidate, fast, s[l]);
        }
    } else {
        EACH_LANE s[l] += d[l];
    }
    EACH_LANE {
        float set = flags[l] & (MDL_CELL_FORMED | MDL_CELL_DEAD) ? 0.0f : u->set_point * w0[l];
        float slow = mdl_fmaf(u->relax, set - s[l], s[l]);
        s[l] = mdl_flushf(mdl_clampf(slow, -u->weight_max, u->weight_max));
        w[l] = mdl_clampf(f[l] + s[l], -u->weight_max, u->weight_max);
    }
    if (u->metaplastic) {
        EACH_LANE {
            float m = mdl_fmaf(u->meta_relax, meta0[l] - meta[l], meta[l]);
            m = mdl_fmaf(-u->meta_change, mdl_absf(d[l]), m) + u->serotonin;
            m = flags[l] & MDL_CELL_DEAD ? 0.0f : m;
            meta[l] = mdl_flushf(mdl_clampf(m, -MDL_NEURAXON_META_MAX, MDL_NEURAXON_META_MAX));
        }
    }
}

static void learn(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_neuraxon_completion *c,
                  float weight_max) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, r->line, c->step), *pre = mdl_neuraxon_at(r, r->line_pre, c->step);
    const rule u = {.decay_e = p->decay_e,
                    .rate = c->rate,
                    .decay_fast = p->decay_fast,
                    .consolidate = p->consolidate,
                    .relax = p->relax,
                    .set_point = p->set_point,
                    .weight_max = weight_max,
                    .meta_relax = p->meta_relax,
                    .meta_change = p->meta_change,
                    .serotonin = c->serotonin,
                    .fast_on = mdl_nx_on(p, MDL_NX_FAST_WEIGHTS),
                    .meta_on = mdl_nx_on(p, MDL_NX_META_WEIGHTS),
                    .metaplastic = mdl_nx_on(p, MDL_NX_METAPLASTICITY)};
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        float post = r->post[j], before = -p->depression * r->trace[j];
        for (uint32_t b = 0; b < mdl_row_stride(shape, j); b += MDL_LANES) {
            const uint32_t *restrict index = r->index + first + b;
            float x[MDL_LANES], q[MDL_LANES];
            EACH_LANE x[l] = row[index[l]];
            EACH_LANE q[l] = pre[index[l]];
            learn_block(r, &u, first + b, x, q, post, before);
        }
    }
}

static void balance(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, r->line, t);
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        float excited[MDL_LANES] = {0.0f}, inhibited[MDL_LANES] = {0.0f};
        for (uint32_t b = 0; b < mdl_row_stride(shape, j); b += MDL_LANES) {
            const uint32_t *restrict index = r->index + first + b;
            const float *restrict carry = r->carry + first + b;
            EACH_LANE {
                float x = mdl_absf(row[index[l]]);
                excited[l] = mdl_fmaf(mdl_maxf(carry[l], 0.0f), x, excited[l]);
                inhibited[l] = mdl_fmaf(mdl_maxf(-carry[l], 0.0f), x, inhibited[l]);
            }
        }
        float e = mdl_fold16(excited), i = mdl_fold16(inhibited);
        float moved = mdl_fmaf(p->balance_rate, (e - i) / ((e + i) + 0x1p-10f), r->brake[j]);
        r->brake[j] = mdl_clampf(moved, MDL_NEURAXON_BRAKE_MIN, MDL_NEURAXON_BRAKE_MAX);
    }
}

static void prepare(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h) {
    const mdl_shape *shape = &r->shape;
    const uint32_t mute = MDL_CELL_SILENT | MDL_CELL_DEAD;
    int modulatory = mdl_nx_on(p, MDL_NX_MODULATORY);
    float gain = r->branching.gain;
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        float inhibit = r->brake[j] * h->inhibit;
        for (uint32_t b = 0; b < mdl_row_stride(shape, j); b += MDL_LANES) {
            const uint32_t *restrict flags = r->flags + first + b;
            const float *restrict w = r->w + first + b, *restrict meta = r->meta + first + b;
            float *restrict carry = r->carry + first + b, *restrict shift = r->shift + first + b;
            EACH_LANE {
                float c = w[l] * (w[l] < 0.0f ? inhibit : h->excite);
                c *= flags[l] & MDL_CELL_RECURRENT ? gain : 1.0f;
                c *= flags[l] & MDL_CELL_FORWARD ? h->feedforward : flags[l] & MDL_CELL_BACK ? h->feedback : 1.0f;
                c = flags[l] & mute ? 0.0f : c;
                carry[l] = modulatory && flags[l] & MDL_CELL_MODULATORY ? 0.0f : c;
            }
            if (modulatory) {
                EACH_LANE {
                    float s = flags[l] & MDL_CELL_MODULATORY ? p->modulatory * meta[l] : 0.0f;
                    shift[l] = flags[l] & mute ? 0.0f : s;
                }
            }
        }
    }
}

/* Sums of all rows over what each cell carries. */
static void gather(const mdl_neuraxon_region *r, const float *row, const float *restrict carry, float *restrict out) {
    const mdl_shape *shape = &r->shape;
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        uint32_t stride = mdl_row_stride(shape, j);
        float sum[MDL_LANES] = {0.0f};
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            const uint32_t *restrict index = r->index + first + b;
            const float *restrict c = carry + first + b;
            EACH_LANE sum[l] = mdl_fmaf(c[l], row[index[l]], sum[l]);
        }
        out[j] = mdl_fold16(sum);
    }
}

static void step(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h,
                 const mdl_neuraxon_step *s) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, r->line, s->step);
    int modulatory = mdl_nx_on(p, MDL_NX_MODULATORY), trinary = mdl_nx_on(p, MDL_NX_TRINARY);
    float width = 1.0f / h->slope;
    int noisy = s->sigma != 0.0f, spontaneous = p->spontaneous > 0.0f;
    gather(r, row, r->carry, r->input);
    if (modulatory)
        gather(r, row, r->shift, r->bend);
    for (uint32_t j = 0; j < shape->neurons; j += MDL_LANES) {
        float *restrict v = r->v + j, *restrict z = r->z + j, *restrict lag = r->lag + j,
                        *restrict out = r->readout + j;
        float *restrict trace = r->trace + j, *restrict adapt = r->adapt + j, *restrict autor = r->autor + j;
        const float *restrict decay = r->decay + j, *restrict above = r->above + j, *restrict below = r->below + j;
        const float *restrict input = r->input + j, *restrict bend = r->bend + j, *restrict scatter = r->scatter + j;
        const float *restrict cos_osc = r->cos_osc + j, *restrict sin_osc = r->sin_osc + j;
        float drive[MDL_LANES];
        EACH_LANE {
            trace[l] = mdl_flushf(mdl_fmaf(p->decay_post, trace[l] - z[l], z[l]));
            float i = mdl_clampf(input[l], -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX);
            lag[l] = mdl_flushf(mdl_fmaf(MDL_SLOW_RATE, i - lag[l], lag[l]));
            i = mdl_fmaf(h->slow, lag[l] - i, i);
            float rhythm = mdl_fmaf(s->cos, cos_osc[l], -(s->sin * sin_osc[l]));
            float u = (mdl_fmaf(2.0f, i, h->rest) - adapt[l]) + rhythm;
            drive[l] = mdl_fmaf(decay[l], v[l] - u, u);
        }
        if (noisy || spontaneous) {
            uint32_t words[4][MDL_LANES];
            philox16(j, shape->region, s->step, MDL_DRAW_NEURON, r->key, words);
            if (noisy) {
                EACH_LANE {
                    float g0, g1;
                    mdl_gauss(words[0][l], words[1][l], &g0, &g1);
                    drive[l] = mdl_fmaf(s->sigma, g0, drive[l]);
                }
            }
            if (spontaneous) {
                EACH_LANE {
                    float u = (float)(int32_t)(words[3][l] >> 8) * 0x1p-24f;
                    float kick = words[3][l] & 1 ? p->kick : -p->kick;
                    drive[l] += u < p->spontaneous ? kick : 0.0f;
                }
            }
        }
        EACH_LANE {
            float moved = mdl_flushf(mdl_clampf(drive[l], -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX));
            float shift = mdl_fmaf(h->spread, scatter[l], s->offset);
            shift = mdl_fmaf(p->auto_size, autor[l], shift);
            shift = modulatory ? shift - bend[l] : shift;
            float centred = moved - shift;
            float state = centred > above[l] * width ? 1.0f : centred < -(below[l] * width) ? -1.0f : 0.0f;
            v[l] = moved;
            z[l] = state;
            drive[l] = centred;
        }
        if (!trinary)
            EACH_LANE z[l] = mdl_flushf(mdl_tanhf(drive[l] * h->slope));
        EACH_LANE {
            float size = p->adapt_size * mdl_absf(z[l]);
            adapt[l] = mdl_flushf(mdl_fmaf(p->adapt_rate, size - adapt[l], adapt[l]));
            autor[l] = mdl_flushf(mdl_fmaf(p->auto_rate, z[l] - autor[l], autor[l]));
            out[l] = v[l] + z[l];
        }
    }
}

extern const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL);
const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL) = {STRING(MDL_KERNEL), learn, balance, prepare, step};
