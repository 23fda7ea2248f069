#include "core/hmn_lanes.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/hmn_levers.h"
#include "core/num.h"

static int fits(const mdl_experiment *x) {
    mdl_shape s;
    if (x->network.regions != 1)
        return 0;
    mdl_shape_of(&x->network, 0, &s);
    return s.synapses <= MDL_LANES_CELLS_MAX && s.fan[0] <= MDL_LANES_FAN_MAX && s.fan[1] <= MDL_LANES_FAN_MAX &&
           s.sources <= UINT16_MAX && s.sensors > 0 && s.motors > 0;
}

static float *floats(mdl_arena *arena, size_t rows) { return mdl_arena_take(arena, rows * MDL_LANES, sizeof(float)); }

static void wire(mdl_hmn_lanes *n, const mdl_network_spec *network) {
    const mdl_shape *s = &n->shape;
    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j);
        size_t at = mdl_row_packed(s, j);
        mdl_wire_row(network, s, j, source, n->delay + at);
        for (uint32_t k = 0; k < fan; k++)
            n->source[at + k] = (uint16_t)source[k];
    }
}

static void *layout(mdl_arena *arena, const mdl_experiment *x) {
    mdl_hmn_lanes *n = mdl_arena_take(arena, 1, sizeof *n), counted;
    mdl_hmn_lanes *r = n ? n : &counted;
    memset(r, 0, sizeof *r);
    mdl_shape_of(&x->network, 0, &r->shape);
    const mdl_shape *s = &r->shape;
    const uint8_t *used = x->hmn.mechanism;
    r->window = x->network.window;
    r->source = mdl_arena_take(arena, s->synapses, sizeof *r->source);
    r->delay = mdl_arena_take(arena, s->synapses, sizeof *r->delay);
    if (used[MDL_MECH_PHASE_GATE] != MDL_OFF) {
        r->cos_phi = floats(arena, s->synapses);
        r->sin_phi = floats(arena, s->synapses);
    }
    r->gain = floats(arena, s->neurons);
    size_t line = (size_t)s->slots * s->sources;
    if (used[MDL_MECH_LOCAL_ATTENTION] != MDL_OFF) {
        r->embed = floats(arena, (size_t)4 * s->sources);
        for (int d = 0; d < MDL_EMBED; d++)
            r->h[d] = floats(arena, line);
    }
    if (x->modulators.used) {
        r->pathway = mdl_arena_take(arena, s->synapses, sizeof *r->pathway);
        r->offset = mdl_arena_take(arena, s->neurons, sizeof(float));
        r->lag = floats(arena, s->neurons);
    }
    float **by_synapse[] = {&r->w, &r->fast, &r->slow};
    for (size_t i = 0; i < sizeof by_synapse / sizeof by_synapse[0]; i++)
        *by_synapse[i] = floats(arena, s->synapses);
    float **by_neuron[] = {&r->a,     &r->z,          &r->post,       &r->bias,   &r->mean,
                           &r->value, &r->context[0], &r->context[1], &r->feature};
    for (size_t i = 0; i < sizeof by_neuron / sizeof by_neuron[0]; i++)
        *by_neuron[i] = floats(arena, s->neurons);
    r->sensor_mean = floats(arena, s->sensors);
    r->x = floats(arena, line);
    if (n)
        wire(n, &x->network);
    return n;
}

static const mdl_lanes_kernel *ready(const void *region) {
    const mdl_hmn_region *r = region;
    return r->kernel->lanes;
}

static void clear(void *net, const void *region) {
    mdl_hmn_lanes *n = net;
    const mdl_hmn_region *r = region;
    const mdl_shape *s = &n->shape;
    for (uint32_t j = 0; n->pathway && j < s->neurons; j++)
        memcpy(n->pathway + mdl_row_packed(s, j), r->pathway + mdl_row(s, j), mdl_row_fan(s, j) * sizeof *n->pathway);
    if (n->offset)
        memcpy(n->offset, r->offset, s->neurons * sizeof(float));
    float *const zeroed[] = {n->a, n->z, n->post, n->bias, n->mean, n->value, n->context[0], n->context[1], n->feature};
    for (size_t i = 0; i < sizeof zeroed / sizeof zeroed[0]; i++)
        memset(zeroed[i], 0, (size_t)s->neurons * MDL_LANES * sizeof(float));
    if (n->lag)
        memset(n->lag, 0, (size_t)s->neurons * MDL_LANES * sizeof(float));
    float *const cells[] = {n->w, n->fast, n->slow};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        memset(cells[i], 0, s->synapses * MDL_LANES * sizeof(float));
    size_t line = (size_t)s->slots * s->sources * MDL_LANES * sizeof(float);
    memset(n->sensor_mean, 0, (size_t)s->sensors * MDL_LANES * sizeof(float));
    memset(n->x, 0, line);
    for (int d = 0; n->embed && d < MDL_EMBED; d++)
        memset(n->h[d], 0, line);
}

static void genome(void *net, const void *region, uint32_t first, uint32_t count) {
    mdl_hmn_lanes *n = net;
    const mdl_hmn_region *r = region;
    const mdl_shape *s = &n->shape;
    for (uint32_t j = 0; n->cos_phi && j < s->neurons; j++) {
        size_t to = mdl_row_packed(s, j) * MDL_LANES, from = mdl_row(s, j);
        mdl_lane_spread(n->cos_phi + to, r->cos_phi + from, mdl_row_fan(s, j), first, count);
        mdl_lane_spread(n->sin_phi + to, r->sin_phi + from, mdl_row_fan(s, j), first, count);
    }
    mdl_lane_spread(n->gain, r->gain, s->neurons, first, count);
    if (n->embed)
        mdl_lane_spread(n->embed, r->embed, (size_t)4 * s->sources, first, count);
}

/* The embedding of activity 0: what kernels put for it. */
static void embed_nothing(const float *e, const mdl_params *p, float h[MDL_EMBED]) {
    float scale = 1.0f;
    for (int d = 0; d < MDL_EMBED; d++)
        h[d] = mdl_fmaf(e[d], 0.0f, e[MDL_EMBED + d]);
    if (p->similarity == MDL_COSINE) {
        float norm = mdl_fmaf(h[0], h[0], h[1] * h[1]);
        scale = norm > 0x1p-60f ? 1.0f / mdl_sqrtf(norm) : 0.0f;
    }
    for (int d = 0; d < MDL_EMBED; d++)
        h[d] *= scale;
}

static void birth(void *net, const void *region, const mdl_params *p, uint32_t lane, uint64_t noise_key) {
    mdl_hmn_lanes *n = net;
    const mdl_hmn_region *r = region;
    const mdl_shape *s = &n->shape;
    for (uint32_t j = 0; j < s->neurons; j++)
        mdl_lane_spread(n->w + mdl_row_packed(s, j) * MDL_LANES, r->w0 + mdl_row(s, j), mdl_row_fan(s, j), lane, 1);
    mdl_lane_set(n->fast, s->synapses, lane, 0.0f);
    mdl_lane_set(n->slow, s->synapses, lane, 0.0f);
    float *const zeroed[] = {n->a, n->z, n->post, n->bias, n->mean, n->value, n->context[0], n->context[1], n->feature};
    for (size_t i = 0; i < sizeof zeroed / sizeof zeroed[0]; i++)
        mdl_lane_set(zeroed[i], s->neurons, lane, 0.0f);
    if (n->lag)
        mdl_lane_set(n->lag, s->neurons, lane, 0.0f);
    mdl_lane_set(n->sensor_mean, s->sensors, lane, 0.0f);
    mdl_lane_set(n->x, (size_t)s->slots * s->sources, lane, 0.0f);
    for (uint32_t i = 0; n->embed && i < s->sources; i++) {
        float h[MDL_EMBED];
        embed_nothing(r->embed + 4 * (size_t)i, p, h);
        for (uint32_t t = 0; t < s->slots; t++)
            for (int d = 0; d < MDL_EMBED; d++)
                n->h[d][((size_t)t * s->sources + i) * MDL_LANES + lane] = h[d];
    }
    n->novelty[lane] = 0;
    n->key[0][lane] = (uint32_t)noise_key;
    n->key[1][lane] = (uint32_t)(noise_key >> 32);
}

static void window(void *net, const mdl_lanes_kernel *kernel, mdl_lanes_window *w) { kernel->hmn(net, w); }

static void put_back(const void *net, const mdl_params *p, uint32_t lane, uint32_t last, void *region) {
    const mdl_hmn_lanes *n = net;
    mdl_hmn_region *r = region;
    const mdl_shape *s = &n->shape;
    for (uint32_t j = 0; j < s->neurons; j++) {
        size_t to = mdl_row(s, j), from = mdl_row_packed(s, j) * MDL_LANES;
        uint32_t fan = mdl_row_fan(s, j);
        mdl_lane_get(r->w + to, n->w + from, fan, lane);
        mdl_lane_get(r->fast + to, n->fast + from, fan, lane);
        mdl_lane_get(r->slow + to, n->slow + from, fan, lane);
    }
    float *const to[] = {r->a, r->z, r->post, r->bias, r->mean, r->value, r->context[0], r->context[1], r->feature};
    float *const from[] = {n->a, n->z, n->post, n->bias, n->mean, n->value, n->context[0], n->context[1], n->feature};
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
        mdl_lane_get(to[i], from[i], s->neurons, lane);
    if (n->lag)
        mdl_lane_get(r->lag, n->lag, s->neurons, lane);
    mdl_lane_get(r->sensor_mean, n->sensor_mean, s->sensors, lane);
    r->novelty = n->novelty[lane];
    for (uint32_t back = s->delay_max + 1; back-- > 0;) {
        const float *row = mdl_hmn_lanes_at(n, n->x, n->clock - 1 - back);
        for (uint32_t i = 1; i < s->sources; i++)
            r->kernel->put(r, p, last - back, i, 1, row + (size_t)i * MDL_LANES + lane);
    }
}

const mdl_lanes_model mdl_hmn_lanes_model = {.fits = fits,
                                             .layout = layout,
                                             .ready = ready,
                                             .clear = clear,
                                             .genome = genome,
                                             .birth = birth,
                                             .window = window,
                                             .put_back = put_back};
