/* What a worker shows: plain lines on stderr as miners know them, or one JSON
 * object a line on stdout. Speeds over 10 seconds, a minute and 15 minutes. */
#ifndef MDL_WORKER_STATUS_H
#define MDL_WORKER_STATUS_H

#include <stdint.h>

#include "worker/logic.h"

enum { MDL_SPEED_SECONDS = 900 };

/* Updates counted once a second, for means over windows of time. */
typedef struct mdl_speed {
    uint64_t total[MDL_SPEED_SECONDS + 1]; /* a ring, by second */
    uint64_t seconds;                      /* samples taken     */
    double max;                            /* best 10 seconds, updates a second */
} mdl_speed;

/* Once a second, with the total so far. */
void mdl_speed_sample(mdl_speed *s, uint64_t total);
/* Mean updates a second over the last `seconds`, 1..MDL_SPEED_SECONDS; below 0: not so long yet. */
double mdl_speed_mean(const mdl_speed *s, uint32_t seconds);

typedef struct mdl_status {
    int json;
    const mdl_speed *speed;
    uint32_t threads;
    uint64_t windows, shard_ns, at_ns; /* of the last summary */
} mdl_status;

/* "1.2 G": three digits at most, then a unit. */
void mdl_status_count(double value, char out[24]);

void mdl_status_notice(const mdl_status *s, const mdl_notice *n, const mdl_worker_info *info);
/* Speed, credit and, when idle, why and since when. Where shards are held: how many, windows a
 * second since the last summary, and the share of the threads' time in which none of them could be run:
 * it waited for the network or for others. `now_ns` never goes back. */
void mdl_status_summary(mdl_status *s, const mdl_worker_info *info, uint64_t now_ns);
/* Anything else: `kind` in one word. */
void mdl_status_say(const mdl_status *s, const char *kind, const char *format, ...);

#endif
