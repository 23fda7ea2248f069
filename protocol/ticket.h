/* Tickets: open admission costs some work, once a key. PROTOCOL section 3.2.
 *   hash = BLAKE2b-256("modulon ticket v1" || experiment || key || nonce as 8 bytes little-endian)
 * must begin with `bits` zero bits (the most significant of its first byte
 * first). On average 2^bits hashes to find, one to check. Pure. */
#ifndef MDL_PROTOCOL_TICKET_H
#define MDL_PROTOCOL_TICKET_H

#include <stdint.h>

#include "core/err.h"
#include "protocol/digest.h"
#include "protocol/envelope.h"

enum { MDL_TICKET_BITS_MAX = 40 };

/* Leading zero bits of the hash, 0..256. */
uint32_t mdl_ticket_bits(const uint8_t experiment[MDL_DIGEST_BYTES], const uint8_t key[MDL_KEY_BYTES], uint64_t nonce);

/* Try `tries` nonces from `*nonce` on (wrapping). MDL_OK with *nonce the first
 * that reaches `bits` (0..MDL_TICKET_BITS_MAX); MDL_ENOENT with *nonce the next
 * one to try; MDL_ERANGE for more bits. So the caller may search in pieces. */
mdl_err mdl_ticket_find(const uint8_t experiment[MDL_DIGEST_BYTES], const uint8_t key[MDL_KEY_BYTES], uint32_t bits,
                        uint64_t tries, uint64_t *nonce);

#endif
