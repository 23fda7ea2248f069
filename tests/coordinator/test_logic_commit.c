/* The coordinator's logic between a commitment and what it binds: lost receipts, crashes, workers that come back with
 * another session, and commitments that may not be exchanged. */
#include "tests/coordinator/fake_shell.h"

typedef struct scene {
    fake_shell s;
    fake_worker w;
    char json[2048];
    mdl_life *life;
    void *memory;
    float *genome;
    mdl_msg_grant grant;
    mdl_message result, commit;
    int64_t fitness[MDL_UNIT_JOBS_MAX];
} scene;

static fake_answer ask(scene *c, mdl_message m) { return fake_ask(&c->s, &c->w, m); }

static void join(scene *c) { free(assert_type(ask(c, fake_hello()), MDL_MSG_WELCOME).blob.at); }

static void take_lease(scene *c) {
    fake_answer a = assert_type(ask(c, fake_want(2)), MDL_MSG_GRANT);
    free(a.blob.at);
    c->grant = a.m.as.grant;
    c->result = fake_compute(mdl_ledger_evolution(mdl_coordinator_ledger(c->s.logic)), c->life, c->genome, &c->grant,
                             c->fitness);
    memset(c->result.as.result.nonce, 5, MDL_DIGEST_BYTES);
    c->commit = fake_commitment(&c->w, &c->result);
}

static scene *open_scene(const char *verification) {
    scene *c = calloc(1, sizeof *c);
    assert_non_null(c);
    ledger_verified_experiment(verification, c->json, sizeof c->json);
    fake_open(&c->s, c->json, (mdl_admission){MDL_ADMIT_OPEN, 0});
    const mdl_experiment *x = mdl_ledger_experiment(mdl_coordinator_ledger(c->s.logic));
    c->memory = aligned_alloc(64, (mdl_life_bytes(x, 1) + 63) / 64 * 64);
    c->life = mdl_life_init(c->memory, x, 1, NULL);
    c->genome = calloc(c->life->layout.genes, sizeof *c->genome);
    fake_worker_open(&c->w, 1, &c->s);
    fake_commit(&c->s);
    join(c);
    return c;
}

static int setup(void **state) {
    scene *c = open_scene("{}");
    take_lease(c);
    *state = c;
    return 0;
}

/* Every unit is confirmed by another owner, who is trusted from the beginning. */
static int setup_confirmed(void **state) {
    *state = open_scene("{\"floor_ppm\":1000000,\"plant_ppm\":0,\"probation\":0,\"selected\":0}");
    return 0;
}

static int teardown(void **state) {
    scene *c = *state;
    fake_worker_close(&c->w);
    free(c->memory);
    free(c->genome);
    fake_close(&c->s);
    free(c);
    return 0;
}

/* Its record. */
static uint64_t accepted(fake_answer a) {
    if (!a.receipt) {
        fail_msg("no receipt but %s %s", mdl_message_name(a.m.type), a.m.as.reject.text);
    }
    free(a.blob.at);
    return a.record;
}

static void come_back(scene *c) {
    fake_new_session(&c->w);
    join(c);
}

/* In another session, with other bytes: the record that is there. */
static void a_lost_receipt_is_given_again(void **state) {
    scene *c = *state;
    uint64_t record = accepted(ask(c, c->commit));
    size_t records = c->s.records;
    assert_int_equal(accepted(ask(c, c->commit)), record);
    assert_int_equal(c->s.records, records);
    come_back(c);
    records = c->s.records;
    assert_int_equal(accepted(ask(c, c->commit)), record);
    assert_int_equal(c->s.records, records);
    uint64_t result = accepted(ask(c, c->result));
    /* The receipt of the result was lost with the worker: it begins with its commitment, as it knows no better. */
    come_back(c);
    assert_int_equal(accepted(ask(c, c->commit)), record);
    assert_int_equal(accepted(ask(c, c->result)), result);
}

/* What was durable binds after a crash; what was not is committed again. */
static void a_crash_lies_between(void **state) {
    scene *c = *state;
    uint64_t record = accepted(ask(c, c->commit));
    fake_crash(&c->s, c->json);
    assert_rejected(ask(c, c->result), MDL_REASON_NO_SESSION);
    come_back(c);
    assert_int_equal(accepted(ask(c, c->commit)), record);
    accepted(ask(c, c->result));

    take_lease(c);
    fake_call(&c->s, &c->w, &c->commit); /* not durable when it crashes */
    fake_crash(&c->s, c->json);
    come_back(c);
    assert_rejected(ask(c, c->result), MDL_REASON_NO_COMMIT);
    accepted(ask(c, c->commit));
    accepted(ask(c, c->result));
}

/* One commitment a lease; only its result; not before it. */
static void it_binds(void **state) {
    scene *c = *state;
    assert_rejected(ask(c, c->result), MDL_REASON_NO_COMMIT);
    accepted(ask(c, c->commit));
    mdl_message other = c->result;
    other.as.result.nonce[0] ^= 1;
    assert_rejected(ask(c, other), MDL_REASON_BAD_COMMIT);
    other = c->result;
    other.as.result.root[0] ^= 1;
    assert_rejected(ask(c, other), MDL_REASON_BAD_COMMIT);
    accepted(ask(c, c->result));
}

/* Two commitments to one lease, through a crash too; another result under the number of the first. */
static void two_faces_convict(void **state) {
    scene *c = *state;
    accepted(ask(c, c->commit));
    fake_crash(&c->s, c->json);
    come_back(c);
    mdl_message other = c->commit;
    other.as.commit.commitment[31] ^= 128;
    assert_rejected(ask(c, other), MDL_REASON_BANNED);
    assert_int_equal(fake_read(&c->s, c->s.records - 1, NULL).type, MDL_MSG_EQUIVOCATION);
    const mdl_ledger_worker *w = mdl_ledger_worker_find(mdl_coordinator_ledger(c->s.logic), c->w.key);
    assert_int_equal(w->verdict, c->s.records - 1);
    assert_rejected(ask(c, c->result), MDL_REASON_BANNED);
    fake_crash(&c->s, c->json); /* the fold takes it again */
    w = mdl_ledger_worker_find(mdl_coordinator_ledger(c->s.logic), c->w.key);
    assert_int_equal(w->verdict, c->s.records - 1);
}

static void two_results_under_one_number(void **state) {
    scene *c = *state;
    accepted(ask(c, c->commit));
    accepted(ask(c, c->result));
    c->w.seq--;
    mdl_message other = c->result;
    other.as.result.busy_ms += 7;
    assert_rejected(ask(c, other), MDL_REASON_BANNED);
    assert_int_equal(mdl_ledger_worker_find(mdl_coordinator_ledger(c->s.logic), c->w.key)->verdict, c->s.records - 1);
}

/* Committed and never shown: the lease ends, the ledger says so, and the jobs are given out again. */
static void never_shown(void **state) {
    scene *c = *state;
    mdl_msg_grant was = c->grant;
    accepted(ask(c, c->commit));
    c->s.now_ms += c->grant.deadline_ms + 1;
    mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms);
    fake_commit(&c->s);
    const mdl_ledger_lease *l = mdl_ledger_lease_find(mdl_coordinator_ledger(c->s.logic), was.lease);
    assert_non_null(l);
    assert_int_equal(l->state, MDL_LEASE_EXPIRED);
    mdl_message m = fake_read(&c->s, c->s.records - 1, NULL);
    assert_int_equal(m.type, MDL_MSG_EXPIRE);
    assert_int_equal(m.as.expire.reason, MDL_REASON_UNREVEALED);
    assert_rejected(ask(c, c->result), MDL_REASON_LEASE_EXPIRED);
    take_lease(c);
    assert_int_equal(c->grant.first, was.first);
    accepted(ask(c, c->commit));
    accepted(ask(c, c->result));
}

/* Another owner takes what is to be confirmed, again and again, and does nothing: the coordinator does it itself, long
 * before a deadline. */
static void the_idle_hold_nobody_up(void **state) {
    scene *c = *state;
    fake_worker idler;
    uint32_t taken = 0;
    const mdl_ledger *l = mdl_coordinator_ledger(c->s.logic);
    fake_worker_open(&idler, 2, &c->s);
    free(assert_type(fake_ask(&c->s, &idler, fake_hello()), MDL_MSG_WELCOME).blob.at);
    uint64_t until_ms = c->s.now_ms + 4 * (uint64_t)MDL_DEADLINE_MS_MIN;
    while (mdl_evolution_generation(mdl_ledger_evolution(l)) == 0 && c->s.now_ms < until_ms) {
        fake_answer a = ask(c, fake_want(2));
        free(a.blob.at);
        if (a.m.type == MDL_MSG_GRANT) {
            c->grant = a.m.as.grant;
            c->result = fake_compute(mdl_ledger_evolution(l), c->life, c->genome, &c->grant, c->fitness);
            memset(c->result.as.result.nonce, 5, MDL_DIGEST_BYTES);
            accepted(ask(c, fake_commitment(&c->w, &c->result)));
            accepted(ask(c, c->result));
        }
        a = fake_ask(&c->s, &idler, fake_want(2));
        free(a.blob.at);
        taken += a.m.type == MDL_MSG_GRANT;
        while (fake_check(&c->s, c->life, c->genome)) {
        }
        fake_commit(&c->s);
        c->s.now_ms += 100;
        mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms);
    }
    assert_true(taken > 0 && c->s.expiries == 0);
    assert_int_equal(mdl_evolution_generation(mdl_ledger_evolution(l)), 1);
    fake_worker_close(&idler);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        SCENE(a_lost_receipt_is_given_again),
        SCENE(a_crash_lies_between),
        SCENE(it_binds),
        SCENE(two_faces_convict),
        SCENE(two_results_under_one_number),
        SCENE(never_shown),
        cmocka_unit_test_setup_teardown(the_idle_hold_nobody_up, setup_confirmed, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
