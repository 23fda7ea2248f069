/* modulon ablate */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "cli/hold.h"
#include "cli/score.h"
#include "core/mechanism.h"
#include "runtime/file.h"

static const mdl_usage usage = {
    .name = "ablate",
    .arguments = "DIR|CHAMPION.safetensors",
    .text = "Score a champion on test lives with each of its mechanisms switched off in turn: a\n"
            "knock-out, the genome stays. Modulators are mechanisms too; --clamp adds a row in which\n"
            "some are held at a level. The differences are paired: every row has the same lives.\n"
            "With --evolve each variant is also evolved anew, with the same budget,\n"
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
    const char *clamp;
    mdl_hold hold; /* where `clamp` */
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

/* The champion whole, then without each mechanism that is on. */
static uint32_t list_variants(const mdl_champion *c, mdl_variant *v) {
    const mdl_experiment *x = &c->file.experiment;
    const float *genome = mdl_champion_genome(c, c->island);
    uint32_t n = 0;
    mdl_params params;
    mdl_genome_decode(x, &c->layout, genome, &params);
    v[n++] = (mdl_variant){.name = "nothing", .genome = genome};
    for (uint32_t m = 0; m < MDL_ANY_COUNT; m++)
        if (mdl_any_on(x, &params, m)) {
            v[n] = (mdl_variant){.name = mdl_any_key(m), .genome = genome};
            mdl_knockout_add(&v[n++].out, m);
        }
    return n;
}

/* scores: [2 + MDL_ANY_COUNT][lives], levels: [lives][MDL_CLAMPS] */
static mdl_err score_all(const mdl_champion *c, const settings *s, uint64_t seed, mdl_lives lives, mdl_variant *v,
                         uint32_t *variants, double *scores, double *levels) {
    const mdl_experiment *x = &c->file.experiment;
    int quiet = s->quiet || s->json;
    const mdl_scores base = {.score = scores, .levels = levels};
    *variants = list_variants(c, v);
    mdl_err err = mdl_score_variants(x, v, 1, seed, lives, s->threads, 1, &base);
    if (s->clamp)
        v[*variants] = mdl_hold_variant(&s->hold, &v[0], levels, lives.count);
    *variants += s->clamp != NULL;
    const mdl_scores rest = {.score = scores + lives.count};
    if (err == MDL_OK && *variants > 1)
        err = mdl_score_variants(x, v + 1, *variants - 1, seed, lives, s->threads, quiet, &rest);
    return err;
}

static mdl_err knock_out(const mdl_champion *c, const settings *s, uint64_t seed, mdl_lives lives, double *whole,
                         cJSON *list) {
    const mdl_experiment *x = &c->file.experiment;
    mdl_variant v[2 + MDL_ANY_COUNT];
    uint32_t variants;
    double *scores = malloc(((size_t)(2 + MDL_ANY_COUNT) + MDL_CLAMPS) * lives.count * sizeof *scores);
    if (!scores)
        return MDL_ENOMEM;
    double *levels = scores + (size_t)(2 + MDL_ANY_COUNT) * lives.count;
    mdl_err err = score_all(c, s, seed, lives, v, &variants, scores, levels);
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

/* Evolve the experiment without a mechanism in `directory`; its champion. */
static mdl_err evolve_without(const mdl_experiment *x, uint32_t mechanism, const char *directory, const settings *s,
                              mdl_champion *champion, char *error, size_t error_size) {
    mdl_experiment changed = *x;
    mdl_experiment_file file;
    mdl_runner runner;
    mdl_run_end end;
    mdl_any_off(&changed, mechanism);
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
    const char *name = mdl_any_key(mechanism);
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
            err = mdl_score_variants(&other.file.experiment, &v, 1, seed, lives, s->threads, 1,
                                     &(mdl_scores){.score = scores});
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
    for (uint32_t m = 0; m < MDL_ANY_COUNT && err == MDL_OK; m++)
        if (mdl_any_switch(&c->file.experiment, m) != MDL_OFF)
            err = evolve_row(c, m, root, s, seed, lives, whole, list, error, error_size);
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
    free(whole);
    if (err == MDL_OK && s->json)
        return mdl_cli_print_json(json);
    cJSON_Delete(json);
    return mdl_cli_end(err, error);
}

int mdl_cmd_ablate(int argc, char **argv) {
    settings s = {.threads = mdl_cpu_count()};
    const mdl_option options[] = {
        {"episodes", MDL_OPT_U32, &s.episodes, NULL, 2, 65536, "N", "test lives (the experiment's)"},
        {"clamp", MDL_OPT_TEXT, &s.clamp, NULL, 0, 0, "NAME=X", "a row with levels held, as modulon eval takes it"},
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
    code = mdl_cli_champion(&c, argv[first]);
    if (code >= 0)
        return code;
    size_t size = strlen(argv[first]);
    if (s.evolve && size > 12 && strcmp(argv[first] + size - 12, ".safetensors") == 0)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "ablate: --evolve wants the directory of a run, not a file");
    if (code < 0 && s.clamp && mdl_hold_parse(&s.hold, s.clamp, &c.file.experiment, error, sizeof error) != MDL_OK)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "ablate: %s", error);
    if (code < 0)
        code = ablate(&c, &s, argv[first]);
    mdl_champion_close(&c);
    return code;
}
