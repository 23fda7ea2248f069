/* Leases, commitments and results. */
#include <string.h>

#include "core/assert.h"
#include "protocol/chain.h"
#include "protocol/grow.h"
#include "protocol/ledger_internal.h"
#include "protocol/merkle.h"
#include "protocol/reason.h"

/* ---- leases ---- */

/* Fresh jobs, those of an open lease once more, or, where it is verified, answered ones. */
static mdl_rule check_jobs(const mdl_ledger *l, const mdl_ledger_worker *w, uint32_t first, uint32_t count,
                           mdl_breach *breach) {
    uint64_t record;
    for (uint32_t i = first; !mdl_ledger_verifies(l) && i < first + count; i++)
        if (mdl_ledger_job_result(l, i, NULL, &record))
            return mdl_ledger_break(breach, MDL_RULE_LEASE, "job %u has its result in record %llu", (unsigned)i,
                                    (unsigned long long)record);
    if (!mdl_duty_may_lease(l->duty, w->owner_number, first, count))
        return mdl_ledger_break(breach, MDL_RULE_LEASE,
                                "of the jobs %u to %u some are in an open lease of other jobs, some have results and "
                                "some have not, or the owner has answered one",
                                (unsigned)first, (unsigned)(first + count - 1));
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_check_lease(mdl_ledger *l, uint64_t id, const uint8_t *key, uint32_t generation, mdl_rule rule,
                                mdl_ledger_lease *lease, mdl_breach *breach) {
    const mdl_ledger_worker *w = mdl_ledger_worker_at(l, key);
    if (id != l->next_lease)
        return mdl_ledger_break(breach, rule, "the lease has number %llu, the next is %llu", (unsigned long long)id,
                                (unsigned long long)l->next_lease);
    if (!w || w->banned)
        return mdl_ledger_break(breach, rule, "a lease for a worker that %s", w ? "is banned" : "was not admitted");
    if (l->paused)
        return mdl_ledger_break(breach, rule, "a lease while the experiment is paused");
    if (generation != mdl_evolution_generation(l->evolution))
        return mdl_ledger_break(breach, rule, "a lease of generation %u, open is %u", (unsigned)generation,
                                (unsigned)mdl_evolution_generation(l->evolution));
    memset(lease, 0, sizeof *lease);
    *lease = (mdl_ledger_lease){.id = id,
                                .worker = (uint32_t)(w - l->worker),
                                .generation = generation,
                                .state = MDL_LEASE_OPEN,
                                .trusted = (uint8_t)mdl_ledger_trusted(l, (uint32_t)(w - l->worker)),
                                .record = l->size};
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_lease_room(mdl_ledger *l, mdl_breach *breach) {
    if (!mdl_list_grow(&l->lease, &l->leases_room, l->leases + 1, sizeof *l->lease))
        return mdl_ledger_no_memory(breach);
    return MDL_RULE_OK;
}

void mdl_ledger_add_lease(mdl_ledger *l, const mdl_ledger_lease *lease) {
    MDL_ASSERT(l->leases < l->leases_room);
    memcpy(&l->lease[l->leases], lease, sizeof *lease);
    l->leases++;
    l->next_lease++;
    l->worker[lease->worker].open++;
}

mdl_rule mdl_ledger_on_lease(mdl_ledger *l, const mdl_msg_lease *m, mdl_breach *breach) {
    mdl_ledger_lease lease = {0};
    mdl_rule rule = mdl_ledger_check_lease(l, m->lease, m->worker, m->generation, MDL_RULE_LEASE, &lease, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    const mdl_ledger_worker *w = &l->worker[lease.worker];
    if (m->first >= l->jobs || m->count > l->jobs - m->first)
        return mdl_ledger_break(breach, MDL_RULE_LEASE, "%u jobs from %u; the generation has %u", (unsigned)m->count,
                                (unsigned)m->first, (unsigned)l->jobs);
    rule = check_jobs(l, w, m->first, m->count, breach);
    if (rule == MDL_RULE_OK)
        rule = mdl_ledger_lease_room(l, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    lease.first = m->first;
    lease.count = m->count;
    if (mdl_duty_lease(l->duty, m->lease, m->worker, w->owner_number, lease.trusted, m->first, m->count) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    mdl_ledger_add_lease(l, &lease);
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
}

static const char *lease_state(const mdl_ledger_lease *lease) {
    if (!lease)
        return "does not exist, or is of a generation long closed";
    return lease->state == MDL_LEASE_DONE ? "has its result" : "has expired";
}

mdl_rule mdl_ledger_on_expire(mdl_ledger *l, const mdl_msg_expire *m, mdl_breach *breach) {
    mdl_ledger_lease *lease = mdl_ledger_lease_at(l, m->lease);
    /* A shard's result counts when all are there: until then it may be given up. */
    int gives_up = lease && lease->shards > 0 && lease->state == MDL_LEASE_DONE && !lease->joined &&
                   lease->generation == mdl_evolution_generation(l->evolution);
    if (!lease || (lease->state != MDL_LEASE_OPEN && !gives_up))
        return mdl_ledger_break(breach, MDL_RULE_EXPIRE, "lease %llu %s", (unsigned long long)m->lease,
                                lease_state(lease));
    if (m->reason != MDL_REASON_DEADLINE && m->reason != MDL_REASON_LEFT && m->reason != MDL_REASON_REVOKED &&
        m->reason != MDL_REASON_UNREVEALED && m->reason != MDL_REASON_OVERTAKEN)
        return mdl_ledger_break(breach, MDL_RULE_EXPIRE, "%u is no reason to end a lease", (unsigned)m->reason);
    if (m->reason == MDL_REASON_UNREVEALED && lease->commit == 0)
        return mdl_ledger_break(breach, MDL_RULE_EXPIRE, "lease %llu ends unrevealed, but nothing was committed",
                                (unsigned long long)m->lease);
    mdl_duty_expire(l->duty, m->lease);
    if (gives_up) {
        l->worker[lease->worker].accepted--;
        l->worker[lease->worker].expired++;
        lease->state = MDL_LEASE_EXPIRED;
    } else
        mdl_ledger_end_lease(l, lease, MDL_LEASE_EXPIRED);
    return MDL_RULE_OK;
}

/* ---- commitments and results ---- */

mdl_rule mdl_ledger_find_open(const mdl_ledger *l, uint64_t id, const uint8_t *key, mdl_rule rule, const char *what,
                              mdl_ledger_lease **lease, mdl_breach *breach) {
    *lease = mdl_ledger_lease_at(l, id);
    if (!*lease)
        return mdl_ledger_break(breach, rule, "lease %llu %s", (unsigned long long)id, lease_state(*lease));
    const mdl_ledger_worker *w = &l->worker[(*lease)->worker];
    if (!mdl_ledger_speaks(l, w, key))
        return mdl_ledger_break(breach, MDL_RULE_SIGNER, "the %s of lease %llu is not signed by its worker", what,
                                (unsigned long long)id);
    if ((*lease)->state != MDL_LEASE_OPEN)
        return mdl_ledger_break(breach, rule, "lease %llu %s", (unsigned long long)id, lease_state(*lease));
    if (w->banned)
        return mdl_ledger_break(breach, rule, "the worker is banned");
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_commit(mdl_ledger *l, const mdl_msg_commit *m, const uint8_t *key, mdl_breach *breach) {
    mdl_ledger_lease *lease;
    mdl_rule rule = mdl_ledger_find_open(l, m->lease, key, MDL_RULE_COMMIT, "commitment", &lease, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (!mdl_ledger_verifies(l) || lease->shards > 0)
        return mdl_ledger_break(breach, MDL_RULE_COMMIT, "a commitment %s",
                                lease->shards > 0 ? "to a shard" : "where nothing is verified");
    if (lease->commit != 0)
        return mdl_ledger_break(breach, MDL_RULE_COMMIT, "lease %llu has its commitment in record %llu",
                                (unsigned long long)m->lease, (unsigned long long)lease->commit);
    rule = mdl_ledger_check_round(l, m, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    mdl_ledger_take_round(l, &l->worker[lease->worker], m);
    lease->commit = l->size;
    memcpy(lease->commitment, m->commitment, sizeof lease->commitment);
    return MDL_RULE_OK;
}

static mdl_rule check_commitment(const mdl_ledger *l, const mdl_ledger_lease *lease, const mdl_msg_result *m,
                                 mdl_breach *breach) {
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_pledge pledge = {.experiment = l->experiment.id,
                         .worker = l->worker[lease->worker].key,
                         .lease = lease->id,
                         .generation = lease->generation,
                         .first = lease->first,
                         .count = lease->count,
                         .nonce = m->nonce,
                         .root = m->root};
    if (!mdl_ledger_verifies(l))
        return mdl_ledger_all_zero(m->nonce, sizeof m->nonce)
                   ? MDL_RULE_OK
                   : mdl_ledger_break(breach, MDL_RULE_COMMIT, "a nonce where nothing is verified");
    if (lease->commit == 0)
        return mdl_ledger_break(breach, MDL_RULE_COMMIT, "the result of lease %llu was not committed before",
                                (unsigned long long)lease->id);
    mdl_pledge_digest(&pledge, digest);
    if (memcmp(digest, lease->commitment, sizeof digest) != 0)
        return mdl_ledger_break(breach, MDL_RULE_COMMIT, "the result of lease %llu is not what record %llu committed",
                                (unsigned long long)lease->id, (unsigned long long)lease->commit);
    return MDL_RULE_OK;
}

/* The answers into l->answer: their segments have the result's root and sum. */
static mdl_rule read_answers(mdl_ledger *l, const mdl_msg_result *m, mdl_breach *breach) {
    mdl_merkle_edge edge;
    mdl_hash leaf, top;
    uint64_t sum = 0;
    memset(&edge, 0, sizeof edge);
    for (uint32_t i = 0; i < m->count; i++) {
        mdl_duty_answer *a = &l->answer[i];
        a->fitness = m->fitness.at[i];
        mdl_segments_get(m->segments, i, a->segment, &a->updates);
        if (a->updates > UINT64_MAX - sum)
            return mdl_ledger_break(breach, MDL_RULE_RESULT, "the sum of synapse updates passes 2^64");
        sum += a->updates;
        mdl_merkle_leaf(a->segment, sizeof a->segment, &leaf);
        mdl_err err = mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
        MDL_ASSERT(err == MDL_OK);
    }
    mdl_merkle_edge_root(&edge, &top);
    if (memcmp(top.bytes, m->root, sizeof m->root) != 0)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "the root is not that of the segments");
    if (sum != m->updates)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "%llu updates; those of the jobs add up to %llu",
                                (unsigned long long)m->updates, (unsigned long long)sum);
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_result(mdl_ledger *l, const mdl_msg_result *m, const uint8_t *key, mdl_breach *breach) {
    mdl_ledger_lease *lease;
    mdl_rule rule = mdl_ledger_find_open(l, m->lease, key, MDL_RULE_RESULT, "result", &lease, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (m->generation != lease->generation || m->first != lease->first || m->count != lease->count)
        return mdl_ledger_break(breach, MDL_RULE_RESULT,
                                "generation %u, %u jobs from %u; the lease is of generation %u, %u jobs from %u",
                                (unsigned)m->generation, (unsigned)m->count, (unsigned)m->first,
                                (unsigned)lease->generation, (unsigned)lease->count, (unsigned)lease->first);
    if (m->fitness.count != m->count || m->segments.count != m->count)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "%u fitnesses and %u segments for %u jobs",
                                (unsigned)m->fitness.count, (unsigned)m->segments.count, (unsigned)m->count);
    if (!mdl_duty_may_reveal(l->duty, m->lease))
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "some of the jobs have their result by another lease");
    rule = check_commitment(l, lease, m, breach);
    if (rule == MDL_RULE_OK)
        rule = read_answers(l, m, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (m->updates > UINT64_MAX - l->sum.accepted)
        return mdl_ledger_break(breach, MDL_RULE_RESULT, "the sum of synapse updates passes 2^64");

    mdl_ledger_end_lease(l, lease, MDL_LEASE_DONE);
    lease->result = l->size;
    mdl_ledger_earn(l, &l->worker[lease->worker], m->updates);
    mdl_duty_reveal(l->duty, m->lease, m->nonce, m->root, l->answer);
    mdl_ledger_verify(l, m->first, m->count);
    return MDL_RULE_OK;
}
