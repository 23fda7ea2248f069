/* Evolution as pure functions: candidates of a generation from the state, the
 * next state from the list of fitnesses. SPEC section 8.
 *
 * A generation is a list of jobs: first every candidate of every island in
 * order; in validating generations (every `validate_every`-th, and the last)
 * then one job per island that runs its centre on the validation lives. Each
 * job's result is one int64: the sum over its lives of the task's fitness, in
 * millionths. */
#ifndef MDL_CORE_EVOLUTION_H
#define MDL_CORE_EVOLUTION_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

enum { MDL_ISLANDS_MAX = 16, MDL_POPULATION_MAX = 65536, MDL_GENES_MAX = 1 << 24 };

typedef enum mdl_algorithm {
    MDL_ES = 0, /* OpenAI-ES: antithetic pairs, centred ranks, Adam */
    MDL_GA = 1, /* truncation selection with elitism                */
    MDL_CMA = 2 /* sep-CMA-ES: diagonal covariance                  */
} mdl_algorithm;

typedef struct mdl_island_spec {
    mdl_algorithm algorithm;
    uint32_t population; /* even, 4..65536, 64                                    */
    float sigma;         /* initial step, 1e-4..10, 0.15                          */
    float rate;          /* ES: Adam's learning rate, 1e-5..10, 0.05              */
    float beta1, beta2;  /* ES: 0..0.9999, 0.9 and 0.99                           */
    uint32_t elite;      /* GA: parents, 1..population/2, population/8            */
    float sigma_min;     /* CMA: the step never falls below, 1e-4..10, 0.1        */
} mdl_island_spec;

typedef struct mdl_evolution_spec {
    uint32_t generations;       /* 1..10^6                                            */
    uint32_t episodes;          /* training lives of a candidate, 1..4096             */
    uint32_t validate_every;    /* generations, 1..10^6, 5                             */
    uint32_t validate_episodes; /* 1..65536, 64                                        */
    uint32_t migrate_every;     /* validations between migrations, 0 = never           */
    float meta_rate;            /* alpha of population-scope eq. (7), 0 = off, 0..1    */
    float meta_step;            /* its perturbation c, 0.001..1, 0.1                   */
    uint32_t islands;           /* 1..16                                               */
    mdl_island_spec island[MDL_ISLANDS_MAX];
    uint64_t seed; /* of the search                                       */
} mdl_evolution_spec;

/* The distribution of initial genes: gene i ~ mean[i] + sd[i] N(0,1); and the
 * two genes that population-scope meta-learning scales (UINT32_MAX: none). */
typedef struct mdl_gene_prior {
    uint32_t genes;
    const float *mean, *sd; /* genes entries; the caller owns them and keeps them alive */
    uint32_t eta_local_gene, eta_global_gene;
} mdl_gene_prior;

typedef enum mdl_job_kind { MDL_JOB_TRAIN = 0, MDL_JOB_VALIDATE = 1 } mdl_job_kind;

typedef struct mdl_job {
    mdl_job_kind kind;
    uint32_t generation, island, candidate; /* candidate within its island              */
    uint32_t episodes;                      /* lives 0..episodes-1 of this kind          */
} mdl_job;

typedef struct mdl_evolution mdl_evolution;

/* Bytes of memory that a run with this spec and number of genes needs. */
size_t mdl_evolution_bytes(const mdl_evolution_spec *spec, uint32_t genes);
/* Lay a run out in `memory` (mdl_evolution_bytes() long, aligned to 64) and put
 * it at generation 0. The spec is copied, `prior` is kept by reference. Never
 * fails on a checked spec. */
mdl_evolution *mdl_evolution_init(void *memory, const mdl_evolution_spec *spec, const mdl_gene_prior *prior);

uint32_t mdl_evolution_generation(const mdl_evolution *e);
int mdl_evolution_done(const mdl_evolution *e);
/* Jobs of the current generation; 0 when done. */
uint32_t mdl_evolution_job_count(const mdl_evolution *e);
/* Job `index` of the current generation: what to run, and its genome
 * (genome[genes], the caller's; may be NULL). Pure: reads `e` only, so any
 * number of threads may ask for jobs at once, in any order, between two calls
 * of advance. A validation job's candidate is 0; its genome is the island's
 * centre before this generation's update (ES: theta, GA: best parent, CMA: mean). */
void mdl_evolution_job(const mdl_evolution *e, uint32_t index, mdl_job *job, float *genome);
/* Close the generation with `result[0..job_count)`. MDL_ERANGE, state untouched,
 * when `count` is not the job count or a result is beyond +-2^52. */
mdl_err mdl_evolution_advance(mdl_evolution *e, const int64_t *result, uint32_t count);

/* The best validated genome: of one island, or (island = UINT32_MAX) of all,
 * chosen by validation alone; ties go to the lower island and the earlier
 * generation. MDL_ENOENT before the first validation. Any out pointer may be NULL. */
mdl_err mdl_evolution_champion(const mdl_evolution *e, uint32_t island, float *genome, uint32_t *which_island,
                               uint32_t *generation, int64_t *validation);
/* Best and mean training fitness of the last closed generation of an island, in
 * millionths summed over its lives. 0 before the first. */
void mdl_evolution_last(const mdl_evolution *e, uint32_t island, int64_t *best, int64_t *mean);

/* Population-scope eq. (7): log multipliers of the genes eta_local, eta_global. */
void mdl_evolution_meta(const mdl_evolution *e, double u[2]);

/* Canonical bytes of the whole state, and back. Load refuses (MDL_EMAGIC,
 * MDL_ESIZE, MDL_EMISMATCH, MDL_ERANGE), leaving `e` as after init, what was
 * not saved from the same spec and number of genes. A loaded run goes on with the
 * bytes of the undisturbed one. There is no digest inside: the caller has one. */
void mdl_evolution_save(const mdl_evolution *e, const mdl_sink *sink);
mdl_err mdl_evolution_load(mdl_evolution *e, const uint8_t *bytes, size_t size);

#endif
