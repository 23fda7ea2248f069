#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/digest.h"

/* BLAKE2b with 32 bytes of output, from Python's hashlib: "" and "abc". */
static const char digest_of_empty[] = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8";
static const char digest_of_abc[] = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";

static void test_known_answers(void **state) {
    (void)state;
    uint8_t out[MDL_DIGEST_BYTES];
    char hex[MDL_DIGEST_HEX];
    mdl_digest_of("", 0, out);
    mdl_hex(out, sizeof out, hex);
    assert_string_equal(hex, digest_of_empty);
    mdl_digest_of("abc", 3, out);
    mdl_hex(out, sizeof out, hex);
    assert_string_equal(hex, digest_of_abc);
}

/* The same bytes in any pieces, and a copy in mid-stream. */
static void test_sink(void **state) {
    (void)state;
    uint8_t bytes[300], whole[MDL_DIGEST_BYTES], pieces[MDL_DIGEST_BYTES];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    mdl_digest_of(bytes, sizeof bytes, whole);
    for (size_t piece = 1; piece < 140; piece += 23) {
        mdl_digest d, copy;
        mdl_digest_init(&d);
        mdl_sink sink = mdl_digest_sink(&d);
        size_t at = 0;
        for (; at + piece < sizeof bytes; at += piece) {
            mdl_put_bytes(&sink, bytes + at, piece);
        }
        copy = d;
        mdl_put_bytes(&sink, bytes + at, sizeof bytes - at);
        mdl_digest_final(&d, pieces);
        assert_memory_equal(pieces, whole, sizeof whole);
        sink = mdl_digest_sink(&copy);
        mdl_put_bytes(&sink, bytes + at, sizeof bytes - at);
        mdl_put_u8(&sink, 0);
        mdl_digest_final(&copy, pieces);
        assert_memory_not_equal(pieces, whole, sizeof whole);
    }
}

static void test_hex(void **state) {
    (void)state;
    uint8_t bytes[256], back[256];
    char text[513];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    mdl_hex(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 512);
    assert_int_equal(mdl_unhex(text, back, sizeof back), MDL_OK);
    assert_memory_equal(back, bytes, sizeof bytes);
    assert_int_equal(mdl_unhex("00ff", back, 2), MDL_OK);
    assert_int_equal(back[1], 255);
    assert_int_equal(mdl_unhex("", back, 0), MDL_OK);
    assert_int_equal(mdl_unhex("00f", back, 2), MDL_ESIZE);
    assert_int_equal(mdl_unhex("00ff0", back, 2), MDL_ESIZE);
    assert_int_equal(mdl_unhex("00fF", back, 2), MDL_ESYNTAX); /* one text for one value */
    assert_int_equal(mdl_unhex("00 f", back, 2), MDL_ESYNTAX);
    assert_int_equal(mdl_unhex("00g0", back, 2), MDL_ESYNTAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_sink),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
