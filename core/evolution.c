#include "core/evolution_internal.h"

#include <string.h>

/* Hands out pieces of the caller's block, aligned to 64 bytes. With base NULL
 * it only counts, so size and layout cannot disagree. */
typedef struct arena {
    unsigned char *base;
    size_t used;
} arena;

static void *take(arena *a, size_t count, size_t item) {
    void *p = a->base ? a->base + a->used : NULL;
    a->used += (count * item + 63) / 64 * 64;
    return p;
}

static void lay_out(arena *a, const mdl_evolution_spec *spec, size_t genes, mdl_evolution *e) {
    size_t population = 0;
    int cma = 0;
    for (uint32_t k = 0; k < spec->islands; k++) {
        const mdl_island_spec *is = &spec->island[k];
        mdl_island *out = &e->island[k];
        size_t centres = is->algorithm == MDL_GA ? is->elite : 1;
        out->centre = take(a, centres * genes, sizeof(float));
        out->next = is->algorithm == MDL_GA ? take(a, centres * genes, sizeof(float)) : NULL;
        out->first = is->algorithm != MDL_GA ? take(a, genes, sizeof(float)) : NULL;
        out->second = is->algorithm != MDL_GA ? take(a, genes, sizeof(float)) : NULL;
        out->path = is->algorithm == MDL_CMA ? take(a, genes, sizeof(float)) : NULL;
        out->best = take(a, genes, sizeof(float));
        population = is->population > population ? is->population : population;
        cma |= is->algorithm == MDL_CMA;
    }
    e->order = take(a, population, sizeof(uint32_t));
    e->merge = take(a, population, sizeof(uint32_t));
    e->rank2 = take(a, population, sizeof(uint32_t));
    e->weight = take(a, cma ? population : 0, sizeof(double));
    e->mean_z = take(a, cma ? genes : 0, sizeof(double));
    e->mean_zz = take(a, cma ? genes : 0, sizeof(double));
}

size_t mdl_evolution_bytes(const mdl_evolution_spec *spec, uint32_t genes) {
    arena a = {NULL, 0};
    mdl_evolution unused;
    take(&a, 1, sizeof unused);
    lay_out(&a, spec, genes, &unused);
    return a.used;
}

mdl_evolution *mdl_evolution_init(void *memory, const mdl_evolution_spec *spec, const mdl_gene_prior *prior) {
    MDL_ASSERT(spec->islands >= 1 && spec->islands <= MDL_ISLANDS_MAX);
    MDL_ASSERT(prior->genes >= 1 && prior->genes <= MDL_GENES_MAX);
    for (uint32_t k = 0; k < spec->islands; k++) {
        const mdl_island_spec *is = &spec->island[k];
        MDL_ASSERT(is->population >= 4 && is->population <= MDL_POPULATION_MAX && is->population % 2 == 0);
        MDL_ASSERT(is->algorithm != MDL_GA || (is->elite >= 1 && is->elite <= is->population / 2));
    }
    MDL_ASSERT(prior->eta_local_gene < prior->genes || prior->eta_local_gene == UINT32_MAX);
    MDL_ASSERT(prior->eta_global_gene < prior->genes || prior->eta_global_gene == UINT32_MAX);
    arena a = {memory, 0};
    mdl_evolution *e = take(&a, 1, sizeof *e);
    memset(e, 0, sizeof *e);
    e->spec = *spec;
    e->prior = *prior;
    lay_out(&a, spec, prior->genes, e);
    mdl_evolution_restart(e);
    return e;
}

void mdl_evolution_reset_island(mdl_evolution *e, uint32_t island) {
    const mdl_island_spec *spec = &e->spec.island[island];
    mdl_island *is = &e->island[island];
    size_t genes = e->prior.genes;
    is->scalar[0] = is->scalar[1] = 0;
    if (spec->algorithm == MDL_GA)
        return;
    is->scalar[0] = is->scalar[1] = 1;
    memset(is->first, 0, genes * sizeof *is->first);
    memset(is->second, 0, genes * sizeof *is->second);
    if (spec->algorithm == MDL_CMA) {
        is->scalar[0] = spec->sigma < spec->sigma_min ? (double)spec->sigma_min : (double)spec->sigma;
        for (size_t i = 0; i < genes; i++)
            is->first[i] = 1.0f;
        memset(is->path, 0, genes * sizeof *is->path);
    }
}

/* Genome `index` of an island's initial distribution. SPEC 8.2. */
static void draw_initial(const mdl_evolution *e, uint32_t island, uint32_t index, float *genome) {
    uint64_t key = mdl_evolution_key(e, 0, island, MDL_DRAW_INITIAL);
    for (uint32_t block = 0; 4 * block < e->prior.genes; block++) {
        float z[4];
        mdl_evolution_noise(key, MDL_DRAW_INITIAL, block, index, z);
        for (uint32_t j = 0, n = mdl_evolution_block_genes(e->prior.genes, block); j < n; j++) {
            uint32_t i = 4 * block + j;
            genome[i] = mdl_evolution_keep((double)e->prior.mean[i] + (double)e->prior.sd[i] * (double)z[j]);
        }
    }
}

void mdl_evolution_restart(mdl_evolution *e) {
    e->generation = 0;
    e->u[0] = e->u[1] = 0;
    size_t genes = e->prior.genes;
    for (uint32_t k = 0; k < e->spec.islands; k++) {
        mdl_island *is = &e->island[k];
        uint32_t centres = e->spec.island[k].algorithm == MDL_GA ? e->spec.island[k].elite : 1;
        for (uint32_t c = 0; c < centres; c++)
            draw_initial(e, k, c, is->centre + c * genes);
        mdl_evolution_reset_island(e, k);
        memset(is->best, 0, genes * sizeof *is->best);
        is->last_best = is->last_mean = is->last_validation = is->best_validation = 0;
        is->best_generation = 0;
    }
}

int mdl_evolution_validates(const mdl_evolution_spec *spec, uint32_t generation) {
    return (generation + 1) % spec->validate_every == 0 || generation + 1 == spec->generations;
}

uint32_t mdl_evolution_validations(const mdl_evolution_spec *spec, uint32_t generation) {
    uint32_t regular = generation / spec->validate_every;
    return regular + (generation == spec->generations && generation % spec->validate_every != 0);
}

uint32_t mdl_evolution_generation(const mdl_evolution *e) { return e->generation; }

int mdl_evolution_done(const mdl_evolution *e) { return e->generation >= e->spec.generations; }

uint32_t mdl_evolution_job_count(const mdl_evolution *e) {
    if (mdl_evolution_done(e))
        return 0;
    uint32_t count = mdl_evolution_validates(&e->spec, e->generation) ? e->spec.islands : 0;
    for (uint32_t k = 0; k < e->spec.islands; k++)
        count += e->spec.island[k].population;
    return count;
}

/* Delta of a pair: two independent signs. SPEC 8.8. */
static void draw_signs(const mdl_evolution *e, uint32_t island, uint32_t pair, int sign[2]) {
    uint32_t w[4];
    mdl_evolution_words(mdl_evolution_key(e, e->generation, island, MDL_DRAW_META), MDL_DRAW_META, 0, pair, w);
    for (int k = 0; k < 2; k++)
        sign[k] = (w[k] & 1u) ? 1 : -1;
}

/* Multiply exp(shift[k]) into the two genes that meta-learning scales. */
static void scale_rates(const mdl_evolution *e, const double shift[2], float *genome) {
    const uint32_t gene[2] = {e->prior.eta_local_gene, e->prior.eta_global_gene};
    for (int k = 0; k < 2; k++)
        if (gene[k] != UINT32_MAX)
            genome[gene[k]] = mdl_evolution_keep((double)genome[gene[k]] * mdl_exp(shift[k]));
}

static void centre_genome(const mdl_evolution *e, uint32_t island, float *genome) {
    memcpy(genome, e->island[island].centre, e->prior.genes * sizeof *genome);
    if (e->spec.meta_rate > 0)
        scale_rates(e, e->u, genome);
}

static void candidate_genome(const mdl_evolution *e, uint32_t island, uint32_t candidate, float *genome) {
    switch (e->spec.island[island].algorithm) {
    case MDL_ES:
        mdl_evolution_es_candidate(e, island, candidate, genome);
        break;
    case MDL_GA:
        mdl_evolution_ga_candidate(e, island, candidate, genome);
        break;
    case MDL_CMA:
        mdl_evolution_cma_candidate(e, island, candidate, genome);
        break;
    }
    if (e->spec.meta_rate > 0) {
        int sign[2];
        double shift[2], c = (candidate & 1u) ? -(double)e->spec.meta_step : (double)e->spec.meta_step;
        draw_signs(e, island, candidate / 2, sign);
        for (int k = 0; k < 2; k++)
            shift[k] = e->u[k] + c * (double)sign[k];
        scale_rates(e, shift, genome);
    }
}

void mdl_evolution_job(const mdl_evolution *e, uint32_t index, mdl_job *job, float *genome) {
    MDL_ASSERT(index < mdl_evolution_job_count(e));
    uint32_t island = 0;
    while (island < e->spec.islands && index >= e->spec.island[island].population)
        index -= e->spec.island[island++].population;
    job->generation = e->generation;
    if (island < e->spec.islands) {
        job->kind = MDL_JOB_TRAIN;
        job->island = island;
        job->candidate = index;
        job->episodes = e->spec.episodes;
        if (genome)
            candidate_genome(e, island, index, genome);
    } else {
        job->kind = MDL_JOB_VALIDATE;
        job->island = index;
        job->candidate = 0;
        job->episodes = e->spec.validate_episodes;
        if (genome)
            centre_genome(e, index, genome);
    }
}

static void record_validation(mdl_evolution *e, const int64_t *validation) {
    int first = mdl_evolution_validations(&e->spec, e->generation) == 0;
    for (uint32_t k = 0; k < e->spec.islands; k++) {
        mdl_island *is = &e->island[k];
        is->last_validation = validation[k];
        if (!first && validation[k] <= is->best_validation)
            continue;
        is->best_validation = validation[k];
        is->best_generation = e->generation;
        centre_genome(e, k, is->best);
    }
}

/* Best and mean without overflow: x = q * count + r sums exactly in two parts. */
static void record_training(mdl_island *is, const int64_t *fitness, uint32_t count) {
    MDL_ASSERT(count > 0);
    int64_t n = (int64_t)count, quotients = 0, remainders = 0, best = fitness[0];
    for (uint32_t i = 0; i < count; i++) {
        int64_t q = fitness[i] / n, r = fitness[i] % n;
        quotients += r < 0 ? q - 1 : q;
        remainders += r < 0 ? r + n : r;
        best = fitness[i] > best ? fitness[i] : best;
    }
    is->last_best = best;
    is->last_mean = quotients + remainders / n;
}

/* An island's part of the gradient of L_meta: sum over its pairs of
 * (L(2p) - L(2p+1)) Delta_p, where L is minus the centred rank. */
static void add_meta_gradient(const mdl_evolution *e, uint32_t island, double gradient[2]) {
    uint32_t population = e->spec.island[island].population;
    int64_t sum[2] = {0, 0};
    for (uint32_t pair = 0; pair < population / 2; pair++) {
        int sign[2];
        draw_signs(e, island, pair, sign);
        int64_t loss = (int64_t)e->rank2[2 * pair + 1] - (int64_t)e->rank2[2 * pair];
        for (int k = 0; k < 2; k++)
            sum[k] += loss * sign[k];
    }
    for (int k = 0; k < 2; k++)
        gradient[k] += (double)sum[k] / (2.0 * ((double)population - 1.0));
}

static void update_meta(mdl_evolution *e, const double gradient[2]) {
    const uint32_t gene[2] = {e->prior.eta_local_gene, e->prior.eta_global_gene};
    uint32_t pairs = 0;
    for (uint32_t k = 0; k < e->spec.islands; k++)
        pairs += e->spec.island[k].population / 2;
    for (int k = 0; k < 2; k++) {
        if (gene[k] == UINT32_MAX)
            continue;
        double g = gradient[k] / (2.0 * (double)e->spec.meta_step * (double)pairs);
        double u = e->u[k] - (double)e->spec.meta_rate * g;
        e->u[k] = u < -MDL_META_LIMIT ? -MDL_META_LIMIT : u > MDL_META_LIMIT ? MDL_META_LIMIT : u;
    }
}

/* The island that last validated worst restarts from the best genome of all.
 * SPEC 8.9. */
static void migrate(mdl_evolution *e) {
    uint32_t from = 0, to = 0;
    for (uint32_t k = 1; k < e->spec.islands; k++) {
        from = e->island[k].best_validation > e->island[from].best_validation ? k : from;
        to = e->island[k].last_validation < e->island[to].last_validation ? k : to;
    }
    if (from == to)
        return;
    size_t genes = e->prior.genes;
    mdl_island *is = &e->island[to];
    memcpy(is->centre, e->island[from].best, genes * sizeof *is->centre);
    if (e->spec.meta_rate > 0) {
        /* The best genome has its multipliers in it; a centre has not. */
        double shift[2] = {-e->u[0], -e->u[1]};
        scale_rates(e, shift, is->centre);
    }
    if (e->spec.island[to].algorithm == MDL_GA)
        for (size_t c = 1; c < e->spec.island[to].elite; c++)
            memcpy(is->centre + c * genes, is->centre, genes * sizeof *is->centre);
    mdl_evolution_reset_island(e, to);
}

mdl_err mdl_evolution_advance(mdl_evolution *e, const int64_t *result, uint32_t count) {
    if (count == 0 || count != mdl_evolution_job_count(e))
        return MDL_ERANGE;
    for (uint32_t i = 0; i < count; i++)
        if (result[i] < -MDL_RESULT_LIMIT || result[i] > MDL_RESULT_LIMIT)
            return MDL_ERANGE;
    int validates = mdl_evolution_validates(&e->spec, e->generation);
    if (validates) /* first: it is about the centres before this update */
        record_validation(e, result + (count - e->spec.islands));
    double gradient[2] = {0, 0};
    const int64_t *fitness = result;
    for (uint32_t k = 0; k < e->spec.islands; k++) {
        uint32_t population = e->spec.island[k].population;
        mdl_evolution_rank(fitness, population, e->order, e->merge, e->rank2);
        record_training(&e->island[k], fitness, population);
        if (e->spec.meta_rate > 0)
            add_meta_gradient(e, k, gradient);
        switch (e->spec.island[k].algorithm) {
        case MDL_ES:
            mdl_evolution_es_update(e, k);
            break;
        case MDL_GA:
            mdl_evolution_ga_update(e, k);
            break;
        case MDL_CMA:
            mdl_evolution_cma_update(e, k, fitness);
            break;
        }
        fitness += population;
    }
    if (e->spec.meta_rate > 0)
        update_meta(e, gradient);
    e->generation++;
    if (validates && e->spec.migrate_every > 0 && e->spec.islands > 1 &&
        mdl_evolution_validations(&e->spec, e->generation) % e->spec.migrate_every == 0)
        migrate(e);
    return MDL_OK;
}

mdl_err mdl_evolution_champion(const mdl_evolution *e, uint32_t island, float *genome, uint32_t *which_island,
                               uint32_t *generation, int64_t *validation) {
    if (mdl_evolution_validations(&e->spec, e->generation) == 0)
        return MDL_ENOENT;
    if (island == UINT32_MAX) {
        island = 0;
        for (uint32_t k = 1; k < e->spec.islands; k++)
            island = e->island[k].best_validation > e->island[island].best_validation ? k : island;
    }
    MDL_ASSERT(island < e->spec.islands);
    const mdl_island *is = &e->island[island];
    if (genome)
        memcpy(genome, is->best, e->prior.genes * sizeof *genome);
    if (which_island)
        *which_island = island;
    if (generation)
        *generation = is->best_generation;
    if (validation)
        *validation = is->best_validation;
    return MDL_OK;
}

void mdl_evolution_last(const mdl_evolution *e, uint32_t island, int64_t *best, int64_t *mean) {
    MDL_ASSERT(island < e->spec.islands);
    *best = e->island[island].last_best;
    *mean = e->island[island].last_mean;
}

void mdl_evolution_meta(const mdl_evolution *e, double u[2]) {
    u[0] = e->u[0];
    u[1] = e->u[1];
}
