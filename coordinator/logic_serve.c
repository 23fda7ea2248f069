/* What is not work: history, blobs, signs of life, goodbyes, and the operator. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "protocol/key_change.h"

/* ---- the set of blobs that the ledger names ---- */

static size_t place_of(const mdl_names *n, const uint8_t *digest) {
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    size_t at = (size_t)(hash % n->capacity);
    while (!mdl_is_zero(n->at[at], MDL_DIGEST_BYTES) && memcmp(n->at[at], digest, MDL_DIGEST_BYTES) != 0) {
        at = (at + 1) % n->capacity;
    }
    return at;
}

static int grow_names(mdl_names *n) {
    mdl_names wider = {NULL, n->count, n->capacity ? 2 * n->capacity : 64};
    wider.at = calloc(wider.capacity, MDL_DIGEST_BYTES);
    if (!wider.at) {
        return 0;
    }
    for (size_t i = 0; i < n->capacity; i++) {
        if (!mdl_is_zero(n->at[i], MDL_DIGEST_BYTES)) {
            memcpy(wider.at[place_of(&wider, n->at[i])], n->at[i], MDL_DIGEST_BYTES);
        }
    }
    free(n->at);
    *n = wider;
    return 1;
}

int mdl_names_have(const mdl_names *n, const uint8_t digest[MDL_DIGEST_BYTES]) {
    return n->capacity > 0 && !mdl_is_zero(digest, MDL_DIGEST_BYTES) &&
           !mdl_is_zero(n->at[place_of(n, digest)], MDL_DIGEST_BYTES);
}

int mdl_names_add(mdl_names *n, const uint8_t digest[MDL_DIGEST_BYTES]) {
    if (mdl_names_have(n, digest)) {
        return 1;
    }
    if (2 * (n->count + 1) > n->capacity && !grow_names(n)) {
        return 0;
    }
    memcpy(n->at[place_of(n, digest)], digest, MDL_DIGEST_BYTES);
    n->count++;
    return 1;
}

/* ---- history ---- */

/* Fitnesses of generations [from, h->to) one behind the other, up to the limit but at least one. */
static mdl_err gather(mdl_coordinator *c, uint32_t from, mdl_history *h) {
    size_t total = 0;
    uint32_t to = from;
    if (h->bytes && h->from == from && h->closed == c->closed_count) {
        return MDL_OK;
    }
    while (to < c->closed_count) {
        size_t more = 8 * (size_t)c->closed[to].jobs;
        if (to > from && total + more > MDL_HISTORY_BYTES_MAX) {
            break;
        }
        total += more;
        to++;
    }
    uint8_t *bytes = malloc(total + 1);
    if (!bytes) {
        return MDL_ENOMEM;
    }
    size_t at = 0;
    for (uint32_t g = from; g < to; g++) {
        const uint8_t *blob;
        size_t size;
        mdl_err err = c->io.blobs.get(c->io.blobs.ctx, c->closed[g].fitness, &blob, &size);
        if (err == MDL_OK && size != 8 * (size_t)c->closed[g].jobs) {
            err = MDL_ESIZE;
        }
        if (err != MDL_OK) {
            free(bytes);
            return err;
        }
        memcpy(bytes + at, blob, size);
        at += size;
    }
    free(h->bytes);
    *h = (mdl_history){.bytes = bytes, .size = total, .from = from, .to = to, .closed = c->closed_count};
    mdl_digest_of(bytes, total, h->digest);
    return MDL_OK;
}

void mdl_serve_sync(mdl_coordinator *c, const mdl_asked *a) {
    mdl_message m;
    uint32_t from = a->message->as.sync.generation;
    mdl_history *h = &c->history;
    if (from > c->closed_count) {
        mdl_coordinator_reject(c, a, MDL_REASON_OUT_OF_RANGE, 0, 0, "that generation has not been opened");
        return;
    }
    mdl_err err = gather(c, from, h);
    if (err != MDL_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, mdl_strerror((int)err));
        return;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_HISTORY;
    m.as.history.from = from;
    m.as.history.to = h->to;
    memcpy(m.as.history.state, h->to == c->closed_count ? c->state : c->closed[h->to - 1].after, MDL_DIGEST_BYTES);
    if (h->size > 0) {
        memcpy(m.as.history.blob, h->digest, MDL_DIGEST_BYTES);
        m.as.history.blob_size = h->size;
    }
    mdl_coordinator_say(c, a, &m, 1, h->bytes, h->size);
}

void mdl_serve_fetch(mdl_coordinator *c, const mdl_asked *a) {
    mdl_message m;
    const uint8_t *digest = a->message->as.fetch.digest, *bytes;
    size_t size;
    int kept = mdl_stage_blob(c, digest, &bytes, &size); /* a shard's state */
    if (!kept && !mdl_names_have(&c->names, digest)) {
        mdl_coordinator_reject(c, a, MDL_REASON_NOT_FOUND, 0, 0, NULL);
        return;
    }
    mdl_err err = kept ? MDL_OK : c->io.blobs.get(c->io.blobs.ctx, digest, &bytes, &size);
    if (err != MDL_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, mdl_strerror((int)err));
        return;
    }
    if (size > MDL_FRAME_BLOB_MAX) {
        mdl_coordinator_reject(c, a, MDL_REASON_OVERSIZE, 0, 0, "this blob fits no frame; the audit server has it");
        return;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_DOCUMENT;
    memcpy(m.as.document.digest, digest, MDL_DIGEST_BYTES);
    memcpy(m.as.document.blob, digest, MDL_DIGEST_BYTES);
    m.as.document.blob_size = size;
    mdl_coordinator_say(c, a, &m, 1, bytes, size);
}

/* ---- signs of life ---- */

void mdl_serve_ping(mdl_coordinator *c, const mdl_asked *a) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_PONG;
    m.as.pong.generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    m.as.pong.clock_ms = c->wall_ms;
    memcpy(m.as.pong.checkpoint, c->checkpoint, sizeof c->checkpoint);
    mdl_coordinator_say(c, a, &m, 1, NULL, 0);
}

void mdl_serve_bye(mdl_coordinator *c, const mdl_asked *a) {
    mdl_coordinator_log(c, "bye", a->envelope->key, "worker %" PRIu32 " leaves: %s", a->worker,
                        a->message->as.bye.reason);
    if (c->storage_ok && !mdl_ledger_ended(c->ledger)) {
        mdl_work_revoke(c, a->worker, MDL_REASON_LEFT);
    }
    mdl_serve_ping(c, a);
    /* The session stays, so that a repeat is answered; it counts as gone. */
    mdl_peer_leaves(c, a->worker, a->now_ms);
    c->peer[a->worker].left = 1;
}

/* ---- the operator ---- */

/* A signed statement must be right before it becomes a record. */
mdl_err mdl_coordinator_session_key(const mdl_coordinator *c, const mdl_ledger_worker *w, const char *text,
                                    mdl_session_key *terms, char *error, size_t error_size) {
    mdl_err err = mdl_session_key_check(mdl_ledger_experiment_id(c->ledger), w->key, text, terms);
    if (err != MDL_OK) {
        snprintf(error, error_size, "the session key's statement: %s", mdl_strerror((int)err));
        return err;
    }
    int ends = memcmp(terms->key, w->key, sizeof terms->key) == 0;
    if (!ends && terms->until < mdl_evolution_generation(mdl_ledger_evolution(c->ledger))) {
        snprintf(error, error_size, "the session key ended with generation %" PRIu32, terms->until);
    } else if (terms->number <= w->session_number) {
        snprintf(error, error_size, "the session key has number %" PRIu64 ", and number %" PRIu64 " was there before",
                 terms->number, w->session_number);
    } else if (w->banned || (!ends && (memcmp(terms->key, c->config.key, sizeof terms->key) == 0 ||
                                       mdl_ledger_signer(c->ledger, terms->key)))) {
        snprintf(error, error_size, "%s", w->banned ? "the key is banned" : "the session key is somebody's already");
    } else {
        return MDL_OK;
    }
    return MDL_EMISMATCH;
}

static mdl_err check_statement(const mdl_coordinator *c, const char *action, const mdl_ledger_worker *w,
                               const char *reason, char *error, size_t error_size) {
    mdl_key_change kind = mdl_key_change_of(action);
    uint8_t other[MDL_KEY_BYTES];
    if (kind == MDL_KEY_REVOKE && !mdl_key_change_is(kind, reason)) {
        return MDL_OK; /* the operator's word */
    }
    if (kind == MDL_KEY_SESSION) {
        mdl_session_key terms;
        return mdl_coordinator_session_key(c, w, reason, &terms, error, error_size);
    }
    mdl_err err = mdl_key_change_check(kind, mdl_ledger_experiment_id(c->ledger), w->key, reason, other);
    if (err == MDL_OK && kind == MDL_KEY_REVOKE && memcmp(other, w->key, sizeof other) != 0 &&
        memcmp(other, w->owner, sizeof other) != 0) {
        err = MDL_EMISMATCH;
    }
    if (err == MDL_OK && kind == MDL_KEY_ROTATE &&
        (w->banned || memcmp(other, c->config.key, sizeof other) == 0 || mdl_ledger_signer(c->ledger, other))) {
        err = MDL_EMISMATCH;
    }
    if (err != MDL_OK) {
        snprintf(error, error_size, "the statement to %s this key: %s", action, mdl_strerror((int)err));
    }
    return err;
}

mdl_err mdl_coordinator_admin(mdl_coordinator *c, const char *action, const uint8_t *key, const char *reason,
                              uint64_t now_ms, char *error, size_t error_size) {
    int pause = strcmp(action, "pause") == 0, resume = strcmp(action, "resume") == 0;
    int ban = strcmp(action, "ban") == 0, unban = strcmp(action, "unban") == 0;
    int says = mdl_key_change_of(action) != MDL_KEY_NONE, of_key = ban || unban || says;
    int ends = says && mdl_key_change_of(action) != MDL_KEY_SESSION;
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_ADMIN;
    if (!pause && !resume && !of_key) {
        snprintf(error, error_size, "there is no action %.32s", action);
        return MDL_ENOENT;
    }
    if (strlen(reason) > MDL_ADMIN_REASON_MAX) {
        snprintf(error, error_size, "the reason is longer than %d bytes", MDL_ADMIN_REASON_MAX);
        return MDL_ERANGE;
    }
    for (const char *p = reason; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            snprintf(error, error_size, "the reason may hold printable ASCII only");
            return MDL_ERANGE;
        }
    }
    if (mdl_ledger_ended(c->ledger) || c->failed) {
        snprintf(error, error_size, "the experiment has ended");
        return MDL_EMISMATCH;
    }
    if (!c->storage_ok) {
        snprintf(error, error_size, "there is no room to write it down");
        return MDL_EIO;
    }
    const mdl_ledger_worker *first, *w = of_key ? mdl_ledger_worker_find(c->ledger, key) : NULL;
    mdl_ledger_workers(c->ledger, &first);
    if (of_key && !w) {
        snprintf(error, error_size, "no worker of this key was admitted");
        return MDL_ENOENT;
    }
    if (w && w->revoked) {
        snprintf(error, error_size, "this key has ended with record %" PRIu64, w->revoked);
        return MDL_EMISMATCH;
    }
    if (says) {
        mdl_err err = check_statement(c, action, w, reason, error, error_size);
        if (err != MDL_OK) {
            return err;
        }
    } else if (w ? (w->banned != 0) == ban : mdl_ledger_paused(c->ledger) == pause) {
        snprintf(error, error_size, "it is so already");
        return MDL_EMISMATCH;
    }
    uint32_t worker = w ? (uint32_t)(w - first) : 0;
    snprintf(m.as.admin.action, sizeof m.as.admin.action, "%s", action);
    snprintf(m.as.admin.reason, sizeof m.as.admin.reason, "%s", reason);
    if (w) {
        memcpy(m.as.admin.target, key, MDL_KEY_BYTES);
    }
    if (!mdl_coordinator_record(c, &m)) {
        snprintf(error, error_size, "it could not be written");
        return MDL_EMISMATCH;
    }
    mdl_coordinator_log(c, "admin", w ? key : NULL, "%s%s%s", action, *reason ? ": " : "", reason);
    if (ban || ends) {
        mdl_work_revoke(c, worker, MDL_REASON_REVOKED);
        mdl_peer_leaves(c, worker, now_ms);
        mdl_peer_close(c, worker);
    }
    return MDL_OK;
}
