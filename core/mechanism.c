#include "core/mechanism.h"

#include "core/assert.h"

/* Number m of the three maps is number m - first of its own. */
enum { NX_FIRST = MDL_MECH_COUNT, MOD_FIRST = MDL_MECH_COUNT + MDL_NX_COUNT };

const char *mdl_any_key(uint32_t m) {
    return m < NX_FIRST    ? mdl_mechanism_key(m)
           : m < MOD_FIRST ? mdl_neuraxon_mechanism_key(m - NX_FIRST)
                           : mdl_modulator_mechanism_key(m - MOD_FIRST);
}

int mdl_any_read(const mdl_experiment *x, uint32_t m) {
    int neuraxon = x->model == MDL_MODEL_NEURAXON;
    if (m < NX_FIRST)
        return !neuraxon || mdl_neuraxon_shares(m);
    return m < MOD_FIRST ? neuraxon : m < MDL_ANY_COUNT && x->modulators.used;
}

mdl_switch mdl_any_switch(const mdl_experiment *x, uint32_t m) {
    if (!mdl_any_read(x, m))
        return MDL_OFF;
    return (mdl_switch)(m < NX_FIRST    ? x->hmn.mechanism[m]
                        : m < MOD_FIRST ? x->neuraxon.mechanism[m - NX_FIRST]
                                        : x->modulators.mechanism[m - MOD_FIRST]);
}

void mdl_any_off(mdl_experiment *x, uint32_t m) {
    MDL_ASSERT(mdl_any_read(x, m));
    if (m < NX_FIRST)
        x->hmn.mechanism[m] = MDL_OFF;
    else if (m < MOD_FIRST)
        x->neuraxon.mechanism[m - NX_FIRST] = MDL_OFF;
    else
        x->modulators.mechanism[m - MOD_FIRST] = MDL_OFF;
}

int mdl_any_on(const mdl_experiment *x, const mdl_params *p, uint32_t m) {
    if (!mdl_any_read(x, m))
        return 0;
    return (int)(m < NX_FIRST    ? p->on >> m & 1u
                 : m < MOD_FIRST ? p->neuraxon.on >> (m - NX_FIRST) & 1u
                                 : p->modulators.on >> (m - MOD_FIRST) & 1u);
}

void mdl_knockout_add(mdl_knockout *out, uint32_t m) {
    if (m < NX_FIRST)
        out->shared |= 1u << m;
    else if (m < MOD_FIRST)
        out->neuraxon |= 1u << (m - NX_FIRST);
    else
        out->modulators |= 1u << (m - MOD_FIRST);
}
