/* A dispute about a long life: rounds, bytes and steps done again are what the
 * formulae say. PROTOCOL section 11. 100,000 steps, 10,000 under AddressSanitizer; a
 * million with MODULON_NIGHTLY. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hmn_kernel.h"
#include "core/philox.h"
#include "protocol/referee.h"
#include "protocol/retrace.h"
#include "tests/support/bytebuf.h"
#include "tests/support/search.h"

#ifdef __SANITIZE_ADDRESS__
#define USUAL 10000
#else
#define USUAL 100000
#endif

/* A trial shows a cue, waits for `DELAY` windows, rewards; a window is a step. */
enum { DELAY = 98, TRIAL = DELAY + 2, JOB = 1, POINT_HEAD = 20, MOVE_HEAD = 6 };

/* The best kernel, counting the steps of all networks. */
static mdl_kernel counting;
static uint64_t steps;

static void counted(const mdl_hmn_region *r, int critic, mdl_partials *sum) {
    steps++;
    mdl_kernel_best()->partials(r, critic, sum);
}

typedef struct setting {
    search run;
    mdl_life *life, *own; /* the parties', the referee's */
    mdl_job job;
    uint32_t windows; /* of the job's one life */
} setting;

static void open_setting(setting *s, uint32_t windows) {
    char text[1024];
    memset(s, 0, sizeof *s);
    counting = *mdl_kernel_best();
    counting.partials = counted;
    counting.lanes = NULL;
    snprintf(text, sizeof text,
             "{\"name\":\"long\",\"seed\":\"11\",\"task\":{\"name\":\"cue\",\"trials\":%u,\"delay_min\":%d,"
             "\"delay_max\":%d,\"cues\":1,\"distractors\":1},\"network\":{\"neurons\":2,\"ring\":\"dense\"},"
             "\"evolution\":{\"generations\":2,\"episodes\":1,"
             "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]},\"verification\":\"off\"}\n",
             (unsigned)(windows / TRIAL), DELAY, DELAY);
    search_open(&s->run, text, 1);
    assert_int_equal(s->run.x.network.window, 1);
    s->life = search_life(&s->run.x, 1, &counting);
    s->own = search_life(&s->run.x, 1, &counting);
    mdl_evolution_job(s->run.e, JOB, &s->job, s->run.genome);
    mdl_life_genome(s->own, s->run.genome);
    mdl_life_genome(s->life, s->run.genome);
    assert_int_equal(s->job.episodes, 1);
    s->windows = windows;
}

static void close_setting(setting *s) {
    search_close(&s->run);
    free(s->life);
    free(s->own);
}

/* ---- the liar: one bit of its network flips after window `broken`, and it lives on with that ---- */

typedef struct liar {
    const setting *s;
    uint32_t broken;
    uint32_t *action; /* [windows] */
} liar;

static void flip(const setting *s, uint32_t windows, const uint32_t *action, const mdl_place *at) {
    bytebuf right = {0}, now = {0};
    mdl_life_save(s->life, &(mdl_sink){bytebuf_write, &right});
    /* From the end, where the synapses are, to the first byte that makes a state of its own. */
    for (size_t i = right.size; i-- > 8;) {
        right.at[i] ^= 8;
        int taken = mdl_life_resume(s->life, at->key, at->episode, at->part, windows, action, NULL, right.at,
                                    right.size) == MDL_OK;
        now.size = 0;
        if (taken)
            mdl_life_save(s->life, &(mdl_sink){bytebuf_write, &now});
        if (taken && now.size == right.size && memcmp(now.at, right.at, now.size) == 0)
            break;
        right.at[i] ^= 8;
        assert_true(i > 9);
    }
    free(right.at);
    free(now.at);
}

/* Lives until `windows`, which is after `broken`, or not. */
static void lie_until(liar *l, uint32_t windows, int from_birth) {
    const setting *s = l->s;
    mdl_place at = mdl_unit_place(&s->run.x, &s->job, 0);
    if (from_birth)
        mdl_life_begin(s->life, at.key, at.episode, at.part);
    while (s->life->conductor.windows < windows) {
        uint32_t k = s->life->conductor.windows;
        mdl_life_window(s->life);
        l->action[k] = s->life->conductor.action[0];
        if (k == l->broken)
            flip(s, k + 1, l->action, &at);
    }
}

static void liars_point(liar *l, bytebuf *out) {
    uint32_t windows = l->s->life->conductor.windows;
    mdl_sink sink = {bytebuf_write, out};
    mdl_put_bytes(&sink, "modulon point v1", 16);
    mdl_put_u32(&sink, windows);
    for (uint32_t k = 0; k < windows; k++)
        mdl_put_u8(&sink, (uint8_t)l->action[k]);
    mdl_life_save(l->s->life, &sink);
}

static void liars_move(liar *l, const mdl_retrace *q, bytebuf *out) {
    const setting *s = l->s;
    if (q->kind == MDL_MOVE_ROWS) {
        mdl_life_row row;
        mdl_place at = mdl_unit_place(&s->run.x, &s->job, 0);
        lie_until(l, s->windows, 1);
        assert_true(s->life->conductor.task.out.flags & MDL_OUT_DONE);
        mdl_unit_row(s->life, at.last, &row);
        mdl_row_put(&row, &(mdl_sink){bytebuf_write, out});
        return;
    }
    for (uint32_t i = 0; i < q->count; i++) {
        bytebuf point = {0};
        uint8_t digest[32];
        lie_until(l, q->point[i], i == 0);
        liars_point(l, &point);
        mdl_digest_of(point.at, point.size, digest);
        bytebuf_write(out, digest, sizeof digest);
        free(point.at);
    }
}

/* ---- the dispute ---- */

/* What the referee asks of whoever's turn it is. */
static mdl_retrace question(const mdl_referee *r) {
    mdl_retrace q = {.job = JOB, .kind = MDL_MOVE_ROWS};
    uint8_t digest[32];
    if (r->stage == MDL_REFEREE_POINTS) {
        q.kind = MDL_MOVE_POINTS;
        q.count = r->dispute.count;
        memcpy(q.point, r->dispute.point, q.count * sizeof q.point[0]);
    } else if (r->stage == MDL_REFEREE_JUDGE) {
        q.kind = MDL_MOVE_STATE;
        q.count = 1;
        assert_true(mdl_referee_state(r, &q.point[0], digest));
    }
    return q;
}

static void honest_move(const setting *s, const mdl_retrace *q, bytebuf *out) {
    assert_int_equal(mdl_retrace_run(q, s->run.e, s->life, s->run.genome, &(mdl_sink){bytebuf_write, out}), MDL_OK);
}

/* The answer that rows stand for. */
static mdl_job_result answer_of(const bytebuf *rows) {
    mdl_reader r = {rows->at, rows->size, 0};
    mdl_life_row row = {.windows = mdl_get_u32(&r)};
    mdl_job_result out;
    row.fitness = mdl_get_i64(&r);
    row.updates = mdl_get_u64(&r);
    mdl_get_bytes(&r, row.end, sizeof row.end);
    mdl_unit_segment(0, JOB, &row, 1, &out);
    return out;
}

typedef struct cost {
    size_t said[2], state, log; /* bytes: rows and digests by each side, the state, the transcript */
    uint64_t own, honest;       /* steps of networks: the referee's, the honest side's    */
    uint32_t rounds;
} cost;

/* Side `wrong` has its flip after window `broken`. */
static void settle(const setting *s, uint32_t broken, uint32_t wrong, cost *c) {
    mdl_referee r;
    liar l = {s, broken, malloc(s->windows * sizeof *l.action)};
    bytebuf rows[2] = {{0}, {0}}, log = {0};
    mdl_retrace q = {.job = JOB, .kind = MDL_MOVE_ROWS};
    mdl_job_result answer[2];
    assert_non_null(l.action);
    memset(c, 0, sizeof *c);
    honest_move(s, &q, &rows[1 - wrong]);
    liars_move(&l, &q, &rows[wrong]);
    for (uint32_t side = 0; side < 2; side++)
        answer[side] = answer_of(&rows[side]);
    assert_memory_not_equal(rows[0].at, rows[1].at, rows[0].size);
    mdl_referee_begin(&r, s->own, &s->job, JOB, answer, &(mdl_sink){bytebuf_write, &log});
    for (uint32_t side = 0; side < 2; side++) {
        assert_int_equal(mdl_referee_rows(&r, side, rows[side].at, rows[side].size), MDL_OK);
        c->said[side] += rows[side].size;
    }
    while (r.stage == MDL_REFEREE_POINTS) {
        bytebuf b[2] = {{0}, {0}};
        q = question(&r);
        uint64_t before = steps;
        honest_move(s, &q, &b[1 - wrong]);
        c->honest += steps - before;
        liars_move(&l, &q, &b[wrong]);
        for (uint32_t side = 0; side < 2; side++) {
            assert_int_equal(mdl_referee_points(&r, side, (const uint8_t(*)[32])b[side].at, q.count), MDL_OK);
            c->said[side] += b[side].size;
            free(b[side].at);
        }
    }
    bytebuf state = {0};
    if (r.dispute.lo > 0) {
        q = question(&r);
        uint64_t before = steps;
        honest_move(s, &q, &state);
        c->honest += steps - before;
    }
    uint64_t before = steps;
    assert_int_equal(mdl_referee_judge(&r, state.at, state.size), MDL_OK);
    c->own = steps - before;
    c->state = state.size;
    c->log = log.size;
    assert_int_equal(r.dispute.lo, broken);
    assert_int_equal(r.fault[wrong], MDL_FAULT_WINDOW);
    assert_int_equal(r.fault[1 - wrong], MDL_FAULT_NONE);
    c->rounds = r.dispute.rounds;
    mdl_referee_end(&r);
    mdl_referee again;
    before = steps;
    mdl_referee_begin(&again, s->own, &s->job, JOB, answer, NULL);
    assert_int_equal(mdl_referee_replay(&again, log.at, log.size), MDL_OK);
    assert_true(again.fault[wrong] == MDL_FAULT_WINDOW && again.fault[1 - wrong] == MDL_FAULT_NONE);
    assert_int_equal(steps - before, c->own);
    mdl_referee_end(&again);
    free(rows[0].at);
    free(rows[1].at);
    free(state.at);
    free(log.at);
    free(l.action);
}

static uint32_t log16_up(uint32_t windows) {
    uint32_t rounds = 0;
    for (uint64_t reach = 1; reach < windows; reach *= 16)
        rounds++;
    return rounds;
}

static void a_long_life(void **state) {
    (void)state;
    setting s;
    mdl_stream rng = {.key = 3};
    bytebuf net = {0};
    int nightly = getenv("MODULON_NIGHTLY") != NULL;
    open_setting(&s, nightly ? 1000000 : USUAL);
    mdl_place at = mdl_unit_place(&s.run.x, &s.job, 0);
    mdl_life_begin(s.life, at.key, at.episode, at.part);
    mdl_life_save(s.life, &(mdl_sink){bytebuf_write, &net});
    uint32_t most = log16_up(s.windows), count = nightly ? 3 : 2;
    /* The first interval of each round is its shortest, so a lie at birth may take a round less. */
    const uint32_t broken[3] = {mdl_draw_below(&rng, s.windows), 0, s.windows - 2};
    assert_int_equal(most, mdl_dispute_rounds(s.windows));
    for (uint32_t i = 0; i < count; i++) {
        cost c;
        settle(&s, broken[i], i % 2, &c);
        print_message("%u steps, a lie at %u: %u rounds, %zu bytes a side, state %zu, transcript %zu; steps run by the "
                      "referee %u, by the honest side %u\n",
                      (unsigned)s.windows, (unsigned)broken[i], (unsigned)c.rounds, c.said[0], c.state, c.log,
                      (unsigned)c.own, (unsigned)c.honest);
        assert_true(c.rounds <= most && c.rounds + (broken[i] == 0) >= most);
        /* One row; 15 digests a round, fewer in the last; one more in the first. */
        size_t bound = MDL_ROW_BYTES + 32 * (15 * (size_t)c.rounds + 1);
        assert_true(c.said[0] == c.said[1] && c.said[0] <= bound && c.said[0] + 32 * 15 > bound);
        assert_int_equal(c.state, broken[i] ? POINT_HEAD + broken[i] + net.size : 0);
        assert_int_equal(c.log, 2 * c.said[0] + c.state + MOVE_HEAD * (2 * (1 + (size_t)c.rounds) + 1));
        assert_int_equal(c.own, 1);
        assert_true(c.honest <= (uint64_t)(c.rounds + 1) * s.windows);
    }
    free(net.at);
    close_setting(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_long_life)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
