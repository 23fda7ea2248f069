#include "core/modulator_spec.h"

#include <string.h>

static const struct {
    const char *key, *text;
} mechanisms[MDL_MOD_COUNT] = {
#define X(name, key, text) {key, text},
    MDL_MODULATOR_MECHANISM_MAP(X)
#undef X
};

const char *mdl_modulator_mechanism_key(uint32_t mechanism) {
    return mechanism < MDL_MOD_COUNT ? mechanisms[mechanism].key : NULL;
}

const char *mdl_modulator_mechanism_text(uint32_t mechanism) {
    return mechanism < MDL_MOD_COUNT ? mechanisms[mechanism].text : NULL;
}

mdl_modulator_mechanism mdl_modulator_mechanism_find(const char *key) {
    uint32_t m = 0;
    while (m < MDL_MOD_COUNT && strcmp(mechanisms[m].key, key) != 0)
        m++;
    return (mdl_modulator_mechanism)m;
}

const char *mdl_clamp_key(uint32_t clamp) { return clamp == MDL_CLAMP_AROUSAL ? "arousal" : mdl_modulator_key(clamp); }

void mdl_modulator_spec_defaults(mdl_modulator_spec *spec) {
    memset(spec, 0, sizeof *spec);
    spec->used = 1;
    memset(spec->mechanism, MDL_ON, sizeof spec->mechanism);
}
