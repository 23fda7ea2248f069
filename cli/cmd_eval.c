/* modulon eval */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "cli/hold.h"
#include "cli/score.h"
#include "runtime/champion.h"
#include "runtime/policy.h"

/* Double pole: a start of Gruau's grid counts when the poles stay up this long. */
enum { GRID_STEPS = 1000, VARIANTS_MAX = 5 + MDL_ACTION_MAX };

static const mdl_usage usage = {
    .name = "eval",
    .arguments = "DIR|CHAMPION.safetensors",
    .text = "Score a champion on test lives that nothing was trained or chosen on, beside the\n"
            "same genome without plasticity (fixed) and without the global factor G' (no G'),\n"
            "random actions, and the best constant action. The intervals are 95 %, from the\n"
            "normal approximation of the mean over lives. Where a task changes within a life,\n"
            "`after` is the fraction of right choices after a change. --clamp adds a row in\n"
            "which modulators or arousal are held at a level (mean: at the champion's own mean\n"
            "over these lives), --against the champion of another run on the same lives; both\n"
            "with their difference to the champion, life by life (`less`). --gene changes genes of\n"
            "the champion first, by the names of its JSON file, and so makes another one.",
    .examples = "  modulon eval runs/t1\n"
                "  modulon eval runs/t1 --episodes 1000 --islands\n"
                "  modulon eval runs/f1 --clamp arousal=0\n"
                "  modulon eval runs/f1 --against runs/f2\n"
                "  modulon eval champion.safetensors --json",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    uint32_t episodes, threads;
    uint64_t seed;
    int has_seed, islands, json, quiet;
    const char *clamp, *against, *gene;
    mdl_hold hold;             /* where `clamp`   */
    const mdl_champion *other; /* where `against` */
} settings;

/* Where the gene `key` stands; MDL_GENES_ABSENT when this experiment has none. */
static uint32_t find_gene(const mdl_champion *c, const char *key) {
    const mdl_genome_layout *l = &c->layout;
    const struct {
        const char *(*key)(uint32_t);
        uint32_t at;
    } section[] = {
        {mdl_gene_key, l->globals}, {mdl_neuraxon_gene_key, l->neuraxon}, {mdl_modulator_gene_key, l->modulators}};
    for (size_t s = 0; s < sizeof section / sizeof section[0]; s++)
        for (uint32_t i = 0; section[s].at != MDL_GENES_ABSENT && section[s].key(i); i++)
            if (strcmp(section[s].key(i), key) == 0)
                return section[s].at + i;
    return MDL_GENES_ABSENT;
}

/* Set genes of the chosen genome from "eta_global=0.1,arousal_rate=4". 0: wrong. */
static int set_genes(mdl_champion *c, const char *text) {
    float *genome = c->genomes + (size_t)c->island * c->layout.genes;
    for (const char *at = text;; at++) {
        char one[96], *end;
        size_t size = strcspn(at, ",");
        if (size >= sizeof one)
            return 0;
        memcpy(one, at, size);
        one[size] = '\0';
        char *equals = strchr(one, '=');
        if (!equals)
            return 0;
        *equals = '\0';
        double value = strtod(equals + 1, &end);
        uint32_t gene = find_gene(c, one);
        if (end == equals + 1 || *end || !(value >= -64 && value <= 64) || gene == MDL_GENES_ABSENT)
            return 0;
        genome[gene] = (float)value;
        at += size;
        if (!*at)
            break;
    }
    mdl_champion_choose(c, c->island);
    return 1;
}

/* The champion first, then what it is set beside. */
static uint32_t list_variants(const mdl_champion *c, const settings *s, const double *levels, uint32_t lives,
                              char names[][24], mdl_variant *v) {
    const float *genome = mdl_champion_genome(c, c->island);
    uint32_t n = 0;
    v[n++] = (mdl_variant){.name = "champion", .genome = genome};
    v[n++] = (mdl_variant){.name = "fixed", .genome = genome, .out = {.shared = 1u << MDL_MECH_PLASTICITY}};
    v[n++] = (mdl_variant){.name = "no G'", .genome = genome, .out = {.shared = 1u << MDL_MECH_GLOBAL_TERM}};
    if (s->clamp)
        v[n++] = mdl_hold_variant(&s->hold, &v[0], levels, lives);
    v[n++] = (mdl_variant){.name = "random", .kind = MDL_VARIANT_RANDOM};
    for (uint32_t a = 0; a < mdl_constant_policies(&c->file.experiment.task); a++) {
        snprintf(names[a], sizeof names[a], "constant %" PRIu32, a);
        v[n++] = (mdl_variant){.name = names[a], .kind = MDL_VARIANT_CONSTANT, .action = a};
    }
    return n;
}

static cJSON *score_json(const char *name, const mdl_score *s) {
    cJSON *o = cJSON_CreateObject();
    if (name)
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
                                     &(mdl_scores){.score = scores});
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
    mdl_err err =
        mdl_score_variants(&c->file.experiment, &v, 1, seed, (mdl_lives){0, 1}, 1, 1, &(mdl_scores){.score = &steps});
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

/* A row of the table: score, score after a change, and where `base` is not
 * NULL, their differences to the champion's. */
static void add_row(cJSON *list, const char *name, const mdl_scores *row, const mdl_scores *base,
                    const mdl_experiment *x, uint32_t lives, int shown) {
    mdl_score score = mdl_score_lives(x, row->score, lives), after = mdl_score_of_known(row->after, lives);
    cJSON *o = score_json(name, &score), *adapted = after.n > 0 ? score_json(NULL, &after) : NULL;
    if (shown)
        print_score(name, &score);
    if (base) {
        mdl_score less = mdl_score_difference(x, row->score, base->score, lives);
        cJSON_AddItemToObject(o, "difference", score_json(NULL, &less));
        if (shown)
            print_score("  less", &less);
    }
    if (shown && adapted)
        print_score("  after", &after);
    if (base && adapted) {
        mdl_score less = mdl_score_difference_known(row->after, base->after, lives);
        cJSON_AddItemToObject(adapted, "difference", score_json(NULL, &less));
        if (shown)
            print_score("  less", &less);
    }
    if (adapted)
        cJSON_AddItemToObject(o, "after_change", adapted);
    cJSON_AddItemToArray(list, o);
}

/* The champion of another run on the same lives. */
static mdl_err eval_other(const settings *s, mdl_lives range, uint64_t seed, const mdl_scores *base, cJSON *list) {
    const mdl_champion *c = s->other;
    const mdl_variant v = {.name = "against", .genome = mdl_champion_genome(c, c->island)};
    double *scores = malloc(2 * (size_t)range.count * sizeof *scores);
    if (!scores)
        return MDL_ENOMEM;
    const mdl_scores row = {.score = scores, .after = scores + range.count};
    mdl_err err = mdl_score_variants(&c->file.experiment, &v, 1, seed, range, s->threads, s->quiet || s->json, &row);
    if (err == MDL_OK)
        add_row(list, v.name, &row, base, &c->file.experiment, range.count, !s->json);
    free(scores);
    return err;
}

/* Rows of `variants` variants whose scores and scores after a change are [variants][lives]. */
static uint32_t show_rows(const mdl_champion *c, const settings *s, const mdl_variant *v, uint32_t variants,
                          const mdl_scores *all, uint32_t lives, cJSON *list) {
    const mdl_experiment *x = &c->file.experiment;
    uint32_t best = 0;
    double highest = 0;
    for (uint32_t i = 0; i < variants; i++) {
        const mdl_scores row = {.score = all->score + (size_t)i * lives, .after = all->after + (size_t)i * lives};
        int constant = v[i].kind == MDL_VARIANT_CONSTANT;
        add_row(list, v[i].name, &row, v[i].out.clamped ? all : NULL, x, lives, !s->json && !constant);
        double mean = mdl_score_lives(x, row.score, lives).mean;
        if (constant && (best == 0 || mean > highest)) {
            best = i;
            highest = mean;
        }
    }
    return best;
}

static mdl_err eval_policies(const mdl_champion *c, const settings *s, mdl_lives range, uint64_t seed, cJSON *json) {
    const mdl_experiment *x = &c->file.experiment;
    mdl_variant v[VARIANTS_MAX];
    char names[MDL_ACTION_MAX][24];
    uint32_t lives = range.count;
    size_t cells = (size_t)VARIANTS_MAX * lives;
    double *scores = malloc((2 * cells + (size_t)MDL_CLAMPS * lives) * sizeof *scores);
    if (!scores)
        return MDL_ENOMEM;
    const mdl_scores all = {.score = scores, .after = scores + cells, .levels = scores + 2 * cells};
    const mdl_scores rest = {.score = all.score + lives, .after = all.after + lives};
    v[0] = (mdl_variant){.name = "champion", .genome = mdl_champion_genome(c, c->island)};
    mdl_err err = mdl_score_variants(x, v, 1, seed, range, s->threads, s->quiet || s->json, &all);
    uint32_t variants = err == MDL_OK ? list_variants(c, s, all.levels, lives, names, v) : 0;
    if (err == MDL_OK)
        err = mdl_score_variants(x, v + 1, variants - 1, seed, range, s->threads, s->quiet || s->json, &rest);
    if (err == MDL_OK) {
        cJSON *list = cJSON_AddArrayToObject(json, "policies");
        uint32_t best = show_rows(c, s, v, variants, &all, lives, list);
        if (s->other)
            err = eval_other(s, range, seed, &all, list);
        cJSON_AddStringToObject(json, "constant_best", v[best].name);
        mdl_score constant = mdl_score_lives(x, scores + (size_t)best * lives, lives);
        if (!s->json)
            print_score(v[best].name, &constant);
        if (err == MDL_OK && x->task.id == MDL_TASK_DOUBLEPOLE)
            err = eval_doublepole(c, s, seed, scores, lives, json);
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
    if (err == MDL_OK && s->json)
        return mdl_cli_print_json(json);
    cJSON_Delete(json);
    return err == MDL_OK ? MDL_EXIT_OK : mdl_cli_fail(MDL_EXIT_FAILURE, "eval: %s", mdl_strerror((int)err));
}

/* The champion to compare with; -1, or the exit code. */
static int read_other(mdl_champion *other, const char *path, const mdl_champion *c) {
    int code = mdl_cli_champion(other, path);
    if (code >= 0)
        return code;
    if (memcmp(&other->file.experiment.task, &c->file.experiment.task, sizeof(mdl_task_params)) == 0)
        return -1;
    return mdl_cli_fail(MDL_EXIT_USAGE, "eval: --against is %s; its task is not the same, so its lives are not", path);
}

int mdl_cmd_eval(int argc, char **argv) {
    settings s = {.threads = mdl_cpu_count()};
    const mdl_option options[] = {
        {"episodes", MDL_OPT_U32, &s.episodes, NULL, 1, 65536, "N", "test lives (the experiment's)"},
        {"islands", MDL_OPT_FLAG, &s.islands, NULL, 0, 0, NULL, "also the champion of every island"},
        {"clamp", MDL_OPT_TEXT, &s.clamp, NULL, 0, 0, "NAME=X", "a row with levels held: arousal=0,dopamine=mean"},
        {"gene", MDL_OPT_TEXT, &s.gene, NULL, 0, 0, "NAME=X", "a changed champion: eta_global=0.1,arousal_rate=4"},
        {"against", MDL_OPT_TEXT, &s.against, NULL, 0, 0, "RUN", "a row with another champion of the same task"},
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
    code = mdl_cli_champion(&champion, argv[first]);
    if (code >= 0)
        return code;
    mdl_champion other = {0};
    if (s.gene && !set_genes(&champion, s.gene))
        code =
            mdl_cli_fail(MDL_EXIT_USAGE,
                         "eval: --gene is \"%s\"; allowed: GENE=VALUE, more after commas; a gene is one of those that "
                         "the champion's JSON file names, a value a number from -64 to 64",
                         s.gene);
    if (code < 0 && s.clamp &&
        mdl_hold_parse(&s.hold, s.clamp, &champion.file.experiment, error, sizeof error) != MDL_OK)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "eval: %s", error);
    if (code < 0 && s.against) {
        code = read_other(&other, s.against, &champion);
        s.other = &other;
    }
    if (code < 0)
        code = eval(&champion, &s);
    mdl_champion_close(&other);
    mdl_champion_close(&champion);
    return code;
}
