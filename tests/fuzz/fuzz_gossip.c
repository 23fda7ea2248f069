/* Checkpoints that are compared, under a log whose secret the fuzzer's key stands for: whatever is shown and answered,
 * a log is convicted only by a proof that verifies alone, and what is held only grows.
 *
 * Input: steps of a byte that says what comes, a byte for the size, a byte for the history; for answers a byte more,
 * how the proof is spoilt. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/fraud.h"
#include "protocol/gossip.h"
#include "tests/fuzz/signatures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LEAVES = 24, LEVELS = 6, FROMS = 32, BYTES = 8, NOTE_MAX = 256 };

typedef struct history {
    uint8_t from, byte; /* from this record on it is another history */
} history;

/* Histories and their notes are few: each is made once. */
static struct {
    uint8_t made;
    mdl_hash hash;
} tree[FROMS][BYTES][LEVELS][1 << (LEVELS - 1)];
static struct {
    size_t size;
    char note[NOTE_MAX];
} notes[FROMS][BYTES][LEAVES + 1];

static mdl_err node(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const history *h = ctx;
    mdl_hash left, right;
    if (tree[h->from][h->byte][level][index].made) {
        *out = tree[h->from][h->byte][level][index].hash;
        return MDL_OK;
    }
    if (level == 0) {
        uint8_t record[2] = {(uint8_t)index, index >= h->from ? h->byte : 0};
        mdl_merkle_leaf(record, sizeof record, out);
    } else {
        node(ctx, level - 1, 2 * index, &left);
        node(ctx, level - 1, 2 * index + 1, &right);
        mdl_merkle_node(&left, &right, out);
    }
    tree[h->from][h->byte][level][index].made = 1;
    tree[h->from][h->byte][level][index].hash = *out;
    return MDL_OK;
}

static mdl_vkey log_key;
static uint8_t secret[64];

static size_t note_of(history h, uint64_t count, char note[NOTE_MAX]) {
    char *made = notes[h.from][h.byte][count].note;
    if (notes[h.from][h.byte][count].size == 0) {
        mdl_merkle_lookup lookup = {node, &h};
        mdl_checkpoint c = {.origin = mdl_text_of(log_key.name), .size = count};
        mdl_text_out out = {made, NOTE_MAX, 0};
        MDL_ASSERT(mdl_merkle_root(count, &lookup, &c.root) == MDL_OK);
        MDL_ASSERT(mdl_checkpoint_sign(&c, &log_key, secret, &out) == MDL_OK);
        notes[h.from][h.byte][count].size = out.size;
    }
    memcpy(note, made, notes[h.from][h.byte][count].size);
    return notes[h.from][h.byte][count].size;
}

static void prepare(void) {
    uint8_t seed[32] = {7}, key[32];
    MDL_ASSERT(sodium_init() >= 0);
    crypto_sign_seed_keypair(key, secret, seed);
    MDL_ASSERT(mdl_vkey_make(mdl_text_of("log.example"), MDL_NOTE_TYPE_ED25519, key, &log_key) == MDL_OK);
}

/* 1: the log is convicted, and rightly. */
static int convicts(mdl_gossip_verdict v, const mdl_gossip_proof *proof, int honest) {
    mdl_fraud f;
    mdl_fraud_finding found;
    MDL_ASSERT((v == MDL_GOSSIP_FORK) == (proof->text != NULL));
    if (v != MDL_GOSSIP_FORK) {
        return 0;
    }
    MDL_ASSERT(!honest && mdl_fraud_parse((mdl_text){proof->text, proof->size}, &f) == MDL_OK);
    mdl_fraud_verify(&f, &log_key, &found);
    MDL_ASSERT(found.verdict == MDL_FRAUD_PROVEN);
    free(proof->text);
    return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static mdl_gossip g;
    char note[NOTE_MAX];
    mdl_gossip_proof proof;
    int honest = 1;
    if (log_key.name[0] == 0) {
        prepare();
    }
    mdl_gossip_begin(&g, &log_key);
    for (size_t at = 0; at + 4 <= size && at < 256; at += 4) {
        uint64_t count = 1 + data[at + 1] % LEAVES, held = g.held.size;
        history h = {(uint8_t)(data[at + 2] >> 3), (uint8_t)(data[at + 2] & 7)};
        mdl_gossip_verdict v = MDL_GOSSIP_AGREES;
        honest &= h.byte == 0 || h.from >= LEAVES;
        if (data[at] % 4 < 2) {
            size_t length = note_of(h, count, note);
            if (data[at + 3] > 250) {
                note[data[at + 3] % length] ^= 4;
                honest = 0;
            }
            v = mdl_gossip_take(&g, (mdl_text){note, length}, data[at] % 4 == 0, &proof);
        } else if (data[at] % 4 == 2) {
            mdl_gossip_question q;
            mdl_merkle_lookup lookup = {node, &h};
            mdl_merkle_proof path;
            mdl_hash root;
            if (!mdl_gossip_ask(&g, &q)) {
                continue;
            }
            uint64_t to = q.to ? q.to : count;
            if (q.from > to) {
                mdl_gossip_unanswered(&g);
                continue;
            }
            MDL_ASSERT(mdl_merkle_root(q.from, &lookup, &root) == MDL_OK);
            MDL_ASSERT(mdl_merkle_prove_consistency(q.from, to, &lookup, &path) == MDL_OK);
            if (data[at + 3] > 200) {
                root.bytes[data[at + 3] % 32] ^= 1;
            } else if (data[at + 3] > 150 && path.count > 0) {
                path.hash[data[at + 3] % path.count].bytes[0] ^= 1;
            }
            size_t length = note_of(h, to, note);
            v = mdl_gossip_answer(&g, q.from, to, &root, path.hash, path.count, (mdl_text){note, length}, &proof);
            MDL_ASSERT(!honest || data[at + 3] > 150 || v == MDL_GOSSIP_AGREES); /* an honest log is never doubted */
            honest &= v == MDL_GOSSIP_AGREES;
        } else {
            size_t length = note_of(h, count, note);
            proof.text = NULL;
            (void)mdl_gossip_restore(&g, (mdl_text){note, length}, data[at + 3] & 1);
            held = 0; /* what was kept may be older */
        }
        if (convicts(v, &proof, honest)) {
            return 0;
        }
        MDL_ASSERT(g.held.size >= held && g.heard_count <= MDL_GOSSIP_HEARD_MAX);
    }
    return 0;
}
