#include "cli/simulate_v1.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "protocol/neuraxon_v1_file.h"
#include "runtime/file.h"

enum { NUMBER_TEXT = 40 };

/* The shortest decimal that reads back as the same binary64, written as Python
 * writes it: always with a point or an exponent, so that -0.0 keeps its sign;
 * NaN and Infinity are Python's words, which JSON does not have. Returns `text`. */
static const char *number(double x, char text[NUMBER_TEXT]) {
    if (!isfinite(x)) {
        snprintf(text, NUMBER_TEXT, "%s", isnan(x) ? "NaN" : x < 0 ? "-Infinity" : "Infinity");
        return text;
    }
    int digits = 15;
    while (snprintf(text, NUMBER_TEXT, "%.*g", digits, x) > 0 && strtod(text, NULL) != x)
        digits++; /* 17 are always enough */
    if (!strpbrk(text, ".e"))
        snprintf(text, NUMBER_TEXT, "%.*g.0", digits, x);
    return text;
}

static void put_number(double x) {
    char text[NUMBER_TEXT];
    fputs(number(x, text), stdout);
}

static void put_numbers(const double *x, size_t count) {
    for (size_t i = 0; i < count; i++) {
        putchar(',');
        put_number(x[i]);
    }
}

static void put_step(const mdl_neuraxon_v1 *n, uint32_t t) {
    printf("{\"step\":%" PRIu32 ",\"states\":\"", t);
    for (uint32_t i = 0; i < n->neuron_count; i++)
        putchar("-0+"[n->neuron[i].state + 1]);
    printf("\",\"synapses\":%" PRIu32 "}\n", n->synapse_count);
}

static void put_final(const mdl_neuraxon_v1 *n) {
    fputs("{\"final\":{\"neurons\":[", stdout);
    for (uint32_t i = 0; i < n->neuron_count; i++) {
        const mdl_neuraxon_v1_neuron *u = &n->neuron[i];
        fputs(i > 0 ? ",[" : "[", stdout);
        put_number(u->membrane);
        printf(",%d", u->state);
        put_numbers((const double[]){u->adaptation, u->autoreceptor, u->health}, 3);
        putchar(']');
    }
    fputs("],\"synapses\":[", stdout);
    for (uint32_t k = 0; k < n->synapse_count; k++) {
        const mdl_neuraxon_v1_synapse *s = &n->synapse[k];
        printf("%s[%" PRIu32 ",%" PRIu32, k > 0 ? "," : "", s->pre, s->post);
        put_numbers((const double[]){s->w_fast, s->w_slow, s->w_meta, s->integrity}, 4);
        printf(",%d", s->silent);
        put_numbers((const double[]){s->pre_trace, s->post_trace}, 2);
        putchar(']');
    }
    fputs("],\"neuromodulators\":{", stdout);
    for (int i = 0; i < MDL_NEURAXON_V1_MODULATORS; i++) {
        printf("%s\"%s\":", i > 0 ? "," : "", mdl_neuraxon_v1_modulator[i]);
        put_number(n->level[i]);
    }
    fputs("},\"time\":", stdout);
    put_number(n->time);
    printf(",\"step_count\":%" PRIu64 "}}\n", n->step_count);
}

static int run(mdl_neuraxon_v1 *n, const mdl_neuraxon_v1_events *events, uint32_t steps, const char *path) {
    char threshold[NUMBER_TEXT];
    for (uint32_t t = 0; t < steps; t++) {
        mdl_neuraxon_v1_apply(n, events, t);
        mdl_neuraxon_v1_step(n);
        if (n->death_draws > 0 && n->params.neuron_death_threshold > 0)
            return mdl_cli_fail(MDL_EXIT_USAGE,
                                "%s: parameters.neuron_death_threshold is %s; allowed: 0 or less, or below the health "
                                "of every hidden neuron: in "
                                "step %" PRIu32 " neuron %" PRIu32 " falls below it, and v1 draws its death from "
                                "Python's random, which cannot be replayed",
                                path, number(n->params.neuron_death_threshold, threshold), t, n->death_neuron);
        put_step(n, t);
    }
    put_final(n);
    if (n->unsilence_draws > 0 || n->death_draws > 0)
        fprintf(stderr,
                "modulon: simulate: v1 would have drawn %" PRIu64 " times to wake a silent synapse (chance 0.01) and "
                "%" PRIu64 " times to end a hidden neuron (chance 0.001); here every such draw fails\n",
                n->unsilence_draws, n->death_draws);
    if (fflush(stdout) != 0 || ferror(stdout))
        return mdl_cli_fail(MDL_EXIT_FAILURE, "simulate: cannot write to standard output");
    return MDL_EXIT_OK;
}

/* Says what is wrong and returns the exit code. */
static int refuse(mdl_err code, const mdl_json_error *err, const char *path) {
    char text[MDL_ERROR_TEXT];
    mdl_json_error_format(err, path, text, sizeof text);
    return mdl_cli_fail(mdl_cli_code(code), "%s", text);
}

static int with_network(mdl_neuraxon_v1 *n, const char *network_path, const char *events_path, uint32_t steps,
                        int has_steps) {
    double value;
    char text[NUMBER_TEXT];
    const char *random = mdl_neuraxon_v1_random(&n->params, &value);
    if (random)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "%s: parameters.%s is %s; allowed: 0, because v1 then draws from Python's random, which "
                            "cannot be replayed",
                            network_path, random, number(value, text));
    mdl_neuraxon_v1_events events = {0};
    if (events_path) {
        uint8_t *bytes;
        size_t size;
        char error[MDL_ERROR_TEXT];
        mdl_json_error wrong;
        mdl_err err = mdl_file_read(events_path, MDL_NEURAXON_V1_BYTES_MAX, &bytes, &size, error, sizeof error);
        if (err != MDL_OK)
            return mdl_cli_end(err, error);
        err = mdl_neuraxon_v1_events_parse(bytes, size, n, &events, &wrong);
        free(bytes);
        if (err != MDL_OK)
            return refuse(err, &wrong, events_path);
    }
    int code = run(n, &events, has_steps ? steps : events.steps, network_path);
    mdl_neuraxon_v1_events_close(&events);
    return code;
}

int mdl_simulate_v1(const char *network_path, const char *events_path, uint32_t steps, int has_steps) {
    uint8_t *bytes;
    size_t size;
    char error[MDL_ERROR_TEXT];
    mdl_json_error wrong;
    mdl_neuraxon_v1 network;
    if (!events_path && !has_steps)
        return mdl_cli_fail(MDL_EXIT_USAGE, "simulate: --model neuraxon-v1 needs --events or --steps");
    mdl_err err = mdl_file_read(network_path, MDL_NEURAXON_V1_BYTES_MAX, &bytes, &size, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    err = mdl_neuraxon_v1_parse(bytes, size, &network, &wrong);
    free(bytes);
    if (err != MDL_OK)
        return refuse(err, &wrong, network_path);
    int code = with_network(&network, network_path, events_path, steps, has_steps);
    mdl_neuraxon_v1_close(&network);
    return code;
}
