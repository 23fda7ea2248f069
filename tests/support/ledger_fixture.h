/* A ledger played by hand: a coordinator and some workers with fixed keys, real
 * units of a tiny experiment, every record and blob kept. Tests of the ledger,
 * the coordinator and the auditor share it. Whatever goes wrong fails the test. */
#ifndef MDL_TESTS_SUPPORT_LEDGER_FIXTURE_H
#define MDL_TESTS_SUPPORT_LEDGER_FIXTURE_H

#include "core/life.h"
#include "protocol/ledger.h"
#include "protocol/past.h"

enum { LEDGER_COORDINATOR = 0, LEDGER_SIGNERS_MAX = 16, LEDGER_LEASES_MAX = 8192 };

/* Three generations of two islands: 8 jobs, 10, 10. Verification is off. */
extern const char ledger_experiment[];
/* The same with verification, which the tests of it fill in: "{...}". */
void ledger_verified_experiment(const char *verification, char *out, size_t size);

typedef struct ledger_record {
    uint8_t *bytes;
    size_t size;
    mdl_message_type type;
} ledger_record;

typedef struct ledger_blob {
    uint8_t digest[MDL_DIGEST_BYTES];
    uint8_t *bytes;
    size_t size;
} ledger_blob;

typedef struct ledger_play {
    uint8_t key[LEDGER_SIGNERS_MAX][MDL_KEY_BYTES]; /* 0: the coordinator; 1...: workers, seeds their number */
    uint8_t secret[LEDGER_SIGNERS_MAX][MDL_SECRET_BYTES];
    uint64_t seq[LEDGER_SIGNERS_MAX];  /* of the workers' sessions */
    uint8_t holder[LEDGER_LEASES_MAX]; /* worker by lease */
    ledger_record *record;
    size_t records, records_room;
    ledger_blob *blob;
    size_t blobs, blobs_room;
    mdl_blobs source; /* the blobs above */
    uint8_t document[MDL_DIGEST_BYTES];
    mdl_experiment experiment;
    mdl_ledger *ledger; /* after all records */
    mdl_life *life;     /* NULL: fitnesses are made up, for tests of many jobs */
    float *genome;
    int64_t fitness[MDL_UNIT_JOBS_MAX];                   /* behind the last message of ledger_play_unit() */
    char segments[MDL_UNIT_JOBS_MAX * MDL_SEGMENT_CHARS]; /* the same          */
    uint8_t seed[MDL_DIGEST_BYTES];                       /* of the hash chain, where there is one */
} ledger_play;

/* Public and secret key of a signer; any index has one. */
void ledger_key(uint32_t signer, uint8_t key[MDL_KEY_BYTES], uint8_t secret[MDL_SECRET_BYTES]);

/* A ledger with its genesis. `json` NULL: ledger_experiment. `made_up`: no lives are run. */
void ledger_play_open(ledger_play *p, const char *json, const char *admission, int made_up);
/* The same before the genesis, whose message is given. */
void ledger_play_begin(ledger_play *p, const char *json, const char *admission, int made_up, mdl_message *genesis);
void ledger_play_close(ledger_play *p);

/* ---- messages: the right one for the state, for the caller to send or to spoil ---- */
mdl_message ledger_play_message(const ledger_play *p, mdl_message_type type); /* head alone */
mdl_message ledger_play_admit(const ledger_play *p, uint32_t worker);         /* "open 0" */
mdl_message ledger_play_lease(const ledger_play *p, uint32_t worker, uint32_t first, uint32_t count);
mdl_message ledger_play_expire(const ledger_play *p, uint64_t lease);
mdl_message ledger_play_admin(const ledger_play *p, const char *action, uint32_t target); /* 0: none */
/* Runs the jobs. The message's lists are p->fitness and p->segments. */
mdl_message ledger_play_unit(ledger_play *p, uint64_t lease);
/* Make its updates add up to this. */
void ledger_play_claim(ledger_play *p, mdl_message *result, uint64_t updates);
/* Another segment for its last job, with the root that follows. */
void ledger_play_other_segment(ledger_play *p, mdl_message *result);
/* The commitment to such a message. */
mdl_message ledger_play_commit(ledger_play *p, const mdl_message *result, uint32_t worker);
/* The coordinator's own answer of a job. */
mdl_message ledger_play_check(ledger_play *p, uint32_t job);
/* What a unit that is owed computes; worker: its index. The message's lists are p->fitness and p->segments. */
mdl_message ledger_play_correction(ledger_play *p, uint32_t worker, const mdl_ledger_unit *unit);
/* What is due next, their blobs stored. */
mdl_message ledger_play_closing(ledger_play *p);
mdl_message ledger_play_credit(ledger_play *p);
mdl_message ledger_play_champion(ledger_play *p);
mdl_message ledger_play_end(ledger_play *p);

/* ---- records ---- */
/* The envelope; free(bytes). */
ledger_record ledger_play_seal(const ledger_play *p, const mdl_message *m, uint32_t signer);
/* Seal, apply, keep. The fold must accept it. Returns its index. */
uint64_t ledger_play_append(ledger_play *p, const mdl_message *m, uint32_t signer);
/* Seal and apply. The fold must refuse it and be as before. */
mdl_breach ledger_play_refused(ledger_play *p, const mdl_message *m, uint32_t signer);
/* The same, with this rule broken by this signer. */
void ledger_play_breaks(ledger_play *p, const mdl_message *m, uint32_t signer, mdl_rule rule);
/* The same of a right message, spoilt by `change` of `msg`. */
#define LEDGER_SPOILT(play, right, signer, rule, change)                                                               \
    do {                                                                                                               \
        mdl_message msg = (right);                                                                                     \
        change;                                                                                                        \
        ledger_play_breaks((play), &msg, (signer), (rule));                                                            \
    } while (0)
void ledger_play_store(ledger_play *p, const void *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES]);

/* ---- longer pieces ---- */
/* Lease, commitment where there is one, and result. Returns the result's index. */
uint64_t ledger_play_work(ledger_play *p, uint32_t worker, uint32_t first, uint32_t count);
/* The next unit of two jobs that the duty has for a worker; a lie has another segment in its last job. Returns the
 * result's index. */
uint64_t ledger_play_answer(ledger_play *p, uint32_t worker, int lies);
/* What is left is done by one worker; what is selected is checked; closing and credit. */
void ledger_play_finish(ledger_play *p, uint32_t worker);
/* All jobs without result, in units of `unit` jobs, workers 1..workers in turn; then closing and credit. */
void ledger_play_generation(ledger_play *p, uint32_t workers, uint32_t unit);
/* From genesis to end with `workers` (>= 2) workers: also an expiry, a copy that wins, a lease that a closing
 * ends, pause, resume, ban and unban. */
void ledger_play_all(ledger_play *p, uint32_t workers, uint32_t unit);

/* Digest of all that the fold tells. */
void ledger_fingerprint(const mdl_ledger *l, uint8_t digest[MDL_DIGEST_BYTES]);

#endif
