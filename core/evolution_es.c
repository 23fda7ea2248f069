/* OpenAI-ES (Salimans et al. 2017): antithetic pairs, centred ranks, Adam. SPEC 8.4. */
#include "core/evolution_internal.h"

void mdl_evolution_es_candidate(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome) {
    const float *theta = e->island[island].centre;
    uint64_t key = mdl_evolution_key(e, e->generation, island, MDL_DRAW_SEARCH);
    double step = (candidate & 1u) ? -(double)e->spec.island[island].sigma : (double)e->spec.island[island].sigma;
    for (uint32_t block = 0; 4 * block < e->prior.genes; block++) {
        float z[4];
        mdl_evolution_noise(key, MDL_DRAW_SEARCH, block, candidate / 2, z);
        for (uint32_t j = 0, n = mdl_evolution_block_genes(e->prior.genes, block); j < n; j++)
            genome[4 * block + j] = mdl_evolution_keep((double)theta[4 * block + j] + step * (double)z[j]);
    }
}

void mdl_evolution_es_update(mdl_evolution *e, uint32_t island) {
    const mdl_island_spec *spec = &e->spec.island[island];
    mdl_island *is = &e->island[island];
    uint64_t key = mdl_evolution_key(e, e->generation, island, MDL_DRAW_SEARCH);
    double population = (double)spec->population;
    double scale = 1.0 / (2.0 * (population - 1.0) * population);
    double b1 = (double)spec->beta1, b2 = (double)spec->beta2, rate = (double)spec->rate;
    is->scalar[0] *= b1;
    is->scalar[1] *= b2;
    double c1 = 1.0 - is->scalar[0], c2 = 1.0 - is->scalar[1];
    for (uint32_t block = 0; 4 * block < e->prior.genes; block++) {
        double sum[4] = {0, 0, 0, 0};
        for (uint32_t pair = 0; pair < spec->population / 2; pair++) {
            /* A tied pair adds only zeros, so its noise need not be made. */
            int64_t diff = (int64_t)e->rank2[2 * pair] - (int64_t)e->rank2[2 * pair + 1];
            if (diff == 0)
                continue;
            float z[4];
            mdl_evolution_noise(key, MDL_DRAW_SEARCH, block, pair, z);
            for (int j = 0; j < 4; j++)
                sum[j] += (double)diff * (double)z[j];
        }
        for (uint32_t j = 0, n = mdl_evolution_block_genes(e->prior.genes, block); j < n; j++) {
            uint32_t i = 4 * block + j;
            double g = sum[j] * scale;
            double m = b1 * (double)is->first[i] + (1.0 - b1) * g;
            double v = b2 * (double)is->second[i] + (1.0 - b2) * (g * g);
            double step = rate * (m / c1) / (mdl_sqrt(v / c2) + MDL_ADAM_EPSILON);
            is->first[i] = mdl_evolution_keep(m);
            is->second[i] = mdl_evolution_keep(v);
            is->centre[i] = mdl_evolution_keep((double)is->centre[i] + step);
        }
    }
}
