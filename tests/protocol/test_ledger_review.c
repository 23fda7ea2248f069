/* A convict's units of closed generations: which are owed, what a correction must
 * be, and that no generation closes before. PROTOCOL section 10.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/protocol/ledger_steps.h"

enum { HONEST = 1, LIAR = 2, UNITS = 4 /* of two jobs, in generation 0 */ };

static void answer(ledger_play *p, uint32_t worker, mdl_message m) {
    mdl_message commit = ledger_play_commit(p, &m, worker);
    ledger_play_append(p, &commit, worker);
    ledger_play_append(p, &m, worker);
}

/* The lease that the beacon gives to this worker now. */
static uint64_t chosen(ledger_play *p, uint32_t worker) {
    const mdl_ledger_worker *first, *w = mdl_ledger_worker_find(p->ledger, p->key[worker]);
    mdl_ledger_workers(p->ledger, &first);
    mdl_duty_choice c = mdl_duty_choose(mdl_ledger_duty(p->ledger), mdl_ledger_next_lease(p->ledger), w->key,
                                        w->owner_number, mdl_ledger_trusted(p->ledger, (uint32_t)(w - first)));
    assert_int_equal(c.kind, MDL_DUTY_FRESH);
    return lease(p, worker, c.first, c.most < 2 ? c.most : 2);
}

static void check_selected(ledger_play *p) {
    for (uint32_t job; (job = mdl_ledger_selected(p->ledger, 0)) != MDL_DUTY_NONE;)
        append(p, ledger_play_check(p, job));
}

/* Generation 0 by the liar alone, every unit but the first one false, and closed. Returns the record of its first
 * result; each has its commitment, its lease and maybe a check before it. */
static void lies_closed(ledger_play *p, const char *verification, uint64_t *result) {
    char json[1024];
    ledger_verified_experiment(verification, json, sizeof json);
    ledger_play_open(p, json, "open 0", 1);
    admit(p, LIAR);
    for (uint32_t i = 0; i < UNITS; i++) {
        mdl_message m = ledger_play_unit(p, chosen(p, LIAR));
        if (i > 0)
            ledger_play_other_segment(p, &m);
        answer(p, LIAR, m);
        result[i] = mdl_ledger_size(p->ledger) - 1;
    }
    append(p, ledger_play_closing(p));
    append(p, ledger_play_credit(p));
}

/* One more lie, and the verdict. */
static void convict(ledger_play *p) {
    mdl_message m = ledger_play_unit(p, chosen(p, LIAR));
    ledger_play_other_segment(p, &m);
    answer(p, LIAR, m);
    m = ledger_play_check(p, m.as.result.first + 1);
    assert_int_equal(m.type, MDL_MSG_VERDICT);
    append(p, m);
}

static void newest_units_are_owed(void **state) {
    (void)state;
    ledger_play p;
    uint64_t result[UNITS];
    uint32_t worker = 99;
    lies_closed(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"review\":3}", result);
    assert_int_equal(mdl_ledger_owed(p.ledger), 0);
    assert_null(mdl_ledger_owed_first(p.ledger, &worker));
    convict(&p);
    assert_int_equal(mdl_ledger_owed(p.ledger), 3); /* the oldest of the four is not */
    const mdl_ledger_unit *unit = mdl_ledger_owed_first(p.ledger, &worker);
    assert_non_null(unit);
    assert_int_equal(worker, LIAR - 1);
    assert_true(unit->record == result[1] && unit->generation == 0 && unit->first == 2 && unit->count == 2);

    mdl_message m = ledger_play_correction(&p, worker, unit), first = m;
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CORRECTION, msg.as.correction.result = result[0]);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CORRECTION, msg.as.correction.generation = 1);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CORRECTION, msg.as.correction.first = 3);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CORRECTION,
                  memcpy(msg.as.correction.worker, p.key[HONEST], MDL_KEY_BYTES)); /* no convict */
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CORRECTION, msg.as.correction.worker[0] ^= 1);
    LEDGER_SPOILT(&p, m, COORDINATOR, MDL_RULE_CORRECTION, msg.as.correction.fitness.count = 1);
    append(&p, m);
    first.head.seq++;
    ledger_play_breaks(&p, &first, COORDINATOR, MDL_RULE_CORRECTION); /* twice */

    /* In any order; and one that says what the liar said is taken too: an audit finds it. */
    mdl_ledger_unit last = mdl_ledger_worker_find(p.ledger, p.key[LIAR])->past[1];
    assert_int_equal(last.record, result[3]);
    append(&p, ledger_play_correction(&p, worker, &last));
    const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[LIAR]);
    assert_true(w->reviewed == 2 && w->corrected == 2 && mdl_ledger_owed(p.ledger) == 1);
    ledger_play_close(&p);
}

static void no_closing_before(void **state) {
    (void)state;
    ledger_play p;
    uint64_t result[UNITS];
    uint32_t worker;
    lies_closed(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"review\":64}", result);
    convict(&p);
    assert_int_equal(mdl_ledger_owed(p.ledger), UNITS);
    while (mdl_duty_fresh(mdl_ledger_duty(p.ledger)) > 0)
        answer(&p, HONEST, ledger_play_unit(&p, chosen(&p, HONEST)));
    assert_true(mdl_duty_done((mdl_duty *)(uintptr_t)mdl_ledger_duty(p.ledger)));
    assert_false(mdl_ledger_settled(p.ledger));
    mdl_msg_close close;
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_close(p.ledger, &close, &bytes, &size), MDL_EMISMATCH);
    mdl_message early = ledger_play_message(&p, MDL_MSG_CLOSE);
    early.as.close.jobs = 10;
    early.as.close.results = (mdl_u64_list){1, result};
    while (mdl_ledger_owed(p.ledger) > 0) {
        ledger_play_breaks(&p, &early, COORDINATOR, MDL_RULE_CORRECTION);
        const mdl_ledger_unit *unit = mdl_ledger_owed_first(p.ledger, &worker);
        append(&p, ledger_play_correction(&p, worker, unit));
        early.head.seq++;
    }
    const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[LIAR]);
    assert_true(w->reviewed == UNITS && w->corrected == UNITS - 1); /* its first one was right */
    assert_true(mdl_ledger_settled(p.ledger));
    append(&p, ledger_play_closing(&p));
    append(&p, ledger_play_credit(&p));
    ledger_play_close(&p);
}

/* What others confirmed is not the convict's word alone; and without `review` nothing is owed. */
static void only_its_word_alone(void **state) {
    (void)state;
    for (int reviewed = 0; reviewed < 2; reviewed++) {
        ledger_play p;
        uint32_t worker;
        char json[1024];
        ledger_verified_experiment(
            reviewed ? "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":1}"
                     : "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"review\":0}",
            json, sizeof json);
        ledger_play_open(&p, json, "open 0", 1);
        admit(&p, LIAR);
        uint32_t selected = 0;
        for (uint32_t i = 0; i < UNITS; i++)
            answer(&p, LIAR, ledger_play_unit(&p, chosen(&p, LIAR)));
        check_selected(&p);
        for (uint32_t i = 0; i < 2 * UNITS; i += 2) {
            const mdl_duty *d = mdl_ledger_duty(p.ledger);
            selected += (uint32_t)(mdl_duty_confirmed(d, i) && mdl_duty_confirmed(d, i + 1));
        }
        append(&p, ledger_play_closing(&p));
        append(&p, ledger_play_credit(&p));
        convict(&p);
        assert_int_equal(mdl_ledger_owed(p.ledger), reviewed ? UNITS - selected : 0);
        assert_true(!reviewed || mdl_ledger_owed_first(p.ledger, &worker));
        ledger_play_close(&p);
    }
}

/* The record that accuses a worker with a second message. */
static mdl_message accuse(ledger_play *p, uint32_t worker, uint64_t lease, const mdl_message *second) {
    ledger_record r = ledger_play_seal(p, second, worker);
    mdl_message m = ledger_play_message(p, MDL_MSG_EQUIVOCATION);
    memcpy(m.as.equivocation.worker, p->key[worker], MDL_KEY_BYTES);
    m.as.equivocation.lease = lease;
    ledger_play_store(p, r.bytes, r.size, m.as.equivocation.second);
    free(r.bytes);
    return m;
}

/* Two commitments to one lease; two results, or another call, under one number. Nothing less convicts. */
static void equivocations_convict(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        ledger_play p;
        char json[1024];
        ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0}", json, sizeof json);
        ledger_play_open(&p, json, "open 0", 1);
        admit(&p, LIAR);
        uint64_t mine = chosen(&p, LIAR), other = chosen(&p, HONEST);
        mdl_message result = ledger_play_unit(&p, mine), commit = ledger_play_commit(&p, &result, LIAR);
        ledger_play_append(&p, &commit, LIAR);
        ledger_play_append(&p, &result, LIAR);
        mdl_message second = kind == 0 ? commit : result;
        if (kind == 0) { /* under a number of its own */
            second.head.seq += 50;
            second.as.commit.commitment[0] ^= 1;
        } else if (kind == 1) {
            second.as.result.busy_ms++;
        } else {
            second = ledger_play_message(&p, MDL_MSG_PING);
            second.head = result.head;
        }
        mdl_message m = accuse(&p, LIAR, mine, &second), wrong = m;
        LEDGER_SPOILT(&p, wrong, COORDINATOR, MDL_RULE_EQUIVOCATION, msg.as.equivocation.lease = other);
        LEDGER_SPOILT(&p, wrong, COORDINATOR, MDL_RULE_EQUIVOCATION,
                      memcpy(msg.as.equivocation.worker, p.key[HONEST], MDL_KEY_BYTES));
        LEDGER_SPOILT(&p, wrong, COORDINATOR, MDL_RULE_BLOB, msg.as.equivocation.second[0] ^= 1);
        mdl_message fine = kind == 0 ? commit : result; /* what it did say */
        wrong = accuse(&p, LIAR, mine, &fine);
        ledger_play_breaks(&p, &wrong, COORDINATOR, MDL_RULE_EQUIVOCATION);
        fine.head.seq += 50; /* said again, in a new call */
        wrong = accuse(&p, LIAR, mine, &fine);
        ledger_play_breaks(&p, &wrong, COORDINATOR, MDL_RULE_EQUIVOCATION);
        wrong = accuse(&p, HONEST, mine, &second); /* signed by another */
        memcpy(wrong.as.equivocation.worker, p.key[LIAR], MDL_KEY_BYTES);
        ledger_play_breaks(&p, &wrong, COORDINATOR, MDL_RULE_EQUIVOCATION);
        m.head.seq = mdl_ledger_size(p.ledger);
        append(&p, m);
        const mdl_ledger_worker *w = mdl_ledger_worker_find(p.ledger, p.key[LIAR]);
        assert_true(w->banned && w->verdict == p.records - 1 && w->forfeited > 0);
        assert_int_equal(mdl_duty_answers(mdl_ledger_duty(p.ledger), 0), 0);
        m.head.seq++;
        ledger_play_breaks(&p, &m, COORDINATOR, MDL_RULE_EQUIVOCATION); /* a convict already */
        ledger_play_close(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_units_are_owed),
        cmocka_unit_test(no_closing_before),
        cmocka_unit_test(only_its_word_alone),
        cmocka_unit_test(equivocations_convict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
