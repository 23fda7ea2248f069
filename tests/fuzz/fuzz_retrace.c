/* Questions of a dispute as a worker takes them: what a coordinator may put into a message, of the first generation of
 * a small run, of its last, and when it is over.
 *
 * Input: a byte that picks the generation, three for numbers of the question, then its points: a byte each, or behind
 * 0xff eight.
 *   What is taken asks for a life that there is, and for points that rise.
 *   What is answered has the size that was asked for: all rows of the job; a digest for every point of the life and
 *   zeros behind its end; a state that can be taken up. Only a state behind the life's end is not answered. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/point.h"
#include "protocol/referee.h"
#include "protocol/retrace.h"
#include "tests/fuzz/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STAGES = 3, JOBS_MAX = 8, LIVES_MAX = 4 };

static const char document[] =
    "{\"name\":\"retrace\",\"seed\":\"3\",\"task\":{\"name\":\"bandit\",\"trials\":3},"
    "\"network\":{\"neurons\":4,\"ring\":\"dense\"},"
    "\"verification\":\"off\",\"test_episodes\":1,\"evolution\":{\"generations\":2,\"episodes\":2,\"validate_every\":2,"
    "\"validate_episodes\":3,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

static struct {
    mdl_experiment experiment;
    mdl_life *life;
    float *genome, *prior;
    mdl_gene_prior search;      /* kept by the runs */
    mdl_evolution *run[STAGES]; /* before each generation, and after the last */
    uint32_t windows[STAGES][JOBS_MAX][LIVES_MAX];
} it;

static void *taken(size_t size) {
    void *at = aligned_alloc(64, (size + 63) / 64 * 64);
    MDL_ASSERT(at);
    return at;
}

static mdl_evolution *open_run(void) {
    return mdl_evolution_init(taken(mdl_evolution_bytes(&it.experiment.evolution, it.life->layout.genes)),
                              &it.experiment.evolution, &it.search);
}

static void prepare(void) {
    mdl_json_error error;
    mdl_genome_layout layout;
    mdl_life_row rows[LIVES_MAX];
    mdl_job_result results[JOBS_MAX];
    int64_t fitness[JOBS_MAX];
    mdl_err err = mdl_experiment_parse((const uint8_t *)document, strlen(document), &it.experiment, &error);
    MDL_ASSERT(err == MDL_OK);
    int bad = mdl_genome_layout_of(&it.experiment, &layout);
    MDL_ASSERT(bad == 0);
    it.prior = taken(2 * layout.genes * sizeof *it.prior);
    it.genome = taken(layout.genes * sizeof *it.genome);
    it.search = mdl_genome_search_prior(&it.experiment, &layout, it.prior);
    it.life = mdl_life_init(taken(mdl_life_bytes(&it.experiment, 1)), &it.experiment, 1, NULL);
    for (uint32_t s = 0; s < STAGES; s++) {
        it.run[s] = open_run();
        for (uint32_t g = 0; g < s; g++) {
            uint32_t jobs = mdl_evolution_job_count(it.run[s]);
            for (uint32_t i = 0; i < jobs; i++) {
                mdl_unit_job(it.life, it.run[s], i, it.genome, NULL, &results[i]);
                fitness[i] = results[i].fitness;
            }
            err = mdl_evolution_advance(it.run[s], fitness, jobs);
            MDL_ASSERT(err == MDL_OK);
        }
        uint32_t jobs = mdl_evolution_job_count(it.run[s]);
        MDL_ASSERT(jobs <= JOBS_MAX && (jobs == 0) == (s + 1 == STAGES));
        for (uint32_t i = 0; i < jobs; i++) {
            mdl_job job;
            mdl_evolution_job(it.run[s], i, &job, NULL);
            MDL_ASSERT(job.episodes <= LIVES_MAX);
            mdl_unit_job(it.life, it.run[s], i, it.genome, rows, &results[i]);
            for (uint32_t k = 0; k < job.episodes; k++)
                it.windows[s][i][k] = rows[k].windows;
        }
    }
}

/* Of a point's bytes: their life goes on, or it is over. */
static void check_state(const mdl_retrace *r, const mdl_evolution *e, const buffer *said) {
    uint8_t next[MDL_DIGEST_BYTES];
    mdl_life_row row;
    mdl_job job;
    mdl_evolution_job(e, r->job, &job, NULL);
    mdl_place at = mdl_unit_place(&it.experiment, &job, r->life);
    mdl_err step = mdl_point_step(it.life, &at, said->at, said->size, next);
    MDL_ASSERT(step == MDL_OK || step == MDL_EMISMATCH);
    if (step == MDL_EMISMATCH)
        MDL_ASSERT(mdl_point_row(it.life, &at, said->at, said->size, &row) == MDL_OK && row.windows == r->point[0]);
}

static void check_answer(const mdl_retrace *r, const mdl_evolution *e, uint32_t stage) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    static buffer said;
    mdl_job job;
    uint32_t windows = it.windows[stage][r->job][r->life];
    said.size = 0;
    mdl_err err = mdl_retrace_run(r, e, it.life, it.genome, &(mdl_sink){buffer_write, &said});
    mdl_evolution_job(e, r->job, &job, NULL);
    if (r->kind == MDL_MOVE_STATE) {
        MDL_ASSERT(err == (r->point[0] > windows ? MDL_ERANGE : MDL_OK));
        if (err == MDL_OK)
            check_state(r, e, &said);
        return;
    }
    MDL_ASSERT(err == MDL_OK);
    if (r->kind == MDL_MOVE_ROWS) {
        MDL_ASSERT(said.size == (size_t)job.episodes * MDL_ROW_BYTES);
        return;
    }
    MDL_ASSERT(said.size == (size_t)r->count * MDL_DIGEST_BYTES);
    for (uint32_t i = 0; i < r->count; i++)
        MDL_ASSERT((memcmp(said.at + (size_t)i * MDL_DIGEST_BYTES, none, sizeof none) == 0) == (r->point[i] > windows));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t points[MDL_DISPUTE_POINTS];
    mdl_retrace r;
    if (!it.life)
        prepare();
    if (size < 4)
        return 0;
    uint32_t stage = data[0] % STAGES;
    const mdl_evolution *e = it.run[stage];
    mdl_msg_question q = {.generation = data[0] / 64, /* often the one that is open */
                          .kind = 1 + data[1] % 3,
                          .job = data[2],
                          .life = data[3]};
    if (q.generation == 0)
        q.generation = mdl_evolution_generation(e);
    data += 4;
    size -= 4;
    while (size > 0 && q.points.count < MDL_DISPUTE_POINTS) {
        uint64_t v = data[0];
        size_t used = 1;
        if (v == 0xFF && size > sizeof v) {
            memcpy(&v, data + 1, sizeof v);
            used += sizeof v;
        }
        points[q.points.count++] = v;
        data += used;
        size -= used;
    }
    q.points.at = points;
    mdl_err err = mdl_retrace_of(&q, e, &r);
    MDL_ASSERT(err == MDL_OK || err == MDL_ERANGE);
    if (err != MDL_OK)
        return 0;
    MDL_ASSERT(r.job == q.job && r.kind == q.kind && r.life == q.life && r.count == q.points.count);
    MDL_ASSERT(r.job < mdl_evolution_job_count(e) && it.windows[stage][r.job][r.life] > 0);
    for (uint32_t i = 0; i < r.count; i++)
        MDL_ASSERT(r.point[i] == q.points.at[i] && r.point[i] > (i > 0 ? r.point[i - 1] : 0));
    check_answer(&r, e, stage);
    return 0;
}
