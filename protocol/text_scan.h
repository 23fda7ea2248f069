/* Small pieces for line-based text formats: views, lines, decimals, UTF-8, and
 * a bounded writer. Nothing here allocates or reads past a view. */
#ifndef MDL_PROTOCOL_TEXT_SCAN_H
#define MDL_PROTOCOL_TEXT_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/* Somebody else's bytes; not terminated. */
typedef struct mdl_text {
    const char *at;
    size_t size;
} mdl_text;

mdl_text mdl_text_of(const char *terminated);
int mdl_text_equal(mdl_text a, mdl_text b);
/* Take the line up to the next newline off `rest`; `line` is without it.
 * Returns 1, or 0 with both untouched when no newline is left. */
int mdl_text_line(mdl_text *rest, mdl_text *line);
/* Take `prefix` off `t`. Returns 1, or 0 with `t` untouched. */
int mdl_text_skip(mdl_text *t, const char *prefix);
/* Take one code point off `t`, which is not empty. Returns 1, or 0 for what is
 * not UTF-8: overlong forms, surrogates, beyond U+10FFFF, cut off. */
int mdl_text_rune(mdl_text *t, uint32_t *rune);
/* The whole of `t` as a decimal 0..max with no leading zero. MDL_OK,
 * MDL_ESYNTAX, or MDL_ERANGE. */
mdl_err mdl_text_decimal(mdl_text t, uint64_t max, uint64_t *out);

/* A writer into memory of the caller. Past `capacity` nothing is stored, but
 * `size` counts on, so that `size > capacity` says "too small" at the end. */
typedef struct mdl_text_out {
    char *at; /* may be NULL when capacity is 0 */
    size_t capacity, size;
} mdl_text_out;

void mdl_text_put(mdl_text_out *out, const void *bytes, size_t size);
void mdl_text_put_string(mdl_text_out *out, const char *terminated);
void mdl_text_put_decimal(mdl_text_out *out, uint64_t v);
/* MDL_OK with *size written (the text is not terminated), or MDL_ESIZE. */
mdl_err mdl_text_end(const mdl_text_out *out, size_t *size);

#endif
