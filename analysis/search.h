/* The minimum of a function of one variable on lo..hi: a scan over a grid, then
 * golden sections around its best point. Pure. */
#ifndef MDL_ANALYSIS_SEARCH_H
#define MDL_ANALYSIS_SEARCH_H

typedef double (*mdl_objective)(double x, const void *context);

double mdl_search_minimum(mdl_objective f, const void *context, double lo, double hi);

#endif
