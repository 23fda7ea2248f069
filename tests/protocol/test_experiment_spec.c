/* The vectors of chapter 7 of the specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/experiment_json.h"
#include "tests/support/vectors.h"

static void check_id(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 4);
    uint8_t file[1024], id[32];
    size_t size = strlen(field[0]) / 2;
    mdl_experiment x;
    assert_true(size <= sizeof file);
    vectors_hex(field[0], file, size);
    vectors_hex(field[1], id, sizeof id);
    assert_int_equal(mdl_experiment_parse(file, size, &x, NULL), MDL_OK);
    assert_memory_equal(x.id, id, sizeof id);
    assert_int_equal(x.network.seed, vectors_u64(field[2]));
    assert_int_equal(x.evolution.seed, vectors_u64(field[3]));
}

static void check_number(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 2);
    char file[256];
    mdl_experiment x;
    uint32_t bits;
    snprintf(file, sizeof file, "{\"task\":\"tmaze\",\"hmn\":{\"init_sd\":%s}}", field[0]);
    assert_int_equal(mdl_experiment_parse((const uint8_t *)file, strlen(file), &x, NULL), MDL_OK);
    memcpy(&bits, &x.hmn.init_sd, sizeof bits);
    if (bits != vectors_u64(field[1])) {
        fail_msg("%s is 0x%08x, expected %s", field[0], bits, field[1]);
    }
}

static void check_refused(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 3);
    mdl_experiment x;
    mdl_json_error err;
    const char *name = "?";
    mdl_err e = mdl_experiment_parse((const uint8_t *)field[2], strlen(field[2]), &x, &err);
    switch (e) {
#define X(error, value, sentence)                                                                                      \
    case MDL_##error:                                                                                                  \
        name = #error;                                                                                                 \
        break;
        MDL_ERR_MAP(X)
#undef X
    }
    if (strcmp(name, field[0]) != 0 || strcmp(err.path, strcmp(field[1], "-") == 0 ? "" : field[1]) != 0) {
        fail_msg("%s: %s at \"%s\", expected %s at %s", field[2], name, err.path, field[0], field[1]);
    }
}

static void test_ids(void **state) {
    (void)state;
    assert_int_equal(vectors_load("experiment-id", check_id, NULL), 5);
}

static void test_numbers(void **state) {
    (void)state;
    assert_int_equal(vectors_load("experiment-number", check_number, NULL), 19);
}

static void test_refused(void **state) {
    (void)state;
    assert_int_equal(vectors_load("experiment-refused", check_refused, NULL), 26);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
