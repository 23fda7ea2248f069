/* The Merkle tree of the ledger: RFC 6962 section 2.1 with SHA-256. PROTOCOL
 * section 4.1.
 *
 * A root does not bind the size: the same proof often verifies for a larger
 * tree. Take size AND root only from a checkpoint whose signature was verified
 * (protocol/checkpoint.h), never from a proof or its sender.
 *
 * Pure; no call allocates. Sizes are 0..MDL_MERKLE_SIZE_MAX leaves; the checks
 * below also stop every loop. */
#ifndef MDL_PROTOCOL_MERKLE_H
#define MDL_PROTOCOL_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
    MDL_HASH_BYTES = 32,
    MDL_MERKLE_LEVELS = 62,   /* complete subtrees have 2^0..2^61 leaves            */
    MDL_MERKLE_PATH_MAX = 62, /* hashes of an inclusion proof                       */
    MDL_MERKLE_PROOF_MAX = 63 /* hashes of a consistency proof                      */
};
#define MDL_MERKLE_SIZE_MAX ((UINT64_C(1) << 62) - 1)

typedef struct mdl_hash {
    uint8_t bytes[MDL_HASH_BYTES];
} mdl_hash;
_Static_assert(sizeof(mdl_hash) == MDL_HASH_BYTES, "hashes lie side by side in tiles");

int mdl_hash_equal(const mdl_hash *a, const mdl_hash *b);
/* SHA-256 of a first byte and `size` more. */
typedef void (*mdl_merkle_sha256)(uint8_t first, const void *bytes, size_t size, mdl_hash *out);
/* Hash with this from now on; NULL: libsodium, as from the beginning. A faster one must give the same bytes:
 * runtime/sha256.h. Before other threads hash. */
void mdl_merkle_hash_with(mdl_merkle_sha256 sha256);
/* SHA-256(0x00, record). `record` may be NULL when size is 0. */
void mdl_merkle_leaf(const void *record, size_t size, mdl_hash *out);
/* SHA-256(0x01, left, right). `out` may be one of them. */
void mdl_merkle_node(const mdl_hash *left, const mdl_hash *right, mdl_hash *out);
/* The root of no leaves: SHA-256(""). */
void mdl_merkle_empty(mdl_hash *out);

/* The right edge of a tree: all that appending needs. Bit l of `size` set means
 * peak[l] is the root of the 2^l leaves that end where the lower bits begin; the
 * other peaks are not used. All zero is the empty tree. */
typedef struct mdl_merkle_edge {
    uint64_t size;
    mdl_hash peak[MDL_MERKLE_LEVELS];
} mdl_merkle_edge;

/* Told of each complete subtree as it comes into being: the root of leaves
 * [index * 2^level, (index + 1) * 2^level). Leaves are level 0. These hashes are
 * what the ledger stores. */
typedef void (*mdl_merkle_seen)(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash);

/* Append leaf hashes in order. `seen` may be NULL. Returns MDL_OK, or
 * MDL_ERANGE with the edge untouched when the tree would pass the limit. */
mdl_err mdl_merkle_append(mdl_merkle_edge *edge, const mdl_hash *leaf, size_t count, mdl_merkle_seen seen, void *ctx);
/* The root of the tree as it is now. */
void mdl_merkle_edge_root(const mdl_merkle_edge *edge, mdl_hash *out);

/* Where hashes of complete subtrees come from (mdl_merkle_seen's numbering).
 * `hash` returns MDL_OK or its own error, which the calls below pass on. It is
 * asked only for subtrees that lie wholly within the size in question. */
typedef struct mdl_merkle_lookup {
    mdl_err (*hash)(void *ctx, uint32_t level, uint64_t index, mdl_hash *out);
    void *ctx;
} mdl_merkle_lookup;

/* The edge of a tree of `size` leaves, to go on appending after a restart.
 * MDL_ERANGE, or the lookup's error; then the edge is empty. */
mdl_err mdl_merkle_edge_load(uint64_t size, const mdl_merkle_lookup *lookup, mdl_merkle_edge *edge);
/* The root of the first `size` leaves. MDL_ERANGE, or the lookup's error. */
mdl_err mdl_merkle_root(uint64_t size, const mdl_merkle_lookup *lookup, mdl_hash *out);

/* Hashes in the order of RFC 6962: from the leaf towards the root. */
typedef struct mdl_merkle_proof {
    uint32_t count;
    mdl_hash hash[MDL_MERKLE_PROOF_MAX];
} mdl_merkle_proof;

/* That leaf `index` is in the tree of `size` leaves. MDL_ERANGE unless
 * index < size <= MDL_MERKLE_SIZE_MAX, or the lookup's error. */
mdl_err mdl_merkle_prove_inclusion(uint64_t index, uint64_t size, const mdl_merkle_lookup *lookup,
                                   mdl_merkle_proof *out);
/* Inclusion proofs of many leaves of one tree: what they share is computed once. */
typedef struct mdl_merkle_prover {
    uint64_t size;
    uint32_t count; /* complete subtrees that the tree falls into, from the left */
    uint32_t level[MDL_MERKLE_LEVELS];
    mdl_hash peak[MDL_MERKLE_LEVELS]; /* their roots                                 */
    mdl_hash rest[MDL_MERKLE_LEVELS]; /* the root of all to the right of each of them; none of the last's */
} mdl_merkle_prover;

void mdl_merkle_prover_init(mdl_merkle_prover *p, const mdl_merkle_edge *edge);
/* mdl_merkle_prove_inclusion() in that tree. */
mdl_err mdl_merkle_prover_inclusion(const mdl_merkle_prover *p, uint64_t index, const mdl_merkle_lookup *lookup,
                                    mdl_merkle_proof *out);
/* From the proof of leaf `before` in that tree to the proof of leaf `index`: only what differs is looked up. `*changed`
 * out: so many hashes at the beginning may have changed, those behind them have not. After an error the proof is of
 * neither. */
mdl_err mdl_merkle_prover_next(const mdl_merkle_prover *p, uint64_t before, uint64_t index,
                               const mdl_merkle_lookup *lookup, mdl_merkle_proof *proof, uint32_t *changed);
/* That the tree of `older` leaves is the beginning of the tree of `size`.
 * Empty for older = 0 and older = size. MDL_ERANGE unless older <= size. */
mdl_err mdl_merkle_prove_consistency(uint64_t older, uint64_t size, const mdl_merkle_lookup *lookup,
                                     mdl_merkle_proof *out);

/* Check proofs. `count` is what was received; any value is safe.
 *   size, root    from a signed checkpoint (see above); likewise older, older_root
 * MDL_OK, or
 *   MDL_ERANGE   index >= size, older > size, or beyond the limit
 *   MDL_ESIZE    another number of hashes than trees of these sizes need
 *   MDL_EDIGEST  a root does not come out
 * Consistency from older = 0 wants no hashes and the empty root as older_root;
 * from older = size no hashes and equal roots. */
mdl_err mdl_merkle_verify_inclusion(uint64_t index, uint64_t size, const mdl_hash *leaf, const mdl_hash *proof,
                                    size_t count, const mdl_hash *root);
mdl_err mdl_merkle_verify_consistency(uint64_t older, uint64_t size, const mdl_hash *older_root, const mdl_hash *root,
                                      const mdl_hash *proof, size_t count);

#endif
