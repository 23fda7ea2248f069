/* What the files of core/evolution*.c share. SPEC section 8.
 *
 * Arithmetic rule of the chapter: noise is binary32 (core/num.h); everything
 * else is binary64 in the order written; what is kept per gene goes through
 * mdl_evolution_keep() to binary32. */
#ifndef MDL_CORE_EVOLUTION_INTERNAL_H
#define MDL_CORE_EVOLUTION_INTERNAL_H

#include "core/assert.h"
#include "core/evolution.h"
#include "core/num.h"
#include "core/philox.h"

#define MDL_GENE_LIMIT 0x1p20  /* no stored number of a gene is beyond it: overflow cannot arise   */
#define MDL_GENE_TINY 0x1p-100 /* below it a stored number is +0: no subnormals                    */
#define MDL_RESULT_LIMIT (1ll << 52)
#define MDL_META_LIMIT 2.0    /* |u|: learning rates change by at most e^2 = 7.4 times            */
#define MDL_ADAM_EPSILON 1e-8 /* as published (Kingma and Ba 2015)                                */
#define MDL_CMA_VARIANCE_MIN 1e-6f
#define MDL_CMA_VARIANCE_MAX 1e6f
#define MDL_CMA_STEP_CLAMP 0.3        /* |log(sigma' / sigma)| of one generation                          */
#define MDL_CMA_SIGMA_MAX 2.0         /* or the initial step, where that is larger                        */
#define MDL_EVOLUTION_TAG 0x65766f6cu /* "evol", word 3 of every counter here                         */

/* Draw kinds: the last word of the key and word 2 of the counter. */
enum { MDL_DRAW_INITIAL = 0, MDL_DRAW_SEARCH = 1, MDL_DRAW_PARENT = 2, MDL_DRAW_META = 3 };

/* One island. Arrays hold `genes` binary32 each, `parents` elite times that. */
typedef struct mdl_island {
    float *centre;                            /* ES: theta; CMA: mean; GA: parents, best first          */
    float *first, *second;                    /* ES: Adam's m and v; CMA: variances C and path p_sigma  */
    float *path;                              /* CMA: p_c                                               */
    float *next;                              /* GA: the parents being made (scratch)                   */
    float *best;                              /* best validated genome, zeros before the first          */
    double scalar[2];                         /* ES: beta1^t, beta2^t; CMA: sigma, (1 - c_sigma)^(2t)   */
    int64_t last_best, last_mean;             /* training fitness of the last generation */
    int64_t last_validation, best_validation; /* 0 before the first                      */
    uint32_t best_generation;
} mdl_island;

struct mdl_evolution {
    mdl_evolution_spec spec;
    mdl_gene_prior prior;
    uint32_t generation;
    double u[2]; /* log multipliers of the genes eta_local, eta_global */
    mdl_island island[MDL_ISLANDS_MAX];
    /* Scratch of advance(), sized for the largest population and the genes. */
    uint32_t *order, *merge, *rank2;
    double *weight, *mean_z, *mean_zz;
};

/* Binary64 to a stored binary32: clamp to +-2^20, below 2^-100 in size +0. */
static inline float mdl_evolution_keep(double x) {
    x = x < -MDL_GENE_LIMIT ? -MDL_GENE_LIMIT : x > MDL_GENE_LIMIT ? MDL_GENE_LIMIT : x;
    return x < MDL_GENE_TINY && x > -MDL_GENE_TINY ? 0.0f : (float)x;
}

static inline uint64_t mdl_evolution_key(const mdl_evolution *e, uint32_t generation, uint32_t island, uint32_t kind) {
    return mdl_key(e->spec.seed, MDL_STREAM_GENOME, generation, island, kind);
}

static inline void mdl_evolution_words(uint64_t key, uint32_t kind, uint32_t word0, uint32_t index, uint32_t out[4]) {
    uint32_t counter[4] = {word0, index, kind, MDL_EVOLUTION_TAG};
    mdl_philox(counter, key, out);
}

/* N(0,1) for genes 4 * block .. 4 * block + 3 of candidate, pair or parent `index`. */
static inline void mdl_evolution_noise(uint64_t key, uint32_t kind, uint32_t block, uint32_t index, float z[4]) {
    uint32_t w[4];
    mdl_evolution_words(key, kind, block, index, w);
    mdl_gauss(w[0], w[1], &z[0], &z[1]);
    mdl_gauss(w[2], w[3], &z[2], &z[3]);
}

/* Genes in block `block` (4 but in the last). */
static inline uint32_t mdl_evolution_block_genes(uint32_t genes, uint32_t block) {
    uint32_t left = genes - 4 * block;
    return left < 4 ? left : 4;
}

/* order[place] = index, best first, ties lower index first; rank2[index] =
 * twice the mid-rank: 0 for a sole worst, 2 (count - 1) for a sole best.
 * merge: scratch. All arrays have `count` entries. SPEC 8.3. */
void mdl_evolution_rank(const int64_t *fitness, uint32_t count, uint32_t *order, uint32_t *merge, uint32_t *rank2);

/* Candidate before population-scope multipliers, of the current generation.
 * SPEC 8.4 to 8.6. genome[genes] out. Const state only: thread-safe. */
void mdl_evolution_es_candidate(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome);
void mdl_evolution_ga_candidate(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome);
void mdl_evolution_cma_candidate(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome);

/* The island's next state from e->order and e->rank2 of its population. */
void mdl_evolution_es_update(mdl_evolution *e, uint32_t island);
void mdl_evolution_ga_update(mdl_evolution *e, uint32_t island);
void mdl_evolution_cma_update(mdl_evolution *e, uint32_t island, const int64_t *fitness);

/* Everything but the centre to its initial value (also after a migration). */
void mdl_evolution_reset_island(mdl_evolution *e, uint32_t island);
/* All fields to those of generation 0, from spec and prior. */
void mdl_evolution_restart(mdl_evolution *e);
/* Validations in the generations before `generation`. */
uint32_t mdl_evolution_validations(const mdl_evolution_spec *spec, uint32_t generation);
int mdl_evolution_validates(const mdl_evolution_spec *spec, uint32_t generation);
/* Largest step of a CMA island. */
double mdl_evolution_cma_sigma_max(const mdl_island_spec *spec);

#endif
