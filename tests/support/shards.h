/* A network played by shards in one process, over the bytes that shards exchange:
 * what the coordinator and its workers do, without a wire. */
#ifndef MDL_TESTS_SUPPORT_SHARDS_H
#define MDL_TESTS_SUPPORT_SHARDS_H

#include "protocol/shard_window.h"
#include "protocol/snapshot.h"
#include "protocol/unit.h"
#include "tests/support/hmn_fixture.h"

enum { SHARDS_MAX = 8 };

typedef struct shards_seat {
    mdl_player *player;
    uint8_t *output;
    size_t output_size;
    bytebuf input; /* of all windows since the snapshot, each after its size as u32 */
    bytebuf state; /* the snapshot, and its list                                    */
    uint8_t *list;
    uint32_t windows;                    /* of the snapshot */
    uint8_t (*commit)[MDL_DIGEST_BYTES]; /* of the windows since */
    uint32_t commits, room;
} shards_seat;

typedef struct shards_play {
    const mdl_experiment *x;
    const float *genome;
    mdl_params params;
    mdl_activity_rule rule;
    mdl_conductor conductor;
    uint64_t key;
    uint32_t shards, owner[MDL_REGIONS_MAX];
    mdl_packed packed[MDL_REGIONS_MAX];
    shards_seat seat[SHARDS_MAX];
    uint32_t replayed; /* windows run a second time */
} shards_play;

#define SHARDS_MUST(condition) ((condition) ? (void)0 : abort())

static inline void *shards_memory(size_t size) {
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64 + 64);
    SHARDS_MUST(memory);
    return memory;
}

/* A seat taken by somebody new: a player that knows the genome, and nothing else. */
static inline void shards_sit(shards_play *o, uint32_t i) {
    shards_seat *s = &o->seat[i];
    free(s->player);
    size_t size = mdl_player_bytes(o->x, o->owner, i);
    s->player = mdl_player_init(shards_memory(size), o->x, o->owner, i, NULL);
    mdl_player_genome(s->player, o->genome);
}

static inline void shards_open(shards_play *o, const mdl_experiment *x, const float *genome, uint32_t shards) {
    mdl_genome_layout layout;
    memset(o, 0, sizeof *o);
    o->x = x;
    o->genome = genome;
    o->shards = shards;
    SHARDS_MUST(shards <= SHARDS_MAX && mdl_genome_layout_of(x, &layout) == MDL_OK);
    mdl_genome_decode(x, &layout, genome, &o->params);
    o->rule = mdl_activity_rule_of(x, &o->params);
    mdl_conductor_init(&o->conductor, x, &o->params);
    mdl_balanced_cut(&x->network, shards, o->owner);
    for (uint32_t i = 0; i < shards; i++) {
        o->seat[i].output = shards_memory(mdl_shard_output_max(x, o->owner, i));
        shards_sit(o, i);
    }
}

static inline void shards_close(shards_play *o) {
    for (uint32_t i = 0; i < o->shards; i++) {
        shards_seat *s = &o->seat[i];
        free(s->player);
        free(s->output);
        free(s->input.at);
        free(s->state.at);
        free(s->list);
        free(s->commit);
    }
}

/* Keep the state of seat i, and forget the windows before. */
static inline void shards_snapshot(shards_play *o, uint32_t i) {
    shards_seat *s = &o->seat[i];
    s->state.size = s->input.size = 0;
    s->commits = 0;
    mdl_player_save(s->player, &(mdl_sink){bytebuf_write, &s->state});
    SHARDS_MUST(s->state.size == mdl_player_state_bytes(o->x, o->owner, i));
    free(s->list);
    s->list = shards_memory(mdl_snapshot_list_bytes(s->state.size));
    s->windows = s->player->windows;
    mdl_snapshot_list(0, s->windows, i, o->shards, s->state.at, s->state.size, s->list);
}

static inline void shards_begin(shards_play *o, uint64_t key, uint32_t episode, mdl_part part) {
    o->key = key;
    mdl_conductor_begin(&o->conductor, key, episode, part);
    for (uint32_t i = 0; i < o->shards; i++) {
        mdl_player_begin(o->seat[i].player, key);
        shards_snapshot(o, i);
    }
}

/* What seat i committed to by its last window. */
static inline void shards_commit(const shards_play *o, uint32_t i, uint8_t digest[MDL_DIGEST_BYTES]) {
    const shards_seat *s = &o->seat[i];
    mdl_window_commit c = {.window = s->player->windows - 1, .shard = i, .shards = o->shards};
    mdl_digest_of(s->output, s->output_size, c.output);
    mdl_player_state_digest(s->player, NULL, c.state);
    mdl_window_commit_digest(&c, digest);
}

static inline void shards_run(shards_play *o, uint32_t i, const uint8_t *input, size_t size) {
    shards_seat *s = &o->seat[i];
    SHARDS_MUST(mdl_shard_input_run(s->player, input, size) == MDL_OK);
    s->output_size = mdl_shard_output(s->player, s->output);
    SHARDS_MUST(s->output_size <= mdl_shard_output_max(o->x, o->owner, i));
}

/* Seat i is lost; somebody new takes it up from the snapshot and what came in since.
 * Returns whether its windows have the digests that they had. */
static inline int shards_replace(shards_play *o, uint32_t i) {
    shards_seat *s = &o->seat[i];
    mdl_snapshot snapshot;
    uint64_t size = mdl_player_state_bytes(o->x, o->owner, i);
    uint8_t *state = shards_memory((size_t)size), digest[MDL_DIGEST_BYTES];
    int same = mdl_snapshot_read(s->list, mdl_snapshot_list_bytes(size), size, &snapshot) == MDL_OK;
    for (uint32_t c = 0; same && c < snapshot.chunks; c++) {
        size_t at = (size_t)c * MDL_CHUNK_BYTES, part = mdl_snapshot_chunk_bytes(&snapshot, c);
        same = mdl_snapshot_chunk(&snapshot, c, s->state.at + at, part) == MDL_OK;
        memcpy(state + at, s->state.at + at, part);
    }
    shards_sit(o, i);
    same = same && mdl_player_load(s->player, o->key, state, (size_t)size) == MDL_OK;
    same = same && s->player->windows == s->windows;
    mdl_reader r = {s->input.at, s->input.size, 0};
    for (uint32_t w = 0; same && w < s->commits; w++) {
        uint32_t bytes = mdl_get_u32(&r);
        shards_run(o, i, r.at, bytes);
        r.at += bytes;
        r.left -= bytes;
        shards_commit(o, i, digest);
        same = memcmp(digest, s->commit[w], sizeof digest) == 0;
        o->replayed++;
    }
    free(state);
    return same && r.left == 0;
}

/* One window of all shards. Returns 1 while the life goes on, 0 when it is over. */
static inline int shards_window(shards_play *o) {
    size_t from[SHARDS_MAX];
    mdl_window_out sum;
    memset(&sum, 0, sizeof sum);
    for (uint32_t i = 0; i < o->shards; i++) { /* all of them, before any output is written over */
        bytebuf *b = &o->seat[i].input;
        uint8_t *input = shards_memory(mdl_shard_input_max(o->x, o->owner, i));
        size_t size = mdl_shard_input(&o->conductor, o->owner, i, o->packed, input);
        SHARDS_MUST(size <= mdl_shard_input_max(o->x, o->owner, i));
        mdl_put_u32(&(mdl_sink){bytebuf_write, b}, (uint32_t)size);
        from[i] = b->size;
        bytebuf_write(b, input, size);
        free(input);
    }
    for (uint32_t i = 0; i < o->shards; i++) {
        shards_seat *s = &o->seat[i];
        mdl_window_out out;
        shards_run(o, i, s->input.at + from[i], s->input.size - from[i]);
        mdl_err err = mdl_shard_output_read(o->x, &o->rule, o->owner, i, s->output, s->output_size, &out, o->packed);
        SHARDS_MUST(err == MDL_OK);
        mdl_window_out_add(o->x, &sum, &out, o->owner[0] == i);
        if (s->commits == s->room) {
            s->room = 2 * s->room + 8;
            s->commit = realloc(s->commit, s->room * sizeof *s->commit);
            SHARDS_MUST(s->commit);
        }
        shards_commit(o, i, s->commit[s->commits++]);
    }
    return mdl_conductor_window(&o->conductor, &sum);
}

/* Digests of all regions, in order. */
static inline void shards_regions(const shards_play *o, uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES]) {
    for (uint32_t i = 0; i < o->shards; i++)
        for (uint32_t k = 0; k < o->seat[i].player->shard.count; k++)
            mdl_region_digest(o->seat[i].player, k, region[o->seat[i].player->region[k]]);
}

#endif
