#include "worker/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "protocol/experiment_json.h"
#include "protocol/unit.h"

static void *aligned(size_t size) {
    if (size > SIZE_MAX - MDL_ALIGN)
        return NULL;
    return aligned_alloc(MDL_ALIGN, (size + MDL_ALIGN - 1) / MDL_ALIGN * MDL_ALIGN);
}

mdl_model *mdl_model_new(const uint8_t *document, size_t size, char *error, size_t error_size) {
    mdl_model *m = calloc(1, sizeof *m);
    if (!m) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    mdl_json_error why;
    memset(&why, 0, sizeof why);
    mdl_err err = mdl_experiment_parse(document, size, &m->experiment, &why);
    if (err != MDL_OK) {
        mdl_json_error_format(&why, "the experiment", error, error_size);
        mdl_model_free(m);
        return NULL;
    }
    int bad = mdl_genome_layout_of(&m->experiment, &m->layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    uint32_t genes = m->layout.genes;
    m->prior = malloc(2 * (size_t)genes * sizeof *m->prior);
    m->memory = aligned(mdl_evolution_bytes(&m->experiment.evolution, genes));
    if (!m->prior || !m->memory) {
        snprintf(error, error_size, "the experiment has %u genes: out of memory", (unsigned)genes);
        mdl_model_free(m);
        return NULL;
    }
    mdl_gene_prior prior = mdl_genome_search_prior(&m->experiment, &m->layout, m->prior);
    m->evolution = mdl_evolution_init(m->memory, &m->experiment.evolution, &prior);
    return m;
}

void mdl_model_free(mdl_model *m) {
    if (!m)
        return;
    free(m->prior);
    free(m->memory);
    free(m->fitness);
    free(m);
}

mdl_err mdl_model_follow(mdl_model *m, const uint8_t *fitness, size_t size, uint32_t to) {
    mdl_reader in = {fitness, size, 0};
    while (mdl_model_generation(m) < to) {
        uint32_t jobs = mdl_evolution_job_count(m->evolution);
        if (jobs == 0)
            return MDL_ERANGE; /* past the last generation */
        if (in.left / 8 < jobs)
            return MDL_ESIZE;
        if (jobs > m->fitness_room) {
            int64_t *more = realloc(m->fitness, jobs * sizeof *more);
            if (!more)
                return MDL_ENOMEM;
            m->fitness = more;
            m->fitness_room = jobs;
        }
        for (uint32_t i = 0; i < jobs; i++)
            m->fitness[i] = mdl_get_i64(&in);
        m->state_known = 0;
        mdl_err err = mdl_evolution_advance(m->evolution, m->fitness, jobs);
        if (err != MDL_OK)
            return err;
    }
    return in.left == 0 && mdl_model_generation(m) == to ? MDL_OK : MDL_ESIZE;
}

const uint8_t *mdl_model_state(mdl_model *m) {
    if (!m->state_known)
        mdl_state_digest(m->evolution, m->state);
    m->state_known = 1;
    return m->state;
}

mdl_model *mdl_model_open(const mdl_model_source *source, const uint8_t *document, size_t size, char *error,
                          size_t error_size) {
    return source ? source->open(source->ctx, document, size, error, error_size)
                  : mdl_model_new(document, size, error, error_size);
}

mdl_err mdl_model_move(const mdl_model_source *source, mdl_model **m, const uint8_t *fitness, size_t size,
                       uint32_t to) {
    return source ? source->move(source->ctx, m, fitness, size, to) : mdl_model_follow(*m, fitness, size, to);
}

void mdl_model_close(const mdl_model_source *source, mdl_model *m) {
    if (source && m)
        source->close(source->ctx, m);
    else
        mdl_model_free(m);
}
