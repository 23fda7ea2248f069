/* Replies: whether they are the coordinator's and answer our call, and what
 * they change. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/ticket.h"
#include "worker/logic_internal.h"

enum { TICKET_TRIES = 1 << 13, TICKET_SEARCHES = 3 };

/* ---- is it an answer? ---- */

typedef enum what { BAD, MESSAGE, RECEIPT } what;

/* A reject of what could not be read, or came without a session, has a head of zeros. */
static int is_for(const mdl_sent *s, const mdl_message *m) {
    if (m->head.seq == s->seq && memcmp(m->head.session, s->session, MDL_SESSION_BYTES) == 0)
        return 1;
    return m->type == MDL_MSG_REJECT && m->head.seq == 0 && mdl_is_zeros(m->head.session, MDL_SESSION_BYTES);
}

/* What comes behind the envelope is what the message names. */
static int is_its_blob(const mdl_model_source *source, const mdl_frame *frame, const uint8_t digest[MDL_DIGEST_BYTES],
                       uint64_t size) {
    if (source && size > 0 && frame->blob_size == size)
        return source->digest_is(source->ctx, frame->blob, frame->blob_size, digest);
    return mdl_frame_check_blob(frame, digest, size) == MDL_OK;
}

static what read_reply(mdl_worker *w, const mdl_sent *s, const uint8_t *bytes, size_t size, mdl_frame *frame,
                       mdl_message *m, const char **why) {
    mdl_envelope e;
    uint8_t digest[MDL_DIGEST_BYTES];
    uint64_t blob_size;
    *why = "the answer is not a frame";
    if (mdl_frame_decode(bytes, size, frame) != MDL_OK)
        return BAD;
    if (frame->envelope_size == 0) {
        *why = "the answer is a receipt, but no result was sent";
        return s->type == MDL_MSG_RESULT || s->type == MDL_MSG_COMMIT || s->type == MDL_MSG_SHARDRESULT ||
                       s->type == MDL_MSG_MOVE
                   ? RECEIPT
                   : BAD;
    }
    *why = "the answer is not an envelope";
    if (mdl_envelope_decode(frame->envelope, frame->envelope_size, w->scratch->pae, &e) != MDL_OK)
        return BAD;
    *why = "the answer is not signed with the key in the coordinator's address";
    if (memcmp(e.key, w->config.place[s->place].key, MDL_KEY_BYTES) != 0 || mdl_envelope_verify(&e) != MDL_OK)
        return BAD;
    *why = "the answer does not have the form of a message";
    if (mdl_message_of(&e, (mdl_list_room){w->scratch->list, MDL_LIST_MAX}, m, NULL) != MDL_OK ||
        mdl_message_role(m->type) != MDL_ROLE_REPLY || mdl_message_shape(m) != MDL_OK)
        return BAD;
    *why = "the answer carries another blob than it names";
    mdl_message_blob(m, digest, &blob_size);
    if (!is_its_blob(w->config.models, frame, digest, blob_size))
        return BAD;
    *why = "the answer is one to another call";
    if (!is_for(s, m))
        return BAD;
    *why = "the answer is about another experiment";
    if (s->type != MDL_MSG_HELLO && m->type != MDL_MSG_REJECT &&
        memcmp(m->head.experiment, w->experiment, sizeof w->experiment) != 0)
        return BAD;
    return MESSAGE;
}

/* Not what was asked for: the next call waits a little, and counts as failed. */
static void spoilt(mdl_worker *w, mdl_way way, const char *why) {
    uint32_t place = mdl_worker_way(w, way)->place;
    if (way == MDL_WAY_RESULT || (uint32_t)way >= MDL_WAY_COUNT) {
        mdl_worker_again(w, way);
    } else {
        w->control_at_ms = w->at.now_ms + mdl_worker_pause(w, w->places[place].failures + 1);
        mdl_worker_answered(w, way);
    }
    if (way == MDL_WAY_CONTROL && w->way[way].type == MDL_MSG_HELLO)
        w->session_open = 0;
    mdl_worker_failed(w, place, why);
}

/* ---- welcome, document, history ---- */

static void forget_model(mdl_worker *w) {
    if (w->model)
        w->drop_model = 1; /* when no thread reads it any more */
}

static const char *check_vkey(const mdl_msg_welcome *m, const mdl_place_state *p, mdl_vkey *vkey) {
    if (mdl_vkey_parse(mdl_text_of(m->vkey), vkey) != MDL_OK || vkey->type != MDL_NOTE_TYPE_ED25519)
        return "it names no sound verifier key for its ledger";
    if (strcmp(vkey->name, m->origin) != 0)
        return "its ledger's verifier key is of another origin";
    if (p->pinned && strcmp(p->vkey, m->vkey) != 0)
        return "it has changed its ledger's verifier key";
    return NULL;
}

/* The state we stand at against what the coordinator signed. */
static int state_is(mdl_worker *w, uint32_t place, const uint8_t state[MDL_DIGEST_BYTES]) {
    if (memcmp(mdl_model_state(w->model), state, MDL_DIGEST_BYTES) == 0)
        return 1;
    char text[200];
    snprintf(text, sizeof text,
             "its state of generation %" PRIu32 " is not the one that follows from its results: "
             "it lies, or this program computes other results than it",
             mdl_model_generation(w->model));
    forget_model(w);
    mdl_worker_condemn(w, place, MDL_STOP_LIED, text);
    return 0;
}

static void welcomed(mdl_worker *w, const mdl_sent *s, const mdl_message *m) {
    const mdl_msg_welcome *a = &m->as.welcome;
    mdl_place_state *p = &w->places[s->place];
    mdl_vkey vkey;
    const char *lie = check_vkey(a, p, &vkey);
    if (memcmp(a->worker, w->config.key, MDL_KEY_BYTES) != 0)
        lie = "it greets another key";
    if (mdl_is_zeros(m->head.experiment, sizeof m->head.experiment))
        lie = "it names no experiment";
    if (lie) {
        mdl_worker_condemn(w, s->place, MDL_STOP_LIED, lie);
        return;
    }
    if (a->version != MDL_PROTOCOL_VERSION) {
        mdl_worker_condemn(w, s->place, MDL_STOP_REFUSED, "it speaks no version of the protocol that we do");
        return;
    }
    w->ticket_searches = 0;
    p->pinned = 1;
    snprintf(p->vkey, sizeof p->vkey, "%s", a->vkey);
    snprintf(w->vkey_text, sizeof w->vkey_text, "%s", a->vkey);
    w->vkey = vkey;
    w->session_open = 1;
    p->failures = 0;
    w->lease_ms = a->lease_ms > 0 && a->lease_ms < 3600000 ? a->lease_ms : 3600000;
    w->want_at_ms = w->control_at_ms = w->at.now_ms;
    if (memcmp(w->experiment, m->head.experiment, sizeof w->experiment) != 0) {
        forget_model(w);
        memcpy(w->experiment, m->head.experiment, sizeof w->experiment);
    }
    memcpy(w->document, a->document, sizeof w->document);
    if (w->model && !w->drop_model && mdl_model_generation(w->model) > a->generation) {
        mdl_notice facts = {.kind = MDL_NOTICE_ERROR};
        mdl_worker_say(w, &facts, "%s is at generation %" PRIu32 ", we were at %" PRIu32 ": beginning again",
                       w->config.place[s->place].name, a->generation, mdl_model_generation(w->model));
        forget_model(w);
    }
    w->target = a->generation;
    w->target_known = 1;
    memcpy(w->target_state, a->state, sizeof w->target_state);
    mdl_checkpoints_begin(w);
    mdl_notice facts = {.kind = MDL_NOTICE_CONNECTED, .generation = a->generation};
    mdl_worker_say(w, &facts, "welcomed by %s, generation %" PRIu32, w->config.place[s->place].name, a->generation);
    if (w->model && !w->drop_model && mdl_model_generation(w->model) == a->generation)
        state_is(w, s->place, a->state);
}

static void tell_generation(mdl_worker *w) {
    int64_t best = INT64_MIN;
    const mdl_evolution_spec *spec = &w->model->experiment.evolution;
    uint32_t generation = mdl_model_generation(w->model);
    mdl_notice facts = {.kind = MDL_NOTICE_GENERATION, .generation = generation};
    for (uint32_t i = 0; i < spec->islands; i++) {
        int64_t b, mean;
        mdl_evolution_last(w->model->evolution, i, &b, &mean);
        best = b > best ? b : best;
    }
    if (generation == 0)
        mdl_worker_say(w, &facts, "generation 0 of %" PRIu32, spec->generations);
    else
        mdl_worker_say(w, &facts, "generation %" PRIu32 " of %" PRIu32 ", best of the last %.3f", generation,
                       spec->generations, (double)best / 1e6 / (double)spec->episodes);
}

static void took_document(mdl_worker *w, uint32_t place, const mdl_message *m, const mdl_frame *frame) {
    uint8_t id[32];
    char error[300];
    if (memcmp(m->as.document.digest, w->document, MDL_DIGEST_BYTES) != 0) {
        mdl_worker_condemn(w, place, MDL_STOP_LIED, "it sent another document than was asked for");
        return;
    }
    crypto_hash_sha256(id, frame->blob, frame->blob_size);
    if (memcmp(id, w->experiment, sizeof id) != 0) {
        mdl_worker_condemn(w, place, MDL_STOP_LIED, "its experiment file does not have the experiment's id");
        return;
    }
    w->model = mdl_model_open(w->config.models, frame->blob, frame->blob_size, error, sizeof error);
    if (!w->model) {
        mdl_worker_condemn(w, place, MDL_STOP_REFUSED, error);
        return;
    }
    if (!w->config.models)
        w->model->serial = ++w->serial;
    mdl_notice facts = {.kind = MDL_NOTICE_EXPERIMENT};
    char hex[MDL_DIGEST_HEX];
    mdl_hex(w->experiment, 32, hex);
    mdl_worker_say(w, &facts, "experiment %s, id %.16s, %" PRIu32 " genes%s", w->model->experiment.name, hex,
                   w->model->layout.genes,
                   w->model->experiment.verification.used ? ""
                                                          : "; VERIFICATION IS OFF: results are believed as they come");
    if (w->target == 0 && state_is(w, place, w->target_state))
        tell_generation(w);
}

static void took_history(mdl_worker *w, uint32_t place, const mdl_message *m, const mdl_frame *frame) {
    const mdl_msg_history *h = &m->as.history;
    uint32_t mine = mdl_model_generation(w->model);
    MDL_ASSERT(!w->computing); /* asked for only then */
    if (h->from != mine || h->to < h->from) {
        mdl_worker_condemn(w, place, MDL_STOP_LIED, "it sent other generations than were asked for");
        return;
    }
    if (h->to == mine) { /* what it said to be open is not */
        w->target = mine;
        w->target_known = 0;
        return;
    }
    mdl_err err = mdl_model_move(w->config.models, &w->model, frame->blob, frame->blob_size, h->to);
    if (err == MDL_ENOMEM) {
        mdl_worker_end(w, MDL_STOP_FAILED, mdl_strerror((int)err));
        return;
    }
    if (err != MDL_OK) {
        forget_model(w);
        mdl_worker_condemn(w, place, MDL_STOP_LIED, "its list of results is not one of whole generations");
        return;
    }
    if (!state_is(w, place, h->state))
        return;
    if (h->to >= w->target) {
        if (h->to == w->target && w->target_known && !state_is(w, place, w->target_state))
            return;
        w->target = h->to;
        w->want_at_ms = w->want_at_ms > w->at.now_ms ? w->want_at_ms : w->at.now_ms;
        tell_generation(w);
    }
}

/* ---- refusals ---- */

/* "... needs 20 bits ..." in the text of bad_ticket. */
static uint32_t bits_of(const char *text) {
    const char *at = strstr(text, "needs ");
    uint32_t bits = 0;
    if (!at)
        return 0;
    for (at += 6; *at >= '0' && *at <= '9' && bits <= MDL_TICKET_BITS_MAX; at++)
        bits = 10 * bits + (uint32_t)(*at - '0');
    return strncmp(at, " bits", 5) == 0 && bits <= MDL_TICKET_BITS_MAX ? bits : 0;
}

static void begin_ticket(mdl_worker *w, uint32_t place, const mdl_message *m) {
    uint32_t bits = bits_of(m->as.reject.text);
    if (bits == 0 || w->ticket_searches >= TICKET_SEARCHES ||
        mdl_is_zeros(m->head.experiment, sizeof m->head.experiment)) {
        mdl_worker_condemn(w, place, MDL_STOP_REFUSED, m->as.reject.text);
        return;
    }
    w->ticket_searches++; /* a coordinator that asks for ever more is left in the end */
    if (memcmp(w->experiment, m->head.experiment, sizeof w->experiment) != 0) {
        forget_model(w);
        memcpy(w->experiment, m->head.experiment, sizeof w->experiment);
    }
    w->ticket_bits = bits;
    mdl_notice facts = {.kind = MDL_NOTICE_TICKET};
    mdl_worker_say(w, &facts, "looking for a ticket of %" PRIu32 " bits", bits);
}

void mdl_worker_look_for_ticket(mdl_worker *w) {
    if (!w->ticket_bits)
        return;
    mdl_err err = mdl_ticket_find(w->experiment, w->config.key, w->ticket_bits, TICKET_TRIES, &w->ticket);
    if (err != MDL_OK)
        return;
    mdl_notice facts = {.kind = MDL_NOTICE_TICKET};
    mdl_worker_say(w, &facts, "found a ticket of %" PRIu32 " bits", w->ticket_bits);
    w->ticket_bits = 0;
    w->control_at_ms = w->at.now_ms;
}

/* What a refusal of any call means for the session. 1: it is dealt with. */
static int refused_anyhow(mdl_worker *w, mdl_way way, const mdl_message *m) {
    const mdl_msg_reject *r = &m->as.reject;
    uint32_t place = mdl_worker_way(w, way)->place;
    uint64_t again = w->at.now_ms + (r->retry_ms > 0 && r->retry_ms < MDL_WORKER_BACKOFF_MS_MAX
                                         ? r->retry_ms
                                         : mdl_worker_pause(w, w->places[place].failures + 1));
    char text[240];
    snprintf(text, sizeof text, "refused: %s", r->text[0] ? r->text : mdl_reason_sentence(r->reason));
    switch (r->reason) {
    case MDL_REASON_BANNED:
        mdl_worker_end(w, MDL_STOP_REFUSED, text);
        return 1;
    case MDL_REASON_REJECT_FINISHED:
    case MDL_REASON_IDLE_FINISHED:
        mdl_worker_end(w, MDL_STOP_FINISHED, "the experiment has ended");
        return 1;
    case MDL_REASON_NOT_ADMITTED:
    case MDL_REASON_BAD_INVITE:
    case MDL_REASON_BAD_SESSION_KEY:
    case MDL_REASON_WEAK_KEY:
    case MDL_REASON_OLD_VERSION:
    case MDL_REASON_NEW_VERSION:
    case MDL_REASON_WRONG_RESULTS:
        mdl_worker_condemn(w, place, MDL_STOP_REFUSED, text);
        return 1;
    case MDL_REASON_BAD_TICKET:
        begin_ticket(w, place, m);
        return 1;
    case MDL_REASON_WRONG_EXPERIMENT:
        forget_model(w);
        memset(w->experiment, 0, sizeof w->experiment);
        mdl_worker_lose_session(w, 1);
        return 1;
    case MDL_REASON_STALE_SEQUENCE:
        /* Many calls are out: one that was sent again came behind newer ones. It gets a new number. */
        if (w->shards > 0)
            return 1;
        mdl_worker_lose_session(w, 0);
        return 1;
    case MDL_REASON_NO_SESSION:
    case MDL_REASON_REPLAY_MISMATCH:
        mdl_worker_lose_session(w, 0);
        return 1;
    case MDL_REASON_STALE_SESSION:
    case MDL_REASON_SOMEONE_ELSES_SESSION: {
        mdl_notice facts = {.kind = MDL_NOTICE_ERROR, .reason = r->reason};
        mdl_worker_say(w, &facts, "%s; does another worker use this key?", text);
        mdl_worker_lose_session(w, 3);
        return 1;
    }
    case MDL_REASON_RATE_LIMITED:
    case MDL_REASON_REJECT_PAUSED:
    case MDL_REASON_BUSY:
    case MDL_REASON_INTERNAL:
    case MDL_REASON_DISK_FULL:
    case MDL_REASON_STARTING:
        if (mdl_worker_way(w, way)->type == MDL_MSG_PROVE) {
            mdl_checkpoints_refused(w, place, 1, r);
        } else if (way == MDL_WAY_RESULT || (uint32_t)way >= MDL_WAY_COUNT) {
            /* The same bytes: a network that doubles calls may yet bring those that were refused. */
            mdl_worker_wait(w, way, again);
        } else {
            w->control_at_ms = again;
        }
        snprintf(w->idle_text, sizeof w->idle_text, "%s", text);
        return 1;
    default:
        return 0;
    }
}

static void refused(mdl_worker *w, mdl_way way, const mdl_message *m) {
    const mdl_msg_reject *r = &m->as.reject;
    const char *text = r->text[0] ? r->text : mdl_reason_sentence(r->reason);
    mdl_worker_answered(w, way);
    if (refused_anyhow(w, way, m))
        return;
    if (way == MDL_WAY_RESULT) {
        int late = r->reason == MDL_REASON_NO_LEASE || r->reason == MDL_REASON_LEASE_EXPIRED ||
                   r->reason == MDL_REASON_DUPLICATE;
        mdl_jobs_refused(w, late ? MDL_NOTICE_STALE : MDL_NOTICE_REJECTED, r->reason, text);
        return;
    }
    if ((uint32_t)way >= MDL_WAY_COUNT) {
        mdl_shards_refused(w, (uint32_t)way - MDL_WAY_COUNT, r->reason, text);
        return;
    }
    if (w->way[way].type == MDL_MSG_PROVE) {
        mdl_checkpoints_refused(w, w->way[way].place, 0, r);
        return;
    }
    if (w->way[way].type == MDL_MSG_MOVE) { /* the dispute went on without it */
        mdl_questions_over(w, 0);
        return;
    }
    if (r->reason == MDL_REASON_OUT_OF_RANGE && w->way[way].type == MDL_MSG_SYNC)
        forget_model(w); /* it has fewer generations than we do */
    spoilt(w, way, text);
}

/* ---- idle ---- */

static void took_idle(mdl_worker *w, const mdl_msg_idle *a) {
    if (a->reason == MDL_REASON_IDLE_FINISHED) {
        mdl_worker_end(w, MDL_STOP_FINISHED, "the experiment has ended");
        return;
    }
    w->show = a->reason == MDL_REASON_SHOW_NONCE && w->model && w->model->experiment.verification.shared;
    uint64_t retry = a->retry_ms < 10                          ? 10
                     : a->retry_ms > MDL_WORKER_BACKOFF_MS_MAX ? MDL_WORKER_BACKOFF_MS_MAX
                                                               : a->retry_ms;
    uint8_t r;
    mdl_worker_draw(w, &r, 1);
    w->want_at_ms = w->at.now_ms + retry + retry * r / 1024;
    snprintf(w->idle_text, sizeof w->idle_text, "%s: %s", mdl_reason_name(a->reason),
             a->text[0] ? a->text : mdl_reason_sentence(a->reason));
}

/* ---- the one entry ---- */

/* What may answer what: PROTOCOL section 2.2. */
static mdl_message_type answer_to(mdl_message_type call) {
    switch (call) {
    case MDL_MSG_HELLO:
        return MDL_MSG_WELCOME;
    case MDL_MSG_WANT:
        return MDL_MSG_GRANT;
    case MDL_MSG_SYNC:
        return MDL_MSG_HISTORY;
    case MDL_MSG_FETCH:
        return MDL_MSG_DOCUMENT;
    case MDL_MSG_PULL:
    case MDL_MSG_WINDOW:
        return MDL_MSG_STEP;
    case MDL_MSG_PROVE:
        return MDL_MSG_PROOF;
    default:
        return MDL_MSG_PONG;
    }
}

void mdl_worker_take(mdl_worker *w, mdl_way way, const uint8_t *bytes, size_t size) {
    mdl_sent *s = mdl_worker_way(w, way);
    uint32_t slot = (uint32_t)way - MDL_WAY_COUNT; /* of a shard's way */
    mdl_frame frame;
    mdl_message m;
    const char *why;
    memset(&m, 0, sizeof m);
    what got = read_reply(w, s, bytes, size, &frame, &m, &why);
    if (way == MDL_WAY_BYE) {
        mdl_worker_end(w, MDL_STOP_ASKED, "asked to stop; leases are given back");
        return;
    }
    if (way == MDL_WAY_PROBE) {
        mdl_worker_answered(w, way);
        if (got == MESSAGE && m.type == MDL_MSG_WELCOME) {
            mdl_notice facts = {.kind = MDL_NOTICE_SWITCH};
            mdl_worker_say(w, &facts, "%s answers again: finishing here first", w->config.place[0].name);
            w->returning = 1;
            /* Two addresses of one coordinator: it has just ended the session here. */
            if (memcmp(w->config.place[0].key, w->config.place[w->place].key, MDL_KEY_BYTES) == 0)
                mdl_worker_go(w, 0, 0);
        }
        return;
    }
    if (got == RECEIPT && (uint32_t)way >= MDL_WAY_COUNT) {
        mdl_shards_receipt(w, slot, frame.blob, frame.blob_size);
        return;
    }
    if (got == RECEIPT && s->type == MDL_MSG_MOVE) {
        mdl_worker_answered(w, way);
        w->places[s->place].failures = 0;
        mdl_questions_over(w, 1);
        return;
    }
    if (got == RECEIPT) {
        mdl_jobs_receipt(w, frame.blob, frame.blob_size);
        return;
    }
    if (got == BAD) {
        spoilt(w, way, why);
        return;
    }
    if (m.type == MDL_MSG_REJECT) {
        refused(w, way, &m);
        return;
    }
    int idle = s->type == MDL_MSG_WANT &&
               (m.type == MDL_MSG_IDLE || m.type == MDL_MSG_SHARDGRANT || m.type == MDL_MSG_QUESTION);
    int record = s->type == MDL_MSG_RESULT || s->type == MDL_MSG_COMMIT || s->type == MDL_MSG_SHARDRESULT ||
                 s->type == MDL_MSG_MOVE;
    if (!idle && (record || m.type != answer_to(s->type))) {
        spoilt(w, way, "the answer is not one to this call");
        return;
    }
    mdl_worker_answered(w, way);
    w->places[s->place].failures = 0;
    if (m.type != MDL_MSG_WELCOME)
        w->session_losses = 0;
    if ((uint32_t)way >= MDL_WAY_COUNT) {
        mdl_shards_answered(w, slot, &m, &frame);
        return;
    }
    switch (m.type) {
    case MDL_MSG_WELCOME:
        welcomed(w, s, &m);
        return;
    case MDL_MSG_DOCUMENT:
        took_document(w, s->place, &m, &frame);
        return;
    case MDL_MSG_HISTORY:
        took_history(w, s->place, &m, &frame);
        return;
    case MDL_MSG_GRANT:
        mdl_jobs_granted(w, &m.as.grant);
        return;
    case MDL_MSG_QUESTION:
        mdl_questions_took(w, &m.as.question);
        return;
    case MDL_MSG_SHARDGRANT:
        mdl_shards_granted(w, &m.as.shardgrant);
        return;
    case MDL_MSG_PROOF:
        mdl_checkpoints_answer(w, s->place, &m, &frame);
        return;
    case MDL_MSG_PONG:
        return; /* our nonce was taken, or is of no use any more */
    default:
        took_idle(w, &m.as.idle);
        return;
    }
}
