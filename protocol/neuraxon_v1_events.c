#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/neuraxon_v1_file.h"
#include "protocol/neuraxon_v1_read.h"

typedef struct event_entry {
    const cJSON *modulate, *set_inputs, *external;
} event_entry;

static const mdl_field event_fields[] = {
    {"modulate", MDL_FIELD_ITEM, 0, offsetof(event_entry, modulate)},
    {"set_inputs", MDL_FIELD_ITEM, 0, offsetof(event_entry, set_inputs)},
    {"external", MDL_FIELD_ITEM, 0, offsetof(event_entry, external)},
};

typedef struct context {
    const char *prefix; /* "" or "events" */
    const mdl_neuraxon_v1 *network;
    mdl_json_error *err;
    mdl_neuraxon_v1_events *out;
    uint32_t *last; /* [neurons] 1 + the last step that gave it a current */
    size_t actions;
} context;

static void add(context *c, mdl_neuraxon_v1_kind kind, uint32_t index, double value) {
    c->out->action[c->actions++] = (mdl_neuraxon_v1_action){kind, index, value};
}

/* Children of `item`, a list; 0 of anything else. */
static size_t length(const cJSON *item) {
    size_t count = 0;
    for (const cJSON *x = cJSON_IsArray(item) ? item->child : NULL; x; x = x->next)
        count++;
    return count;
}

/* Whether `item` is a list of two; its members. */
static int pair(const cJSON *item, const cJSON **a, const cJSON **b) {
    if (length(item) != 2)
        return 0;
    *a = item->child;
    *b = item->child->next;
    return 1;
}

static mdl_err wrong(context *c, uint32_t t, mdl_err code, const char *key, size_t index, const cJSON *item,
                     const char *allowed) {
    char inner[64];
    snprintf(inner, sizeof inner, "%s[%zu]", key, index);
    return mdl_read_fail(c->err, code, (mdl_place){"", c->prefix, (long)t}, inner, item, allowed);
}

static mdl_err read_modulate(context *c, uint32_t t, const cJSON *list) {
    size_t i = 0;
    for (const cJSON *item = list->child; item; item = item->next, i++) {
        const cJSON *name, *level;
        if (!pair(item, &name, &level) || !cJSON_IsString(name) || !cJSON_IsNumber(level))
            return wrong(c, t, MDL_ETYPE, "modulate", i, item, "[name, level]");
        uint32_t which = 0;
        while (which < MDL_NEURAXON_V1_MODULATORS && strcmp(mdl_neuraxon_v1_modulator[which], name->valuestring) != 0)
            which++;
        if (which == MDL_NEURAXON_V1_MODULATORS)
            return wrong(c, t, MDL_ENOENT, "modulate", i, name,
                         "\"dopamine\", \"serotonin\", \"acetylcholine\" or \"norepinephrine\"");
        double value;
        char key[64];
        snprintf(key, sizeof key, "modulate[%zu][1]", i);
        mdl_err e = mdl_read_value(c->err, (mdl_place){"", c->prefix, (long)t}, key, MDL_FIELD_NUMBER, level, &value);
        if (e != MDL_OK)
            return e;
        add(c, MDL_NEURAXON_V1_MODULATE, which, value);
    }
    return MDL_OK;
}

static mdl_err read_inputs(context *c, uint32_t t, const cJSON *list) {
    uint32_t i = 0;
    for (const cJSON *item = list->child; item; item = item->next, i++) {
        int8_t trit;
        char key[64];
        snprintf(key, sizeof key, "set_inputs[%u]", i);
        mdl_err e = mdl_read_value(c->err, (mdl_place){"", c->prefix, (long)t}, key, MDL_FIELD_TRIT, item, &trit);
        if (e != MDL_OK)
            return e;
        if (i < c->network->params.num_input_neurons)
            add(c, MDL_NEURAXON_V1_INPUT, i, trit);
    }
    return MDL_OK;
}

static mdl_err read_external(context *c, uint32_t t, const cJSON *list) {
    size_t i = 0;
    for (const cJSON *item = list->child; item; item = item->next, i++) {
        const cJSON *id, *current;
        uint32_t neuron;
        double value;
        char key[64];
        mdl_place place = {"", c->prefix, (long)t};
        if (!pair(item, &id, &current))
            return wrong(c, t, MDL_ETYPE, "external", i, item, "[neuron, current]");
        snprintf(key, sizeof key, "external[%zu][0]", i);
        mdl_err e = mdl_read_value(c->err, place, key, MDL_FIELD_COUNT, id, &neuron);
        if (e != MDL_OK)
            return e;
        if (neuron >= c->network->neuron_count)
            return mdl_read_fail(c->err, MDL_ERANGE, place, key, id, "the id of a neuron");
        if (c->last[neuron] == t + 1)
            return mdl_read_fail(c->err, MDL_EKEY, place, key, id, "each neuron once in a step");
        c->last[neuron] = t + 1;
        snprintf(key, sizeof key, "external[%zu][1]", i);
        e = mdl_read_value(c->err, place, key, MDL_FIELD_NUMBER, current, &value);
        if (e != MDL_OK)
            return e;
        add(c, MDL_NEURAXON_V1_EXTERNAL, neuron, value);
    }
    return MDL_OK;
}

static mdl_err read_event(context *c, uint32_t t, const cJSON *object) {
    event_entry event = {0};
    mdl_place place = {"", c->prefix, (long)t};
    mdl_err e =
        mdl_read_object(c->err, place, object, event_fields, sizeof event_fields / sizeof event_fields[0], &event);
    const struct {
        const char *key;
        const cJSON *list;
        mdl_err (*read)(context *, uint32_t, const cJSON *);
    } part[] = {{"modulate", event.modulate, read_modulate},
                {"set_inputs", event.set_inputs, read_inputs},
                {"external", event.external, read_external}};
    for (size_t i = 0; i < sizeof part / sizeof part[0] && e == MDL_OK; i++) {
        if (!part[i].list)
            continue;
        e = cJSON_IsArray(part[i].list) ? part[i].read(c, t, part[i].list)
                                        : mdl_read_fail(c->err, MDL_ETYPE, place, part[i].key, part[i].list, "a list");
    }
    return e;
}

/* No event holds more actions than its lists have members. */
static size_t actions_at_most(const cJSON *list) {
    size_t count = 0;
    for (const cJSON *event = list->child; event; event = event->next)
        for (const cJSON *x = cJSON_IsObject(event) ? event->child : NULL; x; x = x->next)
            count += length(x);
    return count;
}

static mdl_err read_events(context *c, const cJSON *list) {
    if (!cJSON_IsArray(list))
        return mdl_read_fail(c->err, MDL_ETYPE, (mdl_place){"", c->prefix, -1}, NULL, list,
                             "a list of events, one for each step");
    size_t steps = length(list); /* below the file's bytes, so below 2^28 */
    c->out->first = calloc(steps + 1, sizeof *c->out->first);
    c->out->action = calloc(actions_at_most(list) + 1, sizeof *c->out->action);
    c->last = calloc((size_t)c->network->neuron_count + 1, sizeof *c->last);
    if (!c->out->first || !c->out->action || !c->last)
        return mdl_json_fail(c->err, MDL_ENOMEM, "", "too large for the memory", "a smaller file");
    mdl_err e = MDL_OK;
    for (const cJSON *item = list->child; item && e == MDL_OK; item = item->next) {
        e = read_event(c, c->out->steps, item);
        c->out->first[++c->out->steps] = c->actions;
    }
    return e;
}

mdl_err mdl_neuraxon_v1_events_parse(const uint8_t *bytes, size_t size, const mdl_neuraxon_v1 *network,
                                     mdl_neuraxon_v1_events *out, mdl_json_error *err) {
    cJSON *root;
    memset(out, 0, sizeof *out);
    mdl_err e = mdl_read_open(bytes, size, MDL_NEURAXON_V1_BYTES_MAX, &root, err);
    if (e != MDL_OK)
        return e;
    int inside = cJSON_IsObject(root);
    context c = {.prefix = inside ? "events" : "", .network = network, .err = err, .out = out};
    const cJSON *list = root;
    if (inside)
        e = mdl_read_key(err, root, "events", &list);
    if (e == MDL_OK)
        e = read_events(&c, list);
    free(c.last);
    cJSON_Delete(root);
    if (e != MDL_OK)
        mdl_neuraxon_v1_events_close(out);
    return e;
}

void mdl_neuraxon_v1_events_close(mdl_neuraxon_v1_events *events) {
    free(events->first);
    free(events->action);
    memset(events, 0, sizeof *events);
}

void mdl_neuraxon_v1_apply(mdl_neuraxon_v1 *network, const mdl_neuraxon_v1_events *events, uint64_t t) {
    if (t >= events->steps)
        return;
    for (size_t i = events->first[t]; i < events->first[t + 1]; i++) {
        const mdl_neuraxon_v1_action *a = &events->action[i];
        if (a->kind == MDL_NEURAXON_V1_MODULATE)
            mdl_neuraxon_v1_modulate(network, (mdl_neuraxon_v1_level)a->index, a->value);
        else if (a->kind == MDL_NEURAXON_V1_INPUT)
            mdl_neuraxon_v1_set_input(network, a->index, (int)a->value);
        else
            network->neuron[a->index].external = a->value;
    }
}
