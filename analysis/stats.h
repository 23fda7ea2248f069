/* Means, regressions and intervals over arrays of numbers. Pure; libm. */
#ifndef MDL_ANALYSIS_STATS_H
#define MDL_ANALYSIS_STATS_H

#include <stddef.h>
#include <stdint.h>

double mdl_stat_mean(const double *x, size_t n);
/* With n - 1; 0 for fewer than two values. */
double mdl_stat_sd(const double *x, size_t n);
/* Pearson's r; 0 when either does not vary. */
double mdl_stat_correlation(const double *x, const double *y, size_t n);
/* Least squares y = intercept + slope x; the slope is 0 when x does not vary. */
void mdl_stat_line(const double *x, const double *y, size_t n, double *slope, double *intercept);

/* Mean over independent repetitions (seeds) and its 95 % interval by Student's t. */
typedef struct mdl_interval {
    double mean, lo, hi; /* lo = hi = mean for fewer than two values */
    size_t n;
} mdl_interval;
mdl_interval mdl_stat_interval(const double *x, size_t n);

/* Ranks from 1, ties averaged, to rank[n], and their correlation (Spearman). MDL_ENOMEM gives NaN. */
double mdl_stat_spearman(const double *x, const double *y, size_t n);

#endif
