/* Proofs that an audit has written: read, verified, spoilt. A program includes it once, behind what has `log_vkey` and
 * `report`. */
#ifndef MDL_TESTS_AUDIT_PROOFS_H
#define MDL_TESTS_AUDIT_PROOFS_H

#include <dirent.h>

#include "audit/verify_proof.h"
#include "protocol/base64.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"

static uint8_t *proof_bytes;
static size_t proof_size;
static mdl_fraud proof;
static mdl_fraud_finding verdict;

static inline void verify(const mdl_audit_source *source) {
    char error[ERROR] = "";
    assert_int_equal(mdl_verify_proof(&proof, &log_vkey, source, &verdict, error, sizeof error), MDL_OK);
}

static inline void parse(void) {
    static char again[1 << 20];
    assert_int_equal(mdl_fraud_parse((mdl_text){(char *)proof_bytes, proof_size}, &proof), MDL_OK);
    mdl_text_out out = {again, sizeof again, 0};
    mdl_fraud_put(&proof, &out);
    assert_true(out.size == proof_size && memcmp(again, proof_bytes, proof_size) == 0);
}

/* The one proof in the folder, of this kind. */
static inline void read_proof(const char *folder, const char *kind) {
    DIR *d = opendir(folder);
    char path[600] = "", error[ERROR];
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        if (e->d_name[0] != '.') {
            assert_true(path[0] == 0 && strncmp(e->d_name, kind, strlen(kind)) == 0);
            snprintf(path, sizeof path, "%s/%.80s", folder, e->d_name);
        }
    closedir(d);
    assert_true(path[0] != 0);
    free(proof_bytes);
    assert_int_equal(mdl_file_read(path, 1 << 24, &proof_bytes, &proof_size, error, sizeof error), MDL_OK);
    parse();
}

/* One byte of the file at a time, `places` of them and one at least in each field, nightly 5,000: never proven. */
static inline void spoil_all(size_t places) {
    const char *nightly = getenv("MODULON_NIGHTLY");
    places = nightly && places < 5000 ? 5000 : places;
    size_t step = proof_size <= places ? 1 : proof_size / places, begun = 0;
    for (size_t at = 0; at < proof_size; at++) {
        uint8_t was = proof_bytes[at];
        size_t column = at - begun;
        begun = was == '\n' ? at + 1 : begun;
        if (at % step != 0 && column != 24) /* behind any name */
            continue;
        char error[ERROR];
        mdl_fraud spoilt;
        mdl_fraud_finding v;
        proof_bytes[at] = was == 'B' ? 'C' : 'B';
        if (mdl_fraud_parse((mdl_text){(char *)proof_bytes, proof_size}, &spoilt) == MDL_OK) {
            assert_int_equal(mdl_verify_proof(&spoilt, &log_vkey, NULL, &v, error, sizeof error), MDL_OK);
            if (v.verdict != MDL_FRAUD_FALSE)
                fail_msg("byte %zu spoilt: %s", at, v.text);
        }
        proof_bytes[at] = was;
    }
}

/* ---- proofs of what is right, by somebody who makes them himself ---- */

static char *made[MDL_FRAUD_FIELDS];
static char made_vkey[MDL_VKEY_TEXT_MAX];

static inline void made_put(mdl_fraud_field field, const void *bytes, size_t size) {
    mdl_text_out out = {malloc(MDL_BASE64_CHARS(size)), MDL_BASE64_CHARS(size), 0};
    assert_non_null(out.at);
    mdl_base64_put(&out, bytes, size);
    free(made[field]);
    made[field] = out.at;
    proof.field[field] = (mdl_text){out.at, out.size};
}

static inline void made_free(void) {
    for (int i = 0; i < MDL_FRAUD_FIELDS; i++) {
        free(made[i]);
        made[i] = NULL;
    }
}

/* The inclusion of record `at` in a log of the records up to it, and the record: `proof` has two fields of a kind. */
static inline void made_record(const ledger_record *record, size_t at, mdl_fraud_field field, mdl_fraud_field path) {
    mdl_hash leaf, root;
    mdl_merkle_edge edge;
    char note[1024], text[4096];
    mdl_tlog_proof p = {.index = at};
    memset(&edge, 0, sizeof edge);
    for (size_t i = 0; i < at; i++) {
        mdl_merkle_leaf(record[i].bytes, record[i].size, &leaf);
        mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
    }
    for (uint32_t l = 0; l < 32; l++) /* the newest leaf's path: the peaks left of it */
        if (at >> l & 1)
            p.hash[p.count++] = edge.peak[l];
    mdl_merkle_leaf(record[at].bytes, record[at].size, &leaf);
    mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
    mdl_merkle_edge_root(&edge, &root);
    p.checkpoint = (mdl_text){note, note_sign(note, sizeof note, at + 1, &root)};
    mdl_text_out out = {text, sizeof text, 0};
    mdl_tlog_proof_put(&p, &out);
    made_put(field, record[at].bytes, record[at].size);
    made_put(path, text, out.size);
}

static inline void made_begin(mdl_fraud_kind kind, const ledger_record *record, size_t at) {
    made_free();
    mdl_vkey_print(&log_vkey, made_vkey);
    proof = (mdl_fraud){.kind = kind};
    proof.field[MDL_FRAUD_LOG_FIELD] = mdl_text_of(made_vkey);
    made_record(record, at, MDL_FRAUD_RECORD_FIELD, MDL_FRAUD_PROOF_FIELD);
}

/* The receipt of record `k` in a log of all records, as files of a worker. */
static inline void keep_receipt(const ledger_play *play, const char *folder, size_t k) {
    char path[700], error[ERROR], note[MDL_NOTE_MAX], text[8192];
    mdl_store s;
    mdl_merkle_proof path_of;
    size_t size;
    assert_int_equal(mdl_store_open_memory(&s, error, sizeof error), MDL_OK);
    store_fill(&s, play, play->record, play->records);
    assert_int_equal(s.checkpoint(&s, note, &size, error, sizeof error), MDL_OK);
    mdl_merkle_lookup lookup = mdl_store_lookup(&s);
    assert_int_equal(mdl_merkle_prove_inclusion(k, play->records, &lookup, &path_of), MDL_OK);
    mdl_tlog_proof p = {.index = k, .count = path_of.count, .checkpoint = {note, size}};
    memcpy(p.hash, path_of.hash, path_of.count * sizeof *path_of.hash);
    mdl_text_out out = {text, sizeof text, 0};
    mdl_tlog_proof_put(&p, &out);
    snprintf(path, sizeof path, "%s/receipts/x", folder);
    assert_int_equal(mdl_make_directories(path, error, sizeof error), MDL_OK);
    snprintf(path, sizeof path, "%s/receipts/x/%zu.tlog-proof", folder, k);
    assert_int_equal(mdl_file_write(path, text, out.size, error, sizeof error), MDL_OK);
    snprintf(path, sizeof path, "%s/receipts/x/%zu.envelope", folder, k);
    assert_int_equal(mdl_file_write(path, play->record[k].bytes, play->record[k].size, error, sizeof error), MDL_OK);
    mdl_store_close(&s);
}

static inline void audit_with(mdl_audit_source *s, double sample, const char *receipts, const char *proofs) {
    char error[ERROR] = "";
    mdl_audit_options o = options_make(sample);
    o.receipts = receipts;
    o.proofs = proofs;
    if (mdl_audit_run(s, &o, &report, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_audit_source_close(s);
}

#endif
