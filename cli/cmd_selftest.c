/* modulon selftest */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/selftest.h"
#include "cli/selftest_digests.h"
#include "core/hmn_kernel.h"
#include "protocol/digest.h"
#include "runtime/champion.h"
#include "runtime/memory.h"

static const mdl_usage usage = {
    .name = "selftest",
    .arguments = "",
    .text = "Compute a few known cases on every kernel that this CPU can run and compare the\n"
            "digests (BLAKE2b-256 of canonical bytes) with those that every machine must give.\n"
            "Exit status 1 when one differs: results of this machine would be worthless.",
    .examples = "  modulon selftest\n"
                "  modulon selftest --json",
    .least = 0,
    .most = 0,
};

#define LEARN "\"hmn\":{\"mechanisms\":{\"plasticity_gate\":\"off\"}"
#define EVOLVE(islands)                                                                                                \
    "\"evolution\":{\"generations\":3,\"episodes\":1,\"validate_every\":2,\"validate_episodes\":2,"                    \
    "\"islands\":[" islands "]}"
#define ISLAND(algorithm) "{\"algorithm\":\"" algorithm "\",\"population\":4}"

#define REGIONS                                                                                                        \
    "{\"regions\":3,\"neurons\":24,\"ring\":6,\"sources\":2,\"listen\":6,\"fan_in\":4,\"window\":2,\"delay\":[1,3],"   \
    "\"delay_between\":[2,5]}"

/* Each runs a life of a first candidate, or a small evolution. */
static const struct {
    const char *name, *json;
    int evolve;
} cases[] = {
    {"tmaze",
     "{\"name\":\"s\",\"task\":\"tmaze\",\"network\":{\"neurons\":6,\"ring\":\"dense\"}," LEARN
     "}," EVOLVE(ISLAND("es")) "}",
     0},
    {"regions",
     "{\"name\":\"s\",\"seed\":\"2\",\"task\":\"cue\",\"network\":{\"regions\":3,\"neurons\":40,\"ring\":8,\"sources\":"
     "2,"
     "\"listen\":8,\"fan_in\":4,\"window\":2,\"delay\":[1,4],\"delay_between\":[2,7]}," LEARN
     ",\"trace\":\"event\",\"activation\":\"sigmoid\"}," EVOLVE(ISLAND("es")) "}",
     0},
    {"indirect",
     "{\"name\":\"s\",\"seed\":\"3\",\"task\":\"acrobot\",\"network\":{\"neurons\":100,\"ring\":10},"
     "\"hmn\":{\"encoding\":\"indirect\",\"activation\":\"relu\",\"similarity\":\"dot\","
     "\"meta_method\":\"spsa\"}," EVOLVE(ISLAND("es")) "}",
     0},
    {"doublepole",
     "{\"name\":\"s\",\"seed\":\"4\",\"task\":\"doublepole\",\"network\":{\"neurons\":3,\"ring\":\"dense\"}," LEARN
     "}," EVOLVE(ISLAND("es")) "}",
     0},
    {"evolution",
     "{\"name\":\"s\",\"seed\":\"5\",\"task\":\"cartpole\",\"network\":{\"neurons\":4,\"ring\":\"dense\"}," LEARN
     "}," EVOLVE(ISLAND("es") "," ISLAND("ga") "," ISLAND("cma")) "}",
     1},
    {"neuraxon",
     "{\"name\":\"s\",\"seed\":\"6\",\"model\":\"neuraxon\",\"task\":{\"name\":\"forage\",\"trials\":200,\"agents\":2},"
     "\"network\":" REGIONS ",\"neuraxon\":{\"mechanisms\":{\"metaplasticity\":\"on\",\"stdp\":\"on\",\"autoreceptor\":"
     "\"on\",\"spontaneous\":\"on\",\"oscillators\":\"on\",\"homeostasis\":\"on\",\"balance\":\"on\",\"silent\":\"on\","
     "\"structure\":\"on\",\"modulatory_synapses\":\"on\",\"meta_learning\":\"on\",\"global_attention\":\"on\","
     "\"critic\":"
     "\"on\",\"context_rate\":\"on\"}},\"modulators\":{}," EVOLVE(ISLAND("es")) "}",
     0},
    {"modulators",
     "{\"name\":\"s\",\"seed\":\"7\",\"task\":{\"name\":\"forage\",\"trials\":200},\"network\":" REGIONS "," LEARN
     "},\"modulators\":{}," EVOLVE(ISLAND("es")) "}",
     0},
};
enum { CASES = sizeof cases / sizeof cases[0], DIGESTS = sizeof mdl_selftest_digests / sizeof mdl_selftest_digests[0] };

/* Everything a case needs. */
typedef struct rig {
    const mdl_experiment *x;
    mdl_life *life;
    mdl_evolution *evolution;
    float *prior, *genome;
} rig;

static void close_rig(rig *b) {
    free(b->life);
    free(b->evolution);
    free(b->prior);
    free(b->genome);
}

static mdl_err open_rig(rig *b, const mdl_experiment *x, const mdl_kernel *kernel) {
    mdl_genome_layout layout;
    memset(b, 0, sizeof *b);
    b->x = x;
    int bad = mdl_genome_layout_of(x, &layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    uint32_t genes = layout.genes;
    void *life = mdl_aligned(mdl_life_bytes(x, 1)), *evolution = mdl_aligned(mdl_evolution_bytes(&x->evolution, genes));
    b->prior = malloc(2 * (size_t)genes * sizeof *b->prior);
    b->genome = malloc(genes * sizeof *b->genome);
    if (!life || !evolution || !b->prior || !b->genome) {
        free(life);
        free(evolution);
        close_rig(b);
        return MDL_ENOMEM;
    }
    mdl_gene_prior prior = mdl_genome_search_prior(x, &layout, b->prior);
    b->life = mdl_life_init(life, x, 1, kernel);
    b->evolution = mdl_evolution_init(evolution, &x->evolution, &prior);
    return MDL_OK;
}

static void run_life(rig *b, const mdl_sink *sink) {
    mdl_job job;
    int64_t fitness = 0, score = 0;
    uint64_t updates = 0;
    mdl_evolution_job(b->evolution, 0, &job, b->genome);
    /* The first candidate's rates are near 0: let it learn. */
    b->genome[b->life->layout.globals + MDL_GENE_ETA_LOCAL] += 0.5f;
    mdl_life_genome(b->life, b->genome);
    mdl_life_run(b->life, mdl_life_key(b->x->seed, MDL_STREAM_TEST, 0, 1), 1, MDL_PART_TEST, &fitness, &score,
                 &updates);
    mdl_put_f32s(sink, b->genome, b->life->layout.genes);
    mdl_put_i64(sink, fitness);
    mdl_put_i64(sink, score);
    mdl_put_u64(sink, updates);
    mdl_life_save(b->life, sink);
}

static void run_evolution(rig *b, const mdl_sink *sink) {
    int64_t result[64];
    while (!mdl_evolution_done(b->evolution)) {
        uint32_t jobs = mdl_evolution_job_count(b->evolution);
        MDL_ASSERT(jobs <= sizeof result / sizeof result[0]);
        for (uint32_t i = 0; i < jobs; i++) {
            mdl_job job;
            mdl_evolution_job(b->evolution, i, &job, b->genome);
            result[i] = mdl_life_job(b->life, &job, b->genome, NULL);
        }
        mdl_err err = mdl_evolution_advance(b->evolution, result, jobs);
        MDL_ASSERT(err == MDL_OK);
    }
    mdl_evolution_save(b->evolution, sink);
}

static mdl_err digest_case(size_t i, const mdl_kernel *kernel, char hex[MDL_DIGEST_HEX]) {
    char error[MDL_ERROR_TEXT] = "";
    mdl_experiment_file file;
    rig b;
    mdl_err err =
        mdl_experiment_file_parse(&file, cases[i].name, cases[i].json, strlen(cases[i].json), error, sizeof error);
    if (err != MDL_OK) {
        mdl_cli_fail(0, "%s", error);
        return err;
    }
    err = open_rig(&b, &file.experiment, kernel);
    if (err == MDL_OK) {
        mdl_digest d;
        uint8_t digest[MDL_DIGEST_BYTES];
        mdl_digest_init(&d);
        mdl_sink sink = mdl_digest_sink(&d);
        if (cases[i].evolve)
            run_evolution(&b, &sink);
        else
            run_life(&b, &sink);
        mdl_digest_final(&d, digest);
        mdl_hex(digest, sizeof digest, hex);
        close_rig(&b);
    }
    mdl_experiment_file_close(&file);
    return err;
}

int mdl_selftest_passes(void) {
    for (size_t i = 0; i < CASES; i++) {
        char hex[MDL_DIGEST_HEX];
        mdl_err err = digest_case(i, NULL, hex);
        if (err != MDL_OK || i >= DIGESTS || strcmp(mdl_selftest_digests[i], hex) != 0)
            return 0;
    }
    return 1;
}

int mdl_cmd_selftest(int argc, char **argv) {
    int print = 0, json = 0, same = 1;
    const mdl_option options[] = {
        {"print", MDL_OPT_FLAG, &print, NULL, 0, 0, NULL, "the digests as cli/selftest_digests.h wants them"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (print)
        puts("/* Made by `modulon selftest --print`. */\nstatic const char *const mdl_selftest_digests[] = {");
    else if (json)
        printf("{\"results\":\"%s\",\"cases\":[", MDL_RESULTS_VERSION);
    for (uint32_t k = 0; k < (print ? 1 : mdl_kernel_count()); k++) {
        const mdl_kernel *kernel = mdl_kernel_get(k);
        for (size_t i = 0; i < CASES; i++) {
            char hex[MDL_DIGEST_HEX];
            mdl_err err = digest_case(i, kernel, hex);
            if (err != MDL_OK)
                return mdl_cli_fail(MDL_EXIT_FAILURE, "selftest: %s", mdl_strerror((int)err));
            const char *want = i < DIGESTS ? mdl_selftest_digests[i] : "none";
            int equal = strcmp(want, hex) == 0;
            same &= equal;
            if (print)
                printf("    \"%s\", /* %s */\n", hex, cases[i].name);
            else if (json)
                printf("%s{\"case\":\"%s\",\"kernel\":\"%s\",\"digest\":\"%s\",\"ok\":%s}", k + i ? "," : "",
                       cases[i].name, kernel->name, hex, equal ? "true" : "false");
            else
                printf("%-12s %-10s %s\n", cases[i].name, kernel->name, equal ? "ok" : "FAILED");
        }
    }
    if (print) {
        puts("};");
        return MDL_EXIT_OK;
    }
    if (json)
        printf("],\"ok\":%s}\n", same ? "true" : "false");
    else
        printf("%s\n", same ? "ok" : "FAILED: do not trust what this machine computes");
    return same ? MDL_EXIT_OK : MDL_EXIT_FALSE;
}
