/* Any bytes as a saved evolution state. What load accepts is saved again as the
 * same bytes, gives genomes within their limit, and its next state is accepted
 * too; what it refuses leaves the state of generation 0. An input that does not
 * start with the magic is taken as what follows a right head, so that no effort
 * goes into guessing one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/evolution.h"
#include "tests/fuzz/buffer.h"

enum { GENES = 3, HEAD = 60 + 3 * 32 };

static void save(const mdl_evolution *e, buffer *b) {
    b->size = 0;
    mdl_evolution_save(e, &(mdl_sink){buffer_write, b});
}

static mdl_evolution *open_run(void *memory, const mdl_gene_prior *prior) {
    static const mdl_algorithm algorithm[3] = {MDL_ES, MDL_GA, MDL_CMA};
    mdl_evolution_spec spec = {.generations = 6,
                               .episodes = 1,
                               .validate_every = 2,
                               .validate_episodes = 1,
                               .migrate_every = 1,
                               .meta_rate = 0.5f,
                               .meta_step = 0.1f,
                               .islands = 3,
                               .seed = 1};
    for (int k = 0; k < 3; k++)
        spec.island[k] = (mdl_island_spec){algorithm[k], 4, 0.15f, 0.05f, 0.9f, 0.99f, 2, 0.1f};
    MDL_ASSERT(mdl_evolution_bytes(&spec, GENES) <= 1 << 16);
    return mdl_evolution_init(memory, &spec, prior);
}

static void step(mdl_evolution *e) {
    int64_t result[15];
    uint32_t count = mdl_evolution_job_count(e);
    MDL_ASSERT(count <= 15);
    for (uint32_t i = 0; i < count; i++) {
        float genome[GENES];
        mdl_job job;
        mdl_evolution_job(e, i, &job, genome);
        result[i] = 0;
        for (int j = 0; j < GENES; j++) {
            MDL_ASSERT(genome[j] >= -0x1p20f && genome[j] <= 0x1p20f);
            result[i] += (int64_t)((double)genome[j] * 1000.0);
        }
    }
    MDL_ASSERT(mdl_evolution_advance(e, result, count) == MDL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const float mean[GENES] = {0, 0.5f, 1}, sd[GENES] = {0.3f, 0.3f, 0.3f};
    const mdl_gene_prior prior = {GENES, mean, sd, 0, 2};
    static _Alignas(64) unsigned char memory[1 << 16];
    static buffer fresh, now;
    mdl_evolution *e = open_run(memory, &prior);
    save(e, &fresh);
    uint8_t *input = malloc(size + HEAD);
    MDL_ASSERT(input);
    size_t input_size = size;
    if (size >= 8 && memcmp(data, fresh.at, 8) == 0) {
        memcpy(input, data, size);
    } else {
        memcpy(input, fresh.at, HEAD);
        if (size > 0)
            memcpy(input + HEAD, data, size);
        input_size += HEAD;
    }
    mdl_err err = mdl_evolution_load(e, input, input_size);
    save(e, &now);
    if (err == MDL_OK) {
        MDL_ASSERT(now.size == input_size && memcmp(now.at, input, input_size) == 0);
        while (!mdl_evolution_done(e)) {
            step(e);
            save(e, &now);
            MDL_ASSERT(mdl_evolution_load(e, now.at, now.size) == MDL_OK);
        }
    } else {
        MDL_ASSERT(now.size == fresh.size && memcmp(now.at, fresh.at, fresh.size) == 0);
    }
    free(input);
    return 0;
}
