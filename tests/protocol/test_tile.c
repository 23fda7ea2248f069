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
    mdl_tile_walk walk = mdl_tile_walk_begin(0, 70000);
    mdl_tile tile;
    uint32_t full[4] = {0}, partial[4] = {0}, width[4] = {0};
    while (mdl_tile_next(&walk, &tile)) {
        uint32_t at = tile.kind == MDL_TILE_ENTRIES ? 3 : tile.level;
        *(tile.width == 256 ? &full[at] : &partial[at]) += 1;
        width[at] = tile.width;
    }
    assert_true(full[0] == 273 && partial[0] == 1 && width[0] == 112);
    assert_true(full[1] == 1 && partial[1] == 1 && width[1] == 17);
    assert_true(full[2] == 0 && partial[2] == 1 && width[2] == 1);
    assert_true(full[3] == 273 && partial[3] == 1 && width[3] == 112);
}

/* A walk gives exactly the tiles whose width differs. */
static void test_walk(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0,   1,     2,     255,   256,   257,   511,    512,
                                     513, 65535, 65536, 65537, 65792, 66000, 131072, 140000};
    const size_t n = sizeof sizes / sizeof sizes[0];
    for (size_t a = 0; a < n; a++) {
        for (size_t b = a; b < n; b++) {
            mdl_tile_walk walk = mdl_tile_walk_begin(sizes[a], sizes[b]);
            mdl_tile tile;
            uint32_t steps = 0;
            for (uint32_t stage = 0; stage <= MDL_TILE_LEVELS; stage++) {
                uint32_t level = stage == 0 ? 0 : stage - 1;
                for (uint64_t index = 0; index < 600; index++) {
                    uint32_t now = width_by_formula(level, index, sizes[b]);
                    if (now == 0 || now == width_by_formula(level, index, sizes[a])) {
                        continue;
                    }
                    assert_true(mdl_tile_next(&walk, &tile));
                    assert_int_equal(tile.kind, stage == 0 ? MDL_TILE_ENTRIES : MDL_TILE_HASHES);
                    assert_true(tile.level == level && tile.index == index && tile.width == now);
                    steps++;
                }
            }
            assert_false(mdl_tile_next(&walk, &tile));
            assert_int_equal(steps == 0, a == b);
        }
    }
}

/* A log whose tiles are filled as the specification says, by hand. */
typedef struct store {
    uint8_t *level[3]; /* all hashes of a level, side by side */
    uint64_t size;
    uint32_t reads;
    size_t short_by;
} store;

static mdl_err read_tile(void *ctx, uint32_t level, uint64_t index, uint32_t width, const uint8_t **bytes,
                         size_t *size) {
    store *s = ctx;
    assert_int_equal(width, width_by_formula(level, index, s->size));
    assert_true(width > 0 && level < 3);
    *bytes = s->level[level] + index * MDL_TILE_BYTES_MAX;
    *size = (size_t)width * MDL_HASH_BYTES - s->short_by;
    s->reads++;
    return s->reads == 1000000 ? MDL_EIO : MDL_OK;
}

static void keep(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    store *s = ctx;
    if (level % 8 == 0) {
        memcpy(s->level[level / 8] + index * MDL_HASH_BYTES, hash, sizeof *hash);
    }
}

static void test_lookup(void **state) {
    (void)state;
    enum { SIZE = 66001 };
    store s = {.size = SIZE};
    mdl_merkle_edge edge = {0};
    static const uint64_t cuts[] = {1, 255, 256, 257, 1000, 65535, 65536, 65537, 65800, SIZE};
    mdl_hash root[sizeof cuts / sizeof cuts[0]], got, leaf;
    for (uint32_t l = 0; l < 3; l++) {
        s.level[l] = calloc(SIZE / power(256, l) + 1, MDL_HASH_BYTES);
        assert_non_null(s.level[l]);
    }
    size_t cut = 0;
    for (uint32_t i = 0; i < SIZE; i++) {
        char record[20];
        int size = snprintf(record, sizeof record, "r%u", i);
        mdl_merkle_leaf(record, (size_t)size, &leaf);
        assert_int_equal(mdl_merkle_append(&edge, &leaf, 1, keep, &s), MDL_OK);
        if (edge.size == cuts[cut]) {
            mdl_merkle_edge_root(&edge, &root[cut++]);
        }
    }
    mdl_tile_source source = {read_tile, &s, SIZE};
    mdl_merkle_lookup lookup = mdl_tile_lookup(&source);
    mdl_merkle_proof proof;
    for (size_t i = 0; i < cut; i++) {
        assert_int_equal(mdl_merkle_root(cuts[i], &lookup, &got), MDL_OK);
        assert_memory_equal(&got, &root[i], sizeof got);
        for (size_t k = 0; k < i; k++) {
            assert_int_equal(mdl_merkle_prove_consistency(cuts[k], cuts[i], &lookup, &proof), MDL_OK);
            assert_int_equal(
                mdl_merkle_verify_consistency(cuts[k], cuts[i], &root[k], &root[i], proof.hash, proof.count), MDL_OK);
            uint64_t index = cuts[k];
            memcpy(&leaf, s.level[0] + index * MDL_HASH_BYTES, sizeof leaf);
            assert_int_equal(mdl_merkle_prove_inclusion(index, cuts[i], &lookup, &proof), MDL_OK);
            assert_int_equal(mdl_merkle_verify_inclusion(index, cuts[i], &leaf, proof.hash, proof.count, &root[i]),
                             MDL_OK);
        }
    }
    assert_int_equal(lookup.hash(lookup.ctx, 0, SIZE, &got), MDL_ERANGE);
    assert_int_equal(lookup.hash(lookup.ctx, 16, 1, &got), MDL_ERANGE);
    assert_int_equal(lookup.hash(lookup.ctx, 62, 0, &got), MDL_ERANGE);
    assert_int_equal(lookup.hash(lookup.ctx, 64, 0, &got), MDL_ERANGE);
    s.short_by = 1; /* the last hash of the last tile is cut */
    assert_int_equal(lookup.hash(lookup.ctx, 0, SIZE - 1, &got), MDL_ESIZE);
    assert_int_equal(lookup.hash(lookup.ctx, 0, SIZE - 2, &got), MDL_OK);
    assert_int_equal(lookup.hash(lookup.ctx, 7, 1, &got), MDL_ESIZE);
    s.reads = 999999;
    assert_int_equal(mdl_merkle_root(SIZE, &lookup, &got), MDL_EIO);
    for (uint32_t l = 0; l < 3; l++) {
        free(s.level[l]);
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
        cmocka_unit_test(test_paths),  cmocka_unit_test(test_widths),  cmocka_unit_test(test_walk),
        cmocka_unit_test(test_lookup), cmocka_unit_test(test_bundles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
