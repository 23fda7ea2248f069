/* WebSocket under a stream, in nng's mapping: the upgrade names the listening side's
 * protocol as the subprotocol, and a message is a binary message, in frames of at most
 * what nng takes. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "runtime/transport_stream.h"
#include "runtime/websocket.h"

enum {
    FRAME_MAX = 1024 * 1024, /* bytes of content in a frame of ours */
    PONG_QUEUE = 64 * 1024,  /* no ping is answered while more waits */
    GOING_AWAY = 1001
};

struct mdl_ws {
    char key[MDL_WS_KEY_CHARS + 1];
    uint8_t head[MDL_WS_HEAD_MAX]; /* of a frame */
    size_t head_used;
    mdl_ws_frame frame;
    uint64_t left;  /* of the frame's content */
    int in_frame;   /* its head is whole      */
    int in_message; /* more frames follow     */
    uint8_t control[MDL_WS_CONTROL_MAX];
    size_t control_used;
    uint8_t *http; /* of the upgrade; NULL after it */
    size_t http_used;
};

mdl_ws *mdl_ws_new(void) {
    mdl_ws *w = calloc(1, sizeof *w);
    if (w) {
        w->http = malloc(MDL_WS_HTTP_MAX);
    }
    if (w && !w->http) {
        free(w);
        w = NULL;
    }
    return w;
}

void mdl_ws_free(mdl_ws *w) {
    if (w) {
        free(w->http);
        free(w);
    }
}

static int is_server(const mdl_stream *s) { return s->mine == MDL_SP_REP || s->mine == MDL_SP_PUB; }

/* Of the side that listens. */
static const char *protocol(const mdl_stream *s) {
    return s->mine == MDL_SP_REP || s->theirs == MDL_SP_REP ? "rep.sp.nanomsg.org" : "pub.sp.nanomsg.org";
}

/* ---- the upgrade ---- */

/* Where the path of a ws url begins, perhaps at its end. */
static const char *path_of(const char *url) { return url + strlen("ws://") + strcspn(url + strlen("ws://"), "/"); }

static const char *path_or_root(const char *url) { return *path_of(url) ? path_of(url) : "/"; }

static int send_text(mdl_stream *s, const char *text) {
    size_t size = strlen(text);
    uint8_t *copy = malloc(size);
    if (!copy) {
        mdl_stream_close(s, "out of memory");
        return 0;
    }
    memcpy(copy, text, size);
    return mdl_stream_post(s, copy, size);
}

void mdl_ws_start(mdl_stream *s) {
    if (is_server(s)) {
        return;
    }
    uint8_t random[16];
    char text[2 * MDL_URL_MAX + 256];
    const char *host = s->url + strlen("ws://");
    randombytes_buf(random, sizeof random);
    mdl_ws_key(random, s->ws->key);
    snprintf(text, sizeof text,
             "GET %s HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
             path_or_root(s->url), (int)(path_of(s->url) - host), host, s->ws->key, protocol(s));
    send_text(s, text);
}

static void refuse(mdl_stream *s, int status) {
    char text[160];
    const char *reason = status == 404   ? "Not Found"
                         : status == 405 ? "Method Not Allowed"
                         : status == 426 ? "Upgrade Required"
                         : status == 431 ? "Request Header Fields Too Large"
                         : status == 505 ? "HTTP Version Not Supported"
                                         : "Bad Request";
    snprintf(text, sizeof text, "HTTP/1.1 %d %s\r\n%sContent-Length: 0\r\nConnection: close\r\n\r\n", status, reason,
             status == 426   ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             : status == 405 ? "Allow: GET\r\n"
                             : "");
    if (send_text(s, text)) {
        mdl_stream_close(s, "the other side asked for something else");
    }
}

static void answered(mdl_stream *s, size_t *used) {
    mdl_ws *w = s->ws;
    char accept[MDL_WS_ACCEPT_CHARS + 1];
    mdl_ws_accept(w->key, accept);
    int status = mdl_ws_answer_read(w->http, w->http_used, accept, protocol(s), used);
    if (status == 101) {
        s->open = 1;
    } else if (status == 404) {
        mdl_stream_close(s, "nothing is served at that path");
    } else if (status > 0) {
        mdl_stream_close(s, "the other side refuses a WebSocket");
    } else if (status < 0) {
        mdl_stream_close(s, "the other side speaks another protocol");
    }
}

static void asked(mdl_stream *s, size_t *used) {
    mdl_ws *w = s->ws;
    int status = mdl_ws_request_read(w->http, w->http_used, path_or_root(s->url), protocol(s), w->key, used);
    if (status == 101) {
        char accept[MDL_WS_ACCEPT_CHARS + 1], text[256];
        mdl_ws_accept(w->key, accept);
        snprintf(text, sizeof text,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                 accept, protocol(s));
        s->open = send_text(s, text);
    } else if (status != 0) {
        refuse(s, status);
    }
}

/* Bytes before the upgrade; returns how many belong to it. */
static size_t feed_http(mdl_stream *s, const uint8_t *bytes, size_t size) {
    mdl_ws *w = s->ws;
    size_t before = w->http_used, n = MDL_WS_HTTP_MAX - before, used = 0;
    n = n < size ? n : size;
    memcpy(w->http + before, bytes, n);
    w->http_used += n;
    if (memchr(bytes, '\n', n) || w->http_used == MDL_WS_HTTP_MAX) {
        if (is_server(s)) {
            asked(s, &used);
        } else {
            answered(s, &used);
        }
    }
    if (!s->open) {
        return n;
    }
    MDL_ASSERT(used > before);
    free(w->http);
    w->http = NULL;
    s->ready(s);
    return used - before;
}

/* ---- frames ---- */

/* A frame whose content is at hand, masked by a client, after its head. */
static size_t put_frame(uint8_t *out, const mdl_stream *s, mdl_ws_opcode opcode, int final, size_t size) {
    mdl_ws_frame f = {.opcode = opcode, .final = final, .masked = !is_server(s), .size = size};
    if (f.masked) {
        randombytes_buf(f.mask, sizeof f.mask);
    }
    return mdl_ws_frame_write(out, &f);
}

/* Mask the content that stands behind a head. */
static void cover(uint8_t *head, size_t head_size, size_t size) {
    if (head[1] & 0x80) {
        mdl_ws_mask(head + head_size, size, head + head_size - 4, 0);
    }
}

int mdl_ws_send(mdl_stream *s, const void *header, size_t header_size, const void *bytes, size_t size) {
    size_t total = header_size + size, frames = total / FRAME_MAX + 1, at = 0, done = 0;
    uint8_t *out = malloc(total + frames * MDL_WS_HEAD_MAX);
    if (!out) {
        mdl_stream_close(s, "out of memory");
        return 0;
    }
    do {
        size_t n = total - done < FRAME_MAX ? total - done : FRAME_MAX;
        size_t head = put_frame(out + at, s, done > 0 ? MDL_WS_MORE : MDL_WS_BINARY, done + n == total, n);
        for (size_t i = 0; i < n;) { /* from the two parts */
            int first = done + i < header_size;
            size_t from = first ? done + i : done + i - header_size;
            size_t part = (first ? header_size : size) - from;
            part = part < n - i ? part : n - i;
            memcpy(out + at + head + i, (const uint8_t *)(first ? header : bytes) + from, part);
            i += part;
        }
        cover(out + at, head, n);
        at += head + n;
        done += n;
    } while (done < total);
    return mdl_stream_post(s, out, at);
}

static void send_control(mdl_stream *s, mdl_ws_opcode opcode, const uint8_t *bytes, size_t size) {
    uint8_t *out = malloc(MDL_WS_HEAD_MAX + size);
    if (!out) {
        mdl_stream_close(s, "out of memory");
        return;
    }
    size_t head = put_frame(out, s, opcode, 1, size);
    if (size > 0) {
        memcpy(out + head, bytes, size);
    }
    cover(out, head, size);
    mdl_stream_post(s, out, head + size);
}

size_t mdl_ws_farewell(const mdl_stream *s, uint8_t out[16]) {
    size_t head = put_frame(out, s, MDL_WS_CLOSE, 1, 2);
    out[head] = GOING_AWAY >> 8;
    out[head + 1] = GOING_AWAY & 255;
    cover(out, head, 2);
    return head + 2;
}

/* A frame's head is whole. */
static void begin_frame(mdl_stream *s) {
    mdl_ws *w = s->ws;
    const mdl_ws_frame *f = &w->frame;
    int control = f->opcode >= MDL_WS_CLOSE;
    if (f->masked != is_server(s) || (!control && w->in_message != (f->opcode == MDL_WS_MORE))) {
        mdl_stream_close(s, "the other side broke the WebSocket protocol");
        return;
    }
    if (!control) {
        if (f->size > mdl_stream_longest(s) - s->used) {
            mdl_stream_close(s, "the other side sent a message that is too long");
            return;
        }
        s->size = s->used + (size_t)f->size;
        w->in_message = !f->final;
    }
    w->in_frame = 1;
    w->left = f->size;
    w->control_used = 0;
}

static void end_frame(mdl_stream *s) {
    mdl_ws *w = s->ws;
    w->in_frame = 0;
    w->head_used = 0;
    switch (w->frame.opcode) {
    case MDL_WS_MORE:
    case MDL_WS_BINARY:
        if (w->frame.final) {
            mdl_stream_offer(s);
        }
        break;
    case MDL_WS_PING:
        if (mdl_stream_queued(s) < PONG_QUEUE) {
            mdl_ws_mask(w->control, w->control_used, w->frame.mask, 0);
            send_control(s, MDL_WS_PONG, w->control, w->control_used);
        }
        break;
    case MDL_WS_CLOSE: /* ours is the farewell */
        mdl_stream_close(s, "the other side closed the connection");
        break;
    case MDL_WS_PONG:
        break;
    }
}

static size_t feed_content(mdl_stream *s, const uint8_t *bytes, size_t size) {
    mdl_ws *w = s->ws;
    size_t n = w->left < size ? (size_t)w->left : size, room = mdl_stream_room(s);
    if (w->frame.opcode >= MDL_WS_CLOSE) {
        memcpy(w->control + w->control_used, bytes, n);
        w->control_used += n;
    } else {
        size_t before = s->used;
        if (room == 0) {
            mdl_stream_ask(s);
            return 0;
        }
        n = n < room ? n : room;
        if (!mdl_stream_gather(s, bytes, n)) {
            return 0;
        }
        if (w->frame.masked && !s->skipping) {
            mdl_ws_mask(s->body + before, n, w->frame.mask, w->frame.size - w->left);
        }
    }
    w->left -= n;
    return n;
}

size_t mdl_ws_feed(mdl_stream *s, const uint8_t *bytes, size_t size) {
    mdl_ws *w = s->ws;
    size_t at = 0;
    while (at < size && !s->closing && !s->paused && !s->asking) {
        if (!s->open) {
            at += feed_http(s, bytes + at, size - at);
            continue;
        }
        if (w->in_frame) {
            at += feed_content(s, bytes + at, size - at);
        } else {
            /* As much as a head may need; what is too much stays where it is. */
            size_t before = w->head_used, n = sizeof w->head - before < size - at ? sizeof w->head - before : size - at;
            memcpy(w->head + before, bytes + at, n);
            int whole = mdl_ws_frame_read(w->head, before + n, &w->frame);
            if (whole < 0) {
                mdl_stream_close(s, "the other side broke the WebSocket protocol");
                break;
            }
            w->head_used = whole ? w->frame.head : before + n;
            at += w->head_used - before;
            if (whole) {
                begin_frame(s);
            }
        }
        if (!s->closing && w->in_frame && w->left == 0) {
            end_frame(s);
        }
    }
    return at;
}
