/* The ledger's rules at the ends of generations and of the experiment, blobs,
 * and memory: for each rule, records that break exactly it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "protocol/unit.h"
#include "tests/protocol/ledger_steps.h"

static const uint8_t nobody[MDL_KEY_BYTES];

/* ---- ends ---- */

/* The blobs without the last one. */
static mdl_err hide_last(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    ledger_play *p = ctx;
    const ledger_blob *last = &p->blob[p->blobs - 1];
    if (memcmp(digest, last->digest, MDL_DIGEST_BYTES) == 0)
        return MDL_ENOENT;
    *bytes = last->bytes;
    *size = last->size;
    return MDL_OK;
}

/* The last blob's bytes, but for one bit. */
static mdl_err spoil_last(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    static uint8_t spoilt[1 << 20];
    ledger_play *p = ctx;
    const ledger_blob *last = &p->blob[p->blobs - 1];
    (void)digest;
    assert_true(last->size <= sizeof spoilt);
    memcpy(spoilt, last->bytes, last->size);
    spoilt[last->size / 2] ^= 4;
    *bytes = spoilt;
    *size = last->size;
    return MDL_OK;
}

static mdl_err no_memory(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    (void)ctx, (void)digest, (void)bytes, (void)size;
    return MDL_ENOMEM;
}

static void breaks_without_blob(ledger_play *p, const mdl_message *m) {
    mdl_blobs whole = p->source;
    p->source.get = hide_last;
    ledger_play_breaks(p, m, COORDINATOR, MDL_RULE_BLOB);
    p->source.get = spoil_last;
    ledger_play_breaks(p, m, COORDINATOR, MDL_RULE_BLOB);
    p->source.get = no_memory;
    mdl_breach b = ledger_play_refused(p, m, COORDINATOR);
    assert_int_equal(b.rule, MDL_RULE_NOMEM);
    assert_memory_equal(b.culprit, nobody, sizeof nobody);
    p->source = whole;
}

static void closings(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 2);
    mdl_msg_close close;
    const uint8_t *bytes;
    size_t size;
    ledger_play_work(&p, 1, 0, 3);
    ledger_play_work(&p, 2, 5, 3);
    assert_int_equal(mdl_ledger_make_close(p.ledger, &close, &bytes, &size), MDL_EMISMATCH);
    mdl_message early = ledger_play_message(&p, MDL_MSG_CLOSE);
    early.as.close.jobs = 8;
    ledger_play_breaks(&p, &early, COORDINATOR, MDL_RULE_CLOSE);
    uint64_t open = lease(&p, 1, 3, 2), record = ledger_play_work(&p, 2, 3, 2);
    mdl_message right = ledger_play_closing(&p);
    assert_int_equal(right.as.close.results.count, 3);
    const uint64_t order[3] = {4, record, 6};
    assert_memory_equal(right.as.close.results.at, order, sizeof order);
    uint64_t swapped[3] = {record, 4, 6};
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.generation++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.jobs--);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.fitness[0] ^= 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.results.at = swapped);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.results.count--);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.results_blob[0] = 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.before[31] ^= 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.after[31] ^= 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.best++);
    breaks_without_blob(&p, &right);

    uint8_t state0[MDL_DIGEST_BYTES], state1[MDL_DIGEST_BYTES];
    mdl_state_digest(mdl_ledger_evolution(p.ledger), state0);
    assert_memory_equal(state0, right.as.close.before, sizeof state0);
    append(&p, right);
    mdl_state_digest(mdl_ledger_evolution(p.ledger), state1);
    assert_memory_equal(state1, right.as.close.after, sizeof state1);
    assert_int_equal(mdl_ledger_lease_find(p.ledger, open)->state, MDL_LEASE_EXPIRED);
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->expired, 1);

    /* A closing twice; anything but the credit. */
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CREDIT, msg.head.seq++);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 1), COORDINATOR, MDL_RULE_CREDIT, (void)msg);
    append(&p, ledger_play_credit(&p));
    LEDGER_SPOILT(&p, ledger_play_unit(&p, open), 1, MDL_RULE_RESULT, (void)msg); /* of a closed generation */
    ledger_play_close(&p);
}

static void old_leases_are_forgotten(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    const mdl_ledger_lease *at;
    ledger_play_generation(&p, 1, 4); /* leases 0 and 1 */
    assert_int_equal(mdl_ledger_leases(p.ledger, &at), 2);
    ledger_play_generation(&p, 1, 5); /* 10 jobs: leases 2 and 3 */
    assert_int_equal(mdl_ledger_leases(p.ledger, &at), 2);
    assert_true(at[0].id == 2 && at[0].generation == 1);
    assert_null(mdl_ledger_lease_find(p.ledger, 1));
    lease(&p, 1, 0, 1);
    assert_int_equal(mdl_ledger_leases(p.ledger, &at), 3);
    assert_int_equal(mdl_ledger_lease_find(p.ledger, 4)->generation, 2);
    assert_int_equal(mdl_ledger_lease_find(p.ledger, 2)->state, MDL_LEASE_DONE);
    assert_null(mdl_ledger_lease_find(p.ledger, 5));
    ledger_play_close(&p);
}

static void credits(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 3);
    mdl_msg_credit credit;
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_credit(p.ledger, &credit, &bytes, &size), MDL_EMISMATCH);
    mdl_message early = ledger_play_message(&p, MDL_MSG_CREDIT);
    ledger_play_breaks(&p, &early, COORDINATOR, MDL_RULE_CREDIT);
    ledger_play_work(&p, 1, 0, 3);
    ledger_play_work(&p, 2, 3, 5);
    append(&p, ledger_play_closing(&p));
    /* One update more for one worker, in a list that is stored. */
    uint8_t list[80], digest[MDL_DIGEST_BYTES];
    assert_int_equal(mdl_ledger_make_credit(p.ledger, &credit, &bytes, &size), MDL_OK);
    assert_int_equal(size, sizeof list);
    memcpy(list, bytes, sizeof list);
    assert_true(memcmp(list, list + 40, MDL_KEY_BYTES) < 0);
    list[32]++;
    ledger_play_store(&p, list, sizeof list, digest);
    mdl_message right = ledger_play_credit(&p);
    assert_int_equal(right.as.credit.count, 2); /* who did nothing is not in it */
    assert_int_equal(right.as.credit.updates, 36);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CREDIT, msg.as.credit.generation++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CREDIT, msg.as.credit.count++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CREDIT, msg.as.credit.updates++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CREDIT, memcpy(msg.as.credit.workers, digest, sizeof digest));
    breaks_without_blob(&p, &right);
    append(&p, right);
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->credit, 1 + 2 + 3);
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[2])->credit, 4 + 5 + 6 + 7 + 8);
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[2])->pending, 0);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CREDIT, msg.head.seq++); /* twice */
    ledger_play_close(&p);
}

static void credit_for_nothing(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    mdl_message m = ledger_play_unit(&p, lease(&p, 1, 0, 8));
    ledger_play_claim(&p, &m, 0);
    ledger_play_append(&p, &m, 1);
    append(&p, ledger_play_closing(&p));
    m = ledger_play_credit(&p);
    assert_int_equal(m.as.credit.count, 0);
    LEDGER_SPOILT(&p, ledger_play_credit(&p), COORDINATOR, MDL_RULE_CREDIT, msg.as.credit.workers[0] = 1);
    append(&p, m);
    ledger_play_close(&p);
}

static void champion_and_end(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    mdl_msg_champion champion;
    mdl_msg_end end;
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_champion(p.ledger, &champion, &bytes, &size), MDL_EMISMATCH);
    assert_int_equal(mdl_ledger_make_end(p.ledger, &end), MDL_EMISMATCH);
    mdl_message early = ledger_play_message(&p, MDL_MSG_CHAMPION);
    ledger_play_breaks(&p, &early, COORDINATOR, MDL_RULE_CHAMPION);
    for (int i = 0; i < 3; i++)
        ledger_play_generation(&p, 1, 4);
    assert_int_equal(mdl_ledger_jobs(p.ledger), 0);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 1), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    early = ledger_play_message(&p, MDL_MSG_CLOSE);
    early.as.close.jobs = 1;
    ledger_play_breaks(&p, &early, COORDINATOR, MDL_RULE_CLOSE);
    early = ledger_play_message(&p, MDL_MSG_END);
    ledger_play_breaks(&p, &early, COORDINATOR, MDL_RULE_END);

    mdl_message right = ledger_play_champion(&p);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CHAMPION, msg.as.champion.generation++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CHAMPION, msg.as.champion.island ^= 1);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CHAMPION, msg.as.champion.validation++);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CHAMPION, msg.as.champion.genome[5] ^= 1);
    breaks_without_blob(&p, &right);
    append(&p, right);
    LEDGER_SPOILT(&p, right, COORDINATOR, MDL_RULE_CHAMPION, msg.head.seq++); /* twice */
    append(&p, ledger_play_admit(&p, 2));                                     /* nothing forbids it yet */
    LEDGER_SPOILT(&p, ledger_play_end(&p), COORDINATOR, MDL_RULE_END, msg.as.end.generation--);
    LEDGER_SPOILT(&p, ledger_play_end(&p), COORDINATOR, MDL_RULE_END, msg.as.end.champion[0] ^= 1);
    append(&p, ledger_play_end(&p));
    LEDGER_SPOILT(&p, ledger_play_admit(&p, 3), COORDINATOR, MDL_RULE_END, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "pause", 0), COORDINATOR, MDL_RULE_END, (void)msg);
    assert_int_equal(mdl_ledger_make_end(p.ledger, &end), MDL_EMISMATCH);
    ledger_play_close(&p);
}

/* ---- memory ---- */

static int allocations_left;

static void *failing_malloc(size_t size) { return allocations_left > 0 ? (allocations_left--, malloc(size)) : NULL; }

static void out_of_memory_accuses_nobody(void **state) {
    (void)state;
    ledger_play p;
    mdl_message right;
    ledger_play_begin(&p, NULL, "open 0", 1, &right);
    cJSON_Hooks hooks = {failing_malloc, free};
    for (int n = 0; n < 40; n += 13) {
        allocations_left = n;
        cJSON_InitHooks(&hooks);
        mdl_breach b = ledger_play_refused(&p, &right, COORDINATOR);
        cJSON_InitHooks(NULL);
        assert_int_equal(b.rule, MDL_RULE_NOMEM);
        assert_memory_equal(b.culprit, nobody, sizeof nobody);
    }
    append(&p, right);
    ledger_play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closings),         cmocka_unit_test(old_leases_are_forgotten),
        cmocka_unit_test(credits),          cmocka_unit_test(credit_for_nothing),
        cmocka_unit_test(champion_and_end), cmocka_unit_test(out_of_memory_accuses_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
