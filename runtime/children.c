#include "runtime/children.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct mdl_child {
    mdl_child_options options;
    uv_process_t process;
    uv_pipe_t pipe;
    int open; /* handles not yet closed */
    int status;
    size_t used;
    char line[MDL_CHILD_LINE_MAX + 1];
    char chunk[4096];
};

static void on_closed(uv_handle_t *handle) {
    mdl_child *c = handle->data;
    if (--c->open > 0)
        return;
    if (c->options.ended)
        c->options.ended(c->options.ctx, c->status);
    free(c);
}

/* `signal` is what killed it, 0 when nothing did. */
static void on_exit_of_child(uv_process_t *process, int64_t status, int signal) {
    mdl_child *c = process->data;
    c->status = signal ? -1 : (int)status;
    uv_close((uv_handle_t *)process, on_closed);
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    mdl_child *c = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void take(mdl_child *c, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\n') {
            if (c->used < MDL_CHILD_LINE_MAX)
                c->line[c->used++] = text[i];
            continue;
        }
        c->line[c->used] = '\0';
        c->used = 0;
        c->options.line(c->options.ctx, c->line);
    }
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer) {
    mdl_child *c = stream->data;
    if (size > 0)
        take(c, buffer->base, (size_t)size);
    else if (size < 0)
        uv_close((uv_handle_t *)stream, on_closed);
}

static mdl_err fail(char *error, size_t error_size, const char *what, int code) {
    snprintf(error, error_size, "cannot start a process: %s: %s", what, uv_strerror(code));
    return MDL_EIO;
}

mdl_err mdl_child_start(uv_loop_t *loop, const mdl_child_options *options, mdl_child **out, char *error,
                        size_t error_size) {
    char program[4096];
    char *argv[MDL_CHILD_ARGUMENTS_MAX + 2];
    size_t size = sizeof program, n = 1;
    *out = NULL;
    int code = uv_exepath(program, &size);
    if (code != 0)
        return fail(error, error_size, "the program's own path", code);
    argv[0] = program;
    for (const char *const *a = options->arguments; *a && n <= MDL_CHILD_ARGUMENTS_MAX; a++)
        argv[n++] = (char *)*a;
    argv[n] = NULL;
    mdl_child *c = calloc(1, sizeof *c);
    if (!c)
        return fail(error, error_size, program, UV_ENOMEM);
    c->options = *options;
    int log = -1;
    if (options->log) {
        log = open(options->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (log < 0) {
            free(c);
            return fail(error, error_size, options->log, UV_EIO);
        }
    }
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE}, {.flags = UV_INHERIT_FD}, {.flags = UV_INHERIT_FD}};
    stdio[1].data.fd = log >= 0 ? log : STDOUT_FILENO;
    stdio[2].data.fd = log >= 0 ? log : STDERR_FILENO;
    int piped = log < 0 && options->line;
    c->process.data = c;
    c->open = 1;
    if (piped) {
        uv_pipe_init(loop, &c->pipe, 0);
        c->pipe.data = c;
        c->open = 2;
        stdio[1].flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE;
        stdio[1].data.stream = (uv_stream_t *)&c->pipe;
    }
    uv_process_options_t o = {.exit_cb = on_exit_of_child, .file = program, .args = argv};
    o.stdio = stdio;
    o.stdio_count = 3;
    code = uv_spawn(loop, &c->process, &o);
    if (log >= 0)
        close(log);
    if (code != 0) { /* libuv wants the handles closed all the same */
        c->options.ended = NULL;
        uv_close((uv_handle_t *)&c->process, on_closed);
        if (piped)
            uv_close((uv_handle_t *)&c->pipe, on_closed);
        return fail(error, error_size, program, code);
    }
    if (piped)
        uv_read_start((uv_stream_t *)&c->pipe, on_allocate, on_read);
    *out = c;
    return MDL_OK;
}

void mdl_child_signal(mdl_child *c, int number) { uv_process_kill(&c->process, number); }
