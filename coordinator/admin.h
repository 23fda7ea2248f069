/* The operator's door: a socket DIR/admin.sock, for the owner of the directory
 * only. One JSON line in, one JSON line out, then it closes. PROTOCOL section 7.6.
 *
 *   {"do":"status"}   {"do":"workers"}   {"do":"pause","reason":"..."}
 *   {"do":"resume"}   {"do":"ban","key":"<64 hex>","reason":"..."}
 *   {"do":"unban","key":"<64 hex>"}      {"do":"export"}
 *
 * Answers begin with {"ok":true or {"ok":false,"error":"..."}. pause, resume,
 * ban and unban are answered when their record is durable. */
#ifndef MDL_COORDINATOR_ADMIN_H
#define MDL_COORDINATOR_ADMIN_H

#include <uv.h>

#include "coordinator/shell.h"

enum { MDL_ADMIN_LINE_MAX = 4096, MDL_ADMIN_REPLY_MAX = 16 << 20, MDL_ADMIN_WORKERS_MAX = 10000 };

typedef struct mdl_admin mdl_admin;

/* MDL_EIO or MDL_ESIZE (the path does not fit a socket's address), with a
 * sentence. The shell must outlive it; a file left by a crash is replaced, for
 * the store's lock says that nobody else is at work here. */
mdl_err mdl_admin_open(uv_loop_t *loop, mdl_shell *shell, const char *directory, mdl_admin **out, char *error,
                       size_t error_size);
/* `closed` on the loop when all is gone. Close the shell in the same go: what
 * waits for a record is forgotten by both. */
void mdl_admin_close(mdl_admin *a, void (*closed)(void *ctx), void *ctx);

/* The whole state as one JSON object; free(). NULL when out of memory. */
char *mdl_admin_status(mdl_shell *shell);

/* The other end, blocking: send `line` (no newline) and read the answer, which
 * the caller free()s. MDL_ENOENT: nothing listens there. MDL_EIO, MDL_ENOMEM,
 * MDL_ESIZE. */
mdl_err mdl_admin_ask(const char *directory, const char *line, char **answer, char *error, size_t error_size);

#endif
