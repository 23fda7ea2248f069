/* Leases that keep a generation waiting: a copy that came to nothing is followed by another one, and a lease that a
 * conviction has left without use ends, so that its jobs are free. */
#include "tests/coordinator/fake_shell.h"

enum { SLOW, LIAR, THIRD, FOURTH, WORKERS };

typedef struct scene {
    fake_shell s;
    fake_worker w[WORKERS];
    char json[1024];
    mdl_life *life;
    void *memory;
    float *genome;
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    mdl_msg_grant late; /* SLOW's */
} scene;

static mdl_coordinator_info info_of(const scene *c) {
    mdl_coordinator_info i;
    mdl_coordinator_inform(c->s.logic, &i);
    return i;
}

static const mdl_ledger *ledger_of(const scene *c) { return mdl_coordinator_ledger(c->s.logic); }

static mdl_msg_grant take_lease(scene *c, uint32_t i) {
    fake_answer a = assert_type(fake_ask(&c->s, &c->w[i], fake_want(64)), MDL_MSG_GRANT);
    free(a.blob.at);
    return a.m.as.grant;
}

/* Everything is leased, SLOW has one lease of several jobs, and that is late. */
static int setup(void **state) {
    scene *c = calloc(1, sizeof *c);
    assert_non_null(c);
    ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":3,\"selected\":0}", c->json,
                               sizeof c->json);
    fake_open(&c->s, c->json, (mdl_admission){MDL_ADMIT_OPEN, 0});
    const mdl_experiment *x = mdl_ledger_experiment(ledger_of(c));
    c->memory = aligned_alloc(64, (mdl_life_bytes(x, 1) + 63) / 64 * 64);
    c->life = mdl_life_init(c->memory, x, 1, NULL);
    c->genome = calloc(c->life->layout.genes, sizeof *c->genome);
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_open(&c->w[i], i + 1, &c->s);
        free(assert_type(fake_ask(&c->s, &c->w[i], fake_hello()), MDL_MSG_WELCOME).blob.at);
        if (i == SLOW) {
            c->late = take_lease(c, SLOW); /* alone, so that it is given more than one job */
        }
    }
    assert_true(c->late.count >= 2);
    for (uint32_t i = 0; info_of(c).jobs_leased < info_of(c).jobs; i++) {
        take_lease(c, LIAR + i % 3);
    }
    c->s.now_ms += 14000; /* over twice what is expected of a first lease */
    *state = c;
    return 0;
}

static int teardown(void **state) {
    scene *c = *state;
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_close(&c->w[i]);
    }
    free(c->memory);
    free(c->genome);
    fake_close(&c->s);
    free(c);
    return 0;
}

/* Its result; with `lie` the first job's answer is wrong. */
static mdl_message work_out(scene *c, const mdl_msg_grant *g, int lie) {
    const mdl_evolution *e = mdl_ledger_evolution(ledger_of(c));
    mdl_message m = fake_compute(e, c->life, c->genome, g, c->fitness);
    if (lie) {
        mdl_job_result job[MDL_UNIT_JOBS_MAX];
        memset(job, 0, sizeof job);
        for (uint32_t i = 0; i < g->count; i++) {
            mdl_unit_job(c->life, e, g->first + i, c->genome, NULL, &job[i]);
        }
        job[0].segment[3] ^= 1;
        fake_answer_with(&m, job);
    }
    memset(m.as.result.nonce, 7, sizeof m.as.result.nonce);
    return m;
}

static void deliver(scene *c, uint32_t who, const mdl_msg_grant *g, int lie) {
    mdl_message m = work_out(c, g, lie);
    fake_answer a = fake_ask(&c->s, &c->w[who], fake_commitment(&c->w[who], &m));
    assert_true(a.receipt);
    free(a.blob.at);
    a = fake_ask(&c->s, &c->w[who], m);
    assert_true(a.receipt);
    free(a.blob.at);
}

static void is_copy(const mdl_msg_grant *copy, const mdl_msg_grant *of) {
    assert_true(copy->first == of->first && copy->count == of->count && copy->lease != of->lease);
}

/* Whoever has the copy goes: another gets one, not only when the first lease has run out. */
static void an_ended_copy_is_copied_again(void **state) {
    scene *c = *state;
    mdl_msg_grant copy = take_lease(c, LIAR);
    is_copy(&copy, &c->late);
    fake_answer a = fake_ask(&c->s, &c->w[LIAR], fake_message(MDL_MSG_BYE));
    free(assert_type(a, MDL_MSG_PONG).blob.at);
    for (uint32_t freed = 0; info_of(c).jobs_leased < info_of(c).jobs; freed++) {
        assert_true(freed < 64);
        take_lease(c, THIRD); /* what else LIAR had */
    }
    c->s.now_ms += 1;
    mdl_msg_grant again = take_lease(c, FOURTH);
    is_copy(&again, &c->late);
    assert_true(again.lease != copy.lease);
    deliver(c, FOURTH, &again, 0);
    mdl_message m = work_out(c, &c->late, 0);
    assert_rejected(fake_ask(&c->s, &c->w[SLOW], fake_commitment(&c->w[SLOW], &m)), MDL_REASON_DUPLICATE);
}

/* LIAR's copy has one wrong answer; the coordinator finds it, and what nobody has confirmed is void. */
static void convict(scene *c) {
    mdl_msg_grant copy = take_lease(c, LIAR);
    is_copy(&copy, &c->late);
    deliver(c, LIAR, &copy, 1);
    assert_int_equal(c->s.checks, 1);
    assert_int_equal(c->s.check[0], c->late.first);
}

static void jobs_are_free_again(scene *c) {
    assert_int_equal(fake_count(&c->s, MDL_MSG_VERDICT), 1);
    assert_true(mdl_ledger_worker_find(ledger_of(c), c->w[LIAR].key)->banned);
    assert_int_equal(mdl_duty_answers(mdl_ledger_duty(ledger_of(c)), c->late.first + 1), 0);
    /* These, and what LIAR had beside. */
    mdl_msg_grant g = take_lease(c, FOURTH);
    for (uint32_t i = 0; g.first != c->late.first + 1; i++) {
        assert_true(i < 64);
        deliver(c, FOURTH, &g, 0);
        g = take_lease(c, FOURTH);
    }
    assert_int_equal(g.count, c->late.count - 1);
    assert_int_equal(mdl_ledger_lease_find(ledger_of(c), c->late.lease)->state, MDL_LEASE_EXPIRED);
    deliver(c, FOURTH, &g, 0);
    mdl_message m = work_out(c, &c->late, 0);
    assert_rejected(fake_ask(&c->s, &c->w[SLOW], fake_commitment(&c->w[SLOW], &m)), MDL_REASON_LEASE_EXPIRED);
    /* A fold of what was written comes to the same. */
    mdl_ledger *l = fake_fold(&c->s);
    assert_int_equal(mdl_ledger_lease_find(l, c->late.lease)->state, MDL_LEASE_EXPIRED);
    assert_int_equal(mdl_ledger_jobs_done(l), mdl_ledger_jobs_done(ledger_of(c)));
    mdl_ledger_free(l);
}

static void a_lease_without_use_ends(void **state) {
    scene *c = *state;
    convict(c);
    assert_true(fake_check(&c->s, c->life, c->genome));
    jobs_are_free_again(c);
}

/* SLOW comes when LIAR's answers still stand, and is told that it is too late. */
static void a_result_turned_down_holds_nothing(void **state) {
    scene *c = *state;
    convict(c);
    mdl_message m = work_out(c, &c->late, 0);
    assert_rejected(fake_ask(&c->s, &c->w[SLOW], fake_commitment(&c->w[SLOW], &m)), MDL_REASON_DUPLICATE);
    assert_true(fake_check(&c->s, c->life, c->genome));
    jobs_are_free_again(c);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        SCENE(an_ended_copy_is_copied_again),
        SCENE(a_lease_without_use_ends),
        SCENE(a_result_turned_down_holds_nothing),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
