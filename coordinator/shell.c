/* The shell's loop: calls in, commands of the logic out. */
#include "coordinator/shell.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "coordinator/shell_internal.h"
#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/frame.h"
#include "protocol/grow.h"
#include "runtime/pool.h"

enum { TICK_MS = 100, TELL_AGAIN_MS = 60000, GATHER_RECORDS = 1024, GATHER_NS = 5000000, BLOB_MEMORY = 256 << 20 };

uint64_t mdl_shell_now_ms(void) { return uv_hrtime() / 1000000; }

/* ---- talking to people ---- */

uint64_t mdl_shell_hash(uint64_t h, const char *text) {
    for (; *text; text++) {
        h = (h ^ (uint8_t)*text) * UINT64_C(1099511628211);
    }
    return (h ^ 255) * UINT64_C(1099511628211);
}

int mdl_shell_may_tell(mdl_shell *s, const char *kind, const char *who) {
    uint64_t what = mdl_shell_hash(mdl_shell_hash(MDL_HASH_START, kind), who), now_ms = mdl_shell_now_ms();
    mdl_told *t = &s->told[what % MDL_TOLD_MAX];
    if (t->what == what && now_ms - t->at_ms < TELL_AGAIN_MS) {
        return 0;
    }
    *t = (mdl_told){what, now_ms};
    return 1;
}

void mdl_shell_say(mdl_shell *s, const char *kind, const char *who, const char *format, ...) {
    char text[640];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (s->options.log) {
        s->options.log(s->options.ctx, kind, who, text);
    }
}

void mdl_shell_fail(mdl_shell *s, const char *text) {
    if (s->failed) {
        return;
    }
    s->failed = 1;
    mdl_shell_say(s, "fatal", "", "%s", text);
    if (s->options.failed) {
        s->options.failed(s->options.ctx, text);
    }
}

/* ---- what waits for the disk ---- */

static void hold(mdl_shell *s, mdl_held h) {
    if (!mdl_list_grow_zeroed(&s->held, &s->held_room, s->helds + 1, sizeof *s->held)) {
        free(h.frame.bytes);
        if (h.call) {
            mdl_call_drop(h.call);
        }
        return;
    }
    s->held[s->helds++] = h;
}

static void let_go(mdl_shell *s, const mdl_held *h) {
    if (h->done) {
        h->done(h->ctx);
    } else if (h->call) {
        mdl_call_reply(h->call, h->frame.bytes, h->frame.size);
    } else if (s->server) {
        mdl_server_publish(s->server, h->frame.bytes, h->frame.size);
    }
    free(h->frame.bytes);
}

static void release(mdl_shell *s) {
    uint32_t kept = 0, count = s->helds;
    for (uint32_t i = 0; i < count; i++) {
        mdl_held h = s->held[i];
        if (h.after <= s->durable) {
            let_go(s, &h);
        } else {
            s->held[kept++] = h;
        }
    }
    /* What `done` held meanwhile stands behind. */
    if (s->helds > count) {
        memmove(s->held + kept, s->held + count, (s->helds - count) * sizeof *s->held);
    }
    s->helds = kept + (s->helds - count);
}

/* ---- the store's thread ---- */

static void give(mdl_shell *s) {
    mdl_committer *c = &s->committer;
    if (!c->started || s->failed || mdl_batch_empty(&s->batch)) {
        return;
    }
    uv_mutex_lock(&c->lock);
    int busy = c->busy;
    uv_mutex_unlock(&c->lock);
    if (busy) {
        return;
    }
    /* While signatures are being checked more is to come, and one sync can be for all of it: wait a little. The next
     * signatures that come back ask again. */
    uint64_t now_ns = uv_hrtime();
    s->gather_ns = s->gather_ns ? s->gather_ns : now_ns;
    if (s->verifying > 0 && s->batch.records < GATHER_RECORDS && now_ns - s->gather_ns < GATHER_NS) {
        return;
    }
    s->gather_ns = 0;
    s->given_published = mdl_ledger_published(mdl_coordinator_ledger(s->logic));
    mdl_committer_give(c, &s->batch);
    s->batch = s->resting;
    memset(&s->resting, 0, sizeof s->resting);
}

static void answer_receipts(mdl_batch *b) {
    for (uint32_t i = 0; i < b->receipts; i++) {
        if (b->receipt[i].frame.bytes) {
            mdl_call_reply(b->receipt[i].call, b->receipt[i].frame.bytes, b->receipt[i].frame.size);
        } else {
            mdl_call_drop(b->receipt[i].call); /* asked again, it may work */
        }
    }
}

static void set_stalled(mdl_shell *s, int stalled, const char *trouble) {
    uint64_t now_ms = mdl_shell_now_ms();
    snprintf(s->trouble, sizeof s->trouble, "%s", stalled ? trouble : "");
    if (stalled && (!s->stalled || now_ms - s->trouble_ms >= TELL_AGAIN_MS)) {
        s->trouble_ms = now_ms;
        mdl_shell_say(s, "disk_full", "", "cannot store results, trying again every second: %s", trouble);
    }
    if (stalled != s->stalled) {
        s->stalled = stalled;
        mdl_coordinator_storage(s->logic, !stalled, now_ms);
        if (!stalled) {
            mdl_shell_say(s, "store", "", "results are stored again, none was lost");
        }
    }
}

static void on_committed(uv_async_t *async) {
    mdl_shell *s = async->data;
    mdl_committer *c = &s->committer;
    mdl_batch done;
    char trouble[256];
    size_t checkpoint_size;
    memset(&done, 0, sizeof done);
    uv_mutex_lock(&c->lock);
    int failing = c->failing, finished = c->busy && c->finished;
    memcpy(trouble, c->trouble, sizeof trouble);
    if (finished) {
        done = c->batch;
        memset(&c->batch, 0, sizeof c->batch);
        c->busy = c->finished = 0;
        s->durable = c->durable;
        s->durable_published = s->given_published;
        checkpoint_size = c->checkpoint_size;
        memcpy(s->checkpoint, c->checkpoint, checkpoint_size);
        s->checkpoint[checkpoint_size] = 0;
        s->commit_ms = s->batches == 0 ? c->took_ms : 0.9 * s->commit_ms + 0.1 * c->took_ms;
    }
    uv_mutex_unlock(&c->lock);
    if (s->closing) {
        mdl_batch_clear(&done);
        return;
    }
    if (finished) {
        s->batches += done.records > 0;
        s->batch_records += done.records;
        mdl_coordinator_stored(s->logic, s->durable, s->checkpoint, strlen(s->checkpoint));
        answer_receipts(&done);
        release(s);
        mdl_batch_clear(&s->resting);
        mdl_batch_reset(&done);
        s->resting = done;
    }
    set_stalled(s, failing, trouble);
    give(s);
}

/* ---- commands of the logic ---- */

static void on_append(void *ctx, uint64_t index, const uint8_t *record, size_t size, const mdl_hash *leaf) {
    mdl_shell *s = ctx;
    (void)index;
    if (!mdl_batch_record(&s->batch, record, size, leaf)) {
        mdl_shell_fail(s, "out of memory: a record could not be kept");
    }
}

static void on_put_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size) {
    mdl_shell *s = ctx;
    mdl_shell_remember(s, digest, bytes, size);
    if (!mdl_pieces_add(&s->batch.blobs, bytes, size)) {
        mdl_shell_fail(s, "out of memory: a blob could not be kept");
    }
}

/* NOLINTNEXTLINE(performance-no-int-to-ptr): the logic knows calls as numbers; these were pointers. */
static mdl_call *call_of(uint64_t call) { return (mdl_call *)(uintptr_t)call; }

static void on_reply(void *ctx, uint64_t call, uint64_t after, const uint8_t *envelope, size_t envelope_size,
                     const uint8_t *blob, size_t blob_size) {
    mdl_shell *s = ctx;
    mdl_held h = {call_of(call), NULL, NULL, after, mdl_frame_piece(envelope, envelope_size, blob, blob_size)};
    if (!h.frame.bytes) {
        mdl_call_drop(h.call);
    } else if (after <= s->durable) {
        let_go(s, &h);
    } else {
        hold(s, h);
    }
}

static void on_receipt(void *ctx, uint64_t call, uint64_t record) {
    mdl_shell *s = ctx;
    if (!mdl_batch_receipt(&s->batch, call_of(call), record)) {
        mdl_call_drop(call_of(call));
    }
}

static void on_publish(void *ctx, uint64_t after, const uint8_t *envelope, size_t size) {
    mdl_shell *s = ctx;
    mdl_held h = {NULL, NULL, NULL, after, mdl_frame_piece(envelope, size, NULL, 0)};
    if (h.frame.bytes) {
        hold(s, h); /* give() and the commit let it go */
    }
}

static void on_checked(void *ctx, uint32_t generation, uint32_t job, const mdl_duty_answer *answer) {
    mdl_shell *s = ctx;
    if (s->closing || s->failed) {
        return;
    }
    mdl_coordinator_computed(s->logic, generation, job, answer, mdl_shell_now_ms());
    mdl_shell_after_logic(s);
}

static void on_found(void *ctx, uint32_t job, const mdl_duty_answer *answer, const mdl_transcript_fault *fault) {
    mdl_shell *s = ctx;
    if (s->closing || s->failed) {
        return;
    }
    mdl_coordinator_found(s->logic, job, answer, fault, mdl_shell_now_ms());
    mdl_shell_after_logic(s);
}

static void on_judged(void *ctx, uint32_t generation, uint32_t job, const mdl_judged *judged) {
    mdl_shell *s = ctx;
    if (s->closing || s->failed) {
        return;
    }
    mdl_coordinator_judged(s->logic, generation, job, judged, mdl_shell_now_ms());
    mdl_shell_after_logic(s);
}

/* The threads; 0: there are none, and the shell has failed. */
static int have_checker(mdl_shell *s) {
    const mdl_ledger *l = mdl_coordinator_ledger(s->logic);
    if (!s->checker) {
        mdl_checker_options o = {
            s->options.logic.checkers, mdl_ledger_experiment(l), on_checked, on_found, on_judged, s};
        if (mdl_checker_open(&s->checker, s->loop, &o) != MDL_OK) {
            mdl_shell_fail(s, "no memory or no thread to do jobs again");
        }
    }
    return s->checker != NULL;
}

static void on_compute(void *ctx, const mdl_evolution *of, uint32_t job) {
    mdl_shell *s = ctx;
    if (have_checker(s)) {
        mdl_checker_give(s->checker, of, job);
    }
}

static void on_find(void *ctx, uint32_t job, const uint8_t transcript[MDL_DIGEST_BYTES],
                    const uint8_t (*region)[MDL_DIGEST_BYTES]) {
    mdl_shell *s = ctx;
    mdl_blobs blobs = mdl_shell_blobs(s);
    const uint8_t *bytes;
    size_t size;
    if (!have_checker(s)) {
        return;
    }
    if (blobs.get(blobs.ctx, transcript, &bytes, &size) != MDL_OK ||
        !mdl_checker_find(s->checker, mdl_ledger_evolution(mdl_coordinator_ledger(s->logic)), job, bytes, size,
                          region)) {
        mdl_shell_fail(s, "no memory to do a job beside its transcript, or that cannot be read");
    }
}

static void on_judge(void *ctx, const mdl_evolution *of, uint32_t job, const mdl_case *last, const uint8_t *state,
                     size_t size) {
    mdl_shell *s = ctx;
    if (have_checker(s) && !mdl_checker_judge(s->checker, of, job, last, state, size)) {
        mdl_shell_fail(s, "no memory to judge a dispute");
    }
}

static void on_log(void *ctx, const char *kind, const uint8_t *key, const char *text) {
    mdl_shell *s = ctx;
    char who[17] = "";
    static const char *const always[] = {"generation", "end",     "admin",     "admit",      "bye", "verdict",
                                         "correction", "dispute", "judgement", "unverified", "bug", "forked"};
    if (key) {
        mdl_hex(key, 8, who);
    }
    int tell = 0;
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        tell |= strcmp(kind, always[i]) == 0;
    if (tell || mdl_shell_may_tell(s, kind, who))
        mdl_shell_say(s, kind, who, "%s", text);
}

mdl_coordinator_io mdl_shell_io(mdl_shell *s) {
    return (mdl_coordinator_io){s,          on_append, on_put_blob,        on_reply,       on_receipt,       on_publish,
                                on_compute, on_log,    mdl_shell_blobs(s), mdl_shell_tree, mdl_shell_replay, on_find,
                                on_judge};
}

void mdl_shell_after_logic(mdl_shell *s) {
    if (mdl_coordinator_failed(s->logic)) {
        mdl_shell_fail(s, "the coordinator's state cannot go on; the ledger is whole");
    }
    give(s);
}

/* ---- time ---- */

static void finish_experiment(mdl_shell *s) {
    char error[512];
    s->ended = 1;
    mdl_err err = mdl_shell_export(s, error, sizeof error);
    if (err != MDL_OK) {
        mdl_shell_say(s, "export", "", "the champion could not be written: %s", error);
    } else {
        mdl_shell_say(s, "champion", "", "%s/champion.safetensors", s->options.directory);
    }
    if (s->options.ended) {
        s->options.ended(s->options.ctx);
    }
}

static void on_tick(uv_timer_t *timer) {
    mdl_shell *s = timer->data;
    uv_timeval64_t wall;
    uv_gettimeofday(&wall);
    if (s->failed || s->closing) {
        return;
    }
    mdl_coordinator_tick(s->logic, mdl_shell_now_ms(), (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_usec / 1000);
    mdl_shell_after_logic(s);
    const mdl_ledger *l = mdl_coordinator_ledger(s->logic);
    if (!s->ended && mdl_ledger_ended(l) && s->durable == mdl_ledger_size(l)) {
        finish_experiment(s);
    }
}

/* ---- life ---- */

static void release_all(mdl_shell *s) {
    for (uint32_t i = 0; i < s->helds; i++) {
        free(s->held[i].frame.bytes);
    }
    for (uint32_t i = 0; i < s->recents; i++) {
        free(s->recent[i].blob.bytes);
    }
    free(s->recent);
    free(s->held);
    free(s->blob);
    mdl_shell_end_calls(s);
    mdl_batch_clear(&s->batch);
    mdl_batch_clear(&s->resting);
    mdl_batch_clear(&s->committer.batch);
    mdl_store_close(&s->reader);
    mdl_store_close(&s->committer.store);
    mdl_coordinator_free(s->logic);
    sodium_memzero(s, sizeof *s);
    free(s);
}

/* The last handle, server and verification are gone. */
static void maybe_gone(mdl_shell *s) {
    if (s->open_handles > 0) {
        return;
    }
    void (*closed)(void *ctx) = s->closed;
    void *ctx = s->closed_ctx;
    release_all(s);
    if (closed) {
        closed(ctx);
    }
}

static void handle_gone(uv_handle_t *handle) {
    mdl_shell *s = handle->data;
    s->open_handles--;
    maybe_gone(s);
}

static void server_gone(void *ctx) {
    mdl_shell *s = ctx;
    s->server = NULL;
    s->open_handles--;
    maybe_gone(s);
}

static void wait_for_verifications(uv_timer_t *timer) {
    mdl_shell *s = timer->data;
    if (s->verifying == 0) {
        uv_close((uv_handle_t *)timer, handle_gone);
    }
}

void mdl_shell_close(mdl_shell *s, void (*closed)(void *ctx), void *ctx) {
    MDL_ASSERT(!s->closing);
    /* What is batched is written: it was promised to nobody, but it is work. */
    mdl_committer *c = &s->committer;
    if (c->started && !s->failed && !s->stalled) {
        uv_mutex_lock(&c->lock);
        int busy = c->busy;
        uv_mutex_unlock(&c->lock);
        if (!busy && !mdl_batch_empty(&s->batch)) {
            mdl_committer_give(c, &s->batch);
        }
    }
    s->closing = 1;
    mdl_shell_flush_calls(s);
    s->closed = closed;
    s->closed_ctx = ctx;
    mdl_committer_stop(c);
    s->open_handles = 5;
    if (s->checker) {
        s->open_handles++;
        mdl_checker_close(s->checker, handle_gone, s);
    }
    uv_close((uv_handle_t *)&c->done, handle_gone);
    uv_close((uv_handle_t *)&s->read, handle_gone);
    uv_close((uv_handle_t *)&s->arrivals, handle_gone);
    if (s->server) {
        mdl_server_close(s->server, server_gone, s);
    } else {
        s->open_handles--;
    }
    uv_timer_start(&s->tick, wait_for_verifications, 0, 5);
}

static mdl_err set_names(mdl_shell *s, char *error, size_t error_size) {
    mdl_json_error json;
    char id[17];
    mdl_experiment *x = malloc(sizeof *x);
    if (!x) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    mdl_err err = mdl_experiment_parse(s->options.document, s->options.document_size, x, &json);
    if (err != MDL_OK) {
        mdl_json_error_format(&json, "the experiment", error, error_size);
        free(x);
        return err;
    }
    mdl_hex(x->id, 8, id);
    free(x);
    mdl_coordinator_config *config = &s->options.logic;
    snprintf(config->origin, sizeof config->origin, "modulon/%s", id);
    memcpy(s->committer.secret, s->options.log_secret, MDL_SECRET_BYTES);
    /* libsodium's secret ends with the public key. */
    err = mdl_vkey_make(mdl_text_of(config->origin), MDL_NOTE_TYPE_ED25519, s->options.log_secret + MDL_SEED_BYTES,
                        &s->committer.vkey);
    if (err != MDL_OK) {
        snprintf(error, error_size, "the log's key is not sound: %s", mdl_strerror((int)err));
        return err;
    }
    mdl_vkey_print(&s->committer.vkey, s->vkey);
    size_t length = strlen(s->vkey);
    MDL_ASSERT(length < sizeof config->vkey); /* the origin is short */
    memcpy(config->vkey, s->vkey, length + 1);
    return MDL_OK;
}

static mdl_err listen_now(mdl_shell *s, char *error, size_t error_size) {
    mdl_server_options o = {.listen = s->options.listen,
                            .listen_count = s->options.listen_count,
                            .tls = s->options.tls,
                            .receive_max = MDL_FRAME_CALL_MAX,
                            .large_max = MDL_FRAME_MAX,
                            .large_total = s->options.blob_memory,
                            .calls_max = MDL_CALLS_MAX,
                            .on_call = mdl_shell_on_call,
                            .on_large = mdl_shell_on_large,
                            .ctx = s};
    return mdl_server_open(s->loop, &o, &s->server, error, error_size);
}

mdl_err mdl_shell_open(uv_loop_t *loop, const mdl_shell_options *options, mdl_shell **out, char *error,
                       size_t error_size) {
    *out = NULL;
    mdl_shell *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    s->loop = loop;
    s->options = *options;
    if (s->options.logic.checkers == 0) {
        s->options.logic.checkers = mdl_cpu_count();
    }
    if (s->options.logic.checkers > MDL_CHECKERS_MAX) {
        s->options.logic.checkers = MDL_CHECKERS_MAX;
    }
    if (!(s->options.peer_rate > 0)) {
        s->options.peer_rate = 20000;
    }
    if (!(s->options.peer_burst > 0)) {
        s->options.peer_burst = 40000;
    }
    if (s->options.blob_memory < MDL_FRAME_MAX) {
        s->options.blob_memory = s->options.blob_memory == 0 ? BLOB_MEMORY : MDL_FRAME_MAX;
    }
    mdl_err err = set_names(s, error, error_size);
    if (err == MDL_OK) {
        err = mdl_shell_load(s, error, error_size);
    }
    if (err == MDL_OK && s->failed) {
        snprintf(error, error_size, "out of memory");
        err = MDL_ENOMEM;
    }
    if (err == MDL_OK) {
        err = listen_now(s, error, error_size);
    }
    if (err != MDL_OK) {
        if (s->checker) {
            mdl_checker_close(s->checker, NULL, NULL);
        }
        release_all(s);
        return err;
    }
    uv_timer_init(loop, &s->tick);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    mdl_shell_start_calls(s);
    err = mdl_committer_start(&s->committer, loop, on_committed, s);
    if (err != MDL_OK) {
        mdl_shell_fail(s, "the system gives no thread"); /* the owner closes it */
    }
    give(s);
    *out = s;
    return MDL_OK;
}

const char *mdl_shell_url(const mdl_shell *s, uint32_t i) { return mdl_server_url(s->server, i); }

const char *mdl_shell_vkey(const mdl_shell *s) { return s->vkey; }

mdl_coordinator *mdl_shell_logic(mdl_shell *s) { return s->logic; }

int mdl_shell_when_durable(mdl_shell *s, void (*done)(void *ctx), void *ctx) {
    uint64_t after = mdl_ledger_size(mdl_coordinator_ledger(s->logic));
    if (after <= s->durable) {
        done(ctx);
        return 1;
    }
    uint32_t before = s->helds;
    hold(s, (mdl_held){NULL, done, ctx, after, {NULL, 0}});
    give(s);
    return s->helds > before;
}

void mdl_shell_inform(const mdl_shell *s, mdl_shell_info *out) {
    *out = (mdl_shell_info){s->calls,         s->dropped,   s->bad_signatures, s->batches,
                            s->batch_records, s->commit_ms, s->checkpoint,     s->trouble};
}
