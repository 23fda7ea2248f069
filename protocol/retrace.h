/* An honest side's moves in a dispute: a job of the open generation run again as
 * far as a question asks. PROTOCOL section 11. */
#ifndef MDL_PROTOCOL_RETRACE_H
#define MDL_PROTOCOL_RETRACE_H

#include "protocol/dispute.h"
#include "protocol/messages.h"
#include "protocol/unit.h"

enum { MDL_MOVE_ROWS = 1, MDL_MOVE_POINTS = 2, MDL_MOVE_STATE = 3 };

/* What is asked for. */
typedef struct mdl_retrace {
    uint32_t job, kind; /* MDL_MOVE_... */
    uint32_t life;      /* of the job   */
    uint32_t count, point[MDL_DISPUTE_POINTS];
} mdl_retrace;

/* From a question that decoded: MDL_OK, or MDL_ERANGE: no referee asks that of generation `e`. */
mdl_err mdl_retrace_of(const mdl_msg_question *q, const mdl_evolution *e, mdl_retrace *out);
/* The move's bytes into `sink`. `genome`: scratch, life->layout.genes values. MDL_ERANGE:
 * the life has no such point, MDL_ENOMEM. */
mdl_err mdl_retrace_run(const mdl_retrace *r, const mdl_evolution *e, mdl_life *life, float *genome,
                        const mdl_sink *sink);

#endif
