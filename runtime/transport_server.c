/* The server over tcp and ipc, on the loop. Calls under way are bounded: a
 * connection whose call finds no room is not read on until there is. */
#define _DEFAULT_SOURCE 1 /* SO_PEERCRED */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

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
    size_t header_size;
    uint8_t header[MDL_HEADER_HOPS * WORD];
};

struct mdl_server {
    uv_loop_t *loop;
    uv_timer_t tick;
    uv_idle_t again; /* runs when a call's end has made room for those who wait */
    listener *listeners;
    mdl_stream *calls, *news;    /* connections           */
    mdl_stream *waiting, **last; /* in order, for room    */
    mdl_call *owned;
    mdl_url *url; /* as bound */
    uint32_t url_count;
    mdl_tls_config *tls; /* NULL: not used */
    uint32_t under_way, calls_max, peers, peers_max;
    size_t receive_max;
    void (*on_call)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
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

static void handle_gone(mdl_server *s) {
    if (--s->handles > 0) {
        return;
    }
    void (*closed)(void *) = s->closed;
    void *ctx = s->closed_ctx;
    while (s->owned) {
        mdl_call *o = s->owned;
        s->owned = o->next;
        free(o);
    }
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

static void stop_waiting(mdl_server *s, mdl_stream *which) {
    for (mdl_stream **at = &s->waiting; *at; at = &(*at)->waiting) {
        if (*at == which) {
            *at = which->waiting;
            if (!which->waiting) {
                s->last = at;
            }
            which->waits = 0;
            return;
        }
    }
}

static int has_room(const mdl_server *s, const mdl_stream *t) {
    return s->under_way < s->calls_max && t->under_way < PEER_CALLS_MAX;
}

static void serve_waiting(uv_idle_t *idle) {
    mdl_server *s = idle->data;
    uv_idle_stop(idle);
    mdl_stream *t = s->waiting, *next;
    for (; t && !s->closing && s->under_way < s->calls_max; t = next) {
        next = t->waiting;
        if (has_room(s, t)) {
            stop_waiting(s, t);
            mdl_stream_resume(t); /* may wait again, at the end */
        }
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
    }
    s->under_way--;
    free(o);
    if (s->waiting) {
        uv_idle_start(&s->again, serve_waiting);
    }
}

void mdl_call_drop(mdl_call *call) {
    if (!call->server->closing) {
        call_over(call);
    }
}

void mdl_call_reply(mdl_call *call, const uint8_t *bytes, size_t size) {
    if (call->server->closing) {
        return;
    }
    if (call->stream) {
        mdl_stream_send(call->stream, call->header, call->header_size, bytes, size);
    }
    call_over(call);
}

/* It has a name from now on. */
static void greeted(mdl_stream *t) {
    char *out = t->peer;
    struct sockaddr_storage a;
    int size = sizeof a, fd;
    char host[64];
    snprintf(out, MDL_PEER_MAX, t->scheme == MDL_IPC ? "ipc" : "unknown");
    if (t->scheme == MDL_IPC) {
#ifdef SO_PEERCRED
        struct {
            pid_t pid;
            uid_t uid;
            gid_t gid;
        } who;
        socklen_t who_size = sizeof who;
        if (uv_fileno(&t->h.any, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_size) == 0) {
            snprintf(out, MDL_PEER_MAX, "ipc:pid %ld uid %ld", (long)who.pid, (long)who.uid);
        }
#endif
        (void)fd;
    } else if (uv_tcp_getpeername(&t->h.tcp, (struct sockaddr *)&a, &size) == 0) {
        if (a.ss_family == AF_INET6 && uv_ip6_name((struct sockaddr_in6 *)&a, host, sizeof host) == 0) {
            snprintf(out, MDL_PEER_MAX, "[%s]:%u", host, (unsigned)ntohs(((struct sockaddr_in6 *)&a)->sin6_port));
        } else if (a.ss_family == AF_INET && uv_ip4_name((struct sockaddr_in *)&a, host, sizeof host) == 0) {
            snprintf(out, MDL_PEER_MAX, "%s:%u", host, (unsigned)ntohs(((struct sockaddr_in *)&a)->sin_port));
        }
    }
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

static int called(mdl_stream *t, const uint8_t *bytes, size_t size) {
    mdl_server *s = t->owner;
    size_t header = header_size(bytes, size);
    if (header == 0 || size - header > s->receive_max) {
        mdl_stream_close(t, "the other side sent no call");
        return 1;
    }
    if (!has_room(s, t)) {
        t->waits = 1;
        t->waiting = NULL;
        *s->last = t;
        s->last = &t->waiting;
        return 0;
    }
    mdl_call *o = malloc(sizeof *o);
    if (!o) {
        return 1; /* as if it had been lost on the way */
    }
    o->server = s;
    o->stream = t;
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
    s->on_call(s->ctx, o, bytes + header, size - header, t->peer);
    return 1;
}

/* ---- connections ---- */

static void stream_closed(mdl_stream *t) {
    mdl_server *s = t->owner;
    if (t->waits) {
        stop_waiting(s, t);
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
    t->queue_max = REPLY_QUEUE_MAX;
    t->tls_config = s->tls;
    t->url = l->url;
    t->ready = greeted;
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

/* Addresses to bind, to freeaddrinfo(). 0 or libuv's error. */
static int resolve(const char *url, struct addrinfo **out) {
    char host[MDL_URL_MAX], port[16];
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    mdl_err e = mdl_address_host(url, host, sizeof host);
    MDL_ASSERT(e == MDL_OK);
    snprintf(port, sizeof port, "%d", (int)mdl_address_port(url));
    int any = strcmp(host, "*") == 0;
    if (any) {
        hints.ai_family = AF_INET;
    }
    switch (getaddrinfo(any ? NULL : host, port, &hints, out)) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return UV_ENOMEM;
    default:
        return UV_EAI_NONAME;
    }
}

/* A socket file that nobody listens at, as a crash leaves it. */
static int is_stale(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), stale = 0;
    if (fd >= 0) {
        memcpy(a.sun_path, path, strlen(path) + 1);
        stale = connect(fd, (struct sockaddr *)&a, sizeof a) != 0 && errno == ECONNREFUSED;
        close(fd);
    }
    return stale;
}

static int bind_pipe(listener *l, const char *path) {
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return UV_ENAMETOOLONG;
    }
    int rv = uv_pipe_bind(&l->h.pipe, path);
    if (rv == UV_EADDRINUSE && is_stale(path) && unlink(path) == 0) {
        rv = uv_pipe_bind(&l->h.pipe, path);
    }
    return rv;
}

static int bind_tcp(listener *l, const char *url) {
    struct addrinfo *found;
    int rv = resolve(url, &found);
    if (rv == 0) {
        rv = uv_tcp_bind(&l->h.tcp, found->ai_addr, 0);
        freeaddrinfo(found);
    }
    return rv;
}

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
    rv = l->scheme == MDL_IPC ? bind_pipe(l, url + strlen("ipc://")) : bind_tcp(l, url);
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

static uint32_t bound_port(const listener *l) {
    struct sockaddr_storage a;
    int size = sizeof a;
    memset(&a, 0, sizeof a);
    if (uv_tcp_getsockname(&l->h.tcp, (struct sockaddr *)&a, &size) != 0) {
        return 0;
    }
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
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
        if (chosen && mdl_address_with_port(url, bound_port(calls), bound) != MDL_OK) {
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
    s->last = &s->waiting;
    s->calls_max = options->calls_max;
    s->peers_max = options->peers_max ? options->peers_max : UINT32_MAX;
    s->receive_max = options->receive_max;
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
