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

/* ---- who leaves when a key is convicted ---- */

enum { CULPRIT, HEIR, BYSTANDER, LEAVERS };

typedef struct leaving {
    fake_shell s;
    fake_worker w[LEAVERS];
    mdl_life *life;
    void *memory;
    float *genome;
    mdl_message grant[LEAVERS];
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    char json[1024];
} leaving;

static void open_leaving(leaving *c) {
    memset(c, 0, sizeof *c);
    ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":3}", c->json, sizeof c->json);
    fake_open(&c->s, c->json, everyone);
    const mdl_experiment *x = mdl_ledger_experiment(mdl_coordinator_ledger(c->s.logic));
    c->memory = aligned_alloc(64, (mdl_life_bytes(x, 1) + 63) / 64 * 64);
    assert_non_null(c->memory);
    c->life = mdl_life_init(c->memory, x, 1, NULL);
    c->genome = calloc(c->life->layout.genes, sizeof *c->genome);
    for (uint32_t i = 0; i < LEAVERS; i++)
        fake_worker_open(&c->w[i], i + 1, &c->s);
}

static void close_leaving(leaving *c) {
    for (uint32_t i = 0; i < LEAVERS; i++)
        fake_worker_close(&c->w[i]);
    free(c->memory);
    free(c->genome);
    fake_close(&c->s);
}

static void comes_and_takes(leaving *c, uint32_t who) {
    assert_int_equal(type_of(&c->s, &c->w[who], fake_hello(), NULL), MDL_MSG_WELCOME);
    assert_int_equal(type_of(&c->s, &c->w[who], fake_want(1), &c->grant[who]), MDL_MSG_GRANT);
}

static const mdl_ledger_lease *lease_of(const leaving *c, uint32_t who) {
    return mdl_ledger_lease_find(mdl_coordinator_ledger(c->s.logic), c->grant[who].as.grant.lease);
}

static const mdl_ledger_worker *known(const leaving *c, uint32_t who) {
    return mdl_ledger_worker_find(mdl_coordinator_ledger(c->s.logic), c->w[who].key);
}

/* Its unit with one wrong number. */
static void lies(leaving *c, uint32_t who) {
    const mdl_evolution *e = mdl_ledger_evolution(mdl_coordinator_ledger(c->s.logic));
    mdl_message m = fake_compute(e, c->life, c->genome, &c->grant[who].as.grant, c->fitness);
    c->fitness[0]++;
    memset(m.as.result.nonce, 7, sizeof m.as.result.nonce);
    fake_answer a = fake_ask(&c->s, &c->w[who], fake_commitment(&c->w[who], &m));
    assert_true(a.receipt);
    free(a.blob.at);
    a = fake_ask(&c->s, &c->w[who], m);
    assert_true(a.receipt);
    free(a.blob.at);
}

static uint32_t sessions(const leaving *c) {
    mdl_coordinator_info info;
    mdl_coordinator_inform(c->s.logic, &info);
    return info.sessions;
}

static void is_convicted(leaving *c) {
    for (uint32_t i = 0; i < 100 && known(c, CULPRIT)->verdict == 0; i++) {
        fake_check(&c->s, c->life, c->genome);
        fake_commit(&c->s);
        c->s.now_ms += 100;
        mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms + c->s.now_ms);
    }
    assert_true(known(c, CULPRIT)->verdict > 0);
}

/* Whoever leaves has no session and no open lease; what it held is for others. */
static void has_left(leaving *c, uint32_t who) {
    mdl_message a;
    assert_true(known(c, who)->banned);
    assert_int_equal(known(c, who)->open, 0);
    assert_int_equal(type_of(&c->s, &c->w[who], fake_want(1), &a), MDL_MSG_REJECT);
    assert_true(a.as.reject.reason == MDL_REASON_BANNED || a.as.reject.reason == MDL_REASON_NO_SESSION);
    fake_new_session(&c->w[who]);
    refused(&c->s, &c->w[who], fake_hello(), MDL_REASON_BANNED);
}

static void has_stayed(leaving *c, uint32_t who) {
    assert_false(known(c, who)->banned);
    assert_int_equal(lease_of(c, who)->state, MDL_LEASE_OPEN);
    assert_int_equal(type_of(&c->s, &c->w[who], fake_want(1), NULL), MDL_MSG_GRANT);
}

/* One key, without a successor: it leaves, with a lease still open, and nobody else does. */
static void one_key_leaves(void **state) {
    (void)state;
    leaving *c = malloc(sizeof *c);
    assert_non_null(c);
    open_leaving(c);
    comes_and_takes(c, HEIR);
    comes_and_takes(c, BYSTANDER);
    comes_and_takes(c, CULPRIT);
    lies(c, CULPRIT);
    mdl_message again;
    assert_int_equal(type_of(&c->s, &c->w[CULPRIT], fake_want(1), &again), MDL_MSG_GRANT);
    assert_int_equal(sessions(c), 3);
    is_convicted(c);
    assert_int_equal(sessions(c), 2);
    c->grant[CULPRIT] = again;
    assert_int_not_equal(lease_of(c, CULPRIT)->state, MDL_LEASE_OPEN);
    has_left(c, CULPRIT);
    has_stayed(c, HEIR);
    has_stayed(c, BYSTANDER);
    close_leaving(c);
    free(c);
}

/* The lie is the predecessor's: its heir, who has a session and a lease, leaves for it. */
static void all_keys_of_a_line_leave(void **state) {
    (void)state;
    char text[MDL_KEY_ROTATE_TEXT + 1], error[200];
    leaving *c = malloc(sizeof *c);
    assert_non_null(c);
    open_leaving(c);
    comes_and_takes(c, BYSTANDER);
    comes_and_takes(c, CULPRIT);
    lies(c, CULPRIT);
    fake_worker *old = &c->w[CULPRIT], *heir = &c->w[HEIR];
    mdl_key_rotate_make(old->experiment, old->key, heir->key, old->secret, heir->secret, text);
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "rotate", old->key, text, c->s.now_ms, error, sizeof error),
                     MDL_OK);
    fake_commit(&c->s);
    comes_and_takes(c, HEIR);
    assert_int_equal(sessions(c), 2); /* the heir's, the bystander's */
    is_convicted(c);
    assert_int_equal(known(c, HEIR)->verdict, known(c, CULPRIT)->verdict);
    assert_int_equal(sessions(c), 1);
    assert_int_not_equal(lease_of(c, HEIR)->state, MDL_LEASE_OPEN);
    has_left(c, HEIR);
    has_left(c, CULPRIT);
    has_stayed(c, BYSTANDER);
    close_leaving(c);
    free(c);
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
        cmocka_unit_test(test_session_key),         cmocka_unit_test(test_rotation), cmocka_unit_test(one_key_leaves),
        cmocka_unit_test(all_keys_of_a_line_leave), cmocka_unit_test(test_prove),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
