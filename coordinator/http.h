/* What auditors and people read of a coordinator, over plain HTTP: the log's
 * checkpoint and tiles (C2SP tlog-tiles), blobs, figures, and a page. Read only.
 *
 *   /checkpoint                          text/plain
 *   /tile/L/N[.p/W], /tile/entries/N[.p/W], /blob/<64 hex>   application/octet-stream
 *   /metrics (Prometheus), /status.json, / (HTML)
 *   POST /key-change                     where it is taken: PROTOCOL section 3.5
 *
 * Anything else is 404. A request has 10 s, an idle connection 30 s, an answer
 * 10 s and one more for every 16 KiB; a full server gives up the connection that
 * has idled longest. Everything here is called on the loop's thread. */
#ifndef MDL_COORDINATOR_HTTP_H
#define MDL_COORDINATOR_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"
#include "runtime/http_server.h"

typedef struct mdl_http mdl_http;

typedef struct mdl_http_options {
    const char *listen;           /* host:port; host is an IP address (IPv6 in brackets), localhost or * */
    uint32_t connections_max;     /* 1..4096                                    */
    uint32_t request_ms, idle_ms; /* other deadlines than above; 0: those above */
    /* Content of `path`, one of the above without its first slash, "" for the page.
     * *bytes is given away: the server free()s it. MDL_ENOENT becomes 404, every
     * other error 503. */
    mdl_err (*get)(void *ctx, const char *path, uint8_t **bytes, size_t *size);
    /* A line posted to /key-change, terminated. Returns the status and may set a sentence; NULL: POST is refused. */
    int (*key_change)(void *ctx, const char *line, char *text, size_t text_size);
    void *ctx;
} mdl_http_options;

enum { MDL_HTTP_KEY_CHANGE_MAX = 512 /* bytes of a line */ };

/* On failure *out is NULL and `error` a sentence with the address: MDL_ESYNTAX,
 * MDL_ERANGE, MDL_EIO, MDL_ENOMEM; the loop may have a handle left to close by itself. */
mdl_err mdl_http_open(uv_loop_t *loop, const mdl_http_options *options, mdl_http **out, char *error, size_t error_size);
/* http://host:port, with the port that the system chose for 0; valid until closed. */
const char *mdl_http_url(const mdl_http *h);

mdl_http_counts mdl_http_count(const mdl_http *h);

/* Answers being written are cut off. closed() comes later on the loop; may be NULL. */
void mdl_http_close(mdl_http *h, void (*closed)(void *ctx), void *ctx);

#endif
