/* A table of models. A network's regions, windows, wiring, delays, shards and
 * digests are the same whatever its neurons do; what they do is a model, and a
 * model is a struct of functions over its own region struct. SPEC section 5.6.
 *
 * Regions are laid out by the shard (core/shard.h), which owns an array of
 * `region_size` bytes each and calls through this table. All functions are pure
 * over the region they are given. */
#ifndef MDL_CORE_MODEL_H
#define MDL_CORE_MODEL_H

#include "core/arena.h"
#include "core/experiment.h"
#include "core/genome.h"
#include "core/modulation.h"
#include "core/wiring.h"

struct mdl_kernel;      /* core/hmn_kernel.h */
struct mdl_lanes_model; /* core/lanes.h */

/* Genes of the regions before, in a whole network's sections. */
typedef struct mdl_region_offset {
    uint32_t synapse, neuron, source; /* real synapses; neurons; sources without source 0 */
} mdl_region_offset;
void mdl_region_advance(const mdl_shape *shape, mdl_region_offset *at);

/* What every model shows of a region: pointers into it, good while it lives.
 * Rows and cells as in core/wiring.h; padding cells hold weight 0. */
typedef struct mdl_region_view {
    const mdl_shape *shape;
    const float *readout; /* [neurons] what motors are read from, newest step */
    const float *z;       /* [neurons] outputs, newest step                   */
    const float *w;       /* [cells] the weights that learning keeps           */
} mdl_region_view;

typedef struct mdl_network_model {
    const char *name;   /* as in experiment files                              */
    size_t region_size; /* of the region struct                                */

    /* Lay a region out in `arena` and wire it; or, `shared`, take the wiring of `like`:
     * the same region of another network of the experiment, which outlives this one and
     * may run meanwhile. Over a counting arena only the size is found, `like` is not read,
     * and only `region`'s shape may be read afterwards. */
    void (*init)(void *region, mdl_arena *arena, const mdl_experiment *x, uint32_t number,
                 const struct mdl_kernel *kernel, int shared, const void *like);
    /* Take the genome's constants. */
    void (*genome)(void *region, const mdl_experiment *x, const mdl_genome_layout *layout, const float *genome,
                   const mdl_region_offset *at);
    /* Birth: weights from the genome, everything else 0. */
    void (*birth)(void *region, const mdl_params *p, uint64_t noise_key);
    /* Run the steps of one window. `obs` (region 0; else unread): sensors of the
     * window, shape.sensors - 1 values. */
    void (*window)(void *region, const mdl_params *p, const mdl_modulation *m, const float *obs);
    /* Partial sums after a window, added to `sum`. */
    void (*partials)(const void *region, const mdl_params *p, mdl_partials *sum);
    /* Boundary activity of the window that ended with step `last`:
     * activity[window][listen], and its arrival as the i-th source region's. */
    void (*send)(const void *region, uint32_t last, float *activity);
    void (*receive)(void *region, const mdl_params *p, uint32_t i, uint32_t last, const float *activity);
    /* Canonical bytes of the state after the window that ended with step `last`,
     * and back. Padding is not stored. Load sets reader->bad on short input, NaN,
     * infinity and values that no life has; the region then must be born again
     * before use. `p` says which parts there are. */
    void (*save)(const void *region, const mdl_params *p, uint32_t last, const mdl_sink *sink);
    void (*load)(void *region, const mdl_params *p, uint32_t last, mdl_reader *reader);
    /* How many bytes `save` writes for region `number`, whatever its state. */
    uint64_t (*state_bytes)(const mdl_experiment *x, uint32_t number);
    void (*view)(const void *region, mdl_region_view *view);
    const struct mdl_lanes_model *lanes; /* lives side by side, or NULL */
} mdl_network_model;

/* The model of an experiment, and by id: NULL past the last. */
const mdl_network_model *mdl_network_model_get(uint32_t id);
static inline const mdl_network_model *mdl_network_model_of(const mdl_experiment *x) {
    return mdl_network_model_get(x->model);
}

#endif
