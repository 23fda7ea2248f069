/* Where tests put what is written to a sink: bytes that grow. */
#ifndef MDL_TESTS_SUPPORT_BYTEBUF_H
#define MDL_TESTS_SUPPORT_BYTEBUF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"

/* Starts as zeros; whoever has it frees `.at`. */
typedef struct bytebuf {
    uint8_t *at;
    size_t size, room;
} bytebuf;

/* As mdl_sink wants it. */
static inline void bytebuf_write(void *ctx, const void *from, size_t size) {
    bytebuf *b = ctx;
    if (size == 0)
        return;
    if (b->size + size > b->room) {
        b->room = 2 * (b->size + size);
        b->at = realloc(b->at, b->room);
        assert_non_null(b->at);
    }
    memcpy(b->at + b->size, from, size);
    b->size += size;
}

static inline void assert_same_bytes(const bytebuf *a, const bytebuf *b) {
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->at, b->at, a->size);
}

#endif
