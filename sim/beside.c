#include "sim/beside.h"

#include <stdlib.h>

enum { HOSTS_LEAST = 3, HOSTS_MOST = 1000, JOBS = 4000, TRUST = 100 /* jobs until it is hardly checked */ };

/* What only messages, leases or commitments make possible is honest here. */
static mdl_boinc_habit habit_of(uint32_t behaviour) {
    switch (behaviour) {
    case MDL_SIM_RING:
        return (mdl_boinc_habit){1, 0, 1};
    case MDL_SIM_TURNCOAT:
        return (mdl_boinc_habit){1, TRUST, 1};
    case MDL_SIM_LAZY:
    case MDL_SIM_RANDOM:
    case MDL_SIM_COPIER:
        return (mdl_boinc_habit){1, 0, 0};
    case MDL_SIM_WHITEWASHER:
        return (mdl_boinc_habit){1, TRUST, 0};
    case MDL_SIM_GAMBLER:
        return (mdl_boinc_habit){0.5, TRUST, 0};
    case MDL_SIM_FLIPPER:
        return (mdl_boinc_habit){0.125, 0, 0};
    case MDL_SIM_HIDER:
        return (mdl_boinc_habit){0.25, 0, 0};
    default:
        return (mdl_boinc_habit){0, 0, 0};
    }
}

int mdl_sim_beside(const mdl_sim_plan *plan, mdl_boinc_report *out) {
    mdl_boinc_plan b = {.seed = plan->seed, .jobs = JOBS, .batch = 1};
    b.hosts = plan->workers < HOSTS_LEAST ? HOSTS_LEAST : plan->workers > HOSTS_MOST ? HOSTS_MOST : plan->workers;
    mdl_boinc_habit *habit = calloc(b.hosts, sizeof *habit);
    if (!habit) {
        return 0;
    }
    /* Of a larger fleet every so many-th worker. */
    for (uint32_t i = 0; i < b.hosts; i++) {
        uint32_t worker = (uint32_t)((uint64_t)i * plan->workers / b.hosts);
        habit[i] = habit_of(mdl_sim_adversary(plan, worker));
    }
    b.habit = habit;
    int done = mdl_boinc_run(&b, out);
    free(habit);
    return done;
}
