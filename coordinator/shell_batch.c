/* Lists of bytes on their way to the store. */
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "coordinator/shell_internal.h"
#include "protocol/frame.h"
#include "protocol/grow.h"

int mdl_pieces_add(mdl_pieces *p, const uint8_t *bytes, size_t size) {
    if (!mdl_list_grow_zeroed(&p->at, &p->room, p->count + 1, sizeof *p->at)) {
        return 0;
    }
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (!copy) {
        return 0;
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    p->at[p->count++] = (mdl_piece){copy, size};
    return 1;
}

void mdl_pieces_clear(mdl_pieces *p) {
    for (uint32_t i = 0; i < p->count; i++) {
        free(p->at[i].bytes);
    }
    free(p->at);
    memset(p, 0, sizeof *p);
}

enum { BLOCK_BYTES = 65536 - 64, SPARES_MAX = 32, LISTS_MAX = 4096 };

struct mdl_block {
    struct mdl_block *next;
    size_t used, capacity;
    uint8_t bytes[];
};

uint8_t *mdl_batch_room(mdl_batch *b, size_t size) {
    if (!b->block || b->block->capacity - b->block->used < size) {
        size_t capacity = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        struct mdl_block *block = capacity == BLOCK_BYTES ? b->spare : NULL;
        if (block) {
            b->spare = block->next;
        } else if ((block = malloc(sizeof *block + capacity)) == NULL) {
            return NULL;
        }
        *block = (struct mdl_block){.next = b->block, .capacity = capacity};
        b->block = block;
    }
    return b->block->bytes + b->block->used;
}

void mdl_batch_use(mdl_batch *b, size_t size) { b->block->used += size; }

int mdl_batch_record(mdl_batch *b, const uint8_t *bytes, size_t size, const mdl_hash *leaf) {
    if (!mdl_list_grow_zeroed(&b->record, &b->records_room, b->records + 1, sizeof *b->record)) {
        return 0;
    }
    uint8_t *copy = mdl_batch_room(b, size);
    if (!copy) {
        return 0;
    }
    memcpy(copy, bytes, size);
    mdl_batch_use(b, size);
    mdl_kept *k = &b->record[b->records++];
    *k = (mdl_kept){.bytes = copy, .size = size, .hashed = leaf != NULL};
    if (leaf) {
        k->leaf = *leaf;
    }
    return 1;
}

int mdl_batch_empty(const mdl_batch *b) { return b->records == 0 && b->blobs.count == 0 && b->receipts == 0; }

static void free_blocks(struct mdl_block *block) {
    for (struct mdl_block *next; block; block = next) {
        next = block->next;
        free(block);
    }
}

void mdl_batch_reset(mdl_batch *b) {
    uint32_t kept = 0;
    struct mdl_block *block = b->block, *next;
    for (struct mdl_block *at = b->spare; at; at = at->next) {
        kept++;
    }
    for (; block; block = next) {
        next = block->next;
        if (block->capacity == BLOCK_BYTES && kept < SPARES_MAX) {
            block->next = b->spare;
            b->spare = block;
            kept++;
        } else {
            free(block);
        }
    }
    b->block = NULL;
    mdl_pieces_clear(&b->blobs);
    b->records = b->receipts = 0;
    if (b->records_room > LISTS_MAX || b->receipts_room > LISTS_MAX) { /* long ones are rare */
        mdl_batch_clear(b);
    }
}

void mdl_batch_clear(mdl_batch *b) {
    mdl_pieces_clear(&b->blobs);
    free_blocks(b->block);
    free_blocks(b->spare);
    free(b->record);
    free(b->receipt);
    memset(b, 0, sizeof *b);
}

int mdl_batch_receipt(mdl_batch *b, mdl_call *call, uint64_t record) {
    if (!mdl_list_grow_zeroed(&b->receipt, &b->receipts_room, b->receipts + 1, sizeof *b->receipt)) {
        return 0;
    }
    b->receipt[b->receipts++] = (mdl_receipt){call, record, {NULL, 0}};
    return 1;
}

mdl_piece mdl_frame_piece(const uint8_t *envelope, size_t envelope_size, const uint8_t *blob, size_t blob_size) {
    mdl_frame frame = {envelope, envelope_size, blob, blob_size};
    mdl_piece piece = {NULL, 0};
    size_t capacity = MDL_FRAME_HEAD_BYTES + envelope_size + blob_size;
    piece.bytes = malloc(capacity);
    if (piece.bytes && mdl_frame_encode(&frame, piece.bytes, capacity, &piece.size) != MDL_OK) {
        free(piece.bytes);
        piece.bytes = NULL;
    }
    return piece;
}
