/* Signals whose statistics are known, for the tests of analysis. */
#ifndef MDL_TESTS_ANALYSIS_SIGNALS_H
#define MDL_TESTS_ANALYSIS_SIGNALS_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/num.h"
#include "core/philox.h"

#define PI 3.14159265358979323846

static inline double draw_normal(mdl_stream *rng) {
    float a, b;
    mdl_gauss(mdl_draw_u32(rng), mdl_draw_u32(rng), &a, &b);
    return (double)a;
}

/* Poisson by inversion below 30, by the normal law above. */
static inline double draw_poisson(mdl_stream *rng, double mean) {
    if (mean > 30.0)
        return fmax(0.0, floor(mean + sqrt(mean) * draw_normal(rng) + 0.5));
    double u = mdl_draw_unit_f64(rng), p = exp(-mean), sum = p, k = 0.0;
    while (u > sum && k < 500.0) {
        k += 1.0;
        p *= mean / k;
        sum += p;
    }
    return k;
}

static inline double draw_binomial(mdl_stream *rng, double n, double p) {
    double k = 0.0;
    for (double i = 0.0; i < n; i += 1.0)
        k += mdl_draw_unit_f64(rng) < p;
    return k;
}

/* A driven branching process: Poisson(m a + h) active units a step. */
static inline void branching_process(double *a, size_t n, double m, double h, uint64_t seed) {
    mdl_stream rng = {seed, 0};
    double now = h / (1.0 - m);
    for (size_t t = 0; t < n; t++) {
        now = draw_poisson(&rng, m * now + h);
        a[t] = now;
    }
}

static inline void assert_close(double value, double want, double within) {
    if (!(fabs(value - want) <= within))
        fail_msg("%.10g is not within %.3g of %.10g", value, within, want);
}

static inline void assert_between(double value, double lo, double hi) {
    if (!(value >= lo && value <= hi))
        fail_msg("%.10g is not within %.6g..%.6g", value, lo, hi);
}

#endif
