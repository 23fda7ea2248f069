/* The coordinator's logic: birth, records, the end of generations. */
#include "coordinator/logic.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"
#include "protocol/chain.h"
#include "protocol/experiment_json.h"
#include "protocol/grow.h"
#include "protocol/unit.h"

void mdl_coordinator_log(mdl_coordinator *c, const char *kind, const uint8_t *key, const char *format, ...) {
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    c->io.log(c->io.ctx, kind, key, text);
}

/* Workers choose keys and sessions: they must not know where they go. */
static void salt_names(mdl_coordinator *c) {
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_digest_of(c->config.secret, sizeof c->config.secret, digest);
    memcpy(c->listed.salt, digest, sizeof c->listed.salt);
    memcpy(c->sessions.salt, digest, sizeof c->sessions.salt);
}

/* Of a key that is listed twice the first entry holds. 0: out of memory. */
static int index_list(mdl_coordinator *c) {
    for (size_t i = 0; i < c->config.listed_count; i++) {
        const uint8_t *key = c->config.listed[i].key;
        if (mdl_name_index_get(&c->listed, key) == MDL_NAME_NONE && !mdl_name_index_put(&c->listed, key, (uint32_t)i)) {
            return 0;
        }
    }
    return 1;
}

mdl_coordinator *mdl_coordinator_new(const mdl_coordinator_config *config, const mdl_coordinator_io *io) {
    mdl_coordinator *c = calloc(1, sizeof *c);
    if (!c) {
        return NULL;
    }
    c->config = *config;
    c->io = *io;
    if (c->config.lease_ms == 0) {
        c->config.lease_ms = MDL_LEASE_MS_DEFAULT;
    }
    if (!(c->config.rate > 0)) {
        c->config.rate = 50;
    }
    if (!(c->config.burst > 0)) {
        c->config.burst = 100;
    }
    if (c->config.checkers == 0) {
        c->config.checkers = 1;
    } else if (c->config.checkers > MDL_CHECKERS_MAX) {
        c->config.checkers = MDL_CHECKERS_MAX;
    }
    c->storage_ok = 1;
    salt_names(c);
    int listed = index_list(c);
    c->ledger = listed ? mdl_ledger_new(config->key, &c->io.blobs) : NULL;
    if (!c->ledger) {
        mdl_name_index_close(&c->listed);
        free(c);
        return NULL;
    }
    return c;
}

void mdl_coordinator_free(mdl_coordinator *c) {
    if (!c) {
        return;
    }
    for (uint32_t i = 0; i < c->peers; i++) {
        mdl_peer_close(c, i);
    }
    mdl_past_free(c->past);
    mdl_stage_free(c);
    mdl_ledger_free(c->ledger);
    free(c->peer);
    free(c->lease);
    free(c->waited);
    free(c->gave_up);
    free(c->closed);
    free(c->history.bytes);
    mdl_name_index_close(&c->listed);
    mdl_name_index_close(&c->sessions);
    free(c->names.at);
    sodium_memzero(c->config.secret, sizeof c->config.secret);
    sodium_memzero(c->config.chain, sizeof c->config.chain);
    free(c);
}

/* ---- what the fold does not keep: who is asked for history and blobs ---- */

/* The mean over the candidates; validations stand behind them. */
static double mean_of(const mdl_coordinator *c, const uint8_t *bytes, size_t size) {
    const mdl_evolution_spec *s = &mdl_ledger_experiment(c->ledger)->evolution;
    mdl_reader r = {bytes, size, 0};
    uint32_t candidates = 0;
    double sum = 0;
    for (uint32_t k = 0; k < s->islands; k++) {
        candidates += s->island[k].population;
    }
    for (uint32_t i = 0; i < candidates; i++) {
        sum += (double)mdl_get_i64(&r);
    }
    return sum / candidates;
}

static int note_close(mdl_coordinator *c, const mdl_msg_close *m) {
    if (!mdl_list_grow_zeroed(&c->closed, &c->closed_room, c->closed_count + 1, sizeof *c->closed)) {
        return 0;
    }
    mdl_closed *closed = &c->closed[c->closed_count++];
    memcpy(closed->fitness, m->fitness, MDL_DIGEST_BYTES);
    memcpy(closed->after, m->after, MDL_DIGEST_BYTES);
    closed->jobs = m->jobs;
    const uint8_t *bytes;
    size_t size;
    double scale = 1 / (1e6 * mdl_ledger_experiment(c->ledger)->evolution.episodes);
    closed->best = scale * (double)m->best;
    closed->mean = closed->best;
    if (c->io.blobs.get(c->io.blobs.ctx, m->fitness, &bytes, &size) == MDL_OK) {
        closed->mean = scale * mean_of(c, bytes, size);
    }
    c->best = m->best;
    memcpy(c->state, m->after, MDL_DIGEST_BYTES);
    return mdl_names_add(&c->names, m->fitness) &&
           (mdl_is_zero(m->results_blob, MDL_DIGEST_BYTES) || mdl_names_add(&c->names, m->results_blob));
}

/* After a record of this content was applied. 0: out of memory. */
static int note(mdl_coordinator *c, const mdl_message *m) {
    switch (m->type) {
    case MDL_MSG_GENESIS:
        memcpy(c->document, m->as.genesis.document, MDL_DIGEST_BYTES);
        mdl_state_digest(mdl_ledger_evolution(c->ledger), c->state);
        return mdl_names_add(&c->names, m->as.genesis.document);
    case MDL_MSG_ADMIT:
    case MDL_MSG_ADMIN: /* a successor */
        return mdl_peers_follow(c);
    case MDL_MSG_CLOSE:
        return note_close(c, &m->as.close);
    case MDL_MSG_CREDIT:
        c->credit += m->as.credit.updates;
        return mdl_is_zero(m->as.credit.workers, MDL_DIGEST_BYTES) || mdl_names_add(&c->names, m->as.credit.workers);
    case MDL_MSG_CHAMPION:
        return mdl_names_add(&c->names, m->as.champion.genome);
    default:
        return 1;
    }
}

mdl_rule mdl_coordinator_replay(mdl_coordinator *c, const uint8_t *record, size_t size, mdl_breach *breach) {
    mdl_rule rule = mdl_ledger_apply(c->ledger, record, size, 1, breach);
    if (rule != MDL_RULE_OK) {
        return rule;
    }
    mdl_envelope e;
    mdl_message m;
    int known = mdl_envelope_decode(record, size, c->pae, &e) == MDL_OK &&
                mdl_message_of(&e, (mdl_list_room){c->list, MDL_LIST_MAX}, &m, NULL) == MDL_OK;
    MDL_ASSERT(known); /* the fold took it */
    if (!note(c, &m)) {
        c->failed = 1;
    }
    c->durable = mdl_ledger_size(c->ledger);
    return MDL_RULE_OK;
}

/* ---- records ---- */

static mdl_rule append(mdl_coordinator *c, const uint8_t *record, size_t size, mdl_breach *breach) {
    uint64_t index = mdl_ledger_size(c->ledger);
    mdl_rule rule = mdl_ledger_apply(c->ledger, record, size, 1, breach);
    if (rule == MDL_RULE_OK) {
        c->io.append(c->io.ctx, index, record, size, NULL);
    }
    return rule;
}

mdl_rule mdl_coordinator_append(mdl_coordinator *c, const mdl_asked *a, mdl_breach *breach) {
    uint64_t index = mdl_ledger_size(c->ledger);
    mdl_rule rule = mdl_ledger_apply_message(c->ledger, a->envelope, a->message, breach);
    if (rule == MDL_RULE_OK) {
        c->io.append(c->io.ctx, index, a->raw, a->raw_size, a->leaf);
    }
    return rule;
}

int mdl_coordinator_record(mdl_coordinator *c, mdl_message *m) {
    mdl_breach breach;
    size_t size;
    memset(&m->head, 0, sizeof m->head);
    if (mdl_ledger_size(c->ledger) > 0) {
        memcpy(m->head.experiment, mdl_ledger_experiment_id(c->ledger), 32);
    } else {
        memcpy(m->head.experiment, c->list, 32); /* the genesis: start() has left the id there */
    }
    m->head.seq = mdl_ledger_size(c->ledger);
    mdl_err err = mdl_message_seal(m, c->config.secret, c->work, c->sealed, sizeof c->sealed, &size);
    if (err != MDL_OK) {
        c->failed = 1;
        mdl_coordinator_log(c, "bug", NULL, "record %" PRIu64 " (%s) cannot be written: %s", m->head.seq,
                            mdl_message_name(m->type), mdl_strerror((int)err));
        return 0;
    }
    mdl_rule rule = append(c, c->sealed, size, &breach);
    if (rule != MDL_RULE_OK) {
        c->failed = 1;
        mdl_coordinator_log(c, "bug", NULL, "record %" PRIu64 " (%s) would break rule %s: %s", m->head.seq,
                            mdl_message_name(m->type), mdl_rule_name((int)rule), breach.text);
        return 0;
    }
    if (!note(c, m)) {
        c->failed = 1;
        mdl_coordinator_log(c, "bug", NULL, "out of memory");
        return 0;
    }
    return 1;
}

/* ---- start ---- */

/* The genesis's text of our admission. */
static void admission_text(const mdl_coordinator *c, char out[161]) {
    if (c->config.admission.how == MDL_ADMIT_OPEN) {
        snprintf(out, 161, "open %" PRIu32, c->config.admission.bits);
    } else {
        snprintf(out, 161, "%s", c->config.admission.how == MDL_ADMIT_LIST ? "list" : "invite");
    }
}

static mdl_err begin_ledger(mdl_coordinator *c, const uint8_t *document, size_t size, char *error, size_t error_size) {
    mdl_json_error json;
    mdl_message m;
    mdl_experiment *x = malloc(sizeof *x);
    if (!x) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    mdl_err err = mdl_experiment_parse(document, size, x, &json);
    if (err != MDL_OK) {
        mdl_json_error_format(&json, "the experiment", error, error_size);
        free(x);
        return err;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_GENESIS;
    mdl_msg_genesis *g = &m.as.genesis;
    memcpy(c->list, x->id, 32);
    if (x->verification.used) {
        mdl_chain_head(c->config.chain, x->evolution.generations, g->chain);
    }
    free(x);
    g->version = MDL_PROTOCOL_VERSION;
    g->results = MDL_RESULTS;
    mdl_digest_of(document, size, g->document);
    memcpy(g->coordinator, c->config.key, sizeof g->coordinator);
    snprintf(g->origin, sizeof g->origin, "%s", c->config.origin);
    admission_text(c, g->admission);
    c->io.put_blob(c->io.ctx, g->document, document, size);
    if (!mdl_coordinator_record(c, &m)) {
        snprintf(error, error_size, "the genesis could not be written");
        return MDL_EMISMATCH;
    }
    return MDL_OK;
}

static mdl_err check_ledger(const mdl_coordinator *c, const uint8_t *document, size_t size, char *error,
                            size_t error_size) {
    const mdl_msg_genesis *g = mdl_ledger_genesis(c->ledger);
    uint8_t digest[MDL_DIGEST_BYTES];
    char admission[161];
    mdl_digest_of(document, size, digest);
    if (memcmp(digest, g->document, sizeof digest) != 0) {
        snprintf(error, error_size, "the ledger is of another experiment file: take another directory");
        return MDL_EMISMATCH;
    }
    if (strcmp(g->origin, c->config.origin) != 0) {
        snprintf(error, error_size, "the ledger's origin is %s, not %s", g->origin, c->config.origin);
        return MDL_EMISMATCH;
    }
    admission_text(c, admission);
    if (strcmp(admission, g->admission) != 0) {
        snprintf(error, error_size, "the ledger's admission is \"%s\", not \"%s\": it holds for the whole run",
                 g->admission, admission);
        return MDL_EMISMATCH;
    }
    return MDL_OK;
}

mdl_err mdl_coordinator_start(mdl_coordinator *c, const uint8_t *document, size_t size, uint64_t now_ms,
                              uint64_t wall_ms, char *error, size_t error_size) {
    c->wall_ms = wall_ms;
    mdl_err err = mdl_ledger_size(c->ledger) == 0 ? begin_ledger(c, document, size, error, error_size)
                                                  : check_ledger(c, document, size, error, error_size);
    if (err == MDL_OK && mdl_ledger_verifies(c->ledger)) {
        err = mdl_ledger_know(c->ledger, c->config.chain);
        if (err != MDL_OK) {
            snprintf(error, error_size, "the seed of the hash chain is not the one that led this ledger: %s",
                     mdl_strerror((int)err));
        }
    }
    if (err != MDL_OK) {
        return err;
    }
    c->started = 1;
    if (!mdl_ledger_verifies(c->ledger)) {
        mdl_coordinator_log(c, "unverified", NULL,
                            "VERIFICATION IS OFF in this experiment: every result is believed as it comes");
    }
    if (!mdl_work_begin(c, now_ms) || !mdl_stage_begin(c, now_ms)) {
        c->failed = 1;
    }
    mdl_coordinator_advance(c, now_ms);
    mdl_verify_drive(c, now_ms);
    if (c->failed) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    return MDL_OK;
}

/* ---- the end of a generation ---- */

static int put_results(mdl_coordinator *c, const uint8_t digest[MDL_DIGEST_BYTES]) {
    const uint8_t *bytes;
    size_t size;
    if (mdl_ledger_make_close_results(c->ledger, &bytes, &size) != MDL_OK) {
        return 0;
    }
    c->io.put_blob(c->io.ctx, digest, bytes, size);
    return 1;
}

static int close_generation(mdl_coordinator *c) {
    mdl_message m;
    const uint8_t *fitness;
    size_t size;
    if (c->checking > 0 || mdl_stage_busy(c)) { /* threads read the generation */
        return 0;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_CLOSE;
    if (mdl_ledger_make_close(c->ledger, &m.as.close, &fitness, &size) != MDL_OK) {
        return 0;
    }
    c->io.put_blob(c->io.ctx, m.as.close.fitness, fitness, size);
    if (!mdl_is_zero(m.as.close.results_blob, MDL_DIGEST_BYTES) && !put_results(c, m.as.close.results_blob)) {
        c->failed = 1;
        return 0;
    }
    return mdl_coordinator_record(c, &m);
}

static int credit_generation(mdl_coordinator *c) {
    mdl_message m;
    const uint8_t *list;
    size_t size;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_CREDIT;
    if (mdl_ledger_make_credit(c->ledger, &m.as.credit, &list, &size) != MDL_OK) {
        return 0;
    }
    if (!mdl_is_zero(m.as.credit.workers, MDL_DIGEST_BYTES)) {
        c->io.put_blob(c->io.ctx, m.as.credit.workers, list, size);
    }
    return mdl_coordinator_record(c, &m);
}

static int name_champion(mdl_coordinator *c) {
    mdl_message m;
    const uint8_t *genome;
    size_t size;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_CHAMPION;
    if (mdl_ledger_make_champion(c->ledger, &m.as.champion, &genome, &size) != MDL_OK) {
        return 0;
    }
    c->io.put_blob(c->io.ctx, m.as.champion.genome, genome, size);
    return mdl_coordinator_record(c, &m);
}

static int end_experiment(mdl_coordinator *c) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_END;
    return mdl_ledger_make_end(c->ledger, &m.as.end) == MDL_OK && mdl_coordinator_record(c, &m);
}

static int64_t fixed_32(double v) {
    double scaled = v * 4294967296.0;
    return scaled >= 9e18 ? INT64_MAX : scaled <= -9e18 ? INT64_MIN : (int64_t)scaled;
}

static void publish_news(mdl_coordinator *c, uint64_t now_ms) {
    mdl_message m;
    size_t size;
    double u[2];
    const mdl_evolution *e = mdl_ledger_evolution(c->ledger);
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_NEWS;
    memcpy(m.head.experiment, mdl_ledger_experiment_id(c->ledger), 32);
    m.head.seq = mdl_ledger_size(c->ledger);
    m.as.news.generation = mdl_evolution_generation(e);
    memcpy(m.as.news.state, c->state, MDL_DIGEST_BYTES);
    m.as.news.best = c->best;
    mdl_evolution_meta(e, u);
    m.as.news.u_local = fixed_32(u[0]);
    m.as.news.u_global = fixed_32(u[1]);
    m.as.news.workers = mdl_coordinator_active(c, now_ms);
    if (mdl_message_seal(&m, c->config.secret, c->work, c->sealed, sizeof c->sealed, &size) == MDL_OK) {
        c->io.publish(c->io.ctx, mdl_ledger_size(c->ledger), c->sealed, size);
    }
}

void mdl_coordinator_advance(mdl_coordinator *c, uint64_t now_ms) {
    if (c->failed || mdl_ledger_ended(c->ledger)) {
        return;
    }
    mdl_round_follow(c, now_ms);
    int closed = close_generation(c);
    closed |= credit_generation(c);
    name_champion(c);
    end_experiment(c);
    if (!closed || c->failed) {
        return;
    }
    if (!mdl_work_begin(c, now_ms) || !mdl_stage_begin(c, now_ms)) {
        c->failed = 1;
        return;
    }
    mdl_coordinator_log(c, "generation", NULL, "generation %" PRIu32 " of %" PRIu32 " has closed, best %.6g, mean %.6g",
                        c->closed_count, mdl_ledger_experiment(c->ledger)->evolution.generations,
                        c->closed[c->closed_count - 1].best, c->closed[c->closed_count - 1].mean);
    publish_news(c, now_ms);
    if (mdl_ledger_ended(c->ledger)) {
        mdl_coordinator_log(c, "end", NULL, "the experiment has ended");
    }
}

/* ---- events of the store and the clock ---- */

void mdl_coordinator_stored(mdl_coordinator *c, uint64_t count, const char *checkpoint, size_t checkpoint_size) {
    MDL_ASSERT(count <= mdl_ledger_size(c->ledger) && count >= c->durable);
    c->durable = count;
    if (checkpoint_size <= MDL_CHECKPOINT_SHOWN_MAX) {
        memcpy(c->checkpoint, checkpoint, checkpoint_size);
        c->checkpoint[checkpoint_size] = 0;
    }
}

void mdl_coordinator_storage(mdl_coordinator *c, int ok, uint64_t now_ms) {
    if (c->storage_ok && !ok) {
        c->stalled_ms = now_ms;
    }
    if (!c->storage_ok && ok) {
        /* Nobody could deliver: the time does not count. */
        for (uint32_t i = 0; i < c->leases; i++) {
            c->lease[i].deadline_ms += now_ms - c->stalled_ms;
        }
    }
    c->storage_ok = ok;
}

void mdl_coordinator_tick(mdl_coordinator *c, uint64_t now_ms, uint64_t wall_ms) {
    c->wall_ms = wall_ms;
    if (c->started && c->storage_ok && !c->failed && !mdl_ledger_ended(c->ledger)) {
        mdl_work_tick(c, now_ms);
        mdl_stage_tick(c, now_ms);
        if (c->showing_ms) { /* who is silent is waited for only so long */
            mdl_coordinator_advance(c, now_ms);
        }
        mdl_verify_drive(c, now_ms);
    }
}

/* ---- for people ---- */

int mdl_coordinator_failed(const mdl_coordinator *c) { return c->failed; }

void mdl_coordinator_inform(const mdl_coordinator *c, mdl_coordinator_info *out) {
    memset(out, 0, sizeof *out);
    out->records = mdl_ledger_size(c->ledger);
    out->durable = c->durable;
    out->storage_ok = c->storage_ok;
    out->failed = c->failed;
    if (out->records == 0) {
        return;
    }
    const mdl_ledger_worker *worker;
    out->generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    out->generations = mdl_ledger_experiment(c->ledger)->evolution.generations;
    out->jobs = mdl_ledger_jobs(c->ledger);
    out->jobs_done = mdl_ledger_jobs_done(c->ledger);
    out->jobs_leased = out->jobs - out->jobs_done - mdl_duty_fresh(mdl_ledger_duty(c->ledger));
    out->checks = c->checks;
    out->verdicts = c->verdicts;
    out->checking = c->checking;
    out->disputes = c->disputes;
    out->judgements = c->judgements;
    mdl_stage_inform(c, out);
    out->reviewed = c->reviewed;
    out->corrected = c->corrected;
    out->owed = mdl_ledger_owed(c->ledger);
    out->workers = mdl_ledger_workers(c->ledger, &worker);
    for (uint32_t i = 0; i < out->workers; i++) {
        out->banned += worker[i].banned != 0;
        out->sessions += (uint32_t)(i < c->peers && c->peer[i].open);
    }
    out->active = c->active;
    out->results = c->results;
    out->expired = c->expired;
    out->duplicates = c->duplicates;
    out->rejected = c->rejected;
    out->credit = c->credit;
    out->best = c->best;
    out->paused = mdl_ledger_paused(c->ledger);
    out->ended = mdl_ledger_ended(c->ledger);
}

void mdl_coordinator_worker(const mdl_coordinator *c, uint32_t index, mdl_coordinator_worker_info *out) {
    const mdl_ledger_worker *worker;
    uint32_t count = mdl_ledger_workers(c->ledger, &worker);
    MDL_ASSERT(index < count && index < c->peers);
    const mdl_peer *p = &c->peer[index];
    *out = (mdl_coordinator_worker_info){&worker[index], p->open, p->leases, p->lives * 1000, p->heard_ms};
}

const mdl_ledger *mdl_coordinator_ledger(const mdl_coordinator *c) { return c->ledger; }

void mdl_coordinator_curve(const mdl_coordinator *c, uint32_t index, double *best, double *mean) {
    MDL_ASSERT(index < c->closed_count);
    *best = c->closed[index].best;
    *mean = c->closed[index].mean;
}
