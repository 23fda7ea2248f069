/* The examples of RFC 6455, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/websocket.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* section 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define REST                                                                                                           \
    "Host: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: " KEY                      \
    "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n\r\n"
#define ANSWER                                                                                                         \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT                                       \
    "\r\nSec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n\r\n"

static void test_accept(void **state) {
    (void)state;
    char key[MDL_WS_KEY_CHARS + 1], accept[MDL_WS_ACCEPT_CHARS + 1];
    mdl_ws_key((const uint8_t *)"the sample nonce", key);
    assert_string_equal(key, KEY);
    mdl_ws_accept(key, accept);
    assert_string_equal(accept, ACCEPT);
}

static int ask(const char *text, const char *path, size_t *used) {
    char key[MDL_WS_KEY_CHARS + 1] = "";
    int status = mdl_ws_request_read((const uint8_t *)text, strlen(text), path, "rep.sp.nanomsg.org", key, used);
    if (status == 101) {
        assert_string_equal(key, KEY);
    }
    return status;
}

static void test_requests(void **state) {
    (void)state;
    static const struct {
        const char *text, *path;
        int status;
    } cases[] = {
        {"GET /work HTTP/1.1\r\n" REST, "/work", 101},
        {"GET /work HTTP/1.1\r\n" REST "frames", "/work", 101},
        {"GET  HTTP/1.1\r\n" REST, "/", 101}, /* nng's */
        {"GET  HTTP/1.1\r\n" REST, "/work", 404},
        {"GET /other HTTP/1.1\r\n" REST, "/work", 404},
        {"GET /wor", "/work", 0},
        {"GET /work HTTP/1.1\r\nHost: a\r\n", "/work", 0},
        {"POST /work HTTP/1.1\r\n" REST, "/work", 405},
        {"get /work HTTP/1.1\r\n" REST, "/work", 405},
        {"GET /work HTTP/1.0\r\n" REST, "/work", 505},
        {"GET /work HTTP/2.0\r\n" REST, "/work", 505},
        {"GET /work\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\n folded\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\nHost : b\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\nHost: b\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\nContent-Length: 3\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\nSec-WebSocket-Key: " KEY "\r\n" REST, "/work", 400},
        {"GET /work HTTP/1.1\r\nSec-WebSocket-Version: 8\r\n" REST, "/work", 426},
        {"GET /work HTTP/1.1\r\nHost: a\r\n\r\n", "/work", 426},
        {"GET /work HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: " KEY
         "\r\nSec-WebSocket-Version: 13\r\n\r\n",
         "/work", 400}, /* no subprotocol */
        {"GET /work HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: short"
         "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n\r\n",
         "/work", 400},
        {"GET /work HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: " KEY
         "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: pub.sp.nanomsg.org\r\n\r\n",
         "/work", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t used = 0;
        if (ask(cases[i].text, cases[i].path, &used) != cases[i].status) {
            fail_msg("%s: %d", cases[i].text, ask(cases[i].text, cases[i].path, &used));
        }
        if (cases[i].status == 101) {
            assert_int_equal(used, strstr(cases[i].text, "\r\n\r\n") + 4 - cases[i].text);
        }
    }
    /* Too many lines, and too long. */
    static char text[2 * MDL_WS_HTTP_MAX];
    size_t at = (size_t)snprintf(text, sizeof text, "GET /work HTTP/1.1\r\n");
    for (int i = 0; i < MDL_WS_LINES_MAX + 1; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "A: b\r\n");
    }
    size_t used;
    assert_int_equal(ask(text, "/work", &used), 431);
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(ask(text, "/work", &used), 431);
    text[MDL_WS_HTTP_MAX - 1] = 0;
    assert_int_equal(ask(text, "/work", &used), 0);
}

static void test_answers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"HTTP/1.1 101 Switching Protocols\r\n" ANSWER, 101},
        {"HTTP/1.1 101\r\n" ANSWER, 101},
        {"HTTP/1.1 101 Switching Protocols\r\nServer: x\r\n" ANSWER "\x82\x01x", 101},
        {"HTTP/1.1 101 Switching", 0},
        {"HTTP/1.1 404 Not Found\r\n", 404},
        {"HTTP/1.1 200 OK\r\n\r\n", 200},
        {"HTTP/1.1 1x1 What\r\n\r\n", -1},
        {"HTTP/1.1 1011 What\r\n\r\n", -1},
        {"HTTP/1.1 000 What\r\n\r\n", -1},
        {"HTTP/2.0 101 What\r\n\r\n", -1},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", -1},
        {"HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n" ANSWER, -1},
        {"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: " ACCEPT "\r\n" ANSWER, -1},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
         "t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: rep.sp.nanomsg.org\r\n\r\n",
         -1},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " ACCEPT
         "\r\nSec-WebSocket-Protocol: pub.sp.nanomsg.org\r\n\r\n",
         -1},
        {"HTTP/1.1 101 x\r\n\r\n", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *t = cases[i].text;
        size_t used = 0;
        int status = mdl_ws_answer_read((const uint8_t *)t, strlen(t), ACCEPT, "rep.sp.nanomsg.org", &used);
        if (status != cases[i].status) {
            fail_msg("%s: %d", t, status);
        }
        if (status == 101) {
            assert_int_equal(used, strstr(t, "\r\n\r\n") + 4 - t);
        }
    }
}

static void test_frames(void **state) {
    (void)state;
    /* Section 5.7, but binary. */
    static const uint8_t masked[] = {0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    uint8_t text[5], out[MDL_WS_HEAD_MAX];
    mdl_ws_frame f;
    assert_int_equal(mdl_ws_frame_read(masked, sizeof masked, &f), 1);
    assert_int_equal(f.head, 6);
    assert_int_equal(f.size, 5);
    assert_true(f.final && f.masked && f.opcode == MDL_WS_BINARY);
    memcpy(text, masked + 6, sizeof text);
    mdl_ws_mask(text, sizeof text, f.mask, 0);
    assert_memory_equal(text, "Hello", 5);
    /* Lengths around their limits. */
    static const uint64_t sizes[] = {0, 125, 126, 65535, 65536, 1ull << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int m = 0; m < 2; m++) {
            mdl_ws_frame a = {.opcode = MDL_WS_MORE, .final = m, .masked = m, .mask = {1, 2, 3, 4}, .size = sizes[i]};
            size_t n = mdl_ws_frame_write(out, &a);
            assert_int_equal(mdl_ws_frame_read(out, n, &f), 1);
            assert_true(f.head == n && f.size == sizes[i] && f.masked == m && f.final == m);
            assert_int_equal(mdl_ws_frame_read(out, n - 1, &f), 0);
        }
    }
    static const uint8_t bad[][10] = {
        {0xc2, 0},           /* a reserved bit             */
        {0x81, 0},           /* text                       */
        {0x83, 0},           /* an opcode of nobody        */
        {0x8b, 0},           /* and of control             */
        {0x09, 0},           /* a ping in parts            */
        {0x89, 126, 0, 126}, /* a long ping                */
        {0x82, 126, 0, 125}, /* lengths not the shortest   */
        {0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
        {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, /* more than 2^63 - 1         */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mdl_ws_frame_read(bad[i], sizeof bad[i], &f), -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
