#include "core/player.h"

#include <string.h>

#include "core/hmn_kernel.h"

static const char magic[8] = "MDLSHD1";

static mdl_player *layout(mdl_arena *arena, const mdl_experiment *x, const uint32_t *owner, uint32_t shard,
                          const struct mdl_kernel *kernel) {
    const mdl_network_spec *network = &x->network;
    uint32_t send[MDL_REGIONS_MAX], hear[MDL_REGIONS_MAX];
    uint32_t sends = mdl_cut_sends(network, owner, shard, send), hears = mdl_cut_hears(network, owner, shard, hear);
    size_t part = network->sources > 0 ? (size_t)network->window * network->listen : 0;
    mdl_shard counted;
    mdl_player *p = mdl_arena_take(arena, 1, sizeof *p);
    if (p)
        memset(p, 0, sizeof *p);
    mdl_shard *s = p ? &p->shard : &counted;
    mdl_shard_init(s, arena, x, owner, shard, kernel, NULL);
    uint32_t *region = mdl_arena_take(arena, s->count, sizeof *region);
    uint32_t *to = mdl_arena_take(arena, sends, sizeof *to), *from = mdl_arena_take(arena, hears, sizeof *from);
    float *own = mdl_arena_take(arena, s->count * part, sizeof *own);
    float *heard = mdl_arena_take(arena, hears * part, sizeof *heard);
    if (!p)
        return NULL;
    p->experiment = x;
    p->first = owner[0] == shard;
    p->part = part;
    p->region = region;
    for (uint32_t r = 0, i = 0; r < network->regions; r++)
        if (owner[r] == shard)
            region[i++] = r;
    memcpy(to, send, sends * sizeof *to);
    memcpy(from, hear, hears * sizeof *from);
    p->send = to;
    p->sends = sends;
    p->hear = from;
    p->hears = hears;
    p->own = own;
    p->heard = heard;
    int err = mdl_genome_layout_of(x, &p->layout);
    MDL_ASSERT(err == MDL_OK); /* checked with the experiment */
    return p;
}

size_t mdl_player_bytes(const mdl_experiment *x, const uint32_t *owner, uint32_t shard) {
    mdl_arena counting = {NULL, 0, 0};
    layout(&counting, x, owner, shard, NULL);
    return counting.used;
}

mdl_player *mdl_player_init(void *memory, const mdl_experiment *x, const uint32_t *owner, uint32_t shard,
                            const struct mdl_kernel *kernel) {
    mdl_arena arena = {memory, 0, SIZE_MAX};
    MDL_ASSERT(mdl_task_agent_count(&x->task) == 1);
    return layout(&arena, x, owner, shard, kernel ? kernel : mdl_kernel_best());
}

void mdl_player_genome(mdl_player *p, const float *genome) {
    mdl_genome_decode(p->experiment, &p->layout, genome, &p->params);
    mdl_shard_genome(&p->shard, &p->layout, genome);
}

void mdl_player_begin(mdl_player *p, uint64_t key) {
    mdl_shard_birth(&p->shard, &p->params, mdl_key(key, MDL_STREAM_NOISE, 0, 0, 0));
    memset(p->own, 0, p->shard.count * p->part * sizeof *p->own);
    memset(&p->out, 0, sizeof p->out);
    p->windows = 0;
}

/* The last step of the windows run so far. */
static uint32_t last_step(const mdl_player *p) { return p->windows * p->experiment->network.window - 1; }

static void take_in(mdl_player *p) {
    const float *part[MDL_REGIONS_MAX] = {NULL};
    for (uint32_t i = 0; i < p->shard.count; i++)
        part[p->region[i]] = p->own + i * p->part;
    for (uint32_t i = 0; i < p->hears; i++)
        part[p->hear[i]] = p->heard + i * p->part;
    mdl_shard_import_parts(&p->shard, &p->params, last_step(p), part);
}

static void put_out(mdl_player *p) {
    for (uint32_t i = 0; p->part > 0 && i < p->shard.count; i++)
        p->shard.model->send(mdl_shard_at(&p->shard, i), last_step(p), p->own + i * p->part);
}

mdl_err mdl_player_window(mdl_player *p, const mdl_modulation *m, const float *obs) {
    const mdl_network_spec *network = &p->experiment->network;
    if (m->window != p->windows || m->step != p->windows * network->window)
        return MDL_EMISMATCH;
    if (p->windows > 0 && p->part > 0)
        take_in(p);
    mdl_shard_window(&p->shard, &p->params, m, obs);
    p->windows++;
    memset(&p->out, 0, sizeof p->out);
    mdl_shard_partials(&p->shard, &p->params, &p->out.partials);
    mdl_region_view first;
    if (p->first && mdl_shard_view(&p->shard, 0, &first))
        memcpy(p->out.motor, first.readout + first.shape->hidden, network->motors * sizeof(float));
    put_out(p);
    return MDL_OK;
}

const float *mdl_player_sent(const mdl_player *p, uint32_t i) {
    uint32_t at = 0;
    MDL_ASSERT(i < p->sends);
    while (p->region[at] != p->send[i])
        at++;
    return p->own + at * p->part;
}

void mdl_player_save_region(const mdl_player *p, uint32_t i, const mdl_sink *sink) {
    MDL_ASSERT(i < p->shard.count);
    p->shard.model->save(mdl_shard_at(&p->shard, i), &p->params, last_step(p), sink);
}

static uint64_t head_bytes(void) { return sizeof magic + 8; }

uint64_t mdl_player_state_bytes(const mdl_experiment *x, const uint32_t *owner, uint32_t shard) {
    uint64_t sum = head_bytes();
    for (uint32_t r = 0; r < x->network.regions; r++)
        if (owner[r] == shard)
            sum += mdl_network_model_of(x)->state_bytes(x, r);
    return sum;
}

void mdl_player_save(const mdl_player *p, const mdl_sink *sink) {
    mdl_put_bytes(sink, magic, sizeof magic);
    mdl_put_u32(sink, p->windows);
    mdl_put_u32(sink, p->shard.count);
    for (uint32_t i = 0; i < p->shard.count; i++)
        mdl_player_save_region(p, i, sink);
}

mdl_err mdl_player_load(mdl_player *p, uint64_t key, const uint8_t *bytes, size_t size) {
    mdl_reader reader = {bytes, size, 0};
    char head[sizeof magic];
    mdl_player_begin(p, key);
    mdl_get_bytes(&reader, head, sizeof head);
    if (reader.bad || memcmp(head, magic, sizeof head) != 0)
        return MDL_EMAGIC;
    uint64_t want = head_bytes();
    for (uint32_t i = 0; i < p->shard.count; i++)
        want += p->shard.model->state_bytes(p->experiment, p->region[i]);
    if (size != want)
        return MDL_ESIZE;
    uint32_t windows = mdl_get_u32(&reader);
    if (mdl_get_u32(&reader) != p->shard.count)
        return MDL_ERANGE;
    p->windows = windows;
    for (uint32_t i = 0; i < p->shard.count; i++)
        p->shard.model->load(mdl_shard_at(&p->shard, i), &p->params, last_step(p), &reader);
    MDL_ASSERT(reader.bad || reader.left == 0); /* models say how long their regions are */
    if (reader.bad)
        return MDL_ERANGE;
    put_out(p);
    return MDL_OK;
}
