#include "runtime/loop.h"

#include <signal.h>

void mdl_ignore_sigpipe(void) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL); /* cannot fail with these arguments */
}

static void caught(uv_signal_t *handle, int number) {
    mdl_stopper *s = handle->data;
    s->stop(s->ctx, number, ++s->times);
}

mdl_err mdl_stopper_open(mdl_stopper *s, uv_loop_t *loop, void (*stop)(void *ctx, int signal, unsigned times),
                         void *ctx) {
    mdl_ignore_sigpipe();
    s->stop = stop;
    s->ctx = ctx;
    s->times = 0;
    if (uv_signal_init(loop, &s->interrupt) != 0) {
        return MDL_EIO;
    }
    if (uv_signal_init(loop, &s->terminate) != 0) {
        uv_close((uv_handle_t *)&s->interrupt, NULL);
        return MDL_EIO;
    }
    s->interrupt.data = s->terminate.data = s;
    if (uv_signal_start(&s->interrupt, caught, SIGINT) != 0 || uv_signal_start(&s->terminate, caught, SIGTERM) != 0) {
        mdl_stopper_close(s);
        return MDL_EIO;
    }
    uv_unref((uv_handle_t *)&s->interrupt);
    uv_unref((uv_handle_t *)&s->terminate);
    return MDL_OK;
}

void mdl_stopper_close(mdl_stopper *s) {
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->terminate, NULL);
}

int mdl_loop_finish(uv_loop_t *loop) {
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) == 0;
}
