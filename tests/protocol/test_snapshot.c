/* Snapshots: chunks and their list, and what is refused. PROTOCOL section 12.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/snapshot.h"

static void put_le(uint8_t **at, uint64_t v, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        *(*at)++ = (uint8_t)(v >> (8 * i));
}

/* The list by the text of the document, with no function of snapshot.c. */
static size_t by_the_text(const uint8_t *state, uint64_t size, uint8_t *out) {
    uint8_t *at = out;
    memcpy(at, "modulon snapshot v1", 19);
    at += 19;
    put_le(&at, 3, 4);
    put_le(&at, 40, 4);
    put_le(&at, 1, 4);
    put_le(&at, 4, 4);
    put_le(&at, size, 8);
    for (uint64_t from = 0; from < size; from += 1048576) {
        uint64_t left = size - from;
        crypto_generichash(at, 32, state + from, left < 1048576 ? left : 1048576, NULL, 0);
        at += 32;
    }
    return (size_t)(at - out);
}

static void lists_name_chunks(void **state) {
    static const uint64_t sizes[] = {1, 1048575, 1048576, 1048577, 3 * 1048576, 3 * 1048576 + 5};
    (void)state;
    assert_true(sodium_init() >= 0);
    uint8_t *bytes = calloc(1, 4 * 1048576), list[256], want[256];
    assert_non_null(bytes);
    for (size_t i = 0; i < 4 * 1048576; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 1000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = mdl_snapshot_list_bytes(sizes[i]);
        mdl_snapshot s;
        uint64_t sum = 0;
        assert_true(size <= sizeof list);
        mdl_snapshot_list(3, 40, 1, 4, bytes, sizes[i], list);
        assert_int_equal(by_the_text(bytes, sizes[i], want), size);
        assert_memory_equal(list, want, size);
        assert_int_equal(mdl_snapshot_read(list, size, sizes[i], &s), MDL_OK);
        assert_true(s.life == 3 && s.windows == 40 && s.shard == 1 && s.shards == 4 && s.size == sizes[i]);
        for (uint32_t c = 0; c < s.chunks; c++) {
            uint8_t *chunk = bytes + (size_t)c * MDL_CHUNK_BYTES;
            size_t part = mdl_snapshot_chunk_bytes(&s, c);
            assert_true(part >= 1 && part <= MDL_CHUNK_BYTES);
            assert_int_equal(mdl_snapshot_chunk(&s, c, chunk, part), MDL_OK);
            assert_int_equal(mdl_snapshot_chunk(&s, c, chunk, part - 1), MDL_ESIZE);
            assert_int_equal(mdl_snapshot_chunk(&s, c, chunk, part + 1), MDL_ESIZE);
            assert_int_equal(mdl_snapshot_chunk(&s, s.chunks, chunk, part), MDL_ERANGE);
            chunk[part / 2] ^= 1;
            assert_int_equal(mdl_snapshot_chunk(&s, c, chunk, part), MDL_EDIGEST);
            chunk[part / 2] ^= 1;
            sum += part;
        }
        assert_int_equal(sum, sizes[i]);
    }
    free(bytes);
}

static void other_lists_are_refused(void **state) {
    (void)state;
    uint8_t bytes[100] = {1}, list[256];
    size_t size = mdl_snapshot_list_bytes(sizeof bytes);
    mdl_snapshot s;
    mdl_snapshot_list(0, 1, 0, 1, bytes, sizeof bytes, list);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, list, cut);
        assert_int_equal(mdl_snapshot_read(exact, cut, sizeof bytes, &s), cut < 19 ? MDL_EMAGIC : MDL_ESIZE);
        free(exact);
    }
    list[size] = 0;
    assert_int_equal(mdl_snapshot_read(list, size + 1, sizeof bytes, &s), MDL_ESIZE);
    assert_int_equal(mdl_snapshot_read(list, size, sizeof bytes + 1, &s), MDL_ESIZE);
    assert_int_equal(mdl_snapshot_read(list, size, 0, &s), MDL_ESIZE);
    list[0]++;
    assert_int_equal(mdl_snapshot_read(list, size, sizeof bytes, &s), MDL_EMAGIC);
    list[0]--;
    list[27] = 1; /* shard 1 of 1 */
    assert_int_equal(mdl_snapshot_read(list, size, sizeof bytes, &s), MDL_ERANGE);
    list[27] = 0;
    list[35]++; /* its size */
    assert_int_equal(mdl_snapshot_read(list, size, sizeof bytes, &s), MDL_ESIZE);
    list[35]--;
    assert_int_equal(mdl_snapshot_read(list, size, sizeof bytes, &s), MDL_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_name_chunks),
        cmocka_unit_test(other_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
