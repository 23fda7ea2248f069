/* What shards and their conductor send each other. The first byte picks the decoder,
 * the second a network and how the rest is meant: bytes as they are, or changes of
 * true ones (place u16 and what is XORed there).
 *   Packed activity that is taken is the one packing of what it says.
 *   Outputs, inputs, states and lists that are taken give the same again.
 *   After any bytes a player, begun again, gives what it always gives. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/shard_window.h"
#include "protocol/snapshot.h"
#include "tests/fuzz/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KEY = 11, ROOM = 4096 };

#define REST                                                                                                           \
    "\"seed\":\"7\",\"verification\":\"off\",\"test_episodes\":1,\"evolution\":{\"generations\":1,\"episodes\":1,"     \
    "\"validate_every\":1,\"validate_episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}"
#define NETWORK "\"network\":{\"regions\":3,\"neurons\":4,\"ring\":2,\"listen\":2,\"window\":2,\"delay_between\":[2,3]}"

static const char *const documents[] = {
    "{\"name\":\"a\",\"task\":\"tmaze\"," NETWORK "," REST "}",
    "{\"name\":\"b\",\"task\":\"cue\",\"modulators\":{}," NETWORK "," REST "}",
    "{\"name\":\"c\",\"model\":\"neuraxon\",\"task\":\"bandit\"," NETWORK "," REST "}",
};

enum { NETWORKS = sizeof documents / sizeof documents[0], SHARDS = 2 };

typedef struct troupe {
    mdl_experiment x;
    mdl_params params;
    mdl_activity_rule rule;
    uint32_t owner[MDL_REGIONS_MAX];
    mdl_player *player[SHARDS];
    /* Of window 1: */
    uint8_t input[SHARDS][ROOM], output[SHARDS][ROOM];
    size_t input_size[SHARDS], output_size[SHARDS];
    buffer state[SHARDS];                     /* before window 1 */
    uint8_t digest[SHARDS][MDL_DIGEST_BYTES]; /* after it */
} troupe;

static troupe *prepared(uint32_t which) {
    static troupe all[NETWORKS];
    troupe *t = &all[which];
    if (t->player[0])
        return t;
    mdl_json_error error;
    const char *json = documents[which];
    mdl_err err = mdl_experiment_parse((const uint8_t *)json, strlen(json), &t->x, &error);
    MDL_ASSERT(err == MDL_OK);
    mdl_genome_layout layout;
    MDL_ASSERT(mdl_genome_layout_of(&t->x, &layout) == MDL_OK);
    float *genome = calloc(2 * (size_t)layout.genes, sizeof *genome);
    MDL_ASSERT(genome);
    mdl_genome_prior(&t->x, &layout, genome, genome + layout.genes);
    mdl_genome_decode(&t->x, &layout, genome, &t->params);
    t->rule = mdl_activity_rule_of(&t->x, &t->params);
    mdl_balanced_cut(&t->x.network, SHARDS, t->owner);
    mdl_conductor c;
    mdl_conductor_init(&c, &t->x, &t->params);
    mdl_conductor_begin(&c, KEY, 0, MDL_PART_TRAIN);
    mdl_packed packed[MDL_REGIONS_MAX];
    for (uint32_t i = 0; i < SHARDS; i++) {
        void *memory = aligned_alloc(64, (mdl_player_bytes(&t->x, t->owner, i) + 63) / 64 * 64);
        MDL_ASSERT(memory && mdl_shard_input_max(&t->x, t->owner, i) <= ROOM &&
                   mdl_shard_output_max(&t->x, t->owner, i) <= ROOM);
        t->player[i] = mdl_player_init(memory, &t->x, t->owner, i, NULL);
        mdl_player_genome(t->player[i], genome);
        mdl_player_begin(t->player[i], KEY);
    }
    free(genome);
    for (uint32_t w = 0; w < 2; w++) {
        mdl_window_out sum = {.motor = {0}}, out;
        for (uint32_t i = 0; i < SHARDS; i++)
            t->input_size[i] = mdl_shard_input(&c, t->owner, i, packed, t->input[i]);
        for (uint32_t i = 0; i < SHARDS; i++) {
            t->state[i].size = 0;
            mdl_player_save(t->player[i], &(mdl_sink){buffer_write, &t->state[i]});
            MDL_ASSERT(mdl_shard_input_run(t->player[i], t->input[i], t->input_size[i]) == MDL_OK);
            t->output_size[i] = mdl_shard_output(t->player[i], t->output[i]);
            err = mdl_shard_output_read(&t->x, &t->rule, t->owner, i, t->output[i], t->output_size[i], &out, packed);
            MDL_ASSERT(err == MDL_OK);
            mdl_window_out_add(&t->x, &sum, &out, i == 0);
            mdl_player_state_digest(t->player[i], NULL, t->digest[i]);
        }
        MDL_ASSERT(mdl_conductor_window(&c, &sum));
    }
    return t;
}

/* The bytes to try, of their exact size. */
static uint8_t *input_of(const uint8_t *from, size_t from_size, int change, const uint8_t *data, size_t size,
                         size_t *length) {
    *length = change ? from_size : size;
    uint8_t *out = malloc(*length ? *length : 1);
    MDL_ASSERT(out && (!change || from_size > 0));
    if (*length > 0)
        memcpy(out, change ? from : data, *length);
    for (size_t i = 0; change && i + 2 < size; i += 3)
        out[(data[i] | (size_t)data[i + 1] << 8) % from_size] ^= data[i + 2];
    return out;
}

static void boundary(uint8_t how, const uint8_t *data, size_t size) {
    static const mdl_activity_rule rules[] = {{0, 64.0f}, {0, 1.0f}, {1, 1.0f}};
    float value[64];
    uint8_t again[257];
    size_t count = 1 + how % 64, used = 0;
    mdl_err err = mdl_boundary_unpack(data, size, count, &rules[how / 64 % 3], value, &used);
    MDL_ASSERT(mdl_boundary_unpack(data, size, count, &rules[how / 64 % 3], NULL, &used) == err);
    if (err != MDL_OK)
        return;
    MDL_ASSERT(used <= size && mdl_boundary_pack(value, count, again) == used);
    MDL_ASSERT(memcmp(again, data, used) == 0);
}

static void output(const troupe *t, uint32_t i, const uint8_t *bytes, size_t size) {
    mdl_window_out out;
    mdl_packed packed[MDL_REGIONS_MAX];
    uint8_t again[ROOM];
    float value[64];
    mdl_err err = mdl_shard_output_read(&t->x, &t->rule, t->owner, i, bytes, size, &out, packed);
    if (err != MDL_OK)
        return;
    uint32_t region[MDL_REGIONS_MAX], sends = mdl_cut_sends(&t->x.network, t->owner, i, region);
    const uint8_t *at = bytes + 24 + (i == 0 ? 4 * t->x.network.motors : 0);
    for (uint32_t k = 0; k < sends; k++) {
        mdl_packed part = packed[region[k]];
        size_t used, count = t->player[i]->part;
        MDL_ASSERT(part.at == at && count <= 64);
        MDL_ASSERT(mdl_boundary_unpack(part.at, part.size, count, &t->rule, value, &used) == MDL_OK);
        MDL_ASSERT(mdl_boundary_pack(value, count, again) == part.size && memcmp(again, part.at, part.size) == 0);
        at += part.size;
    }
    MDL_ASSERT(at == bytes + size);
    /* The next modulatory state is one that a player takes. */
    mdl_conductor c;
    mdl_modulation back;
    buffer saved = {.size = 0};
    mdl_conductor_init(&c, &t->x, &t->params);
    mdl_conductor_begin(&c, KEY, 0, MDL_PART_TRAIN);
    mdl_conductor_window(&c, &out);
    mdl_modulation_save(&c.modulation[0], &(mdl_sink){buffer_write, &saved});
    mdl_reader r = {saved.at, saved.size, 0};
    mdl_modulation_load(&back, &t->params, &r);
    MDL_ASSERT(!r.bad && r.left == 0);
}

static void true_again(troupe *t, uint32_t i) {
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_player *p = t->player[i];
    MDL_ASSERT(mdl_player_load(p, KEY, t->state[i].at, t->state[i].size) == MDL_OK);
    MDL_ASSERT(mdl_shard_input_run(p, t->input[i], t->input_size[i]) == MDL_OK);
    mdl_player_state_digest(p, NULL, digest);
    MDL_ASSERT(memcmp(digest, t->digest[i], sizeof digest) == 0);
}

static void input(troupe *t, uint32_t i, const uint8_t *bytes, size_t size) {
    uint8_t digest[2][MDL_DIGEST_BYTES];
    mdl_player *p = t->player[i];
    mdl_err err[2];
    for (int k = 0; k < 2; k++) {
        MDL_ASSERT(mdl_player_load(p, KEY, t->state[i].at, t->state[i].size) == MDL_OK);
        err[k] = mdl_shard_input_run(p, bytes, size);
        mdl_player_state_digest(p, NULL, digest[k]);
    }
    MDL_ASSERT(err[0] == err[1] && memcmp(digest[0], digest[1], sizeof digest[0]) == 0);
    if (err[0] != MDL_OK) /* no window was run, and a true one may follow */
        MDL_ASSERT(mdl_shard_input_run(p, t->input[i], t->input_size[i]) == MDL_OK);
    true_again(t, i);
}

static void state(troupe *t, uint32_t i, const uint8_t *bytes, size_t size) {
    static buffer again;
    if (mdl_player_load(t->player[i], KEY, bytes, size) == MDL_OK) {
        again.size = 0;
        mdl_player_save(t->player[i], &(mdl_sink){buffer_write, &again});
        MDL_ASSERT(again.size == size && memcmp(again.at, bytes, size) == 0);
    }
    true_again(t, i);
}

static void list(uint8_t how, const uint8_t *bytes, size_t size) {
    mdl_snapshot s;
    uint64_t state_bytes = how % 2 ? (uint64_t)how << 20 : how;
    if (mdl_snapshot_read(bytes, size, state_bytes, &s) != MDL_OK)
        return;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < s.chunks; i++)
        sum += mdl_snapshot_chunk_bytes(&s, i);
    MDL_ASSERT(sum == state_bytes && s.shard < s.shards);
    MDL_ASSERT(s.digest + (size_t)s.chunks * MDL_DIGEST_BYTES == bytes + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    uint8_t kind = data[0] % 5, how = data[1];
    troupe *t = prepared(how % NETWORKS);
    uint32_t i = how / NETWORKS % SHARDS;
    int change = how / NETWORKS / SHARDS % 2;
    size_t length;
    const uint8_t *from = kind == 2 ? t->input[i] : kind == 3 ? t->state[i].at : t->output[i];
    size_t from_size = kind == 2 ? t->input_size[i] : kind == 3 ? t->state[i].size : t->output_size[i];
    uint8_t *bytes = input_of(from, from_size, change && kind >= 1 && kind <= 3, data + 2, size - 2, &length);
    switch (kind) {
    case 0:
        boundary(how, bytes, length);
        break;
    case 1:
        output(t, i, bytes, length);
        break;
    case 2:
        input(t, i, bytes, length);
        break;
    case 3:
        state(t, i, bytes, length);
        break;
    default:
        list(how, bytes, length);
    }
    free(bytes);
    return 0;
}
