/* Memory for core. */
#ifndef MDL_RUNTIME_MEMORY_H
#define MDL_RUNTIME_MEMORY_H

#include <stddef.h>

/* `size` bytes aligned to MDL_ALIGN, to be free()d; NULL when out of memory. */
void *mdl_aligned(size_t size);

#endif
