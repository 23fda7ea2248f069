/* The client's side. Calls wait for a connection, and are
 * sent again when it broke before their answer came. */
#include <netdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/assert.h"
#include "runtime/loop.h"
#include "runtime/transport_stream.h"

enum { TROUBLE_MAX = 200, INDEX_BITS = 12, STEADY_MS = 2000, CONNECT_MS = 10000, WORD = 4 };

_Static_assert(MDL_CALLS_MAX <= 1 << INDEX_BITS, "a call's number has room for its place");

typedef struct pending {
    int used, sent; /* sent: on this connection */
    uint32_t id;    /* highest bit set          */
    uint64_t token, began_ms, deadline_ms;
    uint8_t *bytes;
    size_t size;
} pending;

/* One of the two connections and what brings it back. */
typedef struct line {
    mdl_client *client;
    int news;
    mdl_scheme scheme;
    mdl_url url;
    mdl_stream *stream; /* NULL: none        */
    uv_timer_t retry;   /* dial, or give up dialling */
    uv_getaddrinfo_t lookup;
    int looking_up, dialling;
    uint32_t pause_ms, attempts;
} line;

struct mdl_client {
    uv_loop_t *loop;
    line calls, news;
    uv_timer_t deadline;
    mdl_tls_config *tls, *news_tls;
    pending *call;
    uint32_t *unused; /* a stack of places in `call` */
    uint32_t unused_count, serial;
    int has_news, closing;
    uint32_t handles; /* not yet closed, lookups among them */
    char trouble[TROUBLE_MAX];
    mdl_client_options o;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static void dial(line *l);
static void look(uv_timer_t *timer);

/* ---- the end ---- */

static void release(mdl_client *c) {
    mdl_tls_config_free(c->tls);
    mdl_tls_config_free(c->news_tls);
    free(c->call);
    free(c->unused);
    free(c);
}

static void handle_gone(mdl_client *c) {
    if (--c->handles > 0) {
        return;
    }
    void (*closed)(void *) = c->closed;
    void *ctx = c->closed_ctx;
    for (uint32_t i = 0; i < c->o.calls_max; i++) {
        free(c->call[i].bytes);
    }
    release(c);
    if (closed) {
        closed(ctx);
    }
}

static void own_handle_closed(uv_handle_t *handle) { handle_gone(handle->data); }

/* ---- calls ---- */

static void watch_deadlines(mdl_client *c) {
    uint64_t first = UINT64_MAX, now = uv_now(c->loop);
    for (uint32_t i = 0; i < c->o.calls_max; i++) {
        if (c->call[i].used && c->call[i].deadline_ms < first) {
            first = c->call[i].deadline_ms;
        }
    }
    if (first == UINT64_MAX) {
        uv_timer_stop(&c->deadline);
    } else {
        uv_timer_start(&c->deadline, look, first > now ? first - now : 0, 0);
    }
}

static void end_call(mdl_client *c, pending *p, mdl_err status, const uint8_t *bytes, size_t size) {
    free(p->bytes);
    p->bytes = NULL;
    p->used = 0;
    c->unused[c->unused_count++] = (uint32_t)(p - c->call);
    c->o.on_reply(c->o.ctx, p->token, status, bytes, size);
}

static void send_call(mdl_client *c, pending *p) {
    uint8_t id[WORD] = {(uint8_t)(p->id >> 24), (uint8_t)(p->id >> 16), (uint8_t)(p->id >> 8), (uint8_t)p->id};
    p->sent = c->calls.stream && mdl_stream_send(c->calls.stream, id, sizeof id, p->bytes, p->size);
}

/* Deadlines that have passed. */
static void look(uv_timer_t *timer) {
    mdl_client *c = timer->data;
    uint64_t now = uv_now(c->loop);
    for (uint32_t i = 0; i < c->o.calls_max && !c->closing; i++) {
        pending *p = &c->call[i];
        if (!p->used || p->deadline_ms > now) {
            continue;
        }
        mdl_stream *t = c->calls.stream;
        /* Silent since the call though it stood before: perhaps half-open, so are the news. */
        if (t && t->open && t->heard_ms < p->began_ms) {
            mdl_stream_close(t, "no answer on the connection");
            if (c->news.stream) {
                mdl_stream_close(c->news.stream, "replaced");
            }
        }
        end_call(c, p, MDL_EIO, NULL, 0);
    }
    if (!c->closing) {
        watch_deadlines(c);
    }
}

mdl_err mdl_client_call(mdl_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms) {
    MDL_ASSERT(!c->closing && timeout_ms >= 1 && timeout_ms <= 86400000);
    if (c->unused_count == 0) {
        return MDL_ESIZE;
    }
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (!copy) {
        return MDL_ENOMEM;
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    uint32_t place = c->unused[--c->unused_count];
    uv_update_time(c->loop);
    c->call[place] = (pending){.used = 1,
                               .id = 0x80000000u | (c->serial++ << INDEX_BITS & 0x7fffffffu) | place,
                               .token = token,
                               .began_ms = uv_now(c->loop),
                               .deadline_ms = uv_now(c->loop) + timeout_ms,
                               .bytes = copy,
                               .size = size};
    send_call(c, &c->call[place]);
    watch_deadlines(c);
    return MDL_OK;
}

static int answered(mdl_stream *t, const uint8_t *bytes, size_t size) {
    mdl_client *c = ((line *)t->owner)->client;
    if (size < WORD || !(bytes[0] & 0x80)) {
        mdl_stream_close(t, "the other side sent no answer");
        return 1;
    }
    uint32_t id = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    uint32_t place = id & ((1u << INDEX_BITS) - 1);
    if (place < c->o.calls_max && c->call[place].used && c->call[place].id == id) {
        int fits = size - WORD <= c->o.receive_max;
        end_call(c, &c->call[place], fits ? MDL_OK : MDL_EIO, fits ? bytes + WORD : NULL, fits ? size - WORD : 0);
        if (!c->closing) {
            watch_deadlines(c);
        }
    } /* else it came too late */
    return 1;
}

static int heard(mdl_stream *t, const uint8_t *bytes, size_t size) {
    mdl_client *c = ((line *)t->owner)->client;
    if (c->o.on_news && size <= c->o.receive_max) {
        c->o.on_news(c->o.ctx, bytes, size);
    }
    return 1;
}

/* ---- connections ---- */

static void note(line *l, const char *why) {
    if (!l->news) {
        snprintf(l->client->trouble, sizeof l->client->trouble, "%s", why);
    }
}

static void retry(uv_timer_t *timer) {
    line *l = (line *)((char *)timer - offsetof(line, retry));
    if (l->dialling && l->stream) {
        mdl_stream_close(l->stream, "no answer");
    } else {
        dial(l);
    }
}

/* Dial again, after a while that doubles, a random part of it. */
static void dial_later(line *l) {
    if (l->client->closing) {
        return;
    }
    uint32_t wait = l->pause_ms / 2 + randombytes_uniform(l->pause_ms / 2 + 1);
    l->pause_ms = l->pause_ms * 2 < MDL_RECONNECT_MAX_MS ? l->pause_ms * 2 : MDL_RECONNECT_MAX_MS;
    uv_update_time(l->client->loop);
    uv_timer_start(&l->retry, retry, wait, 0);
}

static void greeted(mdl_stream *t) {
    line *l = t->owner;
    mdl_client *c = l->client;
    l->dialling = 0;
    uv_timer_stop(&l->retry);
    if (l->news) {
        return;
    }
    c->trouble[0] = 0;
    for (uint32_t i = 0; i < c->o.calls_max && t->open; i++) {
        if (c->call[i].used) {
            send_call(c, &c->call[i]);
        }
    }
    if (t->open && c->o.on_link) {
        t->waits = 1; /* the owner was told */
        c->o.on_link(c->o.ctx, 1);
    }
}

static void stream_closed(mdl_stream *t) {
    line *l = t->owner;
    mdl_client *c = l->client;
    int told = t->waits;
    l->stream = NULL;
    l->dialling = 0;
    if (!c->closing) {
        note(l, t->why);
        uv_timer_stop(&l->retry);
        if (told && uv_now(c->loop) - t->since_ms >= STEADY_MS) {
            l->pause_ms = MDL_RECONNECT_MIN_MS;
        }
        dial_later(l);
        if (told && c->o.on_link) {
            c->o.on_link(c->o.ctx, 0);
        }
    }
    handle_gone(c);
}

static void connected(uv_connect_t *request, int status) {
    mdl_stream *t = request->handle->data;
    if (status == 0 && !t->closing) {
        mdl_stream_start(t);
    } else {
        mdl_stream_close(t, status == UV_ECONNREFUSED || status == UV_ENOENT ? "nobody listens there"
                                                                             : uv_strerror(status));
    }
}

/* A stream that dials, or NULL. */
static mdl_stream *new_stream(line *l) {
    mdl_client *c = l->client;
    mdl_stream *t = mdl_stream_new(c->loop, l->scheme);
    if (!t) {
        note(l, "out of memory");
        dial_later(l);
        return NULL;
    }
    t->owner = l;
    t->tls_config = l->news ? c->news_tls : c->tls;
    t->url = l->url;
    t->mine = l->news ? MDL_SP_SUB : MDL_SP_REQ;
    t->theirs = l->news ? MDL_SP_PUB : MDL_SP_REP;
    t->limit = c->o.receive_max + (size_t)MDL_HEADER_HOPS * WORD;
    t->ready = greeted;
    t->message = l->news ? heard : answered;
    t->closed = stream_closed;
    l->stream = t;
    l->dialling = 1;
    c->handles++;
    uv_timer_start(&l->retry, retry, CONNECT_MS, 0);
    return t;
}

static void looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found) {
    line *l = (line *)((char *)lookup - offsetof(line, lookup));
    mdl_client *c = l->client;
    l->looking_up = 0;
    if (!c->closing && (status != 0 || !found)) {
        note(l, status == 0 || status == UV_EAI_NONAME ? "no such host" : uv_strerror(status));
        dial_later(l);
    } else if (!c->closing) {
        uint32_t count = 0;
        for (const struct addrinfo *a = found; a; a = a->ai_next) {
            count++;
        }
        const struct addrinfo *a = found;
        for (uint32_t i = 0; i < l->attempts % count; i++) { /* another one each time */
            a = a->ai_next;
        }
        l->attempts++;
        mdl_stream *t = new_stream(l);
        int rv = t ? uv_tcp_connect(&t->connect, &t->h.tcp, a->ai_addr, connected) : 0;
        if (rv != 0) {
            mdl_stream_close(t, uv_strerror(rv));
        }
    }
    uv_freeaddrinfo(found);
    handle_gone(c);
}

static void dial(line *l) {
    mdl_client *c = l->client;
    if (l->scheme == MDL_IPC) {
        mdl_stream *t = new_stream(l);
        if (t) {
            uv_pipe_connect(&t->connect, &t->h.pipe, l->url + strlen("ipc://"), connected);
        }
        return;
    }
    char host[MDL_URL_MAX], port[16];
    mdl_err e = mdl_address_host(l->url, host, sizeof host);
    MDL_ASSERT(e == MDL_OK);
    snprintf(port, sizeof port, "%d", (int)mdl_address_port(l->url));
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int rv = uv_getaddrinfo(c->loop, &l->lookup, looked_up, host, port, &hints);
    if (rv == 0) {
        l->looking_up = 1;
        c->handles++;
    } else {
        note(l, uv_strerror(rv));
        dial_later(l);
    }
}

/* ---- opening and closing ---- */

/* *tls is set where the url has it. */
static mdl_err check_url(const char *url, const mdl_tls_files *files, mdl_tls_config **tls, char *error,
                         size_t error_size) {
    mdl_scheme scheme = mdl_address_scheme(url);
    if (scheme == MDL_IPC && strlen(url) - strlen("ipc://") >= sizeof((struct sockaddr_un *)0)->sun_path) {
        snprintf(error, error_size, "cannot dial %s: %s", url, uv_strerror(UV_ENAMETOOLONG));
        return MDL_ESIZE;
    }
    if (scheme != MDL_IPC && mdl_address_port(url) == 0) {
        snprintf(error, error_size, "cannot dial %s: port 0 is for listening", url);
        return MDL_ESYNTAX;
    }
    return scheme == MDL_TLS ? mdl_tls_config_client(files, url, tls, error, error_size) : MDL_OK;
}

static void open_line(mdl_client *c, line *l, const char *url, int news) {
    l->client = c;
    l->news = news;
    l->scheme = mdl_address_scheme(url);
    l->pause_ms = MDL_RECONNECT_MIN_MS;
    snprintf(l->url, sizeof l->url, "%s", url);
    uv_timer_init(c->loop, &l->retry);
    l->retry.data = c;
    c->handles++;
    uv_timer_start(&l->retry, retry, 0, 0); /* nothing is called back from within the opening */
}

mdl_err mdl_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_client **out, char *error,
                        size_t error_size) {
    *out = NULL;
    MDL_ASSERT(options->on_reply && options->receive_max > 0);
    MDL_ASSERT(options->calls_max >= 1 && options->calls_max <= MDL_CALLS_MAX);
    mdl_ignore_sigpipe();
    mdl_client *c = calloc(1, sizeof *c);
    if (c) {
        c->call = calloc(options->calls_max, sizeof *c->call);
        c->unused = calloc(options->calls_max, sizeof *c->unused);
    }
    mdl_err e = c && c->call && c->unused ? MDL_OK : MDL_ENOMEM;
    if (e != MDL_OK) {
        snprintf(error, error_size, "cannot dial %s: out of memory", options->url);
    } else {
        e = check_url(options->url, &options->tls, &c->tls, error, error_size);
    }
    if (e == MDL_OK && options->news) {
        e = check_url(options->news, &options->tls, &c->news_tls, error, error_size);
    }
    if (e != MDL_OK) {
        if (c) {
            release(c);
        }
        return e;
    }
    c->loop = loop;
    c->o = *options;
    c->serial = randombytes_random();
    for (uint32_t i = 0; i < options->calls_max; i++) {
        c->unused[i] = options->calls_max - 1 - i;
    }
    c->unused_count = options->calls_max;
    uv_timer_init(loop, &c->deadline);
    c->deadline.data = c;
    c->handles = 1;
    open_line(c, &c->calls, options->url, 0);
    c->has_news = options->news != NULL;
    if (c->has_news) {
        open_line(c, &c->news, options->news, 1);
    }
    c->o.url = c->o.news = NULL; /* the caller's */
    memset(&c->o.tls, 0, sizeof c->o.tls);
    *out = c;
    return MDL_OK;
}

const char *mdl_client_trouble(mdl_client *c) { return c->trouble; }

static void close_line(line *l) {
    if (l->stream) {
        mdl_stream_close(l->stream, "closed");
    }
    if (l->looking_up) {
        uv_cancel((uv_req_t *)&l->lookup); /* its callback comes in any case */
    }
    uv_close((uv_handle_t *)&l->retry, own_handle_closed);
}

void mdl_client_close(mdl_client *c, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!c->closing);
    c->closing = 1;
    c->closed = closed;
    c->closed_ctx = ctx;
    close_line(&c->calls);
    if (c->has_news) {
        close_line(&c->news);
    }
    uv_close((uv_handle_t *)&c->deadline, own_handle_closed);
}
