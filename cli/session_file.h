/* Files with a session key and what the worker's key says of it. PROTOCOL section 3.6.
 *
 *   modulon-session-key-v1 <64 hex: experiment> <64 hex: worker> <64 hex: seed> <statement>\n
 *
 * mode 0600; one that group or others may read is refused. */
#ifndef MDL_CLI_SESSION_FILE_H
#define MDL_CLI_SESSION_FILE_H

#include <stddef.h>

#include "protocol/key_change.h"

typedef struct mdl_session_file {
    uint8_t experiment[32], worker[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
    char statement[MDL_KEY_SESSION_TEXT + 1];
    mdl_session_key terms; /* that the statement says */
} mdl_session_file;

/* `experiment`, `worker`, `secret` and `statement`, to a new file. MDL_OK or MDL_EIO with a sentence. */
mdl_err mdl_session_file_write(const char *path, const mdl_session_file *f, char *error, size_t error_size);
/* MDL_OK, or with a sentence: errors of reading, MDL_ESYNTAX, MDL_EMISMATCH (readable by
 * others, or of another key than the seed's), MDL_ESIGNATURE. */
mdl_err mdl_session_file_read(const char *path, mdl_session_file *f, char *error, size_t error_size);

#endif
