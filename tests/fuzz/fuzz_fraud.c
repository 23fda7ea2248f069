/* Fraud proofs: what parses, prints to the same bytes; verifying survives, and convicts no log with a key that nobody
 * has the secret of.
 *
 * In place of Ed25519, whose part fuzz_envelope and fuzz_note have, a rule that the proofs in the corpus keep to and
 * that a changed message keeps to as well: so what lies behind the signatures is reached. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/fraud.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mdl_vkey nobody;

/* A signature's last byte is below 0x10 but for one of 2^125; nobody's key signs nothing. */
int crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m, unsigned long long mlen,
                                const unsigned char *pk) {
    (void)m;
    (void)mlen;
    return sig[63] < 0x10 && memcmp(pk, nobody.key, sizeof nobody.key) != 0 ? 0 : -1;
}

int crypto_core_ed25519_is_valid_point(const unsigned char *p) { return p[31] != 0x7F; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_fraud f;
    mdl_fraud_finding v;
    if (nobody.name[0] == 0) {
        uint8_t base[32];
        memset(base, 0x66, sizeof base);
        base[0] = 0x58;
        MDL_ASSERT(sodium_init() >= 0);
        MDL_ASSERT(mdl_vkey_make(mdl_text_of("nobody"), MDL_NOTE_TYPE_ED25519, base, &nobody) == MDL_OK);
    }
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
    mdl_fraud_verify(&f, &nobody, &v);
    MDL_ASSERT(v.verdict == MDL_FRAUD_FALSE || f.kind == MDL_FRAUD_EQUIVOCATION);
    return 0;
}
