#include "core/life.h"

#include <string.h>

#include "core/hmn_kernel.h"

static mdl_life *layout(mdl_arena *arena, const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel) {
    mdl_life *l = mdl_arena_take(arena, 1, sizeof *l);
    mdl_shard *shard = mdl_arena_take(arena, shards, sizeof *shard);
    size_t boundary = x->network.sources > 0 ? (size_t)x->network.regions * x->network.window * x->network.listen : 0;
    float *activity = mdl_arena_take(arena, boundary, sizeof *activity);
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_balanced_cut(&x->network, shards, owner);
    for (uint32_t i = 0; i < shards; i++) {
        mdl_shard counted;
        mdl_shard_init(shard ? &shard[i] : &counted, arena, x, owner, i, kernel);
    }
    if (!l)
        return NULL;
    memset(l, 0, sizeof *l);
    l->experiment = x;
    l->shards = shards;
    l->shard = shard;
    l->boundary = activity;
    l->synapses = mdl_synapse_count(&x->network);
    int err = mdl_genome_layout_of(x, &l->layout);
    MDL_ASSERT(err == MDL_OK); /* checked with the experiment */
    l->neurons = l->layout.neurons;
    return l;
}

size_t mdl_life_bytes(const mdl_experiment *x, uint32_t shards) {
    mdl_arena counting = {NULL, 0, 0};
    layout(&counting, x, shards, NULL);
    return counting.used;
}

mdl_life *mdl_life_init(void *memory, const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel) {
    mdl_arena arena = {memory, 0, SIZE_MAX};
    return layout(&arena, x, shards, kernel ? kernel : mdl_kernel_best());
}

void mdl_life_genome(mdl_life *l, const float *genome) {
    mdl_genome_decode(l->experiment, &l->layout, genome, &l->params);
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_genome(&l->shard[i], &l->layout, genome);
}

void mdl_life_begin(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part) {
    mdl_task_reset(&l->task, &l->experiment->task, key, episode, part);
    l->noise_key = mdl_key(key, MDL_STREAM_NOISE, 0, 0, 0);
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_birth(&l->shard[i], &l->params, l->noise_key);
    mdl_modulation_init(&l->modulation, &l->params, l->noise_key, &l->task.out);
    l->windows = 0;
}

static void exchange(mdl_life *l, uint32_t last) {
    if (l->experiment->network.sources == 0)
        return;
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_export(&l->shard[i], last, l->boundary);
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_import(&l->shard[i], &l->params, last, l->boundary);
}

/* The taught action, or the first of the largest readouts. */
static uint32_t choose(const mdl_task_out *out, const float *motor, uint32_t motors) {
    if (out->flags & MDL_OUT_TEACH)
        return out->teach;
    uint32_t best = 0;
    for (uint32_t i = 1; i < motors; i++)
        if (motor[i] > motor[best])
            best = i;
    return best;
}

int mdl_life_window(mdl_life *l) {
    const mdl_network_spec *network = &l->experiment->network;
    MDL_ASSERT(!(l->task.out.flags & MDL_OUT_DONE));
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_window(&l->shard[i], &l->params, &l->modulation, l->task.out.obs);

    l->partials = (mdl_partials){0, 0, 0};
    for (uint32_t i = 0; i < l->shards; i++) {
        mdl_region_view first;
        mdl_shard_partials(&l->shard[i], &l->params, &l->partials);
        if (mdl_shard_view(&l->shard[i], 0, &first))
            memcpy(l->motor, first.readout + first.shape->hidden, network->motors * sizeof(float));
    }
    l->action = choose(&l->task.out, l->motor, network->motors);
    exchange(l, l->modulation.step + network->window - 1);
    mdl_task_step(&l->task, l->action, l->motor);
    mdl_modulation_next(&l->modulation, &l->params, l->noise_key, network->window, &l->partials, l->neurons,
                        network->sensors, l->action, &l->task.out);
    l->windows++;
    return !(l->task.out.flags & MDL_OUT_DONE);
}

void mdl_life_run(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part, int64_t *fitness, int64_t *score,
                  uint64_t *updates) {
    mdl_life_begin(l, key, episode, part);
    while (mdl_life_window(l)) {
    }
    if (fitness)
        *fitness += mdl_task_fitness(&l->task);
    if (score)
        *score += mdl_task_score(&l->task);
    if (updates)
        *updates += (uint64_t)l->windows * l->experiment->network.window * l->synapses;
}

int64_t mdl_life_job(mdl_life *l, const mdl_job *job, const float *genome, uint64_t *updates) {
    int64_t fitness = 0;
    int train = job->kind == MDL_JOB_TRAIN;
    mdl_life_genome(l, genome);
    for (uint32_t i = 0; i < job->episodes; i++) {
        uint64_t key = mdl_life_key(l->experiment->seed, train ? MDL_STREAM_TRAIN : MDL_STREAM_VALIDATE,
                                    train ? job->generation : 0, i);
        mdl_life_run(l, key, i, train ? MDL_PART_TRAIN : MDL_PART_VALIDATE, &fitness, NULL, updates);
    }
    return fitness;
}

void mdl_life_save(const mdl_life *l, const mdl_sink *sink) {
    mdl_put_bytes(sink, "MDLNET1", 8);
    mdl_modulation_save(&l->modulation, sink);
    for (uint32_t r = 0; r < l->experiment->network.regions; r++)
        for (uint32_t i = 0; i < l->shards; i++) {
            const void *region = mdl_shard_region(&l->shard[i], r);
            if (region)
                l->shard[i].model->save(region, &l->params, l->modulation.step - 1, sink);
        }
}

mdl_err mdl_life_load(mdl_life *l, const uint8_t *bytes, size_t size) {
    mdl_reader reader = {bytes, size, 0};
    char magic[8];
    mdl_get_bytes(&reader, magic, sizeof magic);
    if (reader.bad || memcmp(magic, "MDLNET1", 8) != 0)
        return MDL_EMAGIC;
    mdl_modulation_load(&l->modulation, &l->params, &reader);
    if (l->modulation.step != l->modulation.window * l->experiment->network.window)
        reader.bad = 1;
    l->windows = l->modulation.window;
    for (uint32_t r = 0; r < l->experiment->network.regions; r++)
        for (uint32_t i = 0; i < l->shards; i++) {
            void *region = mdl_shard_region(&l->shard[i], r);
            if (region)
                l->shard[i].model->load(region, &l->params, l->modulation.step - 1, &reader);
        }
    if (reader.bad)
        return MDL_ERANGE;
    if (reader.left != 0)
        return MDL_ESIZE;
    exchange(l, l->modulation.step - 1);
    return MDL_OK;
}
