/* What the tests of Neuraxon share: networks with every mechanism on, genomes in
 * which each matters. Lives, scripts and bytes are those of hmn_fixture.h. */
#ifndef MDL_TESTS_SUPPORT_NEURAXON_FIXTURE_H
#define MDL_TESTS_SUPPORT_NEURAXON_FIXTURE_H

#include "core/neuraxon_kernel.h"
#include "tests/support/hmn_fixture.h"

static inline mdl_experiment nx_experiment(uint32_t regions, uint32_t hidden, uint32_t window) {
    mdl_experiment x = hmn_experiment(regions, hidden, window);
    x.model = MDL_MODEL_NEURAXON;
    mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
    memset(x.neuraxon.mechanism, MDL_ON, sizeof x.neuraxon.mechanism);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        x.hmn.mechanism[m] = mdl_neuraxon_shares(m) ? MDL_ON : MDL_OFF;
    x.neuraxon.modulatory_share = 0.2f;
    return x;
}

/* A genome around the prior, so that every mechanism matters. Caller frees. */
static inline float *nx_genome(const mdl_experiment *x, uint64_t seed) {
    mdl_genome_layout l;
    if (mdl_genome_layout_of(x, &l) != MDL_OK)
        abort();
    float *genome = prior_genome(x, &l, 2.0f, seed);
    float *own = genome + l.neuraxon;
    own[MDL_NX_GENE_SPONTANEOUS] = 3.0f;
    own[MDL_NX_GENE_PRUNE] = own[MDL_NX_GENE_FORM] = 5.0f;
    own[MDL_NX_GENE_RELAX] = 4.0f;
    own[MDL_NX_GENE_META_CHANGE] = 0.5f;
    own[MDL_NX_GENE_META_SEROTONIN] = 0.7f;
    own[MDL_NX_GENE_WAKE] = 0.6f;
    own[MDL_NX_GENE_NOVELTY_SHIFT] = 0.4f;
    genome[l.globals + MDL_GENE_ETA_GLOBAL] = 1.5f;
    genome[l.globals + MDL_GENE_ETA_LOCAL] = 1.0f;
    return genome;
}

static inline mdl_neuraxon_region *nx_region_of(const mdl_life *l, uint32_t region) {
    for (uint32_t s = 0; s < l->shards; s++) {
        mdl_neuraxon_region *r = mdl_shard_region(&l->shard[s], region);
        if (r)
            return r;
    }
    abort();
}

#endif
