/* A pool of threads that run numbered jobs. Results go where the job puts them,
 * by index, so the number of threads can never change them. */
#ifndef MDL_RUNTIME_POOL_H
#define MDL_RUNTIME_POOL_H

#include <stdint.h>

#include "core/err.h"

enum { MDL_THREADS_MAX = 1024 };

typedef struct mdl_pool mdl_pool;

/* Job `index`, on thread `thread` (0..threads-1: one job at a time each, so
 * memory by thread needs no lock). */
typedef void (*mdl_pool_job)(void *shared, uint32_t thread, uint32_t index);

/* Called on the caller's thread a few times a second while jobs run. Nonzero:
 * start no further job. */
typedef int (*mdl_pool_watch)(void *watcher, uint32_t done);

/* CPUs that this process may use, at least 1. */
uint32_t mdl_cpu_count(void);

/* 1..MDL_THREADS_MAX threads. On failure *pool is NULL: MDL_ENOMEM, MDL_EIO (the
 * system gives no thread). */
mdl_err mdl_pool_open(mdl_pool **pool, uint32_t threads);
void mdl_pool_close(mdl_pool *pool); /* NULL is harmless */
uint32_t mdl_pool_threads(const mdl_pool *pool);

/* Run jobs 0..count-1, each once, begun in order; returns when all are done and 1,
 * or 0 when `watch` (may be NULL) stopped it and some were left out. From one
 * thread at a time. */
int mdl_pool_run(mdl_pool *pool, uint32_t count, mdl_pool_job job, void *shared, mdl_pool_watch watch, void *watcher);

/* Where jobs are best done several at once (core/life.h), `most` at most: how many of
 * `left` (1 or more) the next free thread takes, so that `threads` of them end level. */
uint32_t mdl_pool_share(uint32_t most, uint32_t left, uint32_t threads);
/* Jobs 0..count-1 cut so, the first `alone` of them into pieces of one: piece i is
 * start[i]..start[i + 1] - 1. `start` has room for count + 1. Returns the pieces. */
uint32_t mdl_pool_cut(uint32_t *start, uint32_t count, uint32_t alone, uint32_t most, uint32_t threads);

#endif
