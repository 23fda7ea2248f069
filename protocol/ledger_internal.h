/* What the files of the fold share. ledger.c: taking records apart, the state
 * and what it tells; ledger_genesis.c: record 0; ledger_admit.c: admissions and
 * the operator; ledger_work.c: leases, commitments, results; ledger_verify.c:
 * checks, verdicts, trust; ledger_shard.c, ledger_joined.c: shards and what they add up to; ledger_review.c: a
 * convict's closed units; ledger_dispute.c: answers taken apart; ledger_close.c: ends of generations;
 * ledger_credit.c: who is paid.
 *
 * Every rule function checks everything, and everything that can fail, before it
 * changes anything. */
#ifndef MDL_PROTOCOL_LEDGER_INTERNAL_H
#define MDL_PROTOCOL_LEDGER_INTERNAL_H

#include "protocol/digest.h"
#include "protocol/ledger.h"

typedef struct mdl_ledger_bytes {
    uint8_t *at;
    size_t size, room;
} mdl_ledger_bytes;

typedef struct mdl_ledger_joined_job {
    uint64_t record; /* 0: no such answer */
    uint8_t transcript[MDL_DIGEST_BYTES];
} mdl_ledger_joined_job;

/* A worker in the order of keys: the beginning of its key stands beside it, so that a search reads little else. */
typedef struct mdl_ledger_key {
    uint64_t head; /* the first eight bytes, the first the highest */
    uint32_t worker;
} mdl_ledger_key;

typedef struct mdl_ledger_session {
    uint8_t key[MDL_KEY_BYTES];
    uint32_t worker;
} mdl_ledger_session;

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

    uint32_t jobs_max, jobs;
    mdl_duty *duty, *scratch;      /* of the current generation; for replays */
    mdl_ledger_joined_job *joined; /* [jobs_max] what shards answered */
    uint64_t *check;               /* [jobs_max] records of the coordinator's own answers; 0: none */
    int64_t *fitness;              /* [jobs_max] for the evolution, when a generation closes */
    mdl_duty_rules rules;
    int secret;                        /* `seed` is known: this fold is the coordinator's */
    uint8_t seed[MDL_DIGEST_BYTES];    /* of the hash chain */
    uint8_t element[MDL_DIGEST_BYTES]; /* newest that was revealed; the head at the beginning */
    mdl_ledger_sums sum;               /* `waiting` with what is pending */
    uint64_t published;
    uint64_t owed;               /* corrections */
    mdl_ledger_dispute *dispute; /* [MDL_LEDGER_DISPUTES_MAX]; NULL: there never was one */
    uint32_t disputes;

    mdl_ledger_worker *worker;
    mdl_ledger_key *by_key;                  /* of all workers, rising */
    uint32_t *by_owner, owners, owners_room; /* of each owner's first worker, owners rising */
    uint32_t workers, workers_room;
    mdl_ledger_session *session; /* session keys that there were, rising */
    uint32_t sessions, sessions_room;
    uint32_t shown; /* nonces of the open generation */

    mdl_ledger_lease *lease;                  /* of two generations; numbers are consecutive */
    uint32_t leases, leases_old, leases_room; /* the first `leases_old` are of the last generation */
    uint64_t next_lease;

    /* Scratch, and what the make functions give out. */
    uint8_t pae[MDL_PAE_BYTES_MAX];
    mdl_duty_answer answer[MDL_UNIT_JOBS_MAX];
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
/* A worker more, whom the caller has checked. `owner_number`: its owner's; UINT32_MAX: by the owner's key.
 * MDL_RULE_OK or NOMEM. */
mdl_rule mdl_ledger_add_worker(mdl_ledger *l, const mdl_msg_admit *m, uint32_t owner_number, mdl_breach *breach);
/* How many keys, itself included, followed each other where this one stands. */
uint32_t mdl_ledger_line(const mdl_ledger *l, uint32_t worker);
mdl_rule mdl_ledger_on_admin(mdl_ledger *l, const mdl_msg_admin *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_lease(mdl_ledger *l, const mdl_msg_lease *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_expire(mdl_ledger *l, const mdl_msg_expire *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_commit(mdl_ledger *l, const mdl_msg_commit *m, const uint8_t *key, mdl_breach *breach);
/* ---- ledger_round.c ---- */
/* What a commitment says of the round nonce. */
mdl_rule mdl_ledger_check_round(const mdl_ledger *l, const mdl_msg_commit *m, mdl_breach *breach);
void mdl_ledger_take_round(mdl_ledger *l, mdl_ledger_worker *w, const mdl_msg_commit *m);
mdl_rule mdl_ledger_on_nonce(mdl_ledger *l, const mdl_msg_nonce *m, const uint8_t *key, mdl_breach *breach);
mdl_rule mdl_ledger_on_beacon(mdl_ledger *l, const mdl_msg_beacon *m, mdl_breach *breach);

mdl_rule mdl_ledger_on_check(mdl_ledger *l, const mdl_msg_check *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_verdict(mdl_ledger *l, const mdl_msg_verdict *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_shardlease(mdl_ledger *l, const mdl_msg_shardlease *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_shardresult(mdl_ledger *l, const mdl_msg_shardresult *m, const uint8_t *key, mdl_breach *breach);
mdl_rule mdl_ledger_on_joined(mdl_ledger *l, const mdl_msg_joined *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_shardverdict(mdl_ledger *l, const mdl_msg_shardverdict *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_dispute(mdl_ledger *l, const mdl_msg_dispute *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_move(mdl_ledger *l, const mdl_msg_move *m, const uint8_t *key, mdl_breach *breach);
mdl_rule mdl_ledger_on_judgement(mdl_ledger *l, const mdl_msg_judgement *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_equivocation(mdl_ledger *l, const mdl_msg_equivocation *m, mdl_breach *breach);
mdl_rule mdl_ledger_on_correction(mdl_ledger *l, const mdl_msg_correction *m, mdl_breach *breach);
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

int mdl_ledger_all_zero(const uint8_t *bytes, size_t size);

/* ---- ledger_verify.c ---- */
/* A new generation of l->evolution: a duty without events. */
void mdl_ledger_begin_duty(mdl_ledger *l);
/* Answers of these jobs may now be confirmed: their leases count for their workers. */
void mdl_ledger_verify(mdl_ledger *l, uint32_t first, uint32_t count);
/* Bans a worker for the record at hand: what it holds ends, what waits is forfeited. Room for it in the duty was
 * taken with mdl_duty_reserve(), so it cannot fail. */
void mdl_ledger_convict(mdl_ledger *l, uint32_t worker);
/* The record whose answer counts for a job that has one. */
uint64_t mdl_ledger_record_of(const mdl_ledger *l, uint32_t job);
/* Whether the closing's element is right, and the generation, played again with it. */
mdl_rule mdl_ledger_replay(mdl_ledger *l, const uint8_t element[MDL_DIGEST_BYTES], mdl_breach *breach);

/* ---- ledger_review.c ---- */
/* Before a closing is applied: room for the units to keep. */
mdl_rule mdl_ledger_keep_room(mdl_ledger *l, mdl_breach *breach);
/* The generation closes: keep its units with answers that count and that nobody confirmed. */
void mdl_ledger_keep(mdl_ledger *l);
/* Its worker was convicted: they are owed. */
void mdl_ledger_owe(mdl_ledger *l, const mdl_ledger_worker *w);

/* ---- ledger_equivocation.c ---- */
/* A commit or result was accepted. */
void mdl_ledger_remember(mdl_ledger *l, const mdl_envelope *e, const mdl_message *m);

/* ---- ledger_dispute.c ---- */
/* Answers have gone, or were settled: disputes about them are over. */
void mdl_ledger_prune(mdl_ledger *l);
/* All are. */
void mdl_ledger_no_disputes(mdl_ledger *l);

/* ---- ledger_credit.c ---- */
void mdl_ledger_earn(mdl_ledger *l, mdl_ledger_worker *w, uint64_t updates);
void mdl_ledger_forfeit(mdl_ledger *l, mdl_ledger_worker *w);
/* This generation has closed: what was pending waits. */
void mdl_ledger_turn_credit(mdl_ledger *l, uint32_t generation);

/* The open lease that a worker's record is about. */
mdl_rule mdl_ledger_find_open(const mdl_ledger *l, uint64_t id, const uint8_t *key, mdl_rule rule, const char *what,
                              mdl_ledger_lease **lease, mdl_breach *breach);
/* What every lease needs: its number is the next, its worker may have it, its generation is the open one. Sets
 * what all leases have; the fold is left alone. */
mdl_rule mdl_ledger_check_lease(mdl_ledger *l, uint64_t id, const uint8_t *key, uint32_t generation, mdl_rule rule,
                                mdl_ledger_lease *lease, mdl_breach *breach);
/* Room for one more, once nothing but memory can refuse it; then it is put there. */
mdl_rule mdl_ledger_lease_room(mdl_ledger *l, mdl_breach *breach);
void mdl_ledger_add_lease(mdl_ledger *l, const mdl_ledger_lease *lease);
/* Ends an open lease. */
void mdl_ledger_end_lease(mdl_ledger *l, mdl_ledger_lease *lease, mdl_lease_state state);
mdl_ledger_lease *mdl_ledger_lease_at(const mdl_ledger *l, uint64_t id);
mdl_ledger_worker *mdl_ledger_worker_at(const mdl_ledger *l, const uint8_t *key);
uint64_t mdl_ledger_key_head(const uint8_t *key);
/* Where a key stands in by_key, or would. */
uint32_t mdl_ledger_key_place(const mdl_ledger *l, const uint8_t *key);

#endif
