#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/merkle.h"
#include "tests/support/vectors.h"

enum { N = 64, LEVELS = 7 };

/* A tree of N leaves with every complete subtree, as mdl_merkle_seen told. */
typedef struct tree {
    mdl_hash hash[LEVELS][N];
    uint32_t seen;
    mdl_hash leaf[N], root[N + 1];
    uint64_t allowed; /* lookups beyond so many leaves are a bug */
} tree;

static tree t;

static void seen(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    tree *at = ctx;
    assert_true(level < LEVELS && index < N);
    at->hash[level][index] = *hash;
    at->seen++;
}

static mdl_err look(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const tree *at = ctx;
    assert_true((index + 1) << level <= at->allowed);
    *out = at->hash[level][index];
    return MDL_OK;
}

static const mdl_merkle_lookup lookup = {look, &t};

/* The recursive definition of RFC 6962. */
static void definition(const mdl_hash *leaf, size_t n, mdl_hash *out) {
    if (n == 0) {
        mdl_merkle_empty(out);
    } else if (n == 1) {
        *out = leaf[0];
    } else {
        size_t k = 1;
        while (2 * k < n) {
            k *= 2;
        }
        mdl_hash left, right;
        definition(leaf, k, &left);
        definition(leaf + k, n - k, &right);
        mdl_merkle_node(&left, &right, out);
    }
}

static int setup(void **state) {
    (void)state;
    mdl_merkle_edge edge = {0};
    for (uint32_t i = 0; i < N; i++) {
        uint8_t record[3] = {(uint8_t)i, 1, 2};
        mdl_merkle_leaf(record, sizeof record, &t.leaf[i]);
    }
    mdl_merkle_edge_root(&edge, &t.root[0]);
    for (uint32_t i = 0; i < N; i++) {
        if (mdl_merkle_append(&edge, &t.leaf[i], 1, seen, &t) != MDL_OK) {
            return 1;
        }
        mdl_merkle_edge_root(&edge, &t.root[i + 1]);
    }
    t.allowed = N;
    return 0;
}

typedef struct published {
    mdl_hash leaf[8], root[9];
    tree tree;
    uint32_t lines, proofs;
} published;

static void root_case(void *ctx, size_t count, char **field) {
    published *p = ctx;
    assert_int_equal(count, 2);
    assert_true(p->lines < 9);
    uint8_t record[64];
    const char *hex = strcmp(field[0], "-") == 0 ? "" : field[0];
    size_t size = strlen(hex) / 2;
    vectors_hex(hex, record, size);
    vectors_hex(field[1], p->root[p->lines].bytes, MDL_HASH_BYTES);
    if (p->lines > 0) {
        mdl_merkle_leaf(record, size, &p->leaf[p->lines - 1]);
    }
    p->lines++;
}

static void proof_case(published *p, size_t count, char **field, int consistency) {
    uint64_t a = vectors_u64(field[0]), n = vectors_u64(field[1]);
    mdl_hash expected[8];
    mdl_merkle_proof proof;
    mdl_merkle_lookup l = {look, &p->tree};
    assert_true(count - 2 <= 8);
    for (size_t i = 2; i < count; i++) {
        vectors_hex(field[i], expected[i - 2].bytes, MDL_HASH_BYTES);
    }
    p->tree.allowed = n;
    assert_int_equal(consistency ? mdl_merkle_prove_consistency(a, n, &l, &proof)
                                 : mdl_merkle_prove_inclusion(a, n, &l, &proof),
                     MDL_OK);
    assert_int_equal(proof.count, count - 2);
    assert_memory_equal(proof.hash, expected, proof.count * sizeof(mdl_hash));
    assert_int_equal(consistency ? mdl_merkle_verify_consistency(a, n, &p->root[a], &p->root[n], expected, count - 2)
                                 : mdl_merkle_verify_inclusion(a, n, &p->leaf[a], expected, count - 2, &p->root[n]),
                     MDL_OK);
    p->proofs++;
}

static void inclusion_case(void *ctx, size_t count, char **field) { proof_case(ctx, count, field, 0); }
static void consistency_case(void *ctx, size_t count, char **field) { proof_case(ctx, count, field, 1); }

static void test_published(void **state) {
    (void)state;
    static published p;
    assert_int_equal(vectors_load("merkle-roots", root_case, &p), 9);
    mdl_merkle_edge edge = {0};
    mdl_hash root;
    for (uint32_t n = 0; n <= 8; n++) {
        mdl_merkle_edge_root(&edge, &root);
        assert_memory_equal(&root, &p.root[n], sizeof root);
        if (n < 8) {
            assert_int_equal(mdl_merkle_append(&edge, &p.leaf[n], 1, seen, &p.tree), MDL_OK);
        }
    }
    assert_int_equal(vectors_load("merkle-inclusion", inclusion_case, &p), 36);
    assert_int_equal(vectors_load("merkle-consistency", consistency_case, &p), 28);
    assert_int_equal(p.proofs, 36 + 28);
}

static void test_roots(void **state) {
    (void)state;
    mdl_hash expected, got;
    assert_int_equal(t.seen, 2 * N - 1);
    for (uint32_t n = 0; n <= N; n++) {
        definition(t.leaf, n, &expected);
        assert_memory_equal(&t.root[n], &expected, sizeof expected);
        t.allowed = n;
        assert_int_equal(mdl_merkle_root(n, &lookup, &got), MDL_OK);
        assert_memory_equal(&got, &expected, sizeof expected);
        /* Going on from a loaded edge, by a batch of each length. */
        for (uint32_t more = 0; n + more <= N; more++) {
            mdl_merkle_edge edge;
            assert_int_equal(mdl_merkle_edge_load(n, &lookup, &edge), MDL_OK);
            assert_int_equal(mdl_merkle_append(&edge, t.leaf + n, more, NULL, NULL), MDL_OK);
            mdl_merkle_edge_root(&edge, &got);
            assert_memory_equal(&got, &t.root[n + more], sizeof got);
            assert_int_equal(edge.size, n + more);
        }
    }
    t.allowed = N;
}

/* A hash that is in no tree here. */
static mdl_hash stranger(uint32_t i) {
    mdl_hash h;
    uint8_t record[5] = {0xEE, (uint8_t)i, (uint8_t)(i >> 8), 0, 1};
    mdl_merkle_leaf(record, sizeof record, &h);
    return h;
}

typedef mdl_err (*verifier)(const void *ctx, const mdl_hash *proof, size_t count);

/* Every proof that differs in one place: a bit of a hash, a hash gone, doubled,
 * put in or swapped with its neighbour. Returns how many were tried. */
static uint32_t mutate(const mdl_merkle_proof *proof, verifier verify, const void *ctx) {
    mdl_hash m[MDL_MERKLE_PROOF_MAX + 1];
    uint32_t tried = 0, n = proof->count;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t byte = 0; byte < MDL_HASH_BYTES; byte += 31) {
            memcpy(m, proof->hash, n * sizeof *m);
            m[i].bytes[byte] ^= (uint8_t)(1u << (i + byte) % 8);
            assert_int_equal(verify(ctx, m, n), MDL_EDIGEST);
            tried++;
        }
        memcpy(m, proof->hash, i * sizeof *m);
        memcpy(m + i, proof->hash + i + 1, (n - i - 1) * sizeof *m);
        assert_int_not_equal(verify(ctx, m, n - 1), MDL_OK);
        tried++;
        if (i + 1 < n) {
            memcpy(m, proof->hash, n * sizeof *m);
            m[i] = proof->hash[i + 1];
            m[i + 1] = proof->hash[i];
            assert_int_not_equal(verify(ctx, m, n), MDL_OK);
            tried++;
        }
    }
    for (uint32_t i = 0; i <= n; i++) {
        for (uint32_t kind = 0; kind < 2; kind++) {
            memcpy(m, proof->hash, i * sizeof *m);
            m[i] = kind == 0 || n == 0 ? stranger(i) : proof->hash[i < n ? i : n - 1];
            memcpy(m + i + 1, proof->hash + i, (n - i) * sizeof *m);
            assert_int_not_equal(verify(ctx, m, n + 1), MDL_OK);
            tried++;
        }
    }
    return tried;
}

typedef struct claim {
    uint64_t a, n;
    const mdl_hash *first, *root;
} claim;

static mdl_err check_inclusion(const void *ctx, const mdl_hash *proof, size_t count) {
    const claim *c = ctx;
    return mdl_merkle_verify_inclusion(c->a, c->n, c->first, proof, count, c->root);
}

static mdl_err check_consistency(const void *ctx, const mdl_hash *proof, size_t count) {
    const claim *c = ctx;
    return mdl_merkle_verify_consistency(c->a, c->n, c->first, c->root, proof, count);
}

static void test_inclusion(void **state) {
    (void)state;
    uint32_t proofs = 0, mutations = 0;
    mdl_merkle_proof proof;
    mdl_hash other = stranger(999);
    for (uint64_t n = 1; n <= N; n++) {
        for (uint64_t i = 0; i < n; i++, proofs++) {
            t.allowed = n;
            assert_int_equal(mdl_merkle_prove_inclusion(i, n, &lookup, &proof), MDL_OK);
            claim c = {i, n, &t.leaf[i], &t.root[n]};
            assert_int_equal(check_inclusion(&c, proof.hash, proof.count), MDL_OK);
            mutations += mutate(&proof, check_inclusion, &c);
            for (c.a = 0; c.a < n + 2; c.a++) {
                mdl_err e = check_inclusion(&c, proof.hash, proof.count);
                assert_true((e == MDL_OK) == (c.a == i) && (c.a < n || e == MDL_ERANGE));
            }
            c = (claim){i, n, &other, &t.root[n]};
            assert_int_equal(check_inclusion(&c, proof.hash, proof.count), MDL_EDIGEST);
            c = (claim){i, n, &t.leaf[i], &other};
            assert_int_equal(check_inclusion(&c, proof.hash, proof.count), MDL_EDIGEST);
            /* Size and root of another checkpoint. */
            for (uint64_t m = i + 1; m <= N; m++) {
                c = (claim){i, m, &t.leaf[i], &t.root[m]};
                assert_true((check_inclusion(&c, proof.hash, proof.count) == MDL_OK) == (m == n));
            }
            mutations += (uint32_t)(n + 3 + N - i - 1);
        }
        assert_int_equal(mdl_merkle_prove_inclusion(n, n, &lookup, &proof), MDL_ERANGE);
    }
    t.allowed = N;
    assert_int_equal(proofs, N * (N + 1) / 2);
    print_message("%u inclusion proofs accepted, %u mutations refused\n", proofs, mutations);
}

static void test_consistency(void **state) {
    (void)state;
    uint32_t proofs = 0, mutations = 0;
    mdl_merkle_proof proof;
    mdl_hash other = stranger(999);
    for (uint64_t n = 0; n <= N; n++) {
        for (uint64_t m = 0; m <= n; m++, proofs++) {
            t.allowed = n;
            assert_int_equal(mdl_merkle_prove_consistency(m, n, &lookup, &proof), MDL_OK);
            claim c = {m, n, &t.root[m], &t.root[n]};
            assert_int_equal(check_consistency(&c, proof.hash, proof.count), MDL_OK);
            mutations += mutate(&proof, check_consistency, &c);
            c = (claim){m, n, &other, &t.root[n]};
            assert_int_equal(check_consistency(&c, proof.hash, proof.count), MDL_EDIGEST);
            c = (claim){m, n, &t.root[m], &other};
            assert_true(m == 0 && n > 0 ? check_consistency(&c, proof.hash, proof.count) == MDL_OK
                                        : check_consistency(&c, proof.hash, proof.count) == MDL_EDIGEST);
            for (uint64_t k = 0; k <= N; k++) { /* another older tree, another newer one */
                c = (claim){k, n, &t.root[k], &t.root[n]};
                int same = k == m || (proof.count == 0 && (k == 0 || k == n));
                assert_true((check_consistency(&c, proof.hash, proof.count) == MDL_OK) == same);
                c = (claim){m, k, &t.root[m], &t.root[k]};
                same = k == n || (proof.count == 0 && (m == 0 || k == m));
                assert_true((check_consistency(&c, proof.hash, proof.count) == MDL_OK) == same);
            }
            mutations += 1 + 2 * N;
        }
        assert_int_equal(mdl_merkle_prove_consistency(n + 1, n, &lookup, &proof), MDL_ERANGE);
        assert_int_equal(mdl_merkle_verify_consistency(n + 1, n, &t.root[0], &t.root[n], NULL, 0), MDL_ERANGE);
    }
    t.allowed = N;
    assert_int_equal(proofs, (N + 1) * (N + 2) / 2);
    print_message("%u consistency proofs accepted, %u mutations refused\n", proofs, mutations);
}

/* The trap: with the root kept, proofs verify for sizes that the tree does not
 * have. So the size is never taken from a proof; this keeps the fact in sight. */
static void test_root_does_not_bind_size(void **state) {
    (void)state;
    uint32_t pairs = 0;
    mdl_merkle_proof proof;
    for (uint64_t n = 1; n < 60; n++) {
        for (uint64_t i = 0; i < n; i++) {
            assert_int_equal(mdl_merkle_prove_inclusion(i, n, &lookup, &proof), MDL_OK);
            for (uint64_t larger = n + 1; larger < 60; larger++) {
                pairs +=
                    mdl_merkle_verify_inclusion(i, larger, &t.leaf[i], proof.hash, proof.count, &t.root[n]) == MDL_OK;
            }
        }
    }
    print_message("%u pairs of a proof and a larger size verify under the same root\n", pairs);
    assert_int_equal(pairs, 14924);
}

/* Sizes near the limit end, and beyond it are refused at once. */
static void test_limits(void **state) {
    (void)state;
    static const uint64_t beyond[] = {MDL_MERKLE_SIZE_MAX + 1, UINT64_C(1) << 63, UINT64_MAX};
    mdl_hash h = stranger(1), many[MDL_MERKLE_PROOF_MAX + 10];
    mdl_merkle_proof proof;
    mdl_merkle_edge edge;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        many[i] = h;
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(mdl_merkle_verify_inclusion(0, beyond[i], &h, many, 62, &h), MDL_ERANGE);
        assert_int_equal(mdl_merkle_verify_inclusion(beyond[i] - 1, beyond[i], &h, many, 62, &h), MDL_ERANGE);
        assert_int_equal(mdl_merkle_verify_consistency(1, beyond[i], &h, &h, many, 62), MDL_ERANGE);
        assert_int_equal(mdl_merkle_prove_inclusion(0, beyond[i], &lookup, &proof), MDL_ERANGE);
        assert_int_equal(mdl_merkle_prove_consistency(1, beyond[i], &lookup, &proof), MDL_ERANGE);
        assert_int_equal(mdl_merkle_root(beyond[i], &lookup, &h), MDL_ERANGE);
        assert_int_equal(mdl_merkle_edge_load(beyond[i], &lookup, &edge), MDL_ERANGE);
    }
    const uint64_t top = MDL_MERKLE_SIZE_MAX;
    for (size_t count = 0; count < MDL_MERKLE_PROOF_MAX + 10; count++) {
        assert_int_equal(mdl_merkle_verify_inclusion(0, top, &h, many, count, &h),
                         count == 62 ? MDL_EDIGEST : MDL_ESIZE);
        assert_int_equal(mdl_merkle_verify_consistency(3, top, &h, &h, many, count),
                         count == 63 ? MDL_EDIGEST : MDL_ESIZE);
    }
    memset(&edge, 0, sizeof edge);
    edge.size = top;
    assert_int_equal(mdl_merkle_append(&edge, &h, 1, NULL, NULL), MDL_ERANGE);
    assert_true(edge.size == top);
    edge.size = top - 1;
    assert_int_equal(mdl_merkle_append(&edge, many, 2, NULL, NULL), MDL_ERANGE);
    assert_int_equal(mdl_merkle_append(&edge, many, 1, NULL, NULL), MDL_OK);
    assert_true(edge.size == top);
}

/* A tree of 2^62 - 1 equal leaves: each complete subtree depends on its level alone. */
static mdl_err equal_leaves(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const mdl_hash *by_level = ctx;
    assert_true(level < MDL_MERKLE_LEVELS && index < MDL_MERKLE_SIZE_MAX >> level);
    *out = by_level[level];
    return MDL_OK;
}

static void test_huge(void **state) {
    (void)state;
    mdl_hash by_level[MDL_MERKLE_LEVELS], root, older;
    mdl_merkle_leaf("x", 1, &by_level[0]);
    for (uint32_t l = 1; l < MDL_MERKLE_LEVELS; l++) {
        mdl_merkle_node(&by_level[l - 1], &by_level[l - 1], &by_level[l]);
    }
    mdl_merkle_lookup l = {equal_leaves, by_level};
    mdl_merkle_proof proof;
    const uint64_t top = MDL_MERKLE_SIZE_MAX;
    const uint64_t at[] = {0, 1, 12345, (UINT64_C(1) << 61) - 1, UINT64_C(1) << 61, top - 2, top - 1};
    assert_int_equal(mdl_merkle_root(top, &l, &root), MDL_OK);
    uint32_t longest = 0;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        assert_int_equal(mdl_merkle_prove_inclusion(at[i], top, &l, &proof), MDL_OK);
        assert_int_equal(mdl_merkle_verify_inclusion(at[i], top, &by_level[0], proof.hash, proof.count, &root), MDL_OK);
        assert_in_range(proof.count, 1, MDL_MERKLE_PATH_MAX);
        assert_int_equal(mdl_merkle_root(at[i], &l, &older), MDL_OK);
        assert_int_equal(mdl_merkle_prove_consistency(at[i], top, &l, &proof), MDL_OK);
        assert_int_equal(mdl_merkle_verify_consistency(at[i], top, &older, &root, proof.hash, proof.count), MDL_OK);
        longest = proof.count > longest ? proof.count : longest;
    }
    assert_int_equal(longest, MDL_MERKLE_PROOF_MAX);
}

static mdl_err failing(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    uint32_t *left = ctx;
    if ((*left)-- == 0) {
        return MDL_EIO;
    }
    return look(&t, level, index, out);
}

/* Whichever lookup fails, its error comes back. */
static void test_lookup_fails(void **state) {
    (void)state;
    mdl_merkle_proof proof;
    mdl_merkle_edge edge;
    mdl_hash h;
    uint32_t left, failures = 0;
    for (uint32_t k = 0; k < 8; k++) {
        mdl_merkle_lookup l = {failing, &left};
        left = k;
        mdl_err e = mdl_merkle_prove_inclusion(20, 43, &l, &proof);
        left = k;
        mdl_err f = mdl_merkle_prove_consistency(21, 43, &l, &proof);
        left = k;
        mdl_err g = mdl_merkle_root(43, &l, &h);
        left = k;
        mdl_err m = mdl_merkle_edge_load(43, &l, &edge);
        failures += (uint32_t)((e == MDL_EIO) + (f == MDL_EIO) + (g == MDL_EIO) + (m == MDL_EIO));
        assert_true(m == MDL_OK || edge.size == 0);
        assert_int_equal(g, k < 4 ? MDL_EIO : MDL_OK);
    }
    assert_in_range(failures, 4 + 4 + 4 + 4, 31);
}

/* Every leaf of every tree: the same proof as from the root down. */
static void test_prover(void **state) {
    (void)state;
    mdl_merkle_edge edge = {0};
    mdl_merkle_prover prover;
    mdl_merkle_proof proof, again;
    mdl_merkle_prover_init(&prover, &edge);
    assert_int_equal(mdl_merkle_prover_inclusion(&prover, 0, &lookup, &proof), MDL_ERANGE);
    for (uint32_t n = 1; n <= N; n++) {
        assert_int_equal(mdl_merkle_append(&edge, &t.leaf[n - 1], 1, NULL, NULL), MDL_OK);
        mdl_merkle_prover_init(&prover, &edge);
        t.allowed = n;
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(mdl_merkle_prove_inclusion(i, n, &lookup, &proof), MDL_OK);
            assert_int_equal(mdl_merkle_prover_inclusion(&prover, i, &lookup, &again), MDL_OK);
            assert_int_equal(again.count, proof.count);
            assert_memory_equal(again.hash, proof.hash, proof.count * sizeof *proof.hash);
        }
        assert_int_equal(mdl_merkle_prover_inclusion(&prover, n, &lookup, &proof), MDL_ERANGE);
    }
    t.allowed = N;
}

/* From every leaf to every other one: the same proof, and what it says has not changed is as it was. */
static void test_prover_next(void **state) {
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 21, 32, 33, 43};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        uint32_t n = sizes[k], changed;
        mdl_merkle_edge edge = {0};
        mdl_merkle_prover prover;
        mdl_merkle_proof start, from, to;
        assert_int_equal(mdl_merkle_append(&edge, t.leaf, n, NULL, NULL), MDL_OK);
        mdl_merkle_prover_init(&prover, &edge);
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(mdl_merkle_prover_inclusion(&prover, i, &lookup, &start), MDL_OK);
            for (uint32_t j = 0; j < n; j++) {
                from = start;
                assert_int_equal(mdl_merkle_prover_inclusion(&prover, j, &lookup, &to), MDL_OK);
                assert_int_equal(mdl_merkle_prover_next(&prover, i, j, &lookup, &from, &changed), MDL_OK);
                assert_int_equal(from.count, to.count);
                assert_memory_equal(from.hash, to.hash, to.count * sizeof *to.hash);
                assert_true(changed <= to.count && (i != j || changed == 0));
                assert_true(changed == to.count || start.count == to.count);
                assert_memory_equal(start.hash + changed, to.hash + changed, (to.count - changed) * sizeof *to.hash);
            }
        }
        assert_int_equal(mdl_merkle_prover_next(&prover, 0, n, &lookup, &from, &changed), MDL_ERANGE);
        assert_int_equal(mdl_merkle_prover_next(&prover, MDL_MERKLE_SIZE_MAX, n - 1, &lookup, &from, &changed), MDL_OK);
        assert_int_equal(changed, from.count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_inclusion),
        cmocka_unit_test(test_prover),
        cmocka_unit_test(test_prover_next),
        cmocka_unit_test(test_consistency),
        cmocka_unit_test(test_root_does_not_bind_size),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_lookup_fails),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
