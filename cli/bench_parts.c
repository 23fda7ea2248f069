/* Suites unit, crypto, ledger and protocol: what a worker and a coordinator do
 * around the kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "protocol/envelope.h"
#include "protocol/merkle.h"
#include "protocol/unit.h"
#include "runtime/memory.h"
#include "runtime/pool.h"
#include "runtime/runner.h"

/* ---- unit: jobs of a generation, with and without digests, on 1 and 2 threads ---- */

static const char unit_json[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":4,\"islands\":[{\"algorithm\":\"es\",\"population\":32}]}}";
static const char unit_large_json[] =
    "{\"name\":\"b\",\"task\":\"tmaze\",\"network\":{\"neurons\":256,\"ring\":60,\"sensor_fan\":3,\"motor_fan\":60},"
    "\"hmn\":{\"encoding\":\"indirect\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}}";

enum { WORKERS = 2 };

typedef struct units {
    mdl_experiment_file file;
    mdl_genome_layout layout;
    mdl_evolution *evolution;
    mdl_life *life[WORKERS];
    float *genome[WORKERS], *prior;
    mdl_pool *pool[WORKERS]; /* of 1 and 2 threads */
    uint32_t next, jobs, together, piece[64 + 1];
} units;

static void units_close(units *u) {
    for (int i = 0; i < WORKERS; i++) {
        mdl_pool_close(u->pool[i]);
        free(u->life[i]);
        free(u->genome[i]);
    }
    free(u->prior);
    free(u->evolution);
    mdl_experiment_file_close(&u->file);
}

static mdl_err units_open(units *u, const char *json) {
    memset(u, 0, sizeof *u);
    char error[MDL_ERROR_TEXT];
    mdl_err err = mdl_experiment_file_parse(&u->file, "bench", json, strlen(json), error, sizeof error);
    MDL_ASSERT(err == MDL_OK || err == MDL_ENOMEM);
    if (err != MDL_OK)
        return err;
    const mdl_experiment *x = &u->file.experiment;
    for (int i = 0; i < WORKERS; i++) {
        void *memory = mdl_aligned(mdl_life_bytes(x, 1));
        if (!memory)
            return MDL_ENOMEM;
        u->life[i] = mdl_life_init(memory, x, 1, NULL);
        u->layout = u->life[i]->layout;
        u->together = mdl_unit_together(u->life[i]);
        u->genome[i] = malloc((size_t)u->together * u->layout.genes * sizeof(float));
        if (!u->genome[i] || mdl_pool_open(&u->pool[i], (uint32_t)i + 1) != MDL_OK)
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
    MDL_ASSERT(u->jobs < sizeof u->piece / sizeof u->piece[0]);
    return MDL_OK;
}

/* The next few jobs of the generation, as many as are done at once. */
static uint32_t next_jobs(units *u, uint32_t index[MDL_TOGETHER_MAX]) {
    for (uint32_t i = 0; i < u->together; i++)
        index[i] = u->next++ % u->jobs;
    return u->together;
}

static double run_plain(void *ctx) {
    units *u = ctx;
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
    units *u = ctx;
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

static void pool_piece(void *shared, uint32_t thread, uint32_t piece) {
    units *u = shared;
    mdl_job_result result[MDL_TOGETHER_MAX];
    uint32_t index[MDL_TOGETHER_MAX], count = u->piece[piece + 1] - u->piece[piece];
    for (uint32_t i = 0; i < count; i++)
        index[i] = u->piece[piece] + i;
    mdl_unit_jobs(u->life[thread], u->evolution, index, count, u->genome[thread], result);
}

static double run_pool(units *u, uint32_t threads) {
    uint32_t pieces = mdl_pool_cut(u->piece, u->jobs, 0, u->together, threads);
    mdl_pool_run(u->pool[threads - 1], pieces, pool_piece, u, NULL, NULL);
    return u->jobs;
}
static double run_pool1(void *ctx) { return run_pool(ctx, 1); }
static double run_pool2(void *ctx) { return run_pool(ctx, 2); }

static void bench_units(mdl_bench *b, const char *name, const char *json) {
    units u;
    b->err = units_open(&u, json);
    if (b->err == MDL_OK) {
        mdl_bench_case c[] = {{.run = run_plain, .ctx = &u, .clock = mdl_bench_cpu_s},
                              {.run = run_digested, .ctx = &u, .clock = mdl_bench_cpu_s},
                              {.run = run_pool1, .ctx = &u, .clock = mdl_bench_wall_s},
                              {.run = run_pool2, .ctx = &u, .clock = mdl_bench_wall_s},
                              {.run = run_pool1, .ctx = &u, .clock = mdl_bench_process_s},
                              {.run = run_pool2, .ctx = &u, .clock = mdl_bench_process_s}};
        char text[48];
        mdl_bench_run(b, c, sizeof c / sizeof c[0]);
        snprintf(text, sizeof text, "%s, no digests", name);
        mdl_bench_show(b, text, NULL, "updates/s", &c[0].rates);
        snprintf(text, sizeof text, "%s, digests", name);
        mdl_bench_show(b, text, NULL, "updates/s", &c[1].rates);
        mdl_bench_number(b, name, NULL, "digests' share", 1.0 - mdl_bench_ratio(&c[1].rates, &c[0].rates));
        snprintf(text, sizeof text, "%s, 1 thread", name);
        mdl_bench_show(b, text, NULL, "jobs/s", &c[2].rates);
        if (mdl_cpu_count() > 1) {
            snprintf(text, sizeof text, "%s, 2 threads", name);
            mdl_bench_show(b, text, NULL, "jobs/s", &c[3].rates);
            mdl_bench_number(b, name, NULL, "2 threads / 1", mdl_bench_ratio(&c[3].rates, &c[2].rates));
            /* Had both cores been free: jobs per CPU second of two threads, twice. */
            mdl_bench_number(b, name, NULL, "the same by CPU", 2.0 * mdl_bench_ratio(&c[5].rates, &c[4].rates));
        }
    }
    units_close(&u);
}

void mdl_bench_unit(mdl_bench *b) {
    bench_units(b, "T-maze, 6 neurons", unit_json);
    if (b->err == MDL_OK)
        bench_units(b, "T-maze, 256 neurons", unit_large_json);
}

/* ---- crypto, ledger, protocol ---- */

enum { BLOCK = 1 << 16, PAYLOAD = 400, LEAVES = 256 };

typedef struct bytes {
    uint8_t block[BLOCK], digest[MDL_DIGEST_BYTES];
    uint8_t public[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES], signature[MDL_SIGNATURE_BYTES];
    uint8_t work[BLOCK], envelope[BLOCK], buffer[MDL_PAE_BYTES_MAX];
    size_t envelope_size;
    mdl_hash leaf[LEAVES];
    mdl_merkle_edge edge;
} bytes;

static double run_blake2b(void *ctx) {
    bytes *c = ctx;
    mdl_digest_of(c->block, BLOCK, c->digest);
    c->block[0] ^= c->digest[0];
    return BLOCK;
}

static double run_leaf(void *ctx) {
    bytes *c = ctx;
    mdl_merkle_leaf(c->block, BLOCK, &c->leaf[0]);
    return BLOCK;
}

static double run_sign(void *ctx) {
    bytes *c = ctx;
    c->work[0]++;
    crypto_sign_detached(c->signature, NULL, c->work, 256, c->secret);
    return 1.0;
}

static double run_verify(void *ctx) {
    bytes *c = ctx;
    return crypto_sign_verify_detached(c->signature, c->work, 256, c->public) == 0 ? 1.0 : 0.0;
}

void mdl_bench_crypto(mdl_bench *b) {
    bytes *c = calloc(1, sizeof *c);
    if (!c || sodium_init() < 0) {
        b->err = MDL_ENOMEM;
        free(c);
        return;
    }
    crypto_sign_keypair(c->public, c->secret);
    run_sign(c);
    mdl_bench_case list[] = {{.run = run_blake2b, .ctx = c, .clock = mdl_bench_cpu_s},
                             {.run = run_leaf, .ctx = c, .clock = mdl_bench_cpu_s},
                             {.run = run_verify, .ctx = c, .clock = mdl_bench_cpu_s}};
    mdl_bench_case sign = {.run = run_sign, .ctx = c, .clock = mdl_bench_cpu_s};
    mdl_bench_run(b, list, 3);
    mdl_bench_run(b, &sign, 1);
    mdl_bench_show(b, "BLAKE2b-256, 64 KiB", NULL, "bytes/s", &list[0].rates);
    mdl_bench_show(b, "SHA-256 leaf, 64 KiB", NULL, "bytes/s", &list[1].rates);
    mdl_bench_show(b, "Ed25519 verify, 256 bytes", NULL, "1/s", &list[2].rates);
    mdl_bench_show(b, "Ed25519 sign, 256 bytes", NULL, "1/s", &sign.rates);
    free(c);
}

static double run_append(void *ctx) {
    bytes *c = ctx;
    for (uint32_t i = 0; i < LEAVES; i++)
        mdl_merkle_leaf(c->block + i, 683, &c->leaf[i]);
    if (mdl_merkle_append(&c->edge, c->leaf, LEAVES, NULL, NULL) != MDL_OK)
        memset(&c->edge, 0, sizeof c->edge);
    mdl_hash root;
    mdl_merkle_edge_root(&c->edge, &root);
    c->block[0] ^= root.bytes[0];
    return LEAVES;
}

void mdl_bench_ledger(mdl_bench *b) {
    bytes *c = calloc(1, sizeof *c);
    if (!c) {
        b->err = MDL_ENOMEM;
        return;
    }
    mdl_bench_case list = {.run = run_append, .ctx = c, .clock = mdl_bench_cpu_s};
    mdl_bench_run(b, &list, 1);
    mdl_bench_show(b, "records of 683 bytes appended", NULL, "records/s", &list.rates);
    free(c);
}

static double run_seal(void *ctx) {
    bytes *c = ctx;
    c->block[0] = (uint8_t)('a' + (c->block[0] + 1) % 16);
    mdl_err err = mdl_envelope_sign("bench", c->block, PAYLOAD, c->secret, c->work, c->envelope, sizeof c->envelope,
                                    &c->envelope_size);
    MDL_ASSERT(err == MDL_OK);
    return 1.0;
}

static double run_open(void *ctx) {
    bytes *c = ctx;
    mdl_envelope e;
    mdl_err err = mdl_envelope_decode(c->envelope, c->envelope_size, c->buffer, &e);
    MDL_ASSERT(err == MDL_OK);
    return 1.0;
}

static double run_check(void *ctx) {
    bytes *c = ctx;
    mdl_envelope e;
    mdl_err err = mdl_envelope_decode(c->envelope, c->envelope_size, c->buffer, &e);
    MDL_ASSERT(err == MDL_OK && mdl_envelope_verify(&e) == MDL_OK);
    return 1.0;
}

void mdl_bench_protocol(mdl_bench *b) {
    bytes *c = calloc(1, sizeof *c);
    if (!c || sodium_init() < 0) {
        b->err = MDL_ENOMEM;
        free(c);
        return;
    }
    memset(c->block, '1', sizeof c->block);
    crypto_sign_keypair(c->public, c->secret);
    run_seal(c);
    mdl_bench_case open[] = {{.run = run_open, .ctx = c, .clock = mdl_bench_cpu_s},
                             {.run = run_check, .ctx = c, .clock = mdl_bench_cpu_s}};
    mdl_bench_case seal = {.run = run_seal, .ctx = c, .clock = mdl_bench_cpu_s};
    mdl_bench_run(b, open, 2);
    mdl_bench_run(b, &seal, 1);
    mdl_bench_show(b, "envelopes decoded", NULL, "1/s", &open[0].rates);
    mdl_bench_show(b, "envelopes verified", NULL, "1/s", &open[1].rates);
    mdl_bench_show(b, "envelopes signed", NULL, "1/s", &seal.rates);
    free(c);
}
