/* A life: one network in one task, window by window: a conductor and any number of
 * shards in this process; or, in a task with several agents, as many copies of
 * it in one world. SPEC section 6.1. */
#ifndef MDL_CORE_LIFE_H
#define MDL_CORE_LIFE_H

#include "core/conductor.h"
#include "core/shard.h"

typedef struct mdl_life {
    const mdl_experiment *experiment;
    const struct mdl_kernel *kernel;
    mdl_genome_layout layout;
    mdl_params params;
    uint32_t shards;  /* of each agent's network                              */
    mdl_shard *shard; /* [agents][shards]                                      */
    float *boundary;  /* [agents][regions][window][listen], exchanged after a window */
    mdl_conductor conductor;
    struct mdl_lanes *lanes; /* for lives side by side (core/lanes.h), or NULL */
} mdl_life;

/* What sets a life of a genome apart. */
typedef struct mdl_lot {
    uint64_t key;
    uint32_t episode;
    mdl_part part;
} mdl_lot;
enum { MDL_LIVES_AHEAD = 64 };

/* Memory for lives of this experiment cut into `shards` (1 or more) parts. */
size_t mdl_life_bytes(const mdl_experiment *x, uint32_t shards);
/* Lay out and wire in `memory` (mdl_life_bytes() long, aligned to 64). The
 * experiment is kept by reference. `kernel` NULL: the best one. */
mdl_life *mdl_life_init(void *memory, const mdl_experiment *x, uint32_t shards, const struct mdl_kernel *kernel);
/* A further life of the experiment, in as many shards and on the same kernel, which uses
 * the wiring of `first`: `first` outlives it, and both may run at the same time. */
size_t mdl_life_beside_bytes(const mdl_life *first);
mdl_life *mdl_life_beside(void *memory, const mdl_life *first);

/* Give the network its genome (layout.genes values, finite). */
void mdl_life_genome(mdl_life *l, const float *genome);
/* Birth into life `episode` of the task, with randomness `key`. */
void mdl_life_begin(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part);
/* One window. Returns 1 while the life goes on, 0 when it is over. */
int mdl_life_window(mdl_life *l);

/* Begin and run to the end; sums are added to the three totals, any may be
 * NULL. `updates`: synapse updates = synapses x steps x agents. */
void mdl_life_run(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part, int64_t *fitness, int64_t *score,
                  uint64_t *updates);

/* Many lives, one after the other or, where the network and the CPU are such, side
 * by side in the lanes of vectors: the same bytes. */
typedef struct mdl_life_list {
    uint32_t count; /* of each genome, 1 or more */
    /* Life i: of genome i / count its life i % count. */
    mdl_lot (*lot)(void *ctx, uint32_t i);
    /* Life i is over: of `l`, its task, modulation and windows may be read, and
     * after a genome's last life what mdl_life_save writes of the network too. In any
     * order, but never MDL_LIVES_AHEAD or more beyond one that is not over. */
    void (*over)(void *ctx, uint32_t i, const mdl_life *l);
    void *ctx;
} mdl_life_list;
/* Of the genome given. */
void mdl_life_each(mdl_life *l, const mdl_life_list *lives);
/* Of genomes[count][layout.genes], one after the other. The life has the last one
 * afterwards. */
void mdl_life_many(mdl_life *l, const float *genomes, uint32_t count, const mdl_life_list *lives);

/* How many jobs of `lives` lives each are best done by one call: as many as fill the
 * lanes a few times over, 1 where there are none. */
enum { MDL_TOGETHER_MAX = 16, MDL_TOGETHER_LIVES = 64 };
uint32_t mdl_life_together(const mdl_life *l, uint32_t lives);

/* Key of life `episode` of a kind (MDL_STREAM_TRAIN with its generation,
 * _VALIDATE or _TEST with generation 0). */
static inline uint64_t mdl_life_key(uint64_t seed, mdl_stream_id kind, uint32_t generation, uint32_t episode) {
    return mdl_key(seed, kind, generation, 0, episode);
}

/* The sum over its lives of an evolution job's fitness: what a unit of work
 * computes. `genome` from mdl_evolution_job. */
int64_t mdl_life_job(mdl_life *l, const mdl_job *job, const float *genome, uint64_t *updates);
/* The same for jobs[count] with genomes[count][layout.genes]: fitness[count], and
 * updates[count], which may be NULL. */
void mdl_life_jobs(mdl_life *l, const mdl_job *jobs, const float *genomes, uint32_t count, int64_t *fitness,
                   uint64_t *updates);
/* How many of jobs[count] (1 or more), from the first on, are alike: of one kind, with
 * as many lives. */
uint32_t mdl_jobs_alike(const mdl_job *jobs, uint32_t count);

/* The modulatory states of all agents, in order. */
void mdl_life_save_modulation(const mdl_life *l, const mdl_sink *sink);
/* Canonical bytes of one region of agent `agent`'s network, whatever the cut. */
void mdl_life_save_region(const mdl_life *l, uint32_t agent, uint32_t region, const mdl_sink *sink);

/* Canonical bytes of the network between windows: modulatory state, then
 * regions in order, whatever the cut; so for each agent. Load needs a life begun
 * with the same experiment, genome and key: MDL_ESIZE or MDL_ERANGE leave it to
 * be begun again. The task's state is not part of the network. */
void mdl_life_save(const mdl_life *l, const mdl_sink *sink);
/* Put a life, given its genome, to where it stood after `windows` windows: begun
 * with the same key, episode and part, its task played through with what the
 * network did, the network loaded. So the task needs no bytes of its own.
 *   action  [windows][agents]
 *   motor   [windows][motors] of agent 0, for tasks with mdl_task_reads_motors(); else NULL
 * MDL_ERANGE when these are no actions and readouts that a life can have or the
 * task ends before; else as mdl_life_load. On error the life is to be begun again. */
mdl_err mdl_life_resume(mdl_life *l, uint64_t key, uint32_t episode, mdl_part part, uint32_t windows,
                        const uint32_t *action, const float *motor, const uint8_t *bytes, size_t size);
mdl_err mdl_life_load(mdl_life *l, const uint8_t *bytes, size_t size);

#endif
