/* Fraud proofs: what parses, prints to the same bytes; verifying survives, and convicts no log with a key that nobody
 * has the secret of. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/fraud.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_fraud f;
    mdl_fraud_finding v;
    if (mdl_fraud_parse((mdl_text){(const char *)data, size}, &f) != MDL_OK) {
        return 0;
    }
    char *room = malloc(size);
    mdl_text_out out = {room, size, 0};
    MDL_ASSERT(room != NULL);
    mdl_fraud_put(&f, &out);
    MDL_ASSERT(out.size == size && memcmp(room, data, size) == 0);
    free(room);
    mdl_fraud_verify(&f, NULL, &v);
    MDL_ASSERT(memchr(v.text, 0, sizeof v.text) != NULL);
    uint8_t base[32];
    mdl_vkey log;
    memset(base, 0x66, sizeof base);
    base[0] = 0x58;
    MDL_ASSERT(mdl_vkey_make(mdl_text_of("nobody"), MDL_NOTE_TYPE_ED25519, base, &log) == MDL_OK);
    mdl_fraud_verify(&f, &log, &v);
    MDL_ASSERT(v.verdict == MDL_FRAUD_FALSE || f.kind == MDL_FRAUD_EQUIVOCATION);
    return 0;
}
