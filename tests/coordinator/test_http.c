/* The auditors' server on the loopback: what it serves, refuses and outlasts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "coordinator/http.h"
#include "coordinator/page.h"
#include "protocol/grow.h"
#include "runtime/http_request.h"

enum { BIG = 3000000, PATIENCE_MS = 60000, ROOM = BIG + 4096 };

static const char blob[] = "blob/00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static struct {
    uv_loop_t loop;
    mdl_http *http;
    uint32_t asked;
    int closed;
    char asked_path[MDL_HTTP_PATH_MAX];
    char *got; /* [ROOM] the answer of the last exchange */
    size_t got_size;
} rig;

static mdl_err get(void *ctx, const char *path, uint8_t **bytes, size_t *size) {
    (void)ctx;
    rig.asked++;
    snprintf(rig.asked_path, sizeof rig.asked_path, "%s", path);
    if (strcmp(path, "metrics") == 0) {
        return MDL_EIO;
    }
    if (strcmp(path, "tile/0/001") == 0) {
        return MDL_ENOENT;
    }
    *size = strcmp(path, blob) == 0 ? BIG : strlen(path) + 8;
    *bytes = malloc(*size + 1);
    assert_non_null(*bytes);
    memset(*bytes, 'b', *size + 1);
    if (*size != BIG) {
        snprintf((char *)*bytes, *size + 1, "content %s", path);
    }
    return MDL_OK;
}

static void open_server(uint32_t connections, uint32_t request_ms, uint32_t idle_ms) {
    char error[256];
    memset(&rig, 0, sizeof rig);
    assert_int_equal(uv_loop_init(&rig.loop), 0);
    rig.got = malloc(ROOM);
    assert_non_null(rig.got);
    mdl_http_options o = {.listen = "127.0.0.1:0",
                          .connections_max = connections,
                          .request_ms = request_ms,
                          .idle_ms = idle_ms,
                          .get = get};
    if (mdl_http_open(&rig.loop, &o, &rig.http, error, sizeof error) != MDL_OK) {
        fail_msg("%s", error);
    }
}

static void count_closed(void *ctx) { ++*(int *)ctx; }

static void close_server(void) {
    mdl_http_close(rig.http, count_closed, &rig.closed);
    uv_run(&rig.loop, UV_RUN_DEFAULT);
    assert_int_equal(rig.closed, 1);
    assert_int_equal(uv_loop_close(&rig.loop), 0);
    free(rig.got);
}

static int dial(void) {
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_port = htons((uint16_t)atoi(strrchr(mdl_http_url(rig.http), ':') + 1));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void nap(void) {
    struct timespec t = {0, 200000};
    nanosleep(&t, NULL);
}

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

/* Run the loop and read `fd` until `enough` bytes or its end. 1 at its end. */
static int read_some(int fd, size_t enough) {
    uint64_t end = now_ms() + PATIENCE_MS;
    rig.got_size = 0;
    while (rig.got_size < enough && now_ms() < end) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        ssize_t n = recv(fd, rig.got + rig.got_size, ROOM - 1 - rig.got_size, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            rig.got[rig.got_size] = 0;
            return 1;
        }
        rig.got_size += n > 0 ? (size_t)n : 0;
        if (n < 0) {
            nap();
        }
    }
    rig.got[rig.got_size] = 0;
    return 0;
}

static uint32_t times(const char *text, const char *part) {
    uint32_t n = 0;
    while ((text = strstr(text, part)) != NULL) {
        n++;
        text++;
    }
    return n;
}

/* Run the loop and read `fd` until `part` has come `n` times. */
static void read_until(int fd, const char *part, uint32_t n) {
    uint64_t end = now_ms() + PATIENCE_MS;
    rig.got_size = 0;
    rig.got[0] = 0;
    while (times(rig.got, part) < n && now_ms() < end) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        ssize_t got = recv(fd, rig.got + rig.got_size, ROOM - 1 - rig.got_size, MSG_DONTWAIT);
        assert_int_not_equal(got, 0);
        rig.got_size += got > 0 ? (size_t)got : 0;
        rig.got[rig.got_size] = 0;
        if (got < 0) {
            nap();
        }
    }
    assert_int_equal(times(rig.got, part), n);
}

static void send_text(int fd, const char *text) {
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* One request on a connection of its own; the answer is read to the end. */
static const char *exchange(const char *request) {
    int fd = dial();
    send_text(fd, request);
    assert_int_equal(read_some(fd, ROOM - 1), 1);
    close(fd);
    return rig.got;
}

static const char *ask(const char *path) {
    char request[1024];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return exchange(request);
}

static void expect(const char *answer, const char *part) {
    if (!strstr(answer, part)) {
        fail_msg("no \"%s\" in: %.300s", part, answer);
    }
}

static void test_content(void **state) {
    (void)state;
    open_server(8, 0, 0);
    static const struct {
        const char *path, *type, *cache;
    } cases[] = {
        {"/", "text/html", "no-store"},
        {"/checkpoint", "text/plain", "no-store"},
        {"/status.json", "application/json", "no-store"},
        {"/tile/0/x001/234", "application/octet-stream", "immutable"},
        {"/tile/entries/000.p/17", "application/octet-stream", "immutable"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[128];
        snprintf(body, sizeof body, "\r\n\r\ncontent %s", cases[i].path + 1);
        const char *a = ask(cases[i].path);
        expect(a, "HTTP/1.1 200 OK\r\n");
        expect(a, cases[i].type);
        expect(a, cases[i].cache);
        expect(a, body);
        assert_string_equal(rig.asked_path, cases[i].path + 1);
    }
    /* A long one arrives whole. */
    char path[80];
    snprintf(path, sizeof path, "/%s", blob);
    const char *a = ask(path);
    expect(a, "Content-Length: 3000000\r\n");
    const char *body = strstr(a, "\r\n\r\n") + 4;
    assert_int_equal(rig.got_size - (size_t)(body - a), BIG);
    for (size_t i = 0; i < BIG; i++) {
        assert_int_equal(body[i], 'b');
    }
    expect(ask("/metrics"), "HTTP/1.1 503 ");
    expect(ask("/tile/0/001"), "HTTP/1.1 404 ");
    uint32_t asked = rig.asked;
    static const char *const nothing[] = {"/x",
                                          "/checkpoint/",
                                          "/tile/0/x1/234",
                                          "/tile/0/1",
                                          "/tile/9/000",
                                          "/blob/00",
                                          "//checkpoint",
                                          "/../checkpoint",
                                          "/checkpoint?a",
                                          "/tile/entries/000.p/256",
                                          "/blob/00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
                                          "/favicon.ico"};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        expect(ask(nothing[i]), "HTTP/1.1 404 Not Found\r\n");
    }
    assert_int_equal(rig.asked, asked); /* the owner was not asked for those */
    close_server();
}

static void test_keep_alive(void **state) {
    (void)state;
    open_server(8, 0, 0);
    int fd = dial();
    /* Two at once, a third in pieces, the last closes. */
    send_text(fd, "GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\nHEAD /status.json HTTP/1.1\r\nhOST:x\r\n\r\nGET / HT");
    read_until(fd, "'unsafe-inline'\r\n\r\n", 2);
    send_text(fd, "TP/1.1\r\nHost: x\r\nConnection: Keep-Alive ,  CLOSE\r\n\r");
    for (int i = 0; i < 20; i++) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(rig.asked, 2);
    assert_null(strstr(rig.got, "content status.json")); /* HEAD */
    expect(rig.got, "\r\n\r\ncontent checkpointHTTP/1.1 200 OK\r\nContent-Type: application/json");
    expect(rig.got, "Content-Length: 19\r\n");
    send_text(fd, "\n");
    assert_int_equal(read_some(fd, ROOM - 1), 1);
    expect(rig.got, "Connection: close\r\n\r\ncontent ");
    close(fd);
    assert_int_equal(mdl_http_count(rig.http).requests, 3);
    assert_int_equal(mdl_http_count(rig.http).refused, 0);
    /* HTTP/1.0 needs no Host and closes. */
    expect(exchange("GET /checkpoint HTTP/1.0\r\n\r\n"), "content checkpoint");
    close_server();
}

static int parse(const char *text) {
    mdl_http_request r;
    return mdl_http_parse((const uint8_t *)text, strlen(text), 0, &r);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: x\n\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
        {"GET / HTTP/11\r\nHost: x\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"\r\n\r\n", 400},
        {"GET / HTTP/1.1\rHost: x\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x01\n", 400},
    };
    open_server(8, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "HTTP/1.1 %d ", cases[i].status);
        assert_int_equal(parse(cases[i].request), cases[i].status);
        expect(exchange(cases[i].request), expected);
        expect(rig.got, "Connection: close\r\n");
    }
    assert_int_equal(rig.asked, 0);
    assert_int_equal(mdl_http_count(rig.http).refused, sizeof cases / sizeof cases[0]);
    /* Limits. */
    static char large[MDL_HTTP_HEAD_MAX + 64];
    memset(large, 'a', sizeof large - 1);
    memcpy(large, "GET /", 5);
    memcpy(large + 5 + MDL_HTTP_PATH_MAX, " HTTP/1.1\r\n", 11);
    large[5 + MDL_HTTP_PATH_MAX + 11] = 0;
    assert_int_equal(parse(large), 414);
    memset(large, 'a', sizeof large - 1);
    memcpy(large, "GET / HTTP/1.1\r\nHost:", 21);
    assert_int_equal(parse(large), 431);
    large[MDL_HTTP_HEAD_MAX - 1] = 0;
    assert_int_equal(parse(large), 0);
    char many[2048] = "GET / HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < MDL_HTTP_HEADERS_MAX; i++) {
        strcat(many, "a: b\r\n");
    }
    assert_int_equal(parse(strcat(many, "\r\n")), 431);
    /* Every beginning of a good request asks for more, and nothing behind matters. */
    const char good[] = "GET /checkpoint HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nContent-Length: 0\r\n\r\nrest";
    mdl_http_request r;
    for (size_t n = 0; n + 4 < sizeof good - 1; n++) {
        assert_int_equal(mdl_http_parse((const uint8_t *)good, n, 0, &r), 0);
    }
    assert_int_equal(mdl_http_parse((const uint8_t *)good, sizeof good - 1, 0, &r), 200);
    assert_int_equal(r.size, sizeof good - 5);
    assert_string_equal(r.path, "/checkpoint");
    close_server();
}

/* Slow peers are cut off by the clock; others are served meanwhile. */
static void test_slow(void **state) {
    (void)state;
    open_server(8, 300, 300);
    int silent = dial(), slow = dial();
    send_text(slow, "GET / HTT");
    expect(ask("/checkpoint"), "content checkpoint");
    uint64_t began = now_ms();
    assert_int_equal(read_some(slow, 1), 1);
    assert_int_equal(read_some(silent, 1), 1);
    assert_true(now_ms() - began < 3000);
    /* Idle after an answer. */
    int idle = dial();
    send_text(idle, "GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(read_some(idle, ROOM - 1), 1);
    expect(rig.got, "content checkpoint");
    close(silent);
    close(slow);
    close(idle);
    close_server();
}

/* A full server gives the idle ones up for new ones. */
static void test_full(void **state) {
    (void)state;
    open_server(4, 0, 0);
    int fd[12];
    for (int i = 0; i < 12; i++) {
        fd[i] = dial();
        for (int k = 0; k < 5; k++) {
            uv_run(&rig.loop, UV_RUN_NOWAIT);
        }
        assert_true(mdl_http_count(rig.http).connections <= 4);
    }
    expect(ask("/checkpoint"), "content checkpoint");
    assert_true(mdl_http_count(rig.http).refused >= 8);
    for (int i = 0; i < 12; i++) {
        close(fd[i]);
    }
    close_server();
}

/* Closing in the middle of answers leaves nothing behind. */
static void test_close_busy(void **state) {
    (void)state;
    open_server(8, 0, 0);
    int fd[4];
    char request[160];
    snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", blob);
    for (int i = 0; i < 4; i++) {
        fd[i] = dial();
        send_text(fd[i], i < 3 ? request : "GET ");
    }
    for (int i = 0; i < 1000 && rig.asked < 3; i++) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        nap();
    }
    assert_int_equal(rig.asked, 3);
    close_server();
    for (int i = 0; i < 4; i++) {
        close(fd[i]);
    }
}

static void test_addresses(void **state) {
    (void)state;
    open_server(1, 0, 0);
    static const char *const bad[] = {
        "", "8080", "host.example:80", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x", "[::1:80", "::1:80", "1.2.3:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char error[256] = "";
        mdl_http *h;
        mdl_http_options o = {.listen = bad[i], .connections_max = 1, .get = get};
        assert_int_equal(mdl_http_open(&rig.loop, &o, &h, error, sizeof error), MDL_ESYNTAX);
        assert_null(h);
        assert_non_null(strstr(error, "host:port"));
    }
    char error[256] = "";
    mdl_http *h;
    mdl_http_options taken = {.listen = mdl_http_url(rig.http) + 7, .connections_max = 1, .get = get};
    assert_int_equal(mdl_http_open(&rig.loop, &taken, &h, error, sizeof error), MDL_EIO);
    assert_non_null(strstr(error, "in use"));
    close_server();
}

static void test_page(void **state) {
    (void)state;
    double best[1000], mean[1000];
    for (int i = 0; i < 1000; i++) {
        best[i] = 1 - 1.0 / (i + 1);
        mean[i] = best[i] / 2;
    }
    mdl_page p = {.name = "<reversal> & \"T\"",
                  .experiment_id = "00ff",
                  .state = "running",
                  .vkey = "modulon/0+1+AA==",
                  .generation = 1000,
                  .generations = 2000,
                  .points = 1000,
                  .best = best,
                  .mean = mean,
                  .workers = 3,
                  .updates_per_s = 1.5e9,
                  .seconds_left = 3725,
                  .refresh_s = 5};
    mdl_buffer b = {0};
    mdl_sink sink = mdl_buffer_sink(&b);
    mdl_page_html(&p, &sink);
    mdl_put_u8(&sink, 0);
    const char *html = (const char *)b.bytes;
    expect(html, "<title>&lt;reversal&gt; &amp; &quot;T&quot; - modulon</title>");
    assert_null(strstr(html, "<reversal>"));
    expect(html, "generation 1000 of 2000");
    expect(html, "1 h 2 min");
    expect(html, "http-equiv=\"refresh\" content=\"5\"");
    expect(html, "points=\"8.0,232.0 "); /* the lowest value, first, on the left */
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "http://"));
    assert_null(strstr(html, "https://"));
    assert_true(b.size < 20000);
    free(b.bytes);
    /* Nothing closed yet, or all equal. */
    for (uint32_t points = 0; points < 3; points++) {
        double flat[2] = {0.25, 0.25};
        p.points = points;
        p.best = p.mean = flat;
        p.seconds_left = -1;
        mdl_buffer c = {0};
        mdl_sink other = mdl_buffer_sink(&c);
        mdl_page_html(&p, &other);
        mdl_put_u8(&other, 0);
        expect((const char *)c.bytes, points ? "<svg" : "No generation is closed yet");
        expect((const char *)c.bytes, "unknown");
        assert_null(strstr((const char *)c.bytes, "nan"));
        free(c.bytes);
    }
}

/* POST, where a server takes it. */
static void test_post(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t body_max;
        int status;
        size_t body;
    } cases[] = {
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", 7, 200, 7},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 7, 200, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n", 7, 413, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n", 7, 413, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n", 7, 400, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 7, 400, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 7, 400, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n", 7, 400, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 7, 400, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\n\r\n", 7, 411, 0},
        {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", 0, 405, 0},
        {"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", 7, 400, 0},
        {"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", 7, 405, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mdl_http_request r;
        int status = mdl_http_parse((const uint8_t *)cases[i].text, strlen(cases[i].text), cases[i].body_max, &r);
        if (status != cases[i].status || (status == 200 && r.body_size != cases[i].body))
            fail_msg("case %zu: status %d", i, status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),   cmocka_unit_test(test_keep_alive), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_slow),      cmocka_unit_test(test_full),       cmocka_unit_test(test_close_busy),
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_page),       cmocka_unit_test(test_post),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
