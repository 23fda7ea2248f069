/* One shard of a candidate as a worker computes it: the network's part, and what is done with
 * it between two steps of the conversation. PROTOCOL section 12.4.
 *
 * The logic fills in an order, one thread carries it out, the logic reads the answer; whose
 * the struct is at any moment is plain from that, so it has no lock. Pure but for malloc. */
#ifndef MDL_WORKER_SHARD_WORK_H
#define MDL_WORKER_SHARD_WORK_H

#include "core/player.h"
#include "protocol/retrace.h"
#include "protocol/shard_window.h"
#include "protocol/snapshot.h"
#include "worker/model.h"

typedef enum mdl_birth { MDL_BIRTH_NONE, MDL_BIRTH_BEGIN, MDL_BIRTH_LOAD } mdl_birth;

typedef struct mdl_shard_work {
    /* Whose part of what: set once. The model must stand at the job's generation when the first
     * order is carried out; after that only its experiment is read, as long as the struct lives. */
    const mdl_model *model;
    uint32_t job, shard, shards;

    /* The order. */
    mdl_birth birth;    /* first: born into `life`, or taken up from `loaded` */
    uint32_t life;      /* of the job                                          */
    uint32_t count;     /* then run so many windows                            */
    uint8_t *input;     /* of each: its size u32, then its bytes; owned        */
    size_t input_size;  /*                                                     */
    uint8_t *loaded;    /* state bytes for MDL_BIRTH_LOAD; owned               */
    size_t loaded_size; /*                                                     */
    int keep;           /* 1: the state after them                             */
    int finish;         /* 1: the regions' digests                             */

    const mdl_retrace *retrace; /* instead of all that: a side's move in a dispute, into `saved` */

    /* The answer. */
    mdl_err err;                     /* MDL_ENOMEM, or what the input or the state is wrong in */
    uint8_t *output;                 /* of the last window; owned                     */
    size_t output_size;              /*                                               */
    uint8_t *commit;                 /* [count][MDL_DIGEST_BYTES]; owned              */
    uint8_t state[MDL_DIGEST_BYTES]; /* of the last window where one is due, else zeros */
    uint8_t *saved;                  /* with `keep`: state bytes, the taker's to free() */
    size_t saved_size;               /*                                               */
    uint8_t *regions;                /* with `finish`: [player->shard.count][MDL_DIGEST_BYTES]; owned */
    uint64_t updates, busy_ns;       /* of all orders so far                          */

    /* Its own. */
    mdl_player *player; /* NULL: not built */
    int known;          /* the genome is the job's */
    mdl_job what;
    void *memory;
    float *genome;
    uint32_t *owner;   /* [regions] */
    uint64_t synapses; /* of the shard */
    uint32_t commit_room;
} mdl_shard_work;

/* Bytes of a shard's network, as the coordinator counts them too (mdl_player_bytes()). Its genome, its
 * messages and a state that is handed in come on top. */
size_t mdl_shard_work_bytes(const mdl_model *model, uint32_t shard, uint32_t shards);
/* Zeroed memory with whose part it is; NULL when out of memory. `shards` is 1..regions. */
mdl_shard_work *mdl_shard_work_new(const mdl_model *model, uint32_t job, uint32_t shard, uint32_t shards);
/* The same part of another job: its network need not be wired again. Nobody may have it. */
void mdl_shard_work_again(mdl_shard_work *w, uint32_t job);
/* A retrace, whose order is copied: it is of the generation at which the model stands, and must stay.
 * NULL when out of memory. */
mdl_shard_work *mdl_shard_work_retrace(const mdl_model *model, const mdl_retrace *order);
void mdl_shard_work_free(mdl_shard_work *w); /* NULL is harmless */
/* Carry out the order; uses up `input` and `loaded`. After an error the next order begins with a birth. */
void mdl_shard_work_run(mdl_shard_work *w);

#endif
