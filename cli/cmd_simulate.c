/* modulon simulate */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/drive.h"
#include "cli/files.h"
#include "cli/inputs.h"
#include "cli/simulate_v1.h"
#include "protocol/safetensors.h"
#include "runtime/champion.h"
#include "runtime/file.h"
#include "runtime/memory.h"

enum { SHOWN = 64, GENOME_BYTES_MAX = 1 << 30 };

static const mdl_usage usage = {
    .name = "simulate",
    .arguments = "EXPERIMENT.json|DIR|CHAMPION.safetensors|--model neuraxon-v1 --network FILE",
    .text = "Run one network window by window and show, one JSON line a window, what it saw\n"
            "and did, its activity (at most 64 neurons of each region) and the norm of its\n"
            "weights at the window's end, and the modulatory state that follows from it: the\n"
            "evaluative signals e (reward, uncertainty, novelty), gamma, G, G', the learning\n"
            "rates. Without --inputs it lives in the experiment's task. An experiment without\n"
            "--genome gets the first candidate of its first generation.\n"
            "With --model neuraxon-v1 it steps a file that the public Neuraxon v1 saved, bit for\n"
            "bit: one line a step, and the final state. Python's random draws cannot be replayed:\n"
            "spontaneous_firing_rate and synapse_formation_prob must be 0 in the file.",
    .examples = "  modulon simulate examples/tmaze-quick.json --windows 20\n"
                "  modulon simulate runs/t1 --seed 3\n"
                "  modulon simulate runs/t1 --inputs sensors.csv\n"
                "  printf '{\"obs\":[1,0,0,0],\"reward\":1}\\n' | modulon simulate runs/t1 --inputs -\n"
                "  modulon simulate --model neuraxon-v1 --network net.json --events events.json --steps 200",
    .least = 0,
    .most = 1,
};

static void add_floats(cJSON *o, const char *key, const float *v, uint32_t count) {
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (uint32_t i = 0; i < count; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber((double)v[i]));
}

static double weight_norm(const mdl_life *l) {
    double sum = 0;
    for (uint32_t r = 0; r < l->experiment->network.regions; r++) {
        mdl_region_view region;
        mdl_shard_view(&l->shard[0], r, &region);
        for (size_t i = 0; i < region.shape->cells; i++) /* padding is 0 */
            sum += (double)region.w[i] * (double)region.w[i];
    }
    return sqrt(sum);
}

/* 0 when out of memory. */
static int print_window(const mdl_life *l, const mdl_task_out *shown) {
    const mdl_network_spec *network = &l->experiment->network;
    const mdl_modulation *m = &l->conductor.modulation[0];
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "window", l->conductor.windows - 1);
    add_floats(o, "obs", shown->obs, network->sensors);
    if (shown->flags & MDL_OUT_REWARD)
        cJSON_AddNumberToObject(o, "reward", (double)shown->reward);
    else
        cJSON_AddNullToObject(o, "reward");
    cJSON_AddBoolToObject(o, "wipe", (shown->flags & MDL_OUT_WIPE) != 0);
    cJSON_AddNumberToObject(o, "action", l->conductor.action[0]);
    add_floats(o, "motor", l->conductor.out[0].motor, network->motors);
    cJSON *z = cJSON_AddArrayToObject(o, "z");
    for (uint32_t r = 0; r < network->regions; r++) {
        mdl_region_view region;
        mdl_shard_view(&l->shard[0], r, &region);
        uint32_t count = region.shape->neurons < SHOWN ? region.shape->neurons : SHOWN;
        cJSON *list = cJSON_CreateArray();
        for (uint32_t j = 0; j < count; j++)
            cJSON_AddItemToArray(list, cJSON_CreateNumber((double)region.z[j]));
        cJSON_AddItemToArray(z, list);
    }
    add_floats(o, "e", m->e, MDL_E_COUNT);
    add_floats(o, "gamma", m->gamma, MDL_E_COUNT);
    cJSON_AddNumberToObject(o, "g", (double)m->g);
    cJSON_AddNumberToObject(o, "g_prime", (double)m->g_prime);
    cJSON_AddNumberToObject(o, "eta_local", (double)m->eta_local);
    cJSON_AddNumberToObject(o, "eta_global", (double)m->eta_global);
    cJSON_AddNumberToObject(o, "c_global", (double)m->c_global);
    cJSON_AddNumberToObject(o, "permit", (double)m->permit);
    if (m->levels.used) {
        cJSON *levels = cJSON_AddObjectToObject(o, "levels");
        for (uint32_t i = 0; i < MDL_MODULATORS; i++)
            cJSON_AddNumberToObject(levels, mdl_modulator_key(i), (double)m->levels.level[i]);
        cJSON_AddNumberToObject(levels, "arousal", (double)m->levels.arousal);
    }
    cJSON_AddNumberToObject(o, "dropout", (double)m->drop);
    cJSON_AddNumberToObject(o, "phase_turns", (double)mdl_phase_at(&l->params, m->step) * 0x1p-32);
    cJSON *last = cJSON_AddNumberToObject(o, "weight_norm", weight_norm(l));
    char *line = last ? cJSON_PrintUnformatted(o) : NULL;
    if (line)
        puts(line);
    cJSON_Delete(o);
    free(line);
    return line != NULL;
}

static mdl_err genome_of_file(const char *path, float *genome, uint32_t genes, char *error, size_t error_size) {
    uint8_t *bytes;
    size_t size;
    mdl_safetensors s;
    mdl_err err = mdl_file_read(path, GENOME_BYTES_MAX, &bytes, &size, error, error_size);
    if (err != MDL_OK)
        return err;
    err = mdl_safetensors_read(bytes, size, &s);
    const mdl_tensor *t = err == MDL_OK ? mdl_safetensors_find(&s, "genome") : NULL;
    if (err != MDL_OK) {
        snprintf(error, error_size, "%s is not a whole safetensors file: %s", path, mdl_strerror((int)err));
    } else if (!t || t->dtype != MDL_F32 || t->rank != 1 || t->shape[0] != genes) {
        snprintf(error, error_size, "%s: the tensor genome must be F32 of %" PRIu32 " genes", path, genes);
        err = MDL_EMISMATCH;
    } else {
        mdl_tensor_values(t, genome);
        for (uint32_t i = 0; i < genes && err == MDL_OK; i++)
            if (!isfinite(genome[i])) {
                snprintf(error, error_size, "%s: gene %" PRIu32 " is not finite", path, i);
                err = MDL_ERANGE;
            }
    }
    mdl_safetensors_close(&s);
    free(bytes);
    return err;
}

/* Candidate 0 of island 0 in generation 0. */
static mdl_err first_candidate(const mdl_experiment *x, const mdl_genome_layout *layout, float *genome) {
    float *prior = malloc(2 * (size_t)layout->genes * sizeof *prior);
    void *memory = mdl_aligned(mdl_evolution_bytes(&x->evolution, layout->genes));
    if (prior && memory) {
        mdl_gene_prior p = mdl_genome_search_prior(x, layout, prior);
        mdl_job job;
        mdl_evolution_job(mdl_evolution_init(memory, &x->evolution, &p), 0, &job, genome);
    }
    mdl_err err = prior && memory ? MDL_OK : MDL_ENOMEM;
    free(memory);
    free(prior);
    return err;
}

typedef struct settings {
    const char *genome, *inputs;
    uint32_t windows, episode;
    uint64_t seed;
    int has_seed;
} settings;

static int simulate(mdl_life *l, const settings *s) {
    const mdl_experiment *x = l->experiment;
    uint64_t key = mdl_life_key(s->has_seed ? s->seed : x->seed, MDL_STREAM_TEST, 0, s->episode);
    int going = 1, whole = 1;
    if (!s->inputs) {
        mdl_life_begin(l, key, s->episode, MDL_PART_TEST);
        while (going && whole && l->conductor.windows < s->windows) {
            mdl_task_out shown = l->conductor.task.out;
            going = mdl_life_window(l);
            whole = print_window(l, &shown);
        }
    } else {
        char error[MDL_ERROR_TEXT];
        mdl_inputs in;
        mdl_err err = mdl_inputs_read(&in, s->inputs, x->network.sensors, x->network.motors, error, sizeof error);
        if (err != MDL_OK)
            return mdl_cli_end(err, error);
        mdl_drive_begin(l, key, &in.out[0]);
        for (uint32_t i = 0; i < in.count && i < s->windows && whole; i++) {
            mdl_drive_window(l, &in.out[i], &in.out[i + 1]);
            whole = print_window(l, &in.out[i]);
        }
        mdl_inputs_close(&in);
    }
    return whole ? MDL_EXIT_OK : mdl_cli_fail(MDL_EXIT_FAILURE, "simulate: out of memory");
}

/* The genome of the file, or else the experiment's first candidate. */
static mdl_err find_genome(const mdl_life *l, const settings *s, float *genome, char *error, size_t error_size) {
    if (s->genome)
        return genome_of_file(s->genome, genome, l->layout.genes, error, error_size);
    return first_candidate(l->experiment, &l->layout, genome);
}

/* `genome` NULL, or --genome given: as find_genome() says. */
static int simulate_experiment(const mdl_experiment *x, const float *genome, const settings *s) {
    char error[MDL_ERROR_TEXT] = "simulate: out of memory";
    mdl_life *life = mdl_life_new(x, NULL);
    if (!life)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "%s", error);
    float *own = malloc(life->layout.genes * sizeof *own);
    mdl_err err = own ? MDL_OK : MDL_ENOMEM;
    if (own && (s->genome || !genome)) {
        err = find_genome(life, s, own, error, sizeof error);
        genome = own;
    }
    int code = MDL_EXIT_OK;
    if (err == MDL_OK) {
        mdl_life_genome(life, genome);
        code = simulate(life, s);
    } else {
        code = mdl_cli_end(err, error);
    }
    free(own);
    free(life);
    return code;
}

int mdl_cmd_simulate(int argc, char **argv) {
    settings s = {.windows = UINT32_MAX};
    int json = 0, has_steps = 0;
    const char *model = NULL, *network = NULL, *events = NULL;
    uint32_t steps = 0;
    const mdl_option options[] = {
        {"genome", MDL_OPT_TEXT, &s.genome, NULL, 0, 0, "FILE", "a safetensors file with a tensor genome"},
        {"inputs", MDL_OPT_TEXT, &s.inputs, NULL, 0, 0, "FILE",
         "sensors by window: CSV, or JSON lines with keys obs, reward, wipe, frozen, teach"},
        {"windows", MDL_OPT_U32, &s.windows, NULL, 1, UINT32_MAX, "N", "stop after N windows"},
        {"seed", MDL_OPT_U64, &s.seed, &s.has_seed, 0, 0, "S", "of the life's randomness (the experiment's)"},
        {"episode", MDL_OPT_U32, &s.episode, NULL, 0, 1000000, "E", "index of the life (0)"},
        {"model", MDL_OPT_TEXT, &model, NULL, 0, 0, "NAME", "neuraxon-v1: a file of that program, by these three:"},
        {"network", MDL_OPT_TEXT, &network, NULL, 0, 0, "FILE", "the saved network, or a case with both"},
        {"events", MDL_OPT_TEXT, &events, NULL, 0, 0, "FILE", "inputs, currents and modulators by step"},
        {"steps", MDL_OPT_U32, &steps, &has_steps, 0, UINT32_MAX, "N", "stop after N steps (the events' count)"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "JSON lines (they always are)"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (model && strcmp(model, "neuraxon-v1") != 0)
        return mdl_cli_fail(MDL_EXIT_USAGE, "simulate: --model is %s; allowed: neuraxon-v1", model);
    if (model) {
        if (first != argc || !network || s.genome || s.inputs || s.has_seed || s.episode || s.windows != UINT32_MAX)
            return mdl_cli_fail(MDL_EXIT_USAGE, "simulate: --model neuraxon-v1 takes --network FILE, --events FILE and "
                                                "--steps N, nothing else");
        return mdl_simulate_v1(network, events, steps, has_steps);
    }
    if (network || events || has_steps)
        return mdl_cli_fail(MDL_EXIT_USAGE, "simulate: --network, --events and --steps need --model neuraxon-v1");
    if (first == argc)
        return mdl_cli_fail(MDL_EXIT_USAGE, "%s: an argument is missing; usage: modulon %s %s", usage.name, usage.name,
                            usage.arguments);
    if (mdl_cli_is_champion(argv[first])) {
        mdl_champion c;
        code = mdl_cli_champion(&c, argv[first]);
        if (code >= 0)
            return code;
        code = simulate_experiment(&c.file.experiment, mdl_champion_genome(&c, c.island), &s);
        mdl_champion_close(&c);
    } else {
        char error[MDL_ERROR_TEXT];
        mdl_experiment_file file;
        mdl_err err = mdl_experiment_file_read(&file, argv[first], error, sizeof error);
        if (err != MDL_OK)
            return mdl_cli_end(err, error);
        code = simulate_experiment(&file.experiment, NULL, &s);
        mdl_experiment_file_close(&file);
    }
    return code;
}
