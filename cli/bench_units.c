/* Suite unit: jobs of a generation with and without digests. */
#include "cli/bench_units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "runtime/memory.h"

enum { JOBS_MAX = 1024 };

static const char small_json[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":4,\"islands\":[{\"algorithm\":\"es\",\"population\":32}]}}";
static const char large_json[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":256,\"ring\":60,\"sensor_fan\":3,\"motor_fan\":60},"
    "\"hmn\":{\"encoding\":\"indirect\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

void mdl_bench_units_close(mdl_bench_units *u) {
    for (uint32_t i = 0; i < u->threads; i++) {
        free(u->life ? u->life[i] : NULL);
        free(u->genome ? u->genome[i] : NULL);
    }
    free(u->life);
    free(u->genome);
    free(u->prior);
    free(u->evolution);
    free(u->piece);
    mdl_experiment_file_close(&u->file);
}

mdl_err mdl_bench_units_open(mdl_bench_units *u, const char *json, uint32_t threads) {
    memset(u, 0, sizeof *u);
    char error[MDL_ERROR_TEXT];
    mdl_err err = mdl_experiment_file_parse(&u->file, "bench", json, strlen(json), error, sizeof error);
    MDL_ASSERT(err == MDL_OK || err == MDL_ENOMEM);
    if (err != MDL_OK)
        return err;
    const mdl_experiment *x = &u->file.experiment;
    u->threads = threads;
    u->life = calloc(threads, sizeof(mdl_life *));
    u->genome = calloc(threads, sizeof(float *));
    if (!u->life || !u->genome)
        return MDL_ENOMEM;
    for (uint32_t i = 0; i < threads; i++) {
        u->life[i] = mdl_life_new(x, u->life[0]);
        if (!u->life[i])
            return MDL_ENOMEM;
        u->layout = u->life[i]->layout;
        u->together = mdl_unit_together(u->life[i]);
        u->genome[i] = malloc((size_t)u->together * u->layout.genes * sizeof(float));
        if (!u->genome[i])
            return MDL_ENOMEM;
    }
    u->prior = malloc(2 * (size_t)u->layout.genes * sizeof(float));
    void *memory = mdl_aligned(mdl_evolution_bytes(&x->evolution, u->layout.genes));
    if (!u->prior || !memory) {
        free(memory);
        return MDL_ENOMEM;
    }
    mdl_gene_prior prior = mdl_genome_search_prior(x, &u->layout, u->prior);
    u->evolution = mdl_evolution_init(memory, &x->evolution, &prior);
    u->jobs = mdl_evolution_job_count(u->evolution);
    MDL_ASSERT(u->jobs <= JOBS_MAX);
    u->piece = calloc(u->jobs + 1, sizeof *u->piece);
    return u->piece ? MDL_OK : MDL_ENOMEM;
}

uint32_t mdl_bench_units_cut(mdl_bench_units *u, uint32_t threads) {
    return mdl_pool_cut(u->piece, u->jobs, 0, u->together, threads);
}

void mdl_bench_units_piece(mdl_bench_units *u, uint32_t thread, uint32_t i) {
    mdl_job_result result[MDL_TOGETHER_MAX];
    uint32_t index[MDL_TOGETHER_MAX], count = u->piece[i + 1] - u->piece[i];
    for (uint32_t k = 0; k < count; k++)
        index[k] = u->piece[i] + k;
    mdl_unit_jobs(u->life[thread], u->evolution, index, count, u->genome[thread], result);
}

/* The next few jobs of the generation, as many as are done at once. */
static uint32_t next_jobs(mdl_bench_units *u, uint32_t index[MDL_TOGETHER_MAX]) {
    for (uint32_t i = 0; i < u->together; i++)
        index[i] = u->next++ % u->jobs;
    return u->together;
}

static double run_plain(void *ctx) {
    mdl_bench_units *u = ctx;
    mdl_job job[MDL_TOGETHER_MAX] = {{0}};
    int64_t fitness[MDL_TOGETHER_MAX];
    uint32_t index[MDL_TOGETHER_MAX] = {0}, count = next_jobs(u, index);
    uint64_t updates[MDL_TOGETHER_MAX], sum = 0;
    for (uint32_t i = 0; i < count; i++)
        mdl_evolution_job(u->evolution, index[i], &job[i], u->genome[0] + (size_t)i * u->layout.genes);
    mdl_life_jobs(u->life[0], job, u->genome[0], count, fitness, updates);
    for (uint32_t i = 0; i < count; i++)
        sum += updates[i];
    return (double)sum;
}

static double run_digested(void *ctx) {
    mdl_bench_units *u = ctx;
    mdl_job_result result[MDL_TOGETHER_MAX];
    uint8_t root[MDL_DIGEST_BYTES];
    uint32_t index[MDL_TOGETHER_MAX] = {0}, count = next_jobs(u, index);
    uint64_t sum = 0;
    mdl_unit_jobs(u->life[0], u->evolution, index, count, u->genome[0], result);
    mdl_unit_root(result, count, root);
    for (uint32_t i = 0; i < count; i++)
        sum += result[i].updates;
    return (double)sum;
}

static void bench_units(mdl_bench *b, const char *name, const char *json) {
    mdl_bench_units u;
    b->err = mdl_bench_units_open(&u, json, 1);
    if (b->err == MDL_OK) {
        mdl_bench_case c[] = {{.run = run_plain, .ctx = &u, .clock = mdl_bench_cpu_s},
                              {.run = run_digested, .ctx = &u, .clock = mdl_bench_cpu_s}};
        char text[48];
        mdl_bench_run(b, c, sizeof c / sizeof c[0]);
        snprintf(text, sizeof text, "%s, no digests", name);
        mdl_bench_show(b, text, NULL, "updates/s", &c[0].rates);
        snprintf(text, sizeof text, "%s, digests", name);
        mdl_bench_show(b, text, NULL, "updates/s", &c[1].rates);
        mdl_bench_number(b, name, NULL, "digests' share", 1.0 - mdl_bench_ratio(&c[1].rates, &c[0].rates));
    }
    mdl_bench_units_close(&u);
}

void mdl_bench_unit(mdl_bench *b) {
    bench_units(b, "T-maze, 6 neurons", small_json);
    if (b->err == MDL_OK)
        bench_units(b, "T-maze, 256 neurons", large_json);
}
