#define _DEFAULT_SOURCE 1 /* madvise */
#include "runtime/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "core/arena.h"

/* From LARGE on memory asks for pages of HUGE_PAGE bytes. */
enum { HUGE_PAGE = 1 << 21, LARGE = 4 << 20 };

void *mdl_aligned(size_t size) {
    if (size > SIZE_MAX - MDL_ALIGN)
        return NULL;
    if (size >= LARGE && size <= SIZE_MAX - HUGE_PAGE) {
        size_t whole = size / HUGE_PAGE * HUGE_PAGE + HUGE_PAGE;
        void *memory = aligned_alloc(HUGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
        if (memory)
            (void)madvise(memory, whole, MADV_HUGEPAGE); /* a refusal costs nothing but speed */
#endif
        return memory;
    }
    return aligned_alloc(MDL_ALIGN, size / MDL_ALIGN * MDL_ALIGN + MDL_ALIGN);
}

mdl_life *mdl_life_new(const mdl_experiment *x, const mdl_life *first) {
    void *memory = mdl_aligned(first ? mdl_life_beside_bytes(first) : mdl_life_bytes(x, 1));
    if (!memory)
        return NULL;
    return first ? mdl_life_beside(memory, first) : mdl_life_init(memory, x, 1, NULL); /* the first thing in it */
}
