/* The shell of the coordinator: arrival, signatures, group commit, receipts,
 * crashes. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "sim/internal.h"

enum {
    VERIFY_US = 60,         /* one signature on all processors, in virtual time */
    LOOK_US = 3,            /* a frame that is refused before that              */
    COMMIT_US = 4000,       /* a group commit                                   */
    TICK_US = 250000,       /* between ticks of the logic                       */
    RESTART_US = 1500000,   /* from a crash to the next start                   */
    VERIFYING_LEAST = 4096, /* calls that may wait for their signature's check: so many, or one a worker */
    CHECK_SPEED = 4000      /* updates a millisecond of the coordinator's own   */
};
#define WALL_MS UINT64_C(1700000000000)

/* ---- calls ---- */

static uint64_t open_call(mdl_sim *s, uint32_t worker, uint64_t token) {
    uint32_t at = s->free_call;
    if (at == 0) {
        if (!mdl_list_grow_zeroed(&s->call, &s->calls_room, s->calls + 1, sizeof *s->call)) {
            mdl_sim_fail(s, MDL_ENOMEM);
            return 0;
        }
        at = ++s->calls;
    } else {
        s->free_call = s->call[at - 1].next;
    }
    s->call[at - 1] = (mdl_sim_call){.worker = worker, .token = token, .used = 1};
    return at;
}

/* The answer to a call leaves. NULL: none. */
static void answer(mdl_sim *s, uint64_t call, mdl_sim_bytes *frame) {
    mdl_sim_call *c = &s->call[call - 1];
    MDL_ASSERT(call >= 1 && call <= s->calls && c->used);
    if (c->token != 0 && frame) {
        mdl_sim_to_worker(s, c->worker, c->token, frame);
    } else {
        mdl_sim_bytes_drop(frame);
    }
    c->used = 0;
    c->next = s->free_call;
    s->free_call = (uint32_t)call;
}

static mdl_sim_bytes *receipt_of(mdl_sim *s, uint64_t record) {
    size_t size;
    mdl_err err = mdl_sim_store_receipt(&s->store, record, s->frame, &size);
    if (err != MDL_OK) {
        mdl_sim_fail(s, err);
        return NULL;
    }
    s->report.receipts++;
    return mdl_sim_bytes_of(s->frame, size);
}

static void hold(mdl_sim *s, mdl_sim_waiting w) {
    if (w.after > s->store.records) {
        mdl_sim_violated(s, "an answer rests on record %llu of %llu", (unsigned long long)w.after,
                         (unsigned long long)s->store.records);
    }
    if (w.after <= s->store.durable) {
        answer(s, w.call, w.receipt ? receipt_of(s, w.after - 1) : w.frame);
        return;
    }
    if (!mdl_list_grow_zeroed(&s->waiting, &s->waiting_room, s->waiting_count + 1, sizeof *s->waiting)) {
        mdl_sim_bytes_drop(w.frame);
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    s->waiting[s->waiting_count++] = w;
}

static void release(mdl_sim *s) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->waiting_count; i++) {
        mdl_sim_waiting w = s->waiting[i];
        if (w.after > s->store.durable) {
            s->waiting[kept++] = w;
        } else {
            answer(s, w.call, w.receipt ? receipt_of(s, w.after - 1) : w.frame);
        }
    }
    s->waiting_count = kept;
}

/* ---- commands ---- */

static void on_append(void *ctx, uint64_t index, const uint8_t *record, size_t size, const mdl_hash *leaf) {
    mdl_sim *s = ctx;
    if (index != s->store.records) {
        mdl_sim_violated(s, "record %llu comes as number %llu", (unsigned long long)s->store.records,
                         (unsigned long long)index);
    }
    if (!mdl_sim_store_append(&s->store, record, size, leaf)) {
        mdl_sim_fail(s, MDL_ENOMEM);
    }
}

static void on_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size) {
    mdl_sim *s = ctx;
    if (!mdl_sim_store_put(&s->store, digest, bytes, size)) {
        mdl_sim_fail(s, MDL_ENOMEM);
    }
}

static mdl_sim_bytes *frame_of(mdl_sim *s, const uint8_t *envelope, size_t envelope_size, const uint8_t *blob,
                               size_t blob_size) {
    const mdl_frame f = {envelope, envelope_size, blob, blob_size};
    size_t capacity = MDL_FRAME_HEAD_BYTES + envelope_size + blob_size, size;
    mdl_sim_bytes *b = malloc(sizeof *b + capacity);
    if (b && mdl_frame_encode(&f, b->at, capacity, &size) == MDL_OK) {
        b->refs = 1;
        b->size = size;
        return b;
    }
    free(b);
    mdl_sim_fail(s, MDL_ENOMEM);
    return NULL;
}

static void on_reply(void *ctx, uint64_t call, uint64_t after, const uint8_t *envelope, size_t envelope_size,
                     const uint8_t *blob, size_t blob_size) {
    mdl_sim *s = ctx;
    hold(s, (mdl_sim_waiting){call, after, 0, frame_of(s, envelope, envelope_size, blob, blob_size)});
}

static void on_receipt(void *ctx, uint64_t call, uint64_t record) {
    hold(ctx, (mdl_sim_waiting){call, record + 1, 1, NULL});
}

/* News may leave before they are durable only in this: nobody hears them earlier than the commit. */
static void on_publish(void *ctx, uint64_t after, const uint8_t *envelope, size_t size) {
    mdl_sim *s = ctx;
    (void)after;
    mdl_sim_bytes *b = frame_of(s, envelope, size, NULL, 0);
    for (uint32_t i = 0; b && i < s->workers; i++) {
        if (s->worker[i].logic && !mdl_sim_chance(&s->network, s->plan.loss)) {
            b->refs++;
            mdl_sim_at(s, s->now_us + 2 * COMMIT_US + mdl_sim_latency_us(s, i), MDL_EV_WORKER_NEWS, i, 0, b);
        }
    }
    mdl_sim_bytes_drop(b);
}

/* The coordinator does a job itself. */
static void on_compute(void *ctx, const mdl_evolution *of, uint32_t job) {
    mdl_sim *s = ctx;
    uint32_t generation = mdl_evolution_generation(of);
    uint64_t updates = mdl_sim_truth(s, generation, job, NULL);
    mdl_sim_at(s, s->now_us + 1000 * updates / CHECK_SPEED, MDL_EV_CHECKED, (uint32_t)s->incarnation,
               (uint64_t)generation << 32 | job, NULL);
}

static void on_judge(void *ctx, const mdl_evolution *of, uint32_t job, const mdl_case *last, const uint8_t *state,
                     size_t size) {
    (void)state; /* the fold has compared its digest */
    (void)size;
    mdl_sim_judge(ctx, of, job, last);
}

static void computed(mdl_sim *s, uint32_t generation, uint32_t job) {
    mdl_job_result r;
    mdl_sim_truth(s, generation, job, &r);
    mdl_duty_answer answer = {.fitness = r.fitness, .updates = r.updates};
    memcpy(answer.segment, r.segment, sizeof answer.segment);
    mdl_coordinator_computed(s->logic, generation, job, &answer, mdl_sim_ms(s));
}

static mdl_err on_tree(void *ctx, uint64_t size, mdl_merkle_lookup *lookup) {
    mdl_sim *s = ctx;
    *lookup = mdl_sim_store_lookup(&s->store);
    return size <= s->store.durable ? MDL_OK : MDL_ENOENT;
}

static void on_log(void *ctx, const char *kind, const uint8_t *key, const char *text) {
    mdl_sim *s = ctx;
    (void)key;
    if (strcmp(kind, "bug") == 0) {
        mdl_sim_violated(s, "the coordinator names a bug of its own: %s", text);
    }
}

/* ---- life and death ---- */

void mdl_sim_coordinator_start(mdl_sim *s) {
    char error[256] = "";
    mdl_breach breach;
    s->io = (mdl_coordinator_io){
        .ctx = s,
        .append = on_append,
        .put_blob = on_blob,
        .reply = on_reply,
        .receipt = on_receipt,
        .publish = on_publish,
        .compute = on_compute,
        .log = on_log,
        .blobs = {mdl_sim_store_get, &s->store},
        .tree = on_tree,
        .judge = on_judge,
    };
    s->logic = mdl_coordinator_new(&s->config, &s->io);
    if (!s->logic) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    for (size_t i = 0; i < s->store.records; i++) {
        mdl_rule rule = mdl_coordinator_replay(s->logic, s->store.record[i].bytes, s->store.record[i].size, &breach);
        if (rule != MDL_RULE_OK) {
            mdl_sim_violated(s, "after a crash record %zu breaks %s: %s", i, mdl_rule_name((int)rule), breach.text);
            s->failed = MDL_EMISMATCH;
            return;
        }
    }
    mdl_err err = mdl_coordinator_start(s->logic, (const uint8_t *)s->document, s->document_size, mdl_sim_ms(s),
                                        WALL_MS + mdl_sim_ms(s), error, sizeof error);
    if (err != MDL_OK) {
        mdl_sim_violated(s, "the coordinator does not start: %s", error);
        s->failed = err;
        return;
    }
    mdl_sim_at(s, s->now_us + TICK_US, MDL_EV_TICK, 0, s->incarnation, NULL);
    if (s->plan.crash_s > 0) {
        mdl_sim_at(s, s->now_us + 2000000 + (uint64_t)mdl_sim_exponential(&s->churn, 1e6 * s->plan.crash_s),
                   MDL_EV_CRASH, 0, s->incarnation, NULL);
    }
    for (uint32_t i = 0; s->incarnation > 0 && i < s->workers; i++) {
        mdl_sim_at(s, s->now_us + s->worker[i].latency_us, MDL_EV_WORKER_LINK, i, 1, NULL);
    }
}

static void stop(mdl_sim *s) {
    mdl_coordinator_free(s->logic);
    s->logic = NULL;
    for (uint32_t i = 0; i < s->waiting_count; i++) {
        mdl_sim_bytes_drop(s->waiting[i].frame);
    }
    s->waiting_count = s->calls = s->free_call = 0;
    s->committing = 0;
    s->judgings = 0;
}

static void crash(mdl_sim *s) {
    if (mdl_ledger_ended(mdl_coordinator_ledger(s->logic))) {
        return; /* a coordinator that is done may rest */
    }
    s->report.crashes++;
    s->incarnation++;
    stop(s);
    mdl_sim_store_crash(&s->store);
    for (uint32_t i = 0; i < s->workers; i++) {
        mdl_sim_at(s, s->now_us + s->worker[i].latency_us, MDL_EV_WORKER_LINK, i, 0, NULL);
    }
    mdl_sim_at(s, s->now_us + RESTART_US, MDL_EV_RESTART, 0, s->incarnation, NULL);
}

void mdl_sim_coordinator_close(mdl_sim *s) {
    stop(s);
    free(s->call);
    free(s->waiting);
}

/* ---- events ---- */

static void commit_if_due(mdl_sim *s) {
    if (!s->committing && s->logic && s->store.records > s->store.durable) {
        s->committing = 1;
        mdl_sim_at(s, s->now_us + COMMIT_US, MDL_EV_COMMITTED, (uint32_t)s->incarnation, s->store.records, NULL);
    }
}

static void committed(mdl_sim *s, uint64_t count) {
    uint64_t before = s->store.durable;
    mdl_err err = mdl_sim_store_commit(&s->store, count);
    if (err != MDL_OK) {
        mdl_sim_fail(s, err);
        return;
    }
    s->committing = 0;
    mdl_coordinator_stored(s->logic, count, s->store.checkpoint, s->store.checkpoint_size);
    for (uint64_t i = before; i < count; i++) {
        mdl_sim_watch_record(s, i);
    }
    if (s->fold_due && s->store.records == count) {
        mdl_sim_watch_fold(s);
    }
    release(s);
}

static int take_apart(mdl_sim *s, const mdl_sim_bytes *b, mdl_frame *frame, mdl_envelope *e) {
    return b->size <= MDL_FRAME_CALL_MAX && mdl_frame_decode(b->at, b->size, frame) == MDL_OK &&
           frame->envelope_size > 0 && mdl_envelope_decode(frame->envelope, frame->envelope_size, s->pae, e) == MDL_OK;
}

/* What is cheap is checked at once; a signature takes its turn. */
static void arrive(mdl_sim *s, const mdl_sim_event *e) {
    mdl_frame frame;
    mdl_envelope envelope;
    s->report.calls++;
    s->busy_us = (s->busy_us > s->now_us ? s->busy_us : s->now_us) + LOOK_US;
    mdl_reason reason = MDL_REASON_BAD_ENVELOPE;
    if (take_apart(s, e->bytes, &frame, &envelope)) {
        mdl_message_type type;
        reason = mdl_coordinator_worth(s->logic, &envelope);
        if (reason == MDL_REASON_NONE && frame.blob_size > 0 &&
            (mdl_message_type_of(envelope.name, &type) != MDL_OK || frame.blob_size > mdl_message_blob_max(type))) {
            reason = MDL_REASON_BAD_BLOB;
        }
    }
    uint64_t most = s->workers > VERIFYING_LEAST ? s->workers : VERIFYING_LEAST;
    if (reason == MDL_REASON_NONE && s->busy_us - s->now_us > most * VERIFY_US) {
        return; /* too many wait: dropped */
    }
    if (reason != MDL_REASON_NONE) {
        s->report.refused++;
        uint64_t call = open_call(s, e->worker, e->token);
        if (call) {
            mdl_coordinator_refuse(s->logic, call, reason, NULL, 0);
        }
        return;
    }
    s->busy_us += VERIFY_US;
    uint64_t waited = s->busy_us - s->now_us;
    if (!mdl_sim_is_evil(s->worker[e->worker].behaviour)) {
        uint32_t bin = 0;
        for (uint64_t square = waited * waited; square > 1; square >>= 1) {
            bin++;
        }
        s->histogram[bin < MDL_SIM_HISTOGRAM ? bin : MDL_SIM_HISTOGRAM - 1]++;
    }
    e->bytes->refs++;
    mdl_sim_at(s, s->busy_us, MDL_EV_SERVE, e->worker, e->token, e->bytes);
}

static void serve(mdl_sim *s, const mdl_sim_event *e) {
    mdl_frame frame;
    mdl_envelope envelope;
    mdl_hash leaf;
    uint64_t call = open_call(s, e->worker, e->token);
    if (!call || !take_apart(s, e->bytes, &frame, &envelope)) {
        return;
    }
    if (mdl_envelope_verify(&envelope) != MDL_OK) {
        s->report.refused++;
        mdl_coordinator_refuse(s->logic, call, MDL_REASON_BAD_SIGNATURE, NULL, 0);
        return;
    }
    mdl_merkle_leaf(frame.envelope, frame.envelope_size, &leaf);
    mdl_carried blob = {.bytes = frame.blob, .size = frame.blob_size};
    if (blob.size > 0) {
        mdl_digest_of(blob.bytes, blob.size, blob.digest);
    }
    mdl_coordinator_call(s->logic, call, &envelope, frame.envelope, frame.envelope_size, &leaf,
                         blob.size > 0 ? &blob : NULL, mdl_sim_ms(s));
}

void mdl_sim_coordinator_event(mdl_sim *s, const mdl_sim_event *e) {
    if (e->kind == MDL_EV_RESTART) {
        mdl_sim_coordinator_start(s);
        commit_if_due(s);
        return;
    }
    if (!s->logic) {
        if (e->kind == MDL_EV_ARRIVE && e->token != 0) { /* nobody listens: told at once */
            mdl_sim_at(s, s->now_us + s->worker[e->worker].latency_us, MDL_EV_WORKER_SILENT, e->worker, e->token, NULL);
        }
        return;
    }
    switch ((mdl_sim_event_kind)e->kind) {
    case MDL_EV_ARRIVE:
        arrive(s, e);
        break;
    case MDL_EV_SERVE:
        serve(s, e);
        break;
    case MDL_EV_COMMITTED:
        if (e->worker == (uint32_t)s->incarnation) {
            committed(s, e->token);
        }
        break;
    case MDL_EV_TICK:
        if (e->token == s->incarnation) {
            mdl_coordinator_tick(s->logic, mdl_sim_ms(s), WALL_MS + mdl_sim_ms(s));
            mdl_sim_at(s, s->now_us + TICK_US, MDL_EV_TICK, 0, s->incarnation, NULL);
        }
        break;
    case MDL_EV_CHECKED:
        if (e->worker == (uint32_t)s->incarnation) {
            computed(s, (uint32_t)(e->token >> 32), (uint32_t)e->token);
        }
        break;
    case MDL_EV_JUDGED:
        if (e->worker == (uint32_t)s->incarnation) {
            mdl_sim_judged(s, (uint32_t)(e->token >> 32), (uint32_t)e->token);
        }
        break;
    case MDL_EV_CRASH:
        if (e->token == s->incarnation) {
            crash(s);
        }
        return;
    default:
        MDL_ASSERT(0);
    }
    if (mdl_coordinator_failed(s->logic)) {
        mdl_sim_violated(s, "the coordinator has failed");
        s->failed = MDL_EMISMATCH;
    }
    commit_if_due(s);
}
