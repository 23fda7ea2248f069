/* The shell's store: folding it at the start, blobs and tiles for readers, and
 * the champion at the end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/logic_internal.h"
#include "coordinator/shell_internal.h"
#include "protocol/grow.h"
#include "protocol/tile.h"
#include "runtime/champion.h"
#include "runtime/file.h"
#include "runtime/progress.h"

enum { REOPEN_MS = 1000 };

/* ---- the fold ---- */

typedef struct folding {
    mdl_shell *s;
    mdl_progress progress;
    uint64_t count;
    mdl_breach breach;
} folding;

static mdl_err fold_one(void *ctx, uint64_t index, const uint8_t *bytes, size_t size) {
    folding *f = ctx;
    if (mdl_coordinator_replay(f->s->logic, bytes, size, &f->breach) != MDL_RULE_OK) {
        return MDL_EMISMATCH;
    }
    if (index % 64 == 0) {
        mdl_progress_show(&f->progress, (double)index / (double)f->count, "reading the ledger");
    }
    return MDL_OK;
}

/* The newest checkpoint is ours and covers all records: so the records are those
 * whose signatures were checked when they came. */
static mdl_err check_checkpoint(mdl_shell *s, uint64_t count, char *error, size_t error_size) {
    mdl_committer *c = &s->committer;
    mdl_log_policy *policy = calloc(1, sizeof *policy);
    mdl_checkpoint checkpoint;
    if (!policy) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    policy->log = c->vkey;
    mdl_err err = c->store.checkpoint(&c->store, c->checkpoint, &c->checkpoint_size, error, error_size);
    if (err == MDL_OK) {
        mdl_text note = {c->checkpoint, c->checkpoint_size};
        err = mdl_checkpoint_verify(note, policy, &checkpoint, NULL);
        if (err == MDL_OK && checkpoint.size != count) {
            err = MDL_EMISMATCH;
        }
        if (err != MDL_OK) {
            snprintf(error, error_size,
                     "%s: the newest checkpoint is not signed by this log's key over all records: %s",
                     s->options.directory, mdl_strerror((int)err));
        }
    }
    free(policy);
    return err;
}

static mdl_err fold_store(mdl_shell *s, char *error, size_t error_size) {
    mdl_committer *c = &s->committer;
    folding *f = calloc(1, sizeof *f);
    if (!f) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    f->s = s;
    f->count = c->store.count(&c->store);
    mdl_err err = f->count > 0 ? check_checkpoint(s, f->count, error, error_size) : MDL_OK;
    if (err == MDL_OK && f->count > 0) {
        mdl_progress_begin(&f->progress, 0, s->options.quiet);
        error[0] = 0;
        err = c->store.range(&c->store, 0, f->count, fold_one, f, error, error_size);
        mdl_progress_end(&f->progress, 1, "the ledger is read");
        if (err != MDL_OK && !error[0]) {
            snprintf(error, error_size, "%s: record %" PRIu64 " breaks rule %d (%s): %s", s->options.directory,
                     f->breach.index, (int)f->breach.rule, mdl_rule_sentence((int)f->breach.rule), f->breach.text);
        }
    }
    mdl_merkle_lookup lookup = mdl_store_lookup(&c->store);
    if (err == MDL_OK) {
        err = mdl_merkle_edge_load(f->count, &lookup, &c->edge);
        if (err != MDL_OK) {
            snprintf(error, error_size, "%s: the tree cannot be read", s->options.directory);
        }
    }
    s->durable = c->durable = f->count;
    if (err == MDL_OK && f->count > 0) {
        s->durable_published = s->reader_published = mdl_ledger_published(mdl_coordinator_ledger(s->logic));
    }
    memcpy(s->checkpoint, c->checkpoint, c->checkpoint_size);
    s->checkpoint[c->checkpoint_size] = 0;
    free(f);
    return err;
}

mdl_err mdl_shell_load(mdl_shell *s, char *error, size_t error_size) {
    mdl_committer *c = &s->committer;
    c->directory = s->options.directory;
    mdl_err err = mdl_store_open(&c->store, c->directory, s->options.store_flags, error, error_size);
    if (err != MDL_OK) {
        return err;
    }
    err = mdl_store_open(&s->reader, c->directory, MDL_STORE_READ | MDL_STORE_QUICK, error, error_size);
    if (err != MDL_OK) {
        return err;
    }
    s->reader_count = s->reader.count(&s->reader);
    mdl_coordinator_io io = mdl_shell_io(s);
    s->logic = mdl_coordinator_new(&s->options.logic, &io);
    if (!s->logic) {
        snprintf(error, error_size, "out of memory");
        return MDL_ENOMEM;
    }
    err = fold_store(s, error, error_size);
    if (err != MDL_OK) {
        return err;
    }
    uv_timeval64_t wall;
    uv_gettimeofday(&wall);
    err = mdl_coordinator_start(s->logic, s->options.document, s->options.document_size, mdl_shell_now_ms(),
                                (uint64_t)wall.tv_sec * 1000, error, error_size);
    if (err == MDL_OK && s->durable > 0) {
        mdl_coordinator_stored(s->logic, s->durable, s->checkpoint, strlen(s->checkpoint));
    }
    return err;
}

/* ---- blobs: those on their way to the disk, the newest others, and the store's ---- */

static const mdl_recent *find_recent(const mdl_shell *s, const uint8_t *digest) {
    for (uint32_t i = 0; i < s->recents; i++) {
        if (memcmp(s->recent[i].digest, digest, MDL_DIGEST_BYTES) == 0) {
            return &s->recent[i];
        }
    }
    return NULL;
}

/* Make room: the oldest that is durable goes. 0: none is. */
static int forget_one(mdl_shell *s) {
    for (uint32_t i = 0; i < s->recents; i++) {
        if (s->recent[i].until <= s->durable) {
            free(s->recent[i].blob.bytes);
            s->recents--;
            memmove(&s->recent[i], &s->recent[i + 1], (s->recents - i) * sizeof s->recent[0]);
            return 1;
        }
    }
    return 0;
}

void mdl_shell_remember(mdl_shell *s, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t *bytes, size_t size) {
    if (find_recent(s, digest)) {
        return;
    }
    while (s->recents >= MDL_RECENT_MAX && forget_one(s)) {
    }
    uint8_t *copy = mdl_list_grow_zeroed(&s->recent, &s->recents_room, s->recents + 1, sizeof *s->recent)
                        ? malloc(size > 0 ? size : 1)
                        : NULL;
    if (!copy) {
        mdl_shell_fail(s, "out of memory: a blob on its way to the store could not be kept");
        return;
    }
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    mdl_recent *r = &s->recent[s->recents++];
    memcpy(r->digest, digest, MDL_DIGEST_BYTES);
    r->blob = (mdl_piece){copy, size};
    r->until = mdl_ledger_size(mdl_coordinator_ledger(s->logic)) + 1; /* the record that names it comes next */
}

static mdl_err get_blob(void *ctx, const uint8_t digest[MDL_DIGEST_BYTES], const uint8_t **bytes, size_t *size) {
    mdl_shell *s = ctx;
    char error[256];
    const mdl_recent *r = find_recent(s, digest);
    if (r) {
        *bytes = r->blob.bytes;
        *size = r->blob.size;
        return MDL_OK;
    }
    free(s->blob);
    s->blob = NULL;
    mdl_err err = s->reader.blob_get(&s->reader, digest, MDL_STORE_BLOB_MAX, &s->blob, size, error, sizeof error);
    *bytes = s->blob;
    return err;
}

mdl_blobs mdl_shell_blobs(mdl_shell *s) { return (mdl_blobs){get_blob, s}; }

/* ---- for the audit server ---- */

/* A reader sees the store as it was opened: now and then it must be anew. */
static mdl_err refresh(mdl_shell *s) {
    char error[256];
    uint64_t now_ms = mdl_shell_now_ms();
    if (s->reader.close && (s->reader_count == s->durable || now_ms - s->reader_ms < REOPEN_MS)) {
        return MDL_OK;
    }
    mdl_store fresh;
    mdl_err err = mdl_store_open(&fresh, s->options.directory, MDL_STORE_READ | MDL_STORE_QUICK, error, sizeof error);
    if (err == MDL_OK) {
        mdl_store_close(&s->reader);
        s->reader = fresh;
        s->reader_count = fresh.count(&fresh);
        s->reader_published = s->durable_published;
        s->reader_ms = now_ms;
    }
    return err;
}

mdl_err mdl_shell_tree(void *ctx, uint64_t size, mdl_merkle_lookup *lookup) {
    mdl_shell *s = ctx;
    if (s->reader_count < size) {
        refresh(s);
    }
    *lookup = mdl_store_lookup(&s->reader);
    return s->reader.close && s->reader_count >= size ? MDL_OK : MDL_ENOENT;
}

/* What may be seen: until a generation has closed, nothing of it. The checkpoint
 * is one of just these records. What the logic has closed last may not be on the
 * disk yet, or not in this reader: then the newest of those before that is. */
static mdl_err follow_shown(mdl_shell *s) {
    char error[256];
    const mdl_ledger *l = mdl_coordinator_ledger(s->logic);
    uint64_t count = mdl_ledger_published(l);
    if (count > s->reader_count) {
        count = !mdl_ledger_verifies(l)                ? s->reader_count
                : s->reader_published > s->shown_count ? s->reader_published
                                                       : s->shown_count;
    }
    if (count == s->shown_count) {
        return MDL_OK;
    }
    mdl_err err;
    if (count == s->reader_count) {
        err = s->reader.checkpoint(&s->reader, s->shown, &s->shown_size, error, sizeof error);
    } else {
        mdl_merkle_lookup lookup = mdl_store_lookup(&s->reader);
        mdl_merkle_edge edge;
        err = mdl_merkle_edge_load(count, &lookup, &edge);
        if (err == MDL_OK) {
            err = mdl_committer_sign(&s->committer, &edge, s->shown, &s->shown_size);
        }
    }
    if (err == MDL_OK) {
        s->shown_count = count;
    }
    return err;
}

typedef struct gathering {
    mdl_sink sink;
} gathering;

static mdl_err gather(void *ctx, uint64_t index, const uint8_t *bytes, size_t size) {
    (void)index;
    return mdl_bundle_put(&((gathering *)ctx)->sink, bytes, size);
}

static mdl_err read_tile(mdl_shell *s, const mdl_tile *tile, mdl_buffer *out) {
    char error[256];
    mdl_hash hash;
    gathering g = {mdl_buffer_sink(out)};
    if (mdl_tile_width(tile->kind, tile->level, tile->index, s->shown_count) < tile->width) {
        return MDL_ENOENT;
    }
    uint64_t first = tile->index * MDL_TILE_WIDTH;
    if (tile->kind == MDL_TILE_ENTRIES) {
        return s->reader.range(&s->reader, first, first + tile->width, gather, &g, error, sizeof error);
    }
    for (uint32_t i = 0; i < tile->width; i++) {
        mdl_err err = s->reader.node(&s->reader, 8 * tile->level, first + i, &hash, error, sizeof error);
        if (err != MDL_OK) {
            return err;
        }
        mdl_put_bytes(&g.sink, hash.bytes, sizeof hash.bytes);
    }
    return MDL_OK;
}

static mdl_err read_path(mdl_shell *s, const char *path, mdl_buffer *out) {
    char error[256];
    mdl_sink sink = mdl_buffer_sink(out);
    mdl_tile tile;
    uint8_t digest[MDL_DIGEST_BYTES];
    if (strcmp(path, "checkpoint") == 0) {
        mdl_put_bytes(&sink, s->shown, s->shown_size);
        return s->shown_count > 0 ? MDL_OK : MDL_ENOENT;
    }
    if (strncmp(path, "blob/", 5) == 0) {
        uint8_t *blob = NULL;
        size_t size;
        if (mdl_unhex(path + 5, digest, sizeof digest) != MDL_OK) {
            return MDL_ENOENT;
        }
        mdl_err err = s->reader.blob_get(&s->reader, digest, MDL_STORE_BLOB_MAX, &blob, &size, error, sizeof error);
        if (err == MDL_OK) {
            mdl_put_bytes(&sink, blob, size);
        }
        free(blob);
        return err;
    }
    return mdl_tile_path_parse(mdl_text_of(path), &tile) == MDL_OK ? read_tile(s, &tile, out) : MDL_ENOENT;
}

mdl_err mdl_shell_read(mdl_shell *s, const char *path, uint8_t **bytes, size_t *size) {
    mdl_buffer b = {0};
    *bytes = NULL;
    *size = 0;
    mdl_err err = refresh(s);
    if (err == MDL_OK) {
        err = follow_shown(s);
    }
    if (err == MDL_OK) {
        err = read_path(s, path, &b);
    }
    if (err == MDL_OK && b.failed) {
        err = MDL_ENOMEM;
    }
    if (err == MDL_OK && !b.bytes) {
        b.bytes = malloc(1);
        err = b.bytes ? MDL_OK : MDL_ENOMEM;
    }
    if (err != MDL_OK) {
        free(b.bytes);
        return err;
    }
    *bytes = b.bytes;
    *size = b.size;
    return MDL_OK;
}

/* ---- the end ---- */

mdl_err mdl_shell_export(mdl_shell *s, char *error, size_t error_size) {
    const mdl_ledger *l = mdl_coordinator_ledger(s->logic);
    mdl_experiment_file file;
    mdl_champion champion;
    mdl_err err = mdl_experiment_file_parse(&file, "the experiment", s->options.document, s->options.document_size,
                                            error, error_size);
    if (err != MDL_OK) {
        return err;
    }
    mdl_runner runner;
    memset(&runner, 0, sizeof runner);
    runner.file = &file;
    /* Both are only read. */
    runner.directory = (char *)s->options.directory;
    runner.evolution = (mdl_evolution *)mdl_ledger_evolution(l);
    char *path = mdl_path_join(s->options.directory, "champion.safetensors");
    err = path ? mdl_champion_of_run(&champion, &runner, error, error_size) : MDL_ENOMEM;
    if (err == MDL_OK) {
        err = mdl_champion_write(&champion, path, error, error_size);
        mdl_champion_close(&champion);
    }
    free(path);
    mdl_experiment_file_close(&file);
    return err;
}
