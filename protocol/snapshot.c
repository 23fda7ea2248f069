#include <string.h>

#include "core/assert.h"
#include "protocol/snapshot.h"

static const char domain[19] = "modulon snapshot v1";

static uint64_t chunks_of(uint64_t size) { return (size + MDL_CHUNK_BYTES - 1) / MDL_CHUNK_BYTES; }

size_t mdl_snapshot_list_bytes(uint64_t size) { return MDL_SNAPSHOT_HEAD + (size_t)chunks_of(size) * MDL_DIGEST_BYTES; }

static void put(uint8_t **at, uint64_t v, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++)
        *(*at)++ = (uint8_t)(v >> (8 * i));
}

void mdl_snapshot_list(uint32_t life, uint32_t windows, uint32_t shard, uint32_t shards, const uint8_t *state,
                       uint64_t size, uint8_t *out) {
    MDL_ASSERT(size > 0 && shard < shards);
    memcpy(out, domain, sizeof domain);
    out += sizeof domain;
    put(&out, life, 4);
    put(&out, windows, 4);
    put(&out, shard, 4);
    put(&out, shards, 4);
    put(&out, size, 8);
    for (uint64_t at = 0; at < size; at += MDL_CHUNK_BYTES, out += MDL_DIGEST_BYTES)
        mdl_digest_of(state + at, size - at < MDL_CHUNK_BYTES ? (size_t)(size - at) : MDL_CHUNK_BYTES, out);
}

mdl_err mdl_snapshot_read(const uint8_t *bytes, size_t size, uint64_t state_bytes, mdl_snapshot *s) {
    mdl_reader r = {bytes, size, 0};
    char head[sizeof domain];
    mdl_get_bytes(&r, head, sizeof head);
    if (r.bad || memcmp(head, domain, sizeof head) != 0)
        return MDL_EMAGIC;
    s->life = mdl_get_u32(&r);
    s->windows = mdl_get_u32(&r);
    s->shard = mdl_get_u32(&r);
    s->shards = mdl_get_u32(&r);
    s->size = mdl_get_u64(&r);
    if (r.bad || s->size != state_bytes || state_bytes == 0 || size != mdl_snapshot_list_bytes(state_bytes))
        return MDL_ESIZE;
    if (s->shard >= s->shards)
        return MDL_ERANGE;
    s->chunks = (uint32_t)chunks_of(state_bytes);
    s->digest = r.at;
    return MDL_OK;
}

size_t mdl_snapshot_chunk_bytes(const mdl_snapshot *s, uint32_t i) {
    MDL_ASSERT(i < s->chunks);
    return i + 1 < s->chunks ? MDL_CHUNK_BYTES : (size_t)(s->size - (uint64_t)i * MDL_CHUNK_BYTES);
}

mdl_err mdl_snapshot_chunk(const mdl_snapshot *s, uint32_t i, const uint8_t *bytes, size_t size) {
    uint8_t digest[MDL_DIGEST_BYTES];
    if (i >= s->chunks)
        return MDL_ERANGE;
    if (size != mdl_snapshot_chunk_bytes(s, i))
        return MDL_ESIZE;
    mdl_digest_of(bytes, size, digest);
    return memcmp(digest, s->digest + (size_t)i * MDL_DIGEST_BYTES, sizeof digest) == 0 ? MDL_OK : MDL_EDIGEST;
}
