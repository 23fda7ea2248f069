#include "coordinator/http.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/digest.h"
#include "protocol/tile.h"

struct mdl_http {
    mdl_http_server *server;
    mdl_http_options o;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

typedef enum content { NOTHING, PAGE, CHECKPOINT, TILE, BLOB, METRICS, STATUS } content;

/* `path` without its first slash. Full tiles and blobs never change. */
static content content_of(const char *path, int *forever) {
    *forever = 0;
    mdl_tile tile;
    uint8_t digest[MDL_DIGEST_BYTES];
    if (*path == 0) {
        return PAGE;
    }
    if (strcmp(path, "checkpoint") == 0) {
        return CHECKPOINT;
    }
    if (strcmp(path, "metrics") == 0) {
        return METRICS;
    }
    if (strcmp(path, "status.json") == 0) {
        return STATUS;
    }
    if (strncmp(path, "blob/", 5) == 0 && mdl_unhex(path + 5, digest, sizeof digest) == MDL_OK) {
        *forever = 1;
        return BLOB;
    }
    if (strncmp(path, "tile/", 5) == 0 && mdl_tile_path_parse(mdl_text_of(path), &tile) == MDL_OK) {
        *forever = 1; /* partial ones too: their width is in the path */
        return TILE;
    }
    return NOTHING;
}

static const char *type_of(content c) {
    switch (c) {
    case PAGE:
        return "text/html; charset=utf-8";
    case METRICS:
        return "text/plain; version=0.0.4; charset=utf-8";
    case STATUS:
        return "application/json";
    case TILE:
    case BLOB:
        return "application/octet-stream";
    default:
        return "text/plain; charset=utf-8";
    }
}

static void take_post(const mdl_http *h, const mdl_http_request *r, const uint8_t *posted, mdl_http_reply *out) {
    char text[256] = "";
    if (strcmp(r->path, "/key-change") != 0) {
        return;
    }
    out->status = strlen((const char *)posted) != r->body_size
                      ? 400
                      : h->o.key_change(h->o.ctx, (const char *)posted, text, sizeof text - 1);
    size_t size = strlen(text);
    out->body = size > 0 ? malloc(size + 1) : NULL;
    if (out->body) {
        memcpy(out->body, text, size);
        out->body[size] = '\n';
        out->size = size + 1;
    }
}

static void serve(void *ctx, const mdl_http_request *r, const uint8_t *posted, mdl_http_reply *out) {
    mdl_http *h = ctx;
    if (r->post) {
        take_post(h, r, posted, out);
        return;
    }
    content what = content_of(r->path + 1, &out->forever);
    mdl_err e = what == NOTHING ? MDL_ENOENT : h->o.get(h->o.ctx, r->path + 1, &out->body, &out->size);
    out->status = e == MDL_OK ? 200 : e == MDL_ENOENT ? 404 : 503;
    out->type = type_of(what);
    if (e != MDL_OK) {
        out->body = NULL;
    }
}

mdl_err mdl_http_open(uv_loop_t *loop, const mdl_http_options *options, mdl_http **out, char *error,
                      size_t error_size) {
    *out = NULL;
    MDL_ASSERT(options->get);
    mdl_http *h = calloc(1, sizeof *h);
    if (!h) {
        return MDL_ENOMEM;
    }
    h->o = *options;
    h->o.listen = NULL; /* the caller's */
    mdl_http_server_options o = {.listen = options->listen,
                                 .connections_max = options->connections_max,
                                 .request_ms = options->request_ms,
                                 .idle_ms = options->idle_ms,
                                 .body_max = options->key_change ? MDL_HTTP_KEY_CHANGE_MAX : 0,
                                 .serve = serve,
                                 .ctx = h};
    mdl_err err = mdl_http_server_open(loop, &o, &h->server, error, error_size);
    if (err != MDL_OK) {
        free(h);
        return err;
    }
    *out = h;
    return MDL_OK;
}

const char *mdl_http_url(const mdl_http *h) { return mdl_http_server_url(h->server); }

mdl_http_counts mdl_http_count(const mdl_http *h) { return mdl_http_server_count(h->server); }

static void on_closed(void *ctx) {
    mdl_http *h = ctx;
    void (*closed)(void *) = h->closed;
    void *closed_ctx = h->closed_ctx;
    free(h);
    if (closed) {
        closed(closed_ctx);
    }
}

void mdl_http_close(mdl_http *h, void (*closed)(void *ctx), void *ctx) {
    h->closed = closed;
    h->closed_ctx = ctx;
    mdl_http_server_close(h->server, on_closed, h);
}
