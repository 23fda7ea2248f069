/* An honest ledger of a network in shards, and what a coordinator that has the keys could make of it. */
#include "tests/audit/shard_ledgers.h"

/* ---- an honest ledger ---- */

static int open_honest(void **state) {
    (void)state;
    play_world(CUT, "\"off\"", 3, 0, LIE_NONE, 0);
    return 0;
}

static void test_honest(void **state) {
    (void)state;
    ledger_play p;
    view(&p);
    audit(&p, p.records, 1);
    expect_clean(&report);
    assert_int_equal(report.notes, 0);
    assert_int_equal(report.units, 9); /* 4 jobs, 4 jobs, and the validation of 1 */
    assert_int_equal(report.wrong, 0);
    assert_true(report.ended);
    done();
    unview(&p);
}

static const mdl_message_type kinds[] = {MDL_MSG_SHARDLEASE, MDL_MSG_SHARDRESULT, MDL_MSG_JOINED};

/* A bit of a record's bytes, wherever it is; the record left out; its signature. */
static void test_changed(void **state) {
    (void)state;
    ledger_play p;
    uint32_t found = 0;
    view(&p);
    for (size_t i = 0; i < 3; i++) {
        for (size_t k = next_of(&p, kinds[i], 0); k < p.records; k = next_of(&p, kinds[i], k + 4)) {
            ledger_record before = p.record[k];
            fake_bytes spoilt = fake_copy(before.bytes, before.size);
            for (size_t at = k % 17; at < before.size; at += before.size / 5) {
                spoilt.at[at] ^= 1;
                p.record[k].bytes = spoilt.at;
                audit(&p, p.records, 0);
                assert_int_equal(report.findings, 1);
                assert_true(report.finding[0].record == k && report.finding[0].rule <= MDL_RULE_SIGNER);
                assert_int_equal(report.applied, k);
                done();
                spoilt.at[at] ^= 1;
                found++;
            }
            free(spoilt.at);
            p.record[k] = before;
            memmove(p.record + k, p.record + k + 1, (p.records - k - 1) * sizeof *p.record);
            audit(&p, p.records - 1, 0);
            assert_int_equal(report.findings, 1);
            assert_true(report.finding[0].record >= k);
            done();
            memmove(p.record + k + 1, p.record + k, (p.records - k - 1) * sizeof *p.record);
            p.record[k] = before;
            found++;
        }
    }
    assert_true(found > 100);
    unview(&p);
}

static void test_wrong_signers(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    view(&p);
    for (size_t i = 0; i < 3; i++) {
        size_t k = next_of(&p, kinds[i], 0);
        mdl_envelope e;
        assert_int_equal(mdl_envelope_decode(p.record[k].bytes, p.record[k].size, pae, &e), MDL_OK);
        int other = memcmp(world.p[0].w.key, e.key, MDL_KEY_BYTES) == 0;
        message_at(&p, k, &m);
        expect_rule(audit_forged(&p, k, &m, world.p[other].w.secret, 0), MDL_RULE_SIGNER, k, world.p[other].w.key);
        done();
    }
    unview(&p);
}

/* What the coordinator says that shards add up to, signed by its key. */
static void test_forged_joined(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m, other;
    uint64_t results[MDL_LIST_MAX];
    view(&p);
    size_t k = next_of(&p, MDL_MSG_JOINED, 0), later = next_of(&p, MDL_MSG_JOINED, k + 1);
    message_at(&p, later, &other);
    for (int what = 0; what < 11; what++) {
        message_at(&p, k, &m);
        mdl_msg_joined *j = &m.as.joined;
        memcpy(results, j->results.at, j->results.count * sizeof *results);
        j->results.at = results;
        switch (what) {
        case 0:
            j->fitness++;
            break;
        case 1:
            j->updates++;
            break;
        case 2:
            j->segment[5] ^= 4;
            break;
        case 3:
            memcpy(j->transcript, other.as.joined.transcript, MDL_DIGEST_BYTES);
            break;
        case 4: /* a transcript that nobody has */
            j->transcript[0] ^= 1;
            break;
        case 5:
            j->results.count--;
            break;
        case 6: {
            uint64_t first = results[0];
            results[0] = results[1];
            results[1] = first;
            break;
        }
        case 7:
            j->shards--;
            break;
        case 8:
            j->generation++;
            break;
        case 9:
            j->job = other.as.joined.job;
            break;
        default:
            results[0] = k - 1 == results[0] ? k - 2 : k - 1; /* another record, of whatever */
        }
        const mdl_audit_finding *f = audit_forged(&p, k, &m, world.s.config.secret, 0);
        expect_rule(f, what == 4 ? MDL_RULE_BLOB : MDL_RULE_JOINED, k, world.s.config.key);
        done();
    }
    unview(&p);
}

/* What a worker says of its own shard. The root and the regions are found where shards are joined. */
static void test_forged_results(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    static char text[MDL_SHARDS_MAX * MDL_SEGMENT_CHARS];
    view(&p);
    size_t k = next_of(&p, MDL_MSG_SHARDRESULT, 0);
    for (int what = 0; what < 6; what++) {
        mdl_envelope e;
        assert_int_equal(mdl_envelope_decode(p.record[k].bytes, p.record[k].size, pae, &e), MDL_OK);
        const fake_worker *w = worker_of(e.key);
        message_at(&p, k, &m);
        mdl_msg_shardresult *r = &m.as.shardresult;
        uint8_t digest[MDL_DIGEST_BYTES];
        uint64_t updates;
        int at_joining = 0;
        if (what == 0) {
            r->windows++;
        } else if (what == 1) {
            r->updates++;
        } else if (what == 2) {
            r->shard ^= 1;
        } else if (what == 3) {
            r->job ^= 1;
        } else if (what == 4) {
            r->root[3] ^= 1;
            at_joining = 1;
        } else {
            for (uint32_t i = 0; i < r->regions.count; i++) {
                mdl_segments_get(r->regions, i, digest, &updates);
                digest[1] ^= i == 0;
                mdl_segments_put(text, i, digest, updates);
            }
            r->regions = (mdl_segments){r->regions.count, text};
            at_joining = 1;
        }
        const mdl_audit_finding *f = audit_forged(&p, k, &m, w->secret, 0);
        if (at_joining)
            expect_rule(f, MDL_RULE_JOINED, f->record, world.s.config.key);
        else
            expect_rule(f, MDL_RULE_SHARD, k, w->key);
        done();
    }
    unview(&p);
}

/* One worker is paid what another has earned. */
static void test_wrong_credit(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    enum { ROW = MDL_KEY_BYTES + 8 };
    view(&p);
    size_t k = next_of(&p, MDL_MSG_CREDIT, 0);
    message_at(&p, k, &m);
    while (m.as.credit.count < 2) {
        k = next_of(&p, MDL_MSG_CREDIT, k + 1);
        assert_true(k < p.records);
        message_at(&p, k, &m);
    }
    assert_int_equal(fake_get(&world.s, m.as.credit.workers, &bytes, &size), MDL_OK);
    fake_bytes other = fake_copy(bytes, size);
    other.at[MDL_KEY_BYTES + 1] ^= 1; /* 256 updates more or less ... */
    other.at[ROW + MDL_KEY_BYTES + 1] ^= 1;
    mdl_digest_of(other.at, other.size, m.as.credit.workers);
    p.blob[p.blobs++] = (ledger_blob){.bytes = other.at, .size = other.size};
    expect_rule(audit_forged(&p, k, &m, world.s.config.secret, 0), MDL_RULE_CREDIT, k, world.s.config.key);
    done();
    free(other.at);
    unview(&p);
}

/* ---- verdicts on who was honest ---- */

/* The log up to the joined job, and then this. */
static const mdl_audit_finding *audit_accused(ledger_play *p, const suspect *s, const mdl_message *m, double sample) {
    size_t all = p->records;
    p->records = s->joined + 2;
    const mdl_audit_finding *f = audit_forged(p, s->joined + 1, m, world.s.config.secret, sample);
    p->records = all;
    return f;
}

static void test_wrong_verdicts(void **state) {
    (void)state;
    ledger_play p;
    suspect s;
    view(&p);
    find_suspect(&p, 0, &s);
    uint64_t at = s.joined + 1;
    mdl_message m = accuse(&p, &s);
    /* What it signed is what the verdict says is right. */
    expect_rule(audit_accused(&p, &s, &m, 0), MDL_RULE_SHARD_VERDICT, at, world.s.config.key);
    done();
    m = accuse(&p, &s);
    m.as.shardverdict.right[0] ^= 1;
    m.as.shardverdict.window = 100000;
    expect_rule(audit_accused(&p, &s, &m, 0), MDL_RULE_SHARD_VERDICT, at, world.s.config.key);
    done();
    m.as.shardverdict.window = 1;
    m.as.shardverdict.job ^= 1;
    expect_rule(audit_accused(&p, &s, &m, 0), MDL_RULE_SHARD_VERDICT, at, world.s.config.key);
    done();
    m.as.shardverdict.job ^= 1;
    uint64_t spent[2] = {s.lease, 3};
    m.as.shardverdict.spent = (mdl_u64_list){2, spent};
    expect_rule(audit_accused(&p, &s, &m, 0), MDL_RULE_SHARD_VERDICT, at, world.s.config.key);
    done();
    /* No rule sees that it is not right. Whoever plays the job does. */
    m.as.shardverdict.spent.count = 0;
    expect_rule(audit_accused(&p, &s, &m, 1), MDL_AUDIT_RECOMPUTE, at, world.s.config.key);
    assert_non_null(strstr(report.finding[0].text, "convicts worker"));
    done();
    /* Of what its regions ended with. */
    m.as.shardverdict.life = 2;
    m.as.shardverdict.window = 0;
    expect_rule(audit_accused(&p, &s, &m, 1), MDL_AUDIT_RECOMPUTE, at, world.s.config.key);
    assert_non_null(strstr(report.finding[0].text, "convicts worker"));
    done();
    unview(&p);
}

/* The same with an envelope of a window: the worker's own, and another's. */
static void test_wrong_evidence(void **state) {
    (void)state;
    ledger_play p;
    suspect s;
    view(&p);
    find_suspect(&p, 0, &s);
    uint64_t at = s.joined + 1;
    mdl_message m = accuse(&p, &s), w = {.type = MDL_MSG_WINDOW};
    w.head = m.head;
    w.as.window = (mdl_msg_window){.lease = s.lease, .life = 0, .window = 1, .blob_size = 16};
    memset(w.as.window.blob, 7, MDL_DIGEST_BYTES);
    memcpy(w.as.window.commit, s.commit, MDL_DIGEST_BYTES);
    fake_bytes own = seal(&w, s.worker->secret), other = seal(&w, world.s.config.secret);
    p.blob[p.blobs] = (ledger_blob){.bytes = own.at, .size = own.size};
    m.as.shardverdict.right[0] ^= 1;
    mdl_digest_of(own.at, own.size, m.as.shardverdict.evidence);
    p.blobs++;
    expect_rule(audit_accused(&p, &s, &m, 1), MDL_AUDIT_RECOMPUTE, at, world.s.config.key);
    assert_non_null(strstr(report.finding[0].text, "convicts worker"));
    done();
    p.blob[p.blobs - 1] = (ledger_blob){.bytes = other.at, .size = other.size};
    mdl_digest_of(other.at, other.size, m.as.shardverdict.evidence);
    expect_rule(audit_accused(&p, &s, &m, 1), MDL_RULE_SHARD_VERDICT, at, world.s.config.key);
    done();
    m.as.shardverdict.evidence[4] ^= 1; /* nobody has it */
    expect_rule(audit_accused(&p, &s, &m, 1), MDL_RULE_BLOB, at, world.s.config.key);
    done();
    free(own.at);
    free(other.at);
    unview(&p);
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    log_key_make("modulon/test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),         cmocka_unit_test(test_changed),
        cmocka_unit_test(test_wrong_signers),  cmocka_unit_test(test_forged_joined),
        cmocka_unit_test(test_forged_results), cmocka_unit_test(test_wrong_credit),
        cmocka_unit_test(test_wrong_verdicts), cmocka_unit_test(test_wrong_evidence),
    };
    return cmocka_run_group_tests(tests, open_honest, close_world);
}
