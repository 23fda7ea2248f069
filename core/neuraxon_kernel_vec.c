/* The Neuraxon kernel on vec16.h: the steps of core/neuraxon_kernel.c, which is
 * the definition. Compiled once per instruction set with MDL_KERNEL set to the
 * path's name.
 *
 * - Rows go in groups of 16, whose sums one transposed fold makes.
 * - The rule goes through several blocks of 16 synapses level by level: block after block, its chain is longer than
 * what a CPU looks ahead.
 * - Where the next step's sums need nothing but the new weights, the completion makes
 *   them: one fetch a synapse serves both, and no weight is read again.
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

enum { GROUP = MDL_LANES, LEARNT = 4 * GROUP };
/* Cells from where state, and bytes from where the line, is worth asking for ahead of time: from beyond the third and
 * the second level of cache, as in HMN. How many cells ahead, and how many further an index than what it points to. */
enum { FAR_CELLS = 1 << 19, FAR_LINE = 1 << 20, AHEAD = 256, FURTHER = 1024 };

#define AT(k) index_[k]
/* What 16 synapses ask of the line at step t: presynaptic traces; with `row` of the
 * step before, activities; both, of step t and the one after. */
VEC void fetch(const float *row, const uint32_t *index_, vf out[2]) { VEC_RECORDS2(row, AT, out); }
VEC vf activities(const float *before, const uint32_t *index) {
    vf in[2];
    fetch(before, index, in);
    return in[1];
}

/* What is the same for all synapses of a completion, in registers: nothing that the
 * loops store can be one of these. */
typedef struct rule {
    vf decay_e, rate, decay_fast, consolidate, relax, set_point, most;
    vf meta_relax, meta_change, serotonin, zero;
    const float *row, *before; /* the line at the completed step and at the one before */
    const uint32_t *index, *flags;
    float *e, *fast, *slow, *w, *meta;
    const float *w0, *meta0, *post, *trace;
    float depression;
    size_t cells;
    int fast_on, meta_on, metaplastic, far_line;
} rule;
/* How many blocks of 16 synapses go through the rule together: what the registers hold. */
#if MDL_VEC16 == 512
enum { AT_ONCE = 4 };
#else
enum { AT_ONCE = 2 };
#endif
#define EACH VEC_UNROLL for (int q = 0; q < many; q++)

/* Blocks of 16 synapses from cell `at` on, level by level: what stands side by side does not wait for each other, so a
 * CPU finds work in few instructions. raw[]: what coincidence gives to the eligibilities; then the weights. */
VEC void learn_blocks(const rule *u, size_t at, vf *raw, int many, int flagged, int usual) {
    int fast_on = usual || u->fast_on, meta_on = usual || u->meta_on, metaplastic = !usual && u->metaplastic;
    vf d[AT_ONCE], meta[AT_ONCE], fast[AT_ONCE], slow[AT_ONCE];
    vm kept[AT_ONCE], dead[AT_ONCE];
    EACH raw[q] = vf_fma(u->decay_e, vf_load(u->e + at + q * MDL_LANES), raw[q]);
    EACH kept[q] = vf_unflushed(raw[q]);
    EACH d[q] = vf_keep(kept[q], raw[q]);
    if (flagged) {
        EACH dead[q] = vu_test(vu_load(u->flags + at + q * MDL_LANES), vu_set(MDL_CELL_DEAD));
        EACH d[q] = raw[q] = vf_select(dead[q], u->zero, d[q]);
    }
    EACH vf_store(u->e + at + q * MDL_LANES, d[q]);
    EACH meta[q] = meta_on || metaplastic ? vf_load(u->meta + at + q * MDL_LANES) : u->zero;
    EACH d[q] = meta_on ? vf_mul(meta[q], raw[q]) : raw[q];
    EACH d[q] = vf_mul_where(kept[q], u->rate, d[q]); /* no chain waits for the flush */
    if (flagged)
        EACH d[q] = vf_select(vu_test(vu_load(u->flags + at + q * MDL_LANES), vu_set(MDL_CELL_SILENT | MDL_CELL_DEAD)),
                              u->zero, d[q]);
    EACH fast[q] = vf_load(u->fast + at + q * MDL_LANES);
    EACH slow[q] = vf_load(u->slow + at + q * MDL_LANES);
    if (fast_on) {
        EACH fast[q] = vf_fma(u->decay_fast, fast[q], d[q]);
        EACH fast[q] = vf_bound(fast[q], u->most);
        EACH slow[q] = vf_fma(u->consolidate, fast[q], slow[q]);
        EACH fast[q] = vf_flush(fast[q]);
        EACH vf_store(u->fast + at + q * MDL_LANES, fast[q]);
    } else {
        EACH slow[q] = vf_add(slow[q], d[q]);
    }
    EACH raw[q] = vf_mul(u->set_point, vf_load(u->w0 + at + q * MDL_LANES));
    if (flagged)
        EACH raw[q] = vf_select(
            vu_test(vu_load(u->flags + at + q * MDL_LANES), vu_set(MDL_CELL_FORMED | MDL_CELL_DEAD)), u->zero, raw[q]);
    EACH raw[q] = vf_sub(raw[q], slow[q]);
    EACH slow[q] = vf_fma(u->relax, raw[q], slow[q]);
    EACH slow[q] = vf_bound(slow[q], u->most);
    EACH kept[q] = vf_unflushed(slow[q]);
    EACH raw[q] = vf_add_where(kept[q], fast[q], slow[q]);
    EACH raw[q] = vf_bound(raw[q], u->most);
    EACH slow[q] = vf_keep(kept[q], slow[q]);
    EACH vf_store(u->slow + at + q * MDL_LANES, slow[q]);
    EACH vf_store(u->w + at + q * MDL_LANES, raw[q]);
    if (metaplastic) {
        EACH slow[q] = vf_sub(vf_load(u->meta0 + at + q * MDL_LANES), meta[q]);
        EACH meta[q] = vf_fma(u->meta_relax, slow[q], meta[q]);
        EACH meta[q] = vf_fma(u->meta_change, vf_abs(d[q]), meta[q]);
        EACH meta[q] = vf_add(meta[q], u->serotonin);
        if (flagged)
            EACH meta[q] = vf_select(dead[q], u->zero, meta[q]);
        EACH meta[q] = vf_flush(vf_clamp(meta[q], -MDL_NEURAXON_META_MAX, MDL_NEURAXON_META_MAX));
        EACH vf_store(u->meta + at + q * MDL_LANES, meta[q]);
    }
}

/* Where a walk over the blocks of a group's rows stands. */
typedef struct walk {
    vf z, before, total; /* of the row */
    float *lanes;
    uint32_t row, block, blocks; /* the next one; of a row */
} walk;

/* What the rule will ask for AHEAD of the 16 synapses at `at`, where caches do not hold it: a CPU looks ahead a few
 * rows, and memory is further away. */
VEC void fetch_ahead(const rule *u, size_t at, int flagged, int ordered, int usual) {
    enum { REUSED = 2 }; /* to the second level of cache */
    if (at + AHEAD + FURTHER + MDL_LANES > u->cells)
        return;
    at += AHEAD;
    __builtin_prefetch(u->index + at + FURTHER, 0, REUSED);
    __builtin_prefetch(u->e + at, 1, REUSED);
    __builtin_prefetch(u->slow + at, 1, REUSED);
    __builtin_prefetch(u->w + at, 1, REUSED);
    __builtin_prefetch(u->w0 + at, 0, REUSED);
    if (usual || u->fast_on)
        __builtin_prefetch(u->fast + at, 1, REUSED);
    if (usual || u->meta_on || u->metaplastic)
        __builtin_prefetch(u->meta + at, 1, REUSED);
    if (!usual && u->metaplastic)
        __builtin_prefetch(u->meta0 + at, 0, REUSED);
    if (flagged)
        __builtin_prefetch(u->flags + at, 0, REUSED);
    for (size_t c = at; u->far_line && c < at + MDL_LANES; c++) {
        __builtin_prefetch(u->row + 2 * (size_t)u->index[c], 0, 3);
        if (ordered)
            __builtin_prefetch(u->before + 2 * (size_t)u->index[c], 0, 3);
    }
}

/* The next blocks, `many` of them; with `sum`, their rows' sums of the step after to lanes[n][16]. */
VEC void learn_some(const rule *u, walk *k, size_t at, const float *post, const float *trace, int many, int flagged,
                    int ordered, int usual, int sum, int single, int far) {
    vf raw[AT_ONCE], next[AT_ONCE];
    if (far)
        EACH fetch_ahead(u, at + (size_t)q * MDL_LANES, flagged, ordered, usual);
    uint32_t row = k->row, block = k->block;
    EACH {
        vf in[2];
        fetch(u->row, u->index + at + q * MDL_LANES, in);
        if (single || block == 0) {
            k->z = vf_set(post[row]);
            if (ordered)
                k->before = vf_set(-u->depression * trace[row]);
        }
        raw[q] = vf_mul(in[0], k->z);
        if (ordered)
            raw[q] = vf_fma(k->before, activities(u->before, u->index + at + q * MDL_LANES), raw[q]);
        next[q] = in[1];
        if (single || ++block == k->blocks) {
            block = 0;
            row++;
        }
    }
    learn_blocks(u, at, raw, many, flagged, usual);
    EACH {
        if (single && sum) {
            vf_store(k->lanes + (size_t)(k->row + (uint32_t)q) * MDL_LANES, vf_fma(raw[q], next[q], u->zero));
        } else if (sum) {
            k->total = vf_fma(raw[q], next[q], k->block == 0 ? u->zero : k->total);
            if (++k->block == k->blocks) {
                vf_store(k->lanes + (size_t)k->row * MDL_LANES, k->total);
                k->block = 0;
                k->row++;
            }
        }
    }
    k->row = row;
    k->block = block;
}

/* Rows j .. j + n - 1, the first at cell `at`. */
VEC void learn_rows(const rule *given, uint32_t j, uint32_t n, size_t at, uint32_t stride, int flagged, int ordered,
                    int usual, int sum, int single, int far, float *lanes) {
    const rule u = *given;
    const float *post = u.post + j, *trace = u.trace + j;
    walk k = {.blocks = stride / MDL_LANES, .z = u.zero, .before = u.zero, .total = u.zero, .lanes = lanes};
    uint32_t rest = n * k.blocks;
    for (; rest >= AT_ONCE; rest -= AT_ONCE, at += AT_ONCE * MDL_LANES)
        learn_some(&u, &k, at, post, trace, AT_ONCE, flagged, ordered, usual, sum, single, far);
    for (; AT_ONCE > 1 && rest > 0; rest--, at += MDL_LANES)
        learn_some(&u, &k, at, post, trace, 1, flagged, ordered, usual, sum, single, far);
}

/* Each a function of its own, or the registers do not suffice. */
typedef void rows_fn(const rule *u, uint32_t j, uint32_t n, size_t at, uint32_t stride, float *lanes);
#define ROWS(name, flagged, ordered, usual, sum, single, far)                                                          \
    static void name(const rule *u, uint32_t j, uint32_t n, size_t at, uint32_t stride, float *lanes) {                \
        learn_rows(u, j, n, at, stride, flagged, ordered, usual, sum, single, far, lanes);                             \
    }
ROWS(rows_flagged, 1, 1, 0, 0, 0, 0) /* no step after them is plain */
ROWS(rows_flagged_far, 1, 1, 0, 0, 0, 1)
ROWS(rows_any, 0, 1, 0, 1, 0, 0)
ROWS(rows_any_far, 0, 1, 0, 1, 0, 1)
ROWS(rows_usual, 0, 0, 1, 1, 0, 0)
ROWS(rows_usual_far, 0, 0, 1, 1, 0, 1)
ROWS(rows_short, 0, 0, 1, 1, 1, 0) /* one block a row */
ROWS(rows_short_far, 0, 0, 1, 1, 1, 1)

static void learn(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_neuraxon_completion *c,
                  float weight_max) {
    const mdl_shape *shape = &r->shape;
    const rule u = {.row = mdl_neuraxon_at(r, c->step),
                    .before = mdl_neuraxon_at(r, c->step - 1),
                    .index = r->index,
                    .flags = r->flags,
                    .e = r->e,
                    .fast = r->fast,
                    .slow = r->slow,
                    .w = r->w,
                    .meta = r->meta,
                    .w0 = r->w0,
                    .meta0 = r->meta0,
                    .post = r->post,
                    .trace = r->trace,
                    .decay_e = vf_set(p->decay_e),
                    .rate = vf_set(c->rate),
                    .decay_fast = vf_set(p->decay_fast),
                    .consolidate = vf_set(p->consolidate),
                    .relax = vf_set(p->relax),
                    .set_point = vf_set(p->set_point),
                    .most = vf_set(weight_max),
                    .meta_relax = vf_set(p->meta_relax),
                    .meta_change = vf_set(-p->meta_change),
                    .serotonin = vf_set(c->serotonin),
                    .zero = vf_set(0.0f),
                    .depression = p->depression,
                    .cells = shape->cells,
                    .fast_on = mdl_nx_on(p, MDL_NX_FAST_WEIGHTS),
                    .meta_on = mdl_nx_on(p, MDL_NX_META_WEIGHTS),
                    .metaplastic = mdl_nx_on(p, MDL_NX_METAPLASTICITY),
                    .far_line = (shape->delay_max + (size_t)1) * shape->sources * 2 * sizeof(float) >= FAR_LINE};
    static rows_fn *const kinds[4][2] = {{rows_any, rows_any_far},
                                         {rows_usual, rows_usual_far},
                                         {rows_short, rows_short_far},
                                         {rows_flagged, rows_flagged_far}};
    int usual = p->depression == 0.0f && u.fast_on && u.meta_on && !u.metaplastic;
    int far = shape->cells >= FAR_CELLS;
    _Alignas(64) float lanes[LEARNT * MDL_LANES];
    uint32_t most = shape->neurons < LEARNT ? shape->neurons : LEARNT; /* rows together; folds read whole groups */
    memset(lanes, 0, (most + GROUP - 1) / GROUP * GROUP * MDL_LANES * sizeof *lanes);
    for (uint32_t j = 0, n; j < shape->neurons; j += n) {
        uint32_t last = j < shape->hidden ? shape->hidden : shape->neurons;
        n = last - j < LEARNT ? last - j : LEARNT;
        uint32_t stride = mdl_row_stride(shape, j);
        int kind = r->flagged ? 3 : !usual ? 0 : stride > MDL_LANES ? 1 : 2;
        kinds[kind][far](&u, j, n, mdl_row(shape, j), stride, lanes);
        for (uint32_t i = 0; i < n && c->sum; i += GROUP)
            vf_store_n(r->input + j + i, n - i < GROUP ? n - i : GROUP, vf_fold_rows(lanes + (size_t)i * MDL_LANES));
    }
}

static void balance(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, t - 1);
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
                vf x = vf_abs(activities(row, r->index + first + b)), carry = vf_load(r->carry + first + b);
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

/* Sums of all rows in step t over what each cell carries. */
VEC void gather(const mdl_neuraxon_region *r, uint32_t t, const float *carry, float *out) {
    const mdl_shape *shape = &r->shape;
    const float *row = mdl_neuraxon_at(r, t - 1);
    float lanes[GROUP * MDL_LANES];
    memset(lanes, 0, sizeof lanes);
    for (uint32_t j = 0; j < shape->neurons; j += GROUP) {
        uint32_t n = shape->neurons - j < GROUP ? shape->neurons - j : GROUP;
        for (uint32_t i = 0; i < n; i++) {
            size_t first = mdl_row(shape, j + i);
            uint32_t stride = mdl_row_stride(shape, j + i);
            vf sum = vf_set(0.0f);
            for (uint32_t b = 0; b < stride; b += MDL_LANES)
                sum = vf_fma(vf_load(carry + first + b), activities(row, r->index + first + b), sum);
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

/* The same for neurons j .. j + 63, before anything waits for them: the longest chains of a step, two side by side. */
enum { MANY = 4 };
typedef struct drawn64 {
    float noise[MANY * GROUP];
    uint32_t word[MANY * GROUP];
} drawn64;

static __attribute__((noinline)) void draw_many(const vphilox *draws, uint32_t j, int noisy, drawn64 *to) {
    vu word[MANY][4];
    VEC_UNROLL for (uint32_t b = 0; b < MANY; b += 2) {
        vdraws s = vphilox_begin(draws, vw_count(j + b * GROUP), MDL_DRAW_NEURON);
        vdraws t = vphilox_begin(draws, vw_count(j + b * GROUP + GROUP), MDL_DRAW_NEURON);
        VEC_UNROLL for (int round = 3; round < 10; round++) {
            vphilox_round(draws, round, &s);
            vphilox_round(draws, round, &t);
        }
        vphilox_end(&s, word[b]);
        vphilox_end(&t, word[b + 1]);
    }
    VEC_UNROLL for (uint32_t b = 0; b < MANY; b++) {
        vu_store(to->word + b * GROUP, word[b][3]);
        if (noisy)
            vf_store(to->noise + b * GROUP, vf_gauss(word[b][0], word[b][1]));
    }
}

static void step(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, const mdl_levers *h,
                 const mdl_neuraxon_step *s) {
    const mdl_shape *shape = &r->shape;
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
    uint32_t many = MDL_VEC16 == 512 && (noisy || spontaneous) ? shape->neurons / (MANY * GROUP) * (MANY * GROUP) : 0;
    drawn64 ahead;
    drawn16 drawn = {vf_set(0.0f), vu_set(0)};
    if (many == 0)
        drawn = draw_neurons(&draws, 0, noisy, spontaneous); /* early: long chains beside those of the rows */
    if (!s->summed)
        gather(r, s->step, s->plain ? r->w : r->carry, r->input);
    if (modulatory)
        gather(r, s->step, r->shift, r->bend);
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
            uint32_t at = j % (MANY * GROUP);
            if (j < many && at == 0)
                draw_many(&draws, j, noisy, &ahead);
            if (j < many)
                drawn = (drawn16){noisy ? vf_load(ahead.noise + at) : vf_set(0.0f), vu_load(ahead.word + at)};
            else if (j > 0)
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
    size_t twin = mdl_neuraxon_twin(r);
    float *before = mdl_neuraxon_at(r, t - 1) + 2 * (size_t)first, *now = mdl_neuraxon_at(r, t) + 2 * (size_t)first;
    vf decay = vf_set(p->decay_pre), trit = vf_set(MDL_NEURAXON_TRIT), one = vf_set(1.0f), zero = vf_set(0.0f);
    for (uint32_t j = 0; j < count; j += MDL_LANES, before += 2 * MDL_LANES, now += 2 * MDL_LANES) {
        uint32_t n = count - j < MDL_LANES ? count - j : MDL_LANES;
        vf x = vf_load_n(from + j, n), y = x;
        if (first <= r->shape.sensors)
            y = vf_select(vf_lt(trit, x), one, vf_keep(vf_lt(x, vf_neg(trit)), vf_neg(one)));
        vf old = vf_first_of_records2(before); /* the line has room for a group more */
        vf trace = vf_flush(vf_fma(decay, vf_sub(old, y), y));
        vf_put_records2(before, n, old, x);
        vf_put_records2(before + twin, n, old, x);
        vf_put_records2(now, n, trace, zero); /* what comes after is not known yet */
        vf_put_records2(now + twin, n, trace, zero);
    }
}

static void partials(const mdl_neuraxon_region *r, int critic, mdl_partials *sum) {
    int64_t activity[MDL_LANES] = {0}, value[MDL_LANES] = {0};
    for (uint32_t j = 0; j < r->shape.neurons; j += MDL_LANES) {
        uint32_t n = r->shape.neurons - j < MDL_LANES ? r->shape.neurons - j : MDL_LANES;
        vf z = vf_load_n(r->z + j, n);
        vf_add_fix(activity, z);
        if (critic)
            vf_add_fix(value, vf_mul(vf_load_n(r->value + j, n), z));
    }
    uint64_t a = (uint64_t)sum->activity, v = (uint64_t)sum->value;
    for (uint32_t l = 0; l < MDL_LANES; l++) {
        a += (uint64_t)activity[l];
        v += (uint64_t)value[l];
    }
    sum->activity = (int64_t)a;
    sum->value = (int64_t)v;
    sum->novelty = (int64_t)((uint64_t)sum->novelty + (uint64_t)r->novelty);
}

extern const struct mdl_lanes_kernel JOIN(mdl_lanes_, MDL_KERNEL);
extern const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL);
const mdl_neuraxon_kernel JOIN(mdl_neuraxon_kernel_, MDL_KERNEL) = {.name = STRING(MDL_KERNEL),
                                                                    .learn = learn,
                                                                    .balance = balance,
                                                                    .prepare = prepare,
                                                                    .step = step,
                                                                    .put = put,
                                                                    .partials = partials,
                                                                    .levers = mdl_lever_loops,
                                                                    .lanes = &JOIN(mdl_lanes_, MDL_KERNEL)};
