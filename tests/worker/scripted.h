/* A worker's logic under virtual time, and a coordinator that a test can make
 * honest, silent, forgetful or false. No sockets, threads or files. */
#ifndef MDL_TESTS_WORKER_SCRIPTED_H
#define MDL_TESTS_WORKER_SCRIPTED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/chain.h"
#include "protocol/session.h"
#include "protocol/tlog_proof.h"
#include "worker/logic.h"

#define SCRIPTED_DOCUMENT(verification)                                                                                \
    "{\"name\":\"s\",\"task\":\"cartpole\",\"network\":{\"neurons\":4,\"ring\":\"dense\"},"                            \
    "\"hmn\":{\"mechanisms\":{\"plasticity_gate\":\"off\"}},"                                                          \
    "\"evolution\":{\"generations\":3,\"episodes\":1,\"validate_every\":2,\"validate_episodes\":2,"                    \
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]},\"verification\":" verification "}"

/* Of the whole program: a test that changes it changes it back. */
static const char *scripted_document = SCRIPTED_DOCUMENT("\"off\"");
static struct mdl_worker_scratch *scripted_scratch; /* of all workers; NULL: each has its own */

enum { SCRIPTED_LEAVES = 64, SCRIPTED_CALLS = 64, SCRIPTED_JOBS = 8, SCRIPTED_KEPT = 32 };

typedef struct scripted_call {
    uint32_t place;
    uint64_t token;
    mdl_message m; /* parts of it stand in what follows */
    uint64_t list[MDL_LIST_MAX];
    const uint8_t *envelope, *blob; /* NULL: none */
    size_t size, blob_size;
    uint8_t bytes[]; /* the envelope, what is signed of it, the blob */
} scripted_call;

typedef struct scripted_kept {
    uint8_t coordinator[MDL_KEY_BYTES];
    uint64_t lease;
    uint32_t version;
    uint8_t *envelope;
    size_t size;
} scripted_kept;

/* One coordinator with its ledger; `places` addresses may lead to it. */
typedef struct scripted {
    mdl_worker *w;
    mdl_worker_config config;
    uint64_t now_ms, timer_ms, random;
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
    uint8_t log_secret[MDL_SECRET_BYTES];
    mdl_vkey vkey;
    mdl_model *model; /* where the coordinator stands */
    uint8_t document[MDL_DIGEST_BYTES], experiment[32];
    uint8_t *history; /* fitnesses of closed generations */
    size_t history_size, generation_at[8];
    uint8_t state_at[8][MDL_DIGEST_BYTES];
    uint32_t history_step; /* generations of one reply */
    int64_t fitness[SCRIPTED_JOBS];
    int has[SCRIPTED_JOBS];
    uint32_t granted; /* jobs of this generation */
    uint32_t unit;    /* jobs of a lease */
    uint64_t leases;
    mdl_hash leaf[SCRIPTED_LEAVES], node[8][SCRIPTED_LEAVES];
    uint64_t leaves;
    uint64_t receipt_of[SCRIPTED_LEAVES]; /* lease -> record + 1 */
    uint64_t commit_of[SCRIPTED_LEAVES];  /* the same of its commitment */
    uint8_t commitment[SCRIPTED_LEAVES][MDL_DIGEST_BYTES];
    mdl_msg_grant grant[SCRIPTED_LEAVES]; /* by lease */

    scripted_call *call[SCRIPTED_CALLS]; /* not answered, oldest first */
    uint32_t calls;
    int computing, cancelled;
    uint32_t first, count;
    mdl_shard_work *order[MDL_WORKER_SHARDS_MAX + 1]; /* of shards, not carried out, by slot */
    uint32_t orders;
    scripted_kept kept[SCRIPTED_KEPT];
    uint32_t kept_count;
    uint32_t notices[MDL_NOTICE_COUNT], left[MDL_WORKER_PLACES_MAX];
    char last[MDL_NOTICE_COUNT][400];
    mdl_settled settled; /* the last one; pointers are gone */
    char settled_text[200];
    char checkpoint[2][1024], fraud[8192]; /* what the worker kept: newest seen, newest held */
    size_t checkpoint_size[2], fraud_size;
    uint32_t checkpoints[2], frauds;
    uint32_t settled_count;
    int stopped;
    mdl_stop_code code;
    char stop_text[400];
} scripted;

static inline mdl_moment scripted_moment(scripted *s) {
    mdl_moment m = {.now_ms = s->now_ms};
    s->random++;
    memcpy(m.random, &s->random, sizeof s->random);
    return m;
}

/* ---- commands ---- */

static inline void scripted_on_call(void *ctx, uint32_t place, uint64_t token, const uint8_t *bytes, size_t size,
                                    uint32_t timeout_ms) {
    scripted *s = ctx;
    mdl_frame frame;
    mdl_envelope e;
    assert_false(s->stopped);
    assert_true(timeout_ms > 0);
    assert_true(s->calls < SCRIPTED_CALLS);
    assert_int_equal(mdl_frame_decode(bytes, size, &frame), MDL_OK);
    scripted_call *c = malloc(sizeof *c + 2 * frame.envelope_size + frame.blob_size);
    assert_non_null(c);
    uint8_t *pae = c->bytes + frame.envelope_size, *blob = pae + frame.envelope_size;
    memcpy(c->bytes, frame.envelope, frame.envelope_size);
    if (frame.blob_size > 0)
        memcpy(blob, frame.blob, frame.blob_size);
    c->envelope = c->bytes;
    c->size = frame.envelope_size;
    c->blob = frame.blob_size > 0 ? blob : NULL;
    c->blob_size = frame.blob_size;
    c->place = place;
    c->token = token;
    assert_int_equal(mdl_envelope_decode(c->envelope, c->size, pae, &e), MDL_OK);
    assert_int_equal(mdl_envelope_verify(&e), MDL_OK);
    assert_memory_equal(e.key, s->config.key, MDL_KEY_BYTES);
    memset(&c->m, 0, sizeof c->m);
    assert_int_equal(mdl_message_of(&e, (mdl_list_room){c->list, MDL_LIST_MAX}, &c->m, NULL), MDL_OK);
    assert_int_equal(mdl_message_role(c->m.type), MDL_ROLE_CALL);
    assert_int_equal(mdl_message_shape(&c->m), MDL_OK);
    uint8_t digest[MDL_DIGEST_BYTES];
    uint64_t blob_size;
    mdl_message_blob(&c->m, digest, &blob_size);
    assert_int_equal(mdl_frame_check_blob(&frame, digest, blob_size), MDL_OK);
    s->call[s->calls++] = c;
}

static inline void scripted_on_leave(void *ctx, uint32_t place) {
    scripted *s = ctx;
    s->left[place]++;
    for (uint32_t i = 0; i < s->calls;) {
        if (s->call[i]->place == place) {
            free(s->call[i]);
            memmove(&s->call[i], &s->call[i + 1], (--s->calls - i) * sizeof s->call[0]);
        } else {
            i++;
        }
    }
}

static inline void scripted_on_compute(void *ctx, const mdl_model *model, uint32_t first, uint32_t count) {
    scripted *s = ctx;
    assert_false(s->computing || s->stopped);
    assert_true(first + count <= mdl_evolution_job_count(model->evolution));
    s->computing = 1;
    s->cancelled = 0;
    s->first = first;
    s->count = count;
}

static inline void scripted_on_cancel(void *ctx) {
    scripted *s = ctx;
    assert_true(s->computing);
    s->cancelled = 1;
}

static inline void scripted_on_shard(void *ctx, uint32_t slot, mdl_shard_work *work) {
    scripted *s = ctx;
    assert_true(slot <= MDL_WORKER_SHARDS_MAX && !s->order[slot]); /* the last one: a question */
    s->order[slot] = work;
    s->orders++;
}

static inline void scripted_on_timer(void *ctx, uint64_t at_ms) { ((scripted *)ctx)->timer_ms = at_ms; }

static inline void scripted_on_keep(void *ctx, const uint8_t *coordinator, uint64_t lease, uint32_t version,
                                    const uint8_t *envelope, size_t size) {
    scripted *s = ctx;
    uint32_t at = 0;
    while (at < s->kept_count && !(s->kept[at].lease == lease && s->kept[at].version == version &&
                                   memcmp(s->kept[at].coordinator, coordinator, MDL_KEY_BYTES) == 0))
        at++;
    assert_true(at < SCRIPTED_KEPT && version < MDL_WORKER_KEPT_MAX);
    scripted_kept *k = &s->kept[at];
    if (at < s->kept_count)
        free(k->envelope);
    else
        s->kept_count++;
    memcpy(k->coordinator, coordinator, MDL_KEY_BYTES);
    k->lease = lease;
    k->version = version;
    k->size = size;
    k->envelope = malloc(size);
    assert_non_null(k->envelope);
    memcpy(k->envelope, envelope, size);
}

static inline void scripted_on_settled(void *ctx, const mdl_settled *over) {
    scripted *s = ctx;
    assert_false(s->stopped);
    s->settled = *over;
    snprintf(s->settled_text, sizeof s->settled_text, "%s", over->text);
    s->settled_count++;
    for (uint32_t i = 0; i < s->kept_count;) {
        if (s->kept[i].lease == over->lease && memcmp(s->kept[i].coordinator, over->coordinator, 32) == 0) {
            free(s->kept[i].envelope);
            memmove(&s->kept[i], &s->kept[i + 1], (--s->kept_count - i) * sizeof s->kept[0]);
        } else {
            i++;
        }
    }
}

static inline void scripted_on_checkpoint(void *ctx, const uint8_t *coordinator, const uint8_t *experiment,
                                          const char *vkey, int proven, const char *note, size_t size) {
    scripted *s = ctx;
    assert_memory_equal(coordinator, s->key, MDL_KEY_BYTES);
    assert_memory_equal(experiment, s->experiment, 32);
    assert_true(strlen(vkey) > 0 && size <= sizeof s->checkpoint[0]);
    memcpy(s->checkpoint[proven], note, size);
    s->checkpoint_size[proven] = size;
    s->checkpoints[proven]++;
}

static inline size_t scripted_on_kept(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, int proven,
                                      char *note, size_t room) {
    const scripted *s = ctx;
    (void)coordinator;
    (void)experiment;
    assert_true(s->checkpoint_size[proven] <= room);
    memcpy(note, s->checkpoint[proven], s->checkpoint_size[proven]);
    return s->checkpoint_size[proven];
}

static inline void scripted_on_fraud(void *ctx, const uint8_t *coordinator, const uint8_t *experiment, uint64_t records,
                                     const char *proof, size_t size) {
    scripted *s = ctx;
    (void)coordinator;
    (void)experiment;
    assert_true(records > 0 && size <= sizeof s->fraud);
    memcpy(s->fraud, proof, size);
    s->fraud_size = size;
    s->frauds++;
}

static inline void scripted_on_notice(void *ctx, const mdl_notice *n) {
    scripted *s = ctx;
    assert_false(s->stopped);
    s->notices[n->kind]++;
    snprintf(s->last[n->kind], sizeof s->last[0], "%s", n->text);
}

static inline void scripted_on_stop(void *ctx, mdl_stop_code code, const char *text) {
    scripted *s = ctx;
    assert_false(s->stopped);
    s->stopped = 1;
    s->code = code;
    snprintf(s->stop_text, sizeof s->stop_text, "%s", text);
}

static const mdl_worker_io scripted_io = {NULL,
                                          scripted_on_call,
                                          scripted_on_leave,
                                          scripted_on_compute,
                                          scripted_on_cancel,
                                          scripted_on_timer,
                                          scripted_on_keep,
                                          scripted_on_settled,
                                          scripted_on_checkpoint,
                                          scripted_on_kept,
                                          scripted_on_fraud,
                                          scripted_on_notice,
                                          scripted_on_stop,
                                          scripted_on_shard};

/* ---- the coordinator's side ---- */

static inline void scripted_keys(uint8_t byte, uint8_t *key, uint8_t *secret) {
    uint8_t seed[32];
    memset(seed, byte, sizeof seed);
    crypto_sign_seed_keypair(key, secret, seed);
}

static inline void scripted_model(scripted *s) {
    char error[300];
    s->model = mdl_model_new((const uint8_t *)scripted_document, strlen(scripted_document), error, sizeof error);
    assert_non_null(s->model);
    mdl_state_digest(s->model->evolution, s->state_at[0]);
}

static inline void scripted_worker(scripted *s) {
    mdl_worker_io io = scripted_io;
    io.ctx = s;
    s->w = mdl_worker_new(&s->config, &io);
    assert_non_null(s->w);
    s->timer_ms = UINT64_MAX;
}

static inline void scripted_open(scripted *s, uint32_t places) {
    uint8_t log_key[32];
    memset(s, 0, sizeof *s);
    s->now_ms = 1000;
    s->unit = 2;
    s->history_step = 1;
    scripted_keys(1, s->key, s->secret);
    scripted_keys(2, log_key, s->log_secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of("test.example/log"), MDL_NOTE_TYPE_ED25519, log_key, &s->vkey), MDL_OK);
    scripted_keys(3, s->config.key, s->config.secret);
    s->config.scratch = scripted_scratch;
    s->config.places = places;
    s->config.threads = 2;
    snprintf(s->config.program, sizeof s->config.program, "test 1");
    for (uint32_t i = 0; i < places; i++) {
        memcpy(s->config.place[i].key, s->key, MDL_KEY_BYTES);
        snprintf(s->config.place[i].name, sizeof s->config.place[i].name, "tcp://c:%u", (unsigned)i);
    }
    mdl_digest_of(scripted_document, strlen(scripted_document), s->document);
    crypto_hash_sha256(s->experiment, (const uint8_t *)scripted_document, strlen(scripted_document));
    s->history = calloc(3, 8 * SCRIPTED_JOBS);
    scripted_model(s);
    scripted_worker(s);
}

static inline void scripted_close(scripted *s) {
    mdl_worker_free(s->w);
    mdl_model_free(s->model);
    free(s->history);
    for (uint32_t i = 0; i < s->calls; i++)
        free(s->call[i]);
    for (uint32_t i = 0; i < s->kept_count; i++)
        free(s->kept[i].envelope);
}

static inline void scripted_start(scripted *s) {
    mdl_moment at = scripted_moment(s);
    mdl_worker_start(s->w, &at);
}

static inline void scripted_timer(scripted *s) {
    assert_true(s->timer_ms != UINT64_MAX);
    s->now_ms = s->timer_ms > s->now_ms ? s->timer_ms : s->now_ms;
    mdl_moment at = scripted_moment(s);
    mdl_worker_timer(s->w, &at);
}

/* Let the worker's time pass until it calls; the oldest call stays in the list. */
static inline scripted_call *scripted_wait(scripted *s) {
    for (int i = 0; i < 20000 && s->calls == 0 && !s->stopped; i++)
        scripted_timer(s);
    assert_true(s->calls > 0);
    return s->call[0];
}

static inline scripted_call *scripted_find(scripted *s, mdl_message_type type) {
    for (uint32_t i = 0; i < s->calls; i++) {
        if (s->call[i]->m.type == type)
            return s->call[i];
    }
    return NULL;
}

static inline scripted_call *scripted_await(scripted *s, mdl_message_type type) {
    for (int i = 0; i < 20000 && !scripted_find(s, type) && !s->stopped; i++)
        scripted_timer(s);
    scripted_call *c = scripted_find(s, type);
    assert_non_null(c);
    return c;
}

static inline void scripted_take(scripted *s, const scripted_call *c) {
    for (uint32_t i = 0; i < s->calls; i++) {
        if (s->call[i] == c) {
            memmove(&s->call[i], &s->call[i + 1], (--s->calls - i) * sizeof s->call[0]);
            return;
        }
    }
    fail();
}

/* Bytes as the answer to a call; the call is gone then. NULL: no answer. */
static inline void scripted_reply(scripted *s, scripted_call *c, const uint8_t *bytes, size_t size) {
    scripted_take(s, c);
    mdl_moment at = scripted_moment(s);
    uint64_t token = c->token;
    free(c);
    mdl_worker_reply(s->w, &at, token, bytes ? MDL_OK : MDL_EIO, bytes, size);
}

static inline size_t scripted_seal(const uint8_t *secret, const mdl_message *m, const uint8_t *blob, size_t blob_size,
                                   uint8_t **out) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], sealed[MDL_ENVELOPE_BYTES_MAX];
    size_t size, capacity = MDL_FRAME_CALL_MAX + blob_size;
    assert_int_equal(mdl_message_seal(m, secret, work, sealed, sizeof sealed, &size), MDL_OK);
    mdl_frame frame = {sealed, size, blob, blob_size};
    *out = malloc(capacity);
    assert_non_null(*out);
    assert_int_equal(mdl_frame_encode(&frame, *out, capacity, &size), MDL_OK);
    return size;
}

/* Head filled in, signed, sent. */
static inline void scripted_say(scripted *s, scripted_call *c, mdl_message *m, const uint8_t *blob, size_t blob_size) {
    uint8_t *bytes;
    m->head = c->m.head;
    memcpy(m->head.experiment, s->experiment, 32);
    size_t size = scripted_seal(s->secret, m, blob, blob_size, &bytes);
    scripted_reply(s, c, bytes, size);
    free(bytes);
}

static inline void scripted_reject(scripted *s, scripted_call *c, mdl_reason reason, const char *text,
                                   uint64_t retry_ms) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_REJECT;
    m.as.reject.reason = reason;
    snprintf(m.as.reject.name, sizeof m.as.reject.name, "%s", mdl_reason_name(reason));
    snprintf(m.as.reject.text, sizeof m.as.reject.text, "%s", text);
    m.as.reject.retry_ms = retry_ms;
    m.as.reject.about = c->m.head.seq;
    scripted_say(s, c, &m, NULL, 0);
}

static inline void scripted_welcome_of(scripted *s, mdl_message *m) {
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_WELCOME;
    memcpy(m->as.welcome.worker, s->config.key, MDL_KEY_BYTES);
    m->as.welcome.version = MDL_PROTOCOL_VERSION;
    m->as.welcome.generation = mdl_model_generation(s->model);
    memcpy(m->as.welcome.state, s->state_at[mdl_model_generation(s->model)], MDL_DIGEST_BYTES);
    memcpy(m->as.welcome.document, s->document, MDL_DIGEST_BYTES);
    m->as.welcome.lease_ms = 2000;
    snprintf(m->as.welcome.origin, sizeof m->as.welcome.origin, "test.example/log");
    char vkey[MDL_VKEY_TEXT_MAX];
    mdl_vkey_print(&s->vkey, vkey);
    snprintf(m->as.welcome.vkey, sizeof m->as.welcome.vkey, "%.256s", vkey);
}

static inline void scripted_grant(scripted *s, scripted_call *c, uint32_t generation, uint32_t first, uint32_t count) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_GRANT;
    m.as.grant.lease = s->leases++;
    m.as.grant.generation = generation;
    m.as.grant.first = first;
    m.as.grant.count = count;
    m.as.grant.deadline_ms = 60000;
    s->grant[m.as.grant.lease] = m.as.grant;
    scripted_say(s, c, &m, NULL, 0);
}

static inline void scripted_idle(scripted *s, scripted_call *c, mdl_reason reason, uint64_t retry_ms) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_IDLE;
    m.as.idle.reason = reason;
    m.as.idle.retry_ms = retry_ms;
    scripted_say(s, c, &m, NULL, 0);
}

static inline mdl_err scripted_node(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const scripted *s = ctx;
    if (level == 0) {
        *out = s->leaf[index];
        return MDL_OK;
    }
    mdl_hash left, right;
    scripted_node(ctx, level - 1, 2 * index, &left);
    scripted_node(ctx, level - 1, 2 * index + 1, &right);
    mdl_merkle_node(&left, &right, out);
    return MDL_OK;
}

/* The signed note of the first `size` records; its length. */
static inline size_t scripted_note(scripted *s, uint64_t size, char note[1024]) {
    mdl_merkle_lookup lookup = {scripted_node, s};
    mdl_checkpoint checkpoint = {.origin = mdl_text_of(s->vkey.name), .size = size};
    assert_int_equal(mdl_merkle_root(size, &lookup, &checkpoint.root), MDL_OK);
    mdl_text_out put = {note, 1024, 0};
    assert_int_equal(mdl_checkpoint_sign(&checkpoint, &s->vkey, s->log_secret, &put), MDL_OK);
    return put.size;
}

/* The proof that is asked for, of the tree as it is. */
static inline void scripted_proof_of(scripted *s, const scripted_call *c, mdl_message *m, mdl_merkle_proof *path) {
    mdl_merkle_lookup lookup = {scripted_node, s};
    mdl_hash root;
    uint64_t to = c->m.as.prove.to ? c->m.as.prove.to : s->leaves;
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_PROOF;
    m->as.proof.from = c->m.as.prove.from;
    m->as.proof.to = to;
    assert_int_equal(mdl_merkle_root(c->m.as.prove.from, &lookup, &root), MDL_OK);
    assert_int_equal(mdl_merkle_prove_consistency(c->m.as.prove.from, to, &lookup, path), MDL_OK);
    memcpy(m->as.proof.root, root.bytes, sizeof root.bytes);
    if (c->m.as.prove.to == 0) {
        char note[1024];
        size_t size = scripted_note(s, to, note);
        assert_true(size <= MDL_GOSSIP_NOTE_MAX);
        memcpy(m->as.proof.checkpoint, note, size);
    }
    m->as.proof.blob_size = path->count * sizeof path->hash[0];
    if (path->count > 0)
        mdl_digest_of(path->hash, m->as.proof.blob_size, m->as.proof.blob);
}

/* A frame with the receipt of record `index`; the signer may be a false one. */
static inline size_t scripted_receipt_bytes(scripted *s, uint64_t index, const mdl_vkey *vkey, const uint8_t *secret,
                                            uint8_t *out, size_t capacity) {
    char note[2048], text[8192];
    mdl_merkle_lookup lookup = {scripted_node, s};
    mdl_merkle_proof path;
    mdl_checkpoint checkpoint = {.origin = mdl_text_of(vkey->name), .size = s->leaves};
    assert_int_equal(mdl_merkle_root(s->leaves, &lookup, &checkpoint.root), MDL_OK);
    assert_int_equal(mdl_merkle_prove_inclusion(index, s->leaves, &lookup, &path), MDL_OK);
    mdl_text_out put = {note, sizeof note, 0};
    assert_int_equal(mdl_checkpoint_sign(&checkpoint, vkey, secret, &put), MDL_OK);
    mdl_tlog_proof proof = {.index = index, .count = path.count, .checkpoint = {note, put.size}};
    memcpy(proof.hash, path.hash, path.count * sizeof path.hash[0]);
    mdl_text_out whole = {text, sizeof text, 0};
    mdl_tlog_proof_put(&proof, &whole);
    assert_true(whole.size <= sizeof text);
    mdl_frame frame = {NULL, 0, (const uint8_t *)text, whole.size};
    size_t size;
    assert_int_equal(mdl_frame_encode(&frame, out, capacity, &size), MDL_OK);
    return size;
}

/* Whether a result is the one that was committed. */
static inline int scripted_is_committed(const scripted *s, const mdl_msg_result *r) {
    uint8_t digest[MDL_DIGEST_BYTES];
    const mdl_msg_grant *g = &s->grant[r->lease];
    mdl_pledge pledge = {s->experiment, s->config.key, r->lease, g->generation, g->first, g->count, r->nonce, r->root};
    mdl_pledge_digest(&pledge, digest);
    return s->commit_of[r->lease] && memcmp(digest, s->commitment[r->lease], sizeof digest) == 0;
}

/* Take a result or commitment into the ledger, once a lease. Returns its record. A commitment that is sent again must
 * be the same one, and a result that was not committed is only for experiments without verification. */
static inline uint64_t scripted_record(scripted *s, const scripted_call *c) {
    const mdl_msg_result *r = &c->m.as.result;
    int commit = c->m.type == MDL_MSG_COMMIT;
    uint64_t lease = commit ? c->m.as.commit.lease : r->lease;
    uint64_t *record = commit ? &s->commit_of[lease] : &s->receipt_of[lease];
    if (commit && *record)
        assert_memory_equal(c->m.as.commit.commitment, s->commitment[lease], MDL_DIGEST_BYTES);
    if (!commit && s->model->experiment.verification.used)
        assert_true(scripted_is_committed(s, r));
    if (*record == 0) {
        assert_true(s->leaves < SCRIPTED_LEAVES);
        mdl_merkle_leaf(c->envelope, c->size, &s->leaf[s->leaves++]);
        *record = s->leaves;
        if (commit)
            memcpy(s->commitment[lease], c->m.as.commit.commitment, MDL_DIGEST_BYTES);
        for (uint32_t i = 0; !commit && i < r->count; i++) {
            s->fitness[r->first + i] = r->fitness.at[i];
            s->has[r->first + i] = 1;
        }
    }
    return *record - 1;
}

static inline void scripted_receipt(scripted *s, scripted_call *c) {
    uint8_t bytes[MDL_RECEIPT_BYTES_MAX];
    uint64_t record = scripted_record(s, c);
    size_t size = scripted_receipt_bytes(s, record, &s->vkey, s->log_secret, bytes, sizeof bytes);
    scripted_reply(s, c, bytes, size);
}

/* Close the generation: what has no result gets `fill`. */
static inline void scripted_advance(scripted *s, int64_t fill) {
    uint32_t g = mdl_model_generation(s->model), jobs = mdl_evolution_job_count(s->model->evolution);
    assert_true(jobs <= SCRIPTED_JOBS && g < 3);
    s->generation_at[g] = s->history_size;
    for (uint32_t i = 0; i < jobs; i++) {
        int64_t v = s->has[i] ? s->fitness[i] : fill + i;
        for (uint32_t b = 0; b < 8; b++)
            s->history[s->history_size++] = (uint8_t)((uint64_t)v >> (8 * b));
    }
    s->generation_at[g + 1] = s->history_size;
    const uint8_t *from = s->history + s->generation_at[g];
    assert_int_equal(mdl_model_follow(s->model, from, s->history_size - s->generation_at[g], g + 1), MDL_OK);
    mdl_state_digest(s->model->evolution, s->state_at[g + 1]);
    memset(s->has, 0, sizeof s->has);
    s->granted = 0;
}

static inline void scripted_news(scripted *s) {
    mdl_message m;
    uint8_t *bytes;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_NEWS;
    memcpy(m.head.experiment, s->experiment, 32);
    m.as.news.generation = mdl_model_generation(s->model);
    memcpy(m.as.news.state, s->state_at[m.as.news.generation], MDL_DIGEST_BYTES);
    m.as.news.workers = 1;
    size_t size = scripted_seal(s->secret, &m, NULL, 0, &bytes);
    mdl_moment at = scripted_moment(s);
    mdl_worker_news(s->w, &at, 0, bytes, size);
    free(bytes);
}

static inline void scripted_history_of(scripted *s, const scripted_call *c, mdl_message *m, const uint8_t **blob,
                                       size_t *size) {
    uint32_t from = c->m.as.sync.generation, now = mdl_model_generation(s->model);
    uint32_t to = now - from > s->history_step ? from + s->history_step : now;
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_HISTORY;
    m->as.history.from = from;
    m->as.history.to = to;
    memcpy(m->as.history.state, s->state_at[to], MDL_DIGEST_BYTES);
    *blob = s->history + s->generation_at[from];
    *size = s->generation_at[to] - s->generation_at[from];
    mdl_digest_of(*blob, *size, m->as.history.blob);
    m->as.history.blob_size = *size;
}

/* An honest answer. */
static inline void scripted_serve(scripted *s, scripted_call *c) {
    mdl_message m;
    const uint8_t *blob = NULL;
    size_t size = 0;
    uint32_t jobs = mdl_evolution_job_count(s->model->evolution);
    memset(&m, 0, sizeof m);
    switch (c->m.type) {
    case MDL_MSG_HELLO:
        scripted_welcome_of(s, &m);
        break;
    case MDL_MSG_FETCH:
        assert_memory_equal(c->m.as.fetch.digest, s->document, MDL_DIGEST_BYTES);
        m.type = MDL_MSG_DOCUMENT;
        memcpy(m.as.document.digest, s->document, MDL_DIGEST_BYTES);
        memcpy(m.as.document.blob, s->document, MDL_DIGEST_BYTES);
        m.as.document.blob_size = size = strlen(scripted_document);
        blob = (const uint8_t *)scripted_document;
        break;
    case MDL_MSG_SYNC:
        scripted_history_of(s, c, &m, &blob, &size);
        break;
    case MDL_MSG_WANT:
        if (s->granted < jobs) {
            uint32_t count = jobs - s->granted < s->unit ? jobs - s->granted : s->unit;
            s->granted += count;
            scripted_grant(s, c, mdl_model_generation(s->model), s->granted - count, count);
        } else {
            scripted_idle(s, c, jobs ? MDL_REASON_WAITING_FOR_GENERATION : MDL_REASON_IDLE_FINISHED, 50);
        }
        return;
    case MDL_MSG_COMMIT:
    case MDL_MSG_RESULT:
        scripted_receipt(s, c);
        return;
    case MDL_MSG_PROVE: {
        mdl_merkle_proof path;
        scripted_proof_of(s, c, &m, &path);
        scripted_say(s, c, &m, (const uint8_t *)path.hash, m.as.proof.blob_size);
        return;
    }
    default:
        m.type = MDL_MSG_PONG;
        break;
    }
    scripted_say(s, c, &m, blob, size);
}

/* The threads are done: fitness of job i is 1000 g + i. */
static inline void scripted_computed(scripted *s) {
    mdl_job_result jobs[SCRIPTED_JOBS];
    assert_true(s->computing);
    memset(jobs, 0, sizeof jobs);
    for (uint32_t i = 0; i < s->count; i++) {
        jobs[i].fitness = 1000 * (int64_t)mdl_model_generation(s->model) + s->first + i;
        jobs[i].updates = 10;
    }
    s->computing = 0;
    s->now_ms += 100;
    mdl_moment at = scripted_moment(s);
    mdl_worker_computed(s->w, &at, s->cancelled ? NULL : jobs, 5);
}

/* Up to the first lease: welcomed, document read, synchronised, computing. */
static inline void scripted_to_work(scripted *s) {
    scripted_start(s);
    while (!s->computing && !s->stopped)
        scripted_serve(s, scripted_wait(s));
    assert_true(s->computing);
}

/* The receipt of what was said is lost: the same bytes again. It is lost once more, and the coordinator has
 * forgotten the session. Returns the call, signed anew. */
static inline scripted_call *scripted_loses_receipts(scripted *s, mdl_message_type type) {
    static uint8_t before[MDL_ENVELOPE_BYTES_MAX];
    scripted_call *c = scripted_await(s, type);
    size_t size = c->size;
    memcpy(before, c->envelope, size);
    scripted_record(s, c);
    scripted_reply(s, c, NULL, 0);
    c = scripted_await(s, type);
    assert_int_equal(c->size, size);
    assert_memory_equal(c->envelope, before, size);
    scripted_reply(s, c, NULL, 0);
    scripted_reject(s, scripted_await(s, type), MDL_REASON_NO_SESSION, "", 0);
    scripted_serve(s, scripted_await(s, MDL_MSG_HELLO));
    c = scripted_await(s, type);
    assert_true(c->size != size || memcmp(c->envelope, before, size) != 0);
    return c;
}

#endif
