/* modulon coordinator --dry-run: what an experiment costs, before it begins. Its first
 * lives are run to measure it; bytes are those of real messages. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/coordinator.h"
#include "core/assert.h"
#include "protocol/unit.h"
#include "runtime/memory.h"
#include "runtime/progress.h"

typedef struct plan {
    uint32_t generations;
    double jobs, lives;   /* of the whole run                                 */
    uint32_t jobs_max;    /* of a generation                                  */
    double measured;      /* lives that were run to find the next two         */
    double updates;       /* synapse updates of the whole run                 */
    double updates_per_s; /* on one thread of this machine                    */
    double leases;        /* of the fleet                                     */
    double wire_bytes, ledger_bytes, blob_bytes;
    double seconds; /* for the fleet                                    */
    int verified;   /* results are committed first                      */
} plan;

enum { MEASURE_MS = 500 };

/* Close to jobs times the golden ratio's fraction, and without a common factor: i * stride mod jobs
 * passes every job once, and the first few are of all islands. */
static uint32_t stride_of(uint32_t jobs) {
    for (uint32_t s = (uint32_t)(0.618 * jobs) + 1;; s++) {
        uint32_t a = s, b = jobs;
        while (b > 0) {
            uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) {
            return s;
        }
    }
}

typedef struct sample { /* a training job that was run */
    int64_t fitness;
    double updates, lives;
} sample;

static int fitter_first(const void *a, const void *b) {
    const sample *x = a, *y = b;
    return (x->fitness < y->fitness) - (x->fitness > y->fitness);
}

/* Updates a life of the fittest quarter: what evolution makes of the others. */
static double later_life(sample *ran, uint32_t count) {
    double updates = 0, lives = 0;
    qsort(ran, count, sizeof *ran, fitter_first);
    for (uint32_t i = 0; i < (count + 3) / 4; i++) {
        updates += ran[i].updates;
        lives += ran[i].lives;
    }
    return updates / lives;
}

/* What a life costs depends on how the network behaves: one that holds its pole up
 * costs more than one that drops it. So the first generations are evolved in earnest
 * for half a second, and each life after them counts as those of the fittest in the
 * last whole one (or in what was reached of the first). */
static void evolve_a_while(mdl_life *life, mdl_evolution *e, float *genome, int64_t *fitness, sample *ran, plan *p) {
    double began = mdl_seconds(), updates = 0, lives = 0, later = 0;
    int late = 0;
    while (!late && !mdl_evolution_done(e)) {
        uint32_t jobs = mdl_evolution_job_count(e), stride = stride_of(jobs), i = 0, count = 0;
        for (; i < jobs && !late; i++) {
            uint32_t at = (uint32_t)((uint64_t)i * stride % jobs);
            mdl_job_result result;
            mdl_job job;
            mdl_evolution_job(e, at, &job, NULL);
            mdl_unit_job(life, e, at, genome, NULL, &result);
            fitness[at] = result.fitness;
            if (job.kind == MDL_JOB_TRAIN) {
                ran[count++] = (sample){result.fitness, (double)result.updates, job.episodes};
            }
            updates += (double)result.updates;
            lives += job.episodes;
            late = (mdl_seconds() - began) * 1000 >= MEASURE_MS;
        }
        if (i == jobs) {
            mdl_err err = mdl_evolution_advance(e, fitness, jobs);
            MDL_ASSERT(err == MDL_OK);
        }
        if (count > 0 && (i == jobs || later == 0)) {
            later = later_life(ran, count);
        }
    }
    p->updates_per_s = updates / (mdl_seconds() - began);
    p->measured = lives;
    p->updates = updates + (p->lives - lives) * (later > 0 ? later : updates / lives);
}

static mdl_err measure(const mdl_experiment_file *file, plan *p) {
    const mdl_experiment *x = &file->experiment;
    mdl_life *life = mdl_life_new(x, NULL);
    void *room = NULL;
    float *prior = NULL, *genome = NULL;
    int64_t *fitness = NULL;
    sample *ran = NULL;
    if (life) {
        room = mdl_aligned(mdl_evolution_bytes(&x->evolution, life->layout.genes));
        prior = calloc(life->layout.genes, 2 * sizeof *prior);
        genome = calloc(life->layout.genes, sizeof *genome);
        fitness = calloc(p->jobs_max, sizeof *fitness);
        ran = calloc(p->jobs_max, sizeof *ran);
    }
    mdl_err err = room && prior && genome && fitness && ran ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK) {
        mdl_gene_prior g = mdl_genome_search_prior(x, &life->layout, prior);
        mdl_evolution *e = mdl_evolution_init(room, &x->evolution, &g);
        evolve_a_while(life, e, genome, fitness, ran, p);
    }
    free(life);
    free(room);
    free(prior);
    free(genome);
    free(fitness);
    free(ran);
    return err;
}

static double size_of(mdl_message *m) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], out[MDL_ENVELOPE_BYTES_MAX];
    uint8_t seed[MDL_SEED_BYTES] = {1}, key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
    size_t size = 0;
    crypto_sign_seed_keypair(key, secret, seed);
    memset(m->head.experiment, 0xab, sizeof m->head.experiment);
    m->head.seq = 100000;
    return mdl_message_seal(m, secret, work, out, sizeof out, &size) == MDL_OK ? (double)size : 0;
}

/* Bytes of one lease of `jobs` jobs: over the wire, and in the ledger. */
static void lease_bytes(uint32_t jobs, int verified, double *wire, double *ledger) {
    static int64_t fitness[MDL_UNIT_JOBS_MAX];
    enum { RECEIPT = 900, FRAMES = 4 * MDL_FRAME_HEAD_BYTES };
    static char segments[MDL_UNIT_JOBS_MAX * MDL_SEGMENT_CHARS];
    mdl_message want, grant, lease, result, commit;
    static const uint8_t segment[MDL_DIGEST_BYTES];
    memset(&want, 0, sizeof want);
    memset(&grant, 0, sizeof grant);
    memset(&lease, 0, sizeof lease);
    memset(&result, 0, sizeof result);
    for (uint32_t i = 0; i < jobs; i++) {
        fitness[i] = 123456789;
        mdl_segments_put(segments, i, segment, 1000000);
    }
    want.type = MDL_MSG_WANT;
    want.as.want.jobs = jobs;
    grant.type = MDL_MSG_GRANT;
    grant.as.grant.count = jobs;
    lease.type = MDL_MSG_LEASE;
    lease.as.lease.count = jobs;
    result.type = MDL_MSG_RESULT;
    result.as.result.count = jobs;
    result.as.result.fitness = (mdl_i64_list){jobs, fitness};
    result.as.result.segments = (mdl_segments){jobs, segments};
    double result_size = size_of(&result);
    if (verified) {
        memset(&commit, 0, sizeof commit);
        commit.type = MDL_MSG_COMMIT;
        result_size += size_of(&commit);
    }
    *wire = size_of(&want) + size_of(&grant) + result_size + (verified ? 2 : 1) * RECEIPT + FRAMES;
    *ledger = size_of(&lease) + result_size;
}

/* A generation of `jobs` jobs and `lives` lives on the fleet. */
static void add_generation(plan *p, const mdl_coordinator_settings *s, double jobs, double lives) {
    enum { CLOSING = 6000, NEWS_AND_SYNC = 2600 };
    double lives_per_s = (double)s->speed * p->lives / p->updates;
    double target = lives_per_s * s->lease_ms / 1000 * jobs / lives;
    double share = ceil(jobs / (2.0 * s->workers)), wire, ledger;
    double size = fmax(1, fmin(fmin(target, share), MDL_UNIT_JOBS_MAX));
    double leases = ceil(jobs / floor(size));
    lease_bytes((uint32_t)size, p->verified, &wire, &ledger);
    p->leases += leases;
    p->wire_bytes += leases * wire + s->workers * (8 * jobs + NEWS_AND_SYNC);
    p->ledger_bytes += leases * ledger + CLOSING;
    p->blob_bytes += 8 * jobs + 40 * fmin(s->workers, leases);
    double slowest = floor(size) * (lives / jobs) / lives_per_s; /* the last lease */
    p->seconds += fmax(lives / (lives_per_s * s->workers), slowest) + 0.02;
}

static void show(const mdl_experiment *x, const mdl_coordinator_settings *s, const plan *p) {
    printf("experiment   %s: %" PRIu32 " generations, %.0f jobs, %.0f lives\n", x->name, p->generations, p->jobs,
           p->lives);
    printf("work         %.4g synapse updates, %.4g a life; measured on the first %.0f lives\n", p->updates,
           p->updates / p->lives, p->measured);
    printf("this machine %.4g updates/s on one thread; %.4g s for all of it\n", p->updates_per_s,
           p->updates / p->updates_per_s);
    printf("fleet        %" PRIu32 " workers of %.4g updates/s: %.4g s, %.0f leases\n", s->workers, (double)s->speed,
           p->seconds, p->leases);
    printf("wire         %.4g MB in and out; %.4g kB/s\n", p->wire_bytes / 1e6, p->wire_bytes / 1e3 / p->seconds);
    printf("ledger       %.4g MB of records, %.4g MB of blobs\n", p->ledger_bytes / 1e6, p->blob_bytes / 1e6);
}

static void show_json(const mdl_experiment *x, const mdl_coordinator_settings *s, const plan *p) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "experiment", x->name);
    cJSON_AddNumberToObject(o, "generations", p->generations);
    cJSON_AddNumberToObject(o, "jobs", p->jobs);
    cJSON_AddNumberToObject(o, "lives", p->lives);
    cJSON_AddNumberToObject(o, "measured_lives", p->measured);
    cJSON_AddNumberToObject(o, "updates", p->updates);
    cJSON_AddNumberToObject(o, "updates_per_s_one_thread", p->updates_per_s);
    cJSON_AddNumberToObject(o, "workers", s->workers);
    cJSON_AddNumberToObject(o, "speed", (double)s->speed);
    cJSON_AddNumberToObject(o, "leases", p->leases);
    cJSON_AddNumberToObject(o, "seconds", p->seconds);
    cJSON_AddNumberToObject(o, "wire_bytes", p->wire_bytes);
    cJSON_AddNumberToObject(o, "ledger_bytes", p->ledger_bytes);
    cJSON_AddNumberToObject(o, "blob_bytes", p->blob_bytes);
    mdl_cli_print_json(o);
}

/* Jobs and lives of generation g, from 1. */
static int validates(const mdl_evolution_spec *e, uint32_t g) {
    return g % e->validate_every == 0 || g == e->generations;
}

static double jobs_of(const mdl_evolution_spec *e, double candidates, uint32_t g) {
    return candidates + (validates(e, g) ? e->islands : 0);
}

static double lives_of(const mdl_evolution_spec *e, double candidates, uint32_t g) {
    return candidates * e->episodes + (validates(e, g) ? (double)e->islands * e->validate_episodes : 0);
}

int mdl_cli_coordinator_plan(const mdl_experiment_file *file, const mdl_coordinator_settings *settings) {
    const mdl_experiment *x = &file->experiment;
    const mdl_evolution_spec *e = &x->evolution;
    mdl_coordinator_settings s = *settings;
    plan p = {.generations = e->generations, .verified = x->verification.used != 0};
    double candidates = 0;
    for (uint32_t k = 0; k < e->islands; k++) {
        candidates += e->island[k].population;
    }
    p.jobs_max = (uint32_t)candidates + e->islands;
    for (uint32_t g = 1; g <= e->generations; g++) {
        p.jobs += jobs_of(e, candidates, g);
        p.lives += lives_of(e, candidates, g);
    }
    if (measure(file, &p) != MDL_OK) {
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    }
    if (s.speed == 0) {
        s.speed = (uint64_t)fmax(1, p.updates_per_s);
    }
    for (uint32_t g = 1; g <= e->generations; g++) {
        add_generation(&p, &s, jobs_of(e, candidates, g), lives_of(e, candidates, g));
    }
    if (s.json) {
        show_json(x, &s, &p);
    } else {
        show(x, &s, &p);
    }
    return MDL_EXIT_OK;
}
