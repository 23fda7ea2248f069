#include "protocol/envelope.h"

#include <sodium.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/base64.h"
#include "protocol/scan.h"

static const char head[] = "{\"payloadType\":\"application/vnd.modulon.";
static const char to_payload[] = ".v1+json\",\"payload\":\"";
static const char to_key[] = "\",\"signatures\":[{\"keyid\":\"";
static const char to_signature[] = "\",\"sig\":\"";
static const char tail[] = "\"}]}";

enum {
    SIGNATURE_BASE64 = 88,
    /* All but the name and the payload. */
    FIXED = sizeof head + sizeof to_payload + sizeof to_key + sizeof to_signature + sizeof tail - 5 +
            2 * MDL_KEY_BYTES + SIGNATURE_BASE64
};
_Static_assert((MDL_PAYLOAD_BYTES_MAX + 2) / 3 * 4 + FIXED + MDL_TYPE_NAME_MAX <= MDL_ENVELOPE_BYTES_MAX,
               "the largest payload fits");
/* What decode promises of its buffer: the PAE is shorter than the envelope. */
_Static_assert(FIXED >= MDL_PAE_HEAD_MAX + MDL_TYPE_NAME_MAX, "the PAE is shorter than its envelope");

static const mdl_signature_scheme *in_use;

void mdl_signature_use(const mdl_signature_scheme *scheme) { in_use = scheme; }

void mdl_signature_sign(uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                        const uint8_t secret[MDL_SECRET_BYTES]) {
    if (in_use) {
        in_use->sign(signature, bytes, size, secret);
    } else {
        crypto_sign_detached(signature, NULL, bytes, size, secret);
    }
}

int mdl_signature_good(const uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                       const uint8_t key[MDL_KEY_BYTES]) {
    return in_use ? in_use->good(signature, bytes, size, key)
                  : crypto_sign_verify_detached(signature, bytes, size, key) == 0;
}

int mdl_signature_pair(const uint8_t secret[MDL_SECRET_BYTES], const uint8_t key[MDL_KEY_BYTES]) {
    uint8_t seed[MDL_SEED_BYTES], own[MDL_KEY_BYTES], whole[MDL_SECRET_BYTES];
    if (in_use) {
        return memcmp(secret + MDL_SEED_BYTES, key, MDL_KEY_BYTES) == 0;
    }
    crypto_sign_ed25519_sk_to_seed(seed, secret);
    crypto_sign_seed_keypair(own, whole, seed);
    int pair = memcmp(own, key, sizeof own) == 0 && sodium_memcmp(whole, secret, sizeof whole) == 0;
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(whole, sizeof whole);
    return pair;
}

/* The PAE up to the payload, in MDL_PAE_HEAD_MAX bytes. */
static size_t write_pae_head(const char *name, size_t payload_size, uint8_t *out) {
    static const char before[] = "application/vnd.modulon.", after[] = ".v1+json";
    size_t name_length = strlen(name);
    mdl_print p = {out, out + MDL_PAE_HEAD_MAX, 0};
    mdl_print_literal(&p, "DSSEv1 ");
    mdl_print_u64(&p, sizeof before - 1 + name_length + sizeof after - 1);
    mdl_print_literal(&p, " ");
    mdl_print_literal(&p, before);
    mdl_print_bytes(&p, name, name_length);
    mdl_print_literal(&p, after);
    mdl_print_literal(&p, " ");
    mdl_print_u64(&p, payload_size);
    mdl_print_literal(&p, " ");
    MDL_ASSERT(!p.full);
    return (size_t)(p.at - out);
}

static int scan_name(mdl_scan *s, char *name) {
    size_t length = 0;
    for (int next; (next = mdl_scan_peek(s)) >= 'a' && next <= 'z'; s->at++) {
        if (length == MDL_TYPE_NAME_MAX) {
            return 0;
        }
        name[length++] = (char)next;
    }
    name[length] = '\0';
    return length > 0;
}

/* Base64 up to the next quote, which stays. 0: none. */
static size_t scan_base64(mdl_scan *s, const char **text) {
    size_t left = (size_t)(s->end - s->at);
    const uint8_t *quote = left > 0 ? memchr(s->at, '"', left) : NULL;
    if (!quote) {
        return 0;
    }
    size_t length = (size_t)(quote - s->at);
    *text = (const char *)s->at;
    s->at = quote;
    return length;
}

/* Not libsodium's decoder: that of 1.0.18 takes some bytes above 0x7f for characters. */
static int from_base64(const char *text, size_t length, uint8_t *out, size_t size) {
    return mdl_base64_exact((mdl_text){text, length}, out, size) == MDL_OK;
}

mdl_err mdl_envelope_decode(const uint8_t *bytes, size_t size, uint8_t *buffer, mdl_envelope *out) {
    if (size > MDL_ENVELOPE_BYTES_MAX) {
        return MDL_ESIZE;
    }
    mdl_scan s = {bytes, bytes + size};
    const char *payload = NULL, *signature = NULL;
    if (!mdl_scan_literal(&s, head) || !scan_name(&s, out->name) || !mdl_scan_literal(&s, to_payload)) {
        return MDL_ESYNTAX;
    }
    size_t length = scan_base64(&s, &payload);
    if (length < 4 || length % 4 != 0) {
        return MDL_ESYNTAX;
    }
    size_t payload_size = length / 4 * 3 - (payload[length - 1] == '=') - (payload[length - 2] == '=');
    if (payload_size > MDL_PAYLOAD_BYTES_MAX) {
        return MDL_ESIZE;
    }
    if (!mdl_scan_literal(&s, to_key) || !mdl_scan_hex(&s, out->key, sizeof out->key) ||
        !mdl_scan_literal(&s, to_signature) || scan_base64(&s, &signature) != SIGNATURE_BASE64 ||
        !mdl_scan_literal(&s, tail) || s.at != s.end ||
        !from_base64(signature, SIGNATURE_BASE64, out->signature, sizeof out->signature)) {
        return MDL_ESYNTAX;
    }
    size_t at = write_pae_head(out->name, payload_size, buffer);
    if (!from_base64(payload, length, buffer + at, payload_size)) {
        return MDL_ESYNTAX;
    }
    out->pae = buffer;
    out->pae_size = at + payload_size;
    out->payload = buffer + at;
    out->payload_size = payload_size;
    return MDL_OK;
}

mdl_err mdl_envelope_verify(const mdl_envelope *e) {
    return mdl_signature_good(e->signature, e->pae, e->pae_size, e->key) ? MDL_OK : MDL_ESIGNATURE;
}

mdl_err mdl_key_check(const uint8_t key[MDL_KEY_BYTES]) {
    return in_use || crypto_core_ed25519_is_valid_point(key) == 1 ? MDL_OK : MDL_EWEAKKEY;
}

size_t mdl_envelope_size(size_t name_length, size_t payload_size) {
    return FIXED + name_length + (payload_size + 2) / 3 * 4;
}

/* sodium_bin2base64 also writes a terminator, over which the next part goes. */
static void print_base64(mdl_print *p, const uint8_t *bytes, size_t size) {
    size_t length = (size + 2) / 3 * 4;
    sodium_bin2base64((char *)p->at, length + 1, bytes, size, sodium_base64_VARIANT_ORIGINAL);
    p->at += length;
}

mdl_err mdl_envelope_sign(const char *name, const uint8_t *payload, size_t payload_size,
                          const uint8_t secret[MDL_SECRET_BYTES], uint8_t *work, uint8_t *out, size_t capacity,
                          size_t *out_size) {
    size_t name_length = strlen(name);
    if (name_length < 1 || name_length > MDL_TYPE_NAME_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz") != name_length) {
        return MDL_ERANGE;
    }
    if (payload_size < 1 || payload_size > MDL_PAYLOAD_BYTES_MAX ||
        capacity < mdl_envelope_size(name_length, payload_size)) {
        return MDL_ESIZE;
    }
    uint8_t signature[MDL_SIGNATURE_BYTES];
    size_t at = write_pae_head(name, payload_size, work);
    memcpy(work + at, payload, payload_size);
    mdl_signature_sign(signature, work, at + payload_size, secret);

    mdl_print p = {out, out + capacity, 0};
    mdl_print_literal(&p, head);
    mdl_print_literal(&p, name);
    mdl_print_literal(&p, to_payload);
    print_base64(&p, payload, payload_size);
    mdl_print_literal(&p, to_key);
    mdl_print_hex(&p, secret + MDL_SEED_BYTES, MDL_KEY_BYTES);
    mdl_print_literal(&p, to_signature);
    print_base64(&p, signature, sizeof signature);
    mdl_print_literal(&p, tail);
    *out_size = (size_t)(p.at - out);
    MDL_ASSERT(!p.full && *out_size == mdl_envelope_size(name_length, payload_size));
    return MDL_OK;
}
