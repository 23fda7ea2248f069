#include "protocol/grow.h"

#include <stdlib.h>
#include <string.h>

int mdl_list_grow(void *list, uint32_t *room, size_t count, size_t size) {
    if (count <= *room)
        return 1;
    size_t wanted = 2 * (size_t)*room;
    wanted = wanted < 16 ? 16 : wanted;
    wanted = wanted < count ? count : wanted;
    if (wanted > UINT32_MAX || wanted > SIZE_MAX / size)
        return 0;
    void *at;
    memcpy(&at, list, sizeof at);
    at = realloc(at, wanted * size);
    if (!at)
        return 0;
    memcpy(list, &at, sizeof at);
    *room = (uint32_t)wanted;
    return 1;
}

int mdl_list_grow_zeroed(void *list, uint32_t *room, size_t count, size_t size) {
    uint32_t was = *room;
    if (!mdl_list_grow(list, room, count, size))
        return 0;
    uint8_t *at;
    memcpy(&at, list, sizeof at);
    if (*room > was)
        memset(at + was * size, 0, (*room - was) * size);
    return 1;
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
