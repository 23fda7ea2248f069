/* Units: what a job's digest covers, from the text of PROTOCOL section 6.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/ledger_fixture.h"
#include "tests/support/search.h"
#include "tests/support/vectors.h"

static void put_le(const mdl_sink *sink, uint64_t v, uint32_t bytes) {
    uint8_t out[8];
    for (uint32_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    sink->write(sink->ctx, out, bytes);
}

/* The text of the document, with no function of unit.c. */
static void by_the_text(search *s, uint32_t index, mdl_job_result *out) {
    mdl_digest d, end;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_job job;
    mdl_evolution_job(s->e, index, &job, s->genome);
    sink.write(sink.ctx, "modulon segment v3", 18);
    put_le(&sink, job.generation, 4);
    put_le(&sink, index, 4);
    put_le(&sink, job.episodes, 4);
    out->fitness = 0;
    out->updates = 0;
    for (uint32_t i = 0; i < job.episodes; i++) {
        int train = job.kind == MDL_JOB_TRAIN;
        mdl_life_genome(s->life, s->genome);
        mdl_life_begin(
            s->life,
            mdl_life_key(s->x.seed, train ? MDL_STREAM_TRAIN : MDL_STREAM_VALIDATE, train ? job.generation : 0, i), i,
            train ? MDL_PART_TRAIN : MDL_PART_VALIDATE);
        while (mdl_life_window(s->life)) {
        }
        int64_t fitness = mdl_task_fitness(&s->life->conductor.task);
        uint64_t updates = (uint64_t)s->life->conductor.windows * s->x.network.window * s->life->conductor.synapses;
        uint8_t digest[MDL_DIGEST_BYTES];
        mdl_digest_init(&end);
        mdl_sink inner = mdl_digest_sink(&end);
        mdl_modulation_save(&s->life->conductor.modulation[0], &inner);
        for (uint32_t r = 0; i + 1 == job.episodes && r < s->x.network.regions; r++) {
            mdl_digest of_region;
            mdl_digest_init(&of_region);
            mdl_sink bytes = mdl_digest_sink(&of_region);
            mdl_life_save_region(s->life, 0, r, &bytes);
            mdl_digest_final(&of_region, digest);
            inner.write(inner.ctx, digest, sizeof digest);
        }
        mdl_digest_final(&end, digest);
        put_le(&sink, s->life->conductor.windows, 4);
        put_le(&sink, (uint64_t)fitness, 8);
        put_le(&sink, updates, 8);
        sink.write(sink.ctx, digest, sizeof digest);
        out->fitness += fitness;
        out->updates += updates;
    }
    put_le(&sink, (uint64_t)out->fitness, 8);
    put_le(&sink, out->updates, 8);
    mdl_digest_final(&d, out->segment);
}

static void same_result(const mdl_job_result *a, const mdl_job_result *b) {
    assert_int_equal(a->fitness, b->fitness);
    assert_int_equal(a->updates, b->updates);
    assert_memory_equal(a->segment, b->segment, MDL_DIGEST_BYTES);
}

static void digests_are_those_of_the_text(void **state) {
    (void)state;
    search s;
    search_open(&s, ledger_experiment, 1);
    int64_t fitness[16];
    while (!mdl_evolution_done(s.e)) {
        uint32_t jobs = mdl_evolution_job_count(s.e);
        for (uint32_t i = 0; i < jobs; i++) {
            mdl_job_result a, b;
            mdl_unit_job(s.life, s.e, i, s.genome, NULL, &a);
            by_the_text(&s, i, &b);
            same_result(&a, &b);
            fitness[i] = a.fitness;

            mdl_job job;
            uint64_t updates = 0;
            mdl_evolution_job(s.e, i, &job, s.genome);
            assert_int_equal(mdl_life_job(s.life, &job, s.genome, &updates), a.fitness);
            assert_int_equal(updates, a.updates);
        }
        assert_int_equal(mdl_evolution_advance(s.e, fitness, jobs), MDL_OK);
    }
    search_close(&s);
}

static void rows_give_the_segment(void **state) {
    (void)state;
    search s;
    search_open(&s, ledger_experiment, 1);
    for (uint32_t i = 0; i < mdl_evolution_job_count(s.e); i++) {
        mdl_job job;
        mdl_job_result a, b;
        mdl_evolution_job(s.e, i, &job, NULL);
        mdl_life_row *rows = calloc(job.episodes, sizeof *rows);
        assert_non_null(rows);
        mdl_unit_job(s.life, s.e, i, s.genome, rows, &a);
        mdl_unit_segment(job.generation, i, rows, job.episodes, &b);
        same_result(&a, &b);
        rows[job.episodes - 1].end[31] ^= 1;
        mdl_unit_segment(job.generation, i, rows, job.episodes, &b);
        assert_memory_not_equal(a.segment, b.segment, MDL_DIGEST_BYTES);
        free(rows);
    }
    search_close(&s);
}

/* Jobs whose fitness and updates are equal still have other digests: number, generation and weights are in it. */
static void digests_tell_jobs_apart(void **state) {
    (void)state;
    search s;
    search_open(&s, ledger_experiment, 1);
    mdl_job_result r[8];
    for (uint32_t i = 0; i < 8; i++)
        mdl_unit_job(s.life, s.e, i, s.genome, NULL, &r[i]);
    for (uint32_t i = 0; i < 8; i++)
        for (uint32_t j = 0; j < i; j++)
            assert_memory_not_equal(r[i].segment, r[j].segment, MDL_DIGEST_BYTES);
    search_close(&s);
}

static const char regions[] =
    "{\"name\":\"regions\",\"seed\":\"9\",\"task\":\"tmaze\",\"network\":{\"regions\":3,\"neurons\":8,\"ring\":4},"
    "\"evolution\":{\"generations\":1,\"episodes\":2,\"validate_every\":1,\"validate_episodes\":2,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":4}]},\"test_episodes\":2}\n";

static void no_cut_of_the_network_shows(void **state) {
    (void)state;
    search one, cut;
    search_open(&one, regions, 1);
    search_open(&cut, regions, 3);
    for (uint32_t i = 0; i < mdl_evolution_job_count(one.e); i++) {
        mdl_job_result a, b;
        mdl_unit_job(one.life, one.e, i, one.genome, NULL, &a);
        mdl_unit_job(cut.life, cut.e, i, cut.genome, NULL, &b);
        same_result(&a, &b);
    }
    search_close(&one);
    search_close(&cut);
}

static const char switched[] =
    "{\"name\":\"switched\",\"seed\":\"4\",\"task\":{\"name\":\"mountaincar\"},\"network\":{\"neurons\":6},"
    "\"hmn\":{\"mechanisms\":{\"critic\":\"gene\",\"phase_gate\":\"on\",\"dropout\":\"gene\"}},"
    "\"evolution\":{\"generations\":2,\"episodes\":3,\"validate_every\":1,\"validate_episodes\":5,"
    "\"islands\":[{\"algorithm\":\"ga\",\"population\":20}]},\"test_episodes\":2}\n";
static const char neuraxon[] =
    "{\"name\":\"neuraxon\",\"seed\":\"5\",\"task\":\"bandit\",\"model\":\"neuraxon\",\"network\":{\"neurons\":5},"
    "\"evolution\":{\"generations\":2,\"episodes\":7,\"validate_every\":1,\"validate_episodes\":3,"
    "\"islands\":[{\"algorithm\":\"es\",\"population\":18}]},\"test_episodes\":2}\n";

/* Several jobs by one call, whatever they are, are the jobs by one call each. */
static void at_once_is_one_by_one(void **state) {
    (void)state;
    static const char *const json[] = {ledger_experiment, regions, switched, neuraxon};
    for (size_t e = 0; e < sizeof json / sizeof json[0]; e++) {
        search s;
        search_open(&s, json[e], 1);
        uint32_t jobs = mdl_evolution_job_count(s.e);
        float *genomes = calloc((size_t)MDL_TOGETHER_MAX * s.life->layout.genes, sizeof *genomes);
        mdl_job_result *alone = calloc(jobs, sizeof *alone);
        assert_true(genomes && alone && jobs >= 5);
        for (uint32_t i = 0; i < jobs; i++)
            mdl_unit_job(s.life, s.e, i, s.genome, NULL, &alone[i]);
        for (uint32_t count = 1; count <= MDL_TOGETHER_MAX; count += count < 4 ? 1 : 6) {
            uint32_t index[MDL_TOGETHER_MAX];
            mdl_job_result out[MDL_TOGETHER_MAX];
            for (uint32_t i = 0; i < count; i++) /* the last ones validate; then from the front, some twice */
                index[i] = (jobs - 1 + 5 * i) % jobs;
            mdl_unit_jobs(s.life, s.e, index, count, genomes, out);
            for (uint32_t i = 0; i < count; i++)
                same_result(&out[i], &alone[index[i]]);
        }
        assert_in_range(mdl_unit_together(s.life), 1, MDL_TOGETHER_MAX);
        if (json[e] == regions)
            assert_int_equal(mdl_unit_together(s.life), 1);
        free(genomes);
        free(alone);
        search_close(&s);
    }
}

/* RFC 6962 section 2.1 over leaves of 32 bytes, by its recursion. */
static void tree(const mdl_job_result *jobs, uint32_t count, uint8_t out[32]) {
    uint8_t bytes[65];
    if (count == 1) {
        bytes[0] = 0;
        memcpy(bytes + 1, jobs[0].segment, 32);
        crypto_hash_sha256(out, bytes, 33);
        return;
    }
    uint32_t left = 1;
    while (2 * left < count)
        left *= 2;
    bytes[0] = 1;
    tree(jobs, left, bytes + 1);
    tree(jobs + left, count - left, bytes + 33);
    crypto_hash_sha256(out, bytes, 65);
}

static void roots_are_those_of_rfc_6962(void **state) {
    (void)state;
    static mdl_job_result jobs[MDL_UNIT_JOBS_MAX];
    for (uint32_t i = 0; i < MDL_UNIT_JOBS_MAX; i++)
        for (uint32_t k = 0; k < 32; k++)
            jobs[i].segment[k] = (uint8_t)(i * 7 + i / 256 + k);
    for (uint32_t count = 1; count <= MDL_UNIT_JOBS_MAX; count += count < 70 ? 1 : 659) {
        uint8_t a[32], b[32];
        mdl_unit_root(jobs, count, a);
        tree(jobs, count, b);
        assert_memory_equal(a, b, 32);
    }
}

static void state_digest_is_that_of_saved_bytes(void **state) {
    (void)state;
    search s;
    search_open(&s, ledger_experiment, 1);
    uint8_t a[MDL_DIGEST_BYTES], b[MDL_DIGEST_BYTES];
    mdl_digest d;
    mdl_digest_init(&d);
    mdl_sink sink = mdl_digest_sink(&d);
    mdl_evolution_save(s.e, &sink);
    mdl_digest_final(&d, a);
    mdl_state_digest(s.e, b);
    assert_memory_equal(a, b, sizeof a);
    search_close(&s);
}

/* ---- vectors of the document ---- */

static char *document(void) {
    FILE *f = fopen("examples/tmaze-quick.json", "rb");
    assert_non_null(f);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, f) > 0);
    fclose(f);
    return text;
}

static void check_segment(void *ctx, size_t count, char **field) {
    search *s = ctx;
    mdl_job_result r;
    uint8_t segment[MDL_DIGEST_BYTES];
    assert_int_equal(count, 4);
    mdl_unit_job(s->life, s->e, (uint32_t)vectors_u64(field[0]), s->genome, NULL, &r);
    vectors_hex(field[3], segment, sizeof segment);
    assert_int_equal(r.fitness, vectors_i64(field[1]));
    assert_int_equal(r.updates, vectors_u64(field[2]));
    assert_memory_equal(r.segment, segment, sizeof segment);
}

static void check_root(void *ctx, size_t count, char **field) {
    search *s = ctx;
    mdl_job_result r[8];
    uint8_t want[MDL_DIGEST_BYTES], root[MDL_DIGEST_BYTES];
    assert_int_equal(count, 3);
    uint32_t first = (uint32_t)vectors_u64(field[0]), jobs = (uint32_t)vectors_u64(field[1]);
    assert_true(jobs >= 1 && jobs <= 8);
    for (uint32_t i = 0; i < jobs; i++)
        mdl_unit_job(s->life, s->e, first + i, s->genome, NULL, &r[i]);
    mdl_unit_root(r, jobs, root);
    vectors_hex(field[2], want, sizeof want);
    assert_memory_equal(root, want, sizeof root);
}

static void check_state(void *ctx, size_t count, char **field) {
    search *s = ctx;
    uint8_t want[MDL_DIGEST_BYTES], digest[MDL_DIGEST_BYTES];
    assert_int_equal(count, 2);
    vectors_hex(field[0], want, sizeof want);
    assert_memory_equal(s->x.id, want, sizeof want);
    vectors_hex(field[1], want, sizeof want);
    mdl_state_digest(s->e, digest);
    assert_memory_equal(digest, want, sizeof want);
}

static void vectors_of_the_document(void **state) {
    (void)state;
    search s;
    char *json = document();
    search_open(&s, json, 1);
    assert_true(vectors_load("unit-state", check_state, &s) == 1);
    assert_true(vectors_load("unit-segments", check_segment, &s) >= 4);
    assert_true(vectors_load("unit-roots", check_root, &s) >= 3);
    search_close(&s);
    free(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_those_of_the_text),
        cmocka_unit_test(rows_give_the_segment),
        cmocka_unit_test(digests_tell_jobs_apart),
        cmocka_unit_test(at_once_is_one_by_one),
        cmocka_unit_test(no_cut_of_the_network_shows),
        cmocka_unit_test(roots_are_those_of_rfc_6962),
        cmocka_unit_test(state_digest_is_that_of_saved_bytes),
        cmocka_unit_test(vectors_of_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
