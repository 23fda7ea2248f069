#include "protocol/boundary.h"

#include <string.h>

#include "core/num.h"

enum { ONE = 0x3f800000 };

static size_t bitmap_bytes(size_t bits) { return (bits + 7) / 8; }

/* What decides the form. */
typedef struct content {
    size_t used; /* values that are not +0      */
    int bits;    /* each of those is -1 or 1    */
} content;

static content look(const float *value, size_t count) {
    content c = {0, 1};
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = mdl_float_bits(value[i]);
        if (bits == 0)
            continue;
        c.used++;
        c.bits &= (bits & 0x7fffffffu) == (uint32_t)ONE;
    }
    return c;
}

static uint8_t form_of(content c, size_t count) {
    if (c.used == 0)
        return MDL_BOUNDARY_NOTHING;
    if (c.bits)
        return MDL_BOUNDARY_BITS;
    return bitmap_bytes(count) + 4 * c.used < 4 * count ? MDL_BOUNDARY_SPARSE : MDL_BOUNDARY_DENSE;
}

static size_t size_of(uint8_t form, size_t used, size_t count) {
    switch (form) {
    case MDL_BOUNDARY_NOTHING:
        return 1;
    case MDL_BOUNDARY_BITS:
        return 1 + bitmap_bytes(count) + bitmap_bytes(used);
    case MDL_BOUNDARY_SPARSE:
        return 1 + bitmap_bytes(count) + 4 * used;
    default:
        return 1 + 4 * count;
    }
}

static void put_f32(uint8_t *at, uint32_t bits) {
    for (int k = 0; k < 4; k++)
        at[k] = (uint8_t)(bits >> (8 * k));
}

static uint32_t get_f32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

size_t mdl_boundary_pack(const float *value, size_t count, uint8_t *out) {
    content c = look(value, count);
    uint8_t form = form_of(c, count), *map = out + 1, *rest = map + bitmap_bytes(count);
    size_t size = size_of(form, c.used, count), n = 0;
    out[0] = form;
    if (form == MDL_BOUNDARY_BITS || form == MDL_BOUNDARY_SPARSE)
        memset(map, 0, form == MDL_BOUNDARY_BITS ? size - 1 : bitmap_bytes(count));
    for (size_t i = 0; form != MDL_BOUNDARY_NOTHING && i < count; i++) {
        uint32_t bits = mdl_float_bits(value[i]);
        if (form == MDL_BOUNDARY_DENSE) {
            put_f32(map + 4 * i, bits);
            continue;
        }
        if (bits == 0)
            continue;
        map[i / 8] |= (uint8_t)(1u << (i % 8));
        if (form == MDL_BOUNDARY_SPARSE)
            put_f32(rest + 4 * n, bits);
        else if (bits >> 31)
            rest[n / 8] |= (uint8_t)(1u << (n % 8));
        n++;
    }
    return size;
}

/* Bits beyond the last are 0. */
static int clean(const uint8_t *map, size_t bits) { return bits % 8 == 0 || map[bits / 8] >> (bits % 8) == 0; }

static size_t count_bits(const uint8_t *map, size_t bytes) {
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        for (uint32_t b = map[i]; b != 0; b &= b - 1)
            n++;
    return n;
}

static int allowed(const mdl_activity_rule *rule, float x) {
    if (rule->trinary)
        return x == 0.0f || x == 1.0f || x == -1.0f;
    return mdl_absf(x) <= rule->most; /* also refuses NaN */
}

mdl_err mdl_boundary_unpack(const uint8_t *bytes, size_t size, size_t count, const mdl_activity_rule *rule, float *out,
                            size_t *used) {
    if (size < 1)
        return MDL_ESIZE;
    uint8_t form = bytes[0];
    const uint8_t *map = bytes + 1, *rest = map + bitmap_bytes(count);
    if (form > MDL_BOUNDARY_DENSE)
        return MDL_ESYNTAX;
    int mapped = form == MDL_BOUNDARY_BITS || form == MDL_BOUNDARY_SPARSE;
    content c = {0, form == MDL_BOUNDARY_BITS};
    if (mapped && size - 1 < bitmap_bytes(count))
        return MDL_ESIZE;
    if (mapped) {
        if (!clean(map, count))
            return MDL_ESYNTAX;
        c.used = count_bits(map, bitmap_bytes(count));
    }
    *used = size_of(form, c.used, count);
    if (size < *used)
        return MDL_ESIZE;
    if (form == MDL_BOUNDARY_BITS && !clean(rest, c.used))
        return MDL_ESYNTAX;
    content found = {0, 1};
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        if (form == MDL_BOUNDARY_DENSE) {
            bits = get_f32(map + 4 * i);
        } else if (mapped && map[i / 8] >> (i % 8) & 1) {
            bits = form == MDL_BOUNDARY_SPARSE ? get_f32(rest + 4 * n)
                                               : (uint32_t)ONE | (uint32_t)(rest[n / 8] >> (n % 8) & 1) << 31;
            if (bits == 0) /* the map says that it is not */
                return MDL_ESYNTAX;
            n++;
        }
        float x = mdl_bits_float(bits);
        if (bits != 0 && !allowed(rule, x))
            return MDL_ERANGE;
        found.used += bits != 0;
        found.bits &= bits == 0 || (bits & 0x7fffffffu) == (uint32_t)ONE;
        if (out)
            out[i] = x;
    }
    return form_of(found, count) == form ? MDL_OK : MDL_ESYNTAX;
}
