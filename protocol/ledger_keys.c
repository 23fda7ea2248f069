/* Keys that end: rule ADMIN's actions rotate and revoke. PROTOCOL sections 3.5, 6.4. */
#include <string.h>

#include "protocol/key_change.h"
#include "protocol/ledger_internal.h"

mdl_rule mdl_ledger_on_key_change(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach) {
    mdl_key_change kind = mdl_key_change_of(m->action);
    mdl_ledger_worker *w = mdl_ledger_worker_at(l, m->target);
    uint8_t other[MDL_KEY_BYTES];
    if (!w)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a key that was not admitted", m->action);
    if (w->revoked)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "%s of a key that has ended with record %llu", m->action,
                                (unsigned long long)w->revoked);
    if (kind == MDL_KEY_ROTATE && w->banned)
        return mdl_ledger_break(breach, MDL_RULE_ADMIN, "a banned key names a successor");
    if (kind == MDL_KEY_ROTATE || mdl_key_change_is(m->reason)) {
        mdl_err err = mdl_key_change_check(kind, l->experiment.id, m->target, m->reason, other);
        if (err != MDL_OK)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the statement to %s: %s", m->action,
                                    mdl_strerror((int)err));
        if (kind == MDL_KEY_REVOKE && memcmp(other, w->key, sizeof other) != 0 &&
            memcmp(other, w->owner, sizeof other) != 0)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "neither the key nor its owner signed to revoke it");
        if (kind == MDL_KEY_ROTATE && memcmp(other, l->coordinator, sizeof other) == 0)
            return mdl_ledger_break(breach, MDL_RULE_ADMIN, "the coordinator's key as a successor");
        if (kind == MDL_KEY_ROTATE)
            memcpy(w->successor, other, sizeof w->successor);
    }
    w->banned = 1;
    w->revoked = l->size;
    return MDL_RULE_OK;
}
