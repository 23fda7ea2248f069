/* modulon worker */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/selftest.h"
#include "cli/session_file.h"
#include "cli/worker_statement.h"
#include "protocol/digest.h"
#include "runtime/file.h"
#include "runtime/loop.h"
#include "runtime/pool.h"
#include "worker/hearsay.h"
#include "worker/shell.h"

#define MEMORY_MAX (UINT64_C(1) << 24) /* MiB */

static const mdl_usage usage = {
    .name = "worker",
    .arguments = "--coordinator ADDR#KEY [--coordinator ...]",
    .text = "Lease jobs from a coordinator, compute them and hand in signed results, until the\n"
            "experiment ends or a signal comes. Results that could not be delivered are kept and\n"
            "delivered at the next start. The first coordinator is preferred, the others are for\n"
            "when it does not answer. `modulon worker statement` shows what was earned.\n"
            "--gossip compares the ledger's checkpoints with those that others were shown; a coordinator\n"
            "with two histories is left, and the proof kept as DIR/receipts/*/fork-*.fraud.\n"
            "Exit status 0: finished or asked to stop, 1: the coordinator's signed words contradict\n"
            "themselves or our own results, 3: refused or failed.",
    .examples = "  modulon worker --coordinator tcp://host:7400#KEY\n"
                "  modulon worker --coordinator tls+tcp://host:7400#KEY --tls-ca ca.pem --threads 4 --throttle 50\n"
                "  modulon worker statement",
    .least = 0,
    .most = 0,
};

/* MiB: half of what the machine, or the limit it is held to, has. */
static uint64_t memory_for_shards(void) {
    uint64_t total = uv_get_total_memory(), limit = uv_get_constrained_memory();
    return (limit > 0 && limit < total ? limit : total) >> 21;
}

/* Every value of an option that may be given several times. */
static uint32_t collect(int argc, char **argv, const char *name, const char **out, uint32_t room) {
    size_t length = strlen(name);
    uint32_t count = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        if (strcmp(argv[i], name) == 0 && i + 1 < argc)
            value = argv[++i];
        else if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
            value = argv[i] + length + 1;
        if (value && count < room)
            out[count] = value;
        count += value != NULL;
    }
    return count;
}

/* $VARIABLE/modulon/NAME, or ~/FALLBACK/modulon/NAME. */
int mdl_user_path(const char *variable, const char *fallback, const char *name, char *out, size_t size) {
    const char *base = getenv(variable), *home = getenv("HOME");
    int n = -1;
    if (base && base[0] == '/')
        n = snprintf(out, size, "%s/modulon/%s", base, name);
    else if (home && home[0])
        n = snprintf(out, size, "%s/%s/modulon/%s", home, fallback, name);
    return n > 0 && (size_t)n < size;
}

typedef struct ending {
    mdl_stop_code code;
    char text[500];
} ending;

static void on_stopped(void *ctx, mdl_stop_code code, const char *text) {
    ending *e = ctx;
    e->code = code;
    snprintf(e->text, sizeof e->text, "%s", text);
}

static int run(const mdl_worker_options *options) {
    uv_loop_t loop;
    ending end = {MDL_STOP_FAILED, "the loop ended by itself"};
    char error[MDL_ERROR_TEXT] = "";
    mdl_worker_options o = *options;
    mdl_worker_shell *shell;
    o.stopped = on_stopped;
    o.ctx = &end;
    if (uv_loop_init(&loop) != 0)
        return mdl_cli_fail(MDL_EXIT_FAILURE, "worker: no event loop");
    mdl_err err = mdl_worker_shell_open(&shell, &loop, &o, error, sizeof error);
    sodium_memzero(o.secret, sizeof o.secret);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (err != MDL_OK) {
        mdl_loop_finish(&loop);
        return mdl_cli_fail(mdl_cli_code(err), "worker: %s", error);
    }
    if (mdl_worker_shell_free(shell))
        mdl_loop_finish(&loop);
    if (end.code == MDL_STOP_ASKED || end.code == MDL_STOP_FINISHED) {
        fprintf(stderr, "modulon: worker: %s\n", end.text);
        return MDL_EXIT_OK;
    }
    return mdl_cli_fail(end.code == MDL_STOP_LIED ? MDL_EXIT_FALSE : MDL_EXIT_FAILURE, "worker: %s", end.text);
}

static int open_key(const char *path, mdl_worker_options *o) {
    char error[MDL_ERROR_TEXT] = "", hex[2 * MDL_KEY_BYTES + 1];
    int made = 0;
    mdl_err err = mdl_cli_key(path, 1, o->secret, &made, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "worker: %s", error);
    memcpy(o->key, o->secret + MDL_SECRET_BYTES - MDL_KEY_BYTES, MDL_KEY_BYTES);
    mdl_hex(o->key, MDL_KEY_BYTES, hex);
    if (made)
        fprintf(stderr, "modulon: worker: made a key in %s; back it up with modulon keygen --backup\n", path);
    fprintf(stderr, "modulon: worker %s, key in %s\n", hex, path);
    return MDL_EXIT_OK;
}

static int open_session(const char *path, mdl_worker_options *o, char statement[MDL_KEY_SESSION_TEXT + 1]) {
    char error[MDL_ERROR_TEXT] = "", hex[2 * MDL_KEY_BYTES + 1];
    mdl_session_file f;
    mdl_err err = mdl_session_file_read(path, &f, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "worker: %s", error);
    memcpy(o->key, f.worker, sizeof o->key);
    memcpy(o->secret, f.secret, sizeof o->secret);
    memcpy(statement, f.statement, MDL_KEY_SESSION_TEXT + 1);
    o->statement = statement;
    mdl_hex(o->key, MDL_KEY_BYTES, hex);
    fprintf(stderr, "modulon: worker %s, session key %" PRIu64 " up to generation %" PRIu32 " in %s\n", hex,
            f.terms.number, f.terms.until, path);
    sodium_memzero(&f, sizeof f);
    return MDL_EXIT_OK;
}

static int open_invite(const char *path, char **text) {
    char error[MDL_ERROR_TEXT] = "";
    size_t size;
    uint8_t *bytes;
    mdl_err err = mdl_file_read(path, MDL_INVITE_BYTES_MAX + 1, &bytes, &size, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "worker: %s", error);
    *text = (char *)bytes;
    (*text)[strcspn(*text, "\r\n")] = '\0';
    return MDL_EXIT_OK;
}

int mdl_cmd_worker(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "statement") == 0)
        return mdl_worker_statement(argc - 1, argv + 1);
    const char *coordinator[MDL_WORKER_PLACES_MAX], *gossip[MDL_HEARSAY_SOURCES_MAX],
        *one = NULL, *key = NULL, *session = NULL, *data = NULL, *invite = NULL;
    char statement[MDL_KEY_SESSION_TEXT + 1], key_path[MDL_ERROR_TEXT], data_path[MDL_ERROR_TEXT], *invite_text = NULL;
    uint32_t nice = 0;
    uint64_t memory = memory_for_shards();
    mdl_worker_options o = {
        .program = "modulon " MDL_VERSION, .threads = mdl_cpu_count(), .throttle = 100, .status_s = 60};
    const mdl_option options[] = {
        {"coordinator", MDL_OPT_TEXT, &one, NULL, 0, 0, "ADDR#KEY",
         "may be given several times, in order of preference"},
        {"threads", MDL_OPT_U32, &o.threads, NULL, 1, MDL_THREADS_MAX, "N", "compute threads; as many as CPUs"},
        {"nice", MDL_OPT_U32, &nice, NULL, 0, 19, "N", "niceness of the compute threads"},
        {"memory", MDL_OPT_U64, &memory, NULL, 0, MEMORY_MAX, "MIB",
         "for shards of networks, in MiB; half of the machine's; 0: none"},
        {"throttle", MDL_OPT_U32, &o.throttle, NULL, 1, 100, "PERCENT", "of the time that a thread works; 100"},
        {"key", MDL_OPT_TEXT, &key, NULL, 0, 0, "FILE", "made if it is not there; ~/.config/modulon/worker.key"},
        {"session-key", MDL_OPT_TEXT, &session, NULL, 0, 0, "FILE",
         "sign with this session key (modulon keygen --session); no --key is needed"},
        {"data", MDL_OPT_TEXT, &data, NULL, 0, 0, "DIR", "outbox and receipts; ~/.local/share/modulon/worker"},
        {"invite", MDL_OPT_TEXT, &invite, NULL, 0, 0, "FILE", "an invitation"},
        {"tls-ca", MDL_OPT_TEXT, &o.tls_ca, NULL, 0, 0, "FILE", "certificate to trust, for tls+tcp://"},
        {"gossip", MDL_OPT_TEXT, &one, NULL, 0, 0, "WHERE",
         "checkpoints of other workers: a file, a directory, http://...; several times"},
        {"gossip-every", MDL_OPT_U32, &o.gossip_s, NULL, 1, 86400, "SECONDS", "between comparisons of checkpoints; 30"},
        {"once", MDL_OPT_FLAG, &o.once, NULL, 0, 0, NULL, "compute and deliver one lease, then stop"},
        {"max-leases", MDL_OPT_U32, &o.leases, NULL, 1, MDL_WORKER_LEASES_MAX, "N", "held at once; 2"},
        {"status", MDL_OPT_U32, &o.status_s, NULL, 1, 86400, "SECONDS", "between status lines; 60"},
        {"json", MDL_OPT_FLAG, &o.json, NULL, 0, 0, NULL, "one JSON object a line on stdout"},
        {0},
    };
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    o.coordinator = coordinator;
    o.coordinators = collect(argc, argv, "--coordinator", coordinator, MDL_WORKER_PLACES_MAX);
    o.nice = (int)nice;
    o.memory = memory << 20;
    o.gossip = gossip;
    o.gossips = collect(argc, argv, "--gossip", gossip, MDL_HEARSAY_SOURCES_MAX);
    if (o.gossips > MDL_HEARSAY_SOURCES_MAX)
        return mdl_cli_fail(MDL_EXIT_USAGE, "worker: at most %d times --gossip", (int)MDL_HEARSAY_SOURCES_MAX);
    if (o.coordinators == 0)
        return mdl_cli_fail(MDL_EXIT_USAGE, "worker: --coordinator is missing; see modulon worker --help");
    if (o.coordinators > MDL_WORKER_PLACES_MAX)
        return mdl_cli_fail(MDL_EXIT_USAGE, "worker: at most %d coordinators", (int)MDL_WORKER_PLACES_MAX);
    if (key && session)
        return mdl_cli_fail(MDL_EXIT_USAGE, "worker: --key and --session-key exclude each other");
    if (!key && !session && mdl_user_path("XDG_CONFIG_HOME", ".config", "worker.key", key_path, sizeof key_path))
        key = key_path;
    if (!data && mdl_user_path("XDG_DATA_HOME", ".local/share", "worker", data_path, sizeof data_path))
        data = data_path;
    if ((!key && !session) || !data)
        return mdl_cli_fail(MDL_EXIT_USAGE, "worker: there is no home directory: give --key and --data");
    o.data = data;
    if (!mdl_selftest_passes())
        return mdl_cli_fail(MDL_EXIT_FALSE, "worker: the self-test failed: results of this machine would be worthless; "
                                            "see modulon selftest");
    if (invite && (code = open_invite(invite, &invite_text)) != MDL_EXIT_OK)
        return code;
    o.invite = invite_text;
    code = session ? open_session(session, &o, statement) : open_key(key, &o);
    if (code == MDL_EXIT_OK)
        code = run(&o);
    sodium_memzero(o.secret, sizeof o.secret);
    free(invite_text);
    return code;
}
