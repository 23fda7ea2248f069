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

/* One of these keys to another, of any kind, signed by whom it takes. */
static void make(mdl_key_change kind, const uint8_t *id, const uint8_t *key, const uint8_t *other,
                 const uint8_t *secret, const uint8_t *other_secret, char text[MDL_KEY_STATEMENT_MAX + 1]) {
    if (kind == MDL_KEY_ROTATE)
        mdl_key_rotate_make(id, key, other, secret, other_secret, text);
    else
        mdl_key_revoke_make(id, key, other, other_secret, text);
}

static void test_statement(void **state) {
    (void)state;
    uint8_t key[3][32], secret[3][64], other[32];
    char text[MDL_KEY_STATEMENT_MAX + 1];
    for (uint32_t i = 0; i < 3; i++)
        ledger_key(i + 1, key[i], secret[i]);
    static const mdl_key_change kinds[2] = {MDL_KEY_ROTATE, MDL_KEY_REVOKE};
    for (size_t k = 0; k < 2; k++) {
        mdl_key_change kind = kinds[k];
        size_t length = kind == MDL_KEY_ROTATE ? MDL_KEY_ROTATE_TEXT : MDL_KEY_REVOKE_TEXT;
        make(kind, experiment, key[0], key[1], secret[0], secret[1], text);
        assert_int_equal(strlen(text), length);
        assert_true(mdl_key_change_is(kind, text));
        assert_false(mdl_key_change_is(kinds[1 - k], text));
        assert_int_equal(mdl_key_change_check(kind, experiment, key[0], text, other), MDL_OK);
        assert_memory_equal(other, key[1], 32);
        /* For another deed, experiment or key it is nothing. */
        assert_int_equal(mdl_key_change_check(kinds[1 - k], experiment, key[0], text, other), MDL_ESYNTAX);
        uint8_t elsewhere[32] = {1};
        assert_int_equal(mdl_key_change_check(kind, elsewhere, key[0], text, other), MDL_ESIGNATURE);
        assert_int_equal(mdl_key_change_check(kind, experiment, key[2], text, other), MDL_ESIGNATURE);
        for (size_t i = 0; i < length; i += 5) {
            char was = text[i];
            text[i] = was == 'A' ? 'B' : 'A';
            assert_int_not_equal(mdl_key_change_check(kind, experiment, key[0], text, other), MDL_OK);
            text[i] = was;
        }
        text[length - 1] = 0;
        assert_int_equal(mdl_key_change_check(kind, experiment, key[0], text, other), MDL_ESYNTAX);
        assert_false(mdl_key_change_is(kind, text));
    }
    /* It takes both keys. */
    make(MDL_KEY_ROTATE, experiment, key[0], key[1], secret[0], secret[2], text);
    assert_int_equal(mdl_key_change_check(MDL_KEY_ROTATE, experiment, key[0], text, other), MDL_ESIGNATURE);
    make(MDL_KEY_ROTATE, experiment, key[0], key[1], secret[2], secret[1], text);
    assert_int_equal(mdl_key_change_check(MDL_KEY_ROTATE, experiment, key[0], text, other), MDL_ESIGNATURE);
    make(MDL_KEY_ROTATE, experiment, key[0], key[0], secret[0], secret[0], text);
    assert_int_equal(mdl_key_change_check(MDL_KEY_ROTATE, experiment, key[0], text, other), MDL_EMISMATCH);
    static const uint8_t weak[32] = {1};
    make(MDL_KEY_ROTATE, experiment, key[0], weak, secret[0], secret[1], text);
    assert_int_equal(mdl_key_change_check(MDL_KEY_ROTATE, experiment, key[0], text, other), MDL_EWEAKKEY);
    assert_int_equal(mdl_key_change_of("ban"), MDL_KEY_NONE);
    assert_false(mdl_key_change_is(MDL_KEY_NONE, text));
}

static void test_session_statement(void **state) {
    (void)state;
    uint8_t key[2][32], secret[2][64];
    char text[MDL_KEY_SESSION_TEXT + 1];
    mdl_session_key terms = {.number = UINT64_C(0x0102030405060708), .until = 0x0a0b0c0d}, got;
    for (uint32_t i = 0; i < 2; i++)
        ledger_key(i + 1, key[i], secret[i]);
    memcpy(terms.key, key[1], 32);
    mdl_session_key_make(experiment, key[0], &terms, secret[0], text);
    assert_int_equal(strlen(text), MDL_KEY_SESSION_TEXT);
    assert_true(mdl_key_change_is(MDL_KEY_SESSION, text));
    assert_int_equal(mdl_session_key_check(experiment, key[0], text, &got), MDL_OK);
    assert_memory_equal(got.key, terms.key, 32);
    assert_true(got.number == terms.number && got.until == terms.until);
    uint8_t elsewhere[32] = {1};
    assert_int_equal(mdl_session_key_check(elsewhere, key[0], text, &got), MDL_ESIGNATURE);
    assert_int_equal(mdl_session_key_check(experiment, key[1], text, &got), MDL_ESIGNATURE);
    for (size_t i = 0; i < MDL_KEY_SESSION_TEXT; i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_int_not_equal(mdl_session_key_check(experiment, key[0], text, &got), MDL_OK);
        assert_true(got.number == 0);
        text[i] = was;
    }
}

/* kind, seed of the key that signs, seed of the other one or -, experiment, key, other, number, until, the statement */
static void vector_case(void *ctx, size_t count, char **field) {
    uint8_t id[32], key[32], other[32], seed[32], public[32], secret[64], other_secret[64] = {0}, got[32];
    char text[MDL_KEY_STATEMENT_MAX + 1];
    (void)ctx;
    assert_int_equal(count, 9);
    mdl_key_change kind = mdl_key_change_of(field[0]);
    vectors_hex(field[1], seed, 32);
    crypto_sign_seed_keypair(public, secret, seed);
    if (strcmp(field[2], "-") != 0) {
        vectors_hex(field[2], seed, 32);
        crypto_sign_seed_keypair(public, other_secret, seed);
    }
    vectors_hex(field[3], id, 32);
    vectors_hex(field[4], key, 32);
    vectors_hex(field[5], other, 32);
    if (kind == MDL_KEY_SESSION) {
        mdl_session_key terms = {.number = strtoull(field[6], NULL, 10),
                                 .until = (uint32_t)strtoul(field[7], NULL, 10)};
        memcpy(terms.key, other, 32);
        mdl_session_key_make(id, key, &terms, secret, text);
        assert_int_equal(mdl_session_key_check(id, key, field[8], &terms), MDL_OK);
    } else {
        make(kind, id, key, other, secret, kind == MDL_KEY_ROTATE ? other_secret : secret, text);
        assert_int_equal(mdl_key_change_check(kind, id, key, field[8], got), MDL_OK);
        assert_memory_equal(got, other, 32);
    }
    assert_string_equal(text, field[8]);
}

static void test_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("key-changes", vector_case, NULL), 4);
}

/* `other`: whom it names; `signer`: who signs to revoke, and in the old key's place to rotate. */
static mdl_message change(const ledger_play *p, const char *action, uint32_t target, uint32_t other, uint32_t signer) {
    mdl_message m = ledger_play_admin(p, action, target);
    make(mdl_key_change_of(action), p->experiment.id, p->key[target], p->key[other], p->secret[signer],
         p->secret[mdl_key_change_of(action) == MDL_KEY_ROTATE ? other : signer], m.as.admin.reason);
    return m;
}

static mdl_message session(const ledger_play *p, uint32_t target, uint32_t other, uint64_t number, uint32_t until) {
    mdl_message m = ledger_play_admin(p, "session", target);
    mdl_session_key terms = {.number = number, .until = until};
    memcpy(terms.key, p->key[other], sizeof terms.key);
    mdl_session_key_make(p->experiment.id, p->key[target], &terms, p->secret[target], m.as.admin.reason);
    return m;
}

static void test_fold(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 4);
    mdl_message m;
    /* Strangers, the wrong signer, keys that were not admitted, a successor that is somebody already. */
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
    m = change(&p, "rotate", 1, 2, 1);
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
    /* The successor is here by the record: not again, and it works. */
    m = ledger_play_admit(&p, 5);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIT);
    assert_false(mdl_ledger_worker_find(p.ledger, p.key[5])->banned);
    m = ledger_play_expire(&p, 0);
    append(&p, m);
    ledger_play_work(&p, 5, 0, 2);
    ledger_play_close(&p);
}

static void open_verified(ledger_play *p, const char *verification, uint32_t workers) {
    char json[1024];
    ledger_verified_experiment(verification, json, sizeof json);
    ledger_play_open(p, json, "open 0", 1);
    admit(p, workers);
}

static void answer(ledger_play *p, uint32_t worker, uint32_t signer, mdl_message m) {
    mdl_message commit = ledger_play_commit(p, &m, worker);
    ledger_play_append(p, &commit, signer);
    ledger_play_append(p, &m, signer);
}

/* A successor keeps owner, trust and what waits, and answers for what its predecessor did. */
static void test_inheritance(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":1,\"selected\":0}", 3);
    answer(&p, 1, 1, ledger_play_unit(&p, lease(&p, 1, 0, 2)));
    mdl_message lie = ledger_play_unit(&p, lease(&p, 1, 2, 1));
    p.fitness[0]++;
    answer(&p, 1, 1, lie);
    append(&p, ledger_play_check(&p, 0));
    uint64_t open = lease(&p, 1, 3, 1);
    mdl_ledger_worker was = *mdl_ledger_worker_find(p.ledger, p.key[1]);
    assert_true(was.pending > 0 && was.verified == 0);
    append(&p, change(&p, "rotate", 1, 6, 1));
    const mdl_ledger_worker *old = mdl_ledger_worker_find(p.ledger, p.key[1]),
                            *heir = mdl_ledger_worker_find(p.ledger, p.key[6]), *first;
    mdl_ledger_workers(p.ledger, &first);
    assert_true(heir && mdl_ledger_heir(p.ledger, old) == heir && old->banned && old->pending == 0);
    assert_int_equal(heir->owner_number, was.owner_number);
    assert_true(heir->pending == was.pending && heir->how == was.how);
    assert_memory_equal(heir->owner, heir->key, 32); /* its own owner, under the new key */
    /* What the old key did counts for the new one: with job 1 the first lease is confirmed. */
    assert_false(mdl_ledger_trusted(p.ledger, (uint32_t)(heir - first)));
    append(&p, ledger_play_check(&p, 1));
    assert_true(mdl_ledger_trusted(p.ledger, (uint32_t)(heir - first)));
    /* Both are one owner: the new key may not confirm the old one's answer. */
    mdl_message m = ledger_play_lease(&p, 6, 2, 1);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_LEASE);
    /* The old key's lease is over for it. */
    m = ledger_play_unit(&p, open);
    mdl_message commit = ledger_play_commit(&p, &m, 1);
    ledger_play_breaks(&p, &commit, 1, MDL_RULE_COMMIT);
    /* On again to a third key, then the lie is found: all three are convicted, and nothing waits any more. */
    append(&p, change(&p, "rotate", 6, 7, 6));
    answer(&p, 7, 7, ledger_play_unit(&p, lease(&p, 7, 4, 1)));
    m = ledger_play_check(&p, 2);
    assert_int_equal(m.type, MDL_MSG_VERDICT);
    append(&p, m);
    uint64_t forfeited = 0;
    for (uint32_t i = 0; i < 3; i++) {
        static const uint32_t keys[] = {1, 6, 7};
        const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[keys[i]]);
        assert_true(w->banned && w->verdict == mdl_ledger_size(p.ledger) - 1);
        assert_int_equal(w->pending + w->waiting, 0);
        forfeited += w->forfeited;
    }
    assert_true(forfeited > was.pending);
    assert_int_equal(mdl_ledger_sum(p.ledger).forfeited, forfeited);
    assert_false(mdl_ledger_worker_find(p.ledger, p.key[2])->banned);
    ledger_play_close(&p);
}

/* A session key signs for its worker until its last generation is over, or another one, or none, is named. */
static void test_session_keys(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", 3);
    mdl_message m = ledger_play_unit(&p, lease(&p, 1, 0, 2)), commit = ledger_play_commit(&p, &m, 1);
    ledger_play_breaks(&p, &commit, 8, MDL_RULE_SIGNER);
    LEDGER_SPOILT(&p, session(&p, 1, 8, 5, 0), COORDINATOR, MDL_RULE_ADMIN, msg.as.admin.reason[70] ^= 1);
    LEDGER_SPOILT(&p, session(&p, 2, 8, 5, 0), COORDINATOR, MDL_RULE_ADMIN,
                  memcpy(msg.as.admin.target, p.key[1], 32));                           /* said by another */
    LEDGER_SPOILT(&p, session(&p, 1, 2, 5, 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg); /* a worker's key */
    LEDGER_SPOILT(&p, session(&p, 1, COORDINATOR, 5, 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    append(&p, session(&p, 1, 8, 5, 0));
    answer(&p, 1, 8, m);
    assert_true(mdl_ledger_worker_find(p.ledger, p.key[1])->pending > 0);
    assert_null(mdl_ledger_worker_find(p.ledger, p.key[8]));
    assert_ptr_equal(mdl_ledger_signer(p.ledger, p.key[8]), mdl_ledger_worker_find(p.ledger, p.key[1]));
    /* Nobody else's leases, no admission of its own, no other's session key, no older number. */
    m = ledger_play_unit(&p, lease(&p, 2, 2, 1));
    commit = ledger_play_commit(&p, &m, 2);
    ledger_play_breaks(&p, &commit, 8, MDL_RULE_SIGNER);
    answer(&p, 2, 2, m);
    LEDGER_SPOILT(&p, ledger_play_admit(&p, 8), COORDINATOR, MDL_RULE_ADMIT, (void)msg);
    LEDGER_SPOILT(&p, session(&p, 2, 8, 1, 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, session(&p, 1, 9, 5, 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, change(&p, "rotate", 2, 8, 2), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    /* Committed under one session key, shown under the next; the first one is over. */
    m = ledger_play_unit(&p, lease(&p, 1, 3, 2));
    commit = ledger_play_commit(&p, &m, 1);
    ledger_play_append(&p, &commit, 8);
    append(&p, session(&p, 1, 9, 6, 1));
    ledger_play_breaks(&p, &m, 8, MDL_RULE_SIGNER);
    ledger_play_append(&p, &m, 9);
    /* The worker's own key may always. None any more: */
    answer(&p, 1, 1, ledger_play_unit(&p, lease(&p, 1, 5, 1)));
    append(&p, session(&p, 1, 1, 7, 0));
    m = ledger_play_unit(&p, lease(&p, 1, 6, 1));
    commit = ledger_play_commit(&p, &m, 1);
    ledger_play_breaks(&p, &commit, 9, MDL_RULE_SIGNER);
    LEDGER_SPOILT(&p, session(&p, 1, 9, 8, 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg); /* was one already */
    append(&p, session(&p, 1, 10, 8, 0));
    answer(&p, 1, 10, m);
    answer(&p, 2, 2, ledger_play_unit(&p, lease(&p, 2, 7, 1)));
    append(&p, ledger_play_closing(&p));
    append(&p, ledger_play_credit(&p));
    /* Generation 1: it was good up to 0. */
    m = ledger_play_unit(&p, lease(&p, 1, 0, 1));
    commit = ledger_play_commit(&p, &m, 1);
    ledger_play_breaks(&p, &commit, 10, MDL_RULE_SIGNER);
    LEDGER_SPOILT(&p, session(&p, 1, 11, 9, 0), COORDINATOR, MDL_RULE_ADMIN, (void)msg); /* over before it began */
    append(&p, session(&p, 1, 11, 9, 1));
    answer(&p, 1, 11, m);
    /* With the worker's key its session key ends. */
    m = ledger_play_unit(&p, lease(&p, 1, 1, 1));
    append(&p, change(&p, "revoke", 1, 1, 1));
    commit = ledger_play_commit(&p, &m, 1);
    ledger_play_breaks(&p, &commit, 11, MDL_RULE_COMMIT);
    LEDGER_SPOILT(&p, session(&p, 1, 12, 10, 2), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    ledger_play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statement),   cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_fold),        cmocka_unit_test(test_session_statement),
        cmocka_unit_test(test_inheritance), cmocka_unit_test(test_session_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
