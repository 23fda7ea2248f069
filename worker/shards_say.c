/* What a shard says, and when it is silent. PROTOCOL section 12.4. */
#include <stdlib.h>
#include <string.h>

#include "protocol/merkle.h"
#include "worker/logic_internal.h"

static void send(mdl_worker *w, mdl_slot *s, mdl_message *m, const uint8_t *blob, size_t blob_size) {
    s->asked_ms = w->at.now_ms;
    mdl_worker_send_blob(w, mdl_shard_way(w, s), w->place, NULL, m, blob, blob_size);
}

static void fetch(mdl_worker *w, mdl_slot *s) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_FETCH;
    memcpy(m.as.fetch.digest, s->list ? s->parts.digest + (size_t)s->chunk * MDL_DIGEST_BYTES : s->snapshot,
           MDL_DIGEST_BYTES);
    send(w, s, &m, NULL, 0);
}

static void pull(mdl_worker *w, mdl_slot *s) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_PULL;
    m.as.pull.lease = s->of.lease;
    m.as.pull.life = s->life;
    m.as.pull.window = s->lost ? 0 : s->window; /* not where it is: it is told where to begin */
    send(w, s, &m, NULL, 0);
}

/* Over the digests of the order's windows before the last. */
static void silent_of(const mdl_slot *s, uint8_t out[MDL_DIGEST_BYTES]) {
    uint32_t windows = s->work->count;
    memset(out, 0, MDL_DIGEST_BYTES);
    if (windows > 1)
        mdl_digest_of(s->digest + (size_t)(s->count - windows) * MDL_DIGEST_BYTES,
                      (size_t)(windows - 1) * MDL_DIGEST_BYTES, out);
}

static void hand_in(mdl_worker *w, mdl_slot *s) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_WINDOW;
    mdl_msg_window *a = &m.as.window;
    a->lease = s->of.lease;
    a->life = s->life;
    a->window = s->window - 1;
    memcpy(a->state, s->work->state, MDL_DIGEST_BYTES);
    memcpy(a->commit, s->digest + (size_t)(s->count - 1) * MDL_DIGEST_BYTES, MDL_DIGEST_BYTES);
    silent_of(s, a->silent);
    mdl_digest_of(s->work->output, s->work->output_size, a->blob);
    a->blob_size = s->work->output_size;
    send(w, s, &m, s->work->output, s->work->output_size);
}

/* The next chunk of the state, at last their list. */
static void hand_in_state(mdl_worker *w, mdl_slot *s) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_SNAPSHOT;
    mdl_msg_snapshot *a = &m.as.snapshot;
    a->lease = s->of.lease;
    a->life = s->life;
    a->window = s->window - 1;
    a->chunk = s->chunk;
    a->chunks = s->parts.chunks;
    int last = s->chunk == s->parts.chunks;
    const uint8_t *bytes = last ? s->list : s->state + (size_t)s->chunk * MDL_CHUNK_BYTES;
    size_t size = last ? s->list_size : mdl_snapshot_chunk_bytes(&s->parts, s->chunk);
    mdl_digest_of(bytes, size, a->blob);
    a->blob_size = size;
    send(w, s, &m, bytes, size);
}

/* Synapse updates of region i of the player in the lease's windows. */
static uint64_t updates_of(const mdl_slot *s, uint32_t i) {
    const mdl_experiment *x = &s->work->model->experiment;
    uint32_t alone[MDL_REGIONS_MAX], region = s->work->player->region[i];
    for (uint32_t r = 0; r < x->network.regions; r++)
        alone[r] = r;
    return mdl_cut_synapses(&x->network, alone, region) * x->network.window * s->count;
}

/* The root over the digests of all windows of the lease. */
static void root_of(const mdl_slot *s, uint8_t root[MDL_DIGEST_BYTES]) {
    mdl_merkle_edge edge;
    mdl_hash leaf, top;
    memset(&edge, 0, sizeof edge);
    for (uint32_t i = 0; i < s->count; i++) {
        mdl_merkle_leaf(s->digest + (size_t)i * MDL_DIGEST_BYTES, MDL_DIGEST_BYTES, &leaf);
        mdl_err err = mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
        MDL_ASSERT(err == MDL_OK); /* far below the limit of leaves */
    }
    mdl_merkle_edge_root(&edge, &top);
    memcpy(root, top.bytes, MDL_DIGEST_BYTES);
}

static void hand_in_result(mdl_worker *w, mdl_slot *s) {
    mdl_message m;
    uint32_t regions = s->work->player->shard.count;
    char *text = malloc((size_t)regions * MDL_SEGMENT_CHARS);
    memset(&m, 0, sizeof m);
    m.type = MDL_MSG_SHARDRESULT;
    mdl_msg_shardresult *a = &m.as.shardresult;
    a->lease = s->of.lease;
    a->generation = s->of.generation;
    a->job = s->of.first;
    a->shard = s->work->shard;
    a->windows = s->count;
    a->busy_ms = s->busy_ns / 1000000;
    if (!text) {
        mdl_shards_no_memory(w);
        return;
    }
    root_of(s, a->root);
    for (uint32_t i = 0; i < regions; i++) {
        mdl_segments_put(text, i, s->work->regions + (size_t)i * MDL_DIGEST_BYTES, updates_of(s, i));
        a->updates += updates_of(s, i);
    }
    a->regions = (mdl_segments){regions, text};
    s->updates = a->updates;
    send(w, s, &m, NULL, 0);
    free(text);
    mdl_frame sent;
    if (w->stopped || mdl_frame_decode(s->sent.frame, s->sent.size, &sent) != MDL_OK)
        return;
    uint8_t *copy = malloc(sent.envelope_size);
    if (!copy) {
        mdl_shards_no_memory(w);
        return;
    }
    memcpy(copy, sent.envelope, sent.envelope_size);
    mdl_version *v = &s->version[s->versions++ % MDL_SHARD_VERSIONS];
    free(v->envelope);
    *v = (mdl_version){copy, sent.envelope_size, s->versions, 0};
}

void mdl_shard_speak(mdl_worker *w, mdl_slot *s) {
    switch (s->phase) {
    case MDL_PHASE_FETCH:
        fetch(w, s);
        break;
    case MDL_PHASE_PULL:
        pull(w, s);
        break;
    case MDL_PHASE_HAND:
        hand_in(w, s);
        break;
    case MDL_PHASE_KEEP:
        hand_in_state(w, s);
        break;
    case MDL_PHASE_RESULT:
        hand_in_result(w, s);
        break;
    case MDL_PHASE_RUN:
        break;
    }
}
