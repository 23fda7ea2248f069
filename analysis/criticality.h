/* How near a network's activity is to criticality: branching ratio, avalanches,
 * power laws. Pure; libm.
 *
 * Activity a(t) is a count or a sum over neurons, one value a step. In a
 * branching process with m offspring per active unit and a drive h,
 * E[a(t+1) | a(t)] = m a(t) + h; m = 1 is critical. */
#ifndef MDL_ANALYSIS_CRITICALITY_H
#define MDL_ANALYSIS_CRITICALITY_H

#include <stddef.h>

#include "core/err.h"

/* m as the slope of a(t+1) over a(t). Biased towards 0 when only a part of the
 * neurons is counted. 0 for fewer than three values or constant activity. */
double mdl_branching_regression(const double *a, size_t n);

/* The multistep regression estimator (Wilting and Priesemann 2018): slopes r_k of
 * a(t+k) over a(t) for k = 1..lags follow b m^k; counting only a part of the
 * neurons changes b and not m. */
typedef struct mdl_multistep {
    double m;    /* branching ratio, 0..1.2                    */
    double b;    /* 1 when every neuron is counted             */
    double time; /* autocorrelation time in steps, -1 / ln m; 0 when m is not in 0..1 */
    double rms;  /* of r_k - b m^k                             */
} mdl_multistep;
enum { MDL_LAGS_MAX = 512 };
/* lags 2..MDL_LAGS_MAX. MDL_ESIZE when n < 2 lags, MDL_ERANGE when activity is constant. */
mdl_err mdl_branching_multistep(const double *a, size_t n, size_t lags, mdl_multistep *out);

/* Avalanches: runs of steps with a(t) > threshold, a silent step before and
 * after. size[i]: sum of a(t) - threshold; duration[i]: steps. Both have room for
 * n / 2 + 1. Returns how many; runs cut by either end do not count. */
size_t mdl_avalanches(const double *a, size_t n, double threshold, double *size, double *duration);

/* p(x) ~ x^-alpha on lo..hi by maximum likelihood, over the values that lie
 * there; integers when `discrete` (lo, hi integers, hi - lo < 10^6). */
typedef struct mdl_power_law {
    double alpha; /* 0.5..6, bounds of the search                      */
    double error; /* standard error by the curvature of the likelihood */
    double ks;    /* largest distance of the distribution functions    */
    size_t n;     /* values used                                       */
} mdl_power_law;
/* MDL_ESIZE with fewer than 10 values in range, MDL_ERANGE unless 0 < lo < hi. */
mdl_err mdl_power_law_fit(const double *x, size_t n, double lo, double hi, int discrete, mdl_power_law *out);

/* Excitation against inhibition, both >= 0, step by step. */
typedef struct mdl_balance {
    double excitation, inhibition; /* means                                     */
    double index;                  /* (E - I) / (E + I) of the means: 0 balanced; 0 when both are 0 */
    double correlation;            /* of the two in time: tight balance near 1  */
} mdl_balance;
void mdl_balance_of(const double *excitation, const double *inhibition, size_t n, mdl_balance *out);

#endif
