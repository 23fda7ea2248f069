/* Nonces of the workers in the draws: who commits to one, shows it, and what is drawn with
 * them. PROTOCOL section 10.8. */
#include <string.h>

#include "protocol/chain.h"
#include "protocol/ledger_internal.h"

static int shares(const mdl_ledger *l) { return mdl_ledger_verifies(l) && l->rules.shared; }

/* The open generation, counted from 1. */
static uint32_t round_of(const mdl_ledger *l) { return mdl_evolution_generation(l->evolution) + 1; }

int mdl_ledger_showing(const mdl_ledger *l) { return shares(l) && mdl_duty_showing(l->duty); }

int mdl_ledger_unshown(const mdl_ledger *l, uint32_t worker) {
    const mdl_ledger_worker *w = &l->worker[worker];
    return mdl_ledger_showing(l) && w->round_at == round_of(l) && !w->round_late && w->shown_at != round_of(l) &&
           !w->banned;
}

uint32_t mdl_ledger_unshowns(const mdl_ledger *l) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->workers; i++)
        count += (uint32_t)mdl_ledger_unshown(l, i);
    return count;
}

/* ---- commitments ---- */

mdl_rule mdl_ledger_check_round(const mdl_ledger *l, const mdl_msg_commit *m, mdl_breach *breach) {
    return shares(l) && mdl_ledger_all_zero(m->round, sizeof m->round)
               ? mdl_ledger_break(breach, MDL_RULE_COMMIT, "no nonce of the round is committed to")
               : MDL_RULE_OK;
}

void mdl_ledger_take_round(mdl_ledger *l, mdl_ledger_worker *w, const mdl_msg_commit *m) {
    if (!shares(l))
        return;
    if (w->round_at != round_of(l)) {
        w->round_at = round_of(l);
        w->round_late = l->shown > 0;
        memcpy(w->round, m->round, sizeof w->round);
    } else if (memcmp(w->round, m->round, sizeof w->round) != 0) {
        w->round_late = 1; /* it counts as one that says nothing */
    }
}

/* ---- showing ---- */

mdl_rule mdl_ledger_on_nonce(mdl_ledger *l, const mdl_msg_nonce *m, const uint8_t *key, mdl_breach *breach) {
    uint8_t digest[MDL_DIGEST_BYTES];
    const mdl_ledger_worker *signer = mdl_ledger_signer(l, key);
    if (!signer || !mdl_ledger_speaks(l, signer, key))
        return mdl_ledger_break(breach, MDL_RULE_SIGNER, "a nonce of nobody who works here");
    uint32_t worker = (uint32_t)(signer - l->worker);
    if (m->generation + 1 != round_of(l) || !mdl_ledger_unshown(l, worker))
        return mdl_ledger_break(breach, MDL_RULE_NONCE, "this worker has no nonce of generation %u to show now",
                                (unsigned)m->generation);
    mdl_round_digest(l->experiment.id, signer->key, m->generation, m->nonce, digest);
    if (memcmp(digest, signer->round, sizeof digest) != 0)
        return mdl_ledger_break(breach, MDL_RULE_NONCE, "the nonce is not the one that was committed to");
    mdl_ledger_worker *w = &l->worker[worker];
    w->shown_at = round_of(l);
    memcpy(w->shown, m->nonce, sizeof w->shown);
    l->shown++;
    return MDL_RULE_OK;
}

/* ---- the draw ---- */

mdl_err mdl_ledger_make_beacon(const mdl_ledger *l, mdl_msg_beacon *beacon) {
    static const char domain[] = "modulon nonces v1";
    mdl_digest d;
    if (!mdl_ledger_showing(l))
        return MDL_EMISMATCH;
    memset(beacon, 0, sizeof *beacon);
    beacon->generation = mdl_evolution_generation(l->evolution);
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_u32(&sink, beacon->generation);
    for (uint32_t i = 0; i < l->workers; i++) {
        const mdl_ledger_worker *w = &l->worker[l->by_key[i].worker];
        if (w->shown_at != round_of(l))
            continue;
        mdl_put_bytes(&sink, w->key, sizeof w->key);
        mdl_put_bytes(&sink, w->shown, sizeof w->shown);
    }
    mdl_digest_final(&d, beacon->nonces);
    return MDL_OK;
}

static int is_silent(const void *ctx, const uint8_t worker[32]) {
    const mdl_ledger *l = ctx;
    const mdl_ledger_worker *w = mdl_ledger_worker_at(l, worker);
    return w->shown_at != round_of(l);
}

mdl_rule mdl_ledger_on_beacon(mdl_ledger *l, const mdl_msg_beacon *m, mdl_breach *breach) {
    mdl_msg_beacon right;
    if (mdl_ledger_make_beacon(l, &right) != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_NONCE, "nothing is to be drawn now");
    if (m->generation != right.generation || memcmp(m->nonces, right.nonces, sizeof m->nonces) != 0)
        return mdl_ledger_break(breach, MDL_RULE_NONCE, "the draw of generation %u is not with the nonces shown",
                                (unsigned)m->generation);
    return mdl_duty_draw_units(l->duty, m->nonces, is_silent, l) == MDL_OK ? MDL_RULE_OK : mdl_ledger_no_memory(breach);
}
