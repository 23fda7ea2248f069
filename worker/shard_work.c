#include "worker/shard_work.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "protocol/unit.h"
#include "runtime/memory.h"

static uint32_t *cut(const mdl_model *model, uint32_t shards) {
    uint32_t *owner = malloc(model->experiment.network.regions * sizeof *owner);
    if (owner)
        mdl_balanced_cut(&model->experiment.network, shards, owner);
    return owner;
}

size_t mdl_shard_work_bytes(const mdl_model *model, uint32_t shard, uint32_t shards) {
    uint32_t *owner = cut(model, shards);
    if (!owner)
        return SIZE_MAX;
    size_t bytes = mdl_player_bytes(&model->experiment, owner, shard);
    free(owner);
    return bytes;
}

mdl_shard_work *mdl_shard_work_new(const mdl_model *model, uint32_t job, uint32_t shard, uint32_t shards) {
    MDL_ASSERT(shard < shards && shards <= model->experiment.network.regions);
    mdl_shard_work *w = calloc(1, sizeof *w);
    uint32_t *owner = cut(model, shards);
    if (!w || !owner) {
        free(w);
        free(owner);
        return NULL;
    }
    w->model = model;
    w->job = job;
    w->shard = shard;
    w->shards = shards;
    w->owner = owner;
    w->synapses = mdl_cut_synapses(&model->experiment.network, owner, shard);
    return w;
}

static void drop_order(mdl_shard_work *w) {
    free(w->input);
    free(w->loaded);
    w->input = w->loaded = NULL;
    w->input_size = w->loaded_size = 0;
}

void mdl_shard_work_free(mdl_shard_work *w) {
    if (!w)
        return;
    drop_order(w);
    free(w->output);
    free(w->commit);
    free(w->saved);
    free(w->regions);
    free(w->memory);
    free(w->genome);
    free(w->owner);
    free(w);
}

/* The network's part, once. */
static mdl_err build(mdl_shard_work *w) {
    const mdl_experiment *x = &w->model->experiment;
    w->memory = mdl_aligned(mdl_player_bytes(x, w->owner, w->shard));
    w->genome = malloc(w->model->layout.genes * sizeof *w->genome);
    w->output = malloc(mdl_shard_output_max(x, w->owner, w->shard));
    if (!w->memory || !w->genome || !w->output)
        return MDL_ENOMEM;
    mdl_player *player = mdl_player_init(w->memory, x, w->owner, w->shard, NULL);
    w->regions = malloc((size_t)player->shard.count * MDL_DIGEST_BYTES);
    if (!w->regions)
        return MDL_ENOMEM;
    w->player = player;
    return MDL_OK;
}

/* The job's genome into it. */
static void learn(mdl_shard_work *w) {
    mdl_evolution_job(w->model->evolution, w->job, &w->what, w->genome);
    mdl_player_genome(w->player, w->genome);
    w->known = 1;
}

void mdl_shard_work_again(mdl_shard_work *w, uint32_t job) {
    drop_order(w);
    free(w->saved);
    w->saved = NULL;
    w->job = job;
    w->known = 0;
    w->birth = MDL_BIRTH_NONE;
    w->count = 0;
    w->keep = w->finish = 0;
    w->updates = 0;
}

static mdl_err be_born(mdl_shard_work *w) {
    if (w->life >= w->what.episodes)
        return MDL_ERANGE;
    uint64_t key = mdl_unit_place(&w->model->experiment, &w->what, w->life).key;
    if (w->birth == MDL_BIRTH_LOAD)
        return mdl_player_load(w->player, key, w->loaded, w->loaded_size);
    mdl_player_begin(w->player, key);
    return MDL_OK;
}

/* What the window that was just run is committed to. */
static void commit(mdl_shard_work *w, uint32_t at) {
    uint32_t every = w->model->experiment.sharding.snapshot_windows;
    mdl_window_commit c = {.life = w->life, .window = w->player->windows - 1, .shard = w->shard, .shards = w->shards};
    w->output_size = mdl_shard_output(w->player, w->output);
    mdl_digest_of(w->output, w->output_size, c.output);
    if (every > 0 && w->player->windows % every == 0)
        mdl_player_state_digest(w->player, NULL, c.state);
    memcpy(w->state, c.state, sizeof w->state);
    mdl_window_commit_digest(&c, w->commit + (size_t)at * MDL_DIGEST_BYTES);
}

static mdl_err run(mdl_shard_work *w) {
    size_t at = 0;
    if (w->count > w->commit_room) {
        uint8_t *more = realloc(w->commit, (size_t)w->count * MDL_DIGEST_BYTES);
        if (!more)
            return MDL_ENOMEM;
        w->commit = more;
        w->commit_room = w->count;
    }
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->input_size - at < 4)
            return MDL_ESIZE;
        const uint8_t *p = w->input + at;
        size_t size = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
        at += 4;
        if (w->input_size - at < size)
            return MDL_ESIZE;
        mdl_err err = mdl_shard_input_run(w->player, w->input + at, size);
        if (err != MDL_OK)
            return err;
        at += size;
        commit(w, i);
        w->updates += w->synapses * w->model->experiment.network.window;
    }
    return at == w->input_size ? MDL_OK : MDL_ESIZE;
}

static mdl_err save(mdl_shard_work *w) {
    mdl_buffer buffer = {0};
    mdl_sink sink = mdl_buffer_sink(&buffer);
    mdl_player_save(w->player, &sink);
    free(w->saved);
    w->saved = buffer.bytes;
    w->saved_size = buffer.size;
    return buffer.failed ? MDL_ENOMEM : MDL_OK;
}

mdl_shard_work *mdl_shard_work_retrace(const mdl_model *model, const mdl_retrace *order) {
    struct {
        mdl_shard_work work;
        mdl_retrace order;
    } *both = calloc(1, sizeof *both);
    if (!both)
        return NULL;
    both->order = *order;
    both->work.model = model;
    both->work.retrace = &both->order;
    return &both->work; /* the first thing in its block */
}

static mdl_err trace(mdl_shard_work *w) {
    mdl_buffer out = {0};
    mdl_sink sink = mdl_buffer_sink(&out);
    w->memory = mdl_aligned(mdl_life_bytes(&w->model->experiment, 1));
    w->genome = malloc(w->model->layout.genes * sizeof *w->genome);
    if (!w->memory || !w->genome)
        return MDL_ENOMEM;
    mdl_life *life = mdl_life_init(w->memory, &w->model->experiment, 1, NULL);
    mdl_err err = mdl_retrace_run(w->retrace, w->model->evolution, life, w->genome, &sink);
    w->saved = out.bytes;
    w->saved_size = out.size;
    return err == MDL_OK && out.failed ? MDL_ENOMEM : err;
}

void mdl_shard_work_run(mdl_shard_work *w) {
    if (w->retrace) {
        w->err = trace(w);
        return;
    }
    w->err = w->player ? MDL_OK : build(w);
    if (w->err == MDL_OK && !w->known)
        learn(w);
    if (w->err == MDL_OK && w->birth != MDL_BIRTH_NONE)
        w->err = be_born(w);
    if (w->err == MDL_OK && w->count > 0)
        w->err = run(w);
    if (w->err == MDL_OK && w->keep)
        w->err = save(w);
    if (w->err == MDL_OK && w->finish) {
        uint8_t ignored[MDL_DIGEST_BYTES];
        mdl_player_state_digest(w->player, (uint8_t(*)[MDL_DIGEST_BYTES])w->regions, ignored);
    }
    drop_order(w);
}
