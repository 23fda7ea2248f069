#include "store/blobs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/file.h"
#include "store/store.h"

enum { PATH_BYTES = MDL_STORE_PATH_MAX + 128 };

static mdl_err fail(const char *doing, const char *path, char *error, size_t error_size) {
    int code = errno;
    snprintf(error, error_size, "cannot %s %s: %s", doing, path, strerror(code));
    return code == ENOENT ? MDL_ENOENT : code == ENOMEM ? MDL_ENOMEM : MDL_EIO;
}

static void blob_path(const char *dir, const uint8_t digest[MDL_DIGEST_BYTES], char path[PATH_BYTES]) {
    char hex[MDL_DIGEST_HEX];
    mdl_hex(digest, MDL_DIGEST_BYTES, hex);
    snprintf(path, PATH_BYTES, "%s/blobs/%.2s/%s", dir, hex, hex);
}

mdl_err mdl_sync_directory(const char *path, char *error, size_t error_size) {
    errno = mdl_sync_folder(path);
    return errno == 0 ? MDL_OK : fail("sync", path, error, error_size);
}

mdl_err mdl_blobs_make(const char *dir, char *error, size_t error_size) {
    char path[PATH_BYTES], blobs[PATH_BYTES];
    int made = 0;
    snprintf(blobs, sizeof blobs, "%s/blobs", dir);
    mdl_err e = mdl_make_directories(blobs, error, error_size);
    for (unsigned i = 0; i < 256 && e == MDL_OK; i++) {
        snprintf(path, sizeof path, "%s/blobs/%02x", dir, i);
        if (mkdir(path, 0777) == 0) {
            made = 1;
        } else if (errno != EEXIST) {
            e = fail("make directory", path, error, error_size);
        }
    }
    return e == MDL_OK && made ? mdl_sync_directory(blobs, error, error_size) : e;
}

mdl_err mdl_blobs_get(const char *dir, const uint8_t digest[MDL_DIGEST_BYTES], size_t limit, uint8_t **bytes,
                      size_t *size, char *error, size_t error_size) {
    char path[PATH_BYTES];
    uint8_t found[MDL_DIGEST_BYTES];
    blob_path(dir, digest, path);
    limit = limit < MDL_STORE_BLOB_MAX ? limit : MDL_STORE_BLOB_MAX;
    mdl_err e = mdl_file_read(path, limit, bytes, size, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    mdl_digest_of(*bytes, *size, found);
    if (memcmp(found, digest, sizeof found) != 0) {
        free(*bytes);
        *bytes = NULL;
        snprintf(error, error_size, "%s is damaged: its bytes do not have the digest that is its name", path);
        return MDL_EDIGEST;
    }
    return MDL_OK;
}

mdl_err mdl_blobs_put(const char *dir, const uint8_t *bytes, size_t size, uint8_t digest[MDL_DIGEST_BYTES], char *error,
                      size_t error_size) {
    char path[PATH_BYTES];
    if (size > MDL_STORE_BLOB_MAX) {
        snprintf(error, error_size, "cannot keep a blob of %zu bytes: the limit is %d", size, MDL_STORE_BLOB_MAX);
        return MDL_ESIZE;
    }
    mdl_digest_of(bytes, size, digest);
    uint8_t *there;
    size_t there_size;
    if (mdl_blobs_get(dir, digest, size, &there, &there_size, error, error_size) == MDL_OK) {
        free(there);
        /* Its rename may be from before a crash that came before the sync. */
        blob_path(dir, digest, path);
        *strrchr(path, '/') = '\0';
        return mdl_sync_directory(path, error, error_size);
    }
    blob_path(dir, digest, path);
    return mdl_file_write(path, bytes, size, error, error_size);
}

mdl_err mdl_blobs_has(const char *dir, const uint8_t digest[MDL_DIGEST_BYTES], char *error, size_t error_size) {
    char path[PATH_BYTES];
    struct stat status;
    blob_path(dir, digest, path);
    return stat(path, &status) == 0 ? MDL_OK : fail("find", path, error, error_size);
}

static mdl_err copy_folder(const char *from, const char *to, const char *folder, DIR *open_folder, char *error,
                           size_t error_size) {
    const struct dirent *entry;
    mdl_err e = MDL_OK;
    while (e == MDL_OK && (entry = readdir(open_folder)) != NULL) {
        uint8_t digest[MDL_DIGEST_BYTES], copied[MDL_DIGEST_BYTES], *bytes;
        size_t size;
        if (strncmp(entry->d_name, folder, 2) != 0 || mdl_unhex(entry->d_name, digest, sizeof digest) != MDL_OK) {
            continue; /* a temporary file, or none of ours */
        }
        e = mdl_blobs_get(from, digest, MDL_STORE_BLOB_MAX, &bytes, &size, error, error_size);
        if (e == MDL_OK) {
            e = mdl_blobs_put(to, bytes, size, copied, error, error_size);
            free(bytes);
        }
    }
    return e;
}

mdl_err mdl_blobs_copy(const char *from, const char *to, char *error, size_t error_size) {
    mdl_err e = mdl_blobs_make(to, error, error_size);
    for (unsigned i = 0; i < 256 && e == MDL_OK; i++) {
        char path[PATH_BYTES], folder[3];
        snprintf(folder, sizeof folder, "%02x", i);
        snprintf(path, sizeof path, "%s/blobs/%s", from, folder);
        DIR *open_folder = opendir(path);
        if (!open_folder) {
            return fail("read", path, error, error_size);
        }
        e = copy_folder(from, to, folder, open_folder, error, error_size);
        closedir(open_folder);
    }
    return e;
}
