/* Tiles: how a log is stored and served (C2SP tlog-tiles). PROTOCOL section 4.4.
 * A tile is up to 256 hashes side by side; hash i of tile `index` at level L is
 * the root of the 256^L leaves that begin at (256 index + i) 256^L. An entry
 * bundle is up to 256 records, each behind its length (uint16, big-endian). */
#ifndef MDL_PROTOCOL_TILE_H
#define MDL_PROTOCOL_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/err.h"
#include "protocol/merkle.h"
#include "protocol/text_scan.h"

enum {
    MDL_TILE_WIDTH = 256,   /* hashes or records of a full one            */
    MDL_TILE_LEVELS = 8,    /* levels 0..7 serve every size below 2^62    */
    MDL_TILE_PATH_MAX = 64, /* bytes of a path with its terminator        */
    MDL_RECORD_MAX = 65535, /* bytes of a record                          */
    MDL_TILE_BYTES_MAX = MDL_TILE_WIDTH * MDL_HASH_BYTES
};

typedef enum mdl_tile_kind { MDL_TILE_HASHES = 0, MDL_TILE_ENTRIES = 1 } mdl_tile_kind;

typedef struct mdl_tile {
    mdl_tile_kind kind;
    uint32_t level; /* 0 for entries            */
    uint64_t index;
    uint32_t width; /* 1..256; 256 is a full one */
} mdl_tile;

/* tile/LEVEL/N, tile/entries/N, with ".p/WIDTH" unless full; N in groups of
 * three digits, all but the last with an "x" before it. Relative, terminated.
 * The tile is one that a log below the size limit has: MDL_OK, else MDL_ERANGE. */
mdl_err mdl_tile_path(const mdl_tile *tile, char out[MDL_TILE_PATH_MAX]);
/* Back. One path for a tile: MDL_OK, MDL_ESYNTAX, MDL_ERANGE. */
mdl_err mdl_tile_path_parse(mdl_text path, mdl_tile *out);

/* How wide the tile is in a log of `size` leaves: 1..256, or 0 when it has none. */
uint32_t mdl_tile_width(mdl_tile_kind kind, uint32_t level, uint64_t index, uint64_t size);

/* Append one record to a bundle. MDL_OK, or MDL_ESIZE (over MDL_RECORD_MAX)
 * with nothing written. */
mdl_err mdl_bundle_put(const mdl_sink *sink, const void *record, size_t size);

typedef struct mdl_record {
    const uint8_t *bytes;
    size_t size;
} mdl_record;

/* Take a bundle apart: exactly `width` (1..256) records and nothing after them.
 * Views into `bytes`. MDL_OK, MDL_ERANGE (the width), MDL_ESIZE. */
mdl_err mdl_bundle_parse(const uint8_t *bytes, size_t size, uint32_t width, mdl_record record[MDL_TILE_WIDTH]);

#endif
