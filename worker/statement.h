/* What a worker has earned, line by line, each with its proof. From the
 * worker's data directory (worker/keep.h), and, where there is one, from the
 * ledger, whose rules are replayed. PROTOCOL section 8.6. */
#ifndef MDL_WORKER_STATEMENT_H
#define MDL_WORKER_STATEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/envelope.h"
#include "protocol/merkle.h"

typedef enum mdl_earned {
    MDL_EARNED_PENDING,   /* in the ledger; its generation is not paid yet, or no ledger was asked */
    MDL_EARNED_PAID,      /* its generation was credited                                           */
    MDL_EARNED_STALE,     /* came too late: no error, no credit                                    */
    MDL_EARNED_REJECTED,  /* refused                                                               */
    MDL_EARNED_TAKEN_BACK /* there is a receipt, but the ledger does not pay                       */
} mdl_earned;

const char *mdl_earned_name(mdl_earned state); /* "taken_back" */

typedef struct mdl_statement_line {
    uint8_t coordinator[32], experiment[32], worker[32]; /* worker: who signed; zeros: no envelope is kept */
    uint64_t time_ms, lease, updates, record;            /* record: index in the ledger, if `recorded`     */
    uint32_t generation, first, jobs;
    mdl_earned state;
    int recorded; /* a receipt or the ledger says that it is in the ledger */
    int proved;   /* envelope and .tlog-proof were read and verify         */
    mdl_hash leaf;
    char why[200];   /* for people; empty: nothing to add                   */
    char proof[300]; /* file, below the data directory; empty: none        */
} mdl_statement_line;

typedef struct mdl_statement {
    mdl_statement_line *line; /* by experiment, coordinator and lease: each result once */
    size_t count;
    uint32_t room;
    size_t damaged; /* lines of log.jsonl that could not be read: cut by a crash */
} mdl_statement;

/* The log alone, receipts/log.jsonl: nothing is proved yet. Lines that are none are counted. MDL_OK or MDL_ENOMEM;
 * close() it either way. */
mdl_err mdl_statement_parse(mdl_statement *s, const char *log, size_t size);
/* Read what the worker kept and verify every proof. A directory without a log is
 * an empty statement. MDL_OK, MDL_EIO, MDL_ESIZE, MDL_ENOMEM with a sentence. */
mdl_err mdl_statement_read(mdl_statement *s, const char *data, char *error, size_t error_size);
/* Look every line of this ledger's experiment and coordinator up in the ledger
 * in `directory` (a coordinator's data, or a copy): states become paid, pending
 * or taken back, and results of our keys that have no line here get one.
 * MDL_OK, what mdl_store_open() returns, or MDL_EMISMATCH: a record breaks a rule. */
mdl_err mdl_statement_ledger(mdl_statement *s, const char *directory, char *error, size_t error_size);
void mdl_statement_close(mdl_statement *s);

typedef struct mdl_statement_totals {
    uint64_t results[MDL_EARNED_TAKEN_BACK + 1], updates[MDL_EARNED_TAKEN_BACK + 1];
    uint64_t proved, unproved; /* of those that are recorded */
} mdl_statement_totals;

void mdl_statement_add(const mdl_statement *s, mdl_statement_totals *out);

#endif
