/* Leases: who gets which jobs for how long, and what comes back. PROTOCOL
 * section 7.3. Work is counted in lives, and a worker's speed is what the
 * coordinator measures between granting and result: nobody's claim is needed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"
#include "protocol/grow.h"

enum {
    GUESS_MS = 6000, /* expected time of a lease of unknown speed: a deadline of a minute */
    PATIENCE_MAX = 64,
    RETRY_MS_MIN = 20,
    RETRY_MS_MAX = 1000,
    SHARD_RETRY_MS = 100,
    SHARD_SOON_MS = 40,
    PATIENCE = 8, /* a worker asks again after this part of the time in which nothing happened */
    ASKED_MS = 2  /* workers that may ask again in a millisecond: the more there are, the longer they wait */
};

/* ---- the generation's jobs ---- */

static uint32_t lives_of(const mdl_coordinator *c, uint32_t job) {
    mdl_job j;
    mdl_evolution_job(mdl_ledger_evolution(c->ledger), job, &j, NULL);
    return j.episodes;
}

/* The lease is no longer this worker's to do: done, expired or overtaken. */
static void settle(mdl_coordinator *c, mdl_lease_slot *s) {
    mdl_peer *p = &c->peer[s->worker];
    MDL_ASSERT(s->open);
    s->open = 0;
    if (!s->orphan) {
        p->leases--;
        p->queued_ms -= s->work_ms;
    }
    while (c->lease_open < c->leases && !c->lease[c->lease_open].open) {
        c->lease_open++;
    }
}

static mdl_lease_slot *add_slot(mdl_coordinator *c, const mdl_ledger_lease *l, uint64_t now_ms, uint64_t work_ms) {
    if (!mdl_list_grow_zeroed(&c->lease, &c->lease_room, c->leases + 1, sizeof *c->lease)) {
        return NULL;
    }
    mdl_lease_slot *s = &c->lease[c->leases++];
    mdl_peer *p = &c->peer[l->worker];
    *s = (mdl_lease_slot){.id = l->id, .worker = l->worker, .first = l->first, .count = l->count, .open = 1};
    s->granted_ms = now_ms;
    s->work_ms = work_ms;
    s->expected_ms = p->queued_ms + work_ms;
    uint64_t deadline = 10 * s->expected_ms;
    s->deadline_ms = now_ms + (deadline > MDL_DEADLINE_MS_MIN ? deadline : MDL_DEADLINE_MS_MIN) * p->patience;
    p->queued_ms += work_ms;
    p->leases++;
    c->late_ms = c->late_ms < mdl_work_late_at(s) ? c->late_ms : mdl_work_late_at(s);
    if (now_ms + s->expected_ms > c->remainder_end_ms) {
        c->remainder_end_ms = now_ms + s->expected_ms;
    }
    return s;
}

int mdl_work_begin(mdl_coordinator *c, uint64_t now_ms) {
    const mdl_ledger_lease *l;
    uint32_t count = mdl_ledger_leases(c->ledger, &l);
    c->jobs = mdl_ledger_jobs(c->ledger);
    if (!mdl_list_grow_zeroed(&c->waited, &c->jobs_room, c->jobs + 1, sizeof *c->waited)) {
        return 0;
    }
    memset(c->waited, 0, (c->jobs + 1) * sizeof *c->waited);
    if (!mdl_list_grow_zeroed(&c->gave_up, &c->gave_up_room, c->jobs + 1, sizeof *c->gave_up)) {
        return 0;
    }
    memset(c->gave_up, 0, (c->jobs + 1) * sizeof *c->gave_up);
    memset(c->apart, 0, sizeof c->apart);
    c->leases = c->lease_open = 0;
    MDL_ASSERT(c->checking == 0);
    c->remainder_ms = c->remainder_end_ms = c->late_ms = 0;
    c->voided = 1;
    for (uint32_t i = 0; i < c->peers; i++) {
        c->peer[i].leases = 0;
        c->peer[i].queued_ms = 0;
    }
    uint32_t generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    for (uint32_t i = 0; i < count; i++) {
        if (l[i].generation != generation) {
            continue;
        }
        mdl_lease_slot *s = add_slot(c, &l[i], now_ms, GUESS_MS);
        if (!s) {
            return 0;
        }
        if (l[i].state != MDL_LEASE_OPEN || l[i].shards > 0) {
            settle(c, s);
        }
    }
    return 1;
}

int mdl_work_note_shard(mdl_coordinator *c, uint64_t now_ms) {
    mdl_lease_slot *s = add_slot(c, mdl_ledger_lease_find(c->ledger, mdl_ledger_next_lease(c->ledger) - 1), now_ms, 0);
    if (s) {
        settle(c, s);
    }
    return s != NULL;
}

/* ---- granting ---- */

static uint32_t at_least_one(uint32_t v) { return v > 0 ? v : 1; }

/* How many of the jobs that may be leased, within the limits. */
static uint32_t size_lease(mdl_coordinator *c, const mdl_asked *a, mdl_duty_choice choice, uint64_t *lives) {
    const mdl_peer *p = &c->peer[a->worker];
    uint32_t want = a->message->as.want.jobs;
    uint32_t active = at_least_one(mdl_coordinator_active(c, a->now_ms));
    uint32_t most = want < MDL_UNIT_JOBS_MAX ? want : MDL_UNIT_JOBS_MAX;
    most = most < choice.most ? most : choice.most;
    uint64_t fair = (mdl_duty_fresh(mdl_ledger_duty(c->ledger)) + 2 * (uint64_t)active - 1) / (2 * (uint64_t)active);
    uint64_t even = (c->jobs + 2 * (uint64_t)active - 1) / (2 * (uint64_t)active);
    uint32_t least = at_least_one((c->jobs + MDL_LIST_MAX - 1) / MDL_LIST_MAX); /* close's list should fit */
    double target = p->lives * (double)c->config.lease_ms;
    uint32_t probe = 2 * at_least_one(p->threads); /* speed unknown */
    uint32_t count = 0;
    *lives = 0;
    if (choice.kind != MDL_DUTY_FRESH) {
        fair = most;
    }
    while (count < most) {
        uint32_t more = lives_of(c, choice.first + count);
        if (count >= least) {
            int small = p->lives > 0 && (double)(*lives + more) <= target / 16 && count < even;
            if (p->lives > 0 ? (double)(*lives + more) > target : count >= probe) {
                break;
            }
            if (count >= fair && !small) {
                break;
            }
        }
        *lives += more;
        count++;
    }
    return count;
}

static int write_lease(mdl_coordinator *c, const mdl_asked *a, uint32_t first, uint32_t count, uint64_t lives,
                       uint64_t *deadline_ms, uint64_t *id) {
    mdl_message m;
    const mdl_ledger_worker *worker;
    mdl_peer *p = &c->peer[a->worker];
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_LEASE;
    m.as.lease.lease = *id = mdl_ledger_next_lease(c->ledger);
    mdl_ledger_workers(c->ledger, &worker);
    memcpy(m.as.lease.worker, worker[a->worker].key, MDL_KEY_BYTES);
    m.as.lease.generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    m.as.lease.first = first;
    m.as.lease.count = count;
    if (!mdl_coordinator_record(c, &m)) {
        return 0;
    }
    double work = p->lives > 0 ? (double)lives / p->lives : GUESS_MS;
    mdl_lease_slot *s = add_slot(c, mdl_ledger_lease_find(c->ledger, *id), a->now_ms,
                                 work < 1     ? 1
                                 : work > 1e9 ? 1000000000
                                              : (uint64_t)work);
    if (!s) {
        c->failed = 1;
        return 0;
    }
    s->lives = lives;
    *deadline_ms = s->deadline_ms - a->now_ms;
    return 1;
}

static void grant(mdl_coordinator *c, const mdl_asked *a, uint32_t first, uint32_t count, uint64_t lives) {
    mdl_message m;
    uint64_t deadline_ms, id;
    if (!write_lease(c, a, first, count, lives, &deadline_ms, &id)) {
        mdl_coordinator_reject(c, a, MDL_REASON_INTERNAL, 1000, 0, NULL);
        return;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_GRANT;
    m.as.grant.lease = id;
    m.as.grant.generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    m.as.grant.first = first;
    m.as.grant.count = count;
    m.as.grant.deadline_ms = deadline_ms;
    mdl_coordinator_say(c, a, &m, 1, NULL, 0);
}

/* How long a worker is told to wait, at least and at most: a coordinator has to hear them all. */
static uint64_t retry_least(mdl_coordinator *c, uint64_t now_ms) {
    uint64_t all_ms = mdl_coordinator_active(c, now_ms) / ASKED_MS;
    return all_ms > RETRY_MS_MIN ? all_ms : RETRY_MS_MIN;
}

static uint64_t retry_most(mdl_coordinator *c, uint64_t now_ms) {
    uint64_t least = retry_least(c, now_ms);
    return least > RETRY_MS_MAX ? least : RETRY_MS_MAX;
}

/* When the generation should be done: the last expected end of what is open. Beyond that nobody knows; the longer
 * nothing has happened, the less often it is worth asking. */
static uint64_t retry_ms(mdl_coordinator *c, uint64_t now_ms) {
    if (c->moved_records != mdl_ledger_size(c->ledger)) {
        c->moved_records = mdl_ledger_size(c->ledger);
        c->moved_ms = now_ms;
    }
    if (c->remainder_ms == 0 || now_ms - c->remainder_ms >= 10 + c->leases / 1000) {
        c->remainder_ms = now_ms;
        c->remainder_end_ms = now_ms;
        for (uint32_t i = c->lease_open; i < c->leases; i++) {
            const mdl_lease_slot *s = &c->lease[i];
            if (s->open && !mdl_work_is_done(c, s) && s->granted_ms + s->expected_ms > c->remainder_end_ms) {
                c->remainder_end_ms = s->granted_ms + s->expected_ms;
            }
        }
    }
    uint64_t left = c->remainder_end_ms > now_ms ? c->remainder_end_ms - now_ms : (now_ms - c->moved_ms) / PATIENCE;
    uint64_t least = retry_least(c, now_ms), most = retry_most(c, now_ms);
    return left < least ? least : left > most ? most : left;
}

/* What the worker's next lease must be: the beacon's choice, where there is one. */
static mdl_duty_choice choose(const mdl_coordinator *c, uint32_t worker) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    const mdl_ledger_worker *w;
    if (!mdl_ledger_verifies(c->ledger)) {
        return mdl_duty_first_fresh(duty);
    }
    mdl_ledger_workers(c->ledger, &w);
    return mdl_duty_choose(duty, mdl_ledger_next_lease(c->ledger), w[worker].key, w[worker].owner_number,
                           mdl_ledger_trusted(c->ledger, worker));
}

void mdl_work_want(mdl_coordinator *c, const mdl_asked *a) {
    if (mdl_ledger_ended(c->ledger)) {
        mdl_coordinator_idle(c, a, MDL_REASON_IDLE_FINISHED, 0, 1);
        return;
    }
    if (!c->storage_ok) {
        mdl_coordinator_idle(c, a, MDL_REASON_DISK_FULL, retry_most(c, a->now_ms), 0);
        return;
    }
    if (mdl_ledger_paused(c->ledger)) {
        mdl_coordinator_idle(c, a, MDL_REASON_IDLE_PAUSED, retry_most(c, a->now_ms), 1);
        return;
    }
    if (mdl_ledger_verifies(c->ledger) && mdl_round_wants(c, a->worker)) {
        mdl_coordinator_idle(c, a, MDL_REASON_SHOW_NONCE, RETRY_MS_MIN, 0);
        return;
    }
    if (mdl_dispute_ask(c, a)) {
        return;
    }
    mdl_shard_given given = mdl_stage_want(c, a);
    if (given == MDL_SHARD_GIVEN) {
        return;
    }
    if (given == MDL_SHARD_SOON) {
        mdl_coordinator_idle(c, a, MDL_REASON_WAITING_FOR_GENERATION, SHARD_SOON_MS, 0);
        return;
    }
    if (given == MDL_SHARD_NOTHING) {
        int done = mdl_ledger_jobs_done(c->ledger) == c->jobs;
        mdl_coordinator_idle(c, a, done ? MDL_REASON_VERIFYING : MDL_REASON_WAITING_FOR_GENERATION, SHARD_RETRY_MS, 0);
        return;
    }
    if (c->peer[a->worker].leases >= MDL_LEASES_EACH) {
        mdl_coordinator_idle(c, a, MDL_REASON_OVER_QUOTA, retry_ms(c, a->now_ms), 0);
        return;
    }
    mdl_duty_choice choice = choose(c, a->worker);
    if (choice.kind == MDL_DUTY_NOTHING && mdl_work_free_stuck(c)) {
        choice = choose(c, a->worker);
    }
    if (choice.kind != MDL_DUTY_NOTHING) {
        uint64_t lives;
        uint32_t count = size_lease(c, a, choice, &lives);
        MDL_ASSERT(count > 0);
        grant(c, a, choice.first, count, lives);
        return;
    }
    mdl_lease_slot *late = mdl_work_find_late(c, a->worker, a->now_ms);
    if (late) {
        uint64_t lives = 0;
        for (uint32_t i = late->first; i < late->first + late->count; i++) {
            lives += lives_of(c, i);
        }
        mdl_coordinator_log(c, "copy", a->envelope->key, "lease %" PRIu64 " is late: its jobs are given out again",
                            late->id);
        late->copied = 1;
        late->copy = mdl_ledger_next_lease(c->ledger); /* `late` may move now */
        grant(c, a, late->first, late->count, lives);
        return;
    }
    int all = mdl_ledger_jobs_done(c->ledger) == c->jobs;
    mdl_coordinator_idle(c, a, all ? MDL_REASON_VERIFYING : MDL_REASON_WAITING_FOR_GENERATION, retry_ms(c, a->now_ms),
                         0);
}

/* ---- results ---- */

/* How fast the worker was, from when it could have begun; also for late results. */
static void measure(mdl_coordinator *c, const mdl_asked *a, const mdl_lease_slot *s) {
    mdl_peer *p = &c->peer[a->worker];
    uint64_t began = p->done_ms > s->granted_ms ? p->done_ms : s->granted_ms;
    uint64_t took = a->now_ms > began ? a->now_ms - began : 1, lives = 0;
    for (uint32_t i = s->first; i < s->first + s->count; i++) {
        lives += lives_of(c, i);
    }
    double speed = (double)lives / (double)took;
    p->lives = p->lives > 0 ? 0.5 * p->lives + 0.5 * speed : speed;
    p->done_ms = a->now_ms;
}

/* Whether the lease can take a commitment or a result of this worker. */
static mdl_reason judge(const mdl_coordinator *c, const mdl_asked *a, uint64_t id, const mdl_ledger_lease *l) {
    if (!l || l->worker != a->worker) {
        return id < mdl_ledger_next_lease(c->ledger) && !l ? MDL_REASON_LEASE_EXPIRED : MDL_REASON_NO_LEASE;
    }
    if (l->state == MDL_LEASE_EXPIRED) {
        return MDL_REASON_LEASE_EXPIRED;
    }
    return l->state == MDL_LEASE_OPEN && !mdl_duty_may_reveal(mdl_ledger_duty(c->ledger), id) ? MDL_REASON_DUPLICATE
                                                                                              : MDL_REASON_NONE;
}

static mdl_reason judge_result(const mdl_coordinator *c, const mdl_asked *a, const mdl_ledger_lease *l) {
    const mdl_msg_result *r = &a->message->as.result;
    mdl_reason reason = judge(c, a, r->lease, l);
    if (reason == MDL_REASON_NO_LEASE || !l) {
        return reason;
    }
    if (r->generation != l->generation || r->first != l->first || r->count != l->count) {
        return MDL_REASON_LEASE_MISMATCH;
    }
    if (r->fitness.count != r->count || r->segments.count != r->count) {
        return MDL_REASON_BAD_SHAPE;
    }
    if (reason == MDL_REASON_NONE && mdl_ledger_verifies(c->ledger) && l->commit == 0) {
        return MDL_REASON_NO_COMMIT;
    }
    return reason;
}

/* Honest work that is too late still tells how fast the worker is. */
static void turn_down(mdl_coordinator *c, const mdl_asked *a, mdl_lease_slot *s, mdl_reason reason, int measured) {
    if (s && !measured && (reason == MDL_REASON_DUPLICATE || reason == MDL_REASON_LEASE_EXPIRED)) {
        measure(c, a, s);
    }
    if (s && s->open && reason == MDL_REASON_DUPLICATE) {
        c->duplicates++;
        settle(c, s); /* the ledger ends it with the generation */
    }
    mdl_coordinator_reject(c, a, reason, 0, 1, NULL);
}

static mdl_reason reason_of(mdl_rule rule) {
    switch (rule) {
    case MDL_RULE_NOMEM:
        return MDL_REASON_INTERNAL;
    case MDL_RULE_COMMIT:
        return MDL_REASON_BAD_COMMIT;
    default:
        return MDL_REASON_OUT_OF_RANGE;
    }
}

/* Append what the worker sent. 0: refused, and said so. */
static int append(mdl_coordinator *c, const mdl_asked *a) {
    mdl_breach breach;
    if (!c->storage_ok) {
        mdl_coordinator_reject(c, a, MDL_REASON_DISK_FULL, RETRY_MS_MAX, 0, NULL);
        return 0;
    }
    mdl_rule rule = mdl_coordinator_append(c, a, &breach);
    if (rule != MDL_RULE_OK) {
        mdl_reason why = reason_of(rule);
        mdl_coordinator_reject(c, a, why, why == MDL_REASON_INTERNAL ? 1000 : 0, 0, breach.text);
        return 0;
    }
    return 1;
}

void mdl_work_commit(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_commit *m = &a->message->as.commit;
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, m->lease);
    mdl_lease_slot *s = l ? mdl_work_slot(c, l->id) : NULL;
    mdl_reason reason = judge(c, a, m->lease, l);
    int again = l && l->worker == a->worker && l->commit != 0;
    if (again && mdl_verify_equivocation(c, a)) {
        return;
    }
    if (again && memcmp(l->commitment, m->commitment, MDL_DIGEST_BYTES) == 0 && reason == MDL_REASON_NONE) {
        mdl_coordinator_give_receipt(c, a, l->commit); /* its receipt was lost */
        return;
    }
    if (reason != MDL_REASON_NONE) {
        turn_down(c, a, s, reason, again);
        return;
    }
    uint64_t record = mdl_ledger_size(c->ledger);
    if (!append(c, a)) {
        return;
    }
    if (s && s->open) {
        measure(c, a, s);
    }
    mdl_coordinator_give_receipt(c, a, record);
}

void mdl_work_result(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, a->message->as.result.lease);
    mdl_lease_slot *s = l ? mdl_work_slot(c, l->id) : NULL;
    int committed = l && l->commit != 0;
    mdl_reason reason = judge_result(c, a, l);
    if (reason == MDL_REASON_NONE && l->state == MDL_LEASE_DONE) {
        mdl_coordinator_give_receipt(c, a, l->result); /* its receipt was lost */
        return;
    }
    if (reason != MDL_REASON_NONE) {
        turn_down(c, a, s, reason, committed);
        return;
    }
    uint64_t record = mdl_ledger_size(c->ledger);
    if (!append(c, a)) {
        return;
    }
    MDL_ASSERT(s);
    if (!committed) {
        measure(c, a, s);
    }
    if (s->open) { /* else it was turned down once, and a verdict has made room for it since */
        settle(c, s);
    }
    c->peer[a->worker].patience = 1;
    c->results++;
    mdl_coordinator_give_receipt(c, a, record);
    mdl_coordinator_advance(c, a->now_ms);
    mdl_verify_drive(c, a->now_ms);
}

/* The open slot of a worker's lease after `*id`, which is updated; NULL: no more. Leases of the ledger and slots are
 * of the same generation. */
static mdl_lease_slot *next_open(mdl_coordinator *c, uint32_t worker, uint64_t *id) {
    const mdl_ledger_worker *w;
    mdl_ledger_workers(c->ledger, &w);
    while ((*id = mdl_duty_lease_of(mdl_ledger_duty(c->ledger), w[worker].key, *id)) != UINT64_MAX) {
        mdl_lease_slot *s = mdl_work_slot(c, *id);
        if (s && s->open) {
            return s;
        }
    }
    return NULL;
}

void mdl_work_follow(mdl_coordinator *c, uint32_t worker) {
    mdl_lease_slot *s;
    for (uint64_t id = UINT64_MAX; (s = next_open(c, worker, &id)) != NULL;) {
        if (mdl_ledger_lease_find(c->ledger, id)->state != MDL_LEASE_OPEN) {
            settle(c, s);
        }
    }
}

/* ---- leases that end without a result ---- */

void mdl_work_expire(mdl_coordinator *c, uint32_t at, mdl_reason reason) {
    mdl_lease_slot *s = &c->lease[at];
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_EXPIRE;
    m.as.expire.lease = s->id;
    if (reason == MDL_REASON_DEADLINE && mdl_ledger_lease_find(c->ledger, s->id)->commit != 0) {
        reason = MDL_REASON_UNREVEALED;
    }
    m.as.expire.reason = (uint32_t)reason;
    if (!mdl_coordinator_record(c, &m)) {
        return;
    }
    const mdl_ledger_worker *worker;
    mdl_ledger_workers(c->ledger, &worker);
    mdl_coordinator_log(c, "expire", worker[s->worker].key, "lease %" PRIu64 " of %" PRIu32 " jobs: %s", s->id,
                        s->count, mdl_reason_sentence(reason));
    if (s->open) {
        settle(c, s);
    }
    c->late_ms = 0; /* it may have been a copy */
    c->expired++;
}

void mdl_work_tick(mdl_coordinator *c, uint64_t now_ms) {
    for (uint32_t i = c->lease_open; i < c->leases && !c->failed; i++) {
        mdl_lease_slot *s = &c->lease[i];
        if (s->open && now_ms >= s->deadline_ms) {
            mdl_peer *p = &c->peer[s->worker];
            p->patience = p->patience < PATIENCE_MAX ? 2 * p->patience : PATIENCE_MAX;
            mdl_work_expire(c, i, MDL_REASON_DEADLINE);
        }
    }
}

void mdl_work_revoke(mdl_coordinator *c, uint32_t worker, mdl_reason reason) {
    mdl_stage_revoke(c, worker, reason);
    mdl_lease_slot *s;
    for (uint64_t id = UINT64_MAX; !c->failed && (s = next_open(c, worker, &id)) != NULL;) {
        mdl_work_expire(c, (uint32_t)(s - c->lease), reason);
    }
}

void mdl_work_orphan(mdl_coordinator *c, uint32_t worker) {
    mdl_stage_orphan(c, worker);
    mdl_lease_slot *s;
    for (uint64_t id = UINT64_MAX; (s = next_open(c, worker, &id)) != NULL;) {
        if (!s->orphan) {
            s->orphan = 1;
            c->late_ms = c->late_ms < mdl_work_late_at(s) ? c->late_ms : mdl_work_late_at(s);
            c->peer[worker].leases--;
            c->peer[worker].queued_ms -= s->work_ms;
        }
    }
}
