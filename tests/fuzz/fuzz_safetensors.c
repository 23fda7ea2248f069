/* Safetensors: whatever is read is written and read again with the same names,
 * shapes, bytes and metadata. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct buffer {
    uint8_t *bytes;
    size_t size;
} buffer;

static void buffer_write(void *ctx, const void *bytes, size_t size) {
    buffer *b = ctx;
    uint8_t *larger = realloc(b->bytes, b->size + size + 1);
    MDL_ASSERT(larger);
    memcpy(larger + b->size, bytes, size);
    b->bytes = larger;
    b->size += size;
}

static void compare(const mdl_safetensors *a, const mdl_safetensors *b) {
    MDL_ASSERT(a->count == b->count && a->metadata_count == b->metadata_count);
    for (uint32_t i = 0; i < a->count; i++) {
        const mdl_tensor *t = &a->tensor[i], *u = mdl_safetensors_find(b, t->name);
        MDL_ASSERT(u && u->dtype == t->dtype && u->rank == t->rank && u->size_bytes == t->size_bytes);
        MDL_ASSERT(memcmp(u->shape, t->shape, sizeof t->shape) == 0);
        MDL_ASSERT(memcmp(u->bytes, t->bytes, (size_t)t->size_bytes) == 0);
    }
    for (uint32_t i = 0; i < a->metadata_count; i++) {
        const char *value = mdl_safetensors_metadata(b, a->metadata[i].key);
        MDL_ASSERT(value && strcmp(value, a->metadata[i].value) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_safetensors s, back;
    if (mdl_safetensors_read(data, size, &s) != MDL_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < s.count; i++) {
        void *values = malloc((size_t)s.tensor[i].size_bytes + 1);
        MDL_ASSERT(values);
        mdl_tensor_values(&s.tensor[i], values);
        s.tensor[i].values = values;
    }
    buffer b = {NULL, 0};
    mdl_sink sink = {buffer_write, &b};
    mdl_err e = mdl_safetensors_write(s.tensor, s.count, s.metadata, s.metadata_count, &sink);
    /* Our header may be longer than the one read. */
    MDL_ASSERT(e == MDL_OK || (e == MDL_ESIZE && size > MDL_SAFETENSORS_HEADER_MAX / 16));
    if (e == MDL_OK) {
        MDL_ASSERT(mdl_safetensors_read(b.bytes, b.size, &back) == MDL_OK);
        compare(&s, &back);
        mdl_safetensors_close(&back);
    }
    for (uint32_t i = 0; i < s.count; i++) {
        free((void *)(uintptr_t)s.tensor[i].values);
    }
    free(b.bytes);
    mdl_safetensors_close(&s);
    return 0;
}
