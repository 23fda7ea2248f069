/* What the machine allows a kernel: loops that do nothing but one thing, on the
 * arrays of a region. cli/bench_limits_vec.c is compiled once per instruction
 * set, like the kernels. */
#ifndef MDL_CLI_BENCH_LIMITS_H
#define MDL_CLI_BENCH_LIMITS_H

#include "core/hmn_region.h"

typedef struct mdl_bench_limits {
    const char *kernel; /* of the same instruction set */
    /* `rounds` of 12 independent vectors of fused multiply-adds; how many in all, lane by lane. */
    double (*fma)(uint32_t rounds);
    /* A pass over what a step streams: w and both traces read and written, the
     * indices, with `gate` the phases. Values stay. */
    void (*stream)(mdl_hmn_region *r, int gate);
    /* A pass that only fetches every cell's record. Returns something that depends on them. */
    float (*gather)(const mdl_hmn_region *r);
} mdl_bench_limits;

/* For the kernel of this name; NULL for portable. */
const mdl_bench_limits *mdl_bench_limits_of(const char *kernel);

#endif
