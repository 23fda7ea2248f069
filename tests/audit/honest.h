/* One honest ledger for all tests of a program, a report, and records to spoil. */
#ifndef MDL_TESTS_AUDIT_HONEST_H
#define MDL_TESTS_AUDIT_HONEST_H

#include "tests/audit/support.h"

static ledger_play honest;
static mdl_audit_report report;

static inline int play_honest(void **state) {
    if (make_directory(state) != 0)
        return -1;
    ledger_play_open(&honest, NULL, "open 0", 0);
    ledger_play_all(&honest, 3, 3);
    log_key_make("example.org/ledger");
    return 0;
}

static inline int close_honest(void **state) {
    ledger_play_close(&honest);
    return remove_directory(state);
}

/* The honest records again, to spoil; the bytes of `index` are a copy. */
static inline ledger_record *spoil(size_t index, uint8_t **bytes) {
    ledger_record *record = malloc((honest.records + 1) * sizeof *record);
    assert_non_null(record);
    memcpy(record, honest.record, honest.records * sizeof *record);
    *bytes = malloc(record[index].size);
    assert_non_null(*bytes);
    memcpy(*bytes, record[index].bytes, record[index].size);
    record[index].bytes = *bytes;
    return record;
}

/* Audit records that the log signs as they are. */
static inline void audit_records(const ledger_play *p, const ledger_record *record, size_t count, double sample) {
    mdl_audit_source s = source_make(p, record, count);
    audit_source(&s, sample, &report);
}

static inline void done(void) { mdl_audit_report_free(&report); }

static inline size_t find_type(const ledger_play *p, mdl_message_type type, size_t from) {
    while (from < p->records && p->record[from].type != type)
        from++;
    assert_true(from < p->records);
    return from;
}

static inline void expect_culprit(const mdl_audit_finding *f, const ledger_play *p, uint32_t signer, const char *who) {
    assert_true(f->has_culprit);
    assert_memory_equal(f->culprit, p->key[signer], MDL_KEY_BYTES);
    assert_string_equal(f->who, who);
}

#endif
