#include "runtime/pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

static const uint64_t watch_every_ns = 100000000;

typedef struct worker {
    mdl_pool *pool;
    uint32_t number;
    uv_thread_t thread;
} worker;

struct mdl_pool {
    uv_mutex_t mutex;
    uv_cond_t work, idle;
    uint32_t threads; /* that were started */
    /* Under the mutex. */
    uint64_t run; /* number of the current run: a change wakes the workers */
    uint32_t active;
    int closing;
    /* Of the current run: set before it starts. */
    uint32_t count;
    mdl_pool_job job;
    void *shared;
    atomic_uint next, done;
    atomic_int stop;
    worker workers[];
};

static void work_off(mdl_pool *p, uint32_t thread) {
    while (!atomic_load_explicit(&p->stop, memory_order_relaxed)) {
        uint32_t i = atomic_fetch_add_explicit(&p->next, 1, memory_order_relaxed);
        if (i >= p->count)
            return;
        p->job(p->shared, thread, i);
        atomic_fetch_add_explicit(&p->done, 1, memory_order_relaxed);
    }
}

static void worker_main(void *arg) {
    worker *w = arg;
    mdl_pool *p = w->pool;
    uint64_t seen = 0;
    uv_mutex_lock(&p->mutex);
    for (;;) {
        while (p->run == seen && !p->closing)
            uv_cond_wait(&p->work, &p->mutex);
        if (p->closing)
            break;
        seen = p->run;
        uv_mutex_unlock(&p->mutex);
        work_off(p, w->number);
        uv_mutex_lock(&p->mutex);
        if (--p->active == 0)
            uv_cond_signal(&p->idle);
    }
    uv_mutex_unlock(&p->mutex);
}

uint32_t mdl_cpu_count(void) {
    unsigned n = uv_available_parallelism();
    return n < 1 ? 1 : n > MDL_THREADS_MAX ? MDL_THREADS_MAX : n;
}

mdl_err mdl_pool_open(mdl_pool **pool, uint32_t threads) {
    *pool = NULL;
    if (threads < 1 || threads > MDL_THREADS_MAX)
        return MDL_ERANGE;
    mdl_pool *p = calloc(1, sizeof *p + threads * sizeof p->workers[0]);
    if (!p)
        return MDL_ENOMEM;
    if (uv_mutex_init(&p->mutex) != 0) {
        free(p);
        return MDL_EIO;
    }
    if (uv_cond_init(&p->work) != 0) {
        uv_mutex_destroy(&p->mutex);
        free(p);
        return MDL_EIO;
    }
    if (uv_cond_init(&p->idle) != 0) {
        uv_cond_destroy(&p->work);
        uv_mutex_destroy(&p->mutex);
        free(p);
        return MDL_EIO;
    }
    for (; p->threads < threads; p->threads++) {
        worker *w = &p->workers[p->threads];
        w->pool = p;
        w->number = p->threads;
        if (uv_thread_create(&w->thread, worker_main, w) != 0) {
            mdl_pool_close(p);
            return MDL_EIO;
        }
    }
    *pool = p;
    return MDL_OK;
}

void mdl_pool_close(mdl_pool *p) {
    if (!p)
        return;
    uv_mutex_lock(&p->mutex);
    p->closing = 1;
    uv_cond_broadcast(&p->work);
    uv_mutex_unlock(&p->mutex);
    for (uint32_t i = 0; i < p->threads; i++)
        uv_thread_join(&p->workers[i].thread);
    uv_cond_destroy(&p->idle);
    uv_cond_destroy(&p->work);
    uv_mutex_destroy(&p->mutex);
    free(p);
}

uint32_t mdl_pool_threads(const mdl_pool *p) { return p->threads; }

int mdl_pool_run(mdl_pool *p, uint32_t count, mdl_pool_job job, void *shared, mdl_pool_watch watch, void *watcher) {
    uv_mutex_lock(&p->mutex);
    p->count = count;
    p->job = job;
    p->shared = shared;
    atomic_store(&p->next, 0);
    atomic_store(&p->done, 0);
    atomic_store(&p->stop, 0);
    p->active = p->threads;
    p->run++;
    uv_cond_broadcast(&p->work);
    while (p->active > 0) {
        int late = uv_cond_timedwait(&p->idle, &p->mutex, watch_every_ns) != 0;
        if (!late || !watch || p->active == 0)
            continue;
        /* Not under the mutex: the watcher may take its time to write. */
        uv_mutex_unlock(&p->mutex);
        if (watch(watcher, atomic_load(&p->done)))
            atomic_store(&p->stop, 1);
        uv_mutex_lock(&p->mutex);
    }
    uv_mutex_unlock(&p->mutex);
    return atomic_load(&p->done) == count;
}

uint32_t mdl_pool_share(uint32_t most, uint32_t left, uint32_t threads) {
    uint32_t fair = left / (2 * threads) + 1;
    return fair < most ? fair : most;
}

uint32_t mdl_pool_cut(uint32_t *start, uint32_t count, uint32_t alone, uint32_t most, uint32_t threads) {
    uint32_t pieces = 0, at = 0;
    for (; at < count; pieces++) {
        start[pieces] = at;
        at += at < alone ? 1 : mdl_pool_share(most, count - at, threads);
    }
    start[pieces] = count;
    return pieces;
}
