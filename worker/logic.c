#include "worker/logic.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "worker/logic_internal.h"

enum { IDLE_TOLD_MS = 2000, DELIVER_MS = 700, LOSS_PAUSE_MS = 250 };

const char *mdl_notice_name(int kind) {
    static const char *const name[] = {"connected", "experiment", "generation", "accepted", "stale",
                                       "rejected",  "idle",       "busy",       "absent",   "switch",
                                       "ticket",    "checkpoint", "error"};
    _Static_assert(sizeof name / sizeof name[0] == MDL_NOTICE_COUNT, "one name for each kind");
    return kind >= 0 && kind < MDL_NOTICE_COUNT ? name[kind] : "unknown";
}

/* ---- small things ---- */

void mdl_worker_say(mdl_worker *w, const mdl_notice *facts, const char *format, ...) {
    char text[400];
    mdl_notice n = *facts;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    n.text = text;
    w->io.notice(w->io.ctx, &n);
}

void mdl_worker_draw(mdl_worker *w, uint8_t *out, size_t size) {
    uint8_t seed[sizeof w->at.random + sizeof w->draws], digest[MDL_DIGEST_BYTES];
    MDL_ASSERT(size <= sizeof digest);
    memcpy(seed, w->at.random, sizeof w->at.random);
    memcpy(seed + sizeof w->at.random, &w->draws, sizeof w->draws);
    w->draws++;
    mdl_digest_of(seed, sizeof seed, digest);
    memcpy(out, digest, size);
}

uint64_t mdl_worker_pause(mdl_worker *w, uint32_t failures) {
    uint64_t most = MDL_WORKER_BACKOFF_MS, r;
    for (uint32_t i = 1; i < failures && most < MDL_WORKER_BACKOFF_MS_MAX; i++)
        most *= 2;
    if (most > MDL_WORKER_BACKOFF_MS_MAX)
        most = MDL_WORKER_BACKOFF_MS_MAX;
    mdl_worker_draw(w, (uint8_t *)&r, sizeof r);
    return most / 2 + r % (most / 2 + 1);
}

void mdl_worker_end(mdl_worker *w, mdl_stop_code code, const char *text) {
    if (w->stopped)
        return;
    w->stopped = 1;
    w->io.timer(w->io.ctx, UINT64_MAX);
    w->io.stop(w->io.ctx, code, text);
}

/* ---- calls ---- */

static void fly(mdl_worker *w, mdl_sent *s) {
    s->token = ++w->token;
    s->flying = 1;
    w->io.call(w->io.ctx, s->place, s->token, s->frame, s->size,
               s->type == MDL_MSG_BYE ? MDL_WORKER_GOODBYE_MS : MDL_WORKER_CALL_MS);
}

mdl_sent *mdl_worker_way(mdl_worker *w, uint32_t way) {
    MDL_ASSERT(way < mdl_worker_ways(w));
    return way < (uint32_t)MDL_WAY_COUNT ? &w->way[way] : &w->slot[way - (uint32_t)MDL_WAY_COUNT].sent;
}

void mdl_worker_send(mdl_worker *w, mdl_way way, uint32_t place, const uint8_t *session, mdl_message *m) {
    mdl_worker_send_blob(w, way, place, session, m, NULL, 0);
}

void mdl_worker_send_blob(mdl_worker *w, mdl_way way, uint32_t place, const uint8_t *session, mdl_message *m,
                          const uint8_t *blob, size_t blob_size) {
    mdl_sent *s = mdl_worker_way(w, way);
    size_t size;
    MDL_ASSERT(!s->used);
    memcpy(m->head.experiment, w->experiment, sizeof m->head.experiment);
    memcpy(m->head.session, session ? session : w->session, MDL_SESSION_BYTES);
    m->head.seq = session ? 0 : w->seq++;
    mdl_worker_scratch *t = w->scratch;
    mdl_err err = mdl_message_seal(m, w->config.secret, t->work, t->sealed, sizeof t->sealed, &size);
    MDL_ASSERT(err == MDL_OK); /* every field is ours, or came from a message with the same limits */
    mdl_frame frame = {t->sealed, size, blob, blob_size};
    free(s->frame);
    s->size = MDL_FRAME_HEAD_BYTES + size + blob_size;
    s->frame = malloc(s->size);
    if (!s->frame) {
        mdl_worker_end(w, MDL_STOP_FAILED, "out of memory");
        return;
    }
    err = mdl_frame_encode(&frame, s->frame, s->size, &s->size);
    MDL_ASSERT(err == MDL_OK);
    s->used = 1;
    s->failures = 0;
    s->type = m->type;
    s->seq = m->head.seq;
    s->place = place;
    memcpy(s->session, m->head.session, MDL_SESSION_BYTES);
    fly(w, s);
}

void mdl_worker_answered(mdl_worker *w, mdl_way way) { mdl_worker_way(w, way)->used = 0; }

void mdl_worker_again(mdl_worker *w, mdl_way way) {
    mdl_sent *s = mdl_worker_way(w, way);
    s->flying = 0;
    s->failures++;
    s->again_ms = w->at.now_ms + mdl_worker_pause(w, s->failures);
}

void mdl_worker_wait(mdl_worker *w, mdl_way way, uint64_t until_ms) {
    mdl_sent *s = mdl_worker_way(w, way);
    s->used = 1;
    s->flying = 0;
    s->again_ms = until_ms;
}

static void resend(mdl_worker *w, mdl_way way) {
    mdl_sent *s = mdl_worker_way(w, way);
    if (s->used && !s->flying && w->at.now_ms >= s->again_ms)
        fly(w, s);
}

/* ---- which coordinator ---- */

static uint32_t next_alive(const mdl_worker *w, uint32_t place) {
    for (uint32_t i = 1; i < w->config.places; i++) {
        uint32_t other = (place + i) % w->config.places;
        if (!w->places[other].dead)
            return other;
    }
    return UINT32_MAX;
}

/* Their calls are made anew when there is a session. */
static void hush_shards(mdl_worker *w) {
    for (uint32_t i = 0; i < w->slots; i++)
        w->slot[i].sent.used = 0;
}

void mdl_worker_go(mdl_worker *w, uint32_t place, uint64_t pause_ms) {
    w->io.leave(w->io.ctx, w->place);
    w->way[MDL_WAY_CONTROL].used = 0;
    w->way[MDL_WAY_RESULT].used = 0;
    w->way[MDL_WAY_PROBE].used = 0;
    hush_shards(w);
    w->session_open = 0;
    w->session_losses = 0;
    w->returning = 0;
    w->ticket_bits = 0;
    w->ticket_searches = 0;
    w->ticket = 0;
    w->place = place;
    w->unlinked = 0;
    w->places[place].failures = 0;
    w->control_at_ms = w->at.now_ms + pause_ms;
    w->probe_at_ms = w->at.now_ms + MDL_WORKER_PROBE_MS;
    w->target = 0;
    w->target_known = 0;
    mdl_notice facts = {.kind = MDL_NOTICE_SWITCH};
    mdl_worker_say(w, &facts, "going to %s", w->config.place[place].name);
}

void mdl_worker_failed(mdl_worker *w, uint32_t place, const char *text) {
    mdl_place_state *p = &w->places[place];
    p->failures++;
    mdl_notice facts = {.kind = MDL_NOTICE_ABSENT};
    mdl_worker_say(w, &facts, "%s: %s%s", w->config.place[place].name, text,
                   w->computing ? "; work goes on, results are delivered later" : "");
    uint32_t other = next_alive(w, place);
    if (!w->stopping && place == w->place && p->failures >= MDL_WORKER_TRIES && other != UINT32_MAX)
        mdl_worker_go(w, other, 0);
}

void mdl_worker_condemn(mdl_worker *w, uint32_t place, mdl_stop_code code, const char *text) {
    mdl_notice facts = {.kind = MDL_NOTICE_ERROR};
    w->places[place].dead = 1;
    uint32_t other = next_alive(w, place);
    if (w->stopping || other == UINT32_MAX) {
        char why[400];
        snprintf(why, sizeof why, "%s: %s", w->config.place[place].name, text);
        mdl_worker_end(w, code, why);
        return;
    }
    mdl_worker_say(w, &facts, "%s: %s", w->config.place[place].name, text);
    if (place == w->place)
        mdl_worker_go(w, other, 0);
}

void mdl_worker_lose_session(mdl_worker *w, uint32_t losses_least) {
    w->session_open = 0;
    w->way[MDL_WAY_CONTROL].used = 0;
    w->way[MDL_WAY_RESULT].used = 0;
    hush_shards(w);
    if (w->session_losses < losses_least)
        w->session_losses = losses_least;
    w->control_at_ms = w->at.now_ms;
    if (w->session_losses > 0)
        w->control_at_ms += LOSS_PAUSE_MS + mdl_worker_pause(w, w->session_losses);
    w->session_losses++;
}

/* ---- what to ask next ---- */

static void send_hello(mdl_worker *w, mdl_way way, uint32_t place) {
    mdl_message m;
    uint8_t session[MDL_SESSION_BYTES];
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_HELLO;
    m.as.hello.version = MDL_PROTOCOL_VERSION;
    snprintf(m.as.hello.program, sizeof m.as.hello.program, "%s", w->config.program);
    m.as.hello.results = MDL_RESULTS;
    m.as.hello.threads = w->config.threads;
    m.as.hello.speed = (uint64_t)w->speed;
    m.as.hello.memory = w->config.memory;
    m.as.hello.ticket = w->ticket;
    snprintf(m.as.hello.invite, sizeof m.as.hello.invite, "%s", w->config.invite);
    if (w->config.statement[0]) {
        memcpy(m.as.hello.worker, w->config.key, MDL_KEY_BYTES);
        memcpy(m.as.hello.statement, w->config.statement, sizeof m.as.hello.statement);
    }
    mdl_worker_draw(w, session, sizeof session);
    mdl_worker_send(w, way, place, session, &m);
    if (way == MDL_WAY_CONTROL) {
        memcpy(w->session, session, sizeof session);
        w->seq = 1;
    }
}

static void drive_control(mdl_worker *w) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    if (w->way[MDL_WAY_CONTROL].used || w->at.now_ms < w->control_at_ms || w->ticket_bits)
        return;
    if (!w->session_open) {
        send_hello(w, MDL_WAY_CONTROL, w->place);
    } else if (w->drop_model) {
        return; /* first the computation has to end */
    } else if (!w->model) {
        m.type = MDL_MSG_FETCH;
        memcpy(m.as.fetch.digest, w->document, MDL_DIGEST_BYTES);
        mdl_worker_send(w, MDL_WAY_CONTROL, w->place, NULL, &m);
    } else if (mdl_model_generation(w->model) < w->target) {
        if (!w->computing && w->sharding == 0) { /* threads read the model */
            m.type = MDL_MSG_SYNC;
            m.as.sync.generation = mdl_model_generation(w->model);
            mdl_worker_send(w, MDL_WAY_CONTROL, w->place, NULL, &m);
        }
    } else if (w->returning) {
        if (w->held_count == 0 && w->shards == 0 && !mdl_jobs_undelivered(w))
            mdl_worker_go(w, 0, 0);
    } else if (w->show) {
        mdl_jobs_show(w);
    } else if (!mdl_checkpoints_ask(w) && !mdl_questions_answer(w) && w->at.now_ms >= w->want_at_ms &&
               mdl_jobs_wanted(w)) {
        mdl_jobs_want(w);
    }
}

static void drive_probe(mdl_worker *w) {
    if (w->place == 0 || w->places[0].dead || w->returning || w->way[MDL_WAY_PROBE].used ||
        w->at.now_ms < w->probe_at_ms)
        return;
    w->probe_at_ms = w->at.now_ms + MDL_WORKER_PROBE_MS;
    send_hello(w, MDL_WAY_PROBE, 0);
}

static void drive_idle(mdl_worker *w) {
    mdl_notice facts = {.kind = MDL_NOTICE_BUSY};
    if (w->held_count > 0 || w->shards > 0) {
        if (w->idle_told)
            mdl_worker_say(w, &facts, "work again after %.1f s idle: %s",
                           (double)(w->at.now_ms - w->idle_since_ms) / 1000, w->idle_text);
        w->idle = w->idle_told = 0;
        return;
    }
    if (!w->idle) {
        w->idle = 1;
        w->idle_since_ms = w->at.now_ms;
        snprintf(w->idle_text, sizeof w->idle_text, "%s", w->session_open ? "asking for work" : "no session yet");
    }
    if (!w->session_open)
        snprintf(w->idle_text, sizeof w->idle_text, "no session with %s", w->config.place[w->place].name);
    else if (w->unlinked)
        snprintf(w->idle_text, sizeof w->idle_text, "no connection to %s", w->config.place[w->place].name);
    if (!w->idle_told && w->at.now_ms - w->idle_since_ms >= IDLE_TOLD_MS) {
        w->idle_told = 1;
        facts.kind = MDL_NOTICE_IDLE;
        mdl_worker_say(w, &facts, "idle: %s", w->idle_text);
    }
}

static void drive_stop(mdl_worker *w) {
    mdl_message m;
    if (!w->session_open || w->at.now_ms >= w->stop_at_ms) {
        mdl_worker_end(w, MDL_STOP_ASKED, "asked to stop");
        return;
    }
    if (w->at.now_ms < w->deliver_until_ms && mdl_jobs_undelivered(w)) {
        resend(w, MDL_WAY_RESULT);
        mdl_jobs_deliver(w);
        return;
    }
    if (w->way[MDL_WAY_BYE].used)
        return;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_BYE;
    snprintf(m.as.bye.reason, sizeof m.as.bye.reason, "asked to stop");
    mdl_worker_send(w, MDL_WAY_BYE, w->place, NULL, &m);
}

static void set_timer(mdl_worker *w) {
    uint64_t due = UINT64_MAX;
#define DUE(when) due = (when) < due ? (when) : due
    if (w->stopping) {
        DUE(w->stop_at_ms);
        if (w->at.now_ms < w->deliver_until_ms)
            DUE(w->deliver_until_ms);
    } else {
        if (w->ticket_bits)
            DUE(w->at.now_ms);
        else if (!w->way[MDL_WAY_CONTROL].used && w->control_at_ms > w->at.now_ms)
            DUE(w->control_at_ms);
        else if (!w->way[MDL_WAY_CONTROL].used && w->session_open && w->want_at_ms > w->at.now_ms)
            DUE(w->want_at_ms);
        if (!w->way[MDL_WAY_CONTROL].used && w->session_open && w->gossip_open && w->gossip_at_ms > w->at.now_ms)
            DUE(w->gossip_at_ms);
        if (w->place != 0 && !w->places[0].dead && !w->returning && !w->way[MDL_WAY_PROBE].used)
            DUE(w->probe_at_ms);
        if (w->idle && !w->idle_told)
            DUE(w->idle_since_ms + IDLE_TOLD_MS);
    }
    for (uint32_t i = 0; i < mdl_worker_ways(w); i++) {
        const mdl_sent *s = mdl_worker_way(w, i);
        if (s->used && !s->flying && !(w->stopping && w->at.now_ms >= w->deliver_until_ms))
            DUE(s->again_ms);
    }
    if (!w->stopping)
        DUE(mdl_shards_due(w));
#undef DUE
    if (due != w->timer_ms || due <= w->at.now_ms) {
        w->timer_ms = due;
        w->io.timer(w->io.ctx, due);
    }
}

/* After every event: everything that may be done now. */
static void drive(mdl_worker *w) {
    if (w->stopped || !w->started)
        return;
    if (w->stopping) {
        drive_stop(w);
    } else {
        resend(w, MDL_WAY_CONTROL);
        resend(w, MDL_WAY_RESULT);
        for (uint32_t i = MDL_WAY_COUNT; i < mdl_worker_ways(w); i++)
            resend(w, (mdl_way)i);
        mdl_worker_look_for_ticket(w);
        mdl_shards_drive(w);
        mdl_jobs_drive(w);
        mdl_jobs_deliver(w);
        if (w->stopped)
            return;
        drive_control(w);
        drive_probe(w);
        drive_idle(w);
    }
    if (!w->stopped)
        set_timer(w);
}

/* ---- events ---- */

static int begin(mdl_worker *w, const mdl_moment *at) {
    w->at = *at;
    w->draws = 0;
    if (w->timer_ms <= at->now_ms)
        w->timer_ms = 0; /* it has gone off */
    return !w->stopped && w->started;
}

mdl_worker_scratch *mdl_worker_scratch_new(void) { return calloc(1, sizeof(mdl_worker_scratch)); }

mdl_worker *mdl_worker_new(const mdl_worker_config *config, const mdl_worker_io *io) {
    MDL_ASSERT(config->places >= 1 && config->places <= MDL_WORKER_PLACES_MAX && config->threads >= 1);
    MDL_ASSERT(config->leases <= MDL_WORKER_LEASES_MAX);
    mdl_worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->scratch = config->scratch ? config->scratch : mdl_worker_scratch_new();
    w->places = calloc(config->places, sizeof *w->places);
    if (!w->scratch || !w->places) {
        if (!config->scratch)
            free(w->scratch);
        free(w->places);
        free(w);
        return NULL;
    }
    w->config = *config;
    w->io = *io;
    if (w->config.gossip_ms == 0)
        w->config.gossip_ms = MDL_WORKER_GOSSIP_MS;
    if (w->config.leases == 0)
        w->config.leases = MDL_WORKER_LEASES_DEFAULT;
    w->timer_ms = UINT64_MAX;
    return w;
}

void mdl_worker_free(mdl_worker *w) {
    if (!w)
        return;
    mdl_jobs_free(w);
    mdl_shards_free(w);
    if (w->question.stage == MDL_QUESTION_RUNS)
        w->question.stage = MDL_QUESTION_READY; /* the threads are gone */
    mdl_questions_drop(w);
    for (uint32_t i = 0; i < MDL_WAY_COUNT; i++)
        free(w->way[i].frame);
    mdl_model_close(w->config.models, w->model);
    if (!w->config.scratch)
        free(w->scratch);
    sodium_memzero(w->config.secret, sizeof w->config.secret);
    free(w->places);
    free(w);
}

void mdl_worker_start(mdl_worker *w, const mdl_moment *at) {
    w->started = 1;
    if (!begin(w, at))
        return;
    w->control_at_ms = w->at.now_ms;
    w->probe_at_ms = w->at.now_ms + MDL_WORKER_PROBE_MS;
    drive(w);
}

void mdl_worker_link(mdl_worker *w, const mdl_moment *at, uint32_t place, int connected) {
    mdl_notice facts = {.kind = MDL_NOTICE_ABSENT};
    if (!begin(w, at))
        return;
    if (place == w->place)
        w->unlinked = !connected;
    if (connected) {
        for (uint32_t i = 0; i < mdl_worker_ways(w); i++) {
            mdl_sent *s = mdl_worker_way(w, i);
            if (s->used && s->place == place && !s->flying)
                s->again_ms = w->at.now_ms;
        }
    } else if (place == w->place && w->session_open) {
        mdl_worker_say(w, &facts, "the connection to %s is lost%s", w->config.place[place].name,
                       w->computing ? "; work goes on, results are delivered later" : "");
    }
    drive(w);
}

void mdl_worker_reply(mdl_worker *w, const mdl_moment *at, uint64_t token, mdl_err status, const uint8_t *bytes,
                      size_t size) {
    if (!begin(w, at))
        return;
    mdl_sent *s = NULL;
    uint32_t at_way = 0;
    for (; at_way < mdl_worker_ways(w); at_way++) {
        s = mdl_worker_way(w, at_way);
        if (s->used && s->flying && s->token == token)
            break;
    }
    if (at_way == mdl_worker_ways(w))
        return; /* of a call that we have given up */
    mdl_way way = (mdl_way)at_way;
    s->flying = 0;
    if (status == MDL_OK) {
        mdl_worker_take(w, way, bytes, size);
    } else if (way == MDL_WAY_PROBE) {
        s->used = 0;
    } else if (way == MDL_WAY_BYE) {
        mdl_worker_end(w, MDL_STOP_ASKED, "asked to stop; the goodbye was not answered");
    } else {
        mdl_worker_again(w, way);
        /* Those of many shards are one failure. */
        int counts = at_way < (uint32_t)MDL_WAY_COUNT || w->at.now_ms - w->shard_failed_ms >= MDL_WORKER_CALL_MS / 2;
        if (counts && at_way >= (uint32_t)MDL_WAY_COUNT)
            w->shard_failed_ms = w->at.now_ms;
        if (counts)
            mdl_worker_failed(w, s->place, "no answer");
    }
    drive(w);
}

void mdl_worker_news(mdl_worker *w, const mdl_moment *at, uint32_t place, const uint8_t *bytes, size_t size) {
    mdl_frame frame;
    mdl_envelope e;
    mdl_message m;
    if (!begin(w, at) || w->stopping || place != w->place || !w->session_open)
        return;
    /* Missing one is harmless, so is dropping one that is not right. */
    if (mdl_frame_decode(bytes, size, &frame) != MDL_OK || frame.envelope_size == 0 ||
        mdl_envelope_decode(frame.envelope, frame.envelope_size, w->scratch->pae, &e) != MDL_OK ||
        memcmp(e.key, w->config.place[place].key, MDL_KEY_BYTES) != 0 || strcmp(e.name, "news") != 0 ||
        mdl_envelope_verify(&e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){w->scratch->list, MDL_LIST_MAX}, &m, NULL) != MDL_OK ||
        memcmp(m.head.experiment, w->experiment, sizeof w->experiment) != 0)
        return;
    if (m.as.news.generation > w->target) {
        uint32_t workers = m.as.news.workers < 100000 ? m.as.news.workers : 100000, r;
        mdl_worker_draw(w, (uint8_t *)&r, sizeof r);
        w->target = m.as.news.generation;
        w->target_known = 1;
        memcpy(w->target_state, m.as.news.state, MDL_DIGEST_BYTES);
        /* 100,000 workers do not ask in the same instant. */
        w->want_at_ms = w->at.now_ms + r % (workers / 10 + 1);
        if (w->control_at_ms < w->want_at_ms)
            w->control_at_ms = w->want_at_ms;
    }
    drive(w);
}

void mdl_worker_heard(mdl_worker *w, const mdl_moment *at, const char *note, size_t size) {
    if (!begin(w, at) || w->stopping || !w->gossip_open)
        return;
    mdl_checkpoints_heard(w, (mdl_text){note, size});
    drive(w);
}

void mdl_worker_timer(mdl_worker *w, const mdl_moment *at) {
    if (begin(w, at))
        drive(w);
}

void mdl_worker_stop(mdl_worker *w, const mdl_moment *at) {
    if (!begin(w, at) || w->stopping)
        return;
    w->stopping = 1;
    w->stop_at_ms = w->at.now_ms + MDL_WORKER_GOODBYE_MS;
    w->deliver_until_ms = w->at.now_ms + DELIVER_MS;
    w->way[MDL_WAY_CONTROL].used = 0;
    w->way[MDL_WAY_PROBE].used = 0;
    if (w->computing && !w->cancelled) {
        w->cancelled = 1;
        w->io.cancel(w->io.ctx);
    }
    drive(w);
}

void mdl_worker_computed(mdl_worker *w, const mdl_moment *at, const mdl_job_result *jobs, uint64_t busy_ms) {
    if (!begin(w, at)) {
        w->computing = 0;
        return;
    }
    mdl_jobs_computed(w, jobs, busy_ms);
    drive(w);
}

void mdl_worker_sharded(mdl_worker *w, const mdl_moment *at, uint32_t slot, uint64_t busy_ns) {
    int question = slot == MDL_WORKER_SHARDS_MAX;
    MDL_ASSERT(question || (slot < w->slots && w->slot[slot].running));
    int goes_on = begin(w, at);
    if (question)
        mdl_questions_done(w);
    else
        mdl_shards_done(w, slot, busy_ns);
    if (goes_on)
        drive(w);
}

void mdl_worker_inform(const mdl_worker *w, uint64_t now_ms, mdl_worker_info *out) {
    memset(out, 0, sizeof *out);
    out->accepted = w->accepted;
    out->stale = w->stale;
    out->rejected = w->rejected;
    out->credit = w->credit;
    out->speed = (uint64_t)w->speed;
    if (w->model) {
        out->generation = mdl_model_generation(w->model);
        out->generations = w->model->experiment.evolution.generations;
    }
    out->place = w->place;
    out->leases = w->held_count;
    out->undelivered = w->done_count;
    out->session = w->session_open;
    out->computing = w->computing || w->sharding > 0;
    out->shards = w->shards;
    out->windows = w->windows;
    out->shard_ns = w->shard_ns;
    out->memory = w->shard_bytes;
    out->held_records = w->gossip_open ? w->gossip.held.size : 0;
    out->idle_text = w->idle ? w->idle_text : "";
    out->idle_ms = w->idle && now_ms > w->idle_since_ms ? now_ms - w->idle_since_ms : 0;
}
