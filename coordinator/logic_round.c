/* The workers' nonces: asked for when all jobs have answers, then the draw. PROTOCOL
 * section 10.8. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/logic_internal.h"

enum {
    SHOW_MS = 3000,      /* who has not shown its nonce by then is silent,          */
    HEARD_MS = 18000,    /* but not who was heard of within this time: its call may have been lost, which it */
    SHOW_MS_MAX = 20000, /* notices after 15 s; nobody is waited for longer than so */
};

/* Whether anybody who has not shown its nonce may yet do so. */
static int may_come(const mdl_coordinator *c, uint64_t now_ms) {
    uint64_t waited = now_ms - c->showing_ms;
    for (uint32_t i = 0; waited >= SHOW_MS && waited < SHOW_MS_MAX && i < c->peers; i++) {
        if (mdl_ledger_unshown(c->ledger, i) && c->peer[i].open && now_ms - c->peer[i].heard_ms < HEARD_MS) {
            return 1;
        }
    }
    return waited < SHOW_MS;
}

int mdl_round_wants(const mdl_coordinator *c, uint32_t worker) { return mdl_ledger_unshown(c->ledger, worker); }

void mdl_round_follow(mdl_coordinator *c, uint64_t now_ms) {
    mdl_message m;
    if (!mdl_ledger_verifies(c->ledger) || !mdl_ledger_showing(c->ledger) || c->failed || !c->storage_ok) {
        c->showing_ms = 0;
        return;
    }
    c->showing_ms = c->showing_ms ? c->showing_ms : now_ms;
    uint32_t left = mdl_ledger_unshowns(c->ledger);
    if (left > 0 && may_come(c, now_ms)) {
        return;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_BEACON;
    if (mdl_ledger_make_beacon(c->ledger, &m.as.beacon) != MDL_OK || !mdl_coordinator_record(c, &m)) {
        return;
    }
    c->showing_ms = 0;
    c->scanned_ms = 0; /* what is drawn waits */
    if (left > 0) {
        mdl_coordinator_log(c, "silent", NULL,
                            "%" PRIu32 " workers did not show their nonces: all their units are checked", left);
    }
}

void mdl_round_show(mdl_coordinator *c, const mdl_asked *a) {
    mdl_breach breach;
    const mdl_msg_nonce *n = &a->message->as.nonce;
    uint32_t generation = mdl_evolution_generation(mdl_ledger_evolution(c->ledger));
    int due = n->generation == generation && mdl_round_wants(c, a->worker);
    if (due && !c->storage_ok) {
        mdl_coordinator_reject(c, a, MDL_REASON_DISK_FULL, 1000, 0, NULL);
        return;
    }
    /* One that comes too late, or again, is no fault. */
    if (due && mdl_coordinator_append(c, a, &breach) != MDL_RULE_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_BAD_COMMIT, 0, 0, breach.text);
        return;
    }
    mdl_serve_ping(c, a);
    mdl_round_follow(c, a->now_ms);
    mdl_coordinator_advance(c, a->now_ms);
    mdl_verify_drive(c, a->now_ms);
}
