/* What a coordinator says falsely of shards becomes a proof that convicts it alone; nothing that is right does. */
#include "tests/audit/shard_ledgers.h"

#include "tests/audit/proofs.h"

static int folders;

/* Audits the log of p->record up to `at`, whose record is of `kind` and false; its proof convicts the coordinator. */
static void expect_proof(const ledger_play *p, size_t at, const char *kind, size_t places) {
    char folder[512], name[32], path[640], error[ERROR];
    mdl_audit_source s = source_make(p, p->record, at + 1);
    snprintf(name, sizeof name, "proofs%d", folders++);
    audit_with(&s, 1, NULL, in_directory(folder, name));
    const mdl_audit_finding *f = expect_finding(&report, MDL_AUDIT_RECOMPUTE, at);
    assert_memory_equal(f->culprit, world.s.config.key, MDL_KEY_BYTES);
    assert_true(report.proofs == 1 && report.proofs_failed == 0);
    done();
    snprintf(path, sizeof path, "%s/%s-%zu.fraud", folder, kind, at);
    free(proof_bytes);
    assert_int_equal(mdl_file_read(path, 1 << 24, &proof_bytes, &proof_size, error, sizeof error), MDL_OK);
    parse();
    verify(NULL);
    if (verdict.verdict != MDL_FRAUD_PROVEN)
        fail_msg("%s", verdict.text);
    assert_true(verdict.has_culprit && verdict.record == at);
    assert_memory_equal(verdict.culprit, world.s.config.key, MDL_KEY_BYTES);
    spoil_all(places);
}

/* A proof of this kind about record `at`, as somebody would make it who wants it false: it proves nothing. */
static void expect_nothing(const char *why) {
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_FALSE);
    assert_false(verdict.has_culprit);
    if (!strstr(verdict.text, why))
        fail_msg("%s", verdict.text);
}

static void made_blob(mdl_fraud_field field, const uint8_t digest[MDL_DIGEST_BYTES]) {
    const uint8_t *bytes = NULL;
    size_t size = 0;
    assert_int_equal(fake_get(&world.s, digest, &bytes, &size), MDL_OK);
    made_put(field, bytes, size);
}

/* About a record of generation 0. */
static void made_shard(const ledger_play *p, mdl_fraud_kind kind, size_t at) {
    mdl_message m;
    made_begin(kind, p->record, at);
    message_at(p, 0, &m);
    made_blob(MDL_FRAUD_DOCUMENT_FIELD, m.as.genesis.document);
}

static size_t lease_record(const ledger_play *p, uint64_t lease) {
    mdl_message m;
    for (size_t k = next_of(p, MDL_MSG_SHARDLEASE, 0);; k = next_of(p, MDL_MSG_SHARDLEASE, k + 1)) {
        assert_true(k < p->records);
        message_at(p, k, &m);
        if (m.as.shardlease.lease == lease)
            return k;
    }
}

/* Record `at` becomes this one; free() what is returned and put back what was there. */
static fake_bytes forge(ledger_play *p, size_t at, const mdl_message *m) {
    fake_bytes forged = seal(m, world.s.config.secret);
    p->record[at] = (ledger_record){forged.at, forged.size, m->type};
    return forged;
}

/* ---- verdicts ---- */

static int open_honest(void **state) {
    play_world(CUT, "\"off\"", 3, 0, LIE_NONE, 0);
    return make_directory(state);
}

static int close_honest(void **state) {
    free(proof_bytes);
    proof_bytes = NULL;
    made_free();
    return close_world(state) | remove_directory(state);
}

/* Of windows that were right, and of what a shard ended with, in either generation. */
static void test_false_verdicts(void **state) {
    (void)state;
    ledger_play p;
    suspect s;
    view(&p);
    for (uint32_t generation = 0; generation < 2; generation++) {
        find_suspect(&p, generation > 0 ? next_of(&p, MDL_MSG_CLOSE, 0) : 0, &s);
        assert_int_equal(s.generation, generation);
        for (int end = 0; end < 2; end++) {
            mdl_message m = accuse(&p, &s);
            m.as.shardverdict.right[0] ^= 1;
            if (end) {
                m.as.shardverdict.life = s.lives;
                m.as.shardverdict.window = 0;
            }
            ledger_record before = p.record[s.joined + 1];
            fake_bytes forged = forge(&p, s.joined + 1, &m);
            expect_proof(&p, s.joined + 1, "shardverdict", end == 0 && generation == 1 ? 600 : 30);
            free(forged.at);
            p.record[s.joined + 1] = before;
        }
    }
    unview(&p);
}

/* With the worker's own envelope, which says what is right. Another's, or of another window, shows nothing. */
static void test_false_evidence(void **state) {
    (void)state;
    ledger_play p;
    suspect s;
    view(&p);
    find_suspect(&p, 0, &s);
    size_t at = s.joined + 1;
    mdl_message m = accuse(&p, &s), w = {.type = MDL_MSG_WINDOW};
    w.head = m.head;
    w.as.window = (mdl_msg_window){.lease = s.lease, .life = 0, .window = 1, .blob_size = 16};
    memcpy(w.as.window.commit, s.commit, MDL_DIGEST_BYTES);
    fake_bytes own = seal(&w, s.worker->secret);
    p.blob[p.blobs++] = (ledger_blob){.bytes = own.at, .size = own.size};
    m.as.shardverdict.right[0] ^= 1;
    mdl_digest_of(own.at, own.size, m.as.shardverdict.evidence);
    ledger_record before = p.record[at];
    fake_bytes forged = forge(&p, at, &m);
    expect_proof(&p, at, "shardverdict", 600);
    /* The same without its evidence, and with another lease of the log. */
    made_shard(&p, MDL_FRAUD_SHARDVERDICT, at);
    made_record(p.record, lease_record(&p, s.lease), MDL_FRAUD_LEASE_FIELD, MDL_FRAUD_LEASE_PROOF_FIELD);
    expect_nothing("has evidence and the file has none");
    made_put(MDL_FRAUD_EVIDENCE_FIELD, own.at, own.size);
    verify(NULL);
    assert_int_equal(verdict.verdict, MDL_FRAUD_PROVEN);
    made_record(p.record, lease_record(&p, s.lease - 1), MDL_FRAUD_LEASE_FIELD, MDL_FRAUD_LEASE_PROOF_FIELD);
    expect_nothing("not the one that the record names");
    free(forged.at);
    /* A window that is not what the job gives: somebody's inputs were false, perhaps its own word is. */
    w.as.window.commit[3] ^= 1;
    fake_bytes lie = seal(&w, s.worker->secret);
    mdl_digest_of(lie.at, lie.size, m.as.shardverdict.evidence);
    forged = forge(&p, at, &m);
    made_shard(&p, MDL_FRAUD_SHARDVERDICT, at);
    made_record(p.record, lease_record(&p, s.lease), MDL_FRAUD_LEASE_FIELD, MDL_FRAUD_LEASE_PROOF_FIELD);
    made_put(MDL_FRAUD_EVIDENCE_FIELD, lie.at, lie.size);
    expect_nothing("nothing shows");
    free(forged.at);
    free(lie.at);
    free(own.at);
    p.record[at] = before;
    unview(&p);
}

/* ---- joined jobs ---- */

typedef struct joining {
    mdl_message m;
    mdl_transcript said;
    mdl_life_row row[16];
    uint64_t results[MDL_LIST_MAX];
} joining;

static void take_joined(const ledger_play *p, size_t k, joining *j) {
    const uint8_t *bytes = NULL;
    size_t size = 0;
    message_at(p, k, &j->m);
    memcpy(j->results, j->m.as.joined.results.at, j->m.as.joined.results.count * sizeof *j->results);
    j->m.as.joined.results.at = j->results;
    assert_int_equal(fake_get(&world.s, j->m.as.joined.transcript, &bytes, &size), MDL_OK);
    assert_int_equal(mdl_transcript_read(bytes, size, &j->said), MDL_OK);
    assert_true(j->said.lives <= 16);
    for (uint32_t i = 0; i < j->said.lives; i++)
        mdl_transcript_row(&j->said, i, &j->row[i]);
}

/* What follows from the rows, with the transcript's blob in the log's store. */
static void put_joined(ledger_play *p, joining *j) {
    mdl_msg_joined *m = &j->m.as.joined;
    const mdl_transcript *t = &j->said;
    mdl_job_result result;
    uint64_t windows = 0;
    for (uint32_t i = 0; i < t->lives; i++)
        windows += j->row[i].windows;
    size_t size = mdl_transcript_bytes(t->lives, windows, t->shards, t->modulation_size);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    mdl_transcript_write(j->row, t->lives, t->shards, t->modulation, t->modulation_size, t->commits, windows, bytes);
    mdl_digest_of(bytes, size, m->transcript);
    p->blob[p->blobs++] = (ledger_blob){.bytes = bytes, .size = size};
    mdl_unit_segment(m->generation, m->job, j->row, t->lives, &result);
    m->fitness = result.fitness;
    m->updates = result.updates;
    memcpy(m->segment, result.segment, sizeof m->segment);
}

/* The fitness of a life is nobody's word but the coordinator's. */
static void test_false_fitness(void **state) {
    (void)state;
    ledger_play p;
    joining j;
    view(&p);
    for (uint32_t generation = 0; generation < 2; generation++) {
        size_t k = next_of(&p, MDL_MSG_JOINED, generation > 0 ? next_of(&p, MDL_MSG_CLOSE, 0) : 0);
        take_joined(&p, k, &j);
        assert_int_equal(j.m.as.joined.generation, generation);
        j.row[generation].fitness += 1000000;
        put_joined(&p, &j);
        ledger_record before = p.record[k];
        fake_bytes forged = forge(&p, k, &j.m);
        expect_proof(&p, k, "joined", generation > 0 ? 600 : 30);
        free(forged.at);
        free((void *)(uintptr_t)p.blob[--p.blobs].bytes);
        p.record[k] = before;
    }
    unview(&p);
}

/* The last life ends a window early, and the workers sign for what they were asked for. */
static void test_short_life(void **state) {
    (void)state;
    ledger_play p;
    joining j;
    static char text[MDL_SHARDS_MAX * MDL_SEGMENT_CHARS];
    view(&p);
    size_t k = next_of(&p, MDL_MSG_JOINED, 0);
    take_joined(&p, k, &j);
    mdl_life_row *last = &j.row[j.said.lives - 1];
    uint64_t each = last->updates / last->windows;
    last->windows--;
    last->updates -= each;
    put_joined(&p, &j);
    mdl_transcript cut;
    assert_int_equal(mdl_transcript_read(p.blob[p.blobs - 1].bytes, p.blob[p.blobs - 1].size, &cut), MDL_OK);
    fake_bytes forged[8];
    uint32_t count = j.m.as.joined.results.count;
    assert_true(count <= 8);
    for (uint32_t i = 0; i < count; i++) {
        mdl_message m;
        mdl_envelope e;
        ledger_record *r = &p.record[j.results[i]];
        assert_int_equal(mdl_envelope_decode(r->bytes, r->size, pae, &e), MDL_OK);
        const fake_worker *w = worker_of(e.key);
        message_at(&p, j.results[i], &m);
        mdl_msg_shardresult *result = &m.as.shardresult;
        uint64_t of_window = 0;
        for (uint32_t g = 0; g < result->regions.count; g++) {
            uint8_t digest[MDL_DIGEST_BYTES];
            uint64_t updates;
            mdl_segments_get(result->regions, g, digest, &updates);
            of_window += updates / result->windows;
            mdl_segments_put(text, g, digest, updates - updates / result->windows);
        }
        result->regions = (mdl_segments){result->regions.count, text};
        result->updates -= of_window;
        result->windows--;
        mdl_transcript_root(&cut, result->shard, cut.windows - result->windows, result->root);
        forged[i] = seal(&m, w->secret);
        *r = (ledger_record){forged[i].at, forged[i].size, m.type};
    }
    fake_bytes joined = forge(&p, k, &j.m);
    expect_proof(&p, k, "joined", 100);
    free(joined.at);
    for (uint32_t i = 0; i < count; i++)
        free(forged[i].at);
    free((void *)(uintptr_t)p.blob[p.blobs - 1].bytes);
    unview(&p);
}

/* What is right, and what somebody else is to blame for. */
static void test_right_joined(void **state) {
    (void)state;
    ledger_play p;
    joining j;
    view(&p);
    size_t k = next_of(&p, MDL_MSG_JOINED, 0);
    take_joined(&p, k, &j);
    made_shard(&p, MDL_FRAUD_JOINED, k);
    made_blob(MDL_FRAUD_TRANSCRIPT_FIELD, j.m.as.joined.transcript);
    expect_nothing("is right");
    take_joined(&p, next_of(&p, MDL_MSG_JOINED, k + 1), &j);
    made_blob(MDL_FRAUD_TRANSCRIPT_FIELD, j.m.as.joined.transcript);
    expect_nothing("not the one that the record names");
    made_record(p.record, 0, MDL_FRAUD_RECORD_FIELD, MDL_FRAUD_PROOF_FIELD);
    expect_nothing("its record is no joined");
    unview(&p);
}

/* A liar among the shards, believed or convicted: the coordinator has said nothing false. */
static void test_liars(void **state) {
    static const struct {
        const char *sharding, *verification;
        lie_kind lie;
    } way[] = {{CUT, "\"off\"", LIE_SUM},
               {CUT, "\"off\"", LIE_END},
               {TWICE, "\"off\"", LIE_SUM},
               {CUT, "{\"probation\":1000,\"plant_ppm\":0}", LIE_SUM},
               {CUT, "{\"probation\":1000,\"plant_ppm\":0}", LIE_END}};
    (void)state;
    uint32_t false_windows = 0, verdicts = 0;
    for (uint32_t i = 0; i < sizeof way / sizeof *way; i++) {
        ledger_play p;
        mdl_message m;
        joining j;
        play_world(way[i].sharding, way[i].verification, 4, 1, way[i].lie, 2);
        view(&p);
        for (size_t k = next_of(&p, MDL_MSG_JOINED, 0); k < p.records; k = next_of(&p, MDL_MSG_JOINED, k + 1)) {
            take_joined(&p, k, &j);
            if (j.m.as.joined.generation > 0)
                break;
            made_shard(&p, MDL_FRAUD_JOINED, k);
            made_blob(MDL_FRAUD_TRANSCRIPT_FIELD, j.m.as.joined.transcript);
            expect_nothing("");
            false_windows += strstr(verdict.text, "a shard was false") != NULL;
        }
        for (size_t k = next_of(&p, MDL_MSG_SHARDVERDICT, 0); k < p.records;
             k = next_of(&p, MDL_MSG_SHARDVERDICT, k + 1)) {
            message_at(&p, k, &m);
            assert_int_equal(m.as.shardverdict.generation, 0);
            made_shard(&p, MDL_FRAUD_SHARDVERDICT, k);
            if (!sodium_is_zero(m.as.shardverdict.evidence, MDL_DIGEST_BYTES))
                made_blob(MDL_FRAUD_EVIDENCE_FIELD, m.as.shardverdict.evidence);
            made_record(p.record, lease_record(&p, m.as.shardverdict.lease), MDL_FRAUD_LEASE_FIELD,
                        MDL_FRAUD_LEASE_PROOF_FIELD);
            expect_nothing("nothing shows");
            verdicts++;
        }
        unview(&p);
        stage_close(&world);
    }
    assert_true(false_windows >= 1); /* believed, its window stands in the transcript */
    assert_int_equal(verdicts, 3);
    made_free();
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    log_key_make("modulon/test");
    const struct CMUnitTest honest[] = {
        cmocka_unit_test(test_false_verdicts), cmocka_unit_test(test_false_evidence),
        cmocka_unit_test(test_false_fitness),  cmocka_unit_test(test_short_life),
        cmocka_unit_test(test_right_joined),
    };
    const struct CMUnitTest liars[] = {cmocka_unit_test(test_liars)};
    int failed = cmocka_run_group_tests_name("honest workers", honest, open_honest, close_honest);
    return failed | cmocka_run_group_tests_name("liars", liars, NULL, NULL);
}
