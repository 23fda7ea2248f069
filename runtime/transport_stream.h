/* A connection that carries messages over TCP or a Unix socket, as nng's SP
 * protocols do, so that either end may be nng's: eight bytes of greeting from both
 * (0 "SP" 0, protocol number, 0), then messages behind their length (u64,
 * big-endian; over a Unix socket behind a byte 1 before it). All on the loop. */
#ifndef MDL_RUNTIME_TRANSPORT_STREAM_H
#define MDL_RUNTIME_TRANSPORT_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"

enum {
    MDL_SP_PUB = 0x20,
    MDL_SP_SUB = 0x21,
    MDL_SP_REQ = 0x30,
    MDL_SP_REP = 0x31,
    MDL_STREAM_READ = 16 * 1024, /* bytes taken off a socket at a time              */
    MDL_GREETING_MS = 10000,     /* a peer that does not greet for so long is cut off */
    MDL_STALL_MS = 20000,        /* nor does one that takes no byte of what waits     */
    MDL_HEADER_HOPS = 8          /* words that say whose a message is                 */
};

typedef struct mdl_stream mdl_stream;

struct mdl_stream {
    union {
        uv_handle_t any;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } h;
    /* The owner's: set before mdl_stream_start(). */
    void *owner;
    uint16_t mine, theirs; /* protocol numbers                    */
    size_t limit;          /* longest message                      */
    void (*ready)(mdl_stream *s);
    /* A whole message, valid until it returns. 1: taken; 0: not now, and nothing more
     * is read until mdl_stream_resume() offers it again. */
    int (*message)(mdl_stream *s, const uint8_t *bytes, size_t size);
    /* The last call; `s` is freed when it returns. */
    void (*closed)(mdl_stream *s);
    mdl_stream *next, **link; /* a list of the owner's */
    uint32_t under_way;       /* the owner's count     */
    int waits;                /* the owner's mark      */
    mdl_stream *waiting;      /* the owner's queue     */

    /* Read by the owner. */
    int open; /* greeted, and not closing           */
    int closing;
    uint64_t since_ms; /* of uv_now(): connected             */
    uint64_t heard_ms; /* the last byte                       */
    const char *why;   /* it closed, for people; never NULL   */

    /* Private. */
    int ipc, paused, reading;
    uint8_t head[9];
    size_t head_used, size, used, capacity, stash_size, written_left;
    uint64_t moved_ms;
    uint8_t *body, *stash;
    uv_connect_t connect;
};

/* A new one with its handle, not connected; NULL when out of memory. From here on it ends
 * with mdl_stream_close(). */
mdl_stream *mdl_stream_new(uv_loop_t *loop, int ipc);
/* Connected or accepted: greet, and read. */
void mdl_stream_start(mdl_stream *s);
/* Copies. 0 when it cannot be sent: not open, or out of memory (the stream is then closed). */
int mdl_stream_send(mdl_stream *s, const void *header, size_t header_size, const void *bytes, size_t size);
/* Bytes that wait to be sent. */
size_t mdl_stream_queued(const mdl_stream *s);
void mdl_stream_resume(mdl_stream *s);
/* Call about once a second: closes what does not greet or take. */
void mdl_stream_tick(mdl_stream *s);
/* `why` is kept by reference. Harmless when it closes already. */
void mdl_stream_close(mdl_stream *s, const char *why);

#endif
