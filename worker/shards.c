/* Shards: each slot holds one, with a conversation of its own. PROTOCOL section 12.4. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "worker/logic_internal.h"

enum { RUN = 1, NOT_YET = 2, OVER = 3, AGAIN = 4, GONE = 5 }; /* step.what */

static const uint64_t hasty_ms = 50, breath_ms = 100; /* an answer "not yet" that came so soon waits so long */

static uint32_t number_of(const mdl_worker *w, const mdl_slot *s) { return (uint32_t)(s - w->slot); }

void mdl_shards_no_memory(mdl_worker *w) { mdl_worker_end(w, MDL_STOP_FAILED, "out of memory: try less --memory"); }

/* ---- taking and dropping ---- */

void mdl_shards_forget(mdl_worker *w) {
    for (uint32_t i = 0; i < MDL_WORKER_SPARES; i++) {
        mdl_shard_work_free(w->spare[i]);
        w->spare[i] = NULL;
    }
}

/* The next candidate may want the same part. */
static void spare(mdl_worker *w, mdl_shard_work *work) {
    uint32_t i = 0;
    while (i < MDL_WORKER_SPARES && w->spare[i])
        i++;
    if (i < MDL_WORKER_SPARES && work->player && work->err == MDL_OK)
        w->spare[i] = work;
    else
        mdl_shard_work_free(work);
}

/* Such a part: one at hand, or a new one when the others have gone for its memory. NULL: out of memory. */
static mdl_shard_work *find_work(mdl_worker *w, const mdl_msg_shardgrant *g, size_t bytes) {
    uint64_t sum = w->shard_bytes + bytes;
    for (uint32_t i = 0; i < MDL_WORKER_SPARES; i++) {
        mdl_shard_work *work = w->spare[i];
        if (work && work->model == w->model && work->shard == g->shard && work->shards == g->shards) {
            w->spare[i] = NULL;
            mdl_shard_work_again(work, g->job);
            return work;
        }
        sum += work ? mdl_shard_work_bytes(work->model, work->shard, work->shards) : 0;
    }
    if (sum > w->config.memory)
        mdl_shards_forget(w);
    return mdl_shard_work_new(w->model, g->job, g->shard, g->shards);
}

static void empty(mdl_worker *w, mdl_slot *s) {
    spare(w, s->work);
    free(s->list);
    free(s->state);
    free(s->input);
    free(s->digest);
    free(s->started);
    for (uint32_t v = 0; v < MDL_SHARD_VERSIONS; v++)
        free(s->version[v].envelope);
    free(s->sent.frame);
    w->shard_bytes -= s->bytes;
    w->shards--;
    memset(s, 0, sizeof *s);
}

static void drop(mdl_worker *w, mdl_slot *s) {
    s->gone = 1;
    s->sent.used = 0;
    if (!s->running)
        empty(w, s);
}

void mdl_shards_free(mdl_worker *w) {
    for (uint32_t i = 0; i < w->slots; i++) {
        if (w->slot[i].work)
            empty(w, &w->slot[i]);
    }
    mdl_shards_forget(w);
    free(w->slot);
    w->slot = NULL;
    w->slots = 0;
}

uint64_t mdl_shards_room(const mdl_worker *w) {
    if (!w->model || !w->model->experiment.sharding.used || w->shards == MDL_WORKER_SHARDS_MAX ||
        w->shard_bytes >= w->config.memory)
        return 0;
    return w->config.memory - w->shard_bytes;
}

static mdl_slot *free_slot(mdl_worker *w) {
    if (!w->slot) {
        w->slot = calloc(MDL_WORKER_SHARDS_MAX, sizeof *w->slot);
        w->slots = w->slot ? MDL_WORKER_SHARDS_MAX : 0;
    }
    for (uint32_t i = 0; i < w->slots; i++) {
        if (!w->slot[i].work)
            return &w->slot[i];
    }
    return NULL;
}

/* What the next order begins with, and what is asked first: birth, or the state `snapshot`. */
static void begin_at(mdl_slot *s, uint32_t life, uint32_t window, const uint8_t snapshot[MDL_DIGEST_BYTES]) {
    s->life = life;
    s->window = window;
    s->born = s->lost = 0;
    s->chunk = 0;
    free(s->list);
    free(s->state);
    s->list = s->state = NULL;
    memcpy(s->snapshot, snapshot, MDL_DIGEST_BYTES);
    s->phase = window > 0 ? MDL_PHASE_FETCH : MDL_PHASE_PULL;
}

void mdl_shards_granted(mdl_worker *w, const mdl_msg_shardgrant *g) {
    const mdl_experiment *x = &w->model->experiment;
    uint32_t mine = mdl_model_generation(w->model);
    int is_mine = g->generation == mine;
    if (g->generation < mine || g->shard >= g->shards || g->shards > x->network.regions ||
        (g->window > 0) == mdl_is_zeros(g->snapshot, MDL_DIGEST_BYTES) ||
        (is_mine && g->job >= mdl_evolution_job_count(w->model->evolution))) {
        mdl_worker_condemn(w, w->place, MDL_STOP_LIED, "it leased a shard that its generation does not have");
        return;
    }
    if (g->generation > w->target) {
        w->target = g->generation;
        w->target_known = 0;
    }
    mdl_slot *s = free_slot(w);
    size_t bytes = mdl_shard_work_bytes(w->model, g->shard, g->shards);
    if (!s || bytes > mdl_shards_room(w)) {
        mdl_notice facts = {.kind = MDL_NOTICE_ERROR, .lease = g->lease};
        mdl_worker_say(w, &facts,
                       "a shard of %zu bytes was leased, there is room for %" PRIu64 ": it is left to others", bytes,
                       mdl_shards_room(w));
        w->want_at_ms = w->at.now_ms + MDL_WORKER_BACKOFF_MS;
        return;
    }
    s->work = find_work(w, g, bytes);
    if (!s->work) {
        mdl_shards_no_memory(w);
        return;
    }
    w->shards++;
    w->shard_bytes += bytes;
    s->bytes = bytes;
    memcpy(s->of.coordinator, w->config.place[w->place].key, MDL_KEY_BYTES);
    memcpy(s->of.experiment, w->experiment, sizeof s->of.experiment);
    s->of.lease = g->lease;
    s->of.generation = g->generation;
    s->of.first = g->job;
    s->of.count = 1;
    s->begun_ms = w->at.now_ms;
    s->first_life = g->life;
    s->first_window = g->window;
    begin_at(s, g->life, g->window, g->snapshot);
}

/* ---- the digests of windows ---- */

/* Where a window's digest stands: UINT32_MAX, before the first of the lease. */
static uint32_t place_of(const mdl_slot *s, uint32_t life, uint32_t window) {
    if (life < s->first_life || (life == s->first_life && window < s->first_window))
        return UINT32_MAX;
    if (life == s->first_life)
        return window - s->first_window;
    uint32_t i = life - s->first_life - 1;
    return i < s->starts ? s->started[i] + window : UINT32_MAX;
}

/* Of the order that was carried out. 0: out of memory. */
static int add_digests(mdl_slot *s, const mdl_shard_work *work) {
    if (!mdl_list_grow(&s->digest, &s->room, s->count + work->count, MDL_DIGEST_BYTES))
        return 0;
    memcpy(s->digest + (size_t)s->count * MDL_DIGEST_BYTES, work->commit, (size_t)work->count * MDL_DIGEST_BYTES);
    s->count += work->count;
    return 1;
}

/* The next life begins. 0: out of memory. */
static int next_life(mdl_slot *s) {
    if (!mdl_list_grow(&s->started, &s->starts_room, s->starts + 1, sizeof *s->started))
        return 0;
    s->started[s->starts++] = s->count;
    s->life++;
    s->window = 0;
    s->born = 0;
    return 1;
}

/* Forget all from a window on. 0: out of memory. */
static int take_back(mdl_slot *s, uint32_t life, uint32_t window) {
    if (s->count > 0 && life == s->life + 1 && window == 0)
        return next_life(s); /* it stands at the end of a life: nothing to forget */
    uint32_t place = place_of(s, life, window);
    if (place == UINT32_MAX || place > s->count) {
        s->first_life = life;
        s->first_window = window;
        s->count = s->starts = 0;
    } else {
        s->count = place;
        s->starts = life - s->first_life;
    }
    return 1;
}

/* ---- orders ---- */

static void give(mdl_worker *w, mdl_slot *s) {
    s->running = 1;
    w->sharding++;
    w->io.shard(w->io.ctx, number_of(w, s), s->work);
}

static int is_ready(const mdl_worker *w, const mdl_slot *s) {
    return s->of.generation == mdl_model_generation(w->model) || s->work->known;
}

void mdl_shards_drive(mdl_worker *w) {
    for (uint32_t i = 0; i < w->slots && !w->stopped; i++) {
        mdl_slot *s = &w->slot[i];
        if (!s->work || s->gone)
            continue;
        if (mdl_held_is_void(w, &s->of) || !mdl_held_is_here(w, &s->of)) {
            drop(w, s);
        } else if (s->phase == MDL_PHASE_RUN) {
            if (!s->running && w->model && !w->drop_model && is_ready(w, s))
                give(w, s);
        } else if (w->session_open && !s->sent.used && w->at.now_ms >= s->at_ms) {
            mdl_shard_speak(w, s);
        }
    }
}

uint64_t mdl_shards_due(const mdl_worker *w) {
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < w->slots && w->session_open; i++) {
        const mdl_slot *s = &w->slot[i];
        if (s->work && !s->gone && !s->sent.used && s->phase != MDL_PHASE_RUN && s->at_ms > w->at.now_ms &&
            s->at_ms < due)
            due = s->at_ms;
    }
    return due;
}

/* ---- what is answered ---- */

static void lied(mdl_worker *w, const char *text) { mdl_worker_condemn(w, w->place, MDL_STOP_LIED, text); }

/* Inputs are here: an order for a thread. */
static void order(mdl_worker *w, mdl_slot *s) {
    const mdl_msg_step *step = &s->step;
    mdl_shard_work *work = s->work;
    if (step->life == s->life + 1 && step->window == 0 && s->window > 0 && s->born && !next_life(s)) {
        mdl_shards_no_memory(w);
        return;
    }
    if (step->life != s->life || step->window != s->window || step->count == 0) {
        lied(w, "it asked a shard for another window than its next one");
        return;
    }
    work->life = s->life;
    work->birth = s->born ? MDL_BIRTH_NONE : s->window > 0 ? MDL_BIRTH_LOAD : MDL_BIRTH_BEGIN;
    work->count = step->count;
    work->keep = (int)step->keep;
    work->finish = 0;
    work->input = s->input;
    work->input_size = (size_t)step->blob_size;
    s->input = NULL;
    if (work->birth == MDL_BIRTH_LOAD) {
        work->loaded = s->state;
        work->loaded_size = s->state_size;
        s->state = NULL;
    }
    s->phase = MDL_PHASE_RUN;
}

/* The step that was said last, now that nothing else is to be done first. */
static void follow(mdl_worker *w, mdl_slot *s) {
    const mdl_msg_step *step = &s->step;
    s->waits = 0;
    switch (step->what) {
    case RUN:
        order(w, s);
        return;
    case NOT_YET:
        s->phase = MDL_PHASE_PULL;
        s->at_ms = w->at.now_ms - s->asked_ms < hasty_ms ? w->at.now_ms + breath_ms : 0;
        return;
    case OVER:
        if (!s->born || s->count == 0) {
            lied(w, "it ended a shard that has run no window");
            return;
        }
        s->work->birth = MDL_BIRTH_NONE;
        s->work->count = 0;
        s->work->keep = 0;
        s->work->finish = 1;
        s->phase = MDL_PHASE_RUN;
        return;
    case AGAIN:
        if ((step->window > 0) == mdl_is_zeros(step->snapshot, MDL_DIGEST_BYTES)) {
            lied(w, "it let a shard begin again from nowhere");
            return;
        }
        if (!take_back(s, step->life, step->window)) {
            mdl_shards_no_memory(w);
            return;
        }
        begin_at(s, step->life, step->window, step->snapshot);
        return;
    default:
        mdl_shards_refused(w, number_of(w, s), MDL_REASON_NO_LEASE, "the shard is done by others");
    }
}

static void took_step(mdl_worker *w, mdl_slot *s, const mdl_msg_step *step, const mdl_frame *frame) {
    if (step->lease != s->of.lease) {
        lied(w, "it answered a shard about another lease");
        return;
    }
    s->step = *step;
    free(s->input);
    s->input = NULL;
    if (step->what == RUN) {
        s->input = malloc(frame->blob_size + 1);
        if (!s->input) {
            mdl_shards_no_memory(w);
            return;
        }
        if (frame->blob_size > 0)
            memcpy(s->input, frame->blob, frame->blob_size);
    }
    int state_first = s->phase == MDL_PHASE_HAND && s->waits && (step->what == RUN || step->what == NOT_YET);
    if (state_first)
        s->phase = MDL_PHASE_KEEP;
    else
        follow(w, s);
}

/* A list of chunks, or one of them. */
static void took_blob(mdl_worker *w, mdl_slot *s, const mdl_frame *frame) {
    const mdl_experiment *x = &s->work->model->experiment;
    uint64_t size = mdl_player_state_bytes(x, s->work->owner, s->work->shard);
    if (!s->list) {
        s->list = malloc(frame->blob_size + 1);
        s->state = malloc((size_t)size);
        if (!s->list || !s->state) {
            mdl_shards_no_memory(w);
            return;
        }
        memcpy(s->list, frame->blob, frame->blob_size);
        s->state_size = (size_t)size;
        s->chunk = 0;
        if (mdl_snapshot_read(s->list, frame->blob_size, size, &s->parts) != MDL_OK || s->parts.life != s->life ||
            s->parts.windows != s->window || s->parts.shard != s->work->shard || s->parts.shards != s->work->shards)
            lied(w, "its list of a shard's state is another shard's");
        return;
    }
    if (mdl_snapshot_chunk(&s->parts, s->chunk, frame->blob, frame->blob_size) != MDL_OK) {
        lied(w, "a part of a shard's state is not what its list names");
        return;
    }
    memcpy(s->state + (size_t)s->chunk * MDL_CHUNK_BYTES, frame->blob, frame->blob_size);
    if (++s->chunk == s->parts.chunks) {
        free(s->list);
        s->list = NULL;
        s->phase = MDL_PHASE_PULL;
    }
}

static void state_taken(mdl_worker *w, mdl_slot *s) {
    if (s->chunk++ < s->parts.chunks)
        return;
    free(s->list);
    free(s->state);
    s->list = s->state = NULL;
    follow(w, s);
}

void mdl_shards_answered(mdl_worker *w, uint32_t slot, const mdl_message *m, const mdl_frame *frame) {
    mdl_slot *s = &w->slot[slot];
    MDL_ASSERT(s->work && !s->running);
    switch (m->type) {
    case MDL_MSG_STEP:
        took_step(w, s, &m->as.step, frame);
        return;
    case MDL_MSG_DOCUMENT: {
        const uint8_t *asked = s->list ? s->parts.digest + (size_t)s->chunk * MDL_DIGEST_BYTES : s->snapshot;
        if (memcmp(m->as.document.digest, asked, MDL_DIGEST_BYTES) != 0)
            lied(w, "it sent another blob than was asked for");
        else
            took_blob(w, s, frame);
        return;
    }
    default:
        state_taken(w, s);
    }
}

/* The thread has a state that is asked for. 0: out of memory. */
static int take_state(mdl_slot *s) {
    s->state = s->work->saved;
    s->state_size = s->work->saved_size;
    s->work->saved = NULL;
    s->list_size = mdl_snapshot_list_bytes(s->state_size);
    s->list = malloc(s->list_size);
    if (!s->list)
        return 0;
    mdl_snapshot_list(s->life, s->window, s->work->shard, s->work->shards, s->state, s->state_size, s->list);
    mdl_err err = mdl_snapshot_read(s->list, s->list_size, s->state_size, &s->parts);
    MDL_ASSERT(err == MDL_OK);
    s->chunk = 0;
    s->waits = 1;
    return 1;
}

void mdl_shards_done(mdl_worker *w, uint32_t slot, uint64_t busy_ns) {
    mdl_slot *s = &w->slot[slot];
    mdl_shard_work *work = s->work;
    s->running = 0;
    w->sharding--;
    s->busy_ns += busy_ns;
    w->shard_ns += busy_ns;
    w->windows += work->err == MDL_OK ? work->count : 0;
    if (s->gone) {
        empty(w, s);
        return;
    }
    if (w->stopped || w->stopping)
        return;
    if (work->err == MDL_ENOMEM) {
        mdl_shards_no_memory(w);
        return;
    }
    if (work->err != MDL_OK) {
        char text[200];
        snprintf(text, sizeof text, "what it sent for window %" PRIu32 " of life %" PRIu32 " cannot be: %s", s->window,
                 s->life, mdl_strerror((int)work->err));
        lied(w, text);
        return;
    }
    s->at_ms = 0;
    if (work->finish) {
        s->phase = MDL_PHASE_RESULT;
        return;
    }
    s->born = 1;
    s->window += work->count;
    s->phase = MDL_PHASE_HAND;
    if (!add_digests(s, work) || (work->keep && !take_state(s)))
        mdl_shards_no_memory(w);
}

void mdl_shards_receipt(mdl_worker *w, uint32_t slot, const uint8_t *bytes, size_t size) {
    mdl_slot *s = &w->slot[slot];
    mdl_tlog_proof proof;
    const mdl_version *which;
    if (mdl_tlog_proof_parse((mdl_text){(const char *)bytes, size}, &proof) != MDL_OK ||
        !mdl_version_verified(w, s->version, MDL_SHARD_VERSIONS, &proof, &which)) {
        mdl_notice facts = {.kind = MDL_NOTICE_ERROR, .lease = s->of.lease};
        mdl_worker_again(w, mdl_shard_way(w, s));
        mdl_worker_say(w, &facts, "the receipt for the shard of lease %" PRIu64 " does not verify: it is sent again",
                       s->of.lease);
        mdl_worker_failed(w, s->sent.place, "wrong receipt");
        return;
    }
    mdl_worker_answered(w, mdl_shard_way(w, s));
    w->places[s->sent.place].failures = 0;
    mdl_settled settled = mdl_settled_by(which, proof.index, bytes, size);
    mdl_held_settled(w, &s->of, s->updates, w->at.now_ms - s->begun_ms, &settled);
    drop(w, s);
    mdl_checkpoints_seen(w, proof.checkpoint);
}

void mdl_shards_refused(mdl_worker *w, uint32_t slot, unsigned reason, const char *text) {
    mdl_slot *s = &w->slot[slot];
    if (reason == MDL_REASON_BAD_BLOB || reason == MDL_REASON_BAD_SIGNATURE) { /* hurt on the way */
        s->at_ms = w->at.now_ms + MDL_WORKER_BACKOFF_MS;
        return;
    }
    if (s->phase == MDL_PHASE_FETCH && reason == MDL_REASON_NOT_FOUND) {
        s->lost = 1;
        s->phase = MDL_PHASE_PULL;
        return;
    }
    if (s->phase == MDL_PHASE_KEEP && reason != MDL_REASON_NO_LEASE && reason != MDL_REASON_LEASE_EXPIRED) {
        s->chunk = s->parts.chunks; /* it does not want the state: the work goes on */
        state_taken(w, s);
        return;
    }
    int late = reason == MDL_REASON_NO_LEASE || reason == MDL_REASON_LEASE_EXPIRED || reason == MDL_REASON_DUPLICATE;
    mdl_settled settled = {.state = late ? MDL_NOTICE_STALE : MDL_NOTICE_REJECTED, .reason = reason, .text = text};
    mdl_held_settled(w, &s->of, 0, w->at.now_ms - s->begun_ms, &settled);
    drop(w, s);
}
