/* Lives side by side: up to 16 lives, a life to a lane of a vector, window by
 * window together. What evolution mostly runs is tiny networks, whose rows do not
 * fill a vector; sixteen of their lives do. A life that ends makes room for the
 * next, which may be of another genome: all candidates of an experiment share
 * wiring, delays and tasks, and whatever genes decide is kept lane by lane, but
 * for switches, which must agree. Every life leaves the bytes that it leaves
 * alone: a lane does the operations of the model's kernel (core/hmn_kernel.c) in
 * their order. mdl_life_each and mdl_life_many (core/life.h) are the ways in.
 *
 * What is one life's of a network in lanes is [...][16], lane last. */
#ifndef MDL_CORE_LANES_H
#define MDL_CORE_LANES_H

#include "core/arena.h"
#include "core/experiment.h"
#include "core/genome.h"
#include "core/lane_modulation.h"
#include "core/lane_params.h"
#include "core/wiring.h"

enum {
    MDL_LANES_CELLS_MAX = 2048, /* synapses of a network in lanes: state of 16 within the second cache */
    MDL_LANES_FAN_MAX = 256,    /* of one neuron in it */
    MDL_LANES_WORTH = 6         /* fewer lives than this are quicker one by one */
};

/* Where the synapses of row j start when rows are not padded. */
static inline size_t mdl_row_packed(const mdl_shape *s, uint32_t j) {
    return j < s->hidden ? (size_t)j * s->fan[0] : (size_t)s->hidden * s->fan[0] + (size_t)(j - s->hidden) * s->fan[1];
}

/* One lane of rows[count][16]: set to x; taken out. */
static inline void mdl_lane_set(float *rows, size_t count, uint32_t lane, float x) {
    for (size_t i = 0; i < count; i++)
        rows[i * MDL_LANES + lane] = x;
}
/* Lanes first .. first + lanes - 1 of rows[count][16]: from[i] in row i. */
static inline void mdl_lane_spread(float *rows, const float *from, size_t count, uint32_t first, uint32_t lanes) {
    for (size_t i = 0; i < count; i++)
        for (uint32_t l = first; l < first + lanes; l++)
            rows[i * MDL_LANES + l] = from[i];
}
static inline void mdl_lane_get(float *to, const float *rows, size_t count, uint32_t lane) {
    for (size_t i = 0; i < count; i++)
        to[i] = rows[i * MDL_LANES + lane];
}

/* A window of all lanes. Lanes without a life run too, on what their last life
 * left; nobody looks at them. */
typedef struct mdl_lanes_window {
    const mdl_lane_params *q;                 /* in: the genomes of all 16 lanes             */
    const mdl_lane_modulation *m;             /* in: states of this window                   */
    const float (*obs)[MDL_LANES];            /* [sensors - 1][16] in                         */
    mdl_partials partials[MDL_LANES];         /* out                                          */
    uint32_t action[MDL_LANES];               /* out: the first of the largest readouts       */
    float readout[MDL_ACTION_MAX][MDL_LANES]; /* out: the motors'                           */
} mdl_lanes_window;

/* What the tasks answered, lane by lane: shown in the next window. */
typedef struct mdl_lanes_answer {
    uint32_t flags[MDL_LANES], action[MDL_LANES]; /* action: what was answered */
    float reward[MDL_LANES];
    float salience[MDL_LANES][2];
} mdl_lanes_answer;

struct mdl_hmn_lanes;
struct mdl_neuraxon_lanes;

/* What is compiled once per instruction set. A kernel without has NULL. */
typedef struct mdl_lanes_kernel {
    /* A window of the networks. */
    void (*hmn)(struct mdl_hmn_lanes *n, mdl_lanes_window *w);
    void (*neuraxon)(struct mdl_neuraxon_lanes *n, mdl_lanes_window *w);
    /* mdl_modulation_next of all lanes; `key`: noise keys. */
    void (*next)(mdl_lane_modulation *m, const mdl_lane_params *q, const uint64_t key[MDL_LANES], uint32_t window_steps,
                 const mdl_partials partials[MDL_LANES], uint32_t neurons, uint32_t sensors,
                 const mdl_lanes_answer *answer);
} mdl_lanes_kernel;

/* What a model does in lanes. `net` is the model's own struct; `region` its
 * region 0, given the genome. */
typedef struct mdl_lanes_model {
    /* Whether networks of this experiment can. */
    int (*fits)(const mdl_experiment *x);
    /* Room for 16 networks and, over no counting arena, their wiring. */
    void *(*layout)(mdl_arena *arena, const mdl_experiment *x);
    /* The lanes of this region's kernel, or NULL. */
    const mdl_lanes_kernel *(*ready)(const void *region);
    /* All lanes empty, as good as any whose life has ended. */
    void (*clear)(void *net, const void *region);
    /* Take the constants of a genome from the region, which has been born with it, for
     * lanes first .. first + count - 1. */
    void (*genome)(void *net, const void *region, uint32_t first, uint32_t count);
    /* Birth in one lane, of the genome that it and the region have. */
    void (*birth)(void *net, const void *region, const mdl_params *p, uint32_t lane, uint64_t noise_key);
    void (*window)(void *net, const mdl_lanes_kernel *kernel, mdl_lanes_window *w);
    /* The region's state as if it had lived the lane's life, up to step `last`; it is
     * newly born, of whichever genome. */
    void (*put_back)(const void *net, const mdl_params *p, uint32_t lane, uint32_t last, void *region);
} mdl_lanes_model;

extern const mdl_lanes_model mdl_hmn_lanes_model, mdl_neuraxon_lanes_model;

struct mdl_life;
typedef struct mdl_lanes mdl_lanes;

/* Room in `arena` for the lanes of a life of this experiment: NULL while counting
 * and where there are none. */
mdl_lanes *mdl_lanes_layout(mdl_arena *arena, const mdl_experiment *x);

#endif
