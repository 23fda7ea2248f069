#include "protocol/tlog_proof.h"

#include <string.h>

static const char magic[] = "c2sp.org/tlog-proof@v1";

mdl_err mdl_tlog_tail_parse(mdl_text rest, uint32_t most, mdl_hash *hash, uint32_t *count, mdl_text *checkpoint) {
    mdl_text line;
    for (*count = 0;; ++*count) {
        if (!mdl_text_line(&rest, &line)) {
            return MDL_ESYNTAX;
        }
        if (line.size == 0) {
            break;
        }
        if (*count == most) {
            return MDL_ESIZE;
        }
        mdl_err e = mdl_base64_exact(line, hash[*count].bytes, MDL_HASH_BYTES);
        if (e != MDL_OK) {
            return e;
        }
    }
    *checkpoint = rest;
    mdl_note note;
    mdl_checkpoint c;
    mdl_err e = mdl_note_parse(rest, &note);
    return e != MDL_OK ? e : mdl_checkpoint_parse(note.text, &c);
}

void mdl_tlog_tail_put(const mdl_hash *hash, uint32_t count, mdl_text checkpoint, mdl_text_out *out) {
    for (uint32_t i = 0; i < count; i++) {
        mdl_base64_put(out, hash[i].bytes, MDL_HASH_BYTES);
        mdl_text_put_string(out, "\n");
    }
    mdl_text_put_string(out, "\n");
    mdl_text_put(out, checkpoint.at, checkpoint.size);
}

static mdl_err parse(mdl_text rest, mdl_tlog_proof *out) {
    mdl_text line;
    size_t bytes;
    if (!mdl_text_line(&rest, &line) || !mdl_text_equal(line, mdl_text_of(magic))) {
        return MDL_EMAGIC;
    }
    if (!mdl_text_line(&rest, &line)) {
        return MDL_ESYNTAX;
    }
    if (mdl_text_skip(&line, "extra ")) {
        if (line.size > MDL_TLOG_EXTRA_MAX) {
            return MDL_ESIZE;
        }
        if (line.size == 0 || mdl_base64_decode(line, NULL, SIZE_MAX, &bytes) != MDL_OK) {
            return MDL_ESYNTAX;
        }
        out->extra = line;
        if (!mdl_text_line(&rest, &line)) {
            return MDL_ESYNTAX;
        }
    }
    if (!mdl_text_skip(&line, "index ")) {
        return MDL_ESYNTAX;
    }
    mdl_err e = mdl_text_decimal(line, MDL_MERKLE_SIZE_MAX - 1, &out->index);
    if (e != MDL_OK) {
        return e;
    }
    return mdl_tlog_tail_parse(rest, MDL_MERKLE_PATH_MAX, out->hash, &out->count, &out->checkpoint);
}

mdl_err mdl_tlog_proof_parse(mdl_text bytes, mdl_tlog_proof *out) {
    memset(out, 0, sizeof *out);
    mdl_err e = bytes.size > MDL_TLOG_PROOF_MAX ? MDL_ESIZE : parse(bytes, out);
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

void mdl_tlog_proof_put(const mdl_tlog_proof *proof, mdl_text_out *out) {
    mdl_text_put_string(out, magic);
    if (proof->extra.size > 0) {
        mdl_text_put_string(out, "\nextra ");
        mdl_text_put(out, proof->extra.at, proof->extra.size);
    }
    mdl_text_put_string(out, "\nindex ");
    mdl_text_put_decimal(out, proof->index);
    mdl_text_put_string(out, "\n");
    mdl_tlog_tail_put(proof->hash, proof->count, proof->checkpoint, out);
}

mdl_err mdl_tlog_proof_verify(const mdl_tlog_proof *proof, const mdl_hash *leaf, const mdl_log_policy *policy,
                              mdl_checkpoint *checkpoint, mdl_checkpoint_seal *seal) {
    mdl_checkpoint own;
    checkpoint = checkpoint ? checkpoint : &own;
    mdl_err e = mdl_checkpoint_verify(proof->checkpoint, policy, checkpoint, seal);
    if (e == MDL_OK) {
        e = mdl_merkle_verify_inclusion(proof->index, checkpoint->size, leaf, proof->hash, proof->count,
                                        &checkpoint->root);
    }
    if (e != MDL_OK) {
        memset(checkpoint, 0, sizeof *checkpoint);
        if (seal) {
            memset(seal, 0, sizeof *seal);
        }
    }
    return e;
}
