/* The canonical experiment file, and the reference tables, from the key table. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/experiment_keys.h"

static const char *const switch_words[] = {"off", "on", "gene"};

static uint32_t load_u32(const uint8_t *field) {
    uint32_t v;
    memcpy(&v, field, sizeof v);
    return v;
}

/* The double next to the shortest decimal: it prints short, and reads back as `v`. */
static double short_double(float v) {
    char text[32];
    mdl_float_text(v, text, sizeof text);
    return strtod(text, NULL);
}

typedef struct writer {
    const mdl_experiment *x;
    int failed; /* out of memory: a value is missing somewhere */
} writer;

static cJSON *write_section(writer *w, mdl_section section, const uint8_t *base, uint32_t reader_bit);

/* Hands `item` over; a NULL (out of memory) is remembered. */
static void add_element(writer *w, cJSON *list, cJSON *item) {
    if (!cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        w->failed = 1;
    }
}

static void add_member(writer *w, cJSON *object, const char *key, cJSON *item) {
    if (!cJSON_AddItemToObject(object, key, item)) {
        cJSON_Delete(item);
        w->failed = 1;
    }
}

static cJSON *write_row(writer *w, const mdl_key_row *row, const uint8_t *field) {
    const mdl_experiment *x = w->x;
    char text[32];
    float number;
    cJSON *made;
    switch (row->kind) {
    case MDL_KEY_U32:
        return cJSON_CreateNumber(load_u32(field));
    case MDL_KEY_F32:
        memcpy(&number, field, sizeof number);
        return cJSON_CreateNumber(short_double(number));
    case MDL_KEY_MODEL:
    case MDL_KEY_CHOICE:
        return cJSON_CreateString(row->names[load_u32(field)]);
    case MDL_KEY_WORD_U32:
        return load_u32(field) == 0 ? cJSON_CreateString(row->names[0]) : cJSON_CreateNumber(load_u32(field));
    case MDL_KEY_PAIR:
        made = cJSON_CreateArray();
        add_element(w, made, cJSON_CreateNumber(load_u32(field)));
        add_element(w, made, cJSON_CreateNumber(load_u32(field + sizeof(uint32_t))));
        return made;
    case MDL_KEY_NAME:
        return cJSON_CreateString(x->name);
    case MDL_KEY_SEED:
        snprintf(text, sizeof text, "%" PRIu64, x->seed);
        return cJSON_CreateString(text);
    case MDL_KEY_TASK:
        return write_section(w, row->inner, field, 1u << x->task.id);
    case MDL_KEY_TASK_ID:
        return cJSON_CreateString(mdl_task_info_get(x->task.id)->name);
    case MDL_KEY_NEURONS:
        made = cJSON_CreateArray();
        for (uint32_t i = 0; i < x->network.regions; i++) {
            add_element(w, made, cJSON_CreateNumber(x->network.neurons[i]));
        }
        return made;
    case MDL_KEY_SECTION:
        return write_section(w, row->inner, field, 0);
    case MDL_KEY_SWITCHES:
        made = cJSON_CreateObject();
        for (uint32_t m = 0; row->section == MDL_SEC_MODULATORS && m < MDL_MOD_COUNT; m++) {
            add_member(w, made, mdl_modulator_mechanism_key(m), cJSON_CreateString(switch_words[field[m]]));
        }
        for (uint32_t m = 0; row->section != MDL_SEC_MODULATORS && m < MDL_MECH_COUNT; m++) {
            if (row->section == MDL_SEC_HMN || mdl_neuraxon_shares(m)) {
                add_member(w, made, mdl_mechanism_key(m), cJSON_CreateString(switch_words[x->hmn.mechanism[m]]));
            }
        }
        for (uint32_t m = 0; row->section == MDL_SEC_NEURAXON && m < MDL_NX_COUNT; m++) {
            add_member(w, made, mdl_neuraxon_mechanism_key(m), cJSON_CreateString(switch_words[field[m]]));
        }
        return made;
    case MDL_KEY_MODULATORS:
        return x->modulators.used ? write_section(w, row->inner, field, 0) : cJSON_CreateString("off");
    case MDL_KEY_VERIFICATION:
        return x->verification.used ? write_section(w, row->inner, field, 0) : cJSON_CreateString("off");
    case MDL_KEY_SHARDING:
        return x->sharding.used ? write_section(w, row->inner, field, 0) : cJSON_CreateString("off");
    case MDL_KEY_CLAMP:
        made = cJSON_CreateObject();
        for (uint32_t i = 0; i < MDL_CLAMPS; i++) {
            if (x->modulators.clamped >> i & 1u) {
                add_member(w, made, mdl_clamp_key(i), cJSON_CreateNumber(short_double(x->modulators.clamp[i])));
            }
        }
        return made;
    case MDL_KEY_ISLANDS:
        made = cJSON_CreateArray();
        for (uint32_t i = 0; i < x->evolution.islands; i++) {
            const mdl_island_spec *island = &x->evolution.island[i];
            add_element(w, made, write_section(w, row->inner, (const uint8_t *)island, 1u << island->algorithm));
        }
        return made;
    case MDL_KEY_COUNT:
        break; /* islands are written one by one */
    }
    return NULL;
}

static cJSON *write_section(writer *w, mdl_section section, const uint8_t *base, uint32_t reader_bit) {
    cJSON *object = cJSON_CreateObject();
    for (uint32_t i = 0; i < mdl_key_count; i++) {
        const mdl_key_row *row = &mdl_key_table[i];
        if (row->section == section && row->kind != MDL_KEY_COUNT && (!row->readers || row->readers & reader_bit)) {
            add_member(w, object, row->key, write_row(w, row, base + row->offset));
        }
    }
    return object;
}

char *mdl_experiment_to_json(const mdl_experiment *x) {
    writer w = {.x = x};
    cJSON *root = write_section(&w, MDL_SEC_ROOT, (const uint8_t *)x, 1u << x->model);
    char *text = root && !w.failed ? cJSON_Print(root) : NULL;
    cJSON_Delete(root);
    return text;
}

static void put(const mdl_sink *sink, const char *text) { mdl_put_bytes(sink, text, strlen(text)); }

/* A table cell: '|' would end it. */
static void put_cell(const mdl_sink *sink, const char *text) {
    put(sink, " ");
    for (; *text; text++) {
        put(sink, *text == '|' ? "\\" : "");
        mdl_put_bytes(sink, text, 1);
    }
    put(sink, " |");
}

static void default_text(const mdl_key_row *row, char *out, size_t size) {
    mdl_experiment x;
    uint8_t shared[MDL_MECH_COUNT];
    const uint8_t *base = row->section == MDL_SEC_NEURAXON ? (const uint8_t *)&x : (const uint8_t *)&x.hmn;
    const uint8_t *field = base + row->offset; /* read only where core has the defaults */
    int core = row->section == MDL_SEC_HMN || row->section == MDL_SEC_NEURAXON;
    float number = (float)row->initial;
    memset(&x, 0, sizeof x);
    mdl_hmn_spec_defaults(&x.hmn);
    mdl_neuraxon_spec_defaults(&x.neuraxon, shared);
    if (row->initial_text) {
        snprintf(out, size, "%s", row->initial_text);
    } else if (row->kind == MDL_KEY_CHOICE) {
        snprintf(out, size, "\"%s\"", row->names[core ? load_u32(field) : 0]);
    } else if (row->kind == MDL_KEY_F32) {
        if (core) {
            memcpy(&number, field, sizeof number);
        }
        mdl_float_text(number, out, size);
    } else if (row->kind == MDL_KEY_WORD_U32) {
        snprintf(out, size, "\"%s\"", row->names[0]);
    } else if (row->kind == MDL_KEY_PAIR) {
        snprintf(out, size, "[%.0f, %.0f]", row->initial, row->initial);
    } else if (core) {
        snprintf(out, size, "%u", load_u32(field));
    } else {
        snprintf(out, size, "%.0f", row->initial);
    }
}

/* Which tasks read a parameter with which default, or which algorithms read a key. */
static void readers_text(const mdl_key_row *row, char *out, size_t size) {
    static const char *const algorithms[] = {"es", "ga", "cma"};
    size_t n = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < 32 && n < size; i++) {
        if (!(row->readers >> i & 1u)) {
            continue;
        }
        if (row->section == MDL_SEC_ISLAND) {
            MDL_ASSERT(i < sizeof algorithms / sizeof algorithms[0]);
            n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? ", " : "", algorithms[i]);
        } else {
            const mdl_task_info *task = mdl_task_info_get(i);
            MDL_ASSERT(task); /* the key table names tasks that exist */
            mdl_task_params p;
            mdl_task_defaults((mdl_task_id)i, &p);
            n += (size_t)snprintf(out + n, size - n, "%s%s %u", n > 0 ? ", " : "", task->name,
                                  load_u32((const uint8_t *)&p + row->offset));
        }
    }
}

static void write_table(const mdl_sink *sink, mdl_section section) {
    const char *path = mdl_section_path(section);
    const char *readers = section == MDL_SEC_TASK     ? " read by, with default |"
                          : section == MDL_SEC_ISLAND ? " read by |"
                                                      : "";
    put(sink, "### ");
    put(sink, path[0] ? path : "The file");
    put(sink, "\n\n| key | allowed | default | unit |");
    put(sink, readers);
    put(sink, " what it is |\n|---|---|---|---|");
    put(sink, readers[0] ? "---|" : "");
    put(sink, "---|\n");
    for (uint32_t i = 0; i < mdl_key_count; i++) {
        const mdl_key_row *row = &mdl_key_table[i];
        char text[192];
        if (row->section != section) {
            continue;
        }
        put(sink, "| `");
        put(sink, row->key);
        put(sink, "` |");
        mdl_key_allowed(row, text, sizeof text);
        put_cell(sink, text);
        default_text(row, text, sizeof text);
        put_cell(sink, row->kind == MDL_KEY_TASK_ID ? "required" : text);
        put_cell(sink, row->unit);
        if (readers[0]) {
            readers_text(row, text, sizeof text);
            put_cell(sink, row->readers ? text : "all");
        }
        put_cell(sink, row->text);
        put(sink, "\n");
    }
    put(sink, "\n");
}

void mdl_experiment_write_reference(const mdl_sink *sink) {
    for (uint32_t s = 0; s < MDL_SEC_COUNT; s++) {
        write_table(sink, (mdl_section)s);
    }
    put(sink, "### hmn.mechanisms\n\n| key | what it is |\n|---|---|\n");
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++) {
        put(sink, "| `");
        put(sink, mdl_mechanism_key(m));
        put(sink, "` |");
        put_cell(sink, mdl_mechanism_text(m));
        put(sink, "\n");
    }
    static const char *const words[] = {"off", "on", "gene"};
    put(sink, "\n### neuraxon.mechanisms\n\n| key | default | what it is |\n|---|---|---|\n");
    for (uint32_t i = 0; i < MDL_MECH_COUNT + MDL_NX_COUNT; i++) {
        uint32_t own = i - MDL_MECH_COUNT;
        int shared = i < MDL_MECH_COUNT;
        if (shared && !mdl_neuraxon_shares(i)) {
            continue;
        }
        put(sink, "| `");
        put(sink, shared ? mdl_mechanism_key(i) : mdl_neuraxon_mechanism_key(own));
        put(sink, "` |");
        put_cell(sink, words[shared ? mdl_neuraxon_shared_default(i) : mdl_neuraxon_mechanism_default(own)]);
        put_cell(sink, shared ? mdl_mechanism_text(i) : mdl_neuraxon_mechanism_text(own));
        put(sink, "\n");
    }
    put(sink, "\n### modulators.mechanisms\n\n| key | what it is |\n|---|---|\n");
    for (uint32_t m = 0; m < MDL_MOD_COUNT; m++) {
        put(sink, "| `");
        put(sink, mdl_modulator_mechanism_key(m));
        put(sink, "` |");
        put_cell(sink, mdl_modulator_mechanism_text(m));
        put(sink, "\n");
    }
}
