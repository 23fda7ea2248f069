/* Payloads. The first byte chooses the type; the rest is the payload, or, when it
 * does not begin as one, what follows a right head. What decodes is encoded to
 * the same bytes, in exactly the room it needs and within the size that the
 * table promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char head[] = "{\"experiment\":\"0000000000000000000000000000000000000000000000000000000000000000\","
                           "\"session\":\"00000000000000000000000000000000\",\"seq\":\"0\"";

static void check(mdl_message_type type, const uint8_t *payload, size_t size) {
    static mdl_message m;
    static uint64_t list[MDL_LIST_MAX];
    const mdl_field *fault = NULL;
    size_t again_size = 0;
    if (mdl_message_decode(type, payload, size, (mdl_list_room){list, MDL_LIST_MAX}, &m, &fault) != MDL_OK) {
        return;
    }
    MDL_ASSERT(size <= mdl_message_size_max(type));
    uint8_t *again = malloc(size);
    MDL_ASSERT(again);
    MDL_ASSERT(mdl_message_encode(&m, again, size, &again_size, &fault) == MDL_OK);
    MDL_ASSERT(again_size == size && memcmp(again, payload, size) == 0);
    MDL_ASSERT(mdl_message_encode(&m, again, size - 1, &again_size, &fault) == MDL_ESIZE);
    free(again);
    uint8_t digest[MDL_DIGEST_BYTES];
    uint64_t blob_size;
    mdl_message_blob(&m, digest, &blob_size);
    MDL_ASSERT(blob_size <= MDL_FRAME_BLOB_MAX);
    mdl_err shape = mdl_message_shape(&m);
    MDL_ASSERT(shape == MDL_OK || shape == MDL_EMISMATCH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    mdl_message_type type = (mdl_message_type)(data[0] % MDL_MSG_COUNT);
    if (data[1] == '{') {
        check(type, data + 1, size - 1);
        return 0;
    }
    size_t whole = sizeof head - 1 + size - 1;
    uint8_t *payload = malloc(whole);
    MDL_ASSERT(payload);
    memcpy(payload, head, sizeof head - 1);
    memcpy(payload + sizeof head - 1, data + 1, size - 1);
    check(type, payload, whole);
    free(payload);
    return 0;
}
