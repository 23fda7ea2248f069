#include "protocol/experiment_json.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/philox.h"
#include "protocol/experiment_check.h"
#include "protocol/experiment_keys.h"

typedef struct reader {
    mdl_experiment *x;
    mdl_json_error *err;
    uint32_t neurons_listed; /* length of the list of neurons, 0 for a single number */
} reader;

enum { PATH_MAX_BYTES = 128 };

static void child_path(char *out, const char *parent, const char *key) {
    /* Paths of known keys are short; an unknown key may be cut. */
    snprintf(out, PATH_MAX_BYTES, "%.26s%s%.100s", parent, parent[0] ? "." : "", key);
}

static mdl_err fail(reader *r, mdl_err code, const char *path, const cJSON *item, const char *allowed) {
    char value[64];
    if (cJSON_IsNumber(item)) {
        mdl_double_text(item->valuedouble, value, sizeof value);
    } else if (cJSON_IsString(item)) {
        char text[60];
        mdl_json_printable(text, sizeof text, item->valuestring, strlen(item->valuestring));
        snprintf(value, sizeof value, "\"%s\"", text);
    } else {
        snprintf(value, sizeof value, "%s",
                 cJSON_IsBool(item)     ? (cJSON_IsTrue(item) ? "true" : "false")
                 : cJSON_IsArray(item)  ? "a list"
                 : cJSON_IsObject(item) ? "an object"
                                        : "null");
    }
    return mdl_json_fail(r->err, code, path, value, allowed);
}

static mdl_err fail_row(reader *r, mdl_err code, const char *path, const cJSON *item, const mdl_key_row *row) {
    char allowed[160];
    mdl_key_allowed(row, allowed, sizeof allowed);
    return fail(r, code, path, item, allowed);
}

/* An integer of the row's range. */
static mdl_err read_integer(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, uint32_t *out) {
    if (!cJSON_IsNumber(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    double v = item->valuedouble;
    if (!(v >= row->lo && v <= row->hi) || v != (double)(uint32_t)v) {
        return fail_row(r, MDL_ERANGE, path, item, row);
    }
    *out = (uint32_t)v;
    return MDL_OK;
}

static mdl_err read_number(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, float *out) {
    if (!cJSON_IsNumber(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    double v = item->valuedouble;
    if (!(v >= row->lo && v <= row->hi)) {
        return fail_row(r, MDL_ERANGE, path, item, row);
    }
    /* As everywhere in core, what is too small to matter is +0: never -0, never subnormal. */
    *out = v < 0x1p-100 && v > -0x1p-100 ? 0.0f : (float)v;
    return MDL_OK;
}

static mdl_err read_choice(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, uint32_t *out) {
    if (!cJSON_IsString(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    for (uint32_t i = 0; row->names[i]; i++) {
        if (strcmp(item->valuestring, row->names[i]) == 0) {
            *out = i;
            return MDL_OK;
        }
    }
    return fail_row(r, MDL_ENOENT, path, item, row);
}

static mdl_err read_pair(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, uint32_t out[2]) {
    if (!cJSON_IsArray(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    const cJSON *first = item->child;
    if (!first || !first->next || first->next->next) {
        return fail_row(r, MDL_ERANGE, path, item, row);
    }
    mdl_err e = read_integer(r, first, row, path, &out[0]);
    e = e ? e : read_integer(r, first->next, row, path, &out[1]);
    return e ? e : out[0] > out[1] ? fail_row(r, MDL_ERANGE, path, item, row) : MDL_OK;
}

static mdl_err read_name(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, char *out) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    if (!cJSON_IsString(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    size_t n = strlen(item->valuestring);
    if (n == 0 || n >= sizeof r->x->name || strspn(item->valuestring, allowed) != n) {
        return fail_row(r, MDL_ERANGE, path, item, row);
    }
    memcpy(out, item->valuestring, n + 1);
    return MDL_OK;
}

static mdl_err read_seed(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, uint64_t *out) {
    if (cJSON_IsNumber(item)) {
        double v = item->valuedouble;
        if (!(v >= 0 && v <= 0x1p53) || v != (double)(uint64_t)v) {
            return fail_row(r, MDL_ERANGE, path, item, row);
        }
        *out = (uint64_t)v;
        return MDL_OK;
    }
    if (!cJSON_IsString(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    const char *s = item->valuestring;
    uint64_t v = 0;
    int ok = s[0] != 0 && (s[0] != '0' || s[1] == 0);
    for (; ok && *s; s++) {
        uint64_t digit = (uint64_t)(unsigned char)*s - '0';
        ok = digit <= 9 && v <= (UINT64_MAX - digit) / 10;
        v = v * 10 + digit;
    }
    *out = v;
    return ok ? MDL_OK : fail_row(r, MDL_ERANGE, path, item, row);
}

static mdl_err read_neurons(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    uint32_t *neurons = r->x->network.neurons;
    if (!cJSON_IsArray(item)) {
        mdl_err e = read_integer(r, item, row, path, &neurons[0]);
        for (uint32_t i = 1; i < MDL_REGIONS_MAX; i++) {
            neurons[i] = neurons[0];
        }
        return e;
    }
    uint32_t i = 0;
    for (const cJSON *one = item->child; one; one = one->next, i++) {
        char inner[PATH_MAX_BYTES];
        snprintf(inner, sizeof inner, "%.100s[%u]", path, i);
        if (i == MDL_REGIONS_MAX) {
            return fail(r, MDL_ERANGE, path, item, "a list of at most 256 integers");
        }
        mdl_err e = read_integer(r, one, row, inner, &neurons[i]);
        if (e) {
            return e;
        }
    }
    r->neurons_listed = i; /* compared when `regions` is known */
    return i > 0 ? MDL_OK : fail_row(r, MDL_ERANGE, path, item, row);
}

/* Where the switch of a key is stored, and its number; NULL when there is none.
 * A Neuraxon has its own and those it shares with HMN. */
static uint8_t *find_switch(reader *r, const mdl_key_row *row, const char *key, uint8_t *out, uint32_t *bit) {
    mdl_modulator_mechanism modulator = mdl_modulator_mechanism_find(key);
    mdl_mechanism m = mdl_mechanism_find(key);
    *bit = modulator;
    if (row->section == MDL_SEC_MODULATORS) {
        return modulator == MDL_MOD_COUNT ? NULL : &out[modulator];
    }
    *bit = m;
    if (row->section == MDL_SEC_HMN) {
        return m == MDL_MECH_COUNT ? NULL : &out[m];
    }
    if (mdl_neuraxon_shares(m)) {
        return &r->x->hmn.mechanism[m];
    }
    mdl_neuraxon_mechanism own = mdl_neuraxon_mechanism_find(key);
    *bit = MDL_MECH_COUNT + (uint32_t)own;
    return own == MDL_NX_COUNT ? NULL : &out[own];
}

static mdl_err read_switches(reader *r, const cJSON *item, const mdl_key_row *row, const char *path, uint8_t *out) {
    static const char *const words[] = {"off", "on", "gene"};
    uint64_t seen = 0;
    _Static_assert(MDL_MECH_COUNT + MDL_NX_COUNT <= 64, "one bit a mechanism");
    if (!cJSON_IsObject(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    for (const cJSON *one = item->child; one; one = one->next) {
        char inner[PATH_MAX_BYTES];
        child_path(inner, path, one->string);
        uint32_t bit;
        uint8_t *place = find_switch(r, row, one->string, out, &bit);
        if (!place) {
            return mdl_json_fail(r->err, MDL_EKEY, inner, "an unknown key", "mechanisms of docs/EXPERIMENT.md");
        }
        if (seen >> bit & 1u) {
            return mdl_json_fail(r->err, MDL_EKEY, inner, "given twice", "each key once");
        }
        seen |= (uint64_t)1 << bit;
        uint8_t value = 3;
        if (cJSON_IsBool(one)) {
            value = cJSON_IsTrue(one) ? MDL_ON : MDL_OFF;
        } else if (cJSON_IsString(one)) {
            for (value = 0; value < 3 && strcmp(one->valuestring, words[value]) != 0; value++) {
            }
        }
        if (value == 3) {
            mdl_err code = cJSON_IsString(one) ? MDL_ENOENT : MDL_ETYPE;
            return fail(r, code, inner, one, "\"off\", \"on\", \"gene\", true or false");
        }
        *place = value;
    }
    return MDL_OK;
}

static mdl_err read_clamp(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    mdl_modulator_spec *spec = &r->x->modulators;
    if (!cJSON_IsObject(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    for (const cJSON *one = item->child; one; one = one->next) {
        char inner[PATH_MAX_BYTES], allowed[160];
        uint32_t i = 0;
        child_path(inner, path, one->string);
        while (mdl_clamp_key(i) && strcmp(mdl_clamp_key(i), one->string) != 0) {
            i++;
        }
        if (!mdl_clamp_key(i)) {
            mdl_key_allowed(row, allowed, sizeof allowed);
            return mdl_json_fail(r->err, MDL_EKEY, inner, "an unknown key", allowed);
        }
        if (spec->clamped >> i & 1u) {
            return mdl_json_fail(r->err, MDL_EKEY, inner, "given twice", "each key once");
        }
        spec->clamped |= 1u << i;
        mdl_err e = read_number(r, one, row, inner, &spec->clamp[i]);
        if (e) {
            return e;
        }
    }
    return MDL_OK;
}

/* The row of a key in a section, NULL if there is none; `*bit` is its number there. */
static const mdl_key_row *find_row(mdl_section section, const char *key, uint32_t *bit) {
    *bit = 0;
    for (uint32_t i = 0; i < mdl_key_count; i++) {
        if (mdl_key_table[i].section == section) {
            if (strcmp(mdl_key_table[i].key, key) == 0) {
                return &mdl_key_table[i];
            }
            ++*bit;
        }
    }
    return NULL;
}

static void known_keys(mdl_section section, uint32_t reader_bit, char *out, size_t size) {
    size_t n = 0;
    for (uint32_t i = 0; i < mdl_key_count && n < size; i++) {
        const mdl_key_row *row = &mdl_key_table[i];
        if (row->section == section && (row->readers == 0 || row->readers & reader_bit)) {
            n += (size_t)snprintf(out + n, size - n, "%s%s", n > 0 ? ", " : "", row->key);
        }
    }
}

static mdl_err read_object(reader *r, const cJSON *object, mdl_section section, uint8_t *base, const char *path,
                           uint32_t reader_bit);
static mdl_err read_task(reader *r, const cJSON *item, const mdl_key_row *row, const char *path);
static mdl_err read_islands(reader *r, const cJSON *item, const mdl_key_row *row, const char *path);
static mdl_err read_modulators(reader *r, const cJSON *item, const mdl_key_row *row, const char *path);
static mdl_err read_verification(reader *r, const cJSON *item, const mdl_key_row *row, const char *path);
static mdl_err read_sharding(reader *r, const cJSON *item, const mdl_key_row *row, const char *path);

static mdl_err read_row(reader *r, const cJSON *item, const mdl_key_row *row, uint8_t *base, const char *path) {
    uint8_t *field = base + row->offset;
    uint32_t integers[2] = {0, 0};
    float number = 0;
    mdl_err e = MDL_OK;
    switch (row->kind) {
    case MDL_KEY_WORD_U32:
        if (cJSON_IsString(item)) {
            e = read_choice(r, item, row, path, integers); /* the one word stands for 0 */
        } else {
            e = read_integer(r, item, row, path, integers);
        }
        break;
    case MDL_KEY_U32:
        e = read_integer(r, item, row, path, integers);
        break;
    case MDL_KEY_MODEL: /* read_model() took it, if it is one */
    case MDL_KEY_CHOICE:
        e = read_choice(r, item, row, path, integers);
        break;
    case MDL_KEY_F32:
        e = read_number(r, item, row, path, &number);
        if (!e) {
            memcpy(field, &number, sizeof number);
        }
        return e;
    case MDL_KEY_PAIR:
        e = read_pair(r, item, row, path, integers);
        if (!e) {
            memcpy(field, integers, sizeof integers);
        }
        return e;
    case MDL_KEY_COUNT:
        return read_integer(r, item, row, path, integers); /* read_islands() takes it */
    case MDL_KEY_TASK_ID:
        return MDL_OK; /* read_task() took it */
    case MDL_KEY_NAME:
        return read_name(r, item, row, path, r->x->name);
    case MDL_KEY_SEED:
        return read_seed(r, item, row, path, &r->x->seed);
    case MDL_KEY_NEURONS:
        return read_neurons(r, item, row, path);
    case MDL_KEY_SWITCHES:
        return read_switches(r, item, row, path, field);
    case MDL_KEY_MODULATORS:
        return read_modulators(r, item, row, path);
    case MDL_KEY_VERIFICATION:
        return read_verification(r, item, row, path);
    case MDL_KEY_SHARDING:
        return read_sharding(r, item, row, path);
    case MDL_KEY_CLAMP:
        return read_clamp(r, item, row, path);
    case MDL_KEY_TASK:
        return read_task(r, item, row, path);
    case MDL_KEY_ISLANDS:
        return read_islands(r, item, row, path);
    case MDL_KEY_SECTION:
        if (!cJSON_IsObject(item)) {
            return fail_row(r, MDL_ETYPE, path, item, row);
        }
        return read_object(r, item, row->inner, field, path, 0);
    }
    if (!e) {
        memcpy(field, integers, sizeof integers[0]);
    }
    return e;
}

/* Depth is bounded by the table: the root, a section, an island. */
static mdl_err read_object(reader *r, const cJSON *object, mdl_section section, uint8_t *base, const char *path,
                           uint32_t reader_bit) {
    uint32_t seen = 0;
    for (const cJSON *item = object->child; item; item = item->next) {
        char inner[PATH_MAX_BYTES];
        uint32_t bit;
        const mdl_key_row *row = find_row(section, item->string, &bit);
        child_path(inner, path, item->string);
        if (!row || (row->readers != 0 && !(row->readers & reader_bit))) {
            char allowed[160];
            known_keys(section, reader_bit, allowed, sizeof allowed);
            return mdl_json_fail(r->err, MDL_EKEY, inner, row ? "a key not read here" : "an unknown key", allowed);
        }
        MDL_ASSERT(bit < 32);
        if (seen >> bit & 1u) {
            return mdl_json_fail(r->err, MDL_EKEY, inner, "given twice", "each key once");
        }
        seen |= 1u << bit;
        mdl_err e = read_row(r, item, row, base, inner);
        if (e) {
            return e;
        }
    }
    return MDL_OK;
}

static mdl_err read_task(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    char allowed[160], name_path[PATH_MAX_BYTES];
    const cJSON *name = item;
    mdl_task_id id;
    mdl_key_allowed(row, allowed, sizeof allowed);
    snprintf(name_path, sizeof name_path, "%s", path);
    if (cJSON_IsObject(item)) {
        child_path(name_path, path, "name");
        name = cJSON_GetObjectItemCaseSensitive(item, "name");
        if (!name) {
            return mdl_json_fail(r->err, MDL_EKEY, name_path, "missing", allowed);
        }
    }
    if (!cJSON_IsString(name)) {
        return fail(r, MDL_ETYPE, name_path, name, allowed);
    }
    if (mdl_task_find(name->valuestring, &id) != MDL_OK) {
        return fail(r, MDL_ENOENT, name_path, name, allowed);
    }
    mdl_task_defaults(id, &r->x->task);
    if (name == item) {
        return MDL_OK;
    }
    return read_object(r, item, MDL_SEC_TASK, (uint8_t *)&r->x->task, path, 1u << id);
}

static mdl_err read_modulators(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    mdl_modulator_spec *spec = &r->x->modulators;
    if (cJSON_IsString(item)) {
        return strcmp(item->valuestring, "off") == 0 ? MDL_OK : fail_row(r, MDL_ENOENT, path, item, row);
    }
    if (!cJSON_IsObject(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    mdl_modulator_spec_defaults(spec);
    return read_object(r, item, row->inner, (uint8_t *)spec, path, 0);
}

static mdl_err read_verification(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    mdl_verification_spec *spec = &r->x->verification;
    if (cJSON_IsString(item)) {
        memset(spec, 0, sizeof *spec);
        return strcmp(item->valuestring, "off") == 0 ? MDL_OK : fail_row(r, MDL_ENOENT, path, item, row);
    }
    if (!cJSON_IsObject(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    return read_object(r, item, row->inner, (uint8_t *)spec, path, 0);
}

static mdl_err read_sharding(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    mdl_sharding_spec *spec = &r->x->sharding;
    if (cJSON_IsString(item)) {
        return strcmp(item->valuestring, "off") == 0 ? MDL_OK : fail_row(r, MDL_ENOENT, path, item, row);
    }
    if (!cJSON_IsObject(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    mdl_section_defaults(MDL_SEC_SHARDING, spec);
    spec->used = 1;
    return read_object(r, item, row->inner, (uint8_t *)spec, path, 0);
}

static mdl_err read_island(reader *r, const cJSON *item, const char *path, mdl_island_spec *out, uint32_t *count) {
    if (!cJSON_IsObject(item)) {
        return fail(r, MDL_ETYPE, path, item, "an object");
    }
    char inner[PATH_MAX_BYTES];
    uint32_t bit, algorithm = MDL_ES;
    mdl_section_defaults(MDL_SEC_ISLAND, out);
    out->elite = 0;
    const cJSON *named = cJSON_GetObjectItemCaseSensitive(item, "algorithm");
    if (named) {
        child_path(inner, path, "algorithm");
        mdl_err e = read_choice(r, named, find_row(MDL_SEC_ISLAND, "algorithm", &bit), inner, &algorithm);
        if (e) {
            return e;
        }
    }
    mdl_err e = read_object(r, item, MDL_SEC_ISLAND, (uint8_t *)out, path, 1u << algorithm);
    if (e) {
        return e;
    }
    if (out->elite == 0) {
        out->elite = out->population / 8 > 0 ? out->population / 8 : 1;
    }
    const cJSON *repeat = cJSON_GetObjectItemCaseSensitive(item, "count");
    *count = repeat ? (uint32_t)repeat->valuedouble : 1;
    return MDL_OK;
}

static mdl_err read_islands(reader *r, const cJSON *item, const mdl_key_row *row, const char *path) {
    mdl_evolution_spec *evolution = &r->x->evolution;
    if (!cJSON_IsArray(item)) {
        return fail_row(r, MDL_ETYPE, path, item, row);
    }
    if (!item->child) {
        return fail_row(r, MDL_ERANGE, path, item, row);
    }
    uint32_t index = 0;
    evolution->islands = 0;
    for (const cJSON *one = item->child; one; one = one->next, index++) {
        char inner[PATH_MAX_BYTES];
        snprintf(inner, sizeof inner, "%.100s[%u]", path, index);
        mdl_island_spec island;
        uint32_t count = 0;
        memset(&island, 0, sizeof island);
        mdl_err e = read_island(r, one, inner, &island, &count);
        e = e ? e : mdl_island_check(&island, inner, r->err);
        if (e) {
            return e;
        }
        if (count > MDL_ISLANDS_MAX - evolution->islands) {
            return mdl_json_fail(r->err, MDL_ERANGE, path, "more than 16 islands", "1 to 16 islands, counts included");
        }
        while (count-- > 0) {
            evolution->island[evolution->islands++] = island;
        }
    }
    return MDL_OK;
}

static void set_defaults(mdl_experiment *x) {
    memset(x, 0, sizeof *x);
    mdl_section_defaults(MDL_SEC_ROOT, x);
    mdl_section_defaults(MDL_SEC_NETWORK, &x->network);
    mdl_section_defaults(MDL_SEC_EVOLUTION, &x->evolution);
    mdl_section_defaults(MDL_SEC_ISLAND, &x->evolution.island[0]);
    mdl_hmn_spec_defaults(&x->hmn);
    mdl_section_defaults(MDL_SEC_VERIFICATION, &x->verification);
    x->verification.used = 1;
    x->seed = 1;
    x->evolution.islands = 1;
    x->network.delay_between[0] = 0; /* until it is known whether the file gives it */
    for (uint32_t i = 1; i < MDL_REGIONS_MAX; i++) {
        x->network.neurons[i] = x->network.neurons[0];
    }
}

/* What follows from other keys, then the checks across keys. */
static mdl_err complete(reader *r) {
    mdl_experiment *x = r->x;
    mdl_network_spec *n = &x->network;
    mdl_json_error *err = r->err;
    if (x->name[0] == 0) {
        snprintf(x->name, sizeof x->name, "%s", mdl_task_info_get(x->task.id)->name);
    }
    if (n->delay_between[0] == 0) {
        n->delay_between[0] = n->delay_between[1] = n->window;
    }
    n->seed = mdl_key(x->seed, MDL_STREAM_WIRING, 0, 0, 0);
    x->evolution.seed = mdl_key(x->seed, MDL_STREAM_GENOME, 0, 0, 0);
    if (r->neurons_listed > 0 && r->neurons_listed != n->regions) {
        char count[64], allowed[64];
        snprintf(count, sizeof count, "a list of %u", r->neurons_listed);
        snprintf(allowed, sizeof allowed, "an integer, or one for each region (%u)", n->regions);
        return mdl_json_fail(err, MDL_EMISMATCH, "network.neurons", count, allowed);
    }
    memset(n->neurons + n->regions, 0, (MDL_REGIONS_MAX - n->regions) * sizeof n->neurons[0]);
    mdl_err e = mdl_task_check(&x->task, err);
    if (e) {
        return e;
    }
    n->sensors = mdl_task_obs_count(&x->task);
    n->motors = mdl_task_action_count(&x->task);
    e = mdl_network_check(x, err);
    return e ? e : mdl_sharding_check(x, err);
}

/* The model decides which other keys there are, and their defaults. One that is
 * not known is refused where it stands. */
static uint32_t read_model(const cJSON *root, mdl_experiment *x) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, "model");
    if (cJSON_IsString(item) && strcmp(item->valuestring, "neuraxon") == 0) {
        x->model = MDL_MODEL_NEURAXON;
        mdl_neuraxon_spec_defaults(&x->neuraxon, x->hmn.mechanism);
    }
    return 1u << x->model;
}

static mdl_err parse(const uint8_t *bytes, size_t size, mdl_experiment *out, mdl_json_error *err) {
    char number[32];
    if (size > MDL_EXPERIMENT_BYTES_MAX) {
        snprintf(number, sizeof number, "%zu bytes", size);
        return mdl_json_fail(err, MDL_ESIZE, "", number, "at most 1048576 bytes");
    }
    mdl_err e = mdl_json_scan(bytes, size, err);
    if (e) {
        return e;
    }
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)bytes, size, &end, 0);
    if (!root) {
        return mdl_json_fail(err, MDL_ENOMEM, "", "not readable", "enough memory"); /* the text is well formed */
    }
    reader r = {.x = out, .err = err};
    set_defaults(out);
    uint32_t model_bit = read_model(root, out);
    if (!cJSON_IsObject(root)) {
        e = fail(&r, MDL_ETYPE, "", root, "an object");
    } else if (!cJSON_GetObjectItemCaseSensitive(root, "task")) {
        /* Unknown keys first: a mistyped "task" is better named than missed. */
        e = read_object(&r, root, MDL_SEC_ROOT, (uint8_t *)out, "", model_bit);
        e = e ? e : mdl_json_fail(err, MDL_EKEY, "task", "missing", "a task's name, or an object with its name");
    } else {
        e = read_object(&r, root, MDL_SEC_ROOT, (uint8_t *)out, "", model_bit);
        e = e ? e : complete(&r);
    }
    cJSON_Delete(root);
    return e;
}

mdl_err mdl_experiment_parse(const uint8_t *bytes, size_t size, mdl_experiment *out, mdl_json_error *err) {
    mdl_json_error unused;
    err = err ? err : &unused;
    memset(err, 0, sizeof *err);
    mdl_err e = parse(bytes, size, out, err);
    if (e) {
        memset(out, 0, sizeof *out);
        return e;
    }
    crypto_hash_sha256(out->id, bytes, size);
    return MDL_OK;
}
