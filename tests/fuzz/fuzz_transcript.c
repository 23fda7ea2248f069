/* Transcripts of sharded jobs: what is read has the size that its numbers say, and
 * every window and row of it lies inside. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "protocol/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mdl_transcript t;
    if (mdl_transcript_read(data, size, &t) != MDL_OK)
        return 0;
    MDL_ASSERT(size == mdl_transcript_bytes(t.lives, t.windows, t.shards, t.modulation_size));
    uint64_t windows = 0;
    mdl_life_row *row = malloc(t.lives * sizeof *row);
    uint8_t *again = malloc(size), root[MDL_DIGEST_BYTES];
    MDL_ASSERT(row && again);
    for (uint32_t i = 0; i < t.lives; i++) {
        mdl_transcript_row(&t, i, &row[i]);
        MDL_ASSERT(mdl_transcript_place(&t, i, 0) == windows || t.lives > 64);
        windows += row[i].windows;
    }
    MDL_ASSERT(windows == t.windows);
    mdl_transcript_write(row, t.lives, t.shards, t.modulation, t.modulation_size, t.commits, t.windows, again);
    MDL_ASSERT(memcmp(again, data, size) == 0);
    mdl_transcript_root(&t, t.shards - 1, t.windows - 1, root);
    free(row);
    free(again);
    return 0;
}
