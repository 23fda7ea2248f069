/* A region of a Neuraxon network: its constants, state, and one window of time.
 * SPEC section 13. The functions have the shapes of core/model.h's table.
 *
 * Time has two scales. Every step moves membranes, states and traces of neurons;
 * once a window, when the modulatory state is new, eligibilities and weights
 * move, from the activity of the window's last step. */
#ifndef MDL_CORE_NEURAXON_REGION_H
#define MDL_CORE_NEURAXON_REGION_H

#include "core/model.h"

struct mdl_neuraxon_kernel; /* core/neuraxon_kernel.h */

/* Flags of a cell. */
enum {
    MDL_CELL_SILENT = 1,     /* carries nothing, keeps its eligibility          */
    MDL_CELL_DEAD = 2,       /* an empty slot                                   */
    MDL_CELL_FORMED = 4,     /* formed in this life: its set point is 0         */
    MDL_CELL_MODULATORY = 8, /* shifts thresholds; fixed by the wiring          */
    MDL_CELL_RECURRENT = 16, /* from a neuron, not a sensor                     */
    MDL_CELL_FORWARD = 32,   /* from a sensor or a region of lower number       */
    MDL_CELL_BACK = 64,      /* from a region of higher number                  */
    MDL_CELL_LATENT = 128,   /* silent at birth; fixed by the wiring            */
    MDL_CELL_SAVED = MDL_CELL_SILENT | MDL_CELL_DEAD | MDL_CELL_FORMED
};

/* What homeostasis knows of the number of active neurons, exact, since it last
 * moved the gain; and the gain. */
typedef struct mdl_branching {
    int64_t n, x, y, xx, xy; /* pairs (x before, y after): count and sums         */
    uint32_t pairs;          /* as n                                              */
    uint32_t before;         /* active neurons a step ago; UINT32_MAX: none known */
    float ratio;             /* slope of y over x when g was last moved, 0..2     */
    float slow;              /* g                                                 */
    float gain;              /* on recurrent input in this window; from g and `before`, not saved */
} mdl_branching;

typedef struct mdl_neuraxon_region {
    mdl_shape shape;
    const struct mdl_neuraxon_kernel *kernel;
    const mdl_network_spec *network;
    uint32_t window, listen; /* steps; neurons exported                  */
    int flagged;             /* synapses can be silent, dead or formed     */

    /* Constant for an experiment; index is state when structure is plastic. */
    uint32_t *index;    /* [cells] (slots - delay) * sources + source               */
    uint32_t *flags;    /* [cells] MDL_CELL_*                                       */
    uint32_t *wired;    /* [cells] index as wired; NULL without structure           */
    uint32_t *exported; /* [listen] hidden neurons                                  */

    /* Constant for a genome. Cells: */
    float *w0, *meta0; /* weights and plasticity at birth, and set points          */
    /* Neurons, padded to 16: */
    float *above, *below;     /* thresholds, both positive                        */
    float *tau;               /* gene of the membrane's time constant             */
    float *decay;             /* of the membrane a step                           */
    float *cos_osc, *sin_osc; /* of the neuron's place in the rhythms             */
    float *scatter;           /* N(0, 1), fixed by the wiring: spread of thresholds */

    /* State. Cells: */
    float *fast, *slow, *meta, *e; /* weights and eligibility                      */
    float *integrity;              /* NULL without structure                       */
    float *w;                      /* fast + slow, bounded; derived                */
    float *carry, *shift;          /* what a unit of input carries in this window: current, threshold; derived */
    /* Neurons, padded to 16: */
    float *input, *bend;    /* of the newest step: sum of currents, of threshold shifts */
    float *v, *z;           /* membrane, state                                         */
    float *post;            /* z, or the efference copy, for completion                */
    float *trace;           /* of z through the step before                            */
    float *adapt, *autor;   /* adaptation, autoreceptor                               */
    float *lag;             /* slow part of the input                                  */
    float *brake;           /* inhibitory gain                                         */
    float *readout;         /* v + z                                                   */
    float *value, *feature; /* critic                                               */
    float *sensor_mean;
    /* Delay line as in HMN: [2][slots][sources] records of two, a source's presynaptic
     * trace of the slot's step and its activity of the step after, so that one fetch
     * serves the completion of a step and the sums of the next. */
    float *line;
    mdl_branching branching;
    int64_t novelty;
    uint64_t key;
} mdl_neuraxon_region;

extern const mdl_network_model mdl_neuraxon_model;

/* Records of step t, such that those at index[cell] hold the trace of x_i at t - tau_ij,
 * and x_i(t + 1 - tau_ij). */
static inline float *mdl_neuraxon_at(const mdl_neuraxon_region *r, uint32_t t) {
    return r->line + 2 * (size_t)(t & (r->shape.slots - 1)) * r->shape.sources;
}
/* From a record to its twin: the line is there twice, so that no row wraps. */
static inline size_t mdl_neuraxon_twin(const mdl_neuraxon_region *r) {
    return 2 * (size_t)r->shape.slots * r->shape.sources;
}

/* Store a source's activity at step t, and its trace. */
void mdl_neuraxon_put(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t, uint32_t source, float x);

/* FORWARD, BACK and RECURRENT of a synapse from `source`. */
uint32_t mdl_neuraxon_direction(const mdl_neuraxon_region *r, uint32_t source);

/* Source of a cell, and its index with another one: delays belong to slots. */
static inline uint32_t mdl_neuraxon_source(const mdl_neuraxon_region *r, size_t cell) {
    return r->index[cell] % r->shape.sources;
}

/* Waking, death and formation after the completion of step t. SPEC 13.7.
 * (core/neuraxon_structure.c) */
void mdl_neuraxon_restructure(mdl_neuraxon_region *r, const mdl_params *p, uint32_t t, float arousal);

/* At birth. */
static inline mdl_branching mdl_branching_birth(void) {
    return (mdl_branching){.before = UINT32_MAX, .ratio = 1.0f, .gain = 1.0f, .slow = 1.0f};
}
/* Count a step's active neurons, sum of |z| of the hidden ones in fixed point; every
 * 256 pairs move the gain. SPEC 13.6. */
void mdl_branching_count(mdl_branching *b, const mdl_neuraxon_params *p, uint32_t hidden, int64_t sum);
/* The gain of a window: less while many are active. */
float mdl_branching_gain(const mdl_branching *b, const mdl_neuraxon_params *p, uint32_t hidden);

/* core/neuraxon_state.c */
void mdl_neuraxon_save(const void *region, const mdl_params *p, uint32_t last, const mdl_sink *sink);
uint64_t mdl_neuraxon_state_bytes(const mdl_experiment *x, uint32_t number);
void mdl_neuraxon_load(void *region, const mdl_params *p, uint32_t last, mdl_reader *reader);

/* Empty the line. */
void mdl_neuraxon_clear(mdl_neuraxon_region *r);

/* Counter words of draws (SPEC 13.8); the neuron's own and a synapse's as in HMN. */
enum {
    MDL_NX_DRAW_KIND = 3, /* word 0: modulatory, 1: silent at birth            */
    MDL_NX_DRAW_NEURON =
        4, /* counter 2 is 0: thresholds and tau drawn by an indirect genome; 1: place in the rhythms */
    MDL_NX_DRAW_OFFSET = 8, /* words 0, 1: scatter of a hidden neuron's thresholds, as in HMN */
    MDL_NX_DRAW_FORM = 112  /* + slot group of 64: partner, sign                 */
};

#endif
