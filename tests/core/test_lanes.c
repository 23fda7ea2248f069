/* Lives side by side are the lives one by one: windows, task, modulatory state,
 * and the network after the last, byte for byte, on every kernel, for both models,
 * all tasks, sampled networks, lives that end at different times. SPEC 6.2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/lanes.h"
#include "tests/support/neuraxon_fixture.h"

enum { SAMPLES = 100, LIVES_MAX = 96 };

static int nightly(void) { return getenv("MODULON_NIGHTLY") != NULL; }

/* The task, short, and the network's ends to fit it. */
static void take_task(mdl_experiment *x, mdl_task_id id, mdl_stream *s) {
    mdl_task_params *t = &x->task;
    mdl_task_defaults(id, t);
    if (t->trials > 0)
        t->trials = 2 + mdl_draw_below(s, 8);
    if (id == MDL_TASK_FORAGE)
        t->trials = 20 + mdl_draw_below(s, 20);
    if (t->samples > 0)
        t->samples = 3 + mdl_draw_below(s, 10);
    if (id == MDL_TASK_DIGITS_LIFE)
        t->samples = 1;
    x->network.sensors = mdl_task_obs_count(t);
    x->network.motors = mdl_task_action_count(t);
}

static void take_network(mdl_experiment *x, uint32_t i, mdl_stream *s) {
    x->network.seed = i;
    x->network.neurons[0] = mdl_draw_below(s, 20) == 0 ? 0 : 5 + mdl_draw_below(s, 12);
    x->network.ring = mdl_draw_below(s, 3) ? 0 : 4;
    x->network.delay[0] = 1 + mdl_draw_below(s, 2);
    x->network.delay[1] = x->network.delay[0] + mdl_draw_below(s, 4);
    x->network.window = 1 + mdl_draw_below(s, 3);
    x->network.delay_between[0] = x->network.delay_between[1] = x->network.window;
    if (mdl_draw_below(s, 3) == 0)
        x->network.sensor_fan = 2;
    if (mdl_draw_below(s, 3) == 0)
        mdl_modulator_spec_defaults(&x->modulators);
}

static mdl_experiment sampled(uint32_t i, mdl_stream *s) {
    mdl_experiment x = hmn_experiment(1, 8, 1);
    take_task(&x, (mdl_task_id)(i % MDL_TASK_COUNT), s);
    take_network(&x, i, s);
    x.hmn.encoding = (mdl_encoding)mdl_draw_below(s, 2);
    x.hmn.activation = (mdl_activation)mdl_draw_below(s, 3);
    x.hmn.trace = (mdl_trace_form)mdl_draw_below(s, 2);
    x.hmn.similarity = (mdl_similarity)mdl_draw_below(s, 2);
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        if (i <= MDL_MECH_COUNT)
            x.hmn.mechanism[m] = i == m + 1 ? MDL_OFF : MDL_ON;
        else if (m != MDL_MECH_PLASTICITY || i % 16 == 0)
            x.hmn.mechanism[m] = (uint8_t)mdl_draw_below(s, 3);
    return x;
}

static mdl_experiment sampled_neuraxon(uint32_t i, mdl_stream *s) {
    mdl_experiment x = nx_experiment(1, 8, 1);
    take_task(&x, (mdl_task_id)(i % MDL_TASK_COUNT), s);
    take_network(&x, i, s);
    x.neuraxon.encoding = (mdl_encoding)mdl_draw_below(s, 2);
    x.neuraxon.relax = (mdl_neuraxon_relax)mdl_draw_below(s, 2);
    for (uint32_t m = 0; m < MDL_NX_COUNT; m++)
        if (i <= MDL_NX_COUNT)
            x.neuraxon.mechanism[m] = i == m + 1 ? MDL_OFF : MDL_ON;
        else
            x.neuraxon.mechanism[m] = (uint8_t)mdl_draw_below(s, 3);
    if (i % 4 != 0) /* no lanes where structure is plastic */
        x.neuraxon.mechanism[MDL_NX_STRUCTURE] = x.neuraxon.mechanism[MDL_NX_SILENT] = MDL_OFF;
    return x;
}

/* What a life came to. */
typedef struct outcome {
    uint32_t times, windows;
    int64_t fitness, score;
    uint32_t action;
    bytebuf modulation;
} outcome;

typedef struct record {
    uint64_t seed;
    uint32_t count, oldest;
    outcome life[LIVES_MAX];
    bytebuf network;
} record;

static mdl_lot lot(void *ctx, uint32_t i) {
    record *r = ctx;
    assert_in_range(i, 0, r->count - 1);
    mdl_part part = i % 3 == 2 ? MDL_PART_VALIDATE : MDL_PART_TRAIN;
    return (mdl_lot){mdl_life_key(r->seed, MDL_STREAM_TRAIN, 3, i), i, part};
}

static void over(void *ctx, uint32_t i, const mdl_life *l) {
    record *r = ctx;
    outcome *o = &r->life[i];
    assert_in_range(i, r->oldest, r->oldest + MDL_LIVES_AHEAD - 1);
    assert_int_equal(o->times, 0);
    o->times = 1;
    o->windows = l->conductor.windows;
    o->fitness = mdl_task_fitness(&l->conductor.task);
    o->score = mdl_task_score(&l->conductor.task);
    o->action = l->conductor.action[0];
    mdl_sink sink = {bytebuf_write, &o->modulation};
    mdl_life_save_modulation(l, &sink);
    if (i + 1 == r->count) {
        sink.ctx = &r->network;
        mdl_life_save(l, &sink);
    }
    while (r->oldest < r->count && r->life[r->oldest].times)
        r->oldest++;
}

static void alone(mdl_life *l, record *r) {
    for (uint32_t i = 0; i < r->count; i++) {
        mdl_lot t = lot(r, i);
        mdl_life_run(l, t.key, t.episode, t.part, NULL, NULL, NULL);
        over(r, i, l);
    }
}

static void assert_same(const record *a, const record *b, const mdl_experiment *x, uint32_t number,
                        const mdl_kernel *kernel) {
    const char *model = x->model == MDL_MODEL_NEURAXON ? "Neuraxon" : "HMN";
    for (uint32_t i = 0; i < a->count; i++) {
        const outcome *p = &a->life[i], *q = &b->life[i];
        int same = q->times == 1 && p->windows == q->windows && p->fitness == q->fitness && p->score == q->score &&
                   p->action == q->action && p->modulation.size == q->modulation.size &&
                   memcmp(p->modulation.at, q->modulation.at, p->modulation.size) == 0;
        if (!same)
            fail_msg("%s network %u, task %d, kernel %s: life %u of %u differs (%u and %u windows)", model, number,
                     (int)x->task.id, kernel->name, i, a->count, p->windows, q->windows);
    }
    if (a->network.size != b->network.size || memcmp(a->network.at, b->network.at, a->network.size) != 0)
        fail_msg("%s network %u, task %d, kernel %s: the last life's network differs", model, number, (int)x->task.id,
                 kernel->name);
}

static void clear(record *r) {
    for (uint32_t i = 0; i < r->count; i++)
        free(r->life[i].modulation.at);
    free(r->network.at);
    memset(r, 0, sizeof *r);
}

/* Life i of many genomes' is that of their lives one by one. */
typedef struct crowd {
    record *of; /* [genomes] */
    uint32_t genomes, count, oldest;
} crowd;

static mdl_lot crowd_lot(void *ctx, uint32_t i) {
    crowd *c = ctx;
    assert_in_range(i, 0, c->genomes * c->count - 1);
    return lot(&c->of[i / c->count], i % c->count);
}

static void crowd_over(void *ctx, uint32_t i, const mdl_life *l) {
    crowd *c = ctx;
    assert_in_range(i, c->oldest, c->oldest + MDL_LIVES_AHEAD - 1);
    /* A record asks this of each genome's lives too; here it is asked of all together. */
    c->of[i / c->count].oldest = i % c->count < MDL_LIVES_AHEAD ? 0 : i % c->count - MDL_LIVES_AHEAD + 1;
    over(&c->of[i / c->count], i % c->count, l);
    while (c->oldest < c->genomes * c->count && c->of[c->oldest / c->count].life[c->oldest % c->count].times)
        c->oldest++;
}

/* Several genomes' lives in one call, each genome's own switches and numbers. */
static uint32_t assert_crowds(const mdl_experiment *x, uint32_t number, uint32_t genomes, uint32_t count) {
    enum { GENOMES_MAX = 20 };
    static record single[GENOMES_MAX], many[GENOMES_MAX];
    uint32_t side_by_side = 0;
    assert_in_range(genomes, 1, GENOMES_MAX);
    for (uint32_t k = 0; k < mdl_kernel_count(); k++) {
        const mdl_kernel *kernel = mdl_kernel_get(k);
        if (!kernel->lanes && k + 1 < mdl_kernel_count())
            continue;
        void *memory, *other;
        mdl_life *l = hmn_life(x, 1, kernel, &memory), *m = hmn_life(x, 1, kernel, &other);
        size_t genes = l->layout.genes;
        float *all = malloc(genomes * genes * sizeof *all);
        assert_non_null(all);
        for (uint32_t g = 0; g < genomes; g++) {
            /* Some twice over, with and without noise: what lanes share must not leak. */
            uint32_t which = number + g - (g % 5 == 4);
            float *genome = x->model == MDL_MODEL_NEURAXON ? nx_genome(x, which) : hmn_genome(x, which);
            if (g % 3 == 1)
                genome[l->layout.globals + MDL_GENE_NOISE] = 0.0f;
            memcpy(all + g * genes, genome, genes * sizeof *all);
            free(genome);
            single[g].seed = many[g].seed = number;
            single[g].count = many[g].count = count;
            mdl_life_genome(l, all + g * genes);
            alone(l, &single[g]);
        }
        crowd c = {many, genomes, count, 0};
        mdl_life_many(m, all, genomes, &(mdl_life_list){count, crowd_lot, crowd_over, &c});
        side_by_side += mdl_life_together(m, 1) > 1;
        for (uint32_t g = 0; g < genomes; g++) {
            assert_same(&single[g], &many[g], x, number, kernel);
            clear(&single[g]);
            clear(&many[g]);
        }
        free(all);
        free(memory);
        free(other);
    }
    return side_by_side;
}

/* Two genomes after each other in the same memory: nothing of the first may stay. */
static uint32_t assert_lanes(const mdl_experiment *x, uint32_t number, uint32_t count) {
    static record single, many;
    uint32_t side_by_side = 0;
    for (uint32_t k = 0; k < mdl_kernel_count(); k++) {
        const mdl_kernel *kernel = mdl_kernel_get(k);
        if (!kernel->lanes && k + 1 < mdl_kernel_count()) /* the same, one by one; once is enough where all are so */
            continue;
        void *memory, *other;
        mdl_life *l = hmn_life(x, 1, kernel, &memory), *m = hmn_life(x, 1, kernel, &other);
        const mdl_network_model *model = mdl_network_model_of(x);
        for (uint32_t g = 0; g < 2; g++) {
            float *genome = x->model == MDL_MODEL_NEURAXON ? nx_genome(x, number + g) : hmn_genome(x, number + g);
            single.seed = many.seed = number;
            single.count = many.count = g ? (count + 3) / 4 : count;
            mdl_life_genome(l, genome);
            mdl_life_genome(m, genome);
            alone(l, &single);
            mdl_life_each(m, &(mdl_life_list){many.count, lot, over, &many});
            assert_same(&single, &many, x, number, kernel);
            side_by_side += m->lanes && model->lanes->ready(mdl_shard_region(&m->shard[0], 0)) != NULL;
            clear(&single);
            clear(&many);
            free(genome);
        }
        free(memory);
        free(other);
    }
    return side_by_side;
}

static void walk(mdl_experiment (*sample)(uint32_t, mdl_stream *), uint64_t seed) {
    mdl_stream s = {seed, 0};
    uint32_t lanes = 0, crowds = 0, samples = nightly() ? 10 * SAMPLES : SAMPLES;
    for (uint32_t i = 0; i < samples; i++) {
        mdl_experiment x = sample(i, &s);
        uint32_t count = 1 + mdl_draw_below(&s, i % 10 == 3 || i % 10 == 5 ? LIVES_MAX : 20);
        lanes += assert_lanes(&x, i, count);
        if (nightly() || i % 2 == 1 || i < 8)
            crowds += assert_crowds(&x, i, 1 + mdl_draw_below(&s, i % 8 == 1 ? 20 : 5), 1 + mdl_draw_below(&s, 8));
    }
    if (mdl_kernel_best()->lanes) { /* or this test has tested nothing */
        assert_in_range(lanes, samples, UINT32_MAX);
        assert_in_range(crowds, samples / 3, UINT32_MAX);
    }
}

static void test_hmn(void **state) {
    (void)state;
    walk(sampled, 11);
}

static void test_neuraxon(void **state) {
    (void)state;
    walk(sampled_neuraxon, 12);
}

/* A network too large, several regions, several agents: one by one, the same API. */
static void test_others(void **state) {
    (void)state;
    mdl_experiment x = hmn_experiment(1, 60, 1);
    x.network.ring = 0;
    take_task(&x, MDL_TASK_TMAZE, &(mdl_stream){1, 0});
    assert_int_equal(assert_lanes(&x, 1, 5), 0);
    x = hmn_experiment(3, 5, 1);
    take_task(&x, MDL_TASK_TMAZE, &(mdl_stream){1, 0});
    assert_int_equal(assert_lanes(&x, 2, 5), 0);
    x = hmn_experiment(1, 6, 1);
    take_task(&x, MDL_TASK_FORAGE, &(mdl_stream){1, 0});
    x.task.agents = 2;
    assert_int_equal(assert_lanes(&x, 3, 5), 0);
    assert_int_equal(assert_crowds(&x, 3, 3, 2), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hmn), cmocka_unit_test(test_neuraxon),
                                       cmocka_unit_test(test_others)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
