/* What the files of the auditor share. audit.c: checkpoints, tree, tiles;
 * fold.c: records, rules and blobs; rerun.c: results computed again; false_results.c:
 * which of the false ones the log names itself; shards.c: jobs of shards. */
#ifndef MDL_AUDIT_AUDIT_INTERNAL_H
#define MDL_AUDIT_AUDIT_INTERNAL_H

#include "audit/audit.h"
#include "protocol/transcript.h"
#include "runtime/pool.h"

typedef struct mdl_rerun mdl_rerun;
typedef struct mdl_receipts mdl_receipts;
typedef struct mdl_false_results mdl_false_results;
typedef struct mdl_accusations mdl_accusations;

typedef struct mdl_audit {
    const mdl_audit_source *source;
    const mdl_audit_options *options;
    mdl_audit_report *report;
    char *error;
    size_t error_size;
    mdl_pool *pool;
    mdl_hash *leaf; /* [records], of step 1 */
    uint64_t records;
    mdl_ledger *ledger; /* NULL before step 2   */
    mdl_rerun *rerun;   /* NULL: nothing is computed again */
    const mdl_blobs *blobs;
    mdl_false_results *lies;
    mdl_accusations *accusations;
    char *note; /* the newest checkpoint, when it is the log's */
    size_t note_size;
    uint64_t last_close; /* record of the newest closing */
} mdl_audit;

/* One more finding. `culprit` NULL: nobody signed for it. */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void
mdl_audit_found(mdl_audit *a, uint64_t record, int rule, const uint8_t *culprit, const char *format, ...);
/* The same as a note. */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void
mdl_audit_noted(mdl_audit *a, uint64_t record, int rule, const uint8_t *culprit, const char *format, ...);
/* The source failed (MDL_EIO, MDL_ENOMEM), so there is nothing to say about the ledger. */
int mdl_audit_unreadable(mdl_err err);
void mdl_audit_progress(const mdl_audit *a, mdl_audit_step step, double fraction, const char *text);

/* Steps 2 to 4 over the records of a->leaf. */
mdl_err mdl_audit_fold(mdl_audit *a);

/* ---- results computed again ---- */
/* After the genesis is applied. NULL when out of memory. */
mdl_rerun *mdl_rerun_new(mdl_audit *a);
void mdl_rerun_free(mdl_rerun *r);
/* Queue a result of the current generation. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_rerun_add(mdl_rerun *r, uint64_t record, const uint8_t key[MDL_KEY_BYTES], const mdl_msg_result *m);
/* What shards add up to: on a difference, or a false window without one, the transcript names whose it was. */
mdl_err mdl_rerun_add_joined(mdl_rerun *r, uint64_t record, const uint8_t key[MDL_KEY_BYTES], const mdl_msg_joined *m);
/* Compute and compare what is queued, while the ledger's evolution is still at
 * their generation. `upto`: records before this one are behind it then. */
mdl_err mdl_rerun_go(mdl_rerun *r, uint64_t upto); /* MDL_OK, MDL_ENOMEM, MDL_EIO */

/* Jobs of another state than the ledger's, in parallel; nothing may be queued for the same threads meanwhile. */
void mdl_rerun_jobs(mdl_rerun *r, const mdl_evolution *of, uint32_t first, uint32_t count, mdl_job_result *out);

/* ---- shards.c ---- */
/* A job that shards answered, to be played beside its transcript. */
typedef struct mdl_played {
    uint8_t *bytes, transcript[MDL_DIGEST_BYTES]; /* its digest */
    mdl_transcript said;
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    mdl_transcript_fault fault;
} mdl_played;
/* What `record` says of the job of the open generation; *out NULL: its answer is void by now. MDL_OK, MDL_ENOMEM or
 * what reading a blob gives. */
mdl_err mdl_played_new(mdl_audit *a, uint32_t job, uint64_t record, mdl_played **out);
void mdl_played_free(mdl_played *p);
/* For any thread: the job's own answer, and p->fault. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_played_run(mdl_played *p, const mdl_experiment *x, const mdl_evolution *of, uint32_t job,
                       mdl_job_result *out);
/* Who signed the fault; NULL: somebody whose lease ended without a result. */
const mdl_ledger_lease *mdl_played_culprit(const mdl_audit *a, uint32_t job, const mdl_played *p);

mdl_accusations *mdl_accusations_new(void); /* NULL when out of memory */
void mdl_accusations_free(mdl_accusations *c);
/* Accepted records of the open generation. MDL_OK, MDL_ENOMEM or what reading a blob gives. */
mdl_err mdl_accusations_joined(mdl_accusations *c, const mdl_msg_joined *m);
mdl_err mdl_accusations_add(mdl_audit *a, uint64_t record, const uint8_t key[MDL_KEY_BYTES],
                            const mdl_msg_shardverdict *m);
/* Whether its verdicts are just. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_accusations_go(mdl_audit *a, const mdl_evolution *of);

/* ---- judgement.c ---- */
/* A judgement that is about to be applied: its last step is run. MDL_OK, MDL_ENOMEM, MDL_EIO. */
mdl_err mdl_audit_judgement(mdl_audit *a, uint64_t index, const uint8_t key[MDL_KEY_BYTES], const mdl_msg_judgement *m);
/* Whether it says what the last step gave. */
int mdl_judgement_says(const mdl_msg_judgement *m, const mdl_judged *j);

/* ---- false_results.c ---- */
mdl_false_results *mdl_false_results_new(void); /* NULL when out of memory */
void mdl_false_results_free(mdl_false_results *f);
/* A result that is not what its jobs compute. `entered`: an answer to one of its jobs counts that is not right. `unit`
 * is the record that a correction of it names: of a shard's result, that of the joined job. */
void mdl_false_results_add(mdl_audit *a, uint64_t record, uint64_t unit, const uint8_t key[MDL_KEY_BYTES], int entered,
                           const char *text);
/* A closing was applied. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_false_results_closed(mdl_audit *a, uint64_t index, const mdl_msg_close *m);
/* A correction was applied: where results are computed again it is, too. MDL_OK, MDL_ENOMEM, MDL_EIO. */
mdl_err mdl_false_results_corrected(mdl_audit *a, uint64_t index, const uint8_t key[MDL_KEY_BYTES],
                                    const mdl_msg_correction *m);
/* All records are applied: findings and notes. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_false_results_judge(mdl_audit *a);

/* ---- proofs.c: files for what was found, where they are asked for; failures are counted ---- */
/* A signed note of `tree` records that the records contradict. */
void mdl_proofs_fork(mdl_audit *a, const char *note, size_t size, uint64_t tree);
void mdl_proofs_dropped(mdl_audit *a, const uint8_t *record, size_t size, const char *receipt, size_t receipt_size,
                        uint64_t index);
void mdl_proofs_rule(mdl_audit *a, uint64_t index, int rule);
void mdl_proofs_withheld(mdl_audit *a, uint64_t index, const uint8_t digest[MDL_DIGEST_BYTES]);
/* While the ledger is at the generation of the result. */
void mdl_proofs_result(mdl_audit *a, uint64_t index);
/* A check, verdict or correction, with the state of its generation and the record of the closing before. */
void mdl_proofs_decision(mdl_audit *a, uint64_t index, const mdl_evolution *of, uint64_t last_close);
/* While the ledger is at the generation of the job; a judgement's dispute is still open. */
void mdl_proofs_judgement(mdl_audit *a, uint64_t index, const mdl_ledger_dispute *d);
/* `lease`: record of the shardlease. `evidence`: zeros where there is none. */
void mdl_proofs_shardverdict(mdl_audit *a, uint64_t index, uint64_t lease, const uint8_t evidence[MDL_DIGEST_BYTES]);
void mdl_proofs_joined(mdl_audit *a, uint64_t index, const uint8_t transcript[MDL_DIGEST_BYTES]);

/* ---- decision.c ---- */
/* The record that options->dispute names, before it is applied: the verdict's
 * losers answer no more behind it. 0, with an error: it is of another type. */
int mdl_decision_note(mdl_audit *a, uint64_t index, const mdl_message *m);
/* It was applied: compute the job. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_decision_settle(mdl_audit *a);

/* ---- receipts.c ---- */
/* Told of the checkpoint that a receipt stands under. */
typedef mdl_err (*mdl_receipt_tree)(void *ctx, const mdl_checkpoint *c, mdl_text note);
/* All receipts of this log below options->receipts. MDL_EIO, MDL_ENOMEM, the callback's. Free *out either way. */
mdl_err mdl_receipts_read(mdl_audit *a, mdl_receipts **out, mdl_receipt_tree tree, void *ctx);
/* With the leaf hashes of the records. */
void mdl_receipts_compare(mdl_audit *a, const mdl_receipts *r);
void mdl_receipts_free(mdl_receipts *r);

#endif
