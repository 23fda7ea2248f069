/* Payloads as tables of fields: one table serves the encoder, the decoder, the
 * reference in docs/PROTOCOL.md chapter 2 and the fuzzers. This file knows
 * kinds of fields; which messages there are stands in messages_table.h.
 *
 * A payload has exactly one form: fields in the table's order, no blanks, no
 * other keys, no key left out. So what decodes encodes to the same bytes. No
 * call allocates. PROTOCOL section 2.1. */
#ifndef MDL_PROTOCOL_SCHEMA_H
#define MDL_PROTOCOL_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "protocol/scan.h"

/* Limits of values inside lists: fitness sums (SPEC section 8) and indices of
 * ledger records. */
#define MDL_FITNESS_ABS_MAX (INT64_C(1) << 52)
#define MDL_RECORD_INDEX_MAX ((UINT64_C(1) << 62) - 1)

/* X(name, what docs call it): the kind's form in JSON, what `lo` and `hi` of a
 * field bound, and its C type in the message's struct.
 *   U32    a number                            value     uint32_t
 *   U64    a string of decimal digits          value     uint64_t
 *   I64    the same, "-" before negatives      value     int64_t (bounds cast to uint64_t)
 *   HEX    a string of lower-case hexadecimal  hi bytes  uint8_t[hi]
 *   BLOB   HEX of 32: names a stored blob; all zero: none
 *   CARRIED  HEX of 32: names the blob in the same frame; all zero: none. The next
 *          field is a U64, the blob's size in bytes
 *   TEXT   a string of printable ASCII; only \" and \\ are escaped  bytes  char[hi + 1]
 *   NOTE   a string of UTF-8 without control characters but the newline; \" \\ \n  bytes  char[hi + 1]
 *   FITNESSES  a list of I64, each within MDL_FITNESS_ABS_MAX   count  mdl_i64_list
 *   INDICES    a list of U64, each up to MDL_RECORD_INDEX_MAX   count  mdl_u64_list
 *   SEGMENTS   a string, MDL_SEGMENT_CHARS of base64 a job      count  mdl_segments */
#define MDL_KIND_MAP(X)                                                                                                \
    X(U32, "number")                                                                                                   \
    X(U64, "u64")                                                                                                      \
    X(I64, "i64")                                                                                                      \
    X(HEX, "hex")                                                                                                      \
    X(BLOB, "blob")                                                                                                    \
    X(CARRIED, "carried")                                                                                              \
    X(TEXT, "text")                                                                                                    \
    X(NOTE, "note")                                                                                                    \
    X(FITNESSES, "list of i64")                                                                                        \
    X(INDICES, "list of u64")                                                                                          \
    X(SEGMENTS, "segments")

typedef enum mdl_kind {
#define X(name, text) MDL_KIND_##name,
    MDL_KIND_MAP(X)
#undef X
} mdl_kind;

/* Lists point into memory that the caller gave the decoder, or that the sender
 * keeps while it encodes. `at` may be NULL when count is 0. */
typedef struct mdl_i64_list {
    uint32_t count;
    const int64_t *at;
} mdl_i64_list;

typedef struct mdl_u64_list {
    uint32_t count;
    const uint64_t *at;
} mdl_u64_list;

/* Segment digest and synapse updates (u64, little-endian) of jobs in order: the
 * base64 of each 40 bytes, one behind the other. The text is the payload's, or
 * the sender's. */
enum { MDL_SEGMENT_BYTES = 40, MDL_SEGMENT_CHARS = 56 };
typedef struct mdl_segments {
    uint32_t count;
    const char *at; /* may be NULL when count is 0; not terminated */
} mdl_segments;

/* Element `i` of a list that decoded or was put. */
void mdl_segments_get(mdl_segments list, uint32_t i, uint8_t segment[32], uint64_t *updates);
void mdl_segments_put(char *at, uint32_t i, const uint8_t segment[32], uint64_t updates);

typedef struct mdl_field {
    const char *name;
    mdl_kind kind;
    size_t offset; /* in the struct of the message */
    uint64_t lo, hi;
    const char *text; /* one line for people */
} mdl_field;

/* Where a decoder may put list elements. One message has at most one list. */
typedef struct mdl_list_room {
    uint64_t *at; /* may be NULL when max is 0 */
    uint32_t max; /* a longer list is MDL_ESIZE */
} mdl_list_room;

/* Append "name":value pairs, separated by commas, for all `count` fields.
 *   body  in   the struct that the offsets refer to
 *   out   in/out  its `full` is set when the room does not suffice
 * Returns MDL_OK, or MDL_ERANGE (a value outside the field's limits or text
 * with a character it may not have) with `fault` (may be NULL) the field. */
mdl_err mdl_fields_encode(const mdl_field *field, size_t count, const void *body, mdl_print *out,
                          const mdl_field **fault);

/* Read the same. Limits are checked before anything is stored.
 *   body   out  zeroed memory of the struct; undefined on failure
 *   fault  out  may be NULL; on failure the field, else untouched
 * Returns MDL_OK, or
 *   MDL_EKEY     another key than the next one of the table
 *   MDL_ETYPE    another JSON type
 *   MDL_ERANGE   outside the limits of the field
 *   MDL_ESIZE    a list longer than `room`
 *   MDL_ESYNTAX  not the one form of this value */
mdl_err mdl_fields_decode(const mdl_field *field, size_t count, mdl_scan *in, void *body, mdl_list_room room,
                          const mdl_field **fault);

/* The longest text that mdl_fields_encode() can write for these fields. */
size_t mdl_fields_size_max(const mdl_field *field, size_t count);

/* Rows of a Markdown table: name, kind, limits, meaning. */
void mdl_fields_write_reference(const mdl_field *field, size_t count, const mdl_sink *sink);

#endif
