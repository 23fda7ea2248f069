/* The referee: a lie anywhere in a job costs whoever told it the dispute, and an
 * honest side never loses one. PROTOCOL section 11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/philox.h"
#include "protocol/point.h"
#include "protocol/referee.h"
#include "tests/support/bytebuf.h"
#include "tests/support/search.h"

enum { LIVES = 3, JOB = 2 };

static const char experiment[] =
    "{\"name\":\"referee\",\"seed\":\"7\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":3,\"episodes\":3,\"validate_every\":2,\"validate_episodes\":2,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]},\"verification\":\"off\",\"test_episodes\":2}\n";

typedef struct setting {
    search run;
    mdl_life *life, *own; /* the parties', the referee's */
    mdl_job job;
    mdl_life_row rows[LIVES];
    mdl_job_result answer;
} setting;

static void open_setting(setting *s) {
    memset(s, 0, sizeof *s);
    search_open(&s->run, experiment, 1);
    s->life = s->run.life;
    s->own = search_life(&s->run.x, 1, NULL);
    mdl_unit_job(s->life, s->run.e, JOB, s->run.genome, s->rows, &s->answer);
    mdl_evolution_job(s->run.e, JOB, &s->job, s->run.genome);
    mdl_life_genome(s->own, s->run.genome);
    assert_int_equal(s->job.episodes, LIVES);
}

static void close_setting(setting *s) {
    search_close(&s->run);
    free(s->own);
}

/* What one side says. Its state of life `life` is another one from window `broken` + 1 on. */
typedef struct party {
    const setting *s;
    mdl_life_row rows[LIVES];
    mdl_job_result answer;
    uint32_t life, broken; /* broken UINT32_MAX: its states are right */
    uint8_t flip;          /* what its lies differ by                 */
    int silent;            /* in this stage; -1: never                */
} party;

static party honest(const setting *s) {
    party p = {.s = s, .answer = s->answer, .broken = UINT32_MAX, .flip = 1, .silent = -1};
    memcpy(p.rows, s->rows, sizeof p.rows);
    return p;
}

static void answer_from_rows(party *p) { mdl_unit_segment(p->s->job.generation, JOB, p->rows, LIVES, &p->answer); }

static party liar(const setting *s, uint32_t life, uint32_t broken, uint8_t flip) {
    party p = honest(s);
    p.life = life;
    p.broken = broken;
    p.flip = flip;
    p.rows[life].end[3] ^= flip;
    answer_from_rows(&p);
    return p;
}

static bytebuf state_of(const party *p, uint32_t which, uint32_t windows) {
    bytebuf b = {0};
    mdl_place at = mdl_unit_place(&p->s->run.x, &p->s->job, which);
    assert_int_equal(mdl_point_save(p->s->life, &at, windows, &(mdl_sink){bytebuf_write, &b}), MDL_OK);
    if (p->broken != UINT32_MAX && which == p->life && windows > p->broken)
        b.at[b.size - 5] ^= p->flip;
    return b;
}

static void rows_move(mdl_referee *r, uint32_t side, const party *p) {
    bytebuf b = {0};
    for (uint32_t i = 0; i < LIVES; i++)
        mdl_row_put(&p->rows[i], &(mdl_sink){bytebuf_write, &b});
    assert_int_equal(b.size, LIVES * MDL_ROW_BYTES);
    assert_int_equal(mdl_referee_rows(r, side, b.at, b.size), MDL_OK);
    free(b.at);
}

static void points_move(mdl_referee *r, uint32_t side, const party *p) {
    uint8_t digest[MDL_DISPUTE_POINTS][32];
    const mdl_dispute *d = &r->dispute;
    memset(digest, 0, sizeof digest);
    for (uint32_t i = 0; i < d->count; i++) {
        uint32_t ends = p->s->rows[r->which].windows, says = p->rows[r->which].windows;
        if (d->point[i] > says)
            continue;
        if (d->point[i] > ends) { /* a life that goes on for longer than it does */
            memset(digest[i], p->flip, sizeof digest[i]);
            continue;
        }
        bytebuf b = state_of(p, r->which, d->point[i]);
        mdl_digest_of(b.at, b.size, digest[i]);
        free(b.at);
    }
    assert_int_equal(mdl_referee_points(r, side, (const uint8_t(*)[32])digest, d->count), MDL_OK);
}

static void judge_move(mdl_referee *r, const party *p) {
    uint32_t windows;
    uint8_t digest[32];
    if (!mdl_referee_state(r, &windows, digest)) {
        assert_int_equal(mdl_referee_judge(r, NULL, 0), MDL_OK);
        return;
    }
    bytebuf b = state_of(p, r->which, windows);
    b.at[b.size - 1] ^= 1;
    assert_int_equal(mdl_referee_judge(r, b.at, b.size), MDL_EMISMATCH); /* another state than the agreed one */
    b.at[b.size - 1] ^= 1;
    assert_int_equal(mdl_referee_judge(r, b.at, b.size), MDL_OK);
    free(b.at);
}

static int moves(mdl_referee *r, uint32_t side, const party *p) {
    if (!mdl_referee_waits(r, side))
        return 0;
    if ((int)r->stage == p->silent) {
        assert_int_equal(mdl_referee_silent(r, side), MDL_OK);
        return 1;
    }
    if (r->stage == MDL_REFEREE_ROWS)
        rows_move(r, side, p);
    else if (r->stage == MDL_REFEREE_POINTS)
        points_move(r, side, p);
    else
        judge_move(r, p);
    return 1;
}

static void begin(mdl_referee *r, const setting *s, const party *a, const party *b, const mdl_sink *log) {
    const mdl_job_result answer[2] = {a->answer, b->answer};
    mdl_referee_begin(r, s->own, &s->job, JOB, answer, log);
}

/* Plays on until it is over. The transcript, played again, says the same. */
static void play(mdl_referee *r, const setting *s, const party *a, const party *b, uint32_t first) {
    bytebuf log = {0};
    const party *side[2] = {a, b};
    begin(r, s, a, b, &(mdl_sink){bytebuf_write, &log});
    while (r->stage != MDL_REFEREE_OVER) {
        int moved = moves(r, first, side[first]);
        if (r->stage != MDL_REFEREE_OVER)
            moved |= moves(r, 1 - first, side[1 - first]);
        if (!moved)
            judge_move(r, a);
    }
    for (uint32_t i = 0; i < 2; i++) {
        assert_false(mdl_referee_waits(r, i));
        assert_int_equal(mdl_referee_silent(r, i), MDL_EMISMATCH);
    }
    mdl_referee again;
    begin(&again, s, a, b, NULL);
    assert_int_equal(mdl_referee_replay(&again, log.at, log.size), MDL_OK);
    assert_memory_equal(again.fault, r->fault, sizeof r->fault);
    assert_int_equal(again.which, r->which);
    assert_int_equal(again.dispute.lo, r->dispute.lo);
    mdl_referee_end(&again);
    free(log.at);
    r->log.write = NULL; /* its memory is gone */
}

static void any_window_of_any_life(void **state) {
    (void)state;
    setting s;
    mdl_stream rng = {.key = 5};
    open_setting(&s);
    for (uint32_t trial = 0; trial < 60; trial++) {
        uint32_t which = mdl_draw_below(&rng, LIVES), windows = s.rows[which].windows, side = trial % 2;
        uint32_t broken = trial < 3 ? 0 : trial < 6 ? windows - 1 : mdl_draw_below(&rng, windows);
        party good = honest(&s), bad = liar(&s, which, broken, (uint8_t)(1u << mdl_draw_below(&rng, 8)));
        mdl_referee r;
        play(&r, &s, side ? &good : &bad, side ? &bad : &good, mdl_draw_below(&rng, 2));
        assert_int_equal(r.which, which);
        assert_int_equal(r.dispute.lo, broken);
        assert_int_equal(r.fault[side], MDL_FAULT_WINDOW);
        assert_int_equal(r.fault[1 - side], MDL_FAULT_NONE);
        assert_true(r.dispute.rounds <= mdl_dispute_rounds(windows));
        mdl_referee_end(&r);
    }
    close_setting(&s);
}

static void lies_about_rows(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    party good = honest(&s);
    for (uint32_t which = 0; which < LIVES; which++)
        for (uint32_t kind = 0; kind < 6; kind++) {
            party bad = honest(&s);
            mdl_life_row *row = &bad.rows[which];
            static const mdl_fault want[] = {MDL_FAULT_END,    MDL_FAULT_END,    MDL_FAULT_END,
                                             MDL_FAULT_LENGTH, MDL_FAULT_WINDOW, MDL_FAULT_WINDOW};
            if (kind == 0)
                row->fitness++;
            else if (kind == 1)
                row->updates--;
            else if (kind == 2)
                row->end[31] ^= 128;
            else if (kind == 3)
                row->windows = 0;
            else if (kind == 4)
                row->windows -= 3; /* it stops before the end */
            else
                row->windows = UINT32_MAX; /* and after it */
            answer_from_rows(&bad);
            mdl_referee r;
            play(&r, &s, &good, &bad, which % 2);
            assert_int_equal(r.fault[0], MDL_FAULT_NONE);
            assert_int_equal(r.fault[1], want[kind]);
            assert_int_equal(r.which, which);
            assert_true(r.dispute.rounds <= 8);
            mdl_referee_end(&r);
        }
    close_setting(&s);
}

/* The segment is right, what was said beside it is not: the other side's rows show it, too. */
static void sums_that_are_not_those_of_the_rows(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    for (uint32_t kind = 0; kind < 2; kind++)
        for (uint32_t first = 0; first < 2; first++) {
            party good = honest(&s), bad = honest(&s);
            bad.answer.fitness += kind == 0;
            bad.answer.updates += kind;
            mdl_referee r;
            play(&r, &s, &good, &bad, first);
            assert_int_equal(r.fault[0], MDL_FAULT_NONE);
            assert_int_equal(r.fault[1], MDL_FAULT_SUMS);
            assert_int_equal(r.dispute.rounds, 0);
            mdl_referee_end(&r);
        }
    close_setting(&s);
}

static void both_may_be_wrong(void **state) {
    (void)state;
    setting s;
    mdl_referee r;
    open_setting(&s);
    uint32_t windows = s.rows[1].windows;
    party a = liar(&s, 1, windows / 2, 1), b = liar(&s, 1, windows / 2, 2);
    play(&r, &s, &a, &b, 0);
    assert_int_equal(r.fault[0], MDL_FAULT_WINDOW);
    assert_int_equal(r.fault[1], MDL_FAULT_WINDOW);
    mdl_referee_end(&r);
    /* They agree on every state, a wrong one, and not on the row. */
    a = liar(&s, 1, windows / 2, 4);
    b = a;
    b.rows[1].fitness += 5;
    answer_from_rows(&b);
    begin(&r, &s, &a, &b, NULL);
    rows_move(&r, 0, &a);
    rows_move(&r, 1, &b);
    points_move(&r, 0, &a);
    points_move(&r, 1, &b);
    judge_move(&r, &a);
    assert_true(r.fault[0] == MDL_FAULT_END || r.fault[0] == MDL_FAULT_STATE);
    assert_true(r.fault[1] == MDL_FAULT_END || r.fault[1] == MDL_FAULT_STATE);
    mdl_referee_end(&r);
    close_setting(&s);
}

/* Two who agree on something that is no state at all. */
static void states_that_no_life_has(void **state) {
    (void)state;
    static const uint8_t junk[] = "modulon point v1 and nothing that follows";
    setting s;
    mdl_referee r;
    open_setting(&s);
    party a = liar(&s, 0, 1, 1), b = liar(&s, 0, 1, 2);
    begin(&r, &s, &a, &b, NULL);
    rows_move(&r, 0, &a);
    rows_move(&r, 1, &b);
    while (r.stage == MDL_REFEREE_POINTS) {
        uint32_t count = r.dispute.count;
        for (uint32_t side = 0; side < 2; side++) {
            uint8_t digest[MDL_DISPUTE_POINTS][32];
            for (uint32_t i = 0; i < count; i++) {
                mdl_digest_of(junk, sizeof junk, digest[i]);
                digest[i][0] ^= (uint8_t)(i + 1 == count && r.dispute.rounds == 0 ? side : 0);
            }
            assert_int_equal(mdl_referee_points(&r, side, (const uint8_t(*)[32])digest, count), MDL_OK);
        }
    }
    assert_int_equal(mdl_referee_judge(&r, junk, sizeof junk), MDL_OK);
    assert_int_equal(r.fault[0], MDL_FAULT_STATE);
    assert_int_equal(r.fault[1], MDL_FAULT_STATE);
    mdl_referee_end(&r);
    close_setting(&s);
}

static void who_does_not_answer(void **state) {
    (void)state;
    setting s;
    open_setting(&s);
    for (int stage = MDL_REFEREE_ROWS; stage <= MDL_REFEREE_JUDGE; stage++)
        for (uint32_t quiet = 1; quiet < 4; quiet++) {
            party p[2] = {honest(&s), liar(&s, 2, 7, 1)};
            mdl_referee r;
            for (uint32_t side = 0; side < 2; side++)
                p[side].silent = quiet >> side & 1 ? stage : -1;
            play(&r, &s, &p[0], &p[1], 0);
            if (stage == MDL_REFEREE_JUDGE && quiet != 3) { /* the other has the state, too */
                assert_int_equal(r.fault[0], MDL_FAULT_NONE);
                assert_int_equal(r.fault[1], MDL_FAULT_WINDOW);
            } else if (stage != MDL_REFEREE_JUDGE && quiet == 3) { /* who is first ends it */
                assert_int_equal(r.fault[0], MDL_FAULT_SILENT);
                assert_int_equal(r.fault[1], MDL_FAULT_NONE);
            } else {
                for (uint32_t side = 0; side < 2; side++)
                    assert_int_equal(r.fault[side], quiet >> side & 1 ? MDL_FAULT_SILENT : MDL_FAULT_NONE);
            }
            mdl_referee_end(&r);
        }
    close_setting(&s);
}

static void moves_that_are_refused(void **state) {
    (void)state;
    setting s;
    mdl_referee r;
    open_setting(&s);
    party good = honest(&s), bad = liar(&s, 0, 3, 1);
    uint8_t digest[MDL_DISPUTE_POINTS][32] = {{0}};
    const uint8_t(*said)[32] = (const uint8_t(*)[32])digest;
    bytebuf b = {0};
    for (uint32_t i = 0; i < LIVES; i++)
        mdl_row_put(&good.rows[i], &(mdl_sink){bytebuf_write, &b});
    begin(&r, &s, &good, &bad, NULL);
    assert_int_equal(mdl_referee_points(&r, 0, said, 1), MDL_EMISMATCH);
    assert_int_equal(mdl_referee_judge(&r, NULL, 0), MDL_EMISMATCH);
    assert_int_equal(mdl_referee_rows(&r, 0, b.at, b.size - 1), MDL_ESIZE);
    assert_int_equal(mdl_referee_rows(&r, 1, b.at, b.size), MDL_EMISMATCH); /* of another segment than it answered */
    for (uint32_t bit = 0; bit < 8 * b.size; bit += 13) {
        b.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(mdl_referee_rows(&r, 0, b.at, b.size), MDL_OK);
        b.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (uint32_t i = 0; i < 2; i++)
        memset(b.at + i * MDL_ROW_BYTES + 4, i == 0 ? 0x7f : 0x3f, 8); /* their sum passes 2^63 */
    assert_int_equal(mdl_referee_rows(&r, 0, b.at, b.size), MDL_ERANGE);
    assert_int_equal(r.stage, MDL_REFEREE_ROWS);
    assert_true(mdl_referee_waits(&r, 0));
    rows_move(&r, 0, &good);
    assert_false(mdl_referee_waits(&r, 0));
    b.size = 0;
    for (uint32_t i = 0; i < LIVES; i++)
        mdl_row_put(&good.rows[i], &(mdl_sink){bytebuf_write, &b});
    assert_int_equal(mdl_referee_rows(&r, 0, b.at, b.size), MDL_EMISMATCH); /* twice */
    assert_int_equal(mdl_referee_silent(&r, 0), MDL_EMISMATCH);
    rows_move(&r, 1, &bad);
    assert_int_equal(mdl_referee_points(&r, 0, said, r.dispute.count - 1), MDL_ESIZE);
    mdl_referee_end(&r);
    free(b.at);
    close_setting(&s);
}

/* Cut or changed transcripts: refused, or another dispute; never a crash. */
static void transcripts_cut_and_changed(void **state) {
    (void)state;
    setting s;
    mdl_stream rng = {.key = 8};
    mdl_referee r;
    bytebuf log = {0};
    open_setting(&s);
    party good = honest(&s), bad = liar(&s, 1, 20, 1);
    begin(&r, &s, &good, &bad, &(mdl_sink){bytebuf_write, &log});
    for (uint32_t side = 0; r.stage != MDL_REFEREE_OVER; side ^= 1)
        moves(&r, side, side ? &bad : &good);
    mdl_referee_end(&r);
    for (size_t size = 0; size < log.size; size += 1 + log.size / 300) {
        begin(&r, &s, &good, &bad, NULL);
        assert_int_not_equal(mdl_referee_replay(&r, log.at, size), MDL_OK);
        mdl_referee_end(&r);
    }
    for (uint32_t i = 0; i < 300; i++) {
        size_t at = mdl_draw_below(&rng, (uint32_t)log.size);
        uint8_t was = log.at[at];
        log.at[at] = (uint8_t)mdl_draw_u32(&rng);
        begin(&r, &s, &good, &bad, NULL);
        mdl_referee_replay(&r, log.at, log.size);
        mdl_referee_end(&r);
        log.at[at] = was;
    }
    bytebuf_write(&log, (const uint8_t[6]){4, 0, 0, 0, 0, 0}, 6);
    begin(&r, &s, &good, &bad, NULL);
    assert_int_equal(mdl_referee_replay(&r, log.at, log.size), MDL_EMISMATCH); /* a move after the end */
    mdl_referee_end(&r);
    free(log.at);
    close_setting(&s);
}

int main(void) {
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_window_of_any_life),
        cmocka_unit_test(lies_about_rows),
        cmocka_unit_test(sums_that_are_not_those_of_the_rows),
        cmocka_unit_test(both_may_be_wrong),
        cmocka_unit_test(states_that_no_life_has),
        cmocka_unit_test(who_does_not_answer),
        cmocka_unit_test(moves_that_are_refused),
        cmocka_unit_test(transcripts_cut_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
