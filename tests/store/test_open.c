/* Opening: one writer, readers beside it, copies, and what is refused. */
#include "tests/store/support.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "store/head.h"
#include "tests/support/vectors.h"

static mdl_store store;
static mdl_merkle_edge edge;
static char path[512], error[ERROR];

static int open_store(void **state) {
    edge = (mdl_merkle_edge){0};
    return make_directory(state) || mdl_store_open(&store, in_directory(path, "ledger"), 0, error, sizeof error);
}

static int close_store(void **state) {
    mdl_store_close(&store);
    return remove_directory(state);
}

static mdl_err open_again(unsigned flags) {
    mdl_store_close(&store);
    return mdl_store_open(&store, path, flags, error, sizeof error);
}

/* Change the database behind the store's back. */
static void sql(const char *text) {
    char file[600];
    sqlite3 *db;
    snprintf(file, sizeof file, "%s/ledger.db", path);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_one_writer(void **state) {
    (void)state;
    mdl_store second;
    char want[64];
    int status;
    assert_int_equal(mdl_store_open(&second, path, 0, error, sizeof error), MDL_EIO);
    assert_null(second.close);
    snprintf(want, sizeof want, "is locked by process %ld", (long)getpid());
    assert_non_null(strstr(error, want));
    pid_t child = fork(); /* another process is refused too */
    if (child == 0) {
        _exit(mdl_store_open(&second, path, 0, error, sizeof error) == MDL_EIO ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(append_next(&store, &edge, 10, error), MDL_OK); /* the first is not disturbed */
    assert_int_equal(open_again(0), MDL_OK);
    assert_int_equal(store.count(&store), 10);
}

/* A reader sees the state it opened, whatever the writer does meanwhile; it changes nothing. */
static void test_reader(void **state) {
    (void)state;
    static char note[MDL_STORE_NOTE_MAX], newer[MDL_STORE_NOTE_MAX];
    mdl_store reader, later;
    size_t size, newer_size;
    uint8_t digest[MDL_DIGEST_BYTES], *bytes;
    for (size_t n = 0; n < 30; n++) {
        assert_int_equal(append_next(&store, &edge, 20, error), MDL_OK);
    }
    assert_int_equal(store.blob_put(&store, (const uint8_t *)"blob", 4, digest, error, ERROR), MDL_OK);
    for (unsigned quick = 0; quick <= MDL_STORE_QUICK; quick += MDL_STORE_QUICK) {
        uint64_t count = edge.size;
        mdl_hash got;
        assert_int_equal(mdl_store_open(&reader, path, MDL_STORE_READ | quick, error, sizeof error), MDL_OK);
        assert_int_equal(reader.checkpoint(&reader, note, &size, error, ERROR), MDL_OK);
        for (size_t n = 0; n < 30; n++) {
            assert_int_equal(append_next(&store, &edge, 20, error), MDL_OK);
        }
        assert_int_equal(reader.count(&reader), count);
        assert_true(all_equal(&reader, count));
        assert_int_equal(reader.node(&reader, 0, count, &got, error, ERROR), MDL_ERANGE);
        assert_int_equal(reader.node(&reader, 8, 1, &got, error, ERROR), MDL_OK);
        assert_int_equal(reader.checkpoint(&reader, newer, &newer_size, error, ERROR), MDL_OK);
        assert_true(size == newer_size && memcmp(note, newer, size) == 0);
        assert_int_equal(reader.blob_get(&reader, digest, 4, &bytes, &size, error, ERROR), MDL_OK);
        free(bytes);
        assert_int_equal(mdl_store_open(&later, path, MDL_STORE_READ | quick, error, sizeof error), MDL_OK);
        assert_int_equal(later.count(&later), edge.size);
        mdl_merkle_edge same = edge;
        assert_int_equal(append_next(&later, &same, 1, error), MDL_EIO);
        assert_non_null(strstr(error, "reading only"));
        assert_int_equal(later.value_put(&later, "a", NULL, 0, error, ERROR), MDL_EIO);
        assert_int_equal(later.blob_put(&later, NULL, 0, digest + 0, error, ERROR), MDL_EIO);
        mdl_store_close(&later);
        mdl_store_close(&reader);
    }
    char missing[600];
    snprintf(missing, sizeof missing, "%s/none", directory);
    assert_int_equal(mdl_store_open(&later, missing, MDL_STORE_READ, error, sizeof error), MDL_ENOENT);
    assert_int_equal(access(missing, F_OK), -1);
}

static void test_backup(void **state) {
    (void)state;
    char copy[600], part[700];
    uint8_t digest[2][MDL_DIGEST_BYTES], *bytes;
    size_t size;
    mdl_store restored;
    snprintf(copy, sizeof copy, "%s/copy", directory);
    assert_int_equal(append_next(&store, &edge, 300, error), MDL_OK);
    assert_int_equal(store.blob_put(&store, (const uint8_t *)"first", 5, digest[0], error, ERROR), MDL_OK);
    assert_int_equal(store.value_put(&store, "hint", (const uint8_t *)"x", 1, error, ERROR), MDL_OK);
    assert_int_equal(store.backup(&store, copy, error, sizeof error), MDL_OK);
    assert_int_equal(store.backup(&store, copy, error, sizeof error), MDL_EMISMATCH);
    mdl_merkle_edge then = edge;
    assert_int_equal(append_next(&store, &edge, 50, error), MDL_OK);
    assert_int_equal(store.blob_put(&store, (const uint8_t *)"second", 6, digest[1], error, ERROR), MDL_OK);
    assert_int_equal(mdl_store_open(&restored, copy, 0, error, sizeof error), MDL_OK);
    assert_int_equal(restored.count(&restored), 300);
    assert_true(all_equal(&restored, 300));
    assert_int_equal(restored.blob_get(&restored, digest[0], 5, &bytes, &size, error, ERROR), MDL_OK);
    free(bytes);
    assert_int_equal(restored.blob_has(&restored, digest[1], error, ERROR), MDL_ENOENT);
    assert_int_equal(restored.value_get(&restored, "hint", &bytes, &size, error, ERROR), MDL_OK);
    free(bytes);
    assert_int_equal(append_next(&restored, &then, 9, error), MDL_OK); /* it goes on */
    mdl_store_close(&restored);
    /* Broken off: all but the last step. */
    snprintf(part, sizeof part, "%s/ledger.db", copy);
    assert_int_equal(unlink(part), 0);
    assert_int_equal(mdl_store_open(&restored, copy, 0, error, sizeof error), MDL_EMISMATCH);
    assert_non_null(strstr(error, "is missing or empty"));
    /* A damaged blob makes no copy. */
    char hex[MDL_DIGEST_HEX], blob[900];
    mdl_hex(digest[1], MDL_DIGEST_BYTES, hex);
    snprintf(blob, sizeof blob, "%s/blobs/%.2s/%s", path, hex, hex);
    int fd = open(blob, O_WRONLY | O_TRUNC);
    close(fd);
    snprintf(copy, sizeof copy, "%s/copy2", directory);
    assert_int_equal(store.backup(&store, copy, error, sizeof error), MDL_EDIGEST);
    assert_int_equal(mdl_store_open(&restored, copy, 0, error, sizeof error), MDL_EMISMATCH);
}

/* Each a change that SQLite itself finds nothing wrong with. `quick`: seen without reading all records. */
static void test_tampered(void **state) {
    (void)state;
    static const struct {
        const char *text, *sentence;
        mdl_err want;
        int quick;
    } cases[] = {
        {"DELETE FROM record WHERE idx = 699", "records end before the checkpoint of size 700", MDL_EMISMATCH, 1},
        {"DELETE FROM record WHERE idx = 300", "missing is record 300", MDL_EMISMATCH, 0},
        {"UPDATE record SET idx = 9999 WHERE idx = 0", "missing is record 0", MDL_EMISMATCH, 1},
        {"UPDATE record SET bytes = x'00' WHERE idx = 12", "leaf hash is not that of record 12", MDL_EDIGEST, 0},
        {"UPDATE record SET bytes = zeroblob(70000) WHERE idx = 12", "leaf hash", MDL_EDIGEST, 0},
        {"UPDATE record SET bytes = 'text' WHERE idx = 12", "leaf hash", MDL_EDIGEST, 0},
        {"UPDATE record SET leaf = (SELECT leaf FROM record WHERE idx = 3),"
         " bytes = (SELECT bytes FROM record WHERE idx = 3) WHERE idx = 4",
         "root of the checkpoint of size 200", MDL_EMISMATCH, 0},
        {"UPDATE record SET leaf = zeroblob(32) WHERE idx = 699", "leaf hash is not that of record 699", MDL_EDIGEST,
         1},
        {"DELETE FROM node WHERE idx = 1", "subtree", MDL_EDIGEST, 1},
        {"UPDATE node SET hash = zeroblob(32) WHERE idx = 0", "subtree", MDL_EDIGEST, 1},
        {"INSERT INTO node VALUES(8, 7, zeroblob(32))", "subtree hashes", MDL_EMISMATCH, 0},
        {"DELETE FROM checkpoint WHERE size = 700", "no checkpoint covers record 699", MDL_EMISMATCH, 1},
        {"UPDATE checkpoint SET size = 199 WHERE size = 200", "no good checkpoint", MDL_EMISMATCH, 0},
        {"UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 200) WHERE size = 700",
         "no good checkpoint is stored for size 700", MDL_EMISMATCH, 1},
        {"UPDATE checkpoint SET note = replace(cast(note AS text), 'a', 'b') WHERE size = 200", "no good checkpoint",
         MDL_EMISMATCH, 0},
        /* The end cut off, cleanly, at an earlier checkpoint: only ledger.head knows. */
        {"DELETE FROM record WHERE idx >= 200; DELETE FROM checkpoint WHERE size > 200; DELETE FROM node",
         "700 were acknowledged: the end is missing", MDL_EMISMATCH, 1},
        {"CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM record WHERE idx = 1; END", "is not a ledger",
         MDL_EMAGIC, 1},
        {"ALTER TABLE record RENAME TO other; CREATE VIEW record AS SELECT * FROM other", "is not a ledger", MDL_EMAGIC,
         1},
        {"PRAGMA user_version = 2", "another version", MDL_EMAGIC, 1},
        {"PRAGMA application_id = 2", "is not a ledger", MDL_EMAGIC, 1},
    };
    char original[600];
    snprintf(original, sizeof original, "%s/original", directory);
    assert_int_equal(append_next(&store, &edge, 200, error), MDL_OK);
    assert_int_equal(append_next(&store, &edge, 500, error), MDL_OK);
    assert_int_equal(store.backup(&store, original, error, sizeof error), MDL_OK);
    mdl_store_close(&store);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char from[700], to[700];
        snprintf(from, sizeof from, "%s/ledger.db", original);
        snprintf(to, sizeof to, "%s/ledger.db", path);
        copy_file(from, to);
        snprintf(to, sizeof to, "%s/ledger.db-wal", path);
        remove(to);
        snprintf(to, sizeof to, "%s/ledger.db-shm", path);
        remove(to);
        assert_int_equal(open_again(0), MDL_OK);
        mdl_store_close(&store);
        sql(cases[i].text);
        for (int reading = 0; reading < 2; reading++) {
            mdl_err e = open_again(reading ? MDL_STORE_READ : 0);
            if (e != cases[i].want || !strstr(error, cases[i].sentence)) {
                fail_msg("%s: %s: %s", cases[i].text, mdl_strerror((int)e), error);
            }
            assert_non_null(strstr(error, path));
        }
        if ((open_again(MDL_STORE_QUICK) != MDL_OK) != cases[i].quick) {
            fail_msg("quick, %s: %s", cases[i].text, error);
        }
        mdl_store_close(&store);
    }
}

/* A record damaged under a quick check is refused when it is read, and the others are not. */
static void test_quick(void **state) {
    (void)state;
    static uint8_t bytes[MDL_STORE_RECORD_MAX];
    size_t size;
    assert_int_equal(append_next(&store, &edge, 50, error), MDL_OK);
    mdl_store_close(&store);
    sql("UPDATE record SET bytes = x'01' WHERE idx = 20");
    assert_int_equal(open_again(MDL_STORE_QUICK), MDL_OK);
    assert_int_equal(store.read(&store, 20, bytes, &size, error, ERROR), MDL_EDIGEST);
    assert_non_null(strstr(error, "record 20 "));
    assert_int_equal(store.read(&store, 21, bytes, &size, error, ERROR), MDL_OK);
    assert_false(all_equal(&store, 50));
    assert_int_equal(append_next(&store, &edge, 5, error), MDL_OK);
}

static void test_head(void **state) {
    (void)state;
    char head[600];
    snprintf(head, sizeof head, "%s/ledger.head", path);
    assert_int_equal(append_next(&store, &edge, 50, error), MDL_OK);
    mdl_store_close(&store);
    assert_int_equal(unlink(head), 0);
    assert_int_equal(open_again(0), MDL_EMISMATCH);
    assert_non_null(strstr(error, "nobody can tell"));
    assert_int_equal(access(head, F_OK), -1);
    assert_int_equal(open_again(MDL_STORE_READ | MDL_STORE_REHEAD), MDL_OK);
    assert_int_equal(access(head, F_OK), -1); /* a reader writes nothing */
    assert_int_equal(open_again(MDL_STORE_REHEAD), MDL_OK);
    assert_int_equal(open_again(0), MDL_OK);
    mdl_store_close(&store);
    int fd = open(head, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    assert_int_equal(open_again(0), MDL_EDIGEST);
    assert_int_equal(open_again(MDL_STORE_REHEAD), MDL_OK);
    assert_int_equal(append_next(&store, &edge, 5, error), MDL_OK);
    assert_int_equal(open_again(0), MDL_OK);
    /* Another ledger's head of the same size. */
    char other[600], other_head[700], note[NOTE];
    mdl_store s;
    mdl_hash leaf;
    mdl_merkle_edge one = {0};
    mdl_store_record record = {(const uint8_t *)"else", 4, NULL};
    snprintf(other, sizeof other, "%s/other", directory);
    snprintf(other_head, sizeof other_head, "%s/ledger.head", other);
    assert_int_equal(mdl_store_open(&s, other, 0, error, sizeof error), MDL_OK);
    mdl_merkle_leaf(record.bytes, record.size, &leaf);
    for (int i = 0; i < 2; i++) { /* both entries */
        mdl_merkle_append(&one, &leaf, 1, NULL, NULL);
        assert_int_equal(s.append(&s, &record, 1, note, note_make(note, &one, ""), error, ERROR), MDL_OK);
    }
    mdl_store_close(&s);
    mdl_store_close(&store);
    copy_file(other_head, head);
    assert_int_equal(open_again(0), MDL_EMISMATCH);
    assert_non_null(strstr(error, "do not belong together"));
    assert_int_equal(open_again(MDL_STORE_QUICK), MDL_EMISMATCH);
}

/* Things that are no store, and creation broken off at each of its steps. */
static void test_not_a_store(void **state) {
    (void)state;
    char other[600], file[700];
    mdl_store s;
    snprintf(other, sizeof other, "%s/other", directory);
    snprintf(file, sizeof file, "%s/ledger.db", other);
    assert_int_equal(mdl_store_open(&s, "", 0, error, sizeof error), MDL_ESIZE);
    char *long_path = malloc(5000);
    memset(long_path, 'p', 5000);
    long_path[4999] = '\0';
    assert_int_equal(mdl_store_open(&s, long_path, 0, error, sizeof error), MDL_ESIZE);
    free(long_path);
    assert_int_equal(mdl_store_open(&s, "/dev/null/x", 0, error, sizeof error), MDL_EIO);
    /* The head is made first, then the file, then its tables. */
    assert_int_equal(mdl_store_open(&s, other, 0, error, sizeof error), MDL_OK);
    mdl_store_close(&s);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mdl_store_open(&s, other, MDL_STORE_READ, error, sizeof error), MDL_ENOENT);
    int fd = open(file, O_WRONLY | O_CREAT, 0666);
    close(fd);
    assert_int_equal(mdl_store_open(&s, other, 0, error, sizeof error), MDL_OK);
    assert_int_equal(s.count(&s), 0);
    mdl_store_close(&s);
    fd = open(file, O_WRONLY | O_TRUNC);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(write(fd, "not a database. ", 16), 16);
    }
    close(fd);
    assert_int_equal(mdl_store_open(&s, other, 0, error, sizeof error), MDL_EMAGIC);
    assert_int_equal(mdl_store_open(&s, other, MDL_STORE_READ, error, sizeof error), MDL_EMAGIC);
}

/* A directory that cannot be written, after a clean end: read without a trace. */
static void test_frozen(void **state) {
    (void)state;
    char odd[600];
    int status;
    mdl_store s;
    snprintf(odd, sizeof odd, "%s/100%% odd?#", directory);
    assert_int_equal(append_next(&store, &edge, 20, error), MDL_OK);
    assert_int_equal(store.backup(&store, odd, error, sizeof error), MDL_OK);
    assert_int_equal(chmod(directory, 0755), 0);
    assert_int_equal(chmod(odd, 0555), 0);
    pid_t child = fork();
    if (child == 0) { /* root could write it all the same */
        if (geteuid() == 0 && setuid(65534) != 0) {
            _exit(77);
        }
        if (access(odd, R_OK | X_OK) != 0) {
            _exit(77); /* a folder above lets nobody else in */
        }
        mdl_err e = mdl_store_open(&s, odd, MDL_STORE_READ, error, sizeof error);
        if (e != MDL_OK) {
            fprintf(stderr, "%s\n", error);
        }
        _exit(e == MDL_OK && s.count(&s) == 20 && all_equal(&s, 20) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    chmod(odd, 0755);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
    char shm[700];
    snprintf(shm, sizeof shm, "%s/ledger.db-shm", odd);
    assert_int_equal(access(shm, F_OK), -1);
}

/* The document's entries are what is written, and each is read from either place. */
static void head_case(void *ctx, size_t count, char **field) {
    char name[600];
    uint8_t want[80], file[8192] = {0}, got[4096 + 80];
    mdl_hash root;
    mdl_head h;
    uint64_t size = vectors_u64(field[0]);
    (void)ctx;
    assert_int_equal(count, 3);
    vectors_hex(field[1], root.bytes, sizeof root.bytes);
    vectors_hex(field[2], want, sizeof want);
    snprintf(name, sizeof name, "%s/head", directory);
    assert_int_equal(mdl_head_make(name, size, &root, error, sizeof error), MDL_OK);
    int fd = open(name, O_RDONLY);
    assert_int_equal(read(fd, file, sizeof file), sizeof got);
    close(fd);
    assert_memory_equal(file, want, sizeof want);
    assert_memory_equal(file + 4096, want, sizeof want);
    for (size_t at = 0; at <= 4096; at += 4096) {
        for (size_t byte = 0; byte <= sizeof want; byte++) { /* the last time unchanged */
            memset(got, 0, sizeof got);
            memcpy(got + at, want, sizeof want);
            got[at + (byte < sizeof want ? byte : 0)] ^= byte < sizeof want ? 1 : 0;
            fd = open(name, O_WRONLY | O_TRUNC);
            assert_int_equal(write(fd, got, sizeof got), sizeof got);
            close(fd);
            assert_int_equal(mdl_head_read(&h, name, error, sizeof error), byte < sizeof want ? MDL_EDIGEST : MDL_OK);
        }
        assert_true(h.size == size && mdl_hash_equal(&h.root, &root));
    }
}

static void test_head_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("store-head", head_case, NULL), 3);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_one_writer), CASE(test_reader),      CASE(test_backup), CASE(test_tampered),     CASE(test_quick),
        CASE(test_head),       CASE(test_not_a_store), CASE(test_frozen), CASE(test_head_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
