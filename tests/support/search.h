/* An experiment in one process, with no protocol: its evolution, one life, and
 * what the two come to. */
#ifndef MDL_TESTS_SUPPORT_SEARCH_H
#define MDL_TESTS_SUPPORT_SEARCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hmn_kernel.h"
#include "protocol/experiment_json.h"
#include "protocol/unit.h"

typedef struct search {
    mdl_experiment x;
    float *prior, *genome; /* genome: room for one */
    mdl_evolution *e;
    mdl_life *life; /* the first thing in its block: free() */
    void *memory;   /* of the evolution */
} search;

static inline void *search_memory(size_t size) {
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    assert_non_null(memory);
    return memory;
}

/* A life of its own, to be free()d. `kernel` NULL: the best. */
static inline mdl_life *search_life(const mdl_experiment *x, uint32_t shards, const mdl_kernel *kernel) {
    return mdl_life_init(search_memory(mdl_life_bytes(x, shards)), x, shards, kernel);
}

/* At generation 0; the life is cut into this many shards. */
static inline void search_open(search *s, const char *json, uint32_t shards) {
    mdl_genome_layout layout;
    assert_true(sodium_init() >= 0);
    assert_int_equal(mdl_experiment_parse((const uint8_t *)json, strlen(json), &s->x, NULL), MDL_OK);
    assert_int_equal(mdl_genome_layout_of(&s->x, &layout), MDL_OK);
    s->prior = calloc(2 * (size_t)layout.genes, sizeof *s->prior);
    s->genome = calloc(layout.genes, sizeof *s->genome);
    assert_true(s->prior && s->genome);
    mdl_gene_prior prior = mdl_genome_search_prior(&s->x, &layout, s->prior);
    s->memory = search_memory(mdl_evolution_bytes(&s->x.evolution, layout.genes));
    s->e = mdl_evolution_init(s->memory, &s->x.evolution, &prior);
    s->life = search_life(&s->x, shards, NULL);
}

static inline void search_close(search *s) {
    free(s->prior);
    free(s->genome);
    free(s->memory);
    free(s->life);
}

/* Of an evolution that is done: the digest of the champion's genome. */
static inline void search_champion(search *s, uint8_t digest[MDL_DIGEST_BYTES], int64_t *validation) {
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    assert_int_equal(mdl_evolution_champion(s->e, UINT32_MAX, s->genome, NULL, NULL, validation), MDL_OK);
    mdl_put_f32s(&sink, s->genome, s->life->layout.genes);
    mdl_digest_final(&d, digest);
}

/* What one process makes of an experiment: answers of all jobs, and the champion. */
typedef struct search_outcome {
    mdl_job_result *job; /* of all generations, one behind the other; free() it */
    uint32_t jobs, generation_first[16];
    uint64_t updates;
    uint8_t champion[MDL_DIGEST_BYTES];
} search_outcome;

static inline void run_alone(const char *json, search_outcome *out) {
    search s;
    search_open(&s, json, 1);
    memset(out, 0, sizeof *out);
    while (!mdl_evolution_done(s.e)) {
        uint32_t jobs = mdl_evolution_job_count(s.e), generation = mdl_evolution_generation(s.e);
        int64_t *fitness = calloc(jobs, sizeof *fitness);
        mdl_job_result *job = realloc(out->job, (out->jobs + jobs) * sizeof *job);
        assert_true(fitness && job && generation < 16);
        out->job = job;
        out->generation_first[generation] = out->jobs;
        for (uint32_t i = 0; i < jobs; i++) {
            job = &out->job[out->jobs++];
            mdl_unit_job(s.life, s.e, i, s.genome, NULL, job);
            fitness[i] = job->fitness;
            out->updates += job->updates;
        }
        assert_int_equal(mdl_evolution_advance(s.e, fitness, jobs), MDL_OK);
        free(fitness);
    }
    search_champion(&s, out->champion, NULL);
    search_close(&s);
}

#endif
