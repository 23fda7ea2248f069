/* Requests of HTTP/1.x, as strictly as a server may read them. Pure; no memory of
 * its own. Served: GET and HEAD without a body. */
#ifndef MDL_COORDINATOR_HTTP_REQUEST_H
#define MDL_COORDINATOR_HTTP_REQUEST_H

#include <stddef.h>
#include <stdint.h>

enum {
    MDL_HTTP_HEAD_MAX = 8192,  /* bytes of a request, its blank line included */
    MDL_HTTP_HEADERS_MAX = 64, /* lines                                       */
    MDL_HTTP_PATH_MAX = 256    /* bytes of a path with its terminator         */
};

typedef struct mdl_http_request {
    char path[MDL_HTTP_PATH_MAX]; /* as sent, from the first slash on */
    int head;                     /* HEAD, not GET                    */
    int keep_alive;
    size_t size; /* bytes that the request took */
} mdl_http_request;

/* Read the request at the start of bytes[0..size).
 * Returns 200 with `out` filled, 0 when more bytes are needed, else the status to
 * refuse it with, after which the connection is of no use: 400 (not well formed, a
 * body, no Host), 405 (another method), 414 (path too long), 431 (too large), 505. */
int mdl_http_parse(const uint8_t *bytes, size_t size, mdl_http_request *out);

#endif
