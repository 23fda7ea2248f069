/* modulon ablate */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "cli/score.h"
#include "runtime/file.h"

static const mdl_usage usage = {
    .name = "ablate",
    .arguments = "DIR|CHAMPION.safetensors",
    .text = "Score a champion on test lives with each of its mechanisms switched off in turn: a\n"
            "knock-out, the genome stays. The differences are paired: every row has the same\n"
            "lives. With --evolve each variant is also evolved anew, with the same budget,\n"
            "under DIR/ablate, which says whether the mechanism can be done without.",
    .examples = "  modulon ablate runs/t1\n"
                "  modulon ablate runs/t1 --episodes 1000 --json\n"
                "  modulon ablate runs/t1 --evolve",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    uint32_t episodes, threads;
    uint64_t seed;
    int has_seed, evolve, json, quiet;
} settings;

static void add_score(cJSON *o, const char *prefix, const mdl_score *s) {
    static const char *const keys[] = {"mean", "sd", "lo", "hi"};
    const double values[] = {s->mean, s->sd, s->lo, s->hi};
    for (int i = 0; i < 4; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s%s", prefix, keys[i]);
        if (i == 0 || s->n > 1)
            cJSON_AddNumberToObject(o, key, values[i]);
        else
            cJSON_AddNullToObject(o, key);
    }
}

static void show(const char *name, const mdl_score *score, const mdl_score *difference, const settings *s,
                 cJSON *list) {
    int known = score->n > 1; /* one life has no interval */
    if (s->json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "without", name);
        add_score(o, "", score);
        add_score(o, "difference_", difference);
        cJSON_AddItemToArray(list, o);
        return;
    }
    if (!known) {
        printf("%-20s %10.5g   %+10.4g\n", name, score->mean, difference->mean);
        return;
    }
    printf("%-20s %10.5g [%.5g, %.5g]   %+10.4g [%+.4g, %+.4g]\n", name, score->mean, score->lo, score->hi,
           difference->mean, difference->lo, difference->hi);
}

static mdl_err knock_out(const mdl_champion *c, const settings *s, uint64_t seed, mdl_lives lives, double *whole,
                         cJSON *list) {
    const mdl_experiment *x = &c->file.experiment;
    mdl_variant v[1 + MDL_MECH_COUNT + MDL_NX_COUNT];
    mdl_params params;
    uint32_t variants = 0;
    const float *genome = mdl_champion_genome(c, c->island);
    mdl_genome_decode(x, &c->layout, genome, &params);
    v[variants++] = (mdl_variant){.name = "nothing", .genome = genome};
    for (uint32_t m = 0; m < MDL_MECH_COUNT; m++)
        if (params.on >> m & 1u)
            v[variants++] = (mdl_variant){.name = mdl_mechanism_key(m), .genome = genome, .off = 1u << m};
    for (uint32_t m = 0; x->model == MDL_MODEL_NEURAXON && m < MDL_NX_COUNT; m++)
        if (params.neuraxon.on >> m & 1u)
            v[variants++] = (mdl_variant){
                .name = mdl_neuraxon_mechanism_key(m), .genome = genome, .off = (uint64_t)1 << (MDL_MECH_COUNT + m)};
    double *scores = malloc((size_t)variants * lives.count * sizeof *scores);
    if (!scores)
        return MDL_ENOMEM;
    mdl_err err = mdl_score_variants(x, v, variants, seed, lives, s->threads, s->quiet || s->json, scores, NULL);
    if (err == MDL_OK) {
        memcpy(whole, scores, lives.count * sizeof *whole);
        if (!s->json)
            printf("%-20s %10s %-24s %10s\n", "without", "score", "95% CI", "difference, paired 95% CI");
        for (uint32_t i = 0; i < variants; i++) {
            const double *row = scores + (size_t)i * lives.count;
            mdl_score score = mdl_score_lives(x, row, lives.count);
            mdl_score difference = mdl_score_difference(x, row, scores, lives.count);
            show(v[i].name, &score, &difference, s, list);
        }
    }
    free(scores);
    return err;
}

/* Evolve the experiment without a mechanism (Neuraxon's own after MDL_MECH_COUNT) in `directory`; its champion. */
static mdl_err evolve_without(const mdl_experiment *x, uint32_t mechanism, const char *directory, const settings *s,
                              mdl_champion *champion, char *error, size_t error_size) {
    mdl_experiment changed = *x;
    mdl_experiment_file file;
    mdl_runner runner;
    mdl_run_end end;
    if (mechanism < MDL_MECH_COUNT)
        changed.hmn.mechanism[mechanism] = MDL_OFF;
    else
        changed.neuraxon.mechanism[mechanism - MDL_MECH_COUNT] = MDL_OFF;
    mdl_err err = mdl_experiment_file_of(&file, &changed, error, error_size);
    if (err != MDL_OK)
        return err;
    err = mdl_runner_open(&runner, &file, directory, s->threads, error, error_size);
    if (err == MDL_OK) {
        err = mdl_runner_go(&runner, UINT32_MAX, NULL, s->quiet, &end, error, error_size);
        if (err == MDL_OK)
            err = mdl_champion_of_run(champion, &runner, error, error_size);
        mdl_runner_close(&runner);
    }
    mdl_experiment_file_close(&file);
    return err;
}

static mdl_err evolve_row(const mdl_champion *c, uint32_t mechanism, const char *root, const settings *s, uint64_t seed,
                          mdl_lives lives, const double *whole, cJSON *list, char *error, size_t error_size) {
    const char *name = mechanism < MDL_MECH_COUNT ? mdl_mechanism_key(mechanism)
                                                  : mdl_neuraxon_mechanism_key(mechanism - MDL_MECH_COUNT);
    char *directory = mdl_path_join(root, name),
         *file = directory ? mdl_path_join(directory, "champion.safetensors") : NULL;
    double *scores = malloc(lives.count * sizeof *scores);
    mdl_champion other;
    mdl_err err = directory && file && scores ? MDL_OK : MDL_ENOMEM;
    if (err != MDL_OK)
        snprintf(error, error_size, "ablate: out of memory");
    if (err == MDL_OK && !s->quiet)
        fprintf(stderr, "evolving without %s\n", name);
    if (err == MDL_OK)
        err = evolve_without(&c->file.experiment, mechanism, directory, s, &other, error, error_size);
    if (err == MDL_OK) {
        err = mdl_cli_write_champion(&other, file, error, error_size);
        mdl_variant v = {.name = name, .genome = mdl_champion_genome(&other, other.island)};
        if (err == MDL_OK) {
            err = mdl_score_variants(&other.file.experiment, &v, 1, seed, lives, s->threads, 1, scores, NULL);
            if (err != MDL_OK)
                snprintf(error, error_size, "ablate: %s", mdl_strerror((int)err));
        }
        if (err == MDL_OK) {
            mdl_score score = mdl_score_lives(&c->file.experiment, scores, lives.count);
            mdl_score difference = mdl_score_difference(&c->file.experiment, scores, whole, lives.count);
            show(name, &score, &difference, s, list);
        }
        mdl_champion_close(&other);
    }
    free(scores);
    free(file);
    free(directory);
    return err;
}

static mdl_err evolve_all(const mdl_champion *c, const char *directory, const settings *s, uint64_t seed,
                          mdl_lives lives, const double *whole, cJSON *list, char *error, size_t error_size) {
    char *root = mdl_path_join(directory, "ablate");
    mdl_err err = root ? MDL_OK : MDL_ENOMEM;
    if (err != MDL_OK)
        snprintf(error, error_size, "ablate: out of memory");
    else if (!s->json)
        printf("\n%-20s\n", "evolved without");
    for (uint32_t m = 0; m < MDL_MECH_COUNT && err == MDL_OK; m++)
        if (c->file.experiment.hmn.mechanism[m] != MDL_OFF)
            err = evolve_row(c, m, root, s, seed, lives, whole, list, error, error_size);
    for (uint32_t m = 0; c->file.experiment.model == MDL_MODEL_NEURAXON && m < MDL_NX_COUNT && err == MDL_OK; m++)
        if (c->file.experiment.neuraxon.mechanism[m] != MDL_OFF)
            err = evolve_row(c, MDL_MECH_COUNT + m, root, s, seed, lives, whole, list, error, error_size);
    free(root);
    return err;
}

static int ablate(const mdl_champion *c, const settings *s, const char *path) {
    const mdl_experiment *x = &c->file.experiment;
    const mdl_task_info *info = mdl_task_info_get((uint32_t)x->task.id);
    mdl_lives lives = mdl_test_lives(x, s->episodes);
    uint64_t seed = s->has_seed ? s->seed : mdl_test_seed(c->digest);
    char error[MDL_ERROR_TEXT] = "", text[32];
    double *whole = malloc(lives.count * sizeof *whole);
    cJSON *json = cJSON_CreateObject();
    snprintf(text, sizeof text, "%" PRIu64, seed);
    cJSON_AddStringToObject(json, "name", x->name);
    cJSON_AddStringToObject(json, "score", info->score);
    cJSON_AddStringToObject(json, "test_seed", text);
    cJSON_AddNumberToObject(json, "episodes", lives.count);
    if (!s->json)
        printf("%s: %s; test lives: %" PRIu32 ", seed %s\n", x->name, info->score, lives.count, text);
    mdl_err err = whole ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK)
        err = knock_out(c, s, seed, lives, whole, cJSON_AddArrayToObject(json, "knock_out"));
    if (err != MDL_OK)
        snprintf(error, sizeof error, "ablate: %s", mdl_strerror((int)err));
    if (err == MDL_OK && s->evolve)
        err = evolve_all(c, path, s, seed, lives, whole, cJSON_AddArrayToObject(json, "evolved"), error, sizeof error);
    int code = MDL_EXIT_OK;
    char *line = err == MDL_OK && s->json ? cJSON_PrintUnformatted(json) : NULL;
    if (err != MDL_OK)
        code = mdl_cli_fail(mdl_cli_code(err), "%s", error);
    else if (line)
        puts(line);
    else if (s->json)
        code = mdl_cli_fail(MDL_EXIT_FAILURE, "ablate: out of memory");
    free(line);
    cJSON_Delete(json);
    free(whole);
    return code;
}

int mdl_cmd_ablate(int argc, char **argv) {
    settings s = {.threads = mdl_cpu_count()};
    const mdl_option options[] = {
        {"episodes", MDL_OPT_U32, &s.episodes, NULL, 2, 65536, "N", "test lives (the experiment's)"},
        {"evolve", MDL_OPT_FLAG, &s.evolve, NULL, 0, 0, NULL, "also evolve each variant anew (wants a DIR)"},
        {"test-seed", MDL_OPT_U64, &s.seed, &s.has_seed, 0, 0, "S", "seed of the lives (the genome's digest)"},
        {"threads", MDL_OPT_U32, &s.threads, NULL, 1, MDL_THREADS_MAX, "N", "threads (all CPUs)"},
        {"quiet", MDL_OPT_FLAG, &s.quiet, NULL, 0, 0, NULL, "no progress on stderr"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    char error[MDL_ERROR_TEXT];
    mdl_champion c;
    mdl_err err = mdl_champion_read(&c, argv[first], error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "%s", error);
    size_t size = strlen(argv[first]);
    if (s.evolve && size > 12 && strcmp(argv[first] + size - 12, ".safetensors") == 0)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "ablate: --evolve wants the directory of a run, not a file");
    else
        code = ablate(&c, &s, argv[first]);
    mdl_champion_close(&c);
    return code;
}
