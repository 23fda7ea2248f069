#include "core/lane_params.h"

#include <string.h>

void mdl_lane_params_set(mdl_lane_params *rows, uint32_t lane, const mdl_params *p) {
#define X(name) rows->name[lane] = p->name;
    MDL_LANE_GENES(X)
#undef X
#define X(name) rows->neuraxon.name[lane] = p->neuraxon.name;
    MDL_LANE_NEURAXON_GENES(X)
#undef X
    for (uint32_t d = 0; d < MDL_EMBED; d++)
        rows->rho_context[d][lane] = p->rho_context[d];
    for (uint32_t k = 0; k < 3; k++) {
        rows->w[k][lane] = p->w[k];
        rows->gate[k][lane] = p->gate[k];
        rows->neuraxon.omega[k][lane] = p->neuraxon.omega[k];
    }
    rows->omega[lane] = p->omega;
    rows->phi0[lane] = p->phi0;
    memcpy(&rows->own[lane], p, p->modulators.used ? sizeof *p : offsetof(mdl_params, receptors));
}

int mdl_lane_params_agree(const mdl_params *a, const mdl_params *b) {
    return a->on == b->on && a->neuraxon.on == b->neuraxon.on && a->modulators.on == b->modulators.on;
}
