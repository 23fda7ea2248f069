/* Disputes over the wire: an honest worker, one that lies from some window on, and
 * the coordinator between them. PROTOCOL section 11.6. */
#include "tests/coordinator/fake_shell.h"

#include "protocol/retrace.h"
#include "tests/support/bytebuf.h"

enum { HONEST, LIAR, WORKERS };

/* How the liar goes on when it is asked. */
typedef enum lie {
    LIE_FROM_WINDOW, /* consistent: right up to some window, its own story from there on */
    LIE_END,         /* every state is right, the row is not                            */
    LIE_SUMS,        /* its rows are right, and are not what it answered                 */
    LIE_SILENT,      /* it asks for work no more                                         */
    LIE_RUBBISH      /* moves that are none                                              */
} lie;

typedef struct scene {
    fake_shell s;
    fake_worker w[WORKERS];
    mdl_life *life;
    void *memory;
    float *genome;
    int64_t fitness[MDL_UNIT_JOBS_MAX];
    lie how;
    uint32_t from; /* window */
    uint32_t dispute_moves[4], bytes;
    char json[1024];
} scene;

static void open_scene(scene *c, lie how) {
    memset(c, 0, sizeof *c);
    c->how = how;
    c->from = 4;
    ledger_verified_experiment("{\"floor_ppm\":1000000,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"dispute\":1}",
                               c->json, sizeof c->json);
    fake_open(&c->s, c->json, (mdl_admission){MDL_ADMIT_OPEN, 0});
    const mdl_experiment *x = mdl_ledger_experiment(mdl_coordinator_ledger(c->s.logic));
    c->memory = aligned_alloc(64, (mdl_life_bytes(x, 1) + 63) / 64 * 64);
    c->life = mdl_life_init(c->memory, x, 1, NULL);
    c->genome = calloc(c->life->layout.genes, sizeof *c->genome);
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_open(&c->w[i], i + 1, &c->s);
        free(assert_type(fake_ask(&c->s, &c->w[i], fake_hello()), MDL_MSG_WELCOME).blob.at);
    }
}

static void close_scene(scene *c) {
    for (uint32_t i = 0; i < WORKERS; i++) {
        fake_worker_close(&c->w[i]);
    }
    free(c->memory);
    free(c->genome);
    fake_close(&c->s);
}

static const mdl_evolution *now(const scene *c) { return mdl_ledger_evolution(mdl_coordinator_ledger(c->s.logic)); }

/* The rows that this worker shows of a job: the liar spoils the first life's. */
static uint32_t rows_of(scene *c, uint32_t who, uint32_t job, mdl_life_row *rows) {
    mdl_job what;
    mdl_job_result ignored;
    mdl_evolution_job(now(c), job, &what, NULL);
    mdl_unit_job(c->life, now(c), job, c->genome, rows, &ignored);
    if (who == LIAR && (c->how == LIE_FROM_WINDOW || c->how == LIE_SILENT || c->how == LIE_RUBBISH)) {
        rows[0].end[7] ^= 1;
        rows[0].fitness += 1000;
    } else if (who == LIAR && c->how == LIE_END) {
        rows[0].fitness -= 1000;
    }
    return what.episodes;
}

static mdl_message result_of(scene *c, uint32_t who, const mdl_msg_grant *g) {
    mdl_message m = fake_message(MDL_MSG_RESULT);
    mdl_job_result job[MDL_UNIT_JOBS_MAX];
    mdl_life_row rows[64];
    m.as.result.lease = g->lease;
    m.as.result.generation = g->generation;
    m.as.result.first = g->first;
    m.as.result.count = g->count;
    for (uint32_t i = 0; i < g->count; i++) {
        uint32_t lives = rows_of(c, who, g->first + i, rows);
        mdl_unit_segment(g->generation, g->first + i, rows, lives, &job[i]);
        job[i].fitness += who == LIAR && c->how == LIE_SUMS;
        c->fitness[i] = job[i].fitness;
    }
    fake_answer_with(&m, job);
    m.as.result.fitness = (mdl_i64_list){g->count, c->fitness};
    memset(m.as.result.nonce, 7, sizeof m.as.result.nonce);
    return m;
}

static void deliver(scene *c, uint32_t who, const mdl_msg_grant *g) {
    mdl_message m = result_of(c, who, g);
    fake_answer a = fake_ask(&c->s, &c->w[who], fake_commitment(&c->w[who], &m));
    assert_true(a.receipt);
    free(a.blob.at);
    m = result_of(c, who, g);
    a = fake_ask(&c->s, &c->w[who], m);
    assert_true(a.receipt);
    free(a.blob.at);
}

/* Answers a question as this worker does. */
static void move(scene *c, uint32_t who, const mdl_msg_question *q) {
    mdl_retrace r;
    mdl_life_row rows[64];
    bytebuf moved = {0};
    static const uint8_t over[32];
    mdl_sink sink = {bytebuf_write, &moved};
    assert_int_equal(mdl_retrace_of(q, now(c), &r), MDL_OK);
    if (q->kind == MDL_MOVE_ROWS) {
        uint32_t lives = rows_of(c, who, q->job, rows);
        for (uint32_t i = 0; i < lives; i++) {
            mdl_row_put(&rows[i], &sink);
        }
    } else {
        assert_int_equal(mdl_retrace_run(&r, now(c), c->life, c->genome, &sink), MDL_OK);
    }
    for (uint32_t i = 0; q->kind == MDL_MOVE_POINTS && i < r.count; i++) {
        if (who == LIAR && c->how == LIE_FROM_WINDOW && r.point[i] >= c->from &&
            memcmp(moved.at + 32 * (size_t)i, over, sizeof over) != 0) {
            moved.at[32 * (size_t)i] ^= 0x55;
        }
    }
    if (who == LIAR && c->how == LIE_RUBBISH) {
        moved.at[moved.size / 2] ^= 1; /* other rows than its segment binds */
    }
    mdl_message m = fake_message(MDL_MSG_MOVE);
    m.as.move.lease = q->lease;
    m.as.move.generation = q->generation;
    m.as.move.job = q->job;
    m.as.move.kind = q->kind;
    mdl_digest_of(moved.at, moved.size, m.as.move.blob);
    m.as.move.blob_size = moved.size;
    fake_bytes blob = {moved.at, moved.size};
    mdl_message wrong = m;
    wrong.as.move.kind = q->kind % 3 + 1; /* not what was asked */
    free(assert_type(fake_ask_with(&c->s, &c->w[who], wrong, blob), MDL_MSG_REJECT).blob.at);
    fake_answer a = fake_ask_with(&c->s, &c->w[who], m, blob);
    if (who == LIAR && c->how == LIE_RUBBISH) {
        assert_rejected(a, MDL_REASON_BAD_SHAPE);
    } else {
        if (!a.receipt) {
            fail_msg("%s", a.m.as.reject.text);
        }
        free(a.blob.at);
        c->dispute_moves[q->kind]++;
        c->bytes += (uint32_t)moved.size;
    }
    free(moved.at);
}

/* One want, and what follows from its answer. 0: the coordinator speaks to this worker no more. */
static int turn(scene *c, uint32_t who) {
    fake_answer a = fake_ask(&c->s, &c->w[who], fake_want(1));
    free(a.blob.at);
    assert_false(a.receipt);
    if (a.m.type == MDL_MSG_QUESTION) {
        uint64_t points[16];
        mdl_msg_question q = a.m.as.question;
        memcpy(points, q.points.at, q.points.count * sizeof *points);
        q.points.at = points;
        move(c, who, &q);
    } else if (a.m.type == MDL_MSG_GRANT) {
        mdl_msg_grant g = a.m.as.grant;
        deliver(c, who, &g);
    } else if (a.m.type == MDL_MSG_REJECT) {
        return 0;
    }
    return 1;
}

static const mdl_ledger_worker *ledger_worker(const scene *c, uint32_t who) {
    return mdl_ledger_worker_find(mdl_coordinator_ledger(c->s.logic), c->w[who].key);
}

/* The liar answers first, the honest worker confirms; both go on until the liar is out. Returns jobs that the
 * coordinator did as a whole. */
static uint32_t play(scene *c) {
    uint32_t whole = 0;
    mdl_coordinator_info info;
    assert_true(turn(c, LIAR));
    for (uint32_t i = 0; i < 200 && ledger_worker(c, LIAR)->verdict == 0; i++) {
        if (c->how != LIE_SILENT || i < 1) {
            turn(c, LIAR);
        }
        turn(c, HONEST);
        fake_judge(&c->s, c->life, c->genome);
        if (ledger_worker(c, LIAR)->verdict == 0) { /* later ones confirm what is left */
            whole += (uint32_t)fake_check(&c->s, c->life, c->genome);
        }
        mdl_coordinator_inform(c->s.logic, &info);
        c->s.now_ms += 1000;
        mdl_coordinator_tick(c->s.logic, c->s.now_ms, c->s.wall_ms + c->s.now_ms);
        fake_commit(&c->s);
    }
    assert_true(ledger_worker(c, LIAR)->verdict > 0);
    assert_int_equal(ledger_worker(c, HONEST)->verdict, 0);
    return whole;
}

/* A fold of what was written comes to the same. */
static void fold_again(const scene *c) {
    mdl_ledger *l = fake_fold(&c->s);
    assert_int_equal(mdl_ledger_worker_find(l, c->w[LIAR].key)->verdict, ledger_worker(c, LIAR)->verdict);
    mdl_ledger_free(l);
}

static void rounds_convict(void **state) {
    (void)state;
    static const lie kinds[] = {LIE_FROM_WINDOW, LIE_END, LIE_SUMS};
    scene *c = malloc(sizeof *c);
    assert_non_null(c);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        open_scene(c, kinds[k]);
        assert_int_equal(play(c), 0); /* no job was done as a whole */
        assert_true(fake_count(&c->s, MDL_MSG_DISPUTE) == 1 && fake_count(&c->s, MDL_MSG_JUDGEMENT) == 1);
        assert_int_equal(fake_count(&c->s, MDL_MSG_VERDICT), 0);
        assert_int_equal(fake_count(&c->s, MDL_MSG_MOVE),
                         c->dispute_moves[1] + c->dispute_moves[2] + c->dispute_moves[3]);
        assert_true(c->dispute_moves[1] > 0);
        assert_true((c->dispute_moves[2] > 0) == (kinds[k] != LIE_SUMS));
        fold_again(c);
        close_scene(c);
    }
    free(c);
}

/* Silence, and moves that are none, accuse nobody: the job is done again, and that convicts. */
static void silence_falls_back(void **state) {
    (void)state;
    scene *c = malloc(sizeof *c);
    assert_non_null(c);
    for (lie how = LIE_SILENT; how <= LIE_RUBBISH; how++) {
        open_scene(c, how);
        assert_true(play(c) >= 1);
        assert_true(fake_count(&c->s, MDL_MSG_DISPUTE) > 0 && fake_count(&c->s, MDL_MSG_JUDGEMENT) == 0);
        assert_int_equal(fake_count(&c->s, MDL_MSG_VERDICT), 1);
        fold_again(c);
        close_scene(c);
    }
    free(c);
}

/* In the middle of the rounds the coordinator dies; its ledger has the moves. */
static void crashes_lose_no_move(void **state) {
    (void)state;
    scene *c = malloc(sizeof *c);
    assert_non_null(c);
    open_scene(c, LIE_FROM_WINDOW);
    assert_true(turn(c, LIAR));
    while (fake_count(&c->s, MDL_MSG_DISPUTE) == 0) {
        assert_true(turn(c, HONEST));
    }
    for (uint32_t i = 0; i < 200 && ledger_worker(c, LIAR)->verdict == 0; i++) {
        turn(c, i % 2 ? LIAR : HONEST);
        fake_commit(&c->s);
        if (c->s.judge_of) {
            free(c->s.judge_state.at); /* the thread dies with it */
            c->s.judge_of = NULL;
        }
        c->s.checks = 0;
        fake_crash(&c->s, c->json);
        for (uint32_t w = 0; w < WORKERS; w++) {
            fake_new_session(&c->w[w]);
            free(fake_ask(&c->s, &c->w[w], fake_hello()).blob.at);
        }
        mdl_coordinator_tick(c->s.logic, ++c->s.now_ms, c->s.wall_ms);
        fake_judge(&c->s, c->life, c->genome);
    }
    assert_true(ledger_worker(c, LIAR)->verdict > 0 && fake_count(&c->s, MDL_MSG_JUDGEMENT) == 1);
    assert_int_equal(fake_count(&c->s, MDL_MSG_DISPUTE), 1);
    fold_again(c);
    close_scene(c);
    free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_convict),
        cmocka_unit_test(silence_falls_back),
        cmocka_unit_test(crashes_lose_no_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
