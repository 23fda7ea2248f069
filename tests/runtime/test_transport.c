/* Calls, news and failures over every kind of address, on the loopback alone. */
#include "tests/support/transport_peer.h"

#include <sys/resource.h>

static void test_tcp(void **state) {
    (void)state;
    exercise("tcp://127.0.0.1:0", NULL, NULL, NULL, "127.0.0.1:");
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
    char any[64], address[MDL_URL_MAX];
    assert_int_equal(serve(&p, own_address(any, "tcp", ""), NULL, 0), MDL_OK);
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
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), tls_for(address, 0), 4), MDL_OK);
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

/* Megabytes, in many reads, records and frames, there and back. */
static void test_large(void **state) {
    (void)state;
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        peer p;
        peer_init(&p);
        p.service = MIRROR;
        p.receive_max = 5 << 20;
        p.expected = malloc(p.receive_max);
        assert_non_null(p.expected);
        for (size_t k = 0; k < p.receive_max; k++) {
            p.expected[k] = (uint8_t)(k * 2654435761u >> 13);
        }
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), tls_for(address, 0), 1), MDL_OK);
        static const size_t sizes[] = {121,   122,   123,     65530,   65531,   65532,
                                       65535, 65536, 1048571, 1048572, 1048573, 5 << 20};
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            p.expected_size = sizes[k];
            p.replies = p.echoes = 0;
            p.seen[0] = 0;
            assert_int_equal(mdl_client_call(p.client, 0, p.expected, sizes[k], PATIENCE_MS), MDL_OK);
            UNTIL(&p, p.replies == 1);
            assert_int_equal(p.echoes, 1);
        }
        assert_int_equal(p.ups, 1);
        free(p.expected);
        peer_close(&p);
    }
}

/* More calls than the server takes at once, and than one connection may have under
 * way: they wait their turn, and none is lost. */
static void test_many(void **state) {
    (void)state;
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        peer p;
        peer_init(&p);
        p.service = HOLD;
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), tls_for(address, 0), 40), MDL_OK);
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
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        char url[MDL_URL_MAX];
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        snprintf(url, sizeof url, "%s", mdl_server_url(p.server, 0));
        assert_int_equal(dial(&p, url, tls_for(address, 0), 16), MDL_OK);
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
            assert_int_equal(serve(&p, url, tls_for(url, 1), 0), MDL_OK);
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

/* Sockets that say nothing, half of them not even a whole greeting: others are served beside them. The long version has
 * ten thousand, and waits until all are cut off. */
static void test_idle_sockets(void **state) {
    (void)state;
    static int fd[10000];
    const char *nightly = getenv("MODULON_NIGHTLY");
    const int all = nightly && *nightly == '1';
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit before = limit;
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    size_t most = all ? sizeof fd / sizeof fd[0] : 300, room = limit.rlim_max > 400 ? (limit.rlim_max - 200) / 2 : 100;
    const size_t count = room < most ? room : most; /* both ends are in this process */
    peer p;
    peer_init(&p);
    assert_int_equal(serve(&p, "tcp://127.0.0.1:0", NULL, 0), MDL_OK);
    for (size_t i = 0; i < count; i++) {
        fd[i] = connect_raw(mdl_server_url(p.server, 0));
        if (i % 2 == 0) {
            assert_int_equal(send(fd[i], "\0SP", 3, MSG_NOSIGNAL), 3);
        }
        if (i % 64 == 0) {
            run_ms(&p, 1); /* so that the server takes them in */
        }
    }
    assert_int_equal(dial(&p, mdl_server_url(p.server, 0), NULL, 4), MDL_OK);
    for (uint64_t token = 1; token <= 8; token++) {
        assert_int_equal(call_text(&p, token, "fine", PATIENCE_MS), MDL_OK);
        UNTIL(&p, p.replies == token);
    }
    assert_int_equal(p.failures, 0);
    for (size_t i = 0; all && i < count; i++) {
        uint8_t rest[16]; /* the server's greeting */
        ssize_t got;
        while ((got = recv(fd[i], rest, sizeof rest, MSG_DONTWAIT)) != 0) {
            if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
                break;
            }
            if (got < 0) {
                run_ms(&p, 5);
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        close(fd[i]);
    }
    peer_close(&p);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
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

/* Whoever says the half of it and then nothing is cut off in time. */
static void test_half_open(void **state) {
    (void)state;
    static const struct {
        const char *address, *half;
        size_t size;
    } cases[] = {{"tcp://127.0.0.1:0", "\0SP", 3},
                 {"tls+tcp://127.0.0.1:0", "", 0},
                 {"tls+tcp://127.0.0.1:0", "\x16\x03\x01\x01\x00\x01\x00", 7},
                 {"ws://127.0.0.1:0/x", "GET /x HTTP/1.1\r\nHost: ", 24}};
    enum { COUNT = sizeof cases / sizeof cases[0] };
    static peer p[COUNT];
    int fd[COUNT], open = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        peer_init(&p[i]);
        assert_int_equal(serve(&p[i], cases[i].address, tls_for(cases[i].address, 1), 0), MDL_OK);
        fd[i] = connect_raw(mdl_server_url(p[i].server, 0));
        assert_int_equal(send(fd[i], cases[i].half, cases[i].size, MSG_NOSIGNAL), (ssize_t)cases[i].size);
    }
    uint64_t began = uv_hrtime() / 1000000;
    while (open > 0 && uv_hrtime() / 1000000 - began < 2 * PATIENCE_MS) {
        open = 0;
        for (size_t i = 0; i < COUNT; i++) {
            char rest[64];
            ssize_t got;
            run_ms(&p[i], 20);
            while ((got = recv(fd[i], rest, sizeof rest, MSG_DONTWAIT)) > 0) {
            }
            open += got < 0 && errno == EAGAIN;
        }
    }
    assert_int_equal(open, 0);
    assert_true(uv_hrtime() / 1000000 - began >= 9000); /* nor before their time */
    for (size_t i = 0; i < COUNT; i++) {
        close(fd[i]);
        peer_close(&p[i]);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_ipc),
        cmocka_unit_test(test_ws),
        cmocka_unit_test(test_drop_and_hold),
        cmocka_unit_test(test_close_with_calls),
        cmocka_unit_test(test_absent_server),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_breaking),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_idle_sockets),
        cmocka_unit_test(test_peers_max),
        cmocka_unit_test(test_open_errors),
        cmocka_unit_test(test_half_open),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
