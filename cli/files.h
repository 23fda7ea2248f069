/* Files that several subcommands write. */
#ifndef MDL_CLI_FILES_H
#define MDL_CLI_FILES_H

#include "runtime/champion.h"

/* `path`, and beside it the same name with .json for .safetensors. */
mdl_err mdl_cli_write_champion(const mdl_champion *c, const char *path, char *error, size_t error_size);

#endif
