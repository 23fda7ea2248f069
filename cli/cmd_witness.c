/* modulon witness */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/vkey.h"
#include "protocol/digest.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include "runtime/runner.h"
#include "runtime/witness_server.h"

static const mdl_usage usage = {
    .name = "witness",
    .arguments = "",
    .text = "Watch logs for others (C2SP tlog-witness): cosign a checkpoint over HTTP only when it\n"
            "continues every checkpoint of that log cosigned before. What was cosigned is on disk\n"
            "before the answer leaves. The first lines say the witness's verifier key and address;\n"
            "a coordinator takes them as --witness URL#VKEY. Two operators can watch each other.",
    .examples = "  modulon witness --origin-vkey vkey.txt --listen 127.0.0.1:8090 --data runs/witness\n"
                "  modulon witness --origin-vkey a.vkey --origin-vkey b.vkey --listen '*:8090' --data runs/w",
    .least = 0,
    .most = 0,
};

typedef struct witness {
    const char *data, *listen, *name, *key_file;
    int json, quiet;
    uv_loop_t loop;
    mdl_stopper stopper;
    mdl_witness_options o;
    mdl_vkey log[MDL_WITNESS_LOGS_MAX];
    mdl_witness_server *server;
} witness;

static uint64_t now_s(void *ctx) {
    (void)ctx;
    time_t now = time(NULL);
    return now > 0 ? (uint64_t)now : 0;
}

static void told(void *ctx, const char *origin, int status, uint64_t size, const char *trouble) {
    const witness *w = ctx;
    if (!w->quiet)
        fprintf(stderr, "%d  %s%s%" PRIu64 "%s%s\n", status, *origin ? origin : "unknown log", " size ", size,
                *trouble ? "  " : "", trouble);
}

static void on_stop(void *ctx, int signal, unsigned times) {
    witness *w = ctx;
    (void)signal;
    if (times == 1) {
        mdl_witness_server_close(w->server);
        mdl_stopper_close(&w->stopper);
    }
}

/* DIR/witness.key, made when it is not there, and the name it goes by. */
static mdl_err take_key(witness *w, char *error, size_t error_size) {
    char name[MDL_NOTE_NAME_MAX + 1];
    char *path = mdl_path_join(w->data, "witness.key");
    uint8_t secret[MDL_KEYFILE_SECRET];
    mdl_err err = path ? mdl_cli_key(w->key_file ? w->key_file : path, 1, secret, NULL, error, error_size) : MDL_ENOMEM;
    free(path);
    if (err != MDL_OK)
        return err;
    const uint8_t *public = secret + MDL_KEYFILE_SECRET - MDL_KEYFILE_PUBLIC;
    char hex[2 * MDL_KEYFILE_PUBLIC + 1];
    mdl_hex(public, MDL_KEYFILE_PUBLIC, hex);
    snprintf(name, sizeof name, "modulon-witness/%.16s", hex);
    err = mdl_vkey_make(mdl_text_of(w->name ? w->name : name), MDL_NOTE_TYPE_COSIGNATURE, public, &w->o.key);
    if (err != MDL_OK)
        snprintf(error, error_size, "\"%.200s\" is no name for a witness: %s", w->name ? w->name : name,
                 mdl_strerror((int)err));
    memcpy(w->o.secret, secret, sizeof secret);
    sodium_memzero(secret, sizeof secret);
    return err;
}

/* --origin-vkey may be given several times. */
static mdl_err collect_logs(witness *w, int argc, char **argv, char *error, size_t error_size) {
    static const char option[] = "--origin-vkey";
    const size_t n = sizeof option - 1;
    mdl_err err = MDL_OK;
    for (int i = 1; i < argc && err == MDL_OK; i++) {
        const char *text = NULL;
        if (strcmp(argv[i], option) == 0 && i + 1 < argc)
            text = argv[++i];
        else if (strncmp(argv[i], option, n) == 0 && argv[i][n] == '=')
            text = argv[i] + n + 1;
        if (!text)
            continue;
        if (w->o.logs == MDL_WITNESS_LOGS_MAX) {
            snprintf(error, error_size, "a witness watches at most %d logs", MDL_WITNESS_LOGS_MAX);
            return MDL_ERANGE;
        }
        err = mdl_cli_vkey(text, &w->log[w->o.logs++], error, error_size);
    }
    w->o.log = w->log;
    return err;
}

static void tell(const witness *w) {
    char vkey[MDL_VKEY_TEXT_MAX];
    mdl_vkey_print(&w->o.key, vkey);
    if (!w->json) {
        printf("vkey     %s\nhttp     %s\n", vkey, mdl_witness_server_url(w->server));
    } else {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "event", "listening");
        cJSON_AddStringToObject(o, "vkey", vkey);
        cJSON_AddStringToObject(o, "http", mdl_witness_server_url(w->server));
        mdl_cli_print_json(o);
    }
    fflush(stdout);
}

static int run(witness *w) {
    char error[MDL_ERROR_TEXT] = "";
    uv_loop_init(&w->loop);
    w->o.listen = w->listen;
    w->o.directory = w->data;
    w->o.now_s = now_s;
    w->o.told = told;
    w->o.ctx = w;
    mdl_err err = mdl_witness_server_open(&w->loop, &w->o, &w->server, error, sizeof error);
    if (err == MDL_OK && mdl_stopper_open(&w->stopper, &w->loop, on_stop, w) != MDL_OK) {
        mdl_witness_server_close(w->server);
        snprintf(error, sizeof error, "signals cannot be taken");
        err = MDL_EIO;
    }
    if (err == MDL_OK)
        tell(w);
    mdl_loop_finish(&w->loop);
    return mdl_cli_end(err, error);
}

int mdl_cmd_witness(int argc, char **argv) {
    witness *w = calloc(1, sizeof *w);
    const char *vkey = NULL;
    char error[MDL_ERROR_TEXT] = "";
    int first;
    if (!w)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "out of memory");
    const mdl_option options[] = {
        {"origin-vkey", MDL_OPT_TEXT, &vkey, NULL, 0, 0, "VKEY", "verifier key of a log, or a file; several times"},
        {"listen", MDL_OPT_TEXT, &w->listen, NULL, 0, 0, "HOST:PORT", "where to serve, plain HTTP"},
        {"data", MDL_OPT_TEXT, &w->data, NULL, 0, 0, "DIR", "what was cosigned, and the key"},
        {"key", MDL_OPT_TEXT, &w->key_file, NULL, 0, 0, "FILE", "the witness's key (DIR/witness.key, made if missing)"},
        {"name", MDL_OPT_TEXT, &w->name, NULL, 0, 0, "NAME", "the key's name (modulon-witness/ and its digits)"},
        {"json", MDL_OPT_FLAG, &w->json, NULL, 0, 0, NULL, "the first line as JSON"},
        {"quiet", MDL_OPT_FLAG, &w->quiet, NULL, 0, 0, NULL, "no line for each answer"},
        {0},
    };
    int code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code < 0 && (!vkey || !w->listen || !w->data))
        code = mdl_cli_fail(MDL_EXIT_USAGE, "witness: %s is missing; see modulon witness --help",
                            !vkey        ? "--origin-vkey"
                            : !w->listen ? "--listen"
                                         : "--data");
    if (code < 0) {
        mdl_err err = collect_logs(w, argc, argv, error, sizeof error);
        if (err == MDL_OK)
            err = mdl_make_directories(w->data, error, sizeof error);
        if (err == MDL_OK)
            err = take_key(w, error, sizeof error);
        code = err == MDL_OK ? run(w) : mdl_cli_fail(mdl_cli_code(err), "witness: %s", error);
    }
    sodium_memzero(w, sizeof *w);
    free(w);
    return code;
}
