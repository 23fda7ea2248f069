/* What a worker keeps on disk. In its data directory:
 *
 *   lock                           held while a worker runs
 *   outbox/KEY-LEASE-V.envelope    results without a receipt, as they were signed; from V = 5 on their commitments
 *   receipts/log.jsonl             one line a result that is over
 *   receipts/EXPERIMENT-KEY/       KEY: the coordinator's
 *     vkey                         verifier key of the ledger
 *     LEASE.envelope               the ledger's record
 *     LEASE.tlog-proof             that it is in the ledger (C2SP tlog-proof)
 *     checkpoint                   the newest one seen, for others: modulon audit --checkpoint, modulon worker --gossip
 *     checkpoint-held              the newest one that was shown to continue those before it
 *     fork-SIZE.fraud              two that contradict each other: a proof (PROTOCOL 9.7)
 *
 * Files appear whole or not at all and survive a kill at any instant. They are
 * not synced one by one: after a power cut a result may be missing, and the
 * ledger still has it. Every failure leaves a sentence in `error`. */
#ifndef MDL_WORKER_KEEP_H
#define MDL_WORKER_KEEP_H

#include "worker/logic.h"

enum { MDL_KEEP_PATH_MAX = 3500 };

typedef struct mdl_keep {
    char directory[MDL_KEEP_PATH_MAX];
    int lock; /* -1: not open */
} mdl_keep;

/* Make the directories and take the lock. MDL_EMISMATCH: another worker has it;
 * MDL_EIO, MDL_ESIZE (the path). */
mdl_err mdl_keep_open(mdl_keep *k, const char *directory, char *error, size_t error_size);
void mdl_keep_close(mdl_keep *k);

/* As the commands of logic.h. */
mdl_err mdl_keep_result(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES], uint64_t lease, uint32_t version,
                        const uint8_t *envelope, size_t size, char *error, size_t error_size);
mdl_err mdl_keep_settled(const mdl_keep *k, const mdl_settled *s, uint64_t wall_ms, char *error, size_t error_size);

mdl_err mdl_keep_checkpoint(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES],
                            const uint8_t experiment[MDL_DIGEST_BYTES], const char *vkey, int proven, const char *note,
                            size_t size, char *error, size_t error_size);
size_t mdl_keep_kept(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES],
                     const uint8_t experiment[MDL_DIGEST_BYTES], int proven, char *note, size_t room);
/* `path` is where it lies. */
mdl_err mdl_keep_fraud(const mdl_keep *k, const uint8_t coordinator[MDL_KEY_BYTES],
                       const uint8_t experiment[MDL_DIGEST_BYTES], uint64_t records, const char *proof, size_t size,
                       char path[MDL_KEEP_PATH_MAX + 400], char *error, size_t error_size);

/* Give the whole outbox to mdl_worker_restore(). `skipped` is told of each file
 * that is not used; it stays where it is. Returns how many were restored. */
uint32_t mdl_keep_restore(const mdl_keep *k, mdl_worker *w,
                          void (*skipped)(void *ctx, const char *name, const char *why), void *ctx);

#endif
