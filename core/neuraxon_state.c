/* Canonical bytes of a Neuraxon region. SPEC 13.9. */
#include "core/neuraxon_kernel.h"
#include "core/neuraxon_region.h"
#include "core/num.h"

/* What a loaded state may hold: any valid one is within, and one within stays so. */
#define CRITIC_MAX 8.0f
#define SENSOR_MAX 1024.0f
#define TRACE_MAX 0x1p25f
#define ADAPT_MAX 8.0f
enum { PAIRS_MAX = 255 };

enum { NEURON_FIELDS = 9 };

typedef struct fields {
    float *at[NEURON_FIELDS];
} fields;

static fields neuron_fields(const mdl_neuraxon_region *r) {
    return (fields){{r->v, r->z, r->trace, r->adapt, r->autor, r->lag, r->brake, r->value, r->feature}};
}

void mdl_neuraxon_save(const void *region, const mdl_params *p, uint32_t last, const mdl_sink *sink) {
    const mdl_neuraxon_region *r = region;
    const mdl_shape *s = &r->shape;
    (void)p;
    mdl_put_u32(sink, s->region);
    const float *const cells[] = {r->fast, r->slow, r->meta, r->e, r->integrity};
    for (int i = 0; i < (r->wired ? 5 : 4); i++)
        for (uint32_t j = 0; j < s->neurons; j++)
            mdl_put_f32s(sink, cells[i] + mdl_row(s, j), mdl_row_fan(s, j));
    for (uint32_t j = 0; r->flagged && j < s->neurons; j++)
        for (uint32_t k = 0; k < mdl_row_fan(s, j); k++) {
            mdl_put_u8(sink, (uint8_t)(r->flags[mdl_row(s, j) + k] & MDL_CELL_SAVED));
            if (r->wired)
                mdl_put_u32(sink, mdl_neuraxon_source(r, mdl_row(s, j) + k));
        }
    fields neurons = neuron_fields(r);
    for (int i = 0; i < NEURON_FIELDS; i++)
        mdl_put_f32s(sink, neurons.at[i], s->neurons);
    mdl_put_f32s(sink, r->sensor_mean, s->sensors);
    mdl_put_i64(sink, r->novelty);
    const mdl_branching *b = &r->branching;
    const int64_t sums[] = {b->n, b->x, b->y, b->xx, b->xy};
    for (int i = 0; i < 5; i++)
        mdl_put_i64(sink, sums[i]);
    mdl_put_u32(sink, b->pairs);
    mdl_put_u32(sink, b->before);
    mdl_put_f32(sink, b->ratio);
    mdl_put_f32(sink, b->slow);
    for (uint32_t back = s->delay_max + 1; back-- > 0;) { /* oldest step first; steps before birth are 0 */
        const float *const lines[] = {mdl_neuraxon_at(r, last - back - 1) + 1, mdl_neuraxon_at(r, last - back)};
        uint32_t own = s->sources - 1 - s->inbound;
        for (int l = 0; l < 2; l++)
            for (uint32_t i = 1; i < s->sources; i++) /* what this window sent has not arrived yet */
                mdl_put_f32(sink, i > own && back < r->window ? 0.0f : lines[l][2 * (size_t)i]);
    }
}

uint64_t mdl_neuraxon_state_bytes(const mdl_experiment *x, uint32_t number) {
    mdl_shape s;
    mdl_shape_of(&x->network, number, &s);
    const uint8_t *on = x->neuraxon.mechanism;
    int structure = on[MDL_NX_STRUCTURE] != MDL_OFF, flagged = structure || on[MDL_NX_SILENT] != MDL_OFF;
    uint64_t cell = structure ? 20 : 16, line = (uint64_t)(s.delay_max + 1) * (s.sources - 1);
    cell += flagged ? 1 : 0;
    cell += structure ? 4 : 0;
    return 4 + cell * s.synapses + 4 * (NEURON_FIELDS * (uint64_t)s.neurons + s.sensors + 2 * line) + 8 + 5 * 8 + 4 * 4;
}

static void get_within(mdl_reader *reader, float bound, float *out, size_t count) {
    mdl_get_f32s(reader, out, count);
    for (size_t i = 0; i < count; i++)
        if (mdl_absf(out[i]) > bound)
            reader->bad = 1;
}

/* A state: -1, 0 or 1 where states are trinary. */
static int is_state(const mdl_neuraxon_params *p, float z) {
    return mdl_nx_on(p, MDL_NX_TRINARY) ? z == 0.0f || z == 1.0f || z == -1.0f : mdl_absf(z) <= 1.0f;
}

/* Flags of a cell, and its source when structure is plastic. */
static void load_cell(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, size_t cell, mdl_reader *reader) {
    uint32_t inbound = 1 + r->shape.sensors + r->shape.hidden, flags = mdl_get_u8(reader), allowed = 0;
    uint32_t fixed = r->flags[cell] & (MDL_CELL_MODULATORY | MDL_CELL_LATENT), source = mdl_neuraxon_source(r, cell);
    int recurrent = (r->flags[cell] & MDL_CELL_RECURRENT) != 0;
    if (recurrent && mdl_nx_on(p, MDL_NX_SILENT))
        allowed |= MDL_CELL_SILENT;
    if (recurrent && mdl_nx_on(p, MDL_NX_STRUCTURE))
        allowed |= MDL_CELL_DEAD | MDL_CELL_FORMED;
    reader->bad |= (flags & ~allowed) != 0 || (flags & MDL_CELL_DEAD && flags != MDL_CELL_DEAD);
    if (flags & MDL_CELL_DEAD && (r->fast[cell] != 0.0f || r->slow[cell] != 0.0f || r->meta[cell] != 0.0f ||
                                  r->e[cell] != 0.0f || r->integrity[cell] != 0.0f))
        reader->bad = 1;
    if (r->wired) {
        uint32_t got = mdl_get_u32(reader), low = source < inbound ? 1 + r->shape.sensors : inbound;
        uint32_t high = source < inbound ? inbound : r->shape.sources;
        if (got != source && (!recurrent || !mdl_nx_on(p, MDL_NX_STRUCTURE) || got < low || got >= high))
            reader->bad = 1;
        else
            r->index[cell] += got - source;
    }
    r->flags[cell] = mdl_neuraxon_direction(r, mdl_neuraxon_source(r, cell)) | fixed | (flags & MDL_CELL_SAVED);
}

static void load_branching(mdl_neuraxon_region *r, mdl_reader *reader) {
    mdl_branching *b = &r->branching;
    int64_t h = r->shape.hidden, *const sums[] = {&b->n, &b->x, &b->y, &b->xx, &b->xy};
    for (int i = 0; i < 5; i++)
        *sums[i] = mdl_get_i64(reader);
    b->pairs = mdl_get_u32(reader);
    b->before = mdl_get_u32(reader);
    b->ratio = mdl_get_f32(reader);
    b->slow = mdl_get_f32(reader);
    int bad = b->n < 0 || b->n > PAIRS_MAX;
    int64_t n = bad ? 0 : b->n;
    bad |= b->x < 0 || b->x > n * h || b->y < 0 || b->y > n * h;
    bad |= b->xx < 0 || b->xx > n * h * h || b->xy < 0 || b->xy > n * h * h;
    bad |= (int64_t)b->pairs != b->n || (b->before != UINT32_MAX && b->before > r->shape.hidden);
    bad |= !(b->ratio >= 0.0f && b->ratio <= 2.0f) || !(b->slow >= 0x1p-8f && b->slow <= 0x1p8f);
    if (bad) { /* nothing that could trap is left, whatever the caller does */
        *b = (mdl_branching){.before = UINT32_MAX, .ratio = 1.0f, .gain = 1.0f, .slow = 1.0f};
        reader->bad = 1;
    }
}

static void load_lines(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t last, mdl_reader *reader) {
    const mdl_shape *s = &r->shape;
    mdl_neuraxon_clear(r);
    for (uint32_t back = s->delay_max + 1; back-- > 0;) {
        float *const lines[] = {mdl_neuraxon_at(r, last - back - 1) + 1, mdl_neuraxon_at(r, last - back)};
        for (int l = 0; l < 2; l++)
            for (uint32_t i = 1; i < s->sources; i++) {
                float x;
                get_within(reader, l == 0 && i <= s->sensors ? SENSOR_MAX : 1.0f, &x, 1);
                if (l == 0 && i > s->sensors && !is_state(p, x))
                    reader->bad = 1;
                if (i >= s->sources - s->inbound && back < r->window && mdl_float_bits(x) != 0)
                    reader->bad = 1;
                lines[l][2 * (size_t)i] = lines[l][2 * (size_t)i + mdl_neuraxon_twin(r)] = x;
            }
    }
}

void mdl_neuraxon_load(void *region, const mdl_params *params, uint32_t last, mdl_reader *reader) {
    mdl_neuraxon_region *r = region;
    const mdl_neuraxon_params *p = &params->neuraxon;
    const mdl_shape *s = &r->shape;
    if (mdl_get_u32(reader) != s->region)
        reader->bad = 1;
    float *const cells[] = {r->fast, r->slow, r->meta, r->e, r->integrity};
    const float cell_bound[] = {params->weight_max, params->weight_max, MDL_NEURAXON_META_MAX, TRACE_MAX, 1.0f};
    for (int i = 0; i < (r->wired ? 5 : 4); i++)
        for (uint32_t j = 0; j < s->neurons; j++)
            get_within(reader, cell_bound[i], cells[i] + mdl_row(s, j), mdl_row_fan(s, j));
    for (uint32_t j = 0; j < s->neurons; j++)
        for (uint32_t k = 0; k < mdl_row_fan(s, j); k++) {
            size_t cell = mdl_row(s, j) + k;
            if (r->flagged)
                load_cell(r, p, cell, reader);
            r->w[cell] = mdl_clampf(r->fast[cell] + r->slow[cell], -params->weight_max, params->weight_max);
        }
    fields neurons = neuron_fields(r);
    static const float bound[NEURON_FIELDS] = {
        MDL_NEURAXON_V_MAX, 1.0f, 1.0f, ADAPT_MAX, 1.0f, MDL_NEURAXON_V_MAX, MDL_NEURAXON_BRAKE_MAX, CRITIC_MAX, 1.0f};
    for (int i = 0; i < NEURON_FIELDS; i++)
        get_within(reader, bound[i], neurons.at[i], s->neurons);
    for (uint32_t j = 0; j < s->neurons; j++) {
        r->readout[j] = r->v[j] + r->z[j];
        if (!is_state(p, r->z[j]) || r->brake[j] < MDL_NEURAXON_BRAKE_MIN)
            reader->bad = 1;
    }
    get_within(reader, SENSOR_MAX, r->sensor_mean, s->sensors);
    r->novelty = mdl_get_i64(reader);
    if (r->novelty < 0 || (s->sensors == 0 && r->novelty != 0))
        reader->bad = 1;
    load_branching(r, reader);
    load_lines(r, p, last, reader);
}
