/* Ends of keys: a key names its successor, or is revoked by itself or by its owner.
 * PROTOCOL section 3.5. A statement is 128 characters of base64: 32 bytes of the other
 * key, then an Ed25519 signature over
 *
 *   "modulon key change v1" || kind u8 || experiment 32 || key 32 || other 32
 *
 *   rotate (1)  `other` is the new key; the old one signs
 *   revoke (2)  `other` signs: the key itself, or its owner's
 *
 * It stands as the reason of an admin record with that action, and the key as target. */
#ifndef MDL_PROTOCOL_KEY_CHANGE_H
#define MDL_PROTOCOL_KEY_CHANGE_H

#include <stdint.h>

#include "core/err.h"
#include "protocol/envelope.h"

typedef enum mdl_key_change { MDL_KEY_NONE = 0, MDL_KEY_ROTATE = 1, MDL_KEY_REVOKE = 2 } mdl_key_change;
enum { MDL_KEY_CHANGE_TEXT = 128 };

/* "rotate", "revoke"; anything else is MDL_KEY_NONE. */
mdl_key_change mdl_key_change_of(const char *action);
/* Whether a reason has the form of a statement. A reason of the operator has not. */
int mdl_key_change_is(const char *reason);

/* Sign one; `secret` is that of `key` to rotate, of `other` to revoke. Terminated. */
void mdl_key_change_make(mdl_key_change kind, const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                         const uint8_t other[MDL_KEY_BYTES], const uint8_t secret[MDL_SECRET_BYTES],
                         char out[MDL_KEY_CHANGE_TEXT + 1]);
/* Check one. MDL_OK with *other set, MDL_ESYNTAX, MDL_EWEAKKEY, MDL_ESIGNATURE, or
 * MDL_EMISMATCH: a key that would follow itself. Whose `other` may be is the caller's to judge. */
mdl_err mdl_key_change_check(mdl_key_change kind, const uint8_t experiment[32], const uint8_t key[MDL_KEY_BYTES],
                             const char *text, uint8_t other[MDL_KEY_BYTES]);

#endif
