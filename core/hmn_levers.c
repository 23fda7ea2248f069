#include "core/hmn_levers.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/hmn_lever_loops.h"
#include "core/num.h"

void mdl_hmn_levers_init(mdl_hmn_region *r, mdl_arena *arena, int shared, const mdl_hmn_region *like) {
    r->pathway = shared ? NULL : mdl_arena_take(arena, r->shape.cells, sizeof *r->pathway);
    r->offset = shared ? NULL : mdl_arena_take(arena, r->shape.neurons, sizeof(float));
    if (like) {
        r->pathway = like->pathway;
        r->offset = like->offset;
    }
    r->lag = mdl_arena_take(arena, r->shape.neurons, sizeof(float));
}

void mdl_hmn_levers_wire(mdl_hmn_region *r, const mdl_network_spec *network) {
    const mdl_shape *s = &r->shape;
    memset(r->pathway, MDL_PATH_OWN, s->cells);
    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j), own = 1 + s->sensors;
        uint8_t delay[MDL_FAN_IN_MAX], *pathway = r->pathway + mdl_row(s, j);
        mdl_wire_row(network, s, j, source, delay);
        for (uint32_t k = 0; k < fan; k++) {
            if (source[k] < own) {
                pathway[k] = MDL_PATH_FORWARD;
            } else if (source[k] >= own + s->hidden) {
                uint32_t i = (source[k] - own - s->hidden) / r->listen;
                pathway[k] = mdl_source_region(network, s->region, i) < s->region ? MDL_PATH_FORWARD : MDL_PATH_BACK;
            }
        }
        uint32_t c[4] = {j, s->region, 0, MDL_DRAW_OFFSET};
        float unused;
        mdl_philox(c, network->seed, c);
        mdl_gauss(c[0], c[1], &r->offset[j], &unused);
        if (j >= s->hidden)
            r->offset[j] = 0.0f;
    }
}

void mdl_hmn_levers_activate(mdl_hmn_region *r, const mdl_params *p, const mdl_levers *h, uint32_t t, float drop) {
    mdl_hmn_lever_loops(r, p, h, t, drop);
}
