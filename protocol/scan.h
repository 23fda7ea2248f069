/* A strict scanner and a bounded printer of the few forms that envelopes and
 * payloads are made of. Each value has one text: the scanner takes exactly what
 * the printer writes. PROTOCOL section 2.1. */
#ifndef MDL_PROTOCOL_SCAN_H
#define MDL_PROTOCOL_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* A cursor over received bytes. A call that returns 0 may leave it anywhere. */
typedef struct mdl_scan {
    const uint8_t *at, *end;
} mdl_scan;

/* The next byte, or -1 at the end; not taken. */
static inline int mdl_scan_peek(const mdl_scan *s) { return s->at < s->end ? *s->at : -1; }
/* Takes exactly `text`; when something else comes, 0 and nothing is taken. */
int mdl_scan_literal(mdl_scan *s, const char *text);
/* The same for one character. */
static inline int mdl_scan_char(mdl_scan *s, char c) {
    int same = s->at < s->end && *s->at == (uint8_t)c;
    s->at += same;
    return same;
}
/* Decimal digits without leading zeros, up to 2^64 - 1. */
int mdl_scan_u64(mdl_scan *s, uint64_t *out);
/* The same with "-" before negatives; no "-0". */
int mdl_scan_i64(mdl_scan *s, int64_t *out);
/* Exactly 2 * size lower-case hexadecimal digits. */
int mdl_scan_hex(mdl_scan *s, uint8_t *out, size_t size);
/* What stands between a string's quotes, its closing quote taken too. `max`
 * bytes and a terminator fit into `out`. `note`: 0 for printable ASCII with \"
 * and \\ escaped; 1 for UTF-8 with \n as well and no control character. Returns
 * the length in bytes; -1 when malformed; -2 when longer than `max`. */
long mdl_scan_text(mdl_scan *s, char *out, size_t max, int note);

/* Writes into memory of the caller; sets `full` instead of passing `end`. */
typedef struct mdl_print {
    uint8_t *at, *end;
    int full;
} mdl_print;

void mdl_print_bytes(mdl_print *p, const void *bytes, size_t size);
void mdl_print_literal(mdl_print *p, const char *text);
void mdl_print_u64(mdl_print *p, uint64_t v);
void mdl_print_i64(mdl_print *p, int64_t v);
void mdl_print_hex(mdl_print *p, const uint8_t *bytes, size_t size);
/* Between quotes, escaped. 0 when `text` has a character that it may not have. */
int mdl_print_text(mdl_print *p, const char *text, int note);

#endif
