#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "cli/session_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/digest.h"
#include "runtime/file.h"

enum { LINE_MAX_BYTES = 23 + 3 * 65 + MDL_KEY_SESSION_TEXT + 2 };

/* The line of a file, and its length. */
static int print(const mdl_session_file *f, char line[LINE_MAX_BYTES]) {
    char experiment[65], worker[65], seed[65];
    mdl_hex(f->experiment, 32, experiment);
    mdl_hex(f->worker, 32, worker);
    mdl_hex(f->secret, 32, seed);
    int length =
        snprintf(line, LINE_MAX_BYTES, "modulon-session-key-v1 %s %s %s %s\n", experiment, worker, seed, f->statement);
    sodium_memzero(seed, sizeof seed);
    return length;
}

mdl_err mdl_session_file_write(const char *path, const mdl_session_file *f, char *error, size_t error_size) {
    char line[LINE_MAX_BYTES];
    int length = print(f, line);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int good = fd >= 0 && write(fd, line, (size_t)length) == length && fsync(fd) == 0;
    if (!good)
        snprintf(error, error_size, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    sodium_memzero(line, sizeof line);
    return good ? MDL_OK : MDL_EIO;
}

static mdl_err parse(const char *text, mdl_session_file *f) {
    char experiment[65], worker[65], seed[65], end, line[LINE_MAX_BYTES];
    uint8_t public[MDL_KEY_BYTES], bytes[MDL_SEED_BYTES];
    int n = sscanf(text, "modulon-session-key-v1 %64[0-9a-f] %64[0-9a-f] %64[0-9a-f] %144[A-Za-z0-9+/=]%c", experiment,
                   worker, seed, f->statement, &end);
    mdl_err err = n == 5 && end == '\n' && mdl_unhex(experiment, f->experiment, 32) == MDL_OK &&
                          mdl_unhex(worker, f->worker, 32) == MDL_OK && mdl_unhex(seed, bytes, 32) == MDL_OK
                      ? MDL_OK
                      : MDL_ESYNTAX;
    if (err == MDL_OK) {
        crypto_sign_seed_keypair(public, f->secret, bytes);
        err = mdl_session_key_check(f->experiment, f->worker, f->statement, &f->terms);
    }
    if (err == MDL_OK && memcmp(f->terms.key, public, sizeof public) != 0)
        err = MDL_EMISMATCH;
    /* sscanf() takes any blanks. */
    if (err == MDL_OK && (print(f, line) < 0 || strcmp(line, text) != 0))
        err = MDL_ESYNTAX;
    sodium_memzero(line, sizeof line);
    sodium_memzero(bytes, sizeof bytes);
    sodium_memzero(seed, sizeof seed);
    return err;
}

mdl_err mdl_session_file_read(const char *path, mdl_session_file *f, char *error, size_t error_size) {
    uint8_t *bytes = NULL;
    size_t size;
    struct stat s;
    memset(f, 0, sizeof *f);
    mdl_err err = mdl_file_read(path, LINE_MAX_BYTES, &bytes, &size, error, error_size);
    if (err != MDL_OK)
        return err;
    if (stat(path, &s) == 0 && (s.st_mode & 077) != 0) {
        snprintf(error, error_size, "others may read %s: chmod 600 it", path);
        err = MDL_EMISMATCH;
    } else if ((err = strlen((const char *)bytes) == size ? parse((const char *)bytes, f) : MDL_ESYNTAX) != MDL_OK) {
        snprintf(error, error_size, "%s is no session key: %s", path, mdl_strerror((int)err));
    }
    sodium_memzero(bytes, size);
    free(bytes);
    if (err != MDL_OK)
        sodium_memzero(f, sizeof *f);
    return err;
}
