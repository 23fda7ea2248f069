/* Neuraxon v1's files: a network that reads is stepped and stays one; events are
 * read for it, or else for a small one; what does not read says why. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/neuraxon_v1_file.h"
#include "tests/fuzz/json_error.h"

enum { STEPS = 4, WORK_MAX = 1 << 14 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_network(const mdl_neuraxon_v1 *n) {
    const mdl_neuraxon_v1_params *p = &n->params;
    MDL_ASSERT(n->neuron_count == p->num_input_neurons + p->num_hidden_neurons + p->num_output_neurons);
    for (uint32_t i = 0; i < n->neuron_count; i++)
        MDL_ASSERT(n->neuron[i].state >= -1 && n->neuron[i].state <= 1 && n->neuron[i].active <= 1);
    for (uint32_t k = 0; k < n->synapse_count; k++)
        MDL_ASSERT(n->synapse[k].pre < n->neuron_count && n->synapse[k].post < n->neuron_count);
}

static void run(mdl_neuraxon_v1 *n, const uint8_t *data, size_t size) {
    mdl_neuraxon_v1_events events;
    mdl_json_error err;
    mdl_err e = mdl_neuraxon_v1_events_parse(data, size, n, &events, &err);
    if (e != MDL_OK)
        check_error(&err, e);
    check_network(n);
    uint32_t synapses = n->synapse_count;
    uint64_t before = n->step_count;
    for (uint32_t t = 0; t < STEPS && n->neuron_count + synapses < WORK_MAX; t++) {
        mdl_neuraxon_v1_apply(n, &events, t);
        mdl_neuraxon_v1_step(n);
        check_network(n);
        MDL_ASSERT(n->synapse_count <= synapses && n->step_count == ++before);
        synapses = n->synapse_count;
    }
    for (size_t i = 0; e == MDL_OK && i < events.first[events.steps]; i++)
        MDL_ASSERT(events.action[i].index < n->neuron_count || events.action[i].kind == MDL_NEURAXON_V1_MODULATE);
    mdl_neuraxon_v1_events_close(&events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_neuraxon_v1 n;
    mdl_json_error err;
    mdl_err e = mdl_neuraxon_v1_parse(data, size, &n, &err);
    if (e == MDL_OK) {
        run(&n, data, size);
        mdl_neuraxon_v1_close(&n);
        return 0;
    }
    check_error(&err, e);
    mdl_neuraxon_v1_neuron neuron[3] = {{.active = 1}, {.active = 1}, {.active = 1}};
    mdl_neuraxon_v1_synapse synapse[1] = {{.w_fast = 1, .integrity = 1, .pre = 0, .post = 2, .modulatory = 1}};
    memset(&n, 0, sizeof n);
    mdl_neuraxon_v1_defaults(&n.params);
    n.params.num_input_neurons = n.params.num_hidden_neurons = n.params.num_output_neurons = 1;
    n.neuron_count = 3;
    n.synapse_count = 1;
    n.neuron = neuron;
    n.synapse = synapse;
    run(&n, data, size);
    return 0;
}
