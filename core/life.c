#include "core/life.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/lanes.h"
#include "core/num.h"

/* One agent's network into `l`, or counted when that is NULL. */
static void layout_agent(mdl_life *l, mdl_arena *arena, const mdl_experiment *x, uint32_t shards,
                         const struct mdl_kernel *kernel) {
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
        return;
    memset(l, 0, sizeof *l);
    l->experiment = x;
    l->shards = shards;
    l->shard = shard;
    l->boundary = activity;
}

static mdl_life *layout(mdl_arena *arena, const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel) {
    uint32_t agents = mdl_task_agent_count(&x->task);
    mdl_life *l = mdl_arena_take(arena, 1, sizeof *l);
    mdl_life *fellow = mdl_arena_take(arena, agents - 1, sizeof *fellow);
    layout_agent(l, arena, x, shards, kernel);
    for (uint32_t i = 0; i + 1 < agents; i++)
        layout_agent(fellow ? &fellow[i] : NULL, arena, x, shards, kernel);
    mdl_lanes *lanes = shards == 1 && agents == 1 ? mdl_lanes_layout(arena, x) : NULL;
    if (!l)
        return NULL;
    l->agents = agents;
    l->fellow = fellow;
    l->lanes = lanes;
    l->synapses = mdl_synapse_count(&x->network);
    int err = mdl_genome_layout_of(x, &l->layout);
    MDL_ASSERT(err == MDL_OK); /* checked with the experiment */
    l->neurons = l->layout.neurons;
    return l;
}

/* What holds agent `i`'s network. */
static mdl_life *agent_of(mdl_life *l, uint32_t i) { return i == 0 ? l : &l->fellow[i - 1]; }
static const mdl_life *agent_in(const mdl_life *l, uint32_t i) { return i == 0 ? l : &l->fellow[i - 1]; }

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
    for (uint32_t a = 0; a < l->agents; a++)
        for (uint32_t i = 0; i < l->shards; i++)
            mdl_shard_genome(&agent_of(l, a)->shard[i], &l->layout, genome);
}

void mdl_life_begin(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part) {
    mdl_task_reset(&l->task, &l->experiment->task, key, episode, part);
    for (uint32_t a = 0; a < l->agents; a++) {
        mdl_life *n = agent_of(l, a);
        n->noise_key = mdl_key(key, MDL_STREAM_NOISE, 0, a, 0);
        for (uint32_t i = 0; i < l->shards; i++)
            mdl_shard_birth(&n->shard[i], &l->params, n->noise_key);
        mdl_modulation_init(&n->modulation, &l->params, n->noise_key, mdl_task_view(&l->task, a));
    }
    l->windows = 0;
}

/* Boundary activity among the regions of one agent `n`. */
static void exchange(mdl_life *n, const mdl_params *p, uint32_t last) {
    if (n->experiment->network.sources == 0)
        return;
    for (uint32_t i = 0; i < n->shards; i++)
        mdl_shard_export(&n->shard[i], last, n->boundary);
    for (uint32_t i = 0; i < n->shards; i++)
        mdl_shard_import(&n->shard[i], p, last, n->boundary);
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

/* One agent's window, up to its action. */
static void think(mdl_life *n, const mdl_params *p, const mdl_task_out *view) {
    const mdl_network_spec *network = &n->experiment->network;
    for (uint32_t i = 0; i < n->shards; i++)
        mdl_shard_window(&n->shard[i], p, &n->modulation, view->obs);

    n->partials = (mdl_partials){0, 0, 0};
    for (uint32_t i = 0; i < n->shards; i++) {
        mdl_region_view first;
        mdl_shard_partials(&n->shard[i], p, &n->partials);
        if (mdl_shard_view(&n->shard[i], 0, &first))
            memcpy(n->motor, first.readout + first.shape->hidden, network->motors * sizeof(float));
    }
    n->action = choose(view, n->motor, network->motors);
    exchange(n, p, n->modulation.step + network->window - 1);
}

int mdl_life_window(mdl_life *l) {
    const mdl_network_spec *network = &l->experiment->network;
    uint32_t action[MDL_AGENTS_MAX];
    MDL_ASSERT(!(l->task.out.flags & MDL_OUT_DONE));
    for (uint32_t a = 0; a < l->agents; a++) {
        mdl_life *n = agent_of(l, a);
        think(n, &l->params, mdl_task_view(&l->task, a));
        action[a] = n->action;
    }
    mdl_task_step_agents(&l->task, action, l->motor);
    for (uint32_t a = 0; a < l->agents; a++) {
        mdl_life *n = agent_of(l, a);
        mdl_modulation_next(&n->modulation, &l->params, n->noise_key, network->window, &n->partials, l->neurons,
                            network->sensors, n->action, mdl_task_view(&l->task, a));
    }
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
        *updates += (uint64_t)l->windows * l->experiment->network.window * l->synapses * l->agents;
}

typedef struct tally {
    const mdl_job *job;
    uint64_t seed, windows;
    int64_t fitness;
} tally;

static mdl_lot job_lot(void *ctx, uint32_t i) {
    const tally *t = ctx;
    int train = t->job->kind == MDL_JOB_TRAIN;
    uint64_t key =
        mdl_life_key(t->seed, train ? MDL_STREAM_TRAIN : MDL_STREAM_VALIDATE, train ? t->job->generation : 0, i);
    return (mdl_lot){key, i, train ? MDL_PART_TRAIN : MDL_PART_VALIDATE};
}

static void job_over(void *ctx, uint32_t i, const mdl_life *l) {
    tally *t = ctx;
    (void)i;
    t->fitness += mdl_task_fitness(&l->task);
    t->windows += l->windows;
}

int64_t mdl_life_job(mdl_life *l, const mdl_job *job, const float *genome, uint64_t *updates) {
    tally t = {.job = job, .seed = l->experiment->seed};
    mdl_life_genome(l, genome);
    mdl_life_each(l, &(mdl_life_list){job->episodes, job_lot, job_over, &t});
    if (updates)
        *updates += t.windows * l->experiment->network.window * l->synapses * l->agents;
    return t.fitness;
}

void mdl_life_save_modulation(const mdl_life *l, const mdl_sink *sink) {
    for (uint32_t a = 0; a < l->agents; a++)
        mdl_modulation_save(&agent_in(l, a)->modulation, sink);
}

static void save_agent(const mdl_life *n, const mdl_params *p, const mdl_sink *sink) {
    mdl_modulation_save(&n->modulation, sink);
    for (uint32_t r = 0; r < n->experiment->network.regions; r++)
        for (uint32_t i = 0; i < n->shards; i++) {
            const void *region = mdl_shard_region(&n->shard[i], r);
            if (region)
                n->shard[i].model->save(region, p, n->modulation.step - 1, sink);
        }
}

void mdl_life_save(const mdl_life *l, const mdl_sink *sink) {
    mdl_put_bytes(sink, "MDLNET1", 8);
    for (uint32_t a = 0; a < l->agents; a++)
        save_agent(agent_in(l, a), &l->params, sink);
}

static void load_agent(mdl_life *n, const mdl_params *p, mdl_reader *reader) {
    mdl_modulation_load(&n->modulation, p, reader);
    if (n->modulation.step != n->modulation.window * n->experiment->network.window)
        reader->bad = 1;
    for (uint32_t r = 0; r < n->experiment->network.regions; r++)
        for (uint32_t i = 0; i < n->shards; i++) {
            void *region = mdl_shard_region(&n->shard[i], r);
            if (region)
                n->shard[i].model->load(region, p, n->modulation.step - 1, reader);
        }
}

mdl_err mdl_life_load(mdl_life *l, const uint8_t *bytes, size_t size) {
    mdl_reader reader = {bytes, size, 0};
    char magic[8];
    mdl_get_bytes(&reader, magic, sizeof magic);
    if (reader.bad || memcmp(magic, "MDLNET1", 8) != 0)
        return MDL_EMAGIC;
    for (uint32_t a = 0; a < l->agents; a++) {
        mdl_life *n = agent_of(l, a);
        load_agent(n, &l->params, &reader);
        if (n->modulation.window != l->modulation.window) /* all live in one time */
            reader.bad = 1;
    }
    l->windows = l->modulation.window;
    if (reader.bad)
        return MDL_ERANGE;
    if (reader.left != 0)
        return MDL_ESIZE;
    for (uint32_t a = 0; a < l->agents; a++)
        exchange(agent_of(l, a), &l->params, l->modulation.step - 1);
    return MDL_OK;
}

/* Readouts beyond this no network has: 4096 synapses of weight 64 on activities of 64. */
#define READOUT_MAX 0x1p30f

/* Plays the task through a past, without the network. */
static mdl_err play(mdl_life *l, uint32_t windows, const uint32_t *action, const float *motor) {
    uint32_t actions = mdl_task_action_count(&l->experiment->task), motors = l->experiment->network.motors;
    for (uint32_t w = 0; w < windows; w++, action += l->agents) {
        if (l->task.out.flags & MDL_OUT_DONE)
            return MDL_ERANGE;
        for (uint32_t a = 0; a < l->agents; a++)
            if (action[a] >= actions)
                return MDL_ERANGE;
        for (uint32_t i = 0; motor && i < motors; i++)
            if (!(mdl_absf(motor[i]) <= READOUT_MAX)) /* also refuses NaN */
                return MDL_ERANGE;
        mdl_task_step_agents(&l->task, action, motor ? motor : l->motor);
        motor = motor ? motor + motors : NULL;
    }
    return MDL_OK;
}

mdl_err mdl_life_resume(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part, uint32_t windows,
                        const uint32_t *action, const float *motor, const uint8_t *bytes, size_t size) {
    mdl_life_begin(l, key, episode, part);
    MDL_ASSERT(!motor == !mdl_task_reads_motors(&l->experiment->task));
    mdl_err err = play(l, windows, action, motor);
    if (err == MDL_OK)
        err = mdl_life_load(l, bytes, size);
    if (err == MDL_OK && l->windows != windows)
        err = MDL_ERANGE;
    return err;
}
