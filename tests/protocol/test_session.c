/* The replay window: the table of section 1.4, and every order of a few numbers
 * against a model that remembers everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/session.h"
#include "tests/support/vectors.h"

static const uint8_t id[MDL_SESSION_BYTES] = {1, 2, 3};

static mdl_seq take(mdl_session *s, uint64_t seq, uint8_t byte, uint32_t *slot) {
    uint8_t digest[MDL_DIGEST_BYTES];
    memset(digest, byte, sizeof digest);
    return mdl_session_take(s, id, seq, digest, slot);
}

static void check_case(void *ctx, size_t count, char **field) {
    static const char *const names[] = {"fresh", "repeat", "equivocation", "stale", "other"};
    uint32_t slot = 99;
    assert_int_equal(count, 3);
    mdl_seq got = take(ctx, vectors_u64(field[0]), (uint8_t)field[1][0], &slot);
    if (strcmp(names[got], field[2]) != 0) {
        fail_msg("%s %s is %s, expected %s", field[0], field[1], names[got], field[2]);
    }
    assert_int_equal(slot, vectors_u64(field[0]) % MDL_SESSION_WINDOW);
}

static void test_table(void **state) {
    (void)state;
    mdl_session s;
    mdl_session_open(&s, id);
    assert_int_equal(vectors_load("session-window", check_case, &s), 23);
    /* The first equivocation is kept, with both digests in the order they came. */
    assert_int_equal(s.equivocated, 1);
    assert_int_equal(s.equivocal, 0);
    for (size_t i = 0; i < MDL_DIGEST_BYTES; i++) {
        assert_int_equal(s.first[i], 'a');
        assert_int_equal(s.second[i], 'b');
    }
}

static void test_other_session(void **state) {
    (void)state;
    mdl_session s, before;
    uint8_t other[MDL_SESSION_BYTES], digest[MDL_DIGEST_BYTES] = {0};
    uint32_t slot;
    mdl_session_open(&s, id);
    assert_int_equal(take(&s, 5, 'a', &slot), MDL_SEQ_FRESH);
    before = s;
    for (size_t i = 0; i < sizeof other; i++) {
        memcpy(other, id, sizeof other);
        other[i] ^= 0x80;
        assert_int_equal(mdl_session_take(&s, other, 6, digest, &slot), MDL_SEQ_OTHER);
    }
    assert_memory_equal(&s, &before, sizeof s);
}

/* What a peer that remembers everything would say. */
enum { NUMBERS = 12, LETTERS = 2 };
typedef struct model {
    int letter[NUMBERS]; /* 0: not seen */
    int newest;          /* -1: none */
} model;

static mdl_seq model_take(model *m, int seq, int letter) {
    if (m->newest >= 0 && seq <= m->newest - MDL_SESSION_WINDOW) {
        return MDL_SEQ_STALE;
    }
    if (m->letter[seq] == 0) {
        m->letter[seq] = letter;
        m->newest = seq > m->newest ? seq : m->newest;
        return MDL_SEQ_FRESH;
    }
    return m->letter[seq] == letter ? MDL_SEQ_REPEAT : MDL_SEQ_EQUIVOCATION;
}

/* Every sequence of up to four messages of 12 numbers and two contents. */
static void walk(const mdl_session *s, const model *m, int depth) {
    for (int seq = 0; seq < NUMBERS; seq++) {
        for (int letter = 1; letter <= LETTERS; letter++) {
            mdl_session next = *s;
            model next_model = *m;
            uint32_t slot;
            mdl_seq got = take(&next, (uint64_t)seq, (uint8_t)letter, &slot);
            mdl_seq expected = model_take(&next_model, seq, letter);
            if (got != expected) {
                fail_msg("number %d, content %d: %d, expected %d", seq, letter, got, expected);
            }
            if (got == MDL_SEQ_REPEAT || got == MDL_SEQ_STALE) {
                assert_memory_equal(&next, s, sizeof next);
            }
            if (depth > 1 && got == MDL_SEQ_FRESH) {
                walk(&next, &next_model, depth - 1);
            }
        }
    }
}

static void test_every_order(void **state) {
    (void)state;
    mdl_session s;
    model m = {.newest = -1};
    mdl_session_open(&s, id);
    walk(&s, &m, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_other_session),
        cmocka_unit_test(test_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
