/* Every reason for which the coordinator's logic refuses or lets idle, and the
 * rules of sessions, leases, rates, storage and the operator. */
#include "tests/coordinator/fake_shell.h"

#include "protocol/invite.h"

typedef struct scene {
    fake_shell s;
    fake_worker w[4];
    mdl_life *life;
    void *memory;
    float *genome;
    int64_t fitness[MDL_UNIT_JOBS_MAX];
} scene;

static void setup_with(scene *c, mdl_admission admission) {
    memset(c, 0, sizeof *c);
    fake_open(&c->s, ledger_experiment, admission);
    const mdl_experiment *x = mdl_ledger_experiment(mdl_coordinator_ledger(c->s.logic));
    c->memory = aligned_alloc(64, (mdl_life_bytes(x, 1) + 63) / 64 * 64);
    c->life = mdl_life_init(c->memory, x, 1, NULL);
    c->genome = calloc(c->life->layout.genes, sizeof *c->genome);
    for (uint32_t i = 0; i < 4; i++) {
        fake_worker_open(&c->w[i], i + 1, &c->s);
    }
    fake_commit(&c->s);
}

static int setup(void **state) {
    scene *c = malloc(sizeof *c);
    assert_non_null(c);
    setup_with(c, (mdl_admission){MDL_ADMIT_OPEN, 0});
    *state = c;
    return 0;
}

static int teardown(void **state) {
    scene *c = *state;
    for (uint32_t i = 0; i < 4; i++) {
        fake_worker_close(&c->w[i]);
    }
    free(c->memory);
    free(c->genome);
    fake_close(&c->s);
    free(c);
    return 0;
}

static void reset(scene *c, mdl_admission admission) {
    for (uint32_t i = 0; i < 4; i++) {
        fake_worker_close(&c->w[i]);
    }
    free(c->memory);
    free(c->genome);
    fake_close(&c->s);
    setup_with(c, admission);
}

static fake_answer greet(scene *c, uint32_t i) { return fake_ask(&c->s, &c->w[i], fake_hello()); }

static void join(scene *c, uint32_t i) { free(assert_type(greet(c, i), MDL_MSG_WELCOME).blob.at); }

static mdl_msg_grant take_lease(scene *c, uint32_t i, uint32_t jobs) {
    fake_answer a = assert_type(fake_ask(&c->s, &c->w[i], fake_want(jobs)), MDL_MSG_GRANT);
    free(a.blob.at);
    return a.m.as.grant;
}

static mdl_message work_out(scene *c, const mdl_msg_grant *g) {
    return fake_compute(mdl_ledger_evolution(mdl_coordinator_ledger(c->s.logic)), c->life, c->genome, g, c->fitness);
}

static uint64_t deliver(scene *c, uint32_t i, mdl_message m) {
    fake_answer a = fake_ask(&c->s, &c->w[i], m);
    if (!a.receipt) {
        fail_msg("no receipt but %s %s", mdl_message_name(a.m.type), a.m.as.reject.text);
    }
    free(a.blob.at);
    return a.record;
}

static mdl_coordinator_info info_of(const scene *c) {
    mdl_coordinator_info i;
    mdl_coordinator_inform(c->s.logic, &i);
    return i;
}

static void admin(scene *c, const char *action, const uint8_t *key) {
    char error[256] = "";
    assert_int_equal(mdl_coordinator_admin(c->s.logic, action, key, "a test", c->s.now_ms, error, sizeof error),
                     MDL_OK);
}

/* ---- hello ---- */

static void hello_is_checked(void **state) {
    scene *c = *state;
    mdl_message m = fake_hello();
    m.as.hello.version = MDL_PROTOCOL_VERSION + 1;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_NEW_VERSION);
    m = fake_hello();
    m.as.hello.results = MDL_RESULTS + 1;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_WRONG_RESULTS);
    uint8_t right[32];
    memcpy(right, c->w[0].experiment, 32);
    c->w[0].experiment[3] ^= 1;
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_hello()), MDL_REASON_WRONG_EXPERIMENT);
    memset(c->w[0].experiment, 0, 32); /* not known yet: fine */
    join(c, 0);
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_WRONG_EXPERIMENT);
    memcpy(c->w[0].experiment, right, 32);
    free(assert_type(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_MSG_GRANT).blob.at);
    assert_int_equal(info_of(c).workers, 1);
}

static void welcome_waits_for_the_admission(void **state) {
    scene *c = *state;
    mdl_message m = fake_hello();
    fake_answer a;
    uint64_t call = fake_call(&c->s, &c->w[0], &m);
    assert_int_equal(fake_take(&c->s, call, &a), 0);
    fake_commit(&c->s);
    assert_int_equal(fake_take(&c->s, call, &a), 1);
    assert_int_equal(a.m.type, MDL_MSG_WELCOME);
    assert_memory_equal(a.m.as.welcome.worker, c->w[0].key, MDL_KEY_BYTES);
    assert_int_equal(a.m.head.seq, 0);
    free(a.blob.at);
    /* Once is enough. */
    uint64_t records = info_of(c).records;
    fake_new_session(&c->w[0]);
    join(c, 0);
    assert_int_equal(info_of(c).records, records);
}

static void open_admission_wants_a_ticket(void **state) {
    scene *c = *state;
    reset(c, (mdl_admission){MDL_ADMIT_OPEN, 8});
    mdl_message m = fake_hello();
    uint64_t nonce = 0;
    while (mdl_ticket_bits(c->w[0].experiment, c->w[0].key, nonce) >= 8) {
        nonce++;
    }
    m.as.hello.ticket = nonce;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_BAD_TICKET);
    assert_int_equal(mdl_ticket_find(c->w[0].experiment, c->w[0].key, 8, 100000, &nonce), MDL_OK);
    m.as.hello.ticket = nonce;
    free(assert_type(fake_ask(&c->s, &c->w[0], m), MDL_MSG_WELCOME).blob.at);
}

static void the_list_decides(void **state) {
    scene *c = *state;
    mdl_listed listed;
    memset(&listed, 0, sizeof listed);
    memcpy(listed.key, c->w[0].key, MDL_KEY_BYTES);
    memcpy(listed.owner, c->w[3].key, MDL_KEY_BYTES);
    snprintf(listed.name, sizeof listed.name, "first");
    reset(c, (mdl_admission){MDL_ADMIT_LIST, 0});
    mdl_coordinator_free(c->s.logic);
    c->s.config.listed = &listed;
    c->s.config.listed_count = 1;
    c->s.records = c->s.durable;
    fake_start(&c->s, ledger_experiment);
    join(c, 0);
    assert_rejected(greet(c, 1), MDL_REASON_NOT_ADMITTED);
    const mdl_ledger_worker *w = mdl_ledger_worker_find(mdl_coordinator_ledger(c->s.logic), c->w[0].key);
    assert_string_equal(w->name, "first");
    assert_memory_equal(w->owner, c->w[3].key, MDL_KEY_BYTES);
}

static void invitations_decide(void **state) {
    scene *c = *state;
    reset(c, (mdl_admission){MDL_ADMIT_INVITE, 0});
    assert_rejected(greet(c, 0), MDL_REASON_NOT_ADMITTED);
    mdl_msg_invite terms;
    mdl_message m = fake_hello();
    memset(&terms, 0, sizeof terms);
    memcpy(terms.worker, c->w[0].key, MDL_KEY_BYTES);
    memcpy(terms.owner, c->w[3].key, MDL_KEY_BYTES);
    snprintf(terms.name, sizeof terms.name, "guest");
    assert_int_equal(mdl_invite_sign(c->w[0].experiment, &terms, c->s.config.secret, m.as.hello.invite), MDL_OK);
    assert_rejected(fake_ask(&c->s, &c->w[1], m), MDL_REASON_BAD_INVITE); /* somebody else's */
    free(assert_type(fake_ask(&c->s, &c->w[0], m), MDL_MSG_WELCOME).blob.at);
    terms.expires = 5;
    memcpy(terms.worker, c->w[2].key, MDL_KEY_BYTES);
    assert_int_equal(mdl_invite_sign(c->w[0].experiment, &terms, c->s.config.secret, m.as.hello.invite), MDL_OK);
    assert_rejected(fake_ask(&c->s, &c->w[2], m), MDL_REASON_BAD_INVITE); /* too late */
}

/* ---- sessions ---- */

static void sessions_are_kept_apart(void **state) {
    scene *c = *state;
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_NO_SESSION);
    join(c, 0);
    join(c, 1);
    uint8_t old[MDL_SESSION_BYTES], own[MDL_SESSION_BYTES];
    memcpy(old, c->w[0].session, sizeof old);
    fake_new_session(&c->w[0]);
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_NO_SESSION);
    join(c, 0);
    memcpy(own, c->w[0].session, sizeof own);
    memcpy(c->w[0].session, old, sizeof old);
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_STALE_SESSION);
    assert_rejected(greet(c, 0), MDL_REASON_STALE_SESSION); /* an old hello opens nothing */
    memcpy(c->w[0].session, c->w[1].session, sizeof old);
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_SOMEONE_ELSES_SESSION);
    assert_rejected(greet(c, 0), MDL_REASON_SOMEONE_ELSES_SESSION);
    memcpy(c->w[0].session, own, sizeof own);
    free(assert_type(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_MSG_GRANT).blob.at);
}

static void repeats_get_the_same_answer(void **state) {
    scene *c = *state;
    join(c, 0);
    fake_answer first = assert_type(fake_ask(&c->s, &c->w[0], fake_want(2)), MDL_MSG_GRANT), again;
    uint64_t records = info_of(c).records;
    uint64_t call = fake_send(&c->s, c->w[0].last.at, c->w[0].last.size);
    assert_true(fake_take(&c->s, call, &again));
    assert_int_equal(again.m.type, MDL_MSG_GRANT);
    assert_int_equal(again.m.as.grant.lease, first.m.as.grant.lease);
    assert_int_equal(info_of(c).records, records);
    free(first.blob.at);
    free(again.blob.at);
    /* A result as well: the receipt of the same record. */
    uint64_t record = deliver(c, 0, work_out(c, &first.m.as.grant));
    call = fake_send(&c->s, c->w[0].last.at, c->w[0].last.size);
    assert_true(fake_take(&c->s, call, &again));
    assert_true(again.receipt && again.record == record);
    free(again.blob.at);
    /* History is not kept but made again. */
    mdl_message m = fake_message(MDL_MSG_PING);
    free(assert_type(fake_ask(&c->s, &c->w[0], m), MDL_MSG_PONG).blob.at);
}

static void equivocation_and_old_numbers_are_refused(void **state) {
    scene *c = *state;
    join(c, 0);
    free(assert_type(fake_ask(&c->s, &c->w[0], fake_message(MDL_MSG_PING)), MDL_MSG_PONG).blob.at);
    c->w[0].seq--;
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_REPLAY_MISMATCH);
    assert_int_equal(c->s.equivocations, 1);
    assert_int_equal(info_of(c).jobs_leased, 0);
    c->w[0].seq += 20;
    free(assert_type(fake_ask(&c->s, &c->w[0], fake_message(MDL_MSG_PING)), MDL_MSG_PONG).blob.at);
    c->w[0].seq -= 20;
    assert_rejected(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_STALE_SEQUENCE);
}

static void rates_are_limited(void **state) {
    scene *c = *state;
    join(c, 0);
    fake_answer a;
    int limited = 0;
    for (int i = 0; i < 200 && !limited; i++) {
        a = fake_ask(&c->s, &c->w[0], fake_message(MDL_MSG_PING));
        free(a.blob.at);
        limited = a.m.type == MDL_MSG_REJECT;
    }
    assert_true(limited);
    assert_int_equal(a.m.as.reject.reason, MDL_REASON_RATE_LIMITED);
    assert_true(a.m.as.reject.retry_ms >= 1 && a.m.as.reject.retry_ms <= 100);
    c->s.now_ms += a.m.as.reject.retry_ms;
    c->w[0].seq--; /* it was not taken: the same number may come again */
    free(assert_type(fake_ask(&c->s, &c->w[0], fake_message(MDL_MSG_PING)), MDL_MSG_PONG).blob.at);
}

static void nonsense_is_named(void **state) {
    scene *c = *state;
    join(c, 0);
    mdl_message m = fake_message(MDL_MSG_NEWS); /* no call */
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_UNKNOWN_TYPE);
    static uint8_t work[MDL_PAE_BYTES_MAX], out[MDL_ENVELOPE_BYTES_MAX];
    static const char *const payloads[] = {"{}", "not JSON", "[1,2,3]", "{\"experiment\":\"\"}"};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        size_t size;
        fake_answer a;
        assert_int_equal(mdl_envelope_sign("want", (const uint8_t *)payloads[i], strlen(payloads[i]), c->w[0].secret,
                                           work, out, sizeof out, &size),
                         MDL_OK);
        assert_true(fake_take(&c->s, fake_send(&c->s, out, size), &a));
        assert_rejected(a, MDL_REASON_BAD_PAYLOAD);
    }
    /* What the shell finds before the logic. */
    static const mdl_reason found[] = {MDL_REASON_BAD_FRAME, MDL_REASON_BAD_ENVELOPE, MDL_REASON_BAD_SIGNATURE,
                                       MDL_REASON_OVERSIZE, MDL_REASON_BAD_BLOB};
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        fake_answer a;
        mdl_coordinator_refuse(c->s.logic, c->s.next_call, found[i], "a\ntest\x80", 0);
        assert_true(fake_take(&c->s, c->s.next_call++, &a));
        assert_rejected(a, found[i]);
    }
}

static void worth_says_who_is_checked(void **state) {
    scene *c = *state;
    mdl_envelope e;
    memset(&e, 0, sizeof e);
    snprintf(e.name, sizeof e.name, "hello");
    assert_int_equal(mdl_coordinator_worth(c->s.logic, &e), MDL_REASON_NONE);
    snprintf(e.name, sizeof e.name, "want");
    assert_int_equal(mdl_coordinator_worth(c->s.logic, &e), MDL_REASON_NO_SESSION);
    join(c, 0);
    memcpy(e.key, c->w[0].key, MDL_KEY_BYTES);
    assert_int_equal(mdl_coordinator_worth(c->s.logic, &e), MDL_REASON_NONE);
    snprintf(e.name, sizeof e.name, "genesis");
    assert_int_equal(mdl_coordinator_worth(c->s.logic, &e), MDL_REASON_UNKNOWN_TYPE);
    snprintf(e.name, sizeof e.name, "want");
    admin(c, "ban", c->w[0].key);
    assert_int_equal(mdl_coordinator_worth(c->s.logic, &e), MDL_REASON_BANNED);
}

/* ---- leases and results ---- */

static void results_must_fit_their_lease(void **state) {
    scene *c = *state;
    join(c, 0);
    join(c, 1);
    mdl_msg_grant g = take_lease(c, 0, 2);
    assert_int_equal(g.count, 2);
    mdl_message m = work_out(c, &g);
    m.as.result.lease = 1000;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_NO_LEASE);
    m.as.result.lease = g.lease;
    assert_rejected(fake_ask(&c->s, &c->w[1], m), MDL_REASON_NO_LEASE); /* another's */
    m.as.result.first++;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_LEASE_MISMATCH);
    m.as.result.first--;
    m.as.result.generation++;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_LEASE_MISMATCH);
    m.as.result.generation--;
    m.as.result.fitness.count = 1;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_BAD_SHAPE);
    m.as.result.fitness.count = 2;
    assert_int_equal(info_of(c).jobs_done, 0);
    uint64_t record = deliver(c, 0, m);
    assert_int_equal(info_of(c).jobs_done, 2);
    /* The receipt was lost, the session too: the receipt of the recorded result. */
    fake_new_session(&c->w[0]);
    join(c, 0);
    uint64_t records = info_of(c).records;
    assert_int_equal(deliver(c, 0, m), record);
    assert_int_equal(info_of(c).records, records);
}

static void updates_out_of_range_are_refused(void **state) {
    scene *c = *state;
    join(c, 0);
    mdl_msg_grant g = take_lease(c, 0, 1);
    mdl_message m = work_out(c, &g);
    mdl_job_result claim = {.updates = UINT64_MAX};
    m.as.result.updates--; /* not what the segments say */
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_OUT_OF_RANGE);
    fake_answer_with(&m, &claim);
    deliver(c, 0, m); /* a claim, to be checked by audits */
    g = take_lease(c, 0, 1);
    m = work_out(c, &g);
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_OUT_OF_RANGE); /* the sum */
}

static void leases_expire_and_are_given_again(void **state) {
    scene *c = *state;
    join(c, 0);
    join(c, 1);
    mdl_msg_grant g = take_lease(c, 0, 2);
    mdl_message m = work_out(c, &g);
    assert_true(g.deadline_ms >= MDL_DEADLINE_MS_MIN);
    c->s.now_ms += g.deadline_ms - 1;
    mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms);
    assert_int_equal(info_of(c).expired, 0);
    c->s.now_ms += 1;
    mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms);
    assert_int_equal(info_of(c).expired, 1);
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_LEASE_EXPIRED);
    mdl_msg_grant again = take_lease(c, 1, 2);
    assert_int_equal(again.first, g.first);
    /* More patience with one who was late. */
    g = take_lease(c, 0, 1);
    assert_true(g.deadline_ms >= 2 * MDL_DEADLINE_MS_MIN);
}

/* Lease everything, to worker `i` with four leases and the rest to others. */
static void lease_all(scene *c) {
    for (uint32_t i = 0; info_of(c).jobs_leased < info_of(c).jobs; i = (i + 1) % 4) {
        take_lease(c, i, 64);
    }
}

static void late_leases_are_copied_and_the_first_wins(void **state) {
    scene *c = *state;
    for (uint32_t i = 0; i < 4; i++) {
        join(c, i);
    }
    mdl_msg_grant g = take_lease(c, 0, 64);
    for (uint32_t i = 0; info_of(c).jobs_leased < info_of(c).jobs; i++) {
        take_lease(c, 1 + i % 3, 64);
    }
    assert_idle(fake_ask(&c->s, &c->w[1], fake_want(1)), MDL_REASON_WAITING_FOR_GENERATION);
    c->s.now_ms += 14000; /* over twice what is expected of a first lease */
    mdl_msg_grant copy = take_lease(c, 1, 64);
    assert_int_equal(copy.first, g.first);
    assert_int_equal(copy.count, g.count);
    assert_true(copy.lease != g.lease);
    mdl_message m = work_out(c, &copy);
    deliver(c, 1, m);
    m.as.result.lease = g.lease;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_DUPLICATE);
    assert_int_equal(info_of(c).duplicates, 1);
}

static void idle_has_a_reason(void **state) {
    scene *c = *state;
    for (uint32_t i = 0; i < 4; i++) {
        join(c, i);
    }
    admin(c, "pause", NULL);
    fake_answer a = fake_ask(&c->s, &c->w[0], fake_want(1));
    assert_idle(a, MDL_REASON_IDLE_PAUSED);
    admin(c, "resume", NULL);
    for (int i = 0; i < MDL_LEASES_EACH; i++) {
        take_lease(c, 0, 1);
    }
    assert_idle(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_OVER_QUOTA);
    /* A new session may take what the old one holds as lost. */
    fake_new_session(&c->w[0]);
    join(c, 0);
    take_lease(c, 0, 1);
    lease_all(c);
    a = fake_ask(&c->s, &c->w[1], fake_want(1));
    if (a.m.as.idle.reason != MDL_REASON_OVER_QUOTA) {
        assert_idle(a, MDL_REASON_WAITING_FOR_GENERATION);
        assert_true(a.m.as.idle.retry_ms >= 20 && a.m.as.idle.retry_ms <= 1000);
    }
}

static void no_room_takes_nothing_and_loses_nothing(void **state) {
    scene *c = *state;
    join(c, 0);
    mdl_msg_grant g = take_lease(c, 0, 2);
    mdl_message m = work_out(c, &g);
    mdl_coordinator_storage(c->s.logic, 0, c->s.now_ms);
    uint64_t records = info_of(c).records;
    assert_idle(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_DISK_FULL);
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_DISK_FULL);
    assert_rejected(greet(c, 1), MDL_REASON_DISK_FULL);
    c->s.now_ms += 10 * MDL_DEADLINE_MS_MIN + 100000; /* does not count against the lease */
    mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms);
    char error[256];
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "pause", NULL, "", c->s.now_ms, error, sizeof error), MDL_EIO);
    assert_int_equal(info_of(c).records, records);
    mdl_coordinator_storage(c->s.logic, 1, c->s.now_ms);
    mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms);
    deliver(c, 0, m);
}

static void goodbyes_give_leases_back(void **state) {
    scene *c = *state;
    join(c, 0);
    join(c, 1);
    mdl_msg_grant g = take_lease(c, 0, 2);
    mdl_message late = work_out(c, &g), m = fake_message(MDL_MSG_BYE);
    free(assert_type(fake_ask(&c->s, &c->w[0], m), MDL_MSG_PONG).blob.at);
    assert_int_equal(info_of(c).jobs_leased, 0);
    assert_rejected(fake_ask(&c->s, &c->w[0], late), MDL_REASON_LEASE_EXPIRED);
    assert_int_equal(take_lease(c, 1, 2).first, g.first);
}

/* ---- the operator ---- */

static void bans_hold(void **state) {
    scene *c = *state;
    char error[256];
    join(c, 0);
    mdl_msg_grant g = take_lease(c, 0, 2);
    mdl_message m = work_out(c, &g);
    admin(c, "ban", c->w[0].key);
    assert_int_equal(info_of(c).jobs_leased, 0);
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_BANNED);
    fake_new_session(&c->w[0]);
    assert_rejected(greet(c, 0), MDL_REASON_BANNED);
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "ban", c->w[0].key, "", c->s.now_ms, error, sizeof error),
                     MDL_EMISMATCH);
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "ban", c->w[3].key, "", c->s.now_ms, error, sizeof error),
                     MDL_ENOENT);
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "shout", NULL, "", c->s.now_ms, error, sizeof error),
                     MDL_ENOENT);
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "pause", NULL, "\n", c->s.now_ms, error, sizeof error),
                     MDL_ERANGE);
    /* It outlives a crash. */
    fake_commit(&c->s);
    fake_crash(&c->s, ledger_experiment);
    assert_rejected(greet(c, 0), MDL_REASON_BANNED);
    admin(c, "unban", c->w[0].key);
    join(c, 0);
}

/* ---- blobs, history, the end ---- */

static void only_named_blobs_are_served(void **state) {
    scene *c = *state;
    join(c, 0);
    mdl_message m = fake_message(MDL_MSG_FETCH);
    mdl_digest_of(ledger_experiment, strlen(ledger_experiment), m.as.fetch.digest);
    fake_answer a = assert_type(fake_ask(&c->s, &c->w[0], m), MDL_MSG_DOCUMENT);
    assert_int_equal(a.blob.size, strlen(ledger_experiment));
    assert_memory_equal(a.blob.at, ledger_experiment, a.blob.size);
    free(a.blob.at);
    m.as.fetch.digest[0] ^= 1;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_NOT_FOUND);
    m = fake_message(MDL_MSG_SYNC);
    m.as.sync.generation = 1;
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_OUT_OF_RANGE);
}

static void the_end_is_told(void **state) {
    scene *c = *state;
    join(c, 0);
    while (!info_of(c).ended) {
        mdl_msg_grant g = take_lease(c, 0, 64);
        deliver(c, 0, work_out(c, &g));
    }
    assert_int_equal(c->s.news, 3);
    assert_idle(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_IDLE_FINISHED);
    assert_rejected(greet(c, 1), MDL_REASON_REJECT_FINISHED);
    mdl_message m = fake_message(MDL_MSG_RESULT);
    m.as.result.lease = 1;
    m.as.result.count = 1;
    m.as.result.fitness = (mdl_i64_list){1, c->fitness};
    c->fitness[0] = 0;
    fake_answer_with(&m, &(mdl_job_result){.updates = 1});
    assert_rejected(fake_ask(&c->s, &c->w[0], m), MDL_REASON_LEASE_EXPIRED); /* long forgotten */
    char error[256];
    assert_int_equal(mdl_coordinator_admin(c->s.logic, "pause", NULL, "", c->s.now_ms, error, sizeof error),
                     MDL_EMISMATCH);
    /* After a crash it is still over. */
    fake_crash(&c->s, ledger_experiment);
    assert_true(info_of(c).ended);
    fake_new_session(&c->w[0]);
    join(c, 0);
    assert_idle(fake_ask(&c->s, &c->w[0], fake_want(1)), MDL_REASON_IDLE_FINISHED);
}

/* ---- sizes ---- */

/* The first lease is small; then leases follow the measured speed, but leave others their share. */
static void leases_follow_the_speed(void **state) {
    scene *c = *state;
    join(c, 0);
    mdl_msg_grant g = take_lease(c, 0, 64);
    assert_int_equal(g.count, 2); /* twice the threads */
    mdl_message m = work_out(c, &g);
    c->s.now_ms += 1000; /* two lives a second: four in a lease's time */
    deliver(c, 0, m);
    g = take_lease(c, 0, 64);
    assert_int_equal(g.count, 3); /* half of the six that are left: one worker is active */
    m = work_out(c, &g);
    c->s.now_ms += 60000;
    deliver(c, 0, m); /* 20 s a life: on average about one a second now, so two in a lease's time */
    g = take_lease(c, 0, 64);
    assert_int_equal(g.count, 2);
    assert_in_range(g.deadline_ms, 19000, 20500); /* ten times that */
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        SCENE(hello_is_checked),
        SCENE(welcome_waits_for_the_admission),
        SCENE(open_admission_wants_a_ticket),
        SCENE(the_list_decides),
        SCENE(invitations_decide),
        SCENE(sessions_are_kept_apart),
        SCENE(repeats_get_the_same_answer),
        SCENE(equivocation_and_old_numbers_are_refused),
        SCENE(rates_are_limited),
        SCENE(nonsense_is_named),
        SCENE(worth_says_who_is_checked),
        SCENE(results_must_fit_their_lease),
        SCENE(updates_out_of_range_are_refused),
        SCENE(leases_expire_and_are_given_again),
        SCENE(late_leases_are_copied_and_the_first_wins),
        SCENE(idle_has_a_reason),
        SCENE(no_room_takes_nothing_and_loses_nothing),
        SCENE(goodbyes_give_leases_back),
        SCENE(bans_hold),
        SCENE(only_named_blobs_are_served),
        SCENE(the_end_is_told),
        SCENE(leases_follow_the_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
