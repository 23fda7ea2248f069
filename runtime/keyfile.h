/* Files that hold an Ed25519 key.
 *
 * A key file is one line of text:
 *   modulon-key-v1 <64 hex: seed> <64 hex: public key>\n
 * mode 0600; one that group or others may read is refused.
 *
 * A sealed key file, for backups, is one line too:
 *   modulon-sealed-key-v1 <32 hex: salt> <48 hex: nonce> <96 hex: box> <64 hex: public key>\n
 * box = crypto_secretbox (XSalsa20-Poly1305) of the seed, its key 32 bytes of
 * Argon2id (version 1.3) of the passphrase with 2 passes over 64 MiB.
 *
 * Digits are in lower case; a file in any other form is refused, as is one whose
 * public key is not the seed's. Calls block: not for a loop that serves. Failures
 * leave a sentence with the path; key bytes are wiped from what memory they passed. */
#ifndef MDL_RUNTIME_KEYFILE_H
#define MDL_RUNTIME_KEYFILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum {
    MDL_KEYFILE_SECRET = 64, /* libsodium's secret key: seed, then public key */
    MDL_KEYFILE_PUBLIC = 32, /* its second half                               */
    MDL_PASSPHRASE_MIN = 8,  /* bytes                                         */
    MDL_PASSPHRASE_MAX = 1024,
};

/* Read the key at `path`; if there is none, make one first (folders above it too)
 * and set *made (may be NULL). Two that start at once get the same key. MDL_OK,
 * MDL_EIO, MDL_ESYNTAX, MDL_ESIZE, MDL_ETYPE, MDL_EMISMATCH (readable by others, or
 * the public key is not the seed's), MDL_ENOMEM; `secret` then all zero. */
mdl_err mdl_keyfile_open(const char *path, uint8_t secret[MDL_KEYFILE_SECRET], int *made, char *error,
                         size_t error_size);
/* The same for a file that must be there: also MDL_ENOENT. */
mdl_err mdl_keyfile_read(const char *path, uint8_t secret[MDL_KEYFILE_SECRET], char *error, size_t error_size);
/* Write `secret` to a new file, which survives a power cut once this returns. MDL_OK,
 * MDL_EIO (a file that is there is never replaced), MDL_ENOENT, MDL_ENOMEM. */
mdl_err mdl_keyfile_write(const char *path, const uint8_t secret[MDL_KEYFILE_SECRET], char *error, size_t error_size);
/* A new key, from the system's randomness. */
void mdl_keyfile_generate(uint8_t secret[MDL_KEYFILE_SECRET]);

/* Write a sealed copy to a new file: as mdl_keyfile_write(), and MDL_ERANGE for a
 * passphrase outside MDL_PASSPHRASE_MIN..MAX bytes. */
mdl_err mdl_keyfile_seal(const char *path, const uint8_t secret[MDL_KEYFILE_SECRET], const char *passphrase,
                         size_t passphrase_size, char *error, size_t error_size);
/* Read one: as mdl_keyfile_read() whatever its mode, and MDL_ESIGNATURE when
 * the passphrase is wrong or the file damaged. */
mdl_err mdl_keyfile_unseal(const char *path, const char *passphrase, size_t passphrase_size,
                           uint8_t secret[MDL_KEYFILE_SECRET], char *error, size_t error_size);

#endif
