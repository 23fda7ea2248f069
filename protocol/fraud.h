/* Fraud proofs: small files that convict somebody of something, each checked alone.
 * PROTOCOL section 9.7 has the format.
 *
 *   modulon fraud proof v1
 *   kind KIND
 *   NAME VALUE              one line a field, in the order of the kind
 *
 * A value is base64, but for `log` (a vkey) and `number` (a decimal). */
#ifndef MDL_PROTOCOL_FRAUD_H
#define MDL_PROTOCOL_FRAUD_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/checkpoint.h"
#include "protocol/envelope.h"
#include "protocol/merkle.h"
#include "protocol/text_scan.h"

enum { MDL_FRAUD_BYTES_MAX = 1 << 28, MDL_FRAUD_TEXT_MAX = 640 };

/* X(NAME, name, what it is) */
#define MDL_FRAUD_KIND_MAP(X)                                                                                          \
    X(FORK, fork, "a log signed two checkpoints of which neither continues the other")                                 \
    X(DROPPED, dropped, "a log that promised a record at an index signed for another one there")                       \
    X(EQUIVOCATION, equivocation, "a key signed two messages under one number of one session")                         \
    X(RESULT, result, "a worker signed a result that its jobs do not compute")                                         \
    X(DECISION, decision, "a coordinator signed a check, verdict or correction that its jobs do not compute")          \
    X(RULE, rule, "a record in the log breaks a rule")                                                                 \
    X(JUDGEMENT, judgement, "a coordinator signed a judgement that the last step of its dispute does not give")        \
    X(SHARDVERDICT, shardverdict, "a coordinator signed a shardverdict that its job does not give")                    \
    X(JOINED, joined, "a coordinator signed another answer of a joined job than its right windows give")               \
    X(WITHHELD, withheld, "a blob that a record names is not given out")

typedef enum mdl_fraud_kind {
#define X(NAME, name, sentence) MDL_FRAUD_##NAME,
    MDL_FRAUD_KIND_MAP(X)
#undef X
        MDL_FRAUD_KINDS
} mdl_fraud_kind;

/* "fork". For kinds only. */
const char *mdl_fraud_name(mdl_fraud_kind kind);

/* X(NAME, name) in the order of lines */
#define MDL_FRAUD_FIELD_MAP(X)                                                                                         \
    X(LOG, "log")       /* the log's vkey                                        */                                    \
    X(NUMBER, "number") /* of the rule                                           */                                    \
    X(FIRST, "first")   /* a checkpoint's note; an envelope                      */                                    \
    X(SECOND, "second")                                                                                                \
    X(ROOT, "root")               /* of the first size in the second tree                  */                          \
    X(HASH, "hash")               /* consistency proof of that: all hashes in one value    */                          \
    X(RECORD, "record")           /* an envelope                                           */                          \
    X(PROOF, "proof")             /* tlog-proof of the record                              */                          \
    X(LEAF, "leaf")               /* the leaf hash that stands in its place                */                          \
    X(OTHER, "other")             /* the record of that leaf hash                          */                          \
    X(SHOWN, "shown")             /* tlog-proof of that leaf hash                          */                          \
    X(CLOSE, "close")             /* the envelope of the closing before                    */                          \
    X(CLOSE_PROOF, "close-proof") /* its tlog-proof                                        */                          \
    X(DOCUMENT, "document")       /* the experiment file                                   */                          \
    X(STATE, "state")             /* evolution state of the record's generation            */                          \
    X(BLOB, "blob")               /* BLAKE2b-256 of what is withheld                       */                          \
    X(TRANSCRIPT, "transcript")   /* of the dispute; of the joined job                     */                          \
    X(LEASE, "lease")             /* the envelope of the shardlease                        */                          \
    X(LEASE_PROOF, "lease-proof") /* its tlog-proof                                        */                          \
    X(EVIDENCE, "evidence")       /* what the convict signed: the envelope of a window     */

typedef enum mdl_fraud_field {
#define X(NAME, name) MDL_FRAUD_##NAME##_FIELD,
    MDL_FRAUD_FIELD_MAP(X)
#undef X
        MDL_FRAUD_FIELDS
} mdl_fraud_field;

typedef struct mdl_fraud {
    mdl_fraud_kind kind;
    mdl_text field[MDL_FRAUD_FIELDS]; /* as they stand in the file; size 0: not there */
} mdl_fraud;

/* Take a proof apart: MDL_OK, MDL_EMAGIC, MDL_ESIZE, MDL_ESYNTAX, or MDL_EKEY: a field is
 * missing, unknown, or not one of this kind. Views into `bytes`. What parses, prints to
 * the same bytes. */
mdl_err mdl_fraud_parse(mdl_text bytes, mdl_fraud *out);
void mdl_fraud_put(const mdl_fraud *f, mdl_text_out *out);
/* The proof of a fork, MDL_FRAUD_FORK, as a file.
 *   first, second  notes of the two checkpoints, the smaller one first
 *   root, hash     of the smaller size in the second tree, with the consistency
 *                  proof of `count` hashes; root NULL: the sizes are equal
 * The caller's to free(); NULL when out of memory. Nothing is verified. */
char *mdl_fraud_fork(const char *vkey, mdl_text first, mdl_text second, const mdl_hash *root, const mdl_hash *hash,
                     size_t count, size_t *size);
/* Bytes of a field's value, the caller's to free(); NULL when it is not there or out of
 * memory. `log` and `number` are given as they stand. */
uint8_t *mdl_fraud_bytes(const mdl_fraud *f, mdl_fraud_field field, size_t *size);

typedef enum mdl_fraud_verdict {
    MDL_FRAUD_FALSE,   /* it proves nothing                                          */
    MDL_FRAUD_PROVEN,  /* the culprit is convicted                                   */
    MDL_FRAUD_COMPUTE, /* so far sound: the result must be computed again            */
    MDL_FRAUD_LEDGER,  /* so far sound: it takes the ledger itself to see the rest   */
    MDL_FRAUD_NOMEM
} mdl_fraud_verdict;

typedef struct mdl_fraud_finding {
    mdl_fraud_verdict verdict;
    int has_culprit;
    uint8_t culprit[MDL_KEY_BYTES];
    uint64_t record;               /* index, where there is one */
    char text[MDL_FRAUD_TEXT_MAX]; /* who did what, or why it proves nothing */
} mdl_fraud_finding;

/* Check everything that the file alone can show.
 *   log  the verifier key that is trusted, or NULL: the one in the file; then the
 *        verdict is about that key, whoever's it is
 * sodium_init() must have been called. */
void mdl_fraud_verify(const mdl_fraud *f, const mdl_vkey *log, mdl_fraud_finding *out);

#endif
