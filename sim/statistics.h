/* Shares with their uncertainty. */
#ifndef MDL_SIM_STATISTICS_H
#define MDL_SIM_STATISTICS_H

#include <stdint.h>

/* Wilson's interval of a share of which `hits` of `trials` were seen; `z` normal
 * deviations wide, 1.96 for 95 %. 0..1 when there were no trials. */
void mdl_sim_interval(uint64_t hits, uint64_t trials, double z, double *lo, double *hi);

/* VERIFICATION d.1: 1 - (1-p)^w, that one of w wrong results is found when each
 * is looked at with probability p. */
double mdl_sim_detection(double p, double w);

#endif
