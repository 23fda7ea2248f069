#include "core/life.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/lanes.h"

/* Networks of agents after the first, and all of a life beside `first`, share a wiring. */
static mdl_life *layout(mdl_arena *arena, const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel,
                        const mdl_life *first) {
    const mdl_network_spec *network = &x->network;
    uint32_t agents = mdl_task_agent_count(&x->task), owner[MDL_REGIONS_MAX];
    size_t part = network->sources > 0 ? (size_t)network->window * network->listen : 0;
    mdl_life *l = mdl_arena_take(arena, 1, sizeof *l);
    mdl_shard *shard = mdl_arena_take(arena, (size_t)agents * shards, sizeof *shard);
    float *boundary = mdl_arena_take(arena, agents * network->regions * part, sizeof *boundary);
    mdl_balanced_cut(network, shards, owner);
    for (uint32_t i = 0; i < agents * shards; i++) {
        static const mdl_shard any; /* while counting */
        mdl_shard counted;
        const mdl_shard *like = first ? &first->shard[i] : i < shards ? NULL : shard ? &shard[i % shards] : &any;
        mdl_shard_init(shard ? &shard[i] : &counted, arena, x, owner, i % shards, kernel, like);
    }
    mdl_lanes *lanes = shards == 1 && agents == 1 ? mdl_lanes_layout(arena, x) : NULL;
    if (!l)
        return NULL;
    memset(l, 0, sizeof *l);
    l->experiment = x;
    l->kernel = kernel;
    l->shards = shards;
    l->shard = shard;
    l->boundary = boundary;
    l->lanes = lanes;
    mdl_conductor_init(&l->conductor, x, &l->params);
    int err = mdl_genome_layout_of(x, &l->layout);
    MDL_ASSERT(err == MDL_OK); /* checked with the experiment */
    return l;
}

/* Shard `i` of agent `a`'s network. */
static mdl_shard *shard_of(const mdl_life *l, uint32_t a, uint32_t i) { return &l->shard[a * l->shards + i]; }

size_t mdl_life_bytes(const mdl_experiment *x, uint32_t shards) {
    mdl_arena counting = {NULL, 0, 0};
    layout(&counting, x, shards, NULL, NULL);
    return counting.used;
}

mdl_life *mdl_life_init(void *memory, const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel) {
    mdl_arena arena = {memory, 0, SIZE_MAX};
    return layout(&arena, x, shards, kernel ? kernel : mdl_kernel_best(), NULL);
}

size_t mdl_life_beside_bytes(const mdl_life *first) {
    mdl_arena counting = {NULL, 0, 0};
    layout(&counting, first->experiment, first->shards, NULL, first);
    return counting.used;
}

mdl_life *mdl_life_beside(void *memory, const mdl_life *first) {
    mdl_arena arena = {memory, 0, SIZE_MAX};
    return layout(&arena, first->experiment, first->shards, first->kernel, first);
}

void mdl_life_genome(mdl_life *l, const float *genome) {
    mdl_genome_decode(l->experiment, &l->layout, genome, &l->params);
    for (uint32_t i = 0; i < l->conductor.agents * l->shards; i++)
        mdl_shard_genome(&l->shard[i], &l->layout, genome);
}

void mdl_life_begin(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part) {
    mdl_conductor_begin(&l->conductor, key, episode, part);
    for (uint32_t a = 0; a < l->conductor.agents; a++)
        for (uint32_t i = 0; i < l->shards; i++)
            mdl_shard_birth(shard_of(l, a, i), &l->params, l->conductor.noise_key[a]);
}

/* Boundary activity among the regions of agent `a`. */
static void exchange(mdl_life *l, uint32_t a, uint32_t last) {
    const mdl_network_spec *network = &l->experiment->network;
    float *activity = l->boundary + (size_t)a * network->regions * network->window * network->listen;
    if (network->sources == 0)
        return;
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_export(shard_of(l, a, i), last, activity);
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_import(shard_of(l, a, i), &l->params, last, activity);
}

/* Agent `a`'s window, and what the conductor needs of it. */
static void think(mdl_life *l, uint32_t a, mdl_window_out *out) {
    const mdl_experiment *x = l->experiment;
    const mdl_modulation *m = &l->conductor.modulation[a];
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_window(shard_of(l, a, i), &l->params, m, mdl_conductor_view(&l->conductor, a)->obs);
    for (uint32_t i = 0; i < l->shards; i++) {
        mdl_region_view first;
        mdl_shard_partials(shard_of(l, a, i), &l->params, &out->partials);
        if (mdl_shard_view(shard_of(l, a, i), 0, &first))
            memcpy(out->motor, first.readout + first.shape->hidden, x->network.motors * sizeof(float));
    }
    exchange(l, a, m->step + x->network.window - 1);
}

int mdl_life_window(mdl_life *l) {
    mdl_window_out out[MDL_AGENTS_MAX];
    for (uint32_t a = 0; a < l->conductor.agents; a++) {
        memset(&out[a], 0, sizeof out[a]);
        think(l, a, &out[a]);
    }
    return mdl_conductor_window(&l->conductor, out);
}

void mdl_life_run(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part, int64_t *fitness, int64_t *score,
                  uint64_t *updates) {
    mdl_life_begin(l, key, episode, part);
    while (mdl_life_window(l)) {
    }
    if (fitness)
        *fitness += mdl_task_fitness(&l->conductor.task);
    if (score)
        *score += mdl_task_score(&l->conductor.task);
    if (updates)
        *updates += mdl_conductor_updates(&l->conductor);
}

typedef struct tally {
    const mdl_job *jobs;
    uint64_t seed, *updates;
    int64_t *fitness;
} tally;

static mdl_lot job_lot(void *ctx, uint32_t i) {
    const tally *t = ctx;
    uint32_t life = i % t->jobs->episodes;
    const mdl_job *job = &t->jobs[i / t->jobs->episodes];
    int train = job->kind == MDL_JOB_TRAIN;
    uint64_t key =
        mdl_life_key(t->seed, train ? MDL_STREAM_TRAIN : MDL_STREAM_VALIDATE, train ? job->generation : 0, life);
    return (mdl_lot){key, life, train ? MDL_PART_TRAIN : MDL_PART_VALIDATE};
}

static void job_over(void *ctx, uint32_t i, const mdl_life *l) {
    tally *t = ctx;
    t->fitness[i / t->jobs->episodes] += mdl_task_fitness(&l->conductor.task);
    if (t->updates)
        t->updates[i / t->jobs->episodes] += mdl_conductor_updates(&l->conductor);
}

uint32_t mdl_jobs_alike(const mdl_job *jobs, uint32_t count) {
    uint32_t n = 1;
    while (n < count && jobs[n].kind == jobs->kind && jobs[n].episodes == jobs->episodes)
        n++;
    return n;
}

void mdl_life_jobs(mdl_life *l, const mdl_job *jobs, const float *genomes, uint32_t count, int64_t *fitness,
                   uint64_t *updates) {
    for (uint32_t i = 0; i < count; i++) {
        fitness[i] = 0;
        if (updates)
            updates[i] = 0;
    }
    for (uint32_t i = 0; i < count;) {
        uint32_t alike = mdl_jobs_alike(jobs + i, count - i);
        tally t = {jobs + i, l->experiment->seed, updates ? updates + i : NULL, fitness + i};
        mdl_life_many(l, genomes + (size_t)i * l->layout.genes, alike,
                      &(mdl_life_list){jobs[i].episodes, job_lot, job_over, &t});
        i += alike;
    }
}

int64_t mdl_life_job(mdl_life *l, const mdl_job *job, const float *genome, uint64_t *updates) {
    int64_t fitness;
    uint64_t done;
    mdl_life_jobs(l, job, genome, 1, &fitness, &done);
    if (updates)
        *updates += done;
    return fitness;
}

void mdl_life_save_modulation(const mdl_life *l, const mdl_sink *sink) {
    for (uint32_t a = 0; a < l->conductor.agents; a++)
        mdl_modulation_save(&l->conductor.modulation[a], sink);
}

/* The last step that agent `a`'s network has run. */
static uint32_t last_step(const mdl_life *l, uint32_t a) { return l->conductor.modulation[a].step - 1; }

void mdl_life_save_region(const mdl_life *l, uint32_t agent, uint32_t region, const mdl_sink *sink) {
    for (uint32_t i = 0; i < l->shards; i++) {
        const mdl_shard *s = shard_of(l, agent, i);
        const void *at = mdl_shard_region(s, region);
        if (at)
            s->model->save(at, &l->params, last_step(l, agent), sink);
    }
}

void mdl_life_save(const mdl_life *l, const mdl_sink *sink) {
    mdl_put_bytes(sink, "MDLNET1", 8);
    for (uint32_t a = 0; a < l->conductor.agents; a++) {
        mdl_modulation_save(&l->conductor.modulation[a], sink);
        for (uint32_t r = 0; r < l->experiment->network.regions; r++)
            mdl_life_save_region(l, a, r, sink);
    }
}

static void load_agent(mdl_life *l, uint32_t a, mdl_reader *reader) {
    mdl_modulation *m = &l->conductor.modulation[a];
    mdl_modulation_load(m, &l->params, reader);
    if (m->step != m->window * l->experiment->network.window)
        reader->bad = 1;
    for (uint32_t r = 0; r < l->experiment->network.regions; r++)
        for (uint32_t i = 0; i < l->shards; i++) {
            void *region = mdl_shard_region(shard_of(l, a, i), r);
            if (region)
                shard_of(l, a, i)->model->load(region, &l->params, last_step(l, a), reader);
        }
}

mdl_err mdl_life_load(mdl_life *l, const uint8_t *bytes, size_t size) {
    mdl_reader reader = {bytes, size, 0};
    mdl_conductor *c = &l->conductor;
    char magic[8];
    mdl_get_bytes(&reader, magic, sizeof magic);
    if (reader.bad || memcmp(magic, "MDLNET1", 8) != 0)
        return MDL_EMAGIC;
    for (uint32_t a = 0; a < c->agents; a++) {
        load_agent(l, a, &reader);
        if (c->modulation[a].window != c->modulation[0].window) /* all live in one time */
            reader.bad = 1;
    }
    c->windows = c->modulation[0].window;
    if (reader.bad)
        return MDL_ERANGE;
    if (reader.left != 0)
        return MDL_ESIZE;
    for (uint32_t a = 0; a < c->agents; a++)
        exchange(l, a, last_step(l, a));
    return MDL_OK;
}

mdl_err mdl_life_resume(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part, uint32_t windows,
                        const uint32_t *action, const float *motor, const uint8_t *bytes, size_t size) {
    mdl_life_begin(l, key, episode, part);
    MDL_ASSERT(!motor == !mdl_task_reads_motors(&l->experiment->task));
    mdl_err err = mdl_conductor_play(&l->conductor, windows, action, motor);
    if (err == MDL_OK)
        err = mdl_life_load(l, bytes, size);
    if (err == MDL_OK && l->conductor.windows != windows)
        err = MDL_ERANGE;
    return err;
}
