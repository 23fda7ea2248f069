/* Key files: made once, private, read back exactly; sealed copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/keyfile.h"

/* RFC 8032, section 7.1, test 1. */
#define SEED_HEX "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
#define PUBLIC_HEX "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
#define LINE "modulon-key-v1 " SEED_HEX " " PUBLIC_HEX "\n"

static char directory[256], error[512];

static const char *in_directory(char path[512], const char *name) {
    snprintf(path, 512, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *path, const char *text, mode_t mode) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void read_file(const char *path, char text[1024]) {
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, 1023, f)] = 0;
    fclose(f);
}

static void assert_zero(const uint8_t secret[MDL_KEYFILE_SECRET]) {
    assert_int_equal(sodium_is_zero(secret, MDL_KEYFILE_SECRET), 1);
}

static void test_made_once(void **state) {
    (void)state;
    char path[512], text[1024];
    uint8_t first[MDL_KEYFILE_SECRET], again[MDL_KEYFILE_SECRET];
    int made;
    in_directory(path, "made/deep/worker.key");
    umask(0);
    mdl_err e = mdl_keyfile_open(path, first, &made, error, sizeof error);
    umask(022);
    if (e != MDL_OK) {
        fail_msg("%s", error);
    }
    assert_int_equal(made, 1);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(mdl_keyfile_open(path, again, &made, error, sizeof error), MDL_OK);
    assert_int_equal(made, 0);
    assert_memory_equal(first, again, sizeof first);
    read_file(path, text);
    assert_int_equal(strlen(text), strlen(LINE));
    assert_memory_equal(text, LINE, 15);
    uint8_t signature[crypto_sign_BYTES];
    crypto_sign_detached(signature, NULL, (const uint8_t *)"m", 1, first);
    assert_int_equal(crypto_sign_verify_detached(signature, (const uint8_t *)"m", 1, first + 32), 0);
}

static void test_known(void **state) {
    (void)state;
    char path[512], copy[512], text[1024];
    uint8_t secret[MDL_KEYFILE_SECRET];
    write_file(in_directory(path, "known.key"), LINE, 0600);
    assert_int_equal(mdl_keyfile_read(path, secret, error, sizeof error), MDL_OK);
    assert_int_equal(secret[0], 0x9d);
    assert_int_equal(secret[32], 0xd7);
    assert_int_equal(mdl_keyfile_write(in_directory(copy, "copy.key"), secret, error, sizeof error), MDL_OK);
    read_file(copy, text);
    assert_string_equal(text, LINE);
    /* Nothing is ever overwritten, and nothing lies about. */
    assert_int_equal(mdl_keyfile_write(copy, secret, error, sizeof error), MDL_EIO);
    assert_non_null(strstr(error, "exists"));
    assert_int_equal(mdl_keyfile_seal(copy, secret, "passphrase", 10, error, sizeof error), MDL_EIO);
    read_file(copy, text);
    assert_string_equal(text, LINE);
    DIR *d = opendir(directory);
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
        assert_null(strstr(entry->d_name, ".key."));
    }
    closedir(d);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        mdl_err e;
        const char *sentence;
    } cases[] = {
        {LINE, 0640, MDL_EMISMATCH, "chmod 600"},
        {LINE, 0604, MDL_EMISMATCH, "mode 604"},
        {LINE, 0610, MDL_EMISMATCH, "chmod 600"},
        {"", 0600, MDL_ESYNTAX, "no key file"},
        {"modulon-key-v2 " SEED_HEX " " PUBLIC_HEX "\n", 0600, MDL_ESYNTAX, "no key file"},
        {"modulon-key-v1 " SEED_HEX " " PUBLIC_HEX, 0600, MDL_ESYNTAX, "no key file"},
        {"modulon-key-v1 " SEED_HEX " " PUBLIC_HEX "\n\n", 0600, MDL_ESYNTAX, "no key file"},
        {"modulon-key-v1 " SEED_HEX "  " PUBLIC_HEX "\n", 0600, MDL_ESYNTAX, "no key file"},
        {"modulon-key-v1 " SEED_HEX "\n", 0600, MDL_ESYNTAX, "no key file"},
        {"modulon-key-v1 9D61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60 " PUBLIC_HEX "\n", 0600,
         MDL_ESYNTAX, "no key file"},
        {"modulon-key-v1 " PUBLIC_HEX " " PUBLIC_HEX "\n", 0600, MDL_EMISMATCH, "damaged"},
        {LINE LINE LINE LINE, 0600, MDL_ESIZE, "longer"},
    };
    char path[512];
    in_directory(path, "bad.key");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t secret[MDL_KEYFILE_SECRET];
        memset(secret, 1, sizeof secret);
        write_file(path, cases[i].text, cases[i].mode);
        mdl_err e = i % 2 ? mdl_keyfile_open(path, secret, NULL, error, sizeof error)
                          : mdl_keyfile_read(path, secret, error, sizeof error);
        if (e != cases[i].e || !strstr(error, cases[i].sentence) || !strstr(error, "bad.key")) {
            fail_msg("case %zu: %d, %s", i, (int)e, error);
        }
        assert_null(strstr(error, "9d61"));
        assert_zero(secret);
        /* A refused file is left alone. */
        char text[1024];
        read_file(path, text);
        assert_string_equal(text, cases[i].text);
        unlink(path);
    }
    uint8_t secret[MDL_KEYFILE_SECRET];
    assert_int_equal(mdl_keyfile_read(path, secret, error, sizeof error), MDL_ENOENT);
    assert_int_equal(mdl_keyfile_read(directory, secret, error, sizeof error), MDL_ETYPE);
    assert_int_equal(mdl_keyfile_write(in_directory(path, "none/a.key"), secret, error, sizeof error), MDL_ENOENT);
}

/* Several programs that start at once agree on the key. */
static void test_race(void **state) {
    (void)state;
    enum { PROCESSES = 8 };
    char path[512];
    in_directory(path, "race.key");
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            uint8_t secret[MDL_KEYFILE_SECRET];
            int ok = mdl_keyfile_open(path, secret, NULL, error, sizeof error) == MDL_OK &&
                     write(pipes[1], secret, sizeof secret) == sizeof secret;
            _exit(ok ? 0 : 1);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    uint8_t first[MDL_KEYFILE_SECRET], other[MDL_KEYFILE_SECRET];
    assert_int_equal(read(pipes[0], first, sizeof first), sizeof first);
    for (int i = 1; i < PROCESSES; i++) {
        assert_int_equal(read(pipes[0], other, sizeof other), sizeof other);
        assert_memory_equal(first, other, sizeof first);
    }
    close(pipes[0]);
    close(pipes[1]);
}

static void test_sealed(void **state) {
    (void)state;
    char path[512], text[1024], damaged[512];
    uint8_t secret[MDL_KEYFILE_SECRET], back[MDL_KEYFILE_SECRET];
    mdl_keyfile_generate(secret);
    in_directory(path, "sealed");
    assert_int_equal(mdl_keyfile_seal(path, secret, "short", 5, error, sizeof error), MDL_ERANGE);
    assert_non_null(strstr(error, "8 to 1024"));
    assert_int_equal(access(path, F_OK), -1);
    static const char phrase[] = "correct horse battery";
    assert_int_equal(mdl_keyfile_seal(path, secret, phrase, strlen(phrase), error, sizeof error), MDL_OK);
    read_file(path, text);
    char hex[65];
    sodium_bin2hex(hex, sizeof hex, secret, 32);
    assert_null(strstr(text, hex)); /* the seed is not in it, the public key is */
    sodium_bin2hex(hex, sizeof hex, secret + 32, 32);
    assert_non_null(strstr(text, hex));
    assert_int_equal(strlen(text), 22 + 33 + 49 + 97 + 65);
    assert_int_equal(mdl_keyfile_unseal(path, phrase, strlen(phrase), back, error, sizeof error), MDL_OK);
    assert_memory_equal(secret, back, sizeof back);
    assert_int_equal(mdl_keyfile_unseal(path, phrase, strlen(phrase) - 1, back, error, sizeof error), MDL_ESIGNATURE);
    assert_zero(back);
    assert_int_equal(mdl_keyfile_read(path, back, error, sizeof error), MDL_ESYNTAX);
    /* A changed digit in salt, nonce, box and public key; form. */
    in_directory(damaged, "damaged");
    static const size_t at[] = {22, 22 + 33, 22 + 33 + 49 + 95, 22 + 33 + 49 + 97};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        char other[1024];
        memcpy(other, text, sizeof other);
        other[at[i]] = other[at[i]] == '0' ? '1' : '0';
        write_file(damaged, other, 0644);
        assert_int_equal(mdl_keyfile_unseal(damaged, phrase, strlen(phrase), back, error, sizeof error),
                         i == 3 ? MDL_EMISMATCH : MDL_ESIGNATURE);
        assert_zero(back);
        other[at[i] + 1] = 'g';
        write_file(damaged, other, 0644);
        assert_int_equal(mdl_keyfile_unseal(damaged, phrase, strlen(phrase), back, error, sizeof error), MDL_ESYNTAX);
    }
}

/* A file sealed by another program after the header: its form stays readable. */
static void test_sealed_by_hand(void **state) {
    (void)state;
    char path[512], line[512], hex[4][129];
    uint8_t salt[16], nonce[24], box[48], key[32], seed[32], secret[MDL_KEYFILE_SECRET];
    memset(salt, 1, sizeof salt);
    memset(nonce, 2, sizeof nonce);
    assert_int_equal(sodium_hex2bin(seed, 32, SEED_HEX, 64, NULL, NULL, NULL), 0);
    assert_int_equal(crypto_pwhash(key, 32, "passphrase", 10, salt, 2, 67108864, crypto_pwhash_ALG_ARGON2ID13), 0);
    crypto_secretbox_easy(box, seed, 32, nonce, key);
    sodium_bin2hex(hex[0], sizeof hex[0], salt, sizeof salt);
    sodium_bin2hex(hex[1], sizeof hex[1], nonce, sizeof nonce);
    sodium_bin2hex(hex[2], sizeof hex[2], box, sizeof box);
    snprintf(line, sizeof line, "modulon-sealed-key-v1 %s %s %s %s\n", hex[0], hex[1], hex[2], PUBLIC_HEX);
    write_file(in_directory(path, "by-hand"), line, 0644);
    assert_int_equal(mdl_keyfile_unseal(path, "passphrase", 10, secret, error, sizeof error), MDL_OK);
    assert_memory_equal(secret, seed, 32);
}

static int make_directory(void **state) {
    (void)state;
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/modulon-test-XXXXXX", root && root[0] ? root : ".");
    return sodium_init() >= 0 && mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    static const char *const names[] = {"made/deep/worker.key",
                                        "made/deep",
                                        "made",
                                        "known.key",
                                        "copy.key",
                                        "race.key",
                                        "sealed",
                                        "damaged",
                                        "by-hand",
                                        "bad.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[512];
        remove(in_directory(path, names[i]));
    }
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_made_once), cmocka_unit_test(test_known),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_race),      cmocka_unit_test(test_sealed), cmocka_unit_test(test_sealed_by_hand),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
