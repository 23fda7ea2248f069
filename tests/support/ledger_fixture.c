#include "tests/support/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/chain.h"
#include "protocol/experiment_json.h"
#include "protocol/reason.h"
#include "protocol/unit.h"

const char ledger_experiment[] =
    "{\"name\":\"ledger\",\"seed\":\"7\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"},"
    "\"evolution\":{\"generations\":3,\"episodes\":1,\"validate_every\":2,\"validate_episodes\":2,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4},{\"algorithm\":\"ga\",\"population\":4}]},"
    "\"verification\":\"off\",\"test_episodes\":2}\n";

void ledger_verified_experiment(const char *verification, char *out, size_t size) {
    const char *off = strstr(ledger_experiment, "\"off\"");
    int length = snprintf(out, size, "%.*s%s%s", (int)(off - ledger_experiment), ledger_experiment, verification,
                          off + strlen("\"off\""));
    assert_true(length > 0 && (size_t)length < size);
}

/* Growing lists: `count` elements are in use. */
static void *with_room(void *at, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return at;
    *room = *room ? 2 * *room : 32;
    at = realloc(at, *room * size);
    assert_non_null(at);
    return at;
}

static void *copy_of(const void *bytes, size_t size) {
    void *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

void ledger_key(uint32_t signer, uint8_t key[MDL_KEY_BYTES], uint8_t secret[MDL_SECRET_BYTES]) {
    uint8_t seed[MDL_SEED_BYTES] = "ledger fixture";
    seed[30] = (uint8_t)signer;
    seed[31] = (uint8_t)(signer >> 8);
    crypto_sign_seed_keypair(key, secret, seed);
}

static mdl_err find_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    const ledger_play *p = ctx;
    for (size_t i = p->blobs; i-- > 0;)
        if (memcmp(p->blob[i].digest, digest, MDL_DIGEST_BYTES) == 0) {
            *bytes = p->blob[i].bytes;
            *size = p->blob[i].size;
            return MDL_OK;
        }
    return MDL_ENOENT;
}

void ledger_play_store(ledger_play *p, const void *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES]) {
    const uint8_t *there;
    size_t there_size;
    mdl_digest_of(bytes, size, digest);
    if (find_blob(p, digest, &there, &there_size) == MDL_OK)
        return;
    p->blob = with_room(p->blob, p->blobs, &p->blobs_room, sizeof *p->blob);
    ledger_blob *b = &p->blob[p->blobs++];
    b->bytes = copy_of(bytes, size);
    b->size = size;
    memcpy(b->digest, digest, sizeof b->digest);
}

/* ---- open and close ---- */

void ledger_play_begin(ledger_play *p, const char *json, const char *admission, int made_up, mdl_message *genesis) {
    assert_true(sodium_init() >= 0);
    memset(p, 0, sizeof *p);
    p->source = (mdl_blobs){find_blob, p};
    for (uint32_t i = 0; i < LEDGER_SIGNERS_MAX; i++)
        ledger_key(i, p->key[i], p->secret[i]);
    if (!json)
        json = ledger_experiment;
    ledger_play_store(p, json, strlen(json), p->document);
    mdl_json_error error;
    assert_int_equal(mdl_experiment_parse((const uint8_t *)json, strlen(json), &p->experiment, &error), MDL_OK);
    p->ledger = mdl_ledger_new(p->key[LEDGER_COORDINATOR], &p->source);
    assert_non_null(p->ledger);
    if (!made_up) {
        void *memory = aligned_alloc(64, (mdl_life_bytes(&p->experiment, 1) + 63) / 64 * 64);
        assert_non_null(memory);
        p->life = mdl_life_init(memory, &p->experiment, 1, NULL);
        p->genome = calloc(p->life->layout.genes, sizeof *p->genome);
        assert_non_null(p->genome);
    }
    *genesis = ledger_play_message(p, MDL_MSG_GENESIS);
    genesis->as.genesis.version = MDL_PROTOCOL_VERSION;
    genesis->as.genesis.results = MDL_RESULTS;
    memcpy(genesis->as.genesis.document, p->document, MDL_DIGEST_BYTES);
    memcpy(genesis->as.genesis.coordinator, p->key[LEDGER_COORDINATOR], MDL_KEY_BYTES);
    strcpy(genesis->as.genesis.origin, "example.org/ledger");
    snprintf(genesis->as.genesis.admission, sizeof genesis->as.genesis.admission, "%s", admission);
    memset(p->seed, 0x5e, sizeof p->seed);
    if (p->experiment.verification.used)
        mdl_chain_head(p->seed, p->experiment.evolution.generations, genesis->as.genesis.chain);
}

void ledger_play_open(ledger_play *p, const char *json, const char *admission, int made_up) {
    mdl_message genesis;
    ledger_play_begin(p, json, admission, made_up, &genesis);
    ledger_play_append(p, &genesis, LEDGER_COORDINATOR);
    if (p->experiment.verification.used)
        assert_int_equal(mdl_ledger_know(p->ledger, p->seed), MDL_OK);
}

void ledger_play_close(ledger_play *p) {
    mdl_ledger_free(p->ledger);
    for (size_t i = 0; i < p->records; i++)
        free(p->record[i].bytes);
    for (size_t i = 0; i < p->blobs; i++)
        free(p->blob[i].bytes);
    free(p->record);
    free(p->blob);
    free(p->life); /* the first thing in its block */
    free(p->genome);
    memset(p, 0, sizeof *p);
}

/* ---- messages ---- */

mdl_message ledger_play_message(const ledger_play *p, mdl_message_type type) {
    mdl_message m;
    memset(&m, 0, sizeof m);
    m.type = type;
    memcpy(m.head.experiment, p->experiment.id, sizeof m.head.experiment);
    m.head.seq = mdl_ledger_size(p->ledger);
    return m;
}

mdl_message ledger_play_admit(const ledger_play *p, uint32_t worker) {
    mdl_message m = ledger_play_message(p, MDL_MSG_ADMIT);
    memcpy(m.as.admit.worker, p->key[worker], MDL_KEY_BYTES);
    memcpy(m.as.admit.owner, p->key[worker], MDL_KEY_BYTES);
    snprintf(m.as.admit.name, sizeof m.as.admit.name, "worker %u", (unsigned)worker);
    m.as.admit.how = MDL_ADMIT_OPEN;
    return m;
}

mdl_message ledger_play_lease(const ledger_play *p, uint32_t worker, uint32_t first, uint32_t count) {
    mdl_message m = ledger_play_message(p, MDL_MSG_LEASE);
    m.as.lease.lease = mdl_ledger_next_lease(p->ledger);
    memcpy(m.as.lease.worker, p->key[worker], MDL_KEY_BYTES);
    m.as.lease.generation = mdl_evolution_generation(mdl_ledger_evolution(p->ledger));
    m.as.lease.first = first;
    m.as.lease.count = count;
    return m;
}

mdl_message ledger_play_expire(const ledger_play *p, uint64_t lease) {
    mdl_message m = ledger_play_message(p, MDL_MSG_EXPIRE);
    m.as.expire.lease = lease;
    m.as.expire.reason = MDL_REASON_DEADLINE;
    return m;
}

mdl_message ledger_play_admin(const ledger_play *p, const char *action, uint32_t target) {
    mdl_message m = ledger_play_message(p, MDL_MSG_ADMIN);
    snprintf(m.as.admin.action, sizeof m.as.admin.action, "%s", action);
    if (target > 0)
        memcpy(m.as.admin.target, p->key[target], MDL_KEY_BYTES);
    return m;
}

/* What job `index` of `e`'s generation gives. */
static mdl_job_result answer_in(ledger_play *p, const mdl_evolution *e, uint32_t index) {
    mdl_job_result job;
    memset(&job, 0, sizeof job);
    if (p->life) {
        mdl_unit_job(p->life, e, index, p->genome, NULL, &job);
        return job;
    }
    job.fitness = (int64_t)(index * UINT64_C(2654435761) % 1000003) - 500000;
    job.updates = index + 1;
    return job;
}

static mdl_job_result answer_of(ledger_play *p, uint32_t index) {
    return answer_in(p, mdl_ledger_evolution(p->ledger), index);
}

/* The list of fitnesses that the closing of a generation names. */
static const uint8_t *closed_fitness(const void *ctx, uint32_t generation) {
    static uint8_t pae[MDL_PAE_BYTES_MAX], digest[MDL_DIGEST_BYTES];
    static uint64_t list[MDL_LIST_MAX];
    const ledger_play *p = ctx;
    for (size_t i = 0; i < p->records; i++) {
        mdl_envelope e;
        mdl_message m;
        if (p->record[i].type != MDL_MSG_CLOSE)
            continue;
        assert_int_equal(mdl_envelope_decode(p->record[i].bytes, p->record[i].size, pae, &e), MDL_OK);
        assert_int_equal(mdl_message_of(&e, (mdl_list_room){list, MDL_LIST_MAX}, &m, NULL), MDL_OK);
        memcpy(digest, m.as.close.fitness, sizeof digest);
        if (m.as.close.generation == generation)
            return digest;
    }
    fail_msg("generation %u has not closed", (unsigned)generation);
    return NULL;
}

mdl_message ledger_play_correction(ledger_play *p, uint32_t worker, const mdl_ledger_unit *unit) {
    mdl_duty_answer right[MDL_UNIT_JOBS_MAX];
    mdl_past_source source = {closed_fitness, p, &p->source};
    mdl_message m;
    mdl_past *past = mdl_past_new(&p->experiment);
    assert_non_null(past);
    assert_int_equal(mdl_past_seek(past, unit->generation, UINT32_MAX, &source), MDL_OK);
    for (uint32_t i = 0; i < unit->count; i++) {
        mdl_job_result job = answer_in(p, mdl_past_evolution(past), unit->first + i);
        right[i] = (mdl_duty_answer){.fitness = job.fitness, .updates = job.updates};
        memcpy(right[i].segment, job.segment, sizeof job.segment);
    }
    mdl_past_free(past);
    assert_int_equal(mdl_ledger_make_correction(p->ledger, worker, unit->record, right, p->fitness, p->segments, &m),
                     MDL_OK);
    m.head = ledger_play_message(p, m.type).head;
    return m;
}

mdl_message ledger_play_commit(ledger_play *p, const mdl_message *result, uint32_t worker) {
    mdl_message m = ledger_play_message(p, MDL_MSG_COMMIT);
    const mdl_msg_result *r = &result->as.result;
    mdl_pledge pledge = {p->experiment.id, p->key[worker], r->lease, r->generation,
                         r->first,         r->count,       r->nonce, r->root};
    memset(m.head.session, (int)worker, sizeof m.head.session);
    m.head.seq = p->seq[worker]++;
    m.as.commit.lease = r->lease;
    mdl_pledge_digest(&pledge, m.as.commit.commitment);
    return m;
}

mdl_message ledger_play_check(ledger_play *p, uint32_t job) {
    mdl_message m;
    mdl_job_result right = answer_of(p, job);
    mdl_duty_answer answer = {.fitness = right.fitness, .updates = right.updates};
    memcpy(answer.segment, right.segment, sizeof answer.segment);
    assert_int_equal(mdl_ledger_make_check(p->ledger, job, &answer, &m), MDL_OK);
    m.head = ledger_play_message(p, m.type).head;
    return m;
}

mdl_message ledger_play_unit(ledger_play *p, uint64_t lease) {
    static mdl_job_result job[MDL_UNIT_JOBS_MAX];
    const mdl_ledger_lease *at = mdl_ledger_lease_find(p->ledger, lease);
    assert_non_null(at);
    uint32_t worker = p->holder[lease];
    mdl_message m = ledger_play_message(p, MDL_MSG_RESULT);
    memset(m.head.session, (int)worker, sizeof m.head.session);
    m.head.seq = p->seq[worker]++;
    mdl_msg_result *r = &m.as.result;
    for (uint32_t i = 0; i < at->count; i++) {
        job[i] = answer_of(p, at->first + i);
        p->fitness[i] = job[i].fitness;
        r->updates += job[i].updates;
    }
    r->lease = lease;
    r->generation = at->generation;
    r->first = at->first;
    r->count = at->count;
    r->fitness = (mdl_i64_list){at->count, p->fitness};
    mdl_unit_root(job, at->count, r->root);
    r->busy_ms = 5;
    r->segments = mdl_unit_segments(job, at->count, p->segments);
    if (mdl_ledger_verifies(p->ledger))
        memset(r->nonce, (int)(1 + lease % 255), sizeof r->nonce);
    return m;
}

void ledger_play_claim(ledger_play *p, mdl_message *result, uint64_t updates) {
    mdl_msg_result *r = &result->as.result;
    uint8_t segment[MDL_DIGEST_BYTES];
    for (uint32_t i = 0; i < r->count; i++) {
        uint64_t was;
        mdl_segments_get(r->segments, i, segment, &was);
        mdl_segments_put(p->segments, i, segment, i == 0 ? updates : 0);
    }
    r->updates = updates;
}

void ledger_play_other_segment(ledger_play *p, mdl_message *result) {
    static mdl_job_result job[MDL_UNIT_JOBS_MAX];
    mdl_msg_result *r = &result->as.result;
    for (uint32_t i = 0; i < r->count; i++)
        mdl_segments_get(r->segments, i, job[i].segment, &job[i].updates);
    job[r->count - 1].segment[31] ^= 1;
    mdl_unit_segments(job, r->count, p->segments);
    mdl_unit_root(job, r->count, r->root);
}

/* What a record names by `digest`; nothing where there is nothing. */
static void keep(ledger_play *p, const uint8_t *bytes, size_t size, const uint8_t digest[MDL_DIGEST_BYTES]) {
    uint8_t found[MDL_DIGEST_BYTES];
    if (size == 0)
        return;
    ledger_play_store(p, bytes, size, found);
    assert_memory_equal(found, digest, sizeof found);
}

mdl_message ledger_play_closing(ledger_play *p) {
    mdl_message m = ledger_play_message(p, MDL_MSG_CLOSE);
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_close(p->ledger, &m.as.close, &bytes, &size), MDL_OK);
    keep(p, bytes, size, m.as.close.fitness);
    assert_int_equal(mdl_ledger_make_close_results(p->ledger, &bytes, &size), MDL_OK);
    keep(p, bytes, size, m.as.close.results_blob);
    return m;
}

mdl_message ledger_play_credit(ledger_play *p) {
    mdl_message m = ledger_play_message(p, MDL_MSG_CREDIT);
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_credit(p->ledger, &m.as.credit, &bytes, &size), MDL_OK);
    keep(p, bytes, size, m.as.credit.workers);
    return m;
}

mdl_message ledger_play_champion(ledger_play *p) {
    mdl_message m = ledger_play_message(p, MDL_MSG_CHAMPION);
    const uint8_t *bytes;
    size_t size;
    assert_int_equal(mdl_ledger_make_champion(p->ledger, &m.as.champion, &bytes, &size), MDL_OK);
    keep(p, bytes, size, m.as.champion.genome);
    return m;
}

mdl_message ledger_play_end(ledger_play *p) {
    mdl_message m = ledger_play_message(p, MDL_MSG_END);
    assert_int_equal(mdl_ledger_make_end(p->ledger, &m.as.end), MDL_OK);
    return m;
}

/* ---- records ---- */

ledger_record ledger_play_seal(const ledger_play *p, const mdl_message *m, uint32_t signer) {
    static uint8_t work[MDL_SEAL_WORK_BYTES], out[MDL_ENVELOPE_BYTES_MAX];
    ledger_record r = {.type = m->type};
    assert_int_equal(mdl_message_seal(m, p->secret[signer], work, out, sizeof out, &r.size), MDL_OK);
    r.bytes = copy_of(out, r.size);
    return r;
}

uint64_t ledger_play_append(ledger_play *p, const mdl_message *m, uint32_t signer) {
    ledger_record r = ledger_play_seal(p, m, signer);
    mdl_breach breach;
    uint64_t index = mdl_ledger_size(p->ledger);
    if (mdl_ledger_apply(p->ledger, r.bytes, r.size, 0, &breach) != MDL_RULE_OK)
        fail_msg("%s: %s", mdl_rule_name((int)breach.rule), breach.text);
    assert_int_equal(mdl_ledger_size(p->ledger), index + 1);
    p->record = with_room(p->record, p->records, &p->records_room, sizeof *p->record);
    p->record[p->records++] = r;
    assert_int_equal(p->records, index + 1);
    if (m->type == MDL_MSG_LEASE) {
        assert_true(m->as.lease.lease < LEDGER_LEASES_MAX);
        for (uint8_t i = 1; i < LEDGER_SIGNERS_MAX; i++)
            if (memcmp(p->key[i], m->as.lease.worker, MDL_KEY_BYTES) == 0)
                p->holder[m->as.lease.lease] = i;
    }
    return index;
}

mdl_breach ledger_play_refused(ledger_play *p, const mdl_message *m, uint32_t signer) {
    ledger_record r = ledger_play_seal(p, m, signer);
    uint8_t before[MDL_DIGEST_BYTES], after[MDL_DIGEST_BYTES];
    mdl_breach breach;
    ledger_fingerprint(p->ledger, before);
    mdl_rule rule = mdl_ledger_apply(p->ledger, r.bytes, r.size, 0, &breach);
    ledger_fingerprint(p->ledger, after);
    free(r.bytes);
    assert_int_not_equal(rule, MDL_RULE_OK);
    assert_int_equal(rule, breach.rule);
    assert_int_equal(breach.index, mdl_ledger_size(p->ledger));
    assert_true(breach.text[0] != 0);
    assert_memory_equal(before, after, sizeof before);
    return breach;
}

void ledger_play_breaks(ledger_play *p, const mdl_message *m, uint32_t signer, mdl_rule rule) {
    mdl_breach b = ledger_play_refused(p, m, signer);
    if (b.rule != rule)
        fail_msg("%s instead of %s: %s", mdl_rule_name((int)b.rule), mdl_rule_name((int)rule), b.text);
    assert_memory_equal(b.culprit, p->key[signer], MDL_KEY_BYTES);
}

/* ---- longer pieces ---- */

uint64_t ledger_play_work(ledger_play *p, uint32_t worker, uint32_t first, uint32_t count) {
    mdl_message m = ledger_play_lease(p, worker, first, count);
    uint64_t lease = m.as.lease.lease;
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_unit(p, lease);
    if (mdl_ledger_verifies(p->ledger)) {
        mdl_message commit = ledger_play_commit(p, &m, worker);
        ledger_play_append(p, &commit, worker);
    }
    return ledger_play_append(p, &m, worker);
}

uint64_t ledger_play_answer(ledger_play *p, uint32_t worker, int lies) {
    const mdl_ledger_worker *first, *w = mdl_ledger_worker_find(p->ledger, p->key[worker]);
    mdl_ledger_workers(p->ledger, &first);
    mdl_duty_choice c = mdl_duty_choose(mdl_ledger_duty(p->ledger), mdl_ledger_next_lease(p->ledger), w->key,
                                        w->owner_number, mdl_ledger_trusted(p->ledger, (uint32_t)(w - first)));
    assert_int_equal(c.kind, MDL_DUTY_FRESH);
    mdl_message m = ledger_play_lease(p, worker, c.first, c.most < 2 ? c.most : 2);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_unit(p, m.as.lease.lease);
    if (lies)
        ledger_play_other_segment(p, &m);
    mdl_message commit = ledger_play_commit(p, &m, worker);
    ledger_play_append(p, &commit, worker);
    return ledger_play_append(p, &m, worker);
}

void ledger_play_finish(ledger_play *p, uint32_t worker) {
    mdl_message m;
    while (mdl_duty_fresh(mdl_ledger_duty(p->ledger)) > 0)
        ledger_play_answer(p, worker, 0);
    for (uint32_t job; (job = mdl_ledger_selected(p->ledger, 0)) != MDL_DUTY_NONE;) {
        m = ledger_play_check(p, job);
        ledger_play_append(p, &m, LEDGER_COORDINATOR);
    }
    m = ledger_play_closing(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_credit(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
}

void ledger_play_generation(ledger_play *p, uint32_t workers, uint32_t unit) {
    uint32_t jobs = mdl_ledger_jobs(p->ledger), turn = 0;
    for (uint32_t first = 0; first < jobs;) {
        uint32_t count = 0;
        while (count < unit && first + count < jobs && !mdl_ledger_job_result(p->ledger, first + count, NULL, NULL))
            count++;
        if (count > 0)
            ledger_play_work(p, 1 + turn++ % workers, first, count);
        first += count > 0 ? count : 1;
    }
    mdl_message m = ledger_play_closing(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_credit(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
}

static void append_admin(ledger_play *p, const char *action, uint32_t target) {
    mdl_message m = ledger_play_admin(p, action, target);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
}

void ledger_play_all(ledger_play *p, uint32_t workers, uint32_t unit) {
    assert_true(workers >= 2 && workers < LEDGER_SIGNERS_MAX);
    for (uint32_t i = 1; i <= workers; i++) {
        mdl_message m = ledger_play_admit(p, i);
        ledger_play_append(p, &m, LEDGER_COORDINATOR);
    }
    append_admin(p, "pause", 0);
    append_admin(p, "resume", 0);

    /* The first worker is slow with jobs 0 and 1: a copy is quicker, its own lease ends with the generation. It
     * never does job 2. */
    mdl_message slow = ledger_play_lease(p, 1, 0, 2);
    ledger_play_append(p, &slow, LEDGER_COORDINATOR);
    mdl_message lost = ledger_play_lease(p, 1, 2, 1);
    ledger_play_append(p, &lost, LEDGER_COORDINATOR);
    ledger_play_work(p, 2, 0, 2);
    append_admin(p, "ban", 1);
    mdl_message m = ledger_play_expire(p, lost.as.lease.lease);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    append_admin(p, "unban", 1);

    /* Two results side by side: the order of such is bound by the closing alone. */
    mdl_message a = ledger_play_lease(p, 1, 2, 1), b;
    ledger_play_append(p, &a, LEDGER_COORDINATOR);
    b = ledger_play_lease(p, 2, 3, 1);
    ledger_play_append(p, &b, LEDGER_COORDINATOR);
    m = ledger_play_unit(p, b.as.lease.lease);
    ledger_play_append(p, &m, 2);
    m = ledger_play_unit(p, a.as.lease.lease);
    ledger_play_append(p, &m, 1);

    while (mdl_ledger_jobs(p->ledger) > 0)
        ledger_play_generation(p, workers, unit);
    m = ledger_play_champion(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    m = ledger_play_end(p);
    ledger_play_append(p, &m, LEDGER_COORDINATOR);
    assert_true(mdl_ledger_ended(p->ledger));
}

/* ---- fingerprint ---- */

void ledger_fingerprint(const mdl_ledger *l, uint8_t digest[MDL_DIGEST_BYTES]) {
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink s = mdl_digest_sink(&d);
    const mdl_ledger_lease *lease;
    const mdl_ledger_worker *worker;
    mdl_put_u64(&s, mdl_ledger_size(l));
    mdl_put_u8(&s, mdl_ledger_genesis(l) != NULL);
    mdl_put_bytes(&s, mdl_ledger_experiment_id(l), 32);
    if (mdl_ledger_evolution(l))
        mdl_evolution_save(mdl_ledger_evolution(l), &s);
    mdl_put_u32(&s, mdl_ledger_genes(l));
    mdl_put_u32(&s, mdl_ledger_jobs(l));
    mdl_put_u32(&s, mdl_ledger_jobs_done(l));
    for (uint32_t i = 0; i < mdl_ledger_jobs(l); i++) {
        int64_t fitness = 0;
        uint64_t record = 0;
        mdl_put_u8(&s, (uint8_t)mdl_ledger_job_result(l, i, &fitness, &record));
        mdl_put_i64(&s, fitness);
        mdl_put_u64(&s, record);
    }
    for (uint32_t i = 0, n = mdl_ledger_leases(l, &lease); i < n; i++) {
        mdl_put_u64(&s, lease[i].id);
        mdl_put_u32(&s, lease[i].worker);
        mdl_put_u32(&s, lease[i].generation);
        mdl_put_u32(&s, lease[i].first);
        mdl_put_u32(&s, lease[i].count);
        mdl_put_u32(&s, (uint32_t)lease[i].state);
        mdl_put_u64(&s, lease[i].record);
        mdl_put_u64(&s, lease[i].result);
        mdl_put_u64(&s, lease[i].commit);
        mdl_put_bytes(&s, lease[i].commitment, sizeof lease[i].commitment);
        mdl_put_u8(&s, lease[i].trusted);
        mdl_put_u8(&s, lease[i].verified);
    }
    mdl_put_u64(&s, mdl_ledger_next_lease(l));
    for (uint32_t i = 0, n = mdl_ledger_workers(l, &worker); i < n; i++) {
        mdl_put_bytes(&s, worker[i].key, sizeof worker[i].key);
        mdl_put_bytes(&s, worker[i].owner, sizeof worker[i].owner);
        mdl_put_bytes(&s, worker[i].name, sizeof worker[i].name);
        mdl_put_u64(&s, worker[i].admitted);
        mdl_put_u32(&s, worker[i].banned);
        mdl_put_u32(&s, worker[i].how);
        mdl_put_u32(&s, worker[i].open);
        mdl_put_u64(&s, worker[i].accepted);
        mdl_put_u64(&s, worker[i].expired);
        mdl_put_u64(&s, worker[i].credit);
        mdl_put_u64(&s, worker[i].pending);
        mdl_put_u64(&s, worker[i].waiting);
        mdl_put_u64(&s, worker[i].forfeited);
        mdl_put_u64(&s, worker[i].verdict);
        mdl_put_u32(&s, worker[i].reviewed);
        mdl_put_u32(&s, worker[i].corrected);
        for (uint32_t k = 0; k < worker[i].pasts; k++) {
            mdl_put_u64(&s, worker[i].past[k].record);
            mdl_put_u32(&s, worker[i].past[k].generation);
            mdl_put_u32(&s, worker[i].past[k].first);
            mdl_put_u32(&s, worker[i].past[k].count);
            mdl_put_bytes(&s, worker[i].past[k].claim, sizeof worker[i].past[k].claim);
        }
        mdl_put_u32(&s, worker[i].verified);
        mdl_put_u32(&s, worker[i].owner_number);
        assert_ptr_equal(mdl_ledger_worker_find(l, worker[i].key), &worker[i]);
    }
    mdl_put_u8(&s, (uint8_t)mdl_ledger_paused(l));
    mdl_put_u8(&s, (uint8_t)mdl_ledger_ended(l));
    mdl_ledger_sums sum = mdl_ledger_sum(l);
    mdl_put_u64(&s, sum.accepted);
    mdl_put_u64(&s, sum.paid);
    mdl_put_u64(&s, sum.waiting);
    mdl_put_u64(&s, sum.forfeited);
    mdl_put_u64(&s, mdl_ledger_published(l));
    for (uint32_t i = 0; i < mdl_ledger_jobs(l); i++) {
        mdl_put_u32(&s, mdl_duty_answers(mdl_ledger_duty(l), i));
        mdl_put_u8(&s, (uint8_t)mdl_duty_settled(mdl_ledger_duty(l), i));
    }
    mdl_digest_final(&d, digest);
}
