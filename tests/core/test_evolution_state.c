/* Saved evolution states: round trips, damage, extremes, golden digest. */
#include "tests/support/evolution_fixture.h"

#include "core/evolution_internal.h"
#include "tests/support/fnv.h"
#include "tests/support/vectors.h"

static mdl_evolution_spec lively_spec(uint32_t population) {
    mdl_evolution_spec spec = mixed_spec(population);
    spec.validate_every = 2;
    spec.migrate_every = 2;
    spec.meta_rate = 0.5f;
    return spec;
}

static void open_lively(run *r, uint32_t population, uint32_t genes) {
    mdl_evolution_spec spec = lively_spec(population);
    run_open(r, &spec, genes);
    r->prior.eta_local_gene = 0;
    r->prior.eta_global_gene = genes - 1;
    run_restart(r);
}

static void a_loaded_run_goes_on_unchanged(void **state) {
    (void)state;
    run r, copy;
    open_lively(&r, 12, 11);
    open_lively(&copy, 12, 11);
    for (uint32_t g = 0;; g++) {
        bytebuf b = saved(r.e);
        assert_int_equal(mdl_evolution_load(copy.e, b.at, b.size), MDL_OK);
        free(b.at);
        assert_int_equal(mdl_evolution_generation(copy.e), g);
        assert_same_state(r.e, copy.e);
        if (mdl_evolution_done(r.e))
            break;
        run_generation(&r, sphere);
        run_generation(&copy, sphere);
        assert_same_state(r.e, copy.e);
        run_restart(&copy); /* the next load starts from another state */
    }
    run_close(&r);
    run_close(&copy);
}

static void states_of_other_runs_are_refused(void **state) {
    (void)state;
    run r, other;
    open_lively(&r, 8, 5);
    run_generation(&r, sphere);
    bytebuf b = saved(r.e);
    for (int change = 0; change < 18; change++) {
        mdl_evolution_spec spec = lively_spec(8);
        mdl_gene_prior prior = {5, r.mean, r.sd, 0, 4};
        switch (change) {
        case 0:
            spec.generations++;
            break;
        case 1:
            spec.episodes++;
            break;
        case 2:
            spec.validate_every++;
            break;
        case 3:
            spec.validate_episodes++;
            break;
        case 4:
            spec.migrate_every++;
            break;
        case 5:
            spec.meta_rate = 0.25f;
            break;
        case 6:
            spec.meta_step = 0.25f;
            break;
        case 7:
            spec.islands--;
            break;
        case 8:
            spec.seed++;
            break;
        case 9:
            spec.island[2].population += 2;
            break;
        case 10:
            spec.island[0].algorithm = MDL_CMA;
            break;
        case 11:
            spec.island[1].sigma = 0.5f;
            break;
        case 12:
            spec.island[0].rate = 0.5f;
            break;
        case 13:
            spec.island[0].beta1 = 0.5f;
            break;
        case 14:
            spec.island[0].beta2 = 0.5f;
            break;
        case 15:
            spec.island[1].elite = 2;
            break;
        case 16:
            spec.island[2].sigma_min = 0.5f;
            break;
        default:
            prior.genes = 6;
            break;
        }
        run_open(&other, &spec, 6);
        other.prior = prior;
        run_restart(&other);
        bytebuf fresh = saved(other.e);
        mdl_err err = mdl_evolution_load(other.e, b.at, b.size);
        /* Fewer islands make a shorter head, whose bytes differ all the same. */
        assert_int_equal(err, MDL_EMISMATCH);
        bytebuf after = saved(other.e);
        assert_memory_equal(after.at, fresh.at, fresh.size);
        free(fresh.at);
        free(after.at);
        run_close(&other);
    }
    free(b.at);
    run_close(&r);
}

static void truncated_and_longer_states_are_refused(void **state) {
    (void)state;
    run r, fresh;
    open_lively(&r, 4, 3);
    open_lively(&fresh, 4, 3);
    for (int g = 0; g < 3; g++)
        run_generation(&r, sphere);
    bytebuf b = saved(r.e);
    for (size_t size = 0; size < b.size; size++) {
        /* A block of exactly this size, so that a sanitizer sees a byte read past it. */
        uint8_t *cut = malloc(size ? size : 1);
        assert_non_null(cut);
        memcpy(cut, b.at, size);
        assert_int_equal(mdl_evolution_load(r.e, cut, size), MDL_ESIZE);
        free(cut);
    }
    assert_same_state(r.e, fresh.e);
    uint8_t *longer = calloc(1, b.size + 1);
    assert_non_null(longer);
    memcpy(longer, b.at, b.size);
    assert_int_equal(mdl_evolution_load(r.e, longer, b.size + 1), MDL_ESIZE);
    longer[0] ^= 1;
    assert_int_equal(mdl_evolution_load(r.e, longer, b.size), MDL_EMAGIC);
    free(longer);
    free(b.at);
    run_close(&r);
    run_close(&fresh);
}

/* Genomes of all jobs are finite and within the limit of genes. */
static void assert_sound(run *r) {
    float genome[64];
    for (uint32_t i = 0, n = mdl_evolution_job_count(r->e); i < n; i++) {
        mdl_job job;
        mdl_evolution_job(r->e, i, &job, genome);
        for (uint32_t j = 0; j < r->prior.genes; j++)
            assert_true(genome[j] >= -0x1p20f && genome[j] <= 0x1p20f);
    }
}

static void any_flipped_bit_is_refused_or_harmless(void **state) {
    (void)state;
    run r, fresh, plain;
    open_lively(&r, 4, 3);
    open_lively(&fresh, 4, 3);
    open_lively(&plain, 4, 3);
    uint32_t refused = 0, accepted = 0;
    for (int g = 0; g < 4; g++) {
        bytebuf b = saved(plain.e);
        for (size_t bit = 0; bit < 8 * b.size; bit++) {
            b.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
            mdl_err err = mdl_evolution_load(r.e, b.at, b.size);
            bytebuf after = saved(r.e);
            if (err == MDL_OK) {
                accepted++;
                assert_memory_equal(after.at, b.at, b.size);
                assert_sound(&r);
                /* The next state must be one that a load accepts too. */
                if (!mdl_evolution_done(r.e)) {
                    run_generation(&r, sphere);
                    bytebuf next = saved(r.e);
                    assert_int_equal(mdl_evolution_load(r.e, next.at, next.size), MDL_OK);
                    free(next.at);
                }
            } else {
                refused++;
                bytebuf unused = saved(fresh.e);
                assert_memory_equal(after.at, unused.at, unused.size);
                free(unused.at);
            }
            free(after.at);
            b.at[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(b.at);
        run_generation(&plain, sphere);
    }
    assert_true(refused > 1000 && accepted > 1000);
    run_close(&r);
    run_close(&fresh);
    run_close(&plain);
}

/* Specs at the ends of their ranges and results at the ends of theirs: every
 * state reached is one that load accepts, so no invariant is left. */
static void extremes_keep_every_invariant(void **state) {
    (void)state;
    mdl_stream s = {2024, 0};
    static const float ends[6][2] = {{1e-4f, 10}, {1e-5f, 10}, {0, 0.9999f}, {0, 0.9999f}, {1e-4f, 10}, {0.001f, 1}};
    for (int trial = 0; trial < 150; trial++) {
        float pick[6];
        for (int i = 0; i < 6; i++)
            pick[i] = ends[i][mdl_draw_u32(&s) & 1u];
        mdl_evolution_spec spec = lively_spec(4 + 2 * mdl_draw_below(&s, 8));
        spec.generations = 30;
        spec.meta_rate = (float)mdl_draw_below(&s, 2);
        spec.meta_step = pick[5];
        for (uint32_t k = 0; k < 3; k++) {
            spec.island[k].sigma = pick[0];
            spec.island[k].rate = pick[1];
            spec.island[k].beta1 = pick[2];
            spec.island[k].beta2 = pick[3];
            spec.island[k].sigma_min = pick[4];
        }
        run r;
        run_open(&r, &spec, 1 + mdl_draw_below(&s, 9));
        r.prior.eta_local_gene = r.prior.genes - 1;
        run_restart(&r);
        int style = trial % 3;
        while (!mdl_evolution_done(r.e)) {
            uint32_t count = run_evaluate(&r, sphere);
            for (uint32_t i = 0; i < count; i++) {
                if (style == 1) /* runaway: ever larger genes are better */
                    r.result[i] = -r.result[i];
                else if (style == 2)
                    r.result[i] = (mdl_draw_u32(&s) & 1u) ? (int64_t)1 << 52 : -((int64_t)1 << 52);
            }
            assert_int_equal(mdl_evolution_advance(r.e, r.result, count), MDL_OK);
            bytebuf b = saved(r.e);
            assert_int_equal(mdl_evolution_load(r.e, b.at, b.size), MDL_OK);
            free(b.at);
        }
        run_close(&r);
    }
}

static uint64_t fnv_bytes(uint64_t h, const bytebuf *b) {
    for (size_t i = 0; i < b->size; i++)
        h = (h ^ b->at[i]) * 0x100000001b3u;
    return h;
}

static void run_of_the_spec(void *ctx, size_t count, char **field) {
    run *r = ctx;
    assert_int_equal(count, 2);
    assert_int_equal(vectors_u64(field[0]), mdl_evolution_generation(r->e));
    bytebuf b = saved(r->e);
    if (fnv_bytes(FNV_START, &b) != vectors_u64(field[1]))
        fail_msg("generation %s: digest is 0x%016llx", field[0], (unsigned long long)fnv_bytes(FNV_START, &b));
    free(b.at);
    if (!mdl_evolution_done(r->e))
        run_generation(r, sphere);
}

static void the_run_of_the_spec_has_its_digests(void **state) {
    (void)state;
    run r;
    open_lively(&r, 16, 21);
    assert_int_equal(vectors_load("evolution-run", run_of_the_spec, &r), 11);
    assert_true(mdl_evolution_done(r.e));
    run_close(&r);
}

/* As above, with every bit of every genome. */
static void ten_generations_have_the_golden_digest(void **state) {
    (void)state;
    run r;
    open_lively(&r, 16, 21);
    uint64_t h = FNV_START;
    for (;;) {
        bytebuf b = saved(r.e);
        h = fnv_bytes(h, &b);
        free(b.at);
        if (mdl_evolution_done(r.e))
            break;
        float genome[21];
        for (uint32_t i = 0, n = mdl_evolution_job_count(r.e); i < n; i++) {
            mdl_job job;
            mdl_evolution_job(r.e, i, &job, genome);
            for (uint32_t j = 0; j < 21; j++)
                h = fnv_u32(h, mdl_float_bits(genome[j]));
        }
        run_generation(&r, sphere);
    }
    if (h != 0x5bf5e58425e6a130u)
        fail_msg("digest is 0x%016llx", (unsigned long long)h);
    run_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loaded_run_goes_on_unchanged),
        cmocka_unit_test(states_of_other_runs_are_refused),
        cmocka_unit_test(truncated_and_longer_states_are_refused),
        cmocka_unit_test(any_flipped_bit_is_refused_or_harmless),
        cmocka_unit_test(extremes_keep_every_invariant),
        cmocka_unit_test(the_run_of_the_spec_has_its_digests),
        cmocka_unit_test(ten_generations_have_the_golden_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
