/* Measuring: rounds of all cases in turn, medians, JSON, comparison. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds_of(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double mdl_bench_cpu_s(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }
double mdl_bench_process_s(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }
double mdl_bench_wall_s(void) { return seconds_of(CLOCK_MONOTONIC); }

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *values, double *lowest, double *highest) {
    double sorted[MDL_BENCH_REPEATS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, MDL_BENCH_REPEATS, sizeof *sorted, ascending);
    *lowest = sorted[0];
    *highest = sorted[MDL_BENCH_REPEATS - 1];
    return sorted[MDL_BENCH_REPEATS / 2];
}

static double rate(const mdl_bench_case *c, double seconds) {
    double began = c->clock(), spent, units = 0.0;
    do {
        units += c->run(c->ctx);
        spent = c->clock() - began;
    } while (spent < seconds);
    return units / spent;
}

void mdl_bench_run(const mdl_bench *b, mdl_bench_case *cases, size_t count) {
    double each = b->seconds / (MDL_BENCH_REPEATS + 1);
    for (int round = -1; round < MDL_BENCH_REPEATS; round++)
        for (size_t i = 0; i < count; i++) {
            double r = rate(&cases[i], each);
            if (round >= 0)
                cases[i].rates.each[round] = r;
        }
    for (size_t i = 0; i < count; i++) {
        mdl_bench_rates *r = &cases[i].rates;
        r->median = median_of(r->each, &r->lowest, &r->highest);
    }
}

mdl_bench_rates mdl_bench_ratios(const mdl_bench_rates *a, const mdl_bench_rates *b) {
    mdl_bench_rates r;
    for (int i = 0; i < MDL_BENCH_REPEATS; i++)
        r.each[i] = a->each[i] / b->each[i];
    r.median = median_of(r.each, &r.lowest, &r.highest);
    return r;
}

double mdl_bench_ratio(const mdl_bench_rates *a, const mdl_bench_rates *b) { return mdl_bench_ratios(a, b).median; }

static int same_text(const cJSON *a, const char *key, const char *text) {
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(a, key);
    return text ? cJSON_IsString(s) && strcmp(s->valuestring, text) == 0 : s == NULL;
}

/* The median of the same result in the run compared with; 0 where it has none. */
static double old_median(const mdl_bench *b, const char *name, const char *kernel, const char *unit) {
    const cJSON *o;
    cJSON_ArrayForEach(o, b->old) {
        const cJSON *median = cJSON_GetObjectItemCaseSensitive(o, "median");
        if (same_text(o, "suite", b->suite) && same_text(o, "case", name) && same_text(o, "kernel", kernel) &&
            same_text(o, "unit", unit) && cJSON_IsNumber(median))
            return median->valuedouble;
    }
    return 0.0;
}

cJSON *mdl_bench_show(mdl_bench *b, const char *name, const char *kernel, const char *unit,
                      const mdl_bench_rates *rates) {
    double before = old_median(b, name, kernel, unit);
    if (!b->json) {
        printf("%-8s %-32s %-9s %10.4g %-15s", b->suite, name, kernel ? kernel : "", rates->median, unit);
        if (rates->highest > rates->lowest)
            printf(" [%.4g, %.4g]", rates->lowest, rates->highest);
        if (before > 0.0)
            printf("  %.3f of the old", rates->median / before);
        putchar('\n');
        fflush(stdout);
    }
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddStringToObject(o, "suite", b->suite) || !cJSON_AddStringToObject(o, "case", name) ||
        (kernel && !cJSON_AddStringToObject(o, "kernel", kernel)) || !cJSON_AddStringToObject(o, "unit", unit) ||
        !cJSON_AddNumberToObject(o, "median", rates->median) || !cJSON_AddNumberToObject(o, "lowest", rates->lowest) ||
        !cJSON_AddNumberToObject(o, "highest", rates->highest) ||
        (before > 0.0 && !cJSON_AddNumberToObject(o, "of_old", rates->median / before)) ||
        !cJSON_AddItemToArray(b->list, o)) {
        cJSON_Delete(o);
        b->err = MDL_ENOMEM;
        return NULL;
    }
    return o;
}

void mdl_bench_number(mdl_bench *b, const char *name, const char *kernel, const char *unit, double value) {
    mdl_bench_rates r = {.median = value, .lowest = value, .highest = value};
    mdl_bench_show(b, name, kernel, unit, &r);
}
