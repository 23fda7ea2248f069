#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/merkle.h"
#include "runtime/sha256.h"

enum { LONGEST = 70000 };

/* Each length around block borders, and some long ones: leaf and node by both. */
static void test_equal(void **state) {
    (void)state;
    uint8_t *text = malloc(LONGEST);
    assert_non_null(text);
    for (size_t i = 0; i < LONGEST; i++) {
        text[i] = (uint8_t)(i * i >> 3);
    }
    for (size_t size = 0; size <= LONGEST; size += size < 600 ? 1 : 6937) {
        mdl_hash a, b, c, d;
        mdl_merkle_hash_with(NULL);
        mdl_merkle_leaf(text, size, &a);
        mdl_merkle_node(&a, &a, &c);
        assert_int_equal(mdl_sha256_start(), 1);
        mdl_merkle_leaf(text, size, &b);
        mdl_merkle_node(&b, &b, &d);
        assert_true(mdl_hash_equal(&a, &b));
        assert_true(mdl_hash_equal(&c, &d));
    }
    mdl_hash none;
    mdl_merkle_leaf(NULL, 0, &none);
    mdl_merkle_node(&none, &none, &none); /* out may be one of them */
    mdl_hash again;
    mdl_merkle_hash_with(NULL);
    mdl_merkle_leaf(NULL, 0, &again);
    mdl_merkle_node(&again, &again, &again);
    assert_true(mdl_hash_equal(&none, &again));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_equal)};
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
