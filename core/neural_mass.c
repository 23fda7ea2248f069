#include "core/neural_mass.h"

#include <string.h>

#include "core/num.h"
#include "core/philox.h"
#include "core/wiring.h"

/* Word 3 of the noise's counter: apart from those of the networks (hmn_kernel.h). */
enum { DRAW_MASS = 0x6d617373 }; /* "mass" */

/* The normal distribution function as a logistic one of a cubic: within 1.5e-4. */
#define PHI_1 1.5976f
#define PHI_3 0.07056f

void mdl_mass_params_defaults(mdl_mass_params *p) {
    *p = (mdl_mass_params){.w = {{2.0f, 2.4f}, {2.4f, 0.4f}},
                           .between = {0.8f, 0.2f},
                           .tau = {2.0f, 4.0f},
                           .tau_slow = 20.0f,
                           .theta = {0.4f, 0.8f},
                           .state_sd = 0.8f,
                           .theta_sd = 0.25f,
                           .noise = 0.1f};
}

/* Shares and mean delays of what region `r` listens to, over its wired rows. */
static void wire(mdl_mass *m, const mdl_network_spec *network, uint32_t r) {
    mdl_shape s;
    mdl_shape_of(network, r, &s);
    uint32_t count[MDL_REGIONS_MAX] = {0}, steps[MDL_REGIONS_MAX] = {0}, own = 0, own_steps = 0;
    uint32_t source[MDL_FAN_IN_MAX];
    uint8_t delay[MDL_FAN_IN_MAX];
    for (uint32_t j = 0; j < s.hidden; j++) {
        mdl_wire_row(network, &s, j, source, delay);
        for (uint32_t k = s.fan_sensor; k < s.fan[0]; k++) {
            if (mdl_slot_class(&s, k) == 1) {
                own++;
                own_steps += delay[k];
            } else {
                uint32_t i = (source[k] - 1 - s.sensors - s.hidden) / network->listen;
                count[i]++;
                steps[i] += delay[k];
            }
        }
    }
    m->own_delay[r] = (uint8_t)(own > 0 ? (own_steps + own / 2) / own : network->delay[0]);
    uint32_t inbound = s.hidden * s.fan_inbound;
    for (uint32_t i = 0; i < m->sources; i++) {
        size_t at = (size_t)r * m->sources + i;
        m->share[at] = inbound > 0 ? (float)(int32_t)count[i] / (float)(int32_t)inbound : 0.0f;
        m->delay[at] = (uint8_t)(count[i] > 0 ? (steps[i] + count[i] / 2) / count[i] : network->delay_between[0]);
    }
}

void mdl_mass_init(mdl_mass *m, mdl_arena *arena, const mdl_network_spec *network, const mdl_mass_params *params) {
    memset(m, 0, sizeof *m);
    m->regions = network->regions;
    m->sources = network->sources;
    m->params = *params;
    size_t populations = (size_t)MDL_POPULATIONS * m->regions;
    m->population = mdl_arena_take(arena, populations, sizeof *m->population);
    m->line = mdl_arena_take(arena, MDL_MASS_SLOTS * populations, sizeof *m->line);
    m->share = mdl_arena_take(arena, (size_t)m->regions * m->sources, sizeof *m->share);
    m->delay = mdl_arena_take(arena, (size_t)m->regions * m->sources, sizeof *m->delay);
    m->own_delay = mdl_arena_take(arena, m->regions, sizeof *m->own_delay);
    if (!arena->base)
        return;
    for (uint32_t r = 0; r < m->regions; r++) {
        if (network->neurons[r] > 0) {
            wire(m, network, r);
        } else { /* delay 0 marks a region that is not there */
            m->own_delay[r] = 0;
            for (uint32_t i = 0; i < m->sources; i++) {
                m->share[(size_t)r * m->sources + i] = 0.0f;
                m->delay[(size_t)r * m->sources + i] = 1;
            }
        }
    }
    mdl_mass_birth(m, 0);
}

void mdl_mass_birth(mdl_mass *m, uint64_t key) {
    size_t populations = (size_t)MDL_POPULATIONS * m->regions;
    m->step = 0;
    m->key = key;
    memset(m->population, 0, populations * sizeof *m->population);
    memset(m->line, 0, MDL_MASS_SLOTS * populations * sizeof *m->line);
}

/* Rate of a population `delay` steps ago; steps before birth are 0. */
static float rate_before(const mdl_mass *m, uint32_t region, uint32_t population, uint32_t delay) {
    size_t slot = (m->step - delay) % MDL_MASS_SLOTS;
    return m->line[(slot * m->regions + region) * MDL_POPULATIONS + population];
}

float mdl_mass_filter(mdl_mass_kernel *k, float tau, float x) {
    float rate = 1.0f / tau;
    k->first = mdl_flushf(mdl_fmaf(rate, x - k->first, k->first));
    k->second = mdl_flushf(mdl_fmaf(rate, k->first - k->second, k->second));
    return k->second;
}

float mdl_mass_rate(const mdl_mass_params *p, uint32_t population, const mdl_levers *levers, float v) {
    float state = p->state_sd / levers->slope;
    float thresholds = mdl_fmaf(p->theta_sd, p->theta_sd, levers->spread * levers->spread);
    float width = mdl_sqrtf(mdl_fmaf(state, state, thresholds));
    float u = mdl_clampf((v - p->theta[population] - levers->threshold) / width, -8.0f, 8.0f);
    return mdl_sigmoidf(u * mdl_fmaf(PHI_3, u * u, PHI_1));
}

/* Eq. (14.3) for one kernel pair: the slow lever moves a share of the drive to the slow kernel. */
static float filtered(mdl_mass_population *q, uint32_t from, const mdl_mass_params *p, const mdl_levers *levers,
                      float drive) {
    float fast = mdl_mass_filter(&q->fast[from], p->tau[from], drive);
    float slow = mdl_mass_filter(&q->slow[from], p->tau_slow, drive);
    return mdl_fmaf(levers->slow, slow - fast, fast);
}

/* Excitatory rates of the regions that r listens to, weighted, delayed, by direction. */
static float from_others(const mdl_mass *m, uint32_t r, const mdl_levers *levers) {
    float sum = 0.0f;
    for (uint32_t i = 0; i < m->sources; i++) {
        size_t at = (size_t)r * m->sources + i;
        uint32_t other = (r + 1 + i) % m->regions; /* mdl_source_region() */
        float way = other < r ? levers->feedforward : levers->feedback;
        sum = mdl_fmaf(way * m->share[at], rate_before(m, other, MDL_EXCITATORY, m->delay[at]), sum);
    }
    return sum;
}

void mdl_mass_step(mdl_mass *m, const mdl_levers *levers, const float *input) {
    const mdl_mass_params *p = &m->params;
    const mdl_levers none = MDL_LEVERS_NONE;
    for (uint32_t r = 0; r < m->regions; r++) {
        if (m->own_delay[r] == 0)
            continue;
        const mdl_levers *l = levers ? &levers[r] : &none;
        float noise[MDL_POPULATIONS] = {0.0f, 0.0f}, others = from_others(m, r, l);
        if (p->noise > 0.0f) {
            uint32_t c[4] = {r, 0, m->step, DRAW_MASS};
            mdl_philox(c, m->key, c);
            mdl_gauss(c[0], c[1], &noise[0], &noise[1]);
        }
        float own[MDL_POPULATIONS] = {rate_before(m, r, MDL_EXCITATORY, m->own_delay[r]),
                                      rate_before(m, r, MDL_INHIBITORY, m->own_delay[r])};
        for (uint32_t k = 0; k < MDL_POPULATIONS; k++) {
            size_t at = (size_t)MDL_POPULATIONS * r + k;
            mdl_mass_population *q = &m->population[at];
            float drive = mdl_fmaf(p->between[k], others, p->w[k][MDL_EXCITATORY] * own[MDL_EXCITATORY]);
            drive = mdl_fmaf(p->noise, noise[k], input ? drive + input[at] : drive);
            float excitation = filtered(q, MDL_EXCITATORY, p, l, l->excite * drive);
            float inhibition = filtered(q, MDL_INHIBITORY, p, l, l->inhibit * (p->w[k][MDL_INHIBITORY] * own[1]));
            q->v = mdl_flushf(excitation - inhibition + l->rest);
            q->q = mdl_mass_rate(p, k, l, q->v);
        }
    }
    float *row = m->line + (size_t)(m->step % MDL_MASS_SLOTS) * m->regions * MDL_POPULATIONS;
    for (size_t i = 0; i < (size_t)MDL_POPULATIONS * m->regions; i++)
        row[i] = m->population[i].q;
    m->step++;
}

void mdl_mass_save(const mdl_mass *m, const mdl_sink *sink) {
    mdl_put_bytes(sink, "MDLMASS1", 8);
    mdl_put_u32(sink, m->regions);
    mdl_put_u32(sink, m->step);
    mdl_put_u64(sink, m->key);
    size_t populations = (size_t)MDL_POPULATIONS * m->regions;
    for (size_t i = 0; i < populations; i++) {
        const mdl_mass_population *q = &m->population[i];
        for (uint32_t from = 0; from < MDL_POPULATIONS; from++) {
            const float pair[] = {q->fast[from].first, q->fast[from].second, q->slow[from].first, q->slow[from].second};
            mdl_put_f32s(sink, pair, 4);
        }
        mdl_put_f32(sink, q->v);
        mdl_put_f32(sink, q->q);
    }
    for (uint32_t back = MDL_MASS_SLOTS; back > 0; back--)
        mdl_put_f32s(sink, m->line + (size_t)((m->step - back) % MDL_MASS_SLOTS) * populations, populations);
}
