/* Experiments read once: for targets that begin every execution with the same documents and would spend their time on
 * these. fuzz.cmake puts __wrap_mdl_experiment_parse() under the name without the prefix; what is not known is read.
 * That they are read rightly is the part of fuzz_experiment. */
#ifndef MDL_TESTS_FUZZ_KNOWN_EXPERIMENTS_H
#define MDL_TESTS_FUZZ_KNOWN_EXPERIMENTS_H

#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"

mdl_err __real_mdl_experiment_parse(const uint8_t *bytes, size_t size, mdl_experiment *out, mdl_json_error *err);
mdl_err __wrap_mdl_experiment_parse(const uint8_t *bytes, size_t size, mdl_experiment *out, mdl_json_error *err);

enum { KNOWN_MAX = 4 };

static struct {
    const char *text;
    size_t size;
    mdl_experiment experiment;
} known[KNOWN_MAX];

/* `text` is kept by the caller. */
static void know_experiment(const char *text) {
    mdl_json_error err;
    size_t i = 0, size = strlen(text);
    while (i < KNOWN_MAX && known[i].text)
        i++;
    MDL_ASSERT(i < KNOWN_MAX);
    MDL_ASSERT(__real_mdl_experiment_parse((const uint8_t *)text, size, &known[i].experiment, &err) == MDL_OK);
    known[i].text = text;
    known[i].size = size;
}

mdl_err __wrap_mdl_experiment_parse(const uint8_t *bytes, size_t size, mdl_experiment *out, mdl_json_error *err) {
    for (size_t i = 0; i < KNOWN_MAX && known[i].text; i++)
        if (size == known[i].size && memcmp(bytes, known[i].text, size) == 0) {
            *out = known[i].experiment;
            return MDL_OK;
        }
    return __real_mdl_experiment_parse(bytes, size, out, err);
}

#endif
