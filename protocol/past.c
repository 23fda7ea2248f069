#include "protocol/past.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/genome.h"

struct mdl_past {
    const mdl_experiment *experiment;
    mdl_genome_layout layout;
    float *prior;
    void *memory;
    mdl_evolution *evolution;
    int64_t *fitness; /* [jobs of the largest generation] */
};

static void *aligned(size_t size) {
    return size > SIZE_MAX - MDL_ALIGN ? NULL
                                       : aligned_alloc(MDL_ALIGN, (size + MDL_ALIGN - 1) / MDL_ALIGN * MDL_ALIGN);
}

static void begin(mdl_past *p) {
    mdl_gene_prior prior = mdl_genome_search_prior(p->experiment, &p->layout, p->prior);
    p->evolution = mdl_evolution_init(p->memory, &p->experiment->evolution, &prior);
}

mdl_past *mdl_past_new(const mdl_experiment *x) {
    mdl_past *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->experiment = x;
    int bad = mdl_genome_layout_of(x, &p->layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    uint32_t jobs = x->evolution.islands;
    for (uint32_t i = 0; i < x->evolution.islands; i++)
        jobs += x->evolution.island[i].population;
    p->prior = malloc(2 * (size_t)p->layout.genes * sizeof *p->prior);
    p->memory = aligned(mdl_evolution_bytes(&x->evolution, p->layout.genes));
    MDL_ASSERT(jobs > 0); /* at least one an island */
    p->fitness = malloc(jobs * sizeof *p->fitness);
    if (!p->prior || !p->memory || !p->fitness) {
        mdl_past_free(p);
        return NULL;
    }
    begin(p);
    return p;
}

void mdl_past_free(mdl_past *p) {
    if (!p)
        return;
    free(p->prior);
    free(p->memory);
    free(p->fitness);
    free(p);
}

const mdl_evolution *mdl_past_evolution(const mdl_past *p) { return p->evolution; }

static mdl_err step(mdl_past *p, const mdl_past_source *s) {
    const uint8_t *want = s->fitness(s->ctx, mdl_evolution_generation(p->evolution)), *bytes;
    uint8_t found[MDL_DIGEST_BYTES];
    uint32_t jobs = mdl_evolution_job_count(p->evolution);
    size_t size;
    mdl_err err = s->blobs->get(s->blobs->ctx, want, &bytes, &size);
    if (err != MDL_OK)
        return err;
    mdl_digest_of(bytes, size, found);
    if (memcmp(found, want, sizeof found) != 0)
        return MDL_EDIGEST;
    if (size != 8 * (size_t)jobs)
        return MDL_ESIZE;
    mdl_reader in = {bytes, size, 0};
    for (uint32_t i = 0; i < jobs; i++)
        p->fitness[i] = mdl_get_i64(&in);
    return mdl_evolution_advance(p->evolution, p->fitness, jobs);
}

mdl_err mdl_past_seek(mdl_past *p, uint32_t generation, uint32_t steps, const mdl_past_source *source) {
    if (mdl_evolution_generation(p->evolution) > generation)
        begin(p);
    while (mdl_evolution_generation(p->evolution) < generation) {
        if (steps-- == 0)
            return MDL_ERANGE;
        mdl_err err = step(p, source);
        if (err != MDL_OK)
            return err == MDL_ERANGE ? MDL_ESIZE : err; /* sums that no closing has */
    }
    return MDL_OK;
}
