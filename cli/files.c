#include "cli/files.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/file.h"

mdl_err mdl_cli_write_champion(const mdl_champion *c, const char *path, char *error, size_t error_size) {
    static const char ending[] = ".safetensors";
    size_t size = strlen(path), cut = size;
    if (size > sizeof ending - 1 && strcmp(path + size - (sizeof ending - 1), ending) == 0)
        cut = size - (sizeof ending - 1);
    mdl_err err = mdl_champion_write(c, path, error, error_size);
    char *json = malloc(cut + sizeof ".json"), *text = err == MDL_OK ? mdl_champion_json(c) : NULL;
    if (err == MDL_OK && (!json || !text)) {
        snprintf(error, error_size, "%s: out of memory", path);
        err = MDL_ENOMEM;
    }
    if (err == MDL_OK) {
        memcpy(json, path, cut);
        memcpy(json + cut, ".json", sizeof ".json");
        err = mdl_file_write(json, text, strlen(text), error, error_size);
    }
    free(json);
    free(text);
    return err;
}
