/* Spectra, phases and what is coupled by them. Time in steps, frequency in
 * cycles a step (0..0.5). Pure but for FFTW's planner, which is not safe to call
 * from two threads at once. */
#ifndef MDL_ANALYSIS_SPECTRUM_H
#define MDL_ANALYSIS_SPECTRUM_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/* Power density by Welch's method: Hann windows of `segment` steps (even, 8..n),
 * half overlapping, each without its mean. power[i], i = 0..segment/2, belongs to
 * frequency i / segment; its sum over i, divided by `segment`, is the variance.
 * MDL_ESIZE, MDL_ENOMEM. */
mdl_err mdl_welch(const double *x, size_t n, size_t segment, double *power);
/* The frequency with the most power in lo..hi of mdl_welch's result; 0 when none lies there. */
double mdl_spectrum_peak(const double *power, size_t segment, double lo, double hi);

/* The analytic signal of x in the band lo..hi: its phase in -pi..pi and its
 * amplitude. The band's edges fall as a raised cosine over a fifth of its width
 * on either side, so that it does not ring. Either output may be NULL.
 * MDL_ERANGE unless 0 <= lo < hi <= 0.5, MDL_ESIZE when n < 8, MDL_ENOMEM. */
mdl_err mdl_analytic(const double *x, size_t n, double lo, double hi, double *phase, double *amplitude);

/* Phase-amplitude coupling: is the fast band's amplitude tied to the slow band's phase? */
typedef struct mdl_pac {
    double vector;                       /* |mean A e^(i phi)| / mean A: mean vector length, 0..1     */
    double modulation;                   /* Tort's index: 1 - entropy of A over 18 phase bins / ln 18 */
    double preferred;                    /* phase of the mean vector, radians                        */
    double p;                            /* (1 + surrogates with a modulation at least as large) / (1 + surrogates) */
    double z;                            /* modulation against the surrogates' mean and s.d.; 0 when they do not vary */
    double mean_shuffled, high_shuffled; /* modulation of the surrogates: mean and largest */
} mdl_pac;
/* Measured on the middle half of the record, against surrogates drawn by `seed`.
 *   block 0    the amplitude of a stretch as long, n / 20 to n / 4 steps earlier or
 *              later. Nothing is wrapped around, so there is no seam, and the jump
 *              where the record's ends meet in the transform does not pass for
 *              coupling. p <= 0.05 comes up for 5 % of uncoupled signals if the
 *              lags span some 80 slow periods; surrogates of shorter records
 *              resemble each other, and false alarms rise (20 periods: 9 %).
 *   block > 0  the amplitude cut into pieces of `block` steps (at most n / 8) in a
 *              drawn order. For rhythms so regular that moving them in time changes
 *              nothing. The pieces should not be whole slow periods; they are
 *              shorter than chance coincidences last, so false alarms are more.
 * MDL_ESIZE when n < 80, MDL_ENOMEM. */
mdl_err mdl_pac_of(const double *phase, const double *amplitude, size_t n, size_t block, uint32_t surrogates,
                   uint64_t seed, mdl_pac *out);
/* The same, from the signal itself: phase of slow[0]..slow[1], amplitude of fast[0]..fast[1]. */
mdl_err mdl_pac_signal(const double *x, size_t n, const double slow[2], const double fast[2], size_t block,
                       uint32_t surrogates, uint64_t seed, mdl_pac *out);

/* Phase locking value of two phases: |mean e^(i (a - b))|, 0..1. */
double mdl_plv(const double *a, const double *b, size_t n);

/* Kuramoto's order parameter R(t) = |mean over `count` phases of e^(i phi)|:
 * phase[k * n + t]. Its mean over time (synchrony) and s.d. (metastability). */
void mdl_kuramoto(const double *phase, size_t count, size_t n, double *mean, double *sd);

#endif
