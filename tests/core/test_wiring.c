/* Wiring: a pure function of the spec, without self-synapses or repeats, in the
 * ranges that the spec states; small-world in the sense of Watts and Strogatz;
 * draws distributed as they should be. SPEC section 5.
 *
 * Distribution tests use fixed seeds. Bounds are 5 s.d. of the statistic: a right
 * implementation with another seed would fail one with probability below 6e-7. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/small_world.h"
#include "tests/support/spec_network.h"

static mdl_network_spec spec_of(uint32_t regions, uint32_t hidden, uint32_t ring) {
    return (mdl_network_spec){.regions = regions,
                              .neurons = {hidden, hidden + 1, hidden + 5, hidden, hidden + 9},
                              .ring = ring,
                              .rewire = 0.1f,
                              .sensor_fan = 3,
                              .motor_fan = 6,
                              .sources = regions - 1,
                              .listen = 14,
                              .fan_in = regions > 1 ? 12 : 0,
                              .delay = {2, 9},
                              .delay_between = {4, 30},
                              .window = 4,
                              .seed = 17,
                              .sensors = 8,
                              .motors = 4};
}

typedef struct row {
    uint32_t source[MDL_FAN_IN_MAX];
    uint8_t delay[MDL_FAN_IN_MAX];
} row;

static void test_rows(void **state) {
    (void)state;
    for (uint32_t variant = 0; variant < 6; variant++) {
        mdl_network_spec spec = spec_of(1 + variant % 5, 40, variant == 2 ? 0 : 8);
        if (variant == 3)
            spec.sensor_fan = spec.motor_fan = 0;
        size_t synapses = 0;
        for (uint32_t r = 0; r < spec.regions; r++) {
            mdl_shape s;
            mdl_shape_of(&spec, r, &s);
            synapses += s.synapses;
            assert_int_equal(s.sources, 1 + s.sensors + s.hidden + s.inbound);
            assert_true(s.slots >= s.delay_max + 2 && (s.slots & (s.slots - 1)) == 0);
            uint32_t own = 1 + s.sensors, in = own + s.hidden;
            for (uint32_t j = 0; j < s.neurons; j++) {
                row a, b;
                int motor = j >= s.hidden;
                uint32_t fan = mdl_row_fan(&s, j), sensors = 0, locals = 0, inbound = 0;
                mdl_wire_row(&spec, &s, j, a.source, a.delay);
                mdl_wire_row(&spec, &s, j, b.source, b.delay);
                assert_memory_equal(a.source, b.source, fan * sizeof a.source[0]);
                assert_memory_equal(a.delay, b.delay, fan);
                assert_int_equal(mdl_row_stride(&s, j) % MDL_LANES, 0);
                assert_int_equal(mdl_row(&s, j + 1) - mdl_row(&s, j), mdl_row_stride(&s, j));
                for (uint32_t k = 0; k < fan; k++) {
                    uint32_t from = a.source[k];
                    assert_true(from >= 1 && from < s.sources);
                    for (uint32_t i = 0; i < k; i++)
                        assert_int_not_equal(a.source[i], from);
                    if (from < own) {
                        sensors++;
                        assert_int_equal(a.delay[k], 0);
                        assert_int_equal(locals + inbound, 0);
                    } else if (from < in) {
                        locals++;
                        assert_in_range(a.delay[k], spec.delay[0], spec.delay[1]);
                        assert_int_equal(inbound, 0);
                        if (!motor && spec.ring > 0)
                            assert_int_not_equal(from, own + j);
                    } else {
                        inbound++;
                        assert_in_range(a.delay[k], spec.delay_between[0], spec.delay_between[1]);
                    }
                }
                if (s.sensors > 0)
                    assert_int_equal(a.source[0], 1); /* the constant */
                assert_int_equal(sensors, r > 0 ? 0 : spec.sensor_fan ? spec.sensor_fan + 1 : spec.sensors + 1);
                assert_int_equal(locals, motor            ? (spec.motor_fan ? spec.motor_fan : s.hidden)
                                         : spec.ring == 0 ? s.hidden
                                                          : spec.ring);
                assert_int_equal(inbound, motor ? 0 : spec.fan_in);
            }
        }
        assert_int_equal(mdl_synapse_count(&spec), synapses);
    }
}

static void test_seed_matters(void **state) {
    (void)state;
    mdl_network_spec a = spec_of(2, 40, 8), b = a;
    b.seed++;
    mdl_shape s;
    mdl_shape_of(&a, 1, &s);
    row x, y;
    mdl_wire_row(&a, &s, 3, x.source, x.delay);
    mdl_wire_row(&b, &s, 3, y.source, y.delay);
    assert_memory_not_equal(x.source, y.source, s.fan[0] * sizeof x.source[0]);
    mdl_wire_row(&a, &s, 4, y.source, y.delay);
    assert_memory_not_equal(x.delay, y.delay, s.fan[0]);
}

static void test_export_sets(void **state) {
    (void)state;
    mdl_network_spec spec = spec_of(5, 40, 8);
    for (uint32_t listen = 1; listen <= 40; listen += 13)
        for (uint32_t r = 0; r < 5; r++) {
            uint32_t set[40];
            spec.listen = listen;
            mdl_export_set(&spec, r, set);
            for (uint32_t i = 0; i < listen; i++) {
                assert_true(set[i] < spec.neurons[r]);
                if (i > 0)
                    assert_true(set[i] > set[i - 1]);
            }
            if (listen == 40 && spec.neurons[r] == 40)
                for (uint32_t i = 0; i < 40; i++)
                    assert_int_equal(set[i], i);
        }
    assert_int_equal(mdl_source_region(&spec, 3, 0), 4);
    assert_int_equal(mdl_source_region(&spec, 3, 1), 0);
    assert_int_equal(mdl_source_region(&spec, 3, 3), 2);
}

/* Share of ring synapses that do not go to one of the ring's neighbours. A
 * rewired synapse falls back on the ring rarely; chains of collisions add some. */
static void test_rewiring_rate(void **state) {
    (void)state;
    for (int step = 0; step <= 4; step++) {
        mdl_network_spec spec = spec_of(1, 1000, 10);
        spec.rewire = 0.2f * (float)step;
        mdl_shape s;
        mdl_shape_of(&spec, 0, &s);
        double away = 0.0, n = 10000.0, p = (double)spec.rewire;
        for (uint32_t j = 0; j < 1000; j++) {
            row a;
            mdl_wire_row(&spec, &s, j, a.source, a.delay);
            for (uint32_t k = s.fan_sensor; k < s.fan[0]; k++) {
                uint32_t gap = (a.source[k] - 1 - s.sensors + 1000 - j) % 1000;
                away += gap > 5 && gap < 995;
            }
        }
        /* A rewired synapse lands on one of the 10 neighbours with probability about 10/1000. */
        double bias = p * 0.01 * n, bound = 5.0 * sqrt(n * p * (1.0 - p)) + bias;
        if (fabs(away - n * p) > bound)
            fail_msg("rewire %g: %g of %g synapses left the ring", p, away, n);
    }
}

/* Delays are uniform over their range: chi-squared with 7 and 26 degrees of
 * freedom, bounds at an error probability of 1e-6 (39.6 and 76.6; Wilson and
 * Hilferty give 76.5). */
static void test_delay_distribution(void **state) {
    (void)state;
    mdl_network_spec spec = spec_of(2, 500, 8);
    double count[2][64] = {{0}}, total[2] = {0};
    for (uint32_t r = 0; r < 2; r++) {
        mdl_shape s;
        mdl_shape_of(&spec, r, &s);
        for (uint32_t j = 0; j < s.hidden; j++) {
            row a;
            mdl_wire_row(&spec, &s, j, a.source, a.delay);
            for (uint32_t k = s.fan_sensor; k < s.fan[0]; k++) {
                int between = mdl_slot_class(&s, k) == 2;
                count[between][a.delay[k]]++;
                total[between]++;
            }
        }
    }
    for (int between = 0; between < 2; between++) {
        const uint32_t *range = between ? spec.delay_between : spec.delay;
        double chi = 0.0, expected = total[between] / (range[1] - range[0] + 1);
        for (uint32_t d = range[0]; d <= range[1]; d++)
            chi += (count[between][d] - expected) * (count[between][d] - expected) / expected;
        assert_true(chi < (between ? 76.5 : 39.6));
        assert_true(chi > 0.1);
    }
}

/* Partners in other regions are uniform over what is listened to. */
static void test_inbound_distribution(void **state) {
    (void)state;
    mdl_network_spec spec = spec_of(3, 700, 8);
    spec.fan_in = 1;
    spec.listen = 7;
    mdl_shape s;
    mdl_shape_of(&spec, 0, &s);
    double count[64] = {0}, chi = 0.0;
    for (uint32_t j = 0; j < s.hidden; j++) {
        row a;
        mdl_wire_row(&spec, &s, j, a.source, a.delay);
        count[a.source[s.fan[0] - 1] - 1 - s.sensors - s.hidden]++;
    }
    for (uint32_t i = 0; i < s.inbound; i++)
        chi += (count[i] - 50.0) * (count[i] - 50.0) / 50.0;
    assert_int_equal(s.inbound, 14);
    assert_true(chi > 0.5 && chi < 53.0); /* 13 degrees of freedom, 1e-6 */
}

static mdl_small_world measure(uint32_t hidden, uint32_t ring, float rewire, uint64_t seed) {
    mdl_network_spec spec = spec_of(1, hidden, ring);
    spec.rewire = rewire;
    spec.seed = seed;
    void *scratch = malloc(mdl_small_world_bytes(hidden));
    assert_non_null(scratch);
    mdl_small_world w;
    mdl_small_world_measure(&spec, 0, scratch, &w);
    free(scratch);
    return w;
}

/* A ring of k neighbours has C = 3(k - 2) / 4(k - 1) and L = about n / 2k. */
static void test_ring_limit(void **state) {
    (void)state;
    mdl_small_world w = measure(400, 10, 0.0f, 1);
    assert_true(w.degree == 10.0);
    assert_true(fabs(w.clustering - 3.0 * 8.0 / (4.0 * 9.0)) < 1e-12);
    /* Distances on this ring: ceil(d / 5) for d = 1..200, 200 only once. */
    double sum = 0.0;
    for (int d = 1; d < 400; d++)
        sum += ceil(fmin(d, 400 - d) / 5.0);
    assert_true(fabs(w.path_length - sum / 399.0) < 1e-12);
    assert_int_equal(w.unconnected, 0);
    mdl_small_world dense = measure(12, 0, 0.0f, 1);
    assert_true(dense.degree == 11.0 && dense.clustering == 1.0 && dense.path_length == 1.0);
}

/* All synapses rewired: nothing is left of the ring. */
static void test_random_limit(void **state) {
    (void)state;
    for (uint32_t ring = 10; ring <= 20; ring += 10) {
        mdl_small_world w = measure(400, ring, 1.0f, 2);
        assert_true(w.clustering < 1.3 * w.clustering_random && w.clustering > 0.7 * w.clustering_random);
        assert_true(w.path_length < 1.2 * w.path_length_random && w.path_length > 0.8 * w.path_length_random);
    }
}

/* In between: the clustering of a ring, the paths of a random graph. */
static void test_small_world(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (uint32_t ring = 10; ring <= 20; ring += 2) {
            mdl_small_world w = measure(400, ring, 0.1f, seed), regular = measure(400, ring, 0.0f, seed);
            assert_true(w.clustering > 8.0 * w.clustering_random);
            assert_true(w.clustering > 0.55 * regular.clustering);
            assert_true(w.path_length < 1.5 * w.path_length_random);
            assert_true(w.path_length < 0.35 * regular.path_length);
            assert_int_equal(w.unconnected, 0);
        }
}

typedef struct wiring_vectors {
    mdl_network_spec spec;
    uint32_t rows, exports;
} wiring_vectors;

static void wiring_case(void *ctx, size_t count, char **field) {
    wiring_vectors *v = ctx;
    if (strcmp(field[0], "spec") == 0) {
        v->spec = spec_network_of(field + 1);
        return;
    }
    uint32_t region = (uint32_t)vectors_u64(field[1]);
    if (strcmp(field[0], "export") == 0) {
        uint32_t set[64];
        assert_int_equal(count, 2 + v->spec.listen);
        mdl_export_set(&v->spec, region, set);
        for (uint32_t i = 0; i < v->spec.listen; i++)
            assert_int_equal(set[i], vectors_u64(field[2 + i]));
        v->exports++;
        return;
    }
    assert_string_equal(field[0], "row");
    uint32_t j = (uint32_t)vectors_u64(field[2]);
    mdl_shape s;
    row a;
    mdl_shape_of(&v->spec, region, &s);
    mdl_wire_row(&v->spec, &s, j, a.source, a.delay);
    assert_int_equal(count, 3 + mdl_row_fan(&s, j));
    for (uint32_t k = 0; k < mdl_row_fan(&s, j); k++) {
        char *delay = strchr(field[3 + k], ':');
        assert_non_null(delay);
        *delay++ = '\0';
        assert_int_equal(a.source[k], vectors_u64(field[3 + k]));
        assert_int_equal(a.delay[k], vectors_u64(delay));
    }
    v->rows++;
}

static void test_spec_vectors(void **state) {
    (void)state;
    wiring_vectors v = {.rows = 0};
    vectors_load("wiring", wiring_case, &v);
    assert_true(v.rows >= 14 && v.exports >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec_vectors),         cmocka_unit_test(test_rows),
        cmocka_unit_test(test_seed_matters),         cmocka_unit_test(test_export_sets),
        cmocka_unit_test(test_rewiring_rate),        cmocka_unit_test(test_delay_distribution),
        cmocka_unit_test(test_inbound_distribution), cmocka_unit_test(test_ring_limit),
        cmocka_unit_test(test_random_limit),         cmocka_unit_test(test_small_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
