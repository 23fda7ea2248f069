#include "cli/drive.h"

#include <string.h>

void mdl_drive_begin(mdl_life *l, uint64_t key, const mdl_task_out *out) {
    mdl_conductor *c = &l->conductor;
    MDL_ASSERT(l->shards == 1);
    c->noise_key[0] = mdl_key(key, MDL_STREAM_NOISE, 0, 0, 0);
    mdl_shard_birth(&l->shard[0], &l->params, c->noise_key[0]);
    mdl_modulation_init(&c->modulation[0], &l->params, c->noise_key[0], out);
    c->windows = 0;
}

void mdl_drive_window(mdl_life *l, const mdl_task_out *now, const mdl_task_out *next) {
    const mdl_network_spec *network = &l->experiment->network;
    mdl_shard *shard = &l->shard[0];
    mdl_conductor *c = &l->conductor;
    mdl_window_out *out = &c->out[0];
    uint32_t last = c->modulation[0].step + network->window - 1, action = 0;
    mdl_shard_window(shard, &l->params, &c->modulation[0], now->obs);
    out->partials = (mdl_partials){0, 0, 0};
    mdl_shard_partials(shard, &l->params, &out->partials);
    mdl_region_view first;
    mdl_shard_view(shard, 0, &first);
    memcpy(out->motor, first.readout + first.shape->hidden, network->motors * sizeof(float));
    for (uint32_t i = 1; i < network->motors; i++)
        action = out->motor[i] > out->motor[action] ? i : action;
    if (now->flags & MDL_OUT_TEACH)
        action = now->teach;
    c->action[0] = action;
    if (network->sources > 0) {
        mdl_shard_export(shard, last, l->boundary);
        mdl_shard_import(shard, &l->params, last, l->boundary);
    }
    mdl_modulation_next(&c->modulation[0], &l->params, c->noise_key[0], network->window, &out->partials, c->neurons,
                        network->sensors, action, next);
    c->windows++;
}
