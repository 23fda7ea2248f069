#define _DEFAULT_SOURCE 1 /* madvise */
#include "runtime/memory.h"

#include <stdlib.h>
#include <string.h>
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

static void buffer_write(void *ctx, const void *bytes, size_t size) {
    mdl_buffer *b = ctx;
    if (b->failed || size == 0)
        return;
    if (size > b->capacity - b->size) {
        size_t capacity = b->capacity ? b->capacity : 256;
        while (capacity - b->size < size && capacity <= SIZE_MAX / 2)
            capacity *= 2;
        uint8_t *larger = capacity - b->size < size ? NULL : realloc(b->bytes, capacity);
        if (!larger) {
            b->failed = 1;
            return;
        }
        b->bytes = larger;
        b->capacity = capacity;
    }
    memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
}

mdl_sink mdl_buffer_sink(mdl_buffer *b) { return (mdl_sink){buffer_write, b}; }
