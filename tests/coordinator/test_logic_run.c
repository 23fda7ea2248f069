/* Whole runs of the coordinator's logic with workers that come, go, repeat
 * themselves and fall silent, and a coordinator that crashes: the champion is
 * always the one of the evolution in one process. */
#include "tests/coordinator/fake_shell.h"
#include "tests/support/search.h"

enum { WORKERS = 5 };

/* ---- simulated workers ---- */

typedef struct actor {
    fake_worker w;
    int in_session;
    uint64_t call; /* under way; 0: none */
    mdl_message_type asked;
    mdl_message result; /* to deliver, while has_result */
    int has_result, committed, banned;
    uint32_t lies; /* of a hundred results */
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    uint64_t receipts;
} actor;

typedef struct world {
    fake_shell s;
    actor a[WORKERS];
    mdl_life *life;
    void *memory;
    float *genome;
    mdl_experiment x;
    uint64_t rng;
    uint32_t crashes, repeats, sessions, unrevealed;
    const char *json;
} world;

static uint32_t draw(world *w, uint32_t below) {
    w->rng = w->rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((w->rng >> 33) % below);
}

static void say_next(world *w, actor *a) {
    mdl_message m = a->in_session ? fake_want(1 + draw(w, 5)) : fake_hello();
    if (a->in_session && a->has_result && (a->committed || !w->x.verification.used)) {
        m = a->result;
        m.as.result.fitness.at = a->fitness;
    } else if (a->in_session && a->has_result) {
        m = fake_commitment(&a->w, &a->result);
    }
    a->asked = m.type;
    a->call = fake_call(&w->s, &a->w, &m);
}

/* One bit of one job, in a unit whose root fits. */
static void lie(world *w, actor *a) {
    static mdl_job_result jobs[MDL_UNIT_JOBS_MAX];
    mdl_msg_result *r = &a->result.as.result;
    for (uint32_t i = 0; i < r->count; i++) {
        mdl_segments_get(r->segments, i, jobs[i].segment, &jobs[i].updates);
    }
    uint32_t at = draw(w, r->count);
    jobs[at].segment[draw(w, 32)] ^= (uint8_t)(1u << draw(w, 8));
    a->fitness[at] += 1000000; /* what it is for */
    fake_answer_with(&a->result, jobs);
}

static void hear(world *w, actor *a) {
    fake_answer answer;
    if (!fake_take(&w->s, a->call, &answer)) {
        return;
    }
    a->call = 0;
    if (draw(w, 8) == 0) { /* the answer is lost: the same bytes again */
        free(answer.blob.at);
        w->repeats++;
        a->call = fake_send(&w->s, a->w.last.at, a->w.last.size);
        return;
    }
    if (answer.receipt && a->asked == MDL_MSG_COMMIT) {
        a->committed = 1;
        if (draw(w, 12) == 0) { /* it never shows what it committed */
            a->has_result = 0;
            w->unrevealed++;
        }
    } else if (answer.receipt) {
        assert_int_equal(a->asked, MDL_MSG_RESULT);
        a->has_result = 0;
        a->receipts++;
    } else if (answer.m.type == MDL_MSG_WELCOME) {
        a->in_session = 1;
    } else if (answer.m.type == MDL_MSG_GRANT) {
        const mdl_evolution *e = mdl_ledger_evolution(mdl_coordinator_ledger(w->s.logic));
        /* One in six leases is forgotten; a late one may be of a generation that has closed. */
        if (draw(w, 6) != 0 && mdl_evolution_generation(e) == answer.m.as.grant.generation) {
            a->result = fake_compute(e, w->life, w->genome, &answer.m.as.grant, a->fitness);
            a->has_result = 1;
            a->committed = 0;
            if (w->x.verification.used) {
                memset(a->result.as.result.nonce, 1 + (int)draw(w, 255), 32);
            }
            if (draw(w, 100) < a->lies) {
                lie(w, a);
            }
        }
    } else if (answer.m.type == MDL_MSG_REJECT) {
        uint32_t reason = answer.m.as.reject.reason;
        if (reason == MDL_REASON_NO_SESSION || reason == MDL_REASON_STALE_SESSION) {
            a->in_session = 0;
            fake_new_session(&a->w);
        } else if (reason == MDL_REASON_BANNED) {
            a->banned = 1;
        } else {
            assert_true(reason == MDL_REASON_LEASE_EXPIRED || reason == MDL_REASON_DUPLICATE);
            a->has_result = 0;
        }
    } else {
        assert_int_equal(answer.m.type, MDL_MSG_IDLE);
    }
    free(answer.blob.at);
}

static void crash(world *w) {
    fake_crash(&w->s, w->json);
    w->crashes++;
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (w->a[i].call != 0) { /* the transport sends it again */
            w->a[i].call = fake_send(&w->s, w->a[i].w.last.at, w->a[i].w.last.size);
        }
    }
}

static void step(world *w) {
    actor *a = &w->a[draw(w, WORKERS)];
    while (a->banned) {
        a = &w->a[draw(w, WORKERS)];
    }
    if (draw(w, 2) == 0) {
        fake_check(&w->s, w->life, w->genome);
    }
    w->s.now_ms += draw(w, 60) == 0 ? 20000 : draw(w, 200);
    if (draw(w, 3) == 0) {
        fake_commit(&w->s);
    }
    if (draw(w, 10) == 0) {
        mdl_coordinator_tick(w->s.logic, w->s.now_ms, w->s.wall_ms);
    }
    if (draw(w, 40) == 0) {
        crash(w);
    } else if (draw(w, 40) == 0 && a->call == 0) { /* the worker dies and comes back */
        a->in_session = a->has_result = 0;
        fake_new_session(&a->w);
        w->sessions++;
    } else if (a->call != 0) {
        hear(w, a);
    } else {
        say_next(w, a);
    }
}

static void world_open(world *w, const char *json, uint64_t seed) {
    memset(w, 0, sizeof *w);
    w->rng = seed;
    w->json = json;
    fake_open(&w->s, json, (mdl_admission){MDL_ADMIT_OPEN, 0});
    assert_int_equal(mdl_experiment_parse((const uint8_t *)json, strlen(json), &w->x, NULL), MDL_OK);
    size_t size = mdl_life_bytes(&w->x, 1);
    w->memory = aligned_alloc(64, (size + 63) / 64 * 64);
    w->life = mdl_life_init(w->memory, &w->x, 1, NULL);
    w->genome = calloc(w->life->layout.genes, sizeof *w->genome);
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_open(&w->a[i].w, i + 1, &w->s);
    }
}

static void world_close(world *w) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_close(&w->a[i].w);
    }
    free(w->memory);
    free(w->genome);
    fake_close(&w->s);
}

/* The champion named by the last record of the ledger, found by a fold of its own. */
static void champion_of(world *w, uint8_t digest[MDL_DIGEST_BYTES]) {
    mdl_ledger *l = fake_fold(&w->s);
    assert_true(mdl_ledger_ended(l));
    mdl_message m = fake_read(&w->s, w->s.records - 1, NULL);
    assert_int_equal(m.type, MDL_MSG_END);
    memcpy(digest, m.as.end.champion, MDL_DIGEST_BYTES);
    mdl_ledger_free(l);
}

static void any_order_gives_the_same_champion(void **state) {
    (void)state;
    search_outcome right;
    uint8_t found[MDL_DIGEST_BYTES];
    uint32_t crashes = 0, repeats = 0, sessions = 0;
    uint64_t expired = 0, copies = 0, receipts = 0;
    run_alone(ledger_experiment, &right);
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world_open(w, ledger_experiment, seed);
        uint32_t steps = 0;
        while (!mdl_ledger_ended(mdl_coordinator_ledger(w->s.logic))) {
            step(w);
            assert_true(++steps < 100000);
        }
        champion_of(w, found);
        assert_memory_equal(found, right.champion, sizeof found);
        mdl_coordinator_info info;
        mdl_coordinator_inform(w->s.logic, &info);
        assert_true(info.ended && info.jobs == 0 && info.credit > 0 && !info.failed);
        expired += w->s.expiries;
        copies += w->s.copies;
        crashes += w->crashes;
        repeats += w->repeats;
        sessions += w->sessions;
        for (uint32_t i = 0; i < WORKERS; i++) {
            receipts += w->a[i].receipts;
        }
        world_close(w);
    }
    free(right.job);
    free(w);
    /* What the test is about did happen. */
    print_message("%u crashes, %u repeats, %u sessions, %llu expiries, %llu copies, %llu receipts\n", crashes, repeats,
                  sessions, (unsigned long long)expired, (unsigned long long)copies, (unsigned long long)receipts);
    assert_true(crashes > 20 && repeats > 20 && sessions > 20 && expired > 5 && copies > 5 && receipts > 20);
}

/* What happened in runs with verification and two of five workers that lie. */
typedef struct liars {
    uint64_t checks, verdicts, forfeited, corrections, corrected;
    uint32_t unrevealed, convicted, same;
} liars;

static int lied(const world *w, const uint8_t *key) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        if (w->a[i].lies > 0 && memcmp(w->a[i].w.key, key, MDL_KEY_BYTES) == 0) {
            return 1;
        }
    }
    return 0;
}

static void play_liars(world *w, const char *verification, liars *sum) {
    char json[1024];
    search_outcome right;
    uint8_t found[MDL_DIGEST_BYTES];
    memset(sum, 0, sizeof *sum);
    ledger_verified_experiment(verification, json, sizeof json);
    run_alone(json, &right);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        world_open(w, json, seed);
        w->a[1].lies = 20;
        w->a[3].lies = 60;
        uint32_t steps = 0;
        while (!mdl_ledger_ended(mdl_coordinator_ledger(w->s.logic))) {
            step(w);
            assert_true(++steps < 100000);
        }
        champion_of(w, found); /* folds it all again, without the seed of the chain */
        sum->same += memcmp(found, right.champion, sizeof found) == 0;
        const mdl_ledger *l = mdl_coordinator_ledger(w->s.logic);
        const mdl_ledger_worker *worker;
        for (uint32_t i = 0; i < mdl_ledger_workers(l, &worker); i++) {
            assert_true(worker[i].verdict == 0 || lied(w, worker[i].key)); /* nobody honest */
            assert_true(worker[i].pending == 0 && worker[i].waiting == 0);
            assert_true(worker[i].verdict == 0 || worker[i].banned);
            sum->convicted += worker[i].verdict != 0;
        }
        mdl_ledger_sums paid = mdl_ledger_sum(l);
        assert_true(paid.waiting == 0 && paid.paid + paid.forfeited == paid.accepted);
        sum->forfeited += paid.forfeited;
        sum->checks += fake_count(&w->s, MDL_MSG_CHECK);
        sum->verdicts += fake_count(&w->s, MDL_MSG_VERDICT);
        sum->corrections += fake_count(&w->s, MDL_MSG_CORRECTION);
        assert_int_equal(mdl_ledger_owed(l), 0);
        for (uint32_t i = 0; i < mdl_ledger_workers(l, &worker); i++) {
            sum->corrected += worker[i].corrected;
        }
        sum->unrevealed += w->unrevealed;
        world_close(w);
    }
    free(right.job);
    print_message("%llu checks, %llu verdicts, %u of 40 convicted, %llu updates forfeited, %u not revealed, %u of 20 "
                  "champions the same\n",
                  (unsigned long long)sum->checks, (unsigned long long)sum->verdicts, sum->convicted,
                  (unsigned long long)sum->forfeited, sum->unrevealed, sum->same);
    assert_true(sum->checks + sum->verdicts > 30 && sum->verdicts >= sum->convicted / 2 && sum->convicted > 20);
    assert_true(sum->forfeited > 0 && sum->unrevealed > 10);
}

static void liars_on_probation_change_nothing(void **state) {
    (void)state;
    liars sum;
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    play_liars(w, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":1000000,\"window\":2}", &sum);
    assert_int_equal(sum.same, 20);
    assert_int_equal(sum.corrections, 0); /* nobody was believed */
    assert_true(sum.convicted >= 28);
    free(w);
}

/* Trusted after two leases: a lie that no draw meets stays, and only where nothing is selected. */
static void trusted_liars_are_found_by_draws(void **state) {
    (void)state;
    liars sum;
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    play_liars(w, "{\"floor_ppm\":300000,\"plant_ppm\":100000,\"probation\":2,\"window\":1}", &sum);
    free(w);
}

/* Trusted from the beginning: what they slipped into closed generations is done again, through crashes too. */
static void slipped_lies_are_corrected(void **state) {
    (void)state;
    liars sum;
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    play_liars(w, "{\"floor_ppm\":400000,\"plant_ppm\":100000,\"probation\":0,\"selected\":0,\"window\":1}", &sum);
    print_message("%llu units of convicts done again, %llu of them wrong\n", (unsigned long long)sum.corrections,
                  (unsigned long long)sum.corrected);
    assert_true(sum.corrections > sum.corrected && sum.corrected > 0);
    free(w);
}

/* ---- history ---- */

/* A newcomer rebuilds the evolution from what sync answers. */
static void history_rebuilds_the_evolution(void **state) {
    (void)state;
    world *w = malloc(sizeof *w);
    assert_non_null(w);
    world_open(w, ledger_experiment, 77);
    while (!mdl_ledger_ended(mdl_coordinator_ledger(w->s.logic))) {
        step(w);
    }
    fake_drop_waiting(&w->s);
    actor *a = &w->a[0];
    fake_new_session(&a->w);
    free(assert_type(fake_ask(&w->s, &a->w, fake_hello()), MDL_MSG_WELCOME).blob.at);

    search rebuilt;
    search_open(&rebuilt, ledger_experiment, 1);
    mdl_evolution *e = rebuilt.e;
    uint8_t digest[MDL_DIGEST_BYTES];

    mdl_message m = fake_message(MDL_MSG_SYNC);
    fake_answer h = assert_type(fake_ask(&w->s, &a->w, m), MDL_MSG_HISTORY);
    assert_int_equal(h.m.as.history.from, 0);
    assert_int_equal(h.m.as.history.to, w->x.evolution.generations);
    mdl_reader r = {h.blob.at, h.blob.size, 0};
    while (!mdl_evolution_done(e)) {
        int64_t fitness[64];
        uint32_t jobs = mdl_evolution_job_count(e);
        assert_true(jobs <= 64);
        for (uint32_t i = 0; i < jobs; i++) {
            fitness[i] = mdl_get_i64(&r);
        }
        assert_int_equal(mdl_evolution_advance(e, fitness, jobs), MDL_OK);
    }
    assert_true(!r.bad && r.left == 0);
    mdl_state_digest(e, digest);
    assert_memory_equal(digest, h.m.as.history.state, sizeof digest);
    free(h.blob.at);

    /* From the end: nothing is missing, and the state is the same. */
    m.as.sync.generation = w->x.evolution.generations;
    h = assert_type(fake_ask(&w->s, &a->w, m), MDL_MSG_HISTORY);
    assert_int_equal(h.m.as.history.to, w->x.evolution.generations);
    assert_memory_equal(digest, h.m.as.history.state, sizeof digest);
    assert_int_equal(h.blob.size, 0);
    free(h.blob.at);
    search_close(&rebuilt);
    world_close(w);
    free(w);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_gives_the_same_champion), cmocka_unit_test(liars_on_probation_change_nothing),
        cmocka_unit_test(trusted_liars_are_found_by_draws),  cmocka_unit_test(slipped_lies_are_corrected),
        cmocka_unit_test(history_rebuilds_the_evolution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
