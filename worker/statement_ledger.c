/* A statement's lines against the ledger. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/grow.h"
#include "protocol/ledger.h"
#include "store/store.h"
#include "worker/statement_internal.h"

/* What the walk learns of one result. */
typedef struct entry {
    uint64_t index, joined;  /* joined: the record of its shard's job, 0: none   */
    mdl_statement_line said; /* what the record says */
    int shard, used, closed, paid;
    uint8_t claim[MDL_DIGEST_BYTES]; /* what it says of its jobs */
    char why[120], again[64];
} entry;

typedef struct walk {
    mdl_statement *statement;
    mdl_store *store;
    mdl_ledger *ledger;
    mdl_blobs blobs;
    uint8_t *blob; /* the last one that was asked for */
    uint8_t coordinator[32], experiment[32];
    entry *entry; /* of our keys, by index */
    size_t count;
    uint32_t room;
    size_t open_from, unpaid_from; /* the first of a generation not closed; not credited */
    uint8_t (*key)[32];            /* that signed envelopes we hold */
    size_t keys;
    uint64_t list[MDL_LIST_MAX];
    uint8_t pae[MDL_PAE_BYTES_MAX];
    char *error;
    size_t error_size;
} walk;

static mdl_err get_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    walk *w = ctx;
    char ignored[300];
    free(w->blob);
    w->blob = NULL;
    mdl_err err = w->store->blob_get(w->store, digest, MDL_STORE_BLOB_MAX, &w->blob, size, ignored, sizeof ignored);
    *bytes = w->blob;
    return err;
}

static int is_ours(const walk *w, const uint8_t key[32]) {
    for (size_t i = 0; i < w->keys; i++) {
        if (memcmp(w->key[i], key, 32) == 0)
            return 1;
    }
    return 0;
}

/* Usually one: the keys of the lines, each once. */
static mdl_err collect_keys(walk *w) {
    static const uint8_t none[32];
    w->key = malloc((w->statement->count + 1) * sizeof *w->key);
    if (!w->key)
        return MDL_ENOMEM;
    for (size_t i = 0; i < w->statement->count; i++) {
        const uint8_t *key = w->statement->line[i].worker;
        if (memcmp(key, none, sizeof none) != 0 && !is_ours(w, key))
            memcpy(w->key[w->keys++], key, 32);
    }
    return MDL_OK;
}

static void claim_of(mdl_i64_list fitness, mdl_segments segments, uint8_t out[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    uint8_t segment[MDL_DIGEST_BYTES];
    uint64_t updates;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    for (uint32_t i = 0; i < fitness.count && i < segments.count; i++) {
        mdl_segments_get(segments, i, segment, &updates);
        mdl_put_i64(&sink, fitness.at[i]);
        mdl_put_u64(&sink, updates);
        mdl_put_bytes(&sink, segment, sizeof segment);
    }
    mdl_digest_final(&d, out);
}

/* A result of ours, whose numbers are the caller's to fill in. NULL: out of memory. */
static entry *new_entry(walk *w, uint64_t index, const mdl_envelope *e, const uint8_t *record, size_t size) {
    if (!mdl_list_grow(&w->entry, &w->room, w->count + 1, sizeof *w->entry))
        return NULL;
    entry *n = &w->entry[w->count++];
    memset(n, 0, sizeof *n);
    n->index = n->said.record = index;
    memcpy(n->said.coordinator, w->coordinator, 32);
    memcpy(n->said.experiment, w->experiment, 32);
    const mdl_ledger_worker *signer = mdl_ledger_signer(w->ledger, e->key);
    memcpy(n->said.worker, signer ? signer->key : e->key, 32);
    n->said.recorded = 1;
    mdl_merkle_leaf(record, size, &n->said.leaf);
    return n;
}

static mdl_err note_result(walk *w, uint64_t index, const mdl_envelope *e, const mdl_message *m, const uint8_t *record,
                           size_t size) {
    int shard = m->type == MDL_MSG_SHARDRESULT;
    entry *n = is_ours(w, e->key) ? new_entry(w, index, e, record, size) : NULL;
    if (!n)
        return is_ours(w, e->key) ? MDL_ENOMEM : MDL_OK;
    n->shard = shard;
    n->said.lease = shard ? m->as.shardresult.lease : m->as.result.lease;
    n->said.updates = shard ? m->as.shardresult.updates : m->as.result.updates;
    n->said.generation = shard ? m->as.shardresult.generation : m->as.result.generation;
    n->said.first = shard ? m->as.shardresult.job : m->as.result.first;
    n->said.jobs = shard ? 1 : m->as.result.count;
    if (!shard)
        claim_of(m->as.result.fitness, m->as.result.segments, n->claim);
    return MDL_OK;
}

/* NULL: it is not ours. */
static entry *find_entry(walk *w, uint64_t index) {
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (w->entry[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->count && w->entry[low].index == index ? &w->entry[low] : NULL;
}

static void note_used(walk *w, uint64_t index) {
    entry *n = find_entry(w, index);
    if (n)
        n->used = 1;
}

/* Where results are believed as they come, what a closing uses is paid, and shards that were joined: their work counts
 * though the job be played again for another's lie. */
static void pay_believed(walk *w) {
    for (; w->unpaid_from < w->open_from; w->unpaid_from++) {
        entry *n = &w->entry[w->unpaid_from];
        const mdl_ledger_worker *by = mdl_ledger_worker_find(w->ledger, n->said.worker);
        int convict = by && by->verdict != 0;
        if (n->shard)
            n->used = n->joined > 0 && !convict;
        if (convict)
            snprintf(n->why, sizeof n->why, "forfeited: record %" PRIu64 " convicts this worker", by->verdict);
        n->paid = n->used;
    }
}

/* Shards count from here on, with windows that they ran on false inputs. */
static void note_joined(walk *w, uint64_t index, const mdl_msg_joined *m) {
    for (uint32_t i = 0; i < m->results.count; i++) {
        entry *n = find_entry(w, m->results.at[i]);
        if (!n)
            continue;
        const mdl_ledger_lease *lease = mdl_ledger_lease_find(w->ledger, n->said.lease);
        char text[MDL_SEGMENT_CHARS];
        mdl_segments_put(text, 0, m->segment, m->updates);
        claim_of((mdl_i64_list){1, &m->fitness}, (mdl_segments){1, text}, n->claim);
        n->joined = index;
        if (lease && lease->windows > 0)
            n->said.updates += lease->spent * (n->said.updates / lease->windows);
    }
}

/* A convict's result of a closed generation was done again: its line says where, and what came of it. */
static void note_correction(walk *w, uint64_t index, const mdl_msg_correction *c) {
    uint8_t right[MDL_DIGEST_BYTES];
    claim_of(c->fitness, c->segments, right);
    for (size_t i = 0; i < w->count; i++) {
        entry *n = &w->entry[i];
        if (n->index == c->result || (n->joined > 0 && n->joined == c->result))
            snprintf(n->again, sizeof n->again, "; done again by record %" PRIu64 ", and found %s", index,
                     memcmp(right, n->claim, sizeof right) == 0 ? "right" : "wrong");
    }
}

static mdl_err note_close(walk *w, const mdl_msg_close *c) {
    static const uint8_t none[MDL_DIGEST_BYTES];
    for (uint32_t i = 0; i < c->results.count; i++)
        note_used(w, c->results.at[i]);
    if (memcmp(c->results_blob, none, sizeof none) != 0) {
        const uint8_t *bytes;
        size_t size;
        mdl_err err = get_blob(w, c->results_blob, &bytes, &size);
        if (err != MDL_OK)
            return err;
        mdl_reader in = {bytes, size, 0};
        while (in.left >= 8)
            note_used(w, mdl_get_u64(&in));
    }
    for (; w->open_from < w->count; w->open_from++) /* the rules let results of the open generation in, no others */
        w->entry[w->open_from].closed = 1;
    return MDL_OK;
}

/* Where results are verified, every accepted one is paid, once its time of waiting and its worker's probation are
 * over, and unless the worker was convicted before. PROTOCOL section 10.6. */
static void pay(walk *w, uint32_t closed) {
    const mdl_ledger_worker *first;
    int last = mdl_evolution_done(mdl_ledger_evolution(w->ledger));
    uint32_t window = mdl_ledger_experiment(w->ledger)->verification.window;
    mdl_ledger_workers(w->ledger, &first);
    for (size_t i = w->unpaid_from; i < w->open_from; i++) {
        entry *n = &w->entry[i];
        const mdl_ledger_worker *by = mdl_ledger_worker_find(w->ledger, n->said.worker);
        n->used = by && by->verdict == 0 && (!n->shard || n->joined > 0);
        if (n->paid || !by || (n->shard && n->joined == 0))
            continue;
        by = mdl_ledger_heir(w->ledger, by); /* a key that was rotated goes on under its successor */
        int trusted = mdl_ledger_trusted(w->ledger, (uint32_t)(by - first));
        if (by->verdict != 0)
            snprintf(n->why, sizeof n->why, "forfeited: record %" PRIu64 " convicts this worker", by->verdict);
        else if (last || (trusted && n->said.generation + window <= closed))
            n->paid = 1;
        else if (!trusted)
            snprintf(n->why, sizeof n->why, "on probation: %" PRIu32 " of %" PRIu32 " leases are confirmed",
                     by->verified, mdl_ledger_experiment(w->ledger)->verification.probation);
        else
            snprintf(n->why, sizeof n->why, "waits for %" PRIu32 " more closings",
                     n->said.generation + window - closed);
    }
    while (w->unpaid_from < w->open_from && w->entry[w->unpaid_from].paid)
        w->unpaid_from++;
}

static mdl_err visit(void *ctx, uint64_t index, const uint8_t *record, size_t size) {
    walk *w = ctx;
    mdl_envelope e;
    mdl_message m;
    mdl_breach breach;
    memset(&m, 0, sizeof m);
    mdl_err err = mdl_envelope_decode(record, size, w->pae, &e);
    if (err == MDL_OK && index == 0) {
        memcpy(w->coordinator, e.key, 32);
        w->ledger = mdl_ledger_new(e.key, &w->blobs);
        if (!w->ledger)
            return MDL_ENOMEM;
    }
    if (err != MDL_OK || mdl_ledger_apply(w->ledger, record, size, 0, &breach) != MDL_RULE_OK) {
        snprintf(w->error, w->error_size, "record %" PRIu64 " of the ledger breaks a rule: modulon audit says which",
                 index);
        return MDL_EMISMATCH;
    }
    err = mdl_message_of(&e, (mdl_list_room){w->list, MDL_LIST_MAX}, &m, NULL);
    if (err != MDL_OK)
        return err;
    memcpy(w->experiment, m.head.experiment, 32);
    if (m.type == MDL_MSG_RESULT || m.type == MDL_MSG_SHARDRESULT)
        return note_result(w, index, &e, &m, record, size);
    if (m.type == MDL_MSG_CLOSE)
        return note_close(w, &m.as.close);
    if (m.type == MDL_MSG_JOINED)
        note_joined(w, index, &m.as.joined);
    if (m.type == MDL_MSG_CORRECTION)
        note_correction(w, index, &m.as.correction);
    if (m.type == MDL_MSG_CREDIT && mdl_ledger_verifies(w->ledger)) {
        pay(w, m.as.credit.generation);
    } else if (m.type == MDL_MSG_CREDIT) {
        pay_believed(w);
    }
    return MDL_OK;
}

static void settle(mdl_statement_line *l, const entry *n) {
    if (n->paid) {
        l->state = MDL_EARNED_PAID;
    } else if (n->closed && !n->used) {
        l->state = MDL_EARNED_TAKEN_BACK;
        if (n->why[0])
            snprintf(l->why, sizeof l->why, "%s", n->why);
        else if (n->shard && n->joined == 0)
            snprintf(l->why, sizeof l->why, "others had done that shard when its job was put together");
        else
            snprintf(l->why, sizeof l->why, "the generation closed without using record %" PRIu64, n->index);
    } else {
        l->state = MDL_EARNED_PENDING;
        if (n->why[0])
            snprintf(l->why, sizeof l->why, "%s", n->why);
    }
    size_t said = strlen(l->why);
    snprintf(l->why + said, sizeof l->why - said, "%s", n->again + (said == 0 && n->again[0] ? 2 : 0));
}

static int is_of(const walk *w, const mdl_statement_line *l) {
    return memcmp(l->experiment, w->experiment, 32) == 0 && memcmp(l->coordinator, w->coordinator, 32) == 0;
}

static int by_lease(const void *a, const void *b) {
    const entry *x = a, *y = b;
    return x->said.lease < y->said.lease ? -1 : x->said.lease > y->said.lease;
}

static mdl_err compare_with(walk *w) {
    mdl_statement *s = w->statement;
    size_t before = s->count;
    if (w->count > 0)
        qsort(w->entry, w->count, sizeof *w->entry, by_lease);
    for (size_t i = 0; i < before; i++) { /* what we hold and the ledger does not */
        mdl_statement_line *l = &s->line[i];
        entry same = {.said = {.lease = l->lease}};
        int there = w->count > 0 && bsearch(&same, w->entry, w->count, sizeof same, by_lease) != NULL;
        if (is_of(w, l) && l->recorded && !there) {
            l->state = MDL_EARNED_TAKEN_BACK;
            snprintf(l->why, sizeof l->why, "the ledger does not have it at record %" PRIu64 "%s", l->record,
                     l->proved ? ": the proof convicts the coordinator" : "");
        }
    }
    for (size_t k = 0; k < w->count; k++) {
        const entry *n = &w->entry[k];
        mdl_statement_line *l = bsearch(&n->said, s->line, before, sizeof *s->line, mdl_statement_compare);
        if (l && l->recorded && (l->record != n->index || !mdl_hash_equal(&l->leaf, &n->said.leaf)) && l->proved) {
            l->state = MDL_EARNED_TAKEN_BACK;
            snprintf(l->why, sizeof l->why,
                     "the ledger has something else at record %" PRIu64 ": the proof convicts the coordinator",
                     l->record);
            continue;
        }
        if (!l) {
            l = mdl_statement_new_line(s);
            if (!l)
                return MDL_ENOMEM;
            *l = n->said;
            snprintf(l->why, sizeof l->why, "found in the ledger; there is no receipt here");
        } else if (!l->recorded) {
            l->recorded = 1;
            l->record = n->index;
            snprintf(l->why, sizeof l->why, "found in the ledger; the receipt was lost");
        }
        settle(l, n);
    }
    if (s->count > 0)
        qsort(s->line, s->count, sizeof *s->line, mdl_statement_compare);
    return MDL_OK;
}

mdl_err mdl_statement_ledger(mdl_statement *s, const char *directory, char *error, size_t error_size) {
    mdl_store store;
    mdl_err err = mdl_store_open(&store, directory, MDL_STORE_READ | MDL_STORE_QUICK, error, error_size);
    if (err != MDL_OK)
        return err;
    walk *w = calloc(1, sizeof *w);
    if (!w) {
        mdl_store_close(&store);
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    w->statement = s;
    w->store = &store;
    w->blobs = (mdl_blobs){get_blob, w};
    w->error = error;
    w->error_size = error_size;
    snprintf(error, error_size, "the ledger in %s cannot be read", directory);
    err = collect_keys(w);
    if (err == MDL_OK)
        err = store.range(&store, 0, store.count(&store), visit, w, error, error_size);
    if (err == MDL_OK)
        err = compare_with(w);
    if (err == MDL_ENOMEM)
        snprintf(error, error_size, "out of memory");
    mdl_ledger_free(w->ledger);
    free(w->blob);
    free(w->entry);
    free(w->key);
    free(w);
    mdl_store_close(&store);
    return err;
}
