#include "protocol/checkpoint.h"

#include <string.h>

static mdl_err parse(mdl_text text, mdl_checkpoint *out) {
    mdl_text size, root, line;
    if (!mdl_text_line(&text, &out->origin) || !mdl_text_line(&text, &size) || !mdl_text_line(&text, &root) ||
        out->origin.size == 0) {
        return MDL_ESYNTAX;
    }
    if (out->origin.size > MDL_NOTE_NAME_MAX) {
        return MDL_ESIZE;
    }
    mdl_err e = mdl_text_decimal(size, MDL_MERKLE_SIZE_MAX, &out->size);
    if (e == MDL_OK) {
        e = mdl_base64_exact(root, out->root.bytes, sizeof out->root.bytes);
    }
    if (e != MDL_OK) {
        return e;
    }
    out->extension = text;
    while (mdl_text_line(&text, &line)) {
        if (line.size == 0) {
            return MDL_ESYNTAX;
        }
    }
    return text.size == 0 ? MDL_OK : MDL_ESYNTAX;
}

mdl_err mdl_checkpoint_parse(mdl_text text, mdl_checkpoint *out) {
    memset(out, 0, sizeof *out);
    mdl_err e = parse(text, out);
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

void mdl_checkpoint_put(const mdl_checkpoint *c, mdl_text_out *out) {
    mdl_text_put(out, c->origin.at, c->origin.size);
    mdl_text_put_string(out, "\n");
    mdl_text_put_decimal(out, c->size);
    mdl_text_put_string(out, "\n");
    mdl_base64_put(out, c->root.bytes, sizeof c->root.bytes);
    mdl_text_put_string(out, "\n");
    mdl_text_put(out, c->extension.at, c->extension.size);
}

mdl_err mdl_checkpoint_sign(const mdl_checkpoint *c, const mdl_vkey *log, const uint8_t secret[MDL_NOTE_SECRET_BYTES],
                            mdl_text_out *out) {
    if (log->type != MDL_NOTE_TYPE_ED25519 || !mdl_text_equal(c->origin, mdl_text_of(log->name))) {
        return MDL_EMISMATCH;
    }
    if (c->size > MDL_MERKLE_SIZE_MAX || c->extension.size > 0) {
        return MDL_ERANGE;
    }
    char text[MDL_NOTE_NAME_MAX + 1 + 20 + 1 + MDL_BASE64_CHARS(MDL_HASH_BYTES) + 1], line[MDL_NOTE_LINE_MAX];
    mdl_text_out w = {text, sizeof text, 0}, signature = {line, sizeof line, 0};
    mdl_checkpoint_put(c, &w);
    mdl_err e = mdl_note_sign((mdl_text){text, w.size}, log, secret, 0, &signature);
    if (e != MDL_OK) {
        return e;
    }
    mdl_text_put(out, text, w.size);
    mdl_text_put_string(out, "\n");
    mdl_text_put(out, line, signature.size);
    return out->size > out->capacity ? MDL_ESIZE : MDL_OK;
}

mdl_err mdl_checkpoint_bare(mdl_text bytes, mdl_text_out *out) {
    mdl_note note;
    mdl_checkpoint c;
    mdl_err e = mdl_note_parse(bytes, &note);
    if (e == MDL_OK) {
        e = mdl_checkpoint_parse(note.text, &c);
    }
    if (e != MDL_OK) {
        return e;
    }
    uint32_t own = 0;
    while (own < note.count && !mdl_text_equal(note.signature[own].name, c.origin)) {
        own++;
    }
    if (own == note.count) {
        return MDL_ENOENT;
    }
    note.signature[0] = note.signature[own];
    note.count = 1;
    mdl_note_put(&note, out);
    return out->size > out->capacity ? MDL_ESIZE : MDL_OK;
}

mdl_err mdl_checkpoint_cosign(mdl_text note_text, const mdl_vkey *witness, const uint8_t secret[MDL_NOTE_SECRET_BYTES],
                              uint64_t time_s, mdl_text_out *line) {
    mdl_checkpoint c;
    mdl_err e = mdl_checkpoint_parse(note_text, &c);
    if (e != MDL_OK) {
        return e;
    }
    if (witness->type != MDL_NOTE_TYPE_COSIGNATURE) {
        return MDL_EMISMATCH;
    }
    return mdl_note_sign(note_text, witness, secret, time_s, line);
}

/* By public key: names do not make two witnesses of one. */
static int same_public_key(const mdl_vkey *a, const mdl_vkey *b) { return memcmp(a->key, b->key, sizeof a->key) == 0; }

mdl_err mdl_log_policy_check(const mdl_log_policy *policy) {
    if (policy->witness_count > MDL_WITNESSES_MAX || policy->quorum > policy->witness_count) {
        return MDL_ERANGE;
    }
    mdl_err e = policy->log.type == MDL_NOTE_TYPE_ED25519 ? MDL_OK : MDL_ETYPE;
    for (uint32_t i = 0; e == MDL_OK && i < policy->witness_count; i++) {
        const mdl_vkey *w = &policy->witness[i];
        e = w->type != MDL_NOTE_TYPE_COSIGNATURE ? MDL_ETYPE : same_public_key(w, &policy->log) ? MDL_EKEY : MDL_OK;
        for (uint32_t k = 0; e == MDL_OK && k < i; k++) {
            e = same_public_key(w, &policy->witness[k]) ? MDL_EKEY : MDL_OK;
        }
    }
    return e;
}

static mdl_err verify(mdl_text bytes, const mdl_log_policy *policy, mdl_checkpoint *out, mdl_checkpoint_seal *seal) {
    mdl_note note;
    mdl_vkey key[1 + MDL_WITNESSES_MAX];
    mdl_note_seal found[1 + MDL_WITNESSES_MAX];
    mdl_err e = mdl_log_policy_check(policy);
    if (e == MDL_OK) {
        e = mdl_note_parse(bytes, &note);
    }
    if (e != MDL_OK) {
        return e;
    }
    key[0] = policy->log;
    memcpy(key + 1, policy->witness, policy->witness_count * sizeof *key);
    e = mdl_note_verify(&note, key, 1 + policy->witness_count, found);
    if (e != MDL_OK) {
        return e;
    }
    for (uint32_t i = 0; i < policy->witness_count; i++) {
        seal->witness[i] = found[i + 1];
        seal->cosigned += found[i + 1].signed_by ? 1 : 0;
    }
    if (!found[0].signed_by || seal->cosigned < policy->quorum) {
        return MDL_ENOENT;
    }
    e = mdl_checkpoint_parse(note.text, out);
    if (e == MDL_OK && !mdl_text_equal(out->origin, mdl_text_of(policy->log.name))) {
        e = MDL_EMISMATCH;
    }
    return e;
}

mdl_err mdl_checkpoint_verify(mdl_text note, const mdl_log_policy *policy, mdl_checkpoint *out,
                              mdl_checkpoint_seal *seal) {
    mdl_checkpoint_seal own;
    seal = seal ? seal : &own;
    memset(seal, 0, sizeof *seal);
    memset(out, 0, sizeof *out);
    mdl_err e = verify(note, policy, out, seal);
    if (e != MDL_OK) {
        memset(seal, 0, sizeof *seal);
        memset(out, 0, sizeof *out);
    }
    return e;
}
