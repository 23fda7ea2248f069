#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/tlog_policy.h"

static char log_text[MDL_VKEY_TEXT_MAX], w[4][MDL_VKEY_TEXT_MAX];
static mdl_vkey log_key, w_key[4];
static uint8_t log_secret[64], w_secret[4][64];

static int begin(void **state) {
    (void)state;
    assert_true(sodium_init() >= 0);
    uint8_t seed[32], public[32];
    char name[32];
    memset(seed, 1, sizeof seed);
    crypto_sign_seed_keypair(public, log_secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of("log.example"), MDL_NOTE_TYPE_ED25519, public, &log_key), MDL_OK);
    mdl_vkey_print(&log_key, log_text);
    for (int i = 0; i < 4; i++) {
        memset(seed, 10 + i, sizeof seed);
        crypto_sign_seed_keypair(public, w_secret[i], seed);
        snprintf(name, sizeof name, "w%d.example", i);
        assert_int_equal(mdl_vkey_make(mdl_text_of(name), MDL_NOTE_TYPE_COSIGNATURE, public, &w_key[i]), MDL_OK);
        mdl_vkey_print(&w_key[i], w[i]);
    }
    return 0;
}

static char text[8192];

/* @ is the log's key, 0 to 3 behind $ a witness's. */
static size_t expand(const char *form) {
    size_t n = 0;
    for (; *form; form++) {
        if (*form == '@' || *form == '$') {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s", *form == '@' ? log_text : w[form[1] - '0']);
            form += *form == '$';
        } else {
            text[n++] = *form;
        }
    }
    return n;
}

static void test_good(void **state) {
    (void)state;
    static mdl_tlog_policy p;
    char error[256];
    uint32_t line;
    size_t n =
        expand("# who we trust\nlog @ https://log.example/\n\nwitness a $0\nwitness  b\t$1 http://b\nwitness c $2\n"
               "witness d $3\ngroup ab any a b\ngroup cd all c d\ngroup top 2 ab cd d\nquorum top\n");
    assert_int_equal(mdl_tlog_policy_parse((mdl_text){text, n}, &p, &line, error, sizeof error), MDL_OK);
    assert_true(p.logs == 1 && p.witnesses == 4 && p.groups == 3);
    /* Every set of signers against the same in words. */
    for (unsigned set = 0; set < 16; set++) {
        mdl_note_seal seal[MDL_WITNESSES_MAX] = {{0}};
        for (unsigned i = 0; i < 4; i++) {
            seal[i].signed_by = set >> i & 1;
        }
        int ab = (set & 3) != 0, cd = (set & 12) == 12, d = (set & 8) != 0;
        assert_int_equal(mdl_tlog_policy_reached(&p, seal), ab + cd + d >= 2);
    }
    n = expand("log @\nquorum none\n");
    assert_int_equal(mdl_tlog_policy_parse((mdl_text){text, n}, &p, &line, error, sizeof error), MDL_OK);
    assert_true(mdl_tlog_policy_reached(&p, (mdl_note_seal[MDL_WITNESSES_MAX]){{0}}));
    n = expand("log @\nwitness a $0\nquorum a\n");
    assert_int_equal(mdl_tlog_policy_parse((mdl_text){text, n}, &p, &line, error, sizeof error), MDL_OK);
    assert_false(mdl_tlog_policy_reached(&p, (mdl_note_seal[MDL_WITNESSES_MAX]){{0}}));
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *form;
        mdl_err err;
        uint32_t line;
        const char *part;
    } cases[] = {
        {"", MDL_ESYNTAX, 0, "no log"},
        {"log @\n", MDL_ESYNTAX, 0, "no quorum"},
        {"quorum none\n", MDL_ESYNTAX, 0, "no log"},
        {"log @\nquorum none", MDL_ESYNTAX, 0, "newline"},
        {"log @\nquorum none\nquorum none\n", MDL_ESYNTAX, 3, "already"},
        {"log @\nquorum a\n", MDL_EKEY, 2, "\"a\""},
        {"log @\nquorum none more\n", MDL_ESYNTAX, 2, "\"more\""},
        {"log @ ftp://x\nquorum none\n", MDL_ESYNTAX, 1, "ftp"},
        {"logs @\nquorum none\n", MDL_ESYNTAX, 1, "\"logs\""},
        {"log\nquorum none\n", MDL_ESYNTAX, 1, "well formed"},
        {"log $0\nquorum none\n", MDL_ETYPE, 1, "log"},
        {"log @\nlog @\nquorum none\n", MDL_EKEY, 2, "already"},
        {"log @\nwitness a @\nquorum none\n", MDL_ETYPE, 2, "witness"},
        {"log @\nwitness a $0\nwitness b $0\nquorum none\n", MDL_EKEY, 3, "already"},
        {"log @\nwitness a $0\nwitness a $1\nquorum none\n", MDL_EKEY, 3, "taken"},
        {"log @\nwitness none $0\nquorum none\n", MDL_ESYNTAX, 2, "name"},
        {"log @\nwitness\nquorum none\n", MDL_ESYNTAX, 2, "name"},
        {"log @\nwitness a $0\ngroup g 2 a\nquorum g\n", MDL_ERANGE, 3, "\"2\""},
        {"log @\nwitness a $0\ngroup g 0 a\nquorum g\n", MDL_ERANGE, 3, "\"0\""},
        {"log @\nwitness a $0\ngroup g 01 a\nquorum g\n", MDL_ESYNTAX, 3, "\"01\""},
        {"log @\nwitness a $0\ngroup g some a\nquorum g\n", MDL_ESYNTAX, 3, "\"some\""},
        {"log @\nwitness a $0\ngroup g any\nquorum g\n", MDL_ERANGE, 3, "members"},
        {"log @\nwitness a $0\ngroup g any a a\nquorum g\n", MDL_EKEY, 3, "twice"},
        {"log @\nwitness a $0\ngroup g any g\nquorum g\n", MDL_EKEY, 3, "\"g\""},
        {"log @\nwitness a $0\ngroup a any a\nquorum a\n", MDL_EKEY, 3, "taken"},
        {"log @\r\nquorum none\n", MDL_ESYNTAX, 1, "control"},
    };
    static mdl_tlog_policy p;
    char error[256];
    uint32_t line;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = expand(cases[i].form);
        mdl_err err = mdl_tlog_policy_parse((mdl_text){text, n}, &p, &line, error, sizeof error);
        if (err != cases[i].err || line != cases[i].line || !strstr(error, cases[i].part)) {
            fail_msg("case %zu: error %d, line %u, \"%s\"", i, (int)err, (unsigned)line, error);
        }
        assert_true(p.logs == 0);
    }
}

/* k of n, and a checkpoint under the policy. */
static void test_verify(void **state) {
    (void)state;
    static mdl_tlog_policy p;
    mdl_log_policy simple = {.log = log_key, .quorum = 2, .witness_count = 3};
    memcpy(simple.witness, w_key, 3 * sizeof *w_key);
    mdl_tlog_policy_of(&simple, &p);
    char note[4096];
    mdl_checkpoint c = {.origin = mdl_text_of("log.example"), .size = 5}, got;
    mdl_checkpoint_seal seal;
    uint32_t log = 9;
    memset(&c.root, 7, sizeof c.root);
    mdl_text_out out = {note, sizeof note, 0};
    assert_int_equal(mdl_checkpoint_sign(&c, &log_key, log_secret, &out), MDL_OK);
    mdl_note parsed;
    assert_int_equal(mdl_note_parse((mdl_text){note, out.size}, &parsed), MDL_OK);
    for (uint32_t signers = 0; signers < 3; signers++) {
        mdl_err err = mdl_tlog_policy_verify((mdl_text){note, out.size}, &p, &log, &got, &seal);
        assert_int_equal(err, signers < 2 ? MDL_ENOENT : MDL_OK);
        assert_true(seal.cosigned == signers && got.size == 5 && log == 0);
        assert_int_equal(mdl_checkpoint_cosign(parsed.text, &w_key[2 - signers], w_secret[2 - signers], 5, &out),
                         MDL_OK);
    }
    /* A witness's bad line condemns the note. */
    note[out.size - 8] = note[out.size - 8] == 'A' ? 'B' : 'A';
    assert_int_equal(mdl_tlog_policy_verify((mdl_text){note, out.size}, &p, &log, &got, &seal), MDL_ESIGNATURE);
    p.log[0] = w_key[0];
    assert_int_equal(mdl_tlog_policy_verify((mdl_text){note, out.size}, &p, &log, &got, &seal), MDL_EMISMATCH);
    assert_true(got.size == 0 && seal.cosigned == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_verify),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
