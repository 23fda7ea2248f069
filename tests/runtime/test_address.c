/* Addresses: what is taken, what comes out, and a sentence for what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "runtime/transport.h"

#define KEY "00112233445566778899aabbccddeeffd75a980182b10ab7d54bfed3c964073a"

static char url[MDL_URL_MAX], news[MDL_URL_MAX], error[256];
static uint8_t key[32];
static int has_key;

static mdl_err parse(const char *text) {
    error[0] = 0;
    return mdl_address_parse(text, url, news, key, &has_key, error, sizeof error);
}

static void test_good(void **state) {
    (void)state;
    static const struct {
        const char *text, *url, *news;
    } cases[] = {
        {"tcp://127.0.0.1:7000", "tcp://127.0.0.1:7000", "tcp://127.0.0.1:7001"},
        {"tcp://*:1", "tcp://*:1", "tcp://*:2"},
        {"tcp://host-1.example:9999", "tcp://host-1.example:9999", "tcp://host-1.example:10000"},
        {"tcp://[::1]:65534", "tcp://[::1]:65534", "tcp://[::1]:65535"},
        {"tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"},
        {"tls+tcp://a.example:443", "tls+tcp://a.example:443", "tls+tcp://a.example:444"},
        {"ws://a:80/x/y", "ws://a:80/x/y", "ws://a:81/x/y"},
        {"ws://[::1]:80", "ws://[::1]:80", "ws://[::1]:81"},
        {"ipc:///run/a.socket", "ipc:///run/a.socket", "ipc:///run/a.socket.news"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int keyed = 0; keyed < 2; keyed++) {
            char text[256];
            snprintf(text, sizeof text, "%s%s", cases[i].text, keyed ? "#" KEY : "");
            if (parse(text) != MDL_OK) {
                fail_msg("%s", error);
            }
            assert_string_equal(url, cases[i].url);
            assert_string_equal(news, cases[i].news);
            assert_int_equal(has_key, keyed);
            assert_int_equal(key[1], keyed ? 0x11 : 0);
            assert_int_equal(key[31], keyed ? 0x3a : 0);
        }
    }
}

static void test_bad(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"", "is no address"},
        {"127.0.0.1:7000", "is no address"},
        {"TCP://a:1", "is no address"},
        {"http://a:1", "is no address"},
        {"wss://a:1/", "is no address"},
        {"tcp://a", "has no port"},
        {"tcp://[::1]", "has no port"},
        {"tcp://[::1:7000", "has no port"},
        {"tcp://::1:7000", "no valid host"},
        {"tcp://a:", "the port is a number"},
        {"tcp://a:65535", "the port is a number"},
        {"tcp://a:65536", "the port is a number"},
        {"tcp://a:0700", "the port is a number"},
        {"tcp://a:+7", "the port is a number"},
        {"tcp://a:7x", "the port is a number"},
        {"tcp://:7000", "no valid host"},
        {"tcp://[]:7000", "no valid host"},
        {"tcp://[::1%25lo]:7000", "no valid host"},
        {"tcp://a@b:7000", "no valid host"},
        {"tcp://*a:7000", "no valid host"},
        {"tcp://a:7000/", "nothing follows the port"},
        {"tls+tcp://a:7000/x", "nothing follows the port"},
        {"ws://a:80/x?y", "the path is made of"},
        {"ws://a:80/%41", "the path is made of"},
        {"ipc://", "a path follows"},
        {"inproc://a", "is no address"},
        {"ipc:///run/a b", "no blanks"},
        {"ipc:///run/a\n", "no blanks"},
        {"tcp://a:1#", "64 hexadecimal digits"},
        {"tcp://a:1#00", "64 hexadecimal digits"},
        {"tcp://a:1#" KEY "0", "64 hexadecimal digits"},
        {"tcp://a:1##" KEY, "64 hexadecimal digits"},
        {"tcp://a:1#D0112233445566778899AABBCCDDEEFFD75A980182B10AB7D54BFED3C964073A", "in lower case"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(cases[i].text) != MDL_ESYNTAX || !strstr(error, cases[i].sentence)) {
            fail_msg("%s: %s", cases[i].text, error);
        }
        assert_int_equal(has_key, 0);
        assert_int_equal(url[0], 0);
        assert_int_equal(strpbrk(error, "\n\t") == NULL, 1);
    }
}

/* The longest that fits, one more, and far more; the sentence stays short. */
static void test_long(void **state) {
    (void)state;
    static char text[100000];
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "ipc://", 6);
    assert_int_equal(parse(text), MDL_ESYNTAX);
    assert_non_null(strstr(error, "too long"));
    assert_true(strlen(error) < 200);
    text[MDL_URL_MAX - 5] = 0;
    assert_int_equal(parse(text), MDL_ESYNTAX);
    text[MDL_URL_MAX - 6] = 0;
    assert_int_equal(parse(text), MDL_OK);
    assert_int_equal(strlen(news), MDL_URL_MAX - 1);
    memcpy(text + MDL_URL_MAX - 6, "#" KEY, 66);
    assert_int_equal(parse(text), MDL_OK);
    assert_int_equal(has_key, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
