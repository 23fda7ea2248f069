/* Leases that keep others waiting: what is late is given out twice, and what can no longer be answered ends. PROTOCOL
 * section 7.3. */
#include "coordinator/logic_internal.h"

enum {
    COPY_MS_MIN = 500, /* no lease is copied earlier                                         */
    SLOW_MS = 30000,   /* nor one that is not late, to somebody who is much faster           */
    SLOW_FACTOR = 4,   /* who would have had it so many times by now                         */
    LOOK_AGAIN_MS = 5  /* all are looked at again, where some are late and not for this asker */
};

mdl_lease_slot *mdl_work_slot(const mdl_coordinator *c, uint64_t id) {
    /* Numbers of a generation's leases are consecutive. */
    if (c->leases == 0 || id < c->lease[0].id || id - c->lease[0].id >= c->leases) {
        return NULL;
    }
    return &c->lease[id - c->lease[0].id];
}

uint64_t mdl_work_late_at(const mdl_lease_slot *s) {
    uint64_t late_ms = s->orphan ? s->expected_ms / 2 : 2 * s->expected_ms;
    return s->granted_ms + (late_ms > COPY_MS_MIN ? late_ms : COPY_MS_MIN);
}

int mdl_work_is_done(const mdl_coordinator *c, const mdl_lease_slot *s) {
    return !mdl_duty_may_reveal(mdl_ledger_duty(c->ledger), s->id);
}

/* Whether this worker may do an open lease's jobs too. */
static int may_copy(const mdl_coordinator *c, uint32_t worker, const mdl_lease_slot *s) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    const mdl_ledger_worker *w;
    mdl_ledger_workers(c->ledger, &w);
    return mdl_duty_may_lease(duty, w[worker].owner_number, s->first, s->count) &&
           (mdl_ledger_trusted(c->ledger, worker) || mdl_duty_kind_of(duty, s->id) == MDL_DUTY_FRESH);
}

/* Somebody else has its jobs too, or has done them. A copy that ended with nothing is none. */
static int has_copy(const mdl_coordinator *c, const mdl_lease_slot *s) {
    const mdl_lease_slot *copy = s->copied ? mdl_work_slot(c, s->copy) : NULL;
    return copy && (copy->open || mdl_ledger_lease_find(c->ledger, s->copy)->state != MDL_LEASE_EXPIRED);
}

/* Whether it takes too long for this worker to wait: it is late, and who asks is not so slow that it would be late with
 * the copy too; or its holder is slow, and who asks would have done it long ago. */
static int is_late_for(const mdl_coordinator *c, uint32_t worker, const mdl_lease_slot *s, uint64_t now_ms) {
    const mdl_peer *p = &c->peer[worker];
    uint64_t age_ms = now_ms - s->granted_ms;
    double takes_ms = p->lives > 0 && s->lives > 0 ? (double)p->queued_ms + (double)s->lives / p->lives : 0;
    if (now_ms >= mdl_work_late_at(s)) {
        return takes_ms <= 2 * (double)age_ms;
    }
    return takes_ms > 0 && age_ms >= SLOW_MS && SLOW_FACTOR * takes_ms <= (double)age_ms &&
           (double)age_ms + takes_ms < (double)s->expected_ms;
}

mdl_lease_slot *mdl_work_find_late(mdl_coordinator *c, uint32_t worker, uint64_t now_ms) {
    uint64_t first_ms = UINT64_MAX;
    if (now_ms < c->late_ms) {
        return NULL;
    }
    for (uint32_t i = c->lease_open; i < c->leases; i++) {
        mdl_lease_slot *s = &c->lease[i];
        if (!s->open || has_copy(c, s)) {
            continue;
        }
        uint64_t at_ms = mdl_work_late_at(s), slow_ms = s->granted_ms + SLOW_MS;
        at_ms = at_ms < slow_ms ? at_ms : slow_ms;
        if (now_ms >= at_ms) {
            if (mdl_work_is_done(c, s)) {
                continue; /* until a verdict */
            }
            if ((s->worker != worker || s->orphan) && is_late_for(c, worker, s, now_ms) && may_copy(c, worker, s)) {
                return s;
            }
            at_ms = now_ms + LOOK_AGAIN_MS;
        }
        first_ms = at_ms < first_ms ? at_ms : first_ms;
    }
    c->late_ms = first_ms;
    return NULL;
}

/* A conviction has taken the answers of some of its jobs away: its result would not count, for others have one, or it
 * was turned down when they had. Nobody may have a copy of it, and while it is open those jobs are not free. */
static int is_stuck(const mdl_coordinator *c, const mdl_lease_slot *s) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, s->id);
    uint32_t bare = 0;
    for (uint32_t i = s->first; l->state == MDL_LEASE_OPEN && i < s->first + s->count; i++) {
        bare += mdl_duty_answers(duty, i) == 0;
    }
    return bare > 0 && l->shards == 0 && (!s->open || mdl_work_is_done(c, s));
}

int mdl_work_free_stuck(mdl_coordinator *c) {
    int any = 0;
    if (!c->voided) {
        return 0;
    }
    c->voided = 0;
    for (uint32_t i = 0; i < c->leases && !c->failed; i++) {
        if (is_stuck(c, &c->lease[i])) {
            mdl_work_expire(c, i, MDL_REASON_OVERTAKEN);
            any = 1;
        }
    }
    return any;
}
