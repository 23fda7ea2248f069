#include "core/neuraxon_region.h"

#include <string.h>

#include "core/hmn_kernel.h"
#include "core/lanes.h"
#include "core/neuraxon_kernel.h"
#include "core/num.h"

#define CRITIC_MAX 8.0f
/* Homeostasis (SPEC 13.6): the share of active neurons that the gain is steered
 * to, the most by which it counts as exceeded, and how far activity divides the gain. */
#define SHARE_WANTED 0.03
#define LOAD_MAX 5.0f
#define CROWDING 2.0f

static uint32_t padded(uint32_t n) { return (n + MDL_LANES - 1) / MDL_LANES * MDL_LANES; }

static int used(const mdl_experiment *x, mdl_neuraxon_mechanism m) { return x->neuraxon.mechanism[m] != MDL_OFF; }

uint32_t mdl_neuraxon_direction(const mdl_neuraxon_region *r, uint32_t source) {
    uint32_t own = 1 + r->shape.sensors, inbound = own + r->shape.hidden;
    if (source == 0)
        return 0;
    if (source < own)
        return MDL_CELL_FORWARD;
    if (source < inbound)
        return MDL_CELL_RECURRENT;
    uint32_t from = mdl_source_region(r->network, r->shape.region, (source - inbound) / r->listen);
    return MDL_CELL_RECURRENT | (from < r->shape.region ? MDL_CELL_FORWARD : MDL_CELL_BACK);
}

/* What the wiring makes of a recurrent synapse: word 0 and 1 of one draw. */
static uint32_t kind(const mdl_experiment *x, uint32_t region, uint32_t j, uint32_t k) {
    uint32_t c[4] = {k << 24 | j, region, k >> 8, MDL_NX_DRAW_KIND}, flags = 0;
    mdl_philox(c, x->network.seed, c);
    if (used(x, MDL_NX_MODULATORY) && (float)(int32_t)(c[0] >> 8) * 0x1p-24f < x->neuraxon.modulatory_share)
        flags |= MDL_CELL_MODULATORY;
    if (used(x, MDL_NX_SILENT) && (float)(int32_t)(c[1] >> 8) * 0x1p-24f < x->neuraxon.silent_share)
        flags |= MDL_CELL_LATENT;
    return flags;
}

static void wire(mdl_neuraxon_region *r, const mdl_experiment *x) {
    const mdl_shape *s = &r->shape;
    for (uint32_t j = 0; j < s->neurons; j++) {
        uint32_t source[MDL_FAN_IN_MAX], fan = mdl_row_fan(s, j);
        uint8_t delay[MDL_FAN_IN_MAX];
        mdl_wire_row(&x->network, s, j, source, delay);
        size_t at = mdl_row(s, j);
        for (uint32_t k = 0; k < mdl_row_stride(s, j); k++) {
            r->index[at + k] = s->slots * s->sources;
            r->flags[at + k] = 0;
            if (k >= fan)
                continue;
            r->index[at + k] = (s->slots - delay[k]) * s->sources + source[k];
            uint32_t direction = mdl_neuraxon_direction(r, source[k]);
            r->flags[at + k] = direction;
            if (direction & MDL_CELL_RECURRENT)
                r->flags[at + k] |= kind(x, s->region, j, k);
        }
    }
    for (uint32_t j = 0; j < s->hidden; j++) { /* as in HMN (SPEC 12.6); motors' thresholds are not spread */
        uint32_t c[4] = {j, s->region, 0, MDL_NX_DRAW_OFFSET};
        float unused;
        mdl_philox(c, x->network.seed, c);
        mdl_gauss(c[0], c[1], &r->scatter[j], &unused);
    }
    if (r->wired)
        memcpy(r->wired, r->index, s->cells * sizeof *r->wired);
    if (r->listen > 0)
        mdl_export_set(&x->network, s->region, r->exported);
}

static void init(void *region, mdl_arena *arena, const mdl_experiment *x, uint32_t number,
                 const struct mdl_kernel *kernel, int shared, const void *given) {
    mdl_neuraxon_region *r = region;
    const mdl_neuraxon_region *like = given;
    memset(r, 0, sizeof *r);
    mdl_shape_of(&x->network, number, &r->shape);
    const mdl_shape *s = &r->shape;
    MDL_ASSERT(s->fan[0] <= MDL_FAN_IN_MAX && s->fan[1] <= MDL_FAN_IN_MAX);
    r->kernel = mdl_neuraxon_kernel_of(kernel);
    r->network = &x->network;
    r->window = x->network.window;
    r->listen = x->network.sources > 0 ? x->network.listen : 0;
    size_t cells = s->cells, neurons = padded(s->neurons);
    r->flagged = used(x, MDL_NX_SILENT) || used(x, MDL_NX_STRUCTURE);
    shared = shared && !r->flagged; /* else the wiring is state */
    if (!shared) {
        r->index = mdl_arena_take(arena, cells, sizeof *r->index);
        r->flags = mdl_arena_take(arena, cells, sizeof *r->flags);
        r->exported = mdl_arena_take(arena, r->listen, sizeof *r->exported);
    } else if (like) {
        r->index = like->index;
        r->flags = like->flags;
        r->exported = like->exported;
    }
    if (used(x, MDL_NX_STRUCTURE)) {
        r->wired = mdl_arena_take(arena, cells, sizeof *r->wired);
        r->integrity = mdl_arena_take(arena, cells, sizeof(float));
    }
    float **per_cell[] = {&r->w0, &r->meta0, &r->fast, &r->slow, &r->meta, &r->e, &r->w, &r->carry};
    for (size_t i = 0; i < sizeof per_cell / sizeof per_cell[0]; i++)
        *per_cell[i] = mdl_arena_take(arena, cells, sizeof(float));
    r->shift = used(x, MDL_NX_MODULATORY) ? mdl_arena_take(arena, cells, sizeof(float)) : r->carry;
    float **per_neuron[] = {&r->above, &r->below, &r->tau,   &r->decay,   &r->cos_osc, &r->sin_osc, &r->scatter,
                            &r->input, &r->bend,  &r->v,     &r->z,       &r->post,    &r->trace,   &r->adapt,
                            &r->autor, &r->lag,   &r->brake, &r->readout, &r->value,   &r->feature};
    for (size_t i = 0; i < sizeof per_neuron / sizeof per_neuron[0]; i++)
        *per_neuron[i] = mdl_arena_take(arena, neurons, sizeof(float));
    r->sensor_mean = mdl_arena_take(arena, s->sensors, sizeof(float));
    r->line = mdl_arena_take(arena, 2 * mdl_neuraxon_twin(r) + 2 * MDL_LANES, sizeof(float)); /* kernels read on */
    if (!arena->base)
        return;
    for (size_t i = 0; i < sizeof per_neuron / sizeof per_neuron[0]; i++)
        memset(*per_neuron[i], 0, neurons * sizeof(float)); /* padding stays so, or is never read */
    memset(r->fast, 0, cells * sizeof(float));
    if (shared)
        memcpy(r->scatter, like->scatter, neurons * sizeof(float));
    else
        wire(r, x);
}

/* Padding cells hold weight 0 and listen to source 0, which is always 0. */
static void set_cell(mdl_neuraxon_region *r, size_t cell, float weight, float weight_max, float meta) {
    r->w0[cell] = mdl_flushf(mdl_clampf(weight, -weight_max, weight_max));
    r->meta0[cell] = mdl_flushf(mdl_clampf(meta, -MDL_NEURAXON_META_MAX, MDL_NEURAXON_META_MAX));
}

/* Threshold gene to threshold: 0.5 exp(g). */
static float threshold(float gene) { return 0.5f * mdl_expf(mdl_clampf(gene, -2.0f, 2.0f)); }

static void genome_direct(mdl_neuraxon_region *r, const mdl_experiment *x, const mdl_genome_layout *l,
                          const float *genome, const mdl_region_offset *at) {
    const mdl_shape *s = &r->shape;
    int meta_on = l->meta != MDL_GENES_ABSENT;
    const float *w = genome + l->weights + at->synapse, *meta = meta_on ? genome + l->meta + at->synapse : NULL;
    const float *edge = genome + l->thresholds + 2 * (size_t)at->neuron, *tau = genome + l->taus + at->neuron;
    for (uint32_t j = 0; j < s->neurons; j++) {
        size_t cell = mdl_row(s, j);
        uint32_t fan = mdl_row_fan(s, j);
        for (uint32_t k = 0; k < mdl_row_stride(s, j); k++)
            set_cell(r, cell + k, k < fan ? w[k] : 0.0f, x->neuraxon.weight_max,
                     k >= fan  ? 0.0f
                     : meta_on ? meta[k]
                               : 1.0f);
        w += fan;
        meta = meta_on ? meta + fan : NULL;
        r->above[j] = threshold(edge[2 * j]);
        r->below[j] = threshold(edge[2 * j + 1]);
        r->tau[j] = mdl_clampf(tau[j], -64.0f, 64.0f);
    }
}

/* Drawn around the means of their class; the draws belong to the wiring, so that
 * all candidates share them. */
static void genome_indirect(mdl_neuraxon_region *r, const mdl_experiment *x, const mdl_genome_layout *l,
                            const float *genome) {
    const mdl_shape *s = &r->shape;
    float g[MDL_NEURAXON_REGION_GENES];
    for (uint32_t i = 0; i < MDL_NEURAXON_REGION_GENES; i++)
        g[i] = mdl_clampf(genome[l->regions + s->region * MDL_NEURAXON_REGION_GENES + i], -64.0f, 64.0f);
    const float *edge = g + MDL_CLASSES * MDL_NEURAXON_CLASS_GENES;
    for (uint32_t j = 0; j < s->neurons; j++) {
        size_t cell = mdl_row(s, j);
        uint32_t fan = mdl_row_fan(s, j);
        float mean_scale = 4.0f / (float)fan, sd_scale = 2.0f / mdl_sqrtf((float)fan);
        for (uint32_t k = 0; k < mdl_row_stride(s, j); k++) {
            uint32_t class = j >= s->hidden && k >= s->fan_sensor ? 1 : mdl_slot_class(s, k);
            const float *q = g + class * MDL_NEURAXON_CLASS_GENES;
            uint32_t c[4] = {k << 24 | j, s->region, k >> 8, MDL_DRAW_WEIGHT};
            mdl_philox(c, x->network.seed, c);
            float g0, g1;
            mdl_gauss(c[0], c[1], &g0, &g1);
            float w = mdl_fmaf(q[1] * sd_scale, g0, q[0] * mean_scale);
            set_cell(r, cell + k, k < fan ? w : 0.0f, x->neuraxon.weight_max,
                     k < fan ? mdl_fmaf(q[3], g1, q[2]) : 0.0f);
        }
        uint32_t c[4] = {j, s->region, 0, MDL_NX_DRAW_NEURON};
        mdl_philox(c, x->network.seed, c);
        float g0, g1, g2, unused;
        mdl_gauss(c[0], c[1], &g0, &g1);
        mdl_gauss(c[2], c[3], &g2, &unused);
        r->above[j] = threshold(mdl_fmaf(edge[2], g0, edge[0]));
        r->below[j] = threshold(mdl_fmaf(edge[2], g1, edge[1]));
        r->tau[j] = mdl_fmaf(edge[4], g2, edge[3]);
    }
}

static void take_genome(void *region, const mdl_experiment *x, const mdl_genome_layout *layout, const float *genome,
                        const mdl_region_offset *at) {
    mdl_neuraxon_region *r = region;
    if (layout->encoding == MDL_DIRECT)
        genome_direct(r, x, layout, genome, at);
    else
        genome_indirect(r, x, layout, genome);
}

void mdl_neuraxon_put(mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t, uint32_t source, float x) {
    float *before = mdl_neuraxon_at(r, t - 1) + 2 * (size_t)source, *now = mdl_neuraxon_at(r, t) + 2 * (size_t)source;
    size_t twin = mdl_neuraxon_twin(r);
    float y = source > r->shape.sensors ? x : x > MDL_NEURAXON_TRIT ? 1.0f : x < -MDL_NEURAXON_TRIT ? -1.0f : 0.0f;
    before[1] = before[twin + 1] = x;
    now[0] = now[twin] = mdl_flushf(mdl_fmaf(p->decay_pre, before[0] - y, y));
}

void mdl_neuraxon_clear(mdl_neuraxon_region *r) { memset(r->line, 0, 2 * mdl_neuraxon_twin(r) * sizeof(float)); }

/* What belongs to a trial; what was learned stays. */
static void wipe(mdl_neuraxon_region *r) {
    size_t neurons = padded(r->shape.neurons) * sizeof(float);
    memset(r->e, 0, r->shape.cells * sizeof(float));
    float *const zeroed[] = {r->v, r->z, r->trace, r->adapt, r->autor, r->lag, r->readout, r->feature};
    for (size_t i = 0; i < sizeof zeroed / sizeof zeroed[0]; i++)
        memset(zeroed[i], 0, neurons);
    r->branching.before = UINT32_MAX;
    mdl_neuraxon_clear(r);
}

static void birth(void *region, const mdl_params *params, uint64_t noise_key) {
    mdl_neuraxon_region *r = region;
    const mdl_neuraxon_params *p = &params->neuraxon;
    const mdl_shape *s = &r->shape;
    size_t cells = s->cells * sizeof(float);
    memset(r->fast, 0, cells);
    memcpy(r->slow, r->w0, cells);
    memcpy(r->w, r->w0, cells);
    memcpy(r->meta, r->meta0, cells);
    if (r->wired) {
        memcpy(r->index, r->wired, cells);
        for (size_t i = 0; i < s->cells; i++)
            r->integrity[i] = 1.0f;
    }
    int silent = mdl_nx_on(p, MDL_NX_SILENT);
    for (size_t i = 0; r->flagged && i < s->cells; i++) {
        uint32_t fixed = r->flags[i] & (MDL_CELL_MODULATORY | MDL_CELL_LATENT);
        uint32_t direction = mdl_neuraxon_direction(r, mdl_neuraxon_source(r, i));
        r->flags[i] = direction | fixed | (silent && fixed & MDL_CELL_LATENT ? MDL_CELL_SILENT : 0);
    }
    for (uint32_t j = 0; j < s->neurons; j++) {
        r->decay[j] = mdl_sigmoidf(mdl_clampf(r->tau[j] + p->tau_membrane, -6.0f, 6.0f));
        uint32_t c[4] = {j, s->region, 1, MDL_NX_DRAW_NEURON};
        mdl_philox(c, r->network->seed, c);
        float place = (float)(int32_t)(c[0] >> 8) * 0x1p-23f - 1.0f;
        mdl_sincos_turn(mdl_phase_of_gene(p->osc_spread * place), &r->sin_osc[j], &r->cos_osc[j]);
        r->brake[j] = 1.0f;
    }
    memset(r->value, 0, padded(s->neurons) * sizeof(float));
    memset(r->post, 0, padded(s->neurons) * sizeof(float));
    memset(r->sensor_mean, 0, s->sensors * sizeof(float));
    r->branching = mdl_branching_birth();
    r->novelty = 0;
    r->key = noise_key;
    wipe(r);
}

static void sense_novelty(mdl_neuraxon_region *r, const mdl_params *p, const float *obs) {
    r->novelty = 0;
    for (uint32_t i = 0; i + 1 < r->shape.sensors; i++) {
        float d = obs[i] - r->sensor_mean[i];
        r->novelty += mdl_fix(d * d);
        r->sensor_mean[i] = mdl_flushf(mdl_fmaf(p->rho_novelty, d, r->sensor_mean[i]));
    }
}

/* TD(0), as in HMN. */
static void learn_values(mdl_neuraxon_region *r, const mdl_params *p, const mdl_modulation *m) {
    float step = (1.0f / (float)r->shape.neurons) * p->critic_rate * m->e[MDL_E_REWARD];
    for (uint32_t j = 0; j < r->shape.neurons; j++) {
        r->value[j] = mdl_clampf(mdl_fmaf(step, r->feature[j], r->value[j]), -CRITIC_MAX, CRITIC_MAX);
        r->feature[j] = r->z[j];
    }
}

/* Weights and structure after step t, with state m; with `sum`, r->input of the
 * plain step after. */
static void complete(mdl_neuraxon_region *r, const mdl_params *p, const mdl_modulation *m, uint32_t t, int sum) {
    const mdl_shape *s = &r->shape;
    memcpy(r->post, r->z, padded(s->neurons) * sizeof(float));
    if (s->motors > 1 && mdl_on(p, MDL_MECH_EFFERENCE_COPY))
        for (uint32_t i = 0; i < s->motors; i++)
            r->post[s->hidden + i] = i == m->action_before ? 1.0f : 0.0f;
    const mdl_levels *l = &m->levels;
    int used = p->modulators.used != 0;
    float dopamine = used ? l->phasic[MDL_DOPAMINE] : m->g_prime, arousal = used ? l->arousal : 0.0f;
    mdl_neuraxon_completion c = {.step = t, .sum = sum};
    c.serotonin = used ? p->neuraxon.meta_serotonin * l->level[MDL_SEROTONIN] : 0.0f;
    c.rate = m->permit * mdl_fmaf(m->eta_global, dopamine, m->eta_local);
    if (used)
        c.rate *= mdl_levels_rate(l, &p->modulators);
    r->kernel->learn(r, &p->neuraxon, &c, p->weight_max);
    if (mdl_nx_on(&p->neuraxon, MDL_NX_SILENT) || mdl_nx_on(&p->neuraxon, MDL_NX_STRUCTURE))
        mdl_neuraxon_restructure(r, p, t, arousal);
}

/* The rhythms at step t: slow, middle gated by slow, fast gated by middle. Each
 * neuron sees them turned by its own place, which one complex number serves. */
static void rhythms(const mdl_neuraxon_region *r, const mdl_neuraxon_params *p, uint32_t t, mdl_neuraxon_step *s) {
    s->cos = s->sin = 0.0f;
    if (p->osc_size == 0.0f)
        return;
    float c[3], q[3], gate[3] = {1.0f, 1.0f, 1.0f};
    for (int i = 0; i < 3; i++) {
        mdl_sincos_turn(p->omega[i] * t + r->shape.region * 0x9e3779b9u, &q[i], &c[i]);
        if (i > 0) /* 1 at the crest of the slower one, 1 - coupling in its trough */
            gate[i] = mdl_fmaf(p->osc_coupling * 0.5f, c[i - 1] - 1.0f, 1.0f) * gate[i - 1];
    }
    s->cos = p->osc_size * ((c[0] + gate[1] * c[1]) + gate[2] * c[2]);
    s->sin = p->osc_size * ((q[0] + gate[1] * q[1]) + gate[2] * q[2]);
}

void mdl_branching_count(mdl_branching *b, const mdl_neuraxon_params *p, uint32_t hidden, int64_t sum) {
    enum { PAIRS = 256 };
    uint32_t before = b->before;
    if (hidden == 0)
        return;
    b->before = (uint32_t)((sum + (INT64_C(1) << 31)) >> 32);
    if (before == UINT32_MAX)
        return;
    int64_t x = before, y = b->before;
    b->n++;
    b->x += x;
    b->y += y;
    b->xx += x * x;
    b->xy += x * y;
    if (++b->pairs < PAIRS)
        return;
    double n = (double)b->n, sx = (double)b->x, sy = (double)b->y;
    double covariance = n * (double)b->xy - sx * sy, variance = n * (double)b->xx - sx * sx;
    b->ratio = variance > 0.0 ? mdl_clampf((float)(covariance / variance), 0.0f, 2.0f) : 0.0f;
    float load = mdl_minf((float)(sx / (n * (double)hidden) / SHARE_WANTED), LOAD_MAX);
    b->slow = mdl_clampf(mdl_fmaf(p->homeo_rate * b->slow, 1.0f - load, b->slow), 0x1p-8f, 0x1p8f);
    b->n = b->x = b->y = b->xx = b->xy = 0;
    b->pairs = 0;
}

static void count(mdl_neuraxon_region *r, const mdl_neuraxon_params *p) {
    int64_t sum = 0;
    for (uint32_t j = 0; j < r->shape.hidden; j++)
        sum += mdl_fix(mdl_absf(r->z[j]));
    mdl_branching_count(&r->branching, p, r->shape.hidden, sum);
}

float mdl_branching_gain(const mdl_branching *b, const mdl_neuraxon_params *p, uint32_t hidden) {
    if (!mdl_nx_on(p, MDL_NX_HOMEOSTASIS) || b->before == UINT32_MAX)
        return b->slow;
    return b->slow / mdl_fmaf(CROWDING, (float)(int32_t)b->before / (float)(int32_t)hidden, 1.0f);
}

static void run_window(void *region, const mdl_params *params, const mdl_modulation *m, const float *obs) {
    mdl_neuraxon_region *r = region;
    const mdl_neuraxon_params *p = &params->neuraxon;
    const mdl_shape *s = &r->shape;
    mdl_levers hold = MDL_LEVERS_NONE;
    if (params->modulators.used)
        hold = mdl_levels_hold(&m->levels, &params->modulators, &params->receptors, s->region, r->kernel->levers);
    float shown[1 + MDL_OBS_MAX]; /* the constant, then what the window shows */
    shown[0] = 1.0f;
    for (uint32_t k = 1; k < s->sensors; k++)
        shown[k] = obs[k - 1];
    const uint32_t changing = 1u << MDL_NX_MODULATORY | 1u << MDL_NX_HOMEOSTASIS | 1u << MDL_NX_BALANCE;
    int plain = !r->flagged && !(p->on & changing) && !params->modulators.used;
    int learning = mdl_on(params, MDL_MECH_PLASTICITY) && !(m->flags_before & MDL_OUT_FROZEN);
    int summed = learning && plain && !(m->flags & MDL_OUT_WIPE);
    if (summed) /* sensors are heard at once */
        r->kernel->put(r, p, m->step, 1, s->sensors, shown);
    if (learning)
        complete(r, params, m, m->step - 1, summed);
    if (mdl_on(params, MDL_MECH_CRITIC))
        learn_values(r, params, m);
    if (m->flags & MDL_OUT_WIPE)
        wipe(r);
    if (s->sensors > 0)
        sense_novelty(r, params, obs);
    r->branching.gain = mdl_branching_gain(&r->branching, p, s->hidden);
    if (!plain)
        r->kernel->prepare(r, p, &hold);
    float novelty = mdl_on(params, MDL_MECH_NOVELTY) ? p->novelty_shift * m->e[MDL_E_NOVELTY] : 0.0f;
    for (uint32_t i = 0; i < r->window; i++, summed = 0) {
        uint32_t t = m->step + i;
        if (!summed)
            r->kernel->put(r, p, t, 1, s->sensors, shown);
        mdl_neuraxon_step step = {
            .step = t, .sigma = params->sigma, .offset = hold.threshold - novelty, .plain = plain, .summed = summed};
        rhythms(r, p, t, &step);
        r->kernel->step(r, p, &hold, &step);
        r->kernel->put(r, p, t, 1 + s->sensors, s->hidden, r->z);
        if (mdl_nx_on(p, MDL_NX_HOMEOSTASIS))
            count(r, p);
    }
    if (mdl_nx_on(p, MDL_NX_BALANCE) && !(m->flags & MDL_OUT_FROZEN))
        r->kernel->balance(r, p, m->step + r->window - 1);
}

static void partials(const void *region, const mdl_params *p, mdl_partials *sum) {
    const mdl_neuraxon_region *r = region;
    r->kernel->partials(r, mdl_on(p, MDL_MECH_CRITIC), sum);
}

static void send(const void *region, uint32_t last, float *activity) {
    const mdl_neuraxon_region *r = region;
    const mdl_shape *s = &r->shape;
    for (uint32_t i = 0; i < r->window; i++) {
        uint32_t t = last + 1 - r->window + i;
        const float *row = mdl_neuraxon_at(r, t - 1) + 2 * (size_t)(1 + s->sensors) + 1;
        for (uint32_t k = 0; k < r->listen; k++)
            *activity++ = row[2 * (size_t)r->exported[k]];
    }
}

static void receive(void *region, const mdl_params *p, uint32_t i, uint32_t last, const float *activity) {
    mdl_neuraxon_region *r = region;
    uint32_t first = 1 + r->shape.sensors + r->shape.hidden + i * r->listen;
    for (uint32_t step = 0; step < r->window; step++)
        for (uint32_t k = 0; k < r->listen; k++)
            mdl_neuraxon_put(r, &p->neuraxon, last + 1 - r->window + step, first + k, *activity++);
}

static void view(const void *region, mdl_region_view *v) {
    const mdl_neuraxon_region *r = region;
    v->shape = &r->shape;
    v->readout = r->readout;
    v->z = r->z;
    v->w = r->w;
}

const mdl_network_model mdl_neuraxon_model = {.name = "neuraxon",
                                              .region_size = sizeof(mdl_neuraxon_region),
                                              .init = init,
                                              .genome = take_genome,
                                              .birth = birth,
                                              .window = run_window,
                                              .partials = partials,
                                              .send = send,
                                              .receive = receive,
                                              .save = mdl_neuraxon_save,
                                              .load = mdl_neuraxon_load,
                                              .state_bytes = mdl_neuraxon_state_bytes,
                                              .view = view,
                                              .lanes = &mdl_neuraxon_lanes_model};
