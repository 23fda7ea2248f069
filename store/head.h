/* DIR/ledger.head: how many records were acknowledged, and their root, outside
 * the database. SQLite takes a damaged end of its log for a crash and drops it in
 * silence; with this file the store notices. Two slots, each in its own disk
 * block with a digest, are written in turn, so a torn write leaves the other. It
 * is written after a commit and not synced with every one: it may lag behind the
 * database, never lead it. */
#ifndef MDL_STORE_HEAD_H
#define MDL_STORE_HEAD_H

#include <stdint.h>

#include "core/err.h"
#include "protocol/merkle.h"

typedef struct mdl_head {
    uint64_t size; /* records acknowledged */
    mdl_hash root;
    int fd, slot; /* fd -1: not open for writing */
} mdl_head;

/* Read the newer of the slots. MDL_ENOENT: no file. MDL_EDIGEST: no slot is whole. */
mdl_err mdl_head_read(mdl_head *h, const char *path, char *error, size_t error_size);
/* Make or replace the file, durably: both slots say the same. */
mdl_err mdl_head_make(const char *path, uint64_t size, const mdl_hash *root, char *error, size_t error_size);
/* Open for mdl_head_put(), after mdl_head_read(). */
mdl_err mdl_head_open(mdl_head *h, const char *path, char *error, size_t error_size);
/* Write the other slot. 0, or -1 with errno set: the old slot stands. */
int mdl_head_put(mdl_head *h, uint64_t size, const mdl_hash *root);
/* Sync and close what mdl_head_open() opened. */
void mdl_head_close(mdl_head *h);

#endif
