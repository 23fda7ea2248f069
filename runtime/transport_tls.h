/* Inside the transport: TLS 1.2 by mbedTLS, as a machine of bytes to bytes that
 * knows of no socket. Never waits. On the loop's thread alone. */
#ifndef MDL_RUNTIME_TRANSPORT_TLS_H
#define MDL_RUNTIME_TRANSPORT_TLS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/transport.h"

enum {
    MDL_PEM_MAX = 64 * 1024,   /* bytes of a PEM file                  */
    MDL_TLS_RECORD = 16 * 1024 /* bytes that one record holds at most  */
};

/* ---- what connections share ---- */

typedef struct mdl_tls_config mdl_tls_config;

/* With the files' contents. On failure *out is NULL and `error` a sentence. MDL_EKEY (a
 * file that is needed is not given), MDL_ENOENT, MDL_EIO, MDL_ESIZE, MDL_ETYPE,
 * MDL_ESYNTAX (not PEM), MDL_ENOMEM. A client that dials a name compares it. */
mdl_err mdl_tls_config_server(const mdl_tls_files *files, mdl_tls_config **out, char *error, size_t error_size);
mdl_err mdl_tls_config_client(const mdl_tls_files *files, const char *url, mdl_tls_config **out, char *error,
                              size_t error_size);
/* After all its connections; NULL is harmless. */
void mdl_tls_config_free(mdl_tls_config *c);

/* ---- one connection ---- */

typedef struct mdl_tls mdl_tls;

/* NULL when out of memory. `config` outlives it. About 34 KiB. */
mdl_tls *mdl_tls_new(const mdl_tls_config *config);
void mdl_tls_free(mdl_tls *t);
/* Bytes from the network, kept by reference: read until 0 comes back before they go. */
void mdl_tls_receive(mdl_tls *t, const uint8_t *bytes, size_t size);
/* Go on with the handshake. 1: it is over; 0: bytes of the network are needed; -1: failed. */
int mdl_tls_handshake(mdl_tls *t);
/* After it: up to `size` bytes of content. 0: more of the network is needed; -1: the end. */
int mdl_tls_read(mdl_tls *t, uint8_t *out, size_t size);
/* After it: encrypt. 0, or -1 when out of memory or broken. A record for each
 * MDL_TLS_RECORD bytes. */
int mdl_tls_write(mdl_tls *t, const uint8_t *bytes, size_t size);
/* Say that nothing follows, for the output; harmless at any time. */
void mdl_tls_end(mdl_tls *t);
/* What is to be sent: the caller's to free(), or NULL when there is nothing. */
uint8_t *mdl_tls_output(mdl_tls *t, size_t *size);
/* Why it failed or ended, for people. */
const char *mdl_tls_why(const mdl_tls *t);

#endif
