#include "protocol/tlog_proof.h"

#include <string.h>

#include "core/assert.h"

static const char magic[] = "c2sp.org/tlog-proof@v1", to_index[] = "\nindex ";

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
    mdl_text_put_string(out, to_index);
    mdl_text_put_decimal(out, proof->index);
    mdl_text_put_string(out, "\n");
    mdl_tlog_tail_put(proof->hash, proof->count, proof->checkpoint, out);
}

/* ---- many of one tree ---- */

void mdl_tlog_prover_init(mdl_tlog_prover *p, const mdl_merkle_edge *edge, const mdl_merkle_lookup *lookup,
                          mdl_text checkpoint) {
    mdl_merkle_prover_init(&p->tree, edge);
    p->lookup = *lookup;
    p->checkpoint = checkpoint;
    p->index = MDL_MERKLE_SIZE_MAX;
    p->path.count = 0;
}

size_t mdl_tlog_prover_size_max(const mdl_tlog_prover *p) {
    enum { DIGITS = 20 };
    return sizeof magic + sizeof to_index + DIGITS + sizeof p->line + p->checkpoint.size;
}

mdl_err mdl_tlog_prover_put(mdl_tlog_prover *p, uint64_t index, mdl_text_out *out) {
    uint32_t changed;
    mdl_err e = mdl_merkle_prover_next(&p->tree, p->index, index, &p->lookup, &p->path, &changed);
    p->index = e == MDL_OK ? index : MDL_MERKLE_SIZE_MAX;
    if (e != MDL_OK) {
        return e;
    }
    MDL_ASSERT(p->path.count <= MDL_MERKLE_PATH_MAX);
    mdl_text_out lines = {p->line, sizeof p->line, 0};
    for (uint32_t i = 0; i < changed; i++) {
        mdl_base64_put(&lines, p->path.hash[i].bytes, MDL_HASH_BYTES);
        mdl_text_put(&lines, "\n", 1);
    }
    mdl_text_put(out, magic, sizeof magic - 1);
    mdl_text_put(out, to_index, sizeof to_index - 1);
    mdl_text_put_decimal(out, index);
    mdl_text_put(out, "\n", 1);
    mdl_text_put(out, p->line, (size_t)p->path.count * MDL_TLOG_LINE);
    mdl_text_put(out, "\n", 1);
    mdl_text_put(out, p->checkpoint.at, p->checkpoint.size);
    return MDL_OK;
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
