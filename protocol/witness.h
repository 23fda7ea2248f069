/* Witnesses of a log (C2SP tlog-witness): a witness cosigns a checkpoint only when
 * it continues every checkpoint of that log that it cosigned before. PROTOCOL
 * section 4.6. Pure: the caller keeps the state, and stores it durably before the
 * answer leaves.
 *
 * sodium_init() must have been called. */
#ifndef MDL_PROTOCOL_WITNESS_H
#define MDL_PROTOCOL_WITNESS_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/base64.h"
#include "protocol/checkpoint.h"
#include "protocol/merkle.h"
#include "protocol/note.h"
#include "protocol/text_scan.h"

enum {
    /* bytes of a request: "old", the proof, a blank line, the note */
    MDL_WITNESS_REQUEST_MAX = 32 + MDL_MERKLE_PROOF_MAX * (MDL_BASE64_CHARS(MDL_HASH_BYTES) + 1) + 1 + MDL_NOTE_MAX,
    MDL_WITNESS_STATE_MAX = 64 + MDL_NOTE_NAME_MAX + MDL_NOTE_MAX
};

/* ---- add-checkpoint ---- */

typedef struct mdl_witness_request {
    uint64_t old;           /* size that the witness is thought to have cosigned */
    mdl_merkle_proof proof; /* from `old` to the checkpoint                      */
    mdl_text checkpoint;    /* the signed note, as it stands                     */
} mdl_witness_request;

/* Take a body apart; of the note only the form is checked. MDL_OK with views into
 * `bytes`, MDL_ESYNTAX, MDL_ESIZE, MDL_ERANGE; `out` is zeroed on failure. What
 * parses, prints to the same bytes. */
mdl_err mdl_witness_request_parse(mdl_text bytes, mdl_witness_request *out);
void mdl_witness_request_put(const mdl_witness_request *r, mdl_text_out *out);

/* What a witness knows of one log. */
typedef struct mdl_witness_state {
    uint64_t size; /* of the newest checkpoint that it cosigned; 0: none yet */
    mdl_hash root; /* MTH({}) for size 0                                     */
} mdl_witness_state;

void mdl_witness_begin(mdl_witness_state *state);

/* The answer to a request, as a status of HTTP:
 *   200  cosign: *next is the state to store first, *c the checkpoint
 *   400  not well formed, or `old` is over the checkpoint's size
 *   403  the log's key has not signed the checkpoint, or its signature is bad
 *   404  the origin is another log's
 *   409  `old` is not the witness's size, or another root was cosigned at that size
 *   422  the proof does not connect the two
 *   503  out of memory
 * `next` and `c` are set with 200 only. `c` points into the request's bytes. */
int mdl_witness_decide(const mdl_witness_state *state, const mdl_vkey *log, mdl_text body, mdl_witness_state *next,
                       mdl_checkpoint *c);

/* ---- what a witness keeps ----
 * `modulon witness v1\n`, the origin and a newline, then the newest note that was
 * cosigned with every line it had, the witness's own included. */
typedef struct mdl_witness_kept {
    mdl_text origin, note;
} mdl_witness_kept;

mdl_err mdl_witness_kept_parse(mdl_text bytes, mdl_witness_kept *out);
void mdl_witness_kept_put(const mdl_witness_kept *k, mdl_text_out *out);

/* ---- what a log does with the answer ---- */

/* Add the lines of a witness's answer to a checkpoint's note. Only lines of
 * `witness` whose signature verifies are taken, at most one, and only when the
 * note has none of it yet.
 *   bytes   the checkpoint's note
 *   answer  the body of a 200: one or more signature lines
 * MDL_OK; MDL_ESYNTAX, MDL_ESIZE (the form), MDL_ESIGNATURE, MDL_ENOENT (no line of
 * this witness), MDL_ENOMEM; then `out` may hold anything. */
mdl_err mdl_witness_attach(mdl_text bytes, mdl_text answer, const mdl_vkey *witness, mdl_text_out *out);

#endif
