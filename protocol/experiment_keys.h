/* The keys of experiment files: one table for the parser, the writer and the
 * reference in docs/EXPERIMENT.md. SPEC section 7. */
#ifndef MDL_PROTOCOL_EXPERIMENT_KEYS_H
#define MDL_PROTOCOL_EXPERIMENT_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "core/experiment.h"

/* Objects of the file, each stored in one struct. */
typedef enum mdl_section {
    MDL_SEC_ROOT = 0,     /* mdl_experiment      */
    MDL_SEC_TASK,         /* mdl_task_params     */
    MDL_SEC_NETWORK,      /* mdl_network_spec    */
    MDL_SEC_HMN,          /* mdl_hmn_spec        */
    MDL_SEC_NEURAXON,     /* mdl_experiment: it shares choices with HMN */
    MDL_SEC_MODULATORS,   /* mdl_modulator_spec */
    MDL_SEC_EVOLUTION,    /* mdl_evolution_spec  */
    MDL_SEC_ISLAND,       /* mdl_island_spec     */
    MDL_SEC_VERIFICATION, /* mdl_verification_spec */
    MDL_SEC_SHARDING,     /* mdl_sharding_spec */
    MDL_SEC_COUNT
} mdl_section;

typedef enum mdl_key_kind {
    MDL_KEY_U32,          /* an integer lo..hi                              */
    MDL_KEY_F32,          /* a number lo..hi                                */
    MDL_KEY_CHOICE,       /* an enum, written as one of `names`             */
    MDL_KEY_WORD_U32,     /* the word names[0] for 0, or an integer lo..hi  */
    MDL_KEY_PAIR,         /* a list [min, max] of integers lo..hi           */
    MDL_KEY_NAME,         /* the experiment's name                          */
    MDL_KEY_SEED,         /* u64 as a string of digits, or an integer       */
    MDL_KEY_MODEL,        /* one of `names`; says which root keys are read  */
    MDL_KEY_TASK,         /* a task's name, or an object with it            */
    MDL_KEY_TASK_ID,      /* the name in that object                        */
    MDL_KEY_NEURONS,      /* an integer, or one for each region             */
    MDL_KEY_SECTION,      /* an object                                      */
    MDL_KEY_SWITCHES,     /* an object: mechanism -> off, on, gene          */
    MDL_KEY_MODULATORS,   /* "off", or an object                          */
    MDL_KEY_VERIFICATION, /* "off", or an object                          */
    MDL_KEY_SHARDING,     /* "off", or an object                          */
    MDL_KEY_CLAMP,        /* an object: level -> number lo..hi            */
    MDL_KEY_ISLANDS,      /* a list of objects                              */
    MDL_KEY_COUNT         /* repeats an island, nothing stored              */
} mdl_key_kind;

typedef struct mdl_key_row {
    mdl_section section;
    mdl_key_kind kind;
    mdl_section inner; /* MDL_KEY_SECTION, MDL_KEY_ISLANDS: what is inside     */
    uint32_t readers;  /* bits 1 << mdl_task_id, mdl_algorithm or mdl_model_id that read it; 0 = all */
    const char *key;
    size_t offset;            /* of the field in the section's struct                 */
    double lo, hi;            /* allowed, both ends included                          */
    double initial;           /* default of U32, F32, WORD_U32, PAIR (both ends)      */
    const char *initial_text; /* default where it is not a constant; NULL: `initial`  */
    const char *const *names; /* ends with NULL                                       */
    const char *unit;
    const char *text; /* one line for people */
} mdl_key_row;

extern const mdl_key_row mdl_key_table[];
extern const uint32_t mdl_key_count;

/* "" for the root, then "task", "network", ... */
const char *mdl_section_path(mdl_section section);
/* What a row allows, as a sentence fragment. */
void mdl_key_allowed(const mdl_key_row *row, char *out, size_t size);
/* The fields of a section as if its object were {}. `base` is zeroed memory of
 * the section's struct. Not for MDL_SEC_TASK, _HMN, _NEURAXON and
 * _MODULATORS, whose defaults are
 * core's. */
void mdl_section_defaults(mdl_section section, void *base);
/* The shortest decimal text that reads back as `v`. `size` >= 32. */
void mdl_float_text(float v, char *out, size_t size);
void mdl_double_text(double v, char *out, size_t size);

#endif
