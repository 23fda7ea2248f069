/* Jobs of a generation for modulon bench, on one thread and on several. */
#ifndef MDL_CLI_BENCH_UNITS_H
#define MDL_CLI_BENCH_UNITS_H

#include "cli/bench.h"
#include "protocol/unit.h"
#include "runtime/pool.h"
#include "runtime/runner.h"

typedef struct mdl_bench_units {
    mdl_experiment_file file;
    mdl_genome_layout layout;
    mdl_evolution *evolution;
    uint32_t threads;
    mdl_life **life; /* [threads] */
    float **genome;  /* [threads] scratch of `together` candidates */
    float *prior;
    uint32_t next, jobs, together;
    uint32_t *piece; /* [jobs + 1] as mdl_pool_cut cuts them */
} mdl_bench_units;

/* A valid experiment of at most 1,024 jobs a generation, with memory for 1 or more
 * threads. MDL_ENOMEM; close it in any case. */
mdl_err mdl_bench_units_open(mdl_bench_units *u, const char *json, uint32_t threads);
void mdl_bench_units_close(mdl_bench_units *u);

/* Cut the generation for so many threads; returns the pieces, each for one call of */
uint32_t mdl_bench_units_cut(mdl_bench_units *u, uint32_t threads);
/* which runs and digests the jobs of piece i with the memory of a thread. */
void mdl_bench_units_piece(mdl_bench_units *u, uint32_t thread, uint32_t i);

#endif
