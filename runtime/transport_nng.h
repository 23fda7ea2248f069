/* Inside the transport, for its files over nng: from nng's threads to the
 * loop, and TLS. */
#ifndef MDL_RUNTIME_TRANSPORT_NNG_H
#define MDL_RUNTIME_TRANSPORT_NNG_H

#include <nng/nng.h>

/* Needs nng.h before it. */
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>

#include "runtime/transport_internal.h"

enum {
    MDL_KEEP_SECRET_MAX = 64 * 1024, /* bytes of a PEM file                               */
    MDL_RESEND_MS = 20000,           /* a call without an answer is sent again            */
    MDL_REPLY_MS = 20000,            /* a peer that takes no reply for so long is cut off */
    MDL_CLOSE_MS = 5000,             /* nng is given so long to close                     */
    MDL_HEADERS_MAX = 64,            /* nng counts its own headers as received            */
};

/* ---- mailbox: any thread posts, the loop's thread takes ---- */
typedef struct mdl_post {
    struct mdl_post *next;
    int queued;
} mdl_post;

typedef struct mdl_mailbox {
    uv_mutex_t lock; /* guards the list and the queued marks */
    uv_async_t wake;
    mdl_post *first, **last;
    int dead; /* wake is closed, though somebody may still post */
} mdl_mailbox;

/* `deliver` runs on the loop after a post; `owner` is its handle's data. */
mdl_err mdl_mailbox_open(mdl_mailbox *m, uv_loop_t *loop, uv_async_cb deliver, void *owner);
/* Any thread, until the last poster has ended. A post that waits is not added again. */
void mdl_mailbox_post(mdl_mailbox *m, mdl_post *post);
/* The oldest post, or NULL. */
mdl_post *mdl_mailbox_take(mdl_mailbox *m);

/* ---- closing ---- */

/* Give nng's things back on a thread of its own, as that waits for nng's threads: run
 * `stop`, then close the mailbox, and call `released` with `owner` on the loop. If
 * nng takes over 5 s (see transport_internal.h) it is given up: what it holds, `owner`
 * among it, is left to the process's end, and `closed` is called in place of both. */
typedef struct mdl_teardown {
    mdl_mailbox *mailbox;
    void *owner;
    void (*stop)(void *owner);
    void (*released)(void *owner); /* frees owner */
    void (*closed)(void *ctx);     /* may be NULL */
    void *ctx;
} mdl_teardown;

/* Takes a copy. Once for each mailbox. */
void mdl_teardown_begin(const mdl_teardown *what);

/* ---- TLS ---- */

/* A configuration to nng_tls_config_free(), with the files' contents.
 * MDL_EKEY (a file that is needed is not given), MDL_ENOENT, MDL_EIO,
 * MDL_ESYNTAX (not PEM), MDL_ENOMEM; with a sentence. */
mdl_err mdl_tls_config_server(const mdl_tls_files *files, nng_tls_config **out, char *error, size_t error_size);
mdl_err mdl_tls_config_client(const mdl_tls_files *files, const char *url, nng_tls_config **out, char *error,
                              size_t error_size);

/* The value for an error of nng. */
mdl_err mdl_err_of_nng(int rv);

#endif
