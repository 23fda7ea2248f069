/* modulon eval */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/score.h"
#include "runtime/champion.h"
#include "runtime/policy.h"

/* Double pole: a start of Gruau's grid counts when the poles stay up this long. */
enum { GRID_STEPS = 1000, VARIANTS_MAX = 4 + MDL_ACTION_MAX };

static const mdl_usage usage = {
    .name = "eval",
    .arguments = "DIR|CHAMPION.safetensors",
    .text = "Score a champion on test lives that nothing was trained or chosen on, beside the\n"
            "same genome without plasticity (fixed) and without the global factor G' (no G'),\n"
            "random actions, and the best constant action. The intervals are 95 %, from the\n"
            "normal approximation of the mean over lives. Where a task changes within a life,\n"
            "`after` is the fraction of right choices after a change.",
    .examples = "  modulon eval runs/t1\n"
                "  modulon eval runs/t1 --episodes 1000 --islands\n"
                "  modulon eval champion.safetensors --json",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    uint32_t episodes, threads;
    uint64_t seed;
    int has_seed, islands, json, quiet;
} settings;

static uint32_t list_variants(const mdl_champion *c, char names[][24], mdl_variant *v) {
    const float *genome = mdl_champion_genome(c, c->island);
    uint32_t n = 0;
    v[n++] = (mdl_variant){.name = "champion", .genome = genome};
    v[n++] = (mdl_variant){.name = "fixed", .genome = genome, .off = 1u << MDL_MECH_PLASTICITY};
    v[n++] = (mdl_variant){.name = "no G'", .genome = genome, .off = 1u << MDL_MECH_GLOBAL_TERM};
    v[n++] = (mdl_variant){.name = "random", .kind = MDL_VARIANT_RANDOM};
    for (uint32_t a = 0; a < mdl_constant_policies(&c->file.experiment.task); a++) {
        snprintf(names[a], sizeof names[a], "constant %" PRIu32, a);
        v[n++] = (mdl_variant){.name = names[a], .kind = MDL_VARIANT_CONSTANT, .action = a};
    }
    return n;
}

static cJSON *score_json(const char *name, const mdl_score *s) {
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "policy", name);
    cJSON_AddNumberToObject(o, "mean", s->mean);
    cJSON_AddNumberToObject(o, "sd", s->sd);
    cJSON_AddNumberToObject(o, "n", s->n);
    if (s->n > 1) {
        cJSON_AddNumberToObject(o, "lo", s->lo);
        cJSON_AddNumberToObject(o, "hi", s->hi);
    } else {
        cJSON_AddNullToObject(o, "lo");
        cJSON_AddNullToObject(o, "hi");
    }
    return o;
}

static void print_score(const char *name, const mdl_score *s) {
    if (s->n > 1)
        printf("%-12s %10.5g  sd %9.4g  95%% CI [%.5g, %.5g]  n %" PRIu32 "\n", name, s->mean, s->sd, s->lo, s->hi,
               s->n);
    else
        printf("%-12s %10.5g  n 1\n", name, s->mean);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Every island's champion, and the best and the median of them. */
static mdl_err eval_islands(const mdl_champion *c, const settings *s, mdl_lives range, uint64_t seed, cJSON *json) {
    mdl_variant v[MDL_ISLANDS_MAX];
    char names[MDL_ISLANDS_MAX][24];
    double means[MDL_ISLANDS_MAX];
    double *scores = malloc((size_t)c->islands * range.count * sizeof *scores);
    if (!scores)
        return MDL_ENOMEM;
    for (uint32_t k = 0; k < c->islands; k++) {
        snprintf(names[k], sizeof names[k], "island %" PRIu32, k);
        v[k] = (mdl_variant){.name = names[k], .genome = mdl_champion_genome(c, k)};
    }
    mdl_err err = mdl_score_variants(&c->file.experiment, v, c->islands, seed, range, s->threads, s->quiet || s->json,
                                     scores, NULL);
    cJSON *list = err == MDL_OK ? cJSON_AddArrayToObject(json, "islands") : NULL;
    for (uint32_t k = 0; err == MDL_OK && k < c->islands; k++) {
        mdl_score score = mdl_score_lives(&c->file.experiment, scores + (size_t)k * range.count, range.count);
        means[k] = score.mean;
        cJSON *o = score_json(names[k], &score);
        cJSON_AddNumberToObject(o, "validation",
                                (double)c->validation[k] / (1e6 * c->file.experiment.evolution.validate_episodes));
        cJSON_AddItemToArray(list, o);
        if (!s->json)
            print_score(names[k], &score);
    }
    if (err == MDL_OK) {
        uint32_t n = c->islands;
        qsort(means, n, sizeof means[0], compare);
        double median = (means[(n - 1) / 2] + means[n / 2]) / 2, best = means[n - 1];
        cJSON_AddNumberToObject(json, "islands_best", best);
        cJSON_AddNumberToObject(json, "islands_median", median);
        if (!s->json)
            printf("%-12s %10.5g  best %.5g\n", "median", median, best);
    }
    free(scores);
    return err;
}

/* The long run of life 0, and how many of the grid's starts were balanced. */
static mdl_err eval_doublepole(const mdl_champion *c, const settings *s, uint64_t seed, const double *scores,
                               uint32_t count, cJSON *json) {
    mdl_variant v = {.name = "champion", .genome = mdl_champion_genome(c, c->island)};
    double steps;
    uint32_t balanced = 0;
    mdl_err err = mdl_score_variants(&c->file.experiment, &v, 1, seed, (mdl_lives){0, 1}, 1, 1, &steps, NULL);
    for (uint32_t i = 0; i < count; i++)
        balanced += scores[i] >= GRID_STEPS;
    cJSON_AddNumberToObject(json, "long_run_steps", steps);
    cJSON_AddNumberToObject(json, "generalisation", balanced);
    cJSON_AddNumberToObject(json, "generalisation_of", count);
    if (!s->json && err == MDL_OK)
        printf("long run     %.0f steps of 100000; balanced from %" PRIu32 " of %" PRIu32 " starts\n", steps, balanced,
               count);
    return err;
}

static mdl_err eval_policies(const mdl_champion *c, const settings *s, mdl_lives range, uint64_t seed, cJSON *json) {
    mdl_variant v[VARIANTS_MAX];
    char names[MDL_ACTION_MAX][24];
    uint32_t variants = list_variants(c, names, v), best = 0;
    size_t cells = (size_t)variants * range.count;
    double *scores = malloc(2 * cells * sizeof *scores), *after = scores ? scores + cells : NULL;
    if (!scores)
        return MDL_ENOMEM;
    mdl_err err = mdl_score_variants(&c->file.experiment, v, variants, seed, range, s->threads, s->quiet || s->json,
                                     scores, after);
    cJSON *list = err == MDL_OK ? cJSON_AddArrayToObject(json, "policies") : NULL;
    mdl_score constant = {0};
    for (uint32_t i = 0; err == MDL_OK && i < variants; i++) {
        mdl_score score = mdl_score_lives(&c->file.experiment, scores + (size_t)i * range.count, range.count);
        mdl_score adapted = mdl_score_of_known(after + (size_t)i * range.count, range.count);
        cJSON *o = score_json(v[i].name, &score);
        if (adapted.n > 0)
            cJSON_AddItemToObject(o, "after_change", score_json(v[i].name, &adapted));
        cJSON_AddItemToArray(list, o);
        if (v[i].kind == MDL_VARIANT_CONSTANT) {
            if (best == 0 || score.mean > constant.mean) {
                best = i;
                constant = score;
            }
        } else if (!s->json) {
            print_score(v[i].name, &score);
            if (adapted.n > 0)
                print_score("  after", &adapted);
        }
    }
    if (err == MDL_OK) {
        cJSON_AddStringToObject(json, "constant_best", v[best].name);
        if (!s->json)
            print_score(v[best].name, &constant);
        if (c->file.experiment.task.id == MDL_TASK_DOUBLEPOLE)
            err = eval_doublepole(c, s, seed, scores, range.count, json);
    }
    free(scores);
    return err;
}

static int eval(const mdl_champion *c, const settings *s) {
    const mdl_experiment *x = &c->file.experiment;
    const mdl_task_info *info = mdl_task_info_get((uint32_t)x->task.id);
    mdl_lives range = mdl_test_lives(x, s->episodes);
    uint64_t seed = s->has_seed ? s->seed : mdl_test_seed(c->digest);
    char text[32], id[65], digest[MDL_DIGEST_HEX];
    snprintf(text, sizeof text, "%" PRIu64, seed);
    mdl_hex(x->id, 32, id);
    mdl_hex(c->digest, sizeof c->digest, digest);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", x->name);
    cJSON_AddStringToObject(json, "experiment_id", id);
    cJSON_AddStringToObject(json, "digest", digest);
    cJSON_AddStringToObject(json, "task", info->name);
    cJSON_AddStringToObject(json, "score", info->score);
    cJSON_AddNumberToObject(json, "island", c->island);
    cJSON_AddStringToObject(json, "test_seed", text);
    cJSON_AddNumberToObject(json, "episodes", range.count);
    if (!s->json)
        printf("%s: %s; test lives: %" PRIu32 ", seed %s\n", x->name, info->score, range.count, text);
    mdl_err err = eval_policies(c, s, range, seed, json);
    if (err == MDL_OK && s->islands)
        err = eval_islands(c, s, range, seed, json);
    int code = MDL_EXIT_OK;
    if (err != MDL_OK) {
        code = mdl_cli_fail(MDL_EXIT_FAILURE, "eval: %s", mdl_strerror((int)err));
    } else if (s->json) {
        char *line = cJSON_PrintUnformatted(json);
        if (line)
            puts(line);
        else
            code = mdl_cli_fail(MDL_EXIT_FAILURE, "eval: out of memory");
        free(line);
    }
    cJSON_Delete(json);
    return code;
}

int mdl_cmd_eval(int argc, char **argv) {
    settings s = {.threads = mdl_cpu_count()};
    const mdl_option options[] = {
        {"episodes", MDL_OPT_U32, &s.episodes, NULL, 1, 65536, "N", "test lives (the experiment's)"},
        {"islands", MDL_OPT_FLAG, &s.islands, NULL, 0, 0, NULL, "also the champion of every island"},
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
    mdl_champion champion;
    mdl_err err = mdl_champion_read(&champion, argv[first], error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "%s", error);
    code = eval(&champion, &s);
    mdl_champion_close(&champion);
    return code;
}
