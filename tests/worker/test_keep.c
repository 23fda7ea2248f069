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

#include "protocol/fraud.h"
#include "protocol/tlog_proof.h"
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

/* A receipt under a checkpoint of this size and root. */
static void settle(uint64_t lease, uint64_t size, uint8_t root) {
    char note[1024], text[4096], error[512] = "";
    mdl_tlog_proof p = {.index = 0, .checkpoint = make_note(size, root, note)};
    mdl_text_out out = {text, sizeof text, 0};
    mdl_tlog_proof_put(&p, &out);
    mdl_settled s = {.state = MDL_NOTICE_ACCEPTED,
                     .text = "",
                     .lease = lease,
                     .vkey = vkey_text,
                     .coordinator = {1},
                     .experiment = {2},
                     .envelope = (const uint8_t *)"x",
                     .envelope_size = 1,
                     .proof = (const uint8_t *)text,
                     .proof_size = out.size};
    if (mdl_keep_settled(&keep, &s, 0, error, sizeof error) != MDL_OK)
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

static void expect_kept(uint64_t size, uint8_t root) {
    char note[1024];
    uint8_t *bytes;
    mdl_text want = make_note(size, root, note);
    assert_int_equal(read_file("checkpoint", &bytes), want.size);
    assert_memory_equal(bytes, want.at, want.size);
    free(bytes);
}

static void test_checkpoints(void **state) {
    (void)state;
    uint8_t *bytes;
    settle(1, 10, 5);
    expect_kept(10, 5);
    settle(2, 12, 6);
    expect_kept(12, 6);
    settle(3, 11, 7); /* older ones come late */
    expect_kept(12, 6);
    settle(4, 12, 6);
    assert_int_equal(read_file("fork-12.fraud", &bytes), 0);
    /* The same size with another root: the file convicts the log. */
    settle(5, 12, 8);
    expect_kept(12, 6);
    size_t size = read_file("fork-12.fraud", &bytes);
    assert_true(size > 0);
    mdl_fraud f;
    mdl_fraud_finding v;
    assert_int_equal(mdl_fraud_parse((mdl_text){(const char *)bytes, size}, &f), MDL_OK);
    mdl_fraud_verify(&f, &vkey, &v);
    assert_int_equal(v.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(v.culprit, vkey.key, sizeof v.culprit);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_checkpoints)};
    return cmocka_run_group_tests(tests, begin, end);
}
