/* Disputes: whoever is wrong is named by one window, in as many rounds as the
 * formula says. PROTOCOL section 11. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/philox.h"
#include "protocol/dispute.h"
#include "protocol/point.h"
#include "tests/support/bytebuf.h"
#include "tests/support/ledger_fixture.h"
#include "tests/support/search.h"
#include "tests/support/vectors.h"

/* ---- a machine of hashes: long lives for nothing ---- */

static uint64_t mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t after(uint64_t state, uint64_t k) { return mix(state + 0x9e3779b97f4a7c15u * (k + 1)); }

typedef struct chain {
    uint64_t *state; /* [windows + 1] */
    uint32_t windows;
} chain;

/* A machine whose window `broken` (UINT32_MAX: none) gives another state. */
static void run(chain *c, uint32_t windows, uint32_t broken) {
    c->state = realloc(c->state, (windows + 1) * sizeof *c->state);
    assert_non_null(c->state);
    c->windows = windows;
    c->state[0] = 42;
    for (uint32_t k = 0; k < windows; k++)
        c->state[k + 1] = after(c->state[k], k) ^ (k == broken);
}

static void say(const chain *c, uint32_t k, uint8_t out[32]) {
    memset(out, 0, 32);
    for (int i = 0; k <= c->windows && i < 8; i++)
        out[i] = (uint8_t)(c->state[k] >> (8 * i));
    out[31] = k <= c->windows;
}

typedef struct cost {
    uint32_t digests, steps;
} cost;

/* Plays to the end; the referee runs one window from the agreed state. */
static uint32_t settle(mdl_dispute *d, const chain *a, const chain *b, cost *c) {
    const chain *side[2] = {a, b};
    memset(c, 0, sizeof *c);
    while (d->stage == MDL_DISPUTE_ASK) {
        uint32_t count = d->count, point[MDL_DISPUTE_POINTS];
        memcpy(point, d->point, sizeof point);
        c->digests += count;
        for (uint32_t s = 0; s < 2; s++) {
            uint8_t digest[MDL_DISPUTE_POINTS][32];
            for (uint32_t i = 0; i < count; i++)
                say(side[s], point[i], digest[i]);
            assert_int_equal(mdl_dispute_answer(d, s, (const uint8_t(*)[32])digest, count), MDL_OK);
        }
    }
    if (d->stage == MDL_DISPUTE_SAME)
        return 0;
    assert_int_equal(d->hi, d->lo + 1);
    c->steps = 1;
    chain truth = {.state = (uint64_t[2]){0}, .windows = 1};
    assert_true(d->lo <= a->windows && d->lo <= b->windows && a->state[d->lo] == b->state[d->lo]);
    uint8_t digest[32] = {0};
    truth.state[1] = after(a->state[d->lo], d->lo);
    say(&truth, 1, digest);
    return mdl_dispute_judge(d, digest);
}

static void a_million_windows_take_five_rounds(void **state) {
    (void)state;
    enum { WINDOWS = 1000000 };
    chain honest = {0}, liar = {0};
    mdl_stream rng = {.key = 1};
    run(&honest, WINDOWS, UINT32_MAX);
    for (uint32_t trial = 0; trial < 20; trial++) {
        uint32_t broken = trial == 0 ? 0 : trial == 1 ? WINDOWS - 1 : mdl_draw_below(&rng, WINDOWS);
        uint32_t side = mdl_draw_below(&rng, 2);
        mdl_dispute d;
        cost c;
        run(&liar, WINDOWS, broken);
        mdl_dispute_begin(&d, WINDOWS, WINDOWS);
        assert_int_equal(settle(&d, side ? &honest : &liar, side ? &liar : &honest, &c), 1u << side);
        assert_int_equal(d.lo, broken);
        assert_int_equal(d.rounds, 5); /* ceil(log_16 10^6) */
        assert_int_equal(mdl_dispute_rounds(WINDOWS), 5);
        assert_true(c.digests <= 5 * 15 + 1); /* 2,400 bytes a side, and the end once */
        assert_int_equal(c.steps, 1);
    }
    free(honest.state);
    free(liar.state);
}

static void every_length_and_place(void **state) {
    (void)state;
    chain honest = {0}, liar = {0};
    for (uint32_t windows = 1; windows < 300; windows += windows < 40 ? 1 : 37) {
        run(&honest, windows, UINT32_MAX);
        for (uint32_t broken = 0; broken < windows; broken++) {
            mdl_dispute d;
            cost c;
            run(&liar, windows, broken);
            mdl_dispute_begin(&d, windows, windows);
            assert_int_equal(settle(&d, &liar, &honest, &c), 1);
            assert_int_equal(d.lo, broken);
            assert_true(d.rounds <= mdl_dispute_rounds(windows));
        }
    }
    free(honest.state);
    free(liar.state);
}

static void lives_of_another_length(void **state) {
    (void)state;
    chain honest = {0}, liar = {0};
    for (uint32_t more = 0; more < 2; more++)
        for (uint32_t by = 1; by < 40; by += 3) {
            mdl_dispute d;
            cost c;
            run(&honest, 100, UINT32_MAX);
            run(&liar, more ? 100 + by : 100 - by, UINT32_MAX);
            mdl_dispute_begin(&d, liar.windows, 100);
            /* The chain of hashes has no end of its own: the referee says where the life ends. */
            while (d.stage == MDL_DISPUTE_ASK) {
                uint32_t count = d.count, point[MDL_DISPUTE_POINTS];
                uint8_t digest[2][MDL_DISPUTE_POINTS][32];
                memcpy(point, d.point, sizeof point);
                for (uint32_t i = 0; i < count; i++) {
                    say(&liar, point[i], digest[0][i]);
                    say(&honest, point[i], digest[1][i]);
                }
                for (uint32_t s = 0; s < 2; s++)
                    assert_int_equal(mdl_dispute_answer(&d, s, (const uint8_t(*)[32])digest[s], count), MDL_OK);
            }
            assert_int_equal(d.stage, MDL_DISPUTE_STEP);
            assert_int_equal(d.lo, more ? 100 : liar.windows);
            uint8_t truth[32];
            say(&honest, d.hi, truth);
            assert_int_equal(mdl_dispute_judge(&d, truth), 1);
            (void)c;
        }
    free(honest.state);
    free(liar.state);
}

static void both_may_be_wrong(void **state) {
    (void)state;
    chain a = {0}, b = {0};
    mdl_dispute d;
    cost c;
    run(&a, 500, 250);
    run(&b, 500, 250);
    b.state[251] ^= 6; /* wrong at the same window, in another way */
    for (uint32_t k = 251; k < 500; k++)
        b.state[k + 1] = after(b.state[k], k);
    mdl_dispute_begin(&d, 500, 500);
    assert_int_equal(settle(&d, &a, &b, &c), 3);
    assert_int_equal(d.lo, 250);
    free(a.state);
    free(b.state);
}

/* Whoever answers anything at all is wrong at the window that is left, and the honest side never is. */
static void random_answers_lose(void **state) {
    (void)state;
    chain honest = {0};
    mdl_stream rng = {.key = 9};
    run(&honest, 4000, UINT32_MAX);
    for (uint32_t trial = 0; trial < 2000; trial++) {
        mdl_dispute d;
        uint32_t from = mdl_draw_below(&rng, 4000);
        mdl_dispute_begin(&d, 4000, 4000);
        while (d.stage == MDL_DISPUTE_ASK) {
            uint8_t digest[2][MDL_DISPUTE_POINTS][32];
            uint32_t count = d.count;
            for (uint32_t i = 0; i < count; i++) {
                say(&honest, d.point[i], digest[0][i]);
                memcpy(digest[1][i], digest[0][i], 32);
                if (d.point[i] == 4000 || d.point[i] > from + mdl_draw_below(&rng, 50))
                    digest[1][i][8 + mdl_draw_below(&rng, 8)] ^= (uint8_t)(1 + mdl_draw_below(&rng, 255));
            }
            for (uint32_t s = 0; s < 2; s++)
                assert_int_equal(mdl_dispute_answer(&d, s, (const uint8_t(*)[32])digest[s], count), MDL_OK);
        }
        assert_int_equal(d.stage, MDL_DISPUTE_STEP);
        uint8_t truth[32];
        say(&honest, d.hi, truth);
        assert_int_equal(mdl_dispute_judge(&d, truth), 2);
    }
    free(honest.state);
}

/* A trace that was not run: true at its ends and at every `known`th point, blends of its neighbours between them. */
static void blended_traces_lose(void **state) {
    (void)state;
    enum { WINDOWS = 4000 };
    chain honest = {0};
    mdl_stream rng = {.key = 10};
    run(&honest, WINDOWS, UINT32_MAX);
    uint32_t agreed = 0;
    for (uint32_t trial = 0; trial < 300; trial++) {
        mdl_dispute d;
        uint32_t known = trial == 0 ? WINDOWS : 2 + mdl_draw_below(&rng, 1000), side = trial % 2;
        mdl_dispute_begin(&d, WINDOWS, WINDOWS);
        while (d.stage == MDL_DISPUTE_ASK) {
            uint8_t digest[2][MDL_DISPUTE_POINTS][32];
            uint32_t count = d.count;
            for (uint32_t i = 0; i < count; i++) {
                uint32_t point = d.point[i], from = point / known * known, to = from + known;
                uint8_t a[32], b[32];
                say(&honest, point, digest[1 - side][i]);
                memcpy(digest[side][i], digest[1 - side][i], 32);
                if (point == from || point == WINDOWS)
                    continue;
                say(&honest, from, a);
                say(&honest, to < WINDOWS ? to : WINDOWS, b);
                for (uint32_t k = 0; k < 32; k++)
                    digest[side][i][k] = (uint8_t)((a[k] * (to - point) + b[k] * (point - from)) / known);
            }
            for (uint32_t s = 0; s < 2; s++)
                assert_int_equal(mdl_dispute_answer(&d, s, (const uint8_t(*)[32])digest[s], count), MDL_OK);
        }
        if (d.stage == MDL_DISPUTE_SAME) { /* only true points were asked for: the agreed end decides */
            assert_int_equal(d.rounds, 1);
            agreed++;
            continue;
        }
        uint8_t truth[32];
        say(&honest, d.hi, truth);
        assert_int_equal(mdl_dispute_judge(&d, truth), 1u << side);
    }
    assert_true(agreed < 10);
    free(honest.state);
}

static void moves_out_of_place_are_refused(void **state) {
    (void)state;
    mdl_dispute d;
    uint8_t digest[MDL_DISPUTE_POINTS][32];
    memset(digest, 1, sizeof digest);
    const uint8_t(*said)[32] = (const uint8_t(*)[32])digest;
    mdl_dispute_begin(&d, 100, 90);
    assert_int_equal(d.count, 16);
    assert_int_equal(mdl_dispute_answer(&d, 0, said, 15), MDL_ESIZE);
    assert_int_equal(mdl_dispute_answer(&d, 0, said, 16), MDL_OK);
    assert_int_equal(mdl_dispute_answer(&d, 0, said, 16), MDL_EMISMATCH); /* twice */
    assert_int_equal(mdl_dispute_answer(&d, 1, said, 16), MDL_EMISMATCH); /* a state after its own end */
    memset(digest[14], 0, sizeof digest[14]);                             /* windows 93 */
    memset(digest[15], 0, sizeof digest[15]);
    assert_int_equal(mdl_dispute_answer(&d, 1, said, 16), MDL_OK);
    assert_int_equal(d.rounds, 1);
    mdl_dispute_begin(&d, 5, 5);
    memset(digest, 0, sizeof digest); /* "over" before its own end */
    assert_int_equal(mdl_dispute_answer(&d, 0, said, 5), MDL_EMISMATCH);
}

/* ---- lives of networks ---- */

typedef struct setting {
    search run;
    mdl_life *life; /* its */
    mdl_place at;
    mdl_life_row row;
} setting;

static void open_setting(setting *s, const char *json) {
    mdl_job job;
    search_open(&s->run, json, 1);
    s->life = s->run.life;
    mdl_evolution_job(s->run.e, 1, &job, s->run.genome);
    mdl_life_genome(s->life, s->run.genome);
    s->at = mdl_unit_place(&s->run.x, &job, 0);
    mdl_life_run(s->life, s->at.key, s->at.episode, s->at.part, NULL, NULL, NULL);
    mdl_unit_row(s->life, s->at.last, &s->row);
}

static void close_setting(setting *s) { search_close(&s->run); }

/* Honest until window `broken`, then goes on from a state with one bit changed. */
static mdl_err lying_digests(setting *s, uint32_t broken, const uint32_t *point, uint32_t count,
                             uint8_t (*digest)[32]) {
    for (uint32_t i = 0; i < count; i++) {
        if (point[i] <= broken) {
            assert_int_equal(mdl_point_digests(s->life, &s->at, &point[i], 1, &digest[i]), MDL_OK);
            continue;
        }
        bytebuf b = {0};
        assert_int_equal(mdl_point_save(s->life, &s->at, point[i], &(mdl_sink){bytebuf_write, &b}), MDL_OK);
        b.at[b.size - 5] ^= 1;
        mdl_digest_of(b.at, b.size, digest[i]);
        free(b.at);
    }
    return MDL_OK;
}

static void a_window_of_a_network_decides(void **state) {
    (void)state;
    setting s;
    open_setting(&s, ledger_experiment);
    uint32_t windows = s.row.windows;
    assert_true(windows > 2);
    for (uint32_t broken = 0; broken < windows; broken += 1 + windows / 40) {
        mdl_dispute d;
        mdl_dispute_begin(&d, windows, windows);
        while (d.stage == MDL_DISPUTE_ASK) {
            uint8_t digest[2][MDL_DISPUTE_POINTS][32];
            uint32_t count = d.count;
            assert_int_equal(mdl_point_digests(s.life, &s.at, d.point, count, digest[0]), MDL_OK);
            lying_digests(&s, broken, d.point, count, digest[1]);
            for (uint32_t side = 0; side < 2; side++)
                assert_int_equal(mdl_dispute_answer(&d, side, (const uint8_t(*)[32])digest[side], count), MDL_OK);
        }
        assert_int_equal(d.stage, MDL_DISPUTE_STEP);
        assert_int_equal(d.lo, broken);
        bytebuf b = {0};
        uint8_t truth[32], found[32];
        assert_int_equal(mdl_point_save(s.life, &s.at, d.lo, &(mdl_sink){bytebuf_write, &b}), MDL_OK);
        mdl_digest_of(b.at, b.size, found);
        if (d.lo > 0)
            assert_memory_equal(found, d.agreed, 32);
        assert_int_equal(mdl_point_step(s.life, &s.at, b.at, b.size, truth), MDL_OK);
        assert_int_equal(mdl_dispute_judge(&d, truth), 2);
        free(b.at);
    }
    close_setting(&s);
}

/* Who did the work right and then said something else about its end. */
static void the_end_decides_where_all_points_agree(void **state) {
    (void)state;
    setting s;
    mdl_dispute d;
    open_setting(&s, ledger_experiment);
    mdl_dispute_begin(&d, s.row.windows, s.row.windows);
    uint8_t digest[MDL_DISPUTE_POINTS][32];
    uint32_t count = d.count;
    assert_int_equal(mdl_point_digests(s.life, &s.at, d.point, count, digest), MDL_OK);
    for (uint32_t side = 0; side < 2; side++)
        assert_int_equal(mdl_dispute_answer(&d, side, (const uint8_t(*)[32])digest, count), MDL_OK);
    assert_int_equal(d.stage, MDL_DISPUTE_SAME);
    bytebuf b = {0};
    mdl_life_row row;
    assert_int_equal(mdl_point_save(s.life, &s.at, s.row.windows, &(mdl_sink){bytebuf_write, &b}), MDL_OK);
    assert_int_equal(mdl_point_row(s.life, &s.at, b.at, b.size, &row), MDL_OK);
    assert_int_equal(row.windows, s.row.windows);
    assert_int_equal(row.fitness, s.row.fitness);
    assert_int_equal(row.updates, s.row.updates);
    assert_memory_equal(row.end, s.row.end, 32);
    assert_int_equal(mdl_point_step(s.life, &s.at, b.at, b.size, digest[0]), MDL_EMISMATCH);
    assert_int_equal(mdl_point_save(s.life, &s.at, s.row.windows + 1, &(mdl_sink){bytebuf_write, &b}), MDL_ERANGE);
    free(b.at);
    close_setting(&s);
}

static void bytes_of_no_life_are_refused(void **state) {
    (void)state;
    setting s;
    uint8_t out[32];
    mdl_stream rng = {.key = 3};
    open_setting(&s, ledger_experiment);
    bytebuf b = {0};
    assert_int_equal(mdl_point_save(s.life, &s.at, 2, &(mdl_sink){bytebuf_write, &b}), MDL_OK);
    for (size_t size = 0; size < b.size; size += 1 + b.size / 500)
        assert_int_not_equal(mdl_point_step(s.life, &s.at, b.at, size, out), MDL_OK);
    b.at[0] ^= 1;
    assert_int_equal(mdl_point_step(s.life, &s.at, b.at, b.size, out), MDL_EMAGIC);
    b.at[0] ^= 1;
    b.at[19] = 0xff;
    assert_int_equal(mdl_point_step(s.life, &s.at, b.at, b.size, out), MDL_ESIZE);
    b.at[19] = 0;
    for (uint32_t i = 0; i < 3000; i++) { /* nothing crashes, whatever a party uploads */
        size_t k = mdl_draw_below(&rng, (uint32_t)b.size);
        uint8_t was = b.at[k];
        b.at[k] = (uint8_t)mdl_draw_u32(&rng);
        mdl_point_step(s.life, &s.at, b.at, b.size, out);
        b.at[k] = was;
    }
    assert_int_equal(mdl_point_step(s.life, &s.at, b.at, b.size, out), MDL_OK);
    free(b.at);
    close_setting(&s);
}

/* At birth a task that reads readouts has none yet. */
static void a_birth_is_a_point_like_any_other(void **state) {
    (void)state;
    static const char json[] =
        "{\"name\":\"poles\",\"seed\":\"7\",\"task\":\"doublepole\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
        "\"evolution\":{\"generations\":1,\"episodes\":1,\"validate_every\":1,\"validate_episodes\":1,"
        "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]},\"verification\":\"off\",\"test_episodes\":1}\n";
    setting s;
    bytebuf b = {0};
    uint8_t next[32], want[32];
    uint32_t one = 1;
    open_setting(&s, json);
    assert_int_equal(mdl_point_save(s.life, &s.at, 0, &(mdl_sink){bytebuf_write, &b}), MDL_OK);
    assert_int_equal(mdl_point_step(s.life, &s.at, b.at, b.size, next), MDL_OK);
    assert_int_equal(mdl_point_digests(s.life, &s.at, &one, 1, &want), MDL_OK);
    assert_memory_equal(next, want, sizeof want);
    free(b.at);
    close_setting(&s);
}

/* ---- vectors of the document ---- */

/* Lengths said, first point that differs, a list of points for each round. */
static void check_questions(void *ctx, size_t count, char **field) {
    mdl_dispute d;
    uint32_t differs = (uint32_t)vectors_u64(field[2]);
    size_t round = 3;
    (void)ctx;
    mdl_dispute_begin(&d, (uint32_t)vectors_u64(field[0]), (uint32_t)vectors_u64(field[1]));
    while (d.stage == MDL_DISPUTE_ASK) {
        uint8_t digest[2][MDL_DISPUTE_POINTS][32];
        uint32_t asked = d.count;
        char *at = field[round];
        assert_true(round++ < count);
        memset(digest, 0, sizeof digest);
        for (uint32_t i = 0; i < asked; i++) {
            assert_int_equal(strtoul(at, &at, 10), d.point[i]);
            assert_int_equal(*at, i + 1 < asked ? ',' : 0);
            at++;
            for (uint32_t side = 0; side < 2 && d.point[i] <= d.windows[side]; side++)
                digest[side][i][0] = d.point[i] < differs ? 1 : (uint8_t)(2 + side);
        }
        for (uint32_t side = 0; side < 2; side++)
            assert_int_equal(mdl_dispute_answer(&d, side, (const uint8_t(*)[32])digest[side], asked), MDL_OK);
    }
    assert_int_equal(round, count);
    assert_int_equal(d.stage, MDL_DISPUTE_STEP);
    assert_int_equal(d.hi, differs);
    assert_int_equal(d.rounds, count - 3);
}

/* Windows, fitness, updates, end digest of the life. */
static void check_row(void *ctx, size_t count, char **field) {
    const setting *s = ctx;
    uint8_t end[32];
    assert_int_equal(count, 4);
    assert_int_equal(s->row.windows, vectors_u64(field[0]));
    assert_int_equal(s->row.fitness, vectors_i64(field[1]));
    assert_int_equal(s->row.updates, vectors_u64(field[2]));
    vectors_hex(field[3], end, sizeof end);
    assert_memory_equal(s->row.end, end, sizeof end);
}

/* Windows, size of the bytes, their first bytes, digest. */
static void check_point(void *ctx, size_t count, char **field) {
    setting *s = ctx;
    bytebuf b = {0};
    uint8_t head[64], want[32], digest[32];
    uint32_t windows = (uint32_t)vectors_u64(field[0]);
    assert_int_equal(count, 4);
    size_t size = strlen(field[2]) / 2;
    assert_true(size <= sizeof head);
    assert_int_equal(mdl_point_save(s->life, &s->at, windows, &(mdl_sink){bytebuf_write, &b}), MDL_OK);
    assert_int_equal(b.size, vectors_u64(field[1]));
    vectors_hex(field[2], head, size);
    assert_memory_equal(b.at, head, size);
    vectors_hex(field[3], want, sizeof want);
    mdl_digest_of(b.at, b.size, digest);
    assert_memory_equal(digest, want, sizeof want);
    if (windows < s->row.windows) {
        assert_int_equal(mdl_point_step(s->life, &s->at, b.at, b.size, want), MDL_OK);
        windows++;
        assert_int_equal(mdl_point_digests(s->life, &s->at, &windows, 1, &digest), MDL_OK);
        assert_memory_equal(digest, want, sizeof want);
    }
    free(b.at);
}

static void vectors_of_the_document(void **state) {
    (void)state;
    setting s;
    char text[65536] = "";
    FILE *f = fopen("examples/tmaze-quick.json", "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    open_setting(&s, text);
    assert_true(vectors_load("dispute-questions", check_questions, NULL) >= 4);
    assert_true(vectors_load("dispute-row", check_row, &s) == 1);
    assert_true(vectors_load("dispute-points", check_point, &s) >= 4);
    close_setting(&s);
}

int main(void) {
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_windows_take_five_rounds),
        cmocka_unit_test(every_length_and_place),
        cmocka_unit_test(lives_of_another_length),
        cmocka_unit_test(both_may_be_wrong),
        cmocka_unit_test(random_answers_lose),
        cmocka_unit_test(blended_traces_lose),
        cmocka_unit_test(moves_out_of_place_are_refused),
        cmocka_unit_test(a_window_of_a_network_decides),
        cmocka_unit_test(the_end_decides_where_all_points_agree),
        cmocka_unit_test(bytes_of_no_life_are_refused),
        cmocka_unit_test(a_birth_is_a_point_like_any_other),
        cmocka_unit_test(vectors_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
