/* What a worker knows of an experiment: the document, parsed, and the evolution
 * at one generation. Rebuilt from lists of fitnesses alone. PROTOCOL section 8.3.
 *
 * Pure: memory from malloc, no I/O. Between two calls that change it, any number
 * of threads may read it (protocol/unit.h). */
#ifndef MDL_WORKER_MODEL_H
#define MDL_WORKER_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "core/evolution.h"
#include "core/experiment.h"
#include "core/genome.h"
#include "protocol/digest.h"

typedef struct mdl_model {
    uint64_t serial; /* given by the owner; tells models apart   */
    mdl_experiment experiment;
    mdl_genome_layout layout;
    float *prior;             /* mean[genes], sd[genes]                    */
    void *memory;             /* of the evolution                          */
    mdl_evolution *evolution; /* inside `memory`                           */
    int64_t *fitness;         /* scratch, as many as a generation has jobs */
    uint32_t fitness_room;
    uint8_t state[MDL_DIGEST_BYTES]; /* see mdl_model_state() */
    int state_known;
} mdl_model;

/* From the bytes of an experiment file, at generation 0. On failure NULL with a
 * sentence in `error`: what mdl_experiment_parse() says, or no memory. */
mdl_model *mdl_model_new(const uint8_t *document, size_t size, char *error, size_t error_size);
void mdl_model_free(mdl_model *m); /* NULL is harmless */

static inline uint32_t mdl_model_generation(const mdl_model *m) { return mdl_evolution_generation(m->evolution); }

/* Close generations with the fitnesses of all their jobs, int64 little-endian,
 * one generation after the other, up to generation `to` exactly.
 * MDL_OK, or MDL_ESIZE (the list does not end with generation `to`), MDL_ERANGE
 * (a sum out of range, or generations past the last), MDL_ENOMEM; after a
 * failure the model stands at some generation on the way. */
mdl_err mdl_model_follow(mdl_model *m, const uint8_t *fitness, size_t size, uint32_t to);
/* mdl_state_digest() of the evolution as it is, computed once; valid until the model moves on. */
const uint8_t *mdl_model_state(mdl_model *m);

/* ---- where a worker's models come from ---- */

/* In a simulation all workers are one process and share their models: one for
 * each generation. `open` is as mdl_model_new(), `move` as mdl_model_follow() but
 * gives another model in place of *m, `close` as mdl_model_free(). The serial of
 * what is open must not be 0. `digest_is`: 1 if these are the bytes of that
 * BLAKE2b-256 digest; a source that keeps what it has hashed once can compare. */
typedef struct mdl_model_source {
    void *ctx;
    mdl_model *(*open)(void *ctx, const uint8_t *document, size_t size, char *error, size_t error_size);
    mdl_err (*move)(void *ctx, mdl_model **m, const uint8_t *fitness, size_t size, uint32_t to);
    void (*close)(void *ctx, mdl_model *m);
    int (*digest_is)(void *ctx, const uint8_t *bytes, size_t size, const uint8_t digest[MDL_DIGEST_BYTES]);
} mdl_model_source;

/* By `source`; NULL: each of its own, whose serial the caller sets. */
mdl_model *mdl_model_open(const mdl_model_source *source, const uint8_t *document, size_t size, char *error,
                          size_t error_size);
mdl_err mdl_model_move(const mdl_model_source *source, mdl_model **m, const uint8_t *fitness, size_t size, uint32_t to);
void mdl_model_close(const mdl_model_source *source, mdl_model *m); /* NULL is harmless */

#endif
