/* What an experiment fixes of its modulators: switches, and levels that are
 * held. SPEC section 12. */
#ifndef MDL_CORE_MODULATOR_SPEC_H
#define MDL_CORE_MODULATOR_SPEC_H

#include "core/hmn_spec.h"
#include "core/lever.h"

/* One switch per mechanism. X(NAME, key in experiment files, what it is) */
#define MDL_MODULATOR_MECHANISM_MAP(X)                                                                                 \
    X(RECEPTORS, "receptors", "levels act on the levers (off: levels alone)")                                          \
    X(TONIC, "tonic", "slow parts of levels (off: their base)")                                                        \
    X(PHASIC, "phasic", "fast parts of levels")                                                                        \
    X(AROUSAL, "arousal", "meta: salience raises plasticity")                                                          \
    X(HORIZON, "horizon", "serotonin moves the critic's discount")                                                     \
    X(DOPAMINE, "dopamine", "off: its level is 0")                                                                     \
    X(SEROTONIN, "serotonin", "off: its level is 0")                                                                   \
    X(ACETYLCHOLINE, "acetylcholine", "off: its level is 0")                                                           \
    X(NORADRENALINE, "noradrenaline", "off: its level is 0")

typedef enum mdl_modulator_mechanism {
#define X(name, key, text) MDL_MOD_##name,
    MDL_MODULATOR_MECHANISM_MAP(X)
#undef X
        MDL_MOD_COUNT
} mdl_modulator_mechanism;

/* Levels that can be held: modulators in order, then arousal. */
enum { MDL_CLAMP_AROUSAL = MDL_MODULATORS, MDL_CLAMPS };

typedef struct mdl_modulator_spec {
    uint32_t used;                    /* 0: none of this exists, not a gene, not a byte  */
    uint8_t mechanism[MDL_MOD_COUNT]; /* mdl_switch; all on where used                    */
    uint32_t clamped;                 /* bit per MDL_CLAMPS                               */
    float clamp[MDL_CLAMPS];          /* 0..MDL_LEVEL_MAX where clamped                   */
} mdl_modulator_spec;

/* The key in experiment files, NULL past the last; and back: MDL_MOD_COUNT when
 * no mechanism has this key. */
const char *mdl_modulator_mechanism_key(uint32_t mechanism);
const char *mdl_modulator_mechanism_text(uint32_t mechanism);
mdl_modulator_mechanism mdl_modulator_mechanism_find(const char *key);
const char *mdl_clamp_key(uint32_t clamp); /* NULL past the last */
/* Used, every mechanism on, nothing held. */
void mdl_modulator_spec_defaults(mdl_modulator_spec *spec);

#endif
