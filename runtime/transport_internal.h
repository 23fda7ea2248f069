/* Inside the transport: addresses taken apart, and the two ways that an address is
 * served. tcp and ipc run on the loop itself (transport_uv_*), over streams of our
 * own that speak as nng does. tls+tcp, ws and inproc are nng's (transport_nng_*).
 *
 * Why not all by nng: in nng 1.5.2, Debian 12's, a connection that is closed while a
 * message is half read or half written may wait for ever in its clean-up, and then
 * no connection of the process is cleaned up or dialled again. */
#ifndef MDL_RUNTIME_TRANSPORT_INTERNAL_H
#define MDL_RUNTIME_TRANSPORT_INTERNAL_H

#include "runtime/transport.h"

enum {
    MDL_CALLS_MAX = 4096,         /* calls_max at most                                    */
    MDL_PEER_MAX = 96,            /* bytes of a peer's name                               */
    MDL_PORT_TRIES = 32,          /* ports tried when the system chooses                  */
    MDL_RECONNECT_MIN_MS = 100,   /* first pause before dialling again                    */
    MDL_RECONNECT_MAX_MS = 15000, /* longest; it doubles, and a random part of it is waited */
};

typedef enum mdl_scheme { MDL_TCP, MDL_TLS, MDL_WS, MDL_IPC, MDL_INPROC } mdl_scheme;

/* Of an address that mdl_address_parse() took. */
mdl_scheme mdl_address_scheme(const char *url);
/* The host of a tcp, tls+tcp or ws url without its brackets; MDL_ESIZE when `out` is too small. */
mdl_err mdl_address_host(const char *url, char *out, size_t out_size);
/* The url with its port replaced; `url` has one. MDL_ESIZE. */
mdl_err mdl_address_with_port(const char *url, uint32_t port, char out[MDL_URL_MAX]);
/* The port, 0..65535, or -1 when the scheme has none. */
int32_t mdl_address_port(const char *url);

/* ---- the server's two ways ---- */

/* What every call begins with. */
struct mdl_call {
    void (*reply)(mdl_call *call, const uint8_t *bytes, size_t size);
    void (*drop)(mdl_call *call);
};

typedef struct mdl_nng_server mdl_nng_server;
typedef struct mdl_uv_server mdl_uv_server;

/* As mdl_server_open(), for some of the addresses: listen[i] is `url` without a key,
 * and becomes the one that is bound. */
typedef char mdl_url[MDL_URL_MAX];
mdl_err mdl_nng_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_url *listen, uint32_t count,
                            mdl_nng_server **out, char *error, size_t error_size);
void mdl_nng_server_publish(mdl_nng_server *s, const uint8_t *bytes, size_t size);
void mdl_nng_server_close(mdl_nng_server *s, void (*closed)(void *ctx), void *ctx);
mdl_err mdl_uv_server_open(uv_loop_t *loop, const mdl_server_options *options, mdl_url *listen, uint32_t count,
                           mdl_uv_server **out, char *error, size_t error_size);
void mdl_uv_server_publish(mdl_uv_server *s, const uint8_t *bytes, size_t size);
void mdl_uv_server_close(mdl_uv_server *s, void (*closed)(void *ctx), void *ctx);

/* ---- the client's ---- */

typedef struct mdl_nng_client mdl_nng_client;
typedef struct mdl_uv_client mdl_uv_client;

mdl_err mdl_nng_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_nng_client **out, char *error,
                            size_t error_size);
mdl_err mdl_nng_client_call(mdl_nng_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms);
const char *mdl_nng_client_trouble(mdl_nng_client *c);
void mdl_nng_client_close(mdl_nng_client *c, void (*closed)(void *ctx), void *ctx);
mdl_err mdl_uv_client_open(uv_loop_t *loop, const mdl_client_options *options, mdl_uv_client **out, char *error,
                           size_t error_size);
mdl_err mdl_uv_client_call(mdl_uv_client *c, uint64_t token, const uint8_t *bytes, size_t size, uint32_t timeout_ms);
const char *mdl_uv_client_trouble(mdl_uv_client *c);
void mdl_uv_client_close(mdl_uv_client *c, void (*closed)(void *ctx), void *ctx);

#endif
