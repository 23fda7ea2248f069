/* Experiment files: whatever parses is written and parses to the same struct;
 * whatever does not says why, in bounded printable text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "tests/fuzz/json_error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_experiment x, back;
    mdl_json_error err;
    mdl_err e = mdl_experiment_parse(data, size, &x, &err);
    if (e != MDL_OK) {
        check_error(&err, e);
        return 0;
    }
    char *text = mdl_experiment_to_json(&x);
    MDL_ASSERT(text);
    MDL_ASSERT(mdl_experiment_parse((const uint8_t *)text, strlen(text), &back, &err) == MDL_OK);
    memcpy(back.id, x.id, sizeof x.id); /* of other bytes */
    MDL_ASSERT(memcmp(&x, &back, sizeof x) == 0);
    free(text);
    return 0;
}
