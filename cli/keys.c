#include "cli/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/file.h"

static const char sealed[] = "modulon-sealed-key-v1 ";

int mdl_cli_secret_line(const char *prompt, char *out, size_t size) {
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

static int is_sealed(const char *path) {
    char head[sizeof sealed] = "";
    FILE *f = fopen(path, "r");
    size_t got = f ? fread(head, 1, sizeof sealed - 1, f) : 0;
    if (f)
        fclose(f);
    return got == sizeof sealed - 1 && memcmp(head, sealed, got) == 0;
}

static mdl_err take_passphrase(const char *path, char out[MDL_PASSPHRASE_MAX + 2], char *error, size_t error_size) {
    const char *from = getenv("MODULON_PASSPHRASE_FILE");
    uint8_t *bytes;
    size_t size;
    if (!from || !*from) {
        fprintf(stderr, "modulon: %s is sealed\n", path);
        if (mdl_cli_secret_line("passphrase", out, MDL_PASSPHRASE_MAX + 2))
            return MDL_OK;
        snprintf(error, error_size, "%s is sealed, and there is no passphrase on standard input", path);
        return MDL_ENOENT;
    }
    mdl_err err = mdl_file_read(from, MDL_PASSPHRASE_MAX + 2, &bytes, &size, error, error_size);
    if (err == MDL_OK) {
        snprintf(out, MDL_PASSPHRASE_MAX + 2, "%.*s", (int)strcspn((const char *)bytes, "\r\n"), (const char *)bytes);
        sodium_memzero(bytes, size);
        free(bytes);
    }
    return err;
}

mdl_err mdl_cli_key(const char *path, int make, uint8_t secret[MDL_KEYFILE_SECRET], int *made, char *error,
                    size_t error_size) {
    static char passphrase[MDL_PASSPHRASE_MAX + 2]; /* one for all key files of a process */
    if (made)
        *made = 0;
    if (!is_sealed(path))
        return make ? mdl_keyfile_open(path, secret, made, error, error_size)
                    : mdl_keyfile_read(path, secret, error, error_size);
    if (!passphrase[0]) {
        mdl_err err = take_passphrase(path, passphrase, error, error_size);
        if (err != MDL_OK)
            return err;
    }
    mdl_err err = mdl_keyfile_unseal(path, passphrase, strlen(passphrase), secret, error, error_size);
    if (err != MDL_OK)
        sodium_memzero(passphrase, sizeof passphrase);
    return err;
}
