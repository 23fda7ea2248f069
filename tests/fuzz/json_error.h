/* What every error report of the JSON readers keeps to. */
#ifndef MDL_TESTS_FUZZ_JSON_ERROR_H
#define MDL_TESTS_FUZZ_JSON_ERROR_H

#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"

/* The code is the one returned, and the sentence is printable and not cut off. */
static inline void check_error(const mdl_json_error *err, mdl_err code) {
    char sentence[512];
    mdl_json_error_format(err, "input", sentence, sizeof sentence);
    MDL_ASSERT(err->code == code && err->allowed[0] != 0 && strlen(sentence) < sizeof sentence - 1);
    for (const char *c = sentence; *c; c++) {
        MDL_ASSERT(*c >= 0x20 && *c < 0x7F);
    }
}

#endif
