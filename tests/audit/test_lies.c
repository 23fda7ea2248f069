/* Lies that are signed: the test has all keys, so it can lie like a coordinator or a worker. */
#include "tests/audit/honest.h"

/* ---- records removed, exchanged, forged ---- */

static void test_removed(void **state) {
    (void)state;
    char path[512], name[64];
    /* From the database. */
    for (size_t k = 0; k + 1 < honest.records; k += 11) {
        snprintf(name, sizeof name, "removed%zu", k);
        directory_make(in_directory(path, name), &honest);
        sql(path, "DELETE FROM record WHERE idx = ?1", (sqlite3_int64)k, NULL, 0);
        audit_directory(path, 0, &report);
        snprintf(name, sizeof name, "missing is record %zu", k);
        assert_non_null(strstr(expect_finding(&report, MDL_AUDIT_MISSING, MDL_AUDIT_NO_RECORD)->text, name));
        done();
    }
    sql(path, "DELETE FROM record WHERE idx = ?1", (sqlite3_int64)honest.records - 1, NULL, 0);
    audit_directory(path, 0, &report);
    assert_true(report.findings > 0);
    done();
    /* By a coordinator that signs a new log without it. */
    for (size_t k = 0; k + 1 < honest.records; k++) {
        uint8_t *bytes;
        ledger_record *record = spoil(k, &bytes);
        memmove(record + k, record + k + 1, (honest.records - k - 1) * sizeof *record);
        audit_records(&honest, record, honest.records - 1, 0);
        assert_int_equal(report.findings, 1);
        assert_true(report.finding[0].record >= k && report.finding[0].rule <= MDL_RULE_NUMBER);
        done();
        free(bytes);
        free(record);
    }
}

static void test_reordered(void **state) {
    (void)state;
    char path[512];
    directory_make(in_directory(path, "reordered"), &honest);
    sql(path, "UPDATE record SET bytes = ?2 WHERE idx = ?1", 20, honest.record[21].bytes, honest.record[21].size);
    sql(path, "UPDATE record SET bytes = ?2 WHERE idx = ?1", 21, honest.record[20].bytes, honest.record[20].size);
    audit_directory(path, 0, &report);
    expect_finding(&report, MDL_AUDIT_MISSING, 20);
    done();
    /* By a coordinator that signs a new log. */
    for (size_t k = 0; k + 1 < honest.records; k++) {
        uint8_t *bytes;
        ledger_record *record = spoil(k, &bytes), held = record[k];
        record[k] = record[k + 1];
        record[k + 1] = held;
        audit_records(&honest, record, honest.records, 0);
        assert_int_equal(report.findings, 1);
        assert_true(report.finding[0].record >= k && report.finding[0].rule <= MDL_RULE_NUMBER);
        done();
        free(bytes);
        free(record);
    }
}

/* A record whose signature is not its key's, in a log that is signed as it is. */
static void test_forged(void **state) {
    (void)state;
    for (size_t k = 0; k < honest.records; k++) {
        uint8_t *bytes, *sig = NULL;
        ledger_record *record = spoil(k, &bytes);
        for (size_t i = 0; i + 7 < record[k].size; i++)
            if (memcmp(bytes + i, "\"sig\":\"", 7) == 0)
                sig = bytes + i + 7;
        assert_non_null(sig);
        sig[10] = sig[10] == 'A' ? 'B' : 'A';
        audit_records(&honest, record, honest.records, 0);
        const mdl_audit_finding *f = expect_finding(&report, MDL_RULE_SIGNATURE, k);
        assert_false(f->has_culprit); /* nobody is accused by a signature that is not theirs */
        assert_int_equal(report.applied, k);
        assert_int_equal(report.findings, 1);
        done();
        free(bytes);
        free(record);
    }
}

/* A result that another worker signs. */
static void test_wrong_signer(void **state) {
    (void)state;
    size_t k = find_type(&honest, MDL_MSG_RESULT, 0);
    mdl_message m = record_message(&honest.record[k]);
    uint8_t *bytes;
    ledger_record *record = spoil(k, &bytes), other = ledger_play_seal(&honest, &m, 3);
    record[k] = other;
    audit_records(&honest, record, honest.records, 0);
    expect_culprit(expect_finding(&report, MDL_RULE_SIGNER, k), &honest, 3, "worker \"worker 3\"");
    done();
    free(other.bytes);
    free(bytes);
    free(record);
}

/* ---- lies signed by those who tell them ---- */

typedef enum lie { LIE_FITNESS, LIE_UPDATES, LIE_ROOT } lie;

/* A whole run in which worker 2 hands in one false result, and everything else follows from it. */
static void play_lie(ledger_play *p, lie what, uint64_t *at) {
    mdl_message m;
    ledger_play_open(p, NULL, "open 0", 0);
    for (uint32_t i = 1; i <= 2; i++) {
        m = ledger_play_admit(p, i);
        ledger_play_append(p, &m, LEDGER_COORDINATOR);
    }
    ledger_play_generation(p, 2, 4);
    m = ledger_play_lease(p, 2, 3, 2);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_unit(p, m.as.lease.lease);
    if (what == LIE_FITNESS)
        p->fitness[1] += 1;
    else if (what == LIE_UPDATES)
        ledger_play_claim(p, &m, m.as.result.updates + 1);
    else
        ledger_play_other_segment(p, &m);
    *at = ledger_play_append(p, &m, 2);
    while (mdl_ledger_jobs(p->ledger) > 0)
        ledger_play_generation(p, 2, 4);
    m = ledger_play_champion(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_end(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
}

static void test_wrong_result(void **state) {
    (void)state;
    static const char *const text[] = {"job 4 of generation 1: fitness", "updates are claimed",
                                       "root of their segments"};
    for (int what = LIE_FITNESS; what <= LIE_ROOT; what++) {
        ledger_play p;
        uint64_t at;
        play_lie(&p, (lie)what, &at);
        audit_records(&p, p.record, p.records, 0); /* no rule is broken */
        expect_clean(&report);
        assert_int_equal(report.units, 0);
        done();
        audit_records(&p, p.record, p.records, 1);
        const mdl_audit_finding *f = expect_finding(&report, MDL_AUDIT_RECOMPUTE, at);
        expect_culprit(f, &p, 2, "worker \"worker 2\"");
        assert_non_null(strstr(f->text, text[what]));
        assert_int_equal(report.findings, 1);
        assert_int_equal(report.wrong, 1);
        assert_int_equal(report.units, report.results);
        done();
        /* Found by a sample exactly when it is drawn. */
        for (uint64_t seed = 0; seed < 4; seed++) {
            char error[ERROR];
            mdl_audit_source s = source_make(&p, p.record, p.records);
            mdl_audit_options o = options_make(0.5);
            o.seed = seed;
            assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_OK);
            assert_int_equal(report.findings, mdl_audit_drawn(&report.root, seed, 0.5, at));
            mdl_audit_source_close(&s);
            done();
        }
        ledger_play_close(&p);
    }
}

/* The coordinator's own record `k`, changed by `change` and signed by it. */
static void audit_changed(mdl_message_type type, void (*change)(mdl_message *m), int rule) {
    size_t k = find_type(&honest, type, find_type(&honest, MDL_MSG_CREDIT, 0));
    uint8_t *bytes;
    ledger_record *record = spoil(k, &bytes);
    mdl_message m = record_message(&record[k]);
    change(&m);
    ledger_record changed = ledger_play_seal(&honest, &m, LEDGER_COORDINATOR);
    record[k] = changed;
    audit_records(&honest, record, honest.records, 0);
    expect_culprit(expect_finding(&report, rule, k), &honest, LEDGER_COORDINATOR, "the coordinator");
    assert_int_equal(report.applied, k); /* the fold ends there */
    done();
    free(changed.bytes);
    free(bytes);
    free(record);
}

static void change_after(mdl_message *m) { m->as.close.after[0] ^= 1; }
static void change_best(mdl_message *m) { m->as.close.best++; }
static void change_credit(mdl_message *m) { m->as.credit.updates += 1000; }
static void change_champion(mdl_message *m) { m->as.champion.genome[5] ^= 1; }
static void change_validation(mdl_message *m) { m->as.champion.validation++; }

/* Inflated for one worker, with a list that says so, its blob stored. */
static void change_list(mdl_message *m) {
    const uint8_t *old;
    uint8_t list[10 * 40];
    size_t size;
    assert_int_equal(honest.source.get(honest.source.ctx, m->as.credit.workers, &old, &size), MDL_OK);
    assert_true(size <= sizeof list && size >= 80);
    memcpy(list, old, size);
    list[32]++;      /* one more for the first */
    list[40 + 32]--; /* one less for the second: the sum is right */
    ledger_play_store(&honest, list, size, m->as.credit.workers);
}

static void test_coordinator_lies(void **state) {
    (void)state;
    audit_changed(MDL_MSG_CLOSE, change_after, MDL_RULE_CLOSE);
    audit_changed(MDL_MSG_CLOSE, change_best, MDL_RULE_CLOSE);
    audit_changed(MDL_MSG_CREDIT, change_credit, MDL_RULE_CREDIT);
    audit_changed(MDL_MSG_CREDIT, change_list, MDL_RULE_CREDIT);
    audit_changed(MDL_MSG_CHAMPION, change_champion, MDL_RULE_CHAMPION);
    audit_changed(MDL_MSG_CHAMPION, change_validation, MDL_RULE_CHAMPION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removed),      cmocka_unit_test(test_reordered),
        cmocka_unit_test(test_forged),       cmocka_unit_test(test_wrong_signer),
        cmocka_unit_test(test_wrong_result), cmocka_unit_test(test_coordinator_lies),
    };
    return cmocka_run_group_tests(tests, play_honest, close_honest);
}
