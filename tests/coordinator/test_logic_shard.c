/* Sharded jobs through the coordinator's logic, with workers that play for real:
 * however networks are cut and whoever dies, every job's answer and the champion
 * are those of one process; and who lies is named. */
#include "tests/coordinator/shard_world.h"
#include "tests/support/search.h"

/* What the ledger holds, by a fold of its own that verifies every signature. */
typedef struct told {
    uint32_t joined, same, faults, verdicts, results, cut; /* cut: shards of all jobs, if equal */
    uint64_t named[8];                                     /* leases that verdicts name */
    uint64_t spent, paid, forfeited;
    uint8_t champion[MDL_DIGEST_BYTES];
    uint8_t banned[8][MDL_KEY_BYTES];
    uint32_t bans;
} told;

/* Whether every digest of every window of a job that was just joined is right, and those of the ends. */
static int transcript_is_right(const stage *w, const mdl_ledger *l, uint32_t job) {
    uint8_t digest[MDL_DIGEST_BYTES], region[MDL_REGIONS_MAX][MDL_DIGEST_BYTES];
    const uint8_t *bytes = NULL;
    size_t size = 0;
    uint32_t count;
    mdl_transcript t;
    mdl_transcript_fault fault;
    assert_true(mdl_ledger_joined(l, job, digest) > 0);
    assert_int_equal(fake_get((void *)&w->s, digest, &bytes, &size), MDL_OK);
    assert_int_equal(mdl_transcript_read(bytes, size, &t), MDL_OK);
    const uint64_t *party = mdl_duty_party(mdl_ledger_duty(l), job, &count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t owner[MDL_REGIONS_MAX];
        const mdl_ledger_lease *lease = mdl_ledger_lease_find(l, party[i]);
        mdl_balanced_cut(&w->x.network, lease->shards, owner);
        for (uint32_t r = 0, k = 0; r < w->x.network.regions; r++) {
            if (owner[r] == lease->shard) {
                memcpy(region[r], lease->regions[k++], MDL_DIGEST_BYTES);
            }
        }
    }
    assert_int_equal(mdl_transcript_find(&w->x, mdl_ledger_evolution(l), job, &t,
                                         (const uint8_t(*)[MDL_DIGEST_BYTES])region, &fault, NULL),
                     MDL_OK);
    return !fault.found;
}

static void read_ledger(stage *w, const search_outcome *right, told *out) {
    static uint64_t list[MDL_LIST_MAX];
    mdl_blobs blobs = {fake_get, &w->s};
    mdl_ledger *l = mdl_ledger_new(w->s.config.key, &blobs);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < w->s.records; i++) {
        fake_apply(&w->s, i, l);
        mdl_message m = fake_read(&w->s, i, list);
        if (m.type == MDL_MSG_JOINED) {
            const mdl_job_result *j = &right->job[right->generation_first[m.as.joined.generation] + m.as.joined.job];
            out->joined++;
            out->cut = out->joined == 1 || out->cut == m.as.joined.shards ? m.as.joined.shards : 0;
            out->faults += !transcript_is_right(w, l, m.as.joined.job);
            out->same += m.as.joined.fitness == j->fitness && m.as.joined.updates == j->updates &&
                         memcmp(m.as.joined.segment, j->segment, MDL_DIGEST_BYTES) == 0;
        } else if (m.type == MDL_MSG_SHARDVERDICT) {
            assert_true(out->verdicts < 8);
            out->named[out->verdicts++] = m.as.shardverdict.lease;
            for (uint32_t k = 1; k < m.as.shardverdict.spent.count; k += 2) {
                out->spent += m.as.shardverdict.spent.at[k];
            }
        } else if (m.type == MDL_MSG_SHARDRESULT) {
            out->results++;
        } else if (m.type == MDL_MSG_END) {
            memcpy(out->champion, m.as.end.champion, MDL_DIGEST_BYTES);
        }
    }
    assert_true(mdl_ledger_ended(l));
    const mdl_ledger_worker *worker;
    uint32_t workers = mdl_ledger_workers(l, &worker);
    for (uint32_t i = 0; i < workers; i++) {
        if (worker[i].banned) {
            memcpy(out->banned[out->bans++], worker[i].key, MDL_KEY_BYTES);
        }
    }
    out->paid = mdl_ledger_sum(l).paid;
    out->forfeited = mdl_ledger_sum(l).forfeited;
    mdl_ledger_free(l);
}

static const char *experiment(const char *model, uint32_t window, const char *sharding, const char *verification) {
    static char json[1024];
    int length =
        snprintf(json, sizeof json,
                 "{\"name\":\"shards\",\"seed\":\"11\",\"model\":\"%s\",\"task\":{\"name\":\"bandit\",\"trials\":6},"
                 "\"network\":{\"regions\":8,\"neurons\":12,\"ring\":4,\"sources\":2,\"listen\":4,\"fan_in\":3,"
                 "\"window\":%u},"
                 "\"evolution\":{\"generations\":2,\"episodes\":2,\"validate_every\":2,\"validate_episodes\":1,"
                 "\"islands\":[{\"algorithm\":\"ga\",\"population\":4}]},"
                 "\"verification\":%s,\"sharding\":%s,\"test_episodes\":2}\n",
                 model, window, verification, sharding);
    assert_true(length > 0 && (size_t)length < sizeof json);
    return json;
}

static void any_cut_gives_the_same_answers(void **state) {
    (void)state;
    static const char *const models[] = {"hmn", "neuraxon"};
    static stage w;
    uint32_t cuts = 0;
    for (uint32_t m = 0; m < 2; m++) {
        static const uint32_t shards[] = {1, 2, 4, 8}, windows[] = {1, 8};
        for (uint32_t i = 0; i < 4; i++) {
            for (uint32_t players = 1; players <= CAST; players += m + (shards[i] == 2 ? 3 : 1)) {
                char sharding[64];
                search_outcome right;
                told found;
                snprintf(sharding, sizeof sharding, "{\"shards\":%u,\"snapshot_windows\":4}", shards[i]);
                const char *json = experiment(models[m], windows[(i + players) % 2], sharding, "\"off\"");
                run_alone(json, &right);
                stage_open(&w, json, players, UINT64_MAX / 64, 1 + i + 8 * players);
                play(&w, 0, 0, 200000);
                read_ledger(&w, &right, &found);
                assert_int_equal(found.joined, right.jobs);
                assert_int_equal(found.same, right.jobs);
                assert_int_equal(found.faults, 0); /* of no window */
                assert_true(found.results >= right.jobs * shards[i]);
                assert_memory_equal(found.champion, right.champion, MDL_DIGEST_BYTES);
                assert_true(found.paid == right.updates); /* every update is somebody's, once */
                stage_close(&w);
                free(right.job);
                cuts++;
            }
        }
    }
    print_message("%u cuts over workers\n", cuts);
}

static void deaths_and_crashes_change_nothing(void **state) {
    (void)state;
    static stage w;
    uint32_t deaths = 0, crashes = 0, states = 0, silent = 0, windows = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        search_outcome right;
        told found;
        const char *json =
            experiment(seed % 2 ? "hmn" : "neuraxon", 2, "{\"shards\":4,\"snapshot_windows\":3}", "\"off\"");
        run_alone(json, &right);
        stage_open(&w, json, 3, UINT64_MAX / 64, seed);
        w.p[1].slow_ms = seed == 3 ? 4000 : 0; /* it is overtaken */
        play(&w, 60, seed > 2 ? 250 : 0, 400000);
        read_ledger(&w, &right, &found);
        assert_int_equal(found.same, found.joined);
        assert_memory_equal(found.champion, right.champion, MDL_DIGEST_BYTES);
        deaths += w.deaths;
        crashes += w.crashes;
        states += w.states;
        silent += w.silent;
        windows += w.windows;
        stage_close(&w);
        free(right.job);
    }
    print_message("%u deaths, %u crashes, %u states taken up, %u of %u windows played again\n", deaths, crashes, states,
                  silent, windows);
    assert_true(deaths > 10 && crashes > 3 && states > 5 && silent > 20);
}

/* Replicas: the false window is found when it comes, and the game goes on from before it. */
static void replicas_find_a_liar(void **state) {
    (void)state;
    static const lie_kind lies[] = {LIE_SUM, LIE_BOUNDARY, LIE_STATE};
    static stage w;
    uint64_t spent = 0;
    uint32_t again = 0;
    for (uint32_t i = 0; i < 6; i++) {
        search_outcome right;
        told found;
        const char *json = experiment("hmn", 2, "{\"shards\":4,\"replicas\":2,\"snapshot_windows\":3}", "\"off\"");
        run_alone(json, &right);
        stage_open(&w, json, 4, UINT64_MAX / 64, 40 + i);
        w.p[i % 2].lie = lies[i % 3];
        w.p[i % 2].lie_after = 3 + 5 * i;
        play(&w, 0, 0, 400000);
        read_ledger(&w, &right, &found);
        assert_int_equal(w.p[i % 2].lied, 1);
        assert_int_equal(found.verdicts, 1);
        assert_int_equal(found.bans, 1);
        assert_memory_equal(found.banned[0], w.p[i % 2].w.key, MDL_KEY_BYTES);
        assert_int_equal(found.same, found.joined);
        assert_memory_equal(found.champion, right.champion, MDL_DIGEST_BYTES);
        spent += found.spent;
        again += w.again;
        stage_close(&w);
        free(right.job);
    }
    print_message("%llu windows on what was false, %u times begun again\n", (unsigned long long)spent, again);
    assert_true(again > 0);
}

/* Who says what the job gives is not convicted, whatever its inputs were: it is only sent away. Others would find such
 * a verdict false. */
static void the_truth_convicts_nobody(void **state) {
    (void)state;
    static stage w;
    search_outcome right;
    told found;
    const char *json = experiment("hmn", 2, "{\"shards\":4,\"replicas\":2,\"snapshot_windows\":3}", "\"off\"");
    run_alone(json, &right);
    the_liar_is_right = 1;
    for (uint32_t i = 0; i < 2; i++) {
        stage_open(&w, json, 4, UINT64_MAX / 64, 60 + i);
        w.p[i].lie = LIE_SUM;
        w.p[i].lie_after = 3;
        play(&w, 0, 0, 400000);
        read_ledger(&w, &right, &found);
        assert_int_equal(w.p[i].lied, 1);
        assert_int_equal(w.replays, 1);
        assert_int_equal(found.verdicts + found.bans, 0);
        assert_int_equal(found.same, found.joined);
        stage_close(&w);
    }
    the_liar_is_right = 0;
    free(right.job);
}

/* With other inputs something else follows, and what the job gives stays what it is. */
static void inputs_do_not_change_the_truth(void **state) {
    (void)state;
    static stage w;
    search_outcome right;
    const char *json = experiment("hmn", 2, "{\"shards\":4,\"replicas\":2,\"snapshot_windows\":3}", "\"off\"");
    run_alone(json, &right);
    stage_open(&w, json, 4, UINT64_MAX / 64, 60);
    w.p[0].lie = LIE_SUM;
    w.p[0].lie_after = 3;
    replays_wait = 1;
    for (uint32_t turns = 0; !has_replay; turns++) {
        assert_true(turns < 400000);
        turn(&w, 0, 0);
    }
    replays_wait = 0;
    const mdl_evolution *e = mdl_ledger_evolution(mdl_coordinator_ledger(w.s.logic));
    mdl_shard_replay r = pending_replay, other = pending_replay;
    assert_int_equal(mdl_shard_replay_run(&w.x, e, &r), MDL_OK);
    assert_memory_equal(r.truth, r.right, MDL_DIGEST_BYTES);
    uint32_t changed = 0;
    for (size_t at = 0; at < other.inputs_size;
         at += 7) { /* a low byte of whatever: most are refused, or are no inputs */
        other.inputs[at] ^= 1;
        mdl_err err = mdl_shard_replay_run(&w.x, e, &other);
        assert_true(err == MDL_OK || err == MDL_EMISMATCH);
        if (err == MDL_OK && memcmp(other.right, r.right, sizeof r.right) != 0) {
            assert_memory_equal(other.truth, r.truth, sizeof r.truth);
            changed++;
        }
        other.inputs[at] ^= 1;
    }
    assert_true(changed > 0);
    play(&w, 0, 0, 400000);
    stage_close(&w);
    free(right.job);
}

/* Without replicas a check plays the whole job beside its transcript, which names who was false, whether the answer
 * shows it or not. */
static void a_check_names_a_liar(void **state) {
    (void)state;
    static const lie_kind lies[] = {LIE_SUM, LIE_BOUNDARY, LIE_STATE, LIE_END};
    static stage w;
    uint32_t unseen = 0;
    for (uint32_t i = 0; i < 8; i++) {
        search_outcome right;
        told found;
        const char *json =
            experiment("hmn", 2, "{\"shards\":4,\"snapshot_windows\":3}", "{\"probation\":1000,\"plant_ppm\":0}");
        run_alone(json, &right);
        stage_open(&w, json, 3, UINT64_MAX / 64, 80 + i);
        w.p[i % 3].lie = lies[i % 4];
        w.p[i % 3].lie_after = i;
        w.lie_last = i % 2 == 0; /* elsewhere a small error may change nothing that is asked for */
        play(&w, 0, 0, 400000);
        read_ledger(&w, &right, &found);
        assert_int_equal(w.p[i % 3].lied, 1);
        assert_int_equal(found.faults, 1);
        assert_int_equal(found.verdicts, 1);
        assert_int_equal(found.bans, 1);
        assert_memory_equal(found.banned[0], w.p[i % 3].w.key, MDL_KEY_BYTES);
        unseen += found.joined == found.same;
        assert_memory_equal(found.champion, right.champion, MDL_DIGEST_BYTES);
        stage_close(&w);
        free(right.job);
    }
    print_message("%u of 8 lies changed no answer\n", unseen);
    assert_true(unseen > 0);
}

/* Who lies and goes is found by the next, who plays its windows again: nobody else is refused for it. */
static void the_next_finds_who_is_gone(void **state) {
    (void)state;
    static const lie_kind lies[] = {LIE_SUM, LIE_BOUNDARY, LIE_STATE};
    static stage w;
    for (uint32_t i = 0; i < 6; i++) {
        search_outcome right;
        told found;
        const char *json = experiment("hmn", 2, "{\"shards\":4,\"snapshot_windows\":4}", "\"off\"");
        run_alone(json, &right);
        shard_states = 1; /* no state is kept: the next begins with the life */
        stage_open(&w, json, 3, UINT64_MAX / 64, 120 + i);
        shard_states = 0;
        w.p[i % 3].lie = lies[i % 3];
        w.p[i % 3].lie_after = 2 + i;
        w.lie_goes = 1;
        play(&w, 0, 0, 400000);
        read_ledger(&w, &right, &found);
        assert_int_equal(w.p[i % 3].lied, 1);
        assert_int_equal(found.faults, 0);
        assert_int_equal(found.verdicts, 1);
        assert_memory_equal(found.banned[0], w.p[i % 3].w.key, MDL_KEY_BYTES);
        assert_int_equal(w.refused, 0);
        assert_int_equal(found.same, found.joined);
        assert_memory_equal(found.champion, right.champion, MDL_DIGEST_BYTES);
        stage_close(&w);
        free(right.job);
    }
}

/* "auto": as few shards as memory allows. */
static void memory_cuts_networks(void **state) {
    (void)state;
    static stage w;
    search_outcome right;
    told found;
    mdl_experiment x;
    uint64_t largest[9] = {0};
    const char *json = experiment("hmn", 2, "{}", "\"off\"");
    assert_int_equal(mdl_experiment_parse((const uint8_t *)json, strlen(json), &x, NULL), MDL_OK);
    for (uint32_t shards = 1; shards <= 8; shards++) {
        uint32_t owner[MDL_REGIONS_MAX];
        mdl_balanced_cut(&x.network, shards, owner);
        for (uint32_t s = 0; s < shards; s++) {
            uint64_t bytes = mdl_player_bytes(&x, owner, s);
            largest[shards] = bytes > largest[shards] ? bytes : largest[shards];
        }
    }
    /* Three workers that have room for a third of the network each, and none for a half. */
    uint64_t memory = largest[2] - 1;
    assert_true(memory >= largest[3] && memory < 2 * largest[3]);
    run_alone(json, &right);
    stage_open(&w, json, 3, memory, 5);
    play(&w, 0, 0, 400000);
    read_ledger(&w, &right, &found);
    assert_int_equal(found.same, right.jobs);
    assert_true(found.results >= 3 * right.jobs && found.cut == 3);
    assert_memory_equal(found.champion, right.champion, MDL_DIGEST_BYTES);
    stage_close(&w);
    free(right.job);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same_answers), cmocka_unit_test(deaths_and_crashes_change_nothing),
        cmocka_unit_test(replicas_find_a_liar),           cmocka_unit_test(the_truth_convicts_nobody),
        cmocka_unit_test(inputs_do_not_change_the_truth), cmocka_unit_test(a_check_names_a_liar),
        cmocka_unit_test(the_next_finds_who_is_gone),     cmocka_unit_test(memory_cuts_networks),
    };
    cmocka_set_test_filter(getenv("SHARD_TEST"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
