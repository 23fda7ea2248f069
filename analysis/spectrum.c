#include "analysis/spectrum.h"

#include <complex.h>
#include <fftw3.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/stats.h"
#include "core/philox.h"

#define PI 3.14159265358979323846

enum { PHASE_BINS = 18 };

mdl_err mdl_welch(const double *x, size_t n, size_t segment, double *power) {
    if (segment < 8 || segment % 2 != 0 || n < segment || segment > 1u << 24)
        return MDL_ESIZE;
    double *in = fftw_alloc_real(segment);
    fftw_complex *out = fftw_alloc_complex(segment / 2 + 1);
    fftw_plan plan = in && out ? fftw_plan_dft_r2c_1d((int)segment, in, out, FFTW_ESTIMATE) : NULL;
    mdl_err err = plan ? MDL_OK : MDL_ENOMEM;
    size_t segments = 0;
    double window = 0.0;
    for (size_t i = 0; i <= segment / 2; i++)
        power[i] = 0.0;
    for (size_t i = 0; i < segment; i++) {
        double w = 0.5 - 0.5 * cos(2.0 * PI * (double)i / (double)segment);
        window += w * w;
    }
    for (size_t at = 0; err == MDL_OK && at + segment <= n; at += segment / 2, segments++) {
        double mean = mdl_stat_mean(x + at, segment);
        for (size_t i = 0; i < segment; i++)
            in[i] = (x[at + i] - mean) * (0.5 - 0.5 * cos(2.0 * PI * (double)i / (double)segment));
        fftw_execute(plan);
        for (size_t i = 0; i <= segment / 2; i++) {
            double re = creal(out[i]), im = cimag(out[i]), sides = i == 0 || i == segment / 2 ? 1.0 : 2.0;
            power[i] += sides * (re * re + im * im) / window;
        }
    }
    for (size_t i = 0; segments > 0 && i <= segment / 2; i++)
        power[i] /= (double)segments;
    if (plan)
        fftw_destroy_plan(plan);
    fftw_free(in);
    fftw_free(out);
    return err;
}

double mdl_spectrum_peak(const double *power, size_t segment, double lo, double hi) {
    double best = -1.0, at = 0.0;
    for (size_t i = 0; i <= segment / 2; i++) {
        double f = (double)i / (double)segment;
        if (f >= lo && f <= hi && power[i] > best) {
            best = power[i];
            at = f;
        }
    }
    return at;
}

/* 1 inside lo..hi, falling to 0 over `edge` outside. */
static double pass(double f, double lo, double hi) {
    double edge = 0.2 * (hi - lo), off = f < lo ? lo - f : f > hi ? f - hi : 0.0;
    return off >= edge ? 0.0 : 0.5 + 0.5 * cos(PI * off / edge);
}

mdl_err mdl_analytic(const double *x, size_t n, double lo, double hi, double *phase, double *amplitude) {
    if (n < 8 || n > 1u << 28)
        return MDL_ESIZE;
    if (!(lo >= 0.0 && lo < hi && hi <= 0.5))
        return MDL_ERANGE;
    fftw_complex *data = fftw_alloc_complex(n);
    fftw_plan forth = data ? fftw_plan_dft_1d((int)n, data, data, FFTW_FORWARD, FFTW_ESTIMATE) : NULL;
    fftw_plan back = data ? fftw_plan_dft_1d((int)n, data, data, FFTW_BACKWARD, FFTW_ESTIMATE) : NULL;
    mdl_err err = forth && back ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK) {
        double mean = mdl_stat_mean(x, n);
        for (size_t t = 0; t < n; t++)
            data[t] = x[t] - mean;
        fftw_execute(forth);
        for (size_t i = 0; i < n; i++) {
            double f = (double)i / (double)n, sides = i == 0 || f > 0.5 ? 0.0 : 2 * i == n ? 1.0 : 2.0;
            data[i] *= sides * pass(f, lo, hi) / (double)n;
        }
        fftw_execute(back);
        for (size_t t = 0; t < n; t++) {
            if (phase)
                phase[t] = carg(data[t]);
            if (amplitude)
                amplitude[t] = cabs(data[t]);
        }
    }
    if (forth)
        fftw_destroy_plan(forth);
    if (back)
        fftw_destroy_plan(back);
    fftw_free(data);
    return err;
}

static size_t bin_of(double phase) {
    long bin = (long)((phase + PI) / (2.0 * PI) * PHASE_BINS);
    return bin < 0 ? 0 : bin >= PHASE_BINS ? PHASE_BINS - 1 : (size_t)bin;
}

/* Tort's index of amplitude[t] over phase[t]. */
static double modulation_index(const double *phase, const double *amplitude, size_t n) {
    double sum[PHASE_BINS] = {0}, count[PHASE_BINS] = {0}, total = 0.0, entropy = 0.0;
    for (size_t t = 0; t < n; t++) {
        size_t bin = bin_of(phase[t]);
        sum[bin] += amplitude[t];
        count[bin] += 1.0;
    }
    for (int b = 0; b < PHASE_BINS; b++) {
        sum[b] = count[b] > 0.0 ? sum[b] / count[b] : 0.0;
        total += sum[b];
    }
    for (int b = 0; b < PHASE_BINS; b++)
        if (sum[b] > 0.0)
            entropy -= sum[b] / total * log(sum[b] / total);
    return total > 0.0 ? 1.0 - entropy / log((double)PHASE_BINS) : 0.0;
}

/* A stretch of `amplitude` as long as the middle half, moved in time. */
static void take_moved(const double *amplitude, size_t n, mdl_stream *rng, double *out) {
    size_t quarter = n / 4, nearest = n / 20;
    size_t lag = nearest + mdl_draw_below(rng, (uint32_t)(quarter - nearest + 1));
    memcpy(out, amplitude + (mdl_draw_u32(rng) & 1u ? quarter + lag : quarter - lag), n / 2 * sizeof *out);
}

/* The middle half in pieces of `block` steps, from a drawn start, in drawn order. */
static void take_pieces(const double *amplitude, size_t n, size_t block, mdl_stream *rng, double *out) {
    size_t used = n / 2, pieces = used / block, start = mdl_draw_below(rng, (uint32_t)used), at = 0;
    size_t left = pieces;
    uint8_t *taken = (uint8_t *)(out + used);
    memset(taken, 0, pieces);
    for (; left > 0; left--) {
        size_t skip = mdl_draw_below(rng, (uint32_t)left), k = 0;
        for (; taken[k] || skip > 0; k++)
            skip -= !taken[k];
        taken[k] = 1;
        for (size_t t = 0; t < block; t++)
            out[at++] = amplitude[n / 4 + (start + k * block + t) % used];
    }
    for (; at < used; at++) /* what no whole piece covers stays at the end */
        out[at] = amplitude[n / 4 + (start + at) % used];
}

mdl_err mdl_pac_of(const double *phase, const double *amplitude, size_t n, size_t block, uint32_t surrogates,
                   uint64_t seed, mdl_pac *out) {
    if (n < 80 || n > UINT32_MAX || block > n / 8)
        return MDL_ESIZE;
    size_t quarter = n / 4, used = n / 2;
    double *shuffled = malloc((surrogates + 2 * used + 1) * sizeof *shuffled), *moved = shuffled + surrogates;
    if (!shuffled)
        return MDL_ENOMEM;
    double re = 0.0, im = 0.0, sum = 0.0;
    for (size_t t = quarter; t < quarter + used; t++) {
        re += amplitude[t] * cos(phase[t]);
        im += amplitude[t] * sin(phase[t]);
        sum += amplitude[t];
    }
    out->vector = sum > 0.0 ? hypot(re, im) / sum : 0.0;
    out->preferred = atan2(im, re);
    out->modulation = modulation_index(phase + quarter, amplitude + quarter, used);
    uint32_t above = 0;
    mdl_stream rng = {seed, 0};
    out->high_shuffled = 0.0;
    for (uint32_t i = 0; i < surrogates; i++) {
        if (block > 0)
            take_pieces(amplitude, n, block, &rng, moved);
        else
            take_moved(amplitude, n, &rng, moved);
        shuffled[i] = modulation_index(phase + quarter, moved, used);
        above += shuffled[i] >= out->modulation;
        out->high_shuffled = fmax(out->high_shuffled, shuffled[i]);
    }
    double sd = mdl_stat_sd(shuffled, surrogates);
    out->mean_shuffled = mdl_stat_mean(shuffled, surrogates);
    out->z = sd > 0.0 ? (out->modulation - out->mean_shuffled) / sd : 0.0;
    out->p = (1.0 + above) / (1.0 + surrogates);
    free(shuffled);
    return MDL_OK;
}

mdl_err mdl_pac_signal(const double *x, size_t n, const double slow[2], const double fast[2], size_t block,
                       uint32_t surrogates, uint64_t seed, mdl_pac *out) {
    double *room = malloc((2 * n + 1) * sizeof *room);
    if (!room)
        return MDL_ENOMEM;
    mdl_err err = mdl_analytic(x, n, slow[0], slow[1], room, NULL);
    if (err == MDL_OK)
        err = mdl_analytic(x, n, fast[0], fast[1], NULL, room + n);
    if (err == MDL_OK)
        err = mdl_pac_of(room, room + n, n, block, surrogates, seed, out);
    free(room);
    return err;
}

double mdl_plv(const double *a, const double *b, size_t n) {
    double re = 0.0, im = 0.0;
    for (size_t t = 0; t < n; t++) {
        re += cos(a[t] - b[t]);
        im += sin(a[t] - b[t]);
    }
    return n > 0 ? hypot(re, im) / (double)n : 0.0;
}

void mdl_kuramoto(const double *phase, size_t count, size_t n, double *mean, double *sd) {
    double sum = 0.0, squares = 0.0;
    for (size_t t = 0; t < n; t++) {
        double re = 0.0, im = 0.0;
        for (size_t k = 0; k < count; k++) {
            re += cos(phase[k * n + t]);
            im += sin(phase[k * n + t]);
        }
        double r = count > 0 ? hypot(re, im) / (double)count : 0.0;
        sum += r;
        squares += r * r;
    }
    *mean = n > 0 ? sum / (double)n : 0.0;
    double variance = n > 0 ? squares / (double)n - *mean * *mean : 0.0;
    *sd = variance > 0.0 ? sqrt(variance) : 0.0;
}
