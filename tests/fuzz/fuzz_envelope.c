/* Envelopes: what is taken has the one form, printed here again from its parts
 * by other means; its PAE is that of the payload; the buffer suffices. */
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_form(const mdl_envelope *e, const uint8_t *data, size_t size) {
    static char text[MDL_ENVELOPE_BYTES_MAX + 1], payload[MDL_ENVELOPE_BYTES_MAX + 1], type[64];
    char key[2 * MDL_KEY_BYTES + 1], signature[89];
    sodium_bin2base64(payload, sizeof payload, e->payload, e->payload_size, sodium_base64_VARIANT_ORIGINAL);
    sodium_bin2base64(signature, sizeof signature, e->signature, sizeof e->signature, sodium_base64_VARIANT_ORIGINAL);
    sodium_bin2hex(key, sizeof key, e->key, sizeof e->key);
    snprintf(type, sizeof type, "application/vnd.modulon.%s.v1+json", e->name);
    int length =
        snprintf(text, sizeof text,
                 "{\"payloadType\":\"%s\",\"payload\":\"%s\",\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"%s\"}]}", type,
                 payload, key, signature);
    MDL_ASSERT(length > 0 && (size_t)length == size && memcmp(text, data, size) == 0);
    MDL_ASSERT(size == mdl_envelope_size(strlen(e->name), e->payload_size));

    length = snprintf(text, sizeof text, "DSSEv1 %zu %s %zu ", strlen(type), type, e->payload_size);
    MDL_ASSERT(e->pae_size == (size_t)length + e->payload_size && memcmp(e->pae, text, (size_t)length) == 0);
    MDL_ASSERT(e->payload == e->pae + length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_envelope e;
    uint8_t *buffer = malloc(size < MDL_PAE_BYTES_MAX ? size + 1 : MDL_PAE_BYTES_MAX);
    MDL_ASSERT(buffer);
    mdl_err err = mdl_envelope_decode(data, size, size < MDL_PAE_BYTES_MAX ? buffer + 1 : buffer, &e);
    MDL_ASSERT(err == MDL_OK || err == MDL_ESIZE || err == MDL_ESYNTAX);
    if (err == MDL_OK) {
        check_form(&e, data, size);
        err = mdl_envelope_verify(&e);
        MDL_ASSERT(err == MDL_OK || err == MDL_ESIGNATURE);
    }
    free(buffer);
    return 0;
}
