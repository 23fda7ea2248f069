/* What a worker keeps of the checkpoints that it is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/checkpoint.h"
#include "runtime/file.h"
#include "worker/keep.h"

static mdl_vkey vkey;
static uint8_t secret[64];
static char directory[600], vkey_text[MDL_VKEY_TEXT_MAX];
static mdl_keep keep;

static int begin(void **state) {
    (void)state;
    uint8_t seed[32] = {9}, public[32];
    char error[512];
    assert_true(sodium_init() >= 0);
    crypto_sign_seed_keypair(public, secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of("log.example"), MDL_NOTE_TYPE_ED25519, public, &vkey), MDL_OK);
    mdl_vkey_print(&vkey, vkey_text);
    const char *tmp = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/keep-XXXXXX", tmp ? tmp : ".");
    assert_non_null(mkdtemp(directory));
    assert_int_equal(mdl_keep_open(&keep, directory, error, sizeof error), MDL_OK);
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[700];
    mdl_keep_close(&keep);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return system(command);
}

static mdl_text make_note(uint64_t size, uint8_t root, char note[1024]) {
    mdl_checkpoint c = {.origin = mdl_text_of(vkey.name), .size = size};
    mdl_text_out out = {note, 1024, 0};
    memset(&c.root, root, sizeof c.root);
    assert_int_equal(mdl_checkpoint_sign(&c, &vkey, secret, &out), MDL_OK);
    return (mdl_text){note, out.size};
}

static const uint8_t coordinator[32] = {1}, experiment[32] = {2};

static void put(int proven, uint64_t size, uint8_t root) {
    char note[1024], error[512] = "";
    mdl_text text = make_note(size, root, note);
    if (mdl_keep_checkpoint(&keep, coordinator, experiment, vkey_text, proven, text.at, text.size, error,
                            sizeof error) != MDL_OK)
        fail_msg("%s", error);
}

/* A file of the log's folder; size 0: it is not there. */
static size_t read_file(const char *name, uint8_t **bytes) {
    char path[1024], error[512];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/receipts/02%062d-01%062d/%s", directory, 0, 0, name);
    if (mdl_file_read(path, 1 << 20, bytes, &size, error, sizeof error) != MDL_OK)
        size = 0;
    return size;
}

static void expect_kept(int proven, uint64_t size, uint8_t root) {
    char note[1024], kept[1024];
    uint8_t *bytes;
    mdl_text want = make_note(size, root, note);
    assert_int_equal(read_file(proven ? "checkpoint-held" : "checkpoint", &bytes), want.size);
    assert_memory_equal(bytes, want.at, want.size);
    free(bytes);
    assert_int_equal(mdl_keep_kept(&keep, coordinator, experiment, proven, kept, sizeof kept), want.size);
    assert_memory_equal(kept, want.at, want.size);
    assert_int_equal(mdl_keep_kept(&keep, coordinator, experiment, proven, kept, 3), want.size); /* too little room */
}

static void test_checkpoints(void **state) {
    (void)state;
    uint8_t *bytes;
    char kept[8];
    assert_int_equal(mdl_keep_kept(&keep, coordinator, experiment, 0, kept, sizeof kept), 0);
    put(0, 10, 5);
    expect_kept(0, 10, 5);
    assert_int_equal(mdl_keep_kept(&keep, coordinator, experiment, 1, kept, sizeof kept), 0);
    put(1, 9, 4);
    put(0, 12, 6);
    expect_kept(0, 12, 6);
    expect_kept(1, 9, 4);
    size_t size = read_file("vkey", &bytes);
    assert_int_equal(size, strlen(vkey_text) + 1);
    assert_memory_equal(bytes, vkey_text, size - 1);
    free(bytes);
}

static void test_fraud(void **state) {
    (void)state;
    uint8_t *bytes;
    char path[MDL_KEEP_PATH_MAX + 400], error[512];
    assert_int_equal(mdl_keep_fraud(&keep, coordinator, experiment, 12, "proof", 5, path, error, sizeof error), MDL_OK);
    assert_non_null(strstr(path, "fork-12.fraud"));
    assert_int_equal(read_file("fork-12.fraud", &bytes), 5);
    assert_memory_equal(bytes, "proof", 5);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_checkpoints), cmocka_unit_test(test_fraud)};
    return cmocka_run_group_tests(tests, begin, end);
}
