/* Key files of a coordinator's directory: one line, "modulon-key-v1 <64 hexadecimal
 * digits of the seed> <64 of the public key>", mode 0600. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/coordinator.h"
#include "runtime/file.h"

static const char magic[] = "modulon-key-v1 ";

enum { LINE = sizeof magic - 1 + 64 + 1 + 64 + 1 };

static mdl_err make_key(const char *path, char *error, size_t error_size) {
    uint8_t key[MDL_KEY_BYTES], secret[MDL_SECRET_BYTES];
    char seed_hex[65], key_hex[65], line[LINE + 1];
    crypto_sign_keypair(key, secret);
    mdl_hex(secret, MDL_SEED_BYTES, seed_hex);
    mdl_hex(key, MDL_KEY_BYTES, key_hex);
    snprintf(line, sizeof line, "%s%s %s\n", magic, seed_hex, key_hex);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int bad = fd < 0 || write(fd, line, LINE) != LINE || fsync(fd) != 0;
    int number = errno;
    if (fd >= 0) {
        bad |= close(fd) != 0;
    }
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(seed_hex, sizeof seed_hex);
    sodium_memzero(line, sizeof line);
    if (bad) {
        snprintf(error, error_size, "%s cannot be made: %s", path, strerror(number));
        return MDL_EIO;
    }
    return MDL_OK;
}

static mdl_err parse_key(const char *path, char *line, size_t size, uint8_t key[MDL_KEY_BYTES],
                         uint8_t secret[MDL_SECRET_BYTES], char *error, size_t error_size) {
    uint8_t seed[MDL_SEED_BYTES], named[MDL_KEY_BYTES];
    char *seed_hex = line + sizeof magic - 1, *key_hex = seed_hex + 65;
    int good = size == LINE && memcmp(line, magic, sizeof magic - 1) == 0 && seed_hex[64] == ' ' && key_hex[64] == '\n';
    if (good) {
        seed_hex[64] = key_hex[64] = 0;
        good = mdl_unhex(seed_hex, seed, sizeof seed) == MDL_OK && mdl_unhex(key_hex, named, sizeof named) == MDL_OK;
    }
    if (good) {
        crypto_sign_seed_keypair(key, secret, seed);
        good = memcmp(key, named, sizeof named) == 0;
    }
    sodium_memzero(seed, sizeof seed);
    if (!good) {
        snprintf(error, error_size, "%s is no key file, or damaged", path);
        return MDL_ESYNTAX;
    }
    return MDL_OK;
}

static mdl_err load_key(const char *directory, const char *name, uint8_t key[MDL_KEY_BYTES],
                        uint8_t secret[MDL_SECRET_BYTES], char *error, size_t error_size) {
    struct stat st;
    uint8_t *line = NULL;
    size_t size = 0;
    char *path = mdl_path_join(directory, name);
    mdl_err err = path ? MDL_OK : MDL_ENOMEM;
    if (err == MDL_OK && stat(path, &st) != 0) {
        err = errno == ENOENT ? make_key(path, error, error_size) : MDL_EIO;
    } else if (err == MDL_OK && (st.st_mode & 077) != 0) {
        snprintf(error, error_size, "%s can be read by others than its owner: chmod 600 it, or replace the key", path);
        err = MDL_EIO;
    }
    if (err == MDL_OK) {
        err = mdl_file_read(path, LINE, &line, &size, error, error_size);
    }
    if (err == MDL_OK) {
        err = parse_key(path, (char *)line, size, key, secret, error, error_size);
    }
    if (line) {
        sodium_memzero(line, size);
    }
    free(line);
    free(path);
    return err;
}

mdl_err mdl_cli_coordinator_keys(const char *directory, mdl_coordinator_config *config,
                                 uint8_t log_secret[MDL_SECRET_BYTES], char *error, size_t error_size) {
    uint8_t log_key[MDL_KEY_BYTES];
    error[0] = 0;
    mdl_err err = load_key(directory, "coordinator.key", config->key, config->secret, error, error_size);
    if (err == MDL_OK) {
        err = load_key(directory, "log.key", log_key, log_secret, error, error_size);
    }
    if (err != MDL_OK && !error[0]) {
        snprintf(error, error_size, "%s: the keys cannot be read", directory);
    }
    return err;
}
