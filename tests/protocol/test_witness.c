#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/witness.h"
#include "tests/support/vectors.h"

enum { LEAVES = 20 };
static const char origin[] = "modulon.example/log";
static mdl_vkey log_key, witness_key, other_key;
static uint8_t log_secret[64], witness_secret[64], other_secret[64];
static mdl_hash leaf[LEAVES];

static mdl_err subtree(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const mdl_hash *at = ctx;
    if (level == 0) {
        *out = at[index];
        return MDL_OK;
    }
    mdl_hash right;
    subtree(ctx, level - 1, 2 * index, out);
    subtree(ctx, level - 1, 2 * index + 1, &right);
    mdl_merkle_node(out, &right, out);
    return MDL_OK;
}

static mdl_vkey key_of(const char *name, uint8_t type, uint8_t number, uint8_t secret[64]) {
    uint8_t seed[32], public[32];
    mdl_vkey key;
    memset(seed, number, sizeof seed);
    crypto_sign_seed_keypair(public, secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of(name), type, public, &key), MDL_OK);
    return key;
}

static int begin(void **state) {
    (void)state;
    assert_true(sodium_init() >= 0);
    log_key = key_of(origin, MDL_NOTE_TYPE_ED25519, 1, log_secret);
    witness_key = key_of("witness.example", MDL_NOTE_TYPE_COSIGNATURE, 2, witness_secret);
    other_key = key_of(origin, MDL_NOTE_TYPE_ED25519, 3, other_secret);
    for (uint8_t i = 0; i < LEAVES; i++) {
        mdl_merkle_leaf(&i, 1, &leaf[i]);
    }
    return 0;
}

static size_t checkpoint(const mdl_hash *leaves, uint64_t size, const mdl_vkey *key, const uint8_t *secret, char *out) {
    mdl_merkle_lookup lookup = {subtree, (void *)(uintptr_t)leaves};
    mdl_checkpoint c = {.origin = mdl_text_of(key->name), .size = size};
    mdl_text_out text = {out, 2048, 0};
    assert_int_equal(mdl_merkle_root(size, &lookup, &c.root), MDL_OK);
    assert_int_equal(mdl_checkpoint_sign(&c, key, secret, &text), MDL_OK);
    return text.size;
}

static size_t request(uint64_t old, uint64_t prove_from, uint64_t size, const char *note, size_t note_size, char *out) {
    mdl_merkle_lookup lookup = {subtree, leaf};
    mdl_witness_request r = {.old = old, .checkpoint = {note, note_size}}, back;
    assert_int_equal(mdl_merkle_prove_consistency(prove_from, size, &lookup, &r.proof), MDL_OK);
    mdl_text_out text = {out, MDL_WITNESS_REQUEST_MAX, 0};
    mdl_witness_request_put(&r, &text);
    assert_true(text.size <= text.capacity);
    assert_int_equal(mdl_witness_request_parse((mdl_text){out, text.size}, &back), MDL_OK);
    assert_true(back.old == old && back.proof.count == r.proof.count && back.checkpoint.size == note_size);
    return text.size;
}

static char body[MDL_WITNESS_REQUEST_MAX];

static int ask(const mdl_witness_state *state, size_t size, mdl_witness_state *next) {
    mdl_checkpoint c;
    return mdl_witness_decide(state, &log_key, (mdl_text){body, size}, next, &c);
}

static mdl_witness_state at_size(uint64_t size) {
    mdl_merkle_lookup lookup = {subtree, leaf};
    mdl_witness_state s;
    mdl_witness_begin(&s);
    s.size = size;
    assert_int_equal(mdl_merkle_root(size, &lookup, &s.root), MDL_OK);
    return s;
}

static int has_root(const mdl_witness_state *s, uint64_t size) {
    mdl_witness_state right = at_size(size);
    return mdl_hash_equal(&s->root, &right.root);
}

/* Every pair of sizes, from every state. */
static void test_all_sizes(void **state) {
    (void)state;
    char note[2048];
    for (uint64_t n = 0; n <= LEAVES; n++) {
        size_t note_size = checkpoint(leaf, n, &log_key, log_secret, note);
        for (uint64_t m = 0; m <= n; m++) {
            size_t size = request(m, m, n, note, note_size, body);
            for (uint64_t has = 0; has <= LEAVES; has++) {
                mdl_witness_state s = at_size(has), next = {0};
                int status = ask(&s, size, &next);
                assert_int_equal(status, has == m ? 200 : 409);
                assert_true(status != 200 || (next.size == n && has_root(&next, n)));
            }
        }
    }
}

static void test_statuses(void **state) {
    (void)state;
    char note[2048];
    mdl_witness_state s = at_size(7), next = {.size = 99};
    size_t note_size = checkpoint(leaf, 12, &log_key, log_secret, note), size;
    /* 400: old over the checkpoint's size; every cut; bytes of nothing */
    size = request(7, 7, 12, note, note_size, body);
    for (size_t cut = 0; cut < size; cut++) {
        int status = ask(&s, cut, &next);
        assert_true(status == 400 || (status == 403 && cut > size - note_size));
    }
    memcpy(body, "old 13", 6);
    memmove(body + 6, body + 5, size - 5);
    assert_int_equal(ask(&s, size + 1, &next), 400);
    memcpy(body, "old 07", 6);
    assert_int_equal(ask(&s, size + 1, &next), 400);
    /* 403: another key with the log's name; one bit of the signature */
    note_size = checkpoint(leaf, 12, &other_key, other_secret, note);
    size = request(7, 7, 12, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 403);
    note_size = checkpoint(leaf, 12, &log_key, log_secret, note);
    note[note_size - 10] = note[note_size - 10] == 'A' ? 'B' : 'A';
    size = request(7, 7, 12, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 403);
    /* 404: another log */
    mdl_vkey stranger = key_of("stranger.example", MDL_NOTE_TYPE_ED25519, 1, log_secret);
    note_size = checkpoint(leaf, 12, &stranger, log_secret, note);
    size = request(7, 7, 12, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 404);
    /* 409: same size, another root */
    mdl_hash forked[LEAVES];
    memcpy(forked, leaf, sizeof forked);
    forked[3].bytes[0] ^= 1;
    note_size = checkpoint(forked, 7, &log_key, log_secret, note);
    size = request(7, 7, 7, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 409);
    /* 422: a rewritten log, whatever the proof; a proof of other sizes; a hash too many */
    note_size = checkpoint(forked, 12, &log_key, log_secret, note);
    size = request(7, 7, 12, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 422);
    note_size = checkpoint(leaf, 12, &log_key, log_secret, note);
    size = request(7, 6, 12, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 422);
    note_size = checkpoint(leaf, 7, &log_key, log_secret, note);
    size = request(7, 6, 7, note, note_size, body);
    assert_int_equal(ask(&s, size, &next), 422);
    assert_int_equal(next.size, 99); /* untouched by refusals */
}

/* Asked in any order, whatever is cosigned lies on one line. */
static void test_never_two(void **state) {
    (void)state;
    char note[2048];
    mdl_hash forked[LEAVES];
    memcpy(forked, leaf, sizeof forked);
    forked[2].bytes[5] ^= 4;
    mdl_witness_state s;
    mdl_witness_begin(&s);
    uint32_t cosigned = 0, refused = 0;
    uint64_t draw = 1;
    for (int i = 0; i < 2000; i++) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        uint64_t n = 1 + (draw >> 33) % LEAVES, m = (draw >> 40) % (n + 1);
        int lie = (draw >> 50) % 3 == 0 && n > 2;
        size_t note_size = checkpoint(lie ? forked : leaf, n, &log_key, log_secret, note);
        size_t size = request(m, m, n, note, note_size, body);
        mdl_witness_state next;
        int status = ask(&s, size, &next);
        if (status == 200) {
            assert_true(!lie || s.size <= 2 || s.size < n);
            assert_true(next.size >= s.size);
            cosigned++;
            if (!lie) {
                assert_true(has_root(&next, n));
            } else {
                continue; /* a log may begin with the lie; this one stays honest */
            }
            s = next.size == LEAVES ? at_size(0) : next;
        } else {
            refused++;
        }
    }
    assert_true(cosigned > 5 && refused > 100);
}

static void test_attach(void **state) {
    (void)state;
    char note[2048], line[MDL_NOTE_LINE_MAX * 2], out[4096];
    size_t note_size = checkpoint(leaf, 12, &log_key, log_secret, note);
    mdl_note parsed;
    assert_int_equal(mdl_note_parse((mdl_text){note, note_size}, &parsed), MDL_OK);
    mdl_text_out l = {line, sizeof line, 0}, o = {out, sizeof out, 0};
    assert_int_equal(mdl_checkpoint_cosign(parsed.text, &witness_key, witness_secret, 1700000000, &l), MDL_OK);
    assert_int_equal(mdl_witness_attach((mdl_text){note, note_size}, (mdl_text){line, l.size}, &witness_key, &o),
                     MDL_OK);
    mdl_log_policy policy = {.log = log_key, .quorum = 1, .witness_count = 1, .witness = {witness_key}};
    mdl_checkpoint c;
    mdl_checkpoint_seal seal;
    assert_int_equal(mdl_checkpoint_verify((mdl_text){note, note_size}, &policy, &c, NULL), MDL_ENOENT);
    assert_int_equal(mdl_checkpoint_verify((mdl_text){out, o.size}, &policy, &c, &seal), MDL_OK);
    assert_true(seal.cosigned == 1 && seal.witness[0].time_s == 1700000000);
    /* Again: the same note. */
    char again[4096];
    mdl_text_out a = {again, sizeof again, 0};
    assert_int_equal(mdl_witness_attach((mdl_text){out, o.size}, (mdl_text){line, l.size}, &witness_key, &a), MDL_OK);
    assert_true(a.size == o.size && memcmp(again, out, a.size) == 0);
    /* Of another checkpoint, broken, empty, of nobody. */
    a.size = 0;
    size_t other_size = checkpoint(leaf, 13, &log_key, log_secret, note);
    assert_int_equal(mdl_witness_attach((mdl_text){note, other_size}, (mdl_text){line, l.size}, &witness_key, &a),
                     MDL_ESIGNATURE);
    a.size = 0;
    assert_int_equal(mdl_witness_attach((mdl_text){note, other_size}, (mdl_text){line, l.size}, &log_key, &a),
                     MDL_ENOENT);
    assert_int_equal(mdl_witness_attach((mdl_text){note, other_size}, (mdl_text){line, 0}, &witness_key, &a),
                     MDL_ESYNTAX);
    assert_int_equal(mdl_witness_attach((mdl_text){note, other_size}, (mdl_text){"\n", 1}, &witness_key, &a),
                     MDL_ESYNTAX);
}

static void test_kept(void **state) {
    (void)state;
    char note[2048], out[4096], again[4096];
    size_t note_size = checkpoint(leaf, 12, &log_key, log_secret, note);
    mdl_witness_kept k = {mdl_text_of(origin), {note, note_size}}, back;
    mdl_text_out o = {out, sizeof out, 0}, a = {again, sizeof again, 0};
    mdl_witness_kept_put(&k, &o);
    assert_int_equal(mdl_witness_kept_parse((mdl_text){out, o.size}, &back), MDL_OK);
    mdl_witness_kept_put(&back, &a);
    assert_true(a.size == o.size && memcmp(out, again, a.size) == 0);
    for (size_t cut = 0; cut < o.size; cut++) {
        assert_int_not_equal(mdl_witness_kept_parse((mdl_text){out, cut}, &back), MDL_OK);
    }
    k.origin = mdl_text_of("other");
    o.size = 0;
    mdl_witness_kept_put(&k, &o);
    assert_int_equal(mdl_witness_kept_parse((mdl_text){out, o.size}, &back), MDL_EMISMATCH);
}

/* The document's cases: made by another program. */
static void vector_case(void *ctx, size_t count, char **field) {
    uint8_t seed[32], secret[64], public[32];
    mdl_vkey key;
    mdl_checkpoint c;
    (void)ctx;
    assert_int_equal(count, 7);
    vectors_hex(field[0], seed, sizeof seed);
    crypto_sign_seed_keypair(public, secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of(field[1]), MDL_NOTE_TYPE_ED25519, public, &key), MDL_OK);
    mdl_witness_state s = {.size = vectors_u64(field[2])};
    vectors_hex(field[3], s.root.bytes, MDL_HASH_BYTES);
    size_t size = strlen(field[4]) / 2;
    assert_true(size <= sizeof body);
    vectors_hex(field[4], (uint8_t *)body, size);
    mdl_witness_state next = s;
    assert_int_equal(mdl_witness_decide(&s, &key, (mdl_text){body, size}, &next, &c), vectors_u64(field[5]));
    assert_int_equal(next.size, vectors_u64(field[6]));
}

static void test_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("witness-requests", vector_case, NULL), 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_sizes), cmocka_unit_test(test_statuses), cmocka_unit_test(test_never_two),
        cmocka_unit_test(test_attach),    cmocka_unit_test(test_kept),     cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
