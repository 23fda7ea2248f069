/* The SQLite store's own parts. Only for store/sqlite*.c. */
#ifndef MDL_STORE_SQLITE_INTERNAL_H
#define MDL_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "store/head.h"
#include "store/store.h"
#include "store/tiles.h"

enum { MDL_DB_PATH = MDL_STORE_PATH_MAX + 64 };

/* One statement each, prepared when the store is opened. X(name, SQL) */
#define MDL_DB_STATEMENTS(X)                                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                                        \
    X(COMMIT, "COMMIT")                                                                                                \
    X(ROLLBACK, "ROLLBACK")                                                                                            \
    X(RECORD_PUT, "INSERT INTO record(idx, leaf, bytes) VALUES(?1, ?2, ?3)")                                           \
    X(NODE_PUT, "INSERT INTO node(level, idx, hash) VALUES(?1, ?2, ?3)")                                               \
    X(NOTE_PUT, "INSERT OR REPLACE INTO checkpoint(size, note) VALUES(?1, ?2)")                                        \
    X(RECORD_GET, "SELECT leaf, bytes FROM record WHERE idx = ?1")                                                     \
    X(LEAVES, "SELECT idx, leaf FROM record WHERE idx >= ?2 AND idx < ?3 ORDER BY idx")                                \
    X(NODES, "SELECT idx, hash FROM node WHERE level = ?1 AND idx >= ?2 AND idx < ?3 ORDER BY idx")                    \
    X(NOTE_LAST, "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1")                                       \
    X(VALUE_PUT, "INSERT OR REPLACE INTO value(name, digest, bytes) VALUES(?1, ?2, ?3)")                               \
    X(VALUE_GET, "SELECT digest, bytes FROM value WHERE name = ?1")

enum mdl_db_statement {
#define X(name, sql) MDL_DB_##name,
    MDL_DB_STATEMENTS(X)
#undef X
        MDL_DB_STATEMENT_COUNT
};

typedef struct mdl_db {
    char dir[MDL_DB_PATH], path[MDL_DB_PATH], head_path[MDL_DB_PATH];
    sqlite3 *sql;
    sqlite3_stmt *statement[MDL_DB_STATEMENT_COUNT];
    unsigned flags;
    int lock_fd; /* -1: none */
    int broken;  /* a sync failed: nobody knows what the disk holds */
    mdl_head head;
    mdl_merkle_edge edge; /* of all records; its size is their count */
    mdl_tiles tiles;
} mdl_db;

/* A sentence with the file and SQLite's reason, and the error it amounts to. */
mdl_err mdl_db_fail(const mdl_db *d, int rc, const char *doing, char *error, size_t error_size);
/* A prepared statement, reset. */
sqlite3_stmt *mdl_db_get(mdl_db *d, enum mdl_db_statement which);
/* Column as bytes of at most `limit`; 0 if it is something else. */
int mdl_db_column(sqlite3_stmt *st, int column, size_t limit, const uint8_t **bytes, size_t *size);
/* Column as a hash; 0 if it is not one. */
int mdl_db_column_hash(sqlite3_stmt *st, int column, mdl_hash *out);
/* The fetch of mdl_tiles. */
mdl_err mdl_db_fetch(void *ctx, uint32_t tile_level, uint64_t first, uint32_t n, mdl_hash *out);

/* sqlite_check.c: everything mdl_store_open() promises to check but the schema;
 * leaves d->edge. `head` NULL: there is none to compare with. */
mdl_err mdl_db_check(mdl_db *d, const mdl_head *head, char *error, size_t error_size);

/* sqlite_log.c, as in mdl_store. */
mdl_err mdl_db_append(mdl_store *s, const mdl_store_record *records, size_t n, const char *note, size_t note_size,
                      char *error, size_t error_size);
mdl_err mdl_db_read(mdl_store *s, uint64_t index, uint8_t out[MDL_STORE_RECORD_MAX], size_t *size, char *error,
                    size_t error_size);
mdl_err mdl_db_range(mdl_store *s, uint64_t from, uint64_t to, mdl_store_visit visit, void *ctx, char *error,
                     size_t error_size);
mdl_err mdl_db_node(mdl_store *s, uint32_t level, uint64_t index, mdl_hash *out, char *error, size_t error_size);
mdl_err mdl_db_checkpoint(mdl_store *s, char out[MDL_STORE_NOTE_MAX], size_t *size, char *error, size_t error_size);
mdl_err mdl_db_checkpoints(mdl_store *s, uint64_t from, mdl_store_visit visit, void *ctx, char *error,
                           size_t error_size);
mdl_err mdl_db_value_put(mdl_store *s, const char *name, const uint8_t *bytes, size_t size, char *error,
                         size_t error_size);
mdl_err mdl_db_value_get(mdl_store *s, const char *name, uint8_t **bytes, size_t *size, char *error, size_t error_size);

#endif
