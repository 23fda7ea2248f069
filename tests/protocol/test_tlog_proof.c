#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/tlog_proof.h"
#include "tests/support/vectors.h"

static mdl_log_policy policy;

static void read_policy(char **field) {
    memset(&policy, 0, sizeof policy);
    assert_int_equal(mdl_vkey_parse(mdl_text_of(field[0]), &policy.log), MDL_OK);
    policy.quorum = (uint32_t)vectors_u64(field[1]);
    for (char *at = field[2]; strcmp(field[2], "-") != 0 && at; policy.witness_count++) {
        char *comma = strchr(at, ',');
        mdl_text text = {at, comma ? (size_t)(comma - at) : strlen(at)};
        assert_int_equal(mdl_vkey_parse(text, &policy.witness[policy.witness_count]), MDL_OK);
        at = comma ? comma + 1 : NULL;
    }
}

static mdl_err open_proof(mdl_text file, const mdl_hash *leaf) {
    mdl_tlog_proof proof;
    mdl_err e = mdl_tlog_proof_parse(file, &proof);
    return e != MDL_OK ? e : mdl_tlog_proof_verify(&proof, leaf, &policy, NULL, NULL);
}

static void proof_case(void *ctx, size_t count, char **field) {
    uint32_t *refused = ctx;
    assert_int_equal(count, 5);
    char file[4096], back[4096];
    uint8_t record[256];
    mdl_hash leaf;
    size_t size = strlen(field[4]) / 2, record_size = strlen(field[3]) / 2;
    read_policy(field);
    vectors_hex(field[4], (uint8_t *)file, size);
    vectors_hex(field[3], record, record_size);
    mdl_merkle_leaf(record, record_size, &leaf);
    mdl_tlog_proof proof;
    mdl_checkpoint checkpoint;
    mdl_checkpoint_seal seal;
    mdl_text text = {file, size};
    assert_int_equal(mdl_tlog_proof_parse(text, &proof), MDL_OK);
    assert_int_equal(mdl_tlog_proof_verify(&proof, &leaf, &policy, &checkpoint, &seal), MDL_OK);
    assert_true(proof.index < checkpoint.size && seal.cosigned >= policy.quorum);
    mdl_text_out out = {back, sizeof back, 0};
    mdl_tlog_proof_put(&proof, &out);
    assert_true(mdl_text_equal((mdl_text){back, out.size}, text));
    /* Another record, another index, a missing witness, one more wanted. */
    mdl_hash other = leaf;
    other.bytes[31] ^= 1;
    assert_int_equal(mdl_tlog_proof_verify(&proof, &other, &policy, &checkpoint, &seal), MDL_EDIGEST);
    assert_true(checkpoint.size == 0 && seal.cosigned == 0);
    proof.index++;
    assert_int_not_equal(mdl_tlog_proof_verify(&proof, &leaf, &policy, &checkpoint, NULL), MDL_OK);
    proof.index--;
    uint32_t quorum = policy.quorum;
    for (policy.quorum = 0; policy.quorum <= policy.witness_count; policy.quorum++) {
        mdl_err e = mdl_tlog_proof_verify(&proof, &leaf, &policy, NULL, &seal);
        assert_true(e == MDL_OK ? seal.cosigned >= policy.quorum : e == MDL_ENOENT && policy.quorum > quorum);
    }
    policy.quorum = quorum;
    /* Every bit of the file, but the extra data and surplus witnesses, matters. */
    size_t extra_at = proof.extra.size > 0 ? (size_t)(proof.extra.at - file) : 0;
    mdl_note note;
    assert_int_equal(mdl_note_parse(proof.checkpoint, &note), MDL_OK);
    size_t lines_at = (size_t)(note.signature[0].base64.at + note.signature[0].base64.size - file) + 1;
    for (size_t i = 0; i < size; i++) {
        int extra = i >= extra_at && i < extra_at + proof.extra.size;
        for (int bit = 0; bit < 8; bit++) {
            file[i] = (char)(file[i] ^ (1 << bit));
            mdl_err e = open_proof(text, &leaf);
            /* A witness whose name or id is changed is a stranger; the others may be enough. */
            if (e == MDL_OK) {
                assert_true(extra || (i >= lines_at && quorum < note.count - 1));
            }
            *refused += e != MDL_OK;
            file[i] = (char)(file[i] ^ (1 << bit));
        }
    }
    for (size_t cut = 0; cut < size; cut++) {
        char *exact = malloc(cut + 1);
        assert_non_null(exact);
        memcpy(exact, file, cut);
        mdl_err e = open_proof((mdl_text){exact, cut}, &leaf);
        assert_true(e != MDL_OK || (cut >= lines_at && quorum < note.count - 1));
        free(exact);
    }
    assert_int_equal(open_proof(text, &leaf), MDL_OK);
}

static void test_vectors(void **state) {
    (void)state;
    uint32_t refused = 0;
    assert_true(vectors_load("tlog-proofs", proof_case, &refused) >= 4);
    assert_in_range(refused, 10000, 100000);
}

#define DASH "\xE2\x80\x94 "
#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define MAGIC "c2sp.org/tlog-proof@v1\n"
#define NOTE "o\n1\n" ZEROS "\n\n" DASH "o AAAAAAA=\n"

static void test_forms(void **state) {
    (void)state;
    static const struct {
        const char *text;
        mdl_err expected;
    } cases[] = {
        {MAGIC "index 0\n\n" NOTE, MDL_OK},
        {MAGIC "extra AA==\nindex 4611686018427387902\n" ZEROS "\n\n" NOTE, MDL_OK},
        {"", MDL_EMAGIC},
        {"c2sp.org/tlog-proof@v1", MDL_EMAGIC},
        {"c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE, MDL_EMAGIC},
        {"\n" MAGIC "index 0\n\n" NOTE, MDL_EMAGIC},
        {MAGIC, MDL_ESYNTAX},
        {MAGIC "index 0\n", MDL_ESYNTAX},
        {MAGIC "index 0\n\n", MDL_ESYNTAX},
        {MAGIC "index 00\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "index -1\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "index  1\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "index\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "Index 0\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "index 4611686018427387903\n\n" NOTE, MDL_ERANGE},
        {MAGIC "extra \nindex 0\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "extra A\nindex 0\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "extra AB==\nindex 0\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "extra AA==\nextra AA==\nindex 0\n\n" NOTE, MDL_ESYNTAX},
        {MAGIC "extra AA==\n", MDL_ESYNTAX},
        {MAGIC "index 0\nextra AA==\n\n" NOTE, MDL_ESIZE},
        {MAGIC "index 0\nAAAA\n\n" NOTE, MDL_ESIZE},
        {MAGIC "index 0\n" ZEROS "\n" NOTE, MDL_ESIZE},
        {MAGIC "index 0\n\no\n1\n" ZEROS "\n", MDL_ESYNTAX},
        {MAGIC "index 0\n\no\nx\n" ZEROS "\n\n" DASH "o AAAAAAA=\n", MDL_ESYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mdl_tlog_proof proof;
        assert_int_equal(mdl_tlog_proof_parse(mdl_text_of(cases[i].text), &proof), cases[i].expected);
        assert_true(cases[i].expected == MDL_OK || (proof.checkpoint.at == NULL && proof.count == 0));
    }
    static char room[MDL_TLOG_PROOF_MAX + 100];
    for (uint32_t hashes = 61; hashes <= 64; hashes++) {
        mdl_tlog_proof proof;
        mdl_text_out out = {room, sizeof room, 0};
        mdl_text_put_string(&out, MAGIC "index 0\n");
        for (uint32_t i = 0; i < hashes; i++) {
            mdl_text_put_string(&out, ZEROS "\n");
        }
        mdl_text_put_string(&out, "\n" NOTE);
        assert_int_equal(mdl_tlog_proof_parse((mdl_text){room, out.size}, &proof),
                         hashes <= MDL_MERKLE_PATH_MAX ? MDL_OK : MDL_ESIZE);
    }
    for (uint32_t quads = MDL_TLOG_EXTRA_MAX / 4; quads <= MDL_TLOG_EXTRA_MAX / 4 + 1; quads++) {
        mdl_tlog_proof proof;
        mdl_text_out out = {room, sizeof room, 0};
        mdl_text_put_string(&out, MAGIC "extra ");
        for (uint32_t i = 0; i < quads; i++) {
            mdl_text_put_string(&out, "abcd");
        }
        mdl_text_put_string(&out, "\nindex 0\n\n" NOTE);
        assert_int_equal(mdl_tlog_proof_parse((mdl_text){room, out.size}, &proof),
                         quads == MDL_TLOG_EXTRA_MAX / 4 ? MDL_OK : MDL_ESIZE);
    }
    mdl_tlog_proof proof;
    assert_int_equal(mdl_tlog_proof_parse((mdl_text){room, sizeof room}, &proof), MDL_ESIZE);
}

/* A proof that fits a larger size under the same root is no use: the size is
 * the checkpoint's. Leaf 0 of 1 in a log that says it has 2, for instance. */
static void test_size_is_the_checkpoints(void **state) {
    (void)state;
    mdl_hash leaf[3];
    uint8_t seed[32] = {5}, secret[64], public[32];
    char room[2048];
    for (uint8_t i = 0; i < 3; i++) {
        mdl_merkle_leaf(&i, 1, &leaf[i]);
    }
    crypto_sign_seed_keypair(public, secret, seed);
    memset(&policy, 0, sizeof policy);
    assert_int_equal(mdl_vkey_make(mdl_text_of("o"), MDL_NOTE_TYPE_ED25519, public, &policy.log), MDL_OK);
    mdl_merkle_edge edge = {0};
    assert_int_equal(mdl_merkle_append(&edge, leaf, 3, NULL, NULL), MDL_OK);
    mdl_checkpoint c = {.origin = mdl_text_of("o"), .size = 3};
    mdl_merkle_edge_root(&edge, &c.root);
    /* Leaf 2 of 3 has a path of one hash; leaf 1 of "2" with that root has, too. */
    mdl_tlog_proof proof = {.index = 2, .count = 1};
    mdl_merkle_node(&leaf[0], &leaf[1], &proof.hash[0]);
    assert_int_equal(mdl_merkle_verify_inclusion(1, 2, &leaf[2], proof.hash, 1, &c.root), MDL_OK); /* the trap */
    mdl_text_out out = {room, sizeof room, 0};
    assert_int_equal(mdl_checkpoint_sign(&c, &policy.log, secret, &out), MDL_OK);
    proof.checkpoint = (mdl_text){room, out.size};
    assert_int_equal(mdl_tlog_proof_verify(&proof, &leaf[2], &policy, NULL, NULL), MDL_OK);
    proof.index = 1;
    assert_int_not_equal(mdl_tlog_proof_verify(&proof, &leaf[2], &policy, NULL, NULL), MDL_OK);
    /* The same with the size in the checkpoint's text changed: the signature goes. */
    proof.index = 1;
    room[2] = '2';
    assert_int_equal(mdl_tlog_proof_verify(&proof, &leaf[2], &policy, NULL, NULL), MDL_ESIGNATURE);
}

enum { LEAVES = 37 };

/* The subtree's root, from its leaves. While `failing`, an error. */
static int failing;
static mdl_err subtree(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const mdl_hash *leaf = ctx;
    mdl_merkle_edge edge = {0};
    if (failing) {
        return MDL_EIO;
    }
    assert_true((index + 1) << level <= LEAVES);
    assert_int_equal(mdl_merkle_append(&edge, leaf + (index << level), (size_t)1 << level, NULL, NULL), MDL_OK);
    mdl_merkle_edge_root(&edge, out);
    return MDL_OK;
}

/* Many proofs of one tree, in any order: each the same text as one alone. */
static void test_prover(void **state) {
    (void)state;
    static mdl_hash leaf[LEAVES];
    static const char note[] = "o\n37\nAAAA\n\nits form does not matter here\n";
    char one[8192], many[8192];
    mdl_merkle_edge edge = {0};
    mdl_merkle_lookup lookup = {subtree, leaf};
    mdl_merkle_prover tree;
    mdl_tlog_prover prover;
    mdl_text checkpoint = {note, sizeof note - 1};
    for (uint32_t i = 0; i < LEAVES; i++) {
        mdl_merkle_leaf(&i, sizeof i, &leaf[i]);
    }
    assert_int_equal(mdl_merkle_append(&edge, leaf, LEAVES, NULL, NULL), MDL_OK);
    mdl_merkle_prover_init(&tree, &edge);
    mdl_tlog_prover_init(&prover, &edge, &lookup, checkpoint);
    for (uint32_t k = 0; k < 1000; k++) {
        uint64_t index = k < LEAVES ? k : randombytes_uniform(LEAVES);
        mdl_tlog_proof proof = {.index = index, .checkpoint = checkpoint};
        mdl_merkle_proof path;
        mdl_text_out a = {one, sizeof one, 0}, b = {many, sizeof many, 0};
        assert_int_equal(mdl_merkle_prover_inclusion(&tree, index, &lookup, &path), MDL_OK);
        proof.count = path.count;
        memcpy(proof.hash, path.hash, path.count * sizeof *path.hash);
        mdl_tlog_proof_put(&proof, &a);
        failing = k % 10 == 9;
        mdl_err e = mdl_tlog_prover_put(&prover, index, &b);
        if (e != MDL_OK) { /* nothing is printed, and the next ones are right */
            assert_true(failing && b.size == 0);
            failing = 0;
            assert_int_equal(mdl_tlog_prover_put(&prover, index, &b), MDL_OK);
        }
        failing = 0;
        assert_true(mdl_text_equal((mdl_text){one, a.size}, (mdl_text){many, b.size}));
        assert_true(b.size <= mdl_tlog_prover_size_max(&prover));
    }
    mdl_text_out out = {many, sizeof many, 0};
    assert_int_equal(mdl_tlog_prover_put(&prover, LEAVES, &out), MDL_ERANGE);
    assert_int_equal(out.size, 0);
}

static int setup(void **state) {
    (void)state;
    return sodium_init() < 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_size_is_the_checkpoints),
        cmocka_unit_test(test_prover),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
