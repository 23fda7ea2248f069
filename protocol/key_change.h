/* What keys say of themselves: a key names its successor, or is revoked by itself or by
 * its owner, or lets a session key sign for it. PROTOCOL sections 3.5 and 3.6. A
 * statement is text, base64 of what follows; it stands as the reason of an admin record
 * with that action, and the key as target. Signed is
 *
 *   "modulon key change v1" || kind u8 || experiment 32 || key 32 || other 32 || rest
 *
 *   rotate (1)   other 32, signature 64 of the key, signature 64 of `other`: the new key
 *   revoke (2)   other 32, signature 64 of `other`: the key itself, or its owner's
 *   session (3)  other 32, number u64, until u32, signature 64 of the key; `rest` is
 *                number and until, little-endian. `other` is the session key, or the
 *                key itself: no session key any more */
#ifndef MDL_PROTOCOL_KEY_CHANGE_H
#define MDL_PROTOCOL_KEY_CHANGE_H

#include <stdint.h>

#include "core/err.h"
#include "protocol/envelope.h"

typedef enum mdl_key_change {
    MDL_KEY_NONE = 0,
    MDL_KEY_ROTATE = 1,
    MDL_KEY_REVOKE = 2,
    MDL_KEY_SESSION = 3
} mdl_key_change;

enum {
    MDL_KEY_REVOKE_TEXT = 128,
    MDL_KEY_ROTATE_TEXT = 216,
    MDL_KEY_SESSION_TEXT = 144,
    MDL_KEY_STATEMENT_MAX = 216 /* characters */
};

/* "rotate", "revoke", "session"; anything else is MDL_KEY_NONE. */
mdl_key_change mdl_key_change_of(const char *action);
/* Whether a text has the form of such a statement. A reason of the operator has not. */
int mdl_key_change_is(mdl_key_change kind, const char *text);

/* Sign one. All are terminated. */
void mdl_key_revoke_make(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                         const uint8_t signer[MDL_KEY_BYTES], const uint8_t secret[MDL_SECRET_BYTES],
                         char out[MDL_KEY_REVOKE_TEXT + 1]);
/* `secret` is that of `key`, `next_secret` that of `next`. */
void mdl_key_rotate_make(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                         const uint8_t next[MDL_KEY_BYTES], const uint8_t secret[MDL_SECRET_BYTES],
                         const uint8_t next_secret[MDL_SECRET_BYTES], char out[MDL_KEY_ROTATE_TEXT + 1]);
/* Check a rotate or a revoke. MDL_OK with *other set, MDL_ESYNTAX, MDL_EWEAKKEY,
 * MDL_ESIGNATURE, or MDL_EMISMATCH: a key that would follow itself. Whose `other` may be
 * is the caller's to judge. */
mdl_err mdl_key_change_check(mdl_key_change kind, const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                             const char *text, uint8_t other[MDL_KEY_BYTES]);

/* What a session key may. Of two of one key the larger number counts; it is taken for
 * generations up to `until`. */
typedef struct mdl_session_key {
    uint8_t key[MDL_KEY_BYTES];
    uint64_t number;
    uint32_t until;
} mdl_session_key;

void mdl_session_key_make(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES], const mdl_session_key *terms,
                          const uint8_t secret[MDL_SECRET_BYTES], char out[MDL_KEY_SESSION_TEXT + 1]);
/* MDL_OK, MDL_ESYNTAX, MDL_EWEAKKEY, MDL_ESIGNATURE; *terms is zero on failure. */
mdl_err mdl_session_key_check(const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES], const char *text,
                              mdl_session_key *terms);

#endif
