/* Where a server is bound, who calls, and who stands still. */
#define _DEFAULT_SOURCE 1 /* SO_PEERCRED */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/assert.h"
#include "runtime/transport_stream.h"

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

static int bind_pipe(uv_pipe_t *pipe, const char *path) {
    if (strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        return UV_ENAMETOOLONG;
    }
    int rv = uv_pipe_bind(pipe, path);
    if (rv == UV_EADDRINUSE && is_stale(path) && unlink(path) == 0) {
        rv = uv_pipe_bind(pipe, path);
    }
    return rv;
}

static int bind_tcp(uv_tcp_t *tcp, const char *url) {
    struct addrinfo *found;
    int rv = resolve(url, &found);
    if (rv == 0) {
        rv = uv_tcp_bind(tcp, found->ai_addr, 0);
        freeaddrinfo(found);
    }
    return rv;
}

int mdl_bind(mdl_scheme scheme, uv_handle_t *handle, const char *url) {
    return scheme == MDL_IPC ? bind_pipe((uv_pipe_t *)handle, url + strlen("ipc://"))
                             : bind_tcp((uv_tcp_t *)handle, url);
}

uint32_t mdl_bound_port(const uv_tcp_t *tcp) {
    struct sockaddr_storage a;
    int size = sizeof a;
    memset(&a, 0, sizeof a);
    if (uv_tcp_getsockname(tcp, (struct sockaddr *)&a, &size) != 0) {
        return 0;
    }
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

void mdl_stream_name(mdl_stream *t) {
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

/* ---- peers that stand still ---- */

void mdl_stream_tick(mdl_stream *s) {
    uint64_t now = uv_now(s->h.any.loop);
    size_t left = mdl_stream_queued(s);
    if (left == 0 || left != s->written_left) {
        s->moved_ms = now;
    }
    s->written_left = left;
    if (!s->closing && !s->open && now - s->since_ms >= MDL_GREETING_MS) {
        mdl_stream_close(s, "the other side does not greet");
    } else if (s->open && now - s->moved_ms >= MDL_STALL_MS) {
        mdl_stream_close(s, "the other side takes nothing");
    } else if ((s->admitted || s->skipping) && !s->paused &&
               now - s->admitted_ms >= s->large_ms + mdl_stream_longest(s) / MDL_LARGE_RATE) {
        mdl_stream_close(s, "the other side is too slow");
    }
}
