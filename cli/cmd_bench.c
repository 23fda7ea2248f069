/* modulon bench */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/cli.h"
#include "core/hmn_kernel.h"
#include "runtime/file.h"

static const mdl_usage usage = {
    .name = "bench",
    .arguments = "",
    .text = "Measure this machine. Suite kernel: how many plastic synapses a core updates in a\n"
            "second, in networks that fit in cache and that do not, all mechanisms on and a\n"
            "lean set, on every kernel that this CPU can run, and which share of the machine's\n"
            "limits that is; and T-maze lives a second. Suite unit: jobs, and what digests\n"
            "cost. Suite threads: jobs on all CPUs against one, by wall time, beside loops\n"
            "that touch no memory, and where the rest of the time went. Suites crypto, ledger\n"
            "and protocol: the parts of a message's way. Medians of 7 rounds in which all\n"
            "cases of a group take turns, after one to warm up; elsewhere CPU time of the\n"
            "thread.",
    .examples = "  modulon bench\n"
                "  modulon bench --suite kernel --seconds 60 --json > new.json\n"
                "  modulon bench --suite kernel --compare old.json\n"
                "  modulon bench --suite threads --seconds 60\n"
                "  modulon bench --experiment bench/hmn_pinned.json --neurons 4096\n"
                "  modulon bench --cpu",
    .least = 0,
    .most = 0,
};

static const struct {
    const char *name;
    void (*run)(mdl_bench *);
    double cases; /* that share a suite's time */
} suites[] = {{"kernel", NULL, 30},
              {"unit", mdl_bench_unit, 4},
              {"threads", mdl_bench_threads, 12},
              {"crypto", mdl_bench_crypto, 4},
              {"ledger", mdl_bench_ledger, 1},
              {"protocol", mdl_bench_protocol, 3}};
enum { SUITES = sizeof suites / sizeof suites[0] };

/* What is chosen, and why. */
static int show_cpu(int json) {
    uint32_t features = mdl_cpu_features();
    const mdl_kernel *best = mdl_kernel_best();
    printf(json ? "{\"kernel\":\"%s\",\"features\":[" : "kernel %s\nfeatures", best->name);
    for (uint32_t i = 0, n = 0; mdl_cpu_feature_name(i); i++)
        if (features >> i & 1u)
            printf(json ? "%s\"%s\"" : "%s%s", json ? (n++ ? "," : "") : " ", mdl_cpu_feature_name(i));
    printf(json ? "],\"kernels\":[" : "%s\n", features ? "" : " none");
    for (uint32_t i = 0; i < mdl_kernel_count(); i++) {
        const char *name = mdl_kernel_get(i)->name;
        const char *why = mdl_kernel_get(i) == best ? "chosen: the widest vectors of which this CPU has every part"
                          : i == 0                  ? "runs: plain C, the definition"
                                                    : "runs: narrower vectors";
        printf(json ? "%s{\"name\":\"%s\",\"why\":\"%s\"}" : "%s%s: %s\n", json && i ? "," : "", name, why);
    }
    puts(json ? "]}" : "no other kernel is in this build for this CPU");
    return MDL_EXIT_OK;
}

/* Results of an earlier run with --json. */
static int read_old(const char *path, cJSON **old) {
    char error[MDL_ERROR_TEXT];
    uint8_t *text = NULL;
    size_t size;
    mdl_err err = mdl_file_read(path, 1 << 20, &text, &size, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    *old = cJSON_ParseWithLength((const char *)text, size);
    free(text);
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(*old, "results")))
        return mdl_cli_fail(MDL_EXIT_USAGE, "%s is not what modulon bench --json writes", path);
    return MDL_EXIT_OK;
}

static int known(const char *suite) {
    for (size_t i = 0; i < SUITES; i++)
        if (strcmp(suites[i].name, suite) == 0)
            return 1;
    return 0;
}

int mdl_cmd_bench(int argc, char **argv) {
    double seconds = 30;
    int json = 0, cpu = 0;
    uint32_t neurons = 0;
    const char *suite = NULL, *compare = NULL, *experiment = NULL;
    const mdl_option options[] = {
        {"suite", MDL_OPT_TEXT, &suite, NULL, 0, 0, "NAME",
         "kernel, unit, threads, crypto, ledger or protocol alone (all)"},
        {"seconds", MDL_OPT_F64, &seconds, NULL, 0.1, 86400, "S", "about how long in all (30)"},
        {"experiment", MDL_OPT_TEXT, &experiment, NULL, 0, 0, "FILE", "the network of this file in suite kernel"},
        {"neurons", MDL_OPT_U32, &neurons, NULL, 1, 1 << 20, "N", "its number of hidden neurons (as the file says)"},
        {"compare", MDL_OPT_TEXT, &compare, NULL, 0, 0, "FILE", "beside each result, its share of FILE's (--json)"},
        {"cpu", MDL_OPT_FLAG, &cpu, NULL, 0, 0, NULL, "only say which kernel is chosen on this CPU, and why"},
        {"json", MDL_OPT_FLAG, &json, NULL, 0, 0, NULL, "one JSON object on stdout"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (cpu)
        return show_cpu(json);
    if (suite && !known(suite))
        return mdl_cli_fail(MDL_EXIT_USAGE, "--suite %s: allowed: kernel, unit, threads, crypto, ledger, protocol",
                            suite);
    cJSON *old = NULL, *root = cJSON_CreateObject();
    mdl_bench b = {.json = json, .list = cJSON_AddArrayToObject(root, "results")};
    code = compare ? read_old(compare, &old) : MDL_EXIT_OK;
    b.old = cJSON_GetObjectItemCaseSensitive(old, "results");
    if (!b.list || !cJSON_AddStringToObject(root, "kernel", mdl_kernel_best()->name))
        b.err = MDL_ENOMEM;
    double cases = 0.0;
    for (size_t i = 0; i < SUITES; i++)
        cases += !suite || strcmp(suite, suites[i].name) == 0 ? suites[i].cases : 0.0;
    b.seconds = seconds / (experiment ? 6 : cases);
    for (size_t i = 0; i < SUITES && b.err == MDL_OK && code == MDL_EXIT_OK; i++) {
        int wanted = experiment ? i == 0 : !suite || strcmp(suite, suites[i].name) == 0;
        b.suite = suites[i].name;
        if (wanted && suites[i].run)
            suites[i].run(&b);
        else if (wanted)
            mdl_bench_kernel(&b, experiment, &neurons);
    }
    char *text = json && b.err == MDL_OK && code == MDL_EXIT_OK ? cJSON_PrintUnformatted(root) : NULL;
    if (text)
        puts(text);
    if (code == MDL_EXIT_OK && experiment && b.err != MDL_OK && b.err != MDL_ENOMEM)
        code = mdl_cli_code(b.err); /* said already */
    else if (code == MDL_EXIT_OK && (b.err != MDL_OK || (json && !text)))
        code = mdl_cli_fail(MDL_EXIT_FAILURE, "bench: out of memory");
    free(text);
    cJSON_Delete(old);
    cJSON_Delete(root);
    return code;
}
