/* Calls over the usual length: nothing of them is taken before the owner says so, all of
 * them together stay within a limit, and whoever breaks one off leaves nothing behind. */
#include "tests/support/transport_peer.h"

enum { LARGE = 1 << 20, HEADER = 4, SLACK = 32 };

static uint8_t content[LARGE];

static void fill(void) {
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 2654435761u >> 13);
    }
}

static void large_peer(peer *p, const char *address, service serve_by, admission admit_by) {
    peer_init(p);
    p->service = serve_by;
    p->admission = admit_by;
    p->large_max = p->said = LARGE;
    p->large_total = 2 * LARGE;
    p->expected = content;
    assert_int_equal(serve(p, address, tls_for(address, 1), 0), MDL_OK);
    assert_int_equal(dial(p, mdl_server_url(p->server, 0), tls_for(address, 0), 8), MDL_OK);
    UNTIL(p, p->linked);
}

static void call_content(peer *p, uint64_t token, size_t size) {
    p->seen[token] = 0;
    p->expected_size = size;
    assert_int_equal(mdl_client_call(p->client, token, content, size, PATIENCE_MS), MDL_OK);
}

/* Of every length around the limits, admitted at once or a while later. */
static void test_admitted(void **state) {
    (void)state;
    static const size_t sizes[] = {LIMIT - 1,  LIMIT,     LIMIT + 1, LIMIT + 27, LIMIT + 28, LIMIT + 29,
                                   LIMIT + 33, 3 * LIMIT, 65536,     1048000,    LARGE};
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        for (int later = 0; later < 2; later++) {
            peer p;
            large_peer(&p, address, MIRROR, later ? LATER : ADMIT);
            for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
                int is_large = sizes[k] > LIMIT + SLACK - HEADER;
                p.replies = p.echoes = p.beginnings = 0;
                p.said = sizes[k];
                call_content(&p, 0, sizes[k]);
                if (later && is_large) {
                    UNTIL(&p, p.asked);
                    run_ms(&p, 5);
                    assert_int_equal(p.replies, 0);
                    mdl_call_admit(p.asked, sizes[k]);
                    p.asked = NULL;
                }
                UNTIL(&p, p.replies == 1);
                assert_int_equal(p.echoes, 1);
                assert_int_equal(p.beginnings, is_large);
            }
            assert_int_equal(p.ups, 1);
            peer_close(&p);
        }
    }
}

/* A refused one gets its answer, and what follows on the connection is heard. */
static void test_refused(void **state) {
    (void)state;
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        peer p;
        large_peer(&p, address, ANSWER, REFUSE);
        call_content(&p, 0, LARGE);
        assert_int_equal(call_text(&p, 1, "next", PATIENCE_MS), MDL_OK);
        call_content(&p, 2, LARGE / 2);
        assert_int_equal(call_text(&p, 3, "last", PATIENCE_MS), MDL_OK);
        UNTIL(&p, p.replies == 4);
        assert_string_equal(p.reply[0], "no");
        assert_string_equal(p.reply[1], "next!");
        assert_string_equal(p.reply[2], "no");
        assert_string_equal(p.reply[3], "last!");
        assert_int_equal(p.beginnings, 2);
        assert_int_equal(p.calls, 2);
        assert_int_equal(p.downs, 0);
        peer_close(&p);
    }
}

/* Dropped, or longer than it was said to be, or than any may be: the connection ends. */
static void test_cut(void **state) {
    (void)state;
    static uint8_t longer[LARGE + 64];
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        for (int kind = 0; kind < 3; kind++) {
            peer p;
            large_peer(&p, address, ANSWER, kind == 0 ? CUT : ADMIT);
            p.expected = NULL;
            p.said = kind == 1 ? LARGE / 2 : LARGE;
            assert_int_equal(mdl_client_call(p.client, 0, longer, kind == 2 ? LARGE + 64 : LARGE, 200), MDL_OK);
            UNTIL(&p, p.failures == 1);
            assert_int_equal(p.calls, 0);
            assert_true(p.downs > 0);
            assert_int_equal(p.beginnings > 0, kind != 2 || strncmp(address, "ws", 2) == 0);
            assert_int_equal(call_text(&p, 1, "short", PATIENCE_MS), MDL_OK);
            UNTIL(&p, p.replies == 1);
            peer_close(&p);
        }
    }
}

/* Two have room at once: the third waits until the bytes of one are used. */
static void test_memory_is_shared(void **state) {
    (void)state;
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        for (int by_use = 0; by_use < 2; by_use++) {
            peer p;
            peer other[2]; /* clients alone */
            large_peer(&p, address, HOLD, ADMIT);
            call_content(&p, 0, LARGE);
            for (int k = 0; k < 2; k++) {
                peer_init(&other[k]);
                other[k].large_max = LARGE;
                assert_int_equal(dial(&other[k], mdl_server_url(p.server, 0), tls_for(address, 0), 1), MDL_OK);
                other[k].expected = content;
                call_content(&other[k], 0, LARGE);
            }
            uint64_t began = uv_hrtime();
            while ((p.held_count < 2 || p.beginnings < 3) && uv_hrtime() - began < PATIENCE_MS * UINT64_C(1000000)) {
                for (int k = 0; k < 2; k++) {
                    run_ms(&other[k], 1);
                }
                run_ms(&p, 1);
            }
            for (int k = 0; k < 20; k++) {
                run_ms(&other[k % 2], 1);
                run_ms(&p, 1);
            }
            assert_int_equal(p.beginnings, 3);
            assert_int_equal(p.held_count, 2);
            if (by_use) {
                mdl_call_used(p.held[0]);
                mdl_call_used(p.held[0]); /* harmless */
            } else {
                mdl_call_drop(p.held[0]);
            }
            began = uv_hrtime();
            while (p.held_count < 3 && uv_hrtime() - began < PATIENCE_MS * UINT64_C(1000000)) {
                for (int k = 0; k < 2; k++) {
                    run_ms(&other[k], 1);
                }
                run_ms(&p, 1);
            }
            assert_int_equal(p.held_count, 3);
            for (uint32_t k = by_use ? 0 : 1; k < 3; k++) {
                mdl_call_reply(p.held[k], (const uint8_t *)"ok", 2);
            }
            for (int k = 0; k < 2; k++) {
                peer_close(&other[k]);
            }
            peer_close(&p);
        }
    }
}

/* Greeting, length and the first bytes of a call of LARGE bytes, on a bare socket. */
static int begin_raw_of(const char *url, uint64_t size, size_t bytes) {
    uint8_t head[8 + 8 + HEADER] = {0, 'S', 'P', 0, 0, 0x30};
    size += HEADER;
    for (int k = 0; k < 8; k++) {
        head[8 + k] = (uint8_t)(size >> (56 - 8 * k));
    }
    head[16] = 0x80;
    int fd = connect_raw(url);
    assert_int_equal(send(fd, head, sizeof head, MSG_NOSIGNAL), (ssize_t)sizeof head);
    struct timeval limit = {0, 20000};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    for (size_t at = 0; at < bytes;) {
        ssize_t n = send(fd, content + at, bytes - at, MSG_NOSIGNAL);
        if (n <= 0) {
            break; /* it is read no further */
        }
        at += (size_t)n;
    }
    return fd;
}

static int begin_raw(const char *url, size_t bytes) { return begin_raw_of(url, LARGE, bytes); }

/* Whether the other side has ended the connection. */
static int is_cut(int fd) {
    uint8_t byte[64];
    ssize_t n = recv(fd, byte, sizeof byte, MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Whoever was let through and then says nothing more, or a byte now and then, is cut off, and its room is others'. */
static void test_slow(void **state) {
    (void)state;
    enum { LONG = 3 * LIMIT };
    for (int trickles = 0; trickles < 2; trickles++) {
        peer p;
        peer_init(&p);
        p.service = MIRROR;
        p.admission = ADMIT;
        p.large_max = p.large_total = p.said = LONG;
        p.large_ms = 1;
        assert_int_equal(serve(&p, "tcp://127.0.0.1:0", tls_for("tcp", 1), 0), MDL_OK);
        assert_int_equal(dial(&p, mdl_server_url(p.server, 0), tls_for("tcp", 0), 8), MDL_OK);
        UNTIL(&p, p.linked);
        int fd = begin_raw_of(mdl_server_url(p.server, 0), LONG, LIMIT + 100);
        UNTIL(&p, p.beginnings == 1);
        size_t said = LIMIT + 100;
        uint64_t until = uv_hrtime() + PATIENCE_MS * UINT64_C(1000000);
        while (!is_cut(fd) && uv_hrtime() < until) {
            if (trickles && said < LONG - 1 && send(fd, content + said, 1, MSG_NOSIGNAL) == 1) {
                said++; /* never the last one */
            }
            run_ms(&p, 1);
        }
        assert_true(is_cut(fd));
        assert_int_equal(p.calls, 0);
        close(fd);
        p.expected = content;
        call_content(&p, 0, LIMIT / 2);
        UNTIL(&p, p.replies == 1);
        assert_int_equal(p.echoes, 1);
        /* All the room there is for large calls, at once. */
        call_content(&p, 1, LONG);
        UNTIL(&p, p.replies == 2);
        assert_int_equal(p.echoes, 2);
        peer_close(&p);
    }
}

/* Broken off before it was asked for, while the answer is thought over, while it waits for
 * memory, and in the middle: later ones find all the room that there is. */
static void test_broken_off(void **state) {
    (void)state;
    peer p;
    large_peer(&p, "tcp://127.0.0.1:0", HOLD, ADMIT);
    char url[MDL_URL_MAX];
    snprintf(url, sizeof url, "%s", mdl_server_url(p.server, 0));
    for (size_t bytes = 1; bytes < LARGE; bytes = bytes * 3 + 1000) {
        int fd[3]; /* the third waits for memory */
        for (int k = 0; k < 3; k++) {
            fd[k] = begin_raw(url, bytes);
            run_ms(&p, 3);
        }
        for (int k = 0; k < 3; k++) {
            close(fd[k]);
        }
        run_ms(&p, 3);
    }
    assert_true(p.beginnings >= 9);
    assert_int_equal(p.calls, 0);
    p.admission = LATER;
    for (int before = 0; before < 2; before++) {
        int fd = begin_raw(url, 3 * LIMIT);
        UNTIL(&p, p.asked);
        if (before) {
            close(fd);
            run_ms(&p, 5);
        }
        if (before) {
            mdl_call_admit(p.asked, LARGE);
        } else {
            mdl_call_reply(p.asked, (const uint8_t *)"no", 2);
            close(fd);
        }
        p.asked = NULL;
        run_ms(&p, 5);
    }
    p.admission = ADMIT;
    p.service = MIRROR;
    for (uint64_t token = 0; token < 2; token++) {
        call_content(&p, token, LARGE);
    }
    UNTIL(&p, p.replies == 2);
    assert_int_equal(p.echoes, 2);
    peer_close(&p);
}

/* A server that closes with large calls in every state. */
static void test_close(void **state) {
    (void)state;
    for (int k = 0; k < 3; k++) {
        peer p;
        large_peer(&p, "tcp://127.0.0.1:0", HOLD, k == 0 ? LATER : ADMIT);
        int fd[3];
        for (int i = 0; i < 3; i++) {
            fd[i] = k == 0 && i > 0 ? -1 : begin_raw(mdl_server_url(p.server, 0), k == 1 ? LARGE : 3 * LIMIT);
            run_ms(&p, 3);
        }
        close_server(&p);
        if (p.asked) {
            p.asked = NULL; /* its memory is gone with the server */
        }
        for (int i = 0; i < 3; i++) {
            if (fd[i] >= 0) {
                close(fd[i]);
            }
        }
        peer_close(&p);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    fill();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admitted), cmocka_unit_test(test_refused),          cmocka_unit_test(test_cut),
        cmocka_unit_test(test_slow),     cmocka_unit_test(test_memory_is_shared), cmocka_unit_test(test_broken_off),
        cmocka_unit_test(test_close),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
