/* What the parts of the shell share. Not for others. */
#ifndef MDL_COORDINATOR_SHELL_INTERNAL_H
#define MDL_COORDINATOR_SHELL_INTERNAL_H

#include "coordinator/checker.h"
#include "coordinator/shell.h"
#include "protocol/checkpoint.h"
#include "store/store.h"

typedef struct mdl_piece {
    uint8_t *bytes;
    size_t size;
} mdl_piece;

/* A list that grows; all zero is empty. */
typedef struct mdl_pieces {
    mdl_piece *at;
    uint32_t count, room;
} mdl_pieces;

/* A record on its way; the bytes lie in its batch's blocks. */
typedef struct mdl_kept {
    const uint8_t *bytes;
    size_t size;
    int hashed; /* leaf is known */
    mdl_hash leaf;
} mdl_kept;

struct mdl_block;

typedef struct mdl_receipt {
    mdl_call *call;
    uint64_t record;
    mdl_piece frame; /* filled in by the commit thread, in the batch's blocks; bytes NULL: it failed */
} mdl_receipt;

/* What goes to the store together. */
typedef struct mdl_batch {
    mdl_kept *record;
    uint32_t records, records_room;
    mdl_pieces blobs;
    mdl_receipt *receipt;
    uint32_t receipts, receipts_room;
    struct mdl_block *block, *spare; /* memory of records and receipts, many to a block; of batches before, empty */
} mdl_batch;

/* The commit thread. Fields under `lock` unless said otherwise. */
typedef struct mdl_committer {
    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t wake;
    uv_async_t done; /* to the loop */
    int started, busy, stop;
    mdl_batch batch; /* the thread's while busy */
    int failing;     /* the last try failed */
    int finished;    /* the batch is durable, its receipts are made */
    uint64_t durable;
    char checkpoint[MDL_STORE_NOTE_MAX];
    size_t checkpoint_size;
    char trouble[256];
    double took_ms;
    /* The thread's alone once it runs. */
    mdl_store store;
    const char *directory;
    mdl_merkle_edge edge;
    mdl_vkey vkey;
    uint8_t secret[MDL_SECRET_BYTES];
} mdl_committer;

/* An answer or news that waits for records. */
typedef struct mdl_held {
    mdl_call *call; /* NULL: news, or `done` */
    void (*done)(void *ctx);
    void *ctx;
    uint64_t after;
    mdl_piece frame;
} mdl_held;

typedef struct mdl_recent {
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_piece blob;
    uint64_t until; /* durable with so many records */
} mdl_recent;

typedef struct mdl_bucket {
    uint64_t who, at_ms;
    double tokens;
} mdl_bucket;

typedef struct mdl_told {
    uint64_t what, at_ms;
} mdl_told;

enum { MDL_RECENT_MAX = 16, MDL_BUCKETS = 1024, MDL_TOLD_MAX = 1024, MDL_CALLS_MAX = 4096 };
#define MDL_HASH_START UINT64_C(14695981039346656037)

struct mdl_arrival;

struct mdl_shell {
    uv_loop_t *loop;
    mdl_shell_options options;
    mdl_coordinator *logic;
    mdl_checker *checker; /* from the first job on */
    mdl_server *server;
    mdl_committer committer;
    mdl_batch batch;   /* what comes next */
    mdl_batch resting; /* an empty one, for its memory */
    mdl_held *held;
    uint32_t helds, held_room;
    mdl_recent *recent; /* at most MDL_RECENT_MAX, and more only while they are not durable */
    uint32_t recents, recents_room;
    mdl_store reader;
    uint64_t reader_count, reader_ms;
    /* mdl_ledger_published() when the batch on its way was given, of what is durable, and when the reader was opened.
     */
    uint64_t given_published, durable_published, reader_published;
    uint64_t shown_count; /* records that may be seen, and their checkpoint */
    char shown[MDL_STORE_NOTE_MAX];
    size_t shown_size;
    uint8_t *blob; /* of the last get */
    mdl_bucket bucket[MDL_BUCKETS];
    mdl_told told[MDL_TOLD_MAX];
    uv_timer_t tick;
    uv_check_t read;
    uv_prepare_t arrivals;
    struct mdl_arrival *arrived, **arrived_last; /* in order, for the pool */
    struct mdl_arrival *spare;                   /* memory for some more of the usual size */
    uint32_t arrived_count, cpus, spares;
    uint64_t durable, verifying, trouble_ms; /* verifying: those that arrived included */
    uint64_t gather_ns;                      /* since when the batch waits for more; 0: it does not */
    uint64_t calls, dropped, bad_signatures, batches, batch_records;
    double commit_ms;
    char checkpoint[MDL_STORE_NOTE_MAX];
    char trouble[256], vkey[MDL_VKEY_TEXT_MAX];
    int stalled, ended, failed, closing, open_handles;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* ---- shell_batch.c ---- */
/* 0 when out of memory. */
int mdl_pieces_add(mdl_pieces *p, const uint8_t *bytes, size_t size);
void mdl_pieces_clear(mdl_pieces *p);
int mdl_batch_empty(const mdl_batch *b);
/* Room for `size` bytes, which lives as long as the batch; NULL when out of memory. It is given again until some of it
 * is used. */
uint8_t *mdl_batch_room(mdl_batch *b, size_t size);
void mdl_batch_use(mdl_batch *b, size_t size);
/* `leaf` may be NULL. 0 when out of memory. */
int mdl_batch_record(mdl_batch *b, const uint8_t *bytes, size_t size, const mdl_hash *leaf);
/* Empties it; some of its memory stays for the next one. */
void mdl_batch_reset(mdl_batch *b);
/* Nothing stays. */
void mdl_batch_clear(mdl_batch *b);
int mdl_batch_receipt(mdl_batch *b, mdl_call *call, uint64_t record);
/* A frame as bytes; bytes NULL when out of memory. */
mdl_piece mdl_frame_piece(const uint8_t *envelope, size_t envelope_size, const uint8_t *blob, size_t blob_size);

/* ---- shell_commit.c ---- */
mdl_err mdl_committer_start(mdl_committer *c, uv_loop_t *loop, uv_async_cb done, void *data);
/* The note for the tree after `edge`; `out` holds MDL_STORE_NOTE_MAX. Of any thread. */
mdl_err mdl_committer_sign(const mdl_committer *c, const mdl_merkle_edge *edge, char *out, size_t *out_size);
/* Give it a batch, which is empty afterwards. Only when it is not busy. */
void mdl_committer_give(mdl_committer *c, mdl_batch *batch);
/* Ends the thread after the batch at hand, or at once while the store fails. Blocks. */
void mdl_committer_stop(mdl_committer *c);

/* ---- shell_start.c ---- */
/* Store, fold, reader. */
mdl_err mdl_shell_load(mdl_shell *s, char *error, size_t error_size);
mdl_blobs mdl_shell_blobs(mdl_shell *s);
/* Command tree() of the logic. */
mdl_err mdl_shell_tree(void *ctx, uint64_t size, mdl_merkle_lookup *lookup);
void mdl_shell_remember(mdl_shell *s, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size);
/* Write DIR/champion.safetensors. */
mdl_err mdl_shell_export(mdl_shell *s, char *error, size_t error_size);

/* ---- shell.c ---- */
mdl_coordinator_io mdl_shell_io(mdl_shell *s);
/* ---- shell_shard.c: commands of the logic ---- */
void mdl_shell_replay(void *ctx, const struct mdl_shard_replay *r);
void mdl_shell_say(mdl_shell *s, const char *kind, const char *who, const char *format, ...);
void mdl_shell_fail(mdl_shell *s, const char *text);
/* Whether to say it: once per kind, peer and minute; a collision of hashes hides a line for a minute. */
int mdl_shell_may_tell(mdl_shell *s, const char *kind, const char *who);
/* Goes on from `h`; begin with MDL_HASH_START. */
uint64_t mdl_shell_hash(uint64_t h, const char *text);
/* After events of the logic: look whether it failed, and feed the commit thread. */
void mdl_shell_after_logic(mdl_shell *s);

/* ---- shell_calls.c ---- */
void mdl_shell_start_calls(mdl_shell *s);
void mdl_shell_on_call(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
void mdl_shell_on_large(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
void mdl_shell_end_calls(mdl_shell *s);
/* All that arrived to the pool, now. */
void mdl_shell_flush_calls(mdl_shell *s);

#endif
