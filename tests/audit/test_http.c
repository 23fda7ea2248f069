/* Audits over HTTP, from a small server of the test's own that can also behave badly. */
#include "tests/audit/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "protocol/tile.h"
#include "runtime/http_client.h"

/* How the server answers; set between requests. */
typedef enum manner {
    GOOD,
    CLOSING,    /* one answer a connection                    */
    UNMEASURED, /* no length: the answer ends with the connection */
    FULL_TILES, /* partial tiles are gone; what is behind them is made up */
    CHUNKED,    /* a form that we do not take                 */
    SHORT,      /* less than its length says, then closes     */
    NOT_HTTP,
    ENDLESS_HEAD,
    HUGE_LENGTH,
    BUSY,       /* 503 for every other request                */
    BROKEN_ONCE /* closes a kept connection without an answer, every other time */
} manner;

static struct {
    int fd;
    pthread_t thread;
    _Atomic int how, stop, odd;
    char url[64];
    mdl_store store;
} server;

static ledger_play play;
static mdl_audit_report report;

/* ---- what is served ---- */

static size_t put_tile(const mdl_tile *t, uint8_t *out, size_t room) {
    char error[ERROR];
    mdl_store *s = &server.store;
    size_t used = 0;
    uint64_t size = s->count(s);
    uint32_t width = mdl_tile_width(t->kind, t->level, t->index, size);
    if (server.how == FULL_TILES && t->width < MDL_TILE_WIDTH)
        return 0;
    if (server.how != FULL_TILES && t->width > width)
        return 0;
    for (uint32_t i = 0; i < t->width; i++) {
        uint64_t at = t->index * MDL_TILE_WIDTH + i;
        if (t->kind == MDL_TILE_HASHES) {
            mdl_hash hash = {{0}};
            if (i < width && s->node(s, 8 * t->level, at, &hash, error, sizeof error) != MDL_OK)
                return 0;
            memcpy(out + used, &hash, sizeof hash);
            used += sizeof hash;
        } else {
            size_t n = 0;
            if (i < width && s->read(s, at, out + used + 2, &n, error, sizeof error) != MDL_OK)
                return 0;
            out[used] = (uint8_t)(n >> 8);
            out[used + 1] = (uint8_t)n;
            used += 2 + n;
        }
        assert_true(used + MDL_RECORD_MAX + 2 < room);
    }
    return used;
}

/* The bytes of a path; 0 when there is none. */
static size_t content(const char *path, uint8_t *out, size_t room) {
    char error[ERROR];
    mdl_store *s = &server.store;
    size_t size = 0;
    mdl_tile tile;
    if (strcmp(path, "checkpoint") == 0)
        return s->checkpoint(s, (char *)out, &size, error, sizeof error) == MDL_OK ? size : 0;
    if (strcmp(path, "status.json") == 0) {
        char vkey[MDL_VKEY_TEXT_MAX];
        mdl_vkey_print(&log_vkey, vkey);
        return (size_t)snprintf((char *)out, room, "{\"vkey\":\"%s\"}", vkey);
    }
    if (strncmp(path, "blob/", 5) == 0) {
        uint8_t digest[MDL_DIGEST_BYTES], *bytes;
        if (mdl_unhex(path + 5, digest, sizeof digest) != MDL_OK ||
            s->blob_get(s, digest, room, &bytes, &size, error, sizeof error) != MDL_OK)
            return 0;
        memcpy(out, bytes, size);
        free(bytes);
        return size;
    }
    return mdl_tile_path_parse(mdl_text_of(path), &tile) == MDL_OK ? put_tile(&tile, out, room) : 0;
}

/* ---- the server ---- */

static void send_all(int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += n;
        size -= (size_t)n;
    }
}

/* Returns whether the connection stays. */
static int answer(int fd, const char *path, int kept) {
    enum { ROOM = 1 << 23 };
    static uint8_t body[ROOM];
    char head[256];
    int how = server.how; /* before the content: what the test wrote before it is seen */
    size_t size = content(path, body, ROOM);
    int odd = server.odd++ & 1;
    const char *status = how == BUSY && odd ? "503 Later" : size > 0 ? "200 OK" : "404 Not Found";
    if (how == BROKEN_ONCE && kept)
        return 0;
    if (how == NOT_HTTP) {
        send_all(fd, "SSH-2.0-x\r\n\r\n", 13);
        return 0;
    }
    if (how == ENDLESS_HEAD) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\n");
        send_all(fd, head, strlen(head));
        for (int i = 0; i < 2000; i++)
            send_all(fd, "X-Filler: 0123456789\r\n", 22);
        return 0;
    }
    if (how == CHUNKED)
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    else if (how == UNMEASURED)
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\n\r\n", status);
    else
        snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: x\r\ncontent-length: %zu\r\n%s\r\n", status,
                 how == HUGE_LENGTH ? (size_t)999999999999 : size, how == CLOSING ? "Connection: close\r\n" : "");
    send_all(fd, head, strlen(head));
    send_all(fd, body, how == SHORT ? size / 2 : size);
    return how == GOOD || how == FULL_TILES || how == BUSY || how == BROKEN_ONCE;
}

/* One connection at a time is all that the client asks for. */
static void serve(int fd) {
    char request[4096];
    size_t have = 0;
    for (int kept = 0; !server.stop; kept = 1) {
        char path[1024], *end;
        request[have] = 0;
        while (!(end = strstr(request, "\r\n\r\n"))) {
            struct pollfd p = {fd, POLLIN, 0};
            if (poll(&p, 1, 50) == 0) {
                if (server.stop)
                    return;
                continue;
            }
            ssize_t n = recv(fd, request + have, sizeof request - 1 - have, 0);
            if (n <= 0)
                return;
            have += (size_t)n;
            request[have] = 0;
        }
        if (sscanf(request, "GET /%1023s", path) != 1 || strstr(request, "Host: 127.0.0.1:") == NULL)
            return;
        have -= (size_t)(end + 4 - request);
        memmove(request, end + 4, have);
        if (!answer(fd, path, kept))
            return;
    }
}

static void *run(void *unused) {
    (void)unused;
    while (!server.stop) {
        struct pollfd p = {server.fd, POLLIN, 0};
        if (poll(&p, 1, 50) <= 0)
            continue;
        int fd = accept(server.fd, NULL, NULL);
        if (fd < 0)
            continue;
        serve(fd);
        close(fd);
    }
    return NULL;
}

static int start(void **state) {
    (void)state;
    char error[ERROR];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    ledger_play_open(&play, NULL, "open 0", 0);
    ledger_play_all(&play, 3, 2);
    log_key_make("example.org/ledger");
    assert_int_equal(mdl_store_open_memory(&server.store, error, sizeof error), MDL_OK);
    store_fill(&server.store, &play, play.record, play.records);
    server.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&a, size) != 0 || listen(server.fd, 8) != 0 ||
        getsockname(server.fd, (struct sockaddr *)&a, &size) != 0)
        return -1;
    snprintf(server.url, sizeof server.url, "http://127.0.0.1:%d", ntohs(a.sin_port));
    return pthread_create(&server.thread, NULL, run, NULL);
}

static int stop(void **state) {
    (void)state;
    server.stop = 1;
    pthread_join(server.thread, NULL);
    close(server.fd);
    mdl_store_close(&server.store);
    ledger_play_close(&play);
    return 0;
}

static mdl_err audit_url(char *error) {
    mdl_audit_source s;
    mdl_audit_options o = options_make(1);
    error[0] = 0;
    assert_int_equal(mdl_audit_open_http(&s, server.url, error, ERROR), MDL_OK);
    mdl_err err = mdl_audit_run(&s, &o, &report, error, ERROR);
    mdl_audit_source_close(&s);
    return err;
}

/* ---- tests ---- */

static void test_audits(void **state) {
    static const int good[] = {GOOD, CLOSING, UNMEASURED, FULL_TILES, BUSY, BROKEN_ONCE};
    char error[ERROR];
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        server.how = good[i];
        if (audit_url(error) != MDL_OK)
            fail_msg("manner %d: %s", good[i], error);
        expect_clean(&report);
        assert_int_equal(report.applied, play.records);
        assert_int_equal(report.units, report.results);
        mdl_audit_report_free(&report);
    }
}

/* A bad server is an error, never a falsehood of the ledger. */
static void test_bad_servers(void **state) {
    static const int bad[] = {CHUNKED, SHORT, NOT_HTTP, ENDLESS_HEAD};
    char error[ERROR];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        server.how = bad[i];
        assert_int_equal(audit_url(error), MDL_EIO);
        assert_int_equal(report.findings, 0);
        assert_int_equal(strncmp(error, server.url, strlen(server.url)), 0);
        mdl_audit_report_free(&report);
    }
    /* More than a checkpoint can be: refused before memory is taken. */
    server.how = HUGE_LENGTH;
    mdl_http_client c;
    uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_http_client_init(&c, server.url, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_http_get(&c, "checkpoint", 65536, &bytes, &size, error, sizeof error), MDL_ESIZE);
    assert_null(bytes);
    server.how = UNMEASURED;
    assert_int_equal(mdl_http_get(&c, "checkpoint", 100, &bytes, &size, error, sizeof error), MDL_ESIZE);
    server.how = GOOD;
    assert_int_equal(mdl_http_get(&c, "no/such/path", 100, &bytes, &size, error, sizeof error), MDL_ENOENT);
    assert_int_equal(mdl_http_get(&c, "checkpoint", 65536, &bytes, &size, error, sizeof error), MDL_OK);
    assert_true(size > 100 && bytes[size] == 0);
    free(bytes);
    mdl_http_client_close(&c);
}

/* A blob that the server does not have is a falsehood of the ledger. */
static void test_missing_blob(void **state) {
    char error[ERROR];
    mdl_store all = server.store, poor;
    ledger_play p = play;
    (void)state;
    p.blobs = play.blobs - 1; /* without the champion's genome */
    assert_int_equal(mdl_store_open_memory(&poor, error, sizeof error), MDL_OK);
    store_fill(&poor, &p, p.record, p.records);
    server.store = poor;
    server.how = GOOD;
    assert_int_equal(audit_url(error), MDL_OK);
    assert_true(server.odd > 0); /* the server is done with `poor` */
    server.store = all;
    mdl_store_close(&poor);
    const mdl_audit_finding *f = expect_finding(&report, MDL_RULE_BLOB, play.records - 2);
    assert_non_null(strstr(f->text, "genome"));
    mdl_audit_report_free(&report);
}

static void test_vkey(void **state) {
    char error[ERROR], text[MDL_VKEY_TEXT_MAX], want[MDL_VKEY_TEXT_MAX];
    mdl_audit_source s;
    (void)state;
    server.how = GOOD;
    assert_int_equal(mdl_audit_open_http(&s, server.url, error, sizeof error), MDL_OK);
    assert_int_equal(s.vkey(s.ctx, text, error, sizeof error), MDL_OK);
    mdl_vkey_print(&log_vkey, want);
    assert_string_equal(text, want);
    mdl_audit_source_close(&s);
}

static void test_addresses(void **state) {
    static const struct {
        const char *url, *host, *port, *prefix;
    } good[] = {
        {"http://example.org", "example.org", "80", ""},
        {"http://example.org/", "example.org", "80", ""},
        {"http://example.org:8080/logs/one/", "example.org", "8080", "/logs/one"},
        {"http://[::1]:81", "::1", "81", ""},
        {"http://[2001:db8::1]/x", "2001:db8::1", "80", "/x"},
    };
    static const char *const bad[] = {
        "https://example.org", "ftp://example.org", "http://",        "http:///x",     "http://a:",
        "http://a:0",          "http://a:65536",    "http://a:8o",    "http://[::1",   "http://[]",
        "http://[::1]x",       "http://a b",        "http://u@a",     "http://a/?x",   "http://a/#x",
        "http://a\r\nX: y",    "http://a:123456",   "example.org:80", "http://a/\x80", "",
    };
    char error[ERROR];
    mdl_http_client c;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(mdl_http_client_init(&c, good[i].url, error, sizeof error), MDL_OK);
        assert_string_equal(c.host, good[i].host);
        assert_string_equal(c.port, good[i].port);
        assert_string_equal(c.prefix, good[i].prefix);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        error[0] = 0;
        if (mdl_http_client_init(&c, bad[i], error, sizeof error) != MDL_ESYNTAX)
            fail_msg("taken: %s", bad[i]);
        assert_true(error[0] != 0);
    }
}

/* Nobody listens. */
static void test_nobody(void **state) {
    char error[ERROR];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, but not listening: the port is nobody else's */
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    char url[64];
    mdl_http_client c;
    uint8_t *bytes;
    size_t got;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(a.sin_port));
    assert_int_equal(mdl_http_client_init(&c, url, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_http_get(&c, "checkpoint", 100, &bytes, &got, error, sizeof error), MDL_EIO);
    assert_non_null(strstr(error, "refused"));
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audits), cmocka_unit_test(test_bad_servers), cmocka_unit_test(test_missing_blob),
        cmocka_unit_test(test_vkey),   cmocka_unit_test(test_addresses),   cmocka_unit_test(test_nobody),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
