/* States of shards that are kept, so that a lost one begins there. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/orchestra_internal.h"

void mdl_orchestra_forget_state(kept_state *k) {
    free(k->bytes);
    free(k->list);
    free(k->got);
    memset(k, 0, sizeof *k);
}

void mdl_orchestra_keep_most(mdl_orchestra *o, uint64_t bytes) { o->keep_most = bytes; }

uint64_t mdl_orchestra_kept(const mdl_orchestra *o) {
    uint64_t sum = 0;
    for (uint32_t s = 0; s < o->shards; s++)
        sum += (o->kept[s].used ? o->kept[s].size : 0) + (o->coming[s].used ? o->coming[s].size : 0);
    return sum;
}

/* The state is the one that the window's digest committed to. */
static int is_committed(const mdl_orchestra *o, uint32_t shard, const kept_state *k) {
    enum { HEAD = 16 }; /* magic, windows, regions: core/player.h */
    const life_log *log = &o->log[k->at.life];
    uint8_t region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES], digest[MDL_DIGEST_BYTES];
    uint64_t at = HEAD;
    uint32_t count = 0;
    if (!log->window || k->at.window > log->windows)
        return 0;
    for (uint32_t r = 0; r < o->experiment->network.regions; r++) {
        if (o->owner[r] != shard)
            continue;
        uint64_t size = mdl_network_model_of(o->experiment)->state_bytes(o->experiment, r);
        if (size > k->size - at)
            return 0;
        mdl_digest_of(k->bytes + at, (size_t)size, region[count++]);
        at += size;
    }
    mdl_shard_state_digest((const uint8_t(*)[MDL_DIGEST_BYTES])region, count, digest);
    const given *g = &log->window[k->at.window - 1].shard[shard];
    return at == k->size && g->output && memcmp(digest, g->state, sizeof digest) == 0;
}

/* Who takes the shard up begins there: what its parts signed before is compared with nothing any more, but with what
 * slower ones have yet to give. */
static void forget_envelopes(mdl_orchestra *o, uint32_t shard, mdl_place_in at) {
    life_log *log = &o->log[at.life];
    for (uint32_t i = 0; i < o->parts; i++)
        if (o->part[i].shard == shard && mdl_place_before(o->part[i].next, at))
            at = o->part[i].next;
    for (uint32_t w = 0; &o->log[at.life] == log && w < at.window && w < log->windows; w++) {
        given *g = &log->window[w].shard[shard];
        free(g->envelope);
        g->envelope = NULL;
        g->envelope_size = 0;
    }
}

/* The list came: if all chunks are there, the state takes the place of the older one. */
static mdl_err finish(mdl_orchestra *o, uint32_t shard, const uint8_t *list, size_t size) {
    kept_state *k = &o->coming[shard];
    mdl_snapshot s;
    uint8_t *right = malloc(mdl_snapshot_list_bytes(k->size));
    if (!right)
        return MDL_ENOMEM;
    mdl_snapshot_list(k->at.life, k->at.window, shard, o->shards, k->bytes, k->size, right);
    int good = k->have == k->chunks && mdl_snapshot_read(list, size, k->size, &s) == MDL_OK &&
               memcmp(right, list, size) == 0 && is_committed(o, shard, k);
    if (!good) {
        free(right);
        mdl_orchestra_forget_state(k);
        return MDL_ERANGE;
    }
    k->list = right;
    k->list_size = (uint32_t)size;
    k->complete = 1;
    mdl_digest_of(list, size, k->digest);
    mdl_orchestra_forget_state(&o->kept[shard]);
    o->kept[shard] = *k;
    forget_envelopes(o, shard, k->at);
    memset(k, 0, sizeof *k);
    return MDL_OK;
}

int mdl_orchestra_wants(const mdl_orchestra *o, const mdl_voice *p, const mdl_msg_snapshot *m) {
    const kept_state *k = &o->coming[p->shard];
    return k->used && k->lease == p->lease && k->at.life == m->life && k->at.window == m->window + 1 &&
           (m->chunk >= k->chunks || !k->got || !k->got[m->chunk]);
}

mdl_err mdl_orchestra_snapshot(mdl_orchestra *o, const mdl_voice *p, const mdl_msg_snapshot *m, const uint8_t *bytes,
                               size_t size) {
    kept_state *k = &o->coming[p->shard];
    uint64_t chunks = (k->size + MDL_CHUNK_BYTES - 1) / MDL_CHUNK_BYTES;
    if (!k->used || k->lease != p->lease || k->at.life != m->life || k->at.window != m->window + 1 ||
        m->chunks != chunks)
        return MDL_ERANGE;
    if (!k->bytes) {
        k->chunks = (uint32_t)chunks;
        k->bytes = malloc(k->size);
        k->got = calloc(k->chunks, 1);
        if (!k->bytes || !k->got) {
            mdl_orchestra_forget_state(k);
            return MDL_ENOMEM;
        }
    }
    if (m->chunk == m->chunks)
        return finish(o, p->shard, bytes, size);
    uint64_t at = (uint64_t)m->chunk * MDL_CHUNK_BYTES, left = k->size - at;
    if (size != (left < MDL_CHUNK_BYTES ? left : MDL_CHUNK_BYTES))
        return MDL_ESIZE;
    memcpy(k->bytes + at, bytes, size);
    k->have += !k->got[m->chunk];
    k->got[m->chunk] = 1;
    return MDL_OK;
}

int mdl_orchestra_blob(const mdl_orchestra *o, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes,
                       size_t *size) {
    for (uint32_t s = 0; s < o->shards; s++) {
        const kept_state *k = &o->kept[s];
        if (!k->used)
            continue;
        if (memcmp(k->digest, digest, MDL_DIGEST_BYTES) == 0) {
            *bytes = k->list;
            *size = k->list_size;
            return 1;
        }
        for (uint32_t i = 0; i < k->chunks; i++)
            if (memcmp(k->list + MDL_SNAPSHOT_HEAD + (size_t)i * MDL_DIGEST_BYTES, digest, MDL_DIGEST_BYTES) == 0) {
                uint64_t at = (uint64_t)i * MDL_CHUNK_BYTES, left = k->size - at;
                *bytes = k->bytes + at;
                *size = left < MDL_CHUNK_BYTES ? (size_t)left : MDL_CHUNK_BYTES;
                return 1;
            }
    }
    return 0;
}

/* A state rests on the outputs of all windows before its last one, and its own shard's of that one. */
void mdl_orchestra_forget_after(mdl_orchestra *o, mdl_place_in at, uint32_t shard) {
    for (uint32_t s = 0; s < o->shards; s++) {
        kept_state *both[2] = {&o->kept[s], &o->coming[s]};
        for (int i = 0; i < 2; i++) {
            mdl_place_in most = {at.life, s == shard ? at.window : at.window + 1};
            if (both[i]->used && mdl_place_before(most, both[i]->at))
                mdl_orchestra_forget_state(both[i]);
        }
    }
}
