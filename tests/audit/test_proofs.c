/* Fraud proofs: what the auditor writes convicts by itself; nothing else does. */
#include "tests/audit/honest.h"

#include "protocol/base64.h"
#include "protocol/tlog_proof.h"
#include "tests/audit/proofs.h"

/* One false result in generation 0 or 1. */
static void test_result(void **state) {
    (void)state;
    for (uint32_t generation = 0; generation < 2; generation++) {
        ledger_play p;
        char folder[512], name[32];
        ledger_play_open(&p, NULL, "open 0", 0);
        for (uint32_t i = 1; i <= 2; i++) {
            mdl_message m = ledger_play_admit(&p, i);
            ledger_play_append(&p, &m, LEDGER_COORDINATOR);
        }
        if (generation > 0)
            ledger_play_generation(&p, 2, 4);
        mdl_message m = ledger_play_lease(&p, 2, 3, 2);
        ledger_play_append(&p, &m, LEDGER_COORDINATOR);
        m = ledger_play_unit(&p, m.as.lease.lease);
        p.fitness[1] += 7;
        uint64_t at = ledger_play_append(&p, &m, 2);
        ledger_play_generation(&p, 2, 4);
        snprintf(name, sizeof name, "result%u", generation);
        mdl_audit_source s = source_make(&p, p.record, p.records);
        audit_with(&s, 1, NULL, in_directory(folder, name));
        expect_finding(&report, MDL_AUDIT_RECOMPUTE, at);
        assert_true(report.proofs == 1 && report.proofs_failed == 0);
        done();
        read_proof(folder, "result-");
        verify(NULL);
        assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
        assert_true(verdict.has_culprit && memcmp(verdict.culprit, p.key[2], MDL_KEY_BYTES) == 0);
        assert_non_null(strstr(verdict.text, "computed again it is"));
        spoil_all(400);
        ledger_play_close(&p);
    }
}

/* A right result accuses nobody, whoever writes the file. */
static void test_right_result(void **state) {
    (void)state;
    const uint8_t *document;
    size_t size;
    assert_int_equal(honest.source.get(honest.source.ctx, honest.document, &document, &size), MDL_OK);
    made_begin(MDL_FRAUD_RESULT, honest.record, find_type(&honest, MDL_MSG_RESULT, 0));
    made_put(MDL_FRAUD_DOCUMENT_FIELD, document, size);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    assert_false(verdict.has_culprit);
    assert_non_null(strstr(verdict.text, "is right"));
    made_free();
}

/* Two logs of one key that part at record `k`. */
static void test_fork(void **state) {
    (void)state;
    char folder[512], error[ERROR], name[32];
    for (size_t k = 3; k + 2 < honest.records; k += 9) {
        uint8_t *bytes;
        ledger_record *record = spoil(k, &bytes);
        bytes[5] ^= 1;
        mdl_store other;
        static char note[MDL_NOTE_MAX];
        size_t size;
        assert_int_equal(mdl_store_open_memory(&other, error, sizeof error), MDL_OK);
        store_fill(&other, &honest, record, k + 1);
        assert_int_equal(other.checkpoint(&other, note, &size, error, sizeof error), MDL_OK);
        mdl_audit_source s = source_make(&honest, honest.record, honest.records);
        mdl_audit_options o = options_make(0);
        snprintf(name, sizeof name, "fork%zu", k);
        o.other[o.others++] = (mdl_text){note, size};
        o.proofs = in_directory(folder, name);
        assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_OK);
        expect_finding(&report, MDL_AUDIT_FORK, MDL_AUDIT_NO_RECORD);
        done();
        mdl_audit_source_close(&s);
        mdl_store_close(&other);
        read_proof(folder, "fork-");
        verify(NULL);
        assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
        assert_memory_equal(verdict.culprit, log_vkey.key, MDL_KEY_BYTES);
        if (k == 3)
            spoil_all(400);
        /* The same checkpoint twice is no fork. */
        proof.field[MDL_FRAUD_FIRST_FIELD] = proof.field[MDL_FRAUD_SECOND_FIELD];
        verify(NULL);
        assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
        free(bytes);
        free(record);
    }
}

static void test_receipts(void **state) {
    (void)state;
    char worker[512], folder[512];
    size_t k = find_type(&honest, MDL_MSG_RESULT, 10), later = find_type(&honest, MDL_MSG_RESULT, k + 1);
    in_directory(worker, "worker");
    keep_receipt(&honest, worker, k);
    keep_receipt(&honest, worker, later);
    mdl_audit_source s = source_make(&honest, honest.record, honest.records);
    audit_with(&s, 0, worker, NULL);
    expect_clean(&report);
    assert_true(report.receipts == 2 && report.receipts_ahead == 0 && report.receipts_other == 0);
    done();
    /* A log that is shorter: nothing is promised yet for its end. */
    s = source_make(&honest, honest.record, later);
    audit_with(&s, 0, worker, NULL);
    expect_clean(&report);
    assert_true(report.receipts == 2 && report.receipts_ahead == 1);
    done();
    /* Another log: these are not its receipts. */
    mdl_vkey right = log_vkey;
    log_key_make("example.org/other");
    mdl_vkey wrong = log_vkey;
    log_vkey = right;
    s = source_make(&honest, honest.record, honest.records);
    char error[ERROR];
    mdl_audit_options o = options_make(0);
    o.log = wrong;
    o.receipts = worker;
    assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_OK);
    expect_finding(&report, MDL_AUDIT_CHECKPOINT, MDL_AUDIT_NO_RECORD);
    mdl_audit_source_close(&s);
    done();
    /* The log with this result dropped: what follows has moved up. */
    uint8_t *bytes;
    ledger_record *record = spoil(k, &bytes);
    memmove(record + k, record + k + 1, (honest.records - k - 1) * sizeof *record);
    s = source_make(&honest, record, honest.records - 1);
    audit_with(&s, 0, worker, in_directory(folder, "dropped"));
    const mdl_audit_finding *f = expect_finding(&report, MDL_AUDIT_RECEIPT, k);
    assert_memory_equal(f->culprit, log_vkey.key, MDL_KEY_BYTES);
    expect_finding(&report, MDL_AUDIT_RECEIPT, later);
    done();
    free(bytes);
    free(record);
    char path[700];
    snprintf(path, sizeof path, "%s/dropped-%zu.fraud", folder, k);
    free(proof_bytes);
    assert_int_equal(mdl_file_read(path, 1 << 24, &proof_bytes, &proof_size, error, sizeof error), MDL_OK);
    parse();
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(verdict.culprit, log_vkey.key, MDL_KEY_BYTES);
    spoil_all(400);
}

/* The coordinator's own record breaks a rule: it takes the ledger to see it. */
static void test_rule(void **state) {
    (void)state;
    char folder[512];
    size_t k = find_type(&honest, MDL_MSG_CREDIT, 0);
    uint8_t *bytes;
    ledger_record *record = spoil(k, &bytes);
    mdl_message m = record_message(&record[k]);
    m.as.credit.updates += 1000;
    ledger_record changed = ledger_play_seal(&honest, &m, LEDGER_COORDINATOR);
    record[k] = changed;
    mdl_audit_source s = source_make(&honest, record, honest.records);
    audit_with(&s, 0, NULL, in_directory(folder, "rule"));
    done();
    read_proof(folder, "rule-");
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_LEDGER);
    assert_false(verdict.has_culprit);
    s = source_make(&honest, record, honest.records);
    verify(&s);
    assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(verdict.culprit, honest.key[LEDGER_COORDINATOR], MDL_KEY_BYTES);
    mdl_audit_source_close(&s);
    s = source_make(&honest, honest.record, honest.records); /* in which that record is right */
    verify(&s);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    mdl_audit_source_close(&s);
    /* A signature that is nobody's needs no ledger. */
    uint8_t *sig = NULL;
    for (size_t i = 0; i + 7 < changed.size; i++)
        if (memcmp(changed.bytes + i, "\"sig\":\"", 7) == 0)
            sig = changed.bytes + i + 7;
    assert_non_null(sig);
    sig[10] = sig[10] == 'A' ? 'B' : 'A';
    s = source_make(&honest, record, honest.records);
    audit_with(&s, 0, NULL, in_directory(folder, "unsigned"));
    done();
    read_proof(folder, "rule-");
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(verdict.culprit, log_vkey.key, MDL_KEY_BYTES);
    free(changed.bytes);
    free(bytes);
    free(record);
}

static void test_withheld(void **state) {
    (void)state;
    char folder[512];
    ledger_play without = honest;
    /* The blob of the first closing is not there. */
    size_t k = find_type(&honest, MDL_MSG_CLOSE, 0);
    mdl_message m = record_message(&honest.record[k]);
    without.blob = malloc(honest.blobs * sizeof *without.blob);
    assert_non_null(without.blob);
    without.blobs = 0;
    for (size_t i = 0; i < honest.blobs; i++)
        if (memcmp(honest.blob[i].digest, m.as.close.fitness, MDL_DIGEST_BYTES) != 0)
            without.blob[without.blobs++] = honest.blob[i];
    assert_true(without.blobs + 1 == honest.blobs);
    mdl_audit_source s = source_make(&without, honest.record, honest.records);
    audit_with(&s, 0, NULL, in_directory(folder, "withheld"));
    expect_finding(&report, MDL_RULE_BLOB, k);
    done();
    read_proof(folder, "withheld-");
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_LEDGER);
    s = source_make(&without, honest.record, honest.records);
    verify(&s);
    assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(verdict.culprit, log_vkey.key, MDL_KEY_BYTES);
    mdl_audit_source_close(&s);
    s = source_make(&honest, honest.record, honest.records);
    verify(&s);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    mdl_audit_source_close(&s);
    free(without.blob);
}

static void put_envelope(mdl_fraud_field field, const mdl_message *m, uint32_t signer) {
    static char text[2][MDL_BASE64_CHARS(MDL_ENVELOPE_BYTES_MAX)];
    char *at = text[field == MDL_FRAUD_SECOND_FIELD];
    ledger_record r = ledger_play_seal(&honest, m, signer);
    mdl_text_out out = {at, sizeof text[0], 0};
    mdl_base64_put(&out, r.bytes, r.size);
    proof.field[field] = (mdl_text){at, out.size};
    free(r.bytes);
}

static void test_equivocation(void **state) {
    (void)state;
    mdl_message a = ledger_play_message(&honest, MDL_MSG_WANT);
    memset(a.head.session, 7, sizeof a.head.session);
    a.head.seq = 4;
    a.as.want.jobs = 5;
    mdl_message b = a;
    b.as.want.jobs = 6;
    proof = (mdl_fraud){.kind = MDL_FRAUD_EQUIVOCATION};
    put_envelope(MDL_FRAUD_FIRST_FIELD, &a, 2);
    put_envelope(MDL_FRAUD_SECOND_FIELD, &b, 2);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
    assert_memory_equal(verdict.culprit, honest.key[2], MDL_KEY_BYTES);
    /* The same twice; another number, session or experiment; another key; no call. */
    put_envelope(MDL_FRAUD_SECOND_FIELD, &a, 2);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    put_envelope(MDL_FRAUD_SECOND_FIELD, &b, 3);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    for (int i = 0; i < 3; i++) {
        mdl_message c = b;
        if (i == 0)
            c.head.seq++;
        else if (i == 1)
            c.head.session[0]++;
        else
            c.head.experiment[0] ^= 1;
        put_envelope(MDL_FRAUD_SECOND_FIELD, &c, 2);
        verify(NULL);
        assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    }
    mdl_message end = ledger_play_message(&honest, MDL_MSG_END);
    end.head = a.head;
    put_envelope(MDL_FRAUD_SECOND_FIELD, &end, 2);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    assert_false(verdict.has_culprit);
}

static void test_malformed(void **state) {
    (void)state;
    static const struct {
        const char *text;
        mdl_err err;
    } bad[] = {
        {"", MDL_EMAGIC},
        {"modulon fraud proof v2\nkind fork\n", MDL_EMAGIC},
        {"modulon fraud proof v1\n", MDL_ESYNTAX},
        {"modulon fraud proof v1\nkind theft\n", MDL_EMAGIC},
        {"modulon fraud proof v1\nkind equivocation\n", MDL_EKEY},
        {"modulon fraud proof v1\nkind equivocation\nfirst AAAA\n", MDL_EKEY},
        {"modulon fraud proof v1\nkind equivocation\nsecond AAAA\nfirst AAAA\n", MDL_EKEY},
        {"modulon fraud proof v1\nkind equivocation\nfirst AAAA\nsecond AAAA\nmore AAAA\n", MDL_EKEY},
        {"modulon fraud proof v1\nkind equivocation\nfirst AAAA\nsecond AAAA\nmore", MDL_ESYNTAX},
        {"modulon fraud proof v1\nkind equivocation\nfirst AAA\nsecond AAAA\n", MDL_ESYNTAX},
        {"modulon fraud proof v1\nkind equivocation\nfirst \nsecond AAAA\n", MDL_ESYNTAX},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(mdl_fraud_parse(mdl_text_of(bad[i].text), &proof), bad[i].err);
}

static int close_all(void **state) {
    free(proof_bytes);
    return close_honest(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result),       cmocka_unit_test(test_right_result), cmocka_unit_test(test_fork),
        cmocka_unit_test(test_receipts),     cmocka_unit_test(test_rule),         cmocka_unit_test(test_withheld),
        cmocka_unit_test(test_equivocation), cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, play_honest, close_all);
}
