/* What the transport uses of WebSocket (RFC 6455): the upgrade of an HTTP
 * connection, and frames. Binary messages alone, no extensions. Pure. */
#ifndef MDL_RUNTIME_WEBSOCKET_H
#define MDL_RUNTIME_WEBSOCKET_H

#include <stddef.h>
#include <stdint.h>

enum {
    MDL_WS_HTTP_MAX = 4096, /* bytes of a request or an answer, its blank line included */
    MDL_WS_LINES_MAX = 64,
    MDL_WS_KEY_CHARS = 24,
    MDL_WS_ACCEPT_CHARS = 28,
    MDL_WS_HEAD_MAX = 14,    /* bytes before a frame's content */
    MDL_WS_CONTROL_MAX = 125 /* bytes in a control frame       */
};

typedef enum mdl_ws_opcode {
    MDL_WS_MORE = 0, /* goes on with the message before */
    MDL_WS_BINARY = 2,
    MDL_WS_CLOSE = 8,
    MDL_WS_PING = 9,
    MDL_WS_PONG = 10
} mdl_ws_opcode;

typedef struct mdl_ws_frame {
    mdl_ws_opcode opcode;
    int final, masked;
    uint8_t mask[4];
    uint64_t size; /* bytes of content        */
    size_t head;   /* bytes before the content */
} mdl_ws_frame;

/* Read what comes before a frame's content. 1: whole; 0: more bytes are needed; -1: not
 * well formed (a reserved bit, another opcode, text among them, a length that is not the
 * shortest, a control frame that is long or in parts). */
int mdl_ws_frame_read(const uint8_t *bytes, size_t size, mdl_ws_frame *out);
/* The reverse; returns the bytes written. frame->head is not used. */
size_t mdl_ws_frame_write(uint8_t out[MDL_WS_HEAD_MAX], const mdl_ws_frame *frame);
/* Mask or unmask; bytes[0] is the content's byte `offset`. */
void mdl_ws_mask(uint8_t *bytes, size_t size, const uint8_t mask[4], uint64_t offset);

/* A client's key for 16 random bytes, and the server's proof that it has read it.
 * Both with a terminator. */
void mdl_ws_key(const uint8_t random[16], char key[MDL_WS_KEY_CHARS + 1]);
void mdl_ws_accept(const char key[MDL_WS_KEY_CHARS], char accept[MDL_WS_ACCEPT_CHARS + 1]);

/* Read a client's request for `path` and the subprotocol `protocol`.
 * Returns 101 with its key (terminated) and the bytes it took; 0 when more bytes are
 * needed; else the status to refuse it with: 400 (not well formed, a body, another
 * subprotocol), 404 (another path), 405 (not GET), 426 (no WebSocket of version 13), 431
 * (too large), 505. */
int mdl_ws_request_read(const uint8_t *bytes, size_t size, const char *path, const char *protocol,
                        char key[MDL_WS_KEY_CHARS + 1], size_t *used);
/* Read a server's answer. Returns 101 with the bytes it took; 0; the other status
 * that the server gave; -1 when it is not well formed or not an answer to the request. */
int mdl_ws_answer_read(const uint8_t *bytes, size_t size, const char *accept, const char *protocol, size_t *used);

#endif
