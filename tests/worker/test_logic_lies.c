/* The worker's logic: coordinators that contradict themselves, receipts that
 * prove nothing, answers that are not theirs. */
#include "tests/worker/scripted.h"

/* Signed contradictions: no more of this coordinator. */
static void test_lies(void **state) {
    (void)state;
    for (int lie = 0; lie < 10; lie++) {
        scripted s;
        mdl_message m;
        const uint8_t *blob;
        size_t size;
        scripted_open(&s, 1);
        scripted_advance(&s, 5);
        scripted_start(&s);
        scripted_call *c = scripted_wait(&s);
        scripted_welcome_of(&s, &m);
        if (lie == 0)
            m.as.welcome.worker[0] ^= 1;
        if (lie == 1)
            m.as.welcome.vkey[strlen(m.as.welcome.vkey) - 3] ^= 1;
        if (lie == 2)
            snprintf(m.as.welcome.origin, sizeof m.as.welcome.origin, "test.example/other");
        if (lie == 3)
            m.as.welcome.state[31] ^= 1;
        if (lie == 4)
            s.experiment[0] ^= 1; /* the document will not have this id */
        scripted_say(&s, c, &m, NULL, 0);
        if (lie >= 3) {
            c = scripted_wait(&s);
            assert_int_equal(c->m.type, MDL_MSG_FETCH);
            if (lie == 5) {
                memset(&m, 0, sizeof m);
                m.type = MDL_MSG_DOCUMENT;
                mdl_digest_of("{}", 2, m.as.document.digest);
                memcpy(m.as.document.blob, m.as.document.digest, 32);
                m.as.document.blob_size = 2;
                scripted_say(&s, c, &m, (const uint8_t *)"{}", 2);
            } else {
                scripted_serve(&s, c);
            }
        }
        if (!s.stopped) {
            c = scripted_wait(&s);
            assert_int_equal(c->m.type, MDL_MSG_SYNC);
            scripted_history_of(&s, c, &m, &blob, &size);
            static uint8_t changed[8 * SCRIPTED_JOBS];
            memcpy(changed, blob, size);
            if (lie == 6)
                m.as.history.state[0] ^= 1;
            if (lie == 7)
                changed[0] ^= 64; /* another fitness: another state follows */
            if (lie == 8)
                m.as.history.blob_size = size -= 8;
            if (lie == 9)
                m.as.history.from = m.as.history.to;
            if (lie == 9)
                m.as.history.blob_size = size = 0;
            mdl_digest_of(changed, size, m.as.history.blob);
            if (size == 0)
                memset(m.as.history.blob, 0, 32);
            scripted_say(&s, c, &m, changed, size);
        }
        assert_true(s.stopped);
        assert_int_equal(s.code, MDL_STOP_LIED);
        if (lie == 3 || lie == 6 || lie == 7)
            assert_non_null(strstr(s.stop_text, "computes other results"));
        scripted_close(&s);
    }
}

/* The state in news is checked, and so is a lease's range. */
static void test_later_lies(void **state) {
    (void)state;
    scripted s;
    scripted_open(&s, 1);
    scripted_to_work(&s);
    scripted_grant(&s, scripted_await(&s, MDL_MSG_WANT), 0, 3, 2); /* there are 4 jobs */
    assert_true(s.stopped);
    assert_int_equal(s.code, MDL_STOP_LIED);
    scripted_close(&s);

    scripted_open(&s, 1);
    scripted_to_work(&s);
    mdl_message m;
    scripted_reject(&s, scripted_await(&s, MDL_MSG_WANT), MDL_REASON_NO_SESSION, "", 0);
    scripted_welcome_of(&s, &m);
    m.as.welcome.state[5] ^= 4; /* of the generation where the worker stands */
    scripted_say(&s, scripted_await(&s, MDL_MSG_HELLO), &m, NULL, 0);
    assert_true(s.stopped);
    assert_int_equal(s.code, MDL_STOP_LIED);
    scripted_close(&s);

    scripted_open(&s, 1);
    scripted_to_work(&s);
    uint8_t seed_key[32];
    scripted_keys(7, seed_key, s.log_secret);
    mdl_vkey_make(mdl_text_of("test.example/log"), MDL_NOTE_TYPE_ED25519, seed_key, &s.vkey);
    scripted_reject(&s, scripted_await(&s, MDL_MSG_WANT), MDL_REASON_NO_SESSION, "", 0);
    scripted_serve(&s, scripted_await(&s, MDL_MSG_HELLO)); /* another ledger all of a sudden */
    assert_true(s.stopped);
    assert_int_equal(s.code, MDL_STOP_LIED);
    scripted_close(&s);
}

/* Receipts that prove nothing: the result stays until one does. */
static void test_wrong_receipts(void **state) {
    (void)state;
    scripted s;
    uint8_t bytes[MDL_RECEIPT_BYTES_MAX], key[32], secret[64];
    mdl_vkey other;
    scripted_open(&s, 1);
    scripted_to_work(&s);
    scripted_computed(&s);
    scripted_keys(8, key, secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of("test.example/log"), MDL_NOTE_TYPE_ED25519, key, &other), MDL_OK);
    for (int wrong = 0; wrong < 4; wrong++) {
        scripted_call *c = scripted_await(&s, MDL_MSG_RESULT);
        uint64_t record = scripted_record(&s, c);
        size_t size = scripted_receipt_bytes(&s, record, &s.vkey, s.log_secret, bytes, sizeof bytes);
        if (wrong == 0) /* signed by somebody else */
            size = scripted_receipt_bytes(&s, record, &other, secret, bytes, sizeof bytes);
        if (wrong == 1) { /* for another record */
            s.leaf[s.leaves] = s.leaf[record];
            s.leaf[s.leaves++].bytes[0] ^= 1;
            size = scripted_receipt_bytes(&s, record + 1, &s.vkey, s.log_secret, bytes, sizeof bytes);
        }
        if (wrong == 2)
            bytes[size - 5] ^= 1;
        if (wrong == 3)
            size = MDL_FRAME_HEAD_BYTES + 1;
        scripted_reply(&s, c, bytes, size);
        assert_int_equal(s.settled_count, 0);
        assert_true(s.kept_count >= 1);
        assert_int_equal(s.notices[MDL_NOTICE_ERROR], (uint32_t)wrong + 1);
    }
    scripted_serve(&s, scripted_await(&s, MDL_MSG_RESULT));
    assert_int_equal(s.settled_count, 1);
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    scripted_close(&s);
}

/* Answers that are not the coordinator's, or not to this call, change nothing. */
static void test_false_answers(void **state) {
    (void)state;
    scripted s;
    mdl_message m;
    uint8_t *bytes, key[32], secret[64];
    scripted_open(&s, 1);
    scripted_keys(8, key, secret);
    scripted_start(&s);
    for (int i = 0; i < 6; i++) {
        scripted_call *c = scripted_wait(&s);
        assert_int_equal(c->m.type, MDL_MSG_HELLO);
        scripted_welcome_of(&s, &m);
        m.head = c->m.head;
        memcpy(m.head.experiment, s.experiment, 32);
        if (i == 1)
            m.head.seq++;
        if (i == 2)
            m.head.session[0] ^= 1;
        if (i == 3) {
            memset(&m.as, 0, sizeof m.as);
            m.type = MDL_MSG_PONG;
        }
        size_t size = scripted_seal(i == 0 ? secret : s.secret, &m, NULL, 0, &bytes);
        if (i == 4)
            size--;
        if (i == 5)
            bytes[size / 2] ^= 1;
        scripted_reply(&s, c, bytes, size);
        free(bytes);
        assert_int_equal(s.notices[MDL_NOTICE_CONNECTED], 0);
        assert_int_equal(s.notices[MDL_NOTICE_ABSENT], (uint32_t)i + 1);
    }
    scripted_serve(&s, scripted_wait(&s));
    assert_int_equal(s.notices[MDL_NOTICE_CONNECTED], 1);
    scripted_close(&s);
}

/* Any bytes at any time: no crash, no settled result, no stop. */
static void test_noise(void **state) {
    (void)state;
    scripted s;
    uint8_t noise[2048];
    scripted_open(&s, 1);
    scripted_to_work(&s);
    scripted_computed(&s);
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 2000; i++) {
        scripted_call *c = scripted_wait(&s);
        for (size_t k = 0; k < sizeof noise; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            noise[k] = (uint8_t)x;
        }
        if (i % 2)
            memset(noise, 0, 4); /* a receipt's head */
        scripted_reply(&s, c, noise, (size_t)(x % sizeof noise));
        mdl_moment at = scripted_moment(&s);
        mdl_worker_news(s.w, &at, 0, noise, sizeof noise);
    }
    assert_int_equal(s.settled_count, 0);
    assert_false(s.stopped);
    while (s.settled_count == 0)
        scripted_serve(&s, scripted_wait(&s));
    assert_int_equal(s.settled.state, MDL_NOTICE_ACCEPTED);
    scripted_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies),          cmocka_unit_test(test_later_lies), cmocka_unit_test(test_wrong_receipts),
        cmocka_unit_test(test_false_answers), cmocka_unit_test(test_noise),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
