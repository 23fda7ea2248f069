/* What every store promises, asked of the one in memory and of SQLite's. */
#include "tests/store/support.h"

#include "store/batch.h"

static int on_disk;
static mdl_store store;
static mdl_merkle_edge edge;

static int open_memory(void **state) {
    on_disk = 0;
    edge = (mdl_merkle_edge){0};
    return make_directory(state) || mdl_store_open_memory(&store, NULL, 0);
}

static int open_disk(void **state) {
    char error[ERROR], path[512];
    on_disk = 1;
    edge = (mdl_merkle_edge){0};
    return make_directory(state) || mdl_store_open(&store, in_directory(path, "a/ledger"), 0, error, sizeof error);
}

static int close_store(void **state) {
    mdl_store_close(&store);
    mdl_store_close(&store); /* does nothing */
    return remove_directory(state);
}

static void test_records(void **state) {
    (void)state;
    static uint8_t got[MDL_STORE_RECORD_MAX], want[MDL_STORE_RECORD_MAX];
    char error[ERROR] = "";
    size_t size;
    uint64_t next = 0;
    assert_int_equal(store.count(&store), 0);
    assert_int_equal(store.read(&store, 0, got, &size, error, sizeof error), MDL_ERANGE);
    assert_int_equal(append_next(&store, &edge, 0, error), MDL_OK); /* a checkpoint of nothing */
    for (size_t n = 1; n <= 40; n++) {
        assert_int_equal(append_next(&store, &edge, n, error), MDL_OK);
        assert_int_equal(store.count(&store), edge.size);
    }
    for (uint64_t i = 0; i < edge.size; i++) {
        assert_int_equal(store.read(&store, i, got, &size, error, sizeof error), MDL_OK);
        assert_int_equal(size, record_make(i, want));
        assert_memory_equal(got, want, size);
    }
    assert_true(all_equal(&store, edge.size));
    assert_int_equal(store.range(&store, 0, edge.size + 1, visit_equal, &next, error, sizeof error), MDL_ERANGE);
    assert_int_equal(store.range(&store, 5, 4, visit_equal, &next, error, sizeof error), MDL_ERANGE);
    next = 17; /* a walk may begin anywhere, and its visitor may end it */
    assert_int_equal(store.range(&store, 17, 100, visit_equal, &next, error, sizeof error), MDL_OK);
    assert_int_equal(next, 100);
    snprintf(error, sizeof error, "untouched");
    assert_int_equal(store.range(&store, 18, 100, visit_equal, &next, error, sizeof error), MDL_EDIGEST);
    assert_string_equal(error, "untouched");
    assert_int_equal(store.read(&store, edge.size, got, &size, error, sizeof error), MDL_ERANGE);
}

/* The largest record is taken whole; one byte more is refused and nothing changes. */
static void test_limits(void **state) {
    (void)state;
    static uint8_t bytes[MDL_STORE_RECORD_MAX + 1], got[MDL_STORE_RECORD_MAX];
    static char long_note[MDL_STORE_NOTE_MAX + 1];
    char error[ERROR], note[NOTE];
    size_t size;
    mdl_hash leaf;
    memset(bytes, 7, sizeof bytes);
    mdl_store_record record = {bytes, sizeof bytes - 1, NULL};
    mdl_merkle_edge next = edge;
    mdl_merkle_leaf(bytes, record.size, &leaf);
    mdl_merkle_append(&next, &leaf, 1, NULL, NULL);
    size_t note_size = note_make(note, &next, "");
    assert_int_equal(
        store.append(&store, &(mdl_store_record){bytes, sizeof bytes, NULL}, 1, note, note_size, error, ERROR),
        MDL_ESIZE);
    memset(long_note, 'x', sizeof long_note);
    memcpy(long_note, note, note_size);
    assert_int_equal(store.append(&store, &record, 1, long_note, sizeof long_note, error, ERROR), MDL_ESIZE);
    assert_int_equal(store.count(&store), 0);
    assert_int_equal(store.append(&store, &record, 1, long_note, sizeof long_note - 1, error, ERROR), MDL_OK);
    assert_int_equal(store.read(&store, 0, got, &size, error, sizeof error), MDL_OK);
    assert_int_equal(size, sizeof got);
    assert_memory_equal(got, bytes, size);
    assert_int_equal(store.checkpoint(&store, long_note, &size, error, ERROR), MDL_OK);
    assert_int_equal(size, MDL_STORE_NOTE_MAX);
}

/* A checkpoint that does not fit the records is our caller's error, and leaves all as it was. */
static void test_wrong_checkpoint(void **state) {
    (void)state;
    char error[ERROR], note[NOTE];
    mdl_store_record record = {(const uint8_t *)"other", 5, NULL};
    assert_int_equal(append_next(&store, &edge, 300, error), MDL_OK);
    mdl_merkle_edge next;
    edge_make(&next, 301);
    size_t size = note_make(note, &next, "");
    assert_int_equal(store.append(&store, &record, 1, note, size, error, ERROR), MDL_EMISMATCH);
    assert_non_null(strstr(error, "root"));
    assert_int_equal(store.append(&store, &record, 0, note, size, error, ERROR), MDL_EMISMATCH);
    assert_non_null(strstr(error, "says 301 records, but there would be 300"));
    assert_int_equal(store.append(&store, &record, 1, "no checkpoint", 13, error, ERROR), MDL_ESYNTAX);
    assert_int_equal(store.count(&store), 300);
    assert_int_equal(append_next(&store, &edge, 700, error), MDL_OK);
    assert_true(all_equal(&store, 1000));
}

static void test_notes(void **state) {
    (void)state;
    static const char root[] = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="; /* SHA-256 of nothing */
    static const struct {
        const char *head, *tail;
        mdl_err want;
    } cases[] = {
        {"a\n0\n", "\n", MDL_OK},
        {"a\n281474976710656\n", "\nmore\n", MDL_OK},
        {"a\n281474976710657\n", "\n", MDL_ESYNTAX},
        {"a\n99999999999999999999999\n", "\n", MDL_ESYNTAX},
        {"a\n00\n", "\n", MDL_ESYNTAX},
        {"a\n01\n", "\n", MDL_ESYNTAX},
        {"a\n-1\n", "\n", MDL_ESYNTAX},
        {"a\n\n", "\n", MDL_ESYNTAX},
        {"\n0\n", "\n", MDL_ESYNTAX},
        {"0\n", "\n", MDL_ESYNTAX},
        {"a\n0 \n", "\n", MDL_ESYNTAX},
        {"a\n0\n ", "\n", MDL_ESYNTAX},
        {"a\n0\n", " \n", MDL_ESYNTAX},
        {"a\n0\n", "", MDL_ESYNTAX},
    };
    char note[NOTE];
    uint64_t size;
    mdl_hash got, empty;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int n = snprintf(note, sizeof note, "%s%s%s", cases[i].head, root, cases[i].tail);
        assert_int_equal(mdl_note_tree(note, (size_t)n, &size, &got), cases[i].want);
    }
    int n = snprintf(note, sizeof note, "a\n12\n%s\n", root);
    assert_int_equal(mdl_note_tree(note, (size_t)n, &size, &got), MDL_OK);
    assert_int_equal(size, 12);
    mdl_merkle_empty(&empty);
    assert_true(mdl_hash_equal(&got, &empty));
    for (int cut = 0; cut < n; cut++) {
        char *exact = malloc((size_t)cut + 1); /* so that reading past the end is seen */
        memcpy(exact, note, (size_t)cut);
        assert_int_equal(mdl_note_tree(exact, (size_t)cut, &size, &got), MDL_ESYNTAX);
        free(exact);
    }
}

typedef struct sizes {
    uint64_t at[64];
    size_t n;
} sizes;

static mdl_err visit_size(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    sizes *seen = ctx;
    uint64_t in_note;
    mdl_hash root;
    seen->at[seen->n++] = number;
    return mdl_note_tree((const char *)bytes, size, &in_note, &root) == MDL_OK && in_note == number ? MDL_OK
                                                                                                    : MDL_EDIGEST;
}

static void test_checkpoints(void **state) {
    (void)state;
    static char got[MDL_STORE_NOTE_MAX];
    char error[ERROR], note[NOTE];
    size_t size;
    sizes seen = {.n = 0};
    assert_int_equal(store.checkpoint(&store, got, &size, error, ERROR), MDL_ENOENT);
    for (size_t n = 1; n <= 10; n++) {
        assert_int_equal(append_next(&store, &edge, n, error), MDL_OK);
    }
    /* No records: the same size with a cosignature. */
    size_t note_size = note_make(note, &edge, "-- a cosignature\n");
    assert_int_equal(store.append(&store, NULL, 0, note, note_size, error, ERROR), MDL_OK);
    assert_int_equal(store.checkpoint(&store, got, &size, error, ERROR), MDL_OK);
    assert_int_equal(size, note_size);
    assert_memory_equal(got, note, size);
    assert_int_equal(store.checkpoints(&store, 7, visit_size, &seen, error, ERROR), MDL_OK);
    static const uint64_t want[] = {10, 15, 21, 28, 36, 45, 55};
    assert_int_equal(seen.n, 7);
    assert_memory_equal(seen.at, want, sizeof want);
    assert_int_equal(store.checkpoints(&store, 56, visit_size, &seen, error, ERROR), MDL_OK);
    assert_int_equal(seen.n, 7);
}

/* Every complete subtree while the tree grows over two stored levels' borders, in an
 * order that moves tiles in and out of the cache; and proofs made of them. */
static void test_nodes(void **state) {
    (void)state;
    enum { LEVELS = 12, TOTAL = 4096 + 300 };
    static mdl_hash want[LEVELS + 1][TOTAL];
    static uint8_t bytes[MDL_STORE_RECORD_MAX];
    char error[ERROR];
    mdl_hash got;
    for (uint64_t i = 0; i < TOTAL; i++) {
        mdl_merkle_leaf(bytes, record_make(i, bytes), &want[0][i]);
    }
    for (uint32_t level = 1; level <= LEVELS; level++) {
        for (uint64_t i = 0; i < (uint64_t)TOTAL >> level; i++) {
            mdl_merkle_node(&want[level - 1][2 * i], &want[level - 1][2 * i + 1], &want[level][i]);
        }
    }
    static const size_t batches[] = {1, 2, 4, 120, 128, 1, 256, 511, 1000, 1024, 1024, 300, 25};
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        assert_int_equal(append_next(&store, &edge, batches[b], error), MDL_OK);
        for (uint32_t level = LEVELS + 1; level-- > 0;) {
            uint64_t n = edge.size >> level;
            for (uint64_t i = n > 600 ? n - 600 : 0; i < n; i++) {
                assert_int_equal(store.node(&store, level, i, &got, error, sizeof error), MDL_OK);
                assert_memory_equal(&got, &want[level][i], sizeof got);
            }
            assert_int_equal(store.node(&store, level, n, &got, error, sizeof error), MDL_ERANGE);
        }
    }
    assert_int_equal(edge.size, TOTAL);
    assert_int_equal(store.node(&store, 62, 0, &got, error, sizeof error), MDL_ERANGE);
    assert_int_equal(store.node(&store, UINT32_MAX, 0, &got, error, sizeof error), MDL_ERANGE);
    mdl_merkle_lookup lookup = mdl_store_lookup(&store);
    mdl_merkle_proof proof;
    mdl_hash root;
    mdl_merkle_edge_root(&edge, &root);
    for (uint64_t i = 0; i < TOTAL; i += 37) {
        assert_int_equal(mdl_merkle_prove_inclusion(i, TOTAL, &lookup, &proof), MDL_OK);
        assert_int_equal(mdl_merkle_verify_inclusion(i, TOTAL, &want[0][i], proof.hash, proof.count, &root), MDL_OK);
    }
    mdl_merkle_edge again;
    assert_int_equal(mdl_merkle_edge_load(TOTAL, &lookup, &again), MDL_OK);
    mdl_merkle_edge_root(&again, &got);
    assert_true(mdl_hash_equal(&got, &root));
}

static void test_values(void **state) {
    (void)state;
    char error[ERROR], long_name[MDL_STORE_NAME_MAX + 2];
    uint8_t *got, *large = malloc(MDL_STORE_VALUE_MAX + 1);
    size_t size;
    assert_non_null(large);
    memset(large, 3, MDL_STORE_VALUE_MAX + 1);
    memset(long_name, 'n', sizeof long_name);
    long_name[MDL_STORE_NAME_MAX + 1] = '\0';
    assert_int_equal(store.value_get(&store, "hint", &got, &size, error, ERROR), MDL_ENOENT);
    assert_null(got);
    assert_int_equal(store.value_put(&store, "hint", (const uint8_t *)"one", 3, error, ERROR), MDL_OK);
    assert_int_equal(store.value_put(&store, "hint.2", NULL, 0, error, ERROR), MDL_OK);
    assert_int_equal(store.value_put(&store, "hint", (const uint8_t *)"three", 5, error, ERROR), MDL_OK);
    assert_int_equal(store.value_get(&store, "hint", &got, &size, error, ERROR), MDL_OK);
    assert_int_equal(size, 5);
    assert_string_equal((char *)got, "three");
    free(got);
    assert_int_equal(store.value_get(&store, "hint.2", &got, &size, error, ERROR), MDL_OK);
    assert_int_equal(size, 0);
    assert_non_null(got);
    free(got);
    assert_int_equal(store.value_put(&store, long_name + 1, large, MDL_STORE_VALUE_MAX, error, ERROR), MDL_OK);
    assert_int_equal(store.value_get(&store, long_name + 1, &got, &size, error, ERROR), MDL_OK);
    assert_int_equal(size, MDL_STORE_VALUE_MAX);
    assert_memory_equal(got, large, size);
    free(got);
    assert_int_equal(store.value_put(&store, "x", large, MDL_STORE_VALUE_MAX + 1, error, ERROR), MDL_ESIZE);
    static const char *const bad[] = {"", "A", "a b", "a/b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(store.value_put(&store, bad[i], large, 1, error, ERROR), MDL_ESYNTAX);
    }
    assert_int_equal(store.value_put(&store, long_name, large, 1, error, ERROR), MDL_ESYNTAX);
    free(large);
}

static void test_blobs(void **state) {
    (void)state;
    enum { BLOBS = 100, LARGEST = 200000 };
    static uint8_t bytes[LARGEST];
    uint8_t digest[BLOBS][MDL_DIGEST_BYTES], want[MDL_DIGEST_BYTES], *got;
    char error[ERROR];
    size_t size;
    for (size_t i = 0; i < BLOBS; i++) {
        size = i * i * 20;
        memset(bytes, (int)i, size);
        assert_int_equal(store.blob_put(&store, bytes, size, digest[i], error, ERROR), MDL_OK);
        mdl_digest_of(bytes, size, want);
        assert_memory_equal(digest[i], want, sizeof want);
        if (i % 10 == 0) {
            assert_int_equal(store.blob_put(&store, bytes, size, want, error, ERROR), MDL_OK); /* again */
        }
    }
    for (size_t i = 0; i < BLOBS; i++) {
        memset(bytes, (int)i, i * i * 20);
        assert_int_equal(store.blob_has(&store, digest[i], error, ERROR), MDL_OK);
        assert_int_equal(store.blob_get(&store, digest[i], i * i * 20, &got, &size, error, ERROR), MDL_OK);
        assert_int_equal(size, i * i * 20);
        assert_memory_equal(got, bytes, size);
        free(got);
    }
    assert_int_equal(store.blob_get(&store, digest[3], 179, &got, &size, error, ERROR), MDL_ESIZE);
    assert_null(got);
    memset(want, 0, sizeof want);
    assert_int_equal(store.blob_has(&store, want, error, ERROR), MDL_ENOENT);
    assert_int_equal(store.blob_get(&store, want, 1, &got, &size, error, ERROR), MDL_ENOENT);
    assert_null(got);
    if (on_disk) {
        char path[512], hex[MDL_DIGEST_HEX], name[128];
        mdl_hex(digest[3], MDL_DIGEST_BYTES, hex);
        snprintf(name, sizeof name, "a/ledger/blobs/%.2s/%s", hex, hex);
        int fd = open(in_directory(path, name), O_WRONLY);
        assert_int_equal(pwrite(fd, "x", 1, 100), 1);
        close(fd);
        assert_int_equal(store.blob_get(&store, digest[3], 180, &got, &size, error, ERROR), MDL_EDIGEST);
        assert_null(got);
        assert_non_null(strstr(error, hex));
        memset(bytes, 3, 180); /* putting it again mends it */
        assert_int_equal(store.blob_put(&store, bytes, 180, want, error, ERROR), MDL_OK);
        assert_int_equal(store.blob_get(&store, digest[3], 180, &got, &size, error, ERROR), MDL_OK);
        free(got);
    }
}

static void test_told_to_fail(void **state) {
    (void)state;
    char error[ERROR];
    uint8_t digest[MDL_DIGEST_BYTES];
    assert_int_equal(append_next(&store, &edge, 3, error), MDL_OK);
    mdl_store_memory_fail(&store, 3);
    assert_int_equal(append_next(&store, &edge, 3, error), MDL_EIO);
    assert_int_equal(store.value_put(&store, "a", NULL, 0, error, ERROR), MDL_EIO);
    assert_int_equal(store.blob_put(&store, NULL, 0, digest, error, ERROR), MDL_EIO);
    assert_int_equal(append_next(&store, &edge, 3, error), MDL_OK);
    assert_true(all_equal(&store, 6));
    assert_int_equal(store.backup(&store, directory, error, ERROR), MDL_EIO);
}

#define BOTH(test)                                                                                                     \
    {"memory: " #test, test, open_memory, close_store, NULL}, { "sqlite: " #test, test, open_disk, close_store, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_records),
        BOTH(test_limits),
        BOTH(test_wrong_checkpoint),
        BOTH(test_checkpoints),
        BOTH(test_nodes),
        BOTH(test_values),
        BOTH(test_blobs),
        cmocka_unit_test(test_notes),
        cmocka_unit_test_setup_teardown(test_told_to_fail, open_memory, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
