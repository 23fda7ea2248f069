/* What is acknowledged stays: kill -9 at random instants, a full disk, and files
 * cut or garbled at many places. */
#include "tests/store/support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

static int long_run(void) {
    const char *nightly = getenv("MODULON_NIGHTLY");
    return nightly && nightly[0] == '1';
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- kill -9 ---- */

/* The blob that the batch which ends at `count` leans on. */
static void blob_of(uint64_t count, uint64_t out[64]) {
    for (uint64_t i = 0; i < 64; i++) {
        out[i] = count * 64 + i;
    }
}

/* The victim: append for ever, and say after each acknowledgement how much there is. */
static void append_for_ever(const char *dir, uint64_t seed, int to) {
    char error[ERROR];
    mdl_store s;
    mdl_merkle_edge edge;
    mdl_err e = mdl_store_open(&s, dir, 0, error, sizeof error);
    if (e == MDL_OK) {
        mdl_merkle_lookup lookup = mdl_store_lookup(&s);
        e = mdl_merkle_edge_load(s.count(&s), &lookup, &edge);
    }
    while (e == MDL_OK) {
        size_t n = 1 + next_random(&seed) % 8;
        uint64_t count = edge.size + n, blob[64];
        uint8_t digest[MDL_DIGEST_BYTES];
        blob_of(count, blob);
        if (next_random(&seed) % 4 == 0) {
            e = s.blob_put(&s, (const uint8_t *)blob, sizeof blob, digest, error, sizeof error);
            count |= e == MDL_OK ? UINT64_C(1) << 63 : 0;
        }
        e = e == MDL_OK ? append_next(&s, &edge, n, error) : e;
        if (e == MDL_OK && write(to, &count, sizeof count) != (ssize_t)sizeof count) {
            _exit(3);
        }
    }
    fprintf(stderr, "%s\n", error);
    _exit(4);
}

/* Everything acknowledged so far, by its words. Returns the last count. */
static uint64_t read_words(int from, mdl_store *s, char *error) {
    uint64_t word, last = 0;
    while (read(from, &word, sizeof word) == (ssize_t)sizeof word) {
        last = word & ~(UINT64_C(1) << 63);
        if (word != last) {
            uint64_t blob[64], *got;
            uint8_t digest[MDL_DIGEST_BYTES], *bytes;
            size_t size;
            blob_of(last, blob);
            mdl_digest_of(blob, sizeof blob, digest);
            assert_int_equal(s->blob_get(s, digest, sizeof blob, &bytes, &size, error, ERROR), MDL_OK);
            got = (uint64_t *)(void *)bytes;
            assert_int_equal(size, sizeof blob);
            assert_memory_equal(got, blob, size);
            free(bytes);
        }
    }
    return last;
}

static void test_kill(void **state) {
    (void)state;
    char path[512], error[ERROR];
    uint64_t seed = 20260101, acknowledged = 0, kills = long_run() ? 400 : 60, in_doubt = 0, found = 0;
    double end = now_s() + (long_run() ? 600 : 18);
    in_directory(path, "ledger");
    for (uint64_t round = 0; round < kills; round++) {
        int ends[2], status;
        mdl_store s;
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            append_for_ever(path, seed + round, ends[1]);
        }
        close(ends[1]);
        if (next_random(&seed) % 5 != 0) { /* else while it opens */
            struct pollfd first = {.fd = ends[0], .events = POLLIN};
            assert_int_equal(poll(&first, 1, 10000), 1);
        }
        long wait_ns = (long)(next_random(&seed) % 60000000);
        nanosleep(&(struct timespec){.tv_nsec = wait_ns}, NULL);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* and did not give up by itself */
        /* A reader leaves the log as the victim left it, to be recovered again by the next. */
        unsigned flags = round > 0 && round % 3 != 0 && found > 0 ? MDL_STORE_READ : 0;
        mdl_err e = mdl_store_open(&s, path, flags, error, sizeof error);
        if (e != MDL_OK) {
            fail_msg("kill %" PRIu64 ": %s", round, error);
        }
        uint64_t last = read_words(ends[0], &s, error);
        close(ends[0]);
        acknowledged = last > acknowledged ? last : acknowledged;
        found = s.count(&s);
        in_doubt += found > acknowledged;
        assert_true(found >= acknowledged);
        assert_true(all_equal(&s, found));
        acknowledged = found; /* whoever reads it next may rely on it */
        mdl_store_close(&s);
        if (now_s() > end && round >= 50) {
            kills = round + 1;
        }
    }
    print_message("%" PRIu64 " kills, %" PRIu64 " records, %" PRIu64 " batches durable but not yet acknowledged\n",
                  kills, found, in_doubt);
    assert_true(kills >= 50);
    assert_true(found > 100);
}

/* ---- a full disk ---- */

/* Append till it fails, see that nothing acknowledged is gone, and return with `s` open. */
static void fill(mdl_store *s, mdl_merkle_edge *edge, char *error) {
    mdl_err e;
    uint64_t seed = edge->size;
    do {
        error[0] = '\0';
        e = append_next(s, edge, 1 + next_random(&seed) % 20, error);
    } while (e == MDL_OK && edge->size < 100000);
    assert_int_equal(e, MDL_EIO);
    assert_non_null(strstr(error, "ledger.db"));
    assert_int_equal(s->count(s), edge->size);
    assert_true(all_equal(s, edge->size));
    assert_int_equal(append_next(s, edge, 900, error), MDL_EIO); /* still */
    assert_true(all_equal(s, edge->size));
}

static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_file_limit(void **state) {
    (void)state;
    char path[512], name[512], error[ERROR];
    struct rlimit old;
    struct stat status;
    uint64_t seed = 7;
    mdl_store s;
    mdl_merkle_edge edge = {0};
    void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(mdl_store_open(&s, in_directory(path, "ledger"), 0, error, sizeof error), MDL_OK);
    for (int round = 0; round < 12; round++) {
        assert_int_equal(append_next(&s, &edge, 1, error), MDL_OK);
        assert_int_equal(stat(in_directory(name, "ledger/ledger.db-wal"), &status), 0);
        limit_files((rlim_t)status.st_size + next_random(&seed) % 100000);
        fill(&s, &edge, error);
        limit_files(4096);
        static uint8_t large[100000];
        uint8_t digest[MDL_DIGEST_BYTES];
        memset(large, round, sizeof large);
        assert_int_equal(s.blob_put(&s, large, sizeof large, digest, error, sizeof error), MDL_EIO);
        assert_int_equal(s.blob_has(&s, digest, error, sizeof error), MDL_ENOENT);
        limit_files(old.rlim_cur);
        if (round % 3 == 0) { /* sometimes the process ends before there is room */
            mdl_store_close(&s);
            assert_int_equal(mdl_store_open(&s, path, 0, error, sizeof error), MDL_OK);
        }
        assert_int_equal(s.blob_put(&s, large, sizeof large, digest, error, sizeof error), MDL_OK);
        assert_int_equal(append_next(&s, &edge, 30, error), MDL_OK);
    }
    mdl_store_close(&s);
    signal(SIGXFSZ, old_handler);
    assert_int_equal(mdl_store_open(&s, path, 0, error, sizeof error), MDL_OK);
    assert_int_equal(s.count(&s), edge.size);
    assert_true(all_equal(&s, edge.size));
    mdl_store_close(&s);
}

/* In a file system of 2 MB, which the shell below mounted at `directory` for this process alone. */
static void test_full_disk(void **state) {
    (void)state;
    char path[512], ballast[512], error[ERROR], command[600];
    static uint8_t zeros[700000];
    mdl_store s;
    mdl_merkle_edge edge = {0};
    int fd = open(in_directory(ballast, "ballast"), O_WRONLY | O_CREAT, 0666);
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    close(fd);
    assert_int_equal(mdl_store_open(&s, in_directory(path, "ledger"), 0, error, sizeof error), MDL_OK);
    fill(&s, &edge, error);
    assert_non_null(strstr(error, "full"));
    assert_int_equal(unlink(ballast), 0);
    assert_int_equal(append_next(&s, &edge, 20, error), MDL_OK);
    /* Full again, and now the process ends: there is not even room to move the log into the database. */
    fill(&s, &edge, error);
    mdl_store_close(&s);
    mdl_err e = mdl_store_open(&s, path, 0, error, sizeof error);
    if (e == MDL_OK) {
        assert_int_equal(s.count(&s), edge.size);
        assert_true(all_equal(&s, edge.size));
        mdl_store_close(&s);
    } else {
        assert_int_equal(e, MDL_EIO);
        assert_non_null(strstr(error, "ledger."));
    }
    snprintf(command, sizeof command, "mount -o remount,size=16m '%s'", directory);
    assert_int_equal(system(command), 0);
    assert_int_equal(mdl_store_open(&s, path, 0, error, sizeof error), MDL_OK);
    assert_int_equal(s.count(&s), edge.size);
    assert_int_equal(append_next(&s, &edge, 500, error), MDL_OK);
    assert_true(all_equal(&s, edge.size));
    mdl_store_close(&s);
}

static int given_directory(void **state) {
    (void)state;
    return 0;
}

static const char *program;

static void test_small_tmpfs(void **state) {
    (void)state;
    char command[2048];
    if (geteuid() != 0 || system("unshare -m true 2>/dev/null") != 0) {
        skip(); /* only root may mount */
    }
    snprintf(
        command, sizeof command,
        "exec unshare -m sh -c 'mount -t tmpfs -o size=2m none \"$1\" || exit 77; exec \"$0\" --full \"$1\"' '%s' '%s'",
        program, directory);
    int status = system(command);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, 0);
}

/* ---- a sync that fails ---- */

static int sync_fails;
static uint64_t syncs;

/* Stands before libc's for the SQLite library that this program is linked with. */
int fdatasync(int fd) {
    syncs++;
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return fsync(fd);
}

/* Once a sync has failed, a later one that succeeds says nothing about the earlier
 * bytes: no more appends until the store is opened, and so checked, anew. */
static void test_failed_sync(void **state) {
    (void)state;
    char path[512], error[ERROR];
    mdl_store s;
    mdl_merkle_edge edge = {0}, unsure;
    assert_int_equal(mdl_store_open(&s, in_directory(path, "ledger"), 0, error, sizeof error), MDL_OK);
    syncs = 0;
    assert_int_equal(append_next(&s, &edge, 30, error), MDL_OK);
    if (syncs == 0) { /* this SQLite calls something else */
        mdl_store_close(&s);
        skip();
    }
    assert_int_equal(syncs, 1); /* one for a batch, after the log's first */
    assert_int_equal(append_next(&s, &edge, 30, error), MDL_OK);
    assert_int_equal(syncs, 2);
    sync_fails = 1;
    unsure = edge;
    assert_int_equal(append_next(&s, &unsure, 3, error), MDL_EIO);
    assert_non_null(strstr(error, "disk I/O error"));
    sync_fails = 0;
    assert_int_equal(append_next(&s, &unsure, 3, error), MDL_EIO);
    assert_non_null(strstr(error, "open the store again"));
    assert_int_equal(s.value_put(&s, "a", NULL, 0, error, sizeof error), MDL_EIO);
    assert_int_equal(s.count(&s), 60);
    assert_true(all_equal(&s, 60));
    mdl_store_close(&s);
    assert_int_equal(mdl_store_open(&s, path, 0, error, sizeof error), MDL_OK);
    assert_true(s.count(&s) == 60 || s.count(&s) == 63); /* nobody was told */
    edge_make(&edge, s.count(&s));
    assert_int_equal(append_next(&s, &edge, 3, error), MDL_OK);
    assert_true(all_equal(&s, edge.size));
    mdl_store_close(&s);
}

/* ---- damaged files ---- */

typedef struct outcome {
    int whole, refused;
} outcome;

static const char *const parts[] = {"ledger.db", "ledger.db-wal", "ledger.head"};

/* Copy the files of a store that is open, as a crash would leave them. */
static void copy_store(const char *from, const char *to) {
    char source[600], target[600];
    for (size_t i = 0; i < 3; i++) {
        snprintf(source, sizeof source, "%s/%s", from, parts[i]);
        snprintf(target, sizeof target, "%s/%s", to, parts[i]);
        copy_file(source, target);
    }
    snprintf(target, sizeof target, "%s/ledger.db-shm", to);
    remove(target);
}

/* Open the damaged copy: everything acknowledged is there, or a sentence says why not and the files stay. */
static void judge(const char *victim, const char *part, unsigned flags, const mdl_merkle_edge *edge, outcome *seen) {
    char error[ERROR] = "", path[600];
    struct stat before, after;
    mdl_store s;
    snprintf(path, sizeof path, "%s/%s", victim, part);
    assert_int_equal(stat(path, &before), 0);
    if (mdl_store_open(&s, victim, flags, error, sizeof error) != MDL_OK) {
        assert_null(s.close);
        assert_non_null(strstr(error, "ledger."));
        assert_int_equal(stat(path, &after), 0);
        assert_true(before.st_size == after.st_size && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
        seen->refused++;
        return;
    }
    if (s.count(&s) != edge->size) {
        fail_msg("%s: opened with %" PRIu64 " of %" PRIu64 " records", part, s.count(&s), edge->size);
    }
    if (all_equal(&s, edge->size)) {
        seen->whole++;
    } else {
        assert_true(flags & MDL_STORE_QUICK); /* found when read */
        seen->refused++;
    }
    mdl_store_close(&s);
}

/* Cut and garble each file of the store in `from`, at `times` places each. */
static void damage(const char *from, unsigned flags, const mdl_merkle_edge *edge, int times, outcome seen[3][2]) {
    char victim[512], path[600];
    uint64_t seed = 99;
    in_directory(victim, "victim");
    for (size_t part = 0; part < 3; part++) {
        for (int i = 0; i < 2 * times; i++) {
            struct stat status;
            int cut = i % 2;
            uint8_t bytes[512];
            copy_store(from, victim);
            snprintf(path, sizeof path, "%s/%s", victim, parts[part]);
            int fd = open(path, O_RDWR);
            assert_true(fd >= 0 && fstat(fd, &status) == 0);
            off_t at = status.st_size > 0 ? (off_t)(next_random(&seed) % (uint64_t)status.st_size) : 0;
            if (cut) {
                at = i % 4 == 1 ? at & ~(off_t)511 : at;
                assert_int_equal(ftruncate(fd, at), 0);
            } else {
                size_t n = i % 8 < 4 ? 1 : 512; /* one byte, or a torn sector */
                for (size_t k = 0; k < n; k++) {
                    bytes[k] = (uint8_t)next_random(&seed);
                }
                at = n > 1 ? at & ~(off_t)511 : at;
                n = (off_t)n > status.st_size - at ? (size_t)(status.st_size - at) : n;
                assert_int_equal(pwrite(fd, bytes, n, at), n);
            }
            close(fd);
            judge(victim, parts[part], flags, edge, &seen[part][cut]);
        }
    }
}

static void test_damage(void **state) {
    (void)state;
    char path[512], victim[512], error[ERROR];
    mdl_store s;
    mdl_merkle_edge edge = {0};
    int times = long_run() ? 3000 : 60;
    assert_int_equal(mkdir(in_directory(victim, "victim"), 0777), 0);
    assert_int_equal(mdl_store_open(&s, in_directory(path, "ledger"), 0, error, sizeof error), MDL_OK);
    for (int stage = 0; stage < 2; stage++) {
        outcome seen[3][2] = {0};
        for (size_t i = 0; i < 12; i++) {
            assert_int_equal(append_next(&s, &edge, 1 + i * 3, error), MDL_OK);
        }
        copy_store(path, victim); /* undamaged, it opens */
        outcome whole = {0};
        judge(victim, parts[0], 0, &edge, &whole);
        assert_int_equal(whole.whole, 1);
        damage(path, stage == 0 ? 0 : MDL_STORE_READ, &edge, times, seen);
        damage(path, MDL_STORE_READ | MDL_STORE_QUICK, &edge, times, seen);
        for (size_t part = 0; part < 3; part++) {
            print_message("stage %d, %s: cut %d refused, %d whole; garbled %d refused, %d whole\n", stage, parts[part],
                          seen[part][1].refused, seen[part][1].whole, seen[part][0].refused, seen[part][0].whole);
        }
        assert_true(seen[1][1].refused > times && seen[1][0].refused > times); /* the log */
        if (stage == 1) {
            assert_true(seen[0][1].refused > times && seen[0][0].refused > 0); /* the database */
        }
        assert_true(seen[2][0].whole > times); /* either entry of the head is enough */
        mdl_store_close(&s);                   /* from the log into the database */
        assert_int_equal(mdl_store_open(&s, path, 0, error, sizeof error), MDL_OK);
        assert_int_equal(s.count(&s), edge.size);
    }
    mdl_store_close(&s);
}

int main(int argc, char **argv) {
    program = argv[0];
    if (argc == 3 && strcmp(argv[1], "--full") == 0) {
        const struct CMUnitTest inside[] = {cmocka_unit_test_setup(test_full_disk, given_directory)};
        snprintf(directory, sizeof directory, "%s", argv[2]);
        return cmocka_run_group_tests(inside, NULL, NULL);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kill, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_file_limit, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_failed_sync, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_small_tmpfs, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_damage, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
