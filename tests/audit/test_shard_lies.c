/* Ledgers of networks in shards with a liar among the workers: found, convicted, reviewed. */
#include "tests/audit/shard_ledgers.h"

static uint32_t convicted(uint32_t *who) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < report.credits; i++)
        if (report.credit[i].convicted > 0) {
            *who = i;
            count++;
        }
    return count;
}

/* Believed as it comes: the audit finds the result, and names its worker. */
static void test_lies_found(void **state) {
    (void)state;
    static const lie_kind lies[] = {LIE_SUM, LIE_BOUNDARY, LIE_STATE, LIE_END};
    for (uint32_t i = 0; i < 4; i++) {
        ledger_play p;
        mdl_message m;
        play_world(CUT, "\"off\"", 3, 1, lies[i], 2);
        view(&p);
        audit(&p, p.records, 1);
        assert_true(report.findings >= 1);
        const mdl_audit_finding *f = &report.finding[0];
        expect_rule(f, MDL_AUDIT_RECOMPUTE, f->record, world.p[1].w.key);
        message_at(&p, f->record, &m);
        assert_int_equal(m.type, MDL_MSG_SHARDRESULT);
        assert_int_equal(report.wrong, 1);
        done();
        unview(&p);
        stage_close(&world);
    }
}

/* Convicted: nothing wrong stands in the ledger. Then the verdict is changed. */
static void test_lies_convicted(void **state) {
    (void)state;
    static const struct {
        const char *sharding, *verification;
    } way[] = {{TWICE, "\"off\""}, {CUT, "{\"probation\":1000,\"plant_ppm\":0}"}};
    for (uint32_t i = 0; i < 2; i++) {
        ledger_play p;
        mdl_message m;
        uint32_t who = 0;
        play_world(way[i].sharding, way[i].verification, 4, 1, LIE_SUM, 2);
        view(&p);
        audit(&p, p.records, 1);
        expect_clean(&report);
        assert_int_equal(convicted(&who), 1);
        assert_memory_equal(report.credit[who].key, world.p[1].w.key, MDL_KEY_BYTES);
        uint32_t notes = report.notes;
        done();
        size_t k = next_of(&p, MDL_MSG_SHARDVERDICT, 0);
        assert_true(k < p.records);
        assert_int_equal(next_of(&p, MDL_MSG_SHARDVERDICT, k + 1), p.records);
        message_at(&p, k, &m);
        int by_envelope = !sodium_is_zero(m.as.shardverdict.evidence, MDL_DIGEST_BYTES);
        assert_int_equal(by_envelope, i == 0);
        m.as.shardverdict.right[9] ^= 1;
        p.records = k + 1; /* as far as that */
        if (by_envelope) { /* nobody knows what the inputs were: but it is said */
            ledger_record before = p.record[k];
            fake_bytes forged = seal(&m, world.s.config.secret);
            p.record[k] = (ledger_record){forged.at, forged.size, m.type};
            audit(&p, p.records, 1);
            expect_clean(&report);
            assert_int_equal(report.notes, notes + 1);
            assert_int_equal(report.note[report.notes - 1].record, k);
            free(forged.at);
            p.record[k] = before;
        } else {
            expect_rule(audit_forged(&p, k, &m, world.s.config.secret, 1), MDL_AUDIT_RECOMPUTE, k, world.s.config.key);
        }
        done();
        /* A lease that nobody has. */
        message_at(&p, k, &m);
        m.as.shardverdict.lease += 100000;
        p.records = k + 1;
        expect_rule(audit_forged(&p, k, &m, world.s.config.secret, 0), MDL_RULE_SHARD_VERDICT, k, world.s.config.key);
        done();
        p.records = world.s.records;
        /* Left out: its worker is no convict in what follows. */
        memmove(p.record + k, p.record + k + 1, (p.records - k - 1) * sizeof *p.record);
        audit(&p, p.records - 1, 0);
        assert_int_equal(report.findings, 1);
        assert_true(report.finding[0].record >= k);
        done();
        unview(&p);
        stage_close(&world);
    }
}

/* A liar whose shards of a closed generation nobody has confirmed: its jobs are done again and corrected. */
static void test_reviewed(void **state) {
    (void)state;
    ledger_play p;
    mdl_message m;
    uint32_t who = 0, corrections = 0, wrong = 0, turns = 0;
    stage_open_small(&world, CUT, "{\"probation\":0,\"plant_ppm\":0,\"floor_ppm\":0}", 3);
    world.lie_last = 1;
    world.p[1].lie = LIE_END;
    const mdl_ledger *l = mdl_coordinator_ledger(world.s.logic);
    while (!mdl_ledger_ended(l)) {
        turn(&world, 0, 0);
        if (mdl_evolution_generation(mdl_ledger_evolution(l)) == 1)
            world.p[1].lied = 0; /* whatever it does now is false */
        assert_true(++turns < 200000);
    }
    fake_commit(&world.s);
    view(&p);
    for (size_t k = next_of(&p, MDL_MSG_CORRECTION, 0); k < p.records; k = next_of(&p, MDL_MSG_CORRECTION, k + 1)) {
        message_at(&p, k, &m);
        assert_int_equal(m.as.correction.generation, 0);
        assert_memory_equal(m.as.correction.worker, world.p[1].w.key, MDL_KEY_BYTES);
        uint64_t joined = m.as.correction.result;
        assert_int_equal(p.record[joined].type, MDL_MSG_JOINED);
        corrections++;
    }
    audit(&p, p.records, 1);
    expect_clean(&report);
    assert_int_equal(convicted(&who), 1);
    assert_memory_equal(report.credit[who].key, world.p[1].w.key, MDL_KEY_BYTES);
    assert_int_equal(report.credit[who].reviewed, corrections);
    assert_int_equal(report.credit[who].corrected, 1); /* it has lied once before */
    for (uint32_t i = 0; i < report.notes; i++)
        wrong += strstr(report.note[i].text, "corrects it") != NULL;
    assert_int_equal(wrong, 1);
    assert_true(corrections > 1);
    done();
    /* A correction that is left out, and one that is false. */
    size_t k = next_of(&p, MDL_MSG_CORRECTION, 0);
    message_at(&p, k, &m);
    static int64_t fitness[1];
    fitness[0] = m.as.correction.fitness.at[0] + 1;
    m.as.correction.fitness.at = fitness;
    expect_rule(audit_forged(&p, k, &m, world.s.config.secret, 1), MDL_AUDIT_RECOMPUTE, k, world.s.config.key);
    done();
    memmove(p.record + k, p.record + k + 1, (p.records - k - 1) * sizeof *p.record);
    audit(&p, p.records - 1, 0);
    assert_true(report.findings == 1 && report.finding[0].record >= k);
    done();
    unview(&p);
    stage_close(&world);
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    log_key_make("modulon/test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lies_found),
        cmocka_unit_test(test_lies_convicted),
        cmocka_unit_test(test_reviewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
