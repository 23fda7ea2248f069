/* Suite kernel: synapse updates a second of networks in and out of cache, on
 * every kernel of this CPU, with the machine's limits measured in between. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/bench_limits.h"
#include "cli/cli.h"
#include "cli/drive.h"
#include "core/hmn_kernel.h"
#include "core/lanes.h"
#include "core/neuraxon_kernel.h"
#include "core/num.h"
#include "runtime/memory.h"
#include "runtime/runner.h"

#ifdef MDL_KERNEL_X86
extern const mdl_bench_limits mdl_bench_limits_v3, mdl_bench_limits_v4;
#endif
#ifdef MDL_KERNEL_NEON
extern const mdl_bench_limits mdl_bench_limits_neon;
#endif

const mdl_bench_limits *mdl_bench_limits_of(const char *kernel) {
    static const mdl_bench_limits *const limits[] = {
#ifdef MDL_KERNEL_X86
        &mdl_bench_limits_v3, &mdl_bench_limits_v4,
#endif
#ifdef MDL_KERNEL_NEON
        &mdl_bench_limits_neon,
#endif
        NULL};
    for (size_t i = 0; limits[i]; i++)
        if (strcmp(limits[i]->kernel, kernel) == 0)
            return limits[i];
    return NULL;
}

#define LEAN                                                                                                           \
    "\"mechanisms\":{\"phase_gate\":\"off\",\"probabilistic\":\"off\",\"local_attention\":\"off\","                    \
    "\"meta_learning\":\"off\",\"global_attention\":\"off\",\"adaptive_bias\":\"off\",\"context_rate\":\"off\","       \
    "\"dropout\":\"off\",\"plasticity_gate\":\"off\",\"critic\":\"off\"}"
#define ISLANDS "\"evolution\":{\"generations\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}"
#define NETWORK(n) "\"network\":{\"neurons\":" n ",\"ring\":60,\"sensor_fan\":3,\"motor_fan\":60}"
#define ALL(n) "{\"name\":\"b\",\"task\":\"tmaze\"," NETWORK(n) ",\"hmn\":{\"encoding\":\"indirect\"}," ISLANDS "}"
#define FEW(n)                                                                                                         \
    "{\"name\":\"b\",\"task\":\"tmaze\"," NETWORK(n) ",\"hmn\":{\"encoding\":\"indirect\"," LEAN "}," ISLANDS "}"

/* Neuraxon with 16 synapses a neuron, a window a step: weights move in each. */
#define NEURAXON(n)                                                                                                    \
    "{\"name\":\"b\",\"task\":\"tmaze\",\"model\":\"neuraxon\",\"network\":{\"neurons\":" n                            \
    ",\"ring\":12,\"sensor_fan\":3,"                                                                                   \
    "\"motor_fan\":12},\"neuraxon\":{\"encoding\":\"indirect\"}," ISLANDS "}"

static const struct {
    const char *name, *json;
} cases[] = {{"cache, all", ALL("256")},    {"cache, lean", FEW("256")},    {"L3, all", ALL("4096")},
             {"memory, all", ALL("65536")}, {"memory, lean", FEW("65536")}, {"Neuraxon, cache", NEURAXON("2000")}};
static const char tmaze[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},\"hmn\":{" LEAN "}," ISLANDS "}";

typedef struct subject {
    mdl_life *life;
    mdl_hmn_region *region;        /* or NULL, and */
    mdl_neuraxon_region *neuraxon; /* in its place */
    const mdl_kernel *kernel;
    const mdl_bench_limits *limits;
    uint32_t episode;
    uint32_t together; /* lives side by side */
    int gate;
    float seen;
} subject;

/* What a region's step streams a synapse, padding included, and what it asks of
 * the line; operations of eqs. (1)-(5), (8), (9) on a synapse, a fused
 * multiply-add being two (core/hmn_kernel_vec.c). */
typedef struct demand {
    double bytes, record, flops;
} demand;

static demand demand_of(const mdl_hmn_region *r, const mdl_params *p) {
    double cells = (double)r->shape.cells / (double)r->shape.synapses;
    demand d = {24.0 + (r->index16 ? 2.0 : 4.0), 4.0 * r->record, 10.0}; /* traces 6, rate and weight 2, sum 2 */
    if (mdl_on(p, MDL_MECH_LOCAL_ATTENTION))
        d.flops += 26.0; /* similarity 4, clamp 2, exp 17, sum 1, attended trace 2 */
    if (mdl_on(p, MDL_MECH_PHASE_GATE)) {
        d.bytes += 8.0;
        d.flops += 5.0;
    }
    if (mdl_on(p, MDL_MECH_PROBABILISTIC))
        d.flops += 23.0; /* argument 2, exp with clamp 19, comparison 2; the draws are integers */
    d.bytes *= cells;
    d.record *= cells;
    d.flops *= cells;
    return d;
}

static void take_kernel(const subject *s) {
    if (s->region)
        s->region->kernel = s->kernel;
    else
        s->neuraxon->kernel = mdl_neuraxon_kernel_of(s->kernel);
}

static double run_updates(void *ctx) {
    subject *s = ctx;
    mdl_life *l = s->life;
    static const mdl_task_out out = {.obs = {1.0f, 0.0f, 0.3f, -0.5f}, .reward = 1.0f, .flags = MDL_OUT_REWARD};
    uint32_t windows = 1 + (uint32_t)(200000 / l->conductor.synapses);
    take_kernel(s);
    for (uint32_t k = 0; k < windows; k++)
        mdl_drive_window(l, &out, &out);
    return (double)windows * l->experiment->network.window * (double)l->conductor.synapses;
}

static double run_lives(void *ctx) {
    subject *s = ctx;
    take_kernel(s);
    uint64_t key = mdl_life_key(1, MDL_STREAM_TRAIN, 0, s->episode);
    mdl_life_run(s->life, key, s->episode++, MDL_PART_TRAIN, NULL, NULL, NULL);
    return 1.0;
}

static mdl_lot next_lot(void *ctx, uint32_t i) {
    subject *s = ctx;
    (void)i;
    uint64_t key = mdl_life_key(1, MDL_STREAM_TRAIN, 0, s->episode);
    return (mdl_lot){key, s->episode++, MDL_PART_TRAIN};
}

static void nothing(void *ctx, uint32_t i, const mdl_life *l) {
    (void)ctx;
    (void)i;
    (void)l;
}

/* As a job of 64 lives runs them. */
static double run_together(void *ctx) {
    enum { LIVES = 64 };
    subject *s = ctx;
    take_kernel(s);
    mdl_life_each(s->life, &(mdl_life_list){LIVES, next_lot, nothing, s});
    return LIVES;
}

static double run_fma(void *ctx) {
    subject *s = ctx;
    return s->limits->fma(100000);
}

static double run_stream(void *ctx) {
    subject *s = ctx;
    s->limits->stream(s->region, s->gate);
    return (double)s->life->conductor.synapses;
}

static double run_gather(void *ctx) {
    subject *s = ctx;
    s->seen += s->limits->gather(s->region);
    return (double)s->life->conductor.synapses;
}

/* A genome that learns in every step: the prior's means with a learning rate
 * and a gate that never closes. NULL when out of memory. */
static float *learning_genome(const mdl_experiment *x, const mdl_genome_layout *layout) {
    float *genome = malloc(2 * (size_t)layout->genes * sizeof *genome);
    if (!genome)
        return NULL;
    float *sd = genome + layout->genes;
    mdl_genome_prior(x, layout, genome, sd);
    for (uint32_t i = 0; i < layout->globals; i++) {
        uint32_t c[4] = {i, 0, 0, 0};
        float z, unused;
        mdl_philox(c, 1, c);
        mdl_gauss(c[0], c[1], &z, &unused);
        genome[i] += sd[i] * z;
    }
    genome[layout->globals + MDL_GENE_ETA_LOCAL] = 0.1f;
    genome[layout->globals + MDL_GENE_GATE_THETA] = -1.0f;
    return genome;
}

/* Bytes and flops a synapse, and the share of each limit that the best kernel
 * reaches: all measured in the same rounds. */
static void roofline(mdl_bench *b, const char *name, const subject *s, const mdl_bench_case *kernel,
                     const mdl_bench_case *fma, const mdl_bench_case *stream, const mdl_bench_case *gather) {
    demand d = demand_of(s->region, &s->life->params);
    mdl_bench_rates serial, ceiling;
    for (int i = 0; i < MDL_BENCH_REPEATS; i++) {
        serial.each[i] = 1.0 / (1.0 / stream->rates.each[i] + 1.0 / gather->rates.each[i]);
        ceiling.each[i] = 2.0 * fma->rates.each[i] / d.flops;
    }
    double of_stream = mdl_bench_ratio(&kernel->rates, &stream->rates),
           of_gather = mdl_bench_ratio(&kernel->rates, &gather->rates),
           of_serial = mdl_bench_ratio(&kernel->rates, &serial), of_flops = mdl_bench_ratio(&kernel->rates, &ceiling);
    if (!b->json)
        printf("         roofline: a synapse streams %.1f bytes, fetches %.1f, takes %.0f flops; limits: fma %.3g/s, "
               "stream %.3g/s,\n         fetch %.3g/s; reached: %.2f of fma, %.2f of stream, %.2f of fetch, %.2f of "
               "stream and fetch in turn\n",
               d.bytes, d.record, d.flops, fma->rates.median, stream->rates.median, gather->rates.median, of_flops,
               of_stream, of_gather, of_serial);
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddStringToObject(o, "suite", b->suite) || !cJSON_AddStringToObject(o, "roofline", name) ||
        !cJSON_AddStringToObject(o, "kernel", s->kernel->name) || !cJSON_AddNumberToObject(o, "bytes", d.bytes) ||
        !cJSON_AddNumberToObject(o, "fetched", d.record) || !cJSON_AddNumberToObject(o, "flops", d.flops) ||
        !cJSON_AddNumberToObject(o, "fma_per_s", fma->rates.median) ||
        !cJSON_AddNumberToObject(o, "stream_per_s", stream->rates.median) ||
        !cJSON_AddNumberToObject(o, "fetch_per_s", gather->rates.median) ||
        !cJSON_AddNumberToObject(o, "of_fma", of_flops) || !cJSON_AddNumberToObject(o, "of_stream", of_stream) ||
        !cJSON_AddNumberToObject(o, "of_fetch", of_gather) || !cJSON_AddNumberToObject(o, "of_both", of_serial) ||
        !cJSON_AddItemToArray(b->list, o)) {
        cJSON_Delete(o);
        b->err = MDL_ENOMEM;
    }
}

/* Lives of a tiny network, on every kernel: one by one, and those that can side by
 * side, all in the same rounds. */
static void measure_lives(mdl_bench *b, mdl_life *l) {
    subject subjects[16] = {{0}};
    mdl_bench_case list[16];
    uint32_t kernels = mdl_kernel_count(), count = 0;
    MDL_ASSERT(kernels <= 8);
    for (uint32_t together = 0; together < 2; together++)
        for (uint32_t k = 0; k < kernels; k++) {
            const mdl_kernel *kernel = mdl_kernel_get(k);
            if (together && !kernel->lanes)
                continue;
            subjects[count] =
                (subject){.life = l, .kernel = kernel, .together = together, .region = mdl_shard_region(l->shard, 0)};
            list[count] = (mdl_bench_case){
                .run = together ? run_together : run_lives, .ctx = &subjects[count], .clock = mdl_bench_cpu_s};
            count++;
        }
    mdl_bench_run(b, list, count);
    for (uint32_t i = 0; i < count; i++)
        mdl_bench_show(b, subjects[i].together ? "T-maze lives, side by side" : "T-maze lives",
                       subjects[i].kernel->name, "lives/s", &list[i].rates);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (subjects[i].together && subjects[k].kernel == subjects[i].kernel)
                mdl_bench_number(b, "T-maze lives", subjects[i].kernel->name, "side by side / one by one",
                                 mdl_bench_ratio(&list[i].rates, &list[k].rates));
}

static void measure(mdl_bench *b, const char *name, mdl_life *l, size_t bytes) {
    subject subjects[8] = {{0}};
    mdl_bench_case list[8 + 3];
    uint32_t kernels = mdl_kernel_count(), count = 0;
    void *region = mdl_shard_region(&l->shard[0], 0);
    int hmn = l->experiment->model == MDL_MODEL_HMN;
    MDL_ASSERT(kernels <= 8);
    /* A large network takes the portable kernel seconds for one window. */
    for (uint32_t k = kernels > 1 && l->conductor.synapses > 1000000 ? 1 : 0; k < kernels; k++) {
        const mdl_kernel *kernel = mdl_kernel_get(k);
        subjects[count] = (subject){.life = l, .kernel = kernel};
        subjects[count].region = hmn ? region : NULL;
        subjects[count].neuraxon = hmn ? NULL : region;
        subjects[count].limits = mdl_bench_limits_of(kernel->name);
        subjects[count].gate = mdl_on(&l->params, MDL_MECH_PHASE_GATE);
        list[count] = (mdl_bench_case){.run = run_updates, .ctx = &subjects[count], .clock = mdl_bench_cpu_s};
        count++;
    }
    subject *best = &subjects[count - 1];
    uint32_t all = count;
    if (best->limits && best->region) {
        double (*const limits[])(void *) = {run_fma, run_stream, run_gather};
        for (int i = 0; i < 3; i++)
            list[all++] = (mdl_bench_case){.run = limits[i], .ctx = best, .clock = mdl_bench_cpu_s};
    }
    mdl_bench_run(b, list, all);
    for (uint32_t k = 0; k < count; k++) {
        cJSON *o = mdl_bench_show(b, name, subjects[k].kernel->name, "updates/s", &list[k].rates);
        if (o && (!cJSON_AddNumberToObject(o, "synapses", (double)l->conductor.synapses) ||
                  !cJSON_AddNumberToObject(o, "bytes_per_synapse", (double)bytes / (double)l->conductor.synapses) ||
                  !cJSON_AddNumberToObject(o, "bytes_per_synapse_beside",
                                           (double)mdl_life_beside_bytes(l) / (double)l->conductor.synapses)))
            b->err = MDL_ENOMEM;
    }
    if (!b->json)
        printf("         %zu synapses, %.1f bytes each, %.1f in a further thread\n", l->conductor.synapses,
               (double)bytes / (double)l->conductor.synapses,
               (double)mdl_life_beside_bytes(l) / (double)l->conductor.synapses);
    if (all > count)
        roofline(b, name, best, &list[count - 1], &list[count], &list[count + 1], &list[count + 2]);
}

/* One network: wired, given its genome, driven. */
static void measure_network(mdl_bench *b, const char *name, const mdl_experiment *x, int lives) {
    size_t bytes = mdl_life_bytes(x, 1);
    void *memory = mdl_aligned(bytes);
    mdl_life *l = memory ? mdl_life_init(memory, x, 1, NULL) : NULL;
    float *genome = l ? learning_genome(x, &l->layout) : NULL;
    if (genome) {
        static const mdl_task_out first = {.obs = {1.0f}, .reward = 1.0f, .flags = MDL_OUT_REWARD | MDL_OUT_WIPE};
        mdl_life_genome(l, genome);
        mdl_drive_begin(l, 1, &first);
        if (lives)
            measure_lives(b, l);
        else
            measure(b, name, l, bytes);
    } else {
        b->err = MDL_ENOMEM;
    }
    free(genome);
    free(memory);
}

static void measure_text(mdl_bench *b, const char *name, const char *json, int lives) {
    char error[MDL_ERROR_TEXT];
    mdl_experiment_file file;
    mdl_err err = mdl_experiment_file_parse(&file, name, json, strlen(json), error, sizeof error);
    MDL_ASSERT(err == MDL_OK || err == MDL_ENOMEM);
    if (err == MDL_OK)
        measure_network(b, name, &file.experiment, lives);
    else
        b->err = err;
    mdl_experiment_file_close(&file);
}

void mdl_bench_kernel(mdl_bench *b, const char *experiment, const uint32_t *neurons) {
    if (experiment) {
        char error[MDL_ERROR_TEXT];
        mdl_experiment_file file;
        b->err = mdl_experiment_file_read(&file, experiment, error, sizeof error);
        if (b->err != MDL_OK) {
            mdl_cli_fail(MDL_EXIT_USAGE, "%s", error);
        } else if (file.experiment.network.regions != 1) {
            mdl_cli_fail(MDL_EXIT_USAGE, "%s: bench takes networks of one region", experiment);
            b->err = MDL_EMISMATCH;
        } else {
            mdl_experiment *x = &file.experiment;
            if (*neurons > 0 && *neurons > x->network.ring && *neurons >= x->network.motor_fan)
                x->network.neurons[0] = *neurons;
            measure_network(b, x->network.neurons[0] == *neurons ? "pinned, resized" : "pinned", x, 0);
        }
        mdl_experiment_file_close(&file);
        return;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && b->err == MDL_OK; i++)
        measure_text(b, cases[i].name, cases[i].json, 0);
    if (b->err == MDL_OK)
        measure_text(b, "T-maze lives", tmaze, 1);
}
