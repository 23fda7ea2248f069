#include "protocol/witness.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/tlog_proof.h"

static mdl_err parse(mdl_text rest, mdl_witness_request *out) {
    mdl_text line;
    if (!mdl_text_line(&rest, &line) || !mdl_text_skip(&line, "old ")) {
        return MDL_ESYNTAX;
    }
    mdl_err e = mdl_text_decimal(line, MDL_MERKLE_SIZE_MAX, &out->old);
    return e != MDL_OK
               ? e
               : mdl_tlog_tail_parse(rest, MDL_MERKLE_PROOF_MAX, out->proof.hash, &out->proof.count, &out->checkpoint);
}

mdl_err mdl_witness_request_parse(mdl_text bytes, mdl_witness_request *out) {
    memset(out, 0, sizeof *out);
    mdl_err e = bytes.size > MDL_WITNESS_REQUEST_MAX ? MDL_ESIZE : parse(bytes, out);
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

void mdl_witness_request_put(const mdl_witness_request *r, mdl_text_out *out) {
    mdl_text_put_string(out, "old ");
    mdl_text_put_decimal(out, r->old);
    mdl_text_put_string(out, "\n");
    mdl_tlog_tail_put(r->proof.hash, r->proof.count, r->checkpoint, out);
}

void mdl_witness_begin(mdl_witness_state *state) {
    state->size = 0;
    mdl_merkle_empty(&state->root);
}

int mdl_witness_decide(const mdl_witness_state *state, const mdl_vkey *log, mdl_text body, mdl_witness_state *next,
                       mdl_checkpoint *c) {
    mdl_witness_request r;
    mdl_note note;
    mdl_checkpoint named;
    const mdl_log_policy policy = {.log = *log};
    if (mdl_witness_request_parse(body, &r) != MDL_OK || mdl_note_parse(r.checkpoint, &note) != MDL_OK ||
        mdl_checkpoint_parse(note.text, &named) != MDL_OK) {
        return 400;
    }
    if (!mdl_text_equal(named.origin, mdl_text_of(log->name))) {
        return 404;
    }
    mdl_err e = mdl_checkpoint_verify(r.checkpoint, &policy, &named, NULL);
    if (e != MDL_OK) {
        return e == MDL_ENOMEM ? 503 : 403;
    }
    if (r.old > named.size) {
        return 400;
    }
    if (r.old != state->size) {
        return 409;
    }
    if (r.old == named.size) {
        if (!mdl_hash_equal(&named.root, &state->root)) {
            return 409;
        }
        if (r.proof.count > 0) {
            return 422;
        }
    } else if (mdl_merkle_verify_consistency(r.old, named.size, &state->root, &named.root, r.proof.hash,
                                             r.proof.count) != MDL_OK) {
        return 422;
    }
    *c = named;
    *next = (mdl_witness_state){named.size, named.root};
    return 200;
}

/* ---- what is kept ---- */

static const char kept_head[] = "modulon witness v1\n";

mdl_err mdl_witness_kept_parse(mdl_text bytes, mdl_witness_kept *out) {
    mdl_note note;
    mdl_checkpoint c;
    memset(out, 0, sizeof *out);
    if (bytes.size > MDL_WITNESS_STATE_MAX) {
        return MDL_ESIZE;
    }
    mdl_witness_kept k;
    if (!mdl_text_skip(&bytes, kept_head)) {
        return MDL_EMAGIC;
    }
    if (!mdl_text_line(&bytes, &k.origin)) {
        return MDL_ESYNTAX;
    }
    k.note = bytes;
    mdl_err e = mdl_note_parse(bytes, &note);
    if (e == MDL_OK) {
        e = mdl_checkpoint_parse(note.text, &c);
    }
    if (e == MDL_OK && !mdl_text_equal(c.origin, k.origin)) {
        e = MDL_EMISMATCH;
    }
    if (e == MDL_OK) {
        *out = k;
    }
    return e;
}

void mdl_witness_kept_put(const mdl_witness_kept *k, mdl_text_out *out) {
    mdl_text_put_string(out, kept_head);
    mdl_text_put(out, k->origin.at, k->origin.size);
    mdl_text_put_string(out, "\n");
    mdl_text_put(out, k->note.at, k->note.size);
}

/* ---- the log's side ---- */

static int is_of(const mdl_note_signature *s, const mdl_vkey *key) {
    return memcmp(s->id, key->id, sizeof key->id) == 0 && mdl_text_equal(s->name, mdl_text_of(key->name));
}

mdl_err mdl_witness_attach(mdl_text bytes, mdl_text answer, const mdl_vkey *witness, mdl_text_out *out) {
    mdl_note note, lines;
    mdl_note_seal seal;
    mdl_err e = mdl_note_parse(bytes, &note);
    if (e != MDL_OK) {
        return e;
    }
    if (answer.size > MDL_NOTE_MAX) {
        return MDL_ESIZE;
    }
    /* The answer's lines over this text: a note of their own. */
    mdl_text_out whole = {malloc(note.text.size + 1 + answer.size), note.text.size + 1 + answer.size, 0};
    if (!whole.at) {
        return MDL_ENOMEM;
    }
    mdl_text_put(&whole, note.text.at, note.text.size);
    mdl_text_put_string(&whole, "\n");
    mdl_text_put(&whole, answer.at, answer.size);
    e = mdl_note_parse((mdl_text){whole.at, whole.size}, &lines);
    if (e == MDL_OK && !mdl_text_equal(lines.text, note.text)) {
        e = MDL_ESYNTAX; /* an empty line inside the answer */
    }
    if (e == MDL_OK) {
        e = mdl_note_verify(&lines, witness, 1, &seal);
    }
    int had = 0;
    for (uint32_t i = 0; i < note.count; i++) {
        had |= is_of(&note.signature[i], witness);
    }
    for (uint32_t i = 0; e == MDL_OK && !had && i < lines.count; i++) {
        if (is_of(&lines.signature[i], witness)) {
            if (note.count == MDL_NOTE_SIGNATURES_MAX) {
                e = MDL_ESIZE;
            } else {
                note.signature[note.count++] = lines.signature[i];
            }
            had = 1;
        }
    }
    if (e == MDL_OK) {
        mdl_note_put(&note, out);
        e = out->size > out->capacity ? MDL_ESIZE : MDL_OK;
    }
    free(whole.at);
    return e;
}
