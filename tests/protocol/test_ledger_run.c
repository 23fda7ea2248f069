/* Whole runs: the champion is evolution's own; a run with any byte flipped, any
 * record left out, doubled or moved is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/ledger_fixture.h"
#include "tests/support/search.h"

enum { COORDINATOR = LEDGER_COORDINATOR };

static ledger_play play; /* from genesis to end, three workers */

static int play_once(void **state) {
    (void)state;
    ledger_play_open(&play, NULL, "open 0", 0);
    ledger_play_all(&play, 3, 3);
    return 0;
}

static int close_play(void **state) {
    (void)state;
    ledger_play_close(&play);
    return 0;
}

static mdl_ledger *fresh(void) {
    mdl_ledger *l = mdl_ledger_new(play.key[COORDINATOR], &play.source);
    assert_non_null(l);
    return l;
}

/* The play's closing of a generation. Its list is gone after the next call. */
static mdl_msg_close closing_of(uint32_t generation) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    static uint64_t room[MDL_LIST_MAX];
    for (size_t i = 0; i < play.records; i++) {
        mdl_envelope e;
        mdl_message m;
        if (play.record[i].type != MDL_MSG_CLOSE)
            continue;
        assert_int_equal(mdl_envelope_decode(play.record[i].bytes, play.record[i].size, pae, &e), MDL_OK);
        assert_int_equal(mdl_message_of(&e, (mdl_list_room){room, MDL_LIST_MAX}, &m, NULL), MDL_OK);
        if (m.as.close.generation == generation)
            return m.as.close;
    }
    fail_msg("generation %u was not closed", (unsigned)generation);
    return (mdl_msg_close){0};
}

/* Champion of the same experiment without any ledger: digest of its genome. On
 * the way, every closing of the play is held against this evolution. */
static void champion_in_process(uint8_t digest[MDL_DIGEST_BYTES], int64_t *validation) {
    search s;
    search_open(&s, ledger_experiment, 1);
    while (!mdl_evolution_done(s.e)) {
        int64_t fitness[16];
        uint32_t jobs = mdl_evolution_job_count(s.e);
        assert_true(jobs <= 16);
        for (uint32_t i = jobs; i-- > 0;) {
            mdl_job job;
            mdl_evolution_job(s.e, i, &job, s.genome);
            fitness[i] = mdl_life_job(s.life, &job, s.genome, NULL);
        }
        mdl_msg_close close = closing_of(mdl_evolution_generation(s.e));
        uint8_t state[MDL_DIGEST_BYTES];
        mdl_state_digest(s.e, state);
        assert_memory_equal(close.before, state, sizeof state);
        assert_int_equal(close.jobs, jobs);
        assert_int_equal(mdl_evolution_advance(s.e, fitness, jobs), MDL_OK);
        mdl_state_digest(s.e, state);
        assert_memory_equal(close.after, state, sizeof state);
        int64_t best = fitness[0];
        for (uint32_t i = 1; i < 8; i++) /* the training jobs of two islands of 4 */
            best = fitness[i] > best ? fitness[i] : best;
        assert_int_equal(close.best, best);
    }
    search_champion(&s, digest, validation);
    search_close(&s);
}

static void the_champion_is_that_of_evolution(void **state) {
    (void)state;
    uint8_t digest[MDL_DIGEST_BYTES];
    int64_t validation;
    champion_in_process(digest, &validation);
    mdl_ledger *l = fresh();
    for (size_t i = 0; i + 2 < play.records; i++)
        assert_int_equal(mdl_ledger_apply(l, play.record[i].bytes, play.record[i].size, 0, NULL), MDL_RULE_OK);
    mdl_msg_champion champion;
    const uint8_t *genome;
    size_t size;
    assert_int_equal(mdl_ledger_make_champion(l, &champion, &genome, &size), MDL_OK);
    assert_memory_equal(champion.genome, digest, sizeof digest);
    assert_int_equal(champion.validation, validation);
    assert_int_equal(size, 4 * (size_t)mdl_ledger_genes(l));
    mdl_ledger_free(l);
}

/* Other units, workers and luck: other records, the same champion and evolution. */
static void no_cut_of_the_work_shows(void **state) {
    (void)state;
    uint8_t state_of[MDL_DIGEST_BYTES], other_state[MDL_DIGEST_BYTES];
    mdl_state_digest(mdl_ledger_evolution(play.ledger), state_of);
    for (uint32_t unit = 1; unit <= 10; unit += 9) {
        ledger_play other;
        ledger_play_open(&other, NULL, "open 0", 0);
        ledger_play_all(&other, 2, unit);
        mdl_state_digest(mdl_ledger_evolution(other.ledger), other_state);
        assert_memory_equal(state_of, other_state, sizeof state_of);
        assert_true(other.records != play.records);
        ledger_play_close(&other);
    }
}

static void credit_is_all_the_work(void **state) {
    (void)state;
    /* Every unit was done once, but for the copy that came too late, which was not handed in. */
    const mdl_ledger_worker *w;
    uint64_t credit = 0, updates = 0;
    for (uint32_t i = 0, n = mdl_ledger_workers(play.ledger, &w); i < n; i++) {
        assert_true(w[i].pending == 0 && w[i].open == 0);
        credit += w[i].credit;
    }
    ledger_play one;
    ledger_play_open(&one, NULL, "open 0", 0);
    mdl_message m = ledger_play_admit(&one, 1);
    ledger_play_append(&one, &m, COORDINATOR);
    while (mdl_ledger_jobs(one.ledger) > 0)
        ledger_play_generation(&one, 1, 1000);
    updates = mdl_ledger_worker_find(one.ledger, one.key[1])->credit;
    assert_true(updates > 0);
    assert_int_equal(credit, updates);
    ledger_play_close(&one);
}

/* ---- tampering ---- */

static void any_flipped_bit_is_found(void **state) {
    (void)state;
    static uint8_t copy[MDL_ENVELOPE_BYTES_MAX];
    mdl_ledger *l = fresh();
    uint8_t before[MDL_DIGEST_BYTES], after[MDL_DIGEST_BYTES];
    size_t flips = 0, found[MDL_RULE_NOMEM + 1] = {0};
    for (size_t i = 0; i < play.records; i++) {
        const ledger_record *r = &play.record[i];
        memcpy(copy, r->bytes, r->size);
        ledger_fingerprint(l, before);
        for (size_t at = 0; at < r->size; at++, flips++) {
            mdl_breach b;
            copy[at] ^= (uint8_t)(1u << (at + i) % 8);
            mdl_rule rule = mdl_ledger_apply(l, copy, r->size, 0, &b);
            copy[at] = r->bytes[at];
            found[rule]++;
            if (rule != MDL_RULE_FORM && rule != MDL_RULE_SIGNATURE)
                fail_msg("byte %zu of record %zu flipped: %s", at, i, mdl_rule_name((int)rule));
            assert_int_equal(b.index, i);
        }
        ledger_fingerprint(l, after);
        assert_memory_equal(before, after, sizeof before);
        assert_int_equal(mdl_ledger_apply(l, copy, r->size, 0, NULL), MDL_RULE_OK);
    }
    print_message("%zu flips in %zu records: %zu by form, %zu by signature\n", flips, play.records,
                  found[MDL_RULE_FORM], found[MDL_RULE_SIGNATURE]);
    mdl_ledger_free(l);
}

/* Cut short or with a byte more. */
static void any_other_length_is_found(void **state) {
    (void)state;
    static uint8_t copy[MDL_ENVELOPE_BYTES_MAX + 1];
    mdl_ledger *l = fresh();
    for (size_t i = 0; i < play.records; i++) {
        const ledger_record *r = &play.record[i];
        memcpy(copy, r->bytes, r->size);
        copy[r->size] = '\n';
        assert_int_equal(mdl_ledger_apply(l, copy, r->size + 1, 1, NULL), MDL_RULE_FORM);
        for (size_t size = 0; size < r->size; size++)
            assert_int_equal(mdl_ledger_apply(l, copy, size, 1, NULL), MDL_RULE_FORM);
        assert_int_equal(mdl_ledger_apply(l, copy, r->size, 1, NULL), MDL_RULE_OK);
    }
    mdl_ledger_free(l);
}

/* Applies the play's records in the given order; the breach, or rule OK. */
static mdl_breach apply_in_order(const size_t *order, size_t count) {
    mdl_ledger *l = fresh();
    mdl_breach b = {.rule = MDL_RULE_OK};
    for (size_t i = 0; i < count && b.rule == MDL_RULE_OK; i++)
        mdl_ledger_apply(l, play.record[order[i]].bytes, play.record[order[i]].size, 1, &b);
    if (b.rule == MDL_RULE_OK && !mdl_ledger_ended(l))
        b.index = UINT64_MAX; /* no breach, but no end either */
    mdl_ledger_free(l);
    return b;
}

static void any_removed_record_is_found(void **state) {
    (void)state;
    size_t order[256], n = play.records;
    assert_true(n <= 256);
    for (size_t gone = 0; gone < n; gone++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++)
            if (i != gone)
                order[count++] = i;
        mdl_breach b = apply_in_order(order, count);
        if (gone == n - 1) /* the fold alone cannot see that; the checkpoint's size can */
            assert_true(b.rule == MDL_RULE_OK && b.index == UINT64_MAX);
        else if (b.rule == MDL_RULE_OK)
            fail_msg("record %zu removed, not found", gone);
        else
            assert_true(b.index >= gone);
    }
}

static void any_swapped_neighbours_are_found(void **state) {
    (void)state;
    size_t order[256], n = play.records, results = 0;
    for (size_t swap = 0; swap + 1 < n; swap++) {
        for (size_t i = 0; i < n; i++)
            order[i] = i == swap ? i + 1 : i == swap + 1 ? i - 1 : i;
        mdl_breach b = apply_in_order(order, n);
        if (b.rule == MDL_RULE_OK)
            fail_msg("records %zu and %zu swapped, not found", swap, swap + 1);
        if (play.record[swap].type == MDL_MSG_RESULT && play.record[swap + 1].type == MDL_MSG_RESULT) {
            assert_int_equal(b.rule, MDL_RULE_CLOSE);
            results++;
        }
    }
    assert_true(results > 0);
}

static void any_doubled_record_is_found(void **state) {
    (void)state;
    size_t order[257], n = play.records;
    for (size_t twice = 0; twice < n; twice++) {
        for (size_t i = 0; i <= n; i++)
            order[i] = i <= twice ? i : i - 1;
        mdl_breach b = apply_in_order(order, n + 1);
        assert_int_not_equal(b.rule, MDL_RULE_OK);
        assert_int_equal(b.index, twice + 1);
    }
}

/* The same key, another fitness, signed: the fold alone cannot know who is right,
 * but the coordinator's closing names the fitnesses. */
static void a_result_put_in_place_of_another_is_found(void **state) {
    (void)state;
    uint64_t room[MDL_UNIT_JOBS_MAX];
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    size_t tried = 0;
    for (size_t i = 0; i < play.records; i++) {
        mdl_envelope e;
        mdl_message m;
        if (play.record[i].type != MDL_MSG_RESULT)
            continue;
        assert_int_equal(mdl_envelope_decode(play.record[i].bytes, play.record[i].size, pae, &e), MDL_OK);
        assert_int_equal(mdl_message_of(&e, (mdl_list_room){room, MDL_UNIT_JOBS_MAX}, &m, NULL), MDL_OK);
        room[0]++;
        uint32_t signer = 1;
        while (memcmp(e.key, play.key[signer], MDL_KEY_BYTES) != 0)
            signer++;
        ledger_record false_one = ledger_play_seal(&play, &m, signer);
        mdl_ledger *l = fresh();
        mdl_breach b = {.rule = MDL_RULE_OK};
        size_t at = 0;
        for (; at < play.records && b.rule == MDL_RULE_OK; at++) {
            const ledger_record *r = at == i ? &false_one : &play.record[at];
            mdl_ledger_apply(l, r->bytes, r->size, at != i, &b);
        }
        assert_int_equal(b.rule, MDL_RULE_CLOSE);
        assert_memory_equal(b.culprit, play.key[COORDINATOR], MDL_KEY_BYTES);
        mdl_ledger_free(l);
        free(false_one.bytes);
        tried++;
    }
    assert_true(tried > 5);
}

static void any_missing_blob_is_found(void **state) {
    (void)state;
    for (size_t gone = 0; gone < play.blobs; gone++) {
        mdl_ledger *l = fresh();
        mdl_breach b = {.rule = MDL_RULE_OK};
        play.blob[gone].digest[0] ^= 1;
        for (size_t i = 0; i < play.records && b.rule == MDL_RULE_OK; i++)
            mdl_ledger_apply(l, play.record[i].bytes, play.record[i].size, 1, &b);
        play.blob[gone].digest[0] ^= 1;
        assert_int_equal(b.rule, MDL_RULE_BLOB);
        mdl_ledger_free(l);
    }
}

/* ---- size ---- */

static const char many[] =
    "{\"name\":\"many\",\"seed\":\"7\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":1,\"episodes\":1,\"validate_every\":1,\"validate_episodes\":1,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":2048}]},\"verification\":\"off\",\"test_episodes\":2}\n";

/* Up to 2,048 results stand in the closing, more in a blob. */
static void long_lists_of_results_go_to_a_blob(void **state) {
    (void)state;
    for (uint32_t together = 1; together <= 2; together++) { /* jobs in the first lease */
        ledger_play p;
        ledger_play_open(&p, many, "open 0", 1);
        mdl_message m = ledger_play_admit(&p, 1);
        ledger_play_append(&p, &m, COORDINATOR);
        assert_int_equal(mdl_ledger_jobs(p.ledger), 2049);
        for (uint32_t i = 0; i < 2049; i += i == 0 ? together : 1)
            ledger_play_work(&p, 1, i, i == 0 ? together : 1);
        m = ledger_play_closing(&p);
        const mdl_msg_close *c = &m.as.close;
        if (together == 2) {
            static const uint8_t none[MDL_DIGEST_BYTES];
            assert_int_equal(c->results.count, MDL_LIST_MAX);
            assert_memory_equal(c->results_blob, none, sizeof none);
        } else {
            const ledger_blob *last = &p.blob[p.blobs - 1];
            assert_int_equal(c->results.count, 0);
            assert_int_equal(last->size, 8 * 2049);
            for (uint32_t i = 0; i < 2049; i++) { /* after genesis and admission: lease, result, lease, ... */
                mdl_reader r = {last->bytes + 8 * (size_t)i, 8, 0};
                assert_int_equal(mdl_get_u64(&r), 3 + 2 * i);
            }
            p.blob[p.blobs - 1].digest[0] ^= 1;
            ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_BLOB);
            p.blob[p.blobs - 1].digest[0] ^= 1;
            LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CLOSE, msg.as.close.results_blob[7] ^= 1);
        }
        ledger_play_append(&p, &m, COORDINATOR);
        ledger_play_close(&p);
    }
}

/* Keys in any order, more than the lists' first room: each is found, and credit is by rising key. */
static void many_workers(void **state) {
    (void)state;
    enum { WORKERS = 200 };
    ledger_play p;
    ledger_play_open(&p, NULL, "open 0", 1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        uint8_t secret[MDL_SECRET_BYTES];
        mdl_message m = ledger_play_admit(&p, 1);
        ledger_key(1000 + i, m.as.admit.worker, secret);
        memcpy(m.as.admit.owner, m.as.admit.worker, MDL_KEY_BYTES);
        ledger_play_append(&p, &m, COORDINATOR);
        m.head.seq++;
        ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_ADMIT);
    }
    for (uint32_t i = 0; i < WORKERS; i++) {
        uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
        ledger_key(1000 + i, key, secret);
        const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, key);
        assert_non_null(w);
        assert_int_equal(w->admitted, 1 + i);
    }
    assert_null(mdl_ledger_worker_find(p.ledger, p.key[1]));
    for (uint32_t i = 1; i < LEDGER_SIGNERS_MAX; i++) {
        mdl_message m = ledger_play_admit(&p, i);
        ledger_play_append(&p, &m, COORDINATOR);
    }
    for (uint32_t i = 0; i < 8; i++)
        ledger_play_work(&p, 15 - i, i, 1);
    mdl_message m = ledger_play_closing(&p);
    ledger_play_append(&p, &m, COORDINATOR);
    m = ledger_play_credit(&p);
    const ledger_blob *list = &p.blob[p.blobs - 1];
    assert_int_equal(list->size, 8 * 40);
    for (size_t i = 1; i < 8; i++)
        assert_true(memcmp(list->bytes + 40 * (i - 1), list->bytes + 40 * i, MDL_KEY_BYTES) < 0);
    ledger_play_append(&p, &m, COORDINATOR);
    ledger_play_close(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_champion_is_that_of_evolution),
        cmocka_unit_test(no_cut_of_the_work_shows),
        cmocka_unit_test(credit_is_all_the_work),
        cmocka_unit_test(any_flipped_bit_is_found),
        cmocka_unit_test(any_other_length_is_found),
        cmocka_unit_test(any_removed_record_is_found),
        cmocka_unit_test(any_swapped_neighbours_are_found),
        cmocka_unit_test(any_doubled_record_is_found),
        cmocka_unit_test(a_result_put_in_place_of_another_is_found),
        cmocka_unit_test(any_missing_blob_is_found),
        cmocka_unit_test(long_lists_of_results_go_to_a_blob),
        cmocka_unit_test(many_workers),
    };
    return cmocka_run_group_tests(tests, play_once, close_play);
}
