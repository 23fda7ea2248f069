#include "worker/compute.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/assert.h"
#include "core/life.h"
#include "runtime/bell.h"
#include "runtime/memory.h"
#include "runtime/pool.h"

typedef struct worker_thread {
    mdl_compute *owner;
    uv_thread_t id;
    float *genome; /* of as many jobs as are done at once */
    mdl_life *life;
} worker_thread;

typedef struct shard_order {
    uint32_t slot;
    mdl_shard_work *work;
    uint64_t took_ns;
} shard_order;

/* As many as slots, so it is never full. */
typedef struct shard_queue {
    shard_order at[MDL_COMPUTE_SHARDS];
    uint32_t first, count;
} shard_queue;

struct mdl_compute {
    mdl_compute_options o;
    mdl_bell *ended;
    uv_mutex_t lock; /* guards all below but `thread` */
    uv_cond_t work, rest;
    const mdl_model *model;
    uint32_t first, count, next, running; /* next: jobs begun; running: of them not ended */
    uint32_t together;                    /* jobs that a thread does at once, at most     */
    int busy, cancelled, quit;
    uint32_t left; /* threads that have ended */
    uint64_t busy_ns, updates;
    uint64_t serial; /* that memory was taken for */
    uint32_t threads;
    worker_thread *thread;
    shard_queue shards, sharded; /* to do, done */
    mdl_job_result result[MDL_UNIT_JOBS_MAX];
};

static void run_jobs(worker_thread *t, const mdl_model *model, uint32_t first, uint32_t count, mdl_job_result *out) {
    uint32_t index[MDL_TOGETHER_MAX];
    for (uint32_t i = 0; i < count; i++)
        index[i] = first + i;
    mdl_unit_jobs(t->life, model->evolution, index, count, t->genome, out);
}

/* With the lock held: stay away from work for as long as the duty cycle asks. */
static void rest(mdl_compute *c, uint64_t worked_ns) {
    uint64_t until = uv_hrtime() + worked_ns * (100 - c->o.throttle) / c->o.throttle, now;
    while (!c->quit && (now = uv_hrtime()) < until)
        uv_cond_timedwait(&c->rest, &c->lock, until - now);
}

static void put(shard_queue *q, const shard_order *order) {
    MDL_ASSERT(q->count < MDL_COMPUTE_SHARDS);
    q->at[(q->first + q->count++) % MDL_COMPUTE_SHARDS] = *order;
}

static shard_order take(shard_queue *q) {
    MDL_ASSERT(q->count > 0);
    shard_order order = q->at[q->first];
    q->first = (q->first + 1) % MDL_COMPUTE_SHARDS;
    q->count--;
    return order;
}

/* With the lock held, which it lets go meanwhile. */
static uint64_t run_shard(mdl_compute *c) {
    shard_order order = take(&c->shards);
    uv_mutex_unlock(&c->lock);
    uint64_t began = uv_hrtime(), before = order.work->updates;
    mdl_shard_work_run(order.work);
    order.took_ns = uv_hrtime() - began;
    uv_mutex_lock(&c->lock);
    c->updates += order.work->updates - before;
    put(&c->sharded, &order);
    uv_mutex_unlock(&c->lock);
    mdl_bell_ring(c->ended); /* without the lock, which the loop would wait for */
    uv_mutex_lock(&c->lock);
    return order.took_ns;
}

static int has_job(const mdl_compute *c) { return c->busy && !c->cancelled && c->next < c->count; }

static void run_thread(void *arg) {
    worker_thread *t = arg;
    mdl_compute *c = t->owner;
    if (c->o.nice > 0) /* on Linux niceness belongs to the thread; a refusal costs nothing */
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + c->o.nice);
    uv_mutex_lock(&c->lock);
    for (;;) {
        while (!c->quit && !has_job(c) && c->shards.count == 0)
            uv_cond_wait(&c->work, &c->lock);
        if (c->quit)
            break;
        if (c->shards.count > 0) {
            uint64_t took = run_shard(c);
            if (c->o.throttle < 100)
                rest(c, took);
            continue;
        }
        uint32_t i = c->next, count = mdl_pool_share(c->together, c->count - i, c->o.threads);
        const mdl_model *model = c->model;
        c->next += count;
        c->running += count;
        uv_mutex_unlock(&c->lock);
        uint64_t began = uv_hrtime();
        run_jobs(t, model, c->first + i, count, &c->result[i]);
        uint64_t took = uv_hrtime() - began;
        uv_mutex_lock(&c->lock);
        c->running -= count;
        c->busy_ns += took;
        for (uint32_t k = i; k < i + count; k++)
            c->updates += c->result[k].updates;
        if (c->running == 0 && (c->cancelled || c->next == c->count))
            mdl_bell_ring(c->ended);
        if (c->o.throttle < 100)
            rest(c, took);
    }
    c->left++;
    uv_cond_broadcast(&c->rest);
    uv_mutex_unlock(&c->lock);
}

static void on_ended(void *ctx) {
    mdl_compute *c = ctx;
    uv_mutex_lock(&c->lock);
    while (c->sharded.count > 0 && !c->quit) {
        shard_order order = take(&c->sharded);
        uv_mutex_unlock(&c->lock);
        c->o.sharded(c->o.ctx, order.slot, order.took_ns); /* may give orders, and end it all */
        uv_mutex_lock(&c->lock);
    }
    int over = c->busy && c->running == 0 && (c->cancelled || c->next == c->count);
    int whole = c->next == c->count;
    uint64_t busy_ms = c->busy_ns / 1000000;
    if (over)
        c->busy = 0;
    uv_mutex_unlock(&c->lock);
    if (over)
        c->o.done(c->o.ctx, whole ? c->result : NULL, busy_ms);
}

static void on_bell_closed(void *ctx) {
    mdl_compute *c = ctx;
    uv_cond_destroy(&c->work);
    uv_cond_destroy(&c->rest);
    uv_mutex_destroy(&c->lock);
    free(c);
}

/* The rest goes later: the call that ends it all may be one of ours. */
static void release(mdl_compute *c) {
    for (uint32_t i = 0; i < c->o.threads; i++) {
        free(c->thread[i].life);
        free(c->thread[i].genome);
    }
    free(c->thread);
    mdl_bell_close(c->ended, on_bell_closed);
}

mdl_err mdl_compute_open(mdl_compute **out, uv_loop_t *loop, const mdl_compute_options *options) {
    MDL_ASSERT(options->threads >= 1 && options->throttle >= 1 && options->throttle <= 100);
    *out = NULL;
    mdl_compute *c = calloc(1, sizeof *c);
    worker_thread *thread = calloc(options->threads, sizeof *thread);
    if (!c || !thread) {
        free(c);
        free(thread);
        return MDL_ENOMEM;
    }
    c->o = *options;
    c->thread = thread;
    int bad = uv_mutex_init(&c->lock) != 0 || uv_cond_init(&c->work) != 0 || uv_cond_init(&c->rest) != 0 ||
              mdl_bell_open(&c->ended, loop, on_ended, c) != MDL_OK;
    if (bad) { /* out of memory or descriptors at the start: the process ends */
        free(thread);
        free(c);
        return MDL_EIO;
    }
    for (uint32_t i = 0; i < options->threads; i++) {
        thread[i].owner = c;
        if (uv_thread_create(&thread[i].id, run_thread, &thread[i]) != 0) {
            mdl_compute_close(c, UINT32_MAX);
            return MDL_EIO;
        }
        c->threads++;
    }
    *out = c;
    return MDL_OK;
}

static mdl_err take_memory(mdl_compute *c, const mdl_model *model) {
    c->serial = 0;
    for (uint32_t i = 0; i < c->o.threads; i++) {
        free(c->thread[i].life);
        free(c->thread[i].genome);
        c->thread[i].life = NULL;
        c->thread[i].genome = NULL;
    }
    for (uint32_t i = 0; i < c->o.threads; i++) {
        worker_thread *t = &c->thread[i];
        t->life = mdl_life_new(&model->experiment, c->thread[0].life);
        if (!t->life)
            return MDL_ENOMEM;
        if (i == 0)
            c->together = mdl_unit_together(t->life);
        t->genome = malloc((size_t)c->together * model->layout.genes * sizeof *t->genome);
        if (!t->genome)
            return MDL_ENOMEM;
    }
    c->serial = model->serial;
    return MDL_OK;
}

mdl_err mdl_compute_begin(mdl_compute *c, const mdl_model *model, uint32_t first, uint32_t count) {
    MDL_ASSERT(count >= 1 && count <= MDL_UNIT_JOBS_MAX && model->serial != 0);
    uv_mutex_lock(&c->lock);
    MDL_ASSERT(!c->busy); /* so no thread touches its memory */
    mdl_err err = c->serial == model->serial ? MDL_OK : take_memory(c, model);
    if (err == MDL_OK) {
        c->model = model;
        c->first = first;
        c->count = count;
        c->next = c->running = 0;
        c->busy_ns = 0;
        c->cancelled = 0;
        c->busy = 1;
        uv_cond_broadcast(&c->work);
    }
    uv_mutex_unlock(&c->lock);
    return err;
}

void mdl_compute_shard(mdl_compute *c, uint32_t slot, mdl_shard_work *work) {
    const shard_order order = {slot, work, 0};
    uv_mutex_lock(&c->lock);
    put(&c->shards, &order);
    uv_cond_signal(&c->work);
    uv_mutex_unlock(&c->lock);
}

void mdl_compute_cancel(mdl_compute *c) {
    uv_mutex_lock(&c->lock);
    c->cancelled = 1;
    uv_mutex_unlock(&c->lock);
    mdl_bell_ring(c->ended); /* none may be running just now */
}

uint64_t mdl_compute_updates(mdl_compute *c) {
    uv_mutex_lock(&c->lock);
    uint64_t updates = c->updates;
    uv_mutex_unlock(&c->lock);
    return updates;
}

int mdl_compute_close(mdl_compute *c, uint32_t patience_ms) {
    if (!c)
        return 1;
    uint64_t until = uv_hrtime() + (uint64_t)patience_ms * 1000000, now;
    uv_mutex_lock(&c->lock);
    c->quit = 1;
    uv_cond_broadcast(&c->work);
    uv_cond_broadcast(&c->rest);
    while (c->left < c->threads && (now = uv_hrtime()) < until)
        uv_cond_timedwait(&c->rest, &c->lock, until - now);
    int all = c->left == c->threads;
    uv_mutex_unlock(&c->lock);
    if (!all)
        return 0;
    for (uint32_t i = 0; i < c->threads; i++)
        uv_thread_join(&c->thread[i].id);
    release(c);
    return 1;
}
