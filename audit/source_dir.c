/* A coordinator's directory, or any store, read through the store that wrote it. */
#include <stdio.h>
#include <stdlib.h>

#include <string.h>

#include "audit/audit.h"
#include "runtime/file.h"
#include "store/store.h"

typedef struct opened {
    mdl_store store;
    char vkey_path[MDL_STORE_PATH_MAX + 16]; /* empty: none */
    char witnessed_path[MDL_STORE_PATH_MAX + 32];
} opened;

static mdl_err get_checkpoint(void *ctx, char note[MDL_NOTE_MAX], size_t *size, char *error, size_t error_size) {
    _Static_assert((int)MDL_STORE_NOTE_MAX == (int)MDL_NOTE_MAX, "one buffer serves both");
    mdl_store *s = &((opened *)ctx)->store;
    return s->checkpoint(s, note, size, error, error_size);
}

static mdl_err get_checkpoints(void *ctx, mdl_audit_visit visit, void *visit_ctx, char *error, size_t error_size) {
    mdl_store *s = &((opened *)ctx)->store;
    return s->checkpoints(s, 0, visit, visit_ctx, error, error_size);
}

static mdl_err get_records(void *ctx, uint64_t size, uint64_t from, uint64_t to, mdl_audit_visit visit, void *visit_ctx,
                           char *error, size_t error_size) {
    mdl_store *s = &((opened *)ctx)->store;
    (void)size;
    return s->range(s, from, to, visit, visit_ctx, error, error_size);
}

static mdl_err get_hashes(void *ctx, uint32_t level, uint64_t index, uint32_t width, mdl_hash *out, char *error,
                          size_t error_size) {
    mdl_store *s = &((opened *)ctx)->store;
    mdl_err err = MDL_OK;
    for (uint32_t i = 0; i < width && err == MDL_OK; i++)
        err = s->node(s, 8 * level, 256 * index + i, &out[i], error, error_size);
    return err;
}

static mdl_err get_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], uint8_t **bytes, size_t *size, char *error,
                        size_t error_size) {
    mdl_store *s = &((opened *)ctx)->store;
    return s->blob_get(s, digest, MDL_AUDIT_BLOB_MAX, bytes, size, error, error_size);
}

static mdl_err get_vkey(void *ctx, char text[MDL_VKEY_TEXT_MAX], char *error, size_t error_size) {
    const opened *d = ctx;
    uint8_t *bytes;
    size_t size;
    if (!d->vkey_path[0]) {
        snprintf(error, error_size, "the store has no verifier key");
        return MDL_ENOENT;
    }
    mdl_err err = mdl_file_read(d->vkey_path, MDL_VKEY_TEXT_MAX, &bytes, &size, error, error_size);
    if (err == MDL_OK) {
        snprintf(text, MDL_VKEY_TEXT_MAX, "%.*s", (int)strcspn((const char *)bytes, "\n"), (const char *)bytes);
        free(bytes);
    }
    return err;
}

/* The coordinator keeps what its witnesses cosigned beside the store. */
static mdl_err get_witnessed(void *ctx, char note[MDL_NOTE_MAX], size_t *size, char *error, size_t error_size) {
    const opened *d = ctx;
    uint8_t *bytes;
    if (!d->witnessed_path[0])
        return MDL_ENOENT;
    mdl_err err = mdl_file_read(d->witnessed_path, MDL_NOTE_MAX, &bytes, size, error, error_size);
    if (err == MDL_OK) {
        memcpy(note, bytes, *size);
        free(bytes);
    }
    return err;
}

static void close_store(void *ctx) {
    opened *d = ctx;
    mdl_store_close(&d->store);
    free(d);
}

mdl_err mdl_audit_open_store(mdl_audit_source *s, mdl_store *store) {
    opened *d = calloc(1, sizeof *d);
    *s = (mdl_audit_source){0};
    if (!d)
        return MDL_ENOMEM;
    d->store = *store;
    *store = (mdl_store){0};
    *s = (mdl_audit_source){d,        get_checkpoint, get_checkpoints, get_records, get_hashes,
                            get_blob, get_witnessed,  get_vkey,        close_store};
    return MDL_OK;
}

mdl_err mdl_audit_open_directory(mdl_audit_source *s, const char *directory, char *error, size_t error_size) {
    mdl_store store;
    *s = (mdl_audit_source){0};
    /* Quick: what the store would check, the audit does, and says more about it. */
    mdl_err err = mdl_store_open(&store, directory, MDL_STORE_READ | MDL_STORE_QUICK, error, error_size);
    if (err == MDL_EDIGEST || err == MDL_EMISMATCH)
        err = mdl_store_open(&store, directory, MDL_STORE_READ, error, error_size); /* this one names the record */
    if (err != MDL_OK)
        return err;
    err = mdl_audit_open_store(s, &store);
    if (err != MDL_OK) {
        mdl_store_close(&store);
        snprintf(error, error_size, "out of memory");
        return err;
    }
    opened *d = s->ctx;
    snprintf(d->vkey_path, sizeof d->vkey_path, "%s/log.vkey", directory);
    snprintf(d->witnessed_path, sizeof d->witnessed_path, "%s/witnessed.checkpoint", directory);
    return MDL_OK;
}
