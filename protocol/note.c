#include "protocol/note.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/digest.h"
#include "protocol/envelope.h"

static const char dash[] = "\xE2\x80\x94 "; /* U+2014, space */
enum { ID_BYTES = 4, TIME_BYTES = 8 };

/* Unicode's White_Space. */
static int is_space(uint32_t rune) {
    return (rune >= 0x09 && rune <= 0x0D) || rune == 0x20 || rune == 0x85 || rune == 0xA0 || rune == 0x1680 ||
           (rune >= 0x2000 && rune <= 0x200A) || rune == 0x2028 || rune == 0x2029 || rune == 0x202F || rune == 0x205F ||
           rune == 0x3000;
}

int mdl_note_name_ok(mdl_text name) {
    if (name.size == 0 || name.size > MDL_NOTE_NAME_MAX) {
        return 0;
    }
    while (name.size > 0) {
        uint32_t rune;
        if (!mdl_text_rune(&name, &rune) || rune < 0x20 || rune == '+' || is_space(rune)) {
            return 0;
        }
    }
    return 1;
}

/* UTF-8 without control bytes but newline. */
static int text_ok(mdl_text t) {
    while (t.size > 0) {
        uint32_t rune;
        if (!mdl_text_rune(&t, &rune) || (rune < 0x20 && rune != '\n')) {
            return 0;
        }
    }
    return 1;
}

/* --- verifier keys ------------------------------------------------------- */

static mdl_err make_key(mdl_text name, uint8_t type, const uint8_t key[MDL_NOTE_KEY_BYTES], mdl_vkey *out) {
    if (!mdl_note_name_ok(name)) {
        return MDL_ESYNTAX;
    }
    if (type != MDL_NOTE_TYPE_ED25519 && type != MDL_NOTE_TYPE_COSIGNATURE) {
        return MDL_ENOENT;
    }
    /* A key of small order verifies messages that nobody signed. */
    if (mdl_key_check(key) != MDL_OK) {
        return MDL_ERANGE;
    }
    memcpy(out->name, name.at, name.size);
    out->type = type;
    memcpy(out->key, key, MDL_NOTE_KEY_BYTES);
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state s;
    crypto_hash_sha256_init(&s);
    crypto_hash_sha256_update(&s, (const uint8_t *)name.at, name.size);
    crypto_hash_sha256_update(&s, (const uint8_t[2]){'\n', type}, 2);
    crypto_hash_sha256_update(&s, key, MDL_NOTE_KEY_BYTES);
    crypto_hash_sha256_final(&s, hash);
    memcpy(out->id, hash, ID_BYTES);
    return MDL_OK;
}

mdl_err mdl_vkey_make(mdl_text name, uint8_t type, const uint8_t key[MDL_NOTE_KEY_BYTES], mdl_vkey *out) {
    mdl_vkey made = {0}; /* `name` and `key` may lie in `out` */
    mdl_err e = make_key(name, type, key, &made);
    *out = made;
    return e;
}

mdl_err mdl_vkey_parse(mdl_text text, mdl_vkey *out) {
    memset(out, 0, sizeof *out);
    const char *plus = text.size > 0 ? memchr(text.at, '+', text.size) : NULL;
    if (!plus) {
        return MDL_ESYNTAX;
    }
    mdl_text name = {text.at, (size_t)(plus - text.at)};
    mdl_text rest = {plus + 1, text.size - name.size - 1};
    char hex[2 * ID_BYTES + 1] = "";
    uint8_t id[ID_BYTES], material[1 + MDL_NOTE_KEY_BYTES];
    if (rest.size <= 2 * ID_BYTES || rest.at[2 * ID_BYTES] != '+') {
        return MDL_ESYNTAX;
    }
    memcpy(hex, rest.at, 2 * ID_BYTES);
    if (mdl_unhex(hex, id, ID_BYTES) != MDL_OK) {
        return MDL_ESYNTAX;
    }
    rest = (mdl_text){rest.at + 2 * ID_BYTES + 1, rest.size - 2 * ID_BYTES - 1};
    mdl_err e = mdl_base64_exact(rest, material, sizeof material);
    if (e == MDL_OK) {
        e = mdl_vkey_make(name, material[0], material + 1, out);
    }
    if (e == MDL_OK && memcmp(id, out->id, ID_BYTES) != 0) {
        e = MDL_EDIGEST;
    }
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

void mdl_vkey_print(const mdl_vkey *key, char out[MDL_VKEY_TEXT_MAX]) {
    mdl_text_out w = {out, MDL_VKEY_TEXT_MAX - 1, 0};
    char hex[2 * ID_BYTES + 1];
    uint8_t material[1 + MDL_NOTE_KEY_BYTES];
    mdl_hex(key->id, ID_BYTES, hex);
    material[0] = key->type;
    memcpy(material + 1, key->key, MDL_NOTE_KEY_BYTES);
    mdl_text_put_string(&w, key->name);
    mdl_text_put_string(&w, "+");
    mdl_text_put_string(&w, hex);
    mdl_text_put_string(&w, "+");
    mdl_base64_put(&w, material, sizeof material);
    out[w.size] = '\0';
}

/* --- notes --------------------------------------------------------------- */

static mdl_err parse_signature(mdl_text line, mdl_note_signature *out) {
    if (!mdl_text_skip(&line, dash)) {
        return MDL_ESYNTAX;
    }
    const char *blank = line.size > 0 ? memchr(line.at, ' ', line.size) : NULL;
    if (!blank) {
        return MDL_ESYNTAX;
    }
    out->name = (mdl_text){line.at, (size_t)(blank - line.at)};
    out->base64 = (mdl_text){blank + 1, line.size - out->name.size - 1};
    size_t bytes;
    if (!mdl_note_name_ok(out->name) || mdl_base64_decode(out->base64, NULL, SIZE_MAX, &bytes) != MDL_OK ||
        bytes <= ID_BYTES) {
        return MDL_ESYNTAX;
    }
    uint8_t head[6]; /* eight characters hold the id */
    mdl_err e = mdl_base64_decode((mdl_text){out->base64.at, 8}, head, sizeof head, &bytes);
    memcpy(out->id, head, ID_BYTES);
    return e;
}

mdl_err mdl_note_parse(mdl_text bytes, mdl_note *out) {
    memset(out, 0, sizeof *out);
    if (bytes.size > MDL_NOTE_MAX) {
        return MDL_ESIZE;
    }
    if (bytes.size < 2 || bytes.at[bytes.size - 1] != '\n' || !text_ok(bytes)) {
        return MDL_ESYNTAX;
    }
    size_t blank = bytes.size - 2; /* of the last empty line's first newline */
    while (blank > 0 && !(bytes.at[blank] == '\n' && bytes.at[blank + 1] == '\n')) {
        blank--;
    }
    mdl_text rest = {bytes.at + blank + 2, bytes.size - blank - 2}, line;
    if (bytes.at[blank] != '\n' || bytes.at[blank + 1] != '\n' || rest.size == 0) {
        return MDL_ESYNTAX;
    }
    out->text = (mdl_text){bytes.at, blank + 1};
    mdl_err e = MDL_OK;
    while (e == MDL_OK && mdl_text_line(&rest, &line)) {
        e = out->count == MDL_NOTE_SIGNATURES_MAX ? MDL_ESIZE : parse_signature(line, &out->signature[out->count]);
        out->count++;
    }
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

void mdl_note_put(const mdl_note *note, mdl_text_out *out) {
    mdl_text_put(out, note->text.at, note->text.size);
    mdl_text_put_string(out, "\n");
    for (uint32_t i = 0; i < note->count; i++) {
        const mdl_note_signature *s = &note->signature[i];
        mdl_text_put_string(out, dash);
        mdl_text_put(out, s->name.at, s->name.size);
        mdl_text_put_string(out, " ");
        mdl_text_put(out, s->base64.at, s->base64.size);
        mdl_text_put_string(out, "\n");
    }
}

/* --- signatures ---------------------------------------------------------- */

/* The bytes that a cosigner signs; the caller free()s. NULL: out of memory. */
static char *cosigned_bytes(mdl_text text, uint64_t time_s, size_t *size) {
    mdl_text_out w = {NULL, text.size + 64, 0};
    w.at = malloc(w.capacity);
    if (w.at) {
        mdl_text_put_string(&w, "cosignature/v1\ntime ");
        mdl_text_put_decimal(&w, time_s);
        mdl_text_put_string(&w, "\n");
        mdl_text_put(&w, text.at, text.size);
        *size = w.size;
    }
    return w.at;
}

static uint64_t time_of(const uint8_t *bytes) {
    uint64_t v = 0;
    for (int i = 0; i < TIME_BYTES; i++) {
        v = v << 8 | bytes[i];
    }
    return v;
}

static mdl_err verify_line(mdl_text text, const mdl_note_signature *s, const mdl_vkey *key, uint64_t *time_s) {
    uint8_t bytes[ID_BYTES + TIME_BYTES + crypto_sign_BYTES];
    int cosigned = key->type == MDL_NOTE_TYPE_COSIGNATURE;
    size_t head = ID_BYTES + (cosigned ? TIME_BYTES : 0);
    if (mdl_base64_exact(s->base64, bytes, head + crypto_sign_BYTES) != MDL_OK) {
        return MDL_ESIGNATURE;
    }
    char *copy = NULL;
    *time_s = 0;
    if (cosigned) {
        *time_s = time_of(bytes + ID_BYTES);
        if (*time_s > MDL_NOTE_TIME_MAX) {
            return MDL_ESIGNATURE;
        }
        copy = cosigned_bytes(text, *time_s, &text.size);
        if (!copy) {
            return MDL_ENOMEM;
        }
        text.at = copy;
    }
    int bad = !mdl_signature_good(bytes + head, (const uint8_t *)text.at, text.size, key->key);
    free(copy);
    return bad ? MDL_ESIGNATURE : MDL_OK;
}

static int same_key(const char *name, const uint8_t *id, mdl_text other_name, const uint8_t *other_id) {
    return memcmp(id, other_id, ID_BYTES) == 0 && mdl_text_equal(mdl_text_of(name), other_name);
}

static mdl_err verify_all(const mdl_note *note, const mdl_vkey *key, uint32_t key_count, mdl_note_seal *seal) {
    for (uint32_t k = 1; k < key_count; k++) {
        for (uint32_t i = 0; i < k; i++) {
            if (same_key(key[i].name, key[i].id, mdl_text_of(key[k].name), key[k].id)) {
                return MDL_EKEY;
            }
        }
    }
    mdl_err result = MDL_ENOENT;
    for (uint32_t i = 0; i < note->count; i++) {
        const mdl_note_signature *s = &note->signature[i];
        for (uint32_t k = 0; k < key_count; k++) {
            if (!same_key(key[k].name, key[k].id, s->name, s->id)) {
                continue;
            }
            uint64_t time_s;
            mdl_err e = verify_line(note->text, s, &key[k], &time_s);
            if (e != MDL_OK) {
                return e;
            }
            seal[k].signed_by = 1;
            seal[k].time_s = time_s > seal[k].time_s ? time_s : seal[k].time_s;
            result = MDL_OK;
        }
    }
    return result;
}

mdl_err mdl_note_verify(const mdl_note *note, const mdl_vkey *key, uint32_t key_count, mdl_note_seal *seal) {
    for (uint32_t k = 0; k < key_count; k++) {
        seal[k] = (mdl_note_seal){0, 0};
    }
    mdl_err e = verify_all(note, key, key_count, seal);
    for (uint32_t k = 0; e != MDL_OK && k < key_count; k++) {
        seal[k] = (mdl_note_seal){0, 0};
    }
    return e;
}

mdl_err mdl_note_sign(mdl_text text, const mdl_vkey *key, const uint8_t secret[MDL_NOTE_SECRET_BYTES], uint64_t time_s,
                      mdl_text_out *line) {
    if (text.size >= MDL_NOTE_MAX) {
        return MDL_ESIZE;
    }
    if (text.size == 0 || text.at[text.size - 1] != '\n' || !text_ok(text)) {
        return MDL_ESYNTAX;
    }
    int cosigned = key->type == MDL_NOTE_TYPE_COSIGNATURE;
    if (time_s > (cosigned ? MDL_NOTE_TIME_MAX : 0)) {
        return MDL_ERANGE;
    }
    /* Signing with a public key that is not the secret's own gives the secret away. */
    int foreign = !mdl_signature_pair(secret, key->key);
    if (foreign) {
        return MDL_EMISMATCH;
    }
    uint8_t bytes[ID_BYTES + TIME_BYTES + crypto_sign_BYTES];
    size_t head = ID_BYTES;
    memcpy(bytes, key->id, ID_BYTES);
    char *copy = NULL;
    if (cosigned) {
        for (int i = 0; i < TIME_BYTES; i++) {
            bytes[head++] = (uint8_t)(time_s >> (56 - 8 * i));
        }
        copy = cosigned_bytes(text, time_s, &text.size);
        if (!copy) {
            return MDL_ENOMEM;
        }
        text.at = copy;
    }
    mdl_signature_sign(bytes + head, (const uint8_t *)text.at, text.size, secret);
    free(copy);
    mdl_text_put_string(line, dash);
    mdl_text_put_string(line, key->name);
    mdl_text_put_string(line, " ");
    mdl_base64_put(line, bytes, head + crypto_sign_BYTES);
    mdl_text_put_string(line, "\n");
    return line->size > line->capacity ? MDL_ESIZE : MDL_OK;
}
