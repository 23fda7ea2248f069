/* SQLite store: opening, closing and copying. docs/PROTOCOL.md chapter 5. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/file.h"
#include "store/blobs.h"
#include "store/sqlite_internal.h"

#define PAGE_BYTES "16384"
#define LOG_PAGES "1024" /* the log moves into the database when it has so many: 16 MB */
enum { VERSION = 1, APPLICATION = 0x6d646c31 /* "mdl1" */, BUSY_MS = 5000 };

/* Also what sqlite_schema must hold, to the letter: a trigger or view would make the tables lie. */
static const char *const tables[] = {
    "CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note BLOB NOT NULL)",
    "CREATE TABLE node(level INTEGER, idx INTEGER, hash BLOB NOT NULL, PRIMARY KEY(level, idx)) WITHOUT ROWID",
    "CREATE TABLE record(idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, bytes BLOB NOT NULL)",
    "CREATE TABLE value(name TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, bytes BLOB NOT NULL)",
};
enum { TABLES = sizeof tables / sizeof tables[0] };

static mdl_err system_error(const char *doing, const char *path, char *error, size_t error_size) {
    int code = errno;
    snprintf(error, error_size, "cannot %s %s: %s", doing, path, strerror(code));
    return code == ENOENT ? MDL_ENOENT : MDL_EIO;
}

static void release(mdl_db *d) {
    for (int i = 0; i < MDL_DB_STATEMENT_COUNT; i++) {
        sqlite3_finalize(d->statement[i]);
    }
    sqlite3_close(d->sql);
    mdl_head_close(&d->head);
    mdl_tiles_close(&d->tiles);
    if (d->lock_fd >= 0) {
        close(d->lock_fd);
    }
    free(d);
}

static void db_close(mdl_store *s) {
    mdl_db *d = s->impl;
    if (!(d->flags & MDL_STORE_READ) && !d->broken) {
        sqlite3_wal_checkpoint_v2(d->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL); /* only to tidy up */
    }
    release(d);
    *s = (mdl_store){0};
}

/* One writer: held until the process ends or closes the store. */
static mdl_err lock(mdl_db *d, char *error, size_t error_size) {
    char path[MDL_DB_PATH + 16], holder[32] = "";
    snprintf(path, sizeof path, "%s/ledger.lock", d->dir);
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (d->lock_fd < 0) {
        return system_error("open", path, error, error_size);
    }
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t got = pread(d->lock_fd, holder, sizeof holder - 1, 0);
        holder[got > 0 ? strspn(holder, "0123456789") : 0] = '\0';
        snprintf(error, error_size, "%s is in use: %s is locked by %s%s", d->dir, path,
                 holder[0] ? "process " : "another process", holder);
        return MDL_EIO;
    }
    int n = snprintf(holder, sizeof holder, "%ld\n", (long)getpid());
    if (ftruncate(d->lock_fd, 0) != 0 || pwrite(d->lock_fd, holder, (size_t)n, 0) != n) {
        errno = 0; /* the number only helps people: the lock is what counts */
    }
    return MDL_OK;
}

/* ---- the database itself ---- */

static int pragma_is(mdl_db *d, const char *pragma, const char *want) {
    sqlite3_stmt *st = NULL;
    int same = 0;
    if (sqlite3_prepare_v2(d->sql, pragma, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(st, 0);
        same = text && strcmp((const char *)text, want) == 0;
    }
    sqlite3_finalize(st);
    return same;
}

/* A file URI with immutable=1, for media that cannot be written: SQLite then makes no shared memory. */
static void immutable_uri(const char *path, char uri[3 * MDL_DB_PATH + 32]) {
    static const char hex[] = "0123456789ABCDEF";
    char *to = uri + sprintf(uri, "file:");
    for (const unsigned char *at = (const unsigned char *)path; *at; at++) {
        if (strchr("?#%", *at)) {
            *to++ = '%';
            *to++ = hex[*at >> 4];
            *to++ = hex[*at & 15];
        } else {
            *to++ = (char)*at;
        }
    }
    memcpy(to, "?immutable=1", sizeof "?immutable=1");
}

static mdl_err open_sqlite(mdl_db *d, char *error, size_t error_size) {
    char uri[3 * MDL_DB_PATH + 32], wal[MDL_DB_PATH + 8];
    struct stat status;
    const char *name = d->path;
    int mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (d->flags & MDL_STORE_READ) {
        mode = SQLITE_OPEN_READONLY;
        snprintf(wal, sizeof wal, "%s-wal", d->path);
        if (access(d->dir, W_OK) != 0 && (stat(wal, &status) != 0 || status.st_size == 0)) {
            immutable_uri(d->path, uri);
            name = uri;
            mode |= SQLITE_OPEN_URI;
        }
    }
    int rc = sqlite3_open_v2(name, &d->sql, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(d->sql, BUSY_MS);
        sqlite3_limit(d->sql, SQLITE_LIMIT_LENGTH, MDL_STORE_VALUE_MAX + 65536);
        /* A log that we refuse must stay for people to look at: no writing back on close. */
        sqlite3_db_config(d->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
        sqlite3_db_config(d->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
        rc =
            sqlite3_exec(d->sql,
                         "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
                         "PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON; PRAGMA wal_autocheckpoint=" LOG_PAGES ";"
                         "PRAGMA synchronous=FULL",
                         NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? MDL_OK : mdl_db_fail(d, rc, "open", error, error_size);
}

/* Before the first table: large pages, so that a batch of records is few writes, and fewer again when they move from
 * the log to the database. One that is there keeps its own. */
static mdl_err size_pages(mdl_db *d, char *error, size_t error_size) {
    int rc = sqlite3_exec(d->sql, "PRAGMA page_size=" PAGE_BYTES, NULL, NULL, NULL);
    return rc == SQLITE_OK ? MDL_OK : mdl_db_fail(d, rc, "make", error, error_size);
}

static mdl_err create_tables(mdl_db *d, char *error, size_t error_size) {
    char text[96];
    int rc = sqlite3_exec(d->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int i = 0; i < TABLES && rc == SQLITE_OK; i++) {
        rc = sqlite3_exec(d->sql, tables[i], NULL, NULL, NULL);
    }
    snprintf(text, sizeof text, "PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", APPLICATION, VERSION);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(d->sql, text, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? mdl_sync_directory(d->dir, error, error_size)
                           : mdl_db_fail(d, rc, "make", error, error_size);
}

/* Tables as we make them and nothing else; `*empty` if there are none at all. */
static mdl_err check_schema(mdl_db *d, int *empty, char *error, size_t error_size) {
    sqlite3_stmt *st = NULL;
    char want[16];
    int found = 0, other = 0;
    int rc = sqlite3_prepare_v2(
        d->sql, "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_autoindex_%' ORDER BY name", -1, &st, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(st, 0);
        other |= found >= TABLES || !text || strcmp((const char *)text, tables[found]) != 0;
        found++;
        rc = SQLITE_OK;
    }
    if (rc != SQLITE_DONE) {
        mdl_err e = mdl_db_fail(d, rc, "read", error, error_size);
        sqlite3_finalize(st);
        return e;
    }
    sqlite3_finalize(st);
    *empty = found == 0 && pragma_is(d, "PRAGMA user_version", "0");
    if (*empty) {
        return MDL_OK;
    }
    snprintf(want, sizeof want, "%d", APPLICATION);
    if (other || found != TABLES || !pragma_is(d, "PRAGMA application_id", want)) {
        snprintf(error, error_size, "%s is not a ledger", d->path);
        return MDL_EMAGIC;
    }
    snprintf(want, sizeof want, "%d", VERSION);
    if (!pragma_is(d, "PRAGMA user_version", want)) {
        snprintf(error, error_size, "%s is a ledger of another version than %d", d->path, VERSION);
        return MDL_EMAGIC;
    }
    return MDL_OK;
}

static mdl_err prepare(mdl_db *d, char *error, size_t error_size) {
    static const char *const text[] = {
#define X(name, sql) sql,
        MDL_DB_STATEMENTS(X)
#undef X
    };
    for (int i = 0; i < MDL_DB_STATEMENT_COUNT; i++) {
        int rc = sqlite3_prepare_v3(d->sql, text[i], -1, SQLITE_PREPARE_PERSISTENT, &d->statement[i], NULL);
        if (rc != SQLITE_OK) {
            return mdl_db_fail(d, rc, "read", error, error_size);
        }
    }
    return MDL_OK;
}

/* ---- opening ---- */

/* Read the head and see whether it and the database are there together. `*has_head` 0: a person said go on. */
static mdl_err find_files(mdl_db *d, int *has_head, char *error, size_t error_size) {
    struct stat status;
    int there = stat(d->path, &status) == 0;
    if (!there && errno != ENOENT && errno != ENOTDIR) {
        return system_error("open", d->path, error, error_size);
    }
    int filled = there && status.st_size > 0;
    mdl_err e = mdl_head_read(&d->head, d->head_path, error, error_size);
    *has_head = e == MDL_OK;
    if (e == MDL_OK && !filled && d->head.size > 0) {
        snprintf(error, error_size, "%s is missing or empty, but %s says that %" PRIu64 " records were acknowledged",
                 d->path, d->head_path, d->head.size);
        return MDL_EMISMATCH;
    }
    if (d->flags & MDL_STORE_READ && !filled) {
        snprintf(error, error_size, "there is no ledger at %s", d->path);
        return MDL_ENOENT;
    }
    if (e == MDL_OK) {
        return MDL_OK;
    }
    if (filled) {
        if (d->flags & MDL_STORE_REHEAD && (e == MDL_ENOENT || e == MDL_EDIGEST)) {
            return MDL_OK;
        }
        if (e == MDL_ENOENT) {
            snprintf(error, error_size,
                     "%s is missing, though %s is there: nobody can tell whether records are missing at the end",
                     d->head_path, d->path);
            e = MDL_EMISMATCH;
        }
        return e;
    }
    if (e != MDL_ENOENT) {
        return e;
    }
    mdl_hash root;
    mdl_merkle_empty(&root);
    e = mdl_head_make(d->head_path, 0, &root, error, error_size);
    *has_head = e == MDL_OK;
    return e == MDL_OK ? mdl_head_read(&d->head, d->head_path, error, error_size) : e;
}

static mdl_err open_files(mdl_db *d, char *error, size_t error_size) {
    int writer = !(d->flags & MDL_STORE_READ), has_head = 0, empty = 0;
    mdl_err e = MDL_OK;
    if (writer) {
        e = mdl_make_directories(d->dir, error, error_size);
        e = e == MDL_OK ? lock(d, error, error_size) : e;
    }
    e = e == MDL_OK ? find_files(d, &has_head, error, error_size) : e;
    e = e == MDL_OK ? open_sqlite(d, error, error_size) : e;
    e = e == MDL_OK ? check_schema(d, &empty, error, error_size) : e;
    if (e == MDL_OK && empty && (!writer || !has_head || d->head.size > 0)) {
        snprintf(error, error_size, "%s is not a ledger: it has no tables", d->path);
        e = MDL_EMAGIC;
    }
    e = e == MDL_OK && empty ? size_pages(d, error, error_size) : e;
    if (e == MDL_OK && writer && !pragma_is(d, "PRAGMA journal_mode=WAL", "wal")) {
        snprintf(error, error_size, "cannot open %s: its file system does not allow a write-ahead log", d->path);
        e = MDL_EIO;
    }
    e = e == MDL_OK && empty ? create_tables(d, error, error_size) : e;
    e = e == MDL_OK ? prepare(d, error, error_size) : e;
    e = e == MDL_OK ? mdl_db_check(d, has_head ? &d->head : NULL, error, error_size) : e;
    if (e != MDL_OK || !writer) {
        return e;
    }
    e = mdl_blobs_make(d->dir, error, error_size);
    if (e == MDL_OK && (!has_head || d->edge.size > d->head.size)) {
        mdl_hash root;
        mdl_merkle_edge_root(&d->edge, &root);
        e = mdl_head_make(d->head_path, d->edge.size, &root, error, error_size);
        e = e == MDL_OK ? mdl_head_read(&d->head, d->head_path, error, error_size) : e;
    }
    return e == MDL_OK ? mdl_head_open(&d->head, d->head_path, error, error_size) : e;
}

/* ---- the rest of the table ---- */

static uint64_t db_count(mdl_store *s) {
    const mdl_db *d = s->impl;
    return d->edge.size;
}

static mdl_err db_blob_put(mdl_store *s, const uint8_t *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES],
                           char *error, size_t error_size) {
    const mdl_db *d = s->impl;
    if (d->flags & MDL_STORE_READ) {
        snprintf(error, error_size, "cannot write %s/blobs: the store is open for reading only", d->dir);
        return MDL_EIO;
    }
    return mdl_blobs_put(d->dir, bytes, size, digest, error, error_size);
}

static mdl_err db_blob_get(mdl_store *s, const uint8_t digest[MDL_DIGEST_BYTES], size_t limit, uint8_t **bytes,
                           size_t *size, char *error, size_t error_size) {
    const mdl_db *d = s->impl;
    return mdl_blobs_get(d->dir, digest, limit, bytes, size, error, error_size);
}

static mdl_err db_blob_has(mdl_store *s, const uint8_t digest[MDL_DIGEST_BYTES], char *error, size_t error_size) {
    const mdl_db *d = s->impl;
    return mdl_blobs_has(d->dir, digest, error, error_size);
}

/* The whole database in one read transaction, so in one state. */
static mdl_err copy_database(mdl_db *d, const char *to, char *error, size_t error_size) {
    sqlite3 *copy = NULL;
    int rc = sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_exec(copy, "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON", NULL, NULL, NULL);
        sqlite3_backup *backup = sqlite3_backup_init(copy, "main", d->sql, "main");
        if (backup) {
            sqlite3_backup_step(backup, -1);
            sqlite3_backup_finish(backup);
        }
        rc = sqlite3_errcode(copy);
    }
    if (rc != SQLITE_OK) {
        snprintf(error, error_size, "cannot copy %s to %s: %s", d->path, to, sqlite3_errmsg(copy));
    }
    sqlite3_close(copy);
    return rc == SQLITE_OK ? MDL_OK : MDL_EIO;
}

/* Head first and ledger.db last, so that a copy broken off is refused. Blobs after
 * the database: all that its records name was there before them. */
static mdl_err db_backup(mdl_store *s, const char *directory, char *error, size_t error_size) {
    mdl_db *d = s->impl;
    char part[MDL_DB_PATH], path[MDL_DB_PATH], head[MDL_DB_PATH];
    mdl_hash root;
    if (strlen(directory) > MDL_STORE_PATH_MAX) {
        snprintf(error, error_size, "the directory's path is longer than %d bytes", MDL_STORE_PATH_MAX);
        return MDL_ESIZE;
    }
    snprintf(path, sizeof path, "%s/ledger.db", directory);
    snprintf(part, sizeof part, "%s/ledger.part", directory);
    snprintf(head, sizeof head, "%s/ledger.head", directory);
    if (access(path, F_OK) == 0) {
        snprintf(error, error_size, "cannot copy to %s: a ledger is there", directory);
        return MDL_EMISMATCH;
    }
    mdl_err e = mdl_make_directories(directory, error, error_size);
    mdl_merkle_edge_root(&d->edge, &root);
    e = e == MDL_OK ? mdl_head_make(head, d->edge.size, &root, error, error_size) : e;
    if (e == MDL_OK && unlink(part) != 0 && errno != ENOENT) {
        e = system_error("replace", part, error, error_size);
    }
    e = e == MDL_OK ? copy_database(d, part, error, error_size) : e;
    e = e == MDL_OK ? mdl_blobs_copy(d->dir, directory, error, error_size) : e;
    if (e == MDL_OK && rename(part, path) != 0) {
        e = system_error("rename", part, error, error_size);
    }
    return e == MDL_OK ? mdl_sync_directory(directory, error, error_size) : e;
}

mdl_err mdl_store_open(mdl_store *s, const char *directory, unsigned flags, char *error, size_t error_size) {
    *s = (mdl_store){0};
    if (strlen(directory) > MDL_STORE_PATH_MAX || directory[0] == '\0') {
        snprintf(error, error_size, "the directory's path must be of 1 to %d bytes", MDL_STORE_PATH_MAX);
        return MDL_ESIZE;
    }
    mdl_db *d = calloc(1, sizeof *d);
    if (!d || mdl_tiles_init(&d->tiles, mdl_db_fetch, d) != MDL_OK) {
        free(d);
        snprintf(error, error_size, "cannot open %s: %s", directory, mdl_strerror(MDL_ENOMEM));
        return MDL_ENOMEM;
    }
    d->flags = flags;
    d->lock_fd = -1;
    d->head.fd = -1;
    snprintf(d->dir, sizeof d->dir, "%s", directory);
    snprintf(d->path, sizeof d->path, "%s/ledger.db", directory);
    snprintf(d->head_path, sizeof d->head_path, "%s/ledger.head", directory);
    mdl_err e = open_files(d, error, error_size);
    if (e != MDL_OK) {
        release(d);
        return e;
    }
    *s = (mdl_store){d,           mdl_db_append,     db_count,           mdl_db_read,      mdl_db_range,
                     mdl_db_node, mdl_db_checkpoint, mdl_db_checkpoints, mdl_db_value_put, mdl_db_value_get,
                     db_blob_put, db_blob_get,       db_blob_has,        db_backup,        db_close};
    return MDL_OK;
}
