/* A network as the public Neuraxon v1 saves it. SPEC 11.4, 11.6. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/neuraxon_convert.h"

static void put(const mdl_sink *sink, const char *text) { mdl_put_bytes(sink, text, strlen(text)); }

static void put_key(const mdl_sink *sink, const char *key) {
    put(sink, ", \"");
    put(sink, key);
    put(sink, "\": ");
}

/* The shortest decimal that reads back, with a point or exponent as Python has it. */
static void put_double(const mdl_sink *sink, double x) {
    char text[40];
    int digits = 15;
    while (snprintf(text, sizeof text, "%.*g", digits, x) > 0 && strtod(text, NULL) != x)
        digits++; /* 17 are always enough */
    put(sink, text);
    if (!strpbrk(text, ".e"))
        put(sink, ".0");
}

static void put_count(const mdl_sink *sink, uint64_t x) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, x);
    put(sink, text);
}

static void put_neurons(const mdl_neuraxon_v1 *n, const char *kind, uint32_t first, uint32_t count,
                        const mdl_sink *sink) {
    put(sink, "    \"");
    put(sink, kind);
    put(sink, "\": [");
    for (uint32_t i = first; i < first + count; i++) {
        const mdl_neuraxon_v1_neuron *u = &n->neuron[i];
        put(sink, i > first ? ",\n      {\"id\": " : "\n      {\"id\": ");
        put_count(sink, i);
        put_key(sink, "type");
        put(sink, "\"");
        put(sink, kind);
        put(sink, "\"");
        put_key(sink, "membrane_potential");
        put_double(sink, u->membrane);
        put_key(sink, "trinary_state");
        put(sink, u->state > 0 ? "1" : u->state < 0 ? "-1" : "0");
        put_key(sink, "adaptation");
        put_double(sink, u->adaptation);
        put_key(sink, "health");
        put_double(sink, u->health);
        put_key(sink, "is_active");
        put(sink, u->active ? "true}" : "false}");
    }
    put(sink, "]");
}

static void put_synapse(const mdl_neuraxon_v1_synapse *s, const mdl_sink *sink) {
    put(sink, "{\"pre_id\": ");
    put_count(sink, s->pre);
    put_key(sink, "post_id");
    put_count(sink, s->post);
    put_key(sink, "w_fast");
    put_double(sink, s->w_fast);
    put_key(sink, "w_slow");
    put_double(sink, s->w_slow);
    put_key(sink, "w_meta");
    put_double(sink, s->w_meta);
    put_key(sink, "is_silent");
    put(sink, s->silent ? "true" : "false");
    put_key(sink, "is_modulatory");
    put(sink, s->modulatory ? "true" : "false");
    put_key(sink, "integrity");
    put_double(sink, s->integrity);
    put_key(sink, "synapse_type");
    put(sink, s->silent ? "\"silent\"}" : s->modulatory ? "\"metabotropic\"}" : "\"ionotropic_fast\"}");
}

void mdl_neuraxon_v1_write(const mdl_neuraxon_v1 *n, const char *name, const mdl_sink *sink) {
    const mdl_neuraxon_v1_params *p = &n->params;
    put(sink, "{\n  \"parameters\": {\"network_name\": \"");
    put(sink, name);
    put(sink, "\"");
    put_key(sink, "num_input_neurons");
    put_count(sink, p->num_input_neurons);
    put_key(sink, "num_hidden_neurons");
    put_count(sink, p->num_hidden_neurons);
    put_key(sink, "num_output_neurons");
    put_count(sink, p->num_output_neurons);
#define X(member, value, kind)                                                                                         \
    put_key(sink, #member);                                                                                            \
    put_double(sink, p->member);
    MDL_NEURAXON_V1_PARAMETERS(X)
#undef X
    put_key(sink, "simulation_steps");
    put_count(sink, p->simulation_steps);
    put(sink, "},\n  \"neurons\": {\n");
    put_neurons(n, "input", 0, p->num_input_neurons, sink);
    put(sink, ",\n");
    put_neurons(n, "hidden", p->num_input_neurons, p->num_hidden_neurons, sink);
    put(sink, ",\n");
    put_neurons(n, "output", p->num_input_neurons + p->num_hidden_neurons, p->num_output_neurons, sink);
    put(sink, "\n  },\n  \"synapses\": [");
    for (uint32_t k = 0; k < n->synapse_count; k++) {
        put(sink, k > 0 ? ",\n    " : "\n    ");
        put_synapse(&n->synapse[k], sink);
    }
    put(sink, "],\n  \"neuromodulators\": {");
    for (int i = 0; i < MDL_NEURAXON_V1_MODULATORS; i++) {
        put(sink, i > 0 ? ", \"" : "\"");
        put(sink, mdl_neuraxon_v1_modulator[i]);
        put(sink, "\": ");
        put_double(sink, n->level[i]);
    }
    put(sink, "},\n  \"time\": ");
    put_double(sink, n->time);
    put(sink, ",\n  \"step_count\": ");
    put_count(sink, n->step_count);
    put(sink, "\n}\n");
}
