#include "tests/support/neuraxon_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/philox.h"

#define TAU 6.283185307179586476925286766559
#define ON(name) (m->on[MDL_NX_##name])
#define SHARED(name) (m->shared[MDL_MECH_##name])
#define GENE(name) (m->gene[MDL_NX_GENE_##name])

static double within(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
/* As rates and decays of the section are decoded. */
static double squash(double x) { return sigmoid(within(x, -8.0, 6.0)); }
static double unit(uint32_t word) { return (double)(word >> 8) / 16777216.0; }

static void normals(uint32_t a, uint32_t b, double *g0, double *g1) {
    double radius = sqrt(-2.0 * log(((double)(a >> 8) + 1.0) / 16777216.0)), angle = TAU * (double)b / 4294967296.0;
    *g0 = radius * cos(angle);
    *g1 = radius * sin(angle);
}

static void words(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t out[4]) {
    uint32_t c[4] = {c0, c1, c2, c3};
    mdl_philox(c, key, out);
}

static void *take(size_t count, size_t item) {
    void *p = calloc(count ? count : 1, item);
    if (!p)
        abort();
    return p;
}

static void place_synapse(const nx_model *m, const nx_region *r, nx_synapse *syn) {
    const mdl_network_spec *n = &m->x->network;
    uint32_t first_own = 1 + r->shape.sensors, first_in = first_own + r->shape.hidden;
    syn->recurrent = syn->source >= first_own;
    syn->forward = !syn->recurrent;
    syn->back = 0;
    if (syn->source >= first_in) {
        uint32_t from = (r->shape.region + 1 + (syn->source - first_in) / n->listen) % n->regions;
        syn->forward = from < r->shape.region;
        syn->back = !syn->forward;
    }
}

static void open_row(nx_model *m, nx_region *r, uint32_t j) {
    const mdl_shape *s = &r->shape;
    nx_neuron *n = &r->neuron[j];
    uint32_t source[MDL_FAN_IN_MAX], word[4];
    uint8_t delay[MDL_FAN_IN_MAX];
    uint64_t seed = m->x->network.seed;
    n->fan = mdl_row_fan(s, j);
    n->synapse = take(n->fan, sizeof *n->synapse);
    mdl_wire_row(&m->x->network, s, j, source, delay);
    for (uint32_t k = 0; k < n->fan; k++) {
        nx_synapse *syn = &n->synapse[k];
        syn->source = source[k];
        syn->delay = delay[k];
        place_synapse(m, r, syn);
        words(seed, k << 24 | j, s->region, k >> 8, 3, word);
        syn->modulatory = syn->recurrent && m->x->neuraxon.mechanism[MDL_NX_MODULATORY] &&
                          unit(word[0]) < (double)m->x->neuraxon.modulatory_share;
        syn->silent = syn->recurrent && ON(SILENT) && unit(word[1]) < (double)m->x->neuraxon.silent_share;
        syn->integrity = 1.0;
    }
    words(seed, j, s->region, 1, 4, word);
    n->place = 2.0 * unit(word[0]) - 1.0;
    if (j < s->hidden) {
        double unused;
        words(seed, j, s->region, 0, 8, word);
        normals(word[0], word[1], &n->scatter, &unused);
    }
    n->brake = 1.0;
}

static double edge(double gene) { return 0.5 * exp(within(gene, -2.0, 2.0)); }

static void read_genome(nx_model *m, const mdl_genome_layout *l, const float *genome) {
    const double bound = (double)m->x->neuraxon.weight_max;
    uint32_t synapse = 0, neuron = 0;
    for (uint32_t i = 0; i < m->x->network.regions; i++) {
        nx_region *r = &m->region[i];
        const mdl_shape *s = &r->shape;
        const float *q = genome + l->regions + MDL_NEURAXON_REGION_GENES * i;
        for (uint32_t j = 0; j < s->neurons; j++, neuron++) {
            nx_neuron *n = &r->neuron[j];
            uint32_t word[4];
            for (uint32_t k = 0; k < n->fan; k++, synapse++) {
                nx_synapse *syn = &n->synapse[k];
                if (l->encoding == MDL_DIRECT) {
                    syn->w0 = (double)genome[l->weights + synapse];
                    syn->meta0 =
                        m->x->neuraxon.mechanism[MDL_NX_META_WEIGHTS] ? (double)genome[l->meta + synapse] : 1.0;
                } else {
                    const float *c = q + 4 * (!syn->recurrent ? 0 : syn->source <= s->sensors + s->hidden ? 1 : 2);
                    double g0, g1;
                    words(m->x->network.seed, k << 24 | j, s->region, k >> 8, 2, word);
                    normals(word[0], word[1], &g0, &g1);
                    syn->w0 = 4.0 * (double)c[0] / n->fan + 2.0 * (double)c[1] / sqrt(n->fan) * g0;
                    syn->meta0 = (double)c[2] + (double)c[3] * g1;
                }
                syn->w0 = syn->slow = within(syn->w0, -bound, bound);
                syn->meta0 = syn->meta = within(syn->meta0, -4.0, 4.0);
            }
            if (l->encoding == MDL_DIRECT) {
                n->above = edge((double)genome[l->thresholds + 2 * neuron]);
                n->below = edge((double)genome[l->thresholds + 2 * neuron + 1]);
                n->tau = (double)genome[l->taus + neuron];
            } else {
                double g0, g1, g2, unused;
                words(m->x->network.seed, j, s->region, 0, 4, word);
                normals(word[0], word[1], &g0, &g1);
                normals(word[2], word[3], &g2, &unused);
                n->above = edge((double)q[12] + (double)q[14] * g0);
                n->below = edge((double)q[13] + (double)q[14] * g1);
                n->tau = (double)q[15] + (double)q[16] * g2;
            }
        }
    }
}

nx_model *nx_open(const mdl_experiment *x, const float *genome, uint64_t noise_key) {
    nx_model *m = take(1, sizeof *m);
    mdl_genome_layout l;
    if (mdl_genome_layout_of(x, &l) != MDL_OK)
        abort();
    m->x = x;
    m->key = noise_key;
    for (uint32_t i = 0; i < MDL_NX_COUNT; i++) /* tests switch nothing by genes */
        m->on[i] = x->neuraxon.mechanism[i] == MDL_ON;
    for (uint32_t i = 0; i < MDL_MECH_COUNT; i++)
        m->shared[i] = x->hmn.mechanism[i] == MDL_ON;
    for (uint32_t i = 0; i < MDL_NEURAXON_GENE_COUNT; i++)
        m->gene[i] = (double)genome[l.neuraxon + i];
    m->noise = SHARED(NOISE) ? 0.1 * fabs((double)genome[l.globals + MDL_GENE_NOISE]) : 0.0;
    m->critic_rate = 0.3 * fabs((double)genome[l.globals + MDL_GENE_CRITIC_RATE]);
    m->region = take(x->network.regions, sizeof *m->region);
    for (uint32_t i = 0; i < x->network.regions; i++) {
        nx_region *r = &m->region[i];
        mdl_shape_of(&x->network, i, &r->shape);
        r->neuron = take(r->shape.neurons, sizeof *r->neuron);
        r->x = take(r->shape.sources, sizeof *r->x);
        r->pre = take(r->shape.sources, sizeof *r->pre);
        r->gain = 1.0;
        r->before = -1.0;
        for (uint32_t j = 0; j < r->shape.neurons; j++)
            open_row(m, r, j);
    }
    read_genome(m, &l, genome);
    return m;
}

void nx_close(nx_model *m) {
    for (uint32_t i = 0; i < m->x->network.regions; i++) {
        for (uint32_t j = 0; j < m->region[i].shape.neurons; j++)
            free(m->region[i].neuron[j].synapse);
        free(m->region[i].neuron);
        free(m->region[i].x);
        free(m->region[i].pre);
    }
    free(m->region);
    free(m);
}

static double past(double (*of)[NX_STEPS], uint32_t source, uint32_t t, uint32_t delay) {
    return delay > t ? 0.0 : of[source][t - delay];
}

static double total(const nx_model *m, const nx_synapse *syn) {
    double bound = (double)m->x->neuraxon.weight_max;
    return within(syn->fast + syn->slow, -bound, bound);
}

/* Current of a unit of input. */
static double carried(const nx_model *m, const nx_region *r, const nx_neuron *n, const nx_synapse *syn,
                      const mdl_levers *h) {
    double w = total(m, syn);
    if (syn->silent || syn->dead || (ON(MODULATORY) && syn->modulatory))
        return 0.0;
    w *= w < 0.0 ? n->brake * (double)h->inhibit : (double)h->excite;
    w *= syn->recurrent ? r->in_force : 1.0;
    return w * (syn->forward ? (double)h->feedforward : syn->back ? (double)h->feedback : 1.0);
}

static void balance(const nx_model *m, nx_region *r, uint32_t t, const mdl_levers *h) {
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        nx_neuron *n = &r->neuron[j];
        double e = 0.0, i = 0.0;
        for (uint32_t k = 0; k < n->fan; k++) {
            const nx_synapse *syn = &n->synapse[k];
            double c = carried(m, r, n, syn, h), x = fabs(past(r->x, syn->source, t, syn->delay));
            *(c > 0.0 ? &e : &i) += fabs(c) * x;
        }
        n->brake += 0.1 * squash(GENE(BALANCE_RATE) - 1.0) * (e - i) / (e + i + 1.0 / 1024.0);
        n->brake = within(n->brake, 0.125, 8.0);
    }
}

static void learn(const nx_model *m, nx_region *r, uint32_t t, double rate, double serotonin, uint32_t action) {
    int zero = m->x->neuraxon.relax == MDL_RELAX_ZERO;
    double decay_fast = zero ? 0.8 : squash(3.0 + GENE(TAU_FAST)), bound = (double)m->x->neuraxon.weight_max;
    double relax = zero ? 0.02 : 0.02 * squash(GENE(RELAX) - 3.0);
    double set_point = zero ? 0.0 : within(GENE(SET_POINT), -2.0, 2.0);
    double consolidate = ON(CONSOLIDATION) ? 0.2 * squash(GENE(CONSOLIDATE) - 1.0) * (1.0 - decay_fast) : 0.0;
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        nx_neuron *n = &r->neuron[j];
        double post = n->z;
        if (j >= r->shape.hidden && r->shape.motors > 1 && SHARED(EFFERENCE_COPY))
            post = j - r->shape.hidden == action ? 1.0 : 0.0;
        for (uint32_t k = 0; k < n->fan; k++) {
            nx_synapse *syn = &n->synapse[k];
            double pre = past(r->pre, syn->source, t, syn->delay), x = past(r->x, syn->source, t, syn->delay);
            double coincidence = pre * post - (ON(STDP) ? GENE(DEPRESSION) : 0.0) * x * n->trace;
            syn->e = syn->dead ? 0.0 : squash(2.0 + GENE(TAU_ELIGIBILITY)) * syn->e + coincidence;
            double d = syn->silent || syn->dead ? 0.0 : rate * syn->e * (ON(META_WEIGHTS) ? syn->meta : 1.0);
            if (ON(FAST_WEIGHTS)) {
                syn->fast = within(decay_fast * syn->fast + d, -bound, bound);
                syn->slow += consolidate * syn->fast;
            } else {
                syn->slow += d;
            }
            double target = syn->formed || syn->dead ? 0.0 : set_point * syn->w0;
            syn->slow = within(syn->slow + relax * (target - syn->slow), -bound, bound);
            if (ON(METAPLASTICITY) && !syn->dead) {
                syn->meta += 0.05 * squash(GENE(META_RELAX) - 2.0) * (syn->meta0 - syn->meta) -
                             GENE(META_CHANGE) * fabs(d) + 0.01 * GENE(META_SEROTONIN) * serotonin;
                syn->meta = within(syn->meta, -4.0, 4.0);
            }
        }
    }
}

static int chance(const nx_model *m, const nx_region *r, uint32_t t, uint32_t j, uint32_t k, double p) {
    uint32_t word[4];
    words(m->key, 16 * j + k % 16, r->shape.region, t, 16 + k / 64, word);
    return unit(word[k / 16 % 4]) < p;
}

static void form(const nx_model *m, nx_region *r, uint32_t t, uint32_t j, uint32_t k) {
    const mdl_shape *s = &r->shape;
    nx_neuron *n = &r->neuron[j];
    uint32_t word[4], own = 1 + s->sensors, inbound = own + s->hidden;
    uint32_t base = n->synapse[k].source < inbound ? own : inbound, count = base == own ? s->hidden : s->inbound;
    words(m->key, 16 * j + k % 16, s->region, t, 112 + k / 64, word);
    uint32_t start = (uint32_t)((double)word[0] * count / 4294967296.0);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t partner = base + (start + i) % count;
        int free_one = !(base == own && j < s->hidden && partner == own + j);
        for (uint32_t o = 0; o < n->fan; o++)
            free_one &= n->synapse[o].dead || n->synapse[o].source != partner;
        if (!free_one)
            continue;
        nx_synapse *syn = &n->synapse[k];
        syn->source = partner;
        place_synapse(m, r, syn);
        syn->dead = 0;
        syn->formed = 1;
        syn->silent = ON(SILENT);
        syn->slow = word[1] >> 31 ? 0.1 : -0.1;
        syn->meta = syn->meta0;
        syn->integrity = 1.0;
        return;
    }
}

static void restructure(const nx_model *m, nx_region *r, uint32_t t, double arousal) {
    for (uint32_t j = 0; j < r->shape.neurons; j++)
        for (uint32_t k = 0; k < r->neuron[j].fan; k++) {
            nx_synapse *syn = &r->neuron[j].synapse[k];
            if (!syn->recurrent)
                continue;
            if (ON(STRUCTURE) && syn->dead) {
                double p = fmin(0.02 * GENE(FORM) * GENE(FORM), 1.0) * (1.0 + fabs(GENE(AROUSAL)) * arousal);
                if (chance(m, r, t, j, k, p))
                    form(m, r, t, j, k);
                continue;
            }
            if (ON(STRUCTURE)) {
                syn->integrity += 0.02 * ((fabs(total(m, syn)) > 0.02) - syn->integrity);
                if (syn->integrity < 0.1 && chance(m, r, t, j, k, fmin(0.02 * GENE(PRUNE) * GENE(PRUNE), 1.0))) {
                    syn->fast = syn->slow = syn->meta = syn->e = syn->integrity = 0.0;
                    syn->dead = 1;
                    syn->silent = syn->formed = 0;
                    continue;
                }
            }
            if (syn->silent && fabs(syn->e) > 0.5 * fabs(GENE(WAKE)) && chance(m, r, t, j, k, 0.25))
                syn->silent = 0;
        }
}

static void wipe(nx_region *r, uint32_t t) {
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        nx_neuron *n = &r->neuron[j];
        n->v = n->z = n->trace = n->adapt = n->autor = n->lag = n->feature = 0.0;
        for (uint32_t k = 0; k < n->fan; k++)
            n->synapse[k].e = 0.0;
    }
    for (uint32_t i = 0; i < r->shape.sources; i++)
        for (uint32_t back = 0; back < t; back++)
            r->x[i][back] = r->pre[i][back] = 0.0;
    r->before = -1.0;
}

static void put(const nx_model *m, nx_region *r, uint32_t t, uint32_t source, double x) {
    double y = source > r->shape.sensors ? x : x > 0.5 ? 1.0 : x < -0.5 ? -1.0 : 0.0;
    double decay = ON(STDP) ? squash(GENE(TAU_PRE)) : 0.0;
    r->x[source][t] = x;
    r->pre[source][t] = decay * (t > 0 ? r->pre[source][t - 1] : 0.0) + (1.0 - decay) * y;
}

/* Turns a step of a rhythm, as the 32-bit fraction that core adds up. */
static double turns(double gene, double base) {
    return floor(base * exp(within(gene, -3.0, 1.0)) * 4294967296.0) / 4294967296.0;
}

static double rhythm(const nx_model *m, const nx_region *r, const nx_neuron *n, uint32_t t, const uint32_t omega[3]) {
    double gate = 1.0, sum = 0.0, coupling = fmin(fabs(GENE(OSC_COUPLING)), 1.0), before = 0.0;
    for (int i = 0; i < 3; i++) {
        double phase = (double)(uint32_t)(omega[i] * t + r->shape.region * 0x9e3779b9u) / 4294967296.0;
        if (i > 0)
            gate *= 1.0 + 0.5 * coupling * (cos(TAU * before) - 1.0);
        sum += gate * cos(TAU * (phase + 0.5 * GENE(OSC_SPREAD) * n->place));
        before = phase;
    }
    return ON(OSCILLATORS) ? 0.1 * fabs(GENE(OSC_SIZE)) * sum : 0.0;
}

static void step(nx_model *m, nx_region *r, uint32_t t, const mdl_levers *h, double offset, const uint32_t omega[3]) {
    const mdl_shape *s = &r->shape;
    double p = ON(SPONTANEOUS) ? fmin(0.01 * GENE(SPONTANEOUS) * GENE(SPONTANEOUS), 0.25) : 0.0;
    double *z = take(s->neurons, sizeof *z);
    for (uint32_t j = 0; j < s->neurons; j++) {
        nx_neuron *n = &r->neuron[j];
        double input = 0.0, bend = 0.0, g0, unused;
        uint32_t word[4];
        for (uint32_t k = 0; k < n->fan; k++) {
            const nx_synapse *syn = &n->synapse[k];
            double x = past(r->x, syn->source, t, syn->delay);
            input += carried(m, r, n, syn, h) * x;
            if (ON(MODULATORY) && syn->modulatory && !syn->silent && !syn->dead)
                bend += 0.3 * GENE(MODULATORY) * syn->meta * x;
        }
        double decay_post = ON(STDP) ? squash(GENE(TAU_POST)) : 0.0;
        n->trace = decay_post * n->trace + (1.0 - decay_post) * n->z;
        input = within(input, -1024.0, 1024.0);
        n->lag += 0.05 * (input - n->lag);
        input += (double)h->slow * (n->lag - input);
        double u = 2.0 * input + (double)h->rest - n->adapt + rhythm(m, r, n, t, omega);
        double decay = sigmoid(within(n->tau + GENE(TAU_MEMBRANE), -6.0, 6.0));
        n->v = decay * n->v + (1.0 - decay) * u;
        words(m->key, j, s->region, t, 1, word);
        normals(word[0], word[1], &g0, &unused);
        n->v += m->noise * g0;
        if (unit(word[3]) < p)
            n->v += word[3] & 1 ? fabs(GENE(KICK)) : -fabs(GENE(KICK));
        n->v = within(n->v, -1024.0, 1024.0);
        double shift = offset + (double)h->threshold + (double)h->spread * n->scatter - bend;
        shift += ON(AUTORECEPTOR) ? 0.2 * GENE(AUTO_SIZE) * n->autor : 0.0;
        double slope = (double)h->slope, centred = n->v - shift;
        if (ON(TRINARY))
            z[j] = centred > n->above / slope ? 1.0 : centred < -n->below / slope ? -1.0 : 0.0;
        else
            z[j] = tanh(slope * centred);
        double size = ON(ADAPTATION) ? 0.1 * fabs(GENE(ADAPT_SIZE)) : 0.0;
        n->adapt += squash(GENE(ADAPT_RATE) - 4.0) * (size * fabs(z[j]) - n->adapt);
        n->autor += squash(GENE(AUTO_RATE) - 5.0) * (z[j] - n->autor);
    }
    for (uint32_t j = 0; j < s->neurons; j++)
        r->neuron[j].z = z[j];
    free(z);
}

static void count(const nx_model *m, nx_region *r) {
    double now = 0.0, before = r->before, h = r->shape.hidden;
    for (uint32_t j = 0; j < r->shape.hidden; j++)
        now += fabs(r->neuron[j].z);
    r->before = now = floor(now + 0.5);
    if (before < 0.0)
        return;
    const double terms[5] = {1.0, before, now, before * before, before * now};
    for (int i = 0; i < 5; i++)
        r->sums[i] += terms[i];
    if (++r->pairs < 256)
        return;
    r->pairs = 0;
    double load = r->sums[1] / (r->sums[0] * h) / 0.03;
    r->gain += 0.04 * squash(GENE(HOMEO_RATE)) * r->gain * (1.0 - (load < 5.0 ? load : 5.0));
    r->gain = within(r->gain, 1.0 / 256.0, 256.0);
    memset(r->sums, 0, sizeof r->sums);
}

static void complete(const nx_model *m, nx_region *r, const mdl_modulation *state, double dopamine, double serotonin,
                     double rate_factor, double arousal) {
    uint32_t t = m->t - 1;
    if (!SHARED(PLASTICITY))
        return;
    double rate = (double)state->permit * ((double)state->eta_global * dopamine + (double)state->eta_local);
    learn(m, r, t, rate * rate_factor, serotonin, state->action_before);
    if (ON(SILENT) || ON(STRUCTURE))
        restructure(m, r, t, arousal);
}

/* Own neurons' states into their lines, and those that others listen to into theirs. */
static void carry_over(nx_model *m, uint32_t t) {
    const mdl_network_spec *n = &m->x->network;
    for (uint32_t i = 0; i < n->regions; i++) {
        nx_region *r = &m->region[i];
        for (uint32_t k = 0; n->sources > 0 && k < n->sources; k++) {
            uint32_t from = (i + 1 + k) % n->regions, set[256];
            mdl_export_set(n, from, set);
            for (uint32_t e = 0; e < n->listen; e++)
                put(m, r, t, 1 + r->shape.sensors + r->shape.hidden + k * n->listen + e,
                    m->region[from].neuron[set[e]].z);
        }
    }
}

void nx_window(nx_model *m, const mdl_modulation *state, const float *obs, const mdl_levers *levers, double dopamine,
               double serotonin, double rate_factor, double arousal) {
    const mdl_network_spec *n = &m->x->network;
    const mdl_levers none = MDL_LEVERS_NONE;
    const uint32_t omega[3] = {(uint32_t)(turns(GENE(OSC_SLOW), 1.0 / 256.0) * 4294967296.0),
                               (uint32_t)(turns(GENE(OSC_MIDDLE), 1.0 / 48.0) * 4294967296.0),
                               (uint32_t)(turns(GENE(OSC_FAST), 1.0 / 9.0) * 4294967296.0)};
    for (uint32_t i = 0; i < n->regions; i++) {
        nx_region *r = &m->region[i];
        if (!(state->flags_before & MDL_OUT_FROZEN))
            complete(m, r, state, dopamine, serotonin, rate_factor, arousal);
        for (uint32_t j = 0; SHARED(CRITIC) && j < r->shape.neurons; j++) {
            nx_neuron *one = &r->neuron[j];
            one->value += m->critic_rate / r->shape.neurons * (double)state->e[0] * one->feature;
            one->value = within(one->value, -8.0, 8.0);
            one->feature = one->z;
        }
        if (state->flags & MDL_OUT_WIPE)
            wipe(r, m->t);
        r->in_force = r->gain;
        if (ON(HOMEOSTASIS) && r->before > 0.0)
            r->in_force /= 1.0 + 2.0 * r->before / r->shape.hidden;
    }
    double novelty = SHARED(NOVELTY) ? 0.3 * GENE(NOVELTY_SHIFT) * (double)state->e[2] : 0.0;
    for (uint32_t w = 0; w < n->window; w++, m->t++) {
        for (uint32_t i = 0; i < n->regions; i++) {
            nx_region *r = &m->region[i];
            for (uint32_t k = 0; k < r->shape.sensors; k++)
                put(m, r, m->t, 1 + k, k == 0 ? 1.0 : (double)obs[k - 1]);
            step(m, r, m->t, levers ? &levers[i] : &none, -novelty, omega);
        }
        for (uint32_t i = 0; i < n->regions; i++) {
            nx_region *r = &m->region[i];
            for (uint32_t j = 0; j < r->shape.hidden; j++)
                put(m, r, m->t, 1 + r->shape.sensors + j, r->neuron[j].z);
            if (ON(HOMEOSTASIS))
                count(m, r);
        }
        carry_over(m, m->t);
    }
    for (uint32_t i = 0; ON(BALANCE) && !(state->flags & MDL_OUT_FROZEN) && i < n->regions; i++)
        balance(m, &m->region[i], m->t - 1, levers ? &levers[i] : &none);
}
