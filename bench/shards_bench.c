/* What a large network costs as shards of one process, over the bytes that shards
 * exchange: shards_bench [MODEL [NEURONS [SHARDS [STEPS [WINDOW [THREADS]]]]]]
 *   MODEL hmn or neuraxon (hmn); NEURONS in 32 regions (1048576), 64 synapses each;
 *   SHARDS 1..32 (4); STEPS (100) in windows of WINDOW (4); THREADS (SHARDS).
 * It prints the memory that the shards said they need before any of it was taken,
 * how long wiring, genome and windows took, what crossed, and the digest of the
 * job's end, which is the same for any number of shards. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "protocol/experiment_json.h"
#include "protocol/shard_window.h"
#include "protocol/unit.h"
#include "runtime/memory.h"
#include "runtime/pool.h"

enum { REGIONS = 32, KEY = 1 };

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "shards_bench: %s\n", what);
        exit(1);
    }
}

typedef struct bench {
    mdl_experiment x;
    mdl_genome_layout layout;
    float *genome;
    mdl_params params;
    mdl_activity_rule rule;
    mdl_conductor conductor;
    uint32_t shards, owner[MDL_REGIONS_MAX];
    mdl_player *player[REGIONS];
    uint8_t *input[REGIONS], *output[REGIONS];
    size_t input_size[REGIONS], output_size[REGIONS];
    mdl_packed packed[MDL_REGIONS_MAX];
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
} bench;

static void describe(bench *b, const char *model, uint32_t neurons, uint32_t window) {
    char json[2048];
    snprintf(json, sizeof json,
             "{\"name\":\"shards\",\"seed\":\"1\",\"model\":\"%s\",\"%s\":{\"encoding\":\"indirect\"},"
             "\"task\":{\"name\":\"bandit\",\"trials\":10000},"
             "\"network\":{\"regions\":%d,\"neurons\":%u,\"ring\":56,\"sources\":2,\"listen\":%u,\"fan_in\":8,"
             "\"sensor_fan\":1,\"motor_fan\":56,\"delay\":[1,2],\"delay_between\":[%u,%u],\"window\":%u},"
             "\"evolution\":{\"generations\":1,\"episodes\":1,\"validate_every\":1,\"validate_episodes\":1,"
             "\"islands\":[{\"algorithm\":\"ga\",\"population\":4}]},\"test_episodes\":1}",
             model, model, REGIONS, neurons / REGIONS, neurons / REGIONS / 8, window, window + 2, window);
    mdl_json_error error;
    if (mdl_experiment_parse((const uint8_t *)json, strlen(json), &b->x, &error) != MDL_OK) {
        fprintf(stderr, "shards_bench: %s %s: allowed: %s\n", error.path, error.value, error.allowed);
        exit(2);
    }
    must(mdl_genome_layout_of(&b->x, &b->layout) == MDL_OK, "no genome");
    b->genome = calloc(2 * (size_t)b->layout.genes, sizeof *b->genome);
    must(b->genome != NULL, "out of memory");
    mdl_genome_prior(&b->x, &b->layout, b->genome, b->genome + b->layout.genes);
    mdl_genome_decode(&b->x, &b->layout, b->genome, &b->params);
    b->rule = mdl_activity_rule_of(&b->x, &b->params);
    mdl_conductor_init(&b->conductor, &b->x, &b->params);
    mdl_balanced_cut(&b->x.network, b->shards, b->owner);
}

static void make(void *shared, uint32_t thread, uint32_t i) {
    bench *b = shared;
    (void)thread;
    void *memory = mdl_aligned(mdl_player_bytes(&b->x, b->owner, i));
    must(memory != NULL, "out of memory");
    b->player[i] = mdl_player_init(memory, &b->x, b->owner, i, NULL);
    b->input[i] = malloc(mdl_shard_input_max(&b->x, b->owner, i));
    b->output[i] = malloc(mdl_shard_output_max(&b->x, b->owner, i));
    must(b->input[i] && b->output[i], "out of memory");
}

static void take_genome(void *shared, uint32_t thread, uint32_t i) {
    bench *b = shared;
    (void)thread;
    mdl_player_genome(b->player[i], b->genome);
    mdl_player_begin(b->player[i], KEY);
}

static void run(void *shared, uint32_t thread, uint32_t i) {
    bench *b = shared;
    (void)thread;
    must(mdl_shard_input_run(b->player[i], b->input[i], b->input_size[i]) == MDL_OK, "an input was refused");
    b->output_size[i] = mdl_shard_output(b->player[i], b->output[i]);
}

static void finish(void *shared, uint32_t thread, uint32_t i) {
    bench *b = shared;
    const mdl_player *p = b->player[i];
    (void)thread;
    for (uint32_t k = 0; k < p->shard.count; k++)
        mdl_region_digest(p, k, b->region[p->region[k]]);
}

static double timed(mdl_pool *pool, bench *b, mdl_pool_job job) {
    double began = now_s();
    mdl_pool_run(pool, b->shards, job, b, NULL, NULL);
    return now_s() - began;
}

static uint32_t argument(int argc, char **argv, int i, uint32_t otherwise) {
    return argc > i ? (uint32_t)strtoul(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
    static bench b;
    const char *model = argc > 1 ? argv[1] : "hmn";
    uint32_t neurons = argument(argc, argv, 2, 1 << 20), steps = argument(argc, argv, 4, 100);
    uint32_t window = argument(argc, argv, 5, 4);
    b.shards = argument(argc, argv, 3, 4);
    must(b.shards >= 1 && b.shards <= REGIONS && window >= 1 && steps >= window, "arguments out of range");
    must(sodium_init() >= 0, "libsodium");
    describe(&b, model, neurons, window);
    uint32_t threads = argument(argc, argv, 6, b.shards);
    mdl_pool *pool;
    must(mdl_pool_open(&pool, threads) == MDL_OK, "no threads");
    double synapses = (double)b.conductor.synapses;
    size_t memory = 0;
    uint64_t state = 0;
    for (uint32_t i = 0; i < b.shards; i++) {
        memory += mdl_player_bytes(&b.x, b.owner, i);
        state += mdl_player_state_bytes(&b.x, b.owner, i);
    }
    printf("%s, %u neurons, %.0f synapses, %u shards, %u threads\n", model, b.conductor.neurons, synapses, b.shards,
           threads);
    printf("memory said before: %zu bytes, %.2f a synapse; state: %.2f bytes a synapse\n", memory,
           (double)memory / synapses, (double)state / synapses);
    fflush(stdout);
    printf("wiring %.1f s, ", timed(pool, &b, make));
    printf("genome and birth %.1f s\n", timed(pool, &b, take_genome));
    fflush(stdout);
    mdl_conductor_begin(&b.conductor, KEY, 0, MDL_PART_TRAIN);
    double working = 0.0, began = now_s();
    uint64_t in = 0, out = 0;
    uint32_t windows = steps / window;
    for (uint32_t w = 0; w < windows; w++) {
        mdl_window_out sum = {.motor = {0}}, part;
        for (uint32_t i = 0; i < b.shards; i++)
            in += b.input_size[i] = mdl_shard_input(&b.conductor, b.owner, i, b.packed, b.input[i]);
        working += timed(pool, &b, run);
        for (uint32_t i = 0; i < b.shards; i++) {
            out += b.output_size[i];
            mdl_err err =
                mdl_shard_output_read(&b.x, &b.rule, b.owner, i, b.output[i], b.output_size[i], &part, b.packed);
            must(err == MDL_OK, "an output was refused");
            mdl_window_out_add(&b.x, &sum, &part, b.owner[0] == i);
        }
        must(mdl_conductor_window(&b.conductor, &sum) || w + 1 == windows, "the life is too short");
    }
    double spent = now_s() - began;
    uint8_t end[MDL_DIGEST_BYTES];
    char text[MDL_DIGEST_HEX];
    double digests = timed(pool, &b, finish);
    mdl_unit_end(&b.conductor, (const uint8_t(*)[MDL_DIGEST_BYTES])b.region, end);
    mdl_hex(end, sizeof end, text);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%u steps in %.1f s, %.1f of them outside the shards: %.1f million updates/s\n", windows * window, spent,
           spent - working, 1e-6 * synapses * windows * window / spent);
    printf("a window: %.0f bytes in, %.0f out\n", (double)in / windows, (double)out / windows);
    printf("digests of all regions %.1f s; end %s\n", digests, text);
    printf("peak resident memory: %.2f bytes a synapse\n", 1024.0 * (double)usage.ru_maxrss / synapses);
    mdl_pool_close(pool);
    for (uint32_t i = 0; i < b.shards; i++) {
        free(b.player[i]);
        free(b.input[i]);
        free(b.output[i]);
    }
    free(b.genome);
    return 0;
}
