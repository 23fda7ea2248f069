/* Verification in the fold: what breaks which rule, and whose fault it is.
 * PROTOCOL chapter 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/chain.h"
#include "protocol/reason.h"
#include "tests/protocol/ledger_steps.h"
#include "tests/support/vectors.h"

enum { JOBS = 8 }; /* of generation 0 */

/* Workers 1..workers, fitnesses made up. */
static void open_verified(ledger_play *p, const char *verification, uint32_t workers) {
    char json[1024];
    ledger_verified_experiment(verification, json, sizeof json);
    ledger_play_open(p, json, "open 0", 1);
    admit(p, workers);
}

/* The lease that the beacon gives to this worker now, of up to `most` jobs. */
static uint64_t chosen(ledger_play *p, uint32_t worker, uint32_t most) {
    const mdl_ledger_worker *first, *w = mdl_ledger_worker_find(p->ledger, p->key[worker]);
    mdl_ledger_workers(p->ledger, &first);
    mdl_duty_choice c = mdl_duty_choose(mdl_ledger_duty(p->ledger), mdl_ledger_next_lease(p->ledger), w->key,
                                        w->owner_number, mdl_ledger_trusted(p->ledger, (uint32_t)(w - first)));
    assert_int_not_equal(c.kind, MDL_DUTY_NOTHING);
    return lease(p, worker, c.first, c.most < most ? c.most : most);
}

static void answer(ledger_play *p, uint32_t worker, mdl_message m) {
    mdl_message commit = ledger_play_commit(p, &m, worker);
    ledger_play_append(p, &commit, worker);
    ledger_play_append(p, &m, worker);
}

/* A right answer to every fresh job by this worker. */
static void answer_all(ledger_play *p, uint32_t worker) {
    while (mdl_duty_fresh(mdl_ledger_duty(p->ledger)) > 0)
        answer(p, worker, ledger_play_unit(p, chosen(p, worker, 2)));
}

/* Every check that the closing needs. */
static void check_all(ledger_play *p) {
    const mdl_duty *d = mdl_ledger_duty(p->ledger);
    for (;;) {
        uint32_t job = mdl_duty_waiting(d, 0);
        job = job != MDL_DUTY_NONE ? job : mdl_ledger_selected(p->ledger, 0);
        if (job == MDL_DUTY_NONE)
            return;
        append(p, ledger_play_check(p, job));
    }
}

static void commitments(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{}", 2);
    uint64_t mine = lease(&p, 1, 0, 2), other = lease(&p, 2, 2, 2);
    mdl_message m = ledger_play_unit(&p, mine);
    ledger_play_breaks(&p, &m, 1, MDL_RULE_COMMIT); /* not committed */
    mdl_message commit = ledger_play_commit(&p, &m, 1);
    LEDGER_SPOILT(&p, commit, 2, MDL_RULE_SIGNER, (void)msg); /* another's lease */
    ledger_play_append(&p, &commit, 1);
    LEDGER_SPOILT(&p, commit, 1, MDL_RULE_COMMIT, msg.head.seq++); /* twice */
    LEDGER_SPOILT(&p, m, 1, MDL_RULE_COMMIT, msg.as.result.nonce[5] ^= 4);
    m = ledger_play_unit(&p, mine);
    ledger_play_other_segment(&p, &m); /* another root than was committed */
    ledger_play_breaks(&p, &m, 1, MDL_RULE_COMMIT);
    /* The other's commitment under one's own key binds nothing that this key could show. */
    mdl_message right = ledger_play_unit(&p, other);
    mdl_message stolen = commit;
    stolen.as.commit.lease = other;
    ledger_play_append(&p, &stolen, 2);
    ledger_play_breaks(&p, &right, 2, MDL_RULE_COMMIT);
    /* What is not shown is void. */
    LEDGER_SPOILT(&p, ledger_play_expire(&p, lease(&p, 1, 4, 1)), COORDINATOR, MDL_RULE_EXPIRE,
                  msg.as.expire.reason = MDL_REASON_UNREVEALED); /* nothing was committed */
    mdl_message expire = ledger_play_expire(&p, other);
    expire.as.expire.reason = MDL_REASON_UNREVEALED;
    append(&p, expire);
    assert_int_equal(mdl_ledger_sum(p.ledger).accepted, 0);
    ledger_play_close(&p);
}

static void closings(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0}", 2);
    answer_all(&p, 1);
    mdl_message close = ledger_play_message(&p, MDL_MSG_CLOSE);
    close.as.close.jobs = JOBS;
    close.as.close.results = (mdl_u64_list){1, (const uint64_t[]){3}};
    ledger_play_breaks(&p, &close, COORDINATOR, MDL_RULE_CONFIRMATION); /* the elite was not checked */
    check_all(&p);
    close = ledger_play_closing(&p);
    LEDGER_SPOILT(&p, close, COORDINATOR, MDL_RULE_BEACON, msg.as.close.element[0] ^= 1);
    append(&p, close);
    append(&p, ledger_play_credit(&p));
    assert_int_equal(mdl_ledger_published(p.ledger), mdl_ledger_size(p.ledger));
    lease(&p, 1, 0, 1);
    assert_int_equal(mdl_ledger_published(p.ledger), mdl_ledger_size(p.ledger) - 1);
    ledger_play_close(&p);
}

/* A coordinator that knows better than the beacon, in a fold that does not know it yet. */
static void biased_assignment(void **state) {
    (void)state;
    for (int biased = 0; biased < 2; biased++) {
        ledger_play p;
        open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", 2);
        if (biased)
            ledger_play_work(&p, 1, 5, 1); /* the beacon gives 0 */
        answer_all(&p, 2);
        mdl_message close = ledger_play_closing(&p);
        if (biased) {
            mdl_breach b = ledger_play_refused(&p, &close, COORDINATOR);
            assert_int_equal(b.rule, MDL_RULE_ASSIGNMENT);
            assert_memory_equal(b.culprit, p.key[COORDINATOR], MDL_KEY_BYTES);
            assert_non_null(strstr(b.text, "lease 0 has 1 jobs from 5"));
        } else {
            append(&p, close);
        }
        ledger_play_close(&p);
    }
}

/* What was drawn and not done again is seen when the element is there. */
static void missing_confirmation(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{\"floor_ppm\":1000000,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", 2);
    mdl_ledger *blind = mdl_ledger_new(p.key[COORDINATOR], &p.source);
    answer_all(&p, 1);
    assert_int_not_equal(mdl_duty_waiting(mdl_ledger_duty(p.ledger), 0), MDL_DUTY_NONE);
    mdl_msg_close close;
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_close(p.ledger, &close, &bytes, &size), MDL_EMISMATCH);
    for (size_t i = 0; i < p.records; i++)
        assert_int_equal(mdl_ledger_apply(blind, p.record[i].bytes, p.record[i].size, 0, NULL), MDL_RULE_OK);
    mdl_message m = ledger_play_message(&p, MDL_MSG_CLOSE); /* the fold without the element finds nothing missing */
    assert_int_equal(mdl_ledger_make_close(blind, &m.as.close, &bytes, &size), MDL_OK);
    mdl_chain_element(p.seed, p.experiment.evolution.generations, 0, m.as.close.element);
    ledger_record r = ledger_play_seal(&p, &m, COORDINATOR);
    mdl_breach b;
    assert_int_equal(mdl_ledger_apply(blind, r.bytes, r.size, 0, &b), MDL_RULE_CONFIRMATION);
    assert_memory_equal(b.culprit, p.key[COORDINATOR], MDL_KEY_BYTES);
    free(r.bytes);
    mdl_ledger_free(blind);
    ledger_play_close(&p);
}

static void owners_are_apart(void **state) {
    (void)state;
    ledger_play p;
    char json[1024];
    ledger_verified_experiment("{\"probation\":0}", json, sizeof json);
    ledger_play_open(&p, json, "list", 1);
    for (uint32_t i = 1; i <= 3; i++) { /* 1 and 2 are of one owner */
        mdl_message m = ledger_play_admit(&p, i);
        m.as.admit.how = MDL_ADMIT_LIST;
        memcpy(m.as.admit.owner, p.key[i == 3 ? 9 : 8], MDL_KEY_BYTES);
        append(&p, m);
    }
    ledger_play_work(&p, 1, 0, 2);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 2, 0, 1), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 3, 1, 2), COORDINATOR, MDL_RULE_LEASE, (void)msg); /* one has no answer */
    ledger_play_work(&p, 3, 1, 1);
    assert_true(mdl_duty_confirmed(mdl_ledger_duty(p.ledger), 1));
    assert_false(mdl_duty_confirmed(mdl_ledger_duty(p.ledger), 0));
    ledger_play_close(&p);
}

static void checks_and_verdicts(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":1,\"window\":1}", 2);
    ledger_play_work(&p, 1, 0, 2);
    mdl_message m = ledger_play_check(&p, 0);
    assert_int_equal(m.type, MDL_MSG_CHECK);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CHECK, msg.as.check.fitness++);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CHECK, msg.as.check.job = 2);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CHECK, msg.as.check.job = JOBS);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CHECK, msg.as.check.generation++);
    append(&p, m);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CHECK, msg.head.seq++); /* twice */
    const mdl_ledger_worker *one = mdl_ledger_worker_find(p.ledger, p.key[1]);
    assert_int_equal(one->verified, 0);
    append(&p, ledger_play_check(&p, 1));
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->verified, 1);
    assert_true(mdl_ledger_trusted(p.ledger, 0) && !mdl_ledger_trusted(p.ledger, 1));

    /* Worker 2 flips a bit. */
    m = ledger_play_unit(&p, lease(&p, 2, 2, 2));
    ledger_play_other_segment(&p, &m);
    answer(&p, 2, m);
    uint64_t open = lease(&p, 2, 6, 1), earned = m.as.result.updates;
    m = ledger_play_check(&p, 3);
    assert_int_equal(m.type, MDL_MSG_VERDICT);
    mdl_message agree = ledger_play_check(&p, 2);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_VERDICT,
                  (msg.as.verdict.job = 2, msg.as.verdict.fitness = agree.as.check.fitness,
                   msg.as.verdict.updates = agree.as.check.updates)); /* nobody is wrong */
    uint64_t record = mdl_ledger_size(p.ledger);
    append(&p, m);
    const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[2]);
    assert_true(w->banned && w->verdict == record && w->forfeited == earned && w->pending == 0 && w->open == 0);
    assert_int_equal(mdl_ledger_lease_find(p.ledger, open)->state, MDL_LEASE_EXPIRED);
    assert_int_equal(mdl_duty_answers(mdl_ledger_duty(p.ledger), 2), 0); /* nobody confirmed it: void */
    assert_int_equal(mdl_duty_answers(mdl_ledger_duty(p.ledger), 3), 1); /* the coordinator's */
    LEDGER_SPOILT(&p, ledger_play_admin(&p, "unban", 2), COORDINATOR, MDL_RULE_ADMIN, (void)msg);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 2, 6, 1), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    mdl_ledger_sums sum = mdl_ledger_sum(p.ledger);
    assert_int_equal(sum.forfeited, earned);
    assert_int_equal(sum.accepted, sum.waiting + earned);
    ledger_play_close(&p);
}

/* Credit waits for the window, and for the end of probation; the last closing pays all. */
static void credit_waits(void **state) {
    (void)state;
    ledger_play p;
    open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"window\":1}", 1);
    uint64_t earned[3], paid = 0;
    for (uint32_t g = 0; g < 3; g++) {
        answer_all(&p, 1);
        check_all(&p);
        earned[g] = mdl_ledger_worker_find(p.ledger, p.key[1])->pending;
        append(&p, ledger_play_closing(&p));
        mdl_message m = ledger_play_credit(&p);
        assert_int_equal(m.as.credit.generation, g);
        assert_int_equal(m.as.credit.updates, g == 0 ? 0 : g == 1 ? earned[0] : earned[1] + earned[2]);
        assert_int_equal(m.as.credit.waiting, g == 2 ? 0 : earned[g]);
        LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CREDIT, msg.as.credit.updates++);
        LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CREDIT, msg.as.credit.forfeited++);
        append(&p, m);
        paid += m.as.credit.updates;
    }
    assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[1])->credit, paid);
    assert_int_equal(paid, earned[0] + earned[1] + earned[2]);
    ledger_play_close(&p);
}

static void off_is_off(void **state) {
    (void)state;
    ledger_play p;
    open_play(&p, 1);
    assert_false(mdl_ledger_verifies(p.ledger));
    mdl_message m = ledger_play_unit(&p, lease(&p, 1, 0, 1)), commit = ledger_play_commit(&p, &m, 1);
    ledger_play_breaks(&p, &commit, 1, MDL_RULE_COMMIT);
    ledger_play_append(&p, &m, 1);
    mdl_message check = ledger_play_message(&p, MDL_MSG_CHECK);
    ledger_play_breaks(&p, &check, COORDINATOR, MDL_RULE_CHECK);
    LEDGER_SPOILT(&p, ledger_play_lease(&p, 1, 0, 1), COORDINATOR, MDL_RULE_LEASE, (void)msg);
    ledger_play_close(&p);
}

/* seed, generations, generation, element; the head as generation `head` */
static void check_chain(void *ctx, size_t count, char **field) {
    uint8_t seed[32], want[32], got[32];
    (void)ctx;
    assert_int_equal(count, 4);
    vectors_hex(field[0], seed, sizeof seed);
    vectors_hex(field[3], want, sizeof want);
    if (strcmp(field[2], "head") == 0)
        mdl_chain_head(seed, (uint32_t)vectors_u64(field[1]), got);
    else
        mdl_chain_element(seed, (uint32_t)vectors_u64(field[1]), (uint32_t)vectors_u64(field[2]), got);
    assert_memory_equal(got, want, sizeof got);
}

/* experiment, lease, generation, first, count, worker, nonce, root, commitment */
static void check_pledge(void *ctx, size_t count, char **field) {
    uint8_t experiment[32], worker[32], nonce[32], root[32], want[32], got[32];
    (void)ctx;
    assert_int_equal(count, 9);
    vectors_hex(field[0], experiment, 32);
    vectors_hex(field[5], worker, 32);
    vectors_hex(field[6], nonce, 32);
    vectors_hex(field[7], root, 32);
    vectors_hex(field[8], want, 32);
    mdl_pledge p = {experiment,
                    worker,
                    vectors_u64(field[1]),
                    (uint32_t)vectors_u64(field[2]),
                    (uint32_t)vectors_u64(field[3]),
                    (uint32_t)vectors_u64(field[4]),
                    nonce,
                    root};
    mdl_pledge_digest(&p, got);
    assert_memory_equal(got, want, sizeof got);
}

static void vectors_of_the_document(void **state) {
    (void)state;
    assert_true(vectors_load("verification-chain", check_chain, NULL) >= 4);
    assert_true(vectors_load("verification-commitments", check_pledge, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commitments),
        cmocka_unit_test(closings),
        cmocka_unit_test(biased_assignment),
        cmocka_unit_test(missing_confirmation),
        cmocka_unit_test(owners_are_apart),
        cmocka_unit_test(checks_and_verdicts),
        cmocka_unit_test(credit_waits),
        cmocka_unit_test(off_is_off),
        cmocka_unit_test(vectors_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
