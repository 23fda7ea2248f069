/* Which way an address goes; see transport_internal.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/loop.h"
#include "runtime/transport_internal.h"

/* ---- server ---- */

struct mdl_server {
    mdl_nng_server *nng; /* NULL: no address of its kind */
    mdl_uv_server *uv;
    mdl_url *url;    /* ours first, then nng's */
    uint32_t *place; /* of the i-th address in it */
    uint32_t url_count;
    uint32_t open; /* of the two */
    int closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static int goes_by_nng(const char *url) {
    mdl_scheme scheme = mdl_address_scheme(url);
    return scheme != MDL_TCP && scheme != MDL_IPC;
}

static void release(mdl_server *s) {
    free(s->url);
    free(s->place);
    free(s);
}

static void part_closed(void *ctx) {
    mdl_server *s = ctx;
    if (--s->open > 0) {
        return;
    }
    void (*closed)(void *) = s->closed;
    void *closed_ctx = s->closed_ctx;
    release(s);
    if (closed) {
        closed(closed_ctx);
    }
}

/* The urls, in the order of the two ways. `ours` is how many are not nng's. */
static mdl_err sort(mdl_server *s, const mdl_server_options *o, uint32_t *ours, char *error, size_t error_size) {
    char url[MDL_URL_MAX], news[MDL_URL_MAX];
    uint8_t key[32];
    int has_key;
    uint32_t at = 0;
    *ours = 0;
    for (int by_nng = 0; by_nng < 2; by_nng++) {
        for (uint32_t i = 0; i < o->listen_count; i++) {
            mdl_err e = mdl_address_parse(o->listen[i], url, news, key, &has_key, error, error_size);
            if (e != MDL_OK) {
                return e;
            }
            if (goes_by_nng(url) == by_nng) {
                s->place[i] = at;
                memcpy(s->url[at++], url, sizeof url);
                *ours += !by_nng;
            }
        }
    }
    return MDL_OK;
}

mdl_err mdl_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_server **out, char *error,
                        size_t error_size) {
    *out = NULL;
    MDL_ASSERT(options->on_call && options->receive_max > 0);
    if (options->calls_max < 1 || options->calls_max > MDL_CALLS_MAX || options->listen_count < 1) {
        snprintf(error, error_size, "a server needs an address, and room for 1 to %d calls", MDL_CALLS_MAX);
        return MDL_ERANGE;
    }
    mdl_ignore_sigpipe();
    mdl_server *s = calloc(1, sizeof *s);
    if (s) {
        s->url_count = options->listen_count;
        s->url = calloc(s->url_count, sizeof *s->url);
        s->place = calloc(s->url_count, sizeof *s->place);
    }
    if (!s || !s->url || !s->place) {
        if (s) {
            release(s);
        }
        snprintf(error, error_size, "cannot listen on %s: out of memory", options->listen[0]);
        return MDL_ENOMEM;
    }
    uint32_t ours;
    mdl_err e = sort(s, options, &ours, error, error_size);
    if (e == MDL_OK && ours > 0) {
        e = mdl_uv_server_open(loop, options, s->url, ours, &s->uv, error, error_size);
    }
    if (e == MDL_OK && ours < s->url_count) {
        e = mdl_nng_server_open(loop, options, s->url + ours, s->url_count - ours, &s->nng, error, error_size);
    }
    if (e != MDL_OK) {
        if (s->uv) {
            mdl_server_close(s, NULL, NULL);
        } else {
            release(s);
        }
        return e;
    }
    *out = s;
    return MDL_OK;
}

const char *mdl_server_url(const mdl_server *s, uint32_t i) {
    MDL_ASSERT(i < s->url_count);
    return s->url[s->place[i]];
}

void mdl_call_reply(mdl_call *call, const uint8_t *bytes, size_t size) { call->reply(call, bytes, size); }

void mdl_call_drop(mdl_call *call) { call->drop(call); }

void mdl_server_publish(mdl_server *s, const uint8_t *bytes, size_t size) {
    MDL_ASSERT(!s->closing);
    if (s->uv) {
        mdl_uv_server_publish(s->uv, bytes, size);
    }
    if (s->nng) {
        mdl_nng_server_publish(s->nng, bytes, size);
    }
}

void mdl_server_close(mdl_server *s, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!s->closing);
    s->closing = 1;
    s->closed = closed;
    s->closed_ctx = ctx;
    s->open = s->uv && s->nng ? 2 : 1;
    if (s->uv) {
        mdl_uv_server_close(s->uv, part_closed, s);
    }
    if (s->nng) {
        mdl_nng_server_close(s->nng, part_closed, s);
    }
}

/* ---- client ---- */

struct mdl_client {
    mdl_nng_client *nng; /* one of the two */
    mdl_uv_client *uv;
};

mdl_err mdl_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_client **out, char *error,
                        size_t error_size) {
    *out = NULL;
    MDL_ASSERT(options->on_reply && options->receive_max > 0);
    MDL_ASSERT(options->calls_max >= 1 && options->calls_max <= MDL_CALLS_MAX);
    mdl_ignore_sigpipe();
    mdl_client *c = calloc(1, sizeof *c);
    if (!c) {
        snprintf(error, error_size, "cannot dial %s: out of memory", options->url);
        return MDL_ENOMEM;
    }
    mdl_err e = goes_by_nng(options->url) ? mdl_nng_client_open(loop, options, &c->nng, error, error_size)
                                          : mdl_uv_client_open(loop, options, &c->uv, error, error_size);
    if (e != MDL_OK) {
        free(c);
        return e;
    }
    *out = c;
    return MDL_OK;
}

mdl_err mdl_client_call(mdl_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms) {
    MDL_ASSERT(timeout_ms >= 1 && timeout_ms <= 86400000);
    return c->uv ? mdl_uv_client_call(c->uv, token, bytes, size, timeout_ms)
                 : mdl_nng_client_call(c->nng, token, bytes, size, timeout_ms);
}

const char *mdl_client_trouble(mdl_client *c) {
    return c->uv ? mdl_uv_client_trouble(c->uv) : mdl_nng_client_trouble(c->nng);
}

void mdl_client_close(mdl_client *c, void (*closed)(void *ctx), void *ctx) {
    if (c->uv) {
        mdl_uv_client_close(c->uv, closed, ctx);
    } else {
        mdl_nng_client_close(c->nng, closed, ctx);
    }
    free(c);
}
