/* A region of an HMN network: its constants, state, and one window of time.
 * SPEC sections 5 and 6.
 *
 * Everything a region needs to run a window alone is here: its rows of
 * synapses, its neurons, and a delay line of its sources. Regions touch each
 * other only between windows, through mdl_region_export / _import. */
#ifndef MDL_CORE_HMN_REGION_H
#define MDL_CORE_HMN_REGION_H

#include "core/arena.h"
#include "core/genome.h"
#include "core/modulation.h"
#include "core/wiring.h"

struct mdl_kernel; /* core/hmn_kernel.h */

typedef struct mdl_hmn_region {
    mdl_shape shape;
    const struct mdl_kernel *kernel;
    uint32_t window, listen; /* steps; neurons exported */

    /* Constant for an experiment. Per cell (row slot, padding included): where
     * in the delay line its source stands, delay included. */
    uint32_t *index;    /* [cells] (slots - delay) * sources + source */
    uint32_t *exported; /* [listen] hidden neurons                     */

    /* Constant for a genome. */
    float *w0;                /* [cells] initial weights                     */
    float *cos_phi, *sin_phi; /* [cells], phase gate                        */
    float *gain;              /* [neurons padded to 16]                      */
    float *embed;             /* [sources][4]: u0 u1 v0 v1, local attention  */

    /* State. Per cell: */
    float *w, *fast, *slow; /* weights; traces of eq. (2)                  */
    /* Per neuron, padded to 16: */
    float *a;                  /* argument of f in eq. (1): the motors' readout */
    float *z;                  /* activation                                  */
    float *post;               /* z, or the efference copy, for completion    */
    float *bias, *mean;        /* adaptive bias, running mean of z            */
    float *context[MDL_EMBED]; /* c_j                                       */
    float *value;              /* critic weights v_j                          */
    float *feature;            /* z at the end of the window before           */
    /* Per sensor: */
    float *sensor_mean; /* running mean, for novelty                   */
    /* Delay line: [2 slots][sources], each step stored in slot t mod slots and
     * once more slots later, so that no index wraps. */
    float *line;
    float *line_h[MDL_EMBED]; /* embeddings of the line, local attention    */
    int64_t novelty;          /* of this window's sensors, fixed point      */
    uint64_t key;             /* noise                                      */
} mdl_hmn_region;

/* Lay a region out in `arena` and wire it. Over a counting arena only the size
 * is found. `kernel` from mdl_kernel_best() or mdl_kernel_get(). */
void mdl_region_init(mdl_hmn_region *r, mdl_arena *arena, const mdl_network_spec *network, const mdl_hmn_spec *spec,
                     uint32_t region, const struct mdl_kernel *kernel);

/* Take the genome's constants. `first_synapse`, `first_neuron`, `first_source`:
 * sums over the regions before (mdl_region_advance). */
typedef struct mdl_region_offset {
    uint32_t synapse, neuron, source;
} mdl_region_offset;
void mdl_region_genome(mdl_hmn_region *r, const mdl_network_spec *network, const mdl_hmn_spec *spec,
                       const mdl_genome_layout *layout, const float *genome, const mdl_region_offset *at);
void mdl_region_advance(const mdl_shape *shape, mdl_region_offset *at);

/* Birth: weights from the genome, everything else 0. */
void mdl_region_birth(mdl_hmn_region *r, const mdl_params *p, uint64_t noise_key);

/* Run the steps of one window. `obs` (region 0; else NULL): sensors of the
 * window, shape.sensors - 1 values. SPEC 6.2 gives the order of operations. */
void mdl_region_window(mdl_hmn_region *r, const mdl_params *p, const mdl_modulation *m, const float *obs);

/* Partial sums after a window, added to `sum`. */
void mdl_region_partials(const mdl_hmn_region *r, const mdl_params *p, mdl_partials *sum);

/* Boundary activity of the window that ended with step `last`:
 * activity[window][listen], and its arrival as source number `i` of a region. */
void mdl_region_export(const mdl_hmn_region *r, uint32_t last, float *activity);
void mdl_region_import(mdl_hmn_region *r, const mdl_params *p, uint32_t i, uint32_t last, const float *activity);

/* Canonical bytes of the state after the window that ended with step `last`,
 * and back. Padding is not stored. Load sets reader->bad on short input, NaN,
 * infinity and values that no life has; the region then must be born again
 * before use. */
void mdl_region_save(const mdl_hmn_region *r, uint32_t last, const mdl_sink *sink);
void mdl_region_load(mdl_hmn_region *r, const mdl_params *p, uint32_t last, mdl_reader *reader);

/* Start of the line's row for step t, such that row[index[cell]] is
 * x_i(t - tau_ij). */
static inline const float *mdl_line_at(const mdl_hmn_region *r, const float *line, uint32_t t) {
    return line + (size_t)(t & (r->shape.slots - 1)) * r->shape.sources;
}

#endif
