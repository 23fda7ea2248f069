/* Checkpoints of the ledger: each new one must continue the one we hold, and agree
 * with those that others were shown. PROTOCOL section 8.7. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/logic_internal.h"

static void keep(mdl_worker *w, int proven) {
    const mdl_gossip_note *n = proven ? &w->gossip.held : &w->gossip.seen;
    w->io.checkpoint(w->io.ctx, w->gossip_coordinator, w->gossip_experiment, w->vkey_text, proven, n->note,
                     n->note_size);
}

static void restore(mdl_worker *w, int proven) {
    char note[4 * MDL_GOSSIP_NOTE_MAX];
    size_t size = w->io.kept(w->io.ctx, w->gossip_coordinator, w->gossip_experiment, proven, note, sizeof note);
    if (size == 0)
        return;
    mdl_err err = size <= sizeof note ? mdl_gossip_restore(&w->gossip, (mdl_text){note, size}, proven) : MDL_ESIZE;
    if (err != MDL_OK) {
        mdl_notice facts = {.kind = MDL_NOTICE_ERROR};
        mdl_worker_say(w, &facts, "the checkpoint kept from an earlier run is not used: %s", mdl_strerror((int)err));
    }
}

void mdl_checkpoints_begin(mdl_worker *w) {
    const uint8_t *coordinator = w->config.place[w->place].key;
    if (w->gossip_open && memcmp(w->gossip_coordinator, coordinator, MDL_KEY_BYTES) == 0 &&
        memcmp(w->gossip_experiment, w->experiment, sizeof w->experiment) == 0)
        return;
    memcpy(w->gossip_coordinator, coordinator, MDL_KEY_BYTES);
    memcpy(w->gossip_experiment, w->experiment, sizeof w->gossip_experiment);
    mdl_gossip_begin(&w->gossip, &w->vkey);
    w->gossip_open = 1;
    w->gossip_at_ms = w->at.now_ms;
    restore(w, 1);
    restore(w, 0);
}

/* What a comparison says of the coordinator. 1: all is well. */
static int judge(mdl_worker *w, uint32_t place, mdl_gossip_verdict verdict, mdl_gossip_proof *proof) {
    char text[300];
    switch (verdict) {
    case MDL_GOSSIP_FORK:
        w->io.fraud(w->io.ctx, w->gossip_coordinator, w->gossip_experiment, proof->first, proof->text, proof->size);
        free(proof->text);
        snprintf(text, sizeof text,
                 "its ledger has two histories: it signed a checkpoint of %" PRIu64 " records and one of %" PRIu64
                 " that contradicts it; the proof is kept, see modulon verify-proof",
                 proof->first, proof->second);
        mdl_worker_condemn(w, place, MDL_STOP_LIED, text);
        return 0;
    case MDL_GOSSIP_BROKEN:
        mdl_worker_condemn(w, place, MDL_STOP_LIED,
                           "it does not show that its ledger continues the checkpoints that it signed; what it "
                           "answered is no proof against it, but nothing that it says can be relied on");
        return 0;
    case MDL_GOSSIP_NOMEM:
        mdl_worker_end(w, MDL_STOP_FAILED, "out of memory");
        return 0;
    default:
        return 1;
    }
}

static void take(mdl_worker *w, mdl_text note, int own) {
    mdl_gossip_proof proof;
    uint64_t held = w->gossip.held.size, seen = w->gossip.seen.size;
    if (!judge(w, w->place, mdl_gossip_take(&w->gossip, note, own, &proof), &proof))
        return;
    if (w->gossip.held.size != held)
        keep(w, 1);
    if (w->gossip.seen.size != seen)
        keep(w, 0);
}

void mdl_checkpoints_seen(mdl_worker *w, mdl_text note) {
    if (w->gossip_open && !w->stopped)
        take(w, note, 1);
}

void mdl_checkpoints_heard(mdl_worker *w, mdl_text note) { take(w, note, 0); }

/* ---- questions ---- */

int mdl_checkpoints_ask(mdl_worker *w) {
    mdl_gossip_question q;
    mdl_message m;
    if (!w->gossip_open || w->at.now_ms < w->gossip_at_ms)
        return 0;
    w->gossip_at_ms = w->at.now_ms + w->config.gossip_ms;
    if (!mdl_gossip_ask(&w->gossip, &q))
        return 0;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_PROVE;
    m.as.prove.from = q.from;
    m.as.prove.to = q.to;
    if (q.note.size > 0)
        memcpy(m.as.prove.checkpoint, q.note.at, q.note.size);
    mdl_worker_send(w, MDL_WAY_CONTROL, w->place, NULL, &m);
    return 1;
}

void mdl_checkpoints_answer(mdl_worker *w, uint32_t place, const mdl_message *m, const mdl_frame *frame) {
    const mdl_msg_proof *p = &m->as.proof;
    mdl_gossip_proof proof;
    mdl_hash root, hash[MDL_MERKLE_PROOF_MAX];
    size_t count = frame->blob_size / MDL_HASH_BYTES;
    uint64_t held = w->gossip.held.size, others = w->gossip.pasts;
    memcpy(root.bytes, p->root, sizeof root.bytes);
    if (count > 0)
        memcpy(hash, frame->blob, count * sizeof *hash);
    if (!judge(w, place,
               mdl_gossip_answer(&w->gossip, p->from, p->to, &root, hash, count, mdl_text_of(p->checkpoint), &proof),
               &proof))
        return;
    if (w->gossip.held.size != held)
        keep(w, 1);
    if (w->gossip.pasts != others) {
        mdl_notice facts = {.kind = MDL_NOTICE_CHECKPOINT};
        mdl_worker_say(w, &facts, "a checkpoint of %" PRIu64 " records from elsewhere is of the same history as ours",
                       w->gossip.past[(w->gossip.pasts - 1) % MDL_GOSSIP_HEARD_MAX].size);
    }
    if (w->gossip.heard_count > 0 || w->gossip.seen.size > w->gossip.held.size)
        w->gossip_at_ms = w->at.now_ms + w->config.gossip_ms / 10;
}

void mdl_checkpoints_refused(mdl_worker *w, uint32_t place, int for_now, const mdl_msg_reject *r) {
    mdl_notice facts = {.kind = MDL_NOTICE_ERROR, .reason = r->reason};
    mdl_gossip_unanswered(&w->gossip);
    if (for_now) {
        uint64_t wait = r->retry_ms > 0 && r->retry_ms < w->config.gossip_ms ? r->retry_ms : w->config.gossip_ms;
        w->gossip_at_ms = w->at.now_ms + wait;
    } else if (r->reason == MDL_REASON_FORKED || r->reason == MDL_REASON_OUT_OF_RANGE) {
        char text[300];
        snprintf(text, sizeof text,
                 "it signed a checkpoint of %" PRIu64
                 " records and says now that its ledger has fewer: records are lost, or it hides them",
                 w->gossip.held.size);
        mdl_worker_condemn(w, place, MDL_STOP_LIED, text);
    } else {
        mdl_worker_say(w, &facts, "the ledger's checkpoints cannot be compared: %s", r->text);
    }
}
