#include "runtime/runner.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/digest.h"
#include "protocol/experiment_json.h"
#include "protocol/grow.h"
#include "runtime/file.h"
#include "runtime/memory.h"

enum { HEAD = 8 + 32 + 8 + 8, SECONDS_MAX = 1000000000 /* of a generation */ };
static const char magic[8] = "MDLRUN1";

/* ---- state.bin ---- */

static mdl_err save_state(mdl_runner *r, char *error, size_t error_size) {
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    mdl_put_bytes(&sink, magic, sizeof magic);
    mdl_put_bytes(&sink, r->file->experiment.id, 32);
    mdl_put_u64(&sink, r->evaluations);
    mdl_put_u64(&sink, r->synapse_updates);
    mdl_evolution_save(r->evolution, &sink);
    uint8_t digest[MDL_DIGEST_BYTES];
    if (!b.failed)
        mdl_digest_of(b.bytes, b.size, digest);
    mdl_put_bytes(&sink, digest, sizeof digest);
    char *path = mdl_path_join(r->directory, "state.bin");
    mdl_err err = b.failed || !path ? MDL_ENOMEM : MDL_OK;
    if (err != MDL_OK)
        snprintf(error, error_size, "%s: out of memory while saving", r->directory);
    /* The log must never be behind the state, also after a power cut. */
    if (err == MDL_OK && (fflush(r->log) != 0 || fsync(fileno(r->log)) != 0)) {
        snprintf(error, error_size, "cannot write %s/log.jsonl: %s", r->directory, strerror(errno));
        err = MDL_EIO;
    }
    if (err == MDL_OK)
        err = mdl_file_write(path, b.bytes, b.size, error, error_size);
    free(path);
    free(b.bytes);
    r->saved_s = mdl_seconds();
    return err;
}

static mdl_err take_state(mdl_runner *r, const uint8_t *bytes, size_t size) {
    uint8_t digest[MDL_DIGEST_BYTES];
    if (size < HEAD + sizeof digest)
        return MDL_ESIZE;
    mdl_reader reader = {bytes, size - sizeof digest, 0};
    char found[8];
    uint8_t id[32];
    mdl_get_bytes(&reader, found, sizeof found);
    mdl_get_bytes(&reader, id, sizeof id);
    if (memcmp(found, magic, sizeof magic) != 0)
        return MDL_EMAGIC;
    mdl_digest_of(bytes, size - sizeof digest, digest);
    if (memcmp(digest, bytes + size - sizeof digest, sizeof digest) != 0)
        return MDL_EDIGEST;
    if (memcmp(id, r->file->experiment.id, sizeof id) != 0)
        return MDL_EMISMATCH;
    r->evaluations = mdl_get_u64(&reader);
    r->synapse_updates = mdl_get_u64(&reader);
    return mdl_evolution_load(r->evolution, reader.at, reader.left);
}

static mdl_err load_state(mdl_runner *r, char *error, size_t error_size) {
    char *path = mdl_path_join(r->directory, "state.bin");
    uint8_t *bytes = NULL;
    size_t size, limit = HEAD + MDL_DIGEST_BYTES;
    mdl_buffer fresh = {0}; /* every state of a run has the same size */
    mdl_sink sink = mdl_buffer_sink(&fresh);
    mdl_evolution_save(r->evolution, &sink);
    limit += fresh.size;
    mdl_err err = !path || fresh.failed ? MDL_ENOMEM : mdl_file_read(path, limit, &bytes, &size, error, error_size);
    if (err == MDL_ENOENT) {
        err = MDL_OK; /* a new run */
    } else if (err == MDL_OK) {
        err = take_state(r, bytes, size);
        if (err != MDL_OK)
            snprintf(error, error_size, "%s is damaged or of another run: %s; remove it to start anew", path,
                     mdl_strerror((int)err));
    } else if (err == MDL_ENOMEM) {
        snprintf(error, error_size, "%s: out of memory", r->directory);
    }
    r->resumed = mdl_evolution_generation(r->evolution);
    free(bytes);
    free(fresh.bytes);
    free(path);
    return err;
}

/* ---- log.jsonl ---- */

double mdl_runner_line_seconds(const char *line, size_t size, uint32_t generation) {
    cJSON *json = cJSON_ParseWithLength(line, size);
    const cJSON *g = cJSON_GetObjectItemCaseSensitive(json, "generation");
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(json, "seconds");
    double seconds = cJSON_IsNumber(g) && g->valuedouble == generation && cJSON_IsNumber(s) ? s->valuedouble : -1;
    cJSON_Delete(json);
    return seconds >= 0 && seconds <= SECONDS_MAX ? seconds : -1; /* 1e999 is infinite */
}

/* Cut what was logged after the state was saved, and go on behind it. */
static mdl_err open_log(mdl_runner *r, char *error, size_t error_size) {
    char *path = mdl_path_join(r->directory, "log.jsonl");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    r->log = fd >= 0 ? fdopen(fd, "r+") : NULL;
    if (!r->log) {
        snprintf(error, error_size, "cannot open %s/log.jsonl: %s", r->directory, strerror(errno));
        if (fd >= 0)
            close(fd);
        free(path);
        return MDL_EIO;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        snprintf(error, error_size, "%s is in use by another modulon evolve", r->directory);
        free(path);
        return MDL_EMISMATCH;
    }
    free(path);
    return MDL_OK;
}

static mdl_err cut_log(mdl_runner *r, char *error, size_t error_size) {
    char *line = NULL;
    size_t capacity = 0;
    off_t end = 0;
    uint32_t lines = 0;
    while (lines < r->resumed) {
        ssize_t got = getline(&line, &capacity, r->log);
        double seconds = got > 0 && line[got - 1] == '\n' ? mdl_runner_line_seconds(line, (size_t)got, lines) : -1;
        if (seconds < 0)
            break;
        r->seconds += seconds;
        end += got;
        lines++;
    }
    free(line);
    if (lines < r->resumed) {
        snprintf(error, error_size, "%s/log.jsonl: line %" PRIu32 " is missing or damaged; state.bin is further",
                 r->directory, lines + 1);
        return MDL_EMISMATCH;
    }
    if (ftruncate(fileno(r->log), end) != 0 || fseek(r->log, (long)end, SEEK_SET) != 0) {
        snprintf(error, error_size, "cannot write %s/log.jsonl: %s", r->directory, strerror(errno));
        return MDL_EIO;
    }
    return MDL_OK;
}

static void log_generation(mdl_runner *r, uint32_t generation, uint64_t evaluations, uint64_t updates, double seconds,
                           int validated, uint32_t jobs) {
    const mdl_evolution_spec *s = &r->file->experiment.evolution;
    fprintf(r->log, "{\"generation\":%" PRIu32 ",\"islands\":[", generation);
    for (uint32_t k = 0; k < s->islands; k++) {
        int64_t best, mean;
        mdl_evolution_last(r->evolution, k, &best, &mean);
        double lives = 1e6 * s->episodes;
        fprintf(r->log, "%s{\"best\":%.9g,\"mean\":%.9g", k ? "," : "", (double)best / lives, (double)mean / lives);
        if (validated)
            fprintf(r->log, ",\"validation\":%.9g",
                    (double)r->result[jobs - s->islands + k] / (1e6 * s->validate_episodes));
        fputc('}', r->log);
    }
    fprintf(r->log, "],\"random\":%.9g,\"constant\":%.9g", r->baselines.random, r->baselines.constant);
    fprintf(r->log, ",\"evaluations\":%" PRIu64 ",\"updates\":%" PRIu64 ",\"seconds\":%.6f}\n", evaluations, updates,
            seconds);
}

/* ---- a generation ---- */

/* A piece of the generation. Begin with the last jobs: validations are the longest, so
 * the pool ends level. */
static void run_piece(void *shared, uint32_t thread, uint32_t piece) {
    mdl_runner *r = shared;
    mdl_job job[MDL_TOGETHER_MAX];
    uint32_t jobs = mdl_evolution_job_count(r->evolution), count = r->piece[piece + 1] - r->piece[piece];
    uint32_t first = jobs - r->piece[piece + 1];
    for (uint32_t i = 0; i < count; i++)
        mdl_evolution_job(r->evolution, first + i, &job[i], r->genome[thread] + (size_t)i * r->layout.genes);
    mdl_life_jobs(r->life[thread], job, r->genome[thread], count, r->result + first, r->updates + first);
}

typedef struct watcher {
    mdl_runner *runner;
    mdl_progress *progress;
    const volatile sig_atomic_t *stop;
    uint32_t jobs;
} watcher;

static double describe(const watcher *w, uint32_t done, char *text, size_t size) {
    const mdl_runner *r = w->runner;
    const mdl_evolution_spec *s = &r->file->experiment.evolution;
    uint32_t generation = mdl_evolution_generation(r->evolution);
    int64_t best = 0, mean = 0, validation;
    for (uint32_t k = 0; k < s->islands; k++) {
        int64_t b, m;
        mdl_evolution_last(r->evolution, k, &b, &m);
        best = k == 0 || b > best ? b : best;
        mean = k == 0 || m > mean ? m : mean;
    }
    int used = snprintf(text, size, "generation %" PRIu32 "/%" PRIu32 "  best %.4g  mean %.4g", generation,
                        s->generations, (double)best / (1e6 * s->episodes), (double)mean / (1e6 * s->episodes));
    if (used > 0 && (size_t)used < size &&
        mdl_evolution_champion(r->evolution, UINT32_MAX, NULL, NULL, NULL, &validation) == MDL_OK)
        snprintf(text + used, size - (size_t)used, "  validation %.4g",
                 (double)validation / (1e6 * s->validate_episodes));
    double part = w->jobs ? (double)done / w->jobs : 0;
    return (generation + part) / s->generations;
}

static int watch(void *arg, uint32_t done) {
    const watcher *w = arg;
    char text[160];
    double fraction = describe(w, w->jobs ? w->runner->piece[done] : 0, text, sizeof text);
    mdl_progress_show(w->progress, fraction, text);
    return w->stop && *w->stop;
}

/* 1 when it was closed, 0 when stopped. */
static int run_generation(mdl_runner *r, watcher *w) {
    uint32_t generation = mdl_evolution_generation(r->evolution), jobs = mdl_evolution_job_count(r->evolution);
    const mdl_evolution_spec *s = &r->file->experiment.evolution;
    double began = mdl_seconds();
    MDL_ASSERT(jobs <= r->result_capacity);
    w->jobs = jobs;
    uint64_t updates = 0, evaluations = 0;
    uint32_t candidates = 0;
    for (uint32_t k = 0; k < s->islands; k++)
        candidates += s->island[k].population;
    uint32_t pieces = mdl_pool_cut(r->piece, jobs, jobs - candidates, r->together, r->threads);
    if (!mdl_pool_run(r->pool, pieces, run_piece, r, watch, w))
        return 0;
    for (uint32_t i = 0; i < jobs; i++)
        updates += r->updates[i];
    int validated = jobs > candidates;
    evaluations = candidates;
    mdl_err err = mdl_evolution_advance(r->evolution, r->result, jobs);
    MDL_ASSERT(err == MDL_OK); /* fitness of a life is bounded far below the limit */
    double seconds = mdl_seconds() - began;
    r->evaluations += evaluations;
    r->synapse_updates += updates;
    r->seconds += seconds;
    log_generation(r, generation, evaluations, updates, seconds, validated, jobs);
    return 1;
}

mdl_err mdl_runner_go(mdl_runner *r, uint32_t stop_after, const volatile sig_atomic_t *stop, int quiet,
                      mdl_run_end *end, char *error, size_t error_size) {
    mdl_progress progress;
    watcher w = {r, &progress, stop, 0};
    uint32_t total = r->file->experiment.evolution.generations;
    mdl_progress_begin(&progress, (double)r->resumed / total, quiet);
    r->saved_s = mdl_seconds();
    mdl_err err = MDL_OK;
    while (err == MDL_OK && !mdl_evolution_done(r->evolution) && mdl_evolution_generation(r->evolution) < stop_after) {
        if ((stop && *stop) || !run_generation(r, &w))
            break;
        w.jobs = 0;
        watch(&w, 0);
        if (mdl_seconds() - r->saved_s >= r->save_every_s)
            err = save_state(r, error, error_size);
    }
    w.jobs = 0;
    char text[160];
    double fraction = describe(&w, 0, text, sizeof text);
    mdl_progress_end(&progress, fraction, text);
    *end = mdl_evolution_done(r->evolution) ? MDL_RUN_DONE : MDL_RUN_STOPPED;
    return err == MDL_OK ? save_state(r, error, error_size) : err;
}

/* ---- open and close ---- */

/* The directory's experiment must be this one, byte for byte. */
static mdl_err claim_directory(mdl_runner *r, char *error, size_t error_size) {
    mdl_err err = mdl_make_directories(r->directory, error, error_size);
    char *path = err == MDL_OK ? mdl_path_join(r->directory, "experiment.json") : NULL;
    uint8_t *bytes = NULL;
    size_t size;
    if (err == MDL_OK && !path) {
        snprintf(error, error_size, "%s: out of memory", r->directory);
        err = MDL_ENOMEM;
    }
    if (err == MDL_OK)
        err = mdl_file_read(path, MDL_EXPERIMENT_BYTES_MAX, &bytes, &size, error, error_size);
    if (err == MDL_ENOENT && path) {
        err = mdl_file_write(path, r->file->bytes, r->file->size, error, error_size);
    } else if (err == MDL_OK && (size != r->file->size || memcmp(bytes, r->file->bytes, size) != 0)) {
        snprintf(error, error_size, "%s is another experiment; give --out another directory", path);
        err = MDL_EMISMATCH;
    }
    free(bytes);
    free(path);
    return err;
}

static mdl_err take_memory(mdl_runner *r, uint32_t threads) {
    const mdl_experiment *x = &r->file->experiment;
    int bad = mdl_genome_layout_of(x, &r->layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    uint32_t genes = r->layout.genes;
    MDL_ASSERT(genes > 0 && threads > 0);
    r->prior = malloc(2 * (size_t)genes * sizeof *r->prior);
    void *memory = mdl_aligned(mdl_evolution_bytes(&x->evolution, genes));
    r->result_capacity = x->evolution.islands;
    for (uint32_t k = 0; k < x->evolution.islands; k++)
        r->result_capacity += x->evolution.island[k].population;
    MDL_ASSERT(r->result_capacity > 0);
    threads = threads < r->result_capacity ? threads : r->result_capacity; /* more would find no job */
    r->result = malloc(r->result_capacity * sizeof *r->result);
    r->updates = malloc(r->result_capacity * sizeof *r->updates);
    r->piece = malloc((r->result_capacity + 1) * sizeof *r->piece);
    r->life = calloc(threads, sizeof(mdl_life *));
    r->genome = calloc(threads, sizeof(float *));
    if (!r->prior || !memory || !r->result || !r->updates || !r->piece || !r->life || !r->genome) {
        free(memory);
        return MDL_ENOMEM;
    }
    r->threads = threads;
    mdl_gene_prior prior = mdl_genome_search_prior(x, &r->layout, r->prior);
    r->evolution = mdl_evolution_init(memory, &x->evolution, &prior);
    for (uint32_t t = 0; t < threads; t++) {
        r->life[t] = mdl_life_new(x, r->life[0]);
        if (!r->life[t])
            return MDL_ENOMEM;
        r->together = mdl_life_together(r->life[t], x->evolution.episodes);
        r->genome[t] = malloc((size_t)r->together * genes * sizeof(float));
        if (!r->genome[t])
            return MDL_ENOMEM;
    }
    return mdl_pool_open(&r->pool, threads);
}

mdl_err mdl_runner_open(mdl_runner *r, const mdl_experiment_file *file, const char *directory, uint32_t threads,
                        char *error, size_t error_size) {
    memset(r, 0, sizeof *r);
    r->file = file;
    r->save_every_s = 1.0;
    size_t size = strlen(directory) + 1;
    r->directory = malloc(size);
    mdl_err err = r->directory ? MDL_OK : MDL_ENOMEM;
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s: out of memory", directory);
    } else {
        memcpy(r->directory, directory, size);
        err = claim_directory(r, error, error_size);
    }
    if (err == MDL_OK)
        err = open_log(r, error, error_size);
    if (err == MDL_OK) {
        err = take_memory(r, threads);
        if (err != MDL_OK)
            snprintf(error, error_size, "%s: %s for %" PRIu32 " threads", file->experiment.name, mdl_strerror((int)err),
                     threads);
    }
    if (err == MDL_OK)
        err = load_state(r, error, error_size);
    if (err == MDL_OK)
        err = cut_log(r, error, error_size);
    if (err == MDL_OK)
        mdl_baselines_of(&file->experiment, &r->baselines);
    if (err != MDL_OK)
        mdl_runner_close(r);
    return err;
}

void mdl_runner_close(mdl_runner *r) {
    mdl_pool_close(r->pool);
    for (uint32_t t = 0; t < r->threads; t++) {
        free(r->life[t]);
        free(r->genome[t]);
    }
    free(r->life);
    free(r->genome);
    free(r->evolution);
    free(r->prior);
    free(r->result);
    free(r->updates);
    free(r->piece);
    if (r->log)
        fclose(r->log);
    free(r->directory);
    memset(r, 0, sizeof *r);
}
