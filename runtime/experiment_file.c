/* An experiment with the bytes it came from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/experiment_json.h"
#include "runtime/file.h"
#include "runtime/runner.h"

mdl_err mdl_experiment_file_parse(mdl_experiment_file *f, const char *name, const void *bytes, size_t size, char *error,
                                  size_t error_size) {
    mdl_json_error json;
    memset(f, 0, sizeof *f);
    mdl_err err = mdl_experiment_parse(bytes, size, &f->experiment, &json);
    if (err != MDL_OK) {
        mdl_json_error_format(&json, name, error, error_size);
        return err;
    }
    f->bytes = malloc(size + 1);
    if (!f->bytes) {
        snprintf(error, error_size, "%s: out of memory", name);
        return MDL_ENOMEM;
    }
    memcpy(f->bytes, bytes, size);
    f->bytes[size] = 0;
    f->size = size;
    return MDL_OK;
}

mdl_err mdl_experiment_file_read(mdl_experiment_file *f, const char *path, char *error, size_t error_size) {
    uint8_t *bytes;
    size_t size;
    memset(f, 0, sizeof *f);
    mdl_err err = mdl_file_read(path, MDL_EXPERIMENT_BYTES_MAX, &bytes, &size, error, error_size);
    if (err == MDL_OK)
        err = mdl_experiment_file_parse(f, path, bytes, size, error, error_size);
    free(bytes);
    return err;
}

mdl_err mdl_experiment_file_of(mdl_experiment_file *f, const mdl_experiment *x, char *error, size_t error_size) {
    mdl_experiment derived = *x;
    memset(f, 0, sizeof *f);
    derived.network.seed = mdl_key(x->seed, MDL_STREAM_WIRING, 0, 0, 0);
    derived.evolution.seed = mdl_key(x->seed, MDL_STREAM_GENOME, 0, 0, 0);
    char *text = mdl_experiment_to_json(&derived);
    if (!text) {
        snprintf(error, error_size, "the changed experiment could not be written: out of memory");
        return MDL_ENOMEM;
    }
    mdl_err err = mdl_experiment_file_parse(f, "the changed experiment", text, strlen(text), error, error_size);
    free(text);
    return err;
}

void mdl_experiment_file_close(mdl_experiment_file *f) {
    free(f->bytes);
    memset(f, 0, sizeof *f);
}

char *mdl_path_join(const char *directory, const char *name) {
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", directory, name);
    return path;
}
