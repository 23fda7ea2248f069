/* The coordinator's shell: a libuv loop with sockets, a thread pool for
 * signatures, and a thread for the store, around coordinator/logic.h. PROTOCOL
 * section 7.5.
 *
 * A call travels: transport -> sizes, frame, envelope, known session, the peer's
 * token bucket (loop) -> signature (pool) -> logic (loop) -> group commit: blobs,
 * then records with one signed checkpoint, then receipts (commit thread) -> reply
 * (loop). When the store fails, nothing that was said is lost: the batch is kept
 * and tried again every second, and until then nothing new is taken.
 *
 * Everything here is called on the loop's thread. */
#ifndef MDL_COORDINATOR_SHELL_H
#define MDL_COORDINATOR_SHELL_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "coordinator/logic.h"
#include "runtime/transport.h"

typedef struct mdl_shell_options {
    const char *directory; /* store, keys, champion, admin socket              */
    const uint8_t *document;
    size_t document_size;
    const char *const *listen;
    uint32_t listen_count;
    mdl_tls_files tls;
    /* Keys (seeds as libsodium keeps them), admission, lease time, rates. The
     * shell fills in origin and vkey: origin is "modulon/" and the first 16 hex
     * digits of the experiment's id, the vkey that of `log_secret`. */
    mdl_coordinator_config logic;
    uint8_t log_secret[MDL_SECRET_BYTES];
    double peer_rate, peer_burst; /* messages a second of one address; 0: 20000 and 40000 */
    size_t blob_memory;   /* bytes of blobs of calls that are being read; 0: 256 MiB; at least 16 MiB and an envelope */
    unsigned store_flags; /* of mdl_store_open() */
    int quiet;            /* no progress while the ledger is read */
    /* One line for people; `who` is a key's first digits, an address or "". */
    void (*log)(void *ctx, const char *kind, const char *who, const char *text);
    /* The experiment has ended, all of it is durable and the champion is in
     * DIR/champion.safetensors. May be NULL. */
    void (*ended)(void *ctx);
    /* The shell cannot go on (out of memory, a bug): close it. May be NULL. */
    void (*failed)(void *ctx, const char *text);
    void *ctx;
} mdl_shell_options;

typedef struct mdl_shell mdl_shell;

/* Open the store, fold all of it, start the threads, listen. The options' texts
 * must outlive the shell. On failure *out is NULL and `error` one sentence; a
 * breach names the record. */
mdl_err mdl_shell_open(uv_loop_t *loop, const mdl_shell_options *options, mdl_shell **out, char *error,
                       size_t error_size);
/* Stop listening, finish what is being written, release everything, then `closed` on the loop. */
void mdl_shell_close(mdl_shell *s, void (*closed)(void *ctx), void *ctx);

const char *mdl_shell_url(const mdl_shell *s, uint32_t i); /* as bound, without the key */
const char *mdl_shell_vkey(const mdl_shell *s);
mdl_coordinator *mdl_shell_logic(mdl_shell *s);
uint64_t mdl_shell_now_ms(void);
/* Call `done` when all records there are now are durable. 0: out of memory. */
int mdl_shell_when_durable(mdl_shell *s, void (*done)(void *ctx), void *ctx);

typedef struct mdl_shell_info {
    uint64_t calls, dropped, bad_signatures; /* since the start */
    uint64_t batches, batch_records;         /* committed       */
    double commit_ms;                        /* smoothed        */
    const char *checkpoint;                  /* newest, "" before the first */
    const char *trouble;                     /* why nothing can be stored; "" */
} mdl_shell_info;

void mdl_shell_inform(const mdl_shell *s, mdl_shell_info *out);

/* What the audit server serves, from the store as it was about a second ago at
 * most. MDL_ENOENT, MDL_EIO, MDL_ENOMEM; `*bytes` is the caller's to free().
 * `path` is "checkpoint", "tile/..." or "blob/<hex>", without a first slash. */
mdl_err mdl_shell_read(mdl_shell *s, const char *path, uint8_t **bytes, size_t *size);

#endif
