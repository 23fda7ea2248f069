/* Tickets and invitations (chapter 3), and the pinned reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/invite.h"
#include "protocol/reason.h"
#include "protocol/ticket.h"
#include "tests/support/message_fixture.h"
#include "tests/support/vectors.h"

static void check_ticket(void *ctx, size_t count, char **field) {
    (void)ctx;
    uint8_t experiment[32], key[32];
    assert_int_equal(count, 4);
    vectors_hex(field[0], experiment, sizeof experiment);
    vectors_hex(field[1], key, sizeof key);
    uint64_t nonce = vectors_u64(field[2]), found = 0;
    uint32_t bits = (uint32_t)vectors_u64(field[3]);
    assert_int_equal(mdl_ticket_bits(experiment, key, nonce), bits);
    if (nonce > 0 && nonce != UINT64_MAX && bits >= 4) {
        /* In pieces, and with a limit that stops right before it. */
        assert_int_equal(mdl_ticket_find(experiment, key, bits, nonce, &found), MDL_ENOENT);
        assert_int_equal(found, nonce);
        assert_int_equal(mdl_ticket_find(experiment, key, bits, 1, &found), MDL_OK);
        assert_int_equal(found, nonce);
    }
    /* Bound to the key and the experiment. */
    if (bits >= 8) {
        key[31] ^= 1;
        assert_true(mdl_ticket_bits(experiment, key, nonce) < bits);
        key[31] ^= 1;
        experiment[0] ^= 1;
        assert_true(mdl_ticket_bits(experiment, key, nonce) < bits);
    }
}

static void test_tickets(void **state) {
    (void)state;
    assert_int_equal(vectors_load("tickets", check_ticket, NULL), 7);
    uint8_t zero[32] = {0};
    uint64_t nonce = 123;
    assert_int_equal(mdl_ticket_find(zero, zero, 0, 1, &nonce), MDL_OK);
    assert_int_equal(nonce, 123);
    assert_int_equal(mdl_ticket_find(zero, zero, MDL_TICKET_BITS_MAX + 1, 1, &nonce), MDL_ERANGE);
    assert_int_equal(mdl_ticket_find(zero, zero, MDL_TICKET_BITS_MAX, 0, &nonce), MDL_ENOENT);
    nonce = UINT64_MAX; /* wraps */
    assert_int_equal(mdl_ticket_find(zero, zero, 6, 4096, &nonce), MDL_OK);
    assert_true(nonce < 4096);
    assert_true(mdl_ticket_bits(zero, zero, nonce) >= 6);
}

typedef struct invitations {
    uint8_t seed[2][32], key[2][32], experiment[32];
    int ok, refused;
} invitations;

static void check_invitation(void *ctx, size_t count, char **field) {
    invitations *v = ctx;
    if (count == 3) {
        int owner = strcmp(field[0], "owner") == 0;
        if (strcmp(field[0], "experiment") == 0) {
            vectors_hex(field[1], v->experiment, 32);
            return;
        }
        vectors_hex(field[1], v->seed[owner], 32);
        vectors_hex(field[2], v->key[owner], 32);
        return;
    }
    assert_int_equal(count, 4);
    char text[MDL_INVITE_BYTES_MAX + 1];
    uint8_t worker[32];
    mdl_msg_invite terms;
    size_t size = strlen(field[3]) / 2;
    assert_true(size < sizeof text);
    vectors_hex(field[2], worker, 32);
    vectors_hex(field[3], (uint8_t *)text, size);
    text[size] = '\0';
    const char *why = "";
    const uint8_t(*owners)[32] = (const uint8_t(*)[32])v->key[1];
    mdl_reason got =
        mdl_invite_check(text, v->experiment, worker, v->key[0], owners, 1, vectors_u64(field[1]), &terms, &why);
    if (strcmp(field[0], "ok") == 0) {
        v->ok++;
        assert_int_equal(got, MDL_REASON_NONE);
        assert_memory_equal(terms.worker, worker, 32);
        assert_memory_equal(terms.owner, v->key[1], 32);
        assert_string_equal(terms.name, "rack-3");
        /* Every changed byte is refused. */
        for (size_t i = 0; i < size; i++) {
            text[i] ^= 1;
            assert_int_equal(mdl_invite_check(text, v->experiment, worker, v->key[0], owners, 1, 0, &terms, NULL),
                             MDL_REASON_BAD_INVITE);
            text[i] ^= 1;
        }
    } else {
        v->refused++;
        assert_string_equal(field[0], "refused");
        assert_int_equal(got, MDL_REASON_BAD_INVITE);
        assert_true(strlen(why) > 0);
    }
}

static void test_invitations(void **state) {
    (void)state;
    invitations v = {.ok = 0};
    vectors_load("invitations", check_invitation, &v);
    assert_int_equal(v.ok, 3);
    assert_int_equal(v.refused, 7);
}

static void test_invite_sign(void **state) {
    (void)state;
    uint8_t key[32], secret[64], worker[32], worker_secret[64], experiment[32];
    char text[MDL_INVITE_BYTES_MAX + 1];
    mdl_msg_invite terms = {.expires = UINT64_MAX}, out;
    fixture_key(1, key, secret);
    fixture_key(2, worker, worker_secret);
    memset(experiment, 0xff, sizeof experiment);
    memcpy(terms.worker, worker, 32);
    memcpy(terms.owner, key, 32);
    memset(terms.name, '\\', 64); /* the longest there is */
    assert_int_equal(mdl_invite_sign(experiment, &terms, secret, text), MDL_OK);
    assert_int_equal(mdl_invite_check(text, experiment, worker, key, NULL, 0, UINT64_MAX - 1, &out, NULL),
                     MDL_REASON_NONE);
    assert_memory_equal(&out, &terms, sizeof out);
    /* It travels in hello as it is. */
    static mdl_message m;
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX];
    uint64_t list[MDL_LIST_MAX];
    size_t size;
    fixture_message(&m, MDL_MSG_HELLO, FIXTURE_MIDDLE, list);
    memcpy(m.as.hello.invite, text, strlen(text) + 1);
    assert_int_equal(mdl_message_encode(&m, payload, sizeof payload, &size, NULL), MDL_OK);
    terms.name[0] = '\n';
    assert_int_equal(mdl_invite_sign(experiment, &terms, secret, text), MDL_ERANGE);
    /* Not even an envelope, an envelope of another type, and nothing. */
    const char *why = NULL;
    assert_int_equal(mdl_invite_check("", experiment, worker, key, NULL, 0, 0, &out, &why), MDL_REASON_BAD_INVITE);
    assert_non_null(why);
    uint8_t work[1024];
    assert_int_equal(
        mdl_envelope_sign("ping", (const uint8_t *)"{}", 2, secret, work, (uint8_t *)text, MDL_INVITE_BYTES_MAX, &size),
        MDL_OK);
    text[size] = '\0';
    assert_int_equal(mdl_invite_check(text, experiment, worker, key, NULL, 0, 0, &out, NULL), MDL_REASON_BAD_INVITE);
    char too_long[MDL_INVITE_BYTES_MAX + 2];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(mdl_invite_check(too_long, experiment, worker, key, NULL, 0, 0, &out, NULL),
                     MDL_REASON_BAD_INVITE);
}

/* Values are unique, pinned, and fit into a reject. */
static void test_reasons(void **state) {
    (void)state;
    int known = 0;
    for (unsigned i = 0; i < 70000; i++) {
        const char *name = mdl_reason_name(i), *sentence = mdl_reason_sentence(i);
        assert_true(strlen(name) > 0 && strlen(name) <= 32);
        assert_true(strlen(sentence) > 0 && strlen(sentence) <= 160);
        if (strcmp(name, "unknown") == 0 || i == 0) {
            continue;
        }
        known++;
        assert_true((i < 40) || (i >= 100 && i < 120) || (i >= 200 && i < 220));
        for (unsigned j = 1; j < i; j++) {
            if (j < 300) {
                assert_string_not_equal(mdl_reason_name(j), name);
            }
        }
    }
    int listed = 0;
#define X(NAME, name, value, sentence) listed++;
    MDL_REASON_MAP(X)
#undef X
    assert_int_equal(known, listed);
    assert_int_equal(MDL_REASON_BAD_FRAME, 1);
    assert_int_equal(MDL_REASON_REPLAY_MISMATCH, 17);
    assert_int_equal(MDL_REASON_DUPLICATE, 33);
    assert_int_equal(MDL_REASON_WAITING_FOR_GENERATION, 100);
    assert_int_equal(MDL_REASON_DEADLINE, 200);
    assert_string_equal(mdl_reason_name(UINT32_MAX), "unknown");
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tickets),
        cmocka_unit_test(test_invitations),
        cmocka_unit_test(test_invite_sign),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
