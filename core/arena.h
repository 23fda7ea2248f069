/* Memory comes from the caller in one block. The same layout code runs twice:
 * over an empty arena it only counts, over the caller's block it places. */
#ifndef MDL_CORE_ARENA_H
#define MDL_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "core/assert.h"

enum { MDL_ALIGN = 64 };

typedef struct mdl_arena {
    uint8_t *base; /* NULL: count only; else aligned to MDL_ALIGN */
    size_t used, size;
} mdl_arena;

/* `count` items of `item` bytes, aligned to MDL_ALIGN; NULL when counting. */
static inline void *mdl_arena_take(mdl_arena *a, size_t count, size_t item) {
    size_t at = a->used;
    MDL_ASSERT(item == 0 || count <= SIZE_MAX / 2 / item);
    a->used += (count * item + MDL_ALIGN - 1) / MDL_ALIGN * MDL_ALIGN;
    if (!a->base)
        return NULL;
    MDL_ASSERT(a->used <= a->size);
    return a->base + at;
}

#endif
