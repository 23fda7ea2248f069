/* Any bytes as a program that goes on with a ledger. The first byte picks a
 * ledger written before: a worker in, all jobs done, credit due, ... (stage).
 * Each step takes a type and some bytes: the message that is right at this point,
 * with a field changed by the bytes, in the name of the coordinator or a worker;
 * or a raw record. After each,
 *   a refused record has changed not a byte of the fold, and has a reason;
 *   an accepted one is one record more, and decodes and encodes to its bytes;
 *   jobs done, pending updates and leases add up.
 * Some stages are of an experiment that is verified; there also commitments, and the coordinator's own answers, that
 * agree or convict.
 * Signatures are zeros and not checked (`verified`), but for raw records and
 * invitations: that is fuzz_envelope's part. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/chain.h"
#include "protocol/invite.h"
#include "protocol/key_change.h"
#include "protocol/ledger_internal.h" /* to put a fold back */
#include "protocol/reason.h"
#include "protocol/scan.h"
#include "protocol/unit.h"
#include "tests/fuzz/known_experiments.h"
#include "tests/fuzz/ledger_image.h"
#include "tests/fuzz/signatures.h"
#include "tests/fuzz/spoil.h"

enum { SIGNERS = 4, BLOBS_MAX = 64, STEPS_MAX = 8, REFUSED_MAX = 2 };

#define EXPERIMENT(verification)                                                                                       \
    "{\"name\":\"fuzz\",\"seed\":\"7\",\"task\":\"bandit\",\"network\":{\"neurons\":2,\"ring\":\"dense\"},"            \
    "\"evolution\":{\"generations\":2,\"episodes\":1,\"validate_every\":2,\"validate_episodes\":2,"                    \
    "\"islands\":[{\"algorithm\":\"ga\",\"population\":4}]},\"verification\":" verification ",\"test_episodes\":2}\n"

/* Without verification, and with it. */
static const char *const experiment[2] = {
    EXPERIMENT("\"off\""),
    EXPERIMENT("{\"floor_ppm\":500000,\"plant_ppm\":200000,\"probation\":1,\"window\":1,\"selected\":1}")};
static const uint8_t chain_seed[MDL_DIGEST_BYTES] = {0xc4}, nonce[MDL_DIGEST_BYTES] = {9};

/* What is the same in every execution. */
static struct {
    uint8_t id[2][32]; /* of the experiments */
    uint8_t key[SIGNERS][MDL_KEY_BYTES];
    char hex[SIGNERS][2 * MDL_KEY_BYTES + 1];
    uint8_t owner[SIGNERS][MDL_KEY_BYTES]; /* of the invitations */
    char invite[SIGNERS][MDL_INVITE_BYTES_MAX + 1];
    uint8_t secret[SIGNERS][MDL_SECRET_BYTES];
} fixed;

typedef struct blob {
    uint8_t digest[MDL_DIGEST_BYTES];
    uint8_t *bytes;
    size_t size;
} blob;

typedef struct world {
    blob blob[BLOBS_MAX];
    size_t blobs;
    int verified; /* which experiment */
    int forget;   /* what is stored now is lost */
    int refused;  /* records */
    mdl_ledger *l;
    const image *was;  /* after the last record accepted */
    const uint8_t *at; /* input left */
    size_t left;
    void (*accepted)(const struct world *w, const uint8_t *record, size_t size); /* NULL: nobody asks */
} world;

static uint8_t next(world *w) {
    if (w->left == 0)
        return 0;
    w->left--;
    return *w->at++;
}

static mdl_err find(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    const world *w = *(world *const *)ctx;
    for (size_t i = 0; i < w->blobs; i++)
        if (memcmp(w->blob[i].digest, digest, MDL_DIGEST_BYTES) == 0) {
            *bytes = w->blob[i].bytes;
            *size = w->blob[i].size;
            return MDL_OK;
        }
    return MDL_ENOENT;
}

static void store(world *w, const void *bytes, size_t size) {
    if (w->blobs == BLOBS_MAX || w->forget)
        return;
    blob *b = &w->blob[w->blobs++];
    b->bytes = malloc(size ? size : 1);
    MDL_ASSERT(b->bytes);
    if (size > 0)
        memcpy(b->bytes, bytes, size);
    b->size = size;
    mdl_digest_of(bytes, size, b->digest);
}

/* ---- one record ---- */

static int same_or_apart(const mdl_ledger_lease *a, const mdl_ledger_lease *b) {
    int same = a->first == b->first && a->count == b->count;
    return same || a->first + a->count <= b->first || b->first + b->count <= a->first;
}

/* Sums that hold after any record. */
static void check_sums(const mdl_ledger *l) {
    const mdl_ledger_lease *lease;
    const mdl_ledger_worker *worker;
    uint32_t leases = mdl_ledger_leases(l, &lease), workers = mdl_ledger_workers(l, &worker), done = 0, open = 0;
    uint64_t pending = 0;
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
            for (uint32_t k = 0; k < i; k++) /* open leases are of the same jobs or of others; or one confirms some */
                MDL_ASSERT(lease[k].state != MDL_LEASE_OPEN || same_or_apart(&lease[k], &lease[i]) ||
                           mdl_duty_kind_of(mdl_ledger_duty(l), lease[k].id) !=
                               mdl_duty_kind_of(mdl_ledger_duty(l), lease[i].id));
        }
        if (lease[i].state == MDL_LEASE_DONE && lease[i].generation == current)
            covered += lease[i].count; /* where nothing is done twice or void */
        MDL_ASSERT(mdl_ledger_lease_find(l, lease[i].id) == &lease[i]);
    }
    MDL_ASSERT(mdl_ledger_verifies(l) || covered == done);
    for (uint32_t i = 0; i < workers; i++) {
        open -= worker[i].open;
        pending += worker[i].pending + worker[i].waiting;
        MDL_ASSERT(mdl_ledger_worker_find(l, worker[i].key) == &worker[i]);
    }
    MDL_ASSERT(open == 0 && pending == l->sum.waiting);
    MDL_ASSERT(l->sum.paid + l->sum.waiting + l->sum.forfeited == l->sum.accepted);
}

/* What decodes encodes to the same bytes. */
static void check_bytes(const uint8_t *record, size_t size) {
    static uint8_t pae[MDL_PAE_BYTES_MAX], again[MDL_PAYLOAD_BYTES_MAX];
    static uint64_t room[MDL_LIST_MAX];
    mdl_envelope e;
    mdl_message m;
    size_t again_size;
    MDL_ASSERT(mdl_envelope_decode(record, size, pae, &e) == MDL_OK);
    MDL_ASSERT(mdl_message_of(&e, (mdl_list_room){room, MDL_LIST_MAX}, &m, NULL) == MDL_OK);
    MDL_ASSERT(mdl_message_encode(&m, again, sizeof again, &again_size, NULL) == MDL_OK);
    MDL_ASSERT(again_size == e.payload_size && memcmp(again, e.payload, again_size) == 0);
}

static void apply(world *w, const uint8_t *record, size_t size, int verified) {
    static image now;
    uint64_t index = mdl_ledger_size(w->l);
    mdl_breach b;
    mdl_rule rule = mdl_ledger_apply(w->l, record, size, verified, &b);
    if (rule != MDL_RULE_OK) {
        MDL_ASSERT(unchanged(w->l, w->was));
        MDL_ASSERT(b.rule == rule && b.index == index && b.text[0] != 0);
        MDL_ASSERT(rule != MDL_RULE_NOMEM);
        w->refused++;
        return;
    }
    MDL_ASSERT(mdl_ledger_size(w->l) == index + 1);
    check_sums(w->l);
    take_image(w->l, &now);
    w->was = &now;
    check_bytes(record, size);
    if (w->accepted)
        w->accepted(w, record, size);
}

/* ---- the message that could stand here ---- */

/* Numbers of a result come from the input. */
static int64_t fitness[8];
static char segments[8 * MDL_SEGMENT_CHARS];

static const mdl_ledger_lease *pick_lease(world *w, uint32_t *signer) {
    const mdl_ledger_lease *lease;
    uint32_t leases = mdl_ledger_leases(w->l, &lease);
    if (leases == 0)
        return NULL;
    lease += next(w) % leases;
    const mdl_ledger_worker *worker;
    mdl_ledger_workers(w->l, &worker);
    for (uint32_t i = 1; i < SIGNERS; i++)
        if (memcmp(fixed.key[i], worker[lease->worker].key, MDL_KEY_BYTES) == 0)
            *signer = i;
    return lease;
}

/* To the result that these bytes give. */
static void right_result(world *w, mdl_message *m, uint32_t *signer);
static void right_commit(world *w, mdl_message *m, uint32_t *signer) {
    mdl_message result;
    memset(&result, 0, sizeof result);
    right_result(w, &result, signer);
    const mdl_msg_result *r = &result.as.result;
    mdl_pledge pledge = {
        fixed.id[w->verified], fixed.key[*signer], r->lease, r->generation, r->first, r->count, r->nonce, r->root};
    m->as.commit.lease = r->lease;
    mdl_pledge_digest(&pledge, m->as.commit.commitment);
}

static void right_result(world *w, mdl_message *m, uint32_t *signer) {
    const mdl_ledger_lease *lease = pick_lease(w, signer);
    if (!lease)
        return;
    if (w->verified)
        memcpy(m->as.result.nonce, nonce, sizeof nonce);
    m->as.result.lease = lease->id;
    m->as.result.generation = lease->generation;
    m->as.result.first = lease->first;
    m->as.result.count = lease->count;
    for (uint32_t i = 0; i < 8; i++)
        fitness[i] = ((int64_t)next(w) - 128) * 1000;
    uint8_t updates = next(w);
    uint32_t count = lease->count < 8 ? lease->count : 8;
    mdl_job_result job[8];
    memset(job, 0, sizeof job);
    m->as.result.updates = job[0].updates = updates == 255 ? UINT64_MAX : updates;
    m->as.result.fitness = (mdl_i64_list){count, fitness};
    m->as.result.segments = mdl_unit_segments(job, count, segments);
    mdl_unit_root(job, count, m->as.result.root);
}

static void right_admit(mdl_msg_admit *m, uint32_t worker, uint32_t how) {
    memcpy(m->worker, fixed.key[worker], MDL_KEY_BYTES);
    memcpy(m->owner, fixed.key[worker], MDL_KEY_BYTES);
    m->how = how;
    if (how == MDL_ADMIT_INVITE) {
        memcpy(m->owner, fixed.owner[worker], MDL_KEY_BYTES);
        memcpy(m->invite, fixed.invite[worker], sizeof m->invite);
        strcpy(m->name, "w");
    }
}

/* The coordinator's own answer: the one that counts, or another one. */
static void right_check(world *w, mdl_message *m) {
    uint32_t job = next(w) % 6;
    if (!w->l->begun || job >= mdl_ledger_jobs(w->l) || mdl_duty_answers(w->l->duty, job) == 0)
        return;
    mdl_duty_answer answer = *mdl_duty_answer_of(w->l->duty, job);
    answer.fitness += next(w) % 2;
    mdl_message made;
    if (mdl_ledger_make_check(w->l, job, &answer, &made) == MDL_OK) {
        mdl_head head = m->head;
        *m = made;
        m->head = head;
    }
}

/* The message that the fold itself would make, with the head of `m`. */
static void made_of(mdl_message *m, const mdl_message *made, mdl_err err) {
    mdl_head head = m->head;
    if (err == MDL_OK) {
        *m = *made;
        m->head = head;
    }
}

static void right_correction(world *w, mdl_message *m) {
    mdl_duty_answer answer[8];
    mdl_message made;
    uint32_t worker;
    const mdl_ledger_unit *unit = mdl_ledger_owed_first(w->l, &worker);
    memset(answer, 0, sizeof answer);
    answer[0].fitness = next(w);
    if (unit)
        made_of(m, &made, mdl_ledger_make_correction(w->l, worker, unit->record, answer, fitness, segments, &made));
}

/* A move of the kind and size that is asked of a lease, its bytes the input's. */
static void right_move(world *w, mdl_message *m, uint32_t *signer) {
    static uint64_t points[MDL_DISPUTE_POINTS];
    uint8_t bytes[2 * MDL_ROW_BYTES + 32];
    mdl_message question;
    const mdl_ledger_lease *lease = pick_lease(w, signer);
    uint32_t size = next(w) % (sizeof bytes + 1);
    if (!lease || mdl_ledger_make_question(w->l, lease->id, points, &question) != MDL_OK)
        return;
    const mdl_msg_question *q = &question.as.question;
    size = q->kind == 1 && size > 16 ? MDL_ROW_BYTES : size; /* a life's row, most of the time */
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = next(w);
    m->as.move = (mdl_msg_move){
        .lease = lease->id, .generation = q->generation, .job = q->job, .kind = q->kind, .blob_size = size};
    store(w, bytes, size);
    mdl_digest_of(bytes, size, m->as.move.blob);
}

/* A judgement that may follow; the last step is the input's. */
static void right_judgement(world *w, mdl_message *m) {
    mdl_judged judged = {.fault = (mdl_fault)(MDL_FAULT_WINDOW + next(w) % 3)};
    mdl_message made;
    judged.truth[0] = next(w);
    uint32_t job = next(w) % 6;
    made_of(m, &made, mdl_ledger_make_judgement(w->l, job, &judged, &made));
}

/* What a key says of itself: a successor, a session key, its end. */
static void right_statement(world *w, mdl_msg_admin *m, uint32_t worker, uint8_t which) {
    uint32_t other = 1 + (which >> 2) % (SIGNERS - 1);
    const uint8_t *id = fixed.id[w->verified], *key = fixed.key[worker];
    mdl_session_key terms = {.number = 1 + next(w), .until = which & 1};
    memcpy(m->target, key, MDL_KEY_BYTES);
    memcpy(terms.key, fixed.key[other], MDL_KEY_BYTES);
    switch (which % 3) {
    case 0:
        strcpy(m->action, "rotate");
        mdl_key_rotate_make(id, key, fixed.key[other], fixed.secret[worker], fixed.secret[other], m->reason);
        break;
    case 1:
        strcpy(m->action, "session");
        mdl_session_key_make(id, key, &terms, fixed.secret[worker], m->reason);
        break;
    default:
        strcpy(m->action, "revoke");
        mdl_key_revoke_make(id, key, key, fixed.secret[worker], m->reason);
    }
}

static void right_message(world *w, mdl_message *m, uint32_t *signer) {
    static const char *const admission[4] = {"open 0", "list", "open 1", "invite"}, *const action[4] = {"pause",
                                                                                                        "resume", "ban",
                                                                                                        "unban"};
    const uint8_t *bytes;
    size_t size;
    uint8_t which = next(w);
    uint32_t worker = 1 + which % (SIGNERS - 1);
    switch (m->type) {
    case MDL_MSG_GENESIS:
        m->as.genesis.version = MDL_PROTOCOL_VERSION;
        m->as.genesis.results = MDL_RESULTS;
        memcpy(m->as.genesis.document, w->blob[0].digest, MDL_DIGEST_BYTES);
        memcpy(m->as.genesis.coordinator, fixed.key[0], MDL_KEY_BYTES);
        strcpy(m->as.genesis.origin, "o");
        strcpy(m->as.genesis.admission, admission[which % 4]);
        if (w->verified)
            mdl_chain_head(chain_seed, 2, m->as.genesis.chain);
        break;
    case MDL_MSG_ADMIT:
        right_admit(&m->as.admit, worker, 1 + next(w) % 3);
        break;
    case MDL_MSG_LEASE:
        m->as.lease.lease = mdl_ledger_next_lease(w->l);
        memcpy(m->as.lease.worker, fixed.key[worker], MDL_KEY_BYTES);
        m->as.lease.generation = mdl_ledger_evolution(w->l) ? mdl_evolution_generation(mdl_ledger_evolution(w->l)) : 0;
        m->as.lease.first = next(w) % 6;
        m->as.lease.count = 1 + next(w) % 6;
        break;
    case MDL_MSG_RESULT:
        m->as.result.count = 1;
        m->as.result.fitness = (mdl_i64_list){1, fitness};
        m->as.result.segments = (mdl_segments){0, segments};
        *signer = worker;
        right_result(w, m, signer);
        break;
    case MDL_MSG_COMMIT:
        *signer = worker;
        right_commit(w, m, signer);
        break;
    case MDL_MSG_CHECK:
    case MDL_MSG_VERDICT:
        right_check(w, m);
        break;
    case MDL_MSG_CORRECTION:
        right_correction(w, m);
        break;
    case MDL_MSG_DISPUTE: {
        mdl_message dispute;
        made_of(m, &dispute, w->l->begun ? mdl_ledger_make_dispute(w->l, next(w) % 6, &dispute) : MDL_EMISMATCH);
        break;
    }
    case MDL_MSG_MOVE:
        *signer = worker;
        right_move(w, m, signer);
        break;
    case MDL_MSG_JUDGEMENT:
        right_judgement(w, m);
        break;
    case MDL_MSG_EXPIRE:
        m->as.expire.lease = next(w);
        m->as.expire.reason = MDL_REASON_DEADLINE + next(w) % 4u;
        break;
    case MDL_MSG_CLOSE:
        m->as.close.jobs = 1;
        if (mdl_ledger_make_close(w->l, &m->as.close, &bytes, &size) == MDL_OK)
            store(w, bytes, size);
        if (w->verified && m->as.close.generation < 2)
            mdl_chain_element(chain_seed, 2, m->as.close.generation, m->as.close.element);
        break;
    case MDL_MSG_CREDIT:
        if (mdl_ledger_make_credit(w->l, &m->as.credit, &bytes, &size) == MDL_OK && size > 0)
            store(w, bytes, size);
        break;
    case MDL_MSG_CHAMPION:
        if (mdl_ledger_make_champion(w->l, &m->as.champion, &bytes, &size) == MDL_OK)
            store(w, bytes, size);
        break;
    case MDL_MSG_ADMIN:
        which = next(w);
        if (which >= 128) {
            right_statement(w, &m->as.admin, worker, which);
            break;
        }
        strcpy(m->as.admin.action, action[which % 4]);
        if (which % 4 >= 2)
            memcpy(m->as.admin.target, fixed.key[worker], MDL_KEY_BYTES);
        break;
    default:
        (void)mdl_ledger_make_end(w->l, &m->as.end);
    }
}

/* An envelope of `m` with a signature of zeros; its size, 0 when a field is out of range. */
static size_t wrap(const mdl_message *m, uint32_t signer, uint8_t *out, size_t room) {
    static uint8_t payload[MDL_PAYLOAD_BYTES_MAX];
    size_t size;
    if (mdl_message_encode(m, payload, sizeof payload, &size, NULL) != MDL_OK)
        return 0;
    mdl_print p = {out, out + room, 0};
    mdl_print_literal(&p, "{\"payloadType\":\"application/vnd.modulon.");
    mdl_print_literal(&p, mdl_message_name(m->type));
    mdl_print_literal(&p, ".v1+json\",\"payload\":\"");
    size_t text = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    MDL_ASSERT(text <= (size_t)(p.end - p.at));
    sodium_bin2base64((char *)p.at, text, payload, size, sodium_base64_VARIANT_ORIGINAL);
    p.at += text - 1;
    mdl_print_literal(&p, "\",\"signatures\":[{\"keyid\":\"");
    mdl_print_literal(&p, fixed.hex[signer]);
    mdl_print_literal(&p, "\",\"sig\":\""
                          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
                          "\"}]}");
    MDL_ASSERT(!p.full);
    return (size_t)(p.at - out);
}

/* ---- programs ---- */

/* A step: its first byte modulo 10, where the experiment is verified 17, then what right_message() takes, then 0 or a
 * field to spoil. */
enum {
    GENESIS,
    ADMIT,
    LEASE,
    RESULT,
    EXPIRE,
    CLOSE,
    CREDIT,
    ADMIN,
    CHAMPION,
    END,
    COMMIT,
    CHECK,
    VERDICT,
    CORRECTION,
    DISPUTE,
    MOVE,
    JUDGEMENT,
    OPS
};

static void step(world *w) {
    static const mdl_message_type type[OPS] = {
        [CORRECTION] = MDL_MSG_CORRECTION, [DISPUTE] = MDL_MSG_DISPUTE, [MOVE] = MDL_MSG_MOVE,
        [JUDGEMENT] = MDL_MSG_JUDGEMENT,   [COMMIT] = MDL_MSG_COMMIT,   [CHECK] = MDL_MSG_CHECK,
        [VERDICT] = MDL_MSG_VERDICT,       [GENESIS] = MDL_MSG_GENESIS, [ADMIT] = MDL_MSG_ADMIT,
        [LEASE] = MDL_MSG_LEASE,           [RESULT] = MDL_MSG_RESULT,   [EXPIRE] = MDL_MSG_EXPIRE,
        [CLOSE] = MDL_MSG_CLOSE,           [CREDIT] = MDL_MSG_CREDIT,   [ADMIN] = MDL_MSG_ADMIN,
        [CHAMPION] = MDL_MSG_CHAMPION,     [END] = MDL_MSG_END};
    static uint8_t out[MDL_ENVELOPE_BYTES_MAX];
    uint8_t op = next(w);
    if (op >= 240) { /* the rest of the input as a record */
        apply(w, w->at, w->left, 0);
        w->left = 0;
        return;
    }
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type[op % (w->verified ? OPS : 10)];
    uint32_t signer = 0;
    memcpy(m.head.experiment, fixed.id[w->verified], sizeof fixed.id[0]);
    m.head.seq = mdl_ledger_size(w->l);
    w->forget = op >= 200 && op < 210;
    right_message(w, &m, &signer);
    input in = {w->at, w->left};
    spoil(&in, &m, 8);
    w->at = in.at;
    w->left = in.left;
    if (op >= 210 && op < 220)
        m.head.session[0] = next(w);
    if (op >= 220 && op < 230)
        m.head.seq ^= next(w);
    if (op >= 230)
        signer = next(w) % SIGNERS;
    size_t size = wrap(&m, signer, out, sizeof out);
    if (size > 0)
        apply(w, out, size, 1);
}

/* ---- stages: ledgers to go on with ---- */

/* Numbers of a result: fitnesses and updates. */
#define LIST_A 9, 8, 7, 6, 5, 4, 3, 2, 100
#define LIST_B 130, 140, 150, 160, 0, 0, 0, 0, 7

/* Each has the steps of another before its own. */
static const struct {
    uint8_t base, steps, size, at[96];
} script[] = {
#define SCRIPT(base, steps, ...)                                                                                       \
    {                                                                                                                  \
        base, steps, sizeof(uint8_t[]){__VA_ARGS__}, { __VA_ARGS__ }                                                   \
    }
    {0, 0, 0, {0}},                                                               /* 0: nothing yet */
    SCRIPT(0, 1, GENESIS, 0, 0),                                                  /* 1: open to all */
    SCRIPT(0, 1, GENESIS, 1, 0),                                                  /* 2: a list */
    SCRIPT(0, 1, GENESIS, 2, 0),                                                  /* 3: a ticket of one bit */
    SCRIPT(0, 1, GENESIS, 3, 0),                                                  /* 4: by invitation */
    SCRIPT(1, 3, ADMIT, 0, 0, 0, ADMIT, 1, 0, 0, ADMIT, 2, 0, 0),                 /* 5: three workers */
    SCRIPT(4, 2, ADMIT, 0, 2, 0, ADMIT, 1, 2, 0),                                 /* 6: two with their invitations */
    SCRIPT(5, 4, LEASE, 0, 0, 1, 0, LEASE, 1, 0, 1, 0, LEASE, 2, 2, 1, 0,         /* 7: jobs 0, 1 leased twice, */
           EXPIRE, 0, 2, 0, 0),                                                   /*    a lease of 2, 3 expired */
    SCRIPT(7, 4, LEASE, 0, 2, 1, 0,                                               /* 8: a result */
           RESULT, 0, 1, 9, 8, 7, 6, 5, 4, 3, 2, 100, 0,                          /*    that is a copy's */
           RESULT, 0, 3, 130, 140, 150, 160, 0, 0, 0, 0, 7, 0,                    /*    all jobs done */
           ADMIN, 0, 2, 0),                                                       /*    and a ban */
    SCRIPT(8, 1, CLOSE, 0, 0),                                                    /* 9: credit due */
    SCRIPT(9, 1, CREDIT, 0, 0),                                                   /* 10: the last generation */
    SCRIPT(10, 4, LEASE, 1, 0, 3, 0, RESULT, 0, 4, 1, 2, 3, 4, 5, 6, 7, 8, 50, 0, /* 11: with its validation */
           LEASE, 2, 4, 0, 0, RESULT, 0, 5, 200, 2, 3, 4, 5, 6, 7, 8, 60, 0),
    SCRIPT(11, 2, CLOSE, 0, 0, CREDIT, 0, 0), /* 12: champion due */
    SCRIPT(12, 1, CHAMPION, 0, 0),            /* 13: end due */
    SCRIPT(13, 1, END, 0, 0),                 /* 14: over */
    /* From here on verified; 0 is a ledger of that experiment then. */
    SCRIPT(0, 4, GENESIS, 0, 0, ADMIT, 0, 0, 0, ADMIT, 1, 0, 0, ADMIT, 2, 0, 0), /* 15: three workers */
    SCRIPT(15, 4, LEASE, 0, 0, 1, 0, LEASE, 1, 2, 1, 0,                          /* 16: all leased, all committed */
           COMMIT, 0, 0, LIST_A, 0, COMMIT, 0, 1, LIST_B, 0),
    SCRIPT(16, 2, RESULT, 0, 0, LIST_A, 0, RESULT, 0, 1, LIST_B, 0),       /* 17: and shown */
    SCRIPT(17, 1, VERDICT, 0, 2, 1, 0),                                    /* 18: one is convicted */
    SCRIPT(17, 4, CHECK, 0, 0, 0, 0, CHECK, 0, 1, 0, 0, CHECK, 0, 2, 0, 0, /* 19: all settled */
           CHECK, 0, 3, 0, 0),
    SCRIPT(19, 2, CLOSE, 0, 0, CREDIT, 0, 0),           /* 20: the last generation, trusted */
    SCRIPT(20, 6, LEASE, 0, 0, 2, 0, LEASE, 1, 3, 1, 0, /* 21: with its validation */
           COMMIT, 0, 2, LIST_A, 0, COMMIT, 0, 3, LIST_B, 0, RESULT, 0, 2, LIST_A, 0, RESULT, 0, 3, LIST_B, 0),
    SCRIPT(21, 6, CHECK, 0, 0, 0, 0, CHECK, 0, 1, 0, 0, CHECK, 0, 2, 0, 0, /* 22: closed, credit due */
           CHECK, 0, 3, 0, 0, CHECK, 0, 4, 0, 0, CLOSE, 0, 0),
    SCRIPT(22, 3, CREDIT, 0, 0, CHAMPION, 0, 0, END, 0, 0),   /* 23: over */
    SCRIPT(17, 4, LEASE, 2, 0, 1, 0, COMMIT, 0, 2, LIST_B, 0, /* 24: two answers differ, */
           RESULT, 0, 2, LIST_B, 0, DISPUTE, 0, 0, 0)         /*    and are taken apart */
};

enum { STAGES = sizeof script / sizeof script[0], PLAIN = 15, PICKED = 225 };

/* Of a program's first byte. */
static uint32_t stage_of(uint8_t byte) {
    return (uint32_t)(byte < PICKED ? byte % PLAIN : PLAIN + (byte - PICKED) % (STAGES - PLAIN));
}

enum { RECORDS_MAX = 64 };

typedef struct stage {
    world w; /* its fold is made again, from the records, when it has changed, for its image has addresses */
    blob record[RECORDS_MAX];
    size_t records;
    image image;
} stage;

static stage made[STAGES];
static world *playing;   /* whose blobs they are */
static stage *recording; /* that is made for the first time */
static const mdl_blobs source = {find, &playing};

static void play(world *w, uint32_t s) {
    if (s == 0)
        return;
    play(w, script[s].base);
    uint64_t size = mdl_ledger_size(w->l) + script[s].steps;
    w->at = script[s].at;
    w->left = script[s].size;
    while (w->left > 0)
        step(w);
    MDL_ASSERT(mdl_ledger_size(w->l) == size); /* every record was accepted */
}

/* The signer of a worker's invitation and the owner that it names; the third has one of a stranger. */
static const uint32_t invited[SIGNERS][2] = {{0, 0}, {0, 2}, {3, 3}, {1, 2}};

static void prepare_fixed(void) {
    MDL_ASSERT(sodium_init() >= 0);
    for (uint32_t i = 0; i < 2; i++) {
        crypto_hash_sha256(fixed.id[i], (const uint8_t *)experiment[i], strlen(experiment[i]));
        know_experiment(experiment[i]);
    }
    for (uint8_t i = 0; i < SIGNERS; i++) {
        uint8_t seed[MDL_SEED_BYTES] = {i};
        crypto_sign_seed_keypair(fixed.key[i], fixed.secret[i], seed);
        mdl_hex(fixed.key[i], MDL_KEY_BYTES, fixed.hex[i]);
    }
    for (uint32_t i = 1; i < SIGNERS; i++) {
        mdl_msg_invite terms = {.name = "w"};
        memcpy(fixed.owner[i], fixed.key[invited[i][1]], MDL_KEY_BYTES);
        memcpy(terms.worker, fixed.key[i], MDL_KEY_BYTES);
        memcpy(terms.owner, fixed.owner[i], MDL_KEY_BYTES);
        MDL_ASSERT(mdl_invite_sign(fixed.id[0], &terms, fixed.secret[invited[i][0]], fixed.invite[i]) == MDL_OK);
    }
}

static void keep_record(const world *w, const uint8_t *record, size_t size) {
    stage *of = recording;
    (void)w;
    MDL_ASSERT(of->records < RECORDS_MAX);
    of->record[of->records].bytes = malloc(size);
    MDL_ASSERT(of->record[of->records].bytes);
    memcpy(of->record[of->records].bytes, record, size);
    of->record[of->records++].size = size;
}

static void open_fold(world *w) {
    playing = w;
    mdl_ledger_free(w->l);
    w->l = mdl_ledger_new(fixed.key[0], &source);
    MDL_ASSERT(w->l);
}

static void prepare_stage(uint32_t s) {
    world *w = &made[s].w;
    w->verified = s >= PLAIN;
    store(w, experiment[w->verified], strlen(experiment[w->verified]));
    open_fold(w);
    recording = &made[s];
    w->accepted = keep_record;
    play(w, s);
    w->accepted = NULL;
    take_image(w->l, &made[s].image);
}

/* As it was before an execution changed it. */
static void restore_stage(uint32_t s) {
    stage *of = &made[s];
    mdl_breach b;
    open_fold(&of->w);
    for (size_t i = 0; i < of->records; i++) {
        mdl_rule rule = mdl_ledger_apply(of->w.l, of->record[i].bytes, of->record[i].size, 1, &b);
        MDL_ASSERT(rule == MDL_RULE_OK);
    }
    take_image(of->w.l, &of->image);
}

static void prepare(void) {
    prepare_fixed();
    for (uint32_t s = 0; s < STAGES; s++)
        prepare_stage(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int ready;
    static world w;
    if (!ready)
        prepare();
    ready = 1;
    if (size == 0)
        return 0;
    stage *from = &made[stage_of(data[0])];
    w = from->w;
    uint64_t size_before = mdl_ledger_size(w.l);
    w.was = &from->image;
    w.at = data + 1;
    w.left = size - 1;
    playing = &w;
    /* What follows a refused record would do the same without it. */
    for (int i = 0; i < STEPS_MAX && w.refused < REFUSED_MAX && w.left > 0; i++)
        step(&w);
    for (size_t i = from->w.blobs; i < w.blobs; i++)
        free(w.blob[i].bytes);
    /* A refused record changes nothing, but a closing may have been foreseen. */
    if (mdl_ledger_size(w.l) != size_before || w.l->foreseen)
        restore_stage(stage_of(data[0]));
    return 0;
}
