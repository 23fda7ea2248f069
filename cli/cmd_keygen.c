/* modulon keygen */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "protocol/digest.h"
#include "runtime/keyfile.h"

static const mdl_usage usage = {
    .name = "keygen",
    .arguments = "--out FILE",
    .text = "Make an Ed25519 key, or copy one into or out of a sealed backup. A key is a worker's or\n"
            "a coordinator's identity and history: keep a backup. Files are never replaced.\n"
            "The passphrase of a backup is read from the terminal, or from the first line of\n"
            "standard input.",
    .examples = "  modulon keygen --out worker.key\n"
                "  modulon keygen --out worker.key --backup worker.sealed\n"
                "  modulon keygen --out restored.key --restore worker.sealed",
    .least = 0,
    .most = 0,
};

/* One line without its newline; on a terminal, unseen. */
static int read_secret_line(const char *prompt, char *out, size_t size) {
    struct termios seen;
    int terminal = tcgetattr(STDIN_FILENO, &seen) == 0;
    if (terminal) {
        struct termios unseen = seen;
        unseen.c_lflag &= ~(tcflag_t)ECHO;
        fprintf(stderr, "%s: ", prompt);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
    }
    int got = fgets(out, (int)size, stdin) != NULL;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &seen);
        fputc('\n', stderr);
    }
    if (got)
        out[strcspn(out, "\r\n")] = '\0';
    return got;
}

static int read_passphrase(int twice, char out[MDL_PASSPHRASE_MAX + 2]) {
    char again[MDL_PASSPHRASE_MAX + 2];
    if (!read_secret_line("passphrase", out, MDL_PASSPHRASE_MAX + 2))
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: a passphrase is missing on standard input");
    if (!twice || !isatty(STDIN_FILENO))
        return MDL_EXIT_OK;
    int same = read_secret_line("the same again", again, sizeof again) && strcmp(out, again) == 0;
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

int mdl_cmd_keygen(int argc, char **argv) {
    const char *out = NULL, *sealed_out = NULL, *sealed_in = NULL;
    const mdl_option options[] = {
        {"out", MDL_OPT_TEXT, &out, NULL, 0, 0, "FILE", "the key file"},
        {"backup", MDL_OPT_TEXT, &sealed_out, NULL, 0, 0, "FILE",
         "seal the key of --out (made if it is not there) into this new file"},
        {"restore", MDL_OPT_TEXT, &sealed_in, NULL, 0, 0, "FILE", "write the key sealed in this file to --out"},
        {0},
    };
    uint8_t secret[MDL_KEYFILE_SECRET];
    int first, code = mdl_cli_options(&usage, options, argc, argv, &first);
    if (code >= 0)
        return code;
    if (!out)
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: --out is missing");
    if (sealed_out && sealed_in)
        return mdl_cli_fail(MDL_EXIT_USAGE, "keygen: --backup and --restore exclude each other");
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
