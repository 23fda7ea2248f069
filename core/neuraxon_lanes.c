#include "core/neuraxon_lanes.h"

#include <string.h>

#include "core/neuraxon_kernel.h"

enum { SYNAPSE_ROWS = 7, NEURON_ROWS = 12, NEURON_CONSTANTS = 5 };

/* What belongs to a trial or a life, in the order of the two functions below. */
typedef struct rows {
    float **synapse[SYNAPSE_ROWS], **neuron[NEURON_ROWS], **constant[NEURON_CONSTANTS];
} rows;

static rows rows_of(mdl_neuraxon_lanes *n) {
    return (rows){{&n->fast, &n->slow, &n->meta, &n->e, &n->w, &n->carry, &n->shift},
                  {&n->v, &n->z, &n->post, &n->trace, &n->adapt, &n->autor, &n->lag, &n->brake, &n->readout, &n->value,
                   &n->feature, &n->bend},
                  {&n->above, &n->below, &n->decay, &n->cos_osc, &n->sin_osc}};
}

static int fits(const mdl_experiment *x) {
    mdl_shape s;
    const uint8_t *used = x->neuraxon.mechanism;
    if (x->network.regions != 1 || used[MDL_NX_SILENT] != MDL_OFF || used[MDL_NX_STRUCTURE] != MDL_OFF)
        return 0;
    mdl_shape_of(&x->network, 0, &s);
    return s.synapses <= MDL_LANES_CELLS_MAX && s.fan[0] <= MDL_LANES_FAN_MAX && s.fan[1] <= MDL_LANES_FAN_MAX &&
           s.sources <= UINT16_MAX && s.sensors > 0 && s.motors > 0;
}

static void *layout(mdl_arena *arena, const mdl_experiment *x) {
    mdl_neuraxon_lanes *n = mdl_arena_take(arena, 1, sizeof *n), counted;
    mdl_neuraxon_lanes *r = n ? n : &counted;
    memset(r, 0, sizeof *r);
    mdl_shape_of(&x->network, 0, &r->shape);
    const mdl_shape *s = &r->shape;
    rows all = rows_of(r);
    int modulatory = x->neuraxon.mechanism[MDL_NX_MODULATORY] != MDL_OFF;
    r->window = x->network.window;
    r->source = mdl_arena_take(arena, s->synapses, sizeof *r->source);
    r->delay = mdl_arena_take(arena, s->synapses, sizeof *r->delay);
    r->flags = mdl_arena_take(arena, s->synapses, sizeof *r->flags);
    r->scatter = mdl_arena_take(arena, s->neurons, sizeof(float));
    r->w0 = mdl_arena_take(arena, s->synapses * MDL_LANES, sizeof(float));
    r->meta0 = mdl_arena_take(arena, s->synapses * MDL_LANES, sizeof(float));
    for (int i = 0; i < NEURON_CONSTANTS; i++)
        *all.constant[i] = mdl_arena_take(arena, (size_t)s->neurons * MDL_LANES, sizeof(float));
    for (int i = 0; i < (modulatory ? SYNAPSE_ROWS : SYNAPSE_ROWS - 1); i++)
        *all.synapse[i] = mdl_arena_take(arena, s->synapses * MDL_LANES, sizeof(float));
    for (int i = 0; i < NEURON_ROWS; i++)
        *all.neuron[i] = mdl_arena_take(arena, (size_t)s->neurons * MDL_LANES, sizeof(float));
    r->sensor_mean = mdl_arena_take(arena, (size_t)s->sensors * MDL_LANES, sizeof(float));
    size_t line = (size_t)s->slots * s->sources * MDL_LANES;
    r->x = mdl_arena_take(arena, line, sizeof(float));
    r->pre = mdl_arena_take(arena, line, sizeof(float));
    if (!n)
        return NULL;
    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j);
        size_t at = mdl_row_packed(s, j);
        mdl_wire_row(&x->network, s, j, source, n->delay + at);
        for (uint32_t k = 0; k < fan; k++)
            n->source[at + k] = (uint16_t)source[k];
    }
    return n;
}

static const mdl_lanes_kernel *ready(const void *region) {
    const mdl_neuraxon_region *r = region;
    return r->kernel->lanes;
}

static void clear(void *net, const void *region) {
    mdl_neuraxon_lanes *n = net;
    const mdl_neuraxon_region *r = region;
    const mdl_shape *s = &n->shape;
    rows all = rows_of(n);
    for (uint32_t j = 0; j < s->neurons; j++)
        for (uint32_t k = 0; k < mdl_row_fan(s, j); k++)
            n->flags[mdl_row_packed(s, j) + k] = (uint8_t)r->flags[mdl_row(s, j) + k];
    memcpy(n->scatter, r->scatter, s->neurons * sizeof(float));
    for (int i = 0; i < SYNAPSE_ROWS; i++)
        if (*all.synapse[i])
            memset(*all.synapse[i], 0, s->synapses * MDL_LANES * sizeof(float));
    for (int i = 0; i < NEURON_ROWS; i++)
        memset(*all.neuron[i], 0, (size_t)s->neurons * MDL_LANES * sizeof(float));
    memset(n->sensor_mean, 0, (size_t)s->sensors * MDL_LANES * sizeof(float));
    memset(n->x, 0, (size_t)s->slots * s->sources * MDL_LANES * sizeof(float));
    memset(n->pre, 0, (size_t)s->slots * s->sources * MDL_LANES * sizeof(float));
    for (uint32_t l = 0; l < MDL_LANES; l++)
        n->branching[l] = mdl_branching_birth();
}

static void genome(void *net, const void *region, uint32_t first, uint32_t count) {
    mdl_neuraxon_lanes *n = net;
    const mdl_neuraxon_region *r = region;
    const mdl_shape *s = &n->shape;
    rows all = rows_of(n);
    for (uint32_t j = 0; j < s->neurons; j++) {
        size_t to = mdl_row_packed(s, j) * MDL_LANES, from = mdl_row(s, j);
        mdl_lane_spread(n->w0 + to, r->w0 + from, mdl_row_fan(s, j), first, count);
        mdl_lane_spread(n->meta0 + to, r->meta0 + from, mdl_row_fan(s, j), first, count);
    }
    const float *const constant[NEURON_CONSTANTS] = {r->above, r->below, r->decay, r->cos_osc, r->sin_osc};
    for (int i = 0; i < NEURON_CONSTANTS; i++)
        mdl_lane_spread(*all.constant[i], constant[i], s->neurons, first, count);
}

/* A lane of one array's rows in another's. */
static void copy(float *to, const float *from, size_t count, uint32_t lane) {
    for (size_t i = lane; i < count * MDL_LANES; i += MDL_LANES)
        to[i] = from[i];
}

static void birth(void *net, const void *region, const mdl_params *p, uint32_t lane, uint64_t noise_key) {
    mdl_neuraxon_lanes *n = net;
    const mdl_shape *s = &n->shape;
    rows all = rows_of(n);
    (void)region;
    (void)p;
    mdl_lane_set(n->fast, s->synapses, lane, 0.0f);
    mdl_lane_set(n->e, s->synapses, lane, 0.0f);
    copy(n->slow, n->w0, s->synapses, lane);
    copy(n->w, n->w0, s->synapses, lane);
    copy(n->meta, n->meta0, s->synapses, lane);
    for (int i = 0; i < NEURON_ROWS; i++)
        mdl_lane_set(*all.neuron[i], s->neurons, lane, 0.0f);
    mdl_lane_set(n->brake, s->neurons, lane, 1.0f);
    mdl_lane_set(n->sensor_mean, s->sensors, lane, 0.0f);
    mdl_lane_set(n->x, (size_t)s->slots * s->sources, lane, 0.0f);
    mdl_lane_set(n->pre, (size_t)s->slots * s->sources, lane, 0.0f);
    n->branching[lane] = mdl_branching_birth();
    n->novelty[lane] = 0;
    n->key[0][lane] = (uint32_t)noise_key;
    n->key[1][lane] = (uint32_t)(noise_key >> 32);
}

static void window(void *net, const mdl_lanes_kernel *kernel, mdl_lanes_window *w) { kernel->neuraxon(net, w); }

static void put_back(const void *net, const mdl_params *p, uint32_t lane, uint32_t last, void *region) {
    const mdl_neuraxon_lanes *n = net;
    mdl_neuraxon_region *r = region;
    const mdl_shape *s = &n->shape;
    (void)p;
    float *const cells[] = {r->fast, r->slow, r->meta, r->e, r->w};
    const float *const cells_from[] = {n->fast, n->slow, n->meta, n->e, n->w};
    for (uint32_t j = 0; j < s->neurons; j++)
        for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
            mdl_lane_get(cells[i] + mdl_row(s, j), cells_from[i] + mdl_row_packed(s, j) * MDL_LANES, mdl_row_fan(s, j),
                         lane);
    float *const to[] = {r->v,   r->z,     r->post,    r->trace, r->adapt,  r->autor,
                         r->lag, r->brake, r->readout, r->value, r->feature};
    const float *const from[] = {n->v,   n->z,     n->post,    n->trace, n->adapt,  n->autor,
                                 n->lag, n->brake, n->readout, n->value, n->feature};
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
        mdl_lane_get(to[i], from[i], s->neurons, lane);
    mdl_lane_get(r->sensor_mean, n->sensor_mean, s->sensors, lane);
    r->novelty = n->novelty[lane];
    r->branching = n->branching[lane];
    for (uint32_t back = s->delay_max + 1; back-- > 0;) {
        float *x = mdl_neuraxon_at(r, last - back - 1) + 1, *pre = mdl_neuraxon_at(r, last - back);
        const float *x_from = mdl_neuraxon_lanes_at(n, n->x, n->clock - 1 - back) + lane;
        const float *pre_from = mdl_neuraxon_lanes_at(n, n->pre, n->clock - 1 - back) + lane;
        size_t twin = mdl_neuraxon_twin(r);
        for (size_t i = 0; i < s->sources; i++) {
            x[2 * i] = x[2 * i + twin] = x_from[i * MDL_LANES];
            pre[2 * i] = pre[2 * i + twin] = pre_from[i * MDL_LANES];
        }
    }
}

const mdl_lanes_model mdl_neuraxon_lanes_model = {.fits = fits,
                                                  .layout = layout,
                                                  .ready = ready,
                                                  .clear = clear,
                                                  .genome = genome,
                                                  .birth = birth,
                                                  .window = window,
                                                  .put_back = put_back};
