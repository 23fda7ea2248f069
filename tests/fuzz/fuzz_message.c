/* Payloads. The type's name, then the payload or, from a comma on, what follows a
 * right head. What decodes is encoded to the same bytes, in exactly the room it
 * needs and within the size that the table promises. */
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

/* The type whose name these bytes are, or MDL_MSG_COUNT. */
static mdl_message_type type_of(const uint8_t *name, size_t size) {
    int type = 0;
    while (type < MDL_MSG_COUNT && (strlen(mdl_message_name((mdl_message_type)type)) != size ||
                                    memcmp(mdl_message_name((mdl_message_type)type), name, size) != 0))
        type++;
    return (mdl_message_type)type;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t name = 0;
    while (name < size && data[name] != '{' && data[name] != ',')
        name++;
    if (name == 0 || name == size)
        return 0;
    mdl_message_type type = type_of(data, name);
    if (type == MDL_MSG_COUNT)
        return 0;
    int headless = data[name] == ',';
    size_t before = headless ? sizeof head - 1 : 0, whole = before + size - name;
    uint8_t *payload = malloc(whole);
    MDL_ASSERT(payload);
    memcpy(payload, head, before);
    memcpy(payload + before, data + name, size - name);
    check(type, payload, whole);
    free(payload);
    return 0;
}
