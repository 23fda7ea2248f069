#include "core/wiring.h"

#include "core/assert.h"
#include "core/philox.h"

static uint32_t pad(uint32_t n) { return (n + MDL_LANES - 1) / MDL_LANES * MDL_LANES; }

void mdl_shape_of(const mdl_network_spec *spec, uint32_t region, mdl_shape *s) {
    uint32_t first = region == 0;
    s->region = region;
    s->hidden = spec->neurons[region];
    s->motors = first ? spec->motors : 0;
    s->neurons = s->hidden + s->motors;
    s->sensors = first ? spec->sensors + 1 : 0;
    s->inbound = spec->sources * spec->listen;
    s->sources = 1 + s->sensors + s->hidden + s->inbound;
    s->fan_sensor = !first || spec->sensor_fan == 0 ? s->sensors : spec->sensor_fan + 1;
    s->fan_local = spec->ring == 0 ? s->hidden : spec->ring;
    s->fan_inbound = spec->sources == 0 ? 0 : spec->fan_in;
    s->fan_motor = spec->motor_fan == 0 ? s->hidden : spec->motor_fan;
    s->fan[0] = s->fan_sensor + s->fan_local + s->fan_inbound;
    s->fan[1] = s->fan_sensor + s->fan_motor;
    s->stride[0] = pad(s->fan[0]);
    s->stride[1] = pad(s->fan[1]);
    s->delay_max = spec->delay[1];
    if (spec->sources > 0 && spec->delay_between[1] > s->delay_max)
        s->delay_max = spec->delay_between[1];
    s->slots = 2;
    while (s->slots < s->delay_max + 2)
        s->slots *= 2;
    s->synapses = (size_t)s->hidden * s->fan[0] + (size_t)s->motors * s->fan[1];
    s->cells = (size_t)s->hidden * s->stride[0] + (size_t)s->motors * s->stride[1];
}

size_t mdl_synapse_count(const mdl_network_spec *spec) {
    size_t n = 0;
    for (uint32_t r = 0; r < spec->regions; r++) {
        mdl_shape s;
        mdl_shape_of(spec, r, &s);
        n += s.synapses;
    }
    return n;
}

static int contains(const uint32_t *list, uint32_t count, uint32_t value) {
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == value)
            return 1;
    return 0;
}

/* A uniform draw below n, moved up (cyclically) to the first value that is
 * neither `self` nor in list[0..count): so rows never repeat a partner. */
static uint32_t draw_free(mdl_stream *rng, uint32_t n, uint32_t base, const uint32_t *list, uint32_t count,
                          uint32_t self) {
    uint32_t v = mdl_draw_below(rng, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t candidate = (v + i) % n;
        if (candidate != self && !contains(list, count, base + candidate))
            return candidate;
    }
    return v; /* more synapses than partners: repeats are unavoidable */
}

static uint8_t draw_delay(mdl_stream *rng, const uint32_t range[2]) {
    return (uint8_t)(range[0] + mdl_draw_below(rng, range[1] - range[0] + 1));
}

void mdl_wire_row(const mdl_network_spec *spec, const mdl_shape *s, uint32_t j, uint32_t *source, uint8_t *delay) {
    enum { NO_SELF = 0xffffffff };
    mdl_stream rng = {mdl_key(spec->seed, MDL_STREAM_WIRING, s->region, j, 0), 0};
    uint32_t k = 0, motor = j >= s->hidden;

    /* Sensors: source 1 is the constant. */
    if (s->fan_sensor == s->sensors) {
        for (; k < s->sensors; k++)
            source[k] = 1 + k;
    } else {
        source[k++] = 1;
        for (; k < s->fan_sensor; k++)
            source[k] = 2 + draw_free(&rng, s->sensors - 1, 2, source, k, NO_SELF);
    }
    for (uint32_t i = 0; i < k; i++)
        delay[i] = 0;

    /* Own neurons: all of them, a random subset (motors), or a rewired ring. */
    uint32_t own = 1 + s->sensors, first = k, fan = motor ? s->fan_motor : s->fan_local;
    if (fan == s->hidden) {
        for (uint32_t i = 0; i < fan; i++, k++) {
            source[k] = own + i;
            delay[k] = draw_delay(&rng, spec->delay);
        }
    } else {
        uint32_t hidden = s->hidden;
        MDL_ASSERT(hidden > 0); /* who has no neurons has no fan but 0 */
        for (uint32_t i = 0; i < fan; i++, k++) {
            uint32_t step = i / 2 + 1;
            /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): the analyzer forgets the assert after draw_free(). */
            uint32_t partner = (i % 2 == 0 ? j + step : j + hidden - step) % hidden;
            int rewired = motor || mdl_draw_unit(&rng) < spec->rewire;
            if (rewired || contains(source + first, k - first, own + partner))
                partner = draw_free(&rng, hidden, own, source + first, k - first, motor ? NO_SELF : j);
            source[k] = own + partner;
            delay[k] = draw_delay(&rng, spec->delay);
        }
    }

    /* Other regions. */
    if (!motor) {
        uint32_t in = own + s->hidden;
        first = k;
        for (uint32_t i = 0; i < s->fan_inbound; i++, k++) {
            source[k] = in + draw_free(&rng, s->inbound, in, source + first, k - first, NO_SELF);
            delay[k] = draw_delay(&rng, spec->delay_between);
        }
    }
    MDL_ASSERT(k == mdl_row_fan(s, j));
}

void mdl_export_set(const mdl_network_spec *spec, uint32_t region, uint32_t *neuron) {
    mdl_stream rng = {mdl_key(spec->seed, MDL_STREAM_WIRING, region, 0, 1), 0};
    uint64_t hidden = spec->neurons[region], n = spec->listen;
    for (uint64_t i = 0; i < n; i++) { /* one from each of n equal segments: distinct and ascending */
        uint32_t lo = (uint32_t)(i * hidden / n), hi = (uint32_t)((i + 1) * hidden / n);
        neuron[i] = lo + mdl_draw_below(&rng, hi - lo);
    }
}
