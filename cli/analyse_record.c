#include "cli/analyse_record.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/graph.h"
#include "analysis/spectrum.h"
#include "analysis/stats.h"
#include "core/philox.h"
#include "core/wiring.h"

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

mdl_err mdl_chance_correlation(const double *x, size_t nodes, size_t steps, uint64_t seed, double *out) {
    size_t pairs = nodes * (nodes - 1) / 2, count = 0;
    double *r = malloc((pairs + 1) * sizeof *r), *moved = malloc(steps * sizeof *moved);
    mdl_stream rng = {seed, 0};
    mdl_err err = r && moved ? MDL_OK : MDL_ENOMEM;
    for (size_t i = 0; err == MDL_OK && i < nodes; i++)
        for (size_t k = i + 1; k < nodes; k++) {
            size_t lag = steps / 10 + mdl_draw_below(&rng, (uint32_t)(steps - steps / 5));
            memcpy(moved, x + k * steps + lag, (steps - lag) * sizeof *moved);
            memcpy(moved + (steps - lag), x + k * steps, lag * sizeof *moved);
            r[count++] = mdl_stat_correlation(x + i * steps, moved, steps);
        }
    if (err == MDL_OK && count > 0) {
        qsort(r, count, sizeof *r, ascending);
        *out = r[(size_t)(0.99 * (double)(count - 1))];
    }
    free(r);
    free(moved);
    return err;
}

mdl_err mdl_wiring_modules(const mdl_network_spec *network, uint64_t seed, uint32_t *module, uint32_t *modules) {
    size_t n = network->regions;
    double *weight = calloc(n * n, sizeof *weight);
    if (!weight)
        return MDL_ENOMEM;
    for (uint32_t r = 0; r < n; r++)
        for (uint32_t i = 0; i < network->sources; i++) {
            uint32_t other = mdl_source_region(network, r, i);
            weight[r * n + other] += 1.0;
            weight[other * n + r] += 1.0;
        }
    mdl_err err = mdl_louvain(weight, n, 1.0, seed, module, modules);
    free(weight);
    return err;
}

mdl_err mdl_measure_regions(const double *x, size_t nodes, size_t steps, const double band[2], double least,
                            const uint32_t *wiring, uint32_t wiring_modules, uint64_t seed, mdl_region_measures *out) {
    double *phase = malloc(nodes * steps * sizeof *phase), *weight = malloc(nodes * nodes * sizeof *weight);
    uint32_t *module = malloc(nodes * sizeof *module), modules = 0;
    double pairs = (double)nodes * (double)(nodes - 1) / 2.0;
    mdl_err err = phase && weight && module ? MDL_OK : MDL_ENOMEM;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; err == MDL_OK && i < nodes; i++) {
        err = mdl_analytic(x + i * steps, steps, band[0], band[1], phase + i * steps, NULL);
        out->amplitude += mdl_stat_sd(x + i * steps, steps) / (double)nodes;
    }
    if (err == MDL_OK) {
        mdl_graph_correlation(x, nodes, steps, weight);
        for (size_t i = 0; i < nodes; i++)
            for (size_t k = 0; k < i; k++) {
                double r = weight[i * nodes + k], kept = r > least ? r : 0.0;
                out->correlation += r / pairs;
                out->links += (kept > 0.0) / pairs;
                out->synchrony += mdl_plv(phase + i * steps, phase + k * steps, steps) / pairs;
                weight[i * nodes + k] = weight[k * nodes + i] = kept;
            }
        mdl_kuramoto(phase, nodes, steps, &out->order, &out->metastability);
        err = mdl_louvain(weight, nodes, 1.0, seed, module, &modules);
    }
    if (err == MDL_OK) {
        out->modules = modules;
        out->modularity = mdl_modularity(weight, nodes, module, 1.0);
        out->participation = mdl_participation(weight, nodes, module, modules, NULL);
        out->across = mdl_participation(weight, nodes, wiring, wiring_modules, NULL);
    }
    free(phase);
    free(weight);
    free(module);
    return err;
}

mdl_err mdl_add_spectra(const double *x, size_t nodes, size_t steps, size_t segment, double *power) {
    double *one = malloc((segment / 2 + 1) * sizeof *one);
    mdl_err err = one ? MDL_OK : MDL_ENOMEM;
    for (size_t i = 0; err == MDL_OK && i < nodes; i++) {
        err = mdl_welch(x + i * steps, steps, segment, one);
        for (size_t f = 0; err == MDL_OK && f <= segment / 2; f++)
            power[f] += one[f];
    }
    free(one);
    return err;
}
