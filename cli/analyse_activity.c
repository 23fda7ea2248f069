/* modulon analyse activity: what running activity is like. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/criticality.h"
#include "analysis/graph.h"
#include "analysis/spectrum.h"
#include "cli/analyse.h"
#include "cli/analyse_record.h"
#include "core/num.h"

enum { SEEDS_MAX = 64, NODES_MAX = 128, SEGMENT = 512, BINS = 40, TRACE = 400 };

static const mdl_usage usage = {
    .name = "analyse activity",
    .arguments = "EXPERIMENT.json|CHAMPION.safetensors|DIR",
    .text = "Run the network of an experiment, or a champion, step by step (window 1) without\n"
            "its task and measure its activity: branching ratio (regression, and the multistep\n"
            "estimator that does not mind unseen neurons), avalanches above the median, power\n"
            "spectrum, phase-amplitude coupling against surrogates moved in time, balance of\n"
            "excitation and inhibition, modules and small-world index of the neurons'\n"
            "correlation network, synchrony of regions. An experiment's network gets the\n"
            "assay's weights (--own, --between, --sd) and its prior's other genes. It learns\n"
            "as it runs with --plastic. Intervals are over seeds.",
    .examples = "  modulon analyse activity examples/regions.json --steps 20000 --svg plots\n"
                "  modulon analyse activity runs/t1 --input-sd 0.5 --json",
    .least = 1,
    .most = 1,
};

#define NUMBER_MAP(X)                                                                                                  \
    X(ACTIVITY, "activity", "mean |output| of a neuron")                                                               \
    X(BRANCHING, "branching", "branching ratio by regression")                                                         \
    X(MULTISTEP, "multistep", "branching ratio by the multistep estimator")                                            \
    X(TIME, "time", "its autocorrelation time, steps")                                                                 \
    X(AVALANCHES, "avalanches", "how many")                                                                            \
    X(SIZE_EXPONENT, "size_exponent", "power law of their sizes")                                                      \
    X(SIZE_KS, "size_ks", "its Kolmogorov-Smirnov distance")                                                           \
    X(DURATION_EXPONENT, "duration_exponent", "power law of their durations")                                          \
    X(PEAK, "peak", "strongest frequency, cycles a step")                                                              \
    X(PAC, "pac", "modulation of the fast band by the slow band's phase")                                              \
    X(PAC_SHUFFLED, "pac_shuffled", "the same of surrogates, mean")                                                    \
    X(PAC_Z, "pac_z", "how many s.d. apart")                                                                           \
    X(PAC_P, "pac_p", "probability of as much by chance")                                                              \
    X(EXCITATION, "excitation", "mean contribution of own synapses")                                                   \
    X(INHIBITION, "inhibition", "the same, negative ones")                                                             \
    X(BALANCE, "balance", "(E - I) / (E + I)")                                                                         \
    X(TIGHTNESS, "tightness", "correlation of E and I in time")                                                        \
    X(MODULES, "modules", "of the neurons' correlation network")                                                       \
    X(MODULARITY, "modularity", "Q of these modules")                                                                  \
    X(PARTICIPATION, "participation", "mean participation coefficient")                                                \
    X(SMALL_WORLD, "small_world", "sigma of its strongest tenth of links")                                             \
    X(SYNCHRONY, "synchrony", "phase locking of regions around the peak")

enum {
#define X(name, key, text) name,
    NUMBER_MAP(X)
#undef X
        NUMBERS
};

static const struct {
    const char *key, *text;
} number[NUMBERS] = {
#define X(name, key, text) {key, text},
    NUMBER_MAP(X)
#undef X
};

typedef struct settings {
    const char *svg;
    uint32_t steps, settle, seeds, surrogates, block;
    uint64_t seed;
    double own, between, sd, noise, input_sd, slow[2], fast[2];
    int json, plastic;
} settings;

/* One run. */
typedef struct record {
    uint32_t steps, regions, nodes;
    double *active, *excitation, *inhibition, *mean; /* [steps]          */
    double *region;                                  /* [regions][steps] */
    double *node;                                    /* [nodes][steps]   */
    double power[SEGMENT / 2 + 1];
} record;

static void record_close(record *r) {
    free(r->active);
    memset(r, 0, sizeof *r);
}

static mdl_err record_open(record *r, const mdl_network_spec *network, uint32_t steps) {
    uint32_t hidden = 0;
    memset(r, 0, sizeof *r);
    for (uint32_t i = 0; i < network->regions; i++)
        hidden += network->neurons[i];
    r->steps = steps;
    r->regions = network->regions;
    r->nodes = hidden < NODES_MAX ? hidden : NODES_MAX;
    r->active = calloc((size_t)steps * (4 + r->regions + r->nodes), sizeof *r->active);
    if (!r->active)
        return MDL_ENOMEM;
    r->excitation = r->active + steps;
    r->inhibition = r->excitation + steps;
    r->mean = r->inhibition + steps;
    r->region = r->mean + steps;
    r->node = r->region + (size_t)r->regions * steps;
    return MDL_OK;
}

/* Outputs of r->nodes neurons, evenly spread over all hidden ones. */
static void take_nodes(record *r, const mdl_probe *p, uint32_t t, uint32_t hidden) {
    uint32_t before = 0, next = 0;
    for (uint32_t i = 0; i < r->regions; i++) {
        mdl_region_view view;
        mdl_shard_view(&p->life->shard[0], i, &view);
        while (next < r->nodes && (uint64_t)next * hidden / r->nodes < before + view.shape->hidden) {
            uint32_t j = (uint32_t)((uint64_t)next * hidden / r->nodes) - before;
            r->node[(size_t)next++ * r->steps + t] = (double)view.z[j];
        }
        before += view.shape->hidden;
    }
}

static void run(record *r, mdl_probe *p, const settings *s, uint64_t seed) {
    uint32_t hidden = 0;
    mdl_stream rng = {mdl_key(seed, MDL_STREAM_POLICY, 0, 0, 0), 0};
    for (uint32_t i = 0; i < r->regions; i++)
        hidden += p->x.network.neurons[i];
    mdl_probe_birth(p, seed);
    for (uint32_t t = 0; t < s->settle + r->steps; t++) {
        float normal, unused;
        mdl_gauss(mdl_draw_u32(&rng), mdl_draw_u32(&rng), &normal, &unused);
        mdl_probe_step(p, (float)s->input_sd * normal);
        if (t < s->settle)
            continue;
        uint32_t at = t - s->settle;
        r->active[at] = mdl_probe_active(p);
        r->mean[at] = mdl_probe_mean(p);
        mdl_probe_balance(p, &r->excitation[at], &r->inhibition[at]);
        for (uint32_t i = 0; i < r->regions; i++)
            r->region[(size_t)i * r->steps + at] = mdl_probe_region(p, i);
        take_nodes(r, p, at, hidden);
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sizes and durations of avalanches above the median activity; the caller frees *size. */
static mdl_err find_avalanches(const record *r, double **size, double **duration, size_t *count) {
    size_t room = r->steps / 2 + 1;
    double *sorted = malloc(r->steps * sizeof *sorted);
    *size = malloc(2 * room * sizeof **size);
    if (!sorted || !*size) {
        free(sorted);
        free(*size);
        *size = NULL;
        return MDL_ENOMEM;
    }
    memcpy(sorted, r->active, r->steps * sizeof *sorted);
    qsort(sorted, r->steps, sizeof *sorted, ascending);
    *duration = *size + room;
    *count = mdl_avalanches(r->active, r->steps, sorted[r->steps / 2], *size, *duration);
    free(sorted);
    return MDL_OK;
}

static mdl_err measure_avalanches(const record *r, double *v) {
    double *size, *duration;
    size_t count;
    mdl_power_law law;
    mdl_err err = find_avalanches(r, &size, &duration, &count);
    if (err != MDL_OK)
        return err;
    v[AVALANCHES] = (double)count;
    v[SIZE_EXPONENT] = v[SIZE_KS] = v[DURATION_EXPONENT] = NAN;
    double largest = 0.0, longest = 0.0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, size[i]);
        longest = fmax(longest, duration[i]);
    }
    if (largest > 0.0 && mdl_power_law_fit(size, count, largest / 100.0, largest, 0, &law) == MDL_OK) {
        v[SIZE_EXPONENT] = law.alpha;
        v[SIZE_KS] = law.ks;
    }
    if (longest > 2.0 && mdl_power_law_fit(duration, count, 1.0, longest, 1, &law) == MDL_OK)
        v[DURATION_EXPONENT] = law.alpha;
    free(size);
    return MDL_OK;
}

static mdl_err measure_graph(const record *r, uint64_t seed, double *v) {
    size_t n = r->nodes;
    double *weight = malloc(n * n * sizeof *weight);
    uint32_t *module = malloc(n * sizeof *module), modules;
    mdl_small_world_index small;
    mdl_err err = weight && module ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK) {
        mdl_graph_correlation(r->node, n, r->steps, weight);
        err = mdl_louvain(weight, n, 1.0, seed, module, &modules);
    }
    if (err == MDL_OK) {
        v[MODULES] = modules;
        v[MODULARITY] = mdl_modularity(weight, n, module, 1.0);
        v[PARTICIPATION] = mdl_participation(weight, n, module, modules, NULL);
        err = mdl_graph_keep(weight, n, 0.1);
    }
    if (err == MDL_OK)
        err = mdl_small_world_index_of(weight, n, 5, seed, &small);
    if (err == MDL_OK)
        v[SMALL_WORLD] = small.sigma;
    free(weight);
    free(module);
    return err;
}

static mdl_err measure(record *r, const settings *s, uint64_t seed, double *v) {
    mdl_multistep multistep = {0};
    mdl_balance balance;
    mdl_pac pac = {0};
    mdl_region_measures regions = {0};
    v[ACTIVITY] = mdl_stat_mean(r->active, r->steps);
    v[BRANCHING] = mdl_branching_regression(r->active, r->steps);
    if (mdl_branching_multistep(r->active, r->steps, 40, &multistep) == MDL_OK) {
        v[MULTISTEP] = multistep.m;
        v[TIME] = multistep.time;
    } else {
        v[MULTISTEP] = v[TIME] = NAN; /* activity does not change */
    }
    mdl_err err = measure_avalanches(r, v);
    if (err == MDL_OK)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): measure_avalanches() freed it. */
        err = mdl_welch(r->mean, r->steps, SEGMENT, r->power);
    v[PEAK] = mdl_spectrum_peak(r->power, SEGMENT, 2.0 / SEGMENT, 0.5);
    if (err == MDL_OK)
        err = mdl_pac_signal(r->mean, r->steps, s->slow, s->fast, s->block, s->surrogates, seed, &pac);
    v[PAC] = pac.modulation;
    v[PAC_SHUFFLED] = pac.mean_shuffled;
    v[PAC_Z] = pac.z;
    v[PAC_P] = pac.p;
    mdl_balance_of(r->excitation, r->inhibition, r->steps, &balance);
    v[EXCITATION] = balance.excitation;
    v[INHIBITION] = balance.inhibition;
    v[BALANCE] = balance.index;
    v[TIGHTNESS] = balance.correlation;
    if (err == MDL_OK)
        err = measure_graph(r, seed, v);
    const double band[2] = {0.6 * v[PEAK], fmin(1.4 * v[PEAK], 0.5)};
    const uint32_t one_module[MDL_REGIONS_MAX] = {0};
    if (err == MDL_OK && r->regions > 1)
        err = mdl_measure_regions(r->region, r->regions, r->steps, band, 0.0, one_module, 1, seed, &regions);
    v[SYNCHRONY] = r->regions > 1 ? regions.synchrony : NAN;
    return err;
}

/* Of the last run: a piece of activity, its spectrum, and avalanche sizes. */
static int plot(const record *r, const settings *s) {
    double *size, *duration, at[TRACE], f[SEGMENT / 2], x[BINS], share[BINS];
    size_t count, shown = r->steps < TRACE ? r->steps : TRACE;
    if (!s->svg)
        return -1;
    if (find_avalanches(r, &size, &duration, &count) != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "analyse activity: out of memory");
    for (size_t t = 0; t < shown; t++)
        at[t] = (double)t;
    for (size_t i = 1; i <= SEGMENT / 2; i++)
        f[i - 1] = (double)i / SEGMENT;
    qsort(size, count, sizeof *size, ascending);
    for (int i = 0; i < BINS; i++) { /* how many avalanches are larger than x */
        x[i] = count > 0 ? size[count - 1] * pow(10.0, -3.0 + 3.0 * i / (BINS - 1)) : 1.0;
        size_t above = 0;
        for (size_t k = 0; k < count; k++)
            above += size[k] >= x[i];
        share[i] = count > 0 ? (double)above / (double)count : 0.0;
    }
    const mdl_svg_series series[] = {{.x = at, .y = r->active, .n = shown},
                                     {.x = f, .y = r->power + 1, .n = SEGMENT / 2},
                                     {.x = x, .y = share, .n = BINS, .mark = MDL_SVG_BOTH}};
    const mdl_svg_panel panel[] = {
        {.title = "activity", .x_label = "step", .y_label = "sum of |output|", .series = &series[0], .count = 1},
        {.title = "power spectrum of the mean",
         .x_label = "cycles a step",
         .y_label = "density",
         .log_x = 1,
         .log_y = 1,
         .series = &series[1],
         .count = 1},
        {.title = "avalanches",
         .x_label = "size",
         .y_label = "share as large",
         .log_x = 1,
         .log_y = 1,
         .series = &series[2],
         .count = 1}};
    int code = mdl_write_plot(s->svg, "activity", panel, 3, 3);
    free(size);
    return code;
}

static int print_numbers(const settings *s, double (*v)[SEEDS_MAX]) {
    cJSON *json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "steps", s->steps);
    cJSON_AddNumberToObject(json, "seeds", s->seeds);
    for (int i = 0; i < NUMBERS; i++) {
        char text[64];
        double known[SEEDS_MAX];
        size_t n = 0;
        for (uint32_t k = 0; k < s->seeds; k++)
            if (isfinite(v[i][k]))
                known[n++] = v[i][k];
        if (n > 0)
            cJSON_AddItemToObject(json, number[i].key, mdl_interval_json(known, n));
        else
            cJSON_AddNullToObject(json, number[i].key);
        if (!s->json)
            printf("%-18s %-30s %s\n", number[i].key, n > 0 ? mdl_interval_text(known, n, text, sizeof text) : "-",
                   number[i].text);
    }
    if (s->json)
        return mdl_cli_print_json(json);
    cJSON_Delete(json);
    return MDL_EXIT_OK;
}

static int analyse(const mdl_subject *subject, const settings *s) {
    const mdl_assay assay = {s->own, s->between, s->sd};
    static double v[NUMBERS][SEEDS_MAX];
    mdl_err err = MDL_OK;
    int code = -1;
    for (uint32_t k = 0; err == MDL_OK && code < 0 && k < s->seeds; k++) {
        mdl_probe p;
        record r;
        double one[NUMBERS];
        err = mdl_probe_open(&p, &subject->x, subject->genome, &assay, s->seed + k, s->plastic);
        if (err != MDL_OK)
            break;
        if (s->noise >= 0.0)
            mdl_probe_noise(&p, (float)s->noise);
        err = record_open(&r, &p.x.network, s->steps);
        if (err == MDL_OK) {
            run(&r, &p, s, s->seed + k);
            err = measure(&r, s, s->seed + k, one);
            one[ACTIVITY] /= p.life->conductor.neurons;
            for (int i = 0; i < NUMBERS; i++)
                v[i][k] = one[i];
            if (err == MDL_OK && k + 1 == s->seeds)
                code = plot(&r, s);
        }
        record_close(&r);
        mdl_probe_close(&p);
    }
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "analyse activity: %s", mdl_strerror((int)err));
    return code < 0 ? print_numbers(s, v) : code;
}

int mdl_analyse_activity(int argc, char **argv) {
    settings s = {.steps = 10000,
                  .settle = 500,
                  .seeds = 5,
                  .surrogates = 199,
                  .seed = 1,
                  .own = 0.0,
                  .between = 0.0,
                  .sd = 1.0,
                  .noise = -1.0,
                  .slow = {0.005, 0.02},
                  .fast = {0.06, 0.2}};
    const mdl_option options[] = {
        {"steps", MDL_OPT_U32, &s.steps, NULL, 1024, 1000000, "N", "of each run (10000)"},
        {"settle", MDL_OPT_U32, &s.settle, NULL, 0, 10000000, "N", "steps before a record begins (500)"},
        {"seeds", MDL_OPT_U32, &s.seeds, NULL, 1, SEEDS_MAX, "N", "runs (5)"},
        {"seed", MDL_OPT_U64, &s.seed, NULL, 0, 0, "S", "of the first of them (1)"},
        {"own", MDL_OPT_F64, &s.own, NULL, -16, 16, "W", "mean weight from the own region (0)"},
        {"between", MDL_OPT_F64, &s.between, NULL, -16, 16, "W", "mean weight from other regions (0)"},
        {"sd", MDL_OPT_F64, &s.sd, NULL, 0, 16, "W", "deviation of weights (1)"},
        {"noise", MDL_OPT_F64, &s.noise, NULL, 0, 4, "SD", "noise of neurons (the genome's)"},
        {"input-sd", MDL_OPT_F64, &s.input_sd, NULL, 0, 16, "SD", "white noise on the first observation (0)"},
        {"plastic", MDL_OPT_FLAG, &s.plastic, NULL, 0, 0, NULL, "learning and homeostasis stay on"},
        {"slow-lo", MDL_OPT_F64, &s.slow[0], NULL, 0, 0.5, "F", "band whose phase couples, cycles a step (0.005)"},
        {"slow-hi", MDL_OPT_F64, &s.slow[1], NULL, 0, 0.5, "F", "its other end (0.02)"},
        {"fast-lo", MDL_OPT_F64, &s.fast[0], NULL, 0, 0.5, "F", "band whose amplitude is coupled (0.06)"},
        {"fast-hi", MDL_OPT_F64, &s.fast[1], NULL, 0, 0.5, "F", "its other end (0.2)"},
        {"surrogates", MDL_OPT_U32, &s.surrogates, NULL, 19, 10000, "N", "of the coupling (199)"},
        {"block", MDL_OPT_U32, &s.block, NULL, 0, 1000000, "N",
         "shuffle pieces of N steps instead of moving in time: for regular rhythms (0)"},
        {"svg", MDL_OPT_TEXT, &s.svg, NULL, 0, 0, "DIR", "write activity.svg there"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (s.slow[0] >= s.slow[1] || s.fast[0] >= s.fast[1])
        return mdl_cli_fail(MDL_EXIT_USAGE, "analyse activity: a band's low end must lie below its high end");
    mdl_subject subject;
    code = mdl_subject_read(&subject, argv[first]);
    if (code >= 0)
        return code;
    code = analyse(&subject, &s);
    mdl_subject_close(&subject);
    return code;
}
