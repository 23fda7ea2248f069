/* Fair shares: how shards spread over workers that come at once, of different threads and memory, and over one that
 * comes later. */
#include "tests/coordinator/shard_world.h"

enum { JOBS = 9, SHARDS = 2 };

/* Lives of some 20 windows; nine jobs of two shards. */
static const char experiment[] =
    "{\"name\":\"shares\",\"seed\":\"11\",\"model\":\"hmn\",\"task\":{\"name\":\"bandit\",\"trials\":10},"
    "\"network\":{\"regions\":4,\"neurons\":12,\"ring\":4,\"sources\":2,\"listen\":4,\"fan_in\":3,\"window\":2},"
    "\"evolution\":{\"generations\":1,\"episodes\":3,\"validate_every\":1,\"validate_episodes\":1,"
    "\"islands\":[{\"algorithm\":\"ga\",\"population\":8}]},"
    "\"verification\":\"off\",\"sharding\":{\"shards\":2,\"snapshot_windows\":4},\"test_episodes\":1}\n";

static uint32_t holds(const player *p) {
    uint32_t sum = 0;
    for (int i = 0; i < HELD_MAX; i++) {
        sum += p->held[i].used != 0;
    }
    return sum;
}

static uint32_t held_by_all(const stage *w) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < w->players; i++) {
        sum += holds(&w->p[i]);
    }
    return sum;
}

/* Leases that ended early. */
static uint32_t given_up(const stage *w) {
    const mdl_ledger_lease *l;
    uint32_t sum = 0, count = mdl_ledger_leases(mdl_coordinator_ledger(w->s.logic), &l);
    for (uint32_t i = 0; i < count; i++) {
        sum += l[i].state == MDL_LEASE_EXPIRED;
    }
    return sum;
}

static void turns(stage *w, uint64_t until_ms) {
    for (uint32_t i = 0; w->s.now_ms < until_ms; i++) {
        assert_true(i < 100000);
        turn(w, 0, 0);
    }
}

/* All jobs are begun, and every shard has somebody. */
static void deal(stage *w) {
    for (uint32_t i = 0; held_by_all(w) < JOBS * SHARDS; i++) {
        assert_true(i < 20000);
        turn(w, 0, 0);
    }
}

/* Play it to its end. Whoever played what: the same champion. */
static void same_champion(stage *w) {
    static float first[4096];
    static size_t genes;
    float genome[4096];
    for (uint32_t i = 0; i < w->players; i++) {
        w->p[i].slow_ms = 0;
    }
    play(w, 0, 0, 400000);
    const mdl_evolution *e = mdl_ledger_evolution(mdl_coordinator_ledger(w->s.logic));
    assert_true(w->life->layout.genes <= 4096);
    assert_int_equal(mdl_evolution_champion(e, UINT32_MAX, genome, NULL, NULL, NULL), MDL_OK);
    if (genes == 0) {
        genes = w->life->layout.genes;
        memcpy(first, genome, genes * sizeof *genome);
    }
    assert_memory_equal(genome, first, genes * sizeof *genome);
}

static void slow(stage *w, uint64_t window_ms) {
    for (uint32_t i = 0; i < w->players; i++) {
        w->p[i].slow_ms = window_ms;
    }
}

static void equals_take_as_many(void **state) {
    (void)state;
    static stage w;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        uint32_t both = 0;
        stage_open(&w, experiment, 2, UINT64_MAX / 64, seed);
        slow(&w, 400);
        deal(&w);
        assert_in_range(holds(&w.p[0]), JOBS - 1, JOBS + 1);
        for (int i = 0; i < HELD_MAX; i++) {
            for (int k = 0; k < HELD_MAX; k++) {
                const held *a = &w.p[0].held[i], *b = &w.p[0].held[k];
                both += a->used && b->used && a->grant.job == b->grant.job && a->grant.shard < b->grant.shard ? 1 : 0;
            }
        }
        assert_in_range(both, 0, 3); /* a job's two shards run at the same time, not one after the other */
        assert_int_equal(given_up(&w), 0);
        same_champion(&w);
        stage_close(&w);
    }
}

static void threads_count(void **state) {
    (void)state;
    static stage w;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        stage_open(&w, experiment, 2, UINT64_MAX / 64, seed);
        w.p[seed % 2].threads = 5;
        slow(&w, 400);
        deal(&w);
        assert_in_range(holds(&w.p[seed % 2]), 14, 16); /* 15 of 18 */
        assert_int_equal(given_up(&w), 0);
        same_champion(&w);
        stage_close(&w);
    }
}

/* One that has room for three shards does not keep the others from the rest. */
static void memory_bounds_a_share(void **state) {
    (void)state;
    static stage w;
    mdl_experiment x;
    uint32_t owner[MDL_REGIONS_MAX];
    assert_int_equal(mdl_experiment_parse((const uint8_t *)experiment, strlen(experiment), &x, NULL), MDL_OK);
    mdl_balanced_cut(&x.network, SHARDS, owner);
    uint64_t a = mdl_player_bytes(&x, owner, 0), b = mdl_player_bytes(&x, owner, 1), most = a > b ? a : b;
    stage_open(&w, experiment, 2, UINT64_MAX / 64, 7);
    w.p[1].memory = 3 * most + most / 8;
    slow(&w, 400);
    deal(&w);
    assert_in_range(holds(&w.p[1]), 3, 3);
    assert_int_equal(given_up(&w), 0);
    same_champion(&w);
    stage_close(&w);
}

/* Who comes later gets shards of the one that has all: those that are not begun at once, others from their states, one
 * every two seconds. Few leases end for it, and then no more. */
static void a_late_worker_gets_its_share(void **state) {
    (void)state;
    static stage w;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        uint32_t begun = seed % 2 == 0, least = begun ? 4 : JOBS - 2;
        stage_open(&w, experiment, 2, UINT64_MAX / 64, seed);
        slow(&w, 1000);
        w.p[1].gone = 1;
        deal(&w);
        assert_int_equal(holds(&w.p[0]), JOBS * SHARDS);
        turns(&w, w.s.now_ms + (begun ? 2500 : 0)); /* all of them have played a window, or none has */
        w.p[1].gone = 0;
        turns(&w, w.s.now_ms + 1000);
        assert_true(begun ? holds(&w.p[1]) == 0 : holds(&w.p[1]) >= 2);
        for (uint32_t i = 0; holds(&w.p[1]) < least; i++) {
            assert_true(i < 10000);
            turn(&w, 0, 0);
        }
        assert_in_range(given_up(&w), least, JOBS + 1);
        assert_true(!begun || w.states > 0); /* others began with a life */
        assert_true(w.silent <= 2 * JOBS);
        print_message("%u leases given up, %u states taken up, %u windows played again after %llu ms\n", given_up(&w),
                      w.states, w.silent, (unsigned long long)w.s.now_ms);
        turns(&w, w.s.now_ms + 5000);
        assert_in_range(given_up(&w), least, JOBS + 1); /* no more than that */
        same_champion(&w);
        stage_close(&w);
    }
}

/* A worker that asked and was killed is waited for a second, no longer. */
static void the_dead_are_not_waited_for(void **state) {
    (void)state;
    static stage w;
    stage_open(&w, experiment, 2, UINT64_MAX / 64, 3);
    slow(&w, 400);
    for (uint32_t i = 0; holds(&w.p[1]) == 0; i++) {
        assert_true(i < 1000);
        turn(&w, 0, 0);
    }
    w.p[1].gone = 1;
    uint64_t since = w.s.now_ms;
    for (uint32_t i = 0; holds(&w.p[0]) < JOBS; i++) {
        assert_true(i < 1000);
        turn(&w, 0, 0);
    }
    assert_true(w.s.now_ms - since < 4000);
    same_champion(&w);
    stage_close(&w);
}

int main(void) {
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_take_as_many),         cmocka_unit_test(threads_count),
        cmocka_unit_test(memory_bounds_a_share),       cmocka_unit_test(a_late_worker_gets_its_share),
        cmocka_unit_test(the_dead_are_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
