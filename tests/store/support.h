/* What the tests of the store share: a directory each, records that can be
 * written down again from their index, and their checkpoint notes. Signatures are
 * the caller's affair, so these notes have none. */
#ifndef MDL_TESTS_STORE_SUPPORT_H
#define MDL_TESTS_STORE_SUPPORT_H

#define _XOPEN_SOURCE 700 /* nftw */

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

enum { ERROR = 8192, NOTE = 256 };

/* The test's own directory; `path` gets DIR/NAME. */
static char directory[256];

static inline const char *in_directory(char path[512], const char *name) {
    snprintf(path, 512, "%s/%s", directory, name);
    return path;
}

static inline int make_directory(void **state) {
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-test-XXXXXX", root && root[0] ? root : ".");
    return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk) {
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static inline int remove_directory(void **state) {
    (void)state;
    remove_tree(directory);
    return 0;
}

/* A step of splitmix64: the tests' only randomness, from a fixed seed. */
static inline uint64_t next_random(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Record `index`: mostly small, sometimes empty, sometimes of several pages; under 20000 bytes. */
static inline size_t record_make(uint64_t index, uint8_t *out) {
    uint64_t seed = index * 77 + 5, r = next_random(&seed);
    size_t size = r % 41 == 0 ? 0 : r % 37 == 1 ? (size_t)(r >> 20) % 20000 : 1 + (size_t)(r >> 20) % 700;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)((index * 31 + i * i) ^ (r >> (i % 56)));
    }
    return size;
}

static inline size_t note_make(char note[NOTE], const mdl_merkle_edge *edge, const char *tail) {
    mdl_hash root;
    char text[64];
    mdl_merkle_edge_root(edge, &root);
    sodium_bin2base64(text, sizeof text, root.bytes, sizeof root.bytes, sodium_base64_VARIANT_ORIGINAL);
    return (size_t)snprintf(note, NOTE, "test.example/ledger\n%" PRIu64 "\n%s\n\n%s", edge->size, text, tail);
}

/* Append records edge->size .. + n as one batch; on success `edge` has them too. n <= 1024. */
static inline mdl_err append_next(mdl_store *s, mdl_merkle_edge *edge, size_t n, char *error) {
    static uint8_t bytes[1024][20000];
    static mdl_store_record records[1024];
    static char note[NOTE];
    mdl_merkle_edge next = *edge;
    for (size_t i = 0; i < n; i++) {
        mdl_hash leaf;
        records[i] = (mdl_store_record){bytes[i], record_make(edge->size + i, bytes[i]), NULL};
        mdl_merkle_leaf(records[i].bytes, records[i].size, &leaf);
        mdl_merkle_append(&next, &leaf, 1, NULL, NULL);
    }
    size_t note_size = note_make(note, &next, "");
    mdl_err e = s->append(s, records, n, note, note_size, error, ERROR);
    if (e == MDL_OK) {
        *edge = next;
    }
    return e;
}

/* The edge of the first `size` records. */
static inline void edge_make(mdl_merkle_edge *edge, uint64_t size) {
    static uint8_t bytes[MDL_STORE_RECORD_MAX];
    memset(edge, 0, sizeof *edge);
    for (uint64_t i = 0; i < size; i++) {
        mdl_hash leaf;
        mdl_merkle_leaf(bytes, record_make(i, bytes), &leaf);
        mdl_merkle_append(edge, &leaf, 1, NULL, NULL);
    }
}

static inline mdl_err visit_equal(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    static uint8_t want[MDL_STORE_RECORD_MAX];
    uint64_t *next = ctx;
    if (number != (*next)++ || record_make(number, want) != size || memcmp(want, bytes, size) != 0) {
        return MDL_EDIGEST;
    }
    return MDL_OK;
}

/* Whether records 0 .. count-1 are all there and are those of record_make(). */
static inline int all_equal(mdl_store *s, uint64_t count) {
    uint64_t next = 0;
    return s->range(s, 0, count, visit_equal, &next, NULL, 0) == MDL_OK && next == count;
}

static inline void copy_file(const char *from, const char *to) {
    static uint8_t buffer[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ssize_t got;
    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, buffer, sizeof buffer)) > 0) {
        assert_int_equal(write(out, buffer, (size_t)got), got);
    }
    assert_int_equal(got, 0);
    close(in);
    close(out);
}

#endif
