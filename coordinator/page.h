/* The page that the coordinator shows of a run: one HTML document with an inline
 * picture, nothing from elsewhere, readable without scripts. Pure. */
#ifndef MDL_COORDINATOR_PAGE_H
#define MDL_COORDINATOR_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"

enum { MDL_PAGE_POINTS = 400 }; /* the curves are thinned to at most so many */

typedef struct mdl_page {
    const char *name;          /* of the experiment; any text                     */
    const char *experiment_id; /* 64 hexadecimal digits                           */
    const char *state;         /* "running", "paused", "no room", "finished"      */
    const char *vkey;          /* the log's verifier key, "" when there is none   */
    uint32_t generation, generations;
    uint32_t points;           /* closed generations in the curves                */
    const double *best, *mean; /* [points] fitness, oldest first; finite          */
    uint32_t workers;
    double updates_per_s;
    double seconds_left;       /* negative: unknown                               */
    uint64_t updates, records; /* verified synapse updates; records of the ledger */
    uint32_t refresh_s;        /* 0: the page does not renew itself               */
} mdl_page;

/* Write the document; ASCII, texts escaped. */
void mdl_page_html(const mdl_page *page, const mdl_sink *out);

#endif
