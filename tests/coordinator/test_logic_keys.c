/* Keys that sign for others, follow others, and checkpoints that workers show. */
#include "tests/coordinator/fake_shell.h"

#include "protocol/checkpoint.h"
#include "protocol/key_change.h"

static const mdl_admission everyone = {MDL_ADMIT_OPEN, 0};

static void statement_of(const fake_worker *w, const fake_worker *session, uint64_t number, uint32_t until,
                         char out[MDL_KEY_SESSION_TEXT + 1]) {
    mdl_session_key terms = {.number = number, .until = until};
    memcpy(terms.key, session->key, sizeof terms.key);
    mdl_session_key_make(w->experiment, w->key, &terms, w->secret, out);
}

static mdl_message hello_for(const fake_worker *w, const char *statement) {
    mdl_message m = fake_hello();
    memcpy(m.as.hello.worker, w->key, sizeof m.as.hello.worker);
    snprintf(m.as.hello.statement, sizeof m.as.hello.statement, "%s", statement);
    return m;
}

static mdl_message_type type_of(fake_shell *s, fake_worker *w, mdl_message m, mdl_message *out) {
    fake_answer a = fake_ask(s, w, m);
    free(a.blob.at);
    if (out)
        *out = a.m;
    return a.receipt ? MDL_MSG_COUNT : a.m.type;
}

static void refused(fake_shell *s, fake_worker *w, mdl_message m, mdl_reason reason) {
    mdl_message a;
    assert_int_equal(type_of(s, w, m, &a), MDL_MSG_REJECT);
    assert_int_equal(a.as.reject.reason, reason);
    fake_new_session(w);
}

static void test_session_key(void **state) {
    (void)state;
    fake_shell s;
    fake_worker owner, session, next, other;
    char text[MDL_KEY_SESSION_TEXT + 1];
    mdl_message a;
    fake_open(&s, ledger_experiment, everyone);
    fake_worker_open(&owner, 1, &s);
    fake_worker_open(&session, 2, &s);
    fake_worker_open(&next, 3, &s);
    fake_worker_open(&other, 4, &s);
    /* Nobody speaks for a key that has not said so, admitted or not. */
    refused(&s, &session, hello_for(&owner, ""), MDL_REASON_BAD_SESSION_KEY);
    statement_of(&other, &session, 1, 2, text);
    refused(&s, &session, hello_for(&owner, text), MDL_REASON_BAD_SESSION_KEY);
    statement_of(&owner, &next, 1, 2, text);
    refused(&s, &session, hello_for(&owner, text), MDL_REASON_BAD_SESSION_KEY);
    mdl_coordinator_info info;
    mdl_coordinator_inform(s.logic, &info);
    assert_int_equal(info.workers, 0);
    /* The worker's key is admitted, the session key works, once on record. */
    statement_of(&owner, &session, 7, 2, text);
    assert_int_equal(type_of(&s, &session, hello_for(&owner, text), &a), MDL_MSG_WELCOME);
    assert_memory_equal(a.as.welcome.worker, owner.key, sizeof owner.key);
    assert_int_equal(s.records, 3); /* genesis, admit, session */
    assert_int_equal(type_of(&s, &session, fake_want(1), &a), MDL_MSG_GRANT);
    const mdl_ledger *l = mdl_coordinator_ledger(s.logic);
    const mdl_ledger_lease *lease = mdl_ledger_lease_find(l, a.as.grant.lease);
    const mdl_ledger_worker *first;
    mdl_ledger_workers(l, &first);
    assert_memory_equal(first[lease->worker].key, owner.key, sizeof owner.key);
    size_t records = s.records;
    fake_new_session(&session);
    assert_int_equal(type_of(&s, &session, hello_for(&owner, text), NULL), MDL_MSG_WELCOME);
    assert_int_equal(s.records, records);
    /* It survives a crash; its sessions do not. */
    fake_crash(&s, ledger_experiment);
    assert_int_equal(type_of(&s, &session, fake_want(1), &a), MDL_MSG_REJECT);
    assert_int_equal(a.as.reject.reason, MDL_REASON_NO_SESSION);
    fake_new_session(&session);
    assert_int_equal(type_of(&s, &session, hello_for(&owner, text), NULL), MDL_MSG_WELCOME);
    /* With the next one it is over; its old statement does not bring it back. */
    char newer[MDL_KEY_SESSION_TEXT + 1];
    statement_of(&owner, &next, 8, 2, newer);
    assert_int_equal(type_of(&s, &next, hello_for(&owner, newer), NULL), MDL_MSG_WELCOME);
    assert_int_equal(type_of(&s, &session, fake_want(1), &a), MDL_MSG_REJECT);
    assert_int_equal(a.as.reject.reason, MDL_REASON_NO_SESSION);
    fake_new_session(&session);
    refused(&s, &session, hello_for(&owner, text), MDL_REASON_BAD_SESSION_KEY);
    assert_int_equal(type_of(&s, &next, fake_want(1), NULL), MDL_MSG_GRANT);
    /* The worker's key still speaks for itself; banned, neither does. */
    assert_int_equal(type_of(&s, &owner, fake_hello(), NULL), MDL_MSG_WELCOME);
    char error[200];
    assert_int_equal(mdl_coordinator_admin(s.logic, "ban", owner.key, "a test", s.now_ms, error, sizeof error), MDL_OK);
    fake_new_session(&next);
    refused(&s, &next, hello_for(&owner, newer), MDL_REASON_BANNED);
    statement_of(&owner, &other, 9, 2, newer);
    refused(&s, &other, hello_for(&owner, newer), MDL_REASON_BANNED);
    fake_worker_close(&owner);
    fake_worker_close(&session);
    fake_worker_close(&next);
    fake_worker_close(&other);
    fake_close(&s);
}

/* A successor comes in by the record, with its predecessor's place on the list. */
static void test_rotation(void **state) {
    (void)state;
    fake_shell s;
    fake_worker old, heir;
    mdl_listed listed = {.name = "one"};
    char text[MDL_KEY_ROTATE_TEXT + 1], error[200];
    mdl_message a;
    memset(&s, 0, sizeof s);
    ledger_key(1, listed.key, (uint8_t[MDL_SECRET_BYTES]){0});
    ledger_key(9, listed.owner, (uint8_t[MDL_SECRET_BYTES]){0});
    fake_open(&s, ledger_experiment, (mdl_admission){MDL_ADMIT_LIST, 0});
    mdl_coordinator_free(s.logic); /* again, with the list */
    s.config.listed = &listed;
    s.config.listed_count = 1;
    s.records = s.durable = 0;
    fake_start(&s, ledger_experiment);
    fake_worker_open(&old, 1, &s);
    fake_worker_open(&heir, 2, &s);
    assert_int_equal(type_of(&s, &heir, fake_hello(), &a), MDL_MSG_REJECT);
    fake_new_session(&heir);
    assert_int_equal(type_of(&s, &old, fake_hello(), NULL), MDL_MSG_WELCOME);
    assert_int_equal(type_of(&s, &old, fake_want(1), NULL), MDL_MSG_GRANT);
    mdl_key_rotate_make(old.experiment, old.key, heir.key, old.secret, heir.secret, text);
    assert_int_equal(mdl_coordinator_admin(s.logic, "rotate", old.key, text, s.now_ms, error, sizeof error), MDL_OK);
    fake_commit(&s);
    assert_int_equal(type_of(&s, &old, fake_want(1), &a), MDL_MSG_REJECT);
    assert_int_equal(a.as.reject.reason, MDL_REASON_BANNED);
    assert_int_equal(type_of(&s, &heir, fake_hello(), NULL), MDL_MSG_WELCOME);
    assert_int_equal(type_of(&s, &heir, fake_want(1), NULL), MDL_MSG_GRANT);
    const mdl_ledger_worker *w = mdl_ledger_worker_find(mdl_coordinator_ledger(s.logic), heir.key);
    assert_memory_equal(w->owner, listed.owner, sizeof w->owner);
    assert_string_equal(w->name, "one");
    assert_int_equal(mdl_coordinator_admin(s.logic, "rotate", old.key, text, s.now_ms, error, sizeof error),
                     MDL_EMISMATCH);
    fake_worker_close(&old);
    fake_worker_close(&heir);
    fake_close(&s);
}

/* ---- checkpoints ---- */

static size_t note_of(fake_shell *s, uint64_t size, uint32_t signer, char note[1024]) {
    uint8_t key[32], secret[64];
    mdl_vkey vkey;
    mdl_checkpoint c = {.origin = mdl_text_of(s->config.origin), .size = size};
    ledger_key(signer, key, secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of(s->config.origin), MDL_NOTE_TYPE_ED25519, key, &vkey), MDL_OK);
    mdl_text_out out = {note, 1024, 0};
    assert_int_equal(mdl_checkpoint_sign(&c, &vkey, secret, &out), MDL_OK);
    note[out.size] = 0;
    return out.size;
}

static mdl_message prove(uint64_t from, uint64_t to, const char *note) {
    mdl_message m = fake_message(MDL_MSG_PROVE);
    m.as.prove.from = from;
    m.as.prove.to = to;
    snprintf(m.as.prove.checkpoint, sizeof m.as.prove.checkpoint, "%.512s", note);
    return m;
}

static void test_prove(void **state) {
    (void)state;
    fake_shell s;
    fake_worker w;
    mdl_message a;
    char note[1024];
    uint8_t key[32], secret[64];
    mdl_vkey vkey;
    fake_open(&s, ledger_experiment, everyone);
    ledger_key(11, key, secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of(s.config.origin), MDL_NOTE_TYPE_ED25519, key, &vkey), MDL_OK);
    mdl_coordinator_free(s.logic);
    mdl_vkey_print(&vkey, note);
    snprintf(s.config.vkey, sizeof s.config.vkey, "%.256s", note);
    s.records = s.durable = 0;
    fake_start(&s, ledger_experiment);
    fake_worker_open(&w, 1, &s);
    assert_int_equal(type_of(&s, &w, fake_hello(), NULL), MDL_MSG_WELCOME);
    for (int i = 0; i < 3; i++)
        assert_int_equal(type_of(&s, &w, fake_want(1), NULL), MDL_MSG_GRANT);
    assert_int_equal(s.durable, 5);
    mdl_merkle_lookup lookup;
    mdl_hash small, large;
    fake_tree(&s, 5, &lookup);
    for (uint64_t from = 0; from <= 5; from++) {
        fake_answer answer = fake_ask(&s, &w, prove(from, 5, ""));
        assert_int_equal(answer.m.type, MDL_MSG_PROOF);
        const mdl_msg_proof *p = &answer.m.as.proof;
        assert_int_equal(mdl_merkle_root(from, &lookup, &small), MDL_OK);
        assert_int_equal(mdl_merkle_root(5, &lookup, &large), MDL_OK);
        assert_memory_equal(p->root, small.bytes, 32);
        assert_int_equal(mdl_merkle_verify_consistency(from, 5, &small, &large, (const mdl_hash *)answer.blob.at,
                                                       answer.blob.size / 32),
                         MDL_OK);
        free(answer.blob.at);
    }
    assert_int_equal(type_of(&s, &w, prove(4, 6, ""), &a), MDL_MSG_REJECT); /* not signed yet */
    assert_int_equal(a.as.reject.reason, MDL_REASON_OUT_OF_RANGE);
    assert_int_equal(type_of(&s, &w, prove(5, 4, ""), &a), MDL_MSG_REJECT);
    /* Another's note over more records says nothing; one of our own key does: records are lost. */
    note_of(&s, 9, 12, note);
    assert_int_equal(type_of(&s, &w, prove(2, 5, note), NULL), MDL_MSG_PROOF);
    note_of(&s, 5, 11, note);
    assert_int_equal(type_of(&s, &w, prove(5, 5, note), NULL), MDL_MSG_PROOF);
    assert_false(mdl_coordinator_failed(s.logic));
    note_of(&s, 9, 11, note);
    assert_int_equal(type_of(&s, &w, prove(9, 0, note), &a), MDL_MSG_REJECT);
    assert_int_equal(a.as.reject.reason, MDL_REASON_FORKED);
    assert_string_equal(s.last_kind, "forked");
    assert_true(mdl_coordinator_failed(s.logic));
    fake_worker_close(&w);
    fake_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_key),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_prove),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
