#include "analysis/criticality.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/search.h"
#include "analysis/stats.h"

double mdl_branching_regression(const double *a, size_t n) {
    double slope = 0.0, intercept;
    if (n >= 3)
        mdl_stat_line(a, a + 1, n - 1, &slope, &intercept);
    return slope;
}

typedef struct slopes {
    double r[MDL_LAGS_MAX];
    size_t lags;
} slopes;

/* The best b for this m, and how far b m^k then is from the slopes. */
static double offset_of(const slopes *s, double m, double *error) {
    double rm = 0.0, mm = 0.0, power = 1.0;
    for (size_t k = 0; k < s->lags; k++) {
        power *= m;
        rm += s->r[k] * power;
        mm += power * power;
    }
    double b = mm > 0.0 ? rm / mm : 0.0;
    *error = 0.0;
    power = 1.0;
    for (size_t k = 0; k < s->lags; k++) {
        power *= m;
        *error += (s->r[k] - b * power) * (s->r[k] - b * power);
    }
    return b;
}

static double multistep_error(double m, const void *context) {
    double error;
    offset_of(context, m, &error);
    return error;
}

mdl_err mdl_branching_multistep(const double *a, size_t n, size_t lags, mdl_multistep *out) {
    if (lags < 2 || lags > MDL_LAGS_MAX || n < 2 * lags)
        return MDL_ESIZE;
    if (!(mdl_stat_sd(a, n) > 0.0))
        return MDL_ERANGE;
    slopes s = {.lags = lags};
    double unused, error;
    for (size_t k = 1; k <= lags; k++)
        mdl_stat_line(a, a + k, n - k, &s.r[k - 1], &unused);
    out->m = mdl_search_minimum(multistep_error, &s, 1e-6, 1.2);
    out->b = offset_of(&s, out->m, &error);
    out->time = out->m < 1.0 ? -1.0 / log(out->m) : 0.0;
    out->rms = sqrt(error / (double)lags);
    return MDL_OK;
}

size_t mdl_avalanches(const double *a, size_t n, double threshold, double *size, double *duration) {
    size_t count = 0, t = 0;
    while (t < n && a[t] > threshold) /* began before the record */
        t++;
    while (t < n) {
        while (t < n && !(a[t] > threshold))
            t++;
        size_t start = t;
        double sum = 0.0;
        for (; t < n && a[t] > threshold; t++)
            sum += a[t] - threshold;
        if (t == n)
            break; /* none, or it goes on after the record */
        size[count] = sum;
        duration[count++] = (double)(t - start);
    }
    return count;
}

typedef struct law {
    double lo, hi, mean_log;
    int discrete;
} law;

/* ln of the sum or integral of x^-alpha over lo..to. */
static double log_norm(const law *l, double alpha, double to) {
    if (l->discrete) {
        double sum = 0.0;
        for (size_t i = 0; l->lo + (double)i <= to; i++)
            sum += pow(l->lo + (double)i, -alpha);
        return log(sum);
    }
    double e = 1.0 - alpha;
    if (fabs(e) < 1e-9)
        return log(log(to / l->lo));
    return log((pow(to, e) - pow(l->lo, e)) / e);
}

/* Minus the mean log-likelihood. */
static double cost(double alpha, const void *context) {
    const law *l = context;
    return alpha * l->mean_log + log_norm(l, alpha, l->hi);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Largest distance between the law's distribution function and that of x[n], ascending. */
static double distance(const law *l, double alpha, const double *x, size_t n) {
    double worst = 0.0, whole = exp(log_norm(l, alpha, l->hi)), sum = 0.0;
    size_t at = 0; /* integers from lo on that are in `sum` */
    for (size_t i = 0; i < n;) {
        size_t next = i;
        while (next < n && x[next] == x[i])
            next++;
        double below, upto; /* the law's, just below x[i] and up to it */
        if (l->discrete) {
            for (; l->lo + (double)at < x[i]; at++)
                sum += pow(l->lo + (double)at, -alpha);
            below = sum / whole;
            upto = (sum + pow(x[i], -alpha)) / whole;
        } else {
            below = upto = x[i] > l->lo ? exp(log_norm(l, alpha, x[i])) / whole : 0.0;
        }
        worst = fmax(worst, fabs(below - (double)i / (double)n));
        worst = fmax(worst, fabs(upto - (double)next / (double)n));
        i = next;
    }
    return worst;
}

mdl_err mdl_power_law_fit(const double *x, size_t n, double lo, double hi, int discrete, mdl_power_law *out) {
    if (!(lo > 0.0) || !(hi > lo) || (discrete && (hi - lo >= 1e6 || floor(lo) != lo || floor(hi) != hi)))
        return MDL_ERANGE;
    double *used = malloc((n + 1) * sizeof *used);
    if (!used)
        return MDL_ENOMEM;
    size_t count = 0;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        if (x[i] >= lo && x[i] <= hi) {
            used[count] = discrete ? floor(x[i] + 0.5) : x[i];
            sum += log(used[count++]);
        }
    if (count < 10) {
        free(used);
        return MDL_ESIZE;
    }
    law l = {lo, hi, sum / (double)count, discrete};
    qsort(used, count, sizeof *used, ascending);
    out->n = count;
    out->alpha = mdl_search_minimum(cost, &l, 0.5, 6.0);
    double step = 1e-3, here = cost(out->alpha, &l);
    double curve = (cost(out->alpha + step, &l) - 2.0 * here + cost(out->alpha - step, &l)) / (step * step);
    out->error = curve > 0.0 ? 1.0 / sqrt(curve * (double)count) : 0.0;
    out->ks = distance(&l, out->alpha, used, count);
    free(used);
    return MDL_OK;
}

void mdl_balance_of(const double *excitation, const double *inhibition, size_t n, mdl_balance *out) {
    out->excitation = mdl_stat_mean(excitation, n);
    out->inhibition = mdl_stat_mean(inhibition, n);
    double sum = out->excitation + out->inhibition;
    out->index = sum > 0.0 ? (out->excitation - out->inhibition) / sum : 0.0;
    out->correlation = mdl_stat_correlation(excitation, inhibition, n);
}
