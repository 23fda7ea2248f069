/* Transport: calls and news as nng's req/rep and pub/sub, on a libuv loop. PROTOCOL
 * section 1. All of it is ours (why: DECISIONS 17); on the wire it is nng's, and either
 * end may be nng.
 *
 * Every callback below runs on the loop's thread, and every function must be
 * called there. SIGPIPE is ignored from the first opening on. */
#ifndef MDL_RUNTIME_TRANSPORT_H
#define MDL_RUNTIME_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"

/* Addresses: tcp://host:port, tls+tcp://host:port, ws://host:port/path,
 * ipc://path; a coordinator's address ends in #<public key>, 64 hexadecimal digits. News
 * come from the same address with the port plus one (tcp, tls+tcp, ws) or with ".news"
 * appended (ipc). */
enum { MDL_URL_MAX = 512 };

/* Take an address apart: url without the key, key (32 bytes, zeros and *has_key
 * = 0 when there is none), and the address of news. MDL_ESYNTAX with a sentence. */
mdl_err mdl_address_parse(const char *text, char url[MDL_URL_MAX], char news[MDL_URL_MAX], uint8_t key[32],
                          int *has_key, char *error, size_t error_size);

/* TLS files, PEM; NULL where not used. A client pins `ca` (a CA or the server's
 * own certificate); a server shows `cert` with `key`. A client that dials a name
 * finds it in the certificate; one that dials an IP address compares no name. A
 * server with `ca` asks clients for a certificate of it. */
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
    size_t
        receive_max;  /* bytes of a call; longer ones close the peer's connection, unless on_large lets them through */
    size_t large_max; /* bytes of one that on_large may let through; 0: none */
    size_t large_total; /* bytes of all those at once, at least large_max; others wait */
    uint32_t large_ms;  /* until the rest of one must have come, and a millisecond for each 64 bytes; 0: 20000 */
    uint32_t calls_max; /* under way at once, 1..4096 */
    uint32_t peers_max; /* connections; those above are closed at once. 0: as many as the system gives */
    /* `peer` is for logs: host:port, "ipc:pid N uid N". */
    void (*on_call)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
    /* The beginning of a call over receive_max, at least so many bytes, valid until it
     * returns. The rest waits in the network: mdl_call_admit() takes it; a reply refuses it, and it
     * is read and thrown away; mdl_call_drop() closes the connection. Now or later. NULL where
     * large_max is 0. */
    void (*on_large)(void *ctx, mdl_call *call, const uint8_t *bytes, size_t size, const char *peer);
    void *ctx;
} mdl_server_options;

/* On failure *out is NULL and `error` a sentence naming the address; the loop may
 * have a handle left to close by itself (for clients too). The bound
 * port of tcp://host:0 is found with mdl_server_url(): without the key, valid
 * until the server is closed. */
mdl_err mdl_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_server **out, char *error,
                        size_t error_size);
const char *mdl_server_url(const mdl_server *s, uint32_t i);
/* `bytes` in on_call are valid until it returns. Replying copies; out of memory
 * it drops. A peer that takes no reply for 20 s is cut off. */
void mdl_call_reply(mdl_call *call, const uint8_t *bytes, size_t size);
void mdl_call_drop(mdl_call *call);
/* Of on_large: take the rest of a call of `size` bytes in all, up to large_max. Memory is
 * taken as bytes arrive; before that the call waits until all large calls together have room. When it is
 * whole, on_call is called with the same `call`, which the transport owns until then; if the connection
 * ends before, it is not. A call that is longer than `size`, or takes longer than
 * large_ms says, ends the connection. */
void mdl_call_admit(mdl_call *call, size_t size);
/* The bytes of a large call are used: their room is others'. Else they hold it until the reply. */
void mdl_call_used(mdl_call *call);
/* Never waits: a slow subscriber misses some. Out of memory nobody gets it. */
void mdl_server_publish(mdl_server *s, const uint8_t *bytes, size_t size);
/* Calls not replied to are dropped, and replying to them does nothing any more;
 * on_call is not called again. closed() comes later on the loop: until then the
 * calls' memory is valid. */
void mdl_server_close(mdl_server *s, void (*closed)(void *ctx), void *ctx);

/* ---- client: makes calls, hears news ---- */
typedef struct mdl_client mdl_client;

typedef struct mdl_client_options {
    const char *url, *news; /* news may be NULL */
    mdl_tls_files tls;
    size_t receive_max;
    uint32_t calls_max; /* under way at once, 1..4096 */
    /* status MDL_OK with the reply, else MDL_EIO (timed out or not connected). */
    void (*on_reply)(void *ctx, uint64_t token, mdl_err status, const uint8_t *bytes, size_t size);
    void (*on_news)(void *ctx, const uint8_t *bytes, size_t size);
    void (*on_link)(void *ctx, int connected); /* of calls, on every change */
    void *ctx;
} mdl_client_options;

/* Connects in the background and reconnects by itself with backoff and jitter. The
 * callbacks may be NULL, on_reply excepted. */
mdl_err mdl_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_client **out, char *error,
                        size_t error_size);
/* Waits for a connection if there is none; copies `bytes`. One on_reply() follows, by
 * timeout_ms (1..86,400,000) at the latest, unless the client is closed before.
 * MDL_ESIZE when calls_max are under way, MDL_ENOMEM. A call whose connection
 * broke is sent again: the peer may see it twice. A
 * call that times out on a connection silent since closes that connection, so
 * that a half-open one is replaced. */
mdl_err mdl_client_call(mdl_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms);
/* Why there is no connection, for people; never NULL, valid until the next call.
 * Empty while nothing is known or all is well. */
const char *mdl_client_trouble(mdl_client *c);
/* No callback but closed() any more. */
void mdl_client_close(mdl_client *c, void (*closed)(void *ctx), void *ctx);

#endif
