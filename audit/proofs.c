/* Fraud proofs of what an audit finds: PROTOCOL section 9.7. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "protocol/base64.h"
#include "protocol/fraud.h"
#include "protocol/grow.h"
#include "protocol/tlog_proof.h"
#include "runtime/file.h"

/* A proof in the making: values in base64, owned. */
typedef struct making {
    mdl_audit *a;
    mdl_fraud f;
    char *owned[MDL_FRAUD_FIELDS];
    char vkey[MDL_VKEY_TEXT_MAX];
    mdl_err err;
} making;

static void begin(making *m, mdl_audit *a, mdl_fraud_kind kind) {
    *m = (making){.a = a, .err = MDL_OK};
    m->f.kind = kind;
    if (kind != MDL_FRAUD_EQUIVOCATION) {
        mdl_vkey_print(&a->options->log, m->vkey);
        m->f.field[MDL_FRAUD_LOG_FIELD] = mdl_text_of(m->vkey);
    }
}

static void put(making *m, mdl_fraud_field field, const void *bytes, size_t size) {
    size_t room = MDL_BASE64_CHARS(size);
    mdl_text_out out = {m->err == MDL_OK ? malloc(room + 1) : NULL, room, 0};
    if (!out.at) {
        m->err = m->err == MDL_OK ? MDL_ENOMEM : m->err;
        return;
    }
    mdl_base64_put(&out, bytes, size);
    m->owned[field] = out.at;
    m->f.field[field] = (mdl_text){out.at, out.size};
}

/* Write DIR/KIND-WHAT.fraud, once. */
static void finish(making *m, const char *what) {
    const mdl_audit *a = m->a;
    char path[4096], error[512];
    mdl_text_out size = {NULL, 0, 0};
    mdl_fraud_put(&m->f, &size);
    mdl_text_out out = {m->err == MDL_OK ? malloc(size.size + 1) : NULL, size.size, 0};
    int n = snprintf(path, sizeof path, "%s/%s-%s.fraud", a->options->proofs, mdl_fraud_name(m->f.kind), what);
    if (out.at && n > 0 && (size_t)n < sizeof path) {
        mdl_fraud_put(&m->f, &out);
        if (mdl_make_directories(a->options->proofs, error, sizeof error) == MDL_OK &&
            mdl_file_write(path, out.at, out.size, error, sizeof error) == MDL_OK)
            a->report->proofs++;
        else
            a->report->proofs_failed++;
    } else {
        a->report->proofs_failed++;
    }
    free(out.at);
    for (int i = 0; i < MDL_FRAUD_FIELDS; i++)
        free(m->owned[i]);
}

static void finish_numbered(making *m, uint64_t index) {
    char what[64];
    snprintf(what, sizeof what, "%" PRIu64, index);
    finish(m, what);
}

/* ---- from the records ---- */

static mdl_err subtree(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const mdl_audit *a = ctx;
    mdl_merkle_edge edge;
    memset(&edge, 0, sizeof edge);
    uint64_t count = UINT64_C(1) << level;
    if (index >= a->records >> level)
        return MDL_ERANGE;
    mdl_err err = mdl_merkle_append(&edge, a->leaf + (index << level), (size_t)count, NULL, NULL);
    *out = edge.peak[level];
    return err;
}

static void put_inclusion(making *m, mdl_fraud_field field, uint64_t index) {
    mdl_audit *a = m->a;
    mdl_merkle_lookup lookup = {subtree, a};
    mdl_merkle_proof path;
    mdl_tlog_proof p = {.index = index, .checkpoint = {a->note, a->note_size}};
    mdl_err err = a->note && a->records == a->report->size
                      ? mdl_merkle_prove_inclusion(index, a->records, &lookup, &path)
                      : MDL_ENOENT;
    char *text = err == MDL_OK ? malloc(MDL_TLOG_PROOF_MAX) : NULL;
    if (!text) {
        m->err = err == MDL_OK ? MDL_ENOMEM : err;
        return;
    }
    mdl_text_out out = {text, MDL_TLOG_PROOF_MAX, 0};
    p.count = path.count;
    memcpy(p.hash, path.hash, path.count * sizeof *path.hash);
    mdl_tlog_proof_put(&p, &out);
    put(m, field, text, out.size);
    free(text);
}

typedef struct wanted {
    making *m;
    mdl_fraud_field field;
} wanted;

static mdl_err on_record(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    const wanted *w = ctx;
    (void)number;
    put(w->m, w->field, bytes, size);
    return MDL_OK;
}

static void put_record(making *m, mdl_fraud_field field, uint64_t index) {
    mdl_audit *a = m->a;
    char error[512];
    wanted w = {m, field};
    mdl_err err =
        a->source->records(a->source->ctx, a->report->size, index, index + 1, on_record, &w, error, sizeof error);
    if (m->err == MDL_OK)
        m->err = err;
}

/* ---- the kinds ---- */

void mdl_proofs_fork(mdl_audit *a, const char *note, size_t size, uint64_t tree) {
    making m;
    mdl_merkle_lookup lookup = {subtree, a};
    mdl_merkle_proof path;
    mdl_hash root;
    char what[64];
    if (!a->options->proofs || !note || !a->note)
        return;
    begin(&m, a, MDL_FRAUD_FORK);
    put(&m, MDL_FRAUD_FIRST_FIELD, note, size);
    put(&m, MDL_FRAUD_SECOND_FIELD, a->note, a->note_size);
    if (tree < a->records) {
        mdl_err err = mdl_merkle_root(tree, &lookup, &root);
        if (err == MDL_OK)
            err = mdl_merkle_prove_consistency(tree, a->records, &lookup, &path);
        if (err == MDL_OK) {
            put(&m, MDL_FRAUD_ROOT_FIELD, root.bytes, sizeof root.bytes);
            if (path.count > 0)
                put(&m, MDL_FRAUD_HASH_FIELD, path.hash, path.count * sizeof *path.hash);
        } else {
            m.err = err;
        }
    }
    snprintf(what, sizeof what, "%" PRIu64, tree);
    finish(&m, what);
}

void mdl_proofs_dropped(mdl_audit *a, const uint8_t *record, size_t size, const char *receipt, size_t receipt_size,
                        uint64_t index) {
    making m;
    if (!a->options->proofs)
        return;
    begin(&m, a, MDL_FRAUD_DROPPED);
    put(&m, MDL_FRAUD_RECORD_FIELD, record, size);
    put(&m, MDL_FRAUD_PROOF_FIELD, receipt, receipt_size);
    put(&m, MDL_FRAUD_LEAF_FIELD, a->leaf[index].bytes, MDL_HASH_BYTES);
    put_record(&m, MDL_FRAUD_OTHER_FIELD, index);
    put_inclusion(&m, MDL_FRAUD_SHOWN_FIELD, index);
    finish_numbered(&m, index);
}

void mdl_proofs_rule(mdl_audit *a, uint64_t index, int rule) {
    making m;
    char number[16];
    if (!a->options->proofs)
        return;
    begin(&m, a, MDL_FRAUD_RULE);
    snprintf(number, sizeof number, "%d", rule);
    m.f.field[MDL_FRAUD_NUMBER_FIELD] = mdl_text_of(number);
    put_record(&m, MDL_FRAUD_RECORD_FIELD, index);
    put_inclusion(&m, MDL_FRAUD_PROOF_FIELD, index);
    finish_numbered(&m, index);
}

void mdl_proofs_withheld(mdl_audit *a, uint64_t index, const uint8_t digest[MDL_DIGEST_BYTES]) {
    making m;
    if (!a->options->proofs)
        return;
    begin(&m, a, MDL_FRAUD_WITHHELD);
    put_record(&m, MDL_FRAUD_RECORD_FIELD, index);
    put_inclusion(&m, MDL_FRAUD_PROOF_FIELD, index);
    put(&m, MDL_FRAUD_BLOB_FIELD, digest, MDL_DIGEST_BYTES);
    finish_numbered(&m, index);
}

static void put_blob(making *m, mdl_fraud_field field, const uint8_t digest[MDL_DIGEST_BYTES]) {
    const mdl_audit *a = m->a;
    char error[512];
    uint8_t *bytes = NULL;
    size_t size;
    mdl_err err = a->source->blob(a->source->ctx, digest, &bytes, &size, error, sizeof error);
    if (err == MDL_OK)
        put(m, field, bytes, size);
    else if (m->err == MDL_OK)
        m->err = err;
    free(bytes);
}

/* What is computed again on a state: the record, what led to the state, the state. */
static void begin_computed(making *m, mdl_audit *a, mdl_fraud_kind kind, uint64_t index, const mdl_evolution *e,
                           uint64_t last_close) {
    mdl_buffer state = {0};
    begin(m, a, kind);
    put_record(m, MDL_FRAUD_RECORD_FIELD, index);
    put_inclusion(m, MDL_FRAUD_PROOF_FIELD, index);
    put_blob(m, MDL_FRAUD_DOCUMENT_FIELD, mdl_ledger_genesis(a->ledger)->document);
    if (mdl_evolution_generation(e) > 0) {
        mdl_sink sink = mdl_buffer_sink(&state);
        mdl_evolution_save(e, &sink);
        put_record(m, MDL_FRAUD_CLOSE_FIELD, last_close);
        put_inclusion(m, MDL_FRAUD_CLOSE_PROOF_FIELD, last_close);
        if (state.failed)
            m->err = MDL_ENOMEM;
        else
            put(m, MDL_FRAUD_STATE_FIELD, state.bytes, state.size);
    }
    free(state.bytes);
}

void mdl_proofs_result(mdl_audit *a, uint64_t index) {
    making m;
    if (!a->options->proofs)
        return;
    begin_computed(&m, a, MDL_FRAUD_RESULT, index, mdl_ledger_evolution(a->ledger), a->last_close);
    finish_numbered(&m, index);
}

void mdl_proofs_decision(mdl_audit *a, uint64_t index, const mdl_evolution *of, uint64_t last_close) {
    making m;
    if (!a->options->proofs)
        return;
    begin_computed(&m, a, MDL_FRAUD_DECISION, index, of, last_close);
    finish_numbered(&m, index);
}

void mdl_proofs_judgement(mdl_audit *a, uint64_t index, const mdl_ledger_dispute *d) {
    making m;
    mdl_buffer moves = {0};
    mdl_sink sink = mdl_buffer_sink(&moves);
    if (!a->options->proofs)
        return;
    begin_computed(&m, a, MDL_FRAUD_JUDGEMENT, index, mdl_ledger_evolution(a->ledger), a->last_close);
    mdl_err err = mdl_ledger_transcript(a->ledger, d, &sink);
    if (err == MDL_OK && moves.failed)
        err = MDL_ENOMEM;
    if (err == MDL_OK)
        put(&m, MDL_FRAUD_TRANSCRIPT_FIELD, moves.bytes, moves.size);
    else if (m.err == MDL_OK)
        m.err = err;
    free(moves.bytes);
    finish_numbered(&m, index);
}

void mdl_proofs_shardverdict(mdl_audit *a, uint64_t index, uint64_t lease, const uint8_t evidence[MDL_DIGEST_BYTES]) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    making m;
    if (!a->options->proofs)
        return;
    begin_computed(&m, a, MDL_FRAUD_SHARDVERDICT, index, mdl_ledger_evolution(a->ledger), a->last_close);
    put_record(&m, MDL_FRAUD_LEASE_FIELD, lease);
    put_inclusion(&m, MDL_FRAUD_LEASE_PROOF_FIELD, lease);
    if (memcmp(evidence, none, sizeof none) != 0)
        put_blob(&m, MDL_FRAUD_EVIDENCE_FIELD, evidence);
    finish_numbered(&m, index);
}

void mdl_proofs_joined(mdl_audit *a, uint64_t index, const uint8_t transcript[MDL_DIGEST_BYTES]) {
    making m;
    if (!a->options->proofs)
        return;
    begin_computed(&m, a, MDL_FRAUD_JOINED, index, mdl_ledger_evolution(a->ledger), a->last_close);
    put_blob(&m, MDL_FRAUD_TRANSCRIPT_FIELD, transcript);
    finish_numbered(&m, index);
}
