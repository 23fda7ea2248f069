#include "cli/vkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/file.h"

mdl_err mdl_cli_vkey(const char *text, mdl_vkey *key, char *error, size_t error_size) {
    uint8_t *bytes = NULL;
    size_t size;
    mdl_err err = mdl_vkey_parse(mdl_text_of(text), key);
    if (err != MDL_OK && mdl_file_read(text, 4096, &bytes, &size, error, error_size) == MDL_OK)
        err = mdl_vkey_parse((mdl_text){(const char *)bytes, strcspn((const char *)bytes, "\r\n")}, key);
    free(bytes);
    if (err == MDL_OK && key->type != MDL_NOTE_TYPE_ED25519)
        err = MDL_ETYPE;
    if (err != MDL_OK)
        snprintf(error, error_size, "\"%.200s\" is no verifier key of a log (NAME+ID+BASE64), nor a file with one: %s",
                 text, mdl_strerror((int)err));
    return err;
}
