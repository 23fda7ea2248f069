/* Inside the transport: addresses taken apart, and limits. */
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

typedef char mdl_url[MDL_URL_MAX];
typedef enum mdl_scheme { MDL_TCP, MDL_TLS, MDL_WS, MDL_IPC } mdl_scheme;

/* Of an address that mdl_address_parse() took. */
mdl_scheme mdl_address_scheme(const char *url);
/* The host of a tcp, tls+tcp or ws url without its brackets; MDL_ESIZE when `out` is too small. */
mdl_err mdl_address_host(const char *url, char *out, size_t out_size);
/* The url with its port replaced; `url` has one. MDL_ESIZE. */
mdl_err mdl_address_with_port(const char *url, uint32_t port, char out[MDL_URL_MAX]);
/* The port, 0..65535, or -1 when the scheme has none. */
int32_t mdl_address_port(const char *url);

#endif
