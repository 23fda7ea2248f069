/* A bell for a libuv loop: any thread rings it, the loop answers. What uv_async_t is, without its wait: there the loop,
 * woken in the middle of uv_async_send(), spins until the sender is through, and where all cores are busy
 * the sender does not run meanwhile. */
#ifndef MDL_RUNTIME_BELL_H
#define MDL_RUNTIME_BELL_H

#include <uv.h>

#include "core/err.h"

typedef struct mdl_bell mdl_bell;

/* Keeps the loop alive. MDL_ENOMEM, or MDL_EIO: no descriptors; then *out is NULL. */
mdl_err mdl_bell_open(mdl_bell **out, uv_loop_t *loop, void (*rung)(void *ctx), void *ctx);
/* From any thread: rung(ctx) is called on the loop, at least once after the last ring. What the caller did
 * before is seen there. */
void mdl_bell_ring(mdl_bell *b);
/* On the loop, when no thread rings any more. rung() is not called again; closed(ctx) comes later on the
 * loop, NULL: nothing does. */
void mdl_bell_close(mdl_bell *b, void (*closed)(void *ctx));

#endif
