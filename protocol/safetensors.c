#include "protocol/safetensors.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/json_scan.h"

static const struct {
    const char *name;
    uint32_t bytes;
} dtypes[] = {{"F32", 4}, {"F64", 8}, {"I64", 8}, {"I32", 4}, {"U8", 1}};

enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

static const char reserved[] = "__metadata__";
static const uint64_t count_max = (uint64_t)1 << 49; /* cJSON prints 15 digits */

const char *mdl_dtype_name(mdl_dtype dtype) { return (uint32_t)dtype < DTYPES ? dtypes[dtype].name : NULL; }

uint32_t mdl_dtype_bytes(mdl_dtype dtype) {
    MDL_ASSERT((uint32_t)dtype < DTYPES);
    return dtypes[dtype].bytes;
}

mdl_err mdl_tensor_count(const mdl_tensor *t, uint64_t *count) {
    uint64_t n = 1;
    *count = 0;
    if (t->rank > MDL_TENSOR_RANK_MAX) {
        return MDL_ERANGE;
    }
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] > count_max || (t->shape[i] > 0 && n > count_max / t->shape[i])) {
            return MDL_ERANGE;
        }
        n *= t->shape[i];
    }
    *count = n;
    return MDL_OK;
}

/* ---- writing ---- */

/* Names first: every pair is compared, which the limit on tensors bounds. */
static mdl_err check_tensors(const mdl_tensor *tensor, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint64_t elements;
        if (tensor[i].name[0] == 0 || strcmp(tensor[i].name, reserved) == 0) {
            return MDL_EKEY;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(tensor[i].name, tensor[j].name) == 0) {
                return MDL_EKEY;
            }
        }
        if (!mdl_dtype_name(tensor[i].dtype) || mdl_tensor_count(&tensor[i], &elements) != MDL_OK) {
            return MDL_ERANGE;
        }
    }
    return MDL_OK;
}

static int add_number(cJSON *list, uint64_t v) {
    cJSON *item = cJSON_CreateNumber((double)v);
    return cJSON_AddItemToArray(list, item); /* fails only for NULL */
}

static int describe(cJSON *root, const mdl_tensor *t, uint64_t begin, uint64_t end) {
    cJSON *object = cJSON_AddObjectToObject(root, t->name);
    cJSON *shape, *offsets;
    if (!object || !cJSON_AddStringToObject(object, "dtype", mdl_dtype_name(t->dtype)) ||
        !(shape = cJSON_AddArrayToObject(object, "shape")) ||
        !(offsets = cJSON_AddArrayToObject(object, "data_offsets"))) {
        return 0;
    }
    int ok = 1;
    for (uint32_t i = 0; i < t->rank; i++) {
        ok &= add_number(shape, t->shape[i]);
    }
    ok &= add_number(offsets, begin);
    return ok & add_number(offsets, end);
}

/* Order of data: by width, then as given. */
static const uint32_t widths[] = {8, 4, 1};

static mdl_err make_header(const mdl_tensor *tensor, uint32_t count, const mdl_metadata *metadata,
                           uint32_t metadata_count, cJSON *root) {
    cJSON *strings = metadata_count > 0 ? cJSON_AddObjectToObject(root, reserved) : NULL;
    if (metadata_count > 0 && !strings) {
        return MDL_ENOMEM;
    }
    for (uint32_t i = 0; i < metadata_count; i++) {
        if (cJSON_GetObjectItemCaseSensitive(strings, metadata[i].key)) {
            return MDL_EKEY;
        }
        if (!cJSON_AddStringToObject(strings, metadata[i].key, metadata[i].value)) {
            return MDL_ENOMEM;
        }
    }
    uint64_t at = 0;
    for (uint32_t w = 0; w < 3; w++) {
        for (uint32_t i = 0; i < count; i++) {
            uint64_t elements = 0;
            if (mdl_dtype_bytes(tensor[i].dtype) != widths[w]) {
                continue;
            }
            mdl_err e = mdl_tensor_count(&tensor[i], &elements);
            uint64_t size = elements * widths[w];
            if (e || size > count_max - at) {
                return MDL_ERANGE;
            }
            if (!describe(root, &tensor[i], at, at + size)) {
                return MDL_ENOMEM;
            }
            at += size;
        }
    }
    return MDL_OK;
}

static void put_values(const mdl_sink *sink, const mdl_tensor *t) {
    uint64_t elements = 0;
    MDL_ASSERT(mdl_tensor_count(t, &elements) == MDL_OK);
    for (uint64_t i = 0; i < elements; i++) {
        switch (t->dtype) {
        case MDL_F32:
            mdl_put_f32(sink, ((const float *)t->values)[i]);
            break;
        case MDL_F64:
            mdl_put_f64(sink, ((const double *)t->values)[i]);
            break;
        case MDL_I64:
            mdl_put_i64(sink, ((const int64_t *)t->values)[i]);
            break;
        case MDL_I32:
            mdl_put_u32(sink, (uint32_t)((const int32_t *)t->values)[i]);
            break;
        case MDL_U8:
            mdl_put_bytes(sink, t->values, (size_t)elements);
            return;
        }
    }
}

mdl_err mdl_safetensors_write(const mdl_tensor *tensor, uint32_t count, const mdl_metadata *metadata,
                              uint32_t metadata_count, const mdl_sink *sink) {
    if (count > MDL_SAFETENSORS_MAX || metadata_count > MDL_SAFETENSORS_METADATA_MAX) {
        return MDL_ESIZE;
    }
    mdl_err e = check_tensors(tensor, count);
    if (e) {
        return e;
    }
    cJSON *root = cJSON_CreateObject();
    e = root ? make_header(tensor, count, metadata, metadata_count, root) : MDL_ENOMEM;
    char *header = e ? NULL : cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (!header) {
        return e ? e : MDL_ENOMEM;
    }
    size_t size = strlen(header), padded = (size + 7) / 8 * 8;
    mdl_json_error where;
    if (padded > MDL_SAFETENSORS_HEADER_MAX) {
        e = MDL_ESIZE;
    } else if (mdl_json_scan((const uint8_t *)header, size, &where) != MDL_OK) {
        e = MDL_ESYNTAX; /* cJSON copies bytes as they are: a string was not UTF-8 */
    } else {
        mdl_put_u64(sink, padded);
        mdl_put_bytes(sink, header, size);
        mdl_put_bytes(sink, "       ", padded - size);
        for (uint32_t w = 0; w < 3; w++) {
            for (uint32_t i = 0; i < count; i++) {
                if (mdl_dtype_bytes(tensor[i].dtype) == widths[w]) {
                    put_values(sink, &tensor[i]);
                }
            }
        }
    }
    free(header);
    return e;
}

/* ---- reading ---- */

static mdl_err get_integer(const cJSON *item, uint64_t *out) {
    if (!cJSON_IsNumber(item)) {
        return MDL_ETYPE;
    }
    double v = item->valuedouble;
    if (!(v >= 0 && v <= (double)count_max) || v != (double)(uint64_t)v) {
        return MDL_ERANGE;
    }
    *out = (uint64_t)v;
    return MDL_OK;
}

static mdl_err read_shape(const cJSON *list, mdl_tensor *t) {
    if (!cJSON_IsArray(list)) {
        return MDL_ETYPE;
    }
    for (const cJSON *one = list->child; one; one = one->next) {
        if (t->rank == MDL_TENSOR_RANK_MAX) {
            return MDL_ERANGE;
        }
        mdl_err e = get_integer(one, &t->shape[t->rank]);
        if (e) {
            return e;
        }
        t->rank++;
    }
    return MDL_OK;
}

/* One tensor's entry; `data` has `size` bytes. */
static mdl_err read_tensor(const cJSON *item, const uint8_t *data, uint64_t size, mdl_tensor *t) {
    if (!cJSON_IsObject(item)) {
        return MDL_ETYPE;
    }
    const cJSON *dtype = NULL, *shape = NULL, *offsets = NULL;
    for (const cJSON *one = item->child; one; one = one->next) {
        const cJSON **slot = strcmp(one->string, "dtype") == 0          ? &dtype
                             : strcmp(one->string, "shape") == 0        ? &shape
                             : strcmp(one->string, "data_offsets") == 0 ? &offsets
                                                                        : NULL;
        if (!slot || *slot) {
            return MDL_EKEY;
        }
        *slot = one;
    }
    if (!dtype || !shape || !offsets) {
        return MDL_EKEY;
    }
    if (!cJSON_IsString(dtype) || !cJSON_IsArray(offsets)) {
        return MDL_ETYPE;
    }
    uint32_t d = 0;
    while (d < DTYPES && strcmp(dtype->valuestring, dtypes[d].name) != 0) {
        d++;
    }
    if (d == DTYPES) {
        return MDL_ENOENT;
    }
    *t = (mdl_tensor){.name = item->string, .dtype = (mdl_dtype)d};
    mdl_err e = read_shape(shape, t);
    if (e) {
        return e;
    }
    const cJSON *first = offsets->child;
    uint64_t begin = 0, end = 0, elements;
    if (!first || !first->next || first->next->next) {
        return MDL_ERANGE;
    }
    e = get_integer(first, &begin);
    e = e ? e : get_integer(first->next, &end);
    e = e ? e : mdl_tensor_count(t, &elements);
    if (e) {
        return e;
    }
    if (begin > end || end > size) {
        return MDL_ERANGE;
    }
    if (end - begin != elements * dtypes[d].bytes) { /* at most 2^49 * 8 */
        return MDL_EMISMATCH;
    }
    t->bytes = data + begin;
    t->size_bytes = end - begin;
    return MDL_OK;
}

static mdl_err read_metadata(const cJSON *object, mdl_safetensors *out) {
    if (!cJSON_IsObject(object)) {
        return MDL_ETYPE;
    }
    for (const cJSON *one = object->child; one; one = one->next) {
        if (!cJSON_IsString(one)) {
            return MDL_ETYPE;
        }
        if (mdl_safetensors_metadata(out, one->string)) {
            return MDL_EKEY;
        }
        if (out->metadata_count == MDL_SAFETENSORS_METADATA_MAX) {
            return MDL_ESIZE;
        }
        out->metadata[out->metadata_count++] = (mdl_metadata){one->string, one->valuestring};
    }
    return MDL_OK;
}

static int by_place(const void *a, const void *b) {
    const mdl_tensor *x = a, *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes < y->bytes ? -1 : 1;
    }
    return x->size_bytes < y->size_bytes ? -1 : x->size_bytes > y->size_bytes;
}

/* Sorted by place, each tensor begins where the one before ends, and the last one ends the file. */
static mdl_err check_tiling(const mdl_safetensors *s, const uint8_t *data, uint64_t size) {
    mdl_tensor *sorted = malloc((s->count + 1) * sizeof *sorted);
    if (!sorted) {
        return MDL_ENOMEM;
    }
    memcpy(sorted, s->tensor, s->count * sizeof *sorted);
    qsort(sorted, s->count, sizeof *sorted, by_place);
    uint64_t at = 0;
    mdl_err e = MDL_OK;
    for (uint32_t i = 0; i < s->count && !e; i++) {
        e = sorted[i].bytes == data + at ? MDL_OK : MDL_EMISMATCH;
        at += sorted[i].size_bytes;
    }
    free(sorted);
    return e ? e : at == size ? MDL_OK : MDL_ESIZE;
}

static mdl_err read_header(const cJSON *root, const uint8_t *data, uint64_t size, mdl_safetensors *out) {
    int had_metadata = 0;
    if (!cJSON_IsObject(root)) {
        return MDL_ETYPE;
    }
    for (const cJSON *item = root->child; item; item = item->next) {
        mdl_err e;
        if (strcmp(item->string, reserved) == 0) {
            e = had_metadata ? MDL_EKEY : read_metadata(item, out);
            had_metadata = 1;
        } else if (out->count == MDL_SAFETENSORS_MAX) {
            e = MDL_ESIZE;
        } else if (item->string[0] == 0 || mdl_safetensors_find(out, item->string)) {
            e = MDL_EKEY;
        } else {
            e = read_tensor(item, data, size, &out->tensor[out->count]);
            out->count += e == MDL_OK;
        }
        if (e) {
            return e;
        }
    }
    return check_tiling(out, data, size);
}

mdl_err mdl_safetensors_read(const uint8_t *bytes, size_t size, mdl_safetensors *out) {
    memset(out, 0, sizeof *out);
    mdl_reader r = {bytes, size, 0};
    uint64_t header_size = mdl_get_u64(&r);
    if (r.bad || header_size > MDL_SAFETENSORS_HEADER_MAX || header_size > r.left) {
        return MDL_ESIZE;
    }
    mdl_json_error where;
    if (header_size == 0 || r.at[0] != '{') {
        return MDL_ESYNTAX;
    }
    mdl_err e = mdl_json_scan(r.at, (size_t)header_size, &where);
    if (e) {
        return e;
    }
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts((const char *)r.at, (size_t)header_size, &end, 0);
    out->header = root;
    out->tensor = calloc(MDL_SAFETENSORS_MAX, sizeof *out->tensor);
    out->metadata = calloc(MDL_SAFETENSORS_METADATA_MAX, sizeof *out->metadata);
    e = MDL_ENOMEM; /* the text is well formed: nothing else can fail */
    if (root && out->tensor && out->metadata) {
        e = read_header(root, r.at + header_size, r.left - header_size, out);
    }
    if (e) {
        mdl_safetensors_close(out);
    }
    return e;
}

void mdl_safetensors_close(mdl_safetensors *s) {
    cJSON_Delete(s->header);
    free(s->tensor);
    free(s->metadata);
    memset(s, 0, sizeof *s);
}

const mdl_tensor *mdl_safetensors_find(const mdl_safetensors *s, const char *name) {
    for (uint32_t i = 0; i < s->count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): entries below the count have a name. */
        if (strcmp(s->tensor[i].name, name) == 0) {
            return &s->tensor[i];
        }
    }
    return NULL;
}

const char *mdl_safetensors_metadata(const mdl_safetensors *s, const char *key) {
    for (uint32_t i = 0; i < s->metadata_count; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): entries below the count have a name. */
        if (strcmp(s->metadata[i].key, key) == 0) {
            return s->metadata[i].value;
        }
    }
    return NULL;
}

void mdl_tensor_values(const mdl_tensor *t, void *out) {
    mdl_reader r = {t->bytes, (size_t)t->size_bytes, 0};
    uint32_t width = mdl_dtype_bytes(t->dtype);
    uint8_t *to = out;
    for (uint64_t i = 0; i < t->size_bytes / width; i++, to += width) {
        /* Bit patterns, so that a NaN passes through unchanged. */
        if (width == 8) {
            uint64_t v = mdl_get_u64(&r);
            memcpy(to, &v, sizeof v);
        } else if (width == 4) {
            uint32_t v = mdl_get_u32(&r);
            memcpy(to, &v, sizeof v);
        } else {
            *to = mdl_get_u8(&r);
        }
    }
}
