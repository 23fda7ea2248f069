#include "protocol/transcript.h"

#include <string.h>

#include "core/assert.h"
#include "protocol/merkle.h"

static const char magic[8] = "MDLTRC1";

mdl_err mdl_transcript_read(const uint8_t *bytes, size_t size, mdl_transcript *out) {
    mdl_reader r = {bytes, size, 0};
    char head[sizeof magic];
    memset(out, 0, sizeof *out);
    mdl_get_bytes(&r, head, sizeof head);
    if (r.bad || memcmp(head, magic, sizeof head) != 0)
        return MDL_EMAGIC;
    out->lives = mdl_get_u32(&r);
    out->shards = mdl_get_u32(&r);
    out->modulation_size = mdl_get_u32(&r);
    if (r.bad)
        return MDL_ESIZE;
    if (out->lives < 1 || out->lives > MDL_TRANSCRIPT_LIVES_MAX || out->shards < 1 || out->shards > MDL_SHARDS_MAX ||
        out->modulation_size > MDL_TRANSCRIPT_MODULATION_MAX)
        return MDL_ERANGE;
    size_t rows = (size_t)out->lives * MDL_TRANSCRIPT_ROW_BYTES;
    if (r.left < out->modulation_size + rows)
        return MDL_ESIZE;
    out->modulation = r.at;
    out->rows = r.at + out->modulation_size;
    out->commits = out->rows + rows;
    for (uint32_t i = 0; i < out->lives; i++) {
        mdl_life_row row;
        mdl_transcript_row(out, i, &row);
        if (row.windows == 0)
            return MDL_ERANGE;
        out->windows += row.windows;
    }
    size_t left = r.left - out->modulation_size - rows, each = (size_t)out->shards * MDL_DIGEST_BYTES;
    return left % each == 0 && left / each == out->windows ? MDL_OK : MDL_ESIZE;
}

void mdl_transcript_row(const mdl_transcript *t, uint32_t life, mdl_life_row *row) {
    MDL_ASSERT(life < t->lives);
    mdl_reader r = {t->rows + (size_t)life * MDL_TRANSCRIPT_ROW_BYTES, MDL_TRANSCRIPT_ROW_BYTES, 0};
    row->windows = mdl_get_u32(&r);
    row->fitness = mdl_get_i64(&r);
    row->updates = mdl_get_u64(&r);
    mdl_get_bytes(&r, row->end, sizeof row->end);
}

uint64_t mdl_transcript_place(const mdl_transcript *t, uint32_t life, uint32_t window) {
    uint64_t place = 0;
    mdl_life_row row;
    if (life >= t->lives)
        return UINT64_MAX;
    for (uint32_t i = 0; i < life; i++) {
        mdl_transcript_row(t, i, &row);
        place += row.windows;
    }
    mdl_transcript_row(t, life, &row);
    return window < row.windows ? place + window : UINT64_MAX;
}

void mdl_transcript_root(const mdl_transcript *t, uint32_t shard, uint64_t from, uint8_t root[MDL_DIGEST_BYTES]) {
    mdl_merkle_edge edge;
    mdl_hash leaf, top;
    MDL_ASSERT(shard < t->shards && from < t->windows);
    memset(&edge, 0, sizeof edge);
    for (uint64_t i = from; i < t->windows; i++) {
        mdl_merkle_leaf(mdl_transcript_commit(t, i, shard), MDL_DIGEST_BYTES, &leaf);
        mdl_err err = mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
        MDL_ASSERT(err == MDL_OK); /* far below the limit of leaves */
    }
    mdl_merkle_edge_root(&edge, &top);
    memcpy(root, top.bytes, MDL_DIGEST_BYTES);
}

size_t mdl_transcript_bytes(uint32_t lives, uint64_t windows, uint32_t shards, size_t modulation_size) {
    return MDL_TRANSCRIPT_HEAD_BYTES + modulation_size + (size_t)lives * MDL_TRANSCRIPT_ROW_BYTES +
           (size_t)windows * shards * MDL_DIGEST_BYTES;
}

void mdl_transcript_write(const mdl_life_row *rows, uint32_t lives, uint32_t shards, const uint8_t *modulation,
                          size_t modulation_size, const uint8_t *commits, uint64_t windows, uint8_t *out) {
    mdl_sink sink = {mdl_put_forward, &out};
    mdl_put_bytes(&sink, magic, sizeof magic);
    mdl_put_u32(&sink, lives);
    mdl_put_u32(&sink, shards);
    mdl_put_u32(&sink, (uint32_t)modulation_size);
    mdl_put_bytes(&sink, modulation, modulation_size);
    for (uint32_t i = 0; i < lives; i++) {
        mdl_put_u32(&sink, rows[i].windows);
        mdl_put_i64(&sink, rows[i].fitness);
        mdl_put_u64(&sink, rows[i].updates);
        mdl_put_bytes(&sink, rows[i].end, MDL_DIGEST_BYTES);
    }
    mdl_put_bytes(&sink, commits, (size_t)windows * shards * MDL_DIGEST_BYTES);
}
