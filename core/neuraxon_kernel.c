/* The portable kernel is the definition (SPEC 13.3 to 13.6). Loops over 16 lanes
 * are written so that compilers vectorise them, and nothing here depends on
 * whether they do. */
#include "core/neuraxon_kernel.h"

#include "core/hmn_kernel.h"
#include "core/lever_loops.h"
#include "core/num.h"

#define EACH_LANE for (uint32_t l = 0; l < MDL_LANES; l++)

/* What is drawn for neurons j .. j + 15 in a step: a normal, and word 3. */
static inline void draw16(uint32_t j, uint32_t region, uint32_t step, uint64_t key, int noisy, float *restrict normal,
                          uint32_t *restrict word) {
    EACH_LANE {
        uint32_t c[4] = {j + l, region, step, MDL_DRAW_NEURON};
        float unused;
        mdl_philox(c, key, c);
        if (noisy)
            mdl_gauss(c[0], c[1], &normal[l], &unused);
        word[l] = c[3];
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

/* Sums of all rows in step t over what each cell carries. */
static void gather(const mdl_neuraxon_region *r, uint32_t t, const float *restrict carry, float *restrict out) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, t - 1) + 1;
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        uint32_t stride = mdl_row_stride(shape, j);
        float sum[MDL_LANES] = {0.0f};
        for (uint32_t b = 0; b < stride; b += MDL_LANES) {
            const uint32_t *restrict index = r->index + first + b;
            const float *restrict c = carry + first + b;
            EACH_LANE sum[l] = mdl_fmaf(c[l], row[2 * (size_t)index[l]], sum[l]);
        }
        out[j] = mdl_fold16(sum);
    }
}

static void learn(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_neuraxon_completion *c,
                  float weight_max) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, c->step - 1) + 1, *pre = mdl_neuraxon_at(r, c->step);
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
            EACH_LANE x[l] = row[2 * (size_t)index[l]];
            EACH_LANE q[l] = pre[2 * (size_t)index[l]];
            learn_block(r, &u, first + b, x, q, post, before);
        }
    }
    if (c->sum)
        gather(r, c->step + 1, r->w, r->input);
}

static void balance(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, t - 1) + 1;
    for (uint32_t j = 0; j < shape->neurons; j++) {
        size_t first = mdl_row(shape, j);
        float excited[MDL_LANES] = {0.0f}, inhibited[MDL_LANES] = {0.0f};
        for (uint32_t b = 0; b < mdl_row_stride(shape, j); b += MDL_LANES) {
            const uint32_t *restrict index = r->index + first + b;
            const float *restrict carry = r->carry + first + b;
            EACH_LANE {
                float x = mdl_absf(row[2 * (size_t)index[l]]);
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

static void step(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h,
                 const mdl_neuraxon_step *s) {
    const mdl_shape *shape = &r->shape;
    int modulatory = mdl_nx_on(p, MDL_NX_MODULATORY), trinary = mdl_nx_on(p, MDL_NX_TRINARY);
    const float width = 1.0f / h->slope, slope = h->slope, slow = h->slow, rest = h->rest, spread = h->spread;
    const float sigma = s->sigma, turn_cos = s->cos, turn_sin = s->sin, offset = s->offset;
    const float decay_post = p->decay_post, chance = p->spontaneous, kick = p->kick, auto_size = p->auto_size;
    const float adapt_size = p->adapt_size, adapt_rate = p->adapt_rate, auto_rate = p->auto_rate;
    int noisy = sigma != 0.0f, spontaneous = chance > 0.0f;
    if (!s->summed)
        gather(r, s->step, s->plain ? r->w : r->carry, r->input);
    if (modulatory)
        gather(r, s->step, r->shift, r->bend);
    for (uint32_t j = 0; j < shape->neurons; j += MDL_LANES) {
        float *restrict v = r->v + j, *restrict z = r->z + j, *restrict lag = r->lag + j,
                        *restrict out = r->readout + j;
        float *restrict trace = r->trace + j, *restrict adapt = r->adapt + j, *restrict autor = r->autor + j;
        const float *restrict decay = r->decay + j, *restrict above = r->above + j, *restrict below = r->below + j;
        const float *restrict input = r->input + j, *restrict bend = r->bend + j, *restrict scatter = r->scatter + j;
        const float *restrict cos_osc = r->cos_osc + j, *restrict sin_osc = r->sin_osc + j;
        float drive[MDL_LANES];
        EACH_LANE {
            trace[l] = mdl_flushf(mdl_fmaf(decay_post, trace[l] - z[l], z[l]));
            float i = mdl_clampf(input[l], -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX);
            lag[l] = mdl_flushf(mdl_fmaf(MDL_SLOW_RATE, i - lag[l], lag[l]));
            i = mdl_fmaf(slow, lag[l] - i, i);
            float rhythm = mdl_fmaf(turn_cos, cos_osc[l], -(turn_sin * sin_osc[l]));
            float u = (mdl_fmaf(2.0f, i, rest) - adapt[l]) + rhythm;
            drive[l] = mdl_fmaf(decay[l], v[l] - u, u);
        }
        if (noisy || spontaneous) {
            float normal[MDL_LANES];
            uint32_t word[MDL_LANES];
            draw16(j, shape->region, s->step, r->key, noisy, normal, word);
            if (noisy)
                EACH_LANE drive[l] = mdl_fmaf(sigma, normal[l], drive[l]);
            if (spontaneous) {
                EACH_LANE {
                    float u = (float)(int32_t)(word[l] >> 8) * 0x1p-24f;
                    float signed_kick = word[l] & 1 ? kick : -kick;
                    drive[l] += u < chance ? signed_kick : 0.0f;
                }
            }
        }
        EACH_LANE {
            float moved = mdl_flushf(mdl_clampf(drive[l], -MDL_NEURAXON_V_MAX, MDL_NEURAXON_V_MAX));
            float shift = mdl_fmaf(spread, scatter[l], offset);
            shift = mdl_fmaf(auto_size, autor[l], shift);
            shift = modulatory ? shift - bend[l] : shift;
            float centred = moved - shift;
            float state = centred > above[l] * width ? 1.0f : centred < -(below[l] * width) ? -1.0f : 0.0f;
            v[l] = moved;
            z[l] = state;
            drive[l] = centred;
        }
        if (!trinary)
            EACH_LANE z[l] = mdl_flushf(mdl_tanhf(drive[l] * slope));
        EACH_LANE {
            float size = adapt_size * mdl_absf(z[l]);
            adapt[l] = mdl_flushf(mdl_fmaf(adapt_rate, size - adapt[l], adapt[l]));
            autor[l] = mdl_flushf(mdl_fmaf(auto_rate, z[l] - autor[l], autor[l]));
            out[l] = v[l] + z[l];
        }
    }
}

static void put(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t, uint32_t first, uint32_t count,
                const float *x) {
    for (uint32_t i = 0; i < count; i++)
        mdl_neuraxon_put(r, p, t, first + i, x[i]);
}

/* Modulo 2^64, so that any order gives the same bits. */
static int64_t plus(int64_t sum, int64_t term) { return (int64_t)((uint64_t)sum + (uint64_t)term); }

static void partials(const mdl_neuraxon_region *r, int critic, mdl_partials *sum) {
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        sum->activity = plus(sum->activity, mdl_fix(r->z[j]));
        if (critic)
            sum->value = plus(sum->value, mdl_fix(r->value[j] * r->z[j]));
    }
    sum->novelty = plus(sum->novelty, r->novelty);
}

#ifndef MDL_KERNEL
#define MDL_KERNEL portable
#endif
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define STRING2(a) #a
#define STRING(a) STRING2(a)
extern const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL);
const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL) = {.name = STRING(MDL_KERNEL),
                                                                    .learn = learn,
                                                                    .balance = balance,
                                                                    .prepare = prepare,
                                                                    .step = step,
                                                                    .put = put,
                                                                    .partials = partials,
                                                                    .levers = mdl_lever_loops};
