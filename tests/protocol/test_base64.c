#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base64.h"
#include "tests/support/vectors.h"

static mdl_text text_of(const char *field) { return mdl_text_of(strcmp(field, "-") == 0 ? "" : field); }

static void accepted(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 2);
    const char *hex = strcmp(field[0], "-") == 0 ? "" : field[0];
    uint8_t bytes[128], back[128];
    size_t size = strlen(hex) / 2, got = 99;
    vectors_hex(hex, bytes, size);
    mdl_text text = text_of(field[1]);
    char printed[200];
    mdl_text_out out = {printed, sizeof printed, 0};
    mdl_base64_put(&out, bytes, size);
    assert_true(mdl_text_equal((mdl_text){printed, out.size}, text));
    assert_int_equal(out.size, MDL_BASE64_CHARS(size));
    assert_int_equal(mdl_base64_decode(text, back, sizeof back, &got), MDL_OK);
    assert_int_equal(got, size);
    assert_memory_equal(back, bytes, size);
    assert_int_equal(mdl_base64_decode(text, back, size, &got), MDL_OK);
    assert_int_equal(mdl_base64_decode(text, NULL, SIZE_MAX, &got), MDL_OK);
    assert_int_equal(got, size);
    assert_int_equal(mdl_base64_exact(text, back, size), MDL_OK);
    assert_int_equal(mdl_base64_exact(text, back, size + 1), MDL_ESIZE);
    if (size > 0) {
        assert_int_equal(mdl_base64_decode(text, back, size - 1, &got), MDL_ESIZE);
        assert_int_equal(mdl_base64_exact(text, back, size - 1), MDL_ESIZE);
    }
}

static void refused(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 1);
    uint8_t back[64];
    size_t got;
    assert_int_equal(mdl_base64_decode(mdl_text_of(field[0]), back, sizeof back, &got), MDL_ESYNTAX);
}

static void test_vectors(void **state) {
    (void)state;
    assert_true(vectors_load("base64", accepted, NULL) >= 12);
    assert_true(vectors_load("base64-refused", refused, NULL) >= 12);
}

/* Of all 256^4 groups a slice: what decodes, prints to itself. */
static void test_one_text(void **state) {
    (void)state;
    size_t decoded = 0;
    for (uint32_t i = 0; i < 1u << 16; i++) {
        const char text[4] = {'A', 'Q', (char)(i >> 8), (char)i};
        uint8_t back[3];
        size_t got;
        if (mdl_base64_decode((mdl_text){text, 4}, back, sizeof back, &got) != MDL_OK) {
            continue;
        }
        char printed[4];
        mdl_text_out out = {printed, sizeof printed, 0};
        mdl_base64_put(&out, back, got);
        assert_int_equal(out.size, 4);
        assert_memory_equal(printed, text, 4);
        decoded++;
    }
    assert_int_equal(decoded, 64 * 64 + 16 + 1); /* three, two and one byte */
}

static void test_decimal(void **state) {
    (void)state;
    static const char *const bad[] = {"", "00", "01", "+1", "-1", " 1", "1 ", "1a", "0x1"};
    uint64_t v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(mdl_text_decimal(mdl_text_of(bad[i]), UINT64_MAX, &v), MDL_ESYNTAX);
    }
    assert_int_equal(mdl_text_decimal(mdl_text_of("18446744073709551615"), UINT64_MAX, &v), MDL_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(mdl_text_decimal(mdl_text_of("18446744073709551616"), UINT64_MAX, &v), MDL_ERANGE);
    assert_int_equal(mdl_text_decimal(mdl_text_of("99999999999999999999999999"), UINT64_MAX, &v), MDL_ERANGE);
    assert_int_equal(mdl_text_decimal(mdl_text_of("99999999999999999999999999x"), UINT64_MAX, &v), MDL_ESYNTAX);
    for (uint64_t max = 0; max < 130; max++) {
        for (uint64_t n = 0; n < 150; n++) {
            char digits[20];
            mdl_text_out out = {digits, sizeof digits, 0};
            mdl_text_put_decimal(&out, n);
            v = 999;
            mdl_err e = mdl_text_decimal((mdl_text){digits, out.size}, max, &v);
            assert_int_equal(e, n <= max ? MDL_OK : MDL_ERANGE);
            assert_true(v == (n <= max ? n : 999));
        }
    }
}

/* Every code point encodes in one way only. */
static void test_utf8(void **state) {
    (void)state;
    uint32_t count = 0;
    for (uint32_t i = 0; i < 1u << 24; i++) {
        const char b[4] = {(char)(i >> 16), (char)(i >> 8), (char)i, 0};
        mdl_text t = {b, 3};
        uint32_t rune;
        if (mdl_text_rune(&t, &rune) && t.size == 0) {
            assert_in_range(rune, 0x800, 0xFFFF);
            count++;
        }
    }
    assert_int_equal(count, 0x10000 - 0x800 - 0x800); /* without what is shorter and without surrogates */
    static const char *const bad[] = {
        "\x80",     "\xC0\x80", "\xC1\xBF",    "\xF4\x90\x80\x80", "\xF0\x8F\xBF\xBF", "\xF8\x88\x80\x80\x80",
        "\xE2\x80", "\xFF",     "\xF0\x9F\x8C"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mdl_text t = mdl_text_of(bad[i]);
        uint32_t rune;
        assert_false(mdl_text_rune(&t, &rune));
    }
    mdl_text t = mdl_text_of("\xF4\x8F\xBF\xBF");
    uint32_t rune;
    assert_true(mdl_text_rune(&t, &rune) && rune == 0x10FFFF);
}

static void test_bounded_writer(void **state) {
    (void)state;
    char small[4] = "....";
    mdl_text_out out = {small, 3, 0};
    size_t size = 77;
    mdl_text_put_string(&out, "ab");
    mdl_text_put_string(&out, "cd");
    assert_int_equal(mdl_text_end(&out, &size), MDL_ESIZE);
    assert_int_equal(size, 77);
    assert_int_equal(out.size, 4);
    assert_int_equal(small[3], '.');
    mdl_text_put_string(&out, "");
    mdl_text_put_string(&out, "e");
    assert_memory_equal(small, "ab..", 4);
    out = (mdl_text_out){small, 3, 0};
    mdl_text_put_string(&out, "xyz");
    assert_int_equal(mdl_text_end(&out, &size), MDL_OK);
    assert_int_equal(size, 3);
    assert_memory_equal(small, "xyz.", 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_one_text),       cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_utf8),    cmocka_unit_test(test_bounded_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
