/* Signed notes and verifier keys (C2SP signed-note), with the two Ed25519
 * signature types that a log and its witnesses use. PROTOCOL section 4.2.
 *
 * Call sodium_init() once before anything here. Views point into the caller's
 * bytes, which must outlive them. */
#ifndef MDL_PROTOCOL_NOTE_H
#define MDL_PROTOCOL_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/base64.h"
#include "protocol/text_scan.h"

enum {
    MDL_NOTE_MAX = 64 * 1024,        /* bytes of a signed note                    */
    MDL_NOTE_SIGNATURES_MAX = 64,    /* lines of a note; C2SP asks for at least 16 */
    MDL_NOTE_NAME_MAX = 255,         /* bytes of a key name                       */
    MDL_NOTE_KEY_BYTES = 32,         /* Ed25519 public key                        */
    MDL_NOTE_SECRET_BYTES = 64,      /* libsodium's secret key: seed, public key  */
    MDL_NOTE_TYPE_ED25519 = 0x01,    /* signs the text                            */
    MDL_NOTE_TYPE_COSIGNATURE = 0x04 /* signs "cosignature/v1", a time, the text  */
};
#define MDL_NOTE_TIME_MAX ((uint64_t)INT64_MAX) /* seconds since 1970 */
/* Longest signature line: "— ", name, " ", base64 of 4 + 8 + 64 bytes, newline. */
#define MDL_NOTE_LINE_MAX (4 + MDL_NOTE_NAME_MAX + 1 + MDL_BASE64_CHARS(4 + 8 + 64) + 1)
/* Longest verifier key with its terminator: name+hex8+base64. */
#define MDL_VKEY_TEXT_MAX (MDL_NOTE_NAME_MAX + 1 + 8 + 1 + MDL_BASE64_CHARS(1 + MDL_NOTE_KEY_BYTES) + 1)

/* A verifier key. Make it by the two calls below only: they check it. */
typedef struct mdl_vkey {
    char name[MDL_NOTE_NAME_MAX + 1]; /* terminated */
    uint8_t type;
    uint8_t id[4]; /* SHA-256(name, newline, type, key), its first bytes */
    uint8_t key[MDL_NOTE_KEY_BYTES];
} mdl_vkey;

/* Non-empty UTF-8 of at most MDL_NOTE_NAME_MAX bytes, without Unicode space,
 * control byte or '+'. */
int mdl_note_name_ok(mdl_text name);
/* MDL_OK, or MDL_ESYNTAX (the name), MDL_ENOENT (another type), MDL_ERANGE (a
 * weak key: not canonical, of small order, or outside the main subgroup); then
 * `out` is zeroed. */
mdl_err mdl_vkey_make(mdl_text name, uint8_t type, const uint8_t key[MDL_NOTE_KEY_BYTES], mdl_vkey *out);
/* As above; also MDL_ESIZE (of the key) and MDL_EDIGEST (another id than its own). */
mdl_err mdl_vkey_parse(mdl_text text, mdl_vkey *out);
/* Terminated. Parsing it gives the key again. */
void mdl_vkey_print(const mdl_vkey *key, char out[MDL_VKEY_TEXT_MAX]);

typedef struct mdl_note_signature {
    mdl_text name;
    uint8_t id[4];
    mdl_text base64; /* canonical; decodes to the id and at least one byte */
} mdl_note_signature;

typedef struct mdl_note {
    mdl_text text; /* what is signed: ends with its newline */
    uint32_t count;
    mdl_note_signature signature[MDL_NOTE_SIGNATURES_MAX];
} mdl_note;

/* Take a note apart; nothing is verified. MDL_OK, MDL_ESIZE (over a limit
 * above), MDL_ESYNTAX. Views into `bytes`, in the order of the note. */
mdl_err mdl_note_parse(mdl_text bytes, mdl_note *out);
/* The same bytes again: text, blank line, signature lines. */
void mdl_note_put(const mdl_note *note, mdl_text_out *out);

typedef struct mdl_note_seal {
    int signed_by;   /* 1: this key's signature verified             */
    uint64_t time_s; /* of a cosignature, the latest if there are two */
} mdl_note_seal;

/* Verify the signatures of all known keys. Lines whose (name, id) is nobody's
 * in `key` are ignored, whatever they hold.
 *   seal   out, [key_count], in the order of `key`; all zero on failure
 * Returns MDL_OK when at least one known key signed, or
 *   MDL_ESIGNATURE  a known key's line does not verify: the note is condemned
 *   MDL_ENOENT      no known key signed
 *   MDL_EKEY        two keys of the list share name and id
 *   MDL_ENOMEM */
mdl_err mdl_note_verify(const mdl_note *note, const mdl_vkey *key, uint32_t key_count, mdl_note_seal *seal);

/* One signature line, with its newline.
 *   text    the note's text, ending with a newline
 *   secret  of `key`
 *   time_s  for MDL_NOTE_TYPE_COSIGNATURE; else 0
 * MDL_OK, MDL_ESYNTAX (no text of a note), MDL_ESIZE, MDL_EMISMATCH (the secret
 * is another key's), MDL_ERANGE (the time), MDL_ENOMEM.
 * A note is text, "\n", lines. Use one key for one type only. */
mdl_err mdl_note_sign(mdl_text text, const mdl_vkey *key, const uint8_t secret[MDL_NOTE_SECRET_BYTES], uint64_t time_s,
                      mdl_text_out *line);

#endif
