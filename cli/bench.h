/* What the suites of modulon bench share: measuring, medians, output. */
#ifndef MDL_CLI_BENCH_H
#define MDL_CLI_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "core/err.h"

enum { MDL_BENCH_REPEATS = 7, MDL_BENCH_CASES_MAX = 24 };

typedef struct mdl_bench {
    double seconds; /* about, for one case and all its repeats          */
    cJSON *list;    /* results; also printed unless `json`              */
    int json;
    const cJSON *old; /* results of another run to compare with, or NULL  */
    const char *suite;
    mdl_err err; /* MDL_ENOMEM once something did not fit            */
} mdl_bench;

typedef struct mdl_bench_rates {
    double median, lowest, highest;
    double each[MDL_BENCH_REPEATS]; /* in the order measured, for in-run ratios */
} mdl_bench_rates;

/* One thing to measure: `run` does a batch and says how many units that was. */
typedef struct mdl_bench_case {
    double (*run)(void *ctx);
    void *ctx;
    double (*clock)(void); /* mdl_bench_cpu_s or mdl_bench_wall_s */
    mdl_bench_rates rates; /* out: units per second */
} mdl_bench_case;

double mdl_bench_cpu_s(void); /* of this thread */
double mdl_bench_wall_s(void);
double mdl_bench_process_s(void); /* CPU of all threads */

/* Warm up, then MDL_BENCH_REPEATS rounds in which every case has its turn: what
 * disturbs one disturbs its neighbours too, so ratios hold. */
void mdl_bench_run(const mdl_bench *b, mdl_bench_case *cases, size_t count);

/* a[i] / b[i] of each round, with median and range; the median alone. */
mdl_bench_rates mdl_bench_ratios(const mdl_bench_rates *a, const mdl_bench_rates *b);
double mdl_bench_ratio(const mdl_bench_rates *a, const mdl_bench_rates *b);

/* Print and keep one result. `kernel` may be NULL. Returns its JSON object for
 * more fields, or NULL (out of memory, noted in b->err). */
cJSON *mdl_bench_show(mdl_bench *b, const char *name, const char *kernel, const char *unit,
                      const mdl_bench_rates *rates);
/* A result that is one number, e.g. a ratio. */
void mdl_bench_number(mdl_bench *b, const char *name, const char *kernel, const char *unit, double value);

/* The suites. `experiment`: a file whose network is measured too, or NULL. */
void mdl_bench_kernel(mdl_bench *b, const char *experiment, const uint32_t *neurons);
void mdl_bench_unit(mdl_bench *b);
void mdl_bench_threads(mdl_bench *b);
void mdl_bench_crypto(mdl_bench *b);
void mdl_bench_ledger(mdl_bench *b);
void mdl_bench_protocol(mdl_bench *b);

#endif
