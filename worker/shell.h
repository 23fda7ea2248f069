/* The worker's shell: a libuv loop, transport clients, compute threads, files.
 * It carries events to worker/logic.h and commands from it. */
#ifndef MDL_WORKER_SHELL_H
#define MDL_WORKER_SHELL_H

#include <uv.h>

#include "worker/logic.h"

typedef struct mdl_worker_options {
    const char *const *coordinator; /* addresses with #KEY, in order of preference */
    uint32_t coordinators;
    uint8_t key[MDL_KEY_BYTES];
    uint8_t secret[MDL_SECRET_BYTES]; /* of who signs */
    const char *statement;            /* of the session key; NULL: the worker's key signs */
    const char *program;              /* for hello */
    const char *data;                 /* directory: worker/keep.h */
    const char *invite;               /* the invitation's text; NULL: none */
    const char *tls_ca;               /* PEM file; NULL: none */
    const char *const *gossip;        /* where checkpoints of others are: worker/hearsay.h */
    uint32_t gossips, gossip_s;       /* seconds between looks, and between questions to the coordinator; 0: 30 */
    uint32_t threads;                 /* 1..1024 */
    uint32_t leases;                  /* 0: the default */
    uint64_t memory;                  /* bytes for shards; 0: none are taken */
    uint32_t throttle;                /* 1..100 per cent */
    uint32_t status_s;                /* seconds between status lines, at least 1 */
    int nice, once, json, quiet;
    /* The worker has stopped. Its handles are closed by now or soon; then call
     * mdl_worker_shell_free(), after the loop has run out. */
    void (*stopped)(void *ctx, mdl_stop_code code, const char *text);
    void *ctx;
} mdl_worker_options;

typedef struct mdl_worker_shell mdl_worker_shell;

/* Start on `loop`. Options' texts are the caller's and stay. On failure *out is
 * NULL with a sentence: MDL_ESYNTAX and MDL_EKEY (an address), MDL_ESIZE,
 * MDL_EMISMATCH (the data directory is in use), MDL_EIO, MDL_ENOMEM; run the loop
 * once more then, for handles that are being closed. */
mdl_err mdl_worker_shell_open(mdl_worker_shell **out, uv_loop_t *loop, const mdl_worker_options *options, char *error,
                              size_t error_size);
/* Say goodbye and stop, as a signal does; stopped() follows within 2 s. */
void mdl_worker_shell_stop(mdl_worker_shell *s);
/* After stopped() and the loop's end. Returns 1, or 0 when a job would not end in
 * time: it keeps its memory and the loop a handle, and the process must end. */
int mdl_worker_shell_free(mdl_worker_shell *s);
void mdl_worker_shell_inform(const mdl_worker_shell *s, mdl_worker_info *out);

#endif
