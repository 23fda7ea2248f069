/* The coordinator's storage in memory: records, blobs, tree, checkpoints and the
 * receipts that follow from them. What was not committed is lost in a crash, as on
 * a disk. */
#ifndef MDL_SIM_STORE_H
#define MDL_SIM_STORE_H

#include "protocol/checkpoint.h"
#include "protocol/digest.h"
#include "protocol/ledger.h"
#include "protocol/merkle.h"

typedef struct mdl_sim_record {
    uint8_t *bytes;
    size_t size;
    mdl_hash leaf;
} mdl_sim_record;

typedef struct mdl_sim_blob {
    uint8_t digest[MDL_DIGEST_BYTES];
    uint8_t *bytes; /* NULL: a free place */
    size_t size;
} mdl_sim_blob;

typedef struct mdl_sim_hashes {
    mdl_hash *at;
    size_t count;
    uint32_t room;
} mdl_sim_hashes;

typedef struct mdl_sim_store {
    mdl_sim_record *record;
    size_t records;
    uint32_t room;
    uint64_t durable; /* records under the checkpoint; never less than before */
    mdl_sim_blob *blob;
    size_t blobs, blob_room;
    mdl_merkle_edge edge; /* of the durable records */
    mdl_sim_hashes level[MDL_MERKLE_LEVELS];
    mdl_vkey vkey;
    uint8_t secret[MDL_SECRET_BYTES];
    char checkpoint[1024];
    size_t checkpoint_size;
    int failed; /* out of memory */
} mdl_sim_store;

/* The log's key is made from `seed`. */
mdl_err mdl_sim_store_open(mdl_sim_store *s, const char *origin, const uint8_t seed[32]);
void mdl_sim_store_close(mdl_sim_store *s);

/* 0: out of memory. `leaf` may be NULL. */
int mdl_sim_store_append(mdl_sim_store *s, const uint8_t *record, size_t size, const mdl_hash *leaf);
int mdl_sim_store_put(mdl_sim_store *s, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size);
mdl_err mdl_sim_store_get(void *store, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size);
/* The first `count` records are durable: tree and checkpoint follow. */
mdl_err mdl_sim_store_commit(mdl_sim_store *s, uint64_t count);
/* A crash: what is not durable is gone. */
void mdl_sim_store_crash(mdl_sim_store *s);
/* A frame with the receipt of a durable record; `frame` holds
 * MDL_FRAME_HEAD_BYTES + MDL_RECEIPT_BYTES_MAX bytes. */
mdl_err mdl_sim_store_receipt(mdl_sim_store *s, uint64_t record, uint8_t *frame, size_t *size);
mdl_merkle_lookup mdl_sim_store_lookup(mdl_sim_store *s);

#endif
