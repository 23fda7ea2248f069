/* Disputes over the wire: PROTOCOL section 11.6. Both workers of two answers that
 * differ are asked for less and less, with the answers to their wants, until one
 * step is left for our threads. Whoever keeps silent is not accused: then the job
 * is done again as a whole. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"

enum {
    PATIENCE_LEASES = 8,   /* lease times without a move, and a deadline's least            */
    ABSENCE_MS_MAX = 10000 /* so long is waited for workers that are not here: we have begun anew, maybe */
};

static int is_here(const mdl_coordinator *c, uint32_t worker, uint64_t now_ms) {
    const mdl_peer *p = &c->peer[worker];
    return p->open && !p->left && now_ms - p->heard_ms < MDL_ACTIVE_MS;
}

/* When a dispute last moved; a place is found for one that is new here. */
static mdl_taken_apart *moved_of(mdl_coordinator *c, uint32_t job, uint64_t now_ms) {
    mdl_taken_apart *oldest = &c->apart[0];
    for (uint32_t i = 0; i < MDL_LEDGER_DISPUTES_MAX; i++) {
        mdl_taken_apart *t = &c->apart[i];
        if (t->used && t->job == job) {
            return t;
        }
        oldest = !oldest->used || (t->used && t->moved_ms >= oldest->moved_ms) ? oldest : t;
    }
    *oldest = (mdl_taken_apart){.used = 1, .job = job, .moved_ms = now_ms};
    return oldest;
}

/* Large enough that rounds are cheaper. */
static int is_worth(const mdl_coordinator *c, uint32_t job) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    uint64_t least = UINT64_MAX, bound = mdl_ledger_experiment(c->ledger)->verification.dispute * UINT64_C(1000);
    for (uint32_t i = 0; i < mdl_duty_answers(duty, job); i++) {
        uint64_t updates = mdl_duty_answer_at(duty, job, i, NULL)->updates;
        least = updates < least ? updates : least;
    }
    return bound > 0 && least >= bound;
}

static int begin(mdl_coordinator *c, uint32_t job, uint64_t now_ms) {
    mdl_message m;
    if (!c->io.judge || c->gave_up[job] || !is_worth(c, job) || mdl_ledger_make_dispute(c->ledger, job, &m) != MDL_OK) {
        return 0;
    }
    const mdl_ledger_lease *a = mdl_ledger_lease_find(c->ledger, m.as.dispute.first);
    const mdl_ledger_lease *b = mdl_ledger_lease_find(c->ledger, m.as.dispute.second);
    mdl_taken_apart *t = moved_of(c, job, now_ms);
    if (!is_here(c, a->worker, now_ms) || !is_here(c, b->worker, now_ms)) {
        return now_ms - t->moved_ms < ABSENCE_MS_MAX;
    }
    if (!mdl_coordinator_record(c, &m)) {
        return 0;
    }
    t->moved_ms = now_ms;
    c->disputes++;
    mdl_coordinator_log(c, "dispute", NULL, "job %" PRIu32 ": leases %" PRIu64 " and %" PRIu64 " are taken apart", job,
                        m.as.dispute.first, m.as.dispute.second);
    return 1;
}

static void judge(mdl_coordinator *c, uint32_t job, const mdl_judged *judged, uint64_t now_ms) {
    mdl_message m;
    mdl_answerers answered = mdl_verify_answerers(c, job);
    uint64_t record = mdl_ledger_size(c->ledger);
    if (mdl_ledger_make_judgement(c->ledger, job, judged, &m) != MDL_OK) {
        c->gave_up[job] = 1; /* gone meanwhile, or a thread had no memory */
        return;
    }
    if (mdl_coordinator_record(c, &m)) {
        c->judgements++;
        mdl_coordinator_log(c, "judgement", NULL, "job %" PRIu32 ": %s", job,
                            mdl_fault_sentence((int)m.as.judgement.fault));
        mdl_verify_convicted(c, record, job, &answered, now_ms);
    }
}

/* The last step, where there is a thread for it. */
static void step(mdl_coordinator *c, const mdl_ledger_dispute *d, uint64_t now_ms) {
    mdl_case last;
    const uint8_t *state = NULL;
    size_t size = 0;
    uint32_t job = d->job;
    int how = mdl_ledger_judgeable(d, &last);
    if (how == 1) {
        judge(c, job, NULL, now_ms);
        return;
    }
    if (how == 0 || c->checking == c->config.checkers) {
        return;
    }
    if (d->has_state && c->io.blobs.get(c->io.blobs.ctx, d->state, &state, &size) != MDL_OK) {
        c->gave_up[job] = 1;
        return;
    }
    const mdl_evolution *of = mdl_ledger_evolution(c->ledger);
    c->check[c->checking++] = (mdl_checking){.generation = mdl_evolution_generation(of), .job = job, .judges = 1};
    c->io.judge(c->io.ctx, of, job, &last, state, size);
}

int mdl_dispute_handles(mdl_coordinator *c, uint32_t job, uint64_t now_ms) {
    const mdl_ledger_dispute *d = mdl_ledger_dispute_of(c->ledger, job);
    if (!d) {
        return begin(c, job, now_ms);
    }
    uint64_t patience = MDL_DEADLINE_MS_MIN + PATIENCE_LEASES * c->config.lease_ms;
    if (!c->gave_up[job] && now_ms - moved_of(c, job, now_ms)->moved_ms > patience) {
        c->gave_up[job] = 1;
        mdl_coordinator_log(c, "dispute", NULL,
                            "job %" PRIu32 ": no move for %" PRIu64 " ms; it is done again as a whole", job, patience);
    }
    if (c->gave_up[job]) {
        return 0;
    }
    step(c, d, now_ms);
    return 1;
}

void mdl_coordinator_judged(mdl_coordinator *c, uint32_t generation, uint32_t job, const mdl_judged *judged,
                            uint64_t now_ms) {
    uint32_t at = 0;
    while (at < c->checking && !(c->check[at].judges && c->check[at].job == job)) {
        at++;
    }
    MDL_ASSERT(at < c->checking && c->check[at].generation == generation);
    c->check[at] = c->check[--c->checking];
    if (!c->failed && c->storage_ok) {
        judge(c, job, judged, now_ms);
    }
    c->scanned_ms = 0;
    if (c->started && c->storage_ok) {
        mdl_coordinator_advance(c, now_ms);
        mdl_verify_drive(c, now_ms);
    }
}

/* ---- what workers are asked and say ---- */

int mdl_dispute_ask(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_ledger_dispute *d;
    uint64_t points[MDL_DISPUTE_POINTS];
    mdl_message m;
    uint32_t count = mdl_ledger_disputes(c->ledger, &d);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t s = 0; s < MDL_DISPUTE_SIDES; s++) {
            if (d[i].worker[s] == a->worker && !c->gave_up[d[i].job] &&
                mdl_ledger_make_question(c->ledger, d[i].lease[s], points, &m) == MDL_OK) {
                mdl_coordinator_say(c, a, &m, 1, NULL, 0);
                return 1;
            }
        }
    }
    return 0;
}

/* The question that this move answers; 0: none. Bytes of rows and points, `size`, are known; of a state at most. */
static int is_asked(const mdl_coordinator *c, uint32_t worker, const mdl_msg_move *m) {
    const mdl_ledger_dispute *d = mdl_ledger_dispute_of(c->ledger, m->job);
    uint64_t points[MDL_DISPUTE_POINTS];
    mdl_message q;
    if (!d || c->gave_up[m->job] || mdl_ledger_make_question(c->ledger, m->lease, points, &q) != MDL_OK ||
        q.as.question.job != m->job || q.as.question.generation != m->generation || q.as.question.kind != m->kind) {
        return 0;
    }
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, m->lease);
    uint64_t rows = (uint64_t)d->referee.job.episodes * MDL_ROW_BYTES;
    return l && l->worker == worker &&
           (m->kind == 1   ? m->blob_size == rows
            : m->kind == 2 ? m->blob_size == (uint64_t)q.as.question.points.count * MDL_DIGEST_BYTES
                           : memcmp(m->blob, d->referee.dispute.agreed, sizeof m->blob) == 0);
}

int mdl_dispute_may_carry(const mdl_coordinator *c, uint32_t worker, const mdl_msg_move *m) {
    return m->job < c->jobs && is_asked(c, worker, m);
}

void mdl_dispute_move(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_move *m = &a->message->as.move;
    mdl_breach breach;
    if (!c->storage_ok) {
        mdl_coordinator_reject(c, a, MDL_REASON_BUSY, 1000, 0, NULL);
        return;
    }
    if (m->job >= c->jobs || !a->blob || !is_asked(c, a->worker, m)) {
        mdl_coordinator_reject(c, a, MDL_REASON_NOT_ASKED, 0, 0, NULL);
        return;
    }
    c->io.put_blob(c->io.ctx, m->blob, a->blob->bytes, a->blob->size);
    uint64_t record = mdl_ledger_size(c->ledger);
    if (mdl_coordinator_append(c, a, &breach) != MDL_RULE_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_BAD_SHAPE, 0, 0, breach.text);
        return;
    }
    moved_of(c, m->job, a->now_ms)->moved_ms = a->now_ms;
    mdl_coordinator_give_receipt(c, a, record);
    mdl_verify_drive(c, a->now_ms);
}
