/* Who is paid, and when. PROTOCOL section 10.6: what a generation's results
 * earn waits for `window` more closings, and for the end of its worker's
 * probation; the last closing pays everything; a convict forfeits what waits. */
#include <string.h>

#include "core/assert.h"
#include "protocol/ledger_internal.h"

static void put_u64(uint8_t *out, uint64_t v) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t window(const mdl_ledger *l) { return mdl_ledger_verifies(l) ? l->experiment.verification.window : 0; }

mdl_ledger_sums mdl_ledger_sum(const mdl_ledger *l) { return l->sum; }

void mdl_ledger_earn(mdl_ledger *l, mdl_ledger_worker *w, uint64_t updates) {
    w->pending += updates;
    l->sum.accepted += updates;
    l->sum.waiting += updates;
}

void mdl_ledger_forfeit(mdl_ledger *l, mdl_ledger_worker *w) {
    uint64_t lost = w->pending + w->waiting;
    w->forfeited += lost;
    l->sum.forfeited += lost;
    l->sum.waiting -= lost;
    w->pending = w->waiting = w->held = 0;
    memset(w->escrow, 0, sizeof w->escrow);
}

/* The place was emptied by the credit of the generation before. */
void mdl_ledger_turn_credit(mdl_ledger *l, uint32_t generation) {
    uint32_t place = generation % (window(l) + 1);
    for (uint32_t i = 0; i < l->workers; i++) {
        mdl_ledger_worker *w = &l->worker[i];
        w->escrow[place] += w->pending;
        w->waiting += w->pending;
        w->pending = 0;
    }
}

/* The place whose time is over, after this generation has closed. */
static uint32_t place_due(const mdl_ledger *l, uint32_t generation) { return (generation + 1) % (window(l) + 1); }

/* What a worker gets after generation `closed`. */
static uint64_t due(const mdl_ledger *l, uint32_t worker, uint32_t closed) {
    const mdl_ledger_worker *w = &l->worker[worker];
    if (mdl_evolution_done(l->evolution))
        return w->waiting;
    return mdl_ledger_trusted(l, worker) ? w->escrow[place_due(l, closed)] + w->held : 0;
}

static uint32_t closed_generation(const mdl_ledger *l) { return mdl_evolution_generation(l->evolution) - 1; }

/* Accepted work is paid, waits or is forfeited, whatever happened. */
static void check_conservation(const mdl_ledger *l) {
    uint64_t credit = 0, waiting = 0, forfeited = 0;
    for (uint32_t i = 0; i < l->workers; i++) {
        const mdl_ledger_worker *w = &l->worker[i];
        uint64_t places = w->held;
        for (uint32_t k = 0; k <= window(l); k++)
            places += w->escrow[k];
        MDL_ASSERT(places == w->waiting);
        credit += w->credit;
        waiting += w->pending + w->waiting;
        forfeited += w->forfeited;
    }
    MDL_ASSERT(credit == l->sum.paid && waiting == l->sum.waiting && forfeited == l->sum.forfeited);
    MDL_ASSERT(l->sum.paid + l->sum.waiting + l->sum.forfeited == l->sum.accepted);
}

mdl_err mdl_ledger_make_credit(mdl_ledger *l, mdl_msg_credit *credit, const uint8_t **list, size_t *list_size) {
    enum { LINE = MDL_KEY_BYTES + 8 };
    uint32_t count = 0;
    if (!l->credit_due)
        return MDL_EMISMATCH;
    uint32_t closed = closed_generation(l);
    for (uint32_t i = 0; i < l->workers; i++)
        count += due(l, i, closed) > 0;
    if (mdl_ledger_room(&l->made, LINE * (size_t)count) != MDL_OK)
        return MDL_ENOMEM;
    memset(credit, 0, sizeof *credit);
    uint8_t *at = l->made.at;
    for (uint32_t i = 0; i < l->workers; i++) {
        uint64_t updates = due(l, l->by_key[i].worker, closed);
        if (updates == 0)
            continue;
        memcpy(at, l->worker[l->by_key[i].worker].key, MDL_KEY_BYTES);
        put_u64(at + MDL_KEY_BYTES, updates);
        at += LINE;
        credit->updates += updates;
    }
    credit->generation = closed;
    credit->count = count;
    credit->waiting = l->sum.waiting - credit->updates;
    credit->forfeited = l->sum.forfeited;
    if (count > 0)
        mdl_digest_of(l->made.at, l->made.size, credit->workers);
    *list = l->made.at;
    *list_size = l->made.size;
    return MDL_OK;
}

static void pay(mdl_ledger *l, uint32_t worker, uint32_t closed) {
    mdl_ledger_worker *w = &l->worker[worker];
    uint64_t updates = due(l, worker, closed), *place = &w->escrow[place_due(l, closed)];
    if (mdl_evolution_done(l->evolution)) {
        memset(w->escrow, 0, sizeof w->escrow);
        w->held = 0;
    } else if (mdl_ledger_trusted(l, worker)) {
        *place = w->held = 0;
    } else {
        w->held += *place;
        *place = 0;
    }
    w->credit += updates;
    w->waiting -= updates;
    l->sum.paid += updates;
    l->sum.waiting -= updates;
}

mdl_rule mdl_ledger_on_credit(mdl_ledger *l, const mdl_msg_credit *m, mdl_breach *breach) {
    mdl_msg_credit right;
    const uint8_t *bytes;
    size_t size;
    if (!l->credit_due)
        return mdl_ledger_break(breach, MDL_RULE_CREDIT, "no generation has closed since the last credit");
    if (mdl_ledger_make_credit(l, &right, &bytes, &size) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    if (m->generation != right.generation)
        return mdl_ledger_break(breach, MDL_RULE_CREDIT, "credit for generation %u; due is %u", (unsigned)m->generation,
                                (unsigned)right.generation);
    if (m->updates != right.updates || m->count != right.count)
        return mdl_ledger_break(breach, MDL_RULE_CREDIT, "%llu updates of %u workers; due are %llu of %u",
                                (unsigned long long)m->updates, (unsigned)m->count, (unsigned long long)right.updates,
                                (unsigned)right.count);
    if (m->waiting != right.waiting || m->forfeited != right.forfeited)
        return mdl_ledger_break(breach, MDL_RULE_CREDIT,
                                "%llu updates wait and %llu are forfeited; it is %llu and %llu",
                                (unsigned long long)m->waiting, (unsigned long long)m->forfeited,
                                (unsigned long long)right.waiting, (unsigned long long)right.forfeited);
    if (memcmp(m->workers, right.workers, sizeof m->workers) != 0)
        return mdl_ledger_break(breach, MDL_RULE_CREDIT, "the list of workers is not that of the results");
    mdl_rule rule = right.count ? mdl_ledger_blob(l, "workers", m->workers, &bytes, &size, breach) : MDL_RULE_OK;
    if (rule != MDL_RULE_OK)
        return rule;
    for (uint32_t i = 0; i < l->workers; i++)
        pay(l, i, right.generation);
    check_conservation(l);
    l->credit_due = 0;
    l->published = l->size + 1;
    return MDL_RULE_OK;
}
