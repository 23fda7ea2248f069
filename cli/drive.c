#include "cli/drive.h"

#include <string.h>

void mdl_drive_begin(mdl_life *l, uint64_t key, const mdl_task_out *out) {
    MDL_ASSERT(l->shards == 1);
    l->noise_key = mdl_key(key, MDL_STREAM_NOISE, 0, 0, 0);
    mdl_shard_birth(&l->shard[0], &l->params, l->noise_key);
    mdl_modulation_init(&l->modulation, &l->params, l->noise_key, out);
    l->windows = 0;
}

void mdl_drive_window(mdl_life *l, const mdl_task_out *now, const mdl_task_out *next) {
    const mdl_network_spec *network = &l->experiment->network;
    mdl_shard *shard = &l->shard[0];
    uint32_t last = l->modulation.step + network->window - 1;
    mdl_shard_window(shard, &l->params, &l->modulation, now->obs);
    l->partials = (mdl_partials){0, 0, 0};
    mdl_shard_partials(shard, &l->params, &l->partials);
    mdl_region_view first;
    mdl_shard_view(shard, 0, &first);
    memcpy(l->motor, first.readout + first.shape->hidden, network->motors * sizeof(float));
    l->action = 0;
    for (uint32_t i = 1; i < network->motors; i++)
        l->action = l->motor[i] > l->motor[l->action] ? i : l->action;
    if (now->flags & MDL_OUT_TEACH)
        l->action = now->teach;
    if (network->sources > 0) {
        mdl_shard_export(shard, last, l->boundary);
        mdl_shard_import(shard, &l->params, last, l->boundary);
    }
    mdl_modulation_next(&l->modulation, &l->params, l->noise_key, network->window, &l->partials, l->neurons,
                        network->sensors, l->action, next);
    l->windows++;
}
