/* Verdicts and checks looked into: `modulon audit --dispute`. */
#include "tests/audit/support.h"

static mdl_audit_report report;

enum { HONEST = 1, LIAR = 2, JOB = 1 };

/* Jobs 0 and 1 twice, the second time with another answer to job 1 where `lies`. */
static void play(ledger_play *p, int lies) {
    char json[1024];
    ledger_verified_experiment("{}", json, sizeof json);
    ledger_play_open(p, json, "open 0", 0);
    mdl_message m;
    for (uint32_t i = HONEST; i <= LIAR; i++) {
        m = ledger_play_admit(p, i);
        ledger_play_append(p, &m, LEDGER_COORDINATOR);
    }
    for (uint32_t i = HONEST; i <= LIAR; i++) {
        m = ledger_play_lease(p, i, 0, 2);
        ledger_play_append(p, &m, LEDGER_COORDINATOR);
        m = ledger_play_unit(p, m.as.lease.lease);
        if (i == LIAR && lies)
            ledger_play_other_segment(p, &m);
        mdl_message commit = ledger_play_commit(p, &m, i);
        ledger_play_append(p, &commit, i);
        ledger_play_append(p, &m, i);
    }
}

static mdl_err look(const ledger_play *p, double sample, uint64_t record, char *error) {
    mdl_audit_source s = source_make(p, p->record, p->records);
    mdl_audit_options o = options_make(sample);
    o.has_dispute = 1;
    o.dispute = record;
    mdl_err err = mdl_audit_run(&s, &o, &report, error, ERROR);
    mdl_audit_source_close(&s);
    return err;
}

static void expect_answer(const ledger_play *p, uint32_t i, uint32_t signer, int right, int convicted) {
    const mdl_audit_answer *a = &report.dispute.answer[i];
    assert_true(i < report.dispute.answers);
    assert_memory_equal(a->key, p->key[signer], MDL_KEY_BYTES);
    assert_int_equal(a->worker, signer != LEDGER_COORDINATOR);
    assert_int_equal(a->right, right);
    assert_int_equal(a->convicted, convicted);
    assert_int_equal(p->record[a->record].type == MDL_MSG_RESULT, a->worker);
}

static void expect_in(char *text, const char *part) {
    assert_non_null(text);
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in:\n%s", part, text);
    free(text);
}

static void a_right_verdict(void **state) {
    (void)state;
    static const double samples[] = {0, 0.5, 1};
    ledger_play p;
    char error[ERROR];
    play(&p, 1);
    mdl_message m = ledger_play_check(&p, JOB);
    assert_int_equal(m.type, MDL_MSG_VERDICT);
    uint64_t at = ledger_play_append(&p, &m, LEDGER_COORDINATOR);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(look(&p, samples[i], at, error), MDL_OK);
        assert_int_equal(report.dispute.settled, 1);
        assert_int_equal(report.dispute.verdict, 1);
        assert_int_equal(report.dispute.job, JOB);
        assert_int_equal(report.dispute.answers, 3);
        expect_answer(&p, 0, LEDGER_COORDINATOR, 1, 0);
        expect_answer(&p, 1, HONEST, 1, 0);
        expect_answer(&p, 2, LIAR, 0, 1);
        assert_memory_equal(report.dispute.segment, m.as.verdict.segment, MDL_DIGEST_BYTES);
        assert_null(find(&report, MDL_AUDIT_RECOMPUTE, at));
        expect_in(mdl_audit_text(&report), "WRONG");
        expect_in(mdl_audit_text(&report), ", convicted");
        expect_in(mdl_audit_json(&report), "\"type\":\"verdict\"");
        mdl_audit_report_free(&report);
    }
    ledger_play_close(&p);
}

/* The coordinator takes the liar's side: whoever looks sees it, though no rule is broken. */
static void a_false_verdict(void **state) {
    (void)state;
    ledger_play p;
    char error[ERROR];
    uint64_t lease;
    play(&p, 1);
    mdl_message m = ledger_play_check(&p, JOB);
    const mdl_duty_answer *lie = mdl_duty_answer_at(mdl_ledger_duty(p.ledger), JOB, 1, &lease);
    m.as.verdict.fitness = lie->fitness;
    m.as.verdict.updates = lie->updates;
    memcpy(m.as.verdict.segment, lie->segment, MDL_DIGEST_BYTES);
    uint64_t at = ledger_play_append(&p, &m, LEDGER_COORDINATOR);
    for (int full = 0; full < 2; full++) {
        assert_int_equal(look(&p, full, at, error), MDL_OK);
        expect_answer(&p, 0, LEDGER_COORDINATOR, 0, 0);
        expect_answer(&p, 1, HONEST, 1, 1);
        expect_answer(&p, 2, LIAR, 0, 0);
        const mdl_audit_finding *f = expect_finding(&report, MDL_AUDIT_RECOMPUTE, at);
        assert_memory_equal(f->culprit, p.key[LEDGER_COORDINATOR], MDL_KEY_BYTES);
        assert_int_equal(report.findings, 1 + full); /* full: the liar's result, too */
        mdl_audit_report_free(&report);
    }
    ledger_play_close(&p);
}

static void a_check(void **state) {
    (void)state;
    ledger_play p;
    char error[ERROR];
    play(&p, 0);
    mdl_message m = ledger_play_check(&p, JOB);
    assert_int_equal(m.type, MDL_MSG_CHECK);
    uint64_t at = ledger_play_append(&p, &m, LEDGER_COORDINATOR);
    assert_int_equal(look(&p, 0, at, error), MDL_OK);
    expect_clean(&report);
    assert_int_equal(report.dispute.verdict, 0);
    assert_int_equal(report.dispute.answers, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(report.dispute.answer[i].right, 1);
    mdl_audit_report_free(&report);
    ledger_play_close(&p);
}

static void records_that_decide_nothing(void **state) {
    (void)state;
    ledger_play p;
    char error[ERROR];
    play(&p, 1);
    mdl_message m = ledger_play_check(&p, JOB);
    uint64_t at = ledger_play_append(&p, &m, LEDGER_COORDINATOR);
    for (uint64_t k = 0; k < at + 3; k++) {
        error[0] = 0;
        assert_int_equal(look(&p, 0, k, error), k == at ? MDL_OK : MDL_ERANGE);
        assert_true(k == at || error[0] != 0);
        mdl_audit_report_free(&report);
    }
    ledger_play_close(&p);
}

static int make_keys(void **state) {
    log_key_make("example.org/ledger");
    return make_directory(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_verdict),
        cmocka_unit_test(a_false_verdict),
        cmocka_unit_test(a_check),
        cmocka_unit_test(records_that_decide_nothing),
    };
    return cmocka_run_group_tests(tests, make_keys, remove_directory);
}
