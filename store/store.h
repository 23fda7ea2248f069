/* The ledger's store: an append-only list of records with their RFC 6962 leaf
 * hashes, the signed checkpoints over them, blobs by hash, and a few named small
 * values. One table of functions, so that another database can stand behind it.
 * DESIGN section 9; docs/PROTOCOL.md chapter 5 has the files and the promises.
 *
 * Threads: one call at a time for each open store, from any thread. Calls block
 * (they sync to disk), so they are not for an event loop's thread.
 *
 * Errors: every call that can fail leaves one sentence, with the file's name, in
 * `error[0..error_size)`. Common to all: MDL_EIO (the system or the disk said no),
 * MDL_ENOMEM, MDL_EDIGEST (the bytes are not those that were stored). Outputs are
 * undefined after a failure unless said otherwise. */
#ifndef MDL_STORE_STORE_H
#define MDL_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/digest.h"
#include "protocol/merkle.h"

enum {
    MDL_STORE_RECORD_MAX = 65535,  /* bytes of a record: a uint16 of an entry bundle */
    MDL_STORE_NOTE_MAX = 65536,    /* bytes of a signed checkpoint */
    MDL_STORE_BATCH_MAX = 65536,   /* records of one append */
    MDL_STORE_NAME_MAX = 64,       /* characters of a value's name: a-z 0-9 . _ - */
    MDL_STORE_VALUE_MAX = 1 << 24, /* bytes of a value */
    MDL_STORE_BLOB_MAX = 1 << 28,  /* bytes of a blob */
    MDL_STORE_PATH_MAX = 3500,     /* bytes of a store's directory */
};
#define MDL_STORE_COUNT_MAX ((uint64_t)1 << 48) /* records; the database's keys are signed */

typedef struct mdl_store_record {
    const uint8_t *bytes;
    size_t size;          /* 0..MDL_STORE_RECORD_MAX */
    const mdl_hash *leaf; /* mdl_merkle_leaf() of them where the caller has it: it is taken at its word, and a wrong
                             one is damage for whoever reads the record. NULL: computed here */
} mdl_store_record;

/* Called for one record or checkpoint (`number` is the record's index, the
 * checkpoint's size). The bytes are the store's, gone after the call. Anything
 * but MDL_OK ends the walk, which returns it, `error` untouched. It may read the
 * store but not append to it. */
typedef mdl_err (*mdl_store_visit)(void *ctx, uint64_t number, const uint8_t *bytes, size_t size);

typedef struct mdl_store mdl_store;
struct mdl_store {
    void *impl;

    /* Add `n` records and the checkpoint note that signs the new size. All of it
     * is durable when this returns MDL_OK; after a failure none of it is, and the
     * call may be made again. The note is `origin \n size \n base64 root \n ...`:
     * its size must be count() + n and its root the tree's, else MDL_EMISMATCH
     * (its signatures are the caller's affair). n = 0 replaces the newest note, to
     * add cosignatures. MDL_ESIZE: a limit above. MDL_ESYNTAX: not a checkpoint.
     * After a failed sync the store refuses to append (MDL_EIO) until opened anew,
     * for nobody knows what the disk holds: those records may then be there. */
    mdl_err (*append)(mdl_store *s, const mdl_store_record *records, size_t n, const char *note, size_t note_size,
                      char *error, size_t error_size);
    /* Records in the store. For a reader: when it was opened. */
    uint64_t (*count)(mdl_store *s);
    /* Record `index` into `out`, checked against its leaf hash. MDL_ERANGE. */
    mdl_err (*read)(mdl_store *s, uint64_t index, uint8_t out[MDL_STORE_RECORD_MAX], size_t *size, char *error,
                    size_t error_size);
    /* Records [from, to) in order, each checked against its leaf hash. MDL_ERANGE. */
    mdl_err (*range)(mdl_store *s, uint64_t from, uint64_t to, mdl_store_visit visit, void *ctx, char *error,
                     size_t error_size);
    /* Hash of the complete subtree over records [index 2^level, (index+1) 2^level);
     * level 0 is the leaf hash. What proofs and tiles are made of. MDL_ERANGE: not
     * complete yet. Answers near earlier ones come from memory. */
    mdl_err (*node)(mdl_store *s, uint32_t level, uint64_t index, mdl_hash *out, char *error, size_t error_size);
    /* The newest checkpoint note, no terminator. MDL_ENOENT: none yet. */
    mdl_err (*checkpoint)(mdl_store *s, char out[MDL_STORE_NOTE_MAX], size_t *size, char *error, size_t error_size);
    /* All checkpoints of size >= from, ascending. */
    mdl_err (*checkpoints)(mdl_store *s, uint64_t from, mdl_store_visit visit, void *ctx, char *error,
                           size_t error_size);

    /* Keep, durably, up to MDL_STORE_VALUE_MAX bytes under a name, in place of
     * what was there. Not part of the ledger: snapshots and hints. MDL_ESYNTAX
     * (the name), MDL_ESIZE. */
    mdl_err (*value_put)(mdl_store *s, const char *name, const uint8_t *bytes, size_t size, char *error,
                         size_t error_size);
    /* `*bytes` is the caller's to free(), never NULL on success. MDL_ENOENT. */
    mdl_err (*value_get)(mdl_store *s, const char *name, uint8_t **bytes, size_t *size, char *error, size_t error_size);

    /* Keep a blob, durably, under its BLAKE2b-256, which goes to `digest`. One
     * that is there already costs a read. MDL_ESIZE. */
    mdl_err (*blob_put)(mdl_store *s, const uint8_t *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES], char *error,
                        size_t error_size);
    /* A blob of at most `limit` bytes, checked against its digest. `*bytes` is the
     * caller's to free(), never NULL on success, NULL after a failure. MDL_ENOENT,
     * MDL_ESIZE (before memory is taken). */
    mdl_err (*blob_get)(mdl_store *s, const uint8_t digest[MDL_DIGEST_BYTES], size_t limit, uint8_t **bytes,
                        size_t *size, char *error, size_t error_size);
    /* MDL_OK or MDL_ENOENT, or the error of looking. Does not read the blob. */
    mdl_err (*blob_has)(mdl_store *s, const uint8_t digest[MDL_DIGEST_BYTES], char *error, size_t error_size);

    /* A copy of everything as it is now, in `directory`, which may exist but hold
     * no store. Can be opened like the original; complete and durable on MDL_OK.
     * A copy broken off is refused by open. MDL_EMISMATCH: a store is there. */
    mdl_err (*backup)(mdl_store *s, const char *directory, char *error, size_t error_size);

    /* Release everything; `*s` is all NULL afterwards, and closing that does nothing:
     * use mdl_store_close(). */
    void (*close)(mdl_store *s);
};

enum {
    /* Read only: no lock, nothing in the directory changes but SQLite's own shared
     * memory. May be open, many times, beside the writer. */
    MDL_STORE_READ = 1,
    /* Check the newest checkpoint against the stored subtree hashes, not every
     * record against its hash and every checkpoint against the tree. A damaged
     * record is then found when it is read. */
    MDL_STORE_QUICK = 2,
    /* ledger.head is lost: write it anew from what the database holds. Without it
     * records missing at the end cannot be noticed, so a person must decide. */
    MDL_STORE_REHEAD = 4,
};

/* Open the store in `directory` (MDL_STORE_READ: which must exist), made with its
 * parents if it is not there, and check it: indices without gaps, every record
 * against its leaf hash, every checkpoint's root against the tree, the last one at
 * the very end, and nothing below what ledger.head says was acknowledged. A store
 * that fails is refused and left as it is; it is never shortened. On failure `*s`
 * is closed. MDL_EIO also: another writer has it. MDL_EMISMATCH: records or files
 * are missing, or roots differ. MDL_EMAGIC: not such a database, or of another
 * version. MDL_ENOENT: nothing there to read. */
mdl_err mdl_store_open(mdl_store *s, const char *directory, unsigned flags, char *error, size_t error_size);

/* A store in memory, for tests and simulation. backup() is refused (MDL_EIO). */
mdl_err mdl_store_open_memory(mdl_store *s, char *error, size_t error_size);
/* Let the next `n` writing calls (append, value_put, blob_put) of a memory store fail with MDL_EIO. */
void mdl_store_memory_fail(mdl_store *s, uint32_t n);

/* The store's node() as protocol/merkle.h wants it for proofs; `s` must outlive it. */
mdl_merkle_lookup mdl_store_lookup(mdl_store *s);

/* Close if open. */
static inline void mdl_store_close(mdl_store *s) {
    if (s->close) {
        s->close(s);
    }
}

#endif
