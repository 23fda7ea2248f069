/* Jobs, ranks, noise, selection, champions and migration of core/evolution. */
#include "tests/support/evolution_fixture.h"

#include <math.h>

#include "core/evolution_internal.h"
#include "tests/support/vectors.h"

static void ranks_match_counting_for_all_small_populations(void **state) {
    (void)state;
    /* Every fitness vector over {-1, 0, 1} of 1..8 candidates, against O(n^2) counting. */
    for (uint32_t n = 1; n <= 8; n++) {
        uint32_t vectors = 1;
        for (uint32_t i = 0; i < n; i++)
            vectors *= 3;
        for (uint32_t v = 0; v < vectors; v++) {
            int64_t f[8];
            uint32_t order[8], merge[8], rank2[8];
            for (uint32_t i = 0, rest = v; i < n; i++, rest /= 3)
                f[i] = (int64_t)(rest % 3) - 1;
            mdl_evolution_rank(f, n, order, merge, rank2);
            for (uint32_t i = 0; i < n; i++) {
                uint32_t less = 0, equal = 0, before = 0;
                for (uint32_t j = 0; j < n; j++) {
                    less += f[j] < f[i];
                    equal += f[j] == f[i];
                    before += f[j] > f[i] || (f[j] == f[i] && j < i);
                }
                assert_int_equal(rank2[i], 2 * less + equal - 1);
                assert_int_equal(order[before], i);
            }
        }
    }
}

static void ranks_of_extremes_and_permutations(void **state) {
    (void)state;
    enum { N = 1000 };
    int64_t f[N], g[N];
    uint32_t order[N], merge[N], rank2[N], permuted[N], to[N];
    mdl_stream s = {77, 0};
    for (uint32_t i = 0; i < N; i++) {
        f[i] = any_between(&s, -300, 300) * (INT64_MAX / 300);
        to[i] = i;
    }
    for (uint32_t i = N - 1; i > 0; i--) {
        uint32_t j = mdl_draw_below(&s, i + 1), t = to[i];
        to[i] = to[j];
        to[j] = t;
    }
    for (uint32_t i = 0; i < N; i++)
        g[to[i]] = f[i];
    mdl_evolution_rank(f, N, order, merge, rank2);
    mdl_evolution_rank(g, N, order, merge, permuted);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(rank2[i], permuted[to[i]]);
        sum += rank2[i];
    }
    assert_int_equal(sum, (uint64_t)N * (N - 1)); /* centred ranks sum to zero */
}

static void check_ranks(void *ctx, size_t count, char **field) {
    (void)ctx;
    int64_t f[8];
    uint32_t order[8], merge[8], rank2[8], n = (uint32_t)vectors_u64(field[0]);
    assert_true(n <= 8 && count == 1 + 2 * n);
    for (uint32_t i = 0; i < n; i++)
        f[i] = vectors_i64(field[1 + i]);
    mdl_evolution_rank(f, n, order, merge, rank2);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(rank2[i], vectors_u64(field[1 + n + i]));
}

static void check_noise(void *ctx, size_t count, char **field) {
    (void)ctx;
    assert_int_equal(count, 7);
    uint32_t v[5];
    for (int i = 0; i < 5; i++)
        v[i] = (uint32_t)vectors_u64(field[1 + i]);
    mdl_evolution e = {.spec.seed = vectors_u64(field[0])};
    float z[4];
    mdl_evolution_noise(mdl_evolution_key(&e, v[0], v[1], v[2]), v[2], v[4] / 4, v[3], z);
    assert_int_equal(mdl_float_bits(z[v[4] % 4]), mdl_float_bits(vectors_f32(field[6])));
}

static void vectors_of_the_spec_hold(void **state) {
    (void)state;
    assert_true(vectors_load("evolution-ranks", check_ranks, NULL) >= 4);
    assert_true(vectors_load("evolution-noise", check_noise, NULL) >= 8);
}

static void jobs_are_listed_and_pure(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(8);
    spec.generations = 4;
    spec.island[1].population = 12;
    spec.meta_rate = 0.5f;
    run r;
    run_open(&r, &spec, 10);
    r.prior.eta_local_gene = 3;
    run_restart(&r);
    const uint32_t counts[4] = {28, 28, 31, 31}; /* every 3rd validates, and the last */
    for (uint32_t g = 0; g < 4; g++) {
        assert_int_equal(mdl_evolution_generation(r.e), g);
        assert_false(mdl_evolution_done(r.e));
        uint32_t count = mdl_evolution_job_count(r.e);
        assert_int_equal(count, counts[g]);
        bytebuf before = saved(r.e);
        float forward[31][10], backward[31][10];
        for (uint32_t i = 0; i < count; i++) {
            mdl_job job;
            mdl_evolution_job(r.e, i, &job, forward[i]);
            assert_int_equal(job.generation, g);
            if (i < 28) {
                uint32_t island = i < 8 ? 0 : i < 20 ? 1 : 2;
                assert_int_equal(job.kind, MDL_JOB_TRAIN);
                assert_int_equal(job.island, island);
                assert_int_equal(job.candidate, i - (island == 0 ? 0 : island == 1 ? 8 : 20));
                assert_int_equal(job.episodes, 4);
            } else {
                assert_int_equal(job.kind, MDL_JOB_VALIDATE);
                assert_int_equal(job.island, i - 28);
                assert_int_equal(job.candidate, 0);
                assert_int_equal(job.episodes, 8);
            }
        }
        for (uint32_t i = count; i-- > 0;) {
            mdl_job job;
            mdl_evolution_job(r.e, i, &job, backward[i]);
        }
        assert_memory_equal(forward, backward, count * sizeof forward[0]);
        bytebuf after = saved(r.e);
        assert_memory_equal(before.at, after.at, before.size);
        free(before.at);
        free(after.at);
        run_generation(&r, sphere);
    }
    assert_true(mdl_evolution_done(r.e));
    assert_int_equal(mdl_evolution_job_count(r.e), 0);
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 0), MDL_ERANGE);
    run_close(&r);
}

static void candidates_follow_the_spec(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(16);
    run r;
    run_open(&r, &spec, 7);
    for (uint32_t i = 0; i < 7; i++) {
        r.mean[i] = (float)i;
        r.sd[i] = i == 6 ? 0.0f : 0.3f;
    }
    run_restart(&r);
    for (uint32_t g = 0; g < 3; g++) {
        bytebuf b = saved(r.e);
        for (uint32_t k = 0; k < 3; k++) {
            float centre[2][7], variance[7];
            read_array(&r, &b, k, 0, centre[0]);
            read_array(&r, &b, k, 1, k == 1 ? centre[1] : variance);
            double sigma = k == 2 ? read_f64(&b, island_offset(&r, 2) + 36) : (double)0.15f;
            for (uint32_t i = 0; g == 0 && i < 7; i++)
                assert_true((double)centre[0][i] ==
                            (double)(float)((double)i + (double)r.sd[i] * spec_noise(&r, 0, k, 0, 0, i)));
            for (uint32_t c = 0; c < 16; c++) {
                float genome[7];
                mdl_job job;
                mdl_evolution_job(r.e, 16 * k + c, &job, genome);
                uint32_t parent = 0;
                if (k == 1 && c > 0)
                    parent = (uint32_t)((uint64_t)spec_word(&r, g, 1, 2, 0, c, 0) * 2 >> 32);
                for (uint32_t i = 0; i < 7; i++) {
                    double z = spec_noise(&r, g, k, 1, k == 0 ? c / 2 : c, i);
                    double step = k == 0   ? (c % 2 ? -sigma : sigma)
                                  : k == 1 ? (c == 0 ? 0 : sigma)
                                           : sigma * sqrt((double)variance[i]);
                    assert_true((double)genome[i] == (double)(float)((double)centre[parent][i] + step * z));
                }
            }
        }
        free(b.at);
        run_generation(&r, sphere);
    }
    run_close(&r);
}

/* Each statistic of N normal numbers leaves +-6 standard errors with probability
 * 2e-9 (mean, correlation) or 3e-9 (variance); 16 * 4 of them: below 2e-7. */
static void noise_is_standard_normal(void **state) {
    (void)state;
    enum { N = 16384, GENES = 16 };
    mdl_evolution_spec spec = mixed_spec(N);
    spec.islands = 2;
    spec.island[0] = spec.island[1] = island_of(MDL_GA, N);
    spec.island[0].elite = spec.island[1].elite = 1;
    spec.island[0].sigma = spec.island[1].sigma = 1;
    run r;
    run_open(&r, &spec, GENES);
    for (uint32_t i = 0; i < GENES; i++)
        r.sd[i] = 0;
    run_restart(&r);
    static float x[2][N][GENES];
    mdl_job job;
    for (uint32_t k = 0; k < 2; k++)
        for (uint32_t c = 1; c < N; c++)
            mdl_evolution_job(r.e, k * N + c, &job, x[k][c]);
    double n = N - 1, limit = 6 / sqrt(n), limit2 = 6 * sqrt(2 / n);
    for (uint32_t i = 0; i < GENES; i++) {
        double mean = 0, square = 0, next_gene = 0, next_candidate = 0, other_island = 0;
        for (uint32_t c = 1; c < N; c++) {
            double z = (double)x[0][c][i];
            mean += z / n;
            square += z * z / n;
            next_gene += z * (double)x[0][c][(i + 1) % GENES] / n;
            next_candidate += z * (double)x[0][c == N - 1 ? 1 : c + 1][i] / n;
            other_island += z * (double)x[1][c][i] / n;
        }
        assert_true(fabs(mean) < limit);
        assert_true(fabs(square - 1) < limit2);
        assert_true(fabs(next_gene) < limit);
        assert_true(fabs(next_candidate) < limit);
        assert_true(fabs(other_island) < limit);
    }
    /* Another generation draws afresh: all fitnesses equal, parent still zero. */
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 2 * N), MDL_OK);
    double cross[GENES] = {0};
    for (uint32_t c = 1; c < N; c++) {
        float y[GENES];
        mdl_evolution_job(r.e, c, &job, y);
        for (uint32_t i = 0; i < GENES; i++)
            cross[i] += (double)y[i] * (double)x[0][c][i] / n;
    }
    for (uint32_t i = 0; i < GENES; i++)
        assert_true(fabs(cross[i]) < limit);
    run_close(&r);
}

static void ga_keeps_the_best_as_parents(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(16);
    spec.islands = 1;
    spec.island[0] = island_of(MDL_GA, 16);
    spec.island[0].elite = 3;
    run r;
    run_open(&r, &spec, 5);
    float genome[16][5], parents[3][5], first[5];
    for (uint32_t c = 0; c < 16; c++) {
        mdl_job job;
        mdl_evolution_job(r.e, c, &job, genome[c]);
        r.result[c] = 0;
    }
    r.result[9] = 5;
    r.result[4] = r.result[11] = r.result[7] = 2; /* ties: 4 and 7 are in, 11 is not */
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 16), MDL_OK);
    bytebuf b = saved(r.e);
    for (uint32_t p = 0; p < 3; p++)
        read_array(&r, &b, 0, p, parents[p]);
    free(b.at);
    assert_memory_equal(parents[0], genome[9], sizeof first);
    assert_memory_equal(parents[1], genome[4], sizeof first);
    assert_memory_equal(parents[2], genome[7], sizeof first);
    mdl_job job;
    mdl_evolution_job(r.e, 0, &job, first);
    assert_memory_equal(first, genome[9], sizeof first);
    run_close(&r);
}

static void results_out_of_range_change_nothing(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(4);
    run r, fresh;
    run_open(&r, &spec, 3);
    run_open(&fresh, &spec, 3);
    const int64_t limit = (int64_t)1 << 52;
    for (uint32_t i = 0; i < 12; i++) {
        r.result[i] = limit + 1;
        assert_int_equal(mdl_evolution_advance(r.e, r.result, 12), MDL_ERANGE);
        r.result[i] = -limit - 1;
        assert_int_equal(mdl_evolution_advance(r.e, r.result, 12), MDL_ERANGE);
        r.result[i] = i % 2 ? limit : -limit;
    }
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 11), MDL_ERANGE);
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 13), MDL_ERANGE);
    assert_same_state(r.e, fresh.e);
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 12), MDL_OK);
    int64_t best, mean;
    mdl_evolution_last(r.e, 0, &best, &mean);
    assert_int_equal(best, limit);
    assert_int_equal(mean, 0);
    run_close(&r);
    run_close(&fresh);
}

static void last_mean_is_the_floor_without_overflow(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(65536);
    spec.islands = 1;
    spec.island[0] = island_of(MDL_GA, 65536);
    spec.island[0].elite = 1;
    run r;
    run_open(&r, &spec, 1);
    int64_t best, mean;
    for (uint32_t i = 0; i < 65536; i++)
        r.result[i] = (int64_t)1 << 52;
    r.result[65535]--;
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 65536), MDL_OK);
    mdl_evolution_last(r.e, 0, &best, &mean);
    assert_int_equal(best, (int64_t)1 << 52);
    assert_int_equal(mean, ((int64_t)1 << 52) - 1);
    for (uint32_t i = 0; i < 65536; i++)
        r.result[i] = i == 0 ? -1 : 0;
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 65536), MDL_OK);
    mdl_evolution_last(r.e, 0, &best, &mean);
    assert_int_equal(best, 0);
    assert_int_equal(mean, -1);
    run_close(&r);
}

static void champion_is_chosen_by_validation_alone(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(4);
    spec.validate_every = 1;
    run r;
    run_open(&r, &spec, 6);
    uint32_t island, generation;
    int64_t validation;
    float centre[3][3][6], genome[6];
    assert_int_equal(mdl_evolution_champion(r.e, UINT32_MAX, genome, &island, &generation, &validation), MDL_ENOENT);
    /* Validation of islands 0..2 in generations 0..2; training prefers others. */
    const int64_t scores[3][3] = {{-7, -5, -5}, {-5, -5, -6}, {-9, -5, -4}};
    const int64_t best_at[3] = {1, 0, 2};
    for (uint32_t g = 0; g < 3; g++) {
        for (uint32_t k = 0; k < 3; k++) {
            mdl_job job;
            mdl_evolution_job(r.e, 12 + k, &job, centre[g][k]);
        }
        for (uint32_t i = 0; i < 12; i++)
            r.result[i] = i * 1000;
        memcpy(r.result + 12, scores[g], sizeof scores[g]);
        assert_int_equal(mdl_evolution_advance(r.e, r.result, 15), MDL_OK);
        assert_int_equal(mdl_evolution_champion(r.e, UINT32_MAX, genome, &island, &generation, &validation), MDL_OK);
        const uint32_t islands[3] = {1, 0, 2}, generations[3] = {0, 1, 2};
        const int64_t best[3] = {-5, -5, -4};
        assert_int_equal(island, islands[g]);
        assert_int_equal(generation, generations[g]);
        assert_int_equal(validation, best[g]);
        assert_memory_equal(genome, centre[generations[g]][islands[g]], sizeof genome);
    }
    for (uint32_t k = 0; k < 3; k++) {
        assert_int_equal(mdl_evolution_champion(r.e, k, genome, NULL, &generation, NULL), MDL_OK);
        assert_int_equal(generation, best_at[k]);
        assert_memory_equal(genome, centre[best_at[k]][k], sizeof genome);
    }
    run_close(&r);
}

static void migration_moves_the_best_to_the_worst(void **state) {
    (void)state;
    for (uint32_t worst = 0; worst < 3; worst++) {
        mdl_evolution_spec spec = mixed_spec(16);
        spec.validate_every = 2;
        spec.migrate_every = 2;
        spec.meta_rate = worst == 1 ? 0 : 0.9f;
        run r;
        run_open(&r, &spec, 6);
        r.prior.eta_local_gene = 1;
        r.prior.eta_global_gene = 4;
        run_restart(&r);
        uint32_t from = (worst + 1) % 3;
        float best[6], centre[6];
        for (uint32_t g = 0; g < 4; g++) {
            uint32_t count = run_evaluate(&r, sphere);
            if (g % 2 == 1)
                for (uint32_t k = 0; k < 3; k++)
                    r.result[48 + k] = k == worst ? -2 : k == from ? 3 - (int64_t)g : 0;
            assert_int_equal(mdl_evolution_advance(r.e, r.result, count), MDL_OK);
            if (g == 1) { /* the first validation is not yet a migration */
                assert_int_equal(mdl_evolution_champion(r.e, worst, best, NULL, NULL, NULL), MDL_OK);
                bytebuf b = saved(r.e);
                read_array(&r, &b, worst, 0, centre);
                assert_memory_not_equal(best, centre, sizeof best);
                free(b.at);
            }
        }
        /* The best of `from` was validated in generation 1. */
        uint32_t generation;
        assert_int_equal(mdl_evolution_champion(r.e, from, best, NULL, &generation, NULL), MDL_OK);
        assert_int_equal(generation, 1);
        run_evaluate(&r, sphere);
        bytebuf b = saved(r.e);
        size_t at = 60 + 32 * 3 + 4;
        double u[2] = {read_f64(&b, at), read_f64(&b, at + 8)};
        for (size_t p = 0; p < (worst == 1 ? 2 : 1); p++) {
            read_array(&r, &b, worst, p, centre);
            for (uint32_t i = 0; i < 6; i++) {
                double shift = i == 1 ? u[0] : i == 4 ? u[1] : 0;
                assert_true(fabs((double)centre[i] * exp(shift) - (double)best[i]) <= 1e-6 * fabs((double)best[i]));
            }
        }
        double scalar[2] = {read_f64(&b, island_offset(&r, worst) + 36), read_f64(&b, island_offset(&r, worst) + 44)};
        if (worst != 1) {
            assert_true(scalar[0] == (worst == 0 ? 1.0 : (double)0.15f));
            assert_true(scalar[1] == 1.0);
            for (size_t a = 1; a <= (worst == 0 ? 2 : 3); a++) {
                float x[6];
                read_array(&r, &b, worst, a, x);
                for (uint32_t i = 0; i < 6; i++)
                    assert_true((double)x[i] == (worst == 2 && a == 1 ? 1.0 : 0.0));
            }
        }
        free(b.at);
        run_close(&r);
    }
}

static void a_lone_best_and_worst_island_stays(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(8), still = spec;
    spec.validate_every = still.validate_every = 1;
    spec.migrate_every = 1;
    run r, s;
    run_open(&r, &spec, 4);
    run_open(&s, &still, 4);
    for (uint32_t i = 0; i < 27; i++)
        r.result[i] = i < 24 ? (int64_t)i : 0; /* equal validations: island 0 is first and last */
    assert_int_equal(mdl_evolution_advance(r.e, r.result, 27), MDL_OK);
    assert_int_equal(mdl_evolution_advance(s.e, r.result, 27), MDL_OK);
    float x[27][4], y[27][4];
    for (uint32_t i = 0; i < 27; i++) {
        mdl_job job;
        mdl_evolution_job(r.e, i, &job, x[i]);
        mdl_evolution_job(s.e, i, &job, y[i]);
    }
    assert_memory_equal(x, y, sizeof x);
    run_close(&r);
    run_close(&s);
}

static void islands_do_not_disturb_each_other(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(8);
    run a, b;
    run_open(&a, &spec, 5);
    run_open(&b, &spec, 5);
    for (uint32_t g = 0; g < 5; g++) {
        uint32_t count = run_evaluate(&a, sphere);
        run_evaluate(&b, sphere);
        for (uint32_t i = 8; i < 16; i++)
            b.result[i] = -a.result[i] + (int64_t)i; /* only the GA sees another world */
        assert_int_equal(mdl_evolution_advance(a.e, a.result, count), MDL_OK);
        assert_int_equal(mdl_evolution_advance(b.e, b.result, count), MDL_OK);
    }
    bytebuf x = saved(a.e), y = saved(b.e);
    size_t ga = island_offset(&a, 1), cma = island_offset(&a, 2);
    assert_memory_equal(x.at, y.at, ga);
    assert_memory_not_equal(x.at + ga, y.at + ga, cma - ga);
    assert_memory_equal(x.at + cma, y.at + cma, x.size - cma);
    free(x.at);
    free(y.at);
    run_close(&a);
    run_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_match_counting_for_all_small_populations),
        cmocka_unit_test(ranks_of_extremes_and_permutations),
        cmocka_unit_test(vectors_of_the_spec_hold),
        cmocka_unit_test(jobs_are_listed_and_pure),
        cmocka_unit_test(candidates_follow_the_spec),
        cmocka_unit_test(noise_is_standard_normal),
        cmocka_unit_test(ga_keeps_the_best_as_parents),
        cmocka_unit_test(results_out_of_range_change_nothing),
        cmocka_unit_test(last_mean_is_the_floor_without_overflow),
        cmocka_unit_test(champion_is_chosen_by_validation_alone),
        cmocka_unit_test(migration_moves_the_best_to_the_worst),
        cmocka_unit_test(a_lone_best_and_worst_island_stays),
        cmocka_unit_test(islands_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
