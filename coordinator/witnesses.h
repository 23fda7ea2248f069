/* A log's side of its witnesses: each published checkpoint is sent to them, and their
 * cosignatures are added to it. One thread of its own, with its own reader of the
 * store; nothing here blocks the caller. PROTOCOL section 4.6. */
#ifndef MDL_COORDINATOR_WITNESSES_H
#define MDL_COORDINATOR_WITNESSES_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "protocol/checkpoint.h"

enum {
    MDL_WITNESS_RETRY_MS = 5000,    /* after a witness failed                                       */
    MDL_WITNESS_ANSWER_MS = 5000,   /* for one answer                                               */
    MDL_WITNESS_PATIENCE_MS = 30000 /* a newer checkpoint waits so long for its quorum            */
};

typedef struct mdl_witnesses_options {
    const char *directory;      /* the coordinator's: store; `witnessed.checkpoint` is kept there */
    const char *const *witness; /* [count] URL#VKEY                                               */
    uint32_t count;             /* 1..MDL_WITNESSES_MAX                                           */
    uint32_t quorum;            /* 0..count                                                       */
    int required;               /* never show a checkpoint without its quorum                     */
    mdl_vkey log;
    /* One line for people, from the thread. `who` is the witness's name. */
    void (*say)(void *ctx, const char *kind, const char *who, const char *text);
    void *ctx;
} mdl_witnesses_options;

typedef struct mdl_witnesses mdl_witnesses;

/* Start. MDL_OK; MDL_ESYNTAX, MDL_ETYPE, MDL_EKEY, MDL_ERANGE (an address or key, the same
 * key twice, the quorum), MDL_EIO, MDL_ENOMEM with a sentence, *out NULL. */
mdl_err mdl_witnesses_open(const mdl_witnesses_options *options, mdl_witnesses **out, char *error, size_t error_size);
/* Waits for the thread, at most about MDL_WITNESS_ANSWER_MS. NULL is fine. */
void mdl_witnesses_close(mdl_witnesses *w);

/* The newest published checkpoint. One that is offered again costs nothing. */
void mdl_witnesses_offer(mdl_witnesses *w, const char *note, size_t size);
/* What to serve in place of `published`: the newest checkpoint with its quorum; or
 * `published` with what signatures it has, when no quorum
 * has come for MDL_WITNESS_PATIENCE_MS (a clock of `now_ms`) and none is required. MDL_OK with *size set;
 * MDL_ENOENT: none has its quorum yet, and one is required. */
mdl_err mdl_witnesses_show(mdl_witnesses *w, uint64_t now_ms, const char *published, size_t published_size,
                           char note[MDL_NOTE_MAX], size_t *size);

typedef struct mdl_witness_info {
    char name[MDL_NOTE_NAME_MAX + 1];
    uint64_t size; /* newest that it cosigned for us */
    char trouble[160];
} mdl_witness_info;

typedef struct mdl_witnesses_info {
    uint32_t count, quorum;
    uint64_t cosigned_size; /* newest with its quorum */
    uint64_t offered_size;
    mdl_witness_info witness[MDL_WITNESSES_MAX];
} mdl_witnesses_info;

void mdl_witnesses_inform(mdl_witnesses *w, mdl_witnesses_info *out);

#endif
