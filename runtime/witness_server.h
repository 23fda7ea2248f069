/* A witness (C2SP tlog-witness) over HTTP, on a libuv loop: one key, some logs. PROTOCOL
 * section 4.6.
 *
 *   POST /add-checkpoint                       the one call
 *   GET /<hex SHA-256(origin)>/checkpoint      newest note that was cosigned, for monitors
 *
 * In its directory there is one file a log, `<hex SHA-256(origin)>.witness`
 * (protocol/witness.h). It is replaced, and synced, before a cosignature leaves; the
 * sync blocks the loop. A file that does not verify is refused at the start, never
 * overwritten. One process a directory. Everything here is called on the loop's thread. */
#ifndef MDL_RUNTIME_WITNESS_SERVER_H
#define MDL_RUNTIME_WITNESS_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"
#include "protocol/witness.h"

enum { MDL_WITNESS_LOGS_MAX = 64 };

typedef struct mdl_witness_options {
    const char *listen; /* host:port, as of runtime/http_server.h                */
    const char *directory;
    const mdl_vkey *log; /* [logs], origins all different; copied */
    uint32_t logs;       /* 1..MDL_WITNESS_LOGS_MAX                               */
    mdl_vkey key;        /* the witness's, MDL_NOTE_TYPE_COSIGNATURE               */
    uint8_t secret[MDL_NOTE_SECRET_BYTES];
    /* Seconds since 1970. */
    uint64_t (*now_s)(void *ctx);
    /* After each answer: origin ("" when unknown), status, size; `trouble` is why a state
     * could not be stored, or "". May be NULL. */
    void (*told)(void *ctx, const char *origin, int status, uint64_t size, const char *trouble);
    void *ctx;
} mdl_witness_options;

typedef struct mdl_witness_server mdl_witness_server;

/* MDL_OK; else *out is NULL and `error` a sentence: MDL_ERANGE (logs), MDL_EKEY (an origin
 * twice, or a log's key that is the witness's), MDL_EMISMATCH (another process has the
 * directory, or a file is another log's), MDL_ESIGNATURE, MDL_ESYNTAX, MDL_EMAGIC (a file is
 * damaged), and what mdl_http_server_open() returns. */
mdl_err mdl_witness_server_open(uv_loop_t *loop, const mdl_witness_options *options, mdl_witness_server **out,
                                char *error, size_t error_size);
const char *mdl_witness_server_url(const mdl_witness_server *w);
void mdl_witness_server_close(mdl_witness_server *w);

/* Lower-case hexadecimal of SHA-256(origin), terminated. */
void mdl_witness_origin_hex(const char *origin, char out[2 * MDL_HASH_BYTES + 1]);

#endif
