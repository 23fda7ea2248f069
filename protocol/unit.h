/* Units of work: ranges of jobs of one generation, run and digested. PROTOCOL
 * section 6.1.
 *
 * A job's segment digest is BLAKE2b-256 over
 *   "modulon segment v3", generation u32, job u32, lives u32,
 *   a row for each of its lives in order: windows u32, fitness i64, updates u64, end digest,
 *   fitness i64, updates u64
 * where the end digest is BLAKE2b-256 of the modulatory state at the life's end
 * (SPEC 6.3), followed, in the job's last life, by the BLAKE2b-256 of each region's
 * bytes (SPEC 5.7) in order. So it follows from what shards say of their regions,
 * whatever the cut. In a world of several agents the states of all come first, then
 * the regions of each.
 * A unit's root is the RFC 6962 root over its segment digests as leaves. So the
 * root binds every weight that the jobs ended with, and the work done. */
#ifndef MDL_PROTOCOL_UNIT_H
#define MDL_PROTOCOL_UNIT_H

#include "core/life.h"
#include "protocol/digest.h"
#include "protocol/messages_table.h" /* MDL_UNIT_JOBS_MAX */
#include "protocol/schema.h"

/* The Results version that this build computes: equal experiments give equal
 * bytes exactly where it is equal. */
enum { MDL_RESULTS = 1 };

typedef struct mdl_job_result {
    int64_t fitness;  /* sum over the job's lives, millionths */
    uint64_t updates; /* synapse updates                      */
    uint8_t segment[MDL_DIGEST_BYTES];
} mdl_job_result;

typedef struct mdl_life_row {
    uint32_t windows;
    int64_t fitness;  /* millionths      */
    uint64_t updates; /* synapse updates */
    uint8_t end[MDL_DIGEST_BYTES];
} mdl_life_row;

/* Run job `index` of e's current generation on `life`. Pure; `e` may be shared
 * by threads, each with its own `life`.
 *   genome  scratch, life->layout.genes values
 *   rows    one for each life of the job, or NULL */
void mdl_unit_job(mdl_life *life, const mdl_evolution *e, uint32_t index, float *genome, mdl_life_row *rows,
                  mdl_job_result *out);

/* The same for jobs index[count], count up to MDL_TOGETHER_MAX: where their networks
 * fit the lanes of vectors, lives of several side by side.
 *   genomes  scratch, count x life->layout.genes values
 *   out      [count] */
void mdl_unit_jobs(mdl_life *life, const mdl_evolution *e, const uint32_t *index, uint32_t count, float *genomes,
                   mdl_job_result *out);
/* How many of a generation's jobs are best done by one call on this life, 1 to
 * MDL_TOGETHER_MAX. */
uint32_t mdl_unit_together(const mdl_life *life);

/* The row of a life that is over, from its conductor and, when it is its job's
 * last, the digests of all regions (for each agent those in order); else NULL. */
void mdl_unit_row_of(const mdl_conductor *c, const uint8_t (*region)[MDL_DIGEST_BYTES], mdl_life_row *row);
/* Its end digest alone. */
void mdl_unit_end(const mdl_conductor *c, const uint8_t (*region)[MDL_DIGEST_BYTES], uint8_t out[MDL_DIGEST_BYTES]);

/* The row of a life that is over; `last` when it is its job's last. */
void mdl_unit_row(const mdl_life *life, int last, mdl_life_row *row);

/* Which life number `life` of job `index` is. */
typedef struct mdl_place {
    uint64_t key;
    uint32_t episode;
    mdl_part part;
    int last; /* of its job */
} mdl_place;
mdl_place mdl_unit_place(const mdl_experiment *x, const mdl_job *job, uint32_t life);

/* What follows from the rows of a job's lives. */
void mdl_unit_segment(uint32_t generation, uint32_t index, const mdl_life_row *rows, uint32_t lives,
                      mdl_job_result *out);

/* The root of count (1..MDL_UNIT_JOBS_MAX) results in order. */
void mdl_unit_root(const mdl_job_result *jobs, uint32_t count, uint8_t root[MDL_DIGEST_BYTES]);

/* The field `segments` of a result; `text` holds MDL_SEGMENT_CHARS a job. */
mdl_segments mdl_unit_segments(const mdl_job_result *jobs, uint32_t count, char *text);

/* Digest of an evolution's canonical bytes: `before`, `after` and `state` of the
 * messages. */
void mdl_state_digest(const mdl_evolution *e, uint8_t digest[MDL_DIGEST_BYTES]);

#endif
