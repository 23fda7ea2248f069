#include "protocol/unit.h"

#include <string.h>

#include "core/assert.h"
#include "protocol/merkle.h"

void mdl_unit_end(const mdl_conductor *c, const uint8_t (*region)[MDL_DIGEST_BYTES], uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_gather g;
    mdl_sink sink = mdl_gather_begin(&g);
    for (uint32_t a = 0; a < c->agents; a++)
        mdl_modulation_save(&c->modulation[a], &sink);
    if (region)
        mdl_put_bytes(&sink, region, (size_t)c->agents * c->experiment->network.regions * MDL_DIGEST_BYTES);
    mdl_gather_end(&g, out);
}

void mdl_unit_row_of(const mdl_conductor *c, const uint8_t (*region)[MDL_DIGEST_BYTES], mdl_life_row *row) {
    row->windows = c->windows;
    row->fitness = mdl_task_fitness(&c->task);
    row->updates = mdl_conductor_updates(c);
    mdl_unit_end(c, region, row->end);
}

static void put_row(const mdl_life_row *row, const mdl_sink *sink) {
    mdl_put_u32(sink, row->windows);
    mdl_put_i64(sink, row->fitness);
    mdl_put_u64(sink, row->updates);
    mdl_put_bytes(sink, row->end, sizeof row->end);
}

/* A segment digest as its rows come. */
typedef struct segment {
    mdl_gather g;
    mdl_sink sink;
} segment;

static void segment_begin(segment *s, uint32_t generation, uint32_t index, uint32_t lives, mdl_job_result *out) {
    static const char domain[] = "modulon segment v3";
    s->sink = mdl_gather_begin(&s->g);
    mdl_put_bytes(&s->sink, domain, sizeof domain - 1);
    mdl_put_u32(&s->sink, generation);
    mdl_put_u32(&s->sink, index);
    mdl_put_u32(&s->sink, lives);
    out->fitness = 0;
    out->updates = 0;
}

static void segment_add(segment *s, const mdl_life_row *row, mdl_job_result *out) {
    put_row(row, &s->sink);
    out->fitness += row->fitness;
    out->updates += row->updates;
}

static void segment_end(segment *s, mdl_job_result *out) {
    mdl_put_i64(&s->sink, out->fitness);
    mdl_put_u64(&s->sink, out->updates);
    mdl_gather_end(&s->g, out->segment);
}

void mdl_unit_segment(uint32_t generation, uint32_t index, const mdl_life_row *rows, uint32_t lives,
                      mdl_job_result *out) {
    segment s;
    segment_begin(&s, generation, index, lives, out);
    for (uint32_t i = 0; i < lives; i++)
        segment_add(&s, &rows[i], out);
    segment_end(&s, out);
}

mdl_place mdl_unit_place(const mdl_experiment *x, const mdl_job *job, uint32_t life) {
    int train = job->kind == MDL_JOB_TRAIN;
    mdl_stream_id kind = train ? MDL_STREAM_TRAIN : MDL_STREAM_VALIDATE;
    MDL_ASSERT(life < job->episodes);
    return (mdl_place){.key = mdl_life_key(x->seed, kind, train ? job->generation : 0, life),
                       .episode = life,
                       .part = train ? MDL_PART_TRAIN : MDL_PART_VALIDATE,
                       .last = life + 1 == job->episodes};
}

void mdl_unit_row(const mdl_life *life, int last, mdl_life_row *row) {
    uint8_t region[MDL_AGENTS_MAX * MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    uint32_t regions = life->experiment->network.regions;
    for (uint32_t i = 0; last && i < life->conductor.agents * regions; i++) {
        mdl_gather g;
        mdl_sink sink = mdl_gather_begin(&g);
        mdl_life_save_region(life, i / regions, i % regions, &sink);
        mdl_gather_end(&g, region[i]);
    }
    mdl_unit_row_of(&life->conductor, last ? region : NULL, row);
}

/* Jobs while their lives end, in whatever order: rows are hashed in theirs. */
typedef struct tally {
    segment segment;
    mdl_life_row ring[MDL_LIVES_AHEAD], *rows;
    mdl_job_result *out;
    const mdl_experiment *x;
    const uint32_t *index;
    const mdl_job *jobs; /* alike */
    uint64_t over;       /* bit per row of the ring: of a life at or after `next` */
    uint32_t lives;      /* of each job                                           */
    uint32_t next;       /* of the lives of all                                   */
} tally;

static mdl_lot life_lot(void *ctx, uint32_t i) {
    const tally *t = ctx;
    mdl_place at = mdl_unit_place(t->x, &t->jobs[i / t->lives], i % t->lives);
    return (mdl_lot){at.key, at.episode, at.part};
}

/* The row of life `next`, which is over. */
static void add_row(tally *t, const mdl_life_row *row) {
    uint32_t job = t->next / t->lives, life = t->next % t->lives;
    mdl_job_result *out = &t->out[job];
    if (life == 0)
        segment_begin(&t->segment, t->jobs[job].generation, t->index[job], t->lives, out);
    segment_add(&t->segment, row, out);
    if (t->rows)
        t->rows[t->next] = *row;
    if (life + 1 == t->lives)
        segment_end(&t->segment, out);
    t->next++;
}

static void life_over(void *ctx, uint32_t i, const mdl_life *life) {
    tally *t = ctx;
    MDL_ASSERT(i >= t->next && i - t->next < MDL_LIVES_AHEAD);
    mdl_unit_row(life, (i + 1) % t->lives == 0, &t->ring[i % MDL_LIVES_AHEAD]);
    t->over |= UINT64_C(1) << i % MDL_LIVES_AHEAD;
    while (t->over >> t->next % MDL_LIVES_AHEAD & 1) {
        uint32_t at = t->next % MDL_LIVES_AHEAD;
        t->over &= ~(UINT64_C(1) << at);
        add_row(t, &t->ring[at]);
    }
}

/* Jobs that are alike, their genomes decoded from evolution. */
static void run_alike(mdl_life *life, const mdl_job *jobs, const uint32_t *index, uint32_t count, const float *genomes,
                      mdl_life_row *rows, mdl_job_result *out) {
    _Static_assert(MDL_LIVES_AHEAD <= 64, "a bit for each row of the ring");
    tally t = {.x = life->experiment, .rows = rows, .out = out, .index = index, .jobs = jobs, .lives = jobs->episodes};
    mdl_life_many(life, genomes, count, &(mdl_life_list){t.lives, life_lot, life_over, &t});
    MDL_ASSERT(t.next == count * t.lives);
}

void mdl_unit_job(mdl_life *life, const mdl_evolution *e, uint32_t index, float *genome, mdl_life_row *rows,
                  mdl_job_result *out) {
    mdl_job job;
    mdl_evolution_job(e, index, &job, genome);
    run_alike(life, &job, &index, 1, genome, rows, out);
}

void mdl_unit_jobs(mdl_life *life, const mdl_evolution *e, const uint32_t *index, uint32_t count, float *genomes,
                   mdl_job_result *out) {
    mdl_job job[MDL_TOGETHER_MAX];
    size_t genes = life->layout.genes;
    MDL_ASSERT(count <= MDL_TOGETHER_MAX);
    for (uint32_t i = 0; i < count; i++)
        mdl_evolution_job(e, index[i], &job[i], genomes + i * genes);
    for (uint32_t i = 0; i < count;) {
        uint32_t alike = mdl_jobs_alike(job + i, count - i);
        run_alike(life, job + i, index + i, alike, genomes + i * genes, NULL, out + i);
        i += alike;
    }
}

uint32_t mdl_unit_together(const mdl_life *life) {
    return mdl_life_together(life, life->experiment->evolution.episodes);
}

void mdl_unit_root(const mdl_job_result *jobs, uint32_t count, uint8_t root[MDL_DIGEST_BYTES]) {
    mdl_merkle_edge edge;
    MDL_ASSERT(count >= 1 && count <= MDL_UNIT_JOBS_MAX);
    memset(&edge, 0, sizeof edge);
    for (uint32_t i = 0; i < count; i++) {
        mdl_hash leaf;
        mdl_merkle_leaf(jobs[i].segment, sizeof jobs[i].segment, &leaf);
        mdl_err err = mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
        MDL_ASSERT(err == MDL_OK); /* far below the limit of leaves */
    }
    mdl_hash top;
    mdl_merkle_edge_root(&edge, &top);
    memcpy(root, top.bytes, MDL_DIGEST_BYTES);
}

mdl_segments mdl_unit_segments(const mdl_job_result *jobs, uint32_t count, char *text) {
    for (uint32_t i = 0; i < count; i++)
        mdl_segments_put(text, i, jobs[i].segment, jobs[i].updates);
    return (mdl_segments){count, text};
}

void mdl_state_digest(const mdl_evolution *e, uint8_t digest[MDL_DIGEST_BYTES]) {
    mdl_gather g;
    mdl_sink sink = mdl_gather_begin(&g);
    mdl_evolution_save(e, &sink);
    mdl_gather_end(&g, digest);
}
