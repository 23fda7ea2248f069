/* The networks of the vectors in SPEC 5.3 and 6.5. */
#ifndef MDL_TESTS_SUPPORT_SPEC_NETWORK_H
#define MDL_TESTS_SUPPORT_SPEC_NETWORK_H

#include "tests/support/hmn_fixture.h"
#include "tests/support/vectors.h"

/* The fields of a `spec` line after that word. */
static inline mdl_network_spec spec_network_of(char **field) {
    mdl_network_spec s;
    memset(&s, 0, sizeof s);
    s.regions = (uint32_t)vectors_u64(*field++);
    for (uint32_t r = 0; r < s.regions; r++)
        s.neurons[r] = (uint32_t)vectors_u64(*field++);
    s.ring = (uint32_t)vectors_u64(*field++);
    s.rewire = vectors_f32(*field++);
    uint32_t *const rest[] = {&s.sensor_fan, &s.motor_fan, &s.sources,          &s.listen,           &s.fan_in,
                              &s.delay[0],   &s.delay[1],  &s.delay_between[0], &s.delay_between[1], &s.window};
    for (size_t i = 0; i < sizeof rest / sizeof rest[0]; i++)
        *rest[i] = (uint32_t)vectors_u64(*field++);
    s.seed = vectors_u64(*field++);
    s.sensors = (uint32_t)vectors_u64(*field++);
    s.motors = (uint32_t)vectors_u64(*field++);
    return s;
}

static inline mdl_experiment spec_network(void) {
    mdl_experiment x;
    memset(&x, 0, sizeof x);
    x.network = (mdl_network_spec){.regions = 2,
                                   .neurons = {2, 1},
                                   .sources = 1,
                                   .listen = 1,
                                   .fan_in = 1,
                                   .delay = {1, 2},
                                   .delay_between = {2, 3},
                                   .window = 2,
                                   .seed = 1,
                                   .sensors = 2,
                                   .motors = 2};
    mdl_hmn_spec_defaults(&x.hmn);
    x.hmn.meta_period = 2;
    return x;
}

/* Caller frees. */
static inline float *spec_genome(const mdl_life *l) {
    float *genome = calloc(l->layout.genes, sizeof *genome);
    if (!genome)
        abort();
    for (uint32_t i = 0; i < l->layout.genes; i++)
        genome[i] = (float)(37 * i % 64) / 64.0f - 0.5f;
    static const float initial[MDL_GENE_COUNT] = {
#define X(name, key, value, text) value,
        MDL_GENE_MAP(X)
#undef X
    };
    for (uint32_t i = 0; i < MDL_GENE_COUNT; i++)
        genome[l->layout.globals + i] += initial[i];
    return genome;
}

static inline mdl_task_out spec_view(uint32_t k) {
    static const mdl_task_out view[4] = {
        {.obs = {0.5f, -0.25f}, .flags = MDL_OUT_WIPE},
        {.obs = {-0.75f, 1.0f}, .reward = 1.0f, .flags = MDL_OUT_REWARD},
        {.obs = {0.25f, 0.125f}, .reward = -0.5f, .flags = MDL_OUT_REWARD | MDL_OUT_TEACH, .teach = 1},
        {.flags = 0}};
    return view[k];
}

static inline void spec_begin(mdl_life *l) {
    mdl_task_out first = spec_view(0);
    l->conductor.noise_key[0] = 1;
    mdl_shard_birth(&l->shard[0], &l->params, 1);
    mdl_modulation_init(&l->conductor.modulation[0], &l->params, 1, &first);
}

static inline void spec_window(mdl_life *l, uint32_t k) {
    mdl_task_out view = spec_view(k), next = spec_view(k + 1);
    mdl_partials sum = {0, 0, 0};
    const mdl_shard *s = &l->shard[0];
    uint32_t last = l->conductor.modulation[0].step + 1;
    mdl_shard_window(&l->shard[0], &l->params, &l->conductor.modulation[0], view.obs);
    mdl_shard_partials(s, &l->params, &sum);
    mdl_region_view first;
    mdl_shard_view(s, 0, &first);
    const float *motor = first.readout + first.shape->hidden;
    uint32_t action = view.flags & MDL_OUT_TEACH ? view.teach : motor[1] > motor[0];
    mdl_shard_export(s, last, l->boundary);
    mdl_shard_import(&l->shard[0], &l->params, last, l->boundary);
    mdl_modulation_next(&l->conductor.modulation[0], &l->params, 1, 2, &sum, l->conductor.neurons, 2, action, &next);
}

#endif
