/* A lying coordinator is convicted from the ledger, its checkpoints and a worker's receipts alone: every lie is
 * mounted, an audit names it and its author, and what the audit writes convicts that key before anybody else. */
#include "tests/audit/support.h"

#include "protocol/chain.h"

static mdl_audit_report report;
static ledger_play honest; /* verified, two generations of it */

#include "tests/audit/proofs.h"

enum { WORKERS = 2 };

static int play_verified(void **state) {
    char json[1024];
    if (make_directory(state) != 0)
        return -1;
    ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", json, sizeof json);
    ledger_play_open(&honest, json, "open 0", 1);
    for (uint32_t i = 1; i <= WORKERS; i++) {
        mdl_message m = ledger_play_admit(&honest, i);
        ledger_play_append(&honest, &m, LEDGER_COORDINATOR);
    }
    for (int generation = 0; generation < 2; generation++) {
        ledger_play_answer(&honest, 1, 0);
        ledger_play_finish(&honest, 2);
    }
    log_key_make("example.org/ledger");
    return 0;
}

static int close_verified(void **state) {
    free(proof_bytes);
    ledger_play_close(&honest);
    return remove_directory(state);
}

/* The records again, for a lie to change; free() the list. */
static ledger_record *records(size_t more) {
    ledger_record *record = malloc((honest.records + more) * sizeof *record);
    assert_non_null(record);
    memcpy(record, honest.record, honest.records * sizeof *record);
    return record;
}

static size_t nth(mdl_message_type type, size_t n) {
    size_t k = 0;
    while (honest.record[k].type != type || n-- > 0) {
        k++;
        assert_true(k < honest.records);
    }
    return k;
}

/* What is in the folder convicts `key`: alone, or with the ledger of these records and blobs. */
static void expect_convicted(const char *folder, const char *file, const uint8_t *key, const ledger_play *blobs,
                             const ledger_record *record, size_t count) {
    char path[700], error[ERROR];
    snprintf(path, sizeof path, "%s/%s.fraud", folder, file);
    free(proof_bytes);
    assert_int_equal(mdl_file_read(path, 1 << 24, &proof_bytes, &proof_size, error, sizeof error), MDL_OK);
    parse();
    verify(NULL);
    if (verdict.verdict == MDL_FRAUD_LEDGER) {
        mdl_audit_source s = source_make(blobs, record, count);
        verify(&s);
        mdl_audit_source_close(&s);
    }
    if (verdict.verdict != MDL_FRAUD_PROVEN)
        fail_msg("%s: %s", file, verdict.text);
    assert_true(verdict.has_culprit);
    assert_memory_equal(verdict.culprit, key, MDL_KEY_BYTES);
    /* Over the honest ledger it proves nothing, where the ledger is asked. */
    if (proof.kind == MDL_FRAUD_RULE || proof.kind == MDL_FRAUD_WITHHELD) {
        mdl_audit_source s = source_make(&honest, honest.record, honest.records);
        verify(&s);
        mdl_audit_source_close(&s);
        assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    }
}

/* The audit of these records finds this rule broken at record `at`, by `key`. */
static void expect_found(const ledger_play *blobs, const ledger_record *record, size_t count, const char *receipts,
                         int rule, uint64_t at, const uint8_t *key, const char *folder) {
    mdl_audit_source s = source_make(blobs, record, count);
    audit_with(&s, 0, receipts, folder);
    const mdl_audit_finding *f = expect_finding(&report, rule, at);
    assert_true(f->has_culprit && report.proofs > 0 && report.proofs_failed == 0);
    assert_memory_equal(f->culprit, key, MDL_KEY_BYTES);
    mdl_audit_report_free(&report);
}

/* Record k is this instead: the rule is found broken, and the file says so. */
static void expect_rule(size_t k, const mdl_message *lie, mdl_rule rule, const char *name) {
    char folder[512], file[64];
    ledger_record *record = records(0), forged = ledger_play_seal(&honest, lie, LEDGER_COORDINATOR);
    const uint8_t *key = honest.key[LEDGER_COORDINATOR];
    record[k] = forged;
    in_directory(folder, name);
    expect_found(&honest, record, honest.records, NULL, (int)rule, k, key, folder);
    snprintf(file, sizeof file, "rule-%zu", k);
    expect_convicted(folder, file, key, &honest, record, honest.records);
    free(forged.bytes);
    free(record);
}

static void wrong_step(void **state) {
    (void)state;
    size_t k = nth(MDL_MSG_CLOSE, 1);
    mdl_message m = record_message(&honest.record[k]);
    m.as.close.after[7] ^= 1;
    expect_rule(k, &m, MDL_RULE_CLOSE, "step");
}

static void ground_beacon(void **state) {
    (void)state;
    size_t k = nth(MDL_MSG_CLOSE, 0);
    mdl_message m = record_message(&honest.record[k]);
    uint8_t seed[32] = "a better one";
    mdl_chain_element(seed, honest.experiment.evolution.generations, 0, m.as.close.element);
    expect_rule(k, &m, MDL_RULE_BEACON, "beacon");
}

static void inflated_credit(void **state) {
    (void)state;
    size_t k = nth(MDL_MSG_CREDIT, 1);
    mdl_message m = record_message(&honest.record[k]);
    m.as.credit.waiting += 1000;
    expect_rule(k, &m, MDL_RULE_CREDIT, "credit");
}

/* A worker gets what the beacon does not give it: seen when the closing reveals the element. */
static void biased_assignment(void **state) {
    (void)state;
    ledger_play p;
    char json[1024], folder[512], file[64];
    ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", json, sizeof json);
    ledger_play_open(&p, json, "open 0", 1);
    for (uint32_t i = 1; i <= WORKERS; i++) {
        mdl_message m = ledger_play_admit(&p, i);
        ledger_play_append(&p, &m, LEDGER_COORDINATOR);
    }
    ledger_play_work(&p, 1, 5, 1); /* the beacon gives 0 */
    while (mdl_duty_fresh(mdl_ledger_duty(p.ledger)) > 0)
        ledger_play_answer(&p, 2, 0);
    mdl_message m = ledger_play_closing(&p);
    ledger_record *record = malloc((p.records + 1) * sizeof *record);
    assert_non_null(record);
    memcpy(record, p.record, p.records * sizeof *record);
    record[p.records] = ledger_play_seal(&p, &m, LEDGER_COORDINATOR);
    in_directory(folder, "assignment");
    expect_found(&p, record, p.records + 1, NULL, MDL_RULE_ASSIGNMENT, p.records, p.key[LEDGER_COORDINATOR], folder);
    snprintf(file, sizeof file, "rule-%zu", p.records);
    expect_convicted(folder, file, p.key[LEDGER_COORDINATOR], &p, record, p.records + 1);
    free(record[p.records].bytes);
    free(record);
    ledger_play_close(&p);
}

static void withheld_blob(void **state) {
    (void)state;
    char folder[512], file[64];
    size_t k = nth(MDL_MSG_CLOSE, 1);
    mdl_message m = record_message(&honest.record[k]);
    ledger_play without = honest;
    without.blob = malloc(honest.blobs * sizeof *without.blob);
    assert_non_null(without.blob);
    without.blobs = 0;
    for (size_t i = 0; i < honest.blobs; i++)
        if (memcmp(honest.blob[i].digest, m.as.close.fitness, MDL_DIGEST_BYTES) != 0)
            without.blob[without.blobs++] = honest.blob[i];
    assert_int_equal(without.blobs + 1, honest.blobs);
    in_directory(folder, "withheld");
    expect_found(&without, honest.record, honest.records, NULL, MDL_RULE_BLOB, k, honest.key[LEDGER_COORDINATOR],
                 folder);
    snprintf(file, sizeof file, "withheld-%zu", k);
    expect_convicted(folder, file, log_vkey.key, &without, honest.record, honest.records);
    free(without.blob);
}

/* A result that a worker has the receipt of is left out, or is another one. */
static void dropped_or_altered(void **state) {
    (void)state;
    for (int altered = 0; altered < 2; altered++) {
        char worker[512], folder[512], file[64], name[32];
        size_t k = nth(MDL_MSG_RESULT, 1), count = honest.records - (size_t)!altered;
        ledger_record *record = records(0);
        snprintf(name, sizeof name, "worker%d", altered);
        keep_receipt(&honest, in_directory(worker, name), k);
        if (altered)
            record[k] = honest.record[nth(MDL_MSG_RESULT, 2)];
        else
            memmove(record + k, record + k + 1, (count - k) * sizeof *record);
        snprintf(name, sizeof name, "receipt%d", altered);
        in_directory(folder, name);
        expect_found(&honest, record, count, worker, MDL_AUDIT_RECEIPT, k, log_vkey.key, folder);
        snprintf(file, sizeof file, "dropped-%zu", k);
        expect_convicted(folder, file, log_vkey.key, &honest, record, count);
        free(record);
    }
}

/* A checkpoint that somebody kept: of another history beside this one, or of this one before it was cut and grown anew.
 */
static void forked_or_rewritten(void **state) {
    (void)state;
    for (int rewritten = 0; rewritten < 2; rewritten++) {
        char folder[512], file[64], name[32], error[ERROR];
        static char note[MDL_NOTE_MAX];
        size_t size, half = honest.records / 2;
        ledger_record *record = records(0);
        mdl_store other;
        assert_int_equal(mdl_store_open_memory(&other, error, sizeof error), MDL_OK);
        if (rewritten) /* what was shown: all of it; what is shown: half of that and the beginning again */
            memmove(record + half, record, (honest.records - half) * sizeof *record);
        store_fill(&other, &honest, rewritten ? honest.record : record, half + 1);
        if (!rewritten)
            memmove(record + half - 1, record + half, (honest.records - half) * sizeof *record);
        assert_int_equal(other.checkpoint(&other, note, &size, error, sizeof error), MDL_OK);
        mdl_audit_source s = source_make(&honest, record, honest.records - 1);
        mdl_audit_options o = options_make(0);
        snprintf(name, sizeof name, "fork%d", rewritten);
        o.other[o.others++] = (mdl_text){note, size};
        o.quick = 1;
        o.proofs = in_directory(folder, name);
        assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_OK);
        mdl_audit_source_close(&s);
        mdl_store_close(&other);
        const mdl_audit_finding *f = expect_finding(&report, MDL_AUDIT_FORK, MDL_AUDIT_NO_RECORD);
        assert_memory_equal(f->culprit, log_vkey.key, MDL_KEY_BYTES);
        mdl_audit_report_free(&report);
        snprintf(file, sizeof file, "fork-%zu", half + 1);
        expect_convicted(folder, file, log_vkey.key, NULL, NULL, 0);
        free(record);
    }
}

/* None of it is found where nobody lied. */
static void nothing_to_find(void **state) {
    (void)state;
    char worker[512], folder[512];
    keep_receipt(&honest, in_directory(worker, "honest"), nth(MDL_MSG_RESULT, 1));
    mdl_audit_source s = source_make(&honest, honest.record, honest.records);
    audit_with(&s, 0, worker, in_directory(folder, "none"));
    expect_clean(&report);
    assert_true(report.receipts == 1 && report.proofs == 0 && report.generations == 2);
    mdl_audit_report_free(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_find), cmocka_unit_test(dropped_or_altered), cmocka_unit_test(forked_or_rewritten),
        cmocka_unit_test(wrong_step),      cmocka_unit_test(biased_assignment),  cmocka_unit_test(ground_beacon),
        cmocka_unit_test(inflated_credit), cmocka_unit_test(withheld_blob),
    };
    return cmocka_run_group_tests(tests, play_verified, close_verified);
}
