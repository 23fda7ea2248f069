/* SQLite store: appending and reading. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/digest.h"
#include "store/batch.h"
#include "store/sqlite_internal.h"

mdl_err mdl_db_fail(const mdl_db *d, int rc, const char *doing, char *error, size_t error_size) {
    int code = sqlite3_system_errno(d->sql), primary = rc & 0xff;
    const char *reason = primary == SQLITE_IOERR && code != 0 ? strerror(code) : sqlite3_errmsg(d->sql);
    snprintf(error, error_size, "cannot %s %s: %s", doing, d->path, reason);
    return primary == SQLITE_NOMEM     ? MDL_ENOMEM
           : primary == SQLITE_CORRUPT ? MDL_EDIGEST
           : primary == SQLITE_NOTADB  ? MDL_EMAGIC
                                       : MDL_EIO;
}

sqlite3_stmt *mdl_db_get(mdl_db *d, enum mdl_db_statement which) {
    sqlite3_stmt *st = d->statement[which];
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return st;
}

int mdl_db_column(sqlite3_stmt *st, int column, size_t limit, const uint8_t **bytes, size_t *size) {
    if (sqlite3_column_type(st, column) != SQLITE_BLOB) {
        return 0;
    }
    const void *at = sqlite3_column_blob(st, column); /* NULL for no bytes */
    int n = sqlite3_column_bytes(st, column);
    *bytes = at ? at : (const uint8_t *)"";
    *size = (size_t)n;
    return (size_t)n <= limit && (at || n == 0);
}

int mdl_db_column_hash(sqlite3_stmt *st, int column, mdl_hash *out) {
    const uint8_t *bytes;
    size_t size;
    if (!mdl_db_column(st, column, sizeof *out, &bytes, &size) || size != sizeof *out) {
        return 0;
    }
    memcpy(out, bytes, sizeof *out);
    return 1;
}

static mdl_err out_of_range(const mdl_db *d, uint64_t index, char *error, size_t error_size) {
    snprintf(error, error_size, "%s holds %" PRIu64 " records: there is no record %" PRIu64, d->path, d->edge.size,
             index);
    return MDL_ERANGE;
}

static mdl_err damaged(const mdl_db *d, uint64_t index, char *error, size_t error_size) {
    snprintf(error, error_size, "%s is damaged: record %" PRIu64 " does not have its leaf hash", d->path, index);
    return MDL_EDIGEST;
}

static mdl_err read_only(const mdl_db *d, char *error, size_t error_size) {
    if (d->broken) {
        snprintf(error, error_size,
                 "cannot write %s: the disk failed to make an earlier write durable; open the store again", d->path);
    } else {
        snprintf(error, error_size, "cannot write %s: it is open for reading only", d->path);
    }
    return MDL_EIO;
}

/* ---- writing ---- */

/* Run a statement that gives no rows, and let go of what is bound to it. */
static int run(sqlite3_stmt *st) {
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Undo, and say why. A failed sync may have left the disk's pages marked clean: no second try. */
static mdl_err undo(mdl_db *d, int rc, char *error, size_t error_size) {
    mdl_err e = mdl_db_fail(d, rc, "write", error, error_size);
    mdl_tiles_forget(&d->tiles); /* it has seen what is not to be */
    if (rc == SQLITE_IOERR_FSYNC || rc == SQLITE_IOERR_DIR_FSYNC) {
        d->broken = 1;
    }
    if (!sqlite3_get_autocommit(d->sql)) {
        run(mdl_db_get(d, MDL_DB_ROLLBACK));
    }
    return e;
}

typedef struct keeper {
    mdl_db *d;
    int rc;
} keeper;

static void keep_node(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    keeper *k = ctx;
    mdl_tiles_seen(&k->d->tiles, level, index, hash);
    if (level == 0 || level % MDL_TILES_STEP != 0 || k->rc != SQLITE_OK) {
        return;
    }
    sqlite3_stmt *st = k->d->statement[MDL_DB_NODE_PUT];
    sqlite3_bind_int(st, 1, (int)level);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)index);
    sqlite3_bind_blob(st, 3, hash, sizeof *hash, SQLITE_STATIC);
    k->rc = run(st);
}

static int put_record(mdl_db *d, mdl_merkle_edge *edge, const mdl_store_record *record) {
    mdl_hash computed;
    const mdl_hash *leaf = record->leaf ? record->leaf : &computed;
    if (!record->leaf) {
        mdl_merkle_leaf(record->bytes, record->size, &computed);
    }
    sqlite3_stmt *st = d->statement[MDL_DB_RECORD_PUT]; /* run() leaves it reset */
    sqlite3_bind_int64(st, 1, (sqlite3_int64)edge->size);
    sqlite3_bind_blob(st, 2, leaf, sizeof *leaf, SQLITE_STATIC);
    /* Not NULL, which would be a NULL and not no bytes. */
    sqlite3_bind_blob(st, 3, record->size > 0 ? record->bytes : (const uint8_t *)"", (int)record->size, SQLITE_STATIC);
    int rc = run(st);
    if (rc == SQLITE_OK) {
        keeper k = {d, SQLITE_OK};
        mdl_err e = mdl_merkle_append(edge, leaf, 1, keep_node, &k);
        MDL_ASSERT(e == MDL_OK); /* mdl_batch_check() holds the limit */
        rc = k.rc;
    }
    return rc;
}

mdl_err mdl_db_append(mdl_store *s, const mdl_store_record *records, size_t n, const char *note, size_t note_size,
                      char *error, size_t error_size) {
    mdl_db *d = s->impl;
    mdl_hash want, root;
    if ((d->flags & MDL_STORE_READ) || d->broken) {
        return read_only(d, error, error_size);
    }
    mdl_err e = mdl_batch_check(records, n, note, note_size, d->edge.size, &want, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    mdl_merkle_edge edge = d->edge;
    int rc = run(mdl_db_get(d, MDL_DB_BEGIN));
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        rc = put_record(d, &edge, &records[i]);
    }
    if (rc == SQLITE_OK) {
        mdl_merkle_edge_root(&edge, &root);
        if (!mdl_hash_equal(&root, &want)) {
            run(mdl_db_get(d, MDL_DB_ROLLBACK));
            mdl_tiles_forget(&d->tiles);
            snprintf(error, error_size,
                     "cannot append: the checkpoint of size %" PRIu64 " does not have the tree's root", edge.size);
            return MDL_EMISMATCH;
        }
        sqlite3_stmt *st = mdl_db_get(d, MDL_DB_NOTE_PUT);
        sqlite3_bind_int64(st, 1, (sqlite3_int64)edge.size);
        sqlite3_bind_blob(st, 2, note, (int)note_size, SQLITE_STATIC);
        rc = run(st);
    }
    if (rc == SQLITE_OK) {
        rc = run(mdl_db_get(d, MDL_DB_COMMIT));
    }
    if (rc != SQLITE_OK) {
        return undo(d, rc, error, error_size);
    }
    d->edge = edge;
    if (edge.size > d->head.size) {
        /* The records are durable whatever becomes of this: on failure the head lags, as it may. */
        (void)mdl_head_put(&d->head, edge.size, &root);
    }
    return MDL_OK;
}

mdl_err mdl_db_value_put(mdl_store *s, const char *name, const uint8_t *bytes, size_t size, char *error,
                         size_t error_size) {
    mdl_db *d = s->impl;
    uint8_t digest[MDL_DIGEST_BYTES];
    if ((d->flags & MDL_STORE_READ) || d->broken) {
        return read_only(d, error, error_size);
    }
    mdl_err e = mdl_value_check(name, size, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    mdl_digest_of(bytes, size, digest);
    sqlite3_stmt *st = mdl_db_get(d, MDL_DB_VALUE_PUT);
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(st, 2, digest, sizeof digest, SQLITE_STATIC);
    sqlite3_bind_blob(st, 3, size > 0 ? bytes : (const uint8_t *)"", (int)size, SQLITE_STATIC);
    int rc = run(st);
    return rc == SQLITE_OK ? MDL_OK : undo(d, rc, error, error_size);
}

/* ---- reading ---- */

/* The row's record, once it has its leaf hash. */
static int row_record(sqlite3_stmt *st, int column, const uint8_t **bytes, size_t *size) {
    mdl_hash leaf, found;
    if (!mdl_db_column_hash(st, column, &leaf) || !mdl_db_column(st, column + 1, MDL_STORE_RECORD_MAX, bytes, size)) {
        return 0;
    }
    mdl_merkle_leaf(*bytes, *size, &found);
    return mdl_hash_equal(&leaf, &found);
}

mdl_err mdl_db_read(mdl_store *s, uint64_t index, uint8_t out[MDL_STORE_RECORD_MAX], size_t *size, char *error,
                    size_t error_size) {
    mdl_db *d = s->impl;
    const uint8_t *bytes;
    if (index >= d->edge.size) {
        return out_of_range(d, index, error, error_size);
    }
    sqlite3_stmt *st = mdl_db_get(d, MDL_DB_RECORD_GET);
    sqlite3_bind_int64(st, 1, (sqlite3_int64)index);
    int rc = sqlite3_step(st);
    mdl_err e = MDL_OK;
    if (rc == SQLITE_ROW && row_record(st, 0, &bytes, size)) {
        memcpy(out, bytes, *size);
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        e = damaged(d, index, error, error_size);
    } else {
        e = mdl_db_fail(d, rc, "read", error, error_size);
    }
    sqlite3_reset(st);
    return e;
}

mdl_err mdl_db_range(mdl_store *s, uint64_t from, uint64_t to, mdl_store_visit visit, void *ctx, char *error,
                     size_t error_size) {
    mdl_db *d = s->impl;
    sqlite3_stmt *st = NULL; /* its own, so that a visit may start another walk */
    if (from > to || to > d->edge.size) {
        return out_of_range(d, from > to ? from : to - 1, error, error_size);
    }
    int rc = sqlite3_prepare_v2(d->sql, "SELECT idx, leaf, bytes FROM record WHERE idx >= ?1 AND idx < ?2 ORDER BY idx",
                                -1, &st, NULL);
    if (rc != SQLITE_OK) {
        return mdl_db_fail(d, rc, "read", error, error_size);
    }
    sqlite3_bind_int64(st, 1, (sqlite3_int64)from);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)to);
    mdl_err e = MDL_OK;
    for (uint64_t i = from; i < to && e == MDL_OK; i++) {
        const uint8_t *bytes;
        size_t size;
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW && sqlite3_column_int64(st, 0) == (sqlite3_int64)i && row_record(st, 1, &bytes, &size)) {
            e = visit(ctx, i, bytes, size);
        } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
            e = damaged(d, i, error, error_size);
        } else {
            e = mdl_db_fail(d, rc, "read", error, error_size);
        }
    }
    sqlite3_finalize(st);
    return e;
}

mdl_err mdl_db_fetch(void *ctx, uint32_t tile_level, uint64_t first, uint32_t n, mdl_hash *out) {
    mdl_db *d = ctx;
    sqlite3_stmt *st = mdl_db_get(d, tile_level == 0 ? MDL_DB_LEAVES : MDL_DB_NODES);
    if (tile_level > 0) {
        sqlite3_bind_int(st, 1, (int)tile_level * MDL_TILES_STEP);
    }
    sqlite3_int64 at = (sqlite3_int64)first;
    sqlite3_bind_int64(st, 2, at);
    sqlite3_bind_int64(st, 3, at + n);
    mdl_err e = MDL_OK;
    for (uint32_t i = 0; i < n && e == MDL_OK; i++) {
        int rc = sqlite3_step(st);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
            e = rc == SQLITE_NOMEM ? MDL_ENOMEM : (rc & 0xff) == SQLITE_CORRUPT ? MDL_EDIGEST : MDL_EIO;
        } else if (rc == SQLITE_DONE || sqlite3_column_int64(st, 0) != at + i || !mdl_db_column_hash(st, 1, &out[i])) {
            e = MDL_EDIGEST;
        }
    }
    sqlite3_reset(st);
    return e;
}

mdl_err mdl_db_node(mdl_store *s, uint32_t level, uint64_t index, mdl_hash *out, char *error, size_t error_size) {
    mdl_db *d = s->impl;
    mdl_err e = mdl_tiles_node(&d->tiles, d->edge.size, level, index, out);
    if (e == MDL_ERANGE) {
        snprintf(error, error_size,
                 "%s holds %" PRIu64 " records: subtree %" PRIu64 " of level %" PRIu32 " is not complete", d->path,
                 d->edge.size, index, level);
    } else if (e == MDL_EDIGEST) {
        snprintf(error, error_size, "%s is damaged: a stored hash of level %" PRIu32 " is missing", d->path,
                 level - level % MDL_TILES_STEP);
    } else if (e != MDL_OK) {
        snprintf(error, error_size, "cannot read %s: %s", d->path, mdl_strerror((int)e));
    }
    return e;
}

mdl_err mdl_db_checkpoint(mdl_store *s, char out[MDL_STORE_NOTE_MAX], size_t *size, char *error, size_t error_size) {
    mdl_db *d = s->impl;
    sqlite3_stmt *st = NULL;
    const uint8_t *bytes;
    /* A reader's newest is the one of its count, not one that came since. */
    int rc = sqlite3_prepare_v2(d->sql, "SELECT note FROM checkpoint WHERE size = ?1", -1, &st, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(st, 1, (sqlite3_int64)d->edge.size);
        rc = sqlite3_step(st);
    }
    mdl_err e = MDL_OK;
    if (rc == SQLITE_ROW && mdl_db_column(st, 0, MDL_STORE_NOTE_MAX, &bytes, size)) {
        memcpy(out, bytes, *size);
    } else if (rc == SQLITE_DONE && d->edge.size == 0) {
        snprintf(error, error_size, "%s holds no checkpoint yet", d->path);
        e = MDL_ENOENT;
    } else if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        snprintf(error, error_size, "%s is damaged: its newest checkpoint is missing", d->path);
        e = MDL_EDIGEST;
    } else {
        e = mdl_db_fail(d, rc, "read", error, error_size);
    }
    sqlite3_finalize(st);
    return e;
}

mdl_err mdl_db_checkpoints(mdl_store *s, uint64_t from, mdl_store_visit visit, void *ctx, char *error,
                           size_t error_size) {
    mdl_db *d = s->impl;
    sqlite3_stmt *st = NULL;
    if (from > d->edge.size) {
        return MDL_OK;
    }
    int rc = sqlite3_prepare_v2(
        d->sql, "SELECT size, note FROM checkpoint WHERE size >= ?1 AND size <= ?2 ORDER BY size", -1, &st, NULL);
    if (rc != SQLITE_OK) {
        return mdl_db_fail(d, rc, "read", error, error_size);
    }
    sqlite3_bind_int64(st, 1, (sqlite3_int64)from);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)d->edge.size);
    mdl_err e = MDL_OK;
    while (e == MDL_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const uint8_t *bytes;
        size_t size;
        if (mdl_db_column(st, 1, MDL_STORE_NOTE_MAX, &bytes, &size)) {
            e = visit(ctx, (uint64_t)sqlite3_column_int64(st, 0), bytes, size);
        } else {
            snprintf(error, error_size, "%s is damaged: a checkpoint is not bytes", d->path);
            e = MDL_EDIGEST;
        }
    }
    if (e == MDL_OK && rc != SQLITE_DONE) {
        e = mdl_db_fail(d, rc, "read", error, error_size);
    }
    sqlite3_finalize(st);
    return e;
}

mdl_err mdl_db_value_get(mdl_store *s, const char *name, uint8_t **bytes, size_t *size, char *error,
                         size_t error_size) {
    mdl_db *d = s->impl;
    const uint8_t *at;
    mdl_hash digest, found;
    *bytes = NULL;
    mdl_err e = mdl_value_check(name, 0, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    sqlite3_stmt *st = mdl_db_get(d, MDL_DB_VALUE_GET);
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_DONE) {
        snprintf(error, error_size, "%s holds no value named %s", d->path, name);
        e = MDL_ENOENT;
    } else if (rc != SQLITE_ROW) {
        e = mdl_db_fail(d, rc, "read", error, error_size);
    } else if (!mdl_db_column_hash(st, 0, &digest) || !mdl_db_column(st, 1, MDL_STORE_VALUE_MAX, &at, size) ||
               (mdl_digest_of(at, *size, found.bytes), !mdl_hash_equal(&digest, &found))) {
        snprintf(error, error_size, "%s is damaged: the value %s does not have its digest", d->path, name);
        e = MDL_EDIGEST;
    } else if ((*bytes = malloc(*size + 1)) == NULL) {
        snprintf(error, error_size, "cannot read %s: %s", d->path, mdl_strerror(MDL_ENOMEM));
        e = MDL_ENOMEM;
    } else {
        memcpy(*bytes, at, *size);
        (*bytes)[*size] = 0;
    }
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return e;
}
