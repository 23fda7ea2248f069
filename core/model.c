#include "core/model.h"

#include "core/hmn_region.h"
#include "core/neuraxon_region.h"

const mdl_network_model *mdl_network_model_get(uint32_t id) {
    static const mdl_network_model *const models[] = {&mdl_hmn_model, &mdl_neuraxon_model};
    return id < sizeof models / sizeof models[0] ? models[id] : NULL;
}

void mdl_region_advance(const mdl_shape *shape, mdl_region_offset *at) {
    at->synapse += (uint32_t)shape->synapses;
    at->neuron += shape->neurons;
    at->source += shape->sources - 1;
}
