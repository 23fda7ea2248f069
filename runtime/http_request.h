/* Requests of HTTP/1.x, as strictly as a server may read them. Pure; no memory of
 * its own. Served: GET and HEAD without a body, POST with a Content-Length. */
#ifndef MDL_RUNTIME_HTTP_REQUEST_H
#define MDL_RUNTIME_HTTP_REQUEST_H

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
    int post;                     /* POST                             */
    int keep_alive;
    size_t size;      /* bytes that the request took, its body not counted */
    size_t body_size; /* bytes of the body that follow; only after POST    */
} mdl_http_request;

/* Read the request at the start of bytes[0..size).
 *   body_max  longest body of a POST; 0: no POST at all
 * Returns 200 with `out` filled, 0 when more bytes are needed, else the status to
 * refuse it with, after which the connection is of no use: 400 (not well formed, a
 * body where none belongs, no Host), 405 (another method), 411 (a POST that does not say
 * how long), 413 (a body over body_max), 414 (path too long), 431 (too large), 505. */
int mdl_http_parse(const uint8_t *bytes, size_t size, size_t body_max, mdl_http_request *out);

#endif
