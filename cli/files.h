/* Files that several subcommands read or write. */
#ifndef MDL_CLI_FILES_H
#define MDL_CLI_FILES_H

#include "runtime/champion.h"

/* A directory or a .safetensors file: a champion, not an experiment file. */
int mdl_cli_is_champion(const char *path);
/* Reads one; says what is wrong and returns an exit code, or -1. */
int mdl_cli_champion(mdl_champion *c, const char *path);
/* `path`, and beside it the same name with .json for .safetensors. */
mdl_err mdl_cli_write_champion(const mdl_champion *c, const char *path, char *error, size_t error_size);

#endif
