#include "core/bytes.h"

#include <string.h>

void mdl_put_bytes(const mdl_sink *sink, const void *bytes, size_t size) { sink->write(sink->ctx, bytes, size); }

void mdl_put_u8(const mdl_sink *sink, uint8_t v) { mdl_put_bytes(sink, &v, 1); }

void mdl_put_u32(const mdl_sink *sink, uint32_t v) {
    uint8_t b[4];
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    mdl_put_bytes(sink, b, sizeof b);
}

void mdl_put_u64(const mdl_sink *sink, uint64_t v) {
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(v >> (8 * i));
    mdl_put_bytes(sink, b, sizeof b);
}

void mdl_put_i64(const mdl_sink *sink, int64_t v) { mdl_put_u64(sink, (uint64_t)v); }

void mdl_put_f32(const mdl_sink *sink, float v) {
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    mdl_put_u32(sink, u);
}

void mdl_put_f64(const mdl_sink *sink, double v) {
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    mdl_put_u64(sink, u);
}

void mdl_put_f32s(const mdl_sink *sink, const float *v, size_t count) {
    enum { CHUNK = 256 };
    uint8_t b[4 * CHUNK];
    while (count > 0) {
        size_t n = count < CHUNK ? count : CHUNK;
        for (size_t i = 0; i < n; i++) {
            uint32_t u;
            memcpy(&u, v + i, sizeof u);
            for (size_t k = 0; k < 4; k++)
                b[4 * i + k] = (uint8_t)(u >> (8 * k));
        }
        mdl_put_bytes(sink, b, 4 * n);
        v += n;
        count -= n;
    }
}

void mdl_put_forward(void *ctx, const void *bytes, size_t size) {
    uint8_t **at = ctx;
    if (size > 0)
        memcpy(*at, bytes, size);
    *at += size;
}

void mdl_get_bytes(mdl_reader *r, void *out, size_t size) {
    if (r->bad || size > r->left) {
        r->bad = 1;
        memset(out, 0, size);
        return;
    }
    memcpy(out, r->at, size);
    r->at += size;
    r->left -= size;
}

uint8_t mdl_get_u8(mdl_reader *r) {
    uint8_t v;
    mdl_get_bytes(r, &v, 1);
    return v;
}

uint32_t mdl_get_u32(mdl_reader *r) {
    uint8_t b[4];
    mdl_get_bytes(r, b, sizeof b);
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

uint64_t mdl_get_u64(mdl_reader *r) {
    uint64_t lo = mdl_get_u32(r);
    return lo | (uint64_t)mdl_get_u32(r) << 32;
}

int64_t mdl_get_i64(mdl_reader *r) { return (int64_t)mdl_get_u64(r); }

float mdl_get_f32(mdl_reader *r) {
    uint32_t u = mdl_get_u32(r);
    if ((u & 0x7f800000u) == 0x7f800000u) {
        r->bad = 1;
        u = 0;
    }
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

double mdl_get_f64(mdl_reader *r) {
    uint64_t u = mdl_get_u64(r);
    if ((u & 0x7ff0000000000000u) == 0x7ff0000000000000u) {
        r->bad = 1;
        u = 0;
    }
    double v;
    memcpy(&v, &u, sizeof v);
    return v;
}

void mdl_get_f32s(mdl_reader *r, float *out, size_t count) {
    for (size_t i = 0; i < count; i++)
        out[i] = mdl_get_f32(r);
}
