#include "analysis/search.h"

enum { GRID = 200, SECTIONS = 60 };

double mdl_search_minimum(mdl_objective f, const void *context, double lo, double hi) {
    double step = (hi - lo) / GRID, best = lo, value = f(lo, context);
    for (int i = 1; i <= GRID; i++) {
        double v = f(lo + i * step, context);
        if (v < value) {
            value = v;
            best = lo + i * step;
        }
    }
    double a = best - step < lo ? lo : best - step, b = best + step > hi ? hi : best + step;
    const double ratio = 0.6180339887498949;
    for (int i = 0; i < SECTIONS; i++) {
        double c = b - ratio * (b - a), d = a + ratio * (b - a);
        if (f(c, context) < f(d, context))
            b = d;
        else
            a = c;
    }
    return (a + b) / 2.0;
}
