#include "protocol/experiment_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

_Static_assert(sizeof(mdl_activation) == 4 && sizeof(mdl_algorithm) == 4, "choices are stored as 32 bits");

static const char *const model_names[] = {"hmn", "neuraxon", NULL};
static const char *const activation_names[] = {"tanh", "sigmoid", "relu", NULL};
static const char *const trace_names[] = {"differential", "event", NULL};
static const char *const similarity_names[] = {"cosine", "dot", NULL};
static const char *const meta_names[] = {"reinforce", "spsa", "finite", NULL};
static const char *const relax_names[] = {"setpoint", "zero", NULL};
static const char *const encoding_names[] = {"direct", "indirect", NULL};
static const char *const algorithm_names[] = {"es", "ga", "cma", NULL};
static const char *const dense_names[] = {"dense", NULL};
static const char *const auto_names[] = {"auto", NULL};
static const char *const all_names[] = {"all", NULL};

#define T(task) (1u << MDL_TASK_##task)
#define ES (1u << MDL_ES)
#define GA (1u << MDL_GA)
#define CMA (1u << MDL_CMA)

#define AT(type, field) .offset = offsetof(type, field)
#define ROOT(k, f) .section = MDL_SEC_ROOT, .key = k, AT(mdl_experiment, f)
#define TASK(k, f) .section = MDL_SEC_TASK, .key = k, AT(mdl_task_params, f), .initial_text = "by task"
#define NET(k, f) .section = MDL_SEC_NETWORK, .key = k, AT(mdl_network_spec, f)
#define HMN(k, f) .section = MDL_SEC_HMN, .key = k, AT(mdl_hmn_spec, f)
#define NX(k, f) .section = MDL_SEC_NEURAXON, .key = k, AT(mdl_experiment, f)
#define MOD(k, f) .section = MDL_SEC_MODULATORS, .key = k, AT(mdl_modulator_spec, f)
#define EVO(k, f) .section = MDL_SEC_EVOLUTION, .key = k, AT(mdl_evolution_spec, f)
#define VERIFY(k, f) .section = MDL_SEC_VERIFICATION, .key = k, AT(mdl_verification_spec, f)
#define SHARD(k, f) .section = MDL_SEC_SHARDING, .key = k, AT(mdl_sharding_spec, f)
#define ISLAND(k, f) .section = MDL_SEC_ISLAND, .key = k, AT(mdl_island_spec, f)
#define INT(low, high, start) .kind = MDL_KEY_U32, .lo = low, .hi = high, .initial = start
#define NUM(low, high, start) .kind = MDL_KEY_F32, .lo = low, .hi = high, .initial = start
#define CHOICE(list) .kind = MDL_KEY_CHOICE, .names = list
#define INNER(s) .kind = MDL_KEY_SECTION, .inner = s, .initial_text = "{}"

enum { ELITE_MAX = MDL_POPULATION_MAX / 2 };

const mdl_key_row mdl_key_table[] = {
    {ROOT("name", name), .kind = MDL_KEY_NAME, .initial_text = "the task's name", .unit = "",
     .text = "a label for people and files"},
    {ROOT("seed", seed), .kind = MDL_KEY_SEED, .initial_text = "\"1\"", .unit = "",
     .text = "of everything: wiring, search, lives"},
    {.section = MDL_SEC_ROOT,
     .key = "model",
     .kind = MDL_KEY_MODEL,
     AT(mdl_experiment, model),
     .names = model_names,
     .initial_text = "\"hmn\"",
     .unit = "",
     .text = "the kind of network"},
    {ROOT("task", task), .kind = MDL_KEY_TASK, .inner = MDL_SEC_TASK, .initial_text = "required", .unit = "",
     .text = "the task's name, or an object with its name and parameters"},
    {ROOT("network", network), INNER(MDL_SEC_NETWORK), .unit = "", .text = "size, wiring, delays"},
    {ROOT("hmn", hmn), INNER(MDL_SEC_HMN), .readers = 1u << MDL_MODEL_HMN, .unit = "",
     .text = "mechanisms and choices of the HMN model"},
    {.section = MDL_SEC_ROOT,
     .key = "neuraxon",
     INNER(MDL_SEC_NEURAXON),
     .readers = 1u << MDL_MODEL_NEURAXON,
     .unit = "",
     .text = "mechanisms and choices of the Neuraxon model"},
    {ROOT("modulators", modulators), .kind = MDL_KEY_MODULATORS, .inner = MDL_SEC_MODULATORS, .initial_text = "\"off\"",
     .unit = "", .text = "dopamine, serotonin, acetylcholine, noradrenaline, arousal, and what they do to regions"},
    {ROOT("evolution", evolution), INNER(MDL_SEC_EVOLUTION), .unit = "", .text = "the search"},
    {ROOT("verification", verification), .kind = MDL_KEY_VERIFICATION, .inner = MDL_SEC_VERIFICATION,
     .initial_text = "{}", .unit = "", .text = "how the results of a fleet are verified; off: not at all"},
    {ROOT("sharding", sharding), .kind = MDL_KEY_SHARDING, .inner = MDL_SEC_SHARDING, .initial_text = "\"off\"",
     .unit = "",
     .text = "how a fleet cuts each network into shards; off: every worker runs whole networks. Off with task.agents "
             "above 1"},
    {ROOT("test_episodes", test_episodes), INT(1, 65536, 200), .unit = "lives",
     .text = "held-out lives behind each reported score"},

    {TASK("name", id), .kind = MDL_KEY_TASK_ID, .unit = "", .text = "which task"},
    {TASK("trials", trials), INT(1, 10000, 0), .readers = T(TMAZE) | T(BANDIT) | T(CUE) | T(FORAGE), .unit = "trials",
     .text = "length of a life; forage: in windows"},
    {TASK("reversals", reversals), INT(0, 8, 0), .readers = T(TMAZE) | T(CUE) | T(FORAGE), .unit = "",
     .text = "how often the better choice, or the world, changes in a life"},
    {TASK("delay_min", delay_min), INT(0, 1000, 0), .readers = T(TMAZE) | T(CUE), .unit = "windows",
     .text = "shortest delay before the reward"},
    {TASK("delay_max", delay_max), INT(0, 1000, 0), .readers = T(TMAZE) | T(CUE), .unit = "windows",
     .text = "longest delay before the reward"},
    {TASK("cues", cues), INT(1, 8, 0), .readers = T(CUE), .unit = "", .text = "different cues"},
    {TASK("distractors", distractors), INT(0, 32, 0), .readers = T(CUE), .unit = "channels",
     .text = "observation channels that mean nothing"},
    {TASK("samples", samples), INT(1, 10000, 0), .readers = T(DIGITS) | T(DIGITS_LIFE), .unit = "images",
     .text = "images shown in a life"},
    {TASK("hazard_ppm", hazard_ppm), INT(0, 1000000, 0), .readers = T(BANDIT), .unit = "millionths",
     .text = "probability of a reversal at a pull"},
    {TASK("reward_ppm", reward_ppm), INT(0, 1000000, 0), .readers = T(BANDIT) | T(FORAGE), .unit = "millionths",
     .text = "probability that the better arm pays; forage: that the rule holds"},
    {TASK("shaping", shaping), INT(0, 1, 0), .readers = T(MOUNTAINCAR), .unit = "0 or 1",
     .text = "training bonus for a life that misses the goal"},
    {TASK("size", size), INT(4, 32, 0), .readers = T(FORAGE), .unit = "cells", .text = "side of the grid"},
    {TASK("walls", walls), INT(0, 1, 0), .readers = T(FORAGE), .unit = "0 or 1",
     .text = "whether walls close the grid; if not, opposite sides are joined"},
    {TASK("kinds", kinds), INT(1, 4, 0), .readers = T(FORAGE), .unit = "", .text = "kinds of plants"},
    {TASK("food", food), INT(1, 256, 0), .readers = T(FORAGE), .unit = "cells",
     .text = "plants that the world keeps, at most size^2 / 4"},
    {TASK("rocks", rocks), INT(0, 256, 0), .readers = T(FORAGE), .unit = "cells",
     .text = "obstacles, at most size^2 / 4"},
    {TASK("view", view), INT(1, 8, 0), .readers = T(FORAGE), .unit = "cells", .text = "cells that an agent sees"},
    {TASK("agents", agents), INT(1, 8, 0), .readers = T(FORAGE), .unit = "",
     .text = "copies of the network in one world, at most size^2 / 8"},

    {NET("regions", regions), INT(1, MDL_REGIONS_MAX, 1), .unit = "regions", .text = "regions of the network"},
    {NET("neurons", neurons), .kind = MDL_KEY_NEURONS, .lo = 0, .hi = MDL_REGION_NEURONS_MAX, .initial = 6,
     .unit = "neurons", .text = "hidden neurons of every region, or of each"},
    {NET("ring", ring), .kind = MDL_KEY_WORD_U32, .names = dense_names, .lo = 2, .hi = MDL_FAN_IN_MAX, .initial = 0,
     .unit = "synapses", .text = "neighbours on the ring that a neuron listens to, even; dense: the whole region"},
    {NET("rewire", rewire), NUM(0, 1, 0.1), .unit = "probability", .text = "that a ring synapse gets a random source"},
    {NET("sensor_fan", sensor_fan), .kind = MDL_KEY_WORD_U32, .names = all_names, .lo = 1, .hi = MDL_OBS_MAX,
     .initial = 0, .unit = "synapses", .text = "sensors that a neuron of region 0 listens to"},
    {NET("motor_fan", motor_fan), .kind = MDL_KEY_WORD_U32, .names = all_names, .lo = 1, .hi = MDL_FAN_IN_MAX,
     .initial = 0, .unit = "synapses", .text = "hidden neurons of region 0 that a motor listens to"},
    {NET("sources", sources), INT(0, MDL_REGIONS_MAX - 1, 0), .unit = "regions",
     .text = "other regions that a region listens to, below `regions`"},
    {NET("listen", listen), INT(1, 65536, 8), .unit = "neurons", .text = "neurons listened to in each of them"},
    {NET("fan_in", fan_in), INT(0, 1024, 4), .unit = "synapses", .text = "synapses of a neuron from other regions"},
    {NET("delay", delay), .kind = MDL_KEY_PAIR, .lo = 1, .hi = MDL_DELAY_MAX, .initial = 1, .unit = "steps",
     .text = "shortest and longest delay inside a region"},
    {NET("delay_between", delay_between), .kind = MDL_KEY_PAIR, .lo = 1, .hi = MDL_DELAY_MAX, .initial = 1,
     .initial_text = "[window, window]", .unit = "steps",
     .text = "shortest and longest delay between regions, at least `window`"},
    {NET("window", window), INT(1, MDL_WINDOW_MAX, 1), .unit = "steps",
     .text = "steps of a window, after which regions exchange"},

    {HMN("activation", activation), CHOICE(activation_names), .unit = "", .text = "f of eq. (1)"},
    {HMN("trace", trace), CHOICE(trace_names), .unit = "", .text = "form of the traces of eq. (2)"},
    {HMN("similarity", similarity), CHOICE(similarity_names), .unit = "", .text = "g of eq. (9)"},
    {HMN("meta_method", meta_method), CHOICE(meta_names), .unit = "", .text = "gradient estimate of eq. (7)"},
    {HMN("meta_period", meta_period), INT(1, 1000000, 4), .unit = "reward events", .text = "length of a meta-period"},
    {HMN("encoding", encoding), CHOICE(encoding_names), .unit = "",
     .text = "of the genome: a gene per weight, or distributions"},
    {HMN("weight_max", weight_max), NUM(0.125, 64, 4), .unit = "", .text = "bound of a weight's magnitude"},
    {HMN("init_sd", init_sd), NUM(0, 4, 0.3), .unit = "", .text = "standard deviation of initial weight genes"},
    {HMN("mechanisms", mechanism), .kind = MDL_KEY_SWITCHES, .initial_text = "{}: all on", .unit = "",
     .text = "switches, see below"},

    {NX("relax", neuraxon.relax), CHOICE(relax_names), .unit = "",
     .text = "where slow weights relax to; zero: as the public v1, which forgets"},
    {NX("encoding", neuraxon.encoding), CHOICE(encoding_names), .unit = "",
     .text = "of the genome: a gene per weight, or distributions"},
    {NX("weight_max", neuraxon.weight_max), NUM(0.125, 64, 4), .unit = "", .text = "bound of a weight's magnitude"},
    {NX("init_sd", neuraxon.init_sd), NUM(0, 4, 0.3), .unit = "", .text = "standard deviation of initial weight genes"},
    {NX("silent_share", neuraxon.silent_share), NUM(0, 1, 0.2), .unit = "share",
     .text = "of synapses between neurons, silent at birth (mechanism `silent`)"},
    {NX("modulatory_share", neuraxon.modulatory_share), NUM(0, 1, 0.1), .unit = "share",
     .text = "of synapses between neurons (mechanism `modulatory_synapses`)"},
    {NX("meta_method", hmn.meta_method), CHOICE(meta_names), .unit = "", .text = "gradient estimate of eq. (7)"},
    {NX("meta_period", hmn.meta_period), INT(1, 1000000, 4), .unit = "reward events",
     .text = "length of a meta-period"},
    {NX("mechanisms", neuraxon.mechanism), .kind = MDL_KEY_SWITCHES, .initial_text = "{}: see below", .unit = "",
     .text = "switches, see below"},

    {MOD("mechanisms", mechanism), .kind = MDL_KEY_SWITCHES, .initial_text = "{}: all on", .unit = "",
     .text = "switches, see below"},
    {MOD("clamp", clamp), .kind = MDL_KEY_CLAMP, .lo = 0, .hi = (double)MDL_LEVEL_MAX, .initial_text = "{}",
     .unit = "level", .text = "levels that are held"},

    {VERIFY("floor_ppm", floor_ppm), INT(0, 1000000, 20000), .unit = "millionths",
     .text = "units of trusted workers of which a job is done again"},
    {VERIFY("plant_ppm", plant_ppm), INT(0, 1000000, 5000), .unit = "millionths",
     .text = "leases that are a job whose answer is known"},
    {VERIFY("probation", probation), INT(0, 1000000, 10), .unit = "leases",
     .text = "confirmed leases after which a worker is trusted and paid"},
    {VERIFY("window", window), INT(0, MDL_VERIFY_WINDOW_MAX, 3), .unit = "generations",
     .text = "how long credit waits, and a conviction takes it back"},
    {VERIFY("selected", selected), INT(0, 1, 1), .unit = "0 or 1",
     .text = "whether the coordinator does elites and validation again"},
    {VERIFY("shared", shared), INT(0, 1, 0), .unit = "0 or 1",
     .text = "whether draws depend on nonces that the workers show when all jobs have answers"},
    {VERIFY("dispute", dispute), INT(0, 1000000000, 1000000), .unit = "10^3 updates",
     .text = "jobs from this size on are not done again where two answers differ, but taken apart by rounds; 0: none"},
    {VERIFY("review", review), INT(0, MDL_VERIFY_REVIEW_MAX, 16), .unit = "units",
     .text = "a convict's newest unconfirmed units of closed generations that the coordinator does again"},

    {SHARD("shards", shards), .kind = MDL_KEY_WORD_U32, .lo = 1, .hi = MDL_REGIONS_MAX, .initial = 0,
     .initial_text = "\"auto\"", .names = auto_names, .unit = "shards",
     .text = "of each network, at most as many as regions; auto: by the workers' memory and number"},
    {SHARD("replicas", replicas), INT(1, MDL_REPLICAS_MAX, 1), .unit = "owners",
     .text = "workers of different owners that run each shard"},
    {SHARD("snapshot_windows", snapshot_windows), INT(0, 1000000, 64), .unit = "windows",
     .text = "between states that the coordinator keeps, so that a lost shard starts again from there; 0 = none"},

    {EVO("generations", generations), INT(1, 1000000, 100), .unit = "generations", .text = "length of the search"},
    {EVO("episodes", episodes), INT(1, 4096, 16), .unit = "lives", .text = "training lives of a candidate"},
    {EVO("validate_every", validate_every), INT(1, 1000000, 5), .unit = "generations", .text = "between validations"},
    {EVO("validate_episodes", validate_episodes), INT(1, 65536, 64), .unit = "lives", .text = "of a validation"},
    {EVO("migrate_every", migrate_every), INT(0, 1000000, 0), .unit = "validations",
     .text = "between migrations, 0 = never"},
    {EVO("meta_rate", meta_rate), NUM(0, 1, 0), .unit = "", .text = "population-scope eq. (7), 0 = off"},
    {EVO("meta_step", meta_step), NUM(0.001, 1, 0.1), .unit = "", .text = "its perturbation"},
    {EVO("islands", island), .kind = MDL_KEY_ISLANDS, .inner = MDL_SEC_ISLAND, .lo = 1, .hi = MDL_ISLANDS_MAX,
     .initial_text = "[{}]", .unit = "", .text = "independent searches"},

    {ISLAND("algorithm", algorithm), CHOICE(algorithm_names), .unit = "",
     .text = "OpenAI-ES, genetic algorithm, or sep-CMA-ES"},
    {ISLAND("population", population), INT(4, MDL_POPULATION_MAX, 64), .unit = "candidates", .text = "even"},
    {ISLAND("sigma", sigma), NUM(1e-4, 10, 0.15), .unit = "", .text = "initial step"},
    {ISLAND("rate", rate), NUM(1e-5, 10, 0.05), .readers = ES, .unit = "", .text = "Adam's learning rate"},
    {ISLAND("beta1", beta1), NUM(0, 0.9999, 0.9), .readers = ES, .unit = "", .text = "Adam's first decay"},
    {ISLAND("beta2", beta2), NUM(0, 0.9999, 0.99), .readers = ES, .unit = "", .text = "Adam's second decay"},
    {ISLAND("elite", elite), INT(1, ELITE_MAX, 8), .initial_text = "population / 8, at least 1", .readers = GA,
     .unit = "candidates", .text = "parents, at most half of the population"},
    {ISLAND("sigma_min", sigma_min), NUM(1e-4, 10, 0.1), .readers = CMA, .unit = "",
     .text = "the step never falls below"},
    {.section = MDL_SEC_ISLAND,
     .key = "count",
     .kind = MDL_KEY_COUNT,
     .lo = 1,
     .hi = MDL_ISLANDS_MAX,
     .initial = 1,
     .unit = "islands",
     .text = "how many islands like this one"},
};

const uint32_t mdl_key_count = sizeof mdl_key_table / sizeof mdl_key_table[0];

const char *mdl_section_path(mdl_section section) {
    static const char *const path[MDL_SEC_COUNT] = {"",
                                                    "task",
                                                    "network",
                                                    "hmn",
                                                    "neuraxon",
                                                    "modulators",
                                                    "evolution",
                                                    "evolution.islands[]",
                                                    "verification",
                                                    "sharding"};
    MDL_ASSERT(section < MDL_SEC_COUNT);
    return path[section];
}

/* Without this, 40 would show as 4e+01. */
static int plain_integer(double v, char *out, size_t size) {
    if (!(v > -1e15 && v < 1e15) || v != (double)(int64_t)v) {
        return 0;
    }
    snprintf(out, size, "%lld", (long long)v);
    return 1;
}

void mdl_double_text(double v, char *out, size_t size) {
    if (plain_integer(v, out, size)) {
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, v);
        if (strtod(out, NULL) == v) { /* never true for a NaN, which then shows as nan */
            return;
        }
    }
}

void mdl_float_text(float v, char *out, size_t size) {
    if (plain_integer((double)v, out, size)) {
        return;
    }
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(out, size, "%.*g", digits, (double)v);
        if ((float)strtod(out, NULL) == v) {
            return;
        }
    }
}

static void join(const char *const *names, char *out, size_t size) {
    size_t n = 0;
    for (uint32_t i = 0; names[i] && n < size; i++) {
        n += (size_t)snprintf(out + n, size - n, "%s\"%s\"", i > 0 ? ", " : "", names[i]);
    }
}

void mdl_key_allowed(const mdl_key_row *row, char *out, size_t size) {
    char lo[32], hi[32], names[96] = "";
    mdl_double_text(row->lo, lo, sizeof lo);
    mdl_double_text(row->hi, hi, sizeof hi);
    if (row->kind != MDL_KEY_F32 && row->kind != MDL_KEY_CLAMP) {
        snprintf(lo, sizeof lo, "%.0f", row->lo);
        snprintf(hi, sizeof hi, "%.0f", row->hi);
    }
    if (row->names) {
        join(row->names, names, sizeof names);
    }
    switch (row->kind) {
    case MDL_KEY_U32:
    case MDL_KEY_COUNT:
        snprintf(out, size, "an integer from %s to %s", lo, hi);
        break;
    case MDL_KEY_F32:
        snprintf(out, size, "a number from %s to %s", lo, hi);
        break;
    case MDL_KEY_CHOICE:
    case MDL_KEY_MODEL:
        snprintf(out, size, "one of %s", names);
        break;
    case MDL_KEY_WORD_U32:
        snprintf(out, size, "%s, or an integer from %s to %s", names, lo, hi);
        break;
    case MDL_KEY_PAIR:
        snprintf(out, size, "a list [min, max] of two integers from %s to %s, min <= max", lo, hi);
        break;
    case MDL_KEY_NAME:
        snprintf(out, size, "a string of 1 to %zu letters, digits, '.', '_' and '-'",
                 sizeof(((mdl_experiment *)0)->name) - 1);
        break;
    case MDL_KEY_SEED:
        snprintf(out, size, "a string of decimal digits below 2^64, or an integer from 0 to 2^53");
        break;
    case MDL_KEY_NEURONS:
        snprintf(out, size, "an integer from %s to %s, or a list of one such integer for each region", lo, hi);
        break;
    case MDL_KEY_SECTION:
        snprintf(out, size, "an object");
        break;
    case MDL_KEY_SWITCHES:
        snprintf(out, size, "an object of mechanisms");
        break;
    case MDL_KEY_MODULATORS:
    case MDL_KEY_VERIFICATION:
    case MDL_KEY_SHARDING:
        snprintf(out, size, "\"off\", or an object");
        break;
    case MDL_KEY_CLAMP: {
        size_t n = (size_t)snprintf(out, size, "an object of numbers from %s to %s: ", lo, hi);
        for (uint32_t i = 0; mdl_clamp_key(i) && n < size; i++) {
            n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "", mdl_clamp_key(i));
        }
        break;
    }
    case MDL_KEY_ISLANDS:
        snprintf(out, size, "a list of %s to %s objects", lo, hi);
        break;
    case MDL_KEY_TASK:
    case MDL_KEY_TASK_ID: {
        size_t n = (size_t)snprintf(out, size, "%s", row->kind == MDL_KEY_TASK ? "a name or {\"name\"}: " : "one of ");
        for (uint32_t i = 0; mdl_task_info_get(i) && n < size; i++) {
            n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? ", " : "", mdl_task_info_get(i)->name);
        }
        break;
    }
    }
}

void mdl_section_defaults(mdl_section section, void *base) {
    for (uint32_t i = 0; i < mdl_key_count; i++) {
        const mdl_key_row *row = &mdl_key_table[i];
        uint8_t *field = (uint8_t *)base + row->offset;
        uint32_t integer = (uint32_t)row->initial;
        float number = (float)row->initial;
        if (row->section != section) {
            continue;
        }
        if (row->kind == MDL_KEY_U32 || row->kind == MDL_KEY_WORD_U32 || row->kind == MDL_KEY_NEURONS) {
            memcpy(field, &integer, sizeof integer);
        } else if (row->kind == MDL_KEY_F32) {
            memcpy(field, &number, sizeof number);
        } else if (row->kind == MDL_KEY_PAIR) {
            memcpy(field, &integer, sizeof integer);
            memcpy(field + sizeof integer, &integer, sizeof integer);
        }
    }
}
