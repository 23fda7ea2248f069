/* What core/lever.c does, as loops that each kernel compiles for its instruction
 * set. The same bytes everywhere. */
#ifndef MDL_CORE_LEVER_LOOPS_H
#define MDL_CORE_LEVER_LOOPS_H

#include "core/lever.h"
#include "core/num.h"

/* The smallest level that binds. */
#define MDL_LEVEL_MIN 0x1p-40f

static inline float mdl_lever_occupancy(float level, float ln_level, float ln_k, float n) {
    float o = mdl_sigmoidf(mdl_clampf(n * (ln_level - ln_k), -80.0f, 80.0f));
    return level > MDL_LEVEL_MIN ? o : 0.0f;
}

/* Loops without branches, over all classes and levers, which compilers vectorise:
 * a tiny network spends as long here as on its synapses. */
static inline mdl_levers mdl_lever_loops(const mdl_receptors *r, uint32_t region, const float *level) {
    enum { N = MDL_RECEPTOR_CLASSES, FACTOR, SUM };
    static const float lo[] = {
#define X(name, field, key, how, low, high, text) low,
        MDL_LEVER_MAP(X)
#undef X
    };
    static const float hi[] = {
#define X(name, field, key, how, low, high, text) high,
        MDL_LEVER_MAP(X)
#undef X
    };
    static const int kind[] = {
#define X(name, field, key, how, low, high, text) how,
        MDL_LEVER_MAP(X)
#undef X
    };
    float ln[MDL_MODULATORS], of[N], ln_of[N], bound[N], x[MDL_LEVER_COUNT] = {0.0f}, e[MDL_LEVER_COUNT];
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        ln[m] = mdl_logf(level[m]);
    for (uint32_t c = 0; c < N; c++) {
        of[c] = level[c / 2];
        ln_of[c] = ln[c / 2];
    }
    for (uint32_t c = 0; c < N; c++)
        bound[c] = r->density[region][c] * mdl_lever_occupancy(of[c], ln_of[c], r->ln_k[c], r->n[c]);
    for (uint32_t c = 0; c < N; c++)
        for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
            x[i] = mdl_fmaf(r->effect[c][i], bound[c], x[i]);
    for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
        x[i] = mdl_clampf(x[i], lo[i], hi[i]);
    for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
        e[i] = mdl_expf(x[i]);
    for (uint32_t i = 0; i < MDL_LEVER_COUNT; i++)
        x[i] = kind[i] == FACTOR ? e[i] : mdl_flushf(x[i]);
    return (mdl_levers){
#define X(name, field, key, how, lo, hi, text) .field = x[MDL_LEVER_##name],
        MDL_LEVER_MAP(X)
#undef X
    };
}

#endif
