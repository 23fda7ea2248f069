/* Transport: calls and news over nng, on a libuv loop. PROTOCOL section 1.
 *
 * nng's callbacks run on its own threads; nothing of them leaves transport.c.
 * Every callback below runs on the loop's thread, and every function must be
 * called there. */
#ifndef MDL_RUNTIME_TRANSPORT_H
#define MDL_RUNTIME_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"

/* Addresses: tcp://host:port, tls+tcp://host:port, ws://host:port/path,
 * ipc://path, inproc://name; a coordinator's address ends in #<public key>, 64
 * hexadecimal digits. News come from the same address with the port plus one
 * (tcp, tls+tcp, ws) or with ".news" appended (ipc, inproc). */
enum { MDL_URL_MAX = 512 };

/* Take an address apart: url without the key, key (32 bytes, zeros and *has_key
 * = 0 when there is none), and the address of news. MDL_ESYNTAX with a sentence. */
mdl_err mdl_address_parse(const char *text, char url[MDL_URL_MAX], char news[MDL_URL_MAX], uint8_t key[32],
                          int *has_key, char *error, size_t error_size);

/* TLS files, PEM; NULL where not used. A client pins `ca` (a CA or the server's
 * own certificate); a server shows `cert` with `key`. */
typedef struct mdl_tls_files {
    const char *ca, *cert, *key;
} mdl_tls_files;

/* ---- server: answers calls, publishes news ---- */
typedef struct mdl_server mdl_server;
typedef struct mdl_call mdl_call; /* one call: replied to exactly once, or dropped */

typedef struct mdl_server_options {
    const char *const *listen; /* addresses */
    uint32_t listen_count;
    mdl_tls_files tls;
    size_t receive_max; /* bytes of a call; longer ones close the peer's connection */
    uint32_t calls_max; /* under way at once, 1..4096 */
    void (*on_call)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
    void *ctx;
} mdl_server_options;

/* On failure *out is NULL and `error` a sentence naming the address. The bound
 * port of tcp://host:0 is found with mdl_server_url(). */
mdl_err mdl_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_server **out, char *error,
                        size_t error_size);
const char *mdl_server_url(const mdl_server *s, uint32_t i);
/* `bytes` in on_call are valid until it returns. Replying copies. */
void mdl_call_reply(mdl_call *call, const uint8_t *bytes, size_t size);
void mdl_call_drop(mdl_call *call);
void mdl_server_publish(mdl_server *s, const uint8_t *bytes, size_t size);
/* Calls not replied to are dropped; closed() comes later on the loop. */
void mdl_server_close(mdl_server *s, void (*closed)(void *ctx), void *ctx);

/* ---- client: makes calls, hears news ---- */
typedef struct mdl_client mdl_client;

typedef struct mdl_client_options {
    const char *url, *news; /* news may be NULL */
    mdl_tls_files tls;
    size_t receive_max;
    uint32_t calls_max; /* under way at once */
    /* status MDL_OK with the reply, else MDL_EIO (timed out or not connected). */
    void (*on_reply)(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size);
    void (*on_news)(void *ctx, const uint8_t *bytes, size_t size);
    void (*on_link)(void *ctx, int connected);
    void *ctx;
} mdl_client_options;

/* Connects in the background and reconnects by itself with backoff. */
mdl_err mdl_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_client **out, char *error,
                        size_t error_size);
/* MDL_ESIZE when calls_max are under way. nng resends a call whose connection
 * broke: the peer may see it twice. */
mdl_err mdl_client_call(mdl_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms);
void mdl_client_close(mdl_client *c, void (*closed)(void *ctx), void *ctx);

#endif
