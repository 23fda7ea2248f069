/* Scores on test lives: a table of variants x lives, filled by all threads.
 * A variant is a champion, the same one with something taken out, or a policy
 * that learns nothing. */
#ifndef MDL_CLI_SCORE_H
#define MDL_CLI_SCORE_H

#include "core/life.h"
#include "runtime/pool.h"

typedef enum mdl_variant_kind {
    MDL_VARIANT_NETWORK = 0, /* `genome`                                            */
    MDL_VARIANT_RANDOM,      /* runtime/policy.h                                    */
    MDL_VARIANT_CONSTANT     /* the same; always `action`                           */
} mdl_variant_kind;

typedef struct mdl_variant {
    const char *name;
    mdl_variant_kind kind;
    const float *genome;
    mdl_knockout out; /* of the decoded network */
    uint32_t action;
} mdl_variant;

typedef struct mdl_score {
    double mean, sd; /* over lives; sd with n - 1                       */
    double lo, hi;   /* 95 % interval of the mean: +-1.96 sd / sqrt(n)  */
    uint32_t n;      /* 1: sd is 0 and there is no interval             */
} mdl_score;

/* Which lives of the test stream to score: `wanted`, or (0) what the task asks
 * for. Double pole: Gruau's 625 starts, lives 1..625 (life 0 is the long run).
 * Digits: one life, which is all held-out digits. Else the experiment's number. */
typedef struct mdl_lives {
    uint32_t first, count;
} mdl_lives;
mdl_lives mdl_test_lives(const mdl_experiment *x, uint32_t wanted);

/* Where scores go: [variant][lives.count] each, the caller's; any but the first
 * may be NULL. */
typedef struct mdl_scores {
    double *score;  /* in the task's own units                                      */
    double *after;  /* after a change within the life (mdl_task_score_after), below 0 where there is none */
    double *levels; /* [variant][lives.count][MDL_CLAMPS] of modulators and arousal: means over windows and agents */
} mdl_scores;

/* Of these lives of `seed`'s test stream. Equal lives for every variant.
 * MDL_ENOMEM, MDL_EIO (no threads). */
mdl_err mdl_score_variants(const mdl_experiment *x, const mdl_variant *variant, uint32_t variants, uint64_t seed,
                           mdl_lives lives, uint32_t threads, int quiet, const mdl_scores *scores);

mdl_score mdl_score_of(const double *scores, uint32_t lives);
/* Of those values that are not below 0; n is 0 when all are. */
mdl_score mdl_score_of_known(const double *scores, uint32_t lives);
/* The same, but one life of the digits task counts as what it is: 360 digits,
 * each right or wrong. */
mdl_score mdl_score_lives(const mdl_experiment *x, const double *scores, uint32_t lives);
/* Score of `scores` minus `base`, paired life by life; with one digits life the
 * difference of two proportions. */
mdl_score mdl_score_difference(const mdl_experiment *x, const double *scores, const double *base, uint32_t lives);

/* The same over lives where neither is below 0; n is 0 when there are none. */
mdl_score mdl_score_difference_known(const double *scores, const double *base, uint32_t lives);

/* The seed of a champion's test lives: the first 8 bytes of its digest,
 * little-endian, so that a genome cannot be tuned to the lives it is tested on. */
uint64_t mdl_test_seed(const uint8_t digest[32]);

#endif
