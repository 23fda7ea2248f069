/* Any bytes as a saved network. What load accepts is saved again as the same
 * bytes and runs on to states that load accepts too. An input that does not
 * start with the magic is taken as what follows it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/life.h"
#include "tests/fuzz/buffer.h"

enum { MEMORY_MAX = 1 << 17, GENES_MAX = 1024 };

static void save(const mdl_life *l, buffer *b) {
    b->size = 0;
    mdl_life_save(l, &(mdl_sink){buffer_write, b});
}

/* Two regions, windows of 2 steps, every mechanism on, four-stage meta-learning,
 * without and with modulators. */
static mdl_experiment experiment(int modulators) {
    mdl_experiment x;
    memset(&x, 0, sizeof x);
    x.seed = 1;
    mdl_task_defaults(MDL_TASK_BANDIT, &x.task);
    x.network = (mdl_network_spec){.regions = 2,
                                   .neurons = {3, 2},
                                   .sources = 1,
                                   .listen = 1,
                                   .fan_in = 1,
                                   .delay = {1, 2},
                                   .delay_between = {2, 3},
                                   .window = 2,
                                   .seed = 1,
                                   .sensors = mdl_task_obs_count(&x.task),
                                   .motors = mdl_task_action_count(&x.task)};
    mdl_hmn_spec_defaults(&x.hmn);
    x.hmn.activation = MDL_RELU;
    x.hmn.meta_method = MDL_META_FINITE;
    if (modulators)
        mdl_modulator_spec_defaults(&x.modulators);
    return x;
}

static void one(const uint8_t *data, size_t size, int modulators) {
    static const char magic[8] = "MDLNET1";
    static _Alignas(64) unsigned char memory[MEMORY_MAX];
    static float genome[2 * GENES_MAX];
    static buffer now;
    mdl_experiment x = experiment(modulators);
    MDL_ASSERT(mdl_life_bytes(&x, 2) <= sizeof memory);
    mdl_life *l = mdl_life_init(memory, &x, 2, NULL);
    MDL_ASSERT(l->layout.genes <= GENES_MAX);
    mdl_genome_prior(&x, &l->layout, genome, genome + GENES_MAX);
    for (uint32_t i = 0; i < l->layout.globals; i++)
        genome[i] += 0.1f * (float)(i % 7) - 0.3f;
    mdl_life_genome(l, genome);
    mdl_life_begin(l, 5, 0, MDL_PART_TRAIN);

    uint8_t *input = malloc(size + sizeof magic);
    MDL_ASSERT(input);
    size_t head = size >= sizeof magic && memcmp(data, magic, sizeof magic) == 0 ? 0 : sizeof magic;
    memcpy(input, magic, head);
    if (size > 0)
        memcpy(input + head, data, size);
    if (mdl_life_load(l, input, size + head) == MDL_OK) {
        save(l, &now);
        MDL_ASSERT(now.size == size + head && memcmp(now.at, input, now.size) == 0);
        for (int k = 0; k < 10; k++) {
            MDL_ASSERT(mdl_life_window(l));
            save(l, &now);
            MDL_ASSERT(mdl_life_load(l, now.at, now.size) == MDL_OK);
        }
    }
    free(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    one(data, size, 0);
    one(data, size, 1);
    return 0;
}
