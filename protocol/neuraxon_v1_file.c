#include "protocol/neuraxon_v1_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/neuraxon_v1_read.h"

#define FIELD(kind, required, type, member)                                                                            \
    { #member, MDL_FIELD_##kind, required, offsetof(type, member) }
#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

/* How the kinds of MDL_NEURAXON_V1_PARAMETERS are read. */
enum { NUMBER = MDL_FIELD_PARAMETER, DIVISOR = MDL_FIELD_DIVISOR, INITIAL = MDL_FIELD_PARAMETER };

static const mdl_field parameter_fields[] = {
    {"network_name", MDL_FIELD_TEXT, 0, 0},
    FIELD(COUNT, 0, mdl_neuraxon_v1_params, num_input_neurons),
    FIELD(COUNT, 0, mdl_neuraxon_v1_params, num_hidden_neurons),
    FIELD(COUNT, 0, mdl_neuraxon_v1_params, num_output_neurons),
#define X(member, value, kind) {#member, (mdl_field_kind)kind, 0, offsetof(mdl_neuraxon_v1_params, member)},
    MDL_NEURAXON_V1_PARAMETERS(X)
#undef X
        FIELD(COUNT, 0, mdl_neuraxon_v1_params, simulation_steps),
};

/* A neuron or synapse as it stands in the file. */
typedef struct neuron_entry {
    uint32_t id;
    double membrane_potential, health;
    int8_t trinary_state;
    uint8_t is_active;
} neuron_entry;

static const mdl_field neuron_fields[] = {
    FIELD(COUNT, 1, neuron_entry, id),
    {"type", MDL_FIELD_TEXT, 0, 0},
    FIELD(NUMBER, 1, neuron_entry, membrane_potential),
    FIELD(TRIT, 1, neuron_entry, trinary_state),
    {"adaptation", MDL_FIELD_UNREAD, 0, 0},
    FIELD(NUMBER, 1, neuron_entry, health),
    FIELD(FLAG, 1, neuron_entry, is_active),
};

static const mdl_field synapse_fields[] = {
    {"pre_id", MDL_FIELD_COUNT, 1, offsetof(mdl_neuraxon_v1_synapse, pre)},
    {"post_id", MDL_FIELD_COUNT, 1, offsetof(mdl_neuraxon_v1_synapse, post)},
    FIELD(NUMBER, 1, mdl_neuraxon_v1_synapse, w_fast),
    FIELD(NUMBER, 1, mdl_neuraxon_v1_synapse, w_slow),
    FIELD(NUMBER, 1, mdl_neuraxon_v1_synapse, w_meta),
    {"is_silent", MDL_FIELD_FLAG, 1, offsetof(mdl_neuraxon_v1_synapse, silent)},
    {"is_modulatory", MDL_FIELD_FLAG, 1, offsetof(mdl_neuraxon_v1_synapse, modulatory)},
    FIELD(NUMBER, 1, mdl_neuraxon_v1_synapse, integrity),
    {"synapse_type", MDL_FIELD_TEXT, 0, 0},
};

static const mdl_field level_fields[] = {
    {"dopamine", MDL_FIELD_NUMBER, 1, MDL_NEURAXON_V1_DOPAMINE * sizeof(double)},
    {"serotonin", MDL_FIELD_NUMBER, 1, MDL_NEURAXON_V1_SEROTONIN * sizeof(double)},
    {"acetylcholine", MDL_FIELD_NUMBER, 1, MDL_NEURAXON_V1_ACETYLCHOLINE * sizeof(double)},
    {"norepinephrine", MDL_FIELD_NUMBER, 1, MDL_NEURAXON_V1_NOREPINEPHRINE * sizeof(double)},
};

typedef struct root_entry {
    const cJSON *parameters, *neurons, *synapses, *neuromodulators;
    double time;
    uint64_t step_count;
} root_entry;

static const mdl_field root_fields[] = {
    FIELD(ITEM, 1, root_entry, parameters), FIELD(ITEM, 1, root_entry, neurons),
    FIELD(ITEM, 1, root_entry, synapses),   FIELD(ITEM, 1, root_entry, neuromodulators),
    FIELD(NUMBER, 1, root_entry, time),     FIELD(STEPS, 1, root_entry, step_count),
};

typedef struct group_entry {
    const cJSON *input, *hidden, *output;
} group_entry;

static const mdl_field group_fields[] = {
    FIELD(ITEM, 1, group_entry, input),
    FIELD(ITEM, 1, group_entry, hidden),
    FIELD(ITEM, 1, group_entry, output),
};

typedef struct context {
    const char *prefix; /* "" or "network." */
    mdl_json_error *err;
    mdl_neuraxon_v1 *out;
} context;

static mdl_place at(const context *c, const char *name, long index) { return (mdl_place){c->prefix, name, index}; }

static mdl_err no_memory(const context *c) {
    return mdl_json_fail(c->err, MDL_ENOMEM, "", "too large for the memory", "a smaller file");
}

/* One of the three lists, whose length is right; its neurons have the ids from `first` on. */
static mdl_err read_group(const context *c, const char *name, const cJSON *list, uint32_t first) {
    if (!cJSON_IsArray(list))
        return mdl_read_fail(c->err, MDL_ETYPE, at(c, name, -1), NULL, list, "a list of neurons");
    uint32_t index = 0;
    for (const cJSON *item = list->child; item; item = item->next, index++) {
        neuron_entry entry;
        mdl_place place = at(c, name, (long)index);
        mdl_err e = mdl_read_object(c->err, place, item, neuron_fields, COUNT_OF(neuron_fields), &entry);
        if (e != MDL_OK)
            return e;
        if (entry.id != first + index) {
            char path[64], value[32], allowed[64];
            snprintf(path, sizeof path, "%s%s[%u].id", c->prefix, name, index);
            snprintf(value, sizeof value, "%u", entry.id);
            snprintf(allowed, sizeof allowed, "%u: ids count inputs, hidden, outputs", first + index);
            return mdl_json_fail(c->err, MDL_EMISMATCH, path, value, allowed);
        }
        c->out->neuron[first + index] = (mdl_neuraxon_v1_neuron){.membrane = entry.membrane_potential,
                                                                 .health = entry.health,
                                                                 .state = entry.trinary_state,
                                                                 .active = entry.is_active};
    }
    return MDL_OK;
}

/* The list is as long as the parameters say. */
static mdl_err same_length(const context *c, const char *name, const cJSON *list, const char *key, uint32_t count) {
    uint64_t length = 0;
    for (const cJSON *item = cJSON_IsArray(list) ? list->child : NULL; item; item = item->next)
        length++;
    if (length == count || !cJSON_IsArray(list))
        return MDL_OK; /* the wrong type is read_group()'s to say */
    char path[64], value[48], allowed[64];
    snprintf(path, sizeof path, "%s%s", c->prefix, name);
    snprintf(value, sizeof value, "a list of %llu", (unsigned long long)length);
    snprintf(allowed, sizeof allowed, "as many as parameters.%s says, %u", key, count);
    return mdl_json_fail(c->err, MDL_EMISMATCH, path, value, allowed);
}

static mdl_err read_neurons(const context *c, const cJSON *neurons) {
    const mdl_neuraxon_v1_params *p = &c->out->params;
    group_entry group;
    mdl_err e = mdl_read_object(c->err, at(c, "neurons", -1), neurons, group_fields, COUNT_OF(group_fields), &group);
    if (e != MDL_OK)
        return e;
    const struct {
        const char *name, *key;
        const cJSON *list;
        uint32_t count;
    } part[3] = {{"neurons.input", "num_input_neurons", group.input, p->num_input_neurons},
                 {"neurons.hidden", "num_hidden_neurons", group.hidden, p->num_hidden_neurons},
                 {"neurons.output", "num_output_neurons", group.output, p->num_output_neurons}};
    uint64_t total = 0;
    for (int i = 0; i < 3 && e == MDL_OK; i++) {
        total += part[i].count;
        e = same_length(c, part[i].name, part[i].list, part[i].key, part[i].count);
    }
    if (e != MDL_OK)
        return e;
    if (total > MDL_NEURAXON_V1_NEURONS_MAX) {
        char value[32];
        snprintf(value, sizeof value, "%llu neurons", (unsigned long long)total);
        return mdl_json_fail(c->err, MDL_ERANGE, "neurons", value, "at most 65536 neurons");
    }
    c->out->neuron = calloc(total ? total : 1, sizeof *c->out->neuron);
    if (!c->out->neuron)
        return no_memory(c);
    c->out->neuron_count = (uint32_t)total;
    uint32_t first = 0;
    for (int i = 0; i < 3 && e == MDL_OK; i++) {
        e = read_group(c, part[i].name, part[i].list, first);
        first += part[i].count;
    }
    return e;
}

static mdl_err read_synapses(const context *c, const cJSON *list) {
    if (!cJSON_IsArray(list))
        return mdl_read_fail(c->err, MDL_ETYPE, at(c, "synapses", -1), NULL, list, "a list of synapses");
    size_t count = 0; /* below the file's bytes, so below 2^28 */
    for (const cJSON *item = list->child; item; item = item->next)
        count++;
    c->out->synapse = calloc(count ? count : 1, sizeof *c->out->synapse);
    if (!c->out->synapse)
        return no_memory(c);
    for (const cJSON *item = list->child; item; item = item->next) {
        mdl_neuraxon_v1_synapse *s = &c->out->synapse[c->out->synapse_count];
        mdl_place place = at(c, "synapses", (long)c->out->synapse_count);
        mdl_err e = mdl_read_object(c->err, place, item, synapse_fields, COUNT_OF(synapse_fields), s);
        if (e != MDL_OK)
            return e;
        if (s->pre >= c->out->neuron_count || s->post >= c->out->neuron_count) {
            const char *key = s->pre >= c->out->neuron_count ? "pre_id" : "post_id";
            return mdl_read_fail(c->err, MDL_ERANGE, place, key, cJSON_GetObjectItemCaseSensitive(item, key),
                                 "the id of a neuron");
        }
        c->out->synapse_count++;
    }
    return MDL_OK;
}

static mdl_err read_network(const context *c, const cJSON *object) {
    root_entry root;
    mdl_neuraxon_v1 *n = c->out;
    mdl_err e = mdl_read_object(c->err, at(c, "", -1), object, root_fields, COUNT_OF(root_fields), &root);
    mdl_neuraxon_v1_defaults(&n->params);
    if (e == MDL_OK)
        e = mdl_read_object(c->err, at(c, "parameters", -1), root.parameters, parameter_fields,
                            COUNT_OF(parameter_fields), &n->params);
    if (e == MDL_OK)
        e = read_neurons(c, root.neurons);
    if (e == MDL_OK)
        e = read_synapses(c, root.synapses);
    if (e == MDL_OK)
        e = mdl_read_object(c->err, at(c, "neuromodulators", -1), root.neuromodulators, level_fields,
                            COUNT_OF(level_fields), n->level);
    if (e == MDL_OK) {
        n->time = root.time;
        n->step_count = root.step_count;
    }
    return e;
}

/* A case says with what chance its reference unsilences synapses; here that is 0. */
static mdl_err check_case(const cJSON *root, mdl_json_error *err) {
    const cJSON *chance;
    mdl_err e = mdl_read_key(err, root, "unsilence_probability", &chance);
    if (e != MDL_OK || !chance || (cJSON_IsNumber(chance) && chance->valuedouble == 0))
        return e;
    return mdl_read_fail(err, MDL_ERANGE, (mdl_place){"", "", -1}, "unsilence_probability", chance,
                         "0, or leave it out: random draws cannot be replayed");
}

mdl_err mdl_neuraxon_v1_parse(const uint8_t *bytes, size_t size, mdl_neuraxon_v1 *out, mdl_json_error *err) {
    cJSON *root;
    memset(out, 0, sizeof *out);
    mdl_err e = mdl_read_open(bytes, size, MDL_NEURAXON_V1_BYTES_MAX, &root, err);
    if (e != MDL_OK)
        return e;
    const cJSON *inner;
    e = mdl_read_key(err, root, "network", &inner);
    context c = {inner ? "network." : "", err, out};
    if (e == MDL_OK && inner)
        e = check_case(root, err);
    if (e == MDL_OK)
        e = read_network(&c, inner ? inner : root);
    cJSON_Delete(root);
    if (e != MDL_OK)
        mdl_neuraxon_v1_close(out);
    return e;
}

void mdl_neuraxon_v1_close(mdl_neuraxon_v1 *network) {
    free(network->neuron);
    free(network->synapse);
    memset(network, 0, sizeof *network);
}
