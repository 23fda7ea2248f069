/* Another value for one field of a message, from the fuzzer's bytes. */
#ifndef MDL_TESTS_FUZZ_SPOIL_H
#define MDL_TESTS_FUZZ_SPOIL_H

#include <stdint.h>
#include <string.h>

#include "protocol/messages.h"

/* Bytes of the input left; none are zeros. */
typedef struct input {
    const uint8_t *at;
    size_t left;
} input;

static inline uint8_t take(input *in) {
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

/* The first byte picks the field; below 128 none. What a field cannot hold may come of it, and is not encoded then.
 *   room  numbers that a list of fitnesses has behind it; 0: as many as it says. Of indices only fewer. */
static inline void spoil(input *in, mdl_message *m, uint32_t room) {
    size_t count;
    const mdl_field *field = mdl_message_fields(m->type, &count);
    uint8_t which = take(in);
    if (which < 128 || count == 0)
        return;
    field += which % count;
    uint8_t *at = (uint8_t *)(uintptr_t)mdl_message_body(m) + field->offset;
    uint64_t v = take(in);
    uint32_t narrow = (uint32_t)v, has;
    size_t length;
    switch (field->kind) {
    case MDL_KIND_U32:
        if (v >= field->lo)
            memcpy(at, &narrow, sizeof narrow);
        break;
    case MDL_KIND_U64:
    case MDL_KIND_I64:
        memcpy(at, &v, sizeof v);
        break;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
        at[v % field->hi] ^= (uint8_t)(1 + take(in) % 255);
        break;
    case MDL_KIND_TEXT: /* another character, a shorter text, or one more at its end */
        length = strlen((const char *)at);
        if (length < field->hi)
            at[7 * v % (length + 1)] = take(in);
        break;
    case MDL_KIND_FITNESSES: /* both lists begin with their count */
    case MDL_KIND_INDICES:
        memcpy(&has, at, sizeof has);
        narrow %= (field->kind == MDL_KIND_FITNESSES && room ? room : has) + 1;
        memcpy(at, &narrow, sizeof narrow);
        break;
    default:
        break;
    }
}

#endif
