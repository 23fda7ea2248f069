#include "protocol/neuraxon_v1_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"

static const double parameter_max = 1e15, integer_max = 0x1p53;

static void show(const cJSON *item, char *out, size_t size) {
    if (!item)
        snprintf(out, size, "missing");
    else if (cJSON_IsNumber(item))
        snprintf(out, size, "%.15g", item->valuedouble);
    else if (cJSON_IsString(item))
        snprintf(out, size, "\"%.50s\"", item->valuestring);
    else
        snprintf(out, size, "%s",
                 cJSON_IsArray(item)    ? "a list"
                 : cJSON_IsObject(item) ? "an object"
                 : cJSON_IsTrue(item)   ? "true"
                 : cJSON_IsFalse(item)  ? "false"
                                        : "null");
}

static void path_of(mdl_place place, const char *key, char *out, size_t size) {
    char index[32] = "";
    if (place.index >= 0)
        snprintf(index, sizeof index, "[%ld]", place.index);
    const char *dot = key && (place.name[0] || place.index >= 0) ? "." : "";
    snprintf(out, size, "%s%s%s%s%.60s", place.prefix, place.name, index, dot, key ? key : "");
    size_t length = strlen(out);
    if (!key && length > 0 && out[length - 1] == '.') /* the object of the prefix itself */
        out[length - 1] = '\0';
}

mdl_err mdl_read_fail(mdl_json_error *err, mdl_err code, mdl_place place, const char *key, const cJSON *item,
                      const char *allowed) {
    char path[256], value[64];
    path_of(place, key, path, sizeof path);
    show(item, value, sizeof value);
    return mdl_json_fail(err, code, path, value, allowed);
}

mdl_err mdl_read_open(const uint8_t *bytes, size_t size, size_t limit, cJSON **root, mdl_json_error *err) {
    mdl_json_error own;
    *root = NULL;
    if (size > limit) {
        char value[32], allowed[64];
        snprintf(value, sizeof value, "%zu bytes long", size);
        snprintf(allowed, sizeof allowed, "at most %zu bytes", limit);
        return mdl_json_fail(err, MDL_ESIZE, "", value, allowed);
    }
    mdl_err e = mdl_json_scan(bytes, size, err ? err : &own);
    if (e != MDL_OK)
        return e;
    const char *end;
    *root = cJSON_ParseWithLengthOpts((const char *)bytes, size, &end, 0);
    return *root ? MDL_OK : mdl_json_fail(err, MDL_ENOMEM, "", "too large for the memory", "a smaller file");
}

mdl_err mdl_read_key(mdl_json_error *err, const cJSON *root, const char *key, const cJSON **item) {
    *item = NULL;
    for (const cJSON *x = cJSON_IsObject(root) ? root->child : NULL; x; x = x->next) {
        if (strcmp(x->string, key) != 0)
            continue;
        if (*item)
            return mdl_json_fail(err, MDL_EKEY, key, "given twice", "each key once");
        *item = x;
    }
    return MDL_OK;
}

mdl_err mdl_read_value(mdl_json_error *err, mdl_place place, const char *key, mdl_field_kind kind, const cJSON *item,
                       void *out) {
    static const char *const wanted[] = {
        [MDL_FIELD_NUMBER] = "a finite number",
        [MDL_FIELD_PARAMETER] = "a number from -1e15 to 1e15",
        [MDL_FIELD_DIVISOR] = "a number from -1e15 to 1e15, not 0",
        [MDL_FIELD_COUNT] = "an integer from 0 to 4294967295",
        [MDL_FIELD_STEPS] = "an integer from 0 to 9007199254740992",
        [MDL_FIELD_TRIT] = "-1, 0 or 1",
        [MDL_FIELD_FLAG] = "true or false",
        [MDL_FIELD_TEXT] = "a string",
        [MDL_FIELD_UNREAD] = "a finite number",
    };
    if (kind == MDL_FIELD_ITEM) {
        *(const cJSON **)out = item;
        return MDL_OK;
    }
    if (kind == MDL_FIELD_TEXT)
        return cJSON_IsString(item) ? MDL_OK : mdl_read_fail(err, MDL_ETYPE, place, key, item, wanted[kind]);
    if (kind == MDL_FIELD_FLAG) {
        uint8_t flag = cJSON_IsTrue(item) ? 1 : 0;
        if (!cJSON_IsBool(item))
            return mdl_read_fail(err, MDL_ETYPE, place, key, item, wanted[kind]);
        memcpy(out, &flag, sizeof flag);
        return MDL_OK;
    }
    if (!cJSON_IsNumber(item))
        return mdl_read_fail(err, MDL_ETYPE, place, key, item, wanted[kind]);
    double x = item->valuedouble;
    int good = isfinite(x);
    if (kind == MDL_FIELD_PARAMETER || kind == MDL_FIELD_DIVISOR)
        good = good && fabs(x) <= parameter_max && (kind == MDL_FIELD_PARAMETER || x != 0);
    else if (kind == MDL_FIELD_TRIT)
        good = x == -1 || x == 0 || x == 1;
    else if (kind == MDL_FIELD_COUNT || kind == MDL_FIELD_STEPS)
        good = x >= 0 && x <= (kind == MDL_FIELD_COUNT ? (double)UINT32_MAX : integer_max) && (double)(uint64_t)x == x;
    if (!good)
        return mdl_read_fail(err, MDL_ERANGE, place, key, item, wanted[kind]);
    if (kind == MDL_FIELD_TRIT) {
        int8_t trit = (int8_t)x;
        memcpy(out, &trit, sizeof trit);
    } else if (kind == MDL_FIELD_COUNT) {
        uint32_t count = (uint32_t)x;
        memcpy(out, &count, sizeof count);
    } else if (kind == MDL_FIELD_STEPS) {
        uint64_t steps = (uint64_t)x;
        memcpy(out, &steps, sizeof steps);
    } else if (kind != MDL_FIELD_UNREAD) {
        memcpy(out, &x, sizeof x);
    }
    return MDL_OK;
}

/* Files have the keys in the table's order, so the search starts behind the last hit. */
static size_t find(const mdl_field *field, size_t count, size_t from, const char *name) {
    for (size_t i = 0; i < count; i++) {
        size_t at = (from + i) % count;
        if (strcmp(field[at].name, name) == 0)
            return at;
    }
    return count;
}

mdl_err mdl_read_object(mdl_json_error *err, mdl_place place, const cJSON *object, const mdl_field *field, size_t count,
                        void *out) {
    uint64_t seen = 0;
    size_t next = 0;
    MDL_ASSERT(count > 0 && count <= 64);
    if (!cJSON_IsObject(object))
        return mdl_read_fail(err, MDL_ETYPE, place, NULL, object, "an object");
    for (const cJSON *item = object->child; item; item = item->next) {
        char path[256];
        size_t at = find(field, count, next, item->string);
        int unknown = at == count;
        if (unknown || (seen >> at & 1)) {
            path_of(place, item->string, path, sizeof path);
            return mdl_json_fail(err, MDL_EKEY, path, unknown ? "an unknown key" : "given twice",
                                 unknown ? "the keys that Neuraxon v1 writes" : "each key once");
        }
        seen |= (uint64_t)1 << at;
        next = at + 1;
        mdl_err e = mdl_read_value(err, place, item->string, field[at].kind, item, (uint8_t *)out + field[at].offset);
        if (e != MDL_OK)
            return e;
    }
    for (size_t i = 0; i < count; i++)
        if (field[i].required && !(seen >> i & 1))
            return mdl_read_fail(err, MDL_EKEY, place, field[i].name, NULL, "this key, as Neuraxon v1 writes it");
    return MDL_OK;
}
