/* A worker that says two things under one number of one session, or commits twice
 * to one lease. One of the two is a record: its lease remembers what it was. The
 * other one is a blob. PROTOCOL section 10.5. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/ledger_internal.h"

/* Of name and payload, which the PAE holds: SHA-256, since it is the fold's own affair and every result costs one. */
static void digest_of(const mdl_envelope *e, mdl_hash *out) { mdl_merkle_leaf(e->pae, e->pae_size, out); }

void mdl_ledger_remember(mdl_ledger *l, const mdl_envelope *e, const mdl_message *m) {
    int result = m->type == MDL_MSG_RESULT;
    if (!mdl_ledger_verifies(l))
        return; /* nobody is convicted there */
    mdl_ledger_lease *lease = mdl_ledger_lease_at(l, result ? m->as.result.lease : m->as.commit.lease);
    MDL_ASSERT(lease); /* it was just answered */
    mdl_ledger_said *said = &lease->said[result];
    memcpy(said->session, m->head.session, sizeof said->session);
    said->seq = m->head.seq;
    digest_of(e, &said->digest);
}

/* Whether `e` contradicts what a record of this lease said. */
static int contradicts(const mdl_ledger_lease *lease, const mdl_envelope *e, const mdl_message *m) {
    static const uint8_t none[sizeof m->head.session];
    mdl_hash digest;
    if (m->type == MDL_MSG_COMMIT && m->as.commit.lease == lease->id && lease->commit != 0 &&
        memcmp(m->as.commit.commitment, lease->commitment, sizeof lease->commitment) != 0)
        return 1;
    for (int k = 0; k < 2; k++) {
        const mdl_ledger_said *said = &lease->said[k];
        if (memcmp(said->session, none, sizeof none) == 0 || said->seq != m->head.seq ||
            memcmp(said->session, m->head.session, sizeof said->session) != 0)
            continue;
        digest_of(e, &digest);
        if (!mdl_hash_equal(&digest, &said->digest))
            return 1;
    }
    return 0;
}

/* The same, with everything else that a conviction asks for but the signature. */
static int convicts(const mdl_ledger *l, const mdl_ledger_worker *w, const mdl_ledger_lease *lease,
                    const mdl_envelope *e, const mdl_message *m) {
    return mdl_ledger_verifies(l) && l->jobs > 0 && !l->credit_due && w && w->verdict == 0 && lease &&
           &l->worker[lease->worker] == w && mdl_ledger_signer(l, e->key) == w &&
           mdl_message_role(m->type) == MDL_ROLE_CALL &&
           memcmp(m->head.experiment, l->experiment.id, sizeof m->head.experiment) == 0 && contradicts(lease, e, m);
}

int mdl_ledger_equivocates(const mdl_ledger *l, const mdl_envelope *e, const mdl_message *m, uint64_t *lease) {
    const mdl_ledger_worker *w = mdl_ledger_signer(l, e->key);
    for (uint32_t i = l->leases; w && i > 0; i--)
        if (convicts(l, w, &l->lease[i - 1], e, m)) {
            *lease = l->lease[i - 1].id;
            return 1;
        }
    return 0;
}

typedef struct other {
    uint8_t pae[MDL_PAE_BYTES_MAX];
    uint64_t list[MDL_LIST_MAX];
    mdl_envelope e;
    mdl_message m;
} other;

mdl_rule mdl_ledger_on_equivocation(mdl_ledger *l, const mdl_msg_equivocation *m, mdl_breach *breach) {
    const uint8_t *bytes;
    size_t size;
    const mdl_ledger_worker *w = mdl_ledger_worker_at(l, m->worker);
    mdl_rule rule = mdl_ledger_blob(l, "the second message", m->second, &bytes, &size, breach);
    if (rule != MDL_RULE_OK)
        return rule;
    other *o = malloc(sizeof *o);
    if (!o)
        return mdl_ledger_no_memory(breach);
    int good = size > 0 && size <= MDL_ENVELOPE_BYTES_MAX &&
               mdl_envelope_decode(bytes, size, o->pae, &o->e) == MDL_OK &&
               mdl_message_of(&o->e, (mdl_list_room){o->list, MDL_LIST_MAX}, &o->m, NULL) == MDL_OK &&
               convicts(l, w, mdl_ledger_lease_at(l, m->lease), &o->e, &o->m) && mdl_envelope_verify(&o->e) == MDL_OK;
    free(o);
    if (!good)
        return mdl_ledger_break(breach, MDL_RULE_EQUIVOCATION,
                                "the blob is no message of this worker that contradicts a record of lease %llu",
                                (unsigned long long)m->lease);
    uint32_t worker = (uint32_t)(w - l->worker);
    if (mdl_duty_reserve(l->duty, mdl_ledger_line(l, worker)) != MDL_OK)
        return mdl_ledger_no_memory(breach);
    mdl_ledger_convict(l, worker);
    return MDL_RULE_OK;
}
