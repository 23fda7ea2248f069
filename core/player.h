/* A player: one shard of a network, alone in its process, and what it exchanges
 * with the conductor (core/conductor.h). Lives of one agent only. SPEC section 5.6.
 *
 *   init, genome, begin (or load)
 *   window, then `out` and `sent` go out and `heard` comes in, again and again
 *
 * The activity of regions that the shard has itself never leaves it. */
#ifndef MDL_CORE_PLAYER_H
#define MDL_CORE_PLAYER_H

#include "core/conductor.h"
#include "core/cut.h"
#include "core/shard.h"

typedef struct mdl_player {
    const mdl_experiment *experiment;
    mdl_genome_layout layout;
    mdl_params params;
    mdl_shard shard;
    int first;        /* it has region 0                                                */
    uint32_t windows; /* run so far in this life                                        */
    size_t part;      /* window x listen: values of one region's boundary activity      */
    uint32_t *region; /* [shard.count] regions it has, ascending                        */
    uint32_t *send;   /* [sends] those of them that other shards listen to, ascending   */
    uint32_t *hear;   /* [hears] others' regions that it listens to, ascending          */
    uint32_t sends, hears;
    float *own;         /* [shard.count][part] of the last window: all it has             */
    float *heard;       /* [hears][part] of the last window: the caller fills it          */
    mdl_window_out out; /* of the last window                                            */
} mdl_player;

/* Memory of a shard, everything included, without laying anything out: what a
 * worker needs before it takes the shard. Pure; costs O(regions). */
size_t mdl_player_bytes(const mdl_experiment *x, const uint32_t *owner, uint32_t shard);
/* Lay out and wire in `memory` (mdl_player_bytes() long, aligned to 64). The
 * experiment is kept by reference, owner[regions] is not. The experiment's task has
 * one agent. `kernel` NULL: the best one. */
mdl_player *mdl_player_init(void *memory, const mdl_experiment *x, const uint32_t *owner, uint32_t shard,
                            const struct mdl_kernel *kernel);

/* The whole network's genome (layout.genes values, finite). */
void mdl_player_genome(mdl_player *p, const float *genome);
/* Birth into a life of randomness `key` (the key that the conductor begins with). */
void mdl_player_begin(mdl_player *p, uint64_t key);

/* One window. `m` is the conductor's state, `obs` its view (read where `first`).
 * From window 1 on `heard` must hold the boundary activity of the window before.
 * Then `out` is this window's, and mdl_player_sent() its activity. MDL_EMISMATCH,
 * nothing changed, when m is not of window `windows`. */
mdl_err mdl_player_window(mdl_player *p, const mdl_modulation *m, const float *obs);
/* Boundary activity [part] of send[i] in the last window; before the first, 0. */
const float *mdl_player_sent(const mdl_player *p, uint32_t i);

/* Canonical bytes of region[i] between windows (SPEC 5.7), and their number: the
 * same whatever the cut. */
void mdl_player_save_region(const mdl_player *p, uint32_t i, const mdl_sink *sink);

/* State bytes of the shard between windows: "MDLSHD1" and a zero byte, windows u32,
 * regions u32, then the bytes of each region in order. Their number depends on the
 * experiment and the cut alone. */
uint64_t mdl_player_state_bytes(const mdl_experiment *x, const uint32_t *owner, uint32_t shard);
void mdl_player_save(const mdl_player *p, const mdl_sink *sink);
/* Back, for a player with its genome: as if begun with `key` and run to there. The
 * next window needs `heard` of the window before as ever. MDL_EMAGIC, MDL_ESIZE,
 * MDL_ERANGE for what no life has; then it is to be begun again. */
mdl_err mdl_player_load(mdl_player *p, uint64_t key, const uint8_t *bytes, size_t size);

#endif
