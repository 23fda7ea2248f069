/* What the coordinator says: replies that are kept for repeats, and refusals. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "core/assert.h"

void mdl_answer_clear(mdl_answer *a) {
    free(a->bytes);
    memset(a, 0, sizeof *a);
}

/* A repeat is rare and must not be answered otherwise: without memory to keep an
 * answer there is none, and the sender asks again. */
static void keep(mdl_answer *answer, uint64_t after, const uint8_t *bytes, size_t size) {
    if (!answer) {
        return;
    }
    mdl_answer_clear(answer);
    answer->bytes = malloc(size);
    if (!answer->bytes) {
        answer->said = MDL_SAID_ASK_AGAIN;
        return;
    }
    memcpy(answer->bytes, bytes, size);
    answer->said = MDL_SAID_FRAME;
    answer->size = size;
    answer->after = after;
}

void mdl_coordinator_say(mdl_coordinator *c, const mdl_asked *a, mdl_message *m, int rests, const uint8_t *blob,
                         size_t blob_size) {
    size_t size;
    memset(&m->head, 0, sizeof m->head);
    if (mdl_ledger_size(c->ledger) > 0) {
        memcpy(m->head.experiment, mdl_ledger_experiment_id(c->ledger), 32);
    }
    if (a->message) {
        memcpy(m->head.session, a->message->head.session, MDL_SESSION_BYTES);
        m->head.seq = a->message->head.seq;
    }
    mdl_err err = mdl_message_seal(m, c->config.secret, c->work, c->sealed, sizeof c->sealed, &size);
    MDL_ASSERT(err == MDL_OK); /* every field is ours, in its limits, and small */
    uint64_t after = rests ? mdl_ledger_size(c->ledger) : 0;
    if (blob_size > 0 && a->answer) {
        mdl_answer_clear(a->answer); /* too large to keep; asking again changes nothing */
        a->answer->said = MDL_SAID_ASK_AGAIN;
    } else {
        keep(a->answer, after, c->sealed, size);
    }
    c->io.reply(c->io.ctx, a->call, after, c->sealed, size, blob, blob_size);
}

/* Printable ASCII only: details may hold what a peer sent. */
static void put_text(char *out, size_t size, const char *sentence, const char *detail) {
    snprintf(out, size, "%s%s%s", sentence, detail && *detail ? ": " : "", detail ? detail : "");
    for (char *p = out; *p; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
}

void mdl_coordinator_reject(mdl_coordinator *c, const mdl_asked *a, mdl_reason reason, uint64_t retry_ms, int rests,
                            const char *detail) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_REJECT;
    m.as.reject.reason = (uint32_t)reason;
    snprintf(m.as.reject.name, sizeof m.as.reject.name, "%s", mdl_reason_name(reason));
    put_text(m.as.reject.text, sizeof m.as.reject.text, mdl_reason_sentence(reason), detail);
    m.as.reject.retry_ms = retry_ms;
    m.as.reject.about = a->message ? a->message->head.seq : 0;
    c->rejected++;
    mdl_coordinator_log(c, mdl_reason_name(reason), a->envelope ? a->envelope->key : NULL, "refused %s: %s",
                        a->envelope ? a->envelope->name : "a frame", m.as.reject.text);
    mdl_coordinator_say(c, a, &m, rests, NULL, 0);
    if (retry_ms > 0 && a->answer) { /* no answer yet: the same bytes may come again */
        mdl_answer_clear(a->answer);
        a->answer->said = MDL_SAID_ASK_AGAIN;
    }
}

void mdl_coordinator_idle(mdl_coordinator *c, const mdl_asked *a, mdl_reason reason, uint64_t retry_ms, int rests) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_IDLE;
    m.as.idle.reason = (uint32_t)reason;
    put_text(m.as.idle.text, sizeof m.as.idle.text, mdl_reason_sentence(reason), NULL);
    m.as.idle.retry_ms = retry_ms;
    mdl_coordinator_say(c, a, &m, rests, NULL, 0);
}

void mdl_coordinator_give_receipt(mdl_coordinator *c, const mdl_asked *a, uint64_t record) {
    if (a->answer) {
        mdl_answer_clear(a->answer);
        a->answer->said = MDL_SAID_RECEIPT;
        a->answer->record = record;
    }
    c->io.receipt(c->io.ctx, a->call, record);
}

void mdl_coordinator_refuse(mdl_coordinator *c, uint64_t call, mdl_reason reason, const char *detail,
                            uint64_t retry_ms) {
    mdl_asked a = {.call = call, .worker = UINT32_MAX};
    mdl_coordinator_reject(c, &a, reason, retry_ms, 0, detail);
}
