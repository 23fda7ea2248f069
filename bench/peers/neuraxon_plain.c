/* Neuraxon v1 in plain C: core/neuraxon_v1.c, arrays of structures in binary64,
 * on the network and with the stimuli of neuraxon_v1.py. Arguments: neurons,
 * steps, and `check` for what that program prints with it. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/neuraxon_v1.h"

enum { K = 16, INPUTS = 5 };

static unsigned seed = 1;
static unsigned draw(void) {
    seed = (seed * 1103515245u + 12345u) % 2147483648u;
    return seed >> 12;
}
static double unit(void) { return draw() / 262144.0 - 1.0; }

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int build(mdl_neuraxon_v1 *n, uint32_t neurons) {
    memset(n, 0, sizeof *n);
    mdl_neuraxon_v1_defaults(&n->params);
    n->params.num_input_neurons = INPUTS;
    n->params.num_hidden_neurons = neurons - 2 * INPUTS;
    n->params.num_output_neurons = INPUTS;
    n->params.spontaneous_firing_rate = n->params.synapse_formation_prob = 0.0;
    n->neuron_count = neurons;
    n->synapse_count = (neurons - INPUTS) * K;
    n->neuron = calloc(neurons, sizeof *n->neuron);
    n->synapse = calloc(n->synapse_count, sizeof *n->synapse);
    if (!n->neuron || !n->synapse) {
        free(n->neuron);
        free(n->synapse);
        return 0;
    }
    for (uint32_t i = 0; i < neurons; i++) {
        n->neuron[i].active = 1;
        n->neuron[i].health = 1.0;
    }
    for (uint32_t i = 0; i < n->synapse_count; i++) {
        mdl_neuraxon_v1_synapse *s = &n->synapse[i];
        s->post = INPUTS + i / K;
        s->pre = draw() % neurons;
        s->w_fast = unit();
        s->w_slow = 0.5 * unit();
        s->w_meta = 0.25 * unit();
        s->integrity = 1.0;
    }
    for (uint32_t i = 0; i < n->synapse_count; i++)
        n->synapse[i].modulatory = draw() % 10 == 0;
    for (int i = 0; i < MDL_NEURAXON_V1_MODULATORS; i++)
        n->level[i] = 0.1;
    return 1;
}

int main(int argc, char **argv) {
    mdl_neuraxon_v1 n;
    if (argc < 3 || atoi(argv[1]) <= 2 * INPUTS || !build(&n, (uint32_t)atoi(argv[1])))
        return 2;
    double updates = 0.0, start = cpu_s();
    for (uint32_t t = 0; t < (uint32_t)atoi(argv[2]); t++) {
        for (uint32_t i = 0; i < INPUTS; i++)
            mdl_neuraxon_v1_set_input(&n, i, (int)((t + i) % 3) - 1);
        for (uint32_t i = t % 7; i < n.neuron_count; i += 7)
            n.neuron[i].external = i % 2 ? 3.0 : -3.0;
        updates += n.synapse_count;
        mdl_neuraxon_v1_step(&n);
    }
    double seconds = cpu_s() - start, check = 0.0;
    for (uint32_t i = 0; i < n.synapse_count; i++)
        check = check / 2.0 + n.synapse[i].w_fast + n.synapse[i].w_slow + n.synapse[i].w_meta + n.synapse[i].integrity;
    for (uint32_t i = 0; i < n.neuron_count; i++)
        check =
            check / 2.0 + n.neuron[i].membrane + n.neuron[i].adaptation + n.neuron[i].autoreceptor + n.neuron[i].state;
    if (argc > 3)
        printf("%u %a\n", n.synapse_count, check);
    else
        printf("%f\n", updates / seconds);
    free(n.neuron);
    free(n.synapse);
    return 0;
}
