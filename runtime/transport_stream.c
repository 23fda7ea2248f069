#include "runtime/transport_stream.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

enum { GREETING = 8, FIRST_CAPACITY = 4096, KEEPALIVE_S = 30 };

typedef struct outgoing {
    uv_write_t write;
    uint8_t bytes[];
} outgoing;

/* One buffer for all reads: what they bring is used before the next. */
static _Thread_local uint8_t scratch[MDL_STREAM_READ];

mdl_stream *mdl_stream_new(uv_loop_t *loop, int ipc) {
    mdl_stream *s = calloc(1, sizeof *s);
    if (!s || (ipc ? uv_pipe_init(loop, &s->h.pipe, 0) : uv_tcp_init(loop, &s->h.tcp)) != 0) {
        free(s);
        return NULL;
    }
    s->ipc = ipc;
    s->h.any.data = s;
    s->why = "";
    return s;
}

static void handle_closed(uv_handle_t *handle) {
    mdl_stream *s = handle->data;
    if (s->closed) {
        s->closed(s);
    }
    free(s->body);
    free(s->stash);
    free(s);
}

void mdl_stream_close(mdl_stream *s, const char *why) {
    if (!s->closing) {
        s->closing = 1;
        s->open = 0;
        s->why = why;
        uv_close(&s->h.any, handle_closed);
    }
}

/* ---- sending ---- */

static void sent(uv_write_t *write, int status) {
    mdl_stream *s = write->handle->data;
    free(write->data);
    if (status != 0) {
        mdl_stream_close(s, uv_strerror(status));
    }
}

static int send_bytes(mdl_stream *s, const uv_buf_t *part, size_t parts) {
    size_t size = 0;
    for (size_t i = 0; i < parts; i++) {
        size += part[i].len;
    }
    outgoing *o = malloc(sizeof *o + size);
    if (!o) {
        mdl_stream_close(s, "out of memory");
        return 0;
    }
    size_t at = 0;
    for (size_t i = 0; i < parts; i++) {
        if (part[i].len > 0) {
            memcpy(o->bytes + at, part[i].base, part[i].len);
            at += part[i].len;
        }
    }
    if (mdl_stream_queued(s) == 0) {
        s->moved_ms = uv_now(s->h.any.loop);
    }
    o->write.data = o;
    uv_buf_t all = {.base = (char *)o->bytes, .len = size};
    int rv = uv_write(&o->write, &s->h.stream, &all, 1, sent);
    if (rv != 0) {
        free(o);
        mdl_stream_close(s, uv_strerror(rv));
        return 0;
    }
    return 1;
}

size_t mdl_stream_queued(const mdl_stream *s) { return uv_stream_get_write_queue_size(&s->h.stream); }

int mdl_stream_send(mdl_stream *s, const void *header, size_t header_size, const void *bytes, size_t size) {
    if (!s->open) {
        return 0;
    }
    uint8_t length[9] = {1};
    for (int i = 0; i < 8; i++) {
        length[1 + i] = (uint8_t)((uint64_t)(header_size + size) >> (56 - 8 * i));
    }
    const uv_buf_t part[3] = {{.base = (char *)length + !s->ipc, .len = s->ipc ? 9 : 8},
                              {.base = (char *)header, .len = header_size},
                              {.base = (char *)bytes, .len = size}};
    return send_bytes(s, part, 3);
}

/* ---- receiving ---- */

static size_t head_size(const mdl_stream *s) { return !s->open ? GREETING : s->ipc ? 9 : 8; }

/* The greeting, or a length, is whole. */
static void take_head(mdl_stream *s) {
    const uint8_t *h = s->head;
    if (!s->open) {
        if (h[0] != 0 || h[1] != 'S' || h[2] != 'P' || h[3] != 0 || h[6] != 0 || h[7] != 0 ||
            (h[4] << 8 | h[5]) != s->theirs) {
            mdl_stream_close(s, "the other side speaks another protocol");
            return;
        }
        s->open = 1;
        s->head_used = 0;
        s->ready(s);
        return;
    }
    uint64_t size = 0;
    for (size_t i = 0; i < 8; i++) {
        size = size << 8 | h[(size_t)s->ipc + i];
    }
    if ((s->ipc && h[0] != 1) || size > s->limit) {
        mdl_stream_close(s, "the other side sent a message that is too long");
        return;
    }
    s->size = (size_t)size;
    s->used = 0;
}

/* Room for some more of the message: memory follows what has come. */
static int grow(mdl_stream *s) {
    if (s->used < s->capacity) {
        return 1;
    }
    size_t capacity = s->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : s->capacity * 2;
    capacity = capacity > s->size && s->size >= FIRST_CAPACITY ? s->size : capacity;
    uint8_t *body = realloc(s->body, capacity);
    if (!body) {
        mdl_stream_close(s, "out of memory");
        return 0;
    }
    s->body = body;
    s->capacity = capacity;
    return 1;
}

/* The message that is whole: offered, and forgotten if taken. */
static void offer(mdl_stream *s) {
    static const uint8_t none[1];
    if (!s->message(s, s->size > 0 ? s->body : none, s->size)) {
        s->paused = 1;
        return;
    }
    s->head_used = 0;
    if (s->capacity > MDL_STREAM_READ) { /* long ones are rare */
        free(s->body);
        s->body = NULL;
        s->capacity = 0;
    }
}

/* Use bytes up; returns how many, fewer when paused or closing. */
static size_t feed(mdl_stream *s, const uint8_t *bytes, size_t size) {
    size_t at = 0;
    while (at < size && !s->closing && !s->paused) {
        size_t want = head_size(s);
        if (s->head_used < want) {
            size_t n = want - s->head_used < size - at ? want - s->head_used : size - at;
            memcpy(s->head + s->head_used, bytes + at, n);
            s->head_used += n;
            at += n;
            if (s->head_used == want) {
                take_head(s);
            }
        } else if (s->used < s->size) {
            if (!grow(s)) {
                break;
            }
            size_t n = s->capacity < s->size ? s->capacity - s->used : s->size - s->used;
            n = n < size - at ? n : size - at;
            memcpy(s->body + s->used, bytes + at, n);
            s->used += n;
            at += n;
        }
        if (!s->closing && s->open && s->head_used == head_size(s) && s->used == s->size) {
            offer(s);
        }
    }
    return at;
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    (void)handle;
    (void)suggested;
    *out = uv_buf_init((char *)scratch, sizeof scratch);
}

static void arrived(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    mdl_stream *s = stream->data;
    (void)buffer;
    if (got < 0) {
        mdl_stream_close(s, got == UV_EOF ? "the other side closed the connection" : uv_strerror((int)got));
        return;
    }
    size_t size = (size_t)got;
    s->heard_ms = uv_now(stream->loop);
    size_t used = feed(s, scratch, size);
    if (s->paused && !s->closing) {
        uv_read_stop(stream);
        s->reading = 0;
        if (used < size) {
            s->stash = malloc(size - used);
            if (!s->stash) {
                mdl_stream_close(s, "out of memory");
                return;
            }
            memcpy(s->stash, scratch + used, size - used);
            s->stash_size = size - used;
        }
    }
}

void mdl_stream_resume(mdl_stream *s) {
    if (s->closing || !s->paused) {
        return;
    }
    s->paused = 0;
    offer(s);
    if (s->stash && !s->paused && !s->closing) {
        size_t used = feed(s, s->stash, s->stash_size);
        s->stash_size -= used;
        memmove(s->stash, s->stash + used, s->stash_size);
        if (s->stash_size == 0) {
            free(s->stash);
            s->stash = NULL;
        }
    }
    if (!s->paused && !s->closing && !s->reading) {
        int rv = uv_read_start(&s->h.stream, allocate, arrived);
        s->reading = rv == 0;
        if (rv != 0) {
            mdl_stream_close(s, uv_strerror(rv));
        }
    }
}

void mdl_stream_start(mdl_stream *s) {
    MDL_ASSERT(s->ready && s->message && s->limit > 0);
    if (!s->ipc) {
        uv_tcp_nodelay(&s->h.tcp, 1);
        uv_tcp_keepalive(&s->h.tcp, 1, KEEPALIVE_S);
    }
    s->since_ms = s->heard_ms = uv_now(s->h.any.loop);
    uint8_t greeting[GREETING] = {0, 'S', 'P', 0, (uint8_t)(s->mine >> 8), (uint8_t)s->mine, 0, 0};
    const uv_buf_t part = {.base = (char *)greeting, .len = GREETING};
    if (!send_bytes(s, &part, 1)) {
        return;
    }
    int rv = uv_read_start(&s->h.stream, allocate, arrived);
    s->reading = rv == 0;
    if (rv != 0) {
        mdl_stream_close(s, uv_strerror(rv));
    }
}

void mdl_stream_tick(mdl_stream *s) {
    uint64_t now = uv_now(s->h.any.loop);
    size_t left = mdl_stream_queued(s);
    if (left == 0 || left != s->written_left) {
        s->moved_ms = now;
    }
    s->written_left = left;
    if (!s->closing && !s->open && now - s->since_ms >= MDL_GREETING_MS) {
        mdl_stream_close(s, "the other side does not greet");
    } else if (s->open && now - s->moved_ms >= MDL_STALL_MS) {
        mdl_stream_close(s, "the other side takes nothing");
    }
}
