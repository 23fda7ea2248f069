/* Refereed delegation: two answers to one life that differ are taken apart until
 * one window is left that the referee runs itself. PROTOCOL section 11.
 *
 * A party claims a chain of points D_0 .. D_n: D_k is the state after k windows;
 * D_0 is the birth, which both have in common. The referee asks both for the same
 * points of an interval [lo, hi], up to 15 inside it and, at first, its end. The
 * first point where they differ bounds the next interval. When hi = lo + 1 the
 * state at lo, on which both agree, is enough: one window settles who is right.
 *
 * Pure and small: the referee's memory of a dispute is this struct. */
#ifndef MDL_PROTOCOL_DISPUTE_H
#define MDL_PROTOCOL_DISPUTE_H

#include "core/err.h"
#include "protocol/digest.h"

enum { MDL_DISPUTE_POINTS = 16, MDL_DISPUTE_SIDES = 2 };

typedef enum mdl_dispute_stage {
    MDL_DISPUTE_ASK = 0, /* waits for points from both sides        */
    MDL_DISPUTE_STEP,    /* the referee runs the window after `lo`  */
    MDL_DISPUTE_SAME     /* all points agree: what differs is what was said about the end */
} mdl_dispute_stage;

typedef struct mdl_dispute {
    mdl_dispute_stage stage;
    uint32_t windows[MDL_DISPUTE_SIDES]; /* that each side says the life had   */
    uint32_t lo, hi;                     /* agreed at lo, not at hi (after the first round) */
    uint32_t rounds;                     /* answered by both                   */
    uint32_t count, point[MDL_DISPUTE_POINTS];
    uint8_t agreed[MDL_DIGEST_BYTES];                   /* D_lo; zeros at birth   */
    uint8_t claim[MDL_DISPUTE_SIDES][MDL_DIGEST_BYTES]; /* D_hi of each side      */
    uint8_t said[MDL_DISPUTE_SIDES][MDL_DISPUTE_POINTS][MDL_DIGEST_BYTES];
    uint8_t answered[MDL_DISPUTE_SIDES];
} mdl_dispute;

/* windows a, b: 1 or more, what the two sides' rows say. A side's point after its
 * life's end is zeros. */
void mdl_dispute_begin(mdl_dispute *d, uint32_t a, uint32_t b);

/* A side's digests of the points asked for, in order. MDL_ESIZE for another
 * number of them, MDL_EMISMATCH when it answered this round, is not asked, or
 * names a state after its own life's end; then nothing changed. */
mdl_err mdl_dispute_answer(mdl_dispute *d, uint32_t side, const uint8_t (*digest)[MDL_DIGEST_BYTES], uint32_t count);

/* Stage STEP: the true D_hi decides: bit s is set when side s is wrong. */
uint32_t mdl_dispute_judge(const mdl_dispute *d, const uint8_t truth[MDL_DIGEST_BYTES]);

/* The most rounds that a life of this many windows takes. */
uint32_t mdl_dispute_rounds(uint32_t windows);

#endif
