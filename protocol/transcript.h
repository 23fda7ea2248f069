/* The transcript of a job that shards did together: what each life came to, and
 * the digest of each window of each shard. Whoever does the job alone finds with
 * it the first window that was false. PROTOCOL section 12.5.
 *
 *   "MDLTRC1" and a zero byte, lives u32, shards u32, m u32,
 *   m bytes: the modulatory state at the end of the last life (SPEC 6.3),
 *   a row for each life: windows u32, fitness i64, updates u64, end digest,
 *   for each life, window and shard, in this order: the window's digest
 *
 * All sizes follow from the head and the rows, so nothing can be left over. */
#ifndef MDL_PROTOCOL_TRANSCRIPT_H
#define MDL_PROTOCOL_TRANSCRIPT_H

#include "protocol/unit.h"

enum {
    MDL_TRANSCRIPT_MODULATION_MAX = 512, /* bytes of a modulatory state  */
    MDL_TRANSCRIPT_LIVES_MAX = 65536,    /* of a job: the most that an experiment asks for */
    MDL_TRANSCRIPT_HEAD_BYTES = 20,
    MDL_TRANSCRIPT_ROW_BYTES = 52
};

/* Views into the blob. */
typedef struct mdl_transcript {
    uint32_t lives, shards; /* 1.. */
    uint64_t windows;       /* of all lives */
    const uint8_t *modulation, *rows, *commits;
    size_t modulation_size;
} mdl_transcript;

/* MDL_OK; MDL_EMAGIC, MDL_ERANGE (a number outside its limits, a life without a
 * window) or MDL_ESIZE (not as long as its numbers say). */
mdl_err mdl_transcript_read(const uint8_t *bytes, size_t size, mdl_transcript *out);

/* life < lives */
void mdl_transcript_row(const mdl_transcript *t, uint32_t life, mdl_life_row *row);
/* The number of a window in its job; UINT64_MAX when it has no such window. */
uint64_t mdl_transcript_place(const mdl_transcript *t, uint32_t life, uint32_t window);
/* The digest of window number place < windows. */
static inline const uint8_t *mdl_transcript_commit(const mdl_transcript *t, uint64_t place, uint32_t shard) {
    return t->commits + (place * t->shards + shard) * MDL_DIGEST_BYTES;
}
/* The root over a shard's digests from window number from < windows on: that of its result. */
void mdl_transcript_root(const mdl_transcript *t, uint32_t shard, uint64_t from, uint8_t root[MDL_DIGEST_BYTES]);

/* Size of a transcript, and its bytes; commits[windows][shards][32]. */
size_t mdl_transcript_bytes(uint32_t lives, uint64_t windows, uint32_t shards, size_t modulation_size);
void mdl_transcript_write(const mdl_life_row *rows, uint32_t lives, uint32_t shards, const uint8_t *modulation,
                          size_t modulation_size, const uint8_t *commits, uint64_t windows, uint8_t *out);

/* The first thing in a transcript that is not right: the digest of a window, or, with life = lives and window 0, the
 * digests of a shard's regions at the end. */
typedef struct mdl_transcript_fault {
    int found;
    int missing; /* the transcript ends the life before this window: whoever wrote the rows did, no shard */
    uint32_t life, window, shard;
    uint8_t right[MDL_DIGEST_BYTES]; /* of the window; of the shard's state at the end (12.3) */
} mdl_transcript_fault;

/* Does the job, which is of `evolution`'s generation, with all its shards, beside the transcript: as costly as the job.
 *   region   [regions] digests that the shards' results end with
 *   answer   what the job computes; NULL: not asked for, and nothing is done beyond the first fault
 * The experiment's cut is that of said->shards. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_transcript_find(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                            const mdl_transcript *said, const uint8_t (*region)[MDL_DIGEST_BYTES],
                            mdl_transcript_fault *out, mdl_job_result *answer);

/* Where all windows are right: what they come to is told by whoever wrote the transcript. *life is the first life whose
 * row is not what the job computes, or which it ends before its end; the number of the job's lives: none. Of the last
 * life's end the modulatory state alone is compared, for its regions are the shards' word. *out is as above, without
 * regions: where it is found, and not missing, a shard was false and *life means nothing. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_transcript_told(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job,
                            const mdl_transcript *said, mdl_transcript_fault *out, uint32_t *life);

/* As mdl_transcript_find() without a transcript, of a job cut into `shards`, up to what->window of what->life: sets
 * what->right to the digest of what->shard there, as mdl_transcript_fault has it, and what->found; not found: the job
 * has no such window. Plays that life alone. MDL_OK or MDL_ENOMEM. */
mdl_err mdl_transcript_right(const mdl_experiment *x, const mdl_evolution *evolution, uint32_t job, uint32_t shards,
                             mdl_transcript_fault *what);

#endif
