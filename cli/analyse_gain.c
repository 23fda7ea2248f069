/* modulon analyse gain: activation functions against levers and modulators. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/gain.h"
#include "cli/analyse.h"

enum { POINTS = 41, SETTLE = 160, AVERAGE = 60, RESPONSE = 400, VALUES = 3, LEVELS = 17, SEEDS_MAX = 64 };
#define INPUT_LO (-3.0)
#define INPUT_HI 3.0
#define STEP 0.25 /* of the input, for time scales */

static const mdl_usage usage = {
    .name = "analyse gain",
    .arguments = "EXPERIMENT.json",
    .text = "Activation functions: the mean output of region 0's hidden neurons, and the mean\n"
            "excitatory rate of the neural mass, against a steady input to all of them;\n"
            "a sigmoid is fitted to each. Once with each lever alone at three values, once\n"
            "against the level of a modulator that acts on all levers through its receptors.\n"
            "The network has the experiment's regions, wiring and model, and the assay's\n"
            "weights: recurrent ones that sum to -0.4 with s.d. 0.4, one input that reaches\n"
            "all neurons of region 0 alike; it does not learn. The mass has half the recurrent weights of its "
            "defaults, so\n"
            "that no setting oscillates. rate: gain at input 0; time: steps in which a small\n"
            "step of the input takes hold.",
    .examples = "  modulon analyse gain examples/regions.json --svg plots\n"
                "  modulon analyse gain examples/regions.json --modulator acetylcholine --json",
    .least = 1,
    .most = 1,
};

/* The values a lever is set to (core/lever.h: exponents of factors, sums). */
static const double lever_value[MDL_LEVER_COUNT][VALUES] = {
    [MDL_LEVER_EXCITE] = {-0.5, 0.0, 0.5},      [MDL_LEVER_INHIBIT] = {-0.7, 0.0, 0.7},
    [MDL_LEVER_FEEDFORWARD] = {-0.5, 0.0, 0.5}, [MDL_LEVER_FEEDBACK] = {-0.5, 0.0, 0.5},
    [MDL_LEVER_SLOW] = {0.0, 0.4, 0.8},         [MDL_LEVER_REST] = {-0.5, 0.0, 0.5},
    [MDL_LEVER_SLOPE] = {-0.7, 0.0, 0.7},       [MDL_LEVER_THRESHOLD] = {-0.5, 0.0, 0.5},
    [MDL_LEVER_SPREAD] = {0.0, 0.7, 1.4},
};

/* What one setting of one model gives. */
typedef struct response {
    double y[POINTS];
    mdl_gain_curve curve;
    double rate; /* of the fitted curve at input 0 */
    double time;
} response;

static double input_at(int i) { return INPUT_LO + (INPUT_HI - INPUT_LO) * i / (POINTS - 1); }

/* One of the two models under one setting. */
typedef struct bench {
    mdl_probe *probe; /* or, where NULL: */
    mdl_mass *mass;
    mdl_levers levers[MDL_REGIONS_MAX];
    uint64_t seed;
} bench;

static void begin(bench *b) {
    if (b->probe)
        mdl_probe_birth(b->probe, b->seed);
    else
        mdl_mass_birth(b->mass, b->seed);
}

static double advance(bench *b, double input) {
    if (b->probe) {
        mdl_probe_step(b->probe, (float)input);
        return mdl_probe_region(b->probe, 0); /* the one that has sensors */
    }
    float in[2 * MDL_REGIONS_MAX] = {0};
    double sum = 0.0;
    for (uint32_t r = 0; r < b->mass->regions; r++)
        in[2 * r] = (float)input;
    mdl_mass_step(b->mass, b->levers, in);
    for (uint32_t r = 0; r < b->mass->regions; r++)
        sum += (double)mdl_mass_at(b->mass, r, MDL_EXCITATORY)->q;
    return sum / b->mass->regions;
}

/* Steady outputs, the fitted curve, and the time scale of a small step at input `at`. */
static mdl_err measure(bench *b, double at, response *out) {
    double x[POINTS], y[RESPONSE];
    for (int i = 0; i < POINTS; i++) {
        x[i] = input_at(i);
        out->y[i] = 0.0;
        begin(b);
        for (int t = 0; t < SETTLE + AVERAGE; t++) {
            double v = advance(b, x[i]);
            out->y[i] += t >= SETTLE ? v / AVERAGE : 0.0;
        }
    }
    mdl_err err = mdl_gain_fit(x, out->y, POINTS, &out->curve);
    if (err != MDL_OK)
        return err;
    double s = (mdl_gain_at(&out->curve, 0.0) - out->curve.base) / out->curve.amplitude;
    out->rate = out->curve.amplitude * s * (1.0 - s) / out->curve.width;
    begin(b);
    for (int t = 0; t < SETTLE; t++)
        y[0] = advance(b, at - STEP);
    for (int t = 1; t < RESPONSE; t++)
        y[t] = advance(b, at + STEP);
    out->time = mdl_response_time(y, RESPONSE);
    return MDL_OK;
}

typedef struct settings {
    const char *modulator, *svg;
    uint32_t seeds;
    uint64_t seed;
    int json;
    uint32_t which;
} settings;

/* responses[model][lever][value][seed], then [model][level][seed]. */
typedef struct results {
    response (*lever)[MDL_LEVER_COUNT][VALUES][SEEDS_MAX];
    response (*level)[LEVELS][SEEDS_MAX];
} results;

static const char *const model_name[2] = {"network", "mass"};

static mdl_mass_params halved(void) {
    mdl_mass_params p;
    mdl_mass_params_defaults(&p);
    for (int i = 0; i < 4; i++)
        p.w[i / 2][i % 2] *= 0.5f;
    p.between[0] *= 0.5f;
    p.between[1] *= 0.5f;
    p.noise = 0.0f;
    return p;
}

static double level_at(int i) { return (double)MDL_LEVEL_MAX * i / (LEVELS - 1); }

static mdl_err run_seed(const mdl_experiment *x, const settings *s, uint32_t k, results *out) {
    const mdl_assay assay = {-0.4, 0.0, 0.4};
    const mdl_mass_params params = halved();
    mdl_receptors receptors;
    mdl_probe probe;
    mdl_mass mass;
    mdl_receptors_defaults(&receptors);
    mdl_err err = mdl_probe_open(&probe, x, NULL, &assay, s->seed + k, 0);
    if (err != MDL_OK)
        return err;
    err = mdl_mass_open(&mass, &probe.x.network, &params);
    if (err != MDL_OK) {
        mdl_probe_close(&probe);
        return err;
    }
    mdl_probe_noise(&probe, 0.0f);
    bench b[2] = {{.probe = &probe, .seed = s->seed + k}, {.mass = &mass, .seed = s->seed + k}};
    for (int i = 0; err == MDL_OK && i < LEVELS; i++) {
        float level[MDL_MODULATORS] = {0.0f};
        level[s->which] = (float)level_at(i);
        mdl_probe_clamp(&probe, s->which, level[s->which]);
        for (uint32_t r = 0; r < mass.regions; r++)
            b[1].levers[r] = mdl_levers_of(&receptors, r, level);
        for (int m = 0; err == MDL_OK && m < 2; m++)
            err = measure(&b[m], m == 0 ? 0.0 : 0.6, &out->level[m][i][k]);
    }
    for (int i = 0; err == MDL_OK && i < MDL_LEVER_COUNT * VALUES; i++) {
        mdl_setting setting = {{0.0f}};
        setting.x[i / VALUES] = (float)lever_value[i / VALUES][i % VALUES];
        mdl_probe_hold(&probe, &setting);
        for (uint32_t r = 0; r < mass.regions; r++)
            b[1].levers[r] = mdl_setting_levers(&setting);
        for (int m = 0; err == MDL_OK && m < 2; m++)
            err = measure(&b[m], m == 0 ? 0.0 : 0.6, &out->lever[m][i / VALUES][i % VALUES][k]);
    }
    mdl_mass_close(&mass);
    mdl_probe_close(&probe);
    return err;
}

/* One number of a response. */
enum { AMPLITUDE, THRESHOLD, WIDTH, SLOPE, RATE, TIME, NUMBERS };
static const char *const number_name[NUMBERS] = {"amplitude", "threshold", "width", "slope", "rate", "time"};

static double number_of(const response *r, int which) {
    MDL_ASSERT(r);
    const double v[NUMBERS] = {
        r->curve.amplitude, r->curve.threshold, r->curve.width, r->curve.slope, r->rate, r->time};
    return v[which];
}

static void numbers(const response *r, uint32_t seeds, int which, double *out) {
    for (uint32_t k = 0; k < seeds; k++)
        out[k] = number_of(&r[k], which);
}

static void add_response(cJSON *list, const response *r, uint32_t seeds, const char *key, double value) {
    cJSON *o = cJSON_CreateObject();
    double v[SEEDS_MAX];
    cJSON_AddNumberToObject(o, key, value);
    for (int n = 0; n < NUMBERS; n++) {
        numbers(r, seeds, n, v);
        cJSON_AddItemToObject(o, number_name[n], mdl_interval_json(v, seeds));
    }
    cJSON_AddItemToArray(list, o);
}

static int print_results(const results *r, const settings *s) {
    cJSON *json = cJSON_CreateObject();
    for (int m = 0; m < 2; m++) {
        cJSON *model = cJSON_AddObjectToObject(json, model_name[m]);
        cJSON *levers = cJSON_AddObjectToObject(model, "levers");
        if (!s->json)
            printf("%s\n  %-14s %9s %9s %9s %9s %9s %9s\n", model_name[m], "lever", "amplitude", "threshold", "width",
                   "slope", "rate", "time");
        for (int i = 0; i < MDL_LEVER_COUNT; i++) {
            cJSON *list = cJSON_AddArrayToObject(levers, mdl_lever_key((uint32_t)i));
            for (int v = 0; v < VALUES; v++) {
                add_response(list, r->lever[m][i][v], s->seeds, "x", lever_value[i][v]);
                if (s->json)
                    continue;
                printf("  %-11s %+4.1f", mdl_lever_key((uint32_t)i), lever_value[i][v]);
                for (int n = 0; n < NUMBERS; n++) {
                    double all[SEEDS_MAX];
                    numbers(r->lever[m][i][v], s->seeds, n, all);
                    printf(" %9.3f", mdl_stat_mean(all, s->seeds));
                }
                putchar('\n');
            }
        }
        cJSON *list = cJSON_AddArrayToObject(model, s->modulator);
        if (!s->json)
            printf("  %s: level, slope, gain at input 0, with 95 %% intervals\n", s->modulator);
        for (int i = 0; i < LEVELS; i++) {
            double all[SEEDS_MAX];
            char a[64], b[64];
            add_response(list, r->level[m][i], s->seeds, "level", level_at(i));
            numbers(r->level[m][i], s->seeds, SLOPE, all);
            mdl_interval_text(all, s->seeds, a, sizeof a);
            numbers(r->level[m][i], s->seeds, RATE, all);
            if (!s->json)
                printf("  %5.2f  %-26s %s\n", level_at(i), a, mdl_interval_text(all, s->seeds, b, sizeof b));
        }
    }
    if (s->json)
        return mdl_cli_print_json(json);
    cJSON_Delete(json);
    return MDL_EXIT_OK;
}

/* Curves of every lever, one panel each, network above mass. */
static int plot_levers(const results *r, const settings *s) {
    static double x[POINTS], y[2][MDL_LEVER_COUNT][VALUES][POINTS];
    static char names[MDL_LEVER_COUNT][VALUES][32];
    static mdl_svg_series series[2][MDL_LEVER_COUNT][VALUES];
    static const int shown[] = {MDL_LEVER_EXCITE, MDL_LEVER_INHIBIT,   MDL_LEVER_REST,
                                MDL_LEVER_SLOPE,  MDL_LEVER_THRESHOLD, MDL_LEVER_SPREAD};
    static char titles[2][6][48];
    mdl_svg_panel panel[12];
    for (int i = 0; i < POINTS; i++)
        x[i] = input_at(i);
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < 6; i++) {
            int l = shown[i];
            for (int v = 0; v < VALUES; v++) {
                for (int p = 0; p < POINTS; p++) {
                    double sum = 0.0;
                    for (uint32_t k = 0; k < s->seeds; k++)
                        sum += r->lever[m][l][v][k].y[p];
                    y[m][l][v][p] = sum / s->seeds;
                }
                snprintf(names[l][v], sizeof names[l][v], "%+.1f", lever_value[l][v]);
                series[m][l][v] = (mdl_svg_series){.name = names[l][v], .x = x, .y = y[m][l][v], .n = POINTS};
            }
            snprintf(titles[m][i], sizeof titles[m][i], "%s (%s)", mdl_lever_key((uint32_t)l), model_name[m]);
            panel[m * 6 + i] = (mdl_svg_panel){.title = titles[m][i],
                                               .x_label = "input to every neuron",
                                               .y_label = m == 0 ? "mean output" : "rate",
                                               .series = series[m][l],
                                               .count = VALUES};
        }
    return mdl_write_plot(s->svg, "levers", panel, 12, 3);
}

static int plot_levels(const results *r, const settings *s) {
    static const int shown[] = {SLOPE, RATE, THRESHOLD, WIDTH};
    static double x[LEVELS], y[2][4][3][LEVELS];
    mdl_svg_series series[2][4];
    mdl_svg_panel panel[8];
    char titles[8][80], name[48], label[48];
    snprintf(label, sizeof label, "level of %s", s->modulator);
    for (int i = 0; i < LEVELS; i++)
        x[i] = level_at(i);
    for (int m = 0; m < 2; m++)
        for (int n = 0; n < 4; n++) {
            for (int i = 0; i < LEVELS; i++) {
                double all[SEEDS_MAX];
                numbers(r->level[m][i], s->seeds, shown[n], all);
                mdl_interval v = mdl_stat_interval(all, s->seeds);
                y[m][n][0][i] = v.mean;
                y[m][n][1][i] = v.lo;
                y[m][n][2][i] = v.hi;
            }
            series[m][n] = (mdl_svg_series){
                .x = x, .y = y[m][n][0], .lo = y[m][n][1], .hi = y[m][n][2], .n = LEVELS, .mark = MDL_SVG_BOTH};
            snprintf(titles[m * 4 + n], sizeof titles[0], "%s (%s)",
                     shown[n] == RATE ? "gain at input 0" : number_name[shown[n]], model_name[m]);
            panel[m * 4 + n] = (mdl_svg_panel){.title = titles[m * 4 + n],
                                               .x_label = label,
                                               .y_label = number_name[shown[n]],
                                               .series = &series[m][n],
                                               .count = 1};
        }
    snprintf(name, sizeof name, "gain-%s", s->modulator);
    return mdl_write_plot(s->svg, name, panel, 8, 4);
}

int mdl_analyse_gain(int argc, char **argv) {
    settings s = {.modulator = "noradrenaline", .seeds = 5, .seed = 1};
    const mdl_option options[] = {
        {"modulator", MDL_OPT_TEXT, &s.modulator, NULL, 0, 0, "NAME",
         "dopamine, serotonin, acetylcholine or noradrenaline (the default)"},
        {"seeds", MDL_OPT_U32, &s.seeds, NULL, 1, SEEDS_MAX, "N", "wirings and weights to average over (5)"},
        {"seed", MDL_OPT_U64, &s.seed, NULL, 0, 0, "S", "of the first of them (1)"},
        {"svg", MDL_OPT_TEXT, &s.svg, NULL, 0, 0, "DIR", "write levers.svg and gain-NAME.svg there"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    while (s.which < MDL_MODULATORS && strcmp(mdl_modulator_key(s.which), s.modulator) != 0)
        s.which++;
    if (s.which == MDL_MODULATORS)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "analyse gain: --modulator is \"%s\"; allowed: dopamine, serotonin, acetylcholine, "
                            "noradrenaline",
                            s.modulator);
    mdl_subject subject;
    code = mdl_subject_read(&subject, argv[first]);
    if (code >= 0)
        return code;
    results r = {calloc(2, sizeof *r.lever), calloc(2, sizeof *r.level)};
    mdl_err err = r.lever && r.level ? MDL_OK : MDL_ENOMEM;
    for (uint32_t k = 0; err == MDL_OK && k < s.seeds; k++)
        err = run_seed(&subject.x, &s, k, &r);
    if (err != MDL_OK)
        code = mdl_cli_fail(mdl_cli_code(err), "analyse gain: %s", mdl_strerror((int)err));
    if (code < 0)
        code = plot_levers(&r, &s);
    if (code < 0)
        code = plot_levels(&r, &s);
    if (code < 0)
        code = print_results(&r, &s);
    free(r.lever);
    free(r.level);
    mdl_subject_close(&subject);
    return code;
}
