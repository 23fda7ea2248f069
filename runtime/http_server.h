/* A small HTTP/1.1 server on a libuv loop: GET, HEAD and, where asked for, POST
 * with a bounded body. Everything has a deadline: a request has 10 s (and a body one
 * more for every 16 KiB), an idle connection 30 s, an answer 10 s and one more for
 * every 16 KiB; a full server gives up the connection that has idled longest.
 * Everything here is called on the loop's thread. */
#ifndef MDL_RUNTIME_HTTP_SERVER_H
#define MDL_RUNTIME_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"
#include "runtime/http_request.h"

typedef struct mdl_http_server mdl_http_server;

/* An answer. Without a body, a line with the status is sent. */
typedef struct mdl_http_reply {
    int status;       /* 200, 400, 403, 404, 409, 422, 503 */
    const char *type; /* constant; NULL: plain text        */
    int forever;      /* these bytes never change          */
    uint8_t *body;    /* given away: the server free()s it */
    size_t size;
} mdl_http_reply;

typedef struct mdl_http_server_options {
    const char *listen;           /* host:port; host is an IP address (IPv6 in brackets), localhost or * */
    uint32_t connections_max;     /* 1..4096                                    */
    uint32_t request_ms, idle_ms; /* other deadlines than above; 0: those above */
    size_t body_max;              /* of a POST; 0: POST is refused with 405     */
    /* `out` comes as 404 without a body. `body` has r->body_size bytes and a NUL
     * behind them, and is gone after the call; NULL for GET and HEAD. */
    void (*serve)(void *ctx, const mdl_http_request *r, const uint8_t *body, mdl_http_reply *out);
    void *ctx;
} mdl_http_server_options;

/* On failure *out is NULL and `error` a sentence with the address: MDL_ESYNTAX,
 * MDL_ERANGE, MDL_EIO, MDL_ENOMEM; the loop may have a handle left to close by itself. */
mdl_err mdl_http_server_open(uv_loop_t *loop, const mdl_http_server_options *options, mdl_http_server **out,
                             char *error, size_t error_size);
/* http://host:port, with the port that the system chose for 0; valid until closed. */
const char *mdl_http_server_url(const mdl_http_server *h);

typedef struct mdl_http_counts {
    uint64_t requests, refused, bytes; /* refused: not well formed, too late, or turned away */
    uint32_t connections;
} mdl_http_counts;

mdl_http_counts mdl_http_server_count(const mdl_http_server *h);

/* Answers being written are cut off. closed() comes later on the loop; may be NULL. */
void mdl_http_server_close(mdl_http_server *h, void (*closed)(void *ctx), void *ctx);

#endif
