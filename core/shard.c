#include "core/shard.h"

/* Room for any model's region struct while a layout is only counted. */
enum { REGION_STRUCT_MAX = 2048 };

void mdl_shard_init(mdl_shard *s, mdl_arena *arena, const mdl_experiment *x, const uint32_t *owner, uint32_t shard,
                    const struct mdl_kernel *kernel, const mdl_shard *like) {
    _Alignas(MDL_ALIGN) uint8_t counted[REGION_STRUCT_MAX];
    const mdl_network_spec *network = &x->network;
    s->experiment = x;
    s->model = mdl_network_model_of(x);
    s->count = 0;
    MDL_ASSERT(s->model && s->model->region_size <= sizeof counted);
    for (uint32_t r = 0; r < network->regions; r++)
        s->count += !owner || owner[r] == shard;
    s->region = mdl_arena_take(arena, s->count, s->model->region_size);
    s->offset = mdl_arena_take(arena, s->count, sizeof *s->offset);
    mdl_region_offset at = {0, 0, 0};
    uint32_t i = 0;
    for (uint32_t r = 0; r < network->regions; r++) {
        mdl_shape shape;
        mdl_shape_of(network, r, &shape);
        if (!owner || owner[r] == shard) {
            if (s->region)
                s->offset[i] = at;
            s->model->init(s->region ? mdl_shard_at(s, i) : counted, arena, x, r, kernel, like != NULL,
                           like && s->region ? mdl_shard_at(like, i) : NULL);
            i++;
        }
        mdl_region_advance(&shape, &at);
    }
}

void mdl_shard_genome(mdl_shard *s, const mdl_genome_layout *layout, const float *genome) {
    for (uint32_t i = 0; i < s->count; i++)
        s->model->genome(mdl_shard_at(s, i), s->experiment, layout, genome, &s->offset[i]);
}

void mdl_shard_birth(mdl_shard *s, const mdl_params *p, uint64_t noise_key) {
    for (uint32_t i = 0; i < s->count; i++)
        s->model->birth(mdl_shard_at(s, i), p, noise_key);
}

void mdl_shard_window(mdl_shard *s, const mdl_params *p, const mdl_modulation *m, const float *obs) {
    for (uint32_t i = 0; i < s->count; i++)
        s->model->window(mdl_shard_at(s, i), p, m, obs);
}

void mdl_shard_partials(const mdl_shard *s, const mdl_params *p, mdl_partials *sum) {
    for (uint32_t i = 0; i < s->count; i++)
        s->model->partials(mdl_shard_at(s, i), p, sum);
}

static uint32_t number(const mdl_shard *s, uint32_t i) {
    mdl_region_view view;
    s->model->view(mdl_shard_at(s, i), &view);
    return view.shape->region;
}

void mdl_shard_export(const mdl_shard *s, uint32_t last, float *activity) {
    const mdl_network_spec *network = &s->experiment->network;
    size_t part = (size_t)network->window * network->listen;
    for (uint32_t i = 0; i < s->count; i++)
        s->model->send(mdl_shard_at(s, i), last, activity + number(s, i) * part);
}

void mdl_shard_import_parts(mdl_shard *s, const mdl_params *p, uint32_t last,
                            const float *const part[MDL_REGIONS_MAX]) {
    const mdl_network_spec *network = &s->experiment->network;
    for (uint32_t i = 0; i < s->count; i++) {
        uint32_t region = number(s, i);
        for (uint32_t k = 0; k < network->sources; k++)
            s->model->receive(mdl_shard_at(s, i), p, k, last, part[mdl_source_region(network, region, k)]);
    }
}

void mdl_shard_import(mdl_shard *s, const mdl_params *p, uint32_t last, const float *activity) {
    const mdl_network_spec *network = &s->experiment->network;
    const float *part[MDL_REGIONS_MAX];
    MDL_ASSERT(network->regions > 0);
    for (uint32_t r = 0; r < network->regions; r++)
        part[r] = activity + (size_t)r * network->window * network->listen;
    mdl_shard_import_parts(s, p, last, part);
}

void *mdl_shard_region(const mdl_shard *s, uint32_t region) {
    for (uint32_t i = 0; i < s->count; i++)
        if (number(s, i) == region)
            return mdl_shard_at(s, i);
    return NULL;
}

int mdl_shard_view(const mdl_shard *s, uint32_t region, mdl_region_view *view) {
    const void *r = mdl_shard_region(s, region);
    if (r)
        s->model->view(r, view);
    return r != NULL;
}
