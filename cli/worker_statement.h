/* modulon worker statement: argv[0] is "statement". */
#ifndef MDL_CLI_WORKER_STATEMENT_H
#define MDL_CLI_WORKER_STATEMENT_H

#include <stddef.h>

int mdl_worker_statement(int argc, char **argv);

/* $VARIABLE/modulon/NAME, or ~/FALLBACK/modulon/NAME. 0: neither is set, or too long. */
int mdl_user_path(const char *variable, const char *fallback, const char *name, char *out, size_t size);

#endif
