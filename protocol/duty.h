/* Who must compute what again: re-execution in one generation. PROTOCOL
 * section 10.
 *
 * A job's first answer comes from whoever leased it as fresh work. Some answers
 * have to be confirmed, by a worker of another owner or by the coordinator:
 *
 *   selected   validation jobs and each island's elite: by the coordinator
 *   probation  answers of workers that are not trusted yet
 *   drawn      one job of a unit, where the beacon says so, after its commitment
 *
 * and now and then a lease is planted: a job whose answer the coordinator has
 * confirmed. Which lease confirms what follows from the coordinator's secret
 * element of the generation, the lease's number and its worker. So a duty is
 * played twice: live, by the coordinator, which knows the element; and by
 * everyone, when the closing has revealed it.
 *
 * Pure: memory is taken in mdl_duty_new alone and when leases grow. */
#ifndef MDL_PROTOCOL_DUTY_H
#define MDL_PROTOCOL_DUTY_H

#include "core/evolution.h"
#include "protocol/digest.h"

enum {
    MDL_DUTY_ANSWERS = 4,             /* of one job, from different leases */
    MDL_DUTY_JOINED = 0x7ffffffe,     /* owner number of answers that shards add up to */
    MDL_DUTY_COORDINATOR = 0x7fffffff /* owner number of the coordinator's own answers */
};
/* What stands for a lease's number in those two. */
#define MDL_DUTY_OF_COORDINATOR UINT64_MAX
#define MDL_DUTY_OF_SHARDS (UINT64_MAX - 1)
#define MDL_DUTY_NONE UINT32_MAX

/* From the experiment's "verification". */
typedef struct mdl_duty_rules {
    uint32_t floor_ppm; /* 0..1000000: units of trusted workers of which one job is drawn */
    uint32_t plant_ppm; /* 0..1000000: leases that are planted                           */
    uint32_t selected;  /* 0 or 1: validation jobs and elites are confirmed              */
    uint32_t shared;    /* 0 or 1: units are drawn when all jobs have answers, with the round's nonces */
} mdl_duty_rules;

/* What a lease answers for one job. Equal answers are equal bytes. */
typedef struct mdl_duty_answer {
    int64_t fitness;
    uint64_t updates;
    uint8_t segment[MDL_DIGEST_BYTES];
} mdl_duty_answer;

typedef enum mdl_duty_kind {
    MDL_DUTY_FRESH = 0, /* jobs without an answer or an open lease */
    MDL_DUTY_CONFIRM,   /* jobs with answers of other owners       */
    MDL_DUTY_PLANTED,   /* one job that the coordinator confirmed  */
    MDL_DUTY_SHARD,     /* a shard of one job without an answer    */
    MDL_DUTY_NOTHING
} mdl_duty_kind;

typedef struct mdl_duty_choice {
    mdl_duty_kind kind;
    uint32_t first, most; /* the lease begins at job `first` and has 1..most jobs */
} mdl_duty_choice;

typedef struct mdl_duty mdl_duty;

/* Room for generations of up to `jobs_max` jobs. NULL when out of memory. */
mdl_duty *mdl_duty_new(uint32_t jobs_max);
void mdl_duty_free(mdl_duty *d);

/* Begin a generation. `element` NULL: the secret is not known; then nothing is
 * drawn or planted and nothing can be chosen. The spec is kept by reference. */
void mdl_duty_begin(mdl_duty *d, const mdl_duty_rules *rules, const mdl_evolution_spec *spec, uint32_t generation,
                    uint32_t jobs, const uint8_t element[MDL_DIGEST_BYTES]);

/* ---- events, in the ledger's order ---- */

/* What the next lease of this worker must be; needs the element. Where it is
 * NOTHING, an open lease may be copied. */
mdl_duty_choice mdl_duty_choose(const mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner,
                                int trusted);
/* The same for fresh work alone, without the element: the first fresh jobs; most 0: none. */
mdl_duty_choice mdl_duty_first_fresh(const mdl_duty *d);
/* Whether a lease has a shape that some choice could have: jobs without answer
 * that no lease or one of just these jobs covers; or jobs that all have answers,
 * of other owners only. The jobs must exist. */
int mdl_duty_may_lease(const mdl_duty *d, uint32_t owner, uint32_t first, uint32_t count);
/* A lease was given, one that may be. MDL_ENOMEM leaves everything unchanged. */
mdl_err mdl_duty_lease(mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner, int trusted,
                       uint32_t first, uint32_t count);
/* Whether an open lease may still be answered: not when it is fresh work and
 * another lease's answer came first, nor when it confirms and a job of it has
 * MDL_DUTY_ANSWERS, or one of its owner's by another lease. */
int mdl_duty_may_reveal(const mdl_duty *d, uint64_t lease);
/* It was answered, answer[count]. `nonce`, `root` of the reveal. Afterwards the
 * lease is closed. */
void mdl_duty_reveal(mdl_duty *d, uint64_t lease, const uint8_t nonce[32], const uint8_t root[32],
                     const mdl_duty_answer *answer);
/* Whether the round's nonces may be shown now: every job has an answer, nothing was drawn. */
int mdl_duty_showing(const mdl_duty *d);
/* The round's nonces, as one digest: units of trusted workers are drawn with it. Of a
 * worker that is `silent`, asked once for each of its units, all jobs have to be confirmed,
 * and so have answers that come later. MDL_ENOMEM leaves everything unchanged. */
mdl_err mdl_duty_draw_units(mdl_duty *d, const uint8_t nonces[MDL_DIGEST_BYTES],
                            int (*silent)(const void *ctx, const uint8_t worker[32]), const void *ctx);
/* It ended without an answer. */
void mdl_duty_expire(mdl_duty *d, uint64_t lease);
/* The coordinator's own answer: the job is settled, whatever others said. Of an
 * answered job that is not settled. MDL_ENOMEM leaves everything unchanged. */
mdl_err mdl_duty_settle(mdl_duty *d, uint32_t job, const mdl_duty_answer *answer);
/* Room for so many convictions right after a settlement: they cannot fail then. */
mdl_err mdl_duty_reserve(mdl_duty *d, uint32_t convictions);
/* The leases of a worker in this generation, rising: the one after `lease`, UINT64_MAX for the first one;
 * UINT64_MAX: no more. */
uint64_t mdl_duty_lease_of(const mdl_duty *d, const uint8_t worker[32], uint64_t lease);
/* A worker was convicted: its answers of this generation that nobody confirmed
 * are void, its open leases are closed. MDL_ENOMEM leaves everything unchanged. */
mdl_err mdl_duty_convict(mdl_duty *d, const uint8_t worker[32]);

/* ---- what follows ---- */

uint32_t mdl_duty_answered(const mdl_duty *d); /* jobs with an answer */
uint32_t mdl_duty_fresh(const mdl_duty *d);    /* jobs without answer and open lease */
/* The answer that counts: the coordinator's, else the first. NULL: none yet. */
const mdl_duty_answer *mdl_duty_answer_of(const mdl_duty *d, uint32_t job);
/* All answers of a job, in order: number, lease (or MDL_DUTY_OF_COORDINATOR, MDL_DUTY_OF_SHARDS). */
uint32_t mdl_duty_answers(const mdl_duty *d, uint32_t job);
const mdl_duty_answer *mdl_duty_answer_at(const mdl_duty *d, uint32_t job, uint32_t i, uint64_t *lease);
/* What an answered lease said, job by job; NULL: it was not answered. */
const mdl_duty_answer *mdl_duty_said(const mdl_duty *d, uint64_t lease);
int mdl_duty_settled(const mdl_duty *d, uint32_t job);
/* By another owner's equal answer, or settled. */
int mdl_duty_confirmed(const mdl_duty *d, uint32_t job);
mdl_duty_kind mdl_duty_kind_of(const mdl_duty *d, uint64_t lease); /* FRESH, CONFIRM; NOTHING: unknown */

/* ---- shards: any job without an answer may be cut, section 12 ---- */

/* Whether a shard of the job may be leased: it has no answer, and no open lease but of shards. */
int mdl_duty_may_shard(const mdl_duty *d, uint32_t job);
/* A shard was leased; it ends like any lease, or is joined. MDL_ENOMEM leaves everything unchanged. */
mdl_err mdl_duty_shard(mdl_duty *d, uint64_t lease, const uint8_t worker[32], uint32_t owner, int trusted,
                       uint32_t job);
/* The shards of a job are done: lease[count], all open, answer it together.
 *   replicated  workers of other owners did every shard too: this confirms it
 *   transcript  digest of all that happened, for the draw
 * MDL_ENOMEM leaves everything unchanged. */
mdl_err mdl_duty_join(mdl_duty *d, uint32_t job, const uint64_t *lease, uint32_t count, int replicated,
                      const uint8_t transcript[32], const mdl_duty_answer *answer);
/* The leases that answered a job together, NULL: none did. */
const uint64_t *mdl_duty_party(const mdl_duty *d, uint32_t job, uint32_t *count);

/* What the coordinator has to answer itself, from job `from` on; MDL_DUTY_NONE:
 * nothing. `disputed`: answers differ. `selected`: validation jobs and elites,
 * once every job has an answer and none is disputed. `waiting`: an answer waits
 * for another owner and no open lease covers it: a worker can do that too. */
uint32_t mdl_duty_disputed(const mdl_duty *d, uint32_t from);
/* This one is disputed. Also a settled job, where a later answer contradicts the coordinator's and nobody is convicted
 * yet. */
int mdl_duty_is_disputed(const mdl_duty *d, uint32_t job);
uint32_t mdl_duty_selected(mdl_duty *d, uint32_t from);
uint32_t mdl_duty_waiting(const mdl_duty *d, uint32_t from);
/* An answer of the job waits for another owner, whether an open lease covers it or not. */
int mdl_duty_lacks(const mdl_duty *d, uint32_t job);
/* Every job has an answer, nothing is disputed, nothing waits. With the element
 * known this is when the generation may close. */
int mdl_duty_done(mdl_duty *d);

/* Play the events of `seen` again with the element that the closing reveals.
 * `fault` gets a sentence about the first lease that was not the one to give, or
 * the first confirmation that is missing. `scratch`: another duty, of the same
 * room. MDL_OK, MDL_EMISMATCH (a lease), MDL_ENOENT (a confirmation) or MDL_ENOMEM. */
mdl_err mdl_duty_replay(const mdl_duty *seen, mdl_duty *scratch, const uint8_t element[MDL_DIGEST_BYTES], char *fault,
                        size_t size);

#endif
