/* Merkle proofs out of a tree of 64 leaves: the bytes are index (or older size),
 * size, then hashes. Only the true proof verifies. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/merkle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N = 64 };
static struct {
    mdl_hash hash[7][N], root[N + 1];
    int ready;
} tree;

static void seen(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    (void)ctx;
    tree.hash[level][index] = *hash;
}

static mdl_err look(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    (void)ctx;
    MDL_ASSERT(level < 7 && index < (uint64_t)N >> level);
    *out = tree.hash[level][index];
    return MDL_OK;
}

static void grow(void) {
    mdl_merkle_edge edge = {0};
    mdl_merkle_edge_root(&edge, &tree.root[0]);
    for (uint8_t i = 0; i < N; i++) {
        mdl_hash leaf;
        mdl_merkle_leaf(&i, 1, &leaf);
        MDL_ASSERT(mdl_merkle_append(&edge, &leaf, 1, seen, NULL) == MDL_OK);
        mdl_merkle_edge_root(&edge, &tree.root[i + 1]);
    }
    tree.ready = 1;
}

static int equal(const mdl_merkle_proof *p, const mdl_hash *hash, size_t count) {
    return p->count == count && memcmp(p->hash, hash, count * sizeof *hash) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const mdl_merkle_lookup lookup = {look, NULL};
    mdl_hash hash[100];
    mdl_merkle_proof proof;
    if (!tree.ready) {
        grow();
    }
    if (size < 2 || (size - 2) / MDL_HASH_BYTES > 100) {
        return 0;
    }
    size_t count = (size - 2) / MDL_HASH_BYTES;
    memcpy(hash, data + 2, count * MDL_HASH_BYTES);
    uint64_t a = data[0] % (N + 1), n = data[1] % (N + 1);
    mdl_err e = mdl_merkle_verify_inclusion(a, n, &tree.hash[0][a % N], hash, count, &tree.root[n]);
    mdl_err true_e = mdl_merkle_prove_inclusion(a, n, &lookup, &proof);
    MDL_ASSERT((e == MDL_OK) == (true_e == MDL_OK && equal(&proof, hash, count)));
    e = mdl_merkle_verify_consistency(a, n, &tree.root[a], &tree.root[n], hash, count);
    true_e = mdl_merkle_prove_consistency(a, n, &lookup, &proof);
    MDL_ASSERT((e == MDL_OK) == (true_e == MDL_OK && equal(&proof, hash, count)));
    /* Sizes of 64 bits: any answer but a crash or OK by chance. */
    uint64_t wide[2] = {0, 0};
    memcpy(wide, data + 2, size - 2 < sizeof wide ? size - 2 : sizeof wide);
    (void)mdl_merkle_verify_inclusion(wide[0], wide[1], &tree.root[a], hash, count, &tree.root[n]);
    (void)mdl_merkle_verify_consistency(wide[0], wide[1], &tree.root[a], &tree.root[n], hash, count);
    return 0;
}
