/* Calls: who speaks, in which session, and whether it is new. Admission. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"
#include "protocol/grow.h"
#include "protocol/invite.h"
#include "protocol/ticket.h"
#include "protocol/unit.h"

/* A session's id as a name: never that of another one. */
static void session_name(const uint8_t id[MDL_SESSION_BYTES], uint8_t name[MDL_NAME_BYTES]) {
    memset(name, 0, MDL_NAME_BYTES);
    memcpy(name, id, MDL_SESSION_BYTES);
}

void mdl_peer_close(mdl_coordinator *c, uint32_t worker) {
    mdl_peer *p = &c->peer[worker];
    for (uint32_t i = 0; i < MDL_SESSION_WINDOW; i++) {
        mdl_answer_clear(&p->answer[i]);
    }
    if (p->open) {
        uint8_t name[MDL_NAME_BYTES];
        session_name(p->session.id, name);
        mdl_name_index_drop(&c->sessions, name);
    }
    p->open = 0;
}

int mdl_peers_follow(mdl_coordinator *c) {
    const mdl_ledger_worker *worker;
    uint32_t count = mdl_ledger_workers(c->ledger, &worker);
    if (!mdl_list_grow_zeroed(&c->peer, &c->peer_room, count, sizeof *c->peer)) {
        return 0;
    }
    for (; c->peers < count; c->peers++) {
        c->peer[c->peers].patience = 1;
        c->peer[c->peers].tokens = c->config.burst;
    }
    return 1;
}

int mdl_peer_here(const mdl_peer *p, uint64_t now_ms) {
    return p->open && !p->left && now_ms - p->heard_ms < MDL_ACTIVE_MS;
}

uint32_t mdl_coordinator_active(mdl_coordinator *c, uint64_t now_ms) {
    if (c->active == 0 || now_ms - c->active_ms >= 1000) {
        c->active = 0;
        c->active_ms = now_ms;
        for (uint32_t i = 0; i < c->peers; i++) {
            c->active += (uint32_t)mdl_peer_here(&c->peer[i], now_ms);
        }
    }
    return c->active;
}

void mdl_peer_leaves(mdl_coordinator *c, uint32_t worker, uint64_t now_ms) {
    c->active -= (uint32_t)(c->active > 0 && mdl_peer_here(&c->peer[worker], now_ms));
}

/* Whoever this key may speak for now. */
static uint32_t worker_of(const mdl_coordinator *c, const uint8_t key[MDL_KEY_BYTES]) {
    const mdl_ledger_worker *first, *found = mdl_ledger_signer(c->ledger, key);
    mdl_ledger_workers(c->ledger, &first);
    return found && mdl_ledger_speaks(c->ledger, found, key) ? (uint32_t)(found - first) : UINT32_MAX;
}

static int is_banned(const mdl_coordinator *c, uint32_t worker) {
    const mdl_ledger_worker *first;
    mdl_ledger_workers(c->ledger, &first);
    return first[worker].banned != 0;
}

/* ---- rate ---- */

/* Take a token. 0 when there is none; *retry_ms is when there will be. */
static int take_token(mdl_coordinator *c, mdl_peer *p, uint64_t now_ms, uint64_t *retry_ms) {
    p->tokens += (double)(now_ms - p->tokens_ms) * c->config.rate / 1000;
    p->tokens_ms = now_ms;
    if (p->tokens > c->config.burst) {
        p->tokens = c->config.burst;
    }
    if (p->tokens < 1) {
        *retry_ms = 1 + (uint64_t)((1 - p->tokens) * 1000 / c->config.rate);
        return 0;
    }
    p->tokens -= 1;
    return 1;
}

/* ---- sequence numbers ---- */

static void repeat(mdl_coordinator *c, const mdl_asked *a, const mdl_answer *answer) {
    if (answer->said == MDL_SAID_RECEIPT) {
        c->io.receipt(c->io.ctx, a->call, answer->record);
    } else {
        c->io.reply(c->io.ctx, a->call, answer->after, answer->bytes, answer->size, NULL, 0);
    }
}

static mdl_reason whose_session(const mdl_coordinator *c, const mdl_peer *p, const uint8_t id[MDL_SESSION_BYTES]) {
    for (uint32_t i = 0; i < p->past_count; i++) {
        if (memcmp(p->past[i], id, MDL_SESSION_BYTES) == 0) {
            return MDL_REASON_STALE_SESSION;
        }
    }
    uint8_t name[MDL_NAME_BYTES];
    session_name(id, name);
    uint32_t holder = mdl_name_index_get(&c->sessions, name);
    return holder != MDL_NAME_NONE && &c->peer[holder] != p ? MDL_REASON_SOMEONE_ELSES_SESSION : MDL_REASON_NO_SESSION;
}

static void tell_equivocation(mdl_coordinator *c, const mdl_asked *a, const mdl_session *s) {
    char first[MDL_DIGEST_HEX], second[MDL_DIGEST_HEX], detail[64];
    mdl_hex(s->first, MDL_DIGEST_BYTES, first);
    mdl_hex(s->second, MDL_DIGEST_BYTES, second);
    mdl_coordinator_log(c, "equivocation", a->envelope->key,
                        "two messages with number %" PRIu64 " in one session, leaf hashes %s and %s", s->equivocal,
                        first, second);
    snprintf(detail, sizeof detail, "number %" PRIu64, a->message->head.seq);
    mdl_coordinator_reject(c, a, MDL_REASON_REPLAY_MISMATCH, 0, 0, detail);
}

/* 1: the message is new and to be acted on; a->answer is its place. Else it has been answered. */
static int take_number(mdl_coordinator *c, mdl_asked *a) {
    mdl_peer *p = &c->peer[a->worker];
    uint32_t slot;
    switch (mdl_session_take(&p->session, a->message->head.session, a->message->head.seq, a->leaf->bytes, &slot)) {
    case MDL_SEQ_FRESH:
        a->answer = &p->answer[slot];
        mdl_answer_clear(a->answer);
        return 1;
    case MDL_SEQ_REPEAT:
        if (p->answer[slot].said == MDL_SAID_ASK_AGAIN || p->answer[slot].said == MDL_SAID_NOTHING) {
            a->answer = &p->answer[slot];
            return 1;
        }
        repeat(c, a, &p->answer[slot]);
        return 0;
    case MDL_SEQ_EQUIVOCATION:
        if (mdl_verify_equivocation(c, a)) {
            return 0;
        }
        tell_equivocation(c, a, &p->session);
        return 0;
    case MDL_SEQ_STALE:
        mdl_coordinator_reject(c, a, MDL_REASON_STALE_SEQUENCE, 0, 0, NULL);
        return 0;
    case MDL_SEQ_OTHER:
        break;
    }
    mdl_coordinator_reject(c, a, whose_session(c, p, a->message->head.session), 0, 0, NULL);
    return 0;
}

/* ---- hello ---- */

static mdl_reason fits(const mdl_coordinator *c, const mdl_message *m) {
    const mdl_msg_hello *h = &m->as.hello;
    if (h->version != MDL_PROTOCOL_VERSION) {
        return h->version < MDL_PROTOCOL_VERSION ? MDL_REASON_OLD_VERSION : MDL_REASON_NEW_VERSION;
    }
    if (!mdl_is_zero(m->head.experiment, 32) &&
        memcmp(m->head.experiment, mdl_ledger_experiment_id(c->ledger), 32) != 0) {
        return MDL_REASON_WRONG_EXPERIMENT;
    }
    return h->results != MDL_RESULTS ? MDL_REASON_WRONG_RESULTS : MDL_REASON_NONE;
}

static const mdl_listed *on_list(const mdl_coordinator *c, const uint8_t key[MDL_KEY_BYTES]) {
    uint32_t at = mdl_name_index_get(&c->listed, key);
    return at == MDL_NAME_NONE ? NULL : &c->config.listed[at];
}

/* Whom a hello is for. */
static const uint8_t *who_of(const mdl_asked *a) {
    const uint8_t *worker = a->message->as.hello.worker;
    return mdl_is_zero(worker, MDL_KEY_BYTES) ? a->envelope->key : worker;
}

/* Whether this key may come in, and the record that says so. */
static mdl_reason admit(const mdl_coordinator *c, const mdl_asked *a, mdl_msg_admit *out, const char **why) {
    const mdl_msg_hello *h = &a->message->as.hello;
    const uint8_t *key = who_of(a), *experiment = mdl_ledger_experiment_id(c->ledger);
    memcpy(out->worker, key, MDL_KEY_BYTES);
    memcpy(out->owner, key, MDL_KEY_BYTES);
    out->how = (uint32_t)c->config.admission.how;
    if (c->config.admission.how == MDL_ADMIT_OPEN) {
        out->ticket = h->ticket;
        return mdl_ticket_bits(experiment, key, h->ticket) >= c->config.admission.bits ? MDL_REASON_NONE
                                                                                       : MDL_REASON_BAD_TICKET;
    }
    if (c->config.admission.how == MDL_ADMIT_LIST) {
        const mdl_listed *listed = on_list(c, key);
        if (!listed) {
            return MDL_REASON_NOT_ADMITTED;
        }
        memcpy(out->owner, listed->owner, MDL_KEY_BYTES);
        memcpy(out->name, listed->name, sizeof out->name);
        return MDL_REASON_NONE;
    }
    if (!h->invite[0]) {
        return MDL_REASON_NOT_ADMITTED;
    }
    mdl_msg_invite invite;
    mdl_reason reason = mdl_invite_check(h->invite, experiment, key, c->config.key, c->config.owners,
                                         c->config.owner_count, c->wall_ms, &invite, why);
    if (reason == MDL_REASON_NONE) {
        memcpy(out->owner, invite.owner, MDL_KEY_BYTES);
        memcpy(out->name, invite.name, sizeof out->name);
        memcpy(out->invite, h->invite, sizeof out->invite);
    }
    return reason;
}

static int let_in(mdl_coordinator *c, mdl_asked *a) {
    mdl_message m;
    const char *why = NULL;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_ADMIT;
    mdl_reason reason = mdl_key_check(who_of(a)) != MDL_OK ? MDL_REASON_WEAK_KEY
                        : mdl_ledger_ended(c->ledger)      ? MDL_REASON_REJECT_FINISHED
                                                           : admit(c, a, &m.as.admit, &why);
    if (reason != MDL_REASON_NONE) {
        char bits[32];
        if (reason == MDL_REASON_BAD_TICKET) { /* so that a worker knows what to look for: PROTOCOL section 3.2 */
            snprintf(bits, sizeof bits, "it needs %" PRIu32 " bits", c->config.admission.bits);
            why = bits;
        }
        mdl_coordinator_reject(c, a, reason, 0, reason == MDL_REASON_REJECT_FINISHED, why);
        return 0;
    }
    if (!mdl_coordinator_record(c, &m)) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, NULL);
        return 0;
    }
    a->worker = worker_of(c, who_of(a));
    mdl_coordinator_log(c, "admit", who_of(a), "worker %" PRIu32 " admitted", a->worker);
    return 1;
}

/* The statement in a hello is of this signer, and whom it speaks for said it. */
static int is_stated(const mdl_coordinator *c, const mdl_asked *a) {
    mdl_session_key terms;
    return mdl_session_key_check(mdl_ledger_experiment_id(c->ledger), who_of(a), a->message->as.hello.statement,
                                 &terms) == MDL_OK &&
           memcmp(terms.key, a->envelope->key, sizeof terms.key) == 0;
}

/* A hello of a session key that is not the worker's yet: by a record it becomes so. */
static int let_speak(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_hello *h = &a->message->as.hello;
    const mdl_ledger_worker *w;
    mdl_session_key terms;
    mdl_message m;
    char why[160];
    mdl_ledger_workers(c->ledger, &w);
    w += a->worker;
    if (mdl_ledger_speaks(c->ledger, w, a->envelope->key)) {
        return 1;
    }
    if (mdl_ledger_ended(c->ledger)) {
        mdl_coordinator_reject(c, a, MDL_REASON_REJECT_FINISHED, 0, 1, NULL);
        return 0;
    }
    if (mdl_coordinator_session_key(c, w, h->statement, &terms, why, sizeof why) != MDL_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_BAD_SESSION_KEY, 0, 0, why);
        return 0;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_ADMIN;
    snprintf(m.as.admin.action, sizeof m.as.admin.action, "session");
    memcpy(m.as.admin.target, w->key, sizeof m.as.admin.target);
    memcpy(m.as.admin.reason, h->statement, sizeof h->statement);
    if (!c->storage_ok || !mdl_coordinator_record(c, &m)) {
        mdl_coordinator_reject(c, a, c->storage_ok ? MDL_REASON_INTERNAL : MDL_REASON_DISK_FULL, 1000, 0, NULL);
        return 0;
    }
    mdl_coordinator_log(c, "admin", who_of(a), "session key %" PRIu64 ", up to generation %" PRIu32, terms.number,
                        terms.until);
    return 1;
}

/* 0: out of memory. */
static int open_session(mdl_coordinator *c, const mdl_asked *a) {
    mdl_peer *p = &c->peer[a->worker];
    uint8_t name[MDL_NAME_BYTES];
    session_name(a->message->head.session, name);
    if (!mdl_name_index_reserve(&c->sessions)) {
        return 0;
    }
    mdl_peer_leaves(c, a->worker, a->now_ms);
    if (p->open) {
        uint32_t place = p->past_count < MDL_PAST_SESSIONS ? p->past_count++ : MDL_PAST_SESSIONS - 1;
        memmove(p->past[1], p->past[0], place * sizeof p->past[0]);
        memcpy(p->past[0], p->session.id, MDL_SESSION_BYTES);
        mdl_peer_close(c, a->worker);
    }
    p->heard_ms = a->now_ms;
    mdl_session_open(&p->session, a->message->head.session);
    int named = mdl_name_index_put(&c->sessions, name, a->worker);
    MDL_ASSERT(named); /* there is room */
    p->open = 1;
    p->left = 0;
    p->threads = a->message->as.hello.threads;
    p->memory = a->message->as.hello.memory;
    mdl_work_orphan(c, a->worker);
    c->active += c->active > 0;
    return 1;
}

static void welcome(mdl_coordinator *c, const mdl_asked *a) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_WELCOME;
    mdl_msg_welcome *w = &m.as.welcome;
    const mdl_ledger_worker *whose;
    mdl_ledger_workers(c->ledger, &whose);
    memcpy(w->worker, whose[a->worker].key, MDL_KEY_BYTES);
    w->version = MDL_PROTOCOL_VERSION;
    w->generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    memcpy(w->state, c->state, MDL_DIGEST_BYTES);
    memcpy(w->document, c->document, MDL_DIGEST_BYTES);
    w->lease_ms = c->config.lease_ms;
    snprintf(w->origin, sizeof w->origin, "%s", c->config.origin);
    snprintf(w->vkey, sizeof w->vkey, "%s", c->config.vkey);
    mdl_coordinator_say(c, a, &m, 1, NULL, 0);
}

static void hello(mdl_coordinator *c, mdl_asked *a) {
    mdl_reason reason = fits(c, a->message);
    if (reason != MDL_REASON_NONE) {
        char detail[96];
        snprintf(detail, sizeof detail, "here: protocol %d, results %d", (int)MDL_PROTOCOL_VERSION, (int)MDL_RESULTS);
        mdl_coordinator_reject(c, a, reason, 0, 0, detail);
        return;
    }
    int other = memcmp(who_of(a), a->envelope->key, MDL_KEY_BYTES) != 0;
    if (other && a->worker == UINT32_MAX) {
        if (!is_stated(c, a)) {
            mdl_coordinator_reject(c, a, MDL_REASON_BAD_SESSION_KEY, 0, 0, NULL);
            return;
        }
        a->worker = worker_of(c, who_of(a));
        if (a->worker != UINT32_MAX && is_banned(c, a->worker)) {
            mdl_coordinator_reject(c, a, MDL_REASON_BANNED, 0, 1, NULL);
            return;
        }
    }
    if (a->worker == UINT32_MAX) {
        if (!c->storage_ok) {
            mdl_coordinator_reject(c, a, MDL_REASON_DISK_FULL, 1000, 0, NULL);
            return;
        }
        if (!let_in(c, a)) {
            return;
        }
    }
    if (!let_speak(c, a)) {
        return;
    }
    mdl_peer *p = &c->peer[a->worker];
    const uint8_t *id = a->message->head.session;
    if (!p->open || memcmp(p->session.id, id, MDL_SESSION_BYTES) != 0) {
        mdl_reason whose = whose_session(c, p, id);
        if (whose != MDL_REASON_NO_SESSION) {
            mdl_coordinator_reject(c, a, whose, 0, 0, NULL);
            return;
        }
        if (!open_session(c, a)) {
            mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, NULL);
            return;
        }
    }
    if (take_number(c, a)) {
        welcome(c, a);
    }
}

/* ---- any call ---- */

mdl_reason mdl_coordinator_worth(const mdl_coordinator *c, const mdl_envelope *e) {
    mdl_message_type type;
    if (mdl_message_type_of(e->name, &type) != MDL_OK || mdl_message_role(type) != MDL_ROLE_CALL) {
        return MDL_REASON_UNKNOWN_TYPE;
    }
    uint32_t worker = worker_of(c, e->key);
    if (worker != UINT32_MAX && is_banned(c, worker)) {
        return MDL_REASON_BANNED;
    }
    if (type != MDL_MSG_HELLO && (worker == UINT32_MAX || !c->peer[worker].open)) {
        return MDL_REASON_NO_SESSION;
    }
    return MDL_REASON_NONE;
}

/* Whether this worker may send such a blob now: what its leases allow. */
static mdl_reason may_carry(const mdl_coordinator *c, const mdl_asked *a, uint64_t size) {
    switch (a->message->type) {
    case MDL_MSG_MOVE:
        return mdl_dispute_may_carry(c, a->worker, &a->message->as.move) ? MDL_REASON_NONE : MDL_REASON_NOT_ASKED;
    case MDL_MSG_WINDOW:
        return !mdl_stage_holds(c, a->worker, a->message->as.window.lease)   ? MDL_REASON_NO_LEASE
               : size > mdl_stage_window_max(c, a->message->as.window.lease) ? MDL_REASON_OVERSIZE
                                                                             : MDL_REASON_NONE;
    case MDL_MSG_SNAPSHOT:
        return mdl_stage_holds(c, a->worker, a->message->as.snapshot.lease) ? MDL_REASON_NONE : MDL_REASON_NO_LEASE;
    default:
        return MDL_REASON_BAD_BLOB;
    }
}

/* Who it is and what it says. The reason why it cannot be read, or none. */
static mdl_reason read_call(mdl_coordinator *c, mdl_asked *a, mdl_message *m, char detail[128]) {
    const mdl_envelope *e = a->envelope;
    mdl_message_type type;
    const mdl_field *fault = NULL;
    detail[0] = 0;
    if (mdl_message_type_of(e->name, &type) != MDL_OK || mdl_message_role(type) != MDL_ROLE_CALL) {
        return MDL_REASON_UNKNOWN_TYPE;
    }
    memset(m, 0, sizeof *m);
    mdl_err err = mdl_message_of(e, (mdl_list_room){c->list, MDL_LIST_MAX}, m, &fault);
    if (err != MDL_OK) {
        snprintf(detail, 128, "%s%s%s", fault ? fault->name : "", fault ? ": " : "", mdl_strerror((int)err));
        return MDL_REASON_BAD_PAYLOAD;
    }
    a->message = m;
    a->worker = worker_of(c, e->key);
    return MDL_REASON_NONE;
}

/* Whether somebody may say this here and now. */
static mdl_reason may_call(const mdl_coordinator *c, const mdl_asked *a) {
    int known = a->worker != UINT32_MAX, hello = a->message->type == MDL_MSG_HELLO;
    return c->failed || !c->started           ? MDL_REASON_INTERNAL
           : known && is_banned(c, a->worker) ? MDL_REASON_BANNED
           : !hello && memcmp(a->message->head.experiment, mdl_ledger_experiment_id(c->ledger), 32) != 0
               ? MDL_REASON_WRONG_EXPERIMENT
           : !hello && (!known || !c->peer[a->worker].open) ? MDL_REASON_NO_SESSION
                                                            : MDL_REASON_NONE;
}

static void turn_away(mdl_coordinator *c, const mdl_asked *a, mdl_reason reason, const char *detail) {
    mdl_coordinator_reject(c, a, reason, reason == MDL_REASON_INTERNAL ? 1000 : 0, reason == MDL_REASON_BANNED, detail);
}

int mdl_coordinator_carries(mdl_coordinator *c, uint64_t call, const mdl_envelope *e, uint64_t *blob_size) {
    mdl_message m;
    mdl_asked a = {.call = call, .envelope = e, .worker = UINT32_MAX};
    uint8_t digest[MDL_DIGEST_BYTES];
    char detail[128];
    mdl_reason reason = read_call(c, &a, &m, detail);
    if (reason == MDL_REASON_NONE) {
        reason = may_call(c, &a);
    }
    if (reason == MDL_REASON_NONE && mdl_message_blob_max(m.type) == 0) {
        reason = MDL_REASON_BAD_BLOB;
    }
    if (reason == MDL_REASON_NONE) {
        mdl_message_blob(&m, digest, blob_size);
        reason = memcmp(m.head.session, c->peer[a.worker].session.id, MDL_SESSION_BYTES) != 0
                     ? MDL_REASON_STALE_SESSION
                     : may_carry(c, &a, *blob_size);
    }
    if (reason == MDL_REASON_NONE && *blob_size == 0) {
        reason = MDL_REASON_BAD_BLOB; /* it is long, and names none */
    }
    if (reason != MDL_REASON_NONE) {
        turn_away(c, &a, reason, detail);
    }
    return reason == MDL_REASON_NONE;
}

/* Whether what came behind the envelope is what the message names. */
static int is_its_blob(const mdl_message *m, const mdl_carried *blob) {
    uint8_t digest[MDL_DIGEST_BYTES];
    uint64_t size;
    mdl_message_blob(m, digest, &size);
    return blob ? blob->size == size && memcmp(blob->digest, digest, sizeof digest) == 0
                : size == 0 && mdl_is_zero(digest, sizeof digest);
}

static void dispatch(mdl_coordinator *c, const mdl_asked *a) {
    switch (a->message->type) {
    case MDL_MSG_WANT:
        mdl_work_want(c, a);
        return;
    case MDL_MSG_COMMIT:
        mdl_work_commit(c, a);
        return;
    case MDL_MSG_NONCE:
        mdl_round_show(c, a);
        return;
    case MDL_MSG_RESULT:
        mdl_work_result(c, a);
        return;
    case MDL_MSG_MOVE:
        mdl_dispute_move(c, a);
        return;
    case MDL_MSG_PULL:
        mdl_stage_pull(c, a);
        return;
    case MDL_MSG_WINDOW:
        mdl_stage_window(c, a);
        return;
    case MDL_MSG_SNAPSHOT:
        mdl_stage_snapshot(c, a);
        return;
    case MDL_MSG_SHARDRESULT:
        mdl_stage_result(c, a);
        return;
    case MDL_MSG_SYNC:
        mdl_serve_sync(c, a);
        return;
    case MDL_MSG_FETCH:
        mdl_serve_fetch(c, a);
        return;
    case MDL_MSG_BYE:
        mdl_serve_bye(c, a);
        return;
    case MDL_MSG_PING:
        mdl_serve_ping(c, a);
        return;
    case MDL_MSG_PROVE:
        mdl_serve_prove(c, a);
        return;
    default:
        MDL_ASSERT(0);
    }
}

void mdl_coordinator_call(mdl_coordinator *c, uint64_t call, const mdl_envelope *e, const uint8_t *raw, size_t raw_size,
                          const mdl_hash *leaf, const mdl_carried *blob, uint64_t now_ms) {
    mdl_message m;
    mdl_asked a = {.call = call,
                   .now_ms = now_ms,
                   .envelope = e,
                   .raw = raw,
                   .raw_size = raw_size,
                   .leaf = leaf,
                   .worker = UINT32_MAX,
                   .blob = blob};
    char detail[128];
    uint64_t retry_ms = 0;
    mdl_reason reason = read_call(c, &a, &m, detail);
    if (reason == MDL_REASON_NONE) {
        reason = may_call(c, &a);
    }
    if (reason == MDL_REASON_NONE && a.worker != UINT32_MAX && !mdl_stage_is_due(c, &a) &&
        !take_token(c, &c->peer[a.worker], now_ms, &retry_ms)) {
        mdl_coordinator_reject(c, &a, MDL_REASON_RATE_LIMITED, retry_ms, 0, NULL);
        return;
    }
    if (reason == MDL_REASON_NONE && !is_its_blob(&m, blob)) {
        reason =
            MDL_REASON_BAD_BLOB; /* its number stays free: the blob is not signed, a stranger may have changed it */
    }
    if (reason != MDL_REASON_NONE) {
        turn_away(c, &a, reason, detail);
        return;
    }
    if (m.type == MDL_MSG_HELLO) {
        hello(c, &a);
    } else if (take_number(c, &a)) {
        c->peer[a.worker].left = 0;
        dispatch(c, &a);
    }
    if (a.worker != UINT32_MAX) {
        c->peer[a.worker].heard_ms = now_ms;
    }
}
