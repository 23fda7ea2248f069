#include "runtime/transport_stream.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

enum { GREETING = 8, FIRST_CAPACITY = 4096, KEEPALIVE_S = 30, WRITE = 64 * 1024 };

/* What the socket did not take at once. */
typedef struct outgoing {
    uv_write_t write;
    uint8_t *bytes;
} outgoing;

/* One buffer for all reads, of the network and out of TLS: what they bring is used
 * before the next. And one for what goes into TLS. */
static _Thread_local uint8_t scratch[MDL_STREAM_READ], opened[MDL_TLS_RECORD], closed_up[MDL_TLS_RECORD];

mdl_stream *mdl_stream_new(uv_loop_t *loop, mdl_scheme scheme) {
    mdl_stream *s = calloc(1, sizeof *s);
    if (s && scheme == MDL_WS) {
        s->ws = mdl_ws_new();
    }
    if (!s || (scheme == MDL_WS && !s->ws) ||
        (scheme == MDL_IPC ? uv_pipe_init(loop, &s->h.pipe, 0) : uv_tcp_init(loop, &s->h.tcp)) != 0) {
        if (s) {
            mdl_ws_free(s->ws);
        }
        free(s);
        return NULL;
    }
    uv_prepare_init(loop, &s->turn); /* cannot fail */
    s->scheme = scheme;
    s->h.any.data = s->turn.data = s;
    s->why = "";
    return s;
}

static int write_out(mdl_stream *s);

size_t mdl_stream_queued(const mdl_stream *s) { return uv_stream_get_write_queue_size(&s->h.stream) + s->out_size; }

static void handle_closed(uv_handle_t *handle) {
    mdl_stream *s = handle->data;
    if (++s->handles_closed < 2) {
        return;
    }
    mdl_tls_free(s->tls); /* before its configuration */
    if (s->closed) {
        s->closed(s);
    }
    mdl_ws_free(s->ws);
    free(s->body);
    free(s->stash);
    free(s->out);
    free(s);
}

/* What waits and what both protocols say at their end, if it goes at once. */
static void say_farewell(mdl_stream *s) {
    uint8_t farewell[16];
    write_out(s);
    size_t size = 0;
    uint8_t *owned = NULL;
    if (s->tls) {
        mdl_tls_end(s->tls);
        owned = mdl_tls_output(s->tls, &size);
    } else if (s->ws && s->open) {
        size = mdl_ws_farewell(s, farewell);
    }
    if (size > 0 && mdl_stream_queued(s) == 0) {
        uv_buf_t all = {.base = (char *)(owned ? owned : farewell), .len = size};
        uv_try_write(&s->h.stream, &all, 1);
    }
    free(owned);
}

void mdl_stream_close(mdl_stream *s, const char *why) {
    if (!s->closing) {
        say_farewell(s);
        s->closing = 1;
        s->open = 0;
        s->why = why;
        uv_close(&s->h.any, handle_closed);
        uv_close((uv_handle_t *)&s->turn, handle_closed);
    }
}

/* ---- reading starts and stops ---- */

static void arrived(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *out) {
    (void)handle;
    (void)suggested;
    *out = uv_buf_init((char *)scratch, sizeof scratch);
}

/* As it should be now. */
static void watch(mdl_stream *s) {
    int want = !s->closing && !s->paused && !s->choked && !s->asking;
    if (want == s->reading || s->closing) {
        return;
    }
    s->reading = want;
    if (!want) {
        uv_read_stop(&s->h.stream);
        return;
    }
    int rv = uv_read_start(&s->h.stream, allocate, arrived);
    if (rv != 0) {
        s->reading = 0;
        mdl_stream_close(s, uv_strerror(rv));
    }
}

/* ---- sending ---- */

static void unchoke(mdl_stream *s) {
    if (s->choked && mdl_stream_queued(s) <= s->queue_max / 2) {
        s->choked = 0;
        watch(s);
    }
}

static void sent(uv_write_t *write, int status) {
    mdl_stream *s = write->handle->data;
    outgoing *o = write->data;
    free(o->bytes);
    free(o);
    if (status != 0) {
        mdl_stream_close(s, uv_strerror(status));
    } else {
        unchoke(s);
    }
}

/* All of s->out but its first `taken` bytes, when the socket takes them. 0 or the error. */
static int write_later(mdl_stream *s, size_t taken) {
    outgoing *o = malloc(sizeof *o);
    if (!o) {
        return UV_ENOMEM;
    }
    *o = (outgoing){.bytes = s->out, .write.data = o};
    uv_buf_t rest = uv_buf_init((char *)s->out + taken, (unsigned)(s->out_size - taken));
    int rv = uv_write(&o->write, &s->h.stream, &rest, 1, sent);
    if (rv != 0) {
        free(o);
        return rv;
    }
    s->out = NULL;
    s->out_capacity = 0;
    return 0;
}

static int write_out(mdl_stream *s) {
    uv_prepare_stop(&s->turn);
    if (s->out_size == 0) {
        return 0;
    }
    int rv = 0;
    size_t taken = 0;
    if (uv_stream_get_write_queue_size(&s->h.stream) == 0) {
        uv_buf_t all = uv_buf_init((char *)s->out, (unsigned)s->out_size);
        rv = uv_try_write(&s->h.stream, &all, 1);
        taken = rv > 0 ? (size_t)rv : 0;
        rv = rv > 0 || rv == UV_EAGAIN ? 0 : rv;
    }
    if (rv == 0 && taken < s->out_size) {
        rv = write_later(s, taken);
    }
    s->out_size = 0;
    if (s->out_capacity > WRITE) { /* long ones are rare */
        free(s->out);
        s->out = NULL;
        s->out_capacity = 0;
    }
    return rv;
}

static void flush(mdl_stream *s) {
    int rv = write_out(s);
    if (rv != 0) {
        mdl_stream_close(s, uv_strerror(rv));
    } else {
        unchoke(s);
    }
}

static void turned(uv_prepare_t *turn) { flush(turn->data); }

/* Room for so many more bytes to send. 0: out of memory, closed. */
static int make_room(mdl_stream *s, size_t size) {
    if (mdl_stream_queued(s) == 0) {
        s->moved_ms = uv_now(s->h.any.loop);
    }
    if (s->out_capacity - s->out_size < size) {
        size_t capacity = s->out_capacity < FIRST_CAPACITY ? FIRST_CAPACITY : s->out_capacity * 2;
        capacity = capacity < s->out_size + size ? s->out_size + size : capacity;
        uint8_t *more = realloc(s->out, capacity);
        if (!more) {
            mdl_stream_close(s, "out of memory");
            return 0;
        }
        s->out = more;
        s->out_capacity = capacity;
    }
    return 1;
}

static void put(mdl_stream *s, const void *bytes, size_t size) {
    if (size > 0) {
        memcpy(s->out + s->out_size, bytes, size);
        s->out_size += size;
    }
}

/* A message has been put: it goes before the loop waits again, with all others of its turn. 0: closed. */
static int put_whole(mdl_stream *s) {
    if (s->out_size >= WRITE) {
        flush(s);
    } else if (!uv_is_active((uv_handle_t *)&s->turn)) {
        uv_prepare_start(&s->turn, turned);
    }
    return !s->closing;
}

int mdl_stream_post(mdl_stream *s, uint8_t *bytes, size_t size) {
    int room = make_room(s, size);
    if (room) {
        put(s, bytes, size);
    }
    free(bytes);
    return room && put_whole(s);
}

/* What TLS has ready for the network. 0: closed. */
static int flush_tls(mdl_stream *s) {
    size_t size;
    uint8_t *bytes = mdl_tls_output(s->tls, &size);
    return bytes ? mdl_stream_post(s, bytes, size) : 1;
}

/* In records as full as they can be. */
static int send_by_tls(mdl_stream *s, const uv_buf_t *part, size_t parts) {
    size_t used = 0;
    int rv = 0;
    for (size_t i = 0; i < parts && rv == 0; i++) {
        for (size_t at = 0; at < part[i].len && rv == 0;) {
            size_t n = part[i].len - at < sizeof closed_up - used ? part[i].len - at : sizeof closed_up - used;
            memcpy(closed_up + used, part[i].base + at, n);
            at += n;
            used += n;
            if (used == sizeof closed_up) {
                rv = mdl_tls_write(s->tls, closed_up, used);
                used = 0;
            }
        }
    }
    if (rv == 0) {
        rv = mdl_tls_write(s->tls, closed_up, used);
    }
    if (rv != 0) {
        mdl_stream_close(s, mdl_tls_why(s->tls));
        return 0;
    }
    return flush_tls(s);
}

static int send_parts(mdl_stream *s, const uv_buf_t *part, size_t parts) {
    if (s->tls) {
        return send_by_tls(s, part, parts);
    }
    size_t size = 0;
    for (size_t i = 0; i < parts; i++) {
        size += part[i].len;
    }
    if (!make_room(s, size)) {
        return 0;
    }
    for (size_t i = 0; i < parts; i++) {
        put(s, part[i].base, part[i].len);
    }
    return put_whole(s);
}

int mdl_stream_send(mdl_stream *s, const void *header, size_t header_size, const void *bytes, size_t size) {
    if (!s->open) {
        return 0;
    }
    if (s->ws) {
        return mdl_ws_send(s, header, header_size, bytes, size);
    }
    int ipc = s->scheme == MDL_IPC;
    uint8_t length[9] = {1};
    for (int i = 0; i < 8; i++) {
        length[1 + i] = (uint8_t)((uint64_t)(header_size + size) >> (56 - 8 * i));
    }
    const uv_buf_t part[3] = {{.base = (char *)length + !ipc, .len = ipc ? 9 : 8},
                              {.base = (char *)header, .len = header_size},
                              {.base = (char *)bytes, .len = size}};
    return send_parts(s, part, 3);
}

/* ---- receiving ---- */

static size_t head_size(const mdl_stream *s) { return !s->open ? GREETING : s->scheme == MDL_IPC ? 9 : 8; }

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
        size = size << 8 | h[head_size(s) - 8 + i];
    }
    if ((s->scheme == MDL_IPC && h[0] != 1) || size > mdl_stream_longest(s)) {
        mdl_stream_close(s, "the other side sent a message that is too long");
        return;
    }
    s->size = (size_t)size;
}

/* Room for some more of the message: memory follows what has come. */
static int grow(mdl_stream *s) {
    if (s->used < s->capacity) {
        return 1;
    }
    size_t capacity = s->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : s->capacity * 2;
    size_t most = s->used + mdl_stream_room(s) < s->size ? s->used + mdl_stream_room(s) : s->size;
    capacity = capacity > most && most >= FIRST_CAPACITY ? most : capacity;
    uint8_t *body = realloc(s->body, capacity);
    if (!body) {
        mdl_stream_close(s, "out of memory");
        return 0;
    }
    s->body = body;
    s->capacity = capacity;
    return 1;
}

size_t mdl_stream_longest(const mdl_stream *s) { return s->large > s->limit ? s->large : s->limit; }

size_t mdl_stream_room(const mdl_stream *s) {
    size_t allowed = s->admitted ? s->allowed : s->limit;
    return s->skipping ? SIZE_MAX : allowed > s->used ? allowed - s->used : 0;
}

void mdl_stream_ask(mdl_stream *s) {
    if (s->admitted) {
        mdl_stream_close(s, "the other side sent more than it said");
        return;
    }
    s->asking = 1;
    s->feeding++;
    s->asked(s, s->body, s->used);
    s->feeding--;
}

int mdl_stream_gather(mdl_stream *s, const uint8_t *bytes, size_t size) {
    MDL_ASSERT(size <= s->size - s->used && size <= mdl_stream_room(s));
    if (s->skipping) {
        s->used += size;
        return 1;
    }
    while (size > 0) {
        if (!grow(s)) {
            return 0;
        }
        size_t n = size < s->capacity - s->used ? size : s->capacity - s->used;
        memcpy(s->body + s->used, bytes, n);
        s->used += n;
        bytes += n;
        size -= n;
    }
    return 1;
}

/* The message is done with. */
static void forget(mdl_stream *s) {
    s->head_used = s->used = s->size = 0;
    s->admitted = s->skipping = 0;
    if (s->capacity > MDL_STREAM_READ) { /* long ones are rare */
        free(s->body);
        s->body = NULL;
        s->capacity = 0;
    }
}

void mdl_stream_offer(mdl_stream *s) {
    static const uint8_t none[1];
    if (!s->skipping && !s->message(s, s->size > 0 ? s->body : none, s->size)) {
        s->paused = 1;
        return;
    }
    forget(s);
}

/* A message that is whole where it lies, behind its head: no copy of it, unless it has to wait. 0: out of memory. */
static int offer_here(mdl_stream *s, const uint8_t *bytes) {
    if (s->message(s, bytes, s->size)) {
        forget(s);
        return 1;
    }
    s->paused = 1;
    return mdl_stream_gather(s, bytes, s->size);
}

/* Use bytes up; returns how many, fewer when paused or closing. */
static size_t feed(mdl_stream *s, const uint8_t *bytes, size_t size) {
    if (s->ws) {
        return mdl_ws_feed(s, bytes, size);
    }
    size_t at = 0;
    while (at < size && !s->closing && !s->paused && !s->asking) {
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
            size_t n = s->size - s->used < size - at ? s->size - s->used : size - at, room = mdl_stream_room(s);
            if (s->used == 0 && n == s->size && n <= room && !s->skipping) {
                if (!offer_here(s, bytes + at)) {
                    break;
                }
                at += n;
                continue;
            }
            if (room == 0) {
                mdl_stream_ask(s);
                continue;
            }
            n = n < room ? n : room;
            if (!mdl_stream_gather(s, bytes + at, n)) {
                break;
            }
            at += n;
        }
        if (!s->closing && s->open && s->head_used == head_size(s) && s->used == s->size) {
            mdl_stream_offer(s);
        }
    }
    return at;
}

/* Bytes for the messages: what cannot be used while it is paused is kept. That is at most
 * a read, and what TLS held of a record. */
static void take(mdl_stream *s, const uint8_t *bytes, size_t size) {
    size_t used = s->paused || s->asking ? 0 : feed(s, bytes, size), left = size - used;
    if (left == 0 || s->closing) {
        return;
    }
    if (s->stash_capacity - s->stash_size < left) {
        uint8_t *more = realloc(s->stash, s->stash_size + left);
        if (!more) {
            mdl_stream_close(s, "out of memory");
            return;
        }
        s->stash = more;
        s->stash_capacity = s->stash_size + left;
    }
    memcpy(s->stash + s->stash_size, bytes + used, left);
    s->stash_size += left;
}

static void greet(mdl_stream *s) {
    uint8_t greeting[GREETING] = {0, 'S', 'P', 0, (uint8_t)(s->mine >> 8), (uint8_t)s->mine, 0, 0};
    const uv_buf_t part = {.base = (char *)greeting, .len = GREETING};
    s->greeted = 1;
    send_parts(s, &part, 1);
}

/* Bytes that TLS has been given. */
static void take_by_tls(mdl_stream *s) {
    int rv = mdl_tls_handshake(s->tls);
    if (flush_tls(s) && rv > 0 && !s->greeted) {
        greet(s);
    }
    while (rv > 0 && !s->closing && (rv = mdl_tls_read(s->tls, opened, sizeof opened)) > 0) {
        take(s, opened, (size_t)rv);
    }
    if (!s->closing && flush_tls(s) && rv < 0) {
        mdl_stream_close(s, mdl_tls_why(s->tls));
    }
}

static void arrived(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
    mdl_stream *s = stream->data;
    (void)buffer;
    if (got < 0) {
        mdl_stream_close(s, got == UV_EOF ? "the other side closed the connection" : uv_strerror((int)got));
        return;
    }
    if (got == 0) {
        return;
    }
    s->heard_ms = uv_now(stream->loop);
    if (s->tls) {
        mdl_tls_receive(s->tls, scratch, (size_t)got);
        take_by_tls(s);
    } else {
        take(s, scratch, (size_t)got);
    }
    s->choked = s->queue_max > 0 && !s->closing && mdl_stream_queued(s) > s->queue_max;
    watch(s);
}

/* What was kept while it was paused, then the network again. */
static void go_on(mdl_stream *s) {
    if (s->feeding) {
        return; /* whoever feeds goes on by itself */
    }
    if (s->stash && !s->paused && !s->asking && !s->closing) {
        size_t used = feed(s, s->stash, s->stash_size);
        s->stash_size -= used;
        memmove(s->stash, s->stash + used, s->stash_size);
        if (s->stash_size == 0) {
            free(s->stash);
            s->stash = NULL;
            s->stash_capacity = 0;
        }
    }
    watch(s);
}

void mdl_stream_resume(mdl_stream *s) {
    if (!s->closing && s->paused) {
        s->paused = 0;
        mdl_stream_offer(s);
        go_on(s);
    } else if (!s->closing && s->asking) {
        mdl_stream_ask(s);
        go_on(s);
    }
}

void mdl_stream_admit(mdl_stream *s, size_t size) {
    if (s->closing) {
        return;
    }
    MDL_ASSERT(s->asking);
    if (size < s->size || size > mdl_stream_longest(s)) {
        mdl_stream_close(s, "the other side sent more than it said");
        return;
    }
    s->asking = 0;
    s->admitted = 1;
    s->admitted_ms = uv_now(s->h.any.loop);
    s->allowed = size;
    go_on(s);
}

void mdl_stream_skip(mdl_stream *s) {
    if (!s->closing) {
        MDL_ASSERT(s->asking);
        s->asking = 0;
        s->skipping = 1;
        s->admitted_ms = uv_now(s->h.any.loop);
        go_on(s);
    }
}

void mdl_stream_start(mdl_stream *s) {
    MDL_ASSERT(s->ready && s->message && s->limit > 0 && (s->asked || s->large == 0));
    if (s->scheme != MDL_IPC) {
        uv_tcp_nodelay(&s->h.tcp, 1);
        uv_tcp_keepalive(&s->h.tcp, 1, KEEPALIVE_S);
    }
    s->since_ms = s->heard_ms = uv_now(s->h.any.loop);
    if (s->scheme == MDL_TLS) {
        s->tls = mdl_tls_new(s->tls_config);
        if (!s->tls) {
            mdl_stream_close(s, "out of memory");
            return;
        }
        take_by_tls(s); /* a client speaks first */
    } else if (s->ws) {
        mdl_ws_start(s);
    } else {
        greet(s);
    }
    watch(s);
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
    } else if ((s->admitted || s->skipping) && !s->paused &&
               now - s->admitted_ms >= s->large_ms + mdl_stream_longest(s) / MDL_LARGE_RATE) {
        mdl_stream_close(s, "the other side is too slow");
    }
}
