/* Messages of every type with every field set, and the key that signs them. */
#ifndef MDL_TESTS_MESSAGE_FIXTURE_H
#define MDL_TESTS_MESSAGE_FIXTURE_H

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "protocol/messages.h"

typedef enum fixture_size { FIXTURE_SMALLEST, FIXTURE_MIDDLE, FIXTURE_LARGEST } fixture_size;

/* Key pair of a seed of 32 equal bytes. */
static inline void fixture_key(uint8_t byte, uint8_t key[MDL_KEY_BYTES], uint8_t secret[MDL_SECRET_BYTES]) {
    uint8_t seed[MDL_SEED_BYTES];
    memset(seed, byte, sizeof seed);
    crypto_sign_seed_keypair(key, secret, seed);
}

/* A middle value is near lo but not equal to it; texts have no quotes in it. */
static inline void fixture_fill(const mdl_field *f, void *body, fixture_size size, uint64_t *list) {
    uint8_t *at = (uint8_t *)body + f->offset;
    uint64_t v = size == FIXTURE_SMALLEST ? f->lo : size == FIXTURE_LARGEST ? f->hi : f->lo + (f->hi - f->lo) / 3;
    uint32_t narrow = (uint32_t)v;
    int largest = size == FIXTURE_LARGEST;
    switch (f->kind) {
    case MDL_KIND_U32:
        memcpy(at, &narrow, sizeof narrow);
        break;
    case MDL_KIND_U64:
    case MDL_KIND_I64:
        memcpy(at, &v, sizeof v);
        break;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
    case MDL_KIND_CARRIED:
        memset(at, largest ? 0xff : size == FIXTURE_MIDDLE ? 0x5a : 0, (size_t)f->hi);
        break;
    case MDL_KIND_TEXT:
    case MDL_KIND_NOTE:
        memset(at, largest ? '"' : 'm', (size_t)v);
        at[v] = '\0';
        break;
    case MDL_KIND_SEGMENTS: {
        static char text[MDL_UNIT_JOBS_MAX * MDL_SEGMENT_CHARS];
        uint8_t segment[32];
        narrow = size == FIXTURE_MIDDLE ? (uint32_t)f->lo + 2 : narrow;
        memset(segment, largest ? 0xff : 0x3c, sizeof segment);
        for (uint32_t i = 0; i < narrow; i++) {
            mdl_segments_put(text, i, segment, largest ? UINT64_MAX : i);
        }
        mdl_segments segments = {narrow, text};
        memcpy(at, &segments, sizeof segments);
        break;
    }
    case MDL_KIND_FITNESSES:
    case MDL_KIND_INDICES: {
        narrow = size == FIXTURE_MIDDLE ? (uint32_t)f->lo + 2 : narrow;
        for (uint32_t i = 0; i < narrow; i++) {
            list[i] = f->kind == MDL_KIND_INDICES ? (largest ? MDL_RECORD_INDEX_MAX : i)
                                                  : (uint64_t)(largest ? -MDL_FITNESS_ABS_MAX : (int64_t)i - 1);
        }
        if (f->kind == MDL_KIND_INDICES) {
            mdl_u64_list indices = {narrow, list};
            memcpy(at, &indices, sizeof indices);
        } else {
            mdl_i64_list fitnesses = {narrow, (const int64_t *)list};
            memcpy(at, &fitnesses, sizeof fitnesses);
        }
    }
    }
}

/* `list` holds MDL_LIST_MAX elements and must outlive the message. */
static inline void fixture_message(mdl_message *m, mdl_message_type type, fixture_size size, uint64_t *list) {
    size_t count;
    const mdl_field *rows = mdl_head_fields(&count);
    memset(m, 0, sizeof *m);
    m->type = type;
    for (size_t i = 0; i < count; i++) {
        fixture_fill(&rows[i], &m->head, size, list);
    }
    rows = mdl_message_fields(type, &count);
    for (size_t i = 0; i < count; i++) {
        fixture_fill(&rows[i], &m->as, size, list);
    }
}

#endif
