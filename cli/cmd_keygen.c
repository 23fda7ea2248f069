/* modulon keygen */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/session_file.h"
#include "protocol/digest.h"
#include "protocol/key_change.h"
#include "runtime/http_client.h"
#include "runtime/runner.h"

static const mdl_usage usage = {
    .name = "keygen",
    .arguments = "--out FILE",
    .text = "Make an Ed25519 key, or copy one into or out of a sealed backup. A key is a worker's or\n"
            "a coordinator's identity and history: keep a backup. Files are never replaced.\n"
            "The passphrase of a backup is read from the terminal, or from the first line of\n"
            "standard input. A sealed file serves as a key file, too: its passphrase is then asked\n"
            "for, or read from the file that MODULON_PASSPHRASE_FILE names.\n"
            "--rotate has an old key name the one of --out as its successor; --revoke ends a key. Each\n"
            "prints a signed statement, for the operator or, with --send, a coordinator's HTTP server.\n"
            "--session lets a key of its own sign for a worker's key until a generation is over, so that\n"
            "the worker's key can stay sealed: modulon worker --session-key FILE.",
    .examples = "  modulon keygen --out worker.key\n"
                "  modulon keygen --out worker.key --backup worker.sealed\n"
                "  modulon keygen --out restored.key --restore worker.sealed\n"
                "  modulon keygen --out new.key --rotate worker.key --experiment tmaze.json --send http://host:8080\n"
                "  modulon keygen --out week.session --session worker.sealed --experiment tmaze.json --until 500\n"
                "  modulon keygen --revoke worker.sealed --experiment tmaze.json --send http://host:8080",
    .least = 0,
    .most = 0,
};

static int read_passphrase(int twice, char out[MDL_PASSPHRASE_MAX + 2]) {
    char again[MDL_PASSPHRASE_MAX + 2];
    if (!mdl_cli_secret_line("passphrase", out, MDL_PASSPHRASE_MAX + 2))
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: a passphrase is missing on standard input");
    if (!twice || !isatty(STDIN_FILENO))
        return MDL_EXIT_OK;
    int same = mdl_cli_secret_line("the same again", again, sizeof again) && strcmp(out, again) == 0;
    sodium_memzero(again, sizeof again);
    return same ? MDL_EXIT_OK : mdl_cli_fail(MDL_EXIT_USAGE, "keygen: the two passphrases differ");
}

static int restore(const char *from, const char *to, uint8_t secret[MDL_KEYFILE_SECRET]) {
    char passphrase[MDL_PASSPHRASE_MAX + 2], error[MDL_ERROR_TEXT] = "";
    int code = read_passphrase(0, passphrase);
    if (code == MDL_EXIT_OK) {
        mdl_err err = mdl_keyfile_unseal(from, passphrase, strlen(passphrase), secret, error, sizeof error);
        if (err == MDL_OK)
            err = mdl_keyfile_write(to, secret, error, sizeof error);
        if (err != MDL_OK)
            code = mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    }
    sodium_memzero(passphrase, sizeof passphrase);
    return code;
}

static int backup(const char *from, const char *to, uint8_t secret[MDL_KEYFILE_SECRET]) {
    char passphrase[MDL_PASSPHRASE_MAX + 2], error[MDL_ERROR_TEXT] = "";
    mdl_err err = mdl_keyfile_open(from, secret, NULL, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    int code = read_passphrase(1, passphrase);
    if (code == MDL_EXIT_OK) {
        err = mdl_keyfile_seal(to, secret, passphrase, strlen(passphrase), error, sizeof error);
        if (err != MDL_OK)
            code = mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    }
    sodium_memzero(passphrase, sizeof passphrase);
    return code;
}

static int make(const char *path, uint8_t secret[MDL_KEYFILE_SECRET]) {
    char error[MDL_ERROR_TEXT] = "";
    mdl_keyfile_generate(secret);
    mdl_err err = mdl_keyfile_write(path, secret, error, sizeof error);
    return err == MDL_OK ? MDL_EXIT_OK : mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
}

/* ---- ends of keys ---- */

typedef struct ending {
    const char *rotate, *revoke, *session, *session_off, *worker, *experiment, *send;
    uint32_t until;
} ending;

/* Hexadecimal, or the SHA-256 of an experiment file. */
static mdl_err take_experiment(const char *text, uint8_t id[32], char *error, size_t error_size) {
    mdl_experiment_file file = {0};
    if (mdl_unhex(text, id, 32) == MDL_OK)
        return MDL_OK;
    mdl_err err = mdl_experiment_file_read(&file, text, error, error_size);
    if (err == MDL_OK)
        memcpy(id, file.experiment.id, 32);
    mdl_experiment_file_close(&file);
    return err;
}

static int post(const char *url, const char *line) {
    char error[MDL_ERROR_TEXT] = "";
    mdl_http_client c;
    uint8_t *bytes = NULL;
    size_t size;
    int status = 0, code = MDL_EXIT_OK;
    mdl_err err = mdl_http_client_init(&c, url, error, sizeof error);
    if (err == MDL_OK)
        err = mdl_http_post(&c, "key-change", line, strlen(line), 4096, &status, NULL, &bytes, &size, error,
                            sizeof error);
    if (err != MDL_OK)
        code = mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    else if (status != 200)
        code = mdl_cli_fail(MDL_EXIT_FALSE, "keygen: %s refuses with status %d: %.*s", url, status,
                            (int)strcspn((const char *)bytes, "\n"), (const char *)bytes);
    free(bytes);
    if (err == MDL_OK)
        mdl_http_client_close(&c);
    return code;
}

static int end_key(const ending *e, const char *out) {
    char error[MDL_ERROR_TEXT] = "", hex[2 * MDL_KEY_BYTES + 1], statement[MDL_KEY_STATEMENT_MAX + 1], line[512];
    uint8_t secret[MDL_KEYFILE_SECRET], next[MDL_KEYFILE_SECRET], experiment[32], key[MDL_KEY_BYTES];
    const uint8_t *own = secret + MDL_KEYFILE_SECRET - MDL_KEYFILE_PUBLIC;
    mdl_err err = take_experiment(e->experiment, experiment, error, sizeof error);
    if (err == MDL_OK)
        err = mdl_cli_key(e->rotate ? e->rotate : e->revoke, 0, secret, NULL, error, sizeof error);
    memcpy(key, own, sizeof key);
    if (err == MDL_OK && e->worker && mdl_unhex(e->worker, key, sizeof key) != MDL_OK) {
        snprintf(error, sizeof error, "a key is 64 hexadecimal digits");
        err = MDL_ESYNTAX;
    }
    if (err == MDL_OK && e->rotate)
        err = mdl_cli_key(out, 1, next, NULL, error, sizeof error);
    if (err != MDL_OK) {
        sodium_memzero(secret, sizeof secret);
        return mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    }
    if (e->rotate)
        mdl_key_rotate_make(experiment, key, next + MDL_KEYFILE_SECRET - MDL_KEYFILE_PUBLIC, secret, next, statement);
    else
        mdl_key_revoke_make(experiment, key, own, secret, statement);
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(next, sizeof next);
    mdl_hex(key, sizeof key, hex);
    snprintf(line, sizeof line, "%s %s %s\n", e->rotate ? "rotate" : "revoke", hex, statement);
    fputs(line, stdout);
    return e->send ? post(e->send, line) : MDL_EXIT_OK;
}

/* Milliseconds since 1970: later statements have larger numbers. Nobody compares them with a clock. */
static uint64_t next_number(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* A session key, its file and its statement; or the statement that there is none any more. */
static int make_session(const ending *e, const char *out) {
    char error[MDL_ERROR_TEXT] = "", hex[2 * MDL_KEY_BYTES + 1], line[512];
    uint8_t secret[MDL_KEYFILE_SECRET];
    mdl_session_file f = {0};
    mdl_err err = take_experiment(e->experiment, f.experiment, error, sizeof error);
    if (err == MDL_OK)
        err = mdl_cli_key(e->session ? e->session : e->session_off, 0, secret, NULL, error, sizeof error);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    memcpy(f.worker, secret + MDL_KEYFILE_SECRET - MDL_KEYFILE_PUBLIC, sizeof f.worker);
    mdl_session_key terms = {.number = next_number(), .until = e->until};
    if (e->session)
        mdl_keyfile_generate(f.secret);
    memcpy(terms.key, e->session ? f.secret + MDL_KEYFILE_SECRET - MDL_KEYFILE_PUBLIC : f.worker, sizeof terms.key);
    mdl_session_key_make(f.experiment, f.worker, &terms, secret, f.statement);
    sodium_memzero(secret, sizeof secret);
    if (e->session)
        err = mdl_session_file_write(out, &f, error, sizeof error);
    mdl_hex(f.worker, sizeof f.worker, hex);
    snprintf(line, sizeof line, "session %s %s\n", hex, f.statement);
    sodium_memzero(&f, sizeof f);
    if (err != MDL_OK)
        return mdl_cli_fail(mdl_cli_code(err), "keygen: %s", error);
    fputs(line, stdout);
    return e->send ? post(e->send, line) : MDL_EXIT_OK;
}

int mdl_cmd_keygen(int argc, char **argv) {
    const char *out = NULL, *sealed_out = NULL, *sealed_in = NULL;
    ending e = {.until = UINT32_MAX};
    const mdl_option options[] = {
        {"out", MDL_OPT_TEXT, &out, NULL, 0, 0, "FILE", "the key file"},
        {"backup", MDL_OPT_TEXT, &sealed_out, NULL, 0, 0, "FILE",
         "seal the key of --out (made if it is not there) into this new file"},
        {"restore", MDL_OPT_TEXT, &sealed_in, NULL, 0, 0, "FILE", "write the key sealed in this file to --out"},
        {"rotate", MDL_OPT_TEXT, &e.rotate, NULL, 0, 0, "OLD",
         "let the key of this file name that of --out its successor"},
        {"revoke", MDL_OPT_TEXT, &e.revoke, NULL, 0, 0, "FILE", "end the key of this file for good"},
        {"session", MDL_OPT_TEXT, &e.session, NULL, 0, 0, "FILE",
         "write a session key that signs for the key of this file to --out"},
        {"session-off", MDL_OPT_TEXT, &e.session_off, NULL, 0, 0, "FILE",
         "say that the key of this file has no session key any more"},
        {"until", MDL_OPT_U32, &e.until, NULL, 0, 1000000, "G", "with --session: the last generation it is good for"},
        {"worker", MDL_OPT_TEXT, &e.worker, NULL, 0, 0, "KEY", "with --revoke: end this worker's key, as its owner"},
        {"experiment", MDL_OPT_TEXT, &e.experiment, NULL, 0, 0, "FILE|ID", "that a statement is for"},
        {"send", MDL_OPT_TEXT, &e.send, NULL, 0, 0, "URL", "post the statement to a coordinator's HTTP server"},
        {0},
    };
    uint8_t secret[MDL_KEYFILE_SECRET];
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    int says = (e.rotate != NULL) + (e.revoke != NULL) + (e.session != NULL) + (e.session_off != NULL);
    if (says > 1)
        return mdl_cli_fail(MDL_EXIT_USAGE,
                            "keygen: --rotate, --revoke, --session and --session-off exclude each other");
    if (e.session && e.until == UINT32_MAX)
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: --until is missing");
    if (says && !e.experiment)
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: --experiment is missing");
    if (e.revoke)
        return end_key(&e, NULL);
    if (e.session_off)
        return make_session(&e, NULL);
    if (!out)
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: --out is missing");
    if (sealed_out && sealed_in)
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: --backup and --restore exclude each other");
    if (e.rotate)
        return end_key(&e, out);
    if (e.session)
        return make_session(&e, out);
    code = sealed_in    ? restore(sealed_in, out, secret)
           : sealed_out ? backup(out, sealed_out, secret)
                        : make(out, secret);
    if (code == MDL_EXIT_OK) {
        char hex[2 * MDL_KEYFILE_PUBLIC + 1];
        mdl_hex(secret + MDL_KEYFILE_SECRET - MDL_KEYFILE_PUBLIC, MDL_KEYFILE_PUBLIC, hex);
        puts(hex);
    }
    sodium_memzero(secret, sizeof secret);
    return code;
}
