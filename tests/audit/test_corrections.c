/* False results that a ledger names itself, and those that it does not. */
#include "tests/audit/support.h"

#include "audit/verify_proof.h"
#include "runtime/file.h"

static mdl_audit_report report;

enum { HONEST = 1, LIAR = 2 };

static void append(ledger_play *p, mdl_message m) { ledger_play_append(p, &m, LEDGER_COORDINATOR); }

/* The liar's units of generation 0 have lies in the first and the third; in generation 1 it is convicted. Returns the
 * number of its kept units. */
static uint32_t play(ledger_play *p, const char *verification) {
    char json[1024];
    ledger_verified_experiment(verification, json, sizeof json);
    ledger_play_open(p, json, "open 0", 0);
    log_key_make("example.org/ledger");
    for (uint32_t i = HONEST; i <= LIAR; i++)
        append(p, ledger_play_admit(p, i));
    ledger_play_answer(p, LIAR, 1);
    ledger_play_answer(p, LIAR, 0);
    ledger_play_answer(p, LIAR, 1);
    ledger_play_finish(p, HONEST);
    uint32_t kept = mdl_ledger_worker_find(p->ledger, p->key[LIAR])->pasts;
    ledger_play_answer(p, LIAR, 1);
    mdl_message m = ledger_play_check(p, 1);
    assert_int_equal(m.type, MDL_MSG_VERDICT);
    append(p, m);
    return kept;
}

static const char *proofs; /* directory of the next audit's, or none */

static void audit(const ledger_play *p, double sample) {
    char error[ERROR] = "";
    mdl_audit_source s = source_make(p, p->record, p->records);
    mdl_audit_options o = options_make(sample);
    o.proofs = proofs;
    if (mdl_audit_run(&s, &o, &report, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_audit_source_close(&s);
}

/* The file that convicts the signer of this record, alone; and, with a byte of the record changed, nobody. */
static void convicts(const ledger_play *p, const char *folder, uint64_t record, const char *what) {
    char path[600], error[ERROR];
    uint8_t *bytes;
    size_t size;
    mdl_fraud proof;
    mdl_fraud_finding v;
    snprintf(path, sizeof path, "%s/decision-%llu.fraud", folder, (unsigned long long)record);
    assert_int_equal(mdl_file_read(path, 1 << 24, &bytes, &size, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_fraud_parse((mdl_text){(char *)bytes, size}, &proof), MDL_OK);
    assert_int_equal(proof.kind, MDL_FRAUD_DECISION);
    assert_int_equal(mdl_verify_proof(&proof, &log_vkey, NULL, &v, error, sizeof error), MDL_OK);
    if (v.verdict != MDL_FRAUD_PROVEN)
        fail_msg("%s", v.text);
    assert_true(v.has_culprit && v.record == record);
    assert_memory_equal(v.culprit, p->key[LEDGER_COORDINATOR], MDL_KEY_BYTES);
    assert_non_null(strstr(v.text, what));
    char *at = (char *)(uintptr_t)proof.field[MDL_FRAUD_RECORD_FIELD].at + 300;
    *at = *at == 'B' ? 'C' : 'B';
    assert_int_equal(mdl_verify_proof(&proof, &log_vkey, NULL, &v, error, sizeof error), MDL_OK);
    assert_true(v.verdict == MDL_FRAUD_FALSE && !v.has_culprit);
    free(bytes);
}

/* Both lies of generation 0 are corrected, the one of generation 1 is void: three notes, and the audit is ok. */
static void named_lies_are_notes(void **state) {
    (void)state;
    ledger_play p;
    uint32_t worker;
    uint32_t kept = play(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}");
    assert_int_equal(kept, 3);
    while (mdl_ledger_owed(p.ledger) > 0) {
        const mdl_ledger_unit *unit = mdl_ledger_owed_first(p.ledger, &worker);
        append(&p, ledger_play_correction(&p, worker, unit));
    }
    ledger_play_finish(&p, HONEST);
    audit(&p, 1);
    assert_int_equal(report.findings, 0);
    assert_int_equal(report.notes, 3);
    assert_true(report.wrong == 3 && report.corrections == 3 && report.corrected == 2);
    for (uint32_t i = 0; i < report.notes; i++) {
        assert_memory_equal(report.note[i].culprit, p.key[LIAR], MDL_KEY_BYTES);
        assert_non_null(strstr(report.note[i].text, i < 2 ? "corrects it" : "nothing rests on it"));
    }
    char *json = mdl_audit_json(&report), *text = mdl_audit_text(&report);
    assert_non_null(strstr(json, "\"ok\":true"));
    assert_non_null(strstr(json, "\"corrected\":2"));
    assert_non_null(strstr(text, "note        record"));
    free(json);
    free(text);
    mdl_audit_report_free(&report);
    /* A sample takes corrections anyway, as it takes verdicts. */
    audit(&p, 1e-9);
    assert_true(report.findings == 0 && report.wrong == 0 && report.jobs > 0);
    mdl_audit_report_free(&report);
    ledger_play_close(&p);
}

/* One unit only is done again: the older lie is nobody's word, and a finding. */
static void unnamed_lies_are_findings(void **state) {
    (void)state;
    ledger_play p;
    uint32_t worker;
    play(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0,\"review\":1}");
    assert_int_equal(mdl_ledger_owed(p.ledger), 1);
    append(&p, ledger_play_correction(&p, LIAR - 1, mdl_ledger_owed_first(p.ledger, &worker)));
    ledger_play_finish(&p, HONEST);
    audit(&p, 1);
    assert_true(report.findings == 1 && report.notes == 2);
    assert_int_equal(report.finding[0].rule, MDL_AUDIT_RECOMPUTE);
    assert_memory_equal(report.finding[0].culprit, p.key[LIAR], MDL_KEY_BYTES);
    mdl_audit_report_free(&report);
    ledger_play_close(&p);
}

/* A coordinator that covers up for the liar, and one that accuses it of more than it did. */
static void false_corrections_convict(void **state) {
    (void)state;
    for (int covers = 0; covers < 2; covers++) {
        ledger_play p;
        uint32_t worker;
        play(&p, "{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}");
        uint64_t record = 0;
        for (uint32_t k = 0; mdl_ledger_owed(p.ledger) > 0; k++) {
            mdl_message m = ledger_play_correction(&p, LIAR - 1, mdl_ledger_owed_first(p.ledger, &worker));
            if (k == (covers ? 0 : 1)) { /* the first one is false: another segment of its last job makes it so again */
                uint8_t segment[MDL_DIGEST_BYTES];
                uint64_t updates;
                mdl_segments_get(m.as.correction.segments, 1, segment, &updates);
                segment[31] ^= 1;
                mdl_segments_put(p.segments, 1, segment, updates);
                record = mdl_ledger_size(p.ledger);
            }
            append(&p, m);
        }
        assert_int_equal(mdl_ledger_worker_find(p.ledger, p.key[LIAR])->corrected, covers ? 1 : 3);
        ledger_play_finish(&p, HONEST);
        char folder[512];
        proofs = in_directory(folder, covers ? "covers" : "accuses");
        audit(&p, 1);
        proofs = NULL;
        convicts(&p, folder, record, "correction");
        assert_int_equal(report.findings, covers ? 2 : 1); /* covered up: the lie itself, too */
        int found = 0;
        for (uint32_t i = 0; i < report.findings; i++)
            found |= report.finding[i].record == record &&
                     memcmp(report.finding[i].culprit, p.key[LEDGER_COORDINATOR], MDL_KEY_BYTES) == 0;
        assert_true(found);
        mdl_audit_report_free(&report);
        ledger_play_close(&p);
    }
}

/* A check that is false, in generation 1: a fitness that nobody has computed. A verdict that convicts the honest. */
static void false_decisions_convict(void **state) {
    (void)state;
    for (int verdict = 0; verdict < 2; verdict++) {
        ledger_play p;
        char json[1024], folder[512];
        ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", json,
                                   sizeof json);
        ledger_play_open(&p, json, "open 0", 0);
        log_key_make("example.org/ledger");
        for (uint32_t i = HONEST; i <= LIAR; i++)
            append(&p, ledger_play_admit(&p, i));
        ledger_play_finish(&p, HONEST);
        ledger_play_answer(&p, LIAR,
                           !verdict); /* a lie that the coordinator agrees with, or the truth, which it denies */
        const mdl_duty_answer *said = mdl_duty_answer_of(mdl_ledger_duty(p.ledger), 1);
        mdl_duty_answer own = *said;
        own.segment[3] ^= (uint8_t)verdict;
        mdl_message m;
        assert_int_equal(mdl_ledger_make_check(p.ledger, 1, &own, &m), MDL_OK);
        assert_int_equal(m.type, verdict ? MDL_MSG_VERDICT : MDL_MSG_CHECK);
        m.head = ledger_play_message(&p, m.type).head;
        uint64_t record = ledger_play_append(&p, &m, LEDGER_COORDINATOR);
        proofs = in_directory(folder, verdict ? "verdict" : "check");
        audit(&p, 1);
        proofs = NULL;
        assert_true(report.findings > 0 && report.notes == 0);
        mdl_audit_report_free(&report);
        convicts(&p, folder, record, verdict ? "verdict" : "check");
        ledger_play_close(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_lies_are_notes),
        cmocka_unit_test(unnamed_lies_are_findings),
        cmocka_unit_test(false_corrections_convict),
        cmocka_unit_test(false_decisions_convict),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
