/* Where a saved state goes. More than fits is a bug. */
#ifndef MDL_TESTS_FUZZ_BUFFER_H
#define MDL_TESTS_FUZZ_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/assert.h"

enum { BUFFER_MAX = 1 << 14 };

typedef struct buffer {
    uint8_t at[BUFFER_MAX];
    size_t size;
} buffer;

/* As mdl_sink wants it. */
static inline void buffer_write(void *ctx, const void *bytes, size_t size) {
    buffer *b = ctx;
    MDL_ASSERT(size <= BUFFER_MAX - b->size);
    memcpy(b->at + b->size, bytes, size);
    b->size += size;
}

#endif
