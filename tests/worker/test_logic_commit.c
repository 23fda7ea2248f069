/* The worker's logic where an experiment is verified: first the commitment, then what it binds; through lost receipts,
 * forgotten sessions and restarts. */
#include "tests/worker/scripted.h"

static void open_verified(scripted *s) {
    scripted_document = SCRIPTED_DOCUMENT("{}");
    scripted_open(s, 1);
    scripted_to_work(s);
    scripted_computed(s);
}

static void close_verified(scripted *s) {
    scripted_close(s);
    scripted_document = SCRIPTED_DOCUMENT("\"off\"");
}

/* Nothing of a result is shown before the receipt of its commitment. */
static void test_commits_first(void **state) {
    (void)state;
    scripted s;
    open_verified(&s);
    scripted_call *c = scripted_await(&s, MDL_MSG_COMMIT);
    uint64_t lease = c->m.as.commit.lease;
    assert_int_equal(s.kept_count, 2); /* draft and commitment */
    assert_null(scripted_find(&s, MDL_MSG_RESULT));
    scripted_serve(&s, c);
    assert_int_equal(s.settled_count, 0);
    c = scripted_await(&s, MDL_MSG_RESULT);
    assert_int_equal(c->m.as.result.lease, lease);
    scripted_serve(&s, c);
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    assert_int_equal(s.settled.record, 1);
    assert_int_equal(s.leaves, 2);
    assert_int_equal(s.kept_count, 0);
    close_verified(&s);
}

/* The commitment's receipt is lost, with the session in the end: the same commitment again, one record, and a receipt
 * for the first envelope serves. */
static void test_lost_receipt(void **state) {
    (void)state;
    scripted s;
    open_verified(&s);
    scripted_call *c = scripted_loses_receipts(&s, MDL_MSG_COMMIT);
    scripted_serve(&s, c);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_RESULT));
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    assert_int_equal(s.leaves, 2);
    assert_int_equal(s.kept_count, 0);
    close_verified(&s);
}

/* What is committed goes before other commitments. */
static void test_shows_before_it_commits(void **state) {
    (void)state;
    scripted s;
    open_verified(&s);
    scripted_call *c = scripted_await(&s, MDL_MSG_COMMIT);
    uint64_t lease = c->m.as.commit.lease;
    while (!s.computing) /* the next lease */
        scripted_serve(&s, scripted_await(&s, MDL_MSG_WANT));
    scripted_computed(&s);
    scripted_serve(&s, scripted_find(&s, MDL_MSG_COMMIT));
    c = scripted_await(&s, MDL_MSG_RESULT);
    assert_int_equal(c->m.as.result.lease, lease);
    assert_null(scripted_find(&s, MDL_MSG_COMMIT));
    scripted_serve(&s, c);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_COMMIT));
    scripted_serve(&s, scripted_await(&s, MDL_MSG_RESULT));
    assert_int_equal(s.settled_count, 2);
    assert_int_equal(s.leaves, 4);
    close_verified(&s);
}

enum { COMPUTED, COMMIT_SENT, COMMITTED, SHOWN, MOMENTS };

static mdl_err restore(scripted *s, const scripted_kept *k, uint32_t version) {
    return mdl_worker_restore(s->w, k->coordinator, version, k->envelope, k->size);
}

/* kill -9 of the worker at every moment: the next one commits to the same and shows it. */
static void test_restart(void **state) {
    (void)state;
    for (int moment = COMPUTED; moment < MOMENTS; moment++) {
        scripted s;
        open_verified(&s);
        scripted_call *c = scripted_await(&s, MDL_MSG_COMMIT);
        uint64_t lease = c->m.as.commit.lease;
        if (moment >= COMMIT_SENT)
            scripted_record(&s, c);
        if (moment >= COMMITTED) {
            scripted_serve(&s, c);
            c = scripted_await(&s, MDL_MSG_RESULT);
        }
        if (moment == SHOWN)
            scripted_record(&s, c);
        mdl_worker_free(s.w);
        scripted_worker(&s);
        while (s.calls > 0) {
            c = s.call[0];
            scripted_take(&s, c);
            free(c);
        }
        s.computing = 0;
        /* In the order of the outbox: the result's envelopes, then the commitment's. Neither in the other's place, and
         * no commitment alone. */
        assert_true(s.kept_count >= 2);
        for (uint32_t i = 0; i < s.kept_count; i++) {
            if (s.kept[i].version >= MDL_WORKER_VERSIONS_MAX)
                assert_int_equal(restore(&s, &s.kept[i], s.kept[i].version), MDL_EMISMATCH);
        }
        for (uint32_t version = 0; version < MDL_WORKER_KEPT_MAX; version++) {
            for (uint32_t i = 0; i < s.kept_count; i++) {
                const scripted_kept *k = &s.kept[i];
                if (k->version != version)
                    continue;
                assert_int_equal(restore(&s, k, (version + MDL_WORKER_VERSIONS_MAX) % MDL_WORKER_KEPT_MAX),
                                 MDL_EMISMATCH);
                assert_int_equal(restore(&s, k, version), MDL_OK);
            }
        }
        scripted_start(&s);
        scripted_serve(&s, scripted_await(&s, MDL_MSG_HELLO));
        scripted_serve(&s, scripted_await(&s, MDL_MSG_COMMIT)); /* that it is the same is checked there */
        scripted_serve(&s, scripted_await(&s, MDL_MSG_RESULT));
        assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
        assert_int_equal(s.settled.lease, lease);
        assert_int_equal(s.settled.updates, 20);
        assert_int_equal(s.settled.record, 1);
        assert_int_equal(s.leaves, 2);
        assert_int_equal(s.kept_count, 0);
        close_verified(&s);
    }
}

/* A commitment that comes too late: the result is settled as stale, and never shown. */
static void test_too_late(void **state) {
    (void)state;
    scripted s;
    open_verified(&s);
    scripted_reject(&s, scripted_await(&s, MDL_MSG_COMMIT), MDL_REASON_NO_SESSION, "", 0);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_HELLO));
    scripted_reject(&s, scripted_await(&s, MDL_MSG_COMMIT), MDL_REASON_LEASE_EXPIRED, "", 0);
    assert_int_equal(s.settled.state, MDL_NOTICE_STALE);
    assert_int_equal(s.settled.reason, MDL_REASON_LEASE_EXPIRED);
    assert_non_null(s.settled.envelope); /* what it computed */
    assert_int_equal(s.kept_count, 0);
    assert_int_equal(s.leaves, 0);
    close_verified(&s);
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commits_first),
        cmocka_unit_test(test_lost_receipt),
        cmocka_unit_test(test_shows_before_it_commits),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
