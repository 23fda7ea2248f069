/* The server's side: a rep socket with one context for each call under way, and
 * a pub socket for news. The loop's thread alone owns every slot, except between
 * the start of its operation and the post of its callback. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/assert.h"
#include "runtime/transport_nng.h"

typedef enum slot_state { IDLE, RECEIVING, OWNED, REPLYING } slot_state;

typedef struct slot {
    mdl_call call; /* first */
    mdl_post post;
    mdl_nng_server *server;
    nng_ctx ctx;
    nng_aio *aio;
    nng_pipe pipe; /* of the call */
    slot_state state;
    int open; /* ctx is */
} slot;

struct mdl_nng_server {
    mdl_mailbox mailbox;
    nng_socket calls, news;
    int open; /* both sockets are */
    slot *slot;
    uint32_t slot_count;
    size_t receive_max;
    uint32_t peers_max;
    _Atomic uint32_t peers;
    void (*on_call)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
    void *ctx;
    int closing;
};

/* ---- nng's threads ---- */

static void operation_done(void *arg) {
    slot *call = arg;
    mdl_mailbox_post(&call->server->mailbox, &call->post);
}

static void pipe_changed(nng_pipe pipe, nng_pipe_ev event, void *arg) {
    mdl_nng_server *s = arg;
    if (event == NNG_PIPE_EV_ADD_PRE) {
        if (atomic_fetch_add(&s->peers, 1) >= s->peers_max) {
            nng_pipe_close(pipe);
        }
    } else if (event == NNG_PIPE_EV_REM_POST) {
        atomic_fetch_sub(&s->peers, 1);
    }
}

/* ---- the loop's thread ---- */

static void receive(slot *call) {
    call->state = RECEIVING;
    nng_aio_set_timeout(call->aio, NNG_DURATION_INFINITE);
    nng_ctx_recv(call->ctx, call->aio);
}

static void name_peer(nng_pipe pipe, char out[MDL_PEER_MAX]) {
    nng_sockaddr a;
    char host[INET6_ADDRSTRLEN];
    if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &a) != 0) {
        a.s_family = NNG_AF_UNSPEC; /* gone meanwhile */
    }
    if (a.s_family == NNG_AF_INET && inet_ntop(AF_INET, &a.s_in.sa_addr, host, sizeof host)) {
        snprintf(out, MDL_PEER_MAX, "%s:%u", host, (unsigned)ntohs(a.s_in.sa_port));
    } else if (a.s_family == NNG_AF_INET6 && inet_ntop(AF_INET6, a.s_in6.sa_addr, host, sizeof host)) {
        snprintf(out, MDL_PEER_MAX, "[%s]:%u", host, (unsigned)ntohs(a.s_in6.sa_port));
    } else if (a.s_family == NNG_AF_IPC) {
        uint64_t pid = 0, uid = 0;
        if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0 &&
            nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0) {
            snprintf(out, MDL_PEER_MAX, "ipc:pid %llu uid %llu", (unsigned long long)pid, (unsigned long long)uid);
        } else {
            snprintf(out, MDL_PEER_MAX, "ipc");
        }
    } else {
        snprintf(out, MDL_PEER_MAX, a.s_family == NNG_AF_INPROC ? "inproc" : "unknown");
    }
}

static void received(slot *call) {
    mdl_nng_server *s = call->server;
    if (nng_aio_result(call->aio) != 0) {
        receive(call); /* out of memory, or a peer that left */
        return;
    }
    nng_msg *msg = nng_aio_get_msg(call->aio);
    nng_aio_set_msg(call->aio, NULL);
    call->pipe = nng_msg_get_pipe(msg);
    if (nng_msg_len(msg) > s->receive_max) { /* within nng's limit, or inproc, which has none */
        nng_pipe_close(call->pipe);
        receive(call);
    } else {
        char peer[MDL_PEER_MAX];
        name_peer(call->pipe, peer);
        call->state = OWNED;
        s->on_call(s->ctx, &call->call, nng_msg_body(msg), nng_msg_len(msg), peer);
    }
    nng_msg_free(msg);
}

static void replied(slot *call) {
    int rv = nng_aio_result(call->aio);
    if (rv != 0) {
        nng_msg_free(nng_aio_get_msg(call->aio));
        if (rv == NNG_ETIMEDOUT) {
            nng_pipe_close(call->pipe);
        }
    }
    nng_aio_set_msg(call->aio, NULL);
    receive(call);
}

static void deliver(uv_async_t *wake) {
    mdl_nng_server *s = wake->data;
    mdl_post *post;
    while (!s->closing && (post = mdl_mailbox_take(&s->mailbox)) != NULL) {
        slot *call = (slot *)((char *)post - offsetof(slot, post));
        if (call->state == RECEIVING) {
            received(call);
        } else {
            MDL_ASSERT(call->state == REPLYING);
            replied(call);
        }
    }
}

static void drop(mdl_call *which);

static void reply(mdl_call *which, const uint8_t *bytes, size_t size) {
    slot *call = (slot *)which;
    MDL_ASSERT(call->state == OWNED);
    nng_msg *msg;
    if (call->server->closing) {
        return;
    }
    if (nng_msg_alloc(&msg, size) != 0) {
        drop(which);
        return;
    }
    if (size > 0) {
        memcpy(nng_msg_body(msg), bytes, size);
    }
    call->state = REPLYING;
    nng_aio_set_timeout(call->aio, MDL_REPLY_MS);
    nng_aio_set_msg(call->aio, msg);
    nng_ctx_send(call->ctx, call->aio);
}

static void drop(mdl_call *which) {
    slot *call = (slot *)which;
    MDL_ASSERT(call->state == OWNED);
    if (!call->server->closing) {
        receive(call);
    }
}

void mdl_nng_server_publish(mdl_nng_server *s, const uint8_t *bytes, size_t size) {
    nng_msg *msg;
    if (s->closing || nng_msg_alloc(&msg, size) != 0) {
        return;
    }
    if (size > 0) {
        memcpy(nng_msg_body(msg), bytes, size);
    }
    if (nng_sendmsg(s->news, msg, NNG_FLAG_NONBLOCK) != 0) {
        nng_msg_free(msg);
    }
}

/* ---- opening ---- */

/* A port p such that p and p + 1 seem free now, or 0. */
static uint32_t free_port(void) {
    uint32_t port = 0;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
    socklen_t size = sizeof a;
    int first = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (first >= 0 && second >= 0 && bind(first, (struct sockaddr *)&a, sizeof a) == 0 &&
        getsockname(first, (struct sockaddr *)&a, &size) == 0 && ntohs(a.sin_port) < 65535) {
        uint32_t chosen = ntohs(a.sin_port);
        a.sin_port = htons((uint16_t)(chosen + 1));
        if (bind(second, (struct sockaddr *)&a, sizeof a) == 0) {
            port = chosen;
        }
    }
    if (first >= 0) {
        close(first);
    }
    if (second >= 0) {
        close(second);
    }
    return port;
}

/* One listener, started. 0 or nng's error. */
static int listen_at(nng_socket socket, const char *url, size_t receive_max, nng_tls_config *tls, nng_listener *out) {
    int rv = nng_listener_create(out, socket, url);
    if (rv != 0) {
        return rv;
    }
    mdl_scheme scheme = mdl_address_scheme(url);
    rv = nng_listener_set_size(*out, NNG_OPT_RECVMAXSZ, receive_max + MDL_HEADERS_MAX);
    if (rv == NNG_ENOTSUP && scheme == MDL_INPROC) {
        rv = 0;
    }
    if (rv == 0 && (scheme == MDL_TCP || scheme == MDL_TLS)) {
        rv = nng_listener_set_bool(*out, NNG_OPT_TCP_KEEPALIVE, true);
    }
    if (rv == 0 && tls) {
        rv = nng_listener_set_ptr(*out, NNG_OPT_TLS_CONFIG, tls);
    }
    if (rv == 0) {
        rv = nng_listener_start(*out, 0);
    }
    if (rv != 0) {
        nng_listener_close(*out);
    }
    return rv;
}

/* Both listeners of one address. *failed names the one that failed. */
static int listen_pair(mdl_nng_server *s, const char *url, const char *news, nng_tls_config *tls, const char **failed) {
    nng_listener calls, published;
    *failed = url;
    int rv = listen_at(s->calls, url, s->receive_max, tls, &calls);
    if (rv == 0) {
        *failed = news;
        rv = listen_at(s->news, news, 1, tls, &published); /* subscribers send nothing */
        if (rv != 0) {
            nng_listener_close(calls);
        }
    }
    return rv;
}

/* Try ports until both of a pair can be had. */
static int listen_anywhere(mdl_nng_server *s, char url[MDL_URL_MAX], char news[MDL_URL_MAX], nng_tls_config *tls,
                           const char **failed) {
    int rv = NNG_EADDRINUSE;
    *failed = url;
    for (int i = 0; i < MDL_PORT_TRIES && rv == NNG_EADDRINUSE; i++) {
        char here[MDL_URL_MAX], beside[MDL_URL_MAX];
        uint32_t port = free_port();
        if (port == 0) {
            continue;
        }
        if (mdl_address_with_port(url, port, here) != MDL_OK ||
            mdl_address_with_port(news, port + 1, beside) != MDL_OK) {
            return NNG_EADDRINVAL;
        }
        rv = listen_pair(s, here, beside, tls, failed);
        if (rv == 0) {
            memcpy(url, here, sizeof here);
        }
        *failed = url;
    }
    return rv;
}

static mdl_err listen_all(mdl_nng_server *s, const mdl_tls_files *files, mdl_url *listen, uint32_t count, char *error,
                          size_t error_size) {
    nng_tls_config *tls = NULL;
    mdl_err e = MDL_OK;
    for (uint32_t i = 0; e == MDL_OK && i < count; i++) {
        char url[MDL_URL_MAX], news[MDL_URL_MAX];
        uint8_t key[32];
        int has_key;
        e = mdl_address_parse(listen[i], url, news, key, &has_key, error, error_size);
        if (e != MDL_OK) {
            break;
        }
        int secure = mdl_address_scheme(listen[i]) == MDL_TLS;
        if (secure && !tls) {
            e = mdl_tls_config_server(files, &tls, error, error_size);
            if (e != MDL_OK) {
                break;
            }
        }
        const char *failed;
        int rv = mdl_address_port(listen[i]) == 0 ? listen_anywhere(s, listen[i], news, secure ? tls : NULL, &failed)
                                                  : listen_pair(s, listen[i], news, secure ? tls : NULL, &failed);
        if (rv != 0) {
            snprintf(error, error_size, "cannot listen on %s: %s", failed, nng_strerror(rv));
            e = mdl_err_of_nng(rv);
        }
    }
    if (tls) {
        nng_tls_config_free(tls); /* listeners hold their own */
    }
    return e;
}

static mdl_err open_slots(mdl_nng_server *s) {
    int rv = 0;
    for (uint32_t i = 0; i < s->slot_count && rv == 0; i++) {
        slot *call = &s->slot[i];
        call->server = s;
        call->call.reply = reply;
        call->call.drop = drop;
        rv = nng_ctx_open(&call->ctx, s->calls);
        if (rv == 0) {
            call->open = 1;
            rv = nng_aio_alloc(&call->aio, operation_done, call);
        }
    }
    return mdl_err_of_nng(rv);
}

/* Give everything of nng back. No callback runs after it. May wait for threads of
 * nng. */
static void stop_nng(void *owner) {
    mdl_nng_server *s = owner;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        if (s->slot[i].open) {
            nng_ctx_close(s->slot[i].ctx);
        }
    }
    if (s->open) {
        nng_close(s->calls);
        nng_close(s->news);
    }
    for (uint32_t i = 0; i < s->slot_count; i++) {
        slot *call = &s->slot[i];
        if (!call->aio) {
            continue;
        }
        nng_aio_stop(call->aio);
        int rv = nng_aio_result(call->aio);
        nng_msg *msg = nng_aio_get_msg(call->aio);
        if (msg && (call->state == RECEIVING ? rv == 0 : call->state == REPLYING && rv != 0)) {
            nng_msg_free(msg);
        }
        nng_aio_free(call->aio);
    }
}

static void release(void *owner) {
    mdl_nng_server *s = owner;
    free(s->slot);
    free(s);
}

mdl_err mdl_nng_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_url *listen, uint32_t count,
                            mdl_nng_server **out, char *error, size_t error_size) {
    *out = NULL;
    mdl_nng_server *s = calloc(1, sizeof *s);
    mdl_err e = MDL_ENOMEM;
    if (s) {
        s->slot_count = options->calls_max;
        s->slot = calloc(s->slot_count, sizeof *s->slot);
        s->receive_max = options->receive_max;
        s->peers_max = options->peers_max ? options->peers_max : UINT32_MAX;
        s->on_call = options->on_call;
        s->ctx = options->ctx;
        atomic_init(&s->peers, 0);
        e = s->slot ? mdl_mailbox_open(&s->mailbox, loop, deliver, s) : MDL_ENOMEM;
    }
    if (e != MDL_OK) {
        snprintf(error, error_size, "cannot listen on %s: %s", listen[0], mdl_strerror((int)e));
        if (s) {
            release(s);
        }
        return e;
    }
    int rv = nng_rep0_open(&s->calls);
    if (rv == 0) {
        rv = nng_pub0_open(&s->news);
        s->open = rv == 0;
        if (rv != 0) {
            nng_close(s->calls);
        }
    }
    if (rv == 0) {
        rv = nng_pipe_notify(s->calls, NNG_PIPE_EV_ADD_PRE, pipe_changed, s);
    }
    if (rv == 0) {
        rv = nng_pipe_notify(s->calls, NNG_PIPE_EV_REM_POST, pipe_changed, s);
    }
    e = mdl_err_of_nng(rv);
    if (e == MDL_OK) {
        e = open_slots(s);
    }
    if (e != MDL_OK) {
        snprintf(error, error_size, "cannot listen on %s: %s", listen[0], mdl_strerror((int)e));
    } else {
        e = listen_all(s, &options->tls, listen, count, error, error_size);
    }
    if (e != MDL_OK) {
        mdl_nng_server_close(s, NULL, NULL);
        return e;
    }
    for (uint32_t i = 0; i < s->slot_count; i++) {
        receive(&s->slot[i]);
    }
    *out = s;
    return MDL_OK;
}

/* ---- closing ---- */

void mdl_nng_server_close(mdl_nng_server *s, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!s->closing);
    s->closing = 1;
    mdl_teardown_begin(&(mdl_teardown){&s->mailbox, s, stop_nng, release, closed, ctx});
}
