/* An experiment's evolution at a generation that has closed, led there again from
 * the lists of fitnesses that the closings name: for results that are computed
 * again later. PROTOCOL section 10.5. */
#ifndef MDL_PROTOCOL_PAST_H
#define MDL_PROTOCOL_PAST_H

#include "protocol/ledger.h"

typedef struct mdl_past mdl_past;

/* Where the lists come from: the digest of the blob of a closed generation. */
typedef struct mdl_past_source {
    const uint8_t *(*fitness)(const void *ctx, uint32_t generation);
    const void *ctx;
    const mdl_blobs *blobs;
} mdl_past_source;

/* At generation 0. The experiment is kept by reference. NULL when out of memory. */
mdl_past *mdl_past_new(const mdl_experiment *x);
void mdl_past_free(mdl_past *p);

/* Go towards `generation`, whose predecessors have closed, by at most `steps`
 * closings; when it lies behind, from the beginning. MDL_OK: it is there.
 * MDL_ERANGE: not yet. MDL_EDIGEST, MDL_ESIZE: a blob is not what the closing
 * names; errors of the blob source; MDL_ENOMEM. */
mdl_err mdl_past_seek(mdl_past *p, uint32_t generation, uint32_t steps, const mdl_past_source *source);
const mdl_evolution *mdl_past_evolution(const mdl_past *p);

#endif
