/* A coordinator that lies about a fleet's ledger: every lie is found from the
 * ledger, its checkpoints and one worker's receipt alone, and the rule is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after those four */
#include <cmocka.h>
#include <sodium.h>

#include "protocol/chain.h"
#include "protocol/frame.h"
#include "protocol/tlog_proof.h"
#include "sim/sim.h"
#include "sim/store.h"

enum { SEEDS = 2, GENERATIONS = 3 };

/* One honest ledger; its records may be spoilt one at a time. */
typedef struct ledger {
    mdl_sim_store store; /* own copies */
    uint8_t key[32], secret[64];
    uint8_t withheld[MDL_DIGEST_BYTES]; /* a blob that the coordinator does not give */
} ledger;

static void keep(void *ctx, const mdl_sim_store *from, const uint8_t key[32], const uint8_t secret[64]) {
    ledger *l = ctx;
    uint8_t seed[32];
    crypto_sign_ed25519_sk_to_seed(seed, from->secret);
    assert_int_equal(mdl_sim_store_open(&l->store, from->vkey.name, seed), MDL_OK);
    for (size_t i = 0; i < from->records; i++) {
        assert_true(mdl_sim_store_append(&l->store, from->record[i].bytes, from->record[i].size, NULL));
    }
    for (size_t i = 0; i < from->blob_room; i++) {
        if (from->blob[i].bytes) {
            assert_true(mdl_sim_store_put(&l->store, from->blob[i].digest, from->blob[i].bytes, from->blob[i].size));
        }
    }
    memcpy(l->key, key, sizeof l->key);
    memcpy(l->secret, secret, sizeof l->secret);
}

/* With real signatures: that is what convicts. */
static void open_ledger(ledger *l, uint64_t seed) {
    mdl_sim_plan p;
    mdl_sim_report r;
    memset(l, 0, sizeof *l);
    mdl_sim_plan_init(&p);
    p.seed = seed;
    p.workers = 8;
    p.generations = GENERATIONS;
    p.probation = 2;
    p.plant_ppm = 200000;
    p.floor_ppm = 200000;
    p.adversaries = 0.25;
    p.mix = MDL_SIM_SILENT;
    p.keep = keep;
    p.ctx = l;
    assert_int_equal(mdl_sim_run(&p, &r), MDL_OK);
    assert_int_equal(r.violations, 0);
}

static mdl_err get(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    ledger *l = ctx;
    if (memcmp(digest, l->withheld, MDL_DIGEST_BYTES) == 0) {
        return MDL_ENOENT;
    }
    return mdl_sim_store_get(&l->store, digest, bytes, size);
}

/* What anyone finds who has the records and the blobs. */
static mdl_rule fold(ledger *l, mdl_breach *breach) {
    mdl_blobs blobs = {get, l};
    mdl_rule rule = MDL_RULE_OK;
    mdl_ledger *f = mdl_ledger_new(l->key, &blobs);
    assert_non_null(f);
    for (size_t i = 0; rule == MDL_RULE_OK && i < l->store.records; i++) {
        rule = mdl_ledger_apply(f, l->store.record[i].bytes, l->store.record[i].size, 0, breach);
    }
    mdl_ledger_free(f);
    return rule;
}

static uint64_t list[MDL_LIST_MAX];
static uint8_t pae[MDL_PAE_BYTES_MAX], work[MDL_SEAL_WORK_BYTES], sealed[MDL_ENVELOPE_BYTES_MAX];

static mdl_message message_of(const ledger *l, size_t i) {
    mdl_envelope e;
    mdl_message m;
    assert_int_equal(mdl_envelope_decode(l->store.record[i].bytes, l->store.record[i].size, pae, &e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){list, MDL_LIST_MAX}, &m, NULL), MDL_OK);
    return m;
}

/* The `nth` record of a type, or SIZE_MAX. */
static size_t find(const ledger *l, mdl_message_type type, size_t nth) {
    for (size_t i = 0; i < l->store.records; i++) {
        if (message_of(l, i).type == type && nth-- == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Put another message in the place of a record, signed by the coordinator. Gives the old one. */
static mdl_sim_record replace(ledger *l, size_t i, const mdl_message *m) {
    size_t size;
    mdl_sim_record old = l->store.record[i];
    assert_int_equal(mdl_message_seal(m, l->secret, work, sealed, sizeof sealed, &size), MDL_OK);
    mdl_sim_record *r = &l->store.record[i];
    r->bytes = malloc(size);
    assert_non_null(r->bytes);
    memcpy(r->bytes, sealed, size);
    r->size = size;
    mdl_merkle_leaf(r->bytes, size, &r->leaf);
    return old;
}

static void restore(ledger *l, size_t i, mdl_sim_record old) {
    free(l->store.record[i].bytes);
    l->store.record[i] = old;
}

static void assert_found(ledger *l, size_t i, const mdl_message *lie, mdl_rule rule) {
    mdl_breach breach;
    mdl_sim_record old = replace(l, i, lie);
    mdl_rule found = fold(l, &breach);
    if (found != rule || memcmp(breach.culprit, l->key, sizeof l->key) != 0) {
        fail_msg("%s, not %s: %s", mdl_rule_name((int)found), mdl_rule_name((int)rule), breach.text);
    }
    restore(l, i, old);
    assert_int_equal(fold(l, &breach), MDL_RULE_OK);
}

static void test_wrong_step(void **state) {
    ledger *l = *state;
    size_t i = find(l, MDL_MSG_CLOSE, 1);
    mdl_message m = message_of(l, i);
    m.as.close.after[0] ^= 1;
    assert_found(l, i, &m, MDL_RULE_CLOSE);
}

/* Another element of the chain, a better one: as it might be drawn ten thousand times. */
static void test_ground_beacon(void **state) {
    ledger *l = *state;
    size_t i = find(l, MDL_MSG_CLOSE, 0);
    for (int k = 0; k < 20; k++) {
        mdl_message m = message_of(l, i);
        randombytes_buf_deterministic(m.as.close.element, 32, (const uint8_t[32]){(uint8_t)k, 1});
        assert_found(l, i, &m, MDL_RULE_BEACON);
    }
}

static void test_inflated_credit(void **state) {
    ledger *l = *state;
    size_t i = find(l, MDL_MSG_CREDIT, 2);
    mdl_message m = message_of(l, i);
    const uint8_t *bytes;
    size_t size;
    m.as.credit.updates++;
    assert_found(l, i, &m, MDL_RULE_CREDIT);
    /* The same sum, one worker's share for another's: a blob of its own. */
    m = message_of(l, i);
    assert_true(m.as.credit.count > 1);
    assert_int_equal(mdl_sim_store_get(&l->store, m.as.credit.workers, &bytes, &size), MDL_OK);
    uint8_t *other = malloc(size);
    assert_non_null(other);
    memcpy(other, bytes, size);
    other[32]++;
    other[72]--;
    mdl_digest_of(other, size, m.as.credit.workers);
    assert_true(mdl_sim_store_put(&l->store, m.as.credit.workers, other, size));
    free(other);
    assert_found(l, i, &m, MDL_RULE_CREDIT);
}

static void test_withheld_blob(void **state) {
    ledger *l = *state;
    mdl_breach breach;
    memcpy(l->withheld, message_of(l, find(l, MDL_MSG_CLOSE, 1)).as.close.fitness, sizeof l->withheld);
    assert_int_equal(fold(l, &breach), MDL_RULE_BLOB);
    assert_memory_equal(breach.culprit, l->key, sizeof l->key);
    memset(l->withheld, 0, sizeof l->withheld);
    assert_int_equal(fold(l, &breach), MDL_RULE_OK);
}

/* The chain in the genesis and the closings is sound, but the leases were given by
 * another one: so were the verifiers chosen. */
static void test_biased_assignment(void **state) {
    ledger *l = *state;
    mdl_breach breach;
    mdl_sim_record old[1 + GENERATIONS];
    size_t at[1 + GENERATIONS];
    uint8_t seed[MDL_DIGEST_BYTES];
    memset(seed, 42, sizeof seed);
    for (uint32_t k = 0; k <= GENERATIONS; k++) {
        at[k] = k == 0 ? 0 : find(l, MDL_MSG_CLOSE, k - 1);
        mdl_message m = message_of(l, at[k]);
        if (k == 0) {
            mdl_chain_head(seed, GENERATIONS, m.as.genesis.chain);
        } else {
            mdl_chain_element(seed, GENERATIONS, k - 1, m.as.close.element);
        }
        old[k] = replace(l, at[k], &m);
    }
    assert_int_equal(fold(l, &breach), MDL_RULE_ASSIGNMENT);
    assert_memory_equal(breach.culprit, l->key, sizeof l->key);
    for (uint32_t k = 0; k <= GENERATIONS; k++) {
        restore(l, at[k], old[k]);
    }
    assert_int_equal(fold(l, &breach), MDL_RULE_OK);
}

/* A worker's result with another fitness: only the worker could have signed it. */
static void test_altered_result(void **state) {
    ledger *l = *state;
    mdl_breach breach;
    size_t i = find(l, MDL_MSG_RESULT, 3);
    mdl_message m = message_of(l, i);
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    char segments[MDL_UNIT_JOBS_MAX * MDL_SEGMENT_CHARS];
    memcpy(fitness, m.as.result.fitness.at, m.as.result.count * sizeof *fitness);
    memcpy(segments, m.as.result.segments.at, (size_t)m.as.result.count * MDL_SEGMENT_CHARS);
    m.as.result.fitness.at = fitness;
    m.as.result.segments.at = segments;
    fitness[0]++;
    mdl_sim_record old = replace(l, i, &m); /* signed by the coordinator, who has no other key */
    assert_int_equal(fold(l, &breach), MDL_RULE_SIGNER);
    restore(l, i, old);
    /* Under the worker's name, with the signature as it was. */
    l->store.record[i].bytes[100] ^= 1;
    mdl_rule rule = fold(l, &breach);
    assert_true(rule == MDL_RULE_SIGNATURE || rule == MDL_RULE_FORM);
    l->store.record[i].bytes[100] ^= 1;
    assert_int_equal(fold(l, &breach), MDL_RULE_OK);
}

/* ---- what only checkpoints and receipts tell ---- */

/* A log of the same key with these records, one left out or changed; NULL: as it is. */
static void sign_log(const ledger *l, mdl_sim_store *log, size_t count, size_t without, const mdl_sim_record *other) {
    uint8_t seed[32];
    crypto_sign_ed25519_sk_to_seed(seed, l->store.secret);
    assert_int_equal(mdl_sim_store_open(log, l->store.vkey.name, seed), MDL_OK);
    for (size_t i = 0; i < count; i++) {
        const mdl_sim_record *r = i == without && other ? other : &l->store.record[i];
        if (i != without || other) {
            assert_true(mdl_sim_store_append(log, r->bytes, r->size, NULL));
        }
    }
    assert_int_equal(mdl_sim_store_commit(log, log->records), MDL_OK);
}

/* The receipt of `record` under the log's checkpoint, checked as a worker does. */
static void take_receipt(mdl_sim_store *log, uint64_t record, mdl_tlog_proof *proof, uint8_t *bytes) {
    mdl_frame frame;
    size_t size;
    mdl_log_policy policy = {.log = log->vkey};
    assert_int_equal(mdl_sim_store_receipt(log, record, bytes, &size), MDL_OK);
    assert_int_equal(mdl_frame_decode(bytes, size, &frame), MDL_OK);
    assert_int_equal(mdl_tlog_proof_parse((mdl_text){(const char *)frame.blob, frame.blob_size}, proof), MDL_OK);
    assert_int_equal(mdl_tlog_proof_verify(proof, &log->record[record].leaf, &policy, NULL, NULL), MDL_OK);
}

/* Two signed checkpoints of one log of which none continues the other. */
static void assert_fork(mdl_sim_store *older, mdl_sim_store *newer) {
    mdl_merkle_lookup lookup = mdl_sim_store_lookup(newer);
    mdl_merkle_proof proof;
    mdl_hash a, b;
    mdl_merkle_edge_root(&older->edge, &a);
    mdl_merkle_edge_root(&newer->edge, &b);
    assert_int_equal(mdl_merkle_prove_consistency(older->records, newer->records, &lookup, &proof), MDL_OK);
    assert_int_not_equal(mdl_merkle_verify_consistency(older->records, newer->records, &a, &b, proof.hash, proof.count),
                         MDL_OK);
    mdl_checkpoint c;
    mdl_log_policy policy = {.log = older->vkey};
    mdl_text one = {older->checkpoint, older->checkpoint_size}, two = {newer->checkpoint, newer->checkpoint_size};
    assert_int_equal(mdl_checkpoint_verify(one, &policy, &c, NULL), MDL_OK); /* both are the log's own */
    assert_int_equal(mdl_checkpoint_verify(two, &policy, &c, NULL), MDL_OK);
}

static void test_receipts(void **state) {
    static uint8_t bytes[2][MDL_FRAME_HEAD_BYTES + MDL_RECEIPT_BYTES_MAX];
    ledger *l = *state;
    size_t result = find(l, MDL_MSG_RESULT, 2), all = l->store.records;
    mdl_sim_record other = l->store.record[result + 1];
    for (int changed = 0; changed < 2; changed++) {
        mdl_sim_store honest, lie;
        mdl_tlog_proof receipt, now;
        sign_log(l, &honest, result + 3, SIZE_MAX, NULL);
        take_receipt(&honest, result, &receipt, bytes[0]);
        /* Later the log shows another record there: the one dropped, or changed. */
        sign_log(l, &lie, all, result, changed ? &other : NULL);
        take_receipt(&lie, result, &now, bytes[1]);
        mdl_log_policy policy = {.log = honest.vkey};
        assert_int_not_equal(mdl_tlog_proof_verify(&now, &l->store.record[result].leaf, &policy, NULL, NULL), MDL_OK);
        assert_false(mdl_hash_equal(&honest.record[result].leaf, &lie.record[result].leaf));
        assert_fork(&honest, &lie);
        mdl_sim_store_close(&honest);
        mdl_sim_store_close(&lie);
    }
}

/* Two views from one point on; and a log that has lost its end and grown another. */
static void test_fork_and_rewrite(void **state) {
    ledger *l = *state;
    size_t all = l->store.records;
    mdl_sim_store older, newer;
    sign_log(l, &older, all / 2, SIZE_MAX, NULL);
    sign_log(l, &newer, all, all / 3, &l->store.record[0]);
    assert_fork(&older, &newer);
    mdl_sim_store_close(&newer);
    sign_log(l, &newer, all, all / 2 - 1, NULL);
    assert_fork(&older, &newer);
    mdl_sim_store_close(&newer);
    /* The honest log passes. */
    sign_log(l, &newer, all, SIZE_MAX, NULL);
    mdl_merkle_lookup lookup = mdl_sim_store_lookup(&newer);
    mdl_merkle_proof proof;
    mdl_hash a, b;
    mdl_merkle_edge_root(&older.edge, &a);
    mdl_merkle_edge_root(&newer.edge, &b);
    assert_int_equal(mdl_merkle_prove_consistency(older.records, newer.records, &lookup, &proof), MDL_OK);
    assert_int_equal(mdl_merkle_verify_consistency(older.records, newer.records, &a, &b, proof.hash, proof.count),
                     MDL_OK);
    mdl_sim_store_close(&older);
    mdl_sim_store_close(&newer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_step),        cmocka_unit_test(test_ground_beacon),
        cmocka_unit_test(test_inflated_credit),   cmocka_unit_test(test_withheld_blob),
        cmocka_unit_test(test_biased_assignment), cmocka_unit_test(test_altered_result),
        cmocka_unit_test(test_receipts),          cmocka_unit_test(test_fork_and_rewrite),
    };
    enum { TESTS = sizeof tests / sizeof tests[0] };
    static ledger l;
    struct CMUnitTest with[TESTS];
    int failed = sodium_init() < 0;
    for (uint64_t seed = 1; seed <= SEEDS && !failed; seed++) {
        open_ledger(&l, seed);
        memcpy(with, tests, sizeof tests);
        for (int i = 0; i < TESTS; i++) {
            with[i].initial_state = &l;
        }
        failed = cmocka_run_group_tests(with, NULL, NULL);
        mdl_sim_store_close(&l.store);
    }
    return failed;
}
