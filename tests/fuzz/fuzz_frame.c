/* Frames, down to the message as a coordinator or worker reads them: what is
 * taken is put together again to the same bytes, and its parts lie inside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(const mdl_frame *f) {
    static uint8_t buffer[MDL_PAE_BYTES_MAX];
    static uint64_t list[MDL_LIST_MAX];
    static mdl_message m;
    mdl_envelope e;
    uint8_t digest[MDL_DIGEST_BYTES];
    uint64_t blob_size;
    if (f->envelope_size == 0 || mdl_envelope_decode(f->envelope, f->envelope_size, buffer, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){list, MDL_LIST_MAX}, &m, NULL) != MDL_OK) {
        return;
    }
    mdl_message_blob(&m, digest, &blob_size);
    if (mdl_frame_check_blob(f, digest, blob_size) == MDL_OK) {
        MDL_ASSERT(f->blob_size == blob_size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_frame f, begun;
    size_t again_size = 0;
    int begins = mdl_frame_decode_begin(data, size, &begun) == MDL_OK;
    MDL_ASSERT(!begins || (begun.envelope + begun.envelope_size <= data + size && !begun.blob));
    MDL_ASSERT(begins == (mdl_frame_decode(data, size, &f) == MDL_OK && f.envelope_size > 0));
    if (mdl_frame_decode(data, size, &f) != MDL_OK) {
        return 0;
    }
    MDL_ASSERT(f.envelope == data + MDL_FRAME_HEAD_BYTES && f.blob == f.envelope + f.envelope_size);
    MDL_ASSERT(f.blob + f.blob_size == data + size);
    uint8_t *again = malloc(size);
    MDL_ASSERT(again);
    MDL_ASSERT(mdl_frame_encode(&f, again, size, &again_size) == MDL_OK);
    MDL_ASSERT(again_size == size && memcmp(again, data, size) == 0);
    free(again);
    check_message(&f);
    return 0;
}
