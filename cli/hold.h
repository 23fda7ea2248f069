/* --clamp: modulators and arousal held at a level in a champion's network, a
 * control that needs no new evolution. */
#ifndef MDL_CLI_HOLD_H
#define MDL_CLI_HOLD_H

#include "cli/score.h"

typedef struct mdl_hold {
    uint32_t held, mean;     /* bits of MDL_CLAMPS: held; at its mean over the champion's lives */
    float level[MDL_CLAMPS]; /* where held and not mean                        */
    char name[128];          /* as given                                       */
} mdl_hold;

/* From "dopamine=0.5,arousal=mean", for networks of `x`. MDL_OK, or MDL_ERANGE
 * and one sentence. */
mdl_err mdl_hold_parse(mdl_hold *hold, const char *text, const mdl_experiment *x, char *error, size_t error_size);

/* The variant of `champion` that is so held; means are taken from `levels` (as in
 * mdl_scores, of the champion's `lives`). */
mdl_variant mdl_hold_variant(const mdl_hold *hold, const mdl_variant *champion, const double *levels, uint32_t lives);

#endif
