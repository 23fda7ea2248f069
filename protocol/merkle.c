#include "protocol/merkle.h"

#include <sodium.h>
#include <string.h>

#include "core/assert.h"

_Static_assert(crypto_hash_sha256_BYTES == MDL_HASH_BYTES, "SHA-256");

int mdl_hash_equal(const mdl_hash *a, const mdl_hash *b) { return memcmp(a, b, sizeof *a) == 0; }

static void sodium_sha256(uint8_t first, const void *bytes, size_t size, mdl_hash *out) {
    crypto_hash_sha256_state s;
    crypto_hash_sha256_init(&s);
    crypto_hash_sha256_update(&s, &first, 1);
    crypto_hash_sha256_update(&s, bytes, size);
    crypto_hash_sha256_final(&s, out->bytes);
}

static mdl_merkle_sha256 in_use = sodium_sha256;

void mdl_merkle_hash_with(mdl_merkle_sha256 sha256) { in_use = sha256 ? sha256 : sodium_sha256; }

void mdl_merkle_leaf(const void *record, size_t size, mdl_hash *out) { in_use(0, record, size, out); }

void mdl_merkle_node(const mdl_hash *left, const mdl_hash *right, mdl_hash *out) {
    const mdl_hash both[2] = {*left, *right};
    in_use(1, both, sizeof both, out);
}

void mdl_merkle_empty(mdl_hash *out) { crypto_hash_sha256(out->bytes, (const uint8_t *)"", 0); }

static uint32_t low_level(uint64_t v) { return (uint32_t)__builtin_ctzll(v); }

/* The largest power of two smaller than n; n > 1. */
static uint64_t split(uint64_t n) { return UINT64_C(1) << (63 - __builtin_clzll(n - 1)); }

mdl_err mdl_merkle_append(mdl_merkle_edge *edge, const mdl_hash *leaf, size_t count, mdl_merkle_seen seen, void *ctx) {
    if (edge->size > MDL_MERKLE_SIZE_MAX || count > MDL_MERKLE_SIZE_MAX - edge->size) {
        return MDL_ERANGE;
    }
    for (size_t i = 0; i < count; i++) {
        mdl_hash hash = leaf[i];
        uint64_t index = edge->size;
        uint32_t level = 0;
        if (seen) {
            seen(ctx, level, index, &hash);
        }
        for (; index & 1; level++) {
            mdl_merkle_node(&edge->peak[level], &hash, &hash);
            index >>= 1;
            if (seen) {
                seen(ctx, level + 1, index, &hash);
            }
        }
        edge->peak[level] = hash;
        edge->size++;
    }
    return MDL_OK;
}

void mdl_merkle_edge_root(const mdl_merkle_edge *edge, mdl_hash *out) {
    if (edge->size == 0) {
        mdl_merkle_empty(out);
    }
    for (uint64_t rest = edge->size; rest > 0; rest &= rest - 1) {
        const mdl_hash *peak = &edge->peak[low_level(rest)];
        if (rest == edge->size) {
            *out = *peak;
        } else {
            mdl_merkle_node(peak, out, out);
        }
    }
}

mdl_err mdl_merkle_edge_load(uint64_t size, const mdl_merkle_lookup *lookup, mdl_merkle_edge *edge) {
    memset(edge, 0, sizeof *edge);
    if (size > MDL_MERKLE_SIZE_MAX) {
        return MDL_ERANGE;
    }
    for (uint64_t rest = size; rest > 0; rest &= rest - 1) {
        uint32_t level = low_level(rest);
        mdl_err e = lookup->hash(lookup->ctx, level, (size >> level) - 1, &edge->peak[level]);
        if (e != MDL_OK) {
            memset(edge, 0, sizeof *edge);
            return e;
        }
    }
    edge->size = size;
    return MDL_OK;
}

/* The root of leaves [begin, end), where begin is a multiple of the largest
 * power of two <= end - begin: so the lookup has all its complete subtrees. */
static mdl_err range_root(uint64_t begin, uint64_t end, const mdl_merkle_lookup *lookup, mdl_hash *out) {
    mdl_hash sum;
    uint64_t at = end;
    if (begin == end) {
        mdl_merkle_empty(&sum);
    }
    for (uint64_t rest = end - begin; rest > 0; rest &= rest - 1) {
        uint32_t level = low_level(rest);
        mdl_hash peak;
        uint64_t right = at;
        at -= UINT64_C(1) << level;
        mdl_err e = lookup->hash(lookup->ctx, level, at >> level, &peak);
        if (e != MDL_OK) {
            return e;
        }
        if (right == end) {
            sum = peak;
        } else {
            mdl_merkle_node(&peak, &sum, &sum);
        }
    }
    *out = sum;
    return MDL_OK;
}

mdl_err mdl_merkle_root(uint64_t size, const mdl_merkle_lookup *lookup, mdl_hash *out) {
    return size > MDL_MERKLE_SIZE_MAX ? MDL_ERANGE : range_root(0, size, lookup, out);
}

static mdl_err push(mdl_merkle_proof *proof, uint64_t begin, uint64_t end, const mdl_merkle_lookup *lookup) {
    MDL_ASSERT(proof->count < MDL_MERKLE_PROOF_MAX);
    return range_root(begin, end, lookup, &proof->hash[proof->count++]);
}

/* The walks below go from the root down; proofs are read from the leaf up. */
static void reverse(mdl_merkle_proof *proof) {
    for (uint32_t i = 0; 2 * i + 1 < proof->count; i++) {
        mdl_hash h = proof->hash[i];
        proof->hash[i] = proof->hash[proof->count - 1 - i];
        proof->hash[proof->count - 1 - i] = h;
    }
}

mdl_err mdl_merkle_prove_inclusion(uint64_t index, uint64_t size, const mdl_merkle_lookup *lookup,
                                   mdl_merkle_proof *out) {
    out->count = 0;
    if (size > MDL_MERKLE_SIZE_MAX || index >= size) {
        return MDL_ERANGE;
    }
    uint64_t begin = 0, end = size;
    while (end - begin > 1) {
        uint64_t middle = begin + split(end - begin);
        int left = index < middle;
        mdl_err e = left ? push(out, middle, end, lookup) : push(out, begin, middle, lookup);
        if (e != MDL_OK) {
            return e;
        }
        *(left ? &end : &begin) = middle;
    }
    reverse(out);
    return MDL_OK;
}

void mdl_merkle_prover_init(mdl_merkle_prover *p, const mdl_merkle_edge *edge) {
    p->size = edge->size;
    p->count = 0;
    for (uint32_t level = MDL_MERKLE_LEVELS; level-- > 0;) {
        if (edge->size >> level & 1) {
            p->level[p->count] = level;
            p->peak[p->count++] = edge->peak[level];
        }
    }
    for (uint32_t i = p->count; i-- > 1;) {
        if (i + 1 == p->count) {
            p->rest[i - 1] = p->peak[i];
        } else {
            mdl_merkle_node(&p->peak[i], &p->rest[i], &p->rest[i - 1]);
        }
    }
}

/* Which of the subtrees a leaf of the tree is in. */
static uint32_t subtree_of(const mdl_merkle_prover *p, uint64_t index) {
    uint32_t i = 0;
    for (uint64_t end = UINT64_C(1) << p->level[0]; index >= end;) {
        end += UINT64_C(1) << p->level[++i];
    }
    return i;
}

mdl_err mdl_merkle_prover_next(const mdl_merkle_prover *p, uint64_t before, uint64_t index,
                               const mdl_merkle_lookup *lookup, mdl_merkle_proof *proof, uint32_t *changed) {
    if (index >= p->size || before >= p->size || subtree_of(p, before) != subtree_of(p, index)) {
        mdl_err e = mdl_merkle_prover_inclusion(p, index, lookup, proof);
        *changed = proof->count;
        return e;
    }
    uint32_t levels = before == index ? 0 : 64 - (uint32_t)__builtin_clzll(before ^ index);
    *changed = levels;
    for (uint32_t level = 0; level < levels; level++) {
        mdl_err e = lookup->hash(lookup->ctx, level, (index >> level) ^ 1, &proof->hash[level]);
        if (e != MDL_OK) {
            return e;
        }
    }
    return MDL_OK;
}

mdl_err mdl_merkle_prover_inclusion(const mdl_merkle_prover *p, uint64_t index, const mdl_merkle_lookup *lookup,
                                    mdl_merkle_proof *out) {
    out->count = 0;
    if (index >= p->size) {
        return MDL_ERANGE;
    }
    uint32_t i = subtree_of(p, index);
    for (uint32_t level = 0; level < p->level[i]; level++) {
        mdl_err e = lookup->hash(lookup->ctx, level, (index >> level) ^ 1, &out->hash[out->count++]);
        if (e != MDL_OK) {
            return e;
        }
    }
    if (i + 1 < p->count) {
        out->hash[out->count++] = p->rest[i];
    }
    while (i-- > 0) {
        out->hash[out->count++] = p->peak[i];
    }
    return MDL_OK;
}

mdl_err mdl_merkle_prove_consistency(uint64_t older, uint64_t size, const mdl_merkle_lookup *lookup,
                                     mdl_merkle_proof *out) {
    out->count = 0;
    if (size > MDL_MERKLE_SIZE_MAX || older > size) {
        return MDL_ERANGE;
    }
    if (older == 0 || older == size) {
        return MDL_OK;
    }
    uint64_t begin = 0, end = size;
    while (end != older) {
        uint64_t middle = begin + split(end - begin);
        int left = older <= middle;
        mdl_err e = left ? push(out, middle, end, lookup) : push(out, begin, middle, lookup);
        if (e != MDL_OK) {
            return e;
        }
        *(left ? &end : &begin) = middle;
    }
    if (begin > 0) { /* else the verifier knows it: it is the older root */
        mdl_err e = push(out, begin, end, lookup);
        if (e != MDL_OK) {
            return e;
        }
    }
    reverse(out);
    return MDL_OK;
}

static mdl_err same_root(const mdl_hash *a, const mdl_hash *b) { return mdl_hash_equal(a, b) ? MDL_OK : MDL_EDIGEST; }

mdl_err mdl_merkle_verify_inclusion(uint64_t index, uint64_t size, const mdl_hash *leaf, const mdl_hash *proof,
                                    size_t count, const mdl_hash *root) {
    if (size > MDL_MERKLE_SIZE_MAX || index >= size) {
        return MDL_ERANGE;
    }
    uint64_t fn = index, sn = size - 1;
    mdl_hash r = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (sn == 0) {
            return MDL_ESIZE;
        }
        if ((fn & 1) || fn == sn) {
            mdl_merkle_node(&proof[i], &r, &r);
            while (fn != 0 && !(fn & 1)) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            mdl_merkle_node(&r, &proof[i], &r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn != 0 ? MDL_ESIZE : same_root(&r, root);
}

mdl_err mdl_merkle_verify_consistency(uint64_t older, uint64_t size, const mdl_hash *older_root, const mdl_hash *root,
                                      const mdl_hash *proof, size_t count) {
    if (size > MDL_MERKLE_SIZE_MAX || older > size) {
        return MDL_ERANGE;
    }
    if (older == 0 || older == size) {
        mdl_hash empty;
        mdl_merkle_empty(&empty);
        mdl_err e = count != 0 ? MDL_ESIZE : older == 0 ? same_root(older_root, &empty) : MDL_OK;
        return e != MDL_OK ? e : older == size ? same_root(older_root, root) : MDL_OK;
    }
    size_t at = 0;
    mdl_hash fr = *older_root;
    if (older & (older - 1)) {
        if (count == 0) {
            return MDL_ESIZE;
        }
        fr = proof[at++];
    }
    mdl_hash sr = fr;
    uint64_t fn = older - 1, sn = size - 1;
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    for (; at < count; at++) {
        if (sn == 0) {
            return MDL_ESIZE;
        }
        if ((fn & 1) || fn == sn) {
            mdl_merkle_node(&proof[at], &fr, &fr);
            mdl_merkle_node(&proof[at], &sr, &sr);
            while (fn != 0 && !(fn & 1)) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            mdl_merkle_node(&sr, &proof[at], &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    mdl_err e = sn != 0 ? MDL_ESIZE : same_root(&fr, older_root);
    return e != MDL_OK ? e : same_root(&sr, root);
}
