/* The embedded digits against data/digits.bin, and the fixed split. SPEC 9.9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/digits_data.h"
#include "core/philox.h"

enum { RECORD = 65 };

static void test_embedded_is_file(void **state) {
    (void)state;
    static uint8_t data[MDL_DIGITS_COUNT * RECORD + 1];
    FILE *f = fopen("data/digits.bin", "rb");
    assert_non_null(f);
    assert_int_equal(fread(data, 1, sizeof data, f), MDL_DIGITS_COUNT * RECORD);
    fclose(f);

    uint32_t order[MDL_DIGITS_COUNT];
    mdl_stream r = {4242, 0};
    for (uint32_t i = 0; i < MDL_DIGITS_COUNT; i++)
        order[i] = i;
    for (uint32_t i = MDL_DIGITS_COUNT - 1; i > 0; i--) {
        uint32_t j = mdl_draw_below(&r, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    for (uint32_t i = 0; i < MDL_DIGITS_COUNT; i++) {
        const uint8_t *record = data + order[i] * RECORD;
        for (uint32_t p = 0; p < 64; p++) {
            assert_true(record[p] <= 16);
            assert_int_equal(mdl_digit_pixel(i, p), record[p]);
        }
        assert_int_equal(mdl_digit_label(i), record[64]);
    }
}

/* Facts of the data set: digits of each class, in all and in the test, and the
 * sum of all pixels. */
static void test_split(void **state) {
    (void)state;
    static const uint32_t all[10] = {178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
    uint32_t count[10] = {0}, test[10] = {0}, sum = 0;
    for (uint32_t i = 0; i < MDL_DIGITS_COUNT; i++) {
        count[mdl_digit_label(i)]++;
        test[mdl_digit_label(i)] += i >= MDL_DIGITS_TRAIN + MDL_DIGITS_VALIDATE;
        for (uint32_t p = 0; p < 64; p++)
            sum += mdl_digit_pixel(i, p);
    }
    for (int c = 0; c < 10; c++) {
        assert_int_equal(count[c], all[c]);
        assert_in_range(test[c], 22, 50);
    }
    assert_int_equal(sum, 561718);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedded_is_file),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
