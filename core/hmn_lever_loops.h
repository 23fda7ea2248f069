/* What core/hmn_levers.c does in a step, as loops that each portable kernel
 * compiles for its instruction set. The same bytes everywhere. */
#ifndef MDL_CORE_HMN_LEVER_LOOPS_H
#define MDL_CORE_HMN_LEVER_LOOPS_H

#include "core/hmn_kernel.h"
#include "core/hmn_levers.h"
#include "core/num.h"

/* Sum of a row, amplitudes and pathways included: lanes as in the plain path. */
static inline float mdl_hmn_lever_input(const mdl_hmn_region *r, const mdl_levers *h, const float *next, uint32_t j) {
    const float path[] = {[MDL_PATH_OWN] = 1.0f, [MDL_PATH_FORWARD] = h->feedforward, [MDL_PATH_BACK] = h->feedback};
    size_t first = mdl_row(&r->shape, j);
    uint32_t stride = mdl_row_stride(&r->shape, j);
    float sum[MDL_LANES] = {0.0f};
    for (uint32_t b = 0; b < stride; b += MDL_LANES)
        for (uint32_t l = 0; l < MDL_LANES; l++) {
            size_t at = first + b + l;
            float w = r->w[at], carried = w * (w < 0.0f ? h->inhibit : h->excite);
            carried *= path[r->pathway[at]];
            sum[l] = mdl_fmaf(carried, next[mdl_cell_index(r, at) * r->record], sum[l]);
        }
    return mdl_fold16(sum);
}

static inline float mdl_hmn_activation(const mdl_params *p, float a) {
    float z = p->activation == MDL_TANH      ? mdl_tanhf(a)
              : p->activation == MDL_SIGMOID ? mdl_sigmoidf(a)
                                             : mdl_clampf(a, 0.0f, MDL_RELU_MAX);
    return mdl_flushf(z);
}

static inline void mdl_hmn_lever_loops(mdl_hmn_region *r, const mdl_params *p, const mdl_levers *h, uint32_t t,
                                       float drop) {
    const mdl_shape *s = &r->shape;
    const float *next = mdl_line_at(r, t - 1) + r->record - 1;
    int noisy = p->sigma != 0.0f, dropping = drop > 0.0f;
    for (uint32_t j = 0; j < s->neurons; j++) {
        float i = mdl_hmn_lever_input(r, h, next, j);
        r->lag[j] = mdl_flushf(mdl_fmaf(MDL_SLOW_RATE, i - r->lag[j], r->lag[j]));
        i = mdl_fmaf(h->slow, r->lag[j] - i, i);
        float u = (i + r->bias[j]) + h->rest;
        uint32_t word[4] = {j, s->region, t, MDL_DRAW_NEURON};
        if (noisy || dropping)
            mdl_philox(word, r->key, word);
        if (noisy) {
            float g0, g1;
            mdl_gauss(word[0], word[1], &g0, &g1);
            u = mdl_fmaf(p->sigma, g0, u);
        }
        r->a[j] = h->slope * (u - mdl_fmaf(h->spread, r->offset[j], h->threshold));
        r->z[j] = mdl_hmn_activation(p, r->a[j]);
        if (dropping && j < s->hidden && (float)(int32_t)(word[2] >> 8) * 0x1p-24f < drop)
            r->z[j] = 0.0f;
    }
}

#endif
