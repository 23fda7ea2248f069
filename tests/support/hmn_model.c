#include "tests/support/hmn_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/philox.h"
#include "core/wiring.h"

#define TAU 6.283185307179586476925286766559
#define ON(name) (m->on[MDL_MECH_##name])
#define GENE(name) (m->gene[MDL_GENE_##name])

enum { STEPS_MAX = 1024 };

static double within(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
/* 1 / tau for tau = 1 + e^x, x within +-6. */
static double rate_of(double x) { return 1.0 / (1.0 + exp(within(x, -6.0, 6.0))); }

/* Exponents of both softmaxes are bounded. */
static double score(double x) { return within(x, -20.0, 20.0); }

static double unit(uint32_t word) { return (double)(word >> 8) / 16777216.0; }

static double normal(uint32_t a, uint32_t b) {
    return sqrt(-2.0 * log(((double)(a >> 8) + 1.0) / 16777216.0)) * cos(TAU * (double)b / 4294967296.0);
}

static void words(const model *m, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t out[4]) {
    uint32_t c[4] = {c0, c1, c2, c3};
    mdl_philox(c, m->key, out);
}

static void *take(size_t count, size_t item) {
    void *p = calloc(count ? count : 1, item);
    if (!p)
        abort();
    return p;
}

/* Source numbers of core/wiring.h resolved: constant, sensor, or a neuron of the whole network. */
static void resolve(const model *m, const mdl_shape *s, uint32_t source, model_synapse *syn) {
    const mdl_network_spec *n = &m->x->network;
    uint32_t i = source - 1;
    if (i < s->sensors) {
        syn->kind = i == 0 ? FROM_CONSTANT : FROM_SENSOR;
        syn->from = i - 1;
        return;
    }
    i -= s->sensors;
    syn->kind = FROM_NEURON;
    if (i < s->hidden) {
        syn->from = m->first[s->region] + i;
        return;
    }
    i -= s->hidden;
    uint32_t region = (s->region + 1 + i / n->listen) % n->regions, set[256];
    mdl_export_set(n, region, set);
    syn->from = m->first[region] + set[i % n->listen];
}

static void read_genome_direct(model *m, const mdl_genome_layout *l, const float *genome) {
    const float *w = genome + l->weights, *phase = genome + l->phases, *embed = genome + l->embeddings;
    uint32_t neuron = 0;
    for (uint32_t r = 0; r < m->x->network.regions; r++) {
        mdl_shape s;
        mdl_shape_of(&m->x->network, r, &s);
        for (uint32_t j = 0; j < s.neurons; j++, neuron++) {
            model_neuron *n = &m->neuron[neuron];
            uint32_t source[MDL_FAN_IN_MAX];
            uint8_t delay[MDL_FAN_IN_MAX];
            mdl_wire_row(&m->x->network, &s, j, source, delay);
            n->gain = m->x->hmn.mechanism[MDL_MECH_NEURON_GAIN] ? (double)genome[l->gains + neuron] : 1.0;
            for (uint32_t k = 0; k < n->fan; k++) {
                model_synapse *syn = &n->synapse[k];
                syn->w = within((double)*w++, -(double)m->x->hmn.weight_max, (double)m->x->hmn.weight_max);
                if (m->x->hmn.mechanism[MDL_MECH_PHASE_GATE])
                    syn->phi = 0.5 * (double)*phase++;
                if (m->x->hmn.mechanism[MDL_MECH_LOCAL_ATTENTION])
                    for (int d = 0; d < 2; d++) {
                        syn->u[d] = (double)embed[4 * (source[k] - 1) + (uint32_t)d];
                        syn->v[d] = (double)embed[4 * (source[k] - 1) + 2 + (uint32_t)d];
                    }
            }
        }
        embed += 4 * (s.sources - 1);
    }
}

static void read_genome_indirect(model *m, const mdl_genome_layout *l, const float *genome) {
    uint32_t neuron = 0;
    for (uint32_t r = 0; r < m->x->network.regions; r++) {
        const float *region = genome + l->regions + 25 * r;
        mdl_shape s;
        mdl_shape_of(&m->x->network, r, &s);
        for (uint32_t j = 0; j < s.neurons; j++, neuron++) {
            model_neuron *n = &m->neuron[neuron];
            n->gain = (double)region[24];
            for (uint32_t k = 0; k < n->fan; k++) {
                model_synapse *syn = &n->synapse[k];
                int own = syn->kind == FROM_NEURON && m->neuron[syn->from].region == r;
                const float *q = region + (syn->kind != FROM_NEURON ? 0 : own ? 8 : 16);
                uint32_t c[4] = {k << 24 | j, r, k >> 8, 2};
                mdl_philox(c, m->x->network.seed, c);
                double w = 4.0 * (double)q[0] / n->fan + 2.0 * (double)q[1] / sqrt(n->fan) * normal(c[0], c[1]);
                syn->w = within(w, -(double)m->x->hmn.weight_max, (double)m->x->hmn.weight_max);
                syn->phi = 0.5 * ((double)q[2] + within((double)q[3], -1.0, 1.0) * (2.0 * unit(c[2]) - 1.0));
                for (int d = 0; d < 2; d++) {
                    syn->u[d] = (double)q[4 + d];
                    syn->v[d] = (double)q[6 + d];
                }
            }
        }
    }
}

/* Eqs. (6), (10), (11) and what else follows from the E_k. */
static void integrate(model *m) {
    double w[3] = {GENE(W_REWARD), ON(UNCERTAINTY) ? GENE(W_UNCERTAINTY) : 0.0, ON(NOVELTY) ? GENE(W_NOVELTY) : 0.0};
    double total = 0.0, gate = 0.0;
    m->g = m->g_prime = 0.0;
    for (int k = 0; k < 3; k++)
        total += exp(score(2.0 * GENE(BETA_G) * m->e[k] * m->c_global));
    for (int k = 0; k < 3; k++) {
        m->gamma[k] = ON(GLOBAL_ATTENTION) ? 3.0 * exp(score(2.0 * GENE(BETA_G) * m->e[k] * m->c_global)) / total : 1.0;
        m->g += w[k] * m->e[k];
        m->g_prime += m->gamma[k] * w[k] * m->e[k];
    }
    gate = GENE(GATE_REWARD) * fabs(m->e[0]) + GENE(GATE_UNCERTAINTY) * m->e[1] + GENE(GATE_NOVELTY) * m->e[2];
    m->permit = !ON(PLASTICITY_GATE) || gate > 0.1 * GENE(GATE_THETA) ? 1.0 : 0.0;
    m->drop =
        ON(DROPOUT) ? within(0.1 * fabs(GENE(DROP_BASE)) + 0.1 * GENE(DROP_UNCERTAINTY) * m->e[1], 0.0, 0.9) : 0.0;
    double context = within(1.0 + GENE(RATE_NOVELTY) * m->e[2] + GENE(RATE_UNCERTAINTY) * m->e[1], 0.0, 4.0);
    m->eta_local = ON(LOCAL_TERM) ? 0.02 * GENE(ETA_LOCAL) : 0.0;
    m->eta_global = ON(GLOBAL_TERM) ? 0.1 * GENE(ETA_GLOBAL) : 0.0;
    if (ON(CONTEXT_RATE)) {
        m->eta_local *= context;
        m->eta_global *= context;
    }
    if (ON(META_LEARNING)) {
        m->eta_local *= exp(m->meta_u[0] + m->meta_d[0]);
        m->eta_global *= exp(m->meta_u[1] + m->meta_d[1]);
    }
}

/* Eq. (7): the learning rates that the next meta-period tries. */
static void perturb(model *m) {
    const double c = 0.2;
    uint32_t r[4];
    words(m, m->window, 0, 0, 0x6d657461u, r);
    switch (m->x->hmn.meta_method) {
    case MDL_META_FINITE:
        for (uint32_t i = 0; i < 2; i++)
            m->meta_d[i] = m->meta_stage == 2 * i ? c : m->meta_stage == 2 * i + 1 ? -c : 0.0;
        return;
    case MDL_META_SPSA:
        if (m->meta_stage == 1) {
            m->meta_d[0] = -m->meta_d[0];
            m->meta_d[1] = -m->meta_d[1];
            return;
        }
        break;
    case MDL_META_REINFORCE:
        break;
    }
    for (int i = 0; i < 2; i++)
        m->meta_d[i] = r[i] >> 31 ? c : -c;
}

/* Eq. (7) at the end of a meta-period: u <- u - alpha grad, L = -mean reward. */
static void descend(model *m) {
    double alpha[2] = {0.3 * fabs(GENE(ALPHA_LOCAL)), 0.3 * fabs(GENE(ALPHA_GLOBAL))};
    double loss = -m->meta_sum / m->x->hmn.meta_period, gradient[2] = {0.0, 0.0};
    double sign[2] = {m->meta_d[0] > 0 ? 1.0 : -1.0, m->meta_d[1] > 0 ? 1.0 : -1.0};
    uint32_t stage = m->meta_stage, stages = 1;
    switch (m->x->hmn.meta_method) {
    case MDL_META_REINFORCE:
        for (int i = 0; i < 2; i++)
            gradient[i] = (loss - m->meta_base) * sign[i];
        m->meta_base += 0.3 * (loss - m->meta_base);
        break;
    case MDL_META_SPSA: /* tried at +d, now at -d */
        stages = 2;
        for (int i = 0; i < 2 && stage == 1; i++)
            gradient[i] = (m->meta_first - loss) / 2.0 * -sign[i];
        break;
    case MDL_META_FINITE:
        stages = 4;
        if (stage % 2 == 1)
            gradient[stage / 2] = (m->meta_first - loss) / 2.0;
        break;
    }
    if (stages > 1 && stage % 2 == 0)
        m->meta_first = loss;
    for (int i = 0; i < 2; i++)
        m->meta_u[i] = within(m->meta_u[i] - alpha[i] * gradient[i], -2.0, 2.0);
    m->meta_stage = (stage + 1) % stages;
    m->meta_sum = 0.0;
    m->meta_count = 0;
    perturb(m);
}

model *model_open(const mdl_experiment *x, const float *genome, uint64_t noise_key, uint32_t steps,
                  const mdl_task_out *out) {
    model *m = take(1, sizeof *m);
    mdl_genome_layout l;
    if (steps > STEPS_MAX || mdl_genome_layout_of(x, &l) != MDL_OK)
        abort();
    m->x = x;
    m->key = noise_key;
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
        m->gene[i] = within((double)genome[l.globals + i], -64.0, 64.0);
    uint32_t at = l.switches;
    for (uint32_t i = 0; i < MDL_MECH_COUNT; i++)
        m->on[i] = x->hmn.mechanism[i] == MDL_ON || (x->hmn.mechanism[i] == MDL_GENE && genome[at++] > 0.0f);
    for (uint32_t r = 0; r < x->network.regions; r++) {
        m->first[r] = m->neurons;
        m->neurons += x->network.neurons[r] + (r == 0 ? x->network.motors : 0);
    }
    m->neuron = take(m->neurons, sizeof *m->neuron);
    for (uint32_t r = 0; r < x->network.regions; r++) {
        mdl_shape s;
        mdl_shape_of(&x->network, r, &s);
        for (uint32_t j = 0; j < s.neurons; j++) {
            model_neuron *n = &m->neuron[m->first[r] + j];
            uint32_t source[MDL_FAN_IN_MAX];
            uint8_t delay[MDL_FAN_IN_MAX];
            mdl_wire_row(&x->network, &s, j, source, delay);
            n->region = r;
            n->index = j;
            n->hidden = j < s.hidden;
            n->fan = mdl_row_fan(&s, j);
            n->history = take(steps, sizeof *n->history);
            n->synapse = take(n->fan, sizeof *n->synapse);
            for (uint32_t k = 0; k < n->fan; k++) {
                n->synapse[k].delay = delay[k];
                resolve(m, &s, source[k], &n->synapse[k]);
            }
        }
    }
    for (uint32_t i = 0; i < m->neurons; i++)
        for (uint32_t k = 0; k < m->neuron[i].fan; k++)
            if (m->neuron[i].synapse[k].kind == FROM_NEURON && m->neuron[i].synapse[k].from >= m->neurons)
                abort();
    if (x->hmn.encoding == MDL_DIRECT)
        read_genome_direct(m, &l, genome);
    else
        read_genome_indirect(m, &l, genome);
    m->steps_max = steps;
    m->out = *out;
    m->before.flags = MDL_OUT_FROZEN;
    if (ON(META_LEARNING))
        perturb(m);
    integrate(m);
    return m;
}

void model_close(model *m) {
    for (uint32_t i = 0; i < m->neurons; i++) {
        free(m->neuron[i].synapse);
        free(m->neuron[i].history);
    }
    free(m->neuron);
    free(m);
}

/* x_i(t - tau_ij); what was before birth or the last wipe is 0. */
static double input(const model *m, const model_synapse *s, uint32_t t) {
    if (t < m->wiped_at + s->delay)
        return 0.0;
    t -= s->delay;
    return s->kind == FROM_CONSTANT ? 1.0
           : s->kind == FROM_SENSOR ? m->sensor_history[s->from][t]
                                    : m->neuron[s->from].history[t];
}

/* s_ij = g(h_i, c_j) of eq. (9). */
static double similarity(const model *m, const model_synapse *s, const double c[2], double x) {
    double h[2] = {s->u[0] * x + s->v[0], s->u[1] * x + s->v[1]};
    double hh = h[0] * h[0] + h[1] * h[1], cc = c[0] * c[0] + c[1] * c[1], hc = h[0] * c[0] + h[1] * c[1];
    if (m->x->hmn.similarity == MDL_DOT)
        return hc;
    return hh <= 0x1p-60 || cc <= 0x1p-60 ? 0.0 : hc / sqrt(hh) / sqrt(cc);
}

/* Eqs. (2)-(5), (8), (9) for neuron j and step t. */
static void learn(model *m, model_neuron *n, uint32_t t, double post) {
    double softmax = 0.0, c[2] = {GENE(TAU_C0) + 1.0, GENE(TAU_C1) + 3.0};
    for (int d = 0; d < 2; d++)
        n->c[d] += rate_of(c[d]) * (post - n->c[d]);
    for (uint32_t k = 0; k < n->fan; k++) {
        model_synapse *s = &n->synapse[k];
        double q = input(m, s, t) * post;
        double keep_fast = 1.0 - rate_of(GENE(TAU_FAST)), keep_slow = 1.0 - rate_of(2.0 + GENE(TAU_SLOW));
        if (m->x->hmn.trace == MDL_TRACE_DIFFERENTIAL) {
            s->fast = keep_fast * s->fast + q;
            s->slow = keep_slow * s->slow + q;
        } else {
            if (fabs(q) > 0.1 * fabs(GENE(EVENT))) {
                s->event = q;
                s->event_at = m->completed;
            }
            s->fast = s->event * pow(keep_fast, m->completed - s->event_at);
            s->slow = s->event * pow(keep_slow, m->completed - s->event_at);
        }
        if (!ON(FAST_TRACE))
            s->fast = 0.0;
        if (!ON(SLOW_TRACE))
            s->slow = 0.0;
        s->alpha = exp(score(2.0 * GENE(BETA_A) * similarity(m, s, n->c, input(m, s, t))));
        softmax += s->alpha;
    }
    for (uint32_t k = 0; k < n->fan; k++) {
        model_synapse *s = &n->synapse[k];
        double turns = (double)t * GENE(OMEGA) * 0.3 / TAU + GENE(PHI0) / 2.0;
        uint32_t r[4];
        s->trace = s->fast + s->slow;
        s->alpha = ON(LOCAL_ATTENTION) ? n->fan * s->alpha / softmax : 1.0;
        double attended = s->alpha * s->trace;
        double d = m->eta_local * attended + m->eta_global * m->g_prime * attended; /* (3) */
        d *= m->permit * (ON(NEURON_GAIN) ? n->gain : 1.0);
        if (ON(PHASE_GATE))
            d *= fmax(0.0, cos(TAU * (turns - s->phi)));
        words(m, n->index * 16 + k % 16, n->region, t, 16 + k / 64, r);
        s->p = sigmoid(20.0 * exp(within(GENE(BETA_P), -4.0, 4.0)) * (fabs(d) - 0.02 * GENE(THETA_P)));
        if (ON(PROBABILISTIC) && !(unit(r[k / 16 % 4]) < s->p))
            d = 0.0;
        double w = within(s->w + d, -(double)m->x->hmn.weight_max, (double)m->x->hmn.weight_max);
        s->d = w - s->w;
        s->w = w;
    }
}

static void complete(model *m, uint32_t t, int last) {
    uint32_t motors = m->x->network.motors, hidden = m->x->network.neurons[0];
    for (uint32_t i = 0; i < m->neurons; i++) {
        model_neuron *n = &m->neuron[i];
        double post = n->z;
        if (last && motors > 1 && !n->hidden && ON(EFFERENCE_COPY))
            post = n->index - hidden == m->action ? 1.0 : 0.0;
        learn(m, n, t, post);
        if (n->hidden && ON(ADAPTIVE_BIAS)) {
            n->mean += 0.01 * (n->z - n->mean);
            n->bias += 0.1 * fabs(GENE(BIAS_RATE)) * (tanh(GENE(BIAS_TARGET)) - n->mean);
            n->bias = within(n->bias, -4.0, 4.0);
        }
    }
    m->completed++;
}

static void wipe(model *m) {
    m->wiped_at = m->t;
    for (uint32_t i = 0; i < m->neurons; i++) {
        model_neuron *n = &m->neuron[i];
        n->c[0] = n->c[1] = n->feature = 0.0;
        for (uint32_t k = 0; k < n->fan; k++)
            n->synapse[k].fast = n->synapse[k].slow = n->synapse[k].event = 0.0;
    }
}

static void open_window(model *m) {
    uint32_t regions = m->x->network.regions;
    for (uint32_t i = 0; ON(CRITIC) && i < m->neurons; i++) { /* TD(0) */
        model_neuron *n = &m->neuron[i];
        uint32_t end = n->region + 1 < regions ? m->first[n->region + 1] : m->neurons;
        double step = 0.3 * fabs(GENE(CRITIC_RATE)) / (end - m->first[n->region]);
        n->value = within(n->value + step * m->e[0] * n->feature, -8.0, 8.0);
        n->feature = n->z;
    }
    if (m->out.flags & MDL_OUT_WIPE)
        wipe(m);
    m->novelty = 0.0;
    for (uint32_t i = 0; i < m->x->network.sensors; i++) {
        double d = (double)m->out.obs[i] - m->sensor_mean[i];
        m->novelty += d * d;
        m->sensor_mean[i] += sigmoid(within(GENE(RHO_NOVELTY) - 2.0, -6.0, 6.0)) * d;
    }
}

/* Eq. (1). */
static void activate(model *m) {
    for (uint32_t i = 0; i < m->x->network.sensors; i++)
        m->sensor_history[i][m->t] = (double)m->out.obs[i];
    for (uint32_t i = 0; i < m->neurons; i++) {
        model_neuron *n = &m->neuron[i];
        uint32_t r[4];
        words(m, n->index, n->region, m->t, 1, r);
        n->a = n->bias;
        for (uint32_t k = 0; k < n->fan; k++)
            n->a += n->synapse[k].w * input(m, &n->synapse[k], m->t);
        if (ON(NOISE))
            n->a += 0.1 * fabs(GENE(NOISE)) * normal(r[0], r[1]);
        n->z = m->x->hmn.activation == MDL_TANH      ? tanh(n->a)
               : m->x->hmn.activation == MDL_SIGMOID ? sigmoid(n->a)
                                                     : within(n->a, 0.0, 64.0);
        if (n->hidden && unit(r[2]) < m->drop)
            n->z = 0.0;
    }
    for (uint32_t i = 0; i < m->neurons; i++)
        m->neuron[i].history[m->t] = m->neuron[i].z;
}

uint32_t model_window(model *m) {
    for (uint32_t i = 0; i < m->x->network.window; i++) {
        const mdl_task_out *during = i == 0 ? &m->before : &m->out;
        if (m->t >= m->steps_max)
            abort();
        if (ON(PLASTICITY) && !(during->flags & MDL_OUT_FROZEN))
            complete(m, m->t - 1, i == 0);
        if (i == 0)
            open_window(m);
        activate(m);
        m->t++;
    }
    const model_neuron *motor = &m->neuron[m->x->network.neurons[0]];
    m->action = 0;
    for (uint32_t i = 1; i < m->x->network.motors; i++)
        if (motor[i].a > motor[m->action].a)
            m->action = i;
    if (m->out.flags & MDL_OUT_TEACH)
        m->action = m->out.teach;
    return m->action;
}

void model_next(model *m, const mdl_task_out *out) {
    int rewarded = (m->out.flags & MDL_OUT_REWARD) != 0;
    double rho = rate_of(2.0 + GENE(TAU_REWARD)), reward = (double)m->out.reward, error = 0.0, v = 0.0;
    if (rewarded) {
        error = reward;
        if (ON(BASELINE))
            error -= 0.3 * GENE(R0) + sigmoid(within(2.0 + GENE(KAPPA), -20.0, 20.0)) * m->reward_mean;
        m->reward_mean += rho * (reward - m->reward_mean);
    }
    m->c_global = 0.0;
    for (uint32_t i = 0; i < m->neurons; i++) {
        m->c_global += m->neuron[i].z / m->neurons;
        v += m->neuron[i].value * m->neuron[i].z;
    }
    if (ON(CRITIC)) {
        if (out->flags & (MDL_OUT_WIPE | MDL_OUT_DONE))
            v = 0.0;
        v = within(v, -16.0, 16.0);
        error += (1.0 - rate_of(2.0 + GENE(DISCOUNT))) * v;
        if (!(m->out.flags & MDL_OUT_WIPE))
            error -= m->v;
    } else {
        v = 0.0;
    }
    m->v = v;
    m->e[0] = within(error, -16.0, 16.0);
    if (rewarded || ON(CRITIC))
        m->variance = within(m->variance + rho * (m->e[0] * m->e[0] - m->variance), 0.0, 256.0);
    m->e[1] = within(m->variance, 0.0, 16.0);
    m->e[2] = within(sqrt(m->novelty / m->x->network.sensors), 0.0, 16.0);
    m->window++;
    if (rewarded && ON(META_LEARNING)) {
        m->meta_sum += reward;
        if (++m->meta_count == m->x->hmn.meta_period)
            descend(m);
    }
    integrate(m);
    m->before = m->out;
    m->out = *out;
}
