#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/file.h"

/* A new directory for one test; `path` gets DIR/NAME. */
static char directory[256];

static const char *in_directory(char *path, const char *name) {
    snprintf(path, 512, "%s/%s", directory, name);
    return path;
}

static int make_directory(void **state) {
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-test-XXXXXX", root && root[0] ? root : ".");
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    static const char *const names[] = {"file", "file.tmp", "fifo", "sub/deep/er/x", "sub/deep/er", "sub/deep", "sub"};
    char path[512];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        remove(in_directory(path, names[i]));
    }
    return rmdir(directory);
}

static void test_write_and_read(void **state) {
    (void)state;
    char path[512], temporary[512], error[256] = "";
    uint8_t *bytes;
    size_t size;
    static uint8_t data[100000];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * i >> 3);
    }
    static const size_t sizes[] = {0, 1, 4096, 65536, sizeof data, 17};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(mdl_file_write(in_directory(path, "file"), data, sizes[i], error, sizeof error), MDL_OK);
        assert_int_equal(access(in_directory(temporary, "file.tmp"), F_OK), -1);
        assert_int_equal(mdl_file_read(path, sizeof data, &bytes, &size, error, sizeof error), MDL_OK);
        assert_int_equal(size, sizes[i]);
        assert_memory_equal(bytes, data, size);
        assert_int_equal(bytes[size], 0);
        free(bytes);
        assert_int_equal(mdl_file_read(path, sizes[i], &bytes, &size, error, sizeof error), MDL_OK);
        free(bytes);
        if (sizes[i] > 0) {
            assert_int_equal(mdl_file_read(path, sizes[i] - 1, &bytes, &size, error, sizeof error), MDL_ESIZE);
            assert_null(bytes);
            assert_non_null(strstr(error, path));
        }
    }
    assert_string_equal(error + strlen(path), " holds 17 bytes, more than the 16 allowed");
}

/* What a killed writer left behind is no obstacle; neither it nor a failed write touches the old bytes. */
static void test_left_over(void **state) {
    (void)state;
    char path[512], temporary[512], error[256];
    uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_file_write(in_directory(path, "file"), "old", 3, error, sizeof error), MDL_OK);
    FILE *f = fopen(in_directory(temporary, "file.tmp"), "w");
    assert_non_null(f);
    assert_true(fputs("half of the new one, longer than it", f) >= 0);
    fclose(f);
    assert_int_equal(mdl_file_read(path, 10, &bytes, &size, error, sizeof error), MDL_OK);
    assert_string_equal((char *)bytes, "old");
    free(bytes);
    assert_int_equal(mdl_file_write(path, "new", 3, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_file_read(path, 10, &bytes, &size, error, sizeof error), MDL_OK);
    assert_string_equal((char *)bytes, "new");
    free(bytes);
    assert_int_equal(mkdir(temporary, 0777), 0); /* the temporary file cannot be made */
    assert_int_equal(mdl_file_write(path, "newer", 5, error, sizeof error), MDL_EIO);
    assert_non_null(strstr(error, "Is a directory"));
    assert_int_equal(mdl_file_read(path, 10, &bytes, &size, error, sizeof error), MDL_OK);
    assert_string_equal((char *)bytes, "new");
    free(bytes);
}

static void test_refusals(void **state) {
    (void)state;
    char path[512], error[600], sentence[600];
    uint8_t *bytes;
    size_t size;
    in_directory(path, "absent");
    assert_int_equal(mdl_file_read(path, 10, &bytes, &size, error, sizeof error), MDL_ENOENT);
    snprintf(sentence, sizeof sentence, "cannot open %s: No such file or directory", path);
    assert_string_equal(error, sentence);
    assert_int_equal(mdl_file_write(in_directory(path, "absent/file"), "x", 1, error, sizeof error), MDL_ENOENT);
    assert_int_equal(mdl_file_read(directory, 1 << 20, &bytes, &size, error, sizeof error), MDL_ETYPE);
    assert_int_equal(mdl_file_read("/dev/zero", 1 << 20, &bytes, &size, error, sizeof error), MDL_ETYPE);
    assert_int_equal(mkfifo(in_directory(path, "fifo"), 0600), 0);
    assert_int_equal(mdl_file_read(path, 10, &bytes, &size, error, sizeof error), MDL_ETYPE); /* and does not wait */
    assert_null(bytes);
    char small[8];
    assert_int_equal(mdl_file_read(path, 10, &bytes, &size, small, sizeof small), MDL_ETYPE);
    assert_int_equal(strlen(small), sizeof small - 1);
}

/* A child feeds `count` bytes through standard input. */
static mdl_err read_piped(size_t count, size_t limit, size_t *size) {
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < count; i++) {
            if (write(ends[1], "s", 1) != 1) {
                break;
            }
        }
        _exit(0);
    }
    assert_true(child > 0);
    close(ends[1]);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);
    close(ends[0]);
    uint8_t *bytes;
    char error[256];
    mdl_err e = mdl_file_read("-", limit, &bytes, size, error, sizeof error);
    if (e == MDL_OK) {
        for (size_t i = 0; i < *size; i++) {
            assert_int_equal(bytes[i], 's');
        }
    } else {
        assert_non_null(strstr(error, "standard input"));
    }
    free(bytes);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    } else {
        close(STDIN_FILENO);
    }
    waitpid(child, NULL, 0);
    return e;
}

static void test_standard_input(void **state) {
    (void)state;
    size_t size;
    assert_int_equal(read_piped(0, 100, &size), MDL_OK);
    assert_int_equal(size, 0);
    assert_int_equal(read_piped(100, 100, &size), MDL_OK);
    assert_int_equal(size, 100);
    assert_int_equal(read_piped(101, 100, &size), MDL_ESIZE);
    assert_int_equal(read_piped(70000, 200000, &size), MDL_OK);
    assert_int_equal(size, 70000);
    assert_int_equal(read_piped(70000, 69999, &size), MDL_ESIZE);
}

static void test_directories(void **state) {
    (void)state;
    char path[512], error[256];
    in_directory(path, "sub/deep/er");
    assert_int_equal(mdl_make_directories(path, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_make_directories(path, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_make_directories(".", error, sizeof error), MDL_OK);
    assert_int_equal(mdl_make_directories("/", error, sizeof error), MDL_OK);
    assert_int_equal(mdl_file_write(in_directory(path, "sub/deep/er/x"), "x", 1, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_make_directories(path, error, sizeof error), MDL_EIO);
    assert_non_null(strstr(error, "Not a directory"));
    assert_int_equal(mdl_make_directories(in_directory(path, "sub/deep/er/x/y"), error, sizeof error), MDL_EIO);
    assert_int_equal(mdl_make_directories("", error, sizeof error), MDL_ENOENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_and_read, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_left_over, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_refusals, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_standard_input, make_directory, remove_directory),
        cmocka_unit_test_setup_teardown(test_directories, make_directory, remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
