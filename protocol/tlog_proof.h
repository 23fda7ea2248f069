/* Offline proofs (C2SP tlog-proof, files *.tlog-proof): one record is in the log,
 * the log signed that, and witnesses saw it. PROTOCOL section 4.5. */
#ifndef MDL_PROTOCOL_TLOG_PROOF_H
#define MDL_PROTOCOL_TLOG_PROOF_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/base64.h"
#include "protocol/checkpoint.h"
#include "protocol/merkle.h"
#include "protocol/text_scan.h"

enum {
    MDL_TLOG_EXTRA_MAX = 32 * 1024,                               /* characters of base64                 */
    MDL_TLOG_PROOF_MAX = MDL_NOTE_MAX + MDL_TLOG_EXTRA_MAX + 4096 /* bytes   */
};

typedef struct mdl_tlog_proof {
    mdl_text extra; /* canonical base64; empty: none. Not authenticated.      */
    uint64_t index; /* of the record                                          */
    uint32_t count; /* hashes, leaf's sibling first; at most MDL_MERKLE_PATH_MAX */
    mdl_hash hash[MDL_MERKLE_PATH_MAX];
    mdl_text checkpoint; /* the signed note, as it stands                     */
} mdl_tlog_proof;

/* Take a proof apart; nothing is verified but the form, the note's included.
 * Views into `bytes`. MDL_OK, MDL_EMAGIC (another first line), MDL_ESYNTAX,
 * MDL_ESIZE (over a limit, or a hash of another length), MDL_ERANGE (the index).
 * `out` is zeroed on failure. What parses, prints to the same bytes. */
mdl_err mdl_tlog_proof_parse(mdl_text bytes, mdl_tlog_proof *out);
/* Print. `checkpoint` is a signed note. */
void mdl_tlog_proof_put(const mdl_tlog_proof *proof, mdl_text_out *out);

/* How a proof ends, and a request to a witness (protocol/witness.h): hashes in base64, a line each, an empty line and
 * a signed note. Into hash[0..most) and *count; the note is a view. MDL_OK or errors as above. */
mdl_err mdl_tlog_tail_parse(mdl_text rest, uint32_t most, mdl_hash *hash, uint32_t *count, mdl_text *checkpoint);
void mdl_tlog_tail_put(const mdl_hash *hash, uint32_t count, mdl_text checkpoint, mdl_text_out *out);

enum { MDL_TLOG_LINE = MDL_BASE64_CHARS(MDL_HASH_BYTES) + 1 };

/* Proofs of many records of one tree, under one checkpoint: hashes that neighbours share are looked up and printed
 * once. */
typedef struct mdl_tlog_prover {
    mdl_merkle_prover tree;
    mdl_merkle_lookup lookup;
    mdl_text checkpoint;                            /* a signed note of that tree; a view */
    uint64_t index;                                 /* of the last proof; MDL_MERKLE_SIZE_MAX: none */
    mdl_merkle_proof path;                          /* its hashes */
    char line[MDL_MERKLE_PATH_MAX * MDL_TLOG_LINE]; /* and as they are printed */
} mdl_tlog_prover;

void mdl_tlog_prover_init(mdl_tlog_prover *p, const mdl_merkle_edge *edge, const mdl_merkle_lookup *lookup,
                          mdl_text checkpoint);
/* An upper bound of what is printed for any record. */
size_t mdl_tlog_prover_size_max(const mdl_tlog_prover *p);
/* Print the proof of record `index`: the bytes of mdl_tlog_proof_put(). MDL_ERANGE, or the lookup's error; then nothing
 * is printed. */
mdl_err mdl_tlog_prover_put(mdl_tlog_prover *p, uint64_t index, mdl_text_out *out);

/* Whether the record with this leaf hash is in the log of `policy`.
 *   leaf        mdl_merkle_leaf() of the record, which the caller has
 *   checkpoint  out, may be NULL: the verified one
 *   seal        out, may be NULL: which witnesses signed, and when
 * MDL_OK, or what mdl_checkpoint_verify() and mdl_merkle_verify_inclusion() return;
 * then the outputs are zeroed. */
mdl_err mdl_tlog_proof_verify(const mdl_tlog_proof *proof, const mdl_hash *leaf, const mdl_log_policy *policy,
                              mdl_checkpoint *checkpoint, mdl_checkpoint_seal *seal);

#endif
