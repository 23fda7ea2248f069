/* modulon analyse integration: from segregated to integrated regions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/spectrum.h"
#include "cli/analyse.h"
#include "cli/analyse_record.h"

enum { GAINS = 15, SETTLE = 500, SEGMENT = 256, SEEDS_MAX = 64 };

static const mdl_usage usage = {
    .name = "analyse integration",
    .arguments = "EXPERIMENT.json",
    .text = "Raise the slope lever of every region of a network, and of the neural mass with\n"
            "the same regions, and measure how the regions' mean activities hang together:\n"
            "participation coefficient of their correlation network (links above chance, modules\n"
            "by Louvain), the same across the modules of the wiring, phase locking in the band of the main rhythm, "
            "Kuramoto's order. The\n"
            "network has the experiment's regions, wiring and model, and the assay's weights:\n"
            "--own is the sum of a neuron's mean weights within its region (negative: delayed\n"
            "inhibition, which rings), --between that from other regions, --sd the deviation.\n"
            "Intervals are over seeds: each has its own wiring, weights and noise.",
    .examples = "  modulon analyse integration examples/sixteen-regions.json --svg plots\n"
                "  modulon analyse integration examples/regions.json --seeds 10 --json",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    const char *svg;
    uint32_t seeds, steps;
    uint64_t seed;
    double own, between, sd, noise;
    int json;
} settings;

static const char *const model_name[2] = {"network", "mass"};

/* Exponents of the slope factor: 0.22 .. 4.5 */
static double exponent_at(int i) { return -1.5 + 3.0 * i / (GAINS - 1); }

/* x[gain][region][step] of one seed and model. */
static mdl_err record_network(const mdl_experiment *x, const settings *s, uint64_t seed, double *out) {
    const mdl_assay assay = {s->own, s->between, s->sd};
    mdl_probe p;
    mdl_err err = mdl_probe_open(&p, x, NULL, &assay, seed, 0);
    if (err != MDL_OK)
        return err;
    uint32_t regions = x->network.regions;
    mdl_probe_noise(&p, (float)s->noise);
    for (int g = 0; g < GAINS; g++) {
        mdl_setting setting = {{0.0f}};
        setting.x[MDL_LEVER_SLOPE] = (float)exponent_at(g);
        mdl_probe_hold(&p, &setting);
        mdl_probe_birth(&p, seed);
        for (uint32_t t = 0; t < SETTLE + s->steps; t++) {
            mdl_probe_step(&p, 0.0f);
            for (uint32_t r = 0; t >= SETTLE && r < regions; r++)
                out[((size_t)g * regions + r) * s->steps + (t - SETTLE)] = mdl_probe_region(&p, r);
        }
    }
    mdl_probe_close(&p);
    return MDL_OK;
}

static mdl_err record_mass(const mdl_experiment *x, const settings *s, uint64_t seed, double *out) {
    mdl_network_spec network = x->network;
    mdl_mass_params params;
    mdl_mass m;
    mdl_mass_params_defaults(&params);
    network.seed = seed;
    mdl_err err = mdl_mass_open(&m, &network, &params);
    if (err != MDL_OK)
        return err;
    for (int g = 0; g < GAINS; g++) {
        mdl_levers levers[MDL_REGIONS_MAX];
        mdl_setting setting = {{0.0f}};
        setting.x[MDL_LEVER_SLOPE] = (float)exponent_at(g);
        for (uint32_t r = 0; r < network.regions; r++)
            levers[r] = mdl_setting_levers(&setting);
        mdl_mass_birth(&m, seed);
        for (uint32_t t = 0; t < SETTLE + s->steps; t++) {
            mdl_mass_step(&m, levers, NULL);
            for (uint32_t r = 0; t >= SETTLE && r < network.regions; r++)
                out[((size_t)g * network.regions + r) * s->steps + (t - SETTLE)] =
                    (double)mdl_mass_at(&m, r, MDL_EXCITATORY)->q;
        }
    }
    mdl_mass_close(&m);
    return MDL_OK;
}

/* The band around the main rhythm of the whole sweep. */
static void band_of(const double *power, double band[2]) {
    double peak = mdl_spectrum_peak(power, SEGMENT, 2.0 / SEGMENT, 0.4);
    band[0] = 0.6 * peak;
    band[1] = fmin(1.4 * peak, 0.5);
}

static mdl_err sweep(const mdl_experiment *x, const settings *s, int mass, double band[2],
                     mdl_region_measures (*out)[SEEDS_MAX]) {
    uint32_t regions = x->network.regions;
    size_t one = (size_t)GAINS * regions * s->steps;
    double power[SEGMENT / 2 + 1] = {0.0}, *data = malloc(one * s->seeds * sizeof *data);
    mdl_err err = data ? MDL_OK : MDL_ENOMEM;
    for (uint32_t k = 0; err == MDL_OK && k < s->seeds; k++) {
        err = (mass ? record_mass : record_network)(x, s, s->seed + k, data + k * one);
        if (err == MDL_OK)
            err = mdl_add_spectra(data + k * one, (size_t)GAINS * regions, s->steps, SEGMENT, power);
    }
    band_of(power, band);
    uint32_t wiring[MDL_REGIONS_MAX], modules = 1;
    if (err == MDL_OK)
        err = mdl_wiring_modules(&x->network, 1, wiring, &modules);
    for (uint32_t k = 0; err == MDL_OK && k < s->seeds; k++) {
        double least = 0.0; /* of the most segregated record */
        err = mdl_chance_correlation(data + k * one, regions, s->steps, s->seed + k, &least);
        for (int g = 0; err == MDL_OK && g < GAINS; g++)
            err = mdl_measure_regions(data + k * one + (size_t)g * regions * s->steps, regions, s->steps, band, least,
                                      wiring, modules, s->seed + k, &out[g][k]);
    }
    free(data);
    return err;
}

enum { PARTICIPATION, ACROSS, SYNCHRONY, ORDER, LINKS, MODULARITY, AMPLITUDE, NUMBERS };
static const char *const number_name[NUMBERS] = {"participation", "across",     "synchrony", "order",
                                                 "links",         "modularity", "amplitude"};

static double number_of(const mdl_region_measures *m, int which) {
    const double v[NUMBERS] = {m->participation, m->across,     m->synchrony, m->order,
                               m->links,         m->modularity, m->amplitude};
    return v[which];
}

static void numbers(const mdl_region_measures *m, uint32_t seeds, int which, double *out) {
    for (uint32_t k = 0; k < seeds; k++)
        out[k] = number_of(&m[k], which);
}

/* By model: both sweeps in one panel each for participation and synchrony. */
static int plot(const settings *s, mdl_region_measures (*all)[GAINS][SEEDS_MAX]) {
    static const int shown[] = {PARTICIPATION, ACROSS, SYNCHRONY, AMPLITUDE};
    static const char *const title[] = {"participation", "across modules of wiring", "phase synchrony", "amplitude"};
    static double x[GAINS], y[2][4][3][GAINS];
    mdl_svg_series series[2][4];
    mdl_svg_panel panel[8];
    char titles[8][64];
    for (int g = 0; g < GAINS; g++)
        x[g] = exp(exponent_at(g));
    for (int m = 0; m < 2; m++)
        for (int n = 0; n < 4; n++) {
            for (int g = 0; g < GAINS; g++) {
                double v[SEEDS_MAX];
                numbers(all[m][g], s->seeds, shown[n], v);
                mdl_interval i = mdl_stat_interval(v, s->seeds);
                y[m][n][0][g] = i.mean;
                y[m][n][1][g] = i.lo;
                y[m][n][2][g] = i.hi;
            }
            series[m][n] = (mdl_svg_series){
                .x = x, .y = y[m][n][0], .lo = y[m][n][1], .hi = y[m][n][2], .n = GAINS, .mark = MDL_SVG_BOTH};
            snprintf(titles[m * 4 + n], sizeof titles[0], "%s (%s)", title[n], model_name[m]);
            panel[m * 4 + n] = (mdl_svg_panel){.title = titles[m * 4 + n],
                                               .x_label = "slope of activation (factor)",
                                               .y_label = number_name[shown[n]],
                                               .log_x = 1,
                                               .series = &series[m][n],
                                               .count = 1};
        }
    return mdl_write_plot(s->svg, "integration", panel, 8, 4);
}

static int print_sweeps(const settings *s, double band[2][2], mdl_region_measures (*all)[GAINS][SEEDS_MAX]) {
    cJSON *json = cJSON_CreateObject();
    for (int m = 0; m < 2; m++) {
        cJSON *o = cJSON_AddObjectToObject(json, model_name[m]);
        cJSON_AddItemToObject(o, "band", cJSON_CreateDoubleArray(band[m], 2));
        cJSON *list = cJSON_AddArrayToObject(o, "gains");
        if (!s->json)
            printf("%s, phases of the band %.4f..%.4f cycles a step\n  %6s  %-24s %-24s %-24s %-6s %s\n", model_name[m],
                   band[m][0], band[m][1], "slope", "participation", "across", "synchrony", "order", "links");
        for (int g = 0; g < GAINS; g++) {
            cJSON *one = cJSON_CreateObject();
            double v[NUMBERS][SEEDS_MAX];
            char a[64], b[64], c[64];
            cJSON_AddNumberToObject(one, "slope", exp(exponent_at(g)));
            for (int n = 0; n < NUMBERS; n++) {
                numbers(all[m][g], s->seeds, n, v[n]);
                cJSON_AddItemToObject(one, number_name[n], mdl_interval_json(v[n], s->seeds));
            }
            cJSON_AddItemToArray(list, one);
            if (!s->json)
                printf("  %6.3f  %-24s %-24s %-24s %-6.3f %.3f\n", exp(exponent_at(g)),
                       mdl_interval_text(v[PARTICIPATION], s->seeds, a, sizeof a),
                       mdl_interval_text(v[ACROSS], s->seeds, b, sizeof b),
                       mdl_interval_text(v[SYNCHRONY], s->seeds, c, sizeof c), mdl_stat_mean(v[ORDER], s->seeds),
                       mdl_stat_mean(v[LINKS], s->seeds));
        }
    }
    if (s->json)
        return mdl_cli_print_json(json);
    cJSON_Delete(json);
    return MDL_EXIT_OK;
}

int mdl_analyse_integration(int argc, char **argv) {
    settings s = {.seeds = 5, .steps = 3000, .seed = 1, .own = -1.0, .between = 0.5, .sd = 0.3, .noise = 0.3};
    const mdl_option options[] = {
        {"steps", MDL_OPT_U32, &s.steps, NULL, 512, 100000, "N", "of each record (3000)"},
        {"seeds", MDL_OPT_U32, &s.seeds, NULL, 1, SEEDS_MAX, "N", "wirings, weights and noises to average over (5)"},
        {"seed", MDL_OPT_U64, &s.seed, NULL, 0, 0, "S", "of the first of them (1)"},
        {"own", MDL_OPT_F64, &s.own, NULL, -16, 16, "W", "mean weight from the own region (-1)"},
        {"between", MDL_OPT_F64, &s.between, NULL, -16, 16, "W", "mean weight from other regions (0.5)"},
        {"sd", MDL_OPT_F64, &s.sd, NULL, 0, 16, "W", "deviation of weights (0.3)"},
        {"noise", MDL_OPT_F64, &s.noise, NULL, 0, 4, "SD", "noise of the network's neurons (0.3)"},
        {"svg", MDL_OPT_TEXT, &s.svg, NULL, 0, 0, "DIR", "write integration.svg there"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    mdl_subject subject;
    code = mdl_subject_read(&subject, argv[first]);
    if (code >= 0)
        return code;
    if (subject.x.network.regions < 3) {
        mdl_subject_close(&subject);
        return mdl_cli_fail(MDL_EXIT_USAGE, "analyse integration: %s has %u regions; 3 are needed at least",
                            argv[first], (unsigned)subject.x.network.regions);
    }
    static mdl_region_measures all[2][GAINS][SEEDS_MAX];
    double band[2][2];
    mdl_err err = MDL_OK;
    for (int m = 0; err == MDL_OK && m < 2; m++)
        err = sweep(&subject.x, &s, m, band[m], all[m]);
    if (err != MDL_OK)
        code = mdl_cli_fail(mdl_cli_code(err), "analyse integration: %s", mdl_strerror((int)err));
    if (code < 0)
        code = plot(&s, all);
    if (code < 0)
        code = print_sweeps(&s, band, all);
    mdl_subject_close(&subject);
    return code;
}
