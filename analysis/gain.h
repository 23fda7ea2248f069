/* Activation functions of populations: a sigmoid fitted to measured responses,
 * and the time scale of a response. Pure; libm. */
#ifndef MDL_ANALYSIS_GAIN_H
#define MDL_ANALYSIS_GAIN_H

#include <stddef.h>

#include "core/err.h"

/* y(x) = base + amplitude / (1 + exp(-(x - threshold) / width)). */
typedef struct mdl_gain_curve {
    double base, amplitude;
    double threshold; /* of half height                        */
    double width;     /* > 0                                   */
    double slope;     /* steepest, at the threshold: amplitude / (4 width) */
    double rms;       /* of what the curve leaves              */
} mdl_gain_curve;

/* Least squares (Levenberg and Marquardt) over n >= 5 points, x ascending.
 * MDL_ESIZE; MDL_ERANGE when y does not vary. */
mdl_err mdl_gain_fit(const double *x, const double *y, size_t n, mdl_gain_curve *out);
double mdl_gain_at(const mdl_gain_curve *g, double x);

/* The time scale of a step response y[0..n) that ends settled: the mean over the
 * last tenth is its goal, y[0] its start; the integral of the part still missing,
 * in steps. For a chain of first-order filters that is the sum of their time
 * constants. 0 when nothing changes. */
double mdl_response_time(const double *y, size_t n);

#endif
