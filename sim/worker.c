/* The shell of a worker: its process, its calls, its threads, its outbox. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "sim/internal.h"

typedef struct where {
    mdl_sim *s;
    uint32_t worker;
} where;

static mdl_moment moment(mdl_sim *s, mdl_sim_worker *w) {
    mdl_moment m = {.now_ms = mdl_sim_ms(s)};
    uint64_t state = mdl_sim_stream(w->random, ++w->moments);
    for (uint32_t i = 0; i < sizeof m.random; i += 8) {
        uint64_t word = mdl_sim_next(&state);
        memcpy(m.random + i, &word, sizeof word);
    }
    return m;
}

/* ---- commands ---- */

/* A call has an event for its end only when no earlier one is under way: most are answered long before. */
static void look_at(mdl_sim *s, uint32_t worker, uint64_t at_us) {
    mdl_sim_worker *w = &s->worker[worker];
    if (w->look_us == 0 || at_us < w->look_us) {
        w->look_us = at_us;
        mdl_sim_at(s, at_us, MDL_EV_WORKER_LOOK, worker, ++w->look, NULL);
    }
}

static void on_call(void *ctx, uint32_t place, uint64_t token, const uint8_t *frame, size_t size, uint32_t timeout_ms) {
    where *at = ctx;
    mdl_sim *s = at->s;
    mdl_sim_worker *w = &s->worker[at->worker];
    MDL_ASSERT(place == 0 && w->tokens < MDL_SIM_TOKENS);
    w->token[w->tokens] = token;
    w->until_us[w->tokens++] = s->now_us + 1000 * (uint64_t)timeout_ms;
    look_at(s, at->worker, s->now_us + 1000 * (uint64_t)timeout_ms);
    if (!mdl_sim_sends(s, at->worker, frame, size)) {
        return;
    }
    mdl_sim_bytes *bytes = mdl_sim_bytes_of(frame, size);
    if (!bytes) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    mdl_sim_to_coordinator(s, at->worker, token, bytes);
}

static void on_leave(void *ctx, uint32_t place) {
    where *at = ctx;
    (void)place;
    at->s->worker[at->worker].tokens = 0;
}

static void on_compute(void *ctx, const mdl_model *model, uint32_t first, uint32_t count) {
    where *at = ctx;
    mdl_sim *s = at->s;
    mdl_sim_worker *w = &s->worker[at->worker];
    uint64_t updates = 0;
    MDL_ASSERT(!w->computing);
    w->computing = 1;
    w->model = model;
    w->first = first;
    w->count = count;
    w->began_us = s->now_us;
    for (uint32_t i = first; i < first + count; i++) {
        updates += mdl_sim_truth(s, mdl_model_generation(model), i, NULL);
    }
    double took_ms = (double)updates * mdl_sim_effort(s, w) / w->speed;
    mdl_sim_at(s, s->now_us + 1000 + (uint64_t)(1000 * took_ms), MDL_EV_WORKER_DONE, at->worker, ++w->computation,
               NULL);
}

static void on_cancel(void *ctx) {
    where *at = ctx;
    mdl_sim_worker *w = &at->s->worker[at->worker];
    w->model = NULL; /* cancelled */
    mdl_sim_at(at->s, at->s->now_us + 1000, MDL_EV_WORKER_DONE, at->worker, ++w->computation, NULL);
}

static void on_timer(void *ctx, uint64_t at_ms) {
    where *at = ctx;
    mdl_sim *s = at->s;
    mdl_sim_worker *w = &s->worker[at->worker];
    w->timer++;
    if (at_ms != UINT64_MAX) {
        uint64_t at_us = at_ms > 1000 ? 1000 * (at_ms - 1000) : 0;
        mdl_sim_at(s, at_us > s->now_us ? at_us : s->now_us, MDL_EV_WORKER_TIMER, at->worker, w->timer, NULL);
    }
}

static void on_keep(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], uint64_t lease, uint32_t version,
                    const uint8_t *envelope, size_t size) {
    where *at = ctx;
    mdl_sim *s = at->s;
    mdl_sim_worker *w = &s->worker[at->worker];
    uint32_t i = 0;
    while (i < w->kept_count && (w->kept[i].lease != lease || w->kept[i].version != version)) {
        i++;
    }
    mdl_sim_bytes *bytes = mdl_sim_bytes_of(envelope, size);
    if (!bytes || (i == w->kept_count && !mdl_list_grow_zeroed(&w->kept, &w->kept_room, i + 1, sizeof *w->kept))) {
        mdl_sim_bytes_drop(bytes);
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    mdl_sim_kept *k = &w->kept[i];
    if (i < w->kept_count) {
        mdl_sim_bytes_drop(k->envelope);
    } else {
        w->kept_count++;
    }
    memcpy(k->coordinator, coordinator, MDL_KEY_BYTES);
    k->lease = lease;
    k->version = version;
    k->envelope = bytes;
}

static void on_settled(void *ctx, const mdl_settled *settled) {
    where *at = ctx;
    mdl_sim_worker *w = &at->s->worker[at->worker];
    mdl_sim_watch_receipt(at->s, at->worker, settled);
    for (uint32_t i = 0; i < w->kept_count;) {
        if (w->kept[i].lease == settled->lease) {
            mdl_sim_bytes_drop(w->kept[i].envelope);
            memmove(&w->kept[i], &w->kept[i + 1], (--w->kept_count - i) * sizeof *w->kept);
        } else {
            i++;
        }
    }
}

static void on_checkpoint(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES],
                          const uint8_t experiment[MDL_DIGEST_BYTES], const char *vkey, int proven, const char *note,
                          size_t size) {
    where *at = ctx;
    mdl_sim_worker *w = &at->s->worker[at->worker];
    (void)coordinator;
    (void)experiment;
    (void)vkey;
    mdl_sim_bytes_drop(w->checkpoint[proven]);
    w->checkpoint[proven] = mdl_sim_bytes_of((const uint8_t *)note, size);
    if (!w->checkpoint[proven]) {
        mdl_sim_fail(at->s, MDL_ENOMEM);
    }
}

static size_t on_kept(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], const uint8_t experiment[MDL_DIGEST_BYTES],
                      int proven, char *note, size_t room) {
    where *at = ctx;
    const mdl_sim_bytes *b = at->s->worker[at->worker].checkpoint[proven];
    (void)coordinator;
    (void)experiment;
    if (!b) {
        return 0;
    }
    if (b->size <= room) {
        memcpy(note, b->at, b->size);
    }
    return b->size;
}

static void on_fraud(void *ctx, const uint8_t coordinator[MDL_KEY_BYTES], const uint8_t experiment[MDL_DIGEST_BYTES],
                     uint64_t records, const char *proof, size_t size) {
    where *at = ctx;
    (void)coordinator;
    (void)experiment;
    (void)proof;
    (void)size;
    mdl_sim_violated(at->s, "worker %u has a proof of two histories from record %llu on", (unsigned)at->worker,
                     (unsigned long long)records);
}

/* A question in a dispute; no networks are cut here. */
static void on_shard(void *ctx, uint32_t slot, mdl_shard_work *work) {
    where *at = ctx;
    MDL_ASSERT(slot == MDL_WORKER_SHARDS_MAX);
    mdl_sim_asked(at->s, at->worker, work);
}

static void on_notice(void *ctx, const mdl_notice *n) {
    (void)ctx;
    (void)n;
}

static void on_stop(void *ctx, mdl_stop_code code, const char *text) {
    where *at = ctx;
    mdl_sim *s = at->s;
    mdl_sim_worker *w = &s->worker[at->worker];
    w->finished = 1;
    if (code == MDL_STOP_LIED || code == MDL_STOP_FAILED) {
        mdl_sim_violated(s, "worker %u (%s) stopped: %s", (unsigned)at->worker, mdl_sim_behaviour_name(w->behaviour),
                         text);
    }
}

/* ---- the process ---- */

static void begin(mdl_sim *s, uint32_t worker) {
    mdl_sim_worker *w = &s->worker[worker];
    if (w->logic || w->finished) {
        return;
    }
    mdl_worker_config config = {.places = 1, .threads = w->threads, .program = "sim"};
    config.scratch = s->scratch;
    config.models = &s->source;
    memcpy(config.key, w->key, sizeof config.key);
    memcpy(config.secret, w->secret, sizeof config.secret);
    memcpy(config.place[0].key, s->config.key, MDL_KEY_BYTES);
    memcpy(config.place[0].name, "sim", 4);
    where *at = malloc(sizeof *at);
    if (!at) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    *at = (where){s, worker};
    const mdl_worker_io io = {at,         on_call,       on_leave, on_compute, on_cancel, on_timer, on_keep,
                              on_settled, on_checkpoint, on_kept,  on_fraud,   on_notice, on_stop,  on_shard};
    w->logic = mdl_worker_new(&config, &io);
    w->context = at;
    if (!w->logic) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    for (uint32_t i = 0; i < w->kept_count; i++) {
        const mdl_sim_kept *k = &w->kept[i];
        mdl_err err = mdl_worker_restore(w->logic, k->coordinator, k->version, k->envelope->at, k->envelope->size);
        if (err != MDL_OK && err != MDL_ESIZE) {
            mdl_sim_violated(s, "worker %u cannot read its outbox: %s", (unsigned)worker, mdl_strerror((int)err));
        }
    }
    s->up++;
    w->process++;
    mdl_moment m = moment(s, w);
    mdl_worker_start(w->logic, &m);
    double mean_s = w->behaviour == MDL_SIM_CRASHER ? 6 : s->plan.churn_s;
    if (mean_s > 0) {
        mdl_sim_at(s, s->now_us + 1000000 + (uint64_t)mdl_sim_exponential(&s->churn, 1e6 * mean_s), MDL_EV_WORKER_KILL,
                   worker, w->process, NULL);
    }
    uint64_t next_us = mdl_sim_mischief_us(s, w);
    if (next_us > 0) {
        mdl_sim_at(s, s->now_us + next_us, MDL_EV_MISCHIEF, worker, w->process, NULL);
    }
}

/* The process is gone; its outbox stays. */
static void end(mdl_sim *s, mdl_sim_worker *w) {
    mdl_worker_free(w->logic);
    free(w->context);
    w->context = NULL;
    w->logic = NULL;
    w->tokens = 0;
    w->computing = 0;
    w->timer++;
    w->computation++;
    w->look++;
    w->look_us = 0;
    w->move = NULL; /* the logic's to free */
    s->up--;
}

void mdl_sim_worker_close(mdl_sim *s, mdl_sim_worker *w) {
    if (w->logic) {
        end(s, w);
    }
    for (uint32_t i = 0; i < w->kept_count; i++) {
        mdl_sim_bytes_drop(w->kept[i].envelope);
    }
    free(w->kept);
    free(w->lie);
    mdl_sim_bytes_drop(w->checkpoint[0]);
    mdl_sim_bytes_drop(w->checkpoint[1]);
    mdl_sim_bytes_drop(w->frame);
}

/* ---- events ---- */

/* 1: the worker waits for the answer to this call. */
static int awaits(const mdl_sim_worker *w, uint64_t token, int take) {
    for (uint32_t i = 0; i < w->tokens; i++) {
        if (w->token[i] == token) {
            return take ? 2 + (int)i : 1;
        }
    }
    return 0;
}

static void forget(mdl_sim_worker *w, uint64_t token) {
    int at = awaits(w, token, 1);
    if (at >= 2) {
        w->token[at - 2] = w->token[--w->tokens];
        w->until_us[at - 2] = w->until_us[w->tokens];
    }
}

static void done(mdl_sim *s, mdl_sim_worker *w) {
    mdl_moment m = moment(s, w);
    mdl_job_result *jobs = NULL;
    w->computing = 0;
    if (w->model) {
        uint32_t generation = mdl_model_generation(w->model);
        jobs = calloc(w->count, sizeof *jobs);
        if (!jobs) {
            mdl_sim_fail(s, MDL_ENOMEM);
            return;
        }
        if (!mdl_sim_answer(s, w, generation, w->first, w->count, jobs)) {
            free(jobs);
            jobs = NULL;
        }
    }
    mdl_worker_computed(w->logic, &m, jobs, (s->now_us - w->began_us) / 1000 * w->threads);
    free(jobs);
}

static void deliver(mdl_sim *s, mdl_sim_worker *w, const mdl_sim_event *e) {
    mdl_moment m = moment(s, w);
    if (!awaits(w, e->token, 0)) {
        return; /* a repeat, or the worker has given it up */
    }
    forget(w, e->token);
    mdl_worker_reply(w->logic, &m, e->token, e->bytes ? MDL_OK : MDL_EIO, e->bytes ? e->bytes->at : NULL,
                     e->bytes ? e->bytes->size : 0);
}

/* Calls whose time is over had no answer. */
static void look(mdl_sim *s, uint32_t worker) {
    mdl_sim_worker *w = &s->worker[worker];
    uint64_t next_us = UINT64_MAX;
    w->look_us = 0;
    for (uint32_t i = 0; i < w->tokens && w->logic && !w->finished;) {
        if (w->until_us[i] > s->now_us) {
            i++;
            continue;
        }
        mdl_moment m = moment(s, w);
        uint64_t token = w->token[i];
        forget(w, token);
        mdl_worker_reply(w->logic, &m, token, MDL_EIO, NULL, 0);
        i = 0; /* it may have called again, or given them all up */
    }
    for (uint32_t i = 0; i < w->tokens; i++) {
        next_us = w->until_us[i] < next_us ? w->until_us[i] : next_us;
    }
    if (next_us != UINT64_MAX) {
        look_at(s, worker, next_us);
    }
}

void mdl_sim_worker_event(mdl_sim *s, const mdl_sim_event *e) {
    mdl_sim_worker *w = &s->worker[e->worker];
    if (e->kind == MDL_EV_WORKER_BEGIN) {
        begin(s, e->worker);
        return;
    }
    if (!w->logic) {
        return;
    }
    mdl_moment m;
    switch ((mdl_sim_event_kind)e->kind) {
    case MDL_EV_WORKER_TIMER:
        if (e->token == w->timer) {
            m = moment(s, w);
            mdl_worker_timer(w->logic, &m);
        }
        break;
    case MDL_EV_WORKER_DONE:
        if (e->token == w->computation) {
            done(s, w);
        }
        break;
    case MDL_EV_WORKER_REPLY:
    case MDL_EV_WORKER_SILENT:
        deliver(s, w, e);
        break;
    case MDL_EV_WORKER_MOVE:
        if (e->token == w->process && w->move) {
            m = moment(s, w);
            mdl_sim_move(s, w);
            mdl_worker_sharded(w->logic, &m, MDL_WORKER_SHARDS_MAX, 0);
        }
        break;
    case MDL_EV_WORKER_LOOK:
        if (e->token == w->look) {
            look(s, e->worker);
        }
        break;
    case MDL_EV_WORKER_NEWS:
        m = moment(s, w);
        mdl_worker_news(w->logic, &m, 0, e->bytes->at, e->bytes->size);
        break;
    case MDL_EV_WORKER_LINK:
        m = moment(s, w);
        mdl_worker_link(w->logic, &m, 0, e->token != 0);
        break;
    case MDL_EV_WORKER_KILL:
        if (e->token == w->process) {
            s->report.kills++;
            end(s, w);
            mdl_sim_at(s, s->now_us + 200000 + (uint64_t)mdl_sim_exponential(&s->churn, 2e6), MDL_EV_WORKER_BEGIN,
                       e->worker, 0, NULL);
        }
        break;
    case MDL_EV_MISCHIEF:
        if (e->token == w->process) {
            mdl_sim_mischief(s, e->worker);
            mdl_sim_at(s, s->now_us + mdl_sim_mischief_us(s, w), MDL_EV_MISCHIEF, e->worker, w->process, NULL);
        }
        break;
    default:
        MDL_ASSERT(0);
    }
    if (w->finished && w->logic) {
        end(s, w);
    }
}
