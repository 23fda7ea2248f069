#include "core/hmn_spec.h"

#include <string.h>

static const struct {
    const char *key, *text;
} mechanisms[MDL_MECH_COUNT] = {
#define X(name, key, text) {key, text},
    MDL_MECHANISM_MAP(X)
#undef X
};

const char *mdl_mechanism_key(uint32_t mechanism) {
    return mechanism < MDL_MECH_COUNT ? mechanisms[mechanism].key : NULL;
}

const char *mdl_mechanism_text(uint32_t mechanism) {
    return mechanism < MDL_MECH_COUNT ? mechanisms[mechanism].text : NULL;
}

mdl_mechanism mdl_mechanism_find(const char *key) {
    uint32_t m = 0;
    while (m < MDL_MECH_COUNT && strcmp(mechanisms[m].key, key) != 0)
        m++;
    return (mdl_mechanism)m;
}

void mdl_hmn_spec_defaults(mdl_hmn_spec *spec) {
    memset(spec, 0, sizeof *spec);
    memset(spec->mechanism, MDL_ON, sizeof spec->mechanism);
    spec->activation = MDL_TANH;
    spec->trace = MDL_TRACE_DIFFERENTIAL;
    spec->similarity = MDL_COSINE;
    spec->meta_method = MDL_META_REINFORCE;
    spec->meta_period = 4;
    spec->encoding = MDL_DIRECT;
    spec->weight_max = 4.0f;
    spec->init_sd = 0.3f;
}
