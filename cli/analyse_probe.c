/* Networks and neural masses under control, for modulon analyse. */
#include <stdlib.h>
#include <string.h>

#include "cli/analyse.h"
#include "cli/drive.h"
#include "core/num.h"
#include "runtime/memory.h"

mdl_levers mdl_setting_levers(const mdl_setting *s) {
    mdl_receptors r = {0};
    const float level[MDL_MODULATORS] = {1.0f, 0.0f, 0.0f, 0.0f};
    r.density[0][0] = 1.0f;
    r.ln_k[0] = -80.0f; /* always bound: one class carries everything */
    r.n[0] = 1.0f;
    memcpy(r.effect[0], s->x, sizeof s->x);
    return mdl_levers_of(&r, 0, level);
}

/* Genes around their prior; weights from the assay. */
static void draw_genome(mdl_probe *p, const mdl_assay *assay, uint64_t seed) {
    const mdl_genome_layout *layout = &p->life->layout;
    const mdl_network_spec *network = &p->x.network;
    float *w = p->genome + layout->weights;
    mdl_stream rng = {mdl_key(seed, MDL_STREAM_GENOME, 0, 0, 0), 0};
    for (uint32_t r = 0; r < network->regions; r++) {
        mdl_shape s;
        mdl_shape_of(network, r, &s);
        uint32_t source[MDL_FAN_IN_MAX];
        uint8_t delay[MDL_FAN_IN_MAX];
        for (uint32_t j = 0; j < s.neurons; j++) {
            mdl_wire_row(network, &s, j, source, delay);
            for (uint32_t k = 0; k < mdl_row_fan(&s, j); k++) {
                float normal, unused;
                mdl_gauss(mdl_draw_u32(&rng), mdl_draw_u32(&rng), &normal, &unused);
                uint32_t class = mdl_slot_class(&s, k), fan = class == 1 ? s.fan_local : s.fan_inbound;
                double mean = class == 1 ? assay->own : assay->between, v = source[k] == 2 ? 1.0 : 0.0;
                if (class != 0)
                    v = mean / fan + assay->sd / mdl_sqrt((double)fan) * (double)normal;
                *w++ = j < s.hidden ? (float)v : 0.0f;
            }
        }
    }
}

/* An evolved genome made for no modulators gets their section's prior. */
static void take_genome(mdl_probe *p, const mdl_experiment *before, const float *genome) {
    mdl_genome_layout old;
    if (mdl_genome_layout_of(before, &old) != MDL_OK)
        return;
    const mdl_genome_layout *layout = &p->life->layout;
    if (old.genes == layout->genes) {
        memcpy(p->genome, genome, old.genes * sizeof *genome);
        return;
    }
    memcpy(p->genome, genome, layout->modulators * sizeof *genome);
    memcpy(p->genome + layout->switches, genome + old.switches, (old.genes - old.switches) * sizeof *genome);
}

mdl_err mdl_probe_open(mdl_probe *p, const mdl_experiment *x, const float *genome, const mdl_assay *assay,
                       uint64_t seed, int plastic) {
    memset(p, 0, sizeof *p);
    p->x = *x;
    if (!p->x.modulators.used)
        mdl_modulator_spec_defaults(&p->x.modulators);
    p->x.network.window = 1;
    if (!genome) {
        p->x.hmn.encoding = p->x.neuraxon.encoding = MDL_DIRECT;
        p->x.network.sensor_fan = 0;
        p->x.network.seed = seed;
    }
    mdl_genome_layout layout;
    if (mdl_genome_layout_of(&p->x, &layout) != MDL_OK)
        return MDL_ERANGE;
    p->life = mdl_life_new(&p->x, NULL);
    float *sd = malloc(layout.genes * sizeof *sd);
    p->genome = malloc(layout.genes * sizeof *p->genome);
    if (!p->life || !sd || !p->genome) {
        free(p->life);
        free(sd);
        free(p->genome);
        return MDL_ENOMEM;
    }
    mdl_genome_prior(&p->x, &layout, p->genome, sd);
    if (genome)
        take_genome(p, x, genome);
    else
        draw_genome(p, assay, seed);
    free(sd);
    mdl_life_genome(p->life, p->genome);
    if (!plastic)
        p->life->params.on &= ~(1u << MDL_MECH_PLASTICITY | 1u << MDL_MECH_ADAPTIVE_BIAS | 1u << MDL_MECH_DROPOUT);
    for (uint32_t m = 0; m < MDL_MODULATORS; m++)
        mdl_probe_clamp(p, m, 0.0f);
    p->shown.flags = MDL_OUT_WIPE;
    return MDL_OK;
}

void mdl_probe_close(mdl_probe *p) {
    free(p->life);
    free(p->genome);
    free(p->source);
}

void mdl_probe_clamp(mdl_probe *p, uint32_t modulator, float level) {
    mdl_modulator_params *m = &p->life->params.modulators;
    for (uint32_t i = 0; i < MDL_MODULATORS; i++)
        m->clamp[i] = i == modulator ? level : 0.0f;
    m->clamp[MDL_CLAMP_AROUSAL] = 0.0f;
    m->clamped = (1u << MDL_CLAMPS) - 1;
}

void mdl_probe_hold(mdl_probe *p, const mdl_setting *s) {
    mdl_receptors *r = &p->life->params.receptors;
    mdl_probe_clamp(p, 0, 1.0f);
    memset(r->effect, 0, sizeof r->effect);
    memcpy(r->effect[0], s->x, sizeof s->x);
    r->ln_k[0] = -80.0f;
    r->n[0] = 1.0f;
    for (uint32_t i = 0; i < MDL_REGIONS_MAX; i++)
        r->density[i][0] = 1.0f;
}

void mdl_probe_noise(mdl_probe *p, float sigma) { p->life->params.sigma = sigma; }

void mdl_probe_birth(mdl_probe *p, uint64_t seed) {
    p->shown.flags = MDL_OUT_WIPE;
    mdl_drive_begin(p->life, mdl_key(seed, MDL_STREAM_TEST, 0, 0, 0), &p->shown);
    p->shown.flags = 0;
}

void mdl_probe_step(mdl_probe *p, float input) {
    p->shown.obs[0] = input;
    mdl_drive_window(p->life, &p->shown, &p->shown);
}

double mdl_probe_region(const mdl_probe *p, uint32_t region) {
    mdl_region_view view;
    double sum = 0.0;
    mdl_shard_view(&p->life->shard[0], region, &view);
    for (uint32_t j = 0; j < view.shape->hidden; j++)
        sum += (double)view.z[j];
    return view.shape->hidden > 0 ? sum / view.shape->hidden : 0.0;
}

double mdl_probe_mean(const mdl_probe *p) {
    double sum = 0.0, neurons = 0.0;
    for (uint32_t r = 0; r < p->x.network.regions; r++) {
        sum += mdl_probe_region(p, r) * p->x.network.neurons[r];
        neurons += p->x.network.neurons[r];
    }
    return neurons > 0.0 ? sum / neurons : 0.0;
}

double mdl_probe_active(const mdl_probe *p) {
    double sum = 0.0;
    for (uint32_t r = 0; r < p->x.network.regions; r++) {
        mdl_region_view view;
        mdl_shard_view(&p->life->shard[0], r, &view);
        for (uint32_t j = 0; j < view.shape->hidden; j++)
            sum += (double)mdl_absf(view.z[j]);
    }
    return sum;
}

/* Sources of every row, once: rows are drawn, which takes longer than a step. */
static int know_sources(mdl_probe *p) {
    size_t cells = 0, at = 0;
    for (uint32_t r = 0; r < p->x.network.regions; r++) {
        mdl_shape s;
        mdl_shape_of(&p->x.network, r, &s);
        cells += s.cells;
    }
    p->source = calloc(cells + 1, sizeof *p->source);
    for (uint32_t r = 0; p->source && r < p->x.network.regions; r++) {
        mdl_shape s;
        mdl_shape_of(&p->x.network, r, &s);
        uint32_t source[MDL_FAN_IN_MAX];
        uint8_t delay[MDL_FAN_IN_MAX];
        for (uint32_t j = 0; j < s.hidden; j++) {
            mdl_wire_row(&p->x.network, &s, j, source, delay);
            memcpy(p->source + at + mdl_row(&s, j), source, mdl_row_fan(&s, j) * sizeof *source);
        }
        at += s.cells;
    }
    return p->source != NULL;
}

void mdl_probe_balance(mdl_probe *p, double *excitation, double *inhibition) {
    double sum[2] = {0.0, 0.0}, neurons = 0.0;
    size_t at = 0;
    if (!p->source && !know_sources(p))
        return;
    for (uint32_t r = 0; r < p->x.network.regions; r++) {
        mdl_region_view view;
        mdl_shard_view(&p->life->shard[0], r, &view);
        const mdl_shape *s = view.shape;
        for (uint32_t j = 0; j < s->hidden; j++)
            for (uint32_t k = s->fan_sensor; k < s->fan_sensor + s->fan_local; k++) {
                size_t cell = mdl_row(s, j) + k;
                double c = (double)view.w[cell] * (double)view.z[p->source[at + cell] - 1 - s->sensors];
                sum[c < 0.0] += c < 0.0 ? -c : c;
            }
        neurons += s->hidden;
        at += s->cells;
    }
    *excitation = neurons > 0.0 ? sum[0] / neurons : 0.0;
    *inhibition = neurons > 0.0 ? sum[1] / neurons : 0.0;
}

mdl_err mdl_mass_open(mdl_mass *m, const mdl_network_spec *network, const mdl_mass_params *params) {
    mdl_arena counting = {NULL, 0, 0};
    mdl_mass_init(m, &counting, network, params);
    mdl_arena arena = {mdl_aligned(counting.used), 0, counting.used};
    if (!arena.base)
        return MDL_ENOMEM;
    mdl_mass_init(m, &arena, network, params);
    return MDL_OK;
}

void mdl_mass_close(mdl_mass *m) {
    free(m->population); /* the arena's first piece */
    m->population = NULL;
}
