/* Checkpoints compared without a worker: what is asked in which order. Verdicts are in worker/test_logic_gossip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/fraud.h"
#include "protocol/gossip.h"

static mdl_vkey vkey;
static uint8_t secret[64];

/* Leaves of two histories: the second differs from record 2 on. */
static mdl_err node(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    mdl_hash left, right;
    if (level == 0) {
        uint8_t record[2] = {(uint8_t)index, index >= 2 && *(const int *)ctx};
        mdl_merkle_leaf(record, sizeof record, out);
        return MDL_OK;
    }
    node(ctx, level - 1, 2 * index, &left);
    node(ctx, level - 1, 2 * index + 1, &right);
    mdl_merkle_node(&left, &right, out);
    return MDL_OK;
}

static size_t note_of(int history, uint64_t size, char note[1024]) {
    mdl_merkle_lookup lookup = {node, &history};
    mdl_checkpoint c = {.origin = mdl_text_of(vkey.name), .size = size};
    mdl_text_out out = {note, 1024, 0};
    assert_int_equal(mdl_merkle_root(size, &lookup, &c.root), MDL_OK);
    assert_int_equal(mdl_checkpoint_sign(&c, &vkey, secret, &out), MDL_OK);
    return out.size;
}

static mdl_gossip_verdict take(mdl_gossip *g, int history, uint64_t size, int own) {
    char note[1024];
    mdl_gossip_proof proof;
    size_t length = note_of(history, size, note);
    mdl_gossip_verdict v = mdl_gossip_take(g, (mdl_text){note, length}, own, &proof);
    free(proof.text);
    return v;
}

/* The log's answer to the question, out of one history. */
static mdl_gossip_verdict answer(mdl_gossip *g, const mdl_gossip_question *q, int history, uint64_t newest) {
    mdl_merkle_lookup lookup = {node, &history};
    mdl_merkle_proof path;
    mdl_hash root;
    mdl_gossip_proof proof;
    char note[1024];
    uint64_t to = q->to ? q->to : newest;
    size_t length = note_of(history, to, note);
    assert_int_equal(mdl_merkle_root(q->from, &lookup, &root), MDL_OK);
    assert_int_equal(mdl_merkle_prove_consistency(q->from, to, &lookup, &path), MDL_OK);
    mdl_gossip_verdict v =
        mdl_gossip_answer(g, q->from, to, &root, path.hash, path.count, (mdl_text){note, length}, &proof);
    free(proof.text);
    return v;
}

static void begin(mdl_gossip *g) {
    uint8_t seed[32] = {5}, key[32];
    crypto_sign_seed_keypair(key, secret, seed);
    assert_int_equal(mdl_vkey_make(mdl_text_of("log.example"), MDL_NOTE_TYPE_ED25519, key, &vkey), MDL_OK);
    mdl_gossip_begin(g, &vkey);
}

/* A log that shows a newer checkpoint after every answer cannot keep what was heard from its turn. */
static void test_turns(void **state) {
    (void)state;
    for (int forked = 0; forked < 2; forked++) {
        static mdl_gossip g;
        mdl_gossip_question q;
        begin(&g);
        assert_int_equal(mdl_gossip_ask(&g, &q), 0);
        assert_int_equal(take(&g, 0, 10, 1), MDL_GOSSIP_AGREES);
        assert_int_equal(mdl_gossip_ask(&g, &q), 0);
        assert_int_equal(take(&g, forked, 4, 0), MDL_GOSSIP_AGREES); /* not known yet */
        uint32_t asked = 0;
        for (uint64_t size = 11; size < 16 && asked == 0; size++) {
            assert_int_equal(take(&g, 0, size, 1), MDL_GOSSIP_AGREES);
            assert_int_equal(mdl_gossip_ask(&g, &q), 1);
            asked += q.from == 4;
            assert_int_equal(q.note.size > 0, q.from != 4); /* what convicts is not shown */
            assert_int_equal(answer(&g, &q, 0, size), forked && q.from == 4 ? MDL_GOSSIP_FORK : MDL_GOSSIP_AGREES);
        }
        assert_int_equal(asked, 1);
        if (!forked) { /* known to agree: not again */
            assert_int_equal(take(&g, 0, 4, 0), MDL_GOSSIP_AGREES);
            assert_int_equal(g.heard_count, 0);
        }
    }
}

/* More is heard than there is room for: the newest ones stay, and none is lost that is asked about. */
static void test_room(void **state) {
    (void)state;
    static mdl_gossip g;
    mdl_gossip_question q;
    begin(&g);
    assert_int_equal(take(&g, 0, 40, 1), MDL_GOSSIP_AGREES);
    for (uint64_t size = 1; size <= MDL_GOSSIP_HEARD_MAX + 3; size++)
        assert_int_equal(take(&g, 0, size, 0), MDL_GOSSIP_AGREES);
    assert_int_equal(g.heard_count, MDL_GOSSIP_HEARD_MAX);
    for (uint32_t i = 0; i < MDL_GOSSIP_HEARD_MAX; i++) {
        assert_int_equal(mdl_gossip_ask(&g, &q), 1);
        assert_int_equal(answer(&g, &q, 0, 40), MDL_GOSSIP_AGREES);
    }
    assert_int_equal(mdl_gossip_ask(&g, &q), 0);
    assert_int_equal(g.held.size, 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_room)};
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
