/* Checkpoints of a log (C2SP tlog-checkpoint) and witness cosignatures (C2SP
 * tlog-cosignature, Ed25519). PROTOCOL section 4.3. A log must never sign two
 * checkpoints of which one does not continue the other: the caller keeps that. */
#ifndef MDL_PROTOCOL_CHECKPOINT_H
#define MDL_PROTOCOL_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/merkle.h"
#include "protocol/note.h"

enum { MDL_WITNESSES_MAX = 32 };

typedef struct mdl_checkpoint {
    mdl_text origin; /* one non-empty line of at most MDL_NOTE_NAME_MAX bytes */
    uint64_t size;   /* leaves, 0..MDL_MERKLE_SIZE_MAX                        */
    mdl_hash root;
    mdl_text extension; /* whole further lines with their newlines; usually empty */
} mdl_checkpoint;

/* A checkpoint's text, as a note carries it, and back. Parsing: MDL_OK with
 * views into `text`, MDL_ESYNTAX, MDL_ERANGE (the size), MDL_ESIZE (the origin,
 * the root). What parses, prints to the same bytes. Nothing is verified. */
mdl_err mdl_checkpoint_parse(mdl_text text, mdl_checkpoint *out);
void mdl_checkpoint_put(const mdl_checkpoint *c, mdl_text_out *out);

/* Print and sign a whole note. `log` is of MDL_NOTE_TYPE_ED25519 and named as
 * the origin, else MDL_EMISMATCH. Extension lines are refused with MDL_ERANGE:
 * newer cosignature formats do not cover them. MDL_ERANGE also for the size,
 * MDL_ESIZE when `out` is too small, MDL_ENOMEM. */
mdl_err mdl_checkpoint_sign(const mdl_checkpoint *c, const mdl_vkey *log, const uint8_t secret[MDL_NOTE_SECRET_BYTES],
                            mdl_text_out *out);
/* A note with its text and the first signature line of the origin's name alone: no
 * cosignatures. Nothing is verified. MDL_OK, what the parsers return, MDL_ENOENT (no
 * such line), MDL_ESIZE (`out` is too small). */
mdl_err mdl_checkpoint_bare(mdl_text bytes, mdl_text_out *out);
/* A witness's line for a checkpoint. The caller has verified it, with its
 * consistency to the last one it signed, and stored that durably.
 *   note_text  mdl_note's `text`
 *   time_s     now, seconds since 1970
 * MDL_OK, what mdl_checkpoint_parse() returns, MDL_EMISMATCH (key of another
 * type, or not the secret's), MDL_ERANGE, MDL_ESIZE, MDL_ENOMEM. */
mdl_err mdl_checkpoint_cosign(mdl_text note_text, const mdl_vkey *witness, const uint8_t secret[MDL_NOTE_SECRET_BYTES],
                              uint64_t time_s, mdl_text_out *line);

/* Whom a verifier trusts: one log, and k of n witnesses. Given out of band. */
typedef struct mdl_log_policy {
    mdl_vkey log;                        /* MDL_NOTE_TYPE_ED25519     */
    uint32_t quorum;                     /* k; 0: no witness is asked */
    uint32_t witness_count;              /* n                         */
    mdl_vkey witness[MDL_WITNESSES_MAX]; /* MDL_NOTE_TYPE_COSIGNATURE */
} mdl_log_policy;

/* MDL_OK, MDL_ETYPE (a key of the wrong type), MDL_ERANGE (quorum or count), or
 * MDL_EKEY: two of the keys are one key, so that one witness would count twice. */
mdl_err mdl_log_policy_check(const mdl_log_policy *policy);

typedef struct mdl_checkpoint_seal {
    uint32_t cosigned;                        /* witnesses that signed               */
    mdl_note_seal witness[MDL_WITNESSES_MAX]; /* in the order of the policy          */
} mdl_checkpoint_seal;

/* Parse and verify a signed checkpoint: the one source of size and root.
 *   seal   may be NULL
 *   out    zeroed on failure
 * MDL_OK, or what mdl_log_policy_check(), mdl_note_parse() and
 * mdl_checkpoint_parse() return, or
 *   MDL_ESIGNATURE  a known key's signature does not verify
 *   MDL_ENOENT      the log has not signed, or fewer witnesses than the quorum
 *   MDL_EMISMATCH   the origin is not the log's name
 *   MDL_ENOMEM
 * Cosignatures say when; they are not compared with any clock here. */
mdl_err mdl_checkpoint_verify(mdl_text note, const mdl_log_policy *policy, mdl_checkpoint *out,
                              mdl_checkpoint_seal *seal);

#endif
