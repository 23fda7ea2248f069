/* A life put back to any window goes on with the bytes of the undisturbed one,
 * in every task and both models. SPEC 6.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/life.h"
#include "core/model.h"
#include "tests/support/hmn_fixture.h"

enum { WINDOWS = 60 };

/* Three small regions in this task. */
static mdl_experiment experiment_of(mdl_task_id id) {
    mdl_experiment x = hmn_experiment(3, 6, 2);
    mdl_task_defaults(id, &x.task);
    x.network.sensors = mdl_task_obs_count(&x.task);
    x.network.motors = mdl_task_action_count(&x.task);
    return x;
}

typedef struct past {
    uint32_t action[WINDOWS * MDL_AGENTS_MAX];
    float motor[WINDOWS * MDL_ACTION_MAX];
    uint32_t windows;
} past;

static mdl_life *life_of(const mdl_experiment *x) {
    size_t size = (mdl_life_bytes(x, 1) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    assert_non_null(memory);
    return mdl_life_init(memory, x, 1, NULL);
}

static float *genome_of(const mdl_experiment *x, uint32_t seed) {
    mdl_genome_layout layout;
    assert_int_equal(mdl_genome_layout_of(x, &layout), MDL_OK);
    float *mean = calloc(2 * (size_t)layout.genes, sizeof *mean), *sd = mean + layout.genes;
    assert_non_null(mean);
    mdl_genome_prior(x, &layout, mean, sd);
    mdl_stream s = {.key = seed};
    for (uint32_t i = 0; i < layout.genes; i++)
        mean[i] += sd[i] * (mdl_draw_unit(&s) - 0.5f) * 3.0f;
    return mean;
}

static int window(mdl_life *l, past *h) {
    int more = mdl_life_window(l);
    for (uint32_t a = 0; h && a < l->conductor.agents; a++)
        h->action[h->windows * l->conductor.agents + a] = l->conductor.action[a];
    if (h) {
        uint32_t motors = l->experiment->network.motors;
        memcpy(h->motor + (size_t)h->windows * motors, l->conductor.out[0].motor, motors * sizeof(float));
        h->windows++;
    }
    return more;
}

static bytebuf bytes_of(const mdl_life *l) {
    bytebuf b = {0};
    mdl_life_save(l, &(mdl_sink){bytebuf_write, &b});
    return b;
}

static mdl_err resume(mdl_life *l, const past *h, const bytebuf *b) {
    int reads = mdl_task_reads_motors(&l->experiment->task);
    return mdl_life_resume(l, 77, 3, MDL_PART_TRAIN, h->windows, h->action, reads ? h->motor : NULL, b->at, b->size);
}

static void try_life(const mdl_experiment *x, uint32_t stop) {
    mdl_life *whole = life_of(x), *later = life_of(x);
    float *genome = genome_of(x, stop + 1);
    past h = {.windows = 0};
    int more = 1;
    mdl_life_genome(whole, genome);
    mdl_life_genome(later, genome);
    mdl_life_begin(whole, 77, 3, MDL_PART_TRAIN);
    while (more && h.windows < stop)
        more = window(whole, &h);
    bytebuf b = bytes_of(whole);
    assert_int_equal(resume(later, &h, &b), MDL_OK);
    for (int i = 0; more && i < 200; i++) {
        more = window(whole, NULL);
        assert_int_equal(mdl_life_window(later), more);
    }
    bytebuf at_end = bytes_of(whole), too = bytes_of(later);
    assert_same_bytes(&at_end, &too);
    assert_int_equal(mdl_task_fitness(&whole->conductor.task), mdl_task_fitness(&later->conductor.task));
    assert_int_equal(mdl_task_score(&whole->conductor.task), mdl_task_score(&later->conductor.task));
    assert_int_equal(whole->conductor.windows, later->conductor.windows);

    /* A past that no life has, and one of another length, are refused. */
    if (h.windows > 0) {
        h.action[0] = MDL_ACTION_MAX;
        assert_int_equal(resume(later, &h, &b), MDL_ERANGE);
        h.action[0] = 0;
        h.windows--;
        assert_int_equal(resume(later, &h, &b), MDL_ERANGE);
    }
    free(b.at);
    free(at_end.at);
    free(too.at);
    free(genome);
    free(whole);
    free(later);
}

static void every_task_goes_on(void **state) {
    (void)state;
    for (uint32_t id = 0; id < MDL_TASK_COUNT; id++)
        for (uint32_t model = 0; model < 2; model++) {
            mdl_experiment x = experiment_of((mdl_task_id)id);
            x.model = model == 0 ? MDL_MODEL_HMN : MDL_MODEL_NEURAXON;
            if (model == 1)
                mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
            for (uint32_t stop = 0; stop < WINDOWS; stop += 13)
                try_life(&x, stop);
            if (id == MDL_TASK_FORAGE) {
                x.task.agents = 3;
                try_life(&x, 40);
            }
        }
}

static void a_past_beyond_the_end_is_refused(void **state) {
    (void)state;
    mdl_experiment x = experiment_of(MDL_TASK_CARTPOLE);
    mdl_life *l = life_of(&x);
    float *genome = genome_of(&x, 5);
    static past h; /* always left: the pole falls */
    h.windows = WINDOWS;
    mdl_life_genome(l, genome);
    mdl_life_begin(l, 77, 3, MDL_PART_TRAIN);
    bytebuf b = bytes_of(l);
    assert_int_equal(resume(l, &h, &b), MDL_ERANGE);
    free(b.at);
    free(genome);
    free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_goes_on),
        cmocka_unit_test(a_past_beyond_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
