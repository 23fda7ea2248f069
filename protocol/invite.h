/* Invitations: signed grants that let one worker's key in, in the name of an
 * owner. PROTOCOL section 3.4. An invitation is an envelope of type "invite";
 * its text is what an invitation file and the field `invite` of hello hold. */
#ifndef MDL_PROTOCOL_INVITE_H
#define MDL_PROTOCOL_INVITE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/messages.h"
#include "protocol/reason.h"

/* Sign an invitation.
 *   terms   worker, owner, expires (ms since 1970, 0: never), name
 *   secret  of the coordinator, or of the owner itself
 *   out     MDL_INVITE_BYTES_MAX + 1 bytes; terminated text
 * Returns MDL_OK, or MDL_ERANGE (a name with characters it may not have). */
mdl_err mdl_invite_sign(const uint8_t experiment[MDL_DIGEST_BYTES], const mdl_msg_invite *terms,
                        const uint8_t secret[MDL_SECRET_BYTES], char *out);

/* Whether `text` lets `worker` in now. The signer must be the coordinator, who
 * may name any owner, or one of the `owner_count` keys of `owners`, which may
 * name only itself.
 *   out  on success the terms; else undefined
 * Returns MDL_REASON_NONE, or MDL_REASON_BAD_INVITE with *why (may be NULL) a
 * sentence for people. */
mdl_reason mdl_invite_check(const char *text, const uint8_t experiment[MDL_DIGEST_BYTES],
                            const uint8_t worker[MDL_KEY_BYTES], const uint8_t coordinator[MDL_KEY_BYTES],
                            const uint8_t (*owners)[MDL_KEY_BYTES], size_t owner_count, uint64_t now_ms,
                            mdl_msg_invite *out, const char **why);

#endif
