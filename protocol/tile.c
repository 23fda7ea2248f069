#include "protocol/tile.h"

#include <string.h>

enum { TILE_BITS = 8, GROUP = 1000 };
/* Above any index of a log below 2^62 leaves. */
static const uint64_t index_max = MDL_MERKLE_SIZE_MAX >> TILE_BITS;

/* Hashes (or records) that a log has at a level. */
static uint64_t hashes_at(uint32_t level, uint64_t size) { return size >> (TILE_BITS * level); }

uint32_t mdl_tile_width(mdl_tile_kind kind, uint32_t level, uint64_t index, uint64_t size) {
    if (size > MDL_MERKLE_SIZE_MAX || level >= MDL_TILE_LEVELS || (kind == MDL_TILE_ENTRIES && level != 0)) {
        return 0;
    }
    uint64_t hashes = hashes_at(level, size), full = hashes / MDL_TILE_WIDTH;
    return index < full ? MDL_TILE_WIDTH : index == full ? (uint32_t)(hashes % MDL_TILE_WIDTH) : 0;
}

/* Whether some log within the limit has it. */
static int exists(const mdl_tile *t) {
    return (t->kind == MDL_TILE_HASHES || t->kind == MDL_TILE_ENTRIES) && t->width >= 1 && t->width <= MDL_TILE_WIDTH &&
           mdl_tile_width(t->kind, t->level, t->index, MDL_MERKLE_SIZE_MAX) >= t->width;
}

mdl_err mdl_tile_path(const mdl_tile *tile, char out[MDL_TILE_PATH_MAX]) {
    if (!exists(tile)) {
        return MDL_ERANGE;
    }
    mdl_text_out w = {out, MDL_TILE_PATH_MAX - 1, 0};
    mdl_text_put_string(&w, "tile/");
    if (tile->kind == MDL_TILE_ENTRIES) {
        mdl_text_put_string(&w, "entries");
    } else {
        mdl_text_put_decimal(&w, tile->level);
    }
    uint64_t unit = 1;
    while (tile->index / unit >= GROUP) {
        unit *= GROUP;
    }
    for (; unit > 0; unit /= GROUP) {
        uint32_t v = (uint32_t)(tile->index / unit % GROUP);
        char digits[3] = {(char)('0' + v / 100), (char)('0' + v / 10 % 10), (char)('0' + v % 10)};
        mdl_text_put_string(&w, unit > 1 ? "/x" : "/");
        mdl_text_put(&w, digits, sizeof digits);
    }
    if (tile->width < MDL_TILE_WIDTH) {
        mdl_text_put_string(&w, ".p/");
        mdl_text_put_decimal(&w, tile->width);
    }
    out[w.size] = '\0';
    return MDL_OK;
}

static int take_group(mdl_text *t, uint64_t *v) {
    uint64_t sum = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= t->size || t->at[i] < '0' || t->at[i] > '9') {
            return 0;
        }
        sum = sum * 10 + (uint64_t)(t->at[i] - '0');
    }
    *t = (mdl_text){t->at + 3, t->size - 3};
    *v = sum;
    return 1;
}

static mdl_err parse_path(mdl_text t, mdl_tile *out) {
    if (!mdl_text_skip(&t, "tile/")) {
        return MDL_ESYNTAX;
    }
    if (mdl_text_skip(&t, "entries/")) {
        out->kind = MDL_TILE_ENTRIES;
    } else {
        mdl_text level = {t.at, 0};
        while (level.size < t.size && t.at[level.size] != '/') {
            level.size++;
        }
        uint64_t v = 0;
        mdl_err e = mdl_text_decimal(level, MDL_TILE_LEVELS - 1, &v);
        if (e != MDL_OK) {
            return e;
        }
        t = (mdl_text){t.at + level.size, t.size - level.size};
        if (!mdl_text_skip(&t, "/")) {
            return MDL_ESYNTAX;
        }
        out->level = (uint32_t)v;
    }
    uint64_t group;
    for (int first = 1;; first = 0) {
        int more = mdl_text_skip(&t, "x");
        if (!take_group(&t, &group) || (more && (!mdl_text_skip(&t, "/") || (first && group == 0)))) {
            return MDL_ESYNTAX;
        }
        if (out->index > index_max / GROUP) {
            return MDL_ERANGE;
        }
        out->index = out->index * GROUP + group;
        if (!more) {
            break;
        }
    }
    out->width = MDL_TILE_WIDTH;
    if (mdl_text_skip(&t, ".p/")) {
        uint64_t width;
        mdl_err e = mdl_text_decimal(t, MDL_TILE_WIDTH - 1, &width);
        if (e != MDL_OK) {
            return e;
        }
        out->width = (uint32_t)width;
        t.size = 0;
    }
    return t.size > 0 ? MDL_ESYNTAX : exists(out) ? MDL_OK : MDL_ERANGE;
}

mdl_err mdl_tile_path_parse(mdl_text path, mdl_tile *out) {
    memset(out, 0, sizeof *out);
    mdl_err e = parse_path(path, out);
    if (e != MDL_OK) {
        memset(out, 0, sizeof *out);
    }
    return e;
}

mdl_err mdl_bundle_put(const mdl_sink *sink, const void *record, size_t size) {
    if (size > MDL_RECORD_MAX) {
        return MDL_ESIZE;
    }
    uint8_t head[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    mdl_put_bytes(sink, head, sizeof head);
    mdl_put_bytes(sink, record, size);
    return MDL_OK;
}

mdl_err mdl_bundle_parse(const uint8_t *bytes, size_t size, uint32_t width, mdl_record record[MDL_TILE_WIDTH]) {
    if (width < 1 || width > MDL_TILE_WIDTH) {
        return MDL_ERANGE;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < width; i++) {
        if (size - at < 2) {
            return MDL_ESIZE;
        }
        size_t length = (size_t)bytes[at] << 8 | bytes[at + 1];
        at += 2;
        if (size - at < length) {
            return MDL_ESIZE;
        }
        record[i] = (mdl_record){bytes + at, length};
        at += length;
    }
    return at == size ? MDL_OK : MDL_ESIZE;
}
