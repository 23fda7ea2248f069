/* Inside the transport: from nng's threads to the loop, and options of
 * listeners and dialers. Nothing else includes this. */
#ifndef MDL_RUNTIME_TRANSPORT_INTERNAL_H
#define MDL_RUNTIME_TRANSPORT_INTERNAL_H

#include <nng/nng.h>

/* Needs nng.h before it. */
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>

#include "runtime/transport.h"

enum {
    MDL_KEEP_SECRET_MAX = 64 * 1024, /* bytes of a PEM file                               */
    MDL_RECONNECT_MIN_MS = 100,      /* first pause before dialling again                 */
    MDL_RECONNECT_MAX_MS = 15000,    /* longest; nng doubles it and draws from [0, pause) */
    MDL_RESEND_MS = 20000,           /* a call without an answer is sent again            */
    MDL_REPLY_MS = 20000,            /* a peer that takes no reply for so long is cut off */
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
} mdl_mailbox;

/* `deliver` runs on the loop after a post; `owner` is its handle's data. */
mdl_err mdl_mailbox_open(mdl_mailbox *m, uv_loop_t *loop, uv_async_cb deliver, void *owner);
/* Any thread, until the last poster has ended. A post that waits is not added again. */
void mdl_mailbox_post(mdl_mailbox *m, mdl_post *post);
/* The oldest post, or NULL. */
mdl_post *mdl_mailbox_take(mdl_mailbox *m);
/* When nobody can post any more; the memory is free to go in `closed`. */
void mdl_mailbox_close(mdl_mailbox *m, uv_close_cb closed);

/* ---- schemes and TLS ---- */
typedef enum mdl_scheme { MDL_TCP, MDL_TLS, MDL_WS, MDL_IPC, MDL_INPROC } mdl_scheme;

/* Of an address that mdl_address_parse() took. */
mdl_scheme mdl_address_scheme(const char *url);
/* The host of a tcp, tls+tcp or ws url without its brackets; MDL_ESIZE when `out` is too small. */
mdl_err mdl_address_host(const char *url, char *out, size_t out_size);
/* The url with its port replaced; `url` has one. MDL_ESIZE. */
mdl_err mdl_address_with_port(const char *url, uint32_t port, char out[MDL_URL_MAX]);
/* The port, 0..65535, or -1 when the scheme has none. */
int32_t mdl_address_port(const char *url);

/* A configuration to nng_tls_config_free(), with the files' contents.
 * MDL_EKEY (a file that is needed is not given), MDL_ENOENT, MDL_EIO,
 * MDL_ESYNTAX (not PEM), MDL_ENOMEM; with a sentence. */
mdl_err mdl_tls_config_server(const mdl_tls_files *files, nng_tls_config **out, char *error, size_t error_size);
mdl_err mdl_tls_config_client(const mdl_tls_files *files, const char *url, nng_tls_config **out, char *error,
                              size_t error_size);

/* The value for an error of nng. */
mdl_err mdl_err_of_nng(int rv);

#endif
