/* Key files on the command line, sealed ones too. */
#ifndef MDL_CLI_KEYS_H
#define MDL_CLI_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "runtime/keyfile.h"

/* One line without its newline from standard input; on a terminal, unseen, after the
 * prompt. 0: there is none. */
int mdl_cli_secret_line(const char *prompt, char *out, size_t size);

/* As mdl_keyfile_open() or, without `make`, mdl_keyfile_read(). A sealed key file
 * (modulon keygen --backup) is unsealed in memory: its passphrase is the first line of the file
 * that $MODULON_PASSPHRASE_FILE names, else asked for once a process. */
mdl_err mdl_cli_key(const char *path, int make, uint8_t secret[MDL_KEYFILE_SECRET], int *made, char *error,
                    size_t error_size);

#endif
