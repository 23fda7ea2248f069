/* Child processes of this program on a libuv loop: started, watched, told to
 * stop. Everything is called on the loop's thread. */
#ifndef MDL_RUNTIME_CHILDREN_H
#define MDL_RUNTIME_CHILDREN_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/err.h"

enum { MDL_CHILD_LINE_MAX = 4096, MDL_CHILD_ARGUMENTS_MAX = 32 };

typedef struct mdl_child mdl_child;

typedef struct mdl_child_options {
    const char *const *arguments; /* of modulon, ended by NULL; kept by reference until it runs */
    const char *log;              /* file that gets its stdout and stderr; NULL: see below      */
    /* Without a log its stderr is ours; with `line` too, its stdout comes here line by line
     * (cut at MDL_CHILD_LINE_MAX), else stdout is ours. */
    void (*line)(void *ctx, const char *text);
    /* It has ended. `status`: exit status, or -1 when a signal killed it. The child
     * is freed after this returns; another one may be started here. */
    void (*ended)(void *ctx, int status);
    void *ctx;
} mdl_child_options;

/* Start this very program with these arguments. MDL_EIO with a sentence; then
 * *out is NULL and ended() does not come. */
mdl_err mdl_child_start(uv_loop_t *loop, const mdl_child_options *options, mdl_child **out, char *error,
                        size_t error_size);
/* Send a signal; harmless when it has just ended. */
void mdl_child_signal(mdl_child *c, int number);

#endif
