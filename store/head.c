#include "store/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/digest.h"
#include "runtime/file.h"

enum { SLOT_STRIDE = 4096, BODY = 48, SLOT = BODY + MDL_DIGEST_BYTES, FILE_BYTES = SLOT_STRIDE + SLOT };

static const uint8_t magic[8] = {'M', 'D', 'L', 'H', 'E', 'A', 'D', '1'};

static void slot_write(uint8_t out[SLOT], uint64_t size, const mdl_hash *root) {
    memcpy(out, magic, sizeof magic);
    for (int i = 0; i < 8; i++) {
        out[8 + i] = (uint8_t)(size >> (8 * i));
    }
    memcpy(out + 16, root->bytes, MDL_HASH_BYTES);
    mdl_digest_of(out, BODY, out + BODY);
}

/* Whether the slot is whole. */
static int slot_read(const uint8_t in[SLOT], uint64_t *size, mdl_hash *root) {
    uint8_t digest[MDL_DIGEST_BYTES];
    mdl_digest_of(in, BODY, digest);
    if (memcmp(in, magic, sizeof magic) != 0 || memcmp(digest, in + BODY, sizeof digest) != 0) {
        return 0;
    }
    *size = 0;
    for (int i = 0; i < 8; i++) {
        *size |= (uint64_t)in[8 + i] << (8 * i);
    }
    memcpy(root->bytes, in + 16, MDL_HASH_BYTES);
    return 1;
}

mdl_err mdl_head_read(mdl_head *h, const char *path, char *error, size_t error_size) {
    uint8_t *bytes;
    size_t size;
    *h = (mdl_head){.fd = -1};
    mdl_err e = mdl_file_read(path, FILE_BYTES, &bytes, &size, error, error_size);
    if (e != MDL_OK) {
        return e;
    }
    int found = 0;
    for (int slot = 0; slot < 2; slot++) {
        uint64_t n;
        mdl_hash root;
        if (size >= (size_t)slot * SLOT_STRIDE + SLOT && slot_read(bytes + slot * SLOT_STRIDE, &n, &root) &&
            (!found || n > h->size)) {
            h->size = n;
            h->root = root;
            h->slot = slot;
            found = 1;
        }
    }
    free(bytes);
    if (!found) {
        snprintf(error, error_size, "%s is damaged: neither of its two entries is whole", path);
        return MDL_EDIGEST;
    }
    return MDL_OK;
}

mdl_err mdl_head_make(const char *path, uint64_t size, const mdl_hash *root, char *error, size_t error_size) {
    uint8_t bytes[FILE_BYTES] = {0};
    slot_write(bytes, size, root);
    slot_write(bytes + SLOT_STRIDE, size, root);
    return mdl_file_write(path, bytes, sizeof bytes, error, error_size);
}

mdl_err mdl_head_open(mdl_head *h, const char *path, char *error, size_t error_size) {
    h->fd = open(path, O_WRONLY | O_CLOEXEC);
    if (h->fd < 0) {
        snprintf(error, error_size, "cannot write %s: %s", path, strerror(errno));
        return MDL_EIO;
    }
    return MDL_OK;
}

int mdl_head_put(mdl_head *h, uint64_t size, const mdl_hash *root) {
    uint8_t bytes[SLOT];
    slot_write(bytes, size, root);
    ssize_t put = pwrite(h->fd, bytes, sizeof bytes, (off_t)(1 - h->slot) * SLOT_STRIDE);
    if (put != (ssize_t)sizeof bytes) {
        errno = put < 0 ? errno : ENOSPC;
        return -1;
    }
    h->slot = 1 - h->slot;
    h->size = size;
    h->root = *root;
    return 0;
}

void mdl_head_close(mdl_head *h) {
    if (h->fd >= 0) {
        fsync(h->fd);
        close(h->fd);
        h->fd = -1;
    }
}
