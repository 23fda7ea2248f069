/* modulon analyse dose: performance against the held level of a modulator. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/analyse.h"
#include "cli/score.h"
#include "runtime/memory.h"

enum { LEVELS_MAX = 17 };

static const mdl_usage usage = {
    .name = "analyse dose",
    .arguments = "CHAMPION.safetensors|DIR",
    .text = "Score a champion on test lives that it has never seen, the same ones for every\n"
            "level, while one modulator (or arousal) is held at a level from 0 to 4 and the\n"
            "others run free. A champion evolved without modulators gets the default\n"
            "receptors, with the other modulators held at 0. Intervals are over lives.",
    .examples = "  modulon analyse dose runs/t1 --modulator noradrenaline --svg plots\n"
                "  modulon analyse dose runs/t1 --episodes 100 --levels 9 --json",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    const char *modulator, *svg;
    uint32_t episodes, levels;
    uint64_t seed;
    int has_seed, json;
    uint32_t which;
} settings;

static double level_at(const settings *s, uint32_t i) {
    return (double)MDL_LEVEL_MAX * (double)i / (double)(s->levels - 1);
}

/* The genome for an experiment whose modulators are in use. */
static mdl_err whole_genome(const mdl_subject *subject, const mdl_experiment *x, float **out) {
    mdl_genome_layout old, new;
    if (mdl_genome_layout_of(&subject->x, &old) != MDL_OK || mdl_genome_layout_of(x, &new) != MDL_OK)
        return MDL_ERANGE;
    float *sd = malloc(new.genes * sizeof *sd);
    *out = malloc(new.genes * sizeof **out);
    if (!sd || !*out) {
        free(sd);
        free(*out);
        *out = NULL;
        return MDL_ENOMEM;
    }
    mdl_genome_prior(x, &new, *out, sd);
    free(sd);
    if (old.genes == new.genes) {
        memcpy(*out, subject->genome, old.genes * sizeof **out);
    } else {
        memcpy(*out, subject->genome, new.modulators * sizeof **out);
        memcpy(*out + new.switches, subject->genome + old.switches, (old.genes - old.switches) * sizeof **out);
    }
    return MDL_OK;
}

static mdl_err run_levels(const mdl_subject *subject, const settings *s, mdl_lives lives, uint64_t seed,
                          double *scores) {
    mdl_experiment x = subject->x;
    int foreign = !x.modulators.used;
    float *genome;
    if (foreign)
        mdl_modulator_spec_defaults(&x.modulators);
    mdl_err err = whole_genome(subject, &x, &genome);
    if (err != MDL_OK)
        return err;
    mdl_life *life = mdl_life_new(&x, NULL);
    if (!life) {
        free(genome);
        return MDL_ENOMEM;
    }
    for (uint32_t i = 0; i < s->levels; i++) {
        mdl_life_genome(life, genome);
        mdl_modulator_params *m = &life->params.modulators;
        if (foreign) {
            memset(m->clamp, 0, sizeof m->clamp);
            m->clamped = (1u << MDL_CLAMPS) - 1;
        }
        m->clamped |= 1u << s->which;
        m->clamp[s->which] = (float)level_at(s, i);
        for (uint32_t k = 0; k < lives.count; k++) {
            int64_t score = 0;
            uint32_t episode = lives.first + k;
            mdl_life_run(life, mdl_life_key(seed, MDL_STREAM_TEST, 0, episode), episode, MDL_PART_TEST, NULL, &score,
                         NULL);
            scores[(size_t)i * lives.count + k] = (double)score / 1e6;
        }
    }
    free(life);
    free(genome);
    return MDL_OK;
}

static int report(const mdl_subject *subject, const settings *s, mdl_lives lives, const double *scores) {
    double x[LEVELS_MAX], y[3][LEVELS_MAX];
    const mdl_task_info *info = mdl_task_info_get((uint32_t)subject->x.task.id);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "modulator", s->modulator);
    cJSON_AddStringToObject(json, "score", info->score);
    cJSON *list = cJSON_AddArrayToObject(json, "levels");
    if (!s->json)
        printf("%s against the level of %s, %" PRIu32 " lives\n", info->score, s->modulator, lives.count);
    for (uint32_t i = 0; i < s->levels; i++) {
        const double *of = scores + (size_t)i * lives.count;
        mdl_interval v = mdl_stat_interval(of, lives.count);
        x[i] = level_at(s, i);
        y[0][i] = v.mean;
        y[1][i] = v.lo;
        y[2][i] = v.hi;
        char text[64];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddNumberToObject(o, "level", x[i]);
        cJSON_AddItemToObject(o, "score", mdl_interval_json(of, lives.count));
        cJSON_AddItemToArray(list, o);
        if (!s->json)
            printf("  %5.2f  %s\n", x[i], mdl_interval_text(of, lives.count, text, sizeof text));
    }
    char label[64], name[64];
    snprintf(label, sizeof label, "level of %s", s->modulator);
    snprintf(name, sizeof name, "dose-%s", s->modulator);
    const mdl_svg_series series = {.x = x, .y = y[0], .lo = y[1], .hi = y[2], .n = s->levels, .mark = MDL_SVG_BOTH};
    const mdl_svg_panel panel = {
        .title = subject->x.name, .x_label = label, .y_label = info->score, .series = &series, .count = 1};
    int code = mdl_write_plot(s->svg, name, &panel, 1, 1);
    if (code < 0 && s->json)
        return mdl_cli_print_json(json);
    cJSON_Delete(json);
    return code < 0 ? MDL_EXIT_OK : code;
}

int mdl_analyse_dose(int argc, char **argv) {
    settings s = {.modulator = "noradrenaline", .levels = 9};
    const mdl_option options[] = {
        {"modulator", MDL_OPT_TEXT, &s.modulator, NULL, 0, 0, "NAME",
         "dopamine, serotonin, acetylcholine, noradrenaline (the default) or arousal"},
        {"levels", MDL_OPT_U32, &s.levels, NULL, 2, LEVELS_MAX, "N", "from 0 to 4 (9)"},
        {"episodes", MDL_OPT_U32, &s.episodes, NULL, 1, 65536, "N", "test lives (the experiment's)"},
        {"test-seed", MDL_OPT_U64, &s.seed, &s.has_seed, 0, 0, "S", "seed of the lives (the genome's digest)"},
        {"svg", MDL_OPT_TEXT, &s.svg, NULL, 0, 0, "DIR", "write dose-NAME.svg there"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    while (s.which < MDL_CLAMPS && strcmp(mdl_clamp_key(s.which), s.modulator) != 0)
        s.which++;
    if (s.which == MDL_CLAMPS)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "analyse dose: --modulator is \"%s\"; allowed: dopamine, serotonin, acetylcholine, "
                            "noradrenaline, arousal",
                            s.modulator);
    mdl_subject subject;
    code = mdl_subject_read(&subject, argv[first]);
    if (code >= 0)
        return code;
    if (!subject.genome)
        return mdl_cli_fail(MDL_EXIT_USAGE, "analyse dose: %s is an experiment; a champion is needed (modulon evolve)",
                            argv[first]);
    mdl_lives lives = mdl_test_lives(&subject.x, s.episodes);
    double *scores = malloc((size_t)s.levels * lives.count * sizeof *scores);
    mdl_err err = scores ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK)
        err = run_levels(&subject, &s, lives, s.has_seed ? s.seed : mdl_test_seed(subject.digest), scores);
    code = err == MDL_OK ? report(&subject, &s, lives, scores)
                         : mdl_cli_fail(mdl_cli_code(err), "analyse dose: %s", mdl_strerror((int)err));
    free(scores);
    mdl_subject_close(&subject);
    return code;
}
