/* Draws that depend on the workers' nonces: who shows what when, and that nobody can know
 * what will be drawn while it can still choose. PROTOCOL section 10.8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/chain.h"
#include "tests/protocol/ledger_steps.h"
#include "tests/support/vectors.h"

enum { JOBS = 8, WORKERS = 3 };

static const char shared[] = "{\"floor_ppm\":500000,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"shared\":1}";

static void open_verified(ledger_play *p, const char *verification) {
    char json[1024];
    ledger_verified_experiment(verification, json, sizeof json);
    ledger_play_open(p, json, "open 0", 1);
    admit(p, WORKERS);
}

static uint32_t generation_of(const ledger_play *p) {
    return mdl_evolution_generation(mdl_ledger_evolution(p->ledger));
}

/* The round nonce of a worker in a test. */
static void nonce_of(uint32_t worker, uint8_t salt, uint8_t out[32]) {
    memset(out, (int)(16 * worker), 32);
    out[0] = salt;
}

static mdl_message commit_of(ledger_play *p, const mdl_message *result, uint32_t worker, uint8_t salt) {
    uint8_t nonce[32];
    mdl_message m = ledger_play_commit(p, result, worker);
    nonce_of(worker, salt, nonce);
    mdl_round_digest(p->experiment.id, p->key[worker], result->as.result.generation, nonce, m.as.commit.round);
    return m;
}

static uint64_t answer(ledger_play *p, uint32_t worker, uint32_t first, uint32_t count, uint8_t salt) {
    uint64_t id = lease(p, worker, first, count);
    mdl_message m = ledger_play_unit(p, id), commit = commit_of(p, &m, worker, salt);
    ledger_play_append(p, &commit, worker);
    ledger_play_append(p, &m, worker);
    return id;
}

static mdl_message nonce_message(ledger_play *p, uint32_t worker, uint8_t salt) {
    mdl_message m = ledger_play_message(p, MDL_MSG_NONCE);
    memset(m.head.session, (int)worker, sizeof m.head.session);
    m.head.seq = p->seq[worker]++;
    m.as.nonce.generation = generation_of(p);
    nonce_of(worker, salt, m.as.nonce.nonce);
    return m;
}

static void show(ledger_play *p, uint32_t worker, uint8_t salt) {
    mdl_message m = nonce_message(p, worker, salt);
    ledger_play_append(p, &m, worker);
}

static mdl_message beacon(ledger_play *p) {
    mdl_message m = ledger_play_message(p, MDL_MSG_BEACON);
    assert_int_equal(mdl_ledger_make_beacon(p->ledger, &m.as.beacon), MDL_OK);
    return m;
}

/* Fresh jobs, one a lease, by workers in turn. */
static void answer_all(ledger_play *p, uint32_t workers, uint8_t salt) {
    for (uint32_t i = 0; i < mdl_ledger_jobs(p->ledger); i++)
        answer(p, 1 + i % workers, i, 1, (uint8_t)(salt + i % workers));
}

static void test_rules(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    open_verified(&p, shared);
    /* A commitment says what the nonce will be. */
    uint64_t id = lease(&p, 1, 0, 1);
    mdl_message unit = ledger_play_unit(&p, id);
    m = ledger_play_commit(&p, &unit, 1);
    ledger_play_breaks(&p, &m, 1, MDL_RULE_COMMIT);
    m = commit_of(&p, &unit, 1, 1);
    ledger_play_append(&p, &m, 1);
    ledger_play_append(&p, &unit, 1);
    /* Nothing is shown or drawn before all jobs have answers. */
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 1), 1, MDL_RULE_NONCE, (void)msg);
    m = ledger_play_message(&p, MDL_MSG_BEACON);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_NONCE);
    for (uint32_t i = 1; i < JOBS; i++)
        answer(&p, 1 + i % 2, i, 1, (uint8_t)(1 + i % 2));
    assert_true(mdl_ledger_showing(p.ledger));
    assert_int_equal(mdl_ledger_unshowns(p.ledger), 2);
    assert_false(mdl_ledger_settled(p.ledger));
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 9), 1, MDL_RULE_NONCE, (void)msg); /* another one */
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 1), 1, MDL_RULE_NONCE, msg.as.nonce.generation++);
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 1), 2, MDL_RULE_NONCE, (void)msg); /* another's */
    LEDGER_SPOILT(&p, nonce_message(&p, 3, 1), 3, MDL_RULE_NONCE, (void)msg); /* it committed to none */
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 1), 9, MDL_RULE_SIGNER, (void)msg);
    show(&p, 1, 1);
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 1), 1, MDL_RULE_NONCE, (void)msg); /* twice */
    show(&p, 2, 2);
    assert_int_equal(mdl_ledger_unshowns(p.ledger), 0);
    LEDGER_SPOILT(&p, beacon(&p), COORDINATOR, MDL_RULE_NONCE, msg.as.beacon.nonces[0] ^= 1);
    LEDGER_SPOILT(&p, beacon(&p), COORDINATOR, MDL_RULE_NONCE, msg.as.beacon.generation++);
    LEDGER_SPOILT(&p, beacon(&p), 1, MDL_RULE_SIGNER, (void)msg);
    /* No closing without it. */
    mdl_message close = ledger_play_message(&p, MDL_MSG_CLOSE);
    close.as.close.jobs = JOBS;
    close.as.close.results = (mdl_u64_list){1, (const uint64_t[]){3}};
    ledger_play_breaks(&p, &close, COORDINATOR, MDL_RULE_NONCE);
    m = beacon(&p);
    append(&p, m);
    m.head.seq++;
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_NONCE);
    assert_false(mdl_ledger_showing(p.ledger));
    ledger_play_close(&p);
    /* Where none is shared it is not read, and nothing is shown. */
    open_verified(&p, "{\"probation\":0,\"selected\":0,\"floor_ppm\":0,\"plant_ppm\":0}");
    id = lease(&p, 1, 0, JOBS);
    unit = ledger_play_unit(&p, id);
    m = commit_of(&p, &unit, 1, 1);
    ledger_play_append(&p, &m, 1);
    ledger_play_append(&p, &unit, 1);
    LEDGER_SPOILT(&p, nonce_message(&p, 1, 1), 1, MDL_RULE_NONCE, (void)msg);
    m = ledger_play_message(&p, MDL_MSG_BEACON);
    ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_NONCE);
    assert_true(mdl_ledger_settled(p.ledger));
    ledger_play_close(&p);
}

/* A fold that knows the chain's seed, so that it knows what was drawn. */
static mdl_ledger *knowing(const ledger_play *p) {
    mdl_ledger *l = mdl_ledger_new(p->key[0], &p->source);
    for (size_t i = 0; i < p->records; i++)
        assert_int_equal(mdl_ledger_apply(l, p->record[i].bytes, p->record[i].size, 1, NULL), MDL_RULE_OK);
    assert_int_equal(mdl_ledger_know(l, p->seed), MDL_OK);
    return l;
}

/* Which jobs wait for a confirmation, as bits. */
static uint32_t waits(const mdl_ledger *l) {
    uint32_t bits = 0;
    for (uint32_t i = mdl_duty_waiting(mdl_ledger_duty(l), 0); i != MDL_DUTY_NONE;
         i = mdl_duty_waiting(mdl_ledger_duty(l), i + 1))
        bits |= UINT32_C(1) << i;
    return bits;
}

/* The attack: the operator knows the chain and owns worker 1. Before it shows or commits anything it tries what would
 * be drawn. With the chain alone it finds a nonce under which no lie of its worker is drawn; with the nonces of others
 * inside there is nothing to try, for what is drawn follows from what it cannot know. */
static void test_ground_nonce(void **state) {
    (void)state;
    ledger_play p;
    /* The chain alone: of some nonces of its own, one is never drawn. */
    open_verified(&p, "{\"floor_ppm\":500000,\"plant_ppm\":0,\"probation\":0,\"selected\":0}");
    uint32_t escaped = 0;
    for (uint8_t salt = 0; salt < 16; salt++) {
        mdl_ledger *l = knowing(&p);
        mdl_duty *d = (mdl_duty *)(uintptr_t)mdl_ledger_duty(l); /* the attacker's own copy */
        uint8_t nonce[32] = {salt}, root[32] = {1};
        mdl_duty_answer lie[1] = {{.fitness = 1}};
        assert_int_equal(mdl_duty_lease(d, 0, p.key[1], 0, 1, 0, 1), MDL_OK);
        mdl_duty_reveal(d, 0, nonce, root, lie);
        escaped += waits(l) == 0;
        mdl_ledger_free(l);
    }
    assert_true(escaped > 2);
    ledger_play_close(&p);
    /* Shared: worker 1 does all the same, and what is drawn of it changes with the nonce of worker 2 alone, which is
     * not there when 1 commits. */
    uint32_t seen[2] = {0, 0}, first = 0, differ = 0;
    for (uint8_t salt = 0; salt < 24; salt++) {
        open_verified(&p, shared);
        for (uint32_t i = 0; i < JOBS; i++)
            answer(&p, 1 + i % 2, i, 1, i % 2 ? salt : 0);
        show(&p, 1, 0);
        show(&p, 2, salt);
        append(&p, beacon(&p));
        mdl_ledger *l = knowing(&p);
        uint32_t drawn = waits(l) & 0x55; /* of worker 1 */
        first = salt == 0 ? drawn : first;
        differ += drawn != first;
        seen[drawn != 0]++;
        mdl_ledger_free(l);
        ledger_play_close(&p);
    }
    assert_true(differ > 12);
    assert_true(seen[1] > seen[0]); /* four units at one half: mostly one at least is drawn */
}

/* Who does not show, or came when others had shown, has all its units checked. The fold that does not know the chain
 * comes to the same closing. */
static void test_silence(void **state) {
    (void)state;
    for (int silent = 0; silent < 3; silent++) {
        ledger_play p;
        open_verified(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"shared\":1}");
        for (uint32_t i = 0; i < JOBS; i++) /* the last commitment names another nonce than the first */
            answer(&p, 1 + i % 2, i, 1, silent == 2 && i == JOBS - 1 ? 77 : 0);
        show(&p, 1, 0);
        if (silent == 0)
            show(&p, 2, 0);
        else if (silent == 2)
            LEDGER_SPOILT(&p, nonce_message(&p, 2, 0), 2, MDL_RULE_NONCE, (void)msg);
        assert_int_equal(mdl_ledger_unshowns(p.ledger), silent == 1 ? 1 : 0);
        append(&p, beacon(&p));
        mdl_ledger *l = knowing(&p);
        assert_int_equal(waits(l), silent ? 0xaa : 0); /* the units of worker 2 */
        assert_int_equal(mdl_ledger_settled(l), !silent);
        mdl_ledger_free(l);
        for (uint32_t i = 0; silent && i < JOBS; i++)
            if (i % 2 == 1)
                append(&p, ledger_play_check(&p, i));
        append(&p, ledger_play_closing(&p));
        append(&p, ledger_play_credit(&p));
        /* The next round begins anew. */
        assert_int_equal(mdl_ledger_unshowns(p.ledger), 0);
        answer_all(&p, 2, 40);
        assert_int_equal(mdl_ledger_unshowns(p.ledger), 2);
        ledger_play_close(&p);
    }
}

/* A coordinator that closes over what was drawn: whoever folds its ledger finds that, with the element of the closing.
 */
static void test_unconfirmed(void **state) {
    (void)state;
    ledger_play p;
    uint8_t digest[MDL_DIGEST_BYTES];
    const uint8_t *fitness;
    size_t size;
    mdl_breach breach;
    open_verified(&p, shared);
    answer_all(&p, 2, 0);
    show(&p, 1, 0);
    show(&p, 2, 1);
    append(&p, beacon(&p));
    uint32_t drawn = waits(p.ledger);
    assert_true(drawn != 0);
    mdl_ledger *blind = mdl_ledger_new(p.key[0], &p.source);
    for (size_t i = 0; i < p.records; i++)
        assert_int_equal(mdl_ledger_apply(blind, p.record[i].bytes, p.record[i].size, 1, NULL), MDL_RULE_OK);
    mdl_message close = ledger_play_message(&p, MDL_MSG_CLOSE);
    assert_int_equal(mdl_ledger_make_close(blind, &close.as.close, &fitness, &size), MDL_OK);
    ledger_play_store(&p, fitness, size, digest);
    mdl_chain_element(p.seed, p.experiment.evolution.generations, 0, close.as.close.element);
    ledger_record r = ledger_play_seal(&p, &close, COORDINATOR);
    assert_int_equal(mdl_ledger_apply(blind, r.bytes, r.size, 0, &breach), MDL_RULE_CONFIRMATION);
    assert_memory_equal(breach.culprit, p.key[0], sizeof breach.culprit);
    free(r.bytes);
    mdl_ledger_free(blind);
    for (uint32_t i = 0; i < JOBS; i++)
        if (drawn >> i & 1)
            append(&p, ledger_play_check(&p, i));
    append(&p, ledger_play_closing(&p));
    ledger_play_close(&p);
}

/* experiment, worker, generation, nonce, digest */
static void vector_case(void *ctx, size_t count, char **field) {
    uint8_t experiment[32], worker[32], nonce[32], expected[32], digest[32];
    (void)ctx;
    assert_int_equal(count, 5);
    vectors_hex(field[0], experiment, 32);
    vectors_hex(field[1], worker, 32);
    vectors_hex(field[3], nonce, 32);
    vectors_hex(field[4], expected, 32);
    mdl_round_digest(experiment, worker, (uint32_t)strtoul(field[2], NULL, 10), nonce, digest);
    assert_memory_equal(digest, expected, 32);
}

static void test_vectors(void **state) {
    (void)state;
    assert_int_equal(vectors_load("verification-rounds", vector_case, NULL), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),       cmocka_unit_test(test_ground_nonce), cmocka_unit_test(test_silence),
        cmocka_unit_test(test_unconfirmed), cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
