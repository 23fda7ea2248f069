/* A server and a client on one loop, and what they saw. */
#ifndef MDL_TESTS_TRANSPORT_PEER_H
#define MDL_TESTS_TRANSPORT_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/transport.h"
#include "tests/support/tls_files.h"

enum { LIMIT = 4096, PATIENCE_MS = 60000, TOKENS = 64 };

/* What the server does with a call. */
typedef enum service { ANSWER, HOLD, DROP, MIRROR } service;

/* And with the beginning of a large one. */
typedef enum admission { ADMIT, LATER, REFUSE, CUT } admission;

typedef struct peer {
    uv_loop_t loop;
    uv_timer_t patience;
    int impatient, closed;
    mdl_server *server;
    mdl_client *client;
    service service;
    size_t receive_max; /* 0: LIMIT                           */
    size_t large_max, large_total;
    uint32_t large_ms;
    admission admission; /* what happens to large calls        */
    size_t said;         /* what they are taken to be long      */
    mdl_call *asked;     /* the one that waits, with LATER      */
    uint32_t beginnings; /* of large calls                      */
    uint8_t *expected;   /* what an echo should be, or NULL     */
    uint32_t echoes;     /* replies that were                   */
    size_t expected_size;
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

/* SCHEME://HOST:PORTPATH on a host of the loopback that no other process uses: what listens there can stop and listen
 * on the same port again. On 127.0.0.1 anybody's outgoing connection could have taken it. */
static inline const char *own_address(char address[64], const char *scheme, const char *path) {
    unsigned pid = (unsigned)getpid();
    snprintf(address, 64, "%s://127.%u.%u.%u:0%s", scheme, 64 + pid / 65536 % 64, pid / 256 % 256, pid % 256, path);
    return address;
}

static inline void on_call(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *name) {
    peer *p = ctx;
    p->calls++;
    p->largest = size > p->largest ? size : p->largest;
    snprintf(p->peer, sizeof p->peer, "%s", name);
    if (p->service == DROP) {
        mdl_call_drop(call);
    } else if (p->service == MIRROR) {
        mdl_call_reply(call, bytes, size);
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

static inline void on_large(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *name) {
    peer *p = ctx;
    p->beginnings++;
    assert_true(name[0] && size >= (p->receive_max ? p->receive_max : LIMIT) && size < p->large_max);
    assert_true(!p->expected || memcmp(bytes, p->expected, size) == 0);
    switch (p->admission) {
    case ADMIT:
        mdl_call_admit(call, p->said);
        break;
    case LATER:
        assert_null(p->asked);
        p->asked = call;
        break;
    case REFUSE:
        mdl_call_reply(call, (const uint8_t *)"no", 2);
        break;
    case CUT:
        mdl_call_drop(call);
        break;
    }
}

static inline void on_reply(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size) {
    peer *p = ctx;
    assert_true(token < TOKENS);
    assert_int_equal(p->seen[token], 0);
    p->seen[token] = 1;
    p->status[token] = status;
    if (status == MDL_OK) {
        p->replies++;
        p->echoes += p->expected && size == p->expected_size && memcmp(bytes, p->expected, size) == 0;
        snprintf(p->reply[token], sizeof p->reply[token], "%.*s", (int)size, (const char *)bytes);
    } else {
        assert_null(bytes);
        p->failures++;
    }
}

static inline void on_news(void *ctx, const uint8_t *bytes, size_t size) {
    peer *p = ctx;
    p->news++;
    snprintf(p->newest, sizeof p->newest, "%.*s", (int)size, (const char *)bytes);
}

static inline void on_link(void *ctx, int connected) {
    peer *p = ctx;
    assert_int_not_equal(p->linked, connected); /* only changes are told */
    p->linked = connected;
    *(connected ? &p->ups : &p->downs) += 1;
}

static inline void lose_patience(uv_timer_t *t) { ((peer *)t->data)->impatient = 1; }

/* Repeats: UV_RUN_ONCE runs timers first and then waits, perhaps for ever. */
static inline void begin_patience(peer *p, uint64_t ms) {
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
static inline void run_ms(peer *p, uint64_t ms) {
    begin_patience(p, ms);
    while (!p->impatient) {
        uv_run(&p->loop, UV_RUN_ONCE);
    }
}

static inline void peer_init(peer *p) {
    memset(p, 0, sizeof *p);
    assert_int_equal(uv_loop_init(&p->loop), 0);
    uv_timer_init(&p->loop, &p->patience);
    p->patience.data = p;
}

static inline void count_closed(void *ctx) { ((peer *)ctx)->closed++; }

static inline void close_server(peer *p) {
    int before = p->closed;
    mdl_server_close(p->server, count_closed, p);
    p->server = NULL;
    UNTIL(p, p->closed == before + 1);
}

static inline void close_client(peer *p) {
    int before = p->closed;
    mdl_client_close(p->client, count_closed, p);
    p->client = NULL;
    UNTIL(p, p->closed == before + 1);
}

static inline void peer_close(peer *p) {
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

static inline const char *write_pem(char path[300], const char *name, const char *text) {
    snprintf(path, 300, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* What either side of an address needs: the test's certificate for TLS, else nothing. */
static inline const mdl_tls_files *tls_for(const char *address, int server) {
    static char cert[300], key[300];
    static mdl_tls_files files[2];
    if (strncmp(address, "tls+tcp://", 10) != 0) {
        return NULL;
    }
    files[0] = (mdl_tls_files){.ca = write_pem(cert, "cert.pem", tls_cert)};
    files[1] = (mdl_tls_files){.cert = cert, .key = write_pem(key, "key.pem", tls_key)};
    return &files[server];
}

/* Every kind of address, one after the other; NULL at the end. */
static inline const char *each_address(size_t i) {
    static char ipc[300], tcp[64], tls[64], ws[64], root[64];
    snprintf(ipc, sizeof ipc, "ipc://%s/socket", directory);
    const char *const all[] = {own_address(tcp, "tcp", ""), ipc, own_address(tls, "tls+tcp", ""),
                               own_address(ws, "ws", "/modulon"), own_address(root, "ws", "")};
    return i < sizeof all / sizeof all[0] ? all[i] : NULL;
}

static inline mdl_err serve(peer *p, const char *address, const mdl_tls_files *tls, uint32_t peers_max) {
    const char *listen[1] = {address};
    mdl_server_options o = {.listen = listen,
                            .listen_count = 1,
                            .receive_max = p->receive_max ? p->receive_max : LIMIT,
                            .large_max = p->large_max,
                            .large_total = p->large_total,
                            .large_ms = p->large_ms,
                            .calls_max = 8,
                            .peers_max = peers_max,
                            .on_call = on_call,
                            .on_large = on_large,
                            .ctx = p};
    if (tls) {
        o.tls = *tls;
    }
    return mdl_server_open(&p->loop, &o, &p->server, p->error, sizeof p->error);
}

static inline mdl_err dial(peer *p, const char *address, const mdl_tls_files *tls, uint32_t calls_max) {
    char url[MDL_URL_MAX], news[MDL_URL_MAX];
    uint8_t key[32];
    int has_key;
    assert_int_equal(mdl_address_parse(address, url, news, key, &has_key, p->error, sizeof p->error), MDL_OK);
    mdl_client_options o = {.url = url,
                            .news = news,
                            .receive_max = p->large_max     ? p->large_max
                                           : p->receive_max ? p->receive_max
                                                            : LIMIT,
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

static inline mdl_err call_text(peer *p, uint64_t token, const char *text, uint32_t timeout_ms) {
    p->seen[token] = 0;
    return mdl_client_call(p->client, token, (const uint8_t *)text, strlen(text), timeout_ms);
}

/* Calls at once and one after the other, news, closing. */
static inline void exercise(const char *address, const mdl_tls_files *server_tls, const mdl_tls_files *client_tls,
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

static inline int connect_raw(const char *url) {
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10)); /* a path may follow */
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* ---- the group's directory ---- */

static inline int make_directory(void **state) {
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-XXXXXX", root && root[0] ? root : ".");
    return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_directory(void **state) {
    (void)state;
    DIR *d = opendir(directory);
    struct dirent *entry;
    while (d && (entry = readdir(d)) != NULL) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    if (d) {
        closedir(d);
    }
    return rmdir(directory);
}

#endif
