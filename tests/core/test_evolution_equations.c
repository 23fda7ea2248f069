/* One step of each search algorithm and of population-scope meta-learning
 * against binary64 computations written here from the published equations, with
 * libm. Convergence of all three algorithms on known functions. */
#include "tests/support/evolution_fixture.h"

#include <math.h>

enum { GENES = 9, POP = 20 };

/* A fitness with many ties. */
static int64_t coarse_sphere(const float *x, uint32_t n) { return sphere(x, n) / 400000; }

/* In place: the search keeps pointers into `r`. */
static void open_one(run *r, mdl_algorithm algorithm) {
    mdl_evolution_spec spec = mixed_spec(POP);
    spec.generations = 60;
    spec.islands = 1;
    spec.island[0] = island_of(algorithm, POP);
    run_open(r, &spec, GENES);
}

/* Centred rank by counting, in [-1/2, 1/2]; ties share the mean. */
static double centred_rank(const int64_t *f, uint32_t n, uint32_t i) {
    double below = 0;
    for (uint32_t j = 0; j < n; j++)
        below += f[j] < f[i] ? 1.0 : f[j] == f[i] && j != i ? 0.5 : 0.0;
    return below / (n - 1.0) - 0.5;
}

/* Every stored number is binary32, so a step from the stored state is right to
 * a few half-ulps: 2e-7 relative, beside 1e-9 absolute for sums that cancel. */
static void assert_close(double got, double want) {
    if (!(fabs(got - want) <= 1e-9 + 2e-7 * fabs(want)))
        fail_msg("got %.12g, want %.12g", got, want);
}

static void es_step_is_adam_on_the_rank_gradient(void **state) {
    (void)state;
    run r;
    open_one(&r, MDL_ES);
    for (uint32_t g = 0; g < 30; g++) {
        bytebuf b = saved(r.e);
        float theta[GENES], m[GENES], v[GENES];
        read_array(&r, &b, 0, 0, theta);
        read_array(&r, &b, 0, 1, m);
        read_array(&r, &b, 0, 2, v);
        free(b.at);
        uint32_t count = run_evaluate(&r, coarse_sphere);
        int64_t f[POP];
        memcpy(f, r.result, sizeof f);
        assert_int_equal(mdl_evolution_advance(r.e, r.result, count), MDL_OK);
        float theta2[GENES], m2[GENES], v2[GENES];
        b = saved(r.e);
        read_array(&r, &b, 0, 0, theta2);
        read_array(&r, &b, 0, 1, m2);
        read_array(&r, &b, 0, 2, v2);
        double power1 = pow((double)0.9f, g + 1.0), power2 = pow((double)0.99f, g + 1.0);
        assert_true(fabs(read_f64(&b, island_offset(&r, 0) + 36) - power1) < 1e-14);
        assert_true(fabs(read_f64(&b, island_offset(&r, 0) + 44) - power2) < 1e-14);
        free(b.at);
        for (uint32_t i = 0; i < GENES; i++) {
            double grad = 0;
            for (uint32_t c = 0; c < POP; c++)
                grad += centred_rank(f, POP, c) * (c % 2 ? -1 : 1) * spec_noise(&r, g, 0, 1, c / 2, i) / POP;
            double want_m = (double)0.9f * (double)m[i] + (1 - (double)0.9f) * grad;
            double want_v = (double)0.99f * (double)v[i] + (1 - (double)0.99f) * grad * grad;
            assert_close((double)m2[i], want_m);
            assert_close((double)v2[i], want_v);
            double step = (double)0.05f * (want_m / (1 - power1)) / (sqrt(want_v / (1 - power2)) + 1e-8);
            assert_close((double)theta2[i], (double)theta[i] + step);
        }
    }
    run_close(&r);
}

static void es_without_a_winner_stands_still(void **state) {
    (void)state;
    run r;
    open_one(&r, MDL_ES);
    float before[GENES], after[GENES];
    bytebuf b = saved(r.e);
    read_array(&r, &b, 0, 0, before);
    free(b.at);
    for (uint32_t i = 0; i < POP; i++)
        r.result[i] = 12345; /* mid-ranks of equal fitness are 0, so there is no gradient */
    assert_int_equal(mdl_evolution_advance(r.e, r.result, POP), MDL_OK);
    b = saved(r.e);
    read_array(&r, &b, 0, 0, after);
    free(b.at);
    assert_memory_equal(before, after, sizeof before);
    run_close(&r);
}

/* Weight of candidate i: the mean over the places that its tie group fills. */
static double shared_weight(const double *place_weight, const int64_t *f, uint32_t i) {
    uint32_t better = 0, equal = 0;
    for (uint32_t j = 0; j < POP; j++) {
        better += f[j] > f[i];
        equal += f[j] == f[i];
    }
    double sum = 0;
    for (uint32_t p = better; p < better + equal; p++)
        sum += place_weight[p];
    return sum / equal;
}

static void cma_step_is_ros_and_hansen(void **state) {
    (void)state;
    run r;
    open_one(&r, MDL_CMA);
    r.spec.island[0].sigma_min = 0.001f;
    run_restart(&r);
    double n = GENES, weight[POP] = {0}, sum = 0, squares = 0;
    for (int i = 0; i < POP / 2; i++)
        sum += log(POP / 2 + 0.5) - log(i + 1.0);
    for (int i = 0; i < POP / 2; i++) {
        weight[i] = (log(POP / 2 + 0.5) - log(i + 1.0)) / sum;
        squares += weight[i] * weight[i];
    }
    double mu_eff = 1 / squares, c_sigma = (mu_eff + 2) / (n + mu_eff + 3), c_c = 4 / (n + 4);
    double d_sigma = 1 + 2 * fmax(0, sqrt((mu_eff - 1) / (n + 1)) - 1) + c_sigma;
    double c_cov = fmin(1, (n + 2) / 3 *
                               (2 / (mu_eff * pow(n + sqrt(2), 2)) +
                                (1 - 1 / mu_eff) * fmin(1, (2 * mu_eff - 1) / (pow(n + 2, 2) + mu_eff))));
    double chi = sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    int stalled = 0, ties = 0;
    for (uint32_t g = 0; g < 60; g++) {
        float old[4][GENES], new[4][GENES]; /* mean, C, p_sigma, p_c */
        bytebuf b = saved(r.e);
        for (size_t a = 0; a < 4; a++)
            read_array(&r, &b, 0, a, old[a]);
        double sigma = read_f64(&b, island_offset(&r, 0) + 36);
        free(b.at);
        /* First a long slope, so that the step grows and p_c must stall; then ties. */
        uint32_t count = run_evaluate(&r, coarse_sphere);
        if (g < 12)
            for (uint32_t c = 0; c < POP; c++) {
                mdl_job job;
                float x[GENES];
                mdl_evolution_job(r.e, c, &job, x);
                r.result[c] = (int64_t)(1e6 * (double)x[0]);
            }
        int64_t f[POP];
        memcpy(f, r.result, sizeof f);
        assert_int_equal(mdl_evolution_advance(r.e, r.result, count), MDL_OK);
        b = saved(r.e);
        for (size_t a = 0; a < 4; a++)
            read_array(&r, &b, 0, a, new[a]);
        double new_sigma = read_f64(&b, island_offset(&r, 0) + 36);
        free(b.at);
        double zbar[GENES] = {0}, zz[GENES] = {0}, norm = 0, path[GENES];
        for (uint32_t c = 0; c < POP; c++)
            for (uint32_t i = 0; i < GENES; i++) {
                double z = spec_noise(&r, g, 0, 1, c, i), w = shared_weight(weight, f, c);
                zbar[i] += w * z;
                zz[i] += w * z * z;
            }
        for (uint32_t i = 0; i < GENES; i++) {
            path[i] = (1 - c_sigma) * (double)old[2][i] + sqrt(c_sigma * (2 - c_sigma) * mu_eff) * zbar[i];
            norm += path[i] * path[i];
            assert_close((double)new[2][i], path[i]);
        }
        norm = sqrt(norm);
        int h = norm / sqrt(1 - pow(1 - c_sigma, 2 * (g + 1.0))) < (1.4 + 2 / (n + 1)) * chi;
        stalled += !h;
        for (uint32_t c = 1; c < POP; c++)
            ties += f[c] == f[0];
        for (uint32_t i = 0; i < GENES; i++) {
            double y = sqrt((double)old[1][i]) * zbar[i];
            double pc = (1 - c_c) * (double)old[3][i] + h * sqrt(c_c * (2 - c_c) * mu_eff) * y;
            double var = (1 - c_cov) * (double)old[1][i] + c_cov / mu_eff * pc * pc +
                         c_cov * (1 - 1 / mu_eff) * (double)old[1][i] * zz[i];
            assert_close((double)new[0][i], (double)old[0][i] + sigma * y);
            assert_close((double)new[3][i], pc);
            assert_close((double)new[1][i], fmax(var, (double)1e-6f));
        }
        double change = fmax(-0.3, fmin(0.3, c_sigma / d_sigma * (norm / chi - 1)));
        assert_close(new_sigma, fmax((double)0.001f, fmin(2, sigma * exp(change))));
    }
    assert_true(stalled > 0 && stalled < 60);
    assert_true(ties > 60);
    run_close(&r);
}

static void cma_step_has_a_floor(void **state) {
    (void)state;
    run r;
    open_one(&r, MDL_CMA);
    for (uint32_t g = 0; g < 60; g++) {
        uint32_t count = mdl_evolution_job_count(r.e);
        memset(r.result, 0, count * sizeof *r.result); /* all tied: the path shrinks, so the step does */
        assert_int_equal(mdl_evolution_advance(r.e, r.result, count), MDL_OK);
    }
    bytebuf b = saved(r.e);
    assert_true(read_f64(&b, island_offset(&r, 0) + 36) == (double)0.1f);
    free(b.at);
    run_close(&r);
}

static void meta_step_is_spsa_over_all_pairs(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(16);
    spec.meta_rate = 0.7f;
    spec.meta_step = 0.25f;
    spec.island[1].population = 24;
    run r, plain;
    run_open(&r, &spec, GENES);
    r.prior.eta_local_gene = 2;
    r.prior.eta_global_gene = 5;
    run_restart(&r);
    const uint32_t population[3] = {16, 24, 16};
    const size_t u_at = 60 + 32 * 3 + 4;
    double moved = 0;
    for (uint32_t g = 0; g < 8; g++) {
        bytebuf b = saved(r.e);
        double u[2] = {read_f64(&b, u_at), read_f64(&b, u_at + 8)}, gradient[2] = {0, 0}, pairs = 28;
        /* The same state with meta-learning off shows the unmultiplied genomes. */
        mdl_evolution_spec off = spec;
        off.meta_rate = 0;
        run_open(&plain, &off, GENES);
        plain.prior = r.prior;
        run_restart(&plain);
        bytebuf zero = saved(plain.e);
        memcpy(zero.at + u_at + 16, b.at + u_at + 16, b.size - u_at - 16);
        memcpy(zero.at + u_at - 4, b.at + u_at - 4, 4);
        assert_int_equal(mdl_evolution_load(plain.e, zero.at, zero.size), MDL_OK);
        free(zero.at);
        free(b.at);
        uint32_t count = run_evaluate(&r, coarse_sphere), base = 0;
        for (uint32_t k = 0; k < 3; base += population[k++])
            for (uint32_t c = 0; c < population[k]; c++) {
                float x[GENES], y[GENES];
                mdl_job job;
                mdl_evolution_job(r.e, base + c, &job, x);
                mdl_evolution_job(plain.e, base + c, &job, y);
                for (int d = 0; d < 2; d++) {
                    int delta = (spec_word(&r, g, k, 3, 0, c / 2, d) & 1) ? 1 : -1;
                    double shift = u[d] + (c % 2 ? -1 : 1) * (double)0.25f * delta;
                    uint32_t gene = d ? 5 : 2;
                    assert_close((double)x[gene], (double)y[gene] * exp(shift));
                    double loss = -centred_rank(r.result + base, population[k], c);
                    gradient[d] += (c % 2 ? -1 : 1) * loss * delta / (2 * (double)0.25f * pairs);
                    y[gene] = x[gene];
                }
                assert_memory_equal(x, y, sizeof x); /* no other gene is touched */
            }
        assert_int_equal(mdl_evolution_advance(r.e, r.result, count), MDL_OK);
        b = saved(r.e);
        for (int d = 0; d < 2; d++) {
            double want = fmax(-2, fmin(2, u[d] - (double)0.7f * gradient[d]));
            assert_true(fabs(read_f64(&b, u_at + 8 * (size_t)d) - want) < 1e-12);
            moved += fabs(want);
        }
        free(b.at);
        run_close(&plain);
    }
    assert_true(moved > 0.01);
    run_close(&r);
}

static int64_t wants_much_local(const float *x, uint32_t n) {
    (void)n;
    return (int64_t)(1e6 * (double)x[0]) - (int64_t)(1e6 * (double)x[1]);
}

static void meta_learns_which_rate_pays(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(32);
    spec.generations = 400;
    spec.meta_rate = 1;
    run r;
    run_open(&r, &spec, 3);
    r.mean[0] = r.mean[1] = 1;
    r.sd[0] = r.sd[1] = 0;
    r.prior.eta_local_gene = 0;
    r.prior.eta_global_gene = 1;
    run_restart(&r);
    /* Genes stay near 1 in the first generations, so only the multipliers differ much. */
    for (uint32_t g = 0; g < 40; g++)
        run_generation(&r, wants_much_local);
    bytebuf b = saved(r.e);
    size_t at = 60 + 32 * 3 + 4;
    assert_true(read_f64(&b, at) > 0.2);
    assert_true(read_f64(&b, at + 8) < -0.2);
    free(b.at);
    for (uint32_t g = 40; g < 400; g++)
        run_generation(&r, wants_much_local);
    b = saved(r.e);
    assert_true(read_f64(&b, at) <= 2 && read_f64(&b, at + 8) >= -2);
    free(b.at);
    run_close(&r);
}

/* Rastrigin, shrunk so that its local minima are 0.5 apart; best 0 at x = 0.25. */
static int64_t rastrigin(const float *x, uint32_t n) {
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        double d = (double)x[i] - 0.25;
        sum -= 4 * d * d + 0.5 * (1 - cos(4 * 3.14159265358979 * d));
    }
    return (int64_t)(1e6 * sum);
}

static void all_algorithms_converge(void **state) {
    (void)state;
    /* Bounds in 10^-6: what each reaches with these steps, with room; the
     * start is about -11 * 10^6 (sphere) and -6 * 10^6 (Rastrigin). */
    const struct {
        mdl_algorithm algorithm;
        float sigma, sigma_min;
        fitness_fn fn;
        int64_t bound;
    } cases[] = {
        {MDL_ES, 0.15f, 0.1f, sphere, -50000},      {MDL_GA, 0.15f, 0.1f, sphere, -200000},
        {MDL_CMA, 0.15f, 0.001f, sphere, -1000},    {MDL_ES, 0.3f, 0.1f, rastrigin, -500000},
        {MDL_GA, 0.15f, 0.1f, rastrigin, -1000000}, {MDL_CMA, 0.3f, 0.001f, rastrigin, -1500000},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        mdl_evolution_spec spec = mixed_spec(64);
        spec.generations = 300;
        spec.islands = 1;
        spec.island[0] = island_of(cases[c].algorithm, 64);
        spec.island[0].sigma = cases[c].sigma;
        spec.island[0].sigma_min = cases[c].sigma_min;
        run r;
        run_open(&r, &spec, 10);
        while (!mdl_evolution_done(r.e))
            run_generation(&r, cases[c].fn);
        int64_t validation;
        float genome[10];
        assert_int_equal(mdl_evolution_champion(r.e, UINT32_MAX, genome, NULL, NULL, &validation), MDL_OK);
        assert_int_equal(validation, cases[c].fn(genome, 10));
        print_message("case %zu: %lld\n", c, (long long)validation);
        assert_true(validation > cases[c].bound);
        run_close(&r);
    }
}

static int64_t squashed_sphere(const float *x, uint32_t n) {
    int64_t f = sphere(x, n);
    return f * 3 / 2 - 777; /* strictly increasing in f, so ranks are the same */
}

static void only_ranks_matter(void **state) {
    (void)state;
    mdl_evolution_spec spec = mixed_spec(16);
    spec.meta_rate = 0.5f;
    run a, b;
    run_open(&a, &spec, 6);
    run_open(&b, &spec, 6);
    a.prior.eta_local_gene = b.prior.eta_local_gene = 0;
    run_restart(&a);
    run_restart(&b);
    for (uint32_t g = 0; g < 10; g++) {
        run_generation(&a, sphere);
        run_generation(&b, squashed_sphere);
    }
    bytebuf x = saved(a.e), y = saved(b.e);
    for (uint32_t k = 0; k < 3; k++) { /* all but the four recorded fitnesses */
        size_t at = island_offset(&a, k) + 32, end = k < 2 ? island_offset(&a, k + 1) : x.size;
        assert_memory_equal(x.at + at, y.at + at, end - at);
    }
    free(x.at);
    free(y.at);
    run_close(&a);
    run_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(es_step_is_adam_on_the_rank_gradient),
        cmocka_unit_test(es_without_a_winner_stands_still),
        cmocka_unit_test(cma_step_is_ros_and_hansen),
        cmocka_unit_test(cma_step_has_a_floor),
        cmocka_unit_test(meta_step_is_spsa_over_all_pairs),
        cmocka_unit_test(meta_learns_which_rate_pays),
        cmocka_unit_test(all_algorithms_converge),
        cmocka_unit_test(only_ranks_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
