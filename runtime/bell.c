#include "runtime/bell.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct mdl_bell {
    uv_poll_t poll;
    uv_file end[2]; /* of a pipe: to read, to write */
    atomic_int pending;
    void (*rung)(void *ctx);
    void (*closed)(void *ctx);
    void *ctx;
};

static void release(mdl_bell *b) {
    close(b->end[0]);
    close(b->end[1]);
    free(b);
}

static void on_closed(uv_handle_t *handle) {
    mdl_bell *b = handle->data;
    void (*closed)(void *) = b->closed;
    void *ctx = b->ctx;
    release(b);
    if (closed)
        closed(ctx);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    mdl_bell *b = poll->data;
    char byte[8];
    (void)status;
    (void)events;
    (void)!read(b->end[0], byte, sizeof byte); /* one at most is there, or none */
    atomic_store(&b->pending, 0);              /* who rings from here on wakes us again */
    b->rung(b->ctx);
}

mdl_err mdl_bell_open(mdl_bell **out, uv_loop_t *loop, void (*rung)(void *ctx), void *ctx) {
    *out = NULL;
    mdl_bell *b = calloc(1, sizeof *b);
    if (!b)
        return MDL_ENOMEM;
    b->rung = rung;
    b->ctx = ctx;
    if (uv_pipe(b->end, UV_NONBLOCK_PIPE, UV_NONBLOCK_PIPE) != 0) {
        free(b);
        return MDL_EIO;
    }
    if (uv_poll_init(loop, &b->poll, b->end[0]) != 0) {
        release(b);
        return MDL_EIO;
    }
    b->poll.data = b;
    if (uv_poll_start(&b->poll, UV_READABLE, on_readable) != 0) {
        mdl_bell_close(b, NULL);
        return MDL_EIO;
    }
    *out = b;
    return MDL_OK;
}

void mdl_bell_ring(mdl_bell *b) {
    if (atomic_exchange(&b->pending, 1) == 0)
        (void)!write(b->end[1], "", 1); /* there is room: it is empty */
}

void mdl_bell_close(mdl_bell *b, void (*closed)(void *ctx)) {
    b->closed = closed;
    uv_close((uv_handle_t *)&b->poll, on_closed);
}
