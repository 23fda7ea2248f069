/* Base64 of RFC 4648 section 4, padded. One text for equal bytes: missing or
 * surplus padding, non-zero spare bits and white space are refused. */
#ifndef MDL_PROTOCOL_BASE64_H
#define MDL_PROTOCOL_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/text_scan.h"

/* Characters for `size` bytes, without a terminator. A constant expression. */
#define MDL_BASE64_CHARS(size) (((size) + 2) / 3 * 4)

void mdl_base64_put(mdl_text_out *out, const void *bytes, size_t size);
/* Decode all of `text` into out[0..capacity). MDL_OK with *size set,
 * MDL_ESYNTAX, or MDL_ESIZE when it would not fit. `out` is undefined on
 * failure. With `out` NULL and capacity SIZE_MAX it only checks and counts. */
mdl_err mdl_base64_decode(mdl_text text, uint8_t *out, size_t capacity, size_t *size);
/* The same where exactly `size` bytes are expected; MDL_ESIZE for others. */
mdl_err mdl_base64_exact(mdl_text text, uint8_t *out, size_t size);

#endif
