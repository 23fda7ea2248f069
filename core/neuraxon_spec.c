#include "core/neuraxon_spec.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *key, *text;
    mdl_switch initial;
} mechanisms[MDL_NX_COUNT] = {
#define X(name, key, initial, text) {key, text, initial},
    MDL_NEURAXON_MECHANISM_MAP(X)
#undef X
};

const char *mdl_neuraxon_mechanism_key(uint32_t m) { return m < MDL_NX_COUNT ? mechanisms[m].key : NULL; }

const char *mdl_neuraxon_mechanism_text(uint32_t m) { return m < MDL_NX_COUNT ? mechanisms[m].text : NULL; }

mdl_switch mdl_neuraxon_mechanism_default(uint32_t m) { return m < MDL_NX_COUNT ? mechanisms[m].initial : MDL_OFF; }

mdl_neuraxon_mechanism mdl_neuraxon_mechanism_find(const char *key) {
    uint32_t m = 0;
    while (m < MDL_NX_COUNT && strcmp(mechanisms[m].key, key) != 0)
        m++;
    return (mdl_neuraxon_mechanism)m;
}

int mdl_neuraxon_shares(uint32_t m) {
    switch (m) {
    case MDL_MECH_PLASTICITY:
    case MDL_MECH_LOCAL_TERM:
    case MDL_MECH_GLOBAL_TERM:
    case MDL_MECH_META_LEARNING:
    case MDL_MECH_GLOBAL_ATTENTION:
    case MDL_MECH_UNCERTAINTY:
    case MDL_MECH_NOVELTY:
    case MDL_MECH_NOISE:
    case MDL_MECH_CRITIC:
    case MDL_MECH_BASELINE:
    case MDL_MECH_EFFERENCE_COPY:
    case MDL_MECH_CONTEXT_RATE:
    case MDL_MECH_PLASTICITY_GATE:
        return 1;
    default:
        return 0;
    }
}

mdl_switch mdl_neuraxon_shared_default(uint32_t m) {
    switch (m) {
    case MDL_MECH_META_LEARNING:
    case MDL_MECH_GLOBAL_ATTENTION:
    case MDL_MECH_CRITIC:
    case MDL_MECH_CONTEXT_RATE:
    case MDL_MECH_PLASTICITY_GATE:
        return MDL_OFF;
    default:
        return mdl_neuraxon_shares(m) ? MDL_ON : MDL_OFF;
    }
}

void mdl_neuraxon_spec_defaults(mdl_neuraxon_spec *spec, uint8_t shared[MDL_MECH_COUNT]) {
    memset(spec, 0, sizeof *spec);
    for (uint32_t m = 0; m < MDL_NX_COUNT; m++)
        spec->mechanism[m] = (uint8_t)mechanisms[m].initial;
    spec->relax = MDL_RELAX_SETPOINT;
    spec->encoding = MDL_DIRECT;
    spec->weight_max = 4.0f;
    spec->init_sd = 0.3f;
    spec->silent_share = 0.2f;
    spec->modulatory_share = 0.1f;
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        shared[m] = (uint8_t)mdl_neuraxon_shared_default(m);
}
