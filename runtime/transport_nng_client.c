/* The client's side: a req socket with one context for each call under way, and
 * a sub socket for news. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/transport_nng.h"

enum { TROUBLE_MAX = 160 };

typedef enum slot_state { FREE, SENDING, RECEIVING } slot_state;
typedef enum post_kind { CALL, NEWS, LINK } post_kind;

/* What the mailbox carries. */
typedef struct event {
    mdl_post post; /* first */
    post_kind kind;
} event;

typedef struct slot {
    event event; /* first */
    mdl_nng_client *client;
    nng_ctx ctx;
    nng_aio *aio;
    slot_state state; /* SENDING becomes RECEIVING on nng's thread, else the loop's */
    int open;         /* ctx is */
    uint64_t token;
    uint64_t began_ms, deadline_ms;
} slot;

struct mdl_nng_client {
    mdl_mailbox mailbox;
    nng_socket calls, news;
    int calls_open, news_open;
    nng_dialer dialer;
    int tls, closing, listening; /* listening: a receive on the sub socket was started */
    slot *slot;
    uint32_t slot_count;
    uint32_t *free_slot; /* a stack of indices */
    uint32_t free_count;
    event news_event, link_event;
    nng_aio *news_aio;
    /* By the mailbox's lock: the newest pipe of calls, of news. */
    nng_pipe pipe, news_pipe;
    int connected, news_connected;
    uint32_t links; /* how often connected */
    /* The loop's: what on_link was told, and when a reply last came. */
    int told;
    uint32_t told_links;
    uint64_t heard_ms, linked_ms;
    char trouble[TROUBLE_MAX];
    mdl_client_options o;
};

/* ---- nng's threads ---- */

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

static nng_duration left_ms(const slot *t) {
    uint64_t now = now_ms();
    return now < t->deadline_ms ? (nng_duration)(t->deadline_ms - now) : 1;
}

static void operation_done(void *arg) {
    slot *t = arg;
    if (t->state == SENDING && nng_aio_result(t->aio) == 0) {
        t->state = RECEIVING; /* posted only when all is done */
        nng_aio_set_timeout(t->aio, left_ms(t));
        nng_ctx_recv(t->ctx, t->aio);
        return;
    }
    mdl_mailbox_post(&t->client->mailbox, &t->event.post);
}

static void news_done(void *arg) {
    mdl_nng_client *c = arg;
    mdl_mailbox_post(&c->mailbox, &c->news_event.post);
}

static void pipe_changed(nng_pipe pipe, nng_pipe_ev what, void *arg) {
    mdl_nng_client *c = arg;
    uv_mutex_lock(&c->mailbox.lock);
    if (what == NNG_PIPE_EV_ADD_POST) {
        c->pipe = pipe;
        c->connected = 1;
        c->links++;
    } else if (nng_pipe_id(pipe) == nng_pipe_id(c->pipe)) {
        c->connected = 0;
    }
    uv_mutex_unlock(&c->mailbox.lock);
    mdl_mailbox_post(&c->mailbox, &c->link_event.post);
}

static void news_pipe_changed(nng_pipe pipe, nng_pipe_ev what, void *arg) {
    mdl_nng_client *c = arg;
    uv_mutex_lock(&c->mailbox.lock);
    if (what == NNG_PIPE_EV_ADD_POST) {
        c->news_pipe = pipe;
        c->news_connected = 1;
    } else if (nng_pipe_id(pipe) == nng_pipe_id(c->news_pipe)) {
        c->news_connected = 0;
    }
    uv_mutex_unlock(&c->mailbox.lock);
}

/* ---- the loop's thread ---- */

static void listen_for_news(mdl_nng_client *c) {
    c->listening = 1;
    nng_recv_aio(c->news, c->news_aio);
}

static void heard_news(mdl_nng_client *c) {
    c->listening = 0;
    if (nng_aio_result(c->news_aio) == 0) {
        nng_msg *msg = nng_aio_get_msg(c->news_aio);
        nng_aio_set_msg(c->news_aio, NULL);
        if (c->o.on_news && nng_msg_len(msg) <= c->o.receive_max) {
            c->o.on_news(c->o.ctx, nng_msg_body(msg), nng_msg_len(msg));
        }
        nng_msg_free(msg);
    }
    if (!c->closing) {
        listen_for_news(c);
    }
}

static void link_changed(mdl_nng_client *c) {
    uv_mutex_lock(&c->mailbox.lock);
    int connected = c->connected;
    uint32_t links = c->links;
    uv_mutex_unlock(&c->mailbox.lock);
    int again = connected && c->told && links != c->told_links;
    int change = again || connected != c->told;
    c->told = connected;
    c->told_links = links;
    if (connected && change) {
        c->linked_ms = now_ms();
    }
    if (again && c->o.on_link) {
        c->o.on_link(c->o.ctx, 0);
    }
    if (change && c->o.on_link && !c->closing) {
        c->o.on_link(c->o.ctx, connected);
    }
}

/* No reply since before the call, though the connection stood: it may be half-open. */
static void replace_silent(mdl_nng_client *c, const slot *t) {
    uv_mutex_lock(&c->mailbox.lock);
    int silent = c->connected && c->heard_ms < t->began_ms && c->linked_ms <= t->began_ms;
    int too = silent && c->news_connected;
    nng_pipe pipe = c->pipe, news = c->news_pipe;
    uv_mutex_unlock(&c->mailbox.lock);
    if (silent) {
        nng_pipe_close(pipe);
    }
    if (too) {
        nng_pipe_close(news);
    }
}

static void call_done(mdl_nng_client *c, slot *t) {
    int rv = nng_aio_result(t->aio);
    nng_msg *msg = nng_aio_get_msg(t->aio);
    nng_aio_set_msg(t->aio, NULL);
    int received = t->state == RECEIVING && rv == 0;
    if (!received) {
        if (msg && t->state == SENDING) {
            nng_msg_free(msg);
        }
        if (rv == NNG_ETIMEDOUT) {
            replace_silent(c, t);
        }
    }
    t->state = FREE;
    c->free_slot[c->free_count++] = (uint32_t)(t - c->slot);
    if (!received) {
        c->o.on_reply(c->o.ctx, t->token, MDL_EIO, NULL, 0);
        return;
    }
    c->heard_ms = now_ms();
    if (nng_msg_len(msg) > c->o.receive_max) { /* within nng's limit, or inproc, which has none */
        c->o.on_reply(c->o.ctx, t->token, MDL_EIO, NULL, 0);
    } else {
        c->o.on_reply(c->o.ctx, t->token, MDL_OK, nng_msg_body(msg), nng_msg_len(msg));
    }
    nng_msg_free(msg);
}

static void deliver(uv_async_t *wake) {
    mdl_nng_client *c = wake->data;
    mdl_post *post;
    while (!c->closing && (post = mdl_mailbox_take(&c->mailbox)) != NULL) {
        event *e = (event *)post;
        if (e->kind == CALL) {
            call_done(c, (slot *)e);
        } else if (e->kind == NEWS) {
            heard_news(c);
        } else {
            link_changed(c);
        }
    }
}

mdl_err mdl_nng_client_call(mdl_nng_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms) {
    MDL_ASSERT(!c->closing && timeout_ms >= 1 && timeout_ms <= 86400000);
    if (c->free_count == 0) {
        return MDL_ESIZE;
    }
    nng_msg *msg;
    if (nng_msg_alloc(&msg, size) != 0) {
        return MDL_ENOMEM;
    }
    if (size > 0) {
        memcpy(nng_msg_body(msg), bytes, size);
    }
    slot *t = &c->slot[c->free_slot[--c->free_count]];
    t->token = token;
    t->began_ms = now_ms();
    t->deadline_ms = t->began_ms + timeout_ms;
    t->state = SENDING;
    nng_aio_set_timeout(t->aio, (nng_duration)timeout_ms);
    nng_aio_set_msg(t->aio, msg);
    nng_ctx_send(t->ctx, t->aio);
    return MDL_OK;
}

/* ---- why there is no connection ---- */

static uint64_t counter(nng_stat *dialer, const char *name) {
    nng_stat *s = nng_stat_find(dialer, name);
    return s ? nng_stat_value(s) : 0;
}

const char *mdl_nng_client_trouble(mdl_nng_client *c) {
    c->trouble[0] = 0;
    nng_stat *all;
    if (c->closing || c->told || nng_stats_get(&all) != 0) {
        return c->trouble;
    }
    nng_stat *d = nng_stat_find_dialer(all, c->dialer);
    if (d) {
        static const struct {
            const char *name, *sentence;
        } reasons[] = {{"auth", "the other side's certificate is not the one to trust, or ours is not accepted"},
                       {"refused", "nobody listens there"},
                       {"proto", "the other side speaks another protocol"},
                       {"timeout", "no answer"},
                       {"oom", "out of memory"},
                       {"other", "no such host, or no way there"}};
        uint64_t most = 0;
        for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
            uint64_t n = counter(d, reasons[i].name);
            if (n > most) {
                most = n;
                snprintf(c->trouble, sizeof c->trouble, "%s (%llu times)", reasons[i].sentence, (unsigned long long)n);
            }
        }
    }
    nng_stats_free(all);
    return c->trouble;
}

/* ---- opening ---- */

/* A dialer with our options; `start` it later. 0 or nng's error. */
static int dial(nng_socket socket, const char *url, size_t receive_max, nng_tls_config *tls, nng_dialer *out) {
    int rv = nng_dialer_create(out, socket, url);
    if (rv != 0) {
        return rv;
    }
    mdl_scheme scheme = mdl_address_scheme(url);
    rv = nng_dialer_set_size(*out, NNG_OPT_RECVMAXSZ, receive_max + MDL_HEADERS_MAX);
    if (rv == NNG_ENOTSUP && scheme == MDL_INPROC) {
        rv = 0;
    }
    if (rv == 0 && (scheme == MDL_TCP || scheme == MDL_TLS)) {
        rv = nng_dialer_set_bool(*out, NNG_OPT_TCP_KEEPALIVE, true);
    }
    if (rv == 0) {
        rv = nng_dialer_set_ms(*out, NNG_OPT_RECONNMINT, MDL_RECONNECT_MIN_MS);
    }
    if (rv == 0) {
        rv = nng_dialer_set_ms(*out, NNG_OPT_RECONNMAXT, MDL_RECONNECT_MAX_MS);
    }
    if (rv == 0 && tls) {
        rv = nng_dialer_set_ptr(*out, NNG_OPT_TLS_CONFIG, tls);
    }
    if (rv == 0) {
        rv = nng_dialer_start(*out, NNG_FLAG_NONBLOCK);
    }
    return rv;
}

static int open_calls(mdl_nng_client *c, nng_tls_config *tls) {
    int rv = nng_req0_open(&c->calls);
    if (rv != 0) {
        return rv;
    }
    c->calls_open = 1;
    for (uint32_t i = 0; i < c->slot_count; i++) {
        slot *t = &c->slot[i];
        t->client = c;
        t->event.kind = CALL;
        c->free_slot[c->slot_count - 1 - i] = i;
        if ((rv = nng_ctx_open(&t->ctx, c->calls)) != 0) {
            return rv;
        }
        t->open = 1;
        if ((rv = nng_ctx_set_ms(t->ctx, NNG_OPT_REQ_RESENDTIME, MDL_RESEND_MS)) != 0 ||
            (rv = nng_aio_alloc(&t->aio, operation_done, t)) != 0) {
            return rv;
        }
    }
    c->free_count = c->slot_count;
    if ((rv = nng_pipe_notify(c->calls, NNG_PIPE_EV_ADD_POST, pipe_changed, c)) != 0 ||
        (rv = nng_pipe_notify(c->calls, NNG_PIPE_EV_REM_POST, pipe_changed, c)) != 0) {
        return rv;
    }
    return dial(c->calls, c->o.url, c->o.receive_max, tls, &c->dialer);
}

static int open_news(mdl_nng_client *c, nng_tls_config *tls) {
    nng_dialer dialer;
    int rv = nng_sub0_open(&c->news);
    if (rv != 0) {
        return rv;
    }
    c->news_open = 1;
    if ((rv = nng_setopt(c->news, NNG_OPT_SUB_SUBSCRIBE, "", 0)) != 0 ||
        (rv = nng_aio_alloc(&c->news_aio, news_done, c)) != 0 ||
        (rv = nng_pipe_notify(c->news, NNG_PIPE_EV_ADD_POST, news_pipe_changed, c)) != 0 ||
        (rv = nng_pipe_notify(c->news, NNG_PIPE_EV_REM_POST, news_pipe_changed, c)) != 0) {
        return rv;
    }
    return dial(c->news, c->o.news, c->o.receive_max, tls, &dialer);
}

static void stop_nng(void *owner) {
    mdl_nng_client *c = owner;
    for (uint32_t i = 0; i < c->slot_count; i++) {
        if (c->slot[i].open) {
            nng_ctx_close(c->slot[i].ctx);
        }
    }
    if (c->calls_open) {
        nng_close(c->calls);
    }
    if (c->news_open) {
        nng_close(c->news);
    }
    for (uint32_t i = 0; i < c->slot_count; i++) {
        slot *t = &c->slot[i];
        if (!t->aio) {
            continue;
        }
        nng_aio_stop(t->aio);
        int rv = nng_aio_result(t->aio);
        nng_msg *msg = nng_aio_get_msg(t->aio);
        if (msg && (t->state == RECEIVING ? rv == 0 : t->state == SENDING && rv != 0)) {
            nng_msg_free(msg);
        }
        nng_aio_free(t->aio);
    }
    if (c->news_aio) {
        nng_aio_stop(c->news_aio);
        nng_msg *msg = nng_aio_get_msg(c->news_aio);
        if (c->listening && msg && nng_aio_result(c->news_aio) == 0) {
            nng_msg_free(msg);
        }
        nng_aio_free(c->news_aio);
    }
}

static void release(void *owner) {
    mdl_nng_client *c = owner;
    free(c->slot);
    free(c->free_slot);
    free(c);
}

static mdl_err start(mdl_nng_client *c, char *error, size_t error_size) {
    nng_tls_config *tls = NULL, *news_tls = NULL;
    mdl_err e = MDL_OK;
    if (c->tls) {
        e = mdl_tls_config_client(&c->o.tls, c->o.url, &tls, error, error_size);
        if (e == MDL_OK && c->o.news) {
            e = mdl_tls_config_client(&c->o.tls, c->o.news, &news_tls, error, error_size);
        }
    }
    if (e == MDL_OK) {
        int rv = open_calls(c, tls);
        if (rv == 0 && c->o.news) {
            rv = open_news(c, news_tls);
        }
        if (rv != 0) {
            snprintf(error, error_size, "cannot dial %s: %s", c->o.url, nng_strerror(rv));
            e = mdl_err_of_nng(rv);
        }
    }
    if (tls) {
        nng_tls_config_free(tls);
    }
    if (news_tls) {
        nng_tls_config_free(news_tls);
    }
    return e;
}

mdl_err mdl_nng_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_nng_client **out, char *error,
                            size_t error_size) {
    *out = NULL;
    mdl_nng_client *c = calloc(1, sizeof *c);
    mdl_err e = MDL_ENOMEM;
    if (c) {
        c->o = *options;
        c->tls = mdl_address_scheme(options->url) == MDL_TLS;
        c->slot_count = options->calls_max;
        c->slot = calloc(c->slot_count, sizeof *c->slot);
        c->free_slot = calloc(c->slot_count, sizeof *c->free_slot);
        c->news_event.kind = NEWS;
        c->link_event.kind = LINK;
        e = c->slot && c->free_slot ? mdl_mailbox_open(&c->mailbox, loop, deliver, c) : MDL_ENOMEM;
    }
    if (e != MDL_OK) {
        snprintf(error, error_size, "cannot dial %s: %s", options->url, mdl_strerror((int)e));
        if (c) {
            release(c);
        }
        return e;
    }
    e = start(c, error, error_size);
    c->o.url = c->o.news = NULL; /* the caller's */
    memset(&c->o.tls, 0, sizeof c->o.tls);
    if (e != MDL_OK) {
        mdl_nng_client_close(c, NULL, NULL);
        return e;
    }
    if (c->news_open) {
        listen_for_news(c);
    }
    *out = c;
    return MDL_OK;
}

/* ---- closing ---- */

void mdl_nng_client_close(mdl_nng_client *c, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!c->closing);
    c->closing = 1;
    mdl_teardown_begin(&(mdl_teardown){&c->mailbox, c, stop_nng, release, closed, ctx});
}
