/* modulon evolve */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "runtime/file.h"

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

/* The second signal ends the program at once: its state is on disk. */
static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static const mdl_usage usage = {
    .name = "evolve",
    .arguments = "EXPERIMENT.json",
    .text = "Evolve an experiment in this process, on all cores. Everything is kept in a\n"
            "directory; run again on it, it goes on where it was, after any interruption,\n"
            "with the same bytes in the end whatever the number of threads.",
    .examples = "  modulon evolve examples/tmaze-quick.json\n"
                "  modulon evolve examples/tmaze.json --out runs/t1 --seed 7 --threads 2\n"
                "  modulon eval runs/t1",
    .least = 1,
    .most = 1,
};

typedef struct settings {
    const char *out;
    uint32_t threads, generations, stop_after;
    uint64_t seed;
    double save_every;
    int quiet, json, has_seed, has_generations;
} settings;

static void default_directory(const mdl_experiment *x, char *out, size_t size) {
    char id[9];
    mdl_hex(x->id, 4, id);
    snprintf(out, size, "runs/%s-%s", x->name, id);
}

/* One JSON object; NULL when out of memory. Counts stay below 2^53 in any run that ends. */
static char *result_text(const mdl_runner *r, const mdl_champion *c, int done) {
    const mdl_experiment *x = &r->file->experiment;
    char id[65], digest[MDL_DIGEST_HEX];
    mdl_hex(x->id, 32, id);
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "name", x->name);
    cJSON_AddStringToObject(o, "experiment_id", id);
    cJSON_AddBoolToObject(o, "done", done);
    cJSON_AddNumberToObject(o, "generation", mdl_evolution_generation(r->evolution));
    cJSON_AddNumberToObject(o, "evaluations", (double)r->evaluations);
    cJSON_AddNumberToObject(o, "updates", (double)r->synapse_updates);
    cJSON_AddNumberToObject(o, "seconds", r->seconds);
    if (c->islands > 0) {
        mdl_hex(c->digest, sizeof c->digest, digest);
        cJSON_AddNumberToObject(o, "island", c->island);
        cJSON_AddNumberToObject(o, "validation",
                                (double)c->validation[c->island] / (1e6 * x->evolution.validate_episodes));
        cJSON_AddNumberToObject(o, "champion_generation", c->generation[c->island]);
        cJSON_AddStringToObject(o, "digest", digest);
    }
    cJSON_AddNumberToObject(o, "random", r->baselines.random);
    cJSON_AddNumberToObject(o, "constant", r->baselines.constant);
    cJSON *last = cJSON_AddStringToObject(o, "directory", r->directory);
    char *text = last ? cJSON_PrintUnformatted(o) : NULL;
    cJSON_Delete(o);
    return text;
}

static mdl_err write_files(const mdl_runner *r, const mdl_champion *c, const char *text, char *error) {
    char *champion = mdl_path_join(r->directory, "champion.safetensors");
    char *result = mdl_path_join(r->directory, "result.json");
    mdl_err err = champion && result ? MDL_OK : MDL_ENOMEM;
    if (err != MDL_OK)
        snprintf(error, MDL_ERROR_TEXT, "out of memory");
    if (err == MDL_OK && c->islands > 0)
        err = mdl_cli_write_champion(c, champion, error, MDL_ERROR_TEXT);
    if (err == MDL_OK)
        err = mdl_file_write(result, text, strlen(text), error, MDL_ERROR_TEXT);
    free(champion);
    free(result);
    return err;
}

static void report(const mdl_runner *r, const mdl_champion *c, int done) {
    const mdl_evolution_spec *s = &r->file->experiment.evolution;
    if (c->islands > 0) {
        char digest[MDL_DIGEST_HEX];
        mdl_hex(c->digest, sizeof c->digest, digest);
        printf("champion    island %" PRIu32 " of %" PRIu32 ", generation %" PRIu32 "\n", c->island, c->islands,
               c->generation[c->island]);
        printf("validation  %.6g, mean of %" PRIu32 " lives\n",
               (double)c->validation[c->island] / (1e6 * s->validate_episodes), s->validate_episodes);
        printf("digest      %s\n", digest);
        printf("files       %s/champion.safetensors\n", r->directory);
    }
    printf("baselines   %.6g random, %.6g best constant action\n", r->baselines.random, r->baselines.constant);
    printf("work        %" PRIu64 " evaluations, %.4g synapse updates, %.1f s\n", r->evaluations,
           (double)r->synapse_updates, r->seconds);
    if (!done)
        printf("stopped at generation %" PRIu32 " of %" PRIu32
               "; to go on: modulon evolve %s/experiment.json --out %s\n",
               mdl_evolution_generation(r->evolution), s->generations, r->directory, r->directory);
}

static int evolve(const mdl_experiment_file *file, const settings *s) {
    char error[MDL_ERROR_TEXT] = "", directory[128];
    mdl_runner runner;
    mdl_champion champion;
    mdl_run_end end;
    memset(&champion, 0, sizeof champion);
    default_directory(&file->experiment, directory, sizeof directory);
    mdl_err err = mdl_runner_open(&runner, file, s->out ? s->out : directory, s->threads ? s->threads : mdl_cpu_count(),
                                  error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    if (!s->quiet)
        fprintf(stderr, "%s: %" PRIu32 " genes, %" PRIu32 " threads, in %s%s\n", file->experiment.name,
                runner.layout.genes, runner.threads, runner.directory, runner.resumed > 0 ? ", going on" : "");
    if (!s->quiet)
        fprintf(stderr, "fitness of a life without learning: random %.4g, best constant %.4g\n",
                runner.baselines.random, runner.baselines.constant);
    catch_signals();
    runner.save_every_s = s->save_every;
    err = mdl_runner_go(&runner, s->stop_after, &stop, s->quiet, &end, error, sizeof error);
    if (err == MDL_OK) {
        err = mdl_champion_of_run(&champion, &runner, error, sizeof error);
        err = err == MDL_ENOENT ? MDL_OK : err; /* stopped before the first validation */
    }
    char *text = NULL;
    if (err == MDL_OK) {
        text = result_text(&runner, &champion, end == MDL_RUN_DONE);
        if (!text)
            snprintf(error, sizeof error, "out of memory");
        err = text ? write_files(&runner, &champion, text, error) : MDL_ENOMEM;
    }
    int code = MDL_EXIT_OK;
    if (err != MDL_OK)
        code = mdl_cli_fail(MDL_EXIT_FAILURE, "%s", error);
    else if (s->json)
        puts(text);
    else
        report(&runner, &champion, end == MDL_RUN_DONE);
    free(text);
    mdl_champion_close(&champion);
    mdl_runner_close(&runner);
    return code;
}

int mdl_cmd_evolve(int argc, char **argv) {
    settings s = {.stop_after = UINT32_MAX, .save_every = 1};
    const mdl_option options[] = {
        {"out", MDL_OPT_TEXT, &s.out, NULL, 0, 0, "DIR", "directory of the run (runs/NAME-ID)"},
        {"threads", MDL_OPT_U32, &s.threads, NULL, 1, MDL_THREADS_MAX, "N", "threads (all CPUs)"},
        {"seed", MDL_OPT_U64, &s.seed, &s.has_seed, 0, 0, "S", "another seed: another experiment"},
        {"generations", MDL_OPT_U32, &s.generations, &s.has_generations, 1, 1000000, "G",
         "another length: another experiment"},
        {"stop-after", MDL_OPT_U32, &s.stop_after, NULL, 0, 1000000, "G",
         "stop when G generations are done; resumable"},
        {"save-every", MDL_OPT_F64, &s.save_every, NULL, 0, 3600, "S", "seconds between saves (1)"},
        {"quiet", MDL_OPT_FLAG, &s.quiet, NULL, 0, 0, NULL, "no progress on stderr"},
        {"json", MDL_OPT_FLAG, &s.json, NULL, 0, 0, NULL, "the result as one JSON object on stdout"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    char error[MDL_ERROR_TEXT];
    mdl_experiment_file file;
    mdl_err err = mdl_experiment_file_read(&file, argv[first], error, sizeof error);
    if (err == MDL_OK && (s.has_seed || s.has_generations)) {
        mdl_experiment x = file.experiment;
        x.seed = s.has_seed ? s.seed : x.seed;
        x.evolution.generations = s.has_generations ? s.generations : x.evolution.generations;
        mdl_experiment_file_close(&file);
        err = mdl_experiment_file_of(&file, &x, error, sizeof error);
    }
    code = err == MDL_OK ? evolve(&file, &s) : mdl_cli_end(err, error);
    mdl_experiment_file_close(&file);
    return code;
}
