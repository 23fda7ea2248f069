/* What the shards of a job add up to. PROTOCOL section 12.7. The rule makes what
 * it compares with from the results and the transcript, so that rule and maker
 * cannot part. */
#include <stdlib.h>
#include <string.h>

#include "core/cut.h"
#include "protocol/ledger_internal.h"
#include "protocol/transcript.h"

enum { RESULTS_MAX = MDL_LIST_MAX };

/* The leases of a joined job in order of shard, and what was found about them. */
typedef struct party {
    uint32_t count, shards;
    int replicated; /* every shard by two owners */
    uint64_t lease[RESULTS_MAX], record[RESULTS_MAX];
} party;

/* ---- the leases ---- */

static int equal_ends(const mdl_ledger_lease *a, const mdl_ledger_lease *b, uint32_t regions) {
    return memcmp(a->regions, b->regions, regions * sizeof *a->regions) == 0;
}

static uint32_t regions_of(const uint32_t *owner, uint32_t regions, uint32_t shard) {
    uint32_t count = 0;
    for (uint32_t r = 0; r < regions; r++)
        count += owner[r] == shard;
    return count;
}

/* Whether they are results of this job's shards, each shard there, and those of one
 * shard agree. */
static mdl_rule check_party(const mdl_ledger *l, uint32_t job, party *p, const uint32_t *owner, mdl_breach *breach) {
    const mdl_ledger_lease *before = NULL;
    uint32_t generation = mdl_evolution_generation(l->evolution);
    int owners = 2; /* of the shard at hand */
    p->replicated = 1;
    for (uint32_t i = 0; i < p->count; i++) {
        const mdl_ledger_lease *at = mdl_ledger_lease_at(l, p->lease[i]);
        if (!at || at->shards != p->shards || at->first != job || at->generation != generation ||
            at->state != MDL_LEASE_DONE || at->joined || l->worker[at->worker].verdict != 0)
            return mdl_ledger_break(breach, MDL_RULE_JOINED, "result %u is of no shard of job %u cut into %u",
                                    (unsigned)i, (unsigned)job, (unsigned)p->shards);
        int next = !before || at->shard != before->shard;
        if (next ? at->shard != (before ? before->shard + 1 : 0) : at->id <= before->id)
            return mdl_ledger_break(breach, MDL_RULE_JOINED, "the results are not those of all shards in order");
        if (!next && !equal_ends(at, before, regions_of(owner, l->experiment.network.regions, at->shard)))
            return mdl_ledger_break(breach, MDL_RULE_JOINED, "leases %llu and %llu end shard %u differently",
                                    (unsigned long long)before->id, (unsigned long long)at->id, (unsigned)at->shard);
        if (next) {
            p->replicated &= owners == 2;
            owners = 1;
        } else if (l->worker[at->worker].owner_number != l->worker[before->worker].owner_number)
            owners = 2;
        p->record[i] = at->result;
        before = at;
    }
    p->replicated &= owners == 2;
    if (!before || before->shard + 1 != p->shards)
        return mdl_ledger_break(breach, MDL_RULE_JOINED, "the results are not those of all shards in order");
    return MDL_RULE_OK;
}

/* ---- the transcript ---- */

/* The number of the lease's first window may be earlier than it was leased for, when it had to begin again. */
static mdl_rule check_roots(const mdl_ledger *l, const party *p, const mdl_transcript *t, mdl_breach *breach) {
    for (uint32_t i = 0; i < p->count; i++) {
        const mdl_ledger_lease *at = mdl_ledger_lease_at(l, p->lease[i]);
        uint64_t from = mdl_transcript_place(t, at->life, at->window);
        uint8_t root[MDL_DIGEST_BYTES];
        if (from == UINT64_MAX || at->windows > t->windows || t->windows - at->windows > from)
            return mdl_ledger_break(breach, MDL_RULE_JOINED, "lease %llu has %u windows; that is not to the job's end",
                                    (unsigned long long)at->id, (unsigned)at->windows);
        mdl_transcript_root(t, at->shard, t->windows - at->windows, root);
        if (memcmp(root, at->root, sizeof root) != 0)
            return mdl_ledger_break(breach, MDL_RULE_JOINED, "the root of lease %llu is not that of the transcript",
                                    (unsigned long long)at->id);
    }
    return MDL_RULE_OK;
}

/* The last life ends with the states that the results end with. */
static mdl_rule check_end(const mdl_ledger *l, const party *p, const uint32_t *owner, const mdl_transcript *t,
                          mdl_breach *breach) {
    uint32_t regions = l->experiment.network.regions, at = 0, in_shard[MDL_SHARDS_MAX] = {0};
    const mdl_ledger_lease *of[MDL_SHARDS_MAX];
    mdl_life_row row;
    mdl_digest d;
    uint8_t end[MDL_DIGEST_BYTES];
    for (uint32_t i = 0; i < p->count; i++) {
        const mdl_ledger_lease *lease = mdl_ledger_lease_at(l, p->lease[i]);
        if (lease->shard == at)
            of[at++] = lease;
    }
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, t->modulation, t->modulation_size);
    for (uint32_t r = 0; r < regions; r++)
        mdl_put_bytes(&sink, of[owner[r]]->regions[in_shard[owner[r]]++], MDL_DIGEST_BYTES);
    mdl_digest_final(&d, end);
    mdl_transcript_row(t, t->lives - 1, &row);
    if (memcmp(end, row.end, sizeof end) != 0)
        return mdl_ledger_break(breach, MDL_RULE_JOINED, "the last life does not end as the shards do");
    return MDL_RULE_OK;
}

static mdl_rule check_rows(const mdl_ledger *l, const mdl_transcript *t, uint32_t job, mdl_job_result *out,
                           mdl_breach *breach) {
    uint64_t each = (uint64_t)l->experiment.network.window * mdl_synapse_count(&l->experiment.network);
    mdl_life_row *row = malloc(t->lives * sizeof *row);
    mdl_rule rule = MDL_RULE_OK;
    if (!row)
        return mdl_ledger_no_memory(breach);
    for (uint32_t i = 0; i < t->lives && rule == MDL_RULE_OK; i++) {
        mdl_transcript_row(t, i, &row[i]);
        uint64_t right = row[i].windows * each;
        if (row[i].updates != right)
            rule = mdl_ledger_break(breach, MDL_RULE_JOINED, "life %u has %llu updates; %u windows are %llu",
                                    (unsigned)i, (unsigned long long)row[i].updates, (unsigned)row[i].windows,
                                    (unsigned long long)right);
        if (row[i].fitness > MDL_FITNESS_ABS_MAX || row[i].fitness < -MDL_FITNESS_ABS_MAX)
            rule = mdl_ledger_break(breach, MDL_RULE_JOINED, "life %u has a fitness out of range", (unsigned)i);
    }
    if (rule == MDL_RULE_OK)
        mdl_unit_segment(mdl_evolution_generation(l->evolution), job, row, t->lives, out);
    free(row);
    if (rule == MDL_RULE_OK && (out->fitness > MDL_FITNESS_ABS_MAX || out->fitness < -MDL_FITNESS_ABS_MAX))
        rule = mdl_ledger_break(breach, MDL_RULE_JOINED, "the sum of fitnesses is out of range");
    return rule;
}

/* All of it: the answer that follows from the party's results and the transcript. */
static mdl_rule derive(const mdl_ledger *l, uint32_t index, party *p, const uint8_t digest[MDL_DIGEST_BYTES],
                       mdl_job_result *out, mdl_breach *breach) {
    const uint8_t *bytes;
    size_t size;
    mdl_transcript t;
    mdl_job job;
    uint32_t owner[MDL_REGIONS_MAX];
    if (index >= l->jobs || !mdl_duty_may_shard(l->duty, index))
        return mdl_ledger_break(breach, MDL_RULE_JOINED, "job %u %s", (unsigned)index,
                                index >= l->jobs ? "does not exist" : "has an answer, or an open lease as a whole");
    if (p->shards == 0 || p->shards > l->experiment.network.regions)
        return mdl_ledger_break(breach, MDL_RULE_JOINED, "%u shards; the network has %u regions", (unsigned)p->shards,
                                (unsigned)l->experiment.network.regions);
    mdl_balanced_cut(&l->experiment.network, p->shards, owner);
    mdl_rule rule = check_party(l, index, p, owner, breach);
    if (rule == MDL_RULE_OK)
        rule = mdl_ledger_blob(l, "transcript", digest, &bytes, &size, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    mdl_err err = mdl_transcript_read(bytes, size, &t);
    mdl_evolution_job(l->evolution, index, &job, NULL);
    if (err != MDL_OK || t.lives != job.episodes || t.shards != p->shards)
        return mdl_ledger_break(breach, MDL_RULE_JOINED, "the transcript of %u lives and %u shards: %s",
                                (unsigned)t.lives, (unsigned)t.shards,
                                err != MDL_OK ? mdl_strerror((int)err) : "the job is another");
    rule = check_roots(l, p, &t, breach);
    if (rule == MDL_RULE_OK)
        rule = check_end(l, p, owner, &t, breach);
    return rule == MDL_RULE_OK ? check_rows(l, &t, index, out, breach) : rule;
}

/* ---- the record ---- */

uint64_t mdl_ledger_joined(const mdl_ledger *l, uint32_t job, uint8_t transcript[MDL_DIGEST_BYTES]) {
    uint32_t count;
    if (job >= l->jobs || !mdl_duty_party(l->duty, job, &count))
        return 0;
    memcpy(transcript, l->joined[job].transcript, MDL_DIGEST_BYTES);
    return l->joined[job].record;
}

int mdl_ledger_has_window(const mdl_ledger *l, uint64_t id, uint32_t job, uint32_t life, uint32_t window) {
    const mdl_ledger_lease *lease = mdl_ledger_lease_at(l, id);
    uint8_t digest[MDL_DIGEST_BYTES];
    const uint8_t *bytes;
    size_t size;
    mdl_transcript t;
    if (!lease || !lease->joined || lease->first != job || mdl_ledger_joined(l, job, digest) == 0 ||
        l->blobs->get(l->blobs->ctx, digest, &bytes, &size) != MDL_OK || mdl_transcript_read(bytes, size, &t) != MDL_OK)
        return 0;
    uint64_t place = mdl_transcript_place(&t, life, window);
    return (life == t.lives && window == 0) || (place != UINT64_MAX && t.windows - place <= lease->windows);
}

mdl_err mdl_ledger_make_joined(mdl_ledger *l, uint32_t job, const uint64_t *lease, uint32_t count,
                               const uint8_t transcript[MDL_DIGEST_BYTES], mdl_message *m, mdl_breach *breach) {
    mdl_breach ignored;
    mdl_job_result right = {0};
    party *p = count <= RESULTS_MAX ? calloc(1, sizeof *p) : NULL;
    breach = breach ? breach : &ignored;
    if (!p)
        return MDL_ENOMEM;
    const mdl_ledger_lease *first = count > 0 ? mdl_ledger_lease_at(l, lease[0]) : NULL;
    p->count = count;
    p->shards = first ? first->shards : 0;
    memcpy(p->lease, lease, count * sizeof *lease);
    mdl_rule rule = derive(l, job, p, transcript, &right, breach);
    if (rule == MDL_RULE_OK) {
        memset(m, 0, sizeof *m);
        m->type = MDL_MSG_JOINED;
        memcpy(l->made_list, p->record, count * sizeof *p->record);
        m->as.joined = (mdl_msg_joined){.generation = mdl_evolution_generation(l->evolution),
                                        .job = job,
                                        .shards = p->shards,
                                        .fitness = right.fitness,
                                        .updates = right.updates,
                                        .results = {count, l->made_list}};
        memcpy(m->as.joined.segment, right.segment, sizeof right.segment);
        memcpy(m->as.joined.transcript, transcript, MDL_DIGEST_BYTES);
    }
    free(p);
    return rule == MDL_RULE_OK ? MDL_OK : rule == MDL_RULE_NOMEM ? MDL_ENOMEM : MDL_EMISMATCH;
}

/* The lease whose result is in this record, of the open generation. */
static const mdl_ledger_lease *lease_of(const mdl_ledger *l, uint64_t record) {
    for (uint32_t i = l->leases_old; i < l->leases; i++)
        if (l->lease[i].state == MDL_LEASE_DONE && l->lease[i].shards > 0 && l->lease[i].result == record)
            return &l->lease[i];
    return NULL;
}

/* What its worker earns: what the result says, and what it did on false inputs. */
static uint64_t earned(const mdl_ledger *l, const mdl_ledger_lease *lease) {
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_balanced_cut(&l->experiment.network, lease->shards, owner);
    return (lease->windows + lease->spent) * l->experiment.network.window *
           mdl_cut_synapses(&l->experiment.network, owner, lease->shard);
}

static mdl_rule apply(mdl_ledger *l, const mdl_msg_joined *m, const party *p, mdl_breach *breach) {
    mdl_duty_answer a = {.fitness = m->fitness, .updates = m->updates};
    memcpy(a.segment, m->segment, sizeof a.segment);
    if (mdl_duty_join(l->duty, m->job, p->lease, p->count, p->replicated, m->transcript, &a) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    l->joined[m->job].record = l->size;
    memcpy(l->joined[m->job].transcript, m->transcript, MDL_DIGEST_BYTES);
    for (uint32_t i = 0; i < p->count; i++) {
        mdl_ledger_lease *lease = mdl_ledger_lease_at(l, p->lease[i]);
        lease->joined = 1;
        mdl_ledger_earn(l, &l->worker[lease->worker], earned(l, lease));
    }
    mdl_ledger_verify(l, m->job, 1);
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_joined(mdl_ledger *l, const mdl_msg_joined *m, mdl_breach *breach) {
    mdl_job_result right = {0};
    mdl_rule rule = MDL_RULE_OK;
    if (m->generation != mdl_evolution_generation(l->evolution))
        return mdl_ledger_break(breach, MDL_RULE_JOINED, "generation %u; open is %u", (unsigned)m->generation,
                                (unsigned)mdl_evolution_generation(l->evolution));
    party *p = calloc(1, sizeof *p);
    if (!p)
        return mdl_ledger_no_memory(breach);
    p->count = m->results.count;
    p->shards = m->shards;
    for (uint32_t i = 0; i < p->count && rule == MDL_RULE_OK; i++) {
        const mdl_ledger_lease *lease = lease_of(l, m->results.at[i]);
        if (!lease)
            rule = mdl_ledger_break(breach, MDL_RULE_JOINED, "record %llu is no shard's result of this generation",
                                    (unsigned long long)m->results.at[i]);
        else
            p->lease[i] = lease->id;
    }
    if (rule == MDL_RULE_OK)
        rule = derive(l, m->job, p, m->transcript, &right, breach);
    if (rule == MDL_RULE_OK && (m->fitness != right.fitness || m->updates != right.updates ||
                                memcmp(m->segment, right.segment, sizeof right.segment) != 0))
        rule = mdl_ledger_break(breach, MDL_RULE_JOINED,
                                "fitness %lld and %llu updates; the transcript has %lld and %llu, or another segment",
                                (long long)m->fitness, (unsigned long long)m->updates, (long long)right.fitness,
                                (unsigned long long)right.updates);
    if (rule == MDL_RULE_OK)
        rule = apply(l, m, p, breach);
    free(p);
    return rule;
}
