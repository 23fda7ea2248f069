/* Units of work: ranges of jobs of one generation, run and digested. PROTOCOL
 * section 6.1.
 *
 * A job's segment digest is BLAKE2b-256 over
 *   "modulon segment v1", generation u32, job u32,
 *   the modulatory state at the end of each of its lives (SPEC 6.3), in order,
 *   the network's bytes at the end of the last one (SPEC 5.7),
 *   fitness i64, updates u64
 * and a unit's root is the RFC 6962 root over its segment digests as leaves. So
 * the root binds every weight that the jobs ended with, and the work done. */
#ifndef MDL_PROTOCOL_UNIT_H
#define MDL_PROTOCOL_UNIT_H

#include "core/life.h"
#include "protocol/digest.h"
#include "protocol/messages_table.h" /* MDL_UNIT_JOBS_MAX */

/* The Results version that this build computes: equal experiments give equal
 * bytes exactly where it is equal. */
enum { MDL_RESULTS = 1 };

typedef struct mdl_job_result {
    int64_t fitness;  /* sum over the job's lives, millionths */
    uint64_t updates; /* synapse updates                      */
    uint8_t segment[MDL_DIGEST_BYTES];
} mdl_job_result;

/* Run job `index` of e's current generation on `life`. Pure; `e` may be shared
 * by threads, each with its own `life`.
 *   genome  scratch, life->layout.genes values */
void mdl_unit_job(mdl_life *life, const mdl_evolution *e, uint32_t index, float *genome, mdl_job_result *out);

/* The root of count (1..MDL_UNIT_JOBS_MAX) results in order. */
void mdl_unit_root(const mdl_job_result *jobs, uint32_t count, uint8_t root[MDL_DIGEST_BYTES]);

/* Digest of an evolution's canonical bytes: `before`, `after` and `state` of the
 * messages. */
void mdl_state_digest(const mdl_evolution *e, uint8_t digest[MDL_DIGEST_BYTES]);

#endif
