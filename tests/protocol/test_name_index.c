/* A name index against a list that is searched from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after those four */
#include <cmocka.h>

#include "protocol/name_index.h"

enum { NAMES = 300, TURNS = 20000 };

static void name_of(uint32_t i, uint8_t name[MDL_NAME_BYTES]) {
    memset(name, 0, MDL_NAME_BYTES);
    memcpy(name, &i, sizeof i);
}

static void check_all(const mdl_name_index *n, const uint32_t *want) {
    uint8_t name[MDL_NAME_BYTES];
    size_t count = 0;
    for (uint32_t i = 0; i < NAMES; i++) {
        name_of(i, name);
        assert_int_equal(mdl_name_index_get(n, name), want[i]);
        count += want[i] != MDL_NAME_NONE;
    }
    assert_int_equal(n->count, count);
}

/* Puts, changes and drops at random; two salts answer alike. */
static void test_against_a_list(void **state) {
    (void)state;
    uint32_t want[NAMES], word = 12345;
    mdl_name_index n[2];
    uint8_t name[MDL_NAME_BYTES];
    memset(n, 0, sizeof n);
    memset(n[1].salt, 0x5a, sizeof n[1].salt);
    for (uint32_t i = 0; i < NAMES; i++)
        want[i] = MDL_NAME_NONE;
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        word = 1664525 * word + 1013904223;
        uint32_t i = (word >> 8) % NAMES;
        int put = (word >> 24) % 5 < (turn / 2000 % 2 ? 1 : 3); /* it fills and empties in turn */
        name_of(i, name);
        want[i] = put ? turn : MDL_NAME_NONE;
        for (int k = 0; k < 2; k++) {
            if (put)
                assert_true(mdl_name_index_put(&n[k], name, turn));
            else
                mdl_name_index_drop(&n[k], name);
        }
        if (turn % 97 == 0) {
            check_all(&n[0], want);
            check_all(&n[1], want);
        }
    }
    mdl_name_index_clear(&n[0]);
    for (uint32_t i = 0; i < NAMES; i++)
        want[i] = MDL_NAME_NONE;
    check_all(&n[0], want);
    mdl_name_index_close(&n[0]);
    mdl_name_index_close(&n[1]);
}

static void test_empty(void **state) {
    (void)state;
    mdl_name_index n = {0};
    uint8_t name[MDL_NAME_BYTES] = {7};
    assert_int_equal(mdl_name_index_get(&n, name), MDL_NAME_NONE);
    mdl_name_index_drop(&n, name);
    mdl_name_index_clear(&n);
    assert_true(mdl_name_index_reserve(&n));
    assert_int_equal(mdl_name_index_get(&n, name), MDL_NAME_NONE);
    mdl_name_index_close(&n);
    mdl_name_index_close(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_list),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
