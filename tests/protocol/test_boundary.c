/* Packed boundary activity: what was packed comes back bit for bit, in one way
 * only, and what nobody packs is refused. PROTOCOL section 12.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/num.h"
#include "core/philox.h"
#include "protocol/boundary.h"
#include "protocol/digest.h"
#include "tests/support/vectors.h"

enum { COUNT_MAX = 300 };

static const mdl_activity_rule hmn = {0, 64.0f}, trinary = {1, 1.0f}, graded = {0, 1.0f};

static mdl_err unpack(const uint8_t *bytes, size_t size, size_t count, const mdl_activity_rule *rule, float *out,
                      size_t *used) {
    uint8_t *exact = malloc(size ? size : 1); /* so that a sanitizer sees what is read beyond */
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    mdl_err err = mdl_boundary_unpack(exact, size, count, rule, out, used);
    free(exact);
    return err;
}

/* Value i of a kind of content: with `share` of the values not 0. */
static float draw(mdl_stream *s, int bits, float share) {
    if (mdl_draw_unit(s) >= share)
        return 0.0f;
    if (bits)
        return mdl_draw_below(s, 2) ? 1.0f : -1.0f;
    switch (mdl_draw_below(s, 4)) {
    case 0:
        return -0.0f;
    case 1:
        return 64.0f;
    default:
        return 4.0f * mdl_draw_unit(s) - 2.0f;
    }
}

static size_t expected(const float *value, size_t count) {
    size_t used = 0, map = (count + 7) / 8;
    int bits = 1;
    for (size_t i = 0; i < count; i++) {
        used += mdl_float_bits(value[i]) != 0;
        bits &= mdl_float_bits(value[i]) == 0 || value[i] == 1.0f || value[i] == -1.0f;
    }
    if (used == 0)
        return 1;
    if (bits)
        return 1 + map + (used + 7) / 8;
    return 1 + (map + 4 * used < 4 * count ? map + 4 * used : 4 * count);
}

static void what_is_packed_comes_back(void **state) {
    (void)state;
    mdl_stream s = {5, 0};
    uint32_t forms = 0;
    for (uint32_t round = 0; round < 3000; round++) {
        size_t count = 1 + mdl_draw_below(&s, COUNT_MAX), used = 0;
        float value[COUNT_MAX], back[COUNT_MAX];
        uint8_t bytes[2 + 4 * COUNT_MAX], again[1 + 4 * COUNT_MAX];
        static const float shares[] = {0.0f, 0.01f, 0.1f, 0.9f, 0.99f, 1.0f};
        int bits = round % 2 == 0;
        float share = shares[mdl_draw_below(&s, 6)];
        for (size_t i = 0; i < count; i++)
            value[i] = draw(&s, bits, share);
        size_t size = mdl_boundary_pack(value, count, bytes);
        assert_int_equal(size, expected(value, count));
        assert_true(size <= mdl_boundary_max(count));
        forms |= 1u << bytes[0];
        assert_int_equal(unpack(bytes, size, count, bits ? &trinary : &hmn, back, &used), MDL_OK);
        assert_int_equal(used, size);
        assert_memory_equal(value, back, count * sizeof *value);
        assert_int_equal(mdl_boundary_pack(back, count, again), size);
        assert_memory_equal(bytes, again, size);
        bytes[size] = 7; /* of what follows nothing is taken */
        assert_int_equal(unpack(bytes, size + 1, count, bits ? &trinary : &hmn, NULL, &used), MDL_OK);
        assert_int_equal(used, size);
        for (size_t cut = 0; cut < size; cut++)
            assert_int_equal(unpack(bytes, cut, count, &hmn, back, &used), MDL_ESIZE);
    }
    assert_int_equal(forms, 15);
}

/* Any bytes: refused, or the one packing of what they say. */
static void one_encoding_per_content(void **state) {
    (void)state;
    mdl_stream s = {6, 0};
    uint32_t taken = 0;
    for (uint32_t round = 0; round < 200000; round++) {
        uint8_t bytes[24], again[24];
        float value[5];
        size_t count = 1 + mdl_draw_below(&s, 5), used = 0, size = mdl_draw_below(&s, 24);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(mdl_draw_below(&s, 3) ? mdl_draw_below(&s, 8) : mdl_draw_below(&s, 256));
        if (mdl_boundary_unpack(bytes, size, count, &hmn, value, &used) != MDL_OK)
            continue;
        taken++;
        assert_true(used <= size);
        assert_int_equal(mdl_boundary_pack(value, count, again), used);
        assert_memory_equal(bytes, again, used);
    }
    assert_true(taken > 1000);
}

/* All inputs of a few bits in full. */
static void every_small_trinary_content(void **state) {
    (void)state;
    enum { SMALL = 7 };
    for (uint32_t code = 0; code < 2187; code++) {
        float value[SMALL], back[SMALL];
        uint8_t bytes[1 + 4 * SMALL];
        uint32_t rest = code;
        size_t used = 0;
        for (int i = 0; i < SMALL; i++, rest /= 3)
            value[i] = rest % 3 == 0 ? 0.0f : rest % 3 == 1 ? 1.0f : -1.0f;
        size_t size = mdl_boundary_pack(value, SMALL, bytes);
        assert_true(size <= 3);
        assert_int_equal(mdl_boundary_unpack(bytes, size, SMALL, &trinary, back, &used), MDL_OK);
        assert_memory_equal(value, back, sizeof value);
    }
}

static void the_rule_holds(void **state) {
    (void)state;
    static const struct {
        float value;
        mdl_err hmn, trinary, graded;
    } cases[] = {
        {0.5f, MDL_OK, MDL_ERANGE, MDL_OK},
        {1.5f, MDL_OK, MDL_ERANGE, MDL_ERANGE},
        {64.5f, MDL_ERANGE, MDL_ERANGE, MDL_ERANGE},
        {-64.0f, MDL_OK, MDL_ERANGE, MDL_ERANGE},
        {-0.0f, MDL_OK, MDL_OK, MDL_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float value[40] = {[7] = cases[i].value}, back[40];
        uint8_t bytes[161];
        size_t size = mdl_boundary_pack(value, 40, bytes), used = 0;
        assert_int_equal(mdl_boundary_unpack(bytes, size, 40, &hmn, back, &used), cases[i].hmn);
        assert_int_equal(mdl_boundary_unpack(bytes, size, 40, &trinary, back, &used), cases[i].trinary);
        assert_int_equal(mdl_boundary_unpack(bytes, size, 40, &graded, NULL, &used), cases[i].graded);
    }
    static const uint8_t nan[] = {3, 0, 0, 0xc0, 0x7f}, infinite[] = {3, 0, 0, 0x80, 0xff};
    float back[1];
    size_t used;
    assert_int_equal(mdl_boundary_unpack(nan, 5, 1, &hmn, back, &used), MDL_ERANGE);
    assert_int_equal(mdl_boundary_unpack(infinite, 5, 1, &hmn, back, &used), MDL_ERANGE);
}

/* ---- vectors of the document ---- */

static void check_packed(void *ctx, size_t count, char **field) {
    float value[64], back[64];
    uint8_t want[257], bytes[257];
    uint32_t *cases = ctx;
    size_t values = count - 1, used = 0, size = strlen(field[0]) / 2;
    assert_true(values >= 1 && values <= 64 && size <= sizeof want);
    vectors_hex(field[0], want, size);
    for (size_t i = 0; i < values; i++)
        value[i] = vectors_f32(field[1 + i]);
    assert_int_equal(mdl_boundary_pack(value, values, bytes), size);
    assert_memory_equal(bytes, want, size);
    assert_int_equal(mdl_boundary_unpack(want, size, values, &hmn, back, &used), MDL_OK);
    assert_memory_equal(value, back, values * sizeof *value);
    *cases |= 1u << want[0];
}

static void check_refused(void *ctx, size_t count, char **field) {
    static const struct {
        const char *name;
        mdl_err err;
    } names[] = {{"size", MDL_ESIZE}, {"form", MDL_ESYNTAX}, {"range", MDL_ERANGE}};
    uint8_t bytes[64];
    float back[64];
    size_t used, size = strlen(field[0]) / 2;
    (void)ctx;
    assert_int_equal(count, 3);
    vectors_hex(field[0], bytes, size);
    mdl_err err = unpack(bytes, size, (size_t)vectors_u64(field[1]), &hmn, back, &used);
    int known = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(field[2], names[i].name) == 0) {
            assert_int_equal(err, names[i].err);
            known = 1;
        }
    assert_true(known);
}

static void vectors_of_the_document(void **state) {
    (void)state;
    uint32_t forms = 0;
    assert_true(vectors_load("boundary-packed", check_packed, &forms) >= 6);
    assert_int_equal(forms, 15);
    assert_true(vectors_load("boundary-refused", check_refused, NULL) >= 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back),   cmocka_unit_test(one_encoding_per_content),
        cmocka_unit_test(every_small_trinary_content), cmocka_unit_test(the_rule_holds),
        cmocka_unit_test(vectors_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
