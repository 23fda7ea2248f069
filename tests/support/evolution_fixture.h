/* What the tests of core/evolution share: small runs, saved bytes, and the
 * counter layout of SPEC 8.1 written again from the text. */
#ifndef MDL_TESTS_SUPPORT_EVOLUTION_FIXTURE_H
#define MDL_TESTS_SUPPORT_EVOLUTION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/evolution.h"
#include "core/num.h"
#include "core/philox.h"
#include "tests/support/bytebuf.h"

typedef int64_t (*fitness_fn)(const float *genome, uint32_t genes);

typedef struct run {
    mdl_evolution *e;
    void *memory;
    mdl_evolution_spec spec;
    mdl_gene_prior prior;
    float mean[64], sd[64];
    uint32_t jobs_max;
    int64_t *result;
} run;

static inline mdl_island_spec island_of(mdl_algorithm algorithm, uint32_t population) {
    mdl_island_spec s = {algorithm, population, 0.15f, 0.05f, 0.9f, 0.99f, population / 8 ? population / 8 : 1, 0.1f};
    return s;
}

/* Three islands, one of each algorithm; meta-learning and migration off. */
static inline mdl_evolution_spec mixed_spec(uint32_t population) {
    mdl_evolution_spec s = {.generations = 10,
                            .episodes = 4,
                            .validate_every = 3,
                            .validate_episodes = 8,
                            .meta_step = 0.1f,
                            .islands = 3,
                            .seed = 0x123456789abcdef0u};
    s.island[0] = island_of(MDL_ES, population);
    s.island[1] = island_of(MDL_GA, population);
    s.island[2] = island_of(MDL_CMA, population);
    return s;
}

/* A run over `genes` genes ~ N(0, 0.3^2) with no genes to meta-learn. */
static inline void run_open(run *r, const mdl_evolution_spec *spec, uint32_t genes) {
    assert_true(genes <= 64);
    memset(r, 0, sizeof *r);
    r->spec = *spec;
    for (uint32_t i = 0; i < genes; i++) {
        r->mean[i] = 0;
        r->sd[i] = 0.3f;
    }
    r->prior = (mdl_gene_prior){genes, r->mean, r->sd, UINT32_MAX, UINT32_MAX};
    r->memory = aligned_alloc(64, mdl_evolution_bytes(spec, genes));
    assert_non_null(r->memory);
    r->e = mdl_evolution_init(r->memory, spec, &r->prior);
    r->jobs_max = spec->islands;
    for (uint32_t k = 0; k < spec->islands; k++)
        r->jobs_max += spec->island[k].population;
    r->result = calloc(r->jobs_max, sizeof *r->result);
    assert_non_null(r->result);
}

/* Init again after a test changed r->prior, r->mean or r->sd. */
static inline void run_restart(run *r) { r->e = mdl_evolution_init(r->memory, &r->spec, &r->prior); }

static inline void run_close(run *r) {
    free(r->memory);
    free(r->result);
}

/* Fill r->result with fn of every job's genome. */
static inline uint32_t run_evaluate(run *r, fitness_fn fn) {
    float genome[64];
    uint32_t count = mdl_evolution_job_count(r->e);
    for (uint32_t i = 0; i < count; i++) {
        mdl_job job;
        mdl_evolution_job(r->e, i, &job, genome);
        r->result[i] = fn(genome, r->prior.genes);
    }
    return count;
}

static inline void run_generation(run *r, fitness_fn fn) {
    uint32_t count = run_evaluate(r, fn);
    assert_int_equal(mdl_evolution_advance(r->e, r->result, count), MDL_OK);
}

/* The saved state; the caller frees `.at`. */
static inline bytebuf saved(const mdl_evolution *e) {
    bytebuf b = {0};
    mdl_sink sink = {bytebuf_write, &b};
    mdl_evolution_save(e, &sink);
    return b;
}

static inline void assert_same_state(const mdl_evolution *a, const mdl_evolution *b) {
    bytebuf x = saved(a), y = saved(b);
    assert_same_bytes(&x, &y);
    free(x.at);
    free(y.at);
}

/* SPEC 8.10: offset of an island's fields in the saved bytes. */
static inline size_t island_offset(const run *r, uint32_t island) {
    size_t at = 60 + 32 * (size_t)r->spec.islands + 20;
    for (uint32_t k = 0; k < island; k++) {
        const mdl_island_spec *s = &r->spec.island[k];
        size_t arrays = s->algorithm == MDL_ES ? 4 : s->algorithm == MDL_CMA ? 5 : (size_t)s->elite + 1;
        at += 52 + 4 * arrays * r->prior.genes;
    }
    return at;
}

static inline double read_f64(const bytebuf *b, size_t at) {
    mdl_reader r = {b->at + at, b->size - at, 0};
    return mdl_get_f64(&r);
}

/* Array `which` (centre, then the algorithm's others) of an island. */
static inline void read_array(const run *r, const bytebuf *b, uint32_t island, size_t which, float *out) {
    size_t at = island_offset(r, island) + 52 + 4 * which * r->prior.genes;
    mdl_reader reader = {b->at + at, b->size - at, 0};
    mdl_get_f32s(&reader, out, r->prior.genes);
    assert_false(reader.bad);
}

/* SPEC 8.1, from the text: word `w` of the draw, and N(0,1) of one gene. */
static inline uint32_t spec_word(const run *r, uint32_t generation, uint32_t island, uint32_t kind, uint32_t word0,
                                 uint32_t index, int w) {
    uint32_t c[4] = {word0, index, kind, 0x65766f6cu};
    mdl_philox(c, mdl_key(r->spec.seed, 2, generation, island, kind), c);
    return c[w];
}

static inline double spec_noise(const run *r, uint32_t generation, uint32_t island, uint32_t kind, uint32_t index,
                                uint32_t gene) {
    int pair = (int)(gene % 4 / 2);
    float g[2];
    mdl_gauss(spec_word(r, generation, island, kind, gene / 4, index, 2 * pair),
              spec_word(r, generation, island, kind, gene / 4, index, 2 * pair + 1), &g[0], &g[1]);
    return (double)g[gene % 2];
}

/* A deterministic stream of test numbers. */
static inline int64_t any_between(mdl_stream *s, int64_t lo, int64_t hi) {
    uint64_t x = (uint64_t)mdl_draw_u32(s) << 32 | mdl_draw_u32(s);
    return lo + (int64_t)(x % (uint64_t)(hi - lo + 1));
}

/* -10^6 sum (x - 1)^2, in integers without libm. */
static inline int64_t sphere(const float *x, uint32_t n) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        double d = (double)x[i] - 1.0;
        sum -= (int64_t)(1e6 * (d * d < 1e6 ? d * d : 1e6));
    }
    return sum;
}

#endif
