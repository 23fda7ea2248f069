/* modulon bench */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/drive.h"
#include "core/hmn_kernel.h"
#include "core/num.h"
#include "runtime/memory.h"
#include "runtime/runner.h"

enum { REPEATS = 5 };

static const mdl_usage usage = {
    .name = "bench",
    .arguments = "",
    .text = "Measure, on one core and in CPU time of the thread, how many plastic synapses this\n"
            "machine updates in a second and how many bytes one takes: networks that fit in\n"
            "cache and that do not, all mechanisms on and a lean set, every kernel that this\n"
            "CPU can run; and how many T-maze lives a core lives in a second. Medians of 5.",
    .examples = "  modulon bench\n"
                "  modulon bench --seconds 60 --json",
    .least = 0,
    .most = 0,
};

#define LEAN                                                                                                           \
    "\"mechanisms\":{\"phase_gate\":\"off\",\"probabilistic\":\"off\",\"local_attention\":\"off\","                    \
    "\"meta_learning\":\"off\",\"global_attention\":\"off\",\"adaptive_bias\":\"off\",\"context_rate\":\"off\","       \
    "\"dropout\":\"off\",\"plasticity_gate\":\"off\",\"critic\":\"off\"}"
#define ISLANDS "\"evolution\":{\"generations\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}"
#define SMALL "\"network\":{\"neurons\":256,\"ring\":60,\"sensor_fan\":3,\"motor_fan\":60}"
#define LARGE "\"network\":{\"neurons\":65536,\"ring\":60,\"sensor_fan\":3,\"motor_fan\":60}"

static const struct {
    const char *name, *json;
} cases[] = {
    {"cache, all", "{\"name\":\"b\",\"task\":\"tmaze\"," SMALL ",\"hmn\":{\"encoding\":\"indirect\"}," ISLANDS "}"},
    {"cache, lean",
     "{\"name\":\"b\",\"task\":\"tmaze\"," SMALL ",\"hmn\":{\"encoding\":\"indirect\"," LEAN "}," ISLANDS "}"},
    {"memory, all", "{\"name\":\"b\",\"task\":\"tmaze\"," LARGE ",\"hmn\":{\"encoding\":\"indirect\"}," ISLANDS "}"},
    {"memory, lean",
     "{\"name\":\"b\",\"task\":\"tmaze\"," LARGE ",\"hmn\":{\"encoding\":\"indirect\"," LEAN "}," ISLANDS "}"},
};
static const char tmaze[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},\"hmn\":{" LEAN "}," ISLANDS "}";
enum { CASES = sizeof cases / sizeof cases[0] };

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct rates {
    double median, lo, hi;
} rates;

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static rates rates_of(double *rate) {
    qsort(rate, REPEATS, sizeof *rate, compare);
    return (rates){rate[REPEATS / 2], rate[0], rate[REPEATS - 1]};
}

static mdl_life *open_life(const mdl_experiment *x) {
    void *memory = mdl_aligned(mdl_life_bytes(x, 1));
    return memory ? mdl_life_init(memory, x, 1, NULL) : NULL;
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

/* Synapse updates per second of CPU time. */
static rates measure_updates(mdl_life *l, double seconds) {
    mdl_task_out out = {.obs = {1.0f, 0.0f, 0.3f, -0.5f}, .reward = 1.0f, .flags = MDL_OUT_REWARD}, first = out;
    first.flags |= MDL_OUT_WIPE;
    mdl_drive_begin(l, 1, &first);
    mdl_drive_window(l, &first, &out);
    double rate[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        double began = cpu_seconds(), spent;
        uint32_t before = l->windows;
        do {
            for (uint32_t k = 0; k < 1 + 1000000 / l->synapses; k++)
                mdl_drive_window(l, &out, &out);
            spent = cpu_seconds() - began;
        } while (spent < seconds);
        rate[i] = (double)(l->windows - before) * l->experiment->network.window * (double)l->synapses / spent;
    }
    return rates_of(rate);
}

static rates measure_lives(mdl_life *l, double seconds) {
    double rate[REPEATS];
    uint32_t episode = 0;
    for (int i = 0; i < REPEATS; i++) {
        double began = cpu_seconds(), spent;
        uint32_t before = episode;
        do {
            mdl_life_run(l, mdl_life_key(1, MDL_STREAM_TRAIN, 0, episode), episode, MDL_PART_TRAIN, NULL, NULL, NULL);
            episode++;
            spent = cpu_seconds() - began;
        } while (spent < seconds);
        rate[i] = (episode - before) / spent;
    }
    return rates_of(rate);
}

static void show(const char *name, const char *kernel, const char *unit, const rates *r, const mdl_life *l,
                 size_t bytes, cJSON *list) {
    double each = (double)bytes / (double)l->synapses;
    if (!list) {
        printf("%-14s %-9s %10.4g %s [%.4g, %.4g]  %8zu synapses, %.1f bytes each\n", name, kernel, r->median, unit,
               r->lo, r->hi, l->synapses, each);
        fflush(stdout);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "case", name);
    cJSON_AddStringToObject(o, "kernel", kernel);
    cJSON_AddStringToObject(o, "unit", unit);
    cJSON_AddNumberToObject(o, "median", r->median);
    cJSON_AddNumberToObject(o, "lowest", r->lo);
    cJSON_AddNumberToObject(o, "highest", r->hi);
    cJSON_AddNumberToObject(o, "repeats", REPEATS);
    cJSON_AddNumberToObject(o, "synapses", (double)l->synapses);
    cJSON_AddNumberToObject(o, "bytes_per_synapse", each);
    cJSON_AddItemToArray(list, o);
}

static mdl_err bench_case(const char *name, const char *json, int lives, double seconds, cJSON *list) {
    char error[MDL_ERROR_TEXT];
    mdl_experiment_file file;
    mdl_err err = mdl_experiment_file_parse(&file, name, json, strlen(json), error, sizeof error);
    MDL_ASSERT(err == MDL_OK || err == MDL_ENOMEM);
    mdl_life *l = err == MDL_OK ? open_life(&file.experiment) : NULL;
    float *genome = l ? learning_genome(&file.experiment, &l->layout) : NULL;
    err = genome ? MDL_OK : MDL_ENOMEM;
    if (genome)
        mdl_life_genome(l, genome);
    for (uint32_t k = 0; k < mdl_kernel_count() && genome; k++) {
        const mdl_kernel *kernel = mdl_kernel_get(k);
        ((mdl_hmn_region *)mdl_shard_region(&l->shard[0], 0))->kernel =
            kernel; /* wiring a large network takes longer than measuring it */
        rates r = lives ? measure_lives(l, seconds) : measure_updates(l, seconds);
        show(name, kernel->name, lives ? "lives/s" : "updates/s", &r, l, mdl_life_bytes(&file.experiment, 1), list);
    }
    free(genome);
    free(l);
    mdl_experiment_file_close(&file);
    return err;
}

int mdl_cmd_bench(int argc, char **argv) {
    double seconds = 15;
    int json = 0, cpu = 0;
    const mdl_option options[] = {
        {"seconds", MDL_OPT_F64, &seconds, NULL, 0.1, 86400, "S", "about how long in all (15)"},
        {"cpu", MDL_OPT_FLAG, &cpu, NULL, 0, 0, NULL, "the CPU alone (this version has nothing else)"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    double each = seconds / ((CASES + 1) * REPEATS * mdl_kernel_count());
    cJSON *root = json ? cJSON_CreateObject() : NULL, *list = json ? cJSON_AddArrayToObject(root, "results") : NULL;
    mdl_err err = json && !list ? MDL_ENOMEM : MDL_OK;
    for (size_t i = 0; i < CASES && err == MDL_OK; i++)
        err = bench_case(cases[i].name, cases[i].json, 0, each, list);
    if (err == MDL_OK)
        err = bench_case("T-maze lives", tmaze, 1, each, list);
    char *text = json && err == MDL_OK ? cJSON_PrintUnformatted(root) : NULL;
    if (text)
        puts(text);
    code = err != MDL_OK || (json && !text) ? mdl_cli_fail(MDL_EXIT_FAILURE, "bench: out of memory") : MDL_EXIT_OK;
    free(text);
    cJSON_Delete(root);
    return code;
}
