/* The referee of two answers to one job that differ. PROTOCOL section 11.
 *
 * Both sides first show the rows of the job's lives, which their segments bind.
 * The first life whose rows differ is taken apart (protocol/dispute.h); then one
 * window from the state that both agree on says who is wrong, or, where all states
 * agree, the end does. Nothing here believes a side, and an honest one is never
 * found wrong. Who is not found wrong is not thereby right before that window.
 *
 * Pure: no clock; who carries the moves, and their signatures, is the caller. */
#ifndef MDL_PROTOCOL_REFEREE_H
#define MDL_PROTOCOL_REFEREE_H

#include "protocol/dispute.h"
#include "protocol/unit.h"

enum { MDL_ROW_BYTES = 52 }; /* windows u32, fitness i64, updates u64, end digest */

typedef enum mdl_referee_stage {
    MDL_REFEREE_ROWS = 0, /* waits for the rows of both               */
    MDL_REFEREE_POINTS,   /* for digests of dispute.point from both   */
    MDL_REFEREE_JUDGE,    /* for the state that both agree on         */
    MDL_REFEREE_OVER
} mdl_referee_stage;

typedef enum mdl_fault {
    MDL_FAULT_NONE = 0,
    MDL_FAULT_SUMS,   /* its rows add up to another fitness or number of updates than it answered */
    MDL_FAULT_LENGTH, /* a life of no windows                                                     */
    MDL_FAULT_WINDOW, /* the window after the last agreed state gives another one than it says    */
    MDL_FAULT_END,    /* the agreed end gives another row than it says                            */
    MDL_FAULT_STATE,  /* it agreed to a state that no life has                                    */
    MDL_FAULT_SILENT  /* no answer: void, but no proof of anything                                */
} mdl_fault;

const char *mdl_fault_sentence(int fault); /* never NULL */

/* What is left to judge: enough of a referee to do it elsewhere. */
typedef struct mdl_case {
    mdl_job job;
    uint32_t which;                      /* life            */
    mdl_dispute dispute;                 /* its last stage  */
    mdl_life_row row[MDL_DISPUTE_SIDES]; /* of that life    */
} mdl_case;

/* What running it says. */
typedef struct mdl_judged {
    uint32_t wrong; /* bit s: side s         */
    mdl_fault fault;
    uint8_t truth[MDL_DIGEST_BYTES]; /* WINDOW: of the point at hi; zeros: the life is over before */
    mdl_life_row row;                /* END: of the life; zeros: it goes on                        */
} mdl_judged;

typedef struct mdl_referee {
    mdl_life *life;
    mdl_job job;
    uint32_t index;
    mdl_job_result answer[MDL_DISPUTE_SIDES];
    int any;                               /* rows of any answer                  */
    mdl_life_row *rows[MDL_DISPUTE_SIDES]; /* [job.episodes]; NULL: not shown     */
    mdl_referee_stage stage;
    mdl_dispute dispute;
    uint32_t which; /* life in dispute                                            */
    mdl_fault fault[MDL_DISPUTE_SIDES];
    uint8_t silent[MDL_DISPUTE_SIDES];
    mdl_sink log; /* write NULL: none                                             */
} mdl_referee;

/* `life` is kept by reference and has the job's genome; job number `index`. The
 * answers differ; NULL: they are those that the rows give, whatever rows each side shows. What is taken is written to
 * `log` as a transcript, if not NULL. */
void mdl_referee_begin(mdl_referee *r, mdl_life *life, const mdl_job *job, uint32_t index,
                       const mdl_job_result answer[MDL_DISPUTE_SIDES], const mdl_sink *log);
void mdl_referee_end(mdl_referee *r); /* frees what it holds */

/* Whether a move of this side is waited for. */
int mdl_referee_waits(const mdl_referee *r, uint32_t side);
/* Stage JUDGE: windows and digest of the state that is needed. 0: none, it is the birth. */
int mdl_referee_state(const mdl_referee *r, uint32_t *windows, uint8_t digest[MDL_DIGEST_BYTES]);

/* Moves. An error leaves everything as it was, and the side's move is still due.
 *
 * MDL_EMISMATCH when it is not this side's turn or the rows do not have the
 * segment that it answered, or, of any answer, are those of the other side, MDL_ESIZE, MDL_ERANGE when their sums pass
 * 64 bits, MDL_ENOMEM. */
mdl_err mdl_referee_rows(mdl_referee *r, uint32_t side, const uint8_t *bytes, size_t size);
/* Errors of mdl_dispute_answer(). */
mdl_err mdl_referee_points(mdl_referee *r, uint32_t side, const uint8_t (*digest)[MDL_DIGEST_BYTES], uint32_t count);
/* The state of mdl_referee_state(), from whomever; size 0 for the birth. Plays the
 * task up to there and runs one window of the network. MDL_EMISMATCH when the bytes
 * have another digest, MDL_ENOMEM. */
mdl_err mdl_referee_judge(mdl_referee *r, const uint8_t *bytes, size_t size);
/* Stage JUDGE: the same in parts. The life has the job's genome; errors are those of judge(). */
void mdl_referee_case(const mdl_referee *r, mdl_case *out);
mdl_err mdl_case_judge(const mdl_case *c, mdl_life *life, const uint8_t *bytes, size_t size, mdl_judged *out);
/* Who is wrong where this is what the last window, or the end, gives. Of `out` of such a case
 * everything but `wrong` is taken as it is. */
uint32_t mdl_case_wrong(const mdl_case *c, const mdl_judged *truth);
/* The side has not moved in time. Its answer is void, which proves nothing; a state
 * may still come from the other side. MDL_EMISMATCH when no move of it is due. */
mdl_err mdl_referee_silent(mdl_referee *r, uint32_t side);

/* A row's bytes, as in the segment digest. */
void mdl_row_put(const mdl_life_row *row, const mdl_sink *sink);

/* The moves of a transcript up to its last, which is the state to judge from (kind 3), on a referee that has just
 * begun; that is left in stage JUDGE. *state points into `bytes`. Errors of replay(); MDL_EMISMATCH, too, where the
 * moves do not lead there. */
mdl_err mdl_referee_lead(mdl_referee *r, const uint8_t *bytes, size_t size, const uint8_t **state, size_t *state_size);
/* Play a transcript on a referee that has just begun: moves, each kind u8 (1 rows,
 * 2 points, 3 judge, 4 silent), side u8, size u32, bytes. Errors of the first move
 * that is refused; MDL_ESIZE when it ends within a move, MDL_EMISMATCH when the
 * dispute is not over at its end, or before. */
mdl_err mdl_referee_replay(mdl_referee *r, const uint8_t *bytes, size_t size);

#endif
