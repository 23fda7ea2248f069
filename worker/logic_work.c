/* Leases, computations, results and their receipts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/chain.h"
#include "protocol/grow.h"
#include "protocol/tlog_proof.h"
#include "worker/logic_internal.h"

int mdl_held_is_here(const mdl_worker *w, const mdl_held *h) {
    return memcmp(h->coordinator, w->config.place[w->place].key, MDL_KEY_BYTES) == 0 &&
           memcmp(h->experiment, w->experiment, sizeof w->experiment) == 0;
}

/* ---- leases ---- */

static void drop_held(mdl_worker *w, uint32_t i) {
    w->held_count--;
    memmove(&w->held[i], &w->held[i + 1], (w->held_count - i) * sizeof w->held[0]);
}

void mdl_jobs_granted(mdl_worker *w, const mdl_msg_grant *g) {
    MDL_ASSERT(w->held_count < MDL_WORKER_LEASES_MAX);
    uint32_t mine = mdl_model_generation(w->model);
    if (g->generation < mine ||
        (g->generation == mine && (uint64_t)g->first + g->count > mdl_evolution_job_count(w->model->evolution))) {
        mdl_worker_condemn(w, w->place, MDL_STOP_LIED, "it leased jobs that its generation does not have");
        return;
    }
    if (g->generation > w->target) {
        w->target = g->generation;
        w->target_known = 0;
    }
    mdl_held *h = &w->held[w->held_count++];
    memcpy(h->coordinator, w->config.place[w->place].key, MDL_KEY_BYTES);
    memcpy(h->experiment, w->experiment, sizeof h->experiment);
    h->lease = g->lease;
    h->generation = g->generation;
    h->first = g->first;
    h->count = g->count;
    h->deadline_ms = g->deadline_ms < UINT64_MAX - w->at.now_ms ? w->at.now_ms + g->deadline_ms : UINT64_MAX;
}

int mdl_jobs_wanted(const mdl_worker *w) {
    /* Once the result that ends the program is on its way, nothing more. */
    if (w->config.once && (w->held_count > 0 || w->done_count > 0 || w->shards > 0))
        return 0;
    int more = w->held_count < w->config.leases && w->done_count < MDL_WORKER_UNDELIVERED_MAX;
    return !w->returning &&
           (w->model->experiment.sharding.used ? more && (w->shards == 0 || mdl_shards_room(w) > 0) : more);
}

void mdl_jobs_want(mdl_worker *w) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_WANT;
    double jobs = w->jobs_per_ms * (double)w->lease_ms * 1.5;
    m.as.want.jobs = w->jobs_per_ms <= 0 || jobs > MDL_UNIT_JOBS_MAX ? MDL_UNIT_JOBS_MAX
                     : jobs < 1                                      ? 1
                                                                     : (uint32_t)jobs;
    m.as.want.speed = (uint64_t)w->speed;
    m.as.want.memory = mdl_shards_room(w);
    mdl_worker_send(w, MDL_WAY_CONTROL, w->place, NULL, &m);
}

/* ---- computing ---- */

/* Whether a coordinator is left that takes the lease's result. */
static int has_taker(const mdl_worker *w, const mdl_held *h) {
    for (uint32_t i = 0; i < w->config.places; i++) {
        if (!w->places[i].dead && memcmp(w->config.place[i].key, h->coordinator, MDL_KEY_BYTES) == 0)
            return 1;
    }
    return 0;
}

int mdl_held_is_void(const mdl_worker *w, const mdl_held *h) {
    if (w->drop_model || !has_taker(w, h) || memcmp(h->experiment, w->experiment, sizeof w->experiment) != 0)
        return 1;
    return h->generation < w->target || (w->model && h->generation < mdl_model_generation(w->model));
}

void mdl_jobs_drive(mdl_worker *w) {
    if (w->computing && !w->cancelled && mdl_held_is_void(w, &w->held[0])) {
        w->cancelled = 1;
        w->io.cancel(w->io.ctx);
    }
    for (uint32_t i = w->computing ? 1 : 0; i < w->held_count;) {
        const mdl_held *h = &w->held[i];
        int late = w->session_open && mdl_held_is_here(w, h) && w->at.now_ms >= h->deadline_ms;
        if (mdl_held_is_void(w, h) || late)
            drop_held(w, i);
        else
            i++;
    }
    if (w->computing)
        return;
    if (w->drop_model && w->shards > 0)
        return; /* they read its experiment until they are dropped */
    if (w->drop_model && w->question.stage != MDL_QUESTION_RUNS) {
        mdl_shards_forget(w);
        mdl_model_close(w->config.models, w->model);
        w->model = NULL;
        w->drop_model = 0;
    }
    if (!w->model || w->held_count == 0 || w->held[0].generation != mdl_model_generation(w->model))
        return;
    if ((uint64_t)w->held[0].first + w->held[0].count > mdl_evolution_job_count(w->model->evolution)) {
        drop_held(w, 0);
        mdl_worker_condemn(w, w->place, MDL_STOP_LIED, "it leased jobs that its generation does not have");
        return;
    }
    w->computing = 1;
    w->cancelled = 0;
    w->computing_since_ms = w->at.now_ms;
    w->io.compute(w->io.ctx, w->model, w->held[0].first, w->held[0].count);
}

static void smooth(double *mean, double value) { *mean = *mean > 0 ? 0.7 * *mean + 0.3 * value : value; }

/* Where the next form of a result, or from `first` on of its commitment, goes: a free place, that of a draft, or
 * of the oldest. */
static uint32_t place_for(const mdl_done *d, uint32_t first) {
    uint32_t best = first;
    for (uint32_t v = first; v < first + MDL_WORKER_VERSIONS_MAX; v++) {
        const mdl_version *a = &d->version[v], *b = &d->version[best];
        if (!a->envelope)
            return v;
        if (a->draft != b->draft ? a->draft : a->stamp < b->stamp)
            best = v;
    }
    return best;
}

static void keep_version(mdl_worker *w, mdl_done *d, uint32_t first, const uint8_t *envelope, size_t size, int draft) {
    uint8_t *copy = malloc(size);
    if (!copy) {
        mdl_worker_end(w, MDL_STOP_FAILED, "out of memory");
        return;
    }
    memcpy(copy, envelope, size);
    uint32_t at = place_for(d, first);
    free(d->version[at].envelope);
    d->version[at] = (mdl_version){copy, size, ++d->stamps, draft};
    w->io.keep(w->io.ctx, d->of.coordinator, d->of.lease, at, envelope, size);
}

/* Our nonce of a generation: known to nobody who has not the secret, and the same after a restart. */
static void round_nonce(const mdl_worker *w, const uint8_t experiment[32], uint32_t generation, uint8_t out[32]) {
    static const char domain[] = "modulon round nonce v1";
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_bytes(&sink, w->config.secret, sizeof w->config.secret);
    mdl_put_bytes(&sink, experiment, 32);
    mdl_put_u32(&sink, generation);
    mdl_digest_final(&d, out);
}

void mdl_jobs_show(mdl_worker *w) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_NONCE;
    m.as.nonce.generation = mdl_model_generation(w->model);
    round_nonce(w, w->experiment, m.as.nonce.generation, m.as.nonce.nonce);
    w->show = 0;
    w->want_at_ms = w->at.now_ms;
    mdl_worker_send(w, MDL_WAY_CONTROL, w->place, NULL, &m);
}

static void fill_commitment(const mdl_worker *w, const mdl_done *d, mdl_message *m) {
    mdl_pledge pledge = {.experiment = d->of.experiment,
                         .worker = w->config.key,
                         .lease = d->of.lease,
                         .generation = d->of.generation,
                         .first = d->of.first,
                         .count = d->of.count,
                         .nonce = d->nonce,
                         .root = d->root};
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_COMMIT;
    m->as.commit.lease = d->of.lease;
    mdl_pledge_digest(&pledge, m->as.commit.commitment);
    /* Read where nonces are shared; whether they are, a worker that has just started does not know yet. */
    uint8_t nonce[32];
    round_nonce(w, d->of.experiment, d->of.generation, nonce);
    mdl_round_digest(d->of.experiment, w->config.key, d->of.generation, nonce, m->as.commit.round);
}

static void fill(const mdl_done *d, mdl_message *m) {
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_RESULT;
    m->as.result.lease = d->of.lease;
    m->as.result.generation = d->of.generation;
    m->as.result.first = d->of.first;
    m->as.result.count = d->of.count;
    m->as.result.fitness = (mdl_i64_list){d->of.count, d->fitness};
    m->as.result.segments = (mdl_segments){d->of.count, d->segments};
    memcpy(m->as.result.nonce, d->nonce, MDL_DIGEST_BYTES);
    memcpy(m->as.result.root, d->root, MDL_DIGEST_BYTES);
    m->as.result.updates = d->updates;
    m->as.result.busy_ms = d->busy_ms;
}

/* In the outbox before anybody has heard of it: without a session, so never to be sent as it is. */
static void keep_draft(mdl_worker *w, mdl_done *d) {
    mdl_message m;
    size_t size;
    fill(d, &m);
    memcpy(m.head.experiment, d->of.experiment, sizeof m.head.experiment);
    mdl_worker_scratch *t = w->scratch;
    mdl_err err = mdl_message_seal(&m, w->config.secret, t->work, t->sealed, sizeof t->sealed, &size);
    MDL_ASSERT(err == MDL_OK);
    keep_version(w, d, 0, t->sealed, size, 1);
}

void mdl_jobs_computed(mdl_worker *w, const mdl_job_result *jobs, uint64_t busy_ms) {
    MDL_ASSERT(w->computing);
    mdl_held h = w->held[0];
    uint64_t took = w->at.now_ms > w->computing_since_ms ? w->at.now_ms - w->computing_since_ms : 1;
    w->computing = 0;
    drop_held(w, 0);
    if (!jobs) {
        if (!w->stopping) {
            mdl_notice facts = {.kind = MDL_NOTICE_STALE,
                                .reason = MDL_REASON_DUPLICATE,
                                .lease = h.lease,
                                .generation = h.generation,
                                .first = h.first,
                                .count = h.count,
                                .took_ms = took};
            int closed = !w->drop_model && h.generation < w->target;
            w->stale++;
            mdl_worker_say(w, &facts, "%s",
                           closed ? "the generation closed first: these jobs have a result from another worker"
                                  : "the lease is of no more use");
        }
        return;
    }
    int64_t *fitness = malloc(h.count * sizeof *fitness);
    char *segments = malloc((size_t)h.count * MDL_SEGMENT_CHARS);
    MDL_ASSERT(w->done_count < MDL_WORKER_UNDELIVERED_MAX + MDL_WORKER_LEASES_MAX);
    if (!fitness || !segments || !mdl_list_grow(&w->done, &w->done_room, w->done_count + 1, sizeof *w->done)) {
        free(fitness);
        free(segments);
        mdl_worker_end(w, MDL_STOP_FAILED, "out of memory");
        return;
    }
    mdl_done *d = &w->done[w->done_count++];
    memset(d, 0, sizeof *d);
    d->of = h;
    d->fitness = fitness;
    d->segments = segments;
    mdl_unit_segments(jobs, h.count, segments);
    d->pledged = w->model && w->model->experiment.verification.used;
    if (d->pledged)
        mdl_worker_draw(w, d->nonce, sizeof d->nonce);
    d->busy_ms = busy_ms;
    d->took_ms = took;
    for (uint32_t i = 0; i < h.count; i++) {
        fitness[i] = jobs[i].fitness;
        d->updates += jobs[i].updates;
    }
    mdl_unit_root(jobs, h.count, d->root);
    smooth(&w->jobs_per_ms, (double)h.count / (double)took);
    smooth(&w->speed, (double)d->updates * 1000 / (double)took);
    /* A nonce that was committed must not be lost. */
    if (d->pledged || !w->session_open || !mdl_held_is_here(w, &h) || w->way[MDL_WAY_RESULT].used)
        keep_draft(w, d);
}

/* ---- delivering ---- */

int mdl_jobs_undelivered(const mdl_worker *w) {
    for (uint32_t i = 0; i < w->done_count; i++) {
        if (mdl_held_is_here(w, &w->done[i].of))
            return 1;
    }
    return 0;
}

/* What is committed is shown before others are committed: their generation waits for it. */
static mdl_done *next_to_send(mdl_worker *w) {
    mdl_done *first = NULL;
    for (uint32_t i = 0; i < w->done_count; i++) {
        mdl_done *d = &w->done[i];
        if (!mdl_held_is_here(w, &d->of))
            continue;
        if (d->committed)
            return d;
        first = first ? first : d;
    }
    return first;
}

void mdl_jobs_deliver(mdl_worker *w) {
    mdl_message m;
    if (w->stopped || !w->session_open || w->way[MDL_WAY_RESULT].used)
        return;
    mdl_done *d = next_to_send(w);
    if (!d)
        return;
    int shown = !d->pledged || d->committed;
    w->sending = d->of.lease;
    if (shown)
        fill(d, &m);
    else
        fill_commitment(w, d, &m);
    mdl_worker_send(w, MDL_WAY_RESULT, w->place, NULL, &m);
    if (w->stopped)
        return; /* out of memory */
    mdl_frame sent;
    mdl_err err = mdl_frame_decode(w->way[MDL_WAY_RESULT].frame, w->way[MDL_WAY_RESULT].size, &sent);
    MDL_ASSERT(err == MDL_OK);
    keep_version(w, d, shown ? 0 : MDL_WORKER_VERSIONS_MAX, sent.envelope, sent.envelope_size, 0);
}

static mdl_done *find_done(mdl_worker *w) {
    for (uint32_t i = 0; i < w->done_count; i++) {
        if (mdl_held_is_here(w, &w->done[i].of) && w->done[i].of.lease == w->sending)
            return &w->done[i];
    }
    return NULL;
}

static void close_done(mdl_done *d) {
    free(d->fitness);
    free(d->segments);
    for (uint32_t v = 0; v < MDL_WORKER_KEPT_MAX; v++)
        free(d->version[v].envelope);
}

void mdl_held_settled(mdl_worker *w, const mdl_held *of, uint64_t updates, uint64_t took_ms, mdl_settled *s) {
    uint64_t *counted = s->state == MDL_NOTICE_ACCEPTED ? &w->accepted
                        : s->state == MDL_NOTICE_STALE  ? &w->stale
                                                        : &w->rejected;
    mdl_notice facts = {.kind = s->state,
                        .reason = s->reason,
                        .lease = of->lease,
                        .updates = updates,
                        .took_ms = took_ms,
                        .record = s->record,
                        .generation = of->generation,
                        .first = of->first,
                        .count = of->count};
    ++*counted;
    w->credit += s->state == MDL_NOTICE_ACCEPTED ? updates : 0;
    memcpy(s->coordinator, of->coordinator, sizeof s->coordinator);
    memcpy(s->experiment, of->experiment, sizeof s->experiment);
    s->lease = of->lease;
    s->updates = updates;
    s->generation = of->generation;
    s->first = of->first;
    s->count = of->count;
    s->vkey = w->vkey_text;
    w->io.settled(w->io.ctx, s);
    if (s->state == MDL_NOTICE_ACCEPTED)
        mdl_worker_say(w, &facts, "record %" PRIu64, s->record);
    else
        mdl_worker_say(w, &facts, "%s: %s", mdl_reason_name(s->reason), s->text);
    if (w->config.once && !w->stopping && !w->stopped) {
        w->stopping = 1;
        w->stop_at_ms = w->at.now_ms + MDL_WORKER_GOODBYE_MS;
        w->deliver_until_ms = w->at.now_ms;
        w->way[MDL_WAY_CONTROL].used = 0;
    }
}

mdl_settled mdl_settled_by(const mdl_version *which, uint64_t record, const uint8_t *proof, size_t proof_size) {
    return (mdl_settled){.state = MDL_NOTICE_ACCEPTED,
                         .text = "",
                         .record = record,
                         .envelope = which->envelope,
                         .envelope_size = which->size,
                         .proof = proof,
                         .proof_size = proof_size};
}

static void settle(mdl_worker *w, mdl_done *d, mdl_settled *s) {
    mdl_held_settled(w, &d->of, d->updates, d->took_ms, s);
    close_done(d);
    uint32_t at = (uint32_t)(d - w->done);
    w->done_count--;
    memmove(&w->done[at], &w->done[at + 1], (w->done_count - at) * sizeof w->done[0]);
}

/* Any version of the envelope may be the one in the ledger: the answer to an
 * earlier one may have been lost. */
int mdl_version_verified(const mdl_worker *w, const mdl_version *version, uint32_t count, const mdl_tlog_proof *proof,
                         const mdl_version **which) {
    mdl_log_policy policy;
    memset(&policy, 0, sizeof policy);
    policy.log = w->vkey;
    for (uint32_t v = 0; v < count; v++) {
        mdl_hash leaf;
        if (!version[v].envelope)
            continue;
        mdl_merkle_leaf(version[v].envelope, version[v].size, &leaf);
        if (mdl_tlog_proof_verify(proof, &leaf, &policy, NULL, NULL) == MDL_OK) {
            *which = &version[v];
            return 1;
        }
    }
    return 0;
}

void mdl_jobs_receipt(mdl_worker *w, const uint8_t *bytes, size_t size) {
    mdl_tlog_proof proof;
    const mdl_version *which;
    mdl_done *d = find_done(w);
    uint32_t place = w->way[MDL_WAY_RESULT].place;
    int commit = w->way[MDL_WAY_RESULT].type == MDL_MSG_COMMIT;
    MDL_ASSERT(d);
    if (mdl_tlog_proof_parse((mdl_text){(const char *)bytes, size}, &proof) != MDL_OK ||
        !mdl_version_verified(w, d->version + (commit ? MDL_WORKER_VERSIONS_MAX : 0), MDL_WORKER_VERSIONS_MAX, &proof,
                              &which)) {
        mdl_notice facts = {.kind = MDL_NOTICE_ERROR, .lease = d->of.lease};
        mdl_worker_again(w, MDL_WAY_RESULT);
        mdl_worker_say(w, &facts,
                       "the receipt for lease %" PRIu64 " does not verify: the result is kept and sent again",
                       d->of.lease);
        mdl_worker_failed(w, place, "wrong receipt");
        return;
    }
    mdl_worker_answered(w, MDL_WAY_RESULT);
    w->places[place].failures = 0;
    if (commit) {
        d->committed = 1;
        mdl_checkpoints_seen(w, proof.checkpoint);
        return;
    }
    mdl_text shown = proof.checkpoint;
    mdl_settled s = mdl_settled_by(which, proof.index, bytes, size);
    settle(w, d, &s);
    mdl_checkpoints_seen(w, shown);
}

void mdl_jobs_refused(mdl_worker *w, mdl_notice_kind state, unsigned reason, const char *text) {
    mdl_done *d = find_done(w);
    MDL_ASSERT(d);
    const mdl_version *v = &d->version[0]; /* the newest of the result; there is one, for a commitment has a draft */
    for (uint32_t i = 1; i < MDL_WORKER_VERSIONS_MAX; i++) {
        if (d->version[i].envelope && (!v->envelope || d->version[i].stamp > v->stamp))
            v = &d->version[i];
    }
    mdl_settled s = {.state = state, .reason = reason, .text = text, .envelope = v->envelope, .envelope_size = v->size};
    settle(w, d, &s);
}

/* ---- the outbox ---- */

mdl_err mdl_worker_restore(mdl_worker *w, const uint8_t coordinator[MDL_KEY_BYTES], uint32_t version,
                           const uint8_t *envelope, size_t size) {
    mdl_envelope e;
    mdl_message m;
    MDL_ASSERT(!w->started);
    memset(&m, 0, sizeof m);
    mdl_err err = size > MDL_ENVELOPE_BYTES_MAX ? MDL_ESIZE : mdl_envelope_decode(envelope, size, w->scratch->pae, &e);
    if (err == MDL_OK)
        err = mdl_envelope_verify(&e);
    if (err == MDL_OK)
        err = mdl_message_of(&e, (mdl_list_room){w->scratch->list, MDL_LIST_MAX}, &m, NULL);
    if (err != MDL_OK)
        return err;
    int commit = m.type == MDL_MSG_COMMIT;
    /* With session keys it may be one of an earlier key: it is signed anew before it is sent. */
    int signer = w->config.statement[0] || memcmp(e.key, w->config.key, MDL_KEY_BYTES) == 0;
    if ((m.type != MDL_MSG_RESULT && !commit) || !signer || mdl_message_shape(&m) != MDL_OK ||
        version / MDL_WORKER_VERSIONS_MAX != (uint32_t)commit)
        return MDL_EMISMATCH;
    const mdl_msg_result *r = &m.as.result;
    uint64_t lease = commit ? m.as.commit.lease : r->lease;
    mdl_done *d = NULL;
    for (uint32_t i = 0; i < w->done_count; i++) {
        if (memcmp(w->done[i].of.coordinator, coordinator, MDL_KEY_BYTES) == 0 && w->done[i].of.lease == lease &&
            memcmp(w->done[i].of.experiment, m.head.experiment, 32) == 0)
            d = &w->done[i];
    }
    if (commit && !d)
        return MDL_EMISMATCH; /* of a result that is not there */
    uint8_t *copy = malloc(size);
    int64_t *fitness = d ? NULL : malloc(r->count * sizeof *fitness);
    char *segments = d ? NULL : malloc((size_t)r->count * MDL_SEGMENT_CHARS);
    int full = !d && w->done_count == MDL_WORKER_UNDELIVERED_MAX;
    int room = d || (fitness && segments && mdl_list_grow(&w->done, &w->done_room, w->done_count + 1, sizeof *d));
    if (!copy || full || !room) {
        err = copy && room ? MDL_ESIZE : MDL_ENOMEM;
        free(copy);
        free(fitness);
        free(segments);
        return err;
    }
    if (!d) {
        d = &w->done[w->done_count++];
        memset(d, 0, sizeof *d);
        memcpy(d->of.coordinator, coordinator, MDL_KEY_BYTES);
        memcpy(d->of.experiment, m.head.experiment, sizeof d->of.experiment);
        d->of.lease = r->lease;
        d->of.generation = r->generation;
        d->of.first = r->first;
        d->of.count = r->count;
        d->fitness = fitness;
        memcpy(fitness, r->fitness.at, r->count * sizeof *fitness);
        d->segments = segments;
        memcpy(segments, r->segments.at, (size_t)r->count * MDL_SEGMENT_CHARS);
        memcpy(d->nonce, r->nonce, MDL_DIGEST_BYTES);
        d->pledged = !mdl_is_zeros(r->nonce, MDL_DIGEST_BYTES);
        memcpy(d->root, r->root, MDL_DIGEST_BYTES);
        d->updates = r->updates;
        d->busy_ms = r->busy_ms;
    }
    memcpy(copy, envelope, size);
    free(d->version[version].envelope);
    d->version[version] = (mdl_version){copy, size, ++d->stamps, mdl_is_zeros(m.head.session, MDL_SESSION_BYTES)};
    return MDL_OK;
}

void mdl_jobs_free(mdl_worker *w) {
    for (uint32_t i = 0; i < w->done_count; i++)
        close_done(&w->done[i]);
    free(w->done);
    w->done = NULL;
    w->done_count = w->done_room = 0;
}
