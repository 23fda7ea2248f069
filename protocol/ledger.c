#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/ledger_internal.h"

const char *mdl_rule_name(int rule) {
    switch (rule) {
#define X(name, number, sentence)                                                                                      \
    case number:                                                                                                       \
        return #name;
        MDL_RULE_MAP(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

const char *mdl_rule_sentence(int rule) {
    switch (rule) {
#define X(name, number, sentence)                                                                                      \
    case number:                                                                                                       \
        return sentence;
        MDL_RULE_MAP(X)
#undef X
    default:
        return "there is no rule of this number";
    }
}

mdl_rule mdl_ledger_break(mdl_breach *breach, mdl_rule rule, const char *format, ...) {
    va_list list;
    va_start(list, format);
    vsnprintf(breach->text, sizeof breach->text, format, list);
    va_end(list);
    breach->rule = rule;
    return rule;
}

mdl_rule mdl_ledger_no_memory(mdl_breach *breach) {
    return mdl_ledger_break(breach, MDL_RULE_NOMEM, "out of memory; the record may well be right");
}

int mdl_ledger_all_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return 0;
    return 1;
}

mdl_err mdl_ledger_room(mdl_ledger_bytes *b, size_t size) {
    if (size > b->room) {
        uint8_t *at = malloc(size);
        if (!at)
            return MDL_ENOMEM;
        free(b->at);
        b->at = at;
        b->room = size;
    }
    b->size = size;
    return MDL_OK;
}

mdl_rule mdl_ledger_blob(const mdl_ledger *l, const char *what, const uint8_t *digest, const uint8_t **bytes,
                         size_t *size, mdl_breach *breach) {
    uint8_t found[MDL_DIGEST_BYTES];
    mdl_err err = l->blobs->get(l->blobs->ctx, digest, bytes, size);
    if (err == MDL_ENOMEM)
        return mdl_ledger_no_memory(breach);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_BLOB, "the blob of %s: %s", what, mdl_strerror((int)err));
    mdl_digest_of(*bytes, *size, found);
    if (memcmp(found, digest, sizeof found) != 0)
        return mdl_ledger_break(breach, MDL_RULE_BLOB, "the blob of %s is stored, but has another digest", what);
    return MDL_RULE_OK;
}

/* ---- one record ---- */

/* Calls of workers that become records as they are. */
static int is_workers(mdl_message_type type) {
    return type == MDL_MSG_RESULT || type == MDL_MSG_COMMIT || type == MDL_MSG_SHARDRESULT || type == MDL_MSG_MOVE ||
           type == MDL_MSG_NONCE;
}

/* Position, experiment and number: what every record but the genesis shows
 * before its own rule is asked. */
static mdl_rule check_head(const mdl_ledger *l, const mdl_message *m, mdl_breach *breach) {
    static const mdl_head zero;
    int genesis = m->type == MDL_MSG_GENESIS;
    if (genesis != (l->size == 0))
        return mdl_ledger_break(breach, MDL_RULE_GENESIS, "%s",
                                genesis ? "there is a genesis already" : "the first record is no genesis");
    if (l->ended)
        return mdl_ledger_break(breach, MDL_RULE_END, "a record of type %s follows the end", mdl_message_name(m->type));
    if (!genesis && memcmp(m->head.experiment, l->experiment.id, sizeof m->head.experiment) != 0)
        return mdl_ledger_break(breach, MDL_RULE_DOCUMENT, "the record is of another experiment");
    if (!is_workers(m->type)) {
        if (m->head.seq != l->size)
            return mdl_ledger_break(breach, MDL_RULE_NUMBER, "the record says that it is number %llu, it is %llu",
                                    (unsigned long long)m->head.seq, (unsigned long long)l->size);
        if (memcmp(m->head.session, zero.session, sizeof zero.session) != 0)
            return mdl_ledger_break(breach, MDL_RULE_NUMBER, "the coordinator's record names a session");
    }
    if (l->credit_due && m->type != MDL_MSG_CREDIT)
        return mdl_ledger_break(breach, MDL_RULE_CREDIT, "a record of type %s stands where the credit must",
                                mdl_message_name(m->type));
    return MDL_RULE_OK;
}

static mdl_rule apply_type(mdl_ledger *l, const mdl_envelope *e, const mdl_message *m, mdl_breach *breach) {
    switch (m->type) {
    case MDL_MSG_GENESIS:
        return mdl_ledger_on_genesis(l, m, breach);
    case MDL_MSG_ADMIT:
        return mdl_ledger_on_admit(l, &m->as.admit, breach);
    case MDL_MSG_LEASE:
        return mdl_ledger_on_lease(l, &m->as.lease, breach);
    case MDL_MSG_EXPIRE:
        return mdl_ledger_on_expire(l, &m->as.expire, breach);
    case MDL_MSG_COMMIT:
        return mdl_ledger_on_commit(l, &m->as.commit, e->key, breach);
    case MDL_MSG_RESULT:
        return mdl_ledger_on_result(l, &m->as.result, e->key, breach);
    case MDL_MSG_SHARDLEASE:
        return mdl_ledger_on_shardlease(l, &m->as.shardlease, breach);
    case MDL_MSG_SHARDRESULT:
        return mdl_ledger_on_shardresult(l, &m->as.shardresult, e->key, breach);
    case MDL_MSG_JOINED:
        return mdl_ledger_on_joined(l, &m->as.joined, breach);
    case MDL_MSG_SHARDVERDICT:
        return mdl_ledger_on_shardverdict(l, &m->as.shardverdict, breach);
    case MDL_MSG_NONCE:
        return mdl_ledger_on_nonce(l, &m->as.nonce, e->key, breach);
    case MDL_MSG_BEACON:
        return mdl_ledger_on_beacon(l, &m->as.beacon, breach);
    case MDL_MSG_CHECK:
        return mdl_ledger_on_check(l, &m->as.check, breach);
    case MDL_MSG_VERDICT:
        return mdl_ledger_on_verdict(l, &m->as.verdict, breach);
    case MDL_MSG_DISPUTE:
        return mdl_ledger_on_dispute(l, &m->as.dispute, breach);
    case MDL_MSG_MOVE:
        return mdl_ledger_on_move(l, &m->as.move, e->key, breach);
    case MDL_MSG_JUDGEMENT:
        return mdl_ledger_on_judgement(l, &m->as.judgement, breach);
    case MDL_MSG_EQUIVOCATION:
        return mdl_ledger_on_equivocation(l, &m->as.equivocation, breach);
    case MDL_MSG_CORRECTION:
        return mdl_ledger_on_correction(l, &m->as.correction, breach);
    case MDL_MSG_CLOSE:
        return mdl_ledger_on_close(l, &m->as.close, breach);
    case MDL_MSG_CREDIT:
        return mdl_ledger_on_credit(l, &m->as.credit, breach);
    case MDL_MSG_CHAMPION:
        return mdl_ledger_on_champion(l, &m->as.champion, breach);
    case MDL_MSG_ADMIN:
        return mdl_ledger_on_admin(l, &m->as.admin, breach);
    case MDL_MSG_END:
        return mdl_ledger_on_end(l, &m->as.end, breach);
    default:
        return mdl_ledger_break(breach, MDL_RULE_FORM, "a message of type %s is no record", mdl_message_name(m->type));
    }
}

/* The breach to fill in: `ignored` when the caller wants none. */
static mdl_breach *begin_breach(const mdl_ledger *l, mdl_breach *breach, mdl_breach *ignored) {
    breach = breach ? breach : ignored;
    memset(breach, 0, sizeof *breach);
    breach->index = l->size;
    return breach;
}

static mdl_rule apply_message(mdl_ledger *l, const mdl_envelope *e, const mdl_message *m, int verified,
                              mdl_breach *breach) {
    if (!is_workers(m->type) && mdl_message_role(m->type) != MDL_ROLE_RECORD)
        return mdl_ledger_break(breach, MDL_RULE_FORM, "a message of type %s is no record", e->name);
    if (!verified && mdl_envelope_verify(e) != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_SIGNATURE, "the signature is not that of the key over these bytes");
    memcpy(breach->culprit, e->key, sizeof breach->culprit);
    if (!is_workers(m->type) && memcmp(e->key, l->coordinator, sizeof e->key) != 0)
        return mdl_ledger_break(breach, MDL_RULE_SIGNER, "a record of type %s is not signed by the coordinator",
                                e->name);
    mdl_rule rule = check_head(l, m, breach);
    if (rule == MDL_RULE_OK)
        rule = apply_type(l, e, m, breach);
    if (rule == MDL_RULE_NOMEM)
        memset(breach->culprit, 0, sizeof breach->culprit);
    if (rule == MDL_RULE_OK && (m->type == MDL_MSG_RESULT || m->type == MDL_MSG_COMMIT))
        mdl_ledger_remember(l, e, m);
    if (rule == MDL_RULE_OK)
        l->size++;
    return rule;
}

mdl_rule mdl_ledger_apply_message(mdl_ledger *l, const mdl_envelope *e, const mdl_message *m, mdl_breach *breach) {
    mdl_breach ignored;
    return apply_message(l, e, m, 1, begin_breach(l, breach, &ignored));
}

mdl_rule mdl_ledger_apply(mdl_ledger *l, const uint8_t *record, size_t size, int verified, mdl_breach *breach) {
    mdl_breach ignored;
    mdl_envelope e;
    mdl_message m;
    const mdl_field *fault = NULL;
    breach = begin_breach(l, breach, &ignored);
    mdl_err err = size > 0 ? mdl_envelope_decode(record, size, l->pae, &e) : MDL_ESYNTAX;
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_FORM, "envelope: %s", mdl_strerror((int)err));
    err = mdl_message_of(&e, (mdl_list_room){l->list, MDL_LIST_MAX}, &m, &fault);
    if (err != MDL_OK)
        return mdl_ledger_break(breach, MDL_RULE_FORM, "payload of type %s, %s: %s", e.name,
                                fault ? fault->name : "its form", mdl_strerror((int)err));
    return apply_message(l, &e, &m, verified, breach);
}

/* ---- life ---- */

mdl_ledger *mdl_ledger_new(const uint8_t coordinator[MDL_KEY_BYTES], const mdl_blobs *blobs) {
    mdl_ledger *l = calloc(1, sizeof *l);
    if (l) {
        memcpy(l->coordinator, coordinator, sizeof l->coordinator);
        l->blobs = blobs;
    }
    return l;
}

void mdl_ledger_free(mdl_ledger *l) {
    if (!l)
        return;
    free(l->prior);
    free(l->memory[0]);
    free(l->memory[1]);
    mdl_duty_free(l->duty);
    mdl_duty_free(l->scratch);
    free(l->check);
    free(l->joined);
    free(l->fitness);
    mdl_ledger_no_disputes(l);
    free(l->dispute);
    for (uint32_t i = 0; i < l->workers; i++)
        free(l->worker[i].past);
    free(l->worker);
    free(l->by_key);
    free(l->by_owner);
    free(l->session);
    for (uint32_t i = 0; i < l->leases; i++)
        free(l->lease[i].regions);
    free(l->lease);
    free(l->made.at);
    free(l->made_results.at);
    sodium_memzero(l->seed, sizeof l->seed);
    free(l);
}

/* ---- what the fold knows ---- */

uint64_t mdl_ledger_size(const mdl_ledger *l) { return l->size; }

const mdl_msg_genesis *mdl_ledger_genesis(const mdl_ledger *l) { return l->begun ? &l->genesis : NULL; }

const uint8_t *mdl_ledger_experiment_id(const mdl_ledger *l) { return l->experiment.id; }

const mdl_experiment *mdl_ledger_experiment(const mdl_ledger *l) { return l->begun ? &l->experiment : NULL; }

const mdl_evolution *mdl_ledger_evolution(const mdl_ledger *l) { return l->evolution; }

uint32_t mdl_ledger_genes(const mdl_ledger *l) { return l->genes; }

uint32_t mdl_ledger_jobs(const mdl_ledger *l) { return l->jobs; }

uint32_t mdl_ledger_jobs_done(const mdl_ledger *l) { return l->duty ? mdl_duty_answered(l->duty) : 0; }

int mdl_ledger_job_result(const mdl_ledger *l, uint32_t index, int64_t *fitness, uint64_t *record) {
    const mdl_duty_answer *answer = index < l->jobs ? mdl_duty_answer_of(l->duty, index) : NULL;
    if (!answer)
        return 0;
    if (fitness)
        *fitness = answer->fitness;
    if (record)
        *record = mdl_ledger_record_of(l, index);
    return 1;
}

uint32_t mdl_ledger_leases(const mdl_ledger *l, const mdl_ledger_lease **at) {
    *at = l->lease;
    return l->leases;
}

mdl_ledger_lease *mdl_ledger_lease_at(const mdl_ledger *l, uint64_t id) {
    if (l->leases == 0 || id < l->lease[0].id || id - l->lease[0].id >= l->leases)
        return NULL;
    return &l->lease[id - l->lease[0].id];
}

const mdl_ledger_lease *mdl_ledger_lease_find(const mdl_ledger *l, uint64_t id) { return mdl_ledger_lease_at(l, id); }

uint64_t mdl_ledger_next_lease(const mdl_ledger *l) { return l->next_lease; }

uint32_t mdl_ledger_workers(const mdl_ledger *l, const mdl_ledger_worker **at) {
    *at = l->worker;
    return l->workers;
}

uint64_t mdl_ledger_key_head(const uint8_t *key) {
    uint64_t head = 0;
    for (int i = 0; i < 8; i++)
        head = head << 8 | key[i];
    return head;
}

/* In the order of their bytes: nearly always the heads decide. */
uint32_t mdl_ledger_key_place(const mdl_ledger *l, const uint8_t *key) {
    uint64_t head = mdl_ledger_key_head(key);
    uint32_t lo = 0, hi = l->workers;
    while (lo < hi) {
        uint32_t middle = lo + (hi - lo) / 2;
        const mdl_ledger_key *k = &l->by_key[middle];
        if (k->head != head ? k->head < head : memcmp(l->worker[k->worker].key, key, MDL_KEY_BYTES) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

mdl_ledger_worker *mdl_ledger_worker_at(const mdl_ledger *l, const uint8_t *key) {
    uint32_t at = mdl_ledger_key_place(l, key);
    if (at == l->workers || l->by_key[at].head != mdl_ledger_key_head(key))
        return NULL;
    mdl_ledger_worker *w = &l->worker[l->by_key[at].worker];
    return memcmp(w->key, key, MDL_KEY_BYTES) == 0 ? w : NULL;
}

const mdl_ledger_worker *mdl_ledger_worker_find(const mdl_ledger *l, const uint8_t key[MDL_KEY_BYTES]) {
    return mdl_ledger_worker_at(l, key);
}

int mdl_ledger_paused(const mdl_ledger *l) { return l->paused; }

int mdl_ledger_ended(const mdl_ledger *l) { return l->ended; }
