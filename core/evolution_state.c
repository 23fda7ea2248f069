/* Canonical bytes of an evolution. SPEC 8.10. */
#include "core/evolution_internal.h"

#include <string.h>

enum { HEAD_FIXED = 60, HEAD_ISLAND = 32, HEAD_MAX = HEAD_FIXED + HEAD_ISLAND * MDL_ISLANDS_MAX };

static const uint8_t magic[8] = {'M', 'D', 'L', 'E', 'V', 'O', '1', 0};

/* Magic, spec and genome shape: equal for all states of one run. */
static void put_head(const mdl_evolution *e, const mdl_sink *sink) {
    const mdl_evolution_spec *s = &e->spec;
    mdl_put_bytes(sink, magic, sizeof magic);
    mdl_put_u32(sink, e->prior.genes);
    mdl_put_u32(sink, e->prior.eta_local_gene);
    mdl_put_u32(sink, e->prior.eta_global_gene);
    mdl_put_u64(sink, s->seed);
    mdl_put_u32(sink, s->generations);
    mdl_put_u32(sink, s->episodes);
    mdl_put_u32(sink, s->validate_every);
    mdl_put_u32(sink, s->validate_episodes);
    mdl_put_u32(sink, s->migrate_every);
    mdl_put_f32(sink, s->meta_rate);
    mdl_put_f32(sink, s->meta_step);
    mdl_put_u32(sink, s->islands);
    for (uint32_t k = 0; k < s->islands; k++) {
        const mdl_island_spec *is = &s->island[k];
        mdl_put_u32(sink, (uint32_t)is->algorithm);
        mdl_put_u32(sink, is->population);
        mdl_put_f32(sink, is->sigma);
        mdl_put_f32(sink, is->rate);
        mdl_put_f32(sink, is->beta1);
        mdl_put_f32(sink, is->beta2);
        mdl_put_u32(sink, is->elite);
        mdl_put_f32(sink, is->sigma_min);
    }
}

typedef struct buffer {
    uint8_t bytes[HEAD_MAX];
    size_t used;
} buffer;

static void buffer_write(void *ctx, const void *bytes, size_t size) {
    buffer *b = ctx;
    MDL_ASSERT(size <= sizeof b->bytes - b->used);
    memcpy(b->bytes + b->used, bytes, size);
    b->used += size;
}

/* The binary32 arrays of an island, in the order of the format. */
typedef struct array {
    float *at;
    size_t count;
    float lo, hi;
} array;

static size_t arrays_of(const mdl_evolution *e, uint32_t island, array out[5]) {
    const mdl_island_spec *spec = &e->spec.island[island];
    const mdl_island *is = &e->island[island];
    size_t genes = e->prior.genes, n = 0;
    float top = (float)MDL_GENE_LIMIT;
    out[n++] = (array){is->centre, spec->algorithm == MDL_GA ? spec->elite * genes : genes, -top, top};
    if (spec->algorithm == MDL_ES) {
        out[n++] = (array){is->first, genes, -top, top};
        out[n++] = (array){is->second, genes, 0, top};
    } else if (spec->algorithm == MDL_CMA) {
        out[n++] = (array){is->first, genes, MDL_CMA_VARIANCE_MIN, MDL_CMA_VARIANCE_MAX};
        out[n++] = (array){is->second, genes, -top, top};
        out[n++] = (array){is->path, genes, -top, top};
    }
    out[n++] = (array){is->best, genes, -top, top};
    return n;
}

void mdl_evolution_save(const mdl_evolution *e, const mdl_sink *sink) {
    put_head(e, sink);
    mdl_put_u32(sink, e->generation);
    mdl_put_f64(sink, e->u[0]);
    mdl_put_f64(sink, e->u[1]);
    for (uint32_t k = 0; k < e->spec.islands; k++) {
        const mdl_island *is = &e->island[k];
        mdl_put_i64(sink, is->last_best);
        mdl_put_i64(sink, is->last_mean);
        mdl_put_i64(sink, is->last_validation);
        mdl_put_i64(sink, is->best_validation);
        mdl_put_u32(sink, is->best_generation);
        mdl_put_f64(sink, is->scalar[0]);
        mdl_put_f64(sink, is->scalar[1]);
        array a[5];
        for (size_t i = 0, n = arrays_of(e, k, a); i < n; i++)
            mdl_put_f32s(sink, a[i].at, a[i].count);
    }
}

static int within_i64(int64_t x, int64_t lo, int64_t hi) { return x >= lo && x <= hi; }

static int within(double x, double lo, double hi) { return x >= lo && x <= hi; }

/* What the numbers of an island must obey at e->generation. */
static int island_valid(const mdl_evolution *e, uint32_t island) {
    const mdl_island_spec *spec = &e->spec.island[island];
    const mdl_island *is = &e->island[island];
    int64_t top = MDL_RESULT_LIMIT;
    int validated = mdl_evolution_validations(&e->spec, e->generation) > 0;
    if (!within_i64(is->last_best, -top, top) || !within_i64(is->last_mean, -top, is->last_best) ||
        !within_i64(is->best_validation, -top, top) || !within_i64(is->last_validation, -top, is->best_validation))
        return 0;
    if (e->generation == 0 && (is->last_best != 0 || is->last_mean != 0))
        return 0;
    if (validated) {
        if (is->best_generation >= e->generation || !mdl_evolution_validates(&e->spec, is->best_generation))
            return 0;
    } else if (is->best_validation != 0 || is->last_validation != 0 || is->best_generation != 0) {
        return 0;
    }
    switch (spec->algorithm) {
    case MDL_ES:
        return within(is->scalar[0], 0, 1) && within(is->scalar[1], 0, 1);
    case MDL_GA:
        return within(is->scalar[0], 0, 0) && within(is->scalar[1], 0, 0);
    case MDL_CMA:
        return within(is->scalar[0], (double)spec->sigma_min, mdl_evolution_cma_sigma_max(spec)) &&
               within(is->scalar[1], 0, 1);
    }
    return 0;
}

static int read_island(mdl_evolution *e, uint32_t island, mdl_reader *r) {
    mdl_island *is = &e->island[island];
    is->last_best = mdl_get_i64(r);
    is->last_mean = mdl_get_i64(r);
    is->last_validation = mdl_get_i64(r);
    is->best_validation = mdl_get_i64(r);
    is->best_generation = mdl_get_u32(r);
    is->scalar[0] = mdl_get_f64(r);
    is->scalar[1] = mdl_get_f64(r);
    int ok = island_valid(e, island);
    array a[5];
    for (size_t i = 0, n = arrays_of(e, island, a); i < n; i++) {
        mdl_get_f32s(r, a[i].at, a[i].count);
        for (size_t j = 0; j < a[i].count; j++)
            ok &= a[i].at[j] >= a[i].lo && a[i].at[j] <= a[i].hi;
    }
    if (mdl_evolution_validations(&e->spec, e->generation) == 0)
        for (size_t j = 0; j < e->prior.genes; j++)
            ok &= is->best[j] >= 0 && is->best[j] <= 0;
    return ok;
}

static int read_body(mdl_evolution *e, mdl_reader *r) {
    const uint32_t gene[2] = {e->prior.eta_local_gene, e->prior.eta_global_gene};
    e->generation = mdl_get_u32(r);
    int ok = e->generation <= e->spec.generations;
    for (int k = 0; k < 2; k++) {
        e->u[k] = mdl_get_f64(r);
        double top = e->spec.meta_rate > 0 && gene[k] != UINT32_MAX && e->generation > 0 ? MDL_META_LIMIT : 0;
        ok &= within(e->u[k], -top, top);
    }
    for (uint32_t k = 0; ok && k < e->spec.islands; k++)
        ok = read_island(e, k, r);
    return ok && !r->bad;
}

static size_t body_size(const mdl_evolution *e) {
    size_t size = 4 + 2 * 8;
    for (uint32_t k = 0; k < e->spec.islands; k++) {
        array a[5];
        size += 4 * 8 + 4 + 2 * 8;
        for (size_t i = 0, n = arrays_of(e, k, a); i < n; i++)
            size += 4 * a[i].count;
    }
    return size;
}

mdl_err mdl_evolution_load(mdl_evolution *e, const uint8_t *bytes, size_t size) {
    buffer head = {.used = 0};
    mdl_sink sink = {buffer_write, &head};
    put_head(e, &sink);
    mdl_evolution_restart(e);
    if (size >= sizeof magic && memcmp(bytes, magic, sizeof magic) != 0)
        return MDL_EMAGIC;
    if (size < head.used)
        return MDL_ESIZE;
    if (memcmp(bytes, head.bytes, head.used) != 0)
        return MDL_EMISMATCH;
    if (size != head.used + body_size(e))
        return MDL_ESIZE;
    mdl_reader r = {bytes + head.used, size - head.used, 0};
    if (!read_body(e, &r)) {
        mdl_evolution_restart(e);
        return MDL_ERANGE;
    }
    return MDL_OK;
}
