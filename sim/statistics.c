#include "sim/statistics.h"

#include "core/num.h"

void mdl_sim_interval(uint64_t hits, uint64_t trials, double z, double *lo, double *hi) {
    *lo = 0;
    *hi = 1;
    if (trials == 0) {
        return;
    }
    double n = (double)trials, p = (double)hits / n, zz = z * z;
    double middle = (p + zz / (2 * n)) / (1 + zz / n);
    double half = z * mdl_sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n);
    *lo = middle > half ? middle - half : 0;
    *hi = middle + half < 1 ? middle + half : 1;
}

double mdl_sim_detection(double p, double w) { return p >= 1 ? 1 : 1 - mdl_exp(w * mdl_log(1 - p)); }
