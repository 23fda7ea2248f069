/* analysis/graph.h on planted partitions, small worlds and graphs small enough to do by hand. */
#include "tests/analysis/signals.h"

#include <string.h>

#include "analysis/graph.h"

enum { N = 64 };

static double weight[N * N];
static uint32_t module[N];

static void link(size_t a, size_t b, double w) { weight[a * N + b] = weight[b * N + a] = w; }

static void planted(size_t blocks, double inside, double outside, uint64_t seed) {
    mdl_stream rng = {seed, 0};
    memset(weight, 0, sizeof weight);
    for (size_t i = 0; i < N; i++)
        for (size_t k = i + 1; k < N; k++)
            if (mdl_draw_unit_f64(&rng) < (i * blocks / N == k * blocks / N ? inside : outside))
                link(i, k, 1.0);
}

static void test_two_triangles(void **state) {
    (void)state;
    /* Two triangles and one link between: Q = 6/7 - 2 (7/14)^2 = 5/14. */
    double w[36] = {0};
    const int edges[7][2] = {{0, 1}, {1, 2}, {0, 2}, {3, 4}, {4, 5}, {3, 5}, {2, 3}};
    for (int i = 0; i < 7; i++)
        w[edges[i][0] * 6 + edges[i][1]] = w[edges[i][1] * 6 + edges[i][0]] = 1;
    uint32_t modules;
    const uint32_t want[] = {0, 0, 0, 1, 1, 1};
    assert_int_equal(mdl_louvain(w, 6, 1, 1, module, &modules), MDL_OK);
    assert_int_equal(modules, 2);
    assert_memory_equal(module, want, sizeof want);
    assert_close(mdl_modularity(w, 6, module, 1), 5.0 / 14, 1e-12);
    double p[6];
    double mean = mdl_participation(w, 6, module, modules, p);
    assert_close(p[0], 0, 1e-12);
    assert_close(p[2], 1 - (4.0 + 1.0) / 9, 1e-12);
    assert_close(mean, 2 * (4.0 / 9) / 6, 1e-12);
    mdl_small_world_index s;
    assert_int_equal(mdl_small_world_index_of(w, 6, 0, 1, &s), MDL_OK);
    assert_close(s.clustering, (4 + 2.0 / 3) / 6, 1e-12);
    assert_close(s.path, 1.8, 1e-12); /* 7 of 1, 4 of 2, 4 of 3 */
    assert_close(s.degree, 14.0 / 6, 1e-12);
}

static void test_planted_partition(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        uint32_t modules, again[N], n2;
        planted(4, 0.7, 0.05, seed);
        assert_int_equal(mdl_louvain(weight, N, 1, seed, module, &modules), MDL_OK);
        assert_int_equal(modules, 4);
        for (size_t i = 0; i < N; i++)
            assert_int_equal(module[i], i * 4 / N);
        assert_int_equal(mdl_louvain(weight, N, 1, seed, again, &n2), MDL_OK);
        assert_memory_equal(module, again, sizeof again);
        assert_true(mdl_modularity(weight, N, module, 1) > 0.4);
    }
}

/* Louvain's Q is at least that of the planted and of the trivial partitions, and all of one block gives 0. */
static void test_modularity_bounds(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        uint32_t modules, blocks[N], one[N] = {0};
        planted(4, 0.4, 0.15, 100 + seed);
        for (uint32_t i = 0; i < N; i++)
            blocks[i] = i * 4 / N;
        assert_int_equal(mdl_louvain(weight, N, 1, seed, module, &modules), MDL_OK);
        double q = mdl_modularity(weight, N, module, 1);
        assert_true(q >= mdl_modularity(weight, N, blocks, 1) - 0.02 && q < 1);
        assert_close(mdl_modularity(weight, N, one, 1), 0, 1e-12);
    }
    memset(weight, 0, sizeof weight);
    uint32_t modules;
    assert_int_equal(mdl_louvain(weight, N, 1, 0, module, &modules), MDL_OK);
    assert_int_equal(modules, N);
    assert_close(mdl_participation(weight, N, module, modules, NULL), 0, 0);
}

/* Mixing the blocks raises the participation coefficient towards 1 - 1/4. */
static void test_participation_rises(void **state) {
    (void)state;
    uint32_t blocks[N];
    double before = -1;
    for (uint32_t i = 0; i < N; i++)
        blocks[i] = i * 4 / N;
    for (int i = 0; i <= 5; i++) {
        planted(4, 0.5, 0.1 * i, 7);
        double p = mdl_participation(weight, N, blocks, 4, NULL);
        assert_true(p > before);
        before = p;
    }
    assert_close(before, 0.75, 0.02);
}

static void test_small_world(void **state) {
    (void)state;
    double sigma[3], path[3], clustering[3];
    const double rewire[] = {0.0, 0.1, 1.0};
    for (int r = 0; r < 3; r++) {
        mdl_stream rng = {5, 0};
        memset(weight, 0, sizeof weight);
        for (size_t i = 0; i < N; i++)
            for (size_t k = 1; k <= 4; k++) {
                size_t to = (i + k) % N;
                if (mdl_draw_unit_f64(&rng) < rewire[r])
                    do
                        to = mdl_draw_below(&rng, N);
                    while (to == i || weight[i * N + to] > 0);
                link(i, to, 1);
            }
        mdl_small_world_index s;
        assert_int_equal(mdl_small_world_index_of(weight, N, 10, 3, &s), MDL_OK);
        sigma[r] = s.sigma;
        path[r] = s.path;
        clustering[r] = s.clustering;
        assert_true(s.clustering_random > 0.03 && s.clustering_random < 0.2);
        assert_between(s.path_random, 1.9, 2.4);
    }
    assert_close(clustering[0], 9.0 / 14, 1e-12); /* ring of k = 8: 3 (k - 2) / (4 (k - 1)) */
    assert_true(path[1] < 0.8 * path[0] && clustering[1] > 0.6 * clustering[0]);
    assert_true(sigma[1] > 2 && sigma[1] > sigma[0]);
    assert_between(sigma[2], 0.7, 1.4); /* random */
}

static void test_correlation_and_keep(void **state) {
    (void)state;
    enum { T = 4000 };
    static double x[3 * T];
    mdl_stream rng = {9, 0};
    for (size_t t = 0; t < T; t++) {
        x[t] = draw_normal(&rng);
        x[T + t] = 0.6 * x[t] + 0.8 * draw_normal(&rng);
        x[2 * T + t] = -x[t];
    }
    double w[9];
    mdl_graph_correlation(x, 3, T, w);
    assert_close(w[1], 0.6, 0.04);
    assert_close(w[2], 0, 0); /* negative ones are no links */
    assert_close(w[0], 0, 0);
    assert_close(w[3], w[1], 0);
    double v[9] = {0, 3, 1, 3, 0, 2, 1, 2, 0};
    assert_int_equal(mdl_graph_keep(v, 3, 2.0 / 3), MDL_OK);
    const double want[9] = {0, 3, 0, 3, 0, 2, 0, 2, 0};
    for (int i = 0; i < 9; i++)
        assert_close(v[i], want[i], 0);
    assert_int_equal(mdl_graph_keep(v, 3, 0), MDL_OK);
    assert_close(v[1], 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_triangles),     cmocka_unit_test(test_planted_partition),
        cmocka_unit_test(test_modularity_bounds), cmocka_unit_test(test_participation_rises),
        cmocka_unit_test(test_small_world),       cmocka_unit_test(test_correlation_and_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
