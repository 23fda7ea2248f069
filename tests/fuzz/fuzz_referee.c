/* Transcripts of a dispute about a job of two small lives, between who did it right
 * and who says another end of the second one.
 *   Nobody is found wrong before it is over, somebody is then.
 *   What was taken of it, played again, comes to the same end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/referee.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIVES = 2, JOB = 1, TAKEN_MAX = 1 << 16 };

static const char document[] =
    "{\"name\":\"referee\",\"seed\":\"3\",\"task\":\"bandit\",\"network\":{\"neurons\":4,\"ring\":\"dense\"},"
    "\"verification\":\"off\",\"test_episodes\":1,\"evolution\":{\"generations\":1,\"episodes\":2,\"validate_every\":1,"
    "\"validate_episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

static struct {
    mdl_experiment experiment;
    mdl_life *life;
    mdl_job job;
    mdl_job_result answer[MDL_DISPUTE_SIDES];
} it;

static void *taken(size_t size) {
    void *at = aligned_alloc(64, (size + 63) / 64 * 64);
    MDL_ASSERT(at);
    return at;
}

static void prepare(void) {
    mdl_json_error error;
    mdl_genome_layout layout;
    mdl_life_row rows[LIVES];
    mdl_err err = mdl_experiment_parse((const uint8_t *)document, strlen(document), &it.experiment, &error);
    MDL_ASSERT(err == MDL_OK);
    int bad = mdl_genome_layout_of(&it.experiment, &layout);
    MDL_ASSERT(bad == MDL_OK);
    float *prior = taken(2 * layout.genes * sizeof *prior), *genome = taken(layout.genes * sizeof *genome);
    mdl_gene_prior search = mdl_genome_search_prior(&it.experiment, &layout, prior);
    void *memory = taken(mdl_evolution_bytes(&it.experiment.evolution, layout.genes));
    mdl_evolution *e = mdl_evolution_init(memory, &it.experiment.evolution, &search);
    it.life = mdl_life_init(taken(mdl_life_bytes(&it.experiment, 1)), &it.experiment, 1, NULL);
    mdl_unit_job(it.life, e, JOB, genome, rows, &it.answer[0]);
    mdl_evolution_job(e, JOB, &it.job, genome);
    MDL_ASSERT(it.job.episodes == LIVES);
    rows[1].end[3] ^= 1;
    mdl_unit_segment(it.job.generation, JOB, rows, LIVES, &it.answer[1]);
    free(prior);
    free(genome);
    free(memory);
}

typedef struct log {
    uint8_t at[TAKEN_MAX];
    size_t size;
} log;

static void append(void *ctx, const void *bytes, size_t size) {
    log *l = ctx;
    MDL_ASSERT(size <= TAKEN_MAX - l->size);
    if (size > 0)
        memcpy(l->at + l->size, bytes, size);
    l->size += size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static log first, again;
    mdl_referee r, s;
    if (size > TAKEN_MAX)
        return 0;
    if (!it.life)
        prepare();
    first.size = again.size = 0;
    mdl_referee_begin(&r, it.life, &it.job, JOB, it.answer, &(mdl_sink){append, &first});
    mdl_err err = mdl_referee_replay(&r, data, size);
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < MDL_DISPUTE_SIDES; i++)
        wrong += r.fault[i] != MDL_FAULT_NONE;
    MDL_ASSERT((r.stage == MDL_REFEREE_OVER) == (wrong > 0));
    MDL_ASSERT(err != MDL_OK || (r.stage == MDL_REFEREE_OVER && first.size == size));
    MDL_ASSERT(first.size <= size && (first.size == 0 || memcmp(first.at, data, first.size) == 0));
    mdl_referee_begin(&s, it.life, &it.job, JOB, it.answer, &(mdl_sink){append, &again});
    err = mdl_referee_replay(&s, first.at, first.size);
    MDL_ASSERT((err == MDL_OK) == (r.stage == MDL_REFEREE_OVER));
    MDL_ASSERT(again.size == first.size && s.stage == r.stage && s.which == r.which);
    MDL_ASSERT(memcmp(s.fault, r.fault, sizeof r.fault) == 0);
    mdl_referee_end(&r);
    mdl_referee_end(&s);
    return 0;
}
