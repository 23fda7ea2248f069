/* DSSE envelopes: a payload, its type, and one Ed25519 signature over both.
 * PROTOCOL section 1.2.
 *
 * There is one form, without blanks:
 *   {"payloadType":"application/vnd.modulon.<name>.v1+json","payload":"<base64>",
 *    "signatures":[{"keyid":"<public key, hexadecimal>","sig":"<base64>"}]}
 * Anything else is refused, so equal contents are equal bytes. Signed is
 *   PAE = "DSSEv1" SP <length of type> SP <type> SP <length of payload> SP <payload>
 * with decimal lengths; the payload bytes are those received. Nothing here
 * allocates. sodium_init() must have been called. */
#ifndef MDL_PROTOCOL_ENVELOPE_H
#define MDL_PROTOCOL_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
    MDL_ENVELOPE_BYTES_MAX = 65535, /* also the largest ledger record */
    MDL_PAYLOAD_BYTES_MAX = 48640,  /* its base64 and the rest fit into an envelope */
    MDL_TYPE_NAME_MAX = 16,         /* letters a-z */
    MDL_PAE_HEAD_MAX = 80,          /* more than what stands before the payload in the PAE */
    MDL_PAE_BYTES_MAX = MDL_PAYLOAD_BYTES_MAX + MDL_PAE_HEAD_MAX,
    MDL_KEY_BYTES = 32,    /* public */
    MDL_SECRET_BYTES = 64, /* libsodium's: seed, then public key */
    MDL_SEED_BYTES = 32,
    MDL_SIGNATURE_BYTES = 64
};

/* How envelopes and notes are signed. Ed25519, except in a simulation of a fleet
 * too large for it (sim/sim.h): nothing else may call mdl_signature_use(). */
typedef struct mdl_signature_scheme {
    void (*sign)(uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                 const uint8_t secret[MDL_SECRET_BYTES]);
    int (*good)(const uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                const uint8_t key[MDL_KEY_BYTES]);
} mdl_signature_scheme;

/* Sign with this from now on, in the whole process; NULL: Ed25519, as from the
 * beginning. The scheme is kept by reference. Before other threads sign. */
void mdl_signature_use(const mdl_signature_scheme *scheme);
void mdl_signature_sign(uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                        const uint8_t secret[MDL_SECRET_BYTES]);
/* 1 or 0. */
int mdl_signature_good(const uint8_t signature[MDL_SIGNATURE_BYTES], const uint8_t *bytes, size_t size,
                       const uint8_t key[MDL_KEY_BYTES]);
/* Whether a whole secret key belongs to this public one. 1 or 0. */
int mdl_signature_pair(const uint8_t secret[MDL_SECRET_BYTES], const uint8_t key[MDL_KEY_BYTES]);

typedef struct mdl_envelope {
    char name[MDL_TYPE_NAME_MAX + 1]; /* <name> of the type */
    uint8_t key[MDL_KEY_BYTES];       /* who claims to have signed */
    uint8_t signature[MDL_SIGNATURE_BYTES];
    const uint8_t *pae; /* in the buffer of the caller of decode */
    size_t pae_size;
    const uint8_t *payload; /* the end of `pae` */
    size_t payload_size;
} mdl_envelope;

/* Take an envelope apart. Checks the form, not the signature.
 *   buffer  `size` or MDL_PAE_BYTES_MAX bytes, whichever is less; kept by the caller as
 *           long as `out` is used
 * Returns MDL_OK, MDL_ESIZE (over MDL_ENVELOPE_BYTES_MAX or MDL_PAYLOAD_BYTES_MAX)
 * or MDL_ESYNTAX; `out` is undefined on failure. */
mdl_err mdl_envelope_decode(const uint8_t *bytes, size_t size, uint8_t *buffer, mdl_envelope *out);

/* Whether the signature is the key's. MDL_OK or MDL_ESIGNATURE. Refuses keys of
 * small order and non-canonical encodings of keys, points and scalars. The one
 * costly call of this file; may run on any thread. */
mdl_err mdl_envelope_verify(const mdl_envelope *e);

/* Whether a key may be enrolled: a canonical point of the main subgroup. MDL_OK
 * or MDL_EWEAKKEY. Costs about as much as a verification: call it when a key is
 * first met (a worker's hello, a configured key), not for every message. Under
 * another scheme than Ed25519 every key may. */
mdl_err mdl_key_check(const uint8_t key[MDL_KEY_BYTES]);

/* Sign `payload` as type `name` and write the envelope.
 *   work  payload_size + MDL_PAE_HEAD_MAX bytes of scratch
 *   out   `capacity` bytes; on success *out_size of them are the envelope
 * Returns MDL_OK, MDL_ERANGE (a name that is not 1..MDL_TYPE_NAME_MAX letters
 * a-z) or MDL_ESIZE (payload empty or too long, or out too small). */
mdl_err mdl_envelope_sign(const char *name, const uint8_t *payload, size_t payload_size,
                          const uint8_t secret[MDL_SECRET_BYTES], uint8_t *work, uint8_t *out, size_t capacity,
                          size_t *out_size);

/* Size of the envelope for a payload of this size. */
size_t mdl_envelope_size(size_t name_length, size_t payload_size);

#endif
