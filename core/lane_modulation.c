#include "core/lane_modulation.h"

void mdl_lane_pack(mdl_lane_modulation *lanes, uint32_t lane, const mdl_modulation *m) {
#define X(name) lanes->name[lane] = m->name;
    MDL_LANE_WORDS(X)
    MDL_LANE_FLOATS(X)
#undef X
    for (uint32_t k = 0; k < MDL_E_COUNT; k++) {
        lanes->e[k][lane] = m->e[k];
        lanes->gamma[k][lane] = m->gamma[k];
    }
    for (uint32_t i = 0; i < 2; i++) {
        lanes->u[i][lane] = m->u[i];
        lanes->d[i][lane] = m->d[i];
    }
    lanes->levels[lane] = m->levels;
}

void mdl_lane_unpack(const mdl_lane_modulation *lanes, uint32_t lane, mdl_modulation *m) {
#define X(name) m->name = lanes->name[lane];
    MDL_LANE_WORDS(X)
    MDL_LANE_FLOATS(X)
#undef X
    for (uint32_t k = 0; k < MDL_E_COUNT; k++) {
        m->e[k] = lanes->e[k][lane];
        m->gamma[k] = lanes->gamma[k][lane];
    }
    for (uint32_t i = 0; i < 2; i++) {
        m->u[i] = lanes->u[i][lane];
        m->d[i] = lanes->d[i][lane];
    }
    m->levels = lanes->levels[lane];
}
