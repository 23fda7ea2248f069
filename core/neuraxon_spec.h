/* What a Neuraxon experiment fixes before anything is evolved: mechanisms and
 * choices. Names and numbers are part of the spec. SPEC section 13. */
#ifndef MDL_CORE_NEURAXON_SPEC_H
#define MDL_CORE_NEURAXON_SPEC_H

#include <stdint.h>

#include "core/hmn_spec.h"

/* One switch per mechanism of the network. What drives plasticity from outside
 * it has its switches in MDL_MECHANISM_MAP (mdl_neuraxon_shares says which).
 * X(NAME, key in experiment files, default, what it is) */
#define MDL_NEURAXON_MECHANISM_MAP(X)                                                                                  \
    X(TRINARY, "trinary", MDL_ON, "states -1, 0, 1 from two thresholds (off: tanh)")                                   \
    X(FAST_WEIGHTS, "fast_weights", MDL_ON, "changes enter w_fast, which fades (off: w_slow)")                         \
    X(CONSOLIDATION, "consolidation", MDL_ON, "w_slow follows w_fast")                                                 \
    X(META_WEIGHTS, "meta_weights", MDL_ON, "w_meta is a synapse's learning rate (off: 1)")                            \
    X(METAPLASTICITY, "metaplasticity", MDL_OFF, "w_meta moves with change and serotonin")                             \
    X(STDP, "stdp", MDL_OFF, "eligibility depends on the order of pre and post")                                       \
    X(ADAPTATION, "adaptation", MDL_ON, "activity lowers the membrane")                                                \
    X(AUTORECEPTOR, "autoreceptor", MDL_OFF, "a neuron's mean output shifts its thresholds")                           \
    X(SPONTANEOUS, "spontaneous", MDL_OFF, "random kicks of the membrane")                                             \
    X(OSCILLATORS, "oscillators", MDL_OFF, "three nested rhythms drive the membrane")                                  \
    X(HOMEOSTASIS, "homeostasis", MDL_OFF, "recurrent gain moves the branching ratio to 1")                            \
    X(BALANCE, "balance", MDL_OFF, "inhibition follows excitation, neuron by neuron")                                  \
    X(SILENT, "silent", MDL_OFF, "some synapses carry nothing until coincidence wakes them")                           \
    X(STRUCTURE, "structure", MDL_OFF, "synapses die and are formed anew")                                             \
    X(MODULATORY, "modulatory_synapses", MDL_OFF, "some synapses shift thresholds instead")

typedef enum mdl_neuraxon_mechanism {
#define X(name, key, initial, text) MDL_NX_##name,
    MDL_NEURAXON_MECHANISM_MAP(X)
#undef X
        MDL_NX_COUNT
} mdl_neuraxon_mechanism;

/* Where slow weights relax to: a multiple of their genes, or zero at the rates
 * of the public v1, which forgets. */
typedef enum mdl_neuraxon_relax { MDL_RELAX_SETPOINT = 0, MDL_RELAX_ZERO = 1 } mdl_neuraxon_relax;

typedef struct mdl_neuraxon_spec {
    uint8_t mechanism[MDL_NX_COUNT]; /* mdl_switch                                            */
    mdl_neuraxon_relax relax;        /* setpoint                                              */
    mdl_encoding encoding;           /* of the genome: direct                                 */
    float weight_max;                /* bound of |w_fast|, |w_slow| and their sum 0.125..64, 4 */
    float init_sd;                   /* s.d. of initial weight genes            0..4, 0.3     */
    float silent_share;              /* of recurrent synapses, silent at birth  0..1, 0.2     */
    float modulatory_share;          /* of recurrent synapses                   0..1, 0.1     */
} mdl_neuraxon_spec;

/* The key in experiment files, NULL past the last; and back: MDL_NX_COUNT when
 * no mechanism has this key. */
const char *mdl_neuraxon_mechanism_key(uint32_t mechanism);
const char *mdl_neuraxon_mechanism_text(uint32_t mechanism);
mdl_neuraxon_mechanism mdl_neuraxon_mechanism_find(const char *key);
mdl_switch mdl_neuraxon_mechanism_default(uint32_t mechanism);
/* Whether a Neuraxon reads this switch of MDL_MECHANISM_MAP, and its default in
 * a Neuraxon experiment; those it does not read are off. */
int mdl_neuraxon_shares(uint32_t shared_mechanism);
mdl_switch mdl_neuraxon_shared_default(uint32_t shared_mechanism);
/* The defaults above; `shared` (the switches of mdl_hmn_spec) is filled too. */
void mdl_neuraxon_spec_defaults(mdl_neuraxon_spec *spec, uint8_t shared[MDL_MECH_COUNT]);

#endif
