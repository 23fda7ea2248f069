#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/tile.h"
#include "tests/support/bytebuf.h"
#include "tests/support/vectors.h"

static void path_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 4);
    mdl_tile tile = {.kind = MDL_TILE_ENTRIES}, back;
    char path[MDL_TILE_PATH_MAX];
    if (strcmp(field[0], "entries") != 0) {
        tile.kind = MDL_TILE_HASHES;
        tile.level = (uint32_t)vectors_u64(field[0]);
    }
    tile.index = vectors_u64(field[1]);
    tile.width = (uint32_t)vectors_u64(field[2]);
    assert_int_equal(mdl_tile_path(&tile, path), MDL_OK);
    assert_string_equal(path, field[3]);
    assert_int_equal(mdl_tile_path_parse(mdl_text_of(path), &back), MDL_OK);
    assert_true(back.kind == tile.kind && back.level == tile.level && back.index == tile.index &&
                back.width == tile.width);
    char mangled[MDL_TILE_PATH_MAX];
    for (size_t i = 0; i <= strlen(path); i++) { /* whatever else parses has its own path */
        for (int c = 1; c < 128; c++) {
            memcpy(mangled, path, sizeof mangled);
            mangled[i] = (char)c;
            mangled[strlen(path) + 1] = '\0';
            char again[MDL_TILE_PATH_MAX];
            if (mdl_tile_path_parse(mdl_text_of(mangled), &back) == MDL_OK) {
                assert_int_equal(mdl_tile_path(&back, again), MDL_OK);
                assert_string_equal(again, mangled);
            }
        }
    }
}

static void refused_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 1);
    mdl_tile tile;
    assert_int_not_equal(mdl_tile_path_parse(mdl_text_of(field[0]), &tile), MDL_OK);
    assert_int_equal(tile.width, 0);
}

static void test_paths(void **state) {
    (void)state;
    assert_true(vectors_load("tile-paths", path_case, NULL) >= 15);
    assert_true(vectors_load("tile-paths-refused", refused_case, NULL) >= 30);
    static const mdl_tile none[] = {
        {MDL_TILE_HASHES, 0, 0, 0},    {MDL_TILE_HASHES, 0, 0, 257},          {MDL_TILE_HASHES, 8, 0, 1},
        {MDL_TILE_ENTRIES, 1, 0, 1},   {MDL_TILE_HASHES, 0, UINT64_MAX, 256}, {MDL_TILE_HASHES, 7, 0, 64},
        {(mdl_tile_kind)2, 0, 0, 256}, {MDL_TILE_HASHES, UINT32_MAX, 0, 1},
    };
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        char path[MDL_TILE_PATH_MAX];
        assert_int_equal(mdl_tile_path(&none[i], path), MDL_ERANGE);
    }
}

static uint64_t power(uint64_t base, uint32_t exponent) {
    uint64_t v = 1;
    while (exponent-- > 0) {
        v *= base;
    }
    return v;
}

/* From the formula, not from shifts. */
static uint32_t width_by_formula(uint32_t level, uint64_t index, uint64_t size) {
    uint64_t hashes = size / power(256, level);
    return index < hashes / 256 ? 256 : index == hashes / 256 ? (uint32_t)(hashes % 256) : 0;
}

static void test_widths(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1, 255, 256, 257, 65535, 65536, 70000, 16777216, MDL_MERKLE_SIZE_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        for (uint32_t level = 0; level < MDL_TILE_LEVELS; level++) {
            uint64_t last = sizes[s] / power(256, level) / 256;
            for (uint64_t index = last > 2 ? last - 2 : 0; index < last + 3; index++) {
                assert_int_equal(mdl_tile_width(MDL_TILE_HASHES, level, index, sizes[s]),
                                 width_by_formula(level, index, sizes[s]));
            }
        }
        assert_int_equal(mdl_tile_width(MDL_TILE_ENTRIES, 0, 0, sizes[s]), width_by_formula(0, 0, sizes[s]));
        assert_int_equal(mdl_tile_width(MDL_TILE_ENTRIES, 1, 0, sizes[s]), 0);
    }
    assert_int_equal(mdl_tile_width(MDL_TILE_HASHES, 0, 0, MDL_MERKLE_SIZE_MAX + 1), 0);
    /* The specification's example: 273 + 1 at level 0, 1 + 1 at level 1, 1 at level 2. */
    static const struct {
        uint32_t level;
        uint64_t index;
        uint32_t width;
    } of[] = {{0, 272, 256}, {0, 273, 112}, {0, 274, 0}, {1, 0, 256}, {1, 1, 17}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        assert_int_equal(mdl_tile_width(MDL_TILE_HASHES, of[i].level, of[i].index, 70000), of[i].width);
        if (of[i].level == 0) {
            assert_int_equal(mdl_tile_width(MDL_TILE_ENTRIES, 0, of[i].index, 70000), of[i].width);
        }
    }
}

static void test_bundles(void **state) {
    (void)state;
    static const size_t sizes[] = {0, 1, 255, 256, 65535, 3};
    enum { WIDTH = 6 };
    uint8_t *data = malloc(MDL_RECORD_MAX + MDL_TILE_WIDTH);
    mdl_record record[MDL_TILE_WIDTH];
    assert_non_null(data);
    bytebuf b = {0};
    mdl_sink sink = {bytebuf_write, &b};
    for (size_t i = 0; i < MDL_RECORD_MAX + MDL_TILE_WIDTH; i++) {
        data[i] = (uint8_t)(i * 31 >> 3);
    }
    assert_int_equal(mdl_bundle_put(&sink, data, MDL_RECORD_MAX + 1), MDL_ESIZE);
    assert_int_equal(b.size, 0);
    for (size_t i = 0; i < WIDTH; i++) {
        assert_int_equal(mdl_bundle_put(&sink, data + i, sizes[i]), MDL_OK);
    }
    assert_true(b.at[0] == 0 && b.at[1] == 0 && b.at[2] == 0 && b.at[3] == 1 && b.at[4] == data[1]);
    assert_int_equal(mdl_bundle_parse(b.at, b.size, WIDTH, record), MDL_OK);
    for (size_t i = 0; i < WIDTH; i++) {
        assert_int_equal(record[i].size, sizes[i]);
        assert_memory_equal(record[i].bytes, data + i, sizes[i]);
    }
    assert_int_equal(mdl_bundle_parse(b.at, b.size, WIDTH - 1, record), MDL_ESIZE);
    assert_int_equal(mdl_bundle_parse(b.at, b.size, WIDTH + 1, record), MDL_ESIZE);
    assert_int_equal(mdl_bundle_parse(b.at, b.size, 0, record), MDL_ERANGE);
    assert_int_equal(mdl_bundle_parse(b.at, b.size, MDL_TILE_WIDTH + 1, record), MDL_ERANGE);
    for (size_t cut = 0; cut < b.size; cut = cut < 20 ? cut + 1 : cut + 1009) {
        uint8_t *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact, b.at, cut);
        assert_int_equal(mdl_bundle_parse(exact, cut, WIDTH, record), MDL_ESIZE);
        free(exact);
    }
    b.size = 0;
    for (size_t i = 0; i < MDL_TILE_WIDTH; i++) {
        assert_int_equal(mdl_bundle_put(&sink, data + i, 2), MDL_OK);
    }
    assert_int_equal(mdl_bundle_parse(b.at, b.size, MDL_TILE_WIDTH, record), MDL_OK);
    assert_memory_equal(record[255].bytes, data + 255, 2);
    free(b.at);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
