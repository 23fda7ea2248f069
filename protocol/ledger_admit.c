/* Admissions and the operator's actions. */
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"
#include "protocol/invite.h"
#include "protocol/key_change.h"
#include "protocol/ledger_internal.h"
#include "protocol/reason.h"
#include "protocol/ticket.h"

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
        if (mdl_ledger_all_zero(m->owner, sizeof m->owner))
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

/* Where an owner stands among those that rise, or would. */
static uint32_t owner_place(const mdl_ledger *l, const uint8_t *owner) {
    uint32_t lo = 0, hi = l->owners;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (memcmp(l->worker[l->by_owner[middle]].owner, owner, MDL_KEY_BYTES) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

mdl_rule mdl_ledger_add_worker(mdl_ledger *l, const mdl_msg_admit *m, uint32_t owner_number, mdl_breach *breach) {
    uint32_t room = l->workers_room;
    if (!mdl_list_grow(&l->by_key, &room, l->workers + 1, sizeof *l->by_key) ||
        !mdl_list_grow(&l->worker, &l->workers_room, l->workers + 1, sizeof *l->worker) ||
        !mdl_list_grow(&l->by_owner, &l->owners_room, l->owners + 1, sizeof *l->by_owner))
        return mdl_ledger_no_memory(breach);

    /* Owners by number: that of the owner's first worker. */
    uint32_t *by_owner = l->by_owner;
    mdl_ledger_key *by_key = l->by_key;
    mdl_ledger_worker *worker = l->worker;
    uint32_t place = owner_place(l, m->owner), number = l->workers;
    if (owner_number != UINT32_MAX) {
        number = owner_number;
    } else if (place < l->owners && memcmp(worker[by_owner[place]].owner, m->owner, MDL_KEY_BYTES) == 0) {
        number = by_owner[place];
    } else {
        memmove(by_owner + place + 1, by_owner + place, (l->owners - place) * sizeof *by_owner);
        by_owner[place] = number;
        l->owners++;
    }

    uint32_t at = mdl_ledger_key_place(l, m->worker);
    memmove(by_key + at + 1, by_key + at, (l->workers - at) * sizeof *by_key);
    by_key[at] = (mdl_ledger_key){mdl_ledger_key_head(m->worker), l->workers};
    worker += l->workers++;
    *worker = (mdl_ledger_worker){.admitted = l->size, .how = m->how, .owner_number = number, .line = l->workers - 1};
    memcpy(worker->key, m->worker, sizeof worker->key);
    memcpy(worker->owner, m->owner, sizeof worker->owner);
    memcpy(worker->name, m->name, sizeof worker->name);
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_admit(mdl_ledger *l, const mdl_msg_admit *m, mdl_breach *breach) {
    if (mdl_ledger_signer(l, m->worker))
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the worker was admitted before, or has another's session key");
    if (memcmp(m->worker, l->coordinator, sizeof m->worker) == 0)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the worker has the coordinator's key");
    if (mdl_key_check(m->worker) != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_ADMIT, "the worker's key is weak");
    mdl_rule rule = check_evidence(l, m, breach);
    return rule == MDL_RULE_OK ? mdl_ledger_add_worker(l, m, UINT32_MAX, breach) : rule;
}

/* ---- the operator ---- */

mdl_rule mdl_ledger_on_admin(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach) {
    int pause = strcmp(m->action, "pause") == 0, ban = strcmp(m->action, "ban") == 0;
    if (pause || strcmp(m->action, "resume") == 0) {
        if (!mdl_ledger_all_zero(m->target, sizeof m->target))
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
        if (w->verdict != 0)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a worker that record %llu convicted", m->action,
                                    (unsigned long long)w->verdict);
        if (w->banned == (uint32_t)ban)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s changes nothing", m->action);
        w->banned = (uint32_t)ban;
        return MDL_RULE_OK;
    }
    return mdl_ledger_break(breach, MDL_RULE_ADMIN, "\"%s\" is no action", m->action);
}
