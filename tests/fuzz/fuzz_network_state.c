/* The first byte picks one of a few small networks, the rest is a saved state
 * of it; one that does not start with the magic is taken as what follows it.
 *   What load accepts is saved again as the same bytes.
 *   It runs on to the same bytes when the network is cut, computed by the
 *   portable kernel or loaded again after every window.
 *   After any load, a life begun again is as on the first day. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/hmn_kernel.h"
#include "core/life.h"
#include "tests/fuzz/buffer.h"

enum { WINDOWS = 4 };

typedef struct network {
    mdl_experiment experiment;
    mdl_life *whole; /* one shard, portable kernel */
    mdl_life *cut;   /* a shard a region, best kernel */
    uint8_t *birth;  /* saved at the beginning */
    size_t size;
} network;

static buffer now, other;

static void save(const mdl_life *l, buffer *b) {
    b->size = 0;
    mdl_life_save(l, &(mdl_sink){buffer_write, b});
}

static void begin(mdl_life *l) { mdl_life_begin(l, 5, 0, MDL_PART_TRAIN); }

/* What differs between the networks in numbers; 0 has every mechanism of HMN on and four-stage meta-learning. */
static const struct {
    mdl_model_id model;
    mdl_task_id task;
    uint32_t regions, window, modulators;
    mdl_activation activation;
    mdl_meta_method method;
} shapes[] = {
    {MDL_MODEL_HMN, MDL_TASK_BANDIT, 2, 2, 0, MDL_RELU, MDL_META_FINITE},
    {MDL_MODEL_HMN, MDL_TASK_TMAZE, 1, 1, 0, MDL_TANH, MDL_META_REINFORCE},
    {MDL_MODEL_HMN, MDL_TASK_BANDIT, 3, 3, 0, MDL_SIGMOID, MDL_META_SPSA},
    {MDL_MODEL_HMN, MDL_TASK_BANDIT, 2, 2, 0, MDL_RELU, MDL_META_SPSA},
    {MDL_MODEL_HMN, MDL_TASK_BANDIT, 2, 1, 0, MDL_TANH, MDL_META_FINITE},
    {MDL_MODEL_HMN, MDL_TASK_CARTPOLE, 1, 1, 0, MDL_TANH, MDL_META_REINFORCE},
    {MDL_MODEL_HMN, MDL_TASK_BANDIT, 2, 2, 1, MDL_RELU, MDL_META_FINITE},
    {MDL_MODEL_NEURAXON, MDL_TASK_BANDIT, 2, 2, 0, MDL_TANH, MDL_META_REINFORCE},
    {MDL_MODEL_NEURAXON, MDL_TASK_TMAZE, 2, 1, 1, MDL_TANH, MDL_META_SPSA},
    {MDL_MODEL_NEURAXON, MDL_TASK_BANDIT, 1, 1, 0, MDL_TANH, MDL_META_REINFORCE},
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void describe(mdl_experiment *x, uint32_t shape) {
    uint32_t regions = shapes[shape].regions, window = shapes[shape].window;
    memset(x, 0, sizeof *x);
    x->model = shapes[shape].model;
    x->seed = 1;
    mdl_task_defaults(shapes[shape].task, &x->task);
    x->network = (mdl_network_spec){.regions = regions,
                                    .neurons = {3, 2, 1},
                                    .sources = regions - 1,
                                    .listen = 1,
                                    .fan_in = regions - 1,
                                    .delay = {1, 2},
                                    .delay_between = {window, window + 1},
                                    .window = window,
                                    .seed = 1,
                                    .sensors = mdl_task_obs_count(&x->task),
                                    .motors = mdl_task_action_count(&x->task)};
    mdl_hmn_spec_defaults(&x->hmn);
    if (x->model == MDL_MODEL_NEURAXON)
        mdl_neuraxon_spec_defaults(&x->neuraxon, x->hmn.mechanism);
    if (shapes[shape].modulators)
        mdl_modulator_spec_defaults(&x->modulators);
    x->hmn.activation = shapes[shape].activation;
    x->hmn.meta_method = shapes[shape].method;
    switch (shape) {
    case 1:
        x->hmn.trace = MDL_TRACE_EVENT;
        x->hmn.similarity = MDL_DOT;
        break;
    case 2:
        x->hmn.encoding = MDL_INDIRECT;
        break;
    case 3: /* nothing but eq. (1) */
    case 4: /* genes decide */
        memset(x->hmn.mechanism, shape == 3 ? MDL_OFF : MDL_GENE, sizeof x->hmn.mechanism);
        break;
    case 5: /* lines longer than a vector */
        x->network.neurons[0] = 17;
        x->network.ring = 2;
        x->network.motor_fan = 2;
        x->network.sensor_fan = 1;
        break;
    case 8: /* everything that a Neuraxon can do */
        memset(x->neuraxon.mechanism, MDL_ON, sizeof x->neuraxon.mechanism);
        x->neuraxon.silent_share = x->neuraxon.modulatory_share = 0.5f;
        break;
    case 9:
        x->neuraxon.relax = MDL_RELAX_ZERO;
        x->neuraxon.encoding = MDL_INDIRECT;
        memset(x->neuraxon.mechanism, MDL_GENE, sizeof x->neuraxon.mechanism);
        break;
    default:
        break;
    }
}

static mdl_life *life(const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel) {
    size_t size = mdl_life_bytes(x, shards);
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    MDL_ASSERT(memory);
    mdl_life *l = mdl_life_init(memory, x, shards, kernel);
    float *genome = calloc(2 * (size_t)l->layout.genes, sizeof *genome);
    MDL_ASSERT(genome);
    mdl_genome_prior(x, &l->layout, genome, genome + l->layout.genes);
    for (uint32_t i = 0; i < l->layout.globals; i++)
        genome[i] += 0.1f * (float)(i % 7) - 0.3f;
    mdl_life_genome(l, genome);
    free(genome);
    begin(l);
    return l;
}

/* Made once; what is used of it later is begun again. */
static network *prepared(uint32_t shape) {
    static network all[SHAPES];
    network *n = &all[shape];
    if (n->whole)
        return n;
    describe(&n->experiment, shape);
    n->whole = life(&n->experiment, 1, mdl_kernel_get(0));
    n->cut = life(&n->experiment, n->experiment.network.regions, NULL);
    save(n->cut, &now);
    n->birth = malloc(now.size);
    MDL_ASSERT(n->birth);
    memcpy(n->birth, now.at, now.size);
    n->size = now.size;
    return n;
}

static void born_again(const network *n, mdl_life *l) {
    begin(l);
    save(l, &now);
    MDL_ASSERT(now.size == n->size && memcmp(now.at, n->birth, now.size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char magic[8] = "MDLNET1";
    if (size == 0)
        return 0;
    network *n = prepared(data[0] % SHAPES);
    data++;
    size--;
    uint8_t *input = malloc(size + sizeof magic); /* of its exact size: a byte read too far shows */
    MDL_ASSERT(input);
    size_t head = size >= sizeof magic && memcmp(data, magic, sizeof magic) == 0 ? 0 : sizeof magic;
    memcpy(input, magic, head);
    if (size > 0)
        memcpy(input + head, data, size);
    size += head;
    begin(n->cut);
    if (mdl_life_load(n->cut, input, size) == MDL_OK) {
        save(n->cut, &now);
        MDL_ASSERT(now.size == size && memcmp(now.at, input, size) == 0);
        begin(n->whole);
        MDL_ASSERT(mdl_life_load(n->whole, input, size) == MDL_OK);
        for (int k = 0; k < WINDOWS; k++) {
            int more = mdl_life_window(n->cut);
            MDL_ASSERT(mdl_life_window(n->whole) == more);
            save(n->cut, &now);
            save(n->whole, &other);
            MDL_ASSERT(now.size == other.size && memcmp(now.at, other.at, now.size) == 0);
            MDL_ASSERT(mdl_life_load(n->cut, now.at, now.size) == MDL_OK);
            if (!more)
                break;
        }
    }
    free(input);
    born_again(n, n->cut);
    return 0;
}
