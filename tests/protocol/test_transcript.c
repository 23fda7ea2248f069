/* Transcripts of sharded jobs: what is written is read, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/merkle.h"
#include "protocol/transcript.h"

enum { LIVES = 3, SHARDS = 2, MODULATION = 5 };

static const uint32_t windows[LIVES] = {2, 1, 4};

/* A transcript of 7 windows; *size its bytes. */
static uint8_t *make(size_t *size) {
    mdl_life_row row[LIVES];
    uint8_t commits[7 * SHARDS * MDL_DIGEST_BYTES], modulation[MODULATION] = {9, 8, 7, 6, 5};
    for (uint32_t i = 0; i < LIVES; i++) {
        row[i] = (mdl_life_row){.windows = windows[i], .fitness = -5 + (int64_t)i, .updates = 100 * i};
        memset(row[i].end, (int)(1 + i), MDL_DIGEST_BYTES);
    }
    for (uint32_t i = 0; i < 7 * SHARDS; i++) {
        memset(commits + i * MDL_DIGEST_BYTES, (int)(16 + i), MDL_DIGEST_BYTES);
    }
    *size = mdl_transcript_bytes(LIVES, 7, SHARDS, MODULATION);
    uint8_t *out = malloc(*size);
    assert_non_null(out);
    mdl_transcript_write(row, LIVES, SHARDS, modulation, MODULATION, commits, 7, out);
    return out;
}

static void what_is_written_is_read(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = make(&size);
    mdl_transcript t;
    mdl_life_row row;
    assert_int_equal(mdl_transcript_read(bytes, size, &t), MDL_OK);
    assert_true(t.lives == LIVES && t.shards == SHARDS && t.windows == 7 && t.modulation_size == MODULATION);
    assert_int_equal(t.modulation[0], 9);
    mdl_transcript_row(&t, 2, &row);
    assert_true(row.windows == 4 && row.fitness == -3 && row.updates == 200 && row.end[31] == 3);
    assert_true(mdl_transcript_place(&t, 0, 0) == 0 && mdl_transcript_place(&t, 1, 0) == 2);
    assert_true(mdl_transcript_place(&t, 2, 3) == 6);
    assert_true(mdl_transcript_place(&t, 2, 4) == UINT64_MAX && mdl_transcript_place(&t, 3, 0) == UINT64_MAX);
    assert_int_equal(mdl_transcript_commit(&t, 6, 1)[0], 16 + 13);
    /* The root of the last two windows of shard 1. */
    uint8_t root[MDL_DIGEST_BYTES];
    mdl_merkle_edge edge;
    mdl_hash leaf, top;
    memset(&edge, 0, sizeof edge);
    for (uint64_t i = 5; i < 7; i++) {
        mdl_merkle_leaf(mdl_transcript_commit(&t, i, 1), MDL_DIGEST_BYTES, &leaf);
        assert_int_equal(mdl_merkle_append(&edge, &leaf, 1, NULL, NULL), MDL_OK);
    }
    mdl_merkle_edge_root(&edge, &top);
    mdl_transcript_root(&t, 1, 5, root);
    assert_memory_equal(root, top.bytes, sizeof root);
    free(bytes);
}

static void nothing_else_is(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = make(&size);
    mdl_transcript t;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1); /* its exact size, for the sanitizer */
        memcpy(exact, bytes, cut);
        assert_int_not_equal(mdl_transcript_read(exact, cut, &t), MDL_OK);
        free(exact);
    }
    uint8_t *longer = calloc(1, size + SHARDS * MDL_DIGEST_BYTES);
    memcpy(longer, bytes, size);
    assert_int_equal(mdl_transcript_read(longer, size + 1, &t), MDL_ESIZE);
    assert_int_equal(mdl_transcript_read(longer, size + SHARDS * MDL_DIGEST_BYTES, &t), MDL_ESIZE);
    free(longer);
    static const struct {
        size_t at;
        uint8_t to;
        mdl_err err;
    } bad[] = {
        {0, 'm', MDL_EMAGIC},
        {7, 1, MDL_EMAGIC},
        {8, 0, MDL_ERANGE},
        {8, 4, MDL_ESIZE},
        {10, 2, MDL_ERANGE},
        {12, 0, MDL_ERANGE},
        {12, 3, MDL_ESIZE},
        {13, 255, MDL_ERANGE},
        {17, 3, MDL_ERANGE},
        {16, 6, MDL_ESIZE},
        {25, 0, MDL_ERANGE} /* a life without a window */,
        {25, 3, MDL_ESIZE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t was = bytes[bad[i].at];
        bytes[bad[i].at] = bad[i].to;
        if (mdl_transcript_read(bytes, size, &t) != bad[i].err) {
            fail_msg("byte %zu = %u is answered otherwise: %d", bad[i].at, bad[i].to,
                     (int)mdl_transcript_read(bytes, size, &t));
        }
        bytes[bad[i].at] = was;
    }
    assert_int_equal(mdl_transcript_read(bytes, size, &t), MDL_OK);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(nothing_else_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
