/* Any bytes as a program that writes a ledger. Each step takes a type and some
 * bytes: the message that is right at this point, with fields changed by the
 * bytes, in the name of the coordinator or a worker; or a raw record. After each,
 *   a refused record has changed nothing that the fold tells, and has a reason;
 *   an accepted one is one record more, and decodes and encodes to its bytes;
 *   jobs done, pending updates and leases add up.
 * Signatures are zeros and not checked (`verified`): that is fuzz_envelope's part. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/ledger.h"
#include "protocol/reason.h"
#include "protocol/unit.h"

enum { SIGNERS = 4, BLOBS_MAX = 64, STEPS_MAX = 48 };

static const char experiment[] =
    "{\"name\":\"fuzz\",\"seed\":\"7\",\"task\":\"bandit\",\"network\":{\"neurons\":2,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":2,\"episodes\":1,\"validate_every\":2,\"validate_episodes\":2,"
    "\"islands\":[{\"algorithm\":\"ga\",\"population\":4}]},\"test_episodes\":2}\n";

typedef struct blob {
    uint8_t digest[MDL_DIGEST_BYTES];
    uint8_t *bytes;
    size_t size;
} blob;

typedef struct world {
    uint8_t key[SIGNERS][MDL_KEY_BYTES];
    blob blob[BLOBS_MAX];
    size_t blobs;
    mdl_blobs source;
    mdl_ledger *l;
    const uint8_t *at; /* input left */
    size_t left;
} world;

static uint8_t next(world *w) {
    if (w->left == 0)
        return 0;
    w->left--;
    return *w->at++;
}

static mdl_err find(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    const world *w = ctx;
    for (size_t i = 0; i < w->blobs; i++)
        if (memcmp(w->blob[i].digest, digest, MDL_DIGEST_BYTES) == 0) {
            *bytes = w->blob[i].bytes;
            *size = w->blob[i].size;
            return MDL_OK;
        }
    return MDL_ENOENT;
}

static void store(world *w, const void *bytes, size_t size) {
    if (w->blobs == BLOBS_MAX)
        return;
    blob *b = &w->blob[w->blobs++];
    b->bytes = malloc(size ? size : 1);
    MDL_ASSERT(b->bytes);
    if (size > 0)
        memcpy(b->bytes, bytes, size);
    b->size = size;
    mdl_digest_of(bytes, size, b->digest);
}

static void fingerprint(const mdl_ledger *l, uint8_t digest[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink s = mdl_digest_sink(&d);
    const mdl_ledger_lease *lease;
    const mdl_ledger_worker *worker;
    mdl_put_u64(&s, mdl_ledger_size(l));
    mdl_put_u64(&s, mdl_ledger_next_lease(l));
    mdl_put_u32(&s, mdl_ledger_jobs(l));
    mdl_put_u32(&s, mdl_ledger_jobs_done(l));
    mdl_put_u32(&s, (uint32_t)mdl_ledger_paused(l));
    mdl_put_u32(&s, (uint32_t)mdl_ledger_ended(l));
    if (mdl_ledger_evolution(l)) { /* by what is cheap to ask: a wrong state shows in the next closing */
        int64_t best, mean;
        mdl_evolution_last(mdl_ledger_evolution(l), 0, &best, &mean);
        mdl_put_u32(&s, mdl_evolution_generation(mdl_ledger_evolution(l)));
        mdl_put_i64(&s, best);
        mdl_put_i64(&s, mean);
    }
    for (uint32_t i = 0; i < mdl_ledger_jobs(l); i++) {
        int64_t fitness = 0;
        uint64_t record = 0;
        mdl_ledger_job_result(l, i, &fitness, &record);
        mdl_put_i64(&s, fitness);
        mdl_put_u64(&s, record);
    }
    uint32_t leases = mdl_ledger_leases(l, &lease), workers = mdl_ledger_workers(l, &worker);
    for (uint32_t i = 0; i < leases; i++) {
        mdl_put_u64(&s, lease[i].id);
        mdl_put_u32(&s, (uint32_t)lease[i].state);
        mdl_put_u64(&s, lease[i].result);
    }
    for (uint32_t i = 0; i < workers; i++) {
        mdl_put_bytes(&s, worker[i].key, MDL_KEY_BYTES);
        mdl_put_u32(&s, worker[i].banned);
        mdl_put_u32(&s, worker[i].open);
        mdl_put_u64(&s, worker[i].credit);
        mdl_put_u64(&s, worker[i].pending);
    }
    mdl_digest_final(&d, digest);
}

/* Sums that hold after any record. */
static void check_sums(const mdl_ledger *l) {
    const mdl_ledger_lease *lease;
    const mdl_ledger_worker *worker;
    uint32_t leases = mdl_ledger_leases(l, &lease), workers = mdl_ledger_workers(l, &worker), done = 0, open = 0;
    for (uint32_t i = 0; i < mdl_ledger_jobs(l); i++)
        done += (uint32_t)mdl_ledger_job_result(l, i, NULL, NULL);
    MDL_ASSERT(done == mdl_ledger_jobs_done(l));
    uint32_t covered = 0, current = leases ? mdl_evolution_generation(mdl_ledger_evolution(l)) : 0;
    for (uint32_t i = 0; i < leases; i++) {
        MDL_ASSERT(i == 0 || lease[i].id == lease[i - 1].id + 1);
        MDL_ASSERT(lease[i].worker < workers);
        if (lease[i].state == MDL_LEASE_OPEN) {
            open++;
            MDL_ASSERT(lease[i].generation == current);
        }
        if (lease[i].state == MDL_LEASE_DONE && lease[i].generation == current)
            covered += lease[i].count;
        MDL_ASSERT(mdl_ledger_lease_find(l, lease[i].id) == &lease[i]);
    }
    MDL_ASSERT(covered == done);
    for (uint32_t i = 0; i < workers; i++) {
        open -= worker[i].open;
        MDL_ASSERT(worker[i].credit <= UINT64_MAX - worker[i].pending);
        MDL_ASSERT(mdl_ledger_worker_find(l, worker[i].key) == &worker[i]);
    }
    MDL_ASSERT(open == 0);
}

static void apply(world *w, const uint8_t *record, size_t size, int verified) {
    static uint8_t pae[MDL_PAE_BYTES_MAX], again[MDL_PAYLOAD_BYTES_MAX];
    static uint64_t room[MDL_LIST_MAX];
    uint8_t before[MDL_DIGEST_BYTES], after[MDL_DIGEST_BYTES];
    uint64_t index = mdl_ledger_size(w->l);
    mdl_breach b;
    fingerprint(w->l, before);
    mdl_rule rule = mdl_ledger_apply(w->l, record, size, verified, &b);
    if (rule != MDL_RULE_OK) {
        fingerprint(w->l, after);
        MDL_ASSERT(memcmp(before, after, sizeof before) == 0);
        MDL_ASSERT(b.rule == rule && b.index == index && b.text[0] != 0);
        MDL_ASSERT(rule != MDL_RULE_NOMEM);
        return;
    }
    MDL_ASSERT(mdl_ledger_size(w->l) == index + 1);
    check_sums(w->l);
    mdl_envelope e;
    mdl_message m;
    size_t again_size;
    MDL_ASSERT(mdl_envelope_decode(record, size, pae, &e) == MDL_OK);
    MDL_ASSERT(mdl_message_of(&e, (mdl_list_room){room, MDL_LIST_MAX}, &m, NULL) == MDL_OK);
    MDL_ASSERT(mdl_message_encode(&m, again, sizeof again, &again_size, NULL) == MDL_OK);
    MDL_ASSERT(again_size == e.payload_size && memcmp(again, e.payload, again_size) == 0);
}

/* Numbers of a result come from the input; its root is of no interest here. */
static int64_t fitness[8];

static void right_result(world *w, mdl_message *m, uint32_t *signer) {
    const mdl_ledger_lease *lease;
    uint32_t leases = mdl_ledger_leases(w->l, &lease);
    if (leases == 0)
        return;
    lease += next(w) % leases;
    const mdl_ledger_worker *worker;
    mdl_ledger_workers(w->l, &worker);
    for (uint32_t i = 1; i < SIGNERS; i++)
        if (memcmp(w->key[i], worker[lease->worker].key, MDL_KEY_BYTES) == 0)
            *signer = i;
    m->as.result.lease = lease->id;
    m->as.result.generation = lease->generation;
    m->as.result.first = lease->first;
    m->as.result.count = lease->count;
    for (uint32_t i = 0; i < 8; i++)
        fitness[i] = ((int64_t)next(w) - 128) * 1000;
    uint8_t updates = next(w);
    m->as.result.updates = updates == 255 ? UINT64_MAX : updates;
    m->as.result.fitness = (mdl_i64_list){lease->count < 8 ? lease->count : 8, fitness};
}

/* The message of this type that could stand here. */
static void right_message(world *w, mdl_message *m, uint32_t *signer) {
    const uint8_t *bytes;
    size_t size;
    uint32_t worker = 1 + next(w) % (SIGNERS - 1);
    switch (m->type) {
    case MDL_MSG_GENESIS:
        m->as.genesis.version = MDL_PROTOCOL_VERSION;
        m->as.genesis.results = MDL_RESULTS;
        memcpy(m->as.genesis.document, w->blob[0].digest, MDL_DIGEST_BYTES);
        memcpy(m->as.genesis.coordinator, w->key[0], MDL_KEY_BYTES);
        strcpy(m->as.genesis.origin, "o");
        strcpy(m->as.genesis.admission, worker == 1 ? "open 0" : worker == 2 ? "list" : "open 1");
        break;
    case MDL_MSG_ADMIT:
        memcpy(m->as.admit.worker, w->key[worker], MDL_KEY_BYTES);
        memcpy(m->as.admit.owner, w->key[worker], MDL_KEY_BYTES);
        m->as.admit.how = 1 + next(w) % 3;
        break;
    case MDL_MSG_LEASE:
        m->as.lease.lease = mdl_ledger_next_lease(w->l);
        memcpy(m->as.lease.worker, w->key[worker], MDL_KEY_BYTES);
        m->as.lease.generation = mdl_ledger_evolution(w->l) ? mdl_evolution_generation(mdl_ledger_evolution(w->l)) : 0;
        m->as.lease.first = next(w) % 6;
        m->as.lease.count = 1 + next(w) % 6;
        break;
    case MDL_MSG_RESULT:
        m->as.result.count = 1;
        m->as.result.fitness = (mdl_i64_list){1, fitness};
        *signer = worker;
        right_result(w, m, signer);
        break;
    case MDL_MSG_EXPIRE:
        m->as.expire.lease = next(w);
        m->as.expire.reason = MDL_REASON_DEADLINE + next(w) % 4u;
        break;
    case MDL_MSG_CLOSE:
        m->as.close.jobs = 1;
        if (mdl_ledger_make_close(w->l, &m->as.close, &bytes, &size) == MDL_OK)
            store(w, bytes, size);
        break;
    case MDL_MSG_CREDIT:
        if (mdl_ledger_make_credit(w->l, &m->as.credit, &bytes, &size) == MDL_OK && size > 0)
            store(w, bytes, size);
        break;
    case MDL_MSG_CHAMPION:
        if (mdl_ledger_make_champion(w->l, &m->as.champion, &bytes, &size) == MDL_OK)
            store(w, bytes, size);
        break;
    case MDL_MSG_ADMIN: {
        static const char *const action[4] = {"pause", "resume", "ban", "unban"};
        uint8_t which = next(w) % 4;
        strcpy(m->as.admin.action, action[which]);
        if (which >= 2)
            memcpy(m->as.admin.target, w->key[worker], MDL_KEY_BYTES);
        break;
    }
    default:
        (void)mdl_ledger_make_end(w->l, &m->as.end);
    }
}

/* Another value for one field of the message, or none of them. */
static void spoil(world *w, mdl_message *m) {
    size_t count;
    const mdl_field *field = mdl_message_fields(m->type, &count);
    uint8_t which = next(w);
    if (which < 128 || count == 0)
        return;
    field += which % count;
    uint8_t *at = (uint8_t *)(uintptr_t)mdl_message_body(m) + field->offset;
    uint64_t v = next(w);
    uint32_t narrow = (uint32_t)v;
    switch (field->kind) {
    case MDL_KIND_U32:
        if (v >= field->lo)
            memcpy(at, &narrow, sizeof narrow);
        break;
    case MDL_KIND_U64:
    case MDL_KIND_I64:
        memcpy(at, &v, sizeof v);
        break;
    case MDL_KIND_HEX:
    case MDL_KIND_BLOB:
        at[v % field->hi] ^= (uint8_t)(1 + next(w) % 255);
        break;
    default:
        break;
    }
}

/* An envelope of `m` with a signature of zeros; its size, 0 when a field is out of range. */
static size_t wrap(const world *w, const mdl_message *m, uint32_t signer, char *out, size_t room) {
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX];
    static char text[sodium_base64_ENCODED_LEN(MDL_PAYLOAD_BYTES_MAX, sodium_base64_VARIANT_ORIGINAL)];
    size_t size;
    char key[2 * MDL_KEY_BYTES + 1];
    if (mdl_message_encode(m, payload, sizeof payload, &size, NULL) != MDL_OK)
        return 0;
    sodium_bin2base64(text, sizeof text, payload, size, sodium_base64_VARIANT_ORIGINAL);
    mdl_hex(w->key[signer], MDL_KEY_BYTES, key);
    int used = snprintf(out, room,
                        "{\"payloadType\":\"application/vnd.modulon.%s.v1+json\",\"payload\":\"%s\","
                        "\"signatures\":[{\"keyid\":\"%s\",\"sig\":\"%.86s==\"}]}",
                        mdl_message_name(m->type), text, key,
                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    MDL_ASSERT(used > 0 && (size_t)used < room);
    return (size_t)used;
}

static void step(world *w) {
    static const mdl_message_type type[10] = {MDL_MSG_GENESIS,  MDL_MSG_ADMIT, MDL_MSG_LEASE,  MDL_MSG_RESULT,
                                              MDL_MSG_EXPIRE,   MDL_MSG_CLOSE, MDL_MSG_CREDIT, MDL_MSG_ADMIN,
                                              MDL_MSG_CHAMPION, MDL_MSG_END};
    static char out[MDL_ENVELOPE_BYTES_MAX + 1];
    uint8_t op = next(w);
    if (op >= 240) { /* the rest of the input as a record */
        apply(w, w->at, w->left, 0);
        w->left = 0;
        return;
    }
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type[op % 10];
    uint32_t signer = 0;
    crypto_hash_sha256(m.head.experiment, (const uint8_t *)experiment, sizeof experiment - 1);
    m.head.seq = mdl_ledger_size(w->l);
    right_message(w, &m, &signer);
    spoil(w, &m);
    if (op >= 230)
        signer = next(w) % SIGNERS;
    if (op >= 220 && op < 230)
        m.head.seq ^= next(w);
    size_t size = wrap(w, &m, signer, out, sizeof out);
    if (size > 0)
        apply(w, (const uint8_t *)out, size, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static world w;
    static uint8_t key[SIGNERS][MDL_KEY_BYTES];
    static int ready;
    for (uint8_t i = 0; !ready && i < SIGNERS; i++) {
        uint8_t seed[MDL_SEED_BYTES] = {i}, secret[MDL_SECRET_BYTES];
        MDL_ASSERT(sodium_init() >= 0);
        crypto_sign_seed_keypair(key[i], secret, seed);
    }
    ready = 1;
    memset(&w, 0, sizeof w);
    memcpy(w.key, key, sizeof w.key);
    w.source = (mdl_blobs){find, &w};
    w.at = data;
    w.left = size;
    store(&w, experiment, sizeof experiment - 1);
    w.l = mdl_ledger_new(w.key[0], &w.source);
    MDL_ASSERT(w.l);
    for (int i = 0; i < STEPS_MAX && w.left > 0; i++)
        step(&w);
    mdl_ledger_free(w.l);
    for (size_t i = 0; i < w.blobs; i++)
        free(w.blob[i].bytes);
    return 0;
}
