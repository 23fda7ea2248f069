/* nng itself on the other side. Prints nothing of its own; exit status 0 when all is well. */
#include "tests/support/transport_peer.h"

/* nng.h comes before the rest of it. */
#include <nng/nng.h>

#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>

enum { BIG = 3 << 20, NNG_MAX = 8 << 20 };

static int is_tls(const char *url) { return strncmp(url, "tls+tcp://", 10) == 0; }

static nng_tls_config *nng_tls(nng_tls_mode mode) {
    nng_tls_config *c;
    assert_int_equal(nng_tls_config_alloc(&c, mode), 0);
    if (mode == NNG_TLS_MODE_SERVER) {
        assert_int_equal(nng_tls_config_own_cert(c, tls_cert, tls_key, NULL), 0);
    } else {
        assert_int_equal(nng_tls_config_ca_chain(c, tls_cert, NULL), 0);
        assert_int_equal(nng_tls_config_auth_mode(c, NNG_TLS_AUTH_MODE_REQUIRED), 0);
        assert_int_equal(nng_tls_config_server_name(c, "localhost"), 0);
    }
    return c;
}

static int nng_dials(nng_socket socket, const char *url) {
    nng_dialer d;
    int rv = nng_dialer_create(&d, socket, url);
    assert_int_equal(rv, 0);
    assert_int_equal(nng_dialer_set_size(d, NNG_OPT_RECVMAXSZ, NNG_MAX), 0);
    if (is_tls(url)) {
        nng_tls_config *c = nng_tls(NNG_TLS_MODE_CLIENT);
        assert_int_equal(nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, c), 0);
        nng_tls_config_free(c);
    }
    return nng_dialer_start(d, NNG_FLAG_NONBLOCK);
}

static int nng_listens(nng_socket socket, const char *url) {
    nng_listener l;
    assert_int_equal(nng_listener_create(&l, socket, url), 0);
    assert_int_equal(nng_listener_set_size(l, NNG_OPT_RECVMAXSZ, NNG_MAX), 0);
    if (is_tls(url)) {
        nng_tls_config *c = nng_tls(NNG_TLS_MODE_SERVER);
        assert_int_equal(nng_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, c), 0);
        nng_tls_config_free(c);
    }
    return nng_listener_start(l, 0);
}

/* A message, in 5 s; the caller's to nng_msg_free(). */
static nng_msg *take_from(peer *p, nng_socket socket) {
    nng_msg *msg = NULL;
    for (uint32_t k = 0; k < 1000 && nng_recvmsg(socket, &msg, NNG_FLAG_NONBLOCK) != 0; k++) {
        run_ms(p, 5);
    }
    assert_non_null(msg);
    return msg;
}

static void send_later(peer *p, nng_socket socket, const void *bytes, size_t size) {
    nng_msg *msg;
    int rv = NNG_EAGAIN;
    assert_int_equal(nng_msg_alloc(&msg, 0), 0);
    assert_int_equal(nng_msg_append(msg, bytes, size), 0);
    for (uint32_t k = 0; k < 1000 && (rv = nng_sendmsg(socket, msg, NNG_FLAG_NONBLOCK)) != 0; k++) {
        run_ms(p, 5);
    }
    assert_int_equal(rv, 0);
}

/* Calls and news, over every kind of address, nng on one side and then on the other. */
static void test_calls_and_news(void **state) {
    (void)state;
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        char url[MDL_URL_MAX], news[MDL_URL_MAX], reply[16];
        uint8_t key[32];
        int has_key;
        size_t size = sizeof reply;
        nng_socket req, sub, rep;
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        assert_int_equal(
            mdl_address_parse(mdl_server_url(p.server, 0), url, news, key, &has_key, p.error, sizeof p.error), MDL_OK);
        assert_int_equal(nng_req0_open(&req), 0);
        assert_int_equal(nng_sub0_open(&sub), 0);
        assert_int_equal(nng_setopt(sub, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
        assert_int_equal(nng_dials(req, url), 0);
        assert_int_equal(nng_dials(sub, news), 0);
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
        assert_int_equal(nng_listens(rep, url), 0);
        assert_int_equal(dial(&p, url, tls_for(url, 0), 4), MDL_OK);
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

/* Messages of several frames of WebSocket and records of TLS. */
static void test_large(void **state) {
    (void)state;
    const char *address;
    static uint8_t big[BIG];
    for (size_t k = 0; k < sizeof big; k++) {
        big[k] = (uint8_t)(k * 2654435761u >> 13);
    }
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        char url[MDL_URL_MAX];
        nng_socket req, rep;
        peer p;
        peer_init(&p);
        p.service = MIRROR;
        p.receive_max = BIG;
        p.expected = big;
        p.expected_size = BIG;
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK);
        snprintf(url, sizeof url, "%s", mdl_server_url(p.server, 0));
        assert_int_equal(nng_req0_open(&req), 0);
        assert_int_equal(nng_dials(req, url), 0);
        send_later(&p, req, big, BIG);
        nng_msg *msg = take_from(&p, req);
        assert_int_equal(nng_msg_len(msg), BIG);
        assert_memory_equal(nng_msg_body(msg), big, BIG);
        nng_msg_free(msg);
        nng_close(req);
        close_server(&p);
        assert_int_equal(nng_rep0_open(&rep), 0);
        assert_int_equal(nng_listens(rep, url), 0);
        assert_int_equal(dial(&p, url, tls_for(url, 0), 1), MDL_OK);
        assert_int_equal(mdl_client_call(p.client, 0, big, BIG, PATIENCE_MS), MDL_OK);
        msg = take_from(&p, rep);
        assert_int_equal(nng_msg_len(msg), BIG);
        send_later(&p, rep, nng_msg_body(msg), BIG);
        nng_msg_free(msg);
        UNTIL(&p, p.replies == 1);
        assert_int_equal(p.echoes, 1);
        nng_close(rep);
        peer_close(&p);
    }
}

/* News that nng publishes reach our subscriber. */
static void test_news_of_nng(void **state) {
    (void)state;
    const char *address;
    for (size_t i = 0; (address = each_address(i)) != NULL; i++) {
        char url[MDL_URL_MAX], news[MDL_URL_MAX];
        uint8_t key[32];
        int has_key;
        nng_socket pub;
        peer p;
        peer_init(&p);
        assert_int_equal(serve(&p, address, tls_for(address, 1), 0), MDL_OK); /* for a free port */
        assert_int_equal(
            mdl_address_parse(mdl_server_url(p.server, 0), url, news, key, &has_key, p.error, sizeof p.error), MDL_OK);
        close_server(&p);
        assert_int_equal(nng_pub0_open(&pub), 0);
        assert_int_equal(nng_listens(pub, news), 0);
        assert_int_equal(dial(&p, url, tls_for(url, 0), 1), MDL_OK);
        for (uint32_t k = 0; k < 1000 && p.news == 0; k++) {
            assert_int_equal(nng_send(pub, (void *)(uintptr_t) "from nng", 8, 0), 0);
            run_ms(&p, 5);
        }
        assert_string_equal(p.newest, "from nng");
        nng_close(pub);
        peer_close(&p);
    }
}

int main(int argc, char **argv) {
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_and_news),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_news_of_nng),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
