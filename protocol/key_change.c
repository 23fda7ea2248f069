#include "protocol/key_change.h"

#include <sodium.h>
#include <string.h>

#include "protocol/base64.h"

static const char domain[] = "modulon key change v1";
enum {
    DOMAIN = sizeof domain - 1,
    REST = 8 + 4, /* number, until */
    SIGNED = DOMAIN + 1 + 3 * 32 + REST,
    BYTES_MAX = MDL_KEY_BYTES + 2 * MDL_SIGNATURE_BYTES
};

mdl_key_change mdl_key_change_of(const char *action) {
    return strcmp(action, "rotate") == 0    ? MDL_KEY_ROTATE
           : strcmp(action, "revoke") == 0  ? MDL_KEY_REVOKE
           : strcmp(action, "session") == 0 ? MDL_KEY_SESSION
                                            : MDL_KEY_NONE;
}

/* Bytes behind the text. */
static size_t size_of(mdl_key_change kind) {
    return kind == MDL_KEY_ROTATE   ? MDL_KEY_BYTES + 2 * MDL_SIGNATURE_BYTES
           : kind == MDL_KEY_REVOKE ? MDL_KEY_BYTES + MDL_SIGNATURE_BYTES
                                    : MDL_KEY_BYTES + REST + MDL_SIGNATURE_BYTES;
}

/* What is signed; its size. `rest`: of a session key; else NULL. */
static size_t lay_out(mdl_key_change kind, const uint8_t *experiment, const uint8_t *key, const uint8_t *other,
                      const uint8_t *rest, uint8_t out[SIGNED]) {
    memcpy(out, domain, DOMAIN);
    out[DOMAIN] = (uint8_t)kind;
    memcpy(out + DOMAIN + 1, experiment, 32);
    memcpy(out + DOMAIN + 33, key, 32);
    memcpy(out + DOMAIN + 65, other, 32);
    if (!rest)
        return SIGNED - REST;
    memcpy(out + DOMAIN + 97, rest, REST);
    return SIGNED;
}

static mdl_err take_apart(mdl_key_change kind, const char *text, uint8_t bytes[BYTES_MAX]) {
    return mdl_base64_exact(mdl_text_of(text), bytes, size_of(kind)) == MDL_OK ? MDL_OK : MDL_ESYNTAX;
}

int mdl_key_change_is(mdl_key_change kind, const char *text) {
    uint8_t bytes[BYTES_MAX];
    return kind != MDL_KEY_NONE && take_apart(kind, text, bytes) == MDL_OK;
}

static void print(const uint8_t *bytes, size_t size, char *out) {
    mdl_text_out w = {out, MDL_BASE64_CHARS(size), 0};
    mdl_base64_put(&w, bytes, size);
    out[w.size] = 0;
}

void mdl_key_revoke_make(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                         const uint8_t signer[MDL_KEY_BYTES], const uint8_t secret[MDL_SECRET_BYTES],
                         char out[MDL_KEY_REVOKE_TEXT + 1]) {
    uint8_t bytes[BYTES_MAX], text[SIGNED];
    size_t size = lay_out(MDL_KEY_REVOKE, experiment, key, signer, NULL, text);
    memcpy(bytes, signer, MDL_KEY_BYTES);
    crypto_sign_detached(bytes + MDL_KEY_BYTES, NULL, text, size, secret);
    print(bytes, MDL_KEY_BYTES + MDL_SIGNATURE_BYTES, out);
}

void mdl_key_rotate_make(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                         const uint8_t next[MDL_KEY_BYTES], const uint8_t secret[MDL_SECRET_BYTES],
                         const uint8_t next_secret[MDL_SECRET_BYTES], char out[MDL_KEY_ROTATE_TEXT + 1]) {
    uint8_t bytes[BYTES_MAX], text[SIGNED];
    size_t size = lay_out(MDL_KEY_ROTATE, experiment, key, next, NULL, text);
    memcpy(bytes, next, MDL_KEY_BYTES);
    crypto_sign_detached(bytes + MDL_KEY_BYTES, NULL, text, size, secret);
    crypto_sign_detached(bytes + MDL_KEY_BYTES + MDL_SIGNATURE_BYTES, NULL, text, size, next_secret);
    print(bytes, sizeof bytes, out);
}

mdl_err mdl_key_change_check(mdl_key_change kind, const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                             const char *text, uint8_t other[MDL_KEY_BYTES]) {
    uint8_t bytes[BYTES_MAX], laid[SIGNED];
    memset(other, 0, MDL_KEY_BYTES);
    if ((kind != MDL_KEY_ROTATE && kind != MDL_KEY_REVOKE) || take_apart(kind, text, bytes) != MDL_OK)
        return MDL_ESYNTAX;
    if (kind == MDL_KEY_ROTATE && memcmp(bytes, key, MDL_KEY_BYTES) == 0)
        return MDL_EMISMATCH;
    if (mdl_key_check(bytes) != MDL_OK)
        return MDL_EWEAKKEY;
    size_t size = lay_out(kind, experiment, key, bytes, NULL, laid);
    const uint8_t *signature = bytes + MDL_KEY_BYTES;
    if (kind == MDL_KEY_ROTATE) { /* both agree */
        if (crypto_sign_verify_detached(signature, laid, size, key))
            return MDL_ESIGNATURE;
        signature += MDL_SIGNATURE_BYTES;
    }
    if (crypto_sign_verify_detached(signature, laid, size, bytes))
        return MDL_ESIGNATURE;
    memcpy(other, bytes, MDL_KEY_BYTES);
    return MDL_OK;
}

/* ---- session keys ---- */

void mdl_session_key_make(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES], const mdl_session_key *terms,
                          const uint8_t secret[MDL_SECRET_BYTES], char out[MDL_KEY_SESSION_TEXT + 1]) {
    uint8_t bytes[MDL_KEY_BYTES + REST + MDL_SIGNATURE_BYTES], text[SIGNED];
    memcpy(bytes, terms->key, MDL_KEY_BYTES);
    for (int i = 0; i < 8; i++)
        bytes[MDL_KEY_BYTES + i] = (uint8_t)(terms->number >> (8 * i));
    for (int i = 0; i < 4; i++)
        bytes[MDL_KEY_BYTES + 8 + i] = (uint8_t)(terms->until >> (8 * i));
    size_t size = lay_out(MDL_KEY_SESSION, experiment, key, terms->key, bytes + MDL_KEY_BYTES, text);
    crypto_sign_detached(bytes + MDL_KEY_BYTES + REST, NULL, text, size, secret);
    print(bytes, sizeof bytes, out);
}

mdl_err mdl_session_key_check(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES], const char *text,
                              mdl_session_key *terms) {
    uint8_t bytes[BYTES_MAX], laid[SIGNED];
    const uint8_t *rest = bytes + MDL_KEY_BYTES;
    memset(terms, 0, sizeof *terms);
    if (take_apart(MDL_KEY_SESSION, text, bytes) != MDL_OK)
        return MDL_ESYNTAX;
    if (mdl_key_check(bytes) != MDL_OK)
        return MDL_EWEAKKEY;
    size_t size = lay_out(MDL_KEY_SESSION, experiment, key, bytes, rest, laid);
    if (crypto_sign_verify_detached(rest + REST, laid, size, key))
        return MDL_ESIGNATURE;
    memcpy(terms->key, bytes, MDL_KEY_BYTES);
    for (int i = 0; i < 8; i++)
        terms->number |= (uint64_t)rest[i] << (8 * i);
    for (int i = 0; i < 4; i++)
        terms->until |= (uint32_t)rest[8 + i] << (8 * i);
    return MDL_OK;
}
