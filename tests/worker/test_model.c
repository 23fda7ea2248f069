/* Generations from lists of fitnesses: the vectors of PROTOCOL section 8.3. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/unit.h"
#include "tests/support/vectors.h"
#include "worker/model.h"

static char *document;

static void take_document(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 1);
    size_t size = strlen(field[0]) / 2;
    document = calloc(1, size + 1);
    assert_non_null(document);
    vectors_hex(field[0], (uint8_t *)document, size);
}

static mdl_model *fresh(void) {
    char error[300];
    mdl_model *m = mdl_model_new((const uint8_t *)document, strlen(document), error, sizeof error);
    assert_non_null(m);
    return m;
}

/* Fitnesses of the generation where `m` stands: 1000 g + i. */
static size_t fitnesses(const mdl_model *m, uint8_t *out) {
    uint32_t jobs = mdl_evolution_job_count(m->evolution);
    assert_true(jobs <= 32);
    for (uint32_t i = 0; i < jobs; i++) {
        uint64_t v = 1000u * mdl_model_generation(m) + i;
        for (uint32_t b = 0; b < 8; b++)
            out[8 * i + b] = (uint8_t)(v >> (8 * b));
    }
    return 8 * (size_t)jobs;
}

static void check_state(void *ctx, size_t count, char **field) {
    mdl_model *m = ctx;
    uint8_t want[MDL_DIGEST_BYTES], have[MDL_DIGEST_BYTES], bytes[256];
    assert_int_equal(count, 3);
    assert_int_equal(mdl_model_generation(m), vectors_u64(field[0]));
    assert_int_equal(mdl_evolution_job_count(m->evolution), vectors_u64(field[1]));
    vectors_hex(field[2], want, sizeof want);
    mdl_state_digest(m->evolution, have);
    assert_memory_equal(have, want, sizeof want);
    if (!mdl_evolution_done(m->evolution)) {
        size_t size = fitnesses(m, bytes);
        assert_int_equal(mdl_model_follow(m, bytes, size, mdl_model_generation(m) + 1), MDL_OK);
    }
}

static void test_states(void **state) {
    (void)state;
    mdl_model *m = fresh();
    assert_int_equal(vectors_load("worker-states", check_state, m), m->experiment.evolution.generations + 1);
    mdl_model_free(m);
}

/* Lists that are not of whole generations, sums out of range, too many generations. */
static void test_refused(void **state) {
    (void)state;
    uint8_t bytes[256];
    mdl_model *m = fresh();
    size_t size = fitnesses(m, bytes);
    assert_int_equal(mdl_model_follow(m, bytes, size - 1, 1), MDL_ESIZE);
    assert_int_equal(mdl_model_generation(m), 0);
    assert_int_equal(mdl_model_follow(m, bytes, size - 8, 1), MDL_ESIZE);
    assert_int_equal(mdl_model_follow(m, bytes, 0, 1), MDL_ESIZE);
    assert_int_equal(mdl_model_follow(m, bytes, size, 0), MDL_ESIZE); /* there is more than asked for */
    bytes[7] = 0x7f;
    assert_int_equal(mdl_model_follow(m, bytes, size, 1), MDL_ERANGE);
    assert_int_equal(mdl_model_generation(m), 0);
    while (!mdl_evolution_done(m->evolution)) {
        size = fitnesses(m, bytes);
        assert_int_equal(mdl_model_follow(m, bytes, size, mdl_model_generation(m) + 1), MDL_OK);
    }
    assert_int_equal(mdl_model_follow(m, bytes, size, mdl_model_generation(m) + 1), MDL_ERANGE);
    mdl_model_free(m);

    char error[300] = "";
    assert_null(mdl_model_new((const uint8_t *)"{\"task\":1}", 10, error, sizeof error));
    assert_non_null(strstr(error, "task"));
}

int main(void) {
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_refused),
    };
    vectors_load("worker-document", take_document, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(document);
    return failed;
}
