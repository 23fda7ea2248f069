#include "runtime/memory.h"

#include <stdlib.h>

#include "core/arena.h"

void *mdl_aligned(size_t size) {
    if (size > SIZE_MAX - MDL_ALIGN)
        return NULL;
    return aligned_alloc(MDL_ALIGN, size / MDL_ALIGN * MDL_ALIGN + MDL_ALIGN);
}
