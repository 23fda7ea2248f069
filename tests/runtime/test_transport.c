/* Calls, news and failures over every kind of address, on the loopback alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
/* nng.h comes before its protocols. */
#include <nng/nng.h>

#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/transport.h"
#include "tests/support/tls_files.h"

enum { LIMIT = 4096, PATIENCE_MS = 15000, TOKENS = 64 };

/* What the server does with a call. */
typedef enum service { ANSWER, HOLD, DROP } service;

typedef struct peer {
    uv_loop_t loop;
    uv_timer_t patience;
    int impatient, closed;
    mdl_server *server;
    mdl_client *client;
    service service;
    mdl_call *held[TOKENS];
    uint32_t held_count, calls;
    char peer[128];
    size_t largest;
    uint32_t replies, failures, news, ups, downs;
    int linked;
    char reply[TOKENS][64];
    mdl_err status[TOKENS];
    uint8_t seen[TOKENS];
    char newest[64];
    char error[256];
} peer;

static char directory[256];

static void on_call(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *name) {
    peer *p = ctx;
    p->calls++;
    p->largest = size > p->largest ? size : p->largest;
    snprintf(p->peer, sizeof p->peer, "%s", name);
    if (p->service == DROP) {
        mdl_call_drop(call);
    } else if (p->service == ANSWER) {
        uint8_t answer[LIMIT + 1];
        assert_true(size <= LIMIT);
        memcpy(answer, bytes, size);
        answer[size] = '!';
        mdl_call_reply(call, answer, size + 1);
    } else {
        assert_true(p->held_count < TOKENS);
        p->held[p->held_count++] = call;
    }
}

static void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    peer *p = ctx;
    assert_true(token < TOKENS);
    assert_int_equal(p->seen[token], 0);
    p->seen[token] = 1;
    p->status[token] = status;
    if (status == MDL_OK) {
        p->replies++;
        snprintf(p->reply[token], sizeof p->reply[token], "%.*s", (int)size, (const char *)bytes);
    } else {
        assert_null(bytes);
        p->failures++;
    }
}

static void on_news(void *ctx, const uint8_t *bytes, size_t size) {
    peer *p = ctx;
    p->news++;
    snprintf(p->newest, sizeof p->newest, "%.*s", (int)size, (const char *)bytes);
}

static void on_link(void *ctx, int connected) {
    peer *p = ctx;
    assert_int_not_equal(p->linked, connected); /* only changes are told */
    p->linked = connected;
    *(connected ? &p->ups : &p->downs) += 1;
}

static void lose_patience(uv_timer_t *t) { ((peer *)t->data)->impatient = 1; }

/* Repeats: UV_RUN_ONCE runs timers first and then waits, perhaps for ever. */
static void begin_patience(peer *p, uint64_t ms) {
    p->impatient = 0;
    uv_update_time(&p->loop);
    uv_timer_start(&p->patience, lose_patience, ms, 10);
}

/* Run the loop until `condition` holds; fails the test after PATIENCE_MS. */
#define UNTIL(p, condition)                                                                                            \
    do {                                                                                                               \
        begin_patience(p, PATIENCE_MS);                                                                                \
        while (!(condition) && !(p)->impatient) {                                                                      \
            uv_run(&(p)->loop, UV_RUN_ONCE);                                                                           \
        }                                                                                                              \
        uv_timer_stop(&(p)->patience);                                                                                 \
        assert_true(condition);                                                                                        \
    } while (0)

/* Run the loop for a while. */
static void run_ms(peer *p, uint64_t ms) {
    begin_patience(p, ms);
    while (!p->impatient) {
        uv_run(&p->loop, UV_RUN_ONCE);
    }
}

static void peer_init(peer *p) {
    memset(p, 0, sizeof *p);
    assert_int_equal(uv_loop_init(&p->loop), 0);
    uv_timer_init(&p->loop, &p->patience);
    p->patience.data = p;
}

static void count_closed(void *ctx) { ((peer *)ctx)->closed++; }

static void close_server(peer *p) {
    int before = p->closed;
    mdl_server_close(p->server, count_closed, p);
    p->server = NULL;
    UNTIL(p, p->closed == before + 1);
}

static void close_client(peer *p) {
    int before = p->closed;
    mdl_client_close(p->client, count_closed, p);
    p->client = NULL;
    UNTIL(p, p->closed == before + 1);
}

static void peer_close(peer *p) {
    if (p->client) {
        close_client(p);
    }
    if (p->server) {
        close_server(p);
    }
    uv_close((uv_handle_t *)&p->patience, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p->loop), 0); /* no handle is left behind */
}

static mdl_err serve(peer *p, const char *address, const mdl_tls_files *tls, uint32_t peers_max) {
    const char *listen[1] = {address};
    mdl_server_options o = {.listen = listen,
                            .listen_count = 1,
                            .receive_max = LIMIT,
                            .calls_max = 8,
                            .peers_max = peers_max,
                            .on_call = on_call,
                            .ctx = p};
    if (tls) {
        o.tls = *tls;
    }
    return mdl_server_open(&p->loop, &o, &p->server, p->error, sizeof p->error);
}

static mdl_err dial(peer *p, const char *address, const mdl_tls_files *tls, uint32_t calls_max) {
    char url[MDL_URL_MAX], news[MDL_URL_MAX];
    uint8_t key[32];
    int has_key;
    assert_int_equal(mdl_address_parse(address, url, news, key, &has_key, p->error, sizeof p->error), MDL_OK);
    mdl_client_options o = {.url = url,
                            .news = news,
                            .receive_max = LIMIT,
                            .calls_max = calls_max,
                            .on_reply = on_reply,
                            .on_news = on_news,
                            .on_link = on_link,
                            .ctx = p};
    if (tls) {
        o.tls = *tls;
    }
    return mdl_client_open(&p->loop, &o, &p->client, p->error, sizeof p->error);
}

static mdl_err call_text(peer *p, uint64_t token, const char *text, uint32_t timeout_ms) {
    p->seen[token] = 0;
    return mdl_client_call(p->client, token, (const uint8_t *)text, strlen(text), timeout_ms);
}

/* Calls at once and one after the other, news, closing. */
static void exercise(const char *address, const mdl_tls_files *server_tls, const mdl_tls_files *client_tls,
                     const char *dial_host, const char *peer_prefix) {
    peer p;
    peer_init(&p);
    if (serve(&p, address, server_tls, 0) != MDL_OK) {
        fail_msg("%s", p.error);
    }
    char target[MDL_URL_MAX + 64];
    snprintf(target, sizeof target, "%s", mdl_server_url(p.server, 0));
    if (dial_host) { /* the name in the certificate */
        snprintf(target, sizeof target, "tls+tcp://%s%s", dial_host, strrchr(mdl_server_url(p.server, 0), ':'));
    }
    assert_int_equal(dial(&p, target, client_tls, 16), MDL_OK);
    UNTIL(&p, p.linked);
    for (uint32_t round = 0; round < 3; round++) {
        p.replies = 0;
        for (uint64_t token = 0; token < 16; token++) {
            char text[32];
            snprintf(text, sizeof text, "call %u.%u", (unsigned)round, (unsigned)token);
            assert_int_equal(call_text(&p, token, text, PATIENCE_MS), MDL_OK);
        }
        assert_int_equal(mdl_client_call(p.client, 20, NULL, 0, 1000), MDL_ESIZE);
        UNTIL(&p, p.replies == 16);
        for (uint64_t token = 0; token < 16; token++) {
            char text[32];
            snprintf(text, sizeof text, "call %u.%u!", (unsigned)round, (unsigned)token);
            assert_string_equal(p.reply[token], text);
        }
    }
    assert_int_equal(strncmp(p.peer, peer_prefix, strlen(peer_prefix)), 0);
    assert_string_equal(mdl_client_trouble(p.client), "");
    /* Missing news is harmless, so publish until it is heard. */
    for (uint32_t i = 0; i < 200 && p.news == 0; i++) {
        mdl_server_publish(p.server, (const uint8_t *)"generation 7", 12);
        run_ms(&p, 20);
    }
    assert_string_equal(p.newest, "generation 7");
    /* An empty call and the longest. */
    p.replies = 0;
    uint8_t big[LIMIT];
    memset(big, 'x', sizeof big);
    p.seen[0] = p.seen[1] = 0;
    assert_int_equal(mdl_client_call(p.client, 0, NULL, 0, PATIENCE_MS), MDL_OK);
    assert_int_equal(mdl_client_call(p.client, 1, big, LIMIT - 1, PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.replies == 2);
    assert_string_equal(p.reply[0], "!");
    assert_int_equal(p.largest, LIMIT - 1);
    assert_int_equal(p.failures, 0);
    assert_int_equal(p.ups, 1);
    peer_close(&p);
}

static void test_tcp(void **state) {
    (void)state;
    exercise("tcp://127.0.0.1:0", NULL, NULL, NULL, "127.0.0.1:");
}

static void test_inproc(void **state) {
    (void)state;
    exercise("inproc://echo", NULL, NULL, NULL, "inproc");
}

static void test_ipc(void **state) {
    (void)state;
    char address[300], expect[64];
    snprintf(address, sizeof address, "ipc://%s/socket", directory);
    snprintf(expect, sizeof expect, "ipc:pid %ld uid %ld", (long)getpid(), (long)getuid());
    exercise(address, NULL, NULL, NULL, expect);
}

static void test_ws(void **state) {
    (void)state;
    exercise("ws://127.0.0.1:0/modulon", NULL, NULL, NULL, "127.0.0.1:");
}

/* ---- TLS ---- */

static const char *write_pem(char path[300], const char *name, const char *text) {
    snprintf(path, 300, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

static void test_tls(void **state) {
    (void)state;
    char cert[300], key[300];
    write_pem(cert, "cert.pem", tls_cert);
    write_pem(key, "key.pem", tls_key);
    mdl_tls_files server = {.cert = cert, .key = key}, client = {.ca = cert};
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "localhost", "127.0.0.1:");
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "127.0.0.1", "127.0.0.1:");
    /* Both show one. */
    server.ca = client.cert = cert;
    client.key = key;
    exercise("tls+tcp://127.0.0.1:0", &server, &client, "localhost", "127.0.0.1:");
}

static void test_tls_refused(void **state) {
    (void)state;
    char cert[300], key[300], other[300];
    write_pem(cert, "cert.pem", tls_cert);
    write_pem(key, "key.pem", tls_key);
    write_pem(other, "other.pem", tls_other_cert);
    mdl_tls_files server = {.cert = cert, .key = key}, client = {.ca = other}, none = {NULL, NULL, NULL};
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &none, 0), MDL_EKEY);
    assert_non_null(strstr(p.error, "certificate"));
    mdl_tls_files missing = {.cert = "no/such.pem", .key = key};
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &missing, 0), MDL_ENOENT);
    assert_non_null(strstr(p.error, "no/such.pem"));
    mdl_tls_files swapped = {.cert = key, .key = cert};
    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &swapped, 0), MDL_ESYNTAX);

    assert_int_equal(serve(&p, "tls+tcp://127.0.0.1:0", &server, 0), MDL_OK);
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), &none, 4), MDL_EKEY);
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), &client, 4), MDL_OK);
    assert_int_equal(call_text(&p, 1, "secret", 1500), MDL_OK);
    UNTIL(&p, p.failures == 1);
    assert_int_equal(p.ups, 0);
    assert_int_equal(p.calls, 0);
    assert_non_null(strstr(mdl_client_trouble(p.client), "certificate"));
    peer_close(&p);
}

/* ---- calls that fail ---- */

static void test_drop_and_hold(void **state) {
    (void)state;
    peer p;
    peer_init(&p);
    p.service = DROP;
    assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 4), MDL_OK);
    UNTIL(&p, p.linked);
    run_ms(&p, 5);
    assert_int_equal(call_text(&p, 1, "dropped", 200), MDL_OK);
    UNTIL(&p, p.failures == 1);
    assert_int_equal(p.status[1], MDL_EIO);
    /* The connection was silent, so it is replaced, and serves again. */
    UNTIL(&p, p.ups == 2 && p.linked);
    assert_int_equal(p.downs, 1);
    p.service = ANSWER;
    assert_int_equal(call_text(&p, 2, "again", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.replies == 1);
    assert_string_equal(p.reply[2], "again!");
    /* Held, then answered out of order. */
    p.service = HOLD;
    assert_int_equal(call_text(&p, 3, "three", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.held_count == 1);
    assert_int_equal(call_text(&p, 4, "four", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.held_count == 2);
    mdl_call_reply(p.held[1], (const uint8_t *)"4", 1);
    UNTIL(&p, p.replies == 2);
    assert_string_equal(p.reply[4], "4");
    mdl_call_reply(p.held[0], (const uint8_t *)"3", 1);
    UNTIL(&p, p.replies == 3);
    assert_string_equal(p.reply[3], "3");
    peer_close(&p);
}

/* Closing while calls are under way on both sides; late replies are harmless. */
static void test_close_with_calls(void **state) {
    (void)state;
    for (int server_first = 0; server_first < 2; server_first++) {
        peer p;
        peer_init(&p);
        p.service = HOLD;
        assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 8), MDL_OK);
        for (uint64_t token = 0; token < 8; token++) {
            assert_int_equal(call_text(&p, token, "held", PATIENCE_MS), MDL_OK);
        }
        UNTIL(&p, p.held_count == 8);
        if (server_first) {
            mdl_server_close(p.server, count_closed, &p);
            mdl_call_reply(p.held[0], (const uint8_t *)"late", 4);
            mdl_call_drop(p.held[1]);
            p.server = NULL;
            UNTIL(&p, p.closed == 1 && !p.linked);
        } else {
            mdl_call_reply(p.held[0], (const uint8_t *)"in flight", 9);
        }
        peer_close(&p);
        assert_int_equal(p.failures, 0); /* closed clients tell nothing */
    }
}

/* The client waits for a server, and outlives it. */
static void test_absent_server(void **state) {
    (void)state;
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
    char address[MDL_URL_MAX];
    snprintf(address, sizeof address, "%s", mdl_server_url(p.server, 0));
    close_server(&p);

    assert_int_equal(dial(&p, address, NULL, 4), MDL_OK);
    assert_int_equal(call_text(&p, 1, "nobody", 300), MDL_OK);
    UNTIL(&p, p.failures == 1);
    assert_int_equal(p.ups, 0);
    assert_non_null(strstr(mdl_client_trouble(p.client), "nobody listens"));
    assert_int_equal(call_text(&p, 2, "later", PATIENCE_MS), MDL_OK); /* waits for the connection */
    assert_int_equal(serve(&p, address, NULL, 0), MDL_OK);
    UNTIL(&p, p.replies == 1 && p.linked);
    assert_string_equal(p.reply[2], "later!");

    /* A call under way survives a restart: it is sent again. */
    p.service = HOLD;
    assert_int_equal(call_text(&p, 3, "again", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.held_count == 1);
    close_server(&p);
    UNTIL(&p, !p.linked);
    p.service = ANSWER;
    assert_int_equal(serve(&p, address, NULL, 0), MDL_OK);
    UNTIL(&p, p.replies == 2);
    assert_string_equal(p.reply[3], "again!");
    assert_int_equal(p.failures, 1);
    peer_close(&p);
}

static void test_too_long(void **state) {
    (void)state;
    char ipc[300];
    snprintf(ipc, sizeof ipc, "ipc://%s/long", directory);
    const char *const address[] = {"tcp://127.0.0.1:0", "inproc://long", ipc};
    for (size_t i = 0; i < sizeof address / sizeof address[0]; i++) {
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address[i], NULL, 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 4), MDL_OK);
        UNTIL(&p, p.linked);
        static uint8_t big[64 * LIMIT];
        assert_int_equal(mdl_client_call(p.client, 0, big, sizeof big, 500), MDL_OK);
        UNTIL(&p, p.failures == 1);
        assert_int_equal(p.calls, 0);
        assert_int_equal(call_text(&p, 1, "short", PATIENCE_MS), MDL_OK);
        UNTIL(&p, p.replies == 1);
        assert_true(p.downs > 0); /* it was closed for that */
        peer_close(&p);
    }
}

static int connect_raw(const char *url) {
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_port = htons((uint16_t)atoi(strrchr(url, ':') + 1));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* More calls than the server takes at once, and than one connection may have under
 * way: they wait their turn, and none is lost. */
static void test_many(void **state) {
    (void)state;
    char ipc[300];
    snprintf(ipc, sizeof ipc, "ipc://%s/many", directory);
    const char *const address[] = {"tcp://127.0.0.1:0", "inproc://many", ipc};
    for (size_t i = 0; i < sizeof address / sizeof address[0]; i++) {
        peer p;
        peer_init(&p);
        p.service = HOLD;
        assert_int_equal(serve(&p, address[i], NULL, 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 40), MDL_OK);
        for (uint64_t token = 0; token < 40; token++) {
            char text[32];
            snprintf(text, sizeof text, "%u", (unsigned)token);
            assert_int_equal(call_text(&p, token, text, PATIENCE_MS), MDL_OK);
        }
        UNTIL(&p, p.held_count == 8);
        run_ms(&p, 20);
        assert_int_equal(p.held_count, 8);
        for (uint32_t k = 0; k < 40; k++) {
            UNTIL(&p, p.held_count > k);
            mdl_call_reply(p.held[k], (const uint8_t *)"ok", 2);
        }
        UNTIL(&p, p.replies == 40);
        assert_int_equal(p.calls, 40);
        assert_int_equal(p.failures, 0);
        peer_close(&p);
    }
}

/* Connections that break at all moments: no call is lost, and closing always ends. */
static void test_breaking(void **state) {
    (void)state;
    char ipc[300];
    snprintf(ipc, sizeof ipc, "ipc://%s/breaking", directory);
    const char *const address[] = {"tcp://127.0.0.1:0", ipc};
    for (size_t i = 0; i < sizeof address / sizeof address[0]; i++) {
        char url[MDL_URL_MAX];
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address[i], NULL, 0), MDL_OK);
        snprintf(url, sizeof url, "%s", mdl_server_url(p.server, 0));
        assert_int_equal(dial(&p, url, NULL, 16), MDL_OK);
        static uint8_t big[LIMIT - 1];
        for (uint64_t token = 0; token < 16; token++) {
            p.seen[token] = 0;
            assert_int_equal(mdl_client_call(p.client, token, big, sizeof big, PATIENCE_MS), MDL_OK);
        }
        for (uint32_t round = 0; round < 25; round++) {
            for (uint32_t turn = 0; turn < round; turn++) {
                uv_run(&p.loop, UV_RUN_NOWAIT);
            }
            close_server(&p);
            assert_int_equal(serve(&p, url, NULL, 0), MDL_OK);
            for (uint64_t token = 0; token < 16; token++) {
                if (p.seen[token]) {
                    assert_int_equal(p.status[token], MDL_OK);
                    p.seen[token] = 0;
                    assert_int_equal(mdl_client_call(p.client, token, big, sizeof big, PATIENCE_MS), MDL_OK);
                }
            }
        }
        uint32_t before = p.replies, left = 0;
        for (uint64_t token = 0; token < 16; token++) {
            left += !p.seen[token];
        }
        UNTIL(&p, p.replies == before + left);
        assert_int_equal(p.failures, 0);
        peer_close(&p);
    }
}

/* nng's own sockets on the other side. */
static void test_nng_peers(void **state) {
    (void)state;
    char ipc[300];
    snprintf(ipc, sizeof ipc, "ipc://%s/nng", directory);
    const char *const address[] = {"tcp://127.0.0.1:0", ipc};
    for (size_t i = 0; i < sizeof address / sizeof address[0]; i++) {
        char url[MDL_URL_MAX], news[MDL_URL_MAX], reply[16];
        uint8_t key[32];
        int has_key;
        size_t size = sizeof reply;
        nng_socket req, sub, rep;
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address[i], NULL, 0), MDL_OK);
        assert_int_equal(
            mdl_address_parse(mdl_server_url(p.server, 0), url, news, key, &has_key, p.error, sizeof p.error), MDL_OK);
        assert_int_equal(nng_req0_open(&req), 0);
        assert_int_equal(nng_sub0_open(&sub), 0);
        assert_int_equal(nng_setopt(sub, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
        assert_int_equal(nng_dial(req, url, NULL, NNG_FLAG_NONBLOCK), 0);
        assert_int_equal(nng_dial(sub, news, NULL, NNG_FLAG_NONBLOCK), 0);
        nng_msg *msg;
        assert_int_equal(nng_msg_alloc(&msg, 0), 0);
        assert_int_equal(nng_msg_append(msg, "hello", 5), 0);
        nng_aio *aio;
        assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
        nng_aio_set_msg(aio, msg);
        nng_send_aio(req, aio);
        UNTIL(&p, p.calls == 1);
        nng_aio_wait(aio);
        assert_int_equal(nng_aio_result(aio), 0);
        for (uint32_t k = 0; k < 1000 && (size = sizeof reply, nng_recv(req, reply, &size, NNG_FLAG_NONBLOCK)) != 0;
             k++) {
            run_ms(&p, 5);
        }
        assert_int_equal(size, 6);
        assert_memory_equal(reply, "hello!", 6);
        int heard = NNG_EAGAIN;
        for (uint32_t k = 0; k < 1000 && heard != 0; k++) {
            mdl_server_publish(p.server, (const uint8_t *)"news", 4);
            run_ms(&p, 5);
            size = sizeof reply;
            heard = nng_recv(sub, reply, &size, NNG_FLAG_NONBLOCK);
        }
        assert_int_equal(heard, 0);
        assert_memory_equal(reply, "news", 4);
        nng_aio_free(aio);
        nng_close(req);
        nng_close(sub);
        close_server(&p);
        /* And as a server. */
        assert_int_equal(nng_rep0_open(&rep), 0);
        assert_int_equal(nng_listen(rep, url, NULL, 0), 0);
        assert_int_equal(dial(&p, url, NULL, 4), MDL_OK);
        assert_int_equal(call_text(&p, 1, "question", PATIENCE_MS), MDL_OK);
        int got = NNG_EAGAIN;
        for (uint32_t k = 0; k < 1000 && got != 0; k++) {
            run_ms(&p, 5);
            size = sizeof reply;
            got = nng_recv(rep, reply, &size, NNG_FLAG_NONBLOCK);
        }
        assert_int_equal(got, 0);
        assert_int_equal(size, 8);
        assert_memory_equal(reply, "question", 8);
        assert_int_equal(nng_send(rep, (void *)(uintptr_t) "answer", 6, 0), 0);
        UNTIL(&p, p.replies == 1);
        assert_string_equal(p.reply[1], "answer");
        nng_close(rep);
        peer_close(&p);
    }
}

/* Bytes that are no protocol, and a length that nobody may believe. */
static void test_garbage(void **state) {
    (void)state;
    static const uint8_t http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static const uint8_t huge[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2};
    static const uint8_t headless[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3};
    const struct {
        const uint8_t *bytes;
        size_t size;
    } junk[] = {{http, sizeof http - 1}, {huge, sizeof huge}, {headless, sizeof headless}, {huge, 3}};
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
    int fd[sizeof junk / sizeof junk[0]];
    for (size_t i = 0; i < sizeof junk / sizeof junk[0]; i++) {
        fd[i] = connect_raw(mdl_server_url(p.server, 0));
        assert_int_equal(send(fd[i], junk[i].bytes, junk[i].size, MSG_NOSIGNAL), (ssize_t)junk[i].size);
    }
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 4), MDL_OK);
    assert_int_equal(call_text(&p, 1, "fine", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.replies == 1);
    assert_int_equal(p.calls, 1);
    for (size_t i = 0; i < 3; i++) { /* the fourth is only slow */
        char rest[64];
        struct timeval limit = {10, 0};
        setsockopt(fd[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        ssize_t got;
        while ((got = recv(fd[i], rest, sizeof rest, 0)) > 0) {
        }
        assert_true(got == 0 || errno == ECONNRESET); /* closed by the server, not by our patience */
    }
    for (size_t i = 0; i < sizeof fd / sizeof fd[0]; i++) {
        close(fd[i]);
    }
    peer_close(&p);
}

static void test_peers_max(void **state) {
    (void)state;
    peer p, q;
    peer_init(&p);
    peer_init(&q);
    assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 1), MDL_OK);
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 4), MDL_OK);
    UNTIL(&p, p.linked);
    assert_int_equal(call_text(&p, 1, "first", PATIENCE_MS), MDL_OK);
    UNTIL(&p, p.replies == 1);
    assert_int_equal(dial(&q, mdl_server_url(p.server, 0), NULL, 4), MDL_OK);
    assert_int_equal(call_text(&q, 1, "second", 700), MDL_OK);
    UNTIL(&q, q.failures == 1);
    run_ms(&p, 50);
    assert_int_equal(p.calls, 1);
    /* There is room again when the first leaves. */
    close_client(&p);
    assert_int_equal(call_text(&q, 2, "second", PATIENCE_MS), MDL_OK);
    for (uint32_t i = 0; i < 1000 && q.replies == 0; i++) {
        run_ms(&p, 5);
        run_ms(&q, 5);
    }
    assert_string_equal(q.reply[2], "second!");
    peer_close(&q);
    peer_close(&p);
}

static void test_open_errors(void **state) {
    (void)state;
    peer p, q;
    peer_init(&p);
    peer_init(&q);
    assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
    const char *taken = mdl_server_url(p.server, 0);
    assert_int_equal(serve(&q, taken, NULL, 0), MDL_EIO);
    assert_non_null(strstr(q.error, taken));
    assert_non_null(strstr(q.error, "in use"));
    assert_null(q.server);
    assert_int_equal(serve(&q, "tcp://127.0.0.1", NULL, 0), MDL_ESYNTAX);
    assert_int_equal(serve(&q, "ipc:///no/such/folder/socket", NULL, 0), MDL_EIO);
    assert_non_null(strstr(q.error, "/no/such/folder/socket"));
    peer_close(&q);
    peer_close(&p);
}

static int make_directory(void **state) {
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-XXXXXX", root && root[0] ? root : ".");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    static const char *const names[] = {"cert.pem",      "key.pem",   "other.pem", "socket",    "socket.news",
                                        "long",          "long.news", "many",      "many.news", "breaking",
                                        "breaking.news", "nng",       "nng.news"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        unlink(path);
    }
    return rmdir(directory);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),           cmocka_unit_test(test_inproc),
        cmocka_unit_test(test_ipc),           cmocka_unit_test(test_ws),
        cmocka_unit_test(test_tls),           cmocka_unit_test(test_tls_refused),
        cmocka_unit_test(test_drop_and_hold), cmocka_unit_test(test_close_with_calls),
        cmocka_unit_test(test_absent_server), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_breaking),
        cmocka_unit_test(test_nng_peers),     cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_peers_max),     cmocka_unit_test(test_open_errors),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
