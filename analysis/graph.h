/* Networks of regions or neurons, mostly from correlations of their activity.
 * A graph is a symmetric matrix weight[i * n + k] >= 0 with a zero diagonal.
 * Pure; randomness from the seed, so that equal input gives equal output. */
#ifndef MDL_ANALYSIS_GRAPH_H
#define MDL_ANALYSIS_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/* Pearson's correlations of x[i * steps + t]: weight = max(r, 0), diagonal 0. */
void mdl_graph_correlation(const double *x, size_t n, size_t steps, double *weight);
/* Keep the strongest share 0..1 of the n (n - 1) / 2 pairs (ties kept), zero the rest. */
mdl_err mdl_graph_keep(double *weight, size_t n, double share);

/* Modularity Q of the partition module[n] (numbers from 0, the fewer the faster) at
 * resolution gamma (1: Newman's). 0 without links. */
double mdl_modularity(const double *weight, size_t n, const uint32_t *module, double gamma);
/* Partition by Louvain's method (Blondel and others 2008): nodes in an order drawn
 * from the seed, best gain first, lowest number at a tie. module[n] gets numbers
 * 0..*modules-1 in order of appearance. Returns MDL_ENOMEM. */
mdl_err mdl_louvain(const double *weight, size_t n, double gamma, uint64_t seed, uint32_t *module, uint32_t *modules);

/* Participation coefficient of every node: 1 - sum over modules of (strength into
 * the module / strength)^2; 0 when all of a node's links stay in one module (or it
 * has none). Returns the mean. `out` may be NULL. */
double mdl_participation(const double *weight, size_t n, const uint32_t *module, uint32_t modules, double *out);

/* Small-world indices of the links (weight > 0), against random graphs with the
 * same degrees (edges swapped, Maslov and Sneppen 2002). */
typedef struct mdl_small_world_index {
    double clustering, path;               /* means; path over connected pairs   */
    double clustering_random, path_random; /* of the random graphs               */
    double sigma;                          /* (C / Cr) / (L / Lr); above 1: small world. 0 when Cr or L is 0 */
    double degree;
} mdl_small_world_index;
mdl_err mdl_small_world_index_of(const double *weight, size_t n, uint32_t samples, uint64_t seed,
                                 mdl_small_world_index *out);

#endif
