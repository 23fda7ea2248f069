/* Keys that end: the statements, and what the ledger makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <sodium.h>

#include "protocol/key_change.h"
#include "tests/protocol/ledger_steps.h"
#include "tests/support/vectors.h"

static uint8_t experiment[32];

static void test_statement(void **state) {
    (void)state;
    uint8_t key[3][32], secret[3][64], other[32];
    char text[MDL_KEY_CHANGE_TEXT + 1];
    for (uint32_t i = 0; i < 3; i++)
        ledger_key(i + 1, key[i], secret[i]);
    static const mdl_key_change kinds[2] = {MDL_KEY_ROTATE, MDL_KEY_REVOKE};
    for (size_t k = 0; k < 2; k++) {
        mdl_key_change kind = kinds[k];
        int signer = kind == MDL_KEY_ROTATE ? 0 : 1;
        mdl_key_change_make(kind, experiment, key[0], key[1], secret[signer], text);
        assert_int_equal(strlen(text), MDL_KEY_CHANGE_TEXT);
        assert_true(mdl_key_change_is(text));
        assert_int_equal(mdl_key_change_check(kind, experiment, key[0], text, other), MDL_OK);
        assert_memory_equal(other, key[1], 32);
        /* For another deed, experiment or key it is nothing. */
        assert_int_equal(mdl_key_change_check(kinds[1 - k], experiment, key[0], text, other), MDL_ESIGNATURE);
        uint8_t elsewhere[32] = {1};
        assert_int_equal(mdl_key_change_check(kind, elsewhere, key[0], text, other), MDL_ESIGNATURE);
        assert_int_equal(mdl_key_change_check(kind, experiment, key[2], text, other), MDL_ESIGNATURE);
        for (size_t i = 0; i < MDL_KEY_CHANGE_TEXT; i += 5) {
            char was = text[i];
            text[i] = was == 'A' ? 'B' : 'A';
            assert_int_not_equal(mdl_key_change_check(kind, experiment, key[0], text, other), MDL_OK);
            text[i] = was;
        }
        text[MDL_KEY_CHANGE_TEXT - 1] = 0;
        assert_int_equal(mdl_key_change_check(kind, experiment, key[0], text, other), MDL_ESYNTAX);
        assert_false(mdl_key_change_is(text));
    }
    mdl_key_change_make(MDL_KEY_ROTATE, experiment, key[0], key[0], secret[0], text);
    assert_int_equal(mdl_key_change_check(MDL_KEY_ROTATE, experiment, key[0], text, other), MDL_EMISMATCH);
    static const uint8_t weak[32] = {1};
    mdl_key_change_make(MDL_KEY_ROTATE, experiment, key[0], weak, secret[0], text);
    assert_int_equal(mdl_key_change_check(MDL_KEY_ROTATE, experiment, key[0], text, other), MDL_EWEAKKEY);
    assert_int_equal(mdl_key_change_of("ban"), MDL_KEY_NONE);
}

static void vector_case(void *ctx, size_t count, char **field) {
    uint8_t id[32], key[32], other[32], seed[32], public[32], secret[64], got[32];
    char text[MDL_KEY_CHANGE_TEXT + 1];
    (void)ctx;
    assert_int_equal(count, 6);
    mdl_key_change kind = mdl_key_change_of(field[0]);
    vectors_hex(field[1], seed, 32);
    vectors_hex(field[2], id, 32);
    vectors_hex(field[3], key, 32);
    vectors_hex(field[4], other, 32);
    crypto_sign_seed_keypair(public, secret, seed);
    mdl_key_change_make(kind, id, key, other, secret, text);
    assert_string_equal(text, field[5]);
    assert_int_equal(mdl_key_change_check(kind, id, key, field[5], got), MDL_OK);
    assert_memory_equal(got, other, 32);
}

static void test_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("key-changes", vector_case, NULL), 3);
}

static mdl_message change(const ledger_play *p, const char *action, uint32_t target, uint32_t other, uint32_t signer) {
    mdl_message m = ledger_play_admin(p, action, target);
    mdl_key_change_make(mdl_key_change_of(action), p->experiment.id, p->key[target], p->key[other], p->secret[signer],
                        m.as.admin.reason);
    return m;
}

static void test_fold(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 4);
    mdl_message m;
    /* Strangers, the wrong signer, keys that were not admitted, a successor that is the coordinator. */
    m = change(&p, "revoke", 1, 2, 2);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    m = change(&p, "revoke", 1, 1, 2);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    m = change(&p, "rotate", 1, 9, 9);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    m = change(&p, "rotate", 9, 1, 9);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    m = change(&p, "rotate", 1, COORDINATOR, 1);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    m = change(&p, "revoke", 1, 1, 1);
    m.type = MDL_MSG_ADMIN;
    ledger_play_breaks(&p, &m, 1, MDL_RULE_SIGNER); /* a statement is not yet a record */
    m = ledger_play_admin(&p, "rotate", 1);         /* the operator cannot say it for the key */
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    /* Revoked by itself: no lease, no result for one that is open, no unban, no second end. */
    m = ledger_play_lease(&p, 1, 0, 2);
    append(&p, m);
    mdl_message result = ledger_play_unit(&p, m.as.lease.lease);
    append(&p, change(&p, "revoke", 1, 1, 1));
    ledger_play_breaks(&p, &result, 1, MDL_RULE_RESULT);
    m = ledger_play_lease(&p, 1, 2, 2);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_LEASE);
    m = ledger_play_admin(&p, "unban", 1);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    m = change(&p, "rotate", 1, 5, 1); /* the thief names a successor too late */
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[1]);
    assert_true(w->banned && w->revoked > 0);
    /* By the operator, in words; not a banned key's successor. */
    m = ledger_play_admin(&p, "revoke", 2);
    snprintf(m.as.admin.reason, sizeof m.as.admin.reason, "laptop stolen");
    append(&p, m);
    append(&p, ledger_play_admin(&p, "ban", 3));
    m = change(&p, "rotate", 3, 5, 3);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIN);
    append(&p, ledger_play_admin(&p, "unban", 3));
    append(&p, change(&p, "rotate", 3, 5, 3));
    w = mdl_ledger_worker_find(p.ledger, p.key[3]);
    assert_true(w->banned && memcmp(w->successor, p.key[5], sizeof w->successor) == 0);
    /* The successor is admitted like anyone. */
    append(&p, ledger_play_admit(&p, 5));
    assert_false(mdl_ledger_worker_find(p.ledger, p.key[5])->banned);
    ledger_play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statement),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
