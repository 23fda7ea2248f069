/* The server over tcp and ipc, on the loop. Calls under way are bounded: a
 * connection whose call finds no room is not read on until there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/loop.h"
#include "runtime/transport_stream.h"

enum {
    BACKLOG = 512,
    TICK_MS = 1000,
    PEER_CALLS_MAX = 64,           /* under way of one connection               */
    NEWS_QUEUE_MAX = 1024 * 1024,  /* bytes that may wait for a slow subscriber */
    REPLY_QUEUE_MAX = 1024 * 1024, /* no call is read while more replies wait   */
    WORD = 4
};

typedef struct listener {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    mdl_server *server;
    mdl_scheme scheme;
    mdl_url url; /* bound */
    int news;
    int missed; /* somebody could not be accepted for lack of memory: libuv waits with others */
    struct listener *next;
} listener;

/* A call that the owner has not answered yet. */
struct mdl_call {
    mdl_server *server;
    mdl_stream *stream; /* NULL: gone */
    mdl_call *next, **link;
    enum { WHOLE, ASKED, ADMITTED } state; /* admitted: ours, until it is whole */
    size_t large; /* bytes of the server's large_used, once admitted; until then those it wants */
    size_t header_size;
    uint8_t header[MDL_HEADER_HOPS * WORD];
};

/* Connections that wait for something, in order. */
typedef struct queue {
    mdl_stream *first, **last;
} queue;

struct mdl_server {
    uv_loop_t *loop;
    uv_timer_t tick;
    uv_idle_t again; /* runs when a call's end has made room for those who wait */
    listener *listeners;
    mdl_stream *calls, *news; /* connections           */
    queue waiting;            /* for a call's room     */
    queue hungry;             /* for memory            */
    mdl_call *owned, *spare;  /* spare: memory of calls that are over */
    mdl_url *url;             /* as bound */
    uint32_t url_count;
    mdl_tls_config *tls; /* NULL: not used */
    uint32_t under_way, calls_max, peers, peers_max;
    size_t receive_max, large_max, large_total, large_used;
    uint32_t large_ms;
    void (*on_call)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
    void (*on_large)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
    void *ctx;
    uint32_t handles; /* not yet closed */
    int closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* ---- the end ---- */

static void release(mdl_server *s) {
    mdl_tls_config_free(s->tls);
    free(s->url);
    free(s);
}

static void free_calls(mdl_call *o) {
    for (mdl_call *next; o; o = next) {
        next = o->next;
        free(o);
    }
}

static void handle_gone(mdl_server *s) {
    if (--s->handles > 0) {
        return;
    }
    void (*closed)(void *) = s->closed;
    void *ctx = s->closed_ctx;
    free_calls(s->owned);
    free_calls(s->spare);
    release(s);
    if (closed) {
        closed(ctx);
    }
}

static void own_handle_closed(uv_handle_t *handle) { handle_gone(handle->data); }

static void listener_closed(uv_handle_t *handle) {
    listener *l = handle->data;
    mdl_server *s = l->server;
    free(l);
    handle_gone(s);
}

/* ---- calls ---- */

static void wait_in(queue *q, mdl_stream *t) {
    t->waits = 1;
    t->waiting = NULL;
    *q->last = t;
    q->last = &t->waiting;
}

static void stop_waiting(queue *q, mdl_stream *which) {
    for (mdl_stream **at = &q->first; *at; at = &(*at)->waiting) {
        if (*at == which) {
            *at = which->waiting;
            if (!which->waiting) {
                q->last = at;
            }
            which->waits = 0;
            return;
        }
    }
}

static int has_room(const mdl_server *s, const mdl_stream *t) {
    return s->under_way < s->calls_max && t->under_way < PEER_CALLS_MAX;
}

static int has_memory(const mdl_server *s, const mdl_call *o) { return s->large_total - s->large_used >= o->large; }

static void admit(mdl_call *o) {
    o->server->large_used += o->large;
    o->state = ADMITTED;
    mdl_stream_admit(o->stream, o->header_size + o->large);
}

static void serve_waiting(uv_idle_t *idle) {
    mdl_server *s = idle->data;
    uv_idle_stop(idle);
    mdl_stream *t = s->hungry.first, *next;
    while (t && !s->closing && has_memory(s, t->part)) { /* in order: a large one is not overtaken for ever */
        stop_waiting(&s->hungry, t);
        admit(t->part);
        t = s->hungry.first;
    }
    t = s->waiting.first;
    for (; t && !s->closing && s->under_way < s->calls_max; t = next) {
        next = t->waiting;
        if (has_room(s, t)) {
            stop_waiting(&s->waiting, t);
            mdl_stream_resume(t); /* may wait again, at the end */
        }
    }
}

static void wake(mdl_server *s) {
    if (!s->closing && (s->waiting.first || s->hungry.first)) {
        uv_idle_start(&s->again, serve_waiting);
    }
}

static void call_over(mdl_call *o) {
    mdl_server *s = o->server;
    *o->link = o->next;
    if (o->next) {
        o->next->link = o->link;
    }
    if (o->stream) {
        o->stream->under_way--;
        if (o->stream->part == o) {
            o->stream->part = NULL;
        }
    }
    s->under_way--;
    s->large_used -= o->state == ASKED ? 0 : o->large;
    o->next = s->spare;
    s->spare = o;
    wake(s);
}

void mdl_call_used(mdl_call *call) {
    mdl_server *s = call->server;
    if (!s->closing && call->large > 0) {
        MDL_ASSERT(call->state == WHOLE);
        s->large_used -= call->large;
        call->large = 0;
        wake(s);
    }
}

void mdl_call_drop(mdl_call *call) {
    if (!call->server->closing) {
        if (call->state == ASKED && call->stream) {
            mdl_stream_close(call->stream, "a call that may not be so long");
        }
        call_over(call);
    }
}

void mdl_call_admit(mdl_call *call, size_t size) {
    mdl_server *s = call->server;
    if (s->closing) {
        return;
    }
    MDL_ASSERT(call->state == ASKED);
    if (!call->stream) {
        call_over(call);
        return;
    }
    MDL_ASSERT(size <= s->large_max);
    call->large = size;
    if (!s->hungry.first && has_memory(s, call)) {
        admit(call);
    } else {
        wait_in(&s->hungry, call->stream);
    }
}

void mdl_call_reply(mdl_call *call, const uint8_t *bytes, size_t size) {
    if (call->server->closing) {
        return;
    }
    if (call->stream) {
        mdl_stream_send(call->stream, call->header, call->header_size, bytes, size);
        if (call->state == ASKED) {
            call->stream->part = NULL; /* before the next one */
            mdl_stream_skip(call->stream);
        }
    }
    call_over(call);
}

/* The words that lead back to whoever asked: the last has its highest bit set.
 * Their size, or 0 when they do not end. */
static size_t header_size(const uint8_t *bytes, size_t size) {
    for (size_t at = 0; at + WORD <= size && at < (size_t)MDL_HEADER_HOPS * WORD; at += WORD) {
        if (bytes[at] & 0x80) {
            return at + WORD;
        }
    }
    return 0;
}

/* NULL when out of memory. */
static mdl_call *new_call(mdl_server *s, mdl_stream *t, const uint8_t *bytes, size_t header) {
    mdl_call *o = s->spare;
    if (o) {
        s->spare = o->next;
    } else if ((o = malloc(sizeof *o)) == NULL) {
        return NULL;
    }
    o->server = s;
    o->stream = t;
    o->state = WHOLE;
    o->large = 0;
    o->header_size = header;
    memcpy(o->header, bytes, header);
    o->next = s->owned;
    o->link = &s->owned;
    if (s->owned) {
        s->owned->link = &o->next;
    }
    s->owned = o;
    s->under_way++;
    t->under_way++;
    return o;
}

static int called(mdl_stream *t, const uint8_t *bytes, size_t size) {
    mdl_server *s = t->owner;
    mdl_call *o = t->part;
    size_t header = header_size(bytes, size);
    if (header == 0 || (s->large_max == 0 && size - header > s->receive_max)) {
        mdl_stream_close(t, "the other side sent no call");
        return 1;
    }
    if (o) { /* the rest of a large one */
        t->part = NULL;
        o->state = WHOLE;
    } else if (!has_room(s, t)) {
        wait_in(&s->waiting, t);
        return 0;
    } else {
        o = new_call(s, t, bytes, header);
    }
    if (o) { /* else it is as if it had been lost on the way */
        s->on_call(s->ctx, o, bytes + header, size - header, t->peer);
    }
    return 1;
}

/* The beginning of a large call. */
static void began(mdl_stream *t, const uint8_t *bytes, size_t size) {
    mdl_server *s = t->owner;
    size_t header = header_size(bytes, size);
    if (header == 0) {
        mdl_stream_close(t, "the other side sent no call");
        return;
    }
    if (!has_room(s, t)) {
        wait_in(&s->waiting, t);
        return;
    }
    mdl_call *o = new_call(s, t, bytes, header);
    if (!o) {
        mdl_stream_close(t, "out of memory");
        return;
    }
    t->part = o;
    o->state = ASKED;
    s->on_large(s->ctx, o, bytes + header, size - header, t->peer);
}

/* ---- connections ---- */

static void stream_closed(mdl_stream *t) {
    mdl_server *s = t->owner;
    mdl_call *part = t->part;
    int admitted = part && part->state == ADMITTED;
    if (t->waits) {
        stop_waiting(part ? &s->hungry : &s->waiting, t);
        admitted |= part != NULL;
    }
    if (admitted && !s->closing) {
        call_over(part);
    }
    for (mdl_call *o = s->owned; t->under_way > 0 && o; o = o->next) {
        if (o->stream == t) {
            o->stream = NULL;
            t->under_way--;
        }
    }
    *t->link = t->next;
    if (t->next) {
        t->next->link = t->link;
    }
    s->peers -= t->mine == MDL_SP_REP;
    handle_gone(s);
}

static int said_by_subscriber(mdl_stream *t, const uint8_t *bytes, size_t size) {
    (void)bytes;
    (void)size;
    mdl_stream_close(t, "a subscriber says nothing");
    return 1;
}

static void knocked(uv_stream_t *stream, int status) {
    listener *l = stream->data;
    mdl_server *s = l->server;
    if (status != 0 || s->closing) {
        return;
    }
    mdl_stream *t = mdl_stream_new(s->loop, l->scheme);
    l->missed = t == NULL;
    if (!t) {
        return;
    }
    t->owner = s;
    t->mine = l->news ? MDL_SP_PUB : MDL_SP_REP;
    t->theirs = l->news ? MDL_SP_SUB : MDL_SP_REQ;
    t->limit = l->news ? 1 : s->receive_max + sizeof((mdl_call *)0)->header;
    t->large = l->news || s->large_max == 0 ? 0 : s->large_max + sizeof((mdl_call *)0)->header;
    t->large_ms = s->large_ms;
    t->asked = began;
    t->queue_max = REPLY_QUEUE_MAX;
    t->tls_config = s->tls;
    t->url = l->url;
    t->ready = mdl_stream_name; /* from now on it has one */
    t->message = l->news ? said_by_subscriber : called;
    t->closed = stream_closed;
    mdl_stream **list = l->news ? &s->news : &s->calls;
    t->next = *list;
    t->link = list;
    if (*list) {
        (*list)->link = &t->next;
    }
    *list = t;
    s->handles++;
    s->peers += !l->news;
    if (uv_accept(stream, &t->h.stream) != 0) {
        mdl_stream_close(t, "not accepted");
    } else if (!l->news && s->peers > s->peers_max) {
        mdl_stream_close(t, "too many connections");
    } else {
        mdl_stream_start(t);
    }
}

static void ticked(uv_timer_t *timer) {
    mdl_server *s = timer->data;
    for (mdl_stream *t = s->calls; t; t = t->next) {
        mdl_stream_tick(t);
    }
    for (mdl_stream *t = s->news; t; t = t->next) {
        mdl_stream_tick(t);
    }
    for (listener *l = s->listeners; l; l = l->next) {
        if (l->missed) {
            knocked(&l->h.stream, 0);
        }
    }
}

void mdl_server_publish(mdl_server *s, const uint8_t *bytes, size_t size) {
    MDL_ASSERT(!s->closing);
    for (mdl_stream *t = s->news; t; t = t->next) {
        if (t->open && mdl_stream_queued(t) < NEWS_QUEUE_MAX) {
            mdl_stream_send(t, NULL, 0, bytes, size);
        }
    }
}

/* ---- opening and closing ---- */

static void close_listener(listener *l) { uv_close(&l->h.any, listener_closed); }

/* 0 with a new listener, or libuv's error. */
static int listen_at(mdl_server *s, const char *url, int news, listener **out) {
    listener *l = calloc(1, sizeof *l);
    if (!l) {
        return UV_ENOMEM;
    }
    l->server = s;
    l->news = news;
    l->scheme = mdl_address_scheme(url);
    memcpy(l->url, url, strlen(url) + 1);
    int rv = l->scheme == MDL_IPC ? uv_pipe_init(s->loop, &l->h.pipe, 0) : uv_tcp_init(s->loop, &l->h.tcp);
    if (rv != 0) {
        free(l);
        return rv;
    }
    l->h.any.data = l;
    s->handles++;
    rv = mdl_bind(l->scheme, &l->h.any, url);
    if (rv == 0) {
        rv = uv_listen(&l->h.stream, BACKLOG, knocked);
    }
    if (rv != 0) {
        close_listener(l);
        return rv;
    }
    *out = l;
    return 0;
}

/* The listeners of calls and news of one address; `url` becomes what is bound, and
 * `failed` what was not. */
static int listen_pair(mdl_server *s, mdl_url url, mdl_url failed) {
    mdl_url news, bound, ignored;
    uint8_t key[32];
    int has_key, chosen = mdl_address_port(url) == 0, rv = UV_EADDRINUSE;
    for (int i = 0; i < (chosen ? MDL_PORT_TRIES : 1) && rv == UV_EADDRINUSE; i++) {
        listener *calls, *published;
        memcpy(failed, url, MDL_URL_MAX);
        memcpy(bound, url, MDL_URL_MAX);
        rv = listen_at(s, url, 0, &calls);
        if (rv != 0) {
            return rv;
        }
        if (chosen && mdl_address_with_port(url, mdl_bound_port(&calls->h.tcp), bound) != MDL_OK) {
            rv = UV_ENAMETOOLONG;
        } else if (mdl_address_parse(bound, ignored, news, key, &has_key, failed, MDL_URL_MAX) != MDL_OK) {
            rv = UV_EADDRINUSE; /* the last port of all: nothing comes after it */
        } else {
            memcpy(failed, news, MDL_URL_MAX);
            rv = listen_at(s, news, 1, &published);
        }
        if (rv != 0) {
            close_listener(calls);
            continue;
        }
        memcpy(url, bound, MDL_URL_MAX);
        calls->next = published;
        published->next = s->listeners;
        s->listeners = calls;
    }
    return rv;
}

/* The addresses taken apart, and TLS if one has it. */
static mdl_err prepare(mdl_server *s, const mdl_server_options *o, char *error, size_t error_size) {
    mdl_err e = MDL_OK;
    for (uint32_t i = 0; e == MDL_OK && i < o->listen_count; i++) {
        mdl_url news;
        uint8_t key[32];
        int has_key;
        e = mdl_address_parse(o->listen[i], s->url[i], news, key, &has_key, error, error_size);
        if (e == MDL_OK && mdl_address_scheme(s->url[i]) == MDL_TLS && !s->tls) {
            e = mdl_tls_config_server(&o->tls, &s->tls, error, error_size);
        }
    }
    return e;
}

mdl_err mdl_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_server **out, char *error,
                        size_t error_size) {
    *out = NULL;
    MDL_ASSERT(options->on_call && options->receive_max > 0);
    MDL_ASSERT(options->large_max == 0 || (options->on_large && options->large_max >= options->receive_max &&
                                           options->large_total >= options->large_max));
    if (options->calls_max < 1 || options->calls_max > MDL_CALLS_MAX || options->listen_count < 1) {
        snprintf(error, error_size, "a server needs an address, and room for 1 to %d calls", MDL_CALLS_MAX);
        return MDL_ERANGE;
    }
    mdl_ignore_sigpipe();
    mdl_server *s = calloc(1, sizeof *s);
    if (s) {
        s->url_count = options->listen_count;
        s->url = calloc(s->url_count, sizeof *s->url);
    }
    mdl_err e = s && s->url ? prepare(s, options, error, error_size) : MDL_ENOMEM;
    if (e == MDL_ENOMEM ||
        (e == MDL_OK && (uv_timer_init(loop, &s->tick) != 0 || uv_idle_init(loop, &s->again) != 0))) {
        snprintf(error, error_size, "cannot listen on %s: out of memory", options->listen[0]);
        e = MDL_ENOMEM;
    }
    if (e != MDL_OK) {
        if (s) {
            release(s);
        }
        return e;
    }
    s->loop = loop;
    s->waiting.last = &s->waiting.first;
    s->hungry.last = &s->hungry.first;
    s->calls_max = options->calls_max;
    s->peers_max = options->peers_max ? options->peers_max : UINT32_MAX;
    s->receive_max = options->receive_max;
    s->large_max = options->large_max;
    s->large_total = options->large_total;
    s->large_ms = options->large_ms > 0 ? options->large_ms : MDL_LARGE_MS;
    s->on_large = options->on_large;
    s->on_call = options->on_call;
    s->ctx = options->ctx;
    s->tick.data = s->again.data = s;
    s->handles = 2;
    int rv = 0;
    mdl_url failed;
    for (uint32_t i = 0; i < s->url_count && rv == 0; i++) {
        rv = listen_pair(s, s->url[i], failed);
    }
    if (rv == 0) {
        rv = uv_timer_start(&s->tick, ticked, TICK_MS, TICK_MS);
    }
    if (rv != 0) {
        snprintf(error, error_size, "cannot listen on %s: %s", failed, uv_strerror(rv));
        mdl_server_close(s, NULL, NULL);
        return rv == UV_ENOMEM ? MDL_ENOMEM : MDL_EIO;
    }
    *out = s;
    return MDL_OK;
}

const char *mdl_server_url(const mdl_server *s, uint32_t i) {
    MDL_ASSERT(i < s->url_count);
    return s->url[i];
}

void mdl_server_close(mdl_server *s, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!s->closing);
    s->closing = 1;
    s->closed = closed;
    s->closed_ctx = ctx;
    for (listener *l = s->listeners; l; l = l->next) {
        close_listener(l);
    }
    for (mdl_stream *t = s->calls; t; t = t->next) {
        mdl_stream_close(t, "closed");
    }
    for (mdl_stream *t = s->news; t; t = t->next) {
        mdl_stream_close(t, "closed");
    }
    uv_close((uv_handle_t *)&s->tick, own_handle_closed);
    uv_close((uv_handle_t *)&s->again, own_handle_closed);
}
