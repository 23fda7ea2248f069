/* Tile paths and entry bundles: what parses, prints to the same bytes. The first
 * byte + 1 is a bundle's width. */
#include <stdint.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/tile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct compare {
    const uint8_t *at;
    size_t left;
} compare;

static void compare_write(void *ctx, const void *bytes, size_t size) {
    compare *c = ctx;
    MDL_ASSERT(size <= c->left && (size == 0 || memcmp(c->at, bytes, size) == 0));
    c->at += size;
    c->left -= size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_tile tile;
    if (mdl_tile_path_parse((mdl_text){(const char *)data, size}, &tile) == MDL_OK) {
        char path[MDL_TILE_PATH_MAX];
        MDL_ASSERT(mdl_tile_path(&tile, path) == MDL_OK);
        MDL_ASSERT(strlen(path) == size && memcmp(path, data, size) == 0);
    }
    if (size == 0) {
        return 0;
    }
    mdl_record record[MDL_TILE_WIDTH];
    uint32_t width = data[0] + 1u;
    if (mdl_bundle_parse(data + 1, size - 1, width, record) == MDL_OK) {
        compare c = {data + 1, size - 1};
        mdl_sink sink = {compare_write, &c};
        for (uint32_t i = 0; i < width; i++) {
            MDL_ASSERT(mdl_bundle_put(&sink, record[i].bytes, record[i].size) == MDL_OK);
        }
        MDL_ASSERT(c.left == 0);
    }
    return 0;
}
