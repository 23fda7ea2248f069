/* A coordinator with two histories is convicted by what its workers tell each other. */
#include "tests/worker/scripted.h"

#include "protocol/fraud.h"

static void records(scripted *s, uint64_t count, uint8_t byte) {
    while (s->leaves < count) {
        uint8_t record[2] = {byte, (uint8_t)s->leaves};
        mdl_merkle_leaf(record, sizeof record, &s->leaf[s->leaves++]);
    }
}

/* Serve until the worker has a receipt more, and stop before it asks about checkpoints. */
static void one_result(scripted *s) {
    uint64_t accepted = s->notices[MDL_NOTICE_ACCEPTED];
    for (int i = 0; i < 200 && s->notices[MDL_NOTICE_ACCEPTED] == accepted && !s->stopped; i++) {
        scripted_call *c = scripted_find(s, MDL_MSG_RESULT);
        if (c)
            scripted_serve(s, c);
        else if (s->calls > 0)
            scripted_serve(s, s->call[0]);
        else if (s->computing)
            scripted_computed(s);
        else
            scripted_timer(s);
    }
    assert_int_equal(s->notices[MDL_NOTICE_ACCEPTED], accepted + 1);
}

/* Serve all else until the worker asks about checkpoints. NULL: it does not, for a long time. */
static scripted_call *prove(scripted *s) {
    for (int i = 0; i < 500 && !s->stopped; i++) {
        scripted_call *c = scripted_find(s, MDL_MSG_PROVE);
        if (c)
            return c;
        if (s->calls > 0)
            scripted_serve(s, s->call[0]);
        else if (s->timer_ms != UINT64_MAX)
            scripted_timer(s);
        else
            s->now_ms += 100000; /* it waits for a computation, and nothing is due */
    }
    return NULL;
}

static void hear(scripted *s, const char *note, size_t size) {
    mdl_moment at = scripted_moment(s);
    mdl_worker_heard(s->w, &at, note, size);
}

static void expect_fork(const scripted *s) {
    mdl_fraud f;
    mdl_fraud_finding found;
    assert_true(s->stopped);
    assert_int_equal(s->code, MDL_STOP_LIED);
    assert_int_equal(s->frauds, 1);
    assert_int_equal(mdl_fraud_parse((mdl_text){s->fraud, s->fraud_size}, &f), MDL_OK);
    assert_int_equal(f.kind, MDL_FRAUD_FORK);
    mdl_fraud_verify(&f, &s->vkey, &found);
    assert_int_equal(found.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(found.culprit, s->vkey.key, sizeof found.culprit);
}

static void open_at(scripted *s, uint64_t leaves, uint8_t byte) {
    scripted_open(s, 1);
    mdl_worker_free(s->w);
    s->config.gossip_ms = 2000;
    scripted_worker(s);
    records(s, leaves, byte);
    scripted_to_work(s);
}

/* Each new checkpoint is asked about, proven and kept; nothing is asked when there is nothing new. */
static void test_honest(void **state) {
    (void)state;
    scripted s;
    open_at(&s, 5, 1);
    one_result(&s);
    assert_int_equal(s.checkpoints[1], 1); /* the first one is held as it comes */
    one_result(&s);
    scripted_call *c = prove(&s);
    assert_int_equal(c->m.as.prove.from, 6);
    assert_int_equal(c->m.as.prove.to, 7);
    assert_true(c->m.as.prove.checkpoint[0]);
    scripted_serve(&s, c);
    assert_int_equal(s.checkpoints[1], 2);
    mdl_worker_info info;
    mdl_worker_inform(s.w, s.now_ms, &info);
    assert_int_equal(info.held_records, 7);
    assert_null(prove(&s));
    assert_false(s.stopped);
    scripted_close(&s);
}

/* The next checkpoint does not continue the one we hold: what the log answers convicts it. */
static void test_rewritten(void **state) {
    (void)state;
    scripted s;
    open_at(&s, 5, 1);
    one_result(&s);
    mdl_merkle_leaf("other", 5, &s.leaf[2]);
    one_result(&s);
    scripted_serve(&s, prove(&s));
    expect_fork(&s);
    scripted_close(&s);
}

/* It proves nothing instead of convicting itself: it is left, without a proof. */
static void test_broken_answer(void **state) {
    (void)state;
    scripted s;
    mdl_message m;
    mdl_merkle_proof path;
    open_at(&s, 5, 1);
    one_result(&s);
    mdl_hash was = s.leaf[2];
    mdl_merkle_leaf("other", 5, &s.leaf[2]);
    one_result(&s);
    s.leaf[2] = was;
    scripted_call *c = prove(&s);
    scripted_proof_of(&s, c, &m, &path);
    scripted_say(&s, c, &m, (const uint8_t *)path.hash, m.as.proof.blob_size);
    assert_true(s.stopped && s.code == MDL_STOP_LIED);
    assert_int_equal(s.frauds, 0);
    assert_non_null(strstr(s.stop_text, "no proof"));
    scripted_close(&s);
}

/* Two workers, two histories of one log; each is served what continues its own. Gossip alone convicts. */
static void two_views(uint64_t first, uint64_t second, int direct) {
    scripted a, b;
    open_at(&a, first, 1);
    open_at(&b, second, 2);
    one_result(&a);
    one_result(&b);
    /* The smaller checkpoint is heard by whoever holds the larger one. */
    hear(&b, a.checkpoint[1], a.checkpoint_size[1]);
    if (!direct) {
        assert_false(b.stopped);
        scripted_call *c = prove(&b);
        assert_int_equal(c->m.as.prove.from, first + 1);
        assert_int_equal(c->m.as.prove.to, second + 1);
        assert_string_equal(c->m.as.prove.checkpoint, ""); /* nothing that shows why we ask */
        scripted_serve(&b, c);
    }
    expect_fork(&b);
    assert_false(a.stopped);
    scripted_close(&a);
    scripted_close(&b);
}

static void test_two_views(void **state) {
    (void)state;
    two_views(4, 9, 0);
    two_views(1, 30, 0);
    two_views(6, 6, 1);
}

/* A checkpoint that is ahead of ours waits until ours has passed it. */
static void test_ahead(void **state) {
    (void)state;
    for (int forked = 0; forked < 2; forked++) {
        scripted a, b;
        char note[1024];
        open_at(&a, 5, 1);
        one_result(&a);
        scripted_open(&b, 1);
        memcpy(b.leaf, a.leaf, sizeof b.leaf);
        b.leaves = forked ? 3 : a.leaves;
        records(&b, 12, 7);
        hear(&a, note, scripted_note(&b, 12, note));
        scripted_call *c = prove(&a); /* is there anything newer? not yet */
        assert_int_equal(c->m.as.prove.to, 0);
        scripted_serve(&a, c);
        assert_false(a.stopped);
        records(&a, 14, 7);
        scripted_serve(&a, prove(&a));
        assert_int_equal(a.notices[MDL_NOTICE_CHECKPOINT], 0);
        c = prove(&a);
        assert_int_equal(c->m.as.prove.from, 12);
        assert_int_equal(c->m.as.prove.to, 14);
        scripted_serve(&a, c);
        if (forked) {
            expect_fork(&a);
        } else {
            assert_false(a.stopped);
            assert_int_equal(a.notices[MDL_NOTICE_CHECKPOINT], 1);
            hear(&a, note, scripted_note(&b, 12, note)); /* again: that is known */
            assert_null(prove(&a));
        }
        scripted_close(&a);
        scripted_close(&b);
    }
}

/* What was held survives the process: a log that has been wound back is noticed at the next start. */
static void test_restart(void **state) {
    (void)state;
    for (int forked = 0; forked < 2; forked++) {
        scripted s;
        open_at(&s, 9, 1);
        one_result(&s);
        mdl_worker_free(s.w);
        for (uint32_t i = 0; i < s.calls; i++)
            free(s.call[i]);
        s.calls = 0;
        s.computing = 0;
        scripted_worker(&s);
        if (forked) {
            s.leaves = 0;
            records(&s, 25, 3);
        } else {
            s.leaves = 4; /* an old copy */
        }
        scripted_start(&s);
        scripted_call *c = scripted_await(&s, MDL_MSG_HELLO);
        scripted_serve(&s, c);
        while (!scripted_find(&s, MDL_MSG_PROVE))
            scripted_serve(&s, scripted_wait(&s));
        c = scripted_find(&s, MDL_MSG_PROVE);
        assert_int_equal(c->m.as.prove.from, 10);
        assert_int_equal(c->m.as.prove.to, 0);
        if (forked) {
            scripted_serve(&s, c);
            expect_fork(&s);
        } else {
            scripted_reject(&s, c, MDL_REASON_FORKED, "4 records here, one of 10 was signed", 0);
            assert_true(s.stopped && s.code == MDL_STOP_LIED);
            assert_non_null(strstr(s.stop_text, "10 records"));
        }
        scripted_close(&s);
    }
}

/* Others' notes that are none of this log's change nothing. */
static void test_foreign(void **state) {
    (void)state;
    scripted s, other;
    open_at(&s, 5, 1);
    one_result(&s);
    scripted_open(&other, 1);
    uint8_t key[32];
    scripted_keys(77, key, other.log_secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of("test.example/log"), MDL_NOTE_TYPE_ED25519, key, &other.vkey), MDL_OK);
    records(&other, 6, 9);
    char note[1024];
    hear(&s, note, scripted_note(&other, 6, note));
    hear(&s, "nonsense", 8);
    memcpy(note, s.checkpoint[1], s.checkpoint_size[1]);
    note[s.checkpoint_size[1] - 8] ^= 1; /* the signature */
    hear(&s, note, s.checkpoint_size[1]);
    assert_false(s.stopped);
    assert_int_equal(s.frauds, 0);
    scripted_close(&s);
    scripted_close(&other);
}

/* "Not now" is no lie; it is asked again. */
static void test_busy(void **state) {
    (void)state;
    scripted s;
    open_at(&s, 5, 1);
    one_result(&s);
    one_result(&s);
    scripted_reject(&s, prove(&s), MDL_REASON_BUSY, "", 1000);
    assert_false(s.stopped);
    scripted_serve(&s, prove(&s));
    assert_false(s.stopped);
    assert_int_equal(s.checkpoints[1], 2);
    scripted_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),    cmocka_unit_test(test_rewritten), cmocka_unit_test(test_broken_answer),
        cmocka_unit_test(test_two_views), cmocka_unit_test(test_ahead),     cmocka_unit_test(test_restart),
        cmocka_unit_test(test_foreign),   cmocka_unit_test(test_busy),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
