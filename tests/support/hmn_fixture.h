/* What the tests of HMN networks share: experiments small enough to check by
 * hand, genomes in which every mechanism shows, and a world that is a script. */
#ifndef MDL_TESTS_SUPPORT_HMN_FIXTURE_H
#define MDL_TESTS_SUPPORT_HMN_FIXTURE_H

#include "core/hmn_kernel.h"
#include "core/life.h"
#include "core/num.h"
#include "tests/support/bytebuf.h"

/* Two of three regions listened to, every kind of synapse, all mechanisms on. */
static inline mdl_experiment hmn_experiment(uint32_t regions, uint32_t hidden, uint32_t window) {
    mdl_experiment x;
    memset(&x, 0, sizeof x);
    x.seed = 7;
    mdl_task_defaults(MDL_TASK_TMAZE, &x.task);
    x.network = (mdl_network_spec){.regions = regions,
                                   .ring = 4,
                                   .rewire = 0.25f,
                                   .sensor_fan = 0,
                                   .motor_fan = 0,
                                   .sources = regions > 2 ? 2 : regions - 1,
                                   .listen = 2,
                                   .fan_in = 3,
                                   .delay = {1, 4},
                                   .delay_between = {window, window + 3},
                                   .window = window,
                                   .seed = 0x5eed,
                                   .sensors = 4,
                                   .motors = 3};
    for (uint32_t r = 0; r < regions; r++)
        x.network.neurons[r] = hidden + r;
    mdl_hmn_spec_defaults(&x.hmn);
    x.hmn.init_sd = 0.2f; /* not chaotic: a run can be followed in other arithmetic */
    return x;
}

static inline float hmn_normal(mdl_stream *s) {
    float g0, g1;
    uint32_t a = mdl_draw_u32(s), b = mdl_draw_u32(s);
    mdl_gauss(a, b, &g0, &g1);
    return g0;
}

/* A genome around the prior, `spread` times as wide. Caller frees. */
static inline float *prior_genome(const mdl_experiment *x, const mdl_genome_layout *l, float spread, uint64_t seed) {
    float *genome = calloc(3 * (size_t)l->genes, sizeof *genome);
    if (!genome)
        abort();
    float *mean = genome + l->genes, *sd = mean + l->genes;
    mdl_genome_prior(x, l, mean, sd);
    mdl_stream s = {seed, 0};
    for (uint32_t i = 0; i < l->genes; i++)
        genome[i] = mdl_fmaf(sd[i] > 0.0f ? spread * sd[i] : 0.3f, hmn_normal(&s), mean[i]);
    return genome;
}

/* A genome around the prior whose global genes make every mechanism matter.
 * Caller frees. */
static inline float *hmn_genome(const mdl_experiment *x, uint64_t seed) {
    static const float lively[MDL_GENE_COUNT] = {[MDL_GENE_ETA_LOCAL] = 1.0f,
                                                 [MDL_GENE_ETA_GLOBAL] = 1.5f,
                                                 [MDL_GENE_TAU_FAST] = 0.2f,
                                                 [MDL_GENE_TAU_SLOW] = -0.1f,
                                                 [MDL_GENE_EVENT] = 0.6f,
                                                 [MDL_GENE_NOISE] = 0.7f,
                                                 [MDL_GENE_BETA_A] = 0.8f,
                                                 [MDL_GENE_TAU_C0] = -0.3f,
                                                 [MDL_GENE_TAU_C1] = -0.6f,
                                                 [MDL_GENE_BETA_G] = 3.0f,
                                                 [MDL_GENE_W_REWARD] = 1.1f,
                                                 [MDL_GENE_W_UNCERTAINTY] = -0.4f,
                                                 [MDL_GENE_W_NOVELTY] = 0.5f,
                                                 [MDL_GENE_OMEGA] = 1.3f,
                                                 [MDL_GENE_PHI0] = -0.2f,
                                                 [MDL_GENE_BETA_P] = 0.3f,
                                                 [MDL_GENE_THETA_P] = 0.4f,
                                                 [MDL_GENE_ALPHA_LOCAL] = -0.9f,
                                                 [MDL_GENE_ALPHA_GLOBAL] = 1.2f,
                                                 [MDL_GENE_KAPPA] = -0.5f,
                                                 [MDL_GENE_TAU_REWARD] = -1.0f,
                                                 [MDL_GENE_R0] = 0.3f,
                                                 [MDL_GENE_RHO_NOVELTY] = 0.6f,
                                                 [MDL_GENE_CRITIC_RATE] = 1.5f,
                                                 [MDL_GENE_DISCOUNT] = 0.1f,
                                                 [MDL_GENE_BIAS_RATE] = -0.8f,
                                                 [MDL_GENE_BIAS_TARGET] = 0.3f,
                                                 [MDL_GENE_RATE_NOVELTY] = 0.7f,
                                                 [MDL_GENE_RATE_UNCERTAINTY] = -0.3f,
                                                 [MDL_GENE_DROP_BASE] = 1.0f,
                                                 [MDL_GENE_DROP_UNCERTAINTY] = 0.8f,
                                                 [MDL_GENE_GATE_REWARD] = 1.0f,
                                                 [MDL_GENE_GATE_UNCERTAINTY] = 0.2f,
                                                 [MDL_GENE_GATE_NOVELTY] = -0.9f,
                                                 [MDL_GENE_GATE_THETA] = 0.5f};
    mdl_genome_layout l;
    if (mdl_genome_layout_of(x, &l) != MDL_OK)
        abort();
    float *genome = prior_genome(x, &l, 1.0f, seed);
    /* For the same reason, halve the spread of drawn weights. */
    for (uint32_t i = 0; l.encoding == MDL_INDIRECT && i < 25 * x->network.regions; i++)
        genome[l.regions + i] *= i % 25 < 24 && i % 25 % 8 == 1 ? 0.5f : 1.0f;
    memcpy(genome + l.globals, lively, sizeof lively);
    return genome;
}

static inline void hmn_save(const mdl_life *l, bytebuf *b) {
    mdl_sink sink = {bytebuf_write, b};
    b->size = 0;
    mdl_life_save(l, &sink);
}

static inline mdl_life *hmn_life(const mdl_experiment *x, uint32_t shards, const mdl_kernel *kernel, void **memory) {
    *memory = aligned_alloc(64, mdl_life_bytes(x, shards));
    if (!*memory)
        abort();
    return mdl_life_init(*memory, x, shards, kernel);
}

/* View of window k in a scripted world: random observations, a reward event in
 * two windows of three, wipes, and now and then a frozen or a taught window. */
static inline mdl_task_out hmn_script(uint64_t seed, uint32_t k, uint32_t sensors, uint32_t motors) {
    mdl_stream s = {mdl_key(seed, 99, k, 0, 0), 0};
    mdl_task_out out;
    memset(&out, 0, sizeof out);
    for (uint32_t i = 0; i < sensors; i++)
        out.obs[i] = 2.0f * mdl_draw_unit(&s) - 1.0f;
    if (k % 3 != 0) {
        out.flags |= MDL_OUT_REWARD;
        out.reward = 2.0f * mdl_draw_unit(&s) - 0.7f;
    }
    if (k % 11 == 0)
        out.flags |= MDL_OUT_WIPE;
    if (k % 7 == 5)
        out.flags |= MDL_OUT_FROZEN;
    if (k % 5 == 3) {
        out.flags |= MDL_OUT_TEACH;
        out.teach = mdl_draw_below(&s, motors);
    }
    out.salience[k % 2] = mdl_draw_unit(&s);
    return out;
}

/* A life in the scripted world: what mdl_life_window does, with out(k + 1) from
 * the script in place of the task. Ends a window; returns the action. */
static inline uint32_t hmn_scripted_window(mdl_life *l, uint64_t script) {
    const mdl_network_spec *network = &l->experiment->network;
    uint32_t k = l->conductor.modulation[0].window, last = l->conductor.modulation[0].step + network->window - 1,
             action = 0;
    mdl_task_out now = hmn_script(script, k, network->sensors, network->motors);
    mdl_task_out next = hmn_script(script, k + 1, network->sensors, network->motors);
    mdl_partials sum = {0, 0, 0};
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_window(&l->shard[i], &l->params, &l->conductor.modulation[0], now.obs);
    for (uint32_t i = 0; i < l->shards; i++) {
        mdl_shard_partials(&l->shard[i], &l->params, &sum);
        mdl_region_view first;
        if (!mdl_shard_view(&l->shard[i], 0, &first))
            continue;
        const float *motor = first.readout + first.shape->hidden;
        for (uint32_t m = 1; m < network->motors; m++)
            if (motor[m] > motor[action])
                action = m;
    }
    if (now.flags & MDL_OUT_TEACH)
        action = now.teach;
    for (uint32_t i = 0; network->sources > 0 && i < l->shards; i++)
        mdl_shard_export(&l->shard[i], last, l->boundary);
    for (uint32_t i = 0; network->sources > 0 && i < l->shards; i++)
        mdl_shard_import(&l->shard[i], &l->params, last, l->boundary);
    mdl_modulation_next(&l->conductor.modulation[0], &l->params, l->conductor.noise_key[0], network->window, &sum,
                        l->conductor.neurons, network->sensors, action, &next);
    return action;
}

static inline void hmn_scripted_begin(mdl_life *l, uint64_t script, uint64_t noise_key) {
    const mdl_network_spec *network = &l->experiment->network;
    mdl_task_out first = hmn_script(script, 0, network->sensors, network->motors);
    l->conductor.noise_key[0] = noise_key;
    for (uint32_t i = 0; i < l->shards; i++)
        mdl_shard_birth(&l->shard[i], &l->params, noise_key);
    mdl_modulation_init(&l->conductor.modulation[0], &l->params, noise_key, &first);
}

#endif
