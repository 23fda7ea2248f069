/* What the files of the fold share. ledger.c: taking records apart, the state
 * and what it tells; ledger_genesis.c: record 0; ledger_work.c: admissions,
 * leases, results and the operator; ledger_close.c: ends of generations.
 *
 * Every rule function checks everything, and everything that can fail, before it
 * changes anything. */
#ifndef MDL_PROTOCOL_LEDGER_INTERNAL_H
#define MDL_PROTOCOL_LEDGER_INTERNAL_H

#include "protocol/digest.h"
#include "protocol/ledger.h"

/* A job of the current generation. */
typedef struct mdl_ledger_job {
    uint64_t record;       /* its result's; 0: none, for record 0 is the genesis */
    uint32_t open;         /* open leases that cover it, all of the same jobs:   */
    uint32_t first, count; /* these, while open > 0                              */
} mdl_ledger_job;

typedef struct mdl_ledger_bytes {
    uint8_t *at;
    size_t size, room;
} mdl_ledger_bytes;

struct mdl_ledger {
    uint8_t coordinator[MDL_KEY_BYTES];
    const mdl_blobs *blobs;
    uint64_t size; /* records applied */

    /* From the genesis on. */
    int begun, paused, credit_due, crowned, ended;
    mdl_msg_genesis genesis;
    mdl_admission admission;
    mdl_experiment experiment;
    uint32_t genes;
    float *prior;             /* mean[genes], sd[genes]; both runs refer to it */
    void *memory[2];          /* of the two runs */
    mdl_evolution *evolution; /* at the current generation */
    mdl_evolution *ahead;     /* the same, or one generation on while `foreseen` */
    int foreseen;
    uint8_t before[MDL_DIGEST_BYTES], after[MDL_DIGEST_BYTES]; /* digests of the two; `after` while foreseen */

    uint32_t jobs_max, jobs, jobs_done;
    mdl_ledger_job *job; /* [jobs_max], 0..jobs in use; likewise: */
    int64_t *fitness;
    uint64_t pending; /* sum of the workers' */

    mdl_ledger_worker *worker;
    uint32_t *by_key; /* indices of workers, keys rising */
    uint32_t workers, workers_room;

    mdl_ledger_lease *lease;                  /* of two generations; numbers are consecutive */
    uint32_t leases, leases_old, leases_room; /* the first `leases_old` are of the last generation */
    uint64_t next_lease;

    /* Scratch, and what the make functions give out. */
    uint8_t pae[MDL_PAE_BYTES_MAX];
    uint64_t list[MDL_LIST_MAX], made_list[MDL_LIST_MAX];
    mdl_ledger_bytes made, made_results;
};

/* Notes a breach and returns `rule`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
mdl_rule
mdl_ledger_break(mdl_breach *breach, mdl_rule rule, const char *format, ...);
mdl_rule mdl_ledger_no_memory(mdl_breach *breach);

/* One rule function a type; the head, signature and signer are checked. */
mdl_rule mdl_ledger_on_genesis(mdl_ledger *l, const mdl_message *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_admit(mdl_ledger *l, const mdl_msg_admit *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_key_change(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach); /* ledger_keys.c */
mdl_rule mdl_ledger_on_admin(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_lease(mdl_ledger *l, const mdl_msg_lease *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_expire(mdl_ledger *l, const mdl_msg_expire *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_result(mdl_ledger *l, const mdl_msg_result *m, const uint8_t *key, mdl_breach *breach);
mdl_rule mdl_ledger_on_close(mdl_ledger *l, const mdl_msg_close *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_credit(mdl_ledger *l, const mdl_msg_credit *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_champion(mdl_ledger *l, const mdl_msg_champion *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_end(mdl_ledger *l, const mdl_msg_end *m, mdl_breach *breach);

/* The blob of this digest, checked. MDL_RULE_OK, BLOB or NOMEM. */
mdl_rule mdl_ledger_blob(const mdl_ledger *l, const char *what, const uint8_t *digest, const uint8_t **bytes,
                         size_t *size, mdl_breach *breach);

/* Room for `size` bytes; what was there is lost. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_ledger_room(mdl_ledger_bytes *b, size_t size);

/* Ends an open lease. */
void mdl_ledger_end_lease(mdl_ledger *l, mdl_ledger_lease *lease, mdl_lease_state state);
mdl_ledger_lease *mdl_ledger_lease_at(const mdl_ledger *l, uint64_t id);
mdl_ledger_worker *mdl_ledger_worker_at(const mdl_ledger *l, const uint8_t *key);

#endif
