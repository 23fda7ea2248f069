#include "runtime/http_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "runtime/progress.h"

enum { HEAD_MAX = 16384, LENGTH_DIGITS = 12 };

/* ---- the address ---- */

static int take_port(const char *text, size_t size, char port[6]) {
    if (size < 1 || size > 5 || strspn(text, "0123456789") < size)
        return 0;
    memcpy(port, text, size);
    port[size] = 0;
    long v = strtol(port, NULL, 10);
    return v >= 1 && v <= 65535;
}

mdl_err mdl_http_client_init(mdl_http_client *c, const char *url, char *error, size_t error_size) {
    static const char scheme[] = "http://";
    *c = (mdl_http_client){.fd = -1};
    if (strncmp(url, "https://", 8) == 0) {
        snprintf(error, error_size,
                 "%s: only http:// is read; what is served is checked against the log's key, so it needs no TLS", url);
        return MDL_ESYNTAX;
    }
    const char *at = url + sizeof scheme - 1;
    int good = strncmp(url, scheme, sizeof scheme - 1) == 0 && strlen(url) < MDL_HTTP_URL_MAX;
    for (const char *p = url; good && *p; p++)
        good = *p > ' ' && *p < 127 && *p != '#' && *p != '?' && *p != '@';
    if (good) {
        size_t authority = strcspn(at, "/"), host = 0, skip = 0;
        if (at[0] == '[') {
            host = strcspn(at + 1, "]/");
            skip = 1;
            good = at[1 + host] == ']';
        } else {
            host = strcspn(at, ":/");
        }
        const char *rest = at + host + 2 * skip;
        good = good && host > 0 && host < sizeof c->host && authority < sizeof c->authority;
        if (good) {
            memcpy(c->host, at + skip, host);
            memcpy(c->authority, at, authority);
            snprintf(c->port, sizeof c->port, "80");
            if (rest < at + authority)
                good = *rest == ':' && take_port(rest + 1, (size_t)(at + authority - rest) - 1, c->port);
            snprintf(c->prefix, sizeof c->prefix, "%s", at + authority);
            for (size_t n = strlen(c->prefix); n > 0 && c->prefix[n - 1] == '/'; n--)
                c->prefix[n - 1] = 0;
        }
    }
    if (!good) {
        snprintf(error, error_size, "\"%.200s\" is not an address of the form http://HOST[:PORT][/PATH]", url);
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

void mdl_http_client_close(mdl_http_client *c) {
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* ---- the connection ---- */

static mdl_err fail(const mdl_http_client *c, const char *path, const char *what, char *error, size_t error_size) {
    snprintf(error, error_size, "http://%s%s/%s: %s", c->authority, c->prefix, path, what);
    return MDL_EIO;
}

/* Wait until the socket is ready, or `silence` or the deadline (seconds) has passed. */
static int ready(int fd, short what, double deadline) {
    double left = deadline - mdl_seconds();
    struct pollfd p = {fd, what, 0};
    int ms = left <= 0 ? 0 : left * 1000 < MDL_HTTP_SILENCE_MS ? (int)(left * 1000) + 1 : MDL_HTTP_SILENCE_MS;
    int got;
    do
        got = poll(&p, 1, ms);
    while (got < 0 && errno == EINTR);
    return got > 0;
}

static int dial(const struct addrinfo *a) {
    int fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
    if (fd < 0)
        return -1;
    int error = 0;
    socklen_t size = sizeof error;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
        if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
            return fd;
        if (errno == EINPROGRESS && ready(fd, POLLOUT, mdl_seconds() + MDL_HTTP_CONNECT_MS / 1000.0)) {
            if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
                return fd;
            errno = error;
        } else if (errno == EINPROGRESS) {
            errno = ETIMEDOUT;
        }
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static mdl_err connected(mdl_http_client *c, const char *path, char *error, size_t error_size) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
    if (c->fd >= 0)
        return MDL_OK;
    int rc = getaddrinfo(c->host, c->port, &hints, &list);
    if (rc != 0)
        return fail(c, path, gai_strerror(rc), error, error_size);
    for (const struct addrinfo *a = list; a && c->fd < 0; a = a->ai_next)
        c->fd = dial(a);
    int code = errno;
    freeaddrinfo(list);
    return c->fd >= 0 ? MDL_OK : fail(c, path, strerror(code), error, error_size);
}

static int send_all(const mdl_http_client *c, const char *at, size_t size, double deadline) {
    while (size > 0) {
        ssize_t n = send(c->fd, at, size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            if (!ready(c->fd, POLLOUT, deadline))
                return 0;
            continue;
        }
        if (n <= 0)
            return 0;
        at += n;
        size -= (size_t)n;
    }
    return 1;
}

/* Bytes received, 0 at the end of the connection, -1 when it broke or nothing came. */
static ssize_t receive(const mdl_http_client *c, void *at, size_t room, double deadline) {
    for (;;) {
        ssize_t n = recv(c->fd, at, room, 0);
        if (n >= 0)
            return n;
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
            return -1;
        if (mdl_seconds() >= deadline || !ready(c->fd, POLLIN, deadline))
            return -1;
    }
}

/* ---- an answer ---- */

typedef struct answer {
    int status, close, has_length, chunked;
    char type[64];
    size_t length;
} answer;

/* The value of header `name` when `line` is it, else NULL. */
static const char *value_of(const char *line, const char *name) {
    size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    return line + n + 1 + strspn(line + n + 1, " \t");
}

/* A head without its blank line, terminated. 0: not one that we take. */
static int parse_head(char *head, answer *a) {
    *a = (answer){0};
    if (strncmp(head, "HTTP/1.", 7) != 0 || (head[7] != '0' && head[7] != '1') || head[8] != ' ')
        return 0;
    if (strspn(head + 9, "0123456789") != 3)
        return 0;
    a->status = (int)strtol(head + 9, NULL, 10);
    a->close = head[7] == '0';
    for (char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        const char *v = value_of(line, "Content-Length");
        if (v) {
            size_t digits = strspn(v, "0123456789");
            if (digits < 1 || digits > LENGTH_DIGITS || a->has_length)
                return 0;
            a->length = (size_t)strtoull(v, NULL, 10);
            a->has_length = 1;
        }
        v = value_of(line, "Content-Type");
        if (v)
            snprintf(a->type, sizeof a->type, "%.*s", (int)strcspn(v, "\r\n"), v);
        if (value_of(line, "Transfer-Encoding"))
            a->chunked = 1;
        v = value_of(line, "Connection");
        if (v && strncasecmp(v, "close", 5) == 0)
            a->close = 1;
    }
    return 1;
}

typedef struct reading {
    mdl_http_client *c;
    double deadline;
    char head[HEAD_MAX + 1];
    size_t have, head_size; /* bytes in `head`; of them the head */
} reading;

/* Up to the blank line. 0: broken off, or too large; `have` says whether anything came. */
static int read_head(reading *r) {
    while (r->have < HEAD_MAX) {
        ssize_t n = receive(r->c, r->head + r->have, HEAD_MAX - r->have, r->deadline);
        if (n <= 0)
            return 0;
        r->have += (size_t)n;
        r->head[r->have] = 0;
        char *end = strstr(r->head, "\r\n\r\n"); /* a NUL before it ends the search: refused */
        if (end) {
            r->head_size = (size_t)(end - r->head) + 4;
            return 1;
        }
    }
    return 0;
}

/* The body after the head into *bytes. MDL_OK, MDL_ESIZE, MDL_EIO, MDL_ENOMEM. */
static mdl_err read_body(reading *r, const answer *a, size_t limit, uint8_t **bytes, size_t *size) {
    size_t room = a->has_length ? a->length : 65536, have = r->have - r->head_size;
    if (a->has_length && (a->length > limit || have > a->length))
        return a->length > limit ? MDL_ESIZE : MDL_EIO;
    if (room < have)
        room = have;
    uint8_t *at = malloc(room + 1);
    if (!at)
        return MDL_ENOMEM;
    memcpy(at, r->head + r->head_size, have);
    mdl_err err = MDL_OK;
    while (!(a->has_length && have == a->length)) {
        if (have == room) {
            uint8_t *more = have > limit ? NULL : realloc(at, 2 * room + 1);
            if (!more) {
                err = have > limit ? MDL_ESIZE : MDL_ENOMEM;
                break;
            }
            at = more;
            room *= 2;
        }
        ssize_t n = mdl_seconds() < r->deadline ? receive(r->c, at + have, room - have, r->deadline) : -1;
        if (n == 0 && !a->has_length)
            break;
        if (n <= 0) {
            err = MDL_EIO;
            break;
        }
        have += (size_t)n;
    }
    if (err == MDL_OK && have > limit)
        err = MDL_ESIZE;
    if (err != MDL_OK) {
        free(at);
        return err;
    }
    at[have] = 0;
    *bytes = at;
    *size = have;
    return MDL_OK;
}

typedef struct exchange {
    const char *path;
    const void *body; /* of a POST; NULL: GET */
    size_t body_size, limit;
    answer answer; /* status 0: none came */
    uint8_t *bytes;
    size_t size;
} exchange;

static double deadline_of(const mdl_http_client *c) {
    return mdl_seconds() + (c->answer_ms ? c->answer_ms : MDL_HTTP_ANSWER_MS) / 1000.0;
}

/* Send the request and read the head of the answer. */
static mdl_err begin(mdl_http_client *c, exchange *x, reading *r, int *again, char *error, size_t error_size) {
    char request[MDL_HTTP_URL_MAX + 512], length[64] = "";
    if (x->body)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", x->body_size);
    int n = snprintf(request, sizeof request, "%s %s/%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: modulon\r\n%s\r\n",
                     x->body ? "POST" : "GET", c->prefix, x->path, c->authority, length);
    if (n < 0 || (size_t)n >= sizeof request)
        return fail(c, x->path, "the path is too long", error, error_size);
    if (!send_all(c, request, (size_t)n, r->deadline) ||
        (x->body && !send_all(c, x->body, x->body_size, r->deadline)) || !read_head(r)) {
        *again = r->have == 0;
        return fail(c, x->path, "the connection broke, or no whole answer came in time", error, error_size);
    }
    r->head[r->head_size - 2] = 0;
    if (!parse_head(r->head, &x->answer) || x->answer.chunked) {
        x->answer.status = 0;
        return fail(c, x->path, "the answer is not HTTP/1.x with a Content-Length", error, error_size);
    }
    return MDL_OK;
}

/* One try. *again: the same request may do better. */
static mdl_err once(mdl_http_client *c, exchange *x, int *again, char *error, size_t error_size) {
    reading *r = malloc(sizeof *r);
    *again = 0;
    x->answer = (answer){0};
    if (!r) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    mdl_err err = connected(c, x->path, error, error_size);
    if (err != MDL_OK) {
        free(r);
        return err;
    }
    r->c = c;
    r->have = r->head_size = 0;
    r->deadline = deadline_of(c);
    err = begin(c, x, r, again, error, error_size);
    int keep = 0, failed = x->answer.status != 200 && !x->body;
    if (err == MDL_OK) {
        err = read_body(r, &x->answer, failed ? HEAD_MAX : x->limit, &x->bytes, &x->size);
        keep = err == MDL_OK && x->answer.has_length && !x->answer.close;
        if (failed) {
            char text[64];
            snprintf(text, sizeof text, "the server answers with status %d", x->answer.status);
            free(x->bytes);
            x->bytes = NULL;
            err = fail(c, x->path, text, error, error_size);
            if (x->answer.status == 404)
                err = MDL_ENOENT;
            *again = x->answer.status == 503;
        } else if (err == MDL_ESIZE) {
            fail(c, x->path, "the answer is larger than anything that belongs there", error, error_size);
        } else if (err != MDL_OK) {
            *again = err == MDL_EIO;
            fail(c, x->path, err == MDL_ENOMEM ? "out of memory" : "the answer broke off", error, error_size);
        }
    }
    if (!keep)
        mdl_http_client_close(c);
    free(r);
    return err;
}

mdl_err mdl_http_get(mdl_http_client *c, const char *path, size_t limit, uint8_t **bytes, size_t *size, char *error,
                     size_t error_size) {
    mdl_err err = MDL_EIO;
    exchange x = {.path = path, .limit = limit};
    for (int i = 0, again = 1; i < MDL_HTTP_TRIES && again; i++) {
        if (i > 1)
            nanosleep(&(struct timespec){0, 300000000}, NULL);
        err = once(c, &x, &again, error, error_size);
    }
    *bytes = x.bytes;
    *size = x.size;
    return err;
}

mdl_err mdl_http_post(mdl_http_client *c, const char *path, const void *body, size_t body_size, size_t limit,
                      int *status, char type[64], uint8_t **bytes, size_t *size, char *error, size_t error_size) {
    exchange x = {.path = path, .body = body, .body_size = body_size, .limit = limit};
    int again, kept = c->fd >= 0;
    mdl_err err = once(c, &x, &again, error, error_size);
    if (err == MDL_EIO && again && kept) /* the server had closed a connection that idled */
        err = once(c, &x, &again, error, error_size);
    *status = x.answer.status;
    if (type)
        snprintf(type, 64, "%s", x.answer.type);
    *bytes = x.bytes;
    *size = x.size;
    return err;
}
