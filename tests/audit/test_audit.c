/* What the auditor finds, in an honest ledger and in one that a mirror or a disk has changed. */
#include "tests/audit/honest.h"

#include <cjson/cJSON.h>

#include "protocol/unit.h"
#include "tests/support/vectors.h"

/* ---- an honest ledger ---- */

static void test_honest(void **state) {
    (void)state;
    char path[512];
    directory_make(in_directory(path, "honest"), &honest);
    audit_directory(path, 1, &report);
    expect_clean(&report);
    uint64_t results = 0, credit = 0;
    for (size_t i = 0; i < honest.records; i++)
        results += honest.record[i].type == MDL_MSG_RESULT;
    assert_int_equal(report.size, honest.records);
    assert_int_equal(report.records, honest.records);
    assert_int_equal(report.applied, honest.records);
    assert_int_equal(report.signatures, honest.records);
    assert_int_equal(report.checkpoints, (honest.records + BATCH - 1) / BATCH);
    assert_true(report.tiles >= 1);
    assert_int_equal(report.generations, 3);
    assert_int_equal(report.ended, 1);
    assert_int_equal(report.results, results);
    assert_int_equal(report.units, results);
    assert_int_equal(report.jobs, 8 + 10 + 10);
    assert_int_equal(report.wrong, 0);
    assert_int_equal(report.confident, 1);
    assert_true(report.updates > 0);
    for (uint32_t i = 0; i < report.credits; i++)
        credit += report.credit[i].updates;
    assert_int_equal(credit, report.credit_updates);
    assert_int_equal(credit, report.updates); /* every result is used, so what was paid is what was computed again */

    const uint8_t *genome;
    size_t size;
    assert_true(report.has_champion);
    assert_int_equal(honest.source.get(honest.source.ctx, report.champion.genome, &genome, &size), MDL_OK);
    assert_int_equal(size, 4 * mdl_ledger_genes(honest.ledger));
    done();
}

static void test_report(void **state) {
    (void)state;
    audit_records(&honest, honest.record, honest.records, 0.5);
    char *text = mdl_audit_json(&report), *human = mdl_audit_text(&report);
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    assert_non_null(strstr(human, "nothing false was found"));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "ok")));
    const cJSON *c = cJSON_GetObjectItemCaseSensitive(root, "checkpoint");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(c, "size")->valueint, (int)honest.records);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(root, "credits")), 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(root, "findings")), 0);
    c = cJSON_GetObjectItemCaseSensitive(root, "confidence");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(c, "wrong_results_found_with_99_percent")->valueint, 7);
    cJSON_Delete(root);
    free(text);
    free(human);
    done();

    mdl_audit_add(&report, 12, MDL_RULE_CLOSE, "found outside");
    text = mdl_audit_json(&report);
    human = mdl_audit_text(&report);
    root = cJSON_Parse(text);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root, "ok")));
    c = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "findings"), 0);
    assert_string_equal(cJSON_GetObjectItemCaseSensitive(c, "rule")->valuestring, "CLOSE");
    assert_int_equal(cJSON_GetObjectItemCaseSensitive(c, "record")->valueint, 12);
    assert_non_null(strstr(human, "record 12, rule CLOSE: found outside"));
    cJSON_Delete(root);
    free(text);
    free(human);
    done();
}

static void draw_vector(void *ctx, size_t count, char **field) {
    mdl_hash root;
    (void)ctx;
    assert_int_equal(count, 5);
    memset(&root, (int)vectors_u64(field[0]), sizeof root);
    if (mdl_audit_drawn(&root, vectors_u64(field[1]), vectors_f64(field[3]), vectors_u64(field[2])) !=
        (int)vectors_u64(field[4]))
        fail_msg("draw of %s %s %s %s", field[0], field[1], field[2], field[3]);
}

static void confidence_vector(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 2);
    assert_int_equal(mdl_audit_confident(vectors_f64(field[0])), vectors_u64(field[1]));
}

static void test_vectors(void **state) {
    (void)state;
    assert_true(vectors_load("audit-draws", draw_vector, NULL) > 20);
    assert_true(vectors_load("audit-confidence", confidence_vector, NULL) > 5);
}

/* The table of rules in the document is the one of the header. */
static void test_document(void **state) {
    static char text[1 << 16], row[512];
    (void)state;
    FILE *f = fopen("docs/PROTOCOL.md", "r");
    assert_non_null(f);
    for (int rule = MDL_AUDIT_CHECKPOINT; rule <= MDL_AUDIT_RECOMPUTE; rule++) {
        int found = 0;
        snprintf(row, sizeof row, "| %d | %s | %s |", rule, mdl_audit_rule_name(rule), mdl_audit_rule_sentence(rule));
        rewind(f);
        while (!found && fgets(text, sizeof text, f))
            found = strncmp(text, row, strlen(row)) == 0;
        if (!found)
            fail_msg("not in the document: %s", row);
    }
    fclose(f);
    assert_string_equal(mdl_audit_rule_name(10), "CLOSE");
    assert_non_null(mdl_audit_rule_sentence(-1));
}

/* Draws: about the share that was asked for, the same for the same seed and root, others for others. */
static void test_draws(void **state) {
    (void)state;
    mdl_hash a = {{1}}, b = {{2}};
    uint32_t drawn = 0, other_root = 0, other_seed = 0;
    enum { N = 20000 };
    for (uint64_t i = 0; i < N; i++) {
        int d = mdl_audit_drawn(&a, 5, 0.1, i);
        drawn += (uint32_t)d;
        other_root += d && mdl_audit_drawn(&b, 5, 0.1, i);
        other_seed += d && mdl_audit_drawn(&a, 6, 0.1, i);
        assert_int_equal(mdl_audit_drawn(&a, 5, 0, i), 0);
        assert_int_equal(mdl_audit_drawn(&a, 5, 1, i), 1);
        assert_int_equal(mdl_audit_drawn(&a, 5, 0.1, i), d);
    }
    /* Binomial: 2000 +- 5 x 42.4; of those again a tenth: 200 +- 5 x 14.1. */
    assert_in_range(drawn, 1788, 2212);
    assert_in_range(other_root, 129, 271);
    assert_in_range(other_seed, 129, 271);

    uint64_t want = 0;
    mdl_audit_source s = source_make(&honest, honest.record, honest.records);
    audit_source(&s, 0.4, &report);
    expect_clean(&report);
    for (size_t i = 0; i < honest.records; i++)
        want += honest.record[i].type == MDL_MSG_RESULT && mdl_audit_drawn(&report.root, 5, 0.4, i);
    assert_int_equal(report.units, want);
    assert_true(want > 0 && want < report.results);
    done();
}

/* Every beginning of an honest ledger is honest: a coordinator may be at work. */
static void test_beginnings(void **state) {
    (void)state;
    for (size_t count = 1; count < honest.records; count++) {
        audit_records(&honest, honest.record, count, count % 8 == 0);
        expect_clean(&report);
        assert_int_equal(report.applied, count);
        assert_int_equal(report.ended, 0);
        done();
    }
}

/* ---- a source that lies, or has rotted ---- */

typedef struct liar {
    mdl_audit_source inner;
    mdl_audit_visit visit;
    void *visit_ctx;
    uint64_t record, bit; /* flipped */
    int passes, fail;     /* records() fails with this error at pass `passes` */
    uint32_t tile;        /* 1: flip a bit in every hash tile */
} liar;

static mdl_err flip(void *ctx, uint64_t number, const uint8_t *bytes, size_t size) {
    static uint8_t copy[MDL_STORE_RECORD_MAX];
    liar *l = ctx;
    if (number != l->record)
        return l->visit(l->visit_ctx, number, bytes, size);
    memcpy(copy, bytes, size);
    copy[l->bit / 8 % size] ^= (uint8_t)(1u << l->bit % 8);
    return l->visit(l->visit_ctx, number, copy, size);
}

static mdl_err liar_records(void *ctx, uint64_t size, uint64_t from, uint64_t to, mdl_audit_visit visit,
                            void *visit_ctx, char *error, size_t error_size) {
    liar *l = ctx;
    l->visit = visit;
    l->visit_ctx = visit_ctx;
    if (l->fail && l->passes-- == 0) {
        snprintf(error, error_size, "the source failed");
        return (mdl_err)l->fail;
    }
    return l->inner.records(l->inner.ctx, size, from, to, flip, l, error, error_size);
}

static mdl_err liar_hashes(void *ctx, uint32_t level, uint64_t index, uint32_t width, mdl_hash *out, char *error,
                           size_t error_size) {
    liar *l = ctx;
    mdl_err err = l->inner.hashes(l->inner.ctx, level, index, width, out, error, error_size);
    if (l->tile)
        out[width - 1].bytes[3] ^= 4;
    return err;
}

static mdl_err liar_checkpoint(void *ctx, char note[MDL_NOTE_MAX], size_t *size, char *error, size_t error_size) {
    liar *l = ctx;
    return l->inner.checkpoint(l->inner.ctx, note, size, error, error_size);
}

static mdl_err liar_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], uint8_t **bytes, size_t *size, char *error,
                         size_t error_size) {
    liar *l = ctx;
    return l->inner.blob(l->inner.ctx, digest, bytes, size, error, error_size);
}

static mdl_audit_source liar_source(liar *l) {
    return (mdl_audit_source){l, liar_checkpoint, NULL, liar_records, liar_hashes, liar_blob, NULL, NULL, NULL};
}

/* Any bit of any record, changed by whoever serves it: the record is named, twice. */
static void test_flipped_by_a_mirror(void **state) {
    (void)state;
    uint64_t seed = 1;
    liar l = {.inner = source_make(&honest, honest.record, honest.records)};
    for (l.record = 0; l.record < honest.records; l.record++)
        for (int i = 0; i < 3; i++) {
            mdl_audit_source s = liar_source(&l);
            l.bit = next_random(&seed) % (8 * honest.record[l.record].size);
            audit_source(&s, 0, &report);
            expect_finding(&report, MDL_AUDIT_TREE, l.record);
            assert_int_equal(report.findings, 2); /* and a rule of the fold, at the same record */
            assert_int_equal(report.finding[1].record, l.record);
            assert_true(report.finding[1].rule == MDL_RULE_FORM || report.finding[1].rule == MDL_RULE_SIGNATURE);
            done();
        }
    mdl_audit_source_close(&l.inner);
}

/* The same in the database. */
static void test_flipped_on_disk(void **state) {
    (void)state;
    char path[512];
    uint64_t seed = 2;
    directory_make(in_directory(path, "flipped"), &honest);
    for (size_t k = 0; k < honest.records; k++)
        for (int i = 0; i < 2; i++) {
            uint8_t *bytes;
            ledger_record *record = spoil(k, &bytes);
            uint64_t bit = next_random(&seed) % (8 * record[k].size);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            sql(path, "UPDATE record SET bytes = ?2 WHERE idx = ?1", (sqlite3_int64)k, bytes, record[k].size);
            audit_directory(path, 0, &report);
            expect_finding(&report, MDL_AUDIT_MISSING, k);
            done();
            sql(path, "UPDATE record SET bytes = ?2 WHERE idx = ?1", (sqlite3_int64)k, honest.record[k].bytes,
                honest.record[k].size);
            free(bytes);
            free(record);
        }
    audit_directory(path, 0, &report);
    expect_clean(&report);
    done();

    /* With its leaf hash, so that the store itself sees nothing wrong. */
    uint8_t *bytes;
    ledger_record *record = spoil(9, &bytes);
    mdl_hash leaf;
    bytes[100] ^= 1;
    mdl_merkle_leaf(bytes, record[9].size, &leaf);
    sql(path, "UPDATE record SET bytes = ?2 WHERE idx = ?1", 9, bytes, record[9].size);
    sql(path, "UPDATE record SET leaf = ?2 WHERE idx = ?1", 9, &leaf, sizeof leaf);
    audit_directory(path, 0, &report);
    assert_true(report.findings > 0);
    done();
    free(bytes);
    free(record);
}

static void test_tile_changed(void **state) {
    (void)state;
    liar l = {.inner = source_make(&honest, honest.record, honest.records), .record = UINT64_MAX, .tile = 1};
    mdl_audit_source s = liar_source(&l);
    audit_source(&s, 0, &report);
    expect_finding(&report, MDL_AUDIT_TILE, MDL_AUDIT_NO_RECORD);
    assert_int_equal(report.findings, 1);
    done();
    mdl_audit_source_close(&l.inner);
}

/* What cannot be read is no falsehood. */
static void test_unreadable(void **state) {
    (void)state;
    char error[ERROR] = "";
    mdl_audit_options o = options_make(1);
    for (int pass = 0; pass < 2; pass++) {
        liar l = {.inner = source_make(&honest, honest.record, honest.records), .record = UINT64_MAX};
        mdl_audit_source s = liar_source(&l);
        l.fail = MDL_EIO;
        l.passes = pass;
        assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_EIO);
        assert_string_equal(error, "the source failed");
        assert_int_equal(report.findings, 0);
        done();
        mdl_audit_source_close(&l.inner);
    }
    mdl_store empty;
    mdl_audit_source s;
    assert_int_equal(mdl_store_open_memory(&empty, error, sizeof error), MDL_OK);
    assert_int_equal(mdl_audit_open_store(&s, &empty), MDL_OK);
    assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_ENOENT);
    mdl_audit_source_close(&s);
    done();
}

/* ---- checkpoints ---- */

/* A checkpoint of `size` that this log signed, over other records. */
static size_t fork_note(char *note, size_t capacity, uint64_t size) {
    mdl_hash root = {{0x77}};
    return note_sign(note, capacity, size, &root);
}

static void audit_other(const char *note, size_t size) {
    char error[ERROR] = "";
    mdl_audit_source s = source_make(&honest, honest.record, honest.records);
    mdl_audit_options o = options_make(0);
    o.other[o.others++] = (mdl_text){note, size};
    assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_OK);
    mdl_audit_source_close(&s);
}

static void test_forked(void **state) {
    (void)state;
    char note[1024], path[512];
    /* Seen elsewhere: the same size, an older one, a larger one. */
    uint64_t sizes[] = {honest.records, 17, 1};
    for (size_t i = 0; i < 3; i++) {
        audit_other(note, fork_note(note, sizeof note, sizes[i]));
        const mdl_audit_finding *f = expect_finding(&report, MDL_AUDIT_FORK, MDL_AUDIT_NO_RECORD);
        expect_culprit(f, &honest, LOG_SIGNER, "the log");
        assert_int_equal(report.findings, 1);
        done();
    }
    audit_other(note, fork_note(note, sizeof note, honest.records + 1));
    expect_culprit(expect_finding(&report, MDL_AUDIT_MISSING, MDL_AUDIT_NO_RECORD), &honest, LOG_SIGNER, "the log");
    done();
    /* One that agrees is none. */
    mdl_merkle_edge edge;
    memset(&edge, 0, sizeof edge);
    for (size_t i = 0; i < 10; i++) {
        mdl_hash leaf;
        mdl_merkle_leaf(honest.record[i].bytes, honest.record[i].size, &leaf);
        mdl_merkle_append(&edge, &leaf, 1, NULL, NULL);
    }
    mdl_hash root;
    mdl_merkle_edge_root(&edge, &root);
    size_t size = note_sign(note, sizeof note, 10, &root);
    audit_other(note, size);
    expect_clean(&report);
    done();
    /* Not signed by the log: the question is wrong, not the ledger. */
    char error[ERROR];
    mdl_audit_options o = options_make(0);
    mdl_audit_source s = source_make(&honest, honest.record, honest.records);
    note[size - 10] = note[size - 10] == 'A' ? 'B' : 'A';
    o.other[o.others++] = (mdl_text){note, size};
    assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_ESIGNATURE);
    mdl_audit_source_close(&s);
    done();

    /* Kept in the store itself, between those that agree. */
    directory_make(in_directory(path, "forked"), &honest);
    size = fork_note(note, sizeof note, 2 * BATCH);
    sql(path, "UPDATE checkpoint SET note = ?2 WHERE size = ?1", 2 * BATCH, note, size);
    audit_directory(path, 0, &report);
    expect_culprit(expect_finding(&report, MDL_AUDIT_FORK, MDL_AUDIT_NO_RECORD), &honest, LOG_SIGNER, "the log");
    assert_int_equal(report.applied, honest.records);
    done();
    /* A checkpoint kept for a size that is not its own. */
    size = fork_note(note, sizeof note, 3);
    sql(path, "UPDATE checkpoint SET note = ?2 WHERE size = ?1", 2 * BATCH, note, size);
    audit_directory(path, 0, &report);
    expect_finding(&report, MDL_AUDIT_CHECKPOINT, MDL_AUDIT_NO_RECORD);
    done();
    /* The newest one replaced: the records have another root than it. */
    size = fork_note(note, sizeof note, honest.records);
    sql(path, "UPDATE checkpoint SET note = ?2 WHERE size = ?1", (sqlite3_int64)honest.records, note, size);
    audit_directory(path, 0, &report);
    assert_true(report.findings > 0);
    done();
}

static void test_checkpoint_forged(void **state) {
    (void)state;
    char error[ERROR];
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
    mdl_audit_options o = options_make(1);
    /* Another log's key. */
    ledger_key(3, key, secret);
    assert_int_equal(mdl_vkey_make(mdl_text_of("example.org/ledger"), MDL_NOTE_TYPE_ED25519, key, &o.log), MDL_OK);
    mdl_audit_source s = source_make(&honest, honest.record, honest.records);
    assert_int_equal(mdl_audit_run(&s, &o, &report, error, sizeof error), MDL_OK);
    expect_finding(&report, MDL_AUDIT_CHECKPOINT, MDL_AUDIT_NO_RECORD);
    assert_int_equal(report.records, 0);
    done();
    mdl_audit_source_close(&s);

    /* Another origin than the genesis names. */
    log_key_make("example.org/another");
    audit_records(&honest, honest.record, honest.records, 0);
    expect_culprit(expect_finding(&report, MDL_AUDIT_ORIGIN, 0), &honest, LEDGER_COORDINATOR,
                   "a key that was not admitted");
    log_key_make("example.org/ledger");
    done();
}

/* ---- blobs ---- */

static void blob_path(char out[700], const char *path, const uint8_t *digest) {
    char hex[MDL_DIGEST_HEX];
    mdl_hex(digest, MDL_DIGEST_BYTES, hex);
    snprintf(out, 700, "%s/blobs/%.2s/%s", path, hex, hex);
}

static void test_blobs(void **state) {
    (void)state;
    char path[512], file[700], aside[720];
    directory_make(in_directory(path, "blobs"), &honest);
    uint32_t named = 0;
    for (size_t i = 0; i < honest.blobs; i++) {
        const ledger_blob *b = &honest.blob[i];
        blob_path(file, path, b->digest);
        snprintf(aside, sizeof aside, "%s.aside", file);
        assert_int_equal(rename(file, aside), 0);
        audit_directory(path, 0, &report);
        if (report.findings == 0) { /* stored by the test of a lie, named by no record */
            assert_int_equal(i, honest.blobs - 1);
            done();
            continue;
        }
        named++;
        assert_int_equal(report.findings, 1);
        assert_int_equal(report.finding[0].rule, MDL_RULE_BLOB);
        expect_culprit(&report.finding[0], &honest, LEDGER_COORDINATOR, "the coordinator");
        done();
        FILE *f = fopen(file, "wb");
        assert_non_null(f);
        for (size_t k = 0; k < b->size; k++)
            fputc(b->bytes[k] ^ (k == b->size / 2), f);
        assert_int_equal(fclose(f), 0);
        audit_directory(path, 0, &report);
        assert_int_equal(report.findings, 1);
        assert_int_equal(report.finding[0].rule, MDL_RULE_BLOB);
        done();
        assert_int_equal(rename(aside, file), 0);
    }
    assert_int_equal(named, 1 + 3 + 3 + 1); /* document, fitnesses, credits, genome */
    audit_directory(path, 0, &report);
    expect_clean(&report);
    assert_int_equal(report.blobs, named);
    done();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_honest),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_draws),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_beginnings),
        cmocka_unit_test(test_flipped_by_a_mirror),
        cmocka_unit_test(test_flipped_on_disk),
        cmocka_unit_test(test_tile_changed),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_forked),
        cmocka_unit_test(test_checkpoint_forged),
        cmocka_unit_test(test_blobs),
    };
    return cmocka_run_group_tests(tests, play_honest, close_honest);
}
