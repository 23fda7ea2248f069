#include "store/batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

mdl_err mdl_note_tree(const char *note, size_t note_size, uint64_t *size, mdl_hash *root) {
    enum { ROOT_TEXT = 44 }; /* base64 of 32 bytes */
    const char *end = note + note_size, *at = memchr(note, '\n', note_size);
    if (!at || at == note) {
        return MDL_ESYNTAX;
    }
    const char *digits = ++at;
    uint64_t n = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        n = n * 10 + (uint64_t)(*at - '0');
        if (n > MDL_STORE_COUNT_MAX) {
            return MDL_ESYNTAX;
        }
    }
    if (at == digits || (*digits == '0' && at - digits > 1) || end - at < ROOT_TEXT + 2 || at[0] != '\n' ||
        at[ROOT_TEXT + 1] != '\n') {
        return MDL_ESYNTAX;
    }
    size_t got = 0;
    if (sodium_base642bin(root->bytes, sizeof root->bytes, at + 1, ROOT_TEXT, NULL, &got, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        got != sizeof root->bytes) {
        return MDL_ESYNTAX;
    }
    *size = n;
    return MDL_OK;
}

mdl_err mdl_batch_check(const mdl_store_record *records, size_t n, const char *note, size_t note_size, uint64_t count,
                        mdl_hash *root, char *error, size_t error_size) {
    uint64_t size = 0;
    if (n > MDL_STORE_BATCH_MAX || count > MDL_STORE_COUNT_MAX - n) {
        snprintf(error, error_size, "cannot append %zu records at once", n);
        return MDL_ESIZE;
    }
    for (size_t i = 0; i < n; i++) {
        if (records[i].size > MDL_STORE_RECORD_MAX) {
            snprintf(error, error_size, "cannot append a record of %zu bytes: the limit is %d", records[i].size,
                     MDL_STORE_RECORD_MAX);
            return MDL_ESIZE;
        }
    }
    if (note_size > MDL_STORE_NOTE_MAX) {
        snprintf(error, error_size, "cannot append a checkpoint of %zu bytes: the limit is %d", note_size,
                 MDL_STORE_NOTE_MAX);
        return MDL_ESIZE;
    }
    if (mdl_note_tree(note, note_size, &size, root) != MDL_OK) {
        snprintf(error, error_size, "cannot append: the checkpoint is not of the form origin, size, root");
        return MDL_ESYNTAX;
    }
    if (size != count + n) {
        snprintf(error, error_size,
                 "cannot append: the checkpoint says %" PRIu64 " records, but there would be %" PRIu64, size,
                 count + n);
        return MDL_EMISMATCH;
    }
    return MDL_OK;
}

mdl_err mdl_value_check(const char *name, size_t size, char *error, size_t error_size) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    if (n == 0 || n > MDL_STORE_NAME_MAX || name[n] != '\0') {
        snprintf(error, error_size, "a value's name must be 1 to %d characters of a-z 0-9 . _ -", MDL_STORE_NAME_MAX);
        return MDL_ESYNTAX;
    }
    if (size > MDL_STORE_VALUE_MAX) {
        snprintf(error, error_size, "cannot keep a value of %zu bytes: the limit is %d", size, MDL_STORE_VALUE_MAX);
        return MDL_ESIZE;
    }
    return MDL_OK;
}

static mdl_err lookup_hash(void *ctx, uint32_t level, uint64_t index, mdl_hash *out) {
    mdl_store *s = ctx;
    return s->node(s, level, index, out, NULL, 0);
}

mdl_merkle_lookup mdl_store_lookup(mdl_store *s) { return (mdl_merkle_lookup){lookup_hash, s}; }
