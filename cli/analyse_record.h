/* A sweep's activity and what it says of the regions' network. */
#ifndef MDL_CLI_ANALYSE_RECORD_H
#define MDL_CLI_ANALYSE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/network_spec.h"

/* Of `nodes` series x[node * steps + t]. */
typedef struct mdl_region_measures {
    double participation; /* mean coefficient of the correlation network, modules by Louvain */
    double across;        /* the same against the modules of the wiring                      */
    double modules, modularity;
    double links;                /* share of pairs whose correlation is above chance                */
    double correlation;          /* mean over pairs, negative ones as 0                             */
    double synchrony;            /* mean phase locking value over pairs, in the band                */
    double order, metastability; /* Kuramoto's R: mean and s.d. over time                    */
    double amplitude;            /* mean s.d. of a node                                             */
} mdl_region_measures;

/* Links are correlations above `least`. `wiring` names each node's module in the
 * wiring, 0..modules-1. MDL_ENOMEM, MDL_ERANGE. */
mdl_err mdl_measure_regions(const double *x, size_t nodes, size_t steps, const double band[2], double least,
                            const uint32_t *wiring, uint32_t modules, uint64_t seed, mdl_region_measures *out);
/* The correlation that chance gives: the 99 % point over pairs, one series of each
 * moved cyclically in time by a drawn lag. Rhythms of one frequency correlate
 * whatever the lag, so ask a record that has none. MDL_ENOMEM. */
mdl_err mdl_chance_correlation(const double *x, size_t nodes, size_t steps, uint64_t seed, double *out);
/* Modules of the wiring between regions, by Louvain on who listens to whom. */
mdl_err mdl_wiring_modules(const mdl_network_spec *network, uint64_t seed, uint32_t *module, uint32_t *modules);
/* Adds the power spectrum of every node to power[segment / 2 + 1]. */
mdl_err mdl_add_spectra(const double *x, size_t nodes, size_t steps, size_t segment, double *power);

#endif
