#include "protocol/key_change.h"

#include <sodium.h>
#include <string.h>

#include "protocol/base64.h"

static const char domain[] = "modulon key change v1";
enum { DOMAIN = sizeof domain - 1, SIGNED = DOMAIN + 1 + 3 * 32 };

mdl_key_change mdl_key_change_of(const char *action) {
    return strcmp(action, "rotate") == 0   ? MDL_KEY_ROTATE
           : strcmp(action, "revoke") == 0 ? MDL_KEY_REVOKE
                                           : MDL_KEY_NONE;
}

static void lay_out(mdl_key_change kind, const uint8_t *experiment, const uint8_t *key, const uint8_t *other,
                    uint8_t out[SIGNED]) {
    memcpy(out, domain, DOMAIN);
    out[DOMAIN] = (uint8_t)kind;
    memcpy(out + DOMAIN + 1, experiment, 32);
    memcpy(out + DOMAIN + 33, key, 32);
    memcpy(out + DOMAIN + 65, other, 32);
}

int mdl_key_change_is(const char *reason) {
    uint8_t bytes[MDL_KEY_BYTES + MDL_SIGNATURE_BYTES];
    return strlen(reason) == MDL_KEY_CHANGE_TEXT &&
           mdl_base64_exact(mdl_text_of(reason), bytes, sizeof bytes) == MDL_OK;
}

void mdl_key_change_make(mdl_key_change kind, const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                         const uint8_t other[MDL_KEY_BYTES], const uint8_t secret[MDL_SECRET_BYTES],
                         char out[MDL_KEY_CHANGE_TEXT + 1]) {
    uint8_t bytes[MDL_KEY_BYTES + MDL_SIGNATURE_BYTES], text[SIGNED];
    lay_out(kind, experiment, key, other, text);
    memcpy(bytes, other, MDL_KEY_BYTES);
    crypto_sign_detached(bytes + MDL_KEY_BYTES, NULL, text, sizeof text, secret);
    mdl_text_out w = {out, MDL_KEY_CHANGE_TEXT, 0};
    mdl_base64_put(&w, bytes, sizeof bytes);
    out[MDL_KEY_CHANGE_TEXT] = 0;
}

mdl_err mdl_key_change_check(mdl_key_change kind, const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                             const char *text, uint8_t other[MDL_KEY_BYTES]) {
    uint8_t bytes[MDL_KEY_BYTES + MDL_SIGNATURE_BYTES], laid[SIGNED];
    memset(other, 0, MDL_KEY_BYTES);
    if (strlen(text) != MDL_KEY_CHANGE_TEXT || mdl_base64_exact(mdl_text_of(text), bytes, sizeof bytes) != MDL_OK) {
        return MDL_ESYNTAX;
    }
    if (kind == MDL_KEY_ROTATE && memcmp(bytes, key, MDL_KEY_BYTES) == 0) {
        return MDL_EMISMATCH;
    }
    if (mdl_key_check(bytes) != MDL_OK) {
        return MDL_EWEAKKEY;
    }
    lay_out(kind, experiment, key, bytes, laid);
    if (crypto_sign_verify_detached(bytes + MDL_KEY_BYTES, laid, sizeof laid, kind == MDL_KEY_ROTATE ? key : bytes)) {
        return MDL_ESIGNATURE;
    }
    memcpy(other, bytes, MDL_KEY_BYTES);
    return MDL_OK;
}
