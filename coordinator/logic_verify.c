/* What the coordinator does itself: disputed jobs, what is selected, and what no
 * trusted worker of another owner is there for. PROTOCOL chapter 10. */
#include <inttypes.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"
#include "protocol/transcript.h"

enum { SCAN_MS = 50 };

static uint32_t generation_of(const mdl_coordinator *c) {
    return mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
}

static int is_checking(const mdl_coordinator *c, uint32_t job) {
    for (uint32_t i = 0; i < c->checking; i++) {
        if (c->check[i].job == job && c->check[i].generation == generation_of(c)) {
            return 1;
        }
    }
    return 0;
}

/* Who may help: not for each job again, for there may be many workers and none of them trusted. */
static void find_helpers(mdl_coordinator *c, uint64_t now_ms) {
    const mdl_ledger_worker *w;
    uint32_t workers = mdl_ledger_workers(c->ledger, &w);
    if (c->helpers_ms != 0 && now_ms - c->helpers_ms < SCAN_MS) {
        return;
    }
    c->helpers = 0;
    c->helpers_ms = now_ms;
    for (uint32_t i = 0; i < workers && i < c->peers && c->helpers < 2; i++) {
        if (mdl_peer_here(&c->peer[i], now_ms) && !w[i].banned && mdl_ledger_trusted(c->ledger, i) &&
            (c->helpers == 0 || c->helper[0] != w[i].owner_number)) {
            c->helper[c->helpers++] = w[i].owner_number;
        }
    }
}

/* Whether one of them is of another owner than the job's answers. */
static int can_help(const mdl_coordinator *c, uint32_t job) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    for (uint32_t i = 0; i < c->helpers; i++) {
        if (mdl_duty_may_lease(duty, c->helper[i], job, 1)) {
            return 1;
        }
    }
    return 0;
}

/* A job that waits for another owner, and whoever took it is so late that others, had there been any, would have it by
 * now: nobody holds a generation up by taking what he never does. */
static uint32_t find_overdue(const mdl_coordinator *c, uint64_t now_ms) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    for (uint32_t i = c->lease_open; mdl_duty_fresh(duty) == 0 && i < c->leases; i++) {
        const mdl_lease_slot *s = &c->lease[i];
        if (!s->open || now_ms < mdl_work_late_at(s) + 2 * c->config.lease_ms) {
            continue;
        }
        for (uint32_t job = s->first; job < s->first + s->count; job++) {
            if (mdl_duty_lacks(duty, job) && !is_checking(c, job)) {
                return job;
            }
        }
    }
    return MDL_DUTY_NONE;
}

/* A job that waits for another owner, where there is none, or none came in time. */
static uint32_t find_waiting(mdl_coordinator *c, uint64_t now_ms) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    if (now_ms - c->scanned_ms < SCAN_MS) {
        return MDL_DUTY_NONE;
    }
    find_helpers(c, now_ms);
    for (uint32_t job = mdl_duty_waiting(duty, 0); job != MDL_DUTY_NONE; job = mdl_duty_waiting(duty, job + 1)) {
        if (is_checking(c, job)) {
            continue;
        }
        c->waited[job] = c->waited[job] ? c->waited[job] : now_ms;
        int late = mdl_duty_fresh(duty) == 0 && now_ms - c->waited[job] >= 2 * c->config.lease_ms;
        if (late || !mdl_stage_whole(c) || !can_help(c, job)) {
            return job;
        }
    }
    uint32_t overdue = find_overdue(c, now_ms);
    if (overdue == MDL_DUTY_NONE) {
        c->scanned_ms = now_ms; /* nothing to do: do not look again at once */
    }
    return overdue;
}

/* Validation is always selected: it can be done before the generation is over. */
static uint32_t find_validation(const mdl_coordinator *c) {
    const mdl_experiment *x = mdl_ledger_experiment(c->ledger);
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    uint32_t job = 0;
    for (uint32_t k = 0; k < x->evolution.islands; k++) {
        job += x->evolution.island[k].population;
    }
    for (; x->verification.selected && job < c->jobs; job++) {
        if (mdl_duty_answers(duty, job) > 0 && !mdl_duty_settled(duty, job) && !is_checking(c, job)) {
            return job;
        }
    }
    return MDL_DUTY_NONE;
}

static uint32_t find_selected(mdl_coordinator *c) {
    uint32_t job = mdl_ledger_selected(c->ledger, 0);
    while (job != MDL_DUTY_NONE && is_checking(c, job)) {
        job = mdl_ledger_selected(c->ledger, job + 1);
    }
    return job;
}

static uint32_t find_disputed(mdl_coordinator *c, uint64_t now_ms) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    uint32_t job = mdl_duty_disputed(duty, 0);
    while (job != MDL_DUTY_NONE && (is_checking(c, job) || mdl_dispute_handles(c, job, now_ms))) {
        job = mdl_duty_disputed(duty, job + 1);
    }
    return job;
}

static void decide(mdl_coordinator *c, uint32_t job, const mdl_duty_answer *answer, uint64_t now_ms);

/* Who contradicts an answer of ours, to a planted job or one that was settled meanwhile: nothing is to be computed. */
static int decide_again(mdl_coordinator *c, uint32_t job, uint64_t now_ms) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    if (job == MDL_DUTY_NONE || !mdl_duty_settled(duty, job)) {
        return 0;
    }
    mdl_duty_answer own = *mdl_duty_answer_of(duty, job);
    decide(c, job, &own, now_ms);
    return !mdl_duty_is_disputed(duty, job);
}

void mdl_verify_drive(mdl_coordinator *c, uint64_t now_ms) {
    if (!mdl_ledger_verifies(c->ledger) || c->failed || !c->storage_ok || mdl_ledger_jobs(c->ledger) == 0) {
        return;
    }
    while (c->checking < c->config.checkers) {
        const mdl_evolution *of = mdl_ledger_evolution(c->ledger);
        uint32_t job = find_disputed(c, now_ms);
        if (decide_again(c, job, now_ms)) {
            continue;
        }
        if (job == MDL_DUTY_NONE && !mdl_review_next(c, &of, &job)) {
            job = MDL_DUTY_NONE;
        }
        job = job != MDL_DUTY_NONE ? job : find_selected(c);
        job = job != MDL_DUTY_NONE ? job : find_waiting(c, now_ms);
        job = job != MDL_DUTY_NONE ? job : find_validation(c);
        if (job == MDL_DUTY_NONE) {
            return;
        }
        mdl_checking *check = &c->check[c->checking++];
        *check = (mdl_checking){.generation = mdl_evolution_generation(of), .job = job};
        if (check->generation != generation_of(c) || !mdl_stage_search(c, job, check->transcript)) {
            c->io.compute(c->io.ctx, of, job);
        }
    }
}

mdl_answerers mdl_verify_answerers(const mdl_coordinator *c, uint32_t job) {
    const mdl_duty *duty = mdl_ledger_duty(c->ledger);
    mdl_answerers a = {0, {0}};
    for (uint32_t i = 0; i < mdl_duty_answers(duty, job); i++) {
        uint64_t id;
        mdl_duty_answer_at(duty, job, i, &id);
        const mdl_ledger_lease *l = mdl_ledger_lease_find(c->ledger, id);
        if (l) {
            a.worker[a.count++] = l->worker;
        }
    }
    return a;
}

static void leave(mdl_coordinator *c, uint32_t worker, uint64_t now_ms) {
    mdl_work_follow(c, worker);
    mdl_peer_leaves(c, worker, now_ms);
    mdl_peer_close(c, worker);
}

void mdl_verify_leave(mdl_coordinator *c, uint32_t worker, uint64_t record, uint64_t now_ms) {
    const mdl_ledger_worker *w;
    uint32_t workers = mdl_ledger_workers(c->ledger, &w);
    if (mdl_ledger_alone(c->ledger, worker)) {
        leave(c, worker, now_ms);
        return;
    }
    for (uint32_t i = 0; i < workers; i++) {
        if (w[i].line == w[worker].line && w[i].verdict == record) {
            leave(c, i, now_ms);
        }
    }
}

void mdl_verify_convicted(mdl_coordinator *c, uint64_t record, uint32_t job, const mdl_answerers *a, uint64_t now_ms) {
    const mdl_ledger_worker *w;
    mdl_ledger_workers(c->ledger, &w);
    mdl_stage_follow(c, now_ms);
    c->late_ms = 0; /* jobs may be open again */
    c->voided = 1;
    for (uint32_t k = 0; k < a->count; k++) {
        uint32_t i = a->worker[k];
        if (w[i].verdict != record) {
            continue;
        }
        mdl_coordinator_log(c, "verdict", w[i].key,
                            "convicted by record %" PRIu64 ": its answer of job %" PRIu32
                            " is not the right one; %" PRIu64 " updates are forfeited",
                            record, job, w[i].forfeited);
        mdl_verify_leave(c, i, record, now_ms);
    }
}

int mdl_verify_equivocation(mdl_coordinator *c, const mdl_asked *a) {
    mdl_message m;
    uint64_t lease;
    if (c->failed || !c->storage_ok || !mdl_ledger_equivocates(c->ledger, a->envelope, a->message, &lease)) {
        return 0;
    }
    const mdl_ledger_worker *w;
    mdl_ledger_workers(c->ledger, &w);
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_EQUIVOCATION;
    memcpy(m.as.equivocation.worker, w[a->worker].key, MDL_KEY_BYTES);
    m.as.equivocation.lease = lease;
    mdl_digest_of(a->raw, a->raw_size, m.as.equivocation.second);
    c->io.put_blob(c->io.ctx, m.as.equivocation.second, a->raw, a->raw_size);
    uint64_t record = mdl_ledger_size(c->ledger);
    if (!mdl_coordinator_record(c, &m)) {
        return 0;
    }
    mdl_coordinator_reject(c, a, MDL_REASON_BANNED, 0, 1, "two messages where there is one to say");
    mdl_coordinator_log(c, "equivocation", a->envelope->key,
                        "convicted by record %" PRIu64 ": it contradicts a record of lease %" PRIu64, record, lease);
    mdl_stage_follow(c, a->now_ms);
    c->late_ms = 0; /* jobs may be open again */
    c->voided = 1;
    mdl_verify_leave(c, a->worker, record, a->now_ms);
    return 1;
}

/* The answer to a job of the open generation. */
static void decide(mdl_coordinator *c, uint32_t job, const mdl_duty_answer *answer, uint64_t now_ms) {
    mdl_message m;
    uint64_t record = mdl_ledger_size(c->ledger);
    mdl_answerers answered = mdl_verify_answerers(c, job);
    /* Its answers may be void by now, or the disk full: then it was for nothing. */
    if (!c->failed && c->storage_ok && mdl_ledger_make_check(c->ledger, job, answer, &m) == MDL_OK &&
        mdl_coordinator_record(c, &m)) {
        if (m.type == MDL_MSG_VERDICT) {
            c->verdicts++;
            mdl_verify_convicted(c, record, job, &answered, now_ms);
        } else {
            c->checks++;
        }
    }
}

/* A thread is done with a job. */
static mdl_checking take_back(mdl_coordinator *c, uint32_t generation, uint32_t job) {
    uint32_t at = 0;
    while (at < c->checking &&
           (c->check[at].judges || c->check[at].job != job || c->check[at].generation != generation)) {
        at++;
    }
    MDL_ASSERT(at < c->checking);
    mdl_checking check = c->check[at];
    c->check[at] = c->check[--c->checking];
    return check;
}

static void go_on(mdl_coordinator *c, uint64_t now_ms) {
    c->scanned_ms = 0;
    if (c->started && c->storage_ok) {
        mdl_coordinator_advance(c, now_ms);
        mdl_verify_drive(c, now_ms);
    }
}

void mdl_coordinator_computed(mdl_coordinator *c, uint32_t generation, uint32_t job, const mdl_duty_answer *answer,
                              uint64_t now_ms) {
    take_back(c, generation, job);
    if (generation == generation_of(c)) {
        decide(c, job, answer, now_ms);
    } else {
        mdl_review_computed(c, generation, job, answer);
    }
    go_on(c, now_ms);
}

void mdl_coordinator_found(mdl_coordinator *c, uint32_t job, const mdl_duty_answer *answer,
                           const mdl_transcript_fault *fault, uint64_t now_ms) {
    mdl_checking check = take_back(c, generation_of(c), job);
    decide(c, job, answer, now_ms);
    mdl_stage_accuse(c, job, check.transcript, fault, now_ms);
    go_on(c, now_ms);
}
