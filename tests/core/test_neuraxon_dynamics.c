/* What a Neuraxon does over long times without input: activity that neither dies
 * nor saturates, branching that homeostasis brings to 1, balance of excitation
 * and inhibition, structure that changes within its bounds, rhythms in rhythms.
 * SPEC 13.5 to 13.7. Seeds are fixed, so these are no games of chance. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/small_world.h"
#include "tests/support/neuraxon_fixture.h"

enum { HIDDEN = 200, KEY = 5 };

typedef struct world {
    mdl_experiment x;
    mdl_life *life;
    void *memory;
    float *genome;
    mdl_task_out out;
} world;

static mdl_experiment quiet(void) {
    mdl_experiment x = nx_experiment(1, HIDDEN, 1);
    x.network.ring = 10;
    x.network.rewire = 0.1f;
    x.network.delay[1] = 1;
    memset(x.neuraxon.mechanism, MDL_OFF, sizeof x.neuraxon.mechanism);
    memset(x.hmn.mechanism, MDL_OFF, sizeof x.hmn.mechanism);
    x.neuraxon.mechanism[MDL_NX_TRINARY] = x.neuraxon.mechanism[MDL_NX_SPONTANEOUS] = MDL_ON;
    return x;
}

/* Born with normal weights of s.d. `sd` between neurons, none from sensors. */
static void open_world(world *w, const mdl_experiment *x, float sd) {
    w->x = *x;
    w->life = hmn_life(&w->x, 1, NULL, &w->memory);
    const mdl_genome_layout *l = &w->life->layout;
    w->genome = calloc(2 * (size_t)l->genes, sizeof *w->genome);
    assert_non_null(w->genome);
    mdl_genome_prior(&w->x, l, w->genome, w->genome + l->genes);
    mdl_stream s = {7, 0};
    mdl_shape shape;
    mdl_shape_of(&w->x.network, 0, &shape);
    uint32_t i = l->weights;
    for (uint32_t j = 0; j < shape.neurons; j++)
        for (uint32_t k = 0; k < mdl_row_fan(&shape, j); k++)
            w->genome[i++] = k < shape.fan_sensor ? 0.0f : sd * hmn_normal(&s);
    for (uint32_t j = 0; j < l->neurons; j++)
        w->genome[l->taus + j] = -2.0f;
}

static void begin(world *w) {
    memset(&w->out, 0, sizeof w->out);
    w->out.flags = MDL_OUT_WIPE;
    mdl_life_genome(w->life, w->genome);
    mdl_shard_birth(&w->life->shard[0], &w->life->params, KEY);
    mdl_modulation_init(&w->life->conductor.modulation[0], &w->life->params, KEY, &w->out);
    w->out.flags = 0;
}

/* A step without input; the number of active neurons. */
static double go(world *w) {
    mdl_partials sum = {0, 0, 0};
    mdl_life *l = w->life;
    mdl_shard_window(&l->shard[0], &l->params, &l->conductor.modulation[0], w->out.obs);
    mdl_shard_partials(&l->shard[0], &l->params, &sum);
    mdl_modulation_next(&l->conductor.modulation[0], &l->params, KEY, 1, &sum, l->conductor.neurons,
                        w->x.network.sensors, 0, &w->out);
    const mdl_neuraxon_region *r = nx_region_of(l, 0);
    double active = 0.0;
    for (uint32_t j = 0; j < HIDDEN; j++)
        active += fabs((double)r->z[j]);
    return active;
}

static void close_world(world *w) {
    free(w->memory);
    free(w->genome);
}

/* Everything on, 100,000 steps, no input: with the prior's genome, and with a
 * local term that makes weights move all the time. (A positive local term is
 * Hebb's alone: what is active together without reward ends at the bounds.) */
static void test_spontaneous(void **state) {
    (void)state;
    static const float local[] = {0.0f, -0.5f};
    mdl_experiment x = quiet();
    memset(x.neuraxon.mechanism, MDL_ON, sizeof x.neuraxon.mechanism);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        x.hmn.mechanism[m] = (uint8_t)mdl_neuraxon_shared_default(m);
    for (int i = 0; i < 2; i++) {
        world w;
        open_world(&w, &x, 0.2f);
        w.genome[w.life->layout.globals + MDL_GENE_ETA_LOCAL] = local[i];
        begin(&w);
        const mdl_neuraxon_region *r = nx_region_of(w.life, 0);
        double least = 1.0, most = 0.0, sum = 0.0, moved = 0.0;
        for (uint32_t t = 1; t <= 100000; t++) {
            sum += go(&w);
            if (t % 5000 != 0)
                continue;
            double mean = sum / 5000.0 / HIDDEN;
            least = fmin(least, mean);
            most = fmax(most, mean);
            sum = moved = 0.0;
            for (size_t c = 0; c < r->shape.cells; c++) {
                assert_true(fabsf(r->w[c]) <= x.neuraxon.weight_max && fabsf(r->meta[c]) <= MDL_NEURAXON_META_MAX);
                moved += (double)fabsf(r->fast[c]) / (double)r->shape.synapses;
            }
        }
        print_message("local gene %.1f: mean activity of 5,000 steps between %.3f and %.3f, mean |w_fast| %.3f\n",
                      (double)local[i], least, most, moved);
        assert_true(least > 0.01 && most < 0.6);
        assert_true(i == 0 || moved > 0.001);
        close_world(&w);
    }
}

/* Slope of the number of active neurons over that of the step before. */
static double slope_of(const double *a, uint32_t n) {
    double x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
    for (uint32_t i = 0; i + 1 < n; i++) {
        x += a[i] / (n - 1);
        y += a[i + 1] / (n - 1);
    }
    for (uint32_t i = 0; i + 1 < n; i++) {
        xx += (a[i] - x) * (a[i] - x);
        xy += (a[i] - x) * (a[i + 1] - y);
    }
    return xx > 0.0 ? xy / xx : 0.0;
}

/* One network from weights of s.d. `sd` (their sum's), wiring and weights drawn
 * by `seed`: slope and mean share after SETTLE steps, and the least and largest
 * share of pieces of 4,000 steps. A network that jumps between silence and
 * saturation has a slope near 1 too; its pieces betray it. */
typedef struct trial {
    double slope, share, least, most, gain;
} trial;

static trial branching(float sd, uint64_t seed, int controlled) {
    enum { SETTLE = 36000, STEPS = 16000, PIECE = 4000 };
    static double a[STEPS];
    mdl_experiment x = quiet();
    x.network.ring = 32;
    x.neuraxon.mechanism[MDL_NX_HOMEOSTASIS] = controlled ? MDL_ON : MDL_OFF;
    x.neuraxon.mechanism[MDL_NX_ADAPTATION] = MDL_ON;
    x.network.seed = seed;
    world w;
    mdl_shape shape;
    mdl_shape_of(&x.network, 0, &shape);
    open_world(&w, &x, sd / sqrtf((float)(shape.fan[0] - shape.fan_sensor)));
    begin(&w);
    trial out = {.least = 1.0};
    double piece = 0.0;
    for (uint32_t t = 0; t < (controlled ? SETTLE : 2000); t++)
        go(&w);
    for (uint32_t t = 0; t < STEPS; t++) {
        a[t] = go(&w);
        out.share += a[t] / HIDDEN / STEPS;
        piece += a[t] / HIDDEN / PIECE;
        if ((t + 1) % PIECE != 0)
            continue;
        out.least = fmin(out.least, piece);
        out.most = fmax(out.most, piece);
        piece = 0.0;
    }
    out.slope = slope_of(a, STEPS);
    out.gain = (double)nx_region_of(w.life, 0)->branching.slow;
    close_world(&w);
    return out;
}

/* From far below and far above to within 5 % of 1, and there to stay. */
static void test_branching(void **state) {
    (void)state;
    static const float sd[] = {0.1f, 4.0f, 0.1f, 4.0f, 0.1f, 4.0f, 0.1f, 4.0f, 0.1f, 4.0f, 0.5f, 1.0f, 2.0f};
    for (uint32_t i = 0; i < sizeof sd / sizeof sd[0]; i++) {
        trial t = branching(sd[i], 1 + i / 2, 1);
        print_message("s.d. %.1f: slope %.3f, activity %.3f (%.3f to %.3f), gain %.3f\n", (double)sd[i], t.slope,
                      t.share, t.least, t.most, t.gain);
        assert_true(fabs(t.slope - 1.0) < 0.05);
        assert_true(t.least > 0.01 && t.most < 0.1);
        assert_true(sd[i] < 0.2f ? t.gain > 2.0 : sd[i] > 3.0f ? t.gain < 0.2 : 1);
    }
    trial silent = branching(0.1f, 1, 0), drowned = branching(4.0f, 1, 0);
    print_message("without: slopes %.3f and %.3f, activity %.4f and %.3f\n", silent.slope, drowned.slope, silent.share,
                  drowned.share);
    assert_true(silent.slope < 0.5 && silent.share < 0.01 && drowned.slope < 0.5 && drowned.share > 0.5);
}

/* |E| against |I| of neurons whose weights lean one way. */
static void test_balance(void **state) {
    (void)state;
    double index[2];
    for (int on = 0; on < 2; on++) {
        mdl_experiment x = quiet();
        x.neuraxon.mechanism[MDL_NX_BALANCE] = on ? MDL_ON : MDL_OFF;
        world w;
        open_world(&w, &x, 0.1f);
        for (uint32_t i = 0; i < w.life->layout.synapses; i++) {
            float *gene = &w.genome[w.life->layout.weights + i];
            *gene = *gene > 0.0f ? 3.0f * *gene : *gene; /* excitation three times inhibition */
        }
        w.genome[w.life->layout.neuraxon + MDL_NX_GENE_SPONTANEOUS] = 2.0f;
        begin(&w);
        const mdl_neuraxon_region *r = nx_region_of(w.life, 0);
        double e = 0.0, i = 0.0;
        for (uint32_t t = 0; t < 6000; t++) {
            go(&w);
            const float *row = mdl_neuraxon_at(r, t - 1) + 1, *carry = on ? r->carry : r->w;
            for (size_t c = 0; t >= 3000 && c < (size_t)HIDDEN * r->shape.stride[0]; c++) {
                double current = (double)(carry[c] * fabsf(row[2 * (size_t)r->index[c]]));
                *(current > 0.0 ? &e : &i) += fabs(current);
            }
        }
        index[on] = (e - i) / (e + i);
        close_world(&w);
    }
    print_message("(E - I) / (E + I): %.3f, balanced %.3f\n", index[0], index[1]);
    assert_true(index[0] > 0.4 && fabs(index[1]) < 0.1);
}

/* Synapses die and form; rows keep their size, partners stay allowed ones. */
static void test_structure(void **state) {
    (void)state;
    mdl_experiment x = quiet();
    x.neuraxon.mechanism[MDL_NX_STRUCTURE] = x.neuraxon.mechanism[MDL_NX_SILENT] = MDL_ON;
    x.hmn.mechanism[MDL_MECH_PLASTICITY] = MDL_ON;
    world w;
    open_world(&w, &x, 0.05f);
    w.genome[w.life->layout.neuraxon + MDL_NX_GENE_PRUNE] = w.genome[w.life->layout.neuraxon + MDL_NX_GENE_FORM] = 2.0f;
    begin(&w);
    const mdl_neuraxon_region *r = nx_region_of(w.life, 0);
    const mdl_shape *s = &r->shape;
    uint32_t deaths = 0, formations = 0, own = 1 + s->sensors;
    static uint32_t before[HIDDEN * 32];
    memcpy(before, r->flags, (size_t)HIDDEN * s->stride[0] * sizeof *before);
    for (uint32_t t = 0; t < 3000; t++) {
        go(&w);
        for (uint32_t j = 0; j < HIDDEN; j++)
            for (uint32_t k = 0; k < s->fan[0]; k++) {
                size_t c = mdl_row(s, j) + k;
                uint32_t source = mdl_neuraxon_source(r, c);
                int was = (before[c] & MDL_CELL_DEAD) != 0, is = (r->flags[c] & MDL_CELL_DEAD) != 0;
                deaths += !was && is;
                formations += was && !is;
                before[c] = r->flags[c];
                if (mdl_slot_class(s, k) == 0)
                    assert_int_equal(r->index[c], r->wired[c]);
                else
                    assert_true(source >= own && source < own + HIDDEN && source != own + j);
                assert_int_equal(r->index[c] / s->sources, r->wired[c] / s->sources); /* delays stay */
            }
    }
    print_message("%u deaths, %u formations\n", deaths, formations);
    assert_true(deaths > 200 && formations > 200);
    for (uint32_t j = 0; j < HIDDEN; j++) /* no partner twice in a row */
        for (uint32_t k = s->fan_sensor; k < s->fan[0]; k++)
            for (uint32_t o = s->fan_sensor; o < k; o++) {
                size_t a = mdl_row(s, j) + k, b = mdl_row(s, j) + o;
                assert_true((r->flags[a] | r->flags[b]) & MDL_CELL_DEAD ||
                            mdl_neuraxon_source(r, a) != mdl_neuraxon_source(r, b));
            }
    close_world(&w);
}

/* The wiring that all of this starts from is a small world. */
static void test_small_world(void **state) {
    (void)state;
    mdl_experiment x = quiet();
    void *scratch = malloc(mdl_small_world_bytes(HIDDEN));
    mdl_small_world g;
    assert_non_null(scratch);
    mdl_small_world_measure(&x.network, 0, scratch, &g);
    double sigma = g.clustering / g.clustering_random / (g.path_length / g.path_length_random);
    print_message("C %.3f of %.3f, L %.3f of %.3f, sigma %.2f\n", g.clustering, g.clustering_random, g.path_length,
                  g.path_length_random, sigma);
    assert_true(sigma > 3.0 && g.path_length < 1.5 * g.path_length_random);
    free(scratch);
}

/* The drive's fast rhythm is strong where the slower ones are at their crest. */
static void test_rhythms(void **state) {
    (void)state;
    mdl_experiment x = quiet();
    x.neuraxon.mechanism[MDL_NX_OSCILLATORS] = MDL_ON;
    x.neuraxon.mechanism[MDL_NX_SPONTANEOUS] = MDL_OFF;
    world w;
    open_world(&w, &x, 0.0f);
    w.genome[w.life->layout.neuraxon + MDL_NX_GENE_OSC_SPREAD] = 0.0f;
    begin(&w);
    const mdl_neuraxon_region *r = nx_region_of(w.life, 0);
    double crest = 0.0, trough = 0.0, two = 0.0, one = 0.0;
    for (uint32_t t = 0; t < 256 * 48; t++) {
        go(&w);
        double v = (double)r->v[0], fast = fabs(v - 2.0 * one + two); /* second difference: the fast rhythm */
        double phase = 6.283185307179586 * t / 48.0;
        if (t > 2)
            *(cos(phase) > 0.0 ? &crest : &trough) += fast;
        two = one;
        one = v;
    }
    print_message("fast amplitude at crests of the middle rhythm over that in troughs: %.2f\n", crest / trough);
    assert_true(crest > 2.0 * trough);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spontaneous), cmocka_unit_test(test_branching),   cmocka_unit_test(test_balance),
        cmocka_unit_test(test_structure),   cmocka_unit_test(test_small_world), cmocka_unit_test(test_rhythms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
