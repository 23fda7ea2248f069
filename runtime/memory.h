/* Memory for core. */
#ifndef MDL_RUNTIME_MEMORY_H
#define MDL_RUNTIME_MEMORY_H

#include <stddef.h>

#include "core/life.h"

/* `size` bytes aligned to MDL_ALIGN, to be free()d; NULL when out of memory. */
void *mdl_aligned(size_t size);

/* A life in one shard with memory of its own, to be free()d; with `first`, beside it (core/life.h): for one more
 * thread. NULL when out of memory. */
mdl_life *mdl_life_new(const mdl_experiment *x, const mdl_life *first);

#endif
