/* The part of cmocka's interface that tests of core use, for machines that have no
 * cmocka: what fails says where and ends the program. tests/golden/check.sh --tests. */
#ifndef MDL_STAND_IN_CMOCKA_H
#define MDL_STAND_IN_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};
#define cmocka_unit_test(f)                                                                                            \
    { #f, f }

#define fail_msg(...)                                                                                                  \
    do {                                                                                                               \
        printf("%s:%d: ", __FILE__, __LINE__);                                                                         \
        printf(__VA_ARGS__);                                                                                           \
        putchar('\n');                                                                                                 \
        exit(1);                                                                                                       \
    } while (0)
#define assert_true(c)                                                                                                 \
    do {                                                                                                               \
        if (!(c))                                                                                                      \
            fail_msg("%s", #c);                                                                                        \
    } while (0)
#define assert_int_equal(a, b) assert_true((unsigned long long)(a) == (unsigned long long)(b))
static inline int stand_in_within(unsigned long long v, unsigned long long low, unsigned long long high) {
    return v >= low && v <= high;
}
#define assert_in_range(v, low, high) assert_true(stand_in_within(v, low, high))
#define assert_null(p) assert_true((p) == NULL)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define assert_string_not_equal(a, b) assert_true(strcmp(a, b) != 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)

static inline int stand_in_run(const struct CMUnitTest *tests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        void *state = NULL;
        printf("%s\n", tests[i].name);
        tests[i].run(&state);
    }
    printf("%zu tests passed\n", count);
    return 0;
}
#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
    ((void)(setup), (void)(teardown), stand_in_run(tests, sizeof(tests) / sizeof(tests)[0]))

#endif
