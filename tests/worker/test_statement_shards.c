/* Statements of workers that played shards: each shard that was joined is a line, paid or not, and the
 * ledger's credit is the sum of them. */
#include <unistd.h>

#include "store/store.h"
#include "tests/coordinator/shard_world.h"
#include "worker/statement.h"

enum { ERROR = 400 };

static stage world;
static char directory[300];

/* The ledger as a coordinator keeps it. */
static void write_store(void) {
    char error[ERROR], note[300], root[64];
    mdl_store s;
    mdl_hash tree;
    mdl_merkle_edge edge;
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_store_record *records = calloc(world.s.records, sizeof *records);
    assert_non_null(records);
    memset(&edge, 0, sizeof edge);
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-test-XXXXXX", base && base[0] ? base : ".");
    assert_non_null(mkdtemp(directory));
    if (mdl_store_open(&s, directory, 0, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    for (size_t i = 0; i < world.s.blobs; i++)
        assert_int_equal(s.blob_put(&s, world.s.blob[i].at, world.s.blob[i].size, digest, error, sizeof error), MDL_OK);
    for (size_t i = 0; i < world.s.records; i++) {
        mdl_hash leaf;
        records[i] = (mdl_store_record){world.s.record[i].at, world.s.record[i].size, NULL};
        mdl_merkle_leaf(records[i].bytes, records[i].size, &leaf);
        assert_int_equal(mdl_merkle_append(&edge, &leaf, 1, NULL, NULL), MDL_OK);
    }
    mdl_merkle_edge_root(&edge, &tree);
    sodium_bin2base64(root, sizeof root, tree.bytes, sizeof tree.bytes, sodium_base64_VARIANT_ORIGINAL);
    int size = snprintf(note, sizeof note, "test.example/ledger\n%zu\n%s\n\n", world.s.records, root);
    if (s.append(&s, records, world.s.records, note, (size_t)size, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_store_close(&s);
    free(records);
}

/* What the ledger says of a worker that has kept nothing but its key. */
static mdl_statement_totals ask(uint32_t who, mdl_statement *s) {
    char error[ERROR];
    mdl_statement_totals totals;
    memset(s, 0, sizeof *s);
    s->line = calloc(1, sizeof *s->line);
    assert_non_null(s->line);
    s->count = s->room = 1;
    memcpy(s->line[0].worker, world.p[who].w.key, sizeof s->line[0].worker);
    s->line[0].state = MDL_EARNED_STALE;
    if (mdl_statement_ledger(s, directory, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_statement_add(s, &totals);
    return totals;
}

static void play_out(const char *verification, const char *sharding, uint32_t players, uint32_t liar, lie_kind lie,
                     uint32_t deaths) {
    stage_open_small(&world, sharding, verification, players);
    world.p[liar].lie = lie;
    world.p[liar].lie_after = 5;
    play(&world, deaths, 0, 200000);
    write_store();
}

static void close_all(void) {
    char command[320];
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
    stage_close(&world);
}

static uint64_t credit_of(uint32_t who) {
    const mdl_ledger *l = mdl_coordinator_ledger(world.s.logic);
    return mdl_ledger_worker_find(l, world.p[who].w.key)->credit;
}

static void shards_are_paid(void **state) {
    (void)state;
    static const char *const verification[] = {"\"off\"", "{\"probation\":1,\"plant_ppm\":0}"};
    for (uint32_t v = 0; v < 2; v++) {
        uint32_t paid = 0;
        play_out(verification[v], "{\"shards\":3,\"snapshot_windows\":4}", 3, 0, LIE_NONE, 80);
        for (uint32_t i = 0; i < world.players; i++) {
            mdl_statement s;
            mdl_statement_totals t = ask(i, &s);
            assert_true(credit_of(i) > 0);
            assert_true(t.updates[MDL_EARNED_PAID] == credit_of(i));
            assert_true(t.results[MDL_EARNED_PENDING] == 0);
            paid += (uint32_t)t.results[MDL_EARNED_PAID];
            for (size_t k = 0; k < s.count; k++) {
                assert_true(s.line[k].state != MDL_EARNED_TAKEN_BACK || strstr(s.line[k].why, "others had done"));
                assert_null(strstr(s.line[k].why, "convicts"));
            }
            mdl_statement_close(&s);
        }
        assert_int_equal(paid, 3 * 9); /* 9 jobs */
        close_all();
    }
}

/* Work on what another's lie made false is in the lines too; the liar's are taken back. */
static void spent_windows_are_paid(void **state) {
    (void)state;
    play_out("\"off\"", "{\"shards\":3,\"snapshot_windows\":4,\"replicas\":2}", 4, 1, LIE_SUM, 0);
    assert_int_equal(world.p[1].lied, 1);
    assert_true(mdl_ledger_worker_find(mdl_coordinator_ledger(world.s.logic), world.p[1].w.key)->verdict > 0);
    for (uint32_t i = 0; i < world.players; i++) {
        mdl_statement s;
        mdl_statement_totals t = ask(i, &s);
        assert_true(t.updates[MDL_EARNED_PAID] == credit_of(i));
        for (size_t k = 0; i == 1 && k < s.count; k++) {
            assert_int_not_equal(s.line[k].state, MDL_EARNED_PAID);
        }
        mdl_statement_close(&s);
    }
    close_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shards_are_paid), cmocka_unit_test(spent_windows_are_paid)};
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
