/* modulon export */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/files.h"
#include "runtime/file.h"

static const mdl_usage usage = {
    .name = "export",
    .arguments = "DIR|CHAMPION.safetensors",
    .text = "Write a champion as safetensors (genomes, and the network they decode to) and,\n"
            "beside it, as JSON with the meaning of its parameters. With --check, load a file,\n"
            "build it anew and compare every byte.",
    .examples = "  modulon export runs/t1 --out t1.safetensors      # and t1.json\n"
                "  modulon export runs/t1 --island 2 --out t1-2.safetensors\n"
                "  modulon export --check t1.safetensors",
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
        code = mdl_cli_fail(mdl_cli_code(err), "%s", error);
    else if (err == MDL_ESIZE || size != again.size || memcmp(bytes, again.bytes, size) != 0)
        code = mdl_cli_fail(MDL_EXIT_FALSE, "%s differs from the file built anew from its genomes", path);
    else
        printf("%s: %zu bytes equal, digest %s\n", path, size, digest);
    free(bytes);
    free(again.bytes);
    return code;
}

int mdl_cmd_export(int argc, char **argv) {
    uint32_t island = 0;
    int has_island = 0, checks = 0;
    const char *out = "champion.safetensors";
    const mdl_option options[] = {
        {"island", MDL_OPT_U32, &island, &has_island, 0, MDL_ISLANDS_MAX - 1, "K", "another island's champion"},
        {"out", MDL_OPT_TEXT, &out, NULL, 0, 0, "FILE", "the file (champion.safetensors here)"},
        {"check", MDL_OPT_FLAG, &checks, NULL, 0, 0, NULL, "compare a file with what it is rebuilt to"},
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
    if (has_island && island >= c.islands)
        code = mdl_cli_fail(MDL_EXIT_USAGE, "export: --island is %" PRIu32 "; allowed: 0 to %" PRIu32, island,
                            c.islands - 1);
    else if (checks)
        code = check(&c, argv[first]);
    if (code < 0) {
        if (has_island)
            mdl_champion_choose(&c, island);
        err = mdl_cli_write_champion(&c, out, error, sizeof error);
        code = err == MDL_OK ? MDL_EXIT_OK : mdl_cli_fail(MDL_EXIT_FAILURE, "%s", error);
        if (code == MDL_EXIT_OK)
            printf("%s\n", out);
    }
    mdl_champion_close(&c);
    return code;
}
