#include "protocol/shard_window.h"

#include <string.h>

#include "core/assert.h"
#include "core/num.h"

enum { SUMS = 24 };

/* Sensors show nothing beyond this (SPEC 5.7). */
#define SENSOR_MAX 1024.0f

static size_t part_of(const mdl_experiment *x) {
    return x->network.sources > 0 ? (size_t)x->network.window * x->network.listen : 0;
}

size_t mdl_shard_output_max(const mdl_experiment *x, const uint32_t *owner, uint32_t shard) {
    uint32_t region[MDL_REGIONS_MAX], sends = mdl_cut_sends(&x->network, owner, shard, region);
    return SUMS + (owner[0] == shard ? 4 * (size_t)x->network.motors : 0) + sends * mdl_boundary_max(part_of(x));
}

size_t mdl_shard_output(const mdl_player *p, uint8_t *out) {
    uint8_t *at = out;
    mdl_sink sink = {mdl_put_forward, &at};
    mdl_put_i64(&sink, p->out.partials.activity);
    mdl_put_i64(&sink, p->out.partials.value);
    mdl_put_i64(&sink, p->out.partials.novelty);
    if (p->first)
        mdl_put_f32s(&sink, p->out.motor, p->experiment->network.motors);
    for (uint32_t i = 0; i < p->sends; i++)
        at += mdl_boundary_pack(mdl_player_sent(p, i), p->part, at);
    return (size_t)(at - out);
}

mdl_err mdl_shard_output_read(const mdl_experiment *x, const mdl_activity_rule *rule, const uint32_t *owner,
                              uint32_t shard, const uint8_t *bytes, size_t size, mdl_window_out *out,
                              mdl_packed packed[MDL_REGIONS_MAX]) {
    uint32_t region[MDL_REGIONS_MAX], sends = mdl_cut_sends(&x->network, owner, shard, region);
    int first = owner[0] == shard;
    mdl_reader r = {bytes, size, 0};
    memset(out, 0, sizeof *out);
    out->partials.activity = mdl_get_i64(&r);
    out->partials.value = mdl_get_i64(&r);
    out->partials.novelty = mdl_get_i64(&r);
    size_t motors = first ? x->network.motors : 0;
    if (r.bad || r.left < 4 * motors)
        return MDL_ESIZE;
    mdl_get_f32s(&r, out->motor, motors);
    if (r.bad) /* not finite */
        return MDL_ERANGE;
    mdl_err err = mdl_window_out_check(x, rule, mdl_cut_neurons(&x->network, owner, shard), first, out);
    for (uint32_t i = 0; err == MDL_OK && i < sends; i++) {
        size_t used = 0;
        err = mdl_boundary_unpack(r.at, r.left, part_of(x), rule, NULL, &used);
        if (err != MDL_OK)
            return err;
        packed[region[i]] = (mdl_packed){r.at, used};
        r.at += used;
        r.left -= used;
    }
    return err == MDL_OK && r.left != 0 ? MDL_ESIZE : err;
}

/* What stands before the activity in an input. */
static size_t input_head(const mdl_experiment *x, int first) {
    size_t modulation = MDL_MODULATION_BYTES + (x->modulators.used ? MDL_LEVELS_BYTES : 0);
    return modulation + (first ? 4 * (size_t)x->network.sensors : 0);
}

size_t mdl_shard_input_max(const mdl_experiment *x, const uint32_t *owner, uint32_t shard) {
    uint32_t region[MDL_REGIONS_MAX], hears = mdl_cut_hears(&x->network, owner, shard, region);
    return input_head(x, owner[0] == shard) + hears * mdl_boundary_max(part_of(x));
}

size_t mdl_shard_input(const mdl_conductor *c, const uint32_t *owner, uint32_t shard,
                       const mdl_packed packed[MDL_REGIONS_MAX], uint8_t *out) {
    const mdl_network_spec *network = &c->experiment->network;
    uint32_t region[MDL_REGIONS_MAX], hears = mdl_cut_hears(network, owner, shard, region);
    uint8_t *at = out;
    mdl_sink sink = {mdl_put_forward, &at};
    mdl_modulation_save(&c->modulation[0], &sink);
    if (owner[0] == shard)
        mdl_put_f32s(&sink, mdl_conductor_view(c, 0)->obs, network->sensors);
    MDL_ASSERT((size_t)(at - out) == input_head(c->experiment, owner[0] == shard));
    for (uint32_t i = 0; c->windows > 0 && i < hears; i++)
        mdl_put_bytes(&sink, packed[region[i]].at, packed[region[i]].size);
    return (size_t)(at - out);
}

mdl_err mdl_shard_input_run(mdl_player *p, const uint8_t *bytes, size_t size) {
    const mdl_network_spec *network = &p->experiment->network;
    mdl_activity_rule rule = mdl_activity_rule_of(p->experiment, &p->params);
    mdl_reader r = {bytes, size, 0};
    mdl_modulation m;
    float obs[MDL_OBS_MAX] = {0};
    if (size < input_head(p->experiment, p->first))
        return MDL_ESIZE;
    mdl_modulation_load(&m, &p->params, &r);
    mdl_get_f32s(&r, obs, p->first ? network->sensors : 0);
    for (uint32_t i = 0; i < network->sensors; i++)
        r.bad |= mdl_absf(obs[i]) > SENSOR_MAX;
    if (r.bad)
        return MDL_ERANGE;
    if (m.window != p->windows || m.step != p->windows * network->window)
        return MDL_EMISMATCH;
    for (uint32_t i = 0; p->windows > 0 && i < p->hears; i++) {
        size_t used = 0;
        mdl_err err = mdl_boundary_unpack(r.at, r.left, p->part, &rule, p->heard + i * p->part, &used);
        if (err != MDL_OK)
            return err;
        r.at += used;
        r.left -= used;
    }
    if (r.left != 0)
        return MDL_ESIZE;
    return mdl_player_window(p, &m, obs);
}

void mdl_window_commit_digest(const mdl_window_commit *c, uint8_t out[MDL_DIGEST_BYTES]) {
    static const char domain[] = "modulon window v1";
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_put_bytes(&sink, domain, sizeof domain - 1);
    mdl_put_u32(&sink, c->life);
    mdl_put_u32(&sink, c->window);
    mdl_put_u32(&sink, c->shard);
    mdl_put_u32(&sink, c->shards);
    mdl_put_bytes(&sink, c->output, sizeof c->output);
    mdl_put_bytes(&sink, c->state, sizeof c->state);
    mdl_digest_final(&d, out);
}

void mdl_region_digest(const mdl_player *p, uint32_t i, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_gather g;
    mdl_sink sink = mdl_gather_begin(&g);
    mdl_player_save_region(p, i, &sink);
    mdl_gather_end(&g, out);
}

void mdl_shard_state_digest(const uint8_t (*region)[MDL_DIGEST_BYTES], uint32_t count, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest_of(region, (size_t)count * MDL_DIGEST_BYTES, out);
}

void mdl_player_state_digest(const mdl_player *p, uint8_t (*region)[MDL_DIGEST_BYTES], uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest all;
    mdl_digest_init(&all);
    mdl_sink sink = mdl_digest_sink(&all);
    for (uint32_t i = 0; i < p->shard.count; i++) {
        uint8_t one[MDL_DIGEST_BYTES];
        mdl_region_digest(p, i, one);
        mdl_put_bytes(&sink, one, sizeof one);
        if (region)
            memcpy(region[i], one, sizeof one);
    }
    mdl_digest_final(&all, out);
}
