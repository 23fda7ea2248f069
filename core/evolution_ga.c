/* Truncation selection with elitism. SPEC 8.5. */
#include "core/evolution_internal.h"

#include <string.h>

void mdl_evolution_ga_candidate(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome) {
    const mdl_island_spec *spec = &e->spec.island[island];
    const float *parents = e->island[island].centre;
    size_t genes = e->prior.genes;
    if (candidate == 0) {
        memcpy(genome, parents, genes * sizeof *genome);
        return;
    }
    uint32_t w[4];
    mdl_evolution_words(mdl_evolution_key(e, e->generation, island, MDL_DRAW_PARENT), MDL_DRAW_PARENT, 0, candidate, w);
    const float *parent = parents + genes * (size_t)((uint64_t)w[0] * spec->elite >> 32);
    uint64_t key = mdl_evolution_key(e, e->generation, island, MDL_DRAW_SEARCH);
    double sigma = (double)spec->sigma;
    for (uint32_t block = 0; 4 * block < e->prior.genes; block++) {
        float z[4];
        mdl_evolution_noise(key, MDL_DRAW_SEARCH, block, candidate, z);
        for (uint32_t j = 0, n = mdl_evolution_block_genes(e->prior.genes, block); j < n; j++)
            genome[4 * block + j] = mdl_evolution_keep((double)parent[4 * block + j] + sigma * (double)z[j]);
    }
}

void mdl_evolution_ga_update(mdl_evolution *e, uint32_t island) {
    mdl_island *is = &e->island[island];
    size_t genes = e->prior.genes, elite = e->spec.island[island].elite;
    /* The new parents are made from the old, so they need their own place. */
    for (size_t k = 0; k < elite; k++)
        mdl_evolution_ga_candidate(e, island, e->order[k], is->next + k * genes);
    memcpy(is->centre, is->next, elite * genes * sizeof *is->centre);
}
