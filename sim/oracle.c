/* What is right: fitness, updates and digest of every job, from its name alone. */
#include <string.h>

#include "protocol/unit.h"
#include "sim/internal.h"

enum { UPDATES_LEAST = 200000, UPDATES_SPREAD = 400000, FITNESS_MOST = 200000000 };

static uint64_t name_of(const mdl_sim *s, uint32_t generation, uint32_t job) {
    return mdl_sim_mix(s->oracle ^ ((uint64_t)generation << 32 | job));
}

int64_t mdl_sim_true_fitness(const mdl_sim *s, uint32_t generation, uint32_t job) {
    return (int64_t)(mdl_sim_mix(name_of(s, generation, job) + 1) % FITNESS_MOST);
}

void mdl_sim_row(const mdl_sim *s, uint32_t generation, uint32_t job, mdl_life_row *row) {
    uint64_t name = name_of(s, generation, job);
    *row = (mdl_life_row){.windows = MDL_SIM_WINDOWS,
                          .fitness = mdl_sim_true_fitness(s, generation, job),
                          .updates = UPDATES_LEAST + name % UPDATES_SPREAD};
    mdl_digest_of(&name, sizeof name, row->end);
}

uint64_t mdl_sim_truth(const mdl_sim *s, uint32_t generation, uint32_t job, mdl_job_result *result) {
    mdl_life_row row;
    if (!result) {
        return UPDATES_LEAST + name_of(s, generation, job) % UPDATES_SPREAD;
    }
    mdl_sim_row(s, generation, job, &row);
    mdl_unit_segment(generation, job, &row, 1, result);
    return row.updates;
}
