#include "cli/ledger_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"
#include "protocol/reason.h"
#include "protocol/referee.h"

typedef struct mdl_words_name {
    uint8_t key[MDL_KEY_BYTES];
    char text[80];
} mdl_words_name;

mdl_err mdl_words_init(mdl_words *w) {
    *w = (mdl_words){.pae = malloc(MDL_PAE_BYTES_MAX), .list = calloc(MDL_LIST_MAX, sizeof(uint64_t))};
    return w->pae && w->list ? MDL_OK : MDL_ENOMEM;
}

void mdl_words_close(mdl_words *w) {
    free(w->pae);
    free(w->list);
    free(w->name);
    *w = (mdl_words){0};
}

/* A worker's name with the beginning of its key. */
static void learn(mdl_words *w, const mdl_msg_admit *m) {
    if (!mdl_list_grow(&w->name, &w->room, w->names + 1, sizeof *w->name))
        return; /* its key is shown then */
    mdl_words_name *n = &w->name[w->names++];
    char hex[9];
    mdl_hex(m->worker, 4, hex);
    memcpy(n->key, m->worker, sizeof n->key);
    snprintf(n->text, sizeof n->text, "%s%s%s", m->name, m->name[0] ? " " : "", hex);
}

static void who(const mdl_words *w, const uint8_t *key, char out[80]) {
    for (size_t i = w->names; i-- > 0;)
        if (memcmp(w->name[i].key, key, MDL_KEY_BYTES) == 0) {
            memcpy(out, w->name[i].text, sizeof w->name[i].text);
            return;
        }
    mdl_hex(key, 8, out);
}

static mdl_err take(mdl_words *w, const uint8_t *record, size_t size, mdl_envelope *e, mdl_message *m) {
    mdl_err err = mdl_envelope_decode(record, size, w->pae, e);
    return err == MDL_OK ? mdl_message_of(e, (mdl_list_room){w->list, MDL_LIST_MAX}, m, NULL) : err;
}

static void say_result(const mdl_words *w, const mdl_msg_result *m, const uint8_t *key, char *out, size_t size) {
    char name[80];
    int64_t best = m->fitness.count > 0 ? m->fitness.at[0] : 0;
    for (uint32_t i = 1; i < m->fitness.count; i++)
        if (m->fitness.at[i] > best)
            best = m->fitness.at[i];
    who(w, key, name);
    snprintf(out, size,
             "result    %s: lease %" PRIu64 ", generation %" PRIu32 ", jobs %" PRIu32 " to %" PRIu32 ", best %" PRId64
             ", %" PRIu64 " updates in %" PRIu64 " ms",
             name, m->lease, m->generation, m->first, m->first + (m->count - 1), best, m->updates, m->busy_ms);
}

void mdl_words_of(mdl_words *w, const uint8_t *record, size_t size, char *out, size_t out_size) {
    static const char *const ways[] = {"?", "open", "list", "invitation"};
    mdl_envelope e;
    mdl_message m;
    char name[80], hex[17], key[2 * MDL_KEY_BYTES + 1];
    mdl_err err = take(w, record, size, &e, &m);
    if (err != MDL_OK) {
        snprintf(out, out_size, "NO RECORD %zu bytes: %s", size, mdl_strerror((int)err));
        return;
    }
    switch (m.type) {
    case MDL_MSG_GENESIS:
        mdl_hex(m.as.genesis.coordinator, sizeof m.as.genesis.coordinator, key);
        snprintf(out, out_size,
                 "genesis   log %s, coordinator %s, protocol %" PRIu32 ", results %" PRIu32 ", admission %s",
                 m.as.genesis.origin, key, m.as.genesis.version, m.as.genesis.results, m.as.genesis.admission);
        break;
    case MDL_MSG_ADMIT:
        learn(w, &m.as.admit);
        who(w, m.as.admit.worker, name);
        mdl_hex(m.as.admit.owner, 8, hex);
        snprintf(out, out_size, "admit     %s, by %s, owner %s", name, ways[m.as.admit.how & 3], hex);
        break;
    case MDL_MSG_LEASE:
        who(w, m.as.lease.worker, name);
        snprintf(out, out_size, "lease     %s: lease %" PRIu64 ", generation %" PRIu32 ", jobs %" PRIu32 " to %" PRIu32,
                 name, m.as.lease.lease, m.as.lease.generation, m.as.lease.first,
                 m.as.lease.first + (m.as.lease.count - 1));
        break;
    case MDL_MSG_EXPIRE:
        snprintf(out, out_size, "expire    lease %" PRIu64 ": %s", m.as.expire.lease,
                 mdl_reason_sentence(m.as.expire.reason));
        break;
    case MDL_MSG_RESULT:
        say_result(w, &m.as.result, e.key, out, out_size);
        break;
    case MDL_MSG_COMMIT:
        who(w, e.key, name);
        mdl_hex(m.as.commit.commitment, 8, hex);
        snprintf(out, out_size, "commit    %s: lease %" PRIu64 ", commitment %s", name, m.as.commit.lease, hex);
        break;
    case MDL_MSG_NONCE:
        who(w, e.key, name);
        mdl_hex(m.as.nonce.nonce, 8, hex);
        snprintf(out, out_size, "nonce     %s: generation %" PRIu32 ", %s", name, m.as.nonce.generation, hex);
        break;
    case MDL_MSG_BEACON:
        mdl_hex(m.as.beacon.nonces, 8, hex);
        snprintf(out, out_size, "beacon    generation %" PRIu32 ": units are drawn with %s", m.as.beacon.generation,
                 hex);
        break;
    case MDL_MSG_CHECK:
        snprintf(out, out_size, "check     generation %" PRIu32 ", job %" PRIu32 ", fitness %" PRId64 ": all agree",
                 m.as.check.generation, m.as.check.job, m.as.check.fitness);
        break;
    case MDL_MSG_VERDICT:
        snprintf(out, out_size,
                 "verdict   generation %" PRIu32 ", job %" PRIu32 ", fitness %" PRId64
                 " is right: who differs is convicted",
                 m.as.verdict.generation, m.as.verdict.job, m.as.verdict.fitness);
        break;
    case MDL_MSG_DISPUTE:
        snprintf(out, out_size,
                 "dispute   generation %" PRIu32 ", job %" PRIu32 ": leases %" PRIu64 " and %" PRIu64
                 " are taken apart",
                 m.as.dispute.generation, m.as.dispute.job, m.as.dispute.first, m.as.dispute.second);
        break;
    case MDL_MSG_MOVE:
        who(w, e.key, name);
        snprintf(out, out_size, "move      %s: lease %" PRIu64 ", job %" PRIu32 ", %s of %" PRIu64 " bytes", name,
                 m.as.move.lease, m.as.move.job,
                 m.as.move.kind == 1   ? "rows"
                 : m.as.move.kind == 2 ? "digests"
                                       : "a state",
                 m.as.move.blob_size);
        break;
    case MDL_MSG_JUDGEMENT:
        snprintf(out, out_size, "judgement generation %" PRIu32 ", job %" PRIu32 ": side%s wrong: %s",
                 m.as.judgement.generation, m.as.judgement.job,
                 m.as.judgement.wrong == 3   ? "s 0 and 1 are"
                 : m.as.judgement.wrong == 2 ? " 1 is"
                                             : " 0 is",
                 mdl_fault_sentence((int)m.as.judgement.fault));
        break;
    case MDL_MSG_EQUIVOCATION:
        who(w, m.as.equivocation.worker, name);
        snprintf(out, out_size, "equivocation  %s contradicts its record of lease %" PRIu64 ": convicted", name,
                 m.as.equivocation.lease);
        break;
    case MDL_MSG_CORRECTION:
        who(w, m.as.correction.worker, name);
        snprintf(out, out_size,
                 "correction  %s, a convict: record %" PRIu64 ", generation %" PRIu32 ", %" PRIu32 " jobs from %" PRIu32
                 ", done again",
                 name, m.as.correction.result, m.as.correction.generation, m.as.correction.count,
                 m.as.correction.first);
        break;
    case MDL_MSG_CLOSE:
        mdl_hex(m.as.close.after, 8, hex);
        snprintf(out, out_size, "close     generation %" PRIu32 ", %" PRIu32 " jobs, best %" PRId64 ", next state %s",
                 m.as.close.generation, m.as.close.jobs, m.as.close.best, hex);
        break;
    case MDL_MSG_CREDIT:
        snprintf(out, out_size, "credit    generation %" PRIu32 ", %" PRIu64 " updates of %" PRIu32 " workers",
                 m.as.credit.generation, m.as.credit.updates, m.as.credit.count);
        break;
    case MDL_MSG_CHAMPION:
        mdl_hex(m.as.champion.genome, 8, hex);
        snprintf(out, out_size,
                 "champion  island %" PRIu32 ", generation %" PRIu32 ", validation %" PRId64 ", genome %s",
                 m.as.champion.island, m.as.champion.generation, m.as.champion.validation, hex);
        break;
    case MDL_MSG_ADMIN:
        who(w, m.as.admin.target, name);
        snprintf(out, out_size, "admin     %s%s%s%s%s", m.as.admin.action,
                 strstr(m.as.admin.action, "ban") ? " of " : "", strstr(m.as.admin.action, "ban") ? name : "",
                 m.as.admin.reason[0] ? ": " : "", m.as.admin.reason);
        break;
    case MDL_MSG_END:
        mdl_hex(m.as.end.champion, 8, hex);
        snprintf(out, out_size, "end       after %" PRIu32 " generations, champion %s", m.as.end.generation, hex);
        break;
    default:
        snprintf(out, out_size, "NO RECORD a message of type %s", e.name);
    }
}

mdl_err mdl_words_json(mdl_words *w, uint64_t index, const uint8_t *record, size_t size) {
    mdl_envelope e;
    mdl_message m;
    char key[2 * MDL_KEY_BYTES + 1];
    if (take(w, record, size, &e, &m) != MDL_OK) {
        printf("{\"index\":%" PRIu64 ",\"type\":null,\"bytes\":%zu}\n", index, size);
        return MDL_OK;
    }
    mdl_hex(e.key, sizeof e.key, key);
    /* What decodes is JSON. */
    printf("{\"index\":%" PRIu64 ",\"type\":\"%s\",\"key\":\"%s\",\"bytes\":%zu,\"payload\":", index, e.name, key,
           size);
    fwrite(e.payload, 1, e.payload_size, stdout);
    printf("}\n");
    return MDL_OK;
}
