/* A store in memory, for tests and simulation: the same promises as far as they
 * make sense there, and failures on demand. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "store/batch.h"
#include "store/store.h"
#include "store/tiles.h"

typedef struct item {
    uint8_t *bytes;
    size_t size;
    uint64_t number;                   /* of a checkpoint: its size */
    mdl_hash hash;                     /* of a record: its leaf; of a blob: its digest */
    char name[MDL_STORE_NAME_MAX + 1]; /* of a value */
} item;

typedef struct list {
    item *at;
    size_t n, capacity;
} list;

typedef struct hashes {
    mdl_hash *at;
    size_t n, capacity;
} hashes;

enum { STORED_LEVELS = 1 + (MDL_MERKLE_LEVELS - 1) / MDL_TILES_STEP };

typedef struct memory {
    list records, notes, values, blobs;
    hashes nodes[STORED_LEVELS]; /* [0] stays empty: leaves are with their records */
    mdl_merkle_edge edge;
    mdl_tiles tiles;
    uint32_t failures;
} memory;

static mdl_err no_memory(char *error, size_t error_size) {
    snprintf(error, error_size, "the store in memory: %s", mdl_strerror(MDL_ENOMEM));
    return MDL_ENOMEM;
}

static mdl_err absent(mdl_err e, const char *what, char *error, size_t error_size) {
    snprintf(error, error_size, "the store in memory holds no such %s", what);
    return e;
}

/* Room for `more` elements of `size` bytes; 0 if there is none. */
static int reserve(void **at, size_t *capacity, size_t n, size_t more, size_t size) {
    if (*capacity - n < more) {
        size_t wanted = (n + more) * 2 + 8;
        void *larger = realloc(*at, wanted * size);
        if (!larger) {
            return 0;
        }
        *at = larger;
        *capacity = wanted;
    }
    return 1;
}

static int reserve_items(list *l, size_t more) {
    void *at = l->at;
    int ok = reserve(&at, &l->capacity, l->n, more, sizeof *l->at);
    l->at = at;
    return ok;
}

/* A copy with one NUL behind it, never NULL on success. */
static uint8_t *copy_of(const void *bytes, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (copy) {
        if (size > 0) {
            memcpy(copy, bytes, size);
        }
        copy[size] = 0;
    }
    return copy;
}

/* First place in a sorted list that is not before `hash`. */
static size_t place(const list *l, const void *hash) {
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&l->at[middle].hash, hash, sizeof(mdl_hash)) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static item *find_blob(memory *m, const uint8_t digest[MDL_DIGEST_BYTES]) {
    size_t i = place(&m->blobs, digest);
    return i < m->blobs.n && memcmp(&m->blobs.at[i].hash, digest, MDL_DIGEST_BYTES) == 0 ? &m->blobs.at[i] : NULL;
}

static item *find_value(memory *m, const char *name) {
    for (size_t i = 0; i < m->values.n; i++) {
        if (strcmp(m->values.at[i].name, name) == 0) {
            return &m->values.at[i];
        }
    }
    return NULL;
}

/* Whether this writing call is to fail. */
static int fails(memory *m, char *error, size_t error_size) {
    if (m->failures == 0) {
        return 0;
    }
    m->failures--;
    snprintf(error, error_size, "cannot write the store in memory: told to fail");
    return 1;
}

static void keep_node(void *ctx, uint32_t level, uint64_t index, const mdl_hash *hash) {
    memory *m = ctx;
    if (level > 0 && level % MDL_TILES_STEP == 0) {
        hashes *h = &m->nodes[level / MDL_TILES_STEP];
        MDL_ASSERT(h->n == index && h->n < h->capacity);
        h->at[h->n++] = *hash;
    }
}

static mdl_err fetch(void *ctx, uint32_t tile_level, uint64_t first, uint32_t n, mdl_hash *out) {
    memory *m = ctx;
    for (uint32_t i = 0; i < n; i++) {
        out[i] = tile_level == 0 ? m->records.at[first + i].hash : m->nodes[tile_level].at[first + i];
    }
    return MDL_OK;
}

/* Room for all that `n` records and a note will need, so that nothing fails half way. */
static int reserve_batch(memory *m, size_t n) {
    int ok = reserve_items(&m->records, n) && reserve_items(&m->notes, 1);
    for (uint32_t level = 1; level < STORED_LEVELS && ok; level++) {
        hashes *h = &m->nodes[level];
        void *at = h->at;
        ok = reserve(&at, &h->capacity, h->n, (n >> (MDL_TILES_STEP * (level < 3 ? level : 3))) + 1, sizeof *h->at);
        h->at = at;
    }
    return ok;
}

static mdl_err memory_append(mdl_store *s, const mdl_store_record *records, size_t n, const char *note,
                             size_t note_size, char *error, size_t error_size) {
    memory *m = s->impl;
    mdl_hash want, root;
    mdl_err e = mdl_batch_check(records, n, note, note_size, m->edge.size, &want, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    if (fails(m, error, error_size)) {
        return MDL_EIO;
    }
    if (!reserve_batch(m, n)) {
        return no_memory(error, error_size);
    }
    mdl_merkle_edge edge = m->edge;
    uint8_t *note_copy = copy_of(note, note_size);
    size_t kept = 0;
    for (int ok = note_copy != NULL; kept < n && ok;) {
        item *new = &m->records.at[m->records.n + kept];
        *new = (item){.bytes = copy_of(records[kept].bytes, records[kept].size), .size = records[kept].size};
        ok = new->bytes != NULL;
        if (ok) {
            if (records[kept].leaf) {
                new->hash = *records[kept].leaf;
            } else {
                mdl_merkle_leaf(new->bytes, new->size, &new->hash);
            }
            (void)mdl_merkle_append(&edge, &new->hash, 1, NULL, NULL); /* mdl_batch_check() holds the limit */
            kept++;
        }
    }
    mdl_merkle_edge_root(&edge, &root);
    if (!note_copy || kept < n || !mdl_hash_equal(&root, &want)) {
        e = !note_copy || kept < n ? no_memory(error, error_size) : MDL_EMISMATCH;
        if (e == MDL_EMISMATCH) {
            snprintf(error, error_size,
                     "cannot append: the checkpoint of size %" PRIu64 " does not have the tree's root", edge.size);
        }
        for (size_t i = 0; i < kept; i++) {
            free(m->records.at[m->records.n + i].bytes);
        }
        free(note_copy);
        return e;
    }
    for (size_t i = 0; i < n; i++) {
        (void)mdl_merkle_append(&m->edge, &m->records.at[m->records.n++].hash, 1, keep_node, m);
    }
    if (m->notes.n > 0 && m->notes.at[m->notes.n - 1].number == edge.size) {
        free(m->notes.at[--m->notes.n].bytes);
    }
    m->notes.at[m->notes.n++] = (item){.bytes = note_copy, .size = note_size, .number = edge.size};
    return MDL_OK;
}

static uint64_t memory_count(mdl_store *s) { return ((memory *)s->impl)->edge.size; }

static mdl_err memory_read(mdl_store *s, uint64_t index, uint8_t out[MDL_STORE_RECORD_MAX], size_t *size, char *error,
                           size_t error_size) {
    memory *m = s->impl;
    if (index >= m->edge.size) {
        return absent(MDL_ERANGE, "record", error, error_size);
    }
    *size = m->records.at[index].size;
    memcpy(out, m->records.at[index].bytes, *size);
    return MDL_OK;
}

static mdl_err memory_range(mdl_store *s, uint64_t from, uint64_t to, mdl_store_visit visit, void *ctx, char *error,
                            size_t error_size) {
    memory *m = s->impl;
    mdl_err e = from > to || to > m->edge.size ? absent(MDL_ERANGE, "record", error, error_size) : MDL_OK;
    for (uint64_t i = from; i < to && e == MDL_OK; i++) {
        e = visit(ctx, i, m->records.at[i].bytes, m->records.at[i].size);
    }
    return e;
}

static mdl_err memory_node(mdl_store *s, uint32_t level, uint64_t index, mdl_hash *out, char *error,
                           size_t error_size) {
    memory *m = s->impl;
    mdl_err e = mdl_tiles_node(&m->tiles, m->edge.size, level, index, out);
    return e == MDL_OK ? e : absent(e, "complete subtree", error, error_size);
}

static mdl_err memory_checkpoint(mdl_store *s, char out[MDL_STORE_NOTE_MAX], size_t *size, char *error,
                                 size_t error_size) {
    memory *m = s->impl;
    if (m->notes.n == 0) {
        return absent(MDL_ENOENT, "checkpoint", error, error_size);
    }
    *size = m->notes.at[m->notes.n - 1].size;
    memcpy(out, m->notes.at[m->notes.n - 1].bytes, *size);
    return MDL_OK;
}

static mdl_err memory_checkpoints(mdl_store *s, uint64_t from, mdl_store_visit visit, void *ctx, char *error,
                                  size_t error_size) {
    memory *m = s->impl;
    mdl_err e = MDL_OK;
    (void)error;
    (void)error_size;
    for (size_t i = 0; i < m->notes.n && e == MDL_OK; i++) {
        const item *note = &m->notes.at[i];
        if (note->number >= from) {
            e = visit(ctx, note->number, note->bytes, note->size);
        }
    }
    return e;
}

static mdl_err memory_value_put(mdl_store *s, const char *name, const uint8_t *bytes, size_t size, char *error,
                                size_t error_size) {
    memory *m = s->impl;
    mdl_err e = mdl_value_check(name, size, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    if (fails(m, error, error_size)) {
        return MDL_EIO;
    }
    uint8_t *copy = reserve_items(&m->values, 1) ? copy_of(bytes, size) : NULL;
    if (!copy) {
        return no_memory(error, error_size);
    }
    item *value = find_value(m, name);
    if (value) {
        free(value->bytes);
    } else {
        value = &m->values.at[m->values.n++];
        snprintf(value->name, sizeof value->name, "%s", name);
    }
    value->bytes = copy;
    value->size = size;
    return MDL_OK;
}

static mdl_err give(const item *found, const char *what, uint8_t **bytes, size_t *size, char *error,
                    size_t error_size) {
    *bytes = NULL;
    if (!found) {
        return absent(MDL_ENOENT, what, error, error_size);
    }
    *bytes = copy_of(found->bytes, found->size);
    *size = found->size;
    return *bytes ? MDL_OK : no_memory(error, error_size);
}

static mdl_err memory_value_get(mdl_store *s, const char *name, uint8_t **bytes, size_t *size, char *error,
                                size_t error_size) {
    *bytes = NULL;
    mdl_err e = mdl_value_check(name, 0, error, error_size);
    return e == MDL_OK ? give(find_value(s->impl, name), "value", bytes, size, error, error_size) : e;
}

static mdl_err memory_blob_put(mdl_store *s, const uint8_t *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES],
                               char *error, size_t error_size) {
    memory *m = s->impl;
    if (size > MDL_STORE_BLOB_MAX) {
        snprintf(error, error_size, "cannot keep a blob of %zu bytes: the limit is %d", size, MDL_STORE_BLOB_MAX);
        return MDL_ESIZE;
    }
    if (fails(m, error, error_size)) {
        return MDL_EIO;
    }
    mdl_digest_of(bytes, size, digest);
    if (find_blob(m, digest)) {
        return MDL_OK;
    }
    uint8_t *copy = reserve_items(&m->blobs, 1) ? copy_of(bytes, size) : NULL;
    if (!copy) {
        return no_memory(error, error_size);
    }
    size_t i = place(&m->blobs, digest);
    memmove(&m->blobs.at[i + 1], &m->blobs.at[i], (m->blobs.n - i) * sizeof *m->blobs.at);
    m->blobs.n++;
    m->blobs.at[i] = (item){.bytes = copy, .size = size};
    memcpy(&m->blobs.at[i].hash, digest, MDL_DIGEST_BYTES);
    return MDL_OK;
}

static mdl_err memory_blob_get(mdl_store *s, const uint8_t digest[MDL_DIGEST_BYTES], size_t limit, uint8_t **bytes,
                               size_t *size, char *error, size_t error_size) {
    const item *found = find_blob(s->impl, digest);
    *bytes = NULL;
    if (found && found->size > limit) {
        snprintf(error, error_size, "the blob holds %zu bytes, more than the %zu allowed", found->size, limit);
        return MDL_ESIZE;
    }
    return give(found, "blob", bytes, size, error, error_size);
}

static mdl_err memory_blob_has(mdl_store *s, const uint8_t digest[MDL_DIGEST_BYTES], char *error, size_t error_size) {
    return find_blob(s->impl, digest) ? MDL_OK : absent(MDL_ENOENT, "blob", error, error_size);
}

static mdl_err memory_backup(mdl_store *s, const char *directory, char *error, size_t error_size) {
    (void)s;
    snprintf(error, error_size, "cannot copy to %s: a store in memory has no files", directory);
    return MDL_EIO;
}

static void drop(list *l) {
    for (size_t i = 0; i < l->n; i++) {
        free(l->at[i].bytes);
    }
    free(l->at);
}

static void memory_close(mdl_store *s) {
    memory *m = s->impl;
    drop(&m->records);
    drop(&m->notes);
    drop(&m->values);
    drop(&m->blobs);
    for (uint32_t level = 0; level < STORED_LEVELS; level++) {
        free(m->nodes[level].at);
    }
    mdl_tiles_close(&m->tiles);
    free(m);
    *s = (mdl_store){0};
}

void mdl_store_memory_fail(mdl_store *s, uint32_t n) {
    MDL_ASSERT(s->close == memory_close);
    ((memory *)s->impl)->failures = n;
}

mdl_err mdl_store_open_memory(mdl_store *s, char *error, size_t error_size) {
    *s = (mdl_store){0};
    memory *m = calloc(1, sizeof *m);
    if (!m || mdl_tiles_init(&m->tiles, fetch, m) != MDL_OK) {
        free(m);
        return no_memory(error, error_size);
    }
    *s = (mdl_store){m,
                     memory_append,
                     memory_count,
                     memory_read,
                     memory_range,
                     memory_node,
                     memory_checkpoint,
                     memory_checkpoints,
                     memory_value_put,
                     memory_value_get,
                     memory_blob_put,
                     memory_blob_get,
                     memory_blob_has,
                     memory_backup,
                     memory_close};
    return MDL_OK;
}
