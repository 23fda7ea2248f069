/* Blobs as files, each under its BLAKE2b-256: DIR/blobs/<2 hex>/<64 hex>. A file
 * appears whole or not at all, and is on disk when put returns: temporary file,
 * fsync, rename, fsync of the folder. A crash may leave `<64 hex>.tmp` behind,
 * which means nothing. `dir` is the store's directory. */
#ifndef MDL_STORE_BLOBS_H
#define MDL_STORE_BLOBS_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/digest.h"

/* Make DIR/blobs and its 256 folders, durably; those that are there are fine. */
mdl_err mdl_blobs_make(const char *dir, char *error, size_t error_size);
/* As mdl_store.blob_put, blob_get and blob_has. */
mdl_err mdl_blobs_put(const char *dir, const uint8_t *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES], char *error,
                      size_t error_size);
mdl_err mdl_blobs_get(const char *dir, const uint8_t digest[MDL_DIGEST_BYTES], size_t limit, uint8_t **bytes,
                      size_t *size, char *error, size_t error_size);
mdl_err mdl_blobs_has(const char *dir, const uint8_t digest[MDL_DIGEST_BYTES], char *error, size_t error_size);
/* Put every blob of `from` into `to`, made if need be. A damaged one is an error. */
mdl_err mdl_blobs_copy(const char *from, const char *to, char *error, size_t error_size);

/* fsync of a directory: what was made or renamed in it stays. */
mdl_err mdl_sync_directory(const char *path, char *error, size_t error_size);

#endif
