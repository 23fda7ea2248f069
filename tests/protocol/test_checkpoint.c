#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/checkpoint.h"
#include "tests/support/vectors.h"

static const char origin[] = "modulon.example/log";
/* Base64 of 32 zero bytes. */
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

typedef struct signer {
    mdl_vkey key;
    uint8_t secret[MDL_NOTE_SECRET_BYTES];
} signer;

static signer from_seed(const char *name, uint8_t type, const uint8_t seed[32]) {
    signer s;
    uint8_t public[MDL_NOTE_KEY_BYTES];
    crypto_sign_seed_keypair(public, s.secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of(name), type, public, &s.key), MDL_OK);
    return s;
}

static signer make(const char *name, uint8_t type, uint8_t number) {
    uint8_t seed[32];
    memset(seed, number, sizeof seed);
    return from_seed(name, type, seed);
}

static void checkpoint_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 4);
    uint8_t seed[32], expected[2048];
    char printed[2048];
    vectors_hex(field[0], seed, sizeof seed);
    signer log = from_seed(origin, MDL_NOTE_TYPE_ED25519, seed);
    mdl_checkpoint c = {.origin = mdl_text_of(origin), .size = vectors_u64(field[1])}, back;
    vectors_hex(field[2], c.root.bytes, MDL_HASH_BYTES);
    size_t size = strlen(field[3]) / 2;
    vectors_hex(field[3], expected, size);
    mdl_text_out out = {printed, sizeof printed, 0};
    assert_int_equal(mdl_checkpoint_sign(&c, &log.key, log.secret, &out), MDL_OK);
    assert_int_equal(out.size, size);
    assert_memory_equal(printed, expected, size);
    static mdl_log_policy policy;
    policy = (mdl_log_policy){.log = log.key};
    assert_int_equal(mdl_checkpoint_verify((mdl_text){printed, size}, &policy, &back, NULL), MDL_OK);
    assert_true(back.size == c.size && mdl_hash_equal(&back.root, &c.root));
    assert_true(mdl_text_equal(back.origin, c.origin) && back.extension.size == 0);
    for (size_t room = 0; room < size; room++) {
        mdl_text_out small = {printed, room, 0};
        assert_int_equal(mdl_checkpoint_sign(&c, &log.key, log.secret, &small), MDL_ESIZE);
    }
}

static void cosignature_case(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 5);
    uint8_t seed[32], text[1024], expected[512];
    char line[MDL_NOTE_LINE_MAX];
    vectors_hex(field[0], seed, sizeof seed);
    signer w = from_seed(field[1], MDL_NOTE_TYPE_COSIGNATURE, seed);
    size_t text_size = strlen(field[3]) / 2, size = strlen(field[4]) / 2;
    vectors_hex(field[3], text, text_size);
    vectors_hex(field[4], expected, size);
    mdl_text_out out = {line, sizeof line, 0};
    mdl_text note_text = {(const char *)text, text_size};
    assert_int_equal(mdl_checkpoint_cosign(note_text, &w.key, w.secret, vectors_u64(field[2]), &out), MDL_OK);
    assert_int_equal(out.size, size);
    assert_memory_equal(line, expected, size);
    w.key.type = MDL_NOTE_TYPE_ED25519;
    assert_int_equal(mdl_checkpoint_cosign(note_text, &w.key, w.secret, 0, &out), MDL_EMISMATCH);
    note_text.size--;
    assert_int_not_equal(mdl_checkpoint_cosign(note_text, &w.key, w.secret, 0, &out), MDL_OK);
}

static void test_vectors(void **state) {
    (void)state;
    assert_true(vectors_load("checkpoints", checkpoint_case, NULL) >= 6);
    assert_true(vectors_load("cosignatures", cosignature_case, NULL) >= 4);
}

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text;
        mdl_err expected;
    } cases[] = {
        {"o\n0\n" ZEROS "\n", MDL_OK},
        {"o p+q\n4611686018427387903\n" ZEROS "\n", MDL_OK},
        {"o\n10\n" ZEROS "\nx\ny z\n", MDL_OK},
        {"", MDL_ESYNTAX},
        {"o\n", MDL_ESYNTAX},
        {"o\n0\n", MDL_ESYNTAX},
        {"o\n0\n" ZEROS, MDL_ESYNTAX},
        {"\n0\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n00\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n01\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n-1\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n+1\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n 1\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n0x1\n" ZEROS "\n", MDL_ESYNTAX},
        {"o\n4611686018427387904\n" ZEROS "\n", MDL_ERANGE},
        {"o\n18446744073709551616\n" ZEROS "\n", MDL_ERANGE},
        {"o\n1\nAAAA\n", MDL_ESIZE},
        {"o\n1\n\n", MDL_ESIZE},
        {"o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n", MDL_ESYNTAX},
        {"o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", MDL_ESIZE},
        {"o\n1\n" ZEROS " \n", MDL_ESIZE},
        {"o\n1\n" ZEROS "\n\n", MDL_ESYNTAX},
        {"o\n1\n" ZEROS "\nx\n\n", MDL_ESYNTAX},
        {"o\n1\n" ZEROS "\nx", MDL_ESYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_checkpoint c;
        mdl_text text = mdl_text_of(cases[i].text);
        assert_int_equal(mdl_checkpoint_parse(text, &c), cases[i].expected);
        if (cases[i].expected == MDL_OK) {
            char back[200];
            mdl_text_out out = {back, sizeof back, 0};
            mdl_checkpoint_put(&c, &out);
            assert_true(mdl_text_equal((mdl_text){back, out.size}, text));
        } else {
            assert_true(c.size == 0 && c.origin.at == NULL);
        }
    }
    char longer[400];
    memset(longer, 'o', 256);
    memcpy(longer + 256, "\n1\n" ZEROS "\n", sizeof "\n1\n" ZEROS "\n");
    mdl_checkpoint c;
    assert_int_equal(mdl_checkpoint_parse(mdl_text_of(longer), &c), MDL_ESIZE);
    assert_int_equal(mdl_checkpoint_parse(mdl_text_of(longer + 1), &c), MDL_OK);
}

static void test_sign_refuses(void **state) {
    (void)state;
    char room[2000];
    mdl_text_out out = {room, sizeof room, 0};
    signer log = make(origin, MDL_NOTE_TYPE_ED25519, 1), witness = make(origin, MDL_NOTE_TYPE_COSIGNATURE, 2);
    mdl_checkpoint c = {.origin = mdl_text_of(origin), .size = 1};
    assert_int_equal(mdl_checkpoint_sign(&c, &witness.key, witness.secret, &out), MDL_EMISMATCH);
    assert_int_equal(mdl_checkpoint_sign(&c, &log.key, witness.secret, &out), MDL_EMISMATCH);
    c.extension = mdl_text_of("more\n"); /* not covered by newer cosignatures */
    assert_int_equal(mdl_checkpoint_sign(&c, &log.key, log.secret, &out), MDL_ERANGE);
    c.extension.size = 0;
    c.size = MDL_MERKLE_SIZE_MAX + 1;
    assert_int_equal(mdl_checkpoint_sign(&c, &log.key, log.secret, &out), MDL_ERANGE);
    c.size = 1;
    c.origin = mdl_text_of("another");
    assert_int_equal(mdl_checkpoint_sign(&c, &log.key, log.secret, &out), MDL_EMISMATCH);
    assert_int_equal(out.size, 0);
}

enum { WITNESSES = 4 };

/* A checkpoint signed by the log and by the witnesses of `mask`. */
static size_t sealed(const signer *log, const signer *witness, uint32_t mask, char *room, size_t capacity) {
    mdl_checkpoint c = {.origin = mdl_text_of(log->key.name), .size = 9};
    mdl_text_out out = {room, capacity, 0};
    mdl_note note;
    assert_int_equal(mdl_checkpoint_sign(&c, &log->key, log->secret, &out), MDL_OK);
    assert_int_equal(mdl_note_parse((mdl_text){room, out.size}, &note), MDL_OK);
    for (uint32_t i = 0; i < WITNESSES; i++) {
        if (mask >> i & 1) {
            assert_int_equal(mdl_checkpoint_cosign(note.text, &witness[i].key, witness[i].secret, 100 + i, &out),
                             MDL_OK);
        }
    }
    return out.size;
}

static void test_quorum(void **state) {
    (void)state;
    static mdl_log_policy policy;
    char room[4096];
    mdl_checkpoint c;
    mdl_checkpoint_seal seal;
    signer log = make(origin, MDL_NOTE_TYPE_ED25519, 1), witness[WITNESSES];
    policy = (mdl_log_policy){.log = log.key, .witness_count = WITNESSES};
    for (uint8_t i = 0; i < WITNESSES; i++) {
        witness[i] = make("w.example", MDL_NOTE_TYPE_COSIGNATURE, (uint8_t)(10 + i));
        policy.witness[i] = witness[i].key;
    }
    for (uint32_t mask = 0; mask < 1u << WITNESSES; mask++) {
        size_t size = sealed(&log, witness, mask, room, sizeof room);
        uint32_t signatures = (uint32_t)__builtin_popcount(mask);
        for (policy.quorum = 0; policy.quorum <= WITNESSES; policy.quorum++) {
            mdl_err e = mdl_checkpoint_verify((mdl_text){room, size}, &policy, &c, &seal);
            assert_int_equal(e, signatures >= policy.quorum ? MDL_OK : MDL_ENOENT);
            assert_int_equal(seal.cosigned, e == MDL_OK ? signatures : 0);
            assert_true(c.size == (e == MDL_OK ? 9 : 0));
            for (uint32_t i = 0; i < WITNESSES; i++) {
                int there = e == MDL_OK && (mask >> i & 1);
                assert_true(seal.witness[i].signed_by == there && seal.witness[i].time_s == (there ? 100 + i : 0));
            }
        }
    }
    /* Witnesses alone do not make a checkpoint. */
    policy.quorum = 2;
    size_t size = sealed(&log, witness, 15, room, sizeof room);
    policy.log = make(origin, MDL_NOTE_TYPE_ED25519, 77).key;
    assert_int_equal(mdl_checkpoint_verify((mdl_text){room, size}, &policy, &c, &seal), MDL_ENOENT);
    policy.log = log.key;
    /* One witness signing twice counts once. */
    size = sealed(&log, witness, 1, room, sizeof room);
    mdl_note note;
    assert_int_equal(mdl_note_parse((mdl_text){room, size}, &note), MDL_OK);
    mdl_text_out out = {room, sizeof room, size};
    assert_int_equal(mdl_checkpoint_cosign(note.text, &witness[0].key, witness[0].secret, 500, &out), MDL_OK);
    assert_int_equal(mdl_checkpoint_verify((mdl_text){room, out.size}, &policy, &c, &seal), MDL_ENOENT);
    policy.quorum = 1;
    assert_int_equal(mdl_checkpoint_verify((mdl_text){room, out.size}, &policy, &c, &seal), MDL_OK);
    assert_true(seal.cosigned == 1 && seal.witness[0].time_s == 500);
    /* A cosignature moved to another time. */
    assert_int_equal(mdl_note_parse((mdl_text){room, out.size}, &note), MDL_OK);
    char *digit = room + (note.signature[1].base64.at - room) + 14; /* in the time */
    *digit = *digit == 'A' ? 'B' : 'A';
    assert_int_equal(mdl_checkpoint_verify((mdl_text){room, out.size}, &policy, &c, &seal), MDL_ESIGNATURE);
}

static void test_policy(void **state) {
    (void)state;
    static mdl_log_policy p;
    signer log = make(origin, MDL_NOTE_TYPE_ED25519, 1);
    p.log = log.key;
    assert_int_equal(mdl_log_policy_check(&p), MDL_OK);
    p.quorum = 1;
    assert_int_equal(mdl_log_policy_check(&p), MDL_ERANGE);
    p.witness_count = MDL_WITNESSES_MAX;
    for (uint8_t i = 0; i < MDL_WITNESSES_MAX; i++) {
        p.witness[i] = make("w", MDL_NOTE_TYPE_COSIGNATURE, (uint8_t)(2 + i)).key;
    }
    assert_int_equal(mdl_log_policy_check(&p), MDL_OK);
    p.witness_count++;
    assert_int_equal(mdl_log_policy_check(&p), MDL_ERANGE);
    p.witness_count--;
    p.witness[31] = make("another.name", MDL_NOTE_TYPE_COSIGNATURE, 2).key; /* the key of witness 0 */
    assert_int_equal(mdl_log_policy_check(&p), MDL_EKEY);
    p.witness[31] = make("w", MDL_NOTE_TYPE_COSIGNATURE, 1).key; /* the log's */
    assert_int_equal(mdl_log_policy_check(&p), MDL_EKEY);
    p.witness[31] = make("w", MDL_NOTE_TYPE_ED25519, 200).key;
    assert_int_equal(mdl_log_policy_check(&p), MDL_ETYPE);
    p.witness_count = 31;
    p.log = make(origin, MDL_NOTE_TYPE_COSIGNATURE, 1).key;
    assert_int_equal(mdl_log_policy_check(&p), MDL_ETYPE);
    /* A log's key may sign under its own name only. */
    char room[1000];
    mdl_checkpoint c;
    mdl_text_out out = {room, sizeof room, 0};
    static const char text[] = "other.example\n9\n" ZEROS "\n";
    mdl_text_put_string(&out, text);
    mdl_text_put_string(&out, "\n");
    assert_int_equal(mdl_note_sign(mdl_text_of(text), &log.key, log.secret, 0, &out), MDL_OK);
    p = (mdl_log_policy){.log = log.key};
    assert_int_equal(mdl_checkpoint_verify((mdl_text){room, out.size}, &p, &c, NULL), MDL_EMISMATCH);
    assert_true(c.size == 0);
    /* A signed note that is no checkpoint. */
    out.size = 0;
    mdl_text_put_string(&out, "hello\n\n");
    assert_int_equal(mdl_note_sign(mdl_text_of("hello\n"), &log.key, log.secret, 0, &out), MDL_OK);
    assert_int_equal(mdl_checkpoint_verify((mdl_text){room, out.size}, &p, &c, NULL), MDL_ESYNTAX);
}

static int setup(void **state) {
    (void)state;
    return sodium_init() < 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_parse),  cmocka_unit_test(test_sign_refuses),
        cmocka_unit_test(test_quorum),  cmocka_unit_test(test_policy),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
