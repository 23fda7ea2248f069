/* A strict look at JSON text before a parser builds anything from it: RFC 8259
 * grammar, UTF-8, bounded depth and number length. What passes here, cJSON
 * reads in the same way as every other parser does. SPEC section 7. */
#ifndef MDL_PROTOCOL_JSON_SCAN_H
#define MDL_PROTOCOL_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
    MDL_JSON_DEPTH_MAX = 16, /* nested objects and lists */
    MDL_JSON_NUMBER_MAX = 63 /* characters of a number   */
};

/* What is wrong with a JSON file. All texts are printable ASCII. */
typedef struct mdl_json_error {
    mdl_err code;
    char path[128];        /* of the key: "evolution.islands[2].sigma"; empty: the whole file        */
    char value[64];        /* what stands there, shortened; for EKEY "an unknown key" and the like   */
    char allowed[160];     /* what may stand there                                                   */
    uint32_t line, column; /* 1-based, column in characters; 0 where the text itself is well formed */
} mdl_json_error;

/* Check `bytes[0..size)`. MDL_ESYNTAX, or MDL_ESIZE when it nests deeper than
 * MDL_JSON_DEPTH_MAX or holds too long a number; `err` (not NULL) then says
 * where. Reads each byte a bounded number of times; takes no memory. */
mdl_err mdl_json_scan(const uint8_t *bytes, size_t size, mdl_json_error *err);

/* Fill every field; returns `code`. `err` may be NULL. */
mdl_err mdl_json_fail(mdl_json_error *err, mdl_err code, const char *path, const char *value, const char *allowed);

/* One sentence, no newline, always terminated:
 *   FILE: evolution.islands[2].sigma is 40; allowed: a number from 0.0001 to 10
 *   FILE: line 3, column 9 (evolution.episodes): found 'N'; allowed: a value */
void mdl_json_error_format(const mdl_json_error *err, const char *file, char *out, size_t size);

/* Copy `size` bytes of text as printable ASCII ('?' for the rest), shortened
 * with "..." to fit `capacity` (>= 8) with its terminator. */
void mdl_json_printable(char *out, size_t capacity, const void *text, size_t size);

#endif
