/* Keys that end, follow each other and sign for others: rule ADMIN's actions rotate,
 * revoke and session. PROTOCOL sections 3.5, 3.6, 6.4. */
#include <string.h>

#include "core/assert.h"
#include "protocol/grow.h"
#include "protocol/key_change.h"
#include "protocol/ledger_internal.h"

/* ---- who speaks for whom ---- */

/* Where a session key stands among those that rise, or would. */
static uint32_t session_place(const mdl_ledger *l, const uint8_t *key) {
    uint32_t lo = 0, hi = l->sessions;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (memcmp(l->session[middle].key, key, MDL_KEY_BYTES) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

const mdl_ledger_worker *mdl_ledger_signer(const mdl_ledger *l, const uint8_t key[MDL_KEY_BYTES]) {
    const mdl_ledger_worker *w = mdl_ledger_worker_at(l, key);
    if (w || l->sessions == 0)
        return w;
    uint32_t at = session_place(l, key);
    if (at == l->sessions || memcmp(l->session[at].key, key, MDL_KEY_BYTES) != 0)
        return NULL;
    return &l->worker[l->session[at].worker];
}

int mdl_ledger_speaks(const mdl_ledger *l, const mdl_ledger_worker *w, const uint8_t key[MDL_KEY_BYTES]) {
    if (memcmp(key, w->key, MDL_KEY_BYTES) == 0)
        return 1;
    return w->session_number != 0 && memcmp(key, w->session, MDL_KEY_BYTES) == 0 && !mdl_ledger_session_over(l, w);
}

int mdl_ledger_session_over(const mdl_ledger *l, const mdl_ledger_worker *w) {
    return mdl_evolution_generation(l->evolution) > w->session_until;
}

const mdl_ledger_worker *mdl_ledger_heir(const mdl_ledger *l, const mdl_ledger_worker *w) {
    while (!mdl_ledger_all_zero(w->successor, sizeof w->successor)) {
        w = mdl_ledger_worker_at(l, w->successor);
        MDL_ASSERT(w); /* it was admitted by the record that names it */
    }
    return w;
}

int mdl_ledger_alone(const mdl_ledger *l, uint32_t worker) {
    const mdl_ledger_worker *w = &l->worker[worker];
    return w->line == worker && mdl_ledger_all_zero(w->successor, sizeof w->successor);
}

uint32_t mdl_ledger_line(const mdl_ledger *l, uint32_t worker) {
    uint32_t count = 0;
    if (mdl_ledger_alone(l, worker))
        return 1;
    for (uint32_t i = 0; i < l->workers; i++)
        count += l->worker[i].line == l->worker[worker].line;
    return count;
}

/* ---- statements ---- */

/* Whether a key is anybody's already. */
static int is_taken(const mdl_ledger *l, const uint8_t *key) {
    return memcmp(key, l->coordinator, MDL_KEY_BYTES) == 0 || mdl_ledger_signer(l, key) != NULL;
}

static mdl_rule revoke(mdl_ledger *l, mdl_ledger_worker *w, const mdl_msg_admin *m, mdl_breach *breach) {
    uint8_t other[MDL_KEY_BYTES];
    if (mdl_key_change_is(MDL_KEY_REVOKE, m->reason)) {
        mdl_err err = mdl_key_change_check(MDL_KEY_REVOKE, l->experiment.id, m->target, m->reason, other);
        if (err != MDL_OK)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the statement to revoke: %s", mdl_strerror((int)err));
        if (memcmp(other, w->key, sizeof other) != 0 && memcmp(other, w->owner, sizeof other) != 0)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "neither the key nor its owner signed to revoke it");
    }
    w->banned = 1;
    w->revoked = l->size;
    return MDL_RULE_OK;
}

/* The successor is the same worker under another key: it has what the key had, and answers for it. */
static void inherit(mdl_ledger *l, uint32_t from, uint32_t to) {
    mdl_ledger_worker *old = &l->worker[from], *heir = &l->worker[to];
    heir->verified = old->verified;
    heir->pending = old->pending;
    heir->waiting = old->waiting;
    heir->held = old->held;
    memcpy(heir->escrow, old->escrow, sizeof heir->escrow);
    heir->line = old->line;
    old->pending = old->waiting = old->held = 0;
    memset(old->escrow, 0, sizeof old->escrow);
    memcpy(old->successor, heir->key, sizeof old->successor);
    old->banned = 1;
    old->revoked = l->size;
}

static mdl_rule rotate(mdl_ledger *l, mdl_ledger_worker *w, const mdl_msg_admin *m, mdl_breach *breach) {
    uint32_t from = (uint32_t)(w - l->worker), to = l->workers;
    uint8_t other[MDL_KEY_BYTES];
    if (w->banned)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "a banned key names a successor");
    mdl_err err = mdl_key_change_check(MDL_KEY_ROTATE, l->experiment.id, m->target, m->reason, other);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the statement to rotate: %s", mdl_strerror((int)err));
    if (is_taken(l, other))
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the successor is the coordinator's or a worker's key already");
    mdl_msg_admit admit = {.how = w->how};
    int own = memcmp(w->owner, w->key, sizeof w->owner) == 0; /* who was its own owner stays so, under the new key */
    memcpy(admit.worker, other, sizeof admit.worker);
    memcpy(admit.owner, own ? other : w->owner, sizeof admit.owner);
    memcpy(admit.name, w->name, sizeof admit.name);
    if (mdl_ledger_add_worker(l, &admit, w->owner_number, breach) != MDL_RULE_OK)
        return MDL_RULE_NOMEM;
    inherit(l, from, to);
    return MDL_RULE_OK;
}

static mdl_rule session(mdl_ledger *l, mdl_ledger_worker *w, const mdl_msg_admin *m, mdl_breach *breach) {
    mdl_session_key terms;
    if (w->banned)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "a banned key names a session key");
    mdl_err err = mdl_session_key_check(l->experiment.id, w->key, m->reason, &terms);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the statement of a session key: %s", mdl_strerror((int)err));
    if (terms.number <= w->session_number)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "session key number %llu; number %llu was there before",
                                (unsigned long long)terms.number, (unsigned long long)w->session_number);
    int ends = memcmp(terms.key, w->key, sizeof terms.key) == 0;
    if (!ends) {
        if (is_taken(l, terms.key))
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the session key is somebody's already");
        if (terms.until < mdl_evolution_generation(l->evolution))
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the session key ended with generation %u",
                                    (unsigned)terms.until);
        if (!mdl_list_grow(&l->session, &l->sessions_room, l->sessions + 1, sizeof *l->session))
            return mdl_ledger_no_memory(breach);
        mdl_ledger_session *grown = l->session;
        uint32_t at = session_place(l, terms.key);
        memmove(grown + at + 1, grown + at, (l->sessions - at) * sizeof *grown);
        memcpy(grown[at].key, terms.key, sizeof grown[at].key);
        grown[at].worker = (uint32_t)(w - l->worker);
        l->sessions++;
    }
    memcpy(w->session, terms.key, sizeof w->session);
    w->session_number = terms.number;
    w->session_until = ends ? UINT32_MAX : terms.until;
    return MDL_RULE_OK;
}

mdl_rule mdl_ledger_on_key_change(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach) {
    mdl_ledger_worker *w = mdl_ledger_worker_at(l, m->target);
    if (!w)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a key that was not admitted", m->action);
    if (w->revoked)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a key that has ended with record %llu", m->action,
                                (unsigned long long)w->revoked);
    switch (mdl_key_change_of(m->action)) {
    case MDL_KEY_ROTATE:
        return rotate(l, w, m, breach);
    case MDL_KEY_REVOKE:
        return revoke(l, w, m, breach);
    default:
        return session(l, w, m, breach);
    }
}
