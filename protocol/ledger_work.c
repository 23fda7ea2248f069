/* Admissions, leases, results and the operator's actions. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/invite.h"
#include "protocol/key_change.h"
#include "protocol/ledger_internal.h"
#include "protocol/reason.h"
#include "protocol/ticket.h"

static int all_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return 0;
    return 1;
}

/* A list of `room` elements of `size` bytes with place for one more after
 * `count`; NULL (and the old list as it was) when out of memory. */
static void *grown(void *at, uint32_t count, uint32_t *room, size_t size) {
    if (count < *room)
        return at;
    if (*room > UINT32_MAX / 2)
        return NULL;
    uint32_t more = *room ? 2 * *room : 16;
    if (more > SIZE_MAX / size)
        return NULL;
    void *bigger = realloc(at, more * size);
    if (bigger)
        *room = more;
    return bigger;
}

/* ---- admissions ---- */

static mdl_rule check_evidence(const mdl_ledger *l, const mdl_msg_admit *m, mdl_breach *breach) {
    mdl_msg_invite terms;
    const char *why = NULL;
    int own = memcmp(m->owner, m->worker, sizeof m->owner) == 0;
    if (m->how != (uint32_t)l->admission.how)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "admission was in way %u; the genesis asks for \"%s\"",
                                (unsigned)m->how, l->genesis.admission);
    if (m->how != MDL_ADMIT_OPEN && m->ticket != 0)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "a ticket where admission is not open");
    if (m->how != MDL_ADMIT_INVITE && m->invite[0] != 0)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "an invitation where none is asked for");
    switch (l->admission.how) {
    case MDL_ADMIT_OPEN:
        if (!own)
            return mdl_ledger_break(breach, MDL_RULE_ADMIT, "open admission, but another owner than the worker");
        if (mdl_ticket_bits(l->experiment.id, m->worker, m->ticket) < l->admission.bits)
            return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the ticket has fewer than %u bits",
                                    (unsigned)l->admission.bits);
        return MDL_RULE_OK;
    case MDL_ADMIT_LIST:
        if (all_zero(m->owner, sizeof m->owner))
            return mdl_ledger_break(breach, MDL_RULE_ADMIT, "a worker of the list without an owner");
        return MDL_RULE_OK;
    default:
        /* That the owner may invite, and that it was in time, are the coordinator's assertions. */
        if (mdl_invite_check(m->invite, l->experiment.id, m->worker, l->coordinator, &m->owner, 1, 0, &terms, &why) !=
            MDL_REASON_NONE)
            return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the invitation: %s", why ? why : "it is not valid");
        if (memcmp(terms.owner, m->owner, sizeof terms.owner) != 0 || strcmp(terms.name, m->name) != 0)
            return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the invitation gives another owner or name");
        return MDL_RULE_OK;
    }
}

mdl_rule mdl_ledger_on_admit(mdl_ledger *l, const mdl_msg_admit *m, mdl_breach *breach) {
    if (mdl_ledger_worker_at(l, m->worker))
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the worker was admitted before");
    if (memcmp(m->worker, l->coordinator, sizeof m->worker) == 0)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the worker has the coordinator's key");
    if (mdl_key_check(m->worker) != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the worker's key is weak");
    mdl_rule rule = check_evidence(l, m, breach);
    if (rule != MDL_RULE_OK)
        return rule;

    uint32_t room = l->workers_room;
    uint32_t *by_key = grown(l->by_key, l->workers, &room, sizeof *by_key);
    if (!by_key)
        return mdl_ledger_no_memory(breach);
    l->by_key = by_key;
    room = l->workers_room;
    mdl_ledger_worker *worker = grown(l->worker, l->workers, &room, sizeof *worker);
    if (!worker)
        return mdl_ledger_no_memory(breach);
    l->worker = worker;
    l->workers_room = room;

    uint32_t at = l->workers;
    while (at > 0 && memcmp(worker[by_key[at - 1]].key, m->worker, sizeof m->worker) > 0)
        at--;
    memmove(by_key + at + 1, by_key + at, (l->workers - at) * sizeof *by_key);
    by_key[at] = l->workers;
    worker += l->workers++;
    *worker = (mdl_ledger_worker){.admitted = l->size, .how = m->how};
    memcpy(worker->key, m->worker, sizeof worker->key);
    memcpy(worker->owner, m->owner, sizeof worker->owner);
    memcpy(worker->name, m->name, sizeof worker->name);
    return MDL_RULE_OK;
}

/* ---- the operator ---- */

mdl_rule mdl_ledger_on_admin(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach) {
    int pause = strcmp(m->action, "pause") == 0, ban = strcmp(m->action, "ban") == 0;
    if (pause || strcmp(m->action, "resume") == 0) {
        if (!all_zero(m->target, sizeof m->target))
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s has a target", m->action);
        if (l->paused == pause)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s changes nothing", m->action);
        l->paused = pause;
        return MDL_RULE_OK;
    }
    if (mdl_key_change_of(m->action) != MDL_KEY_NONE)
        return mdl_ledger_on_key_change(l, m, breach);
    if (ban || strcmp(m->action, "unban") == 0) {
        mdl_ledger_worker *w = mdl_ledger_worker_at(l, m->target);
        if (!w)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a key that was not admitted", m->action);
        if (w->revoked)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a key that has ended", m->action);
        if (w->banned == (uint32_t)ban)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s changes nothing", m->action);
        w->banned = (uint32_t)ban;
        return MDL_RULE_OK;
    }
    return mdl_ledger_break(breach, MDL_RULE_ADMIN, "\"%s\" is no action", m->action);
}

/* ---- leases ---- */

mdl_rule mdl_ledger_on_lease(mdl_ledger *l, const mdl_msg_lease *m, mdl_breach *breach) {
    const mdl_ledger_worker *w = mdl_ledger_worker_at(l, m->worker);
    if (m->lease != l->next_lease)
        return mdl_ledger_break(breach, MDL_RULE_LEASE, "the lease has number %llu, the next is %llu",
                                (unsigned long long)m->lease, (unsigned long long)l->next_lease);
    if (!w || w->banned)
        return mdl_ledger_break(breach, MDL_RULE_LEASE, "a lease for a worker that %s",
                                w ? "is banned" : "was not admitted");
    if (l->paused)
        return mdl_ledger_break(breach, MDL_RULE_LEASE, "a lease while the experiment is paused");
    if (m->generation != mdl_evolution_generation(l->evolution))
        return mdl_ledger_break(breach, MDL_RULE_LEASE, "a lease of generation %u, open is %u", (unsigned)m->generation,
                                (unsigned)mdl_evolution_generation(l->evolution));
    if (m->first >= l->jobs || m->count > l->jobs - m->first)
        return mdl_ledger_break(breach, MDL_RULE_LEASE, "%u jobs from %u; the generation has %u", (unsigned)m->count,
                                (unsigned)m->first, (unsigned)l->jobs);
    for (uint32_t i = m->first; i < m->first + m->count; i++) {
        const mdl_ledger_job *job = &l->job[i];
        if (job->record != 0)
            return mdl_ledger_break(breach, MDL_RULE_LEASE, "job %u has its result in record %llu", (unsigned)i,
                                    (unsigned long long)job->record);
        if (job->open > 0 && (job->first != m->first || job->count != m->count))
            return mdl_ledger_break(breach, MDL_RULE_LEASE, "job %u is in an open lease of other jobs", (unsigned)i);
    }
    mdl_ledger_lease *lease = grown(l->lease, l->leases, &l->leases_room, sizeof *lease);
    if (!lease)
        return mdl_ledger_no_memory(breach);
    l->lease = lease;
    lease[l->leases++] = (mdl_ledger_lease){.id = m->lease,
                                            .worker = (uint32_t)(w - l->worker),
                                            .generation = m->generation,
                                            .first = m->first,
                                            .count = m->count,
                                            .state = MDL_LEASE_OPEN,
                                            .record = l->size};
    l->next_lease++;
    l->worker[w - l->worker].open++;
    for (uint32_t i = m->first; i < m->first + m->count; i++) {
        l->job[i].open++;
        l->job[i].first = m->first;
        l->job[i].count = m->count;
    }
    return MDL_RULE_OK;
}

void mdl_ledger_end_lease(mdl_ledger *l, mdl_ledger_lease *lease, mdl_lease_state state) {
    MDL_ASSERT(lease->state == MDL_LEASE_OPEN && state != MDL_LEASE_OPEN);
    mdl_ledger_worker *w = &l->worker[lease->worker];
    lease->state = state;
    w->open--;
    if (state == MDL_LEASE_DONE)
        w->accepted++;
    else
        w->expired++;
    for (uint32_t i = lease->first; i < lease->first + lease->count; i++)
        l->job[i].open--;
}

static const char *lease_state(const mdl_ledger_lease *lease) {
    if (!lease)
        return "does not exist, or is of a generation long closed";
    return lease->state == MDL_LEASE_DONE ? "has its result" : "has expired";
}

mdl_rule mdl_ledger_on_expire(mdl_ledger *l, const mdl_msg_expire *m, mdl_breach *breach) {
    mdl_ledger_lease *lease = mdl_ledger_lease_at(l, m->lease);
    if (!lease || lease->state != MDL_LEASE_OPEN)
        return mdl_ledger_break(breach, MDL_RULE_EXPIRE, "lease %llu %s", (unsigned long long)m->lease,
                                lease_state(lease));
    if (m->reason != MDL_REASON_DEADLINE && m->reason != MDL_REASON_LEFT && m->reason != MDL_REASON_REVOKED)
        return mdl_ledger_break(breach, MDL_RULE_EXPIRE, "%u is no reason to end a lease", (unsigned)m->reason);
    mdl_ledger_end_lease(l, lease, MDL_LEASE_EXPIRED);
    return MDL_RULE_OK;
}

/* ---- results ---- */

mdl_rule mdl_ledger_on_result(mdl_ledger *l, const mdl_msg_result *m, const uint8_t *key, mdl_breach *breach) {
    mdl_ledger_lease *lease = mdl_ledger_lease_at(l, m->lease);
    if (!lease)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "lease %llu %s", (unsigned long long)m->lease,
                                lease_state(lease));
    mdl_ledger_worker *w = &l->worker[lease->worker];
    if (memcmp(key, w->key, sizeof w->key) != 0)
        return mdl_ledger_break(breach, MDL_RULE_SIGNER, "the result of lease %llu is not signed by its worker",
                                (unsigned long long)m->lease);
    if (lease->state != MDL_LEASE_OPEN)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "lease %llu %s", (unsigned long long)m->lease,
                                lease_state(lease));
    if (w->banned)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "the worker is banned");
    if (m->generation != lease->generation || m->first != lease->first || m->count != lease->count)
        return mdl_ledger_break(breach, MDL_RULE_RESULT,
                                "generation %u, %u jobs from %u; the lease is of generation %u, %u jobs from %u",
                                (unsigned)m->generation, (unsigned)m->count, (unsigned)m->first,
                                (unsigned)lease->generation, (unsigned)lease->count, (unsigned)lease->first);
    if (m->fitness.count != m->count)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "%u fitnesses for %u jobs", (unsigned)m->fitness.count,
                                (unsigned)m->count);
    for (uint32_t i = m->first; i < m->first + m->count; i++)
        if (l->job[i].record != 0)
            return mdl_ledger_break(breach, MDL_RULE_RESULT, "job %u has its result in record %llu", (unsigned)i,
                                    (unsigned long long)l->job[i].record);
    /* l->pending is the sum of all workers' pending. */
    if (m->updates > UINT64_MAX - l->pending || m->updates > UINT64_MAX - w->credit - w->pending)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "the sum of synapse updates passes 2^64");

    mdl_ledger_end_lease(l, lease, MDL_LEASE_DONE);
    lease->result = l->size;
    w->pending += m->updates;
    l->pending += m->updates;
    for (uint32_t i = 0; i < m->count; i++) {
        l->job[m->first + i].record = l->size;
        l->fitness[m->first + i] = m->fitness.at[i];
    }
    l->jobs_done += m->count;
    return MDL_RULE_OK;
}
