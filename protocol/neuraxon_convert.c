#include "protocol/neuraxon_convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/neuraxon_region.h"
#include "core/num.h"
#include "protocol/neuraxon_v1_file.h"

/* ---- v1 to ours ---- */

enum { HIDDEN_MAX = 4000 }; /* of a dense region: sensors are in the row too */

static uint32_t inner(const mdl_neuraxon_v1 *n) { return n->neuron_count - n->params.num_input_neurons; }

mdl_err mdl_neuraxon_from_v1(const mdl_neuraxon_v1 *n, mdl_experiment *x) {
    mdl_network_spec *s = &x->network;
    if (inner(n) == 0 || inner(n) > HIDDEN_MAX || n->params.num_input_neurons > s->sensors)
        return MDL_ERANGE;
    mdl_network_spec one = {.regions = 1, .delay = {1, 1}, .delay_between = {1, 1}, .window = 1, .listen = 1};
    one.neurons[0] = inner(n);
    one.seed = s->seed;
    one.sensors = s->sensors;
    one.motors = s->motors;
    *s = one;
    x->model = MDL_MODEL_NEURAXON;
    mdl_neuraxon_spec_defaults(&x->neuraxon, x->hmn.mechanism);
    x->neuraxon.mechanism[MDL_NX_META_WEIGHTS] = MDL_OFF;
    x->neuraxon.init_sd = 0.3f;
    memset(&x->modulators, 0, sizeof x->modulators);
    return MDL_OK;
}

static float bounded(double x, double bound, mdl_convert_note *note) {
    note->clamped += fabs(x) > bound;
    return (float)(x > bound ? bound : x < -bound ? -bound : x);
}

/* ln(x) of what must be above 0. */
static double log_of(double x) { return (double)mdl_logf((float)(x > 1e-6 ? x : 1e-6)); }
/* The gene whose sigmoid is 1 - q. */
static double logit_of(double q) { return log_of(1.0 - q) - log_of(q); }

/* Thresholds 0.5 exp(gene). */
static float threshold_gene(double threshold, mdl_convert_note *note) {
    return bounded(log_of(threshold / 0.5), 2.0, note);
}

void mdl_neuraxon_genome_from_v1(const mdl_neuraxon_v1 *n, const mdl_experiment *x, const mdl_genome_layout *l,
                                 float *genome, mdl_convert_note *note) {
    const mdl_neuraxon_v1_params *p = &n->params;
    uint32_t inputs = p->num_input_neurons, hidden = inner(n), sensors = 1 + x->network.sensors, fan = sensors + hidden;
    for (uint32_t i = 0; i < l->genes; i++)
        genome[i] = 0.0f;
    for (uint32_t i = 0; i < MDL_NEURAXON_GENE_COUNT; i++)
        genome[l->neuraxon + i] = mdl_neuraxon_gene_initial(i);
    float *global = genome + l->globals, *own = genome + l->neuraxon;
    global[MDL_GENE_W_REWARD] = 1.0f;
    global[MDL_GENE_ETA_GLOBAL] = (float)(3.0 * p->learning_rate * p->dt / p->tau_fast);
    own[MDL_NX_GENE_TAU_FAST] = bounded(logit_of(p->dt / p->tau_fast) - 3.0, 64.0, note);
    own[MDL_NX_GENE_ADAPT_RATE] = bounded(4.0 - logit_of(p->dt / 100.0), 64.0, note);
    own[MDL_NX_GENE_ADAPT_SIZE] = 1.0f;

    double level = (n->level[MDL_NEURAXON_V1_ACETYLCHOLINE] - 0.5) * 0.5;
    double above = p->firing_threshold_excitatory - level, below = level - p->firing_threshold_inhibitory;
    float *edge = genome + l->thresholds, *tau = genome + l->taus;
    for (uint32_t j = 0; j < l->neurons; j++)
        tau[j] = bounded(logit_of(p->dt / p->membrane_time_constant), 6.0, note);
    /* Modulatory synapses shift the thresholds of v1's neurons by a constant: w_meta alone counts. */
    for (uint32_t j = 0; j < hidden; j++) {
        double shift = 0;
        for (uint32_t k = 0; k < n->synapse_count; k++) {
            const mdl_neuraxon_v1_synapse *s = &n->synapse[k];
            if (s->modulatory && s->post == inputs + j && s->integrity > 0 && n->neuron[s->pre].active)
                shift += 0.3 * s->w_meta;
        }
        edge[2 * j] = threshold_gene(above - shift, note);
        edge[2 * j + 1] = threshold_gene(below + shift, note);
    }
    for (uint32_t k = 0; k < n->synapse_count; k++) {
        const mdl_neuraxon_v1_synapse *s = &n->synapse[k];
        int carried = s->integrity > 0 && !s->silent && n->neuron[s->pre].active && n->neuron[s->post].active;
        if (!carried || s->post < inputs) {
            note->dropped++;
            continue;
        }
        uint32_t slot = s->pre < inputs ? 1 + s->pre : sensors + (s->pre - inputs);
        float *w = genome + l->weights + (size_t)(s->post - inputs) * fan + slot;
        *w = bounded((double)*w + (s->w_fast + s->w_slow) / 2.0, (double)x->neuraxon.weight_max, note);
    }
    float *motor = genome + l->weights + (size_t)hidden * fan;
    for (uint32_t m = 0; m < x->network.motors; m++, motor += fan)
        if (m < p->num_output_neurons)
            motor[sensors + p->num_hidden_neurons + m] = 1.0f;
}

/* ---- ours to v1 ---- */

/* v1 clips w_fast and w_slow at 1 each. */
#define WEIGHT_MAX 2.0
/* A time constant beyond every run. */
#define FOR_GOOD 1e15

typedef struct plan {
    const mdl_life *life;
    uint32_t inputs, hidden, first[MDL_REGIONS_MAX]; /* v1's number of a region's first hidden neuron */
    double scale;                                    /* thresholds of v1: +-scale                     */
} plan;

static const mdl_neuraxon_region *region_of(const mdl_life *l, uint32_t r) { return mdl_shard_region(&l->shard[0], r); }

/* v1's number of source `source` of region r. */
static uint32_t number_of(const plan *p, const mdl_neuraxon_region *r, uint32_t source) {
    uint32_t own = 1 + r->shape.sensors, inbound = own + r->shape.hidden;
    if (source < own)
        return source - 1;
    if (source < inbound)
        return p->first[r->shape.region] + source - own;
    uint32_t i = (source - inbound) / r->listen, k = (source - inbound) % r->listen;
    uint32_t from = mdl_source_region(r->network, r->shape.region, i);
    return p->first[from] + region_of(p->life, from)->exported[k];
}

static uint32_t neuron_number(const plan *p, const mdl_neuraxon_region *r, uint32_t j) {
    return j < r->shape.hidden ? p->first[r->shape.region] + j : p->inputs + p->hidden + (j - r->shape.hidden);
}

/* Half the distance of neuron j's thresholds, and their middle. */
static double half_of(const mdl_neuraxon_region *r, uint32_t j) {
    return ((double)r->above[j] + (double)r->below[j]) / 2;
}
static double middle_of(const mdl_neuraxon_region *r, uint32_t j) {
    return ((double)r->above[j] - (double)r->below[j]) / 2;
}

/* The greatest scale at which every weight fits, and what adaptation asks for. */
static double scale_of(const plan *p, double wanted) {
    double largest = 0;
    for (uint32_t i = 0; i < p->life->experiment->network.regions; i++) {
        const mdl_neuraxon_region *r = region_of(p->life, i);
        for (uint32_t j = 0; j < r->shape.neurons; j++) {
            double bias = fabs(middle_of(r, j)) / half_of(r, j);
            for (uint32_t k = 0; k < mdl_row_fan(&r->shape, j); k++) {
                double w = 2 * fabs((double)r->w0[mdl_row(&r->shape, j) + k]) / half_of(r, j);
                w += k == 0 ? bias : 0;
                largest = w > largest ? w : largest;
            }
            largest = bias > largest ? bias : largest;
        }
    }
    return largest * wanted > WEIGHT_MAX ? WEIGHT_MAX / largest : wanted;
}

static void add_synapse(mdl_neuraxon_v1 *out, uint32_t pre, uint32_t post, double w, uint8_t silent) {
    out->synapse[out->synapse_count++] = (mdl_neuraxon_v1_synapse){
        .pre = pre, .post = post, .w_fast = w / 2, .w_slow = w / 2, .integrity = 1.0, .silent = silent};
}

static void add_rows(const plan *p, const mdl_neuraxon_region *r, mdl_neuraxon_v1 *out, mdl_convert_note *note) {
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        double unit = p->scale / half_of(r, j), bias = -middle_of(r, j) * unit;
        uint32_t post = neuron_number(p, r, j);
        size_t row = mdl_row(&r->shape, j);
        out->neuron[post].membrane = bias; /* where the constant input holds it when nothing else does */
        for (uint32_t k = 0; k < mdl_row_fan(&r->shape, j); k++) {
            uint32_t source = mdl_neuraxon_source(r, row + k), flags = r->flags[row + k];
            double w = 2 * (double)r->w0[row + k] * unit;
            if (source == 1 && r->shape.sensors > 0) { /* the constant */
                w += bias;
                bias = 0;
            }
            if (flags & MDL_CELL_MODULATORY) {
                note->dropped++;
                continue;
            }
            note->delays += source > r->shape.sensors && r->index[row + k] / r->shape.sources + 1 < r->shape.slots;
            if (w != 0)
                add_synapse(out, number_of(p, r, source), post, w, (flags & MDL_CELL_SILENT) != 0);
        }
        if (bias != 0)
            add_synapse(out, 0, post, bias, 0);
    }
}

static void set_parameters(const plan *p, mdl_neuraxon_v1 *out, const mdl_params *params, mdl_convert_note *note) {
    mdl_neuraxon_v1_params *q = &out->params;
    double leak = 0;
    uint32_t neurons = 0;
    for (uint32_t i = 0; i < p->life->experiment->network.regions; i++) {
        const mdl_neuraxon_region *r = region_of(p->life, i);
        for (uint32_t j = 0; j < r->shape.neurons; j++, neurons++) {
            leak += 1 - (double)r->decay[j];
            note->constants += mdl_float_bits(r->decay[j]) != mdl_float_bits(region_of(p->life, 0)->decay[0]);
        }
    }
    /* v1's adaptation has a fixed size and goes by dt; without ours, dt is so small that it never comes. */
    q->dt = params->neuraxon.adapt_size > 0 ? 100.0 * (double)params->neuraxon.adapt_rate : 0x1p-30;
    q->membrane_time_constant = q->dt * neurons / leak;
    q->firing_threshold_excitatory = p->scale;
    q->firing_threshold_inhibitory = -p->scale;
    q->acetylcholine_baseline = out->level[MDL_NEURAXON_V1_ACETYLCHOLINE] = 0.5; /* shifts no threshold */
    q->tau_fast = q->tau_slow = q->tau_meta = FOR_GOOD;
    q->learning_rate = q->spontaneous_firing_rate = q->synapse_formation_prob = q->synapse_death_prob = 0;
    q->neuron_health_decay = 0;
    q->neuron_death_threshold = 0;
    q->connection_probability = 0;
}

mdl_err mdl_neuraxon_to_v1(mdl_life *life, mdl_neuraxon_v1 *out, mdl_convert_note *note) {
    const mdl_experiment *x = life->experiment;
    memset(out, 0, sizeof *out);
    MDL_ASSERT(life->shards == 1);
    if (x->model != MDL_MODEL_NEURAXON || !mdl_nx_on(&life->params.neuraxon, MDL_NX_TRINARY))
        return MDL_ETYPE;
    mdl_shard_birth(&life->shard[0], &life->params, 0);
    plan p = {.life = life, .inputs = 1 + x->network.sensors};
    uint64_t hidden = 0;
    for (uint32_t r = 0; r < x->network.regions; r++) {
        p.first[r] = p.inputs + (uint32_t)hidden;
        hidden += x->network.neurons[r];
    }
    uint64_t neurons = p.inputs + hidden + x->network.motors;
    if (neurons > MDL_NEURAXON_V1_NEURONS_MAX)
        return MDL_ERANGE;
    p.hidden = (uint32_t)hidden;
    double size = (double)life->params.neuraxon.adapt_size, first = half_of(region_of(life, 0), 0);
    double wanted = size > 0 ? 0.1 * first / size : 0.5; /* where v1's adaptation, 0.1, is ours */
    p.scale = scale_of(&p, wanted < 1.0 ? wanted : 1.0);

    mdl_neuraxon_v1_defaults(&out->params);
    out->params.num_input_neurons = p.inputs;
    out->params.num_hidden_neurons = p.hidden;
    out->params.num_output_neurons = x->network.motors;
    out->neuron_count = (uint32_t)neurons;
    out->neuron = calloc(neurons, sizeof *out->neuron);
    out->synapse = calloc(life->conductor.synapses + neurons + 1, sizeof *out->synapse);
    if (!out->neuron || !out->synapse) {
        mdl_neuraxon_v1_close(out);
        return MDL_ENOMEM;
    }
    for (uint32_t i = 0; i < out->neuron_count; i++)
        out->neuron[i] = (mdl_neuraxon_v1_neuron){.health = 1.0, .active = 1};
    /* The constant sensor keeps itself alive. */
    out->neuron[0].membrane = WEIGHT_MAX;
    out->neuron[0].state = 1;
    add_synapse(out, 0, 0, WEIGHT_MAX, 0);
    set_parameters(&p, out, &life->params, note);
    for (uint32_t r = 0; r < x->network.regions; r++)
        add_rows(&p, region_of(life, r), out, note);
    return MDL_OK;
}
