/* Step 1: checkpoints, tree and tiles; and the frame around the other steps. */
#include "audit/audit.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit_internal.h"
#include "protocol/grow.h"
#include "protocol/tile.h"
#include "runtime/progress.h"

/* ---- rules, findings, draws ---- */

const char *mdl_audit_rule_name(int rule) {
    switch (rule) {
#define X(name, number, sentence)                                                                                      \
    case number:                                                                                                       \
        return #name;
        MDL_AUDIT_RULE_MAP(X)
#undef X
    default:
        return mdl_rule_name(rule);
    }
}

const char *mdl_audit_rule_sentence(int rule) {
    switch (rule) {
#define X(name, number, sentence)                                                                                      \
    case number:                                                                                                       \
        return sentence;
        MDL_AUDIT_RULE_MAP(X)
#undef X
    default:
        return mdl_rule_sentence(rule);
    }
}

static void describe(const mdl_audit *a, mdl_audit_finding *f) {
    const mdl_ledger_worker *w = a->ledger ? mdl_ledger_worker_find(a->ledger, f->culprit) : NULL;
    if (w && w->name[0])
        snprintf(f->who, sizeof f->who, "worker \"%s\"", w->name);
    else if (w)
        snprintf(f->who, sizeof f->who, "a worker");
    else if (memcmp(f->culprit, a->options->log.key, sizeof f->culprit) == 0)
        snprintf(f->who, sizeof f->who, "the log");
    else if (a->ledger && memcmp(f->culprit, a->report->coordinator, sizeof f->culprit) == 0)
        snprintf(f->who, sizeof f->who, "the coordinator");
    else
        snprintf(f->who, sizeof f->who, "a key that was not admitted");
}

static mdl_audit_finding *next_finding(mdl_audit_report *r, uint64_t record, int rule) {
    if (r->findings == MDL_AUDIT_FINDINGS_MAX) {
        r->more++;
        return NULL;
    }
    mdl_audit_finding *f = &r->finding[r->findings++];
    *f = (mdl_audit_finding){.record = record, .rule = rule};
    return f;
}

void mdl_audit_found(mdl_audit *a, uint64_t record, int rule, const uint8_t *culprit, const char *format, ...) {
    mdl_audit_finding *f = next_finding(a->report, record, rule);
    if (!f)
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
    if (culprit) {
        f->has_culprit = 1;
        memcpy(f->culprit, culprit, sizeof f->culprit);
        describe(a, f);
    }
}

void mdl_audit_noted(mdl_audit *a, uint64_t record, int rule, const uint8_t *culprit, const char *format, ...) {
    mdl_audit_report *r = a->report;
    if (r->notes == MDL_AUDIT_NOTES_MAX) {
        r->more_notes++;
        return;
    }
    mdl_audit_finding *f = &r->note[r->notes++];
    *f = (mdl_audit_finding){.record = record, .rule = rule, .has_culprit = 1};
    memcpy(f->culprit, culprit, sizeof f->culprit);
    describe(a, f);
    va_list list;
    va_start(list, format);
    vsnprintf(f->text, sizeof f->text, format, list);
    va_end(list);
}

void mdl_audit_add(mdl_audit_report *r, uint64_t record, int rule, const char *text) {
    mdl_audit_finding *f = next_finding(r, record, rule);
    if (f)
        snprintf(f->text, sizeof f->text, "%s", text);
}

int mdl_audit_unreadable(mdl_err err) { return err == MDL_EIO || err == MDL_ENOMEM; }

void mdl_audit_progress(const mdl_audit *a, mdl_audit_step step, double fraction, const char *text) {
    if (a->options->progress)
        a->options->progress(a->options->progress_ctx, step, fraction, text);
}

int mdl_audit_drawn(const mdl_hash *root, uint64_t seed, double sample, uint64_t index) {
    static const char domain[] = "modulon audit draw v1";
    mdl_digest d;
    uint8_t digest[MDL_DIGEST_BYTES];
    if (sample >= 1)
        return 1;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_bytes(&sink, root->bytes, sizeof root->bytes);
    mdl_put_u64(&sink, seed);
    mdl_put_u64(&sink, index);
    mdl_digest_final(&d, digest);
    mdl_reader reader = {digest, sizeof digest, 0};
    return (double)mdl_get_u64(&reader) < sample * 0x1p64;
}

uint64_t mdl_audit_confident(double sample) {
    if (sample >= 1)
        return 1;
    double w = sample > 0 ? ceil(log(0.01) / log1p(-sample)) : 0;
    return w < 0x1p63 ? (uint64_t)w : UINT64_MAX;
}

/* ---- checkpoints ---- */

typedef struct signed_tree {
    uint64_t size;
    mdl_hash root, found; /* found: over the records */
    int other;            /* from elsewhere          */
    char *note;           /* kept for a proof, or NULL */
    size_t note_size;
} signed_tree;

typedef struct trees {
    mdl_audit *a;
    mdl_log_policy policy;
    signed_tree *at;
    size_t count;
    uint32_t room;
} trees;

static mdl_err keep_tree(trees *t, const mdl_checkpoint *c, int other, mdl_text note) {
    /* Receipts of one batch stand under one checkpoint. */
    if (t->count > 0 && t->at[t->count - 1].size == c->size && mdl_hash_equal(&t->at[t->count - 1].root, &c->root))
        return MDL_OK;
    if (!mdl_list_grow(&t->at, &t->room, t->count + 1, sizeof *t->at))
        return MDL_ENOMEM;
    signed_tree kept = {.size = c->size, .root = c->root, .other = other};
    if (t->a->options->proofs) {
        kept.note = malloc(note.size);
        kept.note_size = note.size;
        if (!kept.note)
            return MDL_ENOMEM;
        memcpy(kept.note, note.at, note.size);
    }
    t->at[t->count++] = kept;
    return MDL_OK;
}

static int by_size(const void *a, const void *b) {
    uint64_t m = ((const signed_tree *)a)->size, n = ((const signed_tree *)b)->size;
    return m < n ? -1 : m > n;
}

static const char *note_fault(mdl_err err) {
    return err == MDL_ENOENT      ? "the log's key has not signed it"
           : err == MDL_EMISMATCH ? "its origin is not the name of the log's key"
                                  : mdl_strerror((int)err);
}

static mdl_err on_checkpoint(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    trees *t = ctx;
    mdl_checkpoint c;
    mdl_err err = mdl_checkpoint_verify((mdl_text){(const char *)bytes, size}, &t->policy, &c, NULL);
    if (err == MDL_ENOMEM)
        return err;
    if (err == MDL_OK && c.size != number)
        err = MDL_EMISMATCH;
    if (err != MDL_OK) {
        mdl_audit_found(t->a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_CHECKPOINT, NULL,
                        "the checkpoint kept for size %" PRIu64 ": %s", number, note_fault(err));
        return MDL_OK;
    }
    t->a->report->checkpoints++;
    return c.size <= t->a->report->size ? keep_tree(t, &c, 0, (mdl_text){(const char *)bytes, size})
                                        : MDL_OK; /* newer ones come while we read */
}

/* The newest checkpoint: *known 0 when it is not the log's, so that there is nothing to compare with. */
static mdl_err newest(trees *t, int *known) {
    mdl_audit *a = t->a;
    char *note = malloc(MDL_NOTE_MAX);
    size_t size = 0;
    mdl_checkpoint c;
    *known = 0;
    if (!note)
        return MDL_ENOMEM;
    mdl_err err = a->source->checkpoint(a->source->ctx, note, &size, a->error, a->error_size);
    if (err == MDL_OK) {
        err = mdl_checkpoint_verify((mdl_text){note, size}, &t->policy, &c, NULL);
        *known = err == MDL_OK;
        if (err == MDL_OK) {
            a->report->size = c.size;
            a->report->root = c.root;
            a->report->checkpoints += a->source->checkpoints == NULL; /* else it comes again */
            err = keep_tree(t, &c, 0, (mdl_text){note, size});
            a->note_size = size;
        } else if (err != MDL_ENOMEM) {
            mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_CHECKPOINT, NULL,
                            "the newest checkpoint: %s. Is the verifier key that of this log? Nothing further was read",
                            note_fault(err));
            err = MDL_OK;
        }
    } else if (!mdl_audit_unreadable(err) && err != MDL_ENOENT) {
        mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_CHECKPOINT, NULL, "the newest checkpoint: %s", a->error);
        err = MDL_OK;
    }
    if (*known)
        a->note = note;
    else
        free(note);
    return err;
}

/* The policy's witnesses must have cosigned the newest checkpoint, or the one kept for them. */
static mdl_err check_policy(trees *t) {
    mdl_audit *a = t->a;
    mdl_audit_report *r = a->report;
    mdl_checkpoint c;
    mdl_checkpoint_seal seal;
    char *own = NULL;
    mdl_text note = {a->note, a->note_size};
    if (!a->options->policy)
        return MDL_OK;
    r->has_policy = 1;
    r->witnesses = a->options->policy->witnesses;
    if (a->source->witnessed) {
        own = malloc(MDL_NOTE_MAX);
        if (!own)
            return MDL_ENOMEM;
        mdl_err err = a->source->witnessed(a->source->ctx, own, &note.size, a->error, a->error_size);
        if (mdl_audit_unreadable(err)) {
            free(own);
            return err;
        }
        note.at = err == MDL_OK ? own : a->note;
        note.size = err == MDL_OK ? note.size : a->note_size;
    }
    mdl_err err = mdl_tlog_policy_verify(note, a->options->policy, NULL, &c, &seal);
    r->quorum = err == MDL_OK;
    r->cosigned = seal.cosigned;
    r->witnessed_size = c.size;
    if (err == MDL_ENOMEM) {
        free(own);
        return err;
    }
    if (err != MDL_OK)
        mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_QUORUM, NULL,
                        "%" PRIu32 " of the policy's %" PRIu32 " witnesses have cosigned the checkpoint: %s",
                        r->cosigned, r->witnesses, err == MDL_ENOENT ? "the quorum is not reached" : note_fault(err));
    err = err == MDL_OK && own && c.size <= r->size ? keep_tree(t, &c, 1, note) : MDL_OK;
    free(own);
    return err;
}

static mdl_err on_receipt(void *ctx, const mdl_checkpoint *c, mdl_text note) {
    trees *t = ctx;
    return c->size <= t->a->report->size ? keep_tree(t, c, 1, note) : MDL_OK;
}

static mdl_err other_checkpoint(trees *t, mdl_text note) {
    mdl_audit *a = t->a;
    mdl_checkpoint c;
    mdl_err err = mdl_checkpoint_verify(note, &t->policy, &c, NULL);
    if (err == MDL_ENOMEM)
        return err;
    if (err != MDL_OK) {
        snprintf(a->error, a->error_size, "the checkpoint to compare with: %s", note_fault(err));
        return MDL_ESIGNATURE;
    }
    a->report->checkpoints++;
    if (c.size <= a->report->size)
        return keep_tree(t, &c, 1, note);
    if (!a->source->checkpoints) { /* what is published may lie behind what is signed */
        a->report->ahead++;
        return MDL_OK;
    }
    mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_MISSING, a->options->log.key,
                    "the log signed a checkpoint of %" PRIu64 " records, but shows %" PRIu64, c.size, a->report->size);
    return MDL_OK;
}

/* ---- the tree ---- */

typedef struct walk {
    mdl_audit *a;
    trees *t;
    size_t next; /* tree to compare */
    mdl_merkle_edge edge;
    uint32_t room; /* of a->leaf */
} walk;

/* What the records give for every signed tree of this size. */
static void reach(walk *w) {
    for (; w->next < w->t->count && w->t->at[w->next].size == w->edge.size; w->next++)
        mdl_merkle_edge_root(&w->edge, &w->t->at[w->next].found);
}

static mdl_err on_record(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    walk *w = ctx;
    mdl_audit *a = w->a;
    (void)number;
    /* By what comes, not by what the checkpoint promises. */
    if (!mdl_list_grow(&a->leaf, &w->room, a->records + 1, sizeof *a->leaf))
        return MDL_ENOMEM;
    mdl_merkle_leaf(bytes, size, &a->leaf[a->records]);
    mdl_err err = mdl_merkle_append(&w->edge, &a->leaf[a->records], 1, NULL, NULL);
    if (err != MDL_OK)
        return err;
    a->records++;
    reach(w);
    if (a->records % 64 == 0)
        mdl_audit_progress(a, MDL_AUDIT_TREE_STEP, (double)a->records / (double)a->report->size, "records hashed");
    return MDL_OK;
}

/* The records are not what was signed. Where the leaf hashes kept beside them are, they say which ones. */
static mdl_err find_changed(mdl_audit *a, uint64_t from, uint64_t to) {
    mdl_hash tile[MDL_TILE_WIDTH], root;
    mdl_merkle_edge edge;
    memset(&edge, 0, sizeof edge);
    uint64_t found = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t first = 0; first < a->records; first += MDL_TILE_WIDTH) {
            uint64_t left = a->report->size - first;
            uint32_t width = left < MDL_TILE_WIDTH ? (uint32_t)left : MDL_TILE_WIDTH;
            mdl_err err =
                a->source->hashes(a->source->ctx, 0, first / MDL_TILE_WIDTH, width, tile, a->error, a->error_size);
            if (mdl_audit_unreadable(err))
                return err;
            if (err != MDL_OK)
                goto end;
            if (pass == 0 && mdl_merkle_append(&edge, tile, width, NULL, NULL) != MDL_OK)
                goto end;
            for (uint32_t i = 0; pass == 1 && i < width && first + i < a->records; i++)
                if (!mdl_hash_equal(&tile[i], &a->leaf[first + i])) {
                    mdl_audit_found(a, first + i, MDL_AUDIT_TREE, NULL,
                                    "these are not the bytes that the log signed for: the leaf hash is another");
                    found++;
                }
            if (pass == 0 && edge.size == a->report->size) {
                mdl_merkle_edge_root(&edge, &root);
                if (!mdl_hash_equal(&root, &a->report->root))
                    goto end; /* they are changed as well */
            }
        }
end:
    if (found == 0)
        mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_TREE, NULL,
                        "the records do not have the signed root of size %" PRIu64
                        "; the change lies in records %" PRIu64 " to %" PRIu64,
                        a->report->size, from, to - 1);
    return MDL_OK;
}

static mdl_err compare_trees(walk *w) {
    mdl_audit *a = w->a;
    const trees *t = w->t;
    const signed_tree *first_wrong = NULL;
    uint64_t good = 0;
    int whole = a->records == a->report->size, intact = 1;
    for (size_t i = 0; i < w->next; i++) {
        int right = mdl_hash_equal(&t->at[i].root, &t->at[i].found);
        if (!right && !first_wrong)
            first_wrong = &t->at[i];
        if (right && !first_wrong)
            good = t->at[i].size;
        if (!right && t->at[i].size == a->report->size && mdl_hash_equal(&t->at[i].root, &a->report->root))
            intact = 0;
    }
    if (!first_wrong || !whole)
        return MDL_OK;
    if (!intact)
        return find_changed(a, good, first_wrong->size);
    /* The newest checkpoint stands: whatever contradicts it, the log has signed. */
    for (size_t i = 0; i < w->next; i++)
        if (!mdl_hash_equal(&t->at[i].root, &t->at[i].found)) {
            char wrong[2 * MDL_HASH_BYTES + 1], right[2 * MDL_HASH_BYTES + 1];
            mdl_hex(t->at[i].root.bytes, MDL_HASH_BYTES, wrong);
            mdl_hex(t->at[i].found.bytes, MDL_HASH_BYTES, right);
            mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_FORK, a->options->log.key,
                            "a checkpoint %s, signed by the log, gives size %" PRIu64
                            " the root %s; in the log as it stands it is %s",
                            t->at[i].other ? "from elsewhere" : "kept here", t->at[i].size, wrong, right);
            mdl_proofs_fork(a, t->at[i].note, t->at[i].note_size, t->at[i].size);
        }
    return MDL_OK;
}

/* ---- tiles ---- */

/* Hash tiles of every level against the hashes that the records give. `at` is used up. */
static mdl_err compare_tiles(mdl_audit *a, mdl_hash *at, uint64_t count) {
    mdl_hash tile[MDL_TILE_WIDTH];
    uint32_t wrong = 0;
    for (uint32_t level = 0; count > 0 && level < MDL_TILE_LEVELS && wrong < 10; level++) {
        for (uint64_t first = 0; first < count && wrong < 10; first += MDL_TILE_WIDTH) {
            uint32_t width = count - first < MDL_TILE_WIDTH ? (uint32_t)(count - first) : MDL_TILE_WIDTH;
            mdl_err err =
                a->source->hashes(a->source->ctx, level, first / MDL_TILE_WIDTH, width, tile, a->error, a->error_size);
            if (mdl_audit_unreadable(err))
                return err;
            a->report->tiles++;
            for (uint32_t i = 0; i < width && err == MDL_OK; i++)
                if (!mdl_hash_equal(&tile[i], &at[first + i])) {
                    err = MDL_EDIGEST;
                    snprintf(a->error, a->error_size, "hash %" PRIu32 " is not that of the records", i);
                }
            if (err != MDL_OK) {
                mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_TILE, NULL,
                                "hash tile %" PRIu64 " of level %" PRIu32 ": %s", first / MDL_TILE_WIDTH, level,
                                a->error);
                wrong++;
            }
        }
        uint64_t above = count / MDL_TILE_WIDTH;
        for (uint64_t i = 0; i < above; i++) {
            mdl_merkle_edge edge;
            memset(&edge, 0, sizeof edge);
            if (mdl_merkle_append(&edge, at + i * MDL_TILE_WIDTH, MDL_TILE_WIDTH, NULL, NULL) == MDL_OK)
                tile[0] = edge.peak[8];
            at[i] = tile[0];
        }
        count = above;
    }
    return MDL_OK;
}

static mdl_err check_tiles(mdl_audit *a) {
    mdl_hash *copy = a->records <= SIZE_MAX / sizeof *copy ? malloc((size_t)a->records * sizeof *copy) : NULL;
    if (!copy)
        return MDL_ENOMEM;
    memcpy(copy, a->leaf, (size_t)a->records * sizeof *copy);
    mdl_err err = compare_tiles(a, copy, a->records);
    free(copy);
    return err;
}

/* ---- step 1 ---- */

static mdl_err tree_step(mdl_audit *a, trees *t, mdl_receipts **receipts) {
    int known;
    walk w = {.a = a, .t = t};
    t->policy.log = a->options->log;
    mdl_err err = newest(t, &known);
    if (err != MDL_OK || !known)
        return err;
    if (a->source->checkpoints)
        err = a->source->checkpoints(a->source->ctx, on_checkpoint, t, a->error, a->error_size);
    if (err != MDL_OK && !mdl_audit_unreadable(err)) {
        mdl_audit_found(a, MDL_AUDIT_NO_RECORD, MDL_AUDIT_CHECKPOINT, NULL, "%s", a->error);
        err = MDL_OK;
    }
    for (uint32_t i = 0; i < a->options->others && err == MDL_OK; i++)
        err = other_checkpoint(t, a->options->other[i]);
    err = err == MDL_OK ? check_policy(t) : err;
    if (err == MDL_OK && a->options->receipts)
        err = mdl_receipts_read(a, receipts, on_receipt, t);
    if (err != MDL_OK)
        return err;
    qsort(t->at, t->count, sizeof *t->at, by_size);

    uint64_t size = a->report->size;
    reach(&w);
    err = a->source->records(a->source->ctx, size, 0, size, on_record, &w, a->error, a->error_size);
    a->report->records = a->records;
    if (mdl_audit_unreadable(err))
        return err;
    if (err != MDL_OK)
        mdl_audit_found(a, a->records, MDL_AUDIT_MISSING, NULL, "%s", a->error);
    err = compare_trees(&w);
    if (err == MDL_OK && *receipts && a->records == size)
        mdl_receipts_compare(a, *receipts);
    if (err == MDL_OK && a->report->findings == 0 && a->records > 0)
        err = check_tiles(a);
    mdl_audit_progress(a, MDL_AUDIT_TREE_STEP, 1, "records hashed");
    return err;
}

/* ---- all of it ---- */

static mdl_err check_options(const mdl_audit_options *o, char *error, size_t error_size) {
    if (!(o->sample >= 0 && o->sample <= 1) || o->threads < 1 || o->threads > MDL_THREADS_MAX) {
        snprintf(error, error_size, "the sample is from 0 to 1, threads from 1 to %d", MDL_THREADS_MAX);
        return MDL_ERANGE;
    }
    if (o->log.type != MDL_NOTE_TYPE_ED25519) {
        snprintf(error, error_size, "the verifier key is not one of a log");
        return MDL_ERANGE;
    }
    return MDL_OK;
}

mdl_err mdl_audit_run(const mdl_audit_source *s, const mdl_audit_options *o, mdl_audit_report *r, char *error,
                      size_t error_size) {
    mdl_audit a = {.source = s, .options = o, .report = r, .error = error, .error_size = error_size};
    trees t = {.a = &a};
    mdl_receipts *receipts = NULL;
    memset(r, 0, sizeof *r);
    mdl_err err = check_options(o, error, error_size);
    if (err != MDL_OK)
        return err;
    snprintf(r->origin, sizeof r->origin, "%s", o->log.name);
    memcpy(r->log_key, o->log.key, sizeof r->log_key);
    r->sample = o->quick ? 0 : o->sample;
    r->seed = o->seed;
    r->quick = o->quick;
    err = mdl_pool_open(&a.pool, o->threads);
    if (err != MDL_OK) {
        snprintf(error, error_size, "cannot start %" PRIu32 " threads", o->threads);
        return MDL_ENOMEM;
    }
    double began = mdl_seconds();
    err = tree_step(&a, &t, &receipts);
    r->seconds[MDL_AUDIT_TREE_STEP] = mdl_seconds() - began;
    began = mdl_seconds();
    if (err == MDL_OK && a.records > 0 && !o->quick)
        err = mdl_audit_fold(&a);
    r->seconds[MDL_AUDIT_FOLD_STEP] = mdl_seconds() - began;
    if (err == MDL_ENOMEM)
        snprintf(error, error_size, "out of memory");
    mdl_ledger_free(a.ledger);
    mdl_rerun_free(a.rerun);
    mdl_pool_close(a.pool);
    mdl_receipts_free(receipts);
    free(a.leaf);
    free(a.note);
    for (size_t i = 0; i < t.count; i++)
        free(t.at[i].note);
    free(t.at);
    return err;
}

void mdl_audit_report_free(mdl_audit_report *r) {
    free(r->credit);
    r->credit = NULL;
    r->credits = 0;
}
