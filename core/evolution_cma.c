/* sep-CMA-ES (Ros and Hansen 2008): diagonal covariance. SPEC 8.6. */
#include "core/evolution_internal.h"

typedef struct cma_rates {
    double mu_eff, c_sigma, d_sigma, c_c, c_cov, chi;
} cma_rates;

double mdl_evolution_cma_sigma_max(const mdl_island_spec *spec) {
    double top = (double)spec->sigma > MDL_CMA_SIGMA_MAX ? (double)spec->sigma : MDL_CMA_SIGMA_MAX;
    return (double)spec->sigma_min > top ? (double)spec->sigma_min : top;
}

void mdl_evolution_cma_candidate(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome) {
    const mdl_island *is = &e->island[island];
    uint64_t key = mdl_evolution_key(e, e->generation, island, MDL_DRAW_SEARCH);
    for (uint32_t block = 0; 4 * block < e->prior.genes; block++) {
        float z[4];
        mdl_evolution_noise(key, MDL_DRAW_SEARCH, block, candidate, z);
        for (uint32_t j = 0, n = mdl_evolution_block_genes(e->prior.genes, block); j < n; j++) {
            uint32_t i = 4 * block + j;
            double step = is->scalar[0] * mdl_sqrt((double)is->first[i]);
            genome[i] = mdl_evolution_keep((double)is->centre[i] + step * (double)z[j]);
        }
    }
}

/* weight[place] of the places of a population without ties, summing to 1; zeros
 * past the better half. Returns the variance-effective selection mass. */
static double place_weights(double *weight, uint32_t population) {
    uint32_t mu = population / 2;
    double top = mdl_log((double)mu + 0.5), sum = 0, squares = 0;
    for (uint32_t i = 0; i < mu; i++) {
        weight[i] = top - mdl_log((double)(i + 1));
        sum += weight[i];
    }
    for (uint32_t i = 0; i < mu; i++) {
        weight[i] /= sum;
        squares += weight[i] * weight[i];
    }
    for (uint32_t i = mu; i < population; i++)
        weight[i] = 0;
    return 1.0 / squares;
}

/* Tied candidates share the mean weight of the places they occupy. */
static void share_tied_weights(double *weight, const int64_t *fitness, const uint32_t *order, uint32_t population) {
    for (uint32_t first = 0, end; first < population; first = end) {
        double sum = weight[first];
        for (end = first + 1; end < population && fitness[order[end]] == fitness[order[first]]; end++)
            sum += weight[end];
        for (uint32_t place = first; place < end && end - first > 1; place++)
            weight[place] = sum / (double)(end - first);
    }
}

static cma_rates rates_of(double n, double mu_eff) {
    cma_rates r;
    r.mu_eff = mu_eff;
    r.c_sigma = (mu_eff + 2.0) / (n + mu_eff + 3.0);
    double excess = mdl_sqrt((mu_eff - 1.0) / (n + 1.0)) - 1.0;
    r.d_sigma = 1.0 + 2.0 * (excess > 0 ? excess : 0) + r.c_sigma;
    r.c_c = 4.0 / (n + 4.0);
    double root2 = 0x1.6a09e667f3bcdp+0;
    double rank_mu = (2.0 * mu_eff - 1.0) / ((n + 2.0) * (n + 2.0) + mu_eff);
    double full = 2.0 / ((n + root2) * (n + root2)) / mu_eff + (1.0 - 1.0 / mu_eff) * (rank_mu < 1 ? rank_mu : 1);
    double diagonal = full * (n + 2.0) / 3.0;
    r.c_cov = diagonal < 1 ? diagonal : 1;
    r.chi = mdl_sqrt(n) * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n));
    return r;
}

/* Weighted means of z and z^2 by gene, over candidates in order of place. */
static void recombine(mdl_evolution *e, uint32_t island) {
    uint64_t key = mdl_evolution_key(e, e->generation, island, MDL_DRAW_SEARCH);
    uint32_t population = e->spec.island[island].population;
    for (uint32_t block = 0; 4 * block < e->prior.genes; block++) {
        double z1[4] = {0, 0, 0, 0}, z2[4] = {0, 0, 0, 0};
        for (uint32_t place = 0; place < population && e->weight[place] > 0; place++) {
            float z[4];
            mdl_evolution_noise(key, MDL_DRAW_SEARCH, block, e->order[place], z);
            for (int j = 0; j < 4; j++) {
                double d = (double)z[j];
                z1[j] += e->weight[place] * d;
                z2[j] += e->weight[place] * (d * d);
            }
        }
        for (uint32_t j = 0, n = mdl_evolution_block_genes(e->prior.genes, block); j < n; j++) {
            e->mean_z[4 * block + j] = z1[j];
            e->mean_zz[4 * block + j] = z2[j];
        }
    }
}

void mdl_evolution_cma_update(mdl_evolution *e, uint32_t island, const int64_t *fitness) {
    const mdl_island_spec *spec = &e->spec.island[island];
    mdl_island *is = &e->island[island];
    uint32_t genes = e->prior.genes;
    cma_rates r = rates_of((double)genes, place_weights(e->weight, spec->population));
    share_tied_weights(e->weight, fitness, e->order, spec->population);
    recombine(e, island);

    double keep = 1.0 - r.c_sigma, gain = mdl_sqrt(r.c_sigma * (2.0 - r.c_sigma) * r.mu_eff), norm2 = 0;
    for (uint32_t i = 0; i < genes; i++) {
        is->second[i] = mdl_evolution_keep(keep * (double)is->second[i] + gain * e->mean_z[i]);
        norm2 += (double)is->second[i] * (double)is->second[i];
    }
    double norm = mdl_sqrt(norm2);
    is->scalar[1] *= keep * keep;
    /* While the step is growing fast, p_c is stalled so that C does not grow too. */
    double limit = (1.4 + 2.0 / ((double)genes + 1.0)) * r.chi;
    double path_gain = norm / mdl_sqrt(1.0 - is->scalar[1]) < limit ? mdl_sqrt(r.c_c * (2.0 - r.c_c) * r.mu_eff) : 0;

    double sigma = is->scalar[0];
    for (uint32_t i = 0; i < genes; i++) {
        double c = (double)is->first[i], root = mdl_sqrt(c);
        double y = root * e->mean_z[i];
        is->centre[i] = mdl_evolution_keep((double)is->centre[i] + sigma * y);
        is->path[i] = mdl_evolution_keep((1.0 - r.c_c) * (double)is->path[i] + path_gain * y);
        double p = (double)is->path[i];
        double grown =
            (1.0 - r.c_cov) * c + r.c_cov / r.mu_eff * (p * p) + r.c_cov * (1.0 - 1.0 / r.mu_eff) * (c * e->mean_zz[i]);
        float kept = mdl_evolution_keep(grown);
        is->first[i] = kept < MDL_CMA_VARIANCE_MIN   ? MDL_CMA_VARIANCE_MIN
                       : kept > MDL_CMA_VARIANCE_MAX ? MDL_CMA_VARIANCE_MAX
                                                     : kept;
    }
    double change = r.c_sigma / r.d_sigma * (norm / r.chi - 1.0);
    change = change < -MDL_CMA_STEP_CLAMP  ? -MDL_CMA_STEP_CLAMP
             : change > MDL_CMA_STEP_CLAMP ? MDL_CMA_STEP_CLAMP
                                           : change;
    double top = mdl_evolution_cma_sigma_max(spec), next = sigma * mdl_exp(change);
    next = next > top ? top : next;
    is->scalar[0] = next < (double)spec->sigma_min ? (double)spec->sigma_min : next;
}
