/* The commit thread: one batch at a time to the store, with one signed
 * checkpoint, then the receipts of its records. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/shell_internal.h"
#include "core/assert.h"
#include "protocol/frame.h"
#include "protocol/tlog_proof.h"

enum { RECORDS_AT_ONCE = 32768 };

mdl_err mdl_committer_sign(const mdl_committer *c, const mdl_merkle_edge *edge, char *out, size_t *out_size) {
    mdl_checkpoint checkpoint = {mdl_text_of(c->vkey.name), edge->size, {{0}}, {NULL, 0}};
    mdl_text_out text = {out, MDL_STORE_NOTE_MAX, 0};
    mdl_merkle_edge_root(edge, &checkpoint.root);
    mdl_err err = mdl_checkpoint_sign(&checkpoint, &c->vkey, c->secret, &text);
    return err == MDL_OK ? mdl_text_end(&text, out_size) : err;
}

/* `count` records from `first` of the batch, durable when this is MDL_OK. */
static mdl_err append(mdl_committer *c, uint32_t first, uint32_t count, char *error, size_t error_size) {
    static const char trouble[] = "the checkpoint could not be signed";
    mdl_store_record *record = calloc(count, sizeof *record);
    mdl_hash *leaf = calloc(count, sizeof *leaf);
    char *note = malloc(MDL_STORE_NOTE_MAX);
    size_t note_size = 0;
    mdl_merkle_edge edge = c->edge;
    mdl_err err = record && leaf && note ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK) {
        for (uint32_t i = 0; i < count; i++) {
            const mdl_kept *k = &c->batch.record[first + i];
            leaf[i] = k->leaf;
            if (!k->hashed) {
                mdl_merkle_leaf(k->bytes, k->size, &leaf[i]);
            }
            record[i] = (mdl_store_record){k->bytes, k->size, &leaf[i]};
        }
        err = mdl_merkle_append(&edge, leaf, count, NULL, NULL);
    }
    if (err == MDL_OK) {
        err = mdl_committer_sign(c, &edge, note, &note_size);
    }
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s: %s", trouble, mdl_strerror((int)err));
    } else {
        err = c->store.append(&c->store, record, count, note, note_size, error, error_size);
    }
    if (err == MDL_OK) {
        c->edge = edge;
        uv_mutex_lock(&c->lock);
        memcpy(c->checkpoint, note, note_size);
        c->checkpoint_size = note_size;
        c->durable = edge.size;
        uv_mutex_unlock(&c->lock);
    }
    free(record);
    free(leaf);
    free(note);
    return err;
}

/* After a failed sync nobody knows what the disk holds: open anew, and see. A
 * part of the batch that is there after all counts as done. */
static mdl_err reopen(mdl_committer *c, uint32_t *done, char *error, size_t error_size) {
    mdl_store_close(&c->store);
    mdl_err err = mdl_store_open(&c->store, c->directory, MDL_STORE_QUICK, error, error_size);
    if (err != MDL_OK) {
        return err;
    }
    mdl_merkle_lookup lookup = mdl_store_lookup(&c->store);
    uint64_t before = c->edge.size - *done, count = c->store.count(&c->store);
    size_t size;
    if (count < c->edge.size || count - before > c->batch.records) {
        snprintf(error, error_size, "%s holds other records than were written", c->directory);
        return MDL_EMISMATCH;
    }
    err = mdl_merkle_edge_load(count, &lookup, &c->edge);
    if (err == MDL_OK && count > 0) {
        uv_mutex_lock(&c->lock);
        err = c->store.checkpoint(&c->store, c->checkpoint, &size, error, error_size);
        c->checkpoint_size = err == MDL_OK ? size : 0;
        c->durable = count;
        uv_mutex_unlock(&c->lock);
    }
    *done = (uint32_t)(count - before);
    return err;
}

/* In its frame, which has no envelope. */
static void make_receipt(mdl_committer *c, mdl_tlog_prover *prover, mdl_receipt *r) {
    size_t room = mdl_tlog_prover_size_max(prover), size;
    uint8_t *bytes = mdl_batch_room(&c->batch, MDL_FRAME_HEAD_BYTES + room);
    if (!bytes) {
        return;
    }
    mdl_text_out out = {(char *)bytes + MDL_FRAME_HEAD_BYTES, room, 0};
    memset(bytes, 0, MDL_FRAME_HEAD_BYTES);
    if (mdl_tlog_prover_put(prover, r->record, &out) == MDL_OK && mdl_text_end(&out, &size) == MDL_OK &&
        size <= MDL_RECEIPT_BYTES_MAX) {
        r->frame = (mdl_piece){bytes, MDL_FRAME_HEAD_BYTES + size};
        mdl_batch_use(&c->batch, r->frame.size);
    }
}

static void make_receipts(mdl_committer *c) {
    mdl_merkle_lookup lookup = mdl_store_lookup(&c->store);
    mdl_tlog_prover prover;
    mdl_tlog_prover_init(&prover, &c->edge, &lookup, (mdl_text){c->checkpoint, c->checkpoint_size});
    for (uint32_t i = 0; i < c->batch.receipts; i++) {
        make_receipt(c, &prover, &c->batch.receipt[i]);
    }
}

/* One try. `done` counts blobs and records that are durable already. */
static mdl_err try_batch(mdl_committer *c, uint32_t *blobs, uint32_t *records, char *error, size_t error_size) {
    uint8_t digest[MDL_DIGEST_BYTES];
    for (; *blobs < c->batch.blobs.count; (*blobs)++) {
        const mdl_piece *p = &c->batch.blobs.at[*blobs];
        mdl_err err = c->store.blob_put(&c->store, p->bytes, p->size, digest, error, error_size);
        if (err != MDL_OK) {
            return err;
        }
    }
    while (*records < c->batch.records) {
        uint32_t left = c->batch.records - *records;
        uint32_t count = left < RECORDS_AT_ONCE ? left : RECORDS_AT_ONCE;
        mdl_err err = append(c, *records, count, error, error_size);
        if (err != MDL_OK) {
            return err;
        }
        *records += count;
    }
    return MDL_OK;
}

static void tell(mdl_committer *c, int failing, const char *trouble) {
    uv_mutex_lock(&c->lock);
    c->failing = failing;
    snprintf(c->trouble, sizeof c->trouble, "%s", trouble);
    uv_mutex_unlock(&c->lock);
    uv_async_send(&c->done);
}

/* Until the batch is durable. 0: told to stop while the store fails. */
static int commit(mdl_committer *c) {
    char error[256] = "";
    uint32_t blobs = 0, records = 0;
    int failed = 0;
    for (;;) {
        mdl_err err = failed ? reopen(c, &records, error, sizeof error) : MDL_OK;
        if (err == MDL_OK) {
            err = try_batch(c, &blobs, &records, error, sizeof error);
        }
        if (err == MDL_OK) {
            return 1;
        }
        failed = 1;
        tell(c, 1, error);
        uv_mutex_lock(&c->lock);
        if (!c->stop) {
            uv_cond_timedwait(&c->wake, &c->lock, UINT64_C(1000000000));
        }
        int stop = c->stop;
        uv_mutex_unlock(&c->lock);
        if (stop) {
            return 0;
        }
    }
}

static void run(void *argument) {
    mdl_committer *c = argument;
    for (;;) {
        uv_mutex_lock(&c->lock);
        while (!c->stop && !(c->busy && !c->finished)) {
            uv_cond_wait(&c->wake, &c->lock);
        }
        int work = c->busy && !c->finished;
        uv_mutex_unlock(&c->lock);
        if (!work) {
            return;
        }
        uint64_t began = uv_hrtime();
        if (!commit(c)) {
            return;
        }
        make_receipts(c);
        uv_mutex_lock(&c->lock);
        c->finished = 1;
        c->failing = 0;
        c->took_ms = (double)(uv_hrtime() - began) / 1e6;
        uv_mutex_unlock(&c->lock);
        uv_async_send(&c->done);
    }
}

mdl_err mdl_committer_start(mdl_committer *c, uv_loop_t *loop, uv_async_cb done, void *data) {
    uv_mutex_init(&c->lock);
    uv_cond_init(&c->wake);
    uv_async_init(loop, &c->done, done);
    c->done.data = data;
    if (uv_thread_create(&c->thread, run, c) != 0) {
        return MDL_EIO;
    }
    c->started = 1;
    return MDL_OK;
}

void mdl_committer_give(mdl_committer *c, mdl_batch *batch) {
    uv_mutex_lock(&c->lock);
    c->batch = *batch;
    c->busy = 1;
    c->finished = 0;
    uv_cond_signal(&c->wake);
    uv_mutex_unlock(&c->lock);
    memset(batch, 0, sizeof *batch);
}

void mdl_committer_stop(mdl_committer *c) {
    if (!c->started) {
        return;
    }
    uv_mutex_lock(&c->lock);
    c->stop = 1;
    uv_cond_signal(&c->wake);
    uv_mutex_unlock(&c->lock);
    uv_thread_join(&c->thread);
    uv_mutex_destroy(&c->lock);
    uv_cond_destroy(&c->wake);
    c->started = 0;
}
