/* The invariants. What is durable is read record by record, as anyone could, and
 * held against the oracle and against what the workers were told. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"
#include "protocol/unit.h"
#include "sim/internal.h"

void mdl_sim_violated(mdl_sim *s, const char *format, ...) {
    va_list list;
    va_start(list, format);
    if (s->report.violations++ == 0) {
        vsnprintf(s->report.violation, sizeof s->report.violation, format, list);
    }
    va_end(list);
}

/* ---- results ---- */

static int is_right(const mdl_sim *s, const mdl_msg_result *r, uint32_t i) {
    mdl_job_result truth;
    uint8_t segment[MDL_DIGEST_BYTES];
    uint64_t updates;
    mdl_sim_truth(s, r->generation, r->first + i, &truth);
    mdl_segments_get(r->segments, i, segment, &updates);
    return r->fitness.at[i] == truth.fitness && updates == truth.updates &&
           memcmp(segment, truth.segment, sizeof segment) == 0;
}

static void note_answer(mdl_sim *s, const mdl_msg_result *r, uint32_t i, uint32_t worker, int wrong) {
    uint32_t job = r->first + i;
    mdl_sim_job *j = &s->job[job];
    for (uint32_t k = 0; k < j->count; k++) {
        if (memcmp(s->worker[j->by[k]].owner, s->worker[worker].owner, MDL_KEY_BYTES) == 0) {
            mdl_sim_violated(s, "job %u of generation %u was done twice by one owner, workers %u and %u", (unsigned)job,
                             (unsigned)r->generation, (unsigned)j->by[k], (unsigned)worker);
        }
    }
    if (j->count > 0) {
        uint64_t updates = mdl_sim_truth(s, r->generation, job, NULL);
        s->report.updates_extra += updates;
        s->open_extra += updates;
    } else {
        s->wrong[job] = (uint8_t)wrong;
    }
    if (j->count < MDL_SIM_OWNERS) {
        j->told[j->count] = r->fitness.at[i];
        j->bad[j->count] = (uint8_t)wrong;
        j->by[j->count++] = worker;
    }
}

/* Fresh work of a trusted worker: the beacon will say whether a job of it is drawn. */
static void note_unit(mdl_sim *s, const mdl_msg_result *r, uint32_t worker) {
    const mdl_ledger_lease *lease = mdl_ledger_lease_find(mdl_coordinator_ledger(s->logic), r->lease);
    if (!lease || !lease->trusted || s->plan.unverified || s->drawn) {
        return; /* what comes after the draw is done again whole */
    }
    for (uint32_t i = r->first; i < r->first + r->count; i++) {
        if (s->job[i].count > 1) {
            return; /* a confirmation */
        }
    }
    if (!mdl_list_grow_zeroed(&s->unit, &s->units_room, s->units + 1, sizeof *s->unit)) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    mdl_sim_fresh *u = &s->unit[s->units++];
    *u = (mdl_sim_fresh){.lease = r->lease, .worker = worker, .first = r->first, .count = r->count};
    memcpy(u->nonce, r->nonce, sizeof u->nonce);
    memcpy(u->root, r->root, sizeof u->root);
}

static void on_result(mdl_sim *s, const mdl_msg_result *r, const uint8_t *key) {
    uint32_t worker = mdl_sim_find(s, key), wrong = 0, jobs = r->first + r->count;
    if (worker == UINT32_MAX) {
        mdl_sim_violated(s, "a result of a key that is no worker's");
        return;
    }
    mdl_sim_worker *w = &s->worker[worker];
    if (!mdl_list_grow_zeroed(&s->job, &s->jobs_room, jobs, sizeof *s->job) ||
        !mdl_list_grow_zeroed(&s->wrong, &s->wrong_room, jobs, sizeof *s->wrong)) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    for (uint32_t i = 0; i < r->count; i++) {
        int bad = !is_right(s, r, i);
        wrong += (uint32_t)bad;
        note_answer(s, r, i, worker, bad);
    }
    note_unit(s, r, worker);
    s->report.results++;
    s->accepted_updates += r->updates;
    w->accepted += r->updates;
    w->jobs += r->count;
    w->wrong += wrong;
    w->units_wrong += wrong > 0;
    if (wrong > 0 && w->first_wrong_us == 0) {
        w->first_wrong_us = s->now_us;
    }
    if (!mdl_sim_is_evil(w->behaviour) && wrong > 0) {
        mdl_sim_violated(s, "honest worker %u has %u wrong results in lease %" PRIu64, (unsigned)worker,
                         (unsigned)wrong, r->lease);
    }
}

/* ---- bans ---- */

void mdl_sim_look_for_ban(mdl_sim *s, uint32_t worker) {
    mdl_sim_worker *w = &s->worker[worker];
    const mdl_ledger_worker *known = mdl_ledger_worker_find(mdl_coordinator_ledger(s->logic), w->key);
    if (w->banned_us != 0 || !known || !known->banned) {
        return;
    }
    w->banned_us = s->now_us;
    mdl_sim_succeed(s, worker);
    if (!mdl_sim_is_evil(w->behaviour)) {
        mdl_sim_violated(s, "honest worker %u (%s) was banned", (unsigned)worker, mdl_sim_behaviour_name(w->behaviour));
    }
}

static void look_for_bans(mdl_sim *s) {
    for (uint32_t i = 0; i < s->workers; i++) {
        mdl_sim_look_for_ban(s, i);
    }
}

/* The coordinator did a job itself. */
static void on_check(mdl_sim *s, uint32_t generation, uint32_t job, int64_t fitness) {
    uint64_t updates = mdl_sim_truth(s, generation, job, NULL);
    s->report.checks++;
    s->report.updates_extra += updates;
    s->open_extra += updates;
    if (fitness != mdl_sim_true_fitness(s, generation, job)) {
        mdl_sim_violated(s, "the coordinator's own answer of job %u is wrong", (unsigned)job);
    }
    for (uint32_t k = 0; job < s->jobs_room && k < s->job[job].count; k++) {
        s->job[job].settled = 1;
        mdl_sim_look_for_ban(s, s->job[job].by[k]);
    }
}

/* The draw of PROTOCOL chapter 10, as a reader of the ledger makes it. */
static uint64_t draw_check(const uint8_t element[32], const mdl_sim_fresh *u, uint64_t *which) {
    static const uint8_t domain[16] = "modulon draw v1", tag[8] = "check";
    mdl_digest d;
    uint8_t out[MDL_DIGEST_BYTES];
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain);
    mdl_put_bytes(&sink, tag, sizeof tag);
    mdl_put_bytes(&sink, element, 32);
    mdl_put_u64(&sink, u->lease);
    mdl_put_bytes(&sink, u->nonce, sizeof u->nonce);
    mdl_put_bytes(&sink, u->root, sizeof u->root);
    mdl_digest_final(&d, out);
    mdl_reader r = {out, sizeof out, 0};
    uint64_t word = mdl_get_u64(&r);
    *which = mdl_get_u64(&r);
    return word;
}

/* How likely this unit is to be drawn at one of its wrong jobs. */
static double expected_of(const mdl_sim *s, const mdl_sim_fresh *u) {
    uint32_t wrong = 0;
    for (uint32_t i = u->first; i < u->first + u->count; i++) {
        wrong += s->wrong[i];
    }
    return s->plan.floor_ppm / 1e6 * wrong / u->count;
}

/* Who gave a wrong answer of a job that was drawn is convicted by now, unless one of its ring confirmed it. */
static void check_draws(mdl_sim *s, const uint8_t element[32]) {
    for (uint32_t i = 0; i < s->units; i++) {
        const mdl_sim_fresh *u = &s->unit[i];
        uint64_t which, word = draw_check(element, u, &which);
        int hit = (word >> 32) * 1000000 < (uint64_t)s->plan.floor_ppm << 32;
        double p = expected_of(s, u);
        s->report.draws++;
        s->report.drawn += (uint64_t)hit;
        s->report.drawn_wrong_expected += p;
        s->report.drawn_wrong_variance += p * (1 - p);
        if (!hit || !s->wrong[u->first + which % u->count]) {
            continue;
        }
        s->report.drawn_wrong++;
        mdl_sim_look_for_ban(s, u->worker);
        uint32_t behaviour = s->worker[u->worker].behaviour;
        if (s->worker[u->worker].banned_us != 0) {
            continue;
        }
        s->report.drawn_free++; /* its ring confirmed it */
        if (behaviour != MDL_SIM_RING && behaviour != MDL_SIM_TURNCOAT) {
            mdl_sim_violated(s, "lease %" PRIu64 " was drawn and wrong, and worker %u goes free", u->lease,
                             (unsigned)u->worker);
        }
    }
    s->units = 0;
}

/* ---- closings ---- */

/* Wrong elites: among the best `elite` of an island by what was written, ties to the lower index. */
static void check_elite(mdl_sim *s, const int64_t *fitness, uint32_t first, uint32_t population, uint32_t elite,
                        uint32_t generation) {
    for (uint32_t i = first; i < first + population; i++) {
        uint32_t better = 0;
        if (fitness[i] == mdl_sim_true_fitness(s, generation, i)) {
            continue;
        }
        for (uint32_t k = first; k < first + population && better < elite; k++) {
            better += fitness[k] > fitness[i] || (fitness[k] == fitness[i] && k < i);
        }
        if (better < elite) {
            s->report.wrong_selected++;
            mdl_sim_violated(s, "generation %u closed with a wrong elite, job %u", (unsigned)generation, (unsigned)i);
        }
    }
}

static void check_selected(mdl_sim *s, const int64_t *fitness, uint32_t jobs, uint32_t generation) {
    const mdl_evolution_spec *spec = &mdl_ledger_experiment(mdl_coordinator_ledger(s->logic))->evolution;
    uint32_t first = 0;
    for (uint32_t k = 0; k < spec->islands; k++) {
        const mdl_island_spec *island = &spec->island[k];
        if (island->population > jobs - first) {
            mdl_sim_violated(s, "generation %u closed with %u jobs", (unsigned)generation, (unsigned)jobs);
            return;
        }
        check_elite(s, fitness, first, island->population, island->algorithm == MDL_GA ? island->elite : 1, generation);
        first += island->population;
    }
    for (uint32_t i = first; i < jobs; i++) {
        if (fitness[i] != mdl_sim_true_fitness(s, generation, i)) {
            s->report.wrong_selected++;
            mdl_sim_violated(s, "generation %u closed with a wrong validation score, job %u", (unsigned)generation,
                             (unsigned)i);
        }
    }
}

/* Who told the wrong fitness that was used: the first of the job's results that says so. */
static void blame(mdl_sim *s, uint32_t job, int64_t fitness) {
    for (uint32_t k = 0; job < s->jobs_room && k < s->job[job].count; k++) {
        mdl_sim_worker *w = &s->worker[s->job[job].by[k]];
        if (s->job[job].told[k] == fitness) {
            w->slipped++;
            return;
        }
    }
}

/* Whoever gave another answer than the coordinator, before it or after, is banned by now. */
static void check_settled(mdl_sim *s, uint32_t jobs, uint32_t generation) {
    for (uint32_t i = 0; i < jobs && i < s->jobs_room; i++) {
        for (uint32_t k = 0; s->job[i].settled && k < s->job[i].count; k++) {
            if (!s->job[i].bad[k]) {
                continue;
            }
            mdl_sim_look_for_ban(s, s->job[i].by[k]);
            if (s->worker[s->job[i].by[k]].banned_us == 0) {
                mdl_sim_violated(s, "worker %u contradicts the coordinator about job %u of generation %u and goes free",
                                 (unsigned)s->job[i].by[k], (unsigned)i, (unsigned)generation);
            }
        }
    }
}

static void on_close(mdl_sim *s, const mdl_msg_close *m) {
    const uint8_t *bytes;
    size_t size;
    if (mdl_sim_store_get(&s->store, m->fitness, &bytes, &size) != MDL_OK || size != 8 * (size_t)m->jobs) {
        mdl_sim_violated(s, "the fitnesses of generation %u are not stored", (unsigned)m->generation);
        return;
    }
    int64_t *fitness = calloc(m->jobs, sizeof *fitness);
    if (!fitness) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    mdl_reader r = {bytes, size, 0};
    uint64_t updates = 0;
    for (uint32_t i = 0; i < m->jobs; i++) {
        fitness[i] = mdl_get_i64(&r);
        updates += mdl_sim_truth(s, m->generation, i, NULL);
        if (fitness[i] != mdl_sim_true_fitness(s, m->generation, i)) {
            blame(s, i, fitness[i]);
        }
    }
    check_selected(s, fitness, m->jobs, m->generation);
    check_settled(s, m->jobs, m->generation);
    free(fitness);
    if (m->generation != s->report.closed) {
        mdl_sim_violated(s, "generation %u closed after %u", (unsigned)m->generation, (unsigned)s->report.closed);
    }
    s->report.closed++;
    s->report.jobs_closed += m->jobs;
    s->report.updates_closed += updates;
    if (2 * m->generation >= s->plan.generations) {
        s->report.late_closed += updates;
        s->report.late_extra += s->open_extra;
    }
    s->open_extra = 0;
    check_draws(s, m->element);
    memset(s->job, 0, s->jobs_room * sizeof *s->job);
    if (s->plan.fold_every > 0 && s->report.closed % s->plan.fold_every == 0) {
        s->fold_due = 1;
    }
    if (s->plan.progress) {
        s->plan.progress(s->plan.ctx, s->report.closed, s->plan.generations);
    }
}

static void on_credit(mdl_sim *s, const mdl_msg_credit *m) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    const uint8_t *bytes;
    size_t size;
    uint64_t sum = 0;
    if (memcmp(m->workers, none, sizeof none) == 0) {
        return;
    }
    if (mdl_sim_store_get(&s->store, m->workers, &bytes, &size) != MDL_OK || size != 40 * (size_t)m->count) {
        mdl_sim_violated(s, "the credits of generation %u are not stored", (unsigned)m->generation);
        return;
    }
    for (uint32_t i = 0; i < m->count; i++) {
        mdl_reader r = {bytes + 40 * (size_t)i + 32, 8, 0};
        uint64_t updates = mdl_get_u64(&r);
        uint32_t worker = mdl_sim_find(s, bytes + 40 * (size_t)i);
        sum += updates;
        if (worker == UINT32_MAX) {
            mdl_sim_violated(s, "credit for a key that is no worker's");
            continue;
        }
        s->worker[worker].paid += updates;
        if (s->worker[worker].paid > s->worker[worker].accepted) {
            mdl_sim_violated(s, "worker %u was paid more than its results said", (unsigned)worker);
        }
    }
    s->paid += sum;
    if (sum != m->updates) {
        mdl_sim_violated(s, "the credits of generation %u do not add up", (unsigned)m->generation);
    }
}

static void on_champion(mdl_sim *s, const mdl_msg_champion *m) {
    if (m->validation != mdl_sim_true_fitness(s, m->generation, s->candidates + m->island)) {
        s->report.wrong_selected++;
        mdl_sim_violated(s, "the champion's validation score is wrong");
    }
}

/* ---- records and receipts ---- */

void mdl_sim_watch_record(mdl_sim *s, uint64_t index) {
    const mdl_sim_record *r = &s->store.record[index];
    mdl_envelope e;
    mdl_message m;
    if (mdl_envelope_decode(r->bytes, r->size, s->pae, &e) != MDL_OK ||
        mdl_message_of(&e, (mdl_list_room){s->list, MDL_LIST_MAX}, &m, NULL) != MDL_OK) {
        mdl_sim_violated(s, "record %" PRIu64 " cannot be read", index);
        return;
    }
    s->report.records++;
    switch (m.type) {
    case MDL_MSG_RESULT:
        on_result(s, &m.as.result, e.key);
        break;
    case MDL_MSG_CHECK:
        on_check(s, m.as.check.generation, m.as.check.job, m.as.check.fitness);
        break;
    case MDL_MSG_VERDICT:
        s->report.verdicts++;
        on_check(s, m.as.verdict.generation, m.as.verdict.job, m.as.verdict.fitness);
        break;
    case MDL_MSG_DISPUTE:
        mdl_sim_watch_dispute(s, &m.as.dispute);
        break;
    case MDL_MSG_MOVE:
        s->report.moves++;
        break;
    case MDL_MSG_JUDGEMENT:
        mdl_sim_watch_judgement(s, &m.as.judgement);
        break;
    case MDL_MSG_BEACON: /* units are drawn with the nonces of all */
        for (uint32_t i = 0; i < s->units; i++) {
            memcpy(s->unit[i].nonce, m.as.beacon.nonces, sizeof s->unit[i].nonce);
        }
        s->drawn = 1;
        break;
    case MDL_MSG_CLOSE:
        on_close(s, &m.as.close);
        s->drawn = 0;
        look_for_bans(s);
        break;
    case MDL_MSG_CREDIT:
        on_credit(s, &m.as.credit);
        break;
    case MDL_MSG_CHAMPION:
        on_champion(s, &m.as.champion);
        break;
    case MDL_MSG_EXPIRE:
        s->report.expired++;
        break;
    case MDL_MSG_END:
        s->report.ended = 1;
        break;
    default:
        break;
    }
}

void mdl_sim_watch_receipt(mdl_sim *s, uint32_t worker, const mdl_settled *settled) {
    if (settled->state != MDL_NOTICE_ACCEPTED) {
        return;
    }
    if (settled->record >= s->store.durable) {
        mdl_sim_violated(s, "worker %u has a receipt for record %" PRIu64 " of %" PRIu64, (unsigned)worker,
                         settled->record, s->store.durable);
        return;
    }
    const mdl_sim_record *r = &s->store.record[settled->record];
    if (r->size != settled->envelope_size || memcmp(r->bytes, settled->envelope, r->size) != 0) {
        mdl_sim_violated(s, "worker %u has a receipt for record %" PRIu64 ", which is another", (unsigned)worker,
                         settled->record);
    }
}

/* ---- folds ---- */

/* All that a fold knows of workers, leases and jobs. */
static void digest_of(const mdl_ledger *l, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    uint8_t state[MDL_DIGEST_BYTES];
    const mdl_ledger_worker *w;
    const mdl_ledger_lease *lease;
    uint32_t workers = mdl_ledger_workers(l, &w), leases = mdl_ledger_leases(l, &lease);
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_state_digest(mdl_ledger_evolution(l), state);
    mdl_put_bytes(&sink, state, sizeof state);
    mdl_put_u64(&sink, mdl_ledger_size(l));
    mdl_put_u64(&sink, mdl_ledger_next_lease(l));
    mdl_put_u32(&sink, (uint32_t)mdl_ledger_paused(l));
    mdl_put_u32(&sink, (uint32_t)mdl_ledger_ended(l));
    for (uint32_t i = 0; i < workers; i++) {
        mdl_put_bytes(&sink, w[i].key, sizeof w[i].key);
        mdl_put_bytes(&sink, w[i].owner, sizeof w[i].owner);
        mdl_put_u32(&sink, w[i].banned);
        mdl_put_u32(&sink, w[i].open);
        mdl_put_u64(&sink, w[i].accepted);
        mdl_put_u64(&sink, w[i].expired);
        mdl_put_u64(&sink, w[i].credit);
        mdl_put_u64(&sink, w[i].pending);
        mdl_put_u64(&sink, w[i].waiting);
        mdl_put_u64(&sink, w[i].forfeited);
        mdl_put_u64(&sink, w[i].verdict);
        mdl_put_u32(&sink, w[i].reviewed);
        mdl_put_u32(&sink, w[i].corrected);
        mdl_put_u32(&sink, w[i].pasts);
        mdl_put_u64(&sink, w[i].held);
        mdl_put_u32(&sink, w[i].verified);
        mdl_put_u32(&sink, w[i].owner_number);
    }
    for (uint32_t i = 0; i < leases; i++) {
        mdl_put_u64(&sink, lease[i].id);
        mdl_put_u32(&sink, lease[i].worker);
        mdl_put_u32(&sink, lease[i].first);
        mdl_put_u32(&sink, lease[i].count);
        mdl_put_u32(&sink, (uint32_t)lease[i].state);
        mdl_put_u64(&sink, lease[i].commit);
        mdl_put_u32(&sink, lease[i].trusted);
        mdl_put_u32(&sink, lease[i].verified);
    }
    for (uint32_t i = 0; i < mdl_ledger_jobs(l); i++) {
        int64_t fitness = 0;
        uint64_t record = 0;
        mdl_put_u32(&sink, (uint32_t)mdl_ledger_job_result(l, i, &fitness, &record));
        mdl_put_i64(&sink, fitness);
        mdl_put_u64(&sink, record);
    }
    mdl_digest_final(&d, out);
}

/* Conservation: what was accepted is paid, pending or forfeited, worker by worker. */
static void check_credit(mdl_sim *s, const mdl_ledger *l) {
    const mdl_ledger_worker *w;
    uint32_t workers = mdl_ledger_workers(l, &w);
    uint64_t held = 0, forfeited = 0;
    for (uint32_t i = 0; i < workers; i++) {
        uint32_t worker = mdl_sim_find(s, w[i].key);
        held += w[i].credit + w[i].pending + w[i].waiting;
        forfeited += w[i].forfeited;
        if (worker != UINT32_MAX) {
            s->worker[worker].forfeited = w[i].forfeited;
        }
        if (worker == UINT32_MAX || s->worker[worker].paid != w[i].credit) {
            mdl_sim_violated(s, "the fold gives worker %u %" PRIu64 " credits, the records %" PRIu64, (unsigned)i,
                             w[i].credit, worker == UINT32_MAX ? 0 : s->worker[worker].paid);
        }
    }
    s->report.forfeited = forfeited;
    if (held + forfeited != s->accepted_updates) {
        mdl_sim_violated(s, "credit is not conserved: %" PRIu64 " of %" PRIu64 " updates", held + forfeited,
                         s->accepted_updates);
    }
}

void mdl_sim_watch_fold(mdl_sim *s) {
    mdl_blobs blobs = {mdl_sim_store_get, &s->store};
    mdl_breach breach;
    uint8_t mine[MDL_DIGEST_BYTES], its[MDL_DIGEST_BYTES];
    mdl_ledger *l = mdl_ledger_new(s->config.key, &blobs);
    s->fold_due = 0;
    s->report.folds++;
    for (uint64_t i = 0; l && i < s->store.durable; i++) {
        mdl_rule rule = mdl_ledger_apply(l, s->store.record[i].bytes, s->store.record[i].size, 0, &breach);
        if (rule != MDL_RULE_OK) {
            mdl_sim_violated(s, "record %" PRIu64 " breaks %s: %s", i, mdl_rule_name((int)rule), breach.text);
            mdl_ledger_free(l);
            return;
        }
    }
    if (!l) {
        mdl_sim_fail(s, MDL_ENOMEM);
        return;
    }
    digest_of(l, mine);
    digest_of(mdl_coordinator_ledger(s->logic), its);
    if (memcmp(mine, its, sizeof mine) != 0) {
        mdl_sim_violated(s, "the fold of %" PRIu64 " records is not what the coordinator believes", s->store.durable);
    }
    check_credit(s, l);
    mdl_ledger_free(l);
}

void mdl_sim_watch_end(mdl_sim *s) {
    mdl_hash root;
    if (!s->logic || !s->report.ended) {
        mdl_sim_violated(s, "the experiment did not come to its end: generation %u of %u after %.0f s",
                         (unsigned)s->report.closed, (unsigned)s->plan.generations, (double)s->now_us / 1e6);
    } else {
        mdl_sim_watch_fold(s);
        look_for_bans(s);
    }
    mdl_merkle_edge_root(&s->store.edge, &root);
    memcpy(s->report.root, root.bytes, sizeof s->report.root);
}
