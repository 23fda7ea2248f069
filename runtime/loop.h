/* What every program with a libuv loop needs: a clean stop on SIGINT and SIGTERM. */
#ifndef MDL_RUNTIME_LOOP_H
#define MDL_RUNTIME_LOOP_H

#include <uv.h>

#include "core/err.h"

/* A peer or reader that left is from here on an error of write(), not the end of the
 * process. Whatever writes to sockets over libuv calls it; again is harmless. */
void mdl_ignore_sigpipe(void);

typedef struct mdl_stopper {
    uv_signal_t interrupt, terminate;
    void (*stop)(void *ctx, int signal, unsigned times);
    void *ctx;
    unsigned times;
} mdl_stopper;

/* Call `stop` on the loop for each SIGINT or SIGTERM; `times` counts from 1, so
 * that a second one can mean "at once". Does not keep the loop alive. SIGPIPE is
 * ignored. `s` must stay where it is until mdl_stopper_close() and the loop's
 * next turns are over.
 * MDL_OK, or MDL_EIO with nothing to close but by running the loop. */
mdl_err mdl_stopper_open(mdl_stopper *s, uv_loop_t *loop, void (*stop)(void *ctx, int signal, unsigned times),
                         void *ctx);
void mdl_stopper_close(mdl_stopper *s);

/* Close a loop at a program's end: runs it until its last handle is closed. Returns
 * 1, or 0 when handles were left open (a bug of ours). */
int mdl_loop_finish(uv_loop_t *loop);

#endif
