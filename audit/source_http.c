/* A ledger over HTTP: checkpoint, tiles, entry bundles, blobs (C2SP tlog-tiles
 * and coordinator/http.h). */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "protocol/tile.h"
#include "runtime/http_client.h"

enum {
    BUNDLE_BYTES_MAX = MDL_TILE_WIDTH * (2 + MDL_RECORD_MAX),
    STATUS_BYTES_MAX = 1 << 20,
    KEPT_BYTES_MAX = 256 << 20 /* of bundles, for the second reading */
};

typedef struct bundle {
    uint8_t *bytes; /* NULL: not kept */
    size_t size;
    uint32_t width; /* of the bytes; at least as wide as was asked for */
} bundle;

typedef struct remote {
    mdl_http_client client;
    bundle *bundle; /* [bundles] */
    uint64_t bundles;
    size_t kept;
} remote;

/* A tile, or when it is partial and gone, the full one that has replaced it. */
static mdl_err get_tile(remote *r, mdl_tile tile, size_t limit, bundle *out, char *error, size_t error_size) {
    char path[MDL_TILE_PATH_MAX];
    for (;;) {
        mdl_err err = mdl_tile_path(&tile, path);
        if (err != MDL_OK) {
            snprintf(error, error_size, "no log has such a tile");
            return err;
        }
        err = mdl_http_get(&r->client, path, limit, &out->bytes, &out->size, error, error_size);
        out->width = tile.width;
        if (err != MDL_ENOENT || tile.width == MDL_TILE_WIDTH)
            return err;
        tile.width = MDL_TILE_WIDTH;
    }
}

static mdl_err get_checkpoint(void *ctx, char note[MDL_NOTE_MAX], size_t *size, char *error, size_t error_size) {
    remote *r = ctx;
    uint8_t *bytes;
    mdl_err err = mdl_http_get(&r->client, "checkpoint", MDL_NOTE_MAX, &bytes, size, error, error_size);
    if (err == MDL_OK) {
        memcpy(note, bytes, *size);
        free(bytes);
    }
    return err;
}

static mdl_err visit_bundle(const bundle *b, uint64_t first, uint64_t from, uint64_t to, mdl_audit_visit visit,
                            void *visit_ctx, char *error, size_t error_size) {
    mdl_record record[MDL_TILE_WIDTH];
    mdl_err err = mdl_bundle_parse(b->bytes, b->size, b->width, record);
    if (err != MDL_OK) {
        snprintf(error, error_size, "the bundle of records from %" PRIu64 " on is damaged: %s", first,
                 mdl_strerror((int)err));
        return MDL_EDIGEST;
    }
    for (uint32_t i = 0; i < b->width && first + i < to && err == MDL_OK; i++)
        if (first + i >= from)
            err = visit(visit_ctx, first + i, record[i].bytes, record[i].size);
    return err;
}

/* More places for bundles, zeroed: by what comes, not by what the checkpoint promises. */
static mdl_err make_room(remote *r) {
    uint64_t count = r->bundles ? 2 * r->bundles : 64;
    bundle *more = count <= SIZE_MAX / sizeof *more ? realloc(r->bundle, (size_t)count * sizeof *more) : NULL;
    if (!more)
        return MDL_ENOMEM;
    memset(more + r->bundles, 0, (size_t)(count - r->bundles) * sizeof *more);
    r->bundle = more;
    r->bundles = count;
    return MDL_OK;
}

static mdl_err get_records(void *ctx, uint64_t size, uint64_t from, uint64_t to, mdl_audit_visit visit, void *visit_ctx,
                           char *error, size_t error_size) {
    remote *r = ctx;
    mdl_err err = MDL_OK;
    for (uint64_t i = from / MDL_TILE_WIDTH; i * MDL_TILE_WIDTH < to && err == MDL_OK; i++) {
        while (i >= r->bundles && err == MDL_OK)
            err = make_room(r);
        if (err != MDL_OK) {
            snprintf(error, error_size, "out of memory");
            break;
        }
        mdl_tile tile = {MDL_TILE_ENTRIES, 0, i, mdl_tile_width(MDL_TILE_ENTRIES, 0, i, size)};
        bundle got = r->bundle[i];
        if (got.bytes && got.width < tile.width) { /* of an earlier, smaller log */
            r->kept -= got.size;
            free(got.bytes);
            got = r->bundle[i] = (bundle){0};
        }
        int fresh = !got.bytes;
        if (fresh)
            err = get_tile(r, tile, BUNDLE_BYTES_MAX, &got, error, error_size);
        if (err == MDL_OK)
            err = visit_bundle(&got, i * MDL_TILE_WIDTH, from, to, visit, visit_ctx, error, error_size);
        int read_meanwhile = r->bundle[i].bytes != NULL; /* by a visitor */
        if (fresh && !read_meanwhile && got.bytes && got.size <= KEPT_BYTES_MAX - r->kept) {
            r->bundle[i] = got;
            r->kept += got.size;
        } else if (fresh) {
            free(got.bytes);
        }
    }
    return err;
}

static mdl_err get_hashes(void *ctx, uint32_t level, uint64_t index, uint32_t width, mdl_hash *out, char *error,
                          size_t error_size) {
    remote *r = ctx;
    bundle got;
    mdl_tile tile = {MDL_TILE_HASHES, level, index, width};
    mdl_err err = get_tile(r, tile, MDL_TILE_BYTES_MAX, &got, error, error_size);
    if (err != MDL_OK)
        return err;
    if (got.size != (size_t)got.width * MDL_HASH_BYTES) {
        snprintf(error, error_size, "it has %zu bytes, not %zu", got.size, (size_t)got.width * MDL_HASH_BYTES);
        err = MDL_ESIZE;
    } else {
        memcpy(out, got.bytes, (size_t)width * MDL_HASH_BYTES);
    }
    free(got.bytes);
    return err;
}

static mdl_err get_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], uint8_t **bytes, size_t *size, char *error,
                        size_t error_size) {
    remote *r = ctx;
    char path[8 + MDL_DIGEST_HEX] = "blob/";
    mdl_hex(digest, MDL_DIGEST_BYTES, path + 5);
    return mdl_http_get(&r->client, path, MDL_AUDIT_BLOB_MAX, bytes, size, error, error_size);
}

static mdl_err get_vkey(void *ctx, char text[MDL_VKEY_TEXT_MAX], char *error, size_t error_size) {
    remote *r = ctx;
    uint8_t *bytes;
    size_t size;
    mdl_err err = mdl_http_get(&r->client, "status.json", STATUS_BYTES_MAX, &bytes, &size, error, error_size);
    if (err != MDL_OK)
        return err;
    cJSON *root = cJSON_ParseWithLength((const char *)bytes, size);
    const char *vkey = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "vkey"));
    if (vkey && strlen(vkey) < MDL_VKEY_TEXT_MAX) {
        snprintf(text, MDL_VKEY_TEXT_MAX, "%s", vkey);
    } else {
        snprintf(error, error_size, "http://%s%s/status.json names no vkey", r->client.authority, r->client.prefix);
        err = MDL_ENOENT;
    }
    cJSON_Delete(root);
    free(bytes);
    return err;
}

static void close_remote(void *ctx) {
    remote *r = ctx;
    mdl_http_client_close(&r->client);
    for (uint64_t i = 0; i < r->bundles; i++)
        free(r->bundle[i].bytes);
    free(r->bundle);
    free(r);
}

mdl_err mdl_audit_open_http(mdl_audit_source *s, const char *url, char *error, size_t error_size) {
    *s = (mdl_audit_source){0};
    remote *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    mdl_err err = mdl_http_client_init(&r->client, url, error, error_size);
    if (err != MDL_OK) {
        free(r);
        return err;
    }
    *s = (mdl_audit_source){r, get_checkpoint, NULL, get_records, get_hashes, get_blob, NULL, get_vkey, close_remote};
    return MDL_OK;
}
