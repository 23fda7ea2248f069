/* The worker's logic: honest runs, refusals, losses, absence, stops. */
#include "protocol/ticket.h"
#include "tests/worker/scripted.h"

static void test_whole_run(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_start(&s);
    int together = 0;
    while (!s.stopped) {
        uint32_t jobs = mdl_evolution_job_count(s.model->evolution), have = 0;
        for (uint32_t i = 0; i < jobs; i++)
            have += (uint32_t)s.has[i];
        if (jobs > 0 && have == jobs) {
            scripted_advance(&s, 0);
            scripted_news(&s);
        } else if (s.calls > 0) {
            scripted_serve(&s, s.call[0]);
        } else if (s.computing) {
            mdl_worker_info info;
            mdl_worker_inform(s.w, s.now_ms, &info);
            together |= info.leases == 2;
            scripted_computed(&s);
        } else {
            scripted_timer(&s);
        }
    }
    assert_int_equal(s.code, MDL_STOP_FINISHED);
    assert_true(together); /* the next lease was there before the first was done */
    mdl_worker_info info;
    mdl_worker_inform(s.w, s.now_ms, &info);
    /* 4 + 5 + 5 jobs in leases of 2 and 1: the last generation validates. */
    assert_int_equal(info.accepted, s.settled_count);
    assert_int_equal(info.stale + info.rejected, 0);
    assert_int_equal(info.credit, 10 * (uint64_t)(s.history_size / 8));
    assert_true(info.generation >= 2); /* after the last one it may hear of the end first */
    assert_int_equal(s.kept_count, 0);
    assert_int_equal(s.notices[MDL_NOTICE_ERROR], 0);
    assert_int_equal(s.notices[MDL_NOTICE_GENERATION], info.generation + 1);
    scripted_close(&s);
}

/* From the start to the first result, which waits for an answer. */
static scripted_call *first_result(scripted *s) {
    scripted_open(s, 1);
    scripted_to_work(s);
    scripted_computed(s);
    return scripted_await(s, MDL_MSG_RESULT);
}

/* The result once more, with no other work meanwhile. */
static scripted_call *result_again(scripted *s) {
    while (scripted_find(s, MDL_MSG_RESULT) == NULL) {
        if (s->calls)
            scripted_idle(s, s->call[0], MDL_REASON_NOTHING_LEFT, 1000);
        else
            scripted_timer(s);
    }
    return scripted_find(s, MDL_MSG_RESULT);
}

/* Everything a coordinator may answer to a result. */
static void test_result_refused(void **state) {
    (void)state;
    for (unsigned reason = 1; reason <= 34; reason++) {
        scripted s;
        scripted_call *c = first_result(&s);
        uint64_t seq = c->m.head.seq;
        scripted_reject(&s, c, reason, "because", 40);
        switch (reason) {
        case MDL_REASON_BANNED:
        case MDL_REASON_NOT_ADMITTED:
        case MDL_REASON_BAD_TICKET:
        case MDL_REASON_BAD_INVITE:
        case MDL_REASON_WEAK_KEY:
        case MDL_REASON_OLD_VERSION:
        case MDL_REASON_NEW_VERSION:
        case MDL_REASON_WRONG_RESULTS:
            assert_true(s.stopped);
            assert_int_equal(s.code, MDL_STOP_REFUSED);
            assert_non_null(strstr(s.stop_text, "because"));
            break;
        case MDL_REASON_REJECT_FINISHED:
            assert_true(s.stopped);
            assert_int_equal(s.code, MDL_STOP_FINISHED);
            break;
        case MDL_REASON_NO_SESSION:
        case MDL_REASON_STALE_SESSION:
        case MDL_REASON_SOMEONE_ELSES_SESSION:
        case MDL_REASON_STALE_SEQUENCE:
        case MDL_REASON_REPLAY_MISMATCH:
        case MDL_REASON_WRONG_EXPERIMENT:
            /* Hello again with another session, and the result once more, signed anew. */
            scripted_serve(&s, scripted_await(&s, MDL_MSG_HELLO));
            c = scripted_await(&s, MDL_MSG_RESULT);
            scripted_serve(&s, c);
            assert_int_equal(s.settled_count, 1);
            assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
            break;
        case MDL_REASON_RATE_LIMITED:
        case MDL_REASON_REJECT_PAUSED:
        case MDL_REASON_BUSY:
        case MDL_REASON_INTERNAL: {
            uint64_t since = s.now_ms;
            c = result_again(&s);
            assert_true(s.now_ms >= since + 40);
            assert_true(c->m.head.seq == seq); /* the same bytes */
            scripted_serve(&s, c);
            assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
            break;
        }
        case MDL_REASON_NO_LEASE:
        case MDL_REASON_LEASE_EXPIRED:
        case MDL_REASON_DUPLICATE:
            assert_int_equal(s.settled_count, 1);
            assert_int_equal(s.settled.state, MDL_NOTICE_STALE);
            assert_int_equal(s.settled.reason, reason);
            assert_int_equal(s.notices[MDL_NOTICE_STALE], 1);
            break;
        default:
            assert_int_equal(s.settled_count, 1);
            assert_int_equal(s.settled.state, MDL_NOTICE_REJECTED);
            assert_string_equal(s.settled_text, "because");
            assert_int_equal(s.notices[MDL_NOTICE_REJECTED], 1);
            assert_false(s.stopped);
        }
        scripted_close(&s);
    }
}

static void test_hello_refused(void **state) {
    (void)state;
    for (unsigned reason = 1; reason <= 34; reason++) {
        scripted s;
        scripted_open(&s, 1);
        scripted_start(&s);
        scripted_call *c = scripted_wait(&s);
        assert_int_equal(c->m.type, MDL_MSG_HELLO);
        uint8_t session[MDL_SESSION_BYTES];
        memcpy(session, c->m.head.session, sizeof session);
        scripted_reject(&s, c, reason, "", 0);
        if (s.stopped) {
            assert_true(reason == MDL_REASON_REJECT_FINISHED ? s.code == MDL_STOP_FINISHED
                                                             : s.code == MDL_STOP_REFUSED);
            /* The reason in words, though the text was empty. */
            if (s.code == MDL_STOP_REFUSED && reason != MDL_REASON_BAD_TICKET)
                assert_non_null(strstr(s.stop_text, mdl_reason_sentence(reason)));
        } else {
            c = scripted_wait(&s);
            assert_int_equal(c->m.type, MDL_MSG_HELLO);
            assert_memory_not_equal(session, c->m.head.session, sizeof session);
            scripted_serve(&s, c);
            assert_int_equal(s.notices[MDL_NOTICE_CONNECTED], 1);
        }
        scripted_close(&s);
    }
}

static void test_ticket(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_start(&s);
    scripted_reject(&s, scripted_wait(&s), MDL_REASON_BAD_TICKET, "the ticket is short: needs 12 bits", 0);
    scripted_call *c = scripted_wait(&s);
    assert_int_equal(c->m.type, MDL_MSG_HELLO);
    assert_true(mdl_ticket_bits(s.experiment, s.config.key, c->m.as.hello.ticket) >= 12);
    /* One that asks for ever more is left. */
    scripted_reject(&s, c, MDL_REASON_BAD_TICKET, "needs 1 bits", 0);
    scripted_reject(&s, scripted_wait(&s), MDL_REASON_BAD_TICKET, "needs 1 bits", 0);
    scripted_reject(&s, scripted_wait(&s), MDL_REASON_BAD_TICKET, "needs 1 bits", 0);
    assert_true(s.stopped);
    assert_int_equal(s.code, MDL_STOP_REFUSED);
    scripted_close(&s);
}

/* The answer to a result is lost, with the session in the end: one record. */
static void test_lost_receipt(void **state) {
    (void)state;
    scripted s;
    first_result(&s);
    scripted_call *c = scripted_loses_receipts(&s, MDL_MSG_RESULT);
    scripted_serve(&s, c); /* a receipt for the first envelope */
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    assert_int_equal(s.settled.record, 0);
    assert_int_equal(s.leaves, 1);
    assert_int_equal(s.kept_count, 0);
    scripted_close(&s);
}

/* A network that doubles calls: a copy of what was refused for now gets in after all, behind our back. However often
 * the worker is told to wait, the receipt is for something that it still has. */
static void test_refused_and_taken(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_to_work(&s);
    scripted_computed(&s);
    for (int i = 0; i < 3 * MDL_WORKER_VERSIONS_MAX; i++) {
        scripted_call *c = scripted_await(&s, MDL_MSG_RESULT);
        if (i == 0)
            scripted_record(&s, c);
        scripted_reject(&s, c, MDL_REASON_RATE_LIMITED, "because", 40);
        result_again(&s);
    }
    scripted_serve(&s, scripted_find(&s, MDL_MSG_RESULT));
    assert_int_equal(s.settled_count, 1);
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    assert_int_equal(s.settled.record, 0);
    scripted_close(&s);
}

/* kill -9 of the worker: what the outbox holds is delivered by the next one. */
static void test_outbox(void **state) {
    (void)state;
    for (int was_sent = 0; was_sent < 2; was_sent++) {
        scripted s;
        scripted_open(&s, 1);
        scripted_to_work(&s);
        if (!was_sent) { /* computed in the absence of the coordinator */
            while (s.calls > 0)
                scripted_reject(&s, s.call[0], MDL_REASON_NO_SESSION, "", 0);
        }
        scripted_computed(&s);
        if (was_sent)
            scripted_record(&s, scripted_await(&s, MDL_MSG_RESULT));
        assert_int_equal(s.kept_count, 1);
        mdl_worker_free(s.w);
        scripted_worker(&s);
        while (s.calls > 0) {
            scripted_call *c = s.call[0];
            scripted_take(&s, c);
            free(c);
        }
        s.computing = 0;
        uint64_t lease = s.kept[0].lease;
        /* A damaged file and another key's are not taken. */
        s.kept[0].envelope[s.kept[0].size / 2] ^= 1;
        assert_int_not_equal(
            mdl_worker_restore(s.w, s.kept[0].coordinator, s.kept[0].version, s.kept[0].envelope, s.kept[0].size),
            MDL_OK);
        s.kept[0].envelope[s.kept[0].size / 2] ^= 1;
        assert_int_equal(
            mdl_worker_restore(s.w, s.kept[0].coordinator, MDL_WORKER_VERSIONS_MAX, s.kept[0].envelope, s.kept[0].size),
            MDL_EMISMATCH);
        assert_int_equal(
            mdl_worker_restore(s.w, s.kept[0].coordinator, s.kept[0].version, s.kept[0].envelope, s.kept[0].size),
            MDL_OK);
        scripted_start(&s);
        /* In hello the experiment is not known: the result waits for the welcome. */
        scripted_serve(&s, scripted_await(&s, MDL_MSG_HELLO));
        scripted_serve(&s, scripted_await(&s, MDL_MSG_RESULT));
        assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
        assert_int_equal(s.settled.lease, lease);
        assert_int_equal(s.settled.updates, 20);
        assert_int_equal(s.leaves, 1);
        assert_int_equal(s.kept_count, 0);
        scripted_close(&s);
    }
}

/* Nobody answers for an hour: both leases are computed, pauses grow to a
 * minute, and then all is delivered. */
static void test_absence(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_to_work(&s);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_WANT)); /* the second lease */
    scripted_computed(&s);
    assert_true(s.computing);
    scripted_computed(&s);
    assert_false(s.computing);
    uint64_t until = s.now_ms + 3600000, last = s.now_ms, longest = 0;
    uint32_t tries = 0;
    while (s.now_ms < until) {
        if (s.calls > 0) {
            s.now_ms += 10;
            uint64_t pause = s.now_ms - last;
            longest = pause > longest ? pause : longest;
            last = s.now_ms;
            tries++;
            scripted_reply(&s, s.call[0], NULL, 0);
        } else {
            scripted_timer(&s);
        }
    }
    assert_true(longest <= 61000 && longest >= 20000);
    assert_true(tries < 300);
    assert_true(s.notices[MDL_NOTICE_IDLE] >= 1);
    assert_int_equal(s.settled_count, 0);
    mdl_moment at = scripted_moment(&s);
    mdl_worker_link(s.w, &at, 0, 1); /* at once, not after the pause */
    assert_true(s.calls > 0);
    while (s.settled_count < 2)
        scripted_serve(&s, scripted_wait(&s));
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    assert_int_equal(s.leaves, 2);
    scripted_close(&s);
}

static void test_failover(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 2);
    uint8_t other_secret[MDL_SECRET_BYTES];
    scripted_keys(9, s.config.place[0].key, other_secret);
    mdl_worker_free(s.w);
    scripted_worker(&s);
    scripted_start(&s);
    for (int i = 0; i < MDL_WORKER_TRIES; i++) {
        scripted_call *c = scripted_wait(&s);
        assert_int_equal(c->place, 0);
        scripted_reply(&s, c, NULL, 0);
    }
    assert_int_equal(s.left[0], 1);
    uint64_t since = s.now_ms;
    while (!s.computing) {
        scripted_call *c = scripted_wait(&s);
        assert_int_equal(c->place, 1);
        scripted_serve(&s, c);
    }
    /* A minute later it looks at the first one, without a word to the second. */
    scripted_call *c = NULL;
    while (!c) {
        c = s.calls > 0 && s.call[0]->place == 0 ? s.call[0] : NULL;
        if (!c && s.calls > 0)
            scripted_idle(&s, s.call[0], MDL_REASON_NOTHING_LEFT, 1000);
        else if (!c)
            scripted_timer(&s);
    }
    assert_true(s.now_ms >= since + MDL_WORKER_PROBE_MS);
    assert_int_equal(c->m.type, MDL_MSG_HELLO);
    /* The first answers: what is leased here is finished, then it goes back. */
    uint8_t right_key[32], right_secret[64];
    memcpy(right_key, s.key, 32);
    memcpy(right_secret, s.secret, 64);
    memcpy(s.secret, other_secret, 64);
    scripted_serve(&s, c);
    memcpy(s.secret, right_secret, 64);
    assert_int_equal(s.left[1], 0);
    scripted_computed(&s);
    while (s.left[1] == 0) {
        c = scripted_wait(&s);
        assert_int_equal(c->place, 1);
        assert_int_not_equal(c->m.type, MDL_MSG_WANT);
        scripted_serve(&s, c);
    }
    assert_int_equal(s.settled_count, 1);
    c = scripted_wait(&s);
    assert_int_equal(c->place, 0);
    assert_int_equal(c->m.type, MDL_MSG_HELLO);
    scripted_close(&s);
}

/* The generation closes while its jobs are computed: they end, it follows. */
static void test_news(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_to_work(&s);
    scripted_advance(&s, 3);
    scripted_advance(&s, 3);
    scripted_news(&s);
    assert_true(s.cancelled);
    while (s.calls > 0) /* what was asked before has its answer */
        scripted_idle(&s, s.call[0], MDL_REASON_WAITING_FOR_GENERATION, 10);
    scripted_computed(&s);
    assert_int_equal(s.notices[MDL_NOTICE_STALE], 1);
    assert_int_equal(s.settled_count, 0);
    scripted_call *c = scripted_wait(&s); /* two generations in two pieces */
    assert_int_equal(c->m.type, MDL_MSG_SYNC);
    assert_int_equal(c->m.as.sync.generation, 0);
    scripted_serve(&s, c);
    c = scripted_wait(&s);
    assert_int_equal(c->m.as.sync.generation, 1);
    scripted_serve(&s, c);
    while (!s.computing)
        scripted_serve(&s, scripted_wait(&s));
    mdl_worker_info info;
    mdl_worker_inform(s.w, s.now_ms, &info);
    assert_int_equal(info.generation, 2);
    scripted_close(&s);
}

/* A coordinator that stands further back than the worker: begin again with it. */
static void test_goes_back(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_advance(&s, 5);
    scripted_to_work(&s);
    mdl_model_free(s.model);
    scripted_model(&s);
    s.history_size = 0;
    s.granted = 0;
    scripted_reject(&s, scripted_await(&s, MDL_MSG_WANT), MDL_REASON_NO_SESSION, "", 0);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_HELLO));
    assert_true(s.cancelled);
    scripted_computed(&s);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_FETCH));
    while (!s.computing)
        scripted_serve(&s, scripted_wait(&s));
    mdl_worker_info info;
    mdl_worker_inform(s.w, s.now_ms, &info);
    assert_int_equal(info.generation, 0);
    assert_false(s.stopped);
    scripted_close(&s);
}

static void test_stop(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        scripted s;
        scripted_open(&s, 1);
        scripted_to_work(&s);
        uint64_t began = s.now_ms;
        if (how >= 2) { /* a result is on its way */
            scripted_computed(&s);
            began = s.now_ms;
            scripted_await(&s, MDL_MSG_RESULT);
        }
        mdl_moment at = scripted_moment(&s);
        mdl_worker_stop(s.w, &at);
        if (how < 2)
            assert_true(s.cancelled);
        if (how == 2)
            scripted_serve(&s, scripted_find(&s, MDL_MSG_RESULT));
        while (!s.stopped) {
            scripted_call *c = scripted_find(&s, MDL_MSG_BYE);
            if (c && (how == 0 || how == 2))
                scripted_serve(&s, c);
            else
                scripted_timer(&s);
        }
        assert_int_equal(s.code, MDL_STOP_ASKED);
        assert_true(s.now_ms <= began + MDL_WORKER_GOODBYE_MS);
        assert_int_equal(s.settled_count, how == 2);
        assert_true(how != 3 || s.kept_count > 0); /* the next start delivers it */
        scripted_close(&s);
    }
}

static void test_once(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    s.config.once = 1;
    mdl_worker_free(s.w);
    scripted_worker(&s);
    scripted_to_work(&s);
    assert_int_equal(s.calls, 0); /* no second lease */
    scripted_computed(&s);
    while (!s.stopped)
        scripted_serve(&s, scripted_wait(&s));
    assert_int_equal(s.code, MDL_STOP_ASKED);
    assert_int_equal(s.settled_count, 1);
    scripted_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_run),
        cmocka_unit_test(test_result_refused),
        cmocka_unit_test(test_hello_refused),
        cmocka_unit_test(test_ticket),
        cmocka_unit_test(test_lost_receipt),
        cmocka_unit_test(test_outbox),
        cmocka_unit_test(test_absence),
        cmocka_unit_test(test_failover),
        cmocka_unit_test(test_news),
        cmocka_unit_test(test_goes_back),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_refused_and_taken),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
