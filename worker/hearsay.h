/* Checkpoints that others were shown, from where their operators put them: a file, a
 * directory of files, or an http:// address (a worker's directory behind a web server,
 * a witness, a mirror). Nothing is believed here: worker/logic.h compares them.
 *
 * Reading blocks, so it runs on the loop's thread pool. */
#ifndef MDL_WORKER_HEARSAY_H
#define MDL_WORKER_HEARSAY_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum { MDL_HEARSAY_SOURCES_MAX = 16, MDL_HEARSAY_NOTES_MAX = 64 };

typedef struct mdl_hearsay mdl_hearsay;

typedef struct mdl_hearsay_options {
    const char *const *source; /* kept by reference */
    uint32_t sources;          /* 1..MDL_HEARSAY_SOURCES_MAX */
    /* On the loop's thread: one note, at most 64 KB, gone after the call. */
    void (*heard)(void *ctx, const char *note, size_t size);
    /* A source that cannot be read, in a sentence; told once until it can. */
    void (*trouble)(void *ctx, const char *text);
    void *ctx;
} mdl_hearsay_options;

/* NULL when out of memory. */
mdl_hearsay *mdl_hearsay_open(uv_loop_t *loop, const mdl_hearsay_options *options);
/* Read all sources; heard() follows for what is there. Nothing while a reading is under way. */
void mdl_hearsay_look(mdl_hearsay *h);
/* No more calls follow. 1: closed. 0: a reading is under way that does not end yet; it keeps
 * its memory and the loop's thread, and the process must end. */
int mdl_hearsay_close(mdl_hearsay *h);

#endif
