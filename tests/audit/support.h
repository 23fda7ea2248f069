/* Stores for the tests of the auditor, made from the ledger fixture: as the
 * coordinator would have written them, or as a lying one would. */
#ifndef MDL_TESTS_AUDIT_SUPPORT_H
#define MDL_TESTS_AUDIT_SUPPORT_H

#include "tests/store/support.h" /* first: it asks for XSI */

#include <sqlite3.h>

#include "audit/audit.h"
#include "tests/support/ledger_fixture.h"

enum { LOG_SIGNER = LEDGER_SIGNERS_MAX - 1, BATCH = 7 /* records of a checkpoint */ };

static mdl_vkey log_vkey; /* of LOG_SIGNER */
static uint8_t log_secret[MDL_SECRET_BYTES];

static inline void log_key_make(const char *origin) {
    uint8_t key[MDL_KEY_BYTES];
    ledger_key(LOG_SIGNER, key, log_secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of(origin), MDL_NOTE_TYPE_ED25519, key, &log_vkey), MDL_OK);
}

static inline size_t note_sign(char *out, size_t capacity, uint64_t size, const mdl_hash *root) {
    mdl_checkpoint c = {mdl_text_of(log_vkey.name), size, *root, {NULL, 0}};
    mdl_text_out text = {out, capacity, 0};
    assert_int_equal(mdl_checkpoint_sign(&c, &log_vkey, log_secret, &text), MDL_OK);
    assert_true(text.size <= capacity);
    return text.size;
}

/* Append `count` records in batches, each with its signed checkpoint, and the blobs of `p`. */
static inline void store_fill(mdl_store *s, const ledger_play *p, const ledger_record *record, size_t count) {
    char error[ERROR], note[1024];
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_merkle_edge edge;
    memset(&edge, 0, sizeof edge);
    for (size_t i = 0; i < p->blobs; i++)
        assert_int_equal(s->blob_put(s, p->blob[i].bytes, p->blob[i].size, digest, error, sizeof error), MDL_OK);
    for (size_t at = 0; at < count; at += BATCH) {
        mdl_store_record batch[BATCH];
        mdl_hash leaf, root;
        size_t n = 0;
        for (; n < BATCH && at + n < count; n++) {
            batch[n] = (mdl_store_record){record[at + n].bytes, record[at + n].size, NULL};
            mdl_merkle_leaf(batch[n].bytes, batch[n].size, &leaf);
            mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
        }
        mdl_merkle_edge_root(&edge, &root);
        size_t size = note_sign(note, sizeof note, edge.size, &root);
        if (s->append(s, batch, n, note, size, error, sizeof error) != MDL_OK)
            fail_msg("%s", error);
    }
}

static inline void directory_make(const char *path, const ledger_play *p) {
    mdl_store s;
    char error[ERROR];
    if (mdl_store_open(&s, path, 0, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    store_fill(&s, p, p->record, p->records);
    mdl_store_close(&s);
}

/* A source over records that may be anybody's, signed by the log as they are. */
static inline mdl_audit_source source_make(const ledger_play *p, const ledger_record *record, size_t count) {
    mdl_audit_source source;
    mdl_store s;
    char error[ERROR];
    assert_int_equal(mdl_store_open_memory(&s, error, sizeof error), MDL_OK);
    store_fill(&s, p, record, count);
    assert_int_equal(mdl_audit_open_store(&source, &s), MDL_OK);
    return source;
}

static inline mdl_audit_options options_make(double sample) {
    return (mdl_audit_options){.log = log_vkey, .sample = sample, .seed = 5, .threads = 2};
}

/* Audit and close the source. */
static inline void audit_source(mdl_audit_source *s, double sample, mdl_audit_report *r) {
    char error[ERROR] = "";
    mdl_audit_options o = options_make(sample);
    if (mdl_audit_run(s, &o, r, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_audit_source_close(s);
}

/* As `modulon audit DIR` does. */
static inline void audit_directory(const char *path, double sample, mdl_audit_report *r) {
    mdl_audit_source s;
    char error[ERROR] = "";
    mdl_err e = mdl_audit_open_directory(&s, path, error, sizeof error);
    if (e == MDL_OK) {
        audit_source(&s, sample, r);
        return;
    }
    if (e != MDL_EDIGEST && e != MDL_EMISMATCH)
        fail_msg("%s", error);
    memset(r, 0, sizeof *r);
    mdl_audit_add(r, MDL_AUDIT_NO_RECORD, MDL_AUDIT_MISSING, error);
}

/* The finding of this rule and record, or NULL. */
static inline const mdl_audit_finding *find(const mdl_audit_report *r, int rule, uint64_t record) {
    for (uint32_t i = 0; i < r->findings; i++)
        if (r->finding[i].rule == rule && r->finding[i].record == record)
            return &r->finding[i];
    return NULL;
}

static inline const mdl_audit_finding *expect_finding(const mdl_audit_report *r, int rule, uint64_t record) {
    const mdl_audit_finding *f = find(r, rule, record);
    if (!f) {
        char *text = mdl_audit_text(r);
        fail_msg("no finding of rule %s at record %llu, but:\n%s", mdl_audit_rule_name(rule),
                 (unsigned long long)record, text);
    }
    assert_true(f->text[0] != 0);
    return f;
}

static inline void expect_clean(const mdl_audit_report *r) {
    if (r->findings > 0)
        fail_msg("a finding in an honest ledger:\n%s", mdl_audit_text(r));
}

/* What a record says; its lists are the next call's. */
static inline mdl_message record_message(const ledger_record *r) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    static uint64_t list[MDL_LIST_MAX];
    mdl_envelope e;
    mdl_message m;
    assert_int_equal(mdl_envelope_decode(r->bytes, r->size, pae, &e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){list, MDL_LIST_MAX}, &m, NULL), MDL_OK);
    return m;
}

/* One SQL statement on a store's database, behind its back. */
static inline void sql(const char *path, const char *statement, sqlite3_int64 index, const void *bytes, size_t size) {
    sqlite3 *db;
    sqlite3_stmt *st;
    char file[600];
    snprintf(file, sizeof file, "%s/ledger.db", path);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, statement, -1, &st, NULL), SQLITE_OK);
    sqlite3_bind_int64(st, 1, index);
    if (bytes)
        sqlite3_bind_blob(st, 2, bytes, (int)size, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

#endif
