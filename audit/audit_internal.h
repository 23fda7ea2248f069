/* What the files of the auditor share. audit.c: checkpoints, tree, tiles;
 * fold.c: records, rules and blobs; rerun.c: results computed again. */
#ifndef MDL_AUDIT_AUDIT_INTERNAL_H
#define MDL_AUDIT_AUDIT_INTERNAL_H

#include "audit/audit.h"
#include "runtime/pool.h"

typedef struct mdl_rerun mdl_rerun;

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
} mdl_audit;

/* One more finding. `culprit` NULL: nobody signed for it. */
#if defined(__GNUC__)
__attribute__((format(printf, 5, 6)))
#endif
void
mdl_audit_found(mdl_audit *a, uint64_t record, int rule, const uint8_t *culprit, const char *format, ...);
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
/* Compute and compare what is queued, while the ledger's evolution is still at
 * their generation. `upto`: records before this one are behind it then. */
void mdl_rerun_go(mdl_rerun *r, uint64_t upto);

#endif
