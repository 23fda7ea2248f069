/* The auditor: takes a public ledger and re-derives everything, trusting nobody
 * but one key, the log's verifier key, which comes from elsewhere. PROTOCOL
 * chapter 9.
 *
 *   1  the newest checkpoint is the log's; every other one, and the hash tiles,
 *      agree with the tree over the records
 *   2  every record is an envelope signed by its key and follows the rules of
 *      the fold (protocol/ledger.h)
 *   3  every evolution state, credit and the champion are derived again; the
 *      fold does that, with the blobs that the records name
 *   4  results, all or a sample, are computed again from the state of their
 *      generation
 *
 * A finding is a falsehood: something that the log says or promises and that is
 * not so. A false result that the log itself names, for its worker is convicted
 * and nothing rests on it but what a correction mends, is a note, and no finding.
 * That a source cannot be read is an error, and no finding either. */
#ifndef MDL_AUDIT_AUDIT_H
#define MDL_AUDIT_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/checkpoint.h"
#include "protocol/ledger.h"
#include "protocol/tlog_policy.h"

enum {
    MDL_AUDIT_FINDINGS_MAX = 100,
    MDL_AUDIT_NOTES_MAX = 100,
    MDL_AUDIT_OTHERS_MAX = 16,
    MDL_AUDIT_BLOB_MAX = 1 << 28, /* bytes; a larger one is a finding */
    MDL_AUDIT_TEXT = 512
};

/* What only an audit can find, numbered behind the rules of the fold.
 * X(NAME, number, sentence) */
#define MDL_AUDIT_RULE_MAP(X)                                                                                          \
    X(CHECKPOINT, 101, "a checkpoint is of this log and signed by its key")                                            \
    X(TREE, 102, "the records have the root that the checkpoint signs")                                                \
    X(FORK, 103, "of two checkpoints that the log signs, one continues the other")                                     \
    X(MISSING, 104, "every record that a signed checkpoint counts is there, whole")                                    \
    X(TILE, 105, "the hashes that are kept beside the records are theirs")                                             \
    X(ORIGIN, 106, "the genesis names the origin of the checkpoints")                                                  \
    X(RECOMPUTE, 107, "a result is what its jobs compute: every fitness, the updates and the root")                    \
    X(QUORUM, 108, "the checkpoint is cosigned by the witnesses that the policy asks for")                             \
    X(RECEIPT, 109, "a record that a signed receipt promises stands where it was promised")

typedef enum mdl_audit_rule {
#define X(name, number, sentence) MDL_AUDIT_##name = number,
    MDL_AUDIT_RULE_MAP(X)
#undef X
} mdl_audit_rule;

/* Of a rule of the fold or of the audit; never NULL. */
const char *mdl_audit_rule_name(int rule);
const char *mdl_audit_rule_sentence(int rule);

/* ---- where a ledger is read from ---- */

/* One record or checkpoint; `number` is its index or size. Anything but MDL_OK
 * ends the walk, which returns it. */
typedef mdl_err (*mdl_audit_visit)(void *ctx, uint64_t number, const uint8_t *bytes, size_t size);

/* Every call may return
 *   MDL_EIO, MDL_ENOMEM  it cannot be read now: nothing follows about the ledger
 *   any other error      what should be there is not, or contradicts itself
 * with one sentence in `error`. What it gives is believed by nobody. From one
 * thread at a time. */
typedef struct mdl_audit_source {
    void *ctx;
    /* The newest checkpoint; MDL_ENOENT: there is none. */
    mdl_err (*checkpoint)(void *ctx, char note[MDL_NOTE_MAX], size_t *size, char *error, size_t error_size);
    /* All that are kept, sizes rising. NULL: only the newest. */
    mdl_err (*checkpoints)(void *ctx, mdl_audit_visit visit, void *visit_ctx, char *error, size_t error_size);
    /* Records [from, to) of a log of `size`, in order. Called again, it begins again. */
    mdl_err (*records)(void *ctx, uint64_t size, uint64_t from, uint64_t to, mdl_audit_visit visit, void *visit_ctx,
                       char *error, size_t error_size);
    /* The hash tile of protocol/tile.h: `width` hashes. */
    mdl_err (*hashes)(void *ctx, uint32_t level, uint64_t index, uint32_t width, mdl_hash *out, char *error,
                      size_t error_size);
    /* A blob of at most MDL_AUDIT_BLOB_MAX bytes, the caller's to free(). */
    mdl_err (*blob)(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], uint8_t **bytes, size_t *size, char *error,
                    size_t error_size);
    /* The newest checkpoint that witnesses cosigned, where it is kept apart; NULL: the newest. MDL_ENOENT. */
    mdl_err (*witnessed)(void *ctx, char note[MDL_NOTE_MAX], size_t *size, char *error, size_t error_size);
    /* The log's verifier key as the source itself tells it, terminated: for those who have it from nowhere
     * else. It proves only that the log agrees with itself. */
    mdl_err (*vkey)(void *ctx, char text[MDL_VKEY_TEXT_MAX], char *error, size_t error_size);
    void (*close)(void *ctx);
} mdl_audit_source;

/* A coordinator's directory, opened for reading; a coordinator may be running on
 * it. MDL_ENOENT, MDL_EMAGIC, MDL_ESIZE, MDL_EIO, MDL_ENOMEM: it cannot be read.
 * MDL_EDIGEST, MDL_EMISMATCH: it contradicts itself, which is a finding (MISSING). */
mdl_err mdl_audit_open_directory(mdl_audit_source *s, const char *directory, char *error, size_t error_size);
/* Any open store. On MDL_OK the source owns it and *store is all NULL; else MDL_ENOMEM. */
struct mdl_store;
mdl_err mdl_audit_open_store(mdl_audit_source *s, struct mdl_store *store);
/* http://HOST[:PORT][/PATH], what a coordinator serves with --http. MDL_ESYNTAX (the
 * address), MDL_EIO, MDL_ENOMEM. */
mdl_err mdl_audit_open_http(mdl_audit_source *s, const char *url, char *error, size_t error_size);
static inline void mdl_audit_source_close(mdl_audit_source *s) {
    if (s->close)
        s->close(s->ctx);
    *s = (mdl_audit_source){0};
}

/* ---- the audit ---- */

typedef enum mdl_audit_step { MDL_AUDIT_TREE_STEP, MDL_AUDIT_FOLD_STEP, MDL_AUDIT_STEPS } mdl_audit_step;

typedef struct mdl_audit_options {
    mdl_vkey log;     /* the trust anchor                                       */
    double sample;    /* results computed again: 0 none, 1 all, else each with this probability */
    uint64_t seed;    /* of the draws; with the newest root, so that no coordinator can know them */
    uint32_t threads; /* 1..MDL_THREADS_MAX                                     */
    /* Signed checkpoints of this log that were kept, or shown, elsewhere. */
    mdl_text other[MDL_AUDIT_OTHERS_MAX];
    uint32_t others;
    int quick;                     /* step 1 alone                                             */
    const mdl_tlog_policy *policy; /* whose witnesses must have cosigned; NULL: nobody is asked */
    const char *receipts;          /* a worker's data directory, or one of receipts; NULL: none */
    const char *proofs;            /* directory for fraud proofs (PROTOCOL 9.7); NULL: none     */
    int has_dispute;
    uint64_t dispute; /* a verdict's or check's record to look into */
    /* Called often, on the caller's thread; may be NULL. `fraction` of the step, 0..1. */
    void (*progress)(void *ctx, mdl_audit_step step, double fraction, const char *text);
    void *progress_ctx;
} mdl_audit_options;

typedef struct mdl_audit_finding {
    uint64_t record; /* MDL_AUDIT_NO_RECORD: of none */
    int rule;        /* mdl_rule or mdl_audit_rule  */
    int has_culprit;
    uint8_t culprit[MDL_KEY_BYTES]; /* who signed the falsehood                  */
    char who[96];                   /* "the coordinator", "worker NAME", ...     */
    char text[MDL_AUDIT_TEXT];
} mdl_audit_finding;
#define MDL_AUDIT_NO_RECORD UINT64_MAX

typedef struct mdl_audit_credit {
    uint8_t key[MDL_KEY_BYTES], owner[MDL_KEY_BYTES];
    char name[65];
    uint32_t banned;
    uint64_t convicted; /* record of the verdict; 0: none */
    uint64_t updates, forfeited, leases;
    uint32_t reviewed, corrected; /* units done again after the conviction; of them wrong */
} mdl_audit_credit;

/* What was said of a disputed job, by whom. */
typedef struct mdl_audit_answer {
    int worker, right, convicted; /* worker: not the coordinator; convicted: by this verdict */
    uint64_t record;
    uint8_t key[MDL_KEY_BYTES];
    char name[65];
    int64_t fitness;
    uint64_t updates;
    uint8_t segment[MDL_DIGEST_BYTES];
} mdl_audit_answer;

/* A verdict or a check, and what its job computes. */
typedef struct mdl_audit_dispute {
    int settled, verdict; /* settled: the record was reached, and all below holds */
    uint64_t record;
    uint32_t generation, job, answers;
    mdl_audit_answer answer[MDL_DUTY_ANSWERS + 1]; /* the first one is the coordinator's */
    int64_t fitness;
    uint64_t updates;
    uint8_t segment[MDL_DIGEST_BYTES];
} mdl_audit_dispute;

typedef struct mdl_audit_report {
    /* Step 1. `size` and `root` are of the newest checkpoint, when it is the log's. */
    char origin[MDL_NOTE_NAME_MAX + 1];
    uint8_t log_key[MDL_NOTE_KEY_BYTES];
    uint64_t size;
    mdl_hash root;
    uint64_t checkpoints, tiles;       /* compared */
    uint64_t records;                  /* hashed   */
    int quick, has_policy, quorum;     /* quorum: reached               */
    uint32_t witnesses, cosigned;      /* of the policy; of them signed */
    uint64_t witnessed_size;           /* of what they signed           */
    uint64_t receipts, receipts_other; /* of this log; of none, or broken */
    uint64_t receipts_ahead;           /* beyond the newest checkpoint: not published yet, or dropped */
    uint32_t ahead;                    /* checkpoints from elsewhere beyond what is published: nothing follows yet */
    uint32_t proofs, proofs_failed;    /* files */
    /* Steps 2 and 3. */
    uint64_t signatures, applied; /* records */
    uint64_t blobs, blob_bytes;
    uint8_t coordinator[MDL_KEY_BYTES], experiment_id[32];
    char experiment[65];
    uint32_t generations, generations_all; /* closed, of */
    int ended, has_champion;
    mdl_msg_champion champion;
    mdl_audit_credit *credit; /* by worker, in order of admission */
    uint32_t credits;
    uint64_t credit_updates;
    /* Step 4. */
    double sample;
    uint64_t seed;
    uint64_t results;                /* in the log */
    uint64_t checks, verdicts;       /* in the log: jobs that the coordinator did itself, and agreed or not */
    uint64_t judgements;             /* of disputes */
    uint64_t corrections, corrected; /* convicts' units done again after their closing; of them wrong */
    int unverified;                  /* the experiment asks for no verification */
    uint64_t units, jobs, updates, wrong;
    /* So many wrong results among all would have been met with 99 % by the draws;
     * 0: none is computed again. */
    uint64_t confident;

    mdl_audit_dispute dispute;                      /* where one is asked for */
    double seconds[MDL_AUDIT_STEPS], rerun_seconds; /* the rerun is part of the fold's step */
    uint32_t findings, more;                        /* `more` were found than fit */
    mdl_audit_finding finding[MDL_AUDIT_FINDINGS_MAX];
    uint32_t notes, more_notes; /* false results that the log names itself */
    mdl_audit_finding note[MDL_AUDIT_NOTES_MAX];
} mdl_audit_report;

/* Audit. MDL_OK: the report says what was found; zero findings is a clean ledger.
 * Else nothing follows, `error` says why: MDL_EIO (the source), MDL_ENOMEM,
 * MDL_ENOENT (no checkpoint yet), MDL_EMAGIC (records of a version that this
 * program does not compute), MDL_ERANGE (options; the record of `dispute`), MDL_ESIGNATURE (`other` is not
 * signed by the log). Free the report either way. */
mdl_err mdl_audit_run(const mdl_audit_source *s, const mdl_audit_options *o, mdl_audit_report *r, char *error,
                      size_t error_size);
/* A finding from outside, e.g. of a directory that cannot even be opened. */
void mdl_audit_add(mdl_audit_report *r, uint64_t record, int rule, const char *text);
void mdl_audit_report_free(mdl_audit_report *r);

/* Whether result record `index` is drawn. The draw is the first eight bytes, as a
 * little-endian number, of BLAKE2b-256("modulon audit draw v1", root, seed u64,
 * index u64); drawn when it is below sample 2^64. */
int mdl_audit_drawn(const mdl_hash *root, uint64_t seed, double sample, uint64_t index);
/* Smallest w with (1 - sample)^w <= 0.01; 0 for sample 0. */
uint64_t mdl_audit_confident(double sample);

/* "quick", "rules", "sample" or "full"; what that gives, in a sentence. */
const char *mdl_audit_tier(const mdl_audit_report *r);
const char *mdl_audit_confidence(const mdl_audit_report *r);

/* One JSON object, a string to free(); NULL when out of memory. 64-bit sums, hashes
 * and keys are strings. */
char *mdl_audit_json(const mdl_audit_report *r);
/* The same for people, to free(). */
char *mdl_audit_text(const mdl_audit_report *r);

#endif
