/* Points that a party uploads. The first byte picks a small life, the second how
 * the rest is meant: bytes of a point, with or without the magic, or changes of a
 * true one (which window, then place u16 and what is XORed there).
 *   What is taken up is a life that goes on or one that is over, never both.
 *   The same bytes give the same next point, and true bytes the true one.
 *   After any bytes the life, begun again, has its own points. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/experiment_json.h"
#include "protocol/point.h"
#include "tests/fuzz/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { POINTS = 6, MAGIC = 16 };

#define REST                                                                                                           \
    "\"seed\":\"7\",\"verification\":\"off\",\"test_episodes\":1,\"evolution\":{\"generations\":1,\"episodes\":1,"     \
    "\"validate_every\":1,\"validate_episodes\":1,\"islands\":[{\"algorithm\":\"es\",\"population\":4}]}"

static const char *const documents[] = {
    "{\"name\":\"a\",\"task\":\"tmaze\",\"network\":{\"neurons\":4,\"ring\":\"dense\"}," REST "}",
    "{\"name\":\"b\",\"task\":\"cue\",\"network\":{\"regions\":2,\"neurons\":4,\"ring\":2}," REST "}",
    "{\"name\":\"c\",\"task\":{\"name\":\"forage\",\"agents\":2,\"size\":6,\"food\":5,\"rocks\":3},"
    "\"network\":{\"neurons\":4,\"ring\":\"dense\"}," REST "}",
    "{\"name\":\"d\",\"task\":\"doublepole\",\"network\":{\"neurons\":4,\"ring\":\"dense\"}," REST "}",
    "{\"name\":\"e\",\"model\":\"neuraxon\",\"task\":\"bandit\",\"network\":{\"neurons\":4,\"ring\":\"dense\"}," REST
    "}",
};

enum { LIVES = sizeof documents / sizeof documents[0] };

typedef struct being {
    mdl_experiment experiment;
    mdl_life *life;
    mdl_place at;
    uint32_t windows;
    uint8_t digest[POINTS + 2][MDL_DIGEST_BYTES]; /* of the points after 0, 1, ... windows */
    buffer saved[POINTS + 1];                     /* their bytes                           */
} being;

/* Of the first `count` points. */
static void digests(const being *b, uint32_t count, uint8_t (*out)[MDL_DIGEST_BYTES]) {
    uint32_t point[POINTS + 2];
    for (uint32_t i = 0; i < count; i++)
        point[i] = i;
    mdl_err err = mdl_point_digests(b->life, &b->at, point, count, out);
    MDL_ASSERT(err == MDL_OK);
}

static being *prepared(uint32_t which) {
    static being all[LIVES];
    being *b = &all[which];
    if (b->life)
        return b;
    mdl_json_error error;
    mdl_err err =
        mdl_experiment_parse((const uint8_t *)documents[which], strlen(documents[which]), &b->experiment, &error);
    MDL_ASSERT(err == MDL_OK);
    void *memory = aligned_alloc(64, (mdl_life_bytes(&b->experiment, 1) + 63) / 64 * 64);
    MDL_ASSERT(memory);
    b->life = mdl_life_init(memory, &b->experiment, 1, NULL);
    float *genome = calloc(2 * (size_t)b->life->layout.genes, sizeof *genome);
    MDL_ASSERT(genome);
    mdl_genome_prior(&b->experiment, &b->life->layout, genome, genome + b->life->layout.genes);
    mdl_life_genome(b->life, genome);
    free(genome);
    b->at = (mdl_place){.key = 11, .part = MDL_PART_TRAIN, .last = 1};
    digests(b, POINTS + 2, b->digest);
    for (b->windows = 0; b->windows <= POINTS; b->windows++) {
        static const uint8_t none[MDL_DIGEST_BYTES];
        if (memcmp(b->digest[b->windows + 1], none, sizeof none) == 0)
            break;
    }
    for (uint32_t i = 0; i <= b->windows && i <= POINTS; i++) {
        err = mdl_point_save(b->life, &b->at, i, &(mdl_sink){buffer_write, &b->saved[i]});
        MDL_ASSERT(err == MDL_OK);
    }
    return b;
}

/* The bytes to try, of their exact size. */
static uint8_t *input_of(const being *b, const uint8_t *data, size_t size, uint8_t how, size_t *length) {
    static const char magic[MAGIC] = "modulon point v1";
    uint8_t *out;
    if (how % 3 == 2) {
        uint32_t windows = size > 0 ? data[0] % (b->windows < POINTS ? b->windows + 1 : POINTS + 1) : 0;
        const buffer *saved = &b->saved[windows];
        out = malloc(saved->size);
        MDL_ASSERT(out);
        memcpy(out, saved->at, saved->size);
        for (size_t i = 1; i + 2 < size; i += 3)
            out[(data[i] | (size_t)data[i + 1] << 8) % saved->size] ^= data[i + 2];
        *length = saved->size;
        return out;
    }
    size_t head = how % 3 == 1 ? 0 : MAGIC;
    *length = head + size;
    out = malloc(*length ? *length : 1);
    MDL_ASSERT(out);
    memcpy(out, magic, head);
    if (size > 0)
        memcpy(out + head, data, size);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    const being *b = prepared(data[0] % LIVES);
    uint8_t next[MDL_DIGEST_BYTES], again[MDL_DIGEST_BYTES], given[MDL_DIGEST_BYTES];
    uint8_t now[POINTS + 2][MDL_DIGEST_BYTES];
    size_t length;
    mdl_life_row row;
    uint8_t *bytes = input_of(b, data + 2, size - 2, data[1], &length);
    mdl_digest_of(bytes, length, given);
    mdl_err step = mdl_point_step(b->life, &b->at, bytes, length, next);
    mdl_err end = mdl_point_row(b->life, &b->at, bytes, length, &row);
    MDL_ASSERT(step != MDL_OK || end == MDL_EMISMATCH);
    MDL_ASSERT(end != MDL_OK || step == MDL_EMISMATCH);
    if (step == MDL_OK) {
        if (data[1] % 4 == 0) {
            MDL_ASSERT(mdl_point_step(b->life, &b->at, bytes, length, again) == MDL_OK);
            MDL_ASSERT(memcmp(next, again, sizeof next) == 0);
        }
        for (uint32_t i = 0; i <= POINTS; i++)
            MDL_ASSERT(memcmp(given, b->digest[i], sizeof given) != 0 ||
                       memcmp(next, b->digest[i + 1], sizeof next) == 0);
    }
    free(bytes);
    /* A life begun again takes most of the time: all points of one in 64, two of one in 16; a digest says which, for
     * the fuzzer would find out what byte does, and keep it. */
    uint32_t often = given[0] % 64, count = often == 0 ? POINTS + 2 : often % 16 == 1 ? 2 : 0;
    if (count > 0) {
        digests(b, count, now);
        MDL_ASSERT(memcmp(now, b->digest, count * sizeof *now) == 0);
    }
    return 0;
}
