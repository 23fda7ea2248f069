#include "cli/files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "runtime/file.h"

static const char ending[] = ".safetensors";

/* Length of the path without the ending. */
static size_t stem(const char *path) {
    size_t size = strlen(path), tail = sizeof ending - 1;
    return size > tail && strcmp(path + size - tail, ending) == 0 ? size - tail : size;
}

int mdl_cli_is_champion(const char *path) {
    struct stat status;
    return path[stem(path)] != 0 || (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

int mdl_cli_champion(mdl_champion *c, const char *path) {
    char error[MDL_ERROR_TEXT];
    mdl_err err = mdl_champion_read(c, path, error, sizeof error);
    return err == MDL_OK ? -1 : mdl_cli_end(err, error);
}

mdl_err mdl_cli_write_champion(const mdl_champion *c, const char *path, char *error, size_t error_size) {
    size_t cut = stem(path);
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
