/* BLAKE2b-256 of canonical bytes, as a sink for core's writers, and its text
 * form. SPEC section 2. */
#ifndef MDL_PROTOCOL_DIGEST_H
#define MDL_PROTOCOL_DIGEST_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"

enum { MDL_DIGEST_BYTES = 32, MDL_DIGEST_HEX = 2 * MDL_DIGEST_BYTES + 1 };

/* Unkeyed. May be copied in mid-stream. */
typedef struct mdl_digest {
    crypto_generichash_state state;
} mdl_digest;

void mdl_digest_init(mdl_digest *d);
/* A sink that digests; it points at `d`, which must outlive it. */
mdl_sink mdl_digest_sink(mdl_digest *d);
/* Ends the stream: `d` needs mdl_digest_init() before it is used again. */
void mdl_digest_final(mdl_digest *d, uint8_t out[MDL_DIGEST_BYTES]);
/* All three at once. */
void mdl_digest_of(const void *bytes, size_t size, uint8_t out[MDL_DIGEST_BYTES]);

/* A sink that digests by the block: core's writers push a few bytes at a time. It
 * points at `g`, which must outlive it. */
typedef struct mdl_gather {
    mdl_digest digest;
    size_t used;
    uint8_t bytes[8192];
} mdl_gather;

mdl_sink mdl_gather_begin(mdl_gather *g);
void mdl_gather_end(mdl_gather *g, uint8_t out[MDL_DIGEST_BYTES]);

/* Lower-case hexadecimal, terminated; `out` holds 2 * size + 1. */
void mdl_hex(const uint8_t *bytes, size_t size, char *out);
/* Exactly 2 * size lower-case digits and the terminator, so that equal bytes
 * have one text. Else MDL_ESIZE or MDL_ESYNTAX, with `out` undefined. */
mdl_err mdl_unhex(const char *text, uint8_t *out, size_t size);

#endif
