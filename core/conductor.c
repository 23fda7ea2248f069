#include "core/conductor.h"

#include <string.h>

#include "core/assert.h"
#include "core/hmn_kernel.h"
#include "core/num.h"
#include "core/wiring.h"

/* Readouts beyond this no network has: 4096 synapses of weight 64 on activities of
 * 64, and every lever at its most. */
#define READOUT_MAX 0x1p34f

mdl_activity_rule mdl_activity_rule_of(const mdl_experiment *x, const mdl_params *params) {
    if (x->model == MDL_MODEL_NEURAXON)
        return (mdl_activity_rule){mdl_nx_on(&params->neuraxon, MDL_NX_TRINARY), 1.0f};
    return (mdl_activity_rule){0, MDL_RELU_MAX};
}

void mdl_conductor_init(mdl_conductor *c, const mdl_experiment *x, const mdl_params *params) {
    memset(c, 0, sizeof *c);
    c->experiment = x;
    c->params = params;
    c->agents = mdl_task_agent_count(&x->task);
    c->synapses = mdl_synapse_count(&x->network);
    c->neurons = x->network.motors;
    for (uint32_t r = 0; r < x->network.regions; r++)
        c->neurons += x->network.neurons[r];
}

void mdl_conductor_begin(mdl_conductor *c, uint64_t key, uint32_t episode, mdl_part part) {
    mdl_task_reset(&c->task, &c->experiment->task, key, episode, part);
    for (uint32_t a = 0; a < c->agents; a++) {
        c->noise_key[a] = mdl_key(key, MDL_STREAM_NOISE, 0, a, 0);
        mdl_modulation_init(&c->modulation[a], c->params, c->noise_key[a], mdl_task_view(&c->task, a));
    }
    c->windows = 0;
}

uint64_t mdl_conductor_updates(const mdl_conductor *c) {
    return (uint64_t)c->windows * c->experiment->network.window * c->synapses * c->agents;
}

/* The taught action, or the first of the largest readouts. */
static uint32_t choose(const mdl_task_out *out, const float *motor, uint32_t motors) {
    if (out->flags & MDL_OUT_TEACH)
        return out->teach;
    uint32_t best = 0;
    for (uint32_t i = 1; i < motors; i++)
        if (motor[i] > motor[best])
            best = i;
    return best;
}

int mdl_conductor_window(mdl_conductor *c, const mdl_window_out *out) {
    const mdl_network_spec *network = &c->experiment->network;
    MDL_ASSERT(!mdl_conductor_over(c));
    for (uint32_t a = 0; a < c->agents; a++) {
        c->out[a] = out[a];
        c->action[a] = choose(mdl_task_view(&c->task, a), out[a].motor, network->motors);
    }
    mdl_task_step_agents(&c->task, c->action, c->out[0].motor);
    for (uint32_t a = 0; a < c->agents; a++)
        mdl_modulation_next(&c->modulation[a], c->params, c->noise_key[a], network->window, &out[a].partials,
                            c->neurons, network->sensors, c->action[a], mdl_task_view(&c->task, a));
    c->windows++;
    return !mdl_conductor_over(c);
}

mdl_err mdl_window_out_check(const mdl_experiment *x, const mdl_activity_rule *rule, uint64_t neurons, int first,
                             const mdl_window_out *out) {
    uint64_t each = (uint64_t)mdl_fix(rule->most), most = neurons > INT64_MAX / each ? INT64_MAX : neurons * each;
    int64_t activity = out->partials.activity, novelty = out->partials.novelty;
    if (activity > (int64_t)most || activity < -(int64_t)most || novelty < 0 || (novelty != 0 && !first))
        return MDL_ERANGE;
    for (uint32_t i = 0; i < MDL_ACTION_MAX; i++) {
        int used = first && i < x->network.motors;
        if (used ? !(mdl_absf(out->motor[i]) <= READOUT_MAX) : mdl_float_bits(out->motor[i]) != 0) /* NaN too */
            return MDL_ERANGE;
    }
    return MDL_OK;
}

/* Modulo 2^64, so that any order gives the same bits. */
static int64_t plus(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

void mdl_window_out_add(const mdl_experiment *x, mdl_window_out *sum, const mdl_window_out *part, int first) {
    sum->partials.activity = plus(sum->partials.activity, part->partials.activity);
    sum->partials.value = plus(sum->partials.value, part->partials.value);
    sum->partials.novelty = plus(sum->partials.novelty, part->partials.novelty);
    if (first)
        memcpy(sum->motor, part->motor, x->network.motors * sizeof(float));
}

mdl_err mdl_conductor_play(mdl_conductor *c, uint32_t windows, const uint32_t *action, const float *motor) {
    uint32_t actions = mdl_task_action_count(&c->experiment->task), motors = c->experiment->network.motors;
    for (uint32_t w = 0; w < windows; w++, action += c->agents) {
        if (mdl_conductor_over(c))
            return MDL_ERANGE;
        for (uint32_t a = 0; a < c->agents; a++)
            if (action[a] >= actions)
                return MDL_ERANGE;
        for (uint32_t i = 0; motor && i < motors; i++)
            if (!(mdl_absf(motor[i]) <= READOUT_MAX)) /* also refuses NaN */
                return MDL_ERANGE;
        mdl_task_step_agents(&c->task, action, motor ? motor : c->out[0].motor);
        motor = motor ? motor + motors : NULL;
    }
    return MDL_OK;
}
