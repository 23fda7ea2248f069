/* Networks between the public v1 and our model: both step the same events, and
 * their states are compared. SPEC 11.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/err.h"
#include "protocol/neuraxon_convert.h"
#include "protocol/neuraxon_v1_file.h"
#include "tests/support/neuraxon_fixture.h"

enum { STEPS = 300, TEXT_MAX = 1 << 22 };

static const char *const cases[] = {"c1_tiny_no_silent", "c2_default_params", "c3_branches"};

static void load(const char *name, mdl_neuraxon_v1 *n) {
    char path[128];
    snprintf(path, sizeof path, "tests/vectors/neuraxon_v1/%s.json", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t *bytes = malloc(TEXT_MAX);
    assert_non_null(bytes);
    size_t size = fread(bytes, 1, TEXT_MAX, f);
    fclose(f);
    assert_int_equal(mdl_neuraxon_v1_parse(bytes, size, n, NULL), MDL_OK);
    free(bytes);
}

/* What is written is read back bit for bit; `again` is the caller's. */
static void write_and_read(const mdl_neuraxon_v1 *n, mdl_neuraxon_v1 *again) {
    bytebuf t = {0};
    mdl_json_error wrong;
    mdl_neuraxon_v1_write(n, "test", &(mdl_sink){bytebuf_write, &t});
    if (mdl_neuraxon_v1_parse(t.at, t.size, again, &wrong) != MDL_OK)
        fail_msg("%s %s; allowed: %s", wrong.path, wrong.value, wrong.allowed);
    free(t.at);
    assert_memory_equal(&n->params, &again->params, sizeof n->params);
    assert_int_equal(n->neuron_count, again->neuron_count);
    assert_int_equal(n->synapse_count, again->synapse_count);
    assert_memory_equal(n->level, again->level, sizeof n->level);
    for (uint32_t k = 0; k < n->synapse_count; k++)
        assert_memory_equal(&n->synapse[k], &again->synapse[k], sizeof n->synapse[k]);
    for (uint32_t i = 0; i < n->neuron_count; i++) {
        assert_true(n->neuron[i].membrane == again->neuron[i].membrane);
        assert_int_equal(n->neuron[i].state, again->neuron[i].state);
        assert_int_equal(n->neuron[i].active, again->neuron[i].active);
    }
}

static mdl_life *life_of(const mdl_experiment *x, const float *genome) {
    size_t bytes = (mdl_life_bytes(x, 1) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, bytes);
    assert_non_null(memory);
    mdl_life *l = mdl_life_init(memory, x, 1, NULL);
    mdl_life_genome(l, genome);
    return l;
}

/* One window of a network without task and reward. */
static void window(mdl_life *l, mdl_modulation *m, const float *obs) {
    mdl_shard_window(&l->shard[0], &l->params, m, obs);
    if (l->experiment->network.sources > 0) {
        mdl_shard_export(&l->shard[0], m->step, l->boundary);
        mdl_shard_import(&l->shard[0], &l->params, m->step, l->boundary);
    }
    m->step++;
    m->window++;
}

/* A v1 file's network with frozen weights, and its conversion. */
static void test_from_v1(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        mdl_neuraxon_v1 n;
        load(cases[c], &n);
        uint32_t inputs = n.params.num_input_neurons, alive = 0;
        mdl_experiment x = hmn_experiment(1, 3, 1);
        x.network.sensors = 6;
        assert_int_equal(mdl_neuraxon_from_v1(&n, &x), MDL_OK);
        mdl_genome_layout l;
        mdl_convert_note note = {0};
        assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
        assert_int_equal(l.weights, 0);
        assert_int_equal(l.thresholds, (7 + n.neuron_count - inputs) * (n.neuron_count - inputs + 3));
        float *genome = calloc(l.genes, sizeof *genome);
        assert_non_null(genome);
        mdl_neuraxon_genome_from_v1(&n, &x, &l, genome, &note);
        genome[l.globals + MDL_GENE_ETA_GLOBAL] = 0.0f;
        genome[l.neuraxon + MDL_NX_GENE_RELAX] = -64.0f;
        mdl_life *life = life_of(&x, genome);
        mdl_modulation m;
        mdl_task_out none = {0};
        mdl_shard_birth(&life->shard[0], &life->params, 1);
        mdl_modulation_init(&m, &life->params, 1, &none);
        /* v1 as it is, but for what fades. */
        n.params.tau_fast = n.params.tau_slow = n.params.tau_meta = 1e15;
        n.params.learning_rate = n.params.synapse_death_prob = n.params.spontaneous_firing_rate = 0;
        n.params.acetylcholine_baseline = n.level[MDL_NEURAXON_V1_ACETYLCHOLINE];
        for (uint32_t i = 0; i < n.neuron_count; i++) {
            n.neuron[i].membrane = 0;
            n.neuron[i].state = 0;
        }
        mdl_stream rng = {c + 1, 0};
        int trit[8] = {0};
        uint32_t same = 0, active = 0, seen = 0;
        for (uint32_t t = 0; t < STEPS; t++) {
            float obs[MDL_OBS_MAX] = {0.0f};
            for (uint32_t i = 0; i < inputs; i++) {
                if (t % 40 == 0)
                    trit[i] = (int)(mdl_draw_u32(&rng) % 3) - 1;
                mdl_neuraxon_v1_set_input(&n, i, trit[i]);
                obs[i] = (float)trit[i];
            }
            mdl_neuraxon_v1_step(&n);
            window(life, &m, obs);
            mdl_region_view view;
            mdl_shard_view(&life->shard[0], 0, &view);
            for (uint32_t j = inputs; j < n.neuron_count; j++) {
                if (!n.neuron[j].active)
                    continue;
                seen++;
                same += view.z[j - inputs] == (float)n.neuron[j].state;
                active += n.neuron[j].state != 0;
                alive = 1;
            }
        }
        print_message("%s: %u of %u states alike, %u not 0; %u clamped, %u dropped\n", cases[c], same, seen, active,
                      note.clamped, note.dropped);
        assert_true(alive && active > seen / 20);
        assert_true(same >= seen * 97 / 100);
        free(genome);
        free(life);
        mdl_neuraxon_v1_close(&n);
    }
}

/* Ours in v1: three regions or one, thresholds of their own, plasticity off: the same states. */
static void test_to_v1(void **state) {
    (void)state;
    for (uint32_t regions = 1; regions <= 3; regions += 2) {
        mdl_experiment x = hmn_experiment(regions, 9, 1);
        x.network.delay[1] = x.network.delay_between[1] = 1;
        x.model = MDL_MODEL_NEURAXON;
        mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
        x.hmn.mechanism[MDL_MECH_PLASTICITY] = x.hmn.mechanism[MDL_MECH_NOISE] = MDL_OFF;
        x.neuraxon.mechanism[MDL_NX_ADAPTATION] = MDL_OFF;
        mdl_genome_layout l;
        assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
        float *genome = nx_genome(&x, regions);
        for (uint32_t j = 0; j < l.neurons; j++)
            genome[l.taus + j] = 0.0f;
        mdl_life *life = life_of(&x, genome);
        mdl_neuraxon_v1 built, n;
        mdl_convert_note note = {0};
        double value;
        assert_int_equal(mdl_neuraxon_to_v1(life, &built, &note), MDL_OK);
        assert_int_equal(note.clamped + note.dropped + note.delays + note.constants, 0);
        write_and_read(&built, &n);
        mdl_neuraxon_v1_close(&built);
        assert_null(mdl_neuraxon_v1_random(&n.params, &value));
        mdl_modulation m;
        mdl_task_out none = {0};
        mdl_modulation_init(&m, &life->params, 1, &none);
        mdl_stream rng = {regions, 0};
        uint32_t active = 0;
        for (uint32_t t = 0; t < STEPS; t++) {
            float obs[MDL_OBS_MAX] = {0.0f};
            for (uint32_t i = 0; i < x.network.sensors; i++) {
                int trit = (int)(mdl_draw_u32(&rng) % 3) - 1;
                mdl_neuraxon_v1_set_input(&n, 1 + i, trit);
                obs[i] = (float)trit;
            }
            mdl_neuraxon_v1_step(&n);
            window(life, &m, obs);
            assert_int_equal(n.neuron[0].state, 1); /* the constant lives without events */
            uint32_t at = 1 + x.network.sensors, motor = at;
            for (uint32_t r = 0; r < regions; r++)
                motor += x.network.neurons[r];
            for (uint32_t r = 0; r < regions; r++) {
                mdl_region_view v;
                mdl_shard_view(&life->shard[0], r, &v);
                for (uint32_t j = 0; j < v.shape->neurons; j++) {
                    uint32_t to = j < v.shape->hidden ? at++ : motor++;
                    if ((float)n.neuron[to].state != v.z[j])
                        fail_msg("%u regions, step %u, region %u, neuron %u", regions, t, r, j);
                    active += n.neuron[to].state != 0;
                }
            }
        }
        assert_true(active > STEPS);
        mdl_neuraxon_v1_close(&n);
        free(genome);
        free(life);
    }
}

/* Every vector into our model, out again as a file of v1, and that steps; the
 * second way back gives the weights of the first. */
static void test_round_trip(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        mdl_neuraxon_v1 n, out, again;
        load(cases[c], &n);
        mdl_experiment x = hmn_experiment(1, 3, 1);
        x.network.sensors = 6;
        assert_int_equal(mdl_neuraxon_from_v1(&n, &x), MDL_OK);
        mdl_genome_layout l;
        mdl_convert_note note = {0};
        assert_int_equal(mdl_genome_layout_of(&x, &l), MDL_OK);
        float *genome = calloc(l.genes, sizeof *genome);
        assert_non_null(genome);
        mdl_neuraxon_genome_from_v1(&n, &x, &l, genome, &note);
        mdl_life *life = life_of(&x, genome);
        assert_int_equal(mdl_neuraxon_to_v1(life, &out, &note), MDL_OK);
        write_and_read(&out, &again);
        uint32_t inputs = n.params.num_input_neurons, shift = 1 + x.network.sensors;
        for (uint32_t k = 0; k < n.synapse_count; k++) { /* each carried synapse, in units of its threshold */
            const mdl_neuraxon_v1_synapse *s = &n.synapse[k];
            if (s->silent || s->integrity <= 0 || s->post < inputs || !n.neuron[s->pre].active ||
                !n.neuron[s->post].active)
                continue;
            uint32_t pre = s->pre < inputs ? 1 + s->pre : shift + s->pre - inputs, post = shift + s->post - inputs;
            const mdl_neuraxon_region *r = mdl_shard_region(&life->shard[0], 0);
            double half = ((double)r->above[post - shift] + (double)r->below[post - shift]) / 2, got = 0, want = 0;
            for (uint32_t i = 0; i < again.synapse_count; i++)
                if (again.synapse[i].pre == pre && again.synapse[i].post == post)
                    got += again.synapse[i].w_fast + again.synapse[i].w_slow;
            for (uint32_t i = 0; i < n.synapse_count; i++)
                if (n.synapse[i].pre == s->pre && n.synapse[i].post == s->post && !n.synapse[i].silent)
                    want += n.synapse[i].w_fast + n.synapse[i].w_slow;
            double unit = again.params.firing_threshold_excitatory / half;
            assert_true(got - want * unit < 1e-5 && want * unit - got < 1e-5);
        }
        for (uint32_t t = 0; t < STEPS; t++) {
            mdl_neuraxon_v1_set_input(&again, 1 + t % inputs, t % 2 ? 1 : -1);
            mdl_neuraxon_v1_step(&again);
            for (uint32_t i = 0; i < again.neuron_count; i++)
                assert_true(again.neuron[i].membrane > -1e3 && again.neuron[i].membrane < 1e3);
        }
        assert_int_equal(again.synapse_count, out.synapse_count); /* nothing died */
        mdl_neuraxon_v1_close(&n);
        mdl_neuraxon_v1_close(&out);
        mdl_neuraxon_v1_close(&again);
        free(genome);
        free(life);
    }
}

static void test_refused(void **state) {
    (void)state;
    mdl_neuraxon_v1 n;
    load(cases[1], &n);
    mdl_experiment x = hmn_experiment(1, 3, 1), kept = x;
    assert_int_equal(mdl_neuraxon_from_v1(&n, &x), MDL_ERANGE); /* five inputs, four sensors */
    assert_memory_equal(&x, &kept, sizeof x);
    mdl_neuraxon_v1_close(&n);
    mdl_convert_note note = {0};
    float *genome = hmn_genome(&x, 1);
    mdl_life *life = life_of(&x, genome);
    assert_int_equal(mdl_neuraxon_to_v1(life, &n, &note), MDL_ETYPE);
    assert_null(n.neuron);
    free(life);
    free(genome);
    x = nx_experiment(1, 5, 1);
    x.neuraxon.mechanism[MDL_NX_TRINARY] = MDL_OFF;
    genome = nx_genome(&x, 1);
    life = life_of(&x, genome);
    assert_int_equal(mdl_neuraxon_to_v1(life, &n, &note), MDL_ETYPE);
    free(life);
    free(genome);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_v1),
        cmocka_unit_test(test_to_v1),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
