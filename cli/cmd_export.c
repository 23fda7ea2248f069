/* modulon export */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "protocol/grow.h"
#include "protocol/neuraxon_convert.h"
#include "protocol/neuraxon_v1_file.h"
#include "runtime/file.h"
#include "runtime/memory.h"

static const mdl_usage usage = {
    .name = "export",
    .arguments = "DIR|CHAMPION.safetensors|EXPERIMENT.json",
    .text = "Write a champion as safetensors (genomes, and the network they decode to) and,\n"
            "beside it, as JSON with the meaning of its parameters. With --check, load a file,\n"
            "build it anew and compare every byte.\n"
            "With --neuraxon-v1, write the network as a file that the public Neuraxon v1 loads. With\n"
            "--from-neuraxon-v1, take such a file into our model: the argument is an experiment,\n"
            "which gives the task and the search; the champion holds the network in all islands.\n"
            "Chapter 11.6 of the specification says what is lost either way.",
    .examples = "  modulon export runs/t1 --out t1.safetensors      # and t1.json\n"
                "  modulon export runs/t1 --island 2 --out t1-2.safetensors\n"
                "  modulon export --check t1.safetensors\n"
                "  modulon export runs/n1 --neuraxon-v1 net.json\n"
                "  modulon export examples/tmaze.json --from-neuraxon-v1 net.json --out v1.safetensors",
    .least = 1,
    .most = 1,
};

static int check(const mdl_champion *c, const char *path) {
    char error[MDL_ERROR_TEXT] = "out of memory", digest[MDL_DIGEST_HEX];
    uint8_t *bytes = NULL;
    size_t size = 0;
    mdl_buffer again = {0};
    mdl_err err = mdl_champion_bytes(c, &again);
    if (err == MDL_OK)
        err = mdl_file_read(path, again.size + 1, &bytes, &size, error, sizeof error);
    int code = MDL_EXIT_OK;
    mdl_hex(c->digest, sizeof c->digest, digest);
    if (err != MDL_OK && err != MDL_ESIZE)
        code = mdl_cli_end(err, error);
    else if (err == MDL_ESIZE || size != again.size || memcmp(bytes, again.bytes, size) != 0)
        code = mdl_cli_fail(MDL_EXIT_FALSE, "%s differs from the file built anew from its genomes", path);
    else
        printf("%s: %zu bytes equal, digest %s\n", path, size, digest);
    free(bytes);
    free(again.bytes);
    return code;
}

static void tell(const mdl_convert_note *n) {
    const struct {
        uint32_t count;
        const char *what;
    } rows[] = {{n->clamped, "weights, thresholds or constants brought into range"},
                {n->dropped, "synapses without a counterpart left out"},
                {n->delays, "synapses slower than a step made to take one"},
                {n->constants, "membranes given the mean time constant"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].count > 0)
            fprintf(stderr, "modulon: export: %" PRIu32 " %s\n", rows[i].count, rows[i].what);
}

/* The champion's network as a file of v1. */
static int to_v1(const mdl_champion *c, const char *path) {
    char error[MDL_ERROR_TEXT];
    mdl_neuraxon_v1 n;
    mdl_convert_note note = {0};
    mdl_buffer text = {0};
    mdl_life *life = mdl_life_new(&c->file.experiment, NULL);
    if (!life)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "export: out of memory");
    mdl_life_genome(life, mdl_champion_genome(c, c->island));
    mdl_err err = mdl_neuraxon_to_v1(life, &n, &note);
    free(life);
    if (err == MDL_ETYPE)
        return mdl_cli_fail(MDL_EXIT_USAGE, "export: only a Neuraxon with trinary states fits a file of Neuraxon v1");
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "export: as a file of Neuraxon v1: %s", mdl_strerror((int)err));
    mdl_sink sink = mdl_buffer_sink(&text);
    mdl_neuraxon_v1_write(&n, c->file.experiment.name, &sink);
    mdl_neuraxon_v1_close(&n);
    err = text.failed ? MDL_ENOMEM : mdl_file_write(path, text.bytes, text.size, error, sizeof error);
    free(text.bytes);
    if (err != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "%s", text.failed ? "export: out of memory" : error);
    tell(&note);
    puts(path);
    return MDL_EXIT_OK;
}

static mdl_err read_v1(mdl_neuraxon_v1 *n, const char *path, char *error, size_t error_size) {
    uint8_t *bytes;
    size_t size;
    mdl_json_error wrong;
    mdl_err err = mdl_file_read(path, MDL_NEURAXON_V1_BYTES_MAX, &bytes, &size, error, error_size);
    if (err != MDL_OK)
        return err;
    err = mdl_neuraxon_v1_parse(bytes, size, n, &wrong);
    free(bytes);
    if (err != MDL_OK)
        mdl_json_error_format(&wrong, path, error, error_size);
    return err;
}

/* A file of v1 as the champion of an experiment like that of `path`. */
static mdl_err champion_of_v1(mdl_champion *c, const char *path, const mdl_neuraxon_v1 *n, mdl_convert_note *note,
                              char *error, size_t error_size) {
    mdl_experiment_file file;
    mdl_err err = mdl_experiment_file_read(&file, path, error, error_size);
    if (err != MDL_OK)
        return err;
    mdl_experiment x = file.experiment;
    mdl_experiment_file_close(&file);
    err = mdl_neuraxon_from_v1(n, &x);
    if (err != MDL_OK) {
        snprintf(error, error_size,
                 "export: the file has %" PRIu32 " inputs and %" PRIu32 " neurons in all; allowed: at most the task's "
                 "%" PRIu32 " channels and 4000 others",
                 n->params.num_input_neurons, n->neuron_count, x.network.sensors);
        return err;
    }
    err = mdl_experiment_file_of(&file, &x, error, error_size);
    if (err != MDL_OK)
        return err;
    mdl_genome_layout layout;
    int bad = mdl_genome_layout_of(&file.experiment, &layout);
    MDL_ASSERT(bad == MDL_OK); /* checked with the experiment */
    float *genome = malloc(layout.genes * sizeof *genome);
    err = MDL_ENOMEM;
    if (genome) {
        mdl_neuraxon_genome_from_v1(n, &file.experiment, &layout, genome, note);
        err = mdl_champion_of_genome(c, &file, genome);
    }
    free(genome);
    mdl_experiment_file_close(&file);
    if (err != MDL_OK)
        snprintf(error, error_size, "export: %s", mdl_strerror((int)err));
    return err;
}

static int from_v1(const char *experiment, const char *network, const char *out) {
    char error[MDL_ERROR_TEXT];
    mdl_neuraxon_v1 n;
    mdl_champion c;
    mdl_convert_note note = {0};
    mdl_err err = read_v1(&n, network, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    err = champion_of_v1(&c, experiment, &n, &note, error, sizeof error);
    mdl_neuraxon_v1_close(&n);
    if (err != MDL_OK)
        return mdl_cli_end(err, error);
    err = mdl_cli_write_champion(&c, out, error, sizeof error);
    mdl_champion_close(&c);
    if (err != MDL_OK)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "%s", error);
    tell(&note);
    puts(out);
    return MDL_EXIT_OK;
}

int mdl_cmd_export(int argc, char **argv) {
    uint32_t island = 0;
    int has_island = 0, checks = 0;
    const char *out = "champion.safetensors", *v1 = NULL, *source = NULL;
    const mdl_option options[] = {
        {"island", MDL_OPT_U32, &island, &has_island, 0, MDL_ISLANDS_MAX - 1, "K", "another island's champion"},
        {"out", MDL_OPT_TEXT, &out, NULL, 0, 0, "FILE", "the file (champion.safetensors here)"},
        {"neuraxon-v1", MDL_OPT_TEXT, &v1, NULL, 0, 0, "FILE", "the network as a file of Neuraxon v1, nothing else"},
        {"from-neuraxon-v1", MDL_OPT_TEXT, &source, NULL, 0, 0, "FILE", "a champion from a file of Neuraxon v1"},
        {"check", MDL_OPT_FLAG, &checks, NULL, 0, 0, NULL, "compare a file with what it is rebuilt to"},
        {0},
    };
    int first;
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (source && (v1 || checks || has_island))
        return mdl_cli_fail(MDL_EXIT_USAGE, "export: --from-neuraxon-v1 takes --out, nothing else");
    if (source)
        return from_v1(argv[first], source, out);
    char error[MDL_ERROR_TEXT];
    mdl_champion c;
    code = mdl_cli_champion(&c, argv[first]);
    if (code >= 0)
        return code;
    if (has_island && island >= c.islands)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "export: --island is %" PRIu32 "; allowed: 0 to %" PRIu32, island,
                            c.islands - 1);
    else if (checks)
        code = check(&c, argv[first]);
    if (code < 0) {
        if (has_island)
            mdl_champion_choose(&c, island);
        if (v1)
            code = to_v1(&c, v1);
    }
    if (code < 0) {
        mdl_err err = mdl_cli_write_champion(&c, out, error, sizeof error);
        code = err == MDL_OK ? MDL_EXIT_OK : mdl_cli_fail(MDL_EXIT_FAILURE, "%s", error);
        if (code == MDL_EXIT_OK)
            printf("%s\n", out);
    }
    mdl_champion_close(&c);
    return code;
}
