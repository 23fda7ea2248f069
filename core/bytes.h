/* Canonical bytes: little-endian, no padding, floats as their IEEE-754 bits.
 * Writers push to a sink, which the caller hashes, counts or stores; readers
 * take (pointer, length) and never read past it. SPEC section 2. */
#ifndef MDL_CORE_BYTES_H
#define MDL_CORE_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Where canonical bytes go. `write` may not fail: a sink that can (a file)
 * remembers its error in `ctx`. */
typedef struct mdl_sink {
    void (*write)(void *ctx, const void *bytes, size_t size);
    void *ctx;
} mdl_sink;

void mdl_put_bytes(const mdl_sink *sink, const void *bytes, size_t size);
void mdl_put_u8(const mdl_sink *sink, uint8_t v);
void mdl_put_u32(const mdl_sink *sink, uint32_t v);
void mdl_put_u64(const mdl_sink *sink, uint64_t v);
void mdl_put_i64(const mdl_sink *sink, int64_t v);
void mdl_put_f32(const mdl_sink *sink, float v);
void mdl_put_f64(const mdl_sink *sink, double v);
void mdl_put_f32s(const mdl_sink *sink, const float *v, size_t count);
/* A sink's `write` into memory that is large enough: `ctx` is a uint8_t **, which moves on. */
void mdl_put_forward(void *ctx, const void *bytes, size_t size);

/* A cursor over received bytes. The first short read sets `bad`; every later
 * read then returns zeros, so callers may check once at the end. */
typedef struct mdl_reader {
    const uint8_t *at;
    size_t left;
    int bad;
} mdl_reader;

void mdl_get_bytes(mdl_reader *r, void *out, size_t size);
uint8_t mdl_get_u8(mdl_reader *r);
uint32_t mdl_get_u32(mdl_reader *r);
uint64_t mdl_get_u64(mdl_reader *r);
int64_t mdl_get_i64(mdl_reader *r);
/* A NaN or infinity sets `bad` too: no valid state holds one. */
float mdl_get_f32(mdl_reader *r);
double mdl_get_f64(mdl_reader *r);
void mdl_get_f32s(mdl_reader *r, float *out, size_t count);

#endif
