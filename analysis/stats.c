#include "analysis/stats.h"

#include <math.h>
#include <stdlib.h>

double mdl_stat_mean(const double *x, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : 0.0;
}

double mdl_stat_sd(const double *x, size_t n) {
    if (n < 2)
        return 0.0;
    double mean = mdl_stat_mean(x, n), sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return sqrt(sum / (double)(n - 1));
}

/* Sums of squares and products about the means. */
static void moments(const double *x, const double *y, size_t n, double *xx, double *xy, double *yy) {
    double mx = mdl_stat_mean(x, n), my = mdl_stat_mean(y, n);
    *xx = *xy = *yy = 0.0;
    for (size_t i = 0; i < n; i++) {
        *xx += (x[i] - mx) * (x[i] - mx);
        *xy += (x[i] - mx) * (y[i] - my);
        *yy += (y[i] - my) * (y[i] - my);
    }
}

double mdl_stat_correlation(const double *x, const double *y, size_t n) {
    double xx, xy, yy;
    moments(x, y, n, &xx, &xy, &yy);
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : 0.0;
}

void mdl_stat_line(const double *x, const double *y, size_t n, double *slope, double *intercept) {
    double xx, xy, yy;
    moments(x, y, n, &xx, &xy, &yy);
    *slope = xx > 0.0 ? xy / xx : 0.0;
    *intercept = mdl_stat_mean(y, n) - *slope * mdl_stat_mean(x, n);
}

/* 97.5 % quantile of Student's t with `df` >= 1 degrees of freedom: a table, then
 * the Cornish-Fisher expansion around the normal quantile. */
static double student(size_t df) {
    static const double t[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                               2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                               2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    if (df <= sizeof t / sizeof t[0])
        return t[df - 1];
    double z = 1.959964, n = (double)df;
    return z + (z * z * z + z) / (4.0 * n);
}

mdl_interval mdl_stat_interval(const double *x, size_t n) {
    mdl_interval v = {.mean = mdl_stat_mean(x, n), .n = n};
    double half = n < 2 ? 0.0 : student(n - 1) * mdl_stat_sd(x, n) / sqrt((double)n);
    v.lo = v.mean - half;
    v.hi = v.mean + half;
    return v;
}

static void ranks(const double *x, size_t n, double *rank) {
    for (size_t i = 0; i < n; i++) {
        size_t below = 0, equal = 0;
        for (size_t k = 0; k < n; k++) {
            below += x[k] < x[i];
            equal += x[k] == x[i];
        }
        rank[i] = (double)below + ((double)equal + 1.0) / 2.0;
    }
}

double mdl_stat_spearman(const double *x, const double *y, size_t n) {
    double *rank = malloc((2 * n + 1) * sizeof *rank);
    if (!rank)
        return NAN;
    ranks(x, n, rank);
    ranks(y, n, rank + n);
    double r = mdl_stat_correlation(rank, rank + n, n);
    free(rank);
    return r;
}
