/* Consistency of the ledger's checkpoints, for workers that compare them. PROTOCOL
 * section 7.7. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "protocol/checkpoint.h"

/* Whether our own log's key signed a checkpoint of more records than there are. The signature is looked at only where
 * the size says so: nobody can make us verify for nothing but the log itself. */
static int lost_records(const mdl_coordinator *c, const char *text, uint64_t *size) {
    mdl_log_policy policy;
    mdl_note note;
    mdl_checkpoint shown;
    memset(&policy, 0, sizeof policy);
    if (mdl_note_parse(mdl_text_of(text), &note) != MDL_OK || mdl_checkpoint_parse(note.text, &shown) != MDL_OK ||
        shown.size <= mdl_ledger_size(c->ledger)) {
        return 0;
    }
    *size = shown.size;
    return mdl_vkey_parse(mdl_text_of(c->config.vkey), &policy.log) == MDL_OK &&
           mdl_checkpoint_verify(mdl_text_of(text), &policy, &shown, NULL) == MDL_OK;
}

void mdl_serve_prove(mdl_coordinator *c, const mdl_asked *a) {
    const mdl_msg_prove *q = &a->message->as.prove;
    mdl_merkle_lookup lookup;
    mdl_merkle_proof proof;
    mdl_hash root;
    mdl_message m;
    char detail[128];
    uint64_t size, to = q->to ? q->to : c->durable;
    if (q->checkpoint[0] && lost_records(c, q->checkpoint, &size)) {
        snprintf(detail, sizeof detail, "%" PRIu64 " records here, one of %" PRIu64 " was signed",
                 mdl_ledger_size(c->ledger), size);
        mdl_coordinator_log(c, "forked", a->envelope->key,
                            "this worker has a checkpoint of ours over %" PRIu64 " records, and the ledger has %" PRIu64
                            ": it is an old copy, or another one runs with our key; going on would make two histories",
                            size, mdl_ledger_size(c->ledger));
        mdl_coordinator_reject(c, a, MDL_REASON_FORKED, 0, 0, detail);
        c->failed = 1;
        return;
    }
    if (to > c->durable || q->from > to) {
        snprintf(detail, sizeof detail, "%" PRIu64 " records are signed", c->durable);
        mdl_coordinator_reject(c, a, MDL_REASON_OUT_OF_RANGE, 0, 0, detail);
        return;
    }
    mdl_err err = c->io.tree(c->io.ctx, to, &lookup);
    if (err == MDL_OK) {
        err = mdl_merkle_root(q->from, &lookup, &root);
    }
    if (err == MDL_OK) {
        err = mdl_merkle_prove_consistency(q->from, to, &lookup, &proof);
    }
    if (err != MDL_OK) {
        mdl_coordinator_reject(c, a, MDL_REASON_BUSY, 1000, 0, NULL);
        return;
    }
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_PROOF;
    m.as.proof.from = q->from;
    m.as.proof.to = to;
    memcpy(m.as.proof.root, root.bytes, sizeof root.bytes);
    if (q->to == 0) {
        mdl_text_out out = {m.as.proof.checkpoint, MDL_GOSSIP_NOTE_MAX, 0};
        if (mdl_checkpoint_bare(mdl_text_of(c->checkpoint), &out) != MDL_OK) {
            mdl_coordinator_reject(c, a, MDL_REASON_BUSY, 1000, 0, NULL);
            return;
        }
    }
    m.as.proof.blob_size = proof.count * MDL_HASH_BYTES;
    if (proof.count > 0) {
        mdl_digest_of(proof.hash, m.as.proof.blob_size, m.as.proof.blob);
    }
    mdl_coordinator_say(c, a, &m, 1, (const uint8_t *)proof.hash, m.as.proof.blob_size);
}
