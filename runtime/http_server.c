#include "runtime/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/text_scan.h"
#include "runtime/loop.h"

enum {
    CONNECTIONS_MAX = 4096,
    REQUEST_MS = 10000,
    IDLE_MS = 30000,
    ANSWER_MS = 10000,
    LINGER_MS = 1000,
    BYTES_PER_MS = 16,
    SWEEP_MS = 250,
    BACKLOG = 128,
    HOST_MAX = 64
};

typedef enum state { READING, POSTING, WRITING, LINGERING, CLOSING } state;

typedef struct connection {
    uv_tcp_t tcp;
    mdl_http_server *http;
    struct connection *next, **link;
    state state;
    uint64_t deadline_ms;
    size_t used; /* of buffer */
    int keep_alive;
    uint8_t *body;            /* being written */
    mdl_http_request request; /* whose body is being read */
    uint8_t *posted;
    size_t posted_used;
    char head[512];
    uv_write_t write;
    uv_shutdown_t shutdown;
    uint8_t buffer[MDL_HTTP_HEAD_MAX];
} connection;

struct mdl_http_server {
    uv_tcp_t listener;
    uv_timer_t sweep;
    uint32_t handles; /* the two above, until they are closed */
    connection *first;
    mdl_http_server_options o;
    mdl_http_counts counts;
    char url[HOST_MAX + 32];
    int waiting; /* somebody could not be accepted for lack of memory */
    int closing;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static const char *reason_of(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 414:
        return "URI Too Long";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Bad Request";
    }
}

static const char plain[] = "text/plain; charset=utf-8";

/* ---- connections ---- */

static void finish(mdl_http_server *h) {
    if (h->closing && h->handles == 0 && !h->first) {
        void (*closed)(void *) = h->closed;
        void *ctx = h->closed_ctx;
        free(h);
        if (closed) {
            closed(ctx);
        }
    }
}

static void connection_closed(uv_handle_t *handle) {
    connection *c = handle->data;
    mdl_http_server *h = c->http;
    *c->link = c->next;
    if (c->next) {
        c->next->link = c->link;
    }
    free(c->body);
    free(c->posted);
    free(c);
    finish(h);
}

static void close_connection(connection *c) {
    if (c->state != CLOSING) {
        c->state = CLOSING;
        c->http->counts.connections--;
        uv_close((uv_handle_t *)&c->tcp, connection_closed);
    }
}

static void set_deadline(connection *c, uint64_t ms) { c->deadline_ms = uv_now(c->tcp.loop) + ms; }

static void go_on(connection *c);

static void after_shutdown(uv_shutdown_t *request, int status) {
    connection *c = request->handle->data;
    if (status != 0) {
        close_connection(c);
    }
}

static void written(uv_write_t *request, int status) {
    connection *c = request->handle->data;
    free(c->body);
    c->body = NULL;
    if (c->state == CLOSING) {
        return;
    }
    if (status != 0) {
        close_connection(c);
    } else if (c->keep_alive) {
        c->state = READING;
        set_deadline(c, c->used > 0 ? c->http->o.request_ms : c->http->o.idle_ms);
        go_on(c);
    } else {
        /* Closing at once could take the answer away from a peer that still sends. */
        c->state = LINGERING;
        c->used = 0;
        set_deadline(c, LINGER_MS);
        if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, after_shutdown) != 0) {
            close_connection(c);
        } else {
            go_on(c);
        }
    }
}

/* Takes `body`. */
static void answer(connection *c, int status, const char *type, int forever, uint8_t *body, size_t size, int head) {
    mdl_http_server *h = c->http;
    uv_read_stop((uv_stream_t *)&c->tcp);
    c->state = WRITING;
    c->body = body;
    set_deadline(c, ANSWER_MS + size / BYTES_PER_MS);
    int n = snprintf(c->head, sizeof c->head,
                     "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: %s\r\n"
                     "X-Content-Type-Options: nosniff\r\n"
                     "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n%s%s\r\n",
                     status, reason_of(status), type, size,
                     forever && status == 200 ? "public, max-age=31536000, immutable" : "no-store",
                     status == 405 ? (h->o.body_max > 0 ? "Allow: GET, HEAD, POST\r\n" : "Allow: GET, HEAD\r\n") : "",
                     c->keep_alive ? "" : "Connection: close\r\n");
    MDL_ASSERT(n > 0 && (size_t)n < sizeof c->head);
    uv_buf_t out[2] = {uv_buf_init(c->head, (unsigned)n), {.base = (char *)body, .len = head ? 0 : size}};
    h->counts.bytes += (uint64_t)n + out[1].len;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, out, out[1].len > 0 ? 2 : 1, written) != 0) {
        close_connection(c);
    }
}

/* A line of text for a status that is no success. */
static void answer_status(connection *c, int status, int head) {
    char text[64];
    int n = snprintf(text, sizeof text, "%d %s\n", status, reason_of(status));
    uint8_t *body = malloc((size_t)n);
    if (!body) {
        close_connection(c);
        return;
    }
    memcpy(body, text, (size_t)n);
    answer(c, status, plain, 0, body, (size_t)n, head);
}

static void serve(connection *c, const mdl_http_request *r, const uint8_t *posted) {
    mdl_http_server *h = c->http;
    mdl_http_reply reply = {.status = 404};
    c->keep_alive = r->keep_alive;
    h->counts.requests++;
    h->o.serve(h->o.ctx, r, posted, &reply);
    if (reply.body) {
        answer(c, reply.status, reply.type ? reply.type : plain, reply.forever, reply.body, reply.size, r->head);
    } else {
        answer_status(c, reply.status, r->head);
    }
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    connection *c = handle->data;
    (void)suggested;
    *out = c->state == POSTING
               ? uv_buf_init((char *)c->posted + c->posted_used, (unsigned)(c->request.body_size - c->posted_used))
               : uv_buf_init((char *)c->buffer + c->used, (unsigned)(sizeof c->buffer - c->used));
}

static void arrived(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    connection *c = stream->data;
    (void)buffer;
    if (got < 0) {
        close_connection(c);
    } else if (c->state == POSTING && got > 0) {
        c->posted_used += (size_t)got;
        go_on(c);
    } else if (c->state == READING && got > 0) {
        if (c->used == 0) {
            set_deadline(c, c->http->o.request_ms);
        }
        c->used += (size_t)got;
        go_on(c);
    } /* what comes while lingering is thrown away */
}

/* Memory for the body of c->request, with what has come of it. */
static void begin_body(connection *c) {
    size_t here = c->used < c->request.body_size ? c->used : c->request.body_size;
    c->posted = malloc(c->request.body_size + 1);
    c->posted_used = here;
    if (!c->posted) {
        close_connection(c);
        return;
    }
    memcpy(c->posted, c->buffer, here);
    c->used -= here;
    memmove(c->buffer, c->buffer + here, c->used);
    c->state = POSTING;
    set_deadline(c, c->http->o.request_ms + c->request.body_size / BYTES_PER_MS);
    go_on(c);
}

static void body_is_here(connection *c) {
    uint8_t *posted = c->posted;
    c->posted = NULL;
    c->state = READING;
    posted[c->posted_used] = 0;
    serve(c, &c->request, posted);
    free(posted);
}

/* Serve a request that has come, or read on. */
static void go_on(connection *c) {
    if (c->state == POSTING && c->posted_used == c->request.body_size) {
        body_is_here(c);
        return;
    }
    if (c->state == READING && c->used > 0) {
        int status = mdl_http_parse(c->buffer, c->used, c->http->o.body_max, &c->request);
        if (status == 200) {
            c->used -= c->request.size;
            memmove(c->buffer, c->buffer + c->request.size, c->used);
            if (c->request.post) {
                begin_body(c);
            } else {
                serve(c, &c->request, NULL);
            }
            return;
        }
        if (status != 0) {
            c->http->counts.refused++;
            c->keep_alive = 0;
            answer_status(c, status, 0);
            return;
        }
    }
    int rv = uv_read_start((uv_stream_t *)&c->tcp, allocate, arrived);
    if (rv != 0 && rv != UV_EALREADY) {
        close_connection(c);
    }
}

/* The connection that has idled longest, or else waits longest for a request. */
static connection *to_give_up(mdl_http_server *h) {
    connection *found = NULL;
    for (connection *c = h->first; c; c = c->next) {
        if (c->state == READING && (!found || (c->used > 0) < (found->used > 0) ||
                                    ((c->used > 0) == (found->used > 0) && c->deadline_ms < found->deadline_ms))) {
            found = c;
        }
    }
    return found;
}

static void knocked(uv_stream_t *listener, int status) {
    mdl_http_server *h = listener->data;
    if (status != 0 || h->closing) {
        return;
    }
    h->waiting = 0;
    if (h->counts.connections >= h->o.connections_max) {
        connection *old = to_give_up(h);
        if (old) {
            h->counts.refused++;
            close_connection(old);
        }
    }
    connection *c = malloc(sizeof *c);
    if (!c || uv_tcp_init(listener->loop, &c->tcp) != 0) {
        free(c);
        h->waiting = 1; /* libuv tells of no other before this one */
        return;
    }
    c->tcp.data = c;
    c->http = h;
    c->state = READING;
    c->used = 0;
    c->body = c->posted = NULL;
    c->next = h->first;
    c->link = &h->first;
    if (h->first) {
        h->first->link = &c->next;
    }
    h->first = c;
    h->counts.connections++;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || h->counts.connections > h->o.connections_max) {
        h->counts.refused++;
        close_connection(c);
        return;
    }
    set_deadline(c, h->o.request_ms);
    go_on(c);
}

static void sweep(uv_timer_t *timer) {
    mdl_http_server *h = timer->data;
    uint64_t now = uv_now(timer->loop);
    for (connection *c = h->first; c; c = c->next) {
        if (c->state != CLOSING && now >= c->deadline_ms) {
            h->counts.refused += c->state != LINGERING && !(c->state == READING && c->used == 0);
            close_connection(c);
        }
    }
    if (h->waiting) {
        knocked((uv_stream_t *)&h->listener, 0);
    }
}

/* ---- opening and closing ---- */

/* host:port to an address. 1, or 0. */
static int to_address(const char *text, struct sockaddr_storage *out, char host[HOST_MAX]) {
    const char *colon = strrchr(text, ':');
    uint64_t port;
    if (!colon || colon == text || (size_t)(colon - text) >= HOST_MAX ||
        mdl_text_decimal(mdl_text_of(colon + 1), 65535, &port) != MDL_OK) {
        return 0;
    }
    size_t size = (size_t)(colon - text);
    memcpy(host, text, size);
    host[size] = 0;
    memset(out, 0, sizeof *out);
    if (host[0] == '[' && host[size - 1] == ']') {
        char inner[HOST_MAX];
        memcpy(inner, host + 1, size - 2);
        inner[size - 2] = 0;
        return uv_ip6_addr(inner, (int)port, (struct sockaddr_in6 *)out) == 0;
    }
    const char *ip = strcmp(host, "*") == 0 ? "0.0.0.0" : strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    return uv_ip4_addr(ip, (int)port, (struct sockaddr_in *)out) == 0;
}

static void handle_closed(uv_handle_t *handle) {
    mdl_http_server *h = handle->data;
    h->handles--;
    finish(h);
}

static int start(mdl_http_server *h, const struct sockaddr_storage *a, const char *host) {
    struct sockaddr_storage bound;
    int size = sizeof bound, rv;
    memset(&bound, 0, sizeof bound);
    if ((rv = uv_tcp_bind(&h->listener, (const struct sockaddr *)a, 0)) != 0 ||
        (rv = uv_listen((uv_stream_t *)&h->listener, BACKLOG, knocked)) != 0 ||
        (rv = uv_tcp_getsockname(&h->listener, (struct sockaddr *)&bound, &size)) != 0) {
        return rv;
    }
    uint16_t port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                : ((struct sockaddr_in *)&bound)->sin_port;
    snprintf(h->url, sizeof h->url, "http://%s:%u", host, (unsigned)ntohs(port));
    return uv_timer_start(&h->sweep, sweep, SWEEP_MS, SWEEP_MS);
}

mdl_err mdl_http_server_open(uv_loop_t *loop, const mdl_http_server_options *options, mdl_http_server **out,
                             char *error, size_t error_size) {
    *out = NULL;
    MDL_ASSERT(options->serve && options->listen);
    struct sockaddr_storage a;
    char host[HOST_MAX];
    if (!to_address(options->listen, &a, host)) {
        snprintf(error, error_size,
                 "%.80s is no address for HTTP: write host:port, with an IP address, localhost or * as host",
                 options->listen);
        return MDL_ESYNTAX;
    }
    if (options->connections_max < 1 || options->connections_max > CONNECTIONS_MAX) {
        snprintf(error, error_size, "HTTP serves 1 to %d connections", CONNECTIONS_MAX);
        return MDL_ERANGE;
    }
    mdl_ignore_sigpipe();
    mdl_http_server *h = calloc(1, sizeof *h);
    if (!h || uv_timer_init(loop, &h->sweep) != 0) {
        free(h);
        snprintf(error, error_size, "cannot listen on %s: out of memory", options->listen);
        return MDL_ENOMEM;
    }
    h->o = *options;
    h->o.listen = NULL; /* the caller's */
    h->o.request_ms = options->request_ms ? options->request_ms : REQUEST_MS;
    h->o.idle_ms = options->idle_ms ? options->idle_ms : IDLE_MS;
    h->sweep.data = h->listener.data = h;
    h->handles = 1;
    int rv = uv_tcp_init(loop, &h->listener);
    if (rv == 0) {
        h->handles++;
        rv = start(h, &a, host);
    }
    if (rv != 0) {
        snprintf(error, error_size, "cannot listen on %s: %s", options->listen, uv_strerror(rv));
        mdl_http_server_close(h, NULL, NULL);
        return MDL_EIO;
    }
    *out = h;
    return MDL_OK;
}

const char *mdl_http_server_url(const mdl_http_server *h) { return h->url; }

mdl_http_counts mdl_http_server_count(const mdl_http_server *h) { return h->counts; }

void mdl_http_server_close(mdl_http_server *h, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!h->closing);
    h->closing = 1;
    h->closed = closed;
    h->closed_ctx = ctx;
    for (connection *c = h->first; c; c = c->next) {
        close_connection(c);
    }
    if (h->handles > 1) {
        uv_close((uv_handle_t *)&h->listener, handle_closed);
    }
    uv_close((uv_handle_t *)&h->sweep, handle_closed);
}
