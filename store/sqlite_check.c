/* SQLite store: what is checked when it is opened. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/batch.h"
#include "store/sqlite_internal.h"

/* A walk over all records, with the tree built anew beside it. */
typedef struct walk {
    mdl_db *d;
    sqlite3_stmt *record, *note;
    uint64_t nodes;     /* stored levels' hashes met */
    uint64_t note_size; /* size of the next checkpoint; UINT64_MAX: no more */
    uint64_t last_note; /* size of the last one met */
    mdl_hash note_root;
    int any_note, head_met;
    mdl_err e;
    char *error;
    size_t error_size;
} walk;

/* A value that a query of one row gives, or -1. */
static sqlite3_int64 number_of(mdl_db *d, const char *query) {
    sqlite3_stmt *st = NULL;
    sqlite3_int64 n = -1;
    if (sqlite3_prepare_v2(d->sql, query, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
        n = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return n;
}

static mdl_err differs(walk *w, mdl_err e, const char *what, uint64_t number) {
    snprintf(w->error, w->error_size, "%s is damaged: %s %" PRIu64, w->d->path, what, number);
    return e;
}

/* Parse the next checkpoint's row. */
static mdl_err next_note(walk *w) {
    const uint8_t *note;
    size_t size;
    uint64_t key;
    int rc = sqlite3_step(w->note);
    w->note_size = UINT64_MAX;
    if (rc == SQLITE_DONE) {
        return MDL_OK;
    }
    if (rc != SQLITE_ROW) {
        return mdl_db_fail(w->d, rc, "read", w->error, w->error_size);
    }
    key = (uint64_t)sqlite3_column_int64(w->note, 0);
    if (!mdl_db_column(w->note, 1, MDL_STORE_NOTE_MAX, &note, &size) ||
        mdl_note_tree((const char *)note, size, &w->note_size, &w->note_root) != MDL_OK || w->note_size != key) {
        return differs(w, MDL_EMISMATCH, "no good checkpoint is stored for size", key);
    }
    w->any_note = 1;
    w->last_note = key;
    return MDL_OK;
}

/* The checkpoint and the head of the size that the tree has reached. */
static mdl_err compare_here(walk *w, const mdl_merkle_edge *edge, const mdl_head *head) {
    mdl_hash root;
    mdl_err e = MDL_OK;
    int at_head = head && edge->size == head->size;
    if (edge->size != w->note_size && !at_head) {
        return MDL_OK;
    }
    mdl_merkle_edge_root(edge, &root);
    if (at_head) {
        w->head_met = 1;
        if (!mdl_hash_equal(&root, &head->root)) {
            snprintf(w->error, w->error_size, "%s and %s do not belong together: the roots of size %" PRIu64 " differ",
                     w->d->path, w->d->head_path, edge->size);
            return MDL_EMISMATCH;
        }
    }
    if (edge->size == w->note_size) {
        e = mdl_hash_equal(&root, &w->note_root)
                ? next_note(w)
                : differs(w, MDL_EMISMATCH, "its records do not have the root of the checkpoint of size", edge->size);
    }
    return e;
}

/* Each subtree hash that the records give must be the stored one. */
static void compare_node(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    walk *w = ctx;
    mdl_hash stored;
    if (level == 0 || level % MDL_TILES_STEP != 0 || w->e != MDL_OK) {
        return;
    }
    w->nodes++;
    w->e = mdl_db_fetch(w->d, level / MDL_TILES_STEP, index, 1, &stored);
    if (w->e != MDL_OK || !mdl_hash_equal(&stored, hash)) {
        w->e = differs(w, w->e == MDL_OK ? MDL_EDIGEST : w->e, "a subtree's hash is missing or wrong at record",
                       index << level);
    }
}

static mdl_err walk_records(walk *w, mdl_merkle_edge *edge, const mdl_head *head) {
    int rc;
    mdl_err e = next_note(w);
    if (e == MDL_OK) {
        e = compare_here(w, edge, head);
    }
    while (e == MDL_OK && (rc = sqlite3_step(w->record)) != SQLITE_DONE) {
        const uint8_t *bytes;
        size_t size;
        mdl_hash leaf, found;
        if (rc != SQLITE_ROW) {
            return mdl_db_fail(w->d, rc, "read", w->error, w->error_size);
        }
        if (sqlite3_column_int64(w->record, 0) != (sqlite3_int64)edge->size) {
            return differs(w, MDL_EMISMATCH, "missing is record", edge->size);
        }
        if (!mdl_db_column_hash(w->record, 1, &leaf) ||
            !mdl_db_column(w->record, 2, MDL_STORE_RECORD_MAX, &bytes, &size) ||
            (mdl_merkle_leaf(bytes, size, &found), !mdl_hash_equal(&leaf, &found))) {
            return differs(w, MDL_EDIGEST, "its leaf hash is not that of record", edge->size);
        }
        e = mdl_merkle_append(edge, &leaf, 1, compare_node, w);
        if (e == MDL_OK) {
            e = w->e == MDL_OK ? compare_here(w, edge, head) : w->e;
        }
    }
    return e;
}

static mdl_err check_all(mdl_db *d, mdl_merkle_edge *edge, const mdl_head *head, char *error, size_t error_size) {
    walk w = {.d = d, .error = error, .error_size = error_size};
    mdl_err e;
    int rc = sqlite3_prepare_v2(d->sql, "SELECT idx, leaf, bytes FROM record ORDER BY idx", -1, &w.record, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_prepare_v2(d->sql, "SELECT size, note FROM checkpoint ORDER BY size", -1, &w.note, NULL);
    }
    e = rc == SQLITE_OK ? walk_records(&w, edge, head) : mdl_db_fail(d, rc, "read", error, error_size);
    sqlite3_finalize(w.record);
    sqlite3_finalize(w.note);
    if (e != MDL_OK) {
        return e;
    }
    if (w.note_size != UINT64_MAX) {
        return differs(&w, MDL_EMISMATCH, "records end before the checkpoint of size", w.note_size);
    }
    if (edge->size > 0 && (!w.any_note || w.last_note != edge->size)) {
        return differs(&w, MDL_EMISMATCH, "no checkpoint covers record", edge->size - 1);
    }
    if (number_of(d, "SELECT count(*) FROM node") != (sqlite3_int64)w.nodes) {
        return differs(&w, MDL_EMISMATCH, "its subtree hashes are not those of records 0 to", edge->size);
    }
    return MDL_OK;
}

static mdl_err tiles_hash(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    mdl_db *d = ctx;
    return mdl_tiles_node(&d->tiles, d->edge.size, level, index, out);
}

/* The newest checkpoint against stored hashes only. */
static mdl_err check_edge(mdl_db *d, mdl_merkle_edge *edge, const mdl_head *head, char *error, size_t error_size) {
    walk w = {.d = d, .error = error, .error_size = error_size, .note = mdl_db_get(d, MDL_DB_NOTE_LAST)};
    mdl_err e = next_note(&w);
    sqlite3_reset(w.note);
    if (e != MDL_OK) {
        return e;
    }
    sqlite3_int64 count = number_of(d, "SELECT coalesce(max(idx) + 1, 0) FROM record");
    if (count < 0 || (uint64_t)count != w.last_note) {
        return differs(&w, MDL_EMISMATCH, "its records do not end where its newest checkpoint does:", w.last_note);
    }
    mdl_merkle_lookup lookup = {tiles_hash, d};
    mdl_hash root;
    d->edge.size = w.last_note; /* for the lookup */
    e = mdl_merkle_edge_load(w.last_note, &lookup, edge);
    if (e != MDL_OK) {
        return differs(&w, e, "hashes are missing below record", w.last_note);
    }
    mdl_merkle_edge_root(edge, &root);
    if (w.any_note && !mdl_hash_equal(&root, &w.note_root)) {
        return differs(&w, MDL_EMISMATCH, "its hashes do not have the root of the checkpoint of size", w.last_note);
    }
    if (head && head->size <= w.last_note) {
        mdl_merkle_edge old;
        w.note_size = UINT64_MAX;
        e = mdl_merkle_edge_load(head->size, &lookup, &old);
        e = e == MDL_OK ? compare_here(&w, &old, head) : differs(&w, e, "hashes are missing below record", head->size);
    }
    return e;
}

mdl_err mdl_db_check(mdl_db *d, const mdl_head *head, char *error, size_t error_size) {
    mdl_merkle_edge edge = {0};
    int rc = sqlite3_exec(d->sql, "BEGIN", NULL, NULL, NULL); /* one state throughout, beside a writer */
    if (rc != SQLITE_OK) {
        return mdl_db_fail(d, rc, "read", error, error_size);
    }
    mdl_err e = d->flags & MDL_STORE_QUICK ? check_edge(d, &edge, head, error, error_size)
                                           : check_all(d, &edge, head, error, error_size);
    sqlite3_exec(d->sql, "COMMIT", NULL, NULL, NULL);
    if (e == MDL_OK && head && head->size > edge.size) {
        snprintf(error, error_size,
                 "%s holds %" PRIu64 " records, but %s says that %" PRIu64
                 " were acknowledged: the end is missing; restore it or a backup",
                 d->path, edge.size, d->head_path, head->size);
        e = MDL_EMISMATCH;
    }
    if (e == MDL_OK) {
        d->edge = edge;
    }
    return e;
}
