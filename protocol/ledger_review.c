/* A convict's units of closed generations. PROTOCOL section 10.5: the state is
 * never rolled back; the newest of them are done again, and what is found wrong
 * is in the log. Of a unit the fold keeps where it is and a digest of what was
 * said, for the records themselves are the reader's. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/ledger_internal.h"

static uint32_t most(const mdl_ledger *l) { return mdl_ledger_verifies(l) ? l->experiment.verification.review : 0; }

static void put_claim(const mdl_sink *sink, int64_t fitness, uint64_t updates, const uint8_t *segment) {
    mdl_put_u64(sink, (uint64_t)fitness);
    mdl_put_u64(sink, updates);
    mdl_put_bytes(sink, segment, MDL_DIGEST_BYTES);
}

/* ---- keeping ---- */

/* The answers that it gave, and their record: of a shard, those of all shards of its job together. NULL: none. */
static const mdl_duty_answer *word_of(const mdl_ledger *l, const mdl_ledger_lease *lease, uint64_t *record) {
    *record = lease->result;
    if (lease->shards == 0)
        return mdl_duty_said(l->duty, lease->id);
    uint32_t count, in = 0;
    const uint64_t *party = mdl_duty_party(l->duty, lease->first, &count);
    while (in < count && party[in] != lease->id)
        in++;
    if (in == count)
        return NULL; /* its shard did not count, or does not any more */
    const mdl_duty_answer *joint = NULL;
    uint64_t id = 0;
    for (uint32_t i = 0; id != MDL_DUTY_OF_SHARDS; i++)
        joint = mdl_duty_answer_at(l->duty, lease->first, i, &id);
    *record = l->joined[lease->first].record;
    return joint;
}

/* Whether an answer of it counts that is its word alone, and is not kept by another shard of the same worker. */
static int is_kept(const mdl_ledger *l, const mdl_ledger_lease *lease) {
    const mdl_ledger_worker *w = &l->worker[lease->worker];
    uint64_t record;
    const mdl_duty_answer *said = word_of(l, lease, &record);
    if (!said || w->verdict != 0)
        return 0;
    for (uint32_t i = 0; lease->shards > 0 && i < w->pasts; i++)
        if (w->past[i].record == record)
            return 0;
    for (uint32_t i = 0; i < lease->count; i++) {
        uint32_t job = lease->first + i;
        if (!mdl_duty_confirmed(l->duty, job) && mdl_duty_answer_of(l->duty, job) == said + i)
            return 1;
    }
    return 0;
}

mdl_rule mdl_ledger_keep_room(mdl_ledger *l, mdl_breach *breach) {
    uint32_t room = most(l);
    for (uint32_t i = l->leases_old; room > 0 && i < l->leases; i++) {
        mdl_ledger_worker *w = &l->worker[l->lease[i].worker];
        if (w->past || !is_kept(l, &l->lease[i]))
            continue;
        w->past = calloc(room, sizeof *w->past);
        if (!w->past)
            return mdl_ledger_no_memory(breach);
    }
    return MDL_RULE_OK;
}

void mdl_ledger_keep(mdl_ledger *l) {
    for (uint32_t i = l->leases_old; most(l) > 0 && i < l->leases; i++) {
        const mdl_ledger_lease *lease = &l->lease[i];
        mdl_ledger_worker *w = &l->worker[lease->worker];
        if (!is_kept(l, lease))
            continue;
        if (w->pasts == most(l))
            memmove(w->past, w->past + 1, --w->pasts * sizeof *w->past);
        mdl_ledger_unit *u = &w->past[w->pasts++];
        uint64_t record;
        const mdl_duty_answer *said = word_of(l, lease, &record);
        *u = (mdl_ledger_unit){
            .record = record, .generation = lease->generation, .first = lease->first, .count = lease->count};
        mdl_digest digest;
        mdl_digest_init(&digest);
        mdl_sink sink = mdl_digest_sink(&digest);
        for (uint32_t k = 0; k < lease->count; k++)
            put_claim(&sink, said[k].fitness, said[k].updates, said[k].segment);
        mdl_digest_final(&digest, u->claim);
    }
}

void mdl_ledger_owe(mdl_ledger *l, const mdl_ledger_worker *w) { l->owed += w->pasts; }

/* ---- what is owed ---- */

uint64_t mdl_ledger_owed(const mdl_ledger *l) { return l->owed; }

const mdl_ledger_unit *mdl_ledger_owed_first(const mdl_ledger *l, uint32_t *worker) {
    const mdl_ledger_unit *first = NULL;
    for (uint32_t i = 0; l->owed > 0 && i < l->workers; i++) {
        const mdl_ledger_worker *w = &l->worker[i];
        if (w->verdict == 0 || w->pasts == 0 || (first && w->past[0].generation >= first->generation))
            continue;
        first = &w->past[0];
        *worker = i;
    }
    return first;
}

static uint32_t find(const mdl_ledger_worker *w, uint64_t result) {
    uint32_t i = 0;
    while (i < w->pasts && w->past[i].record != result)
        i++;
    return i;
}

mdl_rule mdl_ledger_on_correction(mdl_ledger *l, const mdl_msg_correction *m, mdl_breach *breach) {
    mdl_ledger_worker *w = mdl_ledger_worker_at(l, m->worker);
    uint8_t right[MDL_DIGEST_BYTES];
    if (!w || w->verdict == 0)
        return mdl_ledger_break(breach, MDL_RULE_CORRECTION, "its worker %s", w ? "is no convict" : "was not admitted");
    uint32_t at = find(w, m->result);
    if (at == w->pasts)
        return mdl_ledger_break(breach, MDL_RULE_CORRECTION, "record %llu is no unit that is owed a correction",
                                (unsigned long long)m->result);
    const mdl_ledger_unit *u = &w->past[at];
    if (m->generation != u->generation || m->first != u->first || m->count != u->count)
        return mdl_ledger_break(breach, MDL_RULE_CORRECTION,
                                "generation %u, %u jobs from %u; record %llu is of generation %u, %u jobs from %u",
                                (unsigned)m->generation, (unsigned)m->count, (unsigned)m->first,
                                (unsigned long long)u->record, (unsigned)u->generation, (unsigned)u->count,
                                (unsigned)u->first);
    if (m->fitness.count != m->count || m->segments.count != m->count)
        return mdl_ledger_break(breach, MDL_RULE_CORRECTION, "%u fitnesses and %u segments for %u jobs",
                                (unsigned)m->fitness.count, (unsigned)m->segments.count, (unsigned)m->count);
    mdl_digest digest;
    mdl_digest_init(&digest);
    mdl_sink sink = mdl_digest_sink(&digest);
    for (uint32_t i = 0; i < m->count; i++) {
        uint8_t segment[MDL_DIGEST_BYTES];
        uint64_t updates;
        mdl_segments_get(m->segments, i, segment, &updates);
        put_claim(&sink, m->fitness.at[i], updates, segment);
    }
    mdl_digest_final(&digest, right);
    w->reviewed++;
    w->corrected += (uint32_t)(memcmp(right, u->claim, sizeof right) != 0);
    memmove(w->past + at, w->past + at + 1, (--w->pasts - at) * sizeof *w->past);
    l->owed--;
    return MDL_RULE_OK;
}

mdl_err mdl_ledger_make_correction(const mdl_ledger *l, uint32_t worker, uint64_t result, const mdl_duty_answer *jobs,
                                   int64_t *fitness, char *text, mdl_message *m) {
    const mdl_ledger_worker *w = &l->worker[worker];
    MDL_ASSERT(worker < l->workers);
    uint32_t at = w->verdict ? find(w, result) : w->pasts;
    if (at == w->pasts)
        return MDL_EMISMATCH;
    const mdl_ledger_unit *u = &w->past[at];
    memset(m, 0, sizeof *m);
    m->type = MDL_MSG_CORRECTION;
    mdl_msg_correction *c = &m->as.correction;
    memcpy(c->worker, w->key, sizeof c->worker);
    c->result = u->record;
    c->generation = u->generation;
    c->first = u->first;
    c->count = u->count;
    for (uint32_t i = 0; i < u->count; i++) {
        fitness[i] = jobs[i].fitness;
        mdl_segments_put(text, i, jobs[i].segment, jobs[i].updates);
    }
    c->fitness = (mdl_i64_list){u->count, fitness};
    c->segments = (mdl_segments){u->count, text};
    return MDL_OK;
}
