/* Verifier keys on the command line. */
#ifndef MDL_CLI_VKEY_H
#define MDL_CLI_VKEY_H

#include <stddef.h>

#include "protocol/note.h"

/* `text` is the key, or the path of a file whose first line is. With a sentence on
 * failure. */
mdl_err mdl_cli_vkey(const char *text, mdl_vkey *key, char *error, size_t error_size);

#endif
