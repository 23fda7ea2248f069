#include "core/neuraxon_v1.h"

#include "core/assert.h"

const char *const mdl_neuraxon_v1_modulator[MDL_NEURAXON_V1_MODULATORS] = {"dopamine", "serotonin", "acetylcholine",
                                                                           "norepinephrine"};

/* Python's min(hi, x) and max(lo, x): of two equal ones the bound, so that -0
 * clamped to 0..1 is +0; min(hi, NaN) is hi. */
static double at_most(double hi, double x) { return x < hi ? x : hi; }

static double at_least(double lo, double x) { return x > lo ? x : lo; }

static double magnitude(double x) { return __builtin_fabs(x); }

void mdl_neuraxon_v1_defaults(mdl_neuraxon_v1_params *params) {
    *params = (mdl_neuraxon_v1_params){.num_input_neurons = 5,
                                       .num_hidden_neurons = 20,
                                       .num_output_neurons = 5,
                                       .simulation_steps = 100,
#define X(name, value, kind) .name = value,
                                       MDL_NEURAXON_V1_PARAMETERS(X)
#undef X
    };
}

const char *mdl_neuraxon_v1_random(const mdl_neuraxon_v1_params *params, double *value) {
    /* A draw is in 0..1, 1 left out, and acts when it is below these. */
    if (params->spontaneous_firing_rate * params->dt > 0) {
        *value = params->spontaneous_firing_rate;
        return "spontaneous_firing_rate";
    }
    if (params->synapse_formation_prob > 0) {
        *value = params->synapse_formation_prob;
        return "synapse_formation_prob";
    }
    return NULL;
}

void mdl_neuraxon_v1_modulate(mdl_neuraxon_v1 *n, mdl_neuraxon_v1_level which, double level) {
    n->level[which] = at_least(0.0, at_most(1.0, level));
}

void mdl_neuraxon_v1_set_input(mdl_neuraxon_v1 *n, uint32_t input, int state) {
    MDL_ASSERT(input < n->params.num_input_neurons && state >= -1 && state <= 1);
    n->neuron[input].state = (int8_t)state;
    n->neuron[input].membrane = state * n->params.firing_threshold_excitatory;
}

/* A neuron's inputs, summed from 0 in the order of the synapses. */
static void collect(mdl_neuraxon_v1 *n) {
    for (uint32_t i = 0; i < n->neuron_count; i++)
        n->neuron[i].synaptic = n->neuron[i].modulatory = 0.0;
    for (uint32_t k = 0; k < n->synapse_count; k++) {
        const mdl_neuraxon_v1_synapse *s = &n->synapse[k];
        const mdl_neuraxon_v1_neuron *pre = &n->neuron[s->pre];
        mdl_neuraxon_v1_neuron *post = &n->neuron[s->post];
        if (s->integrity <= 0 || !pre->active)
            continue;
        if (!s->silent)
            post->synaptic += (s->w_fast + s->w_slow) * pre->state;
        if (s->modulatory) /* of silent synapses too */
            post->modulatory += s->w_meta;
    }
}

static void update_neuron(mdl_neuraxon_v1 *n, uint32_t index) {
    const mdl_neuraxon_v1_params *p = &n->params;
    mdl_neuraxon_v1_neuron *u = &n->neuron[index];
    const double dt = p->dt, spontaneous = 0.0;
    u->membrane +=
        dt / p->membrane_time_constant * (-u->membrane + u->synaptic + u->external - u->adaptation + spontaneous);
    /* These two see the state of the step before. */
    u->adaptation += dt / 100.0 * (-u->adaptation + 0.1 * (u->state < 0 ? -u->state : u->state));
    u->autoreceptor += dt / 200.0 * (-u->autoreceptor + 0.2 * u->state);

    double shift = (n->level[MDL_NEURAXON_V1_ACETYLCHOLINE] - 0.5) * 0.5 + u->modulatory * 0.3;
    double above = p->firing_threshold_excitatory - shift - 0.1 * u->autoreceptor;
    double below = p->firing_threshold_inhibitory - shift + 0.1 * u->autoreceptor;
    u->state = 0;
    if (u->membrane > above)
        u->state = 1;
    else if (u->membrane < below)
        u->state = -1;

    if (magnitude(u->membrane) / 2.0 < 0.01)
        u->health -= p->neuron_health_decay * dt;
    else
        u->health = at_most(1.0, u->health + 0.0005 * dt);
    uint32_t first_hidden = p->num_input_neurons, first_output = first_hidden + p->num_hidden_neurons;
    if (index >= first_hidden && index < first_output && u->health < p->neuron_death_threshold) {
        if (n->death_draws++ == 0)
            n->death_neuron = index;
    }
}

static void update_synapse(mdl_neuraxon_v1 *n, mdl_neuraxon_v1_synapse *s) {
    const mdl_neuraxon_v1_params *p = &n->params;
    const double dt = p->dt, dopamine = n->level[MDL_NEURAXON_V1_DOPAMINE];
    int8_t pre = n->neuron[s->pre].state, post = n->neuron[s->post].state;
    s->pre_trace += (-s->pre_trace / p->stdp_window + (pre == 1)) * dt;
    s->post_trace += (-s->post_trace / p->stdp_window + (post == 1)) * dt;

    double change = 0.0;
    if (pre == 1 && post == 1)
        change = p->learning_rate * dopamine;
    else if (pre == 1 && post == -1)
        change = -p->learning_rate * dopamine;
    s->w_fast += dt / p->tau_fast * (-s->w_fast + change * 0.3);
    s->w_fast = at_least(-1.0, at_most(1.0, s->w_fast));
    s->w_slow += dt / p->tau_slow * (-s->w_slow + change * 0.1);
    s->w_slow = at_least(-1.0, at_most(1.0, s->w_slow));
    s->w_meta += dt / p->tau_meta * (-s->w_meta + change * 0.05 * n->level[MDL_NEURAXON_V1_SEROTONIN]);
    s->w_meta = at_least(-0.5, at_most(0.5, s->w_meta));

    if (magnitude(s->w_fast) < 0.01 && magnitude(s->w_slow) < 0.01)
        s->integrity -= p->synapse_death_prob * dt;
    else
        s->integrity = at_most(1.0, s->integrity + 0.001 * dt);
    if (s->silent && pre == 1 && post == 1)
        n->unsilence_draws++;
}

static void update_levels(mdl_neuraxon_v1 *n) {
    const mdl_neuraxon_v1_params *p = &n->params;
    const double baseline[MDL_NEURAXON_V1_MODULATORS] = {p->dopamine_baseline, p->serotonin_baseline,
                                                         p->acetylcholine_baseline, p->norepinephrine_baseline};
    for (int i = 0; i < MDL_NEURAXON_V1_MODULATORS; i++)
        n->level[i] += (baseline[i] - n->level[i]) * p->neuromod_decay_rate * p->dt / 100.0;
}

void mdl_neuraxon_v1_step(mdl_neuraxon_v1 *n) {
    collect(n);
    for (uint32_t i = 0; i < n->neuron_count; i++) {
        if (n->neuron[i].active)
            update_neuron(n, i);
        n->neuron[i].external = 0.0;
    }
    for (uint32_t k = 0; k < n->synapse_count; k++) {
        mdl_neuraxon_v1_synapse *s = &n->synapse[k];
        if (!(s->integrity <= 0) && n->neuron[s->pre].active && n->neuron[s->post].active)
            update_synapse(n, s);
    }
    update_levels(n);
    uint32_t kept = 0;
    for (uint32_t k = 0; k < n->synapse_count; k++) {
        if (n->synapse[k].integrity > n->params.synapse_integrity_threshold)
            n->synapse[kept++] = n->synapse[k];
    }
    n->synapse_count = kept;
    n->time += n->params.dt;
    n->step_count++;
}
