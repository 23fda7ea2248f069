#include "runtime/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/assert.h"
#include "protocol/digest.h"
#include "runtime/file.h"

#define TAG "modulon-key-v1 "
#define SEALED_TAG "modulon-sealed-key-v1 "

enum {
    SEED = 32,
    SALT = crypto_pwhash_argon2id_SALTBYTES,
    NONCE = crypto_secretbox_NONCEBYTES,
    BOX = SEED + crypto_secretbox_MACBYTES,
    PASSES = 2,
    MEMORY = 64 << 20,
    LINE_MAX_BYTES = 512
};

_Static_assert(SALT == 16 && NONCE == 24 && BOX == 48, "the header states these sizes");
_Static_assert(MDL_KEYFILE_SECRET == crypto_sign_SECRETKEYBYTES && SEED == crypto_sign_SEEDBYTES, "libsodium's layout");

__attribute__((format(printf, 4, 5))) static mdl_err fail(mdl_err e, char *error, size_t error_size, const char *format,
                                                          ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, error_size, format, arguments);
    va_end(arguments);
    return e;
}

static mdl_err fail_errno(const char *doing, const char *path, int code, char *error, size_t error_size) {
    char reason[128];
    if (strerror_r(code, reason, sizeof reason) != 0) {
        snprintf(reason, sizeof reason, "error %d", code);
    }
    return fail(code == ENOENT ? MDL_ENOENT : MDL_EIO, error, error_size, "cannot %s the key file %s: %s", doing, path,
                reason);
}

void mdl_keyfile_generate(uint8_t secret[MDL_KEYFILE_SECRET]) {
    uint8_t public_key[MDL_KEYFILE_PUBLIC];
    MDL_ASSERT(sodium_init() >= 0);
    crypto_sign_keypair(public_key, secret);
}

/* ---- lines ---- */

/* Take 2 * size digits and the byte `end` after them off *at. 1, or 0. */
static int take_hex(const char **at, uint8_t *out, size_t size, char end) {
    char digits[2 * MDL_KEYFILE_SECRET + 1];
    MDL_ASSERT(size <= MDL_KEYFILE_SECRET);
    if (strnlen(*at, 2 * size + 1) < 2 * size + 1 || (*at)[2 * size] != end) {
        return 0;
    }
    memcpy(digits, *at, 2 * size);
    digits[2 * size] = 0;
    *at += 2 * size + 1;
    mdl_err e = mdl_unhex(digits, out, size);
    sodium_memzero(digits, sizeof digits);
    return e == MDL_OK;
}

static void put_hex(char *line, const uint8_t *bytes, size_t size, char end) {
    size_t at = strlen(line);
    MDL_ASSERT(at + 2 * size + 2 <= LINE_MAX_BYTES);
    mdl_hex(bytes, size, line + at);
    line[at + 2 * size] = end;
    line[at + 2 * size + 1] = 0;
}

/* The secret key of a seed, if its public key is the one given. */
static int from_seed(const uint8_t seed[SEED], const uint8_t expected[MDL_KEYFILE_PUBLIC],
                     uint8_t secret[MDL_KEYFILE_SECRET]) {
    uint8_t public_key[MDL_KEYFILE_PUBLIC];
    crypto_sign_seed_keypair(public_key, secret, seed);
    return sodium_memcmp(public_key, expected, sizeof public_key) == 0;
}

/* ---- files ---- */

/* A name beside `path` that nobody else uses, to free(). */
static char *name_beside(const char *path) {
    char random[17];
    uint8_t bytes[8];
    randombytes_buf(bytes, sizeof bytes);
    mdl_hex(bytes, sizeof bytes, random);
    size_t size = strlen(path) + sizeof random + 1;
    char *name = malloc(size);
    if (name) {
        snprintf(name, size, "%s.%s", path, random);
    }
    return name;
}

/* A new file with this line, whole or not at all: written beside, then linked, which
 * fails when `path` is there. 0 or the errno. */
static int create(const char *path, const char *line) {
    char *folder = mdl_parent_of(path), *beside = name_beside(path);
    int code = folder && beside ? 0 : ENOMEM;
    int fd = code ? -1 : open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (!code && fd < 0) {
        code = errno;
    } else if (!code) {
        code = mdl_write_and_sync(fd, line, strlen(line));
        if (close(fd) != 0 && !code) {
            code = errno;
        }
        if (!code && link(beside, path) != 0) {
            code = errno;
        }
        unlink(beside);
    }
    if (!code) {
        code = mdl_sync_folder(folder);
    }
    free(folder);
    free(beside);
    return code;
}

/* The one line of a file, terminated, in `line`. */
static mdl_err read_line(const char *path, int private, char line[LINE_MAX_BYTES], char *error, size_t error_size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail_errno("open", path, errno, error, error_size);
    }
    struct stat status;
    mdl_err e = MDL_OK;
    if (fstat(fd, &status) != 0) {
        e = fail_errno("read", path, errno, error, error_size);
    } else if (!S_ISREG(status.st_mode)) {
        e = fail(MDL_ETYPE, error, error_size, "the key file %s is not a regular file", path);
    } else if (private && (status.st_mode & (S_IRWXG | S_IRWXO))) {
        e = fail(MDL_EMISMATCH, error, error_size,
                 "others may use the key file %s (mode %03o): make it yours alone with chmod 600", path,
                 (unsigned)(status.st_mode & 0777));
    }
    size_t used = 0;
    while (e == MDL_OK) {
        ssize_t got = read(fd, line + used, LINE_MAX_BYTES - used);
        if (got < 0 && errno != EINTR) {
            e = fail_errno("read", path, errno, error, error_size);
        } else if (got == 0) {
            break;
        } else if (got > 0 && (used += (size_t)got) == LINE_MAX_BYTES) {
            e = fail(MDL_ESIZE, error, error_size, "%s is longer than a key file", path);
        }
    }
    close(fd);
    if (e == MDL_OK) {
        line[used] = 0;
        if (strlen(line) != used) {
            e = fail(MDL_ESYNTAX, error, error_size, "%s is no key file", path);
        }
    }
    return e;
}

/* ---- keys ---- */

mdl_err mdl_keyfile_read(const char *path, uint8_t secret[MDL_KEYFILE_SECRET], char *error, size_t error_size) {
    MDL_ASSERT(sodium_init() >= 0);
    char line[LINE_MAX_BYTES];
    uint8_t seed[SEED], public_key[MDL_KEYFILE_PUBLIC];
    mdl_err e = read_line(path, 1, line, error, error_size);
    if (e == MDL_OK) {
        const char *at = line + strlen(TAG);
        if (strncmp(line, TAG, strlen(TAG)) != 0 || !take_hex(&at, seed, SEED, ' ') ||
            !take_hex(&at, public_key, MDL_KEYFILE_PUBLIC, '\n') || *at) {
            e = fail(MDL_ESYNTAX, error, error_size, "%s is no key file: it is not one line of %s<seed> <public key>",
                     path, TAG);
        } else if (!from_seed(seed, public_key, secret)) {
            e = fail(MDL_EMISMATCH, error, error_size, "%s is damaged: its public key does not belong to its seed",
                     path);
        }
    }
    if (e != MDL_OK) {
        sodium_memzero(secret, MDL_KEYFILE_SECRET);
    }
    sodium_memzero(line, sizeof line);
    sodium_memzero(seed, sizeof seed);
    return e;
}

mdl_err mdl_keyfile_write(const char *path, const uint8_t secret[MDL_KEYFILE_SECRET], char *error, size_t error_size) {
    char line[LINE_MAX_BYTES] = TAG;
    put_hex(line, secret, SEED, ' ');
    put_hex(line, secret + SEED, MDL_KEYFILE_PUBLIC, '\n');
    int code = create(path, line);
    sodium_memzero(line, sizeof line);
    return code == 0        ? MDL_OK
           : code == ENOMEM ? fail(MDL_ENOMEM, error, error_size, "out of memory")
                            : fail_errno("create", path, code, error, error_size);
}

mdl_err mdl_keyfile_open(const char *path, uint8_t secret[MDL_KEYFILE_SECRET], int *made, char *error,
                         size_t error_size) {
    if (made) {
        *made = 0;
    }
    mdl_err e = mdl_keyfile_read(path, secret, error, error_size);
    if (e != MDL_ENOENT) {
        return e;
    }
    char *folder = mdl_parent_of(path);
    e = folder ? mdl_make_directories(folder, error, error_size) : fail(MDL_ENOMEM, error, error_size, "out of memory");
    free(folder);
    if (e != MDL_OK) {
        return e;
    }
    mdl_keyfile_generate(secret);
    e = mdl_keyfile_write(path, secret, error, error_size);
    sodium_memzero(secret, MDL_KEYFILE_SECRET);
    if (made) {
        *made = e == MDL_OK;
    }
    /* What stands in the file counts: another process may have been first. */
    char other[256];
    mdl_err read = mdl_keyfile_read(path, secret, other, sizeof other);
    if (e == MDL_OK && read != MDL_OK) {
        snprintf(error, error_size, "%s", other);
    }
    return read == MDL_OK ? MDL_OK : e != MDL_OK ? e : read;
}

/* ---- sealed copies ---- */

static mdl_err stretch(const char *passphrase, size_t size, const uint8_t salt[SALT],
                       uint8_t key[crypto_secretbox_KEYBYTES], char *error, size_t error_size) {
    if (size < MDL_PASSPHRASE_MIN || size > MDL_PASSPHRASE_MAX) {
        return fail(MDL_ERANGE, error, error_size, "a passphrase has %d to %d bytes", MDL_PASSPHRASE_MIN,
                    MDL_PASSPHRASE_MAX);
    }
    if (crypto_pwhash_argon2id(key, crypto_secretbox_KEYBYTES, passphrase, size, salt, PASSES, MEMORY,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
        return fail(MDL_ENOMEM, error, error_size, "out of memory: the passphrase needs 64 MiB");
    }
    return MDL_OK;
}

mdl_err mdl_keyfile_seal(const char *path, const uint8_t secret[MDL_KEYFILE_SECRET], const char *passphrase,
                         size_t passphrase_size, char *error, size_t error_size) {
    MDL_ASSERT(sodium_init() >= 0);
    uint8_t salt[SALT], nonce[NONCE], box[BOX], key[crypto_secretbox_KEYBYTES];
    randombytes_buf(salt, sizeof salt);
    randombytes_buf(nonce, sizeof nonce);
    mdl_err e = stretch(passphrase, passphrase_size, salt, key, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    crypto_secretbox_easy(box, secret, SEED, nonce, key);
    sodium_memzero(key, sizeof key);
    char line[LINE_MAX_BYTES] = SEALED_TAG;
    put_hex(line, salt, SALT, ' ');
    put_hex(line, nonce, NONCE, ' ');
    put_hex(line, box, BOX, ' ');
    put_hex(line, secret + SEED, MDL_KEYFILE_PUBLIC, '\n');
    int code = create(path, line);
    return code == 0        ? MDL_OK
           : code == ENOMEM ? fail(MDL_ENOMEM, error, error_size, "out of memory")
                            : fail_errno("create", path, code, error, error_size);
}

mdl_err mdl_keyfile_unseal(const char *path, const char *passphrase, size_t passphrase_size,
                           uint8_t secret[MDL_KEYFILE_SECRET], char *error, size_t error_size) {
    MDL_ASSERT(sodium_init() >= 0);
    sodium_memzero(secret, MDL_KEYFILE_SECRET);
    char line[LINE_MAX_BYTES] = "";
    uint8_t salt[SALT], nonce[NONCE], box[BOX], key[crypto_secretbox_KEYBYTES], seed[SEED];
    uint8_t public_key[MDL_KEYFILE_PUBLIC];
    mdl_err e = read_line(path, 0, line, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    const char *at = line + strlen(SEALED_TAG);
    if (strncmp(line, SEALED_TAG, strlen(SEALED_TAG)) != 0 || !take_hex(&at, salt, SALT, ' ') ||
        !take_hex(&at, nonce, NONCE, ' ') || !take_hex(&at, box, BOX, ' ') ||
        !take_hex(&at, public_key, MDL_KEYFILE_PUBLIC, '\n') || *at) {
        return fail(MDL_ESYNTAX, error, error_size, "%s is no sealed key file: it is not one line of %s...", path,
                    SEALED_TAG);
    }
    e = stretch(passphrase, passphrase_size, salt, key, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    if (crypto_secretbox_open_easy(seed, box, BOX, nonce, key) != 0) {
        e = fail(MDL_ESIGNATURE, error, error_size, "%s does not open: the passphrase is wrong or the file damaged",
                 path);
    } else if (!from_seed(seed, public_key, secret)) {
        sodium_memzero(secret, MDL_KEYFILE_SECRET);
        e = fail(MDL_EMISMATCH, error, error_size, "%s is damaged: its public key does not belong to its seed", path);
    }
    sodium_memzero(key, sizeof key);
    sodium_memzero(seed, sizeof seed);
    return e;
}
