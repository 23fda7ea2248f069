/* Shards: their leases and results, and whom a false window convicts. PROTOCOL
 * section 12; ledger_joined.c has what they add up to. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/cut.h"
#include "protocol/ledger_internal.h"
#include "protocol/shard_window.h"
#include "protocol/transcript.h"

enum { SPENT_MAX = 1 << 24 }; /* windows of one lease on one account: more than any life has */

/* ---- leases ---- */

/* An open lease of another cut of the job, or this worker's of the same shard. */
static mdl_rule check_others(const mdl_ledger *l, const mdl_msg_shardlease *m, uint32_t worker, mdl_breach *breach) {
    for (uint32_t i = l->leases_old; i < l->leases; i++) {
        const mdl_ledger_lease *other = &l->lease[i];
        if (other->shards == 0 || other->first != m->job || other->joined || other->state == MDL_LEASE_EXPIRED)
            continue;
        if (other->shards != m->shards)
            return mdl_ledger_break(breach, MDL_RULE_SHARD, "%u shards of job %u; lease %llu is of %u",
                                    (unsigned)m->shards, (unsigned)m->job, (unsigned long long)other->id,
                                    (unsigned)other->shards);
        if (other->shard == m->shard && other->worker == worker)
            return mdl_ledger_break(breach, MDL_RULE_SHARD, "the worker has shard %u of job %u by lease %llu",
                                    (unsigned)m->shard, (unsigned)m->job, (unsigned long long)other->id);
    }
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_shardlease(mdl_ledger *l, const mdl_msg_shardlease *m, mdl_breach *breach) {
    const mdl_sharding_spec *spec = &l->experiment.sharding;
    mdl_ledger_lease lease;
    mdl_rule rule = mdl_ledger_check_lease(l, m->lease, m->worker, m->generation, MDL_RULE_SHARD, &lease, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    const mdl_ledger_worker *w = &l->worker[lease.worker];
    if (!spec->used)
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "the experiment does not cut networks");
    if (m->shards > l->experiment.network.regions || m->shard >= m->shards || m->shards == 0 ||
        (spec->shards != 0 && m->shards != spec->shards))
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "shard %u of %u; the network has %u regions",
                                (unsigned)m->shard, (unsigned)m->shards, (unsigned)l->experiment.network.regions);
    if (m->job >= l->jobs || !mdl_duty_may_shard(l->duty, m->job))
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "job %u %s", (unsigned)m->job,
                                m->job >= l->jobs ? "does not exist" : "has an answer, or an open lease as a whole");
    mdl_job job;
    mdl_evolution_job(l->evolution, m->job, &job, NULL);
    if (m->life >= job.episodes)
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "life %u; the job has %u", (unsigned)m->life,
                                (unsigned)job.episodes);
    rule = check_others(l, m, lease.worker, breach);
    if (rule == MDL_RULE_OK)
        rule = mdl_ledger_lease_room(l, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    lease.first = m->job;
    lease.count = 1;
    lease.shard = m->shard;
    lease.shards = m->shards;
    lease.life = m->life;
    lease.window = m->window;
    if (mdl_duty_shard(l->duty, m->lease, m->worker, w->owner_number, lease.trusted, m->job) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    mdl_ledger_add_lease(l, &lease);
    return MDL_RULE_OK;
}

/* ---- results ---- */

static uint64_t synapses_of(const mdl_ledger *l, uint32_t region) {
    mdl_shape shape;
    mdl_shape_of(&l->experiment.network, region, &shape);
    return shape.synapses;
}

/* The digests of the shard's regions to `out`, and whether the updates are right. */
static mdl_rule read_regions(const mdl_ledger *l, const mdl_ledger_lease *lease, const mdl_msg_shardresult *m,
                             uint8_t (*out)[MDL_DIGEST_BYTES], mdl_breach *breach) {
    uint32_t owner[MDL_REGIONS_MAX], at = 0;
    uint64_t steps = (uint64_t)m->windows * l->experiment.network.window, sum = 0;
    mdl_balanced_cut(&l->experiment.network, lease->shards, owner);
    for (uint32_t r = 0; r < l->experiment.network.regions; r++) {
        uint64_t updates, right = steps * synapses_of(l, r);
        if (owner[r] != lease->shard)
            continue;
        if (at == m->regions.count)
            return mdl_ledger_break(breach, MDL_RULE_SHARD, "%u regions; the shard has more", (unsigned)at);
        mdl_segments_get(m->regions, at, out[at], &updates);
        at++;
        sum += right;
        if (updates != right)
            return mdl_ledger_break(breach, MDL_RULE_SHARD, "%llu updates of region %u; %u windows are %llu",
                                    (unsigned long long)updates, (unsigned)r, (unsigned)m->windows,
                                    (unsigned long long)right);
    }
    if (at != m->regions.count)
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "%u regions; the shard has %u", (unsigned)m->regions.count,
                                (unsigned)at);
    if (sum != m->updates)
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "%llu updates; those of the regions add up to %llu",
                                (unsigned long long)m->updates, (unsigned long long)sum);
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_shardresult(mdl_ledger *l, const mdl_msg_shardresult *m, const uint8_t *key,
                                   mdl_breach *breach) {
    mdl_ledger_lease *lease;
    mdl_rule rule = mdl_ledger_find_open(l, m->lease, key, MDL_RULE_SHARD, "result", &lease, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (lease->shards == 0 || m->generation != lease->generation || m->job != lease->first || m->shard != lease->shard)
        return mdl_ledger_break(breach, MDL_RULE_SHARD, "shard %u of job %u; the lease is of %s %u of job %u",
                                (unsigned)m->shard, (unsigned)m->job, lease->shards ? "shard" : "no shard, or",
                                (unsigned)lease->shard, (unsigned)lease->first);
    uint8_t(*regions)[MDL_DIGEST_BYTES] = malloc(m->regions.count * sizeof *regions);
    if (!regions)
        return mdl_ledger_no_memory(breach);
    rule = read_regions(l, lease, m, regions, breach);
    if (rule != MDL_RULE_OK) {
        free(regions);
        return rule;
    }
    mdl_ledger_end_lease(l, lease, MDL_LEASE_DONE);
    lease->result = l->size;
    lease->windows = m->windows;
    lease->regions = regions;
    memcpy(lease->root, m->root, sizeof lease->root);
    return MDL_RULE_OK;
}

/* ---- verdicts ---- */

/* The envelope that the worker signed for this window says something else. */
static mdl_rule check_envelope(mdl_ledger *l, const mdl_msg_shardverdict *m, const mdl_ledger_lease *lease,
                               mdl_breach *breach) {
    const uint8_t *bytes;
    size_t size;
    mdl_envelope e;
    mdl_message w;
    mdl_rule rule = mdl_ledger_blob(l, "evidence", m->evidence, &bytes, &size, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    uint8_t *pae = malloc(MDL_PAE_BYTES_MAX); /* l->pae holds the record at hand */
    if (!pae)
        return mdl_ledger_no_memory(breach);
    int right = size > 0 && mdl_envelope_decode(bytes, size, pae, &e) == MDL_OK &&
                mdl_message_of(&e, (mdl_list_room){NULL, 0}, &w, NULL) == MDL_OK && w.type == MDL_MSG_WINDOW &&
                mdl_ledger_signer(l, e.key) == &l->worker[lease->worker] && mdl_envelope_verify(&e) == MDL_OK &&
                memcmp(w.head.experiment, l->experiment.id, sizeof w.head.experiment) == 0 &&
                w.as.window.lease == m->lease && w.as.window.life == m->life && w.as.window.window == m->window;
    int same = right && memcmp(w.as.window.commit, m->right, sizeof m->right) == 0;
    free(pae);
    if (!right)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT,
                                "the evidence is not the worker's envelope of life %u, window %u of lease %llu",
                                (unsigned)m->life, (unsigned)m->window, (unsigned long long)m->lease);
    if (same)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT, "the worker's digest of the window is the right one");
    return MDL_RULE_OK;
}

/* The transcript whose root the worker signed says something else. */
static mdl_rule check_transcript(mdl_ledger *l, const mdl_msg_shardverdict *m, const mdl_ledger_lease *lease,
                                 mdl_breach *breach) {
    const uint8_t *bytes;
    size_t size;
    mdl_transcript t;
    if (!lease->joined || lease->generation != mdl_evolution_generation(l->evolution) || l->joined[m->job].record == 0)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT, "no evidence, and the lease is in no joined job");
    mdl_rule rule = mdl_ledger_blob(l, "transcript", l->joined[m->job].transcript, &bytes, &size, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    mdl_err err = mdl_transcript_read(bytes, size, &t);
    MDL_ASSERT(err == MDL_OK);                  /* it was read before */
    if (m->life == t.lives && m->window == 0) { /* the digests of the result */
        uint8_t digest[MDL_DIGEST_BYTES];
        uint32_t owner[MDL_REGIONS_MAX], count = 0;
        mdl_balanced_cut(&l->experiment.network, lease->shards, owner);
        for (uint32_t r = 0; r < l->experiment.network.regions; r++)
            count += owner[r] == lease->shard;
        mdl_shard_state_digest((const uint8_t(*)[MDL_DIGEST_BYTES])lease->regions, count, digest);
        return memcmp(digest, m->right, sizeof digest) != 0
                   ? MDL_RULE_OK
                   : mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT, "the result ends with the right digests");
    }
    uint64_t place = mdl_transcript_place(&t, m->life, m->window);
    if (place == UINT64_MAX || t.windows - place > lease->windows)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT, "the lease has no window %u of life %u",
                                (unsigned)m->window, (unsigned)m->life);
    if (memcmp(mdl_transcript_commit(&t, place, lease->shard), m->right, sizeof m->right) == 0)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT,
                                "the transcript's digest of the window is the right one");
    return MDL_RULE_OK;
}

/* Windows that other open shards of the job ran on what was false. */
static mdl_rule check_spent(const mdl_ledger *l, const mdl_msg_shardverdict *m, const mdl_ledger_lease *convict,
                            mdl_breach *breach) {
    for (uint32_t i = 0; i + 1 < m->spent.count; i += 2) {
        const mdl_ledger_lease *lease = mdl_ledger_lease_at(l, m->spent.at[i]);
        int rises = i == 0 || m->spent.at[i] > m->spent.at[i - 2];
        if (!rises || !lease || lease->shards == 0 || lease->first != m->job || lease->state != MDL_LEASE_OPEN ||
            lease->generation != convict->generation || lease->worker == convict->worker ||
            m->spent.at[i + 1] > SPENT_MAX)
            return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT,
                                    "lease %llu is no other open shard of the job, or spent %llu windows",
                                    (unsigned long long)m->spent.at[i], (unsigned long long)m->spent.at[i + 1]);
    }
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_shardverdict(mdl_ledger *l, const mdl_msg_shardverdict *m, mdl_breach *breach) {
    const mdl_ledger_lease *lease = mdl_ledger_lease_at(l, m->lease);
    if (!lease || lease->shards == 0 || lease->first != m->job || lease->generation != m->generation)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT, "lease %llu is of no shard of job %u of generation %u",
                                (unsigned long long)m->lease, (unsigned)m->job, (unsigned)m->generation);
    if (l->worker[lease->worker].verdict != 0)
        return mdl_ledger_break(breach, MDL_RULE_SHARD_VERDICT, "its worker was convicted by record %llu",
                                (unsigned long long)l->worker[lease->worker].verdict);
    mdl_rule rule = mdl_ledger_all_zero(m->evidence, sizeof m->evidence) ? check_transcript(l, m, lease, breach)
                                                                         : check_envelope(l, m, lease, breach);
    if (rule == MDL_RULE_OK)
        rule = check_spent(l, m, lease, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    if (mdl_duty_reserve(l->duty, mdl_ledger_line(l, lease->worker)) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    for (uint32_t i = 0; i + 1 < m->spent.count; i += 2)
        mdl_ledger_lease_at(l, m->spent.at[i])->spent += m->spent.at[i + 1];
    mdl_ledger_convict(l, lease->worker);
    return MDL_RULE_OK;
}
