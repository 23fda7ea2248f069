#include "core/hmn_region.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/hmn_levers.h"
#include "core/lanes.h"
#include "core/num.h"

/* What a loaded state may hold: any valid one is within, and one within stays
 * so. Observations; traces (products of x and z, slowest decay 1 - 1/404); the
 * argument of f (4096 synapses of weight 64). */
#define SENSOR_MAX 1024.0f
#define TRACE_MAX 0x1p25f
#define INPUT_MAX 0x1p30f
#define LEVERED_MAX 0x1p34f /* the same with every lever at its most */

static uint32_t padded(uint32_t n) { return (n + MDL_LANES - 1) / MDL_LANES * MDL_LANES; }

static int used(const mdl_hmn_spec *spec, mdl_mechanism m) { return spec->mechanism[m] != MDL_OFF; }

static void region_init(void *region, mdl_arena *arena, const mdl_experiment *x, uint32_t number,
                        const struct mdl_kernel *kernel, int shared, const void *given) {
    mdl_hmn_region *r = region;
    const mdl_hmn_region *like = given;
    const mdl_network_spec *network = &x->network;
    const mdl_hmn_spec *spec = &x->hmn;
    memset(r, 0, sizeof *r);
    mdl_shape_of(network, number, &r->shape);
    const mdl_shape *s = &r->shape;
    MDL_ASSERT(s->fan[0] <= MDL_FAN_IN_MAX && s->fan[1] <= MDL_FAN_IN_MAX);
    r->kernel = kernel;
    r->window = network->window;
    r->listen = network->sources > 0 ? network->listen : 0;
    size_t cells = s->cells, neurons = padded(s->neurons), line = (size_t)2 * s->slots * s->sources;
    if (like) {
        r->index16 = like->index16;
        r->index32 = like->index32;
        r->exported = like->exported;
    } else if (!shared) {
        if ((size_t)s->slots * s->sources + s->sources <= UINT16_MAX)
            r->index16 = mdl_arena_take(arena, cells, sizeof *r->index16);
        else
            r->index32 = mdl_arena_take(arena, cells, sizeof *r->index32);
        r->exported = mdl_arena_take(arena, r->listen, sizeof *r->exported);
    }
    r->w0 = mdl_arena_take(arena, cells, sizeof(float));
    if (used(spec, MDL_MECH_PHASE_GATE)) {
        r->cos_phi = mdl_arena_take(arena, cells, sizeof(float));
        r->sin_phi = mdl_arena_take(arena, cells, sizeof(float));
    }
    r->gain = mdl_arena_take(arena, neurons, sizeof(float));
    r->w = mdl_arena_take(arena, cells, sizeof(float));
    r->fast = mdl_arena_take(arena, cells, sizeof(float));
    r->slow = mdl_arena_take(arena, cells, sizeof(float));
    float **per_neuron[] = {&r->a,          &r->z,          &r->post,  &r->bias,   &r->mean,
                            &r->context[0], &r->context[1], &r->value, &r->feature};
    for (size_t i = 0; i < sizeof per_neuron / sizeof per_neuron[0]; i++)
        *per_neuron[i] = mdl_arena_take(arena, neurons, sizeof(float));
    r->sensor_mean = mdl_arena_take(arena, s->sensors, sizeof(float));
    r->record = used(spec, MDL_MECH_LOCAL_ATTENTION) ? 4 : 2;
    r->line = mdl_arena_take(arena, line, r->record * sizeof(float));
    if (r->record == 4) /* kernels read 16 sources at once */
        r->embed = mdl_arena_take(arena, (size_t)(s->sources + MDL_LANES) * 4, sizeof(float));
    if (x->modulators.used)
        mdl_hmn_levers_init(r, arena, shared, like);
    if (!arena->base || shared)
        return;

    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j);
        uint8_t delay[MDL_FAN_IN_MAX];
        mdl_wire_row(network, s, j, source, delay);
        size_t at = mdl_row(s, j);
        for (uint32_t k = 0; k < mdl_row_stride(s, j); k++) {
            uint32_t index = k < fan ? (s->slots - delay[k]) * s->sources + source[k] : s->slots * s->sources;
            if (r->index16)
                r->index16[at + k] = (uint16_t)index;
            else
                r->index32[at + k] = index;
        }
    }
    if (r->listen > 0)
        mdl_export_set(network, number, r->exported);
    if (x->modulators.used)
        mdl_hmn_levers_wire(r, network);
}

/* Padding cells hold weight 0 and listen to source 0, which is always 0. */
static void set_cell(mdl_hmn_region *r, size_t cell, float weight, float weight_max, float half_turns) {
    r->w0[cell] = mdl_flushf(mdl_clampf(weight, -weight_max, weight_max));
    if (r->cos_phi)
        mdl_sincos_turn(mdl_phase_of_gene(half_turns), &r->sin_phi[cell], &r->cos_phi[cell]);
}

static void genome_direct(mdl_hmn_region *r, const mdl_hmn_spec *spec, const mdl_genome_layout *layout,
                          const float *genome, const mdl_region_offset *at) {
    const mdl_shape *s = &r->shape;
    const float *w = genome + layout->weights + at->synapse;
    const float *phase = r->cos_phi ? genome + layout->phases + at->synapse : NULL;
    for (uint32_t j = 0; j < s->neurons; j++) {
        size_t cell = mdl_row(s, j);
        uint32_t fan = mdl_row_fan(s, j), stride = mdl_row_stride(s, j);
        for (uint32_t k = 0; k < stride; k++)
            set_cell(r, cell + k, k < fan ? w[k] : 0.0f, spec->weight_max, phase && k < fan ? phase[k] : 0.0f);
        w += fan;
        phase = phase ? phase + fan : NULL;
    }
    MDL_ASSERT(genome);
    if (used(spec, MDL_MECH_NEURON_GAIN))
        for (uint32_t j = 0; j < s->neurons; j++)
            r->gain[j] = mdl_clampf(genome[layout->gains + at->neuron + j], -64.0f, 64.0f);
    if (r->embed)
        for (size_t i = 0; i < (size_t)4 * (s->sources - 1); i++)
            r->embed[4 + i] = mdl_clampf(genome[layout->embeddings + 4 * (size_t)at->source + i], -64.0f, 64.0f);
}

/* Weights and phases drawn around the means of their projection; the draws
 * belong to the wiring, so that all candidates share them. */
static void genome_indirect(mdl_hmn_region *r, const mdl_network_spec *network, const mdl_hmn_spec *spec,
                            const mdl_genome_layout *layout, const float *genome) {
    const mdl_shape *s = &r->shape;
    const float *g = genome + layout->regions + (size_t)s->region * (MDL_CLASSES * MDL_CLASS_GENES + 1);
    for (uint32_t j = 0; j < s->neurons; j++) {
        size_t cell = mdl_row(s, j);
        uint32_t fan = mdl_row_fan(s, j), stride = mdl_row_stride(s, j);
        float mean_scale = 4.0f / (float)fan, sd_scale = 2.0f / mdl_sqrtf((float)fan);
        for (uint32_t k = 0; k < stride; k++) {
            uint32_t class = mdl_slot_class(s, k);
            if (j >= s->hidden && k >= s->fan_sensor)
                class = 1;
            const float *q = g + class * MDL_CLASS_GENES;
            uint32_t c[4] = {k << 24 | j, s->region, k >> 8, MDL_DRAW_WEIGHT};
            mdl_philox(c, network->seed, c);
            float normal, unused, uniform = (float)(c[2] >> 8) * 0x1p-23f - 1.0f;
            mdl_gauss(c[0], c[1], &normal, &unused);
            float mean = mdl_clampf(q[0], -64.0f, 64.0f), sd = mdl_clampf(q[1], -64.0f, 64.0f);
            float phase = mdl_fmaf(mdl_clampf(q[3], -1.0f, 1.0f), uniform, mdl_clampf(q[2], -32.0f, 32.0f));
            float w = mdl_fmaf(sd * sd_scale, normal, mean * mean_scale);
            set_cell(r, cell + k, k < fan ? w : 0.0f, spec->weight_max, phase);
        }
    }
    for (uint32_t j = 0; j < s->neurons; j++)
        r->gain[j] = mdl_clampf(g[MDL_CLASSES * MDL_CLASS_GENES], -64.0f, 64.0f);
    for (uint32_t i = 1; r->embed && i < s->sources; i++) {
        uint32_t class = i <= s->sensors ? 0 : i <= s->sensors + s->hidden ? 1 : 2;
        for (uint32_t k = 0; k < 4; k++)
            r->embed[4 * (size_t)i + k] = mdl_clampf(g[class * MDL_CLASS_GENES + 4 + k], -64.0f, 64.0f);
    }
}

static void region_genome(void *region, const mdl_experiment *x, const mdl_genome_layout *layout, const float *genome,
                          const mdl_region_offset *at) {
    mdl_hmn_region *r = region;
    for (uint32_t j = 0; j < r->shape.neurons; j++)
        r->gain[j] = 1.0f;
    if (r->embed)
        memset(r->embed, 0, 4 * sizeof(float));
    if (layout->encoding == MDL_DIRECT)
        genome_direct(r, &x->hmn, layout, genome, at);
    else
        genome_indirect(r, &x->network, &x->hmn, layout, genome);
}

/* The line with every past activity 0: what a wipe and a birth leave. */
static void clear_line(mdl_hmn_region *r, const mdl_params *p) {
    static const float nothing[256];
    const mdl_shape *s = &r->shape;
    uint32_t all = sizeof nothing / sizeof nothing[0];
    memset(r->line, 0, (size_t)2 * s->slots * s->sources * r->record * sizeof(float));
    for (uint32_t t = 0; r->embed && t < s->slots; t++)
        for (uint32_t i = 1; i < s->sources; i += all)
            r->kernel->put(r, p, t, i, s->sources - i < all ? s->sources - i : all, nothing);
}

static void wipe(mdl_hmn_region *r, const mdl_params *p) {
    const mdl_shape *s = &r->shape;
    memset(r->fast, 0, s->cells * sizeof(float));
    memset(r->slow, 0, s->cells * sizeof(float));
    for (int d = 0; d < MDL_EMBED; d++)
        memset(r->context[d], 0, padded(s->neurons) * sizeof(float));
    memset(r->feature, 0, padded(s->neurons) * sizeof(float));
    if (r->lag)
        memset(r->lag, 0, s->neurons * sizeof(float));
    clear_line(r, p);
}

static void region_birth(void *region, const mdl_params *p, uint64_t noise_key) {
    mdl_hmn_region *r = region;
    const mdl_shape *s = &r->shape;
    size_t neurons = padded(s->neurons) * sizeof(float);
    memcpy(r->w, r->w0, s->cells * sizeof(float));
    float *const zeroed[] = {r->a, r->z, r->post, r->bias, r->mean, r->value};
    for (size_t i = 0; i < sizeof zeroed / sizeof zeroed[0]; i++)
        memset(zeroed[i], 0, neurons);
    memset(r->sensor_mean, 0, s->sensors * sizeof(float));
    r->novelty = 0;
    r->key = noise_key;
    wipe(r, p);
}

/* First part of the completion of step t, with state m: contexts and biases.
 * Returns what eqs. (2)-(5), (8), (9) need. */
static mdl_completion begin_completion(mdl_hmn_region *r, const mdl_params *p, const mdl_modulation *m, uint32_t t,
                                       int last) {
    const mdl_shape *s = &r->shape;
    memcpy(r->post, r->z, padded(s->neurons) * sizeof(float));
    if (last && s->motors > 1 && mdl_on(p, MDL_MECH_EFFERENCE_COPY))
        for (uint32_t i = 0; i < s->motors; i++)
            r->post[s->hidden + i] = i == m->action_before ? 1.0f : 0.0f;
    r->kernel->neurons(r, p);
    mdl_completion c = {.step = t};
    c.eta = m->permit * mdl_fmaf(m->eta_global, m->g_prime, m->eta_local);
    if (p->modulators.used)
        c.eta *= mdl_levels_rate(&m->levels, &p->modulators);
    if (mdl_on(p, MDL_MECH_PHASE_GATE))
        mdl_sincos_turn(mdl_phase_at(p, t), &c.sin_phase, &c.cos_phase);
    return c;
}

static void region_window(void *region, const mdl_params *p, const mdl_modulation *m, const float *obs) {
    mdl_hmn_region *r = region;
    const mdl_shape *s = &r->shape;
    int plastic = mdl_on(p, MDL_MECH_PLASTICITY);
    int levers = p->modulators.used != 0;
    mdl_levers hold = MDL_LEVERS_NONE;
    if (levers)
        hold = mdl_levels_hold(&m->levels, &p->modulators, &p->receptors, s->region, r->kernel->levers);
    float view[1 + MDL_OBS_MAX]; /* the constant, then what the window shows */
    view[0] = 1.0f;
    for (uint32_t k = 1; k < s->sensors; k++)
        view[k] = obs[k - 1];
    for (uint32_t i = 0; i < r->window; i++) {
        uint32_t t = m->step + i;
        uint32_t flags = i == 0 ? m->flags_before : m->flags;
        int learn = plastic && !(flags & MDL_OUT_FROZEN), wiped = i == 0 && m->flags & MDL_OUT_WIPE;
        mdl_completion c = {0};
        if (learn)
            c = begin_completion(r, p, m, t - 1, i == 0);
        if (learn && (wiped || levers))
            r->kernel->complete(r, p, &c);
        if (i == 0) {
            if (mdl_on(p, MDL_MECH_CRITIC)) /* TD(0): values move along the error of the window before */
                r->kernel->values(r, 1.0f / (float)s->neurons * p->critic_rate * m->e[MDL_E_REWARD]);
            if (wiped)
                wipe(r, p);
            if (s->sensors > 0)
                r->kernel->sense(r, p, obs);
        }
        r->kernel->put(r, p, t, 1, s->sensors, view);
        if (levers)
            r->kernel->levered(r, p, &hold, t, m->drop);
        else if (learn && !wiped)
            r->kernel->step(r, p, &c, m->drop);
        else
            r->kernel->activate(r, p, t, m->drop);
        r->kernel->put(r, p, t, 1 + s->sensors, s->hidden, r->z);
    }
}

static void region_partials(const void *region, const mdl_params *p, mdl_partials *sum) {
    const mdl_hmn_region *r = region;
    r->kernel->partials(r, mdl_on(p, MDL_MECH_CRITIC), sum);
}

static void region_send(const void *region, uint32_t last, float *activity) {
    const mdl_hmn_region *r = region;
    const mdl_shape *s = &r->shape;
    for (uint32_t i = 0; i < r->window; i++) {
        uint32_t t = last + 1 - r->window + i;
        const float *row = mdl_line_at(r, t) + (size_t)(1 + s->sensors) * r->record;
        for (uint32_t k = 0; k < r->listen; k++)
            *activity++ = row[(size_t)r->exported[k] * r->record];
    }
}

static void region_receive(void *region, const mdl_params *p, uint32_t i, uint32_t last, const float *activity) {
    mdl_hmn_region *r = region;
    uint32_t first = 1 + r->shape.sensors + r->shape.hidden + i * r->listen;
    for (uint32_t step = 0; step < r->window; step++, activity += r->listen)
        r->kernel->put(r, p, last + 1 - r->window + step, first, r->listen, activity);
}

static void region_save(const void *region, const mdl_params *p, uint32_t last, const mdl_sink *sink) {
    const mdl_hmn_region *r = region;
    const mdl_shape *s = &r->shape;
    mdl_put_u32(sink, s->region);
    const float *const cells[] = {r->w, r->fast, r->slow};
    for (int i = 0; i < 3; i++)
        for (uint32_t j = 0; j < s->neurons; j++)
            mdl_put_f32s(sink, cells[i] + mdl_row(s, j), mdl_row_fan(s, j));
    const float *const neurons[] = {r->a, r->z, r->bias, r->mean, r->context[0], r->context[1], r->value, r->feature};
    for (size_t i = 0; i < sizeof neurons / sizeof neurons[0]; i++)
        mdl_put_f32s(sink, neurons[i], s->neurons);
    mdl_put_f32s(sink, r->sensor_mean, s->sensors);
    mdl_put_i64(sink, r->novelty);
    for (uint32_t back = s->delay_max + 1; back-- > 0;) { /* oldest step first; steps before birth are 0 */
        const float *row = mdl_line_at(r, last - back);
        uint32_t own = s->sources - 1 - s->inbound;
        for (uint32_t i = 1; i < s->sources; i++) /* what this window sent has not arrived yet */
            mdl_put_f32(sink, i > own && back < r->window ? 0.0f : row[(size_t)i * r->record]);
    }
    if (p->modulators.used)
        mdl_put_f32s(sink, r->lag, s->neurons);
}

static uint64_t region_state_bytes(const mdl_experiment *x, uint32_t number) {
    mdl_shape s;
    mdl_shape_of(&x->network, number, &s);
    uint64_t per_neuron = x->modulators.used ? 9 : 8, line = (uint64_t)(s.delay_max + 1) * (s.sources - 1);
    return 4 + 4 * (3 * (uint64_t)s.synapses + per_neuron * s.neurons + s.sensors + line) + 8;
}

/* Floats no larger than `bound`. */
static void get_within(mdl_reader *reader, float bound, float *out, size_t count) {
    mdl_get_f32s(reader, out, count);
    for (size_t i = 0; i < count; i++)
        if (mdl_absf(out[i]) > bound)
            reader->bad = 1;
}

static void region_load(void *region, const mdl_params *p, uint32_t last, mdl_reader *reader) {
    mdl_hmn_region *r = region;
    const mdl_shape *s = &r->shape;
    if (mdl_get_u32(reader) != s->region)
        reader->bad = 1;
    float *const cells[] = {r->w, r->fast, r->slow};
    for (int i = 0; i < 3; i++)
        for (uint32_t j = 0; j < s->neurons; j++)
            get_within(reader, i == 0 ? p->weight_max : TRACE_MAX, cells[i] + mdl_row(s, j), mdl_row_fan(s, j));
    for (size_t i = 0; i < s->cells; i++) /* no sum of a life is -0: kernels may leave a weight alone that gains 0 */
        if (mdl_float_bits(r->w[i]) == 0x80000000u)
            reader->bad = 1;
    float *const neurons[] = {r->a, r->z, r->bias, r->mean, r->context[0], r->context[1], r->value, r->feature};
    static const float bound[sizeof neurons / sizeof neurons[0]] = {
        INPUT_MAX, MDL_RELU_MAX, MDL_BIAS_MAX, MDL_RELU_MAX, MDL_RELU_MAX, MDL_RELU_MAX, MDL_CRITIC_MAX, MDL_RELU_MAX};
    for (size_t i = 0; i < sizeof neurons / sizeof neurons[0]; i++)
        get_within(reader, i == 0 && p->modulators.used ? LEVERED_MAX : bound[i], neurons[i], s->neurons);
    get_within(reader, SENSOR_MAX, r->sensor_mean, s->sensors);
    r->novelty = mdl_get_i64(reader);
    if (r->novelty < 0 || (s->sensors == 0 && r->novelty != 0))
        reader->bad = 1;
    clear_line(r, p);
    for (uint32_t back = s->delay_max + 1; back-- > 0;)
        for (uint32_t i = 1; i < s->sources; i++) {
            float x;
            get_within(reader, i <= s->sensors ? SENSOR_MAX : MDL_RELU_MAX, &x, 1);
            if (i >= s->sources - s->inbound && back < r->window && mdl_float_bits(x) != 0)
                reader->bad = 1;
            r->kernel->put(r, p, last - back, i, 1, &x);
        }
    if (p->modulators.used)
        get_within(reader, LEVERED_MAX, r->lag, s->neurons);
}

static void region_view(const void *region, mdl_region_view *view) {
    const mdl_hmn_region *r = region;
    *view = (mdl_region_view){&r->shape, r->a, r->z, r->w};
}

const mdl_network_model mdl_hmn_model = {
    .name = "hmn",
    .region_size = sizeof(mdl_hmn_region),
    .init = region_init,
    .genome = region_genome,
    .birth = region_birth,
    .window = region_window,
    .partials = region_partials,
    .send = region_send,
    .receive = region_receive,
    .save = region_save,
    .load = region_load,
    .state_bytes = region_state_bytes,
    .view = region_view,
    .lanes = &mdl_hmn_lanes_model,
};
