/* BOINC's adaptive replication beside a fleet: as many hosts with the same
 * adversaries, each as BOINC meets it. */
#ifndef MDL_SIM_BESIDE_H
#define MDL_SIM_BESIDE_H

#include "sim/boinc.h"
#include "sim/sim.h"

/* Of at most 1,000 hosts, 4,000 jobs each. 0: out of memory. */
int mdl_sim_beside(const mdl_sim_plan *plan, mdl_boinc_report *out);

#endif
