/* A shell without sockets, disk or clock around the coordinator's logic, and
 * workers that speak the real protocol to it. Each test program includes it once.
 *
 * It checks on the way: records come in order, their blobs come first, and
 * nothing leaves before what it rests on is durable. */
#ifndef MDL_TESTS_COORDINATOR_FAKE_SHELL_H
#define MDL_TESTS_COORDINATOR_FAKE_SHELL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after those four */
#include <cmocka.h>

#include "coordinator/logic.h"
#include "protocol/chain.h"
#include "protocol/experiment_json.h"
#include "protocol/session.h"
#include "protocol/ticket.h"
#include "protocol/unit.h"
#include "tests/support/ledger_fixture.h"

enum { FAKE_CALLS = 64 };

typedef struct fake_bytes {
    uint8_t *at;
    size_t size;
} fake_bytes;

/* A reply: waits in the shell until `after` records are durable. */
typedef struct fake_reply {
    uint64_t call, after;
    int receipt; /* of record after - 1 */
    fake_bytes envelope, blob;
} fake_reply;

typedef struct fake_shell {
    mdl_coordinator *logic;
    mdl_coordinator_config config;
    mdl_coordinator_io io;
    fake_bytes *record;
    size_t records, durable; /* all, and those on the disk */
    fake_bytes *blob;
    uint8_t (*blob_digest)[MDL_DIGEST_BYTES];
    size_t blobs;
    fake_reply *waiting;
    size_t waiting_count;
    uint64_t next_call, now_ms, wall_ms, news;
    char last_kind[32]; /* of the log */
    uint64_t equivocations, expiries, copies;
    const mdl_evolution *judge_of; /* NULL: no last step of a dispute is due */
    uint32_t judge_job;
    mdl_case judge_case;
    fake_bytes judge_state;
    const mdl_evolution *check_of[MDL_CHECKERS_MAX];
    uint32_t check[MDL_CHECKERS_MAX], checks; /* jobs that the logic wants done */
} fake_shell;

/* Grows in steps, so tests need no care. */
static inline void *fake_more(void *at, size_t count, size_t size) {
    void *grown = realloc(at, (count + 1) * size);
    assert_non_null(grown);
    return grown;
}

static inline fake_bytes fake_copy(const uint8_t *bytes, size_t size) {
    fake_bytes b = {malloc(size + 1), size};
    assert_non_null(b.at);
    if (size > 0) {
        memcpy(b.at, bytes, size);
    }
    return b;
}

static inline void fake_append(void *ctx, uint64_t index, const uint8_t *record, size_t size, const mdl_hash *leaf) {
    fake_shell *s = ctx;
    mdl_hash hash;
    assert_int_equal(index, s->records);
    mdl_merkle_leaf(record, size, &hash);
    assert_true(!leaf || mdl_hash_equal(leaf, &hash));
    assert_true(size <= MDL_ENVELOPE_BYTES_MAX);
    s->record = fake_more(s->record, s->records, sizeof *s->record);
    s->record[s->records++] = fake_copy(record, size);
}

static inline mdl_err fake_get(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    fake_shell *s = ctx;
    for (size_t i = 0; i < s->blobs; i++) {
        if (memcmp(s->blob_digest[i], digest, MDL_DIGEST_BYTES) == 0) {
            *bytes = s->blob[i].at;
            *size = s->blob[i].size;
            return MDL_OK;
        }
    }
    return MDL_ENOENT;
}

static inline void fake_put_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size) {
    fake_shell *s = ctx;
    uint8_t found[MDL_DIGEST_BYTES];
    mdl_digest_of(bytes, size, found);
    assert_memory_equal(found, digest, MDL_DIGEST_BYTES);
    s->blob = fake_more(s->blob, s->blobs, sizeof *s->blob);
    s->blob_digest = fake_more(s->blob_digest, s->blobs, sizeof *s->blob_digest);
    memcpy(s->blob_digest[s->blobs], digest, MDL_DIGEST_BYTES);
    s->blob[s->blobs++] = fake_copy(bytes, size);
}

static inline void fake_wait(fake_shell *s, fake_reply r) {
    assert_true(r.after <= s->records); /* rests on what exists */
    for (size_t i = 0; i < s->waiting_count; i++) {
        assert_int_not_equal(s->waiting[i].call, r.call); /* one answer a call */
    }
    s->waiting = fake_more(s->waiting, s->waiting_count, sizeof *s->waiting);
    s->waiting[s->waiting_count++] = r;
}

static inline void fake_on_reply(void *ctx, uint64_t call, uint64_t after, const uint8_t *envelope, size_t size,
                                 const uint8_t *blob, size_t blob_size) {
    fake_wait(ctx, (fake_reply){call, after, 0, fake_copy(envelope, size), fake_copy(blob, blob_size)});
}

static inline void fake_on_receipt(void *ctx, uint64_t call, uint64_t record) {
    fake_wait(ctx, (fake_reply){call, record + 1, 1, fake_copy(NULL, 0), fake_copy(NULL, 0)});
}

static inline void fake_publish(void *ctx, uint64_t after, const uint8_t *envelope, size_t size) {
    fake_shell *s = ctx;
    (void)envelope;
    assert_true(after == s->records && size > 0);
    s->news++;
}

static inline void fake_on_compute(void *ctx, const mdl_evolution *of, uint32_t job) {
    fake_shell *s = ctx;
    assert_true(s->checks < MDL_CHECKERS_MAX && job < mdl_evolution_job_count(of));
    s->check_of[s->checks] = of;
    s->check[s->checks++] = job;
}

static inline void fake_on_judge(void *ctx, const mdl_evolution *of, uint32_t job, const mdl_case *last,
                                 const uint8_t *state, size_t size) {
    fake_shell *s = ctx;
    assert_null(s->judge_of);
    s->judge_of = of;
    s->judge_job = job;
    s->judge_case = *last;
    s->judge_state = fake_copy(state, size);
}

/* The last step of a dispute, if it is due. */
static inline int fake_judge(fake_shell *s, mdl_life *life, float *genome) {
    const mdl_evolution *of = s->judge_of;
    mdl_judged judged;
    mdl_job job;
    if (!of) {
        return 0;
    }
    s->judge_of = NULL;
    mdl_evolution_job(of, s->judge_job, &job, genome);
    mdl_life_genome(life, genome);
    assert_int_equal(mdl_case_judge(&s->judge_case, life, s->judge_state.at, s->judge_state.size, &judged), MDL_OK);
    free(s->judge_state.at);
    mdl_coordinator_judged(s->logic, mdl_evolution_generation(of), s->judge_job, &judged, s->now_ms);
    return 1;
}

/* Do the oldest of them. 0: there is none. */
static inline int fake_check(fake_shell *s, mdl_life *life, float *genome) {
    mdl_job_result r;
    if (s->checks == 0) {
        return 0;
    }
    uint32_t job = s->check[0];
    const mdl_evolution *of = s->check_of[0];
    memmove(s->check, s->check + 1, --s->checks * sizeof *s->check);
    memmove(s->check_of, s->check_of + 1, s->checks * sizeof *s->check_of);
    mdl_unit_job(life, of, job, genome, NULL, &r);
    mdl_duty_answer answer = {.fitness = r.fitness, .updates = r.updates};
    memcpy(answer.segment, r.segment, sizeof answer.segment);
    mdl_coordinator_computed(s->logic, mdl_evolution_generation(of), job, &answer, s->now_ms);
    return 1;
}

/* Subtrees as they are asked for; a test's ledgers are small. */
static inline mdl_err fake_node(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const fake_shell *s = ctx;
    mdl_hash left, right;
    if (level == 0) {
        assert_true(index < s->durable);
        mdl_merkle_leaf(s->record[index].at, s->record[index].size, out);
        return MDL_OK;
    }
    fake_node(ctx, level - 1, 2 * index, &left);
    fake_node(ctx, level - 1, 2 * index + 1, &right);
    mdl_merkle_node(&left, &right, out);
    return MDL_OK;
}

static inline mdl_err fake_tree(void *ctx, uint64_t size, mdl_merkle_lookup *lookup) {
    fake_shell *s = ctx;
    assert_true(size <= s->durable); /* asked only for what is on the disk */
    *lookup = (mdl_merkle_lookup){fake_node, s};
    return MDL_OK;
}

static inline void fake_log(void *ctx, const char *kind, const uint8_t *key, const char *text) {
    fake_shell *s = ctx;
    (void)key;
    (void)text;
    if (getenv("FAKE_SHELL_LOG")) {
        fprintf(stderr, "%8llu %s: %s\n", (unsigned long long)s->now_ms, kind, text);
    }
    snprintf(s->last_kind, sizeof s->last_kind, "%s", kind);
    s->equivocations += strcmp(kind, "equivocation") == 0;
    s->expiries += strcmp(kind, "expire") == 0;
    s->copies += strcmp(kind, "copy") == 0;
    assert_string_not_equal(kind, "bug");
}

/* Everything appended so far is durable; answers held for it may leave. */
static inline void fake_commit(fake_shell *s) {
    static const char checkpoint[] = "a checkpoint\n";
    s->durable = s->records;
    mdl_coordinator_stored(s->logic, s->durable, checkpoint, sizeof checkpoint - 1);
}

static inline void fake_drop_waiting(fake_shell *s) {
    for (size_t i = 0; i < s->waiting_count; i++) {
        free(s->waiting[i].envelope.at);
        free(s->waiting[i].blob.at);
    }
    s->waiting_count = 0;
}

static inline void fake_start(fake_shell *s, const char *document) {
    char error[256] = "";
    mdl_breach breach;
    s->logic = mdl_coordinator_new(&s->config, &s->io);
    assert_non_null(s->logic);
    for (size_t i = 0; i < s->durable; i++) {
        mdl_rule rule = mdl_coordinator_replay(s->logic, s->record[i].at, s->record[i].size, &breach);
        if (rule != MDL_RULE_OK) {
            fail_msg("record %zu breaks %s: %s", i, mdl_rule_name((int)rule), breach.text);
        }
    }
    mdl_err err = mdl_coordinator_start(s->logic, (const uint8_t *)document, strlen(document), s->now_ms, s->wall_ms,
                                        error, sizeof error);
    if (err != MDL_OK) {
        fail_msg("start: %s", error);
    }
}

static inline void fake_open(fake_shell *s, const char *document, mdl_admission admission) {
    memset(s, 0, sizeof *s);
    ledger_key(LEDGER_COORDINATOR, s->config.key, s->config.secret);
    snprintf(s->config.origin, sizeof s->config.origin, "modulon/test");
    snprintf(s->config.vkey, sizeof s->config.vkey, "modulon/test+key");
    s->config.admission = admission;
    s->io = (mdl_coordinator_io){.ctx = s,
                                 .append = fake_append,
                                 .put_blob = fake_put_blob,
                                 .reply = fake_on_reply,
                                 .receipt = fake_on_receipt,
                                 .publish = fake_publish,
                                 .compute = fake_on_compute,
                                 .log = fake_log,
                                 .blobs = {fake_get, s},
                                 .tree = fake_tree,
                                 .judge = fake_on_judge};
    memset(s->config.chain, 0xc4, sizeof s->config.chain);
    s->now_ms = 1000;
    s->wall_ms = UINT64_C(1700000000000);
    s->next_call = 1;
    fake_start(s, document);
}

/* A crash: what was not durable is gone, and so is every session; then it starts again. */
static inline void fake_crash(fake_shell *s, const char *document) {
    mdl_coordinator_free(s->logic);
    for (size_t i = s->durable; i < s->records; i++) {
        free(s->record[i].at);
    }
    s->records = s->durable;
    s->checks = 0;
    fake_drop_waiting(s);
    fake_start(s, document);
}

/* ---- what was recorded ---- */

/* Record `i`; its list is in `list`, of MDL_LIST_MAX, where it may have one. */
static inline mdl_message fake_read(const fake_shell *s, size_t i, uint64_t *list) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    mdl_envelope e;
    mdl_message m;
    assert_int_equal(mdl_envelope_decode(s->record[i].at, s->record[i].size, pae, &e), MDL_OK);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){list, list ? MDL_LIST_MAX : 0}, &m, NULL), MDL_OK);
    return m;
}

static inline uint32_t fake_count(const fake_shell *s, mdl_message_type type) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    uint32_t count = 0;
    for (size_t i = 0; i < s->records; i++) {
        mdl_envelope e;
        mdl_message_type found;
        assert_int_equal(mdl_envelope_decode(s->record[i].at, s->record[i].size, pae, &e), MDL_OK);
        assert_int_equal(mdl_message_type_of(e.name, &found), MDL_OK);
        count += found == type;
    }
    return count;
}

/* Record `i` in a fold of its own, which verifies every signature. */
static inline void fake_apply(const fake_shell *s, size_t i, mdl_ledger *l) {
    mdl_breach breach;
    mdl_rule rule = mdl_ledger_apply(l, s->record[i].at, s->record[i].size, 0, &breach);
    if (rule != MDL_RULE_OK) {
        fail_msg("record %zu breaks %s: %s", i, mdl_rule_name((int)rule), breach.text);
    }
}

/* All records. The caller frees it. */
static inline mdl_ledger *fake_fold(const fake_shell *s) {
    mdl_blobs blobs = {fake_get, (void *)(uintptr_t)s};
    mdl_ledger *l = mdl_ledger_new(s->config.key, &blobs);
    for (size_t i = 0; i < s->records; i++) {
        fake_apply(s, i, l);
    }
    return l;
}

static inline void fake_close(fake_shell *s) {
    mdl_coordinator_free(s->logic);
    fake_drop_waiting(s);
    for (size_t i = 0; i < s->records; i++) {
        free(s->record[i].at);
    }
    for (size_t i = 0; i < s->blobs; i++) {
        free(s->blob[i].at);
    }
    free(s->record);
    free(s->blob);
    free(s->blob_digest);
    free(s->waiting);
}

/* An answer as its receiver sees it. */
typedef struct fake_answer {
    int receipt;
    uint64_t record;
    mdl_message m;
    fake_bytes blob; /* free(at) */
} fake_answer;

/* Take the answer to `call` out of the shell, once it may leave. 0: not yet. */
static inline int fake_take(fake_shell *s, uint64_t call, fake_answer *out) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    static uint64_t room[MDL_LIST_MAX];
    for (size_t i = 0; i < s->waiting_count; i++) {
        fake_reply r = s->waiting[i];
        if (r.call != call) {
            continue;
        }
        if (r.after > s->durable) {
            return 0;
        }
        s->waiting[i] = s->waiting[--s->waiting_count];
        memset(out, 0, sizeof *out);
        out->receipt = r.receipt;
        out->record = r.after - 1;
        out->blob = r.blob;
        if (!r.receipt) {
            mdl_envelope e;
            assert_int_equal(mdl_envelope_decode(r.envelope.at, r.envelope.size, pae, &e), MDL_OK);
            assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
            assert_memory_equal(e.key, s->config.key, MDL_KEY_BYTES);
            assert_int_equal(mdl_message_of(&e, (mdl_list_room){room, MDL_LIST_MAX}, &out->m, NULL), MDL_OK);
            uint8_t digest[MDL_DIGEST_BYTES];
            uint64_t size;
            mdl_message_blob(&out->m, digest, &size);
            mdl_frame frame = {r.envelope.at, r.envelope.size, r.blob.at, r.blob.size};
            assert_int_equal(mdl_frame_check_blob(&frame, digest, size), MDL_OK);
        }
        free(r.envelope.at);
        return 1;
    }
    fail_msg("call %llu has no answer", (unsigned long long)call);
    return 0;
}

/* Hand an envelope in with its blob, as the shell does; `blob` may be NULL. Returns the call's number. */
static inline uint64_t fake_send_with(fake_shell *s, const uint8_t *envelope, size_t size, const uint8_t *blob,
                                      size_t blob_size) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    mdl_envelope e;
    assert_int_equal(mdl_envelope_decode(envelope, size, pae, &e), MDL_OK);
    assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
    uint64_t call = s->next_call++;
    mdl_hash leaf;
    mdl_merkle_leaf(envelope, size, &leaf);
    mdl_carried carried = {.bytes = blob, .size = blob_size};
    if (blob) {
        mdl_digest_of(blob, blob_size, carried.digest);
    }
    mdl_coordinator_call(s->logic, call, &e, envelope, size, &leaf, blob ? &carried : NULL, s->now_ms);
    return call;
}

static inline uint64_t fake_send(fake_shell *s, const uint8_t *envelope, size_t size) {
    return fake_send_with(s, envelope, size, NULL, 0);
}

/* ---- a worker ---- */
typedef struct fake_worker {
    uint32_t signer;
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES], session[MDL_SESSION_BYTES], experiment[32];
    uint64_t seq, sessions;
    fake_bytes last; /* the envelope sent last */
} fake_worker;

static inline void fake_new_session(fake_worker *w) {
    w->sessions++;
    memset(w->session, (int)w->signer, sizeof w->session);
    memcpy(w->session, &w->sessions, sizeof w->sessions);
    w->seq = 0;
}

static inline void fake_worker_open(fake_worker *w, uint32_t signer, const fake_shell *s) {
    memset(w, 0, sizeof *w);
    w->signer = signer;
    ledger_key(signer, w->key, w->secret);
    memcpy(w->experiment, mdl_ledger_experiment_id(mdl_coordinator_ledger(s->logic)), 32);
    fake_new_session(w);
}

static inline void fake_worker_close(fake_worker *w) { free(w->last.at); }

static inline mdl_message fake_message(mdl_message_type type) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type;
    return m;
}

static inline void fake_seal(fake_worker *w, mdl_message *m) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], out[MDL_ENVELOPE_BYTES_MAX];
    size_t size;
    memcpy(m->head.experiment, w->experiment, 32);
    memcpy(m->head.session, w->session, MDL_SESSION_BYTES);
    m->head.seq = w->seq++;
    assert_int_equal(mdl_message_seal(m, w->secret, work, out, sizeof out, &size), MDL_OK);
    free(w->last.at);
    w->last = fake_copy(out, size);
}

static inline uint64_t fake_call(fake_shell *s, fake_worker *w, mdl_message *m) {
    fake_seal(w, m);
    return fake_send(s, w->last.at, w->last.size);
}

/* Call, commit, answer. */
static inline fake_answer fake_ask(fake_shell *s, fake_worker *w, mdl_message m) {
    fake_answer a;
    uint64_t call = fake_call(s, w, &m);
    fake_commit(s);
    assert_true(fake_take(s, call, &a));
    return a;
}

/* The same for a call that carries a blob; one that a large frame would ask for first is asked for. */
static inline fake_answer fake_ask_with(fake_shell *s, fake_worker *w, mdl_message m, fake_bytes blob) {
    static uint8_t pae[MDL_PAE_BYTES_MAX];
    fake_answer a;
    mdl_envelope e;
    mdl_hash leaf;
    mdl_carried carried = {.bytes = blob.at, .size = blob.size};
    mdl_digest_of(blob.at, blob.size, carried.digest);
    fake_seal(w, &m);
    assert_int_equal(mdl_envelope_decode(w->last.at, w->last.size, pae, &e), MDL_OK);
    uint64_t call = s->next_call++;
    mdl_merkle_leaf(w->last.at, w->last.size, &leaf);
    mdl_coordinator_call(s->logic, call, &e, w->last.at, w->last.size, &leaf, &carried, s->now_ms);
    fake_commit(s);
    assert_true(fake_take(s, call, &a));
    return a;
}

static inline mdl_message fake_hello(void) {
    mdl_message m = fake_message(MDL_MSG_HELLO);
    m.as.hello.version = MDL_PROTOCOL_VERSION;
    m.as.hello.results = MDL_RESULTS;
    m.as.hello.threads = 1;
    snprintf(m.as.hello.program, sizeof m.as.hello.program, "fake");
    return m;
}

static inline mdl_message fake_want(uint32_t jobs) {
    mdl_message m = fake_message(MDL_MSG_WANT);
    m.as.want.jobs = jobs;
    return m;
}

/* The root and the segments of a result, in memory that lasts for FAKE_UNITS more. */
enum { FAKE_UNITS = 64 };
static inline void fake_answer_with(mdl_message *m, const mdl_job_result *jobs) {
    static char text[FAKE_UNITS][MDL_UNIT_JOBS_MAX * MDL_SEGMENT_CHARS];
    static uint32_t next;
    mdl_msg_result *r = &m->as.result;
    r->updates = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        r->updates += jobs[i].updates;
    }
    mdl_unit_root(jobs, r->count, r->root);
    r->segments = mdl_unit_segments(jobs, r->count, text[next++ % FAKE_UNITS]);
}

/* The commitment to a result. */
static inline mdl_message fake_commitment(const fake_worker *w, const mdl_message *result) {
    mdl_message m = fake_message(MDL_MSG_COMMIT);
    const mdl_msg_result *r = &result->as.result;
    mdl_pledge pledge = {w->experiment, w->key, r->lease, r->generation, r->first, r->count, r->nonce, r->root};
    m.as.commit.lease = r->lease;
    mdl_pledge_digest(&pledge, m.as.commit.commitment);
    return m;
}

/* Compute a grant's jobs for real. `fitness` has room for MDL_UNIT_JOBS_MAX. */
static inline mdl_message fake_compute(const mdl_evolution *e, mdl_life *life, float *genome,
                                       const mdl_msg_grant *grant, int64_t *fitness) {
    mdl_message m = fake_message(MDL_MSG_RESULT);
    mdl_job_result *jobs = calloc(grant->count, sizeof *jobs);
    assert_non_null(jobs);
    m.as.result.lease = grant->lease;
    m.as.result.generation = grant->generation;
    m.as.result.first = grant->first;
    m.as.result.count = grant->count;
    for (uint32_t i = 0; i < grant->count; i++) {
        mdl_unit_job(life, e, grant->first + i, genome, NULL, &jobs[i]);
        fitness[i] = jobs[i].fitness;
    }
    fake_answer_with(&m, jobs);
    m.as.result.fitness = (mdl_i64_list){grant->count, fitness};
    m.as.result.busy_ms = 1;
    free(jobs);
    return m;
}

static inline void assert_rejected(fake_answer a, mdl_reason reason) {
    free(a.blob.at);
    if (a.receipt || a.m.type != MDL_MSG_REJECT || a.m.as.reject.reason != (uint32_t)reason) {
        fail_msg("not rejected as %s but %s %s", mdl_reason_name(reason),
                 a.receipt ? "receipt" : mdl_message_name(a.m.type),
                 a.m.type == MDL_MSG_REJECT ? a.m.as.reject.name : "");
    }
    assert_string_equal(a.m.as.reject.name, mdl_reason_name(reason));
}

static inline void assert_idle(fake_answer a, mdl_reason reason) {
    free(a.blob.at);
    assert_false(a.receipt);
    assert_int_equal(a.m.type, MDL_MSG_IDLE);
    assert_int_equal(a.m.as.idle.reason, reason);
}

static inline fake_answer assert_type(fake_answer a, mdl_message_type type) {
    if (a.receipt || a.m.type != type) {
        fail_msg("%s expected, got %s %s", mdl_message_name(type), a.receipt ? "receipt" : mdl_message_name(a.m.type),
                 a.m.type == MDL_MSG_REJECT ? a.m.as.reject.text : "");
    }
    return a;
}

#endif
