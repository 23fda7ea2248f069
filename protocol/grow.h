/* Lists and bytes that grow. */
#ifndef MDL_PROTOCOL_GROW_H
#define MDL_PROTOCOL_GROW_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

/* Room for `count` elements of `size` bytes in a list that has room for *room. `list` is the address of the
 * pointer to it (NULL and 0 at first), from malloc. It grows at least twofold, so many calls cost one a doubling.
 * 1; or 0 when there is no memory, and nothing has changed. What is new holds anything. */
int mdl_list_grow(void *list, uint32_t *room, size_t count, size_t size);
/* The same; what is new is zero. */
int mdl_list_grow_zeroed(void *list, uint32_t *room, size_t count, size_t size);

/* A sink that grows. Start with all zero; free(bytes). */
typedef struct mdl_buffer {
    uint8_t *bytes;
    size_t size, capacity;
    int failed; /* out of memory: what came later is missing */
} mdl_buffer;

/* Points at `b`, which must outlive it. */
mdl_sink mdl_buffer_sink(mdl_buffer *b);

#endif
