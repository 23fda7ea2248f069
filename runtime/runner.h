/* Evolution on this machine: an experiment, a directory that survives a kill at
 * any instant, a pool of threads. What is saved depends on the experiment
 * alone, never on threads, interruptions or the clock (log.jsonl's seconds
 * aside).
 *
 * The directory holds
 *   experiment.json   the exact bytes whose SHA-256 is the experiment's id
 *   state.bin         "MDLRUN1\0", id, evaluations u64, updates u64, the state of
 *                     core/evolution.h, and the BLAKE2b-256 of all that
 *   log.jsonl         one line a generation; never behind state.bin
 */
#ifndef MDL_RUNTIME_RUNNER_H
#define MDL_RUNTIME_RUNNER_H

#include <signal.h>
#include <stdio.h>

#include "core/life.h"
#include "runtime/policy.h"
#include "runtime/pool.h"
#include "runtime/progress.h"

/* An experiment and the bytes it was read from. */
typedef struct mdl_experiment_file {
    mdl_experiment experiment;
    uint8_t *bytes; /* NUL after the last; free with mdl_experiment_file_close() */
    size_t size;
} mdl_experiment_file;

/* Read and check a file. MDL_E* with a sentence in `error`, the file then empty. */
mdl_err mdl_experiment_file_read(mdl_experiment_file *f, const char *path, char *error, size_t error_size);
/* The same from bytes; `name` stands for the path in `error`. Takes a copy. */
mdl_err mdl_experiment_file_parse(mdl_experiment_file *f, const char *name, const void *bytes, size_t size, char *error,
                                  size_t error_size);
/* The canonical file of an experiment; its id is new. What the parser derives
 * from the seed is derived again. */
mdl_err mdl_experiment_file_of(mdl_experiment_file *f, const mdl_experiment *x, char *error, size_t error_size);
void mdl_experiment_file_close(mdl_experiment_file *f);

typedef struct mdl_runner {
    const mdl_experiment_file *file;
    char *directory;
    mdl_genome_layout layout;
    float *prior; /* mean[genes], sd[genes] */
    mdl_evolution *evolution;
    mdl_pool *pool;
    uint32_t threads;
    mdl_life **life;           /* [threads]        */
    float **genome;            /* [threads][together x genes] */
    uint32_t together, *piece; /* jobs done at once; where the pieces of a generation start */
    int64_t *result;           /* [jobs] */
    uint64_t *updates;
    uint32_t result_capacity;
    mdl_baselines baselines;               /* of the experiment, beside every score */
    uint64_t evaluations, synapse_updates; /* of all closed generations */
    double seconds;                        /* the same, by log.jsonl     */
    FILE *log;
    double saved_s, save_every_s; /* monotonic clock; 1 unless the owner changes it */
    uint32_t resumed;             /* generation that it went on from */
} mdl_runner;

typedef enum mdl_run_end { MDL_RUN_DONE, MDL_RUN_STOPPED } mdl_run_end;

/* Open or make `directory` for this experiment, which is kept by reference, and
 * load what is there. MDL_EMISMATCH: the directory is another experiment's or in
 * use; MDL_EDIGEST, MDL_EMAGIC, MDL_ESIZE...: state.bin is damaged; MDL_EIO,
 * MDL_ENOMEM. `error` names the file. On failure the runner is closed. */
mdl_err mdl_runner_open(mdl_runner *r, const mdl_experiment_file *file, const char *directory, uint32_t threads,
                        char *error, size_t error_size);
/* Run to the end, or until `stop` is set (what is unfinished of a generation is
 * dropped), or until `stop_after` generations are closed. Saves about every
 * save_every_s, and at the end. `stop` may be NULL. */
mdl_err mdl_runner_go(mdl_runner *r, uint32_t stop_after, const volatile sig_atomic_t *stop, int quiet,
                      mdl_run_end *end, char *error, size_t error_size);
void mdl_runner_close(mdl_runner *r);

/* The seconds that a line of log.jsonl gives for this generation: 0..1e9; -1: it is no such line. */
double mdl_runner_line_seconds(const char *line, size_t size, uint32_t generation);

/* directory "/" name, as a new string; NULL when out of memory. */
char *mdl_path_join(const char *directory, const char *name);

#endif
