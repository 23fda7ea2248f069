/* Memory for core, and bytes gathered from a sink. */
#ifndef MDL_RUNTIME_MEMORY_H
#define MDL_RUNTIME_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

/* `size` bytes aligned to MDL_ALIGN, to be free()d; NULL when out of memory. */
void *mdl_aligned(size_t size);

/* A sink that grows. Start with all zero; free(bytes). */
typedef struct mdl_buffer {
    uint8_t *bytes;
    size_t size, capacity;
    int failed; /* out of memory: what came later is missing */
} mdl_buffer;

/* Points at `b`, which must outlive it. */
mdl_sink mdl_buffer_sink(mdl_buffer *b);

#endif
