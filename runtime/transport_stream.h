/* A connection that carries messages, as nng's SP protocols do, so that either end may
 * be nng's. Over TCP, TLS and Unix sockets: eight bytes of greeting from both (0 "SP" 0,
 * protocol number, 0), then messages behind their length (u64, big-endian; over a Unix
 * socket behind a byte 1 before it). Over WebSocket: an upgrade that names the protocol
 * (transport_ws.c), then a binary message for each. All on the loop. */
#ifndef MDL_RUNTIME_TRANSPORT_STREAM_H
#define MDL_RUNTIME_TRANSPORT_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"
#include "runtime/transport_internal.h"
#include "runtime/transport_tls.h"

enum {
    MDL_SP_PUB = 0x20,
    MDL_SP_SUB = 0x21,
    MDL_SP_REQ = 0x30,
    MDL_SP_REP = 0x31,
    MDL_STREAM_READ = 16 * 1024, /* bytes taken off a socket at a time                          */
    MDL_GREETING_MS = 10000,     /* a peer that has not greeted by then, TLS and all, is cut off */
    MDL_STALL_MS = 20000,        /* nor does one that takes no byte of what waits               */
    MDL_LARGE_MS = 20000,        /* the rest of a message over the limit, unless said otherwise ...  */
    MDL_LARGE_RATE = 64,         /* ... and a millisecond for so many bytes                     */
    MDL_HEADER_HOPS = 8          /* words that say whose a message is                           */
};

typedef struct mdl_stream mdl_stream;
typedef struct mdl_ws mdl_ws;

struct mdl_stream {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    /* The owner's: set before mdl_stream_start(). */
    void *owner;
    uint16_t mine, theirs;            /* protocol numbers                                      */
    size_t limit;                     /* longest message                                       */
    size_t large;                     /* longest that asked() may let through; 0: none         */
    uint32_t large_ms;                /* its rest must come within this: see MDL_LARGE_RATE    */
    size_t queue_max;                 /* nothing is read while more bytes wait; 0: no limit    */
    const mdl_tls_config *tls_config; /* MDL_TLS                                               */
    const char *url;                  /* MDL_WS: the one dialled or listened at                */
    void (*ready)(mdl_stream *s);
    /* A whole message, valid until it returns. 1: taken; 0: not now, and nothing more
     * is read until mdl_stream_resume() offers it again. */
    int (*message)(mdl_stream *s, const uint8_t *bytes, size_t size);
    /* The first `limit` bytes of a longer message, valid until it returns. Nothing more of it is
     * read, and no memory taken, until mdl_stream_admit() or mdl_stream_skip(), from within or later;
     * mdl_stream_resume() asks again. */
    void (*asked)(mdl_stream *s, const uint8_t *bytes, size_t size);
    /* The last call; `s` is freed when it returns. */
    void (*closed)(mdl_stream *s);
    mdl_stream *next, **link; /* a list of the owner's */
    uint32_t under_way;       /* the owner's count     */
    int waits;                /* the owner's mark      */
    char peer[MDL_PEER_MAX];  /* the owner's name of it */
    mdl_stream *waiting;      /* the owner's queue     */
    void *part;               /* the owner's: of whom a part has come */

    /* Read by the owner. */
    mdl_scheme scheme;
    int open; /* greeted, and not closing           */
    int closing;
    uint64_t since_ms; /* of uv_now(): connected             */
    uint64_t heard_ms; /* the last byte                       */
    const char *why;   /* it closed, for people; never NULL   */

    /* Private. */
    int paused, choked, reading, greeted;
    int asking, admitted, skipping, feeding; /* of a message over the limit */
    size_t allowed;                          /* bytes of it that may be kept */
    uint64_t admitted_ms;
    uint8_t head[9];
    size_t head_used, size, used, capacity, stash_size, stash_capacity, written_left;
    uint64_t moved_ms;
    uint8_t *body, *stash;
    uint8_t *out; /* said in this turn of the loop: one write at its end */
    size_t out_size, out_capacity;
    uv_prepare_t turn;
    int handles_closed;
    mdl_tls *tls;
    mdl_ws *ws;
    uv_connect_t connect;
};

/* A new one with its handle, not connected; NULL when out of memory. From here on it ends
 * with mdl_stream_close(). */
mdl_stream *mdl_stream_new(uv_loop_t *loop, mdl_scheme scheme);
/* Connected or accepted: greet, and read. */
void mdl_stream_start(mdl_stream *s);
/* Copies; it goes out before the loop waits again. 0 when it cannot be sent: not open, or out of memory (the stream is
 * then closed). */
int mdl_stream_send(mdl_stream *s, const void *header, size_t header_size, const void *bytes, size_t size);
/* Bytes that wait to be sent. */
size_t mdl_stream_queued(const mdl_stream *s);
void mdl_stream_resume(mdl_stream *s);
/* After asked(): take the rest of a message of `size` bytes in all, or read it without keeping
 * it. One that turns out longer, or comes too slowly, closes the stream. Harmless when it
 * closes already. */
void mdl_stream_admit(mdl_stream *s, size_t size);
void mdl_stream_skip(mdl_stream *s);
/* Call about once a second: closes what does not greet or take. */
void mdl_stream_tick(mdl_stream *s);
/* `why` is kept by reference. Harmless when it closes already. */
void mdl_stream_close(mdl_stream *s, const char *why);

/* ---- transport_bind.c ---- */

/* Bind a pipe or tcp handle to the address that a url names. 0 or libuv's error. */
int mdl_bind(mdl_scheme scheme, uv_handle_t *handle, const char *url);
/* 0 when it is not known. */
uint32_t mdl_bound_port(const uv_tcp_t *tcp);
/* Fill in t->peer: who is at the other end, for logs. */
void mdl_stream_name(mdl_stream *t);

/* ---- between the stream and its WebSocket ---- */

/* The longest message there may be. */
size_t mdl_stream_longest(const mdl_stream *s);
/* Bytes of the message that may be taken now: 0 when the owner has to be asked. */
size_t mdl_stream_room(const mdl_stream *s);
/* Ask the owner about a message that is over the limit. */
void mdl_stream_ask(mdl_stream *s);
/* Bytes of a message: 1, or 0 when out of memory (closed). s->size is set before. */
int mdl_stream_gather(mdl_stream *s, const uint8_t *bytes, size_t size);
/* The message is whole: offered, and forgotten if taken. */
void mdl_stream_offer(mdl_stream *s);
/* Send these bytes as they are, which become the stream's to free(). 0: closed. */
int mdl_stream_post(mdl_stream *s, uint8_t *bytes, size_t size);

mdl_ws *mdl_ws_new(void); /* NULL when out of memory */
void mdl_ws_free(mdl_ws *w);
/* A client asks for the upgrade; a server waits for that. */
void mdl_ws_start(mdl_stream *s);
/* Use bytes up; returns how many, fewer when paused or closing. */
size_t mdl_ws_feed(mdl_stream *s, const uint8_t *bytes, size_t size);
int mdl_ws_send(mdl_stream *s, const void *header, size_t header_size, const void *bytes, size_t size);
/* What is said at the end: bytes, or 0. */
size_t mdl_ws_farewell(const mdl_stream *s, uint8_t out[16]);

#endif
