#include "protocol/schema.h"

#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/base64.h"

/* Fields are reached through memcpy: offsets are bytes, and members of any type
 * may be read and written as bytes. */
static const uint8_t *at_offset(const void *body, const mdl_field *f) { return (const uint8_t *)body + f->offset; }

static int in_u64(const mdl_field *f, uint64_t v) { return v >= f->lo && v <= f->hi; }
static int in_i64(const mdl_field *f, int64_t v) { return v >= (int64_t)f->lo && v <= (int64_t)f->hi; }
static int is_fitness(int64_t v) { return v >= -MDL_FITNESS_ABS_MAX && v <= MDL_FITNESS_ABS_MAX; }

static void print_quoted_u64(mdl_print *p, uint64_t v) {
    mdl_print_literal(p, "\"");
    mdl_print_u64(p, v);
    mdl_print_literal(p, "\"");
}

static void print_quoted_i64(mdl_print *p, int64_t v) {
    mdl_print_literal(p, "\"");
    mdl_print_i64(p, v);
    mdl_print_literal(p, "\"");
}

static mdl_err encode_text(const mdl_field *f, const uint8_t *at, mdl_print *out) {
    const uint8_t *end = memchr(at, 0, (size_t)f->hi + 1);
    if (!end || !in_u64(f, (uint64_t)(end - at))) {
        return MDL_ERANGE;
    }
    return mdl_print_text(out, (const char *)at, f->kind == MDL_KIND_NOTE) ? MDL_OK : MDL_ERANGE;
}

static mdl_err encode_fitnesses(const mdl_field *f, const uint8_t *at, mdl_print *out) {
    mdl_i64_list list;
    memcpy(&list, at, sizeof list);
    if (!in_u64(f, list.count)) {
        return MDL_ERANGE;
    }
    mdl_print_literal(out, "[");
    for (uint32_t i = 0; i < list.count; i++) {
        if (!is_fitness(list.at[i])) {
            return MDL_ERANGE;
        }
        mdl_print_literal(out, i > 0 ? "," : "");
        print_quoted_i64(out, list.at[i]);
    }
    mdl_print_literal(out, "]");
    return MDL_OK;
}

static mdl_err encode_indices(const mdl_field *f, const uint8_t *at, mdl_print *out) {
    mdl_u64_list list;
    memcpy(&list, at, sizeof list);
    if (!in_u64(f, list.count)) {
        return MDL_ERANGE;
    }
    mdl_print_literal(out, "[");
    for (uint32_t i = 0; i < list.count; i++) {
        if (list.at[i] > MDL_RECORD_INDEX_MAX) {
            return MDL_ERANGE;
        }
        mdl_print_literal(out, i > 0 ? "," : "");
        print_quoted_u64(out, list.at[i]);
    }
    mdl_print_literal(out, "]");
    return MDL_OK;
}

/* ---- segments ---- */

void mdl_segments_get(mdl_segments list, uint32_t i, uint8_t segment[32], uint64_t *updates) {
    uint8_t bytes[MDL_SEGMENT_BYTES];
    MDL_ASSERT(i < list.count);
    mdl_text text = {list.at + (size_t)MDL_SEGMENT_CHARS * i, MDL_SEGMENT_CHARS};
    mdl_err err = mdl_base64_exact(text, bytes, sizeof bytes);
    MDL_ASSERT(err == MDL_OK); /* it decoded, or is ours */
    memcpy(segment, bytes, 32);
    *updates = 0;
    for (int k = 0; k < 8; k++) {
        *updates |= (uint64_t)bytes[32 + k] << 8 * k;
    }
}

void mdl_segments_put(char *at, uint32_t i, const uint8_t segment[32], uint64_t updates) {
    uint8_t bytes[MDL_SEGMENT_BYTES];
    mdl_text_out out = {at + (size_t)MDL_SEGMENT_CHARS * i, MDL_SEGMENT_CHARS, 0};
    memcpy(bytes, segment, 32);
    for (int k = 0; k < 8; k++) {
        bytes[32 + k] = (uint8_t)(updates >> 8 * k);
    }
    mdl_base64_put(&out, bytes, sizeof bytes);
}

static mdl_err encode_segments(const mdl_field *f, const uint8_t *at, mdl_print *out) {
    mdl_segments list;
    memcpy(&list, at, sizeof list);
    if (!in_u64(f, list.count)) {
        return MDL_ERANGE;
    }
    mdl_print_literal(out, "\"");
    mdl_print_bytes(out, list.at, (size_t)MDL_SEGMENT_CHARS * list.count);
    mdl_print_literal(out, "\"");
    return MDL_OK;
}

/* The text stays where it is. */
static mdl_err decode_segments(const mdl_field *f, mdl_scan *in, uint8_t *at) {
    mdl_segments list = {0, NULL};
    uint8_t bytes[MDL_SEGMENT_BYTES];
    if (!mdl_scan_char(in, '"')) {
        return MDL_ETYPE;
    }
    list.at = (const char *)in->at;
    while (!mdl_scan_char(in, '"')) {
        mdl_text text = {(const char *)in->at, MDL_SEGMENT_CHARS};
        if (in->end - in->at < MDL_SEGMENT_CHARS || mdl_base64_exact(text, bytes, sizeof bytes) != MDL_OK) {
            return MDL_ESYNTAX;
        }
        if (list.count == f->hi) {
            return MDL_ERANGE;
        }
        in->at += MDL_SEGMENT_CHARS;
        list.count++;
    }
    memcpy(at, &list, sizeof list);
    return in_u64(f, list.count) ? MDL_OK : MDL_ERANGE;
}

static mdl_err encode_value(const mdl_field *f, const void *body, mdl_print *out) {
    const uint8_t *at = at_offset(body, f);
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
    switch (f->kind) {
    case MDL_KIND_U32:
        memcpy(&u32, at, sizeof u32);
        mdl_print_u64(out, u32);
        return in_u64(f, u32) ? MDL_OK : MDL_ERANGE;
    case MDL_KIND_U64:
        memcpy(&u64, at, sizeof u64);
        print_quoted_u64(out, u64);
        return in_u64(f, u64) ? MDL_OK : MDL_ERANGE;
    case MDL_KIND_I64:
        memcpy(&i64, at, sizeof i64);
        print_quoted_i64(out, i64);
        return in_i64(f, i64) ? MDL_OK : MDL_ERANGE;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
    case MDL_KIND_CARRIED:
        mdl_print_literal(out, "\"");
        mdl_print_hex(out, at, (size_t)f->hi);
        mdl_print_literal(out, "\"");
        return MDL_OK;
    case MDL_KIND_TEXT:
    case MDL_KIND_NOTE:
        return encode_text(f, at, out);
    case MDL_KIND_FITNESSES:
        return encode_fitnesses(f, at, out);
    case MDL_KIND_INDICES:
        return encode_indices(f, at, out);
    case MDL_KIND_SEGMENTS:
        return encode_segments(f, at, out);
    }
    MDL_ASSERT(0);
    return MDL_ETYPE;
}

mdl_err mdl_fields_encode(const mdl_field *field, size_t count, const void *body, mdl_print *out,
                          const mdl_field **fault) {
    for (size_t i = 0; i < count; i++) {
        mdl_print_literal(out, i > 0 ? ",\"" : "\"");
        mdl_print_literal(out, field[i].name);
        mdl_print_literal(out, "\":");
        mdl_err err = encode_value(&field[i], body, out);
        if (err != MDL_OK) {
            if (fault) {
                *fault = &field[i];
            }
            return err;
        }
    }
    return MDL_OK;
}

static mdl_err decode_quoted_u64(mdl_scan *in, uint64_t *out) {
    if (!mdl_scan_char(in, '"')) {
        return MDL_ETYPE;
    }
    return mdl_scan_u64(in, out) && mdl_scan_char(in, '"') ? MDL_OK : MDL_ESYNTAX;
}

static mdl_err decode_quoted_i64(mdl_scan *in, int64_t *out) {
    if (!mdl_scan_char(in, '"')) {
        return MDL_ETYPE;
    }
    return mdl_scan_i64(in, out) && mdl_scan_char(in, '"') ? MDL_OK : MDL_ESYNTAX;
}

static mdl_err decode_u32(const mdl_field *f, mdl_scan *in, uint8_t *at) {
    int next = mdl_scan_peek(in);
    uint64_t v;
    if (next < '0' || next > '9') {
        return MDL_ETYPE;
    }
    if (!mdl_scan_u64(in, &v)) {
        return MDL_ESYNTAX;
    }
    if (!in_u64(f, v)) {
        return MDL_ERANGE;
    }
    uint32_t u32 = (uint32_t)v;
    memcpy(at, &u32, sizeof u32);
    return MDL_OK;
}

static mdl_err decode_text(const mdl_field *f, mdl_scan *in, uint8_t *at) {
    if (!mdl_scan_char(in, '"')) {
        return MDL_ETYPE;
    }
    long length = mdl_scan_text(in, (char *)at, (size_t)f->hi, f->kind == MDL_KIND_NOTE);
    return length == -1 ? MDL_ESYNTAX : length < 0 || !in_u64(f, (uint64_t)length) ? MDL_ERANGE : MDL_OK;
}

/* Both kinds of lists: elements are 8 bytes in `room`, read through a pointer of
 * the signed or unsigned type. */
static mdl_err decode_list(const mdl_field *f, mdl_scan *in, mdl_list_room room, uint32_t *count) {
    *count = 0;
    if (!mdl_scan_char(in, '[')) {
        return MDL_ETYPE;
    }
    while (!mdl_scan_char(in, ']')) {
        if (*count > 0 && !mdl_scan_char(in, ',')) {
            return MDL_ESYNTAX;
        }
        if (*count == f->hi) {
            return MDL_ERANGE;
        }
        if (*count == room.max) {
            return MDL_ESIZE;
        }
        uint64_t u = 0;
        int64_t v = 0;
        int is_signed = f->kind == MDL_KIND_FITNESSES;
        mdl_err err = is_signed ? decode_quoted_i64(in, &v) : decode_quoted_u64(in, &u);
        if (err != MDL_OK) {
            return err;
        }
        if (is_signed ? !is_fitness(v) : u > MDL_RECORD_INDEX_MAX) {
            return MDL_ERANGE;
        }
        room.at[(*count)++] = is_signed ? (uint64_t)v : u;
    }
    return in_u64(f, *count) ? MDL_OK : MDL_ERANGE;
}

static mdl_err decode_value(const mdl_field *f, mdl_scan *in, uint8_t *at, mdl_list_room room) {
    mdl_err err;
    uint64_t u64;
    int64_t i64;
    uint32_t count;
    switch (f->kind) {
    case MDL_KIND_U32:
        return decode_u32(f, in, at);
    case MDL_KIND_U64:
        err = decode_quoted_u64(in, &u64);
        if (err != MDL_OK) {
            return err;
        }
        memcpy(at, &u64, sizeof u64);
        return in_u64(f, u64) ? MDL_OK : MDL_ERANGE;
    case MDL_KIND_I64:
        err = decode_quoted_i64(in, &i64);
        if (err != MDL_OK) {
            return err;
        }
        memcpy(at, &i64, sizeof i64);
        return in_i64(f, i64) ? MDL_OK : MDL_ERANGE;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
    case MDL_KIND_CARRIED:
        if (!mdl_scan_char(in, '"')) {
            return MDL_ETYPE;
        }
        return mdl_scan_hex(in, at, (size_t)f->hi) && mdl_scan_char(in, '"') ? MDL_OK : MDL_ESYNTAX;
    case MDL_KIND_TEXT:
    case MDL_KIND_NOTE:
        return decode_text(f, in, at);
    case MDL_KIND_FITNESSES:
        err = decode_list(f, in, room, &count);
        if (err == MDL_OK) {
            mdl_i64_list list = {count, (const int64_t *)room.at};
            memcpy(at, &list, sizeof list);
        }
        return err;
    case MDL_KIND_INDICES:
        err = decode_list(f, in, room, &count);
        if (err == MDL_OK) {
            mdl_u64_list list = {count, room.at};
            memcpy(at, &list, sizeof list);
        }
        return err;
    case MDL_KIND_SEGMENTS:
        return decode_segments(f, in, at);
    }
    MDL_ASSERT(0);
    return MDL_ETYPE;
}

static mdl_err decode_field(const mdl_field *f, int first, mdl_scan *in, uint8_t *at, mdl_list_room room) {
    if (!first && !mdl_scan_char(in, ',')) {
        return MDL_ESYNTAX;
    }
    if (!mdl_scan_char(in, '"')) {
        return MDL_ESYNTAX;
    }
    if (!mdl_scan_literal(in, f->name) || !mdl_scan_char(in, '"')) {
        return MDL_EKEY;
    }
    return mdl_scan_char(in, ':') ? decode_value(f, in, at, room) : MDL_ESYNTAX;
}

mdl_err mdl_fields_decode(const mdl_field *field, size_t count, mdl_scan *in, void *body, mdl_list_room room,
                          const mdl_field **fault) {
    for (size_t i = 0; i < count; i++) {
        mdl_err err = decode_field(&field[i], i == 0, in, (uint8_t *)body + field[i].offset, room);
        if (err != MDL_OK) {
            if (fault) {
                *fault = &field[i];
            }
            return err;
        }
    }
    return MDL_OK;
}

static size_t value_size_max(const mdl_field *f) {
    size_t hi = (size_t)f->hi;
    switch (f->kind) {
    case MDL_KIND_U32:
        return 10;
    case MDL_KIND_U64:
    case MDL_KIND_I64:
        return 2 + 20;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
    case MDL_KIND_CARRIED:
    case MDL_KIND_TEXT:
    case MDL_KIND_NOTE:
        return 2 + 2 * hi; /* two digits a byte; every byte escaped */
    case MDL_KIND_FITNESSES:
        return 2 + hi * (3 + 17);
    case MDL_KIND_INDICES:
        return 2 + hi * (3 + 19);
    case MDL_KIND_SEGMENTS:
        return 2 + hi * MDL_SEGMENT_CHARS;
    }
    MDL_ASSERT(0);
    return 0;
}

size_t mdl_fields_size_max(const mdl_field *field, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += 4 + strlen(field[i].name) + value_size_max(&field[i]); /* ,"": */
    }
    return size;
}

static void write_limits(const mdl_field *f, char *out, size_t size) {
    switch (f->kind) {
    case MDL_KIND_I64:
        if (f->lo == (uint64_t)INT64_MIN && f->hi == (uint64_t)INT64_MAX) {
            snprintf(out, size, "any");
        } else {
            snprintf(out, size, "%lld..%lld", (long long)(int64_t)f->lo, (long long)(int64_t)f->hi);
        }
        return;
    case MDL_KIND_U32:
    case MDL_KIND_U64:
        if (f->lo == 0 && f->hi == (f->kind == MDL_KIND_U32 ? UINT32_MAX : UINT64_MAX)) {
            snprintf(out, size, "any");
        } else {
            snprintf(out, size, "%llu..%llu", (unsigned long long)f->lo, (unsigned long long)f->hi);
        }
        return;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
    case MDL_KIND_CARRIED:
        snprintf(out, size, "%llu bytes", (unsigned long long)f->hi);
        return;
    case MDL_KIND_TEXT:
    case MDL_KIND_NOTE:
        snprintf(out, size, "%llu..%llu bytes", (unsigned long long)f->lo, (unsigned long long)f->hi);
        return;
    case MDL_KIND_FITNESSES:
    case MDL_KIND_INDICES:
    case MDL_KIND_SEGMENTS:
        snprintf(out, size, "%llu..%llu elements", (unsigned long long)f->lo, (unsigned long long)f->hi);
        return;
    }
}

void mdl_fields_write_reference(const mdl_field *field, size_t count, const mdl_sink *sink) {
#define X(name, text) text,
    static const char *const kind[] = {MDL_KIND_MAP(X)};
#undef X
    for (size_t i = 0; i < count; i++) {
        char limits[64], line[512];
        write_limits(&field[i], limits, sizeof limits);
        int length = snprintf(line, sizeof line, "| `%s` | %s | %s | %s |\n", field[i].name, kind[field[i].kind],
                              limits, field[i].text);
        MDL_ASSERT(length > 0 && (size_t)length < sizeof line);
        mdl_put_bytes(sink, line, (size_t)length);
    }
}
