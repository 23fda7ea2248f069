/* The tables and vectors of SPEC 13.10 and 13.11, on every kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/neuraxon_fixture.h"
#include "tests/support/spec_network.h"

static void gene_case(void *ctx, size_t count, char **field) {
    uint32_t *next = ctx;
    assert_int_equal(count, 3);
    assert_int_equal(vectors_u64(field[0]), *next);
    assert_string_equal(field[1], mdl_neuraxon_gene_key(*next));
    assert_true(vectors_f32(field[2]) == mdl_neuraxon_gene_initial(*next));
    ++*next;
}

static void mechanism_case(void *ctx, size_t count, char **field) {
    uint32_t *next = ctx;
    assert_int_equal(count, 3);
    assert_int_equal(vectors_u64(field[0]), *next);
    assert_string_equal(field[1], mdl_neuraxon_mechanism_key(*next));
    assert_int_equal(vectors_u64(field[2]), mdl_neuraxon_mechanism_default(*next));
    assert_int_equal(mdl_neuraxon_mechanism_find(field[1]), *next);
    ++*next;
}

static void test_tables(void **state) {
    (void)state;
    uint32_t genes = 0, mechanisms = 0;
    vectors_load("neuraxon-genes", gene_case, &genes);
    vectors_load("neuraxon-mechanisms", mechanism_case, &mechanisms);
    assert_int_equal(genes, MDL_NEURAXON_GENE_COUNT);
    assert_int_equal(mechanisms, MDL_NX_COUNT);
    assert_null(mdl_neuraxon_gene_key(genes));
    assert_null(mdl_neuraxon_mechanism_key(mechanisms));
    assert_int_equal(mdl_neuraxon_mechanism_find("no such"), MDL_NX_COUNT);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++) /* one name, one switch */
        assert_int_equal(mdl_neuraxon_mechanism_find(mdl_mechanism_key(m)), MDL_NX_COUNT);
}

static mdl_experiment neuraxon_of_spec(void) {
    mdl_experiment x = spec_network();
    x.model = MDL_MODEL_NEURAXON;
    mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
    memset(x.neuraxon.mechanism, MDL_ON, sizeof x.neuraxon.mechanism);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        x.hmn.mechanism[m] = mdl_neuraxon_shares(m) ? MDL_ON : MDL_OFF;
    x.neuraxon.silent_share = x.neuraxon.modulatory_share = 0.5f;
    return x;
}

typedef struct network_vectors {
    mdl_life *life;
    uint32_t run, lines;
} network_vectors;

/* What a line names: `words` floats. */
static const float *named(const mdl_life *l, char what, uint32_t region, uint32_t j, uint32_t *words) {
    const mdl_neuraxon_region *r = nx_region_of(l, region);
    *words = r->shape.neurons;
    if (what == 'z' || what == 'v')
        return what == 'z' ? r->z : r->v;
    *words = mdl_row_fan(&r->shape, j);
    const float *of = what == 'f' ? r->fast : what == 's' ? r->slow : what == 'm' ? r->meta : r->e;
    return of + mdl_row(&r->shape, j);
}

static void network_case(void *ctx, size_t count, char **field) {
    network_vectors *v = ctx;
    uint32_t k = (uint32_t)vectors_u64(field[1]), first = field[0][0] == 'z' || field[0][0] == 'v' ? 3 : 4, words;
    for (; v->run <= k; v->run++)
        spec_window(v->life, v->run);
    assert_int_equal(v->run, k + 1); /* in order of windows */
    uint32_t j = first == 4 ? (uint32_t)vectors_u64(field[3]) : 0;
    const float *got = named(v->life, field[0][0], (uint32_t)vectors_u64(field[2]), j, &words);
    assert_int_equal(count, first + words);
    for (uint32_t i = 0; i < words; i++)
        assert_int_equal(strtoul(field[first + i], NULL, 16), mdl_float_bits(got[i]));
    v->lines++;
}

static void test_network(void **state) {
    (void)state;
    for (uint32_t kernel = 0; kernel < mdl_kernel_count(); kernel++) {
        mdl_experiment x = neuraxon_of_spec();
        void *memory;
        network_vectors v = {hmn_life(&x, 1, mdl_kernel_get(kernel), &memory), 0, 0};
        float *genome = spec_genome(v.life);
        for (uint32_t i = 0; i < MDL_NEURAXON_GENE_COUNT; i++)
            genome[v.life->layout.neuraxon + i] += mdl_neuraxon_gene_initial(i);
        mdl_life_genome(v.life, genome);
        spec_begin(v.life);
        vectors_load("neuraxon-network", network_case, &v);
        assert_true(v.run == 3 && v.lines == 3 * (2 * 2 + 4 * 5));
        free(genome);
        free(memory);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables), cmocka_unit_test(test_network)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
