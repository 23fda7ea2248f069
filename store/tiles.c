#include "store/tiles.h"

#include <stdlib.h>

enum { WIDTH = 1 << MDL_TILES_STEP, SLOTS = 64 };

struct mdl_tile_slot {
    uint64_t index, used; /* used 0: empty */
    uint32_t tile_level, width;
    mdl_hash node[2 * WIDTH - 2]; /* 256 hashes of level 0, then 128 of level 1, ... 2 of level 7 */
};

mdl_err mdl_tiles_init(mdl_tiles *t, mdl_tiles_fetch fetch, void *ctx) {
    *t = (mdl_tiles){.fetch = fetch, .ctx = ctx, .slots = calloc(SLOTS, sizeof *t->slots)};
    return t->slots ? MDL_OK : MDL_ENOMEM;
}

void mdl_tiles_close(mdl_tiles *t) {
    free(t->slots);
    *t = (mdl_tiles){0};
}

static mdl_hash *node_at(mdl_tile_slot *slot, uint32_t level, uint32_t i) {
    return &slot->node[2u * WIDTH - (2u * WIDTH >> level) + i];
}

/* The slot of this tile, or the one longest unused, emptied. */
static mdl_tile_slot *slot_of(mdl_tiles *t, uint32_t tile_level, uint64_t index) {
    mdl_tile_slot *oldest = &t->slots[0];
    for (uint32_t i = 0; i < SLOTS; i++) {
        mdl_tile_slot *slot = &t->slots[i];
        if (slot->used > 0 && slot->tile_level == tile_level && slot->index == index) {
            slot->used = ++t->now;
            return slot;
        }
        oldest = slot->used < oldest->used ? slot : oldest;
    }
    oldest->tile_level = tile_level;
    oldest->index = index;
    oldest->width = 0;
    oldest->used = ++t->now;
    return oldest;
}

/* Bring a tile to `width` hashes of its lowest level, and those above that they complete. */
static mdl_err fill(mdl_tiles *t, mdl_tile_slot *slot, uint32_t width) {
    uint32_t old = slot->width;
    if (old >= width) {
        return MDL_OK;
    }
    mdl_err e = t->fetch(t->ctx, slot->tile_level, slot->index * WIDTH + old, width - old, node_at(slot, 0, old));
    if (e != MDL_OK) {
        return e;
    }
    for (uint32_t level = 1; level < MDL_TILES_STEP; level++) {
        for (uint32_t i = old >> level; i < width >> level; i++) {
            mdl_merkle_node(node_at(slot, level - 1, 2 * i), node_at(slot, level - 1, 2 * i + 1),
                            node_at(slot, level, i));
        }
    }
    slot->width = width;
    return MDL_OK;
}

mdl_err mdl_tiles_node(mdl_tiles *t, uint64_t size, uint32_t level, uint64_t index, mdl_hash *out) {
    if (level >= MDL_MERKLE_LEVELS || index >= size >> level) {
        return MDL_ERANGE;
    }
    uint32_t r = level % MDL_TILES_STEP;
    uint64_t tile = index >> (MDL_TILES_STEP - r), there = (size >> (level - r)) - tile * WIDTH;
    mdl_tile_slot *slot = slot_of(t, level / MDL_TILES_STEP, tile);
    mdl_err e = fill(t, slot, there < WIDTH ? (uint32_t)there : WIDTH);
    if (e == MDL_OK) {
        *out = *node_at(slot, r, (uint32_t)(index % (WIDTH >> r)));
    }
    return e;
}
