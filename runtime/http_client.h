/* A small blocking client for GET and POST over plain HTTP/1.1: one connection, kept
 * while the server keeps it. It takes answers with a Content-Length, or that end
 * with the connection; no redirects, no chunks, no TLS. What comes is
 * checked by the caller, so the transport need not be trusted. */
#ifndef MDL_RUNTIME_HTTP_CLIENT_H
#define MDL_RUNTIME_HTTP_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
    MDL_HTTP_URL_MAX = 512,
    MDL_HTTP_CONNECT_MS = 10000, /* to connect to one address                     */
    MDL_HTTP_SILENCE_MS = 30000, /* without a byte of an answer                    */
    MDL_HTTP_ANSWER_MS = 600000, /* for a whole answer                             */
    MDL_HTTP_TRIES = 3           /* of a request whose connection broke or that the server put off */
};

typedef struct mdl_http_client {
    char host[256], port[6], prefix[MDL_HTTP_URL_MAX]; /* prefix: "" or "/..." without a last slash */
    char authority[272];                               /* of the Host header                        */
    int fd;                                            /* -1: not connected                         */
    uint32_t answer_ms; /* for a whole answer, and without a byte of it; 0: the times above          */
} mdl_http_client;

/* http://HOST[:PORT][/PATH]; HOST is a name, an IPv4 address or an IPv6 address in
 * brackets. MDL_OK or MDL_ESYNTAX with a sentence. Does not connect. */
mdl_err mdl_http_client_init(mdl_http_client *c, const char *url, char *error, size_t error_size);
void mdl_http_client_close(mdl_http_client *c);

/* GET prefix/path, at most `limit` bytes. `*bytes` is the caller's to free(), one NUL
 * follows the data; NULL on failure. MDL_ENOENT (404), MDL_ESIZE (larger; before memory is taken
 * where the server says so), MDL_EIO (anything else), MDL_ENOMEM; `error` names the URL. */
mdl_err mdl_http_get(mdl_http_client *c, const char *path, size_t limit, uint8_t **bytes, size_t *size, char *error,
                     size_t error_size);

/* POST `body` there, once. MDL_OK with any *status that the server gave and its answer of at most `limit` bytes,
 * which is the caller's to free(); else as above, *bytes NULL. `type`, may be NULL: Content-Type of the answer. */
mdl_err mdl_http_post(mdl_http_client *c, const char *path, const void *body, size_t body_size, size_t limit,
                      int *status, char type[64], uint8_t **bytes, size_t *size, char *error, size_t error_size);

#endif
