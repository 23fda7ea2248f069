#include "core/shard.h"

void mdl_shard_init(mdl_shard *s, mdl_arena *arena, const mdl_network_spec *network, const mdl_hmn_spec *spec,
                    const uint32_t *owner, uint32_t shard, const struct mdl_kernel *kernel) {
    s->network = network;
    s->spec = spec;
    s->count = 0;
    for (uint32_t r = 0; r < network->regions; r++)
        s->count += !owner || owner[r] == shard;
    s->region = mdl_arena_take(arena, s->count, sizeof *s->region);
    s->offset = mdl_arena_take(arena, s->count, sizeof *s->offset);
    mdl_region_offset at = {0, 0, 0};
    uint32_t i = 0;
    for (uint32_t r = 0; r < network->regions; r++) {
        mdl_hmn_region counted, *region = &counted;
        if (!owner || owner[r] == shard) {
            if (s->region) {
                region = &s->region[i];
                s->offset[i++] = at;
            }
            mdl_region_init(region, arena, network, spec, r, kernel);
        } else {
            mdl_shape_of(network, r, &counted.shape);
        }
        mdl_region_advance(&region->shape, &at);
    }
}

void mdl_shard_genome(mdl_shard *s, const mdl_genome_layout *layout, const float *genome) {
    for (uint32_t i = 0; i < s->count; i++)
        mdl_region_genome(&s->region[i], s->network, s->spec, layout, genome, &s->offset[i]);
}

void mdl_shard_birth(mdl_shard *s, const mdl_params *p, uint64_t noise_key) {
    for (uint32_t i = 0; i < s->count; i++)
        mdl_region_birth(&s->region[i], p, noise_key);
}

void mdl_shard_window(mdl_shard *s, const mdl_params *p, const mdl_modulation *m, const float *obs) {
    for (uint32_t i = 0; i < s->count; i++)
        mdl_region_window(&s->region[i], p, m, obs);
}

void mdl_shard_partials(const mdl_shard *s, const mdl_params *p, mdl_partials *sum) {
    for (uint32_t i = 0; i < s->count; i++)
        mdl_region_partials(&s->region[i], p, sum);
}

void mdl_shard_export(const mdl_shard *s, uint32_t last, float *activity) {
    size_t part = (size_t)s->network->window * s->network->listen;
    for (uint32_t i = 0; i < s->count; i++)
        mdl_region_export(&s->region[i], last, activity + s->region[i].shape.region * part);
}

void mdl_shard_import(mdl_shard *s, const mdl_params *p, uint32_t last, const float *activity) {
    size_t part = (size_t)s->network->window * s->network->listen;
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < s->network->sources; k++) {
            uint32_t from = mdl_source_region(s->network, s->region[i].shape.region, k);
            mdl_region_import(&s->region[i], p, k, last, activity + from * part);
        }
}

mdl_hmn_region *mdl_shard_region(const mdl_shard *s, uint32_t region) {
    for (uint32_t i = 0; i < s->count; i++)
        if (s->region[i].shape.region == region)
            return &s->region[i];
    return NULL;
}

void mdl_balanced_cut(const mdl_network_spec *network, uint32_t shards, uint32_t *owner) {
    uint64_t total = mdl_synapse_count(network), before = 0;
    for (uint32_t r = 0; r < network->regions; r++) {
        mdl_shape s;
        mdl_shape_of(network, r, &s);
        uint64_t middle = before + s.synapses / 2;
        owner[r] = total == 0 ? 0 : (uint32_t)(middle * shards / total);
        before += s.synapses;
    }
}
