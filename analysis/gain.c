#include "analysis/gain.h"

#include <math.h>

#include "analysis/stats.h"

enum { PARAMETERS = 4, ROUNDS = 500 };

static double curve(const double p[PARAMETERS], double x) { return p[0] + p[1] / (1.0 + exp(-(x - p[2]) / p[3])); }

static double error_of(const double p[PARAMETERS], const double *x, const double *y, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += (y[i] - curve(p, x[i])) * (y[i] - curve(p, x[i]));
    return sum;
}

/* Solve a d = b by elimination with pivots; 0 when singular. */
static int solve(double a[PARAMETERS][PARAMETERS], double b[PARAMETERS], double d[PARAMETERS]) {
    for (int c = 0; c < PARAMETERS; c++) {
        int pivot = c;
        for (int r = c + 1; r < PARAMETERS; r++)
            pivot = fabs(a[r][c]) > fabs(a[pivot][c]) ? r : pivot;
        if (!(fabs(a[pivot][c]) > 1e-300))
            return 0;
        for (int k = 0; k < PARAMETERS; k++) {
            double t = a[c][k];
            a[c][k] = a[pivot][k];
            a[pivot][k] = t;
        }
        double t = b[c];
        b[c] = b[pivot];
        b[pivot] = t;
        for (int r = c + 1; r < PARAMETERS; r++) {
            double f = a[r][c] / a[c][c];
            for (int k = c; k < PARAMETERS; k++)
                a[r][k] -= f * a[c][k];
            b[r] -= f * b[c];
        }
    }
    for (int r = PARAMETERS - 1; r >= 0; r--) {
        d[r] = b[r];
        for (int k = r + 1; k < PARAMETERS; k++)
            d[r] -= a[r][k] * d[k];
        d[r] /= a[r][r];
    }
    return 1;
}

/* One step with damping `lambda` from p to q; 0 when there is none. */
static int step(const double p[PARAMETERS], const double *x, const double *y, size_t n, double lambda,
                double q[PARAMETERS]) {
    double a[PARAMETERS][PARAMETERS] = {{0}}, b[PARAMETERS] = {0}, d[PARAMETERS];
    for (size_t i = 0; i < n; i++) {
        double u = (x[i] - p[2]) / p[3], s = 1.0 / (1.0 + exp(-u)), ds = s * (1.0 - s) * p[1];
        double g[PARAMETERS] = {1.0, s, -ds / p[3], -ds * u / p[3]}, r = y[i] - curve(p, x[i]);
        for (int k = 0; k < PARAMETERS; k++) {
            b[k] += g[k] * r;
            for (int m = 0; m < PARAMETERS; m++)
                a[k][m] += g[k] * g[m];
        }
    }
    for (int k = 0; k < PARAMETERS; k++)
        a[k][k] += lambda * (a[k][k] + 1e-12);
    if (!solve(a, b, d))
        return 0;
    for (int k = 0; k < PARAMETERS; k++)
        q[k] = p[k] + d[k];
    return isfinite(q[0]) && isfinite(q[1]) && isfinite(q[2]) && q[3] > 1e-6 * (x[n - 1] - x[0]);
}

mdl_err mdl_gain_fit(const double *x, const double *y, size_t n, mdl_gain_curve *out) {
    if (n < 5)
        return MDL_ESIZE;
    size_t low = 0, high = 0;
    for (size_t i = 1; i < n; i++) {
        low = y[i] < y[low] ? i : low;
        high = y[i] > y[high] ? i : high;
    }
    if (!(y[high] > y[low]) || !(x[n - 1] > x[0]))
        return MDL_ERANGE;
    double span = x[n - 1] - x[0], best[PARAMETERS] = {y[low], 0.0, x[0], span}, error = INFINITY;
    for (int start = 0; start < 9; start++) { /* thresholds and widths to begin with */
        double p[PARAMETERS] = {y[low], y[high] - y[low], x[0] + span * (0.25 + 0.25 * (start % 3)),
                                span * (start / 3 == 0   ? 0.02
                                        : start / 3 == 1 ? 0.08
                                                         : 0.3)};
        double e = error_of(p, x, y, n), lambda = 1e-2;
        for (int round = 0; round < ROUNDS && lambda < 1e12; round++) {
            double q[PARAMETERS], f;
            if (step(p, x, y, n, lambda, q) && (f = error_of(q, x, y, n)) < e) {
                int done = e - f < 1e-15 * e;
                e = f;
                for (int k = 0; k < PARAMETERS; k++)
                    p[k] = q[k];
                lambda *= 0.3;
                if (done)
                    break;
            } else {
                lambda *= 4.0;
            }
        }
        if (e < error) {
            error = e;
            for (int k = 0; k < PARAMETERS; k++)
                best[k] = p[k];
        }
    }
    *out = (mdl_gain_curve){best[0], best[1], best[2], best[3], best[1] / (4.0 * best[3]), sqrt(error / (double)n)};
    return MDL_OK;
}

double mdl_gain_at(const mdl_gain_curve *g, double x) {
    return g->base + g->amplitude / (1.0 + exp(-(x - g->threshold) / g->width));
}

double mdl_response_time(const double *y, size_t n) {
    if (n < 10)
        return 0.0;
    double goal = mdl_stat_mean(y + (n - n / 10), n / 10), way = goal - y[0], sum = 0.0;
    if (fabs(way) < 1e-12)
        return 0.0;
    for (size_t t = 0; t < n; t++)
        sum += (goal - y[t]) / way;
    return sum;
}
