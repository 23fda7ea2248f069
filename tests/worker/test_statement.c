/* A convict's statement: what it lost, and which of its units were done again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "protocol/duty.h"
#include "store/store.h"
#include "tests/support/ledger_fixture.h"
#include "worker/statement.h"

enum { HONEST = 1, LIAR = 2, ERROR = 400 };

static void append(ledger_play *p, mdl_message m) { ledger_play_append(p, &m, LEDGER_COORDINATOR); }

/* The ledger as a coordinator keeps it. */
static void write_store(const ledger_play *p, const char *directory) {
    char error[ERROR], note[300], root[64];
    mdl_store s;
    mdl_hash tree;
    mdl_merkle_edge edge = {0};
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_store_record *records = calloc(p->records, sizeof *records);
    assert_non_null(records);
    if (mdl_store_open(&s, directory, 0, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    for (size_t i = 0; i < p->blobs; i++)
        assert_int_equal(s.blob_put(&s, p->blob[i].bytes, p->blob[i].size, digest, error, sizeof error), MDL_OK);
    for (size_t i = 0; i < p->records; i++) {
        mdl_hash leaf;
        records[i] = (mdl_store_record){p->record[i].bytes, p->record[i].size, NULL};
        mdl_merkle_leaf(p->record[i].bytes, p->record[i].size, &leaf);
        assert_int_equal(mdl_merkle_append(&edge, &leaf, 1, NULL, NULL), MDL_OK);
    }
    mdl_merkle_edge_root(&edge, &tree);
    sodium_bin2base64(root, sizeof root, tree.bytes, sizeof tree.bytes, sodium_base64_VARIANT_ORIGINAL);
    int size = snprintf(note, sizeof note, "test.example/ledger\n%zu\n%s\n\n", p->records, root);
    if (s.append(&s, records, p->records, note, (size_t)size, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    mdl_store_close(&s);
    free(records);
}

static const mdl_statement_line *line_of(const mdl_statement *s, uint64_t record) {
    for (size_t i = 0; i < s->count; i++)
        if (s->line[i].recorded && s->line[i].record == record)
            return &s->line[i];
    fail_msg("record %llu is in no line", (unsigned long long)record);
    return NULL;
}

static void corrections_are_named(void **state) {
    (void)state;
    char json[1024], directory[300], command[320], error[ERROR], text[200];
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-test-XXXXXX", root && root[0] ? root : ".");
    ledger_play p;
    uint32_t worker;
    uint64_t record[3], again[3];
    ledger_verified_experiment("{\"floor_ppm\":0,\"plant_ppm\":0,\"probation\":0,\"selected\":0}", json, sizeof json);
    ledger_play_open(&p, json, "open 0", 0);
    for (uint32_t i = HONEST; i <= LIAR; i++)
        append(&p, ledger_play_admit(&p, i));
    for (int i = 0; i < 3; i++)
        record[i] = ledger_play_answer(&p, LIAR, i != 1);
    ledger_play_finish(&p, HONEST);
    ledger_play_answer(&p, LIAR, 1);
    mdl_message m = ledger_play_check(&p, 1);
    assert_int_equal(m.type, MDL_MSG_VERDICT);
    append(&p, m);
    for (int i = 0; i < 3; i++) { /* oldest first */
        const mdl_ledger_unit *unit = mdl_ledger_owed_first(p.ledger, &worker);
        assert_int_equal(unit->record, record[i]);
        m = ledger_play_correction(&p, worker, unit);
        again[i] = ledger_play_append(&p, &m, LEDGER_COORDINATOR);
    }
    ledger_play_finish(&p, HONEST);
    assert_non_null(mkdtemp(directory));
    write_store(&p, directory);

    mdl_statement s = {0};
    s.line = calloc(1, sizeof *s.line);
    assert_non_null(s.line);
    s.count = s.room = 1;
    memcpy(s.line[0].worker, p.key[LIAR], sizeof s.line[0].worker);
    s.line[0].state = MDL_EARNED_STALE; /* all that it kept: who it is */
    if (mdl_statement_ledger(&s, directory, error, sizeof error) != MDL_OK)
        fail_msg("%s", error);
    for (int i = 0; i < 3; i++) {
        const mdl_statement_line *l = line_of(&s, record[i]);
        assert_int_equal(l->state, MDL_EARNED_TAKEN_BACK);
        snprintf(text, sizeof text, "done again by record %llu, and found %s", (unsigned long long)again[i],
                 i == 1 ? "right" : "wrong");
        if (!strstr(l->why, text) || !strstr(l->why, "convicts this worker"))
            fail_msg("\"%s\" without \"%s\"", l->why, text);
    }
    uint32_t named = 0;
    for (size_t i = 0; i < s.count; i++)
        named += strstr(s.line[i].why, "done again") != NULL;
    assert_int_equal(named, 3);
    mdl_statement_close(&s);
    ledger_play_close(&p);
    snprintf(command, sizeof command, "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(corrections_are_named)};
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
