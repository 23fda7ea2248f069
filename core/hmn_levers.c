#include "core/hmn_levers.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/num.h"

void mdl_hmn_levers_init(mdl_hmn_region *r, mdl_arena *arena) {
    r->pathway = mdl_arena_take(arena, r->shape.cells, sizeof *r->pathway);
    r->offset = mdl_arena_take(arena, r->shape.neurons, sizeof(float));
    r->lag = mdl_arena_take(arena, r->shape.neurons, sizeof(float));
}

void mdl_hmn_levers_wire(mdl_hmn_region *r, const mdl_network_spec *network) {
    const mdl_shape *s = &r->shape;
    memset(r->pathway, MDL_PATH_OWN, s->cells);
    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j), own = 1 + s->sensors;
        uint8_t delay[MDL_FAN_IN_MAX], *pathway = r->pathway + mdl_row(s, j);
        mdl_wire_row(network, s, j, source, delay);
        for (uint32_t k = 0; k < fan; k++) {
            if (source[k] < own) {
                pathway[k] = MDL_PATH_FORWARD;
            } else if (source[k] >= own + s->hidden) {
                uint32_t i = (source[k] - own - s->hidden) / r->listen;
                pathway[k] = mdl_source_region(network, s->region, i) < s->region ? MDL_PATH_FORWARD : MDL_PATH_BACK;
            }
        }
        uint32_t c[4] = {j, s->region, 0, MDL_DRAW_OFFSET};
        float unused;
        mdl_philox(c, network->seed, c);
        mdl_gauss(c[0], c[1], &r->offset[j], &unused);
        if (j >= s->hidden)
            r->offset[j] = 0.0f;
    }
}

/* Sum of a row, amplitudes and pathways included: lanes as in the plain path. */
static float input(const mdl_hmn_region *r, const mdl_levers *h, const float *next, uint32_t j) {
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

static float activation(const mdl_params *p, float a) {
    float z = p->activation == MDL_TANH      ? mdl_tanhf(a)
              : p->activation == MDL_SIGMOID ? mdl_sigmoidf(a)
                                             : mdl_clampf(a, 0.0f, MDL_RELU_MAX);
    return mdl_flushf(z);
}

void mdl_hmn_levers_activate(mdl_hmn_region *r, const mdl_params *p, const mdl_levers *h, uint32_t t, float drop) {
    const mdl_shape *s = &r->shape;
    const float *next = mdl_line_at(r, t - 1) + r->record - 1;
    int noisy = p->sigma != 0.0f, dropping = drop > 0.0f;
    for (uint32_t j = 0; j < s->neurons; j++) {
        float i = input(r, h, next, j);
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
        r->z[j] = activation(p, r->a[j]);
        if (dropping && j < s->hidden && (float)(int32_t)(word[2] >> 8) * 0x1p-24f < drop)
            r->z[j] = 0.0f;
    }
}
