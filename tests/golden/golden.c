/* Golden cases: each writes canonical bytes of a computation to standard output;
 * tests/golden/check.sh compares their digests between compilers, flags and
 * machines with digests.txt. Links core and libc's stdio and malloc, no libm.
 *
 *     golden --list              names of the cases
 *     golden CASE                its bytes
 *     golden CASE --kernel I     the same with kernel I of this machine
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/evolution.h"
#include "core/hmn_kernel.h"
#include "core/life.h"
#include "core/neural_mass.h"
#include "core/num.h"

static const mdl_kernel *kernel; /* NULL: the best */

static void write_stdout(void *ctx, const void *bytes, size_t size) {
    (void)ctx;
    if (fwrite(bytes, 1, size, stdout) != size)
        exit(3);
}

static const mdl_sink out = {write_stdout, NULL};

static void *memory_of(size_t size) {
    void *p = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!p)
        exit(3);
    return p;
}

/* Every function at inputs spread over all 2^32, and around the interesting ones. */
static void put_num(uint32_t bits) {
    float x = mdl_bits_float(bits), s, c, g0, g1;
    mdl_sincos_turn(bits, &s, &c);
    mdl_gauss(bits, bits * 0x9e3779b9u, &g0, &g1);
    float other = mdl_bits_float(bits * 0x85ebca6bu & 0xbfffffffu); /* finite */
    float fused = bits << 1 < 0xff000000u ? mdl_fmaf(other, x, -other) : 0.0f;
    const float y[] = {mdl_expf(x), mdl_logf(x), mdl_sigmoidf(x), mdl_tanhf(x), mdl_sqrtf(x), mdl_flushf(x), s, c,
                       g0,          g1};
    mdl_put_f32s(&out, y, sizeof y / sizeof y[0]);
    mdl_put_f32(&out, fused);
    mdl_put_i64(&out, mdl_fix(x));
    mdl_put_f32(&out, mdl_fix_to_f((int64_t)((uint64_t)bits << 32 | bits)));
}

static void case_num(void) {
    for (uint32_t i = 0; i < 1 << 13; i++)
        put_num(i * 0x7fed5u);
    for (uint32_t i = 0; i < 256; i++) {
        put_num(mdl_float_bits(1.0f) - 128 + i);
        put_num(mdl_float_bits(10.0f) - 128 + i);
        put_num(i);
        put_num(0x80000000u + i);
    }
    for (int i = -512; i <= 512; i++) {
        double x = (double)i * 0x1.9p-4 + 0x1p-30;
        mdl_put_f64(&out, mdl_sqrt(x));
        mdl_put_f64(&out, mdl_sin(x));
        mdl_put_f64(&out, mdl_cos(x));
        mdl_put_f64(&out, mdl_exp(x));
        mdl_put_f64(&out, mdl_log(x));
    }
}

static void case_philox(void) {
    for (uint32_t i = 0; i < 4096; i++) {
        uint32_t c[4] = {i, i * i, ~i, i << 20};
        mdl_philox(c, mdl_key(i, MDL_STREAM_NOISE, i >> 4, i >> 8, 3), c);
        for (int k = 0; k < 4; k++)
            mdl_put_u32(&out, c[k]);
    }
    mdl_stream s = {0x0123456789abcdefu, 2};
    for (uint32_t i = 0; i < 1000; i++) {
        mdl_put_u32(&out, mdl_draw_below(&s, i + 1));
        mdl_put_f32(&out, mdl_draw_unit(&s));
        mdl_put_f64(&out, mdl_draw_unit_f64(&s));
    }
}

/* An experiment on `task` with all mechanisms on. */
static mdl_experiment experiment(mdl_task_id task, uint32_t regions, uint32_t hidden, uint32_t window) {
    mdl_experiment x;
    memset(&x, 0, sizeof x);
    x.seed = 2024;
    mdl_task_defaults(task, &x.task);
    mdl_network_spec *n = &x.network;
    n->regions = regions;
    for (uint32_t r = 0; r < regions; r++)
        n->neurons[r] = hidden + 3 * r;
    n->rewire = 0.1f;
    n->sources = regions > 2 ? 2 : regions - 1;
    n->listen = 3;
    n->fan_in = regions > 1 ? 4 : 0;
    n->delay[0] = 1;
    n->delay[1] = regions > 1 ? 5 : 1;
    n->delay_between[0] = window;
    n->delay_between[1] = window + 6;
    n->window = window;
    n->seed = x.seed;
    n->sensors = mdl_task_obs_count(&x.task);
    n->motors = mdl_task_action_count(&x.task);
    mdl_hmn_spec_defaults(&x.hmn);
    return x;
}

static float normal(mdl_stream *s) {
    float g0, g1;
    uint32_t a = mdl_draw_u32(s), b = mdl_draw_u32(s);
    mdl_gauss(a, b, &g0, &g1);
    return g0;
}

/* A genome from the prior; `spread` adds to the s.d. of every gene. */
static float *genome_of(const mdl_experiment *x, float spread) {
    mdl_genome_layout l;
    if (mdl_genome_layout_of(x, &l) != MDL_OK)
        exit(3);
    float *mean = memory_of(2 * sizeof(float) * l.genes), *sd = mean + l.genes;
    mdl_genome_prior(x, &l, mean, sd);
    mdl_stream s = {mdl_key(x->seed, MDL_STREAM_GENOME, 0, 0, 0), 0};
    for (uint32_t i = 0; i < l.genes; i++)
        mean[i] = mdl_fmaf(sd[i] + spread, normal(&s), mean[i]);
    return mean;
}

/* A life's canonical bytes every `every` windows and at its end, at most `windows` long. */
static void put_life(const mdl_experiment *x, uint32_t shards, float spread, uint32_t windows, uint32_t every) {
    float *genome = genome_of(x, spread);
    void *memory = memory_of(mdl_life_bytes(x, shards));
    mdl_life *l = mdl_life_init(memory, x, shards, kernel);
    mdl_life_genome(l, genome);
    mdl_life_begin(l, mdl_life_key(x->seed, MDL_STREAM_TRAIN, 0, 0), 0, MDL_PART_TRAIN);
    while (l->conductor.windows < windows && mdl_life_window(l))
        if (l->conductor.windows % every == 0)
            mdl_life_save(l, &out);
    mdl_life_save(l, &out);
    mdl_put_i64(&out, mdl_task_fitness(&l->conductor.task));
    mdl_put_i64(&out, mdl_task_score(&l->conductor.task));
    free(memory);
    free(genome);
}

static void case_wiring(void) {
    static const struct {
        uint32_t regions, hidden, ring, sensor_fan, motor_fan;
    } spec[] = {{1, 20, 0, 0, 0}, {1, 100, 10, 2, 7}, {4, 60, 8, 1, 5}, {8, 40, 4, 3, 0}};
    for (size_t i = 0; i < sizeof spec / sizeof spec[0]; i++) {
        mdl_experiment x = experiment(MDL_TASK_TMAZE, spec[i].regions, spec[i].hidden, 2);
        x.network.ring = spec[i].ring;
        x.network.sensor_fan = spec[i].sensor_fan;
        x.network.motor_fan = spec[i].motor_fan;
        for (uint32_t r = 0; r < x.network.regions; r++) {
            uint32_t source[MDL_FAN_IN_MAX];
            uint8_t delay[MDL_FAN_IN_MAX];
            mdl_shape s;
            mdl_shape_of(&x.network, r, &s);
            for (uint32_t j = 0; j < s.neurons; j++) {
                mdl_wire_row(&x.network, &s, j, source, delay);
                for (uint32_t k = 0; k < mdl_row_fan(&s, j); k++)
                    mdl_put_u32(&out, source[k]);
                mdl_put_bytes(&out, delay, mdl_row_fan(&s, j));
            }
            mdl_export_set(&x.network, r, source);
            for (uint32_t k = 0; k < x.network.listen; k++)
                mdl_put_u32(&out, source[k]);
        }
    }
}

/* The core of HMN: two traces, G', local term, baseline, efference copy. */
static void case_hmn_core_tmaze(void) {
    mdl_experiment x = experiment(MDL_TASK_TMAZE, 1, 6, 1);
    memset(x.hmn.mechanism, MDL_OFF, sizeof x.hmn.mechanism);
    static const mdl_mechanism on[] = {MDL_MECH_PLASTICITY, MDL_MECH_FAST_TRACE,     MDL_MECH_SLOW_TRACE,
                                       MDL_MECH_LOCAL_TERM, MDL_MECH_GLOBAL_TERM,    MDL_MECH_BASELINE,
                                       MDL_MECH_NOISE,      MDL_MECH_EFFERENCE_COPY, MDL_MECH_NEURON_GAIN};
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++)
        x.hmn.mechanism[on[i]] = MDL_ON;
    put_life(&x, 1, 0.1f, UINT32_MAX, 50);
}

static void case_hmn_full_regions(void) {
    for (int form = MDL_TRACE_DIFFERENTIAL; form <= MDL_TRACE_EVENT; form++) {
        mdl_experiment x = experiment(MDL_TASK_CUE, 4, 24, 4);
        x.network.ring = 6;
        x.network.motor_fan = 10;
        x.hmn.trace = (mdl_trace_form)form;
        x.hmn.similarity = form == MDL_TRACE_EVENT ? MDL_DOT : MDL_COSINE;
        x.hmn.activation = form == MDL_TRACE_EVENT ? MDL_RELU : MDL_TANH;
        x.hmn.meta_method = form == MDL_TRACE_EVENT ? MDL_META_FINITE : MDL_META_SPSA;
        put_life(&x, form == MDL_TRACE_EVENT ? 1 : 3, 0.4f, 60, 20);
    }
}

/* Modulators free, then with noradrenaline high and some switches in genes. */
static void case_hmn_modulators(void) {
    for (int held = 0; held <= 1; held++) {
        mdl_experiment x = experiment(held ? MDL_TASK_BANDIT : MDL_TASK_CUE, 4, 20, 3);
        x.network.ring = 6;
        x.network.motor_fan = 8;
        mdl_modulator_spec_defaults(&x.modulators);
        if (held) {
            x.modulators.clamped = 1u << MDL_NORADRENALINE;
            x.modulators.clamp[MDL_NORADRENALINE] = 2.5f;
            x.modulators.mechanism[MDL_MOD_TONIC] = x.modulators.mechanism[MDL_MOD_SEROTONIN] = MDL_GENE;
        }
        put_life(&x, held ? 1 : 3, 0.3f, 60, 20);
    }
}

static void case_indirect(void) {
    mdl_experiment x = experiment(MDL_TASK_BANDIT, 3, 80, 2);
    x.network.ring = 10;
    x.network.sensor_fan = 1;
    x.hmn.encoding = MDL_INDIRECT;
    x.hmn.activation = MDL_SIGMOID;
    put_life(&x, 2, 0.3f, 40, 20);
}

/* Every mechanism of Neuraxon, over regions; direct, then indirect, then tanh and the v1's relaxation. */
static void case_neuraxon(void) {
    for (int form = 0; form < 3; form++) {
        mdl_experiment x = experiment(form == 1 ? MDL_TASK_BANDIT : MDL_TASK_CUE, 4 - (uint32_t)form, 24, 3);
        x.network.ring = 6;
        x.model = MDL_MODEL_NEURAXON;
        mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
        memset(x.neuraxon.mechanism, MDL_ON, sizeof x.neuraxon.mechanism);
        x.neuraxon.encoding = form == 1 ? MDL_INDIRECT : MDL_DIRECT;
        if (form == 2) {
            x.neuraxon.mechanism[MDL_NX_TRINARY] = MDL_OFF;
            x.neuraxon.relax = MDL_RELAX_ZERO;
        }
        if (form != 0)
            mdl_modulator_spec_defaults(&x.modulators);
        put_life(&x, form == 0 ? 1 : 2, 0.3f, 200, 40);
    }
}

/* The Neuraxon that the examples evolve. */
static void case_neuraxon_tmaze(void) {
    mdl_experiment x = experiment(MDL_TASK_TMAZE, 1, 6, 3);
    x.model = MDL_MODEL_NEURAXON;
    mdl_neuraxon_spec_defaults(&x.neuraxon, x.hmn.mechanism);
    put_life(&x, 1, 0.1f, UINT32_MAX, 50);
}

/* A life of every task under scripted actions and motor values. */
static void case_tasks(void) {
    for (uint32_t id = 0; id <= MDL_TASK_DOUBLEPOLE; id++) /* later ones have their own cases */
        for (int part = MDL_PART_TRAIN; part <= MDL_PART_TEST; part++) {
            mdl_task_params params;
            mdl_task_defaults((mdl_task_id)id, &params);
            mdl_task t;
            mdl_task_reset(&t, &params, 31 + id, (uint32_t)part, (mdl_part)part);
            uint32_t actions = mdl_task_action_count(&params), obs = mdl_task_obs_count(&params), windows = 0;
            mdl_stream s = {mdl_key(5, MDL_STREAM_POLICY, id, 0, 0), 0};
            for (;;) {
                mdl_put_f32s(&out, t.out.obs, obs);
                mdl_put_f32(&out, t.out.reward);
                mdl_put_u32(&out, t.out.flags);
                if (t.out.flags & MDL_OUT_DONE || windows++ == 600)
                    break;
                float motor[MDL_ACTION_MAX];
                for (uint32_t i = 0; i < actions; i++)
                    motor[i] = 2.0f * mdl_draw_unit(&s) - 1.0f;
                uint32_t action = mdl_draw_below(&s, actions);
                mdl_task_step(&t, t.out.flags & MDL_OUT_TEACH ? t.out.teach : action, motor);
            }
            mdl_put_i64(&out, mdl_task_fitness(&t));
            mdl_put_i64(&out, mdl_task_score(&t));
        }
}

/* All that one, three and eight agents see, under random actions. */
static void case_forage(void) {
    static const uint32_t crowd[] = {1, 3, 8};
    for (uint32_t k = 0; k < 3; k++) {
        mdl_task_params params;
        mdl_task_defaults(MDL_TASK_FORAGE, &params);
        params.agents = crowd[k];
        params.walls = k & 1u;
        params.view = 3 + 2 * k;
        mdl_task t;
        mdl_task_reset(&t, &params, 41 + k, k, MDL_PART_TRAIN);
        mdl_stream s = {mdl_key(5, MDL_STREAM_POLICY, k, 1, 0), 0};
        for (;;) {
            uint32_t action[MDL_AGENTS_MAX];
            for (uint32_t i = 0; i < params.agents; i++) {
                const mdl_task_out *view = mdl_task_view(&t, i);
                mdl_put_f32s(&out, view->obs, mdl_task_obs_count(&params));
                mdl_put_f32(&out, view->reward);
                mdl_put_f32s(&out, view->salience, 2);
                mdl_put_u32(&out, view->flags);
                action[i] = mdl_draw_below(&s, 4);
            }
            if (t.out.flags & MDL_OUT_DONE)
                break;
            mdl_task_step_agents(&t, action, NULL);
        }
        mdl_put_i64(&out, mdl_task_fitness(&t));
        mdl_put_i64(&out, mdl_task_score(&t));
        mdl_put_i64(&out, mdl_task_score_after(&t));
    }
}

/* Ten generations of three islands, one of each algorithm, on short lives. */
static void case_evolution(void) {
    mdl_experiment x = experiment(MDL_TASK_TMAZE, 1, 4, 1);
    x.task.trials = 6;
    x.evolution = (mdl_evolution_spec){.generations = 10,
                                       .episodes = 2,
                                       .validate_every = 4,
                                       .validate_episodes = 2,
                                       .migrate_every = 1,
                                       .meta_rate = 0.2f,
                                       .meta_step = 0.1f,
                                       .islands = 3,
                                       .seed = x.seed};
    for (int i = 0; i < 3; i++)
        x.evolution.island[i] = (mdl_island_spec){(mdl_algorithm)i, 8, 0.15f, 0.05f, 0.9f, 0.99f, 2, 0.1f};
    mdl_genome_layout l;
    if (mdl_genome_layout_of(&x, &l) != MDL_OK)
        exit(3);
    float *mean = memory_of(3 * sizeof(float) * l.genes), *sd = mean + l.genes, *genome = sd + l.genes;
    mdl_gene_prior prior = mdl_genome_search_prior(&x, &l, mean);
    void *memory = memory_of(mdl_evolution_bytes(&x.evolution, l.genes)), *life = memory_of(mdl_life_bytes(&x, 1));
    mdl_evolution *e = mdl_evolution_init(memory, &x.evolution, &prior);
    mdl_life *one = mdl_life_init(life, &x, 1, kernel);
    while (!mdl_evolution_done(e)) {
        int64_t result[64];
        uint32_t jobs = mdl_evolution_job_count(e);
        if (jobs > 64)
            exit(3);
        for (uint32_t i = 0; i < jobs; i++) {
            mdl_job job;
            mdl_evolution_job(e, i, &job, genome);
            result[i] = mdl_life_job(one, &job, genome, NULL);
            mdl_put_i64(&out, result[i]);
        }
        if (mdl_evolution_advance(e, result, jobs) != MDL_OK)
            exit(3);
        mdl_evolution_save(e, &out);
    }
    if (mdl_evolution_champion(e, UINT32_MAX, genome, NULL, NULL, NULL) != MDL_OK)
        exit(3);
    mdl_put_f32s(&out, genome, l.genes);
    free(life);
    free(memory);
    free(mean);
}

/* Populations with every lever moved, through the onset of oscillation. */
static void case_neural_mass(void) {
    mdl_experiment x = experiment(MDL_TASK_TMAZE, 6, 40, 3);
    mdl_mass_params params;
    mdl_mass_params_defaults(&params);
    mdl_mass m;
    mdl_arena counting = {NULL, 0, 0};
    mdl_mass_init(&m, &counting, &x.network, &params);
    void *memory = memory_of(counting.used);
    mdl_arena arena = {memory, 0, counting.used};
    mdl_mass_init(&m, &arena, &x.network, &params);
    mdl_mass_birth(&m, 0x6d61737300000001u);
    for (uint32_t t = 0; t < 600; t++) {
        mdl_levers l[6];
        float input[12];
        for (uint32_t r = 0; r < 6; r++) {
            float step = (float)(int32_t)(t / 50 + r);
            l[r] = (mdl_levers){.excite = 1.0f + 0.02f * step,
                                .inhibit = 1.2f - 0.03f * step,
                                .feedforward = 1.5f,
                                .feedback = 0.75f,
                                .slow = 0.06f * step,
                                .rest = 0.1f * step - 0.5f,
                                .slope = 0.5f + 0.25f * step,
                                .threshold = 0.3f - 0.05f * step,
                                .spread = 0.05f * step};
            input[2 * r] = t % 100 < 50 ? 0.25f : -0.25f;
            input[2 * r + 1] = 0.125f;
        }
        mdl_mass_step(&m, l, input);
        if (t % 100 == 99)
            mdl_mass_save(&m, &out);
    }
    free(memory);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"num", case_num},
    {"philox", case_philox},
    {"wiring", case_wiring},
    {"hmn-core-tmaze", case_hmn_core_tmaze},
    {"hmn-full-regions", case_hmn_full_regions},
    {"hmn-modulators", case_hmn_modulators},
    {"indirect", case_indirect},
    {"neuraxon", case_neuraxon},
    {"neuraxon-tmaze", case_neuraxon_tmaze},
    {"tasks", case_tasks},
    {"forage", case_forage},
    {"neural-mass", case_neural_mass},
    {"evolution", case_evolution},
};

int main(int argc, char **argv) {
    enum { CASES = sizeof cases / sizeof cases[0] };
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (int i = 0; i < CASES; i++)
            puts(cases[i].name);
        return 0;
    }
    if (argc == 4 && strcmp(argv[2], "--kernel") == 0) {
        kernel = mdl_kernel_get((uint32_t)strtoul(argv[3], NULL, 10));
        if (!kernel) {
            fprintf(stderr, "golden: this machine has %u kernels\n", mdl_kernel_count());
            return 2;
        }
    } else if (argc != 2) {
        fputs("usage: golden --list | CASE [--kernel I]\n", stderr);
        return 2;
    }
    for (int i = 0; i < CASES; i++)
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            return fflush(stdout) == 0 ? 0 : 3;
        }
    fprintf(stderr, "golden: no case \"%s\"\n", argv[1]);
    return 2;
}
