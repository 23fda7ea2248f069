#include "sim/store.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/frame.h"
#include "protocol/grow.h"
#include "protocol/tlog_proof.h"

mdl_err mdl_sim_store_open(mdl_sim_store *s, const char *origin, const uint8_t seed[32]) {
    uint8_t key[MDL_KEY_BYTES];
    memset(s, 0, sizeof *s);
    crypto_sign_seed_keypair(key, s->secret, seed);
    return mdl_vkey_make(mdl_text_of(origin), MDL_NOTE_TYPE_ED25519, key, &s->vkey);
}

void mdl_sim_store_close(mdl_sim_store *s) {
    for (size_t i = 0; i < s->records; i++) {
        free(s->record[i].bytes);
    }
    for (size_t i = 0; i < s->blob_room; i++) {
        free(s->blob[i].bytes);
    }
    for (int i = 0; i < MDL_MERKLE_LEVELS; i++) {
        free(s->level[i].at);
    }
    free(s->record);
    free(s->blob);
    memset(s, 0, sizeof *s);
}

static uint8_t *copy_of(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (copy && size > 0) {
        memcpy(copy, bytes, size);
    }
    return copy;
}

int mdl_sim_store_append(mdl_sim_store *s, const uint8_t *record, size_t size, const mdl_hash *leaf) {
    if (!mdl_list_grow(&s->record, &s->room, s->records + 1, sizeof *s->record)) {
        return 0;
    }
    mdl_sim_record r = {copy_of(record, size), size, {{0}}};
    if (!r.bytes) {
        return 0;
    }
    if (leaf) {
        r.leaf = *leaf;
    } else {
        mdl_merkle_leaf(record, size, &r.leaf);
    }
    s->record[s->records++] = r;
    return 1;
}

/* ---- blobs: a table with open addressing ---- */

static size_t place_of(const mdl_sim_blob *table, size_t room, const uint8_t *digest) {
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    size_t at = (size_t)(hash % room);
    while (table[at].bytes && memcmp(table[at].digest, digest, MDL_DIGEST_BYTES) != 0) {
        at = (at + 1) % room;
    }
    return at;
}

static int grow_blobs(mdl_sim_store *s) {
    size_t room = s->blob_room ? 2 * s->blob_room : 64;
    mdl_sim_blob *more = calloc(room, sizeof *more);
    if (!more) {
        return 0;
    }
    for (size_t i = 0; i < s->blob_room; i++) {
        if (s->blob[i].bytes) {
            more[place_of(more, room, s->blob[i].digest)] = s->blob[i];
        }
    }
    free(s->blob);
    s->blob = more;
    s->blob_room = room;
    return 1;
}

int mdl_sim_store_put(mdl_sim_store *s, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size) {
    if (2 * s->blobs >= s->blob_room && !grow_blobs(s)) {
        return 0;
    }
    mdl_sim_blob *b = &s->blob[place_of(s->blob, s->blob_room, digest)];
    if (b->bytes) {
        return 1;
    }
    b->bytes = copy_of(bytes, size);
    b->size = size;
    memcpy(b->digest, digest, MDL_DIGEST_BYTES);
    s->blobs += b->bytes != NULL;
    return b->bytes != NULL;
}

mdl_err mdl_sim_store_get(void *store, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    const mdl_sim_store *s = store;
    const mdl_sim_blob *b = s->blob_room ? &s->blob[place_of(s->blob, s->blob_room, digest)] : NULL;
    if (!b || !b->bytes) {
        return MDL_ENOENT;
    }
    *bytes = b->bytes;
    *size = b->size;
    return MDL_OK;
}

/* ---- tree and checkpoint ---- */

static void seen(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    mdl_sim_store *s = ctx;
    mdl_sim_hashes *h = &s->level[level];
    (void)index; /* they come in order */
    if (!mdl_list_grow(&h->at, &h->room, h->count + 1, sizeof *h->at)) {
        s->failed = 1;
        return;
    }
    h->at[h->count++] = *hash;
}

static mdl_err look_up(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    const mdl_sim_store *s = ctx;
    if (index >= s->level[level].count) {
        return MDL_ENOENT;
    }
    *out = s->level[level].at[index];
    return MDL_OK;
}

mdl_merkle_lookup mdl_sim_store_lookup(mdl_sim_store *s) { return (mdl_merkle_lookup){look_up, s}; }

mdl_err mdl_sim_store_commit(mdl_sim_store *s, uint64_t count) {
    for (uint64_t i = s->durable; i < count; i++) {
        mdl_err err = mdl_merkle_append(&s->edge, &s->record[i].leaf, 1, seen, s);
        if (err != MDL_OK) {
            return err;
        }
    }
    s->durable = count;
    mdl_checkpoint c = {.origin = mdl_text_of(s->vkey.name), .size = count};
    mdl_merkle_edge_root(&s->edge, &c.root);
    mdl_text_out out = {s->checkpoint, sizeof s->checkpoint, 0};
    mdl_err err = mdl_checkpoint_sign(&c, &s->vkey, s->secret, &out);
    s->checkpoint_size = err == MDL_OK ? out.size : 0;
    return s->failed ? MDL_ENOMEM : err;
}

void mdl_sim_store_crash(mdl_sim_store *s) {
    while (s->records > s->durable) {
        free(s->record[--s->records].bytes);
    }
}

mdl_err mdl_sim_store_receipt(mdl_sim_store *s, uint64_t record, uint8_t *frame, size_t *size) {
    char text[MDL_RECEIPT_BYTES_MAX];
    mdl_text_out out = {text, sizeof text, 0};
    mdl_merkle_lookup lookup = mdl_sim_store_lookup(s);
    mdl_merkle_prover prover;
    mdl_merkle_proof path;
    mdl_tlog_proof proof = {.index = record};
    mdl_merkle_prover_init(&prover, &s->edge);
    mdl_err err = mdl_merkle_prover_inclusion(&prover, record, &lookup, &path);
    if (err != MDL_OK) {
        return err;
    }
    proof.count = path.count;
    memcpy(proof.hash, path.hash, path.count * sizeof *path.hash);
    proof.checkpoint = (mdl_text){s->checkpoint, s->checkpoint_size};
    mdl_tlog_proof_put(&proof, &out);
    if (out.size > sizeof text) {
        return MDL_ESIZE;
    }
    const mdl_frame f = {NULL, 0, (const uint8_t *)text, out.size};
    return mdl_frame_encode(&f, frame, MDL_FRAME_HEAD_BYTES + MDL_RECEIPT_BYTES_MAX, size);
}
